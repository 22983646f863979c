"""Pages: what is said, refused and hidden, in both languages."""

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest

from opslib import customers, words
from opslib.customers import answer, charts, controls

DAY = dt.date(2025, 12, 28)
PERSON = "Zebulon Quartz"


@pytest.fixture(scope="module")
def days():
    draw = np.random.default_rng(6)
    rows = []
    for c in range(500):
        kind = c % 3
        gap, price = (10, 20) if kind == 0 else (40, 90) if kind == 1 else (70, 12)
        at, end = draw.integers(0, 200), 200 + draw.exponential(700)
        while at < min(end, 728):
            rows.append((f"c{c}", at, draw.gamma(9, price / 9), float(1 + kind)))
            at += max(1, draw.gamma(2, gap / 2))
    frame = pd.DataFrame(rows, columns=["customer", "at", "amount", "units"])
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(
        frame["at"].astype(int), unit="D"
    )
    return frame.assign(day=day).drop(columns="at")


@pytest.fixture(scope="module")
def groups(days):
    features = customers.segment_features(days, until=DAY)
    return customers.find_segments(features, most=4, pairs=4)


@pytest.fixture(scope="module")
def valued(days):
    checked = customers.audit(days, until=DAY, cuts=2)
    return customers.value_customers(days, until=DAY, checked=checked), checked


@pytest.fixture(scope="module")
def planned(days, valued):
    leaving = customers.churn_chances(days, until=DAY)
    people = pd.DataFrame({"customer": leaving.rows["customer"], "name": PERSON,
                           "region": "North", "contact_allowed": True})  # fmt: skip
    stakes = customers.contact_gains(leaving.rows, valued[0].rows, people)
    terms = customers.Terms(cost=0.2, saved=0.2)
    return leaving, stakes, terms, customers.plan_contacts(stakes, terms, today=DAY)


NO_RECORD = pd.DataFrame(columns=["run_day", "due", "low", "high", "actual", "held"])


def test_stable_groups_carry_names_and_unstable_ones_say_constructed(days, groups):
    moved = customers.migration(days, until=DAY)
    assert groups.found
    told = answer.segments(groups, moved, day=DAY, total=500)
    assert "fall into" in told.headline.en
    assert "constructed" not in told.headline.en
    loose = dataclasses.replace(
        groups, found=False, groups=groups.groups.assign(named=False)
    )
    told = answer.segments(loose, moved, day=DAY, total=500)
    assert "constructed, not found" in told.headline.en
    assert "人为划分" in told.headline.zh
    assert all("constructed" in n.en for n in answer.group_names(loose))


def test_groups_under_ten_are_not_shown(groups):
    few = groups.groups.assign(customers=[9, *groups.groups["customers"][1:]])
    shown = answer.groups_table(dataclasses.replace(groups, groups=few), "GBP").frame
    assert len(shown) == len(few) - 1


def test_the_value_page_tells_the_total_with_its_range(valued):
    told = answer.lifetime(*valued, day=DAY, currency="GBP", kept=NO_RECORD)
    assert told.quantity.low < told.quantity.value < told.quantity.high
    assert told.headline.zh != told.headline.en
    assert told.predictions[0].due == DAY + dt.timedelta(days=91)
    good = dataclasses.replace(valued[1], wins=True)
    assert "value" in answer.value_table(valued[0], good, "GBP").headings


def test_a_model_that_loses_to_a_simple_rule_is_not_shown(valued):
    lost = dataclasses.replace(valued[1], wins=False)
    told = answer.lifetime(valued[0], lost, day=DAY, currency="GBP", kept=NO_RECORD)
    assert told.headline.en.startswith("No forecast by customer is shown")
    assert "value" not in answer.value_table(valued[0], lost, "GBP").headings


def test_earlier_forecasts_are_scored_against_what_came(days):
    kept = pd.DataFrame({"run_day": [pd.Timestamp("2025-06-30")] * 2, "q0.1": [0.0, 1e6],
                         "due": [pd.Timestamp("2025-09-29"), pd.Timestamp("2025-09-29")],
                         "q0.9": [1e6, 2e6]})  # fmt: skip
    told = customers.score_record(kept, days, until=DAY)
    assert told["held"].tolist() == [True, False]
    assert customers.score_record(kept, days, until="2025-07-31").empty


