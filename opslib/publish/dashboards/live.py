"""This module owns the live page: the kept report at once, the live part behind it.

The report of the same parameters is sent whole before a kernel starts. Where it is the
answer to the present data, only what a page needs to turn its sliders is worked out
again; where it is older, or there is none, the page is made anew and takes its place.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import re
import traceback
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import nbformat
from tornado.iostream import StreamClosedError
from voila.notebook_renderer import NotebookRenderer

from opslib import places, words
from opslib.errors import OpslibError
from opslib.publish import report
from opslib.publish.dashboards import books, boot, doors
from opslib.publish.dashboards.doors import Page
from opslib.runs import kernels, keys, listing, manifest, parameters
from opslib.runs.keep import log
from opslib.show import card
from opslib.warehouse import company as companies
from opslib.warehouse import read_stamp
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from opslib.publish.dashboards.readers import Reader

say = catalogue(__package__ or "opslib.publish.dashboards")
AT_ONCE, MOST_OF_ONE, MOST = 2, 3, 30
LIFE_SIGN_SECONDS = 5
_ENV = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "JUPYTER_PATH",
        "PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a page was asked for, checked.

    Attributes:
        entry: The notebook.
        view: Company, or one scope of it.
        values: Every parameter's value.
        language: `en` or `zh`.
        setting: Where sliders stand at first, by name.
        kept: Folder of the report of these parameters, or None.
        fresh: Whether that report answers the present data.
    """

    entry: listing.Entry
    view: str
    values: dict[str, Any]
    language: str
    setting: dict[str, float] = field(default_factory=dict)
    kept: Path | None = None
    fresh: bool = False


def wish(view: str, name: str, asked: dict[str, str]) -> Wish:
    """Return what an address asks for.

    Args:
        view: The view, already known to be the reader's.
        name: `room/notebook`.
        asked: The rest of the address: parameters, `language`, and `set.` with a
            slider's name.

    Raises:
        KeyError: There is no such notebook.
        ParameterError: A parameter is unknown, of the wrong type or out of range.
    """
    entry = listing.entries()[name]
    language = asked.pop("language", "") or companies.read(view).language
    language = language if language in words.LANGUAGES else "en"
    setting = {k[4:]: asked.pop(k) for k in list(asked) if k.startswith("set.")}
    known = parameters.declared(entry.path)
    values = parameters.resolve(known, {**asked, "company": view})
    stamp = read_stamp(view)
    key = keys.run_key(entry, values, view, stamp)
    kept = _kept(view, name, values, key)
    return Wish(
        entry=entry, view=view, values=values, language=language,
        setting={k: float(v) for k, v in setting.items() if re.fullmatch(r"-?\d{1,14}(\.\d+)?(e-\d{1,2})?", v)},
        kept=places.reports() / kept["folder"] if kept else None,
        fresh=bool(kept and kept["key"] == key),
    )  # fmt: skip


