"""This module owns why the total varies: shares, swings, the worst draws, bridges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats
from scipy.stats import qmc

from opslib import checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from opslib.budget.outlook import Books
    from opslib.budget.risk.simulate import Draws


def sobol_indices(
    function: Callable[[np.ndarray], np.ndarray],
    inputs: int,
    *,
    points: int = 4096,
    replicates: int = 16,
    seed: int = 1,
) -> pd.DataFrame:
    """Return the share of a function's variance that each independent input explains.

    `first` is what an input explains alone, `total` what it explains with all its
    interactions (Saltelli 2010 for the first, Jansen 1999 for the total), by scrambled
    Sobol' points; the replicates give the intervals.

    Args:
        function: Uniform numbers (points x inputs) to one number a row.
        inputs: How many inputs.
        points: Points in a replicate, a power of two.
        replicates: Independent scramblings.
        seed: The same seed gives the same table.

    Returns:
        One row an input: first, first_low, first_high, total, total_low, total_high.

    Example:
        >>> got = sobol_indices(lambda u: u[:, 0] + u[:, 1], 2, points=512)
        >>> got["first"].round(2).tolist()
        [0.5, 0.5]
    """
    checks.at_least(inputs, 1, "inputs", "Name at least one.")
    first, total = np.empty((2, replicates, inputs))
    for at in range(replicates):
        sobol = qmc.Sobol(2 * inputs, rng=np.random.default_rng([seed, at]))
        drawn = sobol.random_base2(int(np.log2(points)))
        left, right = drawn[:, :inputs], drawn[:, inputs:]
        told, other = function(left), function(right)
        centre, spread = told.mean(), np.concatenate([told, other]).var()
        for k in range(inputs):
            mixed = left.copy()
            mixed[:, k] = right[:, k]
            seen = function(mixed)
            first[at, k] = np.mean((other - centre) * (seen - told)) / spread
            total[at, k] = 0.5 * np.mean((told - seen) ** 2) / spread
    return pd.DataFrame({**_columns("first", first), **_columns("total", total)})


def variance_shares(
    draws: Draws, *, groups: tuple[str, ...] | None = None
) -> pd.DataFrame:
    """Return each line's share of the total's variance, its swing and its worst draws.

    Lines are tied, so shares are Euler's: covariance with the total over its variance.
    They add up to one; a negative share steadies the total.

    Args:
        draws: What the simulation gave.
        groups: A name for each line to add up by, such as departments; lines by default.

    Returns:
        One row a name, largest first: share with low and high (95 %), swing_low and
        swing_high (mean of the total when the part is in its lowest and highest tenth,
        against the mean), worst (what the part adds to the mean overshoot of the worst
        5 % of draws) and worst_share.

    Example:
        >>> from opslib.budget.risk import lines, simulate
        >>> two = [lines.line("a", "normal", [9, 1]), lines.line("b", "normal", [9, 2])]
        >>> got = variance_shares(simulate.simulate(simulate.model(two), points=1024))
        >>> got["name"].tolist(), got["share"].round(2).tolist()
        (['b', 'a'], [0.8, 0.2])
    """
    names = np.array(groups or draws.names)
    total = draws.total
    count, size = total.shape
    worst = total.ravel() >= np.quantile(total, 0.95)
    low_total, rows = float(total.mean()), []
    for name in pd.unique(pd.Series(names)):
        mine = names == name
        part = draws.by_line[:, mine] @ draws.signs[mine]
        each = part.reshape(count, size)
        shares = [
            np.cov(each[r], total[r])[0, 1] / max(1e-300, total[r].var(ddof=1))
            for r in range(count)
        ]
        tenth, last = np.quantile(part, [0.1, 0.9])
        beyond = float(part[worst].mean() - part.mean())
        rows.append(
            {
                "name": str(name),
                "share": float(np.mean(shares)),
                "error": _bar(np.array(shares)),
                "swing_low": float(total.ravel()[part <= tenth].mean() - low_total),
                "swing_high": float(total.ravel()[part >= last].mean() - low_total),
                "worst": beyond,
            }
        )
    frame = pd.DataFrame(rows)
    frame = frame.assign(
        low=frame["share"] - frame["error"],
        high=frame["share"] + frame["error"],
        worst_share=frame["worst"] / frame["worst"].sum(),
    )
    return frame.sort_values("share", ascending=False, ignore_index=True)


def bridge(plan: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return how revenue comes from plan to forecast: price, volume, mix.

    Volume is all units more or less at the plan's mean price and mix, mix is the shift
    between dear and cheap items, price is what an item's price moved; the three add up
    to the whole gap, to the cent.

    Args:
        plan: Columns item, units, amount; one row an item.
        now: The same columns for what came or is foretold.

    Returns:
        One row a step (plan, volume, mix, price, now) with its amount, money.

    Raises:
        ValueError: A frame lacks a column, repeats an item or plans no units.

    Example:
        >>> a = pd.DataFrame({"item": ["x"], "units": [10.0], "amount": [100.0]})
        >>> b = pd.DataFrame({"item": ["x"], "units": [12.0], "amount": [132.0]})
        >>> bridge(a, b)["amount"].tolist()
        [100.0, 20.0, 0.0, 12.0, 132.0]
    """
    for frame, name in ((plan, "plan"), (now, "now")):
        checks.columns(frame, ["item", "units", "amount"], name)
        checks.unique(frame, ["item"], name)
    both = plan.merge(now, on="item", how="outer", suffixes=("_plan", "_now")).fillna(
        0.0
    )
    units, amount = both["units_plan"].sum(), both["amount_plan"].sum()
    checks.between(float(units), "planned units", low=0, open_low=True)
    mean_price = amount / units
    planned = both["units_plan"] > 0
    own = both["amount_plan"] / both["units_plan"].where(planned)
    own = own.fillna(
        both["amount_now"] / both["units_now"].where(both["units_now"] > 0)
    )
    volume = (both["units_now"].sum() - units) * mean_price
    price = float((both["amount_now"] - both["units_now"] * own.fillna(0.0)).sum())
    end = both["amount_now"].sum()
    steps = [amount, volume, end - amount - volume - price, price, end]
    return pd.DataFrame(
        {
            "step": ["plan", "volume", "mix", "price", "now"],
            "amount": np.round(steps, 10),
        }
    )


