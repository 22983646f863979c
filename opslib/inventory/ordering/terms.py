"""This module owns the terms of an order: from whom, at what price, after how long."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from opslib import checks
from opslib.inventory.demand import Panel

LATEST = 4
_ORDER = ("item", "supplier", "ordered", "promised", "received", "quantity")
_YEAR = 364
_FEW = 3
_ENOUGH = 100
_FAR = 12


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What an order is placed under, one row a series of the panel.

    Attributes:
        frame: item, place, supplier, price, cost, buy (price paid to the supplier),
            pack, minimum_order, shelf_life_days, lead_weeks, on_hand and in_pipeline
            (missing where stock was never delivered); with purchase orders also
            suppliers (of the item in the last year) and what is known of the one
            chosen: on_time, days and slow (the median and the slowest tenth), other
            (the next best), other_days, other_on_time and saving (share that a good
            unit costs less than from the other).
        assumed: Names of what was not delivered and had to be assumed.
        stock_known: Whether stock on hand was delivered.
        leads: Chance of a lead time of 0, 1, ... weeks, rows by weeks, from real
            deliveries; None where the usual one is sure.
        due: Units on the way by coming week, rows by weeks; None spreads them evenly.
        choices: One row for each item and supplier where there is a choice.
    """

    frame: pd.DataFrame
    assumed: tuple[str, ...]
    stock_known: bool
    leads: np.ndarray | None = None
    due: np.ndarray | None = None
    choices: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def longest(self) -> int:
        """Most weeks that an order may take."""
        usual = int(self.frame["lead_weeks"].max())
        return usual if self.leads is None else max(usual, self.leads.shape[1] - 1)


def terms(
    panel: Panel, products: pd.DataFrame, stock: pd.DataFrame, orders: pd.DataFrame,
    *, lead_weeks: float, cost_share: float, holding_rate: float = 0.25,
) -> Terms:  # fmt: skip
    """Return the terms of each series from the tables, assuming what lacks.

    Lead times are those of the supplier's deliveries of the last year, all of them;
    without purchase orders `lead_weeks` is assumed. Without a unit cost, the price
    last paid is taken, and without that `cost_share` of the selling price.

    Args:
        panel: Clean demand.
        products: item with supplier, price, cost, pack, minimum_order and
            shelf_life_days where known.
        stock: item, place, on_hand; may be empty.
        orders: Purchase orders; may be empty.
        lead_weeks: Lead time where none is known.
        cost_share: Unit cost as a share of price where none is known, in (0, 1).
        holding_rate: Yearly cost of stock as a share of its value.
    """
    checks.between(lead_weeks, "lead_weeks", low=0, high=52)
    checks.between(
        cost_share, "cost_share", low=0, high=1, open_low=True, open_high=True
    )
    known = products.drop_duplicates("item").set_index("item")
    frame = panel.keys.assign(paid=panel.price)
    for name in (
        "name",
        "supplier",
        "price",
        "cost",
        "pack",
        "minimum_order",
        "shelf_life_days",
    ):
        frame[name] = frame["item"].map(known[name]) if name in known else np.nan
    delivered = len(orders) and orders["received"].notna().any()
    card = offers(orders, holding_rate=holding_rate) if delivered else None
    frame, choices = _chosen(frame, card)
    assumed = []
    frame["price"] = frame["price"].where(frame["price"] > 0).fillna(frame["paid"])
    frame["price"] = frame["price"].fillna(0.0)
    frame["cost"] = frame["cost"].fillna(frame["buy"])
    if frame["cost"].isna().any():
        assumed.append("cost")
        frame["cost"] = frame["cost"].fillna(frame["price"] * cost_share)
    frame["buy"] = frame["buy"].fillna(frame["cost"])
    frame["pack"] = frame["pack"].fillna(1).clip(lower=1)
    frame["minimum_order"] = frame["minimum_order"].fillna(0)
    leads = _leads(frame["supplier"], orders) if card is not None else None
    if leads is None:
        assumed.append("lead time")
        frame["lead_weeks"] = float(np.ceil(lead_weeks))
    else:
        unknown = leads.sum(axis=1) == 0
        leads[unknown, min(int(np.ceil(lead_weeks)), leads.shape[1] - 1)] = 1.0
        frame["lead_weeks"] = (np.cumsum(leads, axis=1) < 0.5).sum(axis=1).astype(float)
    frame["on_hand"] = _looked_up(frame, stock, "on_hand") if len(stock) else np.nan
    due = _due(frame, orders, panel.weeks[-1] + pd.Timedelta(days=7))
    frame["in_pipeline"] = due.sum(axis=1)
    if not len(stock):
        assumed.append("stock")
    return Terms(
        frame=frame.drop(columns="paid"), assumed=tuple(assumed),
        stock_known=bool(len(stock)), leads=leads, due=due, choices=choices,
    )  # fmt: skip


