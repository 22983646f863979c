"""This module owns the customers room's findings and tables, in words.

Long because every sentence of three pages stands here, each beside its numbers.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import words
from opslib.customers.care.effect import LEAST_COMPARED
from opslib.customers.gaps import APART
from opslib.customers.segments import LEAST_GROUP, STABLE, rule_rows
from opslib.findings import Action, Check, Finding, Prediction, Quantity, Table
from opslib.findings import heading as _head
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opslib.customers.care.effect import Effect
    from opslib.customers.care.record import Record
    from opslib.customers.churn import Churn
    from opslib.customers.segments import Segments
    from opslib.customers.value.lifetime import Audit, Lifetime

say = catalogue(__package__ or "opslib.customers")
RIGHT_SLOPE = (0.8, 1.25)
RIGHT_LEVEL = 0.05


def segments(
    found: Segments, moved: pd.DataFrame, *, day: dt.date, total: int
) -> Finding:
    """Return the finding on groups: how many, how real, who moved."""
    first = found.groups.iloc[0]
    names = group_names(found)
    said = {
        "count": words.number(len(found.groups)),
        "share": words.percent(first["share"]),
        "people": words.number(len(found.members)),
        "name": names[0],
        "low": words.percent(_wilson(first)[0]),
        "high": words.percent(_wilson(first)[1]),
    }
    if found.found:
        headline = say(
            "{people} regular customers fall into {count} groups; {share} ({low} to {high}) are in the most valuable: {name}.",
            **said,
        )
    else:
        headline = say(
            "{people} regular customers fall into no natural groups; the {count} shown are constructed, not found, and the best holds {share} ({low} to {high}).",
            **said,
        )
    fading = int(
        moved.loc[["active", "new", "returned"], ["slowing", "asleep"]].to_numpy().sum()
    )
    rising = int(moved.loc[["asleep", "lost"], ["active", "returned"]].to_numpy().sum())
    grown = moved.loc["none"].sum()
    checks = [
        _check(
            say("Groups found again"),
            found.found,
            say(
                "Groups made from two random halves of the past agree to {share}; {needed} is needed before they carry names.",
                share=words.percent(found.stability),
                needed=words.percent(STABLE),
            ),
        ),
        _check(
            say("Groups lie apart"),
            bool(found.groups["valley"].max() <= APART),
            say(
                "Fewer customers stand between the groups than within them, so the borders are real."
            )
            if found.groups["valley"].max() <= APART
            else say(
                "Some groups shade into each other: their borders are ours, and a customer near one could stand on either side."
            ),
        ),
        _check(
            say("Short rules"),
            found.agreement >= 0.85,
            say(
                "The short rules put {share} of customers into their own group.",
                share=words.percent(found.agreement),
            ),
        ),
        _check(
            say("Who is left out"),
            None,
            say(
                "{count} of {total} customers bought too seldom to be grouped.",
                count=words.number(total - len(found.members)),
                total=words.number(total),
            ),
        ),
    ]
    actions = (
        Action(
            what=say(
                "Welcome the {count} customers won in the last month with a second-purchase offer.",
                count=words.number(grown),
            ),
            owner=say("Marketing"),
            due=day + dt.timedelta(days=7),
        ),
        Action(
            what=say(
                "Look into the {count} customers who slowed down or fell asleep in the last month.",
                count=words.number(fading),
            ),
            owner=say("Customer care"),
            due=day + dt.timedelta(days=14),
        ),
    )
    return Finding(
        room="customers",
        headline=headline,
        actions=actions,
        checks=tuple(checks),
        quantity=Quantity(
            value=float(first["share"]),
            low=_wilson(first)[0],
            high=_wilson(first)[1],
            unit="share",
            name=say("Share in the most valuable group"),
        ),
        caveats=(
            say("A group describes habits so far; a customer may change it any day."),
        ),
        facts={
            "groups": float(len(found.groups)),
            "stability": found.stability,
            "fading": float(fading),
            "won_back": float(rising),
        },
    )


def group_names(found: Segments) -> list[Text]:
    """Return what each group is called: by habit where stable, else a plain letter.

    Where two groups would carry the same name, purchases a year tell them apart.
    """
    frame, told = found.groups, []
    middle = (
        np.average(frame[["yearly", "amount"]], axis=0, weights=frame["share"])
        if "yearly" in frame
        else (0, 0)
    )
    habits = []
    for row in frame.itertuples():
        often, much = (
            (row.yearly >= middle[0], row.amount >= middle[1])
            if "yearly" in frame
            else (False, False)
        )
        habits.append(
            say("often and much")
            if often and much
            else say("often, small purchases")
            if often
            else say("seldom, large purchases")
            if much
            else say("seldom and little")
        )
    for row, habit in zip(frame.itertuples(), habits, strict=True):
        letter = chr(65 + int(row.group))
        if not row.named or "yearly" not in frame:
            told.append(say("Group {letter} (constructed)", letter=letter))
        elif habits.count(habit) > 1:
            told.append(
                say(
                    "{letter}: {name} ({times} a year)",
                    letter=letter,
                    name=habit,
                    times=words.number(float(np.exp(row.yearly)), 0),
                )
            )
        else:
            told.append(say("{letter}: {name}", letter=letter, name=habit))
    return told


def groups_table(found: Segments, currency: str) -> Table:
    """Return the groups, what they are like and what to do for each."""
    frame = found.groups.assign(
        name=_said(group_names(found)),
        times=np.exp(found.groups.get("yearly", np.nan)),
        each=np.exp(found.groups.get("amount", np.nan)),
    )
    advice = [
        say("Keep: early access and a personal contact"),
        say("Grow: a reason to come once more"),
        say("Serve at low cost: mail and member days"),
    ]
    order = np.minimum(np.arange(len(frame)) * 3 // max(1, len(frame)), 2)
    frame["advice"] = _said(advice[i] for i in order)
    shown = frame[frame["customers"] >= LEAST_GROUP]
    return Table(
        name="groups",
        title=say("The groups"),
        frame=shown,
        headings={
            "name": _head(say("Group")),
            "customers": _head(say("Customers"), "number"),
            "share": _head(say("Share"), "percent"),
            "times": _head(say("Purchases a year"), "number"),
            "each": _head(say("Usual purchase"), "money", unit=currency),
            "stability": _head(say("Found again"), "percent"),
            "advice": _head(say("What to do")),
        },
    )


def members_table(found: Segments) -> Table:
    """Return every customer's group, by the company's own number."""
    names = group_names(found)
    small = set(found.groups.loc[found.groups["customers"] < LEAST_GROUP, "group"])
    frame = found.members[~found.members["group"].isin(small)]
    frame = frame.reset_index(drop=True).assign(
        name=_said(names[g] for g in frame["group"])
    )
    headings = {"customer": _head(say("Customer")), "name": _head(say("Group"))}
    return Table(
        name="members",
        title=say("Who is in which group"),
        frame=frame,
        headings=headings,
        rows_shown=10,
    )


def rules_table(found: Segments) -> Table:
    """Return the short rules that put a new customer into a group."""
    told = rule_rows(found)
    names = group_names(found)
    frame = told.assign(
        rule=_said(_rule(c) for c in told["conditions"]),
        name=_said(names[g] for g in told["group"]),
    )
    headings = {
        "rule": _head(say("A customer with")),
        "name": _head(say("belongs to")),
        "customers": _head(say("Customers"), "number"),
    }
    return Table(
        name="rules",
        title=say("Rules for a new customer"),
        frame=frame[frame["customers"] >= LEAST_GROUP],
        headings=headings,
    )


def differences_table(told: pd.DataFrame) -> Table:
    """Return in what else the groups differ."""
    frame = told.assign(
        what=_said(_feature(w) for w in told["what"]),
        sure=_said(
            say("yes") if d else say("no more than chance") for d in told["differs"]
        ),
    )
    headings = {
        "what": _head(say("Habit or trait")),
        "effect": _head(say("Strength of the link"), "percent"),
        "sure": _head(say("Differs")),
    }
    return Table(
        name="differences",
        title=say("In what else the groups differ"),
        frame=frame,
        headings=headings,
    )


def lifetime(
    life: Lifetime, checked: Audit, *, day: dt.date, currency: str, kept: pd.DataFrame
) -> Finding:
    """Return the finding on coming value, or the naive number where that is better."""
    cash = lambda x: words.money(x, currency)  # noqa: E731
    rows, mean = life.rows, checked.cuts.groupby("method")[["bias", "ranking"]].mean()
    tenth = rows.head(max(1, len(rows) // 10))
    said = {
        "people": words.number(len(rows)),
        "value": cash(life.total),
        "days": words.number(life.days_ahead),
        "low": cash(life.total_low),
        "high": cash(life.total_high),
        "level": words.percent(life.coverage),
        "share": words.percent(tenth["value"].sum() / max(1e-9, life.total)),
    }
    headline = say(
        "{people} customers will buy for {value} ({low} to {high} at {level}) in the next {days} days; the best tenth brings {share}.",
        **said,
    )
    if not checked.wins:
        headline = say(
            "No forecast by customer is shown: on past dates a simple rule did better. In sum, {people} customers may buy for {value} ({low} to {high} at {level}) in {days} days.",
            **said,
        )
    resting = rows[
        (rows["active"].between(0.2, 0.6)) & (rows["value"] > rows["value"].median())
    ]
    actions = (
        Action(
            what=say(
                "Give the best tenth, {count} customers, a named contact.",
                count=words.number(len(tenth)),
            ),
            owner=say("Customer care"),
            due=day + dt.timedelta(days=30),
        ),
        Action(
            what=say(
                "Win back {count} valuable customers who may be leaving.",
                count=words.number(len(resting)),
            ),
            owner=say("Marketing"),
            due=day + dt.timedelta(days=14),
            value=float(resting["value"].sum()),
            unit=currency,
        ),
    )
    due = day + dt.timedelta(days=checked.days_ahead)
    part = life.total * checked.days_ahead / life.days_ahead
    spread = (
        np.array([life.total_low, life.total, life.total_high])
        / max(1e-9, life.total)
        * part
    )
    quantiles = dict(
        zip(
            (f"{(1 - life.coverage) / 2:.3g}", "0.5", f"{(1 + life.coverage) / 2:.3g}"),
            map(float, spread),
            strict=True,
        )
    )
    return Finding(
        room="customers",
        headline=headline,
        actions=actions,
        checks=_value_checks(life, checked, mean, kept),
        quantity=Quantity(
            value=life.total,
            low=life.total_low,
            high=life.total_high,
            unit=currency,
            confidence=life.coverage,
            name=say("Expected purchases"),
        ),
        caveats=(
            say("Customers who have yet to make their first purchase are not counted."),
            say("The range of the total comes from how far off it was on past dates."),
        ),
        predictions=(
            Prediction(
                name="known_customers_sales",
                target={"customers": "known"},
                due=due,
                unit=currency,
                quantiles=quantiles,
            ),
        ),
        facts={"active": float(rows["active"].sum()), "customers": float(len(rows))},
    )


def value_table(life: Lifetime, checked: Audit, currency: str) -> Table:
    """Return customers by value; without the forecast where a simple rule is better."""
    head = {
        "customer": _head(say("Customer")),
        "days_since": _head(say("Days silent"), "number"),
        "frequency": _head(say("Purchases"), "number"),
        "total": _head(say("Bought so far"), "money", unit=currency),
    }
    if checked.wins:
        head |= {
            "active": _head(say("Still with us"), "percent"),
            "value": _head(say("Expected purchases"), "money", unit=currency),
            "value_low": _head(say("at least"), "money", unit=currency),
            "value_high": _head(say("at most"), "money", unit=currency),
        }
    return Table(
        name="customer_values",
        title=say("Customers by what they will bring"),
        frame=life.rows,
        headings=head,
        rows_shown=15,
    )


def audit_table(checked: Audit) -> Table:
    """Return how the forecast would have done on past dates, beside simple rules."""
    labels = {
        "model": say("Our forecast"),
        "no_season": say("Without season"),
        "zero": say("Nobody buys"),
        "repeat_last": say("As in the period before"),
        "recency_only": say("By last purchase only"),
    }
    frame = checked.cuts.assign(way=_said(labels[m] for m in checked.cuts["method"]))
    head = {
        "cut": _head(say("Forecast made on"), "day"),
        "way": _head(say("Way")),
        "predicted": _head(say("Purchases foretold"), "number"),
        "actual": _head(say("Purchases made"), "number"),
        "bias": _head(say("Too high or low"), "percent"),
        "ranking": _head(say("Right order of pairs"), "percent"),
    }
    return Table(
        name="past_dates",
        title=say("Past dates, put to the test"),
        frame=frame,
        headings=head,
    )


def record_table(told: Record, currency: str) -> Table:
    """Return one customer's record as rows of fact and value, part by part."""
    worth, buys, cases = told.worth, told.purchases, told.cases
    cash = lambda x: words.money(x, currency)  # noqa: E731
    share = lambda key: words.percent(worth[key])  # noqa: E731
    who, bought, served, ahead = (
        say("Who"),
        say("Purchases"),
        say("Service"),
        say("What comes"),
    )
    rows = [
        (who, say("Customer"), told.customer),
        *((who, _feature(k), v) for k, v in told.personal.items()),
    ]
    rows += [(who, say("stage"), stage_name(told.stage))]
    rows += [(who, _feature(k), _fact(k, v)) for k, v in told.basics.items()]
    rows += [
        (bought, say("purchases made"), words.number(len(buys), 0)),
        (bought, say("bought so far"), cash(float(buys["amount"].sum()))),
    ]
    rows += [
        (bought, words.day(r.day), cash(r.amount)) for r in buys.head(5).itertuples()
    ]
    rows += [
        (say("Preferences"), Text(str(r.category)), share_of(r.share))
        for r in told.tastes.dropna().head(3).itertuples()
    ]
    rows += [
        (served, say("cases"), str(len(cases))),
        (served, say("complaints"), str(int((cases["kind"] == "complaint").sum()))),
    ]
    rows += [
        (served, words.day(r.opened), _case(r)) for r in cases.head(3).itertuples()
    ]
    rows += [
        (
            say("Contacts"),
            words.day(r.day),
            say("left alone, to compare") if r.held else say("contacted"),
        )
        for r in told.contacts.head(3).itertuples()
    ]
    if "value" in worth:
        reach = say(
            "{value} ({low} to {high})",
            value=cash(worth["value"]),
            low=cash(worth["value_low"]),
            high=cash(worth["value_high"]),
        )
        rows += [
            (ahead, say("expected purchases"), reach),
            (ahead, say("still with us"), share("active")),
        ]
    if "chance" in worth:
        rows += [(ahead, say("chance of leaving"), share("chance"))]
    rows += [(ahead, say("next action"), next_step(told, currency))]
    parts = [p for p, _, _ in rows]
    parts = [
        p if i == 0 or p != parts[i - 1] else Text("") for i, p in enumerate(parts)
    ]
    frame = pd.DataFrame(
        {
            "part": _said(parts),
            "fact": _said(k for _, k, _ in rows),
            "value": _said(v for _, _, v in rows),
        }
    )
    head = {
        "part": _head(say("Part")),
        "fact": _head(say("Fact")),
        "value": _head(say("Value")),
    }
    return Table(
        name="customer_record",
        title=say("Customer record"),
        frame=frame,
        headings=head,
        rows_shown=40,
    )


