"""This module owns what to do next for whom: calendar, response, gain, hold-out.

A contact pays where the purchases it is expected to save, times the margin, exceed
its cost. A random part of those it would pay for is not contacted, so that the effect
of acting can be measured later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib import checks, periods

REASONS = ("follow_up", "birthday", "holiday", "member_day")
MEMBER_DAY = 8
FOLLOW_UP_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What contacting costs and brings.

    Attributes:
        cost: Money for one contact.
        saved: Share of those about to leave whom a contact keeps.
        margin: Share of sales that is left after the cost of goods.
        contacts: Most contacts in this plan.
        held: Share of those worth a contact that is kept apart as a hold-out.
        rest_days: Days after a contact in which a customer is left in peace.
    """

    cost: float
    saved: float
    margin: float = 0.3
    contacts: int = 200
    held: float = 0.1
    rest_days: int = 30


def care_calendar(
    people: pd.DataFrame, *, today: str | pd.Timestamp,
    holidays: pd.DataFrame | None = None, cases: pd.DataFrame | None = None,
    days_ahead: int = 14,
) -> pd.DataFrame:  # fmt: skip
    """Return whom to think of on which day in the days ahead.

    Birthdays come from month and day, member days are the eighth of each month for
    members above the basic level, a follow-up is due a week after a case was resolved
    where none was made. Only customers who may be contacted are listed.

    Args:
        people: customer, birthday (month-day), level, contact_allowed.
        today: The day; the calendar starts on it.
        holidays: day, name; or None.
        cases: Service cases with customer, resolved, follow_up; or None.
        days_ahead: Days listed.

    Returns:
        day, customer, reason (one of `REASONS`), detail; one customer and day once,
        the first reason in that order.
    """
    start = pd.Timestamp(periods.day(today))
    ahead = pd.date_range(start, periods=days_ahead)
    checks.columns(people, ["customer"], "customers")
    known = people[may_contact(people)]
    parts = [_follow_ups(cases, start, days_ahead), _birthdays(known, ahead)]
    members = known
    if "level" in known:
        members = known[known["level"].notna() & (known["level"] != "basic")]
    if holidays is not None and len(holidays):
        when = pd.to_datetime(holidays["day"])
        near = holidays.assign(day=when)[when.isin(ahead)]
        near = near.rename(columns={"name": "detail"})[["day", "detail"]]
        parts.append(
            near.merge(members[["customer"]], how="cross").assign(reason="holiday")
        )
    eighths = pd.DataFrame({"day": [d for d in ahead if d.day == MEMBER_DAY]})
    days = eighths.assign(detail="").merge(members[["customer"]], how="cross")
    parts.append(days.assign(reason="member_day"))
    names = ["day", "customer", "reason", "detail"]
    told = pd.concat(
        [p.reindex(columns=names) for p in parts if len(p)]
        or [pd.DataFrame(columns=names)]
    )
    told = told[told["customer"].isin(known["customer"])]
    rank = told["reason"].map({r: i for i, r in enumerate(REASONS)})
    told = told.assign(rank=rank).sort_values(["day", "rank", "customer"])
    told = told.drop_duplicates(["day", "customer"]).drop(columns="rank")
    return told.reset_index(drop=True)


def may_contact(people: pd.DataFrame) -> pd.Series:
    """Return whether each customer may be contacted.

    Who has not said so may not be; where a company delivers no permission of any
    customer, all may, and the page says that permissions are to be checked first.

    Example:
        >>> may_contact(pd.DataFrame({"contact_allowed": [True, None]})).tolist()
        [True, False]
        >>> may_contact(pd.DataFrame({"contact_allowed": [None, None]})).tolist()
        [True, True]
    """
    said = people.get("contact_allowed")
    if said is None or said.isna().all():
        return pd.Series(True, index=people.index)
    return said.astype("boolean").fillna(False).astype(bool)


