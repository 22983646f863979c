"""This module owns the inventory room's what-if: service level, stock, money, lead time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from opslib import words
from opslib.findings import heading
from opslib.show import Outcome, Slider, WhatIf
from opslib.words import catalogue

if TYPE_CHECKING:
    from opslib.inventory.ahead.rolling import Forecast
    from opslib.inventory.ordering.terms import Terms

say = catalogue(__package__ or "opslib.inventory")


def service(
    coming: Forecast, told: Terms, *, currency: str, level: float | np.ndarray
) -> WhatIf:
    """Return sliders for service level, lead time, and costs of stock and of a lost sale.

    Stock, money and demand met follow at once from the stored draws.
    """
    frame = told.frame
    level = round(float(np.mean(level)), 2)
    cost, margin = (
        frame["cost"].to_numpy(),
        (frame["price"] - frame["cost"]).clip(lower=0).to_numpy(),
    )
    longest = coming.paths.shape[2]
    lead = frame["lead_weeks"].to_numpy()

    def compute(
        level: float, lead_change: float, holding: float, shortage: float
    ) -> Outcome:
        ahead = np.clip(np.round(lead + 1 + lead_change), 1, longest).astype(int)
        sums = np.cumsum(coming.paths, axis=2)[np.arange(len(ahead)), :, ahead - 1]
        target = np.quantile(sums, level, axis=1)
        left = np.maximum(0, target[:, None] - sums).mean(axis=1)
        lost = np.maximum(0, sums - target[:, None]).mean(axis=1)
        fill = 1 - lost.sum() / max(1e-9, sums.mean(axis=1).sum())
        money = float((left * cost).sum())
        weekly = float((lost * margin / ahead).sum()) * shortage
        stock = float(left.sum())
        kept = money * holding / 52
        return Outcome(
            headline=say(
                "{units} units of stock beyond demand, {money} at cost; {fill} of demand met; a week costs {whole}: {hold} for stock, {lost} for lost sales.",
                units=words.number(stock), money=words.money(money, currency),
                fill=words.percent(fill, 1), whole=words.money(weekly + kept, currency),
                hold=words.money(kept, currency), lost=words.money(weekly, currency),
            ),
            value=(weekly + kept,) * 3,
        )  # fmt: skip

    sliders = [
        Slider(
            name="level",
            label=say("Chance of meeting demand"),
            low=0.5,
            high=0.99,
            step=0.01,
            value=min(level, 0.99),
            kind="percent",
        ),
        Slider(
            name="lead_change",
            label=say("Lead time, weeks more or less"),
            low=-2,
            high=2,
            step=1,
            value=0,
        ),
        Slider(
            name="holding",
            label=say("Yearly cost of stock"),
            low=0.05,
            high=0.6,
            step=0.05,
            value=0.25,
            kind="percent",
        ),
    ]
    sliders.append(
        Slider(
            name="shortage",
            label=say("Cost of a lost sale, times its margin"),
            low=0.5,
            high=3,
            step=0.5,
            value=1,
        )
    )
    cases = [
        {"level": x, "lead_change": y}
        for x, y in ((level, 0), (0.8, 0), (0.95, 0), (level, -1), (level, 1))
    ]
    return WhatIf(
        measure=heading(say("Cost of stock and lost sales a week"), "money", currency),
        sliders=sliders,
        compute=compute,
        cases=cases,
    )
