"""This module owns rated product cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt


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


def _effects(cards: pd.DataFrame, known: dict[str, list]) -> npt.NDArray[np.float64]:
    columns = [np.ones(len(cards))]
    for name, levels in known.items():
        last = (cards[name] == levels[-1]).to_numpy(float)
        columns += [(cards[name] == v).to_numpy(float) - last for v in levels[:-1]]
    return np.column_stack(columns)
