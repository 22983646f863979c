"""This module owns alerts: what somebody should know, told once for each cause.

A cause that was told is not told again while it lasts; once it has passed it may be
told anew. What statistics say (a range that no longer holds, a failed check) shares a
weekly budget, so that false alarms stay few; facts (a failed run, late data) do not.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opslib import places, words
from opslib.errors import OpslibError
from opslib.runs import listing, manifest
from opslib.runs.keep import log
from opslib.runs.score import book, facts, marks
from opslib.runs.watch import send
from opslib.runs.work import say_exit
from opslib.warehouse import company as companies
from opslib.warehouse import quality
from opslib.warehouse.store import read_stamp
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

say = catalogue(__package__ or "opslib.runs.watch")
BUDGET_PER_WEEK = 3
STATISTICS = ("range", "check")


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something that somebody should know.

    Attributes:
        cause: What it is about, the same while it lasts.
        kind: `run`, `data`, `silence`, `range` or `check`.
        what: The sentence.
    """

    cause: str
    kind: str
    what: Text


def gather(company: str, now: dt.datetime | None = None) -> list[Alert]:
    """Return everything that now holds and somebody should know.

    Args:
        company: Whose.
        now: The moment; None for this one.
    """
    now = now or dt.datetime.now()
    found = [
        *_data(company),
        *(a for e in listing.entries().values() for a in _of_question(company, e, now)),
    ]
    try:
        found += _ranges(company)
    except OpslibError as error:
        what = Text(error.sentence("en"), error.sentence("zh"))
        found.append(Alert(cause="data record", kind="data", what=what))
    return found


def tell(company: str, now: dt.datetime | None = None) -> list[tuple[str, Text]]:
    """Send what was not sent yet and return it, with each channel's failure.

    Returns:
        Pairs of `sent`, `failed` or `waiting` (over the week's budget) and a sentence.
    """
    now = now or dt.datetime.now()
    with manifest.alone(f"{company}-telling"):
        holds = gather(company, now)
        _own_up(company, now)
        told = _open(company, {a.cause for a in holds}, now)
        return [
            line for alert in holds for line in _tell_one(company, alert, told, now)
        ]


def once(
    company: str, cause: str, channel: dict[str, Any], message: send.Message
) -> bool:
    """Send a message through a channel unless this cause went through it before."""
    with manifest.alone(f"{company}-telling"):
        if (cause, send.name(channel)) in _standing(company):
            return False
        told = {"cause": cause, "channel": send.name(channel), "kind": "message"}
        _deliver(company, told, channel, message, dt.datetime.now())
    return True


def _deliver(
    company: str, told: dict[str, Any], channel: dict[str, Any],
    message: send.Message, now: dt.datetime,
) -> None:  # fmt: skip
    """Send; noted before and after, so that a kill in between never sends it twice."""
    _note(company, {**told, "state": "sending"}, now)
    try:
        send.send(channel, message)
    except OpslibError:
        _note(company, {**told, "state": "unsent"}, now)
        raise
    _note(company, told, now)


def _own_up(company: str, now: dt.datetime) -> None:
    """Log what may not have arrived because its sender was ended in between."""
    for told in _standing(company).values():
        if told.get("state") == "sending":
            what = say(
                "Whether {channel} got the message about {cause} is not known; its sender was ended. It is not sent again.",
                channel=told["channel"],
                cause=told["cause"],
            )
            log.note("error", what.en, company=company, exit="alert uncertain")
            _note(company, {**told, "state": "uncertain"}, now)


def _tell_one(
    company: str, alert: Alert, told: set[tuple[str, str]], now: dt.datetime
) -> Iterator[tuple[str, Text]]:
    for channel in companies.read(company).alerts:
        name = send.name(channel)
        if (alert.cause, name) in told:
            continue
        budget = channel.get("budget", BUDGET_PER_WEEK)
        if alert.kind in STATISTICS and _spent(company, name, now) >= budget:
            yield "waiting", alert.what
            continue
        message = send.Message(
            title=say("{company}: please look", company=company).in_language(
                channel.get("language", "en")
            ),
            text=alert.what.in_language(channel.get("language", "en")),
            link=channel.get("link", ""),
        )
        about = {"cause": alert.cause, "channel": name, "kind": alert.kind}
        try:
            _deliver(company, about, channel, message, now)
        except OpslibError as error:
            what = words.text(error.args[0])
            log.note("error", what.en, company=company, exit="alert failed")
            yield "failed", what
        else:
            log.note("info", alert.what.en, company=company, exit="alert sent")
            yield "sent", alert.what


