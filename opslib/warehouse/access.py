"""This module owns who may see what: a company as one scope sees it is a *view*.

The view `demo@north` is the company `demo` with only what its scope `north` names in
`company.toml`. A table is read through a scope in one of three ways: it is open to
everybody (`scope: open` in its contract, such as products), it is cut to the regions or
departments that the scope names, or it is closed and reads as empty. A table that says
nothing is closed. The cut is made where data is read, so that a run, a page, a widget
and a message to a kernel can get no more than it lets through.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

from opslib import places
from opslib.errors import ContractError, MissingDataError
from opslib.warehouse import tables
from opslib.words import catalogue

say = catalogue(__package__ or "opslib.warehouse")
DIMENSIONS = ("region", "department")


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a group of readers may see of a company.

    Attributes:
        name: Its name, the part of a view after `@`.
        allowed: Dimension (`region`, `department`) to the values that may be seen.
        tables: Closed tables that are opened whole, by name.
    """

    name: str
    allowed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tables: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """An id that changes when what may be seen changes."""
        told = repr((sorted(self.allowed.items()), sorted(self.tables)))
        return hashlib.sha256(told.encode()).hexdigest()[:8]

    def condition(self, table: str) -> str:
        """Return the SQL condition that a row must meet to be seen.

        Args:
            table: A table of the warehouse.

        Example:
            >>> Scope(name="n", allowed={"region": ("North",)}).condition("places")
            "(region IN ('North'))"
        """
        cuts = tables.table(table).scope
        if cuts is None or table in self.tables:
            return "TRUE"
        parts = [
            f"({cuts[dimension].format(allowed=_listed(values))})"
            for dimension, values in self.allowed.items()
            if dimension in cuts
        ]
        return " AND ".join(parts) or "FALSE"


def scope_of(view: str) -> Scope | None:
    """Return the scope of a view, or None where the whole company is seen.

    Raises:
        MissingDataError: The process serves a reader who may not see this view, or
            the company has no such scope.
    """
    places.company_name(view)
    served = os.environ.get("OPSLIB_VIEWS")
    if served is not None and view not in served.split(","):
        raise MissingDataError(say("{view} is outside what you may see", view=view))
    company, mark, name = view.partition("@")
    if not mark:
        return None
    from opslib.warehouse import company as companies

    found = {s.name: s for s in companies.read(company).scopes}
    if name not in found:
        raise MissingDataError(
            say(
                "{company} has no scope {name}; company.toml names {known}",
                company=company,
                name=repr(name),
                known=", ".join(sorted(found)) or "none",
            )
        )
    return found[name]


def read_scope(name: str, told: dict[str, object]) -> Scope:
    """Return a scope as `company.toml` tells it, such as `regions = ["North"]`.

    Raises:
        ContractError: A word means nothing here, or a list is no list of texts.
    """
    places.company_name(name)
    for word, values in told.items():
        known = ("regions", "departments", "tables")
        fits = isinstance(values, list) and all(isinstance(v, str) for v in values)
        if word not in known or not fits:
            raise ContractError(
                say(
                    "company.toml: scope {name} says {word} = {given}; it may say {known}, each a list of texts",
                    name=name, word=word, given=repr(values)[:80], known=", ".join(known),
                )
            )  # fmt: skip
    for table in told.get("tables", []):  # type: ignore[attr-defined]
        tables.table(table)
    allowed = {d: tuple(told[f"{d}s"]) for d in DIMENSIONS if f"{d}s" in told}  # type: ignore[arg-type]
    return Scope(name=name, allowed=allowed, tables=tuple(told.get("tables", ())))  # type: ignore[arg-type]


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join("'" + v.replace("'", "''") + "'" for v in values) or "NULL"
