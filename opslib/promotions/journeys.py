"""This module owns journeys: which contacts the paths to purchase depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import linalg

from opslib import checks

if TYPE_CHECKING:
    from numpy.typing import NDArray

ARROW = " > "
WAYS = ("removal", "shapley", "first", "last", "linear")
ORDERS = (1, 2, 3)


@dataclass(frozen=True, kw_only=True)
class Credit:
    """How purchases are shared out among channels.

    Attributes:
        shares: One row a channel: `channel` and its share by `removal` (with `low` and
            `high`, 90 %), `shapley`, `first`, `last`, `linear`; `paths`: share of the
            purchases whose path holds it.
        conversions: Purchases shared out.
        ended: Paths that ended without one.
        order: Contacts that the next step depends on.
        by_order: Share by removal for other orders: `channel`, `order`, `removal`.
    """

    shares: pd.DataFrame
    conversions: float
    ended: float
    order: int
    by_order: pd.DataFrame


def credit_paths(
    paths: pd.DataFrame,
    *,
    order: int = 1,
    draws: int = 200,
    orders: bool = False,
    seed: int = 1,
) -> Credit:
    """Return how purchases are shared out among channels, five ways.

    Removal: paths are an absorbing Markov chain of purchases and of paths without one;
    a channel's effect is the share of purchases lost when every path that meets it ends
    there, solved exactly; effects are scaled to add up (Anderl and others 2016).
    Shapley: each purchase is shared evenly by the channels of its path, which is the
    exact Shapley value of purchases by sets of channels (Zhao and others 2018).
    None of them is what a channel caused: who meets a channel differs from who does not.

    Args:
        paths: `path` (channels joined by " > "), `conversions`, `nulls`.
        order: Contacts the next step depends on, 1 to 3.
        draws: Resamples of visitors for the range of removal, 0 for none (order 1 only).
        orders: Whether to work out the other orders too.
        seed: Seed of the resamples.

    Returns:
        Shares that add up to one in each way. Without any purchase there is nothing to
        share: no rows, `conversions` 0, and `ended` tells how many paths there were.

    Raises:
        ValueError: A column lacks or has gaps, the order is none of 1 to 3, or counts
            are negative.

    Example:
        >>> told = pd.DataFrame({"path": ["a > b", "b"], "conversions": [1, 1], "nulls": [0, 2]})
        >>> credit_paths(told, draws=0).shares.set_index("channel")["removal"].round(3).to_dict()
        {'b': 0.8, 'a': 0.2}
        >>> none = credit_paths(told.assign(conversions=0))
        >>> len(none.shares), none.ended
        (0, 2.0)
    """
    checks.columns(paths, ["path", "conversions", "nulls"], "paths")
    checks.one_of(order, "order", ORDERS)
    checks.no_gaps(paths, ["path", "conversions", "nulls"], "paths")
    bought, ended = (paths[c].to_numpy(dtype=float) for c in ("conversions", "nulls"))
    least = np.concatenate([bought, ended]).min(initial=0.0)
    if least < 0:
        msg = f"paths hold a count of {least:g}; counts of purchases and of paths without one must not be negative. Correct the delivery."
        raise ValueError(msg)
    if bought.sum() <= 0:
        return Credit(
            shares=pd.DataFrame(columns=["channel", *WAYS, "low", "high", "paths"]),
            conversions=0.0,
            ended=float(ended.sum()),
            order=order,
            by_order=pd.DataFrame(columns=["channel", "order", "removal"]),
        )
    path, code, names = _contacts(paths)
    removal = _Chain(path, code, len(names), order).shares(bought, ended)
    frame = _simple(path, code, len(names), bought).assign(
        channel=list(names), removal=removal, low=np.nan, high=np.nan
    )
    if draws and order == 1:
        frame["low"], frame["high"] = _range(
            path, code, len(names), bought, ended, np.random.default_rng(seed), draws
        )
    rows = [
        pd.DataFrame(
            {
                "channel": list(names),
                "order": k,
                "removal": removal
                if k == order
                else _Chain(path, code, len(names), k).shares(bought, ended),
            }
        )
        for k in ORDERS
        if orders or k == order
    ]
    shares = frame[["channel", *WAYS, "low", "high", "paths"]].sort_values(
        "removal", ascending=False, ignore_index=True
    )
    return Credit(
        shares=shares,
        conversions=float(bought.sum()),
        ended=float(ended.sum()),
        order=order,
        by_order=pd.concat(rows, ignore_index=True),
    )


def kept_without(paths: pd.DataFrame, gone: list[str]) -> float:
    """Return the share of purchases that paths would keep without some channels.

    Args:
        paths: As for `credit_paths`, with at least one purchase.
        gone: Channels taken out together; every path that meets one ends there.

    Raises:
        ValueError: A channel stands in no path.

    Example:
        >>> told = pd.DataFrame({"path": ["a > b", "b"], "conversions": [1, 1], "nulls": [0, 2]})
        >>> round(kept_without(told, ["a"]), 3)
        0.75
    """
    path, code, names = _contacts(paths)
    for name in gone:
        checks.one_of(name, "channel", names)
    chain = _Chain(path, code, len(names), 1)
    return chain.kept(
        *(paths[c].to_numpy(dtype=float) for c in ("conversions", "nulls")),
        [list(names).index(g) for g in gone],
    )


def _contacts(
    paths: pd.DataFrame,
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Return each contact's path and channel, and the channels' names."""
    steps = paths["path"].astype(str).str.split(ARROW)
    code, names = pd.factorize(
        pd.Series([c.strip() for row in steps for c in row]), sort=True
    )
    return np.repeat(np.arange(len(paths)), steps.str.len()), code, list(names)


