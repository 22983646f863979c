"""The schedule says what is due, and other programs accept what it writes."""

import os
import shutil
import subprocess
import sys

import pytest

from opslib.errors import ParameterError
from opslib.runs.watch import schedule


def test_what_was_never_answered_is_due_and_what_lacks_data_says_so(demo_home):
    told = schedule.report("demo")
    assert "inventory/demand_forecast (weekly): due: never answered" in told
    assert "到期" in told.zh


@pytest.mark.parametrize(
    ("kind", "at", "says"),
    [
        ("at", "05:15", "cron or systemd"),
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


@pytest.mark.slow
def test_a_look_loads_runs_what_is_due_tells_and_then_rests(books):
    toml = books.home / "data/companies/demo/company.toml"
    toml.write_text(
        toml.read_text("utf-8") + '\n[[alerts]]\nkind = "file"\npath = "told.log"\n',
        "utf-8",
    )
    books.listed(
        books.notebook("good", books.show), books.notebook("bad", "1 / 0", books.show)
    )

    def look():
        env = {**os.environ, "OPSLIB_HOME": str(books.home)}
        return subprocess.run(
            [sys.executable, "-m", "opslib", "schedule", "--now"],
            env=env,
            cwd=books.home,
            capture_output=True,
            text=True,
            check=False,
        )

    first = look()
    assert first.returncode == 1, first.stderr
    assert "1 ran, 0 kept, 0 lack data, 1 failed" in first.stdout
    told = (books.home / "told.log").read_text("utf-8")
    assert told.count("ZeroDivisionError") == 1
    assert told.count("This week for Finance") == 1
    again = look()
    assert "good" not in again.stderr, "only what failed is tried again"
    assert (books.home / "told.log").read_text("utf-8") == told, "told once"
