"""This module owns what the demonstration company's people and market say and do.

Long because it holds their sentences in two languages.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib.demo import truth
from opslib.demo.truth import (
    CATEGORIES,
    DAYS,
    PART_WORTHS,
    PROMISES,
    REGIONS,
    SHARE_CHANGE,
    START,
)

if TYPE_CHECKING:
    from opslib.demo.trade import Trade

_FAMILY, _GIVEN = (
    ["Li", "Wang", "Chen", "Zhao", "Smith", "Brown", "Jones", "Evans"],
    ["An", "Bo", "Mei", "Jun", "Amy", "Tom", "Eve", "Max"],
)
_COMPLAINTS = {
    "late": ("my order came three days late", "订单晚到了三天"),
    "damaged": ("the box was broken and the tea spilled", "包装破损，茶叶洒了"),
    "price": ("the promotion price was not applied", "促销价没有生效"),
    "missing": ("the item was out of stock again", "商品又缺货了"),
}
_OPEN = {
    "variety": (("more kinds of tea please", "I would like a wider choice", "nothing new since last year"),
                ("希望茶叶种类更多", "可选的商品太少", "很久没有新品了")),
    "price": (("prices are too high for me", "too dear for what it is", "please bring the cost down"),
              ("价格对我来说太高", "性价比不高，太贵", "希望便宜一点")),
    "service": (("the staff were friendly and quick", "nobody answered my question", "the counter was too slow"),
                ("店员热情，服务快", "没有人回答我的问题", "柜台办理太慢")),
    "delivery": (("delivery takes too long", "the parcel came late", "my order arrived after the party"),
                 ("送货时间太长", "包裹来晚了", "聚会结束订单才到")),
}  # fmt: skip
_ASIDES = (
    ("", "", "", "honestly ", "as I said, ", "it is all fine but "),
    ("", "", "", "说实话，", "还是那句话，", "总的不错，但"),
)
_CODED = 240  # texts that a person coded by hand
_AGES = ("18-34", "35-54", "55+")


def make(trade: Trade, *, seed: int, language: str = "en") -> dict[str, pd.DataFrame]:
    """Return customers, service cases, touchpoints, surveys, market prices and sales."""
    draw = np.random.default_rng([seed, 2])
    zh = int(language == "zh")
    sales = trade.tables["sales_lines"]
    return {
        "customers": _customers(trade, draw),
        "service_cases": _cases(trade, draw, zh),
        "campaign_members": _members(trade, seed),
        "contacts": _contacts(sales, seed),
        "touchpoints": _touchpoints(draw),
        **_surveys(draw, zh),
        "choice_answers": _choices(draw),
        "best_worst_answers": _best_worst(seed, zh),
        **_options(zh),
        **_market(sales, trade.tables["products"], draw),
    }


def best_price(cost: float = 12.0) -> float:
    """Return the planted price that earns most: buyers fall off as exp(-price / 10)."""
    return cost + 10.0


def _customers(trade: Trade, draw: np.random.Generator) -> pd.DataFrame:
    buyers = trade.customers
    n = len(buyers)
    level = np.where(
        buyers["group"] == "Regulars",
        "gold",
        np.where(buyers["group"] == "Families", "silver", "basic"),
    )
    return pd.DataFrame(
        {
            "customer": buyers["customer"],
            "name": [
                f"{a} {b}"
                for a, b in zip(
                    draw.choice(_GIVEN, n), draw.choice(_FAMILY, n), strict=True
                )
            ],
            "phone": [f"0{x}" for x in draw.integers(10**9, 10**10, n)],
            "mail": [f"c{c}@example.org" for c in buyers["customer"]],
            "address": [f"{a} High Street" for a in draw.integers(1, 300, n)],
            "birthday": [
                f"{m:02d}-{d:02d}"
                for m, d in zip(
                    draw.integers(1, 13, n), draw.integers(1, 29, n), strict=True
                )
            ],
            "region": np.array(REGIONS)[buyers["place"]],
            "kind": "household",
            "level": level,
            "channel": draw.choice(["shop", "online", "friend"], n),
            "since": [truth.day(d) for d in buyers["joined"]],
            "contact_allowed": draw.random(n) < 0.85,
        }
    )


def _cases(trade: Trade, draw: np.random.Generator, zh: int) -> pd.DataFrame:
    n = max(150, len(trade.customers) // 8)
    opened = np.sort(draw.integers(0, DAYS, n))
    reason = draw.choice(list(_COMPLAINTS), n)
    answered = opened + draw.poisson(1.0, n)
    resolved = answered + draw.poisson(4.0, n)
    open_still = draw.random(n) < 0.03
    follow = resolved + 7
    when = _promotion_on(opened, draw)
    return pd.DataFrame(
        {
            "case": [f"C{i:05d}" for i in range(n)],
            "customer": trade.customers["customer"].to_numpy()[
                draw.integers(0, len(trade.customers), n)
            ],
            "promotion": when,
            "channel": draw.choice(["phone", "chat", "mail"], n),
            "kind": draw.choice(
                ["complaint", "inquiry", "other"], n, p=[0.5, 0.4, 0.1]
            ),
            "reason": reason,
            "text": [_COMPLAINTS[r][zh] for r in reason],
            "owner": draw.choice(["Service North", "Service South"], n),
            "opened": _dates(opened),
            "answered": pd.Series(_dates(answered)).where(
                (answered < DAYS) & ~open_still
            ),
            "resolved": pd.Series(_dates(resolved)).where(
                (resolved < DAYS) & ~open_still
            ),
            "reopened": pd.Series(_dates(resolved + 3)).where(
                (resolved + 3 < DAYS) & (draw.random(n) < 0.05) & ~open_still
            ),
            "follow_up": pd.Series(_dates(follow)).where((follow < DAYS) & ~open_still),
            "satisfaction": pd.Series(draw.integers(2, 6, n)).where(
                (follow < DAYS) & ~open_still
            ),
        }
    )


def _promotion_on(days: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    from opslib.demo.trade import promotion_plan

    found = np.full(len(days), None, dtype=object)
    for row in promotion_plan().itertuples():
        on = (days >= row.start) & (days < row.stop) & (draw.random(len(days)) < 0.3)
        found[on] = row.promotion
    return found


def _members(trade: Trade, seed: int) -> pd.DataFrame:
    """Return a randomised campaign: a third each got a letter, a mail or nothing."""
    draw = np.random.default_rng([seed, 9])
    sold, drawn = trade.tables["sales_lines"], truth.day(DAYS - 60)
    sold = sold[
        sold["customer"].notna() & (pd.to_datetime(sold["day"]) < pd.Timestamp(drawn))
    ]
    visits = sold.groupby("customer")["day"].nunique()
    arm = draw.choice(["control", *truth.ARMS], len(visits))
    often = (visits > visits.median()).to_numpy()
    added = np.select(
        [arm == a for a in truth.ARMS],
        [np.where(often, *e) for e in truth.ARMS.values()],
        0.0,
    )
    responded = draw.random(len(visits)) < 0.08 + added
    return pd.DataFrame(
        {
            "promotion": "LETTER26", "customer": visits.index, "arm": arm, "day": drawn, "responded": responded,
            "spend": np.round(np.where(responded, draw.gamma(2, 15, len(visits)), 0.0), 2),
        }
    )  # fmt: skip


def _contacts(sales: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return whom a plan named six weeks ago, and the tenth left alone.

    The lot leans on what came, so that those contacted bought oftener by the planted
    share.
    """
    draw = np.random.default_rng([seed, 13])
    sold = sales[sales["customer"].notna()]
    day, known = pd.Timestamp(truth.day(DAYS - 43)), pd.to_datetime(sold["day"])
    last = known[known <= day].groupby(sold["customer"]).max()
    silent = last[(day - last).dt.days.between(30, 365)].index.to_numpy()
    named = np.sort(draw.permutation(silent)[:1500])
    came = np.isin(named, sold.loc[known > day, "customer"])
    share, gap = max(came.mean(), 0.01), 0.9 * truth.CONTACT
    lean = np.where(came, (share - gap) / share, (1 - share + gap) / (1 - share))
    return pd.DataFrame(
        {
            "day": day.date(),
            "customer": named,
            "held": draw.random(len(named)) < 0.1 * lean,
            "reason": "contact",
        }
    )


