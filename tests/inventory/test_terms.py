"""Terms of an order: lead times, suppliers, shelf life, what is on the way."""

import numpy as np
import pandas as pd
import pytest

from opslib import inventory
from opslib.demo import truth
from opslib.inventory.ahead.rolling import Forecast
from opslib.inventory.demand import Panel
from opslib.inventory.ordering import policies, simulate
from opslib.inventory.ordering.terms import offers

MONDAY = pd.Timestamp("2026-01-05")


def _panel():
    return Panel(
        keys=pd.DataFrame({"item": ["A"], "place": ["x"]}),
        weeks=pd.date_range(MONDAY, periods=4, freq="7D"),
        units=np.full((1, 4), 2.0), price=np.array([10.0]), promoted=np.zeros((1, 4)),
        masked=0.0,
    )  # fmt: skip


def _orders(supplier="S", days=(7, 7, 7, 15), price=9.0, rejected=0.0, quantity=10.0):
    day = MONDAY + pd.to_timedelta(7 * np.arange(len(days)), unit="D")
    return pd.DataFrame(
        {"order": [f"{supplier}{n}" for n in range(len(days))], "item": "A", "place": "x",
         "supplier": supplier, "ordered": day, "promised": day + pd.Timedelta(days=7),
         "received": day + pd.to_timedelta(days, unit="D"), "quantity": quantity,
         "quantity_rejected": rejected, "price": price}
    )  # fmt: skip


PRODUCTS = pd.DataFrame({"item": ["A"], "supplier": ["S"], "cost": [6.0]})
NONE = pd.DataFrame()


def _terms(orders, products=PRODUCTS):
    return inventory.terms(
        _panel(), products, NONE, orders, lead_weeks=2, cost_share=0.6
    )


def test_lead_times_are_the_suppliers_deliveries_all_of_them():
    told = _terms(_orders())
    assert told.leads.tolist() == [[0.0, 0.75, 0.0, 0.25]]
    assert told.frame["lead_weeks"].tolist() == [1.0]
    assert told.longest == 3
    assert told.frame["on_time"].tolist() == [0.75]


def test_a_wait_beyond_four_weeks_counts_as_four():
    assert _terms(_orders(days=(7, 7, 7, 200))).leads.shape == (1, 6)


def test_a_supplier_without_deliveries_has_the_assumed_lead_time():
    other = PRODUCTS.assign(item="B", supplier="T")
    panel = _panel()
    panel.keys.loc[0, "item"] = "B"
    told = inventory.terms(panel, other, NONE, _orders(), lead_weeks=2, cost_share=0.6)
    assert told.leads.tolist() == [[0.0, 0.0, 1.0, 0.0]]


def test_a_late_next_delivery_lengthens_the_time_to_cover():
    """Two a week for sure; a lead of one or three weeks, as likely.

    3 on hand: 1 left when this order comes after a week, 0 after three. The next order
    comes after one or three weeks too: the order covers one week (2, less what is
    left), or three (6 less 1 = 5).
    """
    paths = np.full((1, 400, 4), 2.0)
    leads = np.array([[0.0, 0.5, 0.0, 0.5]])
    held, need, lost = simulate.projected(
        paths, on_hand=np.array([3.0]), pipeline=np.zeros((1, 3)), leads=leads
    )
    assert set(need[0]) == {1.0, 2.0, 5.0}
    assert (need == 5).mean() == pytest.approx(0.25, abs=0.05)
    assert set(held[0]) == {0.0, 1.0}
    assert lost.mean() == 0.5
    sure = simulate.shortfall(
        paths[:, :, :2], on_hand=np.array([3.0]), pipeline=np.zeros((1, 1))
    )
    assert set(sure[0]) == {1.0}


def test_a_late_order_arrives_late_and_is_seen_as_overdue():
    seen = []

    def first(week, stock, line, past):
        seen.append(line[0].tolist())
        return np.full(len(stock), 4.0 if week == 0 else 0.0)

    out = inventory.simulate(
        np.array([[1.0, 1.0, 1.0, 1.0]]), first, on_hand=np.array([2.0]),
        pipeline=np.zeros((1, 1)), late=np.array([[2, 0, 0, 0]]),
    )  # fmt: skip
    assert seen == [[0.0], [4.0], [4.0], [4.0]]
    assert out.lost.tolist() == [[0.0, 0.0, 1.0, 0.0]]
    assert out.stock[0, -1] == 3.0


