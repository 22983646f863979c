"""A running campaign and drawn customers: planted breaks and responses are found."""

import numpy as np
import pandas as pd
import pytest

from opslib.promotions import campaigns
from opslib.promotions.campaigns import live as module

FIRST, DAYS = pd.Timestamp("2025-01-06"), 400
STARTS = FIRST + pd.Timedelta(days=365)


def _company(seed=1, keeps=1.0, complaints=1.0):
    """Two regions, one channel, a campaign of 28 days from day 365; breaks after 10 days."""
    draw = np.random.default_rng(seed)
    days = pd.date_range(FIRST, periods=DAYS)
    broken = days >= STARTS + pd.Timedelta(days=10)
    spend, sales = [], []
    for region in ("North", "South"):
        views = draw.poisson(5000, DAYS)
        rate = 0.03 * np.where(broken & (region == "North"), keeps, 1.0)
        clicks = draw.binomial(views, rate)
        spend.append(pd.DataFrame({
            "day": days, "region": region, "channel": "Social", "promotion": np.where(days >= STARTS, "OWN", None),
            "spend": 50.0, "impressions": views, "clicks": clicks, "conversions": draw.binomial(clicks, 0.1),
        }))  # fmt: skip
        for category in ("Tea", "Home"):
            units = draw.poisson(60 + 20 * (days.dayofweek >= 5))
            own = (days >= STARTS) & (category == "Tea")
            sales.append(pd.DataFrame({
                "day": days, "region": region, "category": category, "promotion": np.where(own, "OWN", None),
                "units": units.astype(float), "amount": 10.0 * units,
            }))  # fmt: skip
    opened = np.repeat(days, draw.poisson(np.where(broken, 3.0 * complaints, 3.0)))
    cases = pd.DataFrame({
        "case": [f"C{i}" for i in range(len(opened))], "promotion": np.where(opened >= STARTS, "OWN", None), "kind": "complaint",
        "reason": "price", "owner": "Service", "opened": opened, "answered": opened + pd.Timedelta(days=1),
        "resolved": opened + pd.Timedelta(days=3), "reopened": pd.NaT,
    })  # fmt: skip
    return (
        pd.concat(sales, ignore_index=True),
        pd.concat(spend, ignore_index=True),
        cases,
    )


PLAN = pd.DataFrame({
    "promotion": "OWN", "region": ["North", "South"], "category": "Tea", "starts": STARTS, "ends": STARTS + pd.Timedelta(days=27),
    "cost": 1400.0, "target_sales": 20_000.0, "target_clicks": 4200.0, "target_conversions": np.nan, "owner": "Marketing",
})  # fmt: skip
DAY = (STARTS + pd.Timedelta(days=20)).date()


def _alerts(budget=0.05, **change):
    sales, spend, cases = _company(**change)
    told = campaigns.follow(sales, PLAN, spend, campaign="OWN", day=DAY)
    return campaigns.alerts(sales, PLAN, spend, cases, live=told, budget=budget)


def test_sums_so_far_and_the_plan_are_those_of_the_campaign_only():
    sales, spend, _ = _company()
    told = campaigns.follow(sales, PLAN, spend, campaign="", day=DAY).plan.set_index(
        "measure"
    )
    own = sales[(sales["promotion"] == "OWN") & (sales["day"] <= pd.Timestamp(DAY))]
    assert told.loc["sales", "so_far"] == own["amount"].sum()
    assert told.loc["spend", "so_far"] == 21 * 2 * 50
    assert told.loc["spend", "due_by_now"] == pytest.approx(2800 * 21 / 28)
    assert np.isnan(told.loc["conversions", "target"])
    assert (
        told.loc["sales", "low"] < told.loc["sales", "end"] < told.loc["sales", "high"]
    )


def test_ends_fall_into_their_range_as_often_as_promised():
    """Two hundred campaigns of independent days, seen at two thirds; 90 % ranges."""
    draw, held = np.random.default_rng(4), 0
    for _ in range(200):
        values = draw.gamma(5, 20, 28)
        _, _, low, high = campaigns.project(values[:19], np.full(28, 1 / 28))
        held += low <= values.sum() <= high
    assert 0.84 <= held / 200 <= 0.97


