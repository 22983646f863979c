"""Long single series: planted seasons come back, ranges hold, bad input is refused."""

import numpy as np
import pytest

from opslib.inventory.ahead import series


def _waves(count=12, steps=180, season=12, seed=1):
    draw = np.random.default_rng(seed)
    at = np.arange(steps)
    level = draw.uniform(50, 200, (count, 1))
    wave = 1 + 0.3 * np.sin(2 * np.pi * at / season + draw.uniform(0, 6, (count, 1)))
    return level * wave * np.exp(draw.normal(0, 0.03, (count, steps)))


def test_a_planted_season_is_foretold_nearer_than_by_repeating_the_last_one():
    known = _waves()
    told = series.outlook(list(known[:, :-12]), ahead=12, seasons=(12,))
    ours = np.abs(told.mean - known[:, -12:]).mean()
    assert ours < 0.9 * np.abs(known[:, -24:-12] - known[:, -12:]).mean()


def test_the_range_holds_what_it_says():
    known = _waves(count=60, seed=2)
    told = series.outlook(list(known[:, :-12]), ahead=12, seasons=(12,), confidence=0.8)
    inside = (known[:, -12:] >= told.low) & (known[:, -12:] <= told.high)
    assert 0.7 <= inside.mean() <= 0.92


def test_quantiles_never_cross_and_stay_above_zero():
    draw = np.random.default_rng(3)
    known = draw.poisson(1.0, (10, 90)).astype(float)
    told = series.outlook(list(known), ahead=6, seasons=(12,), settings=series.MONTHLY)
    levels = told.quantiles(np.arange(1, 10) / 10)
    assert (np.diff(levels, axis=2) >= 0).all()
    assert (levels >= 0).all()
    assert told.low.min() >= 0


def test_a_steady_line_stays_where_it_is():
    told = series.outlook([np.full(150, 7.0)], ahead=4, seasons=(52,))
    assert told.mean[0] == pytest.approx(7.0, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "ahead", "told"),
    [
        (np.ones(10), 4, "values in series 0"),
        (np.r_[np.ones(60), np.nan], 4, "series 0 holds a missing value"),
    ],
)
def test_bad_series_are_refused(values, ahead, told):
    with pytest.raises(ValueError, match=told):
        series.outlook([values], ahead=ahead)
