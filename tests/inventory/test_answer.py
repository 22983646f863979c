"""Pages: what is said, in both languages, and the sheet that goes out and comes back."""

import dataclasses
import datetime as dt
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from opslib import inventory, words
from opslib.inventory import answer, charts, controls
from opslib.inventory.ordering.orders import Decision

DAY = dt.date(2026, 6, 28)
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made(company, panel, told, test, coming):
    """Return a decision of small parts, as `decide` puts them together."""
    tuned = inventory.tune(panel, told, holding_rate=0.25, sample=60, windows=3)
    listed = inventory.plan(coming, told, level=tuned.level, holding_rate=0.25)
    edits = company.order_edits.assign(day=pd.to_datetime(company.order_edits["day"]))
    return Decision(
        listed=inventory.apply_edits(listed, edits, day=DAY), tuned=tuned, test=test,
        coming=coming, priced=inventory.price_edits(edits, panel, told, holding_rate=0.25),
        worth=inventory.worth(panel, told, level=tuned.level, holding_rate=0.25, sample=60),
    )  # fmt: skip


def _whole(finding):
    """Return every sentence of a finding in both languages."""
    texts = [finding.headline, *finding.caveats]
    texts += [c.sentence for c in finding.checks] + [a.what for a in finding.actions]
    return texts


@pytest.fixture(scope="module")
def findings(panel, told, test, coming, found, made):
    return {
        "demand": answer.demand(panel, coming, test, day=DAY, currency="GBP"),
        "reorder": answer.reorder(made, told, day=DAY, currency="GBP"),
        "health": answer.health(found, day=DAY, currency="GBP"),
    }


@pytest.mark.parametrize("name", ["demand", "reorder", "health"])
def test_every_page_tells_a_number_with_its_range_and_who_does_what(findings, name):
    told = findings[name]
    assert told.quantity.low <= told.quantity.value <= told.quantity.high
    assert told.quantity.low < told.quantity.high
    assert all(any("\u4e00" <= c <= "\u9fff" for c in t.zh) for t in _whole(told))
    assert not any("{" in t or "nan" in t.en for t in _whole(told))
    assert told.actions[0].value > 0
    assert told.actions[0].due > DAY
    assert told.actions[0].owner.en


def test_the_headline_adds_up_with_the_list(findings, made):
    assert findings["reorder"].facts["order_money"] == pytest.approx(
        made.listed["money"].sum()
    )
    assert findings["reorder"].quantity.value == made.listed["order"].sum()


def test_every_order_says_why(made):
    table = answer.order_table(made.listed, currency="GBP")
    assert all("left at delivery" in r.en for r in table.frame["reason"])
    told = ("only supplier so far", "a good unit costs")
    assert all(any(t in r.en for t in told) for r in table.frame["reason"])
    assert all("one in ten after" in r.en for r in table.frame["reason"])
    assert any("in packs of" in r.en for r in table.frame["reason"])


def test_the_buyers_change_is_named(made):
    row = made.listed[made.listed["order"] > 0].iloc[[0]]
    row = row.assign(edited=True, proposed=7.0)
    table = answer.order_table(row, currency="GBP")
    assert "changed by the buyer from 7" in table.frame["reason"].iloc[0].en


def test_the_sheet_carries_the_whole_reckoning(made):
    sheet = answer.sheet_table(made.listed, day=DAY, currency="GBP")
    wanted = {"day", "item", "place", "proposed", "wanted_order", "on_hand", "in_pipeline",
              "at_delivery", "expected", "pack_effect", "gain_more", "gain_less"}  # fmt: skip
    assert wanted <= set(sheet.headings)
    assert set(sheet.headings) <= set(sheet.frame)


def test_every_table_has_the_columns_it_heads(made, panel, told, test, coming, found):
    tables = [
        answer.choice_table(told, currency="GBP"), answer.loss_table(found, currency="GBP"),
        answer.order_table(made.listed, currency="GBP"), answer.risk_table(made.listed),
        answer.worth_table(made, currency="GBP"), answer.forecast_table(coming, panel),
        answer.race_table(test), answer.over_table(found, currency="GBP"),
        answer.out_table(found, currency="GBP"), answer.age_table(found, currency="GBP"),
        answer.class_table(found, currency="GBP"), answer.count_table(found, currency="GBP"),
        answer.scrap_table(found, currency="GBP"),
    ]  # fmt: skip
    for table in tables:
        assert set(table.headings) <= set(table.frame), table.name
        assert all(h.label.zh != h.label.en for h in table.headings.values()), (
            table.name
        )


def test_money_adds_up_over_ages_and_classes(found):
    whole = found.rows["money"].sum()
    ages = answer.age_table(found, currency="GBP").frame
    classes = answer.class_table(found, currency="GBP").frame
    assert ages["money"].sum() == pytest.approx(whole)
    assert classes["money"].sum() == pytest.approx(whole)
    assert ages["share"].sum() == pytest.approx(1)


