"""This module owns the first look at a file: which table it is, which column is which.

It guesses from headings in English and Chinese and from the values, asks only what it
cannot decide, writes the mapping, and loads.
"""

from __future__ import annotations

import difflib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from opslib import places
from opslib.errors import ContractError
from opslib.warehouse import company as companies
from opslib.warehouse import intake, mapping, sources, tables
from opslib.words import Text, catalogue

say = catalogue(__package__ or "opslib.warehouse")
Ask = Callable[[str, list[str]], str]
_MONTH = re.compile(
    r"\d{4}[-/.年]\d{1,2}月?|\d{1,2}月|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -]?\d{0,4}",
    re.IGNORECASE,
)
_SIGNS = {"£": "GBP", "€": "EUR", "￥": "CNY", "¥": "CNY", "元": "CNY", "$": "USD"}
_CLOSE = 0.84
_SHORT = {
    "amt": "amount", "cust": "customer", "dt": "date", "prod": "product",
    "qty": "quantity", "txn": "transaction", "val": "value", "desc": "description",
    "inv": "invoice", "whse": "warehouse", "acct": "account",
}  # fmt: skip
_FILLERS = {"id", "code", "no", "nr", "number", "num", "the", "of", "key", "ref"}


@dataclass(frozen=True, kw_only=True)
class Started:
    """What came of a first look.

    Attributes:
        company: The company the data went to.
        table: The table it is.
        columns: Column of the table to delivered heading.
        unused: Delivered headings that no column takes.
        intake: The account of the load.
        named: A name that a later delivery may have, with other digits.
    """

    company: str
    table: str
    columns: dict[str, str]
    unused: tuple[str, ...]
    intake: intake.Intake
    named: str

    def report(self) -> Text:
        """Return what was recognised and the account of the load."""
        taken = ", ".join(f"{k} ← {v}" for k, v in self.columns.items())
        lines = [
            say("Recognised as {table}: {columns}", table=self.table, columns=taken)
        ]
        if self.unused:
            lines.append(say("Not used: {columns}", columns=", ".join(self.unused)))
        lines.append(self.intake.report())
        lines.append(
            say(
                "Later deliveries: put them into {folder} under such a name, with other digits: {file}; then: opslib load --company {company}",
                folder=places.raw(self.company).relative_to(places.root()).as_posix(),
                file=self.named,
                company=self.company,
            )
        )
        return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


def start(file: Path, *, company: str | None = None, ask: Ask | None = None) -> Started:
    """Bring in a file never seen before.

    Args:
        file: Excel, CSV, Parquet or JSON lines.
        company: Name of the company; None makes one of the file's name.
        ask: Gets a question and choices, returns one; None takes the best guess.

    Raises:
        ContractError: The file cannot be read, or no table fits it.
    """
    if not file.is_file():
        raise ContractError(
            say(
                "there is no file {file}; check the name and the folder",
                file=str(file.name),
            )
        )
    name = places.company_name(company or _slug(file.stem))
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS stage")
        headings = sources.stage(connection, file, {})
        unpivot = _months_across(headings)
        if unpivot:
            told = mapping.Mapping(source=name, options={"unpivot": unpivot})
            intake._reshape(connection, told, headings)
            headings = sources.columns(connection)
        sample = _sample(connection)
        decimal = "," if _comma(sample) else "."
        month_first = _month_first(sample)
        if month_first:
            turned = ", ".join(f'{_turned(h)} AS "{h}"' for h in headings)
            sources.restage(connection, f"SELECT {turned} FROM stage.raw")
        table, columns = _recognise(connection, headings, file.name, ask, decimal)
    forms: dict[str, Any] = dict(columns)
    if table == "sales_lines" and "amount" not in columns:
        quantity, price = columns["quantity"], columns["price"]
        both = [mapping.cast(f'"{h}"', "number", decimal) for h in (quantity, price)]
        forms["amount"] = {"sql": f"CAST(round({both[0]} * {both[1]}, 2) AS VARCHAR)"}
        if decimal == ",":
            forms["amount"]["sql"] = f"replace({forms['amount']['sql']}, '.', ',')"
    for column in tables.table(table).columns.values():
        if month_first and column.name in columns and column.type in ("day", "moment"):
            forms[column.name] = {"sql": _turned(columns[column.name])}
    _write(name, file, table, forms, unpivot, headings, sample)
    done = intake.load(name)
    unused = tuple(h for h in headings if h not in columns.values() and h != "_sheet")
    return Started(
        company=name, table=table, columns=columns, unused=unused, intake=done,
        named=_later(file)[1],
    )  # fmt: skip


