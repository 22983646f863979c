"""The budget room against published and exact numbers.

Inputs of the lettered cases stand in the README of their folder.
Every simulation runs with a seed fixed beforehand; what is chosen on data is chosen
leaving the scored departments or years out, as each test says.
"""

import json

import numpy as np
import pytest

from opslib.budget.risk import joint, lines, measure, simulate, why

pytestmark = pytest.mark.published


@pytest.fixture
def anchors(shared):
    return json.loads((shared("budget/anchors_risk") / "anchors.json").read_text())


def _told(frame, name):
    return frame.set_index("name").loc[name]


def _lognormal():
    ten = [lines.line(f"line {i}", "lognormal", [100, 0.25]) for i in range(10)]
    return simulate.model(ten, by_line=0.3)


def _pert():
    return simulate.model(
        [lines.line(f"line {i}", "pert", [80, 100, 150]) for i in range(12)]
    )


def _assert_held(row, truth):
    assert row["low"] <= truth <= row["high"], (row["name"], truth, row["value"])


def test_ten_tied_lognormal_lines_give_the_exact_tail(anchors):
    truth = anchors["A_corr_lognormal"]
    draws = simulate.simulate(_lognormal())
    for budget, chance in ((1100, 0.24141), (1200, 0.10153)):
        got = measure.measure(draws, budget=budget)
        row = _told(got, "chance_over")
        assert truth["P_over"][str(budget)] == pytest.approx(chance, abs=1e-5)
        assert row["value"] == pytest.approx(chance, abs=0.003)
        _assert_held(row, chance)
    var, cvar = _told(got, "value_at_risk"), _told(got, "expected_shortfall")
    assert var["value"] == pytest.approx(1269.98, rel=0.003)
    assert cvar["value"] == pytest.approx(1355.68, rel=0.003)
    _assert_held(var, truth["quantiles"]["0.95"])
    _assert_held(cvar, truth["cvar95"])


def test_error_bars_hold_the_truth_as_often_as_they_say(anchors):
    truth = anchors["A_corr_lognormal"]
    exact = {
        "chance_over": truth["P_over"]["1100"],
        "value_at_risk": truth["quantiles"]["0.95"],
        "expected_shortfall": truth["cvar95"],
        "sd": truth["sd_exact"],
    }
    held = []
    for seed in range(100, 140):
        draws = simulate.simulate(_lognormal(), points=1024, seed=seed)
        got = measure.measure(draws, budget=1100).set_index("name")
        held += [got.loc[n, "low"] <= v <= got.loc[n, "high"] for n, v in exact.items()]
    assert 0.90 <= np.mean(held) <= 1.0


def test_twelve_pert_lines_give_the_exact_tail_simulated_and_by_formula(anchors):
    truth = anchors["D_pert12"]
    got = measure.measure(simulate.simulate(_pert()), budget=1300)
    for name, value in (("sd", 43.9155), ("value_at_risk", 1333.70)):
        row = _told(got, name)
        assert row["value"] == pytest.approx(value, rel=0.003)
    _assert_held(_told(got, "sd"), truth["sum_sd"])
    _assert_held(_told(got, "value_at_risk"), truth["quantiles"]["0.95"])
    chance = _told(got, "chance_over")
    assert chance["value"] == pytest.approx(0.18146, abs=0.003)
    _assert_held(chance, truth["P_over"]["1300"])
    law = measure.exact_total(_pert())
    exact = measure.read_total(law, budget=1300)
    assert exact["chance_over"] == pytest.approx(truth["P_over"]["1300"], abs=1e-6)
    assert exact["value_at_risk"] == pytest.approx(1333.7019, abs=0.001)
    assert law.sd == pytest.approx(truth["sum_sd"], abs=1e-6)


