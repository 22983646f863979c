"""This module owns loading: a delivery comes in whole, and every row is accounted for.

Each delivered row goes to a table, is set aside as the mapping says, or goes to
quarantine with its reason; the counts add up to the rows delivered.

Long because each step of a load works on the same staged delivery.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opslib import places, words
from opslib.errors import ContractError
from opslib.warehouse import build, company, mapping, people, sources, tables
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    import duckdb

say = catalogue(__package__ or "opslib.warehouse")


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What became of one delivery.

    Attributes:
        source: The source's name.
        file: The file's name.
        rows: Rows delivered.
        loaded: Rows that went to each table.
        aside: Rows set aside or quarantined, by reason.
        replaced: Earlier rows that this delivery replaces.
        again: Whether it had been loaded before, so that nothing was done.
        control: Sum found and sum told, where a control total was given.
    """

    source: str
    file: str
    rows: int = 0
    loaded: dict[str, int] = field(default_factory=dict)
    aside: dict[Text, int] = field(default_factory=dict)
    replaced: int = 0
    again: bool = False
    control: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What a load did.

    Attributes:
        company: Whose data it is.
        deliveries: One entry for each file or query.
    """

    company: str
    deliveries: tuple[Delivery, ...]

    def report(self) -> Text:
        """Return the readable account: what went where, and that it adds up."""
        lines = [line for d in self.deliveries for line in _account(d)]
        if not lines:
            lines = [say("nothing new to load for {company}", company=self.company)]
        return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One delivery to be loaded: its mapping and where it lies."""

    mapping: mapping.Mapping
    file: Path | None = None
    source: company.Source | None = None


def load(name: str, mapping_file: Path | None = None, *, fresh: bool = False) -> Intake:
    """Load what is new into a company's warehouse.

    Args:
        name: The company.
        mapping_file: One mapping to load by; None takes every source of company.toml.
        fresh: Begin with an empty warehouse.

    Returns:
        The account of each delivery; one that was loaded before changes nothing.

    Raises:
        ContractError: A mapping or a file cannot be used; nothing was changed.
    """
    if "@" in name:
        whole = name.partition("@")[0]
        raise ContractError(
            say(
                "{view} is a part of {company}; load {company}",
                view=name,
                company=whole,
            )
        )
    work = _from_mapping(name, mapping_file) if mapping_file else _from_profile(name)
    if not work:
        raise ContractError(
            say(
                "no delivery of {company} was found; put files into data/raw/{company} "
                "and name them in company.toml, or run opslib start FILE",
                company=name,
            )
        )
    stamps = [_content(w) for w in work]
    if (
        not fresh
        and all(c in _loaded_contents(name) for c in stamps if c)
        and all(stamps)
    ):
        again = (
            Delivery(source=w.mapping.source, file=_named(w), again=True) for w in work
        )
        return Intake(company=name, deliveries=tuple(again))
    done = []
    with build.rebuild(name, fresh=fresh) as connection:
        for one, content in zip(work, stamps, strict=True):
            known = connection.execute(
                "SELECT 1 FROM _deliveries WHERE content = ?", [content]
            ).fetchone()
            if known and content:
                done.append(
                    Delivery(source=one.mapping.source, file=_named(one), again=True)
                )
                continue
            done.append(_load_one(connection, name, one, content))
    return Intake(company=name, deliveries=tuple(done))


def _from_mapping(name: str, path: Path) -> list[_Work]:
    if not path.is_file() and (places.company_home(name) / path).is_file():
        path = places.company_home(name) / path
    told = mapping.read(path)
    pattern = Path(told.files)
    homes = (Path(), path.parent, places.raw(name), places.root())
    for home in homes:
        found = _found(home, pattern) if told.files else []
        if found:
            return [_Work(mapping=told, file=f) for f in found]
    raise ContractError(
        say(
            "mapping {file}: no file fits {pattern}; name the delivery in files:",
            file=path.name,
            pattern=repr(told.files),
        )
    )


