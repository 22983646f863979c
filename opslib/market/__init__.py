"""This package owns what customers want and what they would pay."""

from opslib.market import (
    choice,
    conjoint,
    design,
    drivers,
    mixed,
    prices,
    replicates,
    scores,
    weights,
)

__all__ = [
    "choice",
    "conjoint",
    "design",
    "drivers",
    "mixed",
    "prices",
    "replicates",
    "scores",
    "weights",
]
