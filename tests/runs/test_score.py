"""Predictions are scored when their facts come; decisions are kept and followed."""

import ast
import datetime as dt
import itertools
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from opslib import places
from opslib.errors import ParameterError
from opslib.runs import ledger, manifest
from opslib.runs.score import decisions, facts, marks, replay
from opslib.warehouse import open_store, read_stamp

ACTION = {
    "what": {"en": "Order <b>now</b>.", "zh": "现在订货。"}, "owner": {"en": "Purchasing", "zh": "采购"},
    "due": "2026-06-20", "value": 100.0, "unit": "CNY",
}  # fmt: skip
NAME = "inventory/demand_forecast"
PACKAGE = Path(places.__file__).parent


def _kept(day, key, *, predictions=(), actions=(ACTION,), turn=1, **more):
    """Write the manifest of a finished run as the runner closes it."""
    finding = {
        "room": "inventory",
        "predictions": list(predictions),
        "actions": list(actions),
    }
    name = more.pop("name", NAME)
    folder = places.reports("demo") / name / f"{day}_{key}"
    folder.mkdir(parents=True)
    told = {
        "name": name, "room": "inventory", "company": "demo", "key": key, "day": day, "exit": "ok",
        "parameters": {}, "started": f"{day}T10:00:00", "turn": turn, "finding": finding, **more,
    }  # fmt: skip
    manifest.write(folder, told)
    return told


def _foretold(item, due, low, mid, high):
    quantiles = {"0.1": low, "0.5": mid, "0.9": high}
    return {
        "name": "weekly_units",
        "target": {"item": item},
        "due": str(due),
        "unit": "units",
        "quantiles": quantiles,
    }


def _rule(**more):
    told = {
        "name": "n",
        "label": "n",
        "reads": "m",
        "column": "v",
        "day": "day",
        **more,
    }
    return facts.Rule(**told)


def test_a_fact_is_the_sum_of_its_span_worked_by_hand():
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2026-01-01", periods=6),
            "item": list("AABABA"),
            "v": [1, 2, 4, 8, 16, 32],
        }
    )
    held, run_day = facts.Facts(_rule(span="3"), frame), pd.Timestamp("2026-01-01")
    day = lambda n: pd.Timestamp(2026, 1, n)  # noqa: E731
    assert held.value({"item": "A"}, day(1), day(4), run_day) == 2 + 8
    assert held.value({"item": "all"}, day(1), day(4), run_day) == 2 + 4 + 8
    assert held.value({"item": "none sold"}, day(1), day(4), run_day) == 0
    assert pd.isna(held.value({}, pd.Timestamp("2025-12-01"), day(4), run_day))


def test_those_not_yet_known_on_the_day_do_not_count():
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["2026-01-01", "2026-01-05", "2026-01-06"]),
            "customer": list("ABA"),
            "v": [1, 2, 4],
        }
    )
    held = facts.Facts(_rule(known="customer"), frame)
    run_day = pd.Timestamp("2026-01-03")
    assert held.value({}, run_day, pd.Timestamp("2026-01-10"), run_day) == 4


def test_a_value_that_stands_and_what_a_target_chooses_worked_by_hand():
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["2026-01-02", "2026-01-05", "2026-03-01"]),
            "kind": ["cost", "cost", "revenue"],
            "v": [1.0, 2.0, 9.0],
        }
    ).assign(month=pd.to_datetime(["2026-01-01", "2026-01-01", "2026-02-01"]))
    day = lambda m, n: pd.Timestamp(2026, m, n)  # noqa: E731
    stands = facts.Facts(_rule(span="at"), frame)
    assert stands.pair({"weeks": "4"}, day(1, 3), day(1, 8)) == (2.0, 1.0)
    assert pd.isna(stands.pair({}, day(1, 3), day(2, 20))[0]), "older than a week"
    chosen = facts.Facts(_rule(span="target", only={"kind": ["cost"]}), frame)
    assert chosen.pair({"month": "2026-01-01"}, day(1, 1), day(2, 10))[0] == 3.0
    assert chosen.pair({"month": "2026-01-01"}, day(1, 1), day(1, 3))[0] == 1.0
    assert pd.isna(chosen.pair({"month": "2026-02-01"}, day(1, 1), day(4, 1))[0]), (
        "no cost was booked"
    )


