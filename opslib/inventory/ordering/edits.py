"""This module owns the buyer's own orders: kept beside ours, and priced by what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.inventory.demand import Panel, fill

if TYPE_CHECKING:
    from opslib.inventory.ordering.terms import Terms

COLUMNS = ("day", "item", "place", "proposed", "wanted")


def apply_edits(
    listed: pd.DataFrame, edits: pd.DataFrame, *, day: object
) -> pd.DataFrame:
    """Return the order list with the buyer's numbers where one was given for the day.

    Args:
        listed: What `plan` gave; `order` is kept as `proposed`.
        edits: day, item, place, wanted, one row a line; may be empty.
        day: Day of the list.

    Example:
        >>> listed = pd.DataFrame({"item": ["A"], "place": ["x"], "order": [6.0],
        ...     "pack": [6.0], "buy": [2.0], "packs": [1.0], "money": [12.0]})
        >>> edits = pd.DataFrame({"day": ["2026-01-05"], "item": ["A"], "place": ["x"],
        ...     "proposed": [6.0], "wanted": [12.0]})
        >>> apply_edits(listed, edits, day="2026-01-05")["money"].tolist()
        [24.0]
    """
    listed = listed.assign(proposed=listed["order"], edited=False)
    if edits.empty:
        return listed
    now = edits[pd.to_datetime(edits["day"]) == pd.Timestamp(day)]
    own = now.groupby(["item", "place"])["wanted"].last()
    at = pd.MultiIndex.from_frame(listed[["item", "place"]])
    wanted = pd.Series(own.reindex(at).to_numpy(float), index=listed.index)
    order = wanted.fillna(listed["order"])
    return listed.assign(
        order=order,
        packs=order / listed["pack"],
        money=order * listed["buy"],
        edited=wanted.notna() & (wanted != listed["proposed"]),
    )


def price_edits(
    edits: pd.DataFrame, panel: Panel, told: Terms, *, holding_rate: float
) -> pd.DataFrame:
    """Return what the buyer's changes saved, replayed on the demand that came.

    Stock of the day and what was on the way are carried forward through the demand
    that came, with lost sales; in the delivery week each order is charged for units
    lost and units left. Lines whose delivery week has not passed are left out.

    Args:
        edits: day, item, place, proposed, wanted, on_hand, in_pipeline, lead_weeks.
        panel: Clean demand that reaches past the delivery weeks.
        told: Terms, for the money of one unit.
        holding_rate: Yearly cost of stock as a share of its value.

    Returns:
        day, item, place, proposed, wanted, needed (units short at delivery without an
        order), saved (money; above zero where the buyer did better than the list).

    Raises:
        ValueError: A column is missing.
    """
    checks.columns(edits, COLUMNS, "order edits")
    changed = edits[edits["proposed"] != edits["wanted"]]
    rows = pd.MultiIndex.from_frame(panel.keys).get_indexer(
        pd.MultiIndex.from_frame(changed[["item", "place"]])
    )
    demand = np.nan_to_num(fill(panel.best_known()))
    parts = []
    for row, line in zip(rows, changed.to_dict("records"), strict=True):
        lead = int(np.nan_to_num(line.get("lead_weeks", 1), nan=1))
        monday = pd.Timestamp(line["day"])
        first = int(np.searchsorted(panel.weeks, monday, side="right"))
        if row < 0 or first + lead >= len(panel.weeks):
            continue
        stock = float(np.nan_to_num(line.get("on_hand", 0.0)))
        coming = float(np.nan_to_num(line.get("in_pipeline", 0.0))) / max(1, lead)
        for week in range(first, first + lead):
            stock = max(0.0, stock + coming - demand[row, week])
        needed = demand[row, first + lead] - stock
        terms = told.frame.iloc[row]
        hold = terms["cost"] * holding_rate / 52
        margin = max(0.0, terms["price"] - terms["cost"])

        def cost(
            order: float,
            needed: float = needed,
            hold: float = hold,
            margin: float = margin,
        ) -> float:
            return margin * max(0, needed - order) + hold * max(0, order - needed)

        saved = cost(line["proposed"]) - cost(line["wanted"])
        parts.append({c: line[c] for c in COLUMNS} | {"needed": needed, "saved": saved})
    return pd.DataFrame(parts, columns=[*COLUMNS, "needed", "saved"])
