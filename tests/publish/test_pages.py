"""Reports and gallery: two languages, no code, no network, downloads, small mail."""

import csv
import datetime as dt
import html
import json
import re
import time

import pandas as pd
import pytest
from traitlets import TraitError

from opslib import places, runs, words
from opslib.findings import Action, Check, Finding, Heading, Quantity, Table, heading
from opslib.publish import gallery, report
from opslib.show import card, controls, curve, forms, stills, tables
from opslib.words import Text

RUN_DAY = dt.date(2026, 6, 28)


def _finding():
    return Finding(
        room="inventory",
        headline=Text("Two <b>units</b>.", "两件<b>。"),
        quantity=Quantity(value=2, low=1, high=3, unit="GBP"),
        actions=(Action(what=Text("Do it.", "去做。"), owner=Text("Finance", "财务"), due=RUN_DAY, value=1250.0, unit="GBP"),),
        checks=(
            Check(name=Text("Good", "好"), passed=True, sentence=Text("Yes.", "是。")),
            Check(name=Text("Bad", "坏"), passed=False, sentence=Text("No.", "否。")),
        ),
    )  # fmt: skip


def test_a_card_escapes_markup_and_shows_failed_checks_first():
    page = card.html(_finding(), "en")
    assert "&lt;b&gt;units&lt;/b&gt;" in page
    checks = card.checks_html(_finding(), "zh")
    assert checks.index("坏") < checks.index("好")
    assert "£1,250" in card.actions_html(_finding(), "en")


def test_a_finding_survives_its_way_through_a_manifest():
    told = json.loads(json.dumps(_finding().to_dict()))
    assert Finding.from_dict(told) == _finding()


def test_a_table_writes_each_language_and_never_ten_decimals():
    table = Table(
        name="t", title=Text("A table", "一张表"),
        frame=pd.DataFrame({"m": [1234.56789, None], "p": [0.12345, 0.5], "d": [RUN_DAY, RUN_DAY], "hidden": [1, 2]}),
        headings={
            "m": Heading(label=Text("Money", "金额"), kind="money", unit="GBP"),
            "p": Heading(label=Text("Share", "比例"), kind="percent", digits=1),
            "d": Heading(label=Text("Day", "日期"), kind="day"),
        },
    )  # fmt: skip
    english, chinese = tables.html(table, "en"), tables.html(table, "zh")
    assert "£1,235" in english
    assert "12.3%" in english
    assert "–" in english
    assert "2026年6月28日" in chinese
    assert "hidden" not in english
    assert not re.search(r"\.\d{4,}<", english)


def test_a_figure_speaks_the_other_language_without_running_again():
    say = words.catalogue("opslib.show")
    frame = pd.DataFrame({"x": ["a", "b"], "y": [1.0, 2.0]})
    fig = forms.bars(
        frame,
        x="x",
        y="y",
        title=say("what happened"),
        x_title=say("weeks"),
        y_title=say("units"),
    )
    chinese = report.in_language(json.loads(fig.to_json()), "zh")
    assert chinese["layout"]["title"]["text"] == "实际"
    assert chinese["layout"]["xaxis"]["title"]["text"] == "周"
    assert "<svg" in stills.svg(chinese)


@pytest.mark.parametrize(
    "form", ["band", "lines", "bars", "dots", "heat", "waterfall", "points"]
)
def test_every_chart_form_draws_as_a_still(form):
    say = words.catalogue("opslib.show")
    t = say("units")
    frame = pd.DataFrame(
        {
            "x": [1.0, 2.0, 3.0],
            "y": [1.0, 3.0, 2.0],
            "lo": [0.5, 2.0, 1.0],
            "hi": [2.0, 4.0, 3.0],
            "n": list("abc"),
        }
    )
    made = {
        "band": lambda: forms.band(frame, x="x", y="y", low="lo", high="hi", title=t, x_title=t, y_title=t),
        "lines": lambda: forms.lines(frame, x="x", ys={"y": t, "hi": t}, title=t, x_title=t, y_title=t),
        "bars": lambda: forms.bars(frame, x="n", y="y", low="lo", high="hi", title=t, x_title=t, y_title=t),
        "dots": lambda: forms.dots(frame, y="n", x="y", low="lo", high="hi", title=t, x_title=t),
        "heat": lambda: forms.heat(frame[["x", "y"]], title=t, x_title=t, y_title=t, unit=t),
        "waterfall": lambda: forms.waterfall(frame, x="n", y="y", title=t, y_title=t),
        "points": lambda: forms.points(frame, x="x", y="y", label="n", title=t, x_title=t, y_title=t),
    }[form]()  # fmt: skip
    picture = stills.svg(json.loads(made.to_json()))
    assert picture.count("<path") > 3


def test_a_slider_is_held_to_its_bounds_and_refuses_what_is_no_number():
    slider = controls.Slider(
        name="level", label=Text("Level"), low=0, high=1, step=0.1, value=0.5
    )
    assert controls.clamp(slider, 1e9) == 1
    assert controls.clamp(slider, "0.25") == 0.25
    with pytest.raises(ValueError, match="level is 'much'"):
        controls.clamp(slider, "much")


def test_a_failing_what_if_says_one_polite_sentence_and_no_traceback():
    def compute(level):
        raise RuntimeError("secret path")

    slider = controls.Slider(
        name="level", label=Text("Level"), low=0, high=1, step=0.1, value=0.5
    )
    box = controls.live(controls.WhatIf(sliders=[slider], compute=compute))
    assert not any("secret" in getattr(c, "value", "") for c in box.children[-3:])
    assert "cannot be worked out" in box.children[-3].value
    box.children[1].value = 0.6
    assert "cannot be worked out" in box.children[-3].value


