"""This module owns choices among products: part-worths, what a feature is worth, shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks

if TYPE_CHECKING:
    import numpy.typing as npt

STEPS = 50


@dataclass(frozen=True, kw_only=True)
class Tasks:
    """Choices as numbers: what was shown and what was taken.

    Attributes:
        x: One row an alternative shown, one column a part-worth.
        names: Name of each column, such as `brand: Ours` or `price`.
        task: Choice of each row, codes from 0, rows of a choice together.
        person: Person of each row, codes from 0 in the order of `people`.
        people: The persons' names.
        taken: Row taken in each choice.
        levels: Attribute to its levels; the first is the reference.
    """

    x: npt.NDArray[np.float64]
    names: tuple[str, ...]
    task: npt.NDArray[np.int64]
    person: npt.NDArray[np.int64]
    people: tuple[str, ...]
    taken: npt.NDArray[np.int64]
    levels: dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Logit:
    """Part-worths that all share.

    Attributes:
        names: Name of each part-worth.
        beta: Part-worths, in utility.
        errors: Standard errors by the information matrix.
        loglik: Log-likelihood.
        null: Log-likelihood of choosing blindly.
    """

    names: tuple[str, ...]
    beta: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64]
    loglik: float
    null: float


def encode(
    shown: pd.DataFrame,
    *,
    words: dict[str, str],
    numbers: tuple[str, ...],
    person: str = "respondent",
    task: str = "task",
    chosen: str = "chosen",
) -> Tasks:
    """Turn shown alternatives into numbers.

    Args:
        shown: One row an alternative shown.
        words: Attribute in words to its reference level (empty: the first by name).
        numbers: Attributes in numbers, such as the price.
        person: Column of the person.
        task: Column of the choice, unique within a person.
        chosen: Column that is true for the alternative taken.

    Raises:
        ValueError: A column lacks, a choice has not exactly one taken alternative,
            or a reference level never occurs.

    Example:
        >>> shown = pd.DataFrame({"respondent": ["a", "a"], "task": [1, 1],
        ...     "brand": ["X", "Y"], "price": [1.0, 2.0], "chosen": [True, False]})
        >>> encode(shown, words={"brand": ""}, numbers=("price",)).names
        ('brand: Y', 'price')
    """
    checks.columns(shown, [person, task, chosen, *words, *numbers], "choices")
    checks.no_gaps(shown, [*words, *numbers], "choices")
    order = [person, task, *words, *numbers]  # however the rows are stored
    rows = shown.sort_values(order, kind="stable").reset_index(drop=True)
    who, people = pd.factorize(rows[person])
    choice = rows.groupby([person, task], sort=False).ngroup().to_numpy()
    hit = rows[chosen].to_numpy().astype(float) > 0
    taken = np.bincount(choice, hit)
    if (taken != 1).any():
        at = int(np.flatnonzero(taken != 1)[0])
        row = rows.loc[choice == at].iloc[0]
        msg = f"choice {row[task]} of {row[person]} has {int(taken[at])} taken alternatives; exactly 1 is needed. Drop or mend the choice."
        raise ValueError(msg)
    levels = {a: _levels(rows[a], first, a) for a, first in words.items()}
    columns = [
        (f"{a}: {level}", (rows[a] == level).to_numpy(float))
        for a, known in levels.items()
        for level in known[1:]
    ] + [(a, rows[a].to_numpy(float)) for a in numbers]
    return Tasks(
        x=np.column_stack([c for _, c in columns]),
        names=tuple(n for n, _ in columns),
        task=choice,
        person=who,
        people=tuple(str(p) for p in people),
        taken=np.flatnonzero(hit),
        levels=levels,
    )


def logit(
    tasks: Tasks,
    weights: npt.ArrayLike | None = None,
    *,
    start: npt.NDArray[np.float64] | None = None,
) -> Logit:
    """Fit the multinomial logit (McFadden 1974) by Newton's method.

    Args:
        tasks: The choices.
        weights: Weight of each person; by default 1.
        start: Part-worths to start from; by default 0.

    Raises:
        ValueError: The part-worths run away: a column decides every choice.

    Example:
        >>> shown = pd.DataFrame({"respondent": list("aabbcc"), "task": 1,
        ...     "brand": list("XYXYXY"), "chosen": [1, 0, 1, 0, 0, 1]})
        >>> found = logit(encode(shown, words={"brand": ""}, numbers=()))
        >>> found.beta.round(4).tolist()  # ln(1/2)
        [-0.6931]
    """
    first = np.flatnonzero(np.diff(tasks.task, prepend=-1))
    diff = tasks.x - tasks.x[tasks.taken][tasks.task]
    w = np.ones(len(tasks.people)) if weights is None else np.asarray(weights, float)
    w_task = w[tasks.person[first]]
    beta = np.zeros(diff.shape[1]) if start is None else start.astype(float)
    value, slope, bend = _newton(diff, first, tasks.task, w_task, beta)
    for _ in range(STEPS):
        step = np.linalg.pinv(bend) @ slope
        grown = _newton(diff, first, tasks.task, w_task, beta + step)
        while grown[0] < value - 1e-9 and np.abs(step).max() > 1e-9:
            step = step / 2
            grown = _newton(diff, first, tasks.task, w_task, beta + step)
        beta, (value, slope, bend) = beta + step, grown
        if np.abs(step).max() < 1e-8:
            break
    if np.abs(beta).max() > 50 or not np.isfinite(beta).all():
        at = int(np.argmax(np.abs(np.nan_to_num(beta, nan=np.inf))))
        msg = f"part-worth {tasks.names[at]!r} runs to {beta[at]:.3g}: it decides every choice. Join rare levels or ask more people."
        raise ValueError(msg)
    sizes = np.diff(np.append(first, len(diff)))
    return Logit(
        names=tasks.names,
        beta=beta,
        errors=np.sqrt(np.diag(np.linalg.pinv(bend))),
        loglik=float(value),
        null=float(-(w_task @ np.log(sizes))),
    )


def worth(
    beta: npt.NDArray[np.float64], names: tuple[str, ...], price: str = "price"
) -> npt.NDArray[np.float64]:
    """Return what each part-worth is worth in money: minus itself over the price's.

    Args:
        beta: Part-worths, the last axis in the order of `names`.
        names: Their names.
        price: Name of the price's part-worth.

    Returns:
        Money, of the same shape; the price's own entry is 1.

    Raises:
        ValueError: There is no part-worth of that name.

    Example:
        >>> worth(np.array([1.0, -0.5]), ("brand: X", "price")).tolist()
        [2.0, 1.0]
    """
    checks.one_of(price, "price", names)
    at = names.index(price)
    money = -beta / beta[..., at : at + 1]
    money[..., at] = 1.0
    return money


def offers(tasks: Tasks, table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return products described in words as rows of numbers like the choices'.

    Raises:
        ValueError: A level was never shown, so nothing is known of it.

    Example:
        >>> shown = pd.DataFrame({"respondent": list("aabb"), "task": 1,
        ...     "brand": list("XYXY"), "price": [1.0, 2, 2, 1], "chosen": [1, 0, 0, 1]})
        >>> tasks = encode(shown, words={"brand": ""}, numbers=("price",))
        >>> offers(tasks, pd.DataFrame({"brand": ["Y"], "price": [3.0]})).tolist()
        [[1.0, 3.0]]
    """
    checks.columns(table, [*tasks.levels, *_numbers(tasks)], "offers")
    for attribute, known in tasks.levels.items():
        strange = set(table[attribute]) - set(known)
        if strange:
            msg = f"{attribute} {sorted(strange)[0]!r} was never shown; known are {list(known)}. Choose one of these."
            raise ValueError(msg)
    columns = [
        (table[name.split(": ", 1)[0]] == name.split(": ", 1)[1]).to_numpy(float)
        if ": " in name
        else table[name].to_numpy(float)
        for name in tasks.names
    ]
    return np.column_stack(columns)


