"""This module owns the market room's what-ifs: ratings, prices, features, options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from opslib import words
from opslib.findings import heading
from opslib.market import options
from opslib.market.answer import _part, chance, points, profits_table
from opslib.market.choosing import prices, simulate
from opslib.show import Outcome, Slider, WhatIf
from opslib.words import catalogue

if TYPE_CHECKING:
    import pandas as pd

    from opslib.market.choosing.prices import PriceStudy
    from opslib.market.choosing.simulate import Tastes
    from opslib.market.options import Comparison
    from opslib.market.survey.study import Study
    from opslib.market.trend import Trend

say = catalogue(__package__ or "opslib.market")


def ratings(study: Study) -> WhatIf:
    """Return a slider for the rating of each side; the score follows with its range."""
    waves, scale, (slope, again) = study.waves, study.sets.scale, study.gains
    parts, now = (
        study.driving.sort_values("at")["part"].tolist(),
        float(waves["score"].iloc[-1]),
    )
    error = float(waves["high"].iloc[-1] - waves["low"].iloc[-1]) / 3.92

    def compute(**steps: float) -> Outcome:
        step = np.array([steps[p] for p in parts])
        moved = again @ step
        spread = float(np.sqrt(error**2 + (scale * (moved - moved.mean()) ** 2).sum()))
        score = min(100.0, now + float(slope @ step))
        return Outcome(
            headline=say(
                "The recommendation score would be near {score} points ({low} to {high}).",
                score=points(score),
                low=points(max(-100, score - 1.96 * spread)),
                high=points(min(100, score + 1.96 * spread)),
            ),
            value=(score, score - 1.96 * spread, score + 1.96 * spread),
        )

    sliders = [
        Slider(
            name=p,
            label=say("Rating of {part}, change", part=_part(p)),
            low=-0.5,
            high=1.0,
            step=0.1,
            value=0.0,
        )
        for p in parts
    ]
    still = dict.fromkeys(parts, 0.0)
    return WhatIf(
        measure=heading(say("Recommendation score"), "number", digits=1),
        sliders=sliders,
        compute=compute,
        cases=[still, *(still | {p: 0.5} for p in parts)],
    )


def price(study: PriceStudy, *, price_now: float, currency: str) -> WhatIf:
    """Return sliders for price and unit cost; buyers, revenue and profit follow."""
    grid, found = study.demand.curve["price"], study.demand
    low, high = float(np.ceil(grid.iloc[0])), float(np.floor(grid.iloc[-1]))

    def compute(price: float, cost: float) -> Outcome:
        told = prices.steps_of(found, price, cost)
        money = {
            n: [words.money(100 * x, currency) for x in told[n]]
            for n in ("revenue", "profit")
        }
        more = [100 * x for x in prices.gain(found, price_now, price, cost_after=cost)]
        return Outcome(
            headline=say(
                "Of 100 people {buyers} would buy ({blow} to {bhigh}); revenue {revenue} ({rlow} to {rhigh}), profit {profit} ({plow} to {phigh}), {more} ({mlow} to {mhigh}) against today.",
                buyers=words.number(100 * told["buyers"][0], 0),
                blow=words.number(100 * told["buyers"][1], 0),
                bhigh=words.number(100 * told["buyers"][2], 0),
                revenue=money["revenue"][0],
                rlow=money["revenue"][1],
                rhigh=money["revenue"][2],
                profit=money["profit"][0],
                plow=money["profit"][1],
                phigh=money["profit"][2],
                more=words.money(more[0], currency),
                mlow=words.money(more[1], currency),
                mhigh=words.money(more[2], currency),
            ),
            value=tuple(100 * x for x in told["profit"]),
        )

    start = min(max(price_now, low), high)
    sliders = [
        Slider(
            name="price",
            label=say("Price"),
            low=low,
            high=high,
            step=0.5,
            value=start,
            kind="money",
            unit=currency,
        ),
        Slider(
            name="cost",
            label=say("Unit cost"),
            low=0.0,
            high=2 * found.cost,
            step=0.5,
            value=found.cost,
            kind="money",
            unit=currency,
        ),
    ]
    best = round(2 * found.best.value) / 2
    still = {"price": start, "cost": found.cost}
    return WhatIf(
        measure=heading(say("Profit from 100 people"), "money", currency),
        sliders=sliders,
        compute=compute,
        cases=[
            still,
            still | {"price": best},
            still | {"price": round(1.8 * start) / 2},
            still | {"cost": found.cost * 0.9},
        ],
    )


def offer(
    found: Tastes, offers: pd.DataFrame, costs: dict[str, float], *, currency: str
) -> WhatIf:
    """Return sliders for our feature and all prices; share, revenue and profit follow."""
    people = float(found.sets.sample.weights.sum())
    features = [f for f in found.tasks.levels["feature"] if f in costs]
    shown = found.tasks.x[:, found.tasks.names.index("price")]
    now = simulate.simulate(found, offers)[:, 0] * (
        offers["price"].iloc[0] - costs[offers["feature"].iloc[0]]
    )

    def compute(feature: float, **each: float) -> Outcome:
        kind = features[int(feature) - 1]
        tried = offers.assign(price=list(each.values()))
        tried.loc[tried.index[0], "feature"] = kind
        told = simulate.simulate(found, tried)
        share, low, high = simulate.ends(told[:, 0], found.sets)
        margin = tried["price"].iloc[0] - costs[kind]
        cash = {}
        for name, each in {
            "": told[:, 0] * tried["price"].iloc[0],
            "p": told[:, 0] * margin,
            "m": told[:, 0] * margin - now,
        }.items():
            ends = simulate.ends(each * people, found.sets)
            cash[name] = [words.money(x, currency) for x in ends]
        return Outcome(
            headline=say(
                "{kind} at {price} would be chosen by {share} ({low} to {high}); revenue {revenue} ({rlow} to {rhigh}), profit {profit} ({plow} to {phigh}), {more} ({mlow} to {mhigh}) against today.",
                kind=kind,
                price=words.money(tried["price"].iloc[0], currency),
                share=words.percent(share),
                low=words.percent(low),
                high=words.percent(high),
                revenue=cash[""][0],
                rlow=cash[""][1],
                rhigh=cash[""][2],
                profit=cash["p"][0],
                plow=cash["p"][1],
                phigh=cash["p"][2],
                more=cash["m"][0],
                mlow=cash["m"][1],
                mhigh=cash["m"][2],
            ),
            value=tuple(simulate.ends(told[:, 0] * margin * people, found.sets)),
        )

    legend = ", ".join(f"{k + 1} {f}" for k, f in enumerate(features))
    start = {"feature": float(features.index(offers["feature"].iloc[0]) + 1)} | {
        str(o.brand): float(o.price) for o in offers.itertuples()
    }
    sliders = [
        Slider(
            name="feature",
            label=say("Our feature ({legend})", legend=legend),
            low=1,
            high=len(features),
            step=1,
            value=start["feature"],
        )
    ]
    sliders += [
        Slider(
            name=str(o.brand),
            label=say("Price of {brand}", brand=str(o.brand)),
            low=float(shown.min()),
            high=float(shown.max()),
            step=0.5,
            value=float(o.price),
            kind="money",
            unit=currency,
        )
        for o in offers.itertuples()
    ]
    ours = str(offers["brand"].iloc[0])
    cases = [
        start,
        *(
            start | {"feature": k + 1.0}
            for k in range(len(features))
            if k + 1.0 != start["feature"]
        ),
        start | {ours: start[ours] + 2},
        start | {ours: start[ours] - 2},
    ]
    return WhatIf(
        measure=heading(say("Profit"), "money", currency),
        sliders=sliders,
        compute=compute,
        cases=cases,
    )


def share(told: Trend, *, category: str = "", currency: str) -> WhatIf:
    """Return sliders for share won in a category and growth; our coming sales follow."""
    ahead = told.size[told.size["amount"].isna()]
    last = told.shares[
        told.shares["month"] > told.shares["month"].max() - np.timedelta64(365, "D")
    ]
    weight = last.groupby("category")["size"].sum() / last["size"].sum()
    name = category if category in weight else str(told.changes["category"].iloc[0])

    def compute(won: float, growth: float) -> Outcome:
        share = told.now.value + won / 100 * float(weight[name])
        rise = np.exp(
            (np.arange(len(ahead)) + 1)
            / 12
            * np.log((1 + growth) / (1 + told.growth.value))
        )
        sales, sure = (
            float((ahead["fitted"] * rise).sum()) * share,
            told.now.error / max(share, 1e-9),
        )
        side = [
            float(
                np.hypot(
                    (ahead[c] * rise).sum() / (ahead["fitted"] * rise).sum() - 1,
                    1.96 * sure,
                )
            )
            for c in ("low", "high")
        ]
        return Outcome(
            headline=say(
                "Our sales of the next {months} months would be near {sales} ({low} to {high}) at a share of {share}.",
                months=words.number(len(ahead)),
                sales=words.money(sales, currency),
                low=words.money(sales * (1 - side[0]), currency),
                high=words.money(sales * (1 + side[1]), currency),
                share=words.percent(share, 1),
            ),
            value=(sales, sales * (1 - side[0]), sales * (1 + side[1])),
        )

    still = {"won": 0.0, "growth": round(told.growth.value, 2)}
    sliders = [
        Slider(
            name="won",
            label=say("Share won in {category} (points)", category=name),
            low=-5,
            high=10,
            step=0.5,
            value=0.0,
        ),
        Slider(
            name="growth",
            label=say("Growth of the market a year"),
            low=-0.2,
            high=0.3,
            step=0.01,
            value=still["growth"],
            kind="percent",
        ),
    ]
    return WhatIf(
        measure=heading(say("Our sales of the coming months"), "money", currency),
        sliders=sliders,
        compute=compute,
        cases=[
            still,
            still | {"won": 3.0},
            still | {"won": 6.0},
            still | {"growth": 0.0},
            still | {"won": 3.0, "growth": -0.05},
        ],
    )


def option(found: Comparison, *, currency: str) -> WhatIf:
    """Return sliders for market, cost, spend and the others' answer; the best option follows."""

    def compute(market: float, cost: float, spend: float, follow: float) -> Outcome:
        revenue, units = options.followed(found, follow)
        table = options.weigh_up(
            revenue * (1 + market),
            units * (1 + market) * (1 + cost),
            found.spend * (1 + spend),
            stay=found.stay,
        )
        best = table.iloc[0]
        return Outcome(
            headline=say(
                "{option} would earn most: {profit} ({low} to {high}), {more} over staying as now; the chance of less is {risk}.",
                option=str(best["option"]),
                profit=words.money(best["profit"], currency),
                low=words.money(best["profit_low"], currency),
                high=words.money(best["profit_high"], currency),
                more=words.money(best["more"], currency),
                risk=chance(best["worse"]),
            ),
            table=profits_table(table, currency),
            value=tuple(best[["profit", "profit_low", "profit_high"]]),
        )

    still = {"market": 0.0, "cost": 0.0, "spend": 0.0}
    still["follow"] = float(np.mean(found.ahead.follow))
    ends = {"spend": (0.0, 2.0), "follow": (0.0, 1.0)}
    labels = {
        "market": say("Market larger or smaller"),
        "cost": say("Unit costs higher or lower"),
        "spend": say("Spend over plan"),
        "follow": say("How far the others follow our price"),
    }
    sliders = [
        Slider(
            name=n,
            label=labels[n],
            low=ends.get(n, (-0.3, 0.3))[0],
            high=ends.get(n, (-0.3, 0.3))[1],
            step=0.05,
            value=still[n],
            kind="percent",
        )
        for n in still
    ]
    return WhatIf(
        measure=heading(say("Profit of the best option"), "money", currency),
        sliders=sliders,
        compute=compute,
        cases=[
            still,
            still | {"market": -0.2},
            still | {"cost": 0.1},
            still | {"spend": 1.0},
            still | {"follow": 0.0},
            still | {"follow": 1.0},
            still | {"market": -0.2, "cost": 0.1, "spend": 0.5},
        ],
    )
