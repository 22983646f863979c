"""Forecasts: planted levels and spreads come back; counts stay counts."""

import numpy as np
import pandas as pd
import pytest

from opslib.inventory.ahead import boosting, forecast

WEEKS = pd.date_range("2023-01-02", periods=120, freq="7D")


def _flat(rows=30, mean=6.0, seed=1):
    return np.random.default_rng(seed).poisson(mean, (rows, 120)).astype(float)


@pytest.mark.parametrize(
    "name", sorted(set(forecast.METHODS) - {"zero", "last week", "last year"})
)
def test_every_method_finds_a_planted_level(name):
    units = _flat()
    mean = forecast.METHODS[name](units, np.ones(124), 4)
    assert mean.shape == (30, 4)
    assert mean.mean() == pytest.approx(6.0, rel=0.08)
    assert (mean >= 0).all()


def test_naive_methods_are_what_they_say():
    units = np.arange(120.0)[None, :]
    season = np.ones(124)
    assert forecast.last_value(units, season, 2).tolist() == [[119, 119]]
    assert forecast.last_year(units, season, 3).tolist() == [[68, 69, 70]]
    assert forecast.nothing(units, season, 2).tolist() == [[0, 0]]
    assert forecast.moving_average(units, season, 1)[0, 0] == pytest.approx(113)


def test_croston_tsb_and_imapa_are_statsforecasts_own():
    """Called one series at a time, so a failing model can hide behind no other."""
    from statsforecast.models import IMAPA, TSB, CrostonSBA

    units = np.random.default_rng(3).poisson(0.4, (4, 120)).astype(float)
    units[:, 0] = 1
    season = np.ones(121)
    for ours, model in (
        (forecast.croston, CrostonSBA()),
        (forecast.tsb, TSB(alpha_d=0.1, alpha_p=0.1)),
        (forecast.imapa, IMAPA()),
    ):
        told = [
            model.forecast(y=row.astype(np.float32), h=1)["mean"][0] for row in units
        ]
        assert ours(units, season, 1)[:, 0] == pytest.approx(told, rel=1e-5)


def test_a_planted_season_comes_back():
    of_year = WEEKS.isocalendar().week.to_numpy()
    planted = 1 + 0.5 * np.sin(2 * np.pi * of_year / 52)
    units = np.random.default_rng(4).poisson(40 * planted, (50, 120)).astype(float)
    index = forecast.season_index(units, WEEKS, 4)
    assert len(index) == 124
    assert index[:120] / index[:120].mean() == pytest.approx(
        planted / planted.mean(), rel=0.09
    )
    assert (forecast.season_index(units[:, :60], WEEKS[:60], 2) == 1).all()


def test_paths_are_counts_with_the_wanted_mean_and_spread():
    paths = forecast.spread(
        np.full((200, 3), 8.0), dispersion=2.0, drift=0.0, draws=400, seed=5
    )
    assert paths.dtype.kind == "i"
    assert (paths >= 0).all()
    assert paths.mean() == pytest.approx(8.0, rel=0.01)
    assert paths.var() / paths.mean() == pytest.approx(2.0, rel=0.03)
    levels = np.quantile(paths, [0.1, 0.5, 0.9], axis=1)
    assert (np.diff(levels, axis=0) >= 0).all()


def test_drift_moves_the_weeks_of_a_path_together():
    paths = forecast.spread(
        np.full((1, 2), 50.0), dispersion=1.1, drift=0.3, draws=4000, seed=6
    )
    assert np.corrcoef(paths[0].T)[0, 1] > 0.7


def test_planted_dispersion_is_found():
    draw = np.random.default_rng(7)
    units = draw.poisson(draw.gamma(5.0, 2.0, (300, 104))).astype(float)
    ratio = forecast.dispersion_of(units, np.ones(104))
    assert np.median(ratio) == pytest.approx(3.0, rel=0.12)


def test_bad_means_and_too_few_facts_are_refused():
    with pytest.raises(ValueError, match=r"a mean of demand is -1\.0"):
        forecast.spread(np.array([[-1.0]]), dispersion=2, drift=0, draws=2, seed=1)
    with pytest.raises(ValueError, match="facts to learn the spread from"):
        forecast.fit_spread(np.ones(5), np.ones(5))


def test_trees_learn_a_promotion_known_in_advance():
    draw = np.random.default_rng(8)
    promoted = (draw.random((1, 60, 124)) < 0.2).astype(float)
    mean = 10 * (1 + promoted[0])
    units = draw.poisson(mean[:, :120]).astype(float)
    learnt = boosting.learn(units, np.ones(124), ahead=4, known=promoted)
    told = boosting.expect(learnt, units)
    coming = promoted[0, :, 120:] > 0
    assert told[coming].mean() > 1.5 * told[~coming].mean()


def test_trees_without_history_fall_back_to_the_level():
    units = _flat()[:, :16]
    learnt = boosting.learn(units, np.ones(20), ahead=4)
    assert learnt.models == ()
    assert boosting.expect(learnt, units).mean() == pytest.approx(6, rel=0.15)


def test_trees_learn_from_less_than_a_year():
    units = _flat()[:, :48]
    learnt = boosting.learn(units, np.ones(52), ahead=4)
    assert learnt.models
    assert boosting.expect(learnt, units).mean() == pytest.approx(6, rel=0.1)


def test_a_season_too_short_for_the_weeks_ahead_is_refused():
    with pytest.raises(ValueError, match="coming factors of the season"):
        boosting.learn(_flat(), np.ones(121), ahead=4)
