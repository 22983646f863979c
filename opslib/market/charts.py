"""This module owns the market room's charts; each is a function of a result."""

# fmt: off
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from opslib.market.answer import _part
from opslib.show import forms
from opslib.words import catalogue

if TYPE_CHECKING:
    from opslib.market.survey.coding import Coded
    from opslib.market.survey.tables import Crosstab

say = catalogue(__package__ or "opslib.market")


def score_by_wave(waves: pd.DataFrame) -> Any:
    """Return the recommendation score of each wave with its range."""
    return forms.dots(waves, y="wave", x="score", low="low", high="high", title=say("Recommendation score by wave"), x_title=say("Points, with the range of chance"))


def quadrants(driving: pd.DataFrame) -> Any:
    """Return how much each side weighs against how it is rated; lines at the means."""
    frame = pd.DataFrame({"share": 100 * driving["share"], "rating": driving["rating"], "name": [str(_part(p)) for p in driving["part"]]})
    fig = forms.points(frame, x="share", y="rating", label="name", title=say("Weight and rating of each side"), x_title=say("Weight in recommending (%)"), y_title=say("Mean rating"))
    fig.add_vline(x=float(frame["share"].mean()), line={"color": "#8a949e", "dash": "dash"})
    fig.add_hline(y=float(frame["rating"].mean()), line={"color": "#8a949e", "dash": "dash"})
    return fig


def picked(found: Crosstab, question: str) -> Any:
    """Return the share of people who picked each answer, with its range."""
    rows = found.rows[(found.rows["question"] == question) & (found.rows["kind"] == "share")]
    share, error = 100 * found.share[rows.index, 0], 100 * found.error[rows.index, 0]
    frame = pd.DataFrame({"label": rows["label"], "share": share, "low": (share - 1.96 * error).clip(0), "high": share + 1.96 * error}).sort_values("share", ascending=False)
    return forms.bars(frame, x="label", y="share", low="low", high="high", horizontal=True, title=say("What people look for"), x_title=say("Answer"), y_title=say("People (%), several answers allowed"))


def own_words(coded: Coded | None) -> Any:
    """Return the share of each code in people's own words, corrected, with its range."""
    shares = pd.DataFrame(columns=["code", "share", "low", "high"]) if coded is None else coded.shares
    frame = shares.assign(code=[str(_part(c)) for c in shares["code"]], share=100 * shares["share"], low=100 * shares["low"], high=100 * shares["high"])
    return forms.bars(frame, x="code", y="share", low="low", high="high", horizontal=True, title=say("What people's own words are about"), x_title=say("Topic"), y_title=say("People (%)"))