def _simple(
    path: NDArray[np.int64],
    code: NDArray[np.int64],
    count: int,
    bought: NDArray[np.float64],
) -> pd.DataFrame:
    """Return the shares by first, last and every contact, and by sets of channels."""
    start = np.r_[True, path[1:] != path[:-1]]
    last = np.r_[start[1:], True]
    length = np.bincount(path)
    once = np.unique(path * count + code)
    which, channel = once // count, once % count
    sets = np.bincount(which)
    total = bought.sum()
    return pd.DataFrame(
        {
            "first": np.bincount(code[start], bought[path[start]], count) / total,
            "last": np.bincount(code[last], bought[path[last]], count) / total,
            "linear": np.bincount(code, bought[path] / length[path], count) / total,
            "shapley": np.bincount(channel, bought[which] / sets[which], count) / total,
            "paths": np.bincount(channel, bought[which], count) / total,
        }
    )


class _Chain:
    """The absorbing chain of one order: states are the last contacts, start is zero."""

    def __init__(
        self, path: NDArray[np.int64], code: NDArray[np.int64], count: int, order: int
    ) -> None:
        held = np.zeros((len(code), order), dtype=np.int64)
        place = np.arange(len(code)) - np.r_[0, np.cumsum(np.bincount(path))][path]
        for back in range(order):
            held[back:, back] = np.where(
                place[back:] >= back, code[: len(code) - back] + 1, 0
            )
        key = held @ ((count + 1) ** np.arange(order))
        states, first, self.state = np.unique(
            key, return_index=True, return_inverse=True
        )
        self.state = self.state + 1
        self.holds = np.zeros((count, len(states) + 1), dtype=bool)
        for c in range(count):
            self.holds[c, 1:] = (held[first] == c + 1).any(axis=1)
        self.path, self.size = path, len(states) + 1
        self.start = place == 0
        self.end = np.r_[self.start[1:], True]

    def shares(
        self, bought: NDArray[np.float64], ended: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return each channel's removal effect, scaled to add up to one."""
        move, win = self._moves(bought, ended)
        whole = self._chance(move, win, np.ones(self.size, dtype=bool))
        effect = np.array(
            [1 - self._chance(move, win, ~gone) / whole for gone in self.holds]
        )
        return effect / effect.sum()

    def kept(
        self, bought: NDArray[np.float64], ended: NDArray[np.float64], gone: list[int]
    ) -> float:
        """Return the share of purchases left when some channels are gone."""
        move, win = self._moves(bought, ended)
        left = ~self.holds[gone].any(axis=0)
        return self._chance(move, win, left) / self._chance(
            move, win, np.ones(self.size, dtype=bool)
        )

    def _moves(
        self, bought: NDArray[np.float64], ended: NDArray[np.float64]
    ) -> tuple[sparse.csr_matrix, NDArray[np.float64]]:
        weight = (bought + ended)[self.path]
        before = np.where(self.start, 0, np.r_[0, self.state[:-1]])
        move = sparse.coo_matrix(
            (weight, (before, self.state)), shape=(self.size, self.size)
        ).tocsr()
        win = np.bincount(self.state[self.end], bought[self.path[self.end]], self.size)
        out = (
            np.bincount(self.state[self.end], weight[self.end], self.size)
            + np.asarray(move.sum(axis=1)).ravel()
        )
        scale = sparse.diags(1 / np.maximum(out, 1e-300))
        return (scale @ move).tocsr(), scale @ win

    def _chance(
        self, move: sparse.csr_matrix, win: NDArray[np.float64], kept: NDArray[np.bool_]
    ) -> float:
        part = sparse.identity(kept.sum(), format="csc") - move[kept][:, kept].tocsc()
        return float(np.atleast_1d(linalg.spsolve(part, win[kept]))[0])


def _range(
    path: NDArray[np.int64],
    code: NDArray[np.int64],
    count: int,
    bought: NDArray[np.float64],
    ended: NDArray[np.float64],
    draw: np.random.Generator,
    draws: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 90 % range of removal over resampled visitors, all solved at once."""
    size = count + 1
    start = np.r_[True, path[1:] != path[:-1]]
    end = np.r_[start[1:], True]
    before = np.where(start, 0, np.r_[0, code[:-1] + 1])
    moves = sparse.csr_matrix(
        (np.ones(len(code)), (before * size + code + 1, path)),
        shape=(size * size, len(bought)),
    )
    ends = sparse.csr_matrix(
        (np.ones(end.sum()), (code[end] + 1, path[end])), shape=(size, len(bought))
    )
    won, lost = (
        draw.poisson(bought, (draws, len(bought))).T,
        draw.poisson(ended, (draws, len(bought))).T,
    )
    step = (moves @ (won + lost)).T.reshape(draws, size, size)
    win = (ends @ won).T
    out = np.maximum(step.sum(axis=2) + (ends @ (won + lost)).T, 1e-300)
    step, win = step / out[:, :, None], win / out
    keep = np.ones((count + 1, size))
    keep[np.arange(1, count + 1), np.arange(1, size)] = 0
    system = np.eye(size) - step[:, None] * keep[:, :, None] * keep[:, None, :]
    chance = np.linalg.solve(system, (win[:, None] * keep)[..., None])[:, :, 0, 0]
    effect = 1 - chance[:, 1:] / np.maximum(chance[:, :1], 1e-300)
    shares = effect / np.maximum(effect.sum(axis=1, keepdims=True), 1e-300)
    low, high = np.quantile(shares, [0.05, 0.95], axis=0)
    return low, high
