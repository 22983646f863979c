"""The buyer's own orders are kept and priced; a day and a point have their worth."""

import numpy as np
import pandas as pd
import pytest

from opslib import inventory
from opslib.inventory.demand import Panel
from opslib.inventory.ordering.terms import Terms


def _panel(units):
    units = np.asarray(units, float)
    return Panel(
        keys=pd.DataFrame({"item": ["A"], "place": ["x"]}),
        weeks=pd.date_range("2026-01-05", periods=units.shape[1], freq="7D"),
        units=units, price=np.array([10.0]), promoted=0 * units, masked=0.0,
    )  # fmt: skip


def _terms():
    frame = pd.DataFrame(
        {"item": ["A"], "place": ["x"], "price": [10.0], "cost": [5.2]}
    )
    return Terms(frame=frame, assumed=(), stock_known=True)


def _edit(**more):
    told = {
        "day": pd.Timestamp("2026-01-11"), "item": "A", "place": "x", "proposed": 6.0,
        "wanted": 2.0, "on_hand": 5.0, "in_pipeline": 1.0, "lead_weeks": 1.0,
    }  # fmt: skip
    return pd.DataFrame([{**told, **more}])


def test_a_change_is_priced_by_the_demand_that_came():
    """5 + 1 on the way, 4 sold next week: 2 left; 7 wanted at delivery: 5 needed.

    The list's 6 leaves one unit a week (5.2 x .5 / 52 = .05); the buyer's 2 loses
    three sales of 4.80.
    """
    priced = inventory.price_edits(
        _edit(), _panel([[3, 4, 7, 1]]), _terms(), holding_rate=0.5
    )
    assert priced["needed"].tolist() == [5.0]
    assert priced["saved"].iloc[0] == pytest.approx(0.05 - 3 * 4.8)


def test_a_change_waits_for_its_delivery_week_and_no_change_has_no_price():
    short = inventory.price_edits(_edit(), _panel([[3, 4]]), _terms(), holding_rate=0.5)
    assert short.empty
    kept = inventory.price_edits(
        _edit(wanted=6.0), _panel([[3, 4, 7, 1]]), _terms(), holding_rate=0.5
    )
    assert kept.empty


def test_the_buyers_number_stands_in_todays_list_beside_ours(coming, told):
    listed = inventory.plan(coming, told, level=0.9, holding_rate=0.25)
    first = listed.iloc[0]
    edits = _edit(item=first["item"], place=first["place"], wanted=first["order"] + 24)
    after = inventory.apply_edits(listed, edits, day="2026-01-11")
    assert after.loc[0, "order"] == first["order"] + 24
    assert after.loc[0, "proposed"] == first["order"]
    assert after["edited"].sum() == 1
    other = inventory.apply_edits(listed, edits, day="2026-01-18")
    assert not other["edited"].any()


def test_the_planted_buyer_who_strikes_out_orders_loses_money(company, panel, told):
    edits = company.order_edits.assign(day=pd.to_datetime(company.order_edits["day"]))
    priced = inventory.price_edits(edits, panel, told, holding_rate=0.25)
    struck = edits[edits["wanted"] != edits["proposed"]]
    assert 0.5 * len(struck) < len(priced) <= len(struck)
    assert (priced["wanted"] == 0).all()
    error = priced["saved"].std() * np.sqrt(len(priced))
    assert priced["saved"].sum() < -3 * error


def test_edits_without_the_buyers_number_are_refused(panel, told):
    with pytest.raises(ValueError, match=r"order edits has no column \['wanted'\]"):
        inventory.price_edits(
            _edit().drop(columns="wanted"), panel, told, holding_rate=0.2
        )


def test_waiting_longer_costs_and_knowing_better_saves(panel, told):
    level = np.full(len(panel.units), 0.985)
    found = inventory.worth(panel, told, level=level, holding_rate=0.25)
    assert found.lead_day > 2 * found.lead_error
    assert found.accuracy_point > 2 * found.accuracy_error
    assert found.lead_error > 0


def test_packs_are_rounded_to_the_side_that_costs_less():
    """Against every whole number of packs, by the money that the level stands for."""
    draw = np.random.default_rng(9)
    need = draw.poisson(7, (40, 200)).astype(float) - 2
    pack, level = np.full(40, 4.0), 0.9
    from opslib.inventory.ordering.simulate import in_packs

    order = in_packs(need, level=level, pack=pack)
    tried = np.arange(0, 40, 4)

    def cost(q):
        return (
            level * np.maximum(need - q, 0) + (1 - level) * np.maximum(q - need, 0)
        ).mean(axis=1)

    best = tried[np.argmin([cost(q) for q in tried], axis=0)]
    assert np.array_equal(order, best)
