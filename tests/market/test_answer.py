"""Pages: what is said in both languages, and what the tables hold."""

import ast
import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from babel.messages import pofile

from opslib import demo, market, words
from opslib.market import answer, charts, controls, options, trend
from opslib.market.choosing import prices, simulate

DAY = dt.date(2026, 6, 28)
HOME = Path(answer.__file__).parent


@pytest.fixture(scope="module")
def told():
    tables = demo.make(size=0.02, seed=7).tables
    survey = market.collect(
        *(tables[f"survey_{n}"] for n in ("questions", "people", "answers"))
    )
    sets = market.weigh(
        survey, known=market.sizes(tables["customers"], "region"), draws=60
    )
    return tables, survey, sets


@pytest.fixture(scope="module")
def study(told):
    return market.study(
        told[1], told[2], group_by=["age_group"], sides=["quality", "service", "value"]
    )


@pytest.fixture(scope="module")
def known(told):
    return simulate.tastes(
        told[0]["choice_answers"], told[1].people, told[2], ours="Ours", own=False
    )


def _both(finding):
    for text in (
        finding.headline,
        *(a.what for a in finding.actions),
        *(c.sentence for c in finding.checks),
    ):
        assert "{" not in text.en + text.zh
        assert text.en != text.zh
    assert finding.quantity.low <= finding.quantity.value <= finding.quantity.high
    return finding


def test_every_sentence_of_the_room_stands_in_chinese():
    with (HOME / "locale" / "zh.po").open("rb") as source:
        known = {str(m.id) for m in pofile.read_po(source) if m.id and m.string}
    for path in HOME.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "say"
                and isinstance(node.args[0], ast.Constant)
            ):
                assert node.args[0].value in known, (path.name, node.args[0].value)


def test_the_survey_page_tells_score_change_and_what_to_do(told, study):
    finding = _both(answer.survey_results(study, day=DAY))
    assert "2026Q2" in finding.headline
    assert finding.actions[0].value > 0
    table = answer.banner_table(study.book, told[1], "age_group")
    assert [h.label.en for h in table.headings.values()][3:] == [
        "18-34 (A)",
        "35-54 (B)",
        "55+ (C)",
    ]
    base = table.frame.iloc[0]
    assert str(base["label"]) == "People asked"
    assert int(base["0"]) == sum(
        int(base[c].rstrip(" *")) for c in table.headings if c.isdigit() and c != "0"
    )
    both = answer.banner_table(study.book, told[1], "age_group", "wave")
    assert both.name == "banner_age_group_wave"
    told_of = finding.checks
    assert any("design effect" in c.sentence.en for c in told_of)
    every = answer.numbers_table(study.book, told[1]).frame
    assert (every["low"] <= every["value"]).all()
    assert (every["value"] <= every["high"]).all()
    live = controls.ratings(study)
    assert live.compute(quality=0, service=0, value=0).headline.en.startswith(
        "The recommendation score"
    )


def test_another_convention_changes_letters_and_rounding_only(told, study):
    ours = answer.banner_table(study.book, told[1], "age_group").frame
    for way in ("effective", "weighted", "unweighted"):
        theirs = answer.banner_table(
            study.book, told[1], "age_group", convention=(way, "half_up")
        )
        assert "another convention" in theirs.title.en
        assert [c.split()[0] for c in theirs.frame["1"]] == [
            c.split()[0] for c in ours["1"]
        ]
        assert (theirs.frame != ours).to_numpy().any()
    even = answer.banner_table(
        study.book, told[1], "age_group", convention=("design", "adding_up")
    ).frame
    at = even.index[even["label"].astype(str) == "1"][0]
    five = even["0"].iloc[at : at + 5]
    assert sum(int(c.split("%")[0]) for c in five) == 100
    with pytest.raises(ValueError, match="convention"):
        answer.banner_table(study.book, told[1], convention=("package", "half_up"))
    with pytest.raises(ValueError, match="way"):
        answer.banner_table(study.book, told[1], convention=("design", "up"))


def test_the_codebook_tells_every_question_and_who_answered(told, study):
    book = answer.codebook_table(told[1], study.book).frame.set_index("question")
    assert book.loc["wants", "choices"] == "Price; Quality; Organic; Gift box; None"
    assert book.loc["recommend", "people"] == 600
    assert str(book.loc["say", "kind"]) == "open answer"


def test_the_review_queue_comes_back_as_answers(told, study):
    tables, survey, _ = told
    queue = answer.queue_table(study.coded, survey).frame.rename(
        columns={"code": "answer"}
    )
    more = queue[["survey", "respondent", "question", "answer"]]
    again = market.collect(
        tables["survey_questions"],
        tables["survey_people"],
        pd.concat([tables["survey_answers"], more]),
    )
    known = [s.answers["say_code"].notna().sum() for s in (survey, again)]
    assert known[1] - known[0] == len(queue) == 20
    said = again.answers.loc[study.coded.queue["row"], "say"]
    assert said.tolist() == queue["text"].tolist()
    assert again.strangers == 0


