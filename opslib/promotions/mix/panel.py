"""This module owns the data of a channel mix: weekly sales, spend and what else moves sales."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks, periods

if TYPE_CHECKING:
    from opslib.promotions.mix.forms import Array

LEAST_WEEKS = 52
EVERYWHERE = ("", "all", "national")  # regions that mean the whole company
NO_CONTROLS = pd.DataFrame(columns=["week", "region", "control", "value"])


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What the engine reads.

    Attributes:
        weeks: Mondays, without a gap.
        regions: Names of the regions.
        channels: Names of the channels that are judged.
        sales: Money by region and week.
        spend: Money by channel, region and week.
        controls: What else moves sales, by control, region and week.
        names: Names of the controls.
        captured: Channels declared to capture demand: their spend by week, no credit.
        gaps: Positions of weeks without any sales row: their spend is carried forward,
            their sales are not judged.
        spread: Channels with spend for the whole company, spread over the regions.
    """

    weeks: pd.DatetimeIndex
    regions: tuple[str, ...]
    channels: tuple[str, ...]
    sales: Array
    spend: Array
    controls: Array
    names: tuple[str, ...] = ()
    captured: dict[str, Array] = field(default_factory=dict)
    gaps: tuple[int, ...] = ()
    spread: tuple[str, ...] = ()


def build_panel(
    sales: pd.DataFrame,
    spend: pd.DataFrame,
    controls: pd.DataFrame = NO_CONTROLS,
    *,
    captures: tuple[str, ...] | list[str] = (),
) -> Panel:
    """Return the weekly panel of a channel mix.

    Only weeks in which both sales and spend are delivered are used; within them a
    missing spend is zero, and a week without any sales row is not judged. Spend for the
    whole company (`EVERYWHERE`, or a region that sales do not know) beside regional
    spend is spread over the regions by their sales.

    Args:
        sales: One row for each week, region and more; `week`, `region`, `amount`, and
            `first_day`, `last_day` of the row where known: a first week that begins later,
            or a last one that ends earlier, than weeks usually do is cut.
        spend: `day` (or `week`), `region`, `channel`, `spend`, several rows added up.
        controls: `week`, `region` (empty for all), `control`, `value`; absent is zero.
        captures: Channels that capture demand which others create, such as searches
            for the own name. They follow demand, so taking them for a cause would rob
            those who made it: they get no credit and are left out of the estimate.

    Returns:
        The panel; regions without any spend are left out. Where sales and spend name no
        region in common, all of the company is one region.

    Raises:
        ValueError: A column, weeks or channels lack, or a name in `captures` is unknown.

    Example:
        >>> weeks = pd.date_range("2024-01-01", periods=60, freq="W-MON")
        >>> sold = pd.DataFrame({"week": weeks, "region": "N", "amount": 100.0})
        >>> spent = pd.DataFrame({"day": weeks, "region": "N", "channel": "TV", "spend": 5.0})
        >>> build_panel(sold, spent).spend.shape
        (1, 1, 60)
    """
    sales = checks.no_gaps(
        checks.columns(sales, ["week", "region", "amount"], "sales"),
        ["week", "amount"],
        "sales",
    )
    day = "week" if "week" in spend else "day"
    spend = checks.no_gaps(
        checks.columns(spend, [day, "region", "channel", "spend"], "spend"),
        [day, "channel", "spend"],
        "spend",
    )
    if (spend["spend"] < 0).any():
        msg = f"spend has {int((spend['spend'] < 0).sum())} negative values, the least {spend['spend'].min():g}; book refunds in the week of the spend"
        raise ValueError(msg)
    spent = spend.assign(week=periods.week_start(spend[day]))
    sold = sales.assign(week=periods.week_start(sales["week"]))
    spent, sold = (
        f.assign(region=f["region"].fillna("all").astype(str)) for f in (spent, sold)
    )
    sold, places = _whole_weeks(sold), set(sold["region"])
    wide = ~spent["region"].isin(places) | (
        spent["region"].str.strip().str.lower().isin(EVERYWHERE) & (len(places) > 1)
    )
    spread: tuple[str, ...] = ()
    if wide.all():
        spent, sold = spent.assign(region="all"), sold.assign(region="all")
    elif wide.any():
        spread = tuple(sorted(set(spent.loc[wide, "channel"].astype(str))))
        spent = _spread(spent, wide, sold)
    regions = tuple(sorted(set(spent["region"]) & set(sold["region"])))
    weeks = pd.date_range(
        max(spent["week"].min(), sold["week"].min()),
        min(spent["week"].max(), sold["week"].max()),
        freq="7D",
    )
    gaps = np.flatnonzero(~weeks.isin(sold["week"]))
    checks.at_least(
        len(weeks) - len(gaps),
        LEAST_WEEKS,
        "weeks with sales and spend",
        "Load earlier weeks.",
    )
    channels = sorted(set(spent["channel"].astype(str)))
    for name in captures:
        checks.one_of(name, "captures", channels)
    grid = pd.MultiIndex.from_product([regions, weeks])
    by = spent.groupby(["channel", "region", "week"])["spend"].sum()
    cube = np.array(
        [
            by.loc[c].reindex(grid, fill_value=0.0).to_numpy().reshape(len(regions), -1)
            for c in channels
        ]
    )
    money = (
        sold.groupby(["region", "week"])["amount"]
        .sum()
        .reindex(grid, fill_value=0.0)
        .to_numpy()
        .reshape(len(regions), -1)
    )
    judged = [
        i for i, c in enumerate(channels) if c not in captures and cube[i].sum() > 0
    ]
    checks.at_least(
        len(judged),
        1,
        "channels with spend to judge",
        "Load spend, or name fewer in captures.",
    )
    values, names = _controls(controls, regions, weeks)
    return Panel(
        weeks=weeks,
        regions=regions,
        channels=tuple(channels[i] for i in judged),
        sales=money,
        spend=cube[judged],
        controls=values,
        names=names,
        captured={c: cube[channels.index(c)].sum(axis=0) for c in captures},
        gaps=tuple(map(int, gaps)),
        spread=spread,
    )


