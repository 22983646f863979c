"""This module owns a batch: several notebooks at once, none stopping the others."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import ParameterError
from opslib.runs import keys, listing, manifest, parameters, work
from opslib.runs.watch import schedule
from opslib.runs.work import Board, Job, say_exit
from opslib.warehouse.store import read_stamp
from opslib.words import Text, catalogue, number

if TYPE_CHECKING:
    from collections.abc import Callable

say = catalogue(__package__ or "opslib.runs")


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
        """Return what ran, what was kept, what lacks data, and each cause once."""
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
        lines += [
            say(
                "  {name}: {exit} in cell {cell}: {what}",
                name=r["name"],
                exit=say_exit(r["exit"]),
                cell=r.get("cell") or "-",
                what=(r.get("message") or "").partition("\n")[0][:200],
            )
            for r in self.failed
        ]
        lines += [
            say("  {name}: {what}", name=r["name"], what=Text(**r["message_both"]))
            for r in self.results
            if r["exit"] == "lacking data"
        ]
        return Text(
            "\n".join(dict.fromkeys(t.en for t in lines)),
            "\n".join(dict.fromkeys(t.zh for t in lines)),
        )


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
        **options: `jobs`, `timeout` (seconds for one), `memory_mb` (for one), `as_of`,
            `due`, `force`, `replay`, `repair` (the last batch again, where it failed
            or its data changed), `cluster` (address of a Dask scheduler that takes the
            runs; of one run alone, its forecasts).

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
        "names": names, "given": dict(given or {}), "grid": grid or {}, "preset": preset,
    }  # fmt: skip
    if options.get("as_of"):
        asked["given"]["as_of"] = options["as_of"]
    if options.get("repair"):
        asked = last_asked(company)["asked"]
    jobs, results = _plan(company, asked, stamp, replay=bool(options.get("replay")))
    if options.get("due"):
        jobs = [j for j in jobs if schedule.due(company, j.entry, stamp)]
    elif not options.get("replay"):
        _note_asked(company, asked, jobs)
    waiting = []
    for job in jobs:
        kept = None if options.get("force") else work.kept(company, job)
        if kept:
            work.sweep(company, job)
            results.append({**kept, "exit": "reused"})
        else:
            waiting.append(job)
    if waiting:
        results += _run_all(company, waiting, options)
    order = {name: at for at, name in enumerate(listing.entries())}
    results.sort(key=lambda r: order[r["name"]])
    return Batch(
        results=tuple(results), started=len(waiting), seconds=time.monotonic() - begun
    )


def last_asked(company: str) -> dict[str, Any]:
    """Return what the last batch was asked (`asked`) and its keys by notebook.

    Raises:
        ParameterError: There was no batch yet.
    """
    path = places.reports(company) / "batch.json"
    if not path.is_file():
        raise ParameterError(
            say("{company} has no batch to repair; run one first", company=company),
            name="repair",
        )
    return json.loads(path.read_text("utf-8"))


def _note_asked(company: str, asked: dict[str, Any], jobs: list[Job]) -> None:
    """Keep what a batch was asked, so that it can be repaired and its cover told."""
    by: dict[str, list[str]] = {}
    for job in jobs:
        by.setdefault(job.entry.name, []).append(job.key)
    place = places.reports(company)
    place.mkdir(parents=True, exist_ok=True)
    half = place / f"batch.{os.getpid()}"
    half.write_text(
        json.dumps({"asked": asked, "keys": by}, ensure_ascii=False), "utf-8"
    )
    half.replace(place / "batch.json")


def _plan(
    company: str, asked: dict[str, Any], stamp: dict[str, Any], *, replay: bool
) -> tuple[list[Job], list[dict[str, Any]]]:
    """Resolve every run; refuse what is wrong; set aside what lacks data."""
    jobs, without = [], []
    grid, preset, chosen = (
        asked["grid"],
        asked["preset"],
        listing.chosen(asked["names"]),
    )
    combos = [
        dict(zip(grid, values, strict=True))
        for values in itertools.product(*(v.split(",") for v in grid.values()))
    ]
    _known_preset(preset, chosen)
    for entry in chosen:
        declared = parameters.declared(entry.path)
        runs = manifest.of_notebook(company, entry.name)
        turn = 1 + max((m.get("turn", 0) for m in runs), default=0)
        for combo in combos:
            values = parameters.resolve(
                declared,
                {
                    **entry.presets.get(preset, {}), **asked["given"], **combo,
                    "company": company,
                },
            )  # fmt: skip
            day = values.get("as_of") or work.last_day(stamp)
            label = " ".join([entry.name, *(f"{k}={v}" for k, v in combo.items())])
            key = keys.run_key(entry, values, company, stamp)
            job = Job(
                entry=entry, values=values, key=key, day=day, label=label, turn=turn,
                replay=replay,
            )  # fmt: skip
            missing = listing.lacking(entry, stamp, day)
            if missing:
                without.append(_note_lack(company, job, missing))
            else:
                jobs.append(job)
    return jobs, without


def _known_preset(preset: str, chosen: list[listing.Entry]) -> None:
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


def _note_lack(company: str, job: Job, missing: list[Text]) -> dict[str, Any]:
    """Keep a manifest that says what is missing; no kernel starts."""
    both = {
        "en": "; ".join(m.en for m in missing),
        "zh": "；".join(m.zh for m in missing),
    }
    told = {
        **work.opening(company, job, {}),
        "exit": "lacking data",
        "message": both["en"],
        "message_both": both,
    }
    folder = places.reports(company) / job.entry.name / "lacking"
    folder.mkdir(parents=True, exist_ok=True)
    manifest.write(folder, told)
    return told


def _run_all(
    company: str, waiting: list[Job], options: dict[str, Any]
) -> list[dict[str, Any]]:
    from opslib.runs import kernels

    workers = max(1, int(options.get("jobs") or os.cpu_count() or 1))
    terms = work.Terms(
        kernel=kernels.install(),
        timeout=int(options.get("timeout") or 900),
        memory_mb=int(options.get("memory_mb") or work.memory_share(workers)),
        force=bool(options.get("force")),
    )
    board = Board(total=len(waiting), tell=_tell)
    cluster = options.get("cluster") or ""
    if cluster and len(waiting) > 1:
        from opslib.runs.beyond import cluster as far

        return far.run_all(company, waiting, terms, board, cluster)
    if cluster:
        os.environ["OPSLIB_CLUSTER"] = cluster
    with contextlib.suppress(OSError):
        kernels.warm()
    stop, ended = threading.Event(), threading.Event()
    begun = say(
        "{count} notebooks to run, {jobs} at a time",
        count=str(len(waiting)),
        jobs=str(workers),
    )
    board.tell(str(begun))
    threading.Thread(target=work.guard, args=(board, ended), daemon=True).start()
    with ThreadPoolExecutor(workers) as pool:
        futures: list[Future] = []
        try:
            for job in waiting:
                given = (company, job, terms, board, stop)
                futures.append(pool.submit(work.run_one, *given))
            _wait(futures)
        except KeyboardInterrupt:
            stop.set()
            _wait(futures, meanwhile=lambda: _stop_all(board))
        finally:
            ended.set()
    return [f.result() for f in futures]


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _wait(futures: list[Future], meanwhile: Callable[[], Any] = bool) -> None:
    left = set(futures)
    while left:
        meanwhile()
        _, left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED)


def _stop_all(board: Board) -> None:
    """End the kernels of this batch, which end their runs; one may still start."""
    with board.lock:
        for watch in board.running.values():
            watch["stopped"] = True
            with contextlib.suppress(Exception):
                os.kill(watch["client"].km.provisioner.pid, 9)
