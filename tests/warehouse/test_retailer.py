"""The real retailer: half a million order lines go where they belong."""

import pytest

from opslib import places
from opslib.warehouse import intake, open_store

pytestmark = pytest.mark.published
HOME = places.root() / "data" / "companies" / "retailer"


@pytest.fixture
def retailer(shared, home):
    shared("customers/online_retail_ii_2009_2010")
    return intake.load("retailer", HOME / "first_year.yaml")


def test_every_delivered_row_of_the_first_year_is_accounted_for(retailer):
    made = retailer.deliveries[0]
    assert made.rows == 525_461
    assert made.loaded["sales_lines"] == 502_429
    assert made.loaded["returns"] == 9_559
    assert made.loaded["charges"] == 2_960
    own = sum(n for t, n in made.loaded.items() if not t.startswith("+"))
    assert own + sum(made.aside.values()) == 525_461
    assert "adds up" in retailer.report().en
    assert "合计相符" in retailer.report().zh


def test_both_years_count_each_line_once(retailer, shared):
    shared("customers/online_retail_2010_2011")
    made = intake.load("retailer", HOME / "second_year.yaml").deliveries[0]
    assert made.rows == 541_909
    own = sum(n for t, n in made.loaded.items() if not t.startswith("+"))
    assert own + sum(made.aside.values()) == 541_909
    with open_store("retailer") as store:
        lines = sum(store.rows(t) for t in ("sales_lines", "returns", "charges"))
        aside = store.query("SELECT count(*) AS n FROM _set_aside WHERE until IS NULL")
        assert lines + int(aside["n"][0]) == 1_044_847
        again = intake.load("retailer", HOME / "second_year.yaml")
        assert again.deliveries[0].again


@pytest.mark.slow
def test_every_notebook_answers_on_the_retailer_or_says_what_lacks(retailer, home):
    import shutil

    from opslib import runs
    from opslib.publish import gallery

    shutil.rmtree(home / "notebooks")
    shutil.copytree(HOME.parents[2] / "notebooks", home / "notebooks")
    (home / "data" / "companies" / "retailer").mkdir(parents=True)
    shutil.copy(HOME / "company.toml", home / "data" / "companies" / "retailer")
    batch = runs.run("retailer", jobs=2, timeout=400)
    assert {r["exit"] for r in batch.results} <= {"ok", "lacking data"}, [
        (r["name"], r["exit"], r.get("cell"), r.get("message")) for r in batch.failed
    ]
    by = {r["name"]: r for r in batch.results}
    reorder = by["inventory/reorder_plan"]["finding"]
    assert "stock on hand" in " ".join(c["en"] for c in reorder["caveats"])
    assert by["inventory/stock_health"]["exit"] == "lacking data"
    page = gallery.publish("retailer").read_text("utf-8")
    assert "stock_days was never delivered" in page
