"""This module owns the promotions room's what-if: the budget and its split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import words
from opslib.findings import Heading, Table, heading
from opslib.promotions.journeys import kept_without
from opslib.show import Outcome, Slider, WhatIf
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.promotions.journeys import Credit
    from opslib.promotions.mix.curve import ResponseCurve
    from opslib.promotions.mix.split import Split

say = catalogue(__package__ or "opslib.promotions")
MOST_SLIDERS = 6


def budget(curve: ResponseCurve, split: Split, *, currency: str) -> WhatIf:
    """Return sliders for the weekly budget and for each channel's part of it.

    The budget lies between the least and the most that was ever seen; parts are shared
    out to fill the budget, and a channel that leaves what was seen is flagged.
    """
    shown = np.argsort(-curve.now)[:MOST_SLIDERS]
    names = {int(c): f"part{c}" for c in shown}
    base = float(curve.now.sum())

    def compute(budget: float, **parts: float) -> Outcome:
        wanted = np.array(
            [
                parts.get(names.get(c, ""), curve.now[c] / base)
                for c in range(len(curve.now))
            ]
        )
        spend = (
            budget * wanted / wanted.sum()
            if wanted.sum() > 0
            else curve.now * budget / base
        )
        added, beyond = curve.total(spend), curve.beyond(spend)
        low, high = np.quantile(added, [0.05, 0.95])
        told = {
            "budget": words.money(budget, currency),
            "added": words.money(float(added.mean()), currency),
            "low": words.money(float(low), currency),
            "high": words.money(float(high), currency),
            "channels": words.listing(beyond),
        }
        headline = (
            say("{budget} a week add {added} ({low} to {high}) a week.", **told)
            if not beyond
            else say(
                "{budget} a week add {added} ({low} to {high}) a week; never seen, so not to be relied on: {channels}.",
                **told,
            )
        )
        frame = pd.DataFrame(
            {
                "channel": curve.channels,
                "spend": spend,
                "added": [curve.at(c, x).mean() for c, x in enumerate(spend)],
                "next": [curve.next_euro(c, x).mean() for c, x in enumerate(spend)],
                "flag": [
                    say("never seen") if c in beyond else say("seen before")
                    for c in curve.channels
                ],
            }
        )
        money = {"spend": say("Spend a week"), "added": say("Added sales a week")}
        head = {
            "channel": Heading(label=say("Channel")),
            **{
                k: Heading(label=v, kind="money", unit=currency)
                for k, v in money.items()
            },
            "next": Heading(label=say("Sales for the next 1"), kind="number", digits=2),
            "flag": Heading(label=say("Spend")),
        }
        return Outcome(
            headline=headline,
            table=Table(
                name="what_if",
                title=say("Channel by channel"),
                frame=frame,
                headings=head,
            ),
            value=(float(added.mean()), float(low), float(high)),
        )

    least, most = float(curve.seen[:, 0].sum()), float(curve.seen[:, 1].sum())
    sliders = [
        Slider(
            name="budget",
            label=say("Budget a week"),
            low=least,
            high=most,
            step=max(1.0, round((most - least) / 100)),
            value=base,
            kind="money",
            unit=currency,
        )
    ]
    sliders += [
        Slider(
            name=names[int(c)],
            label=say("Part of {channel}", channel=Text(curve.channels[c])),
            low=0,
            high=1,
            step=0.01,
            value=float(curve.now[c] / base),
            kind="percent",
        )
        for c in shown
    ]
    best = {
        names[int(c)]: float(split.spend[c] / max(1e-9, split.spend.sum()))
        for c in shown
    }
    cases = [
        {"budget": base},
        {"budget": base, **best},
        {"budget": max(least, 0.8 * base)},
        {"budget": min(most, 1.2 * base)},
        {"budget": min(most, 1.2 * base), **best},
    ]
    return WhatIf(
        measure=heading(say("Added sales a week"), "money", currency),
        sliders=sliders,
        compute=compute,
        cases=cases,
    )


def without(paths: pd.DataFrame, credit: Credit) -> WhatIf:
    """Return a switch for each channel: what paths keep when some are taken out."""
    shown = list(credit.shares["channel"].head(MOST_SLIDERS))
    names = {f"on{i}": c for i, c in enumerate(shown)}

    def compute(**on: float) -> Outcome:
        gone = [names[k] for k, v in on.items() if v < 0.5]
        kept = kept_without(paths, gone) if gone else 1.0
        told = {
            "gone": words.listing(gone),
            "kept": words.percent(kept),
            "count": words.number(kept * credit.conversions),
        }
        return Outcome(
            headline=say(
                "Without {gone}, paths keep {kept} of purchases ({count}).", **told
            )
            if gone
            else say("With every channel, paths keep all {count} purchases.", **told),
            value=(kept,) * 3,
        )

    sliders = [
        Slider(
            name=k,
            label=Text(c),
            low=0,
            high=1,
            step=1,
            value=1,
            kind="switch",
        )
        for k, c in names.items()
    ]
    return WhatIf(
        measure=heading(say("Purchases kept"), "percent"),
        sliders=sliders,
        compute=compute,
        cases=[{}, *({k: 0.0} for k in names)],
    )
