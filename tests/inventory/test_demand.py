"""Clean demand: planted stock-outs are found, gaps are zero, bad input is refused."""

import numpy as np
import pandas as pd
import pytest

from opslib import inventory
from opslib.inventory.demand import fill, known_mean


def _rows(units, item="A", start="2026-01-05", **more):
    weeks = pd.date_range(start, periods=len(units), freq="7D")
    frame = pd.DataFrame({"item": item, "place": "x", "week": weeks, "units": units})
    frame = frame[frame["units"] != 0].assign(amount=lambda f: f["units"] * 2.0)
    return frame.assign(promoted_units=0.0, **more)


def test_planted_stock_outs_are_found(company, panel):
    lost = company.truth.lost
    day = pd.to_datetime(lost["day"])
    hit = lost.assign(week=day - pd.to_timedelta(day.dt.weekday, unit="D"))
    rows = pd.MultiIndex.from_frame(panel.keys)
    row = rows.get_indexer(pd.MultiIndex.from_frame(hit[["item", "place"]]))
    week = panel.weeks.get_indexer(hit["week"])
    good = (row >= 0) & (week >= 0)
    assert good.sum() > 100
    assert np.isnan(panel.units[row[good], week[good]]).mean() > 0.97


def test_weeks_of_empty_shelves_sold_less_than_the_planted_demand(company):
    panel = inventory.clean_demand(company.demand, company.stock, out_days=6)
    truth = company.truth.demand
    wide = truth.pivot_table(index=["item", "place"], columns="week", values="mean")
    wide = wide.reindex(pd.MultiIndex.from_frame(panel.keys))
    mean = wide.to_numpy()[:, : len(panel.weeks)]
    bare = inventory.clean_demand(company.demand)
    hidden = np.isnan(panel.units) & ~np.isnan(bare.units)
    assert hidden.sum() > 30
    seen = ~np.isnan(panel.units)
    assert np.nansum(panel.units[seen]) == pytest.approx(mean[seen].sum(), rel=0.03)
    assert bare.units[hidden].sum() < 0.8 * mean[hidden].sum()


def test_a_week_without_a_sale_is_zero_and_before_the_first_it_is_unknown():
    panel = inventory.clean_demand(
        pd.concat([_rows([3, 0, 5]), _rows([0, 0, 4], item="B")])
    )
    assert panel.units[0].tolist() == [3, 0, 5]
    assert np.isnan(panel.units[1, :2]).all()
    assert panel.price.tolist() == [2.0, 2.0]


def test_an_empty_shelf_hides_demand_and_is_no_zero():
    stock = pd.DataFrame(
        {"item": ["A"], "place": ["x"], "week": [pd.Timestamp("2026-01-12")], "days_out": [2]}
    )  # fmt: skip
    panel = inventory.clean_demand(_rows([3, 0, 5]), stock)
    assert np.isnan(panel.units[0, 1])
    assert panel.masked == pytest.approx(1 / 3)
    kept = inventory.clean_demand(_rows([3, 0, 5]), stock, out_days=3)
    assert kept.units[0].tolist() == [3, 0, 5]


def test_a_hidden_week_counts_with_what_sold_or_what_is_usual_if_more():
    """Three sold before: a hidden week that sold five wanted five or more; one, three."""
    out = pd.to_datetime(["2026-01-12", "2026-01-19"])
    stock = pd.DataFrame({"item": "A", "place": "x", "week": out, "days_out": 2})
    panel = inventory.clean_demand(_rows([3, 5, 1, 3]), stock)
    assert np.isnan(panel.units[0, 1:3]).all()
    assert panel.best_known()[0].tolist() == [3, 5, 3, 3]
    late = inventory.clean_demand(
        _rows([3, 5]), stock.assign(week=_rows([3])["week"][0])
    )
    assert late.best_known()[0].tolist() == [3, 5]


def test_the_planted_demand_of_hidden_weeks_is_nearer_than_by_leaving_them_out(
    company, panel
):
    lost = company.truth.lost
    day = pd.to_datetime(lost["day"])
    lost = lost.assign(week=day - pd.to_timedelta(day.dt.weekday, unit="D"))
    both = pd.concat([company.demand, lost])[["item", "place", "week", "units"]]
    wide = both.pivot_table(
        index=["item", "place"], columns="week", values="units", aggfunc="sum"
    )
    at = pd.MultiIndex.from_frame(panel.keys)
    wanted = wide.reindex(index=at, columns=panel.weeks).fillna(0).to_numpy()
    hidden = np.isnan(panel.units) & ~np.isnan(panel.best_known())
    true = wanted[hidden].sum()
    left_out, best = fill(panel.units)[hidden].sum(), panel.best_known()[hidden].sum()
    assert left_out < 0.6 * true
    assert 0.8 * true < best <= true


def test_a_broken_last_week_is_left_out():
    panel = inventory.clean_demand(_rows([3, 1, 5]), as_of="2026-01-22")
    assert panel.units[0].tolist() == [3, 1]


def test_the_frame_given_is_not_changed():
    rows = _rows([3, 0, 5])
    before = rows.copy(deep=True)
    inventory.clean_demand(rows)
    pd.testing.assert_frame_equal(rows, before)


def test_filling_looks_back_only():
    units = np.array([[2.0, np.nan, 4.0, np.nan, 100.0]])
    assert fill(units)[0, :4].tolist() == fill(units[:, :4])[0].tolist() == [2, 2, 4, 3]
    assert known_mean(units)[0] == pytest.approx(106 / 3)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (_rows([3])[:0], "weekly demand holds no row; load sales lines"),
        (_rows([3]).drop(columns="amount"), r"weekly demand has no column \['amount'\]"),
        (_rows([3, -2]), "item 'A' has -2 units in the week of 2026-01-12"),
    ],
)  # fmt: skip
def test_bad_demand_is_refused(rows, told):
    with pytest.raises(ValueError, match=told):
        inventory.clean_demand(rows)
