"""This module owns weights: tuned to known totals, capped, and their cost in size."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.survey import design
from opslib.market.survey.design import Sample

if TYPE_CHECKING:
    import numpy.typing as npt

ROUNDS = 500
CLOSE = 1e-10
CAP_GAP = 0.005


def rake(
    sample: Sample,
    people: pd.DataFrame,
    margins: dict[str, dict[str, float]],
    *,
    cap: float = 0.0,
) -> Sample:
    """Tune weights until each margin has its known size.

    Assumes the margins are counts of the same population; where their sums differ
    the first one rules. Raking equals multiplicative calibration (Deming, Stephan).

    Args:
        sample: The sample; its base weights are the start.
        people: One row a person with a column for each margin.
        margins: Column to (answer to number of people).
        cap: Largest weight as a multiple of the mean weight, 0 for no cap;
            what is cut off is spread over the others by raking again.

    Raises:
        ValueError: An answer has no known size, a known group has nobody, or the
            cap is too tight for the margins.

    Example:
        >>> people = pd.DataFrame({"sex": ["f", "f", "m"]})
        >>> tuned = rake(design.draw(people), people, {"sex": {"f": 50, "m": 50}})
        >>> tuned.weights.round(6).tolist()
        [25.0, 25.0, 50.0]
    """
    checks.columns(people, margins, "people")
    if cap:
        checks.between(cap, "cap", low=1, open_low=True)
    first = sum(next(iter(margins.values())).values())
    codes, goals = [], []
    for column, sizes in margins.items():
        known = pd.Series(sizes, dtype=float)
        code = pd.Index(known.index).get_indexer(people[column])
        _same_groups(column, people[column], code, known)
        codes.append(code)
        goals.append((known * first / known.sum()).to_numpy())
    tune = partial(_rake, codes=codes, goals=goals, cap=cap)
    known_columns = np.hstack(
        [_dummies(c, len(g)) for c, g in zip(codes, goals, strict=True)]
    )
    w = tune(sample.base)
    for column, code, goal in zip(margins, codes, goals, strict=True):
        gap = np.abs(np.bincount(code, w, len(goal)) / goal.clip(1e-9) - 1).max()
        if gap > CAP_GAP:
            msg = f"with cap={cap:g} the margin {column} is missed by {gap:.1%}; raise the cap or join small groups."
            raise ValueError(msg)
    return replace(sample, weights=w, tuned=w, known=known_columns, tune=tune)


def post_stratify(
    sample: Sample, people: pd.DataFrame, column: str, sizes: dict[str, float]
) -> Sample:
    """Tune weights so that each cell of one column has its known size.

    Example:
        >>> people = pd.DataFrame({"age": ["y", "o", "o"]})
        >>> tuned = post_stratify(design.draw(people), people, "age", {"y": 6, "o": 8})
        >>> tuned.weights.tolist()
        [6.0, 4.0, 4.0]
    """
    return rake(sample, people, {column: sizes})


def calibrate(
    sample: Sample,
    columns: npt.ArrayLike,
    totals: npt.ArrayLike,
    *,
    bounds: tuple[float, float] | None = None,
) -> Sample:
    """Tune weights linearly so that known columns have their known totals.

    The generalised regression estimator; with bounds, the truncated linear method.

    Args:
        sample: The sample.
        columns: One row a person, one column a known total (1 for people).
        totals: The population's totals.
        bounds: Least and most factor on a base weight.

    Raises:
        ValueError: Shapes differ, or no weights within the bounds reach the totals.

    Example:
        >>> people = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
        >>> tuned = calibrate(design.draw(people), people[["x"]], [12.0])
        >>> round(float(tuned.weights @ people["x"]), 6)
        12.0
    """
    known = np.asarray(columns, float)
    goal = np.asarray(totals, float)
    if known.shape != (len(sample.base), len(goal)):
        msg = f"columns are {known.shape}, totals {goal.shape}; needed are ({len(sample.base)}, {len(goal)}). Give one column for each total."
        raise ValueError(msg)
    low, high = bounds or (-np.inf, np.inf)
    tune = partial(_linear, known=known, goal=goal, low=low, high=high)
    w = tune(sample.base)
    return replace(sample, weights=w, tuned=w, known=known, tune=tune)


def trim(sample: Sample, *, low: float = 0.0, high: float) -> Sample:
    """Cut weights to multiples of their mean and spread the rest over the others.

    Raises:
        ValueError: The weights were tuned already; `rake` takes a cap itself.

    Example:
        >>> sample = design.draw(pd.DataFrame({"w": [1.0, 1.0, 1.0, 9.0]}), weight="w")
        >>> trim(sample, high=2.0).weights.tolist()
        [2.0, 2.0, 2.0, 6.0]
    """
    checks.between(high, "high", low=1, open_low=True)
    checks.between(low, "low", low=0, high=1)
    if sample.tune is not None:
        msg = f"a cap of {high:g} comes before tuning; pass cap={high:g} to rake."
        raise ValueError(msg)
    w = _cut(sample.base, low, high)
    return replace(sample, base=w, weights=w)


def effective_size(weights: npt.ArrayLike) -> float:
    """Return how many equally weighted people tell as much (Kish 1965).

    Example:
        >>> effective_size([1.0, 1.0, 2.0])
        2.6666666666666665
    """
    w = np.asarray(weights, float)
    return float(w.sum() ** 2 / (w @ w)) if w.any() else 0.0


def design_effect(sample: Sample, values: npt.ArrayLike) -> float:
    """Return the design variance over that of a simple sample of the same size.

    Example:
        >>> sample = design.draw(pd.DataFrame({"y": [1.0, 2.0, 3.0]}))
        >>> round(design_effect(sample, [1.0, 2.0, 3.0]), 6)
        1.0
    """
    y = np.asarray(values, float)
    there = np.isfinite(y) & (sample.weights > 0)
    found = design.mean(sample, y)
    n = int(there.sum())
    w = sample.weights[there]
    spread = float(w @ (y[there] - found.value) ** 2 / w.sum()) * n / max(n - 1, 1)
    return found.error**2 / (spread / n) if spread > 0 else 1.0


def _rake(
    base: npt.NDArray[np.float64],
    *,
    codes: list[npt.NDArray[np.int64]],
    goals: list[npt.NDArray[np.float64]],
    cap: float,
) -> npt.NDArray[np.float64]:
    w = base.astype(float)
    for _ in range(ROUNDS):
        before = w
        for code, goal in zip(codes, goals, strict=True):
            now = np.bincount(code, w, len(goal))
            factor = np.divide(goal, now, out=np.ones_like(goal), where=now > 0)
            w = w * factor[code]
        if cap:
            w = np.minimum(w, cap * goals[0].sum() / np.count_nonzero(w))
        if np.abs(w - before).max() <= CLOSE * w.max():
            return w
    return w


def _linear(
    base: npt.NDArray[np.float64],
    *,
    known: npt.NDArray[np.float64],
    goal: npt.NDArray[np.float64],
    low: float,
    high: float,
) -> npt.NDArray[np.float64]:
    factor, lam = np.ones(len(base)), np.zeros(len(goal))
    for _ in range(ROUNDS):
        gap = goal - (base * factor) @ known
        if np.abs(gap).max() <= 1e-9 * max(1.0, np.abs(goal).max()):
            return base * factor
        free = (1 + known @ lam > low) & (1 + known @ lam < high)
        inner = (known[free] * base[free, None]).T @ known[free]
        lam = lam + np.linalg.pinv(inner) @ gap
        factor = np.clip(1 + known @ lam, low, high)
    msg = f"totals {goal.tolist()} are out of reach with factors in [{low:g}, {high:g}]; widen the bounds or drop a total."
    raise ValueError(msg)


def _cut(
    weights: npt.NDArray[np.float64], low: float, high: float
) -> npt.NDArray[np.float64]:
    level = weights.mean()
    w = np.clip(weights, low * level, high * level)
    inside = (w > low * level) & (w < high * level)
    over = weights.sum() - w.sum()
    return w + np.where(inside, over * w / w[inside].sum(), 0) if inside.any() else w


def _dummies(codes: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.float64]:
    return (codes[:, None] == np.arange(count)).astype(float)


def _same_groups(
    column: str, answers: pd.Series, code: npt.NDArray[np.int64], known: pd.Series
) -> None:
    strange = answers[code < 0]
    if len(strange):
        msg = f"{column} holds {strange.iloc[0]!r}, which has no known size; known are {list(known.index)}. Add its size or join it to another group."
        raise ValueError(msg)
    absent = [
        g for k, g in enumerate(known.index) if known.iloc[k] > 0 and k not in set(code)
    ]
    if absent:
        msg = f"nobody answered {absent[0]!r} in {column}, which has a known size; join it to another group."
        raise ValueError(msg)
