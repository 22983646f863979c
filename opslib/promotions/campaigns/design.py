"""This module owns what a lift is worth, where it worked, and the test to run next.

Long because choice of places, length and size of a test rest on one simulation.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib.promotions.campaigns.estimators import estimate
from opslib.promotions.campaigns.panel import (
    Panel,
    campaign_panel,
    campaign_rows,
    planned_days,
    quiet_windows,
    unit_name,
    weekly_units,
)
from opslib.promotions.campaigns.placebo import (
    PAGE_METHODS,
    Lift,
    Stress,
    half_width,
    lift_of,
    placebo_errors,
    stress,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SEEN = 1.645 + 0.842
_PRIOR_WINDOWS = 8
_CREDITED = ("sales", "low", "high", "gain", "gain_low", "gain_high", "break_even")


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What a campaign brought in money; unknown (NaN) where others ran along with it.

    Attributes:
        sales: Sales with the campaign less sales without it, after the discount.
        low: Lower end of the added sales.
        high: Upper end.
        gain: Margin added, less the discount given and the campaign's cost.
        gain_low: Its lower end.
        gain_high: Its upper end.
        cost: Cost of the campaign beside the discount, for the days and units judged.
        break_even: Lift at which the gain is zero; infinite where no lift pays.
    """

    sales: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float
    cost: float
    break_even: float


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One campaign judged: its panel, lift, money and the stress card behind them.

    Attributes:
        campaign: The campaign.
        promotion: Its rows of `promotions`.
        panel: Sales of its weeks and those before, by unit.
        lift: What it added in units.
        money: Units, amount paid and usual price of its whole weeks, and its cost, by
            the share of its days and units that are judged.
        days: Days judged (whole weeks).
        planned: Days from its first start to its last end.
        pre_weeks: Weeks before the start that were asked for.
        stressed: The stress card.
        methods: One row for each method: method, relative, low, high, taken.
        places: One row for each unit: unit, relative, low, high, units (added).
    """

    campaign: str
    promotion: pd.DataFrame
    panel: Panel
    lift: Lift
    money: dict[str, float]
    days: int
    planned: int
    pre_weeks: int
    stressed: Stress
    methods: pd.DataFrame
    places: pd.DataFrame


def newest(promotions: pd.DataFrame, *, day: dt.date, campaign: str = "") -> str:
    """Return the campaign asked for, or the newest of a week or more that is over.

    Where none is over, the newest that has run for a week. Campaigns under seven days
    are passed over: a lift is counted in whole weeks.

    Raises:
        ValueError: The campaign is unknown, or none has run for a week.

    Example:
        >>> plan = pd.DataFrame({"promotion": ["LONG", "WEEKEND"], "starts": ["2026-01-05", "2026-01-09"],
        ...     "ends": ["2026-01-25", "2026-01-11"]})
        >>> newest(plan, day=dt.date(2026, 1, 31))
        'LONG'
    """
    if campaign:
        return str(campaign_rows(promotions, campaign)["promotion"].iloc[0])
    when = {c: pd.to_datetime(promotions[c]) for c in ("starts", "ends")}
    by = (
        promotions.assign(**when)
        .groupby("promotion")
        .agg(starts=("starts", "min"), ends=("ends", "max"))
    )
    week = pd.Timedelta(days=6)
    ran = by[
        (by["starts"] + week <= pd.Timestamp(day)) & (by["ends"] - by["starts"] >= week)
    ]
    if ran.empty:
        msg = (
            f"no campaign had run for a week on {day} ({len(by)} are known; those under seven days are too short to judge); "
            "load promotions that started earlier"
        )
        raise ValueError(msg)
    over = ran[ran["ends"] <= pd.Timestamp(day)]
    found = (over if len(over) else ran).reset_index()
    return str(found.sort_values(["starts", "promotion"])["promotion"].iloc[-1])


def judge_campaign(
    sales: pd.DataFrame, promotions: pd.DataFrame, *, campaign: str, day: dt.date,
    pre_weeks: int = 26, confidence: float = 0.9,
) -> Judged:  # fmt: skip
    """Return what a campaign added, with the stress card of campaigns like it.

    The card is made on stretches as long as the campaign and groups as large, at all
    dates known on the day, of units without any campaign.

    Args:
        sales: Rows of `daily_sales`.
        promotions: Rows of `promotions`.
        campaign: The campaign, or empty for the newest that is over.
        day: Last day known.
        pre_weeks: Weeks before the start used for comparison.
        confidence: Coverage of the intervals.

    Raises:
        ValueError: The campaign is unknown, is too short, has too short a past, or the
            history holds fewer than 20 quiet dates and places.
    """
    campaign = newest(promotions, day=day, campaign=campaign)
    panel = campaign_panel(
        sales, promotions, campaign=campaign, pre_weeks=pre_weeks, until=day
    )
    stressed = _card(sales, promotions, panel, day=day, confidence=confidence)
    rows = []
    for method in PAGE_METHODS:
        one = lift_of(panel, replace(stressed, taken=method))
        rows.append(
            {
                "method": method,
                "relative": one.effect.relative,
                "low": one.low,
                "high": one.high,
                "taken": method == stressed.taken,
            }
        )
    own = campaign_rows(promotions, campaign)
    return Judged(
        campaign=campaign,
        promotion=own,
        panel=panel,
        lift=lift_of(panel, stressed),
        stressed=stressed,
        money=_money(sales, own, panel),
        days=7 * (len(panel.frame) - panel.start),
        planned=planned_days(own),
        pre_weeks=pre_weeks,
        methods=pd.DataFrame(rows),
        places=_places(panel, stressed),
    )


def worth(judged: Judged, *, margin: float, cost: float | None = None) -> Worth:
    """Return what a campaign brought in money, at a margin and a cost.

    Without the campaign, the units would have been sold at the usual price (the mean
    price of the same units before the start). The discount to those who would have
    bought anyway is so part of what the campaign cost. Where other campaigns ran in
    the same places and weeks, nothing is credited: all but the cost is NaN.

    Args:
        judged: What `judge_campaign` returned.
        margin: Share of the usual price that is left after the goods' cost.
        cost: Cost beside the discount; None for what `promotions` says of the days and
            units judged.

    Example:
        A lift of a quarter sold 125 units for 9 instead of 100 for 10:

        >>> _worth(actual=125, paid=1125, usual=10, margin=0.4, lift=0.25)
        (125.0, -25.0)
    """
    told = judged.money
    cost = told["cost"] if cost is None else cost
    if judged.panel.together:
        return Worth(**dict.fromkeys(_CREDITED, float("nan")), cost=cost)
    base = {
        "actual": told["units"],
        "paid": told["paid"],
        "usual": told["usual"],
        "margin": margin,
    }
    found = [
        _worth(lift=x, **base)
        for x in (judged.lift.effect.relative, judged.lift.low, judged.lift.high)
    ]
    spare = told["paid"] - told["units"] * told["usual"] * (1 - margin) - cost
    needed = (
        told["units"] * told["usual"] * margin / spare - 1
        if spare > 0
        else float("inf")
    )
    return Worth(
        sales=found[0][0],
        low=found[1][0],
        high=found[2][0],
        gain=found[0][1] - cost,
        gain_low=found[1][1] - cost,
        gain_high=found[2][1] - cost,
        cost=cost,
        break_even=needed,
    )


def all_campaigns(
    sales: pd.DataFrame,
    promotions: pd.DataFrame,
    judged: Judged,
    *,
    day: dt.date,
    margin: float,
) -> pd.DataFrame:
    """Return every campaign that can be judged, each as its own page would judge it.

    Campaigns as long, in as many places and with as long a past as another share its
    stress card; what cannot be judged (too short, too short a past, no place to
    compare with, too few quiet dates) is left out.

    Returns:
        Newest first: campaign, starts, relative, low, high, sales, gain, gain_low,
        gain_high, together (campaigns in the same places and weeks, for which sales
        and gain are NaN).
    """
    rows, cards = [], {_shape(judged.panel): judged.stressed}
    for campaign, own in promotions.groupby("promotion", sort=False):
        try:
            panel = campaign_panel(
                sales,
                promotions,
                campaign=str(campaign),
                pre_weeks=judged.pre_weeks,
                until=day,
            )
            shape = _shape(panel)
            if shape not in cards:
                cards[shape] = _card(
                    sales,
                    promotions,
                    panel,
                    day=day,
                    confidence=judged.stressed.confidence,
                )
            lift = lift_of(panel, cards[shape])
        except ValueError:
            continue
        one = replace(judged, panel=panel, lift=lift, money=_money(sales, own, panel))
        told = worth(one, margin=margin)
        rows.append(
            {
                "campaign": campaign,
                "starts": own["starts"].min(),
                "relative": lift.effect.relative,
                "low": lift.low,
                "high": lift.high,
                "sales": told.sales,
                "gain": told.gain,
                "gain_low": told.gain_low,
                "gain_high": told.gain_high,
                "together": ", ".join(panel.together),
            }
        )
    return pd.DataFrame(rows).sort_values("starts", ascending=False, ignore_index=True)


def design(
    sales: pd.DataFrame,
    promotions: pd.DataFrame,
    judged: Judged,
    *,
    day: dt.date,
    weeks: Sequence[int] = (2, 4, 6, 8),
) -> pd.DataFrame:
    """Return tests that could be run next in the campaign's category, and what each would see.

    For each length and number of places, groups of places are tried on past stretches
    without a campaign; the group whose errors were smallest on the older half is
    shown with the errors of the newer half. A lift is seen when it exceeds 2.49
    standard errors: a chance of 80 % to claim it, of 5 % to claim one that is none.

    Returns:
        Columns weeks, places, names, share (of the category's sales), error (one
        standard error, a share), smallest (lift seen with a chance of 80 %).
    """
    category = str(judged.promotion["category"].iloc[0])
    before = -int(judged.panel.frame.index[0])
    recent = (
        weekly_units(sales, origin=day + dt.timedelta(days=1)).iloc[-before:].mean()
    )
    level = recent[[u for u in recent.index if u.split(",")[0] == category]]
    rows = []
    for length in weeks:
        windows = quiet_windows(
            sales,
            promotions,
            weeks=length,
            until=day + dt.timedelta(days=1),
            pre_weeks=before,
            most=12,
        )
        for size in (1, 2, 3, 4):
            rows += _best_group(
                windows, size, judged.stressed.taken, level / level.sum()
            )
    frame = pd.DataFrame(
        rows, columns=["weeks", "places", "names", "share", "error", "smallest"]
    )
    return frame.sort_values(["weeks", "places"], ignore_index=True)


def chance_seen(error: float, lift: float) -> float:
    """Return the chance that a test with a standard error claims a true lift.

    Example:
        >>> round(chance_seen(0.04, 0.1), 2)
        0.77
    """
    from scipy.special import ndtr

    return float(ndtr(np.log1p(lift) / max(error, 1e-9) - 1.645))


def _shape(panel: Panel) -> tuple[int, int, int]:
    """Return weeks judged, places and weeks before: what a stress card depends on."""
    return len(panel.frame) - panel.start, len(panel.treated), panel.start


def _card(
    sales: pd.DataFrame,
    promotions: pd.DataFrame,
    panel: Panel,
    *,
    day: dt.date,
    confidence: float,
) -> Stress:
    """Return the stress card of campaigns of a panel's shape."""
    weeks, places, before = _shape(panel)
    windows = quiet_windows(
        sales,
        promotions,
        weeks=weeks,
        until=day + dt.timedelta(days=1),
        pre_weeks=before,
    )
    errors = placebo_errors(windows, size=places, methods=PAGE_METHODS, most=12)
    return stress(errors, confidence=confidence)


