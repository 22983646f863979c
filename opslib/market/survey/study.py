"""This module owns one wave's study: tables, changes, drivers and own words together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.market.choosing import bestworst
from opslib.market.survey import coding, drivers, intake, replicates, scores, tables

if TYPE_CHECKING:
    import numpy.typing as npt

    from opslib.market.survey.coding import Coded
    from opslib.market.survey.intake import Survey
    from opslib.market.survey.replicates import Replicates
    from opslib.market.survey.tables import Crosstab


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a wave says, all of it on the same replicate weights.

    Attributes:
        waves: The recommendation score by wave up to this one, as `scores.waves`.
        book: The wave's tables by group.
        moved: The same questions by wave: this one and the one before.
        driving: What drives recommending, as `drivers.drivers`, with `at`, the place
            of the part in `gains`.
        gains: Points of score for one step of each part, and in each set.
        reached: Which wishes reach most people, as `bestworst.best_reach`.
        coded: Open answers, or None where too few are coded by hand.
        sets: Replicate weights of the wave.
    """

    waves: pd.DataFrame
    book: Crosstab
    moved: Crosstab
    driving: pd.DataFrame
    gains: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
    reached: pd.DataFrame
    coded: Coded | None
    sets: Replicates


def study(
    survey: Survey,
    sets: Replicates,
    *,
    wave: str = "",
    group_by: list[str],
    sides: list[str],
    least: int = 30,
    nets: list[str] | None = None,
) -> Study:
    """Work out a wave's tables, changes, drivers and own words.

    Reads the questions `recommend` (0 to 10) and, where asked, `wants` (several
    answers), `say` (open) and `say_code` (coded by hand).

    Args:
        survey: All waves.
        sets: Their replicate weights.
        wave: Wave to report; empty for the last.
        group_by: Columns of people to compare.
        sides: Rated questions that may drive recommending.
        least: Fewest people in a group that is tested.
        nets: Answers counted together, as in `intake.nets_of`.

    Raises:
        ValueError: A wave, group or side is unknown, or nobody was asked `recommend`.
    """
    now, before = intake.latest(survey, wave)
    for side in sides:
        checks.one_of(side, "side", list(survey.answers.columns))
    checks.columns(survey.people, group_by, "people")
    told = intake.measures(survey, nets=intake.nets_of(nets or []))
    here = intake.in_wave(survey, now)
    mine = replicates.part(sets, here)
    both = intake.in_wave(survey, now, before)
    recommend = intake.numbers(survey, "recommend")
    points = np.where(
        np.isfinite(recommend),
        100.0 * (recommend >= scores.PROMOTER)
        - 100.0 * (recommend <= scores.DETRACTOR),
        np.nan,
    )
    parts = _only(pd.DataFrame({s: intake.numbers(survey, s) for s in sides}), here)
    waves = scores.waves(recommend, survey.people["survey"], sets)
    driving = drivers.drivers(recommend, parts, mine)
    return Study(
        waves=waves[waves["wave"] <= now].reset_index(drop=True),
        book=tables.crosstab(
            told, _only(survey.people[group_by], here), mine, least=least
        ),
        moved=tables.crosstab(
            told,
            _only(survey.people[["survey"]], both),
            replicates.part(sets, both),
            least=least,
        ),
        driving=driving.assign(at=[sides.index(p) for p in driving["part"]]),
        gains=drivers.slopes(points, parts, mine),
        reached=_reached(survey, mine),
        coded=_coded(survey, sets, here),
        sets=mine,
    )


def _reached(survey: Survey, sets: Replicates) -> pd.DataFrame:
    picks = survey.picks.get("wants")
    if picks is None:
        return pd.DataFrame(columns=["size", "items", "share", "low", "high"])
    answered = replicates.part(sets, picks.any(axis=1))
    return bestworst.best_reach(
        picks[[c for c in picks if c not in intake.NOTHING]], answered
    )


def _coded(
    survey: Survey, sets: Replicates, here: npt.NDArray[np.bool_]
) -> Coded | None:
    if "say" not in survey.answers or "say_code" not in survey.answers:
        return None
    return coding.code_texts(
        survey.answers["say"], survey.answers["say_code"], sets, keep=here
    )


def _only(frame: pd.DataFrame, keep: npt.NDArray[np.bool_]) -> pd.DataFrame:
    return frame.loc[keep].reindex(frame.index)
