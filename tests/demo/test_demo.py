"""The demonstration company is consistent, and its planted truth is in its data."""

import numpy as np
import pandas as pd
import pytest

from opslib import demo
from opslib.demo import truth
from opslib.warehouse import tables


@pytest.fixture(scope="module")
def company():
    return demo.make(size=0.1, seed=5)


def test_it_makes_every_table_with_the_columns_of_its_contract(company):
    wanted = set(tables.all_tables()) - {"item_names", "charges"}
    assert set(company.tables) == wanted
    for name, frame in company.tables.items():
        contract = tables.table(name)
        assert set(frame) <= set(contract.columns), (
            name,
            set(frame) - set(contract.columns),
        )
        required = [c.name for c in contract.columns.values() if c.required]
        assert frame[required].notna().all(axis=None), name
        if contract.key:
            assert not frame.duplicated(list(contract.key)).any(), name


def test_sales_tie_to_stock_day_by_day(company):
    stock, sales = company.tables["stock_days"], company.tables["sales_lines"]
    assert stock["sold"].sum() == sales["quantity"].sum()
    gap = (
        stock["opening"]
        + stock["received"]
        - stock["sold"]
        + stock["adjusted"]
        - stock["closing"]
    )
    assert (gap == 0).all()
    assert (stock["closing"] >= 0).all()


def test_books_tie_to_trade(company):
    actuals, sales = company.tables["actuals"], company.tables["sales_lines"]
    month = actuals["month"].max()
    booked = actuals.query("line == 'Sales of goods' and month == @month")[
        "amount"
    ].iloc[0]
    days = pd.to_datetime(sales["day"])
    sold = sales.loc[
        (days.dt.year == month.year) & (days.dt.month == month.month), "amount"
    ].sum()
    assert booked == pytest.approx(sold, abs=0.01)
    cash = company.tables["cash_days"]
    assert np.allclose(
        cash["opening"] + cash["inflow"] - cash["outflow"], cash["closing"], atol=0.011
    )


def test_planted_stock_outs_are_where_demand_was_lost(company):
    lost = company.truth.lost
    stock = company.tables["stock_days"].set_index(["item", "place", "day"])["closing"]
    at = pd.MultiIndex.from_frame(
        lost[["item", "place", "day"]].assign(
            day=lambda f: f["day"].astype(stock.index.levels[2].dtype)
        )
    )
    found = stock.reindex(at)
    assert len(lost) > 50
    assert (found.fillna(0) <= found.quantile(0.99)).mean() > 0.9


def test_demand_without_empty_shelves_follows_the_planted_mean(company):
    sales = company.tables["sales_lines"]
    whole = sales["quantity"].sum() + company.truth.lost["units"].sum()
    assert whole == pytest.approx(company.truth.demand["mean"].sum(), rel=0.02)


def test_the_same_seed_gives_the_same_company_and_another_another(company):
    again = demo.make(size=0.1, seed=5)
    for name in ("sales_lines", "actuals", "survey_answers"):
        pd.testing.assert_frame_equal(company.tables[name], again.tables[name])
    other = demo.make(size=0.1, seed=6)
    assert not company.tables["sales_lines"]["amount"].equals(
        other.tables["sales_lines"]["amount"]
    )


def test_the_lunar_new_year_moves(company):
    days = [d for d, (name, _) in truth.holidays().items() if name == "Lunar New Year"]
    assert len({(d.month, d.day) for d in days}) == len(days) == 3


def test_a_size_that_is_no_size_is_refused():
    with pytest.raises(ValueError, match="size is -1"):
        demo.make(size=-1)


def test_a_chinese_company_speaks_chinese():
    made = demo.make(size=0.01, seed=3, language="zh")
    assert made.tables["products"]["name"].str.contains("茶叶").any()
