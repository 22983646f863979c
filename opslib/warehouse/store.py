"""This module owns reading a warehouse: one day's knowledge, and nothing later.

A reader sees a table as it was known on a day: later rows are hidden, values that
became known later are blank, and a corrected row reads as it did then.
Marts are views over exactly these tables, so they cannot look ahead either.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from opslib import places
from opslib.errors import MissingDataError
from opslib.warehouse import access, tables
from opslib.words import catalogue

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

say = catalogue(__package__ or "opslib.warehouse")
FAR = dt.date(9999, 12, 31)


@dataclass(frozen=True)
class Store:
    """An open warehouse, read-only.

    Attributes:
        company: Whose warehouse it is, or the view of it that is read.
        connection: The connection to its file.
        scope: What of it may be seen, or None for all.
    """

    company: str
    connection: duckdb.DuckDBPyConnection
    scope: access.Scope | None = None

    def read(
        self,
        name: str,
        *,
        as_of: dt.date | None = None,
        columns: list[str] | None = None,
    ) -> pd.DataFrame:
        """Return a table or mart as it was known on a day.

        Args:
            name: A table or a mart.
            as_of: The day; None for everything that is known now.
            columns: Columns wanted, or all.

        Raises:
            MissingDataError: There is no such table, mart or column.
        """
        views = tables.all_views()
        reads = self.reads(name)
        known = views[name].columns if name in views else _stored(name)
        for wanted in columns or []:
            if wanted not in known:
                raise MissingDataError(
                    say(
                        "{name} has no column {wanted}; it has {columns}",
                        name=name,
                        wanted=repr(wanted),
                        columns=", ".join(known),
                    )
                )
        for one in reads:
            self._made(_as_known(one, as_of or FAR, self.scope))
        chosen = ", ".join(f'"{c}"' for c in columns or known)
        source = f"({views[name].sql})" if name in views else f'"{name}"'
        frame = self.connection.execute(f"SELECT {chosen} FROM {source} AS t").df()
        return _typed(frame)

    def reads(self, name: str) -> tuple[str, ...]:
        """Return the tables that a table or mart is made of."""
        views = tables.all_views()
        return views[name].reads if name in views else (tables.table(name).name,)

    def rows(self, name: str) -> int:
        """Return how many rows of a table may be seen."""
        seen = self.scope.condition(name) if self.scope else "TRUE"
        sql = f"SELECT count(*) FROM house.{name} WHERE {seen}"
        found = self._made(sql).fetchone()
        return int(found[0]) if found else 0

    def _made(self, sql: str) -> Any:
        """Do what is asked of the file, or say that it was made by another opslib."""
        try:
            return self.connection.execute(sql)
        except (duckdb.CatalogException, duckdb.BinderException):
            raise MissingDataError(
                say(
                    "the warehouse of {company} was made by another opslib; "
                    "bring it up with {command}",
                    company=self.company,
                    command="opslib upgrade",
                )
            ) from None

    def last_complete_day(self) -> dt.date:
        """Return the last day of sales, or of any table where no sale was delivered."""
        stamp = read_stamp(self.company)
        days = {n: t["last_day"] for n, t in stamp["tables"].items() if t["last_day"]}
        last = days.get("sales_lines") or max(days.values(), default="")
        if not last:
            raise MissingDataError(
                say(
                    "the warehouse of {company} holds no dated row; "
                    "load a delivery with opslib load",
                    company=self.company,
                )
            )
        return dt.date.fromisoformat(last)

    def query(self, sql: str) -> pd.DataFrame:
        """Return what a query over the stored tables gives (for checks, not pages).

        Raises:
            MissingDataError: The reader sees only part of the company.
        """
        if self.scope is not None or "OPSLIB_VIEWS" in os.environ:
            raise MissingDataError(
                say("{view} is outside what you may see", view="SQL")
            )
        self.connection.execute("USE house")
        try:
            return self.connection.execute(sql).df()
        finally:
            self.connection.execute("USE memory")


@contextlib.contextmanager
def open_store(company: str) -> Iterator[Store]:
    """Open a company's warehouse to read; a load going on does not disturb it.

    One thread reads, so that sums of money come out the same to the last digit.

    Raises:
        MissingDataError: The company has no warehouse, or the reader may not see it.
    """
    scope = access.scope_of(company)
    path = places.warehouse(company)
    if not path.is_file():
        raise MissingDataError(
            say(
                "{company} has no warehouse; make it with {command}",
                company=company,
                command="opslib demo" if company == "demo" else "opslib start FILE",
            )
        )
    connection = duckdb.connect(config={"threads": 1, "memory_limit": "4GB"})
    try:
        file = str(path).replace("'", "''")
        # A slow query would else put a widget of its own on the page.
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"ATTACH '{file}' AS house (READ_ONLY)")
        yield Store(company, connection, scope)
    finally:
        connection.close()


def read_stamp(company: str) -> dict[str, Any]:
    """Return what a warehouse holds without opening it.

    Returns:
        `snapshot` (an id of this state) and for each table `rows`, `last_day`,
        `first_day` and `content` (an id of what was loaded), as far as the company's
        view may see them.
    """
    whole = _stamp(company)
    scope = access.scope_of(company)
    if scope is None or not whole["snapshot"]:
        return whole
    seen = _rows_seen(company, whole["snapshot"], scope.mark)
    return {**whole, "delivered": 0, "quarantined": 0, "tables": {t: _cut(told, seen[t], scope) for t, told in whole["tables"].items() if t in seen}}  # fmt: skip


def _cut(told: dict[str, Any], rows: int, scope: access.Scope) -> dict[str, Any]:
    days = {} if rows else {"first_day": "", "last_day": ""}
    return {**told, **days, "rows": rows, "content": f"{told['content']}@{scope.mark}"}


@functools.lru_cache(maxsize=64)
def _rows_seen(view: str, snapshot: str, mark: str) -> dict[str, int]:
    """Count what a view may see of each table, once for each state of the data."""
    with open_store(view) as store:
        return {t: store.rows(t) for t in tables.all_tables()}


def _stamp(company: str) -> dict[str, Any]:
    """Return the stamp of the whole warehouse."""
    house = places.warehouse(company)
    coming = house.with_suffix(".next.json")
    with contextlib.suppress(OSError, ValueError):
        told = json.loads(coming.read_text("utf-8"))
        if told["file"] == file_id(house):
            return told
    path = house.with_suffix(".json")
    if not path.is_file():
        return {"snapshot": "", "tables": {}}
    return json.loads(path.read_text("utf-8"))


def file_id(path: Path) -> list[int]:
    """Return what tells a file from the one that stood there before it."""
    told = path.stat()
    return [told.st_ino, told.st_size, told.st_mtime_ns]


def _stored(name: str) -> dict[str, Any]:
    return {c.name: c.label for c in tables.table(name).stored}


def _as_known(name: str, day: dt.date, scope: access.Scope | None) -> str:
    """Return SQL for a view in memory: what may be seen of what was known on a day."""
    table, at = tables.table(name), f"DATE '{day.isoformat()}'"
    chosen = ", ".join(_known_column(c, at) for c in table.stored)
    when = f' AND "{table.day}" <= {at}' if table.day else ""
    when += f" AND coalesce({table.since} <= {at}, TRUE)" if table.since else ""
    when += f" AND {scope.condition(name)}" if scope else ""
    return f"""
        CREATE OR REPLACE VIEW {name} AS
        SELECT {chosen} FROM house.{name} AS t
        WHERE (_known IS NULL OR _known <= {at}){when}
        UNION ALL
        SELECT {chosen} FROM house._history_{name} AS t
        WHERE (_known IS NULL OR _known <= {at}) AND _until > {at}{when}
    """


def _known_column(column: tables.Column, at: str) -> str:
    if not column.known:
        return f'"{column.name}"'
    return f'CASE WHEN "{column.known}" <= {at} THEN "{column.name}" END AS "{column.name}"'


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give days their pandas type also where every value is missing."""
    days = [c for c in frame if str(frame[c].dtype).startswith("datetime64")]
    return frame.astype(dict.fromkeys(days, "M8[ns]"))
