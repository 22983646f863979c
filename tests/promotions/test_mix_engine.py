"""Channel mix: the engine finds known truth, repeats itself, refuses bad input."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from opslib import promotions
from opslib.promotions.mix import forms
from opslib.promotions.mix.design import _baseline, _orthonormal, make_design
from opslib.promotions.mix.engine import contributions, form_weights
from opslib.promotions.mix.recovery import example_panel, straight_line


@pytest.fixture(scope="module")
def known():
    panel, truth = example_panel(5, channels=3, noise=0.02)
    return panel, truth, promotions.fit_mix(panel, sweeps=120)


def test_known_contributions_are_found_and_ranges_hold(known):
    _, truth, mix = known
    totals, true = mix.paths.sum(axis=(2, 3)), truth.sum(axis=(1, 2))
    low, high = np.quantile(totals, [0.02, 0.98], axis=0)
    assert ((low <= true) & (true <= high)).all()
    assert np.abs(totals.mean(axis=0) / true - 1).mean() < 0.3


def test_it_is_nearer_to_the_truth_than_a_straight_line_through_spend(known):
    panel, truth, mix = known
    true = truth.sum(axis=(1, 2))
    ours = np.abs(mix.paths.sum(axis=(2, 3)).mean(axis=0) / true - 1).mean()
    assert ours < np.abs(straight_line(panel) / true - 1).mean()


def test_the_same_seed_gives_the_same_numbers_and_other_seeds_hardly_differ(known):
    panel, _, mix = known
    again = promotions.fit_mix(panel, sweeps=120)
    np.testing.assert_array_equal(mix.paths, again.paths)
    other = promotions.fit_mix(panel, sweeps=120, seed=2)
    first, second = (m.paths.sum(axis=(2, 3)).mean(axis=0) for m in (mix, other))
    assert np.abs(second / first - 1).max() < 0.12


def test_forms_are_averaged_and_never_negative(known):
    _, _, mix = known
    assert sum(mix.weights.values()) == pytest.approx(1)
    assert (mix.paths >= 0).all()
    assert set(mix.by_form) == {d.form for d in mix.draws}


def test_draws_of_the_paths_come_from_the_draws_of_the_parameters(known):
    _, _, mix = known
    rebuilt = np.concatenate(
        [contributions(mix.panel, mix.design, d) for d in mix.draws]
    )
    np.testing.assert_allclose(rebuilt, mix.paths)


def test_a_form_that_fails_on_unseen_weeks_loses_its_weight(known):
    _, _, mix = known
    good = mix.draws[0]
    bad = replace(good, fit=good.fit - 1.0)
    assert form_weights([good, bad])[1] < 1e-6


def test_carry_over_and_saturation_equal_hand_worked_values():
    spend = np.array([10.0, 0.0, 0.0])
    weights = forms.carry_weights(np.array(0.5), 3)
    assert weights == pytest.approx(np.array([4, 2, 1]) / 7)
    assert weights @ forms.lagged(spend, 3) == pytest.approx(10 * weights)
    three = [
        float(forms.saturate(np.array(3.0), np.array(1.0), np.array(2.0), f))
        for f in forms.FORMS
    ]
    assert three == pytest.approx([0.9, 0.75, 0.875, np.tanh(3 * np.arctanh(0.5))])


def test_controls_take_their_part(known):
    """The planted control adds 10 % of the region's level; without it noise is larger."""
    panel, _, mix = known
    bare = promotions.fit_mix(
        replace(panel, controls=panel.controls[:0], names=()), sweeps=40
    )
    noise = [np.mean([d.noise.mean() for d in m.draws]) for m in (mix, bare)]
    assert noise[0] < noise[1]


def test_a_lift_test_tightens_the_channel_and_moves_it_to_the_measured_value():
    panel, truth = example_panel(12, channels=3, noise=0.08)
    weeks = panel.weeks[60:72]
    lift = float(truth[0, 0, 60:72].sum())
    test = promotions.LiftTest(
        channel="channel 1", start=f"{weeks[0]:%Y-%m-%d}", stop=f"{weeks[-1]:%Y-%m-%d}",
        lift=lift, low=0.95 * lift, high=1.05 * lift,
    )  # fmt: skip
    plain, told = (
        promotions.fit_mix(panel, sweeps=120, tests=t) for t in ((), (test,))
    )
    seen = [m.paths[:, 0, 0, 60:72].sum(axis=1) for m in (plain, told)]
    assert seen[1].std() < 0.5 * seen[0].std()
    assert seen[1].mean() == pytest.approx(lift, rel=0.06)


