"""This module owns tables: summarised into plain data, then rendered as HTML."""

from __future__ import annotations

import base64
import datetime as dt
import math
from typing import TYPE_CHECKING, Any

from opslib import words
from opslib.show.card import escape
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.findings import Table

say = catalogue(__package__ or "opslib.show")
MOST_ROWS = 20_000


def data(table: Table) -> dict[str, Any]:
    """Return a table as plain data: headings and rows, both languages kept."""
    names = [n for n in table.headings if n in table.frame]
    frame = table.frame[names].head(MOST_ROWS)
    return {
        "name": table.name,
        "title": table.title.to_dict(),
        "rows_shown": table.rows_shown,
        "headings": [
            {
                "label": table.headings[n].label.to_dict(),
                "kind": table.headings[n].kind,
                "digits": table.headings[n].digits,
                "unit": table.headings[n].unit,
            }
            for n in names
        ],
        "rows": [[_plain(v) for v in row] for row in frame.itertuples(index=False)],
        "workbooks": {
            k: base64.b64encode(v).decode() for k, v in table.workbooks.items()
        },
    }


def html(table: Table, language: str = "en") -> str:
    """Return a table as HTML in a language."""
    return render(data(table), language)


def render(told: dict[str, Any], language: str = "en") -> str:
    """Return HTML of what `data` returned."""
    heads = "".join(
        f'<th class="{_side(h)}">{escape(heading(h, language))}</th>'
        for h in told["headings"]
    )
    shown = told["rows"][: told["rows_shown"]]
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{_wide(v, h)}" data-v="{escape(_sortable(v))}">'
            f"{escape(cell(v, h, language))}</td>"
            for v, h in zip(row, told["headings"], strict=True)
        )
        + "</tr>"
        for row in shown
    ) or (
        f'<tr><td class="t" colspan="{len(told["headings"])}">'
        f"{escape(say('Nothing to list yet.').in_language(language))}</td></tr>"
    )
    title = words.text(told["title"]).in_language(language)
    more = ""
    if len(told["rows"]) > len(shown):
        left = say(
            "{shown} of {all} rows; the download holds all",
            shown=words.number(len(shown), 0),
            all=words.number(len(told["rows"]), 0),
        )
        more = f'<p class="ops-more">{escape(left.in_language(language))}</p>'
    return (
        f'<div class="ops"><p class="ops-table-title">{escape(title)}</p>'
        f'<div class="ops-table-box" tabindex="0" role="group" aria-label="{escape(title)}"><table class="ops-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{more}</div>"
    )


def heading(told: dict[str, Any], language: str) -> str:
    """Return a column's heading, with its unit where that is not in the cells."""
    label = words.text(told["label"]).in_language(language)
    if told["kind"] == "number" and told["unit"]:
        return (
            f"{label} ({told['unit']})"
            if language == "en"
            else f"{label}（{told['unit']}）"
        )
    return label


def cell(value: Any, told: dict[str, Any], language: str) -> str:
    """Return one cell as it reads in a language."""
    if value is None:
        return "–"
    kind, digits = told["kind"], told["digits"]
    if isinstance(value, dict):
        return words.text(value).in_language(language)
    if isinstance(value, bool):
        return (say("yes") if value else say("no")).in_language(language)
    if kind == "money":
        return words.money(value, told["unit"] or "CNY", digits).in_language(language)
    if kind == "percent":
        return words.percent(value, digits or 0).in_language(language)
    if kind == "number":
        return words.number(value, digits).in_language(language)
    if kind == "day":
        return words.day(value).in_language(language)
    if kind == "month":
        return words.month(value).in_language(language)
    return str(value)


def _side(told: dict[str, Any]) -> str:
    return "n" if told["kind"] in ("number", "money", "percent") else "t"


def _wide(value: Any, told: dict[str, Any]) -> str:
    """Return the class of a cell: number, short text on one line, or long text."""
    side = _side(told)
    plain = str(value.get("en") if isinstance(value, dict) else value)
    return "s" if side == "t" and len(plain) <= 30 else side


def _sortable(value: Any) -> str:
    return (
        ""
        if value is None
        else str(value.get("en") if isinstance(value, dict) else value)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Text):
        return value.to_dict()
    if hasattr(value, "item"):
        value = value.item()
    if value is None or value != value:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()[:10]
    return value if isinstance(value, bool | int | str) else str(value)
