"""This module owns the access log: who opened what, one JSON line a request.

Scripts of the pages and signs of life are no opening and leave no line.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from opslib import places


def path() -> Path:
    """Return the file of the access log."""
    return places.data() / "records" / "access.jsonl"


def write(handler: Any) -> None:
    """Add a line for a request that is finished (tornado's `log_function`)."""
    request = handler.request
    reader = getattr(request, "reader", None)
    if request.path.startswith("/voila/static") or request.path.startswith("/alive/"):
        return
    told = {
        "when": dt.datetime.now().isoformat(timespec="seconds"),
        "who": reader.name if reader else None,
        "from": request.remote_ip,
        "what": f"{request.method} {request.path}",
        "status": handler.get_status(),
        "ms": round(1000 * request.request_time()),
        **getattr(request, "noted", {}),
    }
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as book:
        book.write(json.dumps(told, ensure_ascii=False) + "\n")
