"""A small demonstration company in the shapes that the room's functions take."""

from types import SimpleNamespace

import pandas as pd
import pytest

from opslib import demo, inventory
from opslib.inventory.ahead.rolling import QUICK


def weekly(frame, day="day"):
    """Return the Monday of each row's day."""
    at = pd.to_datetime(frame[day])
    return at - pd.to_timedelta(at.dt.weekday, unit="D")


def _plain(frame):
    """Return the frame with words as words, as the warehouse hands them out."""
    words = frame.select_dtypes("category").columns
    return frame.astype(dict.fromkeys(words, object))


@pytest.fixture(scope="session")
def company():
    """Return the company's marts as the warehouse makes them, and its truth."""
    made = demo.make(size=0.05, seed=11)
    tables = {n: _plain(f) for n, f in made.tables.items()}
    sales = tables["sales_lines"]
    sales = sales.assign(
        week=weekly(sales),
        promoted_units=sales["quantity"].where(sales["promotion"].notna(), 0),
    )
    demand = sales.groupby(
        ["item", "place", "week"], as_index=False, observed=True
    ).agg(
        units=("quantity", "sum"),
        amount=("amount", "sum"),
        promoted_units=("promoted_units", "sum"),
    )
    stock = tables["stock_days"]
    stock = stock.assign(week=weekly(stock), out=stock["closing"] <= 0)
    seen = stock.groupby(["item", "place", "week"], as_index=False, observed=True).agg(
        days_out=("out", "sum")
    )
    last = stock[stock["day"] == stock["day"].max()]
    now = last[["item", "place", "day", "closing"]].rename(
        columns={"closing": "on_hand"}
    )
    for name, columns in {
        "purchase_orders": ("ordered", "promised", "received"),
        "stock_takes": ("day",),
        "scrap": ("day", "approved"),
    }.items():
        for column in columns:
            tables[name][column] = pd.to_datetime(tables[name][column])
    return SimpleNamespace(
        demand=demand, stock=seen, now=now, truth=made.truth, **{
            n: tables[n] for n in ("products", "purchase_orders", "stock_takes", "scrap", "order_edits")
        },
    )  # fmt: skip


@pytest.fixture(scope="session")
def panel(company):
    return inventory.clean_demand(company.demand, company.stock)


@pytest.fixture(scope="session")
def told(company, panel):
    return inventory.terms(
        panel,
        company.products,
        company.now,
        company.purchase_orders,
        lead_weeks=2,
        cost_share=0.6,
    )


@pytest.fixture(scope="session")
def test(panel):
    return inventory.backtest(
        panel, ahead=4, sample=40, methods=(*QUICK, "combination")
    )


@pytest.fixture(scope="session")
def coming(panel, test):
    return inventory.foretell(panel, test, weeks=10, draws=100)


@pytest.fixture(scope="session")
def found(company, panel):
    return inventory.stock_health(
        panel, company.now, company.products, company.stock_takes, company.scrap
    )
