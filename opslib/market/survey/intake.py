"""This module owns a survey's answers: long rows, one row a person, what is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.survey import design, replicates, weights

if TYPE_CHECKING:
    import numpy.typing as npt

    from opslib.market.survey.replicates import Replicates

NOTHING = ("None", "None of these", "以上都没有", "都没有", "无")
ORDER = ("score", "scale", "multi", "single", "price", "code", "open")
SHARE, NET, MEAN, POINTS = "share", "net", "mean", "points"
LARGE = 5_000_000  # cells above which single precision is used


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What people answered, one row a person; "None" is an answer, a gap is none.

    Attributes:
        people: survey, respondent and whatever else is known of each person.
        answers: Same rows; one column for each question of one answer, as text.
        picks: Question of several answers to a frame of the same rows, true where
            the choice was picked; people who picked nothing at all did not answer.
        book: The codebook: question, wording, kind, choices (a list); scores first, open
            answers last.
        strangers: Answers left out because their person is not, or not yet, known.
    """

    people: pd.DataFrame
    answers: pd.DataFrame
    picks: dict[str, pd.DataFrame]
    book: pd.DataFrame
    strangers: int = 0


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What a table shows of each person: shares, nets, means, points.

    Attributes:
        rows: question, label, kind (share, net, mean, points), at (place of the
            question in `asked`). Labels that begin with @ are ours: @top, @bottom,
            @any, @mean, @promoters, @passives, @detractors, @score.
        values: One row a person, one column a row of the table; 0 where not asked.
        asked: One row a person, one column a question: 1 where answered.
        questions: Names of the columns of `asked`.
    """

    rows: pd.DataFrame
    values: npt.NDArray[np.floating]
    asked: npt.NDArray[np.floating]
    questions: tuple[str, ...]


def collect(
    questions: pd.DataFrame, people: pd.DataFrame, answers: pd.DataFrame
) -> Survey:
    """Bring questions, people and long answers of one or more waves together.

    Args:
        questions: survey, question, kind and, where known, wording and choices
            (`1..5` or `Price;Quality`).
        people: One row a survey and respondent.
        answers: One row an answer: survey, respondent, question, answer. Answers of
            people who are not there are left out and counted.

    Raises:
        ValueError: A column lacks, or all answers belong to nobody.

    Example:
        >>> q = pd.DataFrame({"survey": ["w"], "question": ["wants"], "kind": ["multi"],
        ...     "wording": [""], "choices": ["Price;None"]})
        >>> p = pd.DataFrame({"survey": ["w"], "respondent": ["a"]})
        >>> told = collect(q, p, p.assign(question="wants", answer="None"))
        >>> told.picks["wants"].to_numpy().tolist()
        [[False, True]]
    """
    checks.columns(questions, ("survey", "question", "kind"), "questions")
    checks.columns(people, ("survey", "respondent"), "people")
    checks.columns(answers, ("survey", "respondent", "question", "answer"), "answers")
    people = people.reset_index(drop=True)
    key = pd.MultiIndex.from_frame(people[["survey", "respondent"]].astype(str))
    at = key.get_indexer(
        pd.MultiIndex.from_frame(answers[["survey", "respondent"]].astype(str))
    )
    if (at < 0).all():
        row = answers.iloc[0]
        msg = f"all {len(answers)} answers belong to nobody, the first to {row['respondent']!r} of {row['survey']!r}; load the people too."
        raise ValueError(msg)
    strangers, answers, at = int((at < 0).sum()), answers[at >= 0], at[at >= 0]
    book = questions[questions["survey"].isin(people["survey"])]
    book = book.sort_values(["survey", "question"])
    book = book.drop_duplicates("question", keep="last")
    rank = book["kind"].map({k: i for i, k in enumerate(ORDER)})
    book = book.iloc[rank.to_numpy().argsort(kind="stable")].reset_index(drop=True)
    choices = (
        book["choices"] if "choices" in book else pd.Series(None, index=book.index)
    )
    said = answers.assign(row=at)
    single, picks, known = {}, {}, []
    for q, kind, told in zip(book["question"], book["kind"], choices, strict=True):
        mine = said[said["question"] == q]
        levels = _levels(told, mine["answer"])
        known.append(levels)
        if kind == "multi":
            hit = np.zeros((len(people), len(levels)), bool)
            where = pd.Index(levels).get_indexer(mine["answer"])
            hit[mine["row"].to_numpy()[where >= 0], where[where >= 0]] = True
            picks[q] = pd.DataFrame(hit, columns=levels)
        else:
            column = pd.Series(None, index=people.index, dtype=object)
            column.iloc[mine["row"].to_numpy()] = mine["answer"].to_numpy()
            single[q] = column
    return Survey(
        people=people,
        answers=pd.DataFrame(single, index=people.index),
        picks=picks,
        book=book.assign(choices=known),
        strangers=strangers,
    )


def numbers(survey: Survey, question: str) -> npt.NDArray[np.float64]:
    """Return the answers to a question in numbers, gaps as NaN.

    Raises:
        ValueError: There is no such question of one answer.
    """
    checks.one_of(question, "question", list(survey.answers.columns))
    return pd.to_numeric(survey.answers[question], errors="coerce").to_numpy(float)


def latest(survey: Survey, wave: str = "") -> tuple[str, str]:
    """Return the wave asked for (by default the last) and the one before it, if any.

    Raises:
        ValueError: There is no such wave.
    """
    waves = sorted(survey.people["survey"].astype(str).unique())
    now = checks.one_of(wave, "wave", waves) if wave else waves[-1]
    at = waves.index(now)
    return now, waves[at - 1] if at else ""


def in_wave(survey: Survey, *waves: str) -> npt.NDArray[np.bool_]:
    """Return who belongs to one of the waves."""
    return survey.people["survey"].astype(str).isin(waves).to_numpy()


def sizes(people: pd.DataFrame, column: str) -> dict[str, float]:
    """Return how many there are of each group; empty where nothing is known.

    Example:
        >>> sizes(pd.DataFrame({"region": ["N", "N", "S"]}), "region")
        {'N': 2.0, 'S': 1.0}
    """
    if column not in people or not len(people):
        return {}
    return people[column].dropna().astype(str).value_counts().astype(float).to_dict()


def weigh(
    survey: Survey,
    *,
    known: dict[str, float] | None = None,
    margin: str = "region",
    cap: float = 5.0,
    draws: int = 200,
) -> Replicates:
    """Return the waves' weights and replicate weights, tuned to known sizes.

    Each wave is a sample of its own: its strata are drawn by themselves and each
    wave is tuned to the known sizes. Without known sizes, or where a group of them
    is absent from a wave, the weights by design stay.

    Args:
        survey: The survey.
        known: Group of `margin` to its number of people.
        margin: Column of people.
        cap: Largest weight as a multiple of the mean weight.
        draws: Bootstrap sets.
    """
    people = survey.people.assign(
        _wave=survey.people["survey"].astype(str)
        + "|"
        + (survey.people["stratum"].astype(str) if "stratum" in survey.people else "")
    )
    weight = "base_weight" if people.get("base_weight", _GAP).notna().all() else ""
    sample = design.draw(people, weight=weight, strata="_wave")
    if known and margin in people:
        cell = people["survey"].astype(str) + "|" + people[margin].astype(str)
        waves = people["survey"].astype(str).unique()
        sizes = {f"{w}|{g}": float(n) for w in waves for g, n in known.items()}
        if set(cell) == set(sizes):
            sample = weights.rake(
                sample, pd.DataFrame({"cell": cell}), {"cell": sizes}, cap=cap
            )
    names = people["survey"].astype(str) + "|" + people["respondent"].astype(str)
    return replicates.bootstrap(sample, draws=draws, names=names)


def measures(
    survey: Survey, *, nets: dict[str, dict[str, list[str]]] | None = None
) -> Measures:
    """Return what a table shows of each question, by the question's kind.

    score: promoters, passives, detractors and the score; scale: each answer, top
    two, bottom two, mean; multi: each answer and any but none; price: mean;
    everything else but open answers: each answer.

    Args:
        survey: The survey.
        nets: Question to (name of a net to the answers in it).

    Raises:
        ValueError: A net names an unknown answer.

    Example:
        >>> q = pd.DataFrame({"survey": ["w"], "question": ["satisfied"],
        ...     "kind": ["scale"], "wording": [""], "choices": ["1..5"]})
        >>> p = pd.DataFrame({"survey": "w", "respondent": ["a", "b"]})
        >>> told = collect(q, p, p.assign(question="satisfied", answer=["5", "2"]))
        >>> measures(told).rows["label"].tolist()
        ['1', '2', '3', '4', '5', '@top', '@bottom', '@mean']
    """
    rows, columns, asked, names = [], [], [], []
    size = np.float32 if len(survey.people) * len(survey.book) > LARGE / 5 else float
    for told in survey.book.itertuples():
        if told.kind in ("open", "code"):
            continue
        there, parts = _parts(survey, told)
        for net, members in (nets or {}).get(told.question, {}).items():
            labels = [label for label, _, _ in parts]
            for m in members:
                checks.one_of(m, f"net {net} of {told.question}", labels)
            inside = [v for label, _, v in parts if label in members]
            parts.append((net, NET, np.max(inside, axis=0)))
        for label, kind, value in parts:
            rows.append((told.question, label, kind, len(names)))
            columns.append(np.where(there, value, 0).astype(size))
        asked.append(there.astype(size))
        names.append(told.question)
    return Measures(
        rows=pd.DataFrame(rows, columns=["question", "label", "kind", "at"]),
        values=np.array(columns).T,
        asked=np.array(asked).T,
        questions=tuple(names),
    )


def nets_of(told: list[str]) -> dict[str, dict[str, list[str]]]:
    """Return nets from texts such as `wants: Better tea: Quality; Organic`.

    Raises:
        ValueError: A text does not name question, net and answers.

    Example:
        >>> nets_of(["wants: Better tea: Quality; Organic"])
        {'wants': {'Better tea': ['Quality', 'Organic']}}
    """
    nets: dict[str, dict[str, list[str]]] = {}
    for text in told:
        question, net, answers = (
            part.strip() for part in (*str(text).split(":", 2), "", "")[:3]
        )
        if not answers:
            msg = f"{text!r} does not name question, net and answers; write it as 'wants: Better tea: Quality; Organic'."
            raise ValueError(msg)
        members = [a.strip() for a in answers.split(";")]
        nets.setdefault(question, {})[net] = members
    return nets


_GAP = pd.Series([None])


def _levels(told: object, said: pd.Series) -> list[str]:
    if isinstance(told, str) and ".." in told and ";" not in told:
        low, high = told.split("..")
        return [str(k) for k in range(int(low), int(high) + 1)]
    if isinstance(told, str) and told:
        return [part.strip() for part in told.split(";")]
    return [str(x) for x in sorted(said.dropna().unique())]


def _parts(
    survey: Survey, told: object
) -> tuple[npt.NDArray[np.bool_], list[tuple[str, str, npt.NDArray]]]:
    q, kind = told.question, told.kind
    if kind == "multi":
        picks = survey.picks[q]
        some = [c for c in picks if c not in NOTHING]
        parts = [(c, SHARE, picks[c].to_numpy()) for c in picks]
        parts.append(("@any", NET, picks[some].to_numpy().any(axis=1)))
        return picks.to_numpy().any(axis=1), parts
    if kind in ("score", "scale", "price"):
        x = numbers(survey, q)
        there = np.isfinite(x)
        if kind == "price":
            return there, [("@mean", MEAN, np.nan_to_num(x))]
        if kind == "score":
            up, down = x >= 9, x <= 6
            middle = ~up & ~down
            return there, [
                ("@promoters", SHARE, up),
                ("@passives", SHARE, middle),
                ("@detractors", SHARE, down),
                ("@score", POINTS, 100.0 * up - 100.0 * down),
            ]
        levels = [float(c) for c in told.choices]
        top, low = sorted(levels)[-2], sorted(levels)[1]
        return there, [
            *((c, SHARE, x == float(c)) for c in told.choices),
            ("@top", NET, x >= top),
            ("@bottom", NET, x <= low),
            ("@mean", MEAN, np.nan_to_num(x)),
        ]
    column = survey.answers[q]
    return column.notna().to_numpy(), [
        (c, SHARE, (column == c).to_numpy()) for c in told.choices
    ]
