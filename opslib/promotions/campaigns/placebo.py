"""This module owns the stress card: every method run where there was no campaign.

What a method says of dates and places without a campaign is its error. Errors give the
interval of a real campaign, the rate of false alarms, the smallest lift that could be
seen, and the choice of the method.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.promotions.campaigns.estimators import Effect, claim, compare, estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opslib.promotions.campaigns.panel import Panel

PAGE_METHODS = ("did", "sc", "sdid", "blend", "sts")
LEAST_PLACEBOS = 20
POWER = 0.8
FOLLOWS = (0.0, 0.25, 0.5, 0.75, 1.0)  # share of variance that follows the spread


@dataclass(frozen=True, kw_only=True)
class Stress:
    """How the methods did where nothing happened, and which is taken.

    Attributes:
        card: One row for each method: method, placebos, false_alarms (share that
            claims a lift), false_any (a lift or a loss), coverage (of no effect),
            smallest (lift that is seen with a chance of 80 %), width (half of the
            interval, a share), taken.
        taken: The method with the least `smallest` on the older half of the dates.
        errors: Rows of `placebo_errors`.
        confidence: Coverage asked of the intervals.
    """

    card: pd.DataFrame
    taken: str
    errors: pd.DataFrame
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Lift:
    """What a campaign added, with an interval from placebos.

    Attributes:
        effect: The effect by the method taken.
        low: Lower end of the relative effect.
        high: Upper end of the relative effect.
        confidence: Coverage of the interval.
        total: Added outcome of all treated units and periods, in the measure.
        total_low: Its lower end.
        total_high: Its upper end.
        actual: What the treated units reached in all.
    """

    effect: Effect
    low: float
    high: float
    confidence: float
    total: float
    total_low: float
    total_high: float
    actual: float


def placebo_errors(
    windows: Iterable[Panel], *, size: int, methods: Sequence[str] = PAGE_METHODS,
    most: int = 8, seed: int = 1,
) -> pd.DataFrame:  # fmt: skip
    """Return what the methods claim for groups of units that had no campaign.

    Groups are as many units of one category as the campaign had places (all that
    there are, where fewer), so that they share what units of a category share.

    Args:
        windows: Panels without a campaign, in the order of time.
        size: Units in a group.
        methods: Methods to run.
        most: Most groups drawn from one window.
        seed: Seed of the draw.

    Returns:
        One row for each window, group and method: window, group, units (a set),
        method, error (log of one plus the claimed lift), spread (before the start, a
        share).
    """
    draw = np.random.default_rng(seed)
    rows = []
    for at, window in enumerate(windows):
        names, values, sizes = (
            list(window.frame),
            window.frame.to_numpy(),
            window.sizes.to_numpy(),
        )
        for group in _groups(names, size, most, draw):
            own = [names.index(u) for u in group]
            y, X = (
                values[:, own] @ sizes[own] / sizes[own].sum(),
                np.delete(values, own, axis=1),
            )
            for method in methods:
                expected, _, _ = compare(
                    y, X, start=window.start, treated=len(own), method=method
                )
                effect, base, spread = claim(y, expected, window.start)
                rows.append(
                    (
                        at,
                        frozenset(group),
                        method,
                        _log(effect / base),
                        abs(spread / base),
                    )
                )
    return pd.DataFrame(rows, columns=["window", "units", "method", "error", "spread"])


def stress(
    errors: pd.DataFrame, *, confidence: float = 0.9, lift: float = 0.075
) -> Stress:
    """Return the card of the methods and the one to take.

    Each placebo is judged by an interval made from the others of its own date and of
    earlier dates that share no unit with it, as a real campaign would be. The method
    is chosen on the older half of the dates; the card shows the newer half.

    Args:
        errors: Rows of `placebo_errors`.
        confidence: Coverage asked of the intervals.
        lift: True lift for which `power` is counted.

    Raises:
        ValueError: Fewer than 20 placebos can be judged.
    """
    judged = judge(errors, confidence=confidence, lift=lift)
    checks.at_least(
        int(judged.groupby("method").size().min()) if len(judged) else 0, LEAST_PLACEBOS,
        "dates and places without a campaign", "Load earlier weeks or shorten pre_weeks.",
    )  # fmt: skip
    half = judged["window"].median()
    older, newer = judged[judged["window"] <= half], judged[judged["window"] > half]
    taken = str(_card(older if len(older) else judged)["smallest"].idxmin())
    card = _card(newer if len(newer) >= LEAST_PLACEBOS else judged)
    card = card.assign(taken=card.index == taken).sort_values("smallest").reset_index()
    return Stress(card=card, taken=taken, errors=errors, confidence=confidence)


def judge(
    errors: pd.DataFrame, *, confidence: float = 0.9, lift: float = 0.075
) -> pd.DataFrame:
    """Return for each placebo what the page would have said of it.

    Returns:
        The rows that have at least 20 others to be judged by, with half (of the
        interval, in logs), alarm (claims a lift), loss (claims a loss), seen (would
        claim a lift had there been one of `lift`) and needed (least lift it would
        have seen).
    """
    parts = []
    for _, rows in errors.groupby("method", sort=False):
        spread = rows["spread"].to_numpy()
        window, error = rows["window"].to_numpy(), rows["error"].to_numpy()
        apart = np.array([[not (a & b) for b in rows["units"]] for a in rows["units"]])
        half = np.full(len(rows), np.nan)
        for i in range(len(rows)):
            told = ((window == window[i]) & apart[i]) | (window < window[i])
            if told.sum() >= LEAST_PLACEBOS:
                half[i] = half_width(error[told], spread[told], spread[i], confidence)
        parts.append(rows.assign(half=half))
    found = pd.concat(parts, ignore_index=True) if parts else errors.assign(half=np.nan)
    found = found[found["half"].notna()]
    gap = found["half"] - found["error"]
    return found.assign(
        alarm=gap < 0, loss=found["error"] < -found["half"], seen=gap < np.log1p(lift), needed=np.expm1(gap),
    )  # fmt: skip


def lift_of(panel: Panel, stressed: Stress) -> Lift:
    """Return a campaign's lift by the method taken, its interval from placebos.

    Placebos of the campaign's own dates (groups of its donors) stand beside those of
    the past: what hit all places in those weeks is in the interval too.

    Args:
        panel: The campaign's panel.
        stressed: What `stress` returned for the same measure and length.

    Raises:
        ValueError: Fewer than 20 placebos.
    """
    method, confidence = stressed.taken, stressed.confidence
    effect = estimate(panel, method)
    quiet = replace(panel, frame=panel.donors, treated=())
    now = placebo_errors([quiet], size=len(panel.treated), methods=[method])
    past = stressed.errors[stressed.errors["method"] == method]
    rows = pd.concat([past, now], ignore_index=True)
    checks.at_least(
        len(rows),
        LEAST_PLACEBOS,
        "dates and places without a campaign",
        "Load earlier weeks.",
    )
    own = np.abs(effect.spread / effect.expected)
    half = half_width(
        rows["error"].to_numpy(), rows["spread"].to_numpy(), own, confidence
    )
    middle = _log(effect.relative)
    low, high = (float(np.expm1(middle + s * half)) for s in (-1, 1))
    actual = float(
        panel.outcome[panel.start :].sum() * panel.sizes[list(panel.treated)].sum()
    )
    total, total_low, total_high = (
        actual * r / (1 + r) for r in (effect.relative, low, high)
    )
    return Lift(
        effect=effect, low=low, high=high, confidence=confidence, total=total, total_low=total_low,
        total_high=total_high, actual=actual,
    )  # fmt: skip


def _groups(
    units: list[str], size: int, most: int, draw: np.random.Generator
) -> list[tuple[str, ...]]:
    """Return groups of units of one family (the name before the comma), at random."""
    families: dict[str, list[str]] = {}
    for unit in units:
        families.setdefault(unit.split(",")[0] if "," in unit else "", []).append(unit)
    each = max(1, most // len(families))
    return [
        group
        for members in families.values()
        for group in _some(members, min(size, len(members), len(units) - 2), each, draw)
    ]


def _some(
    members: list[str], take: int, count: int, draw: np.random.Generator
) -> list[tuple[str, ...]]:
    if take == 1 or len(members) <= 8:
        every = list(combinations(members, take))
        return [every[i] for i in draw.permutation(len(every))[:count]]
    return [
        tuple(members[i] for i in draw.permutation(len(members))[:take])
        for _ in range(count)
    ]


def _card(judged: pd.DataFrame) -> pd.DataFrame:
    by = judged.groupby("method", sort=False)
    return pd.DataFrame(
        {
            "placebos": by.size(), "false_alarms": by["alarm"].mean(),
            "false_any": by["alarm"].mean() + by["loss"].mean(),
            "coverage": 1 - by["alarm"].mean() - by["loss"].mean(),
            "power": by["seen"].mean(), "smallest": by["needed"].quantile(POWER), "width": by["half"].median(),
        }
    )  # fmt: skip


def half_width(
    errors: np.ndarray, spreads: np.ndarray, own: np.ndarray, confidence: float
) -> np.ndarray:
    """Return half of the interval, in logs, that placebo errors give a claim.

    Errors grow with the spread before the start as far as the placebos show it: the
    likeliest of five shares of their variance follows it, the rest is the same for all.

    Args:
        errors: Errors of the placebos.
        spreads: Spread before the start of each.
        own: Spread before the start of what is judged, one or several.
        confidence: Chance with which the next error keeps the bound.

    Example:
        >>> round(float(half_width(np.linspace(-1, 1, 41), np.ones(41), np.array(1.0), 0.9)), 2)
        0.95
    """

    def size(part: float, spread: np.ndarray) -> np.ndarray:
        return np.sqrt((1 - part) * np.mean(spreads**2) + part * spread**2) + 1e-12

    def likely(part: float) -> float:
        scale = size(part, spreads)
        square = np.mean((errors / scale) ** 2) + 1e-24
        return -float(np.log(scale).mean() + np.log(square) / 2)

    part = max(FOLLOWS, key=likely)
    ratios = np.sort(np.abs(errors) / size(part, spreads))
    rank = min(len(ratios), int(np.ceil((len(ratios) + 1) * confidence)))
    return ratios[rank - 1] * size(part, own)


def _log(relative: float) -> float:
    return float(np.log(max(1e-6, 1 + relative)))
