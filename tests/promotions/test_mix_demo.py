"""Channel mix on the demonstration company: planted contributions and best split."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from opslib import demo, promotions
from opslib.demo.truth import CHANNELS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def company():
    return demo.make(size=1.0, seed=7)


@pytest.fixture(scope="module")
def fitted(company):
    tables = company.tables
    lines = tables["sales_lines"].merge(
        tables["places"][["place", "region"]], on="place"
    )
    day = pd.to_datetime(lines["day"])
    lines["week"] = day - pd.to_timedelta(day.dt.dayofweek, unit="D")
    sales = lines.groupby(["week", "region"], as_index=False)["amount"].sum()
    panel = promotions.company_panel(
        sales, tables["marketing_spend"], tables["holidays"], tables["promotions"]
    )
    return promotions.fit_mix(panel, sweeps=120)


@pytest.fixture(scope="module")
def planted(company, fitted):
    true = company.truth.contributions.set_index(["channel", "region", "week"])[
        "amount"
    ]
    panel = fitted.panel
    return np.array(
        [
            [true.loc[c, r].reindex(panel.weeks).to_numpy() for r in panel.regions]
            for c in panel.channels
        ]
    )


def test_ranges_of_added_sales_hold_the_planted_ones(fitted, planted):
    """At least three of four 90 % ranges, no miss beyond 2 %, and the range of the sum.

    One of four may miss by chance. Here Video's upper end lies .5 % below its truth:
    carry-over as slow as the season is told from it least well.
    """
    totals, true = fitted.paths.sum(axis=(2, 3)), planted.sum(axis=(1, 2))
    low, high = np.quantile(totals, [0.05, 0.95], axis=0)
    held = (low <= true) & (true <= high)
    assert held.sum() >= 3, (low / true, high / true)
    assert ((low <= 1.02 * true) & (true <= 1.02 * high)).all(), (
        low / true,
        high / true,
    )
    both = np.quantile(totals.sum(axis=1), [0.05, 0.95])
    assert both[0] <= true.sum() <= both[1]


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
