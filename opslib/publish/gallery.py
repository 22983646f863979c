"""This module owns the gallery: on top whether we are on plan, below a card a finding.

It reads manifests only, and the pictures of the runs they name.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opslib import places, words
from opslib.errors import ParameterError
from opslib.findings import Finding
from opslib.publish import forms, on_plan, record, report
from opslib.runs import keys, listing, manifest
from opslib.runs.runner import last_asked
from opslib.runs.work import say_exit
from opslib.show import card, stills
from opslib.warehouse import company as companies
from opslib.warehouse import read_stamp
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

say = catalogue(__package__ or "opslib.publish")


def publish(company: str, *, tell: Callable[[Text], object] = bool) -> Path:
    """Make every report that has none yet and the gallery in both languages.

    Args:
        company: Whose.
        tell: Gets a line before each report, since they take seconds each.

    Returns:
        The gallery's page in the company's language.
    """
    with manifest.alone("publish"):
        return _publish(company, tell)


def _publish(company: str, tell: Callable[[Text], object]) -> Path:
    profile = companies.read(company)
    runs = {
        e.name: manifest.of_notebook(company, e.name)
        for e in listing.entries().values()
    }
    waiting = [r for rs in runs.values() for r in rs if _has_no_page(r)]
    for at, told in enumerate(waiting, 1):
        place = {"at": str(at), "all": str(len(waiting)), "name": told["name"]}
        tell(say("page {at} of {all}: {name}", **place))
        report.publish(told, profile.language)
    home = places.gallery(company)
    home.mkdir(parents=True, exist_ok=True)
    plan = on_plan.of(company, profile, runs)
    plan["marks"] = record.publish(company, profile.language, home)
    for language in ("en", "zh"):
        name = (
            "index.html" if language == profile.language else f"index.{language}.html"
        )
        places.put(home / name, _page(company, profile, runs, plan, language, home))
    keys.mark_pages(company)
    return home / "index.html"


def _has_no_page(told: dict[str, Any]) -> bool:
    folder = places.reports() / told["folder"]
    wanted = told["exit"] == "ok" and not told.get("replay")
    mark = folder / report.MARK
    made = mark.is_file() and mark.read_text() == keys.page_hash()
    return wanted and not made and (folder / "notebook.ipynb").is_file()


def _page(
    company: str, profile: companies.Profile, runs: dict[str, list[dict[str, Any]]],
    plan: dict[str, Any], language: str, home: Path,
) -> str:  # fmt: skip
    stamp = read_stamp(company)
    last = stamp["tables"].get("sales_lines", {}).get("last_day") or max(
        (t["last_day"] for t in stamp["tables"].values()), default=""
    )
    rows = {name: told["rows"] for name, told in stamp["tables"].items()}
    tiles = [
        _tile(e, runs[e.name], rows, language, home)
        | {"form": forms.of(e, company, language)}
        for e in listing.entries().values()
    ]
    _add_record(tiles, company, runs, plan["marks"], language)
    tiles.sort(key=lambda t: t["lacking"])
    readers = sorted({r for e in listing.entries().values() for r in e.readers})
    where = (
        say("{company}, data to {day}", company=company, day=words.day(last))
        if last
        else Text(company)
    )
    foot = say(
        "Made {when}; data state {snapshot}",
        when=words.day(dt.date.today()),
        snapshot=stamp["snapshot"] or "-",
    )
    other = report.OTHER[language]
    checked = (
        "quality.html" if language == profile.language else f"quality.{language}.html"
    )
    checked = places.reports(company) / checked
    return report.environment().get_template("gallery.html.j2").render(
        language=language, title=say("What the data says").in_language(language),
        css=report.css(), js=report.template_file("page.js"),
        where=where.in_language(language), foot=foot.in_language(language),
        quality=_quality(stamp).in_language(language),
        quality_page=checked.relative_to(home).as_posix() if checked.is_file() else "",
        twin="index.html" if other == profile.language else f"index.{other}.html",
        companies=_others(company), tiles=tiles,
        pages=[
            {"href": record.file_name(name, language, profile.language), "title": record.title(name).in_language(language)}
            for name in record.PAGES
        ],
        plan={
            "verdict": plan["verdict"].in_language(language),
            "numbers": [{k: v.in_language(language) for k, v in n.items()} for n in plan["numbers"]],
        },
        rooms=[{"id": r, "name": room_name(r).in_language(language)} for r in places.ROOMS if any(t["room"] == r for t in tiles)],
        readers=[{"id": r, "name": reader_name(r).in_language(language)} for r in readers],
        say={
            "other": "中文" if language == "en" else "English",
            "plan": say("Are we on plan?").in_language(language),
            "all_rooms": say("All topics").in_language(language),
            "all_readers": say("All departments").in_language(language),
            "report": say("Report").in_language(language),
            "live": say("Live page").in_language(language),
            "settings": say("Other settings").in_language(language),
            "open": say("Open").in_language(language),
            "preset": say("Ready setting").in_language(language),
        },
    )  # fmt: skip


def _quality(stamp: dict[str, Any]) -> Text:
    """Say how much of what was delivered the answers rest on."""
    rows, waiting = stamp.get("delivered", 0), stamp.get("quarantined", 0)
    if not rows:
        return Text("")
    return say(
        "Data: {rows} rows delivered, {share} taken or set aside by rule, {waiting} in quarantine",
        rows=words.number(rows), share=words.percent(1 - waiting / rows, 1),
        waiting=words.number(waiting),
    )  # fmt: skip


def room_name(room: str) -> Text:
    """Return a room's name for readers."""
    return {
        "market": say("Market"), "promotions": say("Promotions"),
        "customers": say("Customers"), "inventory": say("Inventory"), "budget": say("Budget"),
    }[room]  # fmt: skip


