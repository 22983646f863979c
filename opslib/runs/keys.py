"""This module owns the key of a run: the same key means the same answer.

A key is made of the notebook, its parameters, the company, the source of opslib with
the lock file, and the content of the tables that the notebook may read.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opslib import places

if TYPE_CHECKING:
    from opslib.runs.listing import Entry

PAGE_MARK = "page.made_by"
_KINDS = {".py", ".sql", ".yaml", ".po"}


@functools.cache
def source_hash() -> str:
    """Return an id of the source that makes answers and of the exact versions it runs on.

    What only shows kept answers (`publish`) is left out: a new page needs no new run.
    """
    home = Path(__file__).resolve().parents[1]
    files = sorted(
        p
        for p in home.rglob("*")
        if p.suffix in _KINDS and home / "publish" not in p.parents
    )
    digest = _hash_of(files, home)
    lock = home.parent / "requirements.lock"
    if lock.is_file():
        digest.update(lock.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def page_hash() -> str:
    """Return an id of the source that makes pages of kept answers."""
    home = Path(__file__).resolve().parents[1]
    folders = [home / "publish", home / "show"]
    files = sorted(p for f in folders for p in f.rglob("*") if p.is_file())
    return _hash_of([p for p in files if p.suffix != ".pyc"], home).hexdigest()[:16]


def pages_are_fresh(company: str) -> bool:
    """Return whether a company's pages were made by the present source."""
    mark = places.reports(company) / PAGE_MARK
    return mark.is_file() and mark.read_text() == page_hash()


def mark_pages(company: str) -> None:
    """Note that a company's pages were made by the present source."""
    places.reports(company).mkdir(parents=True, exist_ok=True)
    (places.reports(company) / PAGE_MARK).write_text(page_hash())


def run_key(
    entry: Entry, values: dict[str, Any], company: str, stamp: dict[str, Any]
) -> str:
    """Return the key of a run.

    Args:
        entry: The notebook.
        values: Every parameter's resolved value.
        company: Whose data it reads.
        stamp: The warehouse's stamp.
    """
    book = json.loads(entry.path.read_text("utf-8"))
    cells = [(c["cell_type"], c["source"], c["metadata"]) for c in book["cells"]]
    tables = {t: stamp["tables"].get(t, {}).get("content", "") for t in entry.tables}
    told = [cells, values, company, source_hash(), tables]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def demo_is_fresh(warehouse: Path) -> bool:
    """Return whether the demonstration company was made by the present source."""
    mark = warehouse.with_suffix(".made_by")
    return warehouse.is_file() and mark.is_file() and mark.read_text() == demo_hash()


def mark_demo(warehouse: Path) -> None:
    """Note that the demonstration company was made by the present source."""
    warehouse.with_suffix(".made_by").write_text(demo_hash())


def demo_hash() -> str:
    """Return an id of the source that makes and stores the demonstration company."""
    home = Path(__file__).resolve().parents[1]
    files = [
        p
        for folder in ("demo", "warehouse")
        for p in sorted((home / folder).rglob("*"))
        if p.suffix in _KINDS - {".sql", ".po"}
    ]
    return _hash_of(files, home).hexdigest()[:16]


def report_folder(company: str, entry: Entry, day: str, key: str) -> Path:
    """Return the folder of a run."""
    return places.reports(company) / entry.name / f"{day}_{key}"


def _hash_of(files: list[Path], home: Path) -> Any:
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(home)).encode())
        digest.update(file.read_bytes())
    return digest