def test_independent_lines_understate_the_tail_tenfold(anchors):
    alone = simulate.model(list(_lognormal().lines))
    chance = measure.read_total(measure.exact_total(alone), budget=1200)["chance_over"]
    truth = anchors["A_independent"]["P_over"]["1200"]
    assert chance == pytest.approx(truth, abs=1e-6)
    assert anchors["A_corr_lognormal"]["P_over"]["1200"] / chance > 9.7


def test_normal_portfolio_is_exact_and_simulation_agrees(anchors):
    truth = anchors["C_normal"]
    tie = np.array([[1, 0.5, 0.2], [0.5, 1, 0.3], [0.2, 0.3, 1]])
    means, sds = np.array([500.0, 300, 200]), np.array([25.0, 30, 40])
    exact = measure.normal_total(means, sds, tie)
    assert exact["value_at_risk"] == pytest.approx(truth["VaR95"], abs=1e-9)
    assert exact["expected_shortfall"] == pytest.approx(truth["CVaR95"], abs=1e-9)
    assert exact["shares"] == pytest.approx(truth["euler_sd_contrib"], abs=1e-9)
    assert exact["shares"] == pytest.approx([16.98, 23.13, 30.56], abs=0.005)
    three = [
        lines.line(n, "normal", v) for n, *v in zip("abc", means, sds, strict=True)
    ]
    of = simulate.model(three, by_line=tie)
    draws = simulate.simulate(of)
    got = measure.measure(draws, budget=1050)
    for name, value in (("value_at_risk", 1116.25), ("expected_shortfall", 1145.78)):
        assert _told(got, name)["value"] == pytest.approx(value, rel=0.003)
    shares = why.variance_shares(draws).set_index("name")["share"] * exact["sd"]
    assert shares[list("abc")].to_numpy() == pytest.approx(exact["shares"], rel=0.003)
    law = measure.read_total(measure.exact_total(of), budget=1050)
    assert law["chance_over"] == pytest.approx(truth["P_over_1050"], abs=1e-6)


def test_ishigami_indices_are_within_a_hundredth(anchors):
    def ishigami(u):
        x = np.pi * (2 * u - 1)
        return np.sin(x[:, 0]) * (1 + 0.1 * x[:, 2] ** 4) + 7 * np.sin(x[:, 1]) ** 2

    got = why.sobol_indices(ishigami, 3)
    truth = anchors["F_ishigami"]
    assert got["first"].to_numpy() == pytest.approx(truth["S1"], abs=0.01)
    assert got["total"].to_numpy() == pytest.approx(truth["ST"], abs=0.01)
    assert (got["total_low"] <= truth["ST"]).all()
    assert (got["total_high"] >= truth["ST"]).all()


def test_reordering_equals_the_worked_example_in_every_cell(shared):
    home = shared("budget/anchors_risk")
    given = {
        n: np.loadtxt(home / f"iman_conover_{n}.csv", delimiter=",") for n in "XSM"
    }
    want = np.loadtxt(home / "iman_conover_Y_published.csv", delimiter=",")
    got = joint.iman_conover(given["X"], given["S"], given["M"])
    assert np.array_equal(got, want)
    tie = np.corrcoef(got.T)[np.triu_indices(4, 1)]
    assert tie.round(2).tolist() == [0.85, 0.26, -0.11, 0.19, -0.2, 0.1]


def test_copulas_have_the_published_ties(anchors):
    truth = anchors["L_copula"]["pearson_for_spearman"]
    for spearman, pearson in truth.items():
        got = joint.normal_correlation(float(spearman))
        assert got == pytest.approx(pearson, abs=1e-12)
    draw = np.random.default_rng(5)
    scores = draw.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 400_000).T
    heavy = joint.heavy_scores(scores, draw.random(400_000), 4.0)
    deep = heavy < np.quantile(heavy, 0.002, axis=1)[:, None]
    share = deep.all(axis=0).sum() / deep[0].sum()
    limit = anchors["L_copula"]["t_tail_dep"]["nu4 rho0.5"]
    assert limit - 0.01 < share < limit + 0.06
