"""Weights and design-based errors: worked by hand, planted, refused."""

import numpy as np
import pandas as pd
import pytest

from opslib.market import design, replicates, weights


def _people(n=400, seed=1):
    rng = np.random.default_rng(seed)
    age = rng.choice(["young", "old"], n, p=[0.7, 0.3])
    return pd.DataFrame(
        {
            "age": age,
            "sex": rng.choice(["f", "m"], n),
            "w": rng.uniform(1, 3, n),
            "area": rng.integers(0, 8, n),
            "y": rng.normal(0, 1, n) + (age == "old"),
        }
    )


def test_raking_meets_both_margins_and_a_cap_holds():
    people = _people()
    sizes = {"age": {"young": 500, "old": 500}, "sex": {"f": 520, "m": 480}}
    tuned = weights.rake(design.draw(people, weight="w"), people, sizes)
    for column, known in sizes.items():
        got = pd.Series(tuned.weights).groupby(people[column]).sum()
        assert got.to_dict() == pytest.approx(known)
    capped = weights.rake(design.draw(people, weight="w"), people, sizes, cap=2.2)
    assert capped.weights.max() <= 2.2 * 2.5 * 1.0001
    assert capped.weights.max() < tuned.weights.max()


def test_raking_takes_the_bias_of_who_answered_out():
    miss = []
    for seed in range(50):
        people = _people(seed=seed)
        tuned = weights.post_stratify(
            design.draw(people), people, "age", {"young": 50, "old": 50}
        )
        found = design.mean(tuned, people["y"])
        miss.append(not found.low <= 0.5 <= found.high)
    assert sum(miss) <= 6


def test_the_interval_of_clustered_answers_covers_at_its_rate():
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        area = np.repeat(np.arange(20), 10)
        y = rng.normal(0, 1, 20)[area] + rng.normal(0, 1, 200)
        sample = design.draw(pd.DataFrame({"area": area}), clusters="area")
        found = design.mean(sample, y)
        held += found.low <= 0 <= found.high
    assert 180 <= held <= 198


def test_bootstrap_and_formula_agree_on_a_stratified_sample():
    people = _people(600)
    sample = design.draw(people, weight="w", strata="age", clusters="area")
    y = people["y"].to_numpy()
    sets = replicates.bootstrap(sample, draws=400)
    again = replicates.estimate(sets, lambda w: w @ y / w.sum())
    assert again.error == pytest.approx(design.mean(sample, y).error, rel=0.15)
    left = replicates.estimate(replicates.jackknife(sample), lambda w: w @ y / w.sum())
    assert left.error == pytest.approx(design.mean(sample, y).error, rel=0.05)


def test_a_group_keeps_the_whole_design():
    people = _people()
    sample = design.draw(people, weight="w", clusters="area")
    old = design.part(sample, people["age"] == "old")
    direct = design.ratio(
        sample, people["y"] * (people["age"] == "old"), (people["age"] == "old") * 1.0
    )
    assert design.mean(old, people["y"]).error == pytest.approx(direct.error)


def test_full_count_has_no_error():
    people = pd.DataFrame({"size": [4.0] * 4, "y": [1.0, 2.0, 3.0, 4.0]})
    sample = design.draw(people, size="size")
    assert design.mean(sample, people["y"]).error == 0


def test_effective_size_and_design_effect_worked_by_hand():
    assert weights.effective_size([1, 1, 1, 3]) == pytest.approx(3)
    area = np.repeat([0, 1, 2, 3], 5)
    sample = design.draw(pd.DataFrame({"area": area}), clusters="area")
    assert weights.design_effect(sample, area.astype(float)) > 4


def test_bounded_calibration_keeps_its_bounds():
    people = _people()
    sample = design.draw(people)
    x = np.c_[np.ones(400), people["y"]]
    tuned = weights.calibrate(sample, x, [400, 150], bounds=(0.7, 1.4))
    assert tuned.weights @ people["y"] == pytest.approx(150)
    assert 0.7 <= tuned.weights.min() <= tuned.weights.max() <= 1.4


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda p, s: design.draw(p.assign(w=0.0), weight="w"), "above zero"),
        (lambda p, s: design.draw(p, weight="weight"), "no column"),
        (lambda p, s: weights.rake(s, p, {"age": {"young": 1}}), "no known size"),
        (
            lambda p, s: weights.rake(s, p, {"sex": {"f": 1, "m": 1, "x": 1}}),
            "nobody answered 'x'",
        ),
        (
            lambda p, s: weights.calibrate(
                s, np.ones((400, 1)), [900], bounds=(0.5, 2)
            ),
            "out of reach",
        ),
        (
            lambda p, s: weights.calibrate(s, np.ones((3, 1)), [9]),
            "one column for each",
        ),
        (lambda p, s: design.mean(s, np.full(400, np.nan)), "0 people"),
        (
            lambda p, s: replicates.jackknife(
                design.draw(p.assign(one=["a"] + ["b"] * 399), strata="one")
            ),
            "1 cluster",
        ),
        (
            lambda p, s: weights.trim(
                weights.rake(s, p, {"sex": {"f": 1, "m": 1}}), high=2
            ),
            "cap=2",
        ),
    ],
)
def test_bad_input_is_refused_with_a_way_out(work, said):
    people = _people()
    with pytest.raises(ValueError, match=said):
        work(people, design.draw(people))
