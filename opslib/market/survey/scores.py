"""This module owns the recommendation score, its interval, and change between waves."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from opslib import checks
from opslib.market.survey import replicates
from opslib.market.survey.design import CONFIDENCE, Estimate
from opslib.market.survey.weights import effective_size

if TYPE_CHECKING:
    from opslib.market.survey.replicates import Replicates

PROMOTER, DETRACTOR = 9, 6  # 9 and 10 recommend, 0 to 6 warn
ADDED = 0.75  # to promoters and to detractors; 3 to all (Rocks 2016)


def promoter_score(
    answers: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    effect: float = 0.0,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return the net promoter score with its adjusted-Wald interval, in points.

    The plain Wald interval fails for few answers: with all of one kind it has no
    width. Here 3/4 are added to promoters and detractors and 3 to the answers.

    Args:
        answers: 0 to 10, gaps left out.
        weights: Weight of each person; the answers then count as their effective size.
        effect: Design effect that divides the answers, 0 for Kish's of the weights.
        confidence: Coverage of the interval.

    Raises:
        ValueError: No answers, or an answer outside 0 to 10.

    Example:
        >>> found = promoter_score([10] * 6 + [8] * 2 + [3] * 2)
        >>> found.value, round(found.low), round(found.high)
        (40.0, -13, 74)
    """
    y = np.asarray(answers, float)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    there = np.isfinite(y) & (w > 0)
    y, w = y[there], w[there]
    checks.at_least(len(y), 1, "answers", "Ask people whether they would recommend us.")
    if ((y < 0) | (y > 10)).any():
        msg = f"answer {y[(y < 0) | (y > 10)][0]:g} is outside 0 to 10; recode the scale or drop the code for no answer."
        raise ValueError(msg)
    size = len(y) / effect if effect else effective_size(w)
    up = float(w[y >= PROMOTER].sum() / w.sum())
    down = float(w[y <= DETRACTOR].sum() / w.sum())
    centre, error = _adjusted(up, down, size)
    reach = _quantile(confidence) * error
    return Estimate(
        value=100 * (up - down),
        error=100 * error,
        low=max(-100.0, 100 * (centre - reach)),
        high=min(100.0, 100 * (centre + reach)),
        confidence=confidence,
    )


def change(
    before: Estimate, after: Estimate, *, shared: float = 0.0
) -> tuple[Estimate, float]:
    """Return the change between two waves, and the chance of one as large by luck.

    Args:
        before: The earlier number.
        after: The later number.
        shared: Correlation of the two, where the same people answered.

    Example:
        >>> first, last = promoter_score([9] * 50 + [5] * 50), promoter_score([9] * 90 + [5] * 10)
        >>> moved, luck = change(first, last)
        >>> moved.value, luck < 0.001
        (80.0, True)
    """
    from scipy import stats

    variance = (
        before.error**2 + after.error**2 - 2 * shared * before.error * after.error
    )
    error = float(np.sqrt(max(variance, 1e-12)))
    value = after.value - before.value
    reach = _quantile(after.confidence) * error
    moved = Estimate(
        value=value,
        error=error,
        low=value - reach,
        high=value + reach,
        confidence=after.confidence,
    )
    return moved, float(2 * stats.norm.sf(abs(value) / error))


def waves(
    answers: npt.ArrayLike,
    wave: npt.ArrayLike,
    sets: Replicates,
    *,
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """Return the score of each wave and its change from the wave before.

    The answers count as the size that gives the design's own error, and the
    adjusted-Wald interval is taken on that size.

    Args:
        answers: 0 to 10, one value a person, gaps left out.
        wave: Wave of each person; waves follow each other in order of their names.
        sets: Replicate weights of the same people.
        confidence: Coverage of the intervals.

    Returns:
        One row a wave: wave, people, score, low, high, change, change_low,
        change_high, luck (chance of a change as large by luck).

    Example:
        >>> from opslib.market.survey import design
        >>> people = pd.DataFrame({"n": range(200)})
        >>> sets = replicates.bootstrap(design.draw(people), draws=50)
        >>> waves([9, 5] * 50 + [9] * 100, ["a"] * 100 + ["b"] * 100, sets)["score"].tolist()
        [0.0, 100.0]
    """
    y, names = np.asarray(answers, float), np.asarray(wave, str)
    points = 100.0 * (y >= PROMOTER) - 100.0 * (y <= DETRACTOR)
    rows: list[dict[str, object]] = []
    before: Estimate | None = None
    for name in np.unique(names):
        here = (names == name) & np.isfinite(y)
        w = sets.sample.weights * here
        _, again = replicates.spread(
            sets, lambda v, here=here: v @ (points * here) / (v @ here)
        )
        up, down = (float(w @ side / w.sum()) for side in (points > 0, points < 0))
        error = float(replicates.errors(sets, again)) / 100
        simple = (up + down - (up - down) ** 2) / here.sum()
        effect = max(error**2 / simple, 0.1) if simple > 0 else 0.0
        now = promoter_score(y, w, effect=effect, confidence=confidence)
        row = {
            "wave": name,
            "people": int(here.sum()),
            "score": now.value,
            "low": now.low,
            "high": now.high,
        }
        if before is not None:
            moved, luck = change(before, now)
            row |= {
                "change": moved.value,
                "change_low": moved.low,
                "change_high": moved.high,
                "luck": luck,
            }
        rows.append(row)
        before = now
    return pd.DataFrame(rows)


def _adjusted(up: float, down: float, size: float) -> tuple[float, float]:
    n = size + 4 * ADDED
    a, b = (up * size + ADDED) / n, (down * size + ADDED) / n
    return a - b, float(np.sqrt((a + b - (a - b) ** 2) / n))


def _quantile(confidence: float) -> float:
    checks.between(
        confidence, "confidence", low=0, high=1, open_low=True, open_high=True
    )
    return NormalDist().inv_cdf((1 + confidence) / 2)
