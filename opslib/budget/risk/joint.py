"""This module owns how lines move together: valid correlations, ties, reordering."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from opslib import checks

_MOST = 0.995  # a sample tie beyond this is read as this


def valid_correlation(
    matrix: np.ndarray, *, rounds: int = 200
) -> tuple[np.ndarray, float]:
    """Return the nearest valid correlation matrix and how far it lies away.

    A matrix filled in by hand is often impossible (one pair contradicts two others).
    Alternating projections with Dykstra's correction find the nearest possible one
    (Higham 2002, IMA J. Numer. Anal. 22); a matrix that is valid comes back as it was.

    Args:
        matrix: Square, symmetric, ones on the diagonal, entries within [-1, 1].
        rounds: Most projections to make.

    Returns:
        The repaired matrix and the Frobenius distance from the one given.

    Raises:
        ValueError: The matrix is not square and symmetric with entries within [-1, 1].

    Example:
        >>> fixed, gap = valid_correlation(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1.]]))
        >>> fixed.round(4)[0].tolist(), round(gap, 4)
        ([1.0, 0.7607, 0.1573], 0.5278)
    """
    given = np.array(matrix, dtype=float)
    _check(given)
    if np.linalg.eigvalsh(given)[0] >= -1e-12:
        return given, 0.0
    now, correction = given.copy(), np.zeros_like(given)
    for _ in range(rounds):
        before = now
        lifted = _positive(now - correction)
        correction = lifted - (now - correction)
        now = lifted.copy()
        np.fill_diagonal(now, 1.0)
        if np.abs(now - before).max() < 1e-10:
            break
    now = _positive(now)
    scale = np.sqrt(np.diag(now))
    now = now / np.outer(scale, scale)
    return now, float(np.linalg.norm(now - given))


def iman_conover(
    values: np.ndarray, target: np.ndarray, scores: np.ndarray
) -> np.ndarray:
    """Reorder each column so that the columns are tied as wanted.

    The columns' own values stay what they are; only their order changes (Iman and
    Conover 1982, Commun. Stat. B 11).

    Args:
        values: One row a draw, one column a line, in any unit.
        target: Wanted correlation of the lines, valid.
        scores: Reference scores, same shape, columns without dependence on each other.

    Returns:
        The values reordered within their columns, same shape and unit.

    Raises:
        ValueError: The shapes differ or the correlation is impossible.

    Example:
        >>> draw = np.random.default_rng(1)
        >>> tie = np.array([[1, 0.8], [0.8, 1]])
        >>> x = iman_conover(draw.random((500, 2)), tie, draw.normal(size=(500, 2)))
        >>> bool(0.7 < np.corrcoef(x.T)[0, 1] < 0.9)
        True
    """
    if values.shape != scores.shape or target.shape != (values.shape[1],) * 2:
        msg = (
            f"values {values.shape}, scores {scores.shape} and correlation "
            f"{target.shape} do not fit; give one score for each value"
        )
        raise ValueError(msg)
    fixed, gap = valid_correlation(target)
    if gap > 1e-9:
        msg = f"the correlation is impossible ({gap:.3g} off); repair it first"
        raise ValueError(msg)
    have = np.linalg.cholesky(np.cov(scores.T, bias=True))
    want = np.linalg.cholesky(fixed + 1e-12 * np.eye(len(fixed)))
    tied = scores @ np.linalg.inv(have).T @ want.T
    ranks = stats.rankdata(tied, axis=0, method="ordinal").astype(int) - 1
    return np.take_along_axis(np.sort(values, axis=0), ranks, axis=0)


def normal_correlation(rank_correlation: np.ndarray) -> np.ndarray:
    """Return the correlation of normal scores that gives a Spearman correlation.

    Example:
        >>> round(float(normal_correlation(np.array(0.5))), 6)
        0.517638
    """
    return 2 * np.sin(np.pi * np.asarray(rank_correlation) / 6)


def from_history(changes: np.ndarray, *, weight: float | None = None) -> np.ndarray:
    """Return lines' correlation from few past rows, drawn towards their common mean.

    With few rows a sample correlation is mostly noise. On Fisher's scale its error is
    the same for every pair, so the spread of the pairs beyond that error says how much
    of each pair's own value to believe (empirical Bayes): a strong tie, such as sales
    and their cost, stays; chance ties go to the mean. A line that never changes is tied
    to none.

    Args:
        changes: One row a period, one column a line; at least 4 rows.
        weight: Share of the common mean, from 0 to 1; by default as the pairs say.

    Returns:
        A valid correlation matrix.

    Raises:
        ValueError: Fewer than 4 rows, or the weight is no share.

    Example:
        >>> rows = np.random.default_rng(2).normal(size=(60, 3))
        >>> from_history(rows).shape
        (3, 3)
    """
    rows, lines = changes.shape
    checks.at_least(rows, 4, "past periods", "Give a correlation instead.")
    if weight is not None:
        checks.between(weight, "weight", low=0, high=1)
    ranks = stats.rankdata(changes, axis=0)
    spread = ranks.std(axis=0)
    ranks = (ranks - ranks.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    sample = normal_correlation(np.clip(ranks.T @ ranks / rows, -1, 1))
    known = np.outer(spread > 0, spread > 0) & ~np.eye(lines, dtype=bool)
    if not known.any():
        return np.eye(lines)
    score = np.arctanh(np.clip(sample, -_MOST, _MOST))
    common = max(0.0, float(score[known].mean()))
    error = 1 / max(1, rows - 3)
    if weight is None:
        weight = min(1.0, error / max(1e-9, float(score[known].var())))
    mixed = np.where(known, np.tanh((1 - weight) * score + weight * common), 0.0)
    np.fill_diagonal(mixed, 1.0)
    return valid_correlation(mixed)[0]


def heavy_scores(scores: np.ndarray, chance: np.ndarray, degrees: float) -> np.ndarray:
    """Return normal scores tied by a t copula instead of the Gaussian one.

    All lines of a draw share one scale, so that extremes come together.

    Args:
        scores: Correlated standard normal scores; the last axis is the draws.
        chance: One uniform number a draw, in (0, 1).
        degrees: Degrees of freedom, above 2; the fewer, the more extremes are shared.

    Returns:
        Standard normal scores, same shape, each line's own law unchanged.

    Example:
        >>> z = np.random.default_rng(1).normal(size=(1, 2000))
        >>> u = np.random.default_rng(2).random(2000)
        >>> bool(abs(heavy_scores(z, u, 4.0).std() - 1) < 0.05)
        True
    """
    checks.between(degrees, "degrees", low=2, open_low=True)
    scale = np.sqrt(degrees / stats.chi2.ppf(chance, degrees))
    nodes = np.linspace(-7, 7, 4001)
    table = special.ndtri(stats.t.cdf(np.sinh(nodes[nodes <= 0]), degrees))
    table = np.concatenate([table, -table[-2::-1]])
    return np.interp(np.arcsinh(scores * scale), nodes, np.clip(table, -8.3, 8.3))


def _positive(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.maximum(values, 0)) @ vectors.T


def _check(matrix: np.ndarray) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        msg = f"the correlation has shape {matrix.shape}; it must be square"
        raise ValueError(msg)
    if not np.allclose(matrix, matrix.T, atol=1e-9):
        msg = "the correlation is not symmetric; give each pair the same number twice"
        raise ValueError(msg)
    worst = float(np.abs(matrix).max())
    if worst > 1 + 1e-9 or not np.allclose(np.diag(matrix), 1.0):
        msg = f"the correlation reaches {worst:g}; entries lie within 1, ones across"
        raise ValueError(msg)
