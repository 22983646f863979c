"""This module owns weeks, months and how far apart days lie."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def day(value: str | dt.date | pd.Timestamp) -> dt.date:
    """Return a date from ISO text, a date or a timestamp.

    Raises:
        ValueError: The text is no ISO date.

    Example:
        >>> day("2026-03-02")
        datetime.date(2026, 3, 2)
    """
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        msg = f"{value!r} is not a day; write it as year-month-day, such as 2026-03-02"
        raise ValueError(msg) from None


def week_start(days: pd.Series) -> pd.Series:
    """Return the Monday on or before each day.

    Example:
        >>> import pandas as pd
        >>> week_start(pd.Series(pd.to_datetime(["2026-03-04"]))).dt.date[0]
        datetime.date(2026, 3, 2)
    """
    import pandas as pd

    days = pd.to_datetime(days)
    return (days - pd.to_timedelta(days.dt.dayofweek, unit="D")).dt.normalize()


def span_days(written: str) -> int:
    """Return the days in a span such as `26 weeks`, `12 months` or `90 days`.

    Raises:
        ValueError: The span is not a number and a unit.

    Example:
        >>> span_days("26 weeks"), span_days("1 month")
        (182, 30)
    """
    units = {"day": 1.0, "week": 7.0, "month": 30.44, "year": 365.25}
    count, _, unit = written.strip().partition(" ")
    unit = unit.strip().rstrip("s")
    if not count.isdigit() or unit not in units:
        msg = f"{written!r} is not a span; write a number and a unit, such as 26 weeks"
        raise ValueError(msg)
    return int(int(count) * units[unit])
