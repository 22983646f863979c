"""This module owns what customers will buy and be worth, and whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib import checks, periods
from opslib.customers.history import histories, later
from opslib.customers.value import buying, spending
from opslib.customers.value.season import (
    MOST_CUSTOMERS,
    Season,
    learn_season,
    unseen_share,
    weeks_ahead,
)

COVARIATES = ("log_amount", "known_before")
MOST_REGULAR = 3
MOST_PARETO = 1500
NAIVE = ("zero", "repeat_last", "recency_only")
LEAST_WEEKS = 26


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """What each customer is expected to buy and be worth.

    Attributes:
        rows: customer, active (chance), purchases, value (money) with value_low and
            value_high, days_since, frequency, total.
        total: Expected value of all, in money.
        total_low: Lower end of the total, from the misses of earlier cuts.
        total_high: Upper end.
        days_ahead: Days that the value covers.
        model: The purchase model used.
        season: The season used, or None where a year was not yet seen.
        coverage: Share of such customer intervals that hold the truth, by intent.
    """

    rows: pd.DataFrame
    total: float
    total_low: float
    total_high: float
    days_ahead: int
    model: buying.Buying
    season: Season | None
    coverage: float


@dataclass(frozen=True, kw_only=True)
class Audit:
    """How the model would have done at earlier cuts, beside the naive ways.

    Attributes:
        cuts: cut, method, actual, predicted (purchases), bias (share), error (mean
            absolute, purchases), ranking (chance that a customer who bought again was
            ranked above one who did not), unseen (share of days whose season was new).
        bins: cut, bin (1 lowest), customers, predicted and actual (mean purchases).
        days_ahead: Days that each cut looked ahead.
        wins: Whether the model beats every naive way, over all cuts.
        best_naive: The naive way nearest to it.
    """

    cuts: pd.DataFrame
    bins: pd.DataFrame
    days_ahead: int
    wins: bool
    best_naive: str


def choose_model(
    told: pd.DataFrame, *, covariates: tuple[str, ...] = COVARIATES
) -> buying.Buying:
    """Return the purchase model that fits best among those that are sound.

    MBG/NBD is made more regular as long as the likelihood rises. Where timing stays
    random, or where the model says that nobody ever leaves, Pareto/NBD is tried on
    the same 1,500 customers and taken where it is likelier, or sound where the other
    is not; where both say the same, the first is kept and says so. Above 4,000
    customers a random 4,000 are fitted.

    Args:
        told: What `histories` returned.
        covariates: Columns that move the rate; those without spread are left out.
    """
    some = _some(told, MOST_CUSTOMERS)
    used = tuple(c for c in covariates if some[c].std() > 1e-6)
    best = buying.fit(some, kind="mbgnbd", covariates=used)
    for k in range(2, MOST_REGULAR + 1):
        more = buying.fit(some, kind="mbgnbd", regularity=k, covariates=used)
        if more.log_likelihood <= best.log_likelihood and not best.degenerate:
            break
        if best.degenerate or not more.degenerate:
            best = more
    if best.regularity > 1 and not best.degenerate:
        return best
    few = _some(some, MOST_PARETO)
    other = buying.fit(few, kind="paretonbd", covariates=used)
    if other.degenerate:
        return best
    same = buying.fit(few, kind="mbgnbd", regularity=best.regularity, covariates=used)
    likelier = other.log_likelihood > same.log_likelihood
    return other if likelier or best.degenerate else best


def value_customers(
    days: pd.DataFrame, *, until: str | pd.Timestamp, days_ahead: int = 365,
    coverage: float = 0.8, checked: Audit | None = None, count: int = 200,
) -> Lifetime:  # fmt: skip
    """Return what each customer is expected to buy and be worth in the days ahead.

    Args:
        days: customer, day, amount of every purchase known.
        until: Last day seen.
        days_ahead: Days ahead that are valued.
        coverage: Share of customers whose interval should hold the truth.
        checked: Audit whose misses give the total's interval.
        count: Draws for each customer.
    """
    checks.between(coverage, "coverage", low=0.5, high=0.99)
    end = pd.Timestamp(periods.day(until))
    told, model, season = _fitted(days, end)
    ahead = weeks_ahead(season, after=end, days_ahead=days_ahead)
    purchases = buying.expected(model, told, ahead=ahead)
    drawn = buying.draws(model, told, ahead=ahead, count=count)
    spent, each = _amounts(told, drawn)
    tail = (1 - coverage) / 2
    low, high = np.quantile(spent, [tail, 1 - tail], axis=1)
    value = purchases * each
    total = float(value.sum())
    miss = _miss(checked, coverage)
    rows = pd.DataFrame(
        {"customer": told["customer"], "active": buying.active_chance(model, told),
        "purchases": purchases, "value": value, "value_low": low, "value_high": high,
        "days_since": (end - told["last"]).dt.days, "frequency": told["frequency"] + 1,
        "total": told["total"]}
    )  # fmt: skip
    return Lifetime(
        rows=rows.sort_values("value", ascending=False).reset_index(drop=True),
        total=total, total_low=total * np.exp(-miss), total_high=total * np.exp(miss),
        days_ahead=days_ahead, model=model, season=season, coverage=coverage,
    )  # fmt: skip


def audit(
    days: pd.DataFrame, *, until: str | pd.Timestamp, days_ahead: int = 91,
    cuts: int = 3,
) -> Audit:  # fmt: skip
    """Return how the model would have done at earlier cuts, beside the naive ways.

    Each cut sees only what was known on its day. The naive ways: nobody buys; each
    buys as often as in as many days before the cut; who bought lately buys as the
    average of those who bought lately did one period before.

    Args:
        days: customer, day, amount of every purchase known.
        until: Last day seen; the last cut lies `days_ahead` before it.
        days_ahead: Days that each cut looks ahead.
        cuts: Number of cuts, `days_ahead` apart; those with too little history before
            them are left out.
    """
    end = pd.Timestamp(periods.day(until))
    start = pd.to_datetime(days["day"]).min()
    all_cuts = [end - pd.Timedelta(days=days_ahead * k) for k in range(cuts, 0, -1)]
    good = [c for c in all_cuts if (c - start).days >= LEAST_WEEKS * 7]
    need = f"Load a longer history or look fewer than {days_ahead} days ahead."
    checks.at_least(len(good), 1, "cut with half a year before it", need)
    parts = [_one_cut(days, cut, days_ahead) for cut in good]
    table = pd.concat([p[0] for p in parts], ignore_index=True)
    by = table.groupby("method").agg(
        miss=("bias", lambda b: float(b.abs().mean())), rank=("ranking", "mean")
    )
    naive = by.loc[list(NAIVE)]
    best = str(naive["miss"].idxmin())
    wins = bool(
        by.loc["model", "rank"] > naive["rank"].max() - 1e-9
        and by.loc["model", "miss"] <= naive["miss"].min() + 0.05
    )
    return Audit(
        cuts=table, bins=pd.concat([p[1] for p in parts], ignore_index=True),
        days_ahead=days_ahead, wins=wins, best_naive=best,
    )  # fmt: skip


def score_record(
    kept: pd.DataFrame, days: pd.DataFrame, *, until: str | pd.Timestamp
) -> pd.DataFrame:
    """Return earlier runs' words on known customers' purchases, beside what came.

    Args:
        kept: run_day, due and quantile columns `q...`; those not yet due are left out.
        days: customer, day, amount.
        until: Last day seen.

    Returns:
        run_day, due, low, high, actual (money), held (whether it came within).
    """
    names = ["run_day", "due", "low", "high", "actual", "held"]
    due = kept[kept["due"] <= pd.Timestamp(until)] if len(kept) else kept
    levels = sorted((c for c in kept if c.startswith("q")), key=lambda c: float(c[1:]))
    if due.empty or not levels:
        return pd.DataFrame(columns=names)
    when = pd.to_datetime(days["day"])
    first = when.groupby(days["customer"]).transform("min")
    rows = due[["run_day", "due"]].assign(low=due[levels[0]], high=due[levels[-1]])
    rows["actual"] = [
        float(days.loc[(first <= a) & (when > a) & (when <= b), "amount"].sum())
        for a, b in zip(rows["run_day"], rows["due"], strict=True)
    ]
    return rows.assign(held=rows["actual"].between(rows["low"], rows["high"]))[names]


def ranking(score: np.ndarray, bought: np.ndarray) -> float:
    """Return the chance that one who bought was ranked above one who did not.

    Example:
        >>> ranking(np.array([0.1, 0.4, 0.8]), np.array([False, False, True]))
        1.0
    """
    from scipy.stats import rankdata

    yes = int(bought.sum())
    if yes in (0, len(bought)):
        return float("nan")
    ranks = rankdata(score)[bought].sum()
    return float((ranks - yes * (yes + 1) / 2) / (yes * (len(bought) - yes)))


def _fitted(
    days: pd.DataFrame, end: pd.Timestamp
) -> tuple[pd.DataFrame, buying.Buying, Season | None]:
    plain = histories(days, until=end)
    model = choose_model(plain)
    season = learn_season(days, until=end, regularity=model.regularity)
    if season is None:
        return plain, model, None
    told = histories(days, until=end, clock=season)
    return told, choose_model(told), season  # the gaps on this clock decide anew


def _some(told: pd.DataFrame, most: int) -> pd.DataFrame:
    return told if len(told) <= most else told.sample(most, random_state=0)


def _amounts(told: pd.DataFrame, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn money of drawn purchases and the expected amount of one."""
    own = told.assign(value=told["value"].where(told["frequency"] > 0, 0.0))
    if (own["value"] > 0).sum() < spending.LEAST_CUSTOMERS:
        each = np.full(len(told), float(told["mean_amount"].mean()))
        return drawn * each[:, None], each
    model = spending.fit_spending(own)
    return spending.amount_draws(model, own, drawn), spending.expected_amount(
        model, own
    )


