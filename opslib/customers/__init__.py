"""This package owns who the customers are, what they are worth, what to do next."""

# ruff: noqa: I001
from opslib.customers import answer, charts, controls
from opslib.customers.care.actions import (
    Terms,
    care_calendar,
    contact_gains,
    gains_of,
    may_contact,
    owners_of,
    plan_contacts,
    response_by_group,
)
from opslib.customers.care.effect import Effect, measure_contacts
from opslib.customers.care.movers import movers
from opslib.customers.care.week import next_actions
from opslib.customers.value.buying import (
    Buying,
    active_chance,
    draws,
    expected,
    expected_of_new,
    fit,
)
from opslib.customers.churn import (
    Churn,
    calibration,
    calibration_slope,
    churn_chances,
    gains,
    leaving_model,
    retention,
)
from opslib.customers.gaps import valleys
from opslib.customers.history import histories, later, migration, scores, stages
from opslib.customers.value.lifetime import (
    Audit,
    Lifetime,
    audit,
    choose_model,
    ranking,
    score_record,
    value_customers,
)
from opslib.customers.care.record import Record, record
from opslib.customers.value.rounds import (
    Rounds,
    expected_rounds,
    fit_rounds,
    round_chance,
)
from opslib.customers.value.season import Season, learn_season, weeks_ahead
from opslib.customers.segments import (
    Segments,
    assign,
    describe,
    find_segments,
    rule_rows,
    segment_features,
)
from opslib.customers.value.spending import (
    Spending,
    amount_draws,
    expected_amount,
    fit_spending,
)
from opslib.customers.voices import Listener, learn_reasons, reasons_of

__all__ = [
    "Audit",
    "Buying",
    "Churn",
    "Effect",
    "Lifetime",
    "Listener",
    "Record",
    "Rounds",
    "Season",
    "Segments",
    "Spending",
    "Terms",
    "active_chance",
    "amount_draws",
    "answer",
    "assign",
    "audit",
    "calibration",
    "calibration_slope",
    "care_calendar",
    "charts",
    "choose_model",
    "churn_chances",
    "contact_gains",
    "controls",
    "describe",
    "draws",
    "expected",
    "expected_amount",
    "expected_of_new",
    "expected_rounds",
    "find_segments",
    "fit",
    "fit_rounds",
    "fit_spending",
    "gains",
    "gains_of",
    "histories",
    "later",
    "learn_reasons",
    "learn_season",
    "leaving_model",
    "may_contact",
    "measure_contacts",
    "migration",
    "movers",
    "next_actions",
    "owners_of",
    "plan_contacts",
    "ranking",
    "reasons_of",
    "record",
    "response_by_group",
    "retention",
    "round_chance",
    "rule_rows",
    "score_record",
    "scores",
    "segment_features",
    "stages",
    "valleys",
    "value_customers",
    "weeks_ahead",
]
