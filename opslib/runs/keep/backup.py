"""This module owns backups: a company's warehouse and records in one file, and back.

A backup holds the warehouse, the sealed people, `company.toml` and mappings, decisions
and other records, and the finished runs. It holds neither raw deliveries nor the key
that opens the sealed people: keep that key elsewhere.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from opslib import places
from opslib.errors import MissingDataError, OpslibError
from opslib.runs import manifest
from opslib.warehouse import build
from opslib.warehouse.store import read_stamp
from opslib.words import catalogue

say = catalogue(__package__ or "opslib.runs.keep")
_LIST = "backup.json"


def backup(company: str, to: Path | None = None) -> Path:
    """Write a backup and return its file.

    Args:
        company: Whose.
        to: Folder; None for `data/backups/<company>`.

    Raises:
        MissingDataError: The company has no warehouse.
    """
    house = places.warehouse(company)
    if not house.is_file():
        raise MissingDataError(
            say("{company} has no warehouse to back up", company=company)
        )
    folder = to or places.data() / "backups" / company
    folder.mkdir(parents=True, exist_ok=True)
    now = dt.datetime.now()
    final = folder / f"{company}_{now:%Y%m%d_%H%M%S_%f}.tar.gz"
    half = final.with_suffix(".half")
    sums: dict[str, str] = {}
    stamp = read_stamp(company)
    with (
        manifest.alone(f"{company}-backup"),
        tarfile.open(half, "w:gz", compresslevel=3) as book,
    ):
        _put(
            book,
            sums,
            f"data/warehouse/{company}.json",
            json.dumps(stamp).encode(),
        )
        for path in _files(company):
            _put(
                book,
                sums,
                path.relative_to(places.root()).as_posix(),
                path.read_bytes(),
            )
        told = {
            "company": company,
            "made": now.isoformat(timespec="seconds"),
            "files": dict(sums),
        }
        _put(book, sums, _LIST, json.dumps(told).encode())
    if read_stamp(company) != stamp:  # loaded meanwhile: what was copied may not fit
        half.unlink()
        return backup(company, to)
    half.replace(final)
    return final


def restore(file: Path, *, company: str = "") -> dict[str, Any]:
    """Put a backup back, after all of it was found whole; return what it says of itself.

    What stood before is removed once the new stands; raw deliveries are not touched.

    Args:
        file: The backup.
        company: Refuse a backup of any other company; empty takes the file's own.

    Raises:
        OpslibError: The file is no whole backup, or of another company.
    """
    with tempfile.TemporaryDirectory(dir=_beside(), prefix=".restoring") as name:
        place = Path(name)
        told = _unpacked(file, place)
        if company and told["company"] != company:
            raise OpslibError(
                say(
                    "{file} is a backup of {other}, not of {company}",
                    file=file.name,
                    other=told["company"],
                    company=company,
                )
            )
        house = places.warehouse(told["company"])
        house.parent.mkdir(parents=True, exist_ok=True)
        with manifest.alone(f"{told['company']}-backup"), build.alone(house):
            _swap_in(told["company"], place)
    return told


def _beside() -> Path:
    places.data().mkdir(parents=True, exist_ok=True)
    return places.data()


def _parts(company: str, *roots: Path) -> list[Path]:
    """Return what a backup holds, folders and files; the warehouse comes last.

    What readers of a part of the company decided and were shown is hers too.
    """
    house, records = places.warehouse(company), places.data() / "records"
    folders = [f.relative_to(places.root()) for f in (records, places.reports())]
    views = {
        view.relative_to(root)
        for root in (places.root(), *roots)
        for folder in folders
        for view in (root / folder).glob(f"{company}@*")
    }
    return [
        places.company_home(company),
        records / company,
        places.reports(company),
        *(places.root() / view for view in sorted(views)),
        house.with_suffix(".people"),
        house.with_suffix(".json"),
        house,
    ]


def _files(company: str) -> list[Path]:
    found = []
    for part in _parts(company):
        inside = sorted(part.rglob("*")) if part.is_dir() else [part]
        found += [p for p in inside if p.is_file() and ".running" not in str(p)]
    return [p for p in found if p != places.warehouse(company).with_suffix(".json")]


def _put(
    book: tarfile.TarFile, sums: dict[str, str], name: str, content: bytes
) -> None:
    about = tarfile.TarInfo(name)
    about.size, about.mode = len(content), 0o600
    book.addfile(about, io.BytesIO(content))
    sums[name] = hashlib.sha256(content).hexdigest()


def _unpacked(file: Path, place: Path) -> dict[str, Any]:
    """Unpack into a folder of its own and hold every file against its sum."""
    try:
        with tarfile.open(file, "r:gz") as book:
            book.extractall(place, filter="data")
        told = json.loads((place / _LIST).read_text("utf-8"))
        places.company_name(told["company"])
        wrong = [
            n
            for n, s in told["files"].items()
            if hashlib.sha256((place / n).read_bytes()).hexdigest() != s
        ]
    except (OSError, EOFError, tarfile.TarError, ValueError, KeyError) as error:
        raise OpslibError(
            say(
                "{file} is no whole backup ({what}); take another one",
                file=file.name,
                what=str(error),
            )
        ) from error
    if wrong:
        raise OpslibError(
            say(
                "{file} is damaged at {where}; take another one",
                file=file.name,
                where=wrong[0],
            )
        )
    return told


def _swap_in(company: str, place: Path) -> None:
    for part in _parts(company, place):
        new = place / part.relative_to(places.root())
        old = place / "before" / part.relative_to(places.root())
        old.parent.mkdir(parents=True, exist_ok=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        if part == places.warehouse(company):
            part.with_suffix(".next.json").unlink(missing_ok=True)
        if part.exists() and part.is_dir():
            shutil.move(part, old)
        if new.exists():
            new.replace(part)
        elif part.is_file():
            part.unlink()
