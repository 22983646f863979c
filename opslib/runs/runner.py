"""This module owns a batch: several notebooks at once, none stopping the others.

Long because a batch, its board and its jobs share their state.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import os
import platform
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import OpslibError, ParameterError, RunError
from opslib.runs import keys, listing, manifest, parameters
from opslib.warehouse.store import read_stamp
from opslib.words import Text, catalogue, number

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

say = catalogue(__package__ or "opslib.runs")
SEED = 20260101


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run to be done.

    Attributes:
        entry: The notebook.
        values: Every parameter's value.
        key: The key of the run.
        day: The day whose knowledge it sees, ISO text.
        label: How it is named while it runs.
    """

    entry: listing.Entry
    values: dict[str, Any]
    key: str
    day: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a batch did.

    Attributes:
        results: A manifest for each run, in the list's order.
        started: Kernels started.
        seconds: Wall time.
    """

    results: tuple[dict[str, Any], ...]
    started: int
    seconds: float

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The runs that failed; lacking data is no failure."""
        return [
            r for r in self.results if r["exit"] not in ("ok", "reused", "lacking data")
        ]

    @property
    def exit_code(self) -> int:
        """0 when nothing failed, 130 when stopped by hand, else 1."""
        if any(r["exit"] == "stopped" for r in self.results):
            return 130
        return 1 if self.failed else 0

    def summary(self) -> Text:
        """Return what ran, what was kept, what lacks data, and each failure's cause."""
        kinds = [r["exit"] for r in self.results]
        if not self.started and not self.failed and "reused" in kinds:
            lines = [
                say(
                    "Nothing has changed: {kept} answers kept, no kernel started.",
                    kept=number(kinds.count("reused")),
                )
            ]
        else:
            lines = [
                say(
                    "{ok} ran, {kept} kept, {lacking} lack data, {failed} failed; "
                    "{seconds} s.",
                    ok=number(kinds.count("ok")),
                    kept=number(kinds.count("reused")),
                    lacking=number(kinds.count("lacking data")),
                    failed=number(len(self.failed)),
                    seconds=number(self.seconds, 1),
                )
            ]
        for r in self.failed:
            lines.append(
                say(
                    "  {name}: {exit} in cell {cell}: {what}",
                    name=r["name"],
                    exit=say_exit(r["exit"]),
                    cell=r.get("cell") or "-",
                    what=(r.get("message") or "").splitlines()[0][:200]
                    if r.get("message")
                    else "",
                )
            )
        for r in self.results:
            if r["exit"] == "lacking data":
                lines.append(
                    say(
                        "  {name}: {what}",
                        name=r["name"],
                        what=Text(**r["message_both"]),
                    )
                )
        return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


def say_exit(kind: str) -> Text:
    """Return an exit class in words."""
    told = {
        "ok": say("ok"), "reused": say("kept"), "lacking data": say("lacks data"),
        "cell error": say("error"), "timeout": say("took too long"),
        "killed": say("kernel died"), "out of memory": say("out of memory"),
        "stopped": say("stopped"), "lost": say("lost"), "running": say("running"),
    }  # fmt: skip
    return told.get(kind, Text(kind))