def _curve(compute, *, at=2.0, high=4.0, step=0.5):
    slider = controls.Slider(
        name="x", label=Text("Price"), low=0, high=high, step=step, value=at
    )
    measure = heading(Text("Profit"), "number", digits=0)
    asked = controls.WhatIf(sliders=[slider], compute=compute, measure=measure)
    return curve.html(asked, {"x": at}, slider)


def test_the_picture_of_a_what_if_follows_the_slider(monkeypatch):
    monkeypatch.setattr(curve, "SECONDS", 60)
    top = lambda x: controls.Outcome(headline=Text("h"), value=(x * (4 - x), -1, 9))  # noqa: E731
    told = _curve(top)
    points = re.search(r'polyline points="([^"]+)"', told)[1].split()
    assert len(points) == 9, "a point for each step, where time allows"
    assert points[0] == "0.00,90.00"
    assert points[4] == "50.00,50.00", "4 of the range from -1 to 9"
    assert "left:50.0%;top:50.0%" in told
    assert ">4</b>" in told
    assert "Profit, as this slider moves: Price: 4" in told
    assert json.loads(html.unescape(re.search('data-curve="([^"]+)"', told)[1])) == {"x": 2.0}  # fmt: skip


def test_a_slow_what_if_gets_fewer_points_and_one_without_effect_no_picture():
    asked = []

    def slow(x):
        asked.append(x)
        time.sleep(0.03)
        return controls.Outcome(headline=Text("h"), value=(x, x, x))

    points = re.search(r'polyline points="([^"]+)"', _curve(slow, high=4, step=0.1))[1]
    assert len(points.split()) <= curve.FEWEST + 2
    assert len(asked) <= curve.FEWEST + 3, "what is slow is asked a few times only"
    flat = _curve(lambda x: controls.Outcome(headline=Text("h"), value=(3, 3, 3)))
    assert "data-curve" in flat
    assert "<svg" not in flat
    marked = _curve(lambda x: controls.Outcome(headline=Text("h"), value=(x, x, x)))
    assert "<script" not in marked


def test_a_switch_is_a_box_to_tick_and_two_bars():
    asked = controls.WhatIf(
        sliders=[
            controls.Slider(name="ad", label=Text("Search"), low=0, high=1, step=1, value=1, kind="switch")
        ],
        compute=lambda ad: controls.Outcome(headline=Text(f"is {ad}"), value=(40 + 60 * ad,) * 3),
        measure=heading(Text("Purchases"), "number", digits=0),
        cases=[{"ad": 0}],
    )  # fmt: skip
    box = controls.live(asked)
    tick, back, place, picture, _ = box.children
    assert (tick.description, tick.value) == ("Search", True)
    tick.value = False
    assert "is 0.0" in place.value
    assert re.findall(r"<u( class=now)? style=\"width:([\d.]+)%", picture.value) == [
        ("", "100.0"),
        (" class=now", "40.0"),
    ]
    assert "Purchases, with and without: Search" in picture.value
    back.click()
    assert tick.value is True
    assert "is 1.0" in place.value
    with pytest.raises(TraitError):
        tick.value = "<script>"
    assert controls.cases(asked)["rows"][0]["values"][0]["en"] == "off"


@pytest.mark.slow
def test_pages_of_a_real_run_keep_every_promise(demo_home):
    batch = runs.run(
        "demo", ["inventory/demand_forecast"], preset="quick", jobs=1, timeout=300
    )
    assert batch.exit_code == 0, batch.summary()
    index = gallery.publish("demo")
    folder = places.reports() / batch.results[0]["folder"]
    english = (folder / "report.html").read_text("utf-8")
    chinese = (folder / "report.zh.html").read_text("utf-8")
    assert "What will sell in the coming weeks?" in english
    assert "未来几周能卖出多少？" in chinese
    assert "结论" in chinese
    assert "The answer" not in chinese
    for page in (
        english,
        chinese,
        index.read_text("utf-8"),
        (index.parent / "index.zh.html").read_text("utf-8"),
    ):
        assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
        assert "clean_demand" not in page
        assert "Traceback" not in page
    assert list((places.reports() / "assets").glob("plotly-*.min.js"))
    assert "data-figure" in english
    for language in ("en", "zh"):
        mail = folder / f"mail.{language}.html"
        assert mail.stat().st_size < 1_000_000
        assert "<svg" in mail.read_text("utf-8")
    assert "数据告诉我们什么" in (index.parent / "index.zh.html").read_text("utf-8")
    assert "rows delivered" in index.read_text("utf-8")
    assert "共交付" in (index.parent / "index.zh.html").read_text("utf-8")
    assert "Are we on plan" in index.read_text(
        "utf-8"
    ) or "plan: sales" in index.read_text("utf-8")
    with (folder / "forecast.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    assert rows[0][:3] == ["Item", "Place", "Expected units"]
    assert rows[1][-1] == batch.results[0]["key"]
    assert (folder / "forecast.zh.csv").read_text("utf-8-sig").startswith("商品")
    assert (folder / "forecast.xlsx").stat().st_size > 2000


def test_a_formula_in_the_data_leaves_as_text(home):
    import openpyxl

    data = tables.data(
        Table(
            name="t",
            title=Text("t"),
            frame=pd.DataFrame({"a": ["=1+1", "@x", "ok"]}),
            headings={"a": Heading(label=Text("A", "甲"))},
        )
    )
    report._table_files(home, data, {"key": "k"}, "en")
    cell = openpyxl.load_workbook(home / "t.xlsx").active["A2"]
    assert cell.data_type == "s"
    assert "'=1+1" in (home / "t.csv").read_text("utf-8-sig")