def _miss(checked: Audit | None, coverage: float) -> float:
    """Return by how much, in logs, the total may be wrong, from earlier cuts."""
    from scipy.stats import t

    if checked is None:
        return float(t.ppf(0.5 + coverage / 2, 3) * 0.15)
    mine = checked.cuts[checked.cuts["method"] == "model"]
    missed = np.log(mine["predicted"] / mine["actual"].clip(lower=1))
    spread = float(np.sqrt((missed**2).mean() + 0.02**2))
    return float(t.ppf(0.5 + coverage / 2, max(3, len(mine))) * spread)


def _one_cut(
    days: pd.DataFrame, cut: pd.Timestamp, days_ahead: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    told, model, season = _fitted(days, cut)
    ahead = weeks_ahead(season, after=cut, days_ahead=days_ahead)
    actual = later(days, told["customer"], after=cut, days_ahead=days_ahead)
    bought = actual["purchases"].to_numpy()
    guesses = {
        "model": buying.expected(model, told, ahead=ahead),
        **_naive(days, told, cut, days_ahead),
    }
    if season is not None:
        plain = histories(days, until=cut)
        other = choose_model(plain)
        guesses["no_season"] = buying.expected(other, plain, ahead=days_ahead / 7)
    new = unseen_share(season, after=cut, days_ahead=days_ahead)
    rows = [
        {"cut": cut, "method": name, "actual": bought.sum(), "predicted": guess.sum(),
        "bias": guess.sum() / max(1.0, bought.sum()) - 1,
        "error": float(np.abs(guess - bought).mean()), "ranking": ranking(guess,
        bought > 0), "unseen": new} for name, guess in guesses.items()
    ]  # fmt: skip
    return pd.DataFrame(rows), _bins(cut, guesses["model"], bought)


def _naive(
    days: pd.DataFrame, told: pd.DataFrame, cut: pd.Timestamp, days_ahead: int
) -> dict[str, np.ndarray]:
    before = cut - pd.Timedelta(days=days_ahead)
    last = later(days, told["customer"], after=before, days_ahead=days_ahead)
    silent = (cut - told["last"]).dt.days.to_numpy()
    known = told["first"] <= before
    past = histories(days, until=before) if known.any() else told
    was = (before - past["last"]).dt.days.to_numpy()
    then = later(days, past["customer"], after=before, days_ahead=days_ahead)
    edges = np.unique(np.quantile(was, np.linspace(0, 1, 11)[1:-1]))
    mean = (
        pd.Series(then["purchases"].to_numpy()).groupby(np.digitize(was, edges)).mean()
    )
    mean = mean.reindex(range(len(edges) + 1)).ffill().bfill()
    return {
        "zero": np.zeros(len(told)), "repeat_last": last["purchases"].to_numpy(),
        "recency_only": mean.to_numpy()[np.digitize(silent, edges)] - 1e-6 * silent,
    }  # fmt: skip


def _bins(cut: pd.Timestamp, guess: np.ndarray, bought: np.ndarray) -> pd.DataFrame:
    place = np.ceil(pd.Series(guess).rank(pct=True, method="first") * 10).astype(int)
    by = pd.DataFrame({"bin": place, "predicted": guess, "actual": bought})
    found = by.groupby("bin", as_index=False).agg(
        customers=("bin", "size"), predicted=("predicted", "mean"), actual=("actual",
        "mean"),
    )  # fmt: skip
    return found.assign(cut=cut)
