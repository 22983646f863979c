"""This module owns the schedule: what is due and why, and who starts it.

A question is due by the calendar (a new day, week, month, quarter or year since its
last answer), so a missed run is caught up at the next look.
"""

# fmt: off
from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from opslib.runs import keys, listing, manifest
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.runs.listing import Entry

say = catalogue(__package__ or "opslib.runs.watch")


def due(company: str, entry: Entry, stamp: dict[str, Any], now: dt.datetime | None = None) -> Text | None:
    """Return why a question is due, or None where it is not.

    Args:
        company: Whose.
        entry: The question.
        stamp: The warehouse's stamp.
        now: The moment; None for this one.
    """
    now = now or dt.datetime.now()
    runs = [m for m in manifest.of_notebook(company, entry.name) if not m.get("replay")]
    good = next((m for m in runs if m["exit"] == "ok"), None)
    if good is None:
        return say("never answered")
    last = dt.datetime.fromisoformat(good["started"])
    if last > now:
        return say("its last answer bears a later date than today; the clock was set back")
    if _period(last, entry.cadence) == _period(now, entry.cadence):
        return None
    held = good["data"]["tables"]
    if any(stamp["tables"].get(t, {}).get("content") != held[t].get("content") for t in held):
        return say("its time has come, with new data")
    if good["versions"]["source"] != keys.source_hash():
        return say("its time has come, with a new version")
    return say("its time has come; nothing has changed")


def _period(when: dt.datetime, cadence: str) -> tuple[int, ...]:
    """Return the calendar period of a moment, for comparing."""
    week = when.isocalendar()
    return {
        "daily": (when.year, when.month, when.day),
        "weekly": (week.year, week.week),
        "monthly": (when.year, when.month),
        "quarterly": (when.year, (when.month - 1) // 3),
        "yearly": (when.year,),
    }[cadence if cadence in listing.CADENCE_DAYS else "daily"]
