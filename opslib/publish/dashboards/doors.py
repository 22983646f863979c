"""This module owns the doors of the server: sign-in, kept pages, decisions, comments.

Every door asks first who stands before it and what that reader may see; what is not
named here does not exist.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import secrets
import traceback
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import tornado.web
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler

from opslib import places, words
from opslib.errors import OpslibError
from opslib.publish import gallery, record, report
from opslib.publish.dashboards.readers import COOKIE, DAYS, VISIT
from opslib.runs.keep import log
from opslib.runs.score import comments, decisions
from opslib.show import card
from opslib.warehouse import company as companies
from opslib.words import Text, catalogue

say = catalogue(__package__ or "opslib.publish.dashboards")
KINDS = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
MAIN = '<main class="ops ops-page">'
OTHERS = re.compile(r"<!--company ([^ ]+)-->(.*?)<!--/company-->")
CHARTS = re.compile(r'<script async src="([^"]+plotly[^"]+)"[^>]*></script>')
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; "
    "object-src 'none'"
)


def script_json(told: Any) -> str:
    """Return JSON that may stand within a script's tags."""
    return json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")


@cache
def _packed(script: Path, changed: int) -> bytes:
    return gzip.compress(script.read_bytes(), compresslevel=6, mtime=0)


class Page(JupyterHandler):
    """What every door has: who asks, where she may go, how a sentence is shown."""

    @property
    def content_security_policy(self) -> str:
        """What a page may load: from this server only."""
        return POLICY

    def set_default_headers(self) -> None:
        """Let nothing keep a page, and nobody frame it."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("X-Content-Type-Options", "nosniff")

    async def prepare(self, **_: Any) -> None:
        """Give a visit its id, so that a live page belongs to it alone."""
        await super().prepare()
        reader = self.request.reader
        self.visit = reader.session if reader else ""
        if reader and not self.visit:
            self.visit = secrets.token_hex(16)
            self.keep(VISIT, self.visit)
        self.xsrf_token  # noqa: B018  sets the cookie that forms send back

    @property
    def owner(self) -> tuple[str, str]:
        """Whose kernels those of this visit are."""
        return self.request.reader.name, self.visit

    @property
    def language(self) -> str:
        """The language that the browser asks for first, of those spoken here."""
        asked = self.request.headers.get("Accept-Language", "")
        return "zh" if asked.lower().startswith("zh") else "en"

    def keep(self, name: str, value: str) -> None:
        """Set a signed cookie that scripts cannot read and other sites cannot send."""
        self.set_signed_cookie(
            name, value, expires_days=DAYS, httponly=True, samesite="Lax",
            secure=self.request.protocol == "https",
        )  # fmt: skip

    def may_see(self, view: str) -> None:
        """Refuse a view that is not the reader's, as if it did not exist."""
        if view not in self.request.reader.views:
            raise tornado.web.HTTPError(404)

    def note(self, **told: Any) -> None:
        """Note what the access log shall say of this request."""
        self.request.noted = told

    def say_no(self, what: Text, status: int) -> None:
        """Show one plain sentence."""
        self.set_status(status)
        self.finish(report.sentence(what, self.language, back=say("All answers")))

    def write_error(self, status_code: int, **told: Any) -> None:
        """Show one plain sentence, with a reference where the log knows more."""
        if status_code < 500:
            late = say("This is not for you, or the page was open too long; go back and try again.")  # fmt: skip
            return self.say_no(late if status_code == 403 else say("There is no such page."), status_code)  # fmt: skip
        trace = traceback.format_exception(*(told.get("exc_info") or (None,) * 3))
        asked = f"{self.request.method} {self.request.path}"
        reference = log.note(
            "error", asked, exit="page failed", traceback="".join(trace)[-4000:]
        )
        what = say(
            "Something went wrong; the analyst finds why under {reference}.",
            reference=reference,
        )
        return self.say_no(what, status_code)

    def dressed(self, text: str, base: str, *, view: str, live: bool = False) -> str:
        """Return a kept page with what only a served one has.

        Args:
            text: The page, or its beginning.
            base: Folder that its links start from.
            view: Whose page it is.
            live: Whether a live part follows.
        """
        reader = self.request.reader
        names = gallery.reader_name(reader.department).to_dict()
        told = {
            "view": view,
            "department": reader.department,
            "owners": [*names.values(), reader.department],
            "name": reader.name,
            "out": say("Sign out").in_language(self.language),
        }
        head = (
            f'<html class="served{" with-kernel" if live else ""}" data-reader="{card.escape(json.dumps(told, ensure_ascii=False))}" ',
            f'<head><base href="{card.escape(base)}"><style>{report.template_file("served.css")}</style>'
            f"<script>{report.template_file('served.js')}</script>",
        )
        text = OTHERS.sub(lambda m: m[2] if m[1] in reader.views else "", text)
        text = text.replace("<html ", head[0], 1).replace("<head>", head[1], 1)
        text = text.replace(MAIN, f"{MAIN}<script>ops.bar()</script>", 1)
        return CHARTS.sub(r'<script>ops.charts="\1"</script>', text) if live else text


