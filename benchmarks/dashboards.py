"""Dashboards beside plain Voila: first content, live sliders, slider latency, viewers.

`python benchmarks/dashboards.py [VIEWERS] [PAGE ...]` makes a small demonstration company
in a folder of its own, runs the pages as a schedule would, then opens each in Chromium:
from our server, and from `voila` as it comes, on the same notebook and data. A page's
own clock tells when its headline and its first slider have been painted, counted from
the start of the visit, in a browser that has kept nothing; figures are medians, ratios
plain Voila's over ours.
"""

from __future__ import annotations

import http.cookiejar
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
EYE = """window.seen={};(function eye(){
 for(const [name,what] of [["first",".ops-headline"],["live",".noUi-handle,.widget-checkbox input"]]){
  const there=window.seen[name]===undefined&&document.querySelector(what);
  if(there&&there.getBoundingClientRect().height>0){window.seen[name]=0;
   requestAnimationFrame(()=>setTimeout(()=>{window.seen[name]=performance.now();},0));}}
 if(!window.seen.live)setTimeout(eye,10);})();"""
TURN = """()=>new Promise(done=>{
 const live=document.querySelector(".ops-live"),read=()=>live.querySelector("[data-curve]");
 const handle=live.querySelector(".noUi-handle,.widget-checkbox input"),before=read()?.dataset.curve,begun=performance.now();
 const eye=new MutationObserver(()=>{if(read()&&read().dataset.curve!==before){eye.disconnect();
   requestAnimationFrame(()=>done(performance.now()-begun));}});
 eye.observe(live,{childList:true,subtree:true});
 if(handle.type==="checkbox")handle.click();
 else{
   const full=handle.getAttribute("aria-valuenow")===handle.getAttribute("aria-valuemax");
   handle.dispatchEvent(new KeyboardEvent("keydown",{key:full?"ArrowLeft":window.benchKey,bubbles:true}));}
 setTimeout(()=>done(null),20000);})"""


def main() -> None:
    viewers = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    pages = tuple(sys.argv[2:]) or _with_sliders()
    home = Path(tempfile.mkdtemp(prefix="opslib-bench-"))
    shutil.copytree(PROJECT / "notebooks", home / "notebooks")
    os.environ["OPSLIB_HOME"] = str(home)
    _opslib("demo", "--size", "0.1")
    _opslib("run", *pages)
    try:
        _measure(pages, viewers)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _with_sliders() -> tuple[str, ...]:
    """Return every page that asks what if."""
    books = sorted((PROJECT / "notebooks").glob("*/*.ipynb"))
    return tuple(
        f"{b.parent.name}/{b.stem}" for b in books if ".what_if(" in b.read_text()
    )


def _opslib(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "opslib", *words], check=True, stdout=subprocess.DEVNULL
    )


def _measure(pages: tuple[str, ...], viewers: int) -> None:
    from playwright.sync_api import sync_playwright

    ours, plain = _port(), _port()
    servers = [
        _start("opslib", "serve", "--port", str(ours)),
        _start("voila", str(Path(os.environ["OPSLIB_HOME"]) / "notebooks"), "--no-browser",
               f"--port={plain}", "--Voila.ip=127.0.0.1"),
    ]  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{ours}/sign-in")
        _wait(f"http://127.0.0.1:{plain}/voila/tree")
        with sync_playwright() as play:
            browser = play.chromium.launch(
                executable_path="/usr/bin/chromium", args=FLAGS
            )
            first, live = _beside(browser, ours, plain, pages)  # fmt: skip
            slow = _latency(browser, ours, pages)
            browser.close()
        _viewers(ours, viewers, pages[0], servers[0].pid)
        print(f"first content: {first:.1f} times sooner (asked 20)")
        print(f"live: {live:.1f} times sooner (asked 5)")
        print(f"slowest slider: {slow:.0f} ms (asked 200)")
    finally:
        for server in servers:
            os.killpg(server.pid, 15)
        for server in servers:
            server.wait(30)


