"""An older opslib's data is brought up, and back again, with nothing lost."""

import json

import duckdb
import pandas as pd
import pytest

from opslib import places
from opslib.errors import OpslibError
from opslib.runs import ledger, manifest
from opslib.runs.keep import status, upgrade
from opslib.warehouse import build, open_store, read_stamp

NAME = "inventory/demand_forecast"


def _made_by_an_older_opslib():
    """One table was not known, one column was not known, one was text; no contract id."""
    house = places.warehouse("demo")
    with duckdb.connect(str(house)) as held:
        held.execute("DROP TABLE options; DROP TABLE _history_options")
        for table in ("products", "_history_products"):
            held.execute(f"ALTER TABLE {table} DROP COLUMN shelf_life_days")
            held.execute(f"ALTER TABLE {table} ALTER pack TYPE VARCHAR")
        rows = held.execute("SELECT count(*), sum(pack::INTEGER) FROM products")
        told = rows.fetchone()
    stamp = json.loads(house.with_suffix(".json").read_text("utf-8"))
    stamp["tables"].pop("options")
    stamp.pop("contract")
    house.with_suffix(".json").write_text(json.dumps(stamp), "utf-8")
    return told


def _old_record():
    folder = places.reports("demo") / NAME / "2026-01-01_k1"
    folder.mkdir(parents=True)
    p = {
        "name": "weekly_units", "target": {"item": "A"}, "due": "2026-01-08", "unit": "units",
        "quantiles": {"0.5": 1.0},
    }  # fmt: skip
    told = {
        "name": NAME, "room": "inventory", "company": "demo", "key": "k1", "day": "2026-01-01",
        "exit": "ok", "started": "2026-01-01T10:00:00", "finding": {"predictions": [p]},
        "parameters": {}, "versions": {"source": "aa"}, "data": {"tables": {}},
    }  # fmt: skip
    manifest.write(folder, told)


def test_an_older_warehouse_is_brought_up_and_back_and_nothing_is_lost(demo_home):
    rows, packs = _made_by_an_older_opslib()
    _old_record()
    house = places.warehouse("demo")
    before = house.read_bytes()
    with (
        open_store("demo") as store,
        pytest.raises(OpslibError, match="opslib upgrade"),
    ):
        store.read("products")
    assert "opslib upgrade" in status.report("demo")
    assert "is upgraded" in upgrade.upgrade("demo")
    with open_store("demo") as store:
        products = store.read("products")
        assert store.read("options").empty
    assert (len(products), int(products["pack"].sum())) == (rows, packs)
    assert products["shelf_life_days"].isna().all()
    assert pd.api.types.is_numeric_dtype(products["pack"])
    assert [m["key"] for m, _ in ledger.kept("demo")] == ["k1"]
    assert not upgrade.needed("demo")
    assert "nothing is done" in upgrade.upgrade("demo")
    assert "stands as before" in upgrade.back("demo")
    assert house.read_bytes() == before
    assert [m["key"] for m, _ in ledger.kept("demo")] == ["k1"]
    with pytest.raises(OpslibError, match="no upgrade to go back from"):
        upgrade.back("demo")


def test_an_upgrade_that_breaks_off_leaves_the_old_data_standing(
    demo_home, monkeypatch
):
    _made_by_an_older_opslib()
    before = places.warehouse("demo").read_bytes()

    def broken(connection):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build, "_bring_up", broken)
    with pytest.raises(OpslibError, match="the disk is full"):
        upgrade.upgrade("demo")
    assert places.warehouse("demo").read_bytes() == before
    monkeypatch.undo()
    monkeypatch.setenv("OPSLIB_HOME", str(demo_home))
    upgrade.upgrade("demo")
    assert read_stamp("demo")["contract"] == build.contract()


def test_an_upgrade_that_would_lose_rows_is_undone(demo_home, monkeypatch):
    _made_by_an_older_opslib()
    before = places.warehouse("demo").read_bytes()
    keep = build._bring_up

    def loses(connection):
        keep(connection)
        connection.execute("DELETE FROM products")

    monkeypatch.setattr(build, "_bring_up", loses)
    with pytest.raises(OpslibError, match="products would have lost rows"):
        upgrade.upgrade("demo")
    assert places.warehouse("demo").read_bytes() == before