def share_of(share: float) -> Text:
    """Return a share of all purchases in words."""
    return say("{share} of purchases", share=words.percent(share))


def record_headline(told: Record, gain: float, currency: str) -> Text:
    """Return one sentence on a customer: worth, and whether a contact pays."""
    value = words.money(told.worth.get("value", 0.0), currency)
    known = {
        "customer": told.customer,
        "stage": stage_name(told.stage),
        "value": value,
        "gain": words.money(abs(gain), currency),
    }
    if told.worth.get("at_stake") is None:
        return say(
            "{customer} ({stage}) should bring {value}; this customer may not be contacted.",
            **known,
        )
    if gain > 0:
        return say(
            "{customer} ({stage}) should bring {value}; a contact now should bring {gain} after its cost.",
            **known,
        )
    return say(
        "{customer} ({stage}) should bring {value}; a contact now would cost {gain} more than it brings.",
        **known,
    )


def churn(
    leaving: Churn,
    plan: pd.DataFrame,
    stakes: pd.DataFrame,
    *,
    day: dt.date,
    currency: str,
    week: pd.DataFrame | None = None,
    moved: pd.DataFrame | None = None,
) -> Finding:
    """Return the finding on leaving: how many, whom to call, what it is worth.

    Args:
        leaving: What `churn_chances` returned.
        plan: What `plan_contacts` returned.
        stakes: What `contact_gains` returned.
        day: Day of the finding.
        currency: Currency code.
        week: What `next_actions` returned, for follow-ups; or None.
        moved: What `movers` returned, for who is growing; or None.
    """
    called = plan[~plan["held"]]
    at_risk = float(stakes["at_stake"].sum())
    wrong = max(
        0.05, abs(leaving.tested["chance"].mean() / max(1e-9, leaving.base) - 1)
    )
    gain = float(called["gain"].sum())
    headline = say(
        "Purchases of {risk} ({low} to {high}) are at risk; {count} contacts are worth making and should bring {gain} after their cost.",
        risk=words.money(at_risk, currency),
        low=words.money(at_risk * (1 - wrong), currency),
        high=words.money(at_risk * (1 + wrong), currency),
        count=words.number(len(called)),
        gain=words.money(gain, currency),
    )
    if called.empty:
        headline = say(
            "Purchases of {risk} ({low} to {high}) are at risk, but on these terms no contact would bring more than it costs.",
            risk=words.money(at_risk, currency),
            low=words.money(at_risk * (1 - wrong), currency),
            high=words.money(at_risk * (1 + wrong), currency),
        )
    low, high = RIGHT_SLOPE
    said = float(leaving.tested["chance"].mean())
    checks = [
        _check(
            say("Better than the last purchase alone"),
            leaving.ranking >= leaving.recency_ranking - 1e-9,
            say(
                "Of a leaver and a stayer, {mine} of pairs were put in the right order; by days since the last purchase alone, {naive}.",
                mine=words.percent(leaving.ranking),
                naive=words.percent(leaving.recency_ranking),
            ),
        ),
        _check(
            say("Chances come true"),
            bool(
                low <= leaving.slope <= high and abs(said - leaving.base) <= RIGHT_LEVEL
            ),
            say(
                "On a past date the page said {said} would not buy; {came} did not.",
                said=words.percent(said),
                came=words.percent(leaving.base),
            ),
        ),
    ]
    return Finding(
        room="customers",
        headline=headline,
        actions=_churn_actions(plan, week, moved, day, currency),
        checks=tuple(checks),
        quantity=Quantity(
            value=at_risk,
            low=at_risk * (1 - wrong),
            high=at_risk * (1 + wrong),
            unit=currency,
            name=say("Purchases at risk"),
        ),
        caveats=(
            say(
                "Leaving means no purchase in the next {days} days; some would have come back later.",
                days=words.number(leaving.days_ahead),
            ),
            *_unasked(stakes),
        ),
        facts={"contacts": float(len(called)), "gain": gain},
    )