def run(
    company: str,
    names: list[str] | None = None,
    *,
    given: dict[str, Any] | None = None,
    grid: dict[str, str] | None = None,
    preset: str = "",
    **options: Any,
) -> Batch:
    """Run notebooks for a company and keep what they answered.

    Args:
        company: Whose data.
        names: Notebooks or rooms; None for every one.
        given: Parameter values, as text or typed.
        grid: Parameter to values divided by commas; one run for each combination.
        preset: A preset of the list, for the notebooks that have it.
        **options: `jobs`, `timeout` (seconds for one), `as_of`, `due`, `force`.

    Returns:
        The batch; a failing notebook is in it, not raised.

    Raises:
        ParameterError: A name or a value is refused, before any kernel starts.
        MissingDataError: The company has no warehouse.
    """
    begun = time.monotonic()
    stamp = read_stamp(company)
    if not stamp["tables"]:
        from opslib.warehouse import open_store

        with open_store(company) as store:
            store.last_complete_day()
    asked = {
        **(given or {}),
        **({"as_of": options["as_of"]} if options.get("as_of") else {}),
    }
    jobs, results = _plan(
        company, listing.chosen(names), asked, grid or {}, preset, stamp
    )
    if options.get("due"):
        jobs = [j for j in jobs if _is_due(company, j)]
    waiting = []
    for job in jobs:
        kept = None if options.get("force") else _kept(company, job)
        if kept:
            results.append({**kept, "exit": "reused"})
        else:
            waiting.append(job)
    if waiting:
        results += _run_all(
            company, waiting, stamp,
            workers=max(1, int(options.get("jobs") or os.cpu_count() or 1)),
            timeout=int(options.get("timeout") or 900),
        )  # fmt: skip
    order = {name: at for at, name in enumerate(listing.entries())}
    results.sort(key=lambda r: order[r["name"]])
    return Batch(
        results=tuple(results), started=len(waiting), seconds=time.monotonic() - begun
    )


def _plan(
    company: str,
    chosen: list[listing.Entry],
    given: dict[str, Any],
    grid: dict[str, str],
    preset: str,
    stamp: dict[str, Any],
) -> tuple[list[Job], list[dict[str, Any]]]:
    """Resolve every run; refuse what is wrong; set aside what lacks data."""
    jobs, without = [], []
    combos = [
        dict(zip(grid, values, strict=True))
        for values in itertools.product(*(v.split(",") for v in grid.values()))
    ]
    if preset and not any(preset in e.presets for e in chosen):
        known = sorted({p for e in chosen for p in e.presets})
        raise ParameterError(
            say(
                "there is no preset {name}; there is {known}",
                name=repr(preset),
                known=", ".join(known) or "-",
            ),
            name=preset,
        )
    for entry in chosen:
        declared = parameters.declared(entry.path)
        missing = listing.lacking(entry, stamp)
        for combo in combos:
            values = parameters.resolve(
                declared,
                {**entry.presets.get(preset, {}), **given, **combo, "company": company},
            )
            day = values.get("as_of") or _last_day(stamp)
            label = " ".join([entry.name, *(f"{k}={v}" for k, v in combo.items())])
            key = keys.run_key(entry, values, company, stamp)
            job = Job(entry=entry, values=values, key=key, day=day, label=label)
            if missing:
                without.append(_note_lack(company, job, missing))
            else:
                jobs.append(job)
    return jobs, without


def _last_day(stamp: dict[str, Any]) -> str:
    days = {n: t["last_day"] for n, t in stamp["tables"].items() if t["last_day"]}
    return days.get("sales_lines") or max(days.values(), default="0000-00-00")


def _kept(company: str, job: Job) -> dict[str, Any] | None:
    folder = keys.report_folder(company, job.entry, job.day, job.key)
    told = manifest.read(folder)
    return told if told and told["exit"] == "ok" else None


def _is_due(company: str, job: Job) -> bool:
    runs = [
        m for m in manifest.of_notebook(company, job.entry.name) if m["exit"] == "ok"
    ]
    if not runs:
        return True
    age = dt.datetime.now() - dt.datetime.fromisoformat(runs[0]["started"])
    return age.days >= listing.CADENCE_DAYS.get(job.entry.cadence, 0)


def _note_lack(company: str, job: Job, missing: list[Text]) -> dict[str, Any]:
    """Keep a manifest that says what is missing; no kernel starts."""
    both = {
        "en": "; ".join(m.en for m in missing),
        "zh": "；".join(m.zh for m in missing),
    }
    told = {
        **_opening(company, job, {}),
        "exit": "lacking data",
        "message": both["en"],
        "message_both": both,
    }
    folder = places.reports(company) / job.entry.name / "lacking"
    folder.mkdir(parents=True, exist_ok=True)
    manifest.write(folder, told)
    return told


