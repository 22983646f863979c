"""This module owns the findings and tables of the budget risk page, in words.

Long because one page says where the year ends, how sure that is and what to do.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import words
from opslib.budget import track
from opslib.budget.risk import measure, warning, why
from opslib.findings import Action, Check, Finding, Prediction, Quantity, Table
from opslib.findings import heading as _head
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from opslib.budget.outlook import Books, Outlook
    from opslib.budget.risk.rules import Choices
    from opslib.budget.track import Trust

say = catalogue(__package__ or "opslib.budget.risk")
SURE = 0.8


def risk(
    told: Outlook,
    books: Books,
    trust: Trust,
    choices: Choices,
    *,
    bearable: float,
    day: dt.date,
    currency: str,
) -> Finding:
    """Return the finding on the year's end: where, how sure, what to do."""
    cash = purse(currency)
    total = told.draws.total
    numbers = measure.measure(
        told.draws, budget=told.plan_spending, levels=(0.95,)
    ).set_index("name")
    chance, centre = numbers.loc["chance_over"], numbers.loc["mean"]
    low, high = (float(x) for x in np.quantile(total, [(1 - SURE) / 2, (1 + SURE) / 2]))
    digits = 1 if chance["error"] < 0.002 and chance["value"] < 0.1 else 0
    headline = say(
        "Spending of {year} ends at {value} ({low} to {high} at {sure}) against a budget of {plan}; the chance of an overrun is {chance}.",
        year=f"{books.year:%Y}",
        value=cash(centre["shown"]),
        low=cash(low),
        high=cash(high),
        sure=words.percent(SURE),
        plan=cash(told.plan_spending),
        chance=words.percent(chance["value"], digits)
        if digits
        else odds(chance["value"]),
    )
    parts = (
        _tie_check(told, currency),
        *method_checks(trust),
        *_track_checks(trust),
        *_digit_checks(told, numbers, choices, currency),
    )
    due = (told.months[0] + pd.offsets.MonthEnd(1)).date()
    month = np.quantile(told.draws.by_month[:, 0], [0.1, 0.5, 0.9])
    year_end = np.quantile(total, [0.1, 0.5, 0.9])
    predictions = (
        told_ahead(
            "month_spending",
            {"month": f"{told.months[0]:%Y-%m-%d}"},
            due + dt.timedelta(days=10),
            currency,
            month,
        ),
        told_ahead(
            "year_spending",
            {"year": f"{books.year:%Y}"},
            dt.date(books.year.year + 1, 1, 15),
            currency,
            year_end,
        ),
        chance_ahead(
            "year_over_plan",
            {"year": f"{books.year:%Y}", "above": f"{told.plan_spending:.2f}"},
            dt.date(books.year.year + 1, 1, 15),
            float(chance["value"]),
        ),
        Prediction(
            name="budget_version",
            target={"version": books.version},
            due=dt.date(books.year.year + 1, 1, 15),
            unit=currency,
            quantiles={"0.5": round(told.plan_spending, 2)},
        ),
    )
    return Finding(
        room="budget",
        headline=headline,
        checks=parts,
        predictions=predictions,
        actions=_risk_actions(
            told,
            choices,
            float(chance["value"]),
            bearable=bearable,
            day=day,
            currency=currency,
        ),
        quantity=Quantity(
            value=float(centre["shown"]),
            low=low,
            high=high,
            unit=currency,
            confidence=SURE,
            name=say("Spending of the year"),
        ),
        caveats=(
            say(
                "The budget is version {version}; later revisions do not hide an overrun.",
                version=books.version,
            ),
            say(
                "{closed} months are closed; the rest is drawn.",
                closed=words.number(books.closed),
            )
            if books.closed
            else say("No month of this year is closed yet; all twelve are drawn."),
        ),
        facts={
            "chance_over": float(chance["value"]),
            "result": float(told.result.mean()),
            "plan": told.plan_spending,
            "reserve": choices.reserve,
            **_sales_facts(told),
        },
    )


def _sales_facts(told: Outlook) -> dict[str, float]:
    """Return the year's sales as foretold: expected, and the 80 % range."""
    sales = told.result + told.draws.by_line @ told.draws.signs
    if not (told.table["kind"] == "revenue").any():
        return {}
    low, high = np.quantile(sales, [0.1, 0.9])
    return {
        "year_end_sales": float(sales.mean()),
        "year_end_sales_low": float(low),
        "year_end_sales_high": float(high),
    }


