"""This module owns the recovery self-test: known truth, the user's own spend, a refit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.promotions.mix.design import make_design
from opslib.promotions.mix.engine import fit_mix, lift_said
from opslib.promotions.mix.forms import carry_weights, lagged, saturate
from opslib.promotions.mix.panel import Panel, with_sales

if TYPE_CHECKING:
    from opslib.promotions.mix.engine import Mix
    from opslib.promotions.mix.experiment import LiftTest

MOST_ERROR = 0.35


def example_panel(
    seed: int = 3,
    *,
    weeks: int = 104,
    regions: int = 1,
    channels: int = 2,
    noise: float = 0.06,
) -> tuple[Panel, np.ndarray]:
    """Return a generated panel and its true contributions by channel, region and week.

    Bursts of spend, geometric carry-over, a saturation form drawn at random, season,
    trend and one control.

    Example:
        >>> panel, truth = example_panel()
        >>> panel.spend.shape == truth.shape
        True
    """
    draw = np.random.default_rng([seed, 77])
    at = np.arange(weeks)
    size = 10_000 * draw.uniform(0.6, 1.6, regions)
    season = (
        1
        + draw.uniform(0.03, 0.15) * np.sin(2 * np.pi * at / 52.18 + draw.uniform(0, 6))
        + draw.uniform(-0.1, 0.2) * at / weeks
    )
    control = (draw.random((1, regions, weeks)) < 0.08).astype(float)
    spend, truth = (
        np.zeros((channels, regions, weeks)),
        np.zeros((channels, regions, weeks)),
    )
    for c in range(channels):
        level = np.exp(draw.normal(5.5, 0.8))
        active = draw.random((regions, weeks)) < draw.uniform(0.35, 0.95)
        wave = np.exp(
            0.5 * np.sin(2 * np.pi * at / draw.uniform(10, 60) + draw.uniform(0, 6))
        )
        spend[c] = level * draw.gamma(3, 1 / 3, (regions, weeks)) * active * wave
        keep, half = draw.uniform(0.05, 0.7), level * np.exp(draw.normal(0.3, 0.6))
        form = ("hill", "ratio", "decay", "logistic")[draw.integers(4)]
        steep = np.exp(draw.normal(0.3, 0.35))
        most = draw.uniform(0.05, 0.4) * np.exp(draw.normal(0, 0.15, (regions, 1)))
        stock = np.einsum("l,lrw->rw", carry_weights(np.array(keep)), lagged(spend[c]))
        truth[c] = saturate(stock, half, steep, form) * most * size[:, None]
    sales = size[:, None] * (
        season + 0.1 * control[0] + draw.normal(0, noise, (regions, weeks))
    ) + truth.sum(axis=0)
    panel = Panel(
        weeks=pd.date_range("2023-01-02", periods=weeks, freq="7D"),
        regions=tuple(f"region {i + 1}" for i in range(regions)),
        channels=tuple(f"channel {i + 1}" for i in range(channels)),
        sales=sales,
        spend=spend,
        controls=control,
        names=("event",),
    )
    return panel, truth


def straight_line(panel: Panel) -> np.ndarray:
    """Return each channel's added sales by the naive way: a straight line through spend."""
    design = make_design(panel)
    spend = design.lags[:, 0] * design.weight
    left = spend - (spend @ design.basis) @ design.basis.T
    told = np.linalg.lstsq(
        left @ spend.T + 1e-9 * np.eye(len(spend)), left @ design.y, rcond=None
    )[0]
    return told * (
        panel.spend / design.usual[:, None, None] * design.size[:, None]
    ).sum(axis=(1, 2))


