"""Channel mix: curve, split, self-test, doubts and the page's words."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from opslib import promotions
from opslib.promotions import answer, charts, controls
from opslib.promotions.mix.curve import ResponseCurve
from opslib.promotions.mix.engine import lift_said
from opslib.promotions.mix.recovery import example_panel
from opslib.runs import parameters

DAY = dt.date(2026, 1, 5)


@pytest.fixture(scope="module")
def fitted():
    panel, _ = example_panel(5, channels=3, noise=0.02)
    mix = promotions.fit_mix(panel, sweeps=60, draws=120)
    return (
        mix,
        promotions.response_curve(mix),
        promotions.self_test(mix, worlds=2, sweeps=40, draws=80),
    )


@pytest.fixture
def hand():
    """Two channels whose effects are sqrt(x) and 2 sqrt(x), seen from 0 to 50."""
    levels = np.linspace(0, 100, 401)
    rise = np.stack([np.sqrt(levels), 2 * np.sqrt(levels)])[:, :, None] * np.array(
        [0.9, 1.1]
    )
    return ResponseCurve(
        channels=("a", "b"), now=np.array([20.0, 20.0]), seen=np.array([[0.0, 50.0], [0.0, 50.0]]),
        levels=np.array([levels, levels]), added=rise,
    )  # fmt: skip


def test_report_what_if_and_split_read_the_same_curve(fitted):
    mix, curve, tested = fitted
    last_year = mix.paths[:, :, :, -52:].sum(axis=2).mean(axis=2)
    for c in range(3):
        np.testing.assert_allclose(curve.at(c, curve.now[c]), last_year[:, c])
    returns = answer.channel_returns(mix, curve, tested)
    assert returns["added"].to_numpy() == pytest.approx(last_year.mean(axis=0))
    split = promotions.best_split(curve)
    gain = curve.total(split.spend) - curve.total(curve.now)
    np.testing.assert_allclose(split.gain, gain)
    what_if = controls.budget(curve, split, currency="GBP")
    parts = {s.name: s.value for s in what_if.sliders[1:]}
    table = what_if.compute(budget=float(curve.now.sum()), **parts).table.frame
    assert table["added"].to_numpy() == pytest.approx(returns["added"].to_numpy())
    assert table["next"].to_numpy() == pytest.approx(returns["next"].to_numpy())


def test_hand_worked_split_of_two_square_roots(hand):
    """Marginal returns are equal where b gets four times what a gets: 8 and 32 of 40."""
    split = promotions.best_split(hand)
    assert split.spend == pytest.approx([8, 32], abs=0.35)
    assert split.spend.sum() == pytest.approx(40)
    gain = np.sqrt(8) + 2 * np.sqrt(32) - 3 * np.sqrt(20)
    assert split.gain == pytest.approx(gain * np.array([0.9, 1.1]), rel=0.02)
    assert hand.next_euro(0, 25.0).mean() == pytest.approx(0.1, rel=0.01)


def test_the_split_is_no_worse_than_a_solvers(fitted):
    _, curve, _ = fitted
    split = promotions.best_split(curve)
    total = curve.now.sum()
    tried = []
    for start in np.random.default_rng(1).dirichlet(np.ones(3), 6):
        found = minimize(
            lambda x: -curve.total(np.maximum(x, 0)).mean(), start * total, method="SLSQP",
            bounds=list(map(tuple, curve.seen)), constraints={"type": "eq", "fun": lambda x: x.sum() - total},
        )  # fmt: skip
        tried.append(-found.fun if found.success else -np.inf)
    assert curve.total(split.spend).mean() >= 0.998 * max(tried)


def test_where_today_is_far_from_best_most_of_the_way_is_gained():
    """Nine tenths of the last year's money lie on a channel full long ago; truth planted."""
    draw, weeks, half, most = (
        np.random.default_rng(8),
        156,
        (30.0, 200.0),
        (1_000, 4_000),
    )
    part = np.where(np.arange(weeks) < 104, draw.uniform(0.2, 0.9, weeks), 0.9)
    part[:52] = np.repeat([0.2, 0.5, 0.3, 0.8], 13)
    budget = 200 * draw.gamma(6, 1 / 6, weeks)
    spend = np.stack([budget * part, budget * (1 - part)])

    def earned(split, weeks=slice(-52, None)):
        return sum(
            (m * x / (x + h)).mean()
            for m, h, x in zip(
                most, half, (spend[:, weeks].T / now * split).T, strict=True
            )
        )

    added = sum(m * x / (x + h) for m, h, x in zip(most, half, spend, strict=True))
    panel = promotions.Panel(
        weeks=pd.date_range("2023-01-02", periods=weeks, freq="7D"), regions=("all",), channels=("full", "starved"),
        sales=(10_000 + added + draw.normal(0, 200, weeks))[None], spend=spend[:, None], controls=np.zeros((0, 1, weeks)),
    )  # fmt: skip
    curve = promotions.response_curve(promotions.fit_mix(panel, sweeps=100))
    now = curve.now
    tried = [
        np.array([x, now.sum() - x])
        for x in np.linspace(*curve.seen[0], 200)
        if curve.seen[1, 0] <= now.sum() - x <= curve.seen[1, 1]
    ]
    best, today = max(map(earned, tried)), earned(now)
    assert today < 0.8 * best
    found = earned(promotions.best_split(curve).spend)
    assert (found - today) / (best - today) >= 0.9


