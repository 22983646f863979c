"""Customers: the numbers that others published, on the data they published them for."""

import numpy as np
import pandas as pd
import pytest

from opslib import customers

pytestmark = pytest.mark.published


@pytest.fixture(scope="module")
def cdnow(shared):
    """2,357 customers whose first purchase lies in the first quarter of 1997."""
    days = pd.read_csv(
        shared("customers/cdnow") / "CDNOW_sample.txt", sep=r"\s+", header=None,
        names=["master", "customer", "day", "pieces", "amount"],
    )  # fmt: skip
    return days.assign(day=pd.to_datetime(days["day"].astype(str)))


@pytest.fixture(scope="module")
def calibration(cdnow):
    return customers.histories(cdnow, until="1997-09-30")


def _params(model):
    return list(model.params.values())


def test_bgnbd_equals_fader_hardie_lee_2005(calibration):
    model = customers.fit(calibration, kind="bgnbd")
    assert _params(model) == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=6e-4)
    assert model.log_likelihood == pytest.approx(-9582.429, abs=5e-3)
    assert not model.degenerate


def test_pareto_nbd_equals_its_published_fit(calibration):
    model = customers.fit(calibration, kind="paretonbd")
    assert model.log_likelihood == pytest.approx(-9594.976, abs=0.01)
    assert _params(model) == pytest.approx([0.553, 10.578, 0.606, 11.669], abs=2e-3)


def test_gamma_gamma_equals_its_published_fit(calibration):
    model = customers.fit_spending(calibration)
    assert [model.p, model.q, model.gamma] == pytest.approx(
        [6.25, 3.74, 15.44], abs=0.01
    )
    assert model.log_likelihood == pytest.approx(-4055.9177, abs=1e-3)
    assert model.customers == 946


def test_expected_purchases_of_a_new_customer_equal_hardies_sheet(calibration):
    model = customers.fit(calibration)
    found = customers.expected_of_new(
        model, ahead=np.array([0.1429, 1, 3, 31.8571, 32, 78])
    )
    wanted = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576]
    assert found == pytest.approx(wanted, abs=5e-4)


@pytest.mark.parametrize(
    ("kind", "wanted", "near"),
    [
        ("bgnbd", [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.504, 6.157], 5e-4),
        ("paretonbd", [0.138, 0.6, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403], 1e-3),
    ],
)
def test_purchases_39_weeks_ahead_equal_the_published_bins(
    calibration, kind, wanted, near
):
    model = customers.fit(calibration, kind=kind)
    ahead = customers.expected(model, calibration, ahead=39)
    bins = calibration["frequency"].clip(upper=7)
    means = pd.Series(ahead).groupby(bins).mean()
    assert means.tolist() == pytest.approx(wanted, abs=near)


def test_the_total_39_weeks_ahead_is_12_percent_low_as_others_found(cdnow, calibration):
    ahead = customers.expected(customers.fit(calibration), calibration, ahead=39)
    told = customers.later(
        cdnow, calibration["customer"], after="1997-09-30", days_ahead=273
    )
    assert told["purchases"].sum() == 1882
    assert ahead.sum() / 1882 - 1 == pytest.approx(-0.121, abs=0.001)


def test_bgbb_equals_fader_hardie_shang_2010(shared):
    told = pd.read_csv(shared("customers/btyd_donations") / "donations.csv")
    told = told.rename(columns={"periods": "rounds", "weights": "count"})
    model = customers.fit_rounds(told)
    found = [model.alpha, model.beta, model.gamma, model.delta]
    assert found == pytest.approx([1.204, 0.750, 0.657, 2.783], abs=6e-4)
    assert model.log_likelihood == pytest.approx(-33225.58, abs=0.01)
    ahead = customers.expected_rounds(model, told, ahead=5) @ told["count"]
    assert ahead == pytest.approx(12884.2, abs=0.1)
    alive = told.assign(chance=customers.round_chance(model, told).round(2))
    alive = alive.set_index(["frequency", "recency"])["chance"]
    assert [alive[0, 0], alive[2, 4], alive[6, 6]] == [0.11, 0.59, 0.93]
