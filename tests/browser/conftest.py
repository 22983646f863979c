"""A real browser, and a server with two readers on a small company."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from opslib import runs
from opslib.publish import gallery
from opslib.publish.dashboards import readers

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PASSWORD = "a long enough word"
PAGES = ["market/price_sensitivity", "inventory/stock_health"]


@pytest.fixture
def browser():
    if not CHROMIUM.exists():
        reason = (
            "no chromium here; install the Debian packages chromium and fonts-noto-cjk"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        made = play.chromium.launch(
            executable_path=str(CHROMIUM), args=FLAGS, timeout=120_000
        )
        yield made
        made.close()


@contextlib.contextmanager
def serving(home, *more):
    """Serve a home on a free port; give the address and what the server prints.

    The port stays bound, but not listened on, so that nobody else is given it while the
    server starts. A server that ends all the same is started again on another port.
    """
    said = ""
    for _ in range(4):
        with socket.socket() as held:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
            told = home / f"server-{port}.log"
            server = _started(home, port, told, *more)
            try:
                if _answers(server, port, told):
                    yield Served(f"http://127.0.0.1:{port}", home, told, server)
                    return
            finally:
                _end(server)
        said = told.read_text("utf-8", "replace")
    raise AssertionError(f"the server ended with {server.returncode}:\n{said}")


def _started(home, port, told, *more):
    with told.open("w") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "opslib", "serve", "--port", str(port), *more],
            env={**os.environ, "OPSLIB_HOME": str(home)},
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def _answers(server, port, told, seconds=240):
    """Wait for a server's first answer; return whether it came before its end."""
    until = time.monotonic() + seconds
    while server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=10)
            return server.poll() is None
        if time.monotonic() > until:
            said = told.read_text("utf-8", "replace")
            raise AssertionError(f"no answer within {seconds} seconds:\n{said}")
        time.sleep(0.2)
    return False


def _end(server):
    """Ask a server to end, and end it where it does not."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


class Served:
    """A running server."""

    password = PASSWORD

    def __init__(self, address, home, told, process):
        self.address, self.home, self.told, self.process = address, home, told, process

    def visit(self, name="", password=PASSWORD):
        """Return a visit, signed in where a name is given."""
        made = Visit(self.address)
        made.open("/sign-in")
        if name:
            made.post("/sign-in", name=name, password=password)
        return made


class Visit:
    """One browser's worth of cookies, without a browser."""

    def __init__(self, address):
        self.address, self.jar = address, CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.jar)
        )

    def open(self, path, data=None, **headers):
        """Return status and text of an address; redirects are followed."""
        request = urllib.request.Request(self.address + path, data=data)
        for name, value in {"Accept": "text/html", **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with self._opener.open(request, timeout=120) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace")

    def post(self, path, token=True, **fields):
        """Send a form, with the token of this visit."""
        headers = {"X_XSRFToken": self.cookie("_xsrf")} if token else {}
        return self.open(path, urllib.parse.urlencode(fields).encode(), **headers)

    def cookie(self, name):
        """Return a cookie's value."""
        return next((c.value for c in self.jar if c.name == name), "")

    @property
    def cookies(self):
        """All cookies as a header."""
        return "; ".join(f"{c.name}={c.value}" for c in self.jar)

    def kernel(self, path):
        """Open a live page and return the id of its kernel."""
        status, text = self.open(path)
        assert status == 200, text[:500]
        assert "ops.kernel(" in text, text[-800:]
        return json.loads(text.split("ops.kernel(")[1].split(")")[0])


@pytest.fixture(scope="session")
def company(_small_demo, tmp_path_factory, end_kernels):
    """Return a home with two pages run for the company and one for its north."""
    home = tmp_path_factory.mktemp("served")
    shutil.copytree(_small_demo, home, dirs_exist_ok=True)
    shutil.rmtree(home / "notebooks")
    shutil.copytree(
        PROJECT / "notebooks",
        home / "notebooks",
        ignore=shutil.ignore_patterns(".ipynb*"),
    )
    before = os.environ.get("OPSLIB_HOME")
    os.environ["OPSLIB_HOME"] = str(home)
    try:
        for view, pages in (("demo", PAGES), ("demo@north", PAGES[1:])):
            batch = runs.run(view, pages, jobs=2, timeout=300)
            assert batch.exit_code == 0, batch.summary()
            gallery.publish(view)
    finally:
        os.environ.pop("OPSLIB_HOME")
        if before:
            os.environ["OPSLIB_HOME"] = before
    yield home
    end_kernels(home)


@pytest.fixture(scope="module")
def open_server(company):
    """Serve the demonstration company on this machine, to whoever comes."""
    with serving(company) as served:
        yield served


@pytest.fixture(scope="module")
def closed_server(company, tmp_path_factory):
    """Serve it to two readers: wang sees all, li the north."""
    open_home, company = company, tmp_path_factory.mktemp("closed")
    shutil.copytree(open_home, company, dirs_exist_ok=True)
    before = os.environ.get("OPSLIB_HOME")
    os.environ["OPSLIB_HOME"] = str(company)
    try:
        readers.add("wang", PASSWORD, ["demo"], department="purchasing")
        readers.add("li", PASSWORD, ["demo@north"])
    finally:
        os.environ.pop("OPSLIB_HOME")
        if before:
            os.environ["OPSLIB_HOME"] = before
    with serving(company) as served:
        yield served


@pytest.fixture
def alone(company, tmp_path):
    """Return a copy of the company that no other server has kernels for."""
    home = tmp_path / "alone"
    shutil.copytree(company, home)
    return home


@pytest.fixture
def serve_again():
    """Return what serves a home on a free port, as often as it is asked."""
    return serving
