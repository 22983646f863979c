"""This module owns how one budget line may fall: its distribution and its table.

Every distribution is reached from a standard normal score, so that lines can be tied
together by correlating their scores.
What has no closed form (PERT, triangle, history) is read from a table made once in
normal scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

from opslib import checks

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("normal", "lognormal", "triangular", "pert", "discrete", "history")
REACH = 8.3  # normal scores beyond this do not occur in 65,536 points
_STEPS = 4096
_SCORES = np.linspace(-REACH, REACH, _STEPS + 1)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One budget line's distribution.

    Attributes:
        name: The line's name.
        kind: One of `KINDS`.
        values: What the kind needs: mean and sd; mean and sigma of the log; low, mode
            and high; values, then chances; or the past values. In the line's unit.
        department: Who answers for it.
    """

    name: str
    kind: str
    values: tuple[float, ...]
    department: str = "all"


def line(
    name: str, kind: str, values: Sequence[float], *, department: str = "all"
) -> Line:
    """Return a line with a distribution whose numbers have been checked.

    Args:
        name: The line's name.
        kind: `normal` (mean, sd), `lognormal` (mean, sigma of the log), `triangular`
            or `pert` (low, mode, high), `discrete` (values, then their chances) or
            `history` (past values).
        values: The numbers of that kind, in the line's unit.
        department: Who answers for the line.

    Raises:
        ValueError: The kind is unknown or its numbers are impossible.

    Example:
        >>> line("Freight", "pert", [80, 100, 150]).kind
        'pert'
    """
    checks.one_of(kind, f"the kind of line {name!r}", KINDS)
    numbers = tuple(float(v) for v in values)
    if not np.isfinite(numbers).all():
        msg = f"line {name!r} has numbers {numbers} that are not all finite; fill them"
        raise ValueError(msg)
    needed = {"normal": 2, "lognormal": 2, "triangular": 3, "pert": 3}.get(kind)
    if needed and len(numbers) != needed:
        msg = f"line {name!r} ({kind}) has {len(numbers)} numbers; it needs {needed}"
        raise ValueError(msg)
    if kind in ("normal", "lognormal"):
        checks.between(numbers[1], f"the spread of line {name!r}", low=0)
    if kind == "lognormal":
        checks.between(numbers[0], f"the mean of line {name!r}", low=0, open_low=True)
    if kind in ("triangular", "pert") and not _ordered(numbers):
        msg = f"line {name!r} has low, mode, high {numbers}; they must rise"
        raise ValueError(msg)
    if kind == "discrete":
        _check_chances(name, numbers)
    if kind == "history":
        checks.at_least(
            len(numbers), 6, f"past values of line {name!r}", "Use another kind."
        )
    return Line(name=name, kind=kind, values=numbers, department=department)


def amounts(of: Line, scores: np.ndarray) -> np.ndarray:
    """Return the line's amounts at standard normal scores.

    Args:
        of: The line.
        scores: Standard normal scores, any shape.

    Returns:
        Amounts in the line's unit, same shape; a higher score never gives less.

    Example:
        >>> amounts(line("a", "normal", [100, 10]), np.array([0.0, 1.0])).tolist()
        [100.0, 110.0]
    """
    if of.kind == "normal":
        return of.values[0] + of.values[1] * scores
    if of.kind == "lognormal":
        mean, sigma = of.values
        return np.exp(sigma * scores + (np.log(mean) - 0.5 * sigma**2))
    if of.kind == "discrete":
        values, bounds = _steps(of)
        return values[np.searchsorted(bounds, scores)]
    table, slope = _table(of)
    at = (scores + REACH) * (_STEPS / (2 * REACH))
    np.clip(at, 0, _STEPS - 1e-9, out=at)
    cell = at.astype(np.int32)
    at -= cell
    return table[cell] + at * slope[cell]


