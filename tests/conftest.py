"""What all tests share: where the real data lies, and a home of their own."""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

# What a person has set for work, for a terminal or for a proxy changes no test.
KEPT = ("OPSLIB_SHARED", "OPSLIB_SHOTS", "OPSLIB_AIRFLOW")
for _name in [n for n in os.environ if n.startswith("OPSLIB_") and n not in KEPT]:
    del os.environ[_name]
os.environ.pop("COLUMNS", None)
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"

import pytest  # noqa: E402

from opslib import places, words  # noqa: E402

PROJECT = Path(__file__).resolve().parents[1]
BESIDE = Path(os.environ.get("OPSLIB_SHARED") or PROJECT.parent / "shared")


@pytest.fixture(autouse=True)
def _english():
    words.speak("en")
    yield
    words.speak("en")


@pytest.fixture(scope="session")
def shared():
    """Return a function that gives a folder of the real data, or skips aloud."""

    def find(folder):
        place = BESIDE / "data" / folder
        if place.exists():
            return place
        reason = f"real data not found at {place}; set OPSLIB_SHARED to its folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    return find


def _processes(home):
    """Return parents and kernels of a home, by what the system says of them."""
    parents, kernels = [], []
    own, kinds = f"OPSLIB_HOME={home}".encode(), (b"opslib.runs.kernels", b"ipykernel_launcher")  # fmt: skip
    for place in Path("/proc").glob("[0-9]*"):
        try:
            told = (place / "cmdline").read_bytes().split(b"\0")
            if not any(kind in told for kind in kinds):
                continue
            if own not in (place / "environ").read_bytes().split(b"\0"):
                continue
            state = (place / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if state[0] in "ZX":
            continue
        # A forked kernel bears its parent's words; the system marks what only forked.
        forked = int(state[6]) & 0x40
        (kernels if forked or kinds[1] in told else parents).append(int(place.name))
    return parents, kernels


def _end_kernels(home):
    """End the parents and kernels of a home, which would outlive its tests, and no other."""
    for _ in range(200):
        parents, kernels = _processes(home)
        if not parents and not kernels:
            break
        for pid in (*parents, *kernels):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


@pytest.fixture(scope="session")
def processes():
    """Return what finds a home's kernel parents and kernels among all processes."""
    return _processes


@pytest.fixture(scope="session")
def end_kernels():
    """Return what ends the kernel parents and kernels of a home."""
    return _end_kernels


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return an empty home: notebooks' list, no company."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "gallery.yaml").write_text("notebooks: []\n", "utf-8")
    monkeypatch.setenv("OPSLIB_HOME", str(tmp_path))
    monkeypatch.setenv("OPSLIB_SHARED", str(BESIDE))
    yield tmp_path
    _end_kernels(tmp_path)


@pytest.fixture(scope="session")
def _small_demo(tmp_path_factory):
    """Build a small demonstration company once; every test gets a copy of it."""
    from opslib import demo

    place = tmp_path_factory.mktemp("demo")
    (place / "notebooks").mkdir()
    (place / "notebooks" / "gallery.yaml").write_text("notebooks: []\n", "utf-8")
    before = os.environ.get("OPSLIB_HOME")
    os.environ["OPSLIB_HOME"] = str(place)
    try:
        demo.build("demo", size=0.05, seed=11)
    finally:
        if before is None:
            del os.environ["OPSLIB_HOME"]
        else:
            os.environ["OPSLIB_HOME"] = before
    return place


@pytest.fixture
def demo_home(_small_demo, tmp_path, monkeypatch):
    """Return a home with the small demonstration company and the real notebooks."""
    shutil.copytree(_small_demo, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "notebooks")
    shutil.copytree(
        PROJECT / "notebooks",
        tmp_path / "notebooks",
        ignore=shutil.ignore_patterns(".ipynb*"),
    )
    monkeypatch.setenv("OPSLIB_HOME", str(tmp_path))
    monkeypatch.setenv("OPSLIB_SHARED", str(BESIDE))
    assert places.root() == tmp_path
    yield tmp_path
    _end_kernels(tmp_path)
