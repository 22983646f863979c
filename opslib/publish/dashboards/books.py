"""This module owns the notebook that a live page runs: its values set, its rest left out."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import nbformat

from opslib.runs import kernels

if TYPE_CHECKING:
    from pathlib import Path


def book_of(path: Path, values: dict[str, Any], *, fresh: bool) -> Any:
    """Return the notebook to be run: parameters set, and without what is not needed.

    Args:
        path: The notebook.
        values: Every parameter's value.
        fresh: Whether its report answers the present data; then only the what-if is
            run, and before it the lines that it needs.
    """
    book = nbformat.read(path, as_version=4)
    cells = []
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        if "lab-only" in tags:
            continue
        cells.append(cell)
        if "parameters" in tags:
            lines = [f"{name} = {value!r}" for name, value in values.items()]
            cells.append(nbformat.v4.new_code_cell("\n".join(lines)))
    book.cells = _what_ifs(cells) if fresh else cells
    book.metadata["kernelspec"] = {
        "name": kernels.NAME,
        "language": "python",
        "display_name": kernels.NAME,
    }
    return book


def asks_what_if(cell: Any) -> bool:
    """Return whether a cell shows sliders."""
    return cell.cell_type == "code" and ".what_if(" in cell.source


def _what_ifs(cells: list[Any]) -> list[Any]:
    """Return the cells with sliders, each with the lines that its names come from.

    Goes back from the last line: one stays if it is a what-if, an import, or gives a
    value to a name that a later line which stays reads. Lines that only show something
    go, which is all that lines without a name do in a notebook here.
    """
    wanted: set[str] = set()
    found: list[Any] = []
    for cell in reversed(cells):
        source = cell.source
        if asks_what_if(cell):
            found.insert(0, cell)
            cell.source = ""
        code = found and cell.cell_type == "code"
        for line in reversed(ast.parse(source).body if code else []):
            told = ast.get_source_segment(source, line) or ""
            bound = isinstance(line, (ast.Import, ast.ImportFrom))
            if bound or _given(line) & wanted or ".what_if(" in told:
                names = [n for n in ast.walk(line) if isinstance(n, ast.Name)]
                wanted |= {n.id for n in names if isinstance(n.ctx, ast.Load)}
                found[0].source = f"{told}\n{found[0].source}".rstrip()
    return found


def _given(line: ast.stmt) -> set[str]:
    """Return the names that a line gives a value to, or changes a part of."""
    if isinstance(line, (ast.FunctionDef, ast.ClassDef)):
        return {line.name}
    found = set()
    for part in ast.walk(line):
        if not isinstance(getattr(part, "ctx", None), ast.Store):
            continue
        while isinstance(part, (ast.Attribute, ast.Subscript, ast.Starred)):
            part = part.value
        if isinstance(part, ast.Name):
            found.add(part.id)
    return found
