"""This package owns the dashboards: the same notebooks as pages that answer.

`serve` starts the server. It listens on this machine unless told otherwise, and never
on another address without readers who sign in.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opslib import places
from opslib.errors import ContractError
from opslib.words import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

say = catalogue(__package__ or "opslib.publish.dashboards")


def serve(
    port: int,
    *,
    address: str = "127.0.0.1",
    idle: int = 900,
    tell: Callable[[str], object] = print,
) -> int:
    """Serve until stopped; return the exit code.

    Args:
        port: Port, 1024 to 65535.
        address: Address to listen on; another machine's reach needs readers.
        idle: Seconds without a turned slider after which a live page's kernel ends.
        tell: Gets the address to open.

    Raises:
        ContractError: Others could reach the server and nobody is kept as a reader.
        ValueError: The port is not one that a user may open.
    """
    if not 1024 <= port <= 65535:
        msg = f"port is {port}; it must lie in [1024, 65535], such as 8866"
        raise ValueError(msg)
    from opslib.publish.dashboards import app, readers
    from opslib.runs import kernels

    if not app._is_local(address) and not readers.known():
        raise ContractError(
            say(
                "{address} can be reached by others, and nobody has to sign in; keep a reader first: opslib reader NAME --view demo",
                address=address,
            )
        )  # fmt: skip
    os.environ["OPSLIB_HOME"] = str(places.root())
    kernels.install()
    kernels.warm()
    app.write_template()
    server = app.Dashboards(config=app.settings(address, port, idle))
    server.initialize(argv=[])
    server.tell = tell
    server.start()
    return 0
