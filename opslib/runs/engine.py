"""This module owns one execution: papermill with honest cell states and hard limits.

Papermill's saved notebook calls every cell completed after a killed kernel; here a
cell that did not run says so, output has a ceiling, and the whole has a deadline.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from opslib.runs import clients
from opslib.words import catalogue

say = catalogue(__package__ or "opslib.runs")
MOST_OUTPUT_BYTES = 5_000_000
_NO_MEMORY = {"MemoryError", "OutOfMemoryException"}


class Client(PapermillNotebookClient):
    """A client that cuts endless printing and looks at the kernel's memory."""

    def __init__(self, *args: Any, watch: dict[str, Any], **named: Any) -> None:
        """Keep the dictionary in which the run is watched."""
        super().__init__(*args, **named)
        self.watch, self._printed = watch, 0

    def process_message(self, *given: Any, **named: Any) -> Any:
        """Take a message; text beyond the ceiling is dropped and said to be."""
        message = given[0] if given else named["msg"]
        if message["msg_type"] == "stream":
            size = len(message["content"]["text"])
            before, self._printed = self._printed, self._printed + size
            if before > MOST_OUTPUT_BYTES:
                return None
            if self._printed > MOST_OUTPUT_BYTES:
                left = MOST_OUTPUT_BYTES - before
                cut = say("... more was printed than a report holds; the rest is cut")
                message["content"]["text"] = (
                    f"{message['content']['text'][:left]}\n{cut}"
                )
        return super().process_message(*given, **named)


class Engine(NBClientEngine):
    """The engine that papermill knows as `opslib`."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, watch: dict[str, Any], **named: Any
    ) -> None:
        """Run every cell until the deadline in `watch`."""
        watch["nb"] = nb_man.nb
        client = Client(
            nb_man,
            watch=watch,
            kernel_name=kernel_name,
            kernel_manager_class=clients.Manager,
            timeout_func=lambda cell: max(1, int(watch["deadline"] - time.monotonic())),
            startup_timeout=120,
            iopub_timeout=30,
            raise_on_iopub_timeout=False,
            # What a kernel showed is here already; it has nothing left to put away.
            shutdown_kernel="immediate",
        )
        watch["client"] = client
        states = _states(nb_man, client, watch)
        with states:
            client.execute(
                env={**os.environ, "OPSLIB_TABLES": ",".join(watch["tables"])}
            )


@contextlib.contextmanager
def _states(nb_man: Any, client: Client, watch: dict[str, Any]) -> Any:
    """Note which cell runs, its seconds and the kernel's peak memory."""
    begin, end = nb_man.cell_start, nb_man.cell_complete

    def cell_start(cell: Any, *given: Any, **named: Any) -> None:
        watch["cell"], watch["cell_begun"] = cell.get("id", ""), time.monotonic()
        if time.monotonic() > watch["deadline"]:  # a cell of its own gets a second
            msg = "the run's time was over before this cell"
            raise CellTimeoutError(msg)
        begin(cell, *given, **named)

    def cell_complete(cell: Any, *given: Any, **named: Any) -> None:
        seconds = time.monotonic() - watch["cell_begun"]
        watch["cells"][cell.get("id", "")] = round(seconds, 3)
        watch["peak_mb"] = max(watch["peak_mb"], _peak_mb(client))
        end(cell, *given, **named)

    nb_man.cell_start, nb_man.cell_complete = cell_start, cell_complete
    yield


def _peak_mb(client: Client) -> int:
    with contextlib.suppress(Exception):
        pid = client.km.provisioner.pid
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) // 1024
    return 0


def execute(
    path: Path,
    output: Path,
    values: dict[str, Any],
    *,
    kernel: str,
    watch: dict[str, Any],
) -> tuple[str, str, str]:
    """Execute a notebook and save it, whatever happens.

    Args:
        path: The notebook.
        output: Where the executed notebook goes.
        values: Parameters, all of them.
        kernel: Kernel name.
        watch: Filled while it runs: nb, cell, cells, peak_mb, client; holds deadline
            and the tables that the notebook may read.

    Returns:
        Exit class (`ok`, `cell error`, `timeout`, `killed`, `out of memory`,
        `stopped`), the id of the cell where it ended, and what was said.
    """
    import papermill
    from papermill.iorw import write_ipynb

    watch.update(cell="", cells={}, peak_mb=0)
    killed_before = _oom_kills()
    try:
        papermill.execute_notebook(
            str(path), None, parameters=values, engine_name="opslib", kernel_name=kernel, language="python",
            progress_bar=False, request_save_on_cell_execute=False, watch=watch,
        )  # fmt: skip
        result = _silent_end(watch["nb"])
    except PapermillExecutionError as error:
        kind = "out of memory" if error.ename in _NO_MEMORY else "cell error"
        result = kind, watch["cell"], f"{error.ename}: {error.evalue}"[:2000]
    except CellTimeoutError:
        result = "timeout", watch["cell"], str(say("it took longer than it may"))
    except DeadKernelError:
        result = _death(watch, _oom_kills() > killed_before)
    except RuntimeError as error:
        if watch["cell"]:
            raise
        result = "killed", "", str(error)
    if watch.get("stopped"):
        result = "stopped", watch["cell"], str(say("it was stopped by hand"))
    book = watch.get("nb")
    if book is not None:
        _tell_truth(book, result)
        write_ipynb(book, str(output))
    return result


def _death(watch: dict[str, Any], by_system: bool) -> tuple[str, str, str]:
    """Name the cause of a kernel's death: our limit, the system's, or unknown."""
    what, kind = say("the kernel died"), "killed"
    if watch.get("over"):
        what, kind = (
            say(
                "it took {taken} MB and may take {most}; ask for less, or run again "
                "with --memory",
                taken=str(watch["over"]),
                most=str(watch["memory_mb"]),
            ),
            "out of memory",
        )
    elif by_system:
        what, kind = say("the machine ran out of memory"), "out of memory"
    return kind, watch["cell"], str(what)


def _silent_end(book: Any) -> tuple[str, str, str]:
    """Find a kernel that left quietly (sys.exit): later cells did not run."""
    for cell in book.cells:
        if (
            cell.cell_type == "code"
            and cell.source.strip()
            and not cell.execution_count
        ):
            what = str(say("the kernel left before this cell, as sys.exit() does"))
            return "cell error", cell.get("id", ""), what
    return "ok", "", ""


def _tell_truth(book: Any, result: tuple[str, str, str]) -> None:
    kind, where, what = result
    book.metadata.setdefault("papermill", {})["exception"] = kind != "ok"
    reached = kind == "ok"
    after = False
    for cell in book.cells:
        state = cell.metadata.setdefault("papermill", {})
        if not reached and cell.get("id", "") == where:
            state["status"], state["exception"], after = "failed", True, True
            book.metadata["opslib_failure"] = {
                "exit": kind,
                "cell": where,
                "message": what,
            }
        elif after:
            state["status"] = "pending"


def _oom_kills() -> int:
    """Return how many processes the system ended for want of memory so far."""
    own, all_of_it = Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat")
    with contextlib.suppress(OSError, ValueError):
        for line in (own if own.is_file() else all_of_it).read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


papermill_engines.register("opslib", Engine)
