"""This module owns randomised campaigns: the effect of each arm, and who responds.

The protocol of who responds is fixed: customers are halved ten times; what is learnt
on one half orders the other; the gain of treating the first so many is measured there,
beside the best one-line rule (learnt on the same half) and a random order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from opslib import checks

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

HALVES, LEAST_PEOPLE, SURE = 10, 200, 0.9
OUTCOMES = ("responded", "spend")
CONTROL, FEATURES = "control", ("purchases", "amount", "days_since")
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, kw_only=True)
class Responders:
    """Who responds, by the fixed protocol.

    Attributes:
        gains: One row for each way (`model`, `rule`, `random`) and share: way, share
            (of customers treated), gain (outcome added for each customer of all), low,
            high (90 % of the halves).
        best: Way to use: `model` or `rule` where it beats the next simpler one in at
            least 90 % of the halves, else `random`.
        model_wins: Share of halves in which the model beats the rule.
        rule_wins: Share of halves in which the rule beats the random order.
        rule: Feature that the rule orders by, most often chosen.
        highest: Whether the rule treats the highest values first.
    """

    gains: pd.DataFrame
    best: str
    model_wins: float
    rule_wins: float
    rule: str
    highest: bool


def with_history(members: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    """Return drawn customers with what was known of them on the day they were drawn.

    Args:
        members: Rows of `campaign_members`: customer, arm, day and outcomes.
        days: Rows of `customer_days`: customer, day, amount.

    Returns:
        The rows with purchases, amount (so far) and days_since (the last one; 9999
        where there was none).
    """
    drawn = (
        members[["customer", "day"]]
        .rename(columns={"day": "drawn"})
        .drop_duplicates("customer")
    )
    past = days.merge(drawn, on="customer")
    past = past[pd.to_datetime(past["day"]) < pd.to_datetime(past["drawn"])]
    by = past.groupby("customer").agg(
        purchases=("day", "size"), amount=("amount", "sum"), last=("day", "max")
    )
    found = members.merge(by, left_on="customer", right_index=True, how="left")
    since = (pd.to_datetime(found["day"]) - pd.to_datetime(found["last"])).dt.days
    return found.assign(
        days_since=since.fillna(9999),
        purchases=found["purchases"].fillna(0),
        amount=found["amount"].fillna(0.0),
    ).drop(columns="last")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The newest randomised campaign judged; empty frames where none was delivered.

    Attributes:
        campaign: The campaign, or empty.
        effects: Rows of `arm_effects` on `responded` and `spend`, as far as noted.
        balance: Largest difference between arms before the start (`balance`).
        best_arm: Arm that added most spending, or empty.
        who: Who responds to it, or None where arms are too small or no response is noted.
        unnoted: Customers without a note on their response, counted as none.
    """

    campaign: str
    effects: pd.DataFrame
    balance: float
    best_arm: str
    who: Responders | None
    unnoted: int = 0


