"""This module owns the track record: were the chances and bands right before?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from opslib import checks

STEP = 0.05  # how far one miss moves the level of the next band
EARLIEST = 5  # errors before the first band is judged


def kupiec(failures: int, periods: int, chance: float) -> float:
    """Return Kupiec's statistic: do failures come as often as they should?

    Chi-squared with one degree of freedom under the right chance (Kupiec 1995).

    Args:
        failures: Periods in which the band was broken.
        periods: All periods.
        chance: Chance of a failure that the band claims.

    Raises:
        ValueError: More failures than periods, or a chance outside (0, 1).

    Example:
        >>> round(kupiec(57, 1043, 0.05), 5)
        0.46147
    """
    checks.between(failures, "failures", low=0, high=periods)
    checks.between(chance, "chance", low=0, high=1, open_low=True, open_high=True)
    seen = failures / periods
    return 2 * (_told(failures, periods, seen) - _told(failures, periods, chance))


def christoffersen(moves: tuple[int, int, int, int]) -> float:
    """Return Christoffersen's statistic: do failures come alone or in clusters?

    Chi-squared with one degree of freedom where they come independently (1998).

    Args:
        moves: How often fine followed fine, failure followed fine, fine followed
            failure, failure followed failure.

    Example:
        >>> round(christoffersen((932, 53, 53, 4)), 5)
        0.25866
    """
    calm, first, back, again = moves
    whole = _told(first + again, sum(moves), (first + again) / max(1, sum(moves)))
    after_calm = _told(first, calm + first, first / max(1, calm + first))
    after_failure = _told(again, back + again, again / max(1, back + again))
    return 2 * (after_calm + after_failure - whole)


def judge_band(failed: np.ndarray, chance: float) -> pd.DataFrame:
    """Return how often, how clustered, and both together, with their verdicts.

    A test of the count alone passes clustered failures; the joint one does not.

    Args:
        failed: Whether the band was broken, one a period in order of time.
        chance: Chance of a failure that the band claims.

    Returns:
        One row a test: name, statistic, chance (of so large a value where the band is
        right) and passed (chance of at least 5 %).

    Example:
        >>> judge_band(np.arange(40) % 10 == 0, 0.1)["passed"].tolist()
        [True, True, True]
    """
    failed = np.asarray(failed, bool)
    checks.at_least(len(failed), 10, "scored bands", "Wait for more facts.")
    often = kupiec(int(failed.sum()), len(failed), chance)
    before, after = failed[:-1], failed[1:]
    alone = christoffersen(
        (
            int((~before & ~after).sum()), int((~before & after).sum()),
            int((before & ~after).sum()), int((before & after).sum()),
        )
    )  # fmt: skip
    rows = [("often", often, 1), ("alone", alone, 1), ("together", often + alone, 2)]
    frame = pd.DataFrame(rows, columns=["name", "statistic", "degrees"])
    chances = stats.chi2.sf(frame["statistic"], frame["degrees"])
    return frame.drop(columns="degrees").assign(chance=chances, passed=chances >= 0.05)


def brier(chance: np.ndarray, happened: np.ndarray) -> tuple[float, float]:
    """Return the mean squared error of chances, and that of the overall base rate.

    Example:
        >>> brier(np.array([0.9, 0.2]), np.array([1, 0]))
        (0.025..., 0.25)
    """
    happened = np.asarray(happened, float)
    base = float(happened.mean())
    error = float(np.mean((np.asarray(chance) - happened) ** 2))
    return error, base * (1 - base)


def interval_score(
    low: np.ndarray, high: np.ndarray, fact: np.ndarray, *, coverage: float = 0.8
) -> np.ndarray:
    """Return each band's width plus its penalty for a miss (Gneiting and Raftery 2007).

    Example:
        >>> interval_score(np.array([0.0]), np.array([2.0]), np.array([3.0])).tolist()
        [12.0...]
    """
    checks.between(coverage, "coverage", low=0, high=1, open_low=True, open_high=True)
    weight = 2 / (1 - coverage)
    under, over = np.maximum(low - fact, 0), np.maximum(fact - high, 0)
    return high - low + weight * (under + over)


def adaptive_band(errors: np.ndarray, *, coverage: float = 0.8) -> np.ndarray:
    """Return the half width of a band from own past errors, widened after misses.

    The rank of the past absolute errors that bounds the band moves with every miss and
    every hit (adaptive conformal inference, Gibbs and Candes 2021), so that a run of
    misses widens it; each width uses earlier errors only.

    Args:
        errors: Past errors in order of time, any unit.
        coverage: Share of facts that the band should hold.

    Returns:
        Half widths, one for each error and one more for the next; the first
        `EARLIEST` are missing.

    Example:
        >>> adaptive_band(np.array([1.0, -1, 1, -1, 1, -1, 9, 1]))[-1] > 1
        np.True_
    """
    size = np.abs(np.asarray(errors, float))
    checks.at_least(len(size), EARLIEST, "past errors", "Wait for more facts.")
    miss, widths = 1 - coverage, np.full(len(size) + 1, np.nan)
    for at in range(EARLIEST, len(size) + 1):
        rank = int(np.ceil((1 - miss) * (at + 1)))
        widths[at] = np.sort(size[:at])[min(max(rank, 1), at) - 1]
        if at < len(size):
            broken = float(size[at] > widths[at])
            miss = float(np.clip(miss + STEP * (1 - coverage - broken), 0.01, 0.6))
    return widths


def reliability(
    chance: np.ndarray, happened: np.ndarray, *, bins: int = 10, sure: float = 0.95
) -> pd.DataFrame:
    """Return how often it happened where a chance was told, with the binomial band.

    Args:
        chance: Told chances.
        happened: Whether it happened.
        bins: Bins of equal width between 0 and 1.
        sure: Share of bands that hold a right chance, all bins together (Bonferroni).

    Returns:
        One row a bin in use: told (mean chance), seen (share), count, low, high, inside.

    Example:
        >>> reliability(np.full(100, 0.3), np.arange(100) < 31)["inside"].tolist()
        [True]
    """
    frame = pd.DataFrame({"told": chance, "seen": np.asarray(happened, float)})
    frame["bin"] = np.minimum((frame["told"] * bins).astype(int), bins - 1)
    by = frame.groupby("bin")
    table = by.mean().assign(count=by.size())
    edge = (1 - sure) / (2 * len(table))
    low = stats.binom.ppf(edge, table["count"], table["told"]) / table["count"]
    high = stats.binom.ppf(1 - edge, table["count"], table["told"]) / table["count"]
    inside = table["seen"].between(low, high)
    return table.assign(low=low, high=high, inside=inside).reset_index(drop=True)


def _told(failures: int, periods: int, chance: float) -> float:
    fine = periods - failures
    told = failures * np.log(chance) if failures else 0.0
    return float(told + (fine * np.log(1 - chance) if fine else 0.0))
