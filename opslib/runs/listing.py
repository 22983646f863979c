"""This module owns the one list of notebooks: what each asks, needs and offers."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from opslib import periods, places
from opslib.errors import ParameterError
from opslib.warehouse.store import read_stamp
from opslib.words import Text, catalogue, text

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.runs")
CADENCE_DAYS = {"daily": 1, "weekly": 7, "monthly": 28, "quarterly": 85, "yearly": 360}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One notebook of the list.

    Attributes:
        name: `room/notebook`.
        question: The manager's question.
        promise: What the page gives, one sentence.
        readers: Departments it is for.
        cadence: How often it returns.
        needs: Table to the shortest history, such as `26 weeks`, or `any`.
        helps: Tables used where they were delivered.
        presets: Name to parameter values.
    """

    name: str
    question: Text
    promise: Text
    readers: tuple[str, ...]
    cadence: str
    needs: dict[str, str]
    helps: tuple[str, ...] = ()
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def room(self) -> str:
        """The room that answers."""
        return self.name.split("/")[0]

    @property
    def path(self) -> Path:
        """The notebook's file."""
        return places.notebooks() / f"{self.name}.ipynb"

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table the notebook may read."""
        return (*self.needs, *self.helps)


def entries() -> dict[str, Entry]:
    """Return the notebooks of the list by name, in order."""
    return {
        e["name"]: Entry(
            name=e["name"],
            question=text(e["question"]),
            promise=text(e["promise"]),
            readers=tuple(e["readers"]),
            cadence=e["cadence"],
            needs=dict(e["needs"]),
            helps=tuple(e.get("helps", ())),
            presets=e.get("presets", {}),
        )
        for e in _told()["notebooks"]
    }


def _told() -> Any:
    """Return the list as it stands in its file; a page asks for it at every visit."""
    return yaml.load(
        (places.notebooks() / "gallery.yaml").read_text("utf-8"),
        getattr(yaml, "CSafeLoader", yaml.SafeLoader),
    )


def parameter_names() -> dict[str, Text]:
    """Return how a form names each parameter."""
    return {name: text(label) for name, label in _told().get("parameters", {}).items()}


def chosen(names: list[str] | None) -> list[Entry]:
    """Return the notebooks that names or rooms choose; none chooses all.

    Raises:
        ParameterError: A name is neither a notebook nor a room of the list.
    """
    known = entries()
    if not names:
        return list(known.values())
    found = []
    for name in names:
        fits = [
            e for e in known.values() if name in (e.name, e.room, e.name.split("/")[1])
        ]
        if not fits:
            import difflib

            near = difflib.get_close_matches(name, [*known, *places.ROOMS], 1, 0.3)
            raise ParameterError(
                say(
                    "{name} is no notebook and no room; did you mean {near}?",
                    name=repr(name),
                    near=near[0] if near else ", ".join(known),
                ),
                name=name,
            )
        found += [f for f in fits if f not in found]
    return found


def lacking(entry: Entry, stamp: dict[str, Any], until: str = "") -> list[Text]:
    """Return what a company's data lacks for a notebook, one sentence a table.

    Args:
        entry: The notebook.
        stamp: The warehouse's stamp.
        until: Last day of data that the run will see as ISO text, or empty.
    """
    missing = []
    for table, span in entry.needs.items():
        held = stamp["tables"].get(table, {"rows": 0})
        if not held["rows"]:
            missing.append(say("{table} was never delivered", table=table))
        elif until and until < held["first_day"]:
            missing.append(
                say("{table} begins on {day}", table=table, day=held["first_day"])
            )
        elif span != "any" and periods.span_days(span) > (
            have := 1
            + (
                dt.date.fromisoformat(min(held["last_day"], until or "9999"))
                - dt.date.fromisoformat(held["first_day"])
            ).days
        ):
            missing.append(
                say(
                    "{table} covers {have} days, {need} are needed",
                    table=table,
                    have=str(have),
                    need=str(periods.span_days(span)),
                )
            )
    return missing


def answerable(company: str) -> Text:
    """Return which questions a company's data answers and what the others lack."""
    stamp = read_stamp(company)
    lines = [say("This data answers:")]
    other = [say("Not yet:")]
    for entry in entries().values():
        missing = lacking(entry, stamp)
        if not missing:
            lines.append(say("  yes  {question}", question=entry.question))
        else:
            why = Text(
                "; ".join(m.en for m in missing), "；".join(m.zh for m in missing)
            )
            other.append(
                say("  no   {question} ({why})", question=entry.question, why=why)
            )
    lines += other if len(other) > 1 else []
    if len(other) > 1:
        lines.append(say("Empty forms: opslib template TABLE"))
    return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


def new(name: str) -> Path:
    """Copy the template to a new notebook and return its path.

    Raises:
        ParameterError: The name has no known room, or the notebook stands already.
    """
    room, _, title = name.partition("/")
    if room not in places.ROOMS or not title.replace("_", "a").isalnum():
        raise ParameterError(
            say(
                "{name} will not do; write a room and a name, such as {example}",
                name=repr(name),
                example="budget/travel",
            ),
            name=name,
        )
    path = places.notebooks() / room / f"{title}.ipynb"
    if path.exists():
        raise ParameterError(
            say("{name} stands already; choose another name", name=name), name=name
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(places.notebooks() / "templates" / "new_question.ipynb", path)
    book = json.loads(path.read_text("utf-8"))
    told = json.dumps(book, ensure_ascii=False, indent=1).replace("inventory", room)
    path.write_text(told + "\n", "utf-8")
    return path
