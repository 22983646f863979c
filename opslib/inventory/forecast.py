"""This module owns forecasts of weekly demand: the mean by several methods.

Every method takes units (rows by weeks, missing where demand is unknown) and gives
the mean of the next weeks; `spread` turns means into possible demand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

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


def fill(units: np.ndarray) -> np.ndarray:
    """Return units with unknown weeks filled by the row's recent known mean."""
    frame = pd.DataFrame(units.T)
    usual = frame.rolling(13, min_periods=1).mean().ffill().bfill().fillna(0.0)
    return frame.fillna(usual).to_numpy().T


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
    level = np.nan_to_num(_nanmean(past))
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


def croston(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Croston's method in the form of Syntetos and Boylan (statsforecast)."""
    from statsforecast.models import CrostonSBA

    return _classic(CrostonSBA, units, season, ahead)


def tsb(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Teunter, Syntetos and Babai: items that fade out (statsforecast)."""
    from statsforecast.models import TSB

    return _classic(lambda: TSB(alpha_d=0.1, alpha_p=0.1), units, season, ahead)


def imapa(units: np.ndarray, season: np.ndarray, ahead: int) -> Means:
    """Mean over levels of aggregation in time (statsforecast)."""
    from statsforecast.models import IMAPA

    return _classic(IMAPA, units, season, ahead)


def boosted(
    units: np.ndarray,
    season: np.ndarray,
    ahead: int,
    *,
    seed: int = 0,
    known: np.ndarray | None = None,
) -> Means:
    """One boosted-tree model over all series (scikit-learn), trained on the past.

    Args:
        units: Rows by weeks.
        season: Factors of past and coming weeks.
        ahead: Weeks ahead.
        seed: Seed of the model.
        known: What is known in advance for past and coming weeks, rows by weeks, such
            as the share on promotion; or None.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    weeks = units.shape[1]
    if weeks < 40:
        return levels(units, season, ahead)
    past = fill(units) / season[None, :weeks]
    origins = range(weeks - ahead, max(26, weeks - 80), -3)
    parts_x, parts_y, parts_w = [], [], []
    for origin in origins:
        for step in range(1, ahead + 1):
            target = units[:, origin + step - 1]
            good = ~np.isnan(target)
            x = _features(past[:, :origin], season, origin, step, known)
            scale = np.maximum(x[:, 0], 0.1)
            parts_x.append(x[good])
            parts_y.append((target / scale)[good])
            parts_w.append(scale[good])
    x, y, w = np.vstack(parts_x), np.concatenate(parts_y), np.concatenate(parts_w)
    if len(y) > 150_000:
        pick = np.random.default_rng(seed).choice(len(y), 150_000, replace=False)
        x, y, w = x[pick], y[pick], w[pick]
    model = HistGradientBoostingRegressor(
        loss="poisson", learning_rate=0.06, max_iter=120, max_leaf_nodes=15,
        min_samples_leaf=200, l2_regularization=5.0, random_state=seed,
    ).fit(x, y, sample_weight=w)  # fmt: skip
    result = []
    for step in range(1, ahead + 1):
        x = _features(past, season, weeks, step, known)
        result.append(model.predict(x) * np.maximum(x[:, 0], 0.1))
    return np.stack(result, axis=1)


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
    "IMAPA": imapa,
    "boosted trees": boosted,
}


def spread(
    means: np.ndarray,
    *,
    dispersion: float | np.ndarray,
    drift: float,
    draws: int,
    seed: int,
) -> np.ndarray:
    """Return possible demand: counts around the means, never negative.

    A path's level is uncertain as a whole (drift) and each week is a negative binomial
    count, so weeks of one path move together as real ones do.

    Args:
        means: Expected units, rows by weeks.
        dispersion: Variance over mean of one week's count, above 1, by row or one.
        drift: Standard deviation of the level's logarithm.
        draws: Paths wanted.
        seed: Seed.

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
    level = np.exp(source.normal(-0.5 * drift**2, drift, (rows, draws)))
    middle = np.maximum(means[:, None, :] * level[:, :, None], 1e-9)
    over = np.broadcast_to(np.reshape(dispersion, (-1, 1, 1)), (rows, 1, 1)) - 1
    over = np.maximum(over, 1e-3)
    rate = source.gamma(np.maximum(middle / over, 1e-6)) * over
    return source.poisson(rate).astype(np.int32)


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
    mean, var = np.nan_to_num(_nanmean(level)), np.nan_to_num(_nanmean(gap))
    ratio = var / np.maximum(mean, _SMALL)
    seen = mean > 0.1
    common = np.median(ratio[seen]) if seen.any() else 1.3
    count = (~np.isnan(recent)).sum(axis=1)
    weight = count / (count + 20.0)
    return np.clip(weight * ratio + (1 - weight) * common, 1.02, 30.0)


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


def _features(
    past: np.ndarray,
    season: np.ndarray,
    origin: int,
    step: int,
    known: np.ndarray | None,
) -> np.ndarray:
    """Return what is known at an origin about a coming week, scaled by the level."""
    level = 0.5 * past[:, -13:].mean(axis=1) + 0.5 * past[:, -26:].mean(axis=1)
    scale = np.maximum(level, 0.1)[:, None]
    spans = [
        past[:, -s:].mean(axis=1, keepdims=True) / scale for s in (1, 2, 4, 8, 13, 52)
    ]
    lag = past[:, max(0, origin + step - 1 - 53) : max(1, origin + step - 1 - 50)]
    year = (
        lag.mean(axis=1, keepdims=True) / scale if origin > 55 else np.ones_like(scale)
    )
    target = season[origin + step - 1]
    columns = [
        level[:, None] * target, np.log(scale), *spans, year,
        (past[:, -13:] > 0).mean(axis=1, keepdims=True),
        past[:, -26:].std(axis=1, keepdims=True) / scale,
        np.full_like(scale, step), np.full_like(scale, target),
    ]  # fmt: skip
    if known is not None:
        columns.append(known[:, [min(origin + step - 1, known.shape[1] - 1)]])
    return np.hstack(columns)


def _nanmean(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    return np.where(known, values, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
