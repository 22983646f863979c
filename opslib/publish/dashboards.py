"""This module owns the dashboards: the plain Voila server on the notebooks.

It listens on this machine only, shows no code and no traceback, and starts kernels
forked from a warmed parent.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from opslib import places
from opslib.runs import kernels
from opslib.show import theme


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
        "--VoilaConfiguration.template=opslib",
        "--VoilaConfiguration.allow_template_override=NO",
        "--VoilaConfiguration.allow_theme_override=NO",
        "--VoilaConfiguration.show_tracebacks=False",
        "--VoilaConfiguration.language_kernel_mapping={'python': '" + kernels.NAME + "'}",
        f"--VoilaExecutor.cell_error_instruction={sorry}",
        "--VoilaExecutor.timeout=120",
        "--TagRemovePreprocessor.enabled=True",
        "--TagRemovePreprocessor.remove_cell_tags={'lab-only'}",
        "--MappingKernelManager.cull_interval=60",
        "--MappingKernelManager.cull_idle_timeout=900",
        "--MappingKernelManager.cull_connected=True",
        f"--MultiKernelManager.default_kernel_name={kernels.NAME}",
    ]  # fmt: skip


def write_template() -> Path:
    """Write Voila's page without its links to content networks; return the folder."""
    ours = places.root() / ".cache" / "jupyter" / "voila" / "templates" / "opslib"
    ours.mkdir(parents=True, exist_ok=True)
    theirs = Path(sys.prefix) / "share" / "jupyter" / "voila" / "templates"
    style = f"<style>{theme.css()}#rendered_cells{{max-width:1000px;margin:0 auto;padding:8px 16px}}.jp-RenderedHTMLCommon{{font-family:{theme.FONT}}}</style>"
    for file in [*theirs.glob("lab/*.*"), theirs / "base" / "page.html"]:
        text = re.sub(
            r"<(link|script)[^>]*https?://[^>]*>(</script>)?",
            "",
            file.read_text("utf-8"),
        )
        text = text.replace("voila/templates/base/page.html", "plain_page.html")
        text = text.replace("{{ spinner.css() }}", "{{ spinner.css() }}" + style, 1)
        name = "plain_page.html" if file.parent.name == "base" else file.name
        (ours / name).write_text(text, "utf-8")
    (ours / "conf.json").write_text(json.dumps({"base_template": "lab"}))
    return ours


def serve(port: int) -> int:
    """Serve until stopped; return the server's exit code."""
    write_template()
    kernels.install()
    kernels.warm()
    env = {**os.environ, "OPSLIB_HOME": str(places.root())}
    try:
        return subprocess.call(command(port), env=env, cwd=places.root())
    except KeyboardInterrupt:
        return 0
