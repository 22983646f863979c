"""This module owns the simulation: draws of every line and month that add up.

Scrambled Sobol' points carry the directions that move the total most; the first of
them is the one along which the total rises fastest.
Independent scramblings are replicates: their spread is the simulation's own error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.stats import qmc

from opslib import checks
from opslib.budget.risk import joint, lines
from opslib.budget.risk.lines import Line

SOBOL_DIRECTIONS = 96  # the rest moves the total so little that plain draws do
METHODS = ("ours", "sobol", "latin", "plain")


@dataclass(frozen=True, kw_only=True)
class Model:
    """What is to be drawn: lines, how large each month, how they move together.

    Attributes:
        lines: Distribution of each line, for a month of scale one.
        scale: Lines x months; each cell multiplies its line's distribution.
        by_line: Correlation of the lines' normal scores within a month.
        by_month: Correlation of a line's normal scores between months.
        degrees: Degrees of freedom of a t copula, zero for the Gaussian copula.
        known: Money already spent on each line, added to every draw.
        signs: Plus or minus one for each line: what a unit does to the total.
        repaired: Distance by which the given correlations had to be repaired.
    """

    lines: tuple[Line, ...]
    scale: np.ndarray
    by_line: np.ndarray
    by_month: np.ndarray
    degrees: float
    known: np.ndarray
    signs: np.ndarray
    repaired: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Draws:
    """What the simulation gave; parts add up to the whole in every draw.

    Attributes:
        total: Replicates x points, money.
        by_line: All draws x lines, money, known amounts included, signs not applied.
        by_month: All draws x months still open, money, signs applied.
        names: The lines' names.
        departments: The lines' departments.
        signs: What a unit of each line does to the total.
        tie_gap: Largest gap between the whole and the sum of its parts, as a share.
        seed: Seed that gives the same draws again.
    """

    total: np.ndarray
    by_line: np.ndarray
    by_month: np.ndarray
    names: tuple[str, ...]
    departments: tuple[str, ...]
    signs: np.ndarray
    tie_gap: float
    seed: int


def model(
    of: list[Line],
    *,
    scale: np.ndarray | None = None,
    by_line: np.ndarray | float = 0.0,
    by_month: np.ndarray | float = 0.0,
    degrees: float = 0.0,
    known: np.ndarray | None = None,
    signs: np.ndarray | None = None,
) -> Model:
    """Return a model whose correlations have been made valid.

    Args:
        of: The lines' distributions.
        scale: Lines x months; by default one month of scale one.
        by_line: Correlation between lines, a matrix or one number for every pair.
        by_month: Correlation between months, a matrix or one number for every pair.
        degrees: Degrees of freedom of a t copula, zero for the Gaussian copula.
        known: Money already spent on each line.
        signs: Plus or minus one for each line; all plus by default.

    Raises:
        ValueError: Shapes do not fit or a number is impossible.

    Example:
        >>> two = [lines.line(n, "normal", [100, 10]) for n in ("a", "b")]
        >>> model(two, by_line=0.3).by_line.tolist()
        [[1.0, 0.3], [0.3, 1.0]]
    """
    checks.at_least(len(of), 1, "lines", "Name at least one line.")
    scale = np.ones((len(of), 1)) if scale is None else np.asarray(scale, float)
    if scale.ndim != 2 or len(scale) != len(of):
        msg = f"scale has shape {scale.shape}; it needs {len(of)} lines x months"
        raise ValueError(msg)
    tied, line_gap = joint.valid_correlation(_matrix(by_line, len(of)))
    along, month_gap = joint.valid_correlation(_matrix(by_month, scale.shape[1]))
    if degrees:
        checks.between(degrees, "degrees", low=2, open_low=True)
    known = np.zeros(len(of)) if known is None else np.asarray(known, float)
    signs = np.ones(len(of)) if signs is None else np.asarray(signs, float)
    if known.shape != (len(of),) or signs.shape != (len(of),):
        msg = f"known {known.shape} and signs {signs.shape} need {len(of)} numbers each"
        raise ValueError(msg)
    return Model(
        lines=tuple(of),
        scale=scale,
        by_line=tied,
        by_month=along,
        degrees=degrees,
        known=known,
        signs=signs,
        repaired=line_gap + month_gap,
    )


def simulate(
    of: Model,
    *,
    points: int = 4096,
    replicates: int = 16,
    seed: int = 1,
    shocks: dict[str, np.ndarray] | None = None,
    method: str = "ours",
) -> Draws:
    """Draw every line and month of the year that is still open.

    Args:
        of: The model.
        points: Draws in a replicate, a power of two.
        replicates: Independent scramblings, at least 2; their spread is the error.
        seed: The same seed gives the same draws.
        shocks: Line to factors, one a row of draws handed in by another room; row k of
            every line belongs together and stays together.
        method: `ours`, or for comparison `sobol` (triangular factor), `latin`, `plain`.

    Returns:
        The draws; about `points * replicates * (lines + months) * 8` bytes.

    Raises:
        ValueError: Points are no power of two, or a shock names no line.

    Example:
        >>> two = [lines.line(n, "normal", [100, 10]) for n in ("a", "b")]
        >>> got = simulate(model(two), points=256, replicates=4)
        >>> got.total.shape, bool(abs(got.total.mean() - 200) < 0.05)
        ((4, 256), True)
    """
    checks.one_of(method, "method", METHODS)
    checks.at_least(replicates, 2, "replicates", "Their spread is the error.")
    if points < 16 or points & (points - 1):
        msg = f"points is {points}; it must be a power of two from 16, such as 4096"
        raise ValueError(msg)
    blocks = _blocks(of, shocks or {})
    path = _Path(of)
    count, (rows, months) = points * replicates, of.scale.shape
    by_line, by_month = np.empty((count, rows)), np.zeros((count, months))
    for at in range(replicates):
        draw = np.random.default_rng([seed, at])
        scores, extra = _scores(of, path, points, draw, method)
        part = slice(at * points, (at + 1) * points)
        for k, line in enumerate(of.lines):
            cells = lines.amounts(line, scores[k]) * of.scale[k][:, None]
            if k in blocks:
                cells *= _factor(blocks[k], extra[0])
            by_line[part, k] = cells.sum(axis=0) + of.known[k]
            by_month[part] += of.signs[k] * cells.T
    total = by_line @ of.signs
    closed = float(of.known @ of.signs)
    gap = np.abs(by_month.sum(axis=1) + closed - total)
    return Draws(
        total=total.reshape(replicates, points),
        by_line=by_line,
        by_month=by_month,
        names=tuple(one.name for one in of.lines),
        departments=tuple(one.department for one in of.lines),
        signs=of.signs,
        tie_gap=float(gap.max() / max(1e-12, np.abs(total).max())),
        seed=seed,
    )


def one_uncertainty(paths: np.ndarray, expected: float) -> np.ndarray:
    """Return demand draws as factors of a budget line, ready to hand to `simulate`.

    Args:
        paths: Draws x anything (items, weeks), in units or money.
        expected: What the budget's line expects these draws to sum to, same unit.

    Returns:
        One factor a draw, mean near one where the budget expects what demand says.

    Example:
        >>> one_uncertainty(np.array([[4.0, 5.0], [6.0, 5.0]]), 10.0).tolist()
        [0.9, 1.1]
    """
    checks.between(expected, "expected", low=0, open_low=True)
    return np.asarray(paths, float).reshape(len(paths), -1).sum(axis=1) / expected


def demand_factors(
    paths: np.ndarray, prices: np.ndarray, *, shared: float = 0.0, seed: int = 1
) -> np.ndarray:
    """Return the demand room's paths as weekly factors of expected sales.

    Args:
        paths: Items x draws x weeks, units.
        prices: One an item, money.
        shared: Error of the sum that single items' paths do not show, as a share.
        seed: Seed of the shared error.

    Returns:
        Draws x weeks, each week's mean one; every path comes eight times, each time
        with another shared error.

    Example:
        >>> demand_factors(np.ones((2, 3, 4)), np.array([1.0, 2.0])).shape
        (24, 4)
    """
    money = np.einsum("idw,i->dw", np.asarray(paths, float), np.asarray(prices, float))
    checks.between(float(money.mean()), "expected sales", low=0, open_low=True)
    checks.between(shared, "shared", low=0, high=1)
    own = np.tile(money / np.maximum(money.mean(axis=0), 1e-9), (8, 1))
    normal = np.random.default_rng(seed).permuted(
        special.ndtri((np.arange(len(own)) + 0.5) / len(own))
    )
    return own * np.exp(shared * normal - shared**2 / 2)[:, None]


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Draws of sales from several rooms as one uncertainty.

    Attributes:
        factors: Draws x weeks of sales as factors of expected ones, all rooms together.
        parts: Room's word to its own factor in each of these draws, mean over weeks.
    """

    factors: np.ndarray
    parts: dict[str, np.ndarray]