def with_effect(finding: Finding, effect: Effect, *, saved: float) -> Finding:
    """Return the finding with what last month's contacts brought, beside what is reckoned.

    Args:
        finding: What `churn` returned.
        effect: What `measure_contacts` returned.
        saved: Share of leavers whom a contact is reckoned to keep.
    """
    called, alone = (int(n) for n in effect.sides["customers"])
    said = {
        "called": _few(called),
        "alone": _few(alone),
        "needed": words.number(LEAST_COMPARED),
        "saved": words.percent(saved),
    }
    passed, sentence = (
        None,
        say(
            "How many a contact keeps is your own figure ({saved}): of earlier plans {called} contacted and {alone} left alone can be compared, and {needed} of each are needed.",
            **said,
        ),
    )
    if effect.enough:
        said |= {
            name: words.percent(value)
            for name, value in zip(("kept", "low", "high"), effect.saved, strict=True)
        }
        said |= {
            "days": words.number(effect.days_after),
            "one": words.percent(effect.sides["buyers"].iloc[0]),
            "none": words.percent(effect.sides["buyers"].iloc[1]),
        }
        passed = effect.saved[1] > 0 and saved <= effect.saved[2]
        sentence = say(
            "Within {days} days {one} of {called} contacted customers bought, and {none} of {alone} left alone: a contact kept {kept} ({low} to {high}) of those who would not have come; this page reckons with {saved}.",
            **said,
        )
    check = _check(say("Effect of a contact"), passed, sentence)
    return replace(finding, checks=(*finding.checks, check))


