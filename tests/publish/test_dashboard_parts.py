"""Parts of the dashboards without a server: readers, wishes, notebooks, messages."""

import ast
import asyncio
import builtins
import gzip
import hmac
import json
import os
import re
import time
from types import SimpleNamespace

import nbformat
import pytest
import voila.paths
from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1
from tornado.iostream import StreamClosedError
from voila.utils import get_voila_labextensions_path

from opslib import desk, places, show, words
from opslib.errors import (
    ContractError,
    MissingDataError,
    OpslibError,
    ParameterError,
)
from opslib.publish import dashboards
from opslib.publish.dashboards import books, boot, live, readers, wire
from opslib.runs import listing
from opslib.runs.score import comments
from opslib.warehouse import access

PASSWORD = "a long enough word"


def _request(cookies=None, **headers):
    held = {k: SimpleNamespace(value=v) for k, v in (cookies or {}).items()}
    return SimpleNamespace(cookies=held, headers=headers)


def test_a_password_is_kept_as_a_hash_that_nobody_else_may_read(demo_home):
    readers.add("li", PASSWORD, ["demo@north"], department="purchasing")
    path = places.data() / "readers.toml"
    assert PASSWORD not in path.read_text("utf-8")
    assert path.stat().st_mode & 0o077 == 0
    kept = readers.known()["li"]
    assert readers.fits(PASSWORD, kept["password"])
    assert not readers.fits("a long enough wore", kept["password"])
    assert readers.hashed(PASSWORD) != readers.hashed(PASSWORD)
    readers.remove("li")
    assert readers.known() == {}


def test_odd_readers_are_refused(demo_home):
    with pytest.raises(ContractError, match="ten characters"):
        readers.add("li", "short", ["demo"])
    with pytest.raises(MissingDataError, match="no scope"):
        readers.add("li", PASSWORD, ["demo@moon"])
    with pytest.raises(ValueError, match="will not do"):
        readers.add("../li", PASSWORD, ["demo"])
    with pytest.raises(ContractError, match="no reader"):
        readers.remove("wang")
    (places.data() / "readers.toml").write_text("[li]\nadmin = true\n")
    with pytest.raises(ContractError, match="admin"):
        readers.known()


def test_who_asks_is_told_by_a_signed_cookie_or_a_signed_header(demo_home):
    import tornado.web

    gate = readers.Gatekeeper(local=True)
    assert gate.of(_request()).views == ("demo",), "the demo needs no sign-in here"
    assert readers.Gatekeeper(local=False).of(_request()) is None
    readers.add("li", PASSWORD, ["demo@north"])
    assert gate.of(_request()) is None, "once there are readers, everybody signs in"
    assert gate.admit("li", "wrong", "1") == ""
    told = gate.admit("li", PASSWORD, "1")
    signed = tornado.web.create_signed_value(gate.secret, readers.COOKIE, told)
    assert gate.of(_request({readers.COOKIE: signed.decode()})).views == ("demo@north",)
    assert gate.of(_request({readers.COOKIE: told})) is None, "unsigned"
    forged = tornado.web.create_signed_value(b"x" * 32, readers.COOKIE, told)
    assert gate.of(_request({readers.COOKIE: forged.decode()})) is None
    path = places.data() / "readers.toml"
    path.write_text(path.read_text() + '[proxy]\nheader = "X-Who"\nsecret = "s3"\n')

    def header(name, until, secret=b"s3"):
        mark = hmac.new(secret, f"{name}:{until}".encode(), "sha256").hexdigest()
        return gate.of(_request(**{"X-Who": f"{name}:{until}:{mark}"}))

    soon = int(time.time()) + 60
    assert header("li", soon).name == "li"
    assert header("li", soon, b"s4") is None
    assert header("li", soon - 120) is None, "too old"
    assert header("li", soon + 9000) is None, "good for too long"
    assert header("nobody", soon) is None


