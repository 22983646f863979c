"""The warehouse keeps what it is told, and a reader never sees the future."""

import datetime as dt
import multiprocessing
import os
import signal
import time

import pandas as pd
import pytest

from opslib import places
from opslib.errors import ContractError, MissingDataError
from opslib.warehouse import (
    build,
    company,
    intake,
    mapping,
    open_store,
    read_stamp,
    tables,
)


def _deliver(name, table, frame, *, file="a.csv", company_name="shop", **options):
    raw = places.raw(company_name)
    raw.mkdir(parents=True, exist_ok=True)
    frame.to_csv(raw / file, index=False)
    columns = {c: c for c in tables.table(table).columns if c in frame}
    path = places.company_home(company_name) / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    import yaml

    told = {
        "source": name,
        "files": file,
        "rows": [{"to": table, "columns": columns}],
        **options,
    }
    path.write_text(yaml.safe_dump(told), "utf-8")
    return intake.load(company_name, path)


def _sales(**change):
    base = {
        "sale": "1",
        "day": "2026-01-05",
        "item": "A",
        "quantity": 2,
        "price": 3.0,
        "amount": 6.0,
    }
    return pd.DataFrame([{**base, **change}])


def test_a_delivery_adds_up_and_bad_rows_go_to_quarantine_with_the_reason(home):
    rows = pd.concat(
        [
            _sales(),
            _sales(quantity=-1, amount=-3),
            _sales(amount=99),
            _sales(day="31.02.2026"),
            _sales(quantity="many"),
            _sales(item=None),
        ]
    )
    made = _deliver("till", "sales_lines", rows).deliveries[0]
    assert made.rows == 6
    assert made.loaded == {"sales_lines": 1}
    reasons = {str(r): n for r, n in made.aside.items()}
    assert reasons == {
        "the quantity is not above zero": 1,
        "quantity times price is not the amount": 1,
        "Day is no day": 1,
        "Quantity is no number": 1,
        "Item is missing": 1,
    }
    assert sum(made.loaded.values()) + sum(made.aside.values()) == made.rows


def test_the_same_delivery_twice_changes_nothing(home):
    _deliver("till", "sales_lines", _sales())
    before = read_stamp("shop")["snapshot"]
    assert _deliver("till", "sales_lines", _sales()).deliveries[0].again
    assert read_stamp("shop")["snapshot"] == before


def test_a_correction_replaces_a_row_and_reads_as_known_then(home):
    order = {
        "order": "P1",
        "item": "A",
        "ordered": "2026-01-05",
        "quantity": 10,
        "price": 2.0,
    }
    _deliver("po", "purchase_orders", pd.DataFrame([order]), delivered="2026-01-10")
    changed = pd.DataFrame([{**order, "quantity": 12}])
    made = _deliver(
        "po2", "purchase_orders", changed, file="b.csv", delivered="2026-02-01"
    )
    assert made.deliveries[0].replaced == 1
    with open_store("shop") as store:
        now = store.read("purchase_orders")
        then = store.read("purchase_orders", as_of=dt.date(2026, 1, 20))
    assert now["quantity"].tolist() == [12]
    assert then["quantity"].tolist() == [10]


def test_what_became_known_later_is_blank_before(home):
    order = {
        "order": "P1", "item": "A", "ordered": "2026-01-05", "received": "2026-01-20",
        "quantity": 10, "quantity_received": 10, "quantity_rejected": 1, "price": 2.0,
    }  # fmt: skip
    _deliver("po", "purchase_orders", pd.DataFrame([order]))
    with open_store("shop") as store:
        early = store.read("purchase_orders", as_of=dt.date(2026, 1, 10))
        late = store.read("purchase_orders", as_of=dt.date(2026, 1, 20))
        before = store.read("purchase_orders", as_of=dt.date(2026, 1, 1))
    assert (
        early[["received", "quantity_received", "quantity_rejected"]]
        .isna()
        .all(axis=None)
    )
    assert late["quantity_received"].tolist() == [10]
    assert before.empty


