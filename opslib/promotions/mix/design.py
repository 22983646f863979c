"""This module owns what stands beside the channels: baseline, season, controls.

All of it is projected out once, so that the search only ever sees the channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from opslib.promotions.mix.forms import carry_weights, lagged, saturate

if TYPE_CHECKING:
    from opslib.promotions.mix.forms import Array
    from opslib.promotions.mix.panel import Panel

KNOT_WEEKS = 10
YEAR_WEEKS = 52.1775
MANY = 0.75  # more controls than this share of the weeks: none moves freely
UNSEEN = 1e-6  # weight of weeks without any sales row
STIFFNESS = (1e-6, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True, kw_only=True)
class Design:
    """The panel in the units of the engine.

    Attributes:
        y: Sales as shares of the region's mean, times the row's weight; one row a
            region and week.
        lags: Spend in shares of a usual week, by channel, delay and row.
        weight: Weight of each row; noisy regions count less.
        season: Sales that season, trend, drift and controls explain, over their mean.
        basis: Orthonormal columns of baseline and controls.
        flat: Columns without a penalty and rows without sales: degrees of freedom lost.
        size: Mean weekly sales of each region, in money.
        usual: Usual weekly spend of each channel in a region, in money.
    """

    y: Array
    lags: Array
    weight: Array
    season: Array
    basis: Array
    flat: int
    size: Array
    usual: Array


def make_design(panel: Panel) -> Design:
    """Return the panel in the engine's units, with the baseline's stiffness learnt.

    The baseline is a level and a trend for each region, a slow drift of all and one of
    each, a wave of the year and one of the half year, and the controls. How freely the
    drifts and the wave of the half year move maximises the likelihood: where the data
    do not ask for them they stand still, and leave seasonal spend its effect. Controls
    move freely, unless there are more than three of them for four weeks (a year with
    many holidays and promotions): then they share one common effect, and how far each
    differs from it is learnt in the same way. Weeks without any sales row weigh next to
    nothing; their spend is carried on.
    """
    regions, weeks = panel.sales.shape
    seen = np.ones(weeks, dtype=bool)
    seen[list(panel.gaps)] = False
    size = np.maximum(panel.sales[:, seen].mean(axis=1), 1e-9)
    usual = np.array([s[s > 0].mean() for s in panel.spend])
    y = (panel.sales / size[:, None]).ravel()
    lags = spend_lags(panel.spend, usual)
    guess = np.array(
        [saturate(carry_weights(np.array(0.3)) @ x, 1.0, 1.0, "ratio") for x in lags]
    ).T
    fixed, loose = _baseline(panel)
    known = np.tile(np.where(seen, 1.0, UNSEEN), regions)
    weight, rows = known, np.flatnonzero(known == 1)
    for _ in range(2):
        stiff = _stiffness(
            (y * weight)[rows],
            (np.hstack([fixed, guess]) * weight[:, None])[rows],
            [(d * weight[:, None])[rows] for d in loose],
        )
        drift = _scaled(loose, stiff)
        whole = np.hstack([fixed, guess, drift]) * weight[:, None]
        ridge = np.r_[
            np.full(fixed.shape[1] + guess.shape[1], 1e-6), np.ones(drift.shape[1])
        ]
        told = np.linalg.solve(whole.T @ whole + np.diag(ridge), whole.T @ (y * weight))
        left = (y - whole @ told / weight).reshape(regions, weeks)
        spread = np.maximum(left[:, seen].std(axis=1), 1e-6)
        weight = known * np.repeat(
            np.clip(np.exp(np.log(spread).mean()) / spread, 0.2, 5), weeks
        )
    basis = _orthonormal(fixed * weight[:, None], drift * weight[:, None])
    base = (basis @ (basis.T @ (y * weight)) / weight).reshape(regions, weeks)
    season = np.clip(
        base / np.maximum(base.mean(axis=1, keepdims=True), 1e-6), 0.2, 5.0
    )
    return Design(
        y=y * weight,
        lags=lags,
        weight=weight,
        season=season.ravel(),
        flat=fixed.shape[1] + regions * len(panel.gaps),
        basis=basis,
        size=size,
        usual=usual,
    )


def spend_lags(spend: Array, usual: Array) -> Array:
    """Return spend in shares of a usual week, by channel, delay and row.

    Args:
        spend: Money by channel, region and week.
        usual: Usual weekly spend of each channel in a region, in money.
    """
    lags = np.moveaxis(lagged(spend / usual[:, None, None]), 0, 1)
    return lags.reshape(*lags.shape[:2], -1)


def _baseline(panel: Panel) -> tuple[Array, list[Array]]:
    regions, weeks = panel.sales.shape
    at, each = np.arange(weeks), np.eye(regions)
    line = (at - at.mean()) / weeks
    year, half_year = (
        [np.tile(f(2 * np.pi * k * at / YEAR_WEEKS), regions) for f in (np.sin, np.cos)]
        for k in (1, 2)
    )
    seasonal = weeks >= 52
    controls = [c.ravel() / max(1e-9, np.abs(c).max()) for c in panel.controls]
    many = len(controls) > MANY * weeks
    fixed = (
        [np.kron(e, one) for e in each for one in (np.ones(weeks), line)]
        + year * seasonal
        + ([sum(controls)] if many else controls)
    )
    knots = np.linspace(0, weeks - 1, max(3, weeks // KNOT_WEEKS))
    step = knots[1] - knots[0]
    hats = np.clip(1 - np.abs(at[:, None] - knots) / step, 0, 1)
    drift = hats @ np.tril(np.ones((len(knots), len(knots)))) / np.sqrt(len(knots))
    drifts = [np.tile(drift, (regions, 1)), np.kron(each, drift)]
    loose = drifts[: min(2, regions)] + [np.column_stack(half_year)] * seasonal
    if many:
        loose.append(np.column_stack(controls))
    return np.column_stack(fixed), loose


def _orthonormal(fixed: Array, random: Array) -> Array:
    """Return the top rows of an orthonormal basis of the ridge-augmented columns."""
    rows, free = fixed.shape[0], random.shape[1]
    below = np.hstack([np.zeros((free, fixed.shape[1])), np.eye(free)])
    whole = np.vstack([np.hstack([fixed, random]), below])
    left, size, _ = np.linalg.svd(whole, full_matrices=False)
    return np.ascontiguousarray(left[:rows, size > 1e-9 * size[0]])


def _scaled(loose: list[Array], stiff: tuple[float, ...]) -> Array:
    return np.hstack([d * s for d, s in zip(loose, stiff, strict=True)])


def _stiffness(y: Array, fixed: Array, loose: list[Array]) -> tuple[float, ...]:
    """Return how freely each penalised group may move, found group by group, twice."""
    found = (0.1,) * len(loose)
    for at in [*range(len(loose))] * 2:
        tried = [(*found[:at], s, *found[at + 1 :]) for s in STIFFNESS]
        found = max(tried, key=lambda t: _evidence(y, fixed, _scaled(loose, t)))
    return found


def _evidence(y: Array, fixed: Array, random: Array) -> float:
    """Return the restricted log likelihood of a freedom to move, noise profiled out."""
    basis = np.linalg.svd(fixed, full_matrices=False)
    keep = basis[0][:, basis[1] > 1e-9 * basis[1][0]]
    rest, drift = y - keep @ (keep.T @ y), random - keep @ (keep.T @ random)
    inner = np.eye(random.shape[1]) + drift.T @ drift
    told = drift.T @ rest
    free = len(y) - keep.shape[1]
    miss = rest @ rest - told @ np.linalg.solve(inner, told)
    return float(
        -0.5 * np.linalg.slogdet(inner)[1] - 0.5 * free * np.log(max(miss, 1e-12))
    )