def test_guessing_is_slowed_for_one_name_from_one_place(demo_home):
    readers.add("li", PASSWORD, ["demo"])
    gate = readers.Gatekeeper(local=False)
    for _ in range(readers.TRIES):
        assert gate.admit("li", "wrong", "9") == ""
    with pytest.raises(PermissionError, match="too many"):
        gate.admit("li", PASSWORD, "9")
    assert gate.admit("li", PASSWORD, "10")


def test_others_are_let_in_only_when_readers_sign_in(demo_home):
    with pytest.raises(ContractError, match="nobody has to sign in"):
        dashboards.serve(8899, address="0.0.0.0")
    with pytest.raises(ValueError, match="port is 80"):
        dashboards.serve(80)


def test_a_wish_is_checked_like_a_run(demo_home):
    name = "inventory/stock_health"
    asked = live.wish("demo", name, {"cover_weeks": "6", "set.level": "0.9", "set.x": "a"})  # fmt: skip
    assert asked.values["cover_weeks"] == 6.0
    assert asked.values["company"] == "demo"
    assert asked.setting == {"level": 0.9}
    assert asked.kept is None
    with pytest.raises(ParameterError, match="did you mean cover_weeks"):
        live.wish("demo", name, {"cover_week": "6"})
    with pytest.raises(ParameterError, match="must lie between"):
        live.wish("demo", name, {"cover_weeks": "1e9"})
    with pytest.raises(KeyError):
        live.wish("demo", "inventory/nothing", {})


def test_the_notebook_of_a_page_sets_parameters_as_values(demo_home):
    asked = live.wish("demo", "market/price_sensitivity", {"wave": "x'); boom("})
    book = books.book_of(asked.entry.path, asked.values, fresh=False)
    at = next(i for i, c in enumerate(book.cells) if "parameters" in c.metadata.get("tags", []))  # fmt: skip
    scope = {}
    exec(book.cells[at + 1].source, scope)
    assert scope["wave"] == "x'); boom("
    assert scope["company"] == "demo"
    assert not [c for c in book.cells if "lab-only" in c.metadata.get("tags", [])]


def _sliced(name, **values):
    asked = live.wish("demo", name, values)
    return tuple(
        books.book_of(asked.entry.path, asked.values, fresh=f) for f in (True, False)
    )


def test_beside_a_fresh_report_only_what_sliders_need_is_run(demo_home):
    book, whole = _sliced("market/price_sensitivity", unit_cost="11")
    assert len(book.cells) == 1 < len(whole.cells)
    assert books.asks_what_if(book.cells[0])
    source = book.cells[0].source
    assert "unit_cost = 11.0" in source
    assert "study = here.once(" in source
    assert "finding = " not in source
    assert ".show(" not in source


def test_the_lines_that_are_kept_leave_no_name_without_a_value(demo_home):
    checked = 0
    for name in listing.entries():
        known = set(dir(builtins))
        for cell in _sliced(name)[0].cells:
            assert books.asks_what_if(cell)
            for line in ast.parse(cell.source).body:
                names = [n for n in ast.walk(line) if isinstance(n, ast.Name)]
                for n in ast.walk(line):
                    if isinstance(n, (ast.Import, ast.ImportFrom)):
                        known |= {(a.asname or a.name).partition(".")[0] for a in n.names}  # fmt: skip
                known |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
                assert {n.id for n in names} <= known, (name, ast.unparse(line))
            checked += 1
    assert checked >= 15


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["inventory/reorder_plan", "promotions/journeys", "market/options"]
)
def test_the_kept_lines_ask_the_same_what_if_as_the_whole(demo_home, monkeypatch, name):
    told = []
    keep = lambda self, asked: told.append(show.controls.cases(asked))  # noqa: E731
    monkeypatch.setattr(desk.Desk, "what_if", keep)
    monkeypatch.setattr(desk, "_display", lambda *a, **k: None)
    monkeypatch.chdir(demo_home / "notebooks" / name.partition("/")[0])
    for book in _sliced(name):
        scope = {}
        for cell in book.cells:
            if cell.cell_type == "code":
                exec(cell.source, scope)
    assert len(told) == 2
    assert told[0]["rows"]
    assert told[0] == told[1]


