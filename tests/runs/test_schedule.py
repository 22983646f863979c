"""The schedule says what is due, and other programs accept what it writes."""

import contextlib
import datetime as dt
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import types

import pytest

from opslib import places, runs
from opslib.errors import ParameterError
from opslib.runs import listing, manifest
from opslib.runs.watch import schedule
from opslib.warehouse import read_stamp


def test_what_was_never_answered_is_due_and_what_lacks_data_says_so(demo_home):
    told = schedule.report("demo")
    assert "inventory/demand_forecast (weekly): due: never answered" in told
    assert "到期" in told.zh


@pytest.mark.parametrize(
    ("kind", "at", "says"),
    [
        ("at", "05:15", "cron, systemd, airflow"),
        ("cron", "25:00", "time of day"),
        ("cron", "5\n* * * * * x", "time of day"),
    ],
)
def test_another_scheduler_or_time_is_refused(home, tmp_path, kind, at, says):
    with pytest.raises(ParameterError, match=says):
        schedule.write("demo", kind, tmp_path, at=at)


def test_cron_entries_are_read_by_cron_and_their_commands_by_a_shell(
    home, tmp_path, monkeypatch
):
    place = tmp_path / "a 100% home"
    (place / "notebooks").mkdir(parents=True)
    monkeypatch.setenv("OPSLIB_HOME", str(place))
    (path,) = schedule.write("demo", "cron", tmp_path / "out", at="05:07")
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("7 5 * * * cd ")
    assert lines[1].startswith("@reboot cd ")
    for line in lines:
        command = line.split("* * * ")[-1].removeprefix("@reboot ").replace(r"\%", "%")
        assert "%" not in line.replace(r"\%", "")
        change = command.split(" && ")[0] + " && pwd"
        told = subprocess.run(
            ["sh", "-c", change], capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == str(place)
        subprocess.run(["sh", "-n", "-c", command], check=True)
    if shutil.which("crontab"):
        told = subprocess.run(
            ["crontab", "-T", str(path)], capture_output=True, text=True, check=False
        )
        assert told.returncode == 0 or "invalid option" in told.stderr, told.stderr


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)
def test_systemd_takes_the_timer_and_the_services(home, tmp_path, monkeypatch):
    place = tmp_path / "home with 5% space"
    (place / "notebooks").mkdir(parents=True)
    monkeypatch.setenv("OPSLIB_HOME", str(place))
    paths = schedule.write("demo", "systemd", tmp_path / "units", at="05:15")
    assert sorted(p.name for p in paths) == [
        "opslib-dashboards.service",
        "opslib-demo.service",
        "opslib-demo.timer",
    ]
    told = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    ours = [line for line in told.stderr.splitlines() if "opslib-" in line]
    assert (told.returncode, ours) == (0, []), told.stderr
    when = subprocess.run(
        ["systemd-analyze", "calendar", "*-*-* 05:15:00"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert when.returncode == 0
    bad = tmp_path / "units" / "opslib-bad.service"
    bad.write_text("[Service]\nType=oneshot\nExecStart=no-such-program\n")
    wrong = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(bad)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert wrong.returncode != 0, "the check can fail"


def _dag(tmp_path):
    path = schedule.write("demo", "airflow", tmp_path / "dags", at="05:15")[0]
    return path, runpy.run_path(str(path), init_globals=None)


class _Task:
    """Stand in for an Airflow task where Airflow is absent: it notes what follows."""

    made = {}

    def __init__(self, task_id, **told):
        self.told, self.after = told, set()
        self.made[task_id] = self

    def __rshift__(self, others):
        for other in others if isinstance(others, list) else [others]:
            other.after.add(self)
        return others

    def __rrshift__(self, others):
        for other in others:
            self.after.add(other)
        return self


def test_the_dag_file_has_a_task_for_each_question_in_order(
    demo_home, tmp_path, monkeypatch
):
    airflow = types.ModuleType("airflow")
    airflow.DAG = lambda *given, **named: contextlib.nullcontext()
    for name, what in (("bash", "BashOperator"), ("empty", "EmptyOperator")):
        module = types.ModuleType(f"airflow.operators.{name}")
        setattr(module, what, _Task)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "airflow", airflow)
    monkeypatch.setattr(_Task, "made", {})
    _, told = _dag(tmp_path)
    questions = {n.replace("/", ".") for n in listing.entries()}
    assert set(_Task.made) == {*questions, "load", "pages", "tell", "all_well"}
    tasks = _Task.made
    assert all(tasks[q].after == {tasks["load"]} for q in questions)
    assert tasks["pages"].after == {tasks[q] for q in questions}
    assert tasks["pages"].told["trigger_rule"] == "all_done", "a failure stops no page"
    assert tasks["all_well"].after >= {tasks[q] for q in questions}
    assert told["WHEN"] == "15 5 * * *"
    for command in told["QUESTIONS"].values():
        words = shlex.split(command)
        assert "--due" in words
        assert str(demo_home) in words


@pytest.mark.soak
def test_the_real_airflow_runs_the_dag(books, tmp_path):
    """`OPSLIB_AIRFLOW` names the Python of an environment of its own with Airflow."""
    python = os.environ.get("OPSLIB_AIRFLOW")
    if not python:
        pytest.skip("OPSLIB_AIRFLOW names no Python with Airflow; nothing is tested")
    books.listed(
        books.notebook("good", books.show), books.notebook("bad", "1 / 0", books.show)
    )
    path = schedule.write("demo", "airflow", tmp_path / "dags", at="05:15")[0]
    env = {
        **os.environ, "AIRFLOW_HOME": str(tmp_path / "airflow"), "OPSLIB_HOME": str(books.home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(path.parent), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }  # fmt: skip
    call = lambda *words: subprocess.run(  # noqa: E731
        [python, "-m", "airflow", *words], env=env, capture_output=True, text=True,
        check=False, timeout=900,
    )  # fmt: skip
    made = call("db", "migrate")
    assert made.returncode == 0, made.stderr[-2000:]
    listed = call("tasks", "list", "opslib_demo")
    assert "inventory.good" in listed.stdout.split(), listed.stdout + listed.stderr
    ran = call("dags", "test", "opslib_demo", "2026-03-01")
    told = ran.stdout + ran.stderr
    runs = {m["name"]: m["exit"] for n in listing.entries() for m in manifest.of_notebook("demo", n)}  # fmt: skip
    assert runs == {"inventory/good": "ok", "inventory/bad": "cell error"}, told[-3000:]
    assert (books.home / "reports" / "index.html").is_file(), "pages in spite of it"
    ended = re.findall(r"DagRun Finished.*", told)
    assert ended, told[-3000:]
    assert "failed" in ended[-1], "a failed question fails the whole"


def _alerts_to_a_file(books):
    toml = books.home / "data/companies/demo/company.toml"
    toml.write_text(
        toml.read_text("utf-8") + '\n[[alerts]]\nkind = "file"\npath = "told.log"\n',
        "utf-8",
    )


def _look(books):
    env = {**os.environ, "OPSLIB_HOME": str(books.home)}
    return subprocess.run(
        [sys.executable, "-m", "opslib", "schedule", "--now"],
        env=env,
        cwd=books.home,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_by_hand_with_other_settings_puts_off_nothing(books):
    books.listed(books.notebook("good", books.show))
    (entry,) = listing.entries().values()
    stamp = read_stamp("demo")
    for given in ({"as_of": "2026-05-01"}, {"word": "other"}):
        runs.run("demo", given=given)
        assert "never answered" in str(schedule.due("demo", entry, stamp))
    told = runs.run("demo").results[0]
    now = dt.datetime.fromisoformat(told["started"])
    assert schedule.due("demo", entry, stamp, now) is None


@pytest.mark.slow
def test_a_load_that_fails_fails_the_look_and_is_told(books):
    _alerts_to_a_file(books)
    books.listed(books.notebook("good", books.show))
    next(places.raw("demo").glob("goals*")).write_bytes(b"half a file")
    done = _look(books)
    assert done.returncode == 1, done.stderr
    assert "1 ran, 0 kept, 0 lack data, 0 failed" in done.stdout
    assert "The last load failed" in (books.home / "told.log").read_text("utf-8")


def _to_midweek():
    """Return how many days lie between now and noon of the next Wednesday."""
    now = dt.datetime.now()
    noon = now.replace(hour=12) + dt.timedelta(days=(2 - now.weekday()) % 7 or 7)
    return (noon - now) / dt.timedelta(days=1)


@pytest.mark.slow
def test_a_look_loads_runs_what_is_due_tells_and_then_rests(books, look_ahead):
    """Both looks fall into the middle of one week, whatever the day of the test."""
    day = _to_midweek()

    def look():
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        work = look_ahead(books.home, day, **pipe)
        out, err = work.communicate(timeout=600)
        return types.SimpleNamespace(stdout=out, stderr=err, returncode=work.returncode)

    _alerts_to_a_file(books)
    books.listed(
        books.notebook("good", books.show), books.notebook("bad", "1 / 0", books.show)
    )
    first = look()
    assert first.returncode == 1, first.stderr
    assert "1 ran, 0 kept, 0 lack data, 1 failed" in first.stdout
    told = (books.home / "told.log").read_text("utf-8")
    assert told.count("ZeroDivisionError") == 1
    assert told.count(": Finance") == 1
    again = look()
    assert "good" not in again.stderr, "only what failed is tried again"
    assert (books.home / "told.log").read_text("utf-8") == told, "told once"
