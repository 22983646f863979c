"""This module owns the health of stock: too much, too little, counts, scrap, suppliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib import checks
from opslib.inventory.demand import Panel, known_mean


@dataclass(frozen=True, kw_only=True)
class Health:
    """Where money lies still and where shelves run empty.

    Attributes:
        rows: item, place, name, on_hand, weekly (mean units a week), cover_weeks,
            money, over_money (stock beyond the wanted cover), lost_weekly (margin lost
            a week while empty), abc (by value), xyz (by variability), days_idle.
        turns: Yearly cost of goods sold over mean stock at cost.
        out_share: Share of item-places with demand whose shelf is empty.
        counts: place, cause, missing units and money found by counts.
        accuracy: Share of counts without a difference.
        to_count: item, place, risk: what to count first.
        scrap: Requests awaiting approval, with who usually approves in that place.
        over_range: Money beyond need at the low and high end of an 80 % range.
    """

    rows: pd.DataFrame
    turns: float
    out_share: float
    counts: pd.DataFrame
    accuracy: float
    to_count: pd.DataFrame
    scrap: pd.DataFrame
    over_range: tuple[float, float]


def stock_health(
    panel: Panel, stock: pd.DataFrame, products: pd.DataFrame, takes: pd.DataFrame,
    scrap: pd.DataFrame, *, cover_weeks: float = 8.0,
) -> Health:  # fmt: skip
    """Return the health of stock on its last recorded day.

    Args:
        panel: Clean demand.
        stock: item, place, day, on_hand on the last day.
        products: item, name, price, cost.
        takes: Stock-takes; may be empty.
        scrap: Scrap requests; may be empty.
        cover_weeks: Weeks of demand beyond which stock counts as too much.

    Raises:
        ValueError: No stock was delivered, or the cover is not above zero.
    """
    checks.between(cover_weeks, "cover_weeks", low=0, open_low=True)
    if stock.empty:
        msg = "no stock was delivered; load stock_days (opslib template stock_days)"
        raise ValueError(msg)
    recent = panel.best_known()[:, -13:]
    known = (~np.isnan(recent)).sum(axis=1)
    weekly = np.nansum(recent, axis=1) / np.maximum(known, 1)
    year = panel.units[:, -52:]
    told = products.drop_duplicates("item").set_index("item")
    rows = panel.keys.assign(weekly=weekly, variation=_variation(year))
    rows = stock.merge(rows, on=["item", "place"], how="left")
    rows["weekly"] = rows["weekly"].fillna(0)
    for name in ("name", "price", "cost"):
        rows[name] = rows["item"].map(told[name])
    rows["money"] = rows["on_hand"] * rows["cost"]
    rows["cover_weeks"] = rows["on_hand"] / rows["weekly"].clip(lower=0.02)
    extra = (rows["on_hand"] - cover_weeks * rows["weekly"]).clip(lower=0)
    rows["over_money"] = extra * rows["cost"]
    empty = rows["on_hand"] <= 0
    rows["lost_weekly"] = np.where(
        empty, rows["weekly"] * (rows["price"] - rows["cost"]), 0.0
    )
    rows["abc"] = abc(rows["weekly"] * rows["cost"])
    rows["xyz"] = np.select(
        [rows["variation"] < 0.5, rows["variation"] < 1.0], ["X", "Y"], "Z"
    )
    rows["days_idle"] = _idle(panel, rows)
    sold_year = float((rows["weekly"] * rows["cost"]).sum() * 52)
    wanted = rows["weekly"] > 0.02
    return Health(
        rows=rows,
        turns=sold_year / max(1e-9, float(rows["money"].sum())),
        out_share=float((empty & wanted).sum() / max(1, wanted.sum())),
        counts=_counts(takes, told),
        accuracy=float((takes["booked"] == takes["counted"]).mean())
        if len(takes)
        else np.nan,
        to_count=_to_count(rows, takes),
        scrap=_waiting(scrap),
        over_range=_over_range(panel, rows, cover_weeks),
    )


def abc(value: pd.Series) -> np.ndarray:
    """Return A for the items that make 80 % of value, B for the next 15 %, else C.

    Example:
        >>> abc(pd.Series([80.0, 15.0, 5.0])).tolist()
        ['A', 'B', 'C']
    """
    order = value.fillna(0).sort_values(ascending=False)
    share = order.cumsum() / max(1e-9, order.sum())
    before = share - order / max(1e-9, order.sum())
    letter = np.select([before < 0.8 - 1e-9, before < 0.95 - 1e-9], ["A", "B"], "C")
    return pd.Series(letter, index=order.index).reindex(value.index).to_numpy()


def supplier_card(orders: pd.DataFrame) -> pd.DataFrame:
    """Return how each supplier keeps its word.

    Args:
        orders: Purchase orders; those not received yet count only as open.

    Returns:
        One row for each supplier, most days late first, from the orders of the last
        year: supplier, orders, on_time (share received by the promised day), late_days
        (mean days after the promised day), latest (most days after it), rejected (share
        of units), lead_days (median), lead_low and lead_high (10 and 90 % of orders),
        over_contract (money paid above contract), open_units.

    Raises:
        ValueError: No purchase order was delivered.
    """
    if orders.empty:
        msg = "no purchase order was delivered; load purchase_orders"
        raise ValueError(msg)
    orders = orders[
        orders["ordered"] > orders["ordered"].max() - pd.Timedelta(days=364)
    ]
    done = orders.dropna(subset=["received"])
    late = (done["received"] - done["promised"]).dt.days
    frame = done.assign(
        days=(done["received"] - done["ordered"]).dt.days, in_time=late <= 0,
        late=late.clip(lower=0),
        over=(done["price"] - done["contract_price"]) * done["quantity"],
    )  # fmt: skip
    card = frame.groupby("supplier").agg(
        orders=("order", "size"), on_time=("in_time", "mean"),
        late_days=("late", "mean"), latest=("late", "max"),
        lead_days=("days", "median"), lead_low=("days", lambda d: d.quantile(0.1)),
        lead_high=("days", lambda d: d.quantile(0.9)), over_contract=("over", "sum"),
        units=("quantity_received", "sum"), bad=("quantity_rejected", "sum"),
    )  # fmt: skip
    waiting = orders[orders["received"].isna()].groupby("supplier")["quantity"].sum()
    card = card.assign(
        rejected=card["bad"] / card["units"].clip(lower=1e-9),
        open_units=waiting.reindex(card.index).fillna(0),
    ).drop(columns=["units", "bad"])
    return card.sort_values("late_days", ascending=False).reset_index()


def _waiting(scrap: pd.DataFrame) -> pd.DataFrame:
    """Return requests not approved yet; who approved most in the place is to decide."""
    if scrap.empty:
        return scrap
    done = scrap.dropna(subset=["approved", "approver"])
    usual = done.groupby("place")["approver"].agg(lambda a: a.mode().iloc[0])
    waits = scrap[scrap["approved"].isna()]
    return waits.assign(approver=waits["approver"].fillna(waits["place"].map(usual)))


def _variation(units: np.ndarray) -> np.ndarray:
    known = ~np.isnan(units)
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, units, 0).sum(axis=1) / count
    var = np.where(known, (units - mean[:, None]) ** 2, 0).sum(axis=1) / count
    return np.sqrt(var) / np.maximum(mean, 1e-9)


def _idle(panel: Panel, rows: pd.DataFrame) -> np.ndarray:
    sold = np.nan_to_num(panel.best_known()) > 0
    last = sold.shape[1] - 1 - np.argmax(sold[:, ::-1], axis=1)
    weeks = pd.Series(
        (sold.shape[1] - 1 - last) * 7, index=pd.MultiIndex.from_frame(panel.keys)
    )
    at = pd.MultiIndex.from_frame(rows[["item", "place"]])
    return weeks.reindex(at).fillna(7 * sold.shape[1]).to_numpy()


def ageing(rows: pd.DataFrame) -> pd.DataFrame:
    """Return stock by the time since its last sale.

    Args:
        rows: Rows of `Health`.

    Returns:
        age (`month`, `quarter`, `half`, `older`), lines, money, share of all money.

    Example:
        >>> rows = pd.DataFrame({"item": ["a", "b"], "on_hand": [1, 2],
        ...     "money": [3.0, 1.0], "days_idle": [7, 400]})
        >>> ageing(rows)["share"].tolist()
        [0.75, 0.0, 0.0, 0.25]
    """
    bounds, names = [-1, 31, 92, 183, np.inf], ["month", "quarter", "half", "older"]
    held = rows[rows["on_hand"] > 0]
    age = pd.cut(held["days_idle"], bounds, labels=names)
    summed = held.groupby(age, observed=False).agg(
        lines=("item", "size"), money=("money", "sum")
    )
    share = summed["money"] / max(1e-9, summed["money"].sum())
    return summed.assign(share=share).rename_axis("age").reset_index()


def _over_range(
    panel: Panel, rows: pd.DataFrame, cover_weeks: float, draws: int = 200
) -> tuple[float, float]:
    """Return how far money beyond need moves when recent weeks are drawn anew.

    The same weeks are drawn for every item, so that what moves all items stays in.
    Drawing alone lifts the money (a shortfall counts nothing), so the range is laid
    around the money of the weeks as they were.
    """
    recent = panel.best_known()[:, -13:]
    at = pd.MultiIndex.from_frame(panel.keys).get_indexer(
        pd.MultiIndex.from_frame(rows[["item", "place"]])
    )
    picks = np.random.default_rng(1).integers(
        0, recent.shape[1], (draws, recent.shape[1])
    )
    held, cost = rows["on_hand"].to_numpy(), np.nan_to_num(rows["cost"].to_numpy(float))
    money = []
    for weeks in [np.arange(recent.shape[1]), *picks]:
        weekly = np.where(at >= 0, known_mean(recent[:, weeks])[at], 0.0)
        money.append((np.maximum(0, held - cover_weeks * weekly) * cost).sum())
    low, high = np.quantile(money[1:], [0.1, 0.9]) - np.median(money[1:])
    return float(max(0.0, money[0] + low)), float(money[0] + high)


def _counts(takes: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    if takes.empty:
        return pd.DataFrame(columns=["place", "cause", "missing", "money"])
    missing = takes["booked"] - takes["counted"]
    frame = takes.assign(
        missing=missing, money=missing * takes["item"].map(told["cost"])
    )
    frame = frame[frame["missing"] != 0].assign(cause=frame["cause"].fillna("unknown"))
    summed = frame.groupby(["place", "cause"], as_index=False)[
        ["missing", "money"]
    ].sum()
    return summed.sort_values("money", ascending=False, ignore_index=True)


def _to_count(rows: pd.DataFrame, takes: pd.DataFrame) -> pd.DataFrame:
    """Return what to count first: much money, long not counted, a place that loses."""
    if takes.empty:
        return rows.nlargest(20, "money")[["item", "place", "name", "money"]].assign(
            risk=np.nan, days_ago=np.nan
        )
    loss = takes.assign(wrong=takes["booked"] != takes["counted"])
    rate = loss.groupby("place")["wrong"].mean()
    last = takes.groupby(["item", "place"])["day"].max()
    at = pd.MultiIndex.from_frame(rows[["item", "place"]])
    newest = takes["day"].max()
    ago = (newest - last.reindex(at)).dt.days.fillna(365).to_numpy()
    risk = rows["money"] * rows["place"].map(rate).fillna(rate.mean()) * (ago / 30)
    return rows.assign(risk=risk, days_ago=ago).nlargest(20, "risk")[
        ["item", "place", "name", "money", "days_ago", "risk"]
    ]
