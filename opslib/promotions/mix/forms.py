"""This module owns how spend turns into effect: carry-over and saturation.

Spend is spread over the weeks that follow it (geometric weights that sum to one),
then flattened by one of several saturation forms.
Each form rises from zero to one and reaches one half at the half point, so that the
same priors serve all of them and only their shape differs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from opslib import checks

Array = NDArray[np.float64]
LAGS = 8
FORMS = ("hill", "ratio", "decay", "logistic")


def lagged(spend: Array, lags: int = LAGS) -> Array:
    """Return the spend of each week and of the weeks before it.

    Args:
        spend: Weekly spend, weeks along the last axis.
        lags: Weeks over which an effect lasts, the first one included.

    Returns:
        Array with one more axis in front: the delay in weeks.

    Example:
        >>> lagged(np.array([1.0, 2.0, 3.0]), 2).tolist()
        [[1.0, 2.0, 3.0], [0.0, 1.0, 2.0]]
    """
    found = np.zeros((lags, *spend.shape))
    found[0] = spend
    for delay in range(1, min(lags, spend.shape[-1])):
        found[delay, ..., delay:] = spend[..., :-delay]
    return found


def carry_weights(keep: Array, lags: int = LAGS) -> Array:
    """Return the share of an effect that falls on each week after the spend.

    Args:
        keep: Share of one week's effect left a week later, from 0 to below 1.
        lags: Weeks over which an effect lasts.

    Returns:
        Array with one more axis at the end; each row sums to one.

    Example:
        >>> carry_weights(np.array([0.5]), 2).round(3).tolist()
        [[0.667, 0.333]]
    """
    raw = np.asarray(keep, dtype=float)[..., None] ** np.arange(lags)
    return raw / raw.sum(axis=-1, keepdims=True)


def saturate(stock: Array, half: Array, steep: Array, form: str) -> Array:
    """Return the share of the most that a level of spend reaches.

    Args:
        stock: Spend after carry-over, in any unit.
        half: Level at which one half is reached, in the same unit.
        steep: Steepness; used by `hill` only, where 1 gives `ratio`.
        form: `hill` x^s/(x^s+h^s), `ratio` x/(x+h), `decay` 1-2^(-x/h) or
            `logistic` tanh(x/h * atanh(1/2)).

    Returns:
        Values from 0 to below 1.

    Raises:
        ValueError: The form is unknown.

    Example:
        >>> [float(saturate(np.array(3.0), np.array(3.0), np.array(2.0), f)) for f in FORMS]
        [0.5, 0.5, 0.5, 0.5]
    """
    checks.one_of(form, "form", FORMS)
    ratio = stock / half
    if form == "hill":
        ratio = np.exp(steep * np.log(np.maximum(ratio, 1e-12)))
    if form in ("hill", "ratio"):
        return ratio / (1.0 + ratio)
    if form == "decay":
        return -np.expm1(-np.log(2.0) * ratio)
    return np.tanh(np.arctanh(0.5) * ratio)
