"""This module owns the panel: sales by period and unit, who had a campaign, and when."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
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
        together: Other campaigns that ran in the same units in the periods judged, so
            that the effect is that of all; empty where the campaign stands alone.
        left_out: Units of the campaign that are not judged, for another campaign.
        masked: Periods before the start left out, for another campaign.
    """

    frame: pd.DataFrame
    sizes: pd.Series
    treated: tuple[str, ...]
    start: int
    together: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    masked: int = 0

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
    effect is a share of what was sold before. Units to compare with that had another
    campaign in the weeks used, or too few sales to carry an index, are left out.

    Where a unit of the campaign itself had another one before the start, those weeks
    are left out for all (or the unit, where too few weeks would be left). Where it had
    another one in the weeks judged, the unit is left out; where that holds for all of
    them, all are kept and `together` names the campaigns that cannot be told apart.

    Args:
        sales: Rows of `daily_sales`: day, region, category, units, amount.
        promotions: Rows of `promotions`: promotion, region, category, starts, ends.
        campaign: The campaign to judge.
        pre_weeks: Weeks before the start used for comparison, at least 8.
        value: Column to measure, `units` or `amount`.
        until: Last day to use, or None for all.

    Raises:
        ValueError: The campaign is unknown, is too short for a whole week, starts too
            early or had others before it all along, has no whole week yet, or no unit
            is left to compare with.
    """
    checks.columns(sales, ["day", "region", "category", value], "sales")
    checks.at_least(pre_weeks, LEAST_BEFORE, "pre_weeks", "Ask for more.")
    own = campaign_rows(promotions, campaign)
    first = pd.Timestamp(own["starts"].min())
    planned = planned_days(own)
    if planned < 7:
        msg = (
            f"campaign {campaign!r} lasts {planned} days, too short for whole weeks; a lift is counted in weeks of "
            "seven days. Leave campaign empty for the newest that is long enough, or follow it on the page of the live campaign."
        )
        raise ValueError(msg)
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
    window = wide.loc[-min(pre_weeks, known) : weeks - 1]
    rest = promotions[promotions["promotion"] != campaign]
    treated = [unit_name(r.category, r.region) for r in own.itertuples()]
    busy = _busy_weeks(rest, origin=first.date(), units=treated, weeks=window.index)
    shared = busy[busy["week"] >= 0]
    alone = [u for u in treated if u not in set(shared["unit"]) and u in window]
    kept, rows = _quiet_base(window, busy, alone or treated, campaign)
    panel = indexed(
        window.loc[rows],
        treated=kept,
        leave_out=busy_units(
            rest, origin=first.date(), low=int(window.index[0]), high=weeks
        )
        | set(treated),
    )
    return replace(
        panel,
        together=() if alone else tuple(sorted(set(shared["promotion"]))),
        left_out=tuple(sorted(set(busy["unit"]) - set(kept))),
        masked=len(window) - len(rows),
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


def planned_days(own: pd.DataFrame) -> int:
    """Return the days from the first start to the last end of a campaign's rows.

    Example:
        >>> planned_days(pd.DataFrame({"starts": ["2026-01-05"], "ends": ["2026-01-11"]}))
        7
    """
    return (
        pd.Timestamp(own["ends"].max()) - pd.Timestamp(own["starts"].min())
    ).days + 1


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


def _busy_weeks(
    rest: pd.DataFrame, *, origin: dt.date, units: Sequence[str], weeks: pd.Index
) -> pd.DataFrame:
    """Return unit, week and promotion of other campaigns in some units, within weeks."""
    rows = [
        (unit_name(r.category, r.region), week, str(r.promotion))
        for r in rest.itertuples()
        if unit_name(r.category, r.region) in units
        for week in range(
            (pd.Timestamp(r.starts) - pd.Timestamp(origin)).days // 7,
            (pd.Timestamp(r.ends) - pd.Timestamp(origin)).days // 7 + 1,
        )
        if weeks[0] <= week <= weeks[-1]
    ]
    return pd.DataFrame(rows, columns=["unit", "week", "promotion"])


def _quiet_base(
    window: pd.DataFrame, busy: pd.DataFrame, units: list[str], campaign: str
) -> tuple[list[str], list[int]]:
    """Return the units to judge and the weeks in which none of them had another campaign.

    Units with most such weeks before the start go first, until enough weeks are left.

    Raises:
        ValueError: Too few weeks are left even for one unit.
    """
    before = busy[busy["week"] < 0]
    kept = list(units)
    while True:
        hit = before[before["unit"].isin(kept)]
        rows = [w for w in window.index if w not in set(hit["week"])]
        free = sum(w < 0 for w in rows)
        if free >= LEAST_BEFORE:
            return kept, rows
        if len(kept) == 1:
            msg = (
                f"campaign {campaign!r} has {free} weeks before it without another campaign ({', '.join(sorted(set(hit['promotion'])))}) "
                f"in its places; at least {LEAST_BEFORE} are needed. Ask for more pre_weeks."
            )
            raise ValueError(msg)
        kept.remove(hit.groupby("unit")["week"].nunique().idxmax())
