"""This module owns the cash page in words, and is the door to the other pages' words.

Long because one page says when, how likely and what then.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import words
from opslib.budget import cash as cash_flow
from opslib.budget.cash import headroom, shortage
from opslib.budget.plan.answer import (
    breach_table,
    control,
    draft,
    draft_table,
    growth_table,
    quarter_table,
    queue_table,
    room_table,
    tie_table,
    version_table,
)
from opslib.budget.risk.answer import (
    SURE,
    alarm_table,
    chance_ahead,
    check,
    department_table,
    line_table,
    past_table,
    purse,
    race_table,
    risk,
    told_ahead,
    trigger_table,
    view_table,
)
from opslib.findings import Action, Check, Finding, Quantity, Table
from opslib.findings import heading as _head
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.budget.cash import Cash

say = catalogue(__package__ or "opslib.budget")
__all__ = [
    "alarm_table",
    "breach_table",
    "cash",
    "cash_past_table",
    "cash_table",
    "control",
    "department_table",
    "draft",
    "draft_table",
    "growth_table",
    "headroom_table",
    "line_table",
    "origin_table",
    "past_table",
    "quarter_table",
    "queue_table",
    "race_table",
    "risk",
    "room_table",
    "source_table",
    "tie_table",
    "trigger_table",
    "version_table",
    "view_table",
]


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
    money, table = purse(currency), shortage(told, headroom=credit)
    last, tight = table.iloc[-1], table.loc[table["low"].idxmin()]
    chance, error = float(last["by_then"]), float(last["error"])
    digits = 1 if chance < 0.1 else 0
    low, high = max(0.0, chance - error), chance + error
    headline = say(
        "The chance that cash falls below {floor} at any of the next {count} month ends is {chance} ({low} to {high}); the tightest is {month}, when one case in ten is under {least}.",
        floor=money(told.floor),
        count=words.number(len(table)),
        chance=_small(chance, digits),
        low=_small(low, digits),
        high=_small(high, digits),
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
                "What owners take out is their decision; no chance counts it. In the past year it was {value} on {days} days; the same again would bring the chance to {chance}.",
                value=money(float(told.drawings.sum())),
                days=words.number(len(told.drawings)),
                chance=_small(
                    float(
                        (told.months - told.drawn + credit < told.floor)
                        .any(axis=1)
                        .mean()
                    ),
                    1,
                ),
            ),
            say("The chance counts every month end, not the last one alone."),
        ),
        predictions=(
            told_ahead(
                "cash_balance", {"weeks": "4"}, told.week_ends[3], currency, month
            ),
            told_ahead(
                "cash_quarter", {"weeks": "13"}, told.week_ends[-1], currency, quarter
            ),
            *(
                chance_ahead(
                    "cash_short",
                    {"below": f"{told.floor - credit:.2f}"},
                    row.day,
                    float(row.alone),
                )
                for row in table[:3].itertuples()
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
    frame = shortage(told, headroom=credit).assign(
        drawn=np.quantile(told.months - told.drawn, 0.1, axis=0)
    )
    return Table(
        name="month_ends",
        title=say("Month ends"),
        frame=frame,
        headings={
            "day": _head(say("Month end"), "day"),
            "low": _head(say("at least"), "money", **money),
            "middle": _head(say("middle"), "money", **money),
            "high": _head(say("at most"), "money", **money),
            "alone": _head(say("Short on that day"), "percent", digits=1),
            "by_then": _head(say("Short by then"), "percent", digits=1),
            "drawn": _head(
                say("at least, if owners take as in the past year"), "money", **money
            ),
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


def _cash_checks(told: Cash, past: pd.DataFrame, error: float) -> list[Check]:
    checks = [
        check(
            say("Error of the simulation"),
            error < 0.01,
            say(
                "The chance is sure to {error}; the balance is followed week by week and month by month in {count} draws.",
                error=words.percent(error, 2),
                count=words.number(len(told.months), 0),
            ),
        )
    ]
    if told.lenders:
        below = float((told.months < 0).any(axis=1).mean())
        names = [f"{k}: {words.number(v, 0)}" for k, v in told.lenders.items()]
        checks.append(
            check(
                say("What lenders demand"),
                None,
                say(
                    "Cash that must stay, by loan: {names}. The chance of falling below zero itself is {chance}.",
                    names=words.listing(names),
                    chance=_small(below, 1),
                ),
            )
        )
    if past.empty:
        return [
            *checks,
            check(
                say("Ranges"),
                None,
                say("Too few days are known to try this on earlier dates."),
            ),
        ]
    share, when = float(past["held"].mean()), past.groupby("week")["held"].mean()
    checks.append(
        check(
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
        check(
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


def _small(chance: float, digits: int) -> Text:
    """Write a chance; draws cannot prove that something is impossible."""
    return Text("<0.1%") if chance < 0.0005 else words.percent(chance, digits)


def _kept_checks(kept: pd.DataFrame) -> list[Check]:
    if kept.empty:
        told = say("No balance foretold by an earlier page has come due since.")
        return [check(say("Track record"), None, told)]
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
    return [check(say("Track record"), passed, told)]
