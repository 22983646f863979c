"""This module owns the market room's charts; each is a function of a result."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd

from opslib.market.answer import _part
from opslib.market.choosing import simulate
from opslib.show import forms
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.market.choosing.bestworst import Promises
    from opslib.market.choosing.prices import PriceStudy
    from opslib.market.choosing.simulate import Tastes
    from opslib.market.options import Comparison
    from opslib.market.survey.coding import Coded
    from opslib.market.survey.tables import Crosstab
    from opslib.market.trend import Trend

say = catalogue(__package__ or "opslib.market")


def score_by_wave(waves: pd.DataFrame) -> Any:
    """Return the recommendation score of each wave with its range."""
    return forms.dots(
        waves,
        y="wave",
        x="score",
        low="low",
        high="high",
        title=say("Recommendation score by wave"),
        x_title=say("Points, with the range of chance"),
    )


def quadrants(driving: pd.DataFrame) -> Any:
    """Return how much each side weighs against how it is rated; lines at the means."""
    frame = pd.DataFrame(
        {
            "share": 100 * driving["share"],
            "rating": driving["rating"],
            "name": [str(_part(p)) for p in driving["part"]],
        }
    )
    fig = forms.points(
        frame,
        x="share",
        y="rating",
        label="name",
        title=say("Weight and rating of each side"),
        x_title=say("Weight in recommending (%)"),
        y_title=say("Mean rating"),
    )
    for axis, column in (("xaxis", "share"), ("yaxis", "rating")):
        low, high = frame[column].min(), frame[column].max()
        room = 0.15 * (high - low) + 1e-3  # for the names above the points
        fig.update_layout({axis: {"range": [low - room, high + room]}})
    fig.add_vline(
        x=float(frame["share"].mean()), line={"color": "#8a949e", "dash": "dash"}
    )
    fig.add_hline(
        y=float(frame["rating"].mean()), line={"color": "#8a949e", "dash": "dash"}
    )
    return fig


def picked(found: Crosstab, question: str) -> Any:
    """Return the share of people who picked each answer, with its range."""
    rows = found.rows[
        (found.rows["question"] == question) & (found.rows["kind"] == "share")
    ]
    share, error = 100 * found.share[rows.index, 0], 100 * found.error[rows.index, 0]
    frame = pd.DataFrame(
        {
            "label": rows["label"],
            "share": share,
            "low": (share - 1.96 * error).clip(0),
            "high": share + 1.96 * error,
        }
    ).sort_values("share", ascending=False)
    return forms.bars(
        frame,
        x="label",
        y="share",
        low="low",
        high="high",
        horizontal=True,
        title=say("What people look for"),
        x_title=say("Answer"),
        y_title=say("People (%), several answers allowed"),
    )


def own_words(coded: Coded | None) -> Any:
    """Return the share of each code in people's own words, corrected, with its range."""
    shares = (
        pd.DataFrame(columns=["code", "share", "low", "high"])
        if coded is None
        else coded.shares
    )
    frame = shares.assign(
        code=[str(_part(c)) for c in shares["code"]],
        share=100 * shares["share"],
        low=100 * shares["low"],
        high=100 * shares["high"],
    )
    return forms.bars(
        frame,
        x="code",
        y="share",
        low="low",
        high="high",
        horizontal=True,
        title=say("What people's own words are about"),
        x_title=say("Topic"),
        y_title=say("People (%)"),
    )


def price_curves(study: PriceStudy) -> Any:
    """Return the shares that find each price too cheap, cheap, dear, too dear."""
    names = {
        "too_cheap": say("too cheap to trust"),
        "cheap": say("a bargain"),
        "dear": say("getting dear"),
        "too_dear": say("too dear"),
    }
    frame = study.range.curves.assign(**{c: 100 * study.range.curves[c] for c in names})
    return forms.lines(
        frame,
        x="price",
        ys=names,
        title=say("What people think of a price"),
        x_title=say("Price"),
        y_title=say("People (%)"),
    )


def profit_by_price(study: PriceStudy) -> Any:
    """Return profit for each hundred people asked, by price, with its range."""
    curve = study.demand.curve
    frame = curve.assign(
        **{c: 100 * curve[c] for c in ("profit", "profit_low", "profit_high")}
    )
    return forms.band(
        frame,
        x="price",
        y="profit",
        low="profit_low",
        high="profit_high",
        title=say("Profit by price"),
        x_title=say("Price"),
        y_title=say("Profit for 100 people asked"),
    )


def buyers_by_price(study: PriceStudy) -> Any:
    """Return the share that would buy at each price, with its range."""
    curve = study.demand.curve
    frame = curve.assign(
        **{c: 100 * curve[c] for c in ("buyers", "buyers_low", "buyers_high")}
    )
    return forms.band(
        frame,
        x="price",
        y="buyers",
        low="buyers_low",
        high="buyers_high",
        title=say("Buyers by price"),
        x_title=say("Price"),
        y_title=say("Would buy (%)"),
    )


