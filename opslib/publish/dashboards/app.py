"""This module owns the server: Voila's, with our doors only and a gate before them.

Of Voila it keeps the renderer, the kernels and the widgets' scripts. Its trees, files,
contents, pre-heating and overrides of template and theme are not there.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import tempfile
from typing import TYPE_CHECKING, Any

import tornado.web
from jupyter_server.base.handlers import FileFindHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from tornado.ioloop import PeriodicCallback
from traitlets.config import Config
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import MultiStaticFileHandler

from opslib import places
from opslib.publish import report
from opslib.publish.dashboards import boot, doors, live, logs, readers, wire
from opslib.runs import clients, kernels

if TYPE_CHECKING:
    from pathlib import Path

READY_MS = 1000
OPEN = ("/sign-in",)
KERNEL = r"(?P<kernel_id>[0-9a-f-]{36})"
_WHOSE = re.compile(
    r"/(?:api/kernels|voila/api/shutdown|alive)/([0-9a-f-]{36})(?:/.*)?$"
)


class Kernel(clients.Manager, ServerKernelManager):
    """A kernel of a page; it opens no network port."""


class Gate(tornado.web.Application):
    """Looks at every request before any door does."""

    def find_handler(self, request: Any, **told: Any) -> Any:
        """Return the door of a request, or the one that sends its sender away."""
        request.reader = self.settings["gatekeeper"].of(request)
        if self.settings["local"] and not _is_local(request.host_name):
            request.reader = None
            told = {"status_code": 403}
            return self.get_handler_delegate(request, tornado.web.ErrorHandler, told)
        if request.reader is None and request.path not in OPEN:
            return self.get_handler_delegate(request, doors.Outside)
        whose = _WHOSE.match(request.path)
        mine = whose and self._owns(request, whose[1])
        if whose and not mine:
            return self.get_handler_delegate(request, doors.Nothing)
        return super().find_handler(request, **told)

    def _owns(self, request: Any, kernel: str) -> bool:
        reader = request.reader
        owner = (reader.name, reader.session)
        return bool(reader.session) and self.settings["owners"].get(kernel) == owner


def _is_local(host: str) -> bool:
    """Return whether a request names this machine, so that no other site's name leads here."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Dashboards(Voila):
    """Voila's server with our doors."""

    gatekeeper: Any = None
    tell: Any = print

    def init_settings(self) -> dict[str, Any]:
        """Return Voila's settings with ours."""
        self.gatekeeper = readers.Gatekeeper(local=_is_local(self.ip))
        self.cookie_secret = self.gatekeeper.secret
        settings = super().init_settings()
        self.kernel_manager.allowed_message_types = [*wire.ASKED, "comm_open", "comm_msg"]  # fmt: skip
        return {
            **settings,
            "xsrf_cookies": True,
            "compress_response": True,
            "gatekeeper": self.gatekeeper,
            "local": self.gatekeeper.local,
            "owners": {},
            "cells": {},
            "ready": "",
            "scripts": (tuple(self.static_paths), tuple(self.labextensions_path)),
            "turn": asyncio.Semaphore(live.AT_ONCE),
            "told": self.voila_configuration,
            "template_paths": self.template_paths,
            "config": self.config,
            "log_function": logs.write,
            "default_handler_class": doors.Nothing,
            "websocket_max_message_size": 2 * wire.LONGEST,
        }

    def init_handlers(self) -> list[Any]:
        """Return our doors, and Voila's scripts."""
        view = r"([a-z0-9_-]+(?:@[a-z0-9_-]+)?)"
        return [
            (r"/", doors.Front),
            (r"/sign-in", doors.SignIn),
            (r"/sign-out", doors.SignOut),
            (r"/reports/(.*)", doors.Kept),
            (rf"/live/{view}/([a-z]+/[a-z0-9_]+)", live.LivePage),
            (r"/decide", doors.Decide),
            (r"/comment", doors.Comment),
            (rf"/said/{view}/([0-9a-f]+)", doors.Said),
            (r"/alive/([0-9a-f-]{36})", doors.Alive),
            (rf"/api/kernels/{KERNEL}", KernelHandler),
            (rf"/api/kernels/{KERNEL}/channels", KernelWebsocketHandler),
            (rf"/voila/api/shutdown/{KERNEL}", VoilaShutdownKernelHandler),
            (r"/voila/scripts/([0-9a-f]+)\.js", boot.Scripts),
            (r"/voila/labextensions/(.*)", FileFindHandler, {"path": self.labextensions_path, "no_cache_paths": []}),
            (r"/voila/static/(.*)", MultiStaticFileHandler, {"paths": self.static_paths, "default_filename": "index.html"}),
        ]  # fmt: skip

    def start(self) -> None:
        """Listen, behind the gate, until stopped."""
        self.connection_dir = tempfile.mkdtemp(prefix="opslib_")
        self.app = Gate(**self.init_settings())
        self.app.add_handlers(".*$", self.init_handlers())
        PeriodicCallback(
            lambda: live.keep_ready(self.app.settings, self.kernel_manager), READY_MS
        ).start()
        self.tell(self.display_url)
        self.listen()

    @property
    def display_url(self) -> str:
        """The address that lets whoever started the server in."""
        key = "" if readers.known() or not self.gatekeeper.local else f"?key={self.gatekeeper.key}"  # fmt: skip
        return f"http://{self.ip}:{self.port}/{key}"


def settings(address: str, port: int, idle: int) -> Config:
    """Return the configuration of the server."""
    return Config({
        "Voila": {
            "ip": address, "port": port, "port_retries": 0, "open_browser": False,
            "root_dir": str(places.notebooks()), "log_level": "WARN",
            "config_file_paths": [], "identity_provider_class": readers.Known,
            "kernel_websocket_connection_class": wire.Wire,
        },
        "VoilaConfiguration": {
            "template": "opslib",
            "allow_template_override": "NO", "allow_theme_override": "NO",
            # Tracebacks reach our template only, which logs them under a reference.
            "show_tracebacks": True, "strip_sources": True,
            "extension_allowlist": [
                "@voila-dashboards/widgets-manager8",
                "@jupyter-widgets/jupyterlab-manager",
            ],
        },
        "VoilaExecutor": {"timeout": 600},
        "MultiKernelManager": {
            "default_kernel_name": kernels.NAME,
            "kernel_manager_class": f"{__name__}.Kernel",
        },
        # A kernel that died is not replaced by an empty one: the page says so and asks.
        "KernelManager": {"autorestart": False},
        "MappingKernelManager": {
            "cull_interval": min(60, idle), "cull_idle_timeout": idle,
            "cull_connected": True, "buffer_offline_messages": False,
        },
    })  # fmt: skip


def write_template() -> Path:
    """Put the house's template where Voila looks; return its folder."""
    ours = places.root() / ".cache" / "jupyter" / "voila" / "templates" / "opslib"
    ours.mkdir(parents=True, exist_ok=True)
    (ours / "index.html.j2").write_text(report.template_file("live.html.j2"), "utf-8")
    (ours / "conf.json").write_text(json.dumps({"base_template": "base"}), "utf-8")
    return ours
