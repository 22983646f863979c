"""This module owns the calendar season of buying, learnt from the past alone.

A season is a clock: a week in which customers buy twice as much as usual lasts two
weeks on it. On that clock customers buy evenly, so the purchase models hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib import periods
from opslib.customers.history import histories
from opslib.customers.value import buying

YEAR_WEEKS = 52
LEAST_WEEKS = 60
ROUNDS = 3
PRIOR = 30.0
MOST_CUSTOMERS = 4000


@dataclass(frozen=True, kw_only=True)
class Season:
    """How much customers buy in each week of the year.

    Attributes:
        factors: 52 factors around 1, the first for the days 1 to 7 of the year.
        seen: For each factor, whether a week of it was seen before the cut.
        learnt_to: Last day it was learnt from.
        swing: Share by which the busiest week lies above the quietest.
    """

    factors: np.ndarray
    seen: np.ndarray
    learnt_to: pd.Timestamp
    swing: float

    def __call__(self, days: pd.Series) -> np.ndarray:
        """Return days as weeks on the seasonal clock."""
        start = pd.Timestamp("1970-01-01")
        when = (pd.to_datetime(days) - start).dt.days.to_numpy()
        to = int(when.max()) + 1 if len(when) else 1
        every = pd.Series(pd.date_range(start, periods=to + 1))
        passed = np.r_[0.0, np.cumsum(self.factors[week_of_year(every)])] / 7
        return passed[when]


def week_of_year(days: pd.Series) -> np.ndarray:
    """Return the week of each day, 0 to 51; the last has eight or nine days.

    Example:
        >>> days = pd.Series(pd.to_datetime(["2026-01-08", "2026-12-31"]))
        >>> week_of_year(days).tolist()
        [1, 51]
    """
    number = pd.to_datetime(days).dt.dayofyear.to_numpy() - 1
    return np.minimum(number // 7, YEAR_WEEKS - 1)


def learn_season(
    days: pd.DataFrame, *, until: str | pd.Timestamp, kind: str = "mbgnbd",
    regularity: int = 1,
) -> Season | None:  # fmt: skip
    """Return the season seen before a cut, or None where a year was not seen.

    Each week's repeat purchases are compared with what the purchase model expects of
    all customers won by then; the ratio, smoothed over neighbouring weeks and drawn
    to 1 where few purchases were seen, is the week's factor. Model and factors are
    found in turns.

    Args:
        days: customer, day, amount.
        until: The cut; nothing later is used.
        kind: Purchase model that says what a week without season would bring.
        regularity: Its Erlang shape of the gaps.
    """
    end = pd.Timestamp(periods.day(until))
    seen = days[["customer", "day", "amount"]].assign(day=pd.to_datetime(days["day"]))
    seen = seen[(seen["day"] <= end) & seen["customer"].notna()]
    if seen.empty or (end - seen["day"].min()).days < LEAST_WEEKS * 7:
        return None
    some = seen["customer"].drop_duplicates()
    if len(some) > MOST_CUSTOMERS:
        seen = seen[seen["customer"].isin(some.sample(MOST_CUSTOMERS, random_state=0))]
    season = None
    actual = _repeat_days(seen, end)
    for _ in range(ROUNDS):
        told = histories(seen, until=end, clock=season)
        model = buying.fit(told, kind=kind, regularity=regularity)
        hoped = _expected_days(model, told["first"], actual.index, season)
        season = _ratio(actual, hoped, end, season)
    return season


def weeks_ahead(
    season: Season | None, *, after: str | pd.Timestamp, days_ahead: int
) -> float:
    """Return how many weeks the days ahead last on the season's clock."""
    if season is None:
        return days_ahead / 7
    start = pd.Timestamp(periods.day(after))
    both = season(pd.Series([start, start + pd.Timedelta(days=days_ahead)]))
    return float(both[1] - both[0])


def unseen_share(
    season: Season | None, *, after: str | pd.Timestamp, days_ahead: int
) -> float:
    """Return the share of the days ahead whose time of year was never seen."""
    if season is None:
        return 1.0
    start = pd.Timestamp(periods.day(after)) + pd.Timedelta(days=1)
    ahead = pd.Series(pd.date_range(start, periods=days_ahead))
    return float(1 - season.seen[week_of_year(ahead)].mean())


def _repeat_days(seen: pd.DataFrame, end: pd.Timestamp) -> pd.Series:
    """Return repeat purchases of each calendar day, days without one included."""
    bought = seen[["customer", "day"]].drop_duplicates()
    first = bought.groupby("customer")["day"].transform("min")
    count = bought[bought["day"] > first].groupby("day").size()
    return count.reindex(pd.date_range(seen["day"].min(), end), fill_value=0)


def _expected_days(
    model: buying.Buying, first: pd.Series, days: pd.Index, season: Season | None
) -> np.ndarray:
    """Return repeat purchases expected on each day from all customers won by then."""
    clock = season(days.to_series()) if season else np.arange(len(days)) / 7.0
    won = first.value_counts().reindex(days, fill_value=0).to_numpy()
    grid = np.linspace(0, clock[-1] - clock[0] + 1e-6, 160)
    curve = buying.expected_of_new(model, ahead=np.maximum(grid, 1e-6))
    starts = np.flatnonzero(won)
    age = np.maximum(clock[None, :] - clock[starts][:, None], 0)
    upto = won[starts] @ np.interp(age, grid, curve)
    return np.diff(np.r_[0.0, upto])


def _ratio(
    actual: pd.Series, hoped: np.ndarray, end: pd.Timestamp, before: Season | None
) -> Season:
    week = week_of_year(actual.index.to_series())
    plain = hoped / (before.factors[week] if before else 1.0)
    settled = np.arange(len(plain)) >= 28
    near = np.exp(-0.5 * (np.minimum(d := np.arange(YEAR_WEEKS), YEAR_WEEKS - d)) ** 2)
    top = np.bincount(week[settled], actual[settled], YEAR_WEEKS)
    low = np.bincount(week[settled], plain[settled], YEAR_WEEKS)
    smooth = np.fft.irfft(np.fft.rfft([top, low]) * np.fft.rfft(near), YEAR_WEEKS)
    factors = (smooth[0] + PRIOR) / (np.maximum(smooth[1], 0) + PRIOR)
    seen = low > 0
    factors = np.where(seen, factors, 1.0)
    mean = np.average(factors[seen])
    factors = np.where(seen, factors / mean, 1.0)
    return Season(
        factors=factors, seen=seen, learnt_to=end,
        swing=float(factors.max() / factors.min() - 1),
    )  # fmt: skip
