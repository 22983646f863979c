"""Whatever is killed, exchanged or short: answers stay whole and work goes on."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from opslib import places, runs
from opslib.publish import gallery
from opslib.runs import keys, listing, manifest
from opslib.runs.watch import schedule
from opslib.warehouse import build, read_stamp, store

pytestmark = pytest.mark.slow
NAP = "import time\ntime.sleep(0.4)"


def _start(home, *words):
    env = {**os.environ, "OPSLIB_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, "-m", "opslib", "run", "--jobs", "2", *words], env=env, cwd=home,
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _whole(home):
    """The gallery that a run left, and its pages, are whole; return the answers kept."""
    page = (places.reports() / "index.html").read_text("utf-8")
    for href in re.findall(r'href="([^"#]+\.html)"', page):
        assert (places.reports() / href).read_text("utf-8").endswith("</html>"), href
    kept = [
        m
        for n in listing.entries()
        for m in manifest.of_notebook("demo", n)
        if m["exit"] == "ok"
    ]
    for told in kept:
        folder = places.reports() / told["folder"]
        assert manifest.finding_of(
            json.loads((folder / "notebook.ipynb").read_text("utf-8"))
        )
    for name in {m["name"] for m in kept}:
        newest = manifest.standing(manifest.of_notebook("demo", name))
        assert newest["key"] in page, "the gallery shows an older answer"
    return kept


def _strike(processes, home, work, dice, done, *, late):
    """Kill one process, once a kernel runs or, now and then, before.

    Late in the storm those come first that no strike has hit.
    """
    spared = [kind for kind, times in done.items() if late and not times]
    who = dice.choice(spared or ["runner", "kernel", "kernel", "parent"])
    for _ in range(200):
        parents, kernels = processes(home)
        if work.poll() is not None or kernels or dice.random() < 0.01:
            break
        time.sleep(0.1)
    time.sleep(dice.uniform(0, 0.3))
    victims = {"runner": [work.pid], "kernel": kernels, "parent": list(parents)}[who]
    if victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(dice.choice(victims), signal.SIGKILL)
            done[who] += 1


def _storm(processes, books, *, kills, values, seed):
    """Kill runner, kernels and parent at random until the batch is done; return counts."""
    books.listed(books.notebook("nap", NAP, books.show))
    dice, done = random.Random(seed), {"runner": 0, "kernel": 0, "parent": 0}
    words = ",".join(f"w{i}" for i in range(values))
    work = _start(books.home, "--grid", f"word={words}")
    for _ in range(6 * kills):
        time.sleep(dice.uniform(0.2, 1.5))
        if work.poll() is not None:
            if sum(done.values()) >= kills:
                break
            work = _start(
                books.home,
                "--grid",
                f"word={words}",
                *(["--force"] if work.returncode == 0 else []),
            )
            continue
        if sum(done.values()) >= kills:
            continue
        late = sum(done.values()) >= 0.75 * kills
        _strike(processes, books.home, work, dice, done, late=late)
    work.communicate(timeout=600)
    for _ in range(3):
        last = _start(books.home, "--grid", f"word={words}")
        out, _ = last.communicate(timeout=600)
        if last.returncode == 0:
            break
    assert last.returncode == 0, out
    good = {m["parameters"]["word"] for m in _whole(books.home)}
    assert good == {f"w{i}" for i in range(values)}
    for _ in range(60):
        if not processes(books.home)[1]:
            break
        time.sleep(1)
    assert processes(books.home)[1] == [], "a kernel outlived its runner"
    assert not list(places.reports("demo").rglob("*.running"))
    for lock in (places.root() / ".cache" / "locks").glob("*.lock"):
        with manifest.alone(lock.stem):
            pass
    return done


def test_twenty_kills_at_random_lose_nothing(processes, books):
    told = _storm(processes, books, kills=20, values=24, seed=5)
    assert sum(told.values()) >= 20, told
    assert min(told.values()) >= 1, told


@pytest.mark.soak
def test_two_hundred_kills_at_random_lose_nothing(processes, books):
    told = _storm(processes, books, kills=200, values=300, seed=6)
    sys.stdout.write(f"killed {told}\n")
    assert sum(told.values()) >= 200, told


def test_what_was_answered_but_not_published_is_published_by_the_next_run(books):
    """A runner killed after its last answer leaves a gallery that is behind."""
    books.listed(books.notebook("nap", NAP, books.show))
    for word, pages in (("a", "--pages"), ("b", "--no-pages"), ("b", "--pages")):
        _start(books.home, "--set", f"word={word}", pages).communicate(timeout=300)
    page = (places.reports() / "index.html").read_text("utf-8")
    assert "It is two: b" in page


def test_two_runs_at_once_do_each_answer_once(books):
    books.listed(books.notebook("nap", NAP, books.show))
    both = [_start(books.home, "--grid", "word=a,b,c,d") for _ in range(2)]
    told = [w.communicate(timeout=300) for w in both]
    assert [w.returncode for w in both] == [0, 0], told
    ran = [
        int(n) for out, _ in told for n in re.findall(r"^(\d+) ran", out, re.MULTILINE)
    ]
    assert sum(ran) == 4, told
    assert len(_whole(books.home)) == 4


def test_a_kernel_that_dies_once_is_tried_again_and_one_that_fails_is_not(books):
    once = "import os, pathlib, signal\np = pathlib.Path(os.environ['OPSLIB_HOME'], 'mark')\nseen = p.exists()\np.touch()\nseen or os.kill(os.getpid(), signal.SIGKILL)"
    books.listed(
        books.notebook("once", once, books.show), books.notebook("wrong", "1 / 0"),
        books.notebook("large", "x = bytearray(900_000_000)\nfor i in range(0, len(x), 4096): x[i] = 1\nimport time\ntime.sleep(9)", books.show),
    )  # fmt: skip
    batch = runs.run("demo", jobs=2, memory_mb=500)
    by = {r["name"].split("/")[1]: r for r in batch.results}
    assert (by["once"]["exit"], by["once"]["tries"]) == ("ok", 2)
    assert (by["wrong"]["exit"], by["wrong"]["tries"]) == ("cell error", 1)
    assert (by["large"]["exit"], by["large"]["tries"]) == ("out of memory", 1)
    assert re.search(r"took \d{3,} MB and may take 500", by["large"]["message"])
    assert by["large"]["cell"] == "step-a"


def test_data_exchanged_during_a_run_is_never_mixed(books):
    """Two readings around a pause, in which a load takes one row away."""
    twice = 'from opslib import desk\nhere = desk.open(company, as_of=as_of)\none = len(here.read("sales_lines"))\nimport time\ntime.sleep(5)\nword = f"{one} {len(here.read(\'sales_lines\'))}"'
    books.listed(books.notebook("twice", twice, books.show))
    before = read_stamp("demo")["tables"]["sales_lines"]["rows"]

    def exchange():
        while not list(places.reports("demo").rglob("notebook.ipynb")) and not list(
            places.reports("demo").rglob("*.running")
        ):
            time.sleep(0.05)
        time.sleep(3.5)
        with build.rebuild("demo") as held:
            held.execute(
                "DELETE FROM sales_lines WHERE rowid = (SELECT min(rowid) FROM sales_lines)"
            )

    loader = threading.Thread(target=exchange)
    loader.start()
    batch = runs.run("demo", jobs=1)
    loader.join()
    told = batch.results[0]
    assert (told["exit"], told["tries"]) == ("ok", 2)
    assert told["finding"]["headline"]["en"] == f"It is two: {before - 1} {before - 1}"
    assert told["data"]["tables"]["sales_lines"]["rows"] == before - 1
    entry = listing.entries()["inventory/twice"]
    assert told["key"] == keys.run_key(
        entry, told["parameters"], "demo", read_stamp("demo")
    )
    gallery.publish("demo")
    assert len(_whole(books.home)) == 1


def test_a_load_killed_between_warehouse_and_stamp_leaves_no_wrong_pair(
    books, monkeypatch
):
    house = places.warehouse("demo")
    old = house.with_suffix(".json").read_bytes()
    with build.rebuild("demo") as held:
        held.execute(
            "DELETE FROM sales_lines WHERE rowid = (SELECT min(rowid) FROM sales_lines)"
        )
    new = read_stamp("demo")
    house.with_suffix(".json").rename(house.with_suffix(".next.json"))
    house.with_suffix(".json").write_bytes(old)
    assert read_stamp("demo") == new, "killed after the swap: the new stamp holds"
    monkeypatch.setattr(store, "file_id", lambda path: [0, 0, 0])
    assert read_stamp("demo")["snapshot"] == json.loads(old)["snapshot"]


def test_a_batch_is_repaired_where_it_failed_and_its_cover_is_told(books):
    bad = "import os, pathlib\nassert word != 'b' or pathlib.Path(os.environ['OPSLIB_HOME'], 'mended').exists(), 'not yet'"
    books.listed(books.notebook("parts", bad, books.show))
    first = runs.run("demo", grid={"word": "a,b,c"}, jobs=2)
    assert [r["exit"] for r in first.results].count("ok") == 2
    assert "2 of 3 parts are answered" in gallery.publish("demo").read_text("utf-8")
    (books.home / "mended").touch()
    again = runs.run("demo", repair=True, jobs=2)
    assert again.started == 1
    assert again.exit_code == 0
    assert "3 of 3 parts are answered" in gallery.publish("demo").read_text("utf-8")


def test_a_clock_set_back_makes_a_question_due_not_silent(books):
    import datetime as dt

    books.listed(books.notebook("nap", books.show))
    entry, stamp = listing.entries()["inventory/nap"], read_stamp("demo")
    assert "never" in schedule.due("demo", entry, stamp)
    told = runs.run("demo", jobs=1).results[0]
    now = dt.datetime.fromisoformat(told["started"])
    assert schedule.due("demo", entry, stamp, now) is None
    assert "clock" in schedule.due("demo", entry, stamp, now - dt.timedelta(days=400))
    assert "nothing has changed" in schedule.due(
        "demo", entry, stamp, now + dt.timedelta(days=8)
    )
    other = {**stamp, "tables": {**stamp["tables"], "sales_lines": {"content": "new"}}}
    assert "new data" in schedule.due("demo", entry, other, now + dt.timedelta(days=8))