def test_ranges_widen_to_what_earlier_campaigns_needed():
    sales, spend, _ = _company()
    told = campaigns.follow(sales, PLAN, spend, campaign="OWN", day=DAY)
    past = pd.DataFrame({"measure": "sales", "miss": [0.5, 1, 2, 3, 4, 4]})
    wide = campaigns.widened(told, past).plan.set_index("measure")
    before = told.plan.set_index("measure")
    assert wide.loc["sales", "high"] - wide.loc["sales", "end"] == pytest.approx(
        4 * (before.loc["sales", "high"] - before.loc["sales", "end"])
    )
    assert wide.loc["clicks", "high"] == before.loc["clicks", "high"]


def test_a_planted_break_is_found_where_and_when_it_came():
    raised = _alerts(keeps=0.6).raised
    assert set(raised["region"]) == {"North"}
    row = raised[raised["series"] == "click_rate"].iloc[0]
    assert abs((pd.Timestamp(row["since"]) - STARTS).days - 10) <= 2
    assert 0 <= (pd.Timestamp(row["seen"]) - STARTS).days - 10 <= 4
    assert row["change"] == pytest.approx(-0.4, abs=0.08)
    assert bool(row["still"])


def test_a_wave_of_complaints_is_found():
    raised = _alerts(complaints=3.0).raised
    assert "complaints" in set(raised["series"])
    assert raised.set_index("series").loc["complaints", "change"] > 1


@pytest.mark.slow
def test_false_alarms_keep_their_budget_on_quiet_companies():
    """Twenty quiet campaigns at a budget of 10 %: at most 5 (the 99 % bound) raise one."""
    assert sum(len(_alerts(seed=s, budget=0.1).raised) > 0 for s in range(20)) <= 5


def test_a_smaller_budget_raises_the_level():
    assert _alerts(budget=0.01).level > _alerts(budget=0.2).level


def test_rates_and_their_ranges():
    _, spend, _ = _company()
    told = campaigns.rates(spend, campaign="OWN").set_index("region")
    own = spend[(spend["promotion"] == "OWN") & (spend["region"] == "North")]
    assert told.loc["North", "click_rate"] == pytest.approx(
        own["clicks"].sum() / own["impressions"].sum()
    )
    assert (
        told.loc["North", "click_rate_low"]
        < 0.03
        < told.loc["North", "click_rate_high"]
    )
    assert told.loc["North", "order_cost"] == pytest.approx(
        own["spend"].sum() / own["conversions"].sum()
    )


def test_cases_are_open_or_late_by_the_days_allowed():
    opened = pd.Timestamp(DAY) - pd.to_timedelta([10, 1, 9, 6], unit="D")
    cases = pd.DataFrame({
        "case": list("abcd"), "promotion": "OWN", "kind": "inquiry", "reason": "late", "owner": "S", "opened": opened,
        "answered": [opened[0], pd.NaT, opened[2], opened[3]], "resolved": [pd.NaT, pd.NaT, opened[2], opened[3]],
        "reopened": [pd.NaT, pd.NaT, opened[2] + pd.Timedelta(days=1), pd.NaT],
    })  # fmt: skip
    told = campaigns.voices(cases, campaign="OWN", day=DAY).set_index("case")
    assert told["open"].to_dict() == {"a": True, "b": True, "c": True, "d": False}
    assert told["late"].to_dict() == {"a": True, "b": False, "c": True, "d": False}
    assert told["waits"].to_dict() == {"a": 10, "b": 1, "c": 9, "d": 0}


def test_a_company_without_spending_and_cases_is_followed_all_the_same():
    sales, spend, cases = _company()
    told = campaigns.follow(sales, PLAN, spend.head(0), campaign="OWN", day=DAY)
    assert told.plan["measure"].tolist() == ["sales"]
    raised = campaigns.alerts(sales, PLAN, spend.head(0), cases.head(0), live=told)
    assert raised.watched == 2
    waiting = campaigns.voices(cases.head(0), campaign="OWN", day=DAY)
    kept = campaigns.score_kept(
        pd.DataFrame(columns=["run_day", "due", "unit"]), sales, day=DAY
    )
    past = campaigns.past_ends(sales, PLAN, spend.head(0), told)
    finding = campaigns.answer.live(told, raised, past, waiting, kept, currency="GBP")
    assert "heading for" in finding.headline.en
    campaigns.answer.rates_table(campaigns.rates(spend.head(0), campaign="OWN"), "GBP")
    campaigns.controls.live(told, currency="GBP").compute(spend=1.0, rate=0.0)