class _Kernels(dict):
    """Stands in for a manager of kernels; keeps what each was started with."""

    def __init__(self):
        super().__init__()
        self.dead, self.last_activity = set(), None

    async def start_kernel(self, *, kernel_id, env, **_):
        self[kernel_id] = env
        return kernel_id

    async def shutdown_kernel(self, kernel_id, **_):
        await asyncio.sleep(0)
        self.pop(kernel_id)

    def get_kernel(self, kernel_id):
        self.asked = kernel_id
        return self

    async def is_alive(self):
        asked = self.asked
        await asyncio.sleep(0)
        return asked not in self.dead


def _served(**more):
    made = _Kernels()
    told = {"cells": {}, "ready": "", "owners": {}, "kernel_manager": made, **more}
    return told, made


def _visit(settings, visit="v", **reader):
    page = live.LivePage.__new__(live.LivePage)
    page.application = SimpleNamespace(settings=settings)
    who = readers.Reader(name="li", views=("demo",), **reader)
    page.request, page.visit = SimpleNamespace(reader=who), visit
    return page


def test_one_kernel_waits_for_the_next_visit_and_may_see_nothing(monkeypatch):
    monkeypatch.setenv("OPSLIB_KEY", "sealed")
    monkeypatch.setenv("OPS_HOOK", "https://hook")
    settings, made = _served()
    for _ in range(3):
        asyncio.run(live.keep_ready(settings, made))
    assert list(made) == [settings["ready"]]
    assert made.last_activity, "else it would be ended as one that nobody uses"
    env = made[settings["ready"]]
    assert env["OPSLIB_VIEWS"] == ""
    assert not {"OPSLIB_KEY", "OPS_HOOK", "OPSLIB_SCOPE"} & set(env)
    made.dead.add(settings["ready"])
    settings["cells"] = {"a page": "at work"}
    asyncio.run(live.keep_ready(settings, made))
    assert not made, "the dead one is put away, none is started beside a page"
    settings["cells"] = {}
    asyncio.run(live.keep_ready(settings, made))
    assert list(made) == [settings["ready"]]


def test_two_visits_never_share_the_kernel_that_waits():
    settings, made = _served()

    async def two():
        await live.keep_ready(settings, made)
        taken = live._waiting(settings, made), live._waiting(settings, made)
        return await asyncio.gather(*taken)

    assert sorted(asyncio.run(two())) == ["", next(iter(made))]


@pytest.mark.parametrize("at", [0, 1])
def test_a_reader_who_leaves_leaves_nothing_behind(demo_home, monkeypatch, at):
    flushed = []

    async def flush(_):
        flushed.append(1)
        if len(flushed) > at:
            raise StreamClosedError

    async def pieces(*_):
        yield "a piece"
        await asyncio.sleep(60)

    for name, what in {
        "flush": flush, "_pieces": pieces, "write": lambda *_: None,
        "finish": lambda _: "finished", "dressed": lambda *_, **__: "",
    }.items():  # fmt: skip
        monkeypatch.setattr(live.LivePage, name, what)
    monkeypatch.setattr(live.boot, "start", lambda *_: "")
    asked = live.wish("demo", "market/price_sensitivity", {})

    async def leave():
        settings, made = _served(turn=asyncio.Semaphore(2))
        await live.keep_ready(settings, made)
        first = settings["ready"]
        assert await _visit(settings)._send(asked) == "finished"
        assert (settings["cells"], settings["owners"], dict(made)) == ({}, {}, {})
        await live.keep_ready(settings, made)
        assert first != settings["ready"] in made

    asyncio.run(leave())


def test_a_visit_keeps_three_kernels_and_the_oldest_makes_room():
    async def four():
        settings, made = _served()
        for at in range(4):
            await live.keep_ready(settings, made)
            page, kernel = _visit(settings), await live._waiting(settings, made)
            settings["owners"][kernel] = page.owner
            await page._kernel(kernel, [])
            assert len(made) == min(at + 1, live.MOST_OF_ONE)
            assert kernel in made

    asyncio.run(four())


