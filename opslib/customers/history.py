"""This module owns what a customer's purchases say: recency, frequency, value, stage.

One purchase is one customer on one day; several sales of a day are one purchase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks, periods

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

STAGES = ("new", "active", "slowing", "asleep", "lost", "returned")
WEEK_DAYS = 7.0
BEFORE_DAYS = 45


def histories(
    days: pd.DataFrame, *, until: str | dt.date, clock: Callable[[pd.Series],
    np.ndarray] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return each customer's purchase history as known on a day.

    Args:
        days: customer, day, amount; one row for each purchase or several a day.
        until: Last day seen; later rows are left out.
        clock: Turns days into weeks of a seasonal clock; plain weeks without it.

    Returns:
        One row for each customer: customer, first and last (days), frequency (repeat
        purchases), recency (weeks from first to last), age (weeks from first to
        `until`), value (mean amount of repeat purchases, 0 without one), mean_amount,
        total, log_gaps (sum of the logs of the weeks between purchases), log_amount
        (log of the mean amount), known_before (1 where the first purchase lies in the
        first 45 days of the data, so that an earlier one may be missing).

    Example:
        >>> bought = pd.DataFrame({"customer": ["a", "a"], "amount": [9.0, 5.0],
        ...     "day": pd.to_datetime(["2026-01-01", "2026-01-15"])})
        >>> row = histories(bought, until="2026-01-29").iloc[0]
        >>> int(row.frequency), float(row.recency), float(row.age), float(row.value)
        (1, 2.0, 4.0, 5.0)
    """
    checks.columns(days, ["customer", "day", "amount"], "purchases")
    end = pd.Timestamp(periods.day(until))
    seen = days[["customer", "day", "amount"]].assign(
        day=pd.to_datetime(days["day"]).dt.normalize()
    )
    seen = seen[(seen["day"] <= end) & seen["customer"].notna()]
    checks.at_least(len(seen), 1, f"purchases to {end.date()}", "Choose a later day.")
    seen = seen.groupby(["customer", "day"], as_index=False, sort=True)["amount"].sum()
    seen["at"] = weeks(seen["day"], clock)
    new = seen["customer"].ne(seen["customer"].shift())
    gap = seen["at"].diff().where(~new)
    seen["log_gap"] = np.log(gap.clip(lower=1e-3)).fillna(0.0)
    seen["repeat"] = seen["amount"].where(~new, 0.0)
    by = seen.groupby("customer", sort=False)
    told = by.agg(
        first=("day", "first"), last=("day", "last"), frequency=("day", "size"),
        begun=("at", "first"), ended=("at", "last"), total=("amount", "sum"),
        repeat=("repeat", "sum"), log_gaps=("log_gap", "sum"),
    ).reset_index()  # fmt: skip
    now = float(weeks(pd.Series([end]), clock)[0])
    told["mean_amount"] = told["total"] / told["frequency"]
    told["frequency"] -= 1
    told["recency"] = told["ended"] - told["begun"]
    told["age"] = now - told["begun"]
    told["value"] = told["repeat"] / told["frequency"].clip(lower=1)
    told["log_amount"] = np.log(told["mean_amount"].clip(lower=0.01))
    early = seen["day"].min() + pd.Timedelta(days=BEFORE_DAYS)
    told["known_before"] = (told["first"] < early).astype(float)
    kept = ["customer", "first", "last", "frequency", "recency", "age", "value"]
    more = ["mean_amount", "total", "log_gaps", "log_amount", "known_before"]
    return told[[*kept, *more]]


def weeks(
    days: pd.Series, clock: Callable[[pd.Series], np.ndarray] | None = None
) -> np.ndarray:
    """Return days as weeks since 1970, or on the seasonal clock where one is given."""
    if clock is not None:
        return clock(days)
    since = pd.to_datetime(days) - pd.Timestamp("1970-01-01")
    return (since.dt.total_seconds() / 86_400 / WEEK_DAYS).to_numpy()