def company_panel(
    sales: pd.DataFrame,
    spend: pd.DataFrame,
    holidays: pd.DataFrame,
    promotions: pd.DataFrame,
    *,
    captures: tuple[str, ...] | list[str] = (),
) -> Panel:
    """Return the panel with holidays and promotions as controls, see `build_panel`.

    Args:
        sales: `week`, `region`, `amount`; `first_day` and `last_day` where known.
        spend: `week` or `day`, `region`, `channel`, `spend`.
        holidays: `day`, `name`; may be empty.
        promotions: `promotion`, `region`, `starts`, `ends`; may be empty.
        captures: Channels that capture demand.
    """
    bare = build_panel(sales, spend, captures=captures)
    found = [
        f
        for f in (
            calendar_controls(bare.weeks, holidays),
            promotion_controls(bare.weeks, promotions),
        )
        if len(f)
    ]
    return build_panel(
        sales, spend, pd.concat(found) if found else NO_CONTROLS, captures=captures
    )


def calendar_controls(weeks: pd.DatetimeIndex, holidays: pd.DataFrame) -> pd.DataFrame:
    """Return controls for holidays: days of the week before, and just after, each one.

    Args:
        weeks: Mondays of the panel.
        holidays: `day` and `name`; an empty frame gives no controls.

    Returns:
        `week`, `region` (empty: all), `control`, `value` as share of the week.

    Example:
        >>> days = pd.DataFrame({"day": ["2024-12-25"], "name": ["Christmas"]})
        >>> calendar_controls(pd.date_range("2024-12-16", periods=2, freq="7D"), days)["value"].round(2).tolist()
        [0.57, 0.43, 0.43, 0.57]
    """
    rows = []
    days = pd.DatetimeIndex(weeks).to_numpy()[:, None] + np.arange(7) * np.timedelta64(
        1, "D"
    )
    for name, group in holidays.groupby("name"):
        ahead = np.stack(
            [
                (
                    np.datetime64(pd.Timestamp(d), "D") - days.astype("datetime64[D]")
                ).astype(int)
                for d in group["day"]
            ]
        )
        for label, low, high in (
            ("before", 0, 6),
            ("earlier", 7, 13),
            ("after", -4, -1),
        ):
            share = ((ahead >= low) & (ahead <= high)).any(axis=0).mean(axis=1)
            rows += [
                {"week": w, "region": None, "control": f"{name} {label}", "value": v}
                for w, v in zip(weeks, share, strict=True)
                if v > 0
            ]
    return pd.DataFrame(rows, columns=["week", "region", "control", "value"]).astype(
        {"value": float}
    )


