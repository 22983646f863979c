"""Alerts reach real receivers on this machine, once for each cause."""

import asyncore
import datetime as dt
import json
import smtpd
import threading
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from opslib import places
from opslib.errors import OpslibError
from opslib.publish import weekly
from opslib.runs import listing, manifest
from opslib.runs.watch import alerts, send
from opslib.warehouse import company as companies

NAME = "inventory/demand_forecast"
NOW = dt.datetime(2026, 7, 6, 8, 0)


@pytest.fixture
def hook():
    """Return the address of a web server, what it got, and what it shall answer."""
    got, answer = [], {"status": 200, "body": "ok"}

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Content-Type"], json.loads(content)))
            self.send_response(answer["status"])
            self.end_headers()
            self.wfile.write(answer["body"].encode())

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got, answer
    server.shutdown()


@pytest.fixture
def mailbox():
    """Return the port of a mail server and the mails it got."""
    got = []

    class Server(smtpd.SMTPServer):
        def process_message(self, peer, sender, to, content, **more):
            got.append((sender, to, message_from_bytes(content)))

    around = {}
    server = Server(("127.0.0.1", 0), None, map=around)
    port = server.socket.getsockname()[1]
    threading.Thread(
        target=asyncore.loop, kwargs={"timeout": 0.1, "map": around}, daemon=True
    ).start()
    yield port, got
    server.close()


SAID = send.Message(
    title="Stock: please look",
    text="Shelves are empty.\n货架空了。",
    link="https://ops.example/index.html",
)


@pytest.mark.parametrize(
    ("form", "place", "kind"),
    [
        ("plain", ("text",), None), ("wecom", ("markdown", "content"), ("msgtype", "markdown")),
        ("dingtalk", ("markdown", "text"), ("msgtype", "markdown")), ("feishu", ("content", "text"), ("msg_type", "text")),
        ("teams", ("attachments", 0, "content", "body", 1, "text"), ("type", "message")), ("slack", ("text",), None),
    ],
)  # fmt: skip
def test_each_webhook_form_arrives_with_its_text_where_the_service_looks(
    hook, form, place, kind
):
    url, got, _ = hook
    send.send({"kind": "webhook", "form": form, "url": url}, SAID)
    content_type, told = got[0]
    assert content_type.startswith("application/json")
    found = told
    for step in place:
        found = found[step]
    assert "货架空了" in found
    assert kind is None or told[kind[0]] == kind[1]
    assert "https://ops.example/index.html" in json.dumps(told)


@pytest.mark.parametrize(
    ("status", "answer", "says"),
    [
        (500, "", "500"),
        (200, '{"errcode": 93000, "errmsg": "invalid webhook"}', "93000"),
        (200, '{"code": 19021, "msg": "sign"}', "19021"),
    ],
)
def test_a_service_that_refuses_is_a_failure_also_where_it_answers_200(
    hook, status, answer, says
):
    url, _, says_back = hook
    says_back.update(status=status, body=answer)
    with pytest.raises(OpslibError, match=says):
        send.send({"kind": "webhook", "form": "wecom", "url": url}, SAID)
    says_back.update(status=200, body='{"errcode": 0, "errmsg": "ok"}')
    send.send({"kind": "webhook", "form": "wecom", "url": url}, SAID)


def test_mail_arrives_with_text_and_picture(mailbox):
    port, got = mailbox
    channel = {
        "kind": "mail",
        "host": "127.0.0.1",
        "port": port,
        "sender": "ops@shop.example",
        "to": "buyers@shop.example",
    }
    send.send(
        channel,
        send.Message(title="Two\nlines", text="库存不足", picture=b"\x89PNG..."),
    )
    sender, to, mail = got[0]
    assert (sender, to) == ("ops@shop.example", ["buyers@shop.example"])
    assert mail["Subject"] == "Two lines"
    parts = {
        p.get_content_type(): p.get_payload(decode=True)
        for p in mail.walk()
        if not p.is_multipart()
    }
    assert "库存不足" in parts["text/plain"].decode()
    assert parts["image/png"] == b"\x89PNG..."


