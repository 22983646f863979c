"""This module owns what is known of coming weeks: promotions planned, holidays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from opslib import checks
from opslib.inventory.demand import Panel

AHEAD_WEEKS = 60


def with_plans(
    panel: Panel, *, promotions: pd.DataFrame, holidays: pd.DataFrame,
    products: pd.DataFrame, places: pd.DataFrame,
) -> Panel:  # fmt: skip
    """Return the panel with what is known in advance of each row and week.

    Four features reach from the first week to sixty weeks beyond the last: share of the
    week's days on promotion, planned discount over the week, holidays in the week, and
    holidays in the next one. Where neither table holds a row, the panel stays as it is.

    Args:
        panel: Clean demand.
        promotions: region, category, starts, ends, discount; may be empty.
        holidays: day; may be empty.
        products: item and category.
        places: place and region; a place that is not named is its own region.

    Raises:
        ValueError: A column is missing.

    Example:
        >>> from opslib.inventory.demand import clean_demand
        >>> sold = pd.DataFrame({"item": ["A"], "place": ["x"], "units": [2.0],
        ...     "week": pd.to_datetime(["2026-01-05"]), "amount": [4.0]})
        >>> none, day = pd.DataFrame(), pd.to_datetime(["2026-01-16"])
        >>> told = with_plans(clean_demand(sold), promotions=none, products=none,
        ...     places=none, holidays=pd.DataFrame({"day": day}))
        >>> told.known[2:, 0, :3].tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    if not len(promotions) and not len(holidays):
        return panel
    first, weeks = panel.weeks[0], len(panel.weeks) + AHEAD_WEEKS
    known = np.zeros((4, len(panel.units), weeks), np.float32)
    if len(holidays):
        checks.columns(holidays, ["day"], "holidays")
        week = (pd.to_datetime(holidays["day"]) - first).dt.days // 7
        count = np.bincount(week[(week >= 0) & (week <= weeks)], minlength=weeks + 1)
        known[2], known[3] = count[:-1], count[1:]
    if len(promotions):
        _promoted(known, panel, promotions, _groups(panel, products, places))
    return replace(panel, known=known)


def _groups(
    panel: Panel, products: pd.DataFrame, places: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Return the region and category of each row."""
    place, item = panel.keys["place"], panel.keys["item"]
    region, category = place, pd.Series(None, index=item.index, dtype=object)
    if len(places):
        region = place.map(places.set_index("place")["region"]).fillna(place)
    if len(products):
        known = products.drop_duplicates("item").set_index("item")["category"]
        category = item.map(known)
    return region.to_numpy(object), category.to_numpy(object)


def _promoted(
    known: np.ndarray, panel: Panel, promotions: pd.DataFrame,
    groups: tuple[np.ndarray, np.ndarray],
) -> None:  # fmt: skip
    """Write share of days on promotion and discount into the first two features."""
    wanted = ["region", "category", "starts", "ends", "discount"]
    checks.columns(promotions, wanted, "promotions")
    monday = (panel.weeks[0] + pd.to_timedelta(7 * np.arange(known.shape[2]), unit="D")).to_numpy()  # fmt: skip
    for one in promotions[wanted].itertuples():
        rows = (groups[0] == one.region) & (groups[1] == one.category)
        begin, end = np.datetime64(one.starts, "D"), np.datetime64(one.ends, "D")
        left = np.maximum(monday.astype("datetime64[D]"), begin)
        right = np.minimum(
            (monday + np.timedelta64(6, "D")).astype("datetime64[D]"), end
        )
        share = np.maximum(0, (right - left).astype(int) + 1) / 7
        deep = 0.0 if pd.isna(one.discount) else float(one.discount)
        known[0, rows] = np.minimum(1, known[0, rows] + share)
        known[1, rows] = np.maximum(known[1, rows], share * deep)
