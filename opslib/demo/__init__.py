"""This package owns the demonstration company and its planted truth."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opslib import places
from opslib.demo import money, trade, truth, voices
from opslib.demo.truth import Truth

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = ["Company", "Truth", "build", "make"]


@dataclass(frozen=True, kw_only=True)
class Company:
    """The demonstration company.

    Attributes:
        tables: Table name to frame, as a delivery would hold it.
        truth: What was planted.
    """

    tables: dict[str, pd.DataFrame]
    truth: Truth


def make(*, size: float = 1.0, seed: int = 7, language: str = "en") -> Company:
    """Return the demonstration company: three years of a retailer in eight regions.

    Args:
        size: 1 makes about 300 items and 20,000 customers; .02 is made in a second.
        seed: Another seed, another company.
        language: `en` or `zh`, the language of names and free texts.

    Raises:
        ValueError: The size is not above zero.

    Example:
        >>> company = make(size=0.01, seed=3)
        >>> "SPRING26" in company.truth.lifts
        True
    """
    if not 0 < size <= 100:
        msg = f"size is {size!r}; it must lie in (0, 100]"
        raise ValueError(msg)
    goods = trade.make(size=size, seed=seed, language=language)
    tables = {
        **goods.tables,
        **voices.make(goods, seed=seed, language=language),
        **money.make(goods, seed=seed),
    }
    planted = Truth(
        seed=seed,
        demand=goods.demand,
        lost=goods.lost,
        contributions=goods.contributions,
        customers=goods.customers,
        market={
            "part_worths": truth.PART_WORTHS,
            "best_price": voices.best_price(),
            "share_change": truth.SHARE_CHANGE,
        },
    )
    return Company(tables=tables, truth=planted)


def build(
    name: str = "demo", *, size: float = 1.0, seed: int = 7, language: str = "en"
) -> Path:
    """Deliver the demonstration company to its own raw folder and load it.

    Returns:
        The warehouse's file.
    """
    from opslib.runs import keys
    from opslib.warehouse import company, intake

    made = make(size=size, seed=seed, language=language)
    raw = places.raw(name)
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    for table, frame in made.tables.items():
        frame.to_parquet(raw / f"{table}.parquet", index=False)
    company.write(
        name,
        {
            "language": language,
            "currency": "CNY" if language == "zh" else "GBP",
            "country": "CN" if language == "zh" else "GB",
            "sources": [
                {"name": t, "table": t, "files": f"{t}.parquet", "owner": "Data office"}
                for t in made.tables
            ],
            "scopes": {
                "north": {"regions": ["North"]},
                "marketing": {
                    "departments": ["Marketing"],
                    "tables": ["marketing_spend", "touchpoints", "promotions"],
                },
            },
        },
    )
    intake.load(name, fresh=True)
    keys.mark_demo(places.warehouse(name))
    return places.warehouse(name)
