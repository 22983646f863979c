"""This module owns where the year ends: plain guesses, their blend, and its error.

The blend's weights are learnt on units that are not scored: other departments where
one year is all there is, earlier years where there are some.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib import checks

BIAS_WEIGHT = 0.3  # weight of the total's bias beside the units' errors
_LEVELS = np.arange(0.96, 1.21, 0.04)  # the rest of the year against the blend
ALONE = 1.0  # weight of the months' own noise beside that of whole spans
_SPANS = (3, 6, 12)
_NEAR = 2.0  # blends within this over the number of units of the best are averaged


@dataclass(frozen=True, kw_only=True)
class Blend:
    """A learnt forecast: weights of the guesses, and how wide its errors are.

    Attributes:
        weights: One for each guess of the rest of the year, level included.
        spread: Coefficients of the logarithm of the error's size.
        errors: Sorted errors of units left out, in sizes.
    """

    weights: np.ndarray
    spread: np.ndarray
    errors: np.ndarray


def guesses(
    actual: np.ndarray, plan: np.ndarray, estimate: np.ndarray | None = None
) -> pd.DataFrame:
    """Return the year's total of each unit by each plain method.

    Args:
        actual: Units x months closed so far, money.
        plan: Units x 12 months, money.
        estimate: The controllers' own estimate of the year's total, where there is one.

    Returns:
        One row a unit; plan, run rate, remaining plan (actuals plus the plan's rest),
        index (the rest scaled by how the plan was kept, shrunk), newest months (their
        mean goes on) and own estimate. Before the first close only plan and estimate.

    Raises:
        ValueError: All months are closed, or the shapes do not fit.

    Example:
        >>> told = guesses(np.full((1, 6), 9.0), np.full((1, 12), 10.0))
        >>> told.loc[0, ["run rate", "remaining plan"]].tolist()
        [108.0, 114.0]
    """
    closed = actual.shape[1]
    if plan.shape != (len(actual), 12) or not closed < 12:
        msg = f"{actual.shape} actuals and {plan.shape} plan do not fit; give 0 to 11 closed months and 12 planned ones of the same units"
        raise ValueError(msg)
    spent, due = actual.sum(axis=1), plan[:, :closed].sum(axis=1)
    year, rest, left = plan.sum(axis=1), plan[:, closed:].sum(axis=1), 12 - closed
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = (spent + 0.2 * year) / (due + 0.2 * year)
    table = {"plan": year}
    if closed:
        newest = actual[:, max(0, closed - 3) :].mean(axis=1)
        table |= {
            "run rate": spent / closed * 12,
            "remaining plan": spent + rest,
            "index": spent + rest * np.where(np.isfinite(kept), kept, 1.0),
            "newest months": spent + newest * left,
        }
    if estimate is not None:
        table["own estimate"] = np.asarray(estimate, float)
    return pd.DataFrame(table)


def learn(
    actual: np.ndarray,
    plan: np.ndarray,
    closed: int,
    estimate: np.ndarray | None = None,
    *,
    seed: int = 1,
) -> Blend:
    """Learn weights and errors on units whose year is known.

    Args:
        actual: Units x 12 months, money.
        plan: Units x 12 months, money.
        closed: Months that were closed when the forecast was made.
        estimate: The controllers' own estimate at that time.
        seed: Seed of the parts in which errors are measured on units left out.

    Raises:
        ValueError: Fewer than 8 units.

    Example:
        >>> draw = np.random.default_rng(1)
        >>> plan = np.full((40, 12), 10.0)
        >>> told = learn(plan * draw.lognormal(0, 0.1, plan.shape), plan, 6)
        >>> bool(0.9 < told.weights.sum() < 1.2)
        True
    """
    checks.at_least(len(actual), 8, "units with a known year", "Use the run rate.")
    inputs, size = _inputs(actual[:, :closed], plan, estimate)
    rest = actual[:, closed:].sum(axis=1)
    part = np.random.default_rng([seed, closed]).permutation(len(actual)) % 5
    centre = np.zeros(len(actual))
    for k in range(5):
        fit = _fit(inputs[part != k], rest[part != k], actual[part != k].sum())
        centre[part == k] = inputs[part == k] @ fit
    wide = np.log(np.abs(rest - centre) + 0.005 * np.exp(size[:, 1]))
    spread = np.linalg.lstsq(size, wide, rcond=None)[0]
    errors = np.sort((rest - centre) / np.exp(size @ spread))
    return Blend(weights=_fit(inputs, rest, actual.sum()), spread=spread, errors=errors)


def foretell(
    blend: Blend,
    actual: np.ndarray,
    plan: np.ndarray,
    estimate: np.ndarray | None = None,
    *,
    coverage: float = 0.8,
) -> pd.DataFrame:
    """Return each unit's year with its band and its chance of ending over plan.

    Args:
        blend: What `learn` gave for the same number of closed months.
        actual: Units x closed months, money.
        plan: Units x 12 months, money.
        estimate: The controllers' own estimate, where the blend was learnt with one.
        coverage: Share of years that the band should hold.

    Returns:
        One row a unit: forecast, low, high, chance_over.
    """
    inputs, size = _inputs(actual, plan, estimate)
    total = actual.sum(axis=1) + inputs @ blend.weights
    width = np.exp(size @ blend.spread)
    low, high = np.quantile(blend.errors, [(1 - coverage) / 2, (1 + coverage) / 2])
    rank = np.searchsorted(blend.errors, (plan.sum(axis=1) - total) / width)
    return pd.DataFrame(
        {
            "forecast": total,
            "low": total + width * low,
            "high": total + width * high,
            "chance_over": 1 - (rank + 0.5) / (len(blend.errors) + 1),
        }
    )


def left_out(
    actual: np.ndarray,
    plan: np.ndarray,
    closed: int,
    estimate: np.ndarray | None = None,
    *,
    repeats: int = 5,
) -> pd.DataFrame:
    """Return what would have been foretold of each unit by learning on the others.

    A tenth of the units is left out at a time; the mean of several partings is taken.

    Args:
        actual: Units x 12 months, money.
        plan: Units x 12 months, money.
        closed: Months that were closed when the forecast was made.
        estimate: The controllers' own estimate at that time.
        repeats: Partings.

    Returns:
        One row a unit as `foretell` gives, and `fact`, the year's total.
    """
    total = 0.0
    for repeat in range(repeats):
        part = np.random.default_rng([repeat]).permutation(len(actual)) % 10
        told = []
        for k in range(10):
            seen, held = part != k, part == k
            mine = (
                (None, None) if estimate is None else (estimate[seen], estimate[held])
            )
            blend = learn(actual[seen], plan[seen], closed, mine[0], seed=repeat)
            frame = foretell(blend, actual[held, :closed], plan[held], mine[1])
            told.append(frame.set_index(np.flatnonzero(held)))
        total = total + pd.concat(told).sort_index()
    return (total / repeats).assign(fact=actual.sum(axis=1))


def race(told: pd.DataFrame, fact: np.ndarray) -> pd.DataFrame:
    """Return how far each method's totals were off, the nearest first.

    Args:
        told: Units x methods, the year's total each method foretold, money.
        fact: The year's total of each unit, money.

    Returns:
        One row a method: error (sum of absolute errors over the sum of facts), bias
        (of the grand total) and behind (error beyond the winner's).

    Example:
        >>> race(pd.DataFrame({"a": [9.0, 11], "b": [10.0, 10]}), np.array([10.0, 10]))
          method  error  bias  behind
        0      b    0.0   0.0     0.0
        1      a    0.1   0.0     0.1
    """
    fact = np.asarray(fact, float)
    size = np.abs(fact).sum()
    rows = [
        (name, np.abs(told[name] - fact).sum() / size, (told[name] - fact).sum() / size)
        for name in told.columns
    ]
    frame = pd.DataFrame(rows, columns=["method", "error", "bias"])
    frame = frame.sort_values("error", ignore_index=True)
    return frame.assign(behind=frame["error"] - frame["error"].min())


def own_history(past: np.ndarray, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of coming months of each unit and the size of its error.

    A blend of means of the newest 3, 6 and 12 months and of last year's months carried
    on, weighted by how each would have done at earlier month ends.

    Args:
        past: Units x months, oldest first, at least 8, money.
        ahead: Months to come.

    Returns:
        Sums of the coming months (money) and their standard errors as a share.

    Example:
        >>> total, error = own_history(np.full((1, 24), 5.0), 6)
        >>> total.round(6).tolist(), bool(error[0] < 0.01)
        ([30.0], True)
    """
    months = past.shape[1]
    origins = (
        range(max(6, months - 18), months - ahead + 1)
        if months - ahead >= 8
        else range(0)
    )
    loss, facts, told = [], [], []
    for at in origins:
        tried = _tries(past[:, :at], ahead)
        fact = past[:, at : at + ahead].sum(axis=1)
        size = np.abs(past[:, :at]).mean(axis=1) * ahead + 1e-9
        loss.append(((tried - fact) / size) ** 2)
        facts.append(fact / size)
        told.append(tried / size)
    tries = _tries(past, ahead)
    floor = span_noise(past, ahead) ** 2 * (1 + ahead / 9)
    if not loss:
        return tries[:3].mean(axis=0), np.sqrt(floor * 1.5) + 1e-4
    by_unit = np.mean(loss, axis=0)
    weight = 1 / (by_unit + by_unit.mean(axis=1, keepdims=True) + floor + 1e-9)
    weight = weight / weight.sum(axis=0)
    past_error = np.mean(
        [
            (np.sum(weight * t, axis=0) - f) ** 2
            for t, f in zip(told, facts, strict=True)
        ],
        axis=0,
    )
    error = np.sqrt((past_error + floor) / 2 + 0.5 * np.maximum(past_error - floor, 0))
    return np.sum(weight * tries, axis=0), error + 1e-4


def noise(past: np.ndarray) -> np.ndarray:
    """Return the share by which a month differs from its neighbours' mean."""
    level = np.abs(past).mean(axis=1) + 1e-9
    steps = np.diff(past[:, -24:], axis=1)
    return np.sqrt((steps**2).mean(axis=1) / 2) / level


def span_noise(past: np.ndarray, ahead: int) -> np.ndarray:
    """Return the share by which a mean of so many months differs from its own level.

    Months that wander alone give their noise over the root of the span; where spending
    comes in waves, or is caught up later, neighbouring spans differ by less. Both are
    averaged, the spans by how many of them there are.

    Args:
        past: Units x months, oldest first, money.
        ahead: Months of a span.

    Example:
        >>> wave = np.tile([1.0, 3.0], (1, 12))
        >>> span_noise(wave, 1)[0] > 4 * span_noise(wave, 4)[0]
        np.True_
    """
    alone = noise(past) ** 2 / ahead
    recent = past[:, -24:]
    sums = np.cumsum(np.pad(recent, ((0, 0), (1, 0))), axis=1)
    means = (sums[:, ahead:] - sums[:, :-ahead]) / ahead
    if means.shape[1] <= ahead:
        return np.sqrt(alone)
    steps = means[:, ahead:] - means[:, :-ahead]
    level = np.abs(past).mean(axis=1) + 1e-9
    spans = (steps**2).mean(axis=1) / 2 / level**2
    weight = recent.shape[1] / ahead - 1
    return np.sqrt((ALONE * alone + weight * spans) / (ALONE + weight))


def _tries(past: np.ndarray, ahead: int) -> np.ndarray:
    """Return guesses x units of the sum of the coming months."""
    means = [past[:, -min(n, past.shape[1]) :].mean(axis=1) * ahead for n in _SPANS]
    months = past.shape[1]
    season = means[2]
    if months >= 12:
        same = past[:, months - 12 : months - 12 + ahead].sum(axis=1)
        span = min(12, months - 12)
        growth = np.ones(len(past))
        if span >= 2:
            before = past[:, months - 12 - span : months - 12].sum(axis=1)
            now = past[:, months - span :].sum(axis=1)
            growth = np.where(before > 0, now / np.maximum(before, 1e-9), 1.0)
        season = same * np.clip(growth, 0.5, 2.0)
    return np.array([*means, season])


def _inputs(
    actual: np.ndarray, plan: np.ndarray, estimate: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return guesses of the rest of the year, and what the error's size depends on."""
    told = guesses(actual, plan, estimate)
    chosen = ["run rate", "remaining plan", "newest months", "plan"]
    chosen += ["own estimate"] if estimate is not None else []
    rest = told[chosen].to_numpy() - actual.sum(axis=1)[:, None]
    closed = actual.shape[1]
    year = np.maximum(np.abs(plan.sum(axis=1)), 1e-9)
    wander = actual.std(axis=1, ddof=min(1, closed - 1)) * (12 - closed) / closed**0.5
    size = np.column_stack(
        [np.ones(len(year)), np.log(year), np.log(wander + 0.01 * year)]
    )
    return rest, size


def _fit(inputs: np.ndarray, rest: np.ndarray, scale: float) -> np.ndarray:
    """Return the mean of the blends nearly as good as the best, level included."""
    grid = _grid(inputs.shape[1])
    error = inputs @ grid.T - rest[:, None]
    loss = np.abs(error).sum(axis=0) + BIAS_WEIGHT * np.abs(error.sum(axis=0))
    good = loss <= loss.min() * (1 + _NEAR / len(rest)) + 1e-12 * abs(scale)
    return grid[good].mean(axis=0)


def _grid(size: int) -> np.ndarray:
    steps = itertools.product(range(11), repeat=size - 1)
    weights = np.array([(*s, 10 - sum(s)) for s in steps if sum(s) <= 10]) / 10
    return (weights[:, None, :] * _LEVELS[:, None]).reshape(-1, size)
