"""This module owns hierarchies: items, places and the whole told so that they add up.

Sums are foretold as series of their own, where a season shows that no single item
shows; then items and sums are moved towards each other, each as far as it is unsure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.inventory.ahead import series
from opslib.inventory.demand import fill

if TYPE_CHECKING:
    from opslib.inventory.demand import Panel

LEAST_WEEKS = 104


def reconcile(
    bottom: np.ndarray, sums: np.ndarray, tops: np.ndarray, *,
    bottom_variance: np.ndarray, top_variance: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return items' forecasts moved so that items and sums agree, by least squares.

    With independent errors this is the combination of least variance (Wickramasuriya,
    Athanasopoulos and Hyndman 2019), written so that only as many equations are solved
    as there are sums.

    Args:
        bottom: Items' forecasts, items by weeks.
        sums: Which items a sum holds: sums by items of 0 and 1.
        tops: Forecasts of the sums, sums by weeks.
        bottom_variance: Squared error of each item, above zero, by item or by item
            and week.
        top_variance: Squared error of each sum, above zero, likewise.

    Returns:
        Items' forecasts, never negative; sums of them are the sums' forecasts.

    Raises:
        ValueError: Shapes do not fit, or a variance is not above zero.

    Example:
        >>> reconcile(np.array([[4.0], [6.0]]), np.array([[1, 1]]), np.array([[13.0]]),
        ...     bottom_variance=np.array([1.0, 1.0]), top_variance=np.array([1.0])).tolist()
        [[5.0], [7.0]]
    """
    if sums.shape != (len(tops), len(bottom)) or tops.shape[1] != bottom.shape[1]:
        msg = (
            f"sums has shape {sums.shape}, tops {tops.shape}, bottom {bottom.shape}; "
            "sums needs a row for each top and a column for each item"
        )
        raise ValueError(msg)
    for name, one in (
        ("bottom_variance", bottom_variance),
        ("top_variance", top_variance),
    ):
        checks.between(float(np.min(one)), name, low=0, open_low=True)
    weeks = bottom.shape[1]
    below = np.broadcast_to(
        np.reshape(bottom_variance, (len(bottom), -1)), bottom.shape
    )
    above = np.broadcast_to(np.reshape(top_variance, (len(tops), -1)), tops.shape)
    moved = np.empty_like(bottom, dtype=float)
    for week in range(weeks):
        spread = sums * below[:, week]
        gap = tops[:, week] - sums @ bottom[:, week]
        pull = np.linalg.solve(spread @ sums.T + np.diag(above[:, week]), gap)
        moved[:, week] = bottom[:, week] + spread.T @ pull
    return np.maximum(0.0, moved)


def with_totals(panel: Panel, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return means that agree with forecasts of the whole and of each place.

    A history of less than two years tells no season of sums; it leaves means as they are.

    Args:
        panel: Clean demand.
        mean: Expected units, rows by weeks.
        variance: Squared error of each mean, rows by weeks.
    """
    weeks = panel.units.shape[1]
    if weeks < LEAST_WEEKS or len(mean) < 2:
        return mean
    places = pd.factorize(panel.keys["place"])[0]
    codes = np.unique(places)
    sums = (places[None, :] == codes[:, None]).astype(float)
    sums = np.vstack([np.ones((1, len(mean))), sums]) if len(codes) > 1 else sums
    known = sums @ fill(panel.best_known())
    begun = max(0, int(np.argmax(known.min(axis=0) > 0)))
    if weeks - begun < LEAST_WEEKS:
        return mean
    told = series.outlook(list(known[:, begun:]), ahead=mean.shape[1])
    return reconcile(
        mean, sums, told.mean, bottom_variance=np.maximum(variance, 1e-9),
        top_variance=np.maximum(told.error**2, 1e-9),
    )  # fmt: skip
