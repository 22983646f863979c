"""Simulator, market trend, options and the demonstration company's planted truth."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from opslib import demo, market
from opslib.demo import truth
from opslib.market import options, trend
from opslib.market.choosing import prices, simulate

DAY = dt.date(2026, 6, 28)


@pytest.fixture(scope="module")
def company():
    return demo.make(size=0.02, seed=7).tables


def _survey(tables):
    survey = market.collect(
        *(tables[f"survey_{n}"] for n in ("questions", "people", "answers"))
    )
    return survey, market.weigh(survey)


@pytest.fixture(scope="module")
def known(company):
    survey, sets = _survey(company)
    return simulate.tastes(
        company["choice_answers"], survey.people, sets, ours="Ours", own=False
    )


def _planted(tables):
    """Return which planted numbers the intervals hold: part-worths, best price, share change."""
    survey, sets = _survey(tables)
    found = simulate.tastes(
        tables["choice_answers"],
        survey.people,
        sets,
        ours="Ours",
        feature="Plain",
        own=False,
    )
    worth = {
        k: v for a in ("brand", "feature") for k, v in truth.PART_WORTHS[a].items()
    }
    base = {"brand": "Ours", "feature": "Plain"}
    true = np.array([
        truth.PART_WORTHS["price"] if n == "price" else worth[n.split(": ")[1]] - worth[base[n.split(": ")[0]]]
        for n in found.tasks.names
    ])  # fmt: skip
    error = np.sqrt(
        np.einsum(
            "r,rk->k", found.sets.scale, (found.again - found.again.mean(axis=0)) ** 2
        )
    )
    parts = np.abs(found.beta - true) <= 1.96 * error
    best = prices.price_study(survey, sets, pd.DataFrame(), cost=12.0).demand.best
    told = trend.market_trend(
        tables["market_sales"], tables["market_prices"], ours="Ours"
    )
    category, day, size = truth.SHARE_CHANGE
    mine = (
        told.changes[told.changes["seller"] == "Ours"]
        .set_index("category")
        .loc[category]
    )
    return {
        "part_worths": parts.mean(), "best_price": float(best.low <= 22 <= best.high),
        "change_size": float(mine["low"] <= size <= mine["high"]),
        "change_day": float(mine["first"] <= day <= mine["last"]), "change_found": float(mine["found"] < 0.05),
    }  # fmt: skip


@pytest.mark.slow
def test_the_demonstration_company_gives_its_truth_back():
    """Two companies in CI; fifty in the soak test below."""
    held = pd.DataFrame([_planted(demo.make(size=0.02, seed=s).tables) for s in (7, 8)])
    assert held[["change_day", "change_found"]].to_numpy().all()
    assert held["part_worths"].mean() >= 0.8


@pytest.mark.soak
def test_planted_truths_are_covered_at_their_rate_over_fifty_companies():
    held = pd.DataFrame(
        [_planted(demo.make(size=0.01, seed=s).tables) for s in range(50)]
    )
    assert held["part_worths"].mean() >= 0.90
    assert held["best_price"].mean() >= 0.86
    assert held["change_size"].mean() >= 0.86
    assert held["change_day"].mean() >= 0.90
    assert held["change_found"].mean() >= 0.95


def test_a_series_without_a_step_is_seldom_flagged_and_a_planted_one_is_dated():
    false, held, dated = 0, 0, 0
    for seed in range(50):
        noise = np.random.default_rng(seed).normal(0, 0.006, 36)
        false += trend.find_change(0.3 + noise).luck < 0.05
        found = trend.find_change(0.3 + noise - 0.02 * (np.arange(36) >= 26))
        held += found.size.low <= -0.02 <= found.size.high
        dated += found.first <= 26 <= found.last
    assert false <= 6
    assert held >= 44
    assert dated >= 46


@pytest.mark.parametrize(("lean", "most"), [(0.0, 0.05), (0.5, 0.05), (0.7, 0.05)])
def test_a_slow_swing_is_not_taken_for_a_step(lean, most):
    """Months that lean on the month before are flagged no oftener than one in twenty."""
    false, held = 0, 0
    for seed in range(300):
        e = np.random.default_rng(seed).normal(0, 1, 36)
        e[0] /= np.sqrt(1 - lean**2)
        for t in range(1, 36):
            e[t] += lean * e[t - 1]
        false += trend.find_change(e).luck < 0.05
        found = trend.find_change(e - 6 * (np.arange(36) >= 24)).size
        held += found.low <= -6 <= found.high
    assert false <= most * 300
    assert held >= 0.91 * 300


def test_the_split_of_our_sales_into_market_and_share_is_exact(company):
    told = trend.market_trend(
        company["market_sales"], company["market_prices"], ours="Ours"
    )
    steps = told.steps.set_index("name")["amount"]
    assert steps.drop("@after").sum() == pytest.approx(steps["@after"], rel=1e-9)
    assert told.size["amount"].isna().sum() == 12
    assert (told.size["low"] < told.size["fitted"]).all()


def test_the_planted_season_and_growth_of_a_market_come_back():
    month = pd.date_range("2023-01-01", periods=36, freq="MS")
    factor = np.where(month.month == 12, 1.5, 1.0)
    rng = np.random.default_rng(0)
    size = 1e6 * 1.08 ** (np.arange(36) / 12) * factor * np.exp(rng.normal(0, 0.02, 36))
    frame = pd.concat([
        pd.DataFrame({"month": month, "category": "c", "seller": s, "units": size * k, "amount": size * k})
        for s, k in (("Ours", 0.3), ("Alpha", 0.7))
    ])  # fmt: skip
    told = trend.market_trend(frame, pd.DataFrame(), ours="Ours")
    assert told.growth.low <= 0.08 <= told.growth.high
    december = told.season.set_index("month").loc[12]
    others = told.season.set_index("month").loc[6, "factor"]
    assert december["factor"] / others == pytest.approx(1.5, rel=0.05)
    assert told.now.value == pytest.approx(0.3)


def test_an_earlier_forecast_is_held_against_what_came(company):
    told = trend.market_trend(
        company["market_sales"], company["market_prices"], ours="Ours"
    )
    due = told.shares["month"].max().date() + dt.timedelta(days=27)
    kept = pd.DataFrame(
        {
            "run_day": [DAY] * 2,
            "due": [due] * 2,
            "q0.1": [0.0, 0.9],
            "q0.5": [0.3, 0.95],
            "q0.9": [0.6, 0.99],
        }
    )
    assert trend.foretold(kept, told)["held"].tolist() == [True, False]
    assert trend.foretold(pd.DataFrame(), told).empty


def test_shares_follow_the_planted_tastes_within_their_range(known):
    offers = pd.DataFrame(
        {
            "brand": ["Ours", "Alpha", "Beta"],
            "feature": "Plain",
            "price": [18.0, 18.0, 18.0],
        }
    )
    told = simulate.simulate(known, offers)
    worth = np.array([truth.PART_WORTHS["brand"][b] for b in offers["brand"]])
    true = np.exp(worth) / np.exp(worth).sum()
    for k in range(3):
        value, low, high = simulate.ends(told[:, k], known.sets)
        assert low - 0.02 <= true[k] <= high + 0.02, (k, value)
    assert told.sum(axis=1) == pytest.approx(np.ones(len(told)))


def test_todays_offers_are_brought_to_known_shares(known):
    offers = simulate.todays_offers(
        known, pd.DataFrame(), category="Tea", feature="Plain", price=18.0
    )
    assert offers["brand"].tolist()[0] == "Ours"
    lift = simulate.known_shares(known, offers, [0.5, 0.3, 0.2])
    assert simulate.simulate(known, offers, lift=lift)[0].round(4).tolist() == [
        0.5,
        0.3,
        0.2,
    ]


def test_the_best_offer_is_the_logits_own_optimum(known):
    """With common tastes the best price solves p - c = 1 / (b (1 - s)); tried on a fine grid."""
    offers = pd.DataFrame(
        {
            "brand": ["Ours", "Alpha", "Beta"],
            "feature": ["Plain", "Gift box", "Gift box"],
            "price": [18.0, 10.0, 10.0],
        }
    )
    plan = simulate.best_offer(
        known, offers, {"Plain": 8.0}, between=(10.0, 26.0), tries=161
    )
    best = plan.iloc[0]
    slope = -known.beta[known.tasks.names.index("price")]
    assert best["price"] - 8.0 == pytest.approx(
        1 / (slope * (1 - best["share"])), abs=0.3
    )
    assert (plan["gain_low"] <= plan["gain"]).all()


def test_a_dearer_price_drives_choices_to_the_others(known):
    offers = simulate.todays_offers(
        known, pd.DataFrame(), category="Tea", feature="Plain", price=18.0
    )
    told = simulate.switching(known, offers).set_index("brand")
    assert told.loc["Ours", "up"] < 0 < told.loc["Alpha", "up"]
    assert told["up"].sum() == pytest.approx(0, abs=1e-9)


def test_options_are_weighed_on_the_same_draws(company, known):
    steps = company["options"]
    found = options.plan(
        steps,
        known,
        company["market_prices"],
        company["market_sales"],
        ours="Ours",
        ahead=options.Ahead(day=DAY),
    )
    table = found.table.set_index("option")
    assert table.loc[
        found.stay, ["more", "more_low", "more_high", "worse"]
    ].tolist() == [0, 0, 0, 0]
    apart = (
        table.loc["Autumn promotion", "more_high"]
        - table.loc["Autumn promotion", "more_low"]
    )
    whole = (
        table.loc["Autumn promotion", "profit_high"]
        - table.loc["Autumn promotion", "profit_low"]
    )
    assert apart < whole / 2, "differences on the same draws hold less chance"
    first = found.months[found.months["month"] == "2026-07-01"].set_index("option")[
        "share"
    ]
    assert first.nunique() == 1, "before its first step an option is as staying"
    assert table["best"].sum() == pytest.approx(1)
    dearer = steps.assign(
        spend=steps["spend"] + 1e9 * (steps["option"] == "Organic tea")
    )
    ruined = options.plan(
        dearer,
        known,
        company["market_prices"],
        company["market_sales"],
        ours="Ours",
        ahead=options.Ahead(day=DAY),
    ).table
    assert ruined.iloc[-1]["option"] == "Organic tea"
    assert ruined.iloc[-1]["worse"] == 1.0


def test_the_others_may_follow_a_price_move_of_ours(company, known):
    """What is followed in part equals the simulator at those prices; staying is untouched."""
    tables = (
        company["options"],
        known,
        company["market_prices"],
        company["market_sales"],
    )
    found = {
        f: options.plan(*tables, ours="Ours", ahead=options.Ahead(day=DAY, follow=(f, f)))
        for f in (0.0, 0.3, 1.0)
    }  # fmt: skip
    shares = {f: c.table.set_index("option")["share"] for f, c in found.items()}
    assert shares[0.0]["Lower price"] > shares[0.3]["Lower price"]
    assert shares[0.3]["Lower price"] > shares[1.0]["Lower price"]
    assert shares[0.0]["Stay as now"] == pytest.approx(shares[1.0]["Stay as now"])
    offers = simulate.todays_offers(
        known, tables[2], category="Tea", feature="Plain", price=18.0
    )
    _, asked, unknown = options._market(tables[3], "Tea", offers)
    lift = simulate.known_shares(known, offers, asked)
    moved = offers.assign(price=offers["price"] * (1 + 0.3 * (15 / 18 - 1)))
    moved.loc[moved.index[0], "price"] = 15.0
    direct = simulate.simulate(known, moved, lift=lift)[1:, 0].mean() * (1 - unknown)
    months = found[0.3].months
    begun = months[
        (months["option"] == "Lower price") & (months["month"] == "2026-09-01")
    ]
    assert begun["share"].item() == pytest.approx(direct, abs=1e-3)
    wide = options.plan(
        *tables, ours="Ours", ahead=options.Ahead(day=DAY, follow=(0.0, 1.0))
    )
    row = wide.table.set_index("option").loc["Lower price"]
    sure = found[0.3].table.set_index("option").loc["Lower price"]
    assert row["more_high"] - row["more_low"] > sure["more_high"] - sure["more_low"]
    revenue, _ = options.followed(wide, 1.0)
    assert (revenue["Lower price"] < wide.revenue["Lower price"][0]).all()


def test_a_chosen_option_is_set_beside_what_came(company):
    steps = company["options"].assign(chosen=lambda f: f["option"] == "Lower price")
    kept = pd.DataFrame(
        {
            "option": ["Lower price", "Gift box"],
            "due": [dt.date(2026, 3, 31)] * 2,
            "q0.1": 0.2,
            "q0.5": 0.3,
            "q0.9": 0.4,
        }
    )
    told = options.happened(kept, steps, company["market_sales"], ours="Ours")
    assert told["option"].tolist() == ["Lower price"]
    assert told["held"].tolist() == [True]
    assert options.happened(
        kept, company["options"], company["market_sales"], ours="Ours"
    ).empty


def test_price_and_promotion_that_move_together_are_not_told_apart(company):
    weeks = prices.sales_weeks(
        _weekly(company), company["products"], company["market_prices"]
    )
    found = prices.elasticity(weeks)
    assert not found.apart
    lift, discount = np.mean(list(truth.LIFTS.values())), 0.125
    assert found.own.low <= -np.log(1 + lift) / -np.log(1 - discount) <= found.own.high
    assert found.rival.low <= 0 <= found.rival.high, (
        "the others' prices are planted without effect"
    )


def _weekly(company):
    lines = company["sales_lines"]
    day = pd.to_datetime(lines["day"])
    promoted = lines["quantity"].where(lines["promotion"].notna(), 0)
    frame = lines.assign(
        week=day - pd.to_timedelta(day.dt.dayofweek, unit="D"), promoted_units=promoted
    )
    return frame.groupby(["item", "week"], as_index=False).agg(
        units=("quantity", "sum"),
        amount=("amount", "sum"),
        promoted_units=("promoted_units", "sum"),
    )


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda c, k: trend.find_change([0.3] * 12), "18 are needed"),
        (lambda c, k: trend.market_trend(c["market_sales"], c["market_prices"], ours="Us"), "ours"),
        (lambda c, k: simulate.feature_costs(["Plain"]), "does not end in a cost"),
        (lambda c, k: simulate.todays_offers(k, pd.DataFrame(), category="", feature="Gold", price=1.0), "feature"),
        (lambda c, k: simulate.known_shares(k, pd.DataFrame({"brand": ["Ours"]}), [0.5]), "sum of the known shares"),
        (
            lambda c, k: options.plan(
                c["options"].assign(kind="price"), k, c["market_prices"], c["market_sales"], ours="Ours", ahead=options.Ahead(day=DAY)
            ),
            "changes nothing",
        ),
        (
            lambda c, k: options.plan(
                c["options"], k, c["market_prices"], c["market_sales"].replace({"seller": {"Alpha": "A."}}), ours="Ours", ahead=options.Ahead(day=DAY)
            ),
            "has no sales",
        ),
        (
            lambda c, k: options.plan(
                c["options"], k, c["market_prices"], c["market_sales"], ours="Ours", ahead=options.Ahead(day=DAY, follow=(0.0, 2.0))
            ),
            "most that the others follow",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_way_out(company, known, work, said):
    with pytest.raises(ValueError, match=said):
        work(company, known)
