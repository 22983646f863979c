"""Choices, cards and best-worst questions: planted part-worths come back."""

import numpy as np
import pandas as pd
import pytest

from opslib.demo import truth, voices
from opslib.market import bestworst, choice, conjoint, design, mixed, replicates

TRUTH = {"brand: Beta": -0.9, "feature: Organic": 0.8, "price": -0.12}


def _shown(seed=0, people=120, tasks=8, spread=0.0):
    rng = np.random.default_rng(seed)
    n = people * tasks * 3
    frame = pd.DataFrame(
        {
            "respondent": np.repeat(np.arange(people), tasks * 3),
            "task": np.repeat(np.arange(people * tasks), 3),
            "brand": rng.choice(["Ours", "Beta"], n),
            "feature": rng.choice(["Plain", "Organic"], n),
            "price": rng.choice([10.0, 14.0, 18.0], n),
        }
    )
    taste = rng.normal(0, spread, people)[frame["respondent"]] if spread else 0.0
    worth = -0.9 * (frame["brand"] == "Beta") + (0.8 + taste) * (
        frame["feature"] == "Organic"
    )
    worth = worth - 0.12 * frame["price"] + rng.gumbel(0, 1, n)
    best = worth.to_numpy().reshape(-1, 3).argmax(axis=1)
    frame["chosen"] = np.repeat(best, 3) == np.arange(n) % 3
    return frame


def _tasks(frame):
    return choice.encode(
        frame, words={"brand": "Ours", "feature": "Plain"}, numbers=("price",)
    )


def test_planted_part_worths_are_covered_at_their_rate_over_fifty_surveys():
    held = np.zeros(3)
    for seed in range(50):
        found = choice.logit(_tasks(_shown(seed)))
        truth = np.array([TRUTH[n] for n in found.names])
        held += np.abs(found.beta - truth) <= 1.96 * found.errors
    assert (held >= 43).all()
    assert held.sum() <= 150


def test_tastes_that_differ_are_found_and_people_told_apart():
    frame = _shown(3, people=300, spread=1.5)
    found = mixed.mixed(_tasks(frame), same=("price",), draws=200)
    at = found.names.index("feature: Organic")
    assert found.mean[at] == pytest.approx(0.8, abs=0.25)
    assert found.sd[at] == pytest.approx(1.5, abs=0.3)
    assert np.std(found.own[:, at]) > 0.8


@pytest.mark.slow
def test_own_part_worths_predict_choices_that_were_held_back():
    """A person's own part-worths hit more held-back choices than the common ones."""
    frame = _shown(4, people=200, tasks=12, spread=2.5)
    late = frame["task"] % 12 >= 9
    tasks, test = _tasks(frame[~late]), _tasks(frame[late])
    own = mixed.mixed(tasks, same=("price",), draws=200).own
    common = choice.logit(tasks).beta

    def hits(beta):
        utility = (test.x * beta[test.person]).sum(axis=1).reshape(-1, 3)
        return (utility.argmax(axis=1) == test.taken % 3).mean()

    assert hits(own) > hits(np.tile(common, (200, 1))) + 0.03


def test_what_a_feature_is_worth_is_its_part_worth_over_the_price():
    money = choice.worth(np.array([0.8, -0.2]), ("feature: Organic", "price"))
    assert money.tolist() == [4.0, 1.0]


def test_shares_keep_everybody_and_allow_buying_nothing():
    share = choice.shares(
        np.array([[-5.0], [1.0]]), np.array([[1.0], [2.0]]), nothing=0.0
    )
    assert share.shape == (2, 3)
    assert share.sum(axis=1) == pytest.approx([1, 1])


def test_offers_follow_the_columns_of_the_choices():
    tasks = _tasks(_shown(people=20))
    rows = choice.offers(
        tasks, pd.DataFrame({"brand": ["Beta"], "feature": ["Plain"], "price": [12.0]})
    )
    assert dict(zip(tasks.names, rows[0], strict=True)) == {
        "brand: Beta": 1.0, "feature: Organic": 0.0, "price": 12.0,
    }  # fmt: skip


