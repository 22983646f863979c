"""This module owns pruning: what a rule lets go, shown before anything is removed.

A run older than the rule is stripped to its manifest, so that its words can still be
scored and its actions followed; the standing answer of each question is never touched.
"""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opslib import checks, places
from opslib.runs import listing, manifest
from opslib.runs.keep import log, sources
from opslib.words import Text, catalogue, number

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.runs.keep")


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """One thing that a rule lets go.

    Attributes:
        path: The folder or file.
        kind: `strip` (all but the manifest), `broken` (a failed or lost run), `cache`,
            `code` (of runs that are gone) or `log`.
        size: Bytes that are freed.
    """

    path: Path
    kind: str
    size: int


def plan(company: str, *, days: int = 90) -> list[Leaving]:
    """Return what may go: whatever is older than so many days and stands for nothing.

    Args:
        company: Whose runs.
        days: Age in days up to which everything is kept.
    """
    checks.between(days, "days", low=0, high=36500)
    before = dt.datetime.now() - dt.timedelta(days=days)
    found = []
    for name in listing.entries():
        runs = manifest.of_notebook(company, name)
        standing = manifest.standing(runs)
        for told in runs[1:]:
            path = places.reports() / told["folder"]
            old = dt.datetime.fromisoformat(told["started"]) <= before
            kind = "strip" if told["exit"] == "ok" else "broken"
            size = _size(path, kind)
            if size and old and told is not standing and told["exit"] != "running":
                found.append(Leaving(path=path, kind=kind, size=size))
    gone = {[*o.path.name.split("_"), ""][1] for o in found}
    files = [
        ("code", p)
        for p in sources.unused(company, gone)
        if p.stat().st_mtime <= before.timestamp()
    ]
    files += [
        ("cache", p)
        for p in sorted((places.root() / ".cache" / "once").glob("*"))
        if p.stat().st_atime <= before.timestamp() and p.is_file()
    ]
    files += [("log", p) for p in log.old(days)]
    return found + [Leaving(path=p, kind=k, size=p.stat().st_size) for k, p in files]


def prune(leaving: list[Leaving]) -> int:
    """Remove what a plan lists and return the bytes freed."""
    for one in leaving:
        if one.kind == "strip":
            told = manifest.read(one.path)
            if told:
                manifest.write(one.path, {**told, "pruned": True})
                for file in one.path.iterdir():
                    if file.name != manifest.FILE:
                        file.unlink() if file.is_file() else shutil.rmtree(file)
        elif one.kind == "broken":
            shutil.rmtree(one.path, ignore_errors=True)
        else:
            one.path.unlink(missing_ok=True)
    return sum(one.size for one in leaving)


def told(leaving: list[Leaving]) -> Text:
    """Say in words what a plan lets go, by kind."""
    names = {
        "strip": say("old runs, of which the record stays"),
        "broken": say("failed or lost runs"),
        "cache": say("kept results of costly steps"),
        "code": say("code of runs that are gone"),
        "log": say("months of the log"),
    }
    lines = [
        say(
            "  {count} {what}: {size} MB",
            what=what,
            count=number(sum(o.kind == kind for o in leaving), 0),
            size=number(sum(o.size for o in leaving if o.kind == kind) / 1e6, 1),
        )
        for kind, what in names.items()
        if any(o.kind == kind for o in leaving)
    ] or [say("  nothing is old enough to go")]
    return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


def _size(path: Path, kind: str) -> int:
    return sum(
        f.stat().st_size
        for f in path.rglob("*")
        if f.is_file() and (kind != "strip" or f.name != manifest.FILE)
    )
