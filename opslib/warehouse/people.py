"""This module owns personal columns: kept apart, encrypted, and forgotten on request.

Names, phones, mail and addresses never enter the warehouse; they lie in a file of
their own beside it, each person sealed with the company's key (`OPSLIB_KEY` or a key
file outside git). The company's own customer number stays readable.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import MissingDataError
from opslib.warehouse import tables
from opslib.warehouse.store import open_store
from opslib.words import Text, catalogue, number

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from opslib.warehouse import mapping

say = catalogue(__package__ or "opslib.warehouse")


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What forgetting a person changed.

    Attributes:
        customer: The number.
        places: File or table to the rows changed there.
    """

    customer: str
    places: dict[str, int]

    def report(self) -> Text:
        """Return one line for each place."""
        lines = [say("customer {number} is forgotten:", number=self.customer)]
        lines += [
            say("  {place}: {rows} rows", place=place, rows=number(rows))
            for place, rows in self.places.items()
        ]
        return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


def keep(connection: Any, company: str, told: mapping.Mapping) -> None:
    """Seal the personal columns of a delivery of customers, before they are dropped."""
    from opslib.warehouse import mapping as forms

    for route in (*told.rows, *told.also):
        if not route.to:
            continue
        table = tables.table(route.to)
        personal = [
            c for c in table.columns.values() if c.personal and c.name in route.columns
        ]
        if not personal or not table.key:
            continue
        key = table.columns[table.key[0]]
        parts = [
            f'{forms.expression(route.columns[c.name], c, told.decimal)[0]} AS "{c.name}"'
            for c in [key, *personal]
        ]
        frame = connection.execute(
            f"SELECT DISTINCT {', '.join(parts)} FROM stage.raw"
        ).df()
        _seal(company, frame.dropna(subset=[key.name]), key.name)


def read(company: str) -> dict[str, dict[str, str]]:
    """Return the personal columns by customer number, for readers with that scope."""
    path, lock = _file(company), _lock(company)
    if not path.is_file():
        return {}
    sealed = json.loads(path.read_text("utf-8"))
    return {n: json.loads(lock.decrypt(s.encode())) for n, s in sealed.items()}


def for_reader(company: str) -> dict[str, dict[str, str]]:
    """Return the personal columns where this process serves a reader with that scope.

    They are those of the customers that the company's view lets be seen.

    Who starts a server or JupyterLab for such readers sets `OPSLIB_SCOPE=personal`; a
    scheduled run, whose outputs are kept, never has it.
    """
    kept = "OPSLIB_TABLES" in os.environ
    scoped = "personal" in os.environ.get("OPSLIB_SCOPE", "").split(",")
    if not scoped or kept:
        return {}
    with open_store(company) as store:
        seen = set(store.read("customers", columns=["customer"])["customer"])
    return {n: told for n, told in read(company).items() if n in seen}


def forget(
    company: str, customer: str, strip: Callable[[str, str], int] | None = None
) -> Forgotten:
    """Remove a person everywhere: warehouse, people, raw files, reports, backups.

    Sales stay, without the number, so that the totals still tie.

    Args:
        company: Whose.
        customer: The company's customer number.
        strip: What takes a person out of the reports; without it all of them go.

    Raises:
        MissingDataError: No delivery of this company knows the number.
    """
    from opslib.warehouse import build

    changed: dict[str, int] = {}
    with build.rebuild(company, clean=True) as connection:
        for table in tables.all_tables().values():
            if "customer" in table.columns:
                for name in (table.name, f"_history_{table.name}"):
                    rows = _forget_rows(
                        connection, name, customer, whole="customer" in table.key
                    )
                    if rows:
                        changed[name] = rows
        rows = connection.execute(
            "SELECT count(*) FROM _set_aside WHERE content LIKE ?", [f'%"{customer}%']
        ).fetchone()[0]
        if rows:
            connection.execute(
                "UPDATE _set_aside SET content = NULL WHERE content LIKE ?",
                [f'%"{customer}%'],
            )
            changed["_set_aside"] = rows
        known = set(read(company)) if _file(company).is_file() else set()
        raw = _files_with(company, customer)
        if not changed and customer not in known and not raw:
            raise MissingDataError(
                say(
                    "{company} knows no customer {number}",
                    company=company,
                    number=customer,
                )
            )
        connection.execute("INSERT INTO _quality VALUES (today(), '', 'forgotten', 1)")
    changed |= _forget_files(company, customer, raw)
    for reports in places.reports().glob(f"{company}*"):
        if reports.name.partition("@")[0] == company:
            changed[reports.name] = strip(reports.name, customer) if strip else 1
            if not strip:
                shutil.rmtree(reports)
    return Forgotten(customer=customer, places=changed)


