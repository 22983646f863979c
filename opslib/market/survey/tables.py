"""This module owns tables of answers by group: shares, errors, letters, association.

All numbers come from the same replicate weights. Counts of every row and column are
one matrix product for each set, in blocks of people.
Long because table, tests and conventions share the same counts.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.survey import design
from opslib.market.survey.intake import LARGE, NET, SHARE

if TYPE_CHECKING:
    import numpy.typing as npt

    from opslib.market.survey.design import Sample
    from opslib.market.survey.intake import Measures
    from opslib.market.survey.replicates import Replicates

BLOCK, STACK = 8192, 2048
SURE, LIKELY = 0.05, 0.10
CONVENTIONS = ("design", "effective", "weighted", "unweighted")


@dataclass(frozen=True, kw_only=True)
class Crosstab:
    """A book of tables: every row of every question in every group.

    Attributes:
        rows: The rows, as in `Measures`.
        columns: banner, label, letter; the first is everybody.
        share: Value of each row in each column; shares as 0 to 1.
        error: Its design-based error.
        bases: Name to (questions, columns): people, weighted, effective.
        tests: One row a pair of columns and row: row, column, other (places in rows
            and columns; other -1 is the rest of the banner), difference, error, chance
            (of one as large by luck), found (chance after the false-discovery control).
        links: One row a question and banner: question, banner, f, chance.
        free: Degrees of freedom of the tests.
    """

    rows: pd.DataFrame
    columns: pd.DataFrame
    share: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]
    bases: dict[str, npt.NDArray[np.float64]]
    tests: pd.DataFrame
    links: pd.DataFrame
    free: int


def crosstab(
    told: Measures,
    banners: pd.DataFrame,
    sets: Replicates,
    *,
    least: int = 30,
    control: bool = True,
) -> Crosstab:
    """Return every question by every banner, with errors and tests.

    Columns of a banner are compared with each other and each with the rest of its
    banner. Columns with fewer than `least` people are shown but not tested.
    The control of false discoveries (Benjamini and Hochberg 1995) runs over all
    tests of the book, column tests and tests against the rest apart.

    Args:
        told: What is measured of each person.
        banners: Same people; one column a banner, its groups as text, gaps left out.
        sets: Replicate weights of the same people.
        least: Fewest people in a column that is tested.
        control: Whether false discoveries are controlled.

    Raises:
        ValueError: The frames are of different people.

    Example:
        >>> from opslib.market.survey import intake, replicates
        >>> p = pd.DataFrame({"survey": "w", "respondent": range(80)})
        >>> q = pd.DataFrame({"survey": ["w"], "question": ["q"], "kind": ["single"],
        ...     "wording": [""], "choices": ["yes;no"]})
        >>> said = p.assign(question="q", answer=["yes", "no"] * 40)
        >>> told = intake.measures(intake.collect(q, p, said))
        >>> sets = replicates.bootstrap(design.draw(p), draws=20)
        >>> half = pd.DataFrame({"half": ["a", "b"] * 40})
        >>> crosstab(told, half, sets).share.tolist()
        [[0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]
    """
    checks.at_least(len(banners), 2, "people", "Load the answers first.")
    if len(banners) != len(told.values) or len(banners) != sets.weights.shape[1]:
        msg = f"{len(told.values)} people answered, {len(banners)} have groups and {sets.weights.shape[1]} have weights; hand over the same people."
        raise ValueError(msg)
    columns, hot = _columns(banners, told.values.dtype)
    base = sets.sample.weights
    every = np.vstack([base, sets.weights])
    left = np.hstack([told.values, told.asked])
    sums = _sums(left, hot, every)
    extra = _sums(told.asked, hot, np.vstack([base > 0, base**2]).astype(float))
    k = len(told.rows)
    at = told.rows["at"].to_numpy()
    top, under = sums[:, :k], sums[:, k:]
    bases = {
        "people": extra[0],
        "weighted": under[0],
        "effective": np.divide(
            under[0] ** 2, extra[1], out=np.zeros_like(extra[1]), where=extra[1] > 0
        ),
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        share = top / under[:, at]
    free = min(design.freedom(sets.sample), len(sets.weights) - 1)
    found = Crosstab(
        rows=told.rows,
        columns=columns,
        share=share[0],
        error=_error(share[1:], sets.scale),
        bases=bases,
        tests=pd.DataFrame(),
        links=pd.DataFrame(),
        free=free,
    )
    tests = _pairs(found, share, top, under[:, at], sets.scale)
    people = bases["people"][at]
    for one, other in (("column", "people"), ("other", "others")):
        tests[other] = people[tests["row"], tests[one].clip(lower=0)]
    tested = (tests["people"] >= least) & (tests["others"] >= least)
    tests["chance"] = tests["chance"].where(tested)
    tests = tests.drop(columns=["people", "others"])
    tests["found"] = _controlled(tests) if control else tests["chance"]
    return Crosstab(
        rows=found.rows,
        columns=columns,
        share=found.share,
        error=found.error,
        bases=bases,
        tests=tests,
        links=_links(found, top, sets.scale),
        free=free,
    )


def letters(found: Crosstab, *, against_rest: bool = False) -> npt.NDArray[np.str_]:
    """Return each cell's letters: of which columns it is above, beyond chance.

    Capitals at 5 %, small letters at 10 %; against the rest + or - instead.

    Example:
        >>> import inspect
        >>> list(inspect.signature(letters).parameters)
        ['found', 'against_rest']
    """
    out = np.full(found.share.shape, "", dtype=object)
    tests = found.tests[found.tests["found"] < LIKELY]
    tests = tests[(tests["other"] < 0) == against_rest]
    names = found.columns["letter"].to_numpy()
    for t in tests.itertuples():
        up, down = (t.column, t.other) if t.difference > 0 else (t.other, t.column)
        if against_rest:
            out[t.row, t.column] = "+" if t.difference > 0 else "-"
        else:
            sign = names[down]
            out[t.row, up] += sign if t.found < SURE else sign.lower()
    return np.array([["".join(sorted(c)) for c in row] for row in out], dtype=str)


def under_convention(
    found: Crosstab, convention: str, *, control: bool = True
) -> pd.DataFrame:
    """Return the column tests of shares as a common package would run them.

    `effective`: pooled z-test on Kish's effective bases; `weighted`: on weighted
    counts (mean weight 1) rounded to whole people, as if so many had been asked;
    `unweighted`: weighted shares on the people asked. `design` returns our own.

    Returns:
        The tests, with chance and found of that convention.

    Raises:
        ValueError: The convention is unknown.
    """
    from scipy import stats

    checks.one_of(convention, "convention", CONVENTIONS)
    rows = np.flatnonzero(found.rows["kind"].isin([SHARE, NET]))
    tests = found.tests[found.tests["row"].isin(rows) & (found.tests["other"] >= 0)]
    if convention == "design":
        return tests
    key = {"unweighted": "people"}.get(convention, convention)
    size = found.bases[key][found.rows["at"].to_numpy()]
    if convention == "weighted":
        size = np.round(size * found.bases["people"][0, 0] / size[0, 0])
    count = (
        np.round(found.share * size) if convention == "weighted" else found.share * size
    )
    r, a, b = (tests[c].to_numpy() for c in ("row", "column", "other"))
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = (count[r, a] + count[r, b]) / (size[r, a] + size[r, b])
        spread = np.sqrt(pooled * (1 - pooled) * (1 / size[r, a] + 1 / size[r, b]))
        z = (count[r, a] / size[r, a] - count[r, b] / size[r, b]) / spread
    chance = pd.Series(2 * stats.norm.sf(np.abs(z)), index=tests.index)
    tests = tests.assign(chance=chance.where(tests["chance"].notna()))
    return tests.assign(found=_controlled(tests) if control else tests["chance"])


def by_convention(found: Crosstab, convention: str) -> Crosstab:
    """Return the book with the tests of a convention, as that package would print it.

    The tests of means and scores stay our own. See `under_convention`.
    """
    if convention == "design":
        return found
    theirs = under_convention(found, convention, control=False)
    rest = found.tests.drop(theirs.index)
    return replace(found, tests=pd.concat([theirs, rest]).sort_index())


def flips(
    found: Crosstab, convention: str = "", *, control: bool = False
) -> pd.DataFrame:
    """Return the cells whose letter differs under another convention.

    Args:
        found: The book.
        convention: One of `CONVENTIONS`; empty for all but our own.
        control: Whether it controls false discoveries; the common packages do not.

    Returns:
        One row a flipped test: convention, question, label, banner, column, other
        (labels of the columns), ours, theirs (chances), kept (whether ours finds it).
    """
    if not convention:
        every = [flips(found, c, control=control) for c in CONVENTIONS[1:]]
        return pd.concat(every, ignore_index=True)
    ours = under_convention(found, "design")
    theirs = under_convention(found, convention, control=control)
    differs = ((ours["found"] < SURE) != (theirs["found"] < SURE)).to_numpy()
    ours, theirs = ours[differs], theirs[differs]
    rows = found.rows.iloc[ours["row"]].reset_index(drop=True)
    one, other = (found.columns.iloc[ours[c]] for c in ("column", "other"))
    return rows[["question", "label"]].assign(
        convention=convention,
        banner=one["banner"].to_numpy(),
        column=one["label"].to_numpy(),
        other=other["label"].to_numpy(),
        ours=ours["found"].to_numpy(),
        theirs=theirs["found"].to_numpy(),
        kept=(ours["found"] < SURE).to_numpy(),
    )


def rounded(shares: npt.ArrayLike, way: str = "half_up") -> npt.NDArray[np.float64]:
    """Return shares as whole per cent: halves up, halves to even, or adding to 100.

    Raises:
        ValueError: The way is unknown.

    Example:
        >>> rounded([0.125, 0.875]).tolist(), rounded([0.125, 0.875], "half_even").tolist()
        ([13.0, 88.0], [12.0, 88.0])
        >>> rounded([1 / 3, 1 / 3, 1 / 3], "adding_up").tolist()
        [34.0, 33.0, 33.0]
    """
    checks.one_of(way, "way", ("half_up", "half_even", "adding_up"))
    x = np.round(100 * np.asarray(shares, float), 9)
    if way == "half_up":
        return np.floor(x + 0.5)
    if way == "half_even":
        return np.round(x)
    low = np.floor(x)
    order = np.argsort(low - x, kind="stable")
    low[order[: round(x.sum() - low.sum())]] += 1
    return low


def rao_scott(
    sample: Sample, one: npt.ArrayLike, other: npt.ArrayLike
) -> tuple[float, float, float, float]:
    """Return the design-based test of whether two questions go together.

    Pearson's statistic with the second-order correction of Rao and Scott (1984), as
    an F statistic (Thomas and Rao).

    Returns:
        F, its two degrees of freedom, and the chance of one as large by luck.

    Example:
        >>> sample = design.draw(pd.DataFrame({"n": range(40)}))
        >>> round(rao_scott(sample, [0, 1] * 20, [0, 1] * 20)[3], 6)
        0.0
    """
    a, b = pd.factorize(np.asarray(one))[0], pd.factorize(np.asarray(other))[0]
    r, c = a.max() + 1, b.max() + 1
    cell = (a * c + b)[:, None] == np.arange(r * c)
    w = sample.weights
    p = w @ cell / w.sum()
    value, vector = np.linalg.eigh(design.covariance(sample, (cell - p) / w.sum()))
    root = (vector * np.sqrt(value.clip(0))).T
    n = int((w > 0).sum())
    return _scott(p.reshape(r, c), root, n, design.freedom(sample))


def _scott(
    p: npt.NDArray[np.float64], root: npt.NDArray[np.float64], n: float, free: int
) -> tuple[float, float, float, float]:
    from scipy import stats

    p = p.clip(1e-9)
    expected = np.outer(p.sum(axis=1), p.sum(axis=0))
    pearson = n * float(((p - expected) ** 2 / expected).sum())
    contrast = np.kron(_contrasts(p.shape[0]), _contrasts(p.shape[1]))
    scaled = contrast / p.ravel()[:, None]
    moved = root @ scaled
    delta = np.linalg.solve(contrast.T @ scaled / n, moved.T @ moved)
    trace, square = float(np.trace(delta)), float((delta * delta.T).sum())
    if trace <= 1e-12:  # no set moves: all or nothing
        luck = float(pearson <= 1e-9)
        return (0.0 if luck else np.inf), 1.0, float(free), luck
    d = trace**2 / square
    f = pearson / trace
    return f, d, d * free, float(stats.f.sf(f, d, d * free))


def _contrasts(k: int) -> npt.NDArray[np.float64]:
    return np.eye(k)[:, : k - 1] - 1 / k


def _columns(
    banners: pd.DataFrame, kind: npt.DTypeLike
) -> tuple[pd.DataFrame, npt.NDArray[np.floating]]:
    rows, hot = [("", "", "")], [np.ones(len(banners), kind)]
    for name in banners.columns:
        for k, label in enumerate(sorted(banners[name].dropna().unique())):
            rows.append((name, str(label), chr(65 + k % 26)))
            hot.append((banners[name] == label).to_numpy().astype(kind))
    return pd.DataFrame(rows, columns=["banner", "label", "letter"]), np.array(hot).T


def _sums(
    left: npt.NDArray[np.floating],
    hot: npt.NDArray[np.floating],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return, for each set of weights, the weighted sums of rows in columns."""
    single = left.dtype == np.float32 or left.size * hot.shape[1] > LARGE * 1000
    kind = np.float32 if single else np.float64
    out = np.zeros((len(weights), left.shape[1], hot.shape[1]))
    many = max(1, STACK // hot.shape[1])
    for a in range(0, len(left), BLOCK):
        x = np.ascontiguousarray(left[a : a + BLOCK].T, kind)
        h = hot[a : a + BLOCK].astype(kind)
        for s in range(0, len(weights), many):
            w = weights[s : s + many, a : a + BLOCK].astype(kind)
            right = (w.T[:, :, None] * h[:, None, :]).reshape(len(h), -1)
            part = (x @ right).reshape(left.shape[1], len(w), hot.shape[1])
            out[s : s + many] += part.transpose(1, 0, 2)
    return out


def _error(
    again: npt.NDArray[np.float64], scale: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    apart = again - again.mean(axis=0)
    return np.sqrt(np.einsum("r,r...->...", scale, apart**2))


def _pairs(
    found: Crosstab,
    share: npt.NDArray[np.float64],
    top: npt.NDArray[np.float64],
    under: npt.NDArray[np.float64],
    scale: npt.NDArray[np.float64],
) -> pd.DataFrame:
    from scipy import stats

    floor = _floor(found)
    parts = []
    for _, group in found.columns[1:].groupby("banner", sort=False):
        places = group.index.to_numpy()
        whole, all_under = top[:, :, places].sum(2), under[:, :, places].sum(2)
        for a, b in itertools.combinations(places, 2):
            parts.append(
                (a, b, share[:, :, a] - share[:, :, b], floor[:, a] + floor[:, b])
            )
        for a in places if len(places) > 2 else ():
            with np.errstate(invalid="ignore", divide="ignore"):
                rest = (whole - top[:, :, a]) / (all_under - under[:, :, a])
            parts.append((a, -1, share[:, :, a] - rest, floor[:, a]))
    frames = []
    for a, b, gap, least in parts:
        error = np.sqrt(_error(gap[1:], scale) ** 2 + least)
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = 2 * stats.t.sf(np.abs(gap[0]) / error, found.free)
        frames.append(
            pd.DataFrame(
                {
                    "row": np.arange(len(found.rows)),
                    "column": a,
                    "other": b,
                    "difference": gap[0],
                    "error": error,
                    "chance": chance,
                }
            )
        )
    names = ["row", "column", "other", "difference", "error", "chance"]
    return (
        pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)
    )


def _floor(found: Crosstab) -> npt.NDArray[np.float64]:
    """Return the variance of a share of none or all, which no set can show."""
    n = found.bases["effective"][found.rows["at"].to_numpy()] + 4
    end = found.rows["kind"].isin([SHARE, NET]).to_numpy()[:, None] & (
        (found.share <= 0) | (found.share >= 1)
    )
    return np.where(end, 2 / n * (1 - 2 / n) / n, 0)


def _controlled(tests: pd.DataFrame) -> pd.Series:
    from scipy import stats

    out = pd.Series(np.nan, index=tests.index)
    for rest in (False, True):
        mine = tests.loc[((tests["other"] < 0) == rest), "chance"].dropna()
        if len(mine):
            out[mine.index] = stats.false_discovery_control(mine)
    return out


def _links(
    found: Crosstab, top: npt.NDArray[np.float64], scale: npt.NDArray[np.float64]
) -> pd.DataFrame:
    rows = []
    for question, some in found.rows[found.rows["kind"] == SHARE].groupby(
        "question", sort=False
    ):
        if not _whole(found, some):
            continue
        for banner, group in found.columns[1:].groupby("banner", sort=False):
            cells = top[:, some.index][:, :, group.index]
            keep = cells[0].sum(axis=1) > 0
            cells = cells[:, keep][:, :, cells[0].sum(axis=0) > 0]
            if min(cells.shape[1:]) < 2:
                continue
            p = cells / cells.sum(axis=(1, 2), keepdims=True)
            flat = p[1:].reshape(len(scale), -1)
            root = np.sqrt(scale)[:, None] * (flat - flat.mean(axis=0))
            n = found.bases["people"][some["at"].iloc[0], group.index].sum()
            f, _, _, chance = _scott(p[0], root, n, found.free)
            rows.append((question, banner, f, chance))
    return pd.DataFrame(rows, columns=["question", "banner", "f", "chance"])


def _whole(found: Crosstab, some: pd.DataFrame) -> bool:
    """Return whether a question's answers exclude each other and add up to all."""
    total = found.share[some.index, 0].sum()
    return bool(len(some) > 1 and abs(total - 1) < 1e-4)