@pytest.fixture(scope="module")
def seasonal():
    """One channel whose effect grows in proportion to a strong season: power 1."""
    draw, weeks = np.random.default_rng(0), 156
    season = 1 + 0.45 * np.sin(2 * np.pi * np.arange(weeks) / 52.18)
    spend = draw.gamma(3, 100 / 3, weeks) * (draw.random(weeks) < 0.6)
    truth = 10_000 * season * 0.3 * spend / (spend + 100)
    sales = 10_000 * season + truth + draw.normal(0, 150, weeks)
    panel = promotions.Panel(
        weeks=pd.date_range("2023-01-02", periods=weeks, freq="7D"), regions=("all",),
        channels=("TV",), sales=sales[None], spend=spend[None, None],
        controls=np.zeros((0, 1, weeks)),
    )  # fmt: skip
    return panel, truth


@pytest.mark.parametrize("part", [slice(9, 19), slice(34, 44)], ids=["peak", "low"])
def test_a_true_lift_test_in_a_strong_season_never_moves_the_total_away(seasonal, part):
    """Peak 1.05 without, 1.04 with; 1.28 while the season was left out of the test."""
    panel, truth = seasonal
    lift, weeks = float(truth[part].sum()), panel.weeks[part]
    test = promotions.LiftTest(
        channel="TV", start=f"{weeks[0]:%Y-%m-%d}", stop=f"{weeks[-1]:%Y-%m-%d}",
        lift=lift, low=0.97 * lift, high=1.03 * lift,
    )  # fmt: skip
    plain, told = (
        promotions.fit_mix(panel, sweeps=100, tests=t).paths[:, 0, 0]
        for t in ((), (test,))
    )
    miss = [abs(p.sum(axis=1).mean() / truth.sum() - 1) for p in (plain, told)]
    assert miss[1] <= miss[0] + 0.01
    assert told[:, part].sum(axis=1).mean() == pytest.approx(lift, rel=0.04)


def test_what_a_lift_test_says_counts_when_the_season_power_moves(seasonal):
    """Noise hides the power; a peak and a low test together show it to be near 1."""
    panel, truth = seasonal
    loud = panel.sales + np.random.default_rng(4).normal(0, 2_500, panel.sales.shape)
    tests = tuple(
        promotions.LiftTest(
            channel="TV", start=f"{panel.weeks[a]:%Y-%m-%d}", stop=f"{panel.weeks[b]:%Y-%m-%d}",
            lift=lift, low=0.98 * lift, high=1.02 * lift,
        )
        for a, b in ((9, 18), (34, 43))
        for lift in [float(truth[a : b + 1].sum())]
    )  # fmt: skip
    plain, told = (
        np.concatenate(
            [
                d.power
                for d in promotions.fit_mix(
                    replace(panel, sales=loud), sweeps=100, tests=t
                ).draws
            ]
        )
        for t in ((), tests)
    )
    assert told.mean() > plain.mean() + 0.1
    assert told.std() < 0.7 * plain.std()


def test_a_channel_that_captures_demand_gets_no_credit_and_robs_nobody():
    """Searches for the own name follow sales, so as a regressor they explain everything."""
    panel, truth = example_panel(21, channels=2, noise=0.03)
    draw = np.random.default_rng(3)
    brand = 0.03 * panel.sales * draw.uniform(0.95, 1.05, panel.sales.shape)
    spend = pd.concat(
        pd.DataFrame(
            {"week": panel.weeks, "region": "r", "channel": name, "spend": row}
        )
        for name, row in (
            *zip(panel.channels, panel.spend[:, 0], strict=True),
            ("brand search", brand[0]),
        )
    )
    sales = pd.DataFrame({"week": panel.weeks, "region": "r", "amount": panel.sales[0]})
    told = {}
    for captures in ((), ("brand search",)):
        found = promotions.build_panel(sales, spend, captures=captures)
        mix = promotions.fit_mix(found, sweeps=100)
        told[captures] = dict(
            zip(found.channels, mix.paths.sum(axis=(2, 3)).mean(axis=0), strict=True)
        )
    true = truth.sum()
    robbed, kept = (
        sum(v for k, v in t.items() if k != "brand search") for t in told.values()
    )
    assert robbed < 0.8 * true
    assert "brand search" not in told["brand search",]
    assert abs(kept / true - 1) < abs(robbed / true - 1)


