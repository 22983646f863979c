"""This module owns open answers: a code for each text, and shares that own up to errors."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.survey import replicates
from opslib.market.survey.design import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from sklearn.pipeline import Pipeline

    from opslib.market.survey.replicates import Replicates

LEAST_CODED = 30
FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Coded:
    """What open answers are about.

    Attributes:
        frame: One row a text: row (place of the person), text, code, sure (chance
            that the code is right, as the reader sees it), by_hand.
        shares: One row a code: code, share (corrected), low, high, counted (share
            as coded, uncorrected).
        agreement: Share of hand-coded texts that the reader, not having seen them,
            codes alike.
        kappa: The same beyond chance (Cohen 1960).
        confusion: Hand code (rows) by reader's code (columns), texts.
        queue: The texts to code by hand next, least sure first.
    """

    frame: pd.DataFrame
    shares: pd.DataFrame
    agreement: float
    kappa: float
    confusion: pd.DataFrame
    queue: pd.DataFrame


def code_texts(
    texts: Sequence[object],
    by_hand: Sequence[object],
    sets: Replicates,
    *,
    keep: npt.ArrayLike | None = None,
    queue: int = 20,
    confidence: float = CONFIDENCE,
) -> Coded | None:
    """Code every text from those coded by hand, with no network.

    Words and letter groups and a logistic judge; in Chinese the letter groups carry
    it. The shares are those of the reader's codes plus, in the hand-coded texts, the
    weighted mean of hand less reader, each read by a judge that had not seen it (the
    difference estimator of two-phase samples). Assumes that the hand-coded texts are
    a random part of all, one code a text.

    Args:
        texts: One text a person, gaps where none.
        by_hand: Code of the people coded by hand, gaps elsewhere.
        sets: Replicate weights of the same people.
        keep: Whose texts are reported; by default all. The others' hand codes still
            teach the reader and show where it errs.
        queue: Texts in the review queue.
        confidence: Coverage of the intervals.

    Returns:
        The codes, or None where fewer than 30 texts, or one code, are coded by hand.

    Example:
        >>> from opslib.market.survey import design
        >>> said = ["too dear", "slow staff"] * 40
        >>> hand = ["price", "service"] * 20 + [None] * 40
        >>> sets = replicates.bootstrap(design.draw(pd.DataFrame({"t": said})), draws=20)
        >>> code_texts(said, hand, sets).shares["share"].tolist()
        [0.5, 0.5]
    """
    all_texts = pd.Series(list(texts), dtype=object)
    hand = pd.Series(list(by_hand), dtype=object)
    there = all_texts.notna() & (all_texts.astype(str).str.strip() != "")
    known = there & hand.notna()
    counts = hand[known].value_counts()
    known &= hand.isin(counts.index[counts >= 2])
    if known.sum() < LEAST_CODED or hand[known].nunique() < 2:
        return None
    codes, sure = _read(all_texts.astype(str), hand, there, known)
    if keep is not None:
        there &= np.asarray(keep, bool)
    shares = _shares(codes, hand, there, known, sets, confidence)
    confusion = pd.crosstab(hand[known], codes[known])
    agreement = float((hand[known] == codes[known]).mean())
    by_luck = float(
        (
            hand[known].value_counts(normalize=True)
            * codes[known].value_counts(normalize=True)
        ).sum()
    )
    frame = pd.DataFrame(
        {
            "row": np.flatnonzero(there),
            "text": all_texts[there].astype(str).to_numpy(),
            "code": hand.where(known, codes)[there].to_numpy(),
            "sure": sure[there].to_numpy(),
            "by_hand": known[there].to_numpy(),
        }
    )
    left = (
        frame[~frame["by_hand"]]
        .drop_duplicates("text")
        .sort_values("sure", kind="stable")
    )
    return Coded(
        frame=frame,
        shares=shares,
        agreement=agreement,
        kappa=(agreement - by_luck) / max(1e-9, 1 - by_luck),
        confusion=confusion,
        queue=left.head(queue).reset_index(drop=True),
    )


def _read(
    texts: pd.Series, hand: pd.Series, there: pd.Series, known: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Return each text's code and how sure it is; hand-coded ones read unseen."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    pairs = pd.DataFrame({"text": texts[known], "code": hand[known].astype(str)})
    at = pairs.sort_values(["text", "code"]).index  # however they are stored
    y = pairs.loc[at, "code"].to_numpy()
    folds = StratifiedKFold(
        int(np.clip(np.unique(y, return_counts=True)[1].min(), 2, FOLDS)),
        shuffle=True,
        random_state=0,
    )
    codes = pd.Series(None, index=texts.index, dtype=object)
    sure = pd.Series(np.nan, index=texts.index)
    judge = _judge()
    seen = cross_val_predict(judge, texts[at], y, cv=folds, method="predict_proba")
    names = np.unique(y)
    codes[at], sure[at] = names[seen.argmax(axis=1)], seen.max(axis=1)
    new = there & ~known
    if new.any():
        chance = judge.fit(texts[at], y).predict_proba(texts[new])
        codes[new], sure[new] = names[chance.argmax(axis=1)], chance.max(axis=1)
    return codes, sure


def _shares(
    codes: pd.Series,
    hand: pd.Series,
    there: pd.Series,
    known: pd.Series,
    sets: Replicates,
    confidence: float,
) -> pd.DataFrame:
    names = sorted(hand[known].unique())
    checks.at_least(len(names), 2, "codes", "Code more texts by hand.")
    read = (codes.to_numpy()[:, None] == np.array(names, object)).astype(float)
    gap = (hand.to_numpy()[:, None] == np.array(names, object)) - read
    all_, some = there.to_numpy(float), known.to_numpy(float)

    def measure(w: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return (w * all_) @ read / (w @ all_) + (w * some) @ gap / (w @ some)

    value, again = replicates.spread(sets, measure)
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * replicates.errors(sets, again)
    w = sets.sample.weights
    return pd.DataFrame(
        {
            "code": names,
            "share": value,
            "low": (value - reach).clip(0),
            "high": value + reach,
            "counted": (w * all_) @ read / (w @ all_),
        }
    ).sort_values("share", ascending=False, ignore_index=True)


def _judge() -> Pipeline:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
    letters = TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(1, 4))
    return make_pipeline(
        make_union(words, letters), LogisticRegression(C=10.0, max_iter=500)
    )