def _from_profile(name: str) -> list[_Work]:
    work: list[_Work] = []
    for source in company.read(name).sources:
        told = (
            mapping.read(places.company_home(name) / source.mapping)
            if source.mapping
            else mapping.identity(source.table, source.name)
        )
        if source.connection:
            work.append(_Work(mapping=told, source=source))
            continue
        pattern = (source.files or told.files).replace("{shared}", str(places.shared()))
        found = sorted({f for p in pattern.split(" | ") for f in _found(places.raw(name), p)})  # fmt: skip
        work += [_Work(mapping=told, file=f, source=source) for f in found]
    return work


def _found(home: Path, pattern: str | Path) -> list[Path]:
    """Return the files that fit a pattern, which may be a whole path."""
    whole = home / pattern
    return (
        sorted(Path(whole.anchor).glob(str(whole.relative_to(whole.anchor))))
        if whole.is_absolute()
        else sorted(home.glob(str(pattern)))
    )


def _content(work: _Work) -> str:
    """Return the id of a delivery: its bytes and its mapping; a query has none."""
    if work.file is None:
        return ""
    told = repr(
        (work.mapping.rows, work.mapping.also, work.mapping.let, work.mapping.options)
    )
    both = sources.fingerprint(work.file) + told
    return hashlib.sha256(both.encode()).hexdigest()[:32]


def _loaded_contents(name: str) -> set[str]:
    from opslib.warehouse.store import open_store

    if not places.warehouse(name).is_file():
        return set()
    with open_store(name) as store:
        return set(store.query("SELECT content FROM _deliveries")["content"])


def _named(work: _Work) -> str:
    return work.file.name if work.file else work.mapping.source


def _load_one(
    connection: duckdb.DuckDBPyConnection, name: str, work: _Work, content: str
) -> Delivery:
    told = work.mapping
    if work.file:
        delivered = sources.stage(connection, work.file, told.read)
    else:
        delivered = sources.stage_query(
            connection, work.source.connection, work.source.query
        )
        content = _table_hash(connection)
        if connection.execute(
            "SELECT 1 FROM _deliveries WHERE content = ?", [content]
        ).fetchone():
            return Delivery(source=told.source, file=_named(work), again=True)
    _reshape(connection, told, delivered)
    told = mapping.only_delivered(told, sources.columns(connection))
    mapping.check_columns(told, sources.columns(connection), _named(work))
    number = _one(connection, "SELECT coalesce(max(delivery), 0) + 1 FROM _deliveries")
    rows = _one(connection, "SELECT count(*) FROM stage.raw")
    rows += _set_totals_aside(connection, told, number)
    control = _control(connection, work)
    _route_rows(connection, told, _named(work))
    loaded: dict[str, int] = {}
    replaced = _replace_period(connection, told)
    same = 0
    for place, route in enumerate(told.rows):
        if route.to:
            _fill(connection, told, route, number, f"_route = {place}", _named(work))
            moved, unchanged = _make_room(connection, told, route)
            replaced, same = replaced + moved, same + unchanged
            loaded[route.to] = loaded.get(route.to, 0) + _insert(
                connection, told, route, number
            )
        else:
            _set_aside(connection, told, number, place, route.aside or {})
    _set_aside(connection, told, number, -1, _NO_ROUTE)
    for route in told.also:
        where = f"({route.when or 'true'})"
        _fill(connection, told, route, number, where, _named(work), quiet=True)
        _make_room(connection, told, route)
        added = _insert(connection, told, route, number)
        loaded[f"+{route.to}"] = added
    people.keep(connection, name, told)
    aside = _asides(connection, number)
    if same:
        aside[say("stood in the warehouse already, unchanged")] = same
    connection.execute(
        "INSERT INTO _deliveries VALUES (?, ?, ?, ?, ?, now()::TIMESTAMP, ?, ?, ?, ?, ?)",
        [number, told.source, _named(work), content, told.delivered, rows,
         json.dumps({k.lstrip("+"): v for k, v in loaded.items()}),
         control[0], control[1], control[2]],
    )  # fmt: skip
    connection.execute("DETACH stage; ATTACH ':memory:' AS stage")
    totals = (control[2], control[1]) if control[1] is not None else None
    return Delivery(
        source=told.source, file=_named(work), rows=rows, loaded=loaded, aside=aside,
        replaced=replaced, control=totals,
    )  # fmt: skip