def _forget_rows(connection: Any, name: str, customer: str, *, whole: bool) -> int:
    count = connection.execute(
        f"SELECT count(*) FROM {name} WHERE customer = ?", [customer]
    ).fetchone()[0]
    if count and whole:
        connection.execute(f"DELETE FROM {name} WHERE customer = ?", [customer])
    elif count:
        has_text = name.endswith("service_cases")
        blank = ", text = NULL" if has_text else ""
        connection.execute(
            f"UPDATE {name} SET customer = NULL{blank} WHERE customer = ?", [customer]
        )
    return count


def _files_with(company: str, customer: str) -> list[Path]:
    """Return the deliveries that hold the number in a column of its own."""
    return [
        p
        for p in sorted(places.raw(company).rglob("*"))
        if p.is_file() and _rewrite(p, customer, dry=True)
    ]


def _forget_files(company: str, customer: str, raw: list[Path]) -> dict[str, int]:
    changed = {f"raw/{p.name}": _rewrite(p, customer) for p in raw}
    path = _file(company)
    if path.is_file():
        sealed = json.loads(path.read_text("utf-8"))
        if sealed.pop(customer, None):
            _write(path, sealed)
            changed["people"] = 1
    shutil.rmtree(places.root() / ".cache" / "once", ignore_errors=True)
    return changed


def _rewrite(path: Path, customer: str, *, dry: bool = False) -> int:
    """Blank every row of a raw file in which the number stands; return the rows."""
    import pandas as pd

    readers = {".parquet": pd.read_parquet, ".csv": _csv, ".xlsx": _xlsx}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        text = path.read_text("utf-8", errors="surrogateescape")
        lines = [line for line in text.splitlines() if customer not in line]
        gone = len(text.splitlines()) - len(lines)
        if gone and not dry:
            path.write_text("\n".join(lines) + "\n", "utf-8", errors="surrogateescape")
        return gone
    frame = reader(path)
    plain = frame.astype(str).apply(lambda c: c.str.strip().str.removesuffix(".0"))
    hit = (plain == customer).any(axis=1)
    if hit.any() and not dry:
        left = frame[~hit]
        half = path.with_name(f".{path.name}")
        writers = {
            ".parquet": lambda: left.to_parquet(half, index=False),
            ".csv": lambda: left.to_csv(half, index=False),
            ".xlsx": lambda: left.to_excel(half, index=False, engine="xlsxwriter"),
        }
        writers[path.suffix.lower()]()
        half.replace(path)
    return int(hit.sum())


def _csv(path: Path) -> Any:
    import pandas as pd

    from opslib.warehouse import sources

    return pd.read_csv(
        path, dtype=str, keep_default_na=False, encoding=sources._encoding(path),
        sep=None, engine="python",
    )  # fmt: skip


def _xlsx(path: Path) -> Any:
    import pandas as pd

    return pd.read_excel(path, dtype=str, keep_default_na=False)


def _seal(company: str, frame: Any, key: str) -> None:
    path, lock = _file(company), _lock(company)
    sealed = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    for row in frame.astype(object).where(frame.notna(), "").to_dict("records"):
        told = json.dumps(
            {k: str(v) for k, v in row.items() if k != key}, ensure_ascii=False
        )
        sealed[str(row[key])] = lock.encrypt(told.encode()).decode()
    _write(path, sealed)


def _write(path: Path, sealed: dict[str, str]) -> None:
    places.put(path, json.dumps(sealed), 0o600)


def _file(company: str) -> Path:
    return places.warehouse(company).with_suffix(".people")


def _lock(company: str) -> Any:
    """Return the cipher: key from `OPSLIB_KEY`, else from a file made at first use."""
    from cryptography.fernet import Fernet

    told = os.environ.get("OPSLIB_KEY")
    if told:
        return Fernet(told.encode())
    path = places.data() / "keys" / f"{places.warehouse(company).stem}.key"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Fernet.generate_key())
        path.chmod(0o600)
    return Fernet(path.read_bytes().strip())
