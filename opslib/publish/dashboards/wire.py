"""This module owns what may pass between a browser and its kernel.

A page needs little: the browser asks for the widgets, turns a slider, presses a button;
the kernel says what changed. Everything else is dropped, in both directions, whatever a
browser that is not ours may send and whatever a kernel may print.
"""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
)
from jupyter_server.services.kernels.connection.channels import (
    ZMQChannelsWebsocketConnection,
)

LONGEST = 64_000
PARTS = 6
FORM = "v1.kernel.websocket.jupyter.org"
ASKED = ("kernel_info_request", "comm_info_request", "comm_close")
TURNED = {"value", "_view_count"}
TOLD = {
    "status",
    "comm_open",
    "comm_msg",
    "comm_close",
    "comm_info_reply",
    "kernel_info_reply",
}


class Wire(ZMQChannelsWebsocketConnection):
    """The connection of one page to its kernel, narrowed to what pages need.

    It opens while the kernel still works: questions about widgets wait until the last
    cell has run, and what the kernel says of them before is not passed on, since the
    answers tell it whole.
    """

    def connect(self) -> Any:
        """Connect, and let no small message wait for the receipt of the one before."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        """Pass a message from the browser on, or drop it."""
        if not passes(incoming_msg):
            self.log.warning("dropped what a browser sent to kernel %s", self.kernel_id)
        elif (cells := self._cells()) and b'"comm_' in incoming_msg:
            cells.add_done_callback(lambda _: self._pass_on(incoming_msg))
        else:
            self._pass_on(incoming_msg)

    def _pass_on(self, told: bytes) -> None:
        """Pass a message on while the browser is there; in another form it would be misread."""
        if self.subprotocol == FORM:
            super().handle_incoming_message(told)

    def _cells(self) -> Any:
        """Return what will tell that the page's cells have run, or None if they have."""
        return self.websocket_handler.settings["cells"].get(self.kernel_id)

    def handle_outgoing_message(self, stream: str, outgoing_msg: list[Any]) -> None:
        """Pass a message from the kernel on, or drop it; an error goes to the log."""
        _, parts = self.session.feed_identities(list(outgoing_msg))
        kind = self.session.unpack(parts[1])["msg_type"]
        if kind in TOLD and not (kind.startswith("comm_") and self._cells()):
            super().handle_outgoing_message(stream, outgoing_msg)
        elif kind == "error":
            told = self.session.unpack(parts[4]).get("traceback", [])
            self.log.error("kernel %s: %s", self.kernel_id, "\n".join(told))


def passes(sent: object) -> bool:
    """Return whether a message from a browser is one that a page needs.

    Args:
        sent: The message as it came, in the form of
            `v1.kernel.websocket.jupyter.org`; any other form is refused.

    Example:
        >>> passes('{"channel": "shell", "header": {"msg_type": "execute_request"}}')
        False
    """
    if not isinstance(sent, bytes) or len(sent) > LONGEST:
        return False
    if int.from_bytes(sent[:8], "little") != PARTS:
        return False  # a forged count would keep the server counting for ever
    try:
        channel, parts = deserialize_msg_from_ws_v1(sent)
        if channel != "shell":
            return False
        kind, content = json.loads(parts[0])["msg_type"], json.loads(parts[3])
        if kind in ASKED:
            return True
        if kind == "comm_open":
            return content["target_name"] == "jupyter.widget.control"
        return kind == "comm_msg" and _turns(content["data"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return False


def _turns(data: dict[str, Any]) -> bool:
    """Return whether a message to a widget asks, turns or presses, and no more."""
    if data["method"] in ("request_state", "request_states"):
        return True
    if data["method"] == "custom":
        return data["content"] == {"event": "click"}
    state = data["state"]
    plain = all(isinstance(v, int | float | None) for v in state.values())
    return data["method"] == "update" and set(state) <= TURNED and plain
