"""This module owns groups of customers: how many, how real, who belongs to which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks, periods
from opslib.customers.gaps import APART, valleys
from opslib.customers.history import histories

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier

METHODS = ("kmeans", "mixture", "hdbscan")
STABLE = 0.85
STABLE_GROUP = 0.75
PAIRS = 8
MOST_ROWS = 2500
LEAST_GROUP = 10


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Groups of customers and how far they are real.

    Attributes:
        members: customer, group (0 is the most valuable), sure (share of bootstraps'
            agreement of its group).
        tried: method, groups, stability (mean adjusted Rand index of pairs of
            bootstraps), silhouette, valley (of the pair with the smallest gap: 1
            none, 0 apart); every method and number compared.
        groups: group, customers, share, stability (mean Jaccard index over
            bootstraps), named (whether it passes), valley (to the nearest other
            group), and each feature's mean.
        method: The method used.
        stability: Of the whole.
        found: Whether the whole passes; else the groups are constructed, not found.
        rules: What tells the groups apart: a short tree over the features.
        agreement: Share of customers whom the tree puts into their own group.
    """

    members: pd.DataFrame
    tried: pd.DataFrame
    groups: pd.DataFrame
    method: str
    stability: float
    found: bool
    rules: DecisionTreeClassifier
    agreement: float


def segment_features(
    days: pd.DataFrame, *, until: str | pd.Timestamp,
    tastes: pd.DataFrame | None = None, cases: pd.DataFrame | None = None,
    least_purchases: int = 3,
) -> pd.DataFrame:  # fmt: skip
    """Return what groups customers: how often, how much, what, and how they complain.

    Args:
        days: customer, day, amount; `units` where known.
        until: Last day seen.
        tastes: customer, category, amount; or None.
        cases: Service cases (customer, opened); or None.
        least_purchases: Customers with fewer say too little and are left out.

    Returns:
        One row a customer: customer, yearly (log of purchases a year while buying),
        amount (log of the mean purchase), units (log of its units, where known),
        variety (categories bought, as a share, where known), contacts (service cases
        a purchase, where there are any).
    """
    end = pd.Timestamp(periods.day(until))
    told = histories(days, until=end)
    told = told[told["frequency"] + 1 >= least_purchases].reset_index(drop=True)
    way_out = "Load a longer history or lower least_purchases."
    checks.at_least(len(told), 50, "customers who bought often enough", way_out)
    who = pd.Index(told["customer"])
    rate = 52 * (told["frequency"] + 0.5) / (told["recency"] + 4)
    frame = pd.DataFrame(
        {"customer": who, "yearly": np.log(rate), "amount": told["log_amount"]}
    )
    if "units" in days and days["units"].notna().any():
        seen = days[pd.to_datetime(days["day"]) <= end]
        by = seen.groupby(["customer", "day"])["units"].sum().groupby("customer").mean()
        frame["units"] = np.log(by.reindex(who).clip(lower=0.1).to_numpy())
    kinds = 0 if tastes is None else len(tastes["category"].dropna().unique())
    if kinds > 1:
        share = tastes.assign(category=tastes["category"]).groupby("customer")
        count = share["category"].nunique() / kinds
        frame["variety"] = count.reindex(who).fillna(0).to_numpy()
    if cases is not None and len(cases):
        opened = cases[pd.to_datetime(cases["opened"]) <= end]
        count = opened.groupby("customer").size().reindex(who).fillna(0)
        frame["contacts"] = np.log1p(count.to_numpy())
    return frame


