"""This module owns changing a warehouse: built aside, swapped in, one at a time.

A killed build leaves the old warehouse whole: the new one gets its name only when
it is complete.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import duckdb

from opslib import places
from opslib.errors import ContractError
from opslib.warehouse import store, tables
from opslib.words import catalogue

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.warehouse")
_BOOKS = """
CREATE TABLE IF NOT EXISTS _deliveries (
    delivery INTEGER PRIMARY KEY, source VARCHAR, file VARCHAR, content VARCHAR,
    delivered DATE, loaded_at TIMESTAMP, row_count BIGINT, counts VARCHAR,
    control_column VARCHAR, control_total DOUBLE, control_found DOUBLE);
CREATE TABLE IF NOT EXISTS _set_aside (
    delivery INTEGER, source VARCHAR, kind VARCHAR, target VARCHAR, row_number BIGINT,
    reason_en VARCHAR, reason_zh VARCHAR, day DATE, content VARCHAR, until DATE);
CREATE TABLE IF NOT EXISTS _quality (
    checked DATE, name VARCHAR, measure VARCHAR, value DOUBLE);
"""


@contextlib.contextmanager
def rebuild(
    company: str, *, fresh: bool = False, clean: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a copy of a warehouse to change; on a clean end it becomes the warehouse.

    Args:
        company: Whose warehouse.
        fresh: Begin with an empty one instead of a copy.
        clean: Write the file anew, so that nothing deleted lingers in it.

    Raises:
        ContractError: Another load of this company is going on, or the disk is full.
    """
    path = places.warehouse(company)
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path):
        for left in path.parent.glob(f"{path.stem}.building*"):
            left.unlink(missing_ok=True)
        aside, stage = path.with_suffix(".building"), path.with_suffix(".building_in")
        try:
            if path.is_file() and not fresh:
                shutil.copyfile(path, aside)
            with _opened(aside, stage) as connection:
                yield connection
                stamp = _stamp(connection)
            if clean:
                _write_anew(aside)
            _sync(aside)
            _publish(aside, path, stamp)
        except (OSError, duckdb.IOException) as error:
            if "space" not in str(error).lower():
                raise
            raise ContractError(
                say(
                    "the disk is full while loading {company}; the old warehouse "
                    "stands unchanged; free space in data/warehouse and load again",
                    company=company,
                )
            ) from error
        finally:
            for left in path.parent.glob(f"{path.stem}.building*"):
                left.unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(aside: Path, stage: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(aside))
    try:
        connection.execute("SET memory_limit = '1500MB'")
        connection.execute("SET threads = 2")
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"SET temp_directory = '{stage}.spill'")
        connection.execute("ATTACH ':memory:' AS stage")
        connection.execute(_BOOKS)
        for table in tables.all_tables().values():
            columns = ", ".join(
                f'"{c.name}" {tables.SQL_TYPES[c.type]}' for c in table.stored
            )
            hidden = "_delivery INTEGER, _known DATE"
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}, {hidden});"
                f"CREATE TABLE IF NOT EXISTS _history_{table.name} "
                f"({columns}, {hidden}, _until DATE);"
            )
        _bring_up(connection)
        yield connection
        connection.execute("CHECKPOINT")
    finally:
        connection.close()
        shutil.rmtree(f"{stage}.spill", ignore_errors=True)


def contract() -> str:
    """Return an id of every table's columns and types: what a warehouse must hold."""
    told = {
        t.name: [(c.name, tables.SQL_TYPES[c.type]) for c in t.stored]
        for t in tables.all_tables().values()
    }
    return _hash([json.dumps(told, sort_keys=True)])


def _bring_up(connection: duckdb.DuckDBPyConnection) -> None:
    """Give tables of an older opslib the columns and types of the present contracts.

    A column that no contract names any more stays as it is.
    """
    held: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database()"
    ).fetchall():
        held.setdefault(table, {})[column] = kind
    for table in tables.all_tables().values():
        for place in (table.name, f"_history_{table.name}"):
            for column in table.stored:
                kind, has = tables.SQL_TYPES[column.type], held[place].get(column.name)
                if has is None:
                    connection.execute(
                        f'ALTER TABLE {place} ADD COLUMN "{column.name}" {kind}'
                    )
                elif has != kind:
                    connection.execute(
                        f'ALTER TABLE {place} ALTER "{column.name}" TYPE {kind}'
                    )


def _publish(aside: Path, path: Path, stamp: dict[str, object]) -> None:
    """Swap a warehouse in with its stamp: one killed between leaves no wrong pair.

    The coming stamp names its file; a reader takes it as soon as that file stands.
    """
    told, coming = path.with_suffix(".json"), path.with_suffix(".next.json")
    stamp = {**stamp, "file": store.file_id(aside)}
    places.put(coming, json.dumps(stamp, ensure_ascii=False))
    aside.replace(path)
    coming.replace(told)


def _write_anew(path: Path) -> None:
    """Copy what stands in a warehouse to a new file, without its freed blocks."""
    anew = path.with_suffix(".building_anew")
    old, new = (str(p).replace("'", "''") for p in (path, anew))
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{old}' AS old (READ_ONLY)")
        connection.execute(f"ATTACH '{new}' AS anew")
        connection.execute("COPY FROM DATABASE old TO anew")
    anew.replace(path)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the company's lock; a second load is refused, not queued."""
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ContractError(
                say(
                    "another load of {company} is going on; wait until it has ended",
                    company=path.stem,
                )
            ) from None
        yield


def _stamp(connection: duckdb.DuckDBPyConnection) -> dict[str, object]:
    """Summarise the state: what keys and the gallery need without the database."""
    loaded = connection.execute(
        "SELECT content, counts FROM _deliveries ORDER BY delivery"
    ).fetchall()
    told = {}
    for table in tables.all_tables().values():
        contents = [c for c, counts in loaded if f'"{table.name}"' in counts]
        since = table.since.replace("house.", "") or "NULL"
        span = (
            f'min("{table.day}"), max("{table.day}")'
            if table.day
            else f"min({since}), NULL"
        )
        rows, first, last = connection.execute(
            f"SELECT count(*), {span} FROM {table.name} AS t"
        ).fetchone() or (0, None, None)
        forgotten = connection.execute(
            "SELECT count(*) FROM _quality WHERE measure = 'forgotten'"
        ).fetchone() or (0,)
        told[table.name] = {
            "rows": rows,
            "first_day": str(first)[:10] if first else "",
            "last_day": str(last)[:10] if last else "",
            "content": _hash([*contents, str(rows), str(forgotten[0])]),
        }
    delivered, waiting = connection.execute(
        "SELECT (SELECT coalesce(sum(row_count), 0)::BIGINT FROM _deliveries), "
        "count(*) FROM _set_aside WHERE kind = 'quarantine' AND until IS NULL"
    ).fetchone() or (0, 0)
    return {
        "snapshot": _hash([c for c, _ in loaded]),
        "contract": contract(),
        "delivered": delivered,
        "quarantined": waiting,
        "built": dt.datetime.now().isoformat(timespec="seconds"),
        "tables": told,
    }


def _hash(words: list[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
