"""Simulator and order rules: worked by hand, and against textbook oracles."""

import numpy as np
import pytest

from opslib import inventory
from opslib.inventory.ordering import policies
from opslib.inventory.ordering.simulate import quantile_by_row


def _nothing(week, stock, line, seen):
    return np.zeros(len(stock))


def test_three_weeks_worked_by_hand():
    """Stock 5; 2 arrive in week 1, 3 in week 2; demand 6, 4, 1; 4 ordered at once."""

    def first(week, stock, line, seen):
        assert seen.shape[1] == week
        return np.full(len(stock), 4.0 if week == 0 else 0.0)

    out = inventory.simulate(
        np.array([[6.0, 4.0, 1.0]]),
        first,
        on_hand=np.array([5.0]),
        pipeline=np.array([[2.0, 3.0]]),
        holding_cost=0.5,
        shortage_cost=2.0,
    )
    assert out.stock.tolist() == [[1.0, 0.0, 3.0]]
    assert out.lost.tolist() == [[0.0, 0.0, 0.0]]
    assert out.cost.tolist() == [[0.5, 0.0, 1.5]]
    idle = inventory.simulate(
        np.array([[6.0, 4.0, 1.0]]), _nothing,
        on_hand=np.array([5.0]), pipeline=np.zeros((1, 2)),
    )  # fmt: skip
    assert idle.lost.tolist() == [[1.0, 4.0, 1.0]]
    assert idle.cost.sum() == pytest.approx(6.0)


def test_each_row_has_its_own_money():
    out = inventory.simulate(
        np.full((2, 1), 3.0), _nothing, on_hand=np.array([5.0, 1.0]),
        pipeline=np.zeros((2, 1)), holding_cost=np.array([1.0, 9.0]),
        shortage_cost=np.array([9.0, 4.0]),
    )  # fmt: skip
    assert out.cost[:, 0].tolist() == [2.0, 8.0]


def test_many_rows_are_the_same_as_one_at_a_time():
    draw = np.random.default_rng(1)
    demand = draw.poisson(3, (20, 10)).astype(float)
    hand, line = draw.poisson(5, 20).astype(float), draw.poisson(3, (20, 2)) * 1.0
    rule = policies.up_to(np.full(20, 12.0))
    whole = inventory.simulate(demand, rule, on_hand=hand, pipeline=line)
    for row in range(20):
        one = inventory.simulate(
            demand[[row]], policies.up_to(np.array([12.0])),
            on_hand=hand[[row]], pipeline=line[[row]],
        )  # fmt: skip
        assert np.array_equal(one.cost[0], whole.cost[row])


@pytest.mark.parametrize(
    ("demand", "told"),
    [
        (np.array([[1.0, np.nan]]), "demand of row 0 in week 1 is nan"),
        (np.array([[-1.0, 2.0]]), "demand of row 0 in week 0 is -1"),
        (np.array([1.0, 2.0]), r"demand has shape \(2,\)"),
    ],
)
def test_bad_demand_is_refused(demand, told):
    with pytest.raises(ValueError, match=told):
        inventory.simulate(
            demand, _nothing, on_hand=np.array([1.0]), pipeline=np.zeros((1, 2))
        )


def test_an_order_meets_the_wanted_share_of_paths():
    paths = np.arange(1.0, 101.0).reshape(1, 100, 1)
    order = inventory.order_for_quantile(
        paths, on_hand=np.array([10.0]), pipeline=np.zeros((1, 0)), level=0.9
    )
    assert order[0] == pytest.approx(90.1 - 10, abs=0.5)
    assert (paths[0, :, 0] <= order[0] + 10).mean() == pytest.approx(0.9, abs=0.01)


def test_stock_lost_on_the_way_is_not_carried_as_debt():
    paths = np.array([[[9.0, 0.0, 2.0]]])
    need = inventory.shortfall(
        paths, on_hand=np.array([3.0]), pipeline=np.array([[0.0, 1.0]])
    )
    assert need.tolist() == [[1.0]]


