"""This module owns rated product cards and best-worst questions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.survey import replicates

if TYPE_CHECKING:
    import numpy.typing as npt

    from opslib.market.survey.replicates import Replicates


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """What rated cards tell of each level.

    Attributes:
        own: Each person's intercept and part-worths (people, 1 + levels); those of
            one attribute add up to 0.
        levels: Name of each level, `attribute: level`.
        worths: Weighted mean of `own`, intercept first.
        importances: Share of each attribute: mean over people of its range.
    """

    own: npt.NDArray[np.float64]
    levels: tuple[str, ...]
    worths: npt.NDArray[np.float64]
    importances: dict[str, float]


def rated(
    cards: pd.DataFrame, ratings: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Ratings:
    """Return each person's part-worths from ratings of the same cards.

    Least squares for each person with effects that add up to 0 in an attribute.
    The importance is the mean of the persons' importances, not the importance of
    the mean part-worths, which would call a split taste no taste.

    Args:
        cards: One row a card, one column an attribute.
        ratings: One row a person, one column a card.
        weights: Weight of each person; by default 1.

    Raises:
        ValueError: The cards are too few or too alike to tell the levels apart.

    Example:
        >>> cards = pd.DataFrame({"price": list("llhh"), "kind": list("abab")})
        >>> found = rated(cards, [[4.0, 3.0, 2.0, 1.0]])
        >>> found.worths.round(2).tolist()  # intercept, h, l, a, b
        [2.5, -1.0, 1.0, 0.5, -0.5]
    """
    y = np.atleast_2d(np.asarray(ratings, float))
    known = {a: sorted(cards[a].unique()) for a in cards.columns}
    x = _effects(cards, known)
    if y.shape[1] != len(cards) or np.linalg.matrix_rank(x) < x.shape[1]:
        msg = f"{len(cards)} cards and {y.shape[1]} ratings a person cannot tell {x.shape[1]} part-worths apart; show more and different cards."
        raise ValueError(msg)
    beta = np.linalg.lstsq(x, y.T, rcond=None)[0].T
    own, at = [beta[:, :1]], 1
    for levels in known.values():
        free = beta[:, at : at + len(levels) - 1]
        own += [free, -free.sum(axis=1, keepdims=True)]
        at += len(levels) - 1
    whole = np.hstack(own)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    ranges, at = [], 1
    for levels in known.values():
        ranges.append(np.ptp(whole[:, at : at + len(levels)], axis=1))
        at += len(levels)
    wide = np.array(ranges).T
    share = wide / np.maximum(wide.sum(axis=1, keepdims=True), 1e-12)
    return Ratings(
        own=whole,
        levels=tuple(f"{a}: {v}" for a, vs in known.items() for v in vs),
        worths=w @ whole / w.sum(),
        importances=dict(zip(known, (w @ share / w.sum()).tolist(), strict=True)),
    )


def card_utilities(found: Ratings, cards: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return each person's utility of each card (people, cards).

    Example:
        >>> cards = pd.DataFrame({"price": list("llhh"), "kind": list("abab")})
        >>> card_utilities(rated(cards, [[4.0, 3.0, 2.0, 1.0]]), cards).round(1).tolist()
        [[4.0, 3.0, 2.0, 1.0]]
    """
    names = [name.split(": ", 1) for name in found.levels]
    row = np.column_stack([cards[a].astype(str) == v for a, v in names]).astype(float)
    return found.own[:, :1] + found.own[:, 1:] @ row.T


