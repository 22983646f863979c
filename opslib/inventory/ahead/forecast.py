"""This module owns forecasts of weekly demand: the mean by several methods.

Every method takes units (rows by weeks, missing where demand is unknown) and gives
the mean of the next weeks; `spread` turns means into possible demand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from opslib import checks
from opslib.inventory.ahead import boosting
from opslib.inventory.demand import fill, known_mean

Means = np.ndarray
SPANS_WEEKS = (4, 13, 26)
_SMALL = 1e-3


def season_index(units: np.ndarray, weeks: pd.DatetimeIndex, ahead: int) -> np.ndarray:
    """Return the factor of each week of the year, for past and coming weeks.

    The index of a week is the mean over series of that week's sales, over the mean of
    all weeks; it is one where less than a year and a half was seen.

    Args:
        units: Rows by weeks, missing where unknown.
        weeks: Monday of each week.
        ahead: Coming weeks wanted.

    Returns:
        Factors of the past weeks and then of the coming ones.
    """
    coming = pd.date_range(weeks[0], periods=len(weeks) + ahead, freq="7D")
    if len(weeks) < 78:
        return np.ones(len(coming))
    level = pd.Series(np.nanmean(units, axis=0))
    of_year = coming.isocalendar().week.to_numpy()
    by_week = level.groupby(of_year[: len(weeks)]).mean()
    by_week = by_week.reindex(range(1, 54)).interpolate(limit_direction="both")
    wrapped = np.r_[by_week.to_numpy()[-1:], by_week.to_numpy(), by_week.to_numpy()[:1]]
    smooth = 0.25 * wrapped[:-2] + 0.5 * wrapped[1:-1] + 0.25 * wrapped[2:]
    return np.maximum(smooth / smooth.mean(), 0.05)[of_year - 1]


def last_value(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Naive: next week is like the last known one."""
    known = pd.DataFrame(units.T).ffill().iloc[-1].fillna(0).to_numpy()
    return np.repeat(known[:, None], ahead, axis=1)


