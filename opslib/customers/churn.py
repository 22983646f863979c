"""This module owns who is about to leave, and whom it pays to call.

A customer has left, for a look ahead of so many days, when nothing is bought in them.
The chance is learnt at earlier days whose look ahead is over, so that no column knows
the future, and is checked on the latest of them, which the learning never saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opslib import checks, periods
from opslib.customers.history import histories, later
from opslib.customers.value.lifetime import ranking
from opslib.customers.value.season import learn_season, weeks_ahead

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

LEAST_ROWS = 200
TRAINING_CUTS = 3


@dataclass(frozen=True, kw_only=True)
class Churn:
    """Each customer's chance to buy nothing in the days ahead.

    Attributes:
        rows: customer, chance (of buying nothing), days_since, purchases, total.
        tested: chance and left (bool) of each customer at the latest day whose look
            ahead is over, by a model that never saw it.
        ranking: Chance that one who left was ranked above one who stayed, in `tested`.
        slope: Calibration slope there; 1 is right, below 1 is too sure.
        recency_ranking: The same ranking by days since the last purchase alone.
        days_ahead: Days looked ahead.
        base: Share that left in `tested`.
    """

    rows: pd.DataFrame
    tested: pd.DataFrame
    ranking: float
    slope: float
    recency_ranking: float
    days_ahead: int
    base: float


def leaving_model(numbers: list[str], words: list[str]) -> BaseEstimator:
    """Return an unfitted model of a yes or no: half smooth logistic, half trees.

    The two are averaged; nothing is resampled, so the chances stay calibrated.

    Args:
        numbers: Columns of numbers; empty values count as their median.
        words: Columns of words; unknown ones count as none.

    Example:
        >>> model = leaving_model(["age"], [])
        >>> frame = pd.DataFrame({"age": range(200)})
        >>> fitted = model.fit(frame, frame["age"] > 90)
        >>> bool(fitted.predict_proba(frame)[199, 1] > 0.5)
        True
    """
    from sklearn import ensemble, linear_model, preprocessing
    from sklearn.compose import make_column_transformer as by_column
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    spline = make_pipeline(
        SimpleImputer(strategy="median"), preprocessing.StandardScaler(),
        preprocessing.SplineTransformer(n_knots=6),
    )  # fmt: skip
    coded = preprocessing.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, max_categories=200
    )
    smooth = make_pipeline(
        by_column((preprocessing.OneHotEncoder(handle_unknown="ignore"), words),
        (spline, numbers) ), linear_model.LogisticRegression(C=0.3, max_iter=3000),
    )  # fmt: skip
    trees = make_pipeline(
        by_column((coded, words), ("passthrough", numbers)),
        ensemble.HistGradientBoostingClassifier(learning_rate=0.03, max_iter=200,
        max_leaf_nodes=6, min_samples_leaf=30,
        categorical_features=list(range(len(words))), random_state=0),
    )  # fmt: skip
    return ensemble.VotingClassifier(
        [("smooth", smooth), ("trees", trees)], voting="soft"
    )


def features(
    days: pd.DataFrame, *, until: str | pd.Timestamp, cases: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return what was known of each customer on a day, as columns for a model.

    Args:
        days: customer, day, amount.
        until: The day; nothing later is used.
        cases: Service cases (customer, opened, kind), or None.

    Returns:
        One row a customer: customer and numbers: silent, age, purchases, gap (own mean
        gap), quiet (silence over own gap), amount, last_91, before_91, complaints and
        cases of the last half year.
    """
    end = pd.Timestamp(periods.day(until))
    told = histories(days, until=end)
    silent = (end - told["last"]).dt.days
    gap = (7 * told["recency"] / told["frequency"].clip(lower=1)).where(
        told["frequency"] > 0, 7 * told["age"]
    )
    quarter = pd.Timedelta(days=91)
    who = told["customer"]
    last = later(days, who, after=end - quarter, days_ahead=91)["purchases"]
    before = later(days, who, after=end - 2 * quarter, days_ahead=91)["purchases"]
    return pd.DataFrame(
        {"customer": who, "silent": silent.astype(float), "age": 7 * told["age"],
        "purchases": np.log1p(told["frequency"].astype(float)), "gap": np.log1p(gap),
        "quiet": np.log((silent + 3) / (gap + 3)), "amount": told["log_amount"],
        "last_91": last, "before_91": before, **_cases(cases, who, end)}
    )  # fmt: skip


