"""This module owns decision rules: reserve, triggers, the outside view beside ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from opslib import checks
from opslib.budget import forecast
from opslib.budget.risk import lines

if TYPE_CHECKING:
    from opslib.budget.outlook import Books, Outlook
    from opslib.budget.risk.simulate import Draws

_BINS = 64  # classes of paths within which acting and waiting are compared
_CASES = 6  # a reference class with fewer cases is none


@dataclass(frozen=True, kw_only=True)
class Outside:
    """The reference class beside the simulation.

    Attributes:
        cases: How the rest of a year came against its own pace, one a past stretch.
        total: Draws of the year's total by the reference class alone, money; empty
            where there are too few cases.
        weight: Weight of the outside view in the mixture.
        inside_chance: Chance of an overrun by the simulation.
        outside_chance: Chance of an overrun by the reference class.
        chance: Chance of an overrun by both, with the stated weight.
        low: Tenth percentile of the mixture, money.
        high: Ninetieth percentile of the mixture, money.
    """

    cases: np.ndarray
    total: np.ndarray
    weight: float
    inside_chance: float
    outside_chance: float
    chance: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What can be decided about the year's risk.

    Attributes:
        triggers: As `triggers` gives, with `month`, the last day of the decision's month.
        lines: Lines that can still be cut.
        flexible: Money on them that is still open.
        cut: Share of it that the measure saves.
        reserve: Reserve above the budget, money.
        reserve_error: Half of its error bar, money.
        cover: Chance with which the reserve covers the year.
        outside: The reference class beside the simulation.
    """

    triggers: pd.DataFrame
    lines: tuple[str, ...]
    flexible: float
    cut: float
    reserve: float
    reserve_error: float
    cover: float
    outside: Outside


def choices(
    told: Outlook,
    books: Books,
    *,
    overrun_cost: float,
    cut: float,
    cut_cost: float,
    weight: float,
) -> Choices:
    """Return reserve, triggers and outside view of a year's outlook.

    What can be cut are expense lines whose months vary; what never varies is contracted.

    Args:
        told: The outlook.
        books: The year's books.
        overrun_cost: Cost of one unit of overrun.
        cut: Share of flexible spending that the measure saves.
        cut_cost: Cost of one unit cut, or held in reserve for nothing.
        weight: Weight of the outside view.
    """
    spending = (books.units["kind"] != "revenue").to_numpy()
    soft = (books.units["kind"] == "expense").to_numpy() & (
        forecast.noise(books.past) > 0.02
    )
    flexible = told.expected[soft].sum(axis=0)
    table = triggers(
        told.draws,
        flexible,
        budget=told.plan_spending,
        cut=cut,
        overrun_cost=overrun_cost,
        cut_cost=cut_cost,
    )
    past = books.past[spending].sum(axis=0)
    view = outside(
        past,
        books.closed,
        told.draws,
        budget=told.plan_spending,
        known=float(books.booked[spending].sum()),
        weight=weight,
    )
    amount, error, cover = reserve(
        told.draws,
        budget=told.plan_spending,
        overrun_cost=overrun_cost,
        idle_cost=cut_cost,
    )
    ends = told.months - pd.Timedelta(days=1)
    return Choices(
        triggers=table.assign(month=ends[: len(table)]),
        lines=tuple(dict.fromkeys(books.units.loc[soft, "line"])),
        flexible=float(flexible.sum()),
        cut=cut,
        reserve=amount,
        reserve_error=error,
        cover=cover,
        outside=view,
    )


def reserve(
    draws: Draws, *, budget: float, overrun_cost: float, idle_cost: float
) -> tuple[float, float, float]:
    """Return the reserve that costs least: a quantile at the critical ratio.

    A unit short costs `overrun_cost`, a unit held for nothing `idle_cost`; the best
    reserve covers the year with chance overrun / (overrun + idle), as in the newsvendor
    problem (Arrow, Harris and Marschak 1951).

    Args:
        draws: What the simulation gave.
        budget: The amount not to be passed, money.
        overrun_cost: Cost of one unit of overrun.
        idle_cost: Cost of one unit of reserve that is not needed.

    Returns:
        Reserve above the budget (never negative), half of its 95 % error bar, ratio.

    Example:
        >>> from opslib.budget.risk import simulate
        >>> one = simulate.model([lines.line("a", "normal", [100, 10])])
        >>> got = reserve(simulate.simulate(one), budget=100, overrun_cost=3, idle_cost=1)
        >>> round(got[0], 1), got[2]
        (6.7, 0.75)
    """
    checks.between(overrun_cost, "overrun_cost", low=0, open_low=True)
    checks.between(idle_cost, "idle_cost", low=0, open_low=True)
    ratio = overrun_cost / (overrun_cost + idle_cost)
    each = np.maximum(np.quantile(draws.total, ratio, axis=1) - budget, 0)
    error = 2.131 * each.std(ddof=1) / np.sqrt(len(each))
    return (
        max(0.0, float(np.quantile(draws.total, ratio)) - budget),
        float(error),
        ratio,
    )