def shares(
    beta: npt.NDArray[np.float64],
    rows: npt.NDArray[np.float64],
    *,
    nothing: float | None = None,
) -> npt.NDArray[np.float64]:
    """Return the chance that each product is taken.

    Nobody is dropped, whatever the sign of a utility.

    Args:
        beta: Part-worths (..., columns).
        rows: Products (products, columns).
        nothing: Utility of buying nothing, or None where all buy.

    Returns:
        Chances (..., products), with nothing as the last where allowed.

    Example:
        >>> shares(np.array([0.0]), np.array([[1.0], [2.0]])).tolist()
        [0.5, 0.5]
    """
    utility = beta @ rows.T
    if nothing is not None:
        left = np.full((*utility.shape[:-1], 1), float(nothing))
        utility = np.concatenate([utility, left], axis=-1)
    utility = np.exp(utility - utility.max(axis=-1, keepdims=True))
    return utility / utility.sum(axis=-1, keepdims=True)


def _newton(
    diff: npt.NDArray[np.float64],
    first: npt.NDArray[np.int64],
    task: npt.NDArray[np.int64],
    w: npt.NDArray[np.float64],
    beta: npt.NDArray[np.float64],
) -> tuple[float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    grown = np.exp(np.clip(diff @ beta, -500, 500))
    sums = np.add.reduceat(grown, first)
    p = grown / sums[task]
    pw = (p * w[task])[:, None]
    mean = np.add.reduceat(diff * p[:, None], first, axis=0)
    bend = (diff * pw).T @ diff - (mean * w[:, None]).T @ mean
    return float(-(w @ np.log(sums))), -(w @ mean), bend


def _levels(column: pd.Series, first: str, name: str) -> tuple[str, ...]:
    found = sorted(column.unique())
    if first:
        checks.one_of(first, f"reference level of {name}", found)
    return (first or found[0], *(x for x in found if x != (first or found[0])))


def _numbers(tasks: Tasks) -> list[str]:
    return [n for n in tasks.names if ": " not in n]
