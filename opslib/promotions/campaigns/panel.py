"""This module owns the panel: sales by period and unit, who had a campaign, and when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from opslib import checks, periods

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

LEAST_BEFORE = 8


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Units over time, some of which had a campaign in the last periods.

    Attributes:
        frame: Periods (rows, in order, to the campaign's end) by units (columns).
        sizes: Unit to its weight when units are taken together; 1 for raw panels,
            mean sales before the start for indexed ones.
        treated: Units that had the campaign; empty for a quiet window.
        start: Row of the first period with the campaign.
    """

    frame: pd.DataFrame
    sizes: pd.Series
    treated: tuple[str, ...]
    start: int

    @property
    def outcome(self) -> np.ndarray:
        """Mean of the treated units by period, weighed by their sizes."""
        own = list(self.treated)
        return (self.frame[own] * self.sizes[own]).sum(axis=1).to_numpy() / self.sizes[
            own
        ].sum()

    @property
    def donors(self) -> pd.DataFrame:
        """Units without the campaign."""
        return self.frame.drop(columns=list(self.treated))


def make_panel(
    frame: pd.DataFrame,
    *,
    treated: Sequence[str],
    start: int,
    sizes: pd.Series | None = None,
) -> Panel:
    """Return a checked panel from a wide frame.

    Args:
        frame: Periods by units, to the end of the campaign; no gaps.
        treated: Units that had the campaign; none for a quiet window.
        start: Row of the first period with the campaign.
        sizes: Unit to weight; None weighs all alike.

    Raises:
        ValueError: An unknown unit, no unit left to compare with, an empty cell or
            fewer than two periods before the start.

    Example:
        >>> wide = pd.DataFrame({"a": [1.0, 2, 5], "b": [1.0, 2, 3]})
        >>> make_panel(wide, treated=["a"], start=2).outcome.tolist()
        [1.0, 2.0, 5.0]
    """
    unknown = [u for u in treated if u not in frame.columns]
    if unknown:
        msg = f"treated units {unknown} are not in the panel; it has {list(frame.columns)[:8]}"
        raise ValueError(msg)
    if len(treated) >= frame.shape[1]:
        msg = f"all {len(treated)} units had the campaign; none is left to compare with. Add units without it."
        raise ValueError(msg)
    if not 2 <= start < len(frame):
        msg = f"the campaign starts in row {start} of {len(frame)}; it needs two rows before it and one in it"
        raise ValueError(msg)
    checks.no_gaps(frame, frame.columns, "the panel")
    sizes = pd.Series(1.0, index=frame.columns) if sizes is None else sizes
    return Panel(
        frame=frame.astype(float), sizes=sizes, treated=tuple(treated), start=start
    )


def campaign_panel(
    sales: pd.DataFrame, promotions: pd.DataFrame, *, campaign: str,
    pre_weeks: int = 26, value: str = "units", until: dt.date | None = None,
) -> Panel:  # fmt: skip
    """Return the weeks before and during a campaign by category and region, as indices.

    Weeks are counted from the campaign's first day, so its weeks are whole. A unit is
    a category in a region; each is divided by its mean before the start, so that an
    effect is a share of what was sold before. Units with another campaign in the weeks
    used, or with too few sales to carry an index, are left out.

    Args:
        sales: Rows of `daily_sales`: day, region, category, units, amount.
        promotions: Rows of `promotions`: promotion, region, category, starts, ends.
        campaign: The campaign to judge.
        pre_weeks: Weeks before the start used for comparison, at least 8.
        value: Column to measure, `units` or `amount`.
        until: Last day to use, or None for all.

    Raises:
        ValueError: The campaign is unknown, starts too early, has no whole week yet,
            or no unit is left to compare with.
    """
    checks.columns(sales, ["day", "region", "category", value], "sales")
    checks.at_least(pre_weeks, LEAST_BEFORE, "pre_weeks", "Ask for more.")
    own = campaign_rows(promotions, campaign)
    first = pd.Timestamp(own["starts"].min())
    last = pd.to_datetime(sales["day"]).max()
    last = min(
        last, pd.Timestamp(own["ends"].max()), pd.Timestamp(periods.day(until or last))
    )
    weeks = ((last - first).days + 1) // 7
    if weeks < 1:
        msg = f"campaign {campaign!r} has no whole week before {last.date()}; it starts {first.date()}. Judge it later."
        raise ValueError(msg)
    wide = weekly_units(sales, origin=first.date(), value=value)
    known = int((wide.index < 0).sum())
    if known < LEAST_BEFORE:
        msg = (
            f"campaign {campaign!r} has {known} weeks of sales before it starts ({first.date()}); "
            f"at least {LEAST_BEFORE} are needed. Load earlier weeks."
        )
        raise ValueError(msg)
    treated = [unit_name(r.category, r.region) for r in own.itertuples()]
    busy = busy_units(
        promotions[promotions["promotion"] != campaign],
        origin=first.date(),
        low=-min(pre_weeks, known),
        high=weeks,
    )
    return indexed(
        wide.loc[-min(pre_weeks, known) : weeks - 1], treated=treated, leave_out=busy
    )


