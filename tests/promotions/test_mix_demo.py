"""Channel mix on the demonstration company: planted contributions and best split."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from opslib import demo, promotions
from opslib.demo.truth import CHANNELS
from opslib.promotions.mix.panel import with_sales

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def company():
    return demo.make(size=1.0, seed=7)


def _week(day):
    day = pd.to_datetime(day)
    return day - pd.to_timedelta(day.dt.dayofweek, unit="D")


@pytest.fixture(scope="module")
def panel(company):
    tables = company.tables
    lines = tables["sales_lines"].merge(
        tables["places"][["place", "region"]], on="place"
    )
    lines["week"] = _week(lines["day"])
    sales = lines.groupby(["week", "region"], as_index=False)["amount"].sum()
    return promotions.company_panel(
        sales, tables["marketing_spend"], tables["holidays"], tables["promotions"]
    )


@pytest.fixture(scope="module")
def fitted(panel):
    return promotions.fit_mix(panel, sweeps=120)


@pytest.fixture(scope="module")
def lost(company, panel):
    """Money that met an empty shelf, by region and week, at the mean price paid."""
    sold = company.tables["sales_lines"].groupby("item")[["amount", "quantity"]].sum()
    rows = company.truth.lost
    worth = rows["units"] * rows["item"].map(sold["amount"] / sold["quantity"])
    rows = rows.assign(week=_week(rows["day"]), amount=worth)
    wide = rows.pivot_table(
        index="place", columns="week", values="amount", aggfunc="sum"
    )
    wide = wide.reindex(index=list(panel.regions), columns=panel.weeks)
    return wide.fillna(0.0).to_numpy()


@pytest.fixture(scope="module")
def planted(company, fitted):
    true = company.truth.contributions.set_index(["channel", "region", "week"])[
        "amount"
    ].sort_index()
    panel = fitted.panel
    return np.array(
        [
            [true.loc[c, r].reindex(panel.weeks).to_numpy() for r in panel.regions]
            for c in panel.channels
        ]
    )


def _ranges(mix, planted):
    """Return the ends of each channel's 90 % range as shares of the truth, and the sum's."""
    totals, true = mix.paths.sum(axis=(2, 3)), planted.sum(axis=(1, 2))
    ends = np.quantile(totals, [0.05, 0.95], axis=0) / true
    return (*ends, *np.quantile(totals.sum(axis=1), [0.05, 0.95]) / true.sum())


def test_ranges_of_added_demand_hold_the_planted_one_of_every_channel(
    panel, lost, planted
):
    """What was planted is demand: sales, and what met an empty shelf. Four of four hold.

    Only 1.3 % was lost so, but most of it where advertising had raised demand: on sales
    alone Social reads a fifth lower. Of seven companies, this one among
    them, 22 of 28 ranges held on sales; of the three with most misses 7 of 12 held on
    sales and 10 of 12 on demand. What is left leans low: a response that is still
    rising where few weeks were dark is told from the level by its shape alone.
    """
    low, high, least, most = _ranges(
        promotions.fit_mix(with_sales(panel, panel.sales + lost), sweeps=120), planted
    )
    assert ((low <= 1) & (high >= 1)).all(), (low, high)
    assert least <= 1 <= most


def test_ranges_of_added_sales_are_near_the_planted_demand(fitted, planted):
    """On sales, as the page has them: three of four hold, no miss beyond 2 %.

    Video's upper end lies .5 % below its truth: empty shelves hide demand, and the page
    says so.
    """
    low, high, least, most = _ranges(fitted, planted)
    assert ((low <= 1) & (high >= 1)).sum() >= 3, (low, high)
    assert ((low <= 1.02) & (high >= 0.98)).all(), (low, high)
    assert least <= 1 <= most


def test_the_proposed_split_earns_95_percent_of_the_best(fitted, planted):
    """Judged by the planted curves over the last year, within what was seen."""
    panel, curve = fitted.panel, promotions.response_curve(fitted)

    def shares(c, factor):
        told, stock = CHANNELS[panel.channels[c]], np.zeros(len(panel.regions))
        out = np.empty(panel.sales.shape)
        for w in range(len(panel.weeks)):
            stock = panel.spend[c, :, w] * factor * (1 - told.keep) + stock * told.keep
            out[:, w] = told.share * stock / (stock + told.half)
        return out

    now = [shares(c, 1.0) for c in range(len(panel.channels))]
    base = [planted[c] / np.maximum(now[c], 1e-9) for c in range(len(now))]

    def earned(spend):
        return sum(
            (shares(c, spend[c] / curve.now[c]) * base[c])[:, -52:].sum() / 52
            for c in range(len(now))
        )

    assert earned(curve.now) == pytest.approx(planted[:, :, -52:].sum() / 52, rel=1e-6)
    total = curve.now.sum()
    best = minimize(
        lambda x: -earned(x), curve.now, method="SLSQP", bounds=list(map(tuple, curve.seen)),
        constraints={"type": "eq", "fun": lambda x: x.sum() - total},
    )  # fmt: skip
    split = promotions.best_split(curve)
    assert earned(split.spend) >= 0.95 * -best.fun
    assert earned(split.spend) >= 0.99 * earned(curve.now)
