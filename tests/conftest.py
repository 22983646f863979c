"""What all tests share: where the real data lies, and a home of their own."""

import os

import pytest

from opslib import places, words


@pytest.fixture(autouse=True)
def _english():
    words.speak("en")
    yield
    words.speak("en")


@pytest.fixture(scope="session")
def shared():
    """Return a function that gives a folder of the real data, or skips aloud."""

    def find(folder):
        place = places.shared() / "data" / folder
        if place.exists():
            return place
        reason = f"real data not found at {place}; set OPSLIB_SHARED to its folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    return find
