"""This package owns what customers want and what they would pay."""

from opslib.market import answer, charts, controls, options, trend
from opslib.market.choosing import (
    bestworst,
    choice,
    conjoint,
    mixed,
    prices,
    simulate,
)
from opslib.market.survey import (
    design,
    drivers,
    files,
    intake,
    replicates,
    scores,
    tables,
    weights,
)
from opslib.market.survey.coding import Coded, code_texts
from opslib.market.survey.intake import (
    Measures,
    Survey,
    collect,
    in_wave,
    latest,
    measures,
    numbers,
    sizes,
    weigh,
)
from opslib.market.survey.study import Study, study
from opslib.market.survey.tables import Crosstab, crosstab, flips

__all__ = [
    "Coded",
    "Crosstab",
    "Measures",
    "Study",
    "Survey",
    "answer",
    "bestworst",
    "charts",
    "choice",
    "code_texts",
    "collect",
    "conjoint",
    "controls",
    "crosstab",
    "design",
    "drivers",
    "files",
    "flips",
    "in_wave",
    "intake",
    "latest",
    "measures",
    "mixed",
    "numbers",
    "options",
    "prices",
    "replicates",
    "scores",
    "simulate",
    "sizes",
    "study",
    "tables",
    "trend",
    "weigh",
    "weights",
]