def test_regions_share_a_component_and_the_baseline_leaves_no_sales_unexplained():
    panel, truth = example_panel(30, regions=3, channels=2, noise=0.03)
    mix = promotions.fit_mix(panel, sweeps=80)
    totals, true = mix.paths.sum(axis=(2, 3)), truth.sum(axis=(1, 2))
    low, high = np.quantile(totals, [0.02, 0.98], axis=0)
    assert ((low <= true) & (true <= high)).all()
    design = make_design(panel)
    fixed = _baseline(panel)[0] * design.weight[:, None]
    explained = design.basis @ (design.basis.T @ fixed)
    np.testing.assert_allclose(explained, fixed, atol=1e-9)
    by_region = mix.paths.sum(axis=3)
    assert np.corrcoef(by_region[:, 0, 0], by_region[:, 0, 1])[0, 1] > 0.3


def test_what_the_baseline_leaves_equals_generalised_least_squares():
    """Projecting on the augmented basis is the same as weighting by the drift's variance."""
    draw = np.random.default_rng(2)
    fixed, drift = draw.normal(size=(30, 4)), draw.normal(size=(30, 12))
    basis = _orthonormal(fixed, drift)
    calm = np.linalg.inv(np.eye(30) + drift @ drift.T)
    told = calm @ fixed @ np.linalg.inv(fixed.T @ calm @ fixed) @ fixed.T @ calm
    np.testing.assert_allclose(np.eye(30) - basis @ basis.T, calm - told, atol=1e-9)


def test_bad_input_is_refused_with_the_way_out(known):
    panel, _, _ = known
    weeks = pd.date_range("2025-01-06", periods=60, freq="7D")
    sales = pd.DataFrame({"week": weeks, "region": "N", "amount": 100.0})
    spend = pd.DataFrame({"day": weeks, "region": "N", "channel": "TV", "spend": 5.0})
    with pytest.raises(
        ValueError, match=r"30 weeks with sales and spend.*52 are needed. Load"
    ):
        promotions.build_panel(sales, spend.head(30))
    with pytest.raises(ValueError, match="negative"):
        promotions.build_panel(sales, spend.assign(spend=-1.0))
    with pytest.raises(ValueError, match=r"captures is 'Radio'.*TV"):
        promotions.build_panel(sales, spend, captures=["Radio"])
    with pytest.raises(ValueError, match="name fewer in captures"):
        promotions.build_panel(sales, spend, captures=["TV"])
    with pytest.raises(ValueError, match=r"no column.*channel"):
        promotions.build_panel(sales, spend.drop(columns="channel"))
    with pytest.raises(ValueError, match="empty values in 'amount'"):
        promotions.build_panel(sales.assign(amount=np.nan), spend)
    with pytest.raises(ValueError, match="form is 'cubic'"):
        promotions.fit_mix(panel, forms=("cubic",))
    with pytest.raises(ValueError, match="at least 50"):
        promotions.fit_mix(panel, draws=5)
    test = promotions.LiftTest(
        channel="channel 1",
        start="1999-01-04",
        stop="1999-02-01",
        lift=1,
        low=0,
        high=2,
    )
    with pytest.raises(ValueError, match="meets no week of the panel"):
        promotions.fit_mix(panel, tests=(test,))
    with pytest.raises(ValueError, match="lower end must lie below"):
        promotions.fit_mix(panel, tests=(replace(test, low=3),))
    with pytest.raises(ValueError, match="channel of a lift test is 'TV'"):
        promotions.fit_mix(panel, tests=(replace(test, channel="TV"),))
    with pytest.raises(ValueError, match="is no experiment"):
        promotions.read_tests(["TV; yesterday"])


