"""This module owns the scripts of the live part: Voila's, in one piece, while a kernel works.

Voila's own page asks for some ninety files, one wave after the other, once every cell
has run. Here they come as one file that starts right behind the kept report, connects to the
kernel as soon as there is one, and shows its widgets when the cells have run.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from voila.utils import get_page_config

from opslib.publish.dashboards import doors

# The parts that a page with sliders asks for, by number; one that is not listed or is
# called otherwise in another version is fetched by Voila's loader as ever. A test tells
# whether all of them were found and how large they are together.
PARTS = {
    "": """143 431 1621 1670 3311 3459 3649 3916 3989 3992 4041 4135 4729 5312 5688
        5764 6049 6382 6468 6573 7155 7483 7556 7883 8135 8487 8766 8925
        9151 9212 9582 9684 9890 9981""",
    "@jupyter-widgets/jupyterlab-manager": "7 32 84 121 160 170 452 704 718 967",
    "@voila-dashboards/widgets-manager8": "496 883",
}
# Voila starts with all of JupyterLab that an extension might ask for: half of its
# scripts. What sliders have no use for is answered by an object that has every name.
LEFT_OUT = (
    "@jupyterlab/codemirror", "@jupyterlab/codemirror-extension", "@jupyterlab/console",
    "@jupyterlab/docregistry", "@jupyterlab/javascript-extension",
    "@jupyterlab/json-extension", "@jupyterlab/logconsole", "@jupyterlab/mainmenu",
    "@jupyterlab/markedparser-extension", "@jupyterlab/mathjax-extension",
    "@jupyterlab/mathjax2-extension", "@jupyterlab/notebook",
    "@jupyterlab/settingregistry", "@jupyterlab/vega5-extension", "@lumino/datagrid",
    "react-dom",
)  # fmt: skip
_SHARED = r'i\("({})","([\d.]+)",\(\(\)=>(?:(?!i\(").)*?x\(\d+\)\)\)\)\)'.format("|".join(LEFT_OUT))  # fmt: skip
EARLY = {
    'window.addEventListener("load",(async function(){const': "ops.start((async function(){const",
    "e.started.then((()=>{": "Promise.all([e.started,ops.told]).then((()=>{",
}


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
    text = early("\n;".join(p.read_text("utf-8") for p in found))
    packed = gzip.compress(text.encode(), compresslevel=6, mtime=0)
    return hashlib.sha256(packed).hexdigest()[:16], packed


def early(text: str) -> str:
    """Return Voila's scripts, made to start at once instead of when the page is whole.

    They connect to the kernel while it works, and look for widgets when the page says
    that all are there. In a version that is written otherwise they start as ever.
    """
    if all(text.count(before) == 1 for before in EARLY):
        text = re.sub(_SHARED, r'i("\1","\2",(()=>Promise.resolve((()=>ops.none))))', text)  # fmt: skip
        for before, after in EARLY.items():
            text = text.replace(before, after)
    return text


def start(handler: Any, kernel: str) -> str:
    """Return what makes a page load the scripts for a kernel that will be there."""
    settings = handler.settings
    told = get_page_config(
        base_url="/", settings=settings, log=handler.log, voila_configuration=settings["told"],
    ) | {"baseUrl": "/", "kernelId": kernel}  # fmt: skip
    entries = [
        f"/voila/labextensions/{e['name']}/{e['load']}"
        for e in told["federated_extensions"]
    ]
    return (
        f'<script id="jupyter-config-data" type="application/json">{doors.script_json(told)}</script>'
        f"<script>ops.boot({json.dumps('/voila/scripts/' + bundle(*settings['scripts'])[0] + '.js')},{json.dumps(entries)})</script>"
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
