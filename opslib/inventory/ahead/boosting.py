"""This module owns the global model: boosted trees that learn from all series at once.

Every number a tree sees is scaled by the series' own level, so small and large items
teach each other; counts are learnt with the Poisson loss, weighted by the level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from opslib import checks
from opslib.inventory.demand import fill, known_mean

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

ROWS_MOST = 100_000
_YEAR = 52
_BINS = 128
_LAST_YEAR = 60
_SPANS = (1, 2, 3, 4, 8, 13, 26, 52)


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """A model of all series.

    Attributes:
        models: Trees grown from different seeds, whose mean counts; none where the
            history was too short to learn from.
        season: Factor of each past and coming week.
        groups: Codes of what series share (store, department, ...), rows by groups.
        known: What is known in advance of past and coming weeks (share on promotion,
            holiday), features by rows by weeks.
        ahead: Weeks ahead.
        edges: Borders of each feature's bins; binning here, once, is several times
            faster than the trees' own binning of weighted rows.
    """

    models: tuple[HistGradientBoostingRegressor, ...]
    season: np.ndarray
    groups: np.ndarray
    known: np.ndarray
    ahead: int
    edges: tuple[np.ndarray, ...] = ()


def learn(
    units: np.ndarray,
    season: np.ndarray,
    *,
    ahead: int,
    groups: np.ndarray | None = None,
    known: np.ndarray | None = None,
    seeds: tuple[int, ...] = (0,),
) -> Learnt:
    """Learn one model from every series, as if standing at each past week in turn.

    Args:
        units: Rows by weeks, missing where demand is unknown.
        season: Factor of each past week and of at least `ahead` coming ones.
        ahead: Weeks ahead, at least 1.
        groups: Codes of what series share, rows by groups; or None.
        known: Features known in advance by rows by weeks (past and coming); or None.
        seeds: Seeds, one model each; more seeds, a steadier mean.

    Raises:
        ValueError: The season does not reach `ahead` weeks beyond the units.

    Example:
        >>> steady = np.full((40, 90), 4.0)
        >>> learnt = learn(steady, np.ones(92), ahead=2)
        >>> expect(learnt, steady).round().max()
        np.float64(4.0)
    """
    rows, weeks = units.shape
    checks.at_least(
        len(season) - weeks, ahead, "coming factors of the season", "Pass a longer one."
    )
    groups = np.zeros((rows, 0), int) if groups is None else np.asarray(groups, int)
    known = np.zeros((0, rows, len(season))) if known is None else known
    bare = Learnt(models=(), season=season, groups=groups, known=known, ahead=ahead)
    first = min(56, max(13, weeks // 2))
    origins = np.arange(weeks - ahead, first, -1)
    if len(origins) < 8:
        return bare
    step = max(1, int(np.ceil(rows * ahead * len(origins) / ROWS_MOST)))
    parts: list[list[np.ndarray]] = [[], [], []]
    filled = fill(units)
    sums = _summed(filled, groups)
    for origin in origins[::step]:
        base, level = _about_now(units[:, :origin], filled[:, :origin], sums, bare)
        begun = filled[:, :origin].sum(axis=1) > 0
        for at in range(1, ahead + 1):
            scale = level * season[origin + at - 1]
            x = np.hstack(
                [base, _about_then(filled[:, :origin], sums, bare, level, at)]
            )
            target = units[:, origin + at - 1]
            good = begun & ~np.isnan(target)
            found = (x[good], (target / scale)[good], scale[good])
            for part, new in zip(parts, found, strict=True):
                part.append(new.astype(np.float32))
    x, y, weight = np.vstack(parts[0]), np.hstack(parts[1]), np.hstack(parts[2])
    shares = np.linspace(0, 1, _BINS + 1)[1:-1]
    edges = tuple(_borders(column, shares) for column in x.T)
    x = _binned(x, edges)
    models = tuple(_grown(x, y, weight, seed) for seed in seeds)
    return replace(bare, models=models, edges=edges)


def expect(learnt: Learnt, units: np.ndarray) -> np.ndarray:
    """Return the mean of the weeks that follow the units, rows by weeks ahead.

    Args:
        learnt: What `learn` gave; it may have learnt from fewer weeks.
        units: Rows by weeks, all that is known now.
    """
    filled = fill(units)
    sums = _summed(filled, learnt.groups)
    base, level = _about_now(units, filled, sums, learnt)
    means = []
    for at in range(1, learnt.ahead + 1):
        scale = level * learnt.season[units.shape[1] + at - 1]
        x = np.hstack([base, _about_then(filled, sums, learnt, level, at)])
        told = [x[:, 1]]
        if learnt.models:
            x = _binned(x, learnt.edges)
            told = [model.predict(x) for model in learnt.models]
        means.append(np.maximum(0, np.mean(told, axis=0) * scale))
    return np.stack(means, axis=1)


def _grown(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int
) -> HistGradientBoostingRegressor:
    from sklearn.ensemble import HistGradientBoostingRegressor

    source = np.random.default_rng(seed)
    if len(y) > ROWS_MOST:
        pick = source.choice(len(y), ROWS_MOST, replace=False)
        x, y, weight = x[pick], y[pick], weight[pick]
    return HistGradientBoostingRegressor(
        loss="poisson", learning_rate=0.06, max_iter=120, max_leaf_nodes=15,
        min_samples_leaf=200, l2_regularization=5.0, max_features=0.5,
        early_stopping=False, random_state=seed,
    ).fit(x, y, sample_weight=weight)  # fmt: skip


def _borders(column: np.ndarray, shares: np.ndarray) -> np.ndarray:
    known = column[~np.isnan(column)]
    return np.unique(np.quantile(known, shares)) if known.size else known


def _binned(x: np.ndarray, edges: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return the number of the bin each value falls in, missing kept as missing.

    A column that was never known, such as a year ago in a short history, tells nothing.
    """
    bins = np.empty(x.shape, np.float32)
    for place, border in enumerate(edges):
        column = x[:, place]
        bins[:, place] = np.searchsorted(border, column)
        bins[np.isnan(column), place] = np.nan if border.size else 0.0
    return bins