def share_rules(
    utilities: npt.NDArray[np.float64], weights: npt.ArrayLike | None = None
) -> pd.DataFrame:
    """Return the products' shares by first choice, logit and in proportion.

    Nobody is dropped: for shares in proportion a person's utilities are lifted so
    that the least is 0 where one is negative.

    Returns:
        One row a product: first, logit, proportion.

    Example:
        >>> share_rules(np.array([[1.0, 3.0]])).round(2).to_numpy().tolist()
        [[0.0, 0.12, 0.25], [1.0, 0.88, 0.75]]
    """
    w = np.ones(len(utilities)) if weights is None else np.asarray(weights, float)
    w = w / w.sum()
    best = utilities == utilities.max(axis=1, keepdims=True)
    grown = np.exp(utilities - utilities.max(axis=1, keepdims=True))
    lifted = utilities - np.minimum(utilities.min(axis=1, keepdims=True), 0)
    rules = {"first": best.astype(float), "logit": grown, "proportion": lifted}
    return pd.DataFrame(
        {
            n: w @ (v / np.maximum(v.sum(axis=1, keepdims=True), 1e-12))
            for n, v in rules.items()
        }
    )


def best_worst(
    answers: pd.DataFrame,
    *,
    person: str = "respondent",
    item: str = "item",
    value: str = "value",
    weights: dict[str, float] | None = None,
) -> pd.DataFrame:
    """Return how much each item is preferred, from best and worst picks.

    The closed form of the logit: ln((1 + d) / (1 - d)) with d the best less the
    worst picks over the times shown (Lipovetsky and Conklin 2014).

    Args:
        answers: One row an item shown to a person in a task; value 1 for best,
            -1 for worst, else 0.
        person: Column of the person.
        item: Column of the item.
        value: Column of the pick.
        weights: Person to weight; by default 1.

    Returns:
        One row an item, best first: item, score, error (as in a simple sample),
        share (of choices if all were shown at once), shown.

    Raises:
        ValueError: A value is none of -1, 0, 1, or an item was always picked.

    Example:
        >>> answers = pd.DataFrame({"respondent": 1, "item": list("abcabc"),
        ...     "value": [1, 0, -1, 0, 1, -1]})
        >>> best_worst(answers.assign(value=[1, 0, -1, 0, 0, 0]))["score"].round(3).tolist()
        [1.099, 0.0, -1.099]
    """
    checks.columns(answers, (person, item, value), "answers")
    strange = ~answers[value].isin([-1, 0, 1])
    if strange.any():
        msg = f"{value} holds {answers.loc[strange, value].iloc[0]!r}; write 1 for best, -1 for worst, 0 for the rest."
        raise ValueError(msg)
    w = 1.0 if weights is None else answers[person].map(weights).to_numpy(float)
    pick = answers[value].to_numpy(float)
    sums = (
        pd.DataFrame(
            {"item": answers[item], "shown": w, "net": pick * w, "any": pick**2 * w}
        )
        .groupby("item")
        .sum()
    )
    d = (sums["net"] / sums["shown"]).to_numpy()
    if (np.abs(d) >= 1).any():
        msg = f"{sums.index[np.abs(d) >= 1][0]!r} was picked every time it was shown; ask more people."
        raise ValueError(msg)
    score = np.log((1 + d) / (1 - d))
    error = (
        2 / (1 - d**2) * np.sqrt(((sums["any"] / sums["shown"]) - d**2) / sums["shown"])
    )
    grown = np.exp(score)
    table = pd.DataFrame(
        {
            "item": sums.index,
            "score": score,
            "error": error.to_numpy(),
            "share": grown / grown.sum(),
            "shown": sums["shown"].to_numpy(),
        }
    )
    return table.sort_values("score", ascending=False, ignore_index=True)