def test_marts_cannot_look_ahead(demo_home):
    day = dt.date(2025, 3, 12)
    with open_store("demo") as store:
        for name, view in tables.all_views().items():
            frame = store.read(name, as_of=day)
            assert list(frame) == list(view.columns), name
            for column in frame.select_dtypes("datetime"):
                if column not in ("month",):
                    assert frame[column].max() <= pd.Timestamp(day), (name, column)
        weekly = store.read("weekly_demand", as_of=day)
        raw = store.read("sales_lines", as_of=day)
        assert weekly["units"].sum() == raw["quantity"].sum()
        all_of_it = store.read("sales_lines")
        assert (all_of_it["day"] > pd.Timestamp(day)).any()


def test_rows_dated_elsewhere_are_hidden_until_their_day(demo_home):
    """Answers carry no day: their person's counts; a budget is known once adopted."""
    with open_store("demo") as store:
        people = store.read("survey_people")
        pair, early = ["survey", "respondent"], people["day"].min()
        for name in ("survey_answers", "choice_answers", "best_worst_answers"):
            whole = store.read(name)
            assert store.read(name, as_of=(early - pd.Timedelta(days=1)).date()).empty
            later = people.merge(whole[pair].drop_duplicates())["day"].median()
            seen = store.read(name, as_of=later.date())
            known = people.loc[people["day"] <= later, pair]
            pd.testing.assert_frame_equal(
                seen, whole.merge(known).reset_index(drop=True), check_like=True
            )
            assert 0 < len(seen) < len(whole)
        asked = store.read("survey_questions", as_of=dt.date(2025, 9, 1))
        assert set(asked["survey"]) < set(store.read("survey_questions")["survey"])
        adopted = store.read("budget_lines", as_of=dt.date(2025, 3, 31))["adopted"]
        assert adopted.max() == pd.Timestamp("2024-12-15")
    stamp = read_stamp("demo")["tables"]
    assert stamp["budget_lines"]["first_day"] == "2024-12-15"
    assert stamp["choice_answers"]["first_day"] >= stamp["survey_people"]["first_day"]


def test_an_answer_whose_person_was_never_delivered_is_not_hidden(home):
    frame = pd.DataFrame(
        [{"survey": "S", "respondent": "1", "question": "Q", "answer": "yes"}]
    )
    _deliver("answers", "survey_answers", frame)
    with open_store("shop") as store:
        assert len(store.read("survey_answers", as_of=dt.date(2020, 1, 1))) == 1


def test_a_table_never_delivered_reads_as_an_empty_frame_with_its_types(home):
    _deliver("till", "sales_lines", _sales())
    with open_store("shop") as store:
        stock = store.read("stock_days")
        assert stock.empty
        assert stock["day"].dtype == "datetime64[ns]"
        assert stock["closing"].dtype == float
        with pytest.raises(MissingDataError, match="there is no table"):
            store.read("stock_dayz")
        with pytest.raises(MissingDataError, match="has no column"):
            store.read("stock_days", columns=["colour"])


def test_every_view_reads_the_same_in_other_engines():
    import sqlglot

    for name, view in tables.all_views().items():
        for engine in ("postgres", "spark"):
            level = sqlglot.ErrorLevel.RAISE
            out = sqlglot.transpile(
                view.sql, read="duckdb", write=engine, unsupported_level=level
            )
            assert len(out) == 1, name
        assert view.reads
        parsed = sqlglot.parse_one(view.sql, read="duckdb")
        own = {c.alias for c in parsed.find_all(sqlglot.exp.CTE)}
        read = {t.name for t in parsed.find_all(sqlglot.exp.Table)} - own
        assert read == {*view.reads}, name


def test_every_table_says_its_grain_in_both_languages_and_has_rules_that_parse():
    import sqlglot

    for table in tables.all_tables().values():
        assert table.grain.en != table.grain.zh, table.name
        for column in table.columns.values():
            assert column.type in tables.SQL_TYPES
            assert column.label.en != column.label.zh or column.label.en.isupper()
        for rule in table.rules:
            sqlglot.parse_one(rule.sql, read="duckdb")
        if table.day:
            assert table.day in table.columns


def test_a_misspelt_column_in_a_mapping_is_named_with_the_nearest(home):
    with pytest.raises(ContractError, match="nearest: quantity") as wrong:
        mapping.parse(
            {
                "source": "x",
                "rows": [
                    {
                        "to": "sales_lines",
                        "columns": {
                            "day": "d",
                            "item": "i",
                            "quantty": "q",
                            "amount": "a",
                            "quantity": "q",
                        },
                    }
                ],
            },
            "x.yaml",
        )
    assert "quantty" in wrong.value.sentence("en")
    assert "没有列" in wrong.value.sentence("zh")