_NO_ROUTE = {
    "en": "no entry of the mapping takes this row",
    "zh": "映射文件中没有任何一条接收此行",
}


def _reshape(connection: Any, told: mapping.Mapping, delivered: list[str]) -> None:
    """Unpivot columns into rows where the mapping says so, then add its helpers."""
    unpivot = told.options.get("unpivot")
    if unpivot:
        keep = [c for c in unpivot["keep"] if c in delivered]
        others = ", ".join(f'"{c}"' for c in delivered if c not in keep)
        chosen = ", ".join(["_row", *(f'"{c}"' for c in keep)])
        sources.restage(
            connection,
            "SELECT * EXCLUDE (_row) FROM (UNPIVOT "
            f"(SELECT {chosen}, COLUMNS([{_texts(delivered, keep)}])::VARCHAR FROM stage.raw) "
            f'ON {others} INTO NAME "{unpivot["names"]}" VALUE "{unpivot["values"]}")',
        )
    for place, join in enumerate(told.options.get("join", ())):
        sources.restage(
            connection,
            f"SELECT raw.*, j{place}.* FROM stage.raw AS raw "
            f"LEFT JOIN ({join['query']}) AS j{place} ON {join['where']}",
            number=False,
        )
    if told.let:
        helpers = ", ".join(f'({sql}) AS "{name}"' for name, sql in told.let.items())
        sources.restage(connection, f"SELECT *, {helpers} FROM stage.raw", number=False)


def _texts(delivered: list[str], keep: list[str]) -> str:
    return ", ".join(
        "'" + c.replace("'", "''") + "'" for c in delivered if c not in keep
    )


def _control(
    connection: Any, work: _Work
) -> tuple[str | None, float | None, float | None]:
    told = work.mapping.options.get("control") or {}
    column = told.get("column") or (work.source.control_column if work.source else "")
    total = told.get("total", work.source.control_total if work.source else None)
    if not column:
        return None, None, None
    value = mapping.cast(f'"{column}"', "number", work.mapping.decimal)
    return column, total, _one(connection, f"SELECT sum({value}) FROM stage.raw")


def _route_rows(connection: Any, told: mapping.Mapping, file: str) -> None:
    import duckdb

    cases = " ".join(
        f"WHEN {route.when or 'true'} THEN {place}"
        for place, route in enumerate(told.rows)
    )
    sql = f"CASE {cases} ELSE -1 END" if cases else "-2"
    kept = "TABLE" if "select" in sql.lower() else "VIEW"
    try:
        connection.execute(
            f"CREATE {kept} stage.routes AS "
            f"SELECT *, CAST({sql} AS SMALLINT) AS _route FROM stage.raw"
        )
    except duckdb.Error as error:
        raise ContractError(
            say(
                "{file}: a condition of the mapping cannot be read: {what}",
                file=file,
                what=str(error).splitlines()[0][:200],
            )
        ) from None


