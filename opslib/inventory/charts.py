"""This module owns the inventory room's charts; each is a function of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opslib.inventory.ahead import rolling as tests
from opslib.show import forms
from opslib.words import catalogue

if TYPE_CHECKING:
    from opslib.inventory.ahead.rolling import Backtest, Forecast
    from opslib.inventory.demand import Panel
    from opslib.inventory.health import Health
    from opslib.inventory.ordering.tuning import Tuned

say = catalogue(__package__ or "opslib.inventory")


def demand_ahead(panel: Panel, coming: Forecast, test: Backtest) -> Any:
    """Return past units and what comes, with its 80 % range."""
    past = pd.DataFrame(
        {"week": panel.weeks, "past": np.nansum(panel.best_known(), axis=0)}
    ).iloc[-52:]
    sums = coming.paths.sum(axis=0)
    error = 1.28 * np.hypot(
        sums.std(axis=0) / sums.mean(axis=0).clip(1e-9), tests.total_error(test)
    )
    mean = coming.mean.sum(axis=0)
    ahead = pd.DataFrame(
        {
            "week": coming.weeks,
            "mean": mean,
            "low": mean * (1 - error).clip(0),
            "high": mean * (1 + error),
        }
    )
    frame = pd.concat([past, ahead], ignore_index=True)
    return forms.band(
        frame, x="week", y="mean", low="low", high="high", actual="past",
        title=say("Units a week, and what comes"), x_title=say("Week"), y_title=say("Units"),
    )  # fmt: skip


def money_by_level(tuned: Tuned) -> Any:
    """Return what each chance of meeting demand would have cost, with its 80 % range."""
    curve = tuned.curve
    frame = curve.assign(
        level=curve["level"] * 100,
        low=(curve["cost"] - 1.28 * curve["error"]).clip(lower=0),
        high=curve["cost"] + 1.28 * curve["error"],
    )
    return forms.band(
        frame, x="level", y="cost", low="low", high="high",
        label=say("Stock kept and sales lost"),
        title=say("What each service level would have cost"),
        x_title=say("Chance of meeting a week's demand (%)"), y_title=say("Money in past windows"),
    )  # fmt: skip


def money_by_supplier(listed: pd.DataFrame) -> Any:
    """Return today's orders by supplier."""
    money = listed.groupby(listed["supplier"].fillna("–"), as_index=True)["money"].sum()
    frame = money[money > 0].sort_values(ascending=False).head(12).reset_index()
    return forms.bars(
        frame, x="supplier", y="money", horizontal=True, title=say("Today's orders by supplier"),
        x_title=say("Supplier"), y_title=say("Money"),
    )  # fmt: skip


def stock_and_need(found: Health) -> Any:
    """Return stock money by place: needed and beyond need."""
    by = (
        found.rows.groupby("place")[["money", "over_money"]]
        .sum()
        .sort_values("money", ascending=False)
    )
    frame = by.reset_index().melt("place", ["over_money"], value_name="amount").head(12)
    return forms.bars(
        frame, x="place", y="amount", horizontal=True, title=say("Money beyond need, by place"),
        x_title=say("Place"), y_title=say("Money"),
    )  # fmt: skip


def losses(found: Health) -> Any:
    """Return what counts found missing, by place and cause."""
    frame = found.counts.assign(
        name=found.counts["place"] + ", " + found.counts["cause"]
    ).head(10)
    return forms.bars(
        frame, x="name", y="money", horizontal=True, title=say("Goods missing at counts"),
        x_title=say("Place and cause"), y_title=say("Money"),
    )  # fmt: skip