def moments(of: Line) -> tuple[float, float]:
    """Return the line's mean and standard deviation, exact where a formula exists.

    Example:
        >>> mean, sd = moments(line("a", "pert", [80, 100, 150]))
        >>> round(mean, 6), round(sd**2, 3)
        (105.0, 160.714)
    """
    v = of.values
    if of.kind == "normal":
        return v[0], v[1]
    if of.kind == "lognormal":
        return v[0], v[0] * float(np.sqrt(np.expm1(v[1] ** 2)))
    if of.kind == "triangular":
        low, mode, high = v
        square = low**2 + mode**2 + high**2 - low * mode - low * high - mode * high
        return (low + mode + high) / 3, float(np.sqrt(square / 18))
    if of.kind == "pert":
        law = _pert(v)
        return float(law.mean()), float(law.std())
    if of.kind == "discrete":
        values, chances = _halves(v)
        mean = float(values @ chances)
        return mean, float(np.sqrt((values - mean) ** 2 @ chances))
    weight = special.ndtr(_SCORES[1:]) - special.ndtr(_SCORES[:-1])
    middle = amounts(of, (_SCORES[1:] + _SCORES[:-1]) / 2)
    mean = float(middle @ weight)
    return mean, float(np.sqrt((middle - mean) ** 2 @ weight))


def local_spread(of: Line) -> float:
    """Return the amount that one unit of normal score moves the line by, on average.

    Example:
        >>> local_spread(line("a", "normal", [100, 10]))
        10.0
    """
    if of.kind == "normal":
        return of.values[1]
    if of.kind == "lognormal":
        return of.values[0] * of.values[1]
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    return float((amounts(of, nodes) * nodes) @ weights / np.sqrt(2 * np.pi))


def below(of: Line, at: np.ndarray) -> np.ndarray:
    """Return the chance that the line is at or below each amount.

    Example:
        >>> below(line("a", "normal", [100, 10]), np.array([100.0])).tolist()
        [0.5]
    """
    v = of.values
    if of.kind == "normal":
        return stats.norm.cdf(at, v[0], max(v[1], 1e-12))
    if of.kind == "lognormal":
        centre = v[0] * np.exp(-0.5 * v[1] ** 2)
        return stats.lognorm.cdf(at, max(v[1], 1e-12), scale=centre)
    if of.kind == "triangular":
        return _triangle(v).cdf(at)
    if of.kind == "pert":
        return _pert(v).cdf(at)
    if of.kind == "discrete":
        values, chances = _halves(v)
        order = np.argsort(values)
        sums = np.concatenate([[0.0], np.cumsum(chances[order])])
        return sums[np.searchsorted(values[order], at, side="right")]
    return special.ndtr(np.interp(at, _table(of)[0], _SCORES, left=-9, right=9))


@lru_cache(maxsize=512)
def _table(of: Line) -> tuple[np.ndarray, np.ndarray]:
    chance = special.ndtr(_SCORES)
    if of.kind == "history":
        past = np.sort(of.values)
        places = (np.arange(len(past)) + 0.5) / len(past)
        table = np.interp(chance, places, past)
    else:
        law = _pert(of.values) if of.kind == "pert" else _triangle(of.values)
        table = law.ppf(chance)
    return table, np.append(np.diff(table), 0.0)


@lru_cache(maxsize=512)
def _steps(of: Line) -> tuple[np.ndarray, np.ndarray]:
    values, chances = _halves(of.values)
    order = np.argsort(values)
    return values[order], special.ndtri(np.cumsum(chances[order])[:-1])


def _halves(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    half = len(values) // 2
    return np.array(values[:half]), np.array(values[half:])


def _pert(values: Sequence[float]) -> stats.rv_continuous:
    low, mode, high = values
    width = high - low
    first, second = 1 + 4 * (mode - low) / width, 1 + 4 * (high - mode) / width
    return stats.beta(first, second, loc=low, scale=width)


def _triangle(values: Sequence[float]) -> stats.rv_continuous:
    low, mode, high = values
    return stats.triang((mode - low) / (high - low), loc=low, scale=high - low)


def _ordered(values: Sequence[float]) -> bool:
    low, mode, high = values
    return low <= mode <= high and low < high


def _check_chances(name: str, numbers: tuple[float, ...]) -> None:
    values, chances = _halves(numbers)
    if len(values) != len(chances) or len(values) == 0:
        msg = f"line {name!r} has {len(numbers)} numbers; give values, then chances"
        raise ValueError(msg)
    if (chances < 0).any() or abs(chances.sum() - 1) > 1e-9:
        msg = f"line {name!r} has chances {chances.tolist()}; they must add up to 1"
        raise ValueError(msg)
