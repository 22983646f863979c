"""This module owns marks: predictions that are due, held against what came.

A prediction is marked by whether its range held the fact, by how far its middle was
off, by its quantile loss, and beside the naive guess that the last like span comes
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opslib.runs import ledger
from opslib.runs.score import facts
from opslib.warehouse import open_store

if TYPE_CHECKING:
    import pandas as pd

LEAST_DUE_DAYS = 6
COLUMNS = [
    "name",
    "room",
    "notebook",
    "key",
    "run_day",
    "due",
    "target",
    "unit",
    "low",
    "mid",
    "high",
    "promised",
    "actual",
    "naive",
    "held",
    "miss",
    "naive_miss",
    "loss",
    "replay",
]


def score(company: str) -> pd.DataFrame:
    """Return one row for each prediction whose fact is known.

    Returns:
        name, room, notebook, key, run_day, due, target (text), unit, low, mid and
        high (in `unit`), promised (share that such ranges should hold), actual and
        naive (in `unit`), held, miss and naive_miss (absolute, in `unit`), loss
        (mean quantile loss), replay (made afterwards, with only what was known then).
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    found = ledger.kept(company)
    with open_store(company) as store:
        last = pd.Timestamp(store.last_complete_day())
        for name, rule in facts.rules().items():
            due = [
                (m, p)
                for m, p in found
                if p["name"] == name and pd.Timestamp(p["due"]) <= last
            ]
            if due:
                held = facts.Facts(rule, store.read(rule.reads))
                rows += [r for m, p in due if (r := _mark(held, m, p))]
    return pd.DataFrame(rows, columns=COLUMNS)


def summary(marked: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each kind of prediction.

    Args:
        marked: What `score` returned.

    Returns:
        name, room, notebook, scored, due_days, held and promised (shares), bias (share of what
        came, positive where we said too much), nearer (share by which our misses are
        smaller than the naive ones), verdict (`early`, `good`, `narrow` or `naive`).
    """
    import pandas as pd

    rows = []
    for name, group in marked.groupby("name", sort=False):
        by_day = group.groupby("due")["held"].mean()
        both = group[group["naive_miss"].notna()]
        naive = both["naive_miss"].sum()
        total = group["actual"].abs().sum()
        row = {
            "name": name,
            "room": group["room"].iloc[0],
            "notebook": group["notebook"].iloc[-1],
            "scored": len(group),
            "due_days": len(by_day),
            "held": group["held"].mean(),
            "promised": group["promised"].mean(),
            "bias": (group["mid"] - group["actual"]).sum() / total
            if total
            else float("nan"),
            "nearer": 1 - both["miss"].sum() / naive if naive else float("nan"),
        }
        rows.append({**row, "verdict": _verdict(row, by_day)})
    columns = [
        "name",
        "room",
        "notebook",
        "scored",
        "due_days",
        "held",
        "promised",
        "bias",
        "nearer",
        "verdict",
    ]
    return pd.DataFrame(rows, columns=columns)


def _mark(
    held: facts.Facts, told: dict[str, Any], p: dict[str, Any]
) -> dict[str, Any] | None:
    import pandas as pd

    levels = sorted(
        (float(k), float(v)) for k, v in p["quantiles"].items() if v is not None
    )
    run_day, due = pd.Timestamp(told["day"]), pd.Timestamp(p["due"])
    if len(levels) < 2 or due <= run_day:
        return None
    actual, naive = held.pair(p["target"], run_day, due)
    if actual != actual:
        return None
    low, high = levels[0][1], levels[-1][1]
    mid = min(levels, key=lambda level: abs(level[0] - 0.5))[1]
    loss = [2 * max(q * (actual - v), (q - 1) * (actual - v)) for q, v in levels]
    return {
        "name": p["name"],
        "room": told["room"],
        "notebook": told["name"],
        "key": told["key"],
        "run_day": run_day,
        "due": due,
        "target": " ".join(p["target"].values()),
        "unit": p["unit"],
        "low": low,
        "mid": mid,
        "high": high,
        "promised": levels[-1][0] - levels[0][0],
        "actual": actual,
        "naive": naive,
        "held": low <= actual <= high,
        "miss": abs(actual - mid),
        "naive_miss": abs(actual - naive),
        "loss": sum(loss) / len(loss),
        "replay": bool(told.get("replay")),
    }


def _verdict(row: dict[str, Any], by_day: pd.Series) -> str:
    """Judge by due days, as predictions that fall due together err together."""
    if row["due_days"] < LEAST_DUE_DAYS:
        return "early"
    error = float(by_day.std() / len(by_day) ** 0.5)
    if float(by_day.mean()) + 2 * error < row["promised"]:
        return "narrow"
    return "naive" if row["nearer"] <= 0 else "good"
