"""This module owns the response curve: the one object that report, what-if and split use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from opslib import checks
from opslib.promotions.mix.engine import Mix, contributions, fit_mix
from opslib.promotions.mix.panel import company_panel

if TYPE_CHECKING:
    import pandas as pd

    from opslib.promotions.mix.forms import Array

YEAR = 52
QUARTER = 13
NUDGE = 0.05


@dataclass(frozen=True, kw_only=True)
class ResponseCurve:
    """What a channel's weekly spend adds to weekly sales, in draws.

    The pattern of the last year (weeks and regions) is kept and scaled; so at today's
    spend the curve equals the contributions of the report exactly.

    Attributes:
        channels: Names of the channels.
        now: Mean weekly spend of the last year, in money.
        seen: Least and most mean weekly spend of any quarter, by channel.
        levels: Weekly spend at which the curve was worked out, by channel and level.
        added: Added weekly sales in money by channel, level and draw.
    """

    channels: tuple[str, ...]
    now: Array
    seen: Array
    levels: Array
    added: Array

    def at(self, channel: int, spend: float) -> Array:
        """Return the added weekly sales of a channel at a weekly spend, one for each draw.

        Beyond the last level the curve stays flat, so that nothing is promised there.

        Example:
            >>> curve = ResponseCurve(channels=("TV",), now=np.ones(1), seen=np.ones((1, 2)),
            ...     levels=np.array([[0.0, 2.0]]), added=np.array([[[0.0], [4.0]]]))
            >>> curve.at(0, 1.0).tolist()
            [2.0]
        """
        checks.between(float(spend), f"weekly spend of {self.channels[channel]}", low=0)
        levels = self.levels[channel]
        place = int(
            np.clip(
                np.searchsorted(levels, spend, side="right") - 1, 0, len(levels) - 2
            )
        )
        part = min(1.0, (spend - levels[place]) / (levels[place + 1] - levels[place]))
        return (1 - part) * self.added[channel, place] + part * self.added[
            channel, place + 1
        ]

    def total(self, split: Array) -> Array:
        """Return the added weekly sales of a split (weekly spend by channel), by draw."""
        return sum(
            (self.at(c, float(x)) for c, x in enumerate(split)),
            np.zeros(self.added.shape[2]),
        )

    def next_euro(self, channel: int, spend: float) -> Array:
        """Return the added sales of one more unit of money at a weekly spend, by draw."""
        step = NUDGE * max(spend, float(self.levels[channel, 1]))
        low = max(0.0, spend - step)
        return (self.at(channel, spend + step) - self.at(channel, low)) / (
            spend + step - low
        )

    def beyond(self, split: Array) -> list[str]:
        """Return the channels whose spend lies outside what was seen in any quarter."""
        slack = 1e-6 * (1 + self.seen[:, 1])
        out = (np.asarray(split) > self.seen[:, 1] + slack) | (
            np.asarray(split) < self.seen[:, 0] - slack
        )
        return [c for c, o in zip(self.channels, out, strict=True) if o]


def response_curve(mix: Mix, *, points: int = 20) -> ResponseCurve:
    """Return the response curve of a fitted mix.

    Args:
        mix: What `fit_mix` returned.
        points: Levels up to today's spend; as many again lie above it.

    Example:
        >>> from opslib.promotions.mix.engine import fit_mix
        >>> from opslib.promotions.mix.recovery import example_panel
        >>> curve = response_curve(fit_mix(example_panel()[0], sweeps=20, draws=60))
        >>> bool((curve.at(0, curve.now[0]) > 0).all())
        True
    """
    checks.at_least(points, 2, "points", "Ask for more.")
    panel, design = mix.panel, mix.design
    weekly = panel.spend.sum(axis=1)
    last = np.arange(len(panel.weeks)) >= len(panel.weeks) - YEAR
    window = np.array(
        [last if w[last].sum() > 0 else np.ones_like(last) for w in weekly]
    )
    now = np.array([w[last].mean() for w in weekly])
    usual = np.array([w[k].mean() for w, k in zip(weekly, window, strict=True)])
    rolling = np.lib.stride_tricks.sliding_window_view(weekly, QUARTER, axis=1).mean(
        axis=2
    )
    seen = np.stack(
        [np.minimum(rolling.min(axis=1), now), np.maximum(rolling.max(axis=1), now)],
        axis=1,
    )
    top = np.maximum(2.0, 1.5 * seen[:, 1] / usual)
    scales = np.array(
        [
            np.r_[np.linspace(0, 1, points + 1), np.linspace(1, t, points + 1)[1:]]
            for t in top
        ]
    )
    added = np.empty((len(now), scales.shape[1], len(mix.paths)))
    for level in range(scales.shape[1]):
        paths = np.concatenate(
            [contributions(panel, design, d, scale=scales[:, level]) for d in mix.draws]
        ).sum(axis=2)
        added[:, level] = np.stack(
            [paths[:, c, k].mean(axis=1) for c, k in enumerate(window)]
        )
    return ResponseCurve(
        channels=panel.channels,
        now=now,
        seen=seen,
        levels=scales * usual[:, None],
        added=added,
    )


def planned_lift(
    sales: pd.DataFrame,
    spend: pd.DataFrame,
    holidays: pd.DataFrame,
    promotions: pd.DataFrame,
    *,
    rise: float,
    sweeps: int = 40,
) -> Array:
    """Return draws of sales under planned advertising, as factors of sales as they go.

    What advertising added at last year's spend is in every forecast already; only what
    the planned rise or cut changes is drawn here, from the fitted response.

    Args:
        sales: As `company_panel`.
        spend: As `company_panel`; may be empty.
        holidays: As `company_panel`.
        promotions: As `company_panel`.
        rise: Planned spend over last year's, all channels alike.
        sweeps: Effort of the search.

    Returns:
        One factor a draw; one alone where nothing changes or a year of spend lacks.

    Raises:
        ValueError: The rise is negative.

    Example:
        >>> import pandas as pd
        >>> none = pd.DataFrame(columns=["week", "region", "channel", "spend"])
        >>> planned_lift(none, none, none, none, rise=1.2).tolist()
        [1.0]
    """
    checks.between(rise, "rise", low=0)
    if rise == 1 or spend["week"].nunique() < YEAR:
        return np.ones(1)
    mix = fit_mix(company_panel(sales, spend, holidays, promotions), sweeps=sweeps)
    curve = response_curve(mix)
    weekly = np.delete(mix.panel.sales.sum(axis=0), mix.panel.gaps)[-YEAR:].mean()
    return 1 + (curve.total(curve.now * rise) - curve.total(curve.now)) / weekly
