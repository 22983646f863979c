"""This module owns next year's draft: from history, demand and targets to the cent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.budget import forecast, outlook, track
from opslib.budget.plan import form, tree
from opslib.budget.risk import lines, simulate

if TYPE_CHECKING:
    import datetime as dt

_EVEN = 0.02  # a line whose months differ by less is spread evenly


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Next year's budget before it is adopted.

    Attributes:
        cells: version, line, kind, department, month, amount, adopted (none): the form
            in which budgets are loaded, whole cents.
        table: One row a unit: line, kind, department, base (this year's end), total
            (drafted), expected (by history and demand alone), growth; money.
        draws: Draws of next year by history and demand; `total` is spending.
        revenue: Draws of revenue, money.
        target: Growth of sales that is asked for.
        demand: Draws of the growth of sales that demand supports.
        chosen: Growth of sales in the draft.
    """

    cells: pd.DataFrame
    table: pd.DataFrame
    draws: simulate.Draws
    revenue: np.ndarray
    target: float
    demand: np.ndarray
    chosen: float


@dataclass(frozen=True, kw_only=True)
class Return:
    """What came back from Excel, and the versions it stands beside.

    Attributes:
        ties: Sums that must hold, as `form.blame`.
        versions: The year's versions, as `tree.versions`.
        changed: Adopted versions that changed since an earlier page, as `tree.locked`.
    """

    ties: pd.DataFrame
    versions: pd.DataFrame
    changed: pd.DataFrame


def growth_draws(
    units: np.ndarray, paths: np.ndarray, prices: np.ndarray, *, shared: float
) -> np.ndarray:
    """Return draws of the growth of sales: coming weeks against the same a year ago.

    Args:
        units: Items x past weeks, missing where unknown; at least a year.
        paths: Items x draws x coming weeks, units, from the demand room.
        prices: One an item, money.
        shared: Error of the sum that single items' paths do not show, as a share.

    Raises:
        ValueError: Less than a year of weeks is known.

    Example:
        >>> got = growth_draws(np.ones((2, 60)), np.full((2, 4, 6), 1.1), np.ones(2), shared=0.0)
        >>> round(float(got.mean()), 6)
        0.1
    """
    checks.at_least(units.shape[1], 52, "past weeks of demand", "Load earlier weeks.")
    weeks = paths.shape[2]
    same = (
        np.nan_to_num(np.nanmean(units[:, -52 : -52 + weeks or None], axis=1)) * weeks
    )
    before = float(same @ prices)
    factor = simulate.demand_factors(paths, prices, shared=shared).mean(axis=1)
    coming = float(np.einsum("idw,i->", paths, prices)) / paths.shape[1]
    return factor * coming / before - 1


def target_growth(
    goals: pd.DataFrame, base: float, *, year: int, otherwise: float
) -> float:
    """Return the growth of sales that the goals of a year ask for.

    Args:
        goals: measure, region, month, target; goals with measure `sales` count.
        base: Sales of the year before, money.
        year: The year of the goals.
        otherwise: Growth where no month of the year has a goal.
    """
    if goals.empty or base <= 0:
        return otherwise
    mine = goals[
        (pd.to_datetime(goals["month"]).dt.year == year) & (goals["measure"] == "sales")
    ]
    return (
        float(mine["target"].astype(float).sum()) / base - 1 if len(mine) else otherwise
    )


def draft(
    books: outlook.Books,
    told: outlook.Outlook,
    *,
    demand: np.ndarray,
    target: float,
    trust_target: float,
    inflation: float,
) -> Draft:
    """Return next year's draft, split to lines, departments and months.

    Revenue grows by a stated mixture of what is asked for and what demand supports; the
    cost of goods follows revenue; expenses rise with prices. Months follow each line's
    own past years where those years agree, and are even where they do not.

    Args:
        books: This year's books.
        told: This year's outlook: the base.
        demand: Draws of the growth of sales, as `growth_draws`.
        target: Growth of sales that is asked for.
        trust_target: Weight of the target, from 0 to 1; demand has the rest.
        inflation: Rise of prices of what the company buys.

    Raises:
        ValueError: The weight is no share.
    """
    checks.between(trust_target, "trust_target", low=0, high=1)
    chosen = trust_target * target + (1 - trust_target) * float(demand.mean())
    units = books.units
    kind, base = units["kind"].to_numpy(), told.table["forecast"].to_numpy(float)

    def rises(growth: np.ndarray | float) -> np.ndarray:
        return np.select(
            [kind == "revenue", kind == "cost"],
            [1 + growth, (1 + growth) * (1 + inflation)],
            1 + inflation,
        )

    total, expected = (
        np.round(base * rises(chosen), 2),
        base * rises(float(demand.mean())),
    )
    months = pd.date_range(books.year + pd.DateOffset(years=1), periods=12, freq="MS")
    amounts = tree.spread(total, profile(books))
    cells = (
        units.loc[units.index.repeat(12)]
        .reset_index(drop=True)
        .assign(
            month=np.tile(months, len(units)), amount=amounts.ravel(), adopted=pd.NaT
        )
    )
    cells.insert(0, "version", f"{months[0]:%Y} draft")
    error = outlook.without(
        forecast.own_history(books.past, 12)[1],
        units["line"],
        outlook.sales_shocks(books, demand[:, None]),
    )
    drawn = [
        lines.line(
            str(u.line),
            "lognormal",
            [1.0, float(min(1.0, np.sqrt(np.log1p(e**2))))],
            department=str(u.department),
        )
        for u, e in zip(units.itertuples(), error, strict=True)
    ]
    of = simulate.model(
        drawn,
        scale=np.maximum(expected, 0)[:, None],
        by_line=told.tie,
        signs=(kind != "revenue").astype(float),
    )
    factor = (1 + demand) / (1 + float(demand.mean()))
    draws = simulate.simulate(
        of, points=1024, shocks=outlook.sales_shocks(books, factor[:, None])
    )
    table = units.assign(
        base=base,
        total=total,
        expected=expected,
        growth=total / np.where(base > 0, base, np.nan) - 1,
    )
    return Draft(
        cells=cells,
        table=table,
        draws=draws,
        revenue=draws.by_line[:, kind == "revenue"].sum(axis=1),
        target=target,
        demand=demand,
        chosen=chosen,
    )


