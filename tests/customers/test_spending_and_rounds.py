"""Spending and rounds: planted values are found, draws agree, nonsense is refused."""

import numpy as np
import pandas as pd
import pytest

from opslib import customers


def _spent(count=6000, seed=2):
    draw = np.random.default_rng(seed)
    v = draw.gamma(4.0, 1 / 60.0, count)
    x = draw.integers(0, 12, count)
    value = draw.gamma(6.0 * np.maximum(x, 1)) / v / np.maximum(x, 1)
    return pd.DataFrame({"frequency": x, "value": np.where(x > 0, value, 0.0), "v": v})


def test_gamma_gamma_finds_the_planted_values():
    model = customers.fit_spending(_spent(40_000))
    assert [model.p, model.q, model.gamma] == pytest.approx([6, 4, 60], rel=0.1)
    assert abs(model.correlation) < 0.05


def test_expected_amount_lies_between_own_and_common_mean_and_equals_the_draws():
    told = _spent(2000)
    model = customers.fit_spending(told)
    amount = customers.expected_amount(model, told)
    common = model.p * model.gamma / (model.q - 1)
    assert amount[told["frequency"] == 0] == pytest.approx(common)
    one = np.ones((len(told), 400))
    drawn = customers.amount_draws(model, told, one).mean(axis=1)
    assert drawn.sum() == pytest.approx(amount.sum(), rel=0.02)


def test_no_purchase_costs_nothing():
    told = _spent(200)
    model = customers.fit_spending(told)
    assert customers.amount_draws(model, told, np.zeros((200, 3))).sum() == 0


def test_too_few_repeat_customers_are_refused():
    with pytest.raises(ValueError, match="3 customers who bought again found"):
        customers.fit_spending(pd.DataFrame({"frequency": [1] * 3, "value": [2.0] * 3}))


def test_rounds_find_the_planted_values():
    draw = np.random.default_rng(5)
    part, leave = draw.beta(1.2, 0.8, 20_000), draw.beta(0.7, 2.8, 20_000)
    life = draw.geometric(leave) - 1
    took = (draw.random((20_000, 6)) < part[:, None]) & (np.arange(6) < life[:, None])
    last = (took * np.arange(1, 7)).max(axis=1)
    told = pd.DataFrame({"frequency": took.sum(axis=1), "recency": last, "rounds": 6})
    model = customers.fit_rounds(told)
    found = [model.alpha, model.beta, model.gamma, model.delta]
    assert found == pytest.approx([1.2, 0.8, 0.7, 2.8], rel=0.15)


def test_a_member_who_took_part_after_the_last_round_is_refused():
    told = pd.DataFrame({"frequency": [1], "recency": [7], "rounds": [6]})
    with pytest.raises(ValueError, match="row 0 has frequency 1, recency 7, rounds 6"):
        customers.fit_rounds(told)
