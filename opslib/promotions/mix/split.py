"""This module owns the split of a budget: the best one, its gain, the last one's score."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks

if TYPE_CHECKING:
    from opslib.promotions.mix.curve import ResponseCurve
    from opslib.promotions.mix.forms import Array
    from opslib.promotions.mix.panel import Panel

STEPS = 240
REFINED = 2


@dataclass(frozen=True, kw_only=True)
class Split:
    """A proposed split of a weekly budget.

    Attributes:
        channels: Names of the channels.
        now: Weekly spend today.
        spend: Weekly spend proposed.
        gain: Added weekly sales over today's split at the same budget, by draw.
        beyond: Channels whose proposed spend was never seen.
        unspent: Money that no channel may take.
        held: Channels that a limit holds back from more or less.
    """

    channels: tuple[str, ...]
    now: Array
    spend: Array
    gain: Array
    beyond: tuple[str, ...]
    unspent: float
    held: tuple[str, ...] = ()


def best_split(
    curve: ResponseCurve,
    budget: float = 0.0,
    *,
    limits: dict[str, tuple[float, float]] | None = None,
    explore: bool = False,
) -> Split:
    """Return the split of a weekly budget that adds most sales on average over the draws.

    The best of all splits on a grid, found by dynamic programming, so that an S-shaped
    curve cannot trap it, then on finer grids around it.

    Args:
        curve: The response curve.
        budget: Weekly money to split; 0 for as much as today.
        limits: Least and most weekly spend of a channel, where given.
        explore: Whether spend outside of what was seen is allowed.

    Returns:
        The split; `gain` compares with today's split scaled to the same budget.

    Raises:
        ValueError: A limit names no channel or is upside down, or the least spends
            together exceed the budget.

    Example:
        >>> from opslib.promotions.mix.curve import ResponseCurve
        >>> rise = np.stack([np.sqrt(np.arange(9.0))[:, None], 2 * np.sqrt(np.arange(9.0))[:, None]])
        >>> curve = ResponseCurve(channels=("a", "b"), now=np.array([2.0, 2.0]), seen=np.array([[0.0, 8.0]] * 2), levels=np.array([np.arange(9.0)] * 2), added=rise)
        >>> best_split(curve).spend.round(1).tolist()
        [1.0, 3.0]
    """
    budget = budget or float(curve.now.sum())
    checks.between(budget, "weekly budget", low=0, open_low=True)
    low, high = _bounds(curve, limits or {}, explore)
    if low.sum() > budget * (1 + 1e-9):
        msg = f"the least spends add up to {low.sum():,.0f} a week, the budget is {budget:,.0f}; raise the budget, lower the limits or allow spend that was never seen"
        raise ValueError(msg)
    free = _bounds(curve, {}, explore)
    tight = (low > free[0]) | (high < free[1]), low, high
    spend = _on_grid(curve, budget, low, high)
    for _ in range(REFINED):
        near = 2 * (min(budget, high.sum()) - low.sum()) / STEPS
        low, high = np.maximum(low, spend - near), np.minimum(high, spend + near)
        spend = _on_grid(curve, budget, low, high)
    scaled = (
        curve.now * budget / curve.now.sum()
        if curve.now.sum()
        else np.full(len(low), budget / len(low))
    )
    return Split(
        channels=curve.channels,
        now=scaled,
        spend=spend,
        gain=curve.total(spend) - curve.total(scaled),
        beyond=tuple(curve.beyond(spend)),
        unspent=float(budget - spend.sum()) if budget > 1.005 * spend.sum() else 0.0,
        held=_held(curve.channels, spend, *tight),
    )


def read_limits(written: list[str]) -> dict[str, tuple[float, float]]:
    """Return the limits of channels from a page's parameter.

    Args:
        written: Each as `channel | least | most`, money a week; a part left empty is open.
            A semicolon divides parts too, but in an address or a form it divides limits.

    Raises:
        ValueError: A text has another number of parts, or a part is no number.

    Example:
        >>> read_limits(["TV | 100 | 900", "Search | | 50"])
        {'TV': (100.0, 900.0), 'Search': (0.0, 50.0)}
    """
    found = {}
    for text in written:
        parts = [p.strip() for p in re.split("[|;]", str(text))]
        try:
            name, least, most = parts
            found[name] = (float(least or 0), float(most or "inf"))
        except ValueError as wrong:
            msg = f"{text!r} is no limit ({wrong}); write: channel | least | most, in money a week"
            raise ValueError(msg) from None
    return found


def score_plans(
    curve: ResponseCurve, panel: Panel, record: pd.DataFrame
) -> pd.DataFrame:
    """Return how earlier splits do on today's curve, each at its own budget.

    Args:
        curve: Today's curve.
        panel: Weekly spend, for the splits that were really run.
        record: Earlier proposals: `run_day`, `channel`, `spend`; may be empty.

    Returns:
        One row a split: `plan` (`quarter`, `before` or the day of a proposal), `budget`,
        `added` with `low` and `high` (90 %), and `share` of what the best split of that
        budget adds.
    """
    weekly = panel.spend.sum(axis=1)
    plans = {
        "quarter": weekly[:, -13:].mean(axis=1),
        "before": weekly[:, -26:-13].mean(axis=1),
    }
    for day, rows in record.groupby("run_day") if len(record) else ():
        told = (
            rows.drop_duplicates("channel", keep="last")
            .set_index("channel")["spend"]
            .astype(float)
        )
        if set(told.index) == set(curve.channels):
            plans[str(day)] = told[list(curve.channels)].to_numpy()
    rows = []
    for name, spend in plans.items():
        if spend.sum() <= 0:
            continue
        added = curve.total(spend)
        best = curve.total(
            best_split(curve, float(spend.sum()), explore=True).spend
        ).mean()
        rows.append(
            {
                "plan": name,
                "budget": spend.sum(),
                "added": added.mean(),
                "low": np.quantile(added, 0.05),
                "high": np.quantile(added, 0.95),
                "share": added.mean() / max(1e-9, best),
            }
        )
    return pd.DataFrame(rows)


def _on_grid(curve: ResponseCurve, budget: float, low: Array, high: Array) -> Array:
    """Return the best split on an even grid between bounds, by dynamic programming."""
    steps = np.arange(STEPS + 1)
    unit = (min(budget, float(high.sum())) - low.sum()) / STEPS
    best, taken = np.zeros(STEPS + 1), []
    for c in range(len(low)):
        levels = low[c] + steps * unit
        worth = np.array([curve.at(c, x).mean() for x in levels])
        worth[levels > high[c] + 1e-9 * (1 + high[c])] = -np.inf
        every = np.where(
            steps[:, None] >= steps,
            best[np.maximum(steps[:, None] - steps, 0)] + worth,
            -np.inf,
        )
        taken.append(every.argmax(axis=1))
        best = every.max(axis=1)
    left, spend = int(np.flatnonzero(np.isfinite(best)).max()), np.empty(len(low))
    for c in reversed(range(len(low))):
        spend[c] = low[c] + taken[c][left] * unit
        left -= taken[c][left]
    return spend


def _held(
    channels: tuple[str, ...], spend: Array, tight: Array, low: Array, high: Array
) -> tuple[str, ...]:
    """Return the channels whose proposal lies on a bound that a limit has drawn."""
    near = 2e-3 * max(1e-9, float(spend.sum()))
    on = tight & ((spend - low < near) | (high - spend < near))
    return tuple(c for c, o in zip(channels, on, strict=True) if o)


def _bounds(
    curve: ResponseCurve, limits: dict[str, tuple[float, float]], explore: bool
) -> tuple[Array, Array]:
    low, high = (
        (np.zeros(len(curve.now)), curve.levels[:, -1].copy())
        if explore
        else (curve.seen[:, 0].copy(), curve.seen[:, 1].copy())
    )
    for name, (least, most) in limits.items():
        checks.one_of(name, "channel of a limit", curve.channels)
        if not 0 <= least <= most:
            msg = f"the limits of {name!r} are {least:g} to {most:g}; the least must lie between zero and the most"
            raise ValueError(msg)
        at = curve.channels.index(name)
        low[at], high[at] = (
            max(low[at], least) if not explore else least,
            min(high[at], most),
        )
        if low[at] > high[at]:
            msg = f"the limits of {name!r}, {least:g} to {most:g}, miss what was seen, {curve.seen[at, 0]:g} to {curve.seen[at, 1]:g}; widen them or allow spend that was never seen"
            raise ValueError(msg)
    return low, high
