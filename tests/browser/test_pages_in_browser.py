"""Pages open in a real browser: whole, quiet, offline, and fit for a phone."""

import re

import pytest

from opslib import places, runs
from opslib.publish import gallery

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def _open(browser, address, width, wait=800):
    """Open a page; return it with what it asked from elsewhere and its errors."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(120_000)
    away, errors = [], []
    own = ("file:", "data:", "blob:", "http://127.0.0.1", "ws://127.0.0.1")
    page.on("request", lambda r: None if r.url.startswith(own) else away.append(r.url))
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto(address)
    page.wait_for_timeout(wait)
    return page, away, errors


def test_report_and_gallery_are_whole_on_desk_and_phone(demo_home, browser):
    batch = runs.run(
        "demo", ["inventory/demand_forecast"], preset="quick", jobs=1, timeout=300
    )
    assert batch.exit_code == 0, batch.summary()
    index = gallery.publish("demo")
    report = places.reports() / batch.results[0]["folder"] / "report.html"
    for path in (
        index,
        report,
        index.with_name("index.zh.html"),
        report.with_name("report.zh.html"),
    ):
        for width in (1200, 390):
            page, away, errors = _open(browser, path.as_uri(), width)
            assert away == []
            assert errors == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (
                path.name,
                width,
            )
            page.close()
    page, _, _ = _open(browser, report.as_uri(), 1200)
    page.wait_for_selector(".js-plotly-plot", state="attached")
    first = page.locator("table.ops-table").first
    before = first.locator("tbody tr").first.inner_text()
    head = first.locator("th").nth(2)
    head.click()
    after = first.locator("tbody tr").first.inner_text()
    assert before != after
    page.close()
    page, _, _ = _open(browser, report.with_name("report.zh.html").as_uri(), 1200)
    page.wait_for_selector(".xtick text >> text=月", state="attached")
    ticks = " ".join(page.locator(".js-plotly-plot .xtick").all_text_contents())
    assert "月" in ticks
    assert not re.search(r"[A-Z][a-z]{2} \d", ticks), ticks
    page.close()
    page, _, _ = _open(browser, index.as_uri(), 1200)
    tiles = page.locator(".tile:visible")
    before = tiles.count()
    page.get_by_role("button", name="Inventory").click()
    assert 1 <= tiles.count() < before
    rooms = tiles.evaluate_all("all=>all.map(t=>t.dataset.room)")
    assert set(rooms) == {"inventory"}
    page.close()
