"""The week's list, who changed pace, gaps between groups, one customer's page."""

import numpy as np
import pandas as pd
import pytest

from opslib import customers, words
from opslib.customers import answer, controls
from opslib.show import tables

TODAY = "2026-03-01"


def _week(**more):
    plan = pd.DataFrame(
        {"customer": ["a", "b", "h"], "owner": ["North", "South", "South"],
         "gain": [9.0, 30.0, 20.0], "held": [False, False, True]}
    )  # fmt: skip
    calendar = pd.DataFrame(
        {"day": pd.to_datetime(["2026-03-02", "2026-03-03", "2026-03-04", "2026-03-20"]),
         "customer": ["a", "c", "h", "d"], "reason": ["follow_up", "birthday", "birthday", "birthday"],
         "detail": ["complaint", "", "", ""]}
    )  # fmt: skip
    stages = pd.DataFrame(
        {"customer": ["a", "b", "c", "n", "x"], "stage": ["new", "active", "new", "new", "new"]}
    )  # fmt: skip
    return customers.next_actions(plan, calendar, stages, today=TODAY, **more)


def test_each_customer_stands_on_the_week_once_with_the_reason_that_binds_most():
    owners = pd.DataFrame({"customer": ["a", "b", "c", "h", "n"], "owner": "North"})
    told = _week(owners=owners)
    assert told["customer"].is_unique
    assert told.set_index("customer")["action"].to_dict() == {
        "a": "follow_up", "b": "contact", "c": "birthday", "h": "leave", "n": "welcome",
    }  # fmt: skip


def test_who_is_held_out_gets_no_greeting_and_who_may_not_be_contacted_no_welcome():
    told = _week(owners=pd.DataFrame({"customer": ["b"], "owner": ["South"]}))
    assert told.set_index("customer")["action"]["h"] == "leave"
    assert not {"n", "x", "d"} & set(told["customer"])


def test_a_plan_without_gain_is_refused():
    with pytest.raises(ValueError, match="gain"):
        customers.next_actions(
            pd.DataFrame({"customer": [], "owner": [], "held": []}),
            pd.DataFrame({"day": [], "customer": [], "reason": [], "detail": []}),
            pd.DataFrame({"customer": [], "stage": []}), today=TODAY,
        )  # fmt: skip


@pytest.fixture(scope="module")
def paces():
    """400 even customers, 30 who doubled and 30 who stopped half a year ago."""
    draw = np.random.default_rng(3)
    rows = []
    for c in range(460):
        recent = 24 if c < 30 else 0 if c < 60 else 9
        rows += [(f"c{c}", d) for d in draw.choice(182, recent, replace=False)]
        rows += [(f"c{c}", 182 + d) for d in draw.choice(546, 27, replace=False)]
    frame = pd.DataFrame(rows, columns=["customer", "ago"])
    day = pd.Timestamp(TODAY) - pd.to_timedelta(frame["ago"], unit="D")
    return frame.assign(day=day, amount=10.0)


def test_planted_changes_of_pace_are_found_and_few_others(paces):
    told = customers.movers(paces, until=TODAY)
    up = set(told.loc[told["kind"] == "growing", "customer"])
    down = set(told.loc[told["kind"] == "fading", "customer"])
    planted = [{f"c{i}" for i in range(30)}, {f"c{i}" for i in range(30, 60)}]
    assert len(up & planted[0]) >= 15
    assert len(down & planted[1]) >= 28
    assert len((up - planted[0]) | (down - planted[1])) <= 0.2 * len(told)
    assert (told.loc[told["kind"] == "fading", "money"] < 0).all()


def test_a_season_for_all_is_no_change_of_pace(paces):
    even = paces[paces["customer"].str[1:].astype(int) >= 60]
    more = even[even["ago"] < 182].assign(
        day=lambda f: f["day"] - pd.Timedelta(hours=1)
    )
    assert customers.movers(pd.concat([even, more]), until=TODAY).empty


def test_days_back_of_a_day_are_refused(paces):
    with pytest.raises(ValueError, match="days_back is 1"):
        customers.movers(paces, until=TODAY, days_back=1)


def test_halves_of_one_cloud_have_no_gap_and_two_clouds_have():
    draw = np.random.default_rng(0)
    one = draw.normal(size=(800, 3))
    assert customers.valleys(one, (one[:, 0] > 0).astype(int)).min() == 1.0
    two = np.r_[one, draw.normal(5, 1, (400, 3))]
    labels = np.repeat([0, 1], [800, 400])
    assert customers.valleys(two, labels).max() < 0.2
    assert customers.valleys(one, np.zeros(800, dtype=int)).tolist() == [1.0]


