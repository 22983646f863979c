"""This module owns the budget room's findings and tables, in words.

It is long because the sentences of four pages live here together, so that the same thing is
said in the same words.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import words
from opslib.budget import cash as cash_flow
from opslib.budget import track, warning
from opslib.budget.cash import headroom, shortage
from opslib.budget.plan import form
from opslib.budget.plan.tree import rollup
from opslib.budget.risk import measure, why
from opslib.findings import Action, Check, Finding, Prediction, Quantity, Table
from opslib.findings import heading as _head
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.budget.cash import Cash
    from opslib.budget.outlook import Books, Outlook
    from opslib.budget.plan.draft import Draft, Return
    from opslib.budget.risk.rules import Choices
    from opslib.budget.track import Trust

say = catalogue(__package__ or "opslib.budget")
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
    cash = _cash(currency)
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
        else _odds(chance["value"]),
    )
    parts = (
        _tie_check(told, currency),
        *_method_checks(trust),
        *_track_checks(trust),
        *_digit_checks(told, numbers, choices, currency),
    )
    due = (told.months[0] + pd.offsets.MonthEnd(1)).date()
    month = np.quantile(told.draws.by_month[:, 0], [0.1, 0.5, 0.9])
    year_end = np.quantile(total, [0.1, 0.5, 0.9])
    predictions = (
        _told(
            "month_spending",
            {"month": f"{told.months[0]:%Y-%m-%d}"},
            due + dt.timedelta(days=10),
            currency,
            month,
        ),
        _told(
            "year_spending",
            {"year": f"{books.year:%Y}"},
            dt.date(books.year.year + 1, 1, 15),
            currency,
            year_end,
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
            ),
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


def origin_table(table: pd.DataFrame) -> Table:
    """Return which room's draws make the year's end, or cash, uncertain.

    Args:
        table: What `outlook.origins` or `cash.origins` gave.
    """
    names = {
        "demand": say("What customers will want"),
        "advertising": say("What the planned change of advertising does to sales"),
        "own": say("Everything else"),
    }
    heads = {
        "name": _head(say("Source")),
        "spending": _head(say("Of the year's spending"), "percent", digits=1),
        "result": _head(say("Of the year's result"), "percent", digits=1),
        "quarter": _head(say("Of cash in 13 weeks"), "percent", digits=1),
        "year": _head(say("Of cash in 12 months"), "percent", digits=1),
    }
    return Table(
        name="origins",
        title=say("Where the uncertainty comes from"),
        frame=table.assign(name=[names[o] for o in table["origin"]]),
        headings={n: h for n, h in heads.items() if n == "name" or n in table},
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
        "Early warning with {alarms} false alarms a quarter: a shift of one usual month's swing is seen after {one} months, of two after {two}",
        alarms=words.number(watch.false_alarms, 1),
        one=words.number(watch.delay[1.0], 1),
        two=words.number(watch.delay[2.0], 1),
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


def cash(
    told: Cash,
    trust: cash_flow.Trust,
    owed: pd.DataFrame,
    *,
    credit: float,
    bearable: float,
    day: dt.date,
    currency: str,
) -> Finding:
    """Return the finding on cash: could we run short, when, what then."""
    money, table = _cash(currency), shortage(told, headroom=credit)
    last, tight = table.iloc[-1], table.loc[table["low"].idxmin()]
    chance, error = float(last["by_then"]), float(last["error"])
    digits = 1 if chance < 0.1 else 0
    low, high = max(0.0, chance - error), chance + error
    headline = say(
        "The chance that cash falls below {floor} at any of the next {count} month ends is {chance} ({low} to {high}); the tightest is {month}, when one case in ten is under {least}.",
        floor=money(told.floor),
        count=words.number(len(table)),
        chance=words.percent(chance, digits),
        low=words.percent(low, digits),
        high=words.percent(high, digits),
        month=words.month(tight["day"]),
        least=money(tight["low"] + credit),
    )
    needed = float(headroom(told, (bearable,))["needed"].iloc[0]) - credit
    late = (
        owed[owed["paid"].isna() & (pd.to_datetime(owed["due"]) < pd.Timestamp(day))]
        if len(owed)
        else owed
    )
    actions = []
    if needed > 0:
        first = table.loc[table["by_then"] > bearable / 2, "day"].min()
        actions.append(
            Action(
                what=say(
                    "Arrange {needed} of further credit; it brings the chance of running short to {bearable}.",
                    needed=money(needed),
                    bearable=words.percent(bearable),
                ),
                owner=say("Finance"),
                due=max(day + dt.timedelta(days=7), first - dt.timedelta(days=30)),
                value=needed,
                unit=currency,
            )
        )
    else:
        actions.append(
            Action(
                what=say(
                    "Arrange no further credit: the chance of running short is within the {bearable} you can bear, with {spare} to spare.",
                    bearable=words.percent(bearable),
                    spare=money(
                        float(np.quantile(told.months.min(axis=1), bearable))
                        - told.floor
                        + credit
                    ),
                ),
                owner=say("Finance"),
                due=day + dt.timedelta(days=30),
            )
        )
    if len(late):
        actions.append(
            Action(
                what=say(
                    "Collect {count} invoices that are past their day; the oldest was due on {due}.",
                    count=words.number(len(late)),
                    due=words.day(pd.to_datetime(late["due"]).min().date()),
                ),
                owner=say("Finance"),
                due=day + dt.timedelta(days=7),
                value=float(late["amount"].sum()),
                unit=currency,
            )
        )
    balance = told.weeks - told.taken
    month, quarter = (
        np.quantile(balance[:, at], [0.1, 0.5, 0.9]) for at in (3, len(balance[0]) - 1)
    )
    return Finding(
        room="budget",
        headline=headline,
        actions=tuple(actions),
        checks=(*_cash_checks(told, trust.past, error), *_kept_checks(trust.kept)),
        quantity=Quantity(
            value=chance,
            low=low,
            high=high,
            unit="share",
            confidence=0.95,
            name=say("Chance of running short"),
        ),
        caveats=(
            say("What owners take out is their decision; no chance counts it.")
            if told.drawings.empty
            else say(
                "What owners take out is their decision; no chance counts it. In the past year it was {value} on {days} days.",
                value=money(float(told.drawings.sum())),
                days=words.number(len(told.drawings)),
            ),
            say("The chance counts every month end, not the last one alone."),
        ),
        predictions=(
            _told("cash_balance", {"weeks": "4"}, told.week_ends[3], currency, month),
            _told(
                "cash_quarter", {"weeks": "13"}, told.week_ends[-1], currency, quarter
            ),
        ),
        facts={
            "needed": max(0.0, needed),
            "floor": told.floor,
            "tightest": float(tight["low"]),
        },
    )


def cash_table(told: Cash, *, credit: float, currency: str) -> Table:
    """Return balance and chance of being short at each month end."""
    money = {"unit": currency}
    return Table(
        name="month_ends",
        title=say("Month ends"),
        frame=shortage(told, headroom=credit),
        headings={
            "day": _head(say("Month end"), "day"),
            "low": _head(say("at least"), "money", **money),
            "middle": _head(say("middle"), "money", **money),
            "high": _head(say("at most"), "money", **money),
            "alone": _head(say("Short on that day"), "percent", digits=1),
            "by_then": _head(say("Short by then"), "percent", digits=1),
        },
    )


def headroom_table(told: Cash, *, currency: str) -> Table:
    """Return how much credit or cash buys which chance of never being short."""
    heads = {
        "chance": _head(say("Chance of running short"), "percent"),
        "needed": _head(say("Further cash or credit needed"), "money", unit=currency),
    }
    return Table(
        name="headroom",
        title=say("How much for which chance"),
        frame=headroom(told),
        headings=heads,
    )


def source_table(told: Cash, currency: str) -> Table:
    """Return where cash comes from and where it goes."""
    names = {
        "invoices due from customers": say("Invoices due from customers"),
        "later receipts": say("Later receipts"),
        "invoices due to suppliers": say("Invoices due to suppliers"),
        "dated payments and loans": say("Payroll, tax, rent and loans"),
        "later payments": say("Later payments"),
    }
    frame = told.known.assign(name=[names[n] for n in told.known["source"]])
    heads = {
        "name": _head(say("Source")),
        "weeks": _head(say("In 13 weeks"), "money", unit=currency),
        "months": _head(say("In 12 months"), "money", unit=currency),
    }
    return Table(
        name="sources",
        title=say("Where it comes from and where it goes"),
        frame=frame,
        headings=heads,
    )


def _cash_checks(told: Cash, past: pd.DataFrame, error: float) -> list[Check]:
    checks = [
        _check(
            say("Error of the simulation"),
            error < 0.01,
            say(
                "The chance is sure to {error}; the balance is followed week by week and month by month in {count} draws.",
                error=words.percent(error, 2),
                count=words.number(len(told.months), 0),
            ),
        )
    ]
    if past.empty:
        return [
            *checks,
            _check(
                say("Ranges"),
                None,
                say("Too few days are known to try this on earlier dates."),
            ),
        ]
    share, when = float(past["held"].mean()), past.groupby("week")["held"].mean()
    checks.append(
        _check(
            say("Ranges"),
            abs(share - SURE) <= 0.15,
            say(
                "Of {count} balances foretold at earlier dates {share} fell into their range; {sure} should. Four weeks ahead it was {four}.",
                count=words.number(len(past)),
                share=words.percent(share),
                sure=words.percent(SURE),
                four=words.percent(when.get(4, np.nan)),
            ),
        )
    )
    ours, naive = (
        (past["middle"] - past["fact"]).abs().mean(),
        (past["naive"] - past["fact"]).abs().mean(),
    )
    said = {"share": words.percent(abs(1 - ours / max(1e-9, naive)))}
    checks.append(
        _check(
            say("Nearer than today's balance"),
            ours < naive,
            say(
                "The middle was {share} nearer to what came than the balance of the day it was told.",
                **said,
            )
            if ours < naive
            else say(
                "The middle was {share} farther from what came than the balance of the day it was told; trust the range, not the middle.",
                **said,
            ),
        )
    )
    return checks


def _kept_checks(kept: pd.DataFrame) -> list[Check]:
    if kept.empty:
        told = say("No balance foretold by an earlier page has come due since.")
        return [_check(say("Track record"), None, told)]
    last, count = kept.iloc[-1], len(kept)
    told = say(
        "{held} of {count} balances that earlier pages foretold fell into their range; the newest, of {due}, was to be {low} to {high} and came as {fact}.",
        held=words.number(int(kept["held"].sum())),
        count=words.number(count),
        due=words.day(last["due"].date()),
        low=words.number(last["low"]),
        high=words.number(last["high"]),
        fact=words.number(last["fact"]),
    )
    passed = None if count < 5 else float(kept["held"].mean()) >= 0.6
    return [_check(say("Track record"), passed, told)]


def cash_past_table(trust: cash_flow.Trust, currency: str) -> Table:
    """Return the balances told at earlier dates, and by earlier pages, with what came."""
    told = trust.past.assign(
        due=trust.past["origin"] + pd.to_timedelta(7 * trust.past["week"], unit="D"),
        by=say("Today's rules, put to that day"),
    )
    kept = trust.kept.assign(origin=trust.kept["run_day"], by=say("An earlier page"))
    parts = [f for f in (kept, told) if len(f)]
    cash = {"unit": currency}
    names = ["by", "origin", "due", "low", "middle", "high", "fact", "held"]
    frame = pd.concat(parts)[names] if parts else told[names]
    return Table(
        name="earlier",
        title=say("Balances foretold at earlier dates, and what came"),
        frame=frame.reset_index(drop=True),
        rows_shown=12,
        headings={
            "by": _head(say("Told by")),
            "origin": _head(say("Told on"), "day"),
            "due": _head(say("For"), "day"),
            "low": _head(say("at least"), "money", **cash),
            "middle": _head(say("middle"), "money", **cash),
            "high": _head(say("at most"), "money", **cash),
            "fact": _head(say("What came"), "money", **cash),
            "held": _head(say("Within")),
        },
    )


def control(
    broken: pd.DataFrame,
    room: pd.DataFrame,
    queue: pd.DataFrame,
    requests: pd.DataFrame,
    limits: pd.DataFrame,
    *,
    day: dt.date,
    currency: str,
) -> Finding:
    """Return the finding on spending: what broke the authority table, what is left."""
    money = _cash(currency)
    sure = broken[broken["kind"] != "split"].drop_duplicates("request")
    split = broken[
        (broken["kind"] == "split") & ~broken["request"].isin(sure["request"])
    ]
    value, more = float(sure["amount"].sum()), float(split["amount"].sum())
    headline = say(
        "{value} was spent against the authority table in {count} of {all} requests ({low} to {high}, the higher with suspected splits); {lines} lines have nothing left.",
        value=money(value),
        count=words.number(len(sure)),
        all=words.number(len(requests), 0),
        low=money(value),
        high=money(value + more),
        lines=words.number(int((room["left"] < 0).sum())),
    )
    actions = []
    for kind in ("unapproved", "beyond", "late", "split"):
        rows = broken[broken["kind"] == kind]
        if len(rows):
            actions.append(
                Action(
                    what=_ask(kind, words.listing([*rows["request"].head(4)])),
                    owner=say("Finance"),
                    due=day + dt.timedelta(days=7),
                    value=float(rows["amount"].sum()),
                    unit=currency,
                )
            )
    for row in room[room["left"] < 0].head(3).itertuples():
        actions.append(
            Action(
                what=say(
                    "Approve nothing more on {line} before its budget is settled: after commitments it lacks {gap}.",
                    line=row.line,
                    gap=money(-row.left),
                ),
                owner=words.text(row.department),
                due=day + dt.timedelta(days=7),
                value=float(-row.left),
                unit=currency,
            )
        )
    known = set(zip(room["line"], room["department"], strict=True))
    homeless = int(
        sum(
            pair not in known
            for pair in zip(requests["line"], requests["department"], strict=True)
        )
    )
    late = queue[(queue["waits"] != "nobody") & (queue["days"] > 14)]
    bare = sorted(set(requests["department"]) - set(limits["department"]))
    found = (
        _check(
            say("Authority table"),
            not bare,
            say("Every department has its limits.")
            if not bare
            else say(
                "These departments have no limits: {names}. Without a table the department head alone suffices; beside one they need finance for everything.",
                names=words.listing(bare[:6]),
            ),
        ),
        _check(
            say("Every request has its line"),
            homeless == 0,
            say(
                "{count} of {all} requests name a line and department that the budget does not have.",
                count=words.number(homeless),
                all=words.number(len(requests), 0),
            ),
        ),
        _check(
            say("Parts tie to the whole"),
            bool(
                np.isclose(
                    room["plan"].sum()
                    - room[["booked", "on_its_way", "committed"]].sum().sum(),
                    room["left"].sum(),
                    atol=0.005,
                )
            ),
            say(
                "Over all lines budget less booked, on its way and committed is what is left, to the cent: {left}.",
                left=money(float(room["left"].sum())),
            ),
        ),
        _check(
            say("Nothing waits long"),
            late.empty,
            say(
                "{count} requests have waited for an approval for more than two weeks.",
                count=words.number(len(late)),
            ),
        ),
    )
    return Finding(
        room="budget",
        headline=headline,
        actions=tuple(actions),
        checks=found,
        quantity=Quantity(
            value=value,
            low=value,
            high=value + more,
            unit=currency,
            confidence=1.0,
            name=say("Spent against the authority table"),
        ),
        caveats=(
            say(
                "A split is a suspicion: the same requester, supplier and line within days of each other."
            ),
        ),
        facts={"breaches": float(len(broken)), "waiting": float(len(queue))},
    )


def _ask(kind: str, requests: Text) -> Text:
    return {
        "unapproved": say(
            "Approve afterwards or reclaim what was spent without a needed approval: {requests}.",
            requests=requests,
        ),
        "beyond": say(
            "Bring before management what lies above the limit of finance: {requests}.",
            requests=requests,
        ),
        "late": say(
            "Ask why it was spent before it was approved: {requests}.",
            requests=requests,
        ),
        "split": say(
            "Ask whether these belong together and needed finance: {requests}.",
            requests=requests,
        ),
    }[kind]


def breach_table(broken: pd.DataFrame, currency: str) -> Table:
    """Return what broke the authority table, by the request's number."""
    names = {
        "unapproved": say("without a needed approval"),
        "late": say("approved after it was spent"),
        "beyond": say("above the limit of finance"),
        "split": say("suspected split"),
    }
    frame = broken.assign(why=[names[k] for k in broken["kind"]])
    money = {"unit": currency}
    heads = {
        "request": _head(say("Request")),
        "why": _head(say("What is wrong")),
        "department": _head(say("Department")),
        "line": _head(say("Line")),
        "supplier": _head(say("Supplier")),
        "requested": _head(say("Requested"), "day"),
        "spent": _head(say("Spent"), "day"),
        "amount": _head(say("Amount"), "money", **money),
        "together": _head(say("Together"), "money", **money),
    }
    return Table(
        name="breaches",
        title=say("Spending against the authority table"),
        frame=frame,
        headings=heads,
        rows_shown=30,
    )


