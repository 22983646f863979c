"""This module owns marks: predictions that are due, held against what came.

A prediction is marked by whether its range held the fact, by how far its middle was
off, by its quantile loss, and beside the naive guess that the last like span comes
again. A chance is marked by its Brier score: the square by which it missed what
happened (1) or did not (0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opslib.runs import ledger
from opslib.runs.score import facts
from opslib.warehouse import open_store

if TYPE_CHECKING:
    import pandas as pd

LEAST_DUE_DAYS = 6
CHANCE = "chance"
TOLD = [
    "name",
    "room",
    "notebook",
    "unit",
    "scored",
    "due_days",
    "held",
    "promised",
    "bias",
    "nearer",
    "miss",
    "loss",
    "saved",
    "verdict",
]
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
    "money",
    "naive_money",
]


def score(company: str) -> pd.DataFrame:
    """Return one row for each prediction whose fact is known.

    Returns:
        name, room, notebook, key, run_day, due, target (text), unit, low, mid and
        high (in `unit`), promised (share that such ranges should hold), actual and
        naive (in `unit`), held, miss and naive_miss (absolute, in `unit`), loss
        (mean quantile loss; of a chance its Brier score), replay (made afterwards, with
        only what was known then), money and naive_money (what the misses were worth).
        Of a chance, held and actual say whether it happened and promised is the chance.
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
            if due and not rule.why_not:
                held = facts.Facts(rule, store.read(rule.reads))
                rows += [r for m, p in due if (r := _mark(held, m, p))]
    return pd.DataFrame(rows, columns=COLUMNS)


def summary(marked: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each kind of prediction.

    Args:
        marked: What `score` returned.

    Returns:
        name, room, notebook, unit, scored, due_days, held and promised (shares), bias
        (share of what came, positive where we said too much), nearer (share by which our
        misses, of chances their squares, are smaller than the naive ones), miss and loss
        (means), saved (money by which our misses were worth less than the naive ones, a
        mean), verdict (`early`, `good`, `narrow` or `naive`).
    """
    import pandas as pd

    rows = []
    for name, group in marked.groupby("name", sort=False):
        unit = group["unit"].iloc[0]
        by_day = (group["held"] - (group["promised"] if unit == CHANCE else 0)).groupby(
            group["due"]
        )
        power = 2 if unit == CHANCE else 1
        both = group[group["naive_miss"].notna()]
        naive = (both["naive_miss"] ** power).sum()
        total = group["actual"].abs().sum()
        row = {
            "name": name,
            "room": group["room"].iloc[0],
            "notebook": group["notebook"].iloc[-1],
            "unit": unit,
            "scored": len(group),
            "due_days": len(by_day),
            "held": group["held"].mean(),
            "promised": group["promised"].mean(),
            "bias": (group["mid"] - group["actual"]).sum() / total
            if total
            else float("nan"),
            "nearer": 1 - (both["miss"] ** power).sum() / naive
            if naive
            else float("nan"),
            "miss": group["miss"].mean(),
            "loss": group["loss"].mean(),
            "saved": (group["naive_money"] - group["money"]).mean(),
        }
        rows.append({**row, "verdict": _verdict(row, by_day.mean())})
    return pd.DataFrame(rows, columns=TOLD)


def by_room(told: pd.DataFrame) -> dict[str, str]:
    """Return each room's verdict: the worst of its kinds that are old enough to judge.

    Args:
        told: What `summary` returned.
    """
    order = ("early", "good", "naive", "narrow")
    return {
        room: max(rows["verdict"], key=order.index)
        for room, rows in told.groupby("room", sort=False)
    }


def _mark(
    held: facts.Facts, told: dict[str, Any], p: dict[str, Any]
) -> dict[str, Any] | None:
    import pandas as pd

    run_day, due = pd.Timestamp(told["day"]), pd.Timestamp(p["due"])
    levels = _levels(p["quantiles"])
    chance = p["quantiles"].get(CHANCE)
    if due <= run_day or (chance is None and len(levels) < 2):
        return None
    target = held.rule.aim(told, p["target"])
    actual, naive = held.pair(target, run_day, due)
    if actual != actual:
        return None
    worth = 1.0 if p["unit"].isupper() else held.worth(target)
    marks = (
        _of_range(levels, actual, naive, worth)
        if chance is None
        else _of_chance(float(chance), p["target"], actual, naive)
    )
    return {
        "name": p["name"],
        "room": told["room"],
        "notebook": told["name"],
        "key": told["key"],
        "run_day": run_day,
        "due": due,
        "target": " ".join(p["target"].values()),
        "unit": p["unit"],
        "replay": bool(told.get("replay")),
        **marks,
    }


def _levels(quantiles: dict[str, Any]) -> list[tuple[float, float]]:
    return sorted(
        (float(k), float(v))
        for k, v in quantiles.items()
        if v is not None and k != CHANCE
    )


def _of_range(
    levels: list[tuple[float, float]], actual: float, naive: float, worth: float
) -> dict[str, Any]:
    low, high = levels[0][1], levels[-1][1]
    mid = min(levels, key=lambda level: abs(level[0] - 0.5))[1]
    loss = [2 * max(q * (actual - v), (q - 1) * (actual - v)) for q, v in levels]
    return {
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
        "money": worth * abs(actual - mid),
        "naive_money": worth * abs(actual - naive),
    }


def _of_chance(
    chance: float, target: dict[str, str], actual: float, naive: float
) -> dict[str, Any]:
    """Mark the chance that the fact is above (or below) what the target names."""
    happened, before = (
        float(v > float(target["above"]))
        if "above" in target
        else float(v < float(target["below"]))
        for v in (actual, naive)
    )
    none = float("nan")
    return {
        **dict.fromkeys(("low", "mid", "high", "promised"), chance),
        "actual": happened,
        "naive": before if naive == naive else none,
        "held": bool(happened),
        "miss": abs(chance - happened),
        "naive_miss": abs(before - happened) if naive == naive else none,
        "loss": (chance - happened) ** 2,
        "money": none,
        "naive_money": none,
    }


def _verdict(row: dict[str, Any], by_day: pd.Series) -> str:
    """Judge by due days, as predictions that fall due together err together.

    A range is too narrow where it held less often than promised, a chance is wrong
    where what happened differs from it either way, by more than two errors.
    """
    if row["due_days"] < LEAST_DUE_DAYS:
        return "early"
    error = float(by_day.std() / len(by_day) ** 0.5)
    if row["unit"] == CHANCE:
        off = abs(float(by_day.mean())) > 2 * error
    else:
        off = float(by_day.mean()) + 2 * error < row["promised"]
    if off:
        return "narrow"
    return "naive" if row["nearer"] <= 0 else "good"
