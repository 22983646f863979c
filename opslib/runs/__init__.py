"""This package owns running: parameters, keys, manifests, the runner, the ledger."""

from __future__ import annotations

from typing import Any

__all__ = ["run"]


def run(*given: Any, **named: Any) -> Any:
    """Run notebooks for a company; see `opslib.runs.runner.run`."""
    from opslib.runs import runner

    return runner.run(*given, **named)
