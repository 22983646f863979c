"""This module owns the models of when customers buy, exact and small, on scipy.

BG/NBD (Fader, Hardie, Lee 2005), MBG/NBD (Batislam, Denizel, Filiztekin 2007) with
regular timing (Platzer, Reutterer 2016) and Pareto/NBD (Schmittlein, Morrison,
Colombo 1987; Fader, Hardie 2005). Time is in weeks of whichever clock the histories
were told on. Covariates move a customer's rate: alpha becomes alpha * exp(-z b).

Long because three models share one likelihood search and one set of expectations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import optimize, special

from opslib import checks

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("bgnbd", "mbgnbd", "paretonbd")
_NAMES = {
    "bgnbd": ("r", "alpha", "a", "b"), "mbgnbd": ("r", "alpha", "a", "b"),
    "paretonbd": ("r", "alpha", "s", "beta"),
}  # fmt: skip
LEAST_CUSTOMERS = 20
MANY = 40_000


@dataclass(frozen=True, kw_only=True)
class Buying:
    """A fitted model of when customers buy.

    Attributes:
        kind: `bgnbd`, `mbgnbd` or `paretonbd`.
        params: Parameter name to value; alpha and beta in weeks.
        regularity: Erlang shape of the gaps; 1 is fully random timing.
        covariates: Column to its effect on the log of the buying rate.
        centre: Column to the mean that was taken off it.
        log_likelihood: At the parameters, over all customers.
        customers: How many it was fitted on.
        degenerate: Whether it says that hardly anybody or everybody leaves.
    """

    kind: str
    params: dict[str, float]
    regularity: int = 1
    covariates: dict[str, float] = field(default_factory=dict)
    centre: dict[str, float] = field(default_factory=dict)
    log_likelihood: float
    customers: int
    degenerate: bool


def fit(
    told: pd.DataFrame, *, kind: str = "bgnbd", regularity: int = 1,
    covariates: tuple[str, ...] = (),
) -> Buying:  # fmt: skip
    """Return the model of largest likelihood.

    Args:
        told: frequency, recency, age (weeks), log_gaps where regularity is above 1,
            and the covariates; a column `count` weighs rows that stand for several.
        kind: One of `KINDS`.
        regularity: Erlang shape of the gaps, for `mbgnbd` and `bgnbd`.
        covariates: Columns that move the buying rate; only what was known at the cut.

    Example:
        >>> one = pd.DataFrame({"frequency": [2, 0, 1, 0, 3] * 9, "age": 40.0,
        ...     "recency": [30.0, 0.0, 9.0, 0.0, 38.0] * 9})
        >>> fit(one).customers
        45
    """
    checks.one_of(kind, "kind", KINDS)
    checks.between(regularity, "regularity", low=1, high=6)
    x, recency, age, count = _arrays(told)
    need = "Load more customers, or rank by recency and frequency alone."
    checks.at_least(int(count.sum()), LEAST_CUSTOMERS, "customers", need)
    z, centre = _centred(told, covariates)
    shift = _log_gap_term(told, x, regularity)

    def loss(point: np.ndarray, rows: np.ndarray | slice = slice(None)) -> float:
        base = np.exp(np.clip(point[:4], -12, 12))
        alpha = base[1] * np.exp(-z[rows] @ point[4:]) if z.size else base[1]
        seen = (x[rows], recency[rows], age[rows])
        one = _log_likelihood(kind, base, alpha, seen, regularity)
        worth = -float(count[rows] @ one) / count[rows].sum()
        return worth if np.isfinite(worth) else 1e10

    best = _search(loss, age, z.shape[1])
    params = dict(zip(_NAMES[kind], np.exp(np.clip(best.x[:4], -12, 12)), strict=True))
    return Buying(
        kind=kind, params={k: float(v) for k, v in params.items()},
        regularity=regularity, covariates=dict(zip(covariates, best.x[4:].tolist(),
        strict=True)), centre=centre,
        log_likelihood=float(-best.fun * count.sum() + count @ shift),
        customers=int(count.sum()), degenerate=_is_degenerate(kind, params, age),
    )  # fmt: skip


def active_chance(model: Buying, told: pd.DataFrame) -> np.ndarray:
    """Return the chance that each customer will still buy, given the history."""
    x, recency, age, _ = _arrays(told)
    alpha, p = scale(model, told), model.params
    if model.kind == "paretonbd":
        alive, gone = _pareto_parts(p["r"], alpha, p["s"], p["beta"], (x, recency, age))
    else:
        base = np.array([p["r"], p["alpha"], p["a"], p["b"]])
        alive, gone = _beta_parts(
            model.kind, base, alpha, (x, recency, age), model.regularity
        )
    return special.expit(alive - gone)


def expected(model: Buying, told: pd.DataFrame, *, ahead: float) -> np.ndarray:
    """Return expected purchases of each known customer in the weeks ahead.

    With regular timing a customer who has waited is nearer to the next purchase; the
    sum over the number of purchases counts that exactly.

    Args:
        model: What `fit` returned.
        told: The customers' histories on the same clock.
        ahead: Weeks ahead on that clock, above 0.
    """
    checks.between(ahead, "ahead", low=0, open_low=True)
    x, _, age, _ = _arrays(told)
    alpha, p, k = scale(model, told), model.params, model.regularity
    alive = active_chance(model, told)
    if model.kind == "paretonbd":
        left = (p["beta"] + age) / (p["beta"] + age + ahead)
        stay = _over(p["s"] - 1, left)
        return alive * (p["r"] + x) * (p["beta"] + age) / (alpha + age) * stay
    b = p["b"] + x + (1 if model.kind == "mbgnbd" else 0)
    scales = np.broadcast_to(alpha + age, len(x))
    if k == 1:
        return alive * _until_dropout(p["r"] + x, scales, p["a"], b, ahead)
    total = np.zeros(len(x))
    for j, weight in enumerate(_phases(model, told)):
        rate = (p["r"] + k * x + j, scales)
        total += weight * _counted(rate, (p["a"], b), np.full(len(x), ahead), k, j)
    return alive * total


def expected_of_new(model: Buying, *, ahead: float | np.ndarray) -> np.ndarray:
    """Return expected repeat purchases of a customer so many weeks after the first.

    Example:
        >>> cdnow = Buying(kind="bgnbd", log_likelihood=0, customers=1, params={
        ...     "r": .243, "alpha": 4.414, "a": .793, "b": 2.426}, degenerate=False)
        >>> expected_of_new(cdnow, ahead=78.0).round(3).tolist()
        [1.861]
    """
    ahead = np.atleast_1d(np.asarray(ahead, dtype=float))
    p, k = model.params, model.regularity
    if model.kind == "paretonbd":
        left = p["beta"] / (p["beta"] + ahead)
        return p["r"] * p["beta"] / p["alpha"] * _over(p["s"] - 1, left)
    alive = p["b"] / (p["a"] + p["b"]) if model.kind == "mbgnbd" else 1.0
    b = p["b"] + (1 if model.kind == "mbgnbd" else 0)
    if k == 1:
        return alive * _until_dropout(p["r"], p["alpha"], p["a"], b, ahead)
    same = np.ones(len(ahead))
    rate = (p["r"] * same, p["alpha"] * same)
    return alive * _counted(rate, (p["a"], b * same), ahead, k, 0)


def draws(
    model: Buying, told: pd.DataFrame, *, ahead: float, count: int = 200, seed: int = 0
) -> np.ndarray:
    """Return drawn purchases of each customer in the weeks ahead: customer, draw.

    A customer is alive or gone, has one rate, and either lives a drawn time
    (Pareto/NBD) or leaves after a drawn number of purchases.
    """
    random = np.random.default_rng(seed)
    x, _, age, _ = _arrays(told)
    alpha, p, k = scale(model, told), model.params, model.regularity
    shape = (len(x), count)
    alive = random.random(shape) < active_chance(model, told)[:, None]
    phase = np.zeros(shape)
    if k > 1:
        ends = np.cumsum(_phases(model, told), axis=0)
        phase = (random.random(shape)[None] > ends[:, :, None]).sum(axis=0)
    rate = random.gamma((p["r"] + k * x)[:, None] + phase, 1.0, shape)
    rate /= np.broadcast_to(alpha + age, len(x))[:, None]
    if model.kind == "paretonbd":
        risk = random.gamma(p["s"], 1.0, shape) / (p["beta"] + age)[:, None]
        life = random.exponential(1.0, shape) / np.maximum(risk, 1e-12)
        return np.where(alive, random.poisson(rate * np.minimum(life, ahead)), 0)
    b = p["b"] + x + (1 if model.kind == "mbgnbd" else 0)
    leave = random.beta(p["a"], np.broadcast_to(b[:, None], shape))
    most = random.geometric(np.clip(leave, 1e-9, 1.0))
    bought = (random.poisson(rate * ahead) + phase) // k
    return np.where(alive, np.minimum(bought, most), 0).astype(int)


def scale(model: Buying, told: pd.DataFrame) -> np.ndarray:
    """Return alpha of each customer, moved by the covariates."""
    z = np.zeros(len(told))
    for name, effect in model.covariates.items():
        z = z + effect * (told[name].to_numpy(dtype=float) - model.centre[name])
    return model.params["alpha"] * np.exp(-z)


def _arrays(told: pd.DataFrame) -> tuple[np.ndarray, ...]:
    checks.columns(told, ["frequency", "recency", "age"], "histories")
    x, recency, age = (
        told[c].to_numpy(dtype=float) for c in ("frequency", "recency", "age")
    )
    wrong = (recency > age + 1e-9) | (x < 0) | (recency < 0)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        msg = (
            f"row {at} has frequency {x[at]:g}, recency {recency[at]:g} and age "
            f"{age[at]:g}; recency must lie between 0 and age. "
            "Tell the histories again."
        )
        raise ValueError(msg)
    count = told["count"].to_numpy(dtype=float) if "count" in told else np.ones(len(x))
    return x, recency, age, count


def _centred(
    told: pd.DataFrame, names: tuple[str, ...]
) -> tuple[np.ndarray, dict[str, float]]:
    checks.columns(told, names, "histories")
    z = told[list(names)].to_numpy(dtype=float).reshape(len(told), len(names))
    mean = z.mean(axis=0)
    return z - mean, dict(zip(names, mean.tolist(), strict=True))


def _log_gap_term(told: pd.DataFrame, x: np.ndarray, k: int) -> np.ndarray:
    if k == 1:
        return np.zeros(len(x))
    checks.columns(told, ["log_gaps"], "histories")
    return (k - 1) * told["log_gaps"].to_numpy() - x * special.gammaln(k)


def _search(
    loss: Callable[..., float], age: np.ndarray, extra: int
) -> optimize.OptimizeResult:
    """Return the best point of two starts; of very many customers, a few lead there."""
    middle = np.log(max(1e-3, float(np.median(age)) / 4))
    starts = [
        np.r_[start, np.zeros(extra)]
        for start in ((0.0, middle, 0.0, 0.0), (-1.0, middle, -0.5, 1.0))
    ]
    if len(age) > MANY:
        few = np.random.default_rng(0).choice(len(age), MANY // 2, replace=False)
        near = [_climb(lambda point: loss(point, few), s) for s in starts]
        starts = [min(near, key=lambda told: told.fun).x]
    found = None
    for start in starts:
        told = _climb(loss, start)
        if found is None or told.fun < found.fun - 1e-9:
            found = told
    return found


def _climb(
    loss: Callable[[np.ndarray], float], start: np.ndarray
) -> optimize.OptimizeResult:
    return optimize.minimize(
        loss, start, method="L-BFGS-B",
        options={"maxiter": 400, "ftol": 1e-13, "gtol": 1e-7, "eps": 1e-7},
    )  # fmt: skip


def _is_degenerate(kind: str, params: dict[str, float], age: np.ndarray) -> bool:
    """Say whether leaving has vanished or cannot be told from slow buying."""
    if kind == "paretonbd":
        stay = -params["s"] * np.log1p(age.max() / params["beta"])
        return bool(np.exp(stay) > 0.98)
    return bool(params["a"] < 0.01 or params["a"] > 1e4 or params["b"] > 1e4)


def _log_likelihood(
    kind: str, base: np.ndarray, alpha: np.ndarray, told: tuple[np.ndarray, ...], k: int
) -> np.ndarray:
    if kind == "paretonbd":
        parts = _pareto_parts(base[0], alpha, base[2], base[3], told)
    else:
        parts = _beta_parts(kind, base, alpha, told, k)
    with np.errstate(invalid="ignore"):
        return np.logaddexp(*parts)


def _beta_parts(
    kind: str, base: np.ndarray, alpha: np.ndarray, told: tuple[np.ndarray, ...], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return logs of the likelihood's two parts: still active, and gone."""
    r, _, a, b = base
    x, recency, age = told
    zero = 1 if kind == "mbgnbd" else 0
    top = special.gammaln(r + k * x) - special.gammaln(r) + r * np.log(alpha)
    stay = special.betaln(a, b + x + zero) - special.betaln(a, b)
    silent = -(r + k * x) * np.log(alpha + age)
    if k > 1:
        ratio = (age - recency) / (alpha + age)
        more, term = np.ones_like(x), np.ones_like(x)
        for j in range(1, k):
            term = term * (r + k * x + j - 1) * ratio / j
            more = more + term
        silent = silent + np.log(more)
    left = special.betaln(a + 1, b + np.maximum(x, 1 - zero) - 1 + zero)
    left = left - special.betaln(a, b)
    gone = top + left - (r + k * x) * np.log(alpha + recency)
    if not zero:
        gone = np.where(x > 0, gone, -np.inf)
    return top + stay + silent, gone


