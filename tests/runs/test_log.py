"""One log: a machine reads its lines, a person its words."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from opslib import runs
from opslib.errors import ParameterError
from opslib.runs.keep import log, prune, status


def test_a_run_that_failed_stands_in_the_log_and_in_the_status(books):
    books.listed(books.notebook("bad", "assert word != 'a', 'no a'", books.show))
    told = runs.run("demo", ["inventory/bad"]).results[0]
    text = max(log.home().glob("*.jsonl")).read_text("utf-8")
    line = json.loads(text.strip().splitlines()[-1])
    assert (line["level"], line["run"], line["exit"]) == (
        "error",
        told["key"],
        "cell error",
    )
    assert "no a" in line["what"]
    assert log.find(told["key"]) == log.find(line["ref"]) == line
    assert f"opslib log {line['ref']}" in status.report("demo")
    said = subprocess.run(
        [sys.executable, "-m", "opslib", "log", line["ref"]],
        capture_output=True, text=True, check=True, cwd=books.home,
    ).stdout  # fmt: skip
    assert "cell error" in said
    assert "no a" in said
    runs.run("demo", ["inventory/bad"], given={"word": "b"})
    assert log.lines("demo")[-1]["exit"] == "ok"
    assert len(log.lines("demo", level="error")) == 1


def test_a_line_cut_short_spoils_no_other_and_words_fit_one_line(home):
    first = log.note("info", "one\ntwo", company="demo", run="k1", exit="ok")
    book = max(log.home().glob("*.jsonl"))
    book.write_text(book.read_text("utf-8") + '\n{"when": "20', "utf-8")
    second = log.note("warning", "three", company="shop")
    assert [told["ref"] for told in log.lines()] == [first, second]
    assert [told["ref"] for told in log.lines("demo")] == [first]
    said = log.written(log.find(first))
    assert "\n" not in said
    assert "k1 ok" in said
    assert "two" in log.written(log.find(first), whole=True)


def test_what_the_log_does_not_hold_is_refused(home):
    with pytest.raises(ParameterError, match="no line with reference 'zz'"):
        log.find("zz")
    with pytest.raises(ParameterError, match="'loud' is no level"):
        log.lines(level="loud")
    assert "no error" in log.lately("demo")


def test_old_months_may_go_and_a_full_disk_loses_no_run(home, monkeypatch):
    log.home().mkdir(parents=True)
    (log.home() / "2020-01.jsonl").write_text("\n{}")
    log.note("info", "now")
    assert [p.name for p in log.old(90)] == ["2020-01.jsonl"]
    assert [o.kind for o in prune.plan("demo", days=90)] == ["log"]

    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(log.home()), "open", full)
    assert len(log.note("info", "lost")) == 8


def test_a_page_that_failed_is_found_under_the_reference_its_reader_saw(home):
    from opslib.publish.dashboards.doors import Page

    said = []
    page = SimpleNamespace(
        request=SimpleNamespace(method="GET", path="/ask/x"),
        say_no=lambda what, code: said.append((what, code)),
    )
    try:
        raise RuntimeError("inside")
    except RuntimeError:
        Page.write_error(page, 500, exc_info=sys.exc_info())
    (what, code), ref = said[0], re.search(r"[0-9a-f]{8}", said[0][0])[0]
    assert code == 500
    assert "inside" not in what
    told = log.find(ref)
    assert told["what"] == "GET /ask/x"
    assert "RuntimeError: inside" in told["traceback"]
