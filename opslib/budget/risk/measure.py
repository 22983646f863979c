"""This module owns the risk numbers: exact where a formula exists, else with error.

A simulated number comes with its error bar and is rounded to what that bar supports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from opslib import checks
from opslib.budget.risk import lines

if TYPE_CHECKING:
    from opslib.budget.risk.simulate import Draws, Model

_SURE = 0.95  # share of error bars that hold the true number


@dataclass(frozen=True, kw_only=True)
class Total:
    """An exact law of the total.

    Attributes:
        grid: Amounts, rising, money.
        below: Chance of at most each amount.
        mean: Mean, money.
        sd: Standard deviation, money.
    """

    grid: np.ndarray
    below: np.ndarray
    mean: float
    sd: float


def measure(
    draws: Draws, *, budget: float, levels: tuple[float, ...] = (0.95,)
) -> pd.DataFrame:
    """Return chance of overrun, value at risk and expected shortfall with their errors.

    Args:
        draws: What the simulation gave.
        budget: The amount not to be passed, money.
        levels: Chances at which value at risk and expected shortfall are read.

    Returns:
        One row a number: name, level, value, error (half the 95 % bar), low, high and
        `shown`, the value rounded to what the error supports.

    Example:
        >>> from opslib.budget.risk import simulate
        >>> two = simulate.model([lines.line("a", "normal", [100, 10])])
        >>> got = measure(simulate.simulate(two, points=1024), budget=110)
        >>> bool(abs(got.set_index("name").loc["chance_over", "value"] - 0.1587) < 0.001)
        True
    """
    total = draws.total
    rows = [
        _row("mean", 0.5, total.mean(axis=1), total.mean()),
        _row("sd", 0.5, total.std(axis=1), total.std()),
        _row(
            "chance_over", 0.5, (total > budget).mean(axis=1), (total > budget).mean()
        ),
        _row(
            "expected_overrun",
            0.5,
            np.maximum(total - budget, 0).mean(axis=1),
            np.maximum(total - budget, 0).mean(),
        ),
    ]
    for level in levels:
        checks.between(level, "level", low=0, high=1, open_low=True, open_high=True)
        each = np.quantile(total, level, axis=1)
        rows.append(_row("value_at_risk", level, each, np.quantile(total, level)))
        parts = np.array([_shortfall(r, level) for r in total])
        rows.append(
            _row("expected_shortfall", level, parts, _shortfall(total.ravel(), level))
        )
    return pd.DataFrame(rows)


def honest(value: float, error: float) -> float:
    """Return the value rounded to the digits that its error supports.

    Example:
        >>> honest(1269.8034, 0.4), honest(0.241382, 0.0004)
        (1269.8, 0.2414)
    """
    if not np.isfinite(error) or error <= 0:
        return float(value)
    return float(np.round(value, int(-np.floor(np.log10(error)))))


def normal_total(
    means: np.ndarray, sds: np.ndarray, correlation: np.ndarray, *, level: float = 0.95
) -> dict[str, np.ndarray | float]:
    """Return the exact risk of a sum of normal lines and what each line adds to it.

    Args:
        means: Mean of each line, money.
        sds: Standard deviation of each line, money.
        correlation: Their correlation.
        level: Chance at which value at risk and expected shortfall are read.

    Returns:
        mean, sd, value_at_risk, expected_shortfall, and `shares`: Euler's parts of the
        standard deviation, which add up to it (Tasche 2008).

    Example:
        >>> got = normal_total(np.array([5.0]), np.array([2.0]), np.eye(1))
        >>> round(got["value_at_risk"], 3)
        8.29
    """
    cover = np.outer(sds, sds) * correlation
    sd = float(np.sqrt(cover.sum()))
    mean, z = float(np.sum(means)), float(stats.norm.ppf(level))
    return {
        "mean": mean,
        "sd": sd,
        "value_at_risk": mean + z * sd,
        "expected_shortfall": mean + sd * float(stats.norm.pdf(z)) / (1 - level),
        "shares": cover.sum(axis=1) / sd,
    }


def exact_total(of: Model, *, cells: int = 2**15) -> Total | None:
    """Return the law of the total where it can be had without simulating, else None.

    Normal lines under a Gaussian copula have a formula; independent lines are added by
    Fourier transform of their laws on a grid.

    Args:
        of: The model.
        cells: Cells of the grid.

    Example:
        >>> from opslib.budget.risk import simulate
        >>> three = [lines.line(n, "pert", [80, 100, 150]) for n in "abc"]
        >>> round(exact_total(simulate.model(three)).mean, 3)
        315.0
    """
    if all(x.kind == "normal" for x in of.lines) and not of.degrees:
        return _normal(of, cells)
    off = of.by_line.sum() - len(of.by_line) + of.by_month.sum() - len(of.by_month)
    if (
        abs(off) > 1e-12
        or of.degrees
        or np.abs(of.by_line - np.eye(len(of.lines))).max() > 1e-12
    ):
        return None
    return _sum_of_independent(of, cells)


def read_total(law: Total, *, budget: float, level: float = 0.95) -> dict[str, float]:
    """Return chance of overrun, value at risk and expected shortfall of an exact law.

    Example:
        >>> from opslib.budget.risk import simulate
        >>> law = exact_total(simulate.model([lines.line("a", "normal", [100, 10])]))
        >>> round(read_total(law, budget=110)["chance_over"], 4)
        0.1587
    """
    at = float(np.interp(level, law.below, law.grid))
    beyond = np.clip(law.grid, at, None)
    over = float(np.trapezoid(1 - law.below, beyond))
    return {
        "chance_over": 1 - float(np.interp(budget, law.grid, law.below)),
        "value_at_risk": at,
        "expected_shortfall": at + over / (1 - level),
    }


def _normal(of: Model, cells: int) -> Total:
    mean = float(
        of.signs @ (of.scale.sum(axis=1) * [x.values[0] for x in of.lines] + of.known)
    )
    weight = (
        of.signs[:, None]
        * of.scale
        * np.array([x.values[1] for x in of.lines])[:, None]
    )
    sd = float(np.sqrt(np.sum((of.by_line @ weight @ of.by_month) * weight)))
    grid = np.linspace(mean - 9 * sd, mean + 9 * sd, cells)
    return Total(grid=grid, below=stats.norm.cdf(grid, mean, sd), mean=mean, sd=sd)


def _sum_of_independent(of: Model, cells: int) -> Total:
    moments = np.array([lines.moments(x) for x in of.lines])
    factors = of.scale * of.signs[:, None]
    means, sds = moments[:, :1] * factors, moments[:, 1:] * np.abs(factors)
    mean = float(means.sum() + of.known @ of.signs)
    sd = float(np.sqrt((sds**2).sum()))
    step = 24 * sd / cells
    offsets = (np.arange(cells) - cells // 2) * step
    frequency = np.ones(cells // 2 + 1, dtype=complex)
    for k, line in enumerate(of.lines):
        for factor, centre in zip(factors[k], means[k], strict=True):
            if factor:
                frequency *= np.fft.rfft(
                    np.fft.ifftshift(_cells(line, factor, centre, offsets, step))
                )
    mass = np.fft.fftshift(np.fft.irfft(frequency, cells))
    below = np.clip(np.cumsum(mass), 0, 1)
    return Total(
        grid=mean + offsets + step / 2,
        below=np.maximum.accumulate(below),
        mean=mean,
        sd=sd,
    )


def _cells(
    line: lines.Line, factor: float, centre: float, offsets: np.ndarray, step: float
) -> np.ndarray:
    edges = np.append(offsets - step / 2, offsets[-1] + step / 2) + centre
    below = lines.below(line, edges / factor)
    return np.diff(below) if factor > 0 else -np.diff(below)


def _row(name: str, level: float, each: np.ndarray, value: float) -> dict[str, object]:
    error = float(each.std(ddof=1) / np.sqrt(len(each)))
    bar = error * float(stats.t.ppf(0.5 + _SURE / 2, len(each) - 1))
    value = float(value)
    return {
        "name": name,
        "level": level,
        "value": value,
        "error": bar,
        "low": value - bar,
        "high": value + bar,
        "shown": honest(value, bar),
    }


def _shortfall(total: np.ndarray, level: float) -> float:
    at = float(np.quantile(total, level))
    return at + float(np.maximum(total - at, 0).mean()) / (1 - level)
