"""This module owns cash: could we run short at any month end, when, what then.

It is long because every source of cash is read here, beside the exact walk that proves it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special, stats
from scipy.stats import qmc

from opslib import checks

if TYPE_CHECKING:
    from opslib.budget.risk import simulate

WEEKS, MONTHS = 13, 12
_RARE = 0.03  # share of days among which an owner's drawing may be
_SAME = 0.05  # balances within this share of each other are the same
_PERSIST = 0.5  # tie of one stretch of four weeks to the next
_KNOWN = 0.5  # part of that season that counts as known where ranges are set
_SEASON = 0.75  # how far expected receipts follow last year's weeks


@dataclass(frozen=True, kw_only=True)
class Cash:
    """Cash draws over weeks and month ends.

    Attributes:
        weeks: Balance at the end of each of 13 weeks, draws x weeks, money.
        months: Balance at each of 12 month ends, draws x months, money.
        week_ends: Days of the weeks' ends.
        month_ends: Days of the months' ends.
        floor: Cash below which nothing may fall: zero or the lenders' demand.
        known: One row a source (receipts, suppliers, payroll, ...): expected money in
            13 weeks and 12 months.
        replicates: Independent scramblings among the draws.
        lenders: Loan to the cash its lender demands.
        receipts: Expected money received by each month end, summed up.
        payments: Expected money paid to suppliers by each month end, summed up.
        follows: Share of later payments that are suppliers' bills and follow sales.
        taken: What owners take by each week's end if they do as in the past year, draws
            x weeks, money; in no balance.
        drawn: The same by each month end.
        drawings: What owners took in the past year, money by day.
        parts: Room's word to its factor of sales in each draw.
    """

    weeks: np.ndarray
    months: np.ndarray
    week_ends: list[dt.date]
    month_ends: list[dt.date]
    floor: float
    known: pd.DataFrame
    replicates: int
    lenders: dict[str, float]
    receipts: np.ndarray = field(default_factory=lambda: np.zeros(1))
    payments: np.ndarray = field(default_factory=lambda: np.zeros(1))
    follows: float = 0.0
    taken: np.ndarray = field(default_factory=lambda: np.zeros((1, 1)))
    drawn: np.ndarray = field(default_factory=lambda: np.zeros((1, 1)))
    drawings: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))
    parts: dict[str, np.ndarray] = field(default_factory=dict)


def chance_below_walk(start: float, drift: float, steps: int) -> float:
    """Return the exact chance that a normal walk is below zero at any of its steps.

    The density of the walks that have stayed above is carried forward by quadrature.

    Args:
        start: Where it starts, in standard deviations of a step.
        drift: Mean of a step, in standard deviations.
        steps: How many steps are watched.

    Example:
        >>> round(chance_below_walk(5.0, -0.1, 12), 4)
        0.1856
    """
    checks.between(start, "start", low=0)
    reach = start + abs(drift) * steps + 9 * np.sqrt(steps)
    raw, weight = np.polynomial.legendre.leggauss(400)
    nodes, weight = reach * (raw + 1) / 2, weight * reach / 2
    density = stats.norm.pdf(nodes - start - drift)
    move = stats.norm.pdf(nodes[:, None] - nodes[None, :] - drift) * weight
    for _ in range(steps - 1):
        density = move @ density
    return float(1 - weight @ density)


def draw_walk(
    start: float, drift: float, sd: float, steps: int, *, seed: int = 1
) -> np.ndarray:
    """Return draws of a balance that drifts and wanders, largest directions first.

    Args:
        start: Balance today, money.
        drift: Mean change of a month, money.
        sd: Standard deviation of a month's change, money.
        steps: Months.
        seed: The same seed gives the same draws.

    Returns:
        65,536 draws x months, money.

    Example:
        >>> paths = draw_walk(100, -2, 20, 12)
        >>> bool(abs((paths.min(axis=1) < 0).mean() - 0.1856) < 0.003)
        True
    """
    changes = drift + sd * _normals(steps, 16, 4096, seed)
    return start + np.cumsum(changes, axis=1)


def foresee(
    tables: dict[str, pd.DataFrame],
    *,
    day: dt.date,
    points: int = 1024,
    replicates: int = 8,
    seed: int = 1,
    revenue: simulate.Shared | None = None,
) -> Cash:
    """Return cash draws from what is due and from how business usually flows.

    Open invoices come at their due day plus a delay drawn from paid ones; payroll, tax,
    rent and loans at their days; invoices in foreign money at rates that wander as they
    did; what is not yet invoiced flows as the past year's weeks did, drawn in blocks of
    four weeks so that good and bad stretches stay together.

    Args:
        tables: cash_days, and where delivered receivables, payables, dated_payments,
            loans, exchange_rates; empty frames are fine.
        day: Today.
        points: Draws in a replicate, a power of two.
        replicates: Independent scramblings.
        seed: The same seed gives the same draws.
        revenue: Draws of sales handed in by the demand and promotion rooms, suppliers'
            bills following; their variance is taken out of the past year's, not added
            to it. By default receipts vary as in the past year alone.

    Returns:
        The draws, 13 weeks and 12 months ahead.

    Raises:
        ValueError: Fewer than 26 weeks of cash days.
    """
    days = _cash_days(tables["cash_days"], day)
    ahead = pd.date_range(
        pd.Timestamp(day) + pd.Timedelta(days=1), periods=371, freq="D"
    )
    count = points * replicates
    normals = _normals(18, replicates, points, seed)
    for at in range(3, 16):  # good and bad stretches follow each other
        normals[:, at] *= np.sqrt(1 - _PERSIST**2)
        normals[:, at] += _PERSIST * normals[:, at - 1]
    normals = special.ndtr(normals)
    usual = _usual(days, tables)
    year_in, year_out = (
        float(f.tail(364).sum()) for f in (usual.receipts, usual.bills + usual.rest)
    )
    owed, told_in = _invoices(tables.get("receivables"), ahead, day, year_in)
    owing, told_out = _invoices(tables.get("payables"), ahead, day, year_out)
    dated = _dated(tables.get("dated_payments"), ahead) + _loans(
        tables.get("loans"), ahead
    )
    rate = _rates(
        tables.get("exchange_rates"), tables.get("payables"), normals[:, 0], day
    )
    delay = _delays(tables.get("receivables"), normals[:, 1])
    flow = np.repeat((-dated)[None, :], count, axis=0)
    flow += _late(owed, delay)
    flow -= owing[None, :] * rate[:, None]
    come, off_in = _season(usual.receipts, ahead, days["day"].iloc[0])
    go, off_out = _season(usual.bills, ahead, days["day"].iloc[0])
    rest = usual.rest.tail(364)
    if revenue is not None:
        off_in = off_in * _own_share(off_in / max(1e-9, come.mean()), revenue.factors)
    blocks = _blocks(
        off_in - (rest - rest.mean()).to_numpy(), normals[:, 2:], len(ahead)
    )
    blocks -= _blocks(off_out, normals[:, 2:], len(ahead)) * (told_out == 0)
    fresh_in = (come * (1 - told_in))[None, :]
    fresh_out = (go * (told_out == 0) + rest.mean())[None, :] * np.ones((count, 1))
    parts: dict[str, np.ndarray] = {}
    if revenue is not None:
        chosen = _chosen(revenue.factors, normals[:, 16])
        sold = _weekly_factors(revenue.factors[chosen], len(ahead))
        parts = {name: part[chosen] for name, part in revenue.parts.items()}
        fresh_in = fresh_in * sold
        fresh_out *= 1 + told_out[0] * (sold.mean(axis=1, keepdims=True) - 1)
    flow += fresh_in - fresh_out + blocks
    balance = float(days["closing"].iloc[-1]) + np.cumsum(flow, axis=1)
    taken = _drawn(balance, ahead, usual.taken, seed)
    lenders = _lenders(tables.get("loans"), day)
    week_at = 7 * np.arange(1, WEEKS + 1) - 1
    month_at = np.flatnonzero(ahead.is_month_end)[:MONTHS]
    return Cash(
        weeks=balance[:, week_at],
        months=balance[:, month_at],
        week_ends=[ahead[i].date() for i in week_at],
        month_ends=[ahead[i].date() for i in month_at],
        floor=max([0.0, *lenders.values()]),
        known=_sources(
            owed,
            owing,
            dated,
            fresh_in.mean(axis=0),
            fresh_out.mean(axis=0),
            month_at[-1],
        ),
        replicates=replicates,
        lenders=lenders,
        receipts=np.cumsum(owed + fresh_in.mean(axis=0))[month_at],
        payments=np.cumsum(owing + fresh_out.mean(axis=0))[month_at],
        follows=float(told_out[0]),
        taken=taken[:, week_at],
        drawn=taken[:, month_at],
        drawings=usual.taken["amount"],
        parts=parts,
    )


def shortage(cash: Cash, *, headroom: float = 0.0) -> pd.DataFrame:
    """Return the chance of being short by each month end, and at any of them.

    Args:
        cash: The draws.
        headroom: Extra cash or credit at hand, money.

    Returns:
        One row a month end: day, alone (chance of being below the floor then), by_then
        (chance at this or any earlier month end) with its error (at least three in all
        draws: what was never drawn may still come), low, middle and high balance (10,
        50, 90 %).

    Example:
        >>> none = Cash(weeks=np.ones((4, 1)), months=np.array([[1.0], [-1], [2], [3]]),
        ...     week_ends=[], month_ends=[dt.date(2026, 1, 31)], floor=0.0,
        ...     known=pd.DataFrame(), replicates=2, lenders={})
        >>> shortage(none)["by_then"].tolist()
        [0.25]
    """
    short = cash.months + headroom < cash.floor
    ever = np.logical_or.accumulate(short, axis=1)
    parts = ever.reshape(cash.replicates, -1, ever.shape[1]).mean(axis=1)
    error = parts.std(axis=0, ddof=1) / np.sqrt(cash.replicates)
    low, middle, high = np.quantile(cash.months, [0.1, 0.5, 0.9], axis=0)
    return pd.DataFrame(
        {
            "day": cash.month_ends,
            "alone": short.mean(axis=0),
            "by_then": ever.mean(axis=0),
            "error": np.maximum(
                error * stats.t.ppf(0.975, cash.replicates - 1), 3 / len(short)
            ),
            "low": low,
            "middle": middle,
            "high": high,
        }
    )


def headroom(
    cash: Cash, chances: tuple[float, ...] = (0.2, 0.1, 0.05, 0.01)
) -> pd.DataFrame:
    """Return how much extra cash or credit buys which chance of never being short.

    Args:
        cash: The draws.
        chances: Bearable chances of being short at any month end.

    Returns:
        One row a chance: chance, needed (money above today's plan, never negative).

    Example:
        >>> flat = Cash(weeks=np.ones((4, 1)), months=np.array([[1.0], [-1], [2], [3]]),
        ...     week_ends=[], month_ends=[dt.date(2026, 1, 31)], floor=0.0,
        ...     known=pd.DataFrame(), replicates=2, lenders={})
        >>> headroom(flat, (0.5, 0.01))["needed"].round(2).tolist()
        [0.0, 0.94]
    """
    lowest = cash.months.min(axis=1) - cash.floor
    needed = [max(0.0, -float(np.quantile(lowest, c))) for c in chances]
    return pd.DataFrame({"chance": chances, "needed": needed})


def origins(cash: Cash) -> pd.DataFrame:
    """Return which share of the balance's variance follows which room's draws.

    Args:
        cash: The draws, made with factors handed in.

    Returns:
        One row a room and one for everything else (`own`): origin, quarter (in 13
        weeks) and year (at the last month end), squared correlations.

    Example:
        >>> up = np.array([[1.0], [2], [3], [4]])
        >>> one = Cash(weeks=up, months=up, week_ends=[], month_ends=[], floor=0.0,
        ...     known=pd.DataFrame(), replicates=2, lenders={}, parts={"demand": up[:, 0]})
        >>> origins(one)["year"].round(3).tolist()
        [1.0, 0.0]
    """
    rows = []
    for name, part in cash.parts.items():
        pairs = (cash.weeks[:, -1], cash.months[:, -1])
        still = part.std() < 1e-12
        shares = (0.0 if still else np.corrcoef(part, b)[0, 1] ** 2 for b in pairs)
        rows.append((name, *map(float, shares)))
    frame = pd.DataFrame(rows, columns=["origin", "quarter", "year"])
    frame.loc[len(frame)] = ["own", *(1 - frame[["quarter", "year"]].sum())]
    return frame


@dataclass(frozen=True, kw_only=True)
class Trust:
    """How right this page would have been, and was.

    Attributes:
        past: What would have been told at earlier dates, as `past`.
        kept: What earlier pages foretold, with what came, as `kept`.
    """

    past: pd.DataFrame
    kept: pd.DataFrame


def trust(
    tables: dict[str, pd.DataFrame], record: pd.DataFrame, *, day: dt.date
) -> Trust:
    """Return how right balances would have been, and those of earlier pages were.

    Args:
        tables: As `foresee`.
        record: Earlier predictions of the balance, of any number of weeks ahead.
        day: Today.
    """
    return Trust(
        past=past(tables, day=day), kept=kept(record, tables["cash_days"], day=day)
    )


def kept(record: pd.DataFrame, days: pd.DataFrame, *, day: dt.date) -> pd.DataFrame:
    """Return the balances that earlier pages foretold, with what came.

    Args:
        record: run_day, due and quantiles q0.1, q0.5, q0.9.
        days: cash_days.
        day: Today; what is due later is left out.

    Returns:
        One row for each due day now known, by the latest page before it: run_day, due,
        low, middle, high, fact, held.
    """
    names = ["run_day", "due", "low", "middle", "high", "fact", "held"]
    if record.empty:
        return pd.DataFrame(columns=names)
    balance = days.assign(day=pd.to_datetime(days["day"])).sort_values("day")
    balance = balance.set_index("day")["closing"].astype(float)
    told = record.assign(due=pd.to_datetime(record["due"]))
    told = told[told["due"] <= min(pd.Timestamp(day), balance.index[-1])]
    told = told.sort_values("run_day").drop_duplicates("due", keep="last")
    told = told.assign(
        low=told["q0.1"],
        middle=told["q0.5"],
        high=told["q0.9"],
        fact=balance.asof(pd.DatetimeIndex(told["due"])).to_numpy(),
    )
    held = told["fact"].between(told["low"], told["high"])
    return told.assign(held=held)[names].reset_index(drop=True)


def past(
    tables: dict[str, pd.DataFrame], *, day: dt.date, dates: int = 8
) -> pd.DataFrame:
    """Return what would have been foretold of cash at earlier dates, and what came.

    Each date is 4 weeks before the next, the newest 13 weeks before today, and sees only
    what was known on it; its reading 13 weeks on overlaps with its neighbours'.

    Args:
        tables: As `foresee`.
        day: Today.
        dates: Most earlier dates.

    Returns:
        One row a date and week (4, 8, 13): origin, week, low, middle, high (80 %), fact,
        held, naive (the balance of the origin, money).
    """
    balance = (
        _cash_days(tables["cash_days"], day).set_index("day")["closing"].astype(float)
    )
    rows = []
    for back in range(dates, 0, -1):
        origin = pd.Timestamp(day) - pd.Timedelta(days=7 * WEEKS + 28 * (back - 1))
        known = {name: _known(frame, origin) for name, frame in tables.items()}
        if len(known["cash_days"]) < 26 * 7:
            continue
        told = foresee(known, day=origin.date(), points=64)
        for week in (4, 8, 13):
            drawn = told.weeks[:, week - 1] - told.taken[:, week - 1]
            low, middle, high = np.quantile(drawn, [0.1, 0.5, 0.9])
            fact = balance.asof(origin + pd.Timedelta(days=7 * week))
            rows.append(
                (
                    origin,
                    week,
                    low,
                    middle,
                    high,
                    fact,
                    low <= fact <= high,
                    balance.asof(origin),
                )
            )
    return pd.DataFrame(
        rows,
        columns=["origin", "week", "low", "middle", "high", "fact", "held", "naive"],
    )


def _known(frame: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Return the rows of a table as they were known on a day."""
    for name in ("day", "issued"):
        if name in frame:
            frame = frame[pd.to_datetime(frame[name]) <= day]
    if "paid" in frame:
        paid = pd.to_datetime(frame["paid"])
        frame = frame.assign(paid=paid.where(paid <= day))
    return frame


def _normals(size: int, replicates: int, points: int, seed: int) -> np.ndarray:
    """Return normals of a walk's steps whose first Sobol' directions are its slowest."""
    walk = np.tril(np.ones((size, size)))
    values, vectors = np.linalg.eigh(walk @ walk.T)
    turned = np.linalg.solve(walk, (vectors * np.sqrt(values))[:, ::-1])
    drawn = []
    for at in range(replicates):
        sobol = qmc.Sobol(size, rng=np.random.default_rng([seed, at]))
        uniform = np.clip(
            sobol.random_base2(int(np.log2(points))), 2.0**-33, 1 - 2.0**-33
        )
        drawn.append(special.ndtri(uniform) @ turned.T)
    return np.concatenate(drawn)


def _cash_days(frame: pd.DataFrame, day: dt.date) -> pd.DataFrame:
    frame = frame.assign(day=pd.to_datetime(frame["day"])).sort_values("day")
    frame = frame[frame["day"] <= pd.Timestamp(day)]
    checks.at_least(len(frame) // 7, 26, "weeks of cash days", "Load earlier days.")
    return frame


def _invoices(
    frame: pd.DataFrame | None, ahead: pd.DatetimeIndex, day: dt.date, flow: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return open invoices by due day, and the share of a day's flow already told."""
    empty = np.zeros(len(ahead))
    if frame is None or frame.empty:
        return empty, empty
    due, paid = pd.to_datetime(frame["due"]), pd.to_datetime(frame["paid"])
    issued = pd.to_datetime(frame["issued"])
    now = pd.Timestamp(day)
    open_now = (issued <= now) & (paid.isna() | (paid > now))
    when = due[open_now].clip(lower=ahead[0])
    owed = frame.loc[open_now, "amount"].astype(float).groupby(when).sum()
    by_day = owed.reindex(ahead, fill_value=0.0).to_numpy()
    term = float((due - issued).dt.days.median())
    settled = paid.between(now - pd.Timedelta(days=363), now)
    share = min(1.0, float(frame.loc[settled, "amount"].sum()) / max(1e-9, flow))
    return by_day, np.where(np.arange(len(ahead)) < term, share, 0.0)


@dataclass(frozen=True, kw_only=True)
class _Usual:
    """Past money by day: receipts, bills paid, the rest, and what owners took."""

    receipts: pd.Series
    bills: pd.Series
    rest: pd.Series
    taken: pd.DataFrame


def _usual(days: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> _Usual:
    """Return past daily flows without what is dated; owners' drawings of a year apart.

    A drawing is an outflow beyond bills and dated payments of more than one and a half
    times what all but the largest three days in a hundred see.
    """
    when = pd.DatetimeIndex(days["day"])
    outflow = pd.Series(days["outflow"].to_numpy(float), index=when)
    dated = _dated(tables.get("dated_payments"), when)
    dated += _loans(tables.get("loans"), when)
    paid = outflow.clip(upper=_paid(tables.get("payables"), when))
    rest = (outflow - dated - paid).clip(lower=0)
    drawn = rest > 1.5 * rest.quantile(1 - _RARE)
    return _Usual(
        receipts=pd.Series(days["inflow"].to_numpy(float), index=when),
        bills=paid,
        rest=rest.mask(drawn, 0.0),
        taken=pd.DataFrame({"amount": rest, "left": days["closing"].to_numpy(float)})[
            drawn & (when > when[-1] - pd.Timedelta(days=364))
        ],
    )


def _paid(bills: pd.DataFrame | None, when: pd.DatetimeIndex) -> np.ndarray:
    if bills is None or bills.empty:
        return np.zeros(len(when))
    day = pd.to_datetime(bills["paid"])
    by_day = bills["amount"].astype(float).groupby(day).sum()
    return by_day.reindex(when, fill_value=0.0).to_numpy()


def _season(
    flow: pd.Series, ahead: pd.DatetimeIndex, start: pd.Timestamp
) -> tuple[np.ndarray, np.ndarray]:
    """Return an expected flow a day, and how far the past year's days lay off it.

    Expected is the past year's mean, moved part of the way to the same weeks of the
    year before (a mean over four weeks); where they are unknown it is the mean.

    Args:
        flow: Past money by day.
        ahead: The coming days.
        start: First day from which the flow is known.
    """
    mean, recent = float(flow.tail(364).mean()), flow.tail(364)
    smooth = flow.rolling(28, center=True, min_periods=14).mean()

    def expected(days: pd.DatetimeIndex) -> np.ndarray:
        same = days - pd.Timedelta(days=364)
        told = smooth.reindex(same).to_numpy() - mean
        return mean + _SEASON * np.where(same < start, 0.0, np.nan_to_num(told))

    known = mean + _KNOWN * (expected(recent.index) - mean)
    return expected(ahead), recent.to_numpy() - known


def _drawn(
    balance: np.ndarray, ahead: pd.DatetimeIndex, taken: pd.DataFrame, seed: int
) -> np.ndarray:
    """Return draws x days of what owners have taken by then, if they do as last year.

    They take on last year's dates: down to the balance they always left, where they
    left nearly the same each time, else one of last year's amounts.

    Args:
        balance: Draws x days without what owners take, money.
        ahead: The coming days.
        taken: amount and left (the balance after it) by day, of the past year.
        seed: Seed of the amounts.
    """
    when = ahead.get_indexer(taken.index + pd.DateOffset(years=1))
    path, draw = np.zeros_like(balance), np.random.default_rng([seed, 7])
    left = taken["left"].to_numpy()
    same = len(left) > 1 and left.std() < _SAME * abs(left.mean())
    for at in np.sort(when[when >= 0]):
        now = balance[:, at] - path[:, at]
        amount = (
            np.maximum(0, now - left.mean())
            if same
            else draw.choice(taken["amount"].to_numpy(), len(now))
        )
        path[:, at:] += amount[:, None]
    return path


def _dated(frame: pd.DataFrame | None, ahead: pd.DatetimeIndex) -> np.ndarray:
    if frame is None or frame.empty:
        return np.zeros(len(ahead))
    due = frame["amount"].astype(float).groupby(pd.to_datetime(frame["due"])).sum()
    known = due.reindex(ahead, fill_value=0.0).to_numpy()
    last = due.index.max()
    missing = np.asarray(ahead > last)
    return np.where(
        missing, due[due.index > last - pd.Timedelta(days=364)].sum() / 364, known
    )


def _loans(frame: pd.DataFrame | None, ahead: pd.DatetimeIndex) -> np.ndarray:
    paid = np.zeros(len(ahead))
    if frame is None or frame.empty:
        return paid
    for loan in frame.itertuples():
        running = np.asarray(ahead <= pd.Timestamp(loan.ends))
        paid += (
            np.asarray(ahead.is_month_end) * running * float(loan.monthly_payment or 0)
        )
    return paid


def _lenders(frame: pd.DataFrame | None, day: dt.date) -> dict[str, float]:
    if frame is None or frame.empty:
        return {}
    rows = frame[pd.to_datetime(frame["ends"]) > pd.Timestamp(day)]
    floors = rows["minimum_cash"].fillna(0.0).astype(float)
    return dict(zip(rows["loan"].astype(str), floors, strict=True))


def _delays(frame: pd.DataFrame | None, chance: np.ndarray) -> np.ndarray:
    """Return days after the due day at which customers pay, one a draw."""
    if frame is None or frame.empty or frame["paid"].notna().sum() < 6:
        return np.zeros(len(chance), dtype=int)
    paid = frame[frame["paid"].notna()]
    days = (pd.to_datetime(paid["paid"]) - pd.to_datetime(paid["due"])).dt.days
    recent = days.tail(400).clip(lower=0).to_numpy(float)
    mean, error = recent.mean(), recent.std() / np.sqrt(max(1, len(recent) / 20))
    return np.round(np.maximum(0, mean + error * special.ndtri(chance))).astype(int)


def _late(owed: np.ndarray, delay: np.ndarray) -> np.ndarray:
    longest = int(delay.max())
    moved = np.array(
        [
            np.concatenate([np.zeros(k), owed[: len(owed) - k]])
            for k in range(longest + 1)
        ]
    )
    return moved[delay]


def _rates(
    rates: pd.DataFrame | None,
    bills: pd.DataFrame | None,
    chance: np.ndarray,
    day: dt.date,
) -> np.ndarray:
    """Return the factor of what we owe: foreign bills move with their currency."""
    if rates is None or rates.empty or bills is None or bills.empty:
        return np.ones(len(chance))
    share = bills.groupby("currency")["amount"].sum() / bills["amount"].sum()
    spread = 0.0
    for code, part in share.items():
        mine = (
            rates[(rates["currency"] == code)].sort_values("day")["rate"].astype(float)
        )
        if len(mine) > 60:
            spread += float(part) * float(np.log(mine).diff().std()) * np.sqrt(30)
    return np.exp(spread * special.ndtri(chance) - spread**2 / 2)


def _blocks(flow: np.ndarray, uniform: np.ndarray, days: int) -> np.ndarray:
    """Return draws x days: how far coming days lie off the usual, four weeks at a time.

    Whole stretches of the past year are drawn with their days, so that a week's lumps
    stay lumps.
    """
    blocks = (flow - flow.mean())[: len(flow) // 28 * 28].reshape(-1, 28)
    blocks = blocks[np.argsort(blocks.mean(axis=1), kind="stable")]
    blocks = blocks * np.sqrt(len(blocks) / max(1, len(blocks) - 1))
    at = (uniform[:, : days // 28 + 1] * len(blocks)).astype(int)
    drawn = blocks[np.minimum(at, len(blocks) - 1)]
    return drawn.reshape(len(uniform), -1)[:, :days]


def _own_share(off: np.ndarray, factors: np.ndarray) -> float:
    """Return the part of receipts' own swings that handed-in draws do not carry.

    Variances are compared over four weeks, as shares of receipts; at least a fifth of
    the swings is kept.
    """
    own = float(off[: len(off) // 28 * 28].reshape(-1, 28).mean(axis=1).std())
    carried = float(factors[:, :4].mean(axis=1).std())
    return float(np.sqrt(max(0.04, 1 - (carried / max(1e-9, own)) ** 2)))


def _chosen(factors: np.ndarray, chance: np.ndarray) -> np.ndarray:
    order = np.argsort(factors.sum(axis=1), kind="stable")
    return order[np.minimum((chance * len(order)).astype(int), len(order) - 1)]


def _weekly_factors(rows: np.ndarray, days: int) -> np.ndarray:
    factors = np.repeat(rows, 7, axis=1)[:, :days]
    rest = np.repeat(
        factors.mean(axis=1, keepdims=True), days - factors.shape[1], axis=1
    )
    return np.concatenate([factors, rest], axis=1)


def _sources(*flows: np.ndarray | int) -> pd.DataFrame:
    owed, owing, dated, fresh_in, fresh_out, last = flows
    named = {
        "invoices due from customers": owed,
        "later receipts": fresh_in,
        "invoices due to suppliers": -owing,
        "dated payments and loans": -dated,
        "later payments": -fresh_out,
    }
    rows = [
        (n, float(f[: 7 * WEEKS].sum()), float(f[: last + 1].sum()))
        for n, f in named.items()
    ]
    return pd.DataFrame(rows, columns=["source", "weeks", "months"])
