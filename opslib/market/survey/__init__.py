"""This package owns what people say: who was asked, how they weigh, what they answered."""

from opslib.market.survey import (
    coding,
    design,
    drivers,
    files,
    intake,
    replicates,
    scores,
    tables,
    weights,
)

__all__ = [
    "coding",
    "design",
    "drivers",
    "files",
    "intake",
    "replicates",
    "scores",
    "tables",
    "weights",
]