def _recognise(
    connection: Any, headings: list[str], file: str, ask: Ask | None, decimal: str
) -> tuple[str, dict[str, str]]:
    found = {
        t.name: _match(connection, t, headings, decimal)
        for t in tables.all_tables().values()
    }
    fits = {n: c for n, c in found.items() if _complete(n, c)}
    ranked = sorted(fits, key=lambda n: _score(n, fits[n]), reverse=True)
    if not ranked:
        return _ask_missing(found, headings, file, ask)
    table = ranked[0]
    near = [n for n in ranked if _score(n, fits[n]) >= _score(table, fits[table]) - 0.5]
    if ask and len(near) > 1:
        labels = {tables.table(n).grain.en: n for n in near}
        question = say("Which of these is one row of the file?")
        table = labels[ask(str(question), list(labels))]
    return table, fits[table]


def _ask_missing(
    found: dict[str, dict[str, str]], headings: list[str], file: str, ask: Ask | None
) -> tuple[str, dict[str, str]]:
    """Ask for the columns that the nearest table still needs, or say what lacks."""
    nearest = max(found, key=lambda n: _score(n, found[n]))
    columns = dict(found[nearest])
    missing = [
        c
        for c in tables.table(nearest).columns.values()
        if c.required and c.name not in columns
    ]
    if ask and columns:
        for column in missing:
            free = [h for h in headings if h not in columns.values()]
            question = say("Which column is {column}?", column=column.label)
            columns[column.name] = ask(str(question), free)
        return nearest, columns
    raise ContractError(
        say(
            "{file} looks most like {table}, but these columns were not found: {missing}. "
            "Its columns are {headings}. Rename them, or fill the form of opslib template {table}",
            file=file,
            table=nearest,
            missing=mapping.words_joined([c.label for c in missing]),
            headings=", ".join(headings[:20]),
        )
    )


def _match(
    connection: Any, table: tables.Table, headings: list[str], decimal: str
) -> dict[str, str]:
    """Return the best heading for each column, each heading used once."""
    pairs = []
    for column in table.columns.values():
        for heading in headings:
            likeness = _likeness(column, heading)
            if likeness >= _CLOSE and _holds(connection, heading, column, decimal):
                pairs.append((likeness, column.required, column.name, heading))
    taken: dict[str, str] = {}
    for _, _, name, heading in sorted(pairs, key=lambda p: (-p[0], -p[1])):
        if name not in taken and heading not in taken.values():
            taken[name] = heading
    return taken


def _likeness(column: tables.Column, heading: str) -> float:
    plain = _plain(heading)
    known = [_plain(k) for k in (column.name, column.label.en, column.label.zh)]
    if plain in known:
        return 1.0
    also = [_plain(k) for k in column.also]
    if plain in also:
        return 0.97
    if any("一" <= c <= "鿿" for c in plain):
        inside = [k for k in [*known, *also] if len(k) > 1 and (k in plain)]
        return 0.88 if inside else 0.0
    close = max(
        difflib.SequenceMatcher(None, plain, k).ratio() for k in [*known, *also]
    )
    told = [column.name, column.label.en, *column.also]
    return max(0.95 * close, max(_by_words(heading, k) for k in told))


def _by_words(heading: str, known: str) -> float:
    """Return how well a heading's words hold a known name: `Qty Sold` holds `qty`."""
    words, wanted = _words(heading), _words(known)
    if not wanted or not {*wanted} <= {*words}:
        return 0.0
    head = 0.03 if words[-1] == wanted[-1] else 0.0
    return _CLOSE + head + 0.06 * len({*wanted}) / len({*words})


def _words(text: str) -> list[str]:
    bare = re.sub(r"[（(\[].*?[）)\]]", "", str(text))
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", bare)
    plain = [_SHORT.get(w.lower(), w.lower()) for w in found]
    return [w for w in plain if w not in _FILLERS] or plain


def _holds(connection: Any, heading: str, column: tables.Column, decimal: str) -> bool:
    """Say whether most values under a heading read as the column's type."""
    if column.type == "text":
        return True
    quoted = '"' + heading.replace('"', '""') + '"'
    good = mapping.cast(quoted, column.type, decimal)
    share = connection.execute(
        f"SELECT count(v) FILTER (t IS NOT NULL AND t <> ''), count(*) FILTER (t IS NOT NULL AND t <> '') "
        f"FROM (SELECT {good} AS v, trim(CAST({quoted} AS VARCHAR)) AS t FROM stage.raw LIMIT 2000)"
    ).fetchone()
    return share[1] == 0 or share[0] / share[1] >= 0.6


def _complete(name: str, columns: dict[str, str]) -> bool:
    need = [c.name for c in tables.table(name).columns.values() if c.required]
    have = {*columns}
    if name == "sales_lines" and {"quantity", "price"} <= have:
        have.add("amount")
    return bool(columns) and set(need) <= have


