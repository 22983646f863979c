"""This module owns where things lie: the root, the data, the reports, the rooms."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path

ROOMS = ("market", "promotions", "customers", "inventory", "budget")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}(@[a-z0-9][a-z0-9_-]{0,63})?")


def root() -> Path:
    """Return the project's root: `OPSLIB_HOME`, or the folder with the notebooks.

    Raises:
        FileNotFoundError: No folder above this one holds `notebooks/gallery.yaml`.
    """
    named = os.environ.get("OPSLIB_HOME")
    if named:
        return Path(named).resolve()
    here = Path.cwd()
    for place in (here, *here.parents, Path(__file__).resolve().parents[1]):
        if (place / "notebooks" / "gallery.yaml").is_file():
            return place
    msg = (
        f"no notebooks/gallery.yaml in {here} or above it; "
        "work inside the project or set OPSLIB_HOME to its folder"
    )
    raise FileNotFoundError(msg)


def company_name(name: str) -> str:
    """Return a company's name, or refuse one that could leave its folder.

    What one scope sees of a company has a name too, a view such as `demo@north`: its
    data is the company's, its reports and records are its own.

    Raises:
        ValueError: The name holds other than small letters, digits, `-` and `_`.

    Example:
        >>> company_name("demo")
        'demo'
    """
    if not _NAME.fullmatch(name):
        msg = (
            f"company name {name!r} will not do; "
            "use up to 64 small letters, digits, - and _, such as my_shop"
        )
        raise ValueError(msg)
    return name


def _whole(company: str) -> str:
    return company_name(company).partition("@")[0]


def notebooks() -> Path:
    """Return the folder of the notebooks."""
    return root() / "notebooks"


def data() -> Path:
    """Return the folder of the data."""
    return root() / "data"


def company_home(company: str) -> Path:
    """Return the folder with a company's `company.toml` and mappings."""
    return data() / "companies" / _whole(company)


def raw(company: str) -> Path:
    """Return the folder of a company's deliveries, kept as they came."""
    return data() / "raw" / _whole(company)


def warehouse(company: str) -> Path:
    """Return the file of a company's warehouse."""
    return data() / "warehouse" / f"{_whole(company)}.duckdb"


def reports(company: str = "") -> Path:
    """Return the folder of the reports, or of one company's reports."""
    place = root() / "reports"
    return place / company_name(company) if company else place


def put(path: Path, content: str | bytes, mode: int = 0o666) -> None:
    """Write a file whole or not at all; of two writers the later one stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.half")
    told = content.encode() if isinstance(content, str) else content
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT, mode), "wb") as file:
            file.write(told)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def gallery(company: str) -> Path:
    """Return the folder of a company's gallery; the demonstration's is on top."""
    return reports() if company == "demo" else reports(company)


def shared() -> Path:
    """Return the folder of the real data that tests read in place.

    It lies beside the project; `OPSLIB_SHARED` names another place.
    """
    named = os.environ.get("OPSLIB_SHARED")
    return Path(named) if named else root().parent / "shared"
