"""This module owns what the campaign pages say: findings and tables, in words."""

# fmt: off
from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd

from opslib import words
from opslib.findings import Action, Check, Finding, Heading, Quantity, Table
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.promotions.campaigns.design import Judged, Worth

say = catalogue("opslib.promotions")
MOST_FALSE, LEAST_COVER = 0.10, 0.85


def lift(judged: Judged, told: Worth, tests: pd.DataFrame, others: pd.DataFrame, *, day: dt.date, currency: str, plausible: float) -> Finding:
    """Return the finding on a campaign: units added, what they were worth, what next.

    Args:
        judged: What `judge_campaign` returned.
        told: What `worth` returned.
        tests: What `design` returned.
        others: What `all_campaigns` returned.
        day: Last day known.
        currency: Currency code.
        plausible: Largest lift a campaign is believed to reach, a share.
    """
    found = judged.lift
    row = judged.stressed.card.set_index("method").loc[judged.stressed.taken]
    cash = lambda x: words.money(x, currency)  # noqa: E731
    said = {
        "campaign": judged.campaign, "units": words.number(abs(found.total), 0), "share": words.percent(abs(found.effect.relative)),
        "low": words.number(found.total_low, 0), "high": words.number(found.total_high, 0), "gain": cash(told.gain), "loss": cash(-told.gain),
        "gains": words.between(cash(told.gain_low), cash(told.gain_high)), "losses": words.between(cash(-told.gain_high), cash(-told.gain_low)),
        "smallest": words.percent(row["smallest"]),
    }
    if row["smallest"] > plausible:
        headline = say("This data cannot answer whether {campaign} added sales: {low} to {high} units; only lifts above {smallest} would be seen.", **said)
    elif found.low > 0 and told.gain > 0:
        headline = say("{campaign} added {units} units ({low} to {high}), {share} more than without it, and gained {gain} ({gains}) after discount and cost.", **said)
    elif found.low > 0:
        headline = say("{campaign} added {units} units ({low} to {high}), {share} more than without it, but lost {loss} ({losses}) after discount and cost.", **said)
    elif found.high < 0:
        headline = say("{campaign} went with {units} units fewer ({low} to {high}) than would have been sold without it.", **said)
    else:
        headline = say("No lift of {campaign} is seen: {low} to {high} units; lifts under {smallest} would often be missed.", **said)
    return Finding(
        room="promotions", headline=headline,
        quantity=Quantity(value=found.total, low=found.total_low, high=found.total_high, unit="units", confidence=found.confidence, name=say("Added units")),
        actions=_lift_actions(judged, told, tests, day=day, currency=currency, plausible=plausible),
        checks=_lift_checks(judged, row, others, plausible),
        caveats=(
            say("The comparison assumes that the campaign moved no sales from or to the places it is compared with."),
            say("An empty shelf during the campaign hides a part of what it could have added."),
        ),
        facts={"lift": found.effect.relative, "low": found.low, "high": found.high, "gain": told.gain, "smallest": float(row["smallest"])},
    )


def _lift_actions(judged: Judged, told: Worth, tests: pd.DataFrame, *, day: dt.date, currency: str, plausible: float) -> tuple[Action, ...]:
    soon, later = day + dt.timedelta(days=14), day + dt.timedelta(days=30)
    name, marketing, actions = judged.campaign, say("Marketing"), []
    if told.gain_low > 0:
        actions.append(Action(what=say("Repeat {campaign} in the same places and season.", campaign=name), owner=marketing, due=later, value=told.gain, unit=currency))
    elif told.gain_high < 0 and not told.break_even < 5:
        actions.append(Action(what=say("Do not repeat {campaign} in this form: no lift that can be hoped for pays its discount and cost.", campaign=name), owner=marketing, due=soon, value=-told.gain, unit=currency))
    elif told.gain_high < 0:
        actions.append(Action(what=say("Do not repeat {campaign} in this form: it pays only from a lift of {needed}.", campaign=name, needed=words.percent(told.break_even)), owner=marketing, due=soon, value=-told.gain, unit=currency))
    good = tests[tests["smallest"] <= plausible / 2]
    good = good if len(good) else tests[tests["smallest"] <= plausible]
    if len(good):
        best = good.loc[(good["share"] * good["weeks"]).idxmin()]
        actions.append(Action(what=say(
            "Run the next test for {weeks} weeks in {names} and leave the other places without it: it would see a lift from {smallest}.",
            weeks=words.number(best["weeks"]), names=best["names"], smallest=words.percent(best["smallest"])), owner=marketing, due=later))
    else:
        least = words.percent(tests["smallest"].min() if len(tests) else float("nan"))
        actions.append(Action(what=say(
            "Do not run a test by places: the best would see lifts from {smallest} only. Give the offer to customers drawn at random and compare them with the rest.",
            smallest=least), owner=marketing, due=later))
    return tuple(actions)