def room_table(room: pd.DataFrame, currency: str) -> Table:
    """Return what each line has left after commitments, the least first."""
    money = {"unit": currency}
    heads = {
        "line": _head(say("Line")),
        "department": _head(say("Department")),
        "plan": _head(say("Budget"), "money", **money),
        "booked": _head(say("Booked"), "money", **money),
        "on_its_way": _head(say("On its way"), "money", **money),
        "committed": _head(say("Committed"), "money", **money),
        "left": _head(say("Left"), "money", **money),
    }
    return Table(
        name="left",
        title=say("What each line has left of the year"),
        frame=room,
        headings=heads,
        rows_shown=30,
    )


def queue_table(queue: pd.DataFrame, currency: str) -> Table:
    """Return requests not yet spent and what their line has left."""
    names = {
        "head": say("department head"),
        "finance": say("finance"),
        "nobody": say("nobody: approved"),
    }
    frame = queue.assign(asks=[names[w] for w in queue["waits"]])
    money = {"unit": currency}
    heads = {
        "request": _head(say("Request")),
        "department": _head(say("Department")),
        "line": _head(say("Line")),
        "requested": _head(say("Requested"), "day"),
        "amount": _head(say("Amount"), "money", **money),
        "asks": _head(say("Waits for")),
        "days": _head(say("Days"), "number"),
        "left": _head(say("The line has left"), "money", **money),
        "fits": _head(say("Fits")),
    }
    return Table(
        name="waiting",
        title=say("Requests not yet spent"),
        frame=frame,
        headings=heads,
        rows_shown=30,
    )


