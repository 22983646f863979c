"""This module owns a company's year end: its books, its outlook, its draws."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib import checks
from opslib.budget import forecast
from opslib.budget.risk import joint, lines, simulate

KEY = ["line", "kind", "department"]
BETWEEN_MONTHS = 0.3  # tie of a line's months; each line's year keeps its own spread


@dataclass(frozen=True, kw_only=True)
class Books:
    """A year's budget and what has been booked, line by line.

    Attributes:
        units: One row a line and department: line, kind, department.
        past: Units x months booked before and within the year, money.
        months: First day of each booked month.
        plan: Units x 12 months of the budget, money.
        version: The version that is the budget.
        year: First day of the budget's year.
        closed: Months of the year that are closed.
        estimate: The controllers' own estimate of each unit's year, money: the newest
            version adopted by the day after the one that is the budget; None without.
    """

    units: pd.DataFrame
    past: np.ndarray
    months: pd.DatetimeIndex
    plan: np.ndarray
    version: str
    year: pd.Timestamp
    closed: int
    estimate: np.ndarray | None = None

    @property
    def booked(self) -> np.ndarray:
        """Units x closed months of the year, money; no column before the first close."""
        return self.past[:, self.past.shape[1] - self.closed :]

    @property
    def before(self) -> np.ndarray:
        """Units x months booked before the year, money."""
        return self.past[:, : self.past.shape[1] - self.closed]


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Where the year ends.

    Attributes:
        table: One row a unit: line, kind, department, plan, spent, forecast, low, high
            (80 %), chance_over; money.
        draws: Draws of the year; `total` is spending (cost and expense).
        result: Draws of revenue less spending, money.
        plan_spending: The budget for spending, money.
        plan_result: The budgeted result, money.
        scores: Closed months x units, how far each lay on the bad side of expectation
            (above for spending, below for revenue), in sds.
        method: The method whose total is the centre.
        months: First day of each open month.
        expected: Units x open months, expected money.
        tie: Correlation of the units' months.
    """

    table: pd.DataFrame
    draws: simulate.Draws
    result: np.ndarray
    plan_spending: float
    plan_result: float
    scores: pd.DataFrame
    method: str
    months: pd.DatetimeIndex
    expected: np.ndarray
    tie: np.ndarray


def open_books(
    budget: pd.DataFrame, actuals: pd.DataFrame, *, day: dt.date, version: str = ""
) -> Books:
    """Return the budget in force on a day and all that was closed by then.

    The budget is the version asked for, else the first adopted one of the newest year:
    later revisions must not hide an overrun.

    Args:
        budget: version, line, kind, department, month, amount, adopted.
        actuals: line, kind, department, month, amount, closed.
        day: Day as of which the books are read.
        version: Version that is the budget, empty for the first adopted.

    Raises:
        ValueError: No version was adopted by the day, or too few months are booked.
    """
    checks.columns(budget, ["version", *KEY, "month", "amount", "adopted"], "budget")
    now = pd.Timestamp(day)
    known = budget[pd.to_datetime(budget["adopted"]) <= now]
    if known.empty or (version and version not in set(known["version"])):
        msg = f"no version {version!r} was adopted by {day}; there are {sorted(set(known['version']))}"
        raise ValueError(msg)
    month = pd.to_datetime(known["month"])
    year = pd.Timestamp(
        now.year if (month.dt.year == now.year).any() else month.dt.year.max(), 1, 1
    )
    of_year = known[month.dt.year == year.year]
    version = version or str(
        of_year.sort_values(["adopted", "version"])["version"].iloc[0]
    )
    chosen = known[known["version"] == version]
    plan = chosen.assign(month=pd.to_datetime(chosen["month"])).pivot_table(
        index=KEY, columns="month", values="amount", aggfunc="sum"
    )
    booked = actuals[pd.to_datetime(actuals["closed"]) <= now]
    past = booked.assign(month=pd.to_datetime(booked["month"])).pivot_table(
        index=KEY, columns="month", values="amount", aggfunc="sum", fill_value=0.0
    )
    year = plan.columns.min()
    checks.at_least(past.shape[1], 8, "booked months", "Load earlier months.")
    past = past.reindex(plan.index, fill_value=0.0)
    return Books(
        units=plan.index.to_frame(index=False),
        past=past.to_numpy(float),
        months=pd.DatetimeIndex(past.columns),
        plan=plan.reindex(columns=pd.date_range(year, periods=12, freq="MS"))
        .fillna(0.0)
        .to_numpy(float),
        version=version,
        year=year,
        closed=int((past.columns >= year).sum()),
        estimate=_estimate(of_year, version, plan.index),
    )


def _estimate(
    versions: pd.DataFrame, version: str, units: pd.MultiIndex
) -> np.ndarray | None:
    adopted = pd.to_datetime(versions["adopted"])
    later = versions[adopted > adopted[versions["version"] == version].min()]
    if later.empty:
        return None
    newest = later.sort_values(["adopted", "version"])["version"].iloc[-1]
    sums = later[later["version"] == newest].groupby(KEY)["amount"].sum()
    return sums.reindex(units).fillna(0.0).to_numpy(float)


