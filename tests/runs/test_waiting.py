"""Who waits for another's work can be stopped; who comes late has no second left."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from opslib import places, runs
from opslib.publish.dashboards import readers
from opslib.runs import manifest


def test_a_lock_is_waited_for_until_it_is_free_or_a_stop(home):
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with manifest.alone("one") as first:
            waiting = pool.submit(manifest.alone("one", stop=stop).__enter__)
            time.sleep(0.3)
            assert first
            assert not waiting.done()
            stop.set()
            assert waiting.result(60) is False
            with manifest.alone("one", wait=False) as second:
                assert second is False
        with manifest.alone("one", stop=stop) as third:
            assert third is True


def test_servers_that_start_at_once_agree_on_the_key_of_sign_ins(home):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: readers.secret(), range(8)))
    assert len(keys) == 1
    place = places.data() / "keys" / "dashboards.key"
    place.write_bytes(b"")  # what a kill half way once left
    assert len(readers.secret()) == readers.KEY_BYTES
    assert place.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_no_cell_begins_after_the_deadline(books):
    books.listed(
        books.notebook("good", books.show),
        books.notebook(
            "long", "import time\ntime.sleep(0.9)", "time.sleep(0.9)", books.show
        ),
    )
    assert runs.run("demo", ["good"], jobs=1).exit_code == 0
    batch = runs.run("demo", ["long"], jobs=1, timeout=1)
    assert [r["exit"] for r in batch.results] == ["timeout"]
    assert batch.results[0]["cell"] in ("parameters", "step-a", "step-b")