def churn_chances(
    days: pd.DataFrame, *, until: str | pd.Timestamp, days_ahead: int = 91,
    cases: pd.DataFrame | None = None,
) -> Churn:  # fmt: skip
    """Return each customer's chance to buy nothing in the days ahead.

    The chance is learnt in other seasons than the one ahead. Where a year was seen,
    it is moved by how much more or less customers buy in the season ahead: buying
    nothing at a pace p times as fast has the chance to the power p.

    Args:
        days: customer, day, amount of every purchase known.
        until: Last day seen.
        days_ahead: Days looked ahead.
        cases: Service cases, or None.
    """
    end = pd.Timestamp(periods.day(until))
    start = pd.to_datetime(days["day"]).min()
    ago = [days_ahead * k for k in range(1, TRAINING_CUTS + 2)]
    cuts = [end - pd.Timedelta(days=a) for a in ago]
    cuts = [c for c in cuts if (c - start).days >= 91]
    need = f"Load a longer history or look fewer than {days_ahead} days ahead."
    checks.at_least(len(cuts), 2, "earlier days to learn from", need)
    frames = [_known(days, c, days_ahead, cases) for c in cuts]
    test = frames[0]
    learnt = _fit(pd.concat(frames[1:], ignore_index=True))
    chance = _chance(learnt, test) ** _pace(days, cuts, days_ahead)
    left = test["left"].to_numpy(dtype=bool)
    final = _fit(pd.concat(frames[:TRAINING_CUTS], ignore_index=True))
    now = features(days, until=end, cases=cases)
    told = histories(days, until=end)
    pace = _pace(days, [end, *cuts[:TRAINING_CUTS]], days_ahead)
    rows = pd.DataFrame(
        {"customer": now["customer"], "chance": _chance(final, now) ** pace,
        "days_since": now["silent"].astype(int), "purchases": told["frequency"] + 1,
        "total": told["total"]}
    )  # fmt: skip
    return Churn(
        rows=rows.sort_values("chance", ascending=False).reset_index(drop=True),
        tested=pd.DataFrame({"chance": chance, "left": left}), ranking=ranking(chance,
        left), slope=calibration_slope(chance, left),
        recency_ranking=ranking(test["silent"].to_numpy(), left), days_ahead=days_ahead,
        base=float(left.mean()),
    )  # fmt: skip


def calibration_slope(chance: np.ndarray, happened: np.ndarray) -> float:
    """Return how steeply what happened follows the log odds said; 1 is calibrated.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> chance = draw.random(20_000)
        >>> round(calibration_slope(chance, draw.random(20_000) < chance), 1)
        1.0
    """
    from sklearn.linear_model import LogisticRegression

    if happened.all() or not happened.any():
        return float("nan")
    sure = np.clip(chance, 1e-4, 1 - 1e-4)
    odds = np.log(sure / (1 - sure))[:, None]
    return float(LogisticRegression(C=1e6).fit(odds, happened).coef_[0, 0])


def gains(tested: pd.DataFrame, *, groups: int = 20) -> pd.DataFrame:
    """Return which share of those who left is among the share called first.

    Returns:
        called (share of customers, by falling chance), found (share of those who
        left), at_random (the same without a model).
    """
    order = tested.sort_values("chance", ascending=False)["left"].to_numpy()
    called = np.linspace(0, 1, groups + 1)
    upto = np.r_[0, np.cumsum(order)]
    at = np.round(called * len(order)).astype(int)
    return pd.DataFrame(
        {"called": called, "found": upto[at] / max(1, upto[-1]), "at_random": called}
    )


def calibration(tested: pd.DataFrame, *, groups: int = 10) -> pd.DataFrame:
    """Return what was said and what came, by groups of equal size.

    Returns:
        group, customers, said (mean chance), came (share that left), low and high
        (90 % interval of the share).
    """
    from statsmodels.stats.proportion import proportion_confint

    rank = np.ceil(tested["chance"].rank(pct=True, method="first") * groups)
    by = tested.groupby(rank.astype(int))
    told = by.agg(
        customers=("left", "size"), said=("chance", "mean"), came=("left", "mean")
    )
    low, high = proportion_confint(
        by["left"].sum(), told["customers"], alpha=0.1, method="wilson"
    )
    return told.assign(low=low, high=high).rename_axis("group").reset_index()


