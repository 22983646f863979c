"""This module owns what customers' own words are about: a reason for each case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from opslib import checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.pipeline import FeatureUnion
    from sklearn.svm import LinearSVC

STRENGTHS = (0.05, 0.1, 0.3)
LEAST_TEXTS = 30


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A fitted reader of texts.

    Attributes:
        words: Turns a text into weights of its words and letter groups.
        judge: Linear judge over them.
        strength: Regularisation chosen inside the texts it learnt from.
        expected: Share it got right there, by cross-validation.
    """

    words: FeatureUnion
    judge: LinearSVC
    strength: float
    expected: float


def learn_reasons(
    texts: Sequence[str], reasons: Sequence[str], *, seed: int = 0
) -> Listener:
    """Return a reader that gives a new text one of the known reasons.

    Words, pairs of words and groups of three to five letters, weighed by rarity, and
    a linear judge whose strength is chosen by cross-validation inside these texts.
    Works with no network; in Chinese the letter groups carry it.

    Args:
        texts: What customers wrote.
        reasons: The reason of each, as the company coded it.
        seed: Seed of the folds.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.svm import LinearSVC

    y = np.asarray(reasons, dtype=str)
    if len(texts) != len(y):
        msg = f"{len(texts)} texts and {len(y)} reasons were given; one each is needed."
        raise ValueError(msg)
    way_out = "Code more cases by hand first."
    checks.at_least(len(texts), LEAST_TEXTS, "texts with a reason", way_out)
    kinds, counts = np.unique(y, return_counts=True)
    checks.at_least(len(kinds), 2, "reasons", way_out)
    words = _words()
    x = words.fit_transform(np.asarray(texts, dtype=object))
    folds = StratifiedKFold(
        int(np.clip(counts.min(), 2, 3)), shuffle=True, random_state=seed
    )
    worth = {
        c: float(cross_val_score(LinearSVC(C=c), x, y, cv=folds).mean())
        for c in STRENGTHS
    }
    best = max(worth, key=worth.get)  # type: ignore[arg-type]
    return Listener(
        words=words, judge=LinearSVC(C=best).fit(x, y), strength=best,
        expected=worth[best],
    )  # fmt: skip


def reasons_of(listener: Listener, texts: Sequence[str]) -> np.ndarray:
    """Return the reason of each text."""
    x = listener.words.transform(np.asarray(texts, dtype=object))
    return listener.judge.predict(x)


def _words() -> FeatureUnion:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    whole = TfidfVectorizer(sublinear_tf=True, min_df=2, max_df=0.5, ngram_range=(1, 2))
    letters = TfidfVectorizer(
        sublinear_tf=True, min_df=2, analyzer="char_wb", ngram_range=(3, 5),
        max_features=60_000,
    )  # fmt: skip
    return make_union(whole, letters)