def promotion_controls(
    weeks: pd.DatetimeIndex, promotions: pd.DataFrame
) -> pd.DataFrame:
    """Return one control for each promotion: the share of a week it ran in a region.

    Args:
        weeks: Mondays of the panel.
        promotions: `promotion`, `region`, `starts`, `ends`; may be empty.
    """
    rows = []
    plan = (
        promotions.drop_duplicates(["promotion", "region"])
        if len(promotions)
        else promotions
    )
    for row in plan.itertuples():
        ahead, past = (
            (pd.DatetimeIndex(weeks) - pd.Timestamp(row.starts)).days,
            (pd.Timestamp(row.ends) - pd.DatetimeIndex(weeks)).days,
        )
        share = np.clip(np.minimum(past, 6) - np.maximum(-ahead, 0) + 1, 0, 7) / 7
        rows += [
            {"week": w, "region": row.region, "control": str(row.promotion), "value": v}
            for w, v in zip(weeks, share, strict=True)
            if v > 0
        ]
    return pd.DataFrame(rows, columns=["week", "region", "control", "value"]).astype(
        {"value": float}
    )


def with_sales(panel: Panel, sales: Array) -> Panel:
    """Return the panel with other sales, everything else kept."""
    return replace(panel, sales=sales)


def _whole_weeks(sold: pd.DataFrame) -> pd.DataFrame:
    """Return sales without a first or last week of which only a part was delivered.

    A week begins and ends on the days on which weeks usually do: a shop that is closed
    on Sundays has whole weeks too.
    """
    if "first_day" not in sold or "last_day" not in sold:
        return sold
    days = pd.DataFrame(
        {
            k: (pd.to_datetime(sold[k]).dt.normalize() - sold["week"]).dt.days
            for k in ("first_day", "last_day")
        }
    ).groupby(sold["week"])
    begun, ended = days["first_day"].min(), days["last_day"].max()
    part = [
        *begun.index[:1][begun.iloc[:1] > begun.median()],
        *ended.index[-1:][ended.iloc[-1:] < ended.median()],
    ]
    return sold[~sold["week"].isin(part)]


def _spread(spent: pd.DataFrame, wide: pd.Series, sold: pd.DataFrame) -> pd.DataFrame:
    """Return spend with that of the whole company shared out by the regions' sales."""
    part = sold.groupby("region")["amount"].sum().clip(lower=0) + 1e-9
    part = (part / part.sum()).rename("part").reset_index()
    shared = spent[wide].drop(columns="region").merge(part, how="cross")
    shared = shared.assign(spend=shared["spend"] * shared["part"])
    return pd.concat([spent[~wide], shared.drop(columns="part")], ignore_index=True)


def _controls(
    frame: pd.DataFrame, regions: tuple[str, ...], weeks: pd.DatetimeIndex
) -> tuple[Array, tuple[str, ...]]:
    checks.columns(frame, ["week", "region", "control", "value"], "controls")
    names = tuple(dict.fromkeys(frame["control"].astype(str)))
    values = np.zeros((len(names), len(regions), len(weeks)))
    place, when, which = (
        {r: i for i, r in enumerate(regions)},
        {w: i for i, w in enumerate(weeks)},
        {n: i for i, n in enumerate(names)},
    )
    for row in frame.itertuples():
        at = when.get(pd.Timestamp(row.week))
        if at is None:
            continue
        where = (
            slice(None)
            if row.region is None or row.region != row.region
            else place.get(str(row.region))
        )
        if where is not None:
            values[which[str(row.control)], where, at] += row.value
    used = [i for i in range(len(names)) if np.ptp(values[i]) > 0]
    return values[used], tuple(names[i] for i in used)