def owners_of(people: pd.DataFrame) -> pd.DataFrame:
    """Return who may be contacted and whose each is: customer, owner (the region)."""
    known = people[may_contact(people)] if len(people) else people
    owner = known.get("region", pd.Series("", index=known.index, dtype=object))
    return pd.DataFrame({"customer": known["customer"], "owner": owner.fillna("")})


def response_by_group(
    sent: pd.DataFrame, answered: pd.DataFrame, groups: pd.DataFrame, *,
    confidence: float = 0.9,
) -> pd.DataFrame:  # fmt: skip
    """Return how each group answered each kind of campaign, with intervals.

    Args:
        sent: campaign, kind, customer: who got which campaign.
        answered: campaign, customer: who bought or redeemed in it.
        groups: customer, group.
        confidence: Coverage of the intervals (Wilson).

    Returns:
        group, kind, sent, answered, rate, low, high; cells under 10 customers are
        left out.
    """
    from statsmodels.stats.proportion import proportion_confint

    checks.columns(sent, ["campaign", "kind", "customer"], "campaigns sent")
    checks.columns(answered, ["campaign", "customer"], "answers")
    if sent.empty:
        names = ["group", "kind", "sent", "answered", "rate", "low", "high"]
        return pd.DataFrame(columns=names)
    way_out = "Pass groups of the customers who were written to."
    known = int(sent["customer"].isin(groups["customer"]).sum())
    checks.at_least(known, 1, "campaign contacts with a group", way_out)
    yes = answered[["campaign", "customer"]].drop_duplicates().assign(yes=1)
    both = sent.drop_duplicates(["campaign", "customer"]).merge(
        yes, on=["campaign", "customer"], how="left"
    )
    both = both.merge(groups[["customer", "group"]], on="customer")
    by = both.assign(yes=both["yes"].fillna(0)).groupby(["group", "kind"])
    told = by.agg(
        sent=("yes", "size"), answered=("yes", "sum"), people=("customer", "nunique")
    )
    told = told[told["people"] >= 10].drop(columns="people").reset_index()
    low, high = proportion_confint(
        told["answered"], told["sent"], alpha=1 - confidence, method="wilson"
    )
    return told.assign(rate=told["answered"] / told["sent"], low=low, high=high)