def _few(count: int) -> Text:
    return say("under ten") if 0 < count < LEAST_GROUP else words.number(count)


def effect_table(effect: Effect, currency: str) -> Table:
    """Return those contacted beside those left alone; nothing where too few are compared."""
    names = [
        say("Contacted"),
        say("Left alone, to compare"),
        say("Added by the contact"),
    ]
    columns = ["side", "customers", "buyers", "buyers_low", "buyers_high"]
    columns += ["amount", "amount_low", "amount_high"]
    rows: list[tuple] = []
    if effect.enough:
        rows = [
            (name, s.customers, s.buyers, None, None, s.amount, None, None)
            for name, s in zip(names, effect.sides.itertuples(), strict=False)
        ]
        rows.append((names[2], None, *effect.buyers, *effect.money))
    money = {"kind": "money", "unit": currency}
    head = {
        "side": _head(say("Customers")),
        "customers": _head(say("How many"), "number", digits=0),
        "buyers": _head(say("Bought"), "percent", digits=1),
        "buyers_low": _head(say("at least"), "percent", digits=1),
        "buyers_high": _head(say("at most"), "percent", digits=1),
        "amount": _head(say("Bought for, a customer"), **money),
        "amount_low": _head(say("at least"), **money),
        "amount_high": _head(say("at most"), **money),
    }
    return Table(
        name="contact_effect",
        title=say("What earlier contacts brought"),
        frame=pd.DataFrame(rows, columns=columns),
        headings=head,
    )


