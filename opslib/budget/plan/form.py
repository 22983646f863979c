"""This module owns the workbook that departments fill in, and what came back of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opslib import words
from opslib.budget.plan import tree
from opslib.words import catalogue

if TYPE_CHECKING:
    from opslib.budget.plan.draft import Draft

say = catalogue(__package__ or "opslib.budget.plan")
_TOP, _KEYS = 3, 4  # rows above the first line, columns before the first month


def workbook(made: Draft, language: str) -> bytes:
    """Return an Excel file with a sheet for each department.

    A sheet holds lines down and months across. Amounts can be edited; quarters, years,
    totals and what was sent out are locked formulas and numbers, and the difference to
    what was sent shows at once. The version's name stands once, on the first sheet.

    Args:
        made: The draft.
        language: `en` or `zh`.
    """
    import xlsxwriter

    target, grids = io.BytesIO(), _grids(made)
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    forms = {
        "head": book.add_format({"bold": True, "bottom": 1, "bg_color": "#dcebf7"}),
        "free": book.add_format({"num_format": "#,##0.00", "locked": False}),
        "sum": book.add_format({"num_format": "#,##0.00", "bg_color": "#f2f2f2"}),
        "name": book.add_format({"bold": True, "locked": False, "bottom": 1}),
        "off": book.add_format({"bg_color": "#f8d7da"}),
    }
    first = _sheet_name(next(iter(grids)))
    for department, grid in grids.items():
        sheet = book.add_worksheet(_sheet_name(department))
        where = "B1" if sheet.name == first else f"'{first}'!$B$1"
        _fill(sheet, grid, made, where, forms, language)
    about = book.add_worksheet(say("How to load").in_language(language)[:31])
    for row, line in enumerate(_load_lines(made, language)):
        about.write_string(row, 0, line)
    about.protect()
    book.close()
    return target.getvalue()


def mapping(made: Draft, language: str) -> dict[str, Any]:
    """Return the mapping by which the workbook is loaded back, as plain data.

    Args:
        made: The draft that was sent out.
        language: Language of the workbook.
    """
    heads = _heads(made, language)
    months = [h for h in heads if h[:4].isdigit()]
    names = ("version", "line", "kind", "department")
    columns = dict(zip(names, heads[:_KEYS], strict=True))
    keep = [*(h for h in heads if h not in months), "_sheet"]
    return {
        "source": "budget_form",
        "unpivot": {"keep": keep, "names": "month", "values": "amount"},
        "rows": [
            {
                "to": "budget_lines",
                "columns": columns | {"month": "month", "amount": "amount"},
            }
        ],
    }


def changes(made: Draft, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the workbook's cells whose amount came back changed, the largest first.

    Args:
        made: The draft that was sent out.
        cells: What came back: line, kind, department, month, amount.

    Returns:
        One row a changed cell: cell (as `Sales!F7`), line, kind, department, month,
        quarter, sent, came, change (money).
    """
    key = [*tree.KEY, "month"]
    came = cells.assign(month=pd.to_datetime(cells["month"])).groupby(key)["amount"]
    both = made.cells.set_index(key)["amount"].rename("sent").to_frame()
    both = both.assign(came=came.sum()).fillna({"came": 0.0})
    both = both.assign(change=(both["came"] - both["sent"]).round(2))
    both = both[both["change"] != 0].reset_index()
    places = {
        (*row.Index, m): f"{_sheet_name(department)}!{_column(m.month)}{at}"
        for department, grid in _grids(made).items()
        for at, row in enumerate(grid.itertuples(), _TOP + 1)
        for m in grid.columns
    }
    named = [places[tuple(row)] for row in both[key].itertuples(index=False)]
    frame = both.assign(cell=named, quarter=both["month"].dt.quarter)
    order = frame["change"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def blame(ties: pd.DataFrame, changed: pd.DataFrame) -> pd.DataFrame:
    """Return the sums with the cells that moved each one that no longer ties.

    Args:
        ties: As `tree.ties`.
        changed: As `changes`.

    Returns:
        The ties and `cells`, the names of up to three cells, empty where a sum ties.
    """
    names = []
    for row in ties.itertuples():
        mine = np.full(len(changed), not row.tied)
        for level in ("kind", "department", "quarter"):
            wanted = getattr(row, level, None)
            if pd.notna(wanted):
                mine &= (changed[level] == wanted).to_numpy()
        names.append(", ".join(changed.loc[mine, "cell"].head(3)))
    return ties.assign(cells=names)


def _grids(made: Draft) -> dict[str, pd.DataFrame]:
    """Return each department's lines x months, sales first."""
    cells = made.cells.assign(order=made.cells["kind"] != "revenue")
    return {
        str(department): part.sort_values(["order", "line"], kind="stable")
        .pivot_table(
            index=tree.KEY, columns="month", values="amount", aggfunc="sum", sort=False
        )
        .sort_index(axis=1)
        for department, part in cells.groupby("department")
    }


def _heads(made: Draft, language: str) -> list[str]:
    months = sorted(pd.to_datetime(made.cells["month"]).unique())
    across = [
        h
        for q in range(4)
        for h in (*(f"{m:%Y-%m}" for m in months[3 * q : 3 * q + 3]), f"Q{q + 1}")
    ]
    names = [say("Version"), say("Line"), say("Kind"), say("Department")]
    ends = [say("Year"), say("Sent out"), say("Difference")]
    texts = [[t.in_language(language) for t in part] for part in (names, ends)]
    return [*texts[0], *across, *texts[1]]


def _fill(
    sheet: Any,
    grid: pd.DataFrame,
    made: Draft,
    version: str,
    forms: dict,
    language: str,
) -> None:
    name = made.cells["version"].iloc[0]
    heads, last = _heads(made, language), _TOP + len(grid)
    sheet.write_string(0, 0, heads[0], forms["head"])
    if version == "B1":
        sheet.write_string(0, 1, name, forms["name"])
    else:
        sheet.write_formula(0, 1, f"={version}", forms["head"], name)
    sheet.write_row(_TOP - 1, 0, heads, forms["head"])
    for at, (key, amounts) in enumerate(grid.iterrows(), _TOP):
        sheet.write_formula(at, 0, "=$B$1", None, name)
        for place, value in enumerate(key, 1):
            sheet.write_string(at, place, str(value))
        _sums(sheet, at, amounts.to_numpy(float), forms, free=True)
    spent = grid[grid.index.get_level_values("kind") != "revenue"].sum()
    sheet.write_string(last, 1, say("Total").in_language(language), forms["head"])
    kinds = f"$C${_TOP + 1}:$C${last}"
    for column, value in enumerate(_across(spent.to_numpy(float)), _KEYS):
        letter = _letter(column)
        mine = f"{letter}${_TOP + 1}:{letter}${last}"
        sheet.write_formula(
            last, column, f'=SUMIF({kinds},"<>revenue",{mine})', forms["sum"], value
        )
    sheet.conditional_format(
        _TOP, _KEYS + 18, last - 1, _KEYS + 18,
        {"type": "cell", "criteria": "!=", "value": 0, "format": forms["off"]},
    )  # fmt: skip
    sheet.freeze_panes(_TOP, _KEYS)
    sheet.set_column(0, _KEYS + 18, 13)
    sheet.protect()


def _sums(sheet: Any, at: int, amounts: np.ndarray, forms: dict, *, free: bool) -> None:
    row, values = at + 1, _across(amounts)
    for month in range(12):
        column = _KEYS + month + month // 3
        sheet.write_number(at, column, amounts[month], forms["free" if free else "sum"])
    quarters = [_KEYS + 3 + 4 * q for q in range(4)]
    for column in quarters:
        span = f"{_letter(column - 3)}{row}:{_letter(column - 1)}{row}"
        sheet.write_formula(
            at, column, f"=SUM({span})", forms["sum"], values[column - _KEYS]
        )
    year, plus = _KEYS + 16, "+".join(f"{_letter(c)}{row}" for c in quarters)
    sheet.write_formula(at, year, f"={plus}", forms["sum"], values[-1])
    sheet.write_number(at, year + 1, values[-1], forms["sum"])
    off = f"=ROUND({_letter(year)}{row}-{_letter(year + 1)}{row},2)"
    sheet.write_formula(at, year + 2, off, forms["sum"], 0)


def _across(amounts: np.ndarray) -> list[float]:
    """Return months, each three followed by their quarter, and the year."""
    found: list[float] = []
    for q in range(4):
        part = amounts[3 * q : 3 * q + 3]
        found += [*map(float, part), round(float(part.sum()), 2)]
    return [*found, round(float(amounts.sum()), 2)]


def _letter(column: int) -> str:
    from xlsxwriter.utility import xl_col_to_name

    return str(xl_col_to_name(column))


def _column(month: int) -> str:
    return _letter(_KEYS + month - 1 + (month - 1) // 3)


def _sheet_name(department: str) -> str:
    return "".join("-" if c in "[]:*?/\\'" else c for c in department)[:31]


def _load_lines(made: Draft, language: str) -> list[str]:
    import yaml

    told = [
        say(
            "Edit amounts, give the version a new name in {cell}, save the file into the company's folder of raw data as budget_form.xlsx.",
            cell="B1",
        ),
        say("Keep the lines below as its mapping, name the source, and load."),
    ]
    text = yaml.safe_dump(
        mapping(made, language), allow_unicode=True, sort_keys=False, width=1000
    )
    return [
        *(words.text(t).in_language(language) for t in told),
        "",
        *text.splitlines(),
    ]
