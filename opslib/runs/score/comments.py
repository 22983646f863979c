"""This module owns comments: what readers say about an answer, for the analyst.

They stand in `data/records/<company>/comments.jsonl`, one line each, only added to.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import ParameterError
from opslib.runs import manifest
from opslib.runs.keep import changes
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
    path = _file(company)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        manifest.alone(f"{company}-comments"),
        path.open("a", encoding="utf-8") as book,
    ):
        book.write("\n" + json.dumps(line, ensure_ascii=False))
        book.flush()
        os.fsync(book.fileno())
    return line


def kept(company: str) -> list[dict[str, Any]]:
    """Return every comment, oldest first; a line cut short is passed over."""
    path = _file(company)
    found = []
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def of_run(company: str, run: str) -> list[dict[str, Any]]:
    """Return the comments about one run, oldest first."""
    return [c for c in kept(company) if c["key"] == run]


def _file(company: str) -> Path:
    return places.data() / "records" / places.company_name(company) / "comments.jsonl"
