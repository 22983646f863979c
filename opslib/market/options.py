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
NEEDED = ("option", "step", "starts", "feature", "price", "unit_cost")


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
        revenue: Revenue of each option in each draw, as columns.
        cost: Cost of units likewise.
        spend: Spend once of each option.
        stay: The option that changes nothing.
        category: Category compared.
        unknown: Share of the category's sales with sellers that people were not asked about.
    """

    table: pd.DataFrame
    months: pd.DataFrame
    revenue: pd.DataFrame
    cost: pd.DataFrame
    spend: pd.Series
    stay: str
    category: str
    unknown: float


def compare(
    options: pd.DataFrame,
    tastes: Tastes,
    rivals: pd.DataFrame,
    sales: pd.DataFrame,
    told: Trend,
    *,
    day: dt.date,
    months: int = 12,
) -> Comparison:
    """Compare options step by step over the months ahead.

    Each draw is one state of the world: one set of replicate weights for what people
    value, one course of the market's size, one swing of shares. All options are worked
    out in the same draws, so that their differences hold less chance than themselves.
    Today's offers are first brought to the shares they have in sales; sellers that people
    were not asked about keep theirs. A step counts from the first month that begins on
    or after its start; before its first step an option is as staying. Spend falls in its month; `reach` is the share of
    buyers who can get our product, and choices are limited to them.
    Assumes that the others keep feature and price.

    Args:
        options: One row a step: option, step, kind, category, starts, feature, price,
            unit_cost, spend, reach. The option of kind `none` is staying as now.
        tastes: What people value.
        rivals: day, category, seller, price of the others; may be empty.
        sales: month, category, seller, units, amount.
        told: The market's course, for size and swing.
        day: Today.
        months: Months ahead.

    Raises:
        ValueError: A column lacks, no option stays as now, or a feature was never shown.
    """
    checks.columns(options, NEEDED, "options")
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
    world = _world(told, len(tastes.sets.weights), months)
    calendar = pd.date_range(
        pd.Timestamp(day).to_period("M").to_timestamp(), periods=months + 1, freq="MS"
    )[1:]
    memo: dict[tuple, npt.NDArray] = {}
    course, revenue, cost, spend = [], {}, {}, {}
    for name, steps in plans.items():
        money = np.zeros((2, len(world)))
        for m, month in enumerate(calendar):
            begun = steps[pd.to_datetime(steps["starts"]) <= month]
            step = begun.iloc[-1] if len(begun) else base
            share = _taken(step, base, tastes, offers, lift, memo) * (1 - unknown)
            money += (
                units[m % len(units)]
                * world[:, m]
                * share
                * np.array([[step["price"]], [step["unit_cost"]]], float)
            )
            course.append((name, month, share))
        begun = steps[pd.to_datetime(steps["starts"]) <= calendar[-1]]
        revenue[name], cost[name] = money
        spend[name] = float(
            pd.to_numeric(begun.get("spend", pd.Series(dtype=float)), errors="coerce")
            .fillna(0)
            .sum()
        )
    whole, out, once = pd.DataFrame(revenue), pd.DataFrame(cost), pd.Series(spend)
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
        revenue=whole,
        cost=out,
        spend=once,
        stay=stay,
        category=category,
        unknown=unknown,
    )


def plan(
    options: pd.DataFrame,
    tastes: Tastes,
    rivals: pd.DataFrame,
    sales: pd.DataFrame,
    *,
    ours: str,
    day: dt.date,
    months: int = 12,
) -> Comparison:
    """Compare options as `compare` does, with the market's course worked out from its sales."""
    return compare(
        options,
        tastes,
        rivals,
        sales,
        trend.market_trend(sales, rivals, ours=ours),
        day=day,
        months=months,
    )


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
    for k in (key, (base["feature"], float(base["price"]))):
        if k not in memo:
            tried = offers.copy()
            tried.loc[tried.index[0], ["feature", "price"]] = k
            memo[k] = simulate.simulate(tastes, tried, lift=lift)[1:, 0]
    reach, now = (
        float(x) if pd.notna(x := s.get("reach")) and x > 0 else 1.0
        for s in (step, base)
    )
    return np.minimum(memo[key] * reach / now, 1.0)


def _range(values: npt.ArrayLike) -> tuple[float, float, float]:
    return float(np.mean(values)), *(
        float(x) for x in np.quantile(values, [0.05, 0.95])
    )
