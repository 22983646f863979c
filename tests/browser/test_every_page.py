"""Every page of the house, live, on desk and phone: finding, sliders, words, looks."""

import os
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from opslib import places, runs
from opslib.publish import gallery

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PROJECT = Path(__file__).resolve().parents[2]
# What a hand on the mouse or the screen cannot reach, for something lies over it.
COVERED = """() => Array.from(document.querySelectorAll("a,button,input,summary,th,.noUi-handle"))
  .map(e => {
    e.scrollIntoView({block: "center"});
    const r = e.getBoundingClientRect();
    if (!r.width || !e.checkVisibility({visibilityProperty: true, opacityProperty: true})) return "";
    const x = r.left + r.width / 2, y = r.top + r.height / 2;
    const top = document.elementFromPoint(x, y);
    if (!top || e.contains(top) || top.contains(e) && top.closest("main") || e.closest("label")?.contains(top)) return "";
    return `${e.tagName} ${e.textContent.trim().slice(0, 30)} lies below ${top.id || top.className}`;
  }).filter(Boolean)"""
CONTROL = ".ops-live :is(.noUi-handle, .widget-checkbox input)"
OWN = ("data:", "blob:", "http://127.0.0.1", "ws://127.0.0.1")
BOOKS = {
    f"{b.parent.name}/{b.stem}": ".what_if(" in b.read_text("utf-8")
    for room in places.ROOMS
    for b in sorted((PROJECT / "notebooks" / room).glob("*.ipynb"))
}


@pytest.fixture
def house(_small_demo, tmp_path_factory, end_kernels):
    """Return a home with every question answered once."""
    home = tmp_path_factory.mktemp("house")
    shutil.copytree(_small_demo, home, dirs_exist_ok=True)
    shutil.rmtree(home / "notebooks")
    shutil.copytree(PROJECT / "notebooks", home / "notebooks")
    patch = pytest.MonkeyPatch()
    patch.setenv("OPSLIB_HOME", str(home))
    try:
        batch = runs.run("demo", jobs=2, timeout=600)
        assert batch.exit_code == 0, batch.summary()
        gallery.publish("demo")
    finally:
        patch.undo()
    yield home
    end_kernels(home)


def _turned(page):
    """Turn controls until one moves the quantity; return whether one has drawn it."""
    controls = page.locator(CONTROL)
    for at in range(controls.count()):
        before = page.get_attribute(".ops-live [data-setting]", "data-setting")
        if controls.nth(at).get_attribute("type") == "checkbox":
            controls.nth(at).click()
        else:
            now = controls.nth(at).get_attribute("aria-valuenow")
            most = controls.nth(at).get_attribute("aria-valuemax")
            controls.nth(at).focus()
            controls.nth(at).press("ArrowLeft" if now == most else "ArrowRight")
        page.wait_for_function(
            "b=>{const l=document.querySelector('.ops-live'),s=l.querySelector('[data-setting]').dataset.setting;"
            "return s!==b&&l.querySelector('[data-curve]')?.dataset.curve===s}",
            arg=before,
        )  # fmt: skip
        if page.locator(".ops-curve .box, .ops-curve .bar").count():
            return True
    return False


def test_every_page_opens_turns_and_fits(house, serve_again, browser, tmp_path):
    with serve_again(house) as server:
        for width in (1200, 390):
            _every_page(server, browser, tmp_path, width)


def _every_page(server, browser, tmp_path, width):
    language = "en" if width > 600 else "zh"
    shots = Path(os.environ.get("OPSLIB_SHOTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    wrong, drawn = {}, 0
    for name, turns in BOOKS.items():
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.set_default_timeout(120_000)
        told = wrong.setdefault(name, [])
        page.on("request", lambda r, t=told: r.url.startswith(OWN) or t.append(r.url))
        page.on("pageerror", lambda e, t=told: t.append(str(e)))
        page.on("console", lambda m, t=told: m.type == "error" and t.append(m.text))
        page.goto(
            f"{server.address}/live/demo/{name}?language={language}",
            wait_until="commit",
        )
        page.wait_for_selector("main .ops-headline")
        assert page.locator("h1").count() == 1, name
        if turns:
            page.wait_for_selector(CONTROL)
            drawn += _turned(page)
            page.locator(".ops-live").scroll_into_view_if_needed()
        page.wait_for_selector("#ops-state", state="hidden")
        page.wait_for_selector(".js-plotly-plot", state="attached")
        if page.evaluate("document.documentElement.scrollWidth") > width:
            told.append("wider than the screen")
        told += page.evaluate(COVERED)
        told += [
            f"{v['id']}: {[n['html'][:120] for n in v['nodes']][:3]}"
            for v in Axe().run(page).response["violations"]
            if v["impact"] in ("serious", "critical")
        ]
        page.screenshot(path=shots / f"{name.replace('/', '_')}_{width}.png")
        page.close()
    assert not any(wrong.values()), {k: v for k, v in wrong.items() if v}
    # A quantity that stands still (no chance of running short, say) is not drawn.
    assert drawn >= sum(BOOKS.values()) - 3
    taken = {f.name for f in shots.glob(f"*_{width}.png")}
    assert taken >= {f"{name.replace('/', '_')}_{width}.png" for name in BOOKS}
