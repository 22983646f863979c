"""Back-tests: nothing later is looked at, the better method wins, zero is warned of."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from opslib import inventory
from opslib.inventory.ahead import rolling
from opslib.inventory.demand import Panel


def _panel(units):
    rows, weeks = units.shape
    return Panel(
        keys=pd.DataFrame({"item": [f"i{r}" for r in range(rows)], "place": "x"}),
        weeks=pd.date_range("2023-01-02", periods=weeks, freq="7D"),
        units=units, price=np.ones(rows), promoted=np.zeros_like(units), masked=0.0,
    )  # fmt: skip


def test_quantile_loss_worked_by_hand():
    """Ten happened, 8 and 14 foretold at .5 and .9: 2 x (1.0 + .4) / 2."""
    loss = inventory.quantile_loss(
        np.array([10.0]), np.array([[8.0, 14.0]]), np.array([0.5, 0.9])
    )
    assert loss[0] == pytest.approx(1.4)


def test_the_right_quantiles_of_a_count_lose_least():
    draw = np.random.default_rng(1)
    actual = draw.poisson(9, 4000).astype(float)
    right = np.quantile(draw.poisson(9, 9000), rolling.LEVELS)
    scores = [
        inventory.quantile_loss(actual, np.tile(right + off, (4000, 1))).mean()
        for off in (-2, 0, 2)
    ]
    assert scores[1] == min(scores)


def test_a_past_forecast_does_not_see_what_came_later(panel):
    names = ("levels", "TSB", "boosted trees")
    seen = rolling._told(panel, np.arange(40), 120, 4, names)
    changed, floor = panel.units.copy(), panel.floor.copy()
    changed[:, 124:] = floor[:, 124:] = 1000.0
    later = dataclasses.replace(panel, units=changed, floor=floor)
    again = rolling._told(later, np.arange(40), 120, 4, names)
    for name in names:
        assert again.means[name] == pytest.approx(seen.means[name], rel=1e-9)
    assert np.array_equal(seen.total, again.total)


def test_the_range_is_as_wide_as_the_older_weeks_ask_for():
    """Planted: each month's level is drawn anew, e^0.6 wide; the newest was not used."""
    draw = np.random.default_rng(6)
    level = np.exp(draw.normal(0, 0.6, (300, 30))) * 40
    units = draw.poisson(np.repeat(level, 4, axis=1)).astype(float)
    panel = inventory.Panel(
        keys=pd.DataFrame({"item": range(300), "place": "x"}),
        weeks=pd.date_range("2024-01-01", periods=120, freq="7D"), units=units,
        price=np.ones(300), promoted=0 * units, masked=0.0,
    )  # fmt: skip
    test = inventory.backtest(
        panel, sample=300, methods=("last week", "zero", "13-week mean")
    )
    assert test.drift["steady"] in (0.4, 0.6, 0.8)
    scores = inventory.combined(test)
    assert 0.72 <= scores.loc["ours", "covered"] <= 0.88
    assert scores.loc["13-week mean", "covered"] < 0.72


def test_the_method_that_fits_the_planted_demand_is_chosen():
    """Levels that walk from week to week: the last week is right, long means wrong."""
    draw = np.random.default_rng(2)
    steps = np.cumsum(draw.normal(0, 25, (60, 80)), axis=1)
    units = np.maximum(0, np.round(400 + steps))
    test = inventory.backtest(
        _panel(units), methods=("last week", "zero", "13-week mean")
    )
    assert test.chosen["steady"] == "last week"
    flat = draw.poisson(20, (60, 80)).astype(float)
    test = inventory.backtest(
        _panel(flat), methods=("last week", "zero", "13-week mean")
    )
    assert test.chosen["steady"] == "13-week mean"


def test_naive_zero_and_the_usual_mean_always_run_beside(test):
    scores = inventory.combined(test)
    assert {"last week", "zero", "13-week mean", "ours"} <= set(scores.index)
    assert scores.loc["ours", "loss"] <= scores.loc["last week", "loss"]


def test_zero_is_never_chosen_even_where_plain_error_rewards_it():
    draw = np.random.default_rng(3)
    units = (draw.random((60, 80)) < 0.1).astype(float)
    test = inventory.backtest(_panel(units), methods=("zero", "13-week mean"))
    scores = inventory.combined(test)
    assert scores.loc["zero", "error"] <= scores.loc["13-week mean", "error"]
    assert "zero" not in test.chosen.values()


def test_the_range_of_a_right_forecast_holds_four_fifths():
    draw = np.random.default_rng(4)
    mean = np.full((3000, 4), 0.6)
    sums = draw.poisson(mean[:, None, :], (3000, 300, 4)).sum(axis=2)
    actual = draw.poisson(mean).sum(axis=1)
    assert rolling._covered(actual, sums).mean() == pytest.approx(0.8, abs=0.06)


def test_too_short_a_history_is_refused():
    with pytest.raises(ValueError, match=r"the history has 30 weeks.*need 42"):
        inventory.backtest(_panel(np.ones((3, 30))))