class Front(Page):
    """Answers `/`: the gallery of the first view that the reader may see."""

    def get(self) -> None:
        """Send her on; a key in the address signs in whoever started the server."""
        key = self.get_query_argument("key", "")
        cookie = self.settings["gatekeeper"].admit_owner(key) if key else ""
        if cookie:
            self.keep(COOKIE, cookie)
            return self.redirect("/")
        made = [
            v
            for v in self.request.reader.views
            if (places.gallery(v) / "index.html").is_file()
        ]
        if made:
            return self.redirect("/reports/" + places.gallery(made[0]).relative_to(places.reports()).joinpath("index.html").as_posix())  # fmt: skip
        return self.say_no(
            say("There are no answers yet; make them with opslib run."), 200
        )


class Kept(Page):
    """Answers `/reports/...`: kept pages and downloads of the reader's views."""

    def get(self, path: str) -> None:
        """Send a file, a page in served dress."""
        parts = Path(path).parts
        if not parts or ".." in parts or "\\" in path or "\0" in path:
            raise tornado.web.HTTPError(404)
        view = parts[0] if len(parts) > 1 else "demo"
        if view != "assets":
            self.may_see(view)
        home = places.reports().resolve()
        file = (home / path).resolve()
        if not file.is_relative_to(home) or file.suffix not in KINDS or not file.is_file():  # fmt: skip
            raise tornado.web.HTTPError(404)
        self.note(view=view, page=path)
        if file.suffix == ".html":
            base = "/reports/" + "".join(f"{quote(p)}/" for p in parts[:-1])
            return self.finish(self.dressed(file.read_text("utf-8"), base, view=view))
        self.set_header("Content-Type", KINDS[file.suffix])
        if file.suffix != ".js":
            self.set_attachment_header(file.name)
            return self.finish(file.read_bytes())
        self.set_header("Cache-Control", "private, max-age=86400")
        self.set_header("Content-Encoding", "gzip")
        return self.finish(_packed(file, file.stat().st_mtime_ns))


class SignIn(Page):
    """Answers `/sign-in`."""

    @allow_unauthenticated
    def get(self) -> None:
        """Show the form."""
        self._form("")

    @allow_unauthenticated
    async def post(self) -> None:
        """Let the reader in, or say that name and password do not fit."""
        name = self.get_body_argument("name", "")[:64]
        password = self.get_body_argument("password", "", strip=False)[:200]
        try:
            cookie = await asyncio.to_thread(
                self.settings["gatekeeper"].admit,
                name,
                password,
                self.request.remote_ip or "",
            )
        except PermissionError:
            self.set_status(429)
            return self._form(
                say("Too many tries; wait five minutes.").in_language(self.language)
            )
        if not cookie:
            self.set_status(403)
            return self._form(
                say("Name and password do not fit.").in_language(self.language)
            )
        self.keep(COOKIE, cookie)
        after = self.get_body_argument("next", "/")
        # Never to another server's address.
        return self.redirect(after if re.match(r"/(?![/\\])", after) and after.isprintable() else "/")  # fmt: skip

    def _form(self, wrong: str) -> None:
        told = {
            "title": say("Sign in"), "name": say("Name"), "password": say("Password"),
        }  # fmt: skip
        self.finish(
            report.environment().get_template("sign_in.html.j2").render(
                language=self.language, css=report.css(), wrong=wrong,
                next=self.get_argument("next", "/"), xsrf=self.xsrf_token.decode(),
                **{k: v.in_language(self.language) for k, v in told.items()},
            )
        )  # fmt: skip


class SignOut(Page):
    """Answers `/sign-out`."""

    async def post(self) -> None:
        """End the visit and its kernels."""
        owners = self.settings["owners"]
        for kernel in [k for k, owner in owners.items() if owner == self.owner]:
            del owners[kernel]
            if kernel in self.kernel_manager:
                await self.kernel_manager.shutdown_kernel(kernel, now=True)
        self.clear_cookie(COOKIE)
        self.clear_cookie(VISIT)
        self.redirect("/")