def _beside(
    browser: object, ours: int, plain: int, pages: tuple[str, ...]
) -> tuple[float, float]:
    print(f"{'page':28}{'first':>8}{'plain':>8}{'live':>8}{'plain':>8}   seconds")
    rows = []
    for page in pages:
        here = [_open(browser, f"http://127.0.0.1:{ours}/live/demo/{page}") for _ in range(5)]  # fmt: skip
        there = [_open(browser, f"http://127.0.0.1:{plain}/voila/render/{page}.ipynb") for _ in range(2)]  # fmt: skip
        told = [statistics.median(t[i] for t in times) for i in (0, 1) for times in (here, there)]  # fmt: skip
        rows.append(told)
        print(f"{page:28}" + "".join(f"{t:8.2f}" for t in told), flush=True)
    ratios = [
        statistics.geometric_mean([r[i + 1] / r[i] for r in rows]) for i in (0, 2)
    ]
    return ratios[0], ratios[1]


def _open(browser, address: str) -> tuple[float, float]:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.add_init_script(EYE)
    page.goto(address, wait_until="commit", timeout=300_000)
    page.wait_for_function("window.seen.live>0", timeout=300_000, polling=500)
    seen = page.evaluate("window.seen")
    page.close()
    time.sleep(1)
    return seen["first"] / 1000, seen["live"] / 1000


def _latency(browser, port: int, pages: tuple[str, ...]) -> float:
    print(f"\n{'page':28}{'median':>8}{'worst':>8}   ms from a turned slider to its redrawn picture")  # fmt: skip
    slowest = 0.0
    for name in pages:
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto(f"http://127.0.0.1:{port}/live/demo/{name}", wait_until="commit")
        page.wait_for_selector(
            ".ops-live :is(.noUi-handle, .widget-checkbox input)", timeout=300_000
        )
        page.wait_for_timeout(1500)
        times = []
        for at in range(9):
            key = "ArrowLeft" if at % 2 else "ArrowRight"
            page.evaluate(f"window.benchKey={key!r}")
            told = page.evaluate(TURN)
            times += [20_000 if told is None else told]
            page.wait_for_timeout(150)
        page.close()
        if not times:
            print(f"{name:28} no slider moved its outcome")
            slowest = float("inf")
            continue
        median = statistics.median(times)
        slowest = max(slowest, median)
        print(f"{name:28}{median:8.0f}{max(times):8.0f}", flush=True)
    return slowest


def _viewers(port: int, count: int, page: str, server: int) -> None:
    """Open one page for many visits at once; print times and memory of each kernel."""
    first: list[float] = []
    whole: list[float] = []

    def visit() -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        opener = urllib.request.build_opener(jar)
        begun = time.monotonic()
        with opener.open(f"http://127.0.0.1:{port}/live/demo/{page}", timeout=600) as told:  # fmt: skip
            text = b""
            while b"ops-headline" not in text:
                text += told.read1(65536)
            first.append(time.monotonic() - begun)
            while more := told.read1(65536):
                text += more
        if b"ops.done()" in text:
            whole.append(time.monotonic() - begun)

    threads = [threading.Thread(target=visit) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(3)
    own = [_anonymous(pid) for pid in _kernels(server)]
    print(f"\n{count} viewers at once on {page}: {len(whole)} whole pages")
    print(f"first content: median {statistics.median(first):.2f} s, worst {max(first):.2f} s")  # fmt: skip
    print(f"all of it: median {statistics.median(whole):.1f} s, worst {max(whole):.1f} s")  # fmt: skip
    print(f"kernels: {len(own)}, memory of its own each: median {statistics.median(own):.0f} MB, worst {max(own):.0f} MB; server {_anonymous(server):.0f} MB")  # fmt: skip


def _kernels(server: int) -> list[int]:
    """Return the processes forked from a parent of kernels of this home."""
    home = f"OPSLIB_HOME={os.environ['OPSLIB_HOME']}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
            told = (folder / "environ").read_bytes().split(b"\0")
            above = re.search(r"PPid:\s+(\d+)", (folder / "status").read_text())
        except OSError:
            continue
        if b"opslib.runs.kernels" in line and home in told and above:
            found.append((int(folder.name), int(above[1])))
    pids = {pid for pid, _ in found}
    return [pid for pid, above in found if above in pids]


def _anonymous(pid: int) -> float:
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(n) for n in re.findall(r"Private_Dirty:\s+(\d+)", told)) / 1000


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _start(module: str, *words: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", module, *words], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def _wait(address: str) -> None:
    for _ in range(240):
        try:
            urllib.request.urlopen(address, timeout=5)
            return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(f"{address} does not answer")


if __name__ == "__main__":
    main()