def draft(
    made: Draft, came: Return, trust: Trust, *, day: dt.date, currency: str
) -> Finding:
    """Return the finding on next year's draft: what it holds, how likely it is."""
    money, table, tied, changed = _cash(currency), made.table, came.ties, came.changed
    sales, spent = (
        float(table.loc[rows, "total"].sum())
        for rows in (table["kind"] == "revenue", table["kind"] != "revenue")
    )
    drawn = made.revenue - made.draws.total.ravel()
    low, high = (float(x) for x in np.quantile(drawn, [0.1, 0.9]))
    short, over = (
        float((made.revenue < sales).mean()),
        float((made.draws.total > spent).mean()),
    )
    headline = say(
        "The draft of {year} holds sales of {sales} and spending of {spent}, a result of {result}; by history and demand alone the result falls between {low} and {high} at {sure}.",
        year=str(made.cells["month"].iloc[0].year),
        sales=money(sales),
        spent=money(spent),
        result=money(sales - spent),
        low=money(low),
        high=money(high),
        sure=words.percent(SURE),
    )
    asked, supported = made.target, np.quantile(made.demand, [0.1, 0.5, 0.9])
    gap = float(table.loc[table["kind"] == "revenue", "base"].sum()) * (
        asked - float(supported[1])
    )
    actions = [
        Action(
            what=say(
                "Send the draft to the departments; what comes back must keep the sums of department and quarter."
            ),
            owner=say("Finance"),
            due=day + dt.timedelta(days=14),
        )
    ]
    if gap > 0:
        actions.append(
            Action(
                what=say(
                    "Name what brings the {gap} of sales that the target asks beyond what demand supports.",
                    gap=money(gap),
                ),
                owner=say("Sales"),
                due=day + dt.timedelta(days=30),
                value=gap,
                unit=currency,
            )
        )
    if not tied["tied"].all():
        worst = tied.loc[tied["gap"].abs().idxmax()]
        actions.append(
            Action(
                what=say(
                    "Send the edited draft back, it is refused: {count} sums no longer tie, the worst is {gap} off. Look at {cells}.",
                    count=words.number(int((~tied["tied"]).sum())),
                    gap=money(float(worst["gap"])),
                    cells=worst["cells"] or say("the lines that lack"),
                ),
                owner=say("Finance"),
                due=day + dt.timedelta(days=7),
                value=abs(float(worst["gap"])),
                unit=currency,
            )
        )
    checks = [
        _check(
            say("Parts tie to the whole"),
            bool(tied["tied"].all()),
            say(
                "{count} sums of kinds, departments and quarters tie to the cent; {off} do not.",
                count=words.number(int(tied["tied"].sum())),
                off=words.number(int((~tied["tied"]).sum())),
            ),
        ),
        _check(
            say("The target is within reach of demand"),
            bool(asked <= supported[2]),
            say(
                "The target asks for {asked}; demand supports {middle} ({low} to {high}); the draft takes {chosen}.",
                asked=words.percent(asked, 1),
                middle=words.percent(supported[1], 1),
                low=words.percent(supported[0], 1),
                high=words.percent(supported[2], 1),
                chosen=words.percent(made.chosen, 1),
            ),
        ),
        _check(
            say("As likely over as under"),
            bool(0.25 <= over <= 0.75 and 0.25 <= short <= 0.75),
            say(
                "By history and demand alone, sales fall short of the draft with a chance of {short}, spending passes it with {over}.",
                short=_odds(short),
                over=_odds(over),
            ),
        ),
        _check(
            say("Adopted versions are locked"),
            changed.empty,
            say("No adopted version has changed since an earlier page.")
            if changed.empty
            else say(
                "{version} was adopted and has changed since {day}.",
                version=changed["version"].iloc[0],
                day=words.day(changed["run_day"].iloc[0].date()),
            ),
        ),
        *_method_checks(trust),
    ]
    return Finding(
        room="budget",
        headline=headline,
        actions=tuple(actions),
        checks=tuple(checks),
        quantity=Quantity(
            value=sales - spent,
            low=min(low, sales - spent),
            high=max(high, sales - spent),
            unit=currency,
            confidence=SURE,
            name=say("Result of the draft"),
        ),
        caveats=(say("The base is this year's expected end, not this year's budget."),),
        facts={"growth": made.chosen, "sales": sales, "spending": spent},
    )