def reader_name(reader: str) -> Text:
    """Return a department's name for readers."""
    known = {
        "purchasing": say("Purchasing"), "warehouse": say("Warehouse"), "finance": say("Finance"),
        "marketing": say("Marketing"), "service": say("Service"), "management": say("Management"),
        "strategy": say("Strategy"), "product": say("Product"), "pricing": say("Pricing"),
        "departments": say("Department heads"), "customers": say("Customer care"),
    }  # fmt: skip
    return known.get(reader, Text(reader))


def _others(company: str) -> list[dict[str, str]]:
    """Link the galleries of the other companies."""
    up = "" if company == "demo" else "../"
    others = [p.stem for p in sorted(places.data().glob("warehouse/*.duckdb"))]
    pages = {n: ("" if n == "demo" else f"{n}/") + "index.html" for n in others}
    return [
        {"name": name, "href": up + page}
        for name, page in pages.items()
        if name != company
        and "@" not in company
        and (places.reports() / page).is_file()
    ]


def _tile(
    entry: listing.Entry,
    runs: list[dict[str, Any]],
    rows: dict[str, int],
    language: str,
    home: Path,
) -> dict[str, Any]:
    tile: dict[str, Any] = {
        "room": entry.room, "room_name": room_name(entry.room).in_language(language),
        "question": entry.question.in_language(language), "readers": " ".join(entry.readers),
        "href": "", "picture": "", "next": "", "trouble": "", "warn": "", "meta": "",
        "said": entry.promise.in_language(language), "lacking": False, "name": entry.name,
    }  # fmt: skip
    good = manifest.standing(runs)
    latest = next((r for r in runs if not r.get("replay")), None)
    if good:
        tile |= _answered(good, language, home)
    if latest and latest["exit"] == "lacking data" and not good:
        what = Text(**latest["message_both"]).in_language(language)
        lacks = min(entry.needs, key=lambda t: rows.get(t, 0) > 0)
        tile |= {
            "said": say("Not answered yet: {what}", what=what).in_language(language),
            "lacking": True,
        }
        form = say("Empty form: opslib template {table}", table=lacks)
        tile["meta"] = form.in_language(language)
    elif latest and latest["exit"] not in ("ok", "lacking data", "running"):
        what = (latest.get("message") or "").split("\n")[0][:160]
        said = say(
            "The latest run failed ({exit}, cell {cell}): {what}",
            exit=say_exit(latest["exit"]),
            cell=latest.get("cell") or "-",
            what=what,
        )
        tile["trouble"] = said.in_language(language)
    elif not latest:
        tile["meta"] = say("not run yet").in_language(language)
    if good:
        tile["warn"] = _age(entry, good, language)
    return tile


