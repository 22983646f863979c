"""This module owns two pages: how right we have been, and the open actions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from opslib import places, words
from opslib.findings import Heading, Table
from opslib.publish import actions, report
from opslib.runs import listing, manifest
from opslib.runs.score import decisions, facts, marks
from opslib.show import card, forms
from opslib.show import tables as shown
from opslib.warehouse import company as companies
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
    with manifest.alone(f"{company}-record"):  # else an older page could come last
        marked = marks.score(company)
        told = marks.summary(marked)
        acts = decisions.actions(company, list(listing.entries()))
        for one in ("en", "zh"):
            parts = {
                "record": _record(marked, told, acts, one, companies.read(company).currency),
                "actions": actions.open_by_owner(company, acts, one),
            }  # fmt: skip
            for name in PAGES:
                page = home / file_name(name, one, language)
                places.put(page, _page(company, name, parts[name], one, language))
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
    counts = {
        "held": words.number(round(row["held"] * row["scored"]), 0),
        "all": words.number(row["scored"], 0),
        "promised": words.number(10 * row["promised"], 0),
    }
    if row["unit"] == marks.CHANCE:
        held = say(
            "it happened in {held} of {all} cases, where {promised} of 10 were foretold",
            **counts,
        )
        verdict = {"narrow": say("With care, the chance is off: {held}.", held=held)}
    else:
        held = say(
            "the range held in {held} of {all} cases, where {promised} of 10 were promised",
            **counts,
        )
        verdict = {}
    verdict = {
        "early": say("Too early to say: {held}.", held=held),
        "good": say("May be trusted: {held}.", held=held),
        "narrow": say("With care, the range is too narrow: {held}.", held=held),
        "naive": say("Not better than a simple guess: {held}.", held=held),
        **verdict,
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
    marked: pd.DataFrame,
    told: pd.DataFrame,
    acts: pd.DataFrame,
    language: str,
    currency: str,
) -> list[str]:
    if marked.empty:
        none = say(
            "Nothing that was foretold has come due yet. To go through past months with what was known then: opslib replay"
        )
        return [actions.line("p", none, language), *actions.came(acts, language)]
    replayed = int(marked["replay"].sum())
    ranges = marked[marked["unit"] != marks.CHANCE]
    head = say(
        "Our ranges held in {held} of {all} cases ({share}); {promised} were promised.",
        held=words.number(int(ranges["held"].sum()), 0),
        all=words.number(len(ranges), 0),
        share=words.percent(ranges["held"].mean()),
        promised=words.percent(ranges["promised"].mean()),
    )
    parts = [
        f'<div class="ops ops-card">{actions.line("p", head, language, "ops-headline")}'
        f"{''.join(actions.line('p', t, language) for t in _rooms(told))}</div>"
    ]
    if replayed:
        note = say(
            "{count} of these words were not said at the time: past months were gone through again with only what was known then.",
            count=words.number(replayed, 0),
        )
        parts.append(actions.line("p", note, language, "ops-quiet"))
    parts += [
        actions.line("h2", say("By topic"), language),
        shown.html(_topics(told, currency), language),
    ]
    for row in told.to_dict("records"):
        figure = _figure(row, marked[marked["name"] == row["name"]])
        if figure:
            parts.append(actions.line("h2", label(row["name"]), language))
            parts.append(
                report.figure(
                    report.in_language(figure, language), f"held-{row['name']}"
                )
            )
    how = say(
        "A word counts once its day has passed and the data for it has come. The simple guess says that the last like period comes again. Words that fall due together err together, so judgement waits for six different days."
    )
    wide = say(
        "Width and misses together: how far the lower end, the middle and the upper end lay from what came, each weighed by its promise, so that a wide range costs as a missed one does; of a chance it is the square of what it was off. Less is better."
    )
    never = [
        say("{what} is not judged: {why}.", what=r.label, why=r.why_not)
        for r in facts.rules().values()
        if r.why_not
    ]
    return [
        *parts,
        *actions.came(acts, language),
        actions.line("h2", say("How this is counted"), language),
        *(actions.line("p", t, language) for t in (how, wide, *never)),
    ]


def _rooms(told: pd.DataFrame) -> list[Text]:
    """Say which topics may be trusted, with care or not yet."""
    from opslib.publish.gallery import room_name

    verdicts = marks.by_room(told)
    rooms = {
        v: words.listing([room_name(r) for r in places.ROOMS if verdicts.get(r, "early") == v])
        for v in {verdicts.get(r, "early") for r in places.ROOMS}
    }  # fmt: skip
    lines = {
        "good": say("May be trusted: {rooms}.", rooms=rooms.get("good", "")),
        "narrow": say(
            "With care, ranges or chances are off: {rooms}.",
            rooms=rooms.get("narrow", ""),
        ),
        "naive": say(
            "Not better than a simple guess: {rooms}.", rooms=rooms.get("naive", "")
        ),
        "early": say("Too early to say: {rooms}.", rooms=rooms.get("early", "")),
    }
    return [told for verdict, told in lines.items() if verdict in rooms]


def label(name: str) -> Text:
    """Return what a kind of prediction is, in words."""
    return facts.rules()[name].label


def _topics(told: pd.DataFrame, currency: str) -> Table:
    from opslib.publish.gallery import room_name

    rows = [row for _, row in told.iterrows()]
    frame = told.assign(
        topic=[room_name(r["room"]) for r in rows],
        what=[label(r["name"]) for r in rows],
        trust=[trust(r) for r in rows],
        nearer=[nearer(r) for r in rows],
        lean=[_lean(r["bias"]) for r in rows],
        miss=[_miss(r, currency) for r in rows],
        both=[_size(r["loss"], r["unit"]) for r in rows],
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
            "miss": Heading(label=say("Off on average")),
            "both": Heading(label=say("Width and misses together")),
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


def _size(value: float, unit: str) -> Text:
    """Write a size in a unit; a share and a chance keep their small digits."""
    if unit in ("share", marks.CHANCE):
        return words.percent(value, 1)
    return card.amount(value, unit)


def _miss(row: pd.Series, currency: str) -> Text:
    """Say how far off we were on average, and what that was worth against naive."""
    size = _size(row["miss"], row["unit"])
    if pd.isna(row["saved"]):
        return size
    worth = words.money(abs(row["saved"]), currency)
    if row["saved"] > 0:
        return say("{size}; {worth} less than a simple guess", size=size, worth=worth)
    return say("{size}; {worth} more than a simple guess", size=size, worth=worth)


def _figure(row: dict[str, Any], marked: pd.DataFrame) -> dict[str, Any] | None:
    """Draw the share of ranges that held by due month, with what chance allows."""
    from scipy.stats import beta

    by = marked.assign(month=marked["due"].dt.to_period("M").dt.to_timestamp())
    frame = by.groupby("month")["held"].agg(["sum", "count"]).reset_index()
    if row["verdict"] == "early" or row["unit"] == marks.CHANCE:
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
            parts=[actions.line("h1", title(name), language), *parts],
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