def line_table(told: Outlook, currency: str) -> Table:
    """Return each line's year end beside its budget, the likeliest to miss it first."""
    frame = told.table.assign(
        miss=_miss(told.table), gap=told.table["forecast"] - told.table["plan"]
    )
    frame = frame.sort_values("miss", ascending=False, kind="stable")
    cash = {"unit": currency}
    return Table(
        name="lines",
        title=say("Lines, the likeliest to miss their budget first"),
        frame=frame,
        rows_shown=15,
        headings={
            "line": _head(say("Line")),
            "department": _head(say("Department")),
            "plan": _head(say("Budget"), "money", **cash),
            "spent": _head(say("So far"), "money", **cash),
            "forecast": _head(say("Year's end"), "money", **cash),
            "low": _head(say("at least"), "money", **cash),
            "high": _head(say("at most"), "money", **cash),
            "miss": _head(say("Chance to miss the budget"), "percent"),
        },
    )


def department_table(told: Outlook, currency: str) -> Table:
    """Return which departments drive the total, and the worst years among the draws."""
    spent = told.table[told.table["kind"] != "revenue"]
    sums = spent.groupby("department")[["plan", "forecast"]].sum()
    shares = why.variance_shares(told.draws, groups=told.draws.departments).set_index(
        "name"
    )
    draws = {
        d: told.draws.by_line[
            :,
            (told.table["department"] == d).to_numpy()
            & (told.table["kind"] != "revenue").to_numpy(),
        ].sum(axis=1)
        for d in sums.index
    }
    frame = (
        sums.assign(
            chance=[float((draws[d] > sums.loc[d, "plan"]).mean()) for d in sums.index],
            share=shares["share"].reindex(sums.index).round(3) + 0.0,
            worst=shares["worst"].reindex(sums.index),
        )
        .sort_values("share", ascending=False)
        .reset_index()
    )
    return Table(
        name="departments",
        title=say("Departments and what they add to the risk"),
        frame=frame,
        headings={
            "department": _head(say("Department")),
            "plan": _head(say("Budget"), "money", unit=currency),
            "forecast": _head(say("Year's end"), "money", unit=currency),
            "chance": _head(say("Chance to miss it"), "percent"),
            "share": _head(say("Share of the risk"), "percent"),
            "worst": _head(say("Adds in a bad year"), "money", unit=currency),
        },
    )


def trigger_table(choices: Choices, currency: str) -> Table:
    """Return at which chance of an overrun which month end starts the cut."""
    title = say("When to {measure}", measure=_measure(choices))
    frame = choices.triggers.assign(rule=[_rule(c) for c in choices.triggers["chance"]])
    return Table(
        name="triggers",
        title=title,
        frame=frame,
        headings={
            "month": _head(say("At the end of"), "month"),
            "rule": _head(say("Act if the chance of an overrun is")),
            "saves": _head(say("It still saves"), "money", unit=currency),
            "acts": _head(say("Chance of that"), "percent"),
            "waiting": _head(say("Cost of letting it pass"), "money", unit=currency),
        },
    )


def view_table(told: Outlook, choices: Choices, currency: str) -> Table:
    """Return the inside view, the outside view, and both with the stated weight."""
    view = choices.outside
    total = told.draws.total
    rows = [
        (
            say("Inside: line by line"),
            1 - view.weight,
            *np.quantile(total, [0.1, 0.5, 0.9]),
            view.inside_chance,
        )
    ]
    if len(view.total):
        rows.append(
            (
                say(
                    "Outside: {count} earlier stretches of this company",
                    count=words.number(len(view.cases)),
                ),
                view.weight,
                *np.quantile(view.total, [0.1, 0.5, 0.9]),
                view.outside_chance,
            )
        )
        rows.append(
            (
                say("Both, by their weights"),
                1.0,
                view.low,
                np.nan,
                view.high,
                view.chance,
            )
        )
    frame = pd.DataFrame(
        rows, columns=["view", "weight", "low", "middle", "high", "chance"]
    )
    cash = {"unit": currency}
    return Table(
        name="views",
        title=say("Two views of the year's end"),
        frame=frame,
        headings={
            "view": _head(say("View")),
            "weight": _head(say("Weight"), "percent"),
            "low": _head(say("at least"), "money", **cash),
            "middle": _head(say("middle"), "money", **cash),
            "high": _head(say("at most"), "money", **cash),
            "chance": _head(say("Chance of an overrun"), "percent"),
        },
    )


