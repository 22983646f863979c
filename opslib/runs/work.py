"""This module owns one run of a batch: alone with its key, tried again where that helps.

A run whose data was exchanged while it worked is thrown away and done again, a kernel
that died is started again after a pause; whatever else ends a run ends it for good.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import os
import platform
import shutil
import threading
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import OpslibError, RunError
from opslib.runs import keys, listing, manifest
from opslib.runs.keep import log, sources
from opslib.warehouse.store import read_stamp
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

say = catalogue(__package__ or "opslib.runs")
SEED = 20260101
PAUSES_SECONDS = (1.0, 4.0)
PASSING = ("killed", "data changed")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run to be done.

    Attributes:
        entry: The notebook.
        values: Every parameter's value.
        key: The key of the run.
        day: The day whose knowledge it sees, ISO text.
        label: How it is named while it runs.
        turn: Count of batches, so that later ones are told from earlier ones.
        replay: Whether a past day is gone through again, to be scored.
    """

    entry: listing.Entry
    values: dict[str, Any]
    key: str
    day: str
    label: str
    turn: int = 0
    replay: bool = False


def say_exit(kind: str) -> Text:
    """Return an exit class in words."""
    return exits().get(kind, Text(kind))


def exits() -> dict[str, Text]:
    """Return every exit class in words; each has its entry in RUNBOOK.md."""
    return {
        "ok": say("ok"),
        "reused": say("kept"),
        "lacking data": say("lacks data"),
        "cell error": say("error"),
        "timeout": say("took too long"),
        "killed": say("kernel died"),
        "out of memory": say("out of memory"),
        "data changed": say("data changed meanwhile"),
        "stopped": say("stopped"),
        "lost": say("lost"),
        "running": say("running"),
    }


@dataclass
class Board:
    """What runs now and what is left, told while it changes.

    Attributes:
        total: Runs of the batch.
        tell: Where a line goes.
        running: Label to what is watched of it.
        done: Runs that ended.
        lock: Held while one of these changes.
    """

    total: int
    tell: Callable[[str], None]
    running: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, label: str, watch: dict[str, Any]) -> None:
        """Note what is watched of a run that begins."""
        with self.lock:
            self.running[label] = watch

    def end(self, label: str, result: dict[str, Any]) -> None:
        """Tell how a run ended and what is left."""
        with self.lock:
            self.running.pop(label, None)
            self.done += 1
            left = self.total - self.done - len(self.running)
            said = say(
                "[{done}/{total}] {label}: {exit}, {seconds} s; running: {running}; {left} left",
                done=str(self.done),
                total=str(self.total),
                label=label,
                exit=say_exit(result["exit"]),
                seconds=str(result.get("seconds", "")),
                running=", ".join(self.running) or "-",
                left=str(left),
            )
            self.tell(str(said))


