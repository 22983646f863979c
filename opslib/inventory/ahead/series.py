"""This module owns forecasts of long single series: totals, hours, weeks of years.

Each step ahead is a regression of the change from now on earlier changes and on the
same weeks of other years. A series' own coefficients are drawn towards those of all
series, so a short one borrows what long ones know. Means over several settings are
given, because no single one is best everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from opslib import checks

LAGS = ((1, 2, 4, 8, 13), (1, 2, 3, 4, 6, 9, 13, 26))
HALF_LIVES = (104.0, 400.0)
_FAR = 16.0
_LEAST = 1e-3


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How one regression is made.

    Attributes:
        lags: Steps back whose change to now is a feature.
        half_life: Steps after which an observation counts half.
        shrink: How strongly coefficients are drawn to those of all series, above 0.
        log: Whether logarithms are regressed; values below .001 count as .001.
    """

    lags: tuple[int, ...]
    half_life: float = 400.0
    shrink: float = 3.0
    log: bool = True


MONTHLY = tuple(
    Setting(lags=(1, 2, 3, 6), half_life=60.0, shrink=30.0, log=log)
    for log in (True, False)
)
HOURLY = (Setting(lags=(1, 2, 3, 12, 24, 168), half_life=168.0, shrink=0.1),)
WEEKLY = tuple(
    Setting(lags=lags, half_life=half) for lags in LAGS for half in HALF_LIVES
)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What comes of each series.

    Attributes:
        mean: Expected value, series by steps ahead.
        low: Lower end of the range, never below zero where no value was.
        high: Upper end of the range.
        error: Standard error, as the newest past showed it to be.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: np.ndarray

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """Return quantiles at probabilities: series by steps by levels, none crossing."""
        floor = np.minimum(self.low, 0).min(axis=1)[:, None, None]
        step = norm.ppf(np.asarray(levels))
        return np.maximum(floor, self.mean[..., None] + self.error[..., None] * step)


def outlook(
    series: list[np.ndarray], *, ahead: int, seasons: tuple[int, ...] = (52,),
    settings: tuple[Setting, ...] = WEEKLY, confidence: float = 0.8,
) -> Outlook:  # fmt: skip
    """Foretell each series; the range is widened to what the newest past asked for.

    The newest `ahead` steps are foretold from before them; the width of the range is
    the one that would have cost least there by the interval score, which charges a
    miss `2 / (1 - confidence)` times its distance.

    Args:
        series: Values of each series, oldest first, of any length.
        ahead: Steps ahead, at least 1.
        seasons: Lengths of its seasons in steps, shortest first.
        settings: Regressions whose mean counts.
        confidence: Share of facts that the range should hold, in (0, 1).

    Raises:
        ValueError: A series is too short or holds a missing value.

    Example:
        >>> steps = np.arange(120.0)
        >>> wave = 50 + 10 * np.sin(2 * np.pi * steps / 12)
        >>> told = outlook([wave[:-6]], ahead=6, seasons=(12,))
        >>> bool(abs(told.mean[0] - wave[-6:]).max() < 2)
        True
    """
    checks.between(
        confidence, "confidence", low=0, high=1, open_low=True, open_high=True
    )
    for at, values in enumerate(series):
        checks.at_least(
            len(values),
            2 * ahead + 8,
            f"values in series {at}",
            "Foretell fewer steps.",
        )
        if not np.isfinite(values).all():
            msg = f"series {at} holds a missing value; fill it before foretelling"
            raise ValueError(msg)
    before = [values[:-ahead] for values in series]
    actual = np.stack([values[-ahead:] for values in series])
    told, error = _mean_of(before, ahead, seasons, settings)
    unit = np.array([max(np.abs(np.diff(v)).mean(), 1e-12) for v in before])[:, None]
    width = _width((actual - told) / unit, error / unit, confidence)
    mean, error = _mean_of(series, ahead, seasons, settings)
    floor = np.array([min(0.0, v.min()) for v in series])[:, None]
    return Outlook(
        mean=np.maximum(floor, mean),
        low=np.maximum(floor, mean - width * error),
        high=np.maximum(floor, mean + width * error),
        error=error * width / float(norm.ppf(0.5 + confidence / 2)),
    )


