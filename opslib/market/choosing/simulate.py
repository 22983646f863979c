"""This module owns the market simulator: what people would take, with its range."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.choosing import choice, mixed
from opslib.market.survey import design, replicates

if TYPE_CHECKING:
    import numpy.typing as npt

    from opslib.market.choosing.choice import Tasks
    from opslib.market.survey.replicates import Replicates

KEPT, HELD = 16, 2


@dataclass(frozen=True, kw_only=True)
class Tastes:
    """What people value, as draws that a simulator can use.

    Attributes:
        tasks: The choices.
        beta: Part-worths that all share, in utility.
        again: The same in each set of replicate weights (sets, names).
        own: Draws of each person's part-worths (people, draws, names).
        sets: Replicate weights of the people.
        hits: Held-back choices foretold by own part-worths, by common ones, by luck.
    """

    tasks: Tasks
    beta: npt.NDArray[np.float64]
    again: npt.NDArray[np.float64]
    own: npt.NDArray[np.float64]
    sets: Replicates
    hits: dict[str, float]


def tastes(
    shown: pd.DataFrame,
    people: pd.DataFrame,
    sets: Replicates,
    *,
    ours: str = "",
    feature: str = "",
    own: bool = True,
) -> Tastes:
    """Learn what people value from choices among shown products.

    The common part-worths are fitted again on every set of replicate weights; people's
    own ones lean on everybody's (mixed logit with one price for all). How well they
    foretell is tested on each person's last two choices, held back from the fit.

    Args:
        shown: One row an alternative: survey, respondent, task, brand, feature, price, chosen.
        people: survey and respondent of the people that `sets` weighs, in its order.
        sets: Replicate weights; whoever chose but is not among them weighs the mean.
        ours: Our brand, the reference; empty for the first by name.
        feature: The reference feature, such as ours today; empty for the first by name.
        own: Whether people's own part-worths are fitted (takes seconds).

    Raises:
        ValueError: A column lacks, or fewer than ten people chose.
    """
    checks.columns(shown, ("survey", "respondent"), "choices")
    key = shown["survey"].astype(str) + "|" + shown["respondent"].astype(str)
    rows = shown.assign(respondent=key)
    words = {"brand": ours, "feature": feature}
    tasks = choice.encode(rows, words=words, numbers=("price",))
    mine = weights_of(tasks, people, sets)
    beta = choice.logit(tasks, mine.sample.weights).beta
    _, again = replicates.spread(
        mine, lambda w: choice.logit(tasks, w, start=beta).beta
    )
    rank, size = (
        rows.groupby("respondent")["task"].transform(f)
        for f in (lambda t: t.rank(method="dense", ascending=False), "nunique")
    )
    early, late = (
        choice.encode(rows[part], words=words, numbers=("price",))
        for part in (rank > HELD, (rank <= HELD) & (size > HELD))
    )
    common = choice.logit(early).beta
    hits = {
        "common": _hits(late, common[None, None]),
        "luck": float(len(late.taken) / len(late.x)),
    }
    if own:
        learnt = mixed.mixed(early, same=("price",), draws=200)
        hits["own"] = _hits(late, learnt.draws)
    better = own and hits["own"] >= hits["common"]
    draws = (
        mixed.mixed(tasks, same=("price",), draws=200).draws[:, :KEPT]
        if better
        else np.tile(beta, (len(tasks.people), 1, 1))
    )
    return Tastes(tasks=tasks, beta=beta, again=again, own=draws, sets=mine, hits=hits)


def worths(found: Tastes) -> pd.DataFrame:
    """Return what each level is worth in money beside the reference, with its range.

    Returns:
        One row a level: attribute, level, value, low, high (95 %), in money; the
        reference of each attribute stands at 0.
    """
    value = choice.worth(found.beta, found.tasks.names)
    error = replicates.errors(found.sets, choice.worth(found.again, found.tasks.names))
    rows = [
        (*name.split(": ", 1), v, v - 1.96 * e, v + 1.96 * e)
        for name, v, e in zip(found.tasks.names, value, error, strict=True)
        if ": " in name
    ]
    rows += [
        (attribute, levels[0], 0.0, 0.0, 0.0)
        for attribute, levels in found.tasks.levels.items()
    ]
    table = pd.DataFrame(rows, columns=["attribute", "level", "value", "low", "high"])
    return table.sort_values(
        ["attribute", "value"], ascending=[True, False], ignore_index=True
    )


def simulate(
    found: Tastes, offers: pd.DataFrame, *, lift: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Return the share of choices each offer takes: with the sample, then in each set.

    Every person chooses by own part-worths, moved as the common ones move from set to
    set, so that sampling of people and of choices is in the range. Everybody buys one.

    Args:
        found: What people value.
        offers: brand, feature, price; one row an offer.
        lift: Utility added to each offer, such as from known shares of sales.

    Returns:
        Shares (1 + sets, offers).

    Raises:
        ValueError: A level was never shown.
    """
    x = choice.offers(found.tasks, offers)
    mean = found.own.mean(axis=(0, 1))
    scale = float(mean @ found.beta / max(1e-12, found.beta @ found.beta))
    utility = found.own @ x.T + (0 if lift is None else np.asarray(lift, float))
    moved = scale * (found.again - found.beta) @ x.T
    every = [_mean(utility, found.sets.sample.weights)]
    every += [
        _mean(utility + step, w)
        for step, w in zip(moved, found.sets.weights, strict=True)
    ]
    return np.array(every)