def _about_now(
    units: np.ndarray, filled: np.ndarray, sums: list[np.ndarray], learnt: Learnt
) -> tuple[np.ndarray, np.ndarray]:
    """Return what is known now about each series, and its level without season."""
    now = units.shape[1]
    past, whole = units / learnt.season[:now], filled / learnt.season[:now]
    level = 0.5 * known_mean(past[:, -13:]) + 0.5 * known_mean(past[:, -26:])
    scale = np.maximum(level, 0.1)
    fade = np.exp(-np.arange(min(now, _YEAR))[::-1] / 6.0)
    sold = whole > 0
    idle = np.where(sold.any(axis=1), sold[:, ::-1].argmax(axis=1), now)
    columns = [
        np.log(scale),
        level / scale,
        *(known_mean(past[:, -span:]) / scale for span in _SPANS),
        (whole[:, -_YEAR:] * fade).sum(axis=1) / fade.sum() / scale,
        sold[:, -13:].mean(axis=1),
        sold[:, -_YEAR:].mean(axis=1),
        whole[:, -26:].std(axis=1) / scale,
        whole[:, -13:].max(axis=1) / scale,
        np.minimum(idle, 30),
        np.minimum((~np.isnan(units)).sum(axis=1), 2 * _YEAR),
        np.isnan(units[:, -8:]).mean(axis=1),
    ]
    for codes, summed in zip(learnt.groups.T, sums, strict=True):
        usual = summed[:, max(0, now - 26) : now].mean(axis=1) + 0.1
        columns += [
            codes,
            (summed[:, max(0, now - 4) : now].mean(axis=1) / usual)[codes],
        ]
    columns += [known[:, max(0, now - 4) : now].mean(axis=1) for known in learnt.known]
    return np.stack(columns, axis=1), scale


def _about_then(
    filled: np.ndarray,
    sums: list[np.ndarray],
    learnt: Learnt,
    scale: np.ndarray,
    at: int,
) -> np.ndarray:
    """Return what is known now about the week `at` weeks ahead."""
    now, season = filled.shape[1], learnt.season
    target = now + at - 1
    here = np.ones(len(filled))
    then, level = _a_year_ago(filled, now, target)
    columns = [
        then / scale, then / level, here * at, here * season[target],
        here * season[target] / season[max(0, now - 8) : now].mean(),
    ]  # fmt: skip
    for codes, summed in zip(learnt.groups.T, sums, strict=True):
        then, level = _a_year_ago(summed, now, target)
        columns.append((then / level)[codes])
    columns += [known[:, target] for known in learnt.known]
    return np.stack(columns, axis=1)


def _a_year_ago(
    filled: np.ndarray, now: int, target: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the same weeks a year ago, and the level at that time."""
    if now < _LAST_YEAR:
        return np.full(len(filled), np.nan), np.ones(len(filled))
    then = filled[:, target - 53 : target - 50].mean(axis=1)
    return then, filled[:, max(0, now - _YEAR - 13) : now - _YEAR].mean(axis=1) + 0.1


def _summed(filled: np.ndarray, groups: np.ndarray) -> list[np.ndarray]:
    """Return the sum of each group's series, for every kind of group."""
    return [
        np.stack(
            [np.bincount(codes, week, minlength=codes.max() + 1) for week in filled.T],
            1,
        )
        for codes in groups.T
    ]