def offers(orders: pd.DataFrame, *, holding_rate: float) -> pd.DataFrame:
    """Return what each supplier's goods of the last year came to, by item.

    A good unit costs the newest price over the accepted share of units (few units are
    drawn towards the supplier's whole share), and the stock held against deliveries slower than usual: the days between the supplier's median
    and its slowest tenth, at the yearly cost of stock.

    Args:
        orders: Purchase orders: item, supplier, ordered, promised, received, quantity
            and, where known, price and quantity_rejected.
        holding_rate: Yearly cost of stock as a share of its value.

    Raises:
        ValueError: A column is missing.

    Returns:
        item, supplier, orders, price, rejected, on_time, days, slow and unit (what a
        good unit costs), one row for each pair with at least three deliveries.

    Example:
        >>> day = pd.to_datetime(["2026-01-05"] * 3)
        >>> bought = pd.DataFrame({"item": "A", "supplier": "S", "ordered": day,
        ...     "promised": day + pd.Timedelta(days=7), "quantity": 10.0, "price": 9.0,
        ...     "received": day + pd.Timedelta(days=8), "quantity_rejected": 1.0})
        >>> offers(bought, holding_rate=0.2)[["on_time", "days", "unit"]].values.tolist()
        [[0.0, 8.0, 10.0]]
    """
    checks.columns(orders, _ORDER, "purchase orders")
    done = _recent(orders)
    price = done.get("price", np.nan)
    bad = done.get("quantity_rejected", 0.0)
    done = done.assign(price=price, bad=bad).fillna({"bad": 0.0})
    by = done.groupby("supplier")
    days = by["days"]
    whose = pd.DataFrame(
        {"on_time": by["in_time"].mean(), "days": days.median(), "slow": days.quantile(0.9),
         "usual": by["bad"].sum() / by["quantity"].sum().clip(lower=1e-9)}
    )  # fmt: skip
    card = done.groupby(["item", "supplier"], as_index=False).agg(
        orders=("days", "size"), price=("price", "last"),
        bad=("bad", "sum"), quantity=("quantity", "sum"),
    )  # fmt: skip
    card = card[card["orders"] >= _FEW].join(whose, on="supplier")
    known = card["quantity"] + _ENOUGH
    rejected = ((card["bad"] + _ENOUGH * card["usual"]) / known).clip(0, 0.99)
    wait = (card["slow"] - card["days"]) / 365 * holding_rate
    return card.assign(
        rejected=rejected, unit=card["price"] / (1 - rejected) * (1 + wait)
    ).drop(columns=["bad", "quantity", "usual"])


def _chosen(
    frame: pd.DataFrame, card: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the frame with the supplier whose good unit costs least, and the choices."""
    if card is None or card.empty:
        return frame.assign(buy=np.nan), pd.DataFrame()
    ranked = card.sort_values(["item", "unit", "orders"], ascending=[True, True, False])
    by = ranked.groupby("item")
    best = by.nth(0).set_index("item")
    other = by.nth(1).set_index("item")
    item = frame["item"]
    supplier = item.map(best["supplier"]).fillna(frame["supplier"])
    whose = card.drop_duplicates("supplier").set_index("supplier")
    frame = frame.assign(
        supplier=supplier, buy=item.map(best["price"]),
        suppliers=item.map(by.size()).fillna(1), other=item.map(other["supplier"]),
        saving=item.map(1 - best["unit"].reindex(other.index) / other["unit"]),
        other_days=item.map(other["days"]), other_on_time=item.map(other["on_time"]),
        **{c: supplier.map(whose[c]) for c in ("on_time", "days", "slow")},
    )  # fmt: skip
    several = ranked[by["supplier"].transform("size") > 1]
    taken = several["supplier"] == several["item"].map(best["supplier"])
    return frame, several.assign(taken=taken)


def _recent(orders: pd.DataFrame) -> pd.DataFrame:
    """Return deliveries of the last year, oldest order first, with days and promise kept."""
    done = orders.dropna(subset=["received"]).sort_values("ordered", kind="stable")
    done = done[done["ordered"] > done["ordered"].max() - pd.Timedelta(days=_YEAR)]
    return done.assign(
        days=(done["received"] - done["ordered"]).dt.days,
        in_time=done["received"] <= done["promised"],
    )


def _leads(supplier: pd.Series, orders: pd.DataFrame) -> np.ndarray | None:
    """Return each row's chance of lead times in whole weeks, from its supplier's year.

    What came more than four weeks after the supplier's usual time counts as four.
    """
    done = _recent(orders)
    if done.empty:
        return None
    weeks = np.ceil(done["days"].clip(lower=0) / 7)
    usual = weeks.groupby(done["supplier"]).transform("median")
    weeks = np.minimum(weeks, np.ceil(usual) + LATEST).astype(int)
    share = pd.crosstab(done["supplier"], weeks, normalize="index")
    share = share.reindex(columns=range(int(weeks.max()) + 1), fill_value=0.0)
    return share.reindex(supplier).fillna(0.0).to_numpy()


def _looked_up(frame: pd.DataFrame, rows: pd.DataFrame, column: str) -> np.ndarray:
    known = rows.groupby(["item", "place"])[column].sum()
    at = pd.MultiIndex.from_frame(frame[["item", "place"]])
    return known.reindex(at).fillna(0).to_numpy(float)


def _due(frame: pd.DataFrame, orders: pd.DataFrame, monday: pd.Timestamp) -> np.ndarray:
    """Return open orders by the coming week from whose start they are there.

    An order counts from the week after the promised day; overdue ones and those without
    a promise are expected in the first.
    """
    due = np.zeros((len(frame), _FAR))
    waiting = orders[orders["received"].isna()] if len(orders) else orders
    if not len(waiting):
        return due
    week = np.ceil((waiting["promised"] - monday).dt.days / 7).fillna(0)
    week = week.clip(0, _FAR - 1).astype(int)
    for at, part in waiting.groupby(week):
        due[:, at] = _looked_up(frame, part, "quantity")
    return due
