"""This module owns spending control: who may spend what, and what a line has left."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks

if TYPE_CHECKING:
    from opslib.budget.outlook import Books

KINDS = ("unapproved", "late", "beyond", "split")
_DATES = ("requested", "head_approved", "finance_approved", "spent")
_SAME = ["requester", "supplier", "department", "line"]


def breaches(
    requests: pd.DataFrame, limits: pd.DataFrame, *, day: dt.date, split_days: int = 7
) -> pd.DataFrame:
    """Return spending that breaks the authority table.

    The department head alone may approve up to the head's limit; above it finance
    approves too; above finance's limit neither suffices. A department without a row in
    the table needs both for everything; without any table the head alone suffices.

    Args:
        requests: request, department, line, requested, requester, supplier, amount,
            head_approved, finance_approved, spent.
        limits: department, head_limit, finance_limit.
        day: Today.
        split_days: Requests of one requester to one supplier on one line, so many days
            apart or less, count as one purchase.

    Returns:
        One row a breach: request, department, line, supplier, requested, spent, amount,
        kind (`unapproved`: spent without a needed approval; `late`: approved after it
        was spent; `beyond`: above finance's limit; `split`: below the head's limit one
        by one and above it together, without finance) and together (sum of a split).

    Raises:
        ValueError: A column lacks.

    Example:
        >>> asked = pd.DataFrame({"request": ["Q1"], "department": ["Sales"], "line": ["IT"],
        ...     "requested": ["2026-01-05"], "requester": ["a"], "supplier": ["b"], "amount": [1500.0],
        ...     "head_approved": ["2026-01-06"], "finance_approved": [None], "spent": ["2026-01-09"]})
        >>> table = pd.DataFrame({"department": ["Sales"], "head_limit": [1000.0], "finance_limit": [9000.0]})
        >>> breaches(asked, table, day=dt.date(2026, 2, 1))["kind"].tolist()
        ['unapproved']
    """
    checks.columns(
        requests, ["request", *_SAME, *_DATES, "amount"], "spending requests"
    )
    frame = _ready(requests, limits, day)
    spent = frame["spent"].notna()
    needed = frame["head_approved"].where(
        ~frame["needs_finance"],
        frame[["head_approved", "finance_approved"]].max(axis=1, skipna=False),
    )
    found = {
        "unapproved": spent & needed.isna(),
        "late": spent & (needed > frame["spent"]),
        "beyond": spent & (frame["amount"] > frame["finance_limit"]),
    }
    groups = frame.assign(together=_together(frame, split_days))
    found["split"] = (
        (groups["together"] > frame["head_limit"])
        & (frame["amount"] <= frame["head_limit"])
        & frame["finance_approved"].isna()
    )
    shown = groups[
        [
            "request",
            "department",
            "line",
            "supplier",
            "requested",
            "spent",
            "amount",
            "together",
        ]
    ]
    parts = [shown[mask].assign(kind=kind) for kind, mask in found.items()]
    table = pd.concat(parts, ignore_index=True)
    table["together"] = table["together"].where(table["kind"] == "split")
    return table.sort_values(
        ["kind", "amount"], ascending=[True, False], ignore_index=True
    )


def left(
    books: Books, requests: pd.DataFrame, commitments: pd.DataFrame, *, day: dt.date
) -> pd.DataFrame:
    """Return what every expense line has left of the year after commitments.

    Booked months count as booked; what was spent since the last close, or is approved
    and not yet spent, is on its way; commitments due in open months are bound.

    Args:
        books: The year's books.
        requests: As `breaches`.
        commitments: department, line, month, amount.
        day: Today.

    Returns:
        One row a line and department: plan, booked, on_its_way, committed, left, money.
    """
    units = books.units.assign(
        plan=books.plan.sum(axis=1),
        booked=books.booked.sum(axis=1),
    )
    units = units[units["kind"] == "expense"]
    opened = books.year + pd.DateOffset(months=books.closed)
    frame = requests.assign(
        **{c: pd.to_datetime(requests[c]) for c in _DATES},
        amount=requests["amount"].astype(float),
    )
    going = frame[
        (frame["spent"] >= opened)
        | (
            frame["spent"].isna()
            & frame["head_approved"].notna()
            & (frame["requested"] >= books.year)
        )
    ]
    bound = commitments[
        pd.to_datetime(commitments["month"]).between(
            opened, books.year + pd.DateOffset(months=11)
        )
    ]
    keys = ["line", "department"]
    table = units.set_index(keys)[["plan", "booked"]]
    table["on_its_way"] = (
        going.groupby(keys)["amount"].sum().reindex(table.index).fillna(0.0)
    )
    table["committed"] = (
        bound.assign(amount=bound["amount"].astype(float))
        .groupby(keys)["amount"]
        .sum()
        .reindex(table.index)
        .fillna(0.0)
    )
    table["left"] = (
        table["plan"] - table["booked"] - table["on_its_way"] - table["committed"]
    )
    return table.reset_index().sort_values("left", ignore_index=True)


def waiting(
    requests: pd.DataFrame, limits: pd.DataFrame, room: pd.DataFrame, *, day: dt.date
) -> pd.DataFrame:
    """Return requests not yet spent, whose approval they wait for and what their line has left.

    Args:
        requests: As `breaches`.
        limits: As `breaches`.
        room: What `left` gave.
        day: Today.

    Returns:
        One row a request: request, department, line, requested, amount, waits (`head`,
        `finance` or `nobody`), days, left (of the line, without this request where it is
        already counted), fits.
    """
    frame = _ready(requests, limits, day)
    frame = frame[frame["spent"].isna()]
    asks = np.where(
        frame["head_approved"].isna(),
        "head",
        np.where(
            frame["needs_finance"] & frame["finance_approved"].isna(),
            "finance",
            "nobody",
        ),
    )
    frame = frame.assign(
        waits=asks, days=(pd.Timestamp(day) - frame["requested"]).dt.days
    )
    frame = frame.merge(
        room[["line", "department", "left"]], on=["line", "department"], how="left"
    )
    counted = frame["head_approved"].notna() * frame["amount"]
    frame["left"] = frame["left"].astype(float) + counted
    frame["fits"] = frame["left"] >= frame["amount"]
    return frame[
        [
            "request",
            "department",
            "line",
            "requested",
            "amount",
            "waits",
            "days",
            "left",
            "fits",
        ]
    ].sort_values("amount", ascending=False, ignore_index=True)


def _ready(requests: pd.DataFrame, limits: pd.DataFrame, day: dt.date) -> pd.DataFrame:
    dates = {c: pd.to_datetime(requests[c]) for c in _DATES}
    frame = requests.assign(
        **{c: d.where(d <= pd.Timestamp(day)) for c, d in dates.items()},
        amount=requests["amount"].astype(float),
    )
    frame = frame[frame["requested"].notna()]
    frame = frame.merge(
        limits[["department", "head_limit", "finance_limit"]],
        on="department",
        how="left",
    )
    frame = frame.fillna(
        {"head_limit": np.inf if limits.empty else 0.0, "finance_limit": np.inf}
    )
    return frame.assign(needs_finance=frame["amount"] > frame["head_limit"])


def _together(frame: pd.DataFrame, days: int) -> pd.Series:
    """Return the sum of the purchase that a request is part of, where it has several."""
    small = frame[
        (frame["amount"] <= frame["head_limit"]) & frame["finance_approved"].isna()
    ]
    small = small.assign(**{c: small[c].fillna("") for c in _SAME}).sort_values(
        [*_SAME, "requested"]
    )
    fresh = (
        small.groupby(_SAME)["requested"].diff().dt.days.fillna(np.inf) > days
    ).cumsum()
    by = small.groupby(fresh)["amount"]
    return (
        by.transform("sum")
        .where(by.transform("size") > 1, 0.0)
        .reindex(frame.index)
        .fillna(0.0)
    )
