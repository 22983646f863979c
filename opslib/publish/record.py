"""This module owns two pages: how right we have been, and the open actions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from opslib import words
from opslib.findings import Heading, Table
from opslib.publish import report
from opslib.runs import listing
from opslib.runs.score import decisions, facts, marks
from opslib.show import card, forms
from opslib.show import tables as shown
from opslib.warehouse import read_stamp
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.publish")
PAGES = ("record", "actions")


def publish(company: str, language: str, home: Path) -> pd.DataFrame:
    """Write both pages beside the gallery, in both languages.

    Args:
        company: Whose.
        language: The company's language; its pages have the plain names.
        home: Folder of the gallery.

    Returns:
        The summary of the marks, one row for each kind of prediction.
    """
    marked = marks.score(company)
    told = marks.summary(marked)
    acts = decisions.actions(company, list(listing.entries()))
    for one in ("en", "zh"):
        parts = {
            "record": _record(marked, told, acts, one),
            "actions": _actions(company, acts, one),
        }
        for name in PAGES:
            page = home / file_name(name, one, language)
            half = page.with_suffix(".half")
            half.write_text(_page(company, name, parts[name], one, language), "utf-8")
            half.replace(page)
    return told


def file_name(name: str, language: str, main: str) -> str:
    """Return a page's file name; the company's own language has the plain one."""
    return f"{name}.html" if language == main else f"{name}.{language}.html"


def title(name: str) -> Text:
    """Return the heading of a page."""
    return {"record": say("How right have we been?"), "actions": say("Open actions")}[
        name
    ]


def trust(row: pd.Series) -> Text:
    """Say in one sentence how far predictions of a kind may be trusted."""
    held = say(
        "the range held in {held} of {all} cases, where {promised} of 10 were promised",
        held=words.number(round(row["held"] * row["scored"]), 0),
        all=words.number(row["scored"], 0),
        promised=words.number(10 * row["promised"], 0),
    )
    verdict = {
        "early": say("Too early to say: {held}.", held=held),
        "good": say("May be trusted: {held}.", held=held),
        "narrow": say("With care, the range is too narrow: {held}.", held=held),
        "naive": say("Not better than a simple guess: {held}.", held=held),
    }
    return verdict[row["verdict"]]


def nearer(row: pd.Series) -> Text:
    """Say how a kind of prediction compares with the guess that the last one repeats."""
    if pd.isna(row["nearer"]):
        return say("no simple guess to compare with yet")
    share = words.percent(abs(row["nearer"]))
    if row["nearer"] > 0:
        return say("{share} nearer than taking the last one again", share=share)
    return say("{share} further off than taking the last one again", share=share)


def _record(
    marked: pd.DataFrame, told: pd.DataFrame, acts: pd.DataFrame, language: str
) -> list[str]:
    if marked.empty:
        none = say(
            "Nothing that was foretold has come due yet. To go through past months with what was known then: opslib replay"
        )
        return [_text("p", none, language), *_came(acts, language)]
    replayed = int(marked["replay"].sum())
    head = say(
        "Our ranges held in {held} of {all} cases ({share}); {promised} were promised.",
        held=words.number(int(marked["held"].sum()), 0),
        all=words.number(len(marked), 0),
        share=words.percent(marked["held"].mean()),
        promised=words.percent(marked["promised"].mean()),
    )
    parts = [
        f'<div class="ops ops-card">{_text("p", head, language, "ops-headline")}</div>'
    ]
    if replayed:
        note = say(
            "{count} of these words were not said at the time: past months were gone through again with only what was known then.",
            count=words.number(replayed, 0),
        )
        parts.append(_text("p", note, language, "ops-quiet"))
    parts += [
        _text("h2", say("By topic"), language),
        shown.html(_topics(told), language),
    ]
    for row in told.to_dict("records"):
        figure = _figure(row, marked[marked["name"] == row["name"]])
        if figure:
            parts.append(_text("h2", label(row["name"]), language))
            parts.append(
                report.figure(
                    report.in_language(figure, language), f"held-{row['name']}"
                )
            )
    how = say(
        "A word counts once its day has passed and the data for it has come. The simple guess says that the last like period comes again. Words that fall due together err together, so judgement waits for six different days."
    )
    return [
        *parts,
        *_came(acts, language),
        _text("h2", say("How this is counted"), language),
        _text("p", how, language),
    ]


def label(name: str) -> Text:
    """Return what a kind of prediction is, in words."""
    return facts.rules()[name].label


def _topics(told: pd.DataFrame) -> Table:
    from opslib.publish.gallery import room_name

    rows = [row for _, row in told.iterrows()]
    frame = told.assign(
        topic=[room_name(r["room"]) for r in rows],
        what=[label(r["name"]) for r in rows],
        trust=[trust(r) for r in rows],
        nearer=[nearer(r) for r in rows],
        lean=[_lean(r["bias"]) for r in rows],
    )
    return Table(
        name="topics",
        title=say("How often the range held, and what a simple guess would have done"),
        frame=frame,
        rows_shown=100,
        headings={
            "topic": Heading(label=say("Topic")),
            "what": Heading(label=say("Foretold")),
            "trust": Heading(label=say("May it be trusted?")),
            "nearer": Heading(label=say("Against a simple guess")),
            "lean": Heading(label=say("Too high or too low")),
        },
    )


def _lean(bias: float) -> Text:
    if pd.isna(bias):
        return Text("-")
    share = words.percent(abs(bias), 1)
    return (
        say("{share} too high", share=share)
        if bias > 0
        else say("{share} too low", share=share)
    )


def _figure(row: dict[str, Any], marked: pd.DataFrame) -> dict[str, Any] | None:
    """Draw the share of ranges that held by due month, with what chance allows."""
    from scipy.stats import beta

    by = marked.assign(month=marked["due"].dt.to_period("M").dt.to_timestamp())
    frame = by.groupby("month")["held"].agg(["sum", "count"]).reset_index()
    if len(frame) < 2:
        return None
    yes, no = frame["sum"] + 0.5, frame["count"] - frame["sum"] + 0.5
    frame = frame.assign(
        promised=row["promised"],
        held=frame["sum"] / frame["count"],
        low=beta.ppf(0.05, yes, no),
        high=beta.ppf(0.95, yes, no),
    )
    figure = forms.band(
        frame,
        x="month",
        y="promised",
        low="low",
        high="high",
        actual="held",
        title=say("Share of ranges that held, by month"),
        x_title=say("Month in which it fell due"),
        y_title=say("Share that held"),
        label=say("promised"),
        low_high_label=say("what chance leaves open"),
    )
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    return json.loads(figure.to_json())


def _came(acts: pd.DataFrame, language: str) -> list[str]:
    """Say what came of decisions."""
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
    for unit, rows in both.groupby("unit"):
        lines.append(
            say(
                "Where it was measured they brought {reached}; {value} was expected.",
                reached=card.amount(rows["reached"].astype(float).sum(), unit),
                value=card.amount(rows["value"].astype(float).sum(), unit),
            )
        )
    return [
        _text("h2", say("What came of our decisions"), language),
        *(_text("p", t, language) for t in lines),
    ]


def _actions(company: str, acts: pd.DataFrame, language: str) -> list[str]:
    open_ = acts[~acts["choice"].isin(["done", "refuse"])]
    day = max(
        (t["last_day"] for t in read_stamp(company)["tables"].values()), default=""
    )
    if open_.empty:
        return [_text("p", say("No action is open."), language)]
    head = say(
        "{count} actions are open, {late} of them overdue on {day}, the last day of data.",
        count=words.number(len(open_), 0),
        late=words.number(int(open_["overdue"].sum()), 0),
        day=words.day(day),
    )
    parts = [_text("p", head, language, "ops-headline")]
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
    return [*parts, _text("p", how, language, "ops-quiet")]


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


def _text(tag: str, told: Text, language: str, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f"<{tag}{mark}>{card.escape(told.in_language(language))}</{tag}>"


def _page(company: str, name: str, parts: list[str], language: str, main: str) -> str:
    where = say(
        "{company}, made {day}",
        company=company,
        day=words.day(pd.Timestamp.now().date()),
    )
    depth = "" if company == "demo" else "../"
    return (
        report.environment()
        .get_template("report.html.j2")
        .render(
            language=language,
            title=title(name).in_language(language),
            css=report.css(),
            js=report.template_file("page.js"),
            parts=[_text("h1", title(name), language), *parts],
            where=where.in_language(language),
            foot="",
            home=file_name("index", language, main),
            mail="",
            twin=file_name(name, report.OTHER[language], main),
            plotly=f"{depth}assets/{report.assets().name}"
            if any("data-figure" in p for p in parts)
            else "",
            say={
                "gallery": say("All answers").in_language(language),
                "other": "中文" if language == "en" else "English",
                "mail": "",
            },
        )
    )