def _pareto_parts(
    r: float, alpha: np.ndarray, s: float, beta: float, told: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return logs of the likelihood's two parts: still active, and gone.

    The second is an integral over the time of leaving, from the last purchase to
    where it has fallen by thirteen digits; on a log scale 32 nodes are exact.
    """
    x, recency, age = told
    top = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
    top = top + s * np.log(beta)
    alive = top - (r + x) * np.log(alpha + age) - s * np.log(beta + age)
    least = np.minimum(alpha, beta)

    def height(time: np.ndarray) -> np.ndarray:
        fall = (r + x) * np.log(alpha + time) + (s + 1) * np.log(beta + time)
        return np.log(least + time) - fall

    far = (alpha + recency) * np.exp(np.minimum(30 / (r + x), 50)) - alpha
    far = np.minimum(far, (beta + recency) * np.exp(30 / (s + 1)) - beta)
    start, first = np.log(least + recency), height(recency)
    wide = np.log(least + np.minimum(far, age)) - start
    area = np.zeros(len(x))
    for node, weight in zip(*np.polynomial.legendre.leggauss(32), strict=True):
        time = np.exp(start + wide * (node + 1) / 2) - least
        area += weight / 2 * np.exp(height(time) - first)
    return alive, top + np.log(s) + first + np.log(np.maximum(wide * area, 1e-300))


def _over(power: float, left: np.ndarray) -> np.ndarray:
    """Return (1 - left ** power) / power, also where power is near 0."""
    if abs(power) < 1e-9:
        return -np.log(left)
    return -np.expm1(power * np.log(left)) / power


def _phases(model: Buying, told: pd.DataFrame) -> np.ndarray:
    """Return the chance of each part of a gap already waited: part, customer."""
    x, recency, age, _ = _arrays(told)
    k, scales = model.regularity, scale(model, told) + age
    steps = np.arange(k)[:, None]
    waited = steps * np.log(np.maximum(age - recency, 1e-12) / scales)
    log_weight = special.gammaln(model.params["r"] + k * x + steps) + waited
    log_weight = log_weight - special.gammaln(steps + 1)
    return special.softmax(log_weight, axis=0)


def _counted(
    rate: tuple[np.ndarray, np.ndarray], leave: tuple[float, np.ndarray],
    ahead: np.ndarray, k: int, phase: int,
) -> np.ndarray:  # fmt: skip
    """Return expected purchases of one who is alive, summed over their number.

    The n-th happens when k n - phase parts of gaps pass in time and none of the
    earlier purchases was the last.
    """
    (shape, alpha), (a, b) = rate, leave
    z, total = ahead / (alpha + ahead), np.zeros(len(shape))
    rows, n = np.arange(len(shape)), 0
    while rows.size and n < 2000:
        n += 1
        happens = special.betainc(k * n - phase, shape[rows], z[rows])
        stays = special.betaln(a, b[rows] + n - 1) - special.betaln(a, b[rows])
        term = happens * np.exp(stays)
        total[rows] += term
        rows = rows[term > 1e-7]
    return total


def _until_dropout(
    shape: np.ndarray | float, alpha: np.ndarray | float, a: float,
    b: np.ndarray | float, ahead: float | np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return expected purchases of one who is alive and may leave after each.

    The leaving chance is Beta(a, b), the rate Gamma(shape, alpha). The textbook form
    divides by a - 1, so a at 1 is moved by a ten-millionth. Where customers hardly
    differ (a shape beyond a thousand) the rate is taken as known: the series of the
    textbook form no longer adds up there.
    """
    a = a + (1e-7 if abs(a - 1) < 1e-7 else 0.0)
    shape = np.asarray(shape, dtype=float)
    z = ahead / (alpha + ahead)
    with np.errstate(over="ignore", invalid="ignore"):
        power = special.hyp2f1(shape, b, a + b - 1, z) * np.exp(
            shape * np.log(alpha / (alpha + ahead))
        )
        known = special.hyp1f1(a - 1, a + b - 1, -shape * ahead / alpha)
    power = np.where((shape > 1000) | ~np.isfinite(power), known, power)
    return (a + b - 1) / (a - 1) * (1 - power)