def test_the_churn_page_says_whom_to_contact_and_what_it_brings(planned):
    leaving, stakes, _, plan = planned
    told = answer.churn(leaving, plan, stakes, day=DAY, currency="CNY")
    called = plan[~plan["held"]]
    assert told.actions[0].value == pytest.approx(called["gain"].sum())
    assert words.number(len(called)).en in told.headline.en


def test_the_record_tells_earlier_contacts():
    days = pd.DataFrame({"customer": ["a"], "day": [DAY], "amount": [20.0]})
    made = pd.DataFrame(
        {"customer": ["a", "a", "b"], "day": ["2026-01-05", "2026-02-05", "2026-02-05"],
         "held": [False, True, False]}
    )  # fmt: skip
    told = customers.record("a", {"days": days, "contacts": made}, until=DAY)
    assert told.contacts["day"].tolist() == ["2026-02-05", "2026-01-05"]
    text = answer.record_table(told, "GBP").frame.to_csv()
    assert text.index("left alone, to compare") < text.index("contacted")


def test_the_sliders_move_the_list_and_its_gain(planned):
    _, stakes, terms, _ = planned
    turned = controls.contacts(stakes, terms, day=DAY, currency="GBP")
    dear = turned.compute(number=50, cost=2.0, saved=0.2, least=0)
    cheap = turned.compute(number=50, cost=0.0, saved=0.2, least=0)
    assert dear.headline != cheap.headline
    assert all(s.low <= s.value <= s.high for s in turned.sliders)
    assert len(turned.cases) >= 4
    lately = stakes[["customer"]].assign(day=DAY, held=False)
    rest = controls.contacts(
        stakes, terms, day=DAY, currency="GBP", contacted=lately
    ).compute(number=50, cost=0.0, saved=0.2, least=0)
    assert rest.table.frame.empty


def test_every_chart_is_drawn_in_both_languages(days, groups, valued, planned):
    for language in ("en", "zh"):
        words.speak(language)
        figures = [
            charts.moves(customers.migration(days, until=DAY)), charts.agreement(groups),
            charts.group_shares(groups), charts.foretold(valued[1]), charts.totals(valued[1]),
            charts.leavers_found(planned[0]), charts.chances(planned[0]),
            charts.staying(customers.retention(days, until=DAY)),
            charts.staying_by_quarter(customers.retention(days, until=DAY)),
        ]  # fmt: skip
        assert all(f.layout.title.text for f in figures)
        assert all(len(f.data) for f in figures)


def test_no_output_of_any_page_holds_a_planted_name(days, groups, valued, planned):
    leaving, stakes, _, plan = planned
    people = pd.DataFrame({"customer": ["c0"], "name": PERSON, "phone": PERSON,
                           "birthday": "12-30", "contact_allowed": True})  # fmt: skip
    told = customers.record("c0", {"days": days, "people": people}, until=DAY)
    calendar = customers.care_calendar(people, today=DAY)
    tables = [
        answer.groups_table(groups, "GBP"), answer.members_table(groups),
        answer.rules_table(groups), answer.value_table(*valued, "GBP"),
        answer.audit_table(valued[1]), answer.plan_table(plan, "GBP"),
        answer.calendar_table(calendar), answer.record_table(told, "GBP"),
    ]  # fmt: skip
    findings = [
        answer.lifetime(*valued, day=DAY, currency="GBP", kept=NO_RECORD),
        answer.churn(leaving, plan, stakes, day=DAY, currency="GBP"),
    ]
    assert len(calendar) == 2
    for table in tables:
        assert PERSON not in table.frame.to_csv(), table.name
    for finding in findings:
        assert PERSON not in str(finding.to_dict())
    scoped = customers.record(
        "c0", {"days": days}, until=DAY, personal={"c0": {"name": PERSON}}
    )
    assert PERSON in answer.record_table(scoped, "GBP").frame.to_csv()
