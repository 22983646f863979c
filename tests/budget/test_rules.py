"""Decision rules, shocks and the outside view against hand-worked and planted cases."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from opslib import budget
from opslib.budget import outlook
from opslib.budget.risk import lines, rules, simulate, why


def _normal(mean=100.0, sd=10.0, months=1):
    one = lines.line("a", "normal", [mean / months, sd / months**0.5])
    return simulate.simulate(simulate.model([one], scale=np.ones((1, months))))


def _loss(gap, sd):
    """Return E max(T - B, 0) of a normal total that lies `gap` below B."""
    z = gap / sd
    return sd * (stats.norm.pdf(z) - z * stats.norm.sf(z))


def test_reserve_is_the_quantile_at_the_critical_ratio():
    for over, idle in ((3, 1), (9, 1), (1, 1)):
        got, error, ratio = rules.reserve(
            _normal(), budget=95, overrun_cost=over, idle_cost=idle
        )
        assert ratio == over / (over + idle)
        assert got == pytest.approx(100 + 10 * stats.norm.ppf(ratio) - 95, abs=0.03)
        assert 0 < error < 0.1
    assert rules.reserve(_normal(), budget=150, overrun_cost=3, idle_cost=1)[0] == 0


@pytest.mark.parametrize(("room", "acts"), [(0.0, True), (25.0, False)])
def test_one_decision_point_equals_the_formula(room, acts):
    got = rules.triggers(
        _normal(),
        np.array([40.0]),
        budget=100 + room,
        cut=0.25,
        overrun_cost=1.0,
        cut_cost=0.2,
    )
    wait = _loss(room, 10)
    act = _loss(room + 10, 10) + 2.0
    assert bool(act < wait) is acts
    row = got.loc[0]
    assert row["saves"] == 10
    assert row["acts"] == float(acts)
    assert row["waiting"] == pytest.approx(max(0.0, wait - act), abs=0.02)
    assert np.isnan(row["chance"]) != acts


def test_waiting_is_best_where_the_first_month_tells_everything():
    one = lines.line("a", "discrete", [0, 100, 0.6, 0.4])
    fixed = lines.line("b", "normal", [10, 0])
    of = simulate.model([one, fixed], scale=np.array([[1, 0], [0, 1.0]]))
    draws = simulate.simulate(of)
    got = rules.triggers(
        draws,
        np.array([0.0, 10.0]),
        budget=50,
        cut=0.5,
        overrun_cost=1.0,
        cut_cost=0.45,
    )
    now, later = got.loc[0], got.loc[1]
    assert np.isnan(now["chance"]), "cutting blindly costs .45 and saves .40 of it"
    assert later["acts"] == pytest.approx(0.4, abs=1 / 64)
    assert later["waiting"] == pytest.approx(0.4 * 5 * (1 - 0.45), rel=0.05)


def test_triggers_fall_as_the_year_is_known_better_and_refuse_wrong_months():
    draws = _normal(months=6)
    got = rules.triggers(
        draws, np.full(6, 10.0), budget=104, cut=0.2, overrun_cost=0.5, cut_cost=0.2
    )
    acting = got["acts"].to_numpy()
    assert (np.diff(got["saves"]) < 0).all()
    assert (got["waiting"] >= 0).all()
    assert acting[-1] > acting[0]
    with pytest.raises(ValueError, match="flexible has 2 months"):
        rules.triggers(
            draws, np.zeros(2), budget=1, cut=0.1, overrun_cost=1, cut_cost=1
        )


def test_outside_view_recovers_a_planted_pace_and_states_its_weight():
    months = np.arange(36)
    past = 100 * 1.1 ** (months // 12) * (1 + 0.3 * np.sin(2 * np.pi * months / 12))
    done, year = past[:29], past[24:36].sum()
    draws = _normal(mean=year * 1.05, sd=20)
    got = rules.outside(
        done, 5, draws, budget=year * 1.04, known=past[24:29].sum(), weight=0.3
    )
    assert np.median(got.total) == pytest.approx(year, rel=0.06)
    assert got.chance == pytest.approx(
        0.7 * got.inside_chance + 0.3 * got.outside_chance
    )
    assert (
        rules.outside(done[-14:], 5, draws, budget=1.0, known=0.0, weight=0.3).weight
        == 0
    )
    with pytest.raises(ValueError, match="weight"):
        rules.outside(done, 5, draws, budget=1.0, known=0.0, weight=2)


def test_demand_draws_keep_their_size_and_are_not_added_twice(books):
    paths = np.random.default_rng(1).poisson(50.0, (40, 100, 20))
    factors = budget.demand_factors(paths, np.ones(40), shared=0.08)
    assert factors.mean() == pytest.approx(1, abs=0.005)
    assert factors.mean(axis=1).std() == pytest.approx(0.08, rel=0.1)
    plain = outlook.outlook(books, points=256)
    kind = books.units["kind"].to_numpy()
    spread = (plain.table["high"] - plain.table["low"])[kind == "revenue"]
    rest = plain.expected[kind == "revenue"].sum()
    own = float(spread.iloc[0]) / 2.56 / rest
    same = budget.demand_factors(paths, np.ones(40), shared=min(0.9, 0.98 * own))
    tied = outlook.outlook(books, points=256, shocks=budget.sales_shocks(books, same))
    again = (tied.table["high"] - tied.table["low"])[kind == "revenue"]
    assert float(again.iloc[0]) == pytest.approx(float(spread.iloc[0]), rel=0.12)
    revenue = tied.draws.by_line[:, kind == "revenue"].sum(axis=1)
    goods = tied.draws.by_line[:, kind == "cost"].sum(axis=1)
    assert np.corrcoef(revenue, goods)[0, 1] > 0.8


def test_sales_bridge_finds_a_planted_price_rise_and_is_silent_without_last_year(books):
    rows = []
    for year, price in ((2025, 10.0), (2026, 11.0)):
        rows += [
            (f"{year}-{m:02d}-01", "Tea", 100.0, 100.0 * price) for m in range(1, 13)
        ]
    frame = pd.DataFrame(rows, columns=["month", "category", "units", "amount"])
    steps = why.sales_bridge(frame, books).set_index("step")["amount"]
    assert steps["price"] == pytest.approx(100 * books.closed)
    assert steps["mix"] == pytest.approx(0, abs=1e-6)
    assert steps[["plan", "volume", "mix", "price"]].sum() == pytest.approx(
        steps["now"]
    )
    assert why.sales_bridge(frame[frame["month"] >= "2026"], books).empty


def test_demand_and_promotion_draws_reach_the_year_as_one_uncertainty(books):
    draw = np.random.default_rng(9)
    demand = budget.demand_factors(
        draw.poisson(20.0, (30, 50, 26)), np.full(30, 5.0), shared=0.05
    )
    lift = draw.normal(1.1, 0.03, (300, 1))
    both = budget.together(demand=demand, advertising=lift)
    alone = budget.together(demand=demand)
    assert both.factors.mean() == pytest.approx(1.1, abs=0.005)
    spread = np.hypot(demand.mean(axis=1).std(), 0.03 / 1.1)
    drawn = both.factors.mean(axis=1)
    assert drawn.std() / 1.1 == pytest.approx(spread, rel=0.1)
    assert drawn == pytest.approx(both.parts["demand"] * both.parts["advertising"])
    kind = books.units["kind"].to_numpy()
    told = {
        name: outlook.outlook(
            books, points=64, shocks=budget.sales_shocks(books, of.factors)
        )
        for name, of in {"alone": alone, "both": both}.items()
    }
    assert np.allclose(told["alone"].expected, told["both"].expected)
    table = told["both"].table
    rest = (table["forecast"] - table["spent"])[kind == "revenue"].sum()
    expected = told["both"].expected[kind == "revenue"].sum()
    assert rest == pytest.approx(1.1 * expected, rel=0.01)


def test_the_share_of_each_room_is_what_its_draws_alone_would_give(books):
    draw = np.random.default_rng(4)
    sold = budget.together(
        demand=draw.normal(1, 0.06, 4096), advertising=draw.normal(1, 0.03, 4096)
    )
    told = outlook.outlook(
        books, points=256, shocks=budget.sales_shocks(books, sold.factors)
    )
    got = budget.origins(told, sold).set_index("origin")
    assert got.sum().to_numpy() == pytest.approx([1, 1])
    ratio = got.loc["demand"] / got.loc["advertising"]
    assert ratio.to_numpy() == pytest.approx([4, 4], rel=0.1)
    goods = told.expected[(books.units["kind"] == "cost").to_numpy()].sum()
    want = (0.06 * goods) ** 2 / told.draws.total.var()
    assert got.loc["demand", "spending"] == pytest.approx(want, rel=0.05)
    still = budget.together(demand=np.ones(8), advertising=np.ones(1))
    assert budget.origins(told, still)["spending"].tolist() == [0, 0, 1]


def test_advertising_is_found_among_the_lines_and_its_planned_rise_read(tables):
    spend = tables["marketing_spend"].assign(
        week=lambda f: pd.to_datetime(f["day"]).dt.to_period("W").dt.start_time
    )
    day = pd.Timestamp("2026-06-28").date()
    plans, actuals = tables["budget_lines"], tables["actuals"]
    rise = budget.advertising_rise(plans, actuals, spend, day=day)
    line = actuals[actuals["line"] == "Advertising"].sort_values("month")
    planned = plans.query("line == 'Advertising' and version == '2026 adopted'")
    want = planned["amount"].mean() / line["amount"].tail(12).mean()
    assert rise == pytest.approx(want, rel=1e-6)
    double = plans.assign(amount=plans["amount"] * 2)
    assert budget.advertising_rise(double, actuals, spend, day=day) == pytest.approx(
        2 * rise
    )
    other = spend.assign(spend=spend["spend"] * 3)
    for nothing in ((plans, actuals, other), (plans.head(0), actuals, spend)):
        assert budget.advertising_rise(*nothing, day=day) == 1
