"""Rows that are wrong: each is accounted for, with its reason in both languages."""

import datetime as dt

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opslib.errors import ContractError
from opslib.warehouse import mapping

HEAD = "day,item,quantity,amount\n"
BAD = {
    "31.02.2026,A,1,5": ("Day is no day", "日期"),
    "2026-01-05,A,-1,5": ("the quantity is not above zero", "数量不大于零"),
    "2026-01-05,A,many,5": ("Quantity is no number", "数量"),
    "2026-01-05,A,1,": ("Amount is missing", "金额"),
    "2026-01-05,,1,5": ("Item is missing", "商品编码"),
    "2026-01-05,A,1,-5": ("the amount is negative", "金额为负"),
}


@pytest.mark.parametrize("row", BAD)
def test_a_bad_row_waits_in_quarantine_with_its_reason(shop, row):
    english, chinese = BAD[row]
    shop.write("a.csv", f"{HEAD}{row}\n2026-01-05,B,1,5\n")
    made = shop.load("a.csv")
    assert made.loaded == {"sales_lines": 1}
    assert shop.reasons(made) == {english: 1}
    assert chinese in next(iter(made.aside)).zh


def test_forty_percent_of_empty_values_are_counted_not_filled(shop):
    rows = "".join(f"2026-01-05,A,1,{'' if i % 5 < 2 else 5}\n" for i in range(100))
    shop.write("a.csv", HEAD + rows)
    made = shop.load("a.csv")
    assert made.loaded == {"sales_lines": 60}
    assert shop.reasons(made) == {"Amount is missing": 40}


def test_a_key_that_stands_twice_keeps_the_first_row(shop):
    shop.write("a.csv", "item,price\nA,1\nA,2\nB,3\n")
    columns = {"item": "item", "price": "price"}
    made = shop.load("a.csv", table="products", columns=columns)
    assert made.loaded == {"products": 2}
    assert shop.reasons(made) == {"the key (item) stands twice in this delivery": 1}
    assert shop.read("products").set_index("item")["price"]["A"] == 1


def test_an_extra_column_changes_nothing_and_a_missing_one_is_named(shop):
    shop.write("a.csv", "day,item,quantity,amount,colour\n2026-01-05,A,1,5,red\n")
    assert shop.load("a.csv").loaded == {"sales_lines": 1}
    shop.write("b.csv", "day,item,quantity\n2026-01-05,A,1\n")
    with pytest.raises(ContractError, match=r"b\.csv.*'amount'") as wrong:
        shop.load("b.csv")
    assert "amount" in wrong.value.sentence("zh")
    assert len(shop.read()) == 1


def test_a_misspelt_column_in_a_mapping_shows_the_nearest(shop):
    shop.write("a.csv", HEAD + "2026-01-05,A,1,5\n")
    columns = {"day": "dya", "item": "item", "quantity": "quantity", "amount": "amount"}
    with pytest.raises(ContractError, match="nearest: day") as wrong:
        shop.load("a.csv", columns=columns)
    assert "最接近" in wrong.value.sentence("zh")


def test_rows_are_numbered_as_they_stand_in_the_file(shop):
    rows = "".join(
        f"2026-01-05,A,{-1 if i == 70_001 else 1},5\n" for i in range(90_000)
    )
    shop.write("a.csv", HEAD + rows)
    shop.load("a.csv")
    from opslib.warehouse import open_store

    with open_store(shop.name) as store:
        found = store.query("SELECT row_number FROM _set_aside")
    assert found["row_number"].tolist() == [70_002]


CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "1", "-3", "2026-01-05", "31.02.2026", "1.5万", "(3)", "合计"]
    ),
    st.integers().map(str),
    st.floats().map(str),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=8))
def test_whatever_is_delivered_every_row_is_accounted_for(shop, rows):
    frame = pd.DataFrame(rows, columns=["day", "item", "quantity", "amount"], dtype=str)
    path = shop.write("a.parquet", frame.to_parquet())
    made = shop.load("a.parquet")
    if not made.again:
        assert made.rows == len(rows)
        assert sum(made.loaded.values()) + sum(made.aside.values()) == len(rows)
        assert all(reason.zh != reason.en for reason in made.aside)
    path.unlink()


def _cast(text, kind, decimal="."):
    quoted = "'" + text.replace("'", "''") + "'"
    return duckdb.sql(f"SELECT {mapping.cast(quoted, kind, decimal)}").fetchone()[0]


@settings(max_examples=60, deadline=None)
@given(cents=st.integers(-10_000_000_00, 10_000_000_00))
def test_money_reads_the_same_however_it_is_written(cents):
    value = cents / 100
    plain = f"{value:,.2f}"
    german = plain.translate(str.maketrans(",.", ".,"))
    for text in (plain, f"￥{plain}", f"{plain}元", f"{plain} EUR"):
        assert _cast(text, "money") == value
    assert _cast(german, "money", ",") == value


@settings(max_examples=40, deadline=None)
@given(day=st.dates(dt.date(1990, 1, 1), dt.date(2080, 12, 31)))
def test_a_day_reads_the_same_however_it_is_written(day):
    serial = (day - dt.date(1899, 12, 30)).days
    forms = [day.isoformat(), f"{day:%d.%m.%Y}", f"{day:%Y/%m/%d}", str(serial)]
    forms.append(f"{day.year}年{day.month}月{day.day}日")
    assert {_cast(text, "day") for text in forms} == {day}


def test_values_of_large_size_and_percent_are_read():
    assert _cast("3.2亿", "money") == pytest.approx(3.2e8)
    assert _cast("(12.00)", "money") == -12
    assert _cast("12%", "number") == pytest.approx(0.12)
    assert _cast("31.02.2026", "day") is None
