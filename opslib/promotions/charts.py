"""This module owns the promotions room's charts on mix and journeys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opslib.show import forms
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.promotions.journeys import Credit
    from opslib.promotions.mix.curve import ResponseCurve
    from opslib.promotions.mix.engine import Mix

say = catalogue(__package__ or "opslib.promotions")


def added_by_channel(rows: pd.DataFrame) -> Any:
    """Return each channel's added weekly sales with its 90 % range."""
    frame = rows.dropna(subset=["added"]).sort_values("added", ascending=False)
    return forms.bars(
        frame,
        x="channel",
        y="added",
        low="low",
        high="high",
        horizontal=True,
        title=say("Sales added each week, with the likely range"),
        x_title=say("Channel"),
        y_title=say("Added sales a week (money)"),
    )


def next_money(rows: pd.DataFrame, margin: float) -> Any:
    """Return what the next unit of money returns in each channel, beside what it must."""
    frame = rows.dropna(subset=["next"]).sort_values("next", ascending=False)
    return forms.dots(
        frame,
        y="channel",
        x="next",
        low="next_low",
        high="next_high",
        title=say("What the next money returns; the line pays for itself"),
        x_title=say("Added sales for the next 1 spent"),
        reference=1 / margin,
    )


def response(curve: ResponseCurve, channel: str = "") -> Any:
    """Return the response of one channel with its range, over spend that was seen.

    Args:
        curve: The response curve.
        channel: Which one; empty for the one with the most spend.
    """
    c = curve.channels.index(channel) if channel else int(np.argmax(curve.now))
    top = max(curve.seen[c, 1], curve.now[c])
    levels = np.linspace(0, top * 1.1, 34)
    added = np.array([curve.at(c, x) for x in levels])
    frame = pd.DataFrame(
        {
            "spend": levels,
            "added": added.mean(axis=1),
            "low": np.quantile(added, 0.05, axis=1),
            "high": np.quantile(added, 0.95, axis=1),
        }
    )
    figure = forms.band(
        frame,
        x="spend",
        y="added",
        low="low",
        high="high",
        title=say(
            "{channel}: what more spend would add", channel=Text(curve.channels[c])
        ),
        x_title=say("Spend a week (money)"),
        y_title=say("Added sales a week (money)"),
    )
    figure.add_vline(x=curve.now[c], line={"color": "#8a949e", "dash": "dash"})
    return figure


def week_by_week(mix: Mix) -> Any:
    """Return the sales that all channels added in each week, with the range."""
    total = mix.paths.sum(axis=(1, 2))
    frame = pd.DataFrame(
        {
            "week": mix.panel.weeks,
            "added": total.mean(axis=0),
            "low": np.quantile(total, 0.05, axis=0),
            "high": np.quantile(total, 0.95, axis=0),
        }
    )
    return forms.band(
        frame,
        x="week",
        y="added",
        low="low",
        high="high",
        title=say("Sales added by advertising, week by week"),
        x_title=say("Week"),
        y_title=say("Added sales (money)"),
    )


def recovered(tested: pd.DataFrame) -> Any:
    """Return known effects and what was found, with the ranges, as shares of the truth."""
    frame = tested.assign(
        name=tested["channel"] + " " + (tested["world"] + 1).astype(str)
    )
    for column in ("found", "low", "high"):
        frame[column] = np.clip(frame[column] / frame["truth"], 0, 4)
    frame = frame.sort_values(["channel", "world"])
    return forms.dots(
        frame,
        y="name",
        x="found",
        low="low",
        high="high",
        title=say("Found, as a multiple of the known effect"),
        x_title=say("Found over known (the line: just right)"),
        reference=1.0,
    )


def credit_ways(credit: Credit) -> Any:
    """Return what paths lose without each channel, in per cent, with the range."""
    shares = credit.shares
    frame = pd.DataFrame(
        {
            "channel": shares["channel"],
            **{
                k: 100 * shares[k].fillna(shares["removal"])
                for k in ("removal", "low", "high")
            },
        }
    )
    return forms.bars(
        frame,
        x="channel",
        y="removal",
        low="low",
        high="high",
        horizontal=True,
        title=say("Share of purchases lost without the channel"),
        x_title=say("Channel"),
        y_title=say("Share of purchases (%)"),
    )


def against_last(credit: Credit) -> Any:
    """Return by how much the last contact over- or understates each channel, in points."""
    shares = credit.shares
    over = 100 * (shares["last"] - shares["removal"])
    wide = 100 * (shares["high"] - shares["low"]).fillna(0) / 2
    frame = pd.DataFrame(
        {
            "channel": shares["channel"],
            "over": over,
            "low": over - wide,
            "high": over + wide,
        }
    )
    return forms.dots(
        frame,
        y="channel",
        x="over",
        low="low",
        high="high",
        title=say("Last contact against what paths lose without the channel"),
        x_title=say("Last contact says more (points)"),
        reference=0.0,
    )
