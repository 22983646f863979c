"""This module owns the demonstration company's trade: goods, demand, stock, sales.

Demand has a planted mean for each item, place and day; stock follows from the
company's own ordering policy; a sale happens only where stock lies on the shelf. So
sales, stock, returns and purchase orders tie together, and stock-outs hide demand.

Long because one day's life passes through every part of trade.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib.demo import truth
from opslib.demo.truth import CATEGORIES, CHANNELS, DAYS, LIFTS, REGIONS, START, WEEKS

_PROMO_STARTS = {
    "AUTUMN": (9, 15),
    "WINTER": (12, 4),
    "SPRING": (3, 16),
    "SUMMER": (6, 1),
}
_ADJECTIVES = (
    "Classic",
    "Golden",
    "Fresh",
    "Family",
    "Small",
    "Grand",
    "Daily",
    "Fine",
)
_ZH = {
    "Tea": "茶叶", "Snacks": "零食", "Drinks": "饮料", "Kitchen": "厨具",
    "Home": "家居", "Gifts": "礼品", "Classic": "经典", "Golden": "金装",
    "Fresh": "鲜选", "Family": "家庭装", "Small": "小份", "Grand": "臻品",
    "Daily": "日常", "Fine": "精选",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Trade:
    """Tables of trade and what is true of them.

    Attributes:
        tables: Table name to frame.
        demand: True weekly mean demand.
        lost: Units lost to empty shelves.
        contributions: Sales that marketing added.
        customers: Customers with group and day of leaving.
    """

    tables: dict[str, pd.DataFrame]
    demand: pd.DataFrame
    lost: pd.DataFrame
    contributions: pd.DataFrame
    customers: pd.DataFrame


def make(*, size: float, seed: int, language: str = "en") -> Trade:
    """Return the trade of three years.

    Args:
        size: 1 makes 300 items and 20,000 customers in eight regions.
        seed: Seed of everything random.
        language: `en` or `zh`, the language of names.
    """
    draw = np.random.default_rng([seed, 1])
    goods = _goods(max(24, round(300 * min(size, 20) ** 0.7)), draw, language)
    spend, added = _marketing(draw)
    mean = _mean_demand(goods, added, draw, size)
    buyers = _customers(max(400, int(20_000 * size)), mean.sum(axis=(0, 2)), draw)
    lines = _demand_lines(mean, buyers, draw)
    stock = _run_stock(mean, lines, goods, draw)
    tables = _trade_tables(lines, stock, goods)
    tables |= {
        "products": goods.drop(columns=["level", "supplier_lead", "launch_day"]),
        "places": _places(language),
        "suppliers": _suppliers(),
        "promotions": _promotions(tables["sales_lines"], goods),
        "marketing_spend": spend,
        "holidays": _holidays(),
    }
    return Trade(
        tables=tables,
        demand=_weekly(mean, goods),
        lost=stock["lost"],
        contributions=_contributions(mean, added, goods),
        customers=buyers,
    )


def promotion_plan() -> pd.DataFrame:
    """Return each promotion's days, category and regions, as planned."""
    rows = []
    for place, name in enumerate(LIFTS):
        month, day = _PROMO_STARTS[name[:6]]
        begin = dt.date(2000 + int(name[6:]), month, day)
        begin -= dt.timedelta(days=begin.weekday())
        regions = (
            REGIONS if name.startswith("WINTER") else tuple(np.roll(REGIONS, place)[:3])
        )
        days = 28 if name != "SUMMER26" else 42
        rows.append(
            {
                "promotion": name,
                "category": CATEGORIES[place % len(CATEGORIES)],
                "regions": regions,
                "start": (begin - START).days,
                "stop": (begin - START).days + days,
                "discount": 0.1 if place % 2 else 0.15,
            }
        )
    return pd.DataFrame(rows)


