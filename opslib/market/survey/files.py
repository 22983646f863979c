"""This module owns survey files: CSV, Excel and SPSS as questions, people and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from opslib import checks

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

TEN = [str(k) for k in range(11)]
MOST_LEVELS = 20  # more different answers than that, in words, are an open question


def read(
    path: Path, *, sets: dict[str, list[str]] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a file's answers, one row a person, and its codebook; labels are kept.

    An answer "None", "NA" or "null" stays the answer it is; only an empty cell is a gap
    (pandas' defaults would turn them into holes).

    Args:
        path: A `.csv`, `.xlsx` or SPSS `.sav` file.
        sets: Name of a question of several answers to its columns; those of an SPSS
            file come from the file itself.

    Returns:
        The answers as text, and the codebook: question, wording, kind, choices, columns.

    Raises:
        ValueError: The kind of file is unknown, or a set names an unknown column.
    """
    kind = path.suffix.lower()
    checks.one_of(kind, "kind of file", (".csv", ".xlsx", ".sav"))
    wordings, values, sets = {}, {}, dict(sets or {})
    if kind == ".sav":
        import pyreadstat

        frame, told = pyreadstat.read_sav(str(path), apply_value_formats=False)
        wordings, values = (
            {k: v for k, v in told.column_names_to_labels.items() if v},
            told.variable_value_labels,
        )
        sets |= {
            name: list(s["variable_list"]) for name, s in (told.mr_sets or {}).items()
        }
    elif kind == ".csv":
        frame = pd.read_csv(
            path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8-sig"
        )
    else:
        frame = pd.read_excel(path, dtype=str, keep_default_na=False, na_values=[""])
    values = {
        c: v
        for c, v in values.items()
        if {f"{k:g}" for k in v if isinstance(k, float)} != set(TEN)
    }  # 0 to 10 stays a number
    members = {c for columns in sets.values() for c in columns}
    checks.columns(frame, members, path.name)
    text = pd.DataFrame(
        {c: _labelled(frame[c], values.get(c, {})) for c in frame.columns}
    )
    rows = [
        (c, wordings.get(c, c), *_kind(text[c], values.get(c, {})), [c])
        for c in frame.columns
        if c not in members
    ]
    rows += [
        (name, name, "multi", [wordings.get(c, c) for c in columns], columns)
        for name, columns in sets.items()
    ]
    return text, pd.DataFrame(
        rows, columns=["question", "wording", "kind", "choices", "columns"]
    )


def tables(
    text: pd.DataFrame,
    book: pd.DataFrame,
    *,
    survey: str,
    person: str = "",
    about: tuple[str, ...] = (),
) -> dict[str, pd.DataFrame]:
    """Return the three tables that `collect` and the warehouse take.

    Args:
        text: Answers, as `read`.
        book: Codebook, as `read`.
        survey: Name of the wave.
        person: Column of the person; empty for the row's number.
        about: Columns that describe the person (region, age, weight) and are no question.

    Returns:
        survey_questions, survey_people and survey_answers.
    """
    who = (
        text[person]
        if person
        else pd.Series([str(k + 1) for k in range(len(text))], index=text.index)
    )
    people = text[list(about)].assign(survey=survey, respondent=who)
    asked = book[~book["question"].isin([person, *about])]
    frames = []
    for told in asked.itertuples():
        for column, choice in zip(
            told.columns,
            told.choices if told.kind == "multi" else [None] * len(told.columns),
            strict=True,
        ):
            there = (
                _ticked(text[column]) if told.kind == "multi" else text[column].notna()
            )
            said = text.loc[there, column] if choice is None else choice
            frames.append(
                people.loc[there, ["survey", "respondent"]].assign(
                    question=told.question, answer=said
                )
            )
    questions = asked.assign(
        survey=survey, choices=[";".join(c) or None for c in asked["choices"]]
    )[["survey", "question", "wording", "kind", "choices"]]
    return {
        "survey_questions": questions,
        "survey_people": people,
        "survey_answers": pd.concat(frames, ignore_index=True),
    }


def deliver(
    path: Path,
    folder: Path,
    *,
    survey: str,
    day: str,
    person: str = "",
    about: tuple[str, ...] = (),
    sets: dict[str, list[str]] | None = None,
) -> list[Path]:
    """Write a survey's file as the three deliveries that the warehouse takes.

    Args:
        path: A `.csv`, `.xlsx` or SPSS `.sav` file.
        folder: Folder of the deliveries, such as `data/raw/COMPANY`.
        survey: Name of the wave.
        day: Day of the answers, as ISO text, where the file holds none.
        person: Column of the person; empty for the row's number.
        about: Columns that describe the person.
        sets: As in `read`.

    Returns:
        The files written: `survey_questions_WAVE.parquet` and so on.
    """
    told = tables(*read(path, sets=sets), survey=survey, person=person, about=about)
    people = told["survey_people"]
    told["survey_people"] = people if "day" in people else people.assign(day=day)
    files = [folder / f"{name}_{survey}.parquet" for name in told]
    for file, frame in zip(files, told.values(), strict=True):
        frame.astype(object).where(frame.notna(), None).to_parquet(file, index=False)
    return files


def _labelled(column: pd.Series, labels: dict) -> pd.Series:
    known = column.map(
        lambda v: labels.get(v, f"{v:g}" if isinstance(v, float) else str(v)),
        na_action="ignore",
    )
    return known.where(column.notna() & (known != ""), None)


def _kind(column: pd.Series, labels: dict) -> tuple[str, list[str]]:
    said = column.dropna()
    number = pd.to_numeric(said, errors="coerce")
    if not labels and len(said) and number.notna().all():
        low, high = number.min(), number.max()
        if (number % 1 != 0).any() or low < 0 or high > 10:
            return "price", []
        return (
            ("score", TEN)
            if high > 7
            else ("scale", [str(k) for k in range(int(min(low, 1)), int(high) + 1)])
        )
    levels = list(
        dict.fromkeys([*(str(v) for v in labels.values()), *sorted(said.unique())])
    )
    return (
        ("open", []) if len(levels) > MOST_LEVELS and not labels else ("single", levels)
    )


def _ticked(column: pd.Series) -> np.ndarray:
    no = ("0", "No", "no", "Not selected", "否", "Unchecked")
    return (column.notna() & ~column.isin(no)).to_numpy()