def _touchpoints(draw: np.random.Generator) -> pd.DataFrame:
    """Return the last half year's paths: social and video raise the chance to buy."""
    n = 6000
    pull = {
        "Search": 0.10,
        "Social": 0.05,
        "Video": 0.06,
        "Leaflet": 0.01,
        "Mail": 0.04,
    }
    length = 1 + draw.poisson(1.6, n)
    visitor = np.repeat(np.arange(n), length)
    step = np.concatenate([np.arange(1, k + 1) for k in length])
    channel = draw.choice(list(pull), len(visitor), p=[0.3, 0.25, 0.2, 0.1, 0.15])
    stays = np.log1p(-np.array([pull[c] for c in channel]))
    bought = draw.random(n) < 1 - np.exp(np.bincount(visitor, stays))
    day = DAYS - 180 + draw.integers(0, 160, n)[visitor] + step - 1
    last = step == length[visitor]
    return pd.DataFrame(
        {
            "visitor": [f"V{v:05d}" for v in visitor],
            "step": step,
            "day": _dates(np.minimum(day, DAYS - 1)),
            "channel": channel,
            "converted": last & bought[visitor],
            "value": np.where(last & bought[visitor], 35.0, 0.0),
        }
    )


def _surveys(draw: np.random.Generator, zh: int) -> dict[str, pd.DataFrame]:
    questions = [
        (
            "recommend",
            "How likely are you to recommend us?",
            "您向朋友推荐我们的可能性有多大？",
            "score",
            "0..10",
        ),
        ("satisfied", "How satisfied are you?", "您的满意程度如何？", "scale", "1..5"),
        (
            "wants",
            "What do you look for?",
            "您看重什么？",
            "multi",
            "Price;Quality;Organic;Gift box;None",
        ),
        (
            "too_cheap",
            "At what price too cheap to trust?",
            "多低的价格会让您怀疑质量？",
            "price",
            "",
        ),
        ("cheap", "At what price a bargain?", "什么价格算便宜？", "price", ""),
        ("dear", "At what price getting dear?", "什么价格开始偏贵？", "price", ""),
        ("too_dear", "At what price too dear?", "什么价格太贵不买？", "price", ""),
        (
            "would_pay",
            "What is the most you would pay?",
            "您最多愿意付多少？",
            "price",
            "",
        ),
        ("quality", "How good is our quality?", "质量如何？", "scale", "1..5"),
        ("service", "How good is our service?", "服务如何？", "scale", "1..5"),
        ("value", "How good is our value for money?", "性价比如何？", "scale", "1..5"),
        ("say", "What should we do better?", "我们应改进什么？", "open", ""),
        (
            "say_code",
            "What it is about (by hand)",
            "内容归类（人工）",
            "code",
            ";".join(_OPEN),
        ),
    ]
    waves = ["2025Q3", "2025Q4", "2026Q1", "2026Q2"]
    people = pd.concat(
        [_wave(w, k, draw) for k, w in enumerate(waves)], ignore_index=True
    )
    parts = [_answers(people, draw, zh)]
    hand = parts[0][parts[0]["question"] == "say_code"]
    parts[0] = parts[0].drop(hand.sample(len(hand) - _CODED, random_state=1).index)
    told = pd.DataFrame(
        [
            {
                "survey": w,
                "question": q,
                "wording": (en, cn)[zh],
                "kind": kind,
                "choices": choices or None,
            }
            for w in waves
            for q, en, cn, kind, choices in questions
        ]
    )
    return {
        "survey_questions": told,
        "survey_people": people.drop(columns=["mood", "wave"]),
        "survey_answers": pd.concat(parts, ignore_index=True),
    }


