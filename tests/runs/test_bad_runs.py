"""Bad notebooks end as records with cell and cause; none stops the others."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import nbformat
import pytest

from opslib import places, runs
from opslib.runs import keys, ledger, listing, manifest, work
from opslib.runs.keep import status
from opslib.warehouse import read_stamp

pytestmark = pytest.mark.slow

PARAMETERS = 'company: str = "demo"  # whose\nas_of: str = ""  # day\nword: str = "a"  # any text'
SHOW = """from opslib import desk, findings
from opslib.words import Text
here = desk.open(company, as_of=as_of)
q = findings.Quantity(value=2, low=1, high=3, unit="units")
here.show(findings.Finding(room="inventory", headline=Text(f"It is two: {word}", "是二"), quantity=q))"""


def _notebook(name, *codes):
    cells = [
        nbformat.v4.new_markdown_cell(
            "# Is it well?", id="question", metadata={"zh": "# 好吗？"}
        ),
        nbformat.v4.new_code_cell(
            PARAMETERS, id="parameters", metadata={"tags": ["parameters"]}
        ),
        *(
            nbformat.v4.new_code_cell(c, id=f"step-{'abc'[i]}")
            for i, c in enumerate(codes)
        ),
    ]
    path = places.notebooks() / "inventory" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return {
        "name": f"inventory/{name}", "room": "inventory",
        "question": {"en": "Is it well?", "zh": "好吗？"}, "promise": {"en": "Yes.", "zh": "好。"},
        "readers": ["finance"], "cadence": "weekly", "needs": {"sales_lines": "any"},
    }  # fmt: skip


def _list(*entries):
    text = json.dumps({"notebooks": list(entries)})
    (places.notebooks() / "gallery.yaml").write_text(text, "utf-8")


def _run(*names, **options):
    batch = runs.run("demo", list(names) or None, jobs=2, **options)
    return batch, {r["name"].split("/")[1]: r for r in batch.results}


def test_each_bad_notebook_has_its_exit_class_and_the_good_one_answers(demo_home):
    _list(
        _notebook("good", SHOW),
        _notebook("syntax", "x = (1,", SHOW),
        _notebook(
            "dies", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", SHOW
        ),
        _notebook("leaves", "import sys\nsys.exit(0)", SHOW),
        _notebook("silent", "x = 1"),
        _notebook("hungry", "raise MemoryError('no room')"),
        _notebook("loud", "for _ in range(100):\n    print('x' * 1_000_000)", SHOW),
    )
    batch, by = _run(timeout=120)
    assert by["good"]["exit"] == "ok"
    assert (by["syntax"]["exit"], by["syntax"]["cell"]) == ("cell error", "step-a")
    assert "SyntaxError" in by["syntax"]["message"]
    assert (by["dies"]["exit"], by["dies"]["cell"]) == ("killed", "step-a")
    assert by["leaves"]["exit"] in ("cell error", "killed")
    assert by["silent"]["exit"] == "cell error"
    assert "no finding" in by["silent"]["message"]
    assert by["hungry"]["exit"] == "out of memory"
    assert by["loud"]["exit"] == "ok"
    size = (places.reports() / by["loud"]["folder"] / "notebook.ipynb").stat().st_size
    assert size < 6_000_000
    assert batch.exit_code == 1
    assert "syntax" in batch.summary()
    half = places.reports() / by["syntax"]["folder"] / "notebook.ipynb"
    book = json.loads(half.read_text("utf-8"))
    states = {
        c["id"]: c["metadata"].get("papermill", {}).get("status") for c in book["cells"]
    }
    assert (states["step-a"], states["step-b"]) == ("failed", "pending")
    from opslib.publish import gallery

    page = gallery.publish("demo").read_text("utf-8")
    assert "The latest run failed" in page
    assert "It is two" in page
    assert "inventory/syntax" in status.report("demo")


def test_one_that_never_ends_is_ended_at_its_time(demo_home):
    _list(_notebook("good", SHOW), _notebook("endless", "while True:\n    pass", SHOW))
    # The time of a run counts its kernel's start, which is long where it is the first.
    _run("inventory/good")
    begun = time.monotonic()
    batch, by = _run("inventory/endless", timeout=10)
    assert by["endless"]["exit"] == "timeout"
    assert by["endless"]["cell"] == "step-a"
    assert time.monotonic() - begun < 300
    assert batch.exit_code == 1


def test_a_failing_run_leaves_the_last_good_answer_standing(demo_home):
    _list(_notebook("shaky", SHOW))
    _run()
    _list(_notebook("shaky", "1 / 0", SHOW))
    _run()
    from opslib.publish import gallery

    page = gallery.publish("demo").read_text("utf-8")
    assert "It is two" in page
    assert "ZeroDivisionError" in page


def test_markup_and_quotes_show_as_text_in_every_page(demo_home):
    _list(_notebook("nasty", SHOW))
    word = "<script>alert('x')</script>\"\"\"\n'"
    _, by = _run(given={"word": word})
    assert by["nasty"]["exit"] == "ok"
    assert word in by["nasty"]["finding"]["headline"]["en"]
    from opslib.publish import gallery

    gallery.publish("demo")
    pages = [*places.reports().rglob("*.html")]
    assert len(pages) >= 4
    for page in pages:
        text = page.read_text("utf-8")
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text or "It is two" not in text


def test_a_grid_runs_each_combination_and_the_key_reuses_them(demo_home):
    _list(_notebook("grid", SHOW))
    batch, _ = _run(grid={"word": "a,b"})
    assert [r["exit"] for r in batch.results] == ["ok", "ok"]
    again, _ = _run(grid={"word": "a,b"})
    assert again.started == 0
    forced, _ = _run(given={"word": "a"}, force=True)
    assert forced.started == 1


def test_a_run_that_never_closed_reads_as_lost(demo_home):
    _list(_notebook("lost", SHOW))
    entry = listing.entries()["inventory/lost"]
    folder = keys.report_folder("demo", entry, "2026-06-28", "abc")
    manifest.begin(folder, {"name": entry.name, "started": "2026-06-28T00:00:00"})
    path = folder.with_name(folder.name + manifest.RUNNING)
    told = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**told, "pid": 2**22 + 1}))
    assert manifest.of_notebook("demo", entry.name)[0]["exit"] == "lost"


def test_sweeping_waits_for_no_run_that_is_under_way(demo_home):
    """A grid's runs end one by one; none may wait for its neighbour."""
    entry = listing.entries()["inventory/demand_forecast"]
    job = work.Job(entry=entry, values={"a": 1}, key="k0", day="2026-01-01", label="x")
    for key, values in (("k1", {"a": 2}), ("k2", {"a": 1})):
        folder = keys.report_folder("demo", entry, "2026-01-01", key)
        opening = {"name": entry.name, "company": "demo", "key": key}
        left = manifest.begin(folder, {**opening, "parameters": values})
        told = json.loads((left / manifest.FILE).read_text("utf-8"))
        manifest.write(left, {**told, "pid": 0})
    with manifest.alone("demo-k1"):
        work.sweep("demo", job)
    home = keys.report_folder("demo", entry, "2026-01-01", "k1").parent
    assert [p.name for p in home.glob("*.running")] == ["2026-01-01_k1.running"]


