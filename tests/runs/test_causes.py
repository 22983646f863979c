"""Old code is kept and run again on new data, so that causes are told apart."""

import json
import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opslib import places, runs
from opslib.errors import OpslibError
from opslib.publish import report
from opslib.runs import keys, listing, manifest
from opslib.runs.keep import again, changes, prune, sources
from opslib.warehouse import build

NAME = "inventory/units"
COUNT = """from opslib import desk, findings, periods
from opslib.words import Text
here = desk.open(company, as_of=as_of)
units = float(here.read("sales_lines", columns=["quantity"])["quantity"].sum())
value = TIMES * units + float(word)
q = findings.Quantity(value=value, low=0, high=9e9, unit="units")
here.show(findings.Finding(room="inventory", headline=Text("Units", "销量"), quantity=q))"""


def _run(books, times, word):
    code = COUNT.replace("TIMES", times)
    books.listed(books.notebook("units", code))
    told = runs.run("demo", [NAME], given={"word": word}).results[0]
    assert told["exit"] == "ok", told["message"]
    return told


def _units():
    from opslib.warehouse import open_store

    with open_store("demo") as store:
        return float(store.read("sales_lines", columns=["quantity"])["quantity"].sum())


def _new_day():
    with build.rebuild("demo") as held:
        held.execute(
            "INSERT INTO sales_lines SELECT * REPLACE (day + 1 AS day, quantity + 3 AS quantity) "
            "FROM sales_lines WHERE day = (SELECT max(day) FROM sales_lines)"
        )


@pytest.mark.slow
def test_data_parameters_and_code_are_told_apart_by_running_the_old_code(books):
    old = _run(books, "1", "5")
    before = _units()
    _new_day()
    after = _units()
    assert after > before
    new = _run(books, "2", "9")
    assert old["versions"]["notebook"] != new["versions"]["notebook"]
    said = changes.why(old, new)
    assert "not told apart" in said
    told = again.parts(old, new, ["data", "parameters", "code"])
    assert told == {
        "data": after - before,
        "parameters": 4.0,
        "code": pytest.approx(after),
    }
    whole = new["finding"]["quantity"]["value"] - old["finding"]["quantity"]["value"]
    assert sum(told.values()) == pytest.approx(whole)
    assert "The old code on the new data" in changes.why(old, new)
    assert "the parameters +4 units" in changes.difference(old, new)


@pytest.mark.slow
def test_old_opslib_runs_from_where_it_was_kept_and_its_page_says_so(books):
    """A state of opslib with another method is put in the store, as an upgrade leaves it."""
    old = _run(books, "periods.span_days('2 weeks')", "0")
    home = sources._home("demo")
    lists = json.loads((home / "lists" / keys.source_hash()).read_text())
    module = Path(places.__file__).parent / "periods.py"
    then = module.read_text("utf-8") + "\n\ndef span_days(span):\n    return 1\n"
    lists["periods.py"] = sources._put("demo", then.encode())
    (home / "lists" / "0123456789abcdef").write_text(json.dumps(lists))
    folder = places.reports() / old["folder"]
    units = _units()
    old["versions"]["source"] = "0123456789abcdef"
    old["finding"]["quantity"]["value"] = units
    manifest.write(folder, old)
    _new_day()
    new = _run(books, "periods.span_days('2 weeks')", "0")
    changes.explain((new,))
    told = again.known(old, new)
    assert told["data"] == pytest.approx(_units() - units)
    assert told["code"] == pytest.approx(13 * _units())
    report.publish(new, "en")
    page = (places.reports() / new["folder"] / "report.html").read_text("utf-8")
    assert "the code +" in page
    assert "the data (sales_lines) and the code" in page


def test_code_that_was_not_kept_or_changed_data_says_so(books):
    old = {"key": "k", "company": "demo", "versions": {"source": "ff"}}
    with pytest.raises(OpslibError, match="was not kept"):
        sources.unpack("demo", old, books.home / "x")
    new = {"key": "n", "company": "demo", "data": {"tables": {"sales_lines": {"content": "no"}}}}  # fmt: skip
    with pytest.raises(OpslibError, match="sales_lines has changed"):
        again.parts(old, new, ["data", "code"])


def test_old_code_is_run_once_more_where_its_kernel_died_and_only_there(
    books, monkeypatch
):
    books.listed(books.notebook("units", books.show))
    one = sources.keep("demo", listing.entries()[NAME])
    versions = {"source": keys.source_hash(), "notebook": one}
    told = {"key": "k", "name": NAME, "company": "demo", "versions": versions}
    ends = [subprocess.CalledProcessError(1, [], stderr="RuntimeError: Kernel died"), None]  # fmt: skip

    def call(*_):
        end = ends.pop(0)
        if end:
            raise end

    monkeypatch.setattr(again, "_call", call)
    assert again._again(told, {}) == {}, "nothing was run in earnest"
    assert ends == []
    ends += [subprocess.CalledProcessError(1, [], stderr="x\nNameError: units"), None]
    with pytest.raises(OpslibError, match="NameError: units"):
        again._again(told, {})
    assert ends == [None]


def test_each_file_is_kept_once_and_goes_with_the_last_run_that_names_it(books):
    entry = books.notebook("units", books.show)
    books.listed(entry)
    one = sources.keep("demo", listing.entries()[NAME])
    count = len(list(sources._held(sources._home("demo"))))
    assert sources.keep("demo", listing.entries()[NAME]) == one
    assert len(list(sources._held(sources._home("demo")))) == count
    told = {"key": "k", "versions": {"source": keys.source_hash(), "notebook": one}}
    book = sources.unpack("demo", told, books.home / "then")
    assert book.read_bytes() == listing.entries()[NAME].path.read_bytes()
    package = Path(places.__file__).parent
    for path in (package / "periods.py", package / "show" / "card.py"):
        kept = books.home / "then" / "opslib" / path.relative_to(package)
        assert kept.read_bytes() == path.read_bytes()
    assert [p.name for p in sources.unused("demo", set())] == [one]
    # Older than the hour that a clock shows twice in autumn.
    then = time.time() - 7200
    os.utime(sources._home("demo") / one, (then, then))
    leaving = prune.plan("demo", days=0)
    assert [o.kind for o in leaving] == ["code"]
    prune.prune(leaving)
    assert sources.unused("demo", set()) == []
    shutil.rmtree(books.home / "then")
    (sources._home("demo") / sources._put("demo", b"x")).write_bytes(b"no")
    with pytest.raises(OpslibError, match="was not kept"):
        sources.unpack("demo", told, books.home / "then")


def test_many_threads_keep_the_same_code_at_once(books):
    entry = books.notebook("units", books.show)
    books.listed(entry)
    entry = listing.entries()[NAME]
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda _: sources.keep("demo", entry), range(16)))
    assert len(set(kept)) == 1
    names = [p.name for p in sources._held(sources._home("demo"))]
    assert all(len(name) in (16, 64) for name in names), "no half is left"
