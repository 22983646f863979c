"""Journeys: exact shares, hand-worked values, refused input."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from opslib import promotions
from opslib.promotions import answer, charts, controls
from opslib.promotions.journeys import WAYS, kept_without


@pytest.fixture
def paths():
    return pd.DataFrame(
        {
            "path": ["tv > mail", "mail", "tv", "search > tv > mail", "search"],
            "conversions": [30, 20, 5, 10, 40],
            "nulls": [70, 20, 60, 5, 10],
        }
    )


def test_every_way_shares_out_everything(paths):
    for order in (1, 2, 3):
        credit = promotions.credit_paths(paths, order=order, draws=0)
        assert credit.shares[list(WAYS)].sum().to_numpy() == pytest.approx(np.ones(5))
    assert (credit.conversions, credit.ended) == (105, 165)


def test_hand_worked_removal_of_two_channels():
    """P(buy) = 1/4 + 1/4 (a: half start; a always leads to b; b buys 2 of 4)."""
    told = pd.DataFrame(
        {"path": ["a > b", "b"], "conversions": [1, 1], "nulls": [1, 1]}
    )
    shares = promotions.credit_paths(told, draws=0).shares.set_index("channel")[
        "removal"
    ]
    assert shares["b"] == pytest.approx(1 / 1.5)
    assert shares["a"] == pytest.approx(0.5 / 1.5)


def test_even_sharing_is_the_shapley_value_of_sets_of_channels(paths):
    names = ["mail", "search", "tv"]
    sets = [set(p.split(" > ")) for p in paths["path"]]

    def worth(team):
        return sum(
            n for s, n in zip(sets, paths["conversions"], strict=True) if s <= team
        )

    wanted = dict.fromkeys(names, 0.0)
    for order in itertools.permutations(names):
        for at, name in enumerate(order):
            wanted[name] += worth(set(order[: at + 1])) - worth(set(order[:at]))
    shares = promotions.credit_paths(paths, draws=0).shares.set_index("channel")[
        "shapley"
    ]
    for name in names:
        assert shares[name] * 105 == pytest.approx(wanted[name] / math.factorial(3))


def test_paths_without_purchase_change_the_removal_shares(paths):
    told = promotions.credit_paths(paths, draws=0).shares.set_index("channel")[
        "removal"
    ]
    other = promotions.credit_paths(paths.assign(nulls=[0, 400, 0, 0, 0]), draws=0)
    assert (
        abs(told["mail"] - other.shares.set_index("channel").loc["mail", "removal"])
        > 0.01
    )


def test_a_chain_of_order_one_is_found_again_from_its_paths():
    draw = np.random.default_rng(4)
    move = {
        "s": [0.6, 0.4],
        "a": [0.2, 0.5, 0.2],
        "b": [0.3, 0.1, 0.1],
    }  # a, b, buy; rest ends
    rows = []
    for _ in range(20_000):
        steps, state = [], draw.choice(["a", "b"], p=move["s"])
        while state in "ab":
            steps.append(state)
            to_a, to_b, buy = move[state]
            state = draw.choice(
                ["a", "b", "buy", "end"], p=[to_a, to_b, buy, 1 - to_a - to_b - buy]
            )
        rows.append((" > ".join(steps), int(state == "buy"), int(state == "end")))
    told = (
        pd.DataFrame(rows, columns=["path", "conversions", "nulls"])
        .groupby("path", as_index=False)
        .sum()
    )
    q = np.array([[0.2, 0.5], [0.3, 0.1]])
    chance = np.array(move["s"]) @ np.linalg.solve(np.eye(2) - q, [0.2, 0.1])
    without = np.array([0.4 * 0.1 / (1 - 0.1), 0.6 * 0.2 / (1 - 0.2)])
    effect = 1 - without / chance
    credit = promotions.credit_paths(told)
    shares = credit.shares.set_index("channel")
    for at, name in enumerate("ab"):
        wanted = effect[at] / effect.sum()
        assert shares.loc[name, "removal"] == pytest.approx(wanted, abs=0.005)
        assert shares.loc[name, "low"] < shares.loc[name, "high"]
    assert kept_without(told, ["a"]) == pytest.approx(without[0] / chance, abs=0.03)


def test_two_runs_agree_to_the_last_digit_and_the_frame_is_kept(paths):
    before = paths.copy()
    first, second = (promotions.credit_paths(paths) for _ in range(2))
    pd.testing.assert_frame_equal(first.shares, second.shares)
    pd.testing.assert_frame_equal(paths, before)


def test_bad_paths_are_refused_with_the_way_out(paths):
    with pytest.raises(ValueError, match="nulls"):
        promotions.credit_paths(paths.drop(columns="nulls"))
    with pytest.raises(ValueError, match="order is 4"):
        promotions.credit_paths(paths, order=4)
    with pytest.raises(ValueError, match="count of -1"):
        promotions.credit_paths(paths.assign(conversions=-1))
    with pytest.raises(ValueError, match="radio"):
        kept_without(paths, ["radio"])
    with pytest.raises(ValueError, match="load touchpoints"):
        answer.journeys(
            promotions.credit_paths(paths.head(0)),
            day=pd.Timestamp("2026-01-05").date(),
        )


def test_the_page_says_that_removal_is_not_what_was_caused(paths):
    credit = promotions.credit_paths(paths, orders=True)
    finding = answer.journeys(credit, day=pd.Timestamp("2026-01-05").date())
    assert any("not what the channel caused" in c.sentence.en for c in finding.checks)
    assert "<" not in finding.headline
    assert len(answer.credit_table(credit).frame) == 3
    assert "order3" in answer.orders_table(credit).frame
    assert charts.credit_ways(credit).data
    assert charts.against_last(credit).data
    what_if = controls.without(paths, credit)
    assert "keep" in what_if.compute(on0=0.0).headline.en


def test_paths_without_any_purchase_give_an_empty_credit(paths):
    """The channel mix page only leans on journeys; it must not stop for want of them."""
    told = promotions.credit_paths(paths.assign(conversions=0), orders=True)
    assert told.shares.empty
    assert list(told.shares) == list(promotions.credit_paths(paths).shares)
    assert told.conversions == 0
    assert told.ended == paths["nulls"].sum()
    with pytest.raises(ValueError, match=r"none of .* paths ended in a purchase"):
        answer.journeys(told, day=pd.Timestamp("2026-01-05").date())
