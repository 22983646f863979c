"""A load that is broken off leaves the old warehouse whole: killed, full, or second."""

import multiprocessing
import os
import random
import signal
import time

import duckdb
import pandas as pd
import pytest

from opslib import places
from opslib.errors import ContractError
from opslib.warehouse import build, intake

FORK = multiprocessing.get_context("fork")


def _deliver(shop, rows, file):
    frame = pd.DataFrame({"day": "2026-01-05", "item": "A"}, index=range(rows))
    frame = frame.assign(quantity=1, amount=range(rows))
    path = places.raw(shop.name) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False)
    return shop.map(file)


def _load(name, mapping, done=None):
    try:
        intake.load(name, mapping)
        said = "loaded"
    except ContractError as error:
        said = error.sentence("en")
    if done is not None:
        done.put(said)


def test_a_load_killed_twenty_times_at_random_moments_changes_nothing(shop):
    _load(shop.name, _deliver(shop, 1_000, "a.csv"))
    house = places.warehouse(shop.name)
    before, stamp = house.read_bytes(), house.with_suffix(".json").read_bytes()
    told = _deliver(shop, 300_000, "b.csv")
    begun = time.perf_counter()
    _load(shop.name, told)
    whole = time.perf_counter() - begun
    moments, killed = random.Random(20), 0
    while killed < 20:
        house.write_bytes(before)
        house.with_suffix(".json").write_bytes(stamp)
        work = FORK.Process(target=_load, args=(shop.name, told))
        work.start()
        time.sleep(moments.uniform(0, whole))
        os.kill(work.pid, signal.SIGKILL)
        work.join()
        killed += work.exitcode == -signal.SIGKILL
        if house.read_bytes() != before:
            assert len(shop.read()) == 301_000
    house.write_bytes(before)
    house.with_suffix(".json").write_bytes(stamp)
    _load(shop.name, told)
    assert len(shop.read()) == 301_000
    assert not list(places.warehouse(shop.name).parent.glob("*.building*"))


def test_of_two_loads_at_once_one_waits_for_no_one_and_says_so(shop):
    told = _deliver(shop, 300_000, "a.csv")
    done = FORK.Queue()
    works = [FORK.Process(target=_load, args=(shop.name, told, done)) for _ in "ab"]
    for work in works:
        work.start()
    said = sorted(done.get(timeout=60) for _ in works)
    for work in works:
        work.join()
    assert said[-1] == "loaded"
    assert "another load of shop is going on" in said[0] or said[0] == "loaded"
    assert len(shop.read()) == 300_000


def test_a_full_disk_is_one_sentence_and_leaves_the_old_warehouse(shop, monkeypatch):
    _load(shop.name, _deliver(shop, 1_000, "a.csv"))
    before = places.warehouse(shop.name).read_bytes()
    told = _deliver(shop, 2_000, "b.csv")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build, "_sync", full)
    with pytest.raises(ContractError, match="the disk is full") as wrong:
        intake.load(shop.name, told)
    assert "磁盘" in wrong.value.sentence("zh")
    assert places.warehouse(shop.name).read_bytes() == before
    assert not list(places.warehouse(shop.name).parent.glob("*.building*"))


def test_a_load_after_an_upgrade_puts_each_value_in_its_column(shop):
    """Added columns stand last in an older file, so rows have to go in by name."""
    columns = {c: c for c in ("item", "name", "pack", "shelf_life_days", "brand")}
    shop.write("p1.csv", "item,name,pack,shelf_life_days,brand\nA,One,6,10,X\n")
    shop.load("p*.csv", table="products", columns=columns)
    with duckdb.connect(str(places.warehouse("shop"))) as held:
        for table in ("products", "_history_products"):
            held.execute(f"ALTER TABLE {table} DROP COLUMN pack")
    shop.write("p2.csv", "item,name,pack,shelf_life_days,brand\nA,Two,7,20,Y\n")
    shop.load("p*.csv", table="products", columns=columns)
    row = shop.read("products").iloc[0]
    told = [row[c] for c in ("item", "name", "pack", "shelf_life_days", "brand")]
    assert told == ["A", "Two", 7, 20, "Y"]
    with duckdb.connect(str(places.warehouse("shop"))) as held:
        old = held.execute("SELECT name, pack, brand, _until FROM _history_products")
        name, pack, brand, until = old.fetchone()
    assert (name, pack, brand) == ("One", None, "X")
    assert until is not None