def alarm_table(told: Outlook, *, false_alarms: float) -> Table:
    """Return lines by how near their sum of surprises stands to the solved limit."""
    watch = warning.solve_watch(lines=told.scores.shape[1], false_alarms=false_alarms)
    alarms = warning.alarms(told.scores, watch)
    states = [
        say("alarm since {month}", month=words.month(s))
        if a
        else say("watch")
        if p > 0.5
        else say("quiet")
        for a, s, p in zip(
            alarms["alarm"], alarms["since"], alarms["share"], strict=True
        )
    ]
    frame = alarms.assign(state=states)
    title = say(
        "Early warning with {alarms} false alarms a quarter: a shift of one usual month's swing is seen after {one} months, of two after {two}; a smoothed mean, the other usual rule, would see them after {slow} and {slower}",
        alarms=words.number(watch.false_alarms, 1),
        one=words.number(watch.delay[1.0], 1),
        two=words.number(watch.delay[2.0], 1),
        slow=words.number(watch.smoothed[1.0], 1),
        slower=words.number(watch.smoothed[2.0], 1),
    )
    return Table(
        name="alarms",
        title=title,
        frame=frame,
        headings={
            "line": _head(say("Line and department")),
            "state": _head(say("State")),
            "share": _head(say("Way to the limit"), "percent"),
            "shift": _head(say("Mean shift, in usual swings"), "number"),
            "found": _head(say("Newest month alone stands out")),
        },
    )


def race_table(trust: Trust) -> Table:
    """Return how near each method came at this point of earlier years."""
    frame = trust.race.assign(name=[_methods()[m] for m in trust.race["method"]])
    return Table(
        name="race",
        title=say("Methods at this point of earlier years, the nearest first"),
        frame=frame,
        headings={
            "name": _head(say("Method")),
            "error": _head(say("Missed by, line by line"), "percent", digits=1),
            "bias": _head(say("Total too high or low"), "percent", digits=1),
            "behind": _head(say("Behind the nearest"), "percent", digits=1),
        },
    )


def past_table(trust: Trust, currency: str) -> Table:
    """Return what would have been told of all spending in earlier years, and what came."""
    frame = trust.past[trust.past["line"].isna()].astype({"year": str})
    cash = {"unit": currency}
    return Table(
        name="past_years",
        title=say("What this page would have said of all spending in earlier years"),
        frame=frame,
        headings={
            "year": _head(say("Year")),
            "closed": _head(say("Months closed"), "number"),
            "forecast": _head(say("Year's end"), "money", **cash),
            "low": _head(say("at least"), "money", **cash),
            "high": _head(say("at most"), "money", **cash),
            "fact": _head(say("What came"), "money", **cash),
            "chance_over": _head(say("Chance of an overrun"), "percent"),
            "over": _head(say("Overrun came")),
        },
    )


def _risk_actions(
    told: Outlook,
    choices: Choices,
    chance: float,
    *,
    bearable: float,
    day: dt.date,
    currency: str,
) -> tuple[Action, ...]:
    cash = purse(currency)
    spent = told.table[(told.table["kind"] != "revenue")]
    heads = spent.assign(gap=spent["forecast"] - spent["plan"])
    heads = (
        heads[(heads["chance_over"] > max(0.5, bearable)) & (heads["gap"] > 0)]
        .sort_values("gap", ascending=False)
        .head(3)
    )
    actions = [
        Action(
            what=say(
                "Explain {line} or bring it back: it heads for {gap} over its budget, with a chance of {chance}.",
                line=row.line,
                gap=cash(row.gap),
                chance=odds(row.chance_over),
            ),
            owner=words.text(row.department),
            due=day + dt.timedelta(days=14),
            value=float(row.gap),
            unit=currency,
        )
        for row in heads.itertuples()
    ]
    actions += _cut_action(
        choices, chance, bearable=bearable, day=day, currency=currency
    )
    if choices.reserve > 0:
        actions.append(
            Action(
                what=say(
                    "Hold {reserve} in reserve; it covers the year with a chance of {cover}.",
                    reserve=cash(
                        measure.honest(choices.reserve, choices.reserve_error)
                    ),
                    cover=words.percent(choices.cover),
                ),
                owner=say("Finance"),
                due=day + dt.timedelta(days=14),
            )
        )
    else:
        actions.append(
            Action(
                what=say(
                    "Hold no reserve beyond the budget: at the stated costs the budget itself covers the year with a chance of {cover} or more.",
                    cover=words.percent(choices.cover),
                ),
                owner=say("Finance"),
                due=day + dt.timedelta(days=14),
            )
        )
    return tuple(actions)


