"""This module owns early warning: limits solved from a budget of false alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from opslib import checks

_WEIGHT = 0.2  # weight of the newest month in the smoothed mean
_SOONEST = 2.2  # months; a chart of both sides alarms after half, at least one
_LATEST = 1e7  # months; beyond, the integral equation is no longer solved exactly
_SHIFTS = (0.5, 1.0, 1.5, 2.0)
SHIFT = 1.0  # shift to be seen soon, in standard deviations of a month


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Limits that keep a false-alarm budget, and what they cost in delay.

    Attributes:
        limit: Limit of the cumulative sums, in standard deviations.
        drift: What a month may lie above expectation without counting, in sds.
        false_alarms: False alarms a quarter over all lines that the limit gives.
        delay: Shift in sds to mean months until it is seen.
        smoothed: The same by a smoothed mean (EWMA) with as few false alarms.
        lines: Lines watched.
    """

    limit: float
    drift: float
    false_alarms: float
    delay: dict[float, float]
    smoothed: dict[float, float]
    lines: int


def cusum_run_length(limit: float, *, drift: float = 0.5, shift: float = 0.0) -> float:
    """Return the mean months until a one-sided cumulative sum passes its limit.

    Solves the integral equation of the run length on Gauss-Legendre nodes (Page 1954);
    months are independent and normal, shifts in standard deviations.

    Args:
        limit: The limit, in standard deviations.
        drift: Reference value, in standard deviations.
        shift: True shift, in standard deviations.

    Example:
        >>> round(cusum_run_length(4.0), 1), round(cusum_run_length(4.0, shift=1), 2)
        (335.4, 8.38)
    """
    checks.between(limit, "limit", low=0, open_low=True)
    nodes, weights = _nodes(0.0, limit)
    at_zero = stats.norm.cdf(drift - shift - nodes)
    kernel = stats.norm.pdf(nodes[None, :] - nodes[:, None] + drift - shift) * weights
    size = len(nodes)
    system = np.eye(size + 1)
    system[:size, :size] -= kernel
    system[:size, size] -= at_zero
    system[size, :size] -= stats.norm.pdf(nodes + drift - shift) * weights
    system[size, size] -= stats.norm.cdf(drift - shift)
    return float(np.linalg.solve(system, np.ones(size + 1))[size])


def two_sided(up: float, down: float) -> float:
    """Return the mean months until either of two one-sided sums gives an alarm.

    Example:
        >>> round(two_sided(335.36, 335.36), 2)
        167.68
    """
    return 1 / (1 / up + 1 / down)


def ewma_run_length(weight: float, width: float, *, shift: float = 0.0) -> float:
    """Return the mean months until a two-sided smoothed mean passes its limits.

    Args:
        weight: Weight of the newest month, in (0, 1].
        width: Limits in standard deviations of the smoothed mean (Lucas and Saccucci
            1990).
        shift: True shift, in standard deviations of a month.

    Example:
        >>> round(ewma_run_length(0.2, 2.962))
        500
    """
    checks.between(weight, "weight", low=0, high=1, open_low=True)
    edge = width * np.sqrt(weight / (2 - weight))
    nodes, weights = _nodes(-edge, edge)
    move = (nodes[None, :] - (1 - weight) * nodes[:, None]) / weight - shift
    kernel = stats.norm.pdf(move) * weights / weight
    lengths = np.linalg.solve(np.eye(len(nodes)) - kernel, np.ones(len(nodes)))
    start = stats.norm.pdf(nodes / weight - shift) * weights / weight
    return float(1 + start @ lengths)


def solve_watch(*, lines: int, false_alarms: float, drift: float = SHIFT / 2) -> Watch:
    """Return the limit that gives a bearable number of false alarms, and its delay.

    Args:
        lines: Lines watched every month, one alarm side each.
        false_alarms: Bearable false alarms a quarter over all lines.
        drift: Half the shift to be seen soonest, in standard deviations.

    Raises:
        ValueError: More false alarms wanted than half the readings of a quarter.

    Example:
        >>> watch = solve_watch(lines=12, false_alarms=0.5)
        >>> round(watch.false_alarms, 3), watch.delay[2.0] < watch.delay[1.0]
        (0.5, True)
    """
    checks.at_least(lines, 1, "lines", "Watch at least one.")
    checks.between(false_alarms, "false_alarms", low=1e-4, high=1.5 * lines)
    wanted = 3 * lines / false_alarms
    limit = optimize.brentq(
        lambda h: np.log(cusum_run_length(h, drift=drift) / wanted), 0.01, 25, xtol=1e-6
    )
    width = solve_smoothed(float(np.clip(wanted, _SOONEST, _LATEST)))
    return Watch(
        limit=float(limit),
        drift=drift,
        false_alarms=3 * lines / cusum_run_length(limit, drift=drift),
        delay={s: cusum_run_length(limit, drift=drift, shift=s) for s in _SHIFTS},
        smoothed={s: ewma_run_length(_WEIGHT, width, shift=s) for s in _SHIFTS},
        lines=lines,
    )


