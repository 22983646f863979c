"""Dashboards in a real browser: at once, then live, on desk and phone, for everybody."""

import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from opslib.publish.dashboards.live import MOST

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SLIDERS = "/live/demo/market/price_sensitivity"
NO_SLIDERS = "/live/demo/inventory/stock_health"


def _page(browser, width=1200, **more):
    """Return a page with lists of what it asked elsewhere and what went wrong in it."""
    page = browser.new_page(viewport={"width": width, "height": 900}, **more)
    page.set_default_timeout(120_000)
    page.away, page.wrong = [], []
    own = ("data:", "blob:", "http://127.0.0.1", "ws://127.0.0.1")
    page.on("request", lambda r: None if r.url.startswith(own) else page.away.append(r.url))  # fmt: skip
    page.on("pageerror", lambda e: page.wrong.append(str(e)))
    page.on("console", lambda m: page.wrong.append(m.text) if m.type == "error" else None)  # fmt: skip
    return page


def _live(page, address):
    page.goto(address, wait_until="commit")
    page.wait_for_selector(".ops-live .noUi-handle")


PLACES = """() => Array.from(document.querySelectorAll("h1,.ops-headline"))
  .filter(e => !e.closest(".ops-live")).map(e => Math.round(e.getBoundingClientRect().top))"""
# Kept by the page itself, frame by frame: a test that asks from outside may come too late.
KEEP_WHAT_STOOD = """(() => { const look = () => {
  if (document.documentElement?.dataset.live) return;
  const said = document.querySelector(".ops-headline"), table = document.querySelector(".ops-slot table");
  if (said && table?.checkVisibility()) window.stood ??= {
    at: performance.now(), said: said.innerText, places: (PLACES)()};
  requestAnimationFrame(look);
}; look(); })()""".replace("PLACES", PLACES)


def _places(page):
    """Return where title and answer stand."""
    return page.evaluate(PLACES)


def _turn(page, key="ArrowRight"):
    before = page.get_attribute(".ops-live [data-setting]", "data-setting")
    handle = page.locator(".ops-live .noUi-handle").first
    handle.focus()
    handle.press(key)
    page.wait_for_function(
        "b=>document.querySelector('.ops-live [data-setting]').dataset.setting!==b"
        "&&document.querySelector('.ops-live [data-curve]')?.dataset.curve"
        "===document.querySelector('.ops-live [data-setting]').dataset.setting",
        arg=before,
    )  # fmt: skip
    return json.loads(before), json.loads(page.get_attribute(".ops-live [data-setting]", "data-setting"))  # fmt: skip