def _fill(
    connection: Any,
    told: mapping.Mapping,
    route: mapping.Route,
    number: int,
    where: str,
    file: str,
    *,
    quiet: bool = False,
) -> None:
    """Cast and judge a route's rows; what breaks a rule goes to quarantine.

    `stage.judged` holds every row with its `_reason`, `stage.good` the good ones. Rows
    are kept in `stage.kept` only where some must be compared with others (a key,
    repeats); else they are worked out as they are read, which saves their memory.
    """
    import duckdb

    table = tables.table(route.to)
    made, raws, tests = [], [], []
    for column in table.stored:
        if column.name not in route.columns:
            made.append(
                f'CAST(NULL AS {tables.SQL_TYPES[column.type]}) AS "{column.name}"'
            )
            continue
        sql, raw = mapping.expression(route.columns[column.name], column, told.decimal)
        made.append(f'{sql} AS "{column.name}"')
        if column.type != "text":
            raws.append(f'CAST({raw} AS VARCHAR) AS "_raw_{column.name}"')
            tests.append(_cast_test(column))
        if column.required:
            tests.append(_required_test(column))
    tests += [(f"NOT ({r.sql})", r.reason) for r in table.rules]
    cases = " ".join(
        f"WHEN {test} THEN {place}" for place, (test, _) in enumerate(tests)
    )
    reason = f"CASE {cases} END" if tests else "NULL"
    parts = ", ".join(["raw._row", *made, *raws])
    key = ", ".join(f'"{k}"' for k in table.key)
    first = f"row_number() OVER (PARTITION BY {key} ORDER BY _row)" if key else "1"
    chosen = ", ".join(f'"{c.name}"' for c in table.stored)
    judged = (
        f"SELECT _row, {chosen}, CAST(_reason AS SMALLINT) AS _reason, "
        f"CASE WHEN _reason IS NULL THEN {first} ELSE 1 END AS _time "
        f"FROM (SELECT *, {reason} AS _reason FROM ("
        f"SELECT {parts} FROM stage.routes AS raw WHERE {where}))"
    )
    try:
        if table.key or told.options.get("repeats") == "aside":
            connection.execute(f"CREATE OR REPLACE TABLE stage.kept AS {judged}")
            judged = "SELECT * FROM stage.kept"
        connection.execute(
            f"CREATE OR REPLACE VIEW stage.judged AS {judged};"
            "CREATE OR REPLACE VIEW stage.good AS "
            "SELECT * FROM stage.judged WHERE _reason IS NULL AND _time = 1"
        )
        if not quiet:
            _quarantine(connection, told, route, number, tests)
    except duckdb.Error as error:
        raise ContractError(
            say(
                "{file}: the mapping to {table} cannot be read: {what}",
                file=file,
                table=route.to,
                what=str(error).splitlines()[0][:200],
            )
        ) from None


def _cast_test(column: tables.Column) -> tuple[str, Text]:
    kind = {
        "number": say("no number"), "money": say("no amount of money"),
        "whole": say("no whole number"), "day": say("no day"),
        "moment": say("no time"), "flag": say("neither yes nor no"),
    }[column.type]  # fmt: skip
    test = f'"{column.name}" IS NULL AND nullif(trim("_raw_{column.name}"), \'\') IS NOT NULL'
    return test, say("{column} is {kind}", column=column.label, kind=kind)


def _required_test(column: tables.Column) -> tuple[str, Text]:
    return f'"{column.name}" IS NULL', say("{column} is missing", column=column.label)


def _quarantine(
    connection: Any,
    told: mapping.Mapping,
    route: mapping.Route,
    number: int,
    tests: list[tuple[str, Text]],
) -> None:
    table = tables.table(route.to)
    day = f'g."{table.day}"' if table.day else "NULL"
    twice = say(
        "the key ({key}) stands twice in this delivery", key=", ".join(table.key)
    )
    reasons = [t for _, t in tests] + [twice]
    connection.register("_reasons", _frame(reasons))
    connection.execute(
        f"""INSERT INTO _set_aside
        SELECT {number}, ?, 'quarantine', ?, g._row, r.en, r.zh, {day},
            to_json(raw)::VARCHAR, NULL
        FROM stage.judged AS g
        JOIN _reasons AS r ON r.place = coalesce(g._reason, {len(tests)})
        JOIN stage.raw AS raw ON raw._row = g._row
        WHERE g._reason IS NOT NULL OR g._time > 1""",
        [told.source, route.to],
    )
    connection.unregister("_reasons")
    if told.options.get("repeats") == "aside" and not table.key:
        _aside_repeats(connection, told, route, number, day)


def _aside_repeats(
    connection: Any, told: mapping.Mapping, route: mapping.Route, number: int, day: str
) -> None:
    """Set whole rows that stand twice in one delivery aside, all but the first."""
    chosen = ", ".join(f'"{c.name}"' for c in tables.table(route.to).stored)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE _repeats AS SELECT _row FROM (SELECT _row, "
        f"row_number() OVER (PARTITION BY {chosen} ORDER BY _row) AS n FROM stage.good) "
        "WHERE n > 1"
    )
    what = say("the same row stands earlier in this delivery")
    connection.execute(
        f"INSERT INTO _set_aside SELECT {number}, ?, 'aside', ?, g._row, ?, ?, {day}, "
        "to_json(raw)::VARCHAR, NULL FROM stage.good AS g JOIN stage.raw AS raw "
        "ON raw._row = g._row WHERE g._row IN (SELECT _row FROM _repeats)",
        [told.source, route.to, what.en, what.zh],
    )
    connection.execute(
        "DELETE FROM stage.kept WHERE _row IN (SELECT _row FROM _repeats)"
    )


