"""This module owns the budget room's what-if sliders, on stored draws."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import words
from opslib.budget.answer import cash_table
from opslib.budget.cash import shortage
from opslib.findings import Table
from opslib.findings import heading as _head
from opslib.show import Outcome, Slider, WhatIf
from opslib.words import catalogue

if TYPE_CHECKING:
    from opslib.budget.cash import Cash
    from opslib.budget.outlook import Outlook
    from opslib.budget.plan.draft import Draft

say = catalogue(__package__ or "opslib.budget")


def scenario(told: Outlook, bills: pd.DataFrame, *, own: str) -> WhatIf:
    """Return sliders for sales, prices, exchange rate and hiring on the outlook's draws.

    Sales move revenue and the cost of goods, prices revenue alone, the exchange rate
    the share of the cost of goods that is billed in foreign money; a hire costs the
    given money in every open month.

    Args:
        told: The outlook.
        bills: payables; currency and amount give the foreign share.
        own: The company's currency.
    """
    kind = told.table["kind"].to_numpy()
    rest = told.draws.by_line - told.table["spent"].to_numpy()
    revenue, goods = (
        rest[:, kind == "revenue"].sum(axis=1),
        rest[:, kind == "cost"].sum(axis=1),
    )
    total, result, left = told.draws.total.ravel(), told.result, len(told.months)
    foreign = foreign_share(bills, own)
    pay = max(
        100.0, round(float(told.expected[(kind == "expense")].sum()) / left / 40, -2)
    )

    def compute(sales: float, price: float, rate: float, hires: float) -> Outcome:
        more_goods = goods * ((1 + sales) * (1 + rate * foreign) - 1)
        more_pay = hires * pay * left
        spent = total + more_goods + more_pay
        won = result + revenue * ((1 + sales) * (1 + price) - 1) - more_goods - more_pay
        low, high = np.quantile(spent, [0.1, 0.9])
        over, short = (
            float((spent > told.plan_spending).mean()),
            float((won < told.plan_result).mean()),
        )
        headline = say(
            "Spending {value} ({low} to {high}), overrun {over}; result {won}, short of the budgeted {plan} {short}.",
            value=words.money(float(spent.mean()), own),
            low=words.money(low, own),
            high=words.money(high, own),
            over=words.percent(over),
            won=words.money(float(won.mean()), own),
            plan=words.money(told.plan_result, own),
            short=words.percent(short),
        )
        rows = [
            (
                say("Sales of the rest of the year"),
                float(revenue.mean()),
                float((revenue * (1 + sales) * (1 + price)).mean()),
            ),
            (
                say("Cost of goods of the rest of the year"),
                float(goods.mean()),
                float((goods + more_goods).mean()),
            ),
            (say("New hires"), 0.0, more_pay),
            (say("Spending of the year"), float(total.mean()), float(spent.mean())),
            (say("Result of the year"), float(result.mean()), float(won.mean())),
        ]
        frame = pd.DataFrame(rows, columns=["what", "now", "then"]).assign(
            change=lambda f: f["then"] - f["now"]
        )
        heads = {
            "what": _head(say("What")),
            "now": _head(say("As it stands"), "money", own),
            "then": _head(say("With these settings"), "money", own),
            "change": _head(say("Change"), "money", own),
        }
        return Outcome(
            headline=headline,
            table=Table(
                name="scenario", title=say("What changes"), frame=frame, headings=heads
            ),
            value=(float(won.mean()), *map(float, np.quantile(won, [0.1, 0.9]))),
        )

    sliders = [
        Slider(
            name="sales",
            label=say("Units sold, rest of the year"),
            low=-0.3,
            high=0.3,
            step=0.01,
            value=0.0,
            kind="percent",
        ),
        Slider(
            name="price",
            label=say("Our prices"),
            low=-0.2,
            high=0.2,
            step=0.01,
            value=0.0,
            kind="percent",
        ),
        Slider(
            name="rate",
            label=say("Foreign money dearer"),
            low=-0.3,
            high=0.3,
            step=0.01,
            value=0.0,
            kind="percent",
        ),
        Slider(
            name="hires",
            label=say("Hires ({pay} a month)", pay=words.money(pay, own)),
            low=0,
            high=20,
            step=1,
            value=0,
        ),
    ]
    cases = [
        {},
        {"sales": -0.1},
        {"sales": 0.1},
        {"price": 0.05},
        {"rate": 0.1},
        {"hires": 3},
    ]
    return WhatIf(
        sliders=sliders,
        compute=compute,
        cases=cases,
        measure=_head(say("Result of the year"), "money", own),
    )


def headroom(told: Cash, bills: pd.DataFrame, *, own: str, credit: float) -> WhatIf:
    """Return sliders for sales, payment delay, exchange rate and credit on cash draws.

    Args:
        told: The cash draws.
        bills: payables; currency and amount give the foreign share.
        own: The company's currency.
        credit: Credit at hand, money.
    """
    foreign, months = foreign_share(bills, own), np.arange(1, told.months.shape[1] + 1)
    daily = float(told.receipts[-1]) / (365 / 12 * len(months))
    most = max(1000.0, float(np.ceil(told.receipts[-1] / 12 / 1000) * 1000))

    def compute(sales: float, delay: float, rate: float, more: float) -> Outcome:
        moved = (
            sales * (told.receipts - told.follows * told.payments)
            - delay * daily
            - rate * foreign * told.payments
        )
        table = shortage(
            replace(told, months=told.months + moved), headroom=credit + more
        )
        last, tight = table.iloc[-1], table.loc[table["low"].idxmin()]
        headline = say(
            "Chance of running short {chance}; tightest at {month}, one case in ten under {least}.",
            chance=words.percent(last["by_then"], 1),
            month=words.month(tight["day"]),
            least=words.money(float(tight["low"]) + credit + more, own),
        )
        return Outcome(
            headline=headline,
            table=cash_table(
                replace(told, months=told.months + moved),
                credit=credit + more,
                currency=own,
            ),
            value=(float(last["by_then"]),) * 3,
        )

    sliders = [
        Slider(
            name="sales",
            label=say("Sales more or less"),
            low=-0.4,
            high=0.4,
            step=0.01,
            value=0.0,
            kind="percent",
        ),
        Slider(
            name="delay",
            label=say("Paid later (days)"),
            low=0,
            high=60,
            step=1,
            value=0,
        ),
        Slider(
            name="rate",
            label=say("Foreign money dearer"),
            low=-0.3,
            high=0.3,
            step=0.01,
            value=0.0,
            kind="percent",
        ),
        Slider(
            name="more",
            label=say("Further credit"),
            low=0,
            high=most,
            step=1000,
            value=0,
            kind="money",
            unit=own,
        ),
    ]
    cases = [
        {},
        {"sales": -0.1},
        {"delay": 14},
        {"rate": 0.1},
        {"sales": -0.1, "more": round(most / 2, -3)},
    ]
    return WhatIf(
        sliders=sliders,
        compute=compute,
        cases=cases,
        measure=_head(say("Chance of running short"), "percent"),
    )


def draft(made: Draft, *, own: str) -> WhatIf:
    """Return sliders for growth, prices and payroll on the draft and its draws."""
    table, spent = made.table, made.draws.total.ravel()
    totals = (
        table.groupby("kind")["total"]
        .sum()
        .reindex(["revenue", "cost", "expense"])
        .fillna(0.0)
    )
    sales, goods, rest = (float(x) for x in totals)
    drawn = made.revenue - spent

    def compute(growth: float, goods_price: float, expenses: float) -> Outcome:
        revenue = sales * (1 + growth)
        cost = goods * (1 + growth) * (1 + goods_price) + rest * (1 + expenses)
        headline = say(
            "Sales {sales}, spending {spent}, result {result}; chance of less sales {short}, of a smaller result {less}.",
            sales=words.money(revenue, own),
            spent=words.money(cost, own),
            result=words.money(revenue - cost, own),
            short=words.percent(float((made.revenue < revenue).mean())),
            less=words.percent(float((drawn < revenue - cost).mean())),
        )
        return Outcome(headline=headline, value=(revenue - cost,) * 3)

    sliders = [
        Slider(
            name="growth",
            label=say("Sales against the draft"),
            low=-0.2,
            high=0.2,
            step=0.01,
            value=0.0,
            kind="percent",
        ),
        Slider(
            name="goods_price",
            label=say("Purchase prices against the draft"),
            low=-0.1,
            high=0.2,
            step=0.01,
            value=0.0,
            kind="percent",
        ),
        Slider(
            name="expenses",
            label=say("Expenses against the draft"),
            low=-0.2,
            high=0.2,
            step=0.01,
            value=0.0,
            kind="percent",
        ),
    ]
    return WhatIf(
        sliders=sliders,
        compute=compute,
        measure=_head(say("Result of the year"), "money", own),
        cases=[
            {},
            {"growth": -0.05},
            {"growth": 0.05},
            {"goods_price": 0.03},
            {"expenses": -0.05},
        ],
    )


def foreign_share(bills: pd.DataFrame, own: str) -> float:
    """Return the share of bills in money other than the company's own, zero without bills."""
    if bills.empty or float(bills["amount"].sum()) <= 0:
        return 0.0
    amount = bills["amount"].astype(float)
    return float(amount[bills["currency"].fillna(own) != own].sum() / amount.sum())