def _serious(page):
    found = Axe().run(page).response["violations"]
    return [
        (v["id"], [n["html"][:120] for n in v["nodes"]][:3])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


def test_the_front_door_is_the_gallery_with_reports_live_pages_and_forms(
    open_server, browser
):
    page = _page(browser)
    page.goto(open_server.address)
    assert page.url.endswith("/reports/index.html")
    card = page.locator(".tile", has_text="What would customers pay")
    assert card.get_by_role("link", name="Report").count() == 1
    card.get_by_text("Other settings").click()
    card.get_by_label("Cost of a unit").fill("11")
    card.get_by_role("button", name="Open").click()
    page.wait_for_url("**/live/demo/market/price_sensitivity?*", wait_until="commit")
    assert "unit_cost=11" in page.url
    assert "ours=" not in page.url, "what was not touched is not sent"
    page.wait_for_selector(".ops-live .noUi-handle")
    assert page.away == []
    assert page.wrong == []
    page.close()


def test_the_report_shows_at_once_and_sliders_follow_without_a_jump(
    open_server, browser
):
    for width in (1200, 390):
        page = _page(browser, width)
        page.add_init_script(KEEP_WHAT_STOOD)
        _live(page, open_server.address + SLIDERS)
        stood = page.evaluate("window.stood")
        assert stood, "the report was not there before the sliders"
        painted = page.evaluate("performance.getEntriesByType('paint')[0].startTime")
        live = float(page.get_attribute("html", "data-live"))
        assert painted < live
        assert stood["at"] < live
        assert page.inner_text(".ops-headline >> nth=0") == stood["said"]
        assert _places(page) == stood["places"], "it jumped"
        assert page.locator("[aria-live=polite] [data-setting]").count() == 1
        assert page.locator("main").count() == 1
        assert page.locator(".ops-slot > .ops-table-box:visible").count() == 0
        before, after = _turn(page)
        assert before != after
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.away == []
        assert page.wrong == []
        page.close()


def test_reset_and_a_link_to_a_setting(open_server, browser):
    page = _page(browser)
    _live(page, open_server.address + SLIDERS)
    first, turned = _turn(page)
    page.get_by_role("button", name="Copy link to this setting").click()
    page.wait_for_function("location.href.includes('set.')")
    link = page.evaluate("location.href")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function(
        "b=>document.querySelector('.ops-live [data-setting]').dataset.setting===b",
        arg=json.dumps(first),
    )  # fmt: skip
    _live(page, link)
    shown = page.get_attribute(".ops-live [data-setting]", "data-setting")
    assert json.loads(shown) == turned
    page.close()


def test_settings_never_asked_are_worked_out_on_the_page(open_server, browser):
    page = _page(browser, 390)
    page.goto(f"{open_server.address}{NO_SLIDERS}?cover_weeks=6", wait_until="commit")
    page.wait_for_selector("#ops-state progress", state="attached")
    page.wait_for_selector("main h1")
    assert _serious(page) == []
    page.wait_for_selector("main .ops-headline")
    page.wait_for_selector("#ops-state", state="hidden")
    assert page.locator("h1").count() == 1
    assert page.locator("main .foot").count() == 1
    page.wait_for_selector(".js-plotly-plot", state="attached")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.wrong == []
    page.close()


def test_pages_are_usable_by_everybody(open_server, browser):
    for scheme in ("light", "dark"):
        page = _page(browser, color_scheme=scheme)
        _live(page, open_server.address + SLIDERS)
        page.wait_for_selector(".js-plotly-plot", state="attached")
        assert _serious(page) == [], scheme
        page.goto(open_server.address)
        assert _serious(page) == [], scheme
        page.close()


def test_a_kernel_that_died_shows_a_sentence_and_a_way_on(open_server, browser):
    page = _page(browser)
    _live(page, open_server.address + SLIDERS)
    kernel = re.search(r'ops\.kernel\("([0-9a-f-]{36})"\)', page.content())[1]
    sign_of_life = f"{open_server.address}/alive/{kernel}"
    assert page.request.get(sign_of_life).status == 204
    kernels = _kernels(open_server)
    assert kernels
    for pid in kernels:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for _ in range(120):
        if page.request.get(sign_of_life).status == 404:
            break
        time.sleep(0.5)
    else:
        raise AssertionError("the server does not see that the kernel has died")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("#ops-state.trouble")
    assert "has ended" in page.inner_text("#ops-state")
    with page.expect_navigation(wait_until="commit"):
        page.get_by_role("button", name="Start it again").click()
    page.wait_for_selector(".ops-live .noUi-handle")
    page.close()


def _kernels(served):
    """Return the kernels that were started for this home, and their parent."""
    found = []
    home = f"OPSLIB_HOME={served.home}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (folder / "cmdline").read_bytes()
            told = (folder / "environ").read_bytes().split(b"\0")
            if b"opslib.runs.kernels" in line and home in told:
                found.append(int(folder.name))
    return found


def test_a_reader_signs_in_decides_and_finds_it_among_open_actions(
    closed_server, browser
):
    page = _page(browser, 390)
    page.goto(closed_server.address + NO_SLIDERS)
    page.get_by_label("Name").fill("wang")
    page.get_by_label("Password").fill(closed_server.password)
    assert _serious(page) == []
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".ops-decide form")
    form = page.locator(".ops-decide form").first
    form.get_by_label("What").select_option("accept")
    form.get_by_label("Reason").fill("agreed on Monday")
    form.get_by_role("button", name="Keep").click()
    page.wait_for_selector("text=accepted by wang")
    page.get_by_label("A word to the analyst").fill("Please split by place.")
    page.get_by_role("button", name="Send").click()
    page.wait_for_selector("text=Please split by place.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(closed_server.address + "/reports/actions.html")
    page.wait_for_selector("td:has-text('accepted by wang')")
    page.goto(closed_server.address + SLIDERS, wait_until="commit")
    page.wait_for_selector(".ops-headline")
    page.wait_for_selector(".ops-reader")
    stood = _places(page)
    page.wait_for_selector(".ops-live .noUi-handle")
    assert _places(page) == stood, "it jumped"
    page.close()


def test_a_live_part_that_fails_says_so_and_leaves_the_answer(
    company, serve_again, browser, tmp_path
):
    """Beside a fresh answer, and beside one that newer data has overtaken."""
    home = tmp_path / "broken"
    shutil.copytree(company, home)
    (home / "data" / "warehouse" / "demo.duckdb").unlink()
    stamp = home / "data" / "warehouse" / "demo.json"
    with serve_again(home) as served:
        for mode in ("behind", "anew"):
            page = _page(browser)
            page.goto(served.address + SLIDERS, wait_until="commit")
            page.wait_for_selector("#ops-state.trouble")
            page.wait_for_load_state("load")
            page.wait_for_timeout(1000)
            assert page.get_attribute("#ops-state", "data-mode") == mode
            said = page.inner_text("#ops-state")
            reference = re.search(r"under ([0-9a-f]{8})", said)[1]
            logs = "".join(f.read_text("utf-8") for f in home.glob("data/log/*.jsonl"))
            assert reference in logs
            assert page.locator("main .ops-headline").count() >= 1
            assert page.locator("h1").count() == 1
            assert page.locator("main h2").count() >= 3, "the kept answer is gone"
            page.close()
            told = json.loads(stamp.read_text("utf-8"))
            for table in told["tables"].values():
                table["content"] = "newer"
            stamp.write_text(json.dumps(told), "utf-8")


def test_a_page_without_sliders_keeps_no_kernel(alone, serve_again):
    with serve_again(alone) as served:
        assert _settled(served) == 2, "the parent, and one that waits for a visit"
        visit = served.visit()
        kernel = visit.kernel(f"{NO_SLIDERS}?cover_weeks=7")
        assert visit.open(f"/alive/{kernel}")[0] == 404
        assert _settled(served) == 2, "its kernel is still there"


def _settled(served, many=2, seconds=120):
    """Return how many kernels there are when it has been as many for three seconds.

    Where it stays another number than expected, that one is returned in the end.
    """
    until, seen, since = time.monotonic() + seconds, None, 0.0
    while time.monotonic() < until:
        now = sorted(_kernels(served))
        if now != seen:
            seen, since = now, time.monotonic()
        if len(now) == many and time.monotonic() - since > 3:
            break
        time.sleep(0.2)
    return len(seen)


def test_what_a_phone_loads_is_compressed(company, open_server):
    script = next((Path(company) / "reports" / "assets").glob("plotly-*.js"))
    for path in (f"/reports/assets/{script.name}", NO_SLIDERS):
        request = urllib.request.Request(open_server.address + path)
        request.add_header("Accept-Encoding", "gzip")
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            told = answer.read()
        whole = gzip.decompress(told)
        assert len(told) < len(whole) / 3
        assert whole == script.read_bytes() or b"ops-headline" in whole


def test_twenty_viewers_at_once_all_get_their_page(alone, serve_again):
    with serve_again(alone) as served, ThreadPoolExecutor(20) as pool:
        pages = [pool.submit(served.visit().open, SLIDERS) for _ in range(20)]
        while not all(p.done() for p in pages):
            assert served.visit().open("/sign-in")[0] == 200
            time.sleep(0.5)
        for page in pages:
            status, text = page.result()
            assert status == 200
            assert "ops.done()" in text
            assert "<script>ops.trouble(" not in text
        assert len(_kernels(served)) <= MOST + 2


def test_a_page_made_for_paper_shows_no_buttons(open_server, browser):
    page = _page(browser)
    page.goto(open_server.address + NO_SLIDERS)
    page.wait_for_selector(".ops-decide form")
    page.emulate_media(media="print")
    for part in (".ops-decide", ".files", "#ops-state"):
        assert page.locator(f"{part}:visible").count() == 0, part
    page.close()