def _churn_actions(
    plan: pd.DataFrame,
    week: pd.DataFrame | None,
    moved: pd.DataFrame | None,
    day: dt.date,
    currency: str,
) -> tuple[Action, ...]:
    called, due = plan[~plan["held"]], day + dt.timedelta(days=7)
    told = []
    if len(called):
        late = say(
            "Contact the {count} customers of the list this week; leave the {held} marked ones alone, to measure the effect.",
            count=words.number(len(called)),
            held=words.number(int(plan["held"].sum())),
        )
        told.append(
            Action(
                what=late,
                owner=say("Customer care"),
                due=due,
                value=float(called["gain"].sum()),
                unit=currency,
            )
        )
    back = 0 if week is None else int((week["action"] == "follow_up").sum())
    if back:
        told.append(
            Action(
                what=say(
                    "Ask the {count} customers whose case was resolved a week ago whether all is well.",
                    count=words.number(back),
                ),
                owner=say("Service"),
                due=due,
            )
        )
    grown = pd.DataFrame() if moved is None else moved[moved["kind"] == "growing"]
    if len(grown):
        told.append(
            Action(
                what=say(
                    "Thank the {count} customers who buy more than before, and find out what they came for.",
                    count=words.number(len(grown)),
                ),
                owner=say("Marketing"),
                due=day + dt.timedelta(days=14),
            )
        )
    return tuple(told)


