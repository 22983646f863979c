"""This module owns old code: what each run's notebook and opslib were, kept by hash.

Below `data/records/<company>/sources` lie files named by their content's hash, each
once however many runs share it, and one list for each state of opslib. Pruning lets go
what no whole run names.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opslib import places
from opslib.errors import OpslibError
from opslib.runs import keys, manifest
from opslib.words import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opslib.runs.listing import Entry

say = catalogue(__package__ or "opslib.runs.keep")
_HOME = Path(__file__).resolve().parents[2]


def keep(company: str, entry: Entry) -> str:
    """Keep a notebook and the present opslib; return the notebook's hash.

    Args:
        company: Whose run is about to begin.
        entry: The notebook.
    """
    book = _list_file(company, keys.source_hash())
    if not book.is_file():
        told = {
            str(p.relative_to(_HOME)): _put(company, p.read_bytes())
            for p in sorted(_HOME.rglob("*"))
            if p.is_file() and "__pycache__" not in p.parts
        }
        places.put(book, json.dumps(told).encode())
    return _put(company, entry.path.read_bytes())


def unpack(company: str, told: dict[str, Any], to: Path) -> Path:
    """Write the code of a run into a folder and return its notebook there.

    Args:
        company: Whose.
        told: The run's manifest.
        to: Folder that gets `opslib/` and the notebook.

    Raises:
        OpslibError: The code was not kept, or is damaged.
    """
    try:
        book = json.loads(_list_file(company, told["versions"]["source"]).read_text())
        files = {f"opslib/{name}": sha for name, sha in book.items()}
        files["notebook.ipynb"] = told["versions"]["notebook"]
        for name, sha in files.items():
            place = to / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(_get(company, sha))
    except (OSError, KeyError, ValueError, zlib.error) as error:
        raise OpslibError(
            say("the code of run {key} was not kept", key=told["key"])
        ) from error
    return to / "notebook.ipynb"


def unused(company: str, leaving: set[str]) -> list[Path]:
    """Return kept files that no whole run will name once some have left.

    Args:
        company: Whose.
        leaving: Keys of the runs that leave.
    """
    home = _home(company)
    wanted = {"lists/" + keys.source_hash()}
    for path in places.reports(company).glob(f"*/*/*/{manifest.FILE}"):
        run = manifest.read(path.parent)
        if run and not run.get("pruned") and run["key"] not in leaving:
            versions = run["versions"]
            wanted |= {f"lists/{versions['source']}", versions.get("notebook", "")}
    for name in [w for w in wanted if (home / w).is_file() and "/" in w]:
        wanted |= set(json.loads((home / name).read_text()).values())
    return [p for p in _held(home) if p.relative_to(home).as_posix() not in wanted]


def _held(home: Path) -> Iterator[Path]:
    yield from (p for p in sorted(home.rglob("*")) if p.is_file())


def _home(company: str) -> Path:
    return places.data() / "records" / places.company_name(company) / "sources"


def _list_file(company: str, source: str) -> Path:
    return _home(company) / "lists" / source


def _put(company: str, content: bytes) -> str:
    sha = hashlib.sha256(content).hexdigest()
    place = _home(company) / sha
    if not place.is_file():
        places.put(place, zlib.compress(content))
    return sha


def _get(company: str, sha: str) -> bytes:
    content = zlib.decompress((_home(company) / sha).read_bytes())
    if hashlib.sha256(content).hexdigest() != sha:
        msg = f"{sha} does not hold what its name says; restore a backup"
        raise ValueError(msg)
    return content
