"""This module owns the words on actions: which are open, and what came of them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from opslib import words
from opslib.findings import Heading, Table
from opslib.runs import listing
from opslib.show import card
from opslib.show import tables as shown
from opslib.warehouse import read_stamp
from opslib.words import Text, catalogue

say = catalogue(__package__ or "opslib.publish")


def came(acts: pd.DataFrame, language: str) -> list[str]:
    """Say what came of decisions, as paragraphs."""
    if not (acts["choice"] != "").any():
        return []
    done = acts[acts["choice"] == "done"]
    lines = [
        say(
            "{done} of {all} decided actions are done.",
            done=words.number(len(done), 0),
            all=words.number(int((acts["choice"] != "").sum()), 0),
        )
    ]
    both = done[done["reached"].notna() & done["value"].notna()]
    lines += [
        say(
            "Where it was measured they brought {reached}; {value} was expected.",
            reached=card.amount(rows["reached"].astype(float).sum(), unit),
            value=card.amount(rows["value"].astype(float).sum(), unit),
        )
        for unit, rows in both.groupby("unit")
    ]
    return [
        line("h2", say("What came of our decisions"), language),
        *(line("p", t, language) for t in lines),
    ]


def open_by_owner(company: str, acts: pd.DataFrame, language: str) -> list[str]:
    """Say what is open, a table for each department, the most overdue first."""
    open_ = acts[~acts["choice"].isin(["done", "refuse"])]
    day = max(
        (t["last_day"] for t in read_stamp(company)["tables"].values()), default=""
    )
    if open_.empty:
        return [line("p", say("No action is open."), language)]
    head = say(
        "{count} actions are open, {late} of them overdue on {day}, the last day of data.",
        count=words.number(len(open_), 0),
        late=words.number(int(open_["overdue"].sum()), 0),
        day=words.day(day),
    )
    parts = [line("p", head, language, "ops-headline")]
    owners = sorted({words.text(o).in_language(language) for o in open_["owner"]})
    named = open_.assign(
        who=[words.text(o).in_language(language) for o in open_["owner"]]
    )
    late = named.groupby("who")["overdue"].sum()
    for owner in sorted(owners, key=lambda o: (-late[o], o)):
        table = shown.html(_open_table(named[named["who"] == owner]), language)
        name = card.escape(owner)
        parts.append(f'<section data-owner="{name}"><h2>{name}</h2>{table}</section>')
    how = say("To say what was decided: opslib decide KEY NUMBER accept --by NAME")
    return [*parts, line("p", how, language, "ops-quiet")]


def _open_table(rows: pd.DataFrame) -> Table:
    told = rows.to_dict("records")
    frame = rows.assign(
        what=[words.text(r["what"]) for r in told],
        state=[_state(r) for r in told],
        worth=[
            card.amount(r["value"], r["unit"]) if pd.notna(r["value"]) else ""
            for r in told
        ],
        asked=[
            listing.entries()[r["notebook"]].question
            if r["notebook"] in listing.entries()
            else r["notebook"]
            for r in told
        ],
        due=pd.to_datetime(rows["due"]),
        number=[f"{r['key']} {r['action']}" for r in told],
    )
    return Table(
        name="open_actions",
        title=Text(""),
        frame=frame,
        rows_shown=200,
        headings={
            "what": Heading(label=say("What")),
            "due": Heading(label=say("By"), kind="day"),
            "state": Heading(label=say("State")),
            "worth": Heading(label=say("Worth")),
            "asked": Heading(label=say("From the question")),
            "number": Heading(label=say("Key and number")),
        },
    )


def _state(row: dict[str, Any]) -> Text:
    told = {
        "": say("not decided"),
        "accept": say("accepted by {by}", by=row["by"]),
        "change": say("changed by {by}: {why}", by=row["by"], why=row["why"]),
        "put-off": say("put off by {by}: {why}", by=row["by"], why=row["why"]),
    }[row["choice"]]
    return say("overdue; {state}", state=told) if row["overdue"] else told


def line(tag: str, told: Text, language: str, kind: str = "") -> str:
    """Return a text as one HTML element, escaped."""
    mark = f' class="{kind}"' if kind else ""
    return f"<{tag}{mark}>{card.escape(told.in_language(language))}</{tag}>"
