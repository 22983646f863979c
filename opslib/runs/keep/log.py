"""This module owns the log: one place, JSON lines a machine reads, words for a person.

`data/log/<year>-<month>.jsonl` takes a line for each run that ended, each load, alert
and error. A line has `when`, `level`, `company`, `run` (its key), `exit` (its class),
`ref` (by which a message names it) and `what`; more where it helps, such as a traceback.
Each line begins a new one, so that one cut short by a crash spoils no other.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import ParameterError
from opslib.runs import manifest
from opslib.runs.score import book
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.runs.keep")
LEVELS = ("info", "warning", "error")
LOADS = ("loaded", "load failed")
_LONGEST = 8_000


def note(level: str, what: str, **told: Any) -> str:
    """Write a line and return its reference; a full disk loses the line, not the run.

    Args:
        level: One of `LEVELS`.
        what: What happened, in a sentence.
        **told: `company`, `run`, `exit` and whatever else helps.
    """
    ref = uuid.uuid4().hex[:8]
    empty = {"company": "", "run": "", "exit": ""}
    line = {
        "when": dt.datetime.now().isoformat(timespec="seconds"),
        "level": level,
        **empty,
        **told,
        "ref": ref,
        "what": what[:_LONGEST],
    }
    with contextlib.suppress(OSError):
        path = home() / f"{dt.date.today():%Y-%m}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write("\n" + json.dumps(line, ensure_ascii=False, default=str))
    return ref


def note_run(told: dict[str, Any]) -> None:
    """Write the line of a run that ended."""
    good = told["exit"] in manifest.GOOD
    about = {"name": told["name"], "run": told["key"], "exit": told["exit"]}
    more = {k: told[k] for k in ("seconds", "peak_mb", "cell", "tries") if told.get(k)}
    what = told.get("message") or f"{told['name']}: {told['exit']}"
    level = "info" if good or told["exit"] == "stopped" else "error"
    note(level, what, company=told["company"], **about, **more)


def home() -> Path:
    """Return the folder of the log."""
    return places.data() / "log"


def lines(
    company: str = "", *, level: str = "info", days: float = 7
) -> list[dict[str, Any]]:
    """Return the log's lines of a company, oldest first.

    Args:
        company: Whose, those of no company included; empty for all.
        level: The least level wanted.
        days: How far back.

    Raises:
        ParameterError: There is no such level.
    """
    if level not in LEVELS:
        raise ParameterError(
            say(
                "{level} is no level; it may be {known}",
                level=repr(level),
                known=", ".join(LEVELS),
            ),
            name="level",
            given=level,
        )
    since = (dt.datetime.now() - dt.timedelta(days=days)).isoformat()
    wanted = LEVELS[LEVELS.index(level) :]
    return [
        told
        for path in sorted(home().glob("*.jsonl"))
        if path.stem >= since[:7]
        for told in book.lines(path)
        if told["when"] >= since
        and told["level"] in wanted
        and told["company"] in ("", company or told["company"])
    ]


def find(ref: str) -> dict[str, Any]:
    """Return the line of a reference, or the latest line of a run's key.

    Raises:
        ParameterError: No line bears it.
    """
    for path in sorted(home().glob("*.jsonl"), reverse=True):
        for told in reversed(book.lines(path)):
            if ref and ref in (told["ref"], told["run"]):
                return told
    raise ParameterError(
        say("the log has no line with reference {ref}", ref=repr(ref)), name="ref"
    )


def written(told: dict[str, Any], *, whole: bool = False) -> str:
    """Write a line for a person, with everything it holds or its gist."""
    if whole:
        return "\n".join(f"{name:8} {value}" for name, value in told.items() if value)
    gist = (told["what"].splitlines() or [""])[0][:160]
    about = " ".join(w for w in (told.get("name", ""), told["run"], told["exit"]) if w)
    return f"{told['when']}  {told['level']:7}  {told['ref']}  {about}  {gist}"


def lately(company: str) -> Text:
    """Say how many errors the last week had, and name the latest."""
    errors = lines(company, level="error")
    if not errors:
        return say("Log: no error in the last 7 days")
    return say(
        "Log: {count} errors in the last 7 days; the latest: opslib log {ref}",
        count=str(len(errors)),
        ref=errors[-1]["ref"],
    )


def old(days: int) -> list[Path]:
    """Return the months of the log that ended more than so many days ago."""
    before = f"{dt.date.today() - dt.timedelta(days=days):%Y-%m}"
    return [p for p in sorted(home().glob("*.jsonl")) if p.stem < before]
