"""What all tests share: where the real data lies, and a home of their own."""

import os
import shutil
from pathlib import Path

import pytest

from opslib import places, words

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


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return an empty home: notebooks' list, no company."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "gallery.yaml").write_text("notebooks: []\n", "utf-8")
    monkeypatch.setenv("OPSLIB_HOME", str(tmp_path))
    monkeypatch.setenv("OPSLIB_SHARED", str(BESIDE))
    return tmp_path


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
    return tmp_path
