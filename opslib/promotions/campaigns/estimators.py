"""This module owns the six ways to say what would have been sold without a campaign.

The structural series has its posterior over both noise sizes by a grid and over the
regression in exact form: no draws, no seeds, the same answer each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import optimize, special

from opslib import checks

if TYPE_CHECKING:
    from opslib.promotions.campaigns.panel import Panel

METHODS = ("did", "sc", "fesc", "sdid", "blend", "sts")
LEVEL_GUESS, LEVEL_WORTH = 0.01, 32.0
NOISE_R2, NOISE_WORTH = 0.8, 50.0
SLAB_WORTH = 0.01
EXPECTED_REGRESSORS = 3
FEW_REGRESSORS, MOST_REGRESSORS = 4, 8
_RATIOS = np.exp(np.linspace(np.log(1e-6), np.log(10.0), 49))
_SIZES = np.exp(np.linspace(np.log(1e-6), np.log(9.0), 120))


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a campaign added, by one method.

    Attributes:
        method: One of `METHODS`.
        effect: Added outcome for each treated unit and period, in the panel's measure.
        relative: The same as a share of what would have been without it.
        expected: Mean outcome without the campaign during it, in the panel's measure.
        spread: Root mean square gap before the start, the scale of placebo errors.
        path: One row for each period: period, actual, expected, gap.
        weights: Donor to weight in the comparison, largest first.
        sd: Standard error that the method itself claims; None where it claims none.
    """

    method: str
    effect: float
    relative: float
    expected: float
    spread: float
    path: pd.DataFrame
    weights: pd.Series
    sd: float | None = None


def estimate(panel: Panel, method: str = "sdid") -> Effect:
    """Return what the campaign added by one of six methods.

    All compare the mean of the treated units with a mix of the others and assume that
    the campaign does not spill over to those.
    `did`: equal mix, difference in differences.
    `sc`: synthetic control, non-negative weights that sum to one, no intercept.
    `fesc`: the same after each unit's mean before the start is taken off.
    `sdid`: synthetic difference in differences, weights for units and for periods.
    `blend`: the average of the two before.
    `sts`: structural time series, a level that hardly moves and a regression.

    Args:
        panel: The panel.
        method: One of `METHODS`.

    Raises:
        ValueError: The method is unknown, or the panel has no treated unit.

    References:
        Abadie, Diamond and Hainmueller 2010; Arkhangelsky et al. 2021; Ben-Michael,
        Feller and Rothstein 2021; Brodersen et al. 2015.

    Example:
        >>> from opslib.promotions.campaigns.panel import make_panel
        >>> wide = pd.DataFrame({"a": [2.0, 3, 4, 9], "b": [1.0, 2, 3, 4], "c": [5.0, 5, 5, 5]})
        >>> round(estimate(make_panel(wide, treated=["a"], start=3), "fesc").effect, 3)
        4.0
    """
    checks.one_of(method, "method", METHODS)
    checks.at_least(
        len(panel.treated), 1, "treated units", "Name the units that had the campaign."
    )
    y, donors = panel.outcome, panel.donors
    expected, weights, sd = compare(
        y,
        donors.to_numpy(),
        start=panel.start,
        treated=len(panel.treated),
        method=method,
    )
    effect, base, spread = claim(y, expected, panel.start)
    return Effect(
        method=method,
        effect=effect,
        relative=effect / base if base else float("nan"),
        expected=base,
        spread=spread,
        path=pd.DataFrame(
            {
                "period": donors.index,
                "actual": y,
                "expected": expected,
                "gap": y - expected,
            }
        ),
        weights=pd.Series(weights, index=donors.columns, name="weight").sort_values(
            ascending=False
        ),
        sd=sd,
    )