def together(*, seed: int = 1, **rooms: np.ndarray) -> Shared:
    """Return the factors of several rooms as one: demand times what promotions change.

    Rooms do not know each other's draws, so their rows are paired by lot.

    Args:
        seed: Seed of the pairing.
        rooms: Draws x weeks each (or draws alone), any number of draws.

    Example:
        >>> both = together(demand=np.full((4, 3), 2.0), lift=np.array([1.0, 1.2]))
        >>> both.factors.mean(axis=0).round(6).tolist(), sorted(both.parts)
        ([2.2, 2.2, 2.2], ['demand', 'lift'])
    """
    draw, count = np.random.default_rng(seed), max(len(f) for f in rooms.values())
    product, parts = np.ones((1, 1)), {}
    for name, given in rooms.items():
        order = draw.permutation(np.resize(np.arange(len(given)), count))
        rows = np.asarray(given, float).reshape(len(given), -1)[order]
        product, parts[name] = product * rows, rows.mean(axis=1)
    return Shared(factors=product, parts=parts)


class _Path:
    """The directions of the model's scores, sorted by what they do to the total."""

    def __init__(self, of: Model) -> None:
        line_values, self.line_vectors = np.linalg.eigh(of.by_line)
        month_values, self.month_vectors = np.linalg.eigh(of.by_month)
        strength = np.outer(np.maximum(line_values, 0), np.maximum(month_values, 0))
        weight = of.scale * np.array([lines.local_spread(x) for x in of.lines])[:, None]
        weight = weight * of.signs[:, None]
        pull = np.sqrt(strength) * (self.line_vectors.T @ weight @ self.month_vectors)
        spread = strength * (
            (self.line_vectors**2).T @ weight**2 @ self.month_vectors**2
        )
        self.order = np.argsort(-spread.ravel(), kind="stable")
        self.roots = np.sqrt(strength.ravel()[self.order])[:, None]
        self.mirror = _mirror(pull.ravel()[self.order])
        self.back = np.argsort(self.order)

    def scores(self, normals: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Turn normals (directions x points) into tied scores (lines, months, points)."""
        if self.mirror is not None:
            normals = normals - np.outer(self.mirror, 2 * (self.mirror @ normals))
        normals *= self.roots
        rows, months = shape
        grid = normals[self.back].reshape(rows, -1)
        tied = (self.line_vectors @ grid).reshape(rows, months, -1)
        return tied if months == 1 else self.month_vectors @ tied


def _mirror(pull: np.ndarray) -> np.ndarray | None:
    """Return the unit normal of the mirror that turns the first axis into the pull."""
    size = np.linalg.norm(pull)
    if size == 0:
        return None
    normal = -pull / size
    normal[0] += 1.0
    length = np.linalg.norm(normal)
    return None if length < 1e-12 else normal / length


def _scores(
    of: Model, path: _Path, points: int, draw: np.random.Generator, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return tied scores (lines, months, points) and two uniform rows for the rest."""
    shape = of.scale.shape
    size = shape[0] * shape[1]
    uniform = _uniform(size + 2, points, draw, method)
    extra, leading = uniform[:2], special.ndtri(uniform[2:])
    normals = leading
    if len(leading) < size:
        normals = np.empty((size, points))
        normals[: len(leading)] = leading
        draw.standard_normal(out=normals[len(leading) :])
    if method == "ours":
        scores = path.scores(normals, shape)
    else:
        tied = (_root(of.by_line) @ normals.reshape(shape[0], -1)).reshape(*shape, -1)
        scores = _root(of.by_month) @ tied
    if of.degrees:
        scores = joint.heavy_scores(scores, extra[1], of.degrees)
    return scores, extra


def _uniform(
    size: int, points: int, draw: np.random.Generator, method: str
) -> np.ndarray:
    if method == "plain":
        return draw.random((size, points))
    if method == "latin":
        order = draw.permuted(np.tile(np.arange(points), (size, 1)), axis=1)
        return (order + draw.random((size, points))) / points
    size = min(size, SOBOL_DIRECTIONS + 2) if method == "ours" else size
    sobol = qmc.Sobol(size, scramble=True, rng=draw)
    drawn = np.ascontiguousarray(sobol.random_base2(int(np.log2(points))).T)
    return np.clip(drawn, 2.0**-33, 1 - 2.0**-33)


def _root(matrix: np.ndarray) -> np.ndarray:
    return np.linalg.cholesky(matrix + 1e-12 * np.eye(len(matrix)))


def _blocks(of: Model, shocks: dict[str, np.ndarray]) -> dict[int, np.ndarray]:
    """Return line number to factors, rows sorted by what they do to the total."""
    names = [one.name for one in of.lines]
    unknown = sorted(set(shocks) - set(names))
    if unknown:
        msg = f"shocks name lines {unknown}; the model has {names}"
        raise ValueError(msg)
    rows = {len(factors) for factors in shocks.values()}
    if len(rows) > 1:
        msg = f"shocks have {sorted(rows)} draws; all lines need the same rows"
        raise ValueError(msg)
    effect = np.zeros(rows.pop() if rows else 0)
    for name, factors in shocks.items():
        for k in (i for i, n in enumerate(names) if n == name):
            mean = lines.moments(of.lines[k])[0] * of.scale[k].sum() * of.signs[k]
            effect = effect + mean * np.asarray(factors, float)
    order = np.argsort(effect, kind="stable")
    return {
        k: np.asarray(shocks[name], float)[order]
        for k, name in enumerate(names)
        if name in shocks
    }


def _factor(rows: np.ndarray, chance: np.ndarray) -> np.ndarray:
    return rows[np.minimum((chance * len(rows)).astype(int), len(rows) - 1)]


def _matrix(given: np.ndarray | float, size: int) -> np.ndarray:
    if np.ndim(given) == 0:
        full = np.full((size, size), float(given))
        np.fill_diagonal(full, 1.0)
        return full
    given = np.asarray(given, float)
    if given.shape != (size, size):
        msg = f"the correlation has shape {given.shape}; it needs {size} x {size}"
        raise ValueError(msg)
    return given
