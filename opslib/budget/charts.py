"""This module owns the budget room's charts; each is a function of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opslib.budget.cash import shortage
from opslib.budget.risk import why
from opslib.show import forms
from opslib.words import catalogue

if TYPE_CHECKING:
    from opslib.budget.cash import Cash
    from opslib.budget.outlook import Books, Outlook
    from opslib.budget.plan.draft import Draft

say = catalogue(__package__ or "opslib.budget")


def year_path(told: Outlook, books: Books, currency: str) -> Any:
    """Return how far summed spending lies above the summed budget, with its range."""
    spending = (books.units["kind"] != "revenue").to_numpy()
    booked = np.cumsum(books.booked[spending].sum(axis=0))
    paths = booked[-1:].sum() + np.cumsum(told.draws.by_month, axis=1)
    low, high = np.quantile(paths, [0.1, 0.9], axis=0)
    planned = np.cumsum(books.plan[spending].sum(axis=0))
    shut = books.closed
    frame = pd.DataFrame(
        {
            "month": pd.date_range(books.year, periods=12, freq="MS"),
            "booked": np.append(booked - planned[:shut], np.full(12 - shut, np.nan)),
            "middle": np.concatenate([booked, paths.mean(axis=0)]) - planned,
            "low": np.concatenate([booked, low]) - planned,
            "high": np.concatenate([booked, high]) - planned,
        }
    )
    fig = forms.band(
        frame,
        x="month",
        y="middle",
        low="low",
        high="high",
        actual="booked",
        label=say("Foretold"),
        low_high_label=say("in four of five cases"),
        title=say("Spending against the budget so far"),
        x_title=say("Month"),
        y_title=say("Against the budget so far ({currency})", currency=currency),
    )
    fig.add_hline(y=0, line={"color": "#777", "dash": "dash"})
    return fig


def lines_against_budget(told: Outlook) -> Any:
    """Return each line's year end with its range, against its budget."""
    table = told.table[told.table["plan"] > 0]
    share = (
        table[["forecast", "low", "high"]].div(table["plan"], axis=0).sub(1).mul(100)
    )
    frame = (
        share.assign(name=table["line"] + ", " + table["department"])
        .sort_values("forecast", ascending=False)
        .head(14)
    )
    return forms.dots(
        frame,
        y="name",
        x="forecast",
        low="low",
        high="high",
        title=say("Year's end of each line against its budget"),
        x_title=say("Above or below the budget (%)"),
        reference=0.0,
    )


def drivers(told: Outlook) -> Any:
    """Return which lines make the total uncertain, with the error of each share."""
    table = why.variance_shares(told.draws)
    table = table[table["share"].abs() > 0.002].head(10)
    frame = table.assign(**{c: table[c] * 100 for c in ("share", "low", "high")})
    return forms.bars(
        frame,
        x="name",
        y="share",
        low="low",
        high="high",
        horizontal=True,
        title=say("Lines that make the year's end uncertain"),
        x_title=say("Line"),
        y_title=say("Share of the uncertainty (%)"),
    )


def swings(told: Outlook, currency: str) -> Any:
    """Return how the total moves when a line falls low or high."""
    table = why.variance_shares(told.draws)
    table = table[table["share"].abs() > 0.002].head(8)
    frame = table.assign(middle=0.0)
    return forms.dots(
        frame,
        y="name",
        x="middle",
        low="swing_low",
        high="swing_high",
        title=say("When a line falls low or high"),
        x_title=say("Change of the year's spending ({currency})", currency=currency),
        reference=0.0,
    )


def plan_to_forecast(told: Outlook, currency: str) -> Any:
    """Return how spending comes from budget to year's end, line by line."""
    spent = told.table[told.table["kind"] != "revenue"]
    gap = (spent["forecast"] - spent["plan"]).groupby(spent["line"]).sum()
    top = gap.reindex(gap.abs().sort_values(ascending=False).index).head(6)
    steps = [
        (str(say("Budget")), spent["plan"].sum(), "absolute"),
        *((n, v, "relative") for n, v in top.items()),
    ]
    rest = gap.sum() - top.sum()
    steps += [(str(say("Other lines")), rest, "relative")] if abs(rest) > 0.5 else []
    steps.append((str(say("Year's end")), 0.0, "total"))
    return _bridge(
        steps, title=say("From budget to year's end"), unit=currency, good=False
    )


def sales_bridge(steps: pd.DataFrame, currency: str) -> Any:
    """Return how sales so far came from the plan: volume, mix, price."""
    labels = {
        "plan": say("Planned so far"),
        "volume": say("Volume"),
        "mix": say("Mix"),
        "price": say("Price"),
        "now": say("Sold so far"),
    }
    kinds = {"plan": "absolute", "now": "total"}
    rows = [
        (str(labels[s]), 0.0 if s == "now" else a, kinds.get(s, "relative"))
        for s, a in zip(steps["step"], steps["amount"], strict=True)
    ]
    return _bridge(rows, title=say("From planned to actual sales"), unit=currency)