def compare(
    y: np.ndarray, X: np.ndarray, *, start: int, treated: int, method: str
) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Return what `estimate` would expect, its weights and its own standard error.

    Args:
        y: Outcome of the treated by period.
        X: Periods by donors.
        start: First period with the campaign.
        treated: How many units the outcome is the mean of.
        method: One of `METHODS`.
    """
    if method == "sts":
        told = foretell(y[:start], X)
        return told.path, told.weights, told.sd
    ways = ("fesc", "sdid") if method == "blend" else (method,)
    found = [_WAYS[w](y, X, start, treated) for w in ways]
    weights = np.mean([w for w, _ in found], axis=0)
    return X @ weights + np.mean([shift for _, shift in found]), weights, None


def claim(
    y: np.ndarray, expected: np.ndarray, start: int
) -> tuple[float, float, float]:
    """Return the mean gap after the start, the mean expected, and the spread before."""
    gap = y - expected
    before = gap[:start] - gap[:start].mean()
    return (
        float(gap[start:].mean()),
        float(expected[start:].mean()),
        float(np.sqrt(np.mean(before**2))),
    )


def simplex_weights(
    target: np.ndarray, mix: np.ndarray, *, ridge: float = 0.0
) -> np.ndarray:
    """Return non-negative weights that sum to one and bring a mix nearest to a target.

    Minimises |target - mix w|² + ridge |w|² exactly (active set, Lawson and Hanson).

    Args:
        target: One number for each row.
        mix: Rows by columns to be mixed.
        ridge: Weight of the penalty on large weights.

    Example:
        >>> simplex_weights(np.array([1.0, 2.0]), np.array([[0.0, 2.0], [2.0, 2.0]])).round(3).tolist()
        [0.5, 0.5]
    """
    size = mix.shape[1]
    scale = float(np.abs(mix).max() + np.abs(target).max()) or 1.0
    firm = 1e4 * np.sqrt(len(target))
    rows = [mix / scale, np.full((1, size), firm)]
    right = [target / scale, [firm]]
    if ridge > 0:
        rows.append(np.eye(size) * np.sqrt(ridge) / scale)
        right.append(np.zeros(size))
    found, _ = optimize.nnls(np.vstack(rows), np.concatenate(right), maxiter=50 * size)
    return found / found.sum()


def _equal(
    y: np.ndarray, X: np.ndarray, start: int, treated: int
) -> tuple[np.ndarray, float]:
    weights = np.full(X.shape[1], 1 / X.shape[1])
    return weights, float((y - X @ weights)[:start].mean())


def _synthetic(
    y: np.ndarray, X: np.ndarray, start: int, treated: int
) -> tuple[np.ndarray, float]:
    return simplex_weights(y[:start], X[:start]), 0.0


def _centred(
    y: np.ndarray, X: np.ndarray, start: int, treated: int
) -> tuple[np.ndarray, float]:
    before, mix = y[:start], X[:start]
    weights = simplex_weights(before - before.mean(), mix - mix.mean(axis=0))
    return weights, float(before.mean() - mix.mean(axis=0) @ weights)


def _synthetic_did(
    y: np.ndarray, X: np.ndarray, start: int, treated: int
) -> tuple[np.ndarray, float]:
    """Weigh units and periods (Arkhangelsky et al. 2021, their default penalties)."""
    before, after = X[:start], X[start:]
    noise = float(np.diff(before, axis=0).std(ddof=1)) or 1e-12
    zeta = (treated * len(after)) ** 0.25 * noise
    weights = simplex_weights(
        y[:start] - y[:start].mean(),
        before - before.mean(axis=0),
        ridge=start * zeta**2,
    )
    mean_after = after.mean(axis=0)
    times = simplex_weights(
        mean_after - mean_after.mean(), (before - before.mean(axis=1)[:, None]).T,
        ridge=X.shape[1] * (1e-6 * noise) ** 2,
    )  # fmt: skip
    return weights, float(times @ (y[:start] - before @ weights))


_WAYS = {"did": _equal, "sc": _synthetic, "fesc": _centred, "sdid": _synthetic_did}


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """What the series would have been.

    Attributes:
        path: Expected value of every period, fitted before the start, foretold after.
        weights: Mean regression weight of each donor.
        sd: Standard error of the mean of the periods foretold.
        low: Lower end of that mean at the asked confidence.
        high: Upper end.
        period_sd: Standard error of each period foretold.
    """

    path: np.ndarray
    weights: np.ndarray
    sd: float
    low: float
    high: float
    period_sd: np.ndarray


def foretell(
    before: np.ndarray, donors: np.ndarray, *, confidence: float = 0.9
) -> Foretold:
    """Return what a series would have been after a day, from donors known throughout.

    The series is a level that drifts very little (its step has a tight prior at a
    hundredth of the series' standard deviation), a regression on the donors and
    noise. All sets of up to four donors, and of more the nested sets along a greedy
    forward path, are averaged by how well they fit; three are expected to count.

    Args:
        before: The series before the start.
        donors: Periods (before, then after) by donors.
        confidence: Coverage of the interval of the mean.

    Returns:
        What was foretold; standard errors include the noise of single periods.

    Raises:
        ValueError: No period to foretell, or a series that does not move.

    References:
        Brodersen et al. 2015, with the priors of the R package CausalImpact.

    Example:
        >>> x = np.sin(np.arange(40.0))
        >>> told = foretell(10 + 2 * x[:30], x[:, None])
        >>> bool(np.allclose(told.path[30:], 10 + 2 * x[30:], atol=0.2))
        True
    """
    n, total = len(before), len(donors)
    middle, size = float(before.mean()), float(before.std(ddof=1))
    if total <= n or not size > 0:
        msg = f"{n} periods before and {total - n} after, standard deviation {size:g}; it needs some after, and a series that moves"
        raise ValueError(msg)
    y = (before - middle) / size
    shift, wide = donors[:n].mean(axis=0), donors[:n].std(axis=0, ddof=1)
    X = (donors - shift) / np.where(wide > 0, wide, 1.0)
    parts = [_models(y, X, chosen) for chosen in _sets(y, X[:n])]
    logs, paths, slopes, means, sds, each = (
        np.concatenate(p) for p in zip(*parts, strict=True)
    )
    chance = np.exp(logs - special.logsumexp(logs))
    path, weights = chance @ paths, chance @ slopes
    mean = float(chance @ means)
    spread = chance @ (each + (paths[:, n:] - path[n:]) ** 2)
    low, high = (
        _quantile(chance, means, sds, q)
        for q in ((1 - confidence) / 2, (1 + confidence) / 2)
    )
    return Foretold(
        path=middle + size * path, weights=size * weights / np.where(wide > 0, wide, 1.0),
        sd=size * float(np.sqrt(chance @ (sds**2 + (means - mean) ** 2))),
        low=middle + size * low, high=middle + size * high, period_sd=size * np.sqrt(spread),
    )  # fmt: skip


def _sets(y: np.ndarray, X: np.ndarray) -> list[list[int]]:
    """Return the sets of donors to average over: all of few, a forward path of many."""
    width = X.shape[1]
    if width <= FEW_REGRESSORS:
        masks = range(2**width if width > EXPECTED_REGRESSORS - 1 else 1)
        return [[j for j in range(width) if not mask >> j & 1] for mask in masks]
    order = _forward(y, X)
    return [order[:k] for k in range(1, len(order) + 1)]


def _forward(y: np.ndarray, X: np.ndarray) -> list[int]:
    """Return donors in the order in which they explain most of what is left."""
    order: list[int] = []
    left = y
    for _ in range(min(MOST_REGRESSORS, X.shape[1], max(1, len(y) // 5))):
        score = np.abs(X.T @ left)
        score[order] = -1.0
        order.append(int(np.argmax(score)))
        found = np.linalg.lstsq(X[:, order], y, rcond=None)[0]
        left = y - X[:, order] @ found
    return order


def _models(y: np.ndarray, X: np.ndarray, chosen: list[int]) -> tuple[np.ndarray, ...]:
    """Return, for each ratio of level step to noise, its log weight and what it foretells.

    Everything is in standard deviations of the series: (log weight, path, regression
    weights, mean after, its standard error, variance of each period after).
    """
    n, total = len(y), len(X)
    Z = X[:, chosen]
    gram = Z[:n].T @ Z[:n] / n
    slab = np.linalg.inv(SLAB_WORTH * (gram + np.diag(np.diag(gram))) / 2)
    at = np.arange(1, total + 1)
    steps = np.minimum(at[:, None], at[None, :]).astype(float)
    fixed = 100.0 + Z @ slab @ Z.T
    share = min(1 - 1e-12, EXPECTED_REGRESSORS / (X.shape[1] + 1))
    prior = len(chosen) * np.log(share) + (X.shape[1] - len(chosen)) * np.log1p(-share)
    smooth = fixed + _RATIOS[:, None, None] * steps
    inner, across, outer = (
        smooth[:, :n, :n] + np.eye(n),
        smooth[:, :n, n:],
        smooth[:, n:, n:],
    )
    solved = np.linalg.solve(
        inner,
        np.concatenate(
            [np.broadcast_to(y[:, None], (len(inner), n, 1)), across], axis=2
        ),
    )
    logdet = np.linalg.slogdet(inner)[1]
    after = outer - np.swapaxes(across, 1, 2) @ solved[:, :, 1:] + np.eye(total - n)
    by = solved[:, :, 0]
    square = (
        by @ y + NOISE_WORTH * (1 - NOISE_R2) + LEVEL_WORTH * LEVEL_GUESS**2 / _RATIOS
    )
    logs = -((n + NOISE_WORTH + LEVEL_WORTH) / 2) * np.log(_SIZES) - square[:, None] / (
        2 * _SIZES
    )
    whole = special.logsumexp(logs, axis=1)
    variance = np.exp(logs - whole[:, None]) @ _SIZES
    path = np.einsum("rij,rj->ri", smooth[:, :, :n], by)
    weights = np.zeros((len(by), X.shape[1]))
    weights[:, chosen] = by @ Z[:n] @ slab
    sd = np.sqrt(np.maximum(after.mean(axis=(1, 2)), 1e-12) * variance)
    chance = whole - LEVEL_WORTH / 2 * np.log(_RATIOS) - logdet / 2 + prior
    return (
        chance,
        path,
        weights,
        path[:, n:].mean(axis=1),
        sd,
        np.diagonal(after, axis1=1, axis2=2) * variance[:, None],
    )


def _quantile(
    chance: np.ndarray, means: np.ndarray, sds: np.ndarray, level: float
) -> float:
    """Return a quantile of a mixture of normal distributions."""
    reach = 8 * sds.max()
    return float(
        optimize.brentq(
            lambda x: chance @ special.ndtr((x - means) / sds) - level,
            means.min() - reach, means.max() + reach,
        )
    )  # fmt: skip
