"""This module owns the customers room's what-if: contacts, cost, effect, threshold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opslib import words
from opslib.customers.answer import plan_table, record_headline, record_table
from opslib.customers.care.actions import Terms, plan_contacts
from opslib.customers.care.record import record as record_of
from opslib.findings import heading
from opslib.show import Outcome, Slider, WhatIf
from opslib.words import catalogue

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import pandas as pd

say = catalogue(__package__ or "opslib.customers")


def contacts(
    stakes: pd.DataFrame,
    terms: Terms,
    *,
    day: dt.date,
    currency: str,
    contacted: pd.DataFrame | None = None,
) -> WhatIf:
    """Return sliders for number, cost and effect of contacts and least value at risk."""
    most = float(max(50, min(5000, len(stakes))))
    top = (
        float(max(10.0, round(stakes["at_stake"].quantile(0.95))))
        if len(stakes)
        else 10.0
    )

    def compute(number: float, cost: float, saved: float, least: float) -> Outcome:
        turned = Terms(
            cost=cost,
            saved=saved,
            margin=terms.margin,
            contacts=int(number),
            held=terms.held,
            rest_days=terms.rest_days,
        )
        worth = stakes[stakes["at_stake"] >= least]
        plan = plan_contacts(worth, turned, today=day, contacted=contacted)
        called = plan[~plan["held"]]
        headline = say(
            "{count} contacts for {spent} should bring {gain} after their cost.",
            count=words.number(len(called)),
            spent=words.money(len(called) * cost, currency),
            gain=words.money(float(called["gain"].sum()), currency),
        )
        return Outcome(
            headline=headline,
            table=plan_table(plan, currency),
            value=(float(called["gain"].sum()),) * 3,
        )

    start = {
        "number": float(min(terms.contacts, most)),
        "cost": terms.cost,
        "saved": terms.saved,
        "least": 0.0,
    }
    sliders = [
        Slider(
            name="number",
            label=say("Most contacts"),
            low=10,
            high=most,
            step=10,
            value=start["number"],
        ),
        Slider(
            name="cost",
            label=say("Cost of a contact"),
            low=0,
            high=max(10.0, 5 * terms.cost),
            step=0.5,
            value=terms.cost,
            kind="money",
            unit=currency,
        ),
        Slider(
            name="saved",
            label=say("Share kept by a contact"),
            low=0,
            high=0.5,
            step=0.01,
            value=min(0.5, terms.saved),
            kind="percent",
        ),
        Slider(
            name="least",
            label=say("Least purchases at risk"),
            low=0,
            high=top,
            step=1,
            value=0,
            kind="money",
            unit=currency,
        ),
    ]
    cases = [
        start,
        start | {"number": max(10.0, start["number"] / 2)},
        start | {"cost": min(2 * terms.cost, sliders[1].high)},
        start | {"saved": terms.saved / 2},
        start | {"least": round(top / 2)},
    ]
    return WhatIf(
        measure=heading(say("Expected gain"), "money", currency),
        sliders=sliders,
        compute=compute,
        cases=cases,
    )


def record(
    customer: str,
    tables: dict[str, pd.DataFrame],
    terms: Terms,
    *,
    day: dt.date,
    currency: str,
    personal: Mapping[str, dict[str, str]] | None = None,
) -> WhatIf:
    """Return one customer's page: place in the list, cost and effect of a contact.

    Args:
        customer: Number to start with; empty for the most valuable.
        tables: What `record` reads; `values` gives the order of the list.
        terms: Cost, effect and margin of a contact to start with.
        day: Last day seen.
        currency: Currency code.
        personal: Customer number to name and ways to reach, for readers with that scope.
    """
    order = tables["values"]["customer"].astype(str).tolist()
    first = float(order.index(customer) + 1) if customer in order else 1.0

    def compute(place: float, cost: float, saved: float) -> Outcome:
        told = record_of(
            order[int(place) - 1], tables, until=day, personal=dict(personal or {})
        )
        gain = told.worth.get("at_stake", 0.0) * saved * terms.margin - cost
        told = replace(
            told,
            worth=told.worth | ({"gain": gain} if "at_stake" in told.worth else {}),
        )
        return Outcome(
            headline=record_headline(told, gain, currency),
            table=record_table(told, currency),
            value=(float(gain),) * 3,
        )

    sliders = [
        Slider(
            name="place",
            label=say("Place in the list, most valuable first"),
            low=1,
            high=float(len(order)),
            step=1,
            value=first,
        ),
        Slider(
            name="cost",
            label=say("Cost of a contact"),
            low=0,
            high=max(10.0, 5 * terms.cost),
            step=0.5,
            value=terms.cost,
            kind="money",
            unit=currency,
        ),
        Slider(
            name="saved",
            label=say("Share kept by a contact"),
            low=0,
            high=0.5,
            step=0.01,
            value=min(0.5, terms.saved),
            kind="percent",
        ),
    ]
    shown = sorted({first, *(float(p) for p in (1, 2, 3, 10, 100) if p <= len(order))})
    cases = [{"place": p, "cost": terms.cost, "saved": terms.saved} for p in shown]
    return WhatIf(
        measure=heading(say("Gain of a contact"), "money", currency),
        sliders=sliders,
        compute=compute,
        cases=cases,
    )