def _opening(company: str, job: Job, stamp: dict[str, Any]) -> dict[str, Any]:
    from importlib import metadata

    return {
        "name": job.entry.name,
        "room": job.entry.room,
        "company": company,
        "key": job.key,
        "day": job.day,
        "parameters": job.values,
        "seed": SEED,
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


@dataclass
class _Board:
    """What runs now and what is left, told while it changes."""

    total: int
    tell: Callable[[str], None]
    running: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, label: str, watch: dict[str, Any]) -> None:
        with self.lock:
            self.running[label] = watch

    def end(self, label: str, result: dict[str, Any]) -> None:
        with self.lock:
            self.running.pop(label, None)
            self.done += 1
            left = self.total - self.done - len(self.running)
            said = say(
                "[{done}/{total}] {label}: {exit}, {seconds} s; running: {running}; {left} left",
                done=str(self.done), total=str(self.total), label=label,
                exit=say_exit(result["exit"]), seconds=str(result.get("seconds", "")),
                running=", ".join(self.running) or "-", left=str(left),
            )  # fmt: skip
            self.tell(str(said))


def _run_all(
    company: str,
    waiting: list[Job],
    stamp: dict[str, Any],
    *,
    workers: int,
    timeout: int,
) -> list[dict[str, Any]]:
    from opslib.runs import kernels

    kernel = kernels.install()
    with contextlib.suppress(OSError):
        kernels.warm()
    stop = threading.Event()
    board = _Board(total=len(waiting), tell=_tell)
    begun = say(
        "{count} notebooks to run, {jobs} at a time",
        count=str(len(waiting)),
        jobs=str(workers),
    )
    board.tell(str(begun))
    with ThreadPoolExecutor(workers) as pool:
        futures = [
            pool.submit(_run_one, company, job, stamp, kernel, timeout, board, stop)
            for job in waiting
        ]
        try:
            _wait(futures)
        except KeyboardInterrupt:
            stop.set()
            _wait(futures, meanwhile=lambda: _stop_all(board))
    return [f.result() for f in futures]


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _wait(futures: list[Future], meanwhile: Callable[[], Any] = bool) -> None:
    left = set(futures)
    while left:
        meanwhile()
        _, left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED)


def _stop_all(board: _Board) -> None:
    """End the kernels of this batch, which end their runs; one may still start."""
    with board.lock:
        for watch in board.running.values():
            watch["stopped"] = True
            with contextlib.suppress(Exception):
                os.kill(watch["client"].km.provisioner.pid, 9)


def _run_one(
    company: str,
    job: Job,
    stamp: dict[str, Any],
    kernel: str,
    timeout: int,
    board: _Board,
    stop: threading.Event,
) -> dict[str, Any]:
    opening = _opening(company, job, stamp)
    if stop.is_set():
        return {**opening, "exit": "stopped", "cell": "", "message": ""}
    folder = keys.report_folder(company, job.entry, job.day, job.key)
    watch: dict[str, Any] = {
        "deadline": time.monotonic() + timeout,
        "tables": job.entry.tables,
    }
    board.begin(job.label, watch)
    begun = time.monotonic()
    working: Path | None = None
    try:
        working = manifest.begin(folder, opening)
        told = _execute(job, working, kernel, watch)
    except OpslibError as error:
        told = {"exit": "cell error", "cell": "", "message": error.sentence()}
    except OSError as error:
        what = say(
            "the run could not be kept: {what}; free space and run again",
            what=str(error),
        )
        told = {
            "exit": "cell error",
            "cell": watch.get("cell", ""),
            "message": str(what),
        }
    except Exception as error:
        told = {
            "exit": "cell error",
            "cell": watch.get("cell", ""),
            "message": f"{type(error).__name__}: {error}",
        }
    if watch.get("stopped"):
        told = {**told, "exit": "stopped"}
    result = {
        **opening,
        **told,
        "seconds": round(time.monotonic() - begun, 1),
        "cells": watch.get("cells", {}),
        "peak_mb": watch.get("peak_mb", 0),
        "ended": dt.datetime.now().isoformat(timespec="seconds"),
    }
    if working is not None:
        with contextlib.suppress(OSError):
            result["folder"] = str(
                manifest.close(working, result).relative_to(places.reports())
            )
    board.end(job.label, result)
    return result


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
