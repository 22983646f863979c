"""What contacting brought: planted effects, refusals, and what the page says of them."""

import numpy as np
import pandas as pd
import pytest

from opslib import customers, demo
from opslib.customers import answer
from opslib.demo import truth, voices
from opslib.findings import Finding, Quantity
from opslib.words import Text

UNTIL, PLAN = "2026-06-28", "2026-05-17"


def _world(seed, people=1500, added=0.1):
    """Return contacts and purchases where contacting adds a share of buyers."""
    draw = np.random.default_rng(seed)
    held = np.arange(people) % 10 == 0
    buys = draw.random(people) < 0.2 + added * ~held
    made = pd.DataFrame({"day": PLAN, "customer": np.arange(people), "held": held})
    some = made[buys]
    days = some[["customer"]].assign(
        day=pd.Timestamp(PLAN)
        + pd.to_timedelta(draw.integers(1, 43, len(some)), unit="D"),
        amount=draw.gamma(2, 20, len(some)),
    )
    return made, days


def _effect(made, days, after=42):
    return customers.measure_contacts(made, days, until=UNTIL, days_after=after)


def _finding():
    quantity = Quantity(value=1.0, low=0.0, high=2.0, unit="GBP")
    return Finding(room="customers", headline=Text("x", "y"), quantity=quantity)


def test_a_planted_effect_is_covered_at_its_rate_over_a_hundred_plans():
    money, buyers = 0, 0
    for seed in range(100):
        told = _effect(*_world(seed))
        money += told.money[1] <= 0.1 * 40 <= told.money[2]
        buyers += told.buyers[1] <= 0.1 <= told.buyers[2]
    assert 83 <= money <= 97
    assert 83 <= buyers <= 97


def test_a_contact_without_effect_is_seldom_called_one():
    found = sum(_effect(*_world(seed, added=0.0)).buyers[1] > 0 for seed in range(100))
    assert found <= 10


def test_the_sides_are_counted_as_worked_by_hand():
    made = pd.DataFrame(
        {"day": PLAN, "customer": range(80), "held": [False] * 40 + [True] * 40}
    )
    made = pd.concat([made, made.head(5).assign(day="2026-05-20")])  # named twice
    days = pd.DataFrame({"customer": [0, 0, 1, 40, 41], "amount": 10.0,
                         "day": ["2026-05-18", "2026-06-01", "2026-05-17", "2026-06-28", "2026-07-05"]})  # fmt: skip
    told = _effect(made, days)
    assert told.sides["customers"].tolist() == [40, 40]
    assert told.sides["buyers"].tolist() == [1 / 40, 1 / 40]  # its own day is too early
    assert told.sides["amount"].tolist() == [20 / 40, 10 / 40]
    assert told.money[0] == pytest.approx(0.25)
    assert not _effect(made.assign(day="2026-06-01"), days).enough  # not over yet
    assert not _effect(made.assign(day="2025-06-01"), days).enough  # long ago


@pytest.mark.slow
def test_the_demonstration_companys_planted_effect_comes_back():
    made = demo.make(size=0.05, seed=7).tables
    lines = made["sales_lines"].dropna(subset="customer")
    days = lines.groupby(["customer", "day"], as_index=False)["amount"].sum()
    held, values = [], []
    for seed in range(40):
        told = _effect(voices._contacts(lines, seed), days)
        values.append(told.buyers[0])
        held.append(told.buyers[1] <= truth.CONTACT <= told.buyers[2])
    assert np.mean(values) == pytest.approx(truth.CONTACT, abs=0.03)
    assert np.mean(held) >= 0.8


def test_the_page_says_what_a_contact_kept_or_that_too_few_are_compared():
    told = _effect(*_world(3))
    right = answer.with_effect(_finding(), told, saved=0.1).checks[-1]
    assert right.passed
    assert "1,350 contacted" in right.sentence.en
    assert "reckons with 10%" in right.sentence.en
    assert answer.with_effect(_finding(), told, saved=0.5).checks[-1].passed is False
    table = answer.effect_table(told, "GBP").frame
    assert table["customers"].tolist()[:2] == [1350, 150]
    few = _effect(*_world(3, people=90))
    check = answer.with_effect(_finding(), few, saved=0.1).checks[-1]
    assert check.passed is None
    assert "81 contacted and under ten left alone" in check.sentence.en
    assert answer.effect_table(few, "GBP").frame.empty
    assert np.isnan(few.money).all()


def test_bad_input_is_refused_with_a_way_out():
    made, days = _world(1)
    with pytest.raises(ValueError, match="held"):
        _effect(made.drop(columns="held"), days)
    with pytest.raises(ValueError, match="days_after"):
        _effect(made, days, after=0)


def test_whom_a_plan_named_lately_is_left_in_peace_unless_held_out():
    stakes = pd.DataFrame({"customer": ["a", "b", "c"], "owner": "", "at_stake": 100.0})
    made = pd.DataFrame(
        {"customer": ["a", "b"], "day": "2026-06-20", "held": [False, True]}
    )
    terms = customers.Terms(cost=0.0, saved=0.1, held=0.0)
    plan = customers.plan_contacts(stakes, terms, today=UNTIL, contacted=made)
    assert plan["customer"].tolist() == ["b", "c"]
