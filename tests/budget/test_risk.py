"""The simulation keeps its promises: ties, seeds, errors, refusals."""

import numpy as np
import pandas as pd
import pytest

from opslib.budget.risk import joint, lines, measure, simulate, why


def _cells(count=6, months=4, **named):
    kinds = [
        ("normal", (1, 0.1)),
        ("lognormal", (1, 0.2)),
        ("pert", (0.8, 1, 1.5)),
        ("triangular", (0.7, 1, 1.4)),
        ("discrete", (0.9, 1.3, 0.75, 0.25)),
        ("history", (0.8, 0.9, 1.0, 1.0, 1.1, 1.3)),
    ]
    of = [lines.line(f"line {i}", *kinds[i % 6]) for i in range(count)]
    scale = np.arange(1.0, count * months + 1).reshape(count, months)
    return simulate.model(of, scale=scale, **named)


def test_parts_add_up_to_the_whole_in_every_draw():
    of = _cells(by_line=0.4, by_month=0.3, known=np.full(6, 7.0))
    draws = simulate.simulate(of, points=512, replicates=4)
    assert draws.tie_gap < 1e-12
    whole = draws.by_line.sum(axis=1)
    assert np.allclose(whole, draws.total.ravel())
    assert np.allclose(draws.by_month.sum(axis=1) + 42, whole)


def test_the_same_seed_gives_the_same_draws_and_another_gives_others():
    one, two, three = (
        simulate.simulate(_cells(), points=64, replicates=2, seed=s) for s in (5, 5, 6)
    )
    assert np.array_equal(one.by_line, two.by_line)
    assert not np.array_equal(one.by_line, three.by_line)


@pytest.mark.parametrize("method", simulate.METHODS)
def test_every_method_recovers_mean_and_spread(method):
    of = _cells(by_line=0.4, by_month=0.3)
    draws = simulate.simulate(of, points=4096, replicates=8, method=method)
    moments = np.array([lines.moments(x) for x in of.lines])
    mean = float((moments[:, :1] * of.scale).sum())
    assert draws.total.mean() == pytest.approx(mean, rel=0.003)
    plain = simulate.simulate(of, points=4096, replicates=8, seed=9, method="plain")
    assert draws.total.std() == pytest.approx(plain.total.std(), rel=0.02)


def test_a_sum_of_high_marks_is_not_the_high_mark_of_the_sum():
    draws = simulate.simulate(_cells(), points=1024, replicates=4)
    parts = np.quantile(draws.by_line, 0.9, axis=0).sum()
    assert parts > np.quantile(draws.total, 0.9) * 1.02


def test_ours_errs_less_than_plain_at_equal_points():
    of = _cells(12, by_line=0.3, by_month=0.2)
    errors = {
        m: measure.measure(simulate.simulate(of, points=1024, method=m), budget=1400)
        .set_index("name")
        .loc["mean", "error"]
        for m in ("ours", "plain")
    }
    assert errors["ours"] < errors["plain"] / 5


def test_a_t_copula_keeps_each_line_and_deepens_the_shared_tail():
    two = [lines.line(n, "normal", [100, 10]) for n in "ab"]
    tails = {}
    for degrees in (0, 3):
        of = simulate.model(two, by_line=0.5, degrees=degrees)
        draws = simulate.simulate(of)
        assert draws.by_line.std(axis=0) == pytest.approx([10, 10], rel=0.01)
        deep = draws.by_line > np.quantile(draws.by_line, 0.999, axis=0)
        tails[degrees] = deep.all(axis=1).mean()
    assert tails[3] > 2 * tails[0]


