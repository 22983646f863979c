"""This module owns fast kernels: forked from a parent that has imported the stack.

`python -m opslib.runs.kernels SOCKET` is the parent: it imports, opens no thread, no
loop and no database, and listens on a private socket. A request forks a kernel; the
open connection is the kernel's life line: it ends when its client does, and tells the
client its exit code. Linux only; elsewhere an ordinary kernel starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

from opslib import places

NAME = "opslib"
IDLE_SECONDS = 600
_STACK = (
    "numpy", "pandas", "scipy.stats", "scipy.optimize", "scipy.signal",
    "sklearn.ensemble", "sklearn.linear_model", "sklearn.cluster", "statsmodels.api",
    "plotly.graph_objects", "ipywidgets", "duckdb", "joblib", "babel.dates",
    "matplotlib_inline.backend_inline", "IPython.core.completer",
    "sklearn.impute", "pandas.io.formats.html", "pandas.core.reshape.reshape",
    "opslib.promotions.campaigns", "opslib.desk", *(f"opslib.{room}" for room in places.ROOMS),
)  # fmt: skip


class ForkedProvisioner(LocalProvisioner):
    """Starts a kernel by asking the parent to fork, else in the ordinary way."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel of a connection file and return its connection."""
        told = {
            "connection_file": self.parent.connection_file,
            "cwd": kwargs.get("cwd") or str(Path.cwd()),
            "env": dict(kwargs.get("env") or os.environ),
        }
        try:
            self.process = await asyncio.to_thread(lambda: _Forked(_ask(told)))
        except OSError:
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.process.pid
        self.pgid = self.pid
        await self._listens()
        return self.connection_info

    async def _listens(self) -> None:
        """Wait until the kernel's sockets are there: who knocks too early waits longer."""
        at = self.parent
        ports = (at.shell_port, at.iopub_port, at.stdin_port, at.control_port, at.hb_port)  # fmt: skip
        for _ in range(1000 if at.transport == "ipc" else 0):
            there = all(Path(f"{at.ip}-{port}").exists() for port in ports)
            if there or self.process.poll() is not None:
                break
            await asyncio.sleep(0.005)


class _Forked:
    """What a provisioner needs of a process, for one that is not our child."""

    stdin = stdout = stderr = None

    def __init__(self, link: socket.socket) -> None:
        self._link, self.returncode = link, None
        self.pid = int(_line(link))

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self.returncode is None:
            self._link.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                told = self._link.recv(64)
                self.returncode = int(told) if told.strip() else -int(signal.SIGKILL)
                self._link.close()
        return self.returncode

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        while self.poll() is None:
            time.sleep(0.02)
        return int(self.returncode or 0)

    def send_signal(self, number: int) -> None:
        """Send it a signal while it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, with whatever it started."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def install() -> str:
    """Write the kernel's description where Jupyter looks; return its name."""
    home = places.root() / ".cache" / "jupyter"
    spec = home / "kernels" / NAME / "kernel.json"
    forked = sys.platform == "linux"
    told = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "opslib",
        "language": "python",
        "metadata": {"kernel_provisioner": {"provisioner_name": "opslib-forked"}}
        if forked
        else {},
    }
    spec.parent.mkdir(parents=True, exist_ok=True)
    half = spec.with_suffix(f".{os.getpid()}")
    half.write_text(json.dumps(told))
    half.replace(spec)
    paths = [
        str(home),
        *filter(None, os.environ.get("JUPYTER_PATH", "").split(os.pathsep)),
    ]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(dict.fromkeys(paths))
    return NAME


def warm() -> None:
    """Start the parent if it does not run yet, without waiting for it."""
    if sys.platform == "linux" and not _answers(_socket()):
        _spawn(_socket())


def _socket() -> Path:
    """Return the parent's socket: one for each user, source, versions and home."""
    from opslib.runs.keys import source_hash

    words = f"{places.root()}{sys.prefix}"
    return private_folder() / f"{source_hash()}-{abs(hash_text(words)):x}"[:40]


def private_folder() -> Path:
    """Return this user's folder for sockets, which nobody else may read.

    Raises:
        OSError: Somebody else made the folder, or others may read it.
    """
    home = Path(tempfile.gettempdir()) / f"opslib-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.getuid() or home.stat().st_mode & 0o077:
        raise OSError(f"{home} is not private to this user; remove it")
    return home


def hash_text(words: str) -> int:
    """Return a number that stands for a text, the same in every process."""
    import hashlib

    return int(hashlib.sha256(words.encode()).hexdigest()[:12], 16)


def _ask(told: dict[str, Any]) -> socket.socket:
    path = _socket()
    if not _answers(path):
        _spawn(path)
    for _ in range(600):
        with contextlib.suppress(OSError):
            link = socket.socket(socket.AF_UNIX)
            link.connect(str(path))
            link.sendall(json.dumps(told).encode() + b"\n")
            return link
        time.sleep(0.1)
    raise OSError(f"the kernel parent at {path} does not answer; end it and run again")


