"""Runs handed to a real Dask scheduler with workers in processes of their own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from opslib import places, runs
from opslib.errors import ParameterError
from opslib.runs import manifest

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
NAP = "import time\ntime.sleep(2.5)"
NAME = "inventory/nap"


@pytest.fixture
def cluster(books, tmp_path):
    """Start a scheduler and two workers that share the home; return address and pids."""
    told = tmp_path / "scheduler.json"
    env = {**os.environ, "DASK_DISTRIBUTED__DASHBOARD__LINK": ""}
    start = lambda *words: subprocess.Popen(  # noqa: E731
        [sys.executable, "-m", *words, "--scheduler-file", str(told), "--no-dashboard"],
        env=env, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    began = [
        start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    ]
    worker = ("distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny")
    began += [start(*worker) for _ in range(2)]
    try:
        for _ in range(300):
            if told.is_file() and told.stat().st_size:
                break
            time.sleep(0.1)
        address = json.loads(told.read_text())["address"]
        _until_two_workers(address)
        yield SimpleNamespace(address=address, workers=[w.pid for w in began[1:]])
    finally:
        for process in began:
            process.kill()
            process.wait(20)


def _until_two_workers(address):
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)


def _running():
    for path in places.reports("demo").glob(f"{NAME}/*{manifest.RUNNING}"):
        if told := manifest.read(path):
            yield told


def test_a_worker_killed_half_way_loses_nothing_and_each_run_lands_once(books, cluster):
    books.listed(books.notebook("nap", NAP, books.show))
    work = subprocess.Popen(
        [sys.executable, "-m", "opslib", "run", "--grid", "word=a,b,c,d,e", "--cluster", cluster.address],
        cwd=books.home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    victim = 0
    while work.poll() is None:
        busy = [t for t in _running() if t["exit"] == "running"]
        whole = [m for m in manifest.of_notebook("demo", NAME) if m["exit"] == "ok"]
        if busy and whole:
            victim = busy[0]["pid"]
            os.kill(victim, signal.SIGKILL)
            break
        time.sleep(0.05)
    said, _ = work.communicate(timeout=300)
    assert work.returncode == 0, said
    assert victim in cluster.workers
    kept = manifest.of_notebook("demo", NAME)
    assert sorted(m["parameters"]["word"] for m in kept) == list("abcde")
    assert {m["exit"] for m in kept} == {"ok"}
    assert not list(_running())
    # A worker may die between a run's end and the word of it: the run is then kept.
    ran, whole = re.search(r"(\d+) ran, (\d+) kept", said).groups()
    assert int(ran) + int(whole) == 5, said
    again = runs.run("demo", [NAME], grid={"word": "a,b,c,d,e"})
    assert again.started == 0, "what the cluster did is kept here too"


def test_a_failing_run_on_the_cluster_stops_no_other(books, cluster):
    code = "assert word != 'b', 'it is b'"
    books.listed(books.notebook("nap", code, books.show))
    batch = runs.run("demo", [NAME], grid={"word": "a,b,c"}, cluster=cluster.address)
    assert sorted(r["exit"] for r in batch.results) == ["cell error", "ok", "ok"]
    assert "it is b" in batch.failed[0]["message"]
    with contextlib.suppress(KeyError):
        del os.environ["OPSLIB_CLUSTER"]


def test_an_address_where_nothing_answers_is_refused(books, monkeypatch):
    books.listed(books.notebook("nap", books.show))
    with pytest.raises(ParameterError, match="no Dask scheduler answers"):
        runs.run("demo", [NAME], grid={"word": "a,b"}, cluster="nonsense://x:1")


@pytest.mark.parametrize(
    ("found", "says"),
    [({"w": "another"}, "install the same everywhere"), ({}, "has no worker")],
)
def test_a_cluster_that_cannot_give_the_same_answers_is_refused(found, says):
    from opslib.runs.beyond import cluster as far

    client = SimpleNamespace(run=lambda work: found)
    with pytest.raises(ParameterError, match=says):
        far._same_source(client, "tcp://x:1")


def test_a_worker_that_joined_late_with_another_opslib_runs_nothing(books):
    from opslib.runs import listing, work
    from opslib.runs.beyond import cluster as far

    books.listed(books.notebook("nap", books.show))
    entry = listing.entries()[NAME]
    job = work.Job(entry=entry, values={}, key="k", day="2026-01-01", label="nap")
    terms = work.Terms(kernel="opslib", timeout=9, memory_mb=999)
    told = far.on_worker(str(books.home), "demo", terms, "another", job)
    assert told["exit"] == "cell error"
    assert "install the same everywhere" in told["message"]


def test_a_run_of_another_machine_is_alive_while_its_lock_is_held(books):
    told = {"company": "demo", "key": "k1", "exit": "running", "host": "elsewhere"}
    folder = places.reports("demo") / NAME / "2026-01-01_k1.running"
    folder.mkdir(parents=True)
    manifest.write(folder, told)
    with manifest.alone("demo-k1"):
        assert manifest.read(folder)["exit"] == "running"
    assert manifest.read(folder)["exit"] == "lost"