def _lift_checks(judged: Judged, row: pd.Series, others: pd.DataFrame, plausible: float) -> tuple[Check, ...]:
    past = judged.stressed.errors
    usual = float(past.loc[past["method"] == judged.stressed.taken, "spread"].median())
    own = abs(judged.lift.effect.spread / judged.lift.effect.expected)
    n, paid = words.number(row["placebos"]), int((others["gain"] > 0).sum()) if len(others) else 0
    told = judged.methods["relative"]
    return (
        _check(say("False alarms"), row["false_alarms"] <= MOST_FALSE, say(
            "On {n} past dates and places without a campaign, a lift was claimed in {share}.", n=n, share=words.percent(row["false_alarms"]))),
        _check(say("Ranges that hold"), row["coverage"] >= LEAST_COVER, say(
            "There, the range held the truth (no lift) in {share}; {asked} was promised.", share=words.percent(row["coverage"]), asked=words.percent(judged.lift.confidence))),
        _check(say("Lifts that can be seen"), row["smallest"] <= plausible, say(
            "A lift of {smallest} is seen in eight of ten cases; you call up to {plausible} plausible.", smallest=words.percent(row["smallest"]), plausible=words.percent(plausible))),
        _check(say("Moved alike before"), own <= 2 * usual, say(
            "Before the start, the weeks were {own} off the comparison; {usual} is usual here.", own=words.percent(own, 1), usual=words.percent(usual, 1))),
        _check(say("Other ways to compare"), None, say(
            "Five ways to compare say {low} to {high}; the one that was best in the past is shown.", low=words.percent(told.min()), high=words.percent(told.max()))),
        _check(say("All campaigns"), None, say(
            "Of {n} campaigns that can be judged, {paid} earned their discount and cost.", n=words.number(len(others)), paid=words.number(paid))),
    )


def method_names() -> dict[str, Text]:
    """Return the ways to compare in plain words."""
    return {
        "did": say("All other places alike"), "sc": say("Mix of places that moved alike"), "fesc": say("Mix of places, levels apart"),
        "sdid": say("Mix of places and of weeks"), "blend": say("Average of the two mixes"), "sts": say("Regression on other places"),
    }


def stress_table(judged: Judged) -> Table:
    """Return how each way to compare did where there was no campaign."""
    names = method_names()
    frame = judged.stressed.card.assign(way=[names[m] for m in judged.stressed.card["method"]])
    frame["used"] = [say("used here") if t else "" for t in frame["taken"]]
    head = {
        "way": _head(say("Compared with")), "used": _head(say("Choice")), "placebos": _head(say("Dates and places tried"), "number"),
        "false_alarms": _head(say("Lift claimed where none was"), "percent"), "coverage": _head(say("Range held"), "percent"),
        "smallest": _head(say("Smallest lift seen"), "percent"), "width": _head(say("Range, plus or minus"), "percent"),
    }
    return Table(name="stress_card", title=say("Put to the test where there was no campaign"), frame=frame, headings=head)


def places_table(judged: Judged) -> Table:
    """Return the lift place by place."""
    head = {
        "unit": _head(say("Category and region")), "relative": _head(say("Lift"), "percent"), "low": _head(say("at least"), "percent"),
        "high": _head(say("at most"), "percent"), "units": _head(say("Added units"), "number", 0),
    }
    return Table(name="lift_by_place", title=say("Lift by place"), frame=judged.places, headings=head)


def campaigns_table(others: pd.DataFrame, currency: str) -> Table:
    """Return every campaign that can be judged, newest first."""
    head = {
        "campaign": _head(say("Campaign")), "starts": _head(say("Start"), "day"), "relative": _head(say("Lift"), "percent"), "low": _head(say("at least"), "percent"),
        "high": _head(say("at most"), "percent"), "sales": _head(say("Added sales"), "money", unit=currency), "gain": _head(say("Gain after discount and cost"), "money", unit=currency),
    }
    return Table(name="all_campaigns", title=say("Every campaign, the same way"), frame=others, headings=head)


def design_table(tests: pd.DataFrame) -> Table:
    """Return the tests that could be run next."""
    head = {
        "weeks": _head(say("Weeks"), "number"), "names": _head(say("Places with the campaign")), "share": _head(say("Share of the category's sales"), "percent"),
        "smallest": _head(say("Smallest lift seen"), "percent"),
    }
    return Table(name="test_design", title=say("Tests to choose from"), frame=tests, headings=head)


def _check(name: Text, passed: bool | None, sentence: Text) -> Check:
    return Check(name=name, passed=None if passed is None else bool(passed), sentence=sentence)


def _head(label: Text, kind: str = "text", digits: int | None = None, unit: str = "") -> Heading:
    return Heading(label=label, kind=kind, digits=digits, unit=unit)
