"""This package owns campaigns: what one added, how a running one does, who responds."""

# fmt: off
# ruff: noqa: I001
from opslib.promotions.campaigns import answer, charts, controls
from opslib.promotions.campaigns.arms import (
    Drawn, Responders, arm_effects, balance, judge_arms, responders, with_history,
)
from opslib.promotions.campaigns.design import (
    Judged, Worth, all_campaigns, chance_seen, design, judge_campaign, newest, worth,
)
from opslib.promotions.campaigns.estimators import (
    METHODS, Effect, Foretold, estimate, foretell, simplex_weights,
)
from opslib.promotions.campaigns.live import (
    Alerts, Live, alerts, by_region, follow, past_ends, project, rates, running,
    score_kept, voices, widened,
)
from opslib.promotions.campaigns.panel import (
    Panel, campaign_panel, campaign_rows, indexed, make_panel, quiet_windows,
)
from opslib.promotions.campaigns.placebo import (
    PAGE_METHODS, Lift, Stress, judge, lift_of, placebo_errors, stress,
)

__all__ = [
    "METHODS", "PAGE_METHODS", "Alerts", "Drawn", "Effect", "Foretold", "Judged",
    "Lift", "Live", "Panel", "Responders", "Stress", "Worth", "alerts", "all_campaigns",
    "answer", "arm_effects", "balance", "by_region", "campaign_panel", "campaign_rows",
    "chance_seen", "charts", "controls", "design", "estimate", "follow", "foretell",
    "indexed", "judge", "judge_arms", "judge_campaign", "lift_of", "make_panel",
    "newest", "past_ends", "placebo_errors", "project", "quiet_windows", "rates",
    "responders", "running", "score_kept", "simplex_weights", "stress", "voices",
    "widened", "with_history", "worth",
]