def profile(books: outlook.Books) -> np.ndarray:
    """Return units x 12 shares of a year: own months where past years agree, else even."""
    months, shares = books.months.month.to_numpy(), []
    for start in range(len(months) - 12, -1, -12):
        block = books.past[:, start : start + 12][
            :, np.argsort(months[start : start + 12])
        ]
        shares.append(block / np.maximum(block.mean(axis=1, keepdims=True), 1e-9))
    if not shares:
        return np.ones((len(books.past), 12))
    mean = np.clip(np.mean(shares, axis=0), 0.05, None)
    if len(shares) == 1:
        agree = np.where((books.units["kind"] == "expense").to_numpy(), 0.0, 1.0)
    else:
        pairs = zip(shares[0], shares[1], strict=True)
        agree = np.array(
            [
                0.0
                if min(a.std(), b.std()) < _EVEN
                else max(0.0, np.corrcoef(a, b)[0, 1])
                for a, b in pairs
            ]
        )
    return agree[:, None] * mean + (1 - agree[:, None])


def wholes(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of a draft that must still hold when it comes back from Excel.

    Returns:
        Kinds, departments and quarters of each kind with their amounts, as `tree.ties`
        reads them.
    """
    parts = [
        tree.rollup(cells, by)
        for by in (["kind"], ["kind", "department"], ["kind", "quarter"])
    ]
    return pd.concat(parts, ignore_index=True)


def returned(budget: pd.DataFrame, made: Draft, *, version: str = "") -> pd.DataFrame:
    """Return the cells of an edited draft that was loaded back, or the draft itself.

    Args:
        budget: All budget versions.
        made: The draft that was sent out.
        version: Version under which the edited file was loaded; empty for the draft.

    Raises:
        ValueError: No such version was loaded, or it has other lines than the draft.
    """
    if not version:
        return made.cells
    cells = budget[budget["version"] == version]
    if cells.empty:
        msg = f"no version {version!r} was loaded; there are {sorted(set(budget['version']))}. Load the edited file first"
        raise ValueError(msg)
    sent, came = (
        set(map(tuple, c[tree.KEY].drop_duplicates().to_numpy()))
        for c in (made.cells, cells)
    )
    if sent != came:
        msg = f"version {version!r} lacks {sorted(sent - came)} and adds {sorted(came - sent)}; keep the lines of the draft"
        raise ValueError(msg)
    return cells


def next_year(
    budget: pd.DataFrame,
    actuals: pd.DataFrame,
    books: outlook.Books,
    *,
    demand: np.ndarray,
    goals: pd.DataFrame,
    target: float,
    trust_target: float,
    inflation: float,
) -> tuple[Draft, track.Trust]:
    """Return next year's draft from this year's nearest outlook, and how far to trust it.

    Args:
        budget: All budget versions.
        actuals: All booked months.
        books: This year's books.
        demand: Draws of the growth of sales, as `growth_draws`.
        goals: goals; may be empty.
        target: Growth of sales asked for where there are no goals.
        trust_target: Weight of the target.
        inflation: Rise of prices of what the company buys.
    """
    told, trust = track.year_end(
        budget, actuals, books, record=pd.DataFrame(), points=256
    )
    base = float(told.table.loc[told.table["kind"] == "revenue", "forecast"].sum())
    asked = target_growth(goals, base, year=books.year.year + 1, otherwise=target)
    return draft(
        books,
        told,
        demand=demand,
        target=asked,
        trust_target=trust_target,
        inflation=inflation,
    ), trust


def check_return(
    budget: pd.DataFrame,
    made: Draft,
    *,
    version: str,
    record: pd.DataFrame,
    day: dt.date,
) -> Return:
    """Return whether an edited draft still ties, and whether adopted versions stayed.

    Args:
        budget: All budget versions.
        made: The draft that was sent out.
        version: Version under which the edited file was loaded; empty for the draft.
        record: What earlier pages kept of the versions' sums.
        day: Today.
    """
    year = made.cells["month"].iloc[0].year - 1
    table = tree.versions(budget, day=day, year=year)
    cells = returned(budget, made, version=version)
    return Return(
        ties=form.blame(
            tree.ties(cells, wholes(made.cells)), form.changes(made, cells)
        ),
        versions=table,
        changed=tree.locked(record, table),
    )
