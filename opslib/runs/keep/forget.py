"""This module owns forgetting a person in what runs left: pages go, the score stays.

Of each good run the manifest stays, cut to what says when it ran, on which data, and
what it foretold; these words are about sums and name nobody. Pages, notebooks, findings
and parameters go. In decisions, alerts and the log the number is blotted out.
"""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.runs import manifest
from opslib.runs.keep import log

if TYPE_CHECKING:
    from pathlib import Path

BLOT = "…"
_STAYS = (
    "name", "room", "company", "key", "day", "seed", "turn", "replay", "started", "ended",
    "seconds", "versions", "data", "exit",
)  # fmt: skip
_PLAIN = (
    "when", "due", "until", "key", "action", "notebook", "room", "unit", "choice", "company",
    "ref", "run", "level", "exit", "channel", "kind",
)  # fmt: skip


def strip(company: str, customer: str) -> int:
    """Remove what a company's runs left but their score; return the runs kept so.

    Args:
        company: Whose.
        customer: The number to blot out of the records.
    """
    kept, home = 0, places.reports(company)
    for path in sorted(home.glob(f"*/*/*/{manifest.FILE}")):
        told = manifest.read(path.parent)
        score = _score(told, customer) if told else None
        shutil.rmtree(path.parent)
        if score:
            path.parent.mkdir()
            manifest.write(path.parent, score)
            kept += 1
    for path in sorted(home.rglob("*"), reverse=True):
        if path.is_file() and path.name != manifest.FILE:
            path.unlink()
    records = places.data() / "records" / places.company_name(company)
    for path in (
        p for f in (records, records.parent, log.home()) for p in f.glob("*.jsonl")
    ):
        _blot(path, customer)
    return kept


def _score(told: dict[str, Any], customer: str) -> dict[str, Any] | None:
    if told["exit"] != "ok" or not told.get("finding"):
        return None
    names = [
        p
        for p in told["finding"]["predictions"]
        if "customer" not in p["target"] and customer not in p["target"].values()
    ]
    given = {
        k: v
        for k, v in told.get("parameters", {}).items()
        if not isinstance(v, str | list) and str(v) != customer
    }
    whole = {k: told[k] for k in _STAYS if k in told}
    finding = {"room": told["room"], "predictions": names, "actions": []}
    return {**whole, "parameters": given, "finding": finding, "pruned": True}


def _blot(path: Path, customer: str) -> None:
    """Blot the number out of a file's texts, where it stands as a word of its own."""
    word = re.compile(rf"(?<!\w){re.escape(customer)}(?!\w)")

    def clean(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {k: v if k in _PLAIN else clean(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [clean(v, name) for v in value]
        return word.sub(BLOT, value) if isinstance(value, str) else value

    lines = []
    for line in path.read_text("utf-8", errors="replace").split("\n"):
        try:
            lines.append(json.dumps(clean(json.loads(line)), ensure_ascii=False))
        except json.JSONDecodeError:
            lines.append(word.sub(BLOT, line))
    places.put(path, "\n".join(lines))
