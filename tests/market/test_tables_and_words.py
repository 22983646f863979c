"""Tables, changes, letters and open answers: planted truths, refusals, conventions."""

import numpy as np
import pandas as pd
import pytest

from opslib import demo
from opslib.market.survey import (
    coding,
    design,
    files,
    intake,
    replicates,
    scores,
    study,
    tables,
)


def _told(answers, choices="yes;no", kind="single"):
    people = pd.DataFrame(
        {"survey": "w", "respondent": [str(k) for k in range(len(answers))]}
    )
    book = pd.DataFrame(
        {
            "survey": ["w"],
            "question": ["q"],
            "kind": [kind],
            "wording": ["Q?"],
            "choices": [choices],
        }
    )
    said = people.assign(question="q", answer=answers)
    return intake.collect(book, people, said[said["answer"].notna()])


def _sets(n, draws=100, **known):
    return replicates.bootstrap(
        design.draw(pd.DataFrame({"n": range(n)}), **known), draws=draws
    )


def test_none_is_an_answer_and_a_gap_is_not():
    survey = _told(["None", None, "yes"], "yes;None")
    told = intake.measures(survey)
    assert told.rows["label"].tolist() == ["yes", "None"]
    assert told.asked[:, 0].tolist() == [1, 0, 1]
    assert told.values.tolist() == [[0, 1], [0, 0], [1, 0]]


def test_a_table_worked_by_hand():
    """40 of 100 against 20 of 100: z on unpooled errors is 3.09."""
    answers = ["yes"] * 40 + ["no"] * 60 + ["yes"] * 20 + ["no"] * 80
    told = intake.measures(_told(answers))
    groups = pd.DataFrame({"half": ["a"] * 100 + ["b"] * 100})
    found = tables.crosstab(told, groups, _sets(200, 400), control=False)
    assert found.share[0].tolist() == pytest.approx([0.3, 0.4, 0.2])
    assert found.error[0, 1] == pytest.approx(np.sqrt(0.4 * 0.6 / 100), rel=0.1)
    first = found.tests.iloc[0]
    assert first["difference"] / first["error"] == pytest.approx(3.09, rel=0.1)
    assert tables.letters(found)[:, 1:].tolist() == [["B", ""], ["", "A"]]
    assert found.links.loc[0, "chance"] < 0.01


def test_nets_are_not_sums_and_top_two_is():
    survey = _told(["5", "4", "1", "3"], "1..5", "scale")
    rows = intake.measures(survey, nets={"q": {"middle": ["2", "3", "4"]}})
    mean = dict(zip(rows.rows["label"], rows.values.mean(axis=0), strict=True))
    assert mean["@top"] == 0.5
    assert mean["@bottom"] == 0.25
    assert mean["@mean"] == 3.25
    assert mean["middle"] == 0.5


def _book(seed, n=400, control=True):
    rng = np.random.default_rng(seed)
    told = intake.measures(
        _told(rng.choice(list("12345"), n).tolist(), "1..5", "scale")
    )
    groups = pd.DataFrame({"g": rng.choice(list("abcdefgh"), n)})
    return tables.crosstab(told, groups, _sets(n, 60), control=control)


def test_pure_noise_gets_letters_seldom_with_control_and_often_without():
    any_ = [
        (b.tests.loc[b.tests["other"] >= 0, "found"] < 0.05).any()
        for b in (_book(k) for k in range(20))
    ]
    without = [
        (b.tests.loc[b.tests["other"] >= 0, "found"] < 0.05).any()
        for b in (_book(k, control=False) for k in range(20))
    ]
    assert sum(any_) <= 5
    assert sum(without) >= 15


def test_small_groups_are_shown_but_not_tested():
    told = intake.measures(_told(["yes"] * 20 + ["no"] * 80))
    groups = pd.DataFrame({"g": ["few"] * 20 + ["many"] * 80})
    found = tables.crosstab(told, groups, _sets(100), least=30)
    assert found.share[0, 1] == 1.0
    assert found.tests["chance"].isna().all()


def test_a_group_against_the_rest_is_found():
    rng = np.random.default_rng(2)
    group = rng.choice(list("abc"), 1200)
    yes = rng.random(1200) < np.where(group == "b", 0.6, 0.4)
    told = intake.measures(_told(np.where(yes, "yes", "no").tolist()))
    found = tables.crosstab(told, pd.DataFrame({"g": group}), _sets(1200))
    signs = tables.letters(found, against_rest=True)
    assert signs[0, found.columns["label"] == "b"] == ["+"]


