"""This module owns the stock simulator: lost sales, lead times, money, week by week.

Everything is vectorised over rows; a row is an item in a place, or the same item in
another window, so many windows cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Policy = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a policy led to, by row and week.

    Attributes:
        holding: Money for stock left at the end of each week.
        shortage: Money for units lost in each week.
        stock: Units left at the end of each week.
        lost: Units lost in each week.
        sold: Units sold in each week.
        orders: Units ordered at the end of each week before the last.
    """

    holding: np.ndarray
    shortage: np.ndarray
    stock: np.ndarray
    lost: np.ndarray
    sold: np.ndarray
    orders: np.ndarray

    @property
    def cost(self) -> np.ndarray:
        """Money by row and week."""
        return self.holding + self.shortage


def simulate(
    demand: np.ndarray,
    policy: Policy,
    *,
    on_hand: np.ndarray,
    pipeline: np.ndarray,
    holding_cost: float | np.ndarray = 0.2,
    shortage_cost: float | np.ndarray = 1.0,
    late: np.ndarray | None = None,
) -> Outcome:
    """Run a policy against demand, one week after the other.

    At the start of a week the due delivery is added; demand is met as far as stock
    lasts, the rest is lost; then the policy orders, and its order arrives at the start
    of the week that lies one week beyond the pipeline, or so many weeks later as
    `late` says. The policy sees an order under way in the week it is due; an overdue
    one, which nobody knows the day of, it sees in the next week.

    Args:
        demand: Units wanted, rows by weeks.
        policy: Gets the week (0 before the first), stock at its end, the pipeline and
            the demand seen so far; returns units to order.
        on_hand: Units in stock before the first week, by row.
        pipeline: Units that arrive in the next weeks, rows by weeks, nearest first.
        holding_cost: Money for one unit left at the end of a week.
        shortage_cost: Money for one unit lost.
        late: Weeks by which the order of each week comes later than usual (sooner
            where negative), rows by weeks; None lets all come on time.

    Returns:
        Money and units by row and week.

    Raises:
        ValueError: Shapes do not fit, or a demand is missing or negative.

    Example:
        >>> nothing = lambda week, stock, pipe, seen: np.zeros(len(stock))
        >>> out = simulate(np.array([[3.0, 3.0]]), nothing,
        ...     on_hand=np.array([4.0]), pipeline=np.zeros((1, 2)))
        >>> out.cost.round(2).tolist()
        [[0.2, 2.0]]
    """
    demand, stock = _checked(demand, on_hand, pipeline)
    rows, weeks = demand.shape
    lead = pipeline.shape[1]
    late = np.zeros((rows, weeks), int) if late is None else np.asarray(late, int)
    lead_of = np.maximum(lead + late, 0)
    arriving = np.zeros((rows, weeks + int(lead_of.max(initial=lead)) + 1))
    arriving[:, :lead] = pipeline
    row = np.arange(rows)
    kept = {k: np.zeros((rows, weeks)) for k in ("stock", "lost", "sold", "orders")}
    for week in range(weeks):
        seen = arriving[:, week : week + lead]
        if late.any():
            seen = _under_way(pipeline, kept["orders"], lead_of, week)
        order = np.maximum(0, policy(week, stock, seen, demand[:, :week]))
        kept["orders"][:, week] = order
        arriving[row, week + lead_of[:, week]] += order
        stock = stock + arriving[:, week]
        sold = np.minimum(stock, demand[:, week])
        stock = stock - sold
        kept["sold"][:, week], kept["stock"][:, week] = sold, stock
        kept["lost"][:, week] = demand[:, week] - sold
    return Outcome(
        holding=_by_row(holding_cost) * kept["stock"],
        shortage=_by_row(shortage_cost) * kept["lost"],
        **kept,
    )


def order_for_quantile(
    paths: np.ndarray,
    *,
    on_hand: np.ndarray,
    pipeline: np.ndarray,
    level: float | np.ndarray,
    pack: np.ndarray | None = None,
    leads: np.ndarray | None = None,
) -> np.ndarray:
    """Return orders that meet a delivery week's demand with a wanted chance.

    Stock is projected along each path with lost sales up to the delivery week; the
    order lifts it so that a share `level` of the paths is met in that week.

    Args:
        paths: Possible demand: rows, draws, weeks; the last week is the delivery's.
        on_hand: Units in stock now.
        pipeline: Units that arrive in each week before the delivery.
        level: Wanted chance, between 0 and 1, one or one a row.
        pack: Units in a case, by row; None orders single units.
        leads: Chance of each lead time, as in `shortfall`.

    Returns:
        Whole units to order, by row, never negative.

    Example:
        >>> paths = np.full((1, 5, 3), 2.0)
        >>> order_for_quantile(paths, on_hand=np.array([3.0]),
        ...     pipeline=np.array([[0.0, 1.0]]), level=0.8)
        array([2.])
    """
    need = shortfall(paths, on_hand=on_hand, pipeline=pipeline, leads=leads)
    if pack is not None:
        return in_packs(need, level=level, pack=pack)
    return np.maximum(0, np.round(quantile_by_row(need, level)))


