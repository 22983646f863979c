"""This module owns reading a delivery: any file or database, as columns of text.

Each reader puts the delivery into `stage.raw` of the building warehouse, every row
numbered as it stands in the file, so that an error can name its row.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import zipfile
from typing import TYPE_CHECKING, Any

import duckdb

from opslib.errors import ContractError
from opslib.words import catalogue

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

say = catalogue(__package__ or "opslib.warehouse")
_ENCODINGS = ("utf-8-sig", "gb18030", "cp1252")
_TOTALS = ("合计", "总计", "小计", "total", "sum", "subtotal", "grand total", "gesamt")
_BOMB = 200


def fingerprint(path: Path) -> str:
    """Return an id of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def stage(
    connection: duckdb.DuckDBPyConnection, path: Path, read: dict[str, Any]
) -> list[str]:
    """Put a file into `stage.raw` and return its column names.

    Args:
        connection: The building warehouse.
        path: CSV, Parquet, Excel or JSON-lines file.
        read: `encoding`, `separator`, `sheet` where not to be guessed.

    Raises:
        ContractError: The file cannot be read; names the file and the way out.
    """
    readers = {
        ".parquet": _parquet, ".csv": _csv, ".txt": _csv, ".tsv": _csv,
        ".jsonl": _json, ".ndjson": _json, ".json": _json,
        ".xlsx": _excel, ".xlsm": _excel,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ContractError(
            say(
                "{file}: files of kind {kind} cannot be read; save it as Excel "
                "(.xlsx), CSV, Parquet or JSON lines",
                file=path.name,
                kind=path.suffix or "?",
            )
        )
    with contextlib.ExitStack() as after:
        try:
            relation = reader(connection, path, read, after)
            restage(connection, f"SELECT * FROM {relation}")
        except (duckdb.Error, UnicodeError, zipfile.BadZipFile, KeyError) as error:
            if "space" in str(error).lower() and isinstance(error, duckdb.IOException):
                raise
            what = re.split(r"\n|LINE \d", str(error))[0][:200]
            raise ContractError(
                say(
                    "{file} cannot be read: {what}; is it whole? Export it again",
                    file=path.name,
                    what=what,
                )
            ) from error
    return columns(connection)


def stage_query(
    connection: duckdb.DuckDBPyConnection, address: str, query: str
) -> list[str]:
    """Put what a database answers into `stage.raw` and return its column names.

    Args:
        connection: The building warehouse.
        address: SQLAlchemy address; `env:NAME` takes it from the environment.
        query: A query, or the name of a table.
    """
    import os

    import pandas as pd
    import sqlalchemy as sa

    if address.startswith("env:"):
        address = os.environ.get(address[4:], "")
    try:
        engine = sa.create_engine(address)
        asked = query if " " in query.strip() else f"SELECT * FROM {query}"
        with engine.connect().execution_options(stream_results=True) as link:
            parts = pd.read_sql_query(sa.text(asked), link, chunksize=200_000)
            first = True
            for part in parts:
                _append(connection, part, first=first)
                first = False
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        raise ContractError(
            say(
                "the database cannot be read: {what}; check the address and the query "
                "in company.toml",
                what=str(error).splitlines()[0][:200],
            )
        ) from error
    return columns(connection)


def restage(
    connection: duckdb.DuckDBPyConnection, sql: str, *, number: bool = True
) -> None:
    """Make `stage.raw` of a query; `_row` numbers its rows as they come.

    Args:
        connection: The building warehouse.
        sql: The query.
        number: Whether to number its rows; False: it hands `_row` on.
    """
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(f"CREATE OR REPLACE TABLE stage.delivered AS {sql}")
    connection.execute("SET preserve_insertion_order = false")
    row = "rowid + 1 AS _row, " if number else ""
    connection.execute(
        f"CREATE OR REPLACE VIEW stage.raw AS SELECT {row}* FROM stage.delivered"
    )


def columns(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the delivered columns of `stage.raw`."""
    found = connection.execute("DESCRIBE stage.raw").fetchall()
    return [name for name, *_ in found if name != "_row"]


def sheets(path: Path) -> dict[str, pd.DataFrame]:
    """Return an Excel file's sheets as frames of text, headings found, totals left in.

    Two header rows are joined, merged cells filled, empty rows and columns dropped.
    """
    import openpyxl

    _refuse_bomb(path)
    book = openpyxl.load_workbook(path, data_only=True)
    found = {}
    for sheet in book.worksheets:
        for merged in list(sheet.merged_cells.ranges):
            top = sheet.cell(merged.min_row, merged.min_col).value
            sheet.unmerge_cells(str(merged))
            for row in sheet[merged.coord]:
                for cell in row:
                    cell.value = top
        rows = [[_plain(v) for v in row] for row in sheet.iter_rows(values_only=True)]
        rows = [row for row in rows if any(v != "" for v in row)]
        if rows:
            found[sheet.title] = _headed(rows)
    return found


def _parquet(
    connection: Any, path: Path, read: dict[str, Any], after: contextlib.ExitStack
) -> str:
    return f"read_parquet('{_quoted(path)}')"


def _csv(
    connection: Any, path: Path, read: dict[str, Any], after: contextlib.ExitStack
) -> str:
    encoding = read.get("encoding") or _encoding(path)
    if encoding not in ("utf-8", "utf-8-sig"):
        recoded = path.with_name(f".{path.name}.utf8")
        if not _writable(path.parent):
            import tempfile

            folder = after.enter_context(tempfile.TemporaryDirectory())
            recoded = type(path)(folder) / path.name
        after.callback(recoded.unlink, missing_ok=True)
        with (
            path.open(encoding=encoding, newline="") as old,
            recoded.open("w", encoding="utf-8", newline="") as new,
        ):
            while block := old.read(1 << 20):
                new.write(block)
        path = recoded
    separator = read.get("separator") or _separator(path)
    return (
        f"read_csv('{_quoted(path)}', all_varchar = true, header = true, "
        f"delim = '{separator}', quote = '\"', escape = '\"', sample_size = 20000, "
        "null_padding = true, strict_mode = false, nullstr = '')"
    )


def _json(
    connection: Any, path: Path, read: dict[str, Any], after: contextlib.ExitStack
) -> str:
    return f"read_json_auto('{_quoted(path)}', maximum_object_size = 16777216)"


def _excel(
    connection: Any, path: Path, read: dict[str, Any], after: contextlib.ExitStack
) -> str:
    import pandas as pd

    found = sheets(path)
    wanted = read.get("sheet")
    if wanted and wanted not in found:
        raise ContractError(
            say(
                "{file} has no sheet {wanted}; it has {sheets}",
                file=path.name,
                wanted=repr(wanted),
                sheets=", ".join(found),
            )
        )
    if not found:
        raise ContractError(
            say("{file} holds no rows; is it the right file?", file=path.name)
        )
    parts = [found[wanted]] if wanted else _alike(found)
    frame = pd.concat(parts, ignore_index=True).fillna("")
    if read.get("totals", "drop") == "drop":
        total = _is_total(frame)
        connection.register("_totals", frame[total].astype("string"))
        connection.execute("CREATE OR REPLACE TABLE stage.totals AS FROM _totals")
        connection.unregister("_totals")
        frame = frame[~total]
    connection.register("_sheet", frame.astype("string"))
    after.callback(connection.unregister, "_sheet")
    return "_sheet"


def _alike(found: dict[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """Join sheets with the same headings (a sheet for each month); name the sheet."""
    first = next(iter(found.values()))
    alike = {n: f for n, f in found.items() if list(f.columns) == list(first.columns)}
    if len(alike) == 1:
        return [first]
    return [f.assign(_sheet=n) for n, f in alike.items()]


def _is_total(frame: pd.DataFrame) -> pd.Series:
    """Find rows that add up others: a word like 合计 or Total, and gaps beside it."""
    text = frame.apply(lambda c: c.astype(str).str.strip().str.lower())
    named = text.isin(_TOTALS).any(axis=1)
    gaps = (text == "").sum(axis=1)
    usual = gaps[~named].median() if (~named).any() else 0
    return named & (gaps > usual)


def _headed(rows: list[list[str]]) -> pd.DataFrame:
    import pandas as pd

    width = max(len(r) for r in rows)
    rows = [r + [""] * (width - len(r)) for r in rows]
    start = 0
    while start < min(len(rows) - 1, 10) and len({v for v in rows[start] if v}) < max(
        2, min(3, width)
    ):
        start += 1
    heads, first = [v.strip() for v in rows[start]], start + 1
    if first < len(rows) - 1 and _looks_like_heading(heads, rows[first]):
        below = rows[first]
        heads = [
            f"{a} {b}".strip() if a != b else a
            for a, b in zip(heads, below, strict=True)
        ]
        first += 1
    names: list[str] = []
    for place, head in enumerate(heads):
        name = head or f"column {place + 1}"
        names.append(name if name not in names else f"{name} {place + 1}")
    frame = pd.DataFrame(rows[first:], columns=names)
    empty = [n for n in frame if (frame[n] == "").all() and n.startswith("column ")]
    return frame.drop(columns=empty)


def _looks_like_heading(heads: list[str], below: list[str]) -> bool:
    numbers = sum(
        bool(re.fullmatch(r"[￥¥$€£]?-?[\d.,]+[万%]?|\d{4}-.*", v)) for v in below
    )
    repeated = len({h for h in heads if h}) < len([h for h in heads if h])
    gaps = sum(not h for h in heads)
    return numbers == 0 and (repeated or gaps > 0) and sum(map(bool, below)) > 1


def _plain(value: Any) -> str:
    import datetime as dt

    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return (
            value.date().isoformat()
            if value.time() == dt.time()
            else value.isoformat(" ")
        )
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _refuse_bomb(path: Path) -> None:
    """Refuse a packed file that unpacks to absurd size."""
    with zipfile.ZipFile(path) as packed:
        parts = packed.infolist()
    size = sum(p.file_size for p in parts)
    packed_size = max(1, sum(p.compress_size for p in parts))
    if size > 2 << 30 or (size > 50 << 20 and size / packed_size > _BOMB):
        raise ContractError(
            say(
                "{file} unpacks to {size} MB from {packed} MB; it is refused as a "
                "packed bomb. Save the data as CSV or Parquet",
                file=path.name,
                size=str(size >> 20),
                packed=str(packed_size >> 20),
            )
        )


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(1 << 20)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if len(head) == 1 << 20:
        head = head[: head.rfind(b"\n") + 1] or head
    for encoding in _ENCODINGS:
        with contextlib.suppress(UnicodeDecodeError):
            text = head.decode(encoding)
            if encoding != "gb18030" or re.search(r"[\u4e00-\u9fff]{2}", text):
                return encoding
    return "latin-1"


def _separator(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.readline()
    return max(",;\t|", key=head.count)


def _append(connection: Any, part: pd.DataFrame, *, first: bool) -> None:
    connection.register("_part", part)
    if first:
        restage(connection, "SELECT * FROM _part")
    else:
        connection.execute("INSERT INTO stage.delivered SELECT * FROM _part")
    connection.unregister("_part")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _writable(folder: Path) -> bool:
    import os

    return os.access(folder, os.W_OK)
