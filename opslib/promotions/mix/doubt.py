"""This module owns doubts: where the ways of judging differ, why, and the next test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks

if TYPE_CHECKING:
    from opslib.promotions.mix.curve import ResponseCurve
    from opslib.promotions.mix.engine import Mix
    from opslib.promotions.mix.panel import LiftTest

TOGETHER = 0.7
FORM_SPREAD = 1.33
LASTS_LONG = 0.5
SURE, POWER = 1.6449, 0.8416  # one-sided 5 % and 80 % power


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
    every second block of weeks where there is one region only; the weeks needed see the
    expected loss with 80 % power at one-sided 5 %.

    Returns:
        One row a channel, most doubtful first: `channel`, `doubt` (width of the 90 %
        range of its weekly effect, in money), `regions` (where it goes dark), `weeks`,
        `loss` (expected weekly sales not made), `possible` (within `most_weeks`).

    Raises:
        ValueError: No week is allowed.
    """
    checks.at_least(most_weeks, 1, "weeks", "Allow more.")
    order = np.argsort(-mix.design.size)
    dark = order[::2] if len(order) > 1 else order
    noise = np.mean(np.concatenate([d.noise for d in mix.draws]))
    sd = noise * np.sqrt(2 * (mix.design.size[dark] ** 2).sum())
    paths = mix.paths[:, :, dark, -52:].sum(axis=2).mean(axis=2)
    rows = []
    for c, name in enumerate(curve.channels):
        low, high = np.quantile(curve.at(c, curve.now[c]), [0.05, 0.95])
        loss = float(paths[:, c].mean())
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

    Args:
        mix: The fitted mix.
        journeys: `channel`, `removal`, `first`, `last` (shares), as `credit` returns; may
            be empty.
        tests: Experiments already made.

    Returns:
        One row a channel: `share` of all added sales with `low` and `high` (90 %),
        `journey` (share by removal among the same channels), `tested` and `said` (lift in
        a test, and what the mix says of the same weeks), `differs`, `cause`: `capture`,
        `together`, `forms`, `views`, `window`, `no spend`, or empty.
    """
    names, total = mix.panel.channels, mix.paths.sum(axis=(2, 3))
    share = total / np.maximum(total.sum(axis=1, keepdims=True), 1e-9)
    seen = (
        journeys.set_index("channel")
        if len(journeys)
        else pd.DataFrame(columns=["removal", "first", "last"])
    )
    common = seen["removal"].reindex([*names, *mix.panel.captured]).dropna()
    spend = mix.panel.spend.reshape(len(names), -1)
    near = (
        np.corrcoef(spend) - np.eye(len(names)) if len(names) > 1 else np.zeros((1, 1))
    )
    spread = form_spread(mix).set_index("channel")["spread"]
    keep = np.concatenate([d.keep for d in mix.draws]).mean(axis=0)
    rows = []
    for c, name in enumerate(names):
        low, high = np.quantile(share[:, c], [0.05, 0.95])
        journey = common.get(name, np.nan) / common.sum() if len(common) else np.nan
        above, below = journey > high, journey < low
        causes = [
            (
                "capture",
                above and seen["last"].get(name, 0) > 1.25 * seen["first"].get(name, 1),
            ),
            ("together", (above or below) and near[c].max() > TOGETHER),
            ("window", below and keep[c] > LASTS_LONG),
            ("forms", (above or below) and spread[name] > FORM_SPREAD),
            ("views", above or below),
        ]
        rows.append(
            {
                "channel": name,
                "share": share[:, c].mean(),
                "low": low,
                "high": high,
                "journey": journey,
                **_tested(mix, name, tests),
                "differs": bool(above or below),
                "cause": next((k for k, true in causes if true), ""),
            }
        )
    rows += [
        {
            "channel": n,
            "journey": common.get(n, np.nan) / common.sum() if len(common) else np.nan,
            "differs": True,
            "cause": "capture",
        }
        for n in mix.panel.captured
    ]
    rows += [
        {"channel": n, "journey": np.nan, "differs": True, "cause": "no spend"}
        for n in seen.index
        if n not in names and n not in mix.panel.captured
    ]
    return pd.DataFrame(rows)


def _tested(mix: Mix, name: str, tests: tuple[LiftTest, ...]) -> dict[str, float]:
    mine = [t for t in tests if t.channel == name]
    if not mine:
        return {"tested": np.nan, "said": np.nan}
    test, panel = mine[-1], mix.panel
    weeks = np.asarray((panel.weeks >= test.start) & (panel.weeks <= test.stop))
    places = np.array([not test.regions or r in test.regions for r in panel.regions])
    path = mix.paths[:, panel.channels.index(name)].mean(axis=0)
    return {
        "tested": test.lift,
        "said": float(path[places][:, weeks].sum()) * test.share,
    }
