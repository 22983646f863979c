"""This module owns the market's course: size with season, shares, changes dated and tested.

Long because dating a change and testing it rest on the same series.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.choosing.prices import Elasticity, elasticity
from opslib.market.survey.design import Estimate

if TYPE_CHECKING:
    import numpy.typing as npt

EDGE, LEAST = 6, 18  # months on each side of a change; months in all
DRAWS, LEANS, ALIKE = 60_000, (-0.95, 0.95), 0.05
DATE_REACH = 7.35  # Hansen (2000): 95 % of the likelihood-ratio of a change's date


@dataclass(frozen=True, kw_only=True)
class Change:
    """The largest lasting step in a series.

    Attributes:
        at: Place of the first month after the step.
        first: Earliest such place that fits as well.
        last: Latest one.
        size: Size of the step, in the unit of the series, with its range.
        luck: Chance of a step as clear somewhere in a series without one.
    """

    at: int
    first: int
    last: int
    size: Estimate
    luck: float


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How the market and our share in it move.

    Attributes:
        shares: month, category, ours (share), size (money), amount (ours).
        changes: One row a category and seller, clearest first: category, seller, day,
            first, last, size, low, high (share), luck, found (luck after control), a_year (money).
        size: month, amount, fitted, low, high: the market with its season; coming months without amount.
        season: month of the year, factor, low, high.
        growth: Yearly growth of the market, season taken out.
        now: Our share of the last three months with its range by month-to-month noise.
        steps: Why our sales moved between the last two years: name and amount, in order.
        price: How the odds of our share follow our and the others' prices, or None.
    """

    shares: pd.DataFrame
    changes: pd.DataFrame
    size: pd.DataFrame
    season: pd.DataFrame
    growth: Estimate
    now: Estimate
    steps: pd.DataFrame
    price: Elasticity | None


def find_change(series: npt.ArrayLike) -> Change:
    """Return the largest step in a series, its date and whether it is more than chance.

    The clearest of all steps at least six months from the ends. Its chance comes from
    series without a step, searched in the same way, so that looking everywhere is paid
    for. How much months lean on the month before is not known, only how much they seem
    to once the step is taken out, which is too little; so the series compared with are
    those of any lean that seem to lean as much as this one, and their mean true lean
    widens the ranges. The date's range holds every month whose fit is nearly as good
    (Hansen 2000).

    Raises:
        ValueError: Fewer than 18 months.

    Example:
        >>> y = np.r_[np.tile([0.30, 0.31], 12), np.tile([0.24, 0.25], 6)]
        >>> found = find_change(y)
        >>> found.at, round(found.size.value, 2), found.luck < 0.01
        (24, -0.06, True)
    """
    from scipy import stats

    y = np.asarray(series, float)
    n = len(y)
    checks.at_least(n, LEAST, "months", "Load earlier months.")
    clear, gain, seems, left = _steps(y[None])
    at = int(np.argmax(gain[0])) + EDGE
    size = y[at:].mean() - y[:at].mean()
    lean, looks, top = _without_step(n)
    alike = np.exp(-0.5 * ((looks - seems[0]) / ALIKE) ** 2)
    luck = float((1 + alike @ (top >= clear[0])) / (1 + alike.sum()))
    rho = max(0.0, float(alike @ lean / max(alike.sum(), 1e-300)))
    var = float(left[0] @ left[0]) / (n - 2)
    swing = (1 + rho) / (1 - rho)
    error = float(np.sqrt(var * (1 / at + 1 / (n - at)) * swing))
    reach = float(stats.t.ppf(0.975, n - 2)) * error
    near = np.flatnonzero(gain[0].max() - gain[0] <= DATE_REACH * var * swing) + EDGE
    return Change(
        at=at,
        first=int(near.min()),
        last=int(near.max()),
        luck=luck,
        size=Estimate(
            value=float(size),
            error=error,
            low=float(size - reach),
            high=float(size + reach),
        ),
    )


