"""Housekeeping: pruning, backups, what changed, a runbook for every exit class."""

import datetime as dt
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from opslib import places
from opslib.errors import OpslibError, ParameterError
from opslib.runs import keys, ledger, listing, manifest, work
from opslib.runs.keep import backup, changes, forget, log, prune
from opslib.runs.score import decisions
from opslib.runs.watch import schedule
from opslib.warehouse import build, open_store, people, read_stamp

NAME = "inventory/demand_forecast"


def _finding(value=10.0, **facts):
    text = {"en": "Units", "zh": "销量"}
    p = {
        "name": "weekly_units",
        "target": {"item": "A"},
        "due": "2026-02-08",
        "unit": "units",
        "quantiles": {"0.5": 1.0},
    }
    quantity = {
        "value": value,
        "low": 8.0,
        "high": 12.0,
        "unit": "units",
        "confidence": 0.8,
        "name": text,
    }
    action = {
        "what": text,
        "owner": text,
        "due": "2026-01-01",
        "value": None,
        "unit": "",
    }
    return {
        "room": "inventory", "headline": text, "quantity": quantity, "actions": [action], "checks": [],
        "caveats": [], "predictions": [p], "facts": facts,
    }  # fmt: skip


def _kept(
    day,
    key,
    *,
    age=0,
    exit_="ok",
    finding=None,
    content="one",
    source="aa",
    parameters=None,
    **more,
):
    started = dt.datetime.now() - dt.timedelta(days=age)
    folder = (
        places.reports("demo")
        / NAME
        / (f"{day}_{key}" + ("" if exit_ == "ok" else "_failed"))
    )
    folder.mkdir(parents=True)
    told = {
        "name": NAME, "room": "inventory", "company": "demo", "key": key, "day": day, "exit": exit_,
        "started": started.isoformat(timespec="seconds"), "turn": 1, "finding": finding or _finding(),
        "parameters": parameters or {"weeks": 4, "as_of": ""}, "versions": {"source": source},
        "data": {"tables": {"sales_lines": {"content": content}}}, **more,
    }  # fmt: skip
    manifest.write(folder, told)
    (folder / "notebook.ipynb").write_text("x" * 1000)
    return {**told, "folder": str(folder.relative_to(places.reports()))}


def test_pruning_shows_first_and_keeps_records_and_the_standing_answer(demo_home):
    for day, key, age, end in (
        ("2026-01-01", "old1", 200, "ok"), ("2026-01-02", "old2", 200, "cell error"),
        ("2026-02-01", "new3", 5, "ok"), ("2026-03-01", "top4", 200, "ok"),
    ):  # fmt: skip
        _kept(day, key, age=age, exit_=end)
    lack = places.reports("demo") / NAME / "lacking"
    lack.mkdir()
    lacking = {**manifest.read(places.reports("demo") / NAME / "2026-01-01_old1")}
    manifest.write(lack, {**lacking, "exit": "lacking data", "key": "gone"})
    home = places.reports("demo") / NAME
    leaving = prune.plan("demo", days=90)
    assert {(o.path.name, o.kind) for o in leaving} == {
        ("2026-01-01_old1", "strip"),
        ("2026-01-02_old2_failed", "broken"),
        ("lacking", "broken"),
    }
    assert "1 old runs" in prune.told(leaving)
    assert (home / "2026-01-01_old1" / "notebook.ipynb").exists(), (
        "a plan removes nothing"
    )
    assert prune.prune(leaving) > 2000
    assert [p.name for p in (home / "2026-01-01_old1").iterdir()] == ["manifest.json"]
    assert not (home / "2026-01-02_old2_failed").exists()
    assert (home / "2026-03-01_top4" / "notebook.ipynb").exists(), (
        "the standing answer, however old"
    )
    assert {m["key"] for m, _ in ledger.kept("demo")} == {"old1", "new3", "top4"}, (
        "words can still be scored"
    )
    decisions.decide("demo", "old1", 1, "accept", by="Li")
    assert prune.plan("demo", days=90) == []
    with pytest.raises(ValueError, match="days"):
        prune.plan("demo", days=-1)


def test_a_pruned_run_is_not_taken_for_an_answer(demo_home):
    entry, stamp = listing.entries()[NAME], read_stamp("demo")
    key = keys.run_key(entry, {}, "demo", stamp)
    _kept("2026-01-01", key, age=200)
    _kept("2026-02-01", "new", age=200, turn=2)
    job = work.Job(entry=entry, values={}, key=key, day="2026-01-01", label="")
    assert work.kept("demo", job)
    prune.prune(prune.plan("demo"))
    assert work.kept("demo", job) is None


