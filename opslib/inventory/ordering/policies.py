"""This module owns the order rules: what they would order, given stock and demand.

A rule is a `simulate.Policy`: it sees the week, the stock, what is on the way and the
demand so far, and answers with units to order. Levels come from draws of demand, so no
rule assumes a normal distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from opslib import checks
from opslib.inventory.ordering.simulate import order_for_quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opslib.inventory.ordering.simulate import Policy


def critical_ratio(*, holding: np.ndarray, shortage: np.ndarray) -> np.ndarray:
    """Return the textbook's chance of meeting demand: shortage over both costs.

    It is the best level for one period; where sales are lost over several periods it
    is too high, and `orders.tune` finds the level by simulation.

    Args:
        holding: Money for one unit left over, above zero.
        shortage: Money for one unit lost, above zero.

    Raises:
        ValueError: A cost is not above zero.

    Example:
        >>> critical_ratio(holding=np.array([0.2]), shortage=np.array([1.0])).round(3)
        array([0.833])
    """
    for name, cost in (("holding", holding), ("shortage", shortage)):
        checks.between(float(np.min(cost)), name, low=0, open_low=True)
    return np.asarray(shortage) / (np.asarray(shortage) + np.asarray(holding))


def newsvendor(
    draws: np.ndarray, *, holding: np.ndarray, shortage: np.ndarray
) -> np.ndarray:
    """Return the units that cost least when what is left over is lost or kept once.

    Args:
        draws: Possible demand, rows by draws.
        holding: Money for one unit left over, by row.
        shortage: Money for one unit lost, by row.

    Example:
        >>> newsvendor(np.arange(1.0, 11.0)[None, :], holding=np.array([1.0]),
        ...     shortage=np.array([4.0]))
        array([8.])
    """
    ratio = critical_ratio(holding=holding, shortage=shortage)
    ordered = np.sort(draws, axis=1)
    place = np.ceil(np.round(ratio * draws.shape[1], 9)).astype(int) - 1
    return ordered[np.arange(len(draws)), np.clip(place, 0, draws.shape[1] - 1)]


def stock_for_fill(draws: np.ndarray, *, fill: float) -> np.ndarray:
    """Return the least stock that meets a share of demand from the shelf.

    Args:
        draws: Possible demand over the time to cover, rows by draws.
        fill: Wanted share of units met, between 0 and 1.

    Example:
        >>> stock_for_fill(np.array([[0.0, 10.0]]), fill=0.8)
        array([8.])
    """
    checks.between(fill, "fill", low=0, high=1, open_low=True, open_high=True)
    low, high = np.zeros(len(draws)), draws.max(axis=1).astype(float)
    wanted = fill * draws.mean(axis=1)
    for _ in range(40):
        middle = (low + high) / 2
        enough = np.minimum(draws, middle[:, None]).mean(axis=1) >= wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.ceil(np.round(high, 6))


def order_quantity(
    *, yearly: np.ndarray, order_cost: float, holding: np.ndarray
) -> np.ndarray:
    """Return the units of one order that balance ordering and holding (EOQ).

    Args:
        yearly: Units sold in a year.
        order_cost: Money for placing one order, above zero.
        holding: Money for one unit kept a year, above zero.

    Example:
        >>> order_quantity(yearly=np.array([1300.0]), order_cost=8.0,
        ...     holding=np.array([0.225])).round(1)
        array([304.])
    """
    checks.between(order_cost, "order_cost", low=0, open_low=True)
    checks.between(float(np.min(holding)), "holding", low=0, open_low=True)
    return np.sqrt(2 * np.asarray(yearly) * order_cost / np.asarray(holding))


def up_to(target: np.ndarray) -> Policy:
    """Rule (R,S): each week, order what lacks to the target."""
    return lambda week, stock, line, seen: np.maximum(
        0, np.round(target - stock - line.sum(axis=1))
    )


def point_and_target(point: np.ndarray, target: np.ndarray) -> Policy:
    """Rule (s,S): order to the target once stock and pipeline fall to the point."""

    def rule(
        week: int, stock: np.ndarray, line: np.ndarray, seen: np.ndarray
    ) -> np.ndarray:
        place = stock + line.sum(axis=1)
        return np.where(place <= point, np.round(target - place), 0.0)

    return rule


def point_and_lots(point: np.ndarray, lot: np.ndarray) -> Policy:
    """Rule (R,s,Q): order as many whole lots as lift stock and pipeline over the point.

    Example:
        >>> rule = point_and_lots(np.array([5.0]), np.array([4.0]))
        >>> rule(0, np.array([1.0]), np.zeros((1, 2)), np.zeros((1, 0)))
        array([8.])
    """

    def rule(
        week: int, stock: np.ndarray, line: np.ndarray, seen: np.ndarray
    ) -> np.ndarray:
        gap = point - (stock + line.sum(axis=1))
        return np.where(gap >= 0, (np.floor(gap / lot) + 1) * lot, 0.0)

    return rule


def cover(
    expected: Callable[[int], np.ndarray], pack: np.ndarray | None = None
) -> Policy:
    """Usual rule: order what lacks to the sum of the next weeks' expected demand.

    Args:
        expected: Week of the window to expected units, rows by weeks to cover.
        pack: Units in a case, by row; what lacks is rounded up to full ones.
    """

    def rule(
        week: int, stock: np.ndarray, line: np.ndarray, seen: np.ndarray
    ) -> np.ndarray:
        lack = np.maximum(0, expected(week).sum(axis=1) - stock - line.sum(axis=1))
        return np.round(lack) if pack is None else np.ceil(lack / pack) * pack

    return rule


def by_chance(
    paths: Sequence[np.ndarray] | np.ndarray,
    level: float | np.ndarray,
    pack: np.ndarray | None = None,
    leads: np.ndarray | None = None,
) -> Policy:
    """Our rule: meet the delivery week's demand with a chance, sales being lost.

    Args:
        paths: Possible demand. As a list: what is known in each week of the window
            (rows, draws, weeks to the delivery); weeks beyond the list order nothing.
            As one array: paths of the whole window, foretold at its start.
        level: Wanted chance, between 0 and 1, one or one a row.
        pack: Units in a case, by row; None orders single units.
        leads: Chance of each lead time, as in `shortfall`; the paths then reach one
            week beyond the longest.
    """

    def rule(
        week: int, stock: np.ndarray, line: np.ndarray, seen: np.ndarray
    ) -> np.ndarray:
        if isinstance(paths, np.ndarray):
            far = line.shape[1] + 1 if leads is None else leads.shape[1]
            ahead = paths[:, :, week : week + far]
        elif week < len(paths):
            ahead = paths[week]
        else:
            return np.zeros(len(stock))
        return order_for_quantile(
            ahead, on_hand=stock, pipeline=line, level=level, pack=pack, leads=leads
        )

    return rule