@pytest.mark.parametrize(
    ("channel", "says"),
    [
        ({"kind": "pigeon"}, "none of file, webhook, mail"), ({"kind": "webhook"}, "'url'"),
        ({"kind": "webhook", "url": "file:///etc/passwd"}, "https://"),
        ({"kind": "webhook", "url": "env:OPSLIB_NO_SUCH"}, "OPSLIB_NO_SUCH"),
        ({"kind": "webhook", "form": "fax", "url": "http://127.0.0.1:9/"}, "fax"),
        ({"kind": "mail", "host": "127.0.0.1", "port": 9, "sender": "a@b", "to": "c@d"}, "did not take"),
    ],
)  # fmt: skip
def test_a_channel_that_cannot_work_says_why_and_shows_no_secret(channel, says):
    with pytest.raises(OpslibError, match=says):
        send.send(channel, SAID)
    assert "OPSLIB_NO_SUCH" not in send.name(channel)


def _channels(*channels):
    home = places.company_home("demo") / "company.toml"
    lines = [
        f"{k} = {json.dumps(v)}"
        for c in channels
        for k, v in [("\n[[alerts]]\nkind", c["kind"]), *list(c.items())[1:]]
    ]
    home.write_text(home.read_text("utf-8") + "\n" + "\n".join(lines) + "\n", "utf-8")
    assert len(companies.read("demo").alerts) == len(channels)


def _run(exit_, day="2026-06-28", *, turn, checks=(), age=0, cell="answer"):
    name = {"en": "Back-test", "zh": "回测"}
    finding = {
        "room": "inventory", "headline": {"en": "Order 5 units.", "zh": "订购5件。"}, "caveats": [], "predictions": [], "facts": {},
        "quantity": {"value": 5.0, "low": 4.0, "high": 6.0, "unit": "units", "confidence": 0.8, "name": name},
        "actions": [{"what": {"en": "Order now", "zh": "现在订货"}, "owner": {"en": "Purchasing", "zh": "采购"}, "due": "2026-06-01", "value": 9.0, "unit": "CNY"}],
        "checks": [{"name": name, "passed": ok, "sentence": {"en": "It lost.", "zh": "落后。"}} for ok in checks],
    }  # fmt: skip
    folder = (
        places.reports("demo")
        / NAME
        / (f"{day}_k{turn}" + ("" if exit_ == "ok" else "_failed"))
    )
    folder.mkdir(parents=True)
    started = (NOW - dt.timedelta(days=age)).isoformat(timespec="seconds")
    told = {
        "name": NAME,
        "room": "inventory",
        "company": "demo",
        "key": f"k{turn}",
        "day": day,
        "exit": exit_,
        "cell": cell,
        "message": "boom",
        "started": started,
        "turn": turn,
        "finding": finding,
    }
    manifest.write(folder, told)
    (folder / "notebook.ipynb").write_text('{"cells": []}')


def _lines():
    path = places.root() / "alerts.log"
    return (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        if path.is_file()
        else []
    )


def test_a_failed_run_is_told_once_while_it_lasts_and_again_when_it_returns(demo_home):
    _channels(
        {
            "kind": "file",
            "path": "alerts.log",
            "language": "zh",
            "link": "https://ops.example",
        }
    )
    assert alerts.tell("demo", NOW) == []
    _run("cell error", turn=1)
    assert [s for s, _ in alerts.tell("demo", NOW)] == ["sent"]
    _run("cell error", "2026-06-29", turn=2)
    assert alerts.tell("demo", NOW) == [], "the same cause"
    assert len(_lines()) == 1
    assert "运行失败" in _lines()[0]["text"]
    _run("timeout", "2026-06-30", turn=3)
    assert len(alerts.tell("demo", NOW)) == 1, "another cause"
    _run("ok", "2026-07-01", turn=4)
    assert alerts.tell("demo", NOW) == []
    _run("cell error", "2026-07-02", turn=5)
    assert len(alerts.tell("demo", NOW)) == 1, "it had passed and came again"


def test_silence_and_failed_checks_are_told_and_checks_share_a_budget(demo_home):
    _channels({"kind": "file", "path": "alerts.log", "budget": 1})
    _run("ok", turn=1, age=30, checks=(False,))
    told = alerts.tell("demo", NOW)
    assert sorted(s for s, _ in told) == ["sent", "sent"]
    assert any("30 days old" in w for _, w in told)
    assert any("Back-test: It lost." in w for _, w in told)
    path = places.reports("demo") / NAME / "2026-06-28_k1" / "manifest.json"
    run = json.loads(path.read_text("utf-8"))
    run["finding"]["checks"].append(
        {
            "name": {"en": "Other", "zh": "其他"},
            "passed": False,
            "sentence": {"en": "No.", "zh": "否。"},
        }
    )
    path.write_text(json.dumps(run), "utf-8")
    assert [s for s, _ in alerts.tell("demo", NOW)] == ["waiting"], (
        "over the week's budget"
    )
    later = alerts.tell("demo", NOW + dt.timedelta(days=8))
    assert [s for s, _ in later] == ["sent"]