def _of_question(
    company: str, entry: listing.Entry, now: dt.datetime
) -> Iterator[Alert]:
    runs = [m for m in manifest.of_notebook(company, entry.name) if not m.get("replay")]
    good = manifest.standing(runs)
    if runs and runs[0]["exit"] not in ("ok", "running", "lacking data", "stopped"):
        last = runs[0]
        what = say(
            "{question} The latest run failed ({exit}, cell {cell}): {what}",
            question=entry.question,
            exit=say_exit(last["exit"]),
            cell=last.get("cell") or "-",
            what=(last.get("message") or "").split("\n")[0][:200],
        )
        yield Alert(
            cause=f"run {entry.name} {last['exit']} {last.get('cell')}",
            kind="run",
            what=what,
        )
    if not good:
        return
    age = (now - dt.datetime.fromisoformat(good["started"])).days
    if age > 2 * listing.CADENCE_DAYS.get(entry.cadence, 30):
        what = say(
            "{question} Its answer is {days} days old; nothing has run since.",
            question=entry.question,
            days=str(age),
        )
        yield Alert(cause=f"silence {entry.name}", kind="silence", what=what)
    for check in good["finding"]["checks"]:
        if check["passed"] is False:
            what = say(
                "{question} {check}: {what}",
                question=entry.question,
                check=words.text(check["name"]),
                what=words.text(check["sentence"]),
            )
            yield Alert(
                cause=f"check {entry.name} {check['name']['en']}",
                kind="check",
                what=what,
            )


def _data(company: str) -> Iterator[Alert]:
    stamp = read_stamp(company)
    loads = [n for n in log.lines(company, days=35) if n["exit"] in log.LOADS]
    if loads and loads[-1]["exit"] == log.LOADS[1]:
        what = say("The last load failed: {what}", what=loads[-1]["what"][:300])
        yield Alert(cause=f"load {loads[-1]['what']}", kind="data", what=what)
    for late in quality.late(company):
        yield Alert(
            cause=f"data {dt.date.today():%Y-%m} {late.en}", kind="data", what=late
        )
    rows, waiting = stamp.get("delivered", 0), stamp.get("quarantined", 0)
    if rows and waiting > 0.02 * rows:
        what = say(
            "{share} of the delivered rows are in quarantine; opslib check names the reasons.",
            share=words.percent(waiting / rows, 1),
        )
        yield Alert(cause="data quarantine", kind="data", what=what)


def _ranges(company: str) -> Iterator[Alert]:
    for row in marks.summary(marks.score(company)).to_dict("records"):
        if row["verdict"] in ("narrow", "naive"):
            label = facts.rules()[row["name"]].label
            what = (
                say(
                    "{label}: the range held in {held} only, {promised} were promised.",
                    label=label,
                    held=words.percent(row["held"]),
                    promised=words.percent(row["promised"]),
                )
                if row["verdict"] == "narrow"
                else say(
                    "{label}: a simple guess has been nearer than we were.", label=label
                )
            )
            yield Alert(
                cause=f"range {row['name']} {row['verdict']}", kind="range", what=what
            )


def _standing(company: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the last note of each cause and channel that was told and has not passed."""
    told: dict[tuple[str, str], dict[str, Any]] = {}
    for note in book.lines(_file(company)):
        if note["kind"] == "passed":
            told = {k: n for k, n in told.items() if k[0] != note["cause"]}
        elif note.get("state") == "unsent":
            told.pop((note["cause"], note["channel"]), None)
        else:
            told[note["cause"], note["channel"]] = note
    return told


def _open(company: str, holds: set[str], now: dt.datetime) -> set[tuple[str, str]]:
    """Return what was told and still holds; note what has passed."""
    told = [k for k, n in _standing(company).items() if n["kind"] != "message"]
    for cause in {c for c, _ in told} - holds:
        _note(company, {"cause": cause, "channel": "", "kind": "passed"}, now)
    return {(cause, channel) for cause, channel in told if cause in holds}


def _spent(company: str, channel: str, now: dt.datetime) -> int:
    week = (now - dt.timedelta(days=7)).isoformat()
    return sum(
        n["kind"] in STATISTICS
        and n["channel"] == channel
        and n["when"] > week
        and "state" not in n
        for n in book.lines(_file(company))
    )


def _note(company: str, told: dict[str, Any], now: dt.datetime) -> None:
    book.add(_file(company), {**told, "when": now.isoformat(timespec="seconds")})


def _file(company: str) -> Path:
    return places.data() / "records" / places.company_name(company) / "alerts.jsonl"