def later(
    days: pd.DataFrame, customers: pd.Series, *, after: str | dt.date, days_ahead: int
) -> pd.DataFrame:
    """Return what each customer bought in the days after a cut.

    Args:
        days: customer, day, amount.
        customers: Whose purchases, in the order wanted.
        after: The cut; the first day counted is the next one.
        days_ahead: Days counted.

    Returns:
        In the order of `customers`: customer, purchases (days with one), amount.
    """
    start = pd.Timestamp(periods.day(after))
    when = pd.to_datetime(days["day"]).dt.normalize()
    seen = days.assign(day=when)[
        (when > start) & (when <= start + pd.Timedelta(days=days_ahead))
    ]
    by = seen.groupby("customer").agg(
        purchases=("day", "nunique"), amount=("amount", "sum")
    )
    found = by.reindex(pd.Index(customers)).fillna(0.0)
    return found.rename_axis("customer").reset_index()


def scores(
    told: pd.DataFrame, *, until: str | dt.date, groups: int = 5
) -> pd.DataFrame:
    """Return recency, frequency and value ranks, the best group highest.

    Args:
        told: What `histories` returned.
        until: The day on which it was told.
        groups: Groups of about equal size, at least 2.

    Returns:
        customer, days_since, purchases, total and the ranks r, f, v from 1 to `groups`.
    """
    checks.between(groups, "groups", low=2, high=10)
    since = (pd.Timestamp(periods.day(until)) - told["last"]).dt.days
    ranks = {
        "r": -since.astype(float), "f": told["frequency"].astype(float),
        "v": told["total"].astype(float),
    }  # fmt: skip
    cut = {
        name: np.ceil(rank.rank(pct=True) * groups).clip(1, groups).astype(int)
        for name, rank in ranks.items()
    }
    return pd.DataFrame(
        {"customer": told["customer"], "days_since": since,
        "purchases": told["frequency"] + 1, "total": told["total"], **cut}
    )  # fmt: skip


def stages(days: pd.DataFrame, *, until: str | dt.date) -> pd.DataFrame:
    """Return the stage of each customer's life on a day.

    A customer is measured by the own rhythm: the median gap between purchases of the
    customer where there are three or more, else of all customers. Up to 1.5 rhythms
    of silence is *active* (*new* with one purchase, *returned* after a gap of more
    than 3), up to 3 *slowing*, up to 6 *asleep*, beyond *lost*.

    Returns:
        customer, stage, silent_days, rhythm_days.
    """
    end = pd.Timestamp(periods.day(until))
    seen = days[["customer", "day"]].assign(
        day=pd.to_datetime(days["day"]).dt.normalize()
    )
    seen = seen[(seen["day"] <= end) & seen["customer"].notna()]
    seen = seen.drop_duplicates().sort_values(["customer", "day"])
    if seen.empty:
        empty = {"customer": [], "stage": [], "silent_days": [], "rhythm_days": []}
        return pd.DataFrame(empty)
    gap = seen.groupby("customer")["day"].diff().dt.days
    by = seen.assign(gap=gap).groupby("customer")
    told = by.agg(last=("day", "max"), count=("day", "size"), own=("gap", "median"))
    told["last_gap"] = by["gap"].last()
    common = float(gap.median()) if gap.notna().any() else 30.0
    rhythm = told["own"].where(told["count"] >= 4, common).clip(lower=7.0)
    silent = (end - told["last"]).dt.days
    quiet = silent / rhythm
    stage = np.select(
        [quiet > 6, quiet > 3, quiet > 1.5, told["count"] == 1,
        told["last_gap"] > 3 * rhythm], ["lost", "asleep", "slowing", "new",
        "returned"], "active",
    )  # fmt: skip
    return pd.DataFrame(
        {"customer": told.index, "stage": stage, "silent_days": silent.to_numpy(),
        "rhythm_days": rhythm.to_numpy()}
    ).reset_index(drop=True)  # fmt: skip


def migration(
    days: pd.DataFrame, *, until: str | dt.date, months: int = 1
) -> pd.DataFrame:
    """Return how many customers moved from which stage to which.

    Args:
        days: customer, day.
        until: The later day.
        months: How far back the earlier day lies.

    Returns:
        Rows are stages before (`none` for those not yet customers), columns stages
        now, values customers; every customer of today stands in it once.
    """
    end = pd.Timestamp(periods.day(until))
    now = stages(days, until=end)
    then = stages(days, until=end - pd.DateOffset(months=months))
    both = now.merge(then, on="customer", how="left", suffixes=("", "_before"))
    both["stage_before"] = both["stage_before"].astype("object").fillna("none")
    table = pd.crosstab(both["stage_before"], both["stage"])
    return table.reindex(index=["none", *STAGES], columns=list(STAGES), fill_value=0)