def draft_table(made: Draft, currency: str) -> Table:
    """Return the draft's cells in the form that is edited in Excel and loaded back."""
    heads = {
        "version": _head(say("Version")),
        "line": _head(say("Line")),
        "kind": _head(say("Kind (revenue, cost, expense)")),
        "department": _head(say("Department")),
        "month": _head(say("Month"), "day"),
        "amount": _head(say("Amount"), "money", currency, digits=2),
    }
    return Table(
        name="draft",
        title=say(
            "The draft: the Excel file has a sheet for each department to fill in"
        ),
        frame=made.cells,
        headings=heads,
        rows_shown=12,
        workbooks={one: form.workbook(made, one) for one in ("en", "zh")},
    )


def growth_table(made: Draft, currency: str) -> Table:
    """Return each line's draft beside this year's end."""
    money = {"unit": currency}
    heads = {
        "line": _head(say("Line")),
        "department": _head(say("Department")),
        "base": _head(say("This year's end"), "money", **money),
        "expected": _head(say("By history and demand"), "money", **money),
        "total": _head(say("Draft"), "money", **money),
        "growth": _head(say("Growth"), "percent", digits=1),
    }
    return Table(
        name="growth",
        title=say("Lines of the draft"),
        frame=made.table,
        headings=heads,
        rows_shown=30,
    )