def self_test(
    mix: Mix,
    *,
    tests: tuple[LiftTest, ...] = (),
    worlds: int = 3,
    sweeps: int = 60,
    draws: int = 160,
    seed: int = 5,
) -> pd.DataFrame:
    """Return how well the engine finds a known truth with the user's own spend.

    Each world takes one draw of the fitted mix for true, keeps spend and controls,
    makes new sales with new noise, and fits them from nothing. Experiments are made up
    too: each measures that world's true lift with an error as large as its own.

    Args:
        mix: The fitted mix.
        tests: Experiments given to that fit, so that they count in the verdict.
        worlds: Number of worlds.
        sweeps: Passes of each refit, see `fit_mix`.
        draws: Draws of each refit.
        seed: Seed of worlds and noise.

    Returns:
        One row a world and channel: `world`, `channel`, `truth`, `found`, `low`, `high`
        (90 %), `line` (a straight line through spend), `held`.

    Raises:
        ValueError: No world is asked for, or an experiment meets no week of the panel.

    Example:
        >>> mix = fit_mix(example_panel()[0], sweeps=20, draws=60)
        >>> len(self_test(mix, worlds=1, sweeps=20, draws=60))
        2
    """
    checks.at_least(worlds, 1, "worlds", "Ask for at least one.")
    panel, design, draw = mix.panel, mix.design, np.random.default_rng([seed, mix.seed])
    noise = np.concatenate([d.noise for d in mix.draws])
    shape, size = panel.sales.shape, design.size[:, None]
    lifts, rows = [lift_said(mix, t) for t in tests], []
    for world, at in enumerate(
        np.linspace(0, len(noise) - 1, worlds + 2).round().astype(int)[1:-1]
    ):
        added = mix.paths[at]
        base = (panel.sales - added.sum(axis=0)) / size
        base = (
            design.basis @ (design.basis.T @ (base.ravel() * design.weight))
            + draw.normal(0, noise[at], base.size)
        ) / design.weight
        again = with_sales(panel, base.reshape(shape) * size + added.sum(axis=0))
        made = tuple(
            t.measured(float(lift[at]) + draw.normal(0, t.error))
            for t, lift in zip(tests, lifts, strict=True)
        )
        found = fit_mix(
            again, tests=made, sweeps=sweeps, draws=draws, seed=mix.seed + world + 1
        ).paths.sum(axis=(2, 3))
        low, high = np.quantile(found, [0.05, 0.95], axis=0)
        truth, mean, line = (
            added.sum(axis=(1, 2)),
            found.mean(axis=0),
            straight_line(again),
        )
        rows += [
            {
                "world": world,
                "channel": c,
                "truth": truth[i],
                "found": mean[i],
                "low": low[i],
                "high": high[i],
                "line": line[i],
                "held": low[i] <= truth[i] <= high[i],
            }
            for i, c in enumerate(panel.channels)
        ]
    return pd.DataFrame(rows)


def rerun(
    mix: Mix, *, tests: tuple[LiftTest, ...] = (), seeds: int = 1, sweeps: int = 240
) -> pd.DataFrame:
    """Return how far each channel's total moves when the search starts elsewhere.

    Args:
        mix: The fitted mix.
        tests: Experiments given to that fit.
        seeds: Further searches, each with random numbers of its own.
        sweeps: Passes of each, see `fit_mix`; as many as that fit had.

    Returns:
        One row a channel: `channel`, `total` of this fit, `least` and `most` over all
        searches in money, `spread` between them, and `width` of the 90 % range, both as
        shares of the total.

    Raises:
        ValueError: No further search is asked for.
    """
    checks.at_least(seeds, 1, "seeds", "Ask for at least one.")
    own = mix.paths.sum(axis=(2, 3))
    total = own.mean(axis=0)
    found = [total] + [
        fit_mix(
            mix.panel,
            tests=tests,
            draws=len(own),
            sweeps=sweeps,
            seed=mix.seed + 100 + k,
        )
        .paths.sum(axis=(2, 3))
        .mean(axis=0)
        for k in range(seeds)
    ]
    least, most = np.min(found, axis=0), np.max(found, axis=0)
    low, high = np.quantile(own, [0.05, 0.95], axis=0)
    size = np.maximum(total, 1e-9)
    return pd.DataFrame(
        {
            "channel": mix.panel.channels,
            "total": total,
            "least": least,
            "most": most,
            "spread": (most - least) / size,
            "width": (high - low) / size,
        }
    )


def verdicts(tested: pd.DataFrame) -> pd.DataFrame:
    """Return whether the data can tell each channel's return.

    Args:
        tested: What `self_test` returned.

    Returns:
        One row a channel: `channel`, `error` (usual miss of the total as a share of the
        truth), `line_error` (the same of a straight line), `coverage`, `told`: whether
        the error is at most `MOST_ERROR` and half of the intervals or more held.
    """
    checks.columns(tested, ["channel", "truth", "found", "line", "held"], "self-test")
    base = tested["truth"].clip(lower=1e-9)
    frame = tested.assign(
        error=(tested["found"] - base).abs() / base,
        line_error=(tested["line"] - base).abs() / base,
    )
    told = (
        frame.groupby("channel", sort=False)
        .agg(
            error=("error", "median"),
            line_error=("line_error", "median"),
            coverage=("held", "mean"),
        )
        .reset_index()
    )
    return told.assign(told=(told["error"] <= MOST_ERROR) & (told["coverage"] >= 0.5))