def _cut_action(
    choices: Choices, chance: float, *, bearable: float, day: dt.date, currency: str
) -> list[Action]:
    """Return the action that the trigger table asks for, today or at a later close."""
    due, above = choices.triggers[choices.triggers["chance"].notna()], chance > bearable
    said = {"bearable": words.percent(bearable), "measure": _measure(choices)}
    if due.empty:
        what = say(
            "Do not {measure}: at the stated costs the cut would always cost more than it saves.",
            **said,
        )
        return [
            Action(what=what, owner=say("Finance"), due=day + dt.timedelta(days=14))
        ]
    first = due.iloc[0]
    if first["closed"] == 0 and chance >= first["chance"]:
        return [
            Action(
                what=say("Now {measure}: waiting costs more than the cut.", **said),
                owner=say("Finance"),
                due=day + dt.timedelta(days=7),
                value=float(first["saves"]),
                unit=currency,
            )
        ]
    said |= {
        "month": words.month(first["month"]),
        "level": words.percent(first["chance"]),
    }
    what = say(
        "At the close of {month}, {measure} if the chance of an overrun is then {level} or more; earlier the cut costs more than it saves.",
        **said,
    )
    if above:
        what = say(
            "The chance is above the {bearable} you can bear. Still, a cut today costs more than it saves: at the close of {month}, {measure} if the chance is then {level} or more.",
            **said,
        )
    return [
        Action(
            what=what,
            owner=say("Finance"),
            due=first["month"].date() + dt.timedelta(days=7),
            value=float(first["saves"]),
            unit=currency,
        )
    ]


def _tie_check(told: Outlook, currency: str) -> Check:
    gap = told.draws.tie_gap * float(np.abs(told.draws.total).max())
    return check(
        say("Parts tie to the whole"),
        gap < 0.005,
        say(
            "In each of {count} draws lines, departments and months add up to the year; the largest gap is {gap}.",
            count=words.number(told.draws.total.size, 0),
            gap=words.money(gap, currency, 4),
        ),
    )


def method_checks(trust: Trust) -> list[Check]:
    """Return whether our own blend came nearest in earlier years, or what did."""
    if trust.race.empty:
        return [
            check(
                say("Nearest method"),
                None,
                say(
                    "No earlier year has a budget and twelve closed months; methods could not race."
                ),
            )
        ]
    table = trust.race.set_index("method")["error"]
    said = {
        "winner": _methods()[trust.method],
        "error": words.percent(table.min(), 1),
        "plan": words.percent(table["plan"], 1),
        "ours": words.percent(table["ours"], 1),
    }
    if trust.method == "ours":
        return [
            check(
                say("Nearest method"),
                True,
                say(
                    "At this point of earlier years this page's own blend came nearest, {error} off line by line; the budget itself was {plan} off.",
                    **said,
                ),
            )
        ]
    return [
        check(
            say("Nearest method"),
            False,
            say(
                "A plain method came nearer in earlier years, so its number is shown: {winner}, {error} off line by line; this page's own blend was {ours} off, the budget itself {plan}.",
                **said,
            ),
        )
    ]


def _track_checks(trust: Trust) -> list[Check]:
    checks, past = [], trust.past
    if len(past):
        share = float(past["held"].mean())
        checks.append(
            check(
                say("Ranges"),
                abs(share - SURE) <= 0.15,
                say(
                    "Of {count} ranges that this page would have told in earlier years, {share} held what came; {sure} should.",
                    count=words.number(len(past)),
                    share=words.percent(share),
                    sure=words.percent(SURE),
                ),
            )
        )
        lines = past[past["line"].notna()]
        error, base = track.brier(
            lines["chance_over"].to_numpy(float), lines["over"].to_numpy(float)
        )
        checks.append(
            check(
                say("Chances"),
                error < base,
                say(
                    "Chances told line by line were {share} nearer to what came than always telling how often lines overran.",
                    share=words.percent(1 - error / max(1e-9, base)),
                )
                if error < base
                else say(
                    "Chances told line by line were no nearer to what came than always telling how often lines overran."
                ),
            )
        )
    if len(trust.months) >= 10:
        judged = track.judge_band(trust.months["failed"].to_numpy(), 1 - SURE)
        checks.append(
            check(
                say("Misses neither too many nor in a row"),
                bool(judged["passed"].all()),
                say(
                    "Of {count} months foretold a month before, {missed} fell outside their range, {odds} of which should; misses come {how}.",
                    count=words.number(len(trust.months)),
                    missed=words.number(int(trust.months["failed"].sum())),
                    odds=words.percent(1 - SURE),
                    how=say("alone") if judged["passed"].iloc[1] else say("in a row"),
                ),
            )
        )
    checks.append(
        check(
            say("Fixed lights"),
            None,
            say(
                "A light at a tenth above or below the budget would be red in {red} of this year's months and lines; it is not used.",
                red=words.percent(trust.red),
            )
            if np.isfinite(trust.red)
            else say("No month of this year is closed yet, so no light is lit."),
        )
    )
    held = trust.kept
    told = say(
        "{held} of {count} months that earlier pages foretold fell into their range.",
        held=words.number(int(held["held"].sum()) if len(held) else 0),
        count=words.number(len(held)),
    )
    checks.append(
        check(
            say("Track record"),
            None if len(held) < 5 else float(held["held"].mean()) >= 0.6,
            told
            if len(held)
            else say("No month foretold by an earlier page has been closed since."),
        )
    )
    return checks