def judge_arms(
    members: pd.DataFrame,
    days: pd.DataFrame,
    *,
    day: dt.date,
    settle_days: int = 14,
    confidence: float = 0.9,
) -> Drawn:
    """Return the newest randomised campaign whose outcomes have had time to come in.

    An empty `responded` or `spend` counts as none seen; an outcome that is empty for
    all customers is not judged, and a campaign without any outcome is passed over.

    Args:
        members: Rows of `campaign_members`; the arm `control` got nothing.
        days: Rows of `customer_days`.
        day: Last day known.
        settle_days: Days from the draw until outcomes count.
        confidence: Coverage of the ranges.
    """
    settled = members[
        pd.to_datetime(members["day"])
        <= pd.Timestamp(day) - pd.Timedelta(days=settle_days)
    ]
    settled = (
        settled[
            settled.groupby("promotion")["arm"]
            .transform(lambda a: (a == CONTROL).any() and (a != CONTROL).any())
            .astype(bool)
            & settled[list(OUTCOMES)]
            .notna()
            .any(axis=1)
            .groupby(settled["promotion"])
            .transform("any")
        ]
        if len(settled)
        else settled
    )
    if settled.empty:
        return Drawn(
            campaign="",
            effects=pd.DataFrame(
                columns=["arm", "outcome", "people", "effect", "low", "high"]
            ),
            balance=0.0,
            best_arm="",
            who=None,
        )
    campaign = settled.sort_values("day")["promotion"].iloc[-1]
    people = with_history(settled[settled["promotion"] == campaign], days)
    noted = [c for c in OUTCOMES if people[c].notna().any()]
    unnoted = int(people["responded"].isna().sum())
    people = people.assign(
        **{c: pd.to_numeric(people[c]).fillna(0.0).astype(float) for c in noted}
    )
    effects = arm_effects(
        people, control=CONTROL, outcomes=noted, confidence=confidence
    )
    best = str(
        effects[effects["outcome"] == noted[-1]].set_index("arm")["effect"].idxmax()
    )
    enough = people["arm"].value_counts()[[best, CONTROL]].min() >= LEAST_PEOPLE
    who = (
        responders(
            people, arm=best, control=CONTROL, outcome="responded", features=FEATURES
        )
        if enough and "responded" in noted
        else None
    )
    return Drawn(
        campaign=str(campaign),
        effects=effects,
        balance=balance(people, FEATURES),
        best_arm=best,
        who=who,
        unnoted=unnoted,
    )


def arm_effects(
    people: pd.DataFrame,
    *,
    control: str,
    outcomes: Sequence[str],
    confidence: float = 0.9,
) -> pd.DataFrame:
    """Return the effect of each arm of a randomised campaign on each outcome.

    Assumes that customers were drawn into arms at random, each once.

    Args:
        people: One row for each customer: arm and the outcomes.
        control: The arm that got nothing.
        outcomes: Columns to compare.
        confidence: Coverage of the ranges.

    Returns:
        One row for each arm and outcome: arm, outcome, people, mean, base (mean of the
        control), effect, error (standard error, Welch), low, high.

    Raises:
        ValueError: A column or the control is missing, or an arm has under two people.

    Example:
        >>> people = pd.DataFrame({"arm": ["a", "a", "0", "0"], "bought": [1, 1, 0, 1]})
        >>> arm_effects(people, control="0", outcomes=["bought"])["effect"].tolist()
        [0.5]
    """
    checks.no_gaps(
        checks.columns(people, ["arm", *outcomes], "people"),
        ["arm", *outcomes],
        "people",
    )
    sizes = people["arm"].value_counts()
    checks.one_of(control, "control", sorted(sizes.index))
    checks.at_least(
        int(sizes.min()), 2, f"people in arm {sizes.idxmin()!r}", "Leave that arm out."
    )
    normal = stats.norm.ppf((1 + confidence) / 2)
    rows = []
    for outcome in outcomes:
        told = people.groupby("arm")[outcome].agg(["size", "mean", "var"])
        base = told.loc[control]
        for arm, row in told.drop(index=control).iterrows():
            effect, error = (
                row["mean"] - base["mean"],
                np.sqrt(row["var"] / row["size"] + base["var"] / base["size"]),
            )
            rows.append(
                {
                    "arm": arm,
                    "outcome": outcome,
                    "people": int(row["size"]),
                    "mean": row["mean"],
                    "base": base["mean"],
                    "effect": effect,
                    "error": error,
                    "low": effect - normal * error,
                    "high": effect + normal * error,
                }
            )
    return pd.DataFrame(rows)


def balance(people: pd.DataFrame, features: Sequence[str]) -> float:
    """Return the largest difference between arms before the start, in standard deviations."""
    means, size = (
        people.groupby("arm")[list(features)].mean(),
        people[list(features)].std().replace(0, np.nan),
    )
    return float(((means.max() - means.min()) / size).max())


