"""Every notebook runs on the demonstration company, with its defaults and presets."""

import pytest
import yaml

from opslib import places, runs
from opslib.errors import ParameterError
from opslib.runs import listing, parameters

ENTRIES = yaml.safe_load((places.notebooks() / "gallery.yaml").read_text("utf-8"))["notebooks"]
NAMES = [entry["name"] for entry in ENTRIES]

pytestmark = pytest.mark.slow


def test_every_notebook_answers_and_a_second_run_starts_nothing(demo_home):
    batch = runs.run("demo", jobs=2, timeout=300)
    told = {r["name"]: (r["exit"], r.get("cell"), r.get("message")) for r in batch.results}
    assert {name: t for name, t in told.items() if t[0] != "ok"} == {}
    for result in batch.results:
        finding = result["finding"]
        assert finding["headline"]["en"] != finding["headline"]["zh"]
        assert finding["quantity"]["low"] <= finding["quantity"]["value"] <= finding["quantity"]["high"]
        assert finding["checks"], result["name"]
    again = runs.run("demo", jobs=2)
    assert again.started == 0
    assert {r["exit"] for r in again.results} == {"reused"}


def test_every_preset_runs(demo_home):
    presets = sorted({p for e in listing.entries().values() for p in e.presets})
    for preset in presets:
        names = [n for n, e in listing.entries().items() if preset in e.presets]
        batch = runs.run("demo", names, preset=preset, jobs=2, timeout=300)
        assert [r["exit"] for r in batch.results] == ["ok"] * len(names), preset


@pytest.mark.parametrize("name", NAMES)
def test_a_misspelt_parameter_is_refused_with_the_nearest_name(name):
    known = parameters.declared(places.notebooks() / f"{name}.ipynb")
    with pytest.raises(ParameterError, match="company"):
        parameters.resolve(known, {"compny": "demo"})


def test_a_company_with_sales_lines_only_gets_answers_or_is_told_what_lacks(demo_home):
    from opslib.warehouse import company, intake

    raw = places.raw("shop")
    raw.mkdir(parents=True)
    (raw / "sales_lines.parquet").write_bytes((places.raw("demo") / "sales_lines.parquet").read_bytes())
    source = {"name": "sales", "table": "sales_lines", "files": "sales_lines.parquet"}
    company.write("shop", {"language": "zh", "currency": "CNY", "sources": [source]})
    intake.load("shop")
    batch = runs.run("shop", jobs=2, timeout=300)
    kinds = {r["name"]: r["exit"] for r in batch.results}
    assert set(kinds.values()) <= {"ok", "lacking data"}, [
        (r["name"], r["exit"], r.get("cell"), r.get("message")) for r in batch.failed
    ]
    assert "ok" in kinds.values()
    assert batch.exit_code == 0
