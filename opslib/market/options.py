"""This module owns options to choose from: share, revenue, profit and risk on the same draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market import trend
from opslib.market.choosing import simulate

if TYPE_CHECKING:
    import datetime as dt

    import numpy.typing as npt

    from opslib.market.choosing.simulate import Tastes
    from opslib.market.trend import Trend

SEED = 11
FOLLOWED = (0.0, 0.5, 1.0)  # answers of the others that are simulated; others between
NEEDED = ("option", "step", "starts", "feature", "price", "unit_cost")


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What the time ahead is taken to be.

    Attributes:
        day: Today.
        months: Months ahead.
        follow: Least and most share of a price move of ours that the others follow: 0
            they keep their prices, 1 they move by as many per cent as we.
    """

    day: dt.date
    months: int = 12
    follow: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What each option brings, all on the same draws.

    Attributes:
        table: One row an option, most expected profit first: option, kind, share, revenue,
            profit, each with _low and _high (in money over the months ahead); more,
            more_low, more_high (profit over staying as now, on the same draws); worse
            (chance of less profit than staying), bad (profit in the worst of ten draws), best
            (chance of being the most profitable).
        months: option, month, share, low, high.
        revenue: Option to its revenue in each draw (columns), one row for each of `FOLLOWED`.
        cost: Cost of units likewise.
        spend: Spend once of each option.
        stay: The option that changes nothing.
        category: Category compared.
        unknown: Share of the category's sales with sellers that people were not asked about.
        follow: Share of our price moves that the others follow in each draw.
        ahead: What the time ahead was taken to be.
    """

    table: pd.DataFrame
    months: pd.DataFrame
    revenue: dict[str, npt.NDArray[np.float64]]
    cost: dict[str, npt.NDArray[np.float64]]
    spend: pd.Series
    stay: str
    category: str
    unknown: float
    follow: npt.NDArray[np.float64]
    ahead: Ahead


def compare(
    options: pd.DataFrame,
    tastes: Tastes,
    rivals: pd.DataFrame,
    sales: pd.DataFrame,
    told: Trend,
    ahead: Ahead,
) -> Comparison:
    """Compare options step by step over the months ahead.

    Each draw is one state of the world: one set of replicate weights for what people
    value, one course of the market's size, one swing of shares. All options are worked
    out in the same draws, so that their differences hold less chance than themselves.
    Today's offers are first brought to the shares they have in sales; sellers that people
    were not asked about keep theirs. A step counts from the first month that begins on
    or after its start; before its first step an option is as staying. Spend falls in its month; `reach` is the share of
    buyers who can get our product, and choices are limited to them.
    Assumes that the others keep their features, and that in each draw they follow a price
    move of ours by one share of it, drawn evenly from `ahead.follow`, at once and in
    every step (shares in between come from those at `FOLLOWED`, by a square curve).

    Args:
        options: One row a step: option, step, kind, category, starts, feature, price,
            unit_cost, spend, reach. The option of kind `none` is staying as now.
        tastes: What people value.
        rivals: day, category, seller, price of the others; may be empty.
        sales: month, category, seller, units, amount.
        told: The market's course, for size and swing.
        ahead: Today, months ahead, and how far the others follow.

    Raises:
        ValueError: A column lacks, no option stays as now, a feature was never shown, or
            the others follow less than nothing or more than all.
    """
    checks.columns(options, NEEDED, "options")
    least, most = ahead.follow
    checks.between(most, "most that the others follow", low=0, high=1)
    checks.between(least, "least that the others follow", low=0, high=most)
    kinds = options.get("kind", pd.Series("", index=options.index))
    stay = options.loc[kinds == "none", "option"]
    if stay.empty:
        msg = f"options {sorted(options['option'].unique())} hold none of kind 'none'; add the option that changes nothing, to compare with."
        raise ValueError(msg)
    stay, category = str(stay.iloc[0]), str(options["category"].iloc[0])
    checks.one_of(category, "category of the options", sales["category"].unique())
    plans = {
        str(name): steps.sort_values("starts")
        for name, steps in options.groupby("option", sort=False)
    }
    base = plans[stay].iloc[0]
    offers = simulate.todays_offers(
        tastes,
        rivals,
        category=category,
        feature=base["feature"],
        price=float(base["price"]),
    )
    units, known, unknown = _market(sales, category, offers)
    lift = simulate.known_shares(tastes, offers, known)
    world = _world(told, len(tastes.sets.weights), ahead.months)
    follow = np.random.default_rng(SEED + 1).uniform(least, most, len(world))
    start = pd.Timestamp(ahead.day).to_period("M").to_timestamp()
    calendar = pd.date_range(start, periods=ahead.months + 1, freq="MS")[1:]
    memo: dict[tuple, npt.NDArray] = {}
    course, revenue, cost, spend = [], {}, {}, {}
    for name, steps in plans.items():
        money = np.zeros((2, len(FOLLOWED), len(world)))
        for m, month in enumerate(calendar):
            begun = steps[pd.to_datetime(steps["starts"]) <= month]
            step = begun.iloc[-1] if len(begun) else base
            share = _taken(step, base, tastes, offers, lift, memo) * (1 - unknown)
            money += (
                units[m % len(units)]
                * world[:, m]
                * share
                * np.array([[[step["price"]]], [[step["unit_cost"]]]], float)
            )
            course.append((name, month, _between(share, follow)))
        begun = steps[pd.to_datetime(steps["starts"]) <= calendar[-1]]
        revenue[name], cost[name] = money
        spend[name] = float(
            pd.to_numeric(begun.get("spend", pd.Series(dtype=float)), errors="coerce")
            .fillna(0)
            .sum()
        )
    once = pd.Series(spend)
    whole, out = (_drawn(money, follow) for money in (revenue, cost))
    table = weigh_up(whole, out, once, stay=stay)
    mean = {
        o: _range(np.mean([x for name, _, x in course if name == o], axis=0))
        for o in plans
    }
    table[["share", "share_low", "share_high"]] = [mean[o] for o in table["option"]]
    table["kind"] = [str(plans[o]["kind"].iloc[0]) for o in table["option"]]
    return Comparison(
        table=table,
        months=pd.DataFrame(
            [(n, m, *_range(x)) for n, m, x in course],
            columns=["option", "month", "share", "low", "high"],
        ),
        revenue=revenue,
        cost=cost,
        spend=once,
        stay=stay,
        category=category,
        unknown=unknown,
        follow=follow,
        ahead=ahead,
    )


def plan(
    options: pd.DataFrame,
    tastes: Tastes,
    rivals: pd.DataFrame,
    sales: pd.DataFrame,
    *,
    ours: str,
    ahead: Ahead,
) -> Comparison:
    """Compare options as `compare` does, with the market's course worked out from its sales."""
    return compare(
        options,
        tastes,
        rivals,
        sales,
        trend.market_trend(sales, rivals, ours=ours),
        ahead,
    )