def test_levels_by_row():
    values = np.random.default_rng(2).normal(size=(7, 31))
    level = np.linspace(0.1, 0.9, 7)
    expected = [np.quantile(v, q) for v, q in zip(values, level, strict=True)]
    assert quantile_by_row(values, level) == pytest.approx(expected)


def test_newsvendor_equals_the_textbook():
    """Snyder and Shen's example 4.3: h = .18, p = .70, demand N(50, 8): 56.6."""
    from stockpyl.newsvendor import newsvendor_normal

    textbook, _ = newsvendor_normal(0.18, 0.70, 50, 8)
    draws = np.random.default_rng(3).normal(50, 8, (1, 200_000))
    ours = policies.newsvendor(
        draws, holding=np.array([0.18]), shortage=np.array([0.7])
    )
    assert textbook == pytest.approx(56.604, abs=1e-3)
    assert ours[0] == pytest.approx(textbook, abs=0.1)


def test_discrete_newsvendor_equals_the_oracle():
    from stockpyl.newsvendor import newsvendor_poisson

    textbook, _ = newsvendor_poisson(1.0, 4.0, 20)
    draws = np.random.default_rng(4).poisson(20, (1, 100_000)).astype(float)
    ours = policies.newsvendor(draws, holding=np.array([1.0]), shortage=np.array([4.0]))
    assert ours[0] == textbook == 24


def test_order_quantity_equals_the_oracle():
    from stockpyl.eoq import economic_order_quantity

    textbook, _ = economic_order_quantity(8.0, 0.225, 1300.0)
    ours = policies.order_quantity(
        yearly=np.array([1300.0]), order_cost=8.0, holding=np.array([0.225])
    )
    assert ours[0] == pytest.approx(textbook)


def test_point_and_target_waits_for_the_point_and_orders_to_the_target():
    rule = policies.point_and_target(np.array([4.0]), np.array([10.0]))
    line = np.zeros((1, 1))
    assert rule(0, np.array([5.0]), line, line)[0] == 0
    assert rule(0, np.array([4.0]), line, line)[0] == 6
    assert rule(0, np.array([1.0]), np.array([[2.0]]), line)[0] == 7


def test_lots_lift_the_position_over_the_point_and_no_further():
    rule = policies.point_and_lots(np.array([10.0]), np.array([6.0]))
    for stock in range(20):
        order = rule(0, np.array([float(stock)]), np.zeros((1, 1)), None)[0]
        assert order % 6 == 0
        if stock <= 10:
            assert 10 < stock + order <= 16
        else:
            assert order == 0


def test_stock_for_a_share_of_units_equals_the_exact_poisson():
    from scipy.stats import poisson

    draws = np.random.default_rng(5).poisson(12, (1, 200_000)).astype(float)
    stock = policies.stock_for_fill(draws, fill=0.95)[0]
    at = np.arange(60)

    def met(level):
        return (np.minimum(at, level) * poisson.pmf(at, 12)).sum() / 12

    assert met(stock) >= 0.949
    assert met(stock - 1) < 0.95


def test_the_best_level_under_lost_sales_lies_below_the_textbook():
    """Lead time of two weeks, lost sales: the critical ratio .833 orders too much."""
    draw = np.random.default_rng(6)
    demand = draw.poisson(4, (400, 30)).astype(float)
    paths = draw.poisson(4, (400, 200, 34))
    cost = {}
    for level in (0.6, 0.7, 0.833):
        out = inventory.simulate(
            demand, policies.by_chance(paths, level),
            on_hand=np.full(400, 4.0), pipeline=np.full((400, 2), 4.0),
        )  # fmt: skip
        cost[level] = out.cost[:, 5:].sum()
    assert min(cost, key=cost.get) < 0.833


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: policies.critical_ratio(holding=np.array([0.0]), shortage=np.array([1.0])), "holding is 0.0"),
        (lambda: policies.order_quantity(yearly=np.ones(1), order_cost=0, holding=np.ones(1)), "order_cost is 0"),
        (lambda: policies.stock_for_fill(np.ones((1, 3)), fill=1.0), "fill is 1.0"),
    ],
)  # fmt: skip
def test_impossible_money_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
