"""This module owns the readers of the dashboards: who they are and what they may open.

They stand in `data/readers.toml`, which is not in git: a hashed password, the views
they may open (`demo`, or `demo@north` for one scope of it), their department, and
whether they may see names of people. Someone who is not in it is let in only on the
machine itself, and there sees the demonstration company; the address that the server
prints holds a key for whoever started it.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import secrets
import time
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tornado.web
from jupyter_server.auth.identity import IdentityProvider, User

from opslib import places
from opslib.errors import ContractError
from opslib.runs import manifest
from opslib.warehouse import access
from opslib.words import catalogue

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.publish.dashboards")
COOKIE, VISIT = "opslib-reader", "opslib-visit"
DAYS, KEY_BYTES = 7, 32
TRIES, PAUSE_SECONDS = 5, 300
_COST = {"n": 2**14, "r": 8, "p": 1}
_WORDS = {"password", "views", "department", "personal"}


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Someone who asks for pages.

    Attributes:
        name: Sign-in name; empty for a visitor on this machine.
        views: What may be opened, such as `demo@north`.
        department: Whose open actions are shown first.
        personal: Whether names, phones and addresses may be seen.
        session: Id of this browser's visit; a live page belongs to one visit.
    """

    name: str
    views: tuple[str, ...]
    department: str = ""
    personal: bool = False
    session: str = ""


def known() -> dict[str, dict[str, Any]]:
    """Return the readers by name, as the file tells them.

    Raises:
        ContractError: The file is no TOML or holds a word that means nothing.
    """
    told = _file()
    return {n: t for n, t in told.items() if n != "proxy"}


def views_of(company: str) -> list[str]:
    """Return the parts of a company that some reader may open, such as `demo@north`."""
    named = {v for told in known().values() for v in told.get("views", ())}
    return sorted(v for v in named if v.startswith(f"{company}@"))


