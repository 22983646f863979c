"""This package owns what people choose and pay: prices, cards, choices, shares."""

from opslib.market.choosing import choice, conjoint, mixed, prices, simulate

__all__ = ["choice", "conjoint", "mixed", "prices", "simulate"]