def test_of_stable_numbers_the_one_with_gaps_is_taken():
    draw = np.random.default_rng(2)
    middles = np.array([[0, 0], [6, 0], [0, 6]])
    group = draw.integers(0, 3, 900)
    x = middles[group] + draw.normal(size=(900, 2))
    told = customers.find_segments(
        pd.DataFrame(x, columns=["p", "q"]).assign(customer=range(900)), most=5, pairs=5
    )
    assert len(told.groups) == 3
    assert told.groups["valley"].max() < 0.5


def test_a_company_that_never_asked_may_contact_and_is_told_to_check():
    people = pd.DataFrame({"customer": ["a", "b"], "contact_allowed": [None, None]})
    leaving = pd.DataFrame({"customer": ["a", "b"], "chance": [0.5, 0.5]})
    values = leaving.assign(active=0.9, value=100.0, total=50.0, days_since=3)
    stakes = customers.contact_gains(leaving, values, people)
    assert len(stakes) == 2
    assert not stakes["asked"].any()
    said = customers.contact_gains(
        leaving, values, people.assign(contact_allowed=[True, None])
    )
    assert said["customer"].tolist() == ["a"]
    assert said["asked"].all()


def test_one_customers_page_follows_the_sliders_and_shows_names_to_scope_only():
    day = pd.Timestamp("2026-02-01")
    days = pd.DataFrame(
        {
            "customer": ["a", "a", "b"],
            "day": [day, day + pd.Timedelta(days=9), day],
            "amount": 20.0,
        }
    )
    values = pd.DataFrame({"customer": ["b", "a"], "value": [90.0, 40.0], "value_low": 1.0,
                           "value_high": 99.0, "active": 0.8, "total": 20.0})  # fmt: skip
    stakes = pd.DataFrame({"customer": ["a"], "chance": [0.5], "at_stake": [200.0]})
    read = {"days": days, "values": values, "leaving": stakes}
    terms = customers.Terms(cost=1.0, saved=0.1, margin=0.5)
    page = controls.record("a", read, terms, day=pd.Timestamp(TODAY), currency="GBP")
    assert page.sliders[0].value == 2
    told = page.compute(place=2, cost=1.0, saved=0.1)
    assert "should bring £9.00 after its cost" in told.headline.en
    assert (
        "would cost £1.00 more"
        in page.compute(place=2, cost=11.0, saved=0.1).headline.en
    )
    assert (
        "may not be contacted" in page.compute(place=1, cost=1.0, saved=0.1).headline.en
    )
    assert "Zebulon" not in told.table.frame.to_csv()
    scoped = controls.record("a", read, terms, day=pd.Timestamp(TODAY), currency="GBP",
                             personal={"a": {"name": "Zebulon"}})  # fmt: skip
    assert (
        "Zebulon" in scoped.compute(place=2, cost=1.0, saved=0.1).table.frame.to_csv()
    )


def test_tables_of_the_week_read_in_both_languages():
    week = _week()
    for language, follow in (("en", "settled"), ("zh", "回访")):
        words.speak(language)
        assert follow in answer.week_table(week, "GBP").frame.to_csv()
    assert answer.owners_table(week, "GBP").frame.empty
    many = pd.concat(
        [week.assign(customer=week["customer"] + str(i)) for i in range(10)]
    )
    told = answer.owners_table(many, "GBP")
    assert told.frame["gain"].dropna().tolist() == [10 * 30.0]  # not those left alone
    assert told.frame["contacts"].dropna().tolist() == [10]
    words.speak("en")
    assert "回访" in tables.html(answer.week_table(week, "GBP"), "zh")
    assert "回访" not in tables.html(answer.week_table(week, "GBP"), "en")


def test_no_number_of_under_ten_customers_stands_in_the_table_by_owner():
    week = pd.DataFrame(
        {
            "owner": "North",
            "customer": [f"c{i}" for i in range(33)],
            "action": ["contact"] * 9 + ["follow_up"] * 12 + ["birthday"] * 12,
            "gain": 5.0,
        }
    )
    told = answer.owners_table(week, "GBP").frame.iloc[0]
    assert pd.isna(told["contacts"])
    assert pd.isna(told["gain"])
    assert told[["service", "greetings"]].tolist() == [12, 12]


def test_where_nobody_changed_pace_the_table_says_so():
    none = customers.movers(
        pd.DataFrame(
            {"customer": ["a"], "day": [pd.Timestamp(TODAY)], "amount": [1.0]}
        ),
        until=TODAY,
    )
    assert "nobody" in answer.movers_table(none, "GBP").frame.to_csv()
