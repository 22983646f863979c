"""This module owns best-worst questions: what matters most, and what reaches most people."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.choosing import choice, simulate
from opslib.market.survey import replicates

if TYPE_CHECKING:
    import numpy.typing as npt

    from opslib.market.survey.replicates import Replicates

LEAST_PEOPLE = 10


@dataclass(frozen=True, kw_only=True)
class Promises:
    """What matters most to people, from best and worst picks.

    Attributes:
        table: One row an item, best first: item, score (utility, mean 0), share (of
            choices if all were shown at once), each with _low and _high (95 %), and
            counted (the closed form of `best_worst`, without a model).
        reached: Which items together are liked by most people, as `best_reach`.
        people: How many people picked.
        agreement: Correlation of score and counted.
    """

    table: pd.DataFrame
    reached: pd.DataFrame
    people: int
    agreement: float


def promises(
    answers: pd.DataFrame, people: pd.DataFrame, sets: Replicates
) -> Promises | None:
    """Return what matters most, with design-based ranges, and what reaches most people.

    The best is picked by a logit among the items shown, the worst by a logit with the
    opposite signs among those left; all of it is fitted again on every set of
    replicate weights. An item reaches a person who picked it best oftener than worst.
    Assumes that people share their scores; reach alone lets them differ.

    Args:
        answers: One row an item shown: survey, respondent, task, item, pick (1 best,
            -1 worst, 0 neither).
        people: survey and respondent of the people that `sets` weighs, in its order.
        sets: Replicate weights; whoever picked but is not among them weighs the mean.

    Returns:
        The result, or None where fewer than 10 people picked.

    Raises:
        ValueError: A column lacks, a pick is none of -1, 0, 1, or one item decides all.

    Example:
        >>> promises(pd.DataFrame(), pd.DataFrame(), None) is None
        True
    """
    if not len(answers):
        return None
    checks.columns(answers, ("survey", "respondent", "task", "item", "pick"), "picks")
    key = answers["survey"].astype(str) + "|" + answers["respondent"].astype(str)
    rows = answers.assign(respondent=key)
    if key.nunique() < LEAST_PEOPLE:
        return None
    _only_picks(rows["pick"])
    tasks = _tasks(rows)
    mine = simulate.weights_of(tasks, people, sets)
    weight = dict(zip(tasks.people, mine.sample.weights, strict=True))
    counted = best_worst(rows, value="pick", weights=weight).set_index("item")["score"]
    beta = choice.logit(tasks, mine.sample.weights).beta
    score, again = replicates.spread(
        mine, lambda w: _centred(choice.logit(tasks, w, start=beta).beta)
    )
    parts = {}
    for name, (value, sets_of) in {
        "score": (score, again), "share": (_shares(score), _shares(again)),
    }.items():  # fmt: skip
        error = 1.96 * replicates.errors(mine, sets_of)
        parts |= {
            name: value,
            f"{name}_low": value - error,
            f"{name}_high": value + error,
        }
    table = pd.DataFrame({"item": tasks.levels["item"], **parts})
    table["counted"] = table["item"].map(counted)
    liked = rows.pivot_table(
        index="respondent", columns="item", values="pick", aggfunc="sum"
    )
    return Promises(
        table=table.sort_values("score", ascending=False, ignore_index=True),
        reached=best_reach(liked.reindex(list(tasks.people)) > 0, mine),
        people=len(tasks.people),
        agreement=float(table["score"].corr(table["counted"])),
    )


def _tasks(rows: pd.DataFrame) -> choice.Tasks:
    """Return each best pick as a choice, and each worst as one with opposite signs."""
    best = rows.assign(part=0, sign=1.0, taken=rows["pick"] == 1)
    worst = rows[rows["pick"] != 1].assign(part=1, sign=-1.0)
    both = pd.concat([best, worst.assign(taken=worst["pick"] == -1)])
    both["task"] = 2 * pd.factorize(both["task"])[0] + both["part"]
    picked = both.groupby(["respondent", "task"])["taken"].transform("sum") == 1
    both = both[picked].sort_values(["respondent", "task"], kind="stable")
    tasks = choice.encode(both, words={"item": ""}, numbers=(), chosen="taken")
    return replace(tasks, x=tasks.x * both["sign"].to_numpy()[:, None])


def _centred(beta: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    whole = np.append(0.0, beta)
    return whole - whole.mean()


def _shares(score: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    grown = np.exp(score)
    return grown / grown.sum(axis=-1, keepdims=True)


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
    _only_picks(answers[value])
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


def _only_picks(values: pd.Series) -> None:
    strange = values[~values.isin([-1, 0, 1])]
    if len(strange):
        msg = f"{values.name} holds {strange.iloc[0]!r}; write 1 for best, -1 for worst, 0 for the rest."
        raise ValueError(msg)