def _wave(name: str, k: int, draw: np.random.Generator) -> pd.DataFrame:
    n = 600
    age = draw.choice(3, n, p=[0.25, 0.40, 0.35])
    region = draw.integers(0, len(REGIONS), n)
    begin = dt.date(2025, 8, 18) + dt.timedelta(days=91 * k)
    return pd.DataFrame(
        {
            "survey": name,
            "respondent": [f"{name}-{i:04d}" for i in range(n)],
            "day": [begin + dt.timedelta(days=int(x)) for x in draw.integers(0, 14, n)],
            "region": np.array(REGIONS)[region],
            "age_group": np.array(_AGES)[age],
            "stratum": np.where(region < 4, "mainland", "edge"),
            "base_weight": np.where(region < 4, 40.0, 25.0),
            "mood": draw.normal(0, 1, n) + (0.35 if k == 3 else 0.0) - 0.2 * (age == 0),
            "wave": k,
        }
    )


def _answers(people: pd.DataFrame, draw: np.random.Generator, zh: int) -> pd.DataFrame:
    mood = people["mood"].to_numpy()
    n = len(people)
    quality, service, value = (mood * 0.5 + draw.normal(0, 1, n) for _ in range(3))
    total = 0.5 * quality + 0.3 * service + 0.2 * value + draw.normal(0, 0.5, n)
    most = draw.exponential(10.0, n)
    ok = np.exp(draw.normal(np.log(15), 0.3, n))
    said = {
        "recommend": np.clip(np.round(7.2 + 1.8 * total), 0, 10).astype(int),
        "satisfied": _five(total), "quality": _five(quality),
        "service": _five(service), "value": _five(value),
        "too_cheap": np.round(ok * 0.55, 1), "cheap": np.round(ok * 0.8, 1),
        "dear": np.round(ok * 1.2, 1), "too_dear": np.round(ok * 1.5, 1),
        "would_pay": np.round(most, 1),
        "say": _texts(about := draw.choice(list(_OPEN), n), zh), "say_code": about,
    }  # fmt: skip
    frames = [
        people[["survey", "respondent"]].assign(
            question=q, answer=pd.Series(v, index=people.index).astype(str)
        )
        for q, v in said.items()
    ]
    for want, share in {
        "Price": 0.5,
        "Quality": 0.6,
        "Organic": 0.25,
        "Gift box": 0.15,
        "None": 0.05,
    }.items():
        some = people[draw.random(n) < share]
        frames.append(
            some[["survey", "respondent"]].assign(question="wants", answer=want)
        )
    return pd.concat(frames, ignore_index=True)


