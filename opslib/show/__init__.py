"""This package owns how answers look: theme, chart forms, tables, cards, controls."""

from opslib.show import card, controls, forms, stills, tables, theme
from opslib.show.controls import Outcome, Slider, WhatIf

__all__ = [
    "Outcome",
    "Slider",
    "WhatIf",
    "card",
    "controls",
    "forms",
    "stills",
    "tables",
    "theme",
]