def test_importance_is_the_mean_of_persons_not_of_the_mean_person():
    """Two people with opposite tastes: the mean person has none, each has all."""
    cards = pd.DataFrame({"price": list("llhh"), "kind": list("abab")})
    found = conjoint.rated(cards, [[4, 1, 4, 1], [1, 4, 1, 4]])
    assert found.importances["kind"] == pytest.approx(1.0)
    assert np.abs(found.worths[1:]).max() == pytest.approx(0, abs=1e-9)


def _picked(seed, draws=60):
    picks = voices._best_worst(seed, 0)
    people = picks[["survey", "respondent"]].drop_duplicates(ignore_index=True)
    sets = replicates.bootstrap(design.draw(people), draws=draws)
    return picks, bestworst.promises(picks, people, sets)


@pytest.mark.slow
def test_planted_promises_are_covered_at_their_rate_over_fifty_companies():
    planted = {en: v for (en, _), v in truth.PROMISES.items()}
    held, order = [], 0
    for seed in range(50):
        table = _picked(seed, draws=25)[1].table
        true = table["item"].map(planted)
        held.append(true.between(table["score_low"], table["score_high"]).mean())
        order += table["item"].iloc[0] == "Always fresh"
    assert 0.91 <= np.mean(held) <= 0.98
    assert order == 50


def test_counted_promises_agree_and_reach_is_of_those_who_like_an_item():
    picks, found = _picked(7)
    assert found.people == 300
    assert found.agreement > 0.99
    net = picks.pivot_table(
        index="respondent", columns="item", values="pick", aggfunc="sum"
    )
    items = list(found.reached["items"].iloc[1])
    assert found.reached["share"].iloc[1] == (net[items] > 0).any(axis=1).mean()
    assert found.table["share"].sum() == pytest.approx(1)


def test_too_few_people_picked_gives_no_promises():
    picks = voices._best_worst(7, 0)
    assert bestworst.promises(picks.head(9 * 24), picks, None) is None
    strange = picks.assign(pick=2)
    with pytest.raises(ValueError, match="write 1 for best"):
        bestworst.promises(strange, strange, None)


def test_reach_takes_items_that_complete_each_other():
    liked = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 1, 0, 0], "c": [0, 0, 0, 1]})
    assert bestworst.reach(liked, size=2) == (("a", "c"), 1.0)
    assert bestworst.reach(liked, size=1, weights=[1, 1, 1, 9]) == (("c",), 0.75)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda f: _tasks(f.assign(chosen=False)), "0 taken"),
        (lambda f: _tasks(f.drop(columns="price")), "no column"),
        (lambda f: choice.encode(f, words={"brand": "Gamma"}, numbers=()), "Gamma"),
        (
            lambda f: choice.offers(
                _tasks(f), pd.DataFrame({"brand": ["Z"], "feature": ["Plain"], "price": [1.0]})
            ),
            "was never shown",
        ),
        (
            lambda f: choice.logit(
                choice.encode(f.assign(brand=np.where(f["chosen"], "a", "b")),
                              words={"brand": "b"}, numbers=())
            ),
            "decides every choice",
        ),
        (lambda f: mixed.mixed(_tasks(f), same=("prize",)), "prize"),
        (lambda f: conjoint.rated(f[["brand"]].head(2), [[1, 2, 3]]), "show more"),
        (
            lambda f: bestworst.best_worst(
                pd.DataFrame({"respondent": [1], "item": ["a"], "value": [2]})
            ),
            "write 1 for best",
        ),
        (
            lambda f: bestworst.best_worst(
                pd.DataFrame({"respondent": [1], "item": ["a"], "value": [1]})
            ),
            "every time",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_way_out(work, said):
    with pytest.raises(ValueError, match=said):
        work(_shown(people=15))
