"""This package owns what advertising and campaigns added, and where money should go."""

from opslib.promotions import answer, charts, controls
from opslib.promotions.journeys import Credit, credit_paths
from opslib.promotions.mix.curve import ResponseCurve, planned_lift, response_curve
from opslib.promotions.mix.doubt import disagreements, form_spread, next_test
from opslib.promotions.mix.engine import Mix, fit_mix
from opslib.promotions.mix.experiment import LiftTest, read_tests
from opslib.promotions.mix.panel import Panel, build_panel, company_panel
from opslib.promotions.mix.recovery import rerun, self_test, verdicts
from opslib.promotions.mix.split import Split, best_split, read_limits, score_plans

__all__ = [
    "Credit",
    "LiftTest",
    "Mix",
    "Panel",
    "ResponseCurve",
    "Split",
    "answer",
    "best_split",
    "build_panel",
    "charts",
    "company_panel",
    "controls",
    "credit_paths",
    "disagreements",
    "fit_mix",
    "form_spread",
    "next_test",
    "planned_lift",
    "read_limits",
    "read_tests",
    "rerun",
    "response_curve",
    "score_plans",
    "self_test",
    "verdicts",
]
