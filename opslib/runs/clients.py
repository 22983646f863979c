"""This module owns how a kernel is spoken to: over private sockets, without idle waits."""

from __future__ import annotations

import contextlib
import time
import uuid
from queue import Empty

from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from traitlets import default

from opslib.runs import kernels


class Prompt(AsyncKernelClient):
    """A client that works as soon as the kernel has answered, on both its channels.

    Jupyter's own waits until nothing has come for a fifth of a second.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait for the answer to our question and for the kernel's rest after it."""
        until = time.monotonic() + (float("inf") if timeout is None else timeout)
        while True:
            asked = self.kernel_info()
            with contextlib.suppress(Empty):
                told = await self.shell_channel.get_msg(timeout=1)
                if told["msg_type"] == "kernel_info_reply" and await self._rests(asked):
                    self._handle_kernel_info_reply(told)
                    return
            if not await self._async_is_alive():
                msg = "Kernel died before replying to kernel_info"
                raise RuntimeError(msg)
            if time.monotonic() > until:
                msg = f"Kernel didn't respond in {timeout} seconds"
                raise RuntimeError(msg)

    async def _rests(self, asked: str) -> bool:
        while True:
            told = await self.iopub_channel.get_msg(timeout=0.2)
            idle = told["content"].get("execution_state") == "idle"
            if idle and told["parent_header"].get("msg_id") == asked:
                return True


class Manager(AsyncKernelManager):
    """A kernel manager that opens no network port and waits for nothing."""

    @default("transport")
    def _transport_default(self) -> str:
        return "ipc"

    @default("ip")
    def _ip_default(self) -> str:
        """Give every kernel sockets of its own; Jupyter's default name is shared."""
        return str(kernels.private_folder() / f"k-{uuid.uuid4().hex[:12]}")

    @default("client_factory")
    def _client_factory_default(self) -> type:
        return Prompt