def retention(
    days: pd.DataFrame, *, until: str | pd.Timestamp, gap_days: int = 180
) -> pd.DataFrame:
    """Return the share of each quarter's new customers not yet lost, month by month.

    A customer is lost at the last purchase when more than `gap_days` passed without
    another; one seen more lately is still here and leaves the count unharmed
    (Kaplan, Meier 1958, by statsmodels).

    Args:
        days: customer, day.
        until: Last day seen.
        gap_days: Days of silence after which a customer counts as lost.

    Returns:
        cohort (quarter of the first purchase), month, share, low, high (90 %),
        customers; cohorts under 10 customers are left out.
    """
    from statsmodels.duration.survfunc import SurvfuncRight

    end = pd.Timestamp(periods.day(until))
    seen = days[pd.to_datetime(days["day"]) <= end]
    by = seen.assign(day=pd.to_datetime(seen["day"])).groupby("customer")["day"]
    told = pd.DataFrame({"first": by.min(), "last": by.max()})
    told["lost"] = ((end - told["last"]).dt.days > gap_days).astype(int)
    stay = (told["last"] - told["first"]).dt.days.where(
        told["lost"] == 1, (end - told["first"]).dt.days
    )
    told["months"] = (stay / 30.44).clip(lower=0.01)
    told["cohort"] = told["first"].dt.to_period("Q").astype(str)
    parts = []
    for cohort, rows in told.groupby("cohort"):
        if len(rows) >= 10 and rows["lost"].any():
            curve = SurvfuncRight(rows["months"], rows["lost"])
            parts.append(_curve(str(cohort), curve, len(rows), rows["months"].max()))
    names = ["cohort", "month", "share", "low", "high", "customers"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)


def _curve(cohort: str, curve: Any, count: int, most: float) -> pd.DataFrame:
    months = np.arange(0, int(most) + 1)
    at = np.searchsorted(curve.surv_times, months, side="right") - 1
    share = np.where(at >= 0, curve.surv_prob[at], 1.0)
    wide = 1.645 * np.where(at >= 0, curve.surv_prob_se[at], 0.0)
    return pd.DataFrame(
        {"cohort": cohort, "month": months, "share": share, "low": np.clip(share - wide,
        0, 1), "high": np.clip(share + wide, 0, 1), "customers": count}
    )  # fmt: skip


def _cases(
    cases: pd.DataFrame | None, who: pd.Series, end: pd.Timestamp
) -> dict[str, np.ndarray]:
    names = ("complaints", "contacts")
    if cases is None or cases.empty:
        return {name: np.zeros(len(who)) for name in names}
    opened = pd.to_datetime(cases["opened"])
    lately = cases[(opened <= end) & (opened > end - pd.Timedelta(days=182))]
    bad = lately[lately["kind"] == "complaint"].groupby("customer").size()
    every = lately.groupby("customer").size()
    index = pd.Index(who)
    return {
        "complaints": bad.reindex(index).fillna(0).to_numpy(dtype=float),
        "contacts": every.reindex(index).fillna(0).to_numpy(dtype=float),
    }


def _known(
    days: pd.DataFrame, cut: pd.Timestamp, ahead: int, cases: pd.DataFrame | None
) -> pd.DataFrame:
    frame = features(days, until=cut, cases=cases)
    after = later(days, frame["customer"], after=cut, days_ahead=ahead)
    return frame.assign(left=after["purchases"].to_numpy() == 0)


def _fit(frame: pd.DataFrame) -> BaseEstimator:
    way_out = "Load more customers, or rank by recency."
    checks.at_least(len(frame), LEAST_ROWS, "customers at earlier days", way_out)
    checks.at_least(frame["left"].nunique(), 2, "kinds of end seen", way_out)
    numbers = [c for c in frame if c not in ("customer", "left")]
    used = [c for c in numbers if frame[c].nunique() > 6]
    return leaving_model(used, []).fit(frame[used], frame["left"])


def _pace(days: pd.DataFrame, cuts: list[pd.Timestamp], ahead: int) -> float:
    """Return how much faster customers buy after the first cut than after the others.

    The season is learnt from the days to the first cut alone; 1 where it is unknown.
    """
    season = learn_season(days, until=cuts[0])
    long = np.log([weeks_ahead(season, after=c, days_ahead=ahead) for c in cuts])
    return float(np.exp(long[0] - long[1:].mean()))


def _chance(model: BaseEstimator, frame: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(frame[list(model.feature_names_in_)])[:, 1]
