"""Churn, calendar, plan and record: planted truth, worked cases, refusals, privacy."""

import numpy as np
import pandas as pd
import pytest

from opslib import customers
from opslib.customers import churn
from opslib.customers.care import actions

NAME, PHONE = "Zebulon Quartz", "0999-555-123"


@pytest.fixture(scope="module")
def shop():
    """Two years of customers with a planted day of leaving."""
    draw = np.random.default_rng(8)
    rows, left = [], {}
    for c in range(700):
        first, gap = draw.integers(0, 400), draw.gamma(4, 6)
        end = first + draw.exponential(400)
        left[f"c{c}"] = end
        at = first
        while at < min(end, 728):
            rows.append((f"c{c}", at, draw.gamma(4, 10)))
            at += max(1, draw.gamma(2, gap / 2))
    frame = pd.DataFrame(rows, columns=["customer", "at", "amount"])
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(
        frame["at"].astype(int), unit="D"
    )
    return frame.assign(day=day), pd.Series(left)


@pytest.fixture(scope="module")
def found(shop):
    return customers.churn_chances(shop[0], until="2025-12-28")


def test_planted_leavers_are_ranked_first_and_chances_come_true(shop, found):
    gone = found.rows["customer"].map(shop[1]) < 727
    assert customers.ranking(found.rows["chance"].to_numpy(), gone.to_numpy()) > 0.9
    assert 0.8 <= found.slope <= 1.3
    assert found.ranking >= found.recency_ranking


def test_no_column_knows_the_future(shop):
    days = shop[0]
    seen = days[days["day"] <= "2025-06-30"]
    now = churn.features(days, until="2025-06-30")
    pd.testing.assert_frame_equal(now, churn.features(seen, until="2025-06-30"))


def test_gains_and_calibration_are_counted_right():
    tested = pd.DataFrame(
        {"chance": [0.9, 0.8, 0.2, 0.1] * 10, "left": [True, True, False, False] * 10}
    )
    curve = customers.gains(tested, groups=2)
    assert curve["found"].tolist() == [0.0, 1.0, 1.0]
    groups = customers.calibration(tested, groups=2)
    assert groups["came"].tolist() == [0.0, 1.0]
    assert groups["said"].tolist() == pytest.approx([0.15, 0.85])


def test_retention_falls_as_planted(shop):
    curve = customers.retention(shop[0], until="2025-12-28", gap_days=120)
    year = curve[(curve["cohort"] == "2024Q1") & (curve["month"] == 12)].iloc[0]
    assert year["low"] - 0.06 <= np.exp(-365 / 400) <= year["high"] + 0.06
    assert (curve["customers"] >= 10).all()


def test_too_short_a_history_is_refused(shop):
    few = shop[0][shop[0]["day"] < "2024-05-01"]
    with pytest.raises(ValueError, match="earlier days to learn from found"):
        customers.churn_chances(few, until="2024-04-30")


PEOPLE = pd.DataFrame(
    {
        "customer": ["a", "b", "c"],
        "name": NAME,
        "phone": PHONE,
        "birthday": ["03-09", "02-29", "03-09"],
        "level": ["gold", "basic", "basic"],
        "region": ["North", "South", "South"],
        "contact_allowed": [True, True, False],
    }
)


def test_the_calendar_names_whom_to_think_of_and_why():
    cases = pd.DataFrame(
        {"customer": ["b"], "kind": ["complaint"], "follow_up": [pd.NaT],
         "resolved": [pd.Timestamp("2026-02-26")]}
    )  # fmt: skip
    feasts = pd.DataFrame({"day": ["2026-03-03"], "name": ["Spring Day"]})
    told = customers.care_calendar(
        PEOPLE, today="2026-03-01", holidays=feasts, cases=cases
    )
    rows = {(f"{r.day:%d}", r.customer, r.reason) for r in told.itertuples()}
    assert rows == {
        ("01", "b", "birthday"), ("03", "a", "holiday"), ("05", "b", "follow_up"),
        ("08", "a", "member_day"), ("09", "a", "birthday"),
    }  # fmt: skip


