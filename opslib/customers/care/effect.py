"""This module owns what contacting brought: those contacted against those left alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib import checks, periods

LEAST_COMPARED = 30
WINDOW = 92  # days of plans that are compared together


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What contacting added to those contacted, beside those left alone by lot.

    Attributes:
        sides: held (False: contacted), customers, buyers (share who bought), amount
            (mean bought by all of them).
        enough: Whether both sides hold 30 customers or more; else the numbers below
            are missing.
        money: Money added a customer, with its range.
        buyers: Share of customers who bought because of the contact, likewise.
        saved: The same as a share of those who would not have bought.
        first: Day of the first plan compared, or None.
        days_after: Days after a plan in which purchases count.
        confidence: Coverage of the ranges.
    """

    sides: pd.DataFrame
    enough: bool
    money: tuple[float, float, float]
    buyers: tuple[float, float, float]
    saved: tuple[float, float, float]
    first: pd.Timestamp | None
    days_after: int
    confidence: float


def measure_contacts(
    contacts: pd.DataFrame, days: pd.DataFrame, *, until: str | pd.Timestamp,
    days_after: int = 28, confidence: float = 0.9,
) -> Effect:  # fmt: skip
    """Return what contacting added, against those left alone by lot.

    Plans of the last quarter count whose days after are all known; a customer named
    twice counts from the first. Ranges are Welch's (1947), for money and for the
    share of buyers alike. Assumes that who was left alone was drawn by lot.

    Args:
        contacts: day, customer, held (True: left alone) of everybody a plan named.
        days: customer, day, amount of every purchase known.
        until: Last day seen.
        days_after: Days after a plan in which purchases count.
        confidence: Coverage of the ranges.

    Raises:
        ValueError: A column lacks, or the days or the coverage are out of range.

    Example:
        >>> made = pd.DataFrame({"day": "2026-01-01", "customer": range(200),
        ...     "held": [False, True] * 100})
        >>> bought = made[~made["held"]].assign(day="2026-01-05", amount=10.0)
        >>> told = measure_contacts(made, bought, until="2026-03-01")
        >>> told.money[0], told.buyers[0]
        (10.0, 1.0)
    """
    checks.columns(contacts, ["day", "customer", "held"], "contacts")
    checks.columns(days, ["customer", "day", "amount"], "purchases")
    checks.between(days_after, "days_after", low=1, high=400)
    checks.between(confidence, "confidence", low=0.5, high=0.999)
    end = pd.Timestamp(periods.day(until)) - pd.Timedelta(days=days_after)
    made = contacts.assign(day=pd.to_datetime(contacts["day"]))
    made = made[made["day"].between(end - pd.Timedelta(days=WINDOW), end)]
    made = made.sort_values("day").drop_duplicates("customer")
    bought = days[["customer", "day", "amount"]].rename(columns={"day": "bought"})
    both = made[["customer", "day"]].merge(bought, on="customer")
    after = (pd.to_datetime(both["bought"]) - both["day"]).dt.days
    both = both[after.between(1, days_after)]
    amount = made["customer"].map(both.groupby("customer")["amount"].sum()).fillna(0.0)
    frame = pd.DataFrame(
        {"held": made["held"].astype(bool), "amount": amount,
         "buyers": made["customer"].isin(both["customer"]).astype(float)}
    )  # fmt: skip
    sides = frame.groupby("held").agg(
        customers=("amount", "size"),
        buyers=("buyers", "mean"),
        amount=("amount", "mean"),
    )
    sides = sides.reindex([False, True]).fillna({"customers": 0}).reset_index()
    enough = bool(sides["customers"].min() >= LEAST_COMPARED)
    gap = (np.nan,) * 3
    money, buyers = (
        _gap(frame, c, confidence) if enough else gap for c in ("amount", "buyers")
    )
    rest = max(1 - float(sides["buyers"].iloc[1]), 1e-9) if enough else np.nan
    return Effect(
        sides=sides,
        enough=enough,
        money=money,
        buyers=buyers,
        saved=tuple(x / rest for x in buyers),  # type: ignore[arg-type]
        first=made["day"].min() if len(made) else None,
        days_after=days_after,
        confidence=confidence,
    )


def _gap(
    frame: pd.DataFrame, column: str, confidence: float
) -> tuple[float, float, float]:
    from scipy import stats

    one, none = (frame.loc[frame["held"] == h, column] for h in (False, True))
    with np.errstate(invalid="ignore", divide="ignore"):
        told = stats.ttest_ind(one, none, equal_var=False)
        low, high = told.confidence_interval(confidence)
    value = float(one.mean() - none.mean())
    return value, *(float(x) if np.isfinite(x) else value for x in (low, high))
