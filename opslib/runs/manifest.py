"""This module owns the manifest: the truth about a run, written outside the notebook.

A run works in a folder whose name ends in `.running`; it gets its name only with a
closing manifest in it. A `.running` folder whose process is gone is a lost run.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opslib import places

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

FILE = "manifest.json"
GOOD = ("ok", "reused")
RUNNING = ".running"
STEP_SECONDS = 0.1


def begin(folder: Path, told: dict[str, Any]) -> Path:
    """Make the working folder of a run and return it."""
    working = folder.with_name(folder.name + RUNNING)
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    write(
        working,
        {
            **told,
            "exit": "running",
            "pid": os.getpid(),
            "born": _born(os.getpid()),
            "host": platform.node(),
        },
    )
    return working


def write(folder: Path, told: dict[str, Any]) -> None:
    """Write a manifest whole or not at all."""
    places.put(folder / FILE, json.dumps(told, ensure_ascii=False, indent=1))


def close(working: Path, told: dict[str, Any]) -> Path:
    """Write the closing manifest and give the folder its name; return it.

    A failed run stands beside the last good one and never takes its place.
    """
    write(working, told)
    name = working.name.removesuffix(RUNNING)
    final = working.with_name(name if told["exit"] == "ok" else f"{name}_failed")
    old = final.with_name(final.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    working.rename(final)
    shutil.rmtree(old, ignore_errors=True)
    if told["exit"] == "ok":
        shutil.rmtree(final.with_name(f"{name}_failed"), ignore_errors=True)
    return final


def read(folder: Path) -> dict[str, Any] | None:
    """Return a folder's manifest, or None where there is none that can be read.

    A run that never closed and whose process is gone reads as `lost`.
    """
    try:
        told = json.loads((folder / FILE).read_text("utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    if told["exit"] == "running" and not _alive(told):
        told["exit"] = "lost"
    return {**told, "folder": str(folder.relative_to(places.reports()))}


def of_notebook(company: str, name: str) -> list[dict[str, Any]]:
    """Return the manifests of a notebook, newest first."""
    home = places.reports(company) / name
    found = [m for p in sorted(home.glob("*")) if p.is_dir() and (m := read(p))]
    return sorted(found, key=order, reverse=True)


def order(told: dict[str, Any]) -> tuple[int, str]:
    """Return what later runs have more of: batches are counted, so no clock decides."""
    return told.get("turn", 0), told.get("started", "")


def standing(runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the good run that stands as a notebook's answer, or None.

    It is the one that knows the latest day; of those the latest run.
    """
    good = [m for m in runs if m["exit"] == "ok" and not m.get("pruned")]
    return max(good, key=lambda m: (m["day"], order(m)), default=None)


@contextlib.contextmanager
def alone(
    name: str, *, wait: bool = True, stop: threading.Event | None = None
) -> Iterator[bool]:
    """Hold a lock of this name among all processes; it ends with its holder.

    Args:
        name: The lock's name.
        wait: Whether to wait for it; without, what is yielded says whether it is held.
        stop: Ends the wait when it is set; what is yielded says whether it is held.
    """
    place = places.root() / ".cache" / "locks" / f"{name}.lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as lock:
        held, how = False, 0 if wait and stop is None else fcntl.LOCK_NB
        while not held:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | how)
                held = True
            except BlockingIOError:
                if stop is None or stop.wait(STEP_SECONDS):
                    break
        yield held


def finding_of(book: dict[str, Any]) -> dict[str, Any] | None:
    """Return the finding that hangs on an output of an executed notebook."""
    for cell in book["cells"]:
        for output in cell.get("outputs", []):
            hung = output.get("metadata", {}).get("opslib", {})
            if hung.get("kind") == "finding":
                return hung["data"]
    return None


def _alive(told: dict[str, Any]) -> bool:
    """Return whether the very process that began a run still runs.

    Of another machine's process only the lock of its run can be seen.
    """
    if told.get("host", platform.node()) != platform.node():
        with alone(f"{told['company']}-{told['key']}", wait=False) as free:
            return not free
    now = _born(told.get("pid", 0))
    return bool(now) and now == told.get("born", now)


def _born(pid: int) -> str:
    """Return when a process began, as the system counts; empty once it has ended."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return "" if words[0] in "ZX" else words[19]
    return ""
