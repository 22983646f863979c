"""This module owns what an answer is: findings, actions, checks, forecasts, tables.

A room's `answer.py` makes them from results; the desk shows them; the manifest
keeps them; the reports and the gallery read them back.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from opslib import words
from opslib.words import Text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """The number of a headline with its interval.

    Attributes:
        value: The number, in `unit`.
        low: Lower end of the interval, in `unit`.
        high: Upper end of the interval, in `unit`.
        unit: What it counts: a currency code such as CNY, `units`, `share`, ...
        confidence: Share of such intervals that hold the truth, such as .9.
        name: What the number is, in words (`Added sales`).
    """

    value: float
    low: float
    high: float
    unit: str
    confidence: float = 0.9
    name: Text = field(default_factory=lambda: Text(""))


@dataclass(frozen=True, kw_only=True)
class Action:
    """One concrete measure that follows from a finding.

    Attributes:
        what: The measure, a sentence in the imperative.
        owner: The department that takes it (`Purchasing`).
        due: The day by which it should be done.
        value: Expected gain in `unit`, or None where it cannot be said.
        unit: Unit of the value, usually a currency code.
    """

    what: Text
    owner: Text
    due: dt.date
    value: float | None = None
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One test of whether a finding may be trusted.

    Attributes:
        name: What was tested, a few words.
        passed: True, False, or None when it only informs.
        sentence: What came out, in plain words.
    """

    name: Text
    passed: bool | None
    sentence: Text


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a finding foretells, kept so that a later run can score it.

    Attributes:
        name: What is foretold (`weekly_units`).
        target: What it is about, as column to value (`{"item": "A-1"}`).
        due: The day on which the fact can be known.
        unit: Unit of the quantiles.
        quantiles: Probability (as text, `"0.5"`) to value.
    """

    name: str
    target: dict[str, str]
    due: dt.date
    unit: str
    quantiles: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An answer: one sentence with its number, what to do, how far to trust it.

    Attributes:
        room: The room that answers, one of `places.ROOMS`.
        headline: Sentence with a subject, a number, an interval and a unit.
        quantity: The headline's number.
        actions: What to do, most valuable first.
        checks: Tests of the answer, in any order.
        caveats: True limits of the answer, few.
        predictions: What to score later.
        facts: Further numbers that other pages use, name to number.
    """

    room: str
    headline: Text
    quantity: Quantity
    actions: tuple[Action, ...] = ()
    checks: tuple[Check, ...] = ()
    caveats: tuple[Text, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    facts: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold, both languages kept."""
        return _plain(asdict(self, dict_factory=_factory))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Finding:
        """Return the finding that `to_dict` wrote."""
        return cls(
            room=data["room"],
            headline=words.text(data["headline"]),
            quantity=Quantity(
                **{**data["quantity"], "name": words.text(data["quantity"]["name"])}
            ),
            actions=tuple(_action(a) for a in data["actions"]),
            checks=tuple(
                Check(
                    name=words.text(c["name"]),
                    passed=c["passed"],
                    sentence=words.text(c["sentence"]),
                )
                for c in data["checks"]
            ),
            caveats=tuple(words.text(c) for c in data["caveats"]),
            predictions=tuple(
                Prediction(**{**p, "due": dt.date.fromisoformat(p["due"])})
                for p in data["predictions"]
            ),
            facts=dict(data["facts"]),
        )


@dataclass(frozen=True, kw_only=True)
class Heading:
    """How one column of a shown table reads.

    Attributes:
        label: The heading.
        kind: `text`, `number`, `money`, `percent`, `day` or `month`.
        digits: Decimals, or None for the kind's own.
        unit: Currency code for money, else a unit written behind the heading.
    """

    label: Text
    kind: str = "text"
    digits: int | None = None
    unit: str = ""


def heading(
    label: Text, kind: str = "text", unit: str = "", digits: int | None = None
) -> Heading:
    """Return a heading, written short where a table has many.

    Example:
        >>> heading(Text("Stock", "库存"), "number", digits=0).digits
        0
    """
    return Heading(label=label, kind=kind, unit=unit, digits=digits)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as a reader sees it: a frame and how its columns read.

    Attributes:
        name: Name of the download, a word such as `orders`.
        title: What the table shows.
        frame: The rows; columns without a heading are not shown or exported.
        headings: Column name to heading, in the order shown.
        rows_shown: Rows on the page; the download holds all.
        workbooks: Language to an Excel file that is offered instead of the plain one.
    """

    name: str
    title: Text
    frame: pd.DataFrame
    headings: dict[str, Heading]
    rows_shown: int = 20
    workbooks: dict[str, bytes] = field(default_factory=dict)


def _action(data: dict[str, Any]) -> Action:
    return Action(
        what=words.text(data["what"]),
        owner=words.text(data["owner"]),
        due=dt.date.fromisoformat(data["due"]),
        value=data["value"],
        unit=data["unit"],
    )


def _factory(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(pairs)


def _plain(value: Any) -> Any:
    if isinstance(value, Text):
        return value.to_dict()
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    return value