def test_a_net_counts_each_person_once(told):
    found = market.study(
        told[1],
        told[2],
        group_by=["age_group"],
        sides=["quality", "service"],
        nets=["wants: Better tea: Quality; Organic"],
    ).book
    share = found.share[:, 0]
    at = found.rows.reset_index().set_index(["question", "label"])["index"]
    net, one, other = (
        share[at["wants", x]] for x in ("Better tea", "Quality", "Organic")
    )
    assert max(one, other) < net < one + other
    with pytest.raises(ValueError, match="write it as"):
        market.intake.nets_of(["wants: Quality"])


def test_a_page_without_hand_codes_says_so(told, study):
    import dataclasses

    bare = dataclasses.replace(study, coded=None)
    finding = _both(answer.survey_results(bare, day=DAY))
    assert any("code thirty" in c.sentence for c in finding.checks)
    assert answer.queue_table(None, told[1]).frame.empty


def test_the_price_page_advises_no_price_that_people_refuse(told):
    found = prices.price_study(told[1], told[2], pd.DataFrame(), cost=12.0)
    finding = _both(
        answer.price_sensitivity(found, price_now=18.0, day=DAY, currency="CNY")
    )
    upper = found.range.points.set_index("point").loc["upper", "value"]
    assert str(words.money(upper, "CNY", 2)) in finding.actions[0].what.en
    kept = answer.price_sensitivity(
        found, price_now=found.demand.best.value, day=DAY, currency="CNY"
    )
    assert kept.actions[0].what.en.startswith("Keep")
    live = controls.price(found, price_now=18.0, currency="CNY")
    assert len({str(live.compute(**c).headline) for c in live.cases}) == len(live.cases)


def test_the_product_page_says_when_the_best_price_was_the_highest_shown(known):
    offers = simulate.todays_offers(
        known, pd.DataFrame(), category="Tea", feature="Plain", price=18.0
    )
    costs = {"Plain": 12.0, "Gift box": 14.5}
    plan = simulate.best_offer(known, offers, costs, between=(14, 20), tries=4)
    finding = _both(answer.product_choice(known, plan, offers, day=DAY, currency="GBP"))
    failed = [c.sentence.en for c in finding.checks if c.passed is False]
    assert any("highest that was shown" in s for s in failed)
    live = controls.offer(known, offers, costs, currency="GBP")
    assert "0.00" in live.compute(**live.cases[0]).headline.en


def test_the_market_page_names_category_month_and_cost_and_keeps_a_forecast(told):
    tables = told[0]
    found = trend.market_trend(
        tables["market_sales"], tables["market_prices"], ours="Ours"
    )
    finding = _both(
        answer.market_trend(found, pd.DataFrame(), ours="Ours", day=DAY, currency="GBP")
    )
    assert "Snacks" in finding.headline
    assert "Sept 2025" in finding.headline.en
    assert finding.actions[0].value > 0
    assert set(finding.predictions[0].quantiles) == {"0.1", "0.5", "0.9"}
    flat = found.changes.assign(found=1.0)
    import dataclasses

    quiet = answer.market_trend(
        dataclasses.replace(found, changes=flat),
        pd.DataFrame(),
        ours="Ours",
        day=DAY,
        currency="GBP",
    )
    assert "no category" in quiet.headline.en


def test_the_options_page_tells_gain_risk_and_who_is_against(told, known):
    tables = told[0]
    large = tables["market_sales"].assign(units=lambda f: f["units"] * 50)
    found = options.plan(
        tables["options"],
        known,
        tables["market_prices"],
        large,
        ours="Ours",
        ahead=options.Ahead(day=DAY, follow=(0.2, 0.6)),
    )
    best = found.table.iloc[0]["option"]
    views = pd.DataFrame(
        {
            "option": [best],
            "department": ["Finance"],
            "view": ["against"],
            "reason": ["<b>no</b>"],
        }
    )
    finding = _both(
        answer.option_choice(
            found, tables["options"], views, pd.DataFrame(), day=DAY, currency="GBP"
        )
    )
    assert best in finding.headline
    assert any(
        c.passed is False and "1 against" in c.sentence.en for c in finding.checks
    )
    assert all(a.due >= DAY for a in finding.actions)
    live = controls.option(found, currency="GBP")
    still = live.cases[0]
    assert str(still["follow"]) == "0.4"
    same = live.compute(**still)
    first = found.table["profit"].iloc[0]
    assert same.table.frame["profit"].iloc[0] == pytest.approx(first)
    ruin = live.compute(**(still | {"spend": 2.0})).headline
    assert ruin != same.headline
    assert "20% to 60%" in finding.caveats[0].en
    told = answer.options_table(found, views, "GBP").frame.set_index("option")
    assert told.loc[best, "against"] == 1
    assert told["for"].sum() == 0
    assert np.isfinite(found.table["profit"]).all()


def test_every_chart_reads_in_both_languages(study):
    for figure in (
        charts.score_by_wave(study.waves),
        charts.quadrants(study.driving),
        charts.picked(study.book, "wants"),
        charts.own_words(study.coded),
    ):
        twins = figure.layout.meta["opslib_words"]
        assert twins[figure.layout.title.text]["zh"] != figure.layout.title.text