def test_a_word_keeps_its_line_whatever_marks_it_holds(home):
    """U+2028, U+2029 and U+0085 end a line for some readers, not in a book."""
    from opslib.runs.score import book

    path = places.data() / "records" / "demo" / "words.jsonl"
    said = ["one\u2028two\u2029three\u0085four", "five"]
    for word in said:
        book.add(path, {"text": word})
    assert [line["text"] for line in book.lines(path)] == said


def test_a_backup_holds_what_readers_of_a_part_decided(demo_home):
    from opslib.runs.score import book

    path = places.data() / "records" / "demo@north" / "comments.jsonl"
    book.add(path, {"text": "ours"})
    page = places.reports("demo@north") / "page.html"
    page.parent.mkdir(parents=True)
    page.write_text("kept")
    file = backup.backup("demo")
    shutil.rmtree(path.parent)
    shutil.rmtree(page.parent)
    backup.restore(file, company="demo")
    assert book.lines(path) == [{"text": "ours"}]
    assert page.read_text() == "kept"


def test_a_load_during_a_backup_makes_it_begin_again(demo_home, monkeypatch):
    """Else an old stamp would stand beside a new warehouse."""
    real, times = backup._files, []

    def loaded_meanwhile(company):
        if not times:
            with build.rebuild("demo") as held:
                held.execute("DELETE FROM sales_lines")
        times.append(1)
        return real(company)

    monkeypatch.setattr(backup, "_files", loaded_meanwhile)
    file = backup.backup("demo")
    assert len(times) == 2
    monkeypatch.undo()
    monkeypatch.setenv("OPSLIB_HOME", str(demo_home))
    backup.restore(file, company="demo")
    assert read_stamp("demo")["tables"]["sales_lines"]["rows"] == _rows() == 0
    assert not list(file.parent.glob("*.half"))


def _rows():
    with open_store("demo") as store:
        return store.rows("sales_lines")


def test_a_backup_brings_back_warehouse_decisions_and_runs(demo_home):
    _kept("2026-01-01", "aaa1")
    decisions.decide("demo", "aaa1", 1, "accept", by="Li")
    stamp, rows = read_stamp("demo"), _rows()
    file = backup.backup("demo")
    with build.rebuild("demo") as held:
        held.execute("DELETE FROM sales_lines")
    shutil.rmtree(places.reports("demo"))
    shutil.rmtree(places.data() / "records")
    _kept("2026-05-01", "later")
    told = backup.restore(file, company="demo")
    assert told["company"] == "demo"
    assert _rows() == rows
    assert read_stamp("demo")["tables"] == stamp["tables"]
    assert [d["choice"] for d in decisions.decided("demo")] == ["accept"]
    assert [m["key"] for m, _ in ledger.kept("demo")] == ["aaa1"], (
        "nothing of later is mixed in"
    )
    assert (
        places.reports("demo") / NAME / "2026-01-01_aaa1" / "notebook.ipynb"
    ).is_file()
    assert list(places.raw("demo").iterdir()), "deliveries stay"
    assert not list(places.data().glob(".restoring*"))
    with tarfile.open(file) as book:
        assert not [n for n in book.getnames() if "keys/" in n or "raw/" in n]
    elsewhere = demo_home / "elsewhere"
    (elsewhere / "notebooks").mkdir(parents=True)
    pytest.MonkeyPatch().setenv("OPSLIB_HOME", str(elsewhere))
    backup.restore(file)
    assert _rows() == rows


@pytest.mark.parametrize("how", ["cut", "changed", "other company", "no backup"])
def test_a_broken_backup_changes_nothing(demo_home, how):
    rows, file = _rows(), backup.backup("demo")
    content, company = file.read_bytes(), "demo"
    if how == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif how == "changed":
        unpacked = demo_home / "unpacked"
        with tarfile.open(file) as book:
            book.extractall(unpacked, filter="data")
        (unpacked / "data/companies/demo/company.toml").write_text('language = "zh"\n')
        with tarfile.open(file, "w:gz") as book:
            book.add(unpacked, arcname=".")
    elif how == "other company":
        company = "shop"
    else:
        file.write_text("hello")
    with pytest.raises(OpslibError, match=file.name):
        backup.restore(file, company=company)
    assert _rows() == rows


