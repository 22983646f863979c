"""This module owns the empty Excel forms: one for each table, in either language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opslib.warehouse import tables
from opslib.words import catalogue

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.warehouse")


def write(name: str, path: Path, language: str = "en") -> Path:
    """Write a table's empty form: its headings, and a sheet that explains them.

    Args:
        name: A table.
        path: Where the file goes.
        language: `en` or `zh`.

    Raises:
        MissingDataError: There is no such table.
    """
    import xlsxwriter

    table = tables.table(name)
    book = xlsxwriter.Workbook(str(path))
    must = book.add_format({"bold": True, "bg_color": "#dcebf7", "bottom": 1})
    may = book.add_format({"bold": True, "bottom": 1})
    sheet = book.add_worksheet(name[:31])
    about = book.add_worksheet(say("about").in_language(language))
    heads = [say("Heading"), say("Kind"), say("Unit"), say("Needed")]
    about.write_string(0, 0, table.grain.in_language(language))
    about.write_row(2, 0, [h.in_language(language) for h in heads], may)
    for at, column in enumerate(table.columns.values()):
        label = column.label.in_language(language)
        sheet.write_string(0, at, label, must if column.required else may)
        needed = say("yes") if column.required else say("if known")
        row = [
            label,
            _kind(column.type).in_language(language),
            column.unit,
            needed.in_language(language),
        ]
        about.write_row(3 + at, 0, row)
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(table.columns) - 1, 18)
    about.set_column(0, 3, 22)
    book.close()
    return path


def _kind(name: str) -> tables.Text:
    return {
        "text": say("text"), "number": say("number"), "money": say("money"),
        "whole": say("whole number"), "day": say("day, such as 2026-03-02"),
        "moment": say("time"), "flag": say("yes or no"),
    }[name]  # fmt: skip