def _score(name: str, columns: dict[str, str]) -> float:
    """Rank tables: recognised columns count, needed ones that lack count against."""
    table = tables.table(name)
    need = [c.name for c in table.columns.values() if c.required]
    if name == "sales_lines" and {"quantity", "price"} <= {*columns}:
        need.remove("amount")
    return len(columns) - 1.5 * sum(n not in columns for n in need) + 0.01 * len(need)


def _months_across(headings: list[str]) -> dict[str, Any] | None:
    months = [h for h in headings if _MONTH.fullmatch(h.strip())]
    if len(months) < 3:
        return None
    keep = [h for h in headings if h not in months]
    return {"keep": keep, "names": "day", "values": "quantity"}


def _write(
    name: str, file: Path, table: str, forms: dict[str, Any], unpivot: dict[str, Any] | None,
    headings: list[str], sample: str,
) -> None:  # fmt: skip
    """Keep the file as delivered, write its mapping, and note it in company.toml."""
    raw = places.raw(name)
    raw.mkdir(parents=True, exist_ok=True)
    if file.resolve().parent != raw.resolve():
        shutil.copyfile(file, raw / file.name)
    told: dict[str, Any] = {
        "source": table,
        "files": file.name,
        "rows": [{"to": table, "columns": forms}],
    }
    if _comma(sample):
        told["read"] = {"decimal": ","}
    if unpivot:
        told["unpivot"] = unpivot
    if not tables.table(table).key:
        told["replace"] = "source + period"
    home = places.company_home(name)
    home.mkdir(parents=True, exist_ok=True)
    (home / f"{table}.yaml").write_text(
        yaml.safe_dump(told, allow_unicode=True, sort_keys=False), "utf-8"
    )
    companies.read(name)  # an odd profile is refused before anything is added to it
    before = companies.told(name)
    chinese = any("一" <= c <= "鿿" for c in "".join(headings))
    sign = next((code for mark, code in _SIGNS.items() if mark in sample), "")
    guessed = {
        "language": "zh" if chinese else before.get("language", "en"),
        "currency": sign or ("CNY" if chinese else "EUR"),
        "country": "CN" if chinese else "GB",
    }
    kept = [s for s in before.get("sources", []) if s["name"] != table]
    says = {**guessed, **before} if kept else {**before, **guessed}
    source = {
        "name": table,
        "files": _later(file)[0],
        "mapping": f"{table}.yaml",
        "owner": "",
    }
    companies.write(name, {**says, "sources": [*kept, source]})


def _later(file: Path) -> tuple[str, str]:
    """Return the pattern that later deliveries fit, and a name that fits it."""
    pattern = re.sub(r"\d+", "*", file.name)
    if pattern != file.name:
        return pattern, file.name
    # sales.xlsx is followed by sales_2.xlsx, but not by sales_targets.xlsx.
    more = f"{file.stem}[-_ 0-9][0-9]*{file.suffix}"
    return f"{file.name} | {more}", f"{file.stem}_2{file.suffix}"


def _sample(connection: Any) -> str:
    rows = connection.execute("SELECT * FROM stage.raw LIMIT 2000").fetchall()
    return "\n".join(str(v) for row in rows for v in row)


def _comma(sample: str) -> bool:
    """Say whether numbers are written with a decimal comma: 1.234,50."""
    commas = re.findall(r"(?m)^-?[\d.]*\d,\d{1,2}(?:\s?€)?$", sample)
    return len(commas) > len(re.findall(r"(?m)^-?[\d,]*\d\.\d{1,2}$", sample))


def _month_first(sample: str) -> bool:
    """Say whether days are written month first, as 12/31/2025: no other way reads."""
    days = re.findall(r"(?m)^(\d{1,2})/(\d{1,2})/\d{4}", sample)
    return any(int(b) > 12 for _, b in days) and all(int(a) <= 12 for a, _ in days)


def _turned(heading: str) -> str:
    """Return SQL for a column with its days turned from month first to ISO."""
    form = r"'^(\d{1,2})/(\d{1,2})/(\d{4})', '\3-\1-\2'"
    return f'regexp_replace(CAST("{heading}" AS VARCHAR), {form})'


def _plain(text: str) -> str:
    """Return a heading without case, signs, brackets and units."""
    bare = re.sub(r"[（(\[].*?[）)\]]", "", str(text)).lower()
    return re.sub(r"[\s_\-./#:：*]+", "", bare) or str(text).lower()


def _slug(stem: str) -> str:
    plain = re.sub(r"[^a-z0-9_-]+", "_", stem.lower()).strip("_-")
    return (plain or "company")[:64]