def test_shocks_stay_together_and_move_the_lines_they_name():
    two = [lines.line(n, "normal", [100, 0]) for n in "ab"]
    good = np.random.default_rng(3).lognormal(0, 0.1, 800)
    shocks = {"a": good, "b": 2 - good}
    draws = simulate.simulate(simulate.model(two), shocks=shocks)
    assert np.corrcoef(draws.by_line.T)[0, 1] == pytest.approx(-1)
    assert draws.by_line[:, 0].std() == pytest.approx(100 * good.std(), rel=0.01)
    assert simulate.one_uncertainty(np.array([[2.0, 3.0]]), 10.0).tolist() == [0.5]


def test_exact_totals_agree_with_draws_where_they_exist():
    free = _cells(count=4)
    law = measure.exact_total(free)
    draws = simulate.simulate(free)
    assert draws.total.std() == pytest.approx(law.sd, rel=0.003)
    exact = measure.read_total(law, budget=law.mean + law.sd)
    got = measure.measure(draws, budget=law.mean + law.sd).set_index("name")["value"]
    for name, value in exact.items():
        assert got[name] == pytest.approx(value, rel=0.02)
    assert measure.exact_total(_cells(by_line=0.3)) is None


def test_repair_leaves_valid_ties_and_mends_impossible_ones():
    fine = np.array([[1, 0.5], [0.5, 1]])
    assert joint.valid_correlation(fine)[1] == 0
    wrong = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    fixed, gap = joint.valid_correlation(wrong)
    assert gap > 0
    assert np.linalg.eigvalsh(fixed)[0] > -1e-9
    assert np.allclose(np.diag(fixed), 1)


def test_history_recovers_a_planted_tie():
    draw = np.random.default_rng(4)
    tie = np.array([[1, 0.7, 0.2], [0.7, 1, 0.2], [0.2, 0.2, 1]])
    rows = draw.multivariate_normal(np.zeros(3), tie, 400)
    assert joint.from_history(rows) == pytest.approx(tie, abs=0.12)


def test_shares_add_up_and_find_the_planted_driver():
    three = [
        lines.line(n, "normal", [100, s])
        for n, s in zip("abc", (30, 10, 5), strict=True)
    ]
    got = why.variance_shares(simulate.simulate(simulate.model(three)))
    assert got["share"].sum() == pytest.approx(1)
    assert got["worst_share"].sum() == pytest.approx(1)
    assert got["name"].tolist() == ["a", "b", "c"]
    first = got.loc[0]
    assert first["low"] - 1e-3 <= 900 / 1025 <= first["high"] + 1e-3
    assert first["swing_high"] > 0 > first["swing_low"]


def test_bridge_adds_up_with_new_and_dropped_items():
    plan = pd.DataFrame(
        {"item": ["a", "b"], "units": [10.0, 5], "amount": [100.0, 100]}
    )
    now = pd.DataFrame({"item": ["b", "c"], "units": [8.0, 2], "amount": [176.0, 60]})
    steps = why.bridge(plan, now).set_index("step")["amount"]
    assert steps["plan"] + steps[["volume", "mix", "price"]].sum() == pytest.approx(
        steps["now"]
    )
    assert steps["price"] == pytest.approx(16)


def test_impossible_inputs_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match="they must rise"):
        lines.line("a", "pert", [5, 3, 9])
    with pytest.raises(ValueError, match="must add up to 1"):
        lines.line("a", "discrete", [1, 2, 0.5, 0.6])
    with pytest.raises(ValueError, match="'beta'; it must be one of"):
        lines.line("a", "beta", [1, 2])
    with pytest.raises(ValueError, match="power of two from 16"):
        simulate.simulate(_cells(), points=1000)
    with pytest.raises(ValueError, match="not symmetric"):
        joint.valid_correlation(np.array([[1, 0.2], [0.3, 1]]))
    with pytest.raises(ValueError, match="shocks name lines"):
        simulate.simulate(_cells(), points=64, shocks={"none": np.ones(4)})
    with pytest.raises(ValueError, match="repair it first"):
        bad = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
        joint.iman_conover(np.ones((5, 3)), bad, np.ones((5, 3)))
