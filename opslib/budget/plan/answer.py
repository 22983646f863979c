"""This module owns the findings and tables of draft and spending control, in words.

Long because both pages speak of the same lines, departments and sums.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import words
from opslib.budget.plan import form
from opslib.budget.plan.tree import rollup
from opslib.budget.risk.answer import SURE, check, method_checks, odds, purse
from opslib.findings import Action, Finding, Quantity, Table
from opslib.findings import heading as _head
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.budget.plan.draft import Draft, Return
    from opslib.budget.track import Trust

say = catalogue(__package__ or "opslib.budget.plan")


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
    money = purse(currency)
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
        check(
            say("Authority table"),
            not bare,
            say("Every department has its limits.")
            if not bare
            else say(
                "These departments have no limits: {names}. Without a table the department head alone suffices; beside one they need finance for everything.",
                names=words.listing(bare[:6]),
            ),
        ),
        check(
            say("Every request has its line"),
            homeless == 0,
            say(
                "{count} of {all} requests name a line and department that the budget does not have.",
                count=words.number(homeless),
                all=words.number(len(requests), 0),
            ),
        ),
        check(
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
        check(
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
    money, table, tied, changed = purse(currency), made.table, came.ties, came.changed
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
        check(
            say("Parts tie to the whole"),
            bool(tied["tied"].all()),
            say(
                "{count} sums of kinds, departments and quarters tie to the cent; {off} do not.",
                count=words.number(int(tied["tied"].sum())),
                off=words.number(int((~tied["tied"]).sum())),
            ),
        ),
        check(
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
        check(
            say("As likely over as under"),
            bool(0.25 <= over <= 0.75 and 0.25 <= short <= 0.75),
            say(
                "By history and demand alone, sales fall short of the draft with a chance of {short}, spending passes it with {over}.",
                short=odds(short),
                over=odds(over),
            ),
        ),
        check(
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
        *method_checks(trust),
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