def _make_room(
    connection: Any, told: mapping.Mapping, route: mapping.Route
) -> tuple[int, int]:
    """Move rows that this delivery corrects into history; drop unchanged ones.

    Returns:
        Rows moved, and delivered rows that stood there already.
    """
    table = tables.table(route.to)
    if not table.key:
        return 0, 0
    before = _one(connection, "SELECT count(*) FROM stage.good")
    same = " AND ".join(f'g."{k}" IS NOT DISTINCT FROM t."{k}"' for k in table.key)
    differ = " OR ".join(
        f'g."{c.name}" IS DISTINCT FROM t."{c.name}"' for c in table.stored
    )
    connection.execute(
        "DELETE FROM stage.kept AS g WHERE EXISTS "
        f"(SELECT 1 FROM {table.name} AS t WHERE {same} AND NOT ({differ}))"
    )
    unchanged = before - _one(connection, "SELECT count(*) FROM stage.good")
    old = f"EXISTS (SELECT 1 FROM stage.good AS g WHERE {same})"
    return _to_history(connection, told, table.name, old), unchanged


def _replace_period(connection: Any, told: mapping.Mapping) -> int:
    """Move this source's earlier rows of the delivery's period into history."""
    if told.options.get("replace") != "source + period":
        return 0
    start, end = connection.execute(
        f"SELECT min(day), max(day) FROM (SELECT {_any_day(told)} AS day FROM stage.raw AS raw)"
    ).fetchone()
    if start is None:
        return 0
    period = f"BETWEEN DATE '{start}' AND DATE '{end}'"
    moved = 0
    for name in {r.to for r in told.rows if r.to}:
        table = tables.table(name)
        if table.day and not table.key:
            old = (
                f't."{table.day}" {period} AND t._delivery IN '
                f"(SELECT delivery FROM _deliveries WHERE source = '{told.source}')"
            )
            moved += _to_history(connection, told, name, old)
    connection.execute(
        "UPDATE _set_aside SET until = ? WHERE source = ? AND until IS NULL "
        f"AND day {period}",
        [told.delivered, told.source],
    )
    return moved


def _to_history(connection: Any, told: mapping.Mapping, name: str, old: str) -> int:
    at = f"DATE '{told.delivered.isoformat()}'"
    count = _one(connection, f"SELECT count(*) FROM {name} AS t WHERE {old}")
    if count:
        connection.execute(
            f"INSERT INTO _history_{name} BY NAME "
            f"SELECT *, {at} AS _until FROM {name} AS t WHERE {old}"
        )
        connection.execute(f"DELETE FROM {name} AS t WHERE {old}")
    return count


def _insert(
    connection: Any, told: mapping.Mapping, route: mapping.Route, number: int
) -> int:
    """Add the good rows; a row that corrects an earlier one is known from now."""
    table = tables.table(route.to)
    at = f"DATE '{told.delivered.isoformat()}'"
    chosen = ", ".join(f'g."{c.name}"' for c in table.stored)
    if table.key:
        same = " AND ".join(f'g."{k}" IS NOT DISTINCT FROM h."{k}"' for k in table.key)
        known = f"CASE WHEN EXISTS (SELECT 1 FROM _history_{table.name} AS h WHERE {same} AND h._until = {at}) THEN {at} END"
    elif told.options.get("replace") and table.day:
        known = (
            f'CASE WHEN g."{table.day}" <= (SELECT max(h."{table.day}") FROM '
            f"_history_{table.name} AS h WHERE h._until = {at}) THEN {at} END"
        )
    else:
        known = "NULL"
    if _one(connection, f"SELECT count(*) FROM _history_{table.name}") == 0:
        known = "NULL"
    return _one(
        connection,
        f"INSERT INTO {table.name} BY NAME SELECT {chosen}, {number} AS _delivery, "
        f"{known} AS _known FROM stage.good AS g",
    )