def test_every_rule_reads_a_mart_that_has_its_columns(demo_home):
    with open_store("demo") as store:
        for rule in facts.rules().values():
            assert rule.label.en != rule.label.zh
            if rule.why_not:
                continue
            more = (*rule.only, *rule.names, *rule.asked, *rule.share)
            wanted = dict.fromkeys(
                (rule.column, rule.day, rule.known, rule.worth, *more)
            )
            wanted = [c for c in wanted if c]
            assert list(store.read(rule.reads, columns=wanted)) == wanted


def test_every_name_that_a_room_foretells_has_its_rule():
    """Names are read from the rooms' own source, so a new one cannot be forgotten."""
    found = set()
    for path in (PACKAGE / room for room in places.ROOMS):
        for file in path.rglob("answer.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                called = isinstance(node, ast.Call) and getattr(node.func, "id", "")
                if called == "Prediction":
                    found |= {k.value for k in node.keywords if k.arg == "name"}
                elif called in ("_told", "told_ahead", "chance_ahead"):
                    found.add(node.args[0])
    names = {n.value for n in found if isinstance(n, ast.Constant)}
    assert len(names) >= 10
    assert names == set(facts.rules())


def test_the_share_of_a_month_and_the_pace_of_a_campaign_worked_by_hand():
    day = lambda m, n: pd.Timestamp(2026, m, n)  # noqa: E731
    frame = pd.DataFrame(
        {
            "day": [day(m, 1) for m in (1, 1, 2, 2, 3, 3)],
            "seller": ["us", "them"] * 3,
            "v": [10.0, 30.0, 20.0, 20.0, 30.0, 10.0],
        }
    )
    held = facts.Facts(_rule(span="month", share=("seller",)), frame)
    assert held.pair({"seller": "us"}, day(2, 28), day(3, 31)) == (0.75, 0.5)
    assert held.pair({"seller": "us"}, day(2, 10), day(3, 31)) == (0.75, 0.25)
    assert pd.isna(held.pair({"seller": "us"}, day(3, 31), day(4, 30))[0])
    frame = pd.DataFrame(
        {"day": pd.date_range("2026-03-02", periods=10), "v": 5.0, "promotion": "P"}
    )
    held = facts.Facts(_rule(span="whole", names={"promotion": "campaign"}), frame)
    told = {"parameters": {}}
    aim = held.rule.aim(told, {"campaign": "P"})
    assert aim == {"promotion": "P"}
    assert held.pair(aim, day(3, 5), day(3, 8)) == (35.0, 35.0), "four days, then seven"
    assert pd.isna(held.pair({"promotion": "Q"}, day(3, 5), day(3, 8))[0])


def test_the_run_s_parameter_chooses_whose_share_is_meant():
    rule = _rule(asked={"seller": "ours"})
    told = {"parameters": {"ours": "Us"}}
    assert rule.aim(told, {"option": "A"}) == {"option": "A", "seller": "Us"}


def test_the_last_month_and_the_money_of_a_miss_worked_by_hand():
    frame = pd.DataFrame(
        {
            "closed": pd.to_datetime(["2026-02-10", "2026-03-10", "2026-04-10"]),
            "month": pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01"]),
            "v": [4.0, 6.0, 5.0],
            "m": [8.0, 12.0, 10.0],
        }
    )
    held = facts.Facts(_rule(span="target", day="closed", worth="m"), frame)
    days = pd.Timestamp("2026-03-15"), pd.Timestamp("2026-04-10")
    assert held.pair({"month": "2026-03-01"}, *days) == (5.0, 6.0)
    assert held.worth({"month": "2026-03-01"}) == 2.0


def test_a_chance_is_marked_by_its_square_and_judged_both_ways(demo_home):
    with open_store("demo") as store:
        cash = store.read("cash_days").sort_values("day").set_index("day")["closing"]
    days = cash.index[-200::20]
    floor = float(cash[days].median())
    for at, (then, due) in enumerate(itertools.pairwise(days)):
        p = {
            "name": "cash_short", "target": {"below": f"{floor:.2f}"}, "due": str(due.date()),
            "unit": "chance", "quantiles": {"chance": 0.3},
        }  # fmt: skip
        _kept(str(then.date()), f"c{at}", predictions=[p], parameters={})
    marked = marks.score("demo")
    below = [float(cash[d] < float(f"{floor:.2f}")) for d in days[1:]]
    assert marked["actual"].tolist() == below
    assert marked["loss"].tolist() == pytest.approx([(0.3 - x) ** 2 for x in below])
    told = marks.summary(marked).iloc[0]
    assert told["held"] == pytest.approx(sum(below) / len(below))
    before = [float(cash[d] < float(f"{floor:.2f}")) for d in days[:-1]]
    naive = sum(a != b for a, b in zip(before, below, strict=True))
    assert told["nearer"] == pytest.approx(1 - marked["loss"].sum() / naive)
    sure = marked.assign(held=True, actual=1.0)
    assert marks.summary(sure).iloc[0]["verdict"] == "narrow", "always, not 3 of 10"
    rare = marked.assign(held=[False] * len(marked))
    assert marks.summary(rare).iloc[0]["verdict"] == "narrow", "never, not 3 of 10"


def test_a_room_is_judged_by_its_worst_kind_that_can_be_judged():
    told = pd.DataFrame(
        {
            "room": ["budget", "budget", "market", "inventory", "inventory"],
            "verdict": ["good", "narrow", "early", "early", "good"],
        }
    )
    assert marks.by_room(told) == {
        "budget": "narrow",
        "market": "early",
        "inventory": "good",
    }


def test_predictions_are_marked_as_by_hand(demo_home):
    with open_store("demo") as store:
        rows = store.read("weekly_demand")
    week = rows["week"].max() - pd.Timedelta(days=21)
    item = rows[rows["week"] == week].groupby("item")["units"].sum().idxmax()
    sold = rows[rows["item"] == item].groupby("week")["units"].sum()
    came, before = float(sold[week]), float(sold.get(week - pd.Timedelta(days=7), 0))
    due, run_day = (
        (week + pd.Timedelta(days=6)).date(),
        (week - pd.Timedelta(days=1)).date(),
    )
    _kept(
        str(run_day),
        "aaa",
        predictions=[_foretold(item, due, came - 2, came + 1, came + 3)],
    )
    _kept(
        str(run_day),
        "bbb",
        predictions=[_foretold(item, due, came + 1, came + 2, came + 3)],
        turn=2,
    )
    late = due + dt.timedelta(days=700)
    _kept(str(due), "ccc", predictions=[_foretold(item, late, 0, 1, 2)])
    marked = marks.score("demo")
    assert len(marked) == 1, "the later run of a day counts, what is not due does not"
    row = marked.iloc[0]
    assert (row["key"], row["actual"], row["naive"]) == ("bbb", came, before)
    assert (row["miss"], row["naive_miss"], row["held"]) == (
        2,
        abs(came - before),
        False,
    )
    by_hand = [2 * (1 - q) * over for q, over in ((0.1, 1), (0.5, 2), (0.9, 3))]
    assert row["loss"] == pytest.approx(sum(by_hand) / 3)
    assert row["promised"] == pytest.approx(0.8)


def _marked(held, miss, naive, dues):
    return pd.DataFrame(
        {
            "name": "weekly_units", "room": "inventory", "notebook": NAME, "held": held, "promised": 0.8,
            "unit": "units", "loss": 1.0, "money": 1.0, "naive_money": 2.0, "due": pd.to_datetime(dues), "mid": 11.0, "actual": 10.0, "miss": miss, "naive_miss": naive,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("held", "miss", "verdict"),
    [(0.8, 1.0, "good"), (0.3, 1.0, "narrow"), (0.9, 3.0, "naive")],
)
def test_the_verdict_follows_the_marks(held, miss, verdict):
    """Fifty words on each of ten due days; the naive guess misses by two."""
    dues = [
        d for d in pd.date_range("2026-01-04", periods=10, freq="7D") for _ in range(50)
    ]
    right = [i % 50 < held * 50 for i in range(500)]
    told = marks.summary(_marked(right, miss, 2.0, dues)).iloc[0]
    assert told["verdict"] == verdict
    assert told["bias"] == pytest.approx(0.1)
    assert told["nearer"] == pytest.approx(1 - miss / 2)
    early = marks.summary(_marked(right[:50], miss, 2.0, dues[:50])).iloc[0]
    assert early["verdict"] == "early"


def test_a_run_replayed_later_never_takes_the_place_of_the_answer(demo_home):
    _kept("2026-06-20", "now", turn=3)
    _kept("2026-01-31", "past", turn=9, replay=True)
    runs = manifest.of_notebook("demo", NAME)
    assert runs[0]["key"] == "past"
    assert manifest.standing(runs)["key"] == "now"


def test_a_clock_set_back_does_not_change_which_run_is_the_later(demo_home):
    _kept("2026-06-20", "old", turn=1, started="2031-01-01T00:00:00")
    _kept("2026-06-20", "new", turn=2, started="2026-01-01T00:00:00")
    assert manifest.standing(manifest.of_notebook("demo", NAME))["key"] == "new"


def test_decisions_are_kept_with_the_run_and_followed(demo_home):
    _kept("2026-06-20", "aaa1", actions=[ACTION, {**ACTION, "due": "2099-01-01"}])
    acts = decisions.actions("demo", [NAME])
    assert acts["choice"].tolist() == ["", ""]
    assert acts["overdue"].tolist() == [True, False], "overdue first"
    decisions.decide(
        "demo", "aaa", 1, "put-off", by="Li", why="no room", until="2099-02-01"
    )
    decisions.decide("demo", NAME, 2, "accept", by="Li")
    acts = decisions.actions("demo", [NAME]).set_index("action")
    assert acts.loc[1, ["choice", "due", "why"]].tolist() == [
        "put-off",
        "2099-02-01",
        "no room",
    ]
    assert not acts["overdue"].any()
    _kept("2026-06-21", "bbb2", turn=2, actions=[])
    assert len(decisions.actions("demo", [NAME])) == 2, (
        "decided actions stay when a later run says nothing"
    )
    decisions.decide("demo", "aaa1", 2, "done", by="Li", reached=80)
    assert decisions.actions("demo", [NAME]).set_index("action").loc[2, "reached"] == 80
    lines = (
        (places.data() / "records/demo/decisions.jsonl").read_text("utf-8").splitlines()
    )
    assert [json.loads(line)["choice"] for line in lines if line] == [
        "put-off",
        "accept",
        "done",
    ]


def test_a_decision_cut_short_by_a_crash_loses_no_other(demo_home):
    _kept("2026-06-20", "aaa1")
    decisions.decide("demo", "aaa1", 1, "accept", by="Li")
    book = places.data() / "records/demo/decisions.jsonl"
    book.write_text(book.read_text("utf-8") + '\n{"key": "aa', "utf-8")
    assert [d["choice"] for d in decisions.decided("demo")] == ["accept"]
    decisions.decide("demo", "aaa1", 1, "done", by="Li")
    assert [d["choice"] for d in decisions.decided("demo")] == ["accept", "done"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("zzz", 1, "accept", {"by": "Li"}), "0 finished runs fit"),
        (("aaa1", 4, "accept", {"by": "Li"}), "no number 4"),
        (("aaa1", 1, "perhaps", {"by": "Li"}), "no decision"),
        (("aaa1", 1, "accept", {"by": " "}), "--by"),
        (("aaa1", 1, "refuse", {"by": "Li"}), "--why"),
        (("aaa1", 1, "put-off", {"by": "Li", "why": "later"}), "--until"),
        (("../..", 1, "accept", {"by": "Li"}), "0 finished runs fit"),
    ],
)
def test_a_decision_that_lacks_something_is_refused(demo_home, given, says):
    _kept("2026-06-20", "aaa1")
    run, action, choice, told = given
    with pytest.raises(ParameterError, match=says):
        decisions.decide("demo", run, action, choice, **told)