def plan_table(plan: pd.DataFrame, currency: str) -> Table:
    """Return the list of contacts by owner, with the company's own numbers."""
    marks = {True: say("leave alone (to compare)"), False: say("contact")}
    plan = plan.reset_index(drop=True)
    frame = plan.assign(
        do=_said(marks[bool(h)] for h in plan["held"]), owner=_owners(plan["owner"])
    ).sort_values(["owner", "gain"], ascending=[True, False])
    head = {
        "owner": _head(say("Owner")),
        "customer": _head(say("Customer")),
        "do": _head(say("What to do")),
        "days_since": _head(say("Days silent"), "number"),
        "chance": _head(say("Chance of leaving"), "percent"),
        "at_stake": _head(say("Purchases at risk"), "money", unit=currency),
        "gain": _head(say("Expected gain"), "money", unit=currency),
    }
    return Table(
        name="contacts",
        title=say("Whom to contact, by owner"),
        frame=frame,
        headings=head,
    )


def _unasked(stakes: pd.DataFrame) -> tuple[Text, ...]:
    if len(stakes) and "asked" in stakes and not stakes["asked"].any():
        return (
            say(
                "Nobody told this page who may be contacted; check permissions before the list is used."
            ),
        )
    return ()


def week_table(week: pd.DataFrame, currency: str) -> Table:
    """Return the week's list: one next action for each customer, by owner."""
    names = {
        "contact": say("Contact: a purchase may be lost"),
        "leave": say("Leave alone, to compare"),
        "follow_up": say("Ask whether the case is settled"),
        "birthday": say("Birthday greeting"),
        "welcome": say("Thank for the first purchase"),
        "holiday": say("Holiday greeting"),
        "member_day": say("Invite to the member day"),
    }
    frame = week.assign(
        do=_said(names[a] for a in week["action"]),
        owner=_owners(week["owner"]),
        detail=_said(_detail(d) for d in week["detail"]),
    )
    head = {
        "owner": _head(say("Owner")),
        "customer": _head(say("Customer")),
        "do": _head(say("What to do")),
        "day": _head(say("From"), "day"),
        "gain": _head(say("Expected gain"), "money", unit=currency),
        "detail": _head(say("Detail")),
    }
    if not (frame["detail"] != "").any():
        head.pop("detail")
    return Table(
        name="next_actions",
        title=say("This week: whom to approach, and why, by owner"),
        frame=frame,
        headings=head,
        rows_shown=15,
    )