def sales_bridge(sales: pd.DataFrame, books: Books) -> pd.DataFrame:
    """Return how sales so far came from the plan: volume, mix, price.

    A plan without units is read as last year's prices and mix of the same months, its
    growth as volume.

    Args:
        sales: month, category, units, amount.
        books: The year's books; revenue lines give the plan, the closed months the span.

    Returns:
        As `bridge`; empty where this or last year's months have no sales.
    """
    year, closed = books.year, books.closed
    revenue = (books.units["kind"] == "revenue").to_numpy()
    plan = float(books.plan[revenue][:, :closed].sum())
    month = pd.to_datetime(sales["month"])
    parts = []
    for start in (year - pd.DateOffset(years=1), year):
        mine = sales[(month >= start) & (month < start + pd.DateOffset(months=closed))]
        item = mine["category"].fillna("-").rename("item")
        parts.append(mine.groupby(item)[["units", "amount"]].sum().astype(float))
    before, now = parts
    if before.empty or now.empty or before["amount"].sum() <= 0:
        return pd.DataFrame(columns=["step", "amount"])
    planned = before * (plan / before["amount"].sum())
    return bridge(planned.reset_index(), now.reset_index())


def _columns(name: str, each: np.ndarray) -> dict[str, np.ndarray]:
    bars = np.array([_bar(column) for column in each.T])
    mean = each.mean(axis=0)
    return {name: mean, f"{name}_low": mean - bars, f"{name}_high": mean + bars}


def _bar(each: np.ndarray) -> float:
    error = each.std(ddof=1) / np.sqrt(len(each))
    return float(error * stats.t.ppf(0.975, len(each) - 1))