def test_a_mapping_that_names_an_absent_column_names_file_and_column(home):
    with pytest.raises(ContractError, match=r"a\.csv.*'Qty'"):
        raw = places.raw("shop")
        raw.mkdir(parents=True)
        _sales().to_csv(raw / "a.csv", index=False)
        path = places.company_home("shop") / "m.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(
            "source: t\nfiles: a.csv\nrows:\n  - to: sales_lines\n    columns: "
            "{day: day, item: item, quantity: Qty, amount: amount}\n"
        )
        intake.load("shop", path)


def test_an_unknown_word_in_company_toml_is_refused(home):
    path = company.write("shop", {"languge": "en"})
    with pytest.raises(ContractError, match="languge"):
        company.read("shop")
    path.write_text('language = "fr"\n')
    with pytest.raises(ContractError, match="write en or zh"):
        company.read("shop")


def test_a_reader_is_not_disturbed_by_a_load(home):
    _deliver("till", "sales_lines", _sales())
    with open_store("shop") as store:
        _deliver(
            "till", "sales_lines", pd.concat([_sales(), _sales(sale="2")]), file="b.csv"
        )
        assert len(store.read("sales_lines")) == 1
    with open_store("shop") as store:
        assert len(store.read("sales_lines")) == 3


def test_two_loads_at_once_are_refused_in_one_sentence(home):
    _deliver("till", "sales_lines", _sales())
    with (
        build.rebuild("shop"),
        pytest.raises(ContractError, match="another load of shop"),
        build.rebuild("shop"),
    ):
        pass


def _load_for_ever():
    from opslib.warehouse import intake as loads

    loads.load("demo", fresh=True)


@pytest.mark.slow
def test_a_load_killed_half_way_leaves_the_old_warehouse_whole(demo_home):
    before = read_stamp("demo")
    for wait in (0.05, 0.4, 0.9, 1.5):
        work = multiprocessing.get_context("fork").Process(target=_load_for_ever)
        work.start()
        time.sleep(wait)
        os.kill(work.pid, signal.SIGKILL)
        work.join()
        with open_store("demo") as store:
            assert store.rows("sales_lines") == before["tables"]["sales_lines"]["rows"]
    intake.load("demo", fresh=True)
    assert (
        read_stamp("demo")["tables"]["sales_lines"]["rows"]
        == before["tables"]["sales_lines"]["rows"]
    )
    assert not list(places.warehouse("demo").parent.glob("*.building*"))


def test_a_warehouse_that_is_absent_names_the_way_out(home):
    with (
        pytest.raises(MissingDataError, match="opslib start FILE"),
        open_store("nowhere"),
    ):
        pass
    with pytest.raises(ValueError, match="will not do"), open_store("../etc"):
        pass


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_table_downloaded_with_its_headings_loads_back(home, language):
    columns = tables.table("budget_lines").columns
    row = {
        "version": "2027 draft",
        "line": "Rent",
        "kind": "expense",
        "department": "Sales",
        "month": "2027-01-01",
        "amount": 10.5,
    }
    frame = pd.DataFrame([row]).rename(
        columns={c: columns[c].label.in_language(language) for c in row}
    )
    raw = places.raw("shop")
    raw.mkdir(parents=True)
    frame.to_excel(raw / "draft.xlsx", index=False)
    source = {"name": "draft", "table": "budget_lines", "files": "draft.xlsx"}
    company.write("shop", {"language": "en", "currency": "GBP", "sources": [source]})
    made = intake.load("shop")
    assert made.deliveries[0].loaded["budget_lines"] == 1
    with open_store("shop") as store:
        assert store.read("budget_lines")["version"].tolist() == ["2027 draft"]


def test_a_table_that_an_older_opslib_did_not_make_is_named_with_the_way_out(demo_home):
    import duckdb

    with duckdb.connect(str(places.warehouse("demo"))) as connection:
        connection.execute("DROP TABLE contacts")
    with open_store("demo") as store:
        with pytest.raises(MissingDataError, match="made by another opslib"):
            store.read("contacts")
        with pytest.raises(MissingDataError, match="opslib upgrade"):
            store.rows("contacts")