def test_the_callers_frames_are_kept_and_names_that_never_meet_become_one_region():
    weeks = pd.date_range("2025-01-06", periods=60, freq="7D")
    sales = pd.DataFrame({"week": weeks, "region": "N", "amount": 100.0})
    spend = pd.DataFrame(
        {"day": weeks, "region": "North", "channel": "TV", "spend": 5.0}
    )
    before = sales.copy(), spend.copy()
    panel = promotions.build_panel(sales, spend)
    assert panel.regions == ("all",)
    pd.testing.assert_frame_equal(sales, before[0])
    pd.testing.assert_frame_equal(spend, before[1])


def _plain(weeks=80, regions=("N",)):
    days = pd.date_range("2024-01-01", periods=weeks, freq="7D")
    sales = pd.concat(
        pd.DataFrame({"week": days, "region": r, "amount": 100.0 * (i + 1)})
        for i, r in enumerate(regions)
    )
    spend = pd.concat(
        pd.DataFrame({"day": days, "region": r, "channel": "Search", "spend": 5.0})
        for r in regions
    )
    return sales.reset_index(drop=True), spend


def test_weeks_without_any_sales_row_are_not_taken_for_zero_sales():
    """Their spend is carried on, their sales not judged: totals as with all weeks."""
    sales, spend = _plain()
    lost = sales["week"].iloc[[40, 41]]
    panel = promotions.build_panel(sales[~sales["week"].isin(lost)], spend)
    assert panel.gaps == (40, 41)
    assert len(panel.weeks) == 80
    with pytest.raises(ValueError, match="51 weeks with sales and spend"):
        promotions.build_panel(sales.drop(index=range(30, 59)), spend)
    whole, _ = example_panel(5, channels=2, noise=0.02)
    cut = whole.sales.copy()
    cut[:, 40:44] = 0
    told, taken, full = (
        promotions.fit_mix(p, sweeps=60)
        for p in (
            replace(whole, sales=cut, gaps=(40, 41, 42, 43)),
            replace(whole, sales=cut),
            whole,
        )
    )
    noise = [np.mean([d.noise.mean() for d in m.draws]) for m in (told, taken, full)]
    assert noise[0] == pytest.approx(noise[2], rel=0.15)
    assert noise[1] > 2 * noise[2]
    total = [m.paths.sum(axis=(2, 3)).mean(axis=0) for m in (told, full)]
    assert total[0] == pytest.approx(total[1], rel=0.15)


def test_a_first_or_last_week_of_which_only_a_part_is_delivered_is_cut():
    sales, spend = _plain()
    days = sales.assign(
        first_day=sales["week"], last_day=sales["week"] + pd.Timedelta(days=6)
    )
    assert len(promotions.build_panel(days, spend).weeks) == 80
    days.loc[0, "first_day"] += pd.Timedelta(days=2)
    days.loc[79, "last_day"] -= pd.Timedelta(days=4)
    days.loc[40, "last_day"] -= pd.Timedelta(days=4)
    panel = promotions.build_panel(days, spend)
    assert (panel.weeks[0], panel.weeks[-1]) == tuple(sales["week"].iloc[[1, 78]])
    closed = sales.assign(
        first_day=sales["week"], last_day=sales["week"] + pd.Timedelta(days=5)
    )
    assert len(promotions.build_panel(closed, spend).weeks) == 80, "no Sunday sales"
    assert not panel.gaps


@pytest.mark.parametrize("name", ["National", "All", None, "Elsewhere"])
def test_spend_for_the_whole_company_is_spread_over_the_regions_by_their_sales(name):
    sales, spend = _plain(regions=("N", "S"))
    wide = spend[spend["region"] == "N"].assign(region=name, channel="TV", spend=60.0)
    panel = promotions.build_panel(sales, pd.concat([spend, wide]))
    assert panel.channels == ("Search", "TV")
    assert panel.spread == ("TV",)
    assert panel.spend[1, :, 7] == pytest.approx([20, 40])
    assert panel.spend[0] == pytest.approx(np.full((2, 80), 5.0))
    alone = promotions.build_panel(sales, wide)
    assert (alone.regions, alone.spread) == (("all",), ())