def _stakes(count=400):
    rich = np.linspace(400, 4, count)
    return pd.DataFrame(
        {"customer": [f"k{i}" for i in range(count)], "owner": "North", "chance": 0.5,
         "active": 0.8, "value": rich, "at_stake": rich / 2, "days_since": 40}
    )  # fmt: skip


def test_a_contact_is_planned_only_where_it_pays():
    terms = customers.Terms(cost=3.0, saved=0.2, margin=0.5, contacts=1000)
    plan = customers.plan_contacts(_stakes(), terms, today="2026-03-01")
    assert (plan["gain"] > 0).all()
    assert len(plan) == (_stakes()["at_stake"] * 0.1 > 3).sum()
    row = plan.iloc[0]
    assert row["gain"] == pytest.approx(row["at_stake"] * 0.1 - 3.0)


def test_the_cap_holds_and_a_hold_out_is_kept_that_does_not_move_within_a_month():
    terms = customers.Terms(cost=1.0, saved=0.2, contacts=100)
    plan = customers.plan_contacts(_stakes(), terms, today="2026-03-01")
    again = customers.plan_contacts(_stakes(), terms, today="2026-03-20")
    assert (~plan["held"]).sum() == 100
    assert 3 <= plan["held"].sum() <= 20
    assert set(plan.loc[plan["held"], "customer"]) == set(
        again.loc[again["held"], "customer"]
    )


def test_who_was_contacted_lately_is_left_in_peace():
    terms = customers.Terms(cost=1.0, saved=0.2)
    lately = pd.DataFrame({"customer": ["k0"], "day": ["2026-02-20"]})
    plan = customers.plan_contacts(
        _stakes(), terms, today="2026-03-01", contacted=lately
    )
    assert "k0" not in set(plan["customer"])


def test_a_share_beyond_one_is_refused():
    with pytest.raises(ValueError, match=r"saved is 1.5; it must lie in \[0, 1\]"):
        customers.plan_contacts(
            _stakes(), customers.Terms(cost=1, saved=1.5), today="2026-03-01"
        )


def test_response_is_counted_by_group_and_small_groups_are_not_shown():
    sent = pd.DataFrame({"campaign": "spring", "kind": "mail", "customer": range(105)})
    answered = pd.DataFrame({"campaign": "spring", "customer": range(0, 100, 4)})
    groups = pd.DataFrame({"customer": range(105), "group": [0] * 100 + [1] * 5})
    told = customers.response_by_group(sent, answered, groups)
    assert told["group"].tolist() == [0]
    assert told["rate"].tolist() == [0.25]
    assert told["low"].iloc[0] < 0.25 < told["high"].iloc[0]


def test_the_record_shows_personal_columns_only_to_readers_with_that_scope(shop, found):
    tables = {"days": shop[0], "leaving": found.rows,
              "people": PEOPLE.assign(customer=["c0", "c1", "c2"])}  # fmt: skip
    plain = customers.record("c0", tables, until="2025-12-28")
    assert NAME not in repr(plain)
    assert PHONE not in repr(plain)
    assert plain.basics["region"] == "North"
    scoped = customers.record(
        "c0", tables, until="2025-12-28", personal={"c0": {"name": NAME, "note": "x"}}
    )
    assert scoped.personal == {"name": NAME}


def test_no_list_carries_a_planted_name(shop, found):
    people = PEOPLE.assign(customer=["c0", "c1", "c2"])
    values = found.rows.assign(active=0.5, value=10.0)
    stakes = customers.contact_gains(found.rows, values, people)
    plan = customers.plan_contacts(
        stakes, customers.Terms(cost=0, saved=0.5), today="2025-12-28"
    )
    calendar = actions.care_calendar(people, today="2026-03-01")
    for frame in (stakes, plan, calendar):
        text = frame.to_csv()
        assert NAME not in text
        assert PHONE not in text
        assert not {"name", "phone", "mail", "address"} & set(frame.columns)


def test_an_unknown_number_is_refused(shop):
    with pytest.raises(ValueError, match="no purchase of customer 'nobody' is known"):
        customers.record("nobody", {"days": shop[0]}, until="2025-12-28")
