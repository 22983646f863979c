"""This module owns the finding card: headline, interval, lights, actions, as HTML.

All text is escaped: product names may hold markup.
"""

from __future__ import annotations

import html as _html
from typing import TYPE_CHECKING

from opslib import words
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.findings import Action, Check, Finding, Quantity

say = catalogue(__package__ or "opslib.show")
_CURRENCIES = {"CNY", "GBP", "EUR", "USD", "JPY", "CHF", "AUD", "CAD", "HKD", "SGD"}


def escape(text: object) -> str:
    """Return text that shows as itself in HTML."""
    return _html.escape(str(text), quote=True)


def html(finding: Finding, language: str = "en") -> str:
    """Return the card of a finding in a language."""
    lights = "".join(
        f"<li>{_mark(c)} {escape(c.name.in_language(language))}</li>"
        for c in _ordered(finding.checks)
    )
    caveats = "".join(
        f"<li>{escape(c.in_language(language))}</li>" for c in finding.caveats
    )
    return (
        '<div class="ops ops-card">'
        f'<p class="ops-headline">{escape(finding.headline.in_language(language))}</p>'
        f"{_scale(finding.quantity, language)}"
        f'<ul class="ops-lights">{lights}</ul>'
        + (f'<ul class="ops-caveats">{caveats}</ul>' if caveats else "")
        + "</div>"
    )


def checks_html(finding: Finding, language: str = "en") -> str:
    """Return how far to trust a finding, failed checks first."""
    rows = "".join(
        f"<li>{_mark(c)}<span><b>{escape(c.name.in_language(language))}.</b> "
        f"{escape(c.sentence.in_language(language))}</span></li>"
        for c in _ordered(finding.checks)
    )
    return f'<ul class="ops ops-checks">{rows}</ul>'


def actions_html(finding: Finding, language: str = "en") -> str:
    """Return what to do: measure, who, by when, what it is worth."""
    if not finding.actions:
        none = say("Nothing needs to be done now.").in_language(language)
        return f'<p class="ops">{escape(none)}</p>'
    rows = "".join(_action(a, language) for a in finding.actions)
    return f'<ul class="ops ops-actions">{rows}</ul>'


def amount(value: float, unit: str) -> Text:
    """Write a number with its unit: money, per cent, or a count and a word."""
    if unit in _CURRENCIES:
        return words.money(value, unit)
    if unit == "share":
        return words.percent(value, 1 if abs(value) < 0.1 else 0)
    written = words.number(value)
    told = _units().get(unit, Text(unit))
    return Text(f"{written.en} {told.en}".strip(), f"{written.zh}{told.zh}".strip())


def _units() -> dict[str, Text]:
    return {
        "units": say("units"), "customers": say("customers"), "days": say("days"),
        "weeks": say("weeks"), "points": say("points"), "orders": say("orders"),
    }  # fmt: skip


def _action(action: Action, language: str) -> str:
    worth = (
        amount(action.value, action.unit).in_language(language)
        if action.value is not None
        else ""
    )
    who = say("{owner}, by {day}", owner=action.owner, day=words.day(action.due))
    return (
        f'<li><span class="what">{escape(action.what.in_language(language))}</span>'
        f'<span class="who">{escape(who.in_language(language))}</span>'
        f'<span class="worth">{escape(worth)}</span></li>'
    )


def _mark(check: Check) -> str:
    sign, kind = {True: ("✓", "good"), False: ("✗", "bad"), None: ("i", "info")}[
        check.passed
    ]
    word = {True: "passed", False: "failed", None: "for information"}[check.passed]
    return f'<span class="ops-mark {kind}" aria-label="{word}">{sign}</span>'


def _ordered(checks: tuple[Check, ...]) -> list[Check]:
    return sorted(checks, key=lambda c: {False: 0, True: 1, None: 2}[c.passed])


def _scale(q: Quantity, language: str) -> str:
    """Draw the number and its interval on a rail."""
    low, high = sorted((q.low, q.high))
    if not low < high:
        return ""
    pad = 0.6 * (high - low)
    start, stop = min(low - pad, q.value), max(high + pad, q.value)
    at = [100 * (x - start) / (stop - start) for x in (low, high, q.value)]
    ends = [amount(x, q.unit).in_language(language) for x in (low, high)]
    return (
        '<div class="ops-scale" aria-hidden="true"><div class="rail"></div>'
        f'<div class="span" style="left:{at[0]:.1f}%;width:{at[1] - at[0]:.1f}%"></div>'
        f'<div class="dot" style="left:{at[2]:.1f}%"></div>'
        f'<div class="end" style="right:{100 - at[0]:.1f}%;margin-right:-20px">{escape(ends[0])}</div>'
        f'<div class="end" style="left:{at[1]:.1f}%;margin-left:-20px">{escape(ends[1])}</div></div>'
    )
