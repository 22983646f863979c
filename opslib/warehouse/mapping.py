"""This module owns mapping files: how a delivery's columns become a table's.

A mapping is YAML. `rows` says, in order, where rows go: the first entry whose `when`
holds takes the row, to a table (`to`) or aside (`aside`). A column of a table is

    item: StockCode                             a column, renamed and cast
    item: {from: Code, split: "-", part: 1}     a part of it
    kind: {from: Type, lookup: {A: shop}}       a lookup; what is not in it is kept
    place: {constant: online}                   always the same
    amount: {sql: "Quantity * Price"}           any expression over delivered columns
"""

from __future__ import annotations

import datetime as dt
import difflib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml

from opslib import places
from opslib.errors import ContractError
from opslib.warehouse import tables
from opslib.words import catalogue

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.warehouse")
_KEYS = {
    "source", "files", "read", "let", "rows", "also", "repeats", "replace",
    "delivered", "control", "unpivot", "owner", "join",
}  # fmt: skip
_FORMS = {"from", "constant", "sql", "split", "part", "lookup", "else", "cast"}
_DATES = (
    "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%Y%m%d", "%Y年%m月%d日", "%Y-%m", "%Y/%m",
    "%Y年%m月", "%d/%m/%Y", "%d %b %Y", "%b %d, %Y", "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where some of a delivery's rows go.

    Attributes:
        when: Condition over delivered columns, or empty for every row.
        to: Table, or empty when the rows are set aside.
        aside: Why they are set aside, in words (`{en:, zh:}`), or None.
        columns: Column of the table to the form it is made by.
    """

    when: str = ""
    to: str = ""
    aside: dict[str, str] | None = None
    columns: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """A validated mapping file.

    Attributes:
        source: Name of the source; deliveries of one source may replace each other.
        files: Path or pattern of the delivered files.
        read: How to read them (`encoding`, `separator`, `decimal`, `sheet`, ...).
        let: Helper columns: name to expression.
        rows: Where rows go, in order.
        also: Tables made of all rows, one row for each key (products, customers).
        options: `repeats`, `replace`, `delivered`, `control`, `unpivot`, `join`.
        decimal: Decimal mark of numbers written as text.
    """

    source: str
    files: str = ""
    read: dict[str, Any] = field(default_factory=dict)
    let: dict[str, str] = field(default_factory=dict)
    rows: tuple[Route, ...] = ()
    also: tuple[Route, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    decimal: str = "."

    @property
    def delivered(self) -> dt.date:
        """The day on which the delivery came."""
        told = self.options.get("delivered")
        return dt.date.fromisoformat(str(told)) if told else dt.date.today()


def read(path: Path) -> Mapping:
    """Return the mapping in a file.

    Raises:
        ContractError: One sentence that gathers everything that is wrong with it.
    """
    try:
        told = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ContractError(
            say("mapping {file}: {what}", file=path.name, what=str(error))
        ) from None
    return parse(told or {}, path.name)


def identity(table: str, source: str = "") -> Mapping:
    """Return the mapping of a file that carries a table's own column names."""
    columns = {c: c for c in tables.table(table).columns}
    return Mapping(
        source=source or table,
        rows=(Route(to=table, columns=columns),),
        options={"own_names": True},
    )


def only_delivered(mapping: Mapping, delivered: list[str]) -> Mapping:
    """Return a mapping by own names or headings, without what was not delivered."""
    if not mapping.options.get("own_names"):
        return mapping
    columns = tables.table(mapping.rows[0].to).columns.values()
    called = {
        c.name: [n for n in (c.name, c.label.en, c.label.zh) if n in delivered]
        for c in columns
    }
    needed = {c.name for c in columns if c.required}
    kept = {c: (n or [c])[0] for c, n in called.items() if n or c in needed}
    return replace(mapping, rows=(replace(mapping.rows[0], columns=kept),))


def parse(told: dict[str, Any], name: str) -> Mapping:
    """Return a mapping from plain data, or refuse it with all that is wrong."""
    wrong = [
        say(
            "{word} means nothing here; it may be {known}",
            word=repr(w),
            known=_near(w, _KEYS),
        )
        for w in told
        if w not in _KEYS
    ]
    rows = [_route(r, wrong) for r in told.get("rows", [])]
    also = [_route(r, wrong) for r in told.get("also", [])]
    if not told.get("source"):
        wrong.append(say("it has no source; write source: and a name"))
    if not rows and not also:
        wrong.append(say("it has no rows; write rows: with a table to send them to"))
    if wrong:
        raise ContractError(
            say("mapping {file}: {what}", file=name, what=words_joined(wrong))
        )
    options = {
        k: told[k]
        for k in ("repeats", "replace", "delivered", "control", "unpivot", "join")
        if k in told
    }
    return Mapping(
        source=str(told["source"]),
        files=str(told.get("files", "")).replace("{shared}", str(places.shared())),
        read=told.get("read", {}),
        let=told.get("let", {}),
        rows=tuple(rows),
        also=tuple(also),
        options=options,
        decimal=str(told.get("read", {}).get("decimal", ".")),
    )


def words_joined(texts: list[Any]) -> Any:
    """Join sentences with semicolons in both languages."""
    from opslib.words import Text, text

    both = [text(t) for t in texts]
    return Text("; ".join(t.en for t in both), "；".join(t.zh for t in both))


def check_columns(mapping: Mapping, delivered: list[str], file: str) -> None:
    """Refuse a mapping that names columns which the file does not have.

    Raises:
        ContractError: Names the file, each missing column and the nearest one there.
    """
    have = {*delivered, *mapping.let}
    missing: list[Any] = []
    for route in (*mapping.rows, *mapping.also):
        for target, form in route.columns.items():
            wanted = form if isinstance(form, str) else form.get("from")
            if wanted and wanted not in have:
                missing.append(
                    say(
                        "column {wanted} (for {target}) is not there; nearest: {near}",
                        wanted=repr(wanted),
                        target=target,
                        near=_near(wanted, have),
                    )
                )
    if missing:
        raise ContractError(
            say("{file}: {what}", file=file, what=words_joined(missing[:6]))
        )


def expression(form: Any, column: tables.Column, decimal: str) -> tuple[str, str]:
    """Return SQL for a column's value and for the delivered text it was made of."""
    told = {"from": form} if isinstance(form, str) else dict(form)
    if "constant" in told:
        raw = _literal(told["constant"])
    elif "sql" in told:
        raw = f"({told['sql']})"
    else:
        raw = f'"{told["from"]}"'
    if "split" in told:
        raw = f"split_part(CAST({raw} AS VARCHAR), {_literal(told['split'])}, {int(told.get('part', 1))})"
    if "lookup" in told:
        pairs = " ".join(
            f"WHEN {_literal(str(k))} THEN {_literal(v)}"
            for k, v in told["lookup"].items()
        )
        other = _literal(told["else"]) if "else" in told else raw
        raw = f"CASE CAST({raw} AS VARCHAR) {pairs} ELSE {other} END"
    return cast(raw, column.type, decimal), raw


def cast(raw: str, kind: str, decimal: str = ".") -> str:
    """Return SQL that reads a delivered value as a type, NULL where it cannot."""
    plain = f"CAST({raw} AS VARCHAR)"
    text = f"trim({plain})"
    filled = f"nullif({text}, '')"
    if kind == "text":
        whole = f"regexp_replace({text}, '^(\\d+)\\.0$', '\\1')"
        return f"CASE WHEN {text} LIKE '%.0' THEN {whole} ELSE {filled} END"
    if kind in ("number", "money"):
        loose = _loose_number(filled, decimal)
        quick = f"TRY_CAST({plain} AS DOUBLE)"
        # A CASE, not coalesce: the engine would work the loose form out for all rows.
        return (
            f"CASE WHEN {quick} IS NOT NULL THEN {quick} ELSE {loose} END"
            if decimal == "."
            else loose
        )
    if kind == "whole":
        number = cast(raw, "number", decimal)
        return f"CASE WHEN {number} = round({number}) THEN CAST({number} AS BIGINT) END"
    if kind in ("day", "moment"):
        wanted = "DATE" if kind == "day" else "TIMESTAMP"
        forms = ", ".join(f"'{f}'" for f in _DATES)
        serial = f"TRY_CAST({filled} AS DOUBLE)"
        return (
            f"CASE WHEN TRY_CAST({plain} AS {wanted}) IS NOT NULL "
            f"THEN TRY_CAST({plain} AS {wanted}) ELSE coalesce("
            f"CAST(TRY_CAST({filled} AS TIMESTAMP) AS {wanted}), "
            f"CASE WHEN {serial} BETWEEN 20000 AND 80000 THEN "
            f"CAST(DATE '1899-12-30' + CAST(floor({serial}) AS INTEGER) AS {wanted}) END, "
            f"CAST(try_strptime({filled}, [{forms}]) AS {wanted})) END"
        )
    yes = "'true', 'yes', 'y', '1', '是', '1.0', 't'"
    no = "'false', 'no', 'n', '0', '否', '0.0', 'f'"
    return (
        f"CASE WHEN lower({text}) IN ({yes}) THEN true "
        f"WHEN lower({text}) IN ({no}) THEN false END"
    )


def _loose_number(text: str, decimal: str) -> str:
    """Read ￥1,234.50, 3.2万, (12.00), 12%: what people write in sheets."""
    bare = f"regexp_replace({text}, '[￥¥$€£元\\s]|CNY|RMB|GBP|USD|EUR|''', '', 'g')"
    if decimal == ",":
        bare = f"replace(replace({bare}, '.', ''), ',', '.')"
    else:
        bare = f"regexp_replace({bare}, ',(\\d{{3}})', '\\1', 'g')"
    sign = f"CASE WHEN {bare} LIKE '(%)' THEN -1 ELSE 1 END"
    scale = (
        f"CASE WHEN {bare} LIKE '%万' THEN 1e4 WHEN {bare} LIKE '%亿' THEN 1e8 "
        f"WHEN {bare} LIKE '%\\%' ESCAPE '\\' THEN 0.01 ELSE 1 END"
    )
    return f"TRY_CAST(regexp_replace({bare}, '[()万亿%]', '', 'g') AS DOUBLE) * {sign} * {scale}"


def _route(told: dict[str, Any], wrong: list[Any]) -> Route:
    aside = told.get("aside")
    if isinstance(aside, str):
        aside = {"en": aside, "zh": aside}
    target, columns = told.get("to", ""), told.get("columns", {})
    if target and target not in tables.all_tables():
        wrong.append(
            say(
                "there is no table {name}; nearest: {near}",
                name=repr(target),
                near=_near(target, tables.all_tables()),
            )
        )
    elif target:
        wrong += _wrong_columns(target, columns)
    elif not aside:
        wrong.append(say("an entry of rows says neither to: nor aside:"))
    return Route(
        when=str(told.get("when", "")), to=target, aside=aside, columns=columns
    )


def _wrong_columns(target: str, columns: dict[str, Any]) -> list[Any]:
    known = tables.table(target).columns
    wrong = []
    for name, form in columns.items():
        if name not in known:
            wrong.append(
                say(
                    "{table} has no column {name}; nearest: {near}",
                    table=target,
                    name=repr(name),
                    near=_near(name, known),
                )
            )
        elif not isinstance(form, str) and not (
            isinstance(form, dict) and set(form) <= _FORMS and form
        ):
            wrong.append(
                say(
                    "{table}.{name} is {form}; write a column, or from, constant, "
                    "split, lookup or sql",
                    table=target,
                    name=name,
                    form=repr(form),
                )
            )
    for name, column in known.items():
        if column.required and name not in columns:
            wrong.append(
                say("{table} needs {name}; say how to make it", table=target, name=name)
            )
    return wrong


def _near(word: Any, known: Any) -> str:
    near = difflib.get_close_matches(str(word), [str(k) for k in known], 1, 0.4)
    return near[0] if near else ", ".join(sorted(map(str, known))[:12])


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return "'" + str(value).replace("'", "''") + "'"