def test_limits_are_honoured_and_what_was_never_seen_is_flagged(hand):
    told = promotions.read_limits(["b; ; 15", "a; 3; 45"])
    split = promotions.best_split(hand, limits=told)
    assert split.spend == pytest.approx([25, 15], abs=0.35)
    assert not split.beyond
    assert split.held == ("b",)
    shown = answer.split_table(split, hand, "GBP").frame["flag"]
    assert [x.en for x in shown] == ["seen before", "held by its limit"]
    assert promotions.best_split(hand).held == ()
    wide = promotions.best_split(hand, 90.0, explore=True)
    assert wide.beyond == ("b",)
    kept = promotions.best_split(hand, 120.0)
    assert kept.spend == pytest.approx([50, 50])
    assert kept.unspent == pytest.approx(20)
    assert hand.beyond([10, 60]) == ["b"]


def test_an_s_shaped_curve_does_not_trap_the_split():
    levels = np.linspace(0, 40, 161)
    late = np.where(levels < 18, 0.1 * levels, 60.0)
    curve = ResponseCurve(
        channels=("slow", "late"), now=np.array([10.0, 10.0]), seen=np.array([[0.0, 40.0]] * 2),
        levels=np.array([levels, levels]), added=np.stack([levels, late])[:, :, None],
    )  # fmt: skip
    assert promotions.best_split(curve).spend[1] == pytest.approx(18, abs=0.3)


def test_a_form_or_an_address_can_carry_experiments_and_limits():
    """There a semicolon divides the list, so parts are divided by bars."""
    known = parameters.read_lines("many: list = []  # several")
    given = "TV | 2026-01-05 | 2026-02-01 | 1 | 900 | 500 | 1300 | N, S; Mail|2026-01-05|2026-02-01|.5|9|5|13"
    first, second = promotions.read_tests(
        parameters.resolve(known, {"many": given})["many"]
    )
    assert (first.regions, first.high) == (("N", "S"), 1300)
    assert (second.channel, second.share, second.regions) == ("Mail", 0.5, ())
    assert promotions.read_tests([given.split(";")[1].replace("|", ";")]) == (second,)
    limits = parameters.resolve(known, {"many": "b | | 15; a | 3 | 45"})["many"]
    assert promotions.read_limits(limits) == {"b": (0, 15), "a": (3, 45)}