def market_trend(
    sales: pd.DataFrame, rivals: pd.DataFrame, *, ours: str, ahead: int = 12
) -> Trend:
    """Work out shares, changes, season and size of a market.

    Args:
        sales: month, category, seller, units, amount; our company among the sellers.
        rivals: day, category, seller, price; may be empty.
        ours: Our name among the sellers.
        ahead: Months foretold.

    Raises:
        ValueError: A column lacks, we are not among the sellers, or fewer than 18 months.
    """
    checks.columns(
        sales, ("month", "category", "seller", "units", "amount"), "market sales"
    )
    checks.one_of(ours, "ours", sales["seller"].unique())
    sales = sales.assign(month=pd.to_datetime(sales["month"]))
    checks.at_least(
        sales["month"].nunique(),
        LEAST,
        "months of market sales",
        "Load earlier months.",
    )
    whole = sales.groupby(["month", "category"])["amount"].sum()
    mine = sales[sales["seller"] == ours].set_index(["month", "category"])["amount"]
    shares = pd.DataFrame({"amount": mine, "size": whole}).fillna(0).reset_index()
    shares["ours"] = shares["amount"] / shares["size"]
    total = shares.groupby("month")[["amount", "size"]].sum()
    size, season, growth = _size(total["size"], ahead)
    return Trend(
        shares=shares,
        changes=_changes(sales, whole),
        size=size,
        season=season,
        growth=growth,
        now=_now(total["amount"] / total["size"]),
        steps=_why(shares),
        price=_price(sales, rivals, ours),
    )


def foretold(kept: pd.DataFrame, told: Trend) -> pd.DataFrame:
    """Return earlier forecasts of our share beside what came.

    Returns:
        run_day, due, low, high, actual, held; only those whose month is known.
    """
    total = told.shares.groupby("month")[["amount", "size"]].sum()
    actual = (total["amount"] / total["size"]).rename("actual")
    if not len(kept):
        return pd.DataFrame(columns=["run_day", "due", "low", "high", "actual", "held"])
    kept = kept.rename(columns=lambda c: c.removeprefix("q"))
    ends = [c for c in kept.columns if c.replace(".", "").isdigit()]
    out = kept.assign(
        month=pd.to_datetime(kept["due"]).dt.to_period("M").dt.to_timestamp(),
        low=kept[min(ends)],
        high=kept[max(ends)],
    )
    out = out.merge(actual, left_on="month", right_index=True)
    return out.assign(held=out["actual"].between(out["low"], out["high"]))[
        ["run_day", "due", "low", "high", "actual", "held"]
    ]


def moves(rivals: pd.DataFrame, sales: pd.DataFrame, *, ours: str) -> pd.DataFrame:
    """Return what each seller asks and holds now beside a year ago.

    Returns:
        One row a category and seller: category, seller, price, price_before (means of
        thirteen weeks, missing where unknown), share, share_before (means of three months).
    """
    sales = sales.assign(month=pd.to_datetime(sales["month"]))
    last = sales["month"].max()
    ends = {"share": last, "share_before": last - pd.DateOffset(years=1)}
    parts = []
    for name, end in ends.items():
        some = sales[
            (sales["month"] <= end) & (sales["month"] > end - pd.DateOffset(months=3))
        ]
        amount = some.groupby(["category", "seller"])["amount"].sum()
        parts.append(
            (amount / amount.groupby("category").transform("sum")).rename(name)
        )
    if len(rivals):
        day = pd.to_datetime(rivals["day"])
        for name, end in (
            ("price", day.max()),
            ("price_before", day.max() - pd.Timedelta(days=364)),
        ):
            some = rivals[(day <= end) & (day > end - pd.Timedelta(days=91))]
            parts.append(
                some.groupby(["category", "seller"])["price"].mean().rename(name)
            )
    out = (
        pd.concat(parts, axis=1)
        .reindex(columns=["price", "price_before", "share", "share_before"])
        .reset_index()
    )
    return (
        out.assign(own=out["seller"] == ours)
        .sort_values(
            ["category", "own", "share"],
            ascending=[True, False, False],
            ignore_index=True,
        )
        .drop(columns="own")
    )