def test_both_pages_stand_beside_the_gallery_in_both_languages(demo_home):
    from opslib.publish import record

    home = places.reports()
    home.mkdir(exist_ok=True)
    record.publish("demo", "en", home)
    assert "opslib replay" in (home / "record.html").read_text("utf-8")
    with open_store("demo") as store:
        rows = store.read("weekly_demand")
    item = rows["item"].iloc[0]
    for back in range(10, 2, -1):
        week = rows["week"].max() - pd.Timedelta(days=7 * back)
        due, day = (
            (week + pd.Timedelta(days=6)).date(),
            (week - pd.Timedelta(days=1)).date(),
        )
        _kept(
            str(day),
            f"k{back}",
            predictions=[_foretold(item, due, 0, 5, 10_000)],
            replay=True,
        )
    decisions.decide("demo", "k3", 1, "done", by="Li", reached=80)
    decisions.decide("demo", "k4", 1, "change", by="<i>Li</i>", why="half of it")
    told = record.publish("demo", "en", home)
    assert told["held"].tolist() == [1.0]
    page = (home / "record.html").read_text("utf-8")
    assert "held in 8 of 8 cases" in page
    assert "body{" in page, "it is dressed as the other pages are"
    assert re.search(r"(trusted|than a simple guess): Inventory\.", page)
    assert "is not judged: what a channel added is never seen" in page
    assert "were not said at the time" in page
    assert "CN¥80.00" in page
    chinese = (home / "record.zh.html").read_text("utf-8")
    assert "我们说得有多准" in chinese
    assert "各月落在范围内的比例" in chinese
    actions = (home / "actions.html").read_text("utf-8")
    assert "<i>Li" not in actions
    assert "Order <b>" not in actions
    assert "half of it" in actions
    actions = (home / "actions.zh.html").read_text("utf-8")
    assert "采购" in actions
    assert "现在订货" in actions
    assert "单个商品的周销量</td>" in chinese
    assert "落在范围内" in chinese


