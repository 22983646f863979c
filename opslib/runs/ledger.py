"""This module owns the ledger: what earlier runs foretold, to be scored with facts."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from opslib import places
from opslib.runs import manifest

if TYPE_CHECKING:
    import pandas as pd


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

    rows = {}
    for path in sorted(places.reports(company).glob(f"*/*/*/{manifest.FILE}")):
        told = manifest.read(path.parent)
        if not told or told["exit"] != "ok" or not told.get("finding"):
            continue
        if dt.date.fromisoformat(told["day"]) >= before:
            continue
        for p in told["finding"]["predictions"]:
            if p["name"] == name:
                key = (told["day"], p["due"], tuple(sorted(p["target"].items())))
                rows[key] = (told["started"], _row(told["day"], p), rows.get(key))
    kept = [row for _, row, _ in rows.values()]
    columns = ["run_day", "due", "unit"]
    found = pd.DataFrame(kept) if kept else pd.DataFrame(columns=columns)
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
