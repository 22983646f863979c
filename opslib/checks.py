"""This module owns the checks at a function's door; each returns what it checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import pandas as pd


def between(
    value: float,
    name: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return the value, or refuse it when it lies outside its bounds.

    Args:
        value: The number to check.
        name: Its name, for the message.
        low: Smallest value allowed.
        high: Largest value allowed.
        open_low: Whether `low` itself is refused.
        open_high: Whether `high` itself is refused.

    Raises:
        ValueError: The value is no number or outside the bounds.

    Example:
        >>> between(0.9, "confidence", low=0, high=1)
        0.9
    """
    good = isinstance(value, (int, float)) and not math.isnan(value)
    good = good and (value > low if open_low else value >= low)
    good = good and (value < high if open_high else value <= high)
    if not good:
        left, right = "(" if open_low else "[", ")" if open_high else "]"
        msg = f"{name} is {value!r}; it must lie in {left}{low:g}, {high:g}{right}"
        raise ValueError(msg)
    return value


def one_of(value: Any, name: str, choices: Collection[Any]) -> Any:
    """Return the value, or refuse it when it is not among the choices.

    Raises:
        ValueError: The value is none of the choices.

    Example:
        >>> one_of("week", "period", ("week", "month"))
        'week'
    """
    if value not in choices:
        msg = f"{name} is {value!r}; it must be one of {sorted(map(str, choices))}"
        raise ValueError(msg)
    return value


def columns(frame: pd.DataFrame, needed: Iterable[str], name: str) -> pd.DataFrame:
    """Return the frame, or refuse it when columns are missing.

    Raises:
        ValueError: At least one needed column is missing.

    Example:
        >>> import pandas as pd
        >>> columns(pd.DataFrame({"item": ["a"]}), ["item"], "sales").shape
        (1, 1)
    """
    missing = [c for c in needed if c not in frame.columns]
    if missing:
        msg = (
            f"{name} has no column {missing}; it has {list(frame.columns)}. "
            "Rename or add the missing columns."
        )
        raise ValueError(msg)
    return frame


def no_gaps(frame: pd.DataFrame, needed: Iterable[str], name: str) -> pd.DataFrame:
    """Return the frame, or refuse it when a needed column has empty values.

    Raises:
        ValueError: A needed column holds empty values.

    Example:
        >>> import pandas as pd
        >>> no_gaps(pd.DataFrame({"units": [1.0]}), ["units"], "sales").shape
        (1, 1)
    """
    for column in needed:
        empty = frame[column].isna()
        if empty.any():
            msg = (
                f"{name} has {int(empty.sum())} empty values in {column!r}, the first "
                f"in row {frame.index[empty][0]!r}; fill or drop them first."
            )
            raise ValueError(msg)
    return frame


def unique(frame: pd.DataFrame, key: list[str], name: str) -> pd.DataFrame:
    """Return the frame, or refuse it when its key repeats.

    Raises:
        ValueError: Two rows have the same key.

    Example:
        >>> import pandas as pd
        >>> unique(pd.DataFrame({"item": ["a", "b"]}), ["item"], "items").shape
        (2, 1)
    """
    twice = frame.duplicated(key)
    if twice.any():
        first = frame.loc[twice, key].iloc[0].to_dict()
        msg = (
            f"{name} repeats {int(twice.sum())} keys, the first {first}; "
            f"it needs one row for each {key}. Add the rows up first."
        )
        raise ValueError(msg)
    return frame


def at_least(count: int, needed: int, what: str, way_out: str) -> int:
    """Return the count, or refuse it when there is too little to work on.

    Raises:
        ValueError: Fewer than needed.

    Example:
        >>> at_least(30, 26, "weeks of sales", "Load earlier weeks.")
        30
    """
    if count < needed:
        msg = f"{count} {what} found; at least {needed} are needed. {way_out}"
        raise ValueError(msg)
    return count