def owners_table(week: pd.DataFrame, currency: str) -> Table:
    """Return what the week holds for each owner; no number of under ten customers is shown."""
    week = week.assign(gain=week["gain"].where(week["action"] == "contact", 0.0))
    told = (
        week.groupby("owner")
        .agg(customers=("customer", "size"), gain=("gain", "sum"))
        .reset_index()
    )
    for column, kinds in {
        "contacts": ["contact"],
        "service": ["follow_up"],
        "greetings": ["birthday", "welcome", "holiday", "member_day"],
    }.items():
        told[column] = (
            told["owner"]
            .map(week[week["action"].isin(kinds)].groupby("owner").size())
            .fillna(0)
        )
    told = told[told["customers"] >= LEAST_GROUP].reset_index(drop=True)
    few = told[["contacts", "service", "greetings"]]
    told["gain"] = told["gain"].where(few["contacts"] >= LEAST_GROUP)
    told[few.columns] = few.where(few >= LEAST_GROUP)
    told = told.assign(owner=_owners(told["owner"]))
    head = {
        "owner": _head(say("Owner")),
        "contacts": _head(say("Contacts"), "number"),
        "service": _head(say("Follow-ups"), "number"),
        "greetings": _head(say("Greetings"), "number"),
        "gain": _head(say("Expected gain"), "money", unit=currency),
    }
    return Table(
        name="owners", title=say("The week by owner"), frame=told, headings=head
    )


def movers_table(moved: pd.DataFrame, currency: str) -> Table:
    """Return who buys more or less than before, beyond luck."""
    names = {"growing": say("growing"), "fading": say("fading")}
    frame = moved.assign(way=_said(names[k] for k in moved["kind"]))
    if moved.empty:
        frame = pd.DataFrame(
            {
                "customer": _said([say("nobody")]),
                "way": _said([say("no change beyond luck")]),
            }
        ).reindex(columns=[*moved.columns, "way"])
    head = {
        "customer": _head(say("Customer")),
        "way": _head(say("Direction")),
        "before": _head(say("Purchases at the former pace"), "number"),
        "now": _head(say("Purchases made"), "number"),
        "money": _head(say("More or less bought"), "money", unit=currency),
    }
    return Table(
        name="movers",
        title=say("Who changed pace in the last half year"),
        frame=frame,
        headings=head,
        rows_shown=12,
    )


def _said(texts: Iterable[Text]) -> pd.Series:
    """Return texts as a column that keeps both languages."""
    return pd.Series(list(texts), dtype=object)


def _owners(owner: pd.Series) -> pd.Series:
    return _said(Text(str(o)) if o else say("not assigned") for o in owner)


def _detail(detail: object) -> Text:
    known = {
        "complaint": say("complaint"),
        "inquiry": say("inquiry"),
        "other": say("other"),
    }
    return known.get(str(detail), Text("" if detail is None else str(detail)))


def calendar_table(calendar: pd.DataFrame) -> Table:
    """Return whom to think of on which day."""
    names = {
        "birthday": say("Birthday"),
        "holiday": say("Holiday"),
        "member_day": say("Member day"),
        "follow_up": say("Follow-up on a case"),
    }
    frame = calendar.assign(
        why=_said(names[r] for r in calendar["reason"]),
        detail=_said(_detail(d) for d in calendar["detail"].fillna("")),
    )
    head = {
        "day": _head(say("Day"), "day"),
        "customer": _head(say("Customer")),
        "why": _head(say("Occasion")),
        "detail": _head(say("Detail")),
    }
    if not (frame["detail"] != "").any():
        head.pop("detail")
    return Table(
        name="care_calendar",
        title=say("Care calendar, the next two weeks"),
        frame=frame,
        headings=head,
        rows_shown=10,
    )


def response_table(told: pd.DataFrame, names: list[Text]) -> Table:
    """Return how each group answered each kind of promotion."""
    told = told.reset_index(drop=True)
    frame = told.assign(name=_said(names[g] for g in told["group"]))
    head = {
        "name": _head(say("Group")),
        "kind": _head(say("Kind")),
        "sent": _head(say("Customers"), "number"),
        "rate": _head(say("Answered"), "percent"),
        "low": _head(say("at least"), "percent"),
        "high": _head(say("at most"), "percent"),
    }
    return Table(
        name="responses",
        title=say("Who answered promotions"),
        frame=frame,
        headings=head,
    )


