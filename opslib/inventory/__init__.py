"""This package owns what to order, and when: demand, forecasts, orders, health."""

from opslib.inventory import answer, charts, controls
from opslib.inventory.ahead.rolling import (
    Backtest,
    Forecast,
    backtest,
    combined,
    foretell,
    quantile_loss,
    total_error,
)
from opslib.inventory.demand import Panel, clean_demand
from opslib.inventory.health import Health, abc, stock_health, supplier_card
from opslib.inventory.ordering.edits import apply_edits, price_edits
from opslib.inventory.ordering.orders import Decision, decide, plan
from opslib.inventory.ordering.simulate import (
    Outcome,
    order_for_quantile,
    shortfall,
    simulate,
)
from opslib.inventory.ordering.terms import Terms, terms
from opslib.inventory.ordering.tuning import Tuned, Worth, tune, worth
from opslib.inventory.plans import with_plans

__all__ = [
    "Backtest",
    "Decision",
    "Forecast",
    "Health",
    "Outcome",
    "Panel",
    "Terms",
    "Tuned",
    "Worth",
    "abc",
    "answer",
    "apply_edits",
    "backtest",
    "charts",
    "clean_demand",
    "combined",
    "controls",
    "decide",
    "foretell",
    "order_for_quantile",
    "plan",
    "price_edits",
    "quantile_loss",
    "shortfall",
    "simulate",
    "stock_health",
    "supplier_card",
    "terms",
    "total_error",
    "tune",
    "with_plans",
    "worth",
]
