"""Hierarchies: what is worked out agrees with the textbook formula and adds up."""

import numpy as np
import pandas as pd
import pytest

from opslib.inventory.ahead import totals
from opslib.inventory.demand import Panel


def test_it_equals_the_projection_of_the_textbook():
    """y = S (S' W^-1 S)^-1 S' W^-1 y^ over three items and two sums."""
    draw = np.random.default_rng(1)
    bottom, tops = draw.uniform(5, 9, (3, 2)), draw.uniform(15, 30, (2, 2))
    sums = np.array([[1.0, 1, 1], [1, 1, 0]])
    below, above = draw.uniform(0.5, 2, 3), draw.uniform(0.5, 2, 2)
    whole, heap = np.vstack([sums, np.eye(3)]), np.vstack([tops, bottom])
    weight = np.diag(1 / np.r_[above, below])
    book = np.linalg.solve(whole.T @ weight @ whole, whole.T @ weight @ heap)
    ours = totals.reconcile(
        bottom, sums, tops, bottom_variance=below, top_variance=above
    )
    assert ours == pytest.approx(book)


def test_a_sure_sum_is_kept_and_an_unsure_one_moves_nothing():
    bottom, sums = np.array([[4.0], [6.0]]), np.ones((1, 2))
    one = np.ones(2)
    sure = totals.reconcile(
        bottom, sums, np.array([[20.0]]), bottom_variance=one, top_variance=[1e-9]
    )
    assert sure.sum() == pytest.approx(20)
    loose = totals.reconcile(
        bottom, sums, np.array([[20.0]]), bottom_variance=one, top_variance=[1e9]
    )
    assert loose == pytest.approx(bottom)


def test_a_season_that_only_the_whole_shows_reaches_the_items():
    draw = np.random.default_rng(2)
    weeks = pd.date_range("2022-01-03", periods=160, freq="7D")
    wave = 1 + 0.5 * np.sin(2 * np.pi * np.arange(164) / 52)
    units = draw.poisson(0.8 * wave, (300, 164)).astype(float)
    panel = Panel(
        keys=pd.DataFrame({"item": np.arange(300), "place": np.repeat(["a", "b"], 150)}),
        weeks=weeks, units=units[:, :160], price=np.ones(300),
        promoted=np.zeros((300, 160)), masked=0.0,
    )  # fmt: skip
    flat = np.repeat(units[:, 147:160].mean(axis=1)[:, None], 4, axis=1)
    moved = totals.with_totals(panel, flat, 0.8 + (0.25 * flat) ** 2)
    true = 0.8 * wave[160:] * 300
    before = np.abs(flat.sum(axis=0) - true).sum()
    assert np.abs(moved.sum(axis=0) - true).sum() < 0.75 * before


def test_a_short_history_leaves_items_as_they_are(panel):
    cut = Panel(
        **{**vars(panel), "units": panel.units[:, :80], "weeks": panel.weeks[:80]}
    )
    mean = np.ones((len(panel.units), 3))
    assert totals.with_totals(cut, mean, mean) is mean


def test_shapes_and_variances_that_do_not_fit_are_refused():
    one = np.ones((2, 1))
    with pytest.raises(ValueError, match="sums needs a row for each top"):
        totals.reconcile(
            one,
            np.ones((1, 3)),
            np.ones((1, 1)),
            bottom_variance=one,
            top_variance=one[:1],
        )
    with pytest.raises(ValueError, match=r"top_variance is 0.0"):
        totals.reconcile(
            one,
            np.ones((1, 2)),
            np.ones((1, 1)),
            bottom_variance=one,
            top_variance=0 * one[:1],
        )


def test_sums_are_used_where_past_weeks_say_so():
    """Planted growth, which means of recent weeks lag behind and a regression of sums sees."""
    from opslib import inventory

    draw = np.random.default_rng(4)
    weeks = pd.date_range("2022-01-03", periods=160, freq="7D")
    trend = np.exp(np.cumsum(np.full(160, 0.012)))
    units = draw.poisson(0.5 * trend, (200, 160)).astype(float)
    steep = Panel(
        keys=pd.DataFrame({"item": np.arange(200), "place": np.repeat(["a", "b"], 100)}),
        weeks=weeks, units=units, price=np.ones(200), promoted=np.zeros((200, 160)), masked=0.0,
    )  # fmt: skip
    test = inventory.backtest(
        steep, methods=("last week", "13-week mean", "zero"), sample=20
    )
    assert test.agreed
    mean = inventory.foretell(steep, test, weeks=4).mean
    alone = inventory.foretell(
        steep, type(test)(**{**vars(test), "agreed": False}), weeks=4
    ).mean
    assert mean.sum() > 1.02 * alone.sum()
