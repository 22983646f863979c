"""Files that are broken, odd or hostile: taken whole, or refused in one sentence."""

import io
import zipfile

import openpyxl
import pandas as pd
import pytest

from opslib.errors import ContractError
from opslib.warehouse import start

GOOD = pd.DataFrame(
    {
        "day": ["2026-01-05", "2026-01-06"],
        "item": ["A", "B"],
        "quantity": [2, 1],
        "amount": [6.5, 1234.5],
    }
)


def _refused(shop, file, english, chinese, **options):
    with pytest.raises(ContractError) as wrong:
        shop.load(file, **options)
    assert english in wrong.value.sentence("en")
    assert chinese in wrong.value.sentence("zh")
    return wrong.value


def _book(rows, title="Sheet"):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    return book


def _save(shop, file, book):
    data = io.BytesIO()
    book.save(data)
    return shop.write(file, data.getvalue())


def test_a_truncated_parquet_is_named_and_nothing_is_changed(shop):
    whole = GOOD.to_parquet()
    shop.write("a.parquet", whole)
    shop.load("a.parquet")
    shop.write("b.parquet", whole[: len(whole) // 2])
    _refused(shop, "b.parquet", "b.parquet cannot be read", "无法读取 b.parquet")
    assert len(shop.read()) == 2


def test_a_csv_in_another_encoding_with_semicolons_and_decimal_commas(shop):
    text = "Tag;Artikel;Menge;Umsatz €\n05.01.2026;Käse;2;1.234,50\n"
    shop.write("a.csv", text.encode("cp1252"))
    made = shop.load(
        "a.csv",
        columns={"day": "Tag", "item": "Artikel", "quantity": "Menge", "amount": "Umsatz €"},
        read={"decimal": ","},
    )  # fmt: skip
    assert made.loaded == {"sales_lines": 1}
    row = shop.read().iloc[0]
    assert (row["item"], row["amount"], row["day"].month) == ("Käse", 1234.5, 1)


def test_start_sees_the_decimal_comma_itself(home):
    rows = "".join(f"{d:02d}.01.2026;K{d};{d};{d},50\n" for d in range(1, 29))
    path = home / "kasse.csv"
    path.write_bytes(("Date;Item;Quantity;Amount\n" + rows).encode("cp1252"))
    begun = start.start(path, company="shop")
    from opslib.warehouse import open_store

    with open_store("shop") as store:
        assert store.read("sales_lines")["amount"].sum() == sum(range(1, 29)) + 14
    assert begun.intake.deliveries[0].aside == {}


def test_a_csv_in_gb18030_reads_as_chinese(shop):
    text = "日期,货号,数量,金额\n2026年1月5日,苹果,2,￥1.2万\n"
    shop.write("a.csv", text.encode("gb18030"))
    columns = {"day": "日期", "item": "货号", "quantity": "数量", "amount": "金额"}
    shop.load("a.csv", columns=columns)
    row = shop.read().iloc[0]
    assert (row["item"], row["amount"], row["day"].day) == ("苹果", 12000, 5)


def test_two_header_rows_are_joined(shop):
    book = _book(
        [
            ["Sale", None, "Money", None],
            ["day", "item", "quantity", "amount"],
            ["2026-01-05", "A", 2, 6],
        ]
    )
    book.active.merge_cells("A1:B1")
    book.active.merge_cells("C1:D1")
    _save(shop, "a.xlsx", book)
    assert shop.load("a.xlsx").loaded == {"sales_lines": 1}
    wide = _book(
        [
            ["Till", "Day", "Goods", None, "Money"],
            ["number", None, "item", "quantity", "amount"],
            ["S1", "2026-01-06", "A", 2, 6],
        ]
    )
    wide.active.merge_cells("C1:D1")
    _save(shop, "b.xlsx", wide)
    columns = {
        "day": "Day",
        "item": "Goods item",
        "quantity": "Goods quantity",
        "amount": "Money amount",
    }
    assert shop.load("b.xlsx", columns=columns).loaded == {"sales_lines": 1}


def test_merged_cells_stand_in_each_of_their_rows(shop):
    book = _book(
        [["day", "item", "quantity", "amount"]]
        + [["2026-01-05" if i == 0 else None, "AB"[i], 1, 5] for i in range(2)]
    )
    book.active.merge_cells("A2:A3")
    _save(shop, "a.xlsx", book)
    assert shop.load("a.xlsx").loaded == {"sales_lines": 2}


@pytest.mark.parametrize("word", ["合计", "Total", "小计"])
def test_total_rows_among_the_data_are_left_out_and_counted(shop, word):
    rows = [["day", "item", "quantity", "amount"], ["2026-01-05", "A", 2, 6]]
    rows += [[word, None, 2, 6], ["2026-01-06", "B", 1, 3], [word, None, 3, 9]]
    _save(shop, "a.xlsx", _book(rows))
    made = shop.load("a.xlsx")
    assert made.loaded == {"sales_lines": 2}
    assert shop.read()["amount"].sum() == 9
    assert made.rows == 4
    assert shop.reasons(made) == {"a row of totals, which adds up others": 2}


def test_a_sheet_for_each_month_comes_in_whole(shop):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for month in (1, 2, 3):
        sheet = book.create_sheet(f"{month}月")
        sheet.append(["day", "item", "quantity", "amount"])
        sheet.append([f"2026-{month:02d}-05", "A", month, month * 2])
    _save(shop, "a.xlsx", book)
    assert shop.load("a.xlsx").loaded == {"sales_lines": 3}


def test_months_across_become_rows(shop):
    _save(shop, "a.xlsx", _book([["item", "2026-01", "2026-02"], ["A", 3, 4]]))
    made = shop.load(
        "a.xlsx",
        unpivot={"keep": ["item"], "names": "month", "values": "units"},
        columns={
            "day": "month",
            "item": "item",
            "quantity": "units",
            "amount": {"sql": "units::DOUBLE * 2"},
        },
    )
    assert made.loaded == {"sales_lines": 2}
    assert shop.read()["quantity"].sum() == 7


def test_amounts_as_text_and_dates_as_serial_numbers_are_read(shop):
    rows = [["day", "item", "quantity", "amount"], ["46027", "A", "2", "￥1.5万"]]
    rows += [["46028", "B", "1", "1,234.50元"], ["46029", "C", "1", "$3"]]
    _save(shop, "a.xlsx", _book(rows))
    shop.load("a.xlsx")
    frame = shop.read().sort_values("item")
    assert frame["amount"].tolist() == [15000, 1234.5, 3]
    assert frame["day"].dt.strftime("%Y-%m-%d").iloc[0] == "2026-01-05"


def test_a_packed_bomb_is_refused_before_it_is_unpacked(shop):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * (60 << 20))
    shop.write("a.xlsx", data.getvalue())
    _refused(shop, "a.xlsx", "packed bomb", "压缩炸弹")


def test_a_file_that_is_no_workbook_at_all_is_named(shop):
    shop.write("a.xlsx", "not a workbook")
    _refused(shop, "a.xlsx", "a.xlsx cannot be read", "无法读取 a.xlsx")
    shop.write("a.pdf", "%PDF")
    _refused(shop, "a.pdf", "'.pdf'".strip("'"), "a.pdf")


def test_a_table_of_zero_rows_loads_nothing_and_says_so(shop):
    shop.write("a.csv", "day,item,quantity,amount\n")
    made = shop.load("a.csv")
    assert (made.rows, made.loaded) == (0, {"sales_lines": 0})
    _save(shop, "b.xlsx", openpyxl.Workbook())
    _refused(shop, "b.xlsx", "holds no rows", "没有数据行")


def test_an_empty_file_is_refused(shop):
    shop.write("a.csv", "")
    _refused(shop, "a.csv", "a.csv", "a.csv")


def test_a_formula_in_a_cell_is_text_and_is_never_computed(shop):
    shop.write("a.csv", 'day,item,quantity,amount\n2026-01-05,"=1+cmd|x",1,5\n')
    shop.load("a.csv")
    assert shop.read()["item"].tolist() == ["=1+cmd|x"]
    book = _book(
        [["day", "item", "quantity", "amount"], ["2026-01-06", "B", 1, "=2+3"]]
    )
    _save(shop, "b.xlsx", book)
    made = shop.load("b.xlsx")
    assert made.loaded == {"sales_lines": 0}
    assert shop.reasons(made) == {"Amount is missing": 1}