def test_bad_budgets_and_limits_are_refused(hand):
    with pytest.raises(ValueError, match="least spends add up to 40"):
        promotions.best_split(hand, 10.0, limits={"b": (40, 50)})
    with pytest.raises(ValueError, match="channel of a limit is 'tv'"):
        promotions.best_split(hand, limits={"tv": (0, 1)})
    with pytest.raises(ValueError, match="must lie between zero and the most"):
        promotions.best_split(hand, limits={"a": (5, 1)})
    with pytest.raises(ValueError, match="miss what was seen"):
        promotions.best_split(hand, limits={"a": (60, 70)})
    with pytest.raises(ValueError, match=r"is no limit .* channel \| least \| most"):
        promotions.read_limits(["a; 5"])
    with pytest.raises(ValueError, match="weekly budget is -1"):
        promotions.best_split(hand, -1.0)
    with pytest.raises(ValueError, match="weekly spend of a"):
        hand.at(0, -1.0)


def test_earlier_plans_are_scored_with_todays_curve(fitted):
    mix, curve, _ = fitted
    best = promotions.best_split(curve, explore=True)
    record = pd.DataFrame(
        {
            "run_day": "2025-10-06",
            "channel": curve.channels,
            "spend": [f"{x:.2f}" for x in best.spend],
        }
    )
    scored = promotions.score_plans(curve, mix.panel, record).set_index("plan")
    assert scored.loc["2025-10-06", "share"] == pytest.approx(1, abs=0.005)
    assert (scored["share"] <= 1.005).all()
    assert {"quarter", "before"} <= set(scored.index)
    assert (
        "proposal"
        in answer.plans_table(scored.reset_index(), "GBP")
        .frame["name"]
        .iloc[-1]
        .lower()
    )


def test_the_spread_over_searches_is_told_and_lies_within_the_range(fitted):
    mix, _, _ = fitted
    again = promotions.rerun(mix, seeds=1, sweeps=60)
    own = mix.paths.sum(axis=(2, 3)).mean(axis=0)
    assert again["total"].to_numpy() == pytest.approx(own)
    assert (again["least"] <= own + 1e-9).all()
    assert (again["most"] >= own - 1e-9).all()
    assert again["spread"].gt(0).all()
    assert (again["spread"] < again["width"]).all()
    assert set(answer.reruns_table(again, "GBP").headings) == set(again)
    with pytest.raises(ValueError, match="at least 1"):
        promotions.rerun(mix, seeds=0)


def test_self_test_finds_what_it_planted_and_beats_the_straight_line(fitted):
    _, _, tested = fitted
    told = promotions.verdicts(tested)
    assert tested["held"].mean() >= 0.6
    assert told["error"].mean() < told["line_error"].mean()


def test_a_lift_test_that_was_run_changes_the_verdict():
    """Spend that never moves cannot be told; a lift test of 10 % settles it."""
    draw, weeks = np.random.default_rng(1), 104
    spend = np.stack(
        [
            draw.gamma(3, 100 / 3, weeks) * (draw.random(weeks) < 0.6),
            100 + draw.normal(0, 3, weeks),
        ]
    )
    truth = np.array([[1_500], [2_000]]) * spend / (spend + 100)
    wave = 10_000 * (1 + 0.1 * np.sin(2 * np.pi * np.arange(weeks) / 52.18))
    panel = promotions.Panel(
        weeks=pd.date_range("2023-01-02", periods=weeks, freq="7D"), regions=("all",), channels=("A", "Flat"),
        sales=(wave + truth.sum(axis=0) + draw.normal(0, 300, weeks))[None], spend=spend[:, None], controls=np.zeros((0, 1, weeks)),
    )  # fmt: skip
    lift, first, last = truth[1, 40:52].sum(), panel.weeks[40], panel.weeks[51]
    test = promotions.LiftTest(
        channel="Flat", start=f"{first:%Y-%m-%d}", stop=f"{last:%Y-%m-%d}",
        lift=lift, low=0.9 * lift, high=1.1 * lift,
    )  # fmt: skip
    told = []
    for tests in ((), (test,)):
        mix = promotions.fit_mix(panel, tests=tests, sweeps=100)
        found = promotions.verdicts(promotions.self_test(mix, tests=tests))
        told.append(found.set_index("channel").loc["Flat"])
    assert [t["told"] for t in told] == [False, True]
    assert told[1]["error"] < 0.15


