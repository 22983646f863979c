"""This module owns how a sample was drawn and the error of what it says.

Errors are design-based (Horvitz-Thompson, linearised): clusters within strata,
finite populations, and weights that were tuned to known totals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Who was asked, for how many each stands, and how they were drawn.

    Attributes:
        base: Weight by design of each person, in people.
        weights: Weight used, in people; equal to `base` until tuned.
        strata: Stratum of each person, as codes from 0.
        clusters: Cluster of each person, as codes from 0, unique over strata.
        sizes: Clusters in the population of each person's stratum; inf if unknown.
        tuned: Weight of everybody after tuning, those outside a group too, or None.
        known: Columns whose totals the weights were tuned to, one row a person.
        tune: Function of base weights (people,) that tunes again, or None.
    """

    base: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    strata: npt.NDArray[np.int64]
    clusters: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.float64]
    tuned: npt.NDArray[np.float64] | None = None
    known: npt.NDArray[np.float64] | None = None
    tune: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]] | None = None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its design-based error.

    Attributes:
        value: The number.
        error: Its standard error, in the same unit.
        low: Lower end of the interval.
        high: Upper end of the interval.
        confidence: Share of such intervals that hold the truth.
    """

    value: float
    error: float
    low: float
    high: float
    confidence: float = CONFIDENCE


def draw(
    people: pd.DataFrame,
    *,
    weight: str = "",
    strata: str = "",
    clusters: str = "",
    size: str = "",
) -> Sample:
    """Describe how people were drawn, from columns of their frame.

    Args:
        people: One row a person.
        weight: Column of the weight by design; empty: everybody weighs 1.
        strata: Column of the stratum; empty: one stratum.
        clusters: Column of the first-stage cluster; empty: each person alone.
        size: Column of the population's number of clusters in the stratum.

    Raises:
        ValueError: A column lacks, a weight is not above zero, nobody is there.

    Example:
        >>> people = pd.DataFrame({"w": [2.0, 2.0, 4.0]})
        >>> float(draw(people, weight="w").weights.sum())
        8.0
    """
    named = [c for c in (weight, strata, clusters, size) if c]
    checks.columns(people, named, "people")
    checks.no_gaps(people, named, "people")
    checks.at_least(len(people), 2, "people", "Load the answers first.")
    n = len(people)
    base = people[weight].to_numpy(float) if weight else np.ones(n)
    if not (base > 0).all():
        at = int(np.argmin(base))
        msg = f"{weight} of person {at} is {base[at]:g}; weights must be above zero. Drop people who stand for nobody."
        raise ValueError(msg)
    stratum = pd.factorize(people[strata])[0] if strata else np.zeros(n, int)
    raw = pd.factorize(people[clusters])[0] if clusters else np.arange(n)
    both = pd.MultiIndex.from_arrays([stratum, raw])
    return Sample(
        base=base,
        weights=base,
        strata=stratum.astype(np.int64),
        clusters=pd.factorize(both)[0].astype(np.int64),
        sizes=people[size].to_numpy(float) if size else np.full(n, np.inf),
    )


def part(sample: Sample, keep: npt.ArrayLike) -> Sample:
    """Return the sample with everybody outside a group weighing nothing.

    The design stays whole, so errors of a group count its random size.

    Example:
        >>> sample = draw(pd.DataFrame({"w": [1.0, 1.0, 2.0]}), weight="w")
        >>> float(part(sample, [True, False, True]).weights.sum())
        3.0
    """
    return replace(sample, weights=np.where(np.asarray(keep, bool), sample.weights, 0))


def covariance(sample: Sample, scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the design covariance of weighted totals of scores.

    Where weights were tuned to known totals, scores are first regressed on the
    known columns with the **base** weights (Deville and Särndal 1992).
    A stratum with one cluster is centred on the mean of all clusters.

    Args:
        sample: The sample.
        scores: One row a person (or a matrix, a column for each total).

    Returns:
        Matrix of (totals, totals).

    Example:
        >>> sample = draw(pd.DataFrame({"y": [1.0, 2.0, 3.0]}))
        >>> covariance(sample, [1.0, 2.0, 3.0]).round(6).tolist()
        [[3.0]]
    """
    scores = np.asarray(scores, float)
    scores = scores[:, None] if scores.ndim == 1 else scores
    used = sample.weights > 0
    if sample.known is not None and sample.tuned is not None:
        root = np.sqrt(sample.base)[:, None]
        inside = np.where(used[:, None], scores, 0)
        beta = np.linalg.lstsq(root * sample.known, root * inside, rcond=None)[0]
        z = sample.tuned[:, None] * (inside - sample.known @ beta)
    else:
        z = sample.weights[:, None] * scores
    return _between_clusters(sample, z)


