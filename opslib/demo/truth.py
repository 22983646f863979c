"""This module owns the planted truth: what the demonstration company really is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

START = dt.date(2023, 6, 26)
WEEKS = 157
DAYS = WEEKS * 7
END = START + dt.timedelta(days=DAYS - 1)
SPRING = {
    2024: dt.date(2024, 2, 10),
    2025: dt.date(2025, 1, 29),
    2026: dt.date(2026, 2, 17),
}
REGIONS = ("North", "South", "East", "West", "Centre", "Coast", "Hills", "Lakes")
CATEGORIES = ("Tea", "Snacks", "Drinks", "Kitchen", "Home", "Gifts")


@dataclass(frozen=True, kw_only=True)
class Channel:
    """How one marketing channel works in truth.

    Attributes:
        share: Most it can add, as a share of sales without marketing.
        keep: Share of one week's effect that is left a week later.
        half: Weekly spend in a region at which half of the most is reached.
    """

    share: float
    keep: float
    half: float


CHANNELS = {
    "Search": Channel(share=0.10, keep=0.10, half=180.0),
    "Social": Channel(share=0.14, keep=0.35, half=300.0),
    "Video": Channel(share=0.18, keep=0.65, half=520.0),
    "Leaflet": Channel(share=0.03, keep=0.20, half=140.0),
}
LIFTS = {
    "AUTUMN23": 0.20, "WINTER23": 0.30, "SPRING24": 0.15, "SUMMER24": 0.00,
    "AUTUMN24": 0.25, "WINTER24": 0.30, "SPRING25": 0.10, "SUMMER25": 0.00,
    "AUTUMN25": 0.22, "WINTER25": 0.28, "SPRING26": 0.18, "SUMMER26": 0.12,
}  # fmt: skip
BREAK = {
    "promotion": "SUMMER26",
    "region": "Hills",
    "day": dt.date(2026, 6, 15),
    "keeps": 0.6,
}
CONTACT = 0.12  # share of contacted customers who bought because of it
ARMS = {"Letter": (0.02, 0.02), "Mail": (0.06, 0.0)}
PART_WORTHS = {
    "brand": {"Ours": 0.4, "Alpha": 0.1, "Beta": -0.5},
    "feature": {"Plain": -0.6, "Organic": 0.2, "Gift box": 0.4},
    "price": -0.12,
}
PROMISES = {
    ("Always fresh", "始终新鲜"): 1.0, ("Fair price", "价格公道"): 0.7,
    ("Organic", "有机种植"): 0.3, ("Wide choice", "种类丰富"): 0.1,
    ("Quick delivery", "送货快"): -0.1, ("Friendly staff", "店员热情"): -0.4,
    ("Gift wrapping", "礼品包装"): -0.5, ("Member points", "会员积分"): -1.1,
}  # fmt: skip
SUPPLIER_DELAY = {"S05": (dt.date(2025, 10, 6), 42)}
SECOND_SOURCE = {
    "S01": "S07", "S07": "S01", "S04": "S10", "S10": "S04", "S06": "S12", "S12": "S06",
}  # fmt: skip
SHARE_CHANGE = ("Snacks", dt.date(2025, 9, 1), -0.06)
VALUE_GROUPS = {
    "Regulars": {"share": 0.12, "rate": 36.0, "lines": 1.0, "stay": 0.03},
    "Families": {"share": 0.20, "rate": 10.0, "lines": 5.0, "stay": 0.03},
    "Occasional": {"share": 0.50, "rate": 2.5, "lines": 1.0, "stay": 0.03},
    "Gift buyers": {"share": 0.18, "rate": 2.0, "lines": 15.0, "stay": 0.03},
}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What was planted, for tests to find again.

    Attributes:
        seed: The seed of everything.
        demand: True mean of weekly demand: item, place, week, mean, sd.
        lost: Demand that met an empty shelf: item, place, day, units.
        lifts: Promotion to the share it added to sales where it ran.
        channels: Marketing channel to how it works.
        contributions: Added sales in money: week, region, channel, amount.
        customers: customer, group, left (day, or missing while active), rate.
        market: Part-worths, what promises are worth, the price that earns most, the
            change of share.
        arms: Arm to the response it adds, of customers above and below the middle of
            purchases so far.
        contact: Share of contacted customers who bought within six weeks because of it.
        broken: The campaign, region and day from which only a share of clicks came.
    """

    seed: int
    demand: pd.DataFrame
    lost: pd.DataFrame
    lifts: dict[str, float] = field(default_factory=lambda: dict(LIFTS))
    channels: dict[str, Channel] = field(default_factory=lambda: dict(CHANNELS))
    contributions: pd.DataFrame
    customers: pd.DataFrame
    market: dict[str, object] = field(default_factory=dict)
    arms: dict[str, tuple[float, float]] = field(default_factory=lambda: dict(ARMS))
    contact: float = CONTACT
    broken: dict[str, object] = field(default_factory=lambda: dict(BREAK))


def day(number: float) -> dt.date:
    """Return the date of a day counted from the start."""
    return START + dt.timedelta(days=int(number))


def holidays() -> dict[dt.date, tuple[str, str]]:
    """Return the days on which people shop differently: name and kind.

    Example:
        >>> holidays()[dt.date(2026, 2, 17)]
        ('Lunar New Year', 'moving')
    """
    found: dict[dt.date, tuple[str, str]] = {}
    for year in range(START.year, END.year + 2):
        found[dt.date(year, 10, 1)] = ("National Day", "fixed")
        found[dt.date(year, 11, 11)] = ("Singles' Day", "sales")
        found[dt.date(year, 12, 25)] = ("Christmas", "fixed")
        found[dt.date(year, 5, 1)] = ("Labour Day", "fixed")
        if year in SPRING:
            found[SPRING[year]] = ("Lunar New Year", "moving")
    return {d: n for d, n in sorted(found.items()) if d >= START}


def season(days: int = DAYS) -> np.ndarray:
    """Return the factor of each day's demand from week, year and holidays."""
    at = np.arange(days)
    weekday = np.array([0.9, 0.88, 0.9, 0.95, 1.1, 1.25, 1.02])[at % 7]
    yearly = 1 + 0.15 * np.sin(2 * np.pi * (at - 60) / 365.25)
    lift = np.ones(days)
    strength = {"moving": 0.9, "sales": 0.7, "fixed": 0.35}
    for holiday, (_, kind) in holidays().items():
        gap = (holiday - START).days - at
        lift += strength[kind] * np.exp(-0.5 * ((gap - 4) / 4.0) ** 2)
    return weekday * yearly * lift
