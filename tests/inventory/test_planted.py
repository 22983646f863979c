"""The demonstration company: ranges hold the true demand, orders cost less than its own."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from opslib import inventory
from opslib.inventory.ahead import forecast, rolling
from opslib.inventory.ordering import policies

ORIGINS = (109, 117, 125, 133, 141, 149)


@pytest.fixture(scope="module")
def wanted(company, panel):
    """Return true demand: what was sold and what met an empty shelf, rows by weeks."""
    lost = company.truth.lost
    day = pd.to_datetime(lost["day"])
    lost = lost.assign(week=day - pd.to_timedelta(day.dt.weekday, unit="D"))
    both = pd.concat([company.demand, lost])[["item", "place", "week", "units"]]
    wide = both.pivot_table(
        index=["item", "place"], columns="week", values="units", aggfunc="sum"
    )
    at = pd.MultiIndex.from_frame(panel.keys)
    return np.nan_to_num(wide.reindex(index=at, columns=panel.weeks).to_numpy())


def _until(panel, cut):
    return dataclasses.replace(
        panel, weeks=panel.weeks[:cut], units=panel.units[:, :cut],
        promoted=panel.promoted[:, :cut],
    )  # fmt: skip


def test_the_range_of_four_fifths_holds_the_true_demand(panel, wanted):
    """Six origins; methods chosen and spread learnt on the weeks before each."""
    inside, rows = 0.0, 0
    for cut in ORIGINS:
        past = _until(panel, cut)
        test = inventory.backtest(
            past, sample=30, methods=("last week", "zero", "13-week mean", "levels", "TSB")
        )  # fmt: skip
        coming = inventory.foretell(past, test, weeks=4)
        begun = ~np.isnan(past.units).all(axis=1)
        actual = wanted[:, cut : cut + 4].sum(axis=1)
        held = rolling._covered(actual, coming.paths.sum(axis=2))
        inside += held[begun].sum()
        rows += begun.sum()
    assert 0.75 <= inside / rows <= 0.85


def _own_rule(wanted, start, part):
    """Return the company's own rule: a fading mean, one and a half times the cover."""
    lead, pack = part["lead_weeks"].to_numpy() * 7, part["pack"].to_numpy()

    def rule(week, stock, line, seen):
        past = wanted[:, : start + week]
        weight = 0.97 ** (7 * np.arange(past.shape[1])[::-1])
        daily = (past * weight).sum(axis=1) / weight.sum() / 7
        lack = np.ceil(daily * (lead + 7) * 1.5 + 1) - stock - line.sum(axis=1)
        return np.maximum(0, np.ceil(lack / pack) * pack)

    return rule


def test_orders_cost_a_tenth_less_than_the_companys_own(panel, told, wanted):
    """The newest half year, week by week, both from the same start, packs kept.

    Orders come as late as the suppliers' deliveries did, for both alike. Money of stock
    and of margin lost, by true demand. Our level is the one that cost
    least on windows before the half year.
    """
    start, weeks = 131, 26
    past = _until(panel, start)
    tuned = inventory.tune(past, told, holding_rate=0.25, sample=150)
    cost = {"ours": 0.0, "own": 0.0}
    for lead, rows in told.frame.groupby("lead_weeks").indices.items():
        part, true = told.frame.iloc[rows], wanted[rows]
        leads = told.leads[rows]
        far = leads.shape[1]
        ahead = weeks + far
        drawn = np.random.default_rng(3).random((len(rows), weeks, 1))
        late = (drawn > np.cumsum(leads, axis=1)[:, None, :-1]).sum(axis=2) - int(lead)
        season = forecast.season_index(past.units, past.weeks, ahead)
        pack = part["pack"].to_numpy()

        def ours(week, stock, line, seen, rows=rows, far=far, of=(season, pack, leads)):
            known = panel.units[rows, : start + week]
            factors = of[0][: start + week + far]
            mean = forecast.levels(known, factors, far)
            spread = forecast.dispersion_of(known, factors)
            paths = forecast.spread(
                mean, dispersion=spread, drift=rolling.DRIFT, draws=100, seed=week
            )
            return inventory.order_for_quantile(
                paths, on_hand=stock, pipeline=line, level=tuned.level[rows],
                pack=of[1], leads=of[2],
            )  # fmt: skip

        mean = np.nan_to_num(forecast.levels(past.units[rows], np.ones(start + 1), 1))
        for name, rule in {"ours": ours, "own": _own_rule(true, start, part)}.items():
            out = inventory.simulate(
                true[:, start : start + weeks], rule,
                on_hand=np.ceil(mean[:, 0] * 3),
                pipeline=np.repeat(np.round(mean), max(1, int(lead)), axis=1),
                holding_cost=(part["cost"] * 0.25 / 52).to_numpy(),
                shortage_cost=(part["price"] - part["cost"]).to_numpy(), late=late,
            )  # fmt: skip
            cost[name] += out.cost[:, 6:].sum()
    assert cost["ours"] <= 0.9 * cost["own"]


def test_the_own_rule_is_no_straw_man():
    """Orders up to one and a half times the cover, in whole packs, as the demo does."""
    part = pd.DataFrame({"lead_weeks": [1.0], "pack": [6]})
    rule = _own_rule(np.full((1, 600), 7.0), 600, part)
    order = rule(0, np.array([10.0]), np.zeros((1, 1)), None)
    assert order[0] == np.ceil((14 * 1.5 + 1 - 10) / 6) * 6
    assert (
        policies.up_to(np.array([22.0]))(0, np.array([10.0]), np.zeros((1, 1)), None)[0]
        == 12
    )