@functools.cache
def _without_step(n: int) -> tuple[npt.NDArray[np.float64], ...]:
    """Return, for series without a step, true lean, apparent lean and clearest step."""
    rng = np.random.default_rng(1)
    lean = rng.uniform(*LEANS, DRAWS)
    noise = rng.normal(size=(DRAWS, n))
    noise[:, 0] /= np.sqrt(1 - lean**2)
    for t in range(1, n):
        noise[:, t] += lean * noise[:, t - 1]
    clear, _, seems, _ = _steps(noise)
    return lean, seems, clear


def _steps(y: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
    """Return each series' clearest step (F), squares saved by place, lean and rest."""
    n = y.shape[1]
    k = np.arange(EDGE, n - EDGE + 1)
    apart = y - y.mean(axis=1, keepdims=True)
    gain = np.cumsum(apart, axis=1)[:, k - 1] ** 2 * n / (k * (n - k))
    after = np.arange(n) >= k[gain.argmax(axis=1)][:, None]
    high = (apart * after).sum(axis=1) / after.sum(axis=1)
    low = (apart * ~after).sum(axis=1) / (~after).sum(axis=1)
    left = apart - np.where(after, high[:, None], low[:, None])
    rest = (left**2).sum(axis=1).clip(1e-300)
    seems = (left[:, 1:] * left[:, :-1]).sum(axis=1) / rest
    return gain.max(axis=1) / (rest / (n - 2)), gain, seems, left


def _changes(sales: pd.DataFrame, whole: pd.Series) -> pd.DataFrame:
    from scipy import stats

    wide = sales.pivot_table(
        index="month", columns=["category", "seller"], values="amount", aggfunc="sum"
    ).fillna(0)
    rows = []
    for category, seller in wide.columns:
        size = whole.xs(category, level="category").reindex(wide.index)
        c = find_change((wide[category, seller] / size).to_numpy())
        month = [
            wide.index[min(k, len(wide) - 1)].date() for k in (c.at, c.first, c.last)
        ]
        rows.append(
            (
                category,
                seller,
                *month,
                c.size.value,
                c.size.low,
                c.size.high,
                c.luck,
                c.size.value * float(size.iloc[-12:].sum()),
            )
        )
    table = pd.DataFrame(
        rows,
        columns=[
            "category",
            "seller",
            "day",
            "first",
            "last",
            "size",
            "low",
            "high",
            "luck",
            "a_year",
        ],
    )
    table["found"] = stats.false_discovery_control(table["luck"])
    return (
        table.assign(rank=table["a_year"].abs())
        .sort_values(["found", "rank"], ascending=[True, False], ignore_index=True)
        .drop(columns="rank")
    )


def _size(size: pd.Series, ahead: int) -> tuple[pd.DataFrame, pd.DataFrame, Estimate]:
    """Fit trend and month of the year to the logarithm of the market's size."""
    from scipy import stats

    n = len(size)
    months = pd.date_range(size.index[0], periods=n + ahead, freq="MS")
    t = np.arange(n + ahead)
    hot = (months.month.to_numpy()[:, None] == np.arange(1, 13)).astype(float)
    x = np.column_stack([t / 12, hot])[:, np.r_[True, hot[:n].any(axis=0)]]
    y = np.log(size.to_numpy(float))
    bread = np.linalg.pinv(x[:n].T @ x[:n])
    beta = bread @ x[:n].T @ y
    left = y - x[:n] @ beta
    free = max(1, n - np.linalg.matrix_rank(x[:n]))
    rho = float(np.clip(left[1:] @ left[:-1] / max(left @ left, 1e-300), 0, 0.9))
    var = float(left @ left) / free
    swing = (1 + rho) / (1 - rho)
    reach = stats.t.ppf(0.975, free) * np.sqrt(
        var * (1 + swing * np.einsum("ij,jk,ik->i", x, bread, x))
    )
    fitted = x @ beta
    frame = pd.DataFrame(
        {
            "month": months,
            "amount": np.r_[size.to_numpy(float), np.full(ahead, np.nan)],
            "fitted": np.exp(fitted),
            "low": np.exp(fitted - reach),
            "high": np.exp(fitted + reach),
        }
    )
    level = beta[1:] - beta[1:].mean()
    wide = stats.t.ppf(0.975, free) * np.sqrt(var * swing * np.diag(bread)[1:])
    seen = np.flatnonzero(hot[:n].any(axis=0)) + 1
    season = pd.DataFrame(
        {
            "month": seen,
            "factor": np.exp(level),
            "low": np.exp(level - wide),
            "high": np.exp(level + wide),
        }
    )
    error = float(np.sqrt(var * swing * bread[0, 0]))
    edge = float(stats.t.ppf(0.975, free)) * error
    growth = Estimate(
        value=float(np.expm1(beta[0])),
        error=error,
        low=float(np.expm1(beta[0] - edge)),
        high=float(np.expm1(beta[0] + edge)),
    )
    return frame, season, growth


def _now(share: pd.Series) -> Estimate:
    """Return the last quarter's share; its noise is that of the months about their means."""
    y = share.to_numpy(float)
    quarters = y[len(y) % 3 :].reshape(-1, 3)
    noise = float(np.sqrt(quarters.var(axis=1, ddof=1).mean() / 3))
    value = float(y[-3:].mean())
    return Estimate(
        value=value, error=noise, low=value - 1.96 * noise, high=value + 1.96 * noise
    )


def _why(shares: pd.DataFrame) -> pd.DataFrame:
    """Split the change of our sales between two years into market and share, exactly."""
    last = shares["month"].max()
    year = np.select(
        [
            shares["month"] > last - pd.DateOffset(months=12),
            shares["month"] > last - pd.DateOffset(months=24),
        ],
        [1, 0],
        -1,
    )
    by = (
        shares.assign(year=year)
        .query("year >= 0")
        .pivot_table(
            index="category", columns="year", values=["amount", "size"], aggfunc="sum"
        )
        .dropna()
    )
    own = by["amount"] / by["size"]
    market = (by["size"][1] - by["size"][0]) * (own[0] + own[1]) / 2
    share = (own[1] - own[0]) * (by["size"][0] + by["size"][1]) / 2
    rows = [
        ("@before", float(by["amount"][0].sum())),
        ("@market", float(market.sum())),
        *((c, float(v)) for c, v in share.items()),
        ("@after", float(by["amount"][1].sum())),
    ]
    return pd.DataFrame(rows, columns=["name", "amount"])


def _price(sales: pd.DataFrame, rivals: pd.DataFrame, ours: str) -> Elasticity | None:
    if not len(rivals) or sales["category"].nunique() < 5:
        return None
    units = sales.pivot_table(
        index=["month", "category"], columns="seller", values="units", aggfunc="sum"
    )
    mine = sales[sales["seller"] == ours].set_index(["month", "category"])
    frame = pd.DataFrame(
        {
            "units": units[ours] / (units.sum(axis=1) - units[ours]),
            "price": mine["amount"] / mine["units"],
        }
    ).reset_index()
    month = (
        pd.to_datetime(rivals["day"])
        .dt.to_period("M")
        .dt.to_timestamp()
        .rename("month")
    )
    theirs = (
        rivals.groupby([month, "category"])["price"]
        .mean()
        .rename("rival_price")
        .reset_index()
    )
    frame = frame.merge(theirs, on=["month", "category"]).rename(
        columns={"category": "item", "month": "week"}
    )
    return elasticity(frame) if len(frame) >= 100 else None


def month_end(month: dt.date) -> dt.date:
    """Return the last day of a month.

    Example:
        >>> month_end(dt.date(2026, 2, 1))
        datetime.date(2026, 2, 28)
    """
    return (pd.Timestamp(month) + pd.offsets.MonthEnd(0)).date()
