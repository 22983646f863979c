"""This module owns the dashboards: the plain Voila server on the notebooks.

It listens on this machine only, shows no code and no traceback, and starts kernels
forked from a warmed parent.
"""

from __future__ import annotations

import os
import subprocess
import sys

from opslib import places
from opslib.runs import kernels


def command(port: int, root: str = "") -> list[str]:
    """Return the command that starts the server.

    Raises:
        ValueError: The port is not one that a user may open.
    """
    if not 1024 <= port <= 65535:
        msg = f"port is {port}; it must lie in [1024, 65535], such as 8866"
        raise ValueError(msg)
    sorry = "This page could not be made; the analyst has the reason in the log."
    return [
        sys.executable, "-m", "voila", root or str(places.notebooks()),
        "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1",
        "--VoilaConfiguration.template=lab",
        "--VoilaConfiguration.allow_template_override=NO",
        "--VoilaConfiguration.allow_theme_override=NO",
        "--VoilaConfiguration.show_tracebacks=False",
        "--VoilaConfiguration.file_allowlist=[]",
        f"--VoilaExecutor.cell_error_instruction={sorry}",
        "--VoilaExecutor.timeout=120",
        "--TagRemovePreprocessor.enabled=True",
        "--TagRemovePreprocessor.remove_cell_tags={'lab-only'}",
        "--MappingKernelManager.cull_interval=60",
        "--MappingKernelManager.cull_idle_timeout=900",
        "--MappingKernelManager.cull_connected=True",
        f"--MultiKernelManager.default_kernel_name={kernels.NAME}",
    ]  # fmt: skip


def serve(port: int) -> int:
    """Serve until stopped; return the server's exit code."""
    kernels.install()
    kernels.warm()
    env = {**os.environ, "OPSLIB_HOME": str(places.root())}
    try:
        return subprocess.call(command(port), env=env, cwd=places.root())
    except KeyboardInterrupt:
        return 0
