"""This module owns the record of one customer: all that is known, on one page.

Names, phones, mail and addresses are shown only where the caller hands them over,
which it does only for a reader with that scope.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from opslib.customers.history import stages

PERSONAL = ("name", "phone", "mail", "address")
BASICS = ("region", "kind", "level", "channel", "since", "birthday", "contact_allowed")


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is known of one customer.

    Attributes:
        customer: The company's own number.
        basics: Name of a fact to its value.
        stage: Stage of the customer's life.
        purchases: day, amount; newest first.
        tastes: category, amount, share; largest first.
        contacts: day, held (True: left alone, to compare); newest first.
        cases: opened, kind, reason, resolved, satisfaction; newest first.
        worth: Name of a number to its value: value, value_low, value_high, active,
            total, chance (of buying nothing), at_stake, gain of a contact; those
            known.
        personal: Name, phone, mail, address; empty for readers without that scope.
    """

    customer: str
    basics: dict[str, str]
    stage: str
    purchases: pd.DataFrame
    tastes: pd.DataFrame
    contacts: pd.DataFrame
    cases: pd.DataFrame
    worth: dict[str, float]
    personal: dict[str, str] = field(default_factory=dict)


def record(
    customer: str,
    tables: dict[str, pd.DataFrame],
    *,
    until: str | pd.Timestamp,
    personal: dict[str, dict[str, str]] | None = None,
) -> Record:
    """Return the record of one customer.

    Args:
        customer: The company's own number; empty for the first in `values`.
        tables: `days` (customer, day, amount) and, where known, `people`, `tastes`,
            `cases`, `contacts` (day, customer, held), `values` (customer, value, ...) and `leaving` (what
            `contact_gains` or `gains_of` returned: who may be contacted).
        until: Last day seen.
        personal: Customer number to name, phone, mail and address, for readers with
            that scope only.

    Raises:
        ValueError: No purchase of that number is known.
    """
    days = tables["days"]
    if not customer:
        ranked = tables.get("values", days)
        customer = str(ranked["customer"].iloc[0])
    bought = days[days["customer"] == customer]
    bought = bought[pd.to_datetime(bought["day"]) <= pd.Timestamp(until)]
    if bought.empty:
        msg = (
            f"no purchase of customer {customer!r} is known to {until}; "
            "check the number, or leave it empty for the most valuable customer."
        )
        raise ValueError(msg)
    people = _of(tables.get("people"), customer)
    tastes = _of(tables.get("tastes"), customer)
    if len(tastes):
        share = tastes["amount"] / tastes["amount"].sum()
        tastes = tastes.assign(share=share).sort_values("amount", ascending=False)
    cases = _of(tables.get("cases"), customer)
    shown = ("opened", "kind", "reason", "resolved", "satisfaction")
    if len(cases):
        cases = cases.sort_values("opened", ascending=False)
    return Record(
        customer=customer,
        basics={
            name: str(people[name].iloc[0]).removesuffix(" 00:00:00")
            for name in BASICS
            if name in people and len(people) and pd.notna(people[name].iloc[0])
        },
        stage=str(stages(bought, until=until)["stage"].iloc[0]),
        purchases=bought[["day", "amount"]].sort_values("day", ascending=False),
        tastes=tastes.reindex(columns=["category", "amount", "share"]),
        contacts=_of(tables.get("contacts"), customer)
        .reindex(columns=["day", "held"])
        .sort_values("day", ascending=False),
        cases=cases.reindex(columns=list(shown)),
        worth=_worth(tables, customer),
        personal={
            k: v for k, v in (personal or {}).get(customer, {}).items() if k in PERSONAL
        },
    )


def _of(frame: pd.DataFrame | None, customer: str) -> pd.DataFrame:
    if frame is None or "customer" not in frame:
        return pd.DataFrame()
    return frame[frame["customer"] == customer]


def _worth(tables: dict[str, pd.DataFrame], customer: str) -> dict[str, float]:
    told: dict[str, float] = {}
    wanted = {
        "values": ("value", "value_low", "value_high", "active", "total"),
        "leaving": ("chance", "at_stake", "gain"),
    }
    for table, names in wanted.items():
        row = _of(tables.get(table), customer)
        told |= {n: float(row[n].iloc[0]) for n in names if n in row and len(row)}
    return told
