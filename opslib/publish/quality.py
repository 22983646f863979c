"""This module owns the data quality page: whole, fresh, steady, tied, with history."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from opslib import places
from opslib.findings import Heading, Table
from opslib.publish import report
from opslib.show import card
from opslib.show import tables as shown
from opslib.warehouse import company as companies
from opslib.warehouse import quality
from opslib.words import Text, catalogue, day

say = catalogue(__package__ or "opslib.publish")


def publish(company: str, *, language: str = "") -> Text:
    """Judge a company's data, keep the measures, and write the page.

    Args:
        company: Whose data.
        language: `en` or `zh`; empty for the company's own.

    Returns:
        What is wrong, one line each, and where the page stands.
    """
    own = companies.read(company).language
    language = language or own
    measured = quality.measure(company)
    troubles = quality.troubles(company, measured)
    page = places.reports(company) / "quality.html"
    for one in ("en", "zh"):
        place = page if one == own else page.with_name(f"quality.{one}.html")
        places.put(place, _page(company, measured, troubles, one, main=one == own))
    lines = troubles or [say("Nothing is wrong that these checks can see.")]
    shown = page if language == own else page.with_name(f"quality.{language}.html")
    at = str(shown.relative_to(places.root()))
    lines = [*lines, say("Page: {place}", place=at)]
    return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


def _page(
    company: str,
    measured: pd.DataFrame,
    troubles: list[Text],
    language: str,
    *,
    main: bool,
) -> str:
    parts = [
        f"<h1>{card.escape(say('How good is our data?').in_language(language))}</h1>"
    ]
    items = "".join(
        f"<li>{card.escape(t.in_language(language))}</li>" for t in troubles
    )
    none = card.escape(
        say("Nothing is wrong that these checks can see.").in_language(language)
    )
    parts.append(f"<ul>{items}</ul>" if items else f"<p>{none}</p>")
    table = Table(
        name="quality", title=say("Each table"), frame=measured, rows_shown=100,
        headings={
            "table": Heading(label=say("Table")),
            "rows": Heading(label=say("Rows"), kind="number", digits=0),
            "filled": Heading(label=say("Cells filled"), kind="percent", digits=1),
            "last_day": Heading(label=say("Last day"), kind="day"),
            "age_days": Heading(label=say("Days behind the newest"), kind="number", digits=0),
            "set_aside": Heading(label=say("Rows in quarantine"), kind="number", digits=0),
            "drift": Heading(label=say("Change of the monthly rows"), kind="percent"),
            "tied": Heading(label=say("Parts tie")),
        },
    )  # fmt: skip
    parts.append(shown.html(table, language))
    asides = quality.asides(company, language)
    if len(asides):
        told = Table(
            name="asides", title=say("Rows set aside and why"), frame=asides, rows_shown=50,
            headings={
                "source": Heading(label=say("Source")), "target": Heading(label=say("Table")),
                "reason": Heading(label=say("Why")),
                "rows": Heading(label=say("Rows"), kind="number", digits=0),
            },
        )  # fmt: skip
        parts.append(shown.html(told, language))
    loads = Table(
        name="loads", title=say("Deliveries"), frame=quality.deliveries(company), rows_shown=50,
        headings={
            "delivered": Heading(label=say("Delivered"), kind="day"),
            "source": Heading(label=say("Source")), "file": Heading(label=say("File")),
            "row_count": Heading(label=say("Rows"), kind="number", digits=0),
            "control_total": Heading(label=say("Control total"), kind="number", digits=2),
            "difference": Heading(label=say("Difference"), kind="number", digits=2),
        },
    )  # fmt: skip
    parts.append(shown.html(loads, language))
    where = say("{company}, checked {day}", company=company, day=day(dt.date.today()))
    twin = "quality.html" if not main else f"quality.{report.OTHER[language]}.html"
    return report.environment().get_template("report.html.j2").render(
        language=language, title=say("How good is our data?").in_language(language),
        css=report.css(),
        js=report.template_file("page.js"), parts=parts, where=where.in_language(language),
        foot="", home="", twin=twin, mail="", plotly="",
        say={"gallery": "", "other": "中文" if language == "en" else "English", "mail": ""},
    )  # fmt: skip