def _goods(count: int, draw: np.random.Generator, language: str) -> pd.DataFrame:
    at = np.arange(count)
    category = np.array(CATEGORIES)[at % len(CATEGORIES)]
    word = np.array(_ADJECTIVES)[(at // len(CATEGORIES)) % len(_ADJECTIVES)]
    names = [
        f"{_ZH[w]}{_ZH[c]} {i + 1}号"
        if language == "zh"
        else f"{w} {c.lower()} {i + 1}"
        for i, (w, c) in enumerate(zip(word, category, strict=True))
    ]
    price = np.round(np.exp(draw.normal(3.0, 0.7, count)), 1).clip(2, 300)
    supplier = np.array([f"S{1 + i:02d}" for i in range(12)])[
        draw.integers(0, 12, count)
    ]
    launch = np.where(
        draw.random(count) < 0.06, draw.integers(500, DAYS - 120, count), 0
    )
    return pd.DataFrame(
        {
            "item": [f"I{i + 1:04d}" for i in at],
            "name": names,
            "category": category,
            "brand": np.where(
                at % 3 == 0, "Own", np.where(at % 3 == 1, "Alpha", "Beta")
            ),
            "supplier": supplier,
            "price": price,
            "cost": np.round(price * draw.uniform(0.45, 0.7, count), 2),
            "pack": draw.choice([1, 6, 12, 24], count, p=[0.3, 0.3, 0.3, 0.1]),
            "minimum_order": 1,
            "shelf_life_days": np.where(
                np.isin(category, ["Tea", "Snacks", "Drinks"]),
                draw.integers(60, 365, count),
                3650,
            ),
            "launched": [truth.day(d) for d in launch],
            "level": np.exp(draw.normal(-2.1, 1.0, count)),
            "supplier_lead": [7 + 2 * (int(s[1:]) % 6) for s in supplier],
            "launch_day": launch,
        }
    )


def _marketing(draw: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Return daily spend and what it adds: share[channel, region, week]."""
    weeks = np.arange(WEEKS)
    added = np.zeros((len(CHANNELS), len(REGIONS), WEEKS))
    parts = []
    for c, (name, channel) in enumerate(CHANNELS.items()):
        wave = 1 + 0.4 * np.sin(2 * np.pi * weeks / (13 + 7 * c) + c)
        scale = channel.half * draw.uniform(0.6, 1.4, (len(REGIONS), 1))
        spend = scale * wave * draw.gamma(4, 0.25, (len(REGIONS), WEEKS))
        pause = draw.random((len(REGIONS), WEEKS)) < 0.15
        spend = np.round(np.where(pause, 0, spend), 2)
        stock = np.zeros_like(spend)
        for w in weeks:
            before = stock[:, w - 1] * channel.keep if w else 0
            stock[:, w] = spend[:, w] * (1 - channel.keep) + before
        added[c] = channel.share * stock / (stock + channel.half)
        parts.append(_spend_days(name, spend, draw))
    return pd.concat(parts, ignore_index=True), added


def _spend_days(
    name: str, spend: np.ndarray, draw: np.random.Generator
) -> pd.DataFrame:
    daily = np.repeat(spend / 7, 7, axis=1)
    views = draw.poisson(daily * 300)
    clicks = draw.binomial(views, 0.02)
    region, day = np.meshgrid(np.arange(len(REGIONS)), np.arange(DAYS), indexing="ij")
    frame = pd.DataFrame(
        {
            "day": _dates(day.ravel()),
            "region": np.array(REGIONS)[region.ravel()],
            "channel": name,
            "promotion": None,
            "spend": np.round(daily.ravel(), 2),
            "impressions": views.ravel(),
            "clicks": clicks.ravel(),
            "conversions": draw.binomial(clicks, 0.03).ravel(),
        }
    )
    plan = promotion_plan()
    for row in plan.itertuples():
        at = (day.ravel() >= row.start) & (day.ravel() < row.stop)
        at &= np.isin(frame["region"], row.regions) & (name in ("Social", "Leaflet"))
        frame["promotion"] = frame["promotion"].mask(at, row.promotion)
    return _break_clicks(frame)


def _break_clicks(frame: pd.DataFrame) -> pd.DataFrame:
    """Take clicks and orders away where the running campaign gave way."""
    told = truth.BREAK
    hit = (frame["promotion"] == told["promotion"]) & (
        frame["region"] == told["region"]
    )
    hit &= pd.to_datetime(frame["day"]) >= pd.Timestamp(told["day"])
    for name in ("clicks", "conversions"):
        frame[name] = np.where(
            hit, (frame[name] * told["keeps"]).round(), frame[name]
        ).astype(int)
    return frame


def _mean_demand(
    goods: pd.DataFrame, added: np.ndarray, draw: np.random.Generator, size: float
) -> np.ndarray:
    """Return the planted mean: item, place, day."""
    share = draw.dirichlet(np.full(len(REGIONS), 12.0), 1)[0] * len(REGIONS)
    volume = max(size, 0.05) ** 0.3
    base = goods["level"].to_numpy()[:, None] * share[None, :] * volume
    mean = base[:, :, None] * truth.season()[None, None, :]
    mean *= 1 + np.repeat(added.sum(axis=0), 7, axis=1)[None, :, :]
    drift = np.exp(np.cumsum(draw.normal(0, 0.03, (len(goods), WEEKS)), axis=1))
    mean *= np.repeat(drift / drift.mean(axis=1, keepdims=True), 7, axis=1)[:, None, :]
    for row in promotion_plan().itertuples():
        items = np.flatnonzero(goods["category"] == row.category)
        places = np.flatnonzero(np.isin(REGIONS, row.regions))
        stop = min(row.stop, DAYS)
        mean[np.ix_(items, places, np.arange(row.start, stop))] *= (
            1 + LIFTS[row.promotion]
        )
    mean[
        goods["launch_day"].to_numpy()[:, None, None]
        > np.arange(DAYS)[None, None, :].repeat(len(REGIONS), 1)
    ] = 0
    return mean


def _customers(
    count: int, demand: np.ndarray, draw: np.random.Generator
) -> pd.DataFrame:
    groups = list(truth.VALUE_GROUPS)
    shares = [g["share"] for g in truth.VALUE_GROUPS.values()]
    group = draw.choice(len(groups), count, p=shares)
    told = pd.DataFrame(truth.VALUE_GROUPS.values()).iloc[group]
    rate = told["rate"].to_numpy() * draw.gamma(16, 1 / 16, count) / 365
    joined = np.where(
        draw.random(count) < 0.5,
        -draw.integers(0, 60, count),
        draw.integers(0, DAYS - 60, count),
    )
    stays = draw.exponential(30.4 / told["stay"].to_numpy())
    return pd.DataFrame(
        {
            "customer": [f"{100_000 + i}" for i in range(count)],
            "group": np.array(groups)[group],
            "place": draw.choice(len(REGIONS), count, p=demand / demand.sum()),
            "rate": rate,
            "lines": told["lines"].to_numpy(),
            "joined": joined.clip(0),
            "left": np.minimum(joined.clip(0) + stays, 10 * DAYS),
        }
    )


def _demand_lines(
    mean: np.ndarray, buyers: pd.DataFrame, draw: np.random.Generator
) -> pd.DataFrame:
    """Return every wish to buy one unit: known customers' trips, then walk-ins."""
    trips = _trips(buyers, draw)
    lines = np.maximum(1, draw.poisson(buyers["lines"].to_numpy()[trips["who"]]))
    who, day = (
        np.repeat(trips["who"].to_numpy(), lines),
        np.repeat(trips["day"].to_numpy(), lines),
    )
    place = buyers["place"].to_numpy()[who]
    cell = place * DAYS + day
    total = mean.sum(axis=0).ravel()
    wanted = np.bincount(cell, minlength=total.size)
    kept = (
        draw.random(len(cell))
        < np.minimum(1, 0.8 * total / np.maximum(wanted, 1))[cell]
    )
    who, day, place, cell = who[kept], day[kept], place[kept], cell[kept]
    item = _pick_items(mean, place, day, draw)
    known = np.bincount(cell, minlength=total.size)
    rest = mean * np.maximum(0, 1 - known / np.maximum(total, 1e-9)).reshape(
        mean.shape[1:]
    )
    walk = draw.poisson(rest)
    at = np.repeat(np.flatnonzero(walk), walk[walk > 0])
    i, p, d = np.unravel_index(at, walk.shape)
    return pd.DataFrame(
        {
            "item": np.concatenate([item, i]).astype("int32"),
            "place": np.concatenate([place, p]).astype("int8"),
            "day": np.concatenate([day, d]).astype("int16"),
            "who": np.concatenate([who, np.full(len(at), -1)]).astype("int32"),
        }
    )


def _trips(buyers: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """Return the days on which customers come, more of them in season."""
    season = truth.season()
    top = season.max()
    last = np.minimum(buyers["left"].to_numpy(), DAYS)
    span = (last - buyers["joined"].to_numpy()).clip(0)
    count = draw.poisson(buyers["rate"].to_numpy() * span * top)
    who = np.repeat(np.arange(len(buyers)), count)
    day = (buyers["joined"].to_numpy()[who] + draw.random(len(who)) * span[who]).astype(
        int
    )
    day = day.clip(0, DAYS - 1)
    kept = draw.random(len(who)) < season[day] / top
    frame = pd.DataFrame({"who": who[kept], "day": day[kept]})
    first = pd.DataFrame({"who": np.arange(len(buyers)), "day": buyers["joined"]})
    return pd.concat([frame, first]).drop_duplicates().reset_index(drop=True)


def _pick_items(
    mean: np.ndarray, place: np.ndarray, day: np.ndarray, draw: np.random.Generator
) -> np.ndarray:
    """Choose an item for each line in proportion to that place and day's demand."""
    item = np.empty(len(place), dtype="int32")
    order = np.argsort(day, kind="stable")
    cuts = np.searchsorted(day[order], np.arange(DAYS + 1))
    u = draw.random(len(place))
    for d in range(DAYS):
        rows = order[cuts[d] : cuts[d + 1]]
        if rows.size:
            share = np.cumsum(mean[:, :, d], axis=0)
            share = share / share[-1]
            for p in np.unique(place[rows]):
                here = rows[place[rows] == p]
                item[here] = np.searchsorted(share[:, p], u[here])
    return item.clip(0, mean.shape[0] - 1)


def _run_stock(
    mean: np.ndarray,
    lines: pd.DataFrame,
    goods: pd.DataFrame,
    draw: np.random.Generator,
) -> dict[str, pd.DataFrame | np.ndarray]:
    """Live through every day with the company's own ordering policy."""
    items, places, days = mean.shape
    demand = np.zeros((items * places, days), dtype="int32")
    np.add.at(
        demand, (lines["item"].to_numpy() * places + lines["place"], lines["day"]), 1
    )
    pack = np.repeat(goods["pack"].to_numpy(), places)
    lead = np.repeat(goods["supplier_lead"].to_numpy(), places)
    supplier = np.repeat(goods["supplier"].to_numpy(), places)
    life = np.repeat(goods["shelf_life_days"].to_numpy(), places)
    recent = mean.reshape(items * places, days)[:, :28].mean(axis=1)
    stock = np.ceil(recent * 40).astype("int64") + pack
    arriving = np.zeros((items * places, days + 120), dtype="int32")
    out = {
        k: np.zeros((items * places, days), dtype="int32")
        for k in ("opening", "received", "sold", "adjusted", "closing")
    }
    orders, takes, scraps = [], [], []
    pipeline = np.zeros(items * places)
    for d in range(days):
        out["opening"][:, d] = stock
        got = arriving[:, d]
        stock = stock + got
        pipeline -= got
        sold = np.minimum(demand[:, d], stock)
        back = draw.binomial(out["sold"][:, d - 10], 0.015) if d >= 10 else 0
        stock = stock - sold + back
        loss = _count_and_scrap(d, stock, life, draw, takes, scraps, places)
        stock = stock - loss
        out["received"][:, d], out["sold"][:, d] = got, sold
        out["adjusted"][:, d] = back - loss
        out["closing"][:, d] = stock
        recent = 0.97 * recent + 0.03 * demand[:, d]
        if d % 7 == 0:
            wanted = np.ceil(recent * (lead + 7) * 1.5 + 1) - stock - pipeline
            amount = (np.ceil(wanted / pack) * pack).clip(0).astype(int)
            rows = np.flatnonzero(amount)
            late = _delay(d, supplier[rows], draw)
            bad = draw.binomial(
                amount[rows], np.where(supplier[rows] == "S03", 0.04, 0.004)
            )
            orders.append(
                pd.DataFrame(
                    {
                        "row": rows,
                        "d": d,
                        "promised": d + lead[rows],
                        "got": d + lead[rows] + late,
                        "quantity": amount[rows],
                        "bad": bad,
                    }
                )
            )
            np.add.at(
                arriving,
                (rows, np.minimum(d + lead[rows] + late, days + 119)),
                amount[rows] - bad,
            )
            pipeline[rows] += amount[rows] - bad
    return {
        **out,
        "lost": _lost(demand - out["sold"], goods, places),
        "orders": pd.concat(orders, ignore_index=True),
        "takes": pd.concat(takes, ignore_index=True),
        "scraps": pd.concat(scraps, ignore_index=True),
    }


def _delay(d: int, supplier: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    late = draw.poisson(1.2, len(supplier)) - 1
    for name, (begin, days) in truth.SUPPLIER_DELAY.items():
        at = (begin - START).days
        if at <= d < at + 35:
            late = np.where(supplier == name, late + days - (d - at), late)
    return np.maximum(late, -1)


def _count_and_scrap(
    d: int, stock: np.ndarray, life: np.ndarray, draw: np.random.Generator,
    takes: list[pd.DataFrame], scraps: list[pd.DataFrame], places: int,
) -> np.ndarray:  # fmt: skip
    """Return what a day's counts and scrapping take off the books."""
    loss = np.zeros(len(stock), dtype="int64")
    if d % 28 == 20:
        rows = np.arange((d // 28) % 6, len(stock), 6)
        wrong = np.where(rows % places == 3, 0.02, 0.004)
        gone = draw.binomial(stock[rows], wrong)
        takes.append(
            pd.DataFrame(
                {
                    "row": rows,
                    "d": d,
                    "booked": stock[rows],
                    "counted": stock[rows] - gone,
                }
            )
        )
        loss[rows] += gone
    if d % 28 == 25:
        rows = np.flatnonzero(life < 120)
        gone = draw.binomial(stock[rows] - loss[rows], 0.02)
        some = gone > 0
        scraps.append(pd.DataFrame({"row": rows[some], "d": d, "quantity": gone[some]}))
        loss[rows] += gone
    return loss


def _lost(lost: np.ndarray, goods: pd.DataFrame, places: int) -> pd.DataFrame:
    row, day = np.nonzero(lost)
    return pd.DataFrame(
        {
            "item": goods["item"].to_numpy()[row // places],
            "place": np.array(REGIONS)[row % places],
            "day": _dates(day),
            "units": lost[row, day],
        }
    )


def _trade_tables(
    lines: pd.DataFrame,
    stock: dict[str, pd.DataFrame | np.ndarray],
    goods: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    places = len(REGIONS)
    row = lines["item"].to_numpy() * places + lines["place"].to_numpy()
    order = np.lexsort((-lines["who"].to_numpy(), lines["day"], row))
    row, kept = row[order], lines.iloc[order].reset_index(drop=True)
    cell = row.astype("int64") * DAYS + kept["day"].to_numpy()
    starts = np.r_[True, cell[1:] != cell[:-1]]
    rank = np.arange(len(cell)) - np.maximum.accumulate(
        np.where(starts, np.arange(len(cell)), 0)
    )
    sold = stock["sold"][row, kept["day"]]
    kept = kept[rank < sold].assign(rank=rank[rank < sold])
    return {
        "sales_lines": _sales(kept, goods),
        "returns": _returns(kept, stock, goods),
        "stock_days": _stock_days(stock, goods),
        "purchase_orders": _purchase_orders(stock["orders"], goods),
        "order_edits": _edits(stock, goods),
        "stock_takes": _takes(stock["takes"], goods),
        "scrap": _scrap(stock["scraps"], goods),
    }


def _sales(kept: pd.DataFrame, goods: pd.DataFrame) -> pd.DataFrame:
    known = kept["who"].to_numpy() >= 0
    stranger = -1 - np.arange(len(kept)) // 2
    buyer = np.where(known, kept["who"], stranger)
    grouped = (
        kept.assign(buyer=buyer, quantity=1)
        .groupby(["day", "place", "buyer", "item"], sort=True, as_index=False)[
            "quantity"
        ]
        .sum()
    )
    item, day = grouped["item"].to_numpy(), grouped["day"].to_numpy()
    price = goods["price"].to_numpy()[item].copy()
    promotion = np.full(len(grouped), None, dtype=object)
    region = np.array(REGIONS)[grouped["place"]]
    for row in promotion_plan().itertuples():
        on = (
            (day >= row.start)
            & (day < row.stop)
            & (goods["category"].to_numpy()[item] == row.category)
            & np.isin(region, row.regions)
        )
        price = np.where(on, np.round(price * (1 - row.discount), 2), price)
        promotion[on] = row.promotion
    buyer = grouped["buyer"].to_numpy()
    sale = grouped.groupby(["day", "place", "buyer"], sort=False).ngroup().to_numpy()
    quantity = grouped["quantity"].to_numpy()
    return pd.DataFrame(
        {
            "sale": [f"B{n:07d}" for n in sale],
            "day": _dates(day),
            "item": goods["item"].to_numpy()[item],
            "place": region,
            "customer": np.where(buyer >= 0, (100_000 + buyer).astype(str), None),
            "quantity": quantity,
            "price": price,
            "amount": np.round(quantity * price, 2),
            "channel": np.where(sale % 5 == 0, "online", "shop"),
            "promotion": promotion,
        }
    )


def _returns(
    kept: pd.DataFrame, stock: dict[str, pd.DataFrame | np.ndarray], goods: pd.DataFrame
) -> pd.DataFrame:
    """Return lines brought back ten days after they were sold."""
    places = len(REGIONS)
    booked = stock["takes"].assign(gone=lambda t: t["booked"] - t["counted"])
    back = stock["adjusted"].astype("int64").copy()
    np.add.at(back, (booked["row"], booked["d"]), booked["gone"])
    np.add.at(
        back,
        (stock["scraps"]["row"], stock["scraps"]["d"]),
        stock["scraps"]["quantity"],
    )
    row = kept["item"].to_numpy() * places + kept["place"].to_numpy()
    due = kept["day"].to_numpy() + 10
    inside = due < DAYS
    hit = np.zeros(len(kept), dtype=bool)
    hit[inside] = kept["rank"].to_numpy()[inside] < back[row[inside], due[inside]]
    gone = kept[hit]
    price = goods["price"].to_numpy()[gone["item"]]
    return pd.DataFrame(
        {
            "sale": [f"R{n:06d}" for n in range(len(gone))],
            "day": _dates(gone["day"].to_numpy() + 10),
            "item": goods["item"].to_numpy()[gone["item"]],
            "place": np.array(REGIONS)[gone["place"]],
            "customer": np.where(
                gone["who"] >= 0, (100_000 + gone["who"]).astype(str), None
            ),
            "quantity": 1,
            "amount": price,
            "reason": np.where(gone["day"] % 3 == 0, "damaged", "not wanted"),
        }
    )


def _stock_days(
    stock: dict[str, pd.DataFrame | np.ndarray], goods: pd.DataFrame
) -> pd.DataFrame:
    places = len(REGIONS)
    rows = stock["closing"].shape[0]
    row = np.repeat(np.arange(rows), DAYS)
    frame = pd.DataFrame(
        {
            "day": np.tile(_dates(np.arange(DAYS)), rows),
            "place": pd.Categorical.from_codes(row % places, REGIONS),
            "item": pd.Categorical.from_codes(row // places, goods["item"]),
        }
    )
    for name in ("opening", "received", "sold", "adjusted", "closing"):
        frame[name] = stock[name].ravel()
    idle = goods["launch_day"].to_numpy()[row // places] > np.tile(
        np.arange(DAYS), rows
    )
    return frame[~idle].reset_index(drop=True)


def _purchase_orders(orders: pd.DataFrame, goods: pd.DataFrame) -> pd.DataFrame:
    places = len(REGIONS)
    of = goods.iloc[orders["row"] // places]
    over = np.where(of["supplier"].to_numpy() == "S08", 1.06, 1.0)
    second = _second_source(orders, of["supplier"].to_numpy(), places)
    cost = of["cost"].to_numpy() * np.where(second, 0.95, 1.0)
    arrived = orders["got"] < DAYS
    return pd.DataFrame(
        {
            "order": [f"P{n:06d}" for n in range(len(orders))],
            "item": of["item"].to_numpy(),
            "place": np.array(REGIONS)[orders["row"] % places],
            "supplier": of["supplier"]
            .where(~second, of["supplier"].map(truth.SECOND_SOURCE))
            .to_numpy(),
            "ordered": _dates(orders["d"]),
            "promised": _dates(orders["promised"]),
            "received": pd.Series(_dates(orders["got"])).where(arrived),
            "quantity": orders["quantity"],
            "quantity_received": orders["quantity"].where(arrived),
            "quantity_rejected": orders["bad"].where(arrived),
            "price": np.round(cost * over, 2),
            "contract_price": np.round(cost, 2),
        }
    )


def _second_source(
    orders: pd.DataFrame, supplier: np.ndarray, places: int
) -> np.ndarray:
    """Return which orders of items with two suppliers go to the cheaper second one."""
    two = (orders["row"] // places) % 3 == 0
    third = orders["d"] // 7 % 3 == 0
    return (two & third).to_numpy() & np.isin(supplier, list(truth.SECOND_SOURCE))


def _edits(
    stock: dict[str, pd.DataFrame | np.ndarray], goods: pd.DataFrame
) -> pd.DataFrame:
    """Return a buyer's changes: orders for half the places struck out, at a loss."""
    places, orders = len(REGIONS), stock["orders"]
    last = orders["d"].max() - 70
    rows = orders[(orders["d"] > last - 84) & (orders["d"] <= last)]
    struck = rows["row"] % places < places // 2
    at = rows["row"].to_numpy(), rows["d"].to_numpy()
    return pd.DataFrame(
        {
            "day": _dates(rows["d"] - 1),
            "place": np.array(REGIONS)[rows["row"] % places],
            "item": goods["item"].to_numpy()[rows["row"] // places],
            "proposed": rows["quantity"].astype(float),
            "wanted": rows["quantity"].where(~struck, 0).astype(float),
            "on_hand": stock["opening"][at].astype(float),
            "in_pipeline": 0.0,
            "lead_weeks": np.ceil(
                goods["supplier_lead"].to_numpy()[rows["row"] // places] / 7
            ),
            "run": "",
        }
    ).drop_duplicates(["day", "place", "item"])


def _takes(takes: pd.DataFrame, goods: pd.DataFrame) -> pd.DataFrame:
    places = len(REGIONS)
    short = takes["booked"] > takes["counted"]
    return pd.DataFrame(
        {
            "day": _dates(takes["d"]),
            "place": np.array(REGIONS)[takes["row"] % places],
            "item": goods["item"].to_numpy()[takes["row"] // places],
            "booked": takes["booked"],
            "counted": takes["counted"],
            "cause": np.where(
                ~short, None, np.where(takes["row"] % 3 == 0, "damage", "unknown")
            ),
        }
    )


def _scrap(scraps: pd.DataFrame, goods: pd.DataFrame) -> pd.DataFrame:
    places = len(REGIONS)
    of = goods.iloc[scraps["row"] // places]
    waits = scraps["d"] > DAYS - 20
    return pd.DataFrame(
        {
            "request": [f"X{n:05d}" for n in range(len(scraps))],
            "day": _dates(scraps["d"]),
            "place": np.array(REGIONS)[scraps["row"] % places],
            "item": of["item"].to_numpy(),
            "quantity": scraps["quantity"],
            "value": np.round(scraps["quantity"].to_numpy() * of["cost"].to_numpy(), 2),
            "reason": "past shelf life",
            "approver": np.where(waits, None, "Warehouse manager"),
            "approved": pd.Series(_dates(scraps["d"] + 3)).where(~waits),
        }
    )


def _promotions(sales: pd.DataFrame, goods: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "promotion": p.promotion, "name": p.promotion.title(), "kind": "discount",
            "region": region, "category": p.category, "starts": truth.day(p.start),
            "ends": truth.day(p.stop - 1), "discount": p.discount, "cost": 1500.0,
            "target_sales": 20_000.0, "target_clicks": 9_000.0,
            "target_conversions": 260.0, "owner": "Marketing",
        }
        for p in promotion_plan().itertuples()
        for region in p.regions
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _places(language: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "place": REGIONS,
            "name": [f"{r} shop" if language == "en" else f"{r} 门店" for r in REGIONS],
            "kind": "shop",
            "region": REGIONS,
            "country": "CN" if language == "zh" else "GB",
            "opened": dt.date(2018, 1, 1),
        }
    )


def _suppliers() -> pd.DataFrame:
    names = [f"S{1 + i:02d}" for i in range(12)]
    return pd.DataFrame(
        {
            "supplier": names,
            "name": [f"Supplier {n[1:]}" for n in names],
            "country": ["CN", "GB", "DE", "IN"] * 3,
            "lead_time_days": [7.0 + 2 * (int(n[1:]) % 6) for n in names],
            "minimum_value": 100.0,
        }
    )


def _holidays() -> pd.DataFrame:
    return pd.DataFrame(
        [{"day": d, "name": n, "kind": k} for d, (n, k) in truth.holidays().items()]
    )


def _weekly(mean: np.ndarray, goods: pd.DataFrame) -> pd.DataFrame:
    items, places, _ = mean.shape
    weekly = mean.reshape(items, places, WEEKS, 7).sum(axis=3)
    at = np.unravel_index(np.arange(weekly.size), weekly.shape)
    return pd.DataFrame(
        {
            "item": goods["item"].to_numpy()[at[0]],
            "place": np.array(REGIONS)[at[1]],
            "week": _dates(at[2] * 7),
            "mean": weekly.ravel(),
        }
    )


def _contributions(
    mean: np.ndarray, added: np.ndarray, goods: pd.DataFrame
) -> pd.DataFrame:
    money = np.einsum("ipd,i->pd", mean, goods["price"].to_numpy())
    weekly = money.reshape(len(REGIONS), WEEKS, 7).sum(axis=2)
    base = weekly / (1 + added.sum(axis=0))
    rows = added * base[None]
    at = np.unravel_index(np.arange(rows.size), rows.shape)
    return pd.DataFrame(
        {
            "channel": np.array(list(CHANNELS))[at[0]],
            "region": np.array(REGIONS)[at[1]],
            "week": _dates(at[2] * 7),
            "amount": rows.ravel(),
        }
    )


def _dates(days: np.ndarray | pd.Series) -> np.ndarray:
    return np.datetime64(START, "D") + np.asarray(days).astype("timedelta64[D]")
