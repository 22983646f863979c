"""This package owns who the customers are, what they are worth, what to do next."""

from opslib.customers.buying import (
    Buying,
    active_chance,
    draws,
    expected,
    expected_of_new,
    fit,
    log_likelihood,
)
from opslib.customers.history import histories, later, migration, scores, stages
from opslib.customers.lifetime import (
    Audit,
    Lifetime,
    audit,
    choose_model,
    ranking,
    value_customers,
)
from opslib.customers.rounds import Rounds, expected_rounds, fit_rounds, round_chance
from opslib.customers.season import Season, learn_season, weeks_ahead
from opslib.customers.spending import (
    Spending,
    amount_draws,
    expected_amount,
    fit_spending,
)

__all__ = [
    "Audit",
    "Buying",
    "Lifetime",
    "Rounds",
    "Season",
    "Spending",
    "active_chance",
    "amount_draws",
    "audit",
    "choose_model",
    "draws",
    "expected",
    "expected_amount",
    "expected_of_new",
    "expected_rounds",
    "fit",
    "fit_rounds",
    "fit_spending",
    "histories",
    "later",
    "learn_season",
    "log_likelihood",
    "migration",
    "ranking",
    "round_chance",
    "scores",
    "stages",
    "value_customers",
    "weeks_ahead",
]