def _texts(about: np.ndarray, zh: int) -> np.ndarray:
    """Return a text for each topic; one in twelve also names another topic first."""
    draw = np.random.default_rng(5)
    said = [f"{draw.choice(_ASIDES[zh])}{draw.choice(_OPEN[k][zh])}" for k in about]
    other = [draw.choice(_OPEN[k][zh]) for k in draw.permutation(about)]
    mixed = draw.random(len(about)) < 1 / 12
    join = (", but ", "，不过")[zh]
    return np.array(
        [o + join + s if m else s for s, o, m in zip(said, other, mixed, strict=True)]
    )


def _options(zh: int) -> dict[str, pd.DataFrame]:
    """Return what the company could do with its tea, and what departments think."""
    rows = [
        (("Stay as now", "维持现状"), 1, "none", "2026-08-01", "Plain", 18, 12.0, 0, 0.85),
        (("Organic tea", "有机茶"), 1, "product", "2026-09-01", "Organic", 20, 13.5, 30e3, 0.85),
        (("Lower price", "降价"), 1, "price", "2026-08-01", "Plain", 15, 12.0, 0, 0.85),
        (("Gift box", "礼盒装"), 1, "product", "2026-09-01", "Gift box", 22, 14.5, 60e3, 0.85),
        (("Gift box", "礼盒装"), 2, "product", "2027-01-01", "Gift box", 20, 14.5, 0, 0.85),
        (("Sell in kiosks", "进驻便利店"), 1, "channel", "2026-10-01", "Plain", 18, 12.6, 80e3, 0.95),
        (("Autumn promotion", "秋季促销"), 1, "promotion", "2026-09-01", "Plain", 16, 12.0, 10e3, 0.85),
        (("Autumn promotion", "秋季促销"), 2, "promotion", "2026-11-01", "Plain", 18, 12.0, 0, 0.85),
    ]  # fmt: skip
    views = [
        (("Organic tea", "有机茶"), ("Marketing", "市场"), "for", ("Asked for in every wave", "每次调研都有人提")),
        (("Organic tea", "有机茶"), ("Purchasing", "采购"), "with conditions", ("One supplier only so far", "目前只有一家供应商")),
        (("Lower price", "降价"), ("Finance", "财务"), "against", ("Others would follow within weeks", "对手几周内就会跟进")),
        (("Lower price", "降价"), ("Sales", "销售"), "for", ("Easiest to explain in shops", "门店最容易解释")),
        (("Gift box", "礼盒装"), ("Warehouse", "仓储"), "with conditions", ("Needs space before the holidays", "节前需要库位")),
        (("Sell in kiosks", "进驻便利店"), ("Sales", "销售"), "for", ("New buyers, small baskets", "新客多、单量小")),
    ]  # fmt: skip
    names = [
        "option",
        "step",
        "kind",
        "starts",
        "feature",
        "price",
        "unit_cost",
        "spend",
    ]
    names.append("reach")
    steps = pd.DataFrame([(r[0][zh], *r[1:]) for r in rows], columns=names)
    steps["starts"] = pd.to_datetime(steps["starts"]).dt.date
    told = [(o[zh], d[zh], v, r[zh]) for o, d, v, r in views]
    return {
        "options": steps.assign(
            category="Tea",
            owner=("Marketing", "市场")[zh],
            what=steps["feature"],
            chosen=False,
        ),
        "option_views": pd.DataFrame(
            told, columns=["option", "department", "view", "reason"]
        ),
    }


def _five(x: np.ndarray) -> np.ndarray:
    return np.clip(np.round(3.4 + 0.9 * x), 1, 5).astype(int)