def _set_aside(
    connection: Any, told: mapping.Mapping, number: int, place: int, why: dict[str, str]
) -> None:
    day = _any_day(told)
    connection.execute(
        f"""INSERT INTO _set_aside
        SELECT {number}, ?, ?, '', raw._row, ?, ?, {day}, to_json(raw)::VARCHAR, NULL
        FROM stage.raw AS raw WHERE _row IN
        (SELECT _row FROM stage.routes WHERE _route = {place})""",
        [told.source, "quarantine" if place < 0 else "aside", why.get("en", ""),
         why.get("zh", why.get("en", ""))],
    )  # fmt: skip


def _set_totals_aside(connection: Any, told: mapping.Mapping, number: int) -> int:
    """Set the rows aside that a reader found to add up others; return how many."""
    if "totals" not in {
        t for (t,) in connection.execute("SHOW TABLES FROM stage").fetchall()
    }:
        return 0
    what = say("a row of totals, which adds up others")
    connection.execute(
        f"INSERT INTO _set_aside SELECT {number}, ?, 'aside', '', NULL, ?, ?, NULL, "
        "to_json(t)::VARCHAR, NULL FROM stage.totals AS t",
        [told.source, what.en, what.zh],
    )
    return _one(connection, "SELECT count(*) FROM stage.totals")


def _any_day(told: mapping.Mapping) -> str:
    """Return SQL for the day of a row that goes to no table."""
    for route in told.rows:
        table = tables.all_tables().get(route.to)
        if table and table.day and table.day in route.columns:
            column = table.columns[table.day]
            return mapping.expression(route.columns[table.day], column, told.decimal)[0]
    return "NULL"


def _asides(connection: Any, number: int) -> dict[Text, int]:
    found = connection.execute(
        "SELECT reason_en, reason_zh, count(*) FROM _set_aside WHERE delivery = ? "
        "GROUP BY ALL ORDER BY 3 DESC",
        [number],
    ).fetchall()
    return {Text(en, zh): count for en, zh, count in found}


def _account(d: Delivery) -> list[Text]:
    if d.again:
        return [say("{file}: loaded before, nothing changed", file=d.file)]

    def count(n: int) -> Text:
        return words.number(n, 0)

    lines = [say("{file}: {rows} rows delivered", file=d.file, rows=count(d.rows))]
    for table, n in d.loaded.items():
        form = (
            "  {rows} rows made for {table}"
            if table[0] == "+"
            else "  {rows} to {table}"
        )
        lines.append(_SAY[form](rows=count(n), table=table.lstrip("+")))
    for reason, n in d.aside.items():
        lines.append(say("  {rows} set aside: {reason}", rows=count(n), reason=reason))
    if d.replaced:
        lines.append(
            say(
                "  {rows} earlier rows replaced, kept in history",
                rows=count(d.replaced),
            )
        )
    whole = sum(n for t, n in d.loaded.items() if t[0] != "+") + sum(d.aside.values())
    lines.append(
        say("  adds up: {whole} of {rows}", whole=count(whole), rows=count(d.rows))
        if whole == d.rows
        else say(
            "  DOES NOT ADD UP: {whole} of {rows}",
            whole=count(whole),
            rows=count(d.rows),
        )
    )
    if d.control:
        found, told = d.control
        lines.append(
            say("  control total {told}, found {found}, difference {gap}",
                told=words.number(told, 2), found=words.number(found or 0, 2),
                gap=words.number((found or 0) - told, 2))
        )  # fmt: skip
    return lines


_SAY = {
    "  {rows} to {table}": lambda **v: say("  {rows} to {table}", **v),
    "  {rows} rows made for {table}": lambda **v: say(
        "  {rows} rows made for {table}", **v
    ),
}


def _frame(reasons: list[Text]) -> Any:
    import pandas as pd

    return pd.DataFrame(
        {
            "place": range(len(reasons)),
            "en": [r.en for r in reasons],
            "zh": [r.zh for r in reasons],
        }
    )


def _table_hash(connection: Any) -> str:
    found = _one(connection, "SELECT sum(hash(raw)::HUGEINT) FROM stage.raw AS raw")
    return hashlib.sha256(str(found).encode()).hexdigest()[:32]


def _one(connection: Any, sql: str) -> Any:
    found = connection.execute(sql).fetchone()
    return found[0] if found else None