def test_holidays_and_promotions_become_controls():
    weeks = pd.date_range("2025-01-06", periods=60, freq="7D")
    sales = pd.DataFrame({"week": weeks, "region": "N", "amount": 100.0})
    spend = pd.DataFrame({"day": weeks, "region": "N", "channel": "TV", "spend": 5.0})
    holidays = pd.DataFrame({"day": ["2025-12-25"], "name": ["Christmas"]})
    plan = pd.DataFrame(
        {
            "promotion": ["P1"],
            "region": ["N"],
            "starts": ["2025-03-05"],
            "ends": ["2025-03-18"],
        }
    )
    panel = promotions.company_panel(sales, spend, holidays, plan)
    promo = panel.controls[panel.names.index("P1"), 0]
    assert promo[8:11] == pytest.approx([5 / 7, 1, 2 / 7])
    assert {"Christmas before", "Christmas earlier", "Christmas after"} <= set(
        panel.names
    )


def test_a_short_panel_with_more_controls_than_weeks_is_fitted_with_wide_ranges():
    """A year, 27 holiday controls, 40 promotions, a channel that adds nothing."""
    draw, count = np.random.default_rng(0), 56
    weeks = pd.date_range("2025-01-06", periods=count, freq="7D")
    amount, spent = 1_000 + draw.normal(0, 50, count), draw.gamma(3, 10, count)
    sales = pd.DataFrame({"week": weeks, "region": "N", "amount": amount})
    spend = pd.DataFrame(
        {"week": weeks, "region": "N", "channel": "TV", "spend": spent}
    )
    days = pd.date_range("2025-01-20", periods=9, freq="38D")
    holidays = pd.DataFrame({"day": days, "name": [f"H{i}" for i in range(9)]})
    for promotions_run in (26, 40):
        plan = pd.DataFrame(
            {
                "promotion": [f"P{i}" for i in range(promotions_run)],
                "region": "N",
                "starts": [weeks[i + 5] for i in range(promotions_run)],
                "ends": [weeks[i + 6] for i in range(promotions_run)],
            }
        )
        panel = promotions.company_panel(sales, spend, holidays, plan)
        assert len(panel.names) > 0.9 * count
        share = (
            promotions.fit_mix(panel, sweeps=40).paths.sum(axis=(1, 2, 3))
            / amount.sum()
        )
        low, high = np.quantile(share, [0.05, 0.95])
        assert low < 0.01
        assert 0.03 < high < 0.6


def test_many_promotions_that_share_an_effect_leave_the_channels_theirs():
    """60 weeks, 70 promotions of about 10 %: of 24 companies 90 % of ranges hold."""
    held = []
    for seed in range(300, 305):
        panel, truth = example_panel(seed, weeks=60, channels=2, noise=0.04)
        draw = np.random.default_rng(seed)
        runs = np.zeros((70, 1, 60))
        for run, at in zip(runs, draw.integers(0, 58, 70), strict=True):
            run[0, at], run[0, at + 1] = draw.uniform(0.3, 1), draw.uniform(0, 0.7)
        more = np.einsum("c,crw->rw", draw.normal(0.1, 0.05, 70), runs)
        busy = replace(
            panel,
            sales=panel.sales + panel.sales.mean() * more,
            controls=np.concatenate([panel.controls, runs]),
            names=("event", *(f"P{i}" for i in range(70))),
        )
        totals = promotions.fit_mix(busy, sweeps=60).paths.sum(axis=(2, 3))
        low, high = np.quantile(totals, [0.05, 0.95], axis=0)
        true = truth.sum(axis=(1, 2))
        held.append((low <= true) & (true <= high))
    assert np.mean(held) >= 0.8


@pytest.mark.soak
def test_ranges_of_twenty_seeds_hold_in_85_to_95_percent():
    """Twenty generated companies, four channels each, all settings by default."""
    held = []
    for seed in range(100, 120):
        panel, truth = example_panel(seed, channels=4)
        totals, true = (
            promotions.fit_mix(panel).paths.sum(axis=(2, 3)),
            truth.sum(axis=(1, 2)),
        )
        low, high = np.quantile(totals, [0.05, 0.95], axis=0)
        held.append((low <= true) & (true <= high))
    assert 0.85 <= np.mean(held) <= 0.95
