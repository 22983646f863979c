"""This module owns comments: what readers say about an answer, for the analyst.

They stand in `data/records/<company>/comments.jsonl`, one line each, only added to.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import ParameterError
from opslib.runs.keep import changes
from opslib.runs.score import book
from opslib.words import catalogue

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.runs.score")
LONGEST = 4000


def add(company: str, run: str, text: str, *, by: str) -> dict[str, Any]:
    """Keep a comment about a run.

    Args:
        company: Whose.
        run: Key of the run.
        text: What the reader says, at most 4,000 characters.
        by: Who says it.

    Raises:
        ParameterError: There is no such run, or the text is empty or too long.
    """
    if not text.strip() or len(text) > LONGEST:
        what = say("a comment has between 1 and {most} characters", most=str(LONGEST))
        raise ParameterError(what, name="text", given=text[:80])
    found = changes.of_key(company, run)
    line = {
        "key": found["key"],
        "notebook": found["name"],
        "by": by,
        "when": dt.datetime.now().isoformat(timespec="seconds"),
        "text": text.strip(),
    }
    book.add(_file(company), line)
    return line


def kept(company: str) -> list[dict[str, Any]]:
    """Return every comment, oldest first; a line cut short is passed over."""
    return book.lines(_file(company))


def of_run(company: str, run: str) -> list[dict[str, Any]]:
    """Return the comments about one run, oldest first."""
    return [c for c in kept(company) if c["key"] == run]


def _file(company: str) -> Path:
    return places.data() / "records" / places.company_name(company) / "comments.jsonl"