def test_a_kernel_that_died_in_the_queue_is_started_anew(monkeypatch):
    monkeypatch.setenv("OPSLIB_KEY", "sealed")

    async def late():
        settings, made = _served()
        await live.keep_ready(settings, made)
        kernel = await live._waiting(settings, made)
        await made.shutdown_kernel(kernel)
        await _visit(settings)._kernel(kernel, ["OPSLIB_KEY"])
        assert made[kernel]["OPSLIB_KEY"] == "sealed"

    asyncio.run(late())


def test_a_kernel_that_waits_is_refused_every_view(monkeypatch):
    monkeypatch.setenv("OPSLIB_VIEWS", "")
    with pytest.raises(OpslibError, match="outside what you may see"):
        access.scope_of("demo")


def test_the_kernel_of_a_page_learns_its_view_and_no_more(demo_home, monkeypatch):
    monkeypatch.setenv("OPSLIB_KEY", "sealed")
    asked = live.wish("demo@north", "inventory/stock_health", {"language": "zh"})
    spoken = []
    monkeypatch.setattr(words, "speak", spoken.append)

    def becomes(reader):
        source = live.first_cell(asked, reader).source
        assert "sealed" not in source, "what a cell says can reach a log"
        with monkeypatch.context() as kernel:
            kernel.setattr(os, "environ", {"OPSLIB_VIEWS": ""})
            exec(source, {})
            return dict(os.environ)

    page = {
        "OPSLIB_VIEWS": "demo@north", "OPSLIB_LANGUAGE": "zh", "OPSLIB_SETTING": "{}",
        "OPSLIB_CASES": "all",
    }  # fmt: skip
    tables = {"OPSLIB_TABLES": ",".join(asked.entry.tables)}
    assert becomes(readers.Reader(name="li", views=("demo@north",))) == page | tables
    seer = readers.Reader(name="w", views=("demo@north",), personal=True)
    assert becomes(seer) == page | {"OPSLIB_SCOPE": "personal"}
    assert spoken == ["zh", "zh"]


def test_nothing_of_an_address_becomes_code(demo_home):
    nasty = "x'}) or __import__('os').abort() #"
    asked = live.wish("demo", "inventory/stock_health", {f"set.{nasty}": "1"})
    cell = live.first_cell(asked, readers.Reader(name="li", views=("demo",)))
    calls = [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Call)]
    names = {n.func.attr for n in calls if isinstance(n.func, ast.Attribute)}
    assert names == {"update", "speak"}
    assert nasty in cell.source.replace("\\'", "'")


def test_scripts_start_early_and_leave_out_what_sliders_do_not_need():
    found = voila.paths.collect_static_paths(["voila", "nbconvert"], "base")
    _, packed = boot.bundle(tuple(found), tuple(get_voila_labextensions_path([])))
    text = gzip.decompress(packed).decode()
    for name in boot.LEFT_OUT:
        assert f'i("{name}",' in text
        assert re.search(rf'i\("{name}","[\d.]+",\(\(\)=>Promise\.resolve', text), name
    for before, after in boot.EARLY.items():
        assert before not in text
        assert text.count(after) == 1
    assert len(text) < 2_600_000


def _sent(kind, content, channel="shell"):
    parts = [json.dumps(p).encode() for p in ({"msg_type": kind}, {}, {}, content)]
    return serialize_msg_to_ws_v1(parts, channel)


def _update(**state):
    return _sent("comm_msg", {"comm_id": "1", "data": {"method": "update", "state": state}})  # fmt: skip


def test_only_what_a_page_needs_may_be_sent():
    assert wire.passes(_sent("kernel_info_request", {}))
    assert wire.passes(_sent("comm_open", {"target_name": "jupyter.widget.control"}))
    assert wire.passes(_update(value=0.9))
    click = {"method": "custom", "content": {"event": "click"}}
    assert wire.passes(_sent("comm_msg", {"data": click}))
    for bad in (
        _sent("execute_request", {"code": "1"}), _sent("kernel_info_request", {}, "control"),
        _sent("comm_open", {"target_name": "jupyter.widget"}), _update(max=1e9), _update(value="a"),
        _update(value=[1]), _sent("comm_msg", {"data": {"method": "custom", "content": {"event": "x"}}}),
        b"", b"\xff" * 40, "text", _update(value=0.9) + b" " * wire.LONGEST, None,
    ):  # fmt: skip
        assert not wire.passes(bad)


