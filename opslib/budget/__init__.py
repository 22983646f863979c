"""This package owns how the budget could fail, and what would be done then."""

from opslib.budget import answer, charts, controls
from opslib.budget.cash import Cash, foresee, headroom, shortage
from opslib.budget.cash import origins as cash_origins
from opslib.budget.cash import past as past_cash
from opslib.budget.cash import trust as cash_trust
from opslib.budget.outlook import (
    Books,
    Outlook,
    advertising_rise,
    open_books,
    origins,
    sales_shocks,
)
from opslib.budget.plan.control import breaches, left, waiting
from opslib.budget.plan.draft import (
    Draft,
    check_return,
    draft,
    growth_draws,
    next_year,
    returned,
    wholes,
)
from opslib.budget.plan.tree import locked, rollup, spread, ties, versions
from opslib.budget.risk.rules import Choices, choices, reserve, triggers
from opslib.budget.risk.simulate import (
    demand_factors,
    one_uncertainty,
    simulate,
    together,
)
from opslib.budget.risk.warning import Watch, alarms, solve_watch
from opslib.budget.risk.why import bridge, sales_bridge, variance_shares
from opslib.budget.track import Trust, trust, year_end

__all__ = [
    "Books",
    "Cash",
    "Choices",
    "Draft",
    "Outlook",
    "Trust",
    "Watch",
    "advertising_rise",
    "alarms",
    "answer",
    "breaches",
    "bridge",
    "cash_origins",
    "cash_trust",
    "charts",
    "check_return",
    "choices",
    "controls",
    "demand_factors",
    "draft",
    "foresee",
    "growth_draws",
    "headroom",
    "left",
    "locked",
    "next_year",
    "one_uncertainty",
    "open_books",
    "origins",
    "past_cash",
    "reserve",
    "returned",
    "rollup",
    "sales_bridge",
    "sales_shocks",
    "shortage",
    "simulate",
    "solve_watch",
    "spread",
    "ties",
    "together",
    "triggers",
    "trust",
    "variance_shares",
    "versions",
    "waiting",
    "wholes",
    "year_end",
]
