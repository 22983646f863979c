"""A forked kernel begins clean: nothing of the parent or of another kernel leaks in."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from opslib.runs import kernels

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux", reason="kernels are forked on Linux only"
    ),
]


@pytest.fixture
def kernel(home):
    """Return a function that starts a kernel and gives what evaluates in it."""
    begun, name = [], kernels.install()

    def start():
        manager = KernelManager(
            kernel_name=name, transport="ipc", ip=str(home / f"k{len(begun)}")
        )
        manager.start_kernel()
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=120)
        begun.append((manager, client))
        assert isinstance(manager.provisioner.process, kernels._Forked), (
            "it was not forked"
        )

        def told(expression, code=""):
            reply = client.execute_interactive(
                code,
                user_expressions={"x": f"__import__('json').dumps({expression})"},
                timeout=60,
            )
            content = reply["content"]
            assert content["status"] == "ok", content
            return json.loads(
                eval(content["user_expressions"]["x"]["data"]["text/plain"])
            )

        told.manager = manager
        return told

    yield start
    for manager, client in begun:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _parent(told):
    return told("__import__('os').getppid()")


def _gone(pid):
    """Return whether a process has ended, be it that nobody has asked for its end."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return told.rsplit(")", 1)[1].split()[0] in "ZX"


def test_random_numbers_differ_between_kernels_and_a_seed_stays_at_home(kernel):
    drawn = "[random.random(), float(np.random.rand())]"
    first = kernel()
    one = first(drawn, "import random, numpy as np")
    first("0", "random.seed(1); np.random.seed(1)")
    seeded = first(drawn)
    two = kernel()(drawn, "import random, numpy as np")
    assert len({*one, *seeded, *two}) == 6


def test_the_environment_is_the_callers_own(kernel, monkeypatch):
    monkeypatch.setenv("OPSLIB_MARK", "one")
    first = kernel()
    assert (
        first("os.environ['OPSLIB_MARK']", "import os; os.environ['OPSLIB_LEAK'] = 'x'")
        == "one"
    )
    monkeypatch.delenv("OPSLIB_MARK")
    monkeypatch.setenv("OPSLIB_OTHER", "two")
    second = kernel()
    seen = second(
        "[os.environ.get(n) for n in ('OPSLIB_MARK', 'OPSLIB_LEAK', 'OPSLIB_OTHER')]",
        "import os",
    )
    assert seen == [None, None, "two"]


def test_no_open_file_of_the_parent_or_of_another_kernel_is_held(kernel, tmp_path):
    first = kernel()
    first("0", f"kept = open({str(tmp_path / 'secret')!r}, 'w')")
    second = kernel()
    held = set(
        second(
            "[os.readlink(p) for p in glob.glob('/proc/self/fd/*') if os.path.lexists(p)]",
            "import glob, os",
        )
    )
    parent = {str(p.readlink()) for p in Path(f"/proc/{_parent(second)}/fd").iterdir()}
    assert not any("secret" in h or h.endswith(".lock") for h in held)
    sockets = {h for h in held if h.startswith("socket:")}
    assert sockets
    assert not sockets & parent


def test_the_working_directory_is_the_callers(kernel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = kernel()
    assert first("os.getcwd()", "import os") == str(tmp_path)
    first("0", "os.chdir('/')")
    assert kernel()("os.getcwd()", "import os") == str(tmp_path)


def test_the_parent_starts_no_thread_and_a_kernel_has_only_its_own(kernel):
    """Two libraries start one native thread each when imported, which fork leaves behind."""
    first = kernel()
    names = "sorted(t.name.split('-')[0] for t in threading.enumerate())"
    clean = first(names, "import threading, time")
    first("0", "threading.Thread(target=time.sleep, args=(60,), name='left').start()")
    assert "left" in first(names)
    second = kernel()
    assert second(names, "import threading") == clean
    tasks = Path(f"/proc/{_parent(second)}/task").iterdir()
    names = sorted((t / "comm").read_text().strip() for t in tasks)
    own = Path(sys.executable).name[:15]
    assert [n for n in names if n != "jemalloc_bg_thd"] in ([own], [own] * 2)


def test_what_a_kernel_changes_in_a_module_stays_in_it(kernel):
    first, asked = kernel(), "[hasattr(np, 'leak'), pd.get_option('display.max_rows')]"
    first(
        "0",
        "import numpy as np, pandas as pd; np.leak = 1; pd.set_option('display.max_rows', 3)",
    )
    assert first(asked) == [True, 3]
    assert kernel()(asked, "import numpy as np, pandas as pd") == [False, 60]


def test_a_changed_source_gets_a_parent_of_its_own(kernel, monkeypatch):
    from opslib.runs import keys

    old = _parent(kernel())
    monkeypatch.setattr(keys, "source_hash", lambda: "0123456789abcdef")
    assert _parent(kernel()) != old


def test_a_dead_parent_is_replaced_and_its_kernels_end(kernel):
    first = kernel()
    old, own = _parent(first), first("os.getpid()", "import os")
    os.kill(old, 9)
    for _ in range(600):
        if first.manager.provisioner.process.poll() is not None and _gone(own):
            break
        time.sleep(0.1)
    assert first.manager.provisioner.process.poll() is not None
    assert _gone(own), "a kernel without its parent would stay for ever"
    assert _parent(kernel()) != old


def test_where_forking_fails_an_ordinary_kernel_starts(home, monkeypatch):
    def refuse(told):
        raise OSError("no parent here")

    monkeypatch.setattr(kernels, "_ask", refuse)
    manager = KernelManager(
        kernel_name=kernels.install(), transport="ipc", ip=str(home / "k")
    )
    manager.start_kernel()
    try:
        assert not isinstance(manager.provisioner.process, kernels._Forked)
        assert manager.is_alive()
    finally:
        manager.shutdown_kernel(now=True)


def test_jupyterlab_starts_the_forked_kernel_for_the_notebooks():
    """`make lab` takes opslib's kernel where a notebook names `python3`."""
    root = Path(__file__).parents[2]
    look = ".venv/bin/jupyter kernelspec list --json"
    told = subprocess.run(
        ["make", "-s", "-o", ".venv/.ready", "lab", f"LAB={look}"],
        cwd=root,
        env={**os.environ, "OPSLIB_HOME": str(root)},
        capture_output=True,
        check=True,
        text=True,
    )
    spec = json.loads(told.stdout)["kernelspecs"]["python3"]["spec"]
    assert spec["metadata"]["kernel_provisioner"]["provisioner_name"] == "opslib-forked"
    for book in (root / "notebooks").glob("*/*.ipynb"):
        named = json.loads(book.read_text("utf-8"))["metadata"]["kernelspec"]["name"]
        assert named == "python3", book