def campaign_rows(promotions: pd.DataFrame, campaign: str) -> pd.DataFrame:
    """Return a campaign's rows.

    Raises:
        ValueError: There is no such campaign.
    """
    own = promotions[promotions["promotion"] == campaign]
    if own.empty:
        msg = f"campaign {campaign!r} is not among {sorted(promotions['promotion'].unique())}"
        raise ValueError(msg)
    return own


def quiet_windows(
    sales: pd.DataFrame, promotions: pd.DataFrame, *, weeks: int, until: dt.date,
    pre_weeks: int = 26, value: str = "units", most: int = 24,
) -> list[Panel]:  # fmt: skip
    """Return past stretches of the same length, each with the units that had no campaign.

    Stretches follow each other without overlap, the newest ending before `until`.

    Args:
        sales: Rows of `daily_sales`.
        promotions: Rows of `promotions`.
        weeks: Length of the stretch that stands for a campaign.
        until: Day before which the newest ends.
        pre_weeks: Weeks before each used for comparison.
        value: Column to measure.
        most: Most stretches, newest first; returned oldest first.
    """
    wide = weekly_units(sales, origin=until, value=value)
    found = []
    for at in range(1, most + 1):
        begin = -at * weeks
        if begin - pre_weeks < wide.index[0]:
            break
        busy = busy_units(
            promotions, origin=until, low=begin - pre_weeks, high=begin + weeks
        )
        window = wide.loc[begin - pre_weeks : begin + weeks - 1]
        if len(set(window) - busy) >= 4:
            found.append(indexed(window, treated=[], leave_out=busy, start=pre_weeks))
    return found[::-1]


def unit_name(category: object, region: object) -> str:
    """Return the name of a unit.

    Example:
        >>> unit_name("Tea", "North")
        'Tea, North'
    """
    return f"{category}, {region}"


def weekly_units(
    sales: pd.DataFrame, *, origin: dt.date, value: str = "units"
) -> pd.DataFrame:
    """Return sales by whole week from a day on (rows, week 0 starts then) and unit."""
    at = (pd.to_datetime(sales["day"]) - pd.Timestamp(origin)).dt.days
    unit = (
        sales["category"].fillna("all").astype(str)
        + ", "
        + sales["region"].fillna("all").astype(str)
    )
    keyed = pd.DataFrame(
        {"week": at // 7, "unit": unit, "value": sales[value].astype(float)}
    )
    wide = keyed.pivot_table(
        index="week", columns="unit", values="value", aggfunc="sum"
    )
    wide = wide.reindex(range(int(wide.index[0]), int(wide.index[-1]) + 1)).fillna(0.0)
    return wide[(wide.index * 7 >= at.min()) & (wide.index * 7 + 6 <= at.max())]


def busy_units(
    promotions: pd.DataFrame, *, origin: dt.date, low: int, high: int
) -> set[str]:
    """Return units with a campaign in weeks `low` to before `high`, counted from a day."""
    begins = (pd.to_datetime(promotions["starts"]) - pd.Timestamp(origin)).dt.days
    ends = (pd.to_datetime(promotions["ends"]) - pd.Timestamp(origin)).dt.days
    rows = promotions[(begins < high * 7) & (ends >= low * 7)]
    return {unit_name(r.category, r.region) for r in rows.itertuples()}


def indexed(
    wide: pd.DataFrame,
    *,
    treated: Sequence[str],
    leave_out: set[str],
    start: int | None = None,
) -> Panel:
    """Return a panel of indices (mean before the start is 1) of units with steady sales.

    Raises:
        ValueError: No treated unit sold anything before the start, or none is left to
            compare with.
    """
    start = int((wide.index < 0).sum()) if start is None else start
    before = wide.iloc[:start]
    level = before.mean()
    steady = (level > 0) & ((before > 0).mean() >= 0.8)
    own = [u for u in treated if u in wide and level[u] > 0]
    if len(treated) and not own:
        msg = f"units {list(treated)[:3]} sold nothing before the start; there is no level to measure a lift from"
        raise ValueError(msg)
    kept = [
        u for u in wide if steady[u] and u not in leave_out and u not in treated
    ] + own
    return make_panel(
        wide[kept] / level[kept], treated=own, start=start, sizes=level[kept]
    )
