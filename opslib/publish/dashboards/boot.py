"""This module owns the scripts of the live part: Voila's, in one piece, while a kernel works.

Voila's own page asks for some ninety files, one wave after the other, once every cell
has run. Here they come as one file that starts right behind the kept report; it stands
still at its question for the kernel, which is answered when the cells have run.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.handlers import KernelHandler
from voila.utils import get_page_config

from opslib.publish.dashboards import doors

# The parts that a page with sliders asks for, by number; one that is not listed or is
# called otherwise in another version is fetched by Voila's loader as ever. A test in
# the browser counts what is still fetched.
PARTS = {
    "": """73 143 225 431 457 614 630 1187 1601 1621 1670 1996 2121 2296 2772 2829 2930
        3144 3249 3307 3311 3459 3649 3916 3989 3992 4041 4135 4173 4222 4371 4486 4653
        4729 4875 4972 5044 5312 5688 5764 5767 5992 6008 6049 6074 6305 6382 6468 6573
        7155 7245 7259 7393 7483 7556 7598 7770 7883 8017 8135 8487 8766 8773 8862 8925
        9081 9151 9212 9582 9684 9890 9981""",
    "@jupyter-widgets/jupyterlab-manager": "7 32 84 121 160 170 452 704 718 967",
    "@voila-dashboards/widgets-manager8": "496 883",
}
LONGEST_WAIT = 600


@cache
def bundle(static: tuple[str, ...], extensions: tuple[str, ...]) -> tuple[str, bytes]:
    """Return the scripts in one piece, compressed, and the name that their content gives.

    Args:
        static: Folders of Voila's own scripts.
        extensions: Folders of extensions.
    """
    found = []
    for name, numbers in PARTS.items():
        folders = [Path(e) / name / "static" for e in extensions] if name else [Path(s) for s in static]  # fmt: skip
        found += [
            file
            for number in numbers.split()
            for folder in folders
            for file in sorted(folder.glob(f"{number}.*.js"))[:1]
        ]
    for last in ("voila-style.js", "voila.js"):
        found += [p for p in (Path(s) / last for s in static) if p.is_file()][:1]
    text = "\n;".join(p.read_text("utf-8") for p in found)
    packed = gzip.compress(text.encode(), compresslevel=6, mtime=0)
    return hashlib.sha256(packed).hexdigest()[:16], packed


def start(handler: Any, kernel: str) -> str:
    """Return what makes a page load the scripts for a kernel that will be there."""
    settings = handler.settings
    told = get_page_config(
        base_url="/", settings=settings, log=handler.log, voila_configuration=settings["told"],
    ) | {"baseUrl": "/", "kernelId": kernel}  # fmt: skip
    name, _ = bundle(*settings["scripts"])
    entries = [
        f"/voila/labextensions/{e['name']}/{e['load']}"
        for e in told["federated_extensions"]
    ]
    return (
        f'<script id="jupyter-config-data" type="application/json">{doors.script_json(told)}</script>'
        f"<script>ops.kernel({json.dumps(kernel)});ops.boot({json.dumps(f'/voila/scripts/{name}.js')},{json.dumps(entries)})</script>"
    )


class Scripts(doors.Page):
    """Answers `/voila/scripts/<name>.js`: all scripts; the name changes with them."""

    def get(self, name: str) -> None:
        """Send them, to be kept by the browser."""
        known, packed = bundle(*self.settings["scripts"])
        if name != known:
            return self.say_no(doors.say("There is no such page."), 404)
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Content-Encoding", "gzip")
        return self.finish(packed)


class Ready(KernelHandler):
    """Answers the scripts' question for a page's kernel, once its cells have run."""

    async def get(self, kernel_id: str) -> None:
        """Wait, then say what the kernel is."""
        cells = self.settings["cells"].get(kernel_id)
        if cells is not None:
            await asyncio.wait({cells}, timeout=LONGEST_WAIT)
        await super().get(kernel_id)