def triggers(
    draws: Draws,
    flexible: np.ndarray,
    *,
    budget: float,
    cut: float,
    overrun_cost: float,
    cut_cost: float,
) -> pd.DataFrame:
    """Return at which chance of an overrun each month end should start the cut.

    At every month end the choice is to cut now or to wait for the next; both are
    valued on the same draws, given what has been spent until then, from the last month
    backwards (least squares Monte Carlo, Longstaff and Schwartz 2001, with classes of
    spending instead of a regression).

    Args:
        draws: Draws of the year; months in `by_month` are those still open.
        flexible: Money a month that can still be cut, one for each open month.
        budget: The amount not to be passed, money.
        cut: Share of flexible spending that the measure saves.
        overrun_cost: Cost of one unit of overrun.
        cut_cost: Cost of one unit cut.

    Returns:
        One row a decision point, 0 being today: closed (months closed since today),
        chance (least chance of an overrun at which cutting then is best; missing where
        waiting always is), saves (money that cutting then still saves), acts (share of
        draws that cut then), waiting (expected cost of letting this point pass, money).

    Raises:
        ValueError: A share or cost is impossible, or the months do not fit.

    Example:
        >>> from opslib.budget.risk import simulate
        >>> one = simulate.model([lines.line("a", "normal", [100, 10])], scale=np.ones((1, 3)))
        >>> got = triggers(simulate.simulate(one), np.full(3, 50.0), budget=295, cut=0.1,
        ...     overrun_cost=1.0, cut_cost=0.3)
        >>> got["saves"].tolist(), bool((got["waiting"] >= 0).all())
        ([15.0, 10.0, 5.0], True)
    """
    checks.between(cut, "cut", low=0, high=1)
    checks.between(cut_cost, "cut_cost", low=0, open_low=True)
    months = draws.by_month.shape[1]
    if len(flexible) != months:
        msg = f"flexible has {len(flexible)} months; the draws have {months} open ones"
        raise ValueError(msg)
    total = draws.total.ravel()
    so_far = np.cumsum(draws.by_month, axis=1)
    value = overrun_cost * np.maximum(total - budget, 0)
    over, rows = (total > budget).astype(float), []
    for at in range(months - 1, -1, -1):
        saves = cut * float(flexible[at:].sum())
        acting = overrun_cost * np.maximum(total - saves - budget, 0) + cut_cost * saves
        place = np.zeros(len(total), int) if at == 0 else _classes(so_far[:, at - 1])
        gain = _mean(value - acting, place)
        acts = (gain > 0) & (saves > 0)
        after = np.where(acts[place], acting, value)
        chance = _mean(over, place)
        least = float(chance[acts].min()) if acts.any() else np.nan
        rows.append(
            (
                at,
                least,
                saves,
                float(acts[place].mean()),
                float(value.mean() - after.mean()),
            )
        )
        value = after
    return pd.DataFrame(
        rows[::-1], columns=["closed", "chance", "saves", "acts", "waiting"]
    )


def outside(
    past: np.ndarray,
    closed: int,
    draws: Draws,
    *,
    budget: float,
    known: float,
    weight: float,
) -> Outside:
    """Return what happened in comparable stretches of the past, mixed with the simulation.

    The reference class are this company's own earlier stretches as long as a year: how
    the remaining months came against the same months a year before, over how the first
    months had come. No line is looked at, only the total.

    Args:
        past: Total spending of each past month, oldest first, this year's included.
        closed: Months of this year that are closed.
        draws: What the simulation gave.
        budget: The amount not to be passed, money.
        known: Spent this year so far, money.
        weight: Weight of the outside view, from 0 to 1.

    Example:
        >>> from opslib.budget.risk import simulate
        >>> one = simulate.simulate(simulate.model([lines.line("a", "normal", [120, 10])]))
        >>> got = outside(np.full(36, 10.0), 6, one, budget=121, known=60.0, weight=0.5)
        >>> got.outside_chance, round(got.chance, 2)
        (0.0, 0.23)
    """
    checks.between(weight, "weight", low=0, high=1)
    past, left = np.asarray(past, float), 12 - closed
    places = range(closed + 12, len(past) - left + 1)

    def growth(a: int, b: int) -> float:
        return past[a:b].sum() / max(1e-9, past[a - 12 : b - 12].sum()) if a < b else 1

    cases = np.array(
        [growth(t, t + left) / max(1e-9, growth(t - closed, t)) for t in places]
    )
    inside = float((draws.total > budget).mean())
    total = draws.total.ravel()
    if len(cases) < _CASES or len(past) < 12 + closed:
        low, high = np.quantile(total, [0.1, 0.9])
        return Outside(
            cases=cases,
            total=np.array([]),
            weight=0.0,
            inside_chance=inside,
            outside_chance=np.nan,
            chance=inside,
            low=float(low),
            high=float(high),
        )
    now = len(past)
    same = past[now - 12 : now - 12 + left].sum() * growth(now - closed, now)
    scores = special.ndtri((np.arange(4096) + 0.5) / 4096)
    told = known + same * lines.amounts(lines.line("outside", "history", cases), scores)
    mean = (1 - weight) * inside + weight * float((told > budget).mean())
    low, high = _mixed(total, told, weight, (0.1, 0.9))
    return Outside(
        cases=cases,
        total=told,
        weight=weight,
        inside_chance=inside,
        outside_chance=float((told > budget).mean()),
        chance=mean,
        low=low,
        high=high,
    )


def _mixed(
    inside: np.ndarray, told: np.ndarray, weight: float, levels: tuple[float, float]
) -> tuple[float, float]:
    values = np.concatenate([inside, told])
    mass = np.concatenate(
        [
            np.full(len(inside), (1 - weight) / len(inside)),
            np.full(len(told), weight / len(told)),
        ]
    )
    order = np.argsort(values)
    low, high = np.interp(levels, np.cumsum(mass[order]), values[order])
    return float(low), float(high)


def _classes(spent: np.ndarray) -> np.ndarray:
    rank = np.empty(len(spent), int)
    rank[np.argsort(spent, kind="stable")] = np.arange(len(spent))
    return rank * _BINS // len(spent)


def _mean(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    return np.bincount(place, values) / np.maximum(np.bincount(place), 1)