def test_a_failed_cell_says_a_reference_and_no_source(demo_home):
    asked = SimpleNamespace(language="en", fresh=True, entry=SimpleNamespace(name="x/y"))  # fmt: skip
    story = live.Story(asked, None)
    cell = nbformat.v4.new_code_cell("secret_code()")
    cell.outputs = [
        nbformat.v4.new_output(
            "error", ename="E", evalue="v", traceback=["secret_code"]
        )
    ]
    shown = story.told(cell, 1, 3)
    assert "secret_code" not in shown
    book = "".join(p.read_text("utf-8") for p in (places.data() / "log").glob("*"))
    line = json.loads(book.strip().splitlines()[-1])
    assert line["ref"] in shown, "the reference stands on the page and in the log"
    assert "secret_code" in line["traceback"]


def test_a_comment_needs_words_and_a_run(demo_home):
    with pytest.raises(ParameterError, match="between 1 and"):
        comments.add("demo", "abc", "  ", by="li")
    with pytest.raises(ParameterError, match="finished runs fit"):
        comments.add("demo", "abc", "hello", by="li")
    assert comments.kept("demo") == []


def test_every_parameter_has_a_name_in_both_languages():
    from opslib.runs import listing, parameters

    names = listing.parameter_names()
    for entry in listing.entries().values():
        for name in parameters.declared(entry.path):
            assert name in names, f"{entry.name}: gallery.yaml names no {name}"
            assert names[name].zh != names[name].en


@pytest.fixture
def passed(monkeypatch):
    """Return what a line without sockets passes on: to the kernel, to the browser."""
    sent, told = [], []
    base = wire.ZMQChannelsWebsocketConnection
    monkeypatch.setattr(base, "__init__", lambda self, handler: self._trait_values.update(websocket_handler=handler))  # fmt: skip
    monkeypatch.setattr(base, "kernel_id", "k")
    monkeypatch.setattr(base, "handle_incoming_message", lambda _, m: sent.append(m))
    monkeypatch.setattr(base, "handle_outgoing_message", lambda *a: told.append(a[2]))
    return sent, told


def test_questions_about_widgets_wait_until_the_cells_have_run(passed):
    sent, told = passed
    info = _sent("kernel_info_request", {})
    turned, forged = _update(value=0.9), _sent("execute_request", {"code": "1"})

    def out(kind):
        session = Session()
        parts = session.serialize(session.msg(kind, {"comm_id": "1"}))
        line.handle_outgoing_message("iopub", parts)

    async def visit():
        cells = asyncio.get_running_loop().create_future()
        line.websocket_handler.settings["cells"]["k"] = cells
        for message in (info, turned, forged):
            line.handle_incoming_message(message)
        out("comm_open")
        out("execute_input")
        out("status")
        assert sent == [info]
        assert len(told) == 1
        line.websocket_handler.settings["cells"].pop("k").set_result(None)
        await asyncio.sleep(0)
        assert sent == [info, turned]
        out("comm_open")
        out("execute_input")
        assert len(told) == 2

    handler = SimpleNamespace(settings={"cells": {}}, selected_subprotocol=wire.FORM)
    line = wire.Wire(handler)
    asyncio.run(visit())


def test_what_was_held_for_a_reader_who_left_is_dropped(passed):
    sent, _ = passed

    async def leave():
        cells = asyncio.get_running_loop().create_future()
        handler = SimpleNamespace(settings={"cells": {"k": cells}}, selected_subprotocol=wire.FORM)  # fmt: skip
        line = wire.Wire(handler)
        line.handle_incoming_message(_update(value=0.9))
        handler.selected_subprotocol = None
        cells.set_result(None)
        await asyncio.sleep(0)
        handler.settings["cells"].clear()
        line.handle_incoming_message(_update(value=0.9))
        assert sent == []

    asyncio.run(leave())
