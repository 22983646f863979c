"""Sign-in, views, kernels and messages: what is not yours is not there."""

import json
import re
import shutil
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import websocket
from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PROTOCOL = "v1.kernel.websocket.jupyter.org"
WHOLE = "/live/demo/inventory/stock_health"
NORTH = "/live/demo@north/inventory/stock_health"
SLIDERS = "/live/demo/market/price_sensitivity"


def _message(kind, content, **metadata):
    header = {
        "msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "x",
        "session": "s", "version": "5.3", "date": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    parts = [json.dumps(p).encode() for p in (header, {}, metadata, content)]
    return serialize_msg_to_ws_v1(parts, "shell"), header["msg_id"]


def _wire(visit, kernel, **more):
    """Open the wire to a kernel and wait until it answers."""
    where = visit.address.replace("http", "ws")
    told = {"cookie": visit.cookies, "subprotocols": [PROTOCOL], "origin": visit.address}  # fmt: skip
    wire = websocket.create_connection(
        f"{where}/api/kernels/{kernel}/channels?session_id=s",
        timeout=30,
        **{**told, **more},
    )
    for _ in range(80):
        wire.send_binary(_message("kernel_info_request", {})[0])
        if "kernel_info_reply" in [k for k, _ in _heard(wire, 1.5)]:
            return wire
    raise AssertionError("the kernel does not answer")


def _heard(wire, seconds=2.0, enough=None, asked=None):
    """Return every message that comes within some seconds, as kind and content.

    Ends sooner where a content is enough, or with the reply to the message asked,
    which has to come.
    """
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        wire.settimeout(0.2)
        try:
            told = wire.recv()
        except websocket.WebSocketTimeoutException:
            continue
        told = told if isinstance(told, bytes) else told.encode()
        _, parts = deserialize_msg_from_ws_v1(told)
        head, parent, content = (json.loads(parts[n]) for n in (0, 1, 3))
        kind = head["msg_type"]
        found.append((kind, content))
        replied = kind.endswith("_reply") and parent.get("msg_id") == asked
        if (asked and replied) or (enough and enough(content)):
            return found
    assert not asked, f"the kernel did not answer in {seconds} seconds"
    return found


def test_nothing_answers_without_sign_in(closed_server):
    visit = closed_server.visit()
    doors = [
        "/", "/reports/index.html", WHOLE, NORTH, "/decide", "/comment",
        "/said/demo/abc", f"/alive/{uuid.uuid4()}", f"/api/kernels/{uuid.uuid4()}",
        f"/api/kernels/{uuid.uuid4()}/channels", f"/voila/api/shutdown/{uuid.uuid4()}",
        "/voila/static/voila.js", "/voila/labextensions/x", "/voila/files/x", "/api",
        "/voila/render/inventory/stock_health.ipynb", "/sign-out", "/api/contents",
    ]  # fmt: skip
    for door in doors:
        assert visit.open(door, Accept="*/*")[0] == 403, door
        assert visit.post(door, x="1")[0] == 403, door
        status, text = visit.open(door)
        assert status == 200, door
        assert 'type="password"' in text, door


def test_a_wrong_password_is_refused_and_guessing_is_slowed(closed_server):
    visit = closed_server.visit()
    for _ in range(5):
        status, text = visit.post("/sign-in", name="wang2", password="guess")
        assert status == 403
        assert "do not fit" in text
    assert visit.post("/sign-in", name="wang2", password="guess")[0] == 429
    status, text = visit.post(
        "/sign-in", name="<script>alert(1)</script>", password="x"
    )
    assert "<script>alert(1)" not in text
    visit = closed_server.visit()
    visit.post("/sign-in", name="wang", password="a long enough word", next="//evil.example/")  # fmt: skip
    assert visit.open("/reports/index.html")[0] == 200


def test_the_north_cannot_get_the_rest_by_address(closed_server):
    visit = closed_server.visit("li")
    status, text = visit.open("/")
    assert status == 200
    assert "demo@north" in text
    north = next((closed_server.home / "reports").glob("demo@north/*/*/*/report.html"))
    whole = next((closed_server.home / "reports").glob("demo/*/*/*/report.html"))
    base = closed_server.home / "reports"
    assert visit.open(f"/reports/{north.relative_to(base)}")[0] == 200
    for forbidden in (
        f"/reports/{whole.relative_to(base)}", "/reports/index.html",
        "/reports/actions.html", WHOLE, "/said/demo/abc",
        "/live/demo@marketing/inventory/stock_health",
    ):  # fmt: skip
        assert visit.open(forbidden)[0] == 404, forbidden
    assert visit.open(f"{NORTH}?company=demo")[0] == 400
    assert visit.post("/decide", view="demo", run="x", action="1", choice="accept")[0] == 404  # fmt: skip
    assert visit.post("/comment", view="demo", run="x", text="hello")[0] == 404
    status, text = visit.open(NORTH)
    assert status == 200
    for region in ("South", "West", "East", "Coast", "Hills", "Lakes", "Centre"):
        assert f">{region}<" not in text, region
    status, text = visit.open("/")
    assert "rows delivered" not in text, "counts of the whole company"
    assert not re.search(r">demo</a>", text), "the whole company's gallery"


def test_other_companies_are_named_to_their_readers_only(
    company, serve_again, tmp_path
):
    home = tmp_path / "two"
    shutil.copytree(company, home)
    index = home / "reports" / "index.html"
    mark = '<!--company other--><a href="other/index.html">other</a> <!--/company-->'
    index.write_text(
        index.read_text("utf-8").replace("<h1>", mark + "<h1>", 1), "utf-8"
    )
    with serve_again(home) as served:
        status, text = served.visit().open("/reports/index.html")
        assert status == 200
        assert "other/index.html" not in text
        assert "<h1>" in text


@pytest.mark.parametrize(
    "path",
    [
        "/reports/../data/readers.toml", "/reports/%2e%2e/data/readers.toml",
        "/reports/demo/..%2f..%2fdata%2freaders.toml", "/reports/..%5cdata",
        "/voila/static/../../../../etc/passwd", "/voila/files/notebooks/gallery.yaml",
        "/voila/labextensions/..%2f..%2f..%2fetc%2fpasswd", "/reports//etc/passwd",
        "/voila/templates/lab/static/x", "/voila/render/inventory/stock_health.ipynb",
        "/voila/tree", "/voila/api/contents", "/api/contents", "/api/sessions",
    ],
)  # fmt: skip
def test_no_path_leads_out(closed_server, path):
    visit = closed_server.visit("wang")
    status, text = visit.open(path)
    assert status in (403, 404), path
    assert "root:" not in text
    assert "scrypt" not in text


def test_manifests_and_notebooks_are_not_served(closed_server):
    visit = closed_server.visit("wang")
    base = closed_server.home / "reports"
    folder = next(base.glob("demo/*/*/*/report.html")).parent.relative_to(base)
    for name in ("manifest.json", "notebook.ipynb"):
        assert (base / folder / name).is_file()
        assert visit.open(f"/reports/{folder}/{name}")[0] == 404


def test_another_site_can_neither_send_nor_listen(closed_server):
    visit = closed_server.visit("wang")
    assert visit.post("/decide", token=False, view="demo")[0] == 403
    assert visit.post("/sign-out", token=False)[0] == 403
    assert visit.post("/sign-in", token=False, name="li", password="x")[0] == 403
    kernel = visit.kernel(SLIDERS)
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        _wire(visit, kernel, origin="http://evil.example")
    status, _ = visit.open("/", Host="evil.example")
    assert status in (403, 404)


def test_a_kernel_answers_its_own_visit_only(closed_server):
    wang, li, again = (
        closed_server.visit("wang"), closed_server.visit("li"), closed_server.visit("wang"),
    )  # fmt: skip
    kernel = wang.kernel(SLIDERS)
    assert wang.open(f"/alive/{kernel}")[0] == 204
    for other in (li, again):
        assert other.open(f"/alive/{kernel}")[0] == 404
        assert other.open(f"/api/kernels/{kernel}")[0] == 404
        for written in (kernel, f"%{ord(kernel[0]):x}{kernel[1:]}"):
            assert other.post(f"/voila/api/shutdown/{written}")[0] == 404
        with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
            _wire(other, kernel)
    assert wang.open(f"/alive/{kernel}")[0] == 204
    with pytest.raises(websocket.WebSocketBadStatusException, match=r"403|404"):
        _wire(closed_server.visit(), kernel)


def test_messages_that_no_page_needs_reach_no_kernel(closed_server):
    visit = closed_server.visit("wang")
    wire = _wire(visit, visit.kernel(SLIDERS))
    canary = closed_server.home / "canary"
    code = f"open({str(canary)!r}, 'w').write('x')"
    for kind, content in (
        ("execute_request", {"code": code, "silent": False}),
        ("inspect_request", {"code": "company", "cursor_pos": 3, "detail_level": 1}),
        ("complete_request", {"code": "comp", "cursor_pos": 4}),
        ("history_request", {"hist_access_type": "tail", "n": 10, "raw": True}),
        ("shutdown_request", {"restart": False}), ("debug_request", {}),
        ("comm_open", {"comm_id": "x", "target_name": "jupyter.widget", "data": {"state": {}}}),
    ):  # fmt: skip
        wire.send_binary(_message(kind, content)[0])
    wire.send(json.dumps({"header": {"msg_type": "execute_request"}, "channel": "shell"}))  # fmt: skip
    # A kernel answers in turn: with this answer it has had whatever reached it before.
    last, asked = _message("kernel_info_request", {})
    wire.send_binary(last)
    replies = [k for k, _ in _heard(wire, 120, asked=asked) if k.endswith("_reply")]
    # One or another may be the late answer to the questions that opened the wire.
    assert set(replies) == {"kernel_info_reply"}
    assert not canary.exists()
    wire.close()


def test_a_forged_slider_stays_within_its_limits_and_leaks_nothing(closed_server):
    visit = closed_server.visit("wang")
    wire = _wire(visit, visit.kernel(SLIDERS))
    wire.send_binary(_message("comm_open", {"comm_id": "c1", "target_name": "jupyter.widget.control", "data": {}}, version="1.0.0")[0])  # fmt: skip
    wire.send_binary(_message("comm_msg", {"comm_id": "c1", "data": {"method": "request_states"}})[0])  # fmt: skip

    def states_come(content):
        return "states" in content.get("data", {})

    told = _heard(wire, 120, enough=states_come)
    states = told[-1][1]["data"]["states"]
    sliders = {i: s["state"] for i, s in states.items() if s["state"].get("_model_name") == "FloatSliderModel"}  # fmt: skip
    slider, state = next(iter(sliders.items()))

    def turn(seconds=2.0, enough=None, **update):
        wire.send_binary(_message("comm_msg", {"comm_id": slider, "data": {"method": "update", "state": update, "buffer_paths": []}})[0])  # fmt: skip
        return _heard(wire, seconds, enough)

    heard = turn(max=1e9, value=1e8) + turn(max=1e9)
    assert "comm_msg" not in [k for k, _ in heard], "a forged limit reached the kernel"
    heard = turn(120, lambda c: "data-setting" in json.dumps(c), value=1e8)
    shown = [c["data"]["state"]["value"] for k, c in heard if k == "comm_msg" and "value" in c["data"].get("state", {})]  # fmt: skip
    settings = [v for v in shown if isinstance(v, str) and "data-setting" in v]
    assert settings
    assert "100000000" not in settings[-1]
    assert f"{state['max']:g}" in settings[-1]
    for odd in ("'; DROP", float("nan"), [1], None, "<script>"):
        for kind, content in turn(value=odd):
            assert kind not in ("error", "stream")
            assert "Traceback" not in json.dumps(content)
            assert "opslib/" not in json.dumps(content)
    wire.close()


def test_markup_in_an_address_stays_text(closed_server):
    visit = closed_server.visit("wang")
    status, text = visit.open(f"{SLIDERS}?wave=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert(1)" not in text
    status, text = visit.open(f"{SLIDERS}?%3Cb%3Ex=1")
    assert status == 400
    assert "<b>x" not in text
    assert "there is no parameter" in text
    status, text = visit.open(f"{SLIDERS}?unit_cost=cheap")
    assert status == 400
    assert "it must be a number" in text
    status, text = visit.open(f"{SLIDERS}?unit_cost=-4&language=zh")
    assert status == 400
    for page in ("template=nosuch", "theme=dark"):
        assert visit.open(f"{SLIDERS}?{page}")[0] == 400


def test_sign_out_and_a_changed_password_end_a_visit(closed_server, monkeypatch):
    from opslib.publish.dashboards import readers

    monkeypatch.setenv("OPSLIB_HOME", str(closed_server.home))
    readers.add("zhou", "another long word", ["demo"])
    visit = closed_server.visit("zhou", "another long word")
    assert visit.open("/reports/index.html", Accept="*/*")[0] == 200
    readers.add("zhou", "yet another word", ["demo"])
    assert visit.open("/reports/index.html", Accept="*/*")[0] == 403
    visit = closed_server.visit("zhou", "yet another word")
    assert visit.open("/reports/index.html", Accept="*/*")[0] == 200
    visit.post("/sign-out")
    assert visit.open("/reports/index.html", Accept="*/*")[0] == 403
    readers.remove("zhou")


def test_the_access_log_says_who_opened_what(closed_server):
    closed_server.visit("li").open(NORTH)
    book = closed_server.home / "data" / "records" / "access.jsonl"
    name = NORTH.removeprefix("/live/demo@north/")
    for _ in range(100):  # the line is written when the page has been sent
        whole = [t for t in book.read_text("utf-8").splitlines(True) if t[-1] == "\n"]
        lines = [json.loads(line) for line in whole]
        seen = [t for t in lines if t["who"] == "li" and t.get("page") == name]
        if any(t["view"] == "demo@north" and t["status"] == 200 for t in seen):
            break
        time.sleep(0.1)
    else:
        raise AssertionError(f"no line of this page: {lines[-5:]}")


def test_decisions_and_comments_are_kept_under_the_readers_name(closed_server):
    visit = closed_server.visit("wang")
    base = closed_server.home / "reports"
    page = next(base.glob("demo/inventory/stock_health/*/manifest.json"))
    run = json.loads(page.read_text("utf-8"))["key"]
    status, text = visit.post("/decide", view="demo", run=run, action="1", choice="put-off", why="<b>holiday</b>")  # fmt: skip
    assert status == 400
    assert "needs a day" in json.loads(text)["said"]
    status, text = visit.post("/decide", view="demo", run=run, action="1", choice="put-off", why="<b>holiday</b>", until="2026-08-01")  # fmt: skip
    assert status == 200
    status, text = visit.post("/comment", view="demo", run=run, text="Is P01 closed?")
    assert status == 200
    told = json.loads(visit.open(f"/said/demo/{run}")[1])
    assert "put off by wang" in told["decisions"][-1]["said"]
    assert told["comments"][-1]["text"] == "Is P01 closed?"
    assert visit.post("/comment", view="demo", run=run, text=" ")[0] == 400


def test_two_decisions_at_once_are_both_kept_and_shown(closed_server):
    base = closed_server.home / "reports"
    page = next(base.glob("demo/inventory/stock_health/*/manifest.json"))
    run = json.loads(page.read_text("utf-8"))["key"]
    words = [f"reason {n}" for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        told = [
            pool.submit(closed_server.visit("wang").post, "/decide", view="demo", run=run, action="1", choice="accept", why=w)
            for w in words
        ]  # fmt: skip
        assert [t.result()[0] for t in told] == [200] * 6
    said = closed_server.visit("wang").open(f"/said/demo/{run}")[1]
    assert all(w in said for w in words)
    assert not list(base.glob("*.half"))


def test_an_idle_page_lets_its_kernel_go_and_a_restart_loses_nothing(
    company, serve_again
):
    with serve_again(company, "--idle", "10") as served:
        visit = served.visit()
        kernel = visit.kernel(SLIDERS)
        assert visit.open(f"/alive/{kernel}")[0] == 204
        for _ in range(240):
            time.sleep(0.5)
            if visit.open(f"/alive/{kernel}")[0] == 404:
                break
        else:
            raise AssertionError("the idle kernel is still there")
    with serve_again(company) as served:
        visit.address = served.address
        session = visit.cookie("opslib-visit")
        kernel = visit.kernel(SLIDERS)
        assert visit.open(f"/alive/{kernel}")[0] == 204
        assert visit.cookie("opslib-visit") == session, "the visit goes on"
