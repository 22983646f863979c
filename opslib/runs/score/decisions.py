"""This module owns decisions: what was done with each action that a run proposed.

They stand in `data/records/<company>/decisions.jsonl`, one line each, only added to;
the newest line about an action counts. An action is named by its run's key and its
place in the finding, so it stays what it was when later runs say something else.
Each line begins a new one, so that one cut short by a crash spoils no other.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from opslib import periods, places
from opslib.errors import ParameterError
from opslib.runs import manifest
from opslib.runs.keep import changes
from opslib.runs.score import book
from opslib.warehouse.store import read_stamp
from opslib.words import catalogue

if TYPE_CHECKING:
    import pandas as pd

say = catalogue(__package__ or "opslib.runs.score")
CHOICES = ("accept", "change", "put-off", "refuse", "done")
COLUMNS = [
    "key",
    "action",
    "notebook",
    "room",
    "owner",
    "what",
    "due",
    "value",
    "unit",
    "choice",
    "by",
    "why",
    "when",
    "until",
    "reached",
    "overdue",
]


def decide(
    company: str,
    run: str,
    action: int,
    choice: str,
    *,
    by: str,
    why: str = "",
    **told: Any,
) -> dict[str, Any]:
    """Keep what was decided about one action.

    Args:
        company: Whose.
        run: Key of the run or its beginning, or a notebook for its standing run.
        action: The action's place on the page, from 1.
        choice: One of `CHOICES`.
        by: Who decided.
        why: The reason; wanted where an action is changed, put off or refused.
        **told: `until` (new day, ISO text; wanted to put off), `reached` (what a
            done action brought, in the action's unit).

    Raises:
        ParameterError: There is no such run or action, or a word is missing.
    """
    found = _run(company, run)
    actions = found["finding"]["actions"]
    wrong = _wrong(action, len(actions), choice, by, why, told)
    if wrong:
        raise ParameterError(wrong, name="decide", given=choice)
    line = {
        "key": found["key"],
        "notebook": found["name"],
        "room": found["room"],
        "action": action,
        "told": actions[action - 1],
        "choice": choice,
        "by": by,
        "why": why,
        "when": dt.datetime.now().isoformat(timespec="seconds"),
        "until": str(periods.day(told["until"])) if told.get("until") else "",
        "reached": told.get("reached"),
    }
    book.add(_file(company), line)
    return line


def decided(company: str) -> list[dict[str, Any]]:
    """Return every decision kept, oldest first; a line cut short is passed over."""
    return book.lines(_file(company))


def actions(company: str, names: list[str]) -> pd.DataFrame:
    """Return the actions of the standing runs and those decided of earlier ones.

    Args:
        company: Whose.
        names: Notebooks.

    Returns:
        key, action, notebook, room, owner, what (texts in both languages), due (the
        day put off to, where it was), value, unit, choice (empty: nobody decided),
        by, why, when, until, reached, overdue (on the last day of data; a refused or
        done action never is). Overdue first, then by day.
    """
    import pandas as pd

    today = max(
        (t["last_day"] for t in read_stamp(company)["tables"].values()), default=""
    )
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for name in names:
        run = manifest.standing(manifest.of_notebook(company, name))
        for at, told in enumerate(run["finding"]["actions"] if run else [], 1):
            rows[run["key"], at] = _row(run["key"], at, run, told)
    for line in decided(company):
        row = _row(
            line["key"],
            line["action"],
            {"name": line["notebook"], **line},
            line["told"],
        )
        kept = {k: line[k] for k in ("choice", "by", "why", "when", "until", "reached")}
        rows[line["key"], line["action"]] = {
            **row,
            **kept,
            "due": line["until"] or row["due"],
        }
    for row in rows.values():
        row["overdue"] = row["choice"] not in ("refuse", "done") and row["due"] < today
    frame = pd.DataFrame(list(rows.values()), columns=COLUMNS)
    return frame.sort_values(
        ["overdue", "due"], ascending=[False, True], ignore_index=True
    )


def _run(company: str, run: str) -> dict[str, Any]:
    if "/" in run and (found := manifest.standing(manifest.of_notebook(company, run))):
        return found
    return changes.of_key(company, run)


def _wrong(
    action: int, count: int, choice: str, by: str, why: str, told: dict[str, Any]
) -> str:
    if not 1 <= action <= count:
        return say(
            "the run has {count} actions; there is no number {action}",
            count=str(count),
            action=str(action),
        )
    if choice not in CHOICES:
        return say(
            "{choice} is no decision; it may be {known}",
            choice=repr(choice),
            known=", ".join(CHOICES),
        )
    if not by.strip():
        return say("a decision needs a name; add --by")
    if choice in ("change", "put-off", "refuse") and not why.strip():
        return say("to {choice} an action needs a reason; add --why", choice=choice)
    if choice == "put-off" and not told.get("until"):
        return say("to put an action off needs a day; add --until")
    return ""


def _row(
    key: str, at: int, run: dict[str, Any], told: dict[str, Any]
) -> dict[str, Any]:
    return {
        "key": key,
        "action": at,
        "notebook": run["name"],
        "room": run["room"],
        "owner": told["owner"],
        "what": told["what"],
        "due": told["due"],
        "value": told["value"],
        "unit": told["unit"],
        "choice": "",
        "by": "",
        "why": "",
        "when": "",
        "until": "",
        "reached": None,
    }


def _file(company: str) -> Any:
    return places.data() / "records" / places.company_name(company) / "decisions.jsonl"
