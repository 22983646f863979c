"""The demonstration company: groups, leavers and values planted in it are found."""

import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from opslib import customers, demo
from opslib.demo import truth

pytestmark = pytest.mark.slow
CUT, END = "2025-12-28", str(truth.END)


@pytest.fixture(scope="module")
def company():
    """A company of 6,000 customers; its truth is used to judge only."""
    made = demo.make(size=0.3, seed=5)
    lines = made.tables["sales_lines"]
    lines = lines[lines["customer"].notna()]
    by = lines.groupby(["customer", "day"], as_index=False)
    days = by.agg(amount=("amount", "sum"), units=("quantity", "sum"))
    told = made.truth.customers.assign(customer=lambda f: f["customer"].astype(str))
    return days.assign(day=pd.to_datetime(days["day"])), told.set_index("customer")


def test_the_four_planted_groups_are_found_named_and_apart(company):
    days, told = company
    features = customers.segment_features(days, until=END)
    found = customers.find_segments(features, most=5)
    planted = found.members["customer"].map(told["group"])
    assert len(found.groups) == 4
    assert adjusted_rand_score(planted, found.members["group"]) >= 0.8
    assert found.groups["named"].all()
    assert found.groups["valley"].max() < 0.8


def test_who_has_left_is_told_from_who_stays_and_chances_hold(company):
    days, told = company
    life = customers.value_customers(days, until=END)
    gone = (life.rows["customer"].map(told["left"]) < truth.DAYS).to_numpy()
    leave = 1 - life.rows["active"].to_numpy()
    assert customers.ranking(leave, gone) >= 0.9
    assert leave.mean() == pytest.approx(gone.mean(), abs=0.06)
    leaving = customers.churn_chances(days, until=END)
    left = (leaving.rows["customer"].map(told["left"]) < truth.DAYS).to_numpy()
    assert customers.ranking(leaving.rows["chance"].to_numpy(), left) >= 0.9
    assert abs(leaving.tested["chance"].mean() - leaving.base) <= 0.05


def test_eighty_percent_ranges_of_value_hold_75_to_85_percent(company):
    """Ranges that start above nothing; the others mostly hold as nothing is bought."""
    days, _ = company
    life = customers.value_customers(days, until=CUT, days_ahead=182, count=400)
    rows = life.rows
    came = customers.later(days, rows["customer"], after=CUT, days_ahead=182)["amount"]
    held = came.between(rows["value_low"] - 1e-9, rows["value_high"] + 1e-9)
    real = rows["value_low"] > 0
    assert real.sum() > 500
    assert 0.75 <= held[real].mean() <= 0.85
    assert held.mean() >= 0.8
    assert life.model.kind == "paretonbd"
    assert life.total == pytest.approx(came.sum(), rel=0.1)