def _file() -> dict[str, dict[str, Any]]:
    path = _path()
    if not path.is_file():
        return {}
    return _read(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _read(path: Path, changed: int) -> dict[str, dict[str, Any]]:
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ContractError(say("readers.toml: {what}", what=str(error))) from None
    for name, words in told.items():
        odd = set(words) - (_WORDS if name != "proxy" else {"header", "secret"})
        if odd:
            raise ContractError(
                say(
                    "readers.toml: {name} says {word}, which means nothing here",
                    name=name,
                    word=", ".join(sorted(odd)),
                )
            )
    return told


def add(
    name: str,
    password: str,
    views: list[str],
    *,
    department: str = "",
    personal: bool = False,
) -> None:
    """Keep a reader, or change one who is there.

    Args:
        name: Sign-in name: small letters, digits, `-` and `_`.
        password: At least ten characters; only its hash is kept.
        views: What may be opened, such as `demo` or `demo@north`.
        department: Department, such as `marketing`.
        personal: Whether names of people may be seen.

    Raises:
        ContractError: The password is short, or the name stands for something else.
        MissingDataError: A view names a scope that the company does not have.
    """
    places.company_name(name)
    if name == "proxy" or "@" in name or len(password) < 10:
        raise ContractError(
            say("a reader needs another name, or a password of ten characters or more")
        )
    for view in views:
        access.scope_of(view)
    told = _file()
    told[name] = {
        "password": hashed(password),
        "views": views,
        "department": department,
        "personal": personal,
    }
    _write(told)


def remove(name: str) -> None:
    """Forget a reader; her sign-in ends with it.

    Raises:
        ContractError: There is no such reader.
    """
    told = dict(_file())
    if name == "proxy" or told.pop(name, None) is None:
        raise ContractError(say("there is no reader {name}", name=repr(name)))
    _write(told)


def hashed(password: str, salt: bytes = b"") -> str:
    """Return a password's hash with its salt; slow on purpose."""
    salt = salt or secrets.token_bytes(16)
    told = hashlib.scrypt(password.encode(), salt=salt, **_COST)
    return f"scrypt${salt.hex()}${told.hex()}"


def fits(password: str, kept: str) -> bool:
    """Return whether a password is the one of a hash."""
    salt = bytes.fromhex(kept.split("$")[1])
    return hmac.compare_digest(hashed(password, salt), kept)


def secret() -> bytes:
    """Return the secret that signs sign-ins; it outlives the server."""
    path = places.data() / "keys" / "dashboards.key"
    with manifest.alone("dashboards-key"):  # two servers that start agree on one
        if not path.is_file() or path.stat().st_size < KEY_BYTES:
            places.put(path, secrets.token_bytes(KEY_BYTES), 0o600)
        return path.read_bytes()


class Gatekeeper:
    """Tells who asks, from the sign-in, a trusted proxy, or the machine itself."""

    def __init__(self, *, local: bool) -> None:
        """Begin; `local` says that only this machine can reach the server."""
        self.local, self.key, self.secret = local, secrets.token_urlsafe(24), secret()
        self._failed: dict[tuple[str, str], list[float]] = {}

    def of(self, request: Any) -> Reader | None:
        """Return the reader who sent a request, or None."""
        told = self._signed(request, COOKIE)
        if told:
            name, _, rest = told.partition(":")
            mark, _, session = rest.partition(":")
            if name == "owner" and mark == "key" and self.local and not known():
                return self._owner(session)
            kept = known().get(name)
            if kept and hmac.compare_digest(mark, _mark(kept)):
                return _reader(name, kept, session)
        name = self._proxied(request)
        if name in known():
            return _reader(name, known()[name], self._signed(request, VISIT))
        if self.local and not known():
            return Reader(
                name="", views=("demo",), session=self._signed(request, VISIT)
            )
        return None

    def admit(self, name: str, password: str, address: str) -> str:
        """Return what the cookie of a sign-in holds, or an empty text.

        Raises:
            PermissionError: Too many wrong passwords were tried; wait.
        """
        now, failed = time.monotonic(), self._failed
        self._failed = {k: v for k, v in failed.items() if now - v[-1] < PAUSE_SECONDS}
        if len(self._failed.get((name, address), [])) >= TRIES:
            msg = "too many wrong passwords; wait five minutes"
            raise PermissionError(msg)
        kept = known().get(name)
        # An unknown name takes as long as a known one, so that time tells nothing.
        right = fits(password, kept["password"] if kept else "scrypt$00$00")
        if not (kept and right):
            self._failed.setdefault((name, address), []).append(now)
            return ""
        self._failed.pop((name, address), None)
        return f"{name}:{_mark(kept)}:{secrets.token_hex(16)}"

    def admit_owner(self, key: str) -> str:
        """Return the cookie of whoever started the server, or an empty text."""
        right = self.local and not known() and hmac.compare_digest(key, self.key)
        return f"owner:key:{secrets.token_hex(16)}" if right else ""

    def _owner(self, session: str) -> Reader:
        views = [p.stem for p in sorted(places.data().glob("warehouse/*.duckdb"))]
        return Reader(name="owner", views=tuple(views), personal=True, session=session)

    def _signed(self, request: Any, name: str) -> str:
        kept = request.cookies.get(name)
        told = kept and tornado.web.decode_signed_value(
            self.secret, name, kept.value, max_age_days=DAYS
        )
        return told.decode() if told else ""

    def _proxied(self, request: Any) -> str:
        """Return the name that a trusted proxy signed: `name:expires:signature`."""
        proxy = _file().get("proxy")
        told = request.headers.get(proxy["header"], "") if proxy else ""
        if not proxy or told.count(":") != 2:
            return ""
        name, until, signature = told.split(":")
        right = hmac.new(
            proxy["secret"].encode(), f"{name}:{until}".encode(), "sha256"
        ).hexdigest()
        fresh = until.isdigit() and time.time() < int(until) < time.time() + 3600
        return name if fresh and hmac.compare_digest(signature, right) else ""


class Known(IdentityProvider):
    """Hands Jupyter's own handlers the reader whom the gate has found."""

    def get_user(self, handler: Any) -> User | None:
        """Return the reader as Jupyter names one."""
        reader = getattr(handler.request, "reader", None)
        return User(username=reader.name or "visitor") if reader else None

    def get_handlers(self) -> list[Any]:
        """Return no handlers: sign-in is ours."""
        return []


def _reader(name: str, kept: dict[str, Any], session: str) -> Reader:
    return Reader(
        name=name,
        views=tuple(kept.get("views", ())),
        department=kept.get("department", ""),
        personal=bool(kept.get("personal")),
        session=session,
    )


def _mark(kept: dict[str, Any]) -> str:
    """Return what ends a sign-in when the password or what may be seen changes."""
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _path() -> Path:
    return places.data() / "readers.toml"


def _write(told: dict[str, dict[str, Any]]) -> None:
    lines = [
        line
        for name, words in told.items()
        for line in (
            f"[{name}]",
            *(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in words.items()),
            "",
        )
    ]
    places.put(_path(), "\n".join(lines), 0o600)