def responders(
    people: pd.DataFrame,
    *,
    arm: str,
    control: str,
    outcome: str,
    features: Sequence[str],
) -> Responders:
    """Return who responds to an arm, by the protocol of this module.

    The model is two boosted regressions (one for each arm; depth 3, 60 trees, leaves of
    50), whose difference orders the customers.

    Args:
        people: One row for each customer: arm, the outcome, numeric features.
        arm: The arm to judge.
        control: The arm that got nothing.
        outcome: Column to add to.
        features: Columns known before the start.

    Raises:
        ValueError: A column is missing, or an arm has fewer than 200 people.
    """
    checks.columns(people, ["arm", outcome, *features], "people")
    both = people[people["arm"].isin([arm, control])].reset_index(drop=True)
    for name in (arm, control):
        checks.at_least(
            int((both["arm"] == name).sum()),
            LEAST_PEOPLE,
            f"people in arm {name!r}",
            "Wait for a larger campaign.",
        )
    X, y, treated = (
        both[list(features)].to_numpy(float),
        both[outcome].to_numpy(float),
        (both["arm"] == arm).to_numpy(),
    )
    draw = np.random.default_rng(1)
    gains: dict[str, list[np.ndarray]] = {"model": [], "rule": [], "random": []}
    rules = []
    for _ in range(HALVES // 2):
        first = draw.permutation(len(y)) < len(y) // 2
        for learn in (first, ~first):
            rule = max(
                ((j, s) for j in range(X.shape[1]) for s in (1, -1)),
                key=lambda r: _gains(
                    r[1] * X[learn, r[0]], y[learn], treated[learn]
                ).mean(),
            )
            rules.append(rule)
            orders = {
                "model": _model(X, y, treated, learn),
                "rule": rule[1] * X[~learn, rule[0]],
                "random": draw.random(int((~learn).sum())),
            }
            for way, order in orders.items():
                gains[way].append(_gains(order, y[~learn], treated[~learn]))
    found = {way: np.array(g) for way, g in gains.items()}
    area = {way: g.mean(axis=1) for way, g in found.items()}
    wins = {
        pair: float((area[pair[0]] > area[pair[1]]).mean())
        for pair in (("model", "rule"), ("rule", "random"), ("model", "random"))
    }
    parts = [
        pd.DataFrame(
            {
                "way": w,
                "share": SHARES,
                "gain": g.mean(axis=0),
                "low": np.quantile(g, 0.05, axis=0),
                "high": np.quantile(g, 0.95, axis=0),
            }
        )
        for w, g in found.items()
    ]
    model = wins["model", "rule"] >= SURE and wins["model", "random"] >= SURE
    column, sign = max(set(rules), key=rules.count)
    return Responders(
        gains=pd.concat(parts, ignore_index=True),
        best="model"
        if model
        else "rule"
        if wins["rule", "random"] >= SURE
        else "random",
        model_wins=wins["model", "rule"],
        rule_wins=wins["rule", "random"],
        rule=list(features)[column],
        highest=sign > 0,
    )


def _model(
    X: np.ndarray, y: np.ndarray, treated: np.ndarray, learn: np.ndarray
) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingRegressor

    def fit(rows: np.ndarray) -> np.ndarray:
        trees = HistGradientBoostingRegressor(
            max_depth=3,
            max_iter=60,
            min_samples_leaf=50,
            learning_rate=0.08,
            early_stopping=False,
            random_state=0,
        )
        return trees.fit(X[rows], y[rows]).predict(X[~learn])

    return fit(learn & treated) - fit(learn & ~treated)


def _gains(order: np.ndarray, y: np.ndarray, treated: np.ndarray) -> np.ndarray:
    """Return the outcome added for each customer of all, when the first shares are treated."""
    rank = np.argsort(-order, kind="stable")
    y, treated = y[rank], treated[rank]
    at = np.maximum(1, (np.array(SHARES) * len(y)).astype(int)) - 1
    ones, zeros = np.cumsum(treated)[at], np.cumsum(~treated)[at]
    effect = np.cumsum(y * treated)[at] / np.maximum(ones, 1) - np.cumsum(y * ~treated)[
        at
    ] / np.maximum(zeros, 1)
    return np.where((ones > 0) & (zeros > 0), effect, 0.0) * np.array(SHARES)
