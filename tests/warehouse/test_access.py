"""A view of a company: what a scope names is seen, everything else is not there."""

import pytest

from opslib import places
from opslib.errors import ContractError, MissingDataError
from opslib.warehouse import access, open_store, people, read_stamp, tables

SCOPES = """
[scopes.lakes]
regions = ["Lakes"]
"""


@pytest.fixture
def scoped(demo_home):
    told = places.company_home("demo") / "company.toml"
    told.write_text(told.read_text("utf-8") + SCOPES, "utf-8")
    return told


def test_a_region_sees_its_own_rows_and_no_others(scoped):
    with open_store("demo") as store:
        whole = store.read("places")
        sales = store.read("sales_lines", columns=["place", "amount"])
    with open_store("demo@north") as store:
        seen = store.read("sales_lines", columns=["place", "amount"])
        monthly = store.read("monthly_sales", columns=["amount"])
        people_seen = store.read("customers", columns=["region"])
    north = set(whole.loc[whole["region"] == "North", "place"])
    wanted = sales.loc[sales["place"].isin(north), "amount"].sum()
    assert set(seen["place"]) == north
    assert seen["amount"].sum() == pytest.approx(wanted)
    assert monthly["amount"].sum() == pytest.approx(wanted)
    assert set(people_seen["region"]) == {"North"}


def test_parts_of_all_regions_tie_to_the_whole(scoped):
    with open_store("demo") as store:
        whole, regions = store.rows("sales_lines"), store.read("places")["region"]
    told = scoped.read_text("utf-8")
    for at, region in enumerate(regions.unique()):
        told += f'\n[scopes.part{at}]\nregions = ["{region}"]\n'
    scoped.write_text(told, "utf-8")
    parts = 0
    for at in range(regions.nunique()):
        with open_store(f"demo@part{at}") as store:
            parts += store.rows("sales_lines")
    assert parts == whole


def test_what_a_contract_does_not_open_is_closed(scoped):
    closed = [n for n, t in tables.all_tables().items() if t.scope == {}]
    assert {"cash_days", "touchpoints", "payables"} <= set(closed)
    with open_store("demo@north") as store:
        assert all(store.rows(n) == 0 for n in closed)
        assert store.rows("budget_lines") == 0
    with open_store("demo@marketing") as store:
        lines = store.read("budget_lines", columns=["department"])
        assert set(lines["department"]) == {"Marketing"}
        assert store.rows("sales_lines") == 0
        assert store.rows("marketing_spend") > 0


def test_every_contract_can_be_cut(scoped):
    scope = access.Scope(
        name="x", allowed={"region": ("O'Hara",), "department": ("Nowhere",)}
    )
    with open_store("demo") as store:
        for name, table in tables.all_tables().items():
            sql = f"SELECT count(*) FROM house.{name} WHERE {scope.condition(name)}"
            rows = store.connection.execute(sql).fetchone()[0]
            if table.scope is not None and name != "promotions":
                assert rows == 0, name


def test_the_stamp_tells_views_apart_and_hides_what_is_closed(scoped):
    whole, north = read_stamp("demo"), read_stamp("demo@north")
    lakes = read_stamp("demo@lakes")
    assert north["tables"]["sales_lines"]["rows"] > 0
    assert (
        north["tables"]["sales_lines"]["rows"] < whole["tables"]["sales_lines"]["rows"]
    )
    assert north["tables"]["cash_days"]["rows"] == 0
    assert north["tables"]["cash_days"]["last_day"] == ""
    contents = {s["tables"]["sales_lines"]["content"] for s in (whole, north, lakes)}
    assert len(contents) == 3


def test_a_process_that_serves_a_reader_opens_her_views_only(scoped, monkeypatch):
    monkeypatch.setenv("OPSLIB_VIEWS", "demo@north")
    with open_store("demo@north") as store:
        assert store.rows("sales_lines") > 0
        with pytest.raises(MissingDataError, match="outside what you may see"):
            store.query("SELECT count(*) FROM sales_lines")
    for other in ("demo", "demo@lakes", "retailer"):
        with (
            pytest.raises(MissingDataError, match="outside what you may see"),
            open_store(other),
        ):
            pass
        with pytest.raises(MissingDataError, match="outside"):
            read_stamp(other)


def test_names_are_given_for_the_customers_of_the_view_only(scoped, monkeypatch):
    monkeypatch.setenv("OPSLIB_SCOPE", "personal")
    with open_store("demo@north") as store:
        seen = set(store.read("customers", columns=["customer"])["customer"])
    told = people.for_reader("demo@north")
    assert told
    assert set(told) <= seen
    assert len(told) < len(people.for_reader("demo"))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ('regoins = ["North"]', "regoins"),
        ('regions = "North"', "each a list of texts"),
        ("departments = [1]", "each a list of texts"),
    ],
)
def test_a_scope_that_means_nothing_is_refused(scoped, told, said):
    scoped.write_text(f"{scoped.read_text('utf-8')}\n[scopes.odd]\n{told}\n", "utf-8")
    with pytest.raises(ContractError, match=said), open_store("demo@odd"):
        pass


def test_a_view_that_company_toml_does_not_name_is_refused(scoped):
    with (
        pytest.raises(MissingDataError, match="names lakes"),
        open_store("demo@south"),
    ):
        pass
    with pytest.raises(ValueError, match="will not do"):
        places.company_name("demo@../north")


def test_another_file_keeps_what_company_toml_says(scoped, tmp_path):
    from opslib.warehouse import company, start

    told = scoped.read_text("utf-8") + '\n[[alerts]]\nkind = "file"\npath = "told"\n'
    scoped.write_text(told, "utf-8")
    before = company.told("demo")
    file = tmp_path / "scrap_more.csv"
    file.write_text("Request,Day,Place,Item,Quantity\nQ1,2026-06-01,P01,I001,2\n")
    start.start(file, company="demo", ask=None)
    after = company.told("demo")
    assert after["scopes"] == before["scopes"]
    assert after["alerts"] == before["alerts"]
    assert after["currency"] == before["currency"]
    assert len(after["sources"]) >= len(before["sources"])
