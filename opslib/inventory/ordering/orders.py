"""This module owns the order list: how much of what, why, and what it is worth.

Long because a decision and all its parts read together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib import checks
from opslib.inventory.ahead import rolling as tests
from opslib.inventory.ahead.rolling import Backtest, Forecast
from opslib.inventory.demand import Panel
from opslib.inventory.ordering import simulate
from opslib.inventory.ordering.edits import COLUMNS, apply_edits, price_edits
from opslib.inventory.ordering.tuning import Tuned, Worth, tune, worth


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What an order is placed under, one row a series of the panel.

    Attributes:
        frame: item, place, supplier, price, cost, pack, minimum_order, lead_weeks,
            on_hand and in_pipeline (missing where stock was never delivered); with
            purchase orders also on_time (the supplier's share) and suppliers (of the
            item so far).
        assumed: Names of what was not delivered and had to be assumed.
        stock_known: Whether stock on hand was delivered.
    """

    frame: pd.DataFrame
    assumed: tuple[str, ...]
    stock_known: bool


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Everything that leads to today's orders.

    Attributes:
        listed: The order list, the buyer's own numbers in place.
        tuned: The level that cost least and its proof.
        test: The back-test that chose the methods.
        coming: Possible demand.
        worth: What a day of lead time and a point of accuracy are worth.
        priced: What the buyer's earlier changes saved, line by line.
    """

    listed: pd.DataFrame
    tuned: Tuned
    test: Backtest
    coming: Forecast
    worth: Worth
    priced: pd.DataFrame


def decide(
    panel: Panel, told: Terms, *, holding_rate: float, budget: float = 0,
    edits: pd.DataFrame | None = None, day: object = None,
) -> Decision:  # fmt: skip
    """Choose methods, foretell, tune the level, and list the orders.

    Args:
        panel: Clean demand.
        told: Terms.
        holding_rate: Yearly cost of stock as a share of its value.
        budget: Most money to spend, 0 for no limit.
        edits: The buyer's own orders, of this day and of earlier ones; or None.
        day: Day of the list; None takes the end of the last week.
    """
    edits = pd.DataFrame(columns=[*COLUMNS]) if edits is None else edits
    weeks = int(told.frame["lead_weeks"].max()) + 3
    test = tests.backtest(panel, ahead=4)
    coming = tests.foretell(panel, test, weeks=weeks, draws=120)
    tuned = tune(panel, told, holding_rate=holding_rate)
    listed = plan(
        coming, told, level=tuned.level, holding_rate=holding_rate, budget=budget
    )
    return Decision(
        listed=apply_edits(
            listed, edits, day=day or panel.weeks[-1] + pd.Timedelta(days=6)
        ),
        tuned=tuned,
        test=test,
        coming=coming,
        worth=worth(panel, told, level=tuned.level, holding_rate=holding_rate),
        priced=price_edits(edits, panel, told, holding_rate=holding_rate),
    )


def terms(
    panel: Panel, products: pd.DataFrame, stock: pd.DataFrame, orders: pd.DataFrame,
    *, lead_weeks: float, cost_share: float,
) -> Terms:  # fmt: skip
    """Return the terms of each series from the tables, assuming what lacks.

    Lead times are the median of real deliveries of each supplier; without purchase
    orders `lead_weeks` is assumed. Without a unit cost, `cost_share` of the price is.

    Args:
        panel: Clean demand.
        products: item with supplier, price, cost, pack, minimum_order where known.
        stock: item, place, on_hand; may be empty.
        orders: Purchase orders; may be empty.
        lead_weeks: Lead time where none is known.
        cost_share: Unit cost as a share of price where none is known, in (0, 1).
    """
    checks.between(lead_weeks, "lead_weeks", low=0, high=52)
    checks.between(
        cost_share, "cost_share", low=0, high=1, open_low=True, open_high=True
    )
    known = products.drop_duplicates("item").set_index("item")
    frame = panel.keys.assign(paid=panel.price)
    for name in ("name", "supplier", "price", "cost", "pack", "minimum_order"):
        frame[name] = frame["item"].map(known[name]) if name in known else np.nan
    assumed = []
    frame["price"] = frame["price"].where(frame["price"] > 0).fillna(frame["paid"])
    frame["price"] = frame["price"].fillna(0.0)
    if frame["cost"].isna().any():
        assumed.append("cost")
        frame["cost"] = frame["cost"].fillna(frame["price"] * cost_share)
    frame["pack"] = frame["pack"].fillna(1).clip(lower=1)
    frame["minimum_order"] = frame["minimum_order"].fillna(0)
    arrived = orders.dropna(subset=["received"]) if len(orders) else orders
    if len(arrived):
        days = (arrived["received"] - arrived["ordered"]).dt.days
        lead = (days.groupby(arrived["supplier"]).median() / 7).clip(lower=0)
        frame["lead_weeks"] = np.ceil(frame["supplier"].map(lead).fillna(lead_weeks))
        punctual = (arrived["received"] <= arrived["promised"]).groupby(
            arrived["supplier"]
        )
        frame["on_time"] = frame["supplier"].map(punctual.mean())
        count = orders.groupby("item")["supplier"].nunique()
        frame["suppliers"] = frame["item"].map(count).fillna(1)
    else:
        assumed.append("lead time")
        frame["lead_weeks"] = float(np.ceil(lead_weeks))
    frame["on_hand"] = _looked_up(frame, stock, "on_hand") if len(stock) else np.nan
    frame["in_pipeline"] = _open_units(frame, orders)
    if not len(stock):
        assumed.append("stock")
    return Terms(
        frame=frame.drop(columns="paid"),
        assumed=tuple(assumed),
        stock_known=bool(len(stock)),
    )


def plan(
    coming: Forecast,
    told: Terms,
    *,
    level: float | np.ndarray,
    holding_rate: float,
    budget: float = 0,
) -> pd.DataFrame:
    """Return the order list, most valuable first.

    Each order lifts stock in its delivery week so that demand is met with the chance
    `level`; it is rounded to full packs on the side that costs less at that level, and
    kept above the minimum order. A budget keeps the orders that gain most per money.

    Args:
        coming: Possible demand; it must reach one week beyond the longest lead time.
        told: Terms.
        level: Chance of meeting the delivery week's demand, between 0 and 1, one or
            one a series.
        holding_rate: Yearly cost of stock as a share of its value.
        budget: Most money to spend, 0 for no limit.

    Returns:
        item, place, name, supplier, on_hand, in_pipeline, expected (units to delivery
        week), at_delivery (projected stock), order, wanted (units before packs), packs, money, gain, gain_more,
        gain_less, running_out (chance to run out before delivery).

    Raises:
        ValueError: The forecast is shorter than a lead time, or the level is no chance.
    """
    frame = told.frame
    level = np.broadcast_to(np.asarray(level, float), len(frame))
    for one in (float(level.min()), float(level.max())):
        checks.between(one, "level", low=0, high=1, open_low=True, open_high=True)
    longest = int(frame["lead_weeks"].max()) + 1
    if coming.paths.shape[2] < longest:
        msg = (
            f"the forecast has {coming.paths.shape[2]} weeks; the longest lead time needs "
            f"{longest}. Foretell more weeks"
        )
        raise ValueError(msg)
    parts = [
        _plan_rows(coming, told, rows, int(lead) + 1, level[rows], holding_rate)
        for lead, rows in frame.groupby("lead_weeks").indices.items()
    ]
    listed = pd.concat(parts).sort_values("gain", ascending=False, ignore_index=True)
    if budget:
        worth = (listed["gain"] / listed["money"].clip(lower=1e-9)).rank(
            ascending=False
        )
        order = listed.assign(worth=worth).sort_values("worth")
        kept = order.index[(order["money"].cumsum() <= budget)]
        outside = ~listed.index.isin(kept)
        listed.loc[outside, ["order", "packs", "money", "gain"]] = 0.0
    return listed


def _plan_rows(
    coming: Forecast,
    told: Terms,
    rows: np.ndarray,
    ahead: int,
    level: np.ndarray,
    rate: float,
) -> pd.DataFrame:
    part = told.frame.iloc[rows].reset_index(drop=True)
    paths = coming.paths[rows][:, :, :ahead]
    on_hand = part["on_hand"].fillna(0).to_numpy()
    pipeline = np.zeros((len(part), ahead - 1))
    if ahead > 1:
        pipeline[:] = (part["in_pipeline"].to_numpy() / (ahead - 1))[:, None]
    if told.stock_known:
        need = simulate.shortfall(paths, on_hand=on_hand, pipeline=pipeline)
    else:
        need = paths.sum(axis=2)
    pack = part["pack"].to_numpy()
    order = simulate.in_packs(need, level=level, pack=pack)
    order = np.where(
        (order > 0) & (order < part["minimum_order"]),
        np.ceil(part["minimum_order"] / pack) * pack,
        order,
    )
    margin = (part["price"] - part["cost"]).clip(lower=0).to_numpy()
    hold = (part["cost"] * rate / 52).to_numpy()

    def gain(amount: np.ndarray) -> np.ndarray:
        short = np.maximum(0, need - amount[:, None]).mean(axis=1)
        left = np.maximum(0, amount[:, None] - need).mean(axis=1)
        return -(margin * short + hold * left)

    base, now = gain(np.zeros_like(order)), gain(order)
    stock = on_hand + part["in_pipeline"].to_numpy()
    before = paths[:, :, : max(1, ahead - 1)].sum(axis=2)
    kept = ["item", "place", "name", "supplier", "cost", "pack", "lead_weeks",
            "on_hand", "in_pipeline", "on_time", "suppliers"]  # fmt: skip
    return part.reindex(columns=kept).assign(
        expected=paths.sum(axis=2).mean(axis=1),
        at_delivery=(-need + paths[:, :, -1]).mean(axis=1)
        if told.stock_known
        else np.nan,
        order=order,
        wanted=np.maximum(0, simulate.quantile_by_row(need, level)),
        packs=order / pack,
        money=order * part["cost"],
        gain=np.where(order > 0, now - base, 0.0),
        gain_more=gain(order + 1) - now,
        gain_less=gain(np.maximum(order - 1, 0)) - now,
        running_out=(before > stock[:, None]).mean(axis=1)
        if told.stock_known
        else np.nan,
    )


def _looked_up(frame: pd.DataFrame, stock: pd.DataFrame, column: str) -> np.ndarray:
    known = stock.groupby(["item", "place"])[column].sum()
    at = pd.MultiIndex.from_frame(frame[["item", "place"]])
    return known.reindex(at).fillna(0).to_numpy(float)


def _open_units(frame: pd.DataFrame, orders: pd.DataFrame) -> np.ndarray:
    if not len(orders):
        return np.zeros(len(frame))
    waiting = orders[orders["received"].isna()]
    return (
        _looked_up(frame, waiting, "quantity") if len(waiting) else np.zeros(len(frame))
    )