def _kept(view: str, name: str, values: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the manifest of the report to show at once, or an empty one."""
    runs = [
        m
        for m in manifest.of_notebook(view, name)
        if m["exit"] == "ok" and m["parameters"] == values
        if (places.reports() / m["folder"] / report.MARK).is_file()
    ]
    exact = [m for m in runs if m["key"] == key]
    return (exact or [manifest.standing(runs)])[0] or {}


async def keep_ready(settings: dict[str, Any], manager: Any) -> None:
    """Keep one kernel ready for the next visit; start none while a page is worked out."""
    kernel = await _waiting(settings, manager)
    if kernel:  # or it would be ended as one that nobody uses
        manager.get_kernel(kernel).last_activity = dt.datetime.now(dt.UTC)
    elif not settings["cells"]:
        kernel = await _start(manager, str(uuid.uuid4()))
    settings["ready"] = kernel


async def _waiting(settings: dict[str, Any], manager: Any) -> str:
    """Take the kernel that waits; an empty text where there is none, or it has died."""
    kernel, settings["ready"] = settings["ready"], ""
    return kernel if await _lives(manager, kernel) else ""


async def _lives(manager: Any, kernel: str) -> bool:
    """Return whether a kernel is there and alive; one that has died is put away."""
    if kernel in manager and not await manager.get_kernel(kernel).is_alive():
        await manager.shutdown_kernel(kernel, now=True)
    return kernel in manager


async def _start(manager: Any, kernel: str, *secrets: str) -> str:
    """Start a kernel that may see no view yet; return its id."""
    told = {k: os.environ[k] for k in (*_ENV, *secrets) if k in os.environ}
    return await manager.start_kernel(
        kernel_id=kernel, kernel_name=kernels.NAME, path=str(places.notebooks()),
        env={**told, "OPSLIB_HOME": str(places.root()), "OPSLIB_VIEWS": ""},
    )  # fmt: skip


def first_cell(asked: Wish, reader: Reader) -> Any:
    """Return the cell that tells a kernel, before all others, what it may see and for whom.

    The company's key is not in it, since what a cell says can reach a log.
    """
    scope = {"OPSLIB_SCOPE": "personal"} if reader.personal else {"OPSLIB_TABLES": ",".join(asked.entry.tables)}  # fmt: skip
    told = {
        "OPSLIB_LANGUAGE": asked.language,
        "OPSLIB_VIEWS": asked.view,
        "OPSLIB_SETTING": json.dumps(asked.setting),
        "OPSLIB_CASES": "none" if asked.fresh else "all",
        **scope,
    }
    return nbformat.v4.new_code_cell(
        f"__import__('os').environ.update({told!r})\n"
        f"__import__('opslib.words').words.speak({asked.language!r})"
    )


class Renderer(NotebookRenderer):
    """Voila's renderer, given a notebook that was made for this one page."""

    book: Any = None

    async def load_notebook(self, path: str) -> Any:
        """Return the notebook of the page, whatever the path."""
        return self.book


class Story:
    """Tells a page cell by cell while the kernel works them out."""

    def __init__(self, asked: Wish, handler: Page) -> None:
        """Begin the story of one page."""
        self.asked, self.handler, self.failed = asked, handler, False
        self.parts = report.Parts(asked.language, still=False, downloads={})

    def __deepcopy__(self, memo: Any) -> Story:
        """Stay one and the same: the exporter copies its resources."""
        return self

    def told(self, cell: Any, at: int, count: int) -> str:
        """Return what a finished cell adds to the page."""
        trouble = [o for o in cell.get("outputs", []) if o.output_type == "error"]
        if trouble or self.failed:
            return self._trouble(cell, trouble[0]) if trouble and not self.failed else ""  # fmt: skip
        live = "".join(
            _widget(cell.id, o)
            for o in cell.get("outputs", [])
            if "application/vnd.jupyter.widget-view+json" in o.get("data", {})
        )
        shown = "" if self.asked.fresh else "".join(self.parts.of(cell))
        return f"{shown}{live}<script>ops.progress({at},{count})</script>\n"

    def _trouble(self, cell: Any, output: Any) -> str:
        """Log what went wrong under a reference, and say the reference only."""
        self.failed = True
        reference = log.note(
            "error", f"cell {cell.id}", name=self.asked.entry.name, exit="page failed",
            traceback="\n".join(output.get("traceback", []))[-4000:],
        )  # fmt: skip
        return trouble(sorry(reference), self.asked.language)


def sorry(reference: str) -> Text:
    """Return the sentence for a page that could not be worked out."""
    return say(
        "The live part could not be worked out; the analyst finds why under {reference}.",
        reference=reference,
    )


def trouble(what: Text, language: str) -> str:
    """Return what makes a page show a sentence of trouble, with a way to try again."""
    told = {"what": what.in_language(language), "again": say("Try again").in_language(language)}  # fmt: skip
    return f"<script>ops.trouble({doors.script_json(told)})</script>\n"


def _widget(cell: str, output: Any) -> str:
    kind = "application/vnd.jupyter.widget-view+json"
    told = {"output_type": "display_data", "metadata": {}, "trusted": True, "data": {kind: output["data"][kind]}}  # fmt: skip
    return (
        f'<div class="ops-live" data-for="{card.escape(cell)}"><script type="application/vnd.voila.cell-output+json">'
        f"{doors.script_json(told)}</script></div>"
    )


class LivePage(Page):
    """Answers `/live/<view>/<room>/<notebook>`."""

    async def get(self, view: str, name: str) -> None:
        """Send the report at once, then the live part."""
        self.may_see(view)
        asked = {
            k: v[-1].decode("utf-8", "replace")
            for k, v in self.request.query_arguments.items()
        }
        if asked.pop("company", view) != view:
            return self.say_no(say("This page shows {view} only.", view=view), 400)
        try:
            wanted = await asyncio.to_thread(wish, view, name, asked)
            lacking = listing.lacking(wanted.entry, read_stamp(view))
        except KeyError:
            return self.say_no(say("There is no such page."), 404)
        except OpslibError as error:
            told = Text(error.sentence("en"), error.sentence("zh"))
            return self.say_no(told, 400)
        if lacking:
            what = Text("; ".join(t.en for t in lacking), "；".join(t.zh for t in lacking))  # fmt: skip
            return self.say_no(say("Not answered yet: {what}", what=what), 200)
        self.note(view=view, page=name)
        return await self._send(wanted)

    async def _send(self, asked: Wish) -> Any:
        book = books.book_of(asked.entry.path, asked.values, fresh=asked.fresh)
        sliders = any(books.asks_what_if(c) for c in book.cells)
        self.write(self.dressed(*_before(asked), view=asked.view, live=True))
        if asked.fresh and not sliders:
            return self.finish("</div><script>ops.done()</script></body></html>")
        # The key of personal columns is in a kernel's environment from its start or never.
        sealed = ["OPSLIB_KEY"] if self.request.reader.personal and "OPSLIB_KEY" in os.environ else []  # fmt: skip
        kernel = (not sealed and await _waiting(self.settings, self.kernel_manager)) or str(uuid.uuid4())  # fmt: skip
        book.cells.insert(0, first_cell(asked, self.request.reader))
        self.settings["cells"][kernel] = asyncio.get_running_loop().create_future()
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        work = asyncio.ensure_future(self._work(asked, book, kernel, queue, sealed))
        try:
            if sliders:
                self.settings["owners"][kernel] = self.owner
                self.write(boot.start(self, kernel))
            await self.flush()
            while True:
                try:
                    text = await asyncio.wait_for(queue.get(), LIFE_SIGN_SECONDS)
                except TimeoutError:
                    text = "<!-- still at work -->\n"
                if text is None:
                    break
                self.write(text)
                await self.flush()
            if not sliders:  # nothing to turn: nothing to keep
                await self._end(kernel)
        except StreamClosedError:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await self._end(kernel)
        finally:
            self.settings["cells"].pop(kernel).set_result(None)
        return self.finish()

    async def _work(
        self, asked: Wish, book: Any, kernel: str, queue: asyncio.Queue[str | None], sealed: list[str],
    ) -> None:  # fmt: skip
        """Put the pieces of the live part into a queue; a failure is one sentence."""
        try:
            async with self.settings["turn"]:
                await self._kernel(kernel, sealed)
                await queue.put(f"<script>ops.kernel({json.dumps(kernel)})</script>\n")
                async for text in self._pieces(asked, book, kernel):
                    await queue.put(text)
        except Exception:
            name = asked.entry.name
            reference = log.note("error", name, name=name, exit="page failed", traceback=traceback.format_exc()[-4000:])  # fmt: skip
            await self._end(kernel)
            await queue.put(trouble(sorry(reference), asked.language) + "</body></html>")  # fmt: skip
        await queue.put(None)

    async def _kernel(self, kernel: str, sealed: list[str]) -> None:
        """Start the kernel of this visit; the visit's oldest makes room."""
        manager, owners = self.kernel_manager, self.settings["owners"]
        for gone in [k for k in owners if k not in manager and k not in self.settings["cells"]]:  # fmt: skip
            del owners[gone]
        alive = [k for k in owners if k in manager and k != kernel]
        mine = [k for k in alive if owners[k] == self.owner]
        many = max(0, len(mine) - MOST_OF_ONE + 1), max(0, len(alive) - MOST + 1)
        for old in {*mine[: many[0]], *alive[: many[1]]}:
            await self._end(old)
        owners[kernel] = self.owner
        if not await _lives(manager, kernel):
            await _start(manager, kernel, *sealed)

    async def _end(self, kernel: str) -> None:
        self.settings["owners"].pop(kernel, None)
        if kernel in self.kernel_manager:
            await self.kernel_manager.shutdown_kernel(kernel, now=True)

    async def _pieces(self, asked: Wish, book: Any, kernel: str) -> Any:
        """Render the notebook with Voila and the house's template."""
        told = self.settings["told"]
        renderer = Renderer(
            request_handler=self, voila_configuration=told, traitlet_config=self.config,
            notebook_path=asked.entry.path.name, base_url="/",
            template_paths=self.settings["template_paths"],
            config_manager=self.config_manager, contents_manager=self.contents_manager,
            kernel_spec_manager=self.kernel_spec_manager, page_config={},
        )  # fmt: skip
        renderer.book = book
        await renderer.initialize()
        renderer.resources["story"] = Story(asked, self)
        async for text, _ in renderer.generate_content_generator(kernel, self.kernel_manager.get_kernel(kernel)):  # fmt: skip
            yield text


def _before(asked: Wish) -> tuple[str, str]:
    """Return what the page shows at once, and the folder its links start from."""
    language = asked.language
    main = language == companies.read(asked.view).language
    if asked.kept:
        page = asked.kept / ("report.html" if main else f"report.{language}.html")
        text = page.read_text("utf-8").rpartition("</body>")[0]
        state = say("Live part starts ...") if asked.fresh else say("The data is newer than this answer; the new one is being worked out ...")  # fmt: skip
        folder = "/".join(asked.kept.relative_to(places.reports()).parts)
        text += opening(state.in_language(language), fresh=asked.fresh, hidden=True)
        return text, f"/reports/{folder}/"
    book = json.loads(asked.entry.path.read_text("utf-8"))
    state = say("These settings were not asked before; the answer is being worked out ...")  # fmt: skip
    text = report.shell(book, asked.view, language).rpartition("</body>")[0]
    text += opening(state.in_language(language), fresh=False, hidden=False)
    return text, f"/reports/{asked.view}/x/x/x/"


def opening(state: str, *, fresh: bool, hidden: bool) -> str:
    """Return the start of the live part: a line that tells the state, then its place."""
    mode = "behind" if fresh else "anew"
    return (
        f'<div id="ops-state" role="status" data-mode="{mode}"><span>{card.escape(state)}</span>'
        '<progress max="1" value="0"></progress></div>'
        f'<div id="ops-live-parts" class="ops ops-page"{" hidden" if hidden else ""}>'
    )
