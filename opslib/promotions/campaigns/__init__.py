"""This package owns campaigns: what one added, how a running one does, who responds."""

# fmt: off
from opslib.promotions.campaigns import answer, charts, controls
from opslib.promotions.campaigns.design import (
    Judged,
    Worth,
    all_campaigns,
    chance_seen,
    design,
    judge_campaign,
    newest,
    worth,
)
from opslib.promotions.campaigns.estimators import (
    METHODS,
    Effect,
    Foretold,
    estimate,
    foretell,
    simplex_weights,
)
from opslib.promotions.campaigns.panel import (
    Panel,
    campaign_panel,
    campaign_rows,
    indexed,
    make_panel,
    quiet_windows,
)
from opslib.promotions.campaigns.placebo import (
    PAGE_METHODS,
    Lift,
    Stress,
    judge,
    lift_of,
    placebo_errors,
    stress,
)

__all__ = [
    "METHODS",
    "PAGE_METHODS",
    "Effect",
    "Foretold",
    "Judged",
    "Lift",
    "Panel",
    "Stress",
    "Worth",
    "all_campaigns",
    "answer",
    "campaign_panel",
    "campaign_rows",
    "chance_seen",
    "charts",
    "controls",
    "design",
    "estimate",
    "foretell",
    "indexed",
    "judge",
    "judge_campaign",
    "lift_of",
    "make_panel",
    "newest",
    "placebo_errors",
    "quiet_windows",
    "simplex_weights",
    "stress",
    "worth",
]
