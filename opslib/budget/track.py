"""This module owns the track record: were the chances and bands right before?

Long because every past outlook is made and scored by one set of rules.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from opslib import checks
from opslib.budget import forecast, outlook
from opslib.budget.risk import warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opslib.budget.outlook import Books
    from opslib.budget.risk import simulate

STEP = 0.05  # how far one miss moves the level of the next band
EARLIEST = 5  # errors before the first band is judged


@dataclass(frozen=True, kw_only=True)
class Trust:
    """How right this page would have been, and was.

    Attributes:
        race: Methods by error at this point of earlier years, as `past_race`.
        method: The nearest method; its number is shown.
        past: What would have been told in earlier years, as `past_outlooks`.
        months: Past months with their bands, as `month_bands`.
        kept: What earlier pages foretold, with what came, as `kept`.
        red: Share of line-months that a fixed light of plan and a tenth shows red.
    """

    race: pd.DataFrame
    method: str
    past: pd.DataFrame
    months: pd.DataFrame
    kept: pd.DataFrame
    red: float


def trust(
    budget: pd.DataFrame, actuals: pd.DataFrame, books: Books, record: pd.DataFrame
) -> Trust:
    """Return how right the outlook would have been, and earlier pages were.

    Args:
        budget: All budget versions.
        actuals: All booked months.
        books: The books of this year.
        record: Earlier predictions of a month's spending.
    """
    race = past_race(budget, actuals, books)
    method = winner(race)
    booked = books.booked
    return Trust(
        race=race,
        method=method,
        past=past_outlooks(budget, actuals, books, method=method),
        months=month_bands(books),
        kept=kept(record, actuals),
        red=warning.fixed_lights(booked, books.plan[:, : books.closed]),
    )


def year_end(
    budget: pd.DataFrame,
    actuals: pd.DataFrame,
    books: Books,
    *,
    record: pd.DataFrame,
    sales: simulate.Shared | None = None,
    points: int = 4096,
) -> tuple[outlook.Outlook, Trust]:
    """Return the outlook by the method that came nearest, and how far to trust it.

    Args:
        budget: All budget versions.
        actuals: All booked months.
        books: The books of this year.
        record: Earlier predictions of a month's spending.
        sales: Draws of sales handed in by the demand and promotion rooms.
        points: Draws in a replicate, a power of two; there are 16 replicates.
    """
    told = trust(budget, actuals, books, record)
    shocks = None if sales is None else outlook.sales_shocks(books, sales.factors)
    return outlook.outlook(
        books, method=told.method, shocks=shocks, points=points
    ), told


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
            int((~before & ~after).sum()),
            int((~before & after).sum()),
            int((before & ~after).sum()),
            int((before & after).sum()),
        )
    )
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


def past_race(
    budget: pd.DataFrame, actuals: pd.DataFrame, books: Books
) -> pd.DataFrame:
    """Return how near each method came at this point of earlier years.

    Args:
        budget: All budget versions.
        actuals: All booked months.
        books: The books of this year.

    Returns:
        One row a method as `forecast.race`, the controllers' estimate among them where
        every year had one; empty where no earlier year has a budget and twelve booked
        months.
    """
    told, facts = [], []
    for before, fact in _earlier(budget, actuals, books, (books.closed,)):
        spent, rest, _ = outlook.rest_of_year(before)
        own = None if books.estimate is None else before.estimate
        table = forecast.guesses(before.booked, before.plan, own)
        told.append(table.assign(ours=spent + rest))
        facts.append(fact)
    if not told:
        return pd.DataFrame(columns=["method", "error", "bias", "behind"])
    table = pd.concat(told, ignore_index=True).dropna(axis="columns")
    return forecast.race(table, np.concatenate(facts))


def winner(race: pd.DataFrame) -> str:
    """Return the method that came nearest in earlier years, ours where there are none.

    Example:
        >>> winner(pd.DataFrame(columns=["method", "error", "bias", "behind"]))
        'ours'
    """
    return str(race["method"].iloc[0]) if len(race) else "ours"


def past_outlooks(
    budget: pd.DataFrame, actuals: pd.DataFrame, books: Books, *, method: str = "ours"
) -> pd.DataFrame:
    """Return what this page would have told in earlier years, and what came.

    Args:
        budget: All budget versions.
        actuals: All booked months.
        books: The books of this year.
        method: Centre of the outlook.

    Returns:
        One row an earlier year, number of closed months (3, 5, 7, 9) and line that
        varies, and one for all spending (line missing): year, closed, line, plan,
        forecast, low, high (80 %), chance_over, fact, over, held.
    """
    rows = []
    for before, fact in _earlier(budget, actuals, books, (3, 5, 7, 9)):
        told = outlook.outlook(before, method=method, points=64)
        table = told.table.assign(fact=fact)[
            told.table["high"] > 1.002 * told.table["low"]
        ]
        total, plan = told.draws.total, told.plan_spending
        low, high = np.quantile(total, [0.1, 0.9])
        spent = fact[(told.table["kind"] != "revenue").to_numpy()].sum()
        whole = pd.DataFrame(
            [
                {
                    "plan": plan,
                    "forecast": total.mean(),
                    "low": low,
                    "high": high,
                    "chance_over": (total > plan).mean(),
                    "fact": spent,
                }
            ]
        )
        both = pd.concat([table, whole], ignore_index=True)
        rows.append(both.assign(year=before.year.year, closed=before.closed))
    if not rows:
        names = [
            "year",
            "closed",
            "line",
            "plan",
            "forecast",
            "low",
            "high",
            "chance_over",
        ]
        return pd.DataFrame(columns=[*names, "fact", "over", "held"])
    frame = pd.concat(rows, ignore_index=True)
    return frame.assign(
        over=frame["fact"] > frame["plan"],
        held=frame["fact"].between(frame["low"], frame["high"]),
    )


def month_bands(books: Books, *, coverage: float = 0.8) -> pd.DataFrame:
    """Return each past month's spending, foretold a month before, with its band.

    The band's width comes from earlier errors alone and widens after misses.

    Args:
        books: The year's books.
        coverage: Share of months that the band should hold.

    Returns:
        One row a month from the 9th: month, fact, low, high, failed; money. A month
        without enough earlier errors is left out.
    """
    spending = (books.units["kind"] != "revenue").to_numpy()
    past = books.past[spending].sum(axis=0)
    told = np.array(
        [forecast.own_history(past[None, :at], 1)[0][0] for at in range(8, len(past))]
    )
    fact = past[8:]
    errors = (fact - told) / np.maximum(np.abs(told), 1e-9)
    if len(errors) < EARLIEST:
        return pd.DataFrame(columns=["month", "fact", "low", "high", "failed"])
    wide = adaptive_band(errors, coverage=coverage)[:-1] * np.abs(told)
    frame = pd.DataFrame(
        {
            "month": books.months[8:],
            "fact": fact,
            "low": told - wide,
            "high": told + wide,
        }
    )
    frame = frame[np.isfinite(wide)].reset_index(drop=True)
    return frame.assign(failed=~frame["fact"].between(frame["low"], frame["high"]))


def kept(record: pd.DataFrame, actuals: pd.DataFrame) -> pd.DataFrame:
    """Return what earlier pages foretold of a month's spending, with what came.

    Args:
        record: run_day, due, month (ISO text) and quantiles q0.1, q0.5, q0.9.
        actuals: line, kind, department, month, amount.

    Returns:
        One row for each month now known, by the latest page before it: run_day, month,
        low, high, fact, held.
    """
    spent = actuals[actuals["kind"] != "revenue"]
    fact = spent.groupby(pd.to_datetime(spent["month"]))["amount"].sum()
    if record.empty:
        return pd.DataFrame(columns=["run_day", "month", "low", "high", "fact", "held"])
    month = pd.to_datetime(record["month"])
    told = record.assign(
        month=month, fact=month.map(fact), low=record["q0.1"], high=record["q0.9"]
    )
    told = told[told["fact"].notna()].sort_values("run_day")
    told = told.drop_duplicates("month", keep="last").reset_index(drop=True)
    return told[["run_day", "month", "low", "high", "fact"]].assign(
        held=told["fact"].between(told["low"], told["high"])
    )


def _earlier(
    budget: pd.DataFrame, actuals: pd.DataFrame, books: Books, points: tuple[int, ...]
) -> Iterator[tuple[Books, np.ndarray]]:
    """Give the books of earlier years as they stood, and each unit's year as it came."""
    mine = actuals.assign(month=pd.to_datetime(actuals["month"]))
    for back, closed in itertools.product((3, 2, 1), points):
        start = books.year - pd.DateOffset(years=back)
        day = start + pd.DateOffset(months=closed) + pd.Timedelta(days=14)
        year = mine[mine["month"].between(start, start + pd.DateOffset(months=11))]
        if year["month"].nunique() < 12:
            continue
        try:
            before = outlook.open_books(budget, actuals, day=day.date())
        except ValueError:
            continue
        if before.year == start and before.closed == closed:
            fact = year.groupby(outlook.KEY)["amount"].sum()
            units = pd.MultiIndex.from_frame(before.units)
            yield before, fact.reindex(units).fillna(0.0).to_numpy()


def _told(failures: int, periods: int, chance: float) -> float:
    fine = periods - failures
    told = failures * np.log(chance) if failures else 0.0
    return float(told + (fine * np.log(1 - chance) if fine else 0.0))
