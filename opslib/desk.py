"""This module owns the desk that a notebook sits down to: open, read, show."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opslib import periods, places, show, warehouse, words
from opslib.errors import MissingDataError
from opslib.runs import content, keys, ledger
from opslib.warehouse import people

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from opslib.findings import Finding, Table

say = words.catalogue(__package__ or "opslib")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """One company's data as known on one day, and how answers are shown.

    Attributes:
        company: Name of the company.
        day: Last day of data that is seen; later rows are hidden.
        currency: Currency code of its money.
        country: Country code of its holidays.
        language: Language the page reads in, `en` or `zh`.
    """

    company: str
    day: dt.date
    currency: str
    country: str
    language: str

    def read(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Return a table or mart as it was known on the desk's day.

        Args:
            name: A table or mart of the warehouse.
            columns: Columns wanted, or all.

        Returns:
            One row for each unit of the table's grain; a table that was never
            delivered reads as an empty frame with its types.

        Raises:
            MissingDataError: There is no such table, or no warehouse.
        """
        store = _store(self.company)
        _only_declared(store.reads(name))
        return store.read(name, as_of=self.day, columns=columns)

    def once(self, work: Callable[..., Any], *inputs: Any, **named: Any) -> Any:
        """Return what a costly pure function gives, worked out once for its inputs.

        The result is kept on disk, keyed by the inputs and by the source of the
        whole package, so a change of any method is a new key.
        """
        import joblib

        name = (work.__module__, work.__qualname__)
        key = content.key_of(*name, keys.source_hash(), inputs, named)
        kept = places.root() / ".cache" / "once" / f"{key}.joblib"
        if kept.is_file():
            with contextlib.suppress(Exception):
                return joblib.load(kept)
        result = work(*inputs, **named)
        kept.parent.mkdir(parents=True, exist_ok=True)
        half = kept.with_suffix(f".{os.getpid()}")
        try:
            joblib.dump(result, half)
            half.replace(kept)
        except OSError:
            half.unlink(missing_ok=True)
        return result

    def personal(self) -> dict[str, dict[str, str]]:
        """Return names and ways to reach people, for a reader with that scope only."""
        return people.for_reader(self.company)

    def record(self, name: str) -> pd.DataFrame:
        """Return what earlier runs foretold under a name, to be scored with facts.

        Returns:
            One row for each prediction: run_day, due, unit, the target's columns
            and a column for each quantile; runs after the desk's day are left out.
        """
        return ledger.frame(self.company, name, before=self.day)

    def show(self, finding: Finding) -> None:
        """Show the card of a finding and hang its data on the output."""
        _display(
            show.card.html(finding, self.language),
            plain=str(finding.headline),
            kind="finding",
            data=finding.to_dict(),
        )

    def checks(self, finding: Finding) -> None:
        """Show how far to trust a finding, failed checks first."""
        _display(
            show.card.checks_html(finding, self.language),
            plain="; ".join(str(c.sentence) for c in finding.checks),
            kind="checks",
        )

    def suggestions(self, finding: Finding) -> None:
        """Show what to do, most valuable first."""
        _display(
            show.card.actions_html(finding, self.language),
            plain="; ".join(str(a.what) for a in finding.actions),
            kind="actions",
        )

    def table(self, table: Table) -> None:
        """Show a table; reports offer the whole of it as CSV and Excel."""
        _display(
            show.tables.html(table, self.language),
            plain=f"{table.title} ({len(table.frame)})",
            kind="table",
            data=show.tables.data(table),
        )

    def what_if(self, what_if: show.WhatIf) -> None:
        """Show sliders where there is a kernel, and the stored cases where not."""
        from IPython.display import display

        bundle, metadata = show.controls.bundle(what_if)
        display(bundle, metadata=metadata, raw=True)

    def _repr_html_(self) -> str:
        rows = _store(self.company).rows("sales_lines")
        line = say(
            "{company}: data to {day}, {rows} sales lines",
            company=self.company,
            day=words.day(self.day),
            rows=words.number(rows),
        )
        return f'<p class="ops-quiet">{show.card.escape(str(line))}</p>'


def open(company: str, *, as_of: str = "") -> Desk:
    """Sit down to a company's data as it was known on a day.

    Args:
        company: Name of the company, such as `demo`.
        as_of: Last day of data to use as ISO text; empty for the last complete day.

    Returns:
        The desk; what became known later than the day cannot be read through it.

    Raises:
        MissingDataError: The company has no warehouse.
        ValueError: `as_of` is no day.
    """
    profile = warehouse.company.read(company)
    language = os.environ.get("OPSLIB_LANGUAGE") or profile.language
    words.speak(language)
    show.theme.register()
    day = periods.day(as_of) if as_of else _store(company).last_complete_day()
    return Desk(
        company=company,
        day=day,
        currency=profile.currency,
        country=profile.country,
        language=language,
    )


_held = threading.local()


def _store(company: str) -> warehouse.store.Store:
    """Return the company's open warehouse; opening takes longer than most reads.

    Each thread holds one open, and only while the file, and what may be seen of it,
    stay the same.
    """
    scope, path = warehouse.access.scope_of(company), places.warehouse(company)
    file = warehouse.store.file_id(path) if path.is_file() else None
    key = (company, scope, path, file)
    if getattr(_held, "key", None) != key:
        if hasattr(_held, "stack"):
            _held.stack.close()
        _held.key, _held.stack = None, contextlib.ExitStack()
        _held.store = _held.stack.enter_context(warehouse.open_store(company))
        _held.key = key
    return _held.store


def _only_declared(tables: tuple[str, ...]) -> None:
    """Refuse, in a scheduled run, a table that the list does not name for the notebook.

    The key of a run holds the state of its declared tables; another one would change
    the answer without changing the key.
    """
    declared = os.environ.get("OPSLIB_TABLES", "")
    for table in tables if declared else ():
        if table not in declared.split(","):
            raise MissingDataError(
                say(
                    "the notebook reads {table}, which gallery.yaml does not name; "
                    "add it to its helps",
                    table=table,
                )
            )


def _display(html: str, *, plain: str, kind: str, data: Any = None) -> None:
    from IPython.display import display

    hung = {"kind": kind} if data is None else {"kind": kind, "data": data}
    display(
        {"text/html": html, "text/plain": plain},
        metadata={"opslib": hung},
        raw=True,
    )