def opening(company: str, job: Job, stamp: dict[str, Any]) -> dict[str, Any]:
    """Return what a manifest says before its run begins."""
    return {
        "name": job.entry.name,
        "room": job.entry.room,
        "company": company,
        "key": job.key,
        "day": job.day,
        "parameters": job.values,
        "seed": SEED,
        "turn": job.turn,
        **({"replay": True} if job.replay else {}),
        "started": dt.datetime.now().isoformat(timespec="seconds"),
        "versions": {
            "python": platform.python_version(),
            "opslib": metadata.version("opslib"),
            "source": keys.source_hash(),
        },
        "data": {
            "snapshot": stamp.get("snapshot", ""),
            "tables": {t: stamp.get("tables", {}).get(t, {}) for t in job.entry.tables},
        },
    }


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What holds for every run of a batch.

    Attributes:
        kernel: Kernel name.
        timeout: Seconds for one run.
        memory_mb: Most memory of one run, in MB.
        force: Whether to run again what is kept.
    """

    kernel: str
    timeout: int
    memory_mb: int
    force: bool = False


def kept(company: str, job: Job) -> dict[str, Any] | None:
    """Return the manifest of a finished run of the same key, or None."""
    folder = keys.report_folder(company, job.entry, job.day, job.key)
    told = manifest.read(folder)
    whole = told and told["exit"] == "ok"
    whole = whole and (job.replay or (folder / "notebook.ipynb").is_file())
    return told if whole else None


def sweep(company: str, job: Job) -> None:
    """Remove what killed runs of the same question and parameters left unfinished.

    Whoever works on a run holds its lock, so whose lock is free is at work no more.
    """
    home = keys.report_folder(company, job.entry, job.day, job.key).parent
    for left in home.glob(f"*{manifest.RUNNING}"):
        key = left.name.removesuffix(manifest.RUNNING).split("_")[-1]
        with manifest.alone(f"{company}-{key}", wait=False) as idle:
            told = manifest.read(left)
            if idle and (
                told is None
                or (
                    told["exit"] in ("lost", "running")
                    and told["parameters"] == job.values
                )
            ):
                shutil.rmtree(left, ignore_errors=True)


def last_day(stamp: dict[str, Any]) -> str:
    """Return the last complete day that a stamp speaks of."""
    days = {n: t["last_day"] for n, t in stamp["tables"].items() if t["last_day"]}
    return days.get("sales_lines") or max(days.values(), default="0000-00-00")


def run_one(
    company: str, job: Job, terms: Terms, board: Board, stop: threading.Event
) -> dict[str, Any]:
    """Do one run, again where the cause of its failure passes; return its manifest.

    Two processes never work on the same key: the second waits and takes the answer
    of the first.
    """
    for tries, pause in enumerate((*PAUSES_SECONDS, None), 1):
        stamp = read_stamp(company)
        job = _as_of_now(company, job, stamp)
        with manifest.alone(f"{company}-{job.key}", stop=stop):
            standing = kept(company, job)
            if standing and not (terms.force and standing.get("turn", 0) < job.turn):
                board.end(job.label, standing)
                return {**standing, "exit": "reused"}
            result = _attempt(company, job, stamp, terms, board, stop, tries)
        log.note_run(result)
        if result["exit"] not in PASSING or pause is None or stop.wait(pause):
            break
    board.end(job.label, result)
    if result["exit"] == "ok":
        sweep(company, job)
    return result


def _as_of_now(company: str, job: Job, stamp: dict[str, Any]) -> Job:
    """Return the job with the key of the data that now stands."""
    key = keys.run_key(job.entry, job.values, company, stamp)
    day = job.values.get("as_of") or last_day(stamp)
    return dataclasses.replace(job, key=key, day=day)


def _attempt(
    company: str,
    job: Job,
    stamp: dict[str, Any],
    terms: Terms,
    board: Board,
    stop: threading.Event,
    tries: int,
) -> dict[str, Any]:
    told = {**opening(company, job, stamp), "tries": tries}
    if stop.is_set():
        return {**told, "exit": "stopped", "cell": "", "message": ""}
    folder = keys.report_folder(company, job.entry, job.day, job.key)
    watch: dict[str, Any] = {
        "deadline": time.monotonic() + terms.timeout,
        "tables": job.entry.tables,
        "memory_mb": terms.memory_mb,
    }
    board.begin(job.label, watch)
    begun = time.monotonic()
    working: Path | None = None
    try:
        told["versions"]["notebook"] = sources.keep(company, job.entry)
        working = manifest.begin(folder, told)
        result = _execute(job, working, terms.kernel, watch)
    except Exception as error:
        result = _failure(error, watch.get("cell", ""))
    if watch.get("stopped"):
        result = {**result, "exit": "stopped"}
    if result["exit"] in ("ok", "cell error") and _exchanged(company, job, stamp):
        what = say("the data was exchanged while it was read; run it again")
        result = {"exit": "data changed", "cell": "", "message": str(what)}
    result = {
        **told,
        **result,
        "seconds": round(time.monotonic() - begun, 1),
        "cells": watch.get("cells", {}),
        "peak_mb": watch.get("peak_mb", 0),
        "ended": dt.datetime.now().isoformat(timespec="seconds"),
    }
    if working is not None:
        try:
            closed = manifest.close(working, result)
            (places.reports(company) / keys.PAGE_MARK).unlink(missing_ok=True)
            result["folder"] = str(closed.relative_to(places.reports()))
        except OSError as error:
            result |= _failure(error, "")
    return result


def _failure(error: Exception, cell: str) -> dict[str, Any]:
    """Say in words why a run could not be done or kept."""
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, OpslibError):
        cell, what = "", error.sentence()
    elif isinstance(error, OSError):
        said = say(
            "the run could not be kept: {what}; free space and run again",
            what=str(error),
        )
        what = str(said)
    return {"exit": "cell error", "cell": cell, "message": what}


def _exchanged(company: str, job: Job, stamp: dict[str, Any]) -> bool:
    """Return whether a table of the run changed since its stamp was read."""
    now = read_stamp(company)["tables"]
    return any(now.get(t) != stamp["tables"].get(t) for t in job.entry.tables)


def _execute(
    job: Job, working: Path, kernel: str, watch: dict[str, Any]
) -> dict[str, Any]:
    import json

    from opslib.runs import engine

    output = working / "notebook.ipynb"
    try:
        kind, cell, what = engine.execute(
            job.entry.path, output, job.values, kernel=kernel, watch=watch
        )
    except json.JSONDecodeError as error:
        raise RunError(
            say("{name} is no notebook: {what}", name=job.entry.name, what=str(error)),
            notebook=job.entry.name,
        ) from None
    told: dict[str, Any] = {"exit": kind, "cell": cell, "message": what}
    if kind == "ok":
        told["finding"] = manifest.finding_of(json.loads(output.read_text("utf-8")))
        if told["finding"] is None:
            told |= {
                "exit": "cell error",
                "cell": "answer",
                "message": str(say("no finding was shown")),
            }
    return told


def guard(board: Board, ended: threading.Event) -> None:
    """End each kernel that takes more memory than it may, until the batch has ended.

    Memory that a kernel shares with the parent it was forked from does not count,
    nor does that of processes it starts.
    """
    while not ended.wait(0.2):
        with board.lock:
            watched = list(board.running.values())
        for watch in watched:
            with contextlib.suppress(Exception):
                pid = watch["client"].km.provisioner.pid
                taken = _own_mb(pid)
                if pid and taken > watch["memory_mb"]:
                    watch["over"] = taken
                    os.kill(pid, 9)


def _own_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(n.split()[1]) for n in lines if n.startswith("Private_")) // 1024


def memory_share(workers: int) -> int:
    """Return the MB that one of so many runs may take: a fair part of nine tenths."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    whole = pages * size
    with contextlib.suppress(OSError, ValueError):
        whole = min(whole, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return max(1000, int(0.9 * whole / max(1, workers) / 1_000_000))