def outlook(
    books: Books,
    *,
    method: str = "ours",
    shocks: dict[str, np.ndarray] | None = None,
    points: int = 1024,
    seed: int = 1,
) -> Outlook:
    """Return where the year ends, from draws that add up from lines to the whole.

    Args:
        books: The year's books with 0 to 11 closed months.
        method: `ours` or a method of `forecast.guesses` for the centre.
        shocks: Line to factors drawn by another room (demand, promotions), mean near
            one; their variance is taken out of the line's own, not added to it.
        points: Draws in a replicate, a power of two; there are 16 replicates.
        seed: The same seed gives the same draws.

    Raises:
        ValueError: The year has no open month.
    """
    spent, rest, error = rest_of_year(books, method)
    error = without(error, books.units["line"], shocks or {})
    left = 12 - books.closed
    profile = np.abs(books.plan[:, books.closed :]) + 1e-9
    profile = profile / profile.sum(axis=1, keepdims=True)
    steady = np.sqrt((profile**2).sum(axis=1) * (1 - BETWEEN_MONTHS) + BETWEEN_MONTHS)
    sigma = np.sqrt(np.log1p((error / steady) ** 2))
    units = books.units
    drawn = [
        lines.line(
            str(u.line),
            "lognormal",
            [1.0, float(min(s, 1.5))],
            department=str(u.department),
        )
        for u, s in zip(units.itertuples(), sigma, strict=True)
    ]
    tie = joint.from_history(np.diff(np.log(np.maximum(books.past.T, 1e-9)), axis=0))
    spending = (units["kind"] != "revenue").to_numpy(float)
    of = simulate.model(
        drawn,
        scale=rest[:, None] * profile,
        by_line=tie,
        known=spent,
        signs=spending,
        by_month=BETWEEN_MONTHS if left > 1 else 0.0,
    )
    draws = simulate.simulate(of, points=points, seed=seed, shocks=shocks)
    plan = books.plan.sum(axis=1)
    low, high = np.quantile(draws.by_line, [0.1, 0.9], axis=0)
    table = units.assign(
        plan=plan,
        spent=spent,
        forecast=draws.by_line.mean(axis=0),
        low=low,
        high=high,
        chance_over=(draws.by_line > plan).mean(axis=0),
    )
    return Outlook(
        table=table,
        draws=draws,
        result=draws.by_line @ (1 - 2 * spending),
        plan_spending=float(plan @ spending),
        plan_result=float(plan @ (1 - 2 * spending)),
        scores=_scores(books),
        method=method,
        months=pd.date_range(books.year, periods=12, freq="MS")[books.closed :],
        expected=rest[:, None] * profile,
        tie=tie,
    )