def find_segments(
    features: pd.DataFrame, *, columns: list[str] | None = None, most: int = 6,
    pairs: int = PAIRS, seed: int = 0,
) -> Segments:  # fmt: skip
    """Return groups of customers, as many as are stable, and how far they are real.

    K-means, Gaussian mixture and HDBSCAN are compared by how well groups found in
    pairs of bootstraps agree. Of the numbers of groups that stay stable the largest is
    taken whose groups lie apart; where groups shade into each other at every number,
    the largest stable one; where none is stable, the most stable, which then says that
    it is constructed.

    Args:
        features: customer and numbers.
        columns: The numbers used, by default yearly, amount and units where given.
        most: Largest number of groups tried.
        pairs: Pairs of bootstraps.
        seed: Seed of the bootstraps.
    """
    given = [c for c in ("yearly", "amount", "units") if c in features]
    names = columns or given or [c for c in features if c != "customer"]
    checks.columns(features, ["customer", *names], "features")
    checks.no_gaps(features, names, "features")
    checks.at_least(len(features), 50, "customers", "Load more customers.")
    checks.between(most, "most", low=2, high=12)
    x = _scaled(features[names])
    random = np.random.default_rng(seed)
    some = x if len(x) <= MOST_ROWS else x[random.permutation(len(x))[:MOST_ROWS]]
    counts = [(m, k) for m in ("kmeans", "mixture") for k in range(2, most + 1)]
    tried = [_try(some, method, k, pairs, seed) for method, k in counts]
    tried.append(_try(some, "hdbscan", 0, max(3, pairs // 2), seed))
    table = pd.DataFrame(tried)
    best = _choice(table)
    labels = _by_value(
        cluster(x, best["method"], int(best["groups"]), seed=seed), features
    )
    own = _own_stability(x, labels, best["method"], pairs, seed)
    found = bool(best["stability"] >= STABLE)
    tree = _tree(features[names], labels)
    groups = _profile(features, names, labels, own, found)
    groups.insert(5, "valley", valleys(x, labels)[: len(groups)])
    return Segments(
        members=pd.DataFrame({"customer": features["customer"], "group": labels,
        "sure": own[labels]} ), tried=table, groups=groups, method=str(best["method"]),
        stability=float(best["stability"]), found=found, rules=tree,
        agreement=float((tree.predict(features[names]) == labels).mean()),
    )  # fmt: skip


def cluster(
    x: np.ndarray, method: str, groups: int, *, seed: int = 0, starts: int = 20
) -> np.ndarray:
    """Return the group of each row, numbered from 0.

    Args:
        x: Scaled features: customer, feature.
        method: `kmeans`, `mixture` or `hdbscan` (finds its own number; rows in no
            dense place go to the nearest group).
        groups: Number of groups wanted.
        seed: Seed of the starts.
        starts: Starts, of which the best is kept.

    Example:
        >>> x = np.array([[0.0], [0.1], [5.0], [5.1]])
        >>> len(set(cluster(x, "kmeans", 2)))
        2
    """
    return _assign(_learn(x, method, groups, seed, starts), x)


def stability(
    x: np.ndarray, method: str, groups: int, *, pairs: int = 15, seed: int = 0
) -> float:
    """Return how well groups found in pairs of bootstraps agree on all rows.

    Mean adjusted Rand index (Dolnicar, Leisch 2010): 1 is the same groups each time,
    0 no more than chance.
    """
    from sklearn.metrics import adjusted_rand_score

    random = np.random.default_rng(seed)
    agreed = []
    for _ in range(pairs):
        both = [
            _assign(_learn(x[rows], method, groups, int(random.integers(1 << 30)), 5),
            x ) for rows in random.integers(0, len(x), (2, len(x)))
        ]  # fmt: skip
        agreed.append(adjusted_rand_score(*both))
    return float(np.mean(agreed))


def assign(segments: Segments, features: pd.DataFrame) -> np.ndarray:
    """Return the group of new customers by the short tree."""
    names = list(segments.rules.feature_names_in_)
    checks.columns(features, names, "features")
    return segments.rules.predict(features[names])


def describe(
    segments: Segments, features: pd.DataFrame, people: pd.DataFrame
) -> pd.DataFrame:
    """Return how the groups differ in what did not make them.

    Numbers are compared by Kruskal-Wallis with the share of rank variance explained,
    words by chi-squared with Cramer's V; chances are corrected for the number of
    comparisons (Holm).

    Args:
        segments: What `find_segments` returned.
        features: customer and numbers; those that made the groups are left out.
        people: customer and words such as region or level.

    Returns:
        what, kind (number or word), effect (0 to 1), chance (of such a difference by
        luck), differs (whether it is below 5 %).
    """
    from statsmodels.stats.multitest import multipletests

    used = set(segments.rules.feature_names_in_)
    both = segments.members.merge(features, on="customer").merge(
        people, on="customer", how="left"
    )
    skip = {"customer", "group", "sure", *used}
    rows = [
        _difference(both,
        name) for name in both.columns if name not in skip and _comparable(both[name])
    ]  # fmt: skip
    told = pd.DataFrame(rows, columns=["what", "kind", "effect", "chance"])
    if len(told):
        told["chance"] = multipletests(told["chance"], method="holm")[1]
    return told.assign(differs=told["chance"] < 0.05).sort_values(
        "effect", ascending=False, ignore_index=True
    )


def rule_rows(segments: Segments) -> pd.DataFrame:
    """Return the tree as rules: one row for each end.

    Returns:
        group, customers, conditions (list of feature, `<=` or `>`, value).
    """
    tree = segments.rules.tree_
    names = list(segments.rules.feature_names_in_)
    rows: list[dict[str, object]] = []

    def walk(node: int, told: list[tuple[str, str, float]]) -> None:
        if tree.children_left[node] < 0:
            group = int(segments.rules.classes_[tree.value[node][0].argmax()])
            count = int(tree.n_node_samples[node])
            rows.append({"group": group, "customers": count, "conditions": told})
            return
        name, cut = names[tree.feature[node]], float(tree.threshold[node])
        walk(tree.children_left[node], [*told, (name, "<=", cut)])
        walk(tree.children_right[node], [*told, (name, ">", cut)])

    walk(0, [])
    return pd.DataFrame(rows)


def _scaled(frame: pd.DataFrame) -> np.ndarray:
    x = frame.to_numpy(dtype=float)
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _try(
    x: np.ndarray, method: str, groups: int, pairs: int, seed: int
) -> dict[str, object]:
    from sklearn.metrics import silhouette_score

    labels = cluster(x, method, groups, seed=seed)
    count = len(np.unique(labels))
    worth = stability(x, method, groups, pairs=pairs, seed=seed) if count > 1 else 0.0
    some = min(len(x), 1500)
    shape = (
        silhouette_score(x, labels, sample_size=some,
        random_state=seed) if count > 1 else 0.0
    )  # fmt: skip
    return {
        "method": method, "groups": count, "stability": worth,
        "silhouette": float(shape), "valley": float(valleys(x, labels).max()),
    }  # fmt: skip


def _choice(table: pd.DataFrame) -> pd.Series:
    several = table[(table["groups"] > 1) & (table["method"] != "hdbscan")]
    good = several[several["stability"] >= STABLE]
    if good.empty:
        return several.loc[several["stability"].idxmax()]
    apart = good[good["valley"] <= APART]
    good = apart if len(apart) else good
    good = good[good["groups"] == good["groups"].max()]
    return good.loc[good["stability"].idxmax()]


def _learn(x: np.ndarray, method: str, groups: int, seed: int, starts: int) -> object:
    from sklearn.cluster import HDBSCAN, KMeans
    from sklearn.mixture import GaussianMixture

    checks.one_of(method, "method", METHODS)
    if method == "kmeans":
        return KMeans(groups, n_init=starts, random_state=seed).fit(x)
    if method == "mixture":
        return GaussianMixture(
            groups, n_init=max(1, starts // 10), random_state=seed, reg_covar=1e-3
        ).fit(x)
    return HDBSCAN(min_cluster_size=max(15, len(x) // 50), copy=True).fit(x)


def _assign(model: object, x: np.ndarray) -> np.ndarray:
    if hasattr(model, "predict"):
        return model.predict(x)
    from sklearn.neighbors import KNeighborsClassifier

    seen, labels = model._raw_data, model.labels_
    dense = labels >= 0
    if not dense.any():
        return np.zeros(len(x), dtype=int)
    near = KNeighborsClassifier(1).fit(seen[dense], labels[dense])
    return near.predict(x)


def _by_value(labels: np.ndarray, features: pd.DataFrame) -> np.ndarray:
    worth = features[[c for c in ("yearly", "amount") if c in features]].sum(axis=1)
    order = worth.groupby(labels).mean().sort_values(ascending=False).index
    return pd.Series(labels).map({old: new for new, old in enumerate(order)}).to_numpy()


def _own_stability(
    x: np.ndarray, labels: np.ndarray, method: str, pairs: int, seed: int
) -> np.ndarray:
    """Return each group's mean best Jaccard index over bootstraps (Hennig 2007)."""
    random = np.random.default_rng(seed + 1)
    count = int(labels.max()) + 1
    mine = np.eye(count, dtype=bool)[labels]
    total = np.zeros(count)
    for _ in range(2 * pairs):
        rows = random.integers(0, len(x), min(len(x), MOST_ROWS))
        model = _learn(x[rows], method, count, int(random.integers(1 << 30)), 5)
        other = _assign(model, x)
        theirs = np.eye(int(other.max()) + 1, dtype=bool)[other]
        both = mine.T.astype(int) @ theirs.astype(int)
        either = mine.sum(axis=0)[:, None] + theirs.sum(axis=0)[None, :] - both
        total += (both / np.maximum(either, 1)).max(axis=1)
    return total / (2 * pairs)


def _tree(features: pd.DataFrame, labels: np.ndarray) -> DecisionTreeClassifier:
    from sklearn.tree import DecisionTreeClassifier

    count = len(np.unique(labels))
    tree = DecisionTreeClassifier(
        max_leaf_nodes=max(4, count + 2), min_samples_leaf=LEAST_GROUP, random_state=0
    )
    return tree.fit(features, labels)


def _profile(
    features: pd.DataFrame, names: list[str], labels: np.ndarray, own: np.ndarray,
    found: bool,
) -> pd.DataFrame:  # fmt: skip
    shown = [c for c in features if c != "customer"]
    by = features[shown].groupby(labels)
    told = by.mean().rename_axis("group").reset_index()
    told.insert(1, "customers", by.size().to_numpy())
    told.insert(2, "share", told["customers"] / len(features))
    told.insert(3, "stability", own[: len(told)])
    named = (own[: len(told)] >= STABLE_GROUP) & (told["customers"] >= LEAST_GROUP)
    told.insert(4, "named", named & found)
    return told


def _comparable(column: pd.Series) -> bool:
    kinds = column.dropna().unique()
    return 1 < len(kinds) <= (len(column) if column.dtype.kind in "fiu" else 20)


def _difference(frame: pd.DataFrame, name: str) -> tuple[str, str, float, float]:
    from scipy import stats

    if pd.api.types.is_numeric_dtype(frame[name]):
        parts = [g.dropna().to_numpy() for _, g in frame.groupby("group")[name]]
        value, chance = stats.kruskal(*parts)
        count, groups = sum(map(len, parts)), len(parts)
        effect = max(0.0, (value - groups + 1) / (count - groups))
        return name, "number", float(effect), float(chance)
    table = pd.crosstab(frame["group"], frame[name])
    value, chance, _, _ = stats.chi2_contingency(table)
    least = max(1, min(table.shape) - 1)
    return (
        name, "word", float(np.sqrt(value / table.to_numpy().sum() / least)),
        float(chance),
    )  # fmt: skip
