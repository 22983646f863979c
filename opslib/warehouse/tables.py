"""This module owns the tables' contracts: grain, columns, rules, ties, in words.

They are declared once, as data, in `contracts/*.yaml`; intake, readers, templates,
headings and checks all read them from here.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import yaml

from opslib.errors import MissingDataError
from opslib.words import Text, catalogue

say = catalogue(__package__ or "opslib.warehouse")
SQL_TYPES = {
    "text": "VARCHAR",
    "number": "DOUBLE",
    "money": "DOUBLE",
    "whole": "BIGINT",
    "day": "DATE",
    "moment": "TIMESTAMP",
    "flag": "BOOLEAN",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        name: Its name in the warehouse.
        type: One of `SQL_TYPES`.
        label: Its heading in both languages.
        unit: Unit of a number; money is in the company's currency.
        required: Whether every row must hold a value.
        personal: Whether it names a person and goes to the encrypted store.
        known: Day column of the row from which the value is known, or empty.
        also: Headings under which it is often delivered, in small letters.
    """

    name: str
    type: str
    label: Text
    unit: str = ""
    required: bool = False
    personal: bool = False
    known: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What must hold in every row.

    Attributes:
        sql: Condition that good rows meet.
        reason: What is wrong where it fails, in words.
    """

    sql: str
    reason: Text


@dataclass(frozen=True, kw_only=True)
class Tie:
    """Two sums that must be equal: the parts and the whole.

    Attributes:
        name: What ties, in words.
        left: Query of one number.
        right: Query of the number it must equal.
    """

    name: Text
    left: str
    right: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """The contract of a table.

    Attributes:
        name: Its name in the warehouse.
        grain: What one row is, in words.
        columns: Column name to column, in order.
        key: Columns that no two rows share, or none.
        day: Column that dates a row; later rows are hidden by `as_of`.
        since: SQL of the day from which a row without such a column is known, the row
            being `t`; a row for which it is missing counts as known.
        rules: What must hold in every row.
        ties: Sums that must agree.
        scope: Dimension to the condition that cuts the table to the values a reader may
            see; None: open to every reader; empty: closed to readers with a scope.
    """

    name: str
    grain: Text
    columns: dict[str, Column]
    key: tuple[str, ...] = ()
    day: str = ""
    since: str = ""
    rules: tuple[Rule, ...] = ()
    ties: tuple[Tie, ...] = ()
    scope: dict[str, str] | None = field(default_factory=dict)

    @property
    def stored(self) -> tuple[Column, ...]:
        """Columns that the warehouse holds: all but the personal ones."""
        return tuple(c for c in self.columns.values() if not c.personal)


@dataclass(frozen=True, kw_only=True)
class View:
    """The contract of a mart.

    Attributes:
        name: Its name.
        sql: The query, in SQL that other engines understand.
        grain: What one row is, in words.
        reads: Tables it reads.
        columns: Column name to heading.
    """

    name: str
    sql: str
    grain: Text
    reads: tuple[str, ...]
    columns: dict[str, Text]


@functools.cache
def all_tables() -> dict[str, Table]:
    """Return every table's contract by name."""
    found: dict[str, Table] = {}
    folder = resources.files(__package__) / "contracts"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        for name, told in yaml.safe_load(file.read_text("utf-8")).items():
            found[name] = _table(name, told)
    return found


@functools.cache
def all_views() -> dict[str, View]:
    """Return every mart's contract and query by name."""
    found: dict[str, View] = {}
    folder = resources.files(__package__) / "views"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            name = file.name.removesuffix(".yaml")
            told = yaml.safe_load(file.read_text("utf-8"))
            found[name] = View(
                name=name,
                sql=(folder / f"{name}.sql").read_text("utf-8").rstrip().rstrip(";"),
                grain=Text(**told["grain"]),
                reads=tuple(told["reads"]),
                columns={k: Text(**v) for k, v in told["columns"].items()},
            )
    return found


def table(name: str) -> Table:
    """Return a table's contract.

    Raises:
        MissingDataError: There is no such table.

    Example:
        >>> table("sales_lines").day
        'day'
    """
    tables = all_tables()
    if name not in tables:
        raise MissingDataError(
            say(
                "there is no table {name}; the tables are {names}",
                name=repr(name),
                names=", ".join(sorted(tables)),
            )
        )
    return tables[name]


def _table(name: str, told: dict[str, Any]) -> Table:
    return Table(
        name=name,
        grain=Text(**told["grain"]),
        key=tuple(told.get("key", ())),
        day=told.get("day", ""),
        since=told.get("since", ""),
        scope=None if told.get("scope") == "open" else told.get("scope", {}),
        columns={k: _column(k, v) for k, v in told["columns"].items()},
        rules=tuple(
            Rule(sql=r["sql"], reason=Text(r["en"], r["zh"]))
            for r in told.get("rules", ())
        ),
        ties=tuple(
            Tie(name=Text(t["name"], t["zh"]), left=t["left"], right=t["right"])
            for t in told.get("ties", ())
        ),
    )


def _column(name: str, told: dict[str, Any]) -> Column:
    return Column(
        name=name,
        type=told["type"],
        label=Text(told["en"], told["zh"]),
        unit=told.get("unit", ""),
        required=told.get("required", False),
        personal=told.get("personal", False),
        known=told.get("known", ""),
        also=tuple(str(a).lower() for a in told.get("also", ())),
    )