def last_year(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Seasonal naive: each week is like the same week a year ago."""
    if units.shape[1] < 52 + 1:
        return last_value(units, season, ahead)
    return fill(units)[:, -52 : -52 + ahead if ahead < 52 else None]


def nothing(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Zero: the check that a measure does not reward forecasting nothing."""
    return np.zeros((len(units), ahead))


def moving_average(
    units: np.ndarray, season: np.ndarray, ahead: int, span: int = 13
) -> Means:
    """Mean of the last weeks without season, times the coming season."""
    past = (
        units[:, -span:]
        / season[units.shape[1] - min(span, units.shape[1]) : units.shape[1]]
    )
    level = np.nan_to_num(known_mean(past))
    return level[:, None] * season[None, units.shape[1] : units.shape[1] + ahead]


def levels(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Mean of moving averages of one, three and six months."""
    parts = [moving_average(units, season, ahead, span) for span in SPANS_WEEKS]
    return np.mean(parts, axis=0)


def smoothed(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Exponential smoothing without season (statsforecast), season put back."""
    from statsforecast.models import SimpleExponentialSmoothingOptimized

    return _classic(SimpleExponentialSmoothingOptimized, units, season, ahead)


def ets(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Error-trend smoothing chosen by information criterion (statsforecast)."""
    from statsforecast.models import AutoETS

    return _classic(lambda: AutoETS(season_length=1, model="ZZN"), units, season, ahead)


def theta(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Dynamic optimised Theta (statsforecast)."""
    from statsforecast.models import DynamicOptimizedTheta

    return _classic(
        lambda: DynamicOptimizedTheta(season_length=1), units, season, ahead
    )


def ces(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Complex smoothing: level and what it gains move together (statsforecast)."""
    from statsforecast.models import AutoCES

    return _classic(lambda: AutoCES(season_length=1, model="N"), units, season, ahead)


def croston(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Croston's method in the form of Syntetos and Boylan (statsforecast)."""
    from statsforecast.models import CrostonSBA

    return _classic(CrostonSBA, units, season, ahead)


def tsb(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Teunter, Syntetos and Babai: items that fade out (statsforecast)."""
    from statsforecast.models import TSB

    return _classic(lambda: TSB(alpha_d=0.1, alpha_p=0.1), units, season, ahead)


def adida(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Smoothing of sums as long as the gaps between sales (statsforecast)."""
    from statsforecast.models import ADIDA

    return _classic(ADIDA, units, season, ahead)


def imapa(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Mean over levels of aggregation in time (statsforecast)."""
    from statsforecast.models import IMAPA

    return _classic(IMAPA, units, season, ahead)


def boosted(
    units: np.ndarray, season: np.ndarray, ahead: int, *, seed: int = 0,
    known: np.ndarray | None = None,
) -> Means:  # fmt: skip
    """One boosted-tree model over all series (scikit-learn), trained on the past."""
    learnt = boosting.learn(units, season, ahead=ahead, known=known, seeds=(seed,))
    return boosting.expect(learnt, units)


def combination(
    units: np.ndarray, season: np.ndarray, ahead: int, *, seed: int = 0,
    known: np.ndarray | None = None,
) -> Means:  # fmt: skip
    """Two parts boosted trees and one part levels: each mends what the other misses."""
    trees = boosted(units, season, ahead, seed=seed, known=known)
    return (2 * trees + levels(units, season, ahead)) / 3


METHODS: dict[str, Callable[..., Means]] = {
    "last week": last_value,
    "last year": last_year,
    "zero": nothing,
    "13-week mean": moving_average,
    "levels": levels,
    "smoothing": smoothed,
    "ETS": ets,
    "theta": theta,
    "Croston": croston,
    "TSB": tsb,
    "ADIDA": adida,
    "IMAPA": imapa,
    "CES": ces,
    "boosted trees": boosted,
    "combination": combination,
}


def spread(
    means: np.ndarray,
    *,
    dispersion: float | np.ndarray,
    drift: float | np.ndarray,
    draws: int,
    seed: int,
    wobble: float = 0.0,
) -> np.ndarray:
    """Return possible demand: counts around the means, never negative.

    A path's level is uncertain as a whole (drift) and each week is a negative binomial
    count, so weeks of one path move together as real ones do.

    Args:
        means: Expected units, rows by weeks.
        dispersion: Variance over mean of one week's count, above 1, by row or one.
        drift: Standard deviation of the level's logarithm, by row or one.
        draws: Paths wanted.
        seed: Seed.
        wobble: Further variance of one week, as a share of the squared mean.

    Returns:
        Units: rows, draws, weeks.

    Raises:
        ValueError: A mean is negative or missing.

    Example:
        >>> spread(np.full((1, 2), 5.0), dispersion=1.5, drift=0.2, draws=3, seed=1).shape
        (1, 3, 2)
    """
    if not (means >= 0).all():
        msg = f"a mean of demand is {means[~(means >= 0)].flat[0]}; it must be zero or more"
        raise ValueError(msg)
    source = np.random.default_rng(seed)
    rows, _weeks = means.shape
    drift = np.reshape(drift, (-1, 1))
    level = np.exp(source.normal(-0.5 * drift**2, drift, (rows, draws)))
    middle = np.maximum(means[:, None, :] * level[:, :, None], 1e-9)
    over = np.broadcast_to(np.reshape(dispersion, (-1, 1, 1)), (rows, 1, 1)) - 1
    over = np.maximum(over, 1e-3)
    over = over + wobble * middle
    rate = source.gamma(np.maximum(middle / over, 1e-6)) * over
    return source.poisson(rate).astype(np.int32)


def fit_spread(
    means: np.ndarray, actual: np.ndarray, *, drift: float = 0.0
) -> tuple[float, float]:
    """Return how widely facts fell around foretold means, for `spread`.

    The squared gap is fitted as a mean + b mean squared, weighted by the inverse
    square of the mean.

    Args:
        means: Foretold units of many rows and weeks, any shape.
        actual: What happened, the same shape; missing where unknown.
        drift: Standard deviation of the level's logarithm that `spread` will add.

    Returns:
        Dispersion (a) and wobble (b, less what the drift adds), as `spread` takes them.

    Raises:
        ValueError: Fewer than 30 facts are known.

    Example:
        >>> source = np.random.default_rng(1)
        >>> mean = source.gamma(2, 5, 100_000)
        >>> dispersion, wobble = fit_spread(mean, source.poisson(2 * source.gamma(mean / 2)))
        >>> round(dispersion, 1), wobble < 0.01
        (3.0, True)
    """
    known = ~np.isnan(actual) & ~np.isnan(means)
    checks.at_least(
        int(known.sum()), 30, "facts to learn the spread from", "Test more weeks."
    )
    mean, gap = means[known], (actual[known] - means[known]) ** 2
    weight = 1 / np.maximum(mean, 0.2)
    sides = np.stack([mean, mean**2], axis=1) * weight[:, None]
    (over, share), *_ = np.linalg.lstsq(sides, gap * weight, rcond=None)
    wobble = max(0.0, float(share - np.expm1(drift**2)))
    return float(np.clip(over, 1.02, 30)), wobble


def dispersion_of(
    units: np.ndarray, season: np.ndarray, *, span: int = 52
) -> np.ndarray:
    """Return variance over mean of each row's recent weeks, drawn towards all rows'.

    Args:
        units: Rows by weeks, missing where unknown.
        season: Factors of the weeks.
        span: Recent weeks used.
    """
    weeks = units.shape[1]
    recent = units[:, -span:] / season[max(0, weeks - span) : weeks]
    level = (
        pd.DataFrame(recent.T)
        .rolling(9, min_periods=3, center=True)
        .mean()
        .to_numpy()
        .T
    )
    gap = (recent - level) ** 2 * 9 / 8
    mean, var = np.nan_to_num(known_mean(level)), np.nan_to_num(known_mean(gap))
    ratio = var / np.maximum(mean, _SMALL)
    seen = mean > 0.1
    common = np.median(ratio[seen]) if seen.any() else 1.3
    count = (~np.isnan(recent)).sum(axis=1)
    weight = count / (count + 20.0)
    return np.clip(weight * ratio + (1 - weight) * common, 1.02, 1000.0)


def _classic(
    make: Callable[[], Any], units: np.ndarray, season: np.ndarray, ahead: int
) -> Means:
    weeks = units.shape[1]
    past = (fill(units) / season[None, :weeks]).astype(np.float32)
    result = np.zeros((len(units), ahead))
    for row, series in enumerate(past):
        begun = np.flatnonzero(series)
        if begun.size and len(series) - begun[0] > 6:
            result[row] = make().forecast(y=series[begun[0] :], h=ahead)["mean"]
        elif begun.size:
            result[row] = series[begun[0] :].mean()
    result = np.where(np.isfinite(result), np.maximum(result, 0), 0)
    return result * season[None, weeks : weeks + ahead]