def rest_of_year(
    books: Books, method: str = "ours"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return spent, expected rest of the year (money), and its error as a share.

    Before the first close no month tells whether the year steps to its plan (rents and
    pay often do in January): the middle of history and plan is taken, and their distance
    counts as error.

    Args:
        books: The year's books with 0 to 11 closed months.
        method: `ours` or a method of `forecast.guesses`.

    Raises:
        ValueError: The year has no open month.
    """
    if not books.closed < 12:
        msg = f"all 12 months of {books.year:%Y} are closed, so nothing is open to foretell. Choose an earlier as_of, or load the next year's budget."
        raise ValueError(msg)
    spent = books.booked.sum(axis=1)
    shape = (
        books.plan
        / np.where(books.plan.mean(axis=1) > 0, books.plan.mean(axis=1), 1)[:, None]
    )
    shape = np.where(shape > 0.05, shape, 1.0)
    level, error = forecast.own_history(
        books.past / shape[:, books.months.month - 1], 12 - books.closed
    )
    shaped = level * shape[:, books.closed :].mean(axis=1)
    plain, second = forecast.own_history(books.past, 12 - books.closed)
    part = second**2 / (error**2 + second**2)
    rest = part * shaped + (1 - part) * plain
    apart = (shaped - plain) / np.maximum(np.abs(rest), 1e-9)
    error = np.sqrt(
        part * error**2 + (1 - part) * second**2 + part * (1 - part) * apart**2
    )
    if not books.closed:
        middle = (rest + books.plan.sum(axis=1)) / 2
        error = np.hypot(error * rest, middle - rest) / np.maximum(middle, 1e-9)
        rest = middle
    if method != "ours":
        rest = (
            forecast.guesses(books.booked, books.plan, books.estimate)[
                method
            ].to_numpy()
            - spent
        )
    return spent, np.maximum(rest, 0.0), error


def sales_shocks(books: Books, factors: np.ndarray) -> dict[str, np.ndarray]:
    """Return draws of sales as shocks of every revenue and cost line.

    Goods are bought for what is sold, so both kinds move by the same factor.

    Args:
        books: The year's books.
        factors: Draws x weeks, each week's sales against what is expected.
    """
    kinds = books.units["kind"].isin(["revenue", "cost"])
    return dict.fromkeys(books.units.loc[kinds, "line"], factors.mean(axis=1))


def advertising_rise(
    budget: pd.DataFrame, actuals: pd.DataFrame, spend: pd.DataFrame, *, day: dt.date
) -> float:
    """Return planned advertising of the open months over that of the past twelve.

    The line is found, not named: the one whose booked months tie with the delivered
    spend to within a tenth.

    Args:
        budget: All budget versions; may be empty.
        actuals: All booked months; may be empty.
        spend: week, spend; may be empty.
        day: Today.

    Returns:
        One where no line ties, or nothing is planned.
    """
    if budget.empty or actuals.empty or spend.empty:
        return 1.0
    try:
        books = open_books(budget, actuals, day=day)
    except ValueError:
        return 1.0
    weekly = spend["spend"].astype(float).groupby(pd.to_datetime(spend["week"])).sum()
    daily = weekly.reindex(
        pd.date_range(weekly.index.min(), periods=7 * len(weekly), freq="D")
    ).ffill(limit=6)
    sums = (daily / 7).groupby(daily.index.to_period("M").to_timestamp()).sum()
    paid = sums.reindex(books.months[-12:]).to_numpy()
    booked, expense = books.past[:, -12:], books.units["kind"] == "expense"
    off = np.abs(booked - paid).sum(axis=1) / max(1e-9, np.nansum(paid))
    best = int(np.nanargmin(np.where(expense, off, np.inf)))
    coming = books.plan[best, books.closed :]
    if not off[best] < 0.1 or coming.sum() <= 0:
        return 1.0
    return float(coming.mean() / booked[best].mean())


def origins(told: Outlook, sales: simulate.Shared) -> pd.DataFrame:
    """Return which share of the year end's variance comes from which room's draws.

    A room moves revenue and cost lines by its factor and nothing else, so its share is
    the variance of that movement over the whole; the rest is the lines' own.

    Args:
        told: The outlook, drawn with these factors.
        sales: The factors handed in.

    Returns:
        One row a room and one for the lines themselves (`own`): origin, spending and
        result (shares that add up to one).
    """
    kind, base = told.table["kind"].to_numpy(), told.expected.sum(axis=1)
    goods = float(base[kind == "cost"].sum())
    margin = float(base[kind == "revenue"].sum()) - goods
    whole = (float(told.draws.total.var()), float(told.result.var()))
    rows = [
        (name, *(float(part.var()) * np.array([goods, margin]) ** 2 / whole))
        for name, part in sales.parts.items()
    ]
    frame = pd.DataFrame(rows, columns=["origin", "spending", "result"])
    rest = 1 - frame[["spending", "result"]].sum()
    frame.loc[len(frame)] = ["own", *rest]
    return frame


def without(
    error: np.ndarray, names: pd.Series, shocks: dict[str, np.ndarray]
) -> np.ndarray:
    """Return the lines' own errors less what the shocks already carry, at least a fifth.

    Args:
        error: Standard error of each unit, as a share.
        names: Line of each unit.
        shocks: Line to factors drawn by another room.
    """
    carried = names.map({n: float(np.std(f)) for n, f in shocks.items()}).fillna(0.0)
    own = np.sqrt(np.maximum(error**2 - carried.to_numpy(float) ** 2, 0))
    return np.where(carried > 0, np.maximum(own, 0.2 * error), error)


def _scores(books: Books) -> pd.DataFrame:
    """Return how far each closed month lay on the bad side of the year before's level.

    A line's swing is the larger of its steps from month to month and its spread around
    last year's level without season; the error of that level is added.
    """
    before, mine = books.before, books.booked
    full = books.plan / np.maximum(books.plan.mean(axis=1, keepdims=True), 1e-9)
    full = np.where(full > 0.05, full, 1.0)
    known = before if before.shape[1] else mine
    level = known[:, -12:] / full[:, books.months[: known.shape[1]].month[-12:] - 1]
    usual = level.mean(axis=1, keepdims=True)
    size = np.abs(usual) + 1e-9
    swing = np.maximum(
        forecast.noise(books.past)[:, None],
        level.std(axis=1, ddof=min(1, level.shape[1] - 1))[:, None] / size,
    )
    wide = (swing + 0.01) * size * np.sqrt(1 + 1 / level.shape[1])
    names = (books.units["line"] + ", " + books.units["department"]).tolist()
    bad = np.where(books.units["kind"] == "revenue", -1.0, 1.0)[:, None]
    return pd.DataFrame(
        (bad * (mine - usual * full[:, : books.closed]) / wide).T,
        columns=names,
        index=books.months[before.shape[1] :],
    )