def _best_group(
    windows: list[Panel], size: int, method: str, shares: pd.Series
) -> list[dict[str, object]]:
    errors = placebo_errors(windows, size=size, methods=[method], most=36, seed=size)
    if errors.empty:
        return []
    half = errors["window"].median()
    names = errors["units"].map(lambda u: tuple(sorted(u)))
    own = errors.assign(names=names)[
        names.map(lambda n: len(n) == size and set(n) <= set(shares.index))
    ]
    pooled = float((errors["error"] ** 2).mean())
    squares = own.assign(square=own["error"] ** 2, old=own["window"] <= half)
    older = squares[squares["old"]].groupby("names")["square"].agg(["sum", "size"])
    if older.empty:
        return []
    names = (
        (older["sum"] + _PRIOR_WINDOWS * pooled) / (older["size"] + _PRIOR_WINDOWS)
    ).idxmin()
    newer = squares[~squares["old"] & (squares["names"] == names)]["square"]
    error = float(
        np.sqrt((newer.sum() + _PRIOR_WINDOWS * pooled) / (len(newer) + _PRIOR_WINDOWS))
    )
    last = windows[-1]
    places = ", ".join(n.split(", ", 1)[1] for n in names)
    return [
        {
            "weeks": len(last.frame) - last.start,
            "places": size,
            "names": places,
            "share": float(shares[list(names)].sum()),
            "error": error,
            "smallest": float(np.expm1(SEEN * error)),
        }
    ]


