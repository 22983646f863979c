"""Value and season: planted season is found, intervals come true, naive ways are beaten."""

import numpy as np
import pandas as pd
import pytest

from opslib import customers


@pytest.fixture(scope="module")
def shop():
    """Three years of customers who buy more in some weeks and may leave."""
    draw = np.random.default_rng(4)
    start, days = pd.Timestamp("2023-01-02"), 3 * 364
    season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(days) / 365.25)
    rows = []
    for c in range(900):
        first = int(draw.integers(0, days - 200))
        rate, leave = draw.gamma(1.2, 1 / 60), draw.beta(0.8, 6.0)
        price = 1 / draw.gamma(5, 1 / 150)
        rows.append((c, first, draw.gamma(5, price)))
        for day in (
            first
            + 1
            + np.flatnonzero(draw.random(days - first - 1) < rate * season[first + 1 :])
        ):
            if rows[-1][0] == c and draw.random() < leave:
                break
            rows.append((c, int(day), draw.gamma(5, price)))
    frame = pd.DataFrame(rows, columns=["customer", "at", "amount"])
    frame["day"] = start + pd.to_timedelta(frame["at"], unit="D")
    frame["amount"] = frame["amount"] * 5000
    return frame.assign(customer="c" + frame["customer"].astype(str)).drop(columns="at")


def test_the_planted_season_is_found_from_the_past_alone(shop):
    season = customers.learn_season(shop, until="2025-06-30")
    truth = 1 + 0.5 * np.sin(2 * np.pi * (np.arange(52) * 7 + 3) / 365.25)
    assert np.corrcoef(season.factors, truth)[0, 1] > 0.85
    assert season.learnt_to == pd.Timestamp("2025-06-30")


def test_no_season_is_claimed_before_a_year_was_seen(shop):
    assert customers.learn_season(shop, until="2023-11-30") is None


@pytest.mark.slow
def test_the_season_moves_the_total_nearer_to_what_came(shop):
    found = customers.audit(shop, until="2025-12-28", cuts=3)
    miss = found.cuts.assign(miss=found.cuts["bias"].abs()).groupby("method")["miss"]
    assert miss.mean()["model"] < miss.mean()["no_season"]
    assert found.wins


def test_customer_intervals_hold_at_least_what_they_promise(shop):
    value = customers.value_customers(shop, until="2025-06-29", days_ahead=182)
    came = customers.later(
        shop, value.rows["customer"], after="2025-06-29", days_ahead=182
    )["amount"]
    held = came.between(value.rows["value_low"] - 1e-9, value.rows["value_high"] + 1e-9)
    assert 0.78 <= held.mean() <= 0.95
    assert value.total == pytest.approx(came.sum(), rel=0.2)


def test_the_audit_refuses_a_history_without_half_a_year_before_a_cut(shop):
    with pytest.raises(ValueError, match="0 cut with half a year before it found"):
        customers.audit(shop, until="2023-06-30")
    with pytest.raises(ValueError, match=r"coverage is 2; it must lie in"):
        customers.value_customers(shop, until="2025-06-30", coverage=2)


@pytest.mark.slow
def test_the_audit_sees_nothing_after_its_cut(shop):
    cut = shop[shop["day"] <= "2025-09-28"]
    changed = pd.concat([cut, shop[shop["day"] > "2025-09-28"].assign(amount=1.0)])
    one = customers.audit(shop, until="2025-12-28", cuts=1).cuts
    two = customers.audit(changed, until="2025-12-28", cuts=1).cuts
    assert one["predicted"].tolist() == pytest.approx(two["predicted"].tolist())
