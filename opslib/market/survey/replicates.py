"""This module owns replicate weights: one uncertainty for every number of a survey.

Whatever is computed from weights is computed again from each set of replicate
weights; how far the answers lie apart is the design-based error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from opslib import checks
from opslib.market.survey import design
from opslib.market.survey.design import CONFIDENCE, Estimate, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

SEED = 20260101


@dataclass(frozen=True, kw_only=True)
class Replicates:
    """Sets of weights that differ as repeated samples would.

    Attributes:
        sample: The sample they stand for.
        weights: One row a set, one column a person.
        scale: Factor of each set on its squared distance.
        kind: `jackknife` or `bootstrap`.
    """

    sample: Sample
    weights: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    kind: str


def jackknife(sample: Sample) -> Replicates:
    """Return the sets that each leave out one cluster (JK1, or JKn with strata).

    Weights tuned to known totals are tuned again in every set.

    Raises:
        ValueError: A stratum has only one cluster.

    Example:
        >>> import pandas as pd
        >>> sets = jackknife(design.draw(pd.DataFrame({"y": [1, 2, 3]})))
        >>> sets.weights.shape
        (3, 3)
    """
    clusters, first = np.unique(sample.clusters, return_index=True)
    stratum = sample.strata[first]
    counts = np.bincount(stratum)
    if (counts[stratum] < 2).any():
        at = int(stratum[counts[stratum] < 2][0])
        msg = f"stratum {at} has 1 cluster; leaving one out needs 2. Join it to another stratum or use bootstrap."
        raise ValueError(msg)
    n = counts[stratum]
    rows = []
    for cluster, h, n_h in zip(clusters, stratum, n, strict=True):
        grow = np.where(sample.strata == h, n_h / (n_h - 1), 1.0)
        rows.append(_tuned(sample, np.where(sample.clusters == cluster, 0, grow)))
    scale = (n - 1) / n * (1 - n / sample.sizes[first])
    return Replicates(
        sample=sample, weights=np.array(rows), scale=scale, kind="jackknife"
    )


def bootstrap(
    sample: Sample,
    *,
    draws: int = 200,
    seed: int = SEED,
    names: npt.ArrayLike | None = None,
) -> Replicates:
    """Return the sets of the rescaled bootstrap (Rao, Wu and Yue 1992).

    In each stratum one cluster fewer than there are is drawn with replacement.
    A stratum with one cluster is drawn as if all such strata were one.

    Args:
        sample: The sample.
        draws: Number of sets.
        seed: Seed of the draws.
        names: Name of each person; the same people then get the same sets in whatever
            order they are stored. By default the order itself counts.

    Example:
        >>> import pandas as pd
        >>> sets = bootstrap(design.draw(pd.DataFrame({"y": [1, 2, 3]})), draws=5)
        >>> sets.weights.shape
        (5, 3)
    """
    checks.between(draws, "draws", low=2)
    rng = np.random.default_rng(seed)
    clusters, first = np.unique(sample.clusters, return_index=True)
    stratum = sample.strata[first].copy()
    alone = np.bincount(stratum)[stratum] == 1
    stratum[alone] = stratum.max() + 1
    factors = np.ones((draws, len(clusters)))
    turn = np.arange(len(clusters))
    if names is not None:
        turn = np.argsort(np.asarray(names, str)[first], kind="stable")
    for h in dict.fromkeys(stratum[turn]):
        inside = turn[stratum[turn] == h]
        n = len(inside)
        if n > 1:
            times = rng.multinomial(n - 1, np.full(n, 1 / n), size=draws)
            left = np.clip(1 - n / sample.sizes[first][inside], 0, 1)
            factors[:, inside] = 1 + np.sqrt(left) * (times * n / (n - 1) - 1)
    at = np.searchsorted(clusters, sample.clusters)
    rows = [_tuned(sample, row[at]) for row in factors]
    return Replicates(
        sample=sample,
        weights=np.array(rows),
        scale=np.full(draws, 1 / draws),
        kind="bootstrap",
    )


def part(sets: Replicates, keep: npt.ArrayLike) -> Replicates:
    """Return the sets with everybody outside a group weighing nothing.

    Example:
        >>> import pandas as pd
        >>> sets = jackknife(design.draw(pd.DataFrame({"y": [1, 2, 3]})))
        >>> part(sets, [True, True, False]).weights.sum(axis=0).tolist()
        [3.0, 3.0, 0.0]
    """
    inside = np.asarray(keep, bool)
    return replace(
        sets, sample=design.part(sets.sample, inside), weights=sets.weights * inside
    )


def spread(
    sets: Replicates, measure: Callable[[npt.NDArray[np.float64]], npt.ArrayLike]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return a measure of the weights and its value in each set.

    Args:
        sets: The replicate weights.
        measure: Function of weights (people,) to a number or an array.

    Returns:
        The value with the sample's weights, and an array (sets, *shape).

    Example:
        >>> import pandas as pd
        >>> sets = jackknife(design.draw(pd.DataFrame({"y": [1, 2, 3]})))
        >>> value, again = spread(sets, lambda w: w.sum())
        >>> float(value), again.shape
        (3.0, (3,))
    """
    value = np.asarray(measure(sets.sample.weights), float)
    return value, np.array([measure(row) for row in sets.weights], float)


def errors(sets: Replicates, again: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the standard error that values in each set imply.

    Example:
        >>> import pandas as pd
        >>> sets = jackknife(design.draw(pd.DataFrame({"y": [1, 2, 3]})))
        >>> errors(sets, np.array([2.5, 2.0, 1.5])).round(4).item()
        0.5774
    """
    scale = sets.scale.reshape(-1, *[1] * (again.ndim - 1))
    apart = again - np.nanmean(again, axis=0)
    return np.sqrt(np.nansum(scale * apart**2, axis=0))


def estimate(
    sets: Replicates,
    measure: Callable[[npt.NDArray[np.float64]], float],
    *,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return a measure of the weights with its replicate-based interval.

    Example:
        >>> import pandas as pd
        >>> y = np.array([1.0, 2.0, 3.0])
        >>> sets = jackknife(design.draw(pd.DataFrame({"y": y})))
        >>> round(estimate(sets, lambda w: w @ y / w.sum()).error, 4)
        0.5774
    """
    value, again = spread(sets, measure)
    variance = float(errors(sets, again)) ** 2
    return design.interval(float(value), variance, sets.sample, confidence)


def _tuned(sample: Sample, factor: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if sample.tune is None:
        return sample.weights * factor
    keep = (sample.weights > 0).astype(float)
    return sample.tune(sample.base * factor) * keep