def test_data_that_cannot_answer_says_so_on_the_page():
    """Spend that hardly moves and drowns in noise."""
    panel, _ = example_panel(9, channels=2, noise=0.5)
    flat = np.ones_like(panel.spend) * panel.spend.mean(axis=2, keepdims=True)
    mix = promotions.fit_mix(replace(panel, spend=flat), sweeps=40, draws=80)
    curve, tested = (
        promotions.response_curve(mix),
        promotions.self_test(mix, worlds=3, sweeps=40, draws=80),
    )
    finding = answer.mix(
        mix,
        curve,
        promotions.best_split(curve),
        tested,
        margin=0.4,
        day=DAY,
        currency="GBP",
    )
    assert not promotions.verdicts(tested)["told"].all()
    assert "cannot tell" in finding.headline.en
    assert any(c.passed is False for c in finding.checks)


def test_the_page_names_owner_day_and_worth_and_speaks_chinese(fitted):
    mix, curve, tested = fitted
    split = promotions.best_split(curve)
    finding = answer.mix(mix, curve, split, tested, margin=0.4, day=DAY, currency="GBP")
    assert finding.quantity.low < finding.quantity.value < finding.quantity.high
    assert finding.headline.en != finding.headline.zh
    assert all(a.owner == "Marketing" and a.due > DAY for a in finding.actions)
    assert {p.target["channel"] for p in finding.predictions} == set(curve.channels)
    returns = answer.channel_returns(mix, curve, tested)
    spread = promotions.form_spread(mix)
    assert (spread["spread"] >= 1).all()
    shown = [
        answer.returns_table(returns, "GBP"), answer.next_table(returns, 0.4), answer.split_table(split, curve, "GBP"),
        answer.forms_table(spread, "GBP"), answer.recovery_table(tested), answer.experiments_table(promotions.next_test(mix, curve), "GBP"),
    ]  # fmt: skip
    for table in shown:
        assert set(table.headings) <= set(table.frame.columns), table.name
    drawn = [
        charts.added_by_channel(returns),
        charts.next_money(returns, 0.4),
        charts.response(curve),
        charts.week_by_week(mix),
        charts.recovered(tested),
    ]
    assert all(figure.data for figure in drawn)


def test_money_moves_only_where_the_verdict_says_told(fitted):
    """Every channel loses at this margin; where it cannot be told, a test is offered."""
    mix, curve, tested = fitted
    right = tested.assign(
        found=tested["truth"], low=0.9 * tested["truth"], high=1.1 * tested["truth"], held=True
    )  # fmt: skip
    first = right["channel"].eq(curve.channels[0])
    half = right.assign(found=right["truth"].where(~first, 3 * right["truth"]))
    none = right.assign(found=3 * right["truth"])

    def did(rows):
        split = promotions.best_split(curve)
        found = answer.mix(
            mix, curve, split, rows, margin=0.001, day=DAY, currency="GBP"
        )
        return [a.what.en for a in found.actions], found

    every, some, nothing = did(right), did(half), did(none)
    cuts = [[a for a in d[0] if a.startswith("Cut ")] for d in (every, some, nothing)]
    assert [len(c) for c in cuts] == [3, 2, 0]
    assert not any(curve.channels[0] in c for c in cuts[1])
    assert "every channel the last money" in every[1].headline.en
    assert "every channel the last money" not in some[1].headline.en
    assert f"moves money on {curve.channels[0]}" in some[1].headline.en
    assert any(a.startswith(f"Test {curve.channels[0]}") for a in some[0])
    assert all(a.startswith("Test ") for a in nothing[0])
    assert nothing[0]
    assert all(a.value is None for a in nothing[1].actions)


def test_the_page_says_what_was_done_to_regions_and_weeks(fitted):
    mix, curve, tested = fitted
    changed = replace(mix, panel=replace(mix.panel, spread=("TV",), gaps=(3, 4)))
    told = [
        [
            c.en
            for c in answer.mix(
                m, curve, promotions.best_split(curve), tested,
                margin=0.4, day=DAY, currency="GBP",
            ).caveats
        ]
        for m in (mix, changed)
    ]  # fmt: skip
    assert len(told[1]) == len(told[0]) + 2
    assert "Spend of TV" in told[1][-2]
    assert told[1][-1].startswith("2 weeks")