def test_other_conventions_flip_cells_where_weights_differ_much():
    """With unequal weights a package that counts plain people finds too much."""
    rng = np.random.default_rng(1)
    n = 1000
    weight = np.where(rng.random(n) < 0.1, 30.0, 1.0)
    groups = pd.DataFrame({"g": rng.choice(list("ab"), n)})
    labels = [f"{k}" for k in range(40)]
    told = intake.measures(_told(rng.choice(labels, n).tolist(), ";".join(labels)))
    sets = replicates.bootstrap(
        design.draw(groups.assign(w=weight), weight="w"), draws=100
    )
    found = tables.crosstab(told, groups, sets)
    flipped = tables.flips(found, "unweighted")
    assert len(flipped) >= 2
    assert not flipped["kept"].any()
    assert len(tables.flips(found)) >= len(flipped)
    assert tables.under_convention(found, "design")["found"].min() > 0.05


def test_a_share_of_none_still_has_an_error():
    told = intake.measures(_told(["yes"] * 60 + ["no"] * 3 + ["yes"] * 57))
    found = tables.crosstab(
        told, pd.DataFrame({"g": ["a"] * 60 + ["b"] * 60}), _sets(120)
    )
    assert (found.tests["error"] > 0).all()


def test_share_intervals_cover_in_a_stratified_weighted_design():
    """In CI 30 samples; the long form is below."""
    assert _coverage(30) >= 25


@pytest.mark.soak
def test_share_intervals_cover_at_their_rate_over_many_samples():
    assert 0.92 <= _coverage(400) / 400 <= 0.98


def _coverage(samples):
    held = 0
    for seed in range(samples):
        rng = np.random.default_rng(seed)
        stratum = np.repeat([0, 1], [300, 100])
        yes = rng.random(400) < np.where(stratum == 0, 0.3, 0.6)
        people = pd.DataFrame({"s": stratum, "w": np.where(stratum == 0, 10.0, 60.0)})
        truth = (0.3 * 3000 + 0.6 * 6000) / 9000
        sets = replicates.bootstrap(
            design.draw(people, weight="w", strata="s"), draws=100, seed=seed
        )
        told = intake.measures(_told(np.where(yes, "yes", "no").tolist()))
        found = tables.crosstab(told, pd.DataFrame({"g": stratum.astype(str)}), sets)
        held += abs(found.share[0, 0] - truth) <= 1.97 * found.error[0, 0]
    return held


def test_the_wave_test_finds_a_planted_rise_and_seldom_a_false_one():
    found, false = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        wave = np.repeat(["a", "b"], 500)
        base = np.clip(np.round(rng.normal(7.2, 2, 1000)), 0, 10)
        sets = _sets(1000, 60)
        false += scores.waves(base, wave, sets)["luck"].iloc[1] < 0.05
        risen = np.clip(base + (wave == "b") * (rng.random(1000) < 0.4), 0, 10)
        found += scores.waves(risen, wave, sets)["luck"].iloc[1] < 0.05
    assert false <= 3
    assert found >= 12


def _texts(seed, n=900, zh=False):
    rng = np.random.default_rng(seed)
    kinds = {
        "price": ("too dear", "prices are high", "太贵", "价格高"),
        "service": ("slow staff", "nobody helped", "店员慢", "没人帮忙"),
        "other": ("nice colours", "liked the music", "颜色好看", "音乐不错"),
    }
    truth = rng.choice(list(kinds), n, p=[0.2, 0.5, 0.3])
    said = np.array([kinds[k][2 * zh + rng.integers(2)] for k in truth], object)
    mixed = rng.random(n) < 0.25
    said[mixed] = "太贵，店员慢" if zh else "too dear, slow staff"
    return said, truth


@pytest.mark.parametrize("zh", [False, True])
def test_corrected_shares_cover_the_truth_where_the_reader_errs(zh):
    """A quarter of the texts cannot be told apart; the plain counts are far off."""
    held, naive = 0, 0
    for seed in range(12):
        said, truth = _texts(seed, zh=zh)
        hand = np.where(
            np.random.default_rng(seed + 99).random(900) < 0.25, truth, None
        )
        coded = coding.code_texts(said, hand, _sets(900, 60))
        row = coded.shares.set_index("code").loc["price"]
        held += row["low"] <= 0.2 <= row["high"]
        naive += (
            row["low"] <= row["counted"] <= row["high"]
            and abs(row["counted"] - 0.2) < 0.02
        )
    assert held >= 10
    assert naive <= 6


def test_the_least_sure_texts_come_first_and_agreement_is_of_unseen_texts():
    said, truth = _texts(3)
    hand = np.where(np.arange(900) < 300, truth, None)
    coded = coding.code_texts(said, hand, _sets(900, 20), queue=5)
    assert coded.queue["sure"].is_monotonic_increasing
    assert coded.queue["text"].iloc[0] == "too dear, slow staff"
    assert 0.75 < coded.agreement < 0.95
    assert coded.kappa < coded.agreement
    assert coded.confusion.to_numpy().sum() == 300