def cash_weeks(told: Cash, currency: str) -> Any:
    """Return cash at the end of each of the coming weeks, with its range and the floor."""
    return _balance(
        told,
        told.weeks,
        told.taken,
        told.week_ends,
        title=say("Cash in the coming quarter, week by week"),
        x_title=say("Week's end"),
        currency=currency,
    )


def cash_months(told: Cash, currency: str) -> Any:
    """Return cash at the coming month ends, with its range and the floor."""
    return _balance(
        told,
        told.months,
        told.drawn,
        told.month_ends,
        title=say("Cash in the coming year, month by month"),
        x_title=say("Month end"),
        currency=currency,
    )


def cash_chance(told: Cash, *, credit: float) -> Any:
    """Return the chance of having been short by each month end."""
    table = shortage(told, headroom=credit)
    frame = pd.DataFrame(
        {
            "day": table["day"],
            "chance": 100 * table["by_then"],
            "low": 100 * (table["by_then"] - table["error"]).clip(lower=0),
            "high": 100 * (table["by_then"] + table["error"]),
        }
    )
    fig = forms.bars(
        frame,
        x="day",
        y="chance",
        low="low",
        high="high",
        title=say("Chance of having run short by then"),
        x_title=say("Month end"),
        y_title=say("Chance (%)"),
    )
    fig.update_yaxes(range=[0, max(5.0, 1.1 * float(frame["high"].max()))])
    return fig


def room_left(room: pd.DataFrame) -> Any:
    """Return which share of its budget every line has left after commitments."""
    frame = room[room["plan"] > 0].assign(name=room["line"] + ", " + room["department"])
    frame = frame.assign(share=100 * frame["left"] / frame["plan"]).sort_values("share")
    return forms.bars(
        frame,
        x="name",
        y="share",
        horizontal=True,
        title=say("What each line has left"),
        x_title=say("Line"),
        y_title=say("Left of the year's budget (%)"),
    )


def draft_months(made: Draft, currency: str) -> Any:
    """Return sales and spending of the draft, month by month."""
    cells = made.cells.assign(
        side=np.where(made.cells["kind"] == "revenue", "sales", "spending")
    )
    frame = cells.pivot_table(
        index="month", columns="side", values="amount", aggfunc="sum"
    ).reset_index()
    return forms.lines(
        frame,
        x="month",
        ys={"sales": say("Sales"), "spending": say("Spending")},
        title=say("The draft, month by month"),
        x_title=say("Month"),
        y_title=say("Money ({currency})", currency=currency),
    )


def _balance(
    told: Cash,
    draws: np.ndarray,
    taken: np.ndarray,
    ends: list[Any],
    *,
    title: Any,
    x_title: Any,
    currency: str,
) -> Any:
    low, middle, high = np.quantile(draws, [0.1, 0.5, 0.9], axis=0)
    frame = pd.DataFrame({"day": ends, "low": low, "middle": middle, "high": high})
    fig = forms.band(
        frame,
        x="day",
        y="middle",
        low="low",
        high="high",
        label=say("Middle"),
        low_high_label=say("in four of five cases"),
        title=title,
        x_title=x_title,
        y_title=say("Cash ({currency})", currency=currency),
    )
    fig.add_scatter(
        x=frame["day"],
        y=[told.floor] * len(frame),
        mode="lines",
        name=str(say("Least that is allowed")),
        line={"dash": "dash", "color": "#b3261e"},
    )
    if len(told.drawings):
        fig.add_scatter(
            x=frame["day"],
            y=np.median(draws - taken, axis=0),
            mode="lines",
            name=str(say("if owners take as in the past year")),
            line={"dash": "dot", "color": "#5b6876"},
        )
    return forms.finish(fig, title=title)


def _bridge(
    rows: list[tuple[str, float, str]], *, title: Any, unit: str, good: bool = True
) -> Any:
    frame = pd.DataFrame(rows, columns=["step", "amount", "measure"])
    fig = forms.waterfall(
        frame,
        x="step",
        y="amount",
        title=title,
        y_title=say("Money ({currency})", currency=unit),
    )
    if not good:  # more spending is the bad direction
        up, down = (
            fig.data[0].increasing.marker.color,
            fig.data[0].decreasing.marker.color,
        )
        fig.update_traces(increasing_marker_color=down, decreasing_marker_color=up)
    if len(frame):
        sums = frame["amount"].where(frame["measure"] != "total", 0).cumsum()
        room = max(float(sums.max() - sums.min()), 0.01 * float(abs(sums.iloc[0])))
        fig.update_yaxes(
            range=[float(sums.min()) - room, float(sums.max()) + 0.5 * room]
        )
    return fig