def test_sliders_move_stock_money_and_demand_met_at_once(coming, told):
    turned = controls.service(coming, told, currency="GBP", level=0.9)
    base = {"level": 0.8, "lead_change": 0, "holding": 0.25, "shortage": 1}
    low, high = (
        turned.compute(**{**base, "level": x}).headline.en for x in (0.8, 0.98)
    )
    assert low != high

    def met(text):
        return float(text.split("; ")[1].split("%")[0])

    assert met(high) > met(low)
    for name, other in {"lead_change": 1, "holding": 0.5, "shortage": 2}.items():
        assert turned.compute(**{**base, name: other}).headline.en != low, name
    assert all(s.low <= s.value <= s.high for s in turned.sliders)


def test_every_chart_is_drawn_in_both_languages(panel, coming, test, made, found):
    for language in ("en", "zh"):
        words.speak(language)
        figures = [
            charts.demand_ahead(panel, coming, test), charts.money_by_level(made.tuned),
            charts.money_by_supplier(made.listed), charts.stock_and_need(found),
            charts.losses(found),
        ]  # fmt: skip
        assert all(f.layout.title.text and len(f.data) for f in figures)


def test_a_bias_is_said_as_too_low_or_too_high():
    assert answer._off(-0.174).en == "In sum it was 17.4% too low."
    assert answer._off(0.05).en == "In sum it was 5.0% too high."


def test_a_range_of_recent_weeks_drawn_anew_holds_the_money_found(found):
    low, high = found.over_range
    over = found.rows["over_money"].sum()
    assert 0.7 * over < low <= high < 1.4 * over


@pytest.mark.parametrize("suffix", ["", ".zh"])
def test_the_edited_sheet_comes_back_through_the_ordinary_intake(
    made, demo_home, suffix
):
    """Export as the report does, change two orders, load, read, see them in the list."""
    from opslib import desk, places
    from opslib.publish import report
    from opslib.show import tables
    from opslib.warehouse import intake

    sheet = answer.sheet_table(made.listed, day=DAY, currency="GBP")
    language = "zh" if suffix else "en"
    folder = places.raw("demo")
    report._table_files(folder, tables.data(sheet), {"key": "abc123"}, language)
    file = folder / f"order_sheet{suffix}.csv"
    edited = pd.read_csv(file)
    column = "您的订货量" if suffix else "Your order"
    edited.loc[[0, 2], column] += 11
    edited.to_csv(file, index=False, encoding="utf-8-sig")
    if not suffix:
        (folder / "order_sheet.zh.csv").unlink(missing_ok=True)
    home = places.root() / "data" / "companies" / "demo"
    name = f"order_sheet{suffix}.yaml"
    shutil.copy(PROJECT / "data/companies/retailer" / name, home / name)
    loaded = intake.load("demo", home / name).deliveries[0]
    assert loaded.loaded["order_edits"] == len(edited)
    here = desk.open("demo")
    kept = here.read("order_edits")
    mine = kept[kept["run"] == "abc123"]
    assert len(mine) == len(edited)
    assert (mine["wanted"] != mine["proposed"]).sum() == 2
    after = inventory.apply_edits(
        made.listed.drop(columns=["proposed", "edited"]), kept, day=DAY
    )
    assert after["edited"].sum() == 2
    assert np.isclose((after["order"] - after["proposed"]).sum(), 22)


def test_who_delivers_and_who_approves_is_told(made, told, found):
    choices = answer.choice_table(told, currency="GBP").frame
    assert (choices["taken"] == "taken").sum() == choices["item"].nunique()
    losses = answer.loss_table(found, currency="GBP").frame
    assert losses["missing"].sum() > 0
    waiting = answer.scrap_table(found, currency="GBP").frame
    assert set(waiting["approver"]) == {"Warehouse manager"}
    several = made.listed[made.listed["other"].notna() & (made.listed["order"] > 0)]
    reasons = answer.order_table(several, currency="GBP").frame["reason"]
    assert all("a good unit costs" in r.en for r in reasons)


def test_planned_promotions_are_named_only_where_the_forecast_knows_them(panel, coming):
    known = np.zeros((4, len(panel.units), len(panel.weeks) + 9), np.float32)
    known[0, :5, len(panel.weeks) + 1] = 1.0
    planned = dataclasses.replace(panel, known=known)
    trees = dataclasses.replace(
        coming, method=np.full(len(coming.method), "combination")
    )
    assert "5 lines" in answer._planned(planned, trees).en
    plain = dataclasses.replace(coming, method=np.full(len(coming.method), "levels"))
    assert "knows of none" in answer._planned(planned, plain).en
    assert "knows of none" in answer._planned(panel, trees).en
