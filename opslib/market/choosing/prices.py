"""This module owns prices people name and prices they met: four questions, ladders, sales.

Long because the page, the survey and the sales side share their results.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.survey import intake, replicates
from opslib.market.survey.design import CONFIDENCE, Estimate

if TYPE_CHECKING:
    import numpy.typing as npt

    from opslib.market.survey.intake import Survey
    from opslib.market.survey.replicates import Replicates

FOUR = ("too_cheap", "cheap", "dear", "too_dear")
TIED = 0.9  # correlation above which price and promotion cannot be told apart
POINTS = ("lower", "upper", "indifference", "optimal")


@dataclass(frozen=True, kw_only=True)
class PriceRange:
    """What four price questions say (van Westendorp 1976).

    Attributes:
        points: One row a point: point, value, low, high, in money.
        curves: price and the share that finds it too_cheap, cheap, dear, too_dear.
        removed: Share of people whose four answers contradict each other.
        people: People used.
    """

    points: pd.DataFrame
    curves: pd.DataFrame
    removed: float
    people: int


@dataclass(frozen=True, kw_only=True)
class Demand:
    """How many would buy at which price.

    Attributes:
        curve: price, and buyers, revenue, profit for each person asked with low, high.
        best: Price that earns most, with interval.
        buyers: Buyers' share in each set (sets, prices), smoothed, for sliders.
        cost: Unit cost used, in money.
        confidence: Coverage of the intervals.
    """

    curve: pd.DataFrame
    best: Estimate
    buyers: npt.NDArray[np.float64]
    cost: float
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Elasticity:
    """How real sales follow prices.

    Attributes:
        own: Per cent more units for one per cent more of our price.
        rival: Per cent more units for one per cent more of the others' price.
        rows: Item weeks used.
        items: Items used.
        apart: Whether prices moved outside promotions too; where not, `own` is the
            effect of a promotion, price and noise about it together.
    """

    own: Estimate
    rival: Estimate | None
    rows: int
    items: int
    apart: bool = True


def consistent(answers: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which people named four rising prices.

    Example:
        >>> one = pd.DataFrame([[1.0, 2, 3, 4], [2, 2, 3, 4]], columns=list(FOUR))
        >>> consistent(one).tolist()
        [True, False]
    """
    checks.columns(answers, FOUR, "answers")
    four = answers[list(FOUR)].to_numpy(float)
    return (np.diff(four, axis=1) > 0).all(axis=1)


