"""This module owns `company.toml`: who a company is and where its data comes from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import ContractError
from opslib.warehouse import access
from opslib.words import LANGUAGES, catalogue

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.warehouse")
_KEYS = {
    "language",
    "currency",
    "country",
    "fiscal_year_starts",
    "name",
    "sources",
    "alerts",
    "scopes",
}
_ALERT_KEYS = {
    "kind", "form", "url", "path", "host", "port", "sender", "to", "user", "password",
    "language", "department", "link", "budget",
}  # fmt: skip
_SOURCE_KEYS = {
    "name", "files", "mapping", "table", "expected_day", "owner", "connection", "query",
    "control_column", "control_total",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Source:
    """One place a company's data comes from.

    Attributes:
        name: Its name in reports.
        files: Pattern of files in `data/raw/<company>`, or several with ` | ` between
            them, or a path.
        mapping: Mapping file beside `company.toml`, or empty.
        table: Table whose own headings the files carry, where there is no mapping.
        expected_day: Day of the month by which it should have come, or 0.
        owner: Who is asked when it is late or broken.
        connection: SQLAlchemy address of a database, or empty.
        query: Query or table to read from the connection.
        control_column: Delivered column whose sum is held against the total.
        control_total: What the sender says it adds up to, or None.
    """

    name: str
    files: str = ""
    mapping: str = ""
    table: str = ""
    expected_day: int = 0
    owner: str = ""
    connection: str = ""
    query: str = ""
    control_column: str = ""
    control_total: float | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What `company.toml` says.

    Attributes:
        company: The company's short name.
        language: `en` or `zh`.
        currency: Currency code.
        country: Country code.
        fiscal_year_starts: First month of the fiscal year, 1 to 12.
        sources: Where data comes from.
        alerts: Where alerts and weekly messages go, one table a channel.
        scopes: What groups of readers may see, one table a group.
    """

    company: str
    language: str = "en"
    currency: str = "CNY"
    country: str = "CN"
    fiscal_year_starts: int = 1
    sources: tuple[Source, ...] = ()
    alerts: tuple[dict[str, Any], ...] = ()
    scopes: tuple[access.Scope, ...] = ()


def read(company: str) -> Profile:
    """Return a company's profile; one without a file gets the defaults.

    Raises:
        ContractError: The file holds an unknown word or an impossible value.
    """
    path = places.company_home(company) / "company.toml"
    if not path.is_file():
        return Profile(company=company)
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ContractError(
            say("company.toml of {company}: {what}", company=company, what=str(error))
        ) from None
    _known_words(told, _KEYS, path)
    for source in told.get("sources", []):
        _known_words(source, _SOURCE_KEYS, path)
    if told.get("language", "en") not in LANGUAGES:
        raise ContractError(
            say(
                "company.toml: language {given} is not spoken here; write en or zh",
                given=repr(told["language"]),
            )
        )
    if told.get("fiscal_year_starts", 1) not in range(1, 13):
        raise ContractError(
            say(
                "company.toml: fiscal_year_starts is {given}; write a month, 1 to 12",
                given=str(told["fiscal_year_starts"]),
            )
        )
    sources = tuple(Source(**s) for s in told.pop("sources", []))
    for channel in told.get("alerts", []):
        _known_words(channel, _ALERT_KEYS, path)
    told["alerts"] = tuple(told.get("alerts", ()))
    told["scopes"] = tuple(
        access.read_scope(n, s) for n, s in told.get("scopes", {}).items()
    )
    told.pop("name", None)
    return Profile(company=company, sources=sources, **told)


def told(company: str) -> dict[str, Any]:
    """Return what `company.toml` says, as it says it; empty where there is none."""
    path = places.company_home(company) / "company.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


def write(company: str, says: dict[str, Any]) -> Path:
    """Write all that a company's profile says and return its path."""
    path = places.company_home(company) / "company.toml"
    places.put(path, "\n".join(_lines(says)) + "\n")
    return path


def _lines(says: dict[str, Any], above: str = "") -> list[str]:
    """Return the lines of a TOML table: plain values first, then tables in it."""
    plain = {k: v for k, v in says.items() if not _tables(v)}
    lines = [f"{k} = {_toml(v)}" for k, v in plain.items() if v is not None]
    for name, value in says.items():
        if isinstance(value, dict):
            heads = [f"[{above}{name}]"] if not all(map(_tables, value.values())) else []  # fmt: skip
            lines += ["", *heads, *_lines(value, f"{above}{name}.")]
        elif _tables(value):
            for one in value:
                lines += ["", f"[[{above}{name}]]", *_lines(one, f"{above}{name}.")]
    return lines


def _tables(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )


def _known_words(told: dict[str, Any], known: set[str], path: Path) -> None:
    for word in told:
        if word not in known:
            raise ContractError(
                say(
                    "{file} says {word}, which means nothing here; it may say {known}",
                    file=path.name,
                    word=repr(word),
                    known=", ".join(sorted(known)),
                )
            )


def _toml(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
