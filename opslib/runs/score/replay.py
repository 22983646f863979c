"""This module owns replaying: past months gone through with what was known then."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Any

from opslib import checks
from opslib.runs import listing, manifest, runner, work
from opslib.runs.score.facts import rules
from opslib.warehouse.store import read_stamp


def month_ends(last: dt.date, months: int) -> list[dt.date]:
    """Return the ends of the months before a day, newest last.

    Example:
        >>> month_ends(dt.date(2026, 3, 10), 2)
        [datetime.date(2026, 1, 31), datetime.date(2026, 2, 28)]
    """
    checks.between(months, "months", low=1, high=120)
    found = []
    for back in range(months, 0, -1):
        year, month = divmod(last.year * 12 + last.month - 1 - back, 12)
        found.append(dt.date(year, month + 1, calendar.monthrange(year, month + 1)[1]))
    return found


def replay(
    company: str, names: list[str] | None = None, *, months: int = 24, **options: Any
) -> runner.Batch:
    """Run questions as of the end of each past month, so that their words are scored.

    Questions with a preset `quick` are asked in that form. What is kept is not done
    again, so a replay that was broken off goes on where it stopped.

    Args:
        company: Whose data.
        names: Notebooks or rooms; None for those that `foretelling` names.
        months: How many months back.
        **options: `jobs`, `timeout`, `memory_mb` as for a run.
    """
    last = dt.date.fromisoformat(work.last_day(read_stamp(company)))
    days = ",".join(d.isoformat() for d in month_ends(last, months))
    chosen = listing.chosen(names or foretelling(company))
    preset = "quick" if any("quick" in e.presets for e in chosen) else ""
    return runner.run(
        company,
        [e.name for e in chosen],
        grid={"as_of": days},
        preset=preset,
        replay=True,
        **options,
    )


def foretelling(company: str) -> list[str]:
    """Return the questions that fill the record, as their present answers tell.

    A question whose answer foretells nothing that a fact can reach adds nothing, nor
    does one that foretells what another before it does; one never answered may.
    """
    found, seen = [], set()
    for name in listing.entries():
        good = manifest.standing(manifest.of_notebook(company, name))
        told = {p["name"] for p in good["finding"]["predictions"]} if good else {name}
        kinds = {k for k in told if k not in rules() or not rules()[k].why_not}
        if kinds - seen:
            found.append(name)
        seen |= kinds
    return found