def _choices(draw: np.random.Generator) -> pd.DataFrame:
    people, tasks, shown = 300, 8, 3
    n = people * tasks * shown
    brand = draw.choice(list(PART_WORTHS["brand"]), n)
    feature = draw.choice(list(PART_WORTHS["feature"]), n)
    price = draw.choice([10.0, 14.0, 18.0, 22.0, 26.0], n)
    worth = (
        pd.Series(brand).map(PART_WORTHS["brand"]).to_numpy()
        + pd.Series(feature).map(PART_WORTHS["feature"]).to_numpy()
        + PART_WORTHS["price"] * price
        + draw.gumbel(0, 1, n)
    )
    best = worth.reshape(-1, shown).argmax(axis=1)
    at = np.arange(n)
    return pd.DataFrame(
        {
            "survey": "2026Q2",
            "respondent": [f"2026Q2-{i // (tasks * shown):04d}" for i in at],
            "task": at // shown % tasks + 1,
            "alternative": at % shown + 1,
            "brand": brand,
            "feature": feature,
            "price": price,
            "chosen": np.repeat(best, shown) == at % shown,
        }
    )


def _best_worst(seed: int, zh: int) -> pd.DataFrame:
    """Return who found which promise best and worst, each person shown all thrice."""
    draw = np.random.default_rng([seed, 12])
    people, tasks, shown = 300, 6, 4
    names, worth = np.array(list(PROMISES))[:, zh], np.array(list(PROMISES.values()))
    order = draw.permuted(np.tile(np.arange(8), (people * tasks // 2, 1)), axis=1)
    sets = order.reshape(-1, shown)
    best = (worth[sets] + draw.gumbel(0, 1, sets.shape)).argmax(axis=1)
    left = -worth[sets] + draw.gumbel(0, 1, sets.shape)
    left[np.arange(len(sets)), best] = -np.inf
    pick = np.zeros(sets.shape, int)
    pick[np.arange(len(sets)), best] = 1
    pick[np.arange(len(sets)), left.argmax(axis=1)] = -1
    at = np.arange(sets.size) // shown
    return pd.DataFrame(
        {
            "survey": "2026Q2",
            "respondent": [f"2026Q2-{i // tasks:04d}" for i in at],
            "task": at % tasks + 1,
            "item": names[sets].ravel(),
            "pick": pick.ravel(),
        }
    )


def _market(
    sales: pd.DataFrame, products: pd.DataFrame, draw: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Return what we and three others sell and ask; one share changes on a day."""
    category = sales["item"].map(products.set_index("item")["category"])
    month = sales["day"].to_numpy().astype("datetime64[M]").astype("datetime64[ns]")
    ours = sales.groupby([month, category.to_numpy()])[["amount", "quantity"]].sum()
    rows, prices = [], []
    months = sorted({m for m, _ in ours.index})
    last = pd.Timestamp(START) + pd.Timedelta(days=DAYS)
    whole = [
        m
        for m in months
        if m + pd.DateOffset(months=1) <= last and m >= pd.Timestamp("2023-07-01")
    ]
    for name in CATEGORIES:
        share = 0.30
        for m in whole:
            changed = name == SHARE_CHANGE[0] and m >= pd.Timestamp(SHARE_CHANGE[1])
            mine = share + (SHARE_CHANGE[2] if changed else 0) + draw.normal(0, 0.006)
            amount, units = ours.loc[(m, name)]
            others = draw.dirichlet([60, 40, 20])
            rows.append((m, name, "Ours", units, amount))
            rows += [
                (
                    m,
                    name,
                    s,
                    round(units / mine * (1 - mine) * o),
                    round(amount / mine * (1 - mine) * o, 2),
                )
                for s, o in zip(("Alpha", "Beta", "Gamma"), others, strict=True)
            ]
        for seller, level in {"Alpha": 1.05, "Beta": 0.92, "Gamma": 1.0}.items():
            weeks = np.arange(0, DAYS, 7)
            walk = 20 * level * np.exp(np.cumsum(draw.normal(0, 0.01, len(weeks))))
            prices.append(
                pd.DataFrame(
                    {
                        "day": _dates(weeks),
                        "category": name,
                        "seller": seller,
                        "price": np.round(walk, 2),
                    }
                )
            )
    table = pd.DataFrame(
        rows, columns=["month", "category", "seller", "units", "amount"]
    )
    table["month"] = pd.to_datetime(table["month"]).dt.date
    return {
        "market_sales": table,
        "market_prices": pd.concat(prices, ignore_index=True),
    }


def _dates(days: np.ndarray) -> np.ndarray:
    return np.datetime64(START, "D") + np.asarray(days).astype("timedelta64[D]")
