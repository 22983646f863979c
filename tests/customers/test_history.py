"""Histories, stages and migration: worked by hand."""

import pandas as pd
import pytest

from opslib import customers


def _days(rows):
    frame = pd.DataFrame(rows, columns=["customer", "day", "amount"])
    return frame.assign(day=pd.to_datetime(frame["day"]))


BOUGHT = _days(
    [("a", "2026-01-01", 10.0), ("a", "2026-01-01", 5.0), ("a", "2026-01-15", 20.0),
     ("b", "2026-01-10", 7.0), ("a", "2026-03-01", 99.0)]
)  # fmt: skip


def test_several_sales_of_a_day_are_one_purchase_and_later_days_are_unseen():
    told = customers.histories(BOUGHT, until="2026-01-29").set_index("customer")
    assert told.loc["a", ["frequency", "recency", "age"]].tolist() == [1, 2.0, 4.0]
    assert told.loc["a", ["value", "total", "mean_amount"]].tolist() == [
        20.0,
        35.0,
        17.5,
    ]
    assert told.loc["b", ["frequency", "recency", "value"]].tolist() == [0, 0.0, 0.0]


def test_the_callers_frame_is_not_changed():
    before = BOUGHT.copy()
    customers.histories(BOUGHT, until="2026-01-29")
    customers.stages(BOUGHT, until="2026-01-29")
    pd.testing.assert_frame_equal(BOUGHT, before)


def test_what_came_later_is_counted_in_the_order_asked():
    after = customers.later(
        BOUGHT, pd.Series(["b", "a"]), after="2026-01-29", days_ahead=60
    )
    assert after["purchases"].tolist() == [0, 1]
    assert after["amount"].tolist() == [0, 99.0]


def test_ranks_put_the_best_group_highest():
    told = customers.histories(BOUGHT, until="2026-01-29")
    ranks = customers.scores(told, until="2026-01-29", groups=2).set_index("customer")
    assert ranks.loc["a", ["r", "f", "v"]].tolist() == [2, 2, 2]
    assert ranks.loc["b", "days_since"] == 19


def test_stages_follow_the_customers_own_rhythm():
    rows = [("weekly", f"2026-01-{d:02d}", 1.0) for d in (1, 8, 15, 22, 29)]
    rows += [("fresh", "2026-02-01", 1.0), ("back", "2025-06-01", 1.0)]
    rows += [("back", "2026-02-01", 1.0)]
    now = customers.stages(_days(rows), until="2026-02-03").set_index("customer")[
        "stage"
    ]
    assert now.to_dict() == {"weekly": "active", "fresh": "new", "back": "returned"}
    later = customers.stages(_days(rows), until="2026-03-05").set_index("customer")
    assert later.loc["weekly", "stage"] == "asleep"
    assert later.loc["weekly", "silent_days"] == 35


def test_migration_holds_every_customer_of_today_once():
    moved = customers.migration(BOUGHT, until="2026-03-05")
    assert moved.to_numpy().sum() == 2
    assert moved.loc["none"].sum() == 0


def test_a_day_before_all_purchases_is_refused():
    with pytest.raises(ValueError, match=r"0 purchases to 2020-01-01 found"):
        customers.histories(BOUGHT, until="2020-01-01")
