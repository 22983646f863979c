"""This module owns the Monday message: for each department three sentences, a picture."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from opslib import places, words
from opslib.errors import OpslibError
from opslib.findings import Finding
from opslib.publish import gallery, report
from opslib.runs import listing, manifest
from opslib.runs.score import decisions
from opslib.runs.watch import alerts, send
from opslib.show import stills
from opslib.warehouse import company as companies
from opslib.words import Text, catalogue

say = catalogue(__package__ or "opslib.publish")


def tell(company: str, now: dt.date | None = None) -> list[tuple[str, Text]]:
    """Send each department its message of this week, once; return what was done.

    A channel with a `department` gets that department's message, one without gets all.

    Returns:
        Pairs of `sent` or `failed` and a sentence.
    """
    now = now or dt.date.today()
    week = now.isocalendar()
    done = []
    for reader in sorted({r for e in listing.entries().values() for r in e.readers}):
        for channel in companies.read(company).alerts:
            if channel.get("department", reader) != reader:
                continue
            message = compose(
                company, reader, channel.get("language", "en"),
                channel.get("link", ""), now=now,
            )  # fmt: skip
            if message is None:
                continue
            cause = f"monday {reader} {week.year}-{week.week:02d}"
            try:
                if alerts.once(company, cause, channel, message):
                    done.append(
                        (
                            "sent",
                            say(
                                "weekly message to {reader}",
                                reader=gallery.reader_name(reader),
                            ),
                        )
                    )
            except OpslibError as error:
                done.append(("failed", words.text(error.args[0])))
    return done


def compose(
    company: str, reader: str, language: str, link: str = "",
    *, now: dt.date | None = None,
) -> send.Message | None:  # fmt: skip
    """Return a department's message, or None where none of its questions is answered.

    Args:
        company: Whose.
        reader: The department, a word of the list.
        language: `en` or `zh`.
        link: Address under which the gallery is read, or empty.
        now: A day of the week it is for; None for today.
    """
    mine = [e for e in listing.entries().values() if reader in e.readers]
    runs = [
        r
        for e in mine
        if (r := manifest.standing(manifest.of_notebook(company, e.name)))
    ]
    if not runs:
        return None
    best = max(runs, key=_worth)
    finding = Finding.from_dict(best["finding"])
    acts = decisions.actions(company, [e.name for e in mine])
    acts = acts[~acts["choice"].isin(["done", "refuse"])]
    first = finding.actions[0] if finding.actions else None
    step = (
        say(
            "Next: {what} ({owner}, by {day})",
            what=first.what,
            owner=first.owner,
            day=words.day(first.due),
        )
        if first
        else say("Nothing needs to be done for it now.")
    )
    rest = say(
        "{count} actions are open from {answers} answers, {late} of them overdue.",
        count=words.number(len(acts), 0),
        answers=words.number(len(runs), 0),
        late=words.number(int(acts["overdue"].sum()), 0),
    )
    sentences = [finding.headline, step, rest]
    now = now or dt.date.today()
    monday = words.day(now - dt.timedelta(days=now.weekday()))
    title = say("Week of {monday}: {reader}", monday=monday, reader=gallery.reader_name(reader))  # fmt: skip
    page = f"{link.rstrip('/')}/{best['folder']}/report.html" if link else ""
    return send.Message(
        title=title.in_language(language),
        text="\n".join(s.in_language(language) for s in sentences),
        link=page,
        picture=_picture(best, language),
    )


def _worth(run: dict[str, Any]) -> float:
    return max((a["value"] or 0.0 for a in run["finding"]["actions"]), default=0.0)


def _picture(run: dict[str, Any], language: str) -> bytes:
    book = places.reports() / run["folder"] / "notebook.ipynb"
    found = report.figures(json.loads(book.read_text("utf-8")))
    return stills.png(report.in_language(found[0], language)) if found else b""