def test_who_counts_on_late_deliveries_pays_less_where_they_come_late():
    """Planted: Poisson demand, one delivery in four two weeks late; money decides."""
    draw = np.random.default_rng(5)
    rows, weeks = 200, 30
    demand = draw.poisson(5.0, (rows, weeks)).astype(float)
    late = np.where(draw.random((rows, weeks)) < 0.25, 2, 0)
    leads = np.tile([0.0, 0.75, 0.0, 0.25], (rows, 1))
    paths = draw.poisson(5.0, (rows, 200, weeks + 6))
    cost = {}
    for name, rule in {
        "sure": policies.by_chance(paths, 0.9),
        "late": policies.by_chance(paths, 0.9, None, leads),
    }.items():
        out = inventory.simulate(
            demand, rule, on_hand=np.full(rows, 10.0), pipeline=np.full((rows, 1), 5.0),
            holding_cost=0.05, shortage_cost=1.0, late=late,
        )  # fmt: skip
        cost[name] = out.cost[:, 4:].sum()
    assert cost["late"] < 0.8 * cost["sure"]


def _coming(units):
    paths = np.full((1, 10, 8), float(units))
    return Forecast(
        keys=pd.DataFrame({"item": ["A"], "place": "x"}),
        weeks=pd.date_range(MONDAY, periods=8, freq="7D"),
        mean=paths.mean(axis=1), paths=paths, method=np.full(1, "levels", object),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("life", "pack", "ordered", "held_back"),
    [(3650, 12, 12, 0), (28, 12, 0, 12), (28, 4, 4, 0), (84, 12, 12, 0)],
)
def test_what_would_outlast_its_shelf_life_is_not_ordered(
    life, pack, ordered, held_back
):
    """One sold a week, none held: in four weeks a pack of 12 sells 4 and ages 8.

    A unit earns 4 and costs 6: 16 earned are less than 48 lost.
    """
    goods = PRODUCTS.assign(price=10.0, pack=pack, shelf_life_days=life)
    stock = pd.DataFrame({"item": ["A"], "place": "x", "on_hand": [0.0]})
    told = inventory.terms(
        _panel(), goods, stock, _orders(days=(7, 7, 7)), lead_weeks=2, cost_share=0.6
    )
    row = inventory.plan(_coming(1), told, level=0.97, holding_rate=0.2).iloc[0]
    assert row["order"] == ordered
    assert row["gain"] >= 0
    assert row["held_back"] == held_back


def test_the_supplier_is_the_one_whose_good_unit_costs_least():
    """T asks less and rejects a tenth: 9 / .9 = 10 against 9.50; S is taken."""
    both = pd.concat(
        [_orders(days=(7,) * 40, price=9.5, quantity=1000.0),
         _orders("T", days=(7,) * 40, price=9.0, rejected=100.0, quantity=1000.0)]
    )  # fmt: skip
    told = _terms(both, PRODUCTS.assign(supplier="T"))
    row = told.frame.iloc[0]
    assert (row["supplier"], row["other"]) == ("S", "T")
    assert row["buy"] == 9.5
    assert row["saving"] == pytest.approx(1 - 9.5 / 10)
    assert told.choices["taken"].tolist() == [True, False]


def test_slow_deliveries_make_a_supplier_dearer():
    card = offers(
        pd.concat([_orders(days=(7, 7, 7)), _orders("T", days=(7, 7, 60))]),
        holding_rate=0.25,
    ).set_index("supplier")
    assert card.loc["T", "unit"] > card.loc["S", "unit"] == pytest.approx(9.0)


def test_the_planted_second_source_is_found_and_weighed(company, told):
    choices = told.choices
    assert len(choices) >= 4
    for _item, pair in choices.groupby("item"):
        names = pair["supplier"].tolist()
        assert truth.SECOND_SOURCE[names[0]] == names[1]
        assert pair.loc[pair["taken"], "unit"].item() == pair["unit"].min()
    one = told.frame.dropna(subset=["other"])
    assert (one["saving"] > 0).all()
    assert set(one["item"]) == set(choices["item"])


def test_what_is_on_the_way_counts_from_the_week_after_its_promise():
    """Promised on the first day of the coming weeks, in mid-week, and overdue."""
    coming = _panel().weeks[-1] + pd.Timedelta(days=7)
    open_ = _orders(days=(7, 7, 7)).assign(received=pd.NaT)
    open_["promised"] = [
        coming,
        coming + pd.Timedelta(days=2),
        coming - pd.Timedelta(days=9),
    ]
    told = _terms(pd.concat([_orders(), open_]))
    assert told.due[0, :3].tolist() == [20.0, 10.0, 0.0]
    assert told.frame["in_pipeline"].tolist() == [30.0]


def test_orders_without_a_promise_are_refused_with_the_column():
    with pytest.raises(
        ValueError, match=r"purchase orders has no column \['promised'\]"
    ):
        offers(_orders().drop(columns="promised"), holding_rate=0.2)
