"""This module owns the budget as a tree: versions, sums, ties, spread to months."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from opslib import checks

KEY = ["line", "kind", "department"]
LEVELS = ("kind", "department", "line", "quarter", "month")


def versions(
    budget: pd.DataFrame, *, day: dt.date, year: int | None = None
) -> pd.DataFrame:
    """Return the versions of a year, oldest first, what each holds and whether it is locked.

    A version is locked once it is adopted: what is adopted is compared with, never
    changed; a change is a new version.

    Args:
        budget: version, line, kind, department, month, amount, adopted.
        day: Versions adopted later are not seen.
        year: Year of the budget; the newest by default.

    Returns:
        One row a version: version, adopted, locked, revenue, spending, result, months
        (that hold money), change (of spending against the version before); money.

    Raises:
        ValueError: A column lacks.
    """
    checks.columns(budget, ["version", *KEY, "month", "amount", "adopted"], "budget")
    month, adopted = pd.to_datetime(budget["month"]), pd.to_datetime(budget["adopted"])
    seen = budget.assign(
        month=month, adopted=adopted, amount=budget["amount"].astype(float)
    )
    seen = seen[adopted.isna() | (adopted <= pd.Timestamp(day))]
    year = int(seen["month"].dt.year.max()) if year is None and len(seen) else year
    seen = seen[seen["month"].dt.year == year]
    spending = seen["kind"] != "revenue"
    by = seen.assign(
        spent=seen["amount"] * spending, revenue=seen["amount"] * ~spending
    ).groupby("version")
    table = by.agg(
        adopted=("adopted", "min"),
        revenue=("revenue", "sum"),
        spending=("spent", "sum"),
        months=("month", "nunique"),
    )
    table = table.sort_values(["adopted", "spending"], na_position="last").reset_index()
    return table.assign(
        result=table["revenue"] - table["spending"],
        locked=table["adopted"].notna(),
        change=table["spending"].pct_change(),
    )


def rollup(cells: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the sums of a budget's cells over some levels of the tree.

    Args:
        cells: line, kind, department, month, amount; one version.
        by: Levels to keep, of kind, department, line, quarter, month.

    Returns:
        One row a combination: the levels and amount, money.

    Example:
        >>> rows = [("Rent", "expense", "Sales", m, 10.0) for m in ("2026-01-01", "2026-05-01")]
        >>> cells = pd.DataFrame(rows, columns=[*KEY, "month", "amount"])
        >>> rollup(cells, ["line", "quarter"])["amount"].tolist()
        [10.0, 10.0]
    """
    for level in by:
        checks.one_of(level, "level", LEVELS)
    month = pd.to_datetime(cells["month"])
    frame = cells.assign(month=month, quarter=month.dt.quarter)
    return frame.groupby(by, as_index=False)["amount"].sum()


def ties(
    cells: pd.DataFrame, wholes: pd.DataFrame, *, cents: float = 0.005
) -> pd.DataFrame:
    """Return where the parts do not add up to the wholes that were given.

    Args:
        cells: line, kind, department, month, amount; one version.
        wholes: amount, and any of kind, department, line, quarter, month; a missing
            level means all of it. What must tie: targets, or the sums of the version
            that was sent out.
        cents: Gap that is none, money.

    Returns:
        One row a whole: its levels, whole, parts, gap (parts less whole), tied.

    Example:
        >>> cells = pd.DataFrame([("Rent", "expense", "Sales", "2026-01-01", 10.0)],
        ...     columns=[*KEY, "month", "amount"])
        >>> ties(cells, pd.DataFrame({"line": ["Rent"], "amount": [12.0]}))["gap"].tolist()
        [-2.0]
    """
    levels = [level for level in LEVELS if level in wholes]
    frame = rollup(cells, list(LEVELS))
    told = []
    for whole in wholes.to_dict("records"):
        mine = np.ones(len(frame), bool)
        for level in levels:
            if pd.notna(whole[level]):
                mine &= (frame[level] == whole[level]).to_numpy()
        told.append(float(frame.loc[mine, "amount"].sum()))
    table = wholes[levels].assign(
        whole=wholes["amount"].astype(float), parts=np.round(told, 2)
    )
    gap = (table["parts"] - table["whole"]).round(2)
    return table.assign(gap=gap, tied=gap.abs() <= cents).reset_index(drop=True)


def spread(totals: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Return totals spread over a profile so that the cents add up exactly.

    What rounding leaves goes, a cent each, to the cells whose rounding lost most.

    Args:
        totals: One a unit, money.
        profile: Units x cells, shares of any size, none negative.

    Returns:
        Units x cells, money in whole cents.

    Raises:
        ValueError: A profile is negative or empty.

    Example:
        >>> spread(np.array([100.0]), np.ones((1, 3))).tolist()
        [[33.34, 33.33, 33.33]]
    """
    profile = np.asarray(profile, float)
    if (profile < 0).any() or not (profile.sum(axis=1) > 0).all():
        msg = f"a profile has the smallest share {profile.min()}; shares must not be negative, nor all zero"
        raise ValueError(msg)
    cents = np.round(np.asarray(totals, float) * 100)
    ideal = cents[:, None] * profile / profile.sum(axis=1, keepdims=True)
    whole = np.floor(ideal)
    rank = np.argsort(
        np.argsort(whole - ideal, axis=1, kind="stable"), axis=1, kind="stable"
    )
    return (whole + (rank < (cents - whole.sum(axis=1))[:, None])) / 100


def locked(record: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return adopted versions whose sum has changed since an earlier page.

    Args:
        record: What earlier pages kept: run_day, version, q0.5 (spending then, money).
        table: What `versions` gave now.

    Returns:
        One row a changed version: version, run_day, then, now.
    """
    if record.empty:
        return pd.DataFrame(columns=["version", "run_day", "then", "now"])
    now = table[table["locked"]].set_index("version")["spending"]
    told = record.assign(then=record["q0.5"], now=record["version"].map(now)).dropna(
        subset=["now"]
    )
    moved = told[(told["then"] - told["now"]).abs() > 0.01].sort_values("run_day")
    return moved.drop_duplicates("version")[
        ["version", "run_day", "then", "now"]
    ].reset_index(drop=True)