def quarter_table(made: Draft, currency: str) -> Table:
    """Return the draft's spending by department and quarter."""
    spent = rollup(
        made.cells[made.cells["kind"] != "revenue"], ["department", "quarter"]
    )
    frame = (
        spent.pivot_table(
            index="department", columns="quarter", values="amount", aggfunc="sum"
        )
        .add_prefix("q")
        .assign(year=lambda f: f.sum(axis=1))
        .reset_index()
    )
    heads = {"department": _head(say("Department"))} | {
        f"q{q}": _head(say("Quarter {q}", q=str(q)), "money", currency)
        for q in (1, 2, 3, 4)
    }
    return Table(
        name="quarters",
        title=say("Spending by department and quarter"),
        frame=frame,
        headings=heads | {"year": _head(say("Year"), "money", currency)},
    )


def tie_table(tied: pd.DataFrame, currency: str) -> Table:
    """Return the sums that must hold when the draft comes back, those that do not first."""
    money, frame = (
        {"unit": currency, "digits": 2},
        tied.sort_values("tied", kind="stable"),
    )
    names = {
        "revenue": say("sales"),
        "cost": say("cost of goods"),
        "expense": say("expenses"),
    }
    frame = frame.assign(kind=[names.get(k, k) for k in frame["kind"]])
    heads = {
        "kind": _head(say("Kind")),
        "department": _head(say("Department")),
        "quarter": _head(say("Quarter"), "number"),
        "whole": _head(say("Sent out"), "money", **money),
        "parts": _head(say("Came back"), "money", **money),
        "gap": _head(say("Difference"), "money", **money),
        "tied": _head(say("Ties")),
        "cells": _head(say("Cells to look at")),
    }
    return Table(
        name="ties",
        title=say("Sums that must hold"),
        frame=frame,
        headings=heads,
        rows_shown=12,
    )


