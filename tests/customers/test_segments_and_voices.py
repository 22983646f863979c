"""Segments and voices: planted groups are found, noise is called constructed."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from opslib import customers
from opslib.customers import segments


def _people(count=600, apart=1.6, seed=3):
    draw = np.random.default_rng(seed)
    group = draw.integers(0, 3, count)
    centres = np.array([[3.2, 3.0], [2.0, 5.0], [0.8, 3.4]])
    x = centres[group] * apart / 1.6 + draw.normal(0, 0.35, (count, 2))
    frame = pd.DataFrame(x, columns=["yearly", "amount"])
    return frame.assign(customer=range(count)), group


@pytest.fixture(scope="module")
def found():
    features, group = _people()
    return customers.find_segments(features, most=5), features, group


def test_planted_groups_are_found_and_may_be_named(found):
    told, _, group = found
    assert adjusted_rand_score(group, told.members["group"]) >= 0.8
    assert told.found
    assert told.groups["named"].all()
    assert len(told.groups) == 3


def test_every_method_is_compared(found):
    assert set(found[0].tried["method"]) == set(segments.METHODS)


def test_one_cloud_is_called_constructed_not_found():
    draw = np.random.default_rng(0)
    cloud = pd.DataFrame(draw.normal(size=(500, 4)), columns=list("abcd"))
    told = customers.find_segments(cloud.assign(customer=range(500)), most=4)
    assert not told.found
    assert not told.groups["named"].any()


def test_a_short_tree_assigns_new_customers(found):
    told, _, _ = found
    fresh, group = _people(200, seed=9)
    assert told.agreement > 0.9
    assert adjusted_rand_score(group, customers.assign(told, fresh)) > 0.7
    rules = customers.rule_rows(told)
    assert rules["customers"].sum() == 600
    assert all(len(c) <= 4 for c in rules["conditions"])


def test_what_differs_between_groups_is_told_from_what_does_not(found):
    told, features, group = found
    draw = np.random.default_rng(2)
    people = pd.DataFrame(
        {"customer": range(600), "region": np.array(["N", "S", "E"])[group],
         "sign": draw.choice(["x", "y"], 600), "visits": group + draw.normal(0, 1, 600)}
    )  # fmt: skip
    rows = customers.describe(told, features, people).set_index("what")
    assert rows["differs"].to_dict() == {"region": True, "visits": True, "sign": False}
    assert rows.loc["region", "effect"] > 0.9


def test_features_hold_only_customers_who_bought_often_enough():
    draw = np.random.default_rng(5)
    days = pd.DataFrame(
        {"customer": draw.integers(0, 120, 700), "units": 2.0, "amount": 9.0,
         "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(draw.integers(0, 90, 700), unit="D")}
    )  # fmt: skip
    told = customers.segment_features(days, until="2026-04-30")
    assert list(told.columns) == ["customer", "yearly", "amount", "units"]
    with pytest.raises(ValueError, match="customers who bought often enough found"):
        customers.segment_features(days, until="2026-04-30", least_purchases=50)


def test_an_empty_feature_is_refused():
    features, _ = _people(100)
    with pytest.raises(ValueError, match="empty values in 'amount'"):
        customers.find_segments(features.assign(amount=np.nan))


def test_reasons_of_texts_are_learnt_in_either_language():
    texts = ["the parcel came late again", "late delivery of my parcel", "the cup was broken",
             "broken glass in the box", "包裹又迟到了", "杯子碎了"] * 8  # fmt: skip
    reasons = ["late", "late", "broken", "broken", "late", "broken"] * 8
    told = customers.learn_reasons(texts, reasons)
    new = ["parcel late", "a broken cup", "包裹迟到", "碎了"]
    assert customers.reasons_of(told, new).tolist() == ["late", "broken"] * 2
    assert told.expected > 0.9


def test_too_few_texts_are_refused():
    with pytest.raises(ValueError, match="2 texts with a reason found; at least 30"):
        customers.learn_reasons(["a", "b"], ["x", "y"])
