"""Purchase models: they find planted values, agree with draws, and refuse nonsense."""

import numpy as np
import pandas as pd
import pytest

from opslib import customers
from opslib.customers.value import buying

TRUTH = {"r": 0.8, "alpha": 6.0, "a": 0.8, "b": 3.0}


def _shop(count=4000, *, regularity=1, zero=False, seed=1, effect=0.0, age=52.0):
    """Customers who buy at their own rate and may leave after each purchase."""
    draw = np.random.default_rng(seed)
    rich = draw.normal(size=count)
    rate = draw.gamma(TRUTH["r"], 1 / TRUTH["alpha"], count) * np.exp(effect * rich)
    leave = draw.beta(TRUTH["a"], TRUTH["b"], count)
    rows = []
    for i in range(count):
        at, x, last, logs = 0.0, 0, 0.0, 0.0
        alive = not (zero and draw.random() < leave[i])
        while alive:
            gap = draw.gamma(regularity, 1 / rate[i])
            at += gap
            if at > age:
                break
            x, last, logs = x + 1, at, logs + np.log(gap)
            alive = draw.random() > leave[i]
        rows.append((x, last, age, logs, rich[i], rate[i], leave[i], alive))
    names = [
        "frequency",
        "recency",
        "age",
        "log_gaps",
        "rich",
        "rate",
        "leave",
        "alive",
    ]
    return pd.DataFrame(rows, columns=names)


def test_bgnbd_finds_the_planted_values():
    model = customers.fit(_shop(8000))
    assert model.params["r"] == pytest.approx(0.8, rel=0.12)
    assert model.params["alpha"] == pytest.approx(6.0, rel=0.15)
    leaving = model.params["a"] / (model.params["a"] + model.params["b"])
    assert leaving == pytest.approx(0.8 / 3.8, rel=0.15)


def test_regular_timing_is_found_by_its_likelihood():
    told = _shop(3000, regularity=2, zero=True)
    plain = customers.fit(told, kind="mbgnbd")
    regular = customers.fit(told, kind="mbgnbd", regularity=2)
    assert regular.log_likelihood > plain.log_likelihood + 50
    assert regular.params["r"] == pytest.approx(0.8, rel=0.2)


def test_a_planted_covariate_is_found():
    model = customers.fit(_shop(4000, effect=0.5), covariates=("rich",))
    assert model.covariates["rich"] == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    ("kind", "regularity"), [*((k, 1) for k in buying.KINDS), ("mbgnbd", 2)]
)
def test_expected_purchases_are_the_mean_of_the_draws(kind, regularity):
    told = _shop(400, regularity=regularity)
    model = customers.fit(told, kind=kind, regularity=regularity)
    drawn = customers.draws(model, told, ahead=26, count=2000).mean(axis=1)
    exact = customers.expected(model, told, ahead=26)
    assert drawn.sum() == pytest.approx(exact.sum(), rel=0.02)
    assert np.corrcoef(drawn, exact)[0, 1] > 0.99


def test_counting_purchases_equals_the_closed_form_where_timing_is_random():
    shape, alpha, b = np.array([1.5, 4.0]), np.array([9.0, 30.0]), np.array([2.0, 5.0])
    ahead = np.array([26.0, 52.0])
    counted = buying._counted((shape, alpha), (0.8, b), ahead, 1, 0)
    closed = buying._until_dropout(shape, alpha, 0.8, b, ahead)
    assert counted == pytest.approx(closed, rel=1e-5)


def test_the_chance_to_be_active_comes_true():
    told = _shop(8000)
    chance = customers.active_chance(customers.fit(told), told)
    bins = pd.cut(chance, [0, 0.2, 0.4, 0.6, 0.8, 1.0])
    seen = pd.DataFrame({"chance": chance, "alive": told["alive"]}).groupby(
        bins, observed=True
    )
    gap = (seen["chance"].mean() - seen["alive"].mean()).abs()
    assert (gap < 0.06).all(), gap


def test_a_model_in_which_nobody_leaves_is_called_degenerate():
    draw = np.random.default_rng(3)
    x = draw.poisson(20 * draw.gamma(2, 0.5, 800))
    last = np.where(x > 0, 52 * draw.random(800) ** (1 / np.maximum(x, 1)), 0)
    told = pd.DataFrame({"frequency": x, "recency": last, "age": 52.0})
    assert customers.fit(told).degenerate


def test_recency_beyond_age_is_refused_with_the_row():
    told = _shop(50).assign(recency=60.0)
    with pytest.raises(ValueError, match=r"row 0 has .* recency must lie between"):
        customers.fit(told)


def test_too_few_customers_and_unknown_models_are_refused():
    with pytest.raises(ValueError, match="5 customers found; at least 20"):
        customers.fit(_shop(5))
    with pytest.raises(ValueError, match="kind is 'arima'; it must be one of"):
        customers.fit(_shop(50), kind="arima")


def test_customers_who_hardly_differ_still_have_expected_purchases():
    """Against the sum worked out by simulation, and smooth where the form changes."""
    alike = {"r": 33_000.0, "alpha": 145_000.0, "a": 0.5, "b": 20.0}
    model = buying.Buying(
        kind="bgnbd", params=alike, log_likelihood=0, customers=1, degenerate=True
    )
    told = buying.expected_of_new(model, ahead=52.0)[0]
    random = np.random.default_rng(2)
    rate, leave = alike["r"] / alike["alpha"], random.beta(0.5, 20.0, 200_000)
    possible = random.poisson(rate * 52.0, 200_000)
    drawn = np.minimum(possible, random.geometric(leave)).mean()
    assert told == pytest.approx(drawn, rel=0.01)
    around = [buying._until_dropout(r, 4.4 * r, 0.5, 20.0, 52.0) for r in (999, 1001)]
    assert around[0] == pytest.approx(around[1], rel=1e-3)
