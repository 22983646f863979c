"""Health of stock: planted losses, late and dear suppliers are found."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from opslib import inventory


def test_stock_money_adds_up(company, found):
    cost = company.products.set_index("item")["cost"]
    whole = (company.now["on_hand"] * company.now["item"].map(cost)).sum()
    assert found.rows["money"].sum() == pytest.approx(whole)
    assert (found.rows["over_money"] <= found.rows["money"] + 1e-9).all()
    extra = found.rows["on_hand"] - 8 * found.rows["weekly"]
    told = found.rows["over_money"] / found.rows["cost"]
    assert told.to_numpy() == pytest.approx(extra.clip(lower=0).to_numpy())


def test_the_place_that_loses_goods_is_found_first(found):
    by = found.counts.groupby("place")["money"].sum().sort_values()
    assert by.index[-1] == "West"
    assert by.iloc[-1] > 2 * by.iloc[-2]


def test_share_of_right_counts_is_counted(company, found):
    takes = company.stock_takes
    assert found.accuracy == pytest.approx((takes["booked"] == takes["counted"]).mean())
    assert 0.5 < found.accuracy < 1


def test_only_scrap_without_approval_waits(company, found):
    assert found.scrap["approved"].isna().all()
    assert len(found.scrap) == company.scrap["approved"].isna().sum() > 0


def test_planted_suppliers_stand_out(company):
    card = inventory.supplier_card(company.purchase_orders).set_index("supplier")
    assert card["rejected"].idxmax() == "S03"
    assert card["over_contract"].idxmax() == "S08"
    assert card.loc["S08", "over_contract"] > 0
    assert (card.drop(index="S08")["over_contract"].abs() < 1e-6).all()
    spread = card["lead_high"] - card["lead_low"]
    assert (spread >= 0).all()


def test_letters_worked_by_hand():
    value = pd.Series([50.0, 31.0, 10.0, 5.0, 3.0, 1.0])
    assert inventory.abc(value).tolist() == ["A", "A", "B", "B", "C", "C"]


def test_a_company_without_counts_or_scrap_is_told_what_to_count(company, panel):
    none = company.stock_takes[:0]
    found = inventory.stock_health(
        panel, company.now, company.products, none, company.scrap[:0]
    )
    assert np.isnan(found.accuracy)
    assert found.counts.empty
    assert found.scrap.empty
    assert len(found.to_count) == 20


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stock": lambda f: f[:0]}, "no stock was delivered; load stock_days"),
        ({"cover_weeks": 0}, "cover_weeks is 0"),
    ],
)
def test_bad_input_is_refused(company, panel, change, told):
    stock = change.get("stock", lambda f: f)(company.now)
    with pytest.raises(ValueError, match=told):
        inventory.stock_health(
            panel, stock, company.products, company.stock_takes, company.scrap,
            cover_weeks=change.get("cover_weeks", 8),
        )  # fmt: skip


def test_no_purchase_order_is_refused(company):
    with pytest.raises(ValueError, match="no purchase order was delivered"):
        inventory.supplier_card(company.purchase_orders[:0])


def test_the_planted_late_supplier_heads_the_card_and_is_named(company, found):
    """Five weeks of its orders came up to six weeks late; the others, a day or two."""
    from opslib.demo import truth

    day = dt.date(2026, 6, 28)
    name, (_begin, days) = next(iter(truth.SUPPLIER_DELAY.items()))
    card = inventory.supplier_card(company.purchase_orders)
    assert card["supplier"].iloc[0] == name
    assert days - 7 <= card["latest"].iloc[0] <= days
    assert card["latest"].iloc[1:].max() <= 7
    assert card["late_days"].iloc[0] > 3 * card["late_days"].iloc[1]
    told = inventory.answer.health(found, day=day, currency="GBP", card=card)
    assert any(name in a.what.en for a in told.actions)


def test_the_planted_rejects_and_prices_stand_on_the_card(company):
    card = inventory.supplier_card(company.purchase_orders).set_index("supplier")
    assert card["rejected"].idxmax() == "S03"
    assert card["over_contract"].idxmax() == "S08"
    assert (card.loc[card.index != "S08", "over_contract"].abs() < 1).all()