def test_bad_requests_about_a_running_campaign_are_refused():
    sales, spend, cases = _company()
    with pytest.raises(ValueError, match="days of campaign 'OWN' found; at least 3"):
        campaigns.follow(sales, PLAN, spend, campaign="OWN", day=STARTS.date())
    with pytest.raises(ValueError, match="no campaign has started"):
        campaigns.running(PLAN, day=FIRST.date())
    with pytest.raises(ValueError, match="not among"):
        campaigns.running(PLAN, day=DAY, campaign="NONE")
    with pytest.raises(ValueError, match="budget is 0"):
        campaigns.alerts(
            sales,
            PLAN,
            spend,
            cases,
            live=campaigns.follow(sales, PLAN, spend, campaign="OWN", day=DAY),
            budget=0,
        )


def test_what_was_foretold_is_scored_when_it_is_due():
    sales, _, _ = _company()
    total = sales.loc[sales["promotion"] == "OWN", "amount"].sum()
    kept = pd.DataFrame(
        {
            "due": [pd.Timestamp(DAY)] * 2,
            "campaign": "OWN",
            "q0.05": [total - 1, 0.0],
            "q0.5": total,
            "q0.95": [total + 1, 1.0],
        }
    )
    assert campaigns.score_kept(kept, sales, day=DAY)["held"].tolist() == [True, False]


def _people(n=3000, seed=1, on_high=0.10, on_low=0.0):
    draw = np.random.default_rng(seed)
    people = pd.DataFrame(
        {
            "arm": draw.choice(["mail", "control"], n),
            "often": draw.integers(0, 10, n),
            "noise": draw.normal(size=n),
        }
    )
    lift = np.where(people["often"] >= 5, on_high, on_low) * (people["arm"] == "mail")
    return people.assign(bought=(draw.random(n) < 0.1 + lift).astype(float))


def test_the_effect_of_an_arm_holds_what_was_planted():
    held = 0
    for seed in range(60):
        row = campaigns.arm_effects(
            _people(seed=seed), control="control", outcomes=["bought"]
        ).iloc[0]
        held += row["low"] <= 0.05 <= row["high"]
    assert 48 <= held <= 59


@pytest.mark.slow
def test_the_rule_names_the_feature_that_was_planted_and_beats_chance():
    told = campaigns.responders(
        _people(12_000),
        arm="mail",
        control="control",
        outcome="bought",
        features=["often", "noise"],
    )
    assert (told.rule, told.highest) == ("often", True)
    assert told.best in ("rule", "model")
    half = told.gains[told.gains["share"] == 0.5].set_index("way")["gain"]
    assert half["rule"] > half["random"]
    assert half["rule"] == pytest.approx(0.05, abs=0.015)


@pytest.mark.slow
def test_where_all_respond_alike_no_order_is_recommended():
    told = [
        campaigns.responders(
            _people(4000, seed=s, on_low=0.10),
            arm="mail",
            control="control",
            outcome="bought",
            features=["often", "noise"],
        ).best
        for s in range(5)
    ]
    assert told.count("random") >= 3


def test_bad_arms_are_refused():
    with pytest.raises(ValueError, match="control is 'none'"):
        campaigns.arm_effects(_people(), control="none", outcomes=["bought"])
    with pytest.raises(ValueError, match="at least 200"):
        campaigns.responders(
            _people(100),
            arm="mail",
            control="control",
            outcome="bought",
            features=["often"],
        )
    with pytest.raises(ValueError, match="empty values"):
        campaigns.arm_effects(
            _people().assign(bought=np.nan), control="control", outcomes=["bought"]
        )


def test_the_level_of_an_alert_is_that_of_the_replayed_sums():
    quiet = np.random.default_rng(3).normal(size=(182, 4))
    fresh = np.random.default_rng(4).normal(size=(400, 28, 4))
    level = module._level(quiet, 28, 0.1)
    share = np.mean([(module._sums(f) > level).any() for f in fresh])
    assert 0.04 <= share <= 0.2


