"""This module owns telling causes apart: old code is run again on new data.

From an old run to a new one, data changes first, then parameters, then code; each step
that lies between is run again with the code that was kept, so that the parts add up to
the whole. The libraries are those of now: what a newer library does counts as code.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from opslib import places
from opslib.errors import OpslibError
from opslib.runs import manifest, parameters
from opslib.runs.keep import sources
from opslib.warehouse.store import read_stamp
from opslib.words import catalogue

say = catalogue(__package__ or "opslib.runs.keep")
ORDER = ("data", "parameters", "code")
_SECONDS = 1800


def parts(
    old: dict[str, Any], new: dict[str, Any], differs: list[str]
) -> dict[str, float]:
    """Return how much each cause moved the answer's number; they add up to the whole.

    Args:
        old: Manifest of a finished run.
        new: Manifest of a later one, of the data that now stands.
        differs: Which of `ORDER` differ between them.

    Raises:
        OpslibError: The old code was not kept, does not run any more, or the new
            run's data does not stand any more.
    """
    steps = [kind for kind in ORDER if kind in differs]
    if "data" in steps:
        _same_data(new)
    values = [_value(old["finding"])]
    for done in range(1, len(steps)):
        given = new if "parameters" in steps[:done] else old
        values.append(_value(_again(old, given["parameters"])))
    values.append(_value(new["finding"]))
    moved = [b - a for a, b in itertools.pairwise(values)]
    told = dict(zip(steps, moved, strict=True))
    place = _file(old, new)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(told), "utf-8")
    return told


def known(old: dict[str, Any], new: dict[str, Any]) -> dict[str, float]:
    """Return the parts that were worked out before, or nothing."""
    try:
        return json.loads(_file(old, new).read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _again(old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Run the old code on the data that stands and return its finding."""
    with tempfile.TemporaryDirectory(prefix="opslib-then-") as name:
        place = Path(name)
        book = sources.unpack(old["company"], old, place)
        names = parameters.declared(book)
        given = {n: v for n, v in given.items() if n in names}
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                [name, *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            "OPSLIB_HOME": str(places.root()),
        }
        words = [sys.executable, "-c", _RUN, str(book), json.dumps(given)]
        try:
            try:
                _call(words, env, place)
            except subprocess.CalledProcessError as error:
                # Two kernels that start at once may be given the same port.
                if "Kernel died" not in error.stderr:
                    raise
                _call(words, env, place)
            return manifest.finding_of(json.loads(book.read_text("utf-8"))) or {}
        except subprocess.SubprocessError as error:
            said = getattr(error, "stderr", "") or str(error)
            raise OpslibError(
                say(
                    "the code of run {key} does not run any more: {what}",
                    key=old["key"],
                    what=said.strip().splitlines()[-1][:200],
                )
            ) from error


def _call(words: list[str], env: dict[str, str], place: Path) -> None:
    subprocess.run(
        words, env=env, cwd=place, capture_output=True, text=True,
        timeout=_SECONDS, check=True,
    )  # fmt: skip


_RUN = """
import json, sys
import papermill
book = sys.argv[1]
papermill.execute_notebook(
    book, book, parameters=json.loads(sys.argv[2]), kernel_name="python3",
    language="python", progress_bar=False,
)
"""


def _same_data(new: dict[str, Any]) -> None:
    now = read_stamp(new["company"])["tables"]
    for table, held in new["data"]["tables"].items():
        if now.get(table, {}).get("content") != held.get("content"):
            raise OpslibError(
                say(
                    "{table} has changed since run {key}; run the question again first",
                    table=table,
                    key=new["key"],
                )
            )


def _value(finding: dict[str, Any]) -> float:
    return float(finding["quantity"]["value"])


def _file(old: dict[str, Any], new: dict[str, Any]) -> Path:
    words = f"{old['key']} {old['day']} {new['key']} {new['day']}"
    name = hashlib.sha256(words.encode()).hexdigest()[:16]
    home = places.data() / "records" / places.company_name(new["company"])
    return home / "causes" / f"{name}.json"
