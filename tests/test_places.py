"""Files are written whole, also by two at once, and nothing half stays behind."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from opslib import places


def test_of_two_writers_one_stands_and_neither_fails(tmp_path):
    texts = [letter * 50_000 for letter in "abcd"]

    def write(text):
        for _ in range(100):
            places.put(tmp_path / "deep" / "told.json", text)
            assert (tmp_path / "deep" / "told.json").read_text() in texts

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, texts)) == [None] * 4
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["told.json"]


def test_what_cannot_be_written_leaves_the_old_and_no_half(tmp_path):
    path = tmp_path / "kept.txt"
    places.put(path, "old", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(TypeError):
        places.put(path, 5)
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="kept"):
        places.put(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]