def _drawn(mail=0.10, control=0.10, n=3000, **change):
    """Return a drawn campaign of two arms judged; spending follows responses."""
    draw = np.random.default_rng(3)
    members = pd.DataFrame(
        {"promotion": "P", "customer": np.arange(n), "arm": draw.choice(["Mail", "control"], n), "day": FIRST}
    )  # fmt: skip
    bought = draw.random(n) < np.where(members["arm"] == "Mail", mail, control)
    members = members.assign(responded=bought, spend=bought * 20.0).assign(**change)
    past = pd.DataFrame(
        {"customer": np.arange(n), "day": FIRST - pd.Timedelta(days=30), "amount": draw.gamma(2, 10, n)}
    )  # fmt: skip
    return members, past


@pytest.mark.parametrize(
    ("mail", "wanted"),
    [(0.05, "Do not send Mail"), (0.10, "not shown to work"), (0.18, "Send Mail")],
)
def test_an_arm_is_sent_only_where_it_is_shown_to_work(mail, wanted):
    told = campaigns.judge_arms(*_drawn(mail=mail), day=DAY)
    actions = campaigns.answer._arm_actions(told, DAY)
    assert [wanted in a.what.en for a in actions] == [True]


def test_an_empty_response_counts_as_none_and_is_told():
    members, past = _drawn(mail=0.18)
    whole = campaigns.judge_arms(members, past, day=DAY)
    seen = members["responded"].astype(object).where(members["responded"], None)
    told = campaigns.judge_arms(members.assign(responded=seen), past, day=DAY)
    pd.testing.assert_frame_equal(told.effects, whole.effects)
    assert told.unnoted == (~members["responded"]).sum()
    assert "count as not having" in campaigns.answer._unnoted(told)[0].en
    spent = campaigns.judge_arms(members.assign(responded=None), past, day=DAY)
    assert set(spent.effects["outcome"]) == {"spend"}
    assert spent.who is None
    assert "spending alone" in campaigns.answer._unnoted(spent)[0].en
    none = members.assign(responded=None, spend=np.nan)
    assert campaigns.judge_arms(none, past, day=DAY).campaign == ""


NOTHING = pd.DataFrame(columns=["run_day", "due", "unit", "campaign", "held"])


def _page(sales, plan, spend, cases, day=DAY):
    """Return what the page says of the campaign on a day."""
    told = campaigns.follow(sales, plan, spend, campaign="OWN", day=day)
    raised = campaigns.alerts(sales, plan, spend, cases, live=told)
    past = campaigns.past_ends(sales, plan, spend, told)
    waiting = campaigns.voices(cases, campaign="OWN", day=day)
    return campaigns.answer.live(
        told, raised, past, waiting, NOTHING, currency="GBP", day=day
    )


def _check(finding, name):
    return next((c for c in finding.checks if c.name.en == name), None)


def test_a_region_that_starts_later_is_named_and_does_not_stop_the_page():
    sales, spend, _ = _company()
    plan = PLAN.assign(starts=[STARTS, STARTS + pd.Timedelta(days=7)])
    day = (STARTS + pd.Timedelta(days=5)).date()
    told = campaigns.follow(sales, plan, spend, campaign="OWN", day=day)
    found = campaigns.by_region(sales, plan, spend, told)
    late = found.groupby("region")["late"].first()
    assert late.to_dict() == {"North": False, "South": True}
    assert found.loc[found["late"], "end"].isna().all()
    labels = list(campaigns.charts.by_region(found).data[0].y)
    assert sum("too early" in str(x) for x in labels) == 3
    none = plan.assign(region=None)
    assert campaigns.by_region(sales, none, spend, told).empty


def test_cases_and_actions_count_from_today_after_the_end():
    sales, spend, cases = _company()
    today = (STARTS + pd.Timedelta(days=34)).date()
    waits = pd.DataFrame({
        "case": ["a", "b"], "promotion": "OWN", "kind": "complaint", "reason": "r", "owner": "S",
        "opened": [STARTS + pd.Timedelta(days=26), STARTS + pd.Timedelta(days=40)],
        "answered": pd.NaT, "resolved": pd.NaT, "reopened": pd.NaT,
    })  # fmt: skip
    told = campaigns.voices(waits, campaign="OWN", day=today)
    assert told[["waits", "late"]].to_numpy().tolist() == [[8, True]]
    finding = _page(sales, PLAN, spend, pd.concat([cases, waits]), day=today)
    assert finding.actions
    assert min(a.due for a in finding.actions) > today