class Decide(Page):
    """Answers `/decide`: keeps what a reader decided about an action."""

    async def post(self) -> None:
        """Keep it and bring *Open actions* up to date, or say what is missing."""
        told = {k: self.get_body_argument(k, "")[:500] for k in ("view", "run", "action", "choice", "why", "until")}  # fmt: skip
        self.may_see(told["view"])
        try:
            action = int(told["action"]) if told["action"].isdigit() else 0
            line = decisions.decide(
                told["view"], told["run"], action, told["choice"],
                by=self.request.reader.name or "visitor", why=told["why"], until=told["until"],
            )  # fmt: skip
        except (OpslibError, ValueError) as error:
            self.set_status(400)
            said = error.sentence(self.language) if isinstance(error, OpslibError) else str(error)  # fmt: skip
            return self.finish({"said": said})
        self.note(view=told["view"], decided=f"{line['key']}/{action} {told['choice']}")
        main = companies.read(told["view"]).language
        await asyncio.to_thread(
            record.publish, told["view"], main, places.gallery(told["view"])
        )
        return self.finish({"said": say("Kept.").in_language(self.language)})


class Comment(Page):
    """Answers `/comment`: keeps a reader's words for the analyst."""

    def post(self) -> None:
        """Keep them."""
        told = {k: self.get_body_argument(k, "") for k in ("view", "run", "text")}
        self.may_see(told["view"])
        try:
            comments.add(told["view"], told["run"], told["text"], by=self.request.reader.name or "visitor")  # fmt: skip
        except OpslibError as error:
            self.set_status(400)
            return self.finish({"said": error.sentence(self.language)})
        self.note(view=told["view"], commented=told["run"])
        said = say("Kept; the analyst will read it.")
        return self.finish({"said": said.in_language(self.language)})


class Said(Page):
    """Answers `/said/<view>/<run>`: decisions and comments about a run."""

    def get(self, view: str, run: str) -> None:
        """Send them, oldest first."""
        self.may_see(view)
        language = self.get_query_argument("language", self.language)
        lines = [d for d in decisions.decided(view) if d["key"] == run]
        names = choices()
        self.finish(
            {
                "decisions": [
                    {"action": d["action"], "said": _decision(d, names, language)}
                    for d in lines
                ],
                "comments": [
                    {"by": c["by"], "when": c["when"][:16].replace("T", " "), "text": c["text"]}
                    for c in comments.of_run(view, run)
                ],
            }
        )  # fmt: skip


def choices() -> dict[str, Text]:
    """Return what may be decided, in words of the one who reads it."""
    return {
        "accept": say("accepted"), "change": say("changed"), "put-off": say("put off"),
        "refuse": say("refused"), "done": say("done"),
    }  # fmt: skip


def _decision(line: dict[str, Any], names: dict[str, Text], language: str) -> str:
    told = say(
        "{choice} by {who}, {day}",
        choice=names[line["choice"]],
        who=line["by"],
        day=words.day(line["when"][:10]),
    )
    more = [line["why"], line["until"] and words.day(line["until"]).in_language(language)]  # fmt: skip
    return "; ".join([told.in_language(language), *filter(None, more)])


class Alive(Page):
    """Answers `/alive/<kernel>`: whether a live page still has its kernel."""

    async def get(self, kernel: str) -> None:
        """Say 204 while it lives; the gate has checked whose it is."""
        manager = self.kernel_manager
        if kernel not in manager or not await manager.get_kernel(kernel).is_alive():
            raise tornado.web.HTTPError(404)
        self.set_status(204)
        self.finish()


class Nothing(Page):
    """Answers everything else: there is no such page."""

    def get(self) -> None:
        """Say so."""
        raise tornado.web.HTTPError(404)

    post = put = delete = get


class Outside(Page):
    """Answers whoever is not signed in."""

    @allow_unauthenticated
    def get(self) -> None:
        """Send a person to the sign-in, and a script away."""
        if "text/html" not in self.request.headers.get("Accept", ""):
            raise tornado.web.HTTPError(403)
        self.redirect(f"/sign-in?next={quote(self.request.uri or '/')}")

    @allow_unauthenticated
    def post(self) -> None:
        """Refuse."""
        raise tornado.web.HTTPError(403)

    put = delete = patch = options = head = post
