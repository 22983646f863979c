"""This module owns coming from an older opslib and going back to it.

An upgrade keeps a backup first, then brings the warehouse to the present contracts
(aside, swapped in whole). Going back keeps a backup of what stands, then restores the
first one; the older opslib itself has to be installed again by who wants it.
"""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

from opslib import places
from opslib.errors import OpslibError
from opslib.runs.keep import backup
from opslib.warehouse import build
from opslib.warehouse.store import read_stamp
from opslib.words import Text, catalogue

say = catalogue(__package__ or "opslib.runs.keep")


def needed(company: str) -> bool:
    """Return whether a warehouse was made under other contracts than the present."""
    stamp = read_stamp(company)
    return bool(stamp["tables"]) and stamp.get("contract") != build.contract()


def upgrade(company: str) -> Text:
    """Back up and bring a warehouse to the present contracts; say what was done.

    Args:
        company: Whose.

    Raises:
        MissingDataError: The company has no warehouse.
        ContractError: A load is going on, or the disk is full; nothing has changed.
    """
    if not needed(company):
        return say("{company} is up to date; nothing is done", company=company)
    before = {t: h["rows"] for t, h in read_stamp(company)["tables"].items()}
    kept = backup.backup(company)
    with build.rebuild(company):
        pass
    stamp = read_stamp(company)
    lost = [t for t, rows in before.items() if stamp["tables"][t]["rows"] != rows]
    if lost:
        backup.restore(kept, company=company)
        raise OpslibError(
            say(
                "{tables} would have lost rows; {company} stands as before",
                tables=", ".join(lost),
                company=company,
            )
        )
    told = {"backup": str(kept), "opslib": metadata.version("opslib")}
    _file(company).parent.mkdir(parents=True, exist_ok=True)
    _file(company).write_text(json.dumps(told), "utf-8")
    return say(
        "{company} is upgraded; the way back is kept in {file}: opslib upgrade --back",
        company=company,
        file=kept.name,
    )


def back(company: str) -> Text:
    """Put back what stood before the last upgrade; what stands now is backed up.

    Args:
        company: Whose.

    Raises:
        OpslibError: There was no upgrade, or its backup is gone.
    """
    told = _told(company)
    kept = Path(told.get("backup", ""))
    if not kept.is_file():
        raise OpslibError(
            say(
                "{company} has no upgrade to go back from; see data/backups",
                company=company,
            )
        )
    now = backup.backup(company)
    backup.restore(kept, company=company)
    _file(company).unlink(missing_ok=True)
    return say(
        "{company} stands as before the upgrade; what stood until now is kept in {file}. Install the older opslib before the next run.",
        company=company,
        file=now.name,
    )


def _told(company: str) -> dict[str, Any]:
    try:
        return json.loads(_file(company).read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _file(company: str) -> Path:
    return places.data() / "records" / places.company_name(company) / "upgrade.json"
