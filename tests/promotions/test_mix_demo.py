"""Channel mix on the demonstration company: planted contributions and best split."""

import numpy as np
import pandas as pd
import pytest

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
    """Judged by the planted curves over the last year, within what was seen.

    Reached 99.7 % of the best. Even the worst allowed split earns 95.1 %, so what counts
    is the way from the worst to the best: 95 % of it is made (any split: 65 %), 98 % of
    all allowed splits earn less, and 72 % of what today's split leaves is gained.
    """
    panel, curve = fitted.panel, promotions.response_curve(fitted)

    def shares(c, factor):
        told, stock = CHANNELS[panel.channels[c]], np.zeros(len(panel.regions))
        out = np.empty(panel.sales.shape)
        for w in range(len(panel.weeks)):
            stock = panel.spend[c, :, w] * factor * (1 - told.keep) + stock * told.keep
            out[:, w] = told.share * stock / (stock + told.half)
        return out

    base = [planted[c] / np.maximum(shares(c, 1.0), 1e-9) for c in range(len(planted))]

    def one(c, spend):
        return (shares(c, spend / curve.now[c]) * base[c])[:, -52:].sum() / 52

    def earned(split):
        return sum(one(c, x) for c, x in enumerate(split))

    assert earned(curve.now) == pytest.approx(planted[:, :, -52:].sum() / 52, rel=1e-6)
    grid = [np.linspace(low, high, 41) for low, high in curve.seen]
    worth = [np.array([one(c, x) for x in grid[c]]) for c in range(len(grid))]
    *first, last = np.meshgrid(*grid[:-1], np.zeros(1), indexing="ij")
    last = curve.now.sum() - sum(first) + last
    total = sum(np.meshgrid(*worth[:-1], np.zeros(1), indexing="ij")) + np.interp(
        last, grid[-1], worth[-1]
    )
    total = total[(last >= grid[-1][0]) & (last <= grid[-1][-1])]
    worst, best = total.min(), total.max()
    found = earned(promotions.best_split(curve).spend)
    assert worst >= 0.94 * best, "why the share of the best alone proves little"
    assert found >= 0.95 * best
    assert (found - worst) / (best - worst) >= 0.85
    assert (total < found).mean() >= 0.9
    assert found >= earned(curve.now)