def in_packs(
    need: np.ndarray, *, level: float | np.ndarray, pack: np.ndarray
) -> np.ndarray:
    """Return whole packs for a quantile of need, rounded to the side that costs less.

    At the level, a unit short weighs `level` and a unit left over `1 - level`; with a
    high level a pack is opened for a single likely sale.

    Args:
        need: Possible need in the delivery week, rows by draws; below zero, none.
        level: Wanted chance, one or one a row.
        pack: Units in a case, by row, at least 1.

    Example:
        >>> need = np.array([[0.0, 0.0, 2.0, 2.0]])
        >>> in_packs(need, level=0.95, pack=np.array([12.0]))
        array([12.])
        >>> in_packs(need, level=0.55, pack=np.array([12.0]))
        array([0.])
    """
    wanted = np.maximum(0, quantile_by_row(need, level))
    low = np.floor(wanted / pack + 1e-9) * pack
    weight = np.broadcast_to(np.asarray(level, float), low.shape)

    def worth(order: np.ndarray) -> np.ndarray:
        gap = need - order[:, None]
        short, left = np.maximum(gap, 0), np.maximum(-gap, 0)
        return weight * short.mean(axis=1) + (1 - weight) * left.mean(axis=1)

    return np.where(worth(low + pack) < worth(low), low + pack, low)


def quantile_by_row(values: np.ndarray, level: float | np.ndarray) -> np.ndarray:
    """Return each row's quantile at its own level.

    Example:
        >>> quantile_by_row(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]), np.array([0.5, 1]))
        array([2., 3.])
    """
    if np.ndim(level) == 0:
        return np.quantile(values, level, axis=1)
    ordered = np.sort(values, axis=1)
    at = np.asarray(level) * (values.shape[1] - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, values.shape[1] - 1)
    row = np.arange(len(values))
    return ordered[row, low] + (at - low) * (ordered[row, high] - ordered[row, low])


def shortfall(
    paths: np.ndarray, *, on_hand: np.ndarray, pipeline: np.ndarray,
    leads: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Return what each path lacks until the order after this one arrives.

    Where all orders take as long, that is the last week of the paths. Where lead times
    vary, this order and the next, placed a week later, each draw their own: a late
    next order lengthens the time that this one must last.

    Args:
        paths: Possible demand: rows, draws, weeks.
        on_hand: Units in stock now, by row.
        pipeline: Units that arrive in each coming week, rows by weeks.
        leads: Chance of a lead time of 0, 1, ... weeks, rows by weeks; None takes the
            paths' last week as the week of delivery for sure.

    Returns:
        Units lacking (below zero: left over), rows by draws.

    Example:
        >>> paths = np.full((1, 4, 4), 2.0)
        >>> shortfall(paths, on_hand=np.array([2.0]), pipeline=np.zeros((1, 3)),
        ...     leads=np.array([[0.0, 1.0]])).tolist()
        [[2.0, 2.0, 2.0, 2.0]]
    """
    return projected(paths, on_hand=on_hand, pipeline=pipeline, leads=leads)[1]


def projected(
    paths: np.ndarray, *, on_hand: np.ndarray, pipeline: np.ndarray,
    leads: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return stock at delivery, need until the next one, and whether sales are lost before.

    The arguments are those of `shortfall`.

    Returns:
        Units left as the order arrives, units lacking until the next one arrives, and
        whether demand meets an empty shelf before the arrival; each rows by draws.
    """
    rows, draws, weeks = paths.shape
    if leads is None:
        first = last = np.full((rows, draws), weeks - 1)
    else:
        first, after = _drawn(leads, draws, 1), _drawn(leads, draws, 2)
        first = np.minimum(first, weeks - 1)
        last = np.minimum(np.maximum(first, after), weeks - 1)
    stock = np.repeat(np.asarray(on_hand, float)[:, None], draws, axis=1)
    held, lost = stock.copy(), np.zeros((rows, draws), bool)
    for week in range(weeks):
        due = pipeline[:, week][:, None] if week < pipeline.shape[1] else 0.0
        held = np.where(week == first, stock + due, held)
        left = stock + due - paths[:, :, week]
        waits = week < first
        lost |= waits & (left < 0)
        left = np.where(waits, np.maximum(0, left), left)
        stock = np.where(week <= last, left, stock)
    return held, -stock, lost


def _drawn(leads: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Return a lead time for each draw, in shares that are the chances: rows by draws."""
    spread = (np.random.default_rng(seed).permutation(draws) + 0.5) / draws
    upto = np.cumsum(leads, axis=1)[:, :-1]
    return (spread[None, :, None] > upto[:, None, :]).sum(axis=2)


def _under_way(
    pipeline: np.ndarray, orders: np.ndarray, lead_of: np.ndarray, week: int
) -> np.ndarray:
    """Return what a buyer sees on the way: by the week it is due, overdue ones next."""
    lead = pipeline.shape[1]
    seen = np.zeros_like(pipeline, dtype=float)
    seen[:, : max(0, lead - week)] = pipeline[:, week:]
    for placed in range(week if lead else 0):
        open_ = placed + lead_of[:, placed] >= week
        at = min(max(placed + lead - week, 0), lead - 1)
        seen[:, at] += np.where(open_, orders[:, placed], 0.0)
    return seen


def _checked(
    demand: np.ndarray, on_hand: np.ndarray, pipeline: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    demand = np.asarray(demand, float)
    if demand.ndim != 2 or len(on_hand) != len(demand) or len(pipeline) != len(demand):
        msg = (
            f"demand has shape {demand.shape}, on_hand {np.shape(on_hand)}, pipeline "
            f"{np.shape(pipeline)}; each needs one entry a row of demand"
        )
        raise ValueError(msg)
    if not (demand >= 0).all():
        row, week = np.argwhere(~(demand >= 0))[0]
        msg = (
            f"demand of row {row} in week {week} is {demand[row, week]}; "
            "it must be zero or more; fill masked weeks first"
        )
        raise ValueError(msg)
    return demand, np.asarray(on_hand, float)


def _by_row(cost: float | np.ndarray) -> np.ndarray:
    return np.reshape(cost, (-1, 1)) if np.ndim(cost) else np.asarray(cost)