def _answers(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
        link.connect(str(path))
        return True
    return False


def _spawn(path: Path) -> None:
    env = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    env |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    subprocess.Popen(
        [sys.executable, "-m", "opslib.runs.kernels", str(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=env, cwd=places.root(), start_new_session=True,
    )  # fmt: skip


def _line(link: socket.socket) -> str:
    told = b""
    while not told.endswith(b"\n"):
        more = link.recv(1)
        if not more:
            raise OSError("the kernel parent ended before it forked; run again")
        told += more
    return told.decode()


def _serve(path: Path) -> None:
    """Be the parent: import, listen, fork, report exits, end when idle."""
    import fcntl
    import importlib

    lock = path.with_suffix(".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    import ipykernel.kernelapp  # noqa: F401

    for name in _STACK:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(Exception):
        _exercise()
    gc.collect()
    gc.freeze()
    path.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    path.chmod(0o600)
    door.listen(64)
    door.setblocking(False)
    eyes = selectors.DefaultSelector()
    eyes.register(door, selectors.EVENT_READ)
    _watch(door, eyes, lock)
    path.unlink(missing_ok=True)


def _exercise() -> None:
    """Do once what every notebook does, so that what is loaded late is loaded here.

    Plotly's renderers bring a parser that takes seconds to build, contracts are read by
    every run, and a first figure loads the classes of its parts.
    """
    import pandas as pd

    from opslib import words
    from opslib.runs import keys
    from opslib.show import card, forms, theme
    from opslib.warehouse import tables

    theme.register()
    keys.source_hash()
    tables.all_tables()
    tables.all_views()
    days = pd.date_range("2026-01-01", periods=3)
    frame = pd.DataFrame({"x": days, "y": 1.0, "low": 0.0, "high": 2.0})
    text = words.Text("x", "x")
    figure = forms.band(
        frame, x="x", y="y", low="low", high="high", title=text, x_title=text, y_title=text, label=text,
    )  # fmt: skip
    figure._repr_mimebundle_()
    card.amount(1234.5, "CNY")


def _watch(door: socket.socket, eyes: selectors.BaseSelector, lock: Any) -> None:
    alive: dict[int, socket.socket] = {}
    quiet = time.monotonic()
    while alive or time.monotonic() - quiet < IDLE_SECONDS:
        for key, _ in eyes.select(0.05 if alive else 5):
            if key.fileobj is door:
                _fork_for(door, eyes, alive, lock)
            else:
                _hang_up(key.fileobj, eyes, alive)
            quiet = time.monotonic()
        _reap(eyes, alive)


def _fork_for(
    door: socket.socket, eyes: selectors.BaseSelector, alive: dict[int, socket.socket],
    lock: Any,
) -> None:  # fmt: skip
    link, _ = door.accept()
    link.settimeout(5)
    try:
        told = json.loads(_line(link))
    except (OSError, ValueError):
        link.close()
        return
    parent, pid = os.getpid(), os.fork()
    if pid == 0:
        _become_kernel(told, parent, [door, link, *alive.values(), eyes, lock])
    alive[pid] = link
    with contextlib.suppress(OSError):
        link.sendall(f"{pid}\n".encode())
    eyes.register(link, selectors.EVENT_READ)


def _become_kernel(told: dict[str, Any], parent: int, inherited: list[Any]) -> None:
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for link in inherited:
            link.close()
        os.environ.clear()
        os.environ.update(told["env"])
        os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        os.chdir(told["cwd"])
        sys.argv = ["kernel", "-f", told["connection_file"]]
        import ipywidgets
        import numpy as np
        from ipykernel.kernelapp import IPKernelApp

        from opslib import words

        np.random.seed(None)  # noqa: NPY002
        words.speak(os.environ.get("OPSLIB_LANGUAGE") or "en")
        # Whoever loses the parent has nobody left who could end it: it ends by itself.
        kernel = IPKernelApp.instance(parent_handle=parent)
        kernel.initialize(sys.argv[1:])
        # The parent imported the widgets when there was no kernel to tell of them.
        ipywidgets.register_comm_target()
        kernel.start()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        os._exit(code)


def _hang_up(
    link: Any, eyes: selectors.BaseSelector, alive: dict[int, socket.socket]
) -> None:
    """The client is gone: its kernel goes too."""
    pid = next((p for p, other in alive.items() if other is link), 0)
    eyes.unregister(link)
    if pid:
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _reap(eyes: selectors.BaseSelector, alive: dict[int, socket.socket]) -> None:
    for pid in list(alive):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            link = alive.pop(pid)
            with contextlib.suppress(KeyError, ValueError):
                eyes.unregister(link)
            with contextlib.suppress(OSError):
                link.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            link.close()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