def test_the_what_if_flags_spend_that_was_never_seen(fitted):
    _, curve, _ = fitted
    what_if = controls.budget(curve, promotions.best_split(curve), currency="GBP")
    assert what_if.sliders[0].low == pytest.approx(curve.seen[:, 0].sum())
    parts = {s.name: 0.0 for s in what_if.sliders[1:]} | {what_if.sliders[1].name: 1.0}
    assert (
        "never seen"
        in what_if.compute(budget=float(curve.now.sum()), **parts).headline.en
    )
    nothing = dict.fromkeys(parts, 0.0)
    assert what_if.compute(budget=float(curve.now.sum()), **nothing).table is not None


def test_the_next_test_needs_more_weeks_where_noise_is_larger(fitted):
    mix, curve, _ = fitted
    loud = replace(mix, draws=tuple(replace(d, noise=4 * d.noise) for d in mix.draws))
    quiet, noisy = (
        promotions.next_test(m, curve).set_index("channel")["weeks"]
        for m in (mix, loud)
    )
    assert (noisy >= quiet).all()
    assert (noisy > quiet).any()
    with pytest.raises(ValueError, match="at least 1"):
        promotions.next_test(mix, curve, most_weeks=0)


def test_a_channel_booked_for_the_whole_company_is_tested_by_turns():
    panel, _ = example_panel(30, regions=4, channels=2, noise=0.03)
    mix = promotions.fit_mix(panel, sweeps=20, draws=60)
    wide = replace(mix, panel=replace(panel, spread=("channel 1",)))
    curve = promotions.response_curve(mix)
    apart, together = (
        promotions.next_test(m, curve).set_index("channel") for m in (mix, wide)
    )
    assert together.loc["channel 1", "regions"] == ", ".join(panel.regions)
    assert together.loc["channel 1", "loss"] > apart.loc["channel 1", "loss"]
    assert together.loc["channel 2"].equals(apart.loc["channel 2"])
    assert apart.loc["channel 1", "regions"].count(",") == 1


def test_disagreement_names_the_cause(fitted):
    mix, _, _ = fitted
    names = list(mix.panel.channels)
    told = pd.DataFrame(
        {
            "channel": [*names, "Mail"],
            "removal": [0.97, 0.01, 0.01, 0.01],
            "first": [0.1, 0.5, 0.3, 0.1],
            "last": [0.9, 0.0, 0.05, 0.05],
        }
    )
    rows = promotions.disagreements(mix, told).set_index("channel")
    assert rows.loc[names[0], "cause"] == "capture"
    assert rows.loc["Mail", "cause"] == "no spend"
    assert set(rows["cause"]) <= {
        "capture",
        "together",
        "forms",
        "views",
        "window",
        "no spend",
        "nothing",
        "",
    }
    bare = promotions.disagreements(mix, told.head(0))
    assert set(bare["cause"]) == {"nothing"}
    assert not bare["differs"].any()
    shown = [
        x.en
        for x in answer.doubts_table(bare.assign(tested=np.nan), "GBP").frame["why"]
    ]
    assert all("Nothing to compare" in x for x in shown)


def _experiment(mix, low, high, start="2024-01-01", stop="2024-02-01", **more):
    return promotions.LiftTest(
        channel=mix.panel.channels[1], start=start, stop=stop,
        lift=(low + high) / 2, low=low, high=high, **more,
    )  # fmt: skip