def test_each_channel_has_a_budget_of_its_own(demo_home):
    _channels(
        {"kind": "file", "path": "few.log", "budget": 0},
        {"kind": "file", "path": "all.log"},
    )
    _run("ok", turn=1, checks=(False,))
    assert sorted(s for s, _ in alerts.tell("demo", NOW)) == ["sent", "waiting"]
    assert "It lost" in (demo_home / "all.log").read_text("utf-8")
    assert not (demo_home / "few.log").exists()


def test_what_a_channel_did_not_take_is_sent_at_the_next_look_and_only_there(
    demo_home, hook
):
    url, got, answer = hook
    _channels(
        {"kind": "file", "path": "alerts.log"},
        {"kind": "webhook", "form": "feishu", "url": url},
    )
    answer["status"] = 503
    _run("killed", turn=1)
    assert sorted(s for s, _ in alerts.tell("demo", NOW)) == ["failed", "sent"]
    answer["status"] = 200
    assert [s for s, _ in alerts.tell("demo", NOW)] == ["sent"]
    assert alerts.tell("demo", NOW) == []
    assert len(_lines()) == 1
    assert len(got) == 2


def test_late_data_and_quarantine_name_what_to_do(demo_home):
    home = places.company_home("demo") / "company.toml"
    home.write_text(
        home.read_text("utf-8")
        + '\n[[sources]]\nname = "till"\ntable = "sales_lines"\nfiles = "x.csv"\nexpected_day = 1\nowner = "Wang"\n',
        "utf-8",
    )
    stamp = places.warehouse("demo").with_suffix(".json")
    told = json.loads(stamp.read_text("utf-8"))
    stamp.write_text(json.dumps({**told, "delivered": 100, "quarantined": 10}), "utf-8")
    said = [str(a.what) for a in alerts.gather("demo", NOW)]
    assert any("10.0%" in s and "opslib check" in s for s in said)
    if dt.date.today().day > 1:
        assert any("till" in s and "Wang" in s for s in said)


def test_an_unknown_word_in_a_channel_is_refused(demo_home):
    from opslib.errors import ContractError

    home = places.company_home("demo") / "company.toml"
    home.write_text(
        home.read_text("utf-8") + '\n[[alerts]]\nkind = "file"\nfile = "x"\n', "utf-8"
    )
    with pytest.raises(ContractError, match="'file'"):
        companies.read("demo")


def test_each_department_gets_its_monday_message_once(demo_home):
    _channels(
        {
            "kind": "file",
            "path": "alerts.log",
            "department": "purchasing",
            "link": "https://ops.example/",
        }
    )
    assert weekly.tell("demo", NOW.date()) == []
    _run("ok", turn=1)
    assert [s for s, _ in weekly.tell("demo", NOW.date())] == ["sent"]
    told = _lines()[0]
    assert told["text"].splitlines()[0] == "Order 5 units."
    assert "Next: Order now (Purchasing, by 1 Jun 2026)" in told["text"]
    assert "1 actions are open from 1 answers, 1 of them overdue" in told["text"]
    assert len(told["text"].splitlines()) == 3
    assert told["link"].endswith("/2026-06-28_k1/report.html")
    assert weekly.tell("demo", NOW.date() + dt.timedelta(days=3)) == [], "the same week"
    assert len(weekly.tell("demo", NOW.date() + dt.timedelta(days=7))) == 1
    chinese = weekly.compose("demo", "purchasing", "zh")
    assert "订购5件" in chinese.text
    assert weekly.compose("demo", "nobody", "en") is None
    assert {r for e in listing.entries().values() for r in e.readers} >= {"purchasing"}


def test_the_picture_of_a_message_is_a_png():
    from opslib.show import stills

    figure = {"data": [{"type": "bar", "x": ["a", "b"], "y": [1, 2]}], "layout": {}}
    assert stills.png(figure).startswith(b"\x89PNG")
    assert stills.svg(figure).startswith("<svg")