def followed(
    found: Comparison, share: float | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return revenue and cost of each option in each draw, where the others follow less or more.

    Args:
        found: The comparison.
        share: Mean share of our price moves that the others follow; the draws are shifted
            to it. By default as drawn.
    """
    shift = 0.0 if share is None else share - float(np.mean(found.ahead.follow))
    follow = np.clip(found.follow + shift, 0, 1)
    return _drawn(found.revenue, follow), _drawn(found.cost, follow)


def weigh_up(
    revenue: pd.DataFrame, cost: pd.DataFrame, spend: pd.Series, *, stay: str
) -> pd.DataFrame:
    """Return what each option brings and risks beside staying, in the same draws.

    Args:
        revenue: Revenue of each option (columns) in each draw.
        cost: Cost of its units likewise.
        spend: Spend once of each option.
        stay: The option that changes nothing.

    Example:
        >>> r, c = pd.DataFrame({"stay": [10.0, 12.0], "go": [14.0, 16.0]}), pd.DataFrame({"stay": [5.0, 6.0], "go": [6.0, 7.0]})
        >>> weigh_up(r, c, pd.Series({"stay": 0.0, "go": 1.0}), stay="stay")[["option", "more", "worse"]].to_numpy().tolist()
        [['go', 2.0, 0.0], ['stay', 0.0, 0.0]]
    """
    profit = revenue - cost - spend
    more, top = profit.sub(profit[stay], axis=0), profit.to_numpy().argmax(axis=1)
    rows = [
        (
            o,
            *_range(revenue[o]),
            *_range(profit[o]),
            *_range(more[o]),
            float((more[o] < 0).mean()),
            float(profit[o].quantile(0.1)),
            float((top == k).mean()),
        )
        for k, o in enumerate(profit.columns)
    ]
    names = [
        f"{n}{e}" for n in ("revenue", "profit", "more") for e in ("", "_low", "_high")
    ]
    return pd.DataFrame(
        rows, columns=["option", *names, "worse", "bad", "best"]
    ).sort_values("profit", ascending=False, ignore_index=True)


def happened(
    kept: pd.DataFrame, options: pd.DataFrame, sales: pd.DataFrame, *, ours: str
) -> pd.DataFrame:
    """Return what earlier runs foretold of the chosen option beside what came.

    Returns:
        option, due, low, middle, high, actual, held; empty until an option is marked
        chosen and a month of it is known.
    """
    empty = pd.DataFrame(
        columns=["option", "due", "low", "middle", "high", "actual", "held"]
    )
    if (
        not len(kept)
        or "chosen" not in options
        or not options["chosen"].fillna(False).any()
    ):
        return empty
    chosen, category = (
        options.loc[options["chosen"].fillna(False).astype(bool), "option"].unique(),
        options["category"].iloc[0],
    )
    some = sales[sales["category"] == category].assign(
        month=lambda f: pd.to_datetime(f["month"])
    )
    amount = some.pivot_table(
        index="month", columns="seller", values="units", aggfunc="sum"
    )
    actual = (amount[ours] / amount.sum(axis=1)).rename("actual")
    out = kept[kept["option"].isin(chosen)].assign(
        month=lambda f: pd.to_datetime(f["due"]).dt.to_period("M").dt.to_timestamp()
    )
    out = out.rename(columns=lambda c: c.removeprefix("q"))
    out = out.merge(actual, left_on="month", right_index=True).rename(
        columns={"0.1": "low", "0.5": "middle", "0.9": "high"}
    )
    return (
        out.assign(held=out["actual"].between(out["low"], out["high"]))[
            list(empty.columns)
        ]
        if len(out)
        else empty
    )


def _market(
    sales: pd.DataFrame, category: str, offers: pd.DataFrame
) -> tuple[npt.NDArray, npt.NDArray, float]:
    """Return units by coming month, shares of the offers' brands, and the share of all others."""
    some = sales[sales["category"] == category].assign(
        month=lambda f: pd.to_datetime(f["month"])
    )
    units = (
        some.pivot_table(index="month", columns="seller", values="units", aggfunc="sum")
        .fillna(0)
        .iloc[-12:]
    )
    last = units.iloc[-3:].sum()
    asked = last.reindex(offers["brand"]).fillna(0).to_numpy(float)
    if (asked <= 0).any():
        msg = f"{offers['brand'].iloc[int(np.argmin(asked))]!r} has no sales in {category!r}; give the brands of the choices the names they have in market_sales."
        raise ValueError(msg)
    return (
        units.sum(axis=1).to_numpy(float),
        asked / asked.sum(),
        float(1 - asked.sum() / last.sum()),
    )


def _world(told: Trend, draws: int, months: int) -> npt.NDArray[np.float64]:
    """Return the market's size in each draw and month, as a factor on the same month last year."""
    rng = np.random.default_rng(SEED)
    known = told.size.dropna(subset="amount")
    swing = np.log(known["amount"] / known["fitted"])
    grown = np.log1p(told.growth.value) + rng.normal(0, told.growth.error, draws)
    level = rng.normal(0, float(swing.std()) / 2, draws)[:, None] + rng.normal(
        0, float(swing.std()), (draws, months)
    )
    return np.exp(grown[:, None] + level)


def _taken(
    step: pd.Series,
    base: pd.Series,
    tastes: Tastes,
    offers: pd.DataFrame,
    lift: npt.NDArray,
    memo: dict,
) -> npt.NDArray[np.float64]:
    key = (step["feature"], float(step["price"]))
    if key not in memo:
        moved = key[1] / float(base["price"]) - 1
        each = []
        for share in FOLLOWED:
            tried = offers.assign(price=offers["price"] * (1 + share * moved))
            tried.loc[tried.index[0], ["feature", "price"]] = key
            each.append(simulate.simulate(tastes, tried, lift=lift)[1:, 0])
        memo[key] = np.array(each)
    reach, now = (
        float(x) if pd.notna(x := s.get("reach")) and x > 0 else 1.0
        for s in (step, base)
    )
    return np.minimum(memo[key] * reach / now, 1.0)


def _drawn(
    money: dict[str, npt.NDArray[np.float64]], follow: npt.NDArray[np.float64]
) -> pd.DataFrame:
    return pd.DataFrame({o: _between(x, follow) for o, x in money.items()})


def _between(
    values: npt.NDArray[np.float64], follow: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return values at any share followed from those at `FOLLOWED` (rows)."""
    f = follow
    return (
        2 * (f - 0.5) * (f - 1) * values[0]
        + 4 * f * (1 - f) * values[1]
        + 2 * f * (f - 0.5) * values[2]
    )


def _range(values: npt.ArrayLike) -> tuple[float, float, float]:
    return float(np.mean(values)), *(
        float(x) for x in np.quantile(values, [0.05, 0.95])
    )