def test_an_experiment_that_does_not_meet_the_mix_is_a_disagreement(fitted):
    """Above, below and within; all experiments of a channel count, not only the last."""
    mix, name, none = fitted[0], fitted[0].panel.channels[1], pd.DataFrame()
    blank = _experiment(mix, 5, 15)
    low, high = np.quantile(lift_said(mix, blank), [0.05, 0.95])

    def row(*tests):
        found = promotions.disagreements(mix, none, tests).set_index("channel")
        assert (found["cause"].drop(name) == "nothing").all()
        return found.loc[name]

    over, under, near = (
        row(blank),
        row(_experiment(mix, 3 * high, 4 * high)),
        row(_experiment(mix, 0.9 * low, 1.1 * high)),
    )
    assert over["tested"] == 10
    assert over["differs"]
    assert over["cause"] in {"together", "forms", "credited"}
    assert under["differs"]
    assert under["cause"] in {"together", "forms", "unseen"}
    assert (near["differs"], near["cause"]) == (False, "")
    other = _experiment(mix, -1e9, 1e9, start="2024-04-01", stop="2024-04-29")
    assert row(_experiment(mix, 3 * high, 4 * high), other)["differs"]
    two = row(blank, _experiment(mix, 20, 30, start="2024-04-01", stop="2024-04-29"))
    assert two["tested"] == 35
    assert two["tested_high"] - two["tested"] == pytest.approx(5 * np.sqrt(2))
    assert two["said"] > over["said"]
    with pytest.raises(ValueError, match="meets no week"):
        row(_experiment(mix, 5, 15, start="1999-01-04", stop="1999-02-01"))
    both = promotions.disagreements(mix, none, (blank,)).reset_index()
    labels = [h.label.en for h in answer.doubts_table(both, "GBP").headings.values()]
    assert "Measured in its tests" in labels


def test_half_of_a_saturated_spend_is_said_to_add_less_than_half():
    """What half of the spend adds at the top of a known curve; path times share says twice."""
    draw, weeks = np.random.default_rng(0), 156
    spend = draw.gamma(3, 100 / 3, weeks) * (draw.random(weeks) < 0.6)
    added = 3_000 * spend / (spend + 20)
    panel = promotions.Panel(
        weeks=pd.date_range("2023-01-02", periods=weeks, freq="7D"), regions=("all",), channels=("TV",),
        sales=(10_000 + added + draw.normal(0, 150, weeks))[None], spend=spend[None, None], controls=np.zeros((0, 1, weeks)),
    )  # fmt: skip
    mix = promotions.fit_mix(panel, sweeps=80)
    part = slice(9, 19)
    test = promotions.LiftTest(
        channel="TV", start="2023-03-06", stop="2023-05-08", share=0.5, lift=1, low=0, high=2
    )  # fmt: skip
    true = (added - 3_000 * spend / (spend + 40))[part].sum()
    assert lift_said(mix, test).mean() == pytest.approx(true, rel=0.25)
    assert true < 0.3 * added[part].sum()
    whole = promotions.LiftTest(
        channel="TV", start="2023-01-02", stop="2025-12-22", lift=1, low=0, high=2
    )  # fmt: skip
    total = mix.paths.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(lift_said(mix, whole), total, rtol=1e-5)


def test_journeys_in_proportion_to_the_mix_agree_though_they_know_two_of_three(fitted):
    mix, names = fitted[0], list(fitted[0].panel.channels)
    total = mix.paths.sum(axis=(2, 3)).mean(axis=0)[1:]
    told = pd.DataFrame(
        {"channel": names[1:], "removal": 0.8 * total / total.sum(), "first": 0.5, "last": 0.5}
    )  # fmt: skip
    rows = promotions.disagreements(mix, told).set_index("channel")
    assert rows["cause"].tolist() == ["nothing", "", ""]
    assert not rows["differs"].any()
    assert rows["share"].sum() == pytest.approx(1)
    assert rows["journey"].sum() == pytest.approx(1)


def test_a_channel_of_even_spend_hides_no_pair_that_moves_together(fitted):
    mix, names = fitted[0], list(fitted[0].panel.channels)
    spend = mix.panel.spend.copy()
    spend[2], spend[1] = 3 * spend[0], spend[1].mean()
    even = replace(mix, panel=replace(mix.panel, spend=spend))
    told = pd.DataFrame(
        {"channel": names, "removal": [0.98, 0.01, 0.01], "first": 0.3, "last": 0.3}
    )
    rows = promotions.disagreements(even, told).set_index("channel")
    assert rows.loc[names[0], "cause"] == "together"