def test_the_difference_names_numbers_and_what_did_it():
    def run(**more):
        told = {
            "name": NAME, "key": "k", "company": "demo", "day": "2026-01-01", "finding": _finding(), "parameters": {"weeks": 4, "as_of": ""},
            "versions": {"source": "aa"}, "data": {"tables": {"sales_lines": {"content": "one"}}},
        }  # fmt: skip
        return {**told, **more}

    old, data = run(), {"tables": {"sales_lines": {"content": "two"}}}
    new = run(day="2026-02-01", finding=_finding(14.0, orders=3.0), data=data)
    said = changes.difference(old, new)
    assert "14 units" in said
    assert "40.0%" in said
    assert "outside the range" in said
    assert "orders: - → 3" in said
    assert "so what did it: the data (sales_lines)" in said
    assert said.zh != said.en
    both = changes.why(old, run(data=data, versions={"source": "bb"}))
    assert "not told apart" in both
    given = changes.why(old, run(parameters={"weeks": 8, "as_of": ""}))
    assert "weeks: 4 → 8" in given
    assert "Neither" in changes.why(old, run())
    with pytest.raises(ParameterError, match="different questions"):
        changes.difference(old, run(name="inventory/stock_health"))


def test_a_page_says_what_changed_since_the_answer_before(demo_home):
    _kept("2026-01-01", "one1")
    _kept("2026-01-15", "oth2", parameters={"weeks": 9, "as_of": ""})
    _kept("2026-01-20", "rep3", replay=True)
    new = _kept("2026-02-01", "new4", finding=_finding(11.0), content="two")
    assert changes.since_last(_kept("2025-01-01", "first")) is None
    said = changes.since_last(new)
    assert "was 10 units (1 Jan 2026)" in said
    assert "10.0%" in said
    assert "within the range" in said
    assert changes.of_key("demo", "one")["key"] == "one1"
    with pytest.raises(ParameterError, match="0 finished runs"):
        changes.of_key("demo", "../x")


def test_a_forgotten_person_leaves_no_word_and_the_score_stays(demo_home):
    number = "C000123"
    text = {"en": f"Call {number}.", "zh": f"致电 {number}。"}
    finding = _finding()
    finding |= {"headline": text, "actions": [{**finding["actions"][0], "what": text}]}
    finding["predictions"].append(
        {**finding["predictions"][0], "target": {"customer": number}}
    )
    _kept("2026-01-01", "aaa1", finding=finding, parameters={"customer": number})
    _kept("2026-01-02", "bad2", exit_="cell error", message=f"{number} is odd")
    decisions.decide("demo", "aaa1", 1, "refuse", by="Li", why=f"{number} moved away")
    log.note("error", f"{number} is odd", company="demo")
    (places.reports() / "demo" / "batch.json").write_text(f'{{"customer": "{number}"}}')
    before = [p for _, p in ledger.kept("demo") if "item" in p["target"]]
    with open_store("demo") as store:
        known = store.read("sales_lines", columns=["customer"])["customer"].dropna()
    told = people.forget("demo", known.iloc[0], forget.strip)
    assert told.places["demo"] == 1
    forget.strip("demo", number)
    assert [p for _, p in ledger.kept("demo")] == before
    for path in (places.data() / "records", places.reports(), log.home()):
        for file in (f for f in path.rglob("*") if f.is_file()):
            assert number not in file.read_text("utf-8"), file
    assert decisions.decided("demo")[0]["why"] == "… moved away"
    run = manifest.of_notebook("demo", NAME)[0]
    assert run["key"] == "aaa1"
    assert manifest.standing([run]) is None, "its page is gone, so it answers nothing"
    with pytest.raises(ParameterError, match="0 finished runs"):
        changes.of_key("demo", "aaa1")
    stamp = read_stamp("demo")
    assert "never answered" in schedule.due("demo", listing.entries()[NAME], stamp)


def test_the_runbook_has_an_entry_for_each_exit_class():
    text = (Path(__file__).parents[2] / "RUNBOOK.md").read_text("utf-8")
    entries = re.findall(r"^### (.+)\n(.+)", text, re.MULTILINE)
    said = {kind: text.en for kind, text in work.exits().items()}
    assert [name for name, _ in entries] == [
        kind if kind == word else f"{kind} ({word})" for kind, word in said.items()
    ]
    assert all(len(first) > 20 for _, first in entries)
