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
from opslib.customers.rounds import Rounds, expected_rounds, fit_rounds, round_chance
from opslib.customers.spending import (
    Spending,
    amount_draws,
    expected_amount,
    fit_spending,
)

__all__ = [
    "Buying",
    "Rounds",
    "Spending",
    "active_chance",
    "amount_draws",
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
    "log_likelihood",
    "migration",
    "round_chance",
    "scores",
    "stages",
]