def test_sales_without_the_code_are_those_of_the_places_in_the_plan():
    sales, spend, cases = _company()
    plain = sales.assign(promotion=None)
    coded, told = (_page(s, PLAN, spend, cases) for s in (sales, plain))
    assert told.quantity.value == pytest.approx(coded.quantity.value)
    assert _check(told, "Sales of the campaign").passed is None
    assert _check(coded, "Sales of the campaign") is None
    assert coded.predictions
    assert not told.predictions


def test_sales_that_cannot_be_told_from_others_are_left_out_and_said_so():
    sales, spend, cases = _company()
    plain, plan = sales.assign(promotion=None), PLAN.assign(region="", category="")
    told = _page(plain, plan, spend, cases)
    assert _check(told, "Sales of the campaign").passed is False
    assert "No sales line is marked with OWN" in told.headline.en
    assert told.quantity.unit == "clicks"
    assert not any("lower the target" in a.what.en for a in told.actions)
    live = campaigns.follow(plain, plan, spend, campaign="OWN", day=DAY)
    assert "sales" not in set(live.plan["measure"])
    assert "Clicks" in campaigns.charts.progress(live).layout.title.text
    campaigns.answer.plan_table(live, "GBP")
    with pytest.raises(ValueError, match="nothing of campaign 'OWN' can be followed"):
        campaigns.follow(plain, plan, spend.head(0), campaign="OWN", day=DAY)


def test_a_finished_campaign_without_a_target_says_so():
    sales, spend, cases = _company()
    day = (STARTS + pd.Timedelta(days=30)).date()
    told = _page(sales, PLAN.assign(target_sales=np.nan), spend, cases, day=day)
    assert "no target was delivered" in told.headline.en
    assert "unknown" not in told.headline.en


def test_without_orders_no_cost_of_an_order_is_made_up():
    sales, spend, _ = _company()
    told = campaigns.follow(
        sales, PLAN, spend.assign(conversions=0), campaign="OWN", day=DAY
    )
    what_if = campaigns.controls.live(told, currency="GBP")
    assert "no orders yet" in what_if.compute(spend=50.0, rate=0.0).headline.en


def test_what_gave_way_and_a_missed_target_are_failed_checks():
    sales, spend, cases = _company()
    calm = _page(sales, PLAN, spend, cases)
    assert _check(calm, "What gave way").passed
    assert _check(calm, "Own targets").passed is None
    assert "these will be: Sales" in _check(calm, "Own targets").sentence.en
    easy = _page(sales, PLAN.assign(target_sales=15_000.0), spend, cases)
    assert _check(easy, "Own targets").passed
    sales, spend, cases = _company(keeps=0.6)
    broken = _check(_page(sales, PLAN, spend, cases), "What gave way")
    assert broken.passed is False
    assert "Clicks per view in North" in broken.sentence.en
    dear = _check(_page(sales, PLAN.assign(cost=900.0), spend, cases), "Own targets")
    assert dear.passed is False
    assert "Cost £2,100 against £1,800" in dear.sentence.en


def test_rates_stand_beside_the_targets_that_follow_from_the_plan():
    _, spend, _ = _company()
    plan = PLAN.assign(target_conversions=[420.0, 210.0])
    told = campaigns.rates(spend, campaign="OWN", promotions=plan)
    told = told.set_index(["region", "channel"])
    assert told.index.tolist() == [
        ("", ""), ("North", ""), ("North", "Social"), ("South", ""), ("South", "Social"),
    ]  # fmt: skip
    assert told.loc[("", ""), "click_cost_target"] == pytest.approx(2800 / 8400)
    assert told.loc[("", ""), "order_cost_target"] == pytest.approx(2800 / 630)
    assert told.loc[("North", ""), "order_rate_target"] == pytest.approx(0.1)
    assert told.loc[("South", ""), "order_rate_target"] == pytest.approx(0.05)
    assert np.isnan(told.loc[("South", "Social"), "order_rate_target"])
    assert told.loc[("", ""), "clicks"] == told["clicks"].sum() / 3
    table = campaigns.answer.rates_table(told.reset_index(), "GBP")
    assert "order_cost_target" in table.headings
    assert str(table.frame["region"].iloc[0]) == "all"