def test_a_notebook_lacks_history_where_the_replayed_day_cuts_it(demo_home):
    from opslib.runs import listing

    entry = listing.entries()[NAME]
    stamp = read_stamp("demo")
    assert listing.lacking(entry, stamp) == []
    first = dt.date.fromisoformat(stamp["tables"]["sales_lines"]["first_day"])
    early = str(first + dt.timedelta(days=60))
    assert "are needed" in listing.lacking(entry, stamp, early)[0]
    for name, table in (
        ("budget/budget_risk", "budget_lines"),
        ("market/options", "choice_answers"),
    ):
        begins = stamp["tables"][table]["first_day"]
        day = str(dt.date.fromisoformat(begins) - dt.timedelta(days=1))
        said = [str(s) for s in listing.lacking(listing.entries()[name], stamp, day)]
        assert f"{table} begins on {begins}" in said


def test_a_replay_takes_the_questions_that_fill_the_record(demo_home):
    from opslib.runs import listing

    every = list(listing.entries())
    assert replay.foretelling("demo") == every, "none was answered yet"
    words = [_foretold("A", "2026-07-05", 0, 1, 2)]
    _kept("2026-06-20", "units", predictions=words)
    plan = {**words[0], "name": "mix_plan"}
    for name, told in (
        ("inventory/reorder_plan", words),
        ("customers/segments", []),
        ("promotions/channel_mix", [plan]),
    ):
        _kept("2026-06-20", "k", predictions=told, name=name)
    left = replay.foretelling("demo")
    gone = {"inventory/reorder_plan", "customers/segments", "promotions/channel_mix"}
    assert left == [n for n in every if n not in gone]


@pytest.mark.slow
def test_a_replay_goes_through_past_months_and_fills_the_record(demo_home):
    batch = replay.replay("demo", [NAME], months=2, jobs=2)
    assert [r["exit"] for r in batch.results] == ["ok", "ok"]
    assert all(r["replay"] for r in batch.results)
    for told, p in ledger.kept("demo"):
        assert p["due"] > told["day"]
    marked = marks.score("demo")
    assert len(marked) >= 100
    assert set(marked["run_day"].dt.is_month_end) == {True}
    assert marks.summary(marked)["nearer"].iloc[0] > 0
    again = replay.replay("demo", [NAME], months=2, jobs=2)
    assert again.started == 0
