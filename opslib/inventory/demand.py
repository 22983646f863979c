"""This module owns clean demand: weeks without sales are zero, empty shelves are unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib import checks


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Weekly demand of many series.

    Attributes:
        keys: item and place of each row.
        weeks: Monday of each week, no gap.
        units: Demand, rows by weeks; missing where an empty shelf hid it.
        price: Mean price paid for one unit, by row, missing where never sold.
        promoted: Share of units sold on promotion, rows by weeks.
        masked: Share of weeks after the first sale that are unknown.
        floor: Units sold in weeks that an empty shelf hid, zero elsewhere; None where
            none is hidden. Demand was at least that.
        known: What is known in advance of past and coming weeks, features by rows by
            weeks, as `with_plans` adds it; or None.
    """

    keys: pd.DataFrame
    weeks: pd.DatetimeIndex
    units: np.ndarray
    price: np.ndarray
    promoted: np.ndarray
    masked: float
    floor: np.ndarray | None = None
    known: np.ndarray | None = None

    def best_known(self) -> np.ndarray:
        """Return demand with hidden weeks at what is usual or what was sold, if more.

        Shelves run empty where demand was high, so leaving those weeks out would
        foretell too little. Weeks before a row's first sale stay missing.
        """
        if self.floor is None:
            return self.units
        unknown = np.isnan(self.units)
        floor = self.floor[:, : unknown.shape[1]]
        hidden = unknown & np.maximum.accumulate(~unknown | (floor > 0), axis=1)
        least = np.maximum(fill(self.units), floor)
        return np.where(hidden, least, self.units)

    def rows(self, pick: np.ndarray) -> Panel:
        """Return the panel of some rows."""
        return Panel(
            keys=self.keys[pick].reset_index(drop=True),
            weeks=self.weeks,
            units=self.units[pick],
            price=self.price[pick],
            promoted=self.promoted[pick],
            masked=self.masked,
            floor=None if self.floor is None else self.floor[pick],
            known=None if self.known is None else self.known[:, pick],
        )


def clean_demand(
    demand: pd.DataFrame,
    stock: pd.DataFrame | None = None,
    *,
    as_of: object = None,
    items: int = 0,
    out_days: int = 1,
) -> Panel:
    """Return weekly demand, with stock-out weeks masked where stock is known.

    The last week is left out when the day falls inside it. Weeks before a row's first
    sale are unknown, later weeks without a sale are zero.

    Args:
        demand: item, place, week, units, amount and promoted_units, one row a sale week.
        stock: item, place, week, days_out, one row a recorded week; or None.
        as_of: Last day of data; None takes the last week as whole.
        items: Keep this many items with the most sales, 0 for all.
        out_days: Days without stock from which a week's demand is unknown.

    Raises:
        ValueError: There is no row, a column is missing, or units are negative.

    Example:
        >>> rows = pd.DataFrame({"item": ["A", "A"], "place": ["x", "x"],
        ...     "week": pd.to_datetime(["2026-01-05", "2026-01-19"]),
        ...     "units": [2.0, 3.0], "amount": [4.0, 6.0], "promoted_units": [0.0, 0.0]})
        >>> clean_demand(rows).units.tolist()
        [[2.0, 0.0, 3.0]]
    """
    checks.columns(
        demand, ["item", "place", "week", "units", "amount"], "weekly demand"
    )
    if demand.empty:
        msg = "weekly demand holds no row; load sales lines first"
        raise ValueError(msg)
    if demand["units"].min() < 0:
        bad = demand.loc[demand["units"].idxmin()]
        msg = (
            f"item {bad['item']!r} has {bad['units']} units in the week of "
            f"{bad['week']:%Y-%m-%d}; units sold must be zero or more, returns kept apart"
        )
        raise ValueError(msg)
    demand = demand.assign(place=demand["place"].fillna("all"))
    if items:
        best = demand.groupby("item")["amount"].sum().nlargest(items).index
        demand = demand[demand["item"].isin(best)]
    last = demand["week"].max()
    if as_of is not None and pd.Timestamp(as_of) < last + pd.Timedelta(days=6):
        last -= pd.Timedelta(days=7)
    weeks = pd.date_range(demand["week"].min(), last, freq="7D")
    demand = demand[demand["week"] <= last]
    wide = demand.pivot_table(
        index=["item", "place"], columns="week", values="units", aggfunc="sum"
    )
    wide = wide.reindex(columns=weeks)
    units = np.nan_to_num(wide.to_numpy(float, copy=True))
    begun = np.maximum.accumulate(units > 0, axis=1)
    units = np.where(begun, units, np.nan)
    keys = wide.index.to_frame(index=False)
    hidden = _hidden(keys, weeks, stock, out_days)
    hidden &= begun
    floor = np.where(hidden, units, 0.0) if hidden.any() else None
    units = np.where(hidden, np.nan, units)
    totals = (
        demand.groupby(["item", "place"])[["amount", "units"]].sum().reindex(wide.index)
    )
    return Panel(
        keys=keys,
        weeks=weeks,
        units=units,
        price=(totals["amount"] / totals["units"]).to_numpy(),
        promoted=_promoted(demand, wide),
        masked=float(hidden.sum() / max(1, begun.sum())),
        floor=floor,
    )


def fill(units: np.ndarray) -> np.ndarray:
    """Return units with unknown weeks filled by the row's mean of 13 weeks before.

    Nothing later than a week is looked at to fill it.

    Example:
        >>> fill(np.array([[np.nan, 2.0, 4.0, np.nan]])).tolist()
        [[0.0, 2.0, 4.0, 3.0]]
    """
    frame = pd.DataFrame(units.T)
    usual = frame.rolling(13, min_periods=1).mean().ffill().fillna(0.0)
    return frame.fillna(usual).to_numpy().T


def known_mean(units: np.ndarray) -> np.ndarray:
    """Return the mean of each row's known weeks, zero where none is known.

    Example:
        >>> known_mean(np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])).tolist()
        [2.0, 0.0]
    """
    known = ~np.isnan(units)
    return np.where(known, units, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _hidden(
    keys: pd.DataFrame,
    weeks: pd.DatetimeIndex,
    stock: pd.DataFrame | None,
    out_days: int,
) -> np.ndarray:
    """Return where an empty shelf may have hidden demand."""
    if stock is None or stock.empty:
        return np.zeros((len(keys), len(weeks)), dtype=bool)
    out = stock[stock["days_out"] >= out_days]
    wide = out.assign(out=True).pivot_table(
        index=["item", "place"], columns="week", values="out", aggfunc="any"
    )
    wide = wide.reindex(index=pd.MultiIndex.from_frame(keys), columns=weeks)
    return wide.notna().to_numpy()


def _promoted(demand: pd.DataFrame, wide: pd.DataFrame) -> np.ndarray:
    if "promoted_units" not in demand:
        return np.zeros(wide.shape)
    part = demand.pivot_table(
        index=["item", "place"], columns="week", values="promoted_units", aggfunc="sum"
    ).reindex(index=wide.index, columns=wide.columns)
    share = part.to_numpy(float) / np.maximum(wide.to_numpy(float), 1e-9)
    return np.nan_to_num(share)