def _places(panel: Panel, stressed: Stress) -> pd.DataFrame:
    """Return the lift of each unit; its interval is as much wider as it moved more before."""
    method = stressed.taken
    past = stressed.errors[stressed.errors["method"] == method]
    found = {
        u: estimate(
            replace(panel, frame=panel.frame[[*panel.donors, u]], treated=(u,)), method
        )
        for u in panel.treated
    }
    half = half_width(
        past["error"].to_numpy(),
        past["spread"].to_numpy(),
        np.array([abs(e.spread / e.expected) for e in found.values()]),
        stressed.confidence,
    )
    rows = []
    for (unit, effect), wide in zip(found.items(), half, strict=True):
        middle = np.log(max(1e-6, 1 + effect.relative))
        low, high = np.expm1([middle - wide, middle + wide])
        added = (
            effect.effect * float(panel.sizes[unit]) * (len(panel.frame) - panel.start)
        )
        rows.append(
            {
                "unit": unit,
                "relative": effect.relative,
                "low": low,
                "high": high,
                "units": added,
            }
        )
    return pd.DataFrame(rows).sort_values("units", ascending=False, ignore_index=True)


def _money(sales: pd.DataFrame, own: pd.DataFrame, panel: Panel) -> dict[str, float]:
    first = pd.Timestamp(own["starts"].min())
    at = (pd.to_datetime(sales["day"]) - first).dt.days // 7
    units = (
        sales["category"].fillna("all").astype(str)
        + ", "
        + sales["region"].fillna("all").astype(str)
    )
    mine = units.isin(panel.treated)
    during = sales[mine & at.isin(panel.frame.index[panel.start :])]
    before = sales[mine & at.isin(panel.frame.index[: panel.start])]
    return {
        "units": float(during["units"].sum()),
        "paid": float(during["amount"].sum()),
        "usual": float(before["amount"].sum() / max(1e-9, before["units"].sum())),
        "cost": _cost(own, panel, first),
    }


def _cost(own: pd.DataFrame, panel: Panel, first: pd.Timestamp) -> float:
    """Return the cost of a campaign's days that are judged, in the units judged.

    A cost that stands in some rows only is that of all rows together.
    """
    if "cost" not in own or own["cost"].isna().all():
        return 0.0
    each = own["cost"].astype(float)
    if each.isna().any():
        each = pd.Series(each.sum() / len(own), index=each.index)
    last = first + pd.Timedelta(days=7 * (len(panel.frame) - panel.start) - 1)
    starts, ends = pd.to_datetime(own["starts"]), pd.to_datetime(own["ends"])
    days = (ends.clip(upper=last) - starts).dt.days + 1
    judged = [
        unit_name(r.category, r.region) in panel.treated for r in own.itertuples()
    ]
    share = days.clip(lower=0) / ((ends - starts).dt.days + 1)
    return float((each * share)[judged].sum())


def _worth(
    *, actual: float, paid: float, usual: float, margin: float, lift: float
) -> tuple[float, float]:
    without = actual / (1 + lift)
    goods = usual * (1 - margin)
    return paid - without * usual, paid - actual * goods - without * usual * margin
