"""This module owns books of lines: JSON, only added to, whole after a crash.

Each line begins a new one, so that one cut short by a crash spoils no other.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from opslib.runs import manifest

if TYPE_CHECKING:
    from pathlib import Path


def add(path: Path, line: dict[str, Any]) -> None:
    """Add a line to a book, alone among all processes, and see it on the disk.

    Args:
        path: The book, in its company's folder.
        line: What to keep.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        manifest.alone(f"{path.parent.name}-{path.stem}"),
        path.open("a", encoding="utf-8") as book,
    ):
        book.write("\n" + json.dumps(line, ensure_ascii=False))
        book.flush()
        os.fsync(book.fileno())


def lines(path: Path) -> list[dict[str, Any]]:
    """Return a book's lines, oldest first; one cut short is passed over."""
    found = []
    for line in (
        path.read_text("utf-8", "replace").split("\n") if path.is_file() else []
    ):
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found