def known_shares(
    found: Tastes, offers: pd.DataFrame, shares: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return the utility to add to each offer so that today's offers have known shares.

    Example:
        >>> import inspect
        >>> list(inspect.signature(known_shares).parameters)
        ['found', 'offers', 'shares']
    """
    goal, lift = np.asarray(shares, float), np.zeros(len(offers))
    checks.between(float(goal.sum()), "sum of the known shares", low=0.999, high=1.001)
    alone = replace(
        found,
        again=found.again[:0],
        sets=replace(found.sets, weights=found.sets.weights[:0]),
    )
    for _ in range(50):
        lift = lift + np.log(goal.clip(1e-6) / simulate(alone, offers, lift=lift)[0])
    return lift - lift[0]


def todays_offers(
    found: Tastes, rivals: pd.DataFrame, *, category: str, feature: str, price: float
) -> pd.DataFrame:
    """Return our offer and the others' at their latest market price, ours first.

    The others are taken to offer the same feature; prices are held within those that
    were shown to people. A brand without a market price takes the mean price shown.

    Args:
        found: What people value.
        rivals: day, category, seller, price; may be empty.
        category: Category whose prices are read.
        feature: Our feature, and the others'.
        price: Our price.

    Raises:
        ValueError: The feature was never shown.
    """
    checks.one_of(feature, "feature", found.tasks.levels["feature"])
    shown = found.tasks.x[:, found.tasks.names.index("price")]
    last = pd.Series(dtype=float)
    if len(rivals):
        mine = rivals[rivals["category"] == category].sort_values("day")
        last = mine.groupby("seller")["price"].last()
    brands = found.tasks.levels["brand"]
    asked = [price, *(float(last.get(b, shown.mean())) for b in brands[1:])]
    return pd.DataFrame(
        {
            "brand": brands,
            "feature": feature,
            "price": np.clip(np.round(asked, 1), shown.min(), shown.max()),
        }
    )


def feature_costs(told: list[str]) -> dict[str, float]:
    """Return unit costs from texts such as `Gift box 14.5`.

    Raises:
        ValueError: A text does not end in a number.

    Example:
        >>> feature_costs(["Plain 12", "Gift box 14.5"])
        {'Plain': 12.0, 'Gift box': 14.5}
    """
    parts = {t: str(t).rpartition(" ") for t in told}
    for text, (_, _, cost) in parts.items():
        if not cost.replace(".", "", 1).isdigit():
            msg = f"{text!r} does not end in a cost; write it as name and number, such as 'Gift box 14.5'."
            raise ValueError(msg)
    return {name: float(cost) for name, _, cost in parts.values()}


def best_offer(
    found: Tastes,
    offers: pd.DataFrame,
    costs: dict[str, float],
    *,
    between: tuple[float, float],
    tries: int = 13,
) -> pd.DataFrame:
    """Return our share and profit for every feature and price against the others' offers.

    Args:
        found: What people value.
        offers: The offers; the first is ours.
        costs: Feature to unit cost; features without one are left out.
        between: Lowest and highest price tried.
        tries: Prices tried.

    Returns:
        One row a feature and price, most profit first: feature, price, cost, share, share_low,
        share_high, profit, profit_low, profit_high (for each choice made), gain,
        gain_low, gain_high (over today's first offer, on the same sets).
    """
    now, cost = (
        simulate(found, offers)[:, 0],
        costs.get(offers["feature"].iloc[0], np.nan),
    )
    base = now * (offers["price"].iloc[0] - cost)
    rows = []
    for feature in (f for f in found.tasks.levels["feature"] if f in costs):
        for price in np.linspace(*between, tries):
            tried = offers.copy()
            tried.loc[tried.index[0], ["feature", "price"]] = [feature, price]
            share = simulate(found, tried)[:, 0]
            profit = share * (price - costs[feature])
            rows.append(
                (
                    feature,
                    price,
                    costs[feature],
                    *ends(share, found.sets),
                    *ends(profit, found.sets),
                    *ends(profit - base, found.sets),
                )
            )
    names = [
        f"{n}{e}" for n in ("share", "profit", "gain") for e in ("", "_low", "_high")
    ]
    table = pd.DataFrame(rows, columns=["feature", "price", "cost", *names])
    return table.sort_values("profit", ascending=False, ignore_index=True)


def switching(
    found: Tastes, offers: pd.DataFrame, *, step: float = 0.1
) -> pd.DataFrame:
    """Return where our choices go when our price rises, and come from when it falls.

    Returns:
        One row an offer: brand, share, up, up_low, up_high, down, down_low, down_high:
        today's share and its change when the first offer's price moves by `step`.
    """
    told = {0: simulate(found, offers)}
    for sign in (1, -1):
        moved = offers.copy()
        moved.loc[moved.index[0], "price"] *= 1 + sign * step
        told[sign] = simulate(found, moved) - told[0]
    rows = [
        (
            o.brand,
            told[0][0, k],
            *ends(told[1][:, k], found.sets),
            *ends(told[-1][:, k], found.sets),
        )
        for k, o in enumerate(offers.itertuples())
    ]
    return pd.DataFrame(
        rows,
        columns=[
            "brand",
            "share",
            "up",
            "up_low",
            "up_high",
            "down",
            "down_low",
            "down_high",
        ],
    )


def ends(
    values: npt.NDArray[np.float64], sets: Replicates
) -> tuple[float, float, float]:
    """Return a number and its 95 % range from its value and its values in the sets."""
    error = float(replicates.errors(sets, values[1:]))
    return (
        float(values[0]),
        float(values[0] - 1.96 * error),
        float(values[0] + 1.96 * error),
    )


def weights_of(tasks: Tasks, people: pd.DataFrame, sets: Replicates) -> Replicates:
    """Return the replicate weights of those who chose, in the order of the choices.

    Whoever is not among the weighed people weighs the mean; where nobody is, all
    weigh alike.
    """
    key = people["survey"].astype(str) + "|" + people["respondent"].astype(str)
    at = pd.Index(key).get_indexer(list(tasks.people))
    if (at < 0).all():
        return replicates.bootstrap(design.draw(pd.DataFrame({"n": tasks.people})))
    known = at >= 0
    w, again = (
        np.where(known, x[..., at], 1.0) for x in (sets.sample.weights, sets.weights)
    )
    w, again = (
        np.where(known, x, x[..., known].mean(axis=-1, keepdims=True))
        for x in (w, again)
    )
    chosen = {
        n: getattr(sets.sample, n)[at] for n in ("base", "strata", "clusters", "sizes")
    }
    sample = design.Sample(weights=w, **chosen)
    return replicates.Replicates(
        sample=sample, weights=again, scale=sets.scale, kind=sets.kind
    )


def _mean(
    utility: npt.NDArray[np.float64], w: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    grown = np.exp(utility - utility.max(axis=-1, keepdims=True))
    share = (grown / grown.sum(axis=-1, keepdims=True)).mean(axis=1)
    return w @ share / w.sum()


def _hits(tasks: Tasks, beta: npt.NDArray[np.float64]) -> float:
    every = beta if len(beta) > 1 else np.tile(beta, (len(tasks.people), 1, 1))
    utility = np.einsum("rdn,rn->rd", every[tasks.person], tasks.x)
    first = np.flatnonzero(np.diff(tasks.task, prepend=-1))
    grown = np.exp(utility - np.maximum.reduceat(utility, first)[tasks.task])
    chance = (grown / np.add.reduceat(grown, first)[tasks.task]).mean(axis=1)
    best = np.maximum.reduceat(chance, first)
    return float((chance[tasks.taken] >= best - 1e-12).mean())