def _digit_checks(
    told: Outlook, numbers: pd.DataFrame, choices: Choices, currency: str
) -> list[Check]:
    cash, view = purse(currency), choices.outside
    chance, worst = numbers.loc["chance_over"], numbers.loc["expected_shortfall"]
    marks = float(
        np.quantile(told.draws.by_line, 0.9, axis=0) @ told.draws.signs
    ) - float(np.quantile(told.draws.total, 0.9))
    checks = [
        check(
            say("Error of the simulation"),
            bool(chance["error"] < 0.01),
            say(
                "The chance is sure to {error} and the year's end to {money}; one year in twenty ends above {var}, on average at {worst}.",
                error=words.percent(chance["error"], 2),
                money=cash(numbers.loc["mean", "error"]),
                var=cash(numbers.loc["value_at_risk", "shown"]),
                worst=cash(worst["shown"]),
            ),
        ),
        check(
            say("Lines move together"),
            None,
            say(
                "Adding up each line's high mark would overstate the high mark of the whole by {gap}.",
                gap=cash(marks),
            ),
        ),
    ]
    if len(view.total):
        inside = (
            float(np.quantile(told.draws.total, 0.025))
            <= float(np.median(view.total))
            <= float(np.quantile(told.draws.total, 0.975))
        )
        checks.append(
            check(
                say("Outside view"),
                inside,
                say(
                    "By {count} earlier stretches of this company alone the chance of an overrun would be {outside}; with a weight of {weight} for them it is {both}.",
                    count=words.number(len(view.cases)),
                    outside=words.percent(view.outside_chance),
                    weight=words.percent(view.weight),
                    both=words.percent(view.chance),
                ),
            )
        )
    return checks


def _methods() -> dict[str, Text]:
    return {
        "ours": say("This page's own blend"),
        "plan": say("The budget itself"),
        "run rate": say("Spending so far, carried on"),
        "remaining plan": say("So far, and the rest of the budget"),
        "index": say("So far, and the rest scaled as so far"),
        "newest months": say("The newest three months, carried on"),
        "own estimate": say("The controllers' estimate"),
    }


def _measure(choices: Choices) -> Text:
    return say(
        "cut {share} of what is still open on {lines}",
        share=words.percent(choices.cut),
        lines=words.listing(list(choices.lines)),
    )


def _rule(chance: float) -> Text:
    return (
        say("wait in any case")
        if np.isnan(chance)
        else say("at least {level}", level=words.percent(chance))
    )


def _miss(table: pd.DataFrame) -> pd.Series:
    return table["chance_over"].where(
        table["kind"] != "revenue", 1 - table["chance_over"]
    )


def chance_ahead(
    name: str, target: dict[str, str], due: dt.date, chance: float
) -> Prediction:
    """Foretell the chance that the fact will be above or below what the target names."""
    return Prediction(
        name=name, target=target, due=due, unit="chance", quantiles={"chance": chance}
    )


def told_ahead(
    name: str, target: dict[str, str], due: dt.date, unit: str, values: np.ndarray
) -> Prediction:
    """Return a prediction of three values: low, middle and high of an 80 % range."""
    return Prediction(
        name=name,
        target=target,
        due=due,
        unit=unit,
        quantiles=dict(zip(("0.1", "0.5", "0.9"), map(float, values), strict=True)),
    )


def purse(currency: str) -> Callable[[float], Text]:
    """Return a function that writes money of a currency."""
    return lambda amount: words.money(amount, currency)


def odds(chance: float) -> Text:
    """Write a chance; draws cannot prove that something is certain."""
    return (
        Text(">99%")
        if chance > 0.995
        else Text("<1%")
        if chance < 0.005
        else words.percent(chance)
    )


def check(name: Text, passed: bool | None, sentence: Text) -> Check:
    """Return a check; whatever number type says passed becomes plain."""
    return Check(
        name=name, passed=None if passed is None else bool(passed), sentence=sentence
    )
