"""This module owns what drives an overall opinion: fair shares of what it explains."""

from __future__ import annotations

import itertools
from math import factorial
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.survey import replicates
from opslib.market.survey.design import CONFIDENCE

if TYPE_CHECKING:
    import numpy.typing as npt

    from opslib.market.survey.replicates import Replicates

MOST = 14


def shapley(
    overall: npt.ArrayLike, parts: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Return each part's share of the explained variance, averaged over all orders.

    The shares add up to the share explained by all parts together (Lindeman,
    Merenda and Gold 1980). Complete rows only; the parts may be correlated.

    Args:
        overall: The overall opinion, one value a person.
        parts: Opinions on the parts (people, parts), at most 14 parts.
        weights: Weight of each person.

    Raises:
        ValueError: Too many parts, or a part never differs.

    Example:
        >>> x = np.array([[0.0, 0.0], [0, 1], [1, 0], [1, 1]])
        >>> shapley(x @ [2.0, 1.0], x).round(3).tolist()
        [0.8, 0.2]
    """
    r = _correlations(overall, parts, weights)
    k = len(r) - 1
    inner, outer = r[1:, 1:], r[1:, 0]
    explained = {0: 0.0}
    for size in range(1, k + 1):
        for some in itertools.combinations(range(k), size):
            at = list(some)
            beta = np.linalg.lstsq(inner[np.ix_(at, at)], outer[at], rcond=None)[0]
            explained[sum(1 << j for j in some)] = float(beta @ outer[at])
    fair = np.zeros(k)
    for mask, value in explained.items():
        size = mask.bit_count()
        for j in range(k):
            if not mask >> j & 1:
                share = factorial(size) * factorial(k - size - 1) / factorial(k)
                fair[j] += share * (explained[mask | 1 << j] - value)
    return fair


def relative_weights(
    overall: npt.ArrayLike, parts: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Return each part's share of the explained variance by Johnson's weights (2000).

    Quick for many parts; adds up to the share explained by all together.

    Example:
        >>> x = np.array([[0.0, 0.0], [0, 1], [1, 0], [1, 1]])
        >>> relative_weights(x @ [2.0, 1.0], x).round(3).tolist()
        [0.8, 0.2]
    """
    r = _correlations(overall, parts, weights)
    value, vector = np.linalg.eigh(r[1:, 1:])
    root = (vector * np.sqrt(value.clip(0))) @ vector.T
    beta = np.linalg.pinv(root) @ r[1:, 0]
    return root**2 @ beta**2


def drivers(
    overall: npt.ArrayLike,
    parts: pd.DataFrame,
    sets: Replicates,
    *,
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """Return what drives the overall opinion, with how each part is rated.

    People who left out an answer are left out; intervals come from replicate weights.

    Args:
        overall: The overall opinion, one value a person.
        parts: One column a part.
        sets: Replicate weights of the same people.
        confidence: Coverage of the intervals.

    Returns:
        One row a part, strongest first: part, share (of what is explained), low,
        high, rating (weighted mean), slope (its sign), explained (by all).

    Raises:
        ValueError: Fewer than 30 complete rows.

    Example:
        >>> from opslib.market.survey import design
        >>> x = pd.DataFrame(np.random.default_rng(0).normal(0, 1, (200, 2)), columns=["a", "b"])
        >>> sets = replicates.bootstrap(design.draw(x), draws=10)
        >>> drivers(x["a"] * 2 + x["b"], x, sets)["part"].tolist()
        ['a', 'b']
    """
    y, x = np.asarray(overall, float), parts.to_numpy(float)
    whole = np.isfinite(y) & np.isfinite(x).all(axis=1)
    checks.at_least(int(whole.sum()), 30, "complete answers", "Ask more people.")
    y, x = y[whole], x[whole]

    def measure(w: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        fair = (shapley if x.shape[1] <= 8 else relative_weights)(y, x, w[whole])
        return fair / fair.sum()

    value, again = replicates.spread(sets, measure)
    reach = NormalDist().inv_cdf((1 + confidence) / 2)
    error = replicates.errors(sets, again)
    w = sets.sample.weights[whole]
    r = _correlations(y, x, w)
    fitted = np.linalg.pinv(r[1:, 1:]) @ r[1:, 0]
    return pd.DataFrame(
        {
            "part": parts.columns,
            "share": value,
            "low": (value - reach * error).clip(0),
            "high": value + reach * error,
            "rating": w @ x / w.sum(),
            "slope": np.sign(fitted),
            "explained": float(fitted @ r[1:, 0]),
        }
    ).sort_values("share", ascending=False, ignore_index=True)


def slopes(
    points: npt.ArrayLike, parts: pd.DataFrame, sets: Replicates
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return by how many points the score follows each part, and again in each set.

    Weighted least squares of each person's points on all parts at once; people who
    left out an answer are left out. Says what goes together, not what causes what.

    Returns:
        Points for one step of each part (parts,), and in each set (sets, parts).

    Example:
        >>> from opslib.market.survey import design
        >>> x = pd.DataFrame({"a": [1.0, 2, 3, 4] * 10, "b": [1.0, 1, 2, 2] * 10})
        >>> sets = replicates.bootstrap(design.draw(x), draws=10)
        >>> slopes(3 * x["a"], x, sets)[0].round(6).tolist()
        [3.0, 0.0]
    """
    y, x = np.asarray(points, float), parts.to_numpy(float)
    whole = np.isfinite(y) & np.isfinite(x).all(axis=1)
    checks.at_least(int(whole.sum()), 30, "complete answers", "Ask more people.")
    x, y = np.column_stack([np.ones(whole.sum()), x[whole]]), y[whole]

    def measure(w: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        root = np.sqrt(w[whole])
        return np.linalg.lstsq(root[:, None] * x, root * y, rcond=None)[0][1:]

    return replicates.spread(sets, measure)


def _correlations(
    overall: npt.ArrayLike, parts: npt.ArrayLike, weights: npt.ArrayLike | None
) -> npt.NDArray[np.float64]:
    x = np.column_stack([np.asarray(overall, float), np.asarray(parts, float)])
    checks.between(x.shape[1] - 1, "number of parts", low=1, high=MOST)
    w = np.ones(len(x)) if weights is None else np.asarray(weights, float)
    centred = x - w @ x / w.sum()
    spread = (centred * w[:, None]).T @ centred
    size = np.sqrt(np.diag(spread))
    if (size <= 0).any():
        at = int(np.argmin(size))
        msg = f"column {at} never differs (0 is the overall opinion); nothing can be explained by it. Drop it."
        raise ValueError(msg)
    return spread / np.outer(size, size)
