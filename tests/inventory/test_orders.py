"""Orders: worked by hand, limits kept, cheaper than the company's own rule."""

import numpy as np
import pandas as pd
import pytest

from opslib import inventory
from opslib.inventory.ahead.rolling import Forecast
from opslib.inventory.ordering.terms import Terms


def _coming(values):
    """Return a forecast whose paths are given: rows, draws, weeks."""
    paths = np.asarray(values)
    rows = len(paths)
    return Forecast(
        keys=pd.DataFrame({"item": [f"i{r}" for r in range(rows)], "place": "x"}),
        weeks=pd.date_range("2026-01-05", periods=paths.shape[2], freq="7D"),
        mean=paths.mean(axis=1), paths=paths, method=np.full(rows, "levels", object),
    )  # fmt: skip


def _terms(rows=1, **more):
    frame = pd.DataFrame(
        {"item": [f"i{r}" for r in range(rows)], "place": "x", "name": "thing",
         "supplier": "S1", "price": 10.0, "cost": 6.0, "buy": 6.0, "pack": 1.0,
         "shelf_life_days": np.nan, "minimum_order": 0.0,
         "lead_weeks": 1.0, "on_hand": 5.0, "in_pipeline": 2.0}
    )  # fmt: skip
    return Terms(frame=frame.assign(**more), assumed=(), stock_known=True)


SURE = np.full((1, 10, 3), 6.0)


def test_an_order_worked_by_hand():
    """5 on hand and 2 due, 6 sold next week: 1 left; 6 wanted in the week after: 5."""
    row = inventory.plan(_coming(SURE), _terms(), level=0.9, holding_rate=0.26).iloc[0]
    assert row["at_delivery"] == 1.0
    assert row["order"] == 5.0
    assert row["money"] == 30.0
    assert row["gain"] == pytest.approx(5 * 4.0)
    assert row["gain_less"] == pytest.approx(-4.0)
    assert row["gain_more"] == pytest.approx(-6.0 * 0.26 / 52)


def test_packs_and_the_least_order_are_kept():
    coming = _coming(SURE)
    packed = inventory.plan(coming, _terms(pack=4.0), level=0.9, holding_rate=0.2)
    assert packed["order"].iloc[0] == 8.0
    assert packed["packs"].iloc[0] == 2.0
    least = inventory.plan(
        coming, _terms(pack=4.0, minimum_order=10.0), level=0.9, holding_rate=0.2
    )
    assert least["order"].iloc[0] == 12.0
    full = inventory.plan(coming, _terms(on_hand=50.0), level=0.9, holding_rate=0.2)
    assert full["order"].iloc[0] == 0.0
    assert full["gain"].iloc[0] == 0.0


def test_a_budget_keeps_the_orders_that_gain_most_for_their_money():
    coming = _coming(np.full((3, 10, 3), 6.0))
    told = _terms(3, price=[10.0, 7.0, 30.0])
    free = inventory.plan(coming, told, level=0.9, holding_rate=0.2)
    assert free["money"].sum() == 90.0
    capped = inventory.plan(coming, told, level=0.9, holding_rate=0.2, budget=60.0)
    assert set(capped.loc[capped["order"] > 0, "item"]) == {"i0", "i2"}
    assert capped["money"].sum() <= 60.0


def test_without_stock_it_is_a_level_to_stock_up_to():
    told = _terms(on_hand=np.nan)
    told = Terms(frame=told.frame, assumed=("stock",), stock_known=False)
    row = inventory.plan(_coming(SURE), told, level=0.9, holding_rate=0.2).iloc[0]
    assert row["order"] == 12.0
    assert np.isnan(row["running_out"])


def test_lead_times_come_from_real_deliveries(company, told):
    lead = told.frame.groupby("supplier")["lead_weeks"].first()
    for supplier, weeks in lead.items():
        planned = 7 + 2 * (int(supplier[1:]) % 6)
        assert weeks in {np.ceil((planned + late) / 7) for late in (-1, 0, 1)}
    assert told.assumed == ()
    assert told.stock_known


def test_what_was_not_delivered_is_assumed_and_named(panel):
    nothing = pd.DataFrame(columns=["item"])
    told = inventory.terms(
        panel, nothing, nothing, nothing, lead_weeks=2, cost_share=0.6
    )
    assert told.assumed == ("cost", "lead time", "stock")
    assert (told.frame["lead_weeks"] == 2).all()
    assert told.frame["cost"].to_numpy() == pytest.approx(0.6 * panel.price)


def test_tuned_orders_cost_a_tenth_less_than_the_usual_rule(panel, told):
    tuned = inventory.tune(panel, told, holding_rate=0.25, sample=150)
    assert tuned.ours.mean() <= 0.9 * tuned.usual.mean()
    assert len(tuned.ours) == len(tuned.textbook) == 6
    assert tuned.curve["fill"].is_monotonic_increasing
    assert tuned.curve["stock_units"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda t: inventory.plan(_coming(SURE), t, level=1.0, holding_rate=0.2), "level is 1.0"),
        (lambda t: inventory.plan(_coming(SURE[:, :, :1]), t, level=0.9, holding_rate=0.2),
         "the forecast has 1 weeks; the longest lead time needs 2"),
    ],
)  # fmt: skip
def test_impossible_wishes_are_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call(_terms())


def test_a_cost_share_of_one_is_refused(panel):
    none = pd.DataFrame(columns=["item"])
    with pytest.raises(ValueError, match=r"cost_share is 1.0; it must lie in \(0, 1\)"):
        inventory.terms(panel, none, none, none, lead_weeks=2, cost_share=1.0)