def price_range(
    answers: pd.DataFrame, sets: Replicates, *, confidence: float = CONFIDENCE
) -> PriceRange:
    """Return the range of prices people accept, from four questions.

    Points are linear crossings of weighted cumulative curves at the prices named:
    lower: too cheap with not cheap; upper: too dear with not dear; indifference:
    cheap with dear; optimal: too cheap with too dear.
    Contradicting answers are left out and counted.

    Args:
        answers: One row a person, columns `too_cheap`, `cheap`, `dear`, `too_dear`.
        sets: Replicate weights of the same people.
        confidence: Coverage of the intervals.

    Raises:
        ValueError: Fewer than ten people answered without contradiction.

    Example:
        >>> from opslib.market.survey import design
        >>> ok = np.linspace(8, 12, 40)
        >>> four = pd.DataFrame({q: ok * k for q, k in zip(FOUR, (0.5, 0.8, 1.2, 1.5))})
        >>> sets = replicates.bootstrap(design.draw(four), draws=20)
        >>> price_range(four, sets).points["value"].round(1).tolist()
        [6.0, 13.3, 9.6, 6.0]
    """
    good = consistent(answers)
    checks.at_least(int(good.sum()), 10, "people with four rising prices", "Ask more.")
    four = answers.loc[good, list(FOUR)].to_numpy(float)
    grid = np.unique(four)
    ranks = [np.searchsorted(grid, four[:, k]) for k in range(4)]

    def measure(w: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return _crossings(grid, _curves(ranks, w[good], len(grid)))

    value, again = replicates.spread(sets, measure)
    curves = _curves(ranks, sets.sample.weights[good], len(grid))
    return PriceRange(
        points=pd.DataFrame(
            {"point": POINTS, **_within(value, again, sets, confidence)}
        ),
        curves=pd.DataFrame({"price": grid, **dict(zip(FOUR, curves, strict=True))}),
        removed=float(
            1 - good.sum() / max(1, answers[list(FOUR)].notna().all(axis=1).sum())
        ),
        people=int(good.sum()),
    )


def demand(
    most: npt.ArrayLike,
    sets: Replicates,
    *,
    cost: float,
    prices: npt.ArrayLike | None = None,
    confidence: float = CONFIDENCE,
) -> Demand:
    """Return buyers, revenue and profit by price, from the most each would pay.

    The share that would pay a price is smoothed (its logarithm is a square curve of
    the price), since the best price of a ragged curve has no honest interval.

    Args:
        most: Highest price each person accepts; gaps buy at no price.
        sets: Replicate weights of the same people.
        cost: Unit cost, in money.
        prices: Prices tried; by default 40 between the 5th and 95th in hundred.
        confidence: Coverage of the intervals.

    Raises:
        ValueError: Fewer than 30 people named a price, or the cost is above all.

    Example:
        >>> from opslib.market.survey import design
        >>> most = np.random.default_rng(0).exponential(10, 2000)
        >>> sets = replicates.bootstrap(design.draw(pd.DataFrame({"m": most})), draws=20)
        >>> found = demand(most, sets, cost=12.0)
        >>> 20 < found.best.value < 24
        True
    """
    most = np.nan_to_num(np.asarray(most, float), nan=-np.inf)
    named = most[np.isfinite(most)]
    checks.at_least(len(named), 30, "people who named a price", "Ask more people.")
    checks.between(cost, "cost", low=0, high=float(named.max()), open_high=True)
    asked = np.quantile(named, np.linspace(0.02, 0.98, 49))
    grid = (
        np.linspace(max(cost, float(asked[2])), float(asked[-1]), 60)
        if prices is None
        else np.asarray(prices, float)
    )
    above = (most[None, :] >= asked[:, None]).astype(float)

    def measure(w: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return _smooth(asked, above @ w / w.sum(), grid)

    value, again = replicates.spread(sets, measure)
    frame = {"price": grid}
    for name, each in (("buyers", 1.0), ("revenue", grid), ("profit", grid - cost)):
        found = _within(value * each, again * each, sets, confidence)
        frame |= {
            name: found["value"],
            f"{name}_low": found["low"],
            f"{name}_high": found["high"],
        }
    best = _within(
        np.array(_peak(grid, (grid - cost) * value)),
        np.array([_peak(grid, (grid - cost) * row) for row in again]),
        sets,
        confidence,
    )
    return Demand(
        curve=pd.DataFrame(frame),
        buyers=again,
        cost=cost,
        confidence=confidence,
        best=Estimate(
            value=float(best["value"]),
            error=float(best["error"]),
            low=float(best["low"]),
            high=float(best["high"]),
            confidence=confidence,
        ),
    )


def sales_weeks(
    weekly: pd.DataFrame, products: pd.DataFrame, rivals: pd.DataFrame
) -> pd.DataFrame:
    """Return item weeks with our price, the others' price and what was on promotion.

    Args:
        weekly: item, week, units, amount, promoted_units; several places a week.
        products: item and category; may be empty.
        rivals: day, category, seller, price; may be empty.

    Returns:
        item, week, units, price, promoted and, where known, rival_price.

    Example:
        >>> week = pd.Timestamp("2026-01-05")
        >>> sold = pd.DataFrame({"item": ["a"], "week": [week], "units": [4.0], "amount": [10.0], "promoted_units": [1.0]})
        >>> sales_weeks(sold, pd.DataFrame(), pd.DataFrame())["price"].tolist()
        [2.5]
    """
    checks.columns(
        weekly, ("item", "week", "units", "amount", "promoted_units"), "weekly sales"
    )
    out = weekly.groupby(["item", "week"], as_index=False)[
        ["units", "amount", "promoted_units"]
    ].sum()
    out = out[(out["units"] > 0) & (out["amount"] > 0)].assign(
        week=lambda f: pd.to_datetime(f["week"])
    )
    out = out.assign(
        price=out["amount"] / out["units"],
        promoted=out["promoted_units"] / out["units"],
    )
    if len(rivals) and len(products):
        out = out.assign(
            category=out["item"].map(
                products.drop_duplicates("item").set_index("item")["category"]
            )
        )
        day = pd.to_datetime(rivals["day"])
        monday = (day - pd.to_timedelta(day.dt.dayofweek, unit="D")).rename("week")
        theirs = (
            rivals.groupby([monday, "category"])["price"]
            .mean()
            .rename("rival_price")
            .reset_index()
        )
        out = out.merge(theirs, on=["week", "category"], how="left")
    return out


@dataclass(frozen=True, kw_only=True)
class PriceStudy:
    """What people accept and would pay, and how sales follow prices.

    Attributes:
        range: The four price questions.
        demand: Buyers, revenue and profit by price.
        sales: How real sales follow prices, or None where too few are known.
        people: People that those asked stand for.
    """

    range: PriceRange
    demand: Demand
    sales: Elasticity | None
    people: float


def price_study(
    survey: Survey,
    sets: Replicates,
    weeks: pd.DataFrame,
    *,
    wave: str = "",
    cost: float,
) -> PriceStudy:
    """Work out what people of a wave accept and would pay, beside real sales.

    Reads the questions `too_cheap`, `cheap`, `dear`, `too_dear` and `would_pay`.

    Args:
        survey: All waves.
        sets: Their replicate weights.
        weeks: Item weeks, as `sales_weeks`; may be too few.
        wave: Wave to use; empty for the last.
        cost: Unit cost, in money.
    """
    now, _ = intake.latest(survey, wave)
    mine = replicates.part(sets, intake.in_wave(survey, now))
    here = mine.sample.weights > 0
    four = pd.DataFrame({q: intake.numbers(survey, q) for q in FOUR}).where(
        here[:, None] & np.ones((1, 4), bool)
    )
    most = np.where(here, intake.numbers(survey, "would_pay"), np.nan)
    enough = len(weeks) >= 100 and weeks["item"].nunique() >= 5
    return PriceStudy(
        range=price_range(four, mine),
        demand=demand(most, mine, cost=cost),
        sales=elasticity(weeks) if enough else None,
        people=float(mine.sample.weights.sum()),
    )


def steps_of(
    found: Demand, price: float, cost: float
) -> dict[str, tuple[float, float, float]]:
    """Return buyers, revenue and profit a person at a price, each with its range.

    Example:
        >>> import inspect
        >>> list(inspect.signature(steps_of).parameters)
        ['found', 'price', 'cost']
    """
    grid = found.curve["price"].to_numpy()
    row = found.curve
    now = [
        float(np.interp(price, grid, row[c]))
        for c in ("buyers", "buyers_low", "buyers_high")
    ]
    return {
        "buyers": tuple(now),
        "revenue": tuple(price * x for x in now),
        "profit": tuple((price - cost) * x for x in now),
    }


def gain(
    found: Demand, before: float, after: float, *, cost_after: float | None = None
) -> tuple[float, float, float]:
    """Return what one price earns more than another for each person asked, with its range.

    Both prices are read from the same sets, so that what they share drops out.

    Example:
        >>> import inspect
        >>> list(inspect.signature(gain).parameters)
        ['found', 'before', 'after', 'cost_after']
    """
    grid = found.curve["price"].to_numpy()
    cost = found.cost if cost_after is None else cost_after

    def more(buyers: npt.NDArray[np.float64]) -> float:
        return float(
            (after - cost) * np.interp(after, grid, buyers)
            - (before - found.cost) * np.interp(before, grid, buyers)
        )

    value = more(found.curve["buyers"].to_numpy())
    reach = NormalDist().inv_cdf((1 + found.confidence) / 2) * np.std(
        [more(row) for row in found.buyers]
    )
    return value, float(value - reach), float(value + reach)


def elasticity(weeks: pd.DataFrame, *, confidence: float = CONFIDENCE) -> Elasticity:
    """Return how units follow our own and the others' price, from real sales.

    Logarithms of units on logarithms of prices, with a level for each item and for
    each week of sales; errors are clustered by item.
    The others' price is the same for all items of a category in a week, so its
    effect is read from weeks in which categories moved apart.
    Assumes prices were not set in answer to demand of the same week.

    Args:
        weeks: One row an item and week: item, week, units, price and, where known,
            rival_price; `promoted` (share of units on promotion) where known.
        confidence: Coverage of the interval.

    Raises:
        ValueError: Prices moved too little: fewer than 100 rows or 5 items.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> at = pd.MultiIndex.from_product([range(20), range(60)], names=["item", "week"])
        >>> weeks = at.to_frame(index=False).assign(price=np.exp(rng.normal(0, 0.2, 1200)))
        >>> weeks["units"] = np.exp(3 - 1.5 * np.log(weeks["price"]) + rng.normal(0, 0.3, 1200))
        >>> round(elasticity(weeks).own.value, 1)
        -1.5
    """
    checks.columns(weeks, ("item", "week", "units", "price"), "weeks")
    good = weeks[(weeks["units"] > 0) & (weeks["price"] > 0)]
    if "rival_price" in good:
        good = good[good["rival_price"] > 0]
    items, codes = np.unique(good["item"], return_inverse=True)
    checks.at_least(len(good), 100, "item weeks with a price", "Load more weeks.")
    checks.at_least(len(items), 5, "items", "Load sales of more items.")
    columns = [np.log(good["price"].to_numpy(float))]
    names = ["price"]
    for extra in ("rival_price", "promoted"):
        if extra in good and np.ptp(good[extra].to_numpy(float)) > 0:
            raw = good[extra].to_numpy(float)
            columns.append(np.log(raw) if extra == "rival_price" else raw)
            names.append(extra)
    week = np.unique(good["week"], return_inverse=True)[1]
    both = np.column_stack([np.log(good["units"].to_numpy(float)), *columns])
    level = _demeaned(both, codes, week)
    apart = (
        "promoted" not in names
        or abs(np.corrcoef(level[:, 1], level[:, -1])[0, 1]) < TIED
    )
    if not apart:
        level, names = level[:, :-1], names[:-1]
    beta, error = _clustered(level[:, 1:], level[:, 0], codes)
    found = {
        n: _bounds(b, e, len(items) - 1, confidence)
        for n, b, e in zip(names, beta, error, strict=True)
    }
    return Elasticity(
        own=found["price"],
        rival=found.get("rival_price"),
        rows=len(good),
        items=len(items),
        apart=apart,
    )


def _curves(
    ranks: list[npt.NDArray[np.int64]], w: npt.NDArray[np.float64], size: int
) -> npt.NDArray[np.float64]:
    total = w.sum()
    mass = [np.bincount(r, w, size) / total for r in ranks]
    falling = [1 - np.cumsum(m) for m in mass[:2]]
    return np.array([*falling, *(np.cumsum(m) for m in mass[2:])])


def _crossings(
    grid: npt.NDArray[np.float64], curves: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    too_cheap, cheap, dear, too_dear = curves
    pairs = (
        (too_cheap, 1 - cheap),
        (1 - dear, too_dear),
        (cheap, dear),
        (too_cheap, too_dear),
    )
    return np.array([_crossing(grid, down - up) for down, up in pairs])


def _crossing(grid: npt.NDArray[np.float64], gap: npt.NDArray[np.float64]) -> float:
    below = np.flatnonzero(gap <= 1e-12)
    at = int(below[0]) if len(below) else len(grid) - 1
    if at == 0 or gap[at] == gap[at - 1]:
        return float(grid[at])
    part = gap[at - 1] / (gap[at - 1] - gap[at])
    return float(grid[at - 1] + part * (grid[at] - grid[at - 1]))


def _smooth(
    asked: npt.NDArray[np.float64],
    share: npt.NDArray[np.float64],
    grid: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    good = share > 0
    x = np.column_stack([np.ones(good.sum()), asked[good], asked[good] ** 2])
    root = np.sqrt(share[good])[
        :, None
    ]  # the variance of a log share is near 1 / share
    beta = np.linalg.lstsq(root * x, root[:, 0] * np.log(share[good]), rcond=None)[0]
    fitted = np.exp(
        np.clip(np.column_stack([np.ones(len(grid)), grid, grid**2]) @ beta, -50, 0)
    )
    return np.minimum.accumulate(fitted)


def _peak(grid: npt.NDArray[np.float64], profit: npt.NDArray[np.float64]) -> float:
    at = int(np.argmax(profit))
    if at in (0, len(grid) - 1):
        return float(grid[at])
    a, b, c = profit[at - 1 : at + 2]
    step = grid[at + 1] - grid[at]
    bend = a - 2 * b + c
    return float(grid[at] + (0.5 * (a - c) / bend * step if bend else 0.0))


def _within(
    value: npt.NDArray[np.float64],
    again: npt.NDArray[np.float64],
    sets: Replicates,
    confidence: float,
) -> dict[str, npt.NDArray[np.float64]]:
    error = replicates.errors(sets, again)
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return {"value": value, "error": error, "low": value - reach, "high": value + reach}


def _demeaned(
    both: npt.NDArray[np.float64],
    item: npt.NDArray[np.int64],
    week: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    left = both - both.mean(axis=0)
    for _ in range(50):
        before = left
        for codes in (item, week):
            sums = np.zeros((codes.max() + 1, left.shape[1]))
            np.add.at(sums, codes, left)
            left = left - (sums / np.bincount(codes)[:, None])[codes]
        if np.abs(left - before).max() < 1e-9:
            break
    return left


def _clustered(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], codes: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    bread = np.linalg.pinv(x.T @ x)
    beta = bread @ x.T @ y
    sums = np.zeros((codes.max() + 1, x.shape[1]))
    np.add.at(sums, codes, x * (y - x @ beta)[:, None])
    groups = len(sums)
    meat = sums.T @ sums * groups / (groups - 1)
    return beta, np.sqrt(np.diag(bread @ meat @ bread))


def _bounds(value: float, error: float, free: int, confidence: float) -> Estimate:
    from scipy import stats

    reach = float(stats.t.ppf((1 + confidence) / 2, max(free, 1))) * error
    return Estimate(
        value=float(value),
        error=float(error),
        low=float(value - reach),
        high=float(value + reach),
        confidence=confidence,
    )