def _answered(good: dict[str, Any], language: str, home: Path) -> dict[str, Any]:
    finding = Finding.from_dict(good["finding"])
    folder = places.reports() / good["folder"]
    page = folder / f"report.{language}.html"
    page = page if page.is_file() else folder / "report.html"
    failed = [c for c in finding.checks if c.passed is False]
    passed = [c for c in finding.checks if c.passed]
    first = finding.actions[0] if finding.actions else None
    next_step = ""
    if first:
        worth = (
            f" ({card.amount(first.value, first.unit).in_language(language)})"
            if first.value is not None
            else ""
        )
        step = say("{owner}: {what}", owner=first.owner, what=first.what)
        next_step = step.in_language(language) + worth
    trust = say(
        "{passed} of {all} checks passed; as of {day}",
        passed=str(len(passed)), all=str(len(passed) + len(failed)), day=words.day(good["day"]),
    )  # fmt: skip
    return {
        "href": page.relative_to(home).as_posix() if page.is_relative_to(home) else f"../{good['folder']}/{page.name}",
        "picture": _picture(folder, language), "said": finding.headline.in_language(language),
        "next": next_step, "meta": trust.in_language(language),
    }  # fmt: skip


def _add_record(
    tiles: list[dict[str, Any]],
    company: str,
    runs: dict[str, list[dict[str, Any]]],
    marked: pd.DataFrame,
    language: str,
) -> None:
    """Say on each tile how right it has been, and how much of a grid is answered."""
    trusted = {row["notebook"]: record.trust(row) for _, row in marked.iterrows()}
    try:
        parts = last_asked(company)["keys"]
    except ParameterError:
        parts = {}
    for tile in tiles:
        told = trusted.get(tile["name"])
        tile["record"] = told.in_language(language) if told and tile["href"] else ""
        wanted = parts.get(tile["name"], [])
        if len(wanted) > 1:
            good = {m["key"] for m in runs[tile["name"]] if m["exit"] == "ok"}
            said = say(
                "{good} of {all} parts are answered",
                good=str(len(good & set(wanted))),
                all=str(len(wanted)),
            )
            tile["meta"] += f"; {said.in_language(language)}"


def _picture(folder: Path, language: str) -> str:
    kept = folder / f"thumb.{language}.svg"
    if kept.is_file():
        return kept.read_text("utf-8")
    found = report.figures(json.loads((folder / "notebook.ipynb").read_text("utf-8")))
    if not found:
        return ""
    picture = stills.svg(
        report.in_language(found[0], language), width=4.2, height=1.9, small=True
    )
    kept.write_text(picture, "utf-8")
    return picture


def _age(entry: listing.Entry, good: dict[str, Any], language: str) -> str:
    days = (dt.datetime.now() - dt.datetime.fromisoformat(good["started"])).days
    if days <= 2 * listing.CADENCE_DAYS.get(entry.cadence, 30):
        return ""
    said = say(
        "This answer is {days} days old; it should return {cadence}.",
        days=str(days),
        cadence=_cadence(entry.cadence),
    )
    return said.in_language(language)


def _cadence(word: str) -> Text:
    return {
        "daily": say("daily"), "weekly": say("weekly"), "monthly": say("monthly"),
        "quarterly": say("quarterly"), "yearly": say("yearly"),
    }.get(word, Text(word))  # fmt: skip
