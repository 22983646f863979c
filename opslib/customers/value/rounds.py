"""This module owns the BG/BB model of who takes part in each round, and who stops.

Fader, Hardie, Shang (2010): in each of n rounds (a yearly appeal, a subscription's
renewal) a member who is still with us takes part with a chance of its own, and
leaves before a round with a chance of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.special import betaln, gammaln

from opslib import checks


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """A fitted model of taking part in rounds.

    Attributes:
        alpha: With beta, spread of the chance to take part.
        beta: See alpha.
        gamma: With delta, spread of the chance to leave before a round.
        delta: See gamma.
        log_likelihood: At these values.
        members: How many it was fitted on.
    """

    alpha: float
    beta: float
    gamma: float
    delta: float
    log_likelihood: float
    members: int


def fit_rounds(told: pd.DataFrame) -> Rounds:
    """Return the model of largest likelihood.

    Args:
        told: frequency (rounds taken part in), recency (number of the last such
            round, 0 without one), rounds (seen); `count` where a row stands for many.

    Example:
        >>> told = pd.DataFrame({"frequency": [0, 1, 2, 2], "recency": [0, 1, 2, 3],
        ...     "rounds": 3, "count": [40, 20, 20, 20]})
        >>> fit_rounds(told).members
        100
    """
    arrays = _arrays(told)
    count = told["count"].to_numpy(float) if "count" in told else np.ones(len(told))

    def loss(point: np.ndarray) -> float:
        values = np.exp(np.clip(point, -9, 9))
        return -float(count @ _log_likelihood(values, *arrays)) / count.sum()

    best = optimize.minimize(
        loss, np.array([0.1, -0.2, -0.3, 0.8]), method="L-BFGS-B",
        options={"maxiter": 400, "ftol": 1e-14, "gtol": 1e-8, "eps": 1e-7},
    )  # fmt: skip
    alpha, beta, gamma, delta = np.exp(np.clip(best.x, -9, 9)).tolist()
    return Rounds(
        alpha=alpha, beta=beta, gamma=gamma, delta=delta,
        log_likelihood=float(-best.fun * count.sum()), members=int(count.sum()),
    )  # fmt: skip


def round_chance(model: Rounds, told: pd.DataFrame) -> np.ndarray:
    """Return the chance that each member is still with us in the next round."""
    x, _, n = _arrays(told)
    point = _point(model)
    log_p = _alive(point, x, n, n + 1) - _log_likelihood(point, *_arrays(told))
    return np.exp(log_p)


def expected_rounds(model: Rounds, told: pd.DataFrame, *, ahead: int) -> np.ndarray:
    """Return in how many of the next rounds each member is expected to take part."""
    checks.at_least(int(ahead), 1, "rounds ahead", "Ask for one or more.")
    x, _, n = _arrays(told)
    a, b, c, d = point = _point(model)
    log_l = _log_likelihood(point, *_arrays(told))
    c = c + (1e-7 if abs(c - 1) < 1e-7 else 0.0)
    stay = np.exp(gammaln(1 + d + n) - gammaln(c + d + n))
    stay = stay - np.exp(gammaln(1 + d + n + ahead) - gammaln(c + d + n + ahead))
    spread = d / (c - 1) * np.exp(gammaln(c + d) - gammaln(1 + d))
    return np.exp(betaln(a + x + 1, b + n - x) - betaln(a, b) - log_l) * spread * stay


def _point(model: Rounds) -> np.ndarray:
    return np.array([model.alpha, model.beta, model.gamma, model.delta])


def _arrays(told: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    checks.columns(told, ["frequency", "recency", "rounds"], "members")
    x, last, n = (told[c].to_numpy(float) for c in ("frequency", "recency", "rounds"))
    wrong = (x > last) | (last > n) | (x < 0)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        msg = (
            f"row {at} has frequency {x[at]:g}, recency {last[at]:g}, "
            f"rounds {n[at]:g}; frequency <= recency <= rounds is needed. "
            "Count the rounds again."
        )
        raise ValueError(msg)
    return x, last, n


def _alive(
    point: np.ndarray, x: np.ndarray, n: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    a, b, c, d = point
    return betaln(a + x, b + n - x) - betaln(a, b) + betaln(c, d + seen) - betaln(c, d)


def _log_likelihood(
    point: np.ndarray, x: np.ndarray, last: np.ndarray, n: np.ndarray
) -> np.ndarray:
    a, b, c, d = point
    total = _alive(point, x, n, n)
    for i in range(int((n - last).max())):
        gone = betaln(a + x, b + last - x + i) - betaln(a, b)
        gone = gone + betaln(c + 1, d + last + i) - betaln(c, d)
        total = np.where(i < n - last, np.logaddexp(total, gone), total)
    return total
