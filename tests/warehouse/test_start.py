"""A file never seen before becomes a warehouse and an answer, in either language."""

import datetime as dt
import random

import openpyxl
import pandas as pd
import pytest

from opslib import places
from opslib.errors import ContractError
from opslib.warehouse import company, open_store, start, tables, template
from opslib.words import Text


def _chinese_sheet(path, rows=400):
    source = random.Random(3)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["某公司销售明细表"])
    sheet.append(
        [
            "订单号",
            "下单日期",
            "货号",
            "门店",
            "会员号",
            "销量",
            "成交价",
            "销售额（元）",
            "备注",
        ]
    )
    for i in range(rows):
        n, price = source.randint(1, 5), source.choice([9.9, 19.9, 35])
        day = dt.date(2025, 6, 2) + dt.timedelta(days=source.randint(0, 380))
        sheet.append(
            [
                f"D{i // 2}",
                day,
                f"H{source.randint(1, 9)}",
                "一店",
                1000 + i % 50,
                n,
                price,
                f"￥{n * price:,.2f}",
                "",
            ]
        )
    sheet.append(["合计", None, None, None, None, 9000, None, "￥100,000", None])
    book.save(path)


def test_a_chinese_sheet_with_title_money_signs_and_a_total_row_comes_in_whole(home):
    _chinese_sheet(home / "销售2026.xlsx")
    begun = start.start(home / "销售2026.xlsx", company="shop")
    assert begun.table == "sales_lines"
    assert begun.columns["amount"] == "销售额（元）"
    assert begun.unused == ("备注",)
    made = begun.intake.deliveries[0]
    assert made.loaded == {"sales_lines": 400}
    assert {str(r): n for r, n in made.aside.items()} == {
        "a row of totals, which adds up others": 1
    }
    profile = company.read("shop")
    assert (profile.language, profile.currency) == ("zh", "CNY")
    assert "识别为 sales_lines" in begun.report().zh


def test_an_amount_that_lacks_is_quantity_times_price(home):
    frame = pd.DataFrame(
        {"Date": ["05.01.2026"], "SKU": ["A"], "Qty": [3], "Unit price": ["2.50"]}
    )
    frame.to_csv(home / "till.csv", index=False, sep=";")
    begun = start.start(home / "till.csv")
    with open_store("till") as store:
        assert store.read("sales_lines")["amount"].tolist() == [7.5]
    assert begun.company == "till"


def test_months_across_become_rows(home):
    frame = pd.DataFrame(
        {"SKU": ["A", "B"], "2026-01": [1, 2], "2026-02": [3, 4], "2026-03": [5, 6]}
    )
    frame["Price"] = 2.0
    frame.to_excel(home / "wide.xlsx", index=False)
    begun = start.start(home / "wide.xlsx")
    assert begun.table == "sales_lines", begun.report()
    with open_store("wide") as store:
        frame = store.read("sales_lines")
    assert len(frame) == 6
    assert frame["quantity"].sum() == 21


def test_a_file_that_fits_no_table_says_what_lacks_in_both_languages(home):
    pd.DataFrame({"colour": ["red"], "size": [3]}).to_csv(home / "odd.csv", index=False)
    with pytest.raises(ContractError, match="were not found") as wrong:
        start.start(home / "odd.csv")
    assert "没有找到" in wrong.value.sentence("zh")
    with pytest.raises(ContractError, match="there is no file"):
        start.start(home / "absent.csv")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "name", ["sales_lines", "purchase_orders", "budget_lines", "service_cases"]
)
def test_a_filled_form_is_recognised_as_its_own_table(home, name, language):
    path = template.write(name, home / f"{name}.xlsx", language)
    book = openpyxl.load_workbook(path)
    heads = [c.value for c in book[name][1]]
    known = tables.table(name).columns
    assert heads == [c.label.in_language(language) for c in known.values()]
    samples = {
        "text": "X1",
        "number": 1,
        "money": 1,
        "whole": 1,
        "day": "2026-01-05",
        "flag": "yes",
    }
    row = ["revenue" if n == "kind" else samples[c.type] for n, c in known.items()]
    book[name].append(row)
    book.save(path)
    begun = start.start(path, company="forms")
    assert begun.table == name
    assert begun.intake.deliveries[0].loaded.get(name) == 1, begun.report()


def test_a_later_delivery_comes_in_by_the_kept_mapping(home):
    from opslib.warehouse import intake

    frame = pd.DataFrame(
        {"Date": ["2026-01-05"], "SKU": ["A"], "Qty": [3], "Amount": [6.0]}
    )
    frame.to_csv(home / "till1.csv", index=False)
    start.start(home / "till1.csv", company="shop")
    frame.assign(Date="2026-02-05").to_csv(
        places.raw("shop") / "till2.csv", index=False
    )
    made = intake.load("shop")
    assert [d.again for d in made.deliveries] == [True, False]
    with open_store("shop") as store:
        assert store.rows("sales_lines") == 2