def best_worst_ranges(
    answers: pd.DataFrame,
    people: list[str],
    sets: Replicates,
    *,
    person: str = "respondent",
    item: str = "item",
    value: str = "value",
) -> pd.DataFrame:
    """Return how much each item is preferred with its design-based range.

    Args:
        answers: As `best_worst`.
        people: The persons that `sets` weighs, in its order.
        sets: Replicate weights.
        person: Column of the person.
        item: Column of the item.
        value: Column of the pick.

    Returns:
        item, score, low, high (95 %), best first.

    Example:
        >>> from opslib.market.survey import design
        >>> people = list("abcdefgh")
        >>> picks = pd.DataFrame({"respondent": np.repeat(people, 3), "item": list("xyz") * 8,
        ...     "value": [1, 0, -1, 1, 0, -1, 0, 1, -1, 0, -1, 1] * 2})
        >>> sets = replicates.jackknife(design.draw(pd.DataFrame({"p": people})))
        >>> best_worst_ranges(picks, people, sets)["item"].tolist()
        ['x', 'y', 'z']
    """
    names = {"person": person, "item": item, "value": value}
    order = list(
        best_worst(
            answers,
            weights=dict(zip(people, sets.sample.weights, strict=True)),
            **names,
        )["item"]
    )
    score, again = replicates.spread(
        sets,
        lambda w: (
            best_worst(answers, weights=dict(zip(people, w, strict=True)), **names)
            .set_index("item")["score"]
            .loc[order]
        ),
    )
    reach = 1.96 * replicates.errors(sets, again)
    return pd.DataFrame(
        {"item": order, "score": score, "low": score - reach, "high": score + reach}
    )


def reach(
    liked: pd.DataFrame, *, size: int, weights: npt.ArrayLike | None = None
) -> tuple[tuple[str, ...], float]:
    """Return the set of items that reaches most people, and the share it reaches.

    Args:
        liked: One row a person, one column an item, true where the item would do.
        size: Items in the set; all sets are tried up to 200,000, else one by one.
        weights: Weight of each person.

    Example:
        >>> liked = pd.DataFrame({"a": [1, 1, 0], "b": [1, 0, 0], "c": [0, 0, 1]})
        >>> reach(liked, size=2)
        (('a', 'c'), 1.0)
    """
    from math import comb

    checks.between(size, "size", low=1, high=liked.shape[1])
    likes = liked.to_numpy(bool)
    w = np.ones(len(liked)) if weights is None else np.asarray(weights, float)
    names = [str(c) for c in liked.columns]
    if comb(len(names), size) <= 200_000:
        best = max(
            itertools.combinations(range(len(names)), size),
            key=lambda s: float(w @ likes[:, s].any(axis=1)),
        )
    else:
        best = ()
        for _ in range(size):
            left = [k for k in range(len(names)) if k not in best]
            best = (
                *best,
                max(left, key=lambda k: float(w @ likes[:, [*best, k]].any(axis=1))),
            )
    share = float(w @ likes[:, best].any(axis=1) / w.sum())
    return tuple(names[k] for k in best), share


def best_reach(liked: pd.DataFrame, sets: Replicates, *, most: int = 4) -> pd.DataFrame:
    """Return, for each number of items, the set that reaches most people, with range.

    The set is chosen on the same people, so its reach is a little flattered.

    Returns:
        One row a number of items: size, items, share, low, high (95 %).

    Example:
        >>> from opslib.market.survey import design
        >>> liked = pd.DataFrame({"a": [1, 1, 0] * 20, "b": [0, 0, 1] * 20})
        >>> sets = replicates.bootstrap(design.draw(liked), draws=10)
        >>> best_reach(liked, sets)["share"].round(3).tolist()
        [0.667, 1.0]
    """
    rows = []
    for size in range(1, min(most, liked.shape[1]) + 1):
        items, _ = reach(liked, size=size, weights=sets.sample.weights)
        hit = liked[list(items)].to_numpy(bool).any(axis=1)
        found = replicates.estimate(sets, lambda w, hit=hit: w @ hit / w.sum())
        rows.append((size, items, found.value, found.low, min(1.0, found.high)))
    return pd.DataFrame(rows, columns=["size", "items", "share", "low", "high"])


def _effects(cards: pd.DataFrame, known: dict[str, list]) -> npt.NDArray[np.float64]:
    columns = [np.ones(len(cards))]
    for name, levels in known.items():
        last = (cards[name] == levels[-1]).to_numpy(float)
        columns += [(cards[name] == v).to_numpy(float) - last for v in levels[:-1]]
    return np.column_stack(columns)