def mean(
    sample: Sample, values: npt.ArrayLike, *, confidence: float = CONFIDENCE
) -> Estimate:
    """Return the weighted mean with its design-based error; gaps are left out.

    Example:
        >>> found = mean(draw(pd.DataFrame({"y": [1, 2, 3]})), [1.0, 2.0, 3.0])
        >>> found.value, round(found.error, 4)
        (2.0, 0.5774)
    """
    return ratio(sample, values, np.ones(len(sample.base)), confidence=confidence)


def ratio(
    sample: Sample,
    top: npt.ArrayLike,
    bottom: npt.ArrayLike,
    *,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return the ratio of two weighted totals with its linearised error.

    Raises:
        ValueError: Nobody has both values.

    Example:
        >>> sample = draw(pd.DataFrame({"y": [1, 2, 3]}))
        >>> ratio(sample, [1.0, 2.0, 3.0], [2.0, 4.0, 6.0]).error
        0.0
    """
    y, x = np.asarray(top, float), np.asarray(bottom, float)
    there = np.isfinite(y) & np.isfinite(x) & (sample.weights > 0)
    y, x = np.where(there, y, 0), np.where(there, x, 0)
    inside = part(sample, there)
    whole = float(inside.weights @ x)
    if whole == 0:
        msg = "0 people have a value here; ask another question or a wider group."
        raise ValueError(msg)
    value = float(inside.weights @ y) / whole
    scores = np.where(there, (y - value * x) / whole, 0)
    return interval(value, covariance(inside, scores)[0, 0], sample, confidence)


def total(
    sample: Sample, values: npt.ArrayLike, *, confidence: float = CONFIDENCE
) -> Estimate:
    """Return the weighted total with its design-based error.

    Example:
        >>> total(draw(pd.DataFrame({"w": [2.0, 2.0]}), weight="w"), [1.0, 3.0]).value
        8.0
    """
    y = np.nan_to_num(np.asarray(values, float))
    value = float(sample.weights @ y)
    return interval(value, covariance(sample, y)[0, 0], sample, confidence)


def freedom(sample: Sample) -> int:
    """Return the design's degrees of freedom: clusters less strata.

    Example:
        >>> freedom(draw(pd.DataFrame({"w": [1.0, 1.0, 1.0]}), weight="w"))
        2
    """
    return max(1, len(np.unique(sample.clusters)) - len(np.unique(sample.strata)))


def interval(
    value: float, variance: float, sample: Sample, confidence: float
) -> Estimate:
    """Return a number with its interval on the design's degrees of freedom.

    Example:
        >>> sample = draw(pd.DataFrame({"y": range(1000)}))
        >>> round(interval(0.0, 1.0, sample, 0.95).high, 2)
        1.96
    """
    from scipy import stats

    checks.between(confidence, "confidence", low=0, high=1, open_low=True)
    error = float(np.sqrt(max(variance, 0.0)))
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom(sample))) * error
    return Estimate(
        value=float(value),
        error=error,
        low=float(value - reach),
        high=float(value + reach),
        confidence=confidence,
    )


def _between_clusters(
    sample: Sample, z: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    count = int(sample.clusters.max()) + 1
    sums = np.zeros((count, z.shape[1]))
    np.add.at(sums, sample.clusters, z)
    first = np.zeros(count, int)
    first[sample.clusters] = np.arange(len(z))
    stratum, size = sample.strata[first], sample.sizes[first]
    counts = np.bincount(stratum)
    centres = np.zeros((len(counts), z.shape[1]))
    np.add.at(centres, stratum, sums)
    centres = centres / counts[:, None]
    centres[counts == 1] = sums.mean(axis=0)
    drawn = counts[stratum]
    scale = (1 - drawn / size) * drawn / np.maximum(drawn - 1, 1)
    apart = sums - centres[stratum]
    return (apart * scale[:, None]).T @ apart
