"""This module owns handing runs to a Dask scheduler whose workers see the same home.

Each run is one task. It takes the lock of its key, works in its own folder and swaps it
in, as on one machine, so a task that Dask gives out again after its worker died lands
once: the second finds the answer of the first or the key free. Needs the extra `cluster`.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import ParameterError
from opslib.runs import keys, work
from opslib.words import catalogue

if TYPE_CHECKING:
    from opslib.runs.work import Board, Job, Terms

say = catalogue(__package__ or "opslib.runs.beyond")
_ONE = threading.Lock()


def run_all(
    company: str, jobs: list[Job], terms: Terms, board: Board, address: str
) -> list[dict[str, Any]]:
    """Run every job on the cluster's workers and return their manifests, in order.

    Stopped by hand, what has not begun is withdrawn; what runs lands by itself.

    Args:
        company: Whose data.
        jobs: What is to be done.
        terms: What holds for every run.
        board: Where progress is told.
        address: The scheduler's, such as `tcp://host:8786`.

    Raises:
        ParameterError: Dask is missing, nothing answers, no worker is there, or a
            worker has another opslib.
    """
    client = _client(address)
    with client:
        _same_source(client, address)
        given = (str(places.root()), company, terms, keys.source_hash())
        futures = [client.submit(on_worker, *given, job, pure=False) for job in jobs]
        try:
            return _collected(company, jobs, futures, board)
        except KeyboardInterrupt:
            client.cancel(futures)
            stopped = {"exit": "stopped", "cell": "", "message": ""}
            return [
                f.result()
                if f.status == "finished"
                else {**work.opening(company, job, {}), **stopped}
                for f, job in zip(futures, jobs, strict=True)
            ]


def on_worker(
    root: str, company: str, terms: Terms, source: str, job: Job
) -> dict[str, Any]:
    """Do one run where a worker is; return its manifest.

    Args:
        root: The home of who asks; a worker's own `OPSLIB_HOME` comes first.
        company: Whose data.
        terms: What holds for every run.
        source: Id of the source of who asks.
        job: The run.
    """
    from opslib.runs import kernels

    os.environ.setdefault("OPSLIB_HOME", root)
    if keys.source_hash() != source:
        what = say("a worker has another opslib; install the same everywhere")
        lost = {"exit": "cell error", "cell": "", "message": str(what)}
        return {**work.opening(company, job, {}), **lost}
    with _ONE:
        kernels.install()
    board, ended = work.Board(total=1, tell=str), threading.Event()
    threading.Thread(target=work.guard, args=(board, ended), daemon=True).start()
    try:
        return work.run_one(company, job, terms, board, threading.Event())
    finally:
        ended.set()


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise ParameterError(
            say("--cluster needs dask; install opslib[cluster]"),
            name="cluster",
            given=address,
        ) from error
    try:
        return Client(address, timeout="15s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise ParameterError(
            say(
                "no Dask scheduler answers at {address}; start one or run without --cluster",
                address=repr(address),
            ),
            name="cluster",
            given=address,
        ) from error


def _same_source(client: Any, address: str) -> None:
    found = client.run(keys.source_hash)
    if not found or set(found.values()) != {keys.source_hash()}:
        what = (
            say("a worker has another opslib; install the same everywhere")
            if found
            else say("the scheduler at {address} has no worker", address=repr(address))
        )
        raise ParameterError(what, name="cluster", given=address)


def _collected(
    company: str, jobs: list[Job], futures: list[Any], board: Board
) -> list[dict[str, Any]]:
    """Wait for all; a task whose workers died too often is a run that was killed."""
    from distributed import as_completed

    of, found = {f.key: job for f, job in zip(futures, jobs, strict=True)}, {}
    for future in as_completed(futures, loop=futures[0].client.loop):
        job = of[future.key]
        error = future.exception()
        found[future.key] = (
            future.result()
            if error is None
            else {
                **work.opening(company, job, {}),
                **{"exit": "killed", "cell": "", "message": f"{error}"},
            }
        )
        board.end(job.label, found[future.key])
    return [found[f.key] for f in futures]