def test_too_few_hand_codes_give_no_shares():
    assert (
        coding.code_texts(["a"] * 50, ["x", "y"] * 5 + [None] * 40, _sets(50, 5))
        is None
    )


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: tables.rounded([0.1], "up"), "half_up"),
        (lambda: intake.measures(_told(["yes"]), nets={"q": {"n": ["maybe"]}}), "maybe"),
        (lambda: intake.latest(_told(["yes"]), "v"), "wave"),
        (lambda: tables.under_convention(_book(1), "spss"), "convention"),
        (
            lambda: tables.crosstab(
                intake.measures(_told(["yes", "no"])), pd.DataFrame({"g": list("aab")}), _sets(2)
            ),
            "same people",
        ),
        (
            lambda: intake.collect(
                pd.DataFrame({"survey": ["w"], "question": ["q"], "kind": ["single"]}),
                pd.DataFrame({"survey": ["w"], "respondent": ["a"]}),
                pd.DataFrame({"survey": ["w"], "respondent": ["b"], "question": ["q"], "answer": ["1"]}),
            ),
            "belong to nobody",
        ),
        (
            lambda: study.study(_told(["yes", "no"]), _sets(2), group_by=[], sides=["taste"]),
            "taste",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_way_out(work, said):
    with pytest.raises(ValueError, match=said):
        work()


def test_the_answer_none_survives_a_file_and_sets_of_columns_become_one_question(
    tmp_path,
):
    path = tmp_path / "answers.csv"
    path.write_text(
        "id,recommend,brand,tea,snacks,area,why\n1,9,None,1,0,N,too dear\n2,3,NA,1,1,S,\n3,10,,0,0,S,n/a\n",
        "utf-8",
    )
    text, book = files.read(path, sets={"buys": ["tea", "snacks"]})
    assert text["brand"].tolist() == ["None", "NA", None]
    assert (
        dict(zip(book["question"], book["kind"], strict=True))["recommend"] == "score"
    )
    told = files.tables(text, book, survey="w", person="id", about=("area",))
    survey = intake.collect(
        *(told[f"survey_{n}"] for n in ("questions", "people", "answers"))
    )
    assert survey.picks["buys"].to_numpy().tolist() == [
        [True, False],
        [True, True],
        [False, False],
    ]
    assert survey.people["area"].tolist() == ["N", "S", "S"]
    rows = intake.measures(survey)
    assert "None" in rows.rows.loc[rows.rows["question"] == "brand", "label"].tolist()
    text.to_excel(tmp_path / "answers.xlsx", index=False)
    again, _ = files.read(tmp_path / "answers.xlsx", sets={"buys": ["tea", "snacks"]})
    assert again["brand"].tolist() == ["None", "NA", None]


def test_the_order_in_which_rows_are_stored_changes_no_number():
    tables = demo.make(size=0.01, seed=3).tables
    told = [tables[f"survey_{n}"] for n in ("questions", "people", "answers")]
    mixed = [t.sample(frac=1, random_state=5) for t in told]
    waves = []
    for some in (told, mixed):
        survey = intake.collect(*some)
        sets = intake.weigh(survey, draws=20)
        waves.append(
            scores.waves(
                intake.numbers(survey, "recommend"), survey.people["survey"], sets
            )
        )
    pd.testing.assert_frame_equal(*waves)
    books = [intake.collect(*some).book for some in (told, mixed)]
    assert books[0]["question"].tolist() == books[1]["question"].tolist()


def test_a_file_becomes_deliveries_that_the_warehouse_takes(tmp_path):
    from opslib.warehouse import tables as contracts

    path = tmp_path / "answers.csv"
    path.write_text("id,recommend,brand,area\n1,9,None,N\n2,3,NA,S\n3,,Us,S\n", "utf-8")
    written = files.deliver(
        path, tmp_path, survey="w1", day="2026-05-01", person="id", about=("area",)
    )
    told = {
        f.stem.removesuffix("_w1"): pd.read_parquet(f) for f in written
    }  # fmt: skip
    for name, frame in told.items():
        needed = {c.name for c in contracts.table(name).stored if c.required}
        assert needed <= set(frame.columns), name
    survey = intake.collect(*told.values())
    assert survey.answers["brand"].tolist() == ["None", "NA", "Us"]
    assert survey.answers["recommend"].isna().tolist() == [False, False, True]


def test_an_unknown_kind_of_file_or_column_is_refused(tmp_path):
    with pytest.raises(ValueError, match="kind of file"):
        files.read(tmp_path / "answers.txt")
    (tmp_path / "a.csv").write_text("x\n1\n", "utf-8")
    with pytest.raises(ValueError, match="no column"):
        files.read(tmp_path / "a.csv", sets={"s": ["y"]})
