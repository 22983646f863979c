"""This module owns part-worths that differ from person to person: the mixed logit.

Each person's draws come from a proposal fitted to that person's own choices
(importance sampling), so that the simulated likelihood is steady with few draws,
and the same draws, weighted, are that person's own part-worths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from opslib import checks
from opslib.market.choosing import choice

if TYPE_CHECKING:
    import numpy.typing as npt

    from opslib.market.choosing.choice import Tasks

TAILS = 6  # degrees of freedom of the proposals
ROUNDS = 8
KEPT = 50  # draws kept for each person


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """Part-worths as normal distributions over people, and each person's own.

    Attributes:
        names: Name of each part-worth.
        mean: Mean over people, in utility.
        sd: Standard deviation over people; 0 where all share one.
        loglik: Simulated log-likelihood.
        people: The persons' names.
        own: Each person's part-worths, mean (people, names).
        draws: Draws of each person's part-worths (people, draws, names).
    """

    names: tuple[str, ...]
    mean: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64]
    loglik: float
    people: tuple[str, ...]
    own: npt.NDArray[np.float64]
    draws: npt.NDArray[np.float64]


def mixed(
    tasks: Tasks, *, same: tuple[str, ...] = (), draws: int = 500, seed: int = 1
) -> Mixed:
    """Fit independent normal part-worths over people by simulated likelihood.

    Assumes a person's part-worths hold for all of that person's choices.
    Equals hierarchical Bayes in use: each person's part-worths lean on everybody's
    (Train 2009, chapters 6 and 11).

    Args:
        tasks: The choices.
        same: Part-worths that all people share, such as the price.
        draws: Draws for each person.
        seed: Seed of the draws.

    Raises:
        ValueError: A shared name is unknown, or there are fewer than 10 people.

    Example:
        >>> import pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(0, 1, (30, 8, 2))
        >>> b = rng.normal(1, 1, (30, 1, 1))
        >>> top = (b * x + rng.gumbel(0, 1, x.shape)).argmax(axis=2).ravel()
        >>> shown = pd.DataFrame({"x": x.ravel(), "chosen": np.eye(2)[top].ravel(),
        ...     "respondent": np.repeat(range(30), 16), "task": np.repeat(range(240), 2)})
        >>> found = mixed(choice.encode(shown, words={}, numbers=("x",)), draws=100)
        >>> bool(0.5 < found.mean[0] < 1.5)
        True
    """
    for name in same:
        checks.one_of(name, "same", tasks.names)
    checks.at_least(len(tasks.people), 10, "people with choices", "Ask more people.")
    free = np.array([n not in same for n in tasks.names])
    state = _Likelihood(tasks, free)
    theta = np.concatenate(
        [choice.logit(tasks).beta, np.full(int(free.sum()), np.log(0.5))]
    )
    before = -np.inf
    for k in range(ROUNDS):
        count = max(50, draws // 5) if k < 3 else draws
        state.propose(theta, count, seed)
        theta, value = state.climb(theta, 40 if k < 3 else 15)
        if k > 3 and abs(value - before) < 0.02:
            break
        before = value
    return _result(tasks, state, theta, draws, seed)


def loglik(tasks: Tasks, found: Mixed, *, draws: int = 5000, seed: int = 2) -> float:
    """Return the simulated log-likelihood of a fit on other draws.

    Example:
        >>> import inspect
        >>> inspect.signature(loglik).parameters["draws"].default
        5000
    """
    free = found.sd > 0
    state = _Likelihood(tasks, free)
    theta = np.concatenate([found.mean, np.log(found.sd[free])])
    state.propose(theta, draws, seed)
    return state.value(theta)[0]


class _Likelihood:
    """The simulated likelihood of given draws."""

    def __init__(self, tasks: Tasks, free: npt.NDArray[np.bool_]) -> None:
        self.free = free
        self.count = len(free)
        diff = tasks.x - tasks.x[tasks.taken][tasks.task]
        edges = np.flatnonzero(np.diff(tasks.person, prepend=-1, append=-2))
        order = tasks.person[edges[:-1]]
        self.parts = [None] * len(order)
        for who, a, b in zip(order, edges[:-1], edges[1:], strict=True):
            first = np.flatnonzero(np.diff(tasks.task[a:b], prepend=-1))
            self.parts[who] = (diff[a:b], first, tasks.task[a:b] - tasks.task[a])

    def propose(self, theta: npt.NDArray[np.float64], draws: int, seed: int) -> None:
        """Draw for each person from a Student distribution about that person's peak."""
        from scipy import special, stats

        k = int(self.free.sum())
        shift = np.random.default_rng(seed).random((len(self.parts), k + 1))
        power = int(np.ceil(np.log2(draws)))
        points = stats.qmc.Sobol(k + 1, seed=seed).random_base2(power)[:draws]
        uniform = (points[:, None, :] + shift) % 1
        uniform = np.clip(uniform, 1e-9, 1 - 1e-9)
        wide = np.sqrt(TAILS / stats.chi2.ppf(uniform[:, :, -1], TAILS))
        normal = special.ndtri(uniform[:, :, :-1]) * wide[:, :, None]
        flat = special.gammaln((TAILS + k) / 2) - special.gammaln(TAILS / 2)
        flat -= k / 2 * np.log(TAILS * np.pi)
        self.beta, self.density = [], []
        for who, part in enumerate(self.parts):
            peak, root = self._peak(theta, part)
            z = normal[:, who]
            self.beta.append(peak + z @ root.T)
            height = flat - (TAILS + k) / 2 * np.log1p((z**2).sum(axis=1) / TAILS)
            self.density.append(height - np.log(np.abs(np.diag(root))).sum())

    def value(
        self, theta: npt.NDArray[np.float64]
    ) -> tuple[float, npt.NDArray[np.float64]]:
        """Return log-likelihood and gradient."""
        mean, spread, fixed = self._split(theta)
        total, slope = 0.0, np.zeros(len(theta))
        free, k = self.free, self.count
        for part, beta, density in zip(
            self.parts, self.beta, self.density, strict=True
        ):
            diff, first, task = part
            grown = np.exp(
                np.clip(
                    diff[:, free] @ beta.T + (diff[:, ~free] @ fixed)[:, None],
                    -500,
                    500,
                )
            )
            sums = np.add.reduceat(grown, first, axis=0)
            z = (beta - mean) / spread
            height = -np.log(sums).sum(axis=0) - 0.5 * (z**2).sum(axis=1)
            height -= (
                np.log(spread).sum() + 0.5 * len(spread) * np.log(2 * np.pi) + density
            )
            top = height.max()
            w = np.exp(height - top)
            total += top + np.log(w.mean())
            w = w / w.sum()
            slope[:k][free] += w @ z / spread
            slope[k:] += w @ (z**2 - 1)
            if not free.all():
                slope[:k][~free] -= diff[:, ~free].T @ ((grown / sums[task]) @ w)
        return total, slope

    def climb(
        self, theta: npt.NDArray[np.float64], steps: int
    ) -> tuple[npt.NDArray[np.float64], float]:
        """Return better parameters on the same draws."""
        from scipy import optimize

        def down(t: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
            value, slope = self.value(t)
            return -value, -slope

        low = [(None, None)] * self.count + [(np.log(1e-3), np.log(50))] * int(
            self.free.sum()
        )
        found = optimize.minimize(
            down,
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=low,
            options={"maxiter": steps},
        )
        return found.x, -float(found.fun)

    def own(
        self, theta: npt.NDArray[np.float64], who: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return a person's draws of all part-worths and their weights."""
        mean, spread, fixed = self._split(theta)
        diff, first, _ = self.parts[who]
        beta = self.beta[who]
        grown = np.exp(
            np.clip(
                diff[:, self.free] @ beta.T + (diff[:, ~self.free] @ fixed)[:, None],
                -500,
                500,
            )
        )
        z = (beta - mean) / spread
        height = -np.log(np.add.reduceat(grown, first, axis=0)).sum(axis=0)
        height = height - 0.5 * (z**2).sum(axis=1) - self.density[who]
        w = np.exp(height - height.max())
        whole = np.tile(theta[: self.count], (len(beta), 1))
        whole[:, self.free] = beta
        return whole, w / w.sum()

    def _split(
        self, theta: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], ...]:
        level = theta[: self.count]
        return level[self.free], np.exp(theta[self.count :]), level[~self.free]

    def _peak(self, theta: npt.NDArray[np.float64], part: tuple) -> tuple:
        mean, spread, fixed = self._split(theta)
        diff, first, task = part
        base = diff[:, ~self.free] @ fixed
        x = diff[:, self.free]
        prior = np.diag(1 / spread**2)
        beta = mean.copy()
        for _ in range(25):
            grown = np.exp(np.clip(x @ beta + base, -500, 500))
            p = grown / np.add.reduceat(grown, first)[task]
            centre = np.add.reduceat(x * p[:, None], first, axis=0)
            bend = (x * p[:, None]).T @ x - centre.T @ centre + prior
            step = np.linalg.solve(bend, -centre.sum(axis=0) - prior @ (beta - mean))
            beta = beta + step / max(1.0, np.abs(step).max() / 3)
            if np.abs(step).max() < 1e-5:
                break
        return beta, np.linalg.cholesky(np.linalg.inv(bend))


def _result(
    tasks: Tasks,
    state: _Likelihood,
    theta: npt.NDArray[np.float64],
    draws: int,
    seed: int,
) -> Mixed:
    state.propose(theta, draws, seed)
    value, _ = state.value(theta)
    rng = np.random.default_rng(seed)
    own, kept = [], []
    for who in range(len(tasks.people)):
        beta, w = state.own(theta, who)
        own.append(w @ beta)
        kept.append(beta[rng.choice(len(w), KEPT, p=w)])
    sd = np.zeros(state.count)
    sd[state.free] = np.exp(theta[state.count :])
    return Mixed(
        names=tasks.names,
        mean=theta[: state.count],
        sd=sd,
        loglik=value,
        people=tasks.people,
        own=np.array(own),
        draws=np.array(kept),
    )
