"""Campaign lift: finds planted lifts, keeps its promises on quiet data, refuses bad input."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from opslib.promotions import campaigns
from opslib.promotions.campaigns.design import SEEN, _worth
from opslib.promotions.campaigns.placebo import half_width

REGIONS = ("North", "South", "East", "West", "Coast", "Hills")
CATEGORIES = ("Tea", "Snacks", "Home")
FIRST = pd.Timestamp("2024-01-01")


def _sales(weeks=80, lift=0.0, seed=100, noise=0.05):
    """Daily sales of 18 units; Tea in North and South sells more in the last four weeks."""
    draw = np.random.default_rng(seed)
    season = 1 + 0.2 * np.sin(np.arange(weeks) / 6)
    rows = []
    for c in CATEGORIES:
        drift = np.exp(np.cumsum(draw.normal(0, 0.01, weeks)))
        for r in REGIONS:
            level = (
                100
                * season
                * drift
                * np.exp(draw.normal(0, noise, weeks))
                * draw.uniform(0.5, 2)
            )
            if c == "Tea" and r in ("North", "South"):
                level[-4:] *= 1 + lift
            days = FIRST + pd.to_timedelta(np.arange(weeks) * 7, unit="D")
            rows.append(
                pd.DataFrame(
                    {
                        "day": days,
                        "region": r,
                        "category": c,
                        "units": level,
                        "amount": 10 * level,
                    }
                )
            )
    sold = pd.concat(rows)
    sold.loc[sold["day"] >= FIRST + pd.Timedelta(weeks=weeks - 4), "amount"] *= 0.9
    last = pd.DataFrame(
        {
            "day": [FIRST + pd.Timedelta(days=weeks * 7 - 1)],
            "region": "North",
            "category": "Tea",
            "units": 0.0,
            "amount": 0.0,
        }
    )
    return pd.concat([sold, last], ignore_index=True)


def _plan(weeks=80):
    starts = FIRST + pd.Timedelta(weeks=weeks - 4)
    return pd.DataFrame({
        "promotion": "OWN", "region": ["North", "South"], "category": "Tea", "starts": starts,
        "ends": starts + pd.Timedelta(days=27), "cost": 100.0,
    })  # fmt: skip


DAY = (FIRST + pd.Timedelta(days=80 * 7 - 1)).date()


@pytest.fixture(scope="module")
def judged():
    return campaigns.judge_campaign(_sales(lift=0.3), _plan(), campaign="OWN", day=DAY)


def test_the_planted_lift_lies_in_the_range_and_is_seen(judged):
    assert judged.lift.low <= 0.3 <= judged.lift.high
    assert judged.lift.low > 0
    assert judged.lift.total_low <= judged.lift.total <= judged.lift.total_high


def _quiet_lifts(seeds):
    """Return what the page says of companies whose campaign added nothing."""
    return [
        campaigns.judge_campaign(_sales(seed=s), _plan(), campaign="OWN", day=DAY).lift
        for s in seeds
    ]


@pytest.mark.soak
def test_lifts_are_claimed_where_none_was_as_seldom_as_promised():
    """Two hundred companies without a lift, each with its own choice of the method.

    Promised: 5 % claim a lift, 90 % of ranges hold zero. Reached: 3.5 and 92.5 %; over
    400 companies (these and 200 more) 4.8 and 91.2 %. The 12 % once seen in sixty of
    them were mostly those sixty: the same way claimed 6.0 % over the 400. Making the
    intervals follow the spread only as far as placebos show it brought 4.8.
    """
    found = _quiet_lifts(range(100, 300))
    assert np.mean([f.low > 0 for f in found]) <= 0.07
    assert np.mean([f.low <= 0 <= f.high for f in found]) >= 0.87


@pytest.mark.slow
def test_lifts_are_seldom_claimed_in_a_few_companies_without_one():
    """The same over twelve; four claims or more come by chance in .2 % of such sets."""
    found = _quiet_lifts(range(300, 312))
    assert sum(f.low > 0 for f in found) <= 3
    assert sum(f.low <= 0 <= f.high for f in found) >= 8


def test_intervals_follow_the_spread_only_where_errors_do():
    draw = np.random.default_rng(4)
    spreads = np.exp(draw.normal(-3, 0.5, 400))
    alike = draw.normal(0, 0.05, 400)
    follow = draw.normal(0, spreads)
    own = np.quantile(spreads, [0.1, 0.9])
    flat, steep = (half_width(e, spreads, own, 0.9) for e in (alike, follow))
    assert flat == pytest.approx([0.05 * 1.645] * 2, rel=0.2)
    assert steep == pytest.approx(1.645 * own, rel=0.2)


def test_places_and_methods_tell_the_same_story(judged):
    assert list(judged.methods["method"]) == list(campaigns.PAGE_METHODS)
    assert judged.methods["taken"].sum() == 1
    assert judged.places["units"].sum() == pytest.approx(judged.lift.total, rel=0.2)
    assert judged.stressed.card["placebos"].min() >= 20


def test_money_counts_the_discount_given_to_all(judged):
    told = campaigns.worth(judged, margin=0.5)
    units, lift = judged.money["units"], judged.lift.effect.relative
    usual = judged.money["usual"]
    assert usual == pytest.approx(10, rel=1e-6)
    assert told.sales == pytest.approx(units * 9 - units / (1 + lift) * 10)
    assert told.gain == pytest.approx(units * (9 - 5) - units / (1 + lift) * 5 - 200)
    assert told.break_even == pytest.approx(units * 5 / (units * 4 - 200) - 1)
    at_even = _worth(
        actual=units, paid=units * 9, usual=10, margin=0.5, lift=told.break_even
    )
    assert at_even[1] == pytest.approx(200)


@pytest.mark.slow
def test_the_same_data_give_the_same_answer(judged):
    again = campaigns.judge_campaign(_sales(lift=0.3), _plan(), campaign="OWN", day=DAY)
    assert (again.lift.low, again.lift.high) == (judged.lift.low, judged.lift.high)


def test_the_callers_frames_are_not_changed():
    sales, plan = _sales(lift=0.3), _plan()
    before = sales.copy(), plan.copy()
    found = campaigns.judge_campaign(sales, plan, campaign="", day=DAY)
    campaigns.design(sales, plan, found, day=DAY)
    campaigns.all_campaigns(sales, plan, found, day=DAY, margin=0.4)
    pd.testing.assert_frame_equal(sales, before[0])
    pd.testing.assert_frame_equal(plan, before[1])


def test_larger_and_longer_tests_see_smaller_lifts(judged):
    tests = campaigns.design(_sales(lift=0.3), _plan(), judged, day=DAY)
    by = tests.groupby("weeks")["smallest"]
    assert (by.last() < by.first()).mean() >= 0.75
    assert tests["share"].between(0, 1).all()
    assert campaigns.chance_seen(0.05, float(np.expm1(SEEN * 0.05))) == pytest.approx(
        0.8, abs=0.01
    )


def test_where_no_plausible_lift_could_be_seen_the_page_says_do_not_run(judged):
    sales, plan = _sales(lift=0.3), _plan()
    none = pd.DataFrame(
        columns=["promotion", "customer", "arm", "day", "responded", "spend"]
    )
    told = campaigns.answer.lift(
        judged, campaigns.worth(judged, margin=0.4), campaigns.design(sales, plan, judged, day=DAY),
        campaigns.all_campaigns(sales, plan, judged, day=DAY, margin=0.4), campaigns.judge_arms(none, pd.DataFrame(), day=DAY),
        day=DAY, currency="GBP", plausible=0.02,
    )  # fmt: skip
    assert "cannot answer" in told.headline.en
    assert any("Do not run a test" in a.what.en for a in told.actions)
    assert told.headline.zh != told.headline.en
    assert not next(
        c for c in told.checks if c.name.en == "Lifts that can be seen"
    ).passed


def test_exact_weights_of_a_mix_are_found():
    draw = np.random.default_rng(5)
    mix = draw.normal(10, 2, (30, 5))
    wanted = np.array([0.5, 0.3, 0.2, 0, 0])
    assert campaigns.simplex_weights(mix @ wanted, mix) == pytest.approx(
        wanted, abs=1e-6
    )


@pytest.mark.parametrize("method", campaigns.METHODS)
def test_every_method_finds_the_lift_of_a_series_that_follows_the_others(method):
    draw = np.random.default_rng(2)
    common = np.cumsum(draw.normal(0, 1, 60)) + 100
    wide = pd.DataFrame({f"u{i}": common + draw.normal(0, 0.3, 60) for i in range(8)})
    wide.loc[50:, "u0"] += 5
    found = campaigns.estimate(
        campaigns.make_panel(wide, treated=["u0"], start=50), method
    )
    assert found.effect == pytest.approx(5, abs=0.5)


def test_structural_ranges_hold_what_was_planted():
    """Forty series of a regression, noise and a slowly moving level; 90 % ranges."""
    held = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        x = 50 + np.cumsum(draw.normal(0, 1, 100))
        y = 1.2 * x + np.cumsum(draw.normal(0, 0.05, 100)) + draw.normal(0, 1.5, 100)
        told = campaigns.foretell(y[:70], x[:, None])
        held += told.low <= y[70:].mean() <= told.high
    assert 32 <= held <= 40


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"campaign": "NONE"}, "not among"),
        ({"campaign": "OWN", "pre_weeks": 3}, "at least 8"),
        (
            {"campaign": "OWN", "day": (FIRST + pd.Timedelta(weeks=76, days=3)).date()},
            "no whole week",
        ),
    ],
)
def test_bad_requests_are_refused_with_the_way_out(change, message):
    asked = {"campaign": "OWN", "day": DAY} | change
    with pytest.raises(ValueError, match=message):
        campaigns.judge_campaign(_sales(), _plan(), **asked)


def test_too_short_a_history_is_refused():
    sales = _sales()
    with pytest.raises(
        ValueError, match=r"4 weeks of sales before it starts .* at least 8"
    ):
        campaigns.campaign_panel(
            sales[sales["day"] >= FIRST + pd.Timedelta(weeks=72)],
            _plan(),
            campaign="OWN",
        )
    with pytest.raises(ValueError, match="without a campaign"):
        campaigns.judge_campaign(
            sales[sales["day"] >= FIRST + pd.Timedelta(weeks=66)],
            _plan(),
            campaign="OWN",
            day=DAY,
            pre_weeks=10,
        )


def test_bad_panels_are_refused():
    wide = pd.DataFrame({"a": [1.0, 2, 3], "b": [1.0, 2, 3]})
    with pytest.raises(ValueError, match="are not in the panel"):
        campaigns.make_panel(wide, treated=["z"], start=2)
    with pytest.raises(ValueError, match="none is left to compare"):
        campaigns.make_panel(wide, treated=["a", "b"], start=2)
    with pytest.raises(ValueError, match="two rows before"):
        campaigns.make_panel(wide, treated=["a"], start=1)
    with pytest.raises(ValueError, match="empty values"):
        campaigns.make_panel(wide.mask(wide > 2), treated=["a"], start=2)
    with pytest.raises(ValueError, match="must be one of"):
        campaigns.estimate(campaigns.make_panel(wide, treated=["a"], start=2), "magic")
    with pytest.raises(ValueError, match="series that moves"):
        campaigns.foretell(np.ones(10), np.ones((12, 1)))


def test_a_campaign_without_a_day_asked_is_the_newest_that_is_over():
    plan = pd.concat(
        [
            _plan(),
            _plan().assign(
                promotion="NEXT",
                starts=FIRST + pd.Timedelta(weeks=78),
                ends=FIRST + pd.Timedelta(weeks=90),
            ),
        ]
    )
    assert campaigns.newest(plan, day=DAY) == "OWN"
    with pytest.raises(ValueError, match="no campaign had run"):
        campaigns.newest(plan, day=dt.date(2020, 1, 1))


def _daily(sales):
    """Return weekly rows spread evenly over their seven days."""
    rows = sales[sales["units"] > 0]
    return pd.concat(
        [
            rows.assign(
                day=rows["day"] + pd.Timedelta(days=i),
                units=rows["units"] / 7,
                amount=rows["amount"] / 7,
            )
            for i in range(7)
        ],
        ignore_index=True,
    )


def _told(judged, sales, plan):
    """Return the finding on a campaign, without tests and drawn customers."""
    none = pd.DataFrame(
        columns=["promotion", "customer", "arm", "day", "responded", "spend"]
    )
    return campaigns.answer.lift(
        judged, campaigns.worth(judged, margin=0.5), pd.DataFrame(columns=["smallest", "share", "weeks", "names"]),
        campaigns.all_campaigns(sales, plan, judged, day=DAY, margin=0.5), campaigns.judge_arms(none, pd.DataFrame(), day=DAY),
        day=DAY, currency="GBP", plausible=0.2,
    )  # fmt: skip


def _check(finding, name):
    return next(c for c in finding.checks if c.name.en == name)


def test_weeks_with_another_campaign_before_do_not_count_as_usual():
    """A true lift of nothing was read as -14.8 % after eight weeks of OTHER (+60 %)."""
    sales, plan = _sales(seed=120), _plan()
    first = plan["starts"].iloc[0]
    begun, ended = first - pd.Timedelta(weeks=10), first - pd.Timedelta(weeks=2)
    hit = (
        (sales["category"] == "Tea")
        & sales["region"].isin(["North", "South"])
        & (sales["day"] >= begun)
        & (sales["day"] < ended)
    )
    sales.loc[hit, ["units", "amount"]] *= 1.6
    both = pd.concat(
        [
            plan,
            plan.assign(
                promotion="OTHER", starts=begun, ends=ended - pd.Timedelta(days=1)
            ),
        ]
    )
    judged = campaigns.judge_campaign(sales, both, campaign="OWN", day=DAY)
    assert judged.panel.masked == 8
    assert judged.panel.treated == ("Tea, North", "Tea, South")
    assert abs(judged.lift.effect.relative) < 0.06
    assert judged.lift.low < 0 < judged.lift.high
    check = _check(_told(judged, sales, both), "Alone in its places and weeks")
    assert check.passed
    assert "left out: 8" in check.sentence.en
    with pytest.raises(ValueError, match="4 weeks before it without another"):
        campaigns.judge_campaign(sales, both, campaign="OWN", day=DAY, pre_weeks=12)


def test_two_campaigns_at_once_are_not_credited_twice():
    sales, plan = _sales(lift=0.3), _plan()
    both = pd.concat([plan, plan.assign(promotion="OTHER")])
    judged = campaigns.judge_campaign(sales, both, campaign="OWN", day=DAY)
    finding = _told(judged, sales, both)
    check = _check(finding, "Alone in its places and weeks")
    assert check.passed is False
    assert "cannot be separated from OTHER" in check.sentence.en
    assert "cannot be separated from OTHER" in finding.headline.en
    assert "gain" not in finding.facts
    assert not any(a.value for a in finding.actions)
    every = campaigns.all_campaigns(sales, both, judged, day=DAY, margin=0.5)
    assert every["gain"].isna().all()
    tests = campaigns.design(sales, both, judged, day=DAY)
    told = campaigns.controls.lift(judged, tests, margin=0.5, currency="GBP")
    assert "OTHER ran along" in told.compute(**told.cases[0]).headline.en


def test_a_place_with_another_campaign_at_the_same_time_is_not_judged():
    sales, plan = _sales(lift=0.3), _plan()
    south = plan[plan["region"] == "South"].assign(promotion="OTHER")
    both = pd.concat([plan, south])
    judged = campaigns.judge_campaign(sales, both, campaign="OWN", day=DAY)
    assert judged.panel.treated == ("Tea, North",)
    assert "Tea, South" not in judged.panel.frame
    assert judged.money["cost"] == 100
    check = _check(_told(judged, sales, both), "Alone in its places and weeks")
    assert check.passed is None
    assert "Tea, South" in check.sentence.en


@pytest.mark.parametrize(("days", "share"), [(28, 1.0), (13, 7 / 13), (20, 14 / 20)])
def test_cost_counts_for_the_days_that_are_judged(days, share):
    sales = _daily(_sales(lift=0.5))
    plan = _plan()
    plan = plan.assign(
        ends=plan["starts"] + pd.Timedelta(days=days - 1), cost=[3000.0, np.nan]
    )
    judged = campaigns.judge_campaign(sales, plan, campaign="OWN", day=DAY)
    assert campaigns.worth(judged, margin=0.5).cost == pytest.approx(3000 * share)
    finding = _told(judged, sales, plan)
    named = f"{judged.days} of {days} days" in finding.quantity.name.en
    assert named == (share < 1) == any("Judged are" in c.en for c in finding.caveats)


def test_a_weekend_sale_is_passed_over_and_refused_with_the_way_out():
    plan = _plan()
    short = plan.assign(
        promotion="WEEKEND",
        starts=plan["starts"] + pd.Timedelta(days=8),
        ends=plan["starts"] + pd.Timedelta(days=10),
    )
    both = pd.concat([plan, short])
    assert campaigns.newest(both, day=DAY) == "OWN"
    with pytest.raises(ValueError, match=r"too short for whole weeks.*live campaign"):
        campaigns.judge_campaign(_sales(), both, campaign="WEEKEND", day=DAY)
    with pytest.raises(ValueError, match="no campaign had run for a week"):
        campaigns.newest(short, day=DAY)


@pytest.mark.slow
def test_every_campaign_is_judged_as_on_its_own_page():
    """A week in one place beside four weeks in five: each by the card of its own shape."""
    sales, first = _daily(_sales(seed=120)), _plan()["starts"].iloc[0]
    big = pd.DataFrame({
        "promotion": "BIG", "region": list(REGIONS[:5]), "category": "Tea", "starts": first - pd.Timedelta(weeks=4),
        "ends": pd.Timestamp(DAY), "cost": 0.0,
    })  # fmt: skip
    small = pd.DataFrame({
        "promotion": "SMALL", "region": ["East"], "category": ["Snacks"], "starts": [first],
        "ends": [first + pd.Timedelta(days=6)], "cost": [0.0],
    })  # fmt: skip
    both = pd.concat([big, small], ignore_index=True)
    pages = {
        c: campaigns.judge_campaign(sales, both, campaign=c, day=DAY)
        for c in ("BIG", "SMALL")
    }
    for page in pages.values():
        told = campaigns.all_campaigns(sales, both, page, day=DAY, margin=0.5)
        for row in told.itertuples():
            lift = pages[row.campaign].lift
            assert (row.low, row.high) == (lift.low, lift.high)


def test_a_campaign_counts_as_paid_only_by_its_whole_range(judged):
    every = pd.DataFrame({
        "campaign": list("ABCD"), "starts": FIRST, "relative": 0.1, "low": 0.0, "high": 0.2, "sales": 1.0,
        "gain": [5.0, 5.0, -5.0, np.nan], "gain_low": [1.0, -1.0, -9.0, np.nan], "gain_high": [9.0, 9.0, -1.0, np.nan],
        "together": ["", "", "", "E"],
    })  # fmt: skip
    state = campaigns.answer.campaigns_table(every, "GBP").frame["state"]
    assert [s.en for s in state] == ["paid", "undecided", "did not pay", "not apart from E"]  # fmt: skip
    row = judged.stressed.card.set_index("method").loc[judged.stressed.taken]
    told = campaigns.answer._lift_checks(judged, row, every, 0.2)[-1].sentence.en
    assert "1 earned" in told
    assert "1 did not; undecided: B and D." in told
