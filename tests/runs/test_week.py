"""Days of scheduled runs on the demonstration company, with kills in between."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from opslib import places
from opslib.runs import ledger, listing, manifest
from opslib.runs.keep import log
from opslib.runs.score import decisions
from opslib.warehouse import build, read_stamp

pytestmark = pytest.mark.slow
NAP = "import time\ntime.sleep(0.4)"


def _next_day_s_sales():
    with build.rebuild("demo") as held:
        held.execute(
            "INSERT INTO sales_lines SELECT * REPLACE (day + 1 AS day) FROM sales_lines "
            "WHERE day = (SELECT max(day) FROM sales_lines)"
        )
    return read_stamp("demo")["tables"]["sales_lines"]["last_day"]


def _kill_one(processes, home, look, dice, done, *, patient):
    """Kill runner, kernel or parent once a kernel runs; else the runner, if it lives.

    Who is not patient waits for no kernel, which may never come. By chance the runner is
    hit before there is one, unless it was hit more often than kernel or parent.
    """
    early = done["runner"] == min(done.values())
    for _ in range(600):
        parents, kernels = processes(home)
        if kernels or not patient or look.poll() is not None:
            break
        if early and dice.random() < 0.01:
            break
        time.sleep(0.1)
    time.sleep(dice.uniform(0, 0.4))
    who = dice.choice(["runner", "kernel", "parent"]) if kernels else "runner"
    victims = {"runner": [look.pid], "kernel": kernels, "parent": list(parents)}[who]
    if not victims or look.poll() is not None:
        return False
    try:
        os.kill(dice.choice(victims), signal.SIGKILL)
    except ProcessLookupError:
        return False
    done[who] += 1
    return True


def _days(processes, look_ahead, home, *, days, kills, seed, pause):
    """Let days pass; return the days of data and what was killed.

    Every other day brings data, so that each finds the daily question due again.
    """
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    toml = home / "data/companies/demo/company.toml"
    told = '\n[[alerts]]\nkind = "file"\npath = "told.log"\n'
    toml.write_text(toml.read_text("utf-8") + told, "utf-8")
    dice, done, known = random.Random(seed), dict.fromkeys(("runner", "kernel", "parent"), 0), []  # fmt: skip
    for day in range(days):
        known.append(_next_day_s_sales())
        struck = 0
        for hour in range(4 * kills):
            look = look_ahead(home, 2 * day + hour / 100, **quiet)
            patient = hour < 2 * kills
            while struck < kills and look.poll() is None:
                struck += _kill_one(processes, home, look, dice, done, patient=patient)
                time.sleep(dice.uniform(0, pause))
            look.wait()
            if struck == kills:
                break
        for _ in range(3):
            if look_ahead(home, 2 * day + 0.9, **quiet).wait() == 0:
                break
    return known, done


def _nothing_is_lost(processes, home):
    """Pages whole, one closed manifest a folder, every line read, nothing left over."""
    for page in places.reports().rglob("*.html"):
        assert page.read_text("utf-8").rstrip().endswith("</html>"), page
    for folder in places.reports("demo").glob("*/*/*/"):
        told = manifest.read(folder)
        assert told, folder
        assert told["exit"] not in ("running", "lost"), folder
    kept = {}
    for name in listing.entries():
        runs = manifest.of_notebook("demo", name)
        kept[name] = [m for m in runs if m["exit"] == "ok"]
        for m in kept[name]:
            book = places.reports() / m["folder"] / "notebook.ipynb"
            assert manifest.finding_of(json.loads(book.read_text("utf-8")))
    for path in log.home().glob("*.jsonl"):
        for line in filter(None, path.read_text("utf-8").splitlines()):
            json.loads(line)
    for _ in range(60):
        if not processes(home)[1]:
            break
        time.sleep(1)
    assert processes(home)[1] == [], "a kernel outlived its runner"
    return kept


def _told_once(home):
    """No cause was sent again before it had passed, and nothing arrived unannounced."""
    book = home / "data/records/demo/alerts.jsonl"
    told, sent = set(), 0
    for note in map(json.loads, filter(None, book.read_text("utf-8").splitlines())):
        key = (note["cause"], note["channel"])
        if note["kind"] == "passed":
            told = {k for k in told if k[0] != note["cause"]}
        elif note.get("state") == "unsent":
            told.discard(key)
        elif note.get("state") == "sending":
            assert key not in told, f"{key} was told twice"
            told.add(key)
            sent += 1
    lines = filter(None, (home / "told.log").read_text("utf-8").splitlines())
    arrived = len([json.loads(line) for line in lines])
    assert 0 < arrived <= sent


@pytest.mark.parametrize(
    ("days", "kills"), [(2, 2), pytest.param(7, 4, marks=pytest.mark.soak)]
)
def test_days_of_looks_with_kills_lose_nothing(
    processes, look_ahead, books, days, kills
):
    daily = {**books.notebook("daily", NAP, books.show), "cadence": "daily"}
    weekly = books.notebook("weekly", NAP, books.show)
    books.listed(daily, weekly)
    known, done = _days(
        processes, look_ahead, books.home, days=days, kills=kills, seed=3, pause=2,
    )  # fmt: skip
    sys.stdout.write(f"{len(known)} days, killed {done}\n")
    assert sum(done.values()) >= 0.75 * days * kills, done
    kept = _nothing_is_lost(processes, books.home)
    assert sorted({m["day"] for m in kept["inventory/daily"]}) == known
    assert len(kept["inventory/weekly"]) >= days // 7 + 1, "a missed run was caught up"
    _told_once(books.home)


@pytest.mark.soak
def test_a_week_of_looks_at_the_real_questions_loses_nothing(
    processes, look_ahead, demo_home
):
    known, done = _days(
        processes, look_ahead, demo_home, days=8, kills=5, seed=4, pause=20
    )
    sys.stdout.write(f"{len(known)} days, killed {done}\n")
    assert sum(done.values()) >= 30, done
    kept = _nothing_is_lost(processes, demo_home)
    stamp = read_stamp("demo")
    for name, entry in listing.entries().items():
        if not listing.lacking(entry, stamp):
            assert kept[name], f"{name} was never answered"
            if entry.cadence == "weekly":
                assert len({m["day"] for m in kept[name]}) >= 2, (
                    f"{name}: one week only"
                )
    assert len(ledger.kept("demo")) > 0
    action = next(m for ms in kept.values() for m in ms if m["finding"]["actions"])
    decisions.decide("demo", action["key"], 1, "accept", by="Li")
    assert len(decisions.decided("demo")) == 1
    _told_once(demo_home)
