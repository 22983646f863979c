"""This package owns what people choose and pay: prices, cards, choices, shares."""

from opslib.market.choosing import (
    bestworst,
    choice,
    conjoint,
    mixed,
    prices,
    simulate,
)

__all__ = ["bestworst", "choice", "conjoint", "mixed", "prices", "simulate"]
