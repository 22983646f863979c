"""This module owns channels: a message to a file, a webhook or a mail server.

A value that begins with `env:` names the environment's variable that holds it, so that
addresses with secrets need not stand in `company.toml`.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import os
import smtplib
import ssl
import urllib.request
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from opslib import places
from opslib.errors import OpslibError
from opslib.words import catalogue

say = catalogue(__package__ or "opslib.runs.watch")
_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message in one language.

    Attributes:
        title: A few words.
        text: Sentences.
        link: Where to read on, or empty.
        picture: A PNG for mail, or empty.
    """

    title: str
    text: str
    link: str = ""
    picture: bytes = b""


def send(channel: dict[str, Any], message: Message) -> None:
    """Send a message through a channel of `company.toml`.

    Raises:
        OpslibError: The channel is not described whole, or did not take the message.
    """
    told = {k: _value(v) for k, v in channel.items()}
    ways = {"file": _to_file, "webhook": _to_webhook, "mail": _to_mail}
    try:
        way = ways[told["kind"]]
        way(told, message)
    except KeyError as error:
        raise OpslibError(
            say(
                "a channel of kind {kind} lacks {word} or is none of file, webhook, mail",
                kind=repr(told.get("kind")),
                word=str(error),
            )
        ) from None
    except (
        OSError,
        http.client.HTTPException,
        smtplib.SMTPException,
        ValueError,
    ) as error:
        raise OpslibError(
            say(
                "{kind} did not take the message: {what}",
                kind=name(channel),
                what=str(error),
            )
        ) from error


def name(channel: dict[str, Any]) -> str:
    """Return what a channel is called; no address that may hold a secret."""
    return " ".join(
        str(channel[k])
        for k in ("kind", "form", "path", "to", "department")
        if channel.get(k)
    )


def body(form: str, message: Message) -> dict[str, Any]:
    r"""Return the JSON that a webhook of a form takes.

    Raises:
        ValueError: There is no such form.

    Example:
        >>> body("slack", Message(title="Late", text="Sales are late."))
        {'text': '*Late*\nSales are late.'}
    """
    more = f"\n{message.link}" if message.link else ""
    marked = f"**{message.title}**\n\n{message.text}" + (
        f"\n\n[{message.link}]({message.link})" if message.link else ""
    )
    whole = f"{message.title}\n{message.text}{more}"
    card = {
        "type": "AdaptiveCard", "version": "1.4",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "body": [
            {"type": "TextBlock", "text": message.title, "weight": "Bolder", "wrap": True},
            {"type": "TextBlock", "text": message.text + more, "wrap": True},
        ],
    }  # fmt: skip
    hung = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    forms = {
        "plain": {"title": message.title, "text": message.text, "link": message.link},
        "wecom": {"msgtype": "markdown", "markdown": {"content": _cut(marked, 4096)}},
        "dingtalk": {"msgtype": "markdown", "markdown": {"title": message.title, "text": _cut(marked, 20_000)}},
        "feishu": {"msg_type": "text", "content": {"text": _cut(whole, 20_000)}},
        "slack": {"text": _cut(f"*{message.title}*\n{message.text}{more}", 40_000)},
        "teams": {"type": "message", "attachments": [hung]},
    }  # fmt: skip
    if form not in forms:
        msg = f"webhook form {form!r} is not known; use one of {tuple(forms)}"
        raise ValueError(msg)
    return forms[form]


def _to_file(told: dict[str, Any], message: Message) -> None:
    path = Path(told["path"])
    path = path if path.is_absolute() else places.root() / path
    path.parent.mkdir(parents=True, exist_ok=True)
    line = {
        "when": dt.datetime.now().isoformat(timespec="seconds"),
        **body("plain", message),
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _to_webhook(told: dict[str, Any], message: Message) -> None:
    url = told["url"]
    if not url.startswith(("https://", "http://")):
        msg = "its url does not begin with https:// or http://"
        raise ValueError(msg)
    content = json.dumps(
        body(told.get("form", "plain"), message), ensure_ascii=False
    ).encode()
    request = urllib.request.Request(
        url, content, {"Content-Type": "application/json; charset=utf-8"}
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        said = answer.read(10_000).decode("utf-8", "replace")
    _refused(said)


def _refused(said: str) -> None:
    """Some services answer 200 to what they refuse, with a code in the body."""
    try:
        told = json.loads(said)
    except json.JSONDecodeError:
        return
    if isinstance(told, dict):
        code = told.get("errcode") or told.get("code") or 0
        if code:
            msg = f"refused with code {code}: {told.get('errmsg') or told.get('msg') or ''}"
            raise ValueError(msg)


def _to_mail(told: dict[str, Any], message: Message) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = (
        " ".join(message.title.split()),
        told["sender"],
        told["to"],
    )
    mail.set_content(message.text + (f"\n\n{message.link}" if message.link else ""))
    if message.picture:
        mail.add_attachment(
            message.picture, maintype="image", subtype="png", filename="picture.png"
        )
    with smtplib.SMTP(
        told["host"], int(told.get("port", 587)), timeout=_SECONDS
    ) as server:
        if told.get("user"):
            server.starttls(context=ssl.create_default_context())
            server.login(told["user"], told["password"])
        server.send_message(mail)


def _value(told: Any) -> Any:
    if isinstance(told, str) and told.startswith("env:"):
        found = os.environ.get(told[4:])
        if not found:
            raise OpslibError(
                say(
                    "the environment holds no {name}, which a channel names",
                    name=told[4:],
                )
            )
        return found
    return told


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode("utf-8", "ignore")
