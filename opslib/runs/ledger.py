"""This module owns the ledger: what earlier runs foretold, to be scored with facts."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.runs import manifest

if TYPE_CHECKING:
    import pandas as pd


def kept(company: str, name: str = "") -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return each prediction of finished runs beside the manifest of its run.

    Args:
        company: Whose runs.
        name: What was foretold, or empty for all.

    Returns:
        Pairs of manifest and prediction; where runs of one day foretold the same,
        the latest run counts.
    """
    found: dict[tuple, tuple[dict[str, Any], dict[str, Any]]] = {}
    for path in sorted(places.reports(company).glob(f"*/*/*/{manifest.FILE}")):
        told = manifest.read(path.parent)
        if not told or told["exit"] != "ok" or not told.get("finding"):
            continue
        for p in told["finding"]["predictions"]:
            key = (p["name"], told["day"], p["due"], *sorted(p["target"].items()))
            if name in ("", p["name"]) and (
                key not in found
                or manifest.order(told) >= manifest.order(found[key][0])
            ):
                found[key] = (told, p)
    return list(found.values())


def frame(company: str, name: str, *, before: dt.date) -> pd.DataFrame:
    """Return the predictions of a name that earlier runs made.

    Args:
        company: Whose runs.
        name: What was foretold, such as `weekly_units`.
        before: Runs whose own day is not before this one are left out.

    Returns:
        One row for each prediction: run_day, due, unit, columns of the target, and
        `q0.5` and the like for the quantiles. The latest run of a day counts.
    """
    import pandas as pd

    rows = [
        _row(told["day"], p)
        for told, p in kept(company, name)
        if dt.date.fromisoformat(told["day"]) < before
    ]
    found = (
        pd.DataFrame(rows) if rows else pd.DataFrame(columns=["run_day", "due", "unit"])
    )
    return found.assign(
        run_day=pd.to_datetime(found["run_day"]), due=pd.to_datetime(found["due"])
    )


def _row(day: str, told: dict) -> dict[str, object]:
    quantiles = {f"q{k}": v for k, v in told["quantiles"].items()}
    return {
        "run_day": day,
        "due": told["due"],
        "unit": told["unit"],
        **told["target"],
        **quantiles,
    }