def test_a_file_without_digits_is_followed_by_files_with_some(home):
    from opslib.errors import ContractError
    from opslib.warehouse import intake

    frame = pd.DataFrame(
        {"Date": ["2026-01-05"], "SKU": ["A"], "Qty": [3], "Amount": [6.0]}
    )
    frame.to_csv(home / "till.csv", index=False)
    said = start.start(home / "till.csv", company="shop").report().en
    assert "data/raw/shop" in said
    assert "till_2.csv" in said
    for month, name in enumerate(("till_2.csv", "till 2026-03.csv"), 2):
        frame.assign(Date=f"2026-0{month}-05").to_csv(
            places.raw("shop") / name, index=False
        )
    (places.raw("shop") / "till_targets.csv").write_text("goal\n1\n")
    intake.load("shop")
    with open_store("shop") as store:
        assert store.rows("sales_lines") == 3
    with pytest.raises(ContractError, match="shop@north is a part of shop; load shop"):
        intake.load("shop@north")


def test_the_quality_page_names_what_is_wrong_and_its_owner(home):
    from opslib.publish import quality
    from opslib.warehouse import intake

    rows = [
        {"day": f"2026-01-{d:02d}", "item": "A", "quantity": q, "amount": 5.0}
        for d, q in [(5, 1), (6, -1), (7, 1)]
    ]
    places.raw("shop").mkdir(parents=True)
    pd.DataFrame(rows).to_csv(places.raw("shop") / "s.csv", index=False)
    source = {
        "name": "s",
        "table": "sales_lines",
        "files": "s.csv",
        "owner": "Ann",
        "control_column": "amount",
        "control_total": 16.0,
    }
    company.write("shop", {"language": "zh", "sources": [source]})
    report = intake.load("shop").report()
    assert "difference -1.00" in report.en
    said = quality.publish("shop", language="en")
    assert "33.3% of rows are in quarantine; ask Ann" in said.en
    assert "隔离" in said.zh
    assert "shop/quality.en.html" in said.en, "the gallery's names, whoever asks"
    page = (places.reports("shop") / "quality.en.html").read_text("utf-8")
    assert "the quantity is not above zero" in page
    assert 'href="quality.html"' in page
    chinese = (places.reports("shop") / "quality.html").read_text("utf-8")
    assert "数量不大于零" in chinese


def test_a_label_in_both_languages_reads_as_either():
    assert Text("a", "甲").in_language("zh") == "甲"


def _till_export(path, day):
    """A till's export: title, a sheet for each year, subtotals, words in headings."""
    source = random.Random(5)
    book = openpyxl.Workbook()
    book.remove(book.active)
    for year in (2024, 2025):
        sheet = book.create_sheet(f"FY{year}")
        sheet.append([f"Bramble & Sons, till export {year}"])
        sheet.append([])
        sheet.append(
            ["Ticket", "Txn Date", "SKU Code", "Description", "Outlet", "Qty Sold",
             "Unit Price (£)", "Net Value (£)", "Client ID"]
        )  # fmt: skip
        for i in range(100):
            n, kind = source.randint(1, 6), source.randint(1, 9)
            sold = dt.date(year, 1, 1) + dt.timedelta(days=3 * i)
            sheet.append(
                [f"T{i // 2}", sold.strftime(day), f"BR-{kind}", f"Jam {kind}",
                 "High Street", n, f"£{kind * 1.5:,.2f}", n * kind * 1.5, f"C{i % 30}"]
            )  # fmt: skip
        sheet.append(["Total", *[None] * 6, 900, None])
        sheet.append([])
    book.save(path)


@pytest.mark.parametrize("day", ["%d/%m/%Y", "%m/%d/%Y"])
def test_headings_of_several_words_and_days_either_way_round_are_read(home, day):
    _till_export(home / "till.xlsx", day)
    begun = start.start(home / "till.xlsx", company="bramble")
    assert begun.table == "sales_lines"
    assert begun.columns == {
        "sale": "Ticket", "day": "Txn Date", "item": "SKU Code", "place": "Outlet",
        "quantity": "Qty Sold", "price": "Unit Price (£)", "amount": "Net Value (£)",
        "customer": "Client ID",
    }  # fmt: skip
    made = begun.intake.deliveries[0]
    assert (made.rows, made.loaded) == (202, {"sales_lines": 200})
    with open_store("bramble") as store:
        days = store.read("sales_lines")["day"]
    assert (days.min(), days.max()) == (
        pd.Timestamp("2024-01-01"),
        pd.Timestamp("2025-10-25"),
    )
