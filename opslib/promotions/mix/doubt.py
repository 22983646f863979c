"""This module owns doubts: where the ways of judging differ, why, and the next test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.promotions.mix.engine import lift_said
from opslib.promotions.mix.experiment import SURE

if TYPE_CHECKING:
    from opslib.promotions.mix.curve import ResponseCurve
    from opslib.promotions.mix.engine import Mix
    from opslib.promotions.mix.experiment import LiftTest

TOGETHER = 0.7
FORM_SPREAD = 1.33
LASTS_LONG = 0.5
POWER = 0.8416  # of 80 %, beside one-sided 5 %


def form_spread(mix: Mix) -> pd.DataFrame:
    """Return how far the saturation forms differ on each channel's added sales.

    Returns:
        One row a channel: `channel`, one column for each form with its total in money,
        and `spread`: the highest over the lowest.
    """
    frame = pd.DataFrame(mix.by_form).assign(channel=list(mix.panel.channels))
    forms = frame[list(mix.by_form)]
    return frame.assign(spread=forms.max(axis=1) / forms.min(axis=1).clip(lower=1e-9))[
        ["channel", *mix.by_form, "spread"]
    ]


def next_test(mix: Mix, curve: ResponseCurve, *, most_weeks: int = 26) -> pd.DataFrame:
    """Return, for each channel, the experiment that would settle what it adds.

    The channel is switched off in half of the regions (every second by size), or in
    every second block of weeks where there is one region only or its spend is booked for
    the whole company (`spread` of the panel). The weeks needed see the expected loss
    with 80 % power at one-sided 5 %.

    Returns:
        One row a channel, most doubtful first: `channel`, `doubt` (width of the 90 %
        range of its weekly effect, in money), `regions` (where it goes dark), `weeks`,
        `loss` (expected weekly sales not made), `possible` (within `most_weeks`).

    Raises:
        ValueError: No week is allowed.
    """
    checks.at_least(most_weeks, 1, "weeks", "Allow more.")
    order = np.argsort(-mix.design.size)
    noise = np.mean(np.concatenate([d.noise for d in mix.draws]))
    rows = []
    for c, name in enumerate(curve.channels):
        parted = len(order) > 1 and name not in mix.panel.spread
        dark = order[::2] if parted else order
        sd = noise * np.sqrt(2 * (mix.design.size[dark] ** 2).sum())
        low, high = np.quantile(curve.at(c, curve.now[c]), [0.05, 0.95])
        loss = float(mix.paths[:, c, dark, -52:].sum(axis=1).mean())
        weeks = int(np.ceil(((SURE + POWER) * sd / max(loss, 1e-9)) ** 2))
        rows.append(
            {
                "channel": name,
                "doubt": high - low,
                "regions": ", ".join(mix.panel.regions[i] for i in sorted(dark)),
                "weeks": min(max(weeks, 2), 10 * most_weeks),
                "loss": loss,
                "possible": weeks <= most_weeks,
            }
        )
    return pd.DataFrame(rows).sort_values("doubt", ascending=False, ignore_index=True)


def disagreements(
    mix: Mix, journeys: pd.DataFrame, tests: tuple[LiftTest, ...] = ()
) -> pd.DataFrame:
    """Return mix, journeys and experiments side by side, with the likely cause of a gap.

    An experiment counts before journeys: it measures what the spend caused.

    Args:
        mix: The fitted mix.
        journeys: `channel`, `removal`, `first`, `last` (shares), as `credit` returns; may
            be empty.
        tests: Experiments already made.

    Returns:
        One row a channel: `share` of added sales with `low` and `high` (90 %) and
        `journey` (share by removal), both among the judged channels that journeys know
        (empty for others; of all added sales where there are no journeys; a capturing
        channel's journey among all). `tested` and `said`: what all its experiments
        measured, and what the mix says of the same spend, in money, each with its range
        (`tested_low` and so on). `differs`: the journey lies outside of the range, or the
        ranges of an experiment and of the mix do not overlap. `cause`: `capture`,
        `together`, `forms`, `views`, `window`; `credited` or `unseen` where the mix says
        more or less than an experiment and no other cause is near; `no spend`; `nothing`
        where there is neither journey nor experiment; empty where they agree.

    Raises:
        ValueError: An experiment meets no week of the panel, or its channel is unknown.

    Example:
        >>> from opslib.promotions.mix.engine import fit_mix
        >>> from opslib.promotions.mix.recovery import example_panel
        >>> mix = fit_mix(example_panel()[0], sweeps=20, draws=60)
        >>> disagreements(mix, pd.DataFrame())["cause"].tolist()
        ['nothing', 'nothing']
    """
    names, total = mix.panel.channels, mix.paths.sum(axis=(2, 3))
    seen = (
        journeys.set_index("channel")
        if len(journeys)
        else pd.DataFrame(columns=["removal", "first", "last"])
    )
    removal = seen["removal"].astype(float)
    both = np.array([not len(seen) or removal.get(n, np.nan) >= 0 for n in names])
    share = total / np.maximum(total[:, both].sum(axis=1, keepdims=True), 1e-9)
    share[:, ~both] = np.nan
    paths = removal.reindex(names) / max(removal.reindex(names).sum(), 1e-9)
    every = removal.reindex([*names, *mix.panel.captured])
    spend = mix.panel.spend.reshape(len(names), -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        near = np.nan_to_num(np.atleast_2d(np.corrcoef(spend))) - np.eye(len(names))
    spread = form_spread(mix).set_index("channel")["spread"]
    keep = np.concatenate([d.keep for d in mix.draws]).mean(axis=0)
    rows = []
    for c, name in enumerate(names):
        low, high = np.quantile(share[:, c], [0.05, 0.95])
        told, gap = _tested(mix, name, tests)
        above, below = paths[name] > high, paths[name] < low
        other = bool(above or below)
        causes = [
            ("together", bool(gap) and near[c].max() > TOGETHER),
            ("forms", bool(gap) and spread[name] > FORM_SPREAD),
            ("credited", gap > 0),
            ("unseen", gap < 0),
            (
                "capture",
                above and seen["last"].get(name, 0) > 1.25 * seen["first"].get(name, 1),
            ),
            ("together", other and near[c].max() > TOGETHER),
            ("window", below and keep[c] > LASTS_LONG),
            ("forms", other and spread[name] > FORM_SPREAD),
            ("views", other),
            ("nothing", np.isnan(paths[name]) and np.isnan(told["tested"])),
        ]
        rows.append(
            {
                "channel": name,
                "share": share[:, c].mean(),
                "low": low,
                "high": high,
                "journey": paths[name],
                **told,
                "differs": other or bool(gap),
                "cause": next((k for k, true in causes if true), ""),
            }
        )
    rows += [
        {
            "channel": n,
            "journey": every[n] / every.sum(),
            "differs": bool(every[n] >= 0),
            "cause": "capture" if every[n] >= 0 else "nothing",
        }
        for n in mix.panel.captured
    ]
    rows += [
        {"channel": n, "journey": np.nan, "differs": True, "cause": "no spend"}
        for n in seen.index
        if n not in names and n not in mix.panel.captured
    ]
    return pd.DataFrame(rows)


def _tested(
    mix: Mix, name: str, tests: tuple[LiftTest, ...]
) -> tuple[dict[str, float], int]:
    """Return what a channel's tests and the mix say, and who says more: 1 the mix, -1 a test.

    The gap is of the test farthest off; 0 where every pair of ranges overlaps.
    """
    mine = [t for t in tests if t.channel == name]
    keys = [f"{k}{end}" for k in ("tested", "said") for end in ("", "_low", "_high")]
    if not mine:
        return dict.fromkeys(keys, np.nan), 0
    said = np.array([lift_said(mix, t) for t in mine])
    lows, highs = np.quantile(said, [0.05, 0.95], axis=1)
    off = [
        max(low - t.high, 0) - max(t.low - high, 0)
        for t, low, high in zip(mine, lows, highs, strict=True)
    ]
    lift, wide = (
        sum(t.lift for t in mine),
        SURE * np.hypot.reduce([t.error for t in mine]),
    )
    whole = said.sum(axis=0)
    values = (
        lift,
        lift - wide,
        lift + wide,
        whole.mean(),
        *np.quantile(whole, [0.05, 0.95]),
    )
    return dict(zip(keys, map(float, values), strict=True)), int(
        np.sign(max(off, key=abs))
    )
