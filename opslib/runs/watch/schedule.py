"""This module owns the schedule: what is due and why, and who starts it.

A question is due by the calendar (a new day, week, month, quarter or year since its
last answer), so a missed run is caught up at the next look.
"""

from __future__ import annotations

import datetime as dt
import re
import shlex
import sys
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import ParameterError
from opslib.runs import keys, listing, manifest, parameters
from opslib.warehouse.store import read_stamp
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from opslib.runs.listing import Entry

say = catalogue(__package__ or "opslib.runs.watch")


def due(
    company: str, entry: Entry, stamp: dict[str, Any], now: dt.datetime | None = None
) -> Text | None:
    """Return why a question is due, or None where it is not.

    Only runs with the question's own settings count: one by hand, with others or as of
    an earlier day, does not put off the next.

    Args:
        company: Whose.
        entry: The question.
        stamp: The warehouse's stamp.
        now: The moment; None for this one.
    """
    now = now or dt.datetime.now()
    asked = parameters.resolve(parameters.declared(entry.path), {"company": company})
    runs = [
        m
        for m in manifest.of_notebook(company, entry.name)
        if not m.get("replay") and m["parameters"] == asked
    ]
    good = next((m for m in runs if m["exit"] == "ok" and not m.get("pruned")), None)
    if good is None:
        return say("never answered")
    last = dt.datetime.fromisoformat(good["started"])
    if last > now:
        return say(
            "its last answer bears a later date than today; the clock was set back"
        )
    if _period(last, entry.cadence) == _period(now, entry.cadence):
        return None
    held = good["data"]["tables"]
    if any(
        stamp["tables"].get(t, {}).get("content") != held[t].get("content")
        for t in held
    ):
        return say("its time has come, with new data")
    if good["versions"]["source"] != keys.source_hash():
        return say("its time has come, with a new version")
    return say("its time has come; nothing has changed")


def report(company: str, now: dt.datetime | None = None) -> Text:
    """Say for each question whether it is due, and why or since when it is answered."""
    stamp, lines = read_stamp(company), []
    for entry in listing.entries().values():
        lack, why = listing.lacking(entry, stamp), due(company, entry, stamp, now)
        state = (
            say("lacks data: {what}", what=lack[0])
            if lack
            else say("due: {why}", why=why)
            if why
            else say("not due")
        )
        lines.append(
            say(
                "  {name} ({cadence}): {state}",
                name=entry.name,
                cadence=entry.cadence,
                state=state,
            )
        )
    return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


def write(company: str, kind: str, to: Path, *, at: str = "05:15") -> list[Path]:
    """Write what starts the schedule and the dashboards by themselves.

    Args:
        company: Whose.
        kind: `cron` (one file of entries), `systemd` (timer and services of a user) or
            `airflow` (a DAG file with a task for each question).
        to: Folder.
        at: Time of day, hours and minutes.

    Raises:
        ParameterError: The kind or the time is none.
    """
    makers = {"cron": _cron, "systemd": _systemd, "airflow": _airflow}
    if kind not in makers:
        raise ParameterError(
            say(
                "{kind} is no scheduler here; write {known}",
                kind=repr(kind),
                known=", ".join(makers),
            ),
            name="write",
            given=kind,
        )
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", at):
        raise ParameterError(
            say("{at} is no time of day, such as 05:15", at=repr(at)),
            name="at",
            given=at,
        )
    made = makers[kind](company, at)
    to.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (to / name).write_text(text, "utf-8")
    return [to / name for name in made]


def _begin(first: str = "") -> str:
    """Return the words before a verb, from wherever they are said."""
    root, python = shlex.quote(str(places.root())), shlex.quote(sys.executable)
    return f"cd {root} && {first}{python} -m opslib"


def _cron(company: str, at: str) -> dict[str, str]:
    hour, minute = (int(n) for n in at.split(":"))
    begin = _begin("mkdir -p .cache && ")
    log = f"{shlex.quote(str(places.root() / '.cache' / 'schedule.log'))} 2>&1"
    lines = [
        f"{minute} {hour} * * * {begin} schedule --now --company {company} >> {log}",
        f"@reboot {begin} serve >> {log}",
    ]
    return {
        f"opslib-{company}.cron": "".join(
            line.replace("%", r"\%") + "\n" for line in lines
        )
    }


def _systemd(company: str, at: str) -> dict[str, str]:
    root, python = (str(p).replace("%", "%%") for p in (places.root(), sys.executable))
    about = f'WorkingDirectory={root}\nEnvironment="OPSLIB_HOME={root}"\nExecStart="{python}" -m opslib'
    return {
        f"opslib-{company}.service": f"[Unit]\nDescription=opslib: load and run {company}\n\n[Service]\nType=oneshot\n"
        f"{about} schedule --now --company {company}\nTimeoutStartSec=8h\nNice=5\n",
        f"opslib-{company}.timer": f"[Unit]\nDescription=opslib: when {company} is looked at\n\n[Timer]\nOnCalendar=*-*-* {at}:00\n"
        "Persistent=true\n\n[Install]\nWantedBy=timers.target\n",
        "opslib-dashboards.service": f"[Unit]\nDescription=opslib: dashboards\n\n[Service]\n{about} serve\n"
        "Restart=always\nRestartSec=5\n\n[Install]\nWantedBy=default.target\n",
    }


def _airflow(company: str, at: str) -> dict[str, str]:
    hour, minute = (int(n) for n in at.split(":"))
    begin = _begin()
    tasks = {
        e.name.replace(
            "/", "."
        ): f"{begin} run {e.name} --due --no-pages --company {company}"
        for e in listing.entries().values()
    }
    told = {
        "NAME": f"opslib_{company}",
        "WHEN": f"{minute} {hour} * * *",
        "HOME": str(places.root()),
        "LOAD": f"{begin} load --company {company}",
        "QUESTIONS": tasks,
        "PAGES": f"{begin} publish --company {company}",
        "TELL": f"{begin} alert --monday --company {company}",
    }
    names = "".join(f"{name} = {value!r}\n" for name, value in told.items())
    return {f"opslib_{company}.py": _DAG.replace("CONSTANTS\n", names)}


_DAG = '''"""Load, ask what is due, make the pages, tell: written by opslib, do not edit."""

import datetime

from airflow import DAG

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.empty import EmptyOperator
except ImportError:
    from airflow.operators.bash import BashOperator
    from airflow.operators.empty import EmptyOperator

CONSTANTS


def shell(name, command, rule="all_done"):
    """Return a task that runs a command in the home of opslib."""
    return BashOperator(
        task_id=name,
        bash_command=command,
        env={"OPSLIB_HOME": HOME},
        append_env=True,
        trigger_rule=rule,
    )


with DAG(
    NAME,
    schedule=WHEN,
    start_date=datetime.datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
):
    load = shell("load", LOAD)
    questions = [shell(name, command) for name, command in QUESTIONS.items()]
    pages = shell("pages", PAGES)
    ended = EmptyOperator(task_id="all_well", trigger_rule="all_success")
    load >> questions >> pages >> shell("tell", TELL) >> ended
    [load, *questions] >> ended
'''


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
