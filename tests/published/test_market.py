"""Numbers of others that the market room equals.

Parameters are those of the published examples; nothing is tuned to them.
"""

import json

import numpy as np
import pandas as pd
import pytest

from opslib.market import (
    bestworst,
    choice,
    conjoint,
    design,
    drivers,
    files,
    intake,
    mixed,
    prices,
    replicates,
    scores,
    tables,
    weights,
)

pytestmark = pytest.mark.published
STYPE = {"E": 4421, "H": 755, "M": 1018}
WIDE = {"No": 1072, "Yes": 5122}


def _read(folder, name):
    return pd.read_csv(folder / name, keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def schools(shared):
    folder = shared("market/survey_api")
    return _read(folder, "apistrat.csv"), _read(folder, "apiclus1.csv")


@pytest.fixture(scope="module")
def clusters(schools):
    return design.draw(schools[1], weight="pw", clusters="dnum", size="fpc")


@pytest.fixture(scope="module")
def raked(schools, clusters):
    return weights.rake(clusters, schools[1], {"stype": STYPE, "sch.wide": WIDE})


def _is(found, value, error, digits=4):
    assert round(found.value, digits) == value
    assert round(found.error, digits) == error


def test_means_and_errors_of_the_schools_survey(schools, clusters, raked):
    strat, clus = schools
    drawn = design.draw(strat, weight="pw", strata="stype", size="fpc")
    _is(design.mean(drawn, strat["api00"]), 662.2874, 9.4089)
    _is(design.total(drawn, strat["enroll"]), 3687178, 114642, 0)
    _is(design.mean(clusters, clus["api00"]), 644.1694, 23.5422)
    _is(design.mean(raked, clus["api00"]), 641.2303, 23.7036)
    _is(design.total(raked, clus["enroll"]), 3647280, 400603, 0)
    x = np.c_[np.ones(len(clus)), clus["api99"]]
    known = weights.calibrate(clusters, x, [6194, 3914069])
    _is(design.mean(known, clus["api00"]), 666.7177, 3.2959)
    _is(design.total(known, clus["enroll"]), 3357372, 243227, 0)


def test_ratio_and_bounded_calibration_of_the_schools_survey(schools, clusters):
    clus = schools[1]
    found = design.ratio(clusters, clus["api.stu"], clus["enroll"])
    assert found.value == pytest.approx(0.8497087, abs=5e-8)
    assert found.error == pytest.approx(0.008386297, abs=5e-10)
    x = np.c_[np.ones(len(clus)), clus["enroll"]]
    bounded = weights.calibrate(clusters, x, [6194, 3811472], bounds=(0.6, 1.5))
    factor = bounded.weights / bounded.base
    assert factor.min() == pytest.approx(0.7198751, abs=5e-8)
    assert factor.max() == pytest.approx(1.5)


def test_replicate_errors_of_the_schools_survey(schools, clusters, raked):
    y = schools[1]["api00"].to_numpy(float)
    pupils = schools[1]["enroll"].to_numpy(float)
    plain, tuned = replicates.jackknife(clusters), replicates.jackknife(raked)
    found = replicates.estimate(plain, lambda w: w @ y / w.sum())
    assert round(found.error, 3) == 26.329
    found = replicates.estimate(tuned, lambda w: w @ y / w.sum())
    assert round(found.error, 3) == 26.874
    found = replicates.estimate(tuned, lambda w: w @ pupils)
    assert round(found.error) == 463582


CASES = (
    "output_weighted_psm",
    "check_unweighted_1",
    "check_weighted_1",
    "check_unweighted_2",
    "check_weighted_2",
)


@pytest.mark.parametrize("case", CASES)
def test_four_price_questions_give_the_stored_points(shared, case):
    """Exact but for the weighted optimum, where curves touch: one grid step away."""
    folder = shared("market/psm_vanwestendorp")
    told = json.loads((folder / "expected.json").read_text("utf-8"))[case]
    tail = "design" if told["weighted"] else "input"
    raw = pd.read_csv(folder / f"{case}_{tail}.csv").rename(
        columns=dict(
            zip(
                ("toocheap", "cheap", "expensive", "tooexpensive"),
                prices.FOUR,
                strict=True,
            )
        )
    )
    sample = design.draw(raw, weight="w" if told["weighted"] else "")
    found = prices.price_range(raw, replicates.bootstrap(sample, draws=20))
    grid = found.curves["price"].to_numpy()
    names = ("pricerange_lower", "pricerange_upper", "idp", "opp")
    for (_, row), name in zip(found.points.iterrows(), names, strict=True):
        at = np.searchsorted(grid, told[name]).clip(1, len(grid) - 2)
        step = max(grid[at] - grid[at - 1], grid[at + 1] - grid[at])
        assert abs(row["value"] - told[name]) <= step + 1e-9, name
        assert row["low"] <= row["value"] <= row["high"]
    if case != "output_weighted_psm" and not told["weighted"]:
        assert found.points["value"].to_list() == pytest.approx(
            [told[n] for n in names]
        )


def test_tea_and_chocolate_part_worths_and_importances(shared):
    folder = shared("market/conjoint_r")
    read = {
        n: pd.read_csv(folder / f"{n}.csv")
        for n in ("tprof", "tprefm", "tsimp", "cprof", "cprefm")
    }
    tea = conjoint.rated(read["tprof"], read["tprefm"])
    told = [3.5534, 0.2402, -0.1431, -0.0971, 0.6149, 0.0349, -0.6498]
    told += [0.1369, -0.8898, 0.7529, 0.4108, -0.4108]
    assert tea.worths.round(4).tolist() == told
    share = [round(100 * v, 2) for v in tea.importances.values()]
    assert share == [24.76, 32.22, 27.15, 15.88]
    utility = conjoint.card_utilities(tea, read["tsimp"])
    assert utility.mean(axis=0).round(2).tolist() == [2.19, 3.69, 3.10, 3.59]
    first = conjoint.share_rules(utility)["first"]
    assert (first * 100).round().tolist() == [11, 28, 26, 35]
    chocolate = conjoint.rated(read["cprof"], read["cprefm"])
    told = [8.6849, -1.0891, -0.7328, -0.9224, 2.7443, -0.5709, 0.1188, 0.4521]
    told += [-0.0287, 0.0287, -0.1686, 0.1734, -0.0048, -0.6466, 0.6466]
    assert chocolate.worths.round(4).tolist() == told
    share = [round(100 * v, 2) for v in chocolate.importances.values()]
    assert share == [56.79, 16.42, 5.43, 10.61, 10.75]


def test_questions_of_the_schools_survey_go_together_as_published(schools, clusters):
    """F 5.1934 on 1.4946 and 20.925 degrees, chance .02175, as R's survey prints."""
    clus = schools[1]
    found = tables.rao_scott(clusters, clus["sch.wide"], clus["stype"])
    assert [round(x, 4) for x in found[:3]] == [5.1934, 1.4946, 20.925]
    assert found[3] == pytest.approx(0.02175, abs=5e-6)


def test_a_table_of_the_schools_survey_has_the_published_errors(schools):
    """The share of an answer and its error, on replicate weights, beside the linearised."""
    strat = schools[0]
    drawn = design.draw(strat, weight="pw", strata="stype", size="fpc")
    people = pd.DataFrame({"survey": "w", "respondent": strat.index.astype(str)})
    book = pd.DataFrame(
        {
            "survey": ["w"],
            "question": ["q"],
            "kind": ["single"],
            "wording": [""],
            "choices": ["No;Yes"],
        }
    )
    survey = intake.collect(
        book, people, people.assign(question="q", answer=strat["sch.wide"])
    )
    sets = replicates.jackknife(drawn)
    found = tables.crosstab(intake.measures(survey), strat[["stype"]], sets)
    exact = design.mean(drawn, (strat["sch.wide"] == "Yes").to_numpy(float))
    assert found.share[1, 0] == pytest.approx(exact.value, abs=1e-9)
    assert found.error[1, 0] == pytest.approx(exact.error, rel=0.01)
    by_type = dict(zip(found.columns["label"], found.bases["people"][0], strict=True))
    assert by_type == {"": 200, "E": 100, "H": 50, "M": 50}


def test_logit_shares_of_the_package_are_those_without_forty_people(shared):
    """Ours keep all 100; its published ones drop whoever has a negative utility."""
    folder = shared("market/conjoint_r")
    tea = conjoint.rated(
        pd.read_csv(folder / "tprof.csv"), pd.read_csv(folder / "tprefm.csv")
    )
    utility = conjoint.card_utilities(tea, pd.read_csv(folder / "tsimp.csv"))
    kept = utility[(utility >= 0).all(axis=1)]
    assert len(kept) == 60
    few = conjoint.share_rules(kept)["logit"]
    assert (few * 100).round(2).tolist() == [13.04, 34.84, 35.79, 16.33]
    everybody = conjoint.share_rules(utility)["logit"]
    assert everybody.idxmax() == 3
    assert few.idxmax() == 2


@pytest.fixture(scope="module")
def yogurt(shared):
    raw = pd.read_csv(shared("market/choice_yogurt_cars") / "yogurt.csv")
    return choice.encode(
        raw, words={"brand": "dannon"}, numbers=("price", "feat"), person="id",
        task="obsID", chosen="choice",
    )  # fmt: skip


def test_yogurt_logit(yogurt):
    """Coefficients agree to 4 decimals; the published run stopped 1e-6 earlier."""
    found = choice.logit(yogurt)
    told = {
        "price": (-0.366555, 0.024365), "feat": (0.491439, 0.120062),
        "brand: hiland": (-3.715477, 0.145417), "brand: weight": (-0.641138, 0.054498),
        "brand: yoplait": (0.734519, 0.080642),
    }  # fmt: skip
    assert found.loglik == pytest.approx(-2656.888, abs=5e-4)
    assert found.null == pytest.approx(-3343.741999, abs=5e-6)
    for name, beta, error in zip(found.names, found.beta, found.errors, strict=True):
        assert beta == pytest.approx(told[name][0], abs=2e-4)
        assert error == pytest.approx(told[name][1], abs=5e-5)
    money = dict(zip(found.names, choice.worth(found.beta, found.names), strict=True))
    assert money["feat"] == pytest.approx(1.340572, abs=5e-5)
    assert money["brand: hiland"] == pytest.approx(-10.135737, abs=5e-5)


def test_yogurt_mixed_logit(yogurt):
    """Importance draws: the likelihood hardly moves between draws, unlike plain ones."""
    found = mixed.mixed(yogurt, same=("price",), draws=500)
    own = mixed.loglik(yogurt, found, draws=5000, seed=2)
    other = mixed.loglik(yogurt, found, draws=5000, seed=3)
    assert own >= -1248
    assert abs(own - other) <= 0.5
    assert abs(found.loglik - own) <= 0.5


def test_voters_issues_by_best_and_worst_picks(shared):
    answers = pd.read_csv(shared("market/maxdiff_bwstools") / "vdata.csv")
    found = bestworst.best_worst(answers, person="id", item="issue").set_index("item")
    told = {"healthcare": 0.926815, "economy": 0.771885, "biasmedia": -1.068364}
    for item, score in told.items():
        assert round(found.loc[item, "score"], 6) == score
    assert found.loc["healthcare", "share"] == pytest.approx(0.17160598, abs=5e-9)


def test_the_ranges_of_the_issues_are_about_the_published_errors(shared):
    """Design-based errors of a simple sample lie near the published ones (.04)."""
    raw = pd.read_csv(shared("market/maxdiff_bwstools") / "vdata.csv")
    names = {"id": "respondent", "block": "task", "issue": "item", "value": "pick"}
    answers = raw.rename(columns=names).assign(survey="v")
    people = answers[["survey", "respondent"]].drop_duplicates(ignore_index=True)
    sets = replicates.bootstrap(design.draw(people), draws=60)
    found = bestworst.promises(answers, people, sets)
    row = found.table.set_index("item").loc["healthcare"]
    assert round(row["counted"], 6) == 0.926815
    error = (row["score_high"] - row["score_low"]) / 3.92
    assert 0.03 < error < 0.09
    assert found.people == 350
    assert found.agreement > 0.95


def test_what_drives_the_opinion_of_a_bank(shared):
    bank = pd.read_csv(shared("market/displayr") / "bank.csv").dropna()
    parts = bank[["Fees", "Interest", "Phone", "Branch", "Online", "ATM"]]
    assert len(bank) == 244
    found = drivers.shapley(bank["Overall"], parts)
    assert found[0] == pytest.approx(0.115570678291964, abs=1e-12)
    assert found.sum() == pytest.approx(0.4988654351715, abs=1e-12)
    found = drivers.shapley(bank["Overall"], parts, bank["weight"])
    assert found[0] == pytest.approx(0.1090244509126, abs=1e-12)
    assert found.sum() == pytest.approx(0.4936505179077, abs=1e-12)
    found = drivers.relative_weights(bank["Overall"], parts)
    share = [23.209, 15.175, 24.558, 19.152, 5.140, 12.767]
    assert (100 * found / found.sum()).round(3).tolist() == share


def test_who_recommends_the_phone_companies(shared):
    import pyreadstat

    path = shared("market/displayr") / "Mobiles_feedback_4_weeks.sav"
    phones, labels = pyreadstat.read_sav(path)
    company = phones["Q7"].map(labels.variable_value_labels["Q7"])
    told = {
        "": (34.19, 29.21, 38.94, 895), "AT&T": (24.2, 13.7, 34.0, 211),
        "Verizon": (35.5, 24.8, 45.1, 203), "T-Mobile": (41.1, 27.3, 52.7, 112),
    }  # fmt: skip
    for name, (value, low, high, people) in told.items():
        answers = phones["Q8"] if not name else phones.loc[company == name, "Q8"]
        digits = 1 if name else 2
        found = scores.promoter_score(answers)
        assert len(answers) == people
        got = [round(x, digits) for x in (found.value, found.low, found.high)]
        assert got == [value, low, high]


def test_an_spss_file_keeps_labels_sets_and_the_published_score(shared):
    """The file's own multi-response sets and labels; its score as published: 34.19."""
    path = shared("market/displayr") / "Mobiles_feedback_4_weeks.sav"
    text, book = files.read(path)
    kinds = book.set_index("question")["kind"]
    assert kinds["Q8"] == "score"
    assert (kinds == "multi").sum() == 3
    assert {"AT&T", "Verizon", "T-Mobile"} <= set(text["Q7"])
    told = files.tables(text, book, survey="w", about=("Q7",))
    survey = intake.collect(
        *(told[f"survey_{n}"] for n in ("questions", "people", "answers"))
    )
    sets = replicates.bootstrap(design.draw(survey.people), draws=50)
    found = tables.crosstab(intake.measures(survey), survey.people[["Q7"]], sets)
    row = found.rows[
        (found.rows["question"] == "Q8") & (found.rows["label"] == "@score")
    ].index[0]
    by_company = dict(
        zip(found.columns["label"], found.share[row].round(1), strict=True)
    )
    assert round(found.share[row, 0], 2) == 34.19
    assert [by_company[c] for c in ("AT&T", "Verizon", "T-Mobile")] == [
        24.2,
        35.5,
        41.1,
    ]
