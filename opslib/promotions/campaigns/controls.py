"""This module owns the what-if of the campaign pages: money, and the next test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opslib import words
from opslib.findings import heading
from opslib.promotions.campaigns.design import chance_seen, worth
from opslib.show import Outcome, Slider, WhatIf
from opslib.words import catalogue

if TYPE_CHECKING:
    import pandas as pd

    from opslib.promotions.campaigns.design import Judged
    from opslib.promotions.campaigns.live import Live

say = catalogue(__package__ or "opslib.promotions.campaigns")


def lift(
    judged: Judged, tests: pd.DataFrame, *, margin: float, currency: str
) -> WhatIf:
    """Return sliders for margin, cost, and the lift and length of the next test."""
    least = tests.sort_values("smallest").drop_duplicates("weeks").set_index("weeks")
    cost = judged.money["cost"]
    most = float(max(1000.0, 3 * cost))
    others = judged.panel.together

    def compute(margin: float, cost: float, expected: float, weeks: float) -> Outcome:
        told = worth(judged, margin=margin, cost=cost)
        gain = [
            words.money(x, currency) for x in (told.gain, told.gain_low, told.gain_high)
        ]
        said = {"gain": gain[0], "range": words.between(gain[1], gain[2])}
        if others:
            return Outcome(
                headline=say(
                    "What the campaign brought alone is not known: {others} ran along with it.",
                    others=words.listing(others),
                )
            )
        if least.empty:
            return Outcome(
                headline=say(
                    "The campaign brought {gain} ({range}) after discount and cost.",
                    **said,
                ),
                value=(told.gain, told.gain_low, told.gain_high),
            )
        row = least.loc[min(least.index, key=lambda w: abs(w - weeks))]
        said |= {
            "weeks": words.number(float(row.name)),
            "lift": words.percent(expected),
            "chance": words.percent(chance_seen(row["error"], expected)),
            "names": row["names"],
        }
        return Outcome(
            headline=say(
                "The campaign brought {gain} ({range}) after discount and cost. A test of {weeks} weeks in {names} would see a lift of {lift} with a chance of {chance}.",
                **said,
            ),
            value=(told.gain, told.gain_low, told.gain_high),
        )

    lengths = [float(w) for w in least.index] or [2.0, 8.0]
    start = {"margin": margin, "cost": cost, "expected": 0.1, "weeks": 4.0}
    sliders = [
        Slider(
            name="margin",
            label=say("Margin, share of the usual price"),
            low=0.05,
            high=0.95,
            step=0.05,
            value=margin,
            kind="percent",
        ),
        Slider(
            name="cost",
            label=say("Cost beside the discount"),
            low=0,
            high=most,
            step=max(1.0, round(most / 100)),
            value=cost,
            kind="money",
            unit=currency,
        ),
        Slider(
            name="expected",
            label=say("Lift of the next campaign"),
            low=0.01,
            high=0.5,
            step=0.01,
            value=0.1,
            kind="percent",
        ),
        Slider(
            name="weeks",
            label=say("Length of the next test (weeks)"),
            low=min(lengths),
            high=max(lengths),
            step=2,
            value=min(max(lengths), max(min(lengths), 4.0)),
        ),
    ]
    cases = [
        start,
        start | {"margin": min(0.95, margin + 0.2)},
        start | {"cost": 0.0},
        start | {"expected": 0.2},
        start | {"weeks": max(lengths)},
    ]
    return WhatIf(
        measure=None
        if others
        else heading(say("Gain after discount and cost"), "money", currency),
        sliders=sliders,
        compute=compute,
        cases=cases,
    )


def live(told: Live, *, currency: str) -> WhatIf:
    """Return sliders for the money of the days left and for what clicks bring."""
    plan, rest = told.plan.set_index("measure"), max(0, (told.ends - told.day).days)
    known = (
        plan["so_far"]
        if "spend" in plan.index
        else plan["so_far"].reindex(
            ["sales", "clicks", "conversions", "spend"], fill_value=0.0
        )
    )
    usual = float(known["spend"] / max(1, len(told.daily)))
    most = float(max(1.0, told.daily["spend"].max()))

    def compute(spend: float, rate: float) -> Outcome:
        cost = known["spend"] + spend * rest
        clicks = known["clicks"] + spend * rest * known["clicks"] / max(
            known["spend"], 1e-9
        )
        orders = known["conversions"] + (clicks - known["clicks"]) * (1 + rate) * known[
            "conversions"
        ] / max(known["clicks"], 1e-9)
        said = {
            "clicks": words.number(clicks, 0),
            "orders": words.number(orders, 0),
            "cost": words.money(cost, currency),
        }
        headline = (
            say(
                "It ends with {clicks} clicks and {orders} orders for {cost}, {each} an order.",
                each=words.money(cost / orders, currency, 2),
                **said,
            )
            if orders > 0
            else say(
                "It ends with {clicks} clicks for {cost}; no orders yet, so nothing can be said of them.",
                clicks=said["clicks"],
                cost=said["cost"],
            )
        )
        return Outcome(headline=headline, value=(float(orders),) * 3)

    start = {"spend": min(usual, most), "rate": 0.0}
    sliders = [
        Slider(
            name="spend",
            label=say("Spending a day from now on (as far as seen)"),
            low=0,
            high=most,
            step=max(0.01, round(most / 50, 2)),
            value=start["spend"],
            kind="money",
            unit=currency,
        ),
        Slider(
            name="rate",
            label=say("Orders per click, better or worse"),
            low=-0.5,
            high=0.5,
            step=0.05,
            value=0.0,
            kind="percent",
        ),
    ]
    cases = [
        start,
        start | {"spend": 0.0},
        start | {"spend": most},
        start | {"rate": 0.2},
        start | {"rate": -0.2},
    ]
    return WhatIf(
        measure=heading(say("Orders at the end"), "number", digits=0),
        sliders=sliders,
        compute=compute,
        cases=cases,
    )
