"""Prices, scores and drivers: planted truths come back, bad input is refused."""

import numpy as np
import pandas as pd
import pytest

from opslib.market import design, drivers, prices, replicates, scores


def _sets(n, draws=100):
    return replicates.bootstrap(design.draw(pd.DataFrame({"n": range(n)})), draws=draws)


def test_the_best_price_is_covered_at_its_rate_over_fifty_companies():
    """Buyers fall off as exp(-price / 10), so the best price is the cost plus 10."""
    sets, held = _sets(600), 0
    for seed in range(50):
        most = np.random.default_rng(seed).exponential(10, 600)
        best = prices.demand(most, sets, cost=12.0).best
        held += best.low <= 22 <= best.high
    assert 44 <= held <= 50


def test_price_points_of_a_planted_population_are_found():
    rng = np.random.default_rng(1)
    ok = np.exp(rng.normal(np.log(15), 0.3, 800))
    four = pd.DataFrame(
        {q: ok * k for q, k in zip(prices.FOUR, (0.55, 0.8, 1.2, 1.5), strict=True)}
    )
    four.loc[:39, "cheap"] = four.loc[:39, "too_dear"] + 1
    found = prices.price_range(four, _sets(800))
    points = found.points.set_index("point")
    assert found.removed == pytest.approx(0.05)
    assert points.loc["indifference", "value"] == pytest.approx(
        15 * np.sqrt(0.96), rel=0.05
    )
    assert (points["low"] < points["value"]).all()


def test_elasticity_and_the_others_price_are_covered_at_their_rate():
    held, rivals = 0, 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        at = pd.MultiIndex.from_product([range(30), range(52)], names=["item", "week"])
        weeks = at.to_frame(index=False)
        weeks["price"] = np.exp(rng.normal(0, 0.15, len(weeks)))
        weeks["rival_price"] = np.exp(rng.normal(0, 0.15, len(weeks)))
        season = np.sin(weeks["week"] / 8)
        log = 3 - 1.8 * np.log(weeks["price"]) + 0.6 * np.log(weeks["rival_price"])
        weeks["units"] = np.exp(log + season + rng.normal(0, 0.4, len(weeks)))
        found = prices.elasticity(weeks)
        held += found.own.low <= -1.8 <= found.own.high
        rivals += found.rival.low <= 0.6 <= found.rival.high
    assert 44 <= held <= 50
    assert 44 <= rivals <= 50


@pytest.mark.parametrize("size", [10, 20, 50, 100])
def test_the_scores_interval_covers_where_the_plain_one_fails(size):
    """Ninety-five in a hundred: .93 to .97, over mixes of promoters and detractors."""
    rng = np.random.default_rng(size)
    held, plain, tries = 0, 0, 0
    for up, down in ((0.5, 0.2), (0.3, 0.3), (0.6, 0.1), (0.4, 0.15)):
        for _ in range(1500):
            y = rng.choice([9.0, 8.0, 3.0], size, p=[up, 1 - up - down, down])
            found = scores.promoter_score(y)
            truth = 100 * (up - down)
            held += found.low <= truth <= found.high
            share = np.mean(y == 9), np.mean(y == 3)
            gap = share[0] - share[1]
            reach = 1.96 * np.sqrt(max(sum(share) - gap**2, 0) / size)
            plain += abs(gap - (up - down)) <= reach
            tries += 1
    assert 0.93 <= held / tries <= 0.97
    assert plain / tries < held / tries + 0.005


def test_a_change_between_waves_is_told_from_luck_at_its_rate():
    rng, alarms = np.random.default_rng(5), 0
    for _ in range(400):
        waves = [
            scores.promoter_score(rng.choice([9, 8, 3], 200, p=[0.4, 0.4, 0.2]))
            for _ in range(2)
        ]
        alarms += scores.change(*waves)[1] < 0.05
    assert alarms / 400 <= 0.08


def test_shares_of_drivers_add_up_and_agree_where_parts_are_unrelated():
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, (4000, 3))
    y = x @ [3.0, 2.0, 1.0] + rng.normal(0, 1, 4000)
    fair, quick = drivers.shapley(y, x), drivers.relative_weights(y, x)
    assert fair.sum() == pytest.approx(14 / 15, abs=0.01)
    assert fair / fair.sum() == pytest.approx([9 / 14, 4 / 14, 1 / 14], abs=0.03)
    assert quick == pytest.approx(fair, abs=0.01)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: scores.promoter_score([11]), "outside 0 to 10"),
        (lambda: scores.promoter_score([np.nan]), "0 answers"),
        (lambda: drivers.shapley([1, 2, 3], [[1.0], [1], [1]]), "never differs"),
        (lambda: prices.demand(np.arange(5), _sets(5), cost=1), "5 people"),
        (lambda: prices.demand(np.arange(50), _sets(50), cost=99), "cost is 99"),
        (
            lambda: prices.price_range(
                pd.DataFrame({q: [1.0] * 20 for q in prices.FOUR}), _sets(20)
            ),
            "0 people with four rising prices",
        ),
        (
            lambda: prices.elasticity(
                pd.DataFrame({"item": [1], "week": [1], "units": [1], "price": [1]})
            ),
            "1 item weeks",
        ),
    ],
)
def test_bad_input_is_refused_with_a_way_out(work, said):
    with pytest.raises(ValueError, match=said):
        work()