def level_worths(table: pd.DataFrame) -> Any:
    """Return what each level is worth in money, with its range."""
    frame = table.assign(
        name=[
            str(say("{attribute}: {level}", attribute=_part(a), level=x))
            for a, x in zip(table["attribute"], table["level"], strict=True)
        ]
    )
    return forms.dots(
        frame,
        y="name",
        x="value",
        low="low",
        high="high",
        reference=0.0,
        title=say("What each level is worth beside the reference"),
        x_title=say("Money, with the range of chance"),
    )


def promises(found: Promises | None) -> Any:
    """Return how many would name each promise first, with its range."""
    names = ("share", "share_low", "share_high")
    frame = pd.DataFrame(columns=["item", *names]) if found is None else found.table
    return forms.dots(
        frame.assign(**{c: 100 * frame[c] for c in names}),
        y="item",
        x="share",
        low="share_low",
        high="share_high",
        title=say("What matters most to people"),
        x_title=say("Would name it first (%), with the range of chance"),
    )


def offer_shares(found: Tastes, offers: pd.DataFrame) -> Any:
    """Return the share of each offer today, with its range."""
    told = simulate.simulate(found, offers)
    rows = [simulate.ends(100 * told[:, k], found.sets) for k in range(len(offers))]
    frame = pd.DataFrame(rows, columns=["share", "low", "high"]).assign(
        name=[f"{o.brand}, {o.feature}, {o.price:g}" for o in offers.itertuples()]
    )
    return forms.bars(
        frame,
        x="name",
        y="share",
        low="low",
        high="high",
        horizontal=True,
        title=say("Who would be chosen at today's offers"),
        x_title=say("Offer"),
        y_title=say("Share of choices (%)"),
    )


def profit_of_features(plan: pd.DataFrame) -> Any:
    """Return profit a choice by price, one line for each feature."""
    wide = plan.pivot_table(
        index="price", columns="feature", values="profit"
    ).reset_index()
    return forms.lines(
        wide,
        x="price",
        ys={str(f): Text(str(f)) for f in wide.columns[1:]},
        title=say("Profit a choice by feature and price"),
        x_title=say("Price"),
        y_title=say("Profit a choice made"),
    )


def our_shares(told: Trend) -> Any:
    """Return our share of each category by month."""
    wide = (
        told.shares.assign(ours=100 * told.shares["ours"])
        .pivot_table(index="month", columns="category", values="ours")
        .reset_index()
    )
    return forms.lines(
        wide,
        x="month",
        ys={str(c): Text(str(c)) for c in wide.columns[1:]},
        title=say("Our share by category"),
        x_title=say("Month"),
        y_title=say("Share of sales (%)"),
    )


def market_size(told: Trend) -> Any:
    """Return the market's size, its season and the months ahead with their range."""
    frame = told.size.assign(
        **{c: told.size[c] / 1e3 for c in ("amount", "fitted", "low", "high")}
    )
    return forms.band(
        frame,
        x="month",
        y="fitted",
        low="low",
        high="high",
        actual="amount",
        title=say("Size of the market"),
        x_title=say("Month"),
        y_title=say("Sales of all sellers (thousands)"),
    )


def season(told: Trend) -> Any:
    """Return by how much each month of the year is above or below the mean."""
    frame = told.season.assign(
        **{c: 100 * (told.season[c] - 1) for c in ("factor", "low", "high")}
    )
    frame = frame.assign(
        name=[
            str(Text(dt.date(2001, m, 1).strftime("%b"), f"{m}月"))
            for m in frame["month"]
        ]
    )
    return forms.bars(
        frame,
        x="name",
        y="factor",
        low="low",
        high="high",
        title=say("Season of the market"),
        x_title=say("Month of the year"),
        y_title=say("Above or below the mean (%)"),
    )


def why_sales_moved(told: Trend) -> Any:
    """Return what the market and our share in each category added to a year's sales."""
    steps = told.steps[~told.steps["name"].isin(["@before", "@after"])]
    frame = steps.assign(
        name=[
            str(
                say("Growth of the market")
                if n == "@market"
                else say("Share in {category}", category=n)
            )
            for n in steps["name"]
        ],
        amount=steps["amount"] / 1e3,
    )
    return forms.bars(
        frame,
        x="name",
        y="amount",
        horizontal=True,
        title=say("Why our sales moved against the year before"),
        x_title=say("Reason"),
        y_title=say("Added to our sales of twelve months (thousands)"),
    )


def more_profit(found: Comparison) -> Any:
    """Return each option's profit over staying as now, with its range."""
    frame = found.table.assign(
        **{c: found.table[c] / 1e3 for c in ("more", "more_low", "more_high")}
    )
    return forms.dots(
        frame,
        y="option",
        x="more",
        low="more_low",
        high="more_high",
        reference=0.0,
        title=say("Profit over staying as now"),
        x_title=say("Thousands, nine in ten draws"),
    )


def share_course(found: Comparison) -> Any:
    """Return each option's share by month."""
    wide = (
        found.months.assign(share=100 * found.months["share"])
        .pivot_table(index="month", columns="option", values="share")
        .reset_index()
    )
    return forms.lines(
        wide,
        x="month",
        ys={str(o): Text(str(o)) for o in wide.columns[1:]},
        title=say("Our share under each option"),
        x_title=say("Month"),
        y_title=say("Share of units (%)"),
    )