def _mean_of(
    series: list[np.ndarray], ahead: int, seasons: tuple[int, ...],
    settings: tuple[Setting, ...],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    told = [_regressed(series, ahead, seasons, one) for one in settings]
    return np.mean([t[0] for t in told], axis=0), np.mean([t[1] for t in told], axis=0)


def _width(gap: np.ndarray, error: np.ndarray, confidence: float) -> float:
    """Return the multiple of the error that scored best on the newest past."""
    usual = float(norm.ppf(0.5 + confidence / 2))

    def score(width: float) -> float:
        missed = np.maximum(np.abs(gap) - width * error, 0)
        return float((width * error + missed / (1 - confidence)).mean())

    return min(usual * np.arange(0.6, 3.05, 0.1), key=score)


def _regressed(
    series: list[np.ndarray], ahead: int, seasons: tuple[int, ...], setting: Setting
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error, series by steps, in the series' own unit."""
    log = setting.log and all((v >= 0).all() for v in series)
    past = [np.log(np.maximum(v, _LEAST)) if log else v for v in series]
    scale = np.array([max(np.abs(np.diff(v)).mean(), 1e-9) for v in past])
    now = np.array([v[-1] for v in past])
    known = [_known(v, seasons, setting.lags) for v in past]
    mean, error = np.zeros((2, len(series), ahead))
    for step in range(1, ahead + 1):
        gain, spread = _one_step((past, known, scale), step, seasons, setting)
        mean[:, step - 1] = now + scale * gain
        error[:, step - 1] = scale * spread
    if not log:
        return mean, error
    top = np.log(np.array([v.max() for v in series]).clip(_LEAST) * 5)[:, None]
    level = np.exp(np.minimum(mean, top))
    return level, level * error


def _one_step(
    given: tuple[list[np.ndarray], list[np.ndarray], np.ndarray],
    step: int,
    seasons: tuple[int, ...],
    setting: Setting,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each series' change `step` ahead and its standard error, both scaled."""
    squares, products, newest, kept = [], [], [], []
    past = given[0]
    for values, known, unit in zip(*given, strict=True):
        x = np.hstack([known, _then(values, step, seasons)]) / unit
        first = min(
            seasons[-1], max(8, len(values) // 2 - step), len(values) - step - 1
        )
        use, age = x[first : len(values) - step], len(values) - step - first
        y = (values[first + step :] - values[first : len(values) - step]) / unit
        y = np.clip(y, -_FAR * (1 + np.sqrt(step)), _FAR * (1 + np.sqrt(step)))
        weight = 0.5 ** (np.arange(age)[::-1] / setting.half_life)
        squares.append((use * weight[:, None]).T @ use)
        products.append((use * weight[:, None]).T @ y)
        newest.append(x[-1])
        kept.append((use, y, weight))
    square, product = np.stack(squares), np.stack(products)
    size = np.trace(square, axis1=1, axis2=2)
    share = np.minimum(20.0, 1 / (1e-9 + size / max(size.mean(), 1e-9)))
    width = square.shape[1]
    common = np.linalg.solve(
        (square * share[:, None, None]).sum(axis=0) + 10 * np.eye(width),
        (product * share[:, None]).sum(axis=0),
    )
    usual = np.diag(square.mean(axis=0)) / np.mean([len(v) for v in past])
    pull = np.diag(50 * setting.shrink * usual + 1e-6)
    own = np.linalg.solve(square + pull, (product + pull @ common)[..., None])[..., 0]
    spread = [
        np.sqrt((w * (y - x @ b) ** 2).sum() / max(w.sum() - 1, 1.0))
        for (x, y, w), b in zip(kept, own, strict=True)
    ]
    return (np.stack(newest) * own).sum(axis=1), np.array(spread)


def _known(
    values: np.ndarray, seasons: tuple[int, ...], lags: tuple[int, ...]
) -> np.ndarray:
    """Return what is known at each time: changes to now, and levels."""
    columns = [values - _back(values, lag) for lag in lags]
    rolling = pd.Series(values)
    for season in seasons:
        level = rolling.rolling(season, min_periods=max(2, season // 2)).mean()
        level = level.to_numpy()
        columns += [values - level, level - _back(level, season)]
    return np.nan_to_num(np.stack(columns, axis=1))


def _then(values: np.ndarray, step: int, seasons: tuple[int, ...]) -> np.ndarray:
    """Return what the same time of one and two seasons ago says of `step` ahead."""
    columns = []
    for season in seasons:
        whole = -(-step // season) * season
        for year in (whole, whole + season):
            then = _back(values, year)
            columns += [_back(values, year - step) - then, values - then]
    return np.nan_to_num(np.stack(columns, axis=1))


def _back(values: np.ndarray, steps: int) -> np.ndarray:
    """Return the value so many steps earlier, missing where there was none."""
    moved = np.full(len(values), np.nan)
    if steps < len(values):
        moved[steps:] = values[: len(values) - steps]
    return moved