def test_predictions_are_kept_and_read_back_with_the_day_they_were_made(demo_home):
    import datetime as dt

    code = SHOW.replace("quantity=q))", "quantity=q, predictions=(p,)))").replace(
        "here.show", 'import datetime as dt\np = findings.Prediction(name="n", target={"item": "A"}, due=dt.date(2026, 7, 5), unit="units", quantiles={"0.5": 3.0})\nhere.show'
    )  # fmt: skip
    _list(_notebook("oracle", code))
    _run(as_of="2026-06-20")
    kept = ledger.frame("demo", "n", before=dt.date(2026, 6, 28))
    assert kept[["item", "q0.5"]].to_numpy().tolist() == [["A", 3.0]]
    assert ledger.frame("demo", "n", before=dt.date(2026, 6, 20)).empty


@pytest.mark.parametrize("when", ["before", "after", "at the last word"])
def test_a_full_disk_is_a_record_not_a_crash(demo_home, monkeypatch, when):
    _list(_notebook("good", SHOW))
    step = "close" if when == "at the last word" else "begin"
    whole = getattr(manifest, step)

    def full(*given):
        if when != "after":
            raise OSError(28, "No space left on device")
        working = whole(*given)
        (working / "notebook.ipynb").symlink_to("/dev/full")
        return working

    monkeypatch.setattr(manifest, step, full)
    batch, by = _run()
    assert by["good"]["exit"] == "cell error"
    assert "No space left" in by["good"]["message"]
    assert batch.exit_code == 1
    monkeypatch.setattr(manifest, step, whole)
    _, by = _run()
    assert by["good"]["exit"] == "ok"


def test_a_missing_warehouse_is_one_sentence(home):
    from opslib.errors import MissingDataError

    with pytest.raises(MissingDataError, match="has no warehouse"):
        runs.run("demo")


@pytest.mark.parametrize("after", [0, 8])
def test_a_stop_by_hand_ends_kernels_and_says_so(demo_home, after):
    _list(_notebook("endless", "import time\ntime.sleep(300)", SHOW))
    env = {**os.environ, "OPSLIB_HOME": str(demo_home)}
    work = subprocess.Popen(
        [sys.executable, "-m", "opslib", "run"], env=env, cwd=demo_home,
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        # A shell's background job ignores Ctrl-C, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    running = places.reports("demo") / "inventory" / "endless"
    for _ in range(3000):
        if list(running.glob("*.running")) or work.poll() is not None:
            break
        time.sleep(0.1)
    time.sleep(after)
    threading.Timer(0, lambda: work.send_signal(signal.SIGINT)).start()
    out, _ = work.communicate(timeout=300)
    assert work.returncode == 130, out
    kinds = [m["exit"] for m in manifest.of_notebook("demo", "inventory/endless")]
    assert kinds == ["stopped"]


def test_the_key_follows_parameters_data_and_source(demo_home, monkeypatch):
    _list(_notebook("good", SHOW))
    entry = listing.entries()["inventory/good"]
    stamp = read_stamp("demo")
    one = keys.run_key(entry, {"word": "a"}, "demo", stamp)
    assert one == keys.run_key(entry, {"word": "a"}, "demo", stamp)
    assert one != keys.run_key(entry, {"word": "b"}, "demo", stamp)
    assert one != keys.run_key(entry, {"word": "a"}, "other", stamp)
    other = json.loads(json.dumps(stamp))
    other["tables"]["sales_lines"]["content"] = "new"
    assert one != keys.run_key(entry, {"word": "a"}, "demo", other)
    monkeypatch.setattr(keys, "source_hash", lambda: "changed")
    assert one != keys.run_key(entry, {"word": "a"}, "demo", stamp)


def test_a_table_that_the_list_does_not_name_is_refused(demo_home):
    reads = SHOW.replace("here.show", 'here.read("loans")\nhere.show')
    _list(_notebook("greedy", reads))
    _, by = _run()
    assert by["greedy"]["exit"] == "cell error"
    assert "add it to its helps" in by["greedy"]["message"]
