"""This module owns the customers room's charts; each is a function of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opslib import words
from opslib.customers.answer import group_names, stage_name
from opslib.customers.churn import calibration, gains
from opslib.customers.segments import LEAST_GROUP
from opslib.show import forms
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.customers.churn import Churn
    from opslib.customers.segments import Segments
    from opslib.customers.value.lifetime import Audit

say = catalogue(__package__ or "opslib.customers")


def moves(moved: pd.DataFrame) -> Any:
    """Return how many customers moved from which stage to which; under ten are blank."""
    frame = moved.where(moved >= LEAST_GROUP).rename(
        index=lambda s: str(stage_name(s)), columns=lambda s: str(stage_name(s))
    )
    return forms.heat(
        frame,
        title=say("From stage to stage in one month"),
        x_title=say("Stage now"),
        y_title=say("Stage a month ago"),
        unit=say("customers"),
    )


def agreement(found: Segments) -> Any:
    """Return how well the groups of random halves agree, by number of groups."""
    labels = {"kmeans": say("Round groups"), "mixture": say("Groups of any shape")}
    table = found.tried[found.tried["method"].isin(list(labels))]
    frame = table.pivot_table(
        index="groups", columns="method", values="stability"
    ).reset_index()
    return forms.lines(
        frame,
        x="groups",
        ys=labels,
        title=say("How far groups are found again"),
        x_title=say("Number of groups"),
        y_title=say("Agreement (1 is full)"),
    )


def group_shares(found: Segments) -> Any:
    """Return the share of customers in each group, with its 90 % range."""
    big = found.groups["customers"] >= LEAST_GROUP
    share, count = found.groups.loc[big, "share"], found.groups.loc[big, "customers"]
    wide = 1.645 * np.sqrt(share * (1 - share) / (count / share))
    frame = pd.DataFrame(
        {
            "name": [str(n) for n, b in zip(group_names(found), big, strict=True) if b],
            "share": share * 100,
            "low": (share - wide) * 100,
            "high": (share + wide) * 100,
        }
    )
    return forms.bars(
        frame,
        x="name",
        y="share",
        low="low",
        high="high",
        horizontal=True,
        title=say("Share of customers in each group"),
        x_title=say("Group"),
        y_title=say("Customers (%)"),
    )


def foretold(checked: Audit) -> Any:
    """Return purchases foretold and made on past dates, by tenth of customers."""
    by = checked.bins.groupby("bin", as_index=False)[["predicted", "actual"]].mean()
    labels = {"predicted": say("Foretold"), "actual": say("Made")}
    return forms.lines(
        by,
        x="bin",
        ys=labels,
        title=say("Purchases foretold and made, by tenth of customers"),
        x_title=say("Tenth of customers, best last"),
        y_title=say("Purchases a customer"),
    )


def totals(checked: Audit) -> Any:
    """Return by how much each way missed the total on past dates."""
    labels = {
        "model": say("Our forecast"),
        "no_season": say("Without season"),
        "repeat_last": say("As in the period before"),
        "recency_only": say("By last purchase only"),
    }
    rows = checked.cuts[checked.cuts["method"].isin(list(labels))]
    frame = (
        rows.groupby("method")["bias"]
        .agg(["mean", "min", "max"])
        .mul(100)
        .reindex([m for m in labels if m in set(rows["method"])])
        .reset_index()
    )
    frame["way"] = [str(labels[m]) for m in frame["method"]]
    return forms.dots(
        frame,
        y="way",
        x="mean",
        low="min",
        high="max",
        title=say("How far off the total was on past dates"),
        x_title=say("Too high or low (%), mean and extremes"),
        reference=0.0,
    )


def leavers_found(leaving: Churn) -> Any:
    """Return which share of leavers is among those called first."""
    frame = gains(leaving.tested).mul(100)
    labels = {"found": say("In the order of this page"), "at_random": say("At random")}
    return forms.lines(
        frame,
        x="called",
        ys=labels,
        title=say("Leavers reached by calling the likeliest first"),
        x_title=say("Customers called (%)"),
        y_title=say("Leavers reached (%)"),
    )


def chances(leaving: Churn) -> Any:
    """Return chances said and shares that came, with their 90 % range."""
    frame = calibration(leaving.tested)
    frame = frame.assign(
        said=[
            str(say("said {chance}", chance=words.percent(s))) for s in frame["said"]
        ],
        came=frame["came"] * 100,
        low=100 * frame[["low", "came"]].min(axis=1),
        high=100 * frame[["high", "came"]].max(axis=1),
    )
    return forms.dots(
        frame.drop_duplicates("said"),
        y="said",
        x="came",
        low="low",
        high="high",
        title=say("What was said, and what came"),
        x_title=say("Did not buy (%)"),
    )


def staying(curves: pd.DataFrame) -> Any:
    """Return the share of recent quarters' new customers still here, by month."""
    last = sorted(curves["cohort"].unique())[-4:]
    middle = (
        curves[curves["cohort"].isin(last)]
        .groupby("month", as_index=False)[["share", "low", "high"]]
        .mean()
    )
    frame = middle.assign(**{c: middle[c] * 100 for c in ("share", "low", "high")})
    return forms.band(
        frame,
        x="month",
        y="share",
        low="low",
        high="high",
        title=say("New customers still here, last four quarters"),
        x_title=say("Months since the first purchase"),
        y_title=say("Still here (%)"),
    )


def staying_by_quarter(curves: pd.DataFrame) -> Any:
    """Return the share still here by month, a line for each recent quarter's new customers."""
    last = sorted(curves["cohort"].unique())[-6:]
    wide = (
        curves[curves["cohort"].isin(last)]
        .assign(share=lambda f: 100 * f["share"])
        .pivot_table(index="month", columns="cohort", values="share")
        .reset_index()
    )
    return forms.lines(
        wide,
        x="month",
        ys={str(c): Text(str(c)) for c in wide.columns[1:]},
        title=say("New customers still here, by quarter of the first purchase"),
        x_title=say("Months since the first purchase"),
        y_title=say("Still here (%)"),
    )
