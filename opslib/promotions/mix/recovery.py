"""This module owns the recovery self-test: known truth, the user's own spend, a refit."""

# fmt: off
from __future__ import annotations

import numpy as np
import pandas as pd

from opslib.promotions.mix.forms import carry_weights, lagged, saturate
from opslib.promotions.mix.panel import Panel


def example_panel(seed: int = 3, *, weeks: int = 104, regions: int = 1, channels: int = 2, noise: float = 0.06) -> tuple[Panel, np.ndarray]:
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
    season = 1 + draw.uniform(0.03, 0.15) * np.sin(2 * np.pi * at / 52.18 + draw.uniform(0, 6)) + draw.uniform(-0.1, 0.2) * at / weeks
    control = (draw.random((1, regions, weeks)) < 0.08).astype(float)
    spend, truth = np.zeros((channels, regions, weeks)), np.zeros((channels, regions, weeks))
    for c in range(channels):
        level = np.exp(draw.normal(5.5, 0.8))
        active = draw.random((regions, weeks)) < draw.uniform(0.35, 0.95)
        wave = np.exp(0.5 * np.sin(2 * np.pi * at / draw.uniform(10, 60) + draw.uniform(0, 6)))
        spend[c] = level * draw.gamma(3, 1 / 3, (regions, weeks)) * active * wave
        keep, half = draw.uniform(0.05, 0.7), level * np.exp(draw.normal(0.3, 0.6))
        form = ("hill", "ratio", "decay", "logistic")[draw.integers(4)]
        steep = np.exp(draw.normal(0.3, 0.35))
        most = draw.uniform(0.05, 0.4) * np.exp(draw.normal(0, 0.15, (regions, 1)))
        stock = np.einsum("l,lrw->rw", carry_weights(np.array(keep)), lagged(spend[c]))
        truth[c] = saturate(stock, half, steep, form) * most * size[:, None]
    sales = size[:, None] * (season + 0.1 * control[0] + draw.normal(0, noise, (regions, weeks))) + truth.sum(axis=0)
    panel = Panel(
        weeks=pd.date_range("2023-01-02", periods=weeks, freq="7D"), regions=tuple(f"region {i + 1}" for i in range(regions)),
        channels=tuple(f"channel {i + 1}" for i in range(channels)), sales=sales, spend=spend, controls=control, names=("event",),
    )
    return panel, truth
