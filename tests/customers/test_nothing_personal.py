"""No output of the room's notebooks holds a name, phone, mail or address."""

import json
import zipfile

import pandas as pd
import pytest

from opslib import desk, places, runs, warehouse
from opslib.publish import gallery
from opslib.warehouse import people

pytestmark = pytest.mark.slow
NOTEBOOKS = ["customers/segments", "customers/lifetime_value", "customers/churn"]


def _texts(folder):
    """Return each file below a folder as bytes, Excel files unpacked."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as book:
                yield path, b"\n".join(book.read(n) for n in book.namelist())
        else:
            yield path, path.read_bytes()


def test_no_report_list_manifest_or_kept_result_holds_a_planted_name(
    demo_home, monkeypatch
):
    monkeypatch.setenv("OPSLIB_SCOPE", "personal")
    batch = runs.run("demo", NOTEBOOKS, preset="quick", jobs=2, timeout=300)
    assert {r["exit"] for r in batch.results} == {"ok"}, batch.failed
    known = people.read("demo") or _planted(demo_home)
    some = [known[n] for n in sorted(known)[::7]]
    secret = {v.encode() for row in some for v in row.values() if len(v) > 5}
    assert len(secret) > 100
    gallery.publish("demo")
    seen = {}
    for folder in (places.reports("demo"), places.root() / ".cache"):
        for path, text in _texts(folder):
            seen[path.suffix] = seen.get(path.suffix, 0) + 1
            found = [s for s in secret if s in text]
            assert not found, f"{path.name} holds {found[:3]}"
    assert {".ipynb", ".html", ".csv", ".xlsx", ".json"} <= set(seen)


def _planted(home):
    frame = pd.read_parquet(next(places.raw("demo").rglob("customers*.parquet")))
    names = ["name", "phone", "mail", "address"]
    return {
        str(r["customer"]): {n: str(r[n]) for n in names} for _, r in frame.iterrows()
    }


def test_names_reach_a_desk_with_that_scope_only(demo_home, monkeypatch):
    with warehouse.open_store("demo") as store:
        columns = set(store.read("customers").columns)
    assert not {"name", "phone", "mail", "address"} & columns
    assert desk.open("demo").personal() == {}
    monkeypatch.setenv("OPSLIB_SCOPE", "personal")
    kept = desk.open("demo").personal()
    assert json.dumps(kept) == json.dumps(people.read("demo"))
    monkeypatch.setenv("OPSLIB_TABLES", "customers")
    assert desk.open("demo").personal() == {}