def solve_smoothed(months: float) -> float:
    """Return the width of a smoothed mean's limit that gives a mean time to a false alarm.

    One side is watched, so a chart with both sides alarms in half the time.

    Args:
        months: Mean months to a false alarm on the watched side, from 2.2 to ten million.

    Returns:
        Width in standard deviations of the smoothed mean, weight of the newest 0.2.

    Example:
        >>> round(solve_smoothed(1000), 3)
        2.962
    """
    checks.between(months, "months", low=_SOONEST, high=_LATEST)
    return float(
        optimize.brentq(
            lambda w: np.log(2 * ewma_run_length(_WEIGHT, w) / months),
            0.01, 5.8, xtol=1e-6,
        )
    )  # fmt: skip


def alarms(scores: pd.DataFrame, watch: Watch) -> pd.DataFrame:
    """Return each line's cumulative sum and whether and when it gave an alarm.

    Args:
        scores: Months x lines, each how far spending lay above expectation, in sds; no
            month gives no alarm.
        watch: The solved limits.

    Returns:
        One row a line: line, now (sum today, sds), share (of the limit), alarm, since
        (month of the alarm), shift (mean sds since the sum was last zero) and found
        (whether the newest month alone stands out at the same false discovery rate).

    Example:
        >>> months = pd.DataFrame({"a": [0.0] * 6, "b": [3.0] * 6})
        >>> alarms(months, solve_watch(lines=2, false_alarms=0.1))["alarm"].tolist()
        [True, False]
    """
    rows = []
    for name in scores.columns:
        total, start, since, shift = 0.0, 0, None, 0.0
        values = scores[name].to_numpy(float)
        for at, value in enumerate(values):
            total = max(0.0, total + value - watch.drift)
            start = at + 1 if total == 0 else start
            if total > watch.limit and since is None:
                since = scores.index[at]
            since = None if total == 0 else since
        if total > 0:
            shift = float(values[start:].mean())
        rows.append((name, total, total / watch.limit, since is not None, since, shift))
    frame = pd.DataFrame(
        rows, columns=["line", "now", "share", "alarm", "since", "shift"]
    )
    rate = min(0.5, watch.false_alarms / 3)
    newest = stats.norm.sf(scores.tail(1).sum().to_numpy(float))
    frame = frame.assign(found=discoveries(newest, rate=rate))
    return frame.sort_values("share", ascending=False, ignore_index=True)


def discoveries(chances: np.ndarray, *, rate: float) -> np.ndarray:
    """Return which lines stand out when few of those named may be false.

    Benjamini and Hochberg 1995; right for independent or positively tied lines.

    Args:
        chances: Chance of so large a value by luck, one a line.
        rate: Bearable share of false names among those named.

    Example:
        >>> discoveries(np.array([0.001, 0.03, 0.6]), rate=0.1).tolist()
        [True, True, False]
    """
    checks.between(rate, "rate", low=0, high=1)
    order = np.argsort(chances)
    bounds = rate * np.arange(1, len(order) + 1) / len(order)
    fine = np.flatnonzero(np.asarray(chances)[order] <= bounds)
    named = np.zeros(len(order), bool)
    named[order[: fine[-1] + 1 if len(fine) else 0]] = True
    return named


def fixed_lights(actual: np.ndarray, plan: np.ndarray, *, width: float = 0.1) -> float:
    """Return the share of cells that a fixed light of plan and a tenth would show red.

    Cells where neither was planned nor spent are left out; NaN where all are.

    Example:
        >>> fixed_lights(np.array([90.0, 120.0]), np.array([100.0, 100.0]))
        0.5
    """
    used = (actual != 0) | (plan != 0)
    outside = np.abs(actual - plan) > width * np.abs(plan) + 1e-9
    return float(outside[used].mean()) if used.any() else np.nan


def _nodes(low: float, high: float, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(size)
    half = (high - low) / 2
    return low + half * (nodes + 1), weights * half