def version_table(table: pd.DataFrame, currency: str) -> Table:
    """Return the versions of the budget and whether they are locked."""
    money = {"unit": currency}
    heads = {
        "version": _head(say("Version")),
        "adopted": _head(say("Adopted"), "day"),
        "locked": _head(say("Locked")),
        "revenue": _head(say("Sales"), "money", **money),
        "spending": _head(say("Spending"), "money", **money),
        "result": _head(say("Result"), "money", **money),
        "change": _head(
            say("Spending against the version before"), "percent", digits=1
        ),
    }
    return Table(
        name="versions",
        title=say("Versions of this year's budget"),
        frame=table,
        headings=heads,
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
    cash = _cash(currency)
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
                chance=_odds(row.chance_over),
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
    return _check(
        say("Parts tie to the whole"),
        gap < 0.005,
        say(
            "In each of {count} draws lines, departments and months add up to the year; the largest gap is {gap}.",
            count=words.number(told.draws.total.size, 0),
            gap=words.money(gap, currency, 4),
        ),
    )


def _method_checks(trust: Trust) -> list[Check]:
    if trust.race.empty:
        return [
            _check(
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
            _check(
                say("Nearest method"),
                True,
                say(
                    "At this point of earlier years this page's own blend came nearest, {error} off line by line; the budget itself was {plan} off.",
                    **said,
                ),
            )
        ]
    return [
        _check(
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
            _check(
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
            _check(
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
            _check(
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
        _check(
            say("Fixed lights"),
            None,
            say(
                "A light at a tenth above or below the budget would be red in {red} of this year's months and lines; it is not used.",
                red=words.percent(trust.red),
            ),
        )
    )
    held = trust.kept
    told = say(
        "{held} of {count} months that earlier pages foretold fell into their range.",
        held=words.number(int(held["held"].sum()) if len(held) else 0),
        count=words.number(len(held)),
    )
    checks.append(
        _check(
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
    cash, view = _cash(currency), choices.outside
    chance, worst = numbers.loc["chance_over"], numbers.loc["expected_shortfall"]
    marks = float(
        np.quantile(told.draws.by_line, 0.9, axis=0) @ told.draws.signs
    ) - float(np.quantile(told.draws.total, 0.9))
    checks = [
        _check(
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
        _check(
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
            _check(
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


def _told(
    name: str, target: dict[str, str], due: dt.date, unit: str, values: np.ndarray
) -> Prediction:
    return Prediction(
        name=name,
        target=target,
        due=due,
        unit=unit,
        quantiles=dict(zip(("0.1", "0.5", "0.9"), map(float, values), strict=True)),
    )


def _cash(currency: str):  # noqa: ANN202
    return lambda amount: words.money(amount, currency)


def _odds(chance: float) -> Text:
    """Write a chance; draws cannot prove that something is certain."""
    return (
        Text(">99%")
        if chance > 0.995
        else Text("<1%")
        if chance < 0.005
        else words.percent(chance)
    )


def _check(name: Text, passed: bool | None, sentence: Text) -> Check:
    return Check(
        name=name, passed=None if passed is None else bool(passed), sentence=sentence
    )