def _value_checks(
    life: Lifetime, checked: Audit, mean: pd.DataFrame, kept: pd.DataFrame
) -> tuple[Check, ...]:
    naive = mean.loc[["repeat_last", "recency_only"], "ranking"].max()
    last = checked.cuts[checked.cuts["method"] == "model"].iloc[-1]
    told = [
        _check(
            say("Better than simple rules"),
            checked.wins,
            say(
                "On past dates {mine} of pairs of customers were put in the right order; the best simple rule did {naive}.",
                mine=words.percent(mean.loc["model", "ranking"]),
                naive=words.percent(naive),
            ),
        ),
        _check(
            say("Total on the last past date"),
            abs(last["bias"]) <= 0.15,
            say(
                "{said} purchases were foretold, {came} were made.",
                said=words.number(last["predicted"]),
                came=words.number(last["actual"]),
            ),
        ),
        _check(
            say("Season"),
            life.season is not None and last["unseen"] < 0.1,
            say("The season was learnt from past years.")
            if life.season is not None
            else say(
                "Less than a year and two months were seen, so that no season could be learnt; a strong season ahead will be missed."
            ),
        ),
        _check(
            say("Who leaves"),
            not life.model.degenerate,
            say("The history tells those who have left from those who buy seldom.")
            if not life.model.degenerate
            else say("The history cannot tell who has left from who buys seldom."),
        ),
    ]
    if len(kept):
        told.append(
            _check(
                say("Earlier forecasts"),
                bool(kept["held"].mean() >= 0.6),
                say(
                    "{good} of {all} earlier forecasts held what came.",
                    good=words.number(kept["held"].sum()),
                    all=words.number(len(kept)),
                ),
            )
        )
    return tuple(told)


def _rule(conditions: list[tuple[str, str, float]]) -> Text:
    parts = []
    for name, sign, cut in conditions:
        shown = words.number(
            float(np.exp(cut)) if name in ("yearly", "amount", "units") else cut
        )
        form = (
            say("{what} up to {cut}", what=_feature(name), cut=shown)
            if sign == "<="
            else say("{what} above {cut}", what=_feature(name), cut=shown)
        )
        parts.append(form)
    return words.listing(parts)


def _feature(name: str) -> Text:
    known = {
        "yearly": say("purchases a year"),
        "amount": say("usual purchase"),
        "units": say("units a purchase"),
        "variety": say("share of categories bought"),
        "contacts": say("service cases"),
        "region": say("region"),
        "kind": say("kind of customer"),
        "level": say("member level"),
        "channel": say("came through"),
        "since": say("customer since"),
        "birthday": say("birthday"),
        "contact_allowed": say("may be contacted"),
        "name": say("name"),
        "phone": say("phone"),
        "mail": say("mail"),
        "address": say("address"),
    }
    return known.get(name, Text(name))


def stage_name(stage: str) -> Text:
    """Return what a stage is called on a page."""
    known = {
        "new": say("new"),
        "active": say("active"),
        "slowing": say("slowing down"),
        "asleep": say("asleep"),
        "lost": say("lost"),
        "returned": say("returned"),
        "none": say("not yet a customer"),
    }
    return known.get(stage, Text(stage))


def _fact(name: str, value: str) -> Text:
    if name == "contact_allowed":
        return say("yes") if value in ("True", "1") else say("no")
    if name == "since":
        return words.day(dt.date.fromisoformat(value[:10]))
    return Text(value)


def _case(row: object) -> Text:
    kind = _detail(row.kind)  # type: ignore[attr-defined]
    state = (
        say("still open")
        if pd.isna(row.resolved)
        else say("resolved {day}", day=words.day(row.resolved))
    )  # type: ignore[attr-defined]
    return words.listing([t for t in (kind, _detail(row.reason), state) if t])  # type: ignore[attr-defined]


def next_step(told: Record, currency: str) -> Text:
    """Return what to do next for one customer, in words."""
    gain = told.worth.get("gain", 0.0)
    if gain > 0:
        return say(
            "Contact: worth {gain} after its cost", gain=words.money(gain, currency)
        )
    kept = {
        "new": say("Thank for the first purchase"),
        "lost": say("Nothing: a contact would cost more than it brings"),
        "asleep": say("Include in the next win-back mail"),
    }
    return kept.get(told.stage, say("Nothing now: buys as usual"))


def _wilson(row: pd.Series) -> tuple[float, float]:
    n = row["customers"] / row["share"]
    p, z = row["share"], 1.645
    middle, wide = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return float((middle - wide) / (1 + z**2 / n)), float(
        (middle + wide) / (1 + z**2 / n)
    )


def _check(name: Text, passed: bool | None, sentence: Text) -> Check:
    return Check(
        name=name, passed=None if passed is None else bool(passed), sentence=sentence
    )