def contact_gains(
    leaving: pd.DataFrame, values: pd.DataFrame, people: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return what is at stake with each customer who may be contacted.

    Args:
        leaving: customer, chance (of buying nothing in the days ahead).
        values: customer, active (chance to be still with us), value, total, days_since.
        people: customer, region, contact_allowed; or None where none were delivered.

    Returns:
        customer, owner (region, or empty), chance, active, value (expected purchases
        in money), at_stake (purchases at risk that a contact could still save: value
        of one who stays, times the chance to be with us and yet to buy nothing),
        days_since, asked (whether the company delivered who may be contacted).
    """
    names = ["customer", "active", "value", "total", "days_since"]
    both = values[names].merge(leaving[["customer", "chance"]], on="customer")
    both["owner"], both["asked"] = "", False
    if people is not None and len(people):
        told = people.drop_duplicates("customer").set_index("customer")
        may = both["customer"].map(may_contact(told))
        asked = "contact_allowed" in told and told["contact_allowed"].notna().any()
        both = both.assign(asked=asked)[may.fillna(not asked).astype(bool)]
        if "region" in told:
            both = both.assign(owner=both["customer"].map(told["region"]).fillna(""))
    stays = both["value"] / both["active"].clip(lower=0.05)
    both = both.assign(at_stake=stays * both["active"] * both["chance"])
    names = ["customer", "owner", "chance", "active", "value", "at_stake", "days_since"]
    names = [*names, "asked"]
    return both[names].sort_values("at_stake", ascending=False, ignore_index=True)


def gains_of(stakes: pd.DataFrame, terms: Terms) -> pd.DataFrame:
    """Return the stakes with gain: money a contact is expected to save, less its cost.

    Example:
        >>> gains_of(pd.DataFrame({"at_stake": [100.0]}),
        ...     Terms(cost=1.0, saved=0.1, margin=0.5))["gain"].tolist()
        [4.0]
    """
    gain = stakes["at_stake"] * terms.saved * terms.margin - terms.cost
    return stakes.assign(gain=gain)


def plan_contacts(
    stakes: pd.DataFrame, terms: Terms, *, today: str | pd.Timestamp,
    contacted: pd.DataFrame | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return whom to contact, whom to keep apart, and what each contact is worth.

    Args:
        stakes: What `contact_gains` returned.
        terms: Cost, effect and limits of contacts.
        today: Day of the plan; it also fixes who is held out this month.
        contacted: customer, day and, where known, held of earlier plans; or None.

    Returns:
        One row for each customer worth a contact and within the limit: the columns of
        `stakes`, gain (expected money saved less cost) and held (True: do not
        contact, so that the effect can be measured), best first.
    """
    checks.between(terms.cost, "cost", low=0)
    for name in ("saved", "margin"):
        checks.between(getattr(terms, name), name, low=0, high=1)
    checks.between(terms.held, "held", low=0, high=0.5)
    day = pd.Timestamp(periods.day(today))
    free = stakes
    if contacted is not None and len(contacted):
        if "held" in contacted:
            contacted = contacted[~contacted["held"].astype(bool)]
        when = pd.to_datetime(contacted["day"])
        lately = when.between(day - pd.Timedelta(days=terms.rest_days), day)
        free = stakes[~stakes["customer"].isin(contacted.loc[lately, "customer"])]
    free = gains_of(free, terms)
    good = free[free["gain"] > 0].sort_values(
        ["gain", "customer"], ascending=[False, True]
    )
    held = _lot(good["customer"], f"{day:%Y-%m}") < terms.held
    good = good.assign(held=held)
    called = good[~good["held"]].head(int(terms.contacts))
    last = called["gain"].min() if len(called) else np.inf
    kept = good["held"] & (good["gain"] >= last)
    return pd.concat([called, good[kept]]).sort_values(
        "gain", ascending=False, ignore_index=True
    )


def _lot(customers: pd.Series, salt: str) -> np.ndarray:
    """Return a number between 0 and 1 for each customer, the same all month."""
    return np.array(
        [int(hashlib.sha256(f"{salt}:{c}".encode()).hexdigest()[:8],
        16) / 0xFFFFFFFF for c in customers ]
    )  # fmt: skip


def _birthdays(people: pd.DataFrame, ahead: pd.DatetimeIndex) -> pd.DataFrame:
    if "birthday" not in people:
        return pd.DataFrame()
    days = pd.DataFrame({"day": ahead, "birthday": ahead.strftime("%m-%d")})
    leap = pd.DataFrame(
        {"day": ahead[(ahead.month == 3) & (ahead.day == 1) & ~ahead.is_leap_year]}
    )
    days = pd.concat([days, leap.assign(birthday="02-29")])
    found = people[["customer", "birthday"]].merge(days, on="birthday")
    return found.assign(reason="birthday", detail="")


def _follow_ups(
    cases: pd.DataFrame | None, start: pd.Timestamp, days_ahead: int
) -> pd.DataFrame:
    needed = {"customer", "resolved", "follow_up"}
    if cases is None or cases.empty or not needed <= set(cases.columns):
        return pd.DataFrame()
    open_ones = cases[cases["resolved"].notna() & cases["follow_up"].isna()]
    due = pd.to_datetime(open_ones["resolved"]) + pd.Timedelta(days=FOLLOW_UP_DAYS)
    late = due.between(
        start - pd.Timedelta(days=30), start + pd.Timedelta(days=days_ahead - 1)
    )
    told = open_ones.assign(day=due.clip(lower=start))[late]
    detail = told.get("kind", "")
    return told[["customer", "day"]].assign(reason="follow_up", detail=detail)
