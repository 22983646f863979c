"""This module owns the key of values: equal content gives an equal key, whoever made it.

A pickle of the same table differs with the identity of its texts and the layout of its
arrays, so that a result read back from disk would count as another one; and it walks
through every text of a column. Here columns are read whole.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from types import FunctionType, MethodType
from typing import Any

import joblib
import numpy as np
import pandas as pd


def key_of(*things: Any) -> str:
    """Return the key of what is given, as 32 hexadecimal digits.

    Args:
        things: Frames, series, arrays, dataclasses, lists, dictionaries, plain values
            and functions (known by their name and what they have bound), however
            nested. A missing value of a text column is one whatever its kind.

    Returns:
        A key that is the same in every process and for every layout in memory.

    Example:
        >>> a = pd.DataFrame({"x": ["one", "two"]})
        >>> key_of(a) == key_of(a.copy()), key_of(a) == key_of(a[::-1])
        (True, False)
    """
    told = hashlib.blake2b(digest_size=16)
    _feed(told, things)
    return told.hexdigest()


def _feed(told: Any, thing: Any) -> None:  # noqa: C901  a line for each type
    told.update(f"<{type(thing).__module__}.{type(thing).__qualname__} ".encode())
    match thing:
        case None | str() | bytes() | int() | float() | complex() | np.generic():
            told.update(repr(thing).encode())
        case np.ndarray():
            _feed_array(told, thing)
        case pd.DataFrame():
            columns = [thing.iloc[:, at].array for at in range(thing.shape[1])]
            _feed_all(told, (thing.columns, thing.index, *columns))
        case pd.Series():
            _feed_all(told, (thing.name, thing.index, thing.array))
        case pd.RangeIndex():
            _feed_all(told, (thing.name, thing.start, thing.stop, thing.step))
        case pd.MultiIndex():
            _feed_all(told, [thing.get_level_values(at) for at in range(thing.nlevels)])
        case pd.Index():
            _feed_all(told, (thing.name, thing.array))
        case pd.Categorical():
            _feed_all(told, (thing.categories, thing.ordered, thing.codes))
        case pd.api.extensions.ExtensionArray():
            values = thing.asi8 if hasattr(thing, "asi8") else np.asarray(thing)
            _feed_all(told, (str(thing.dtype), values))
        case list() | tuple():
            _feed_all(told, thing)
        case dict():
            _feed_all(told, [part for pair in thing.items() for part in pair])
        case set() | frozenset():
            _feed_all(told, sorted(key_of(part) for part in thing))
        case functools.partial():
            _feed_all(told, (thing.func, thing.args, thing.keywords))
        case MethodType():
            _feed_all(told, (thing.__func__, thing.__self__))
        case FunctionType():
            bound = [cell.cell_contents for cell in thing.__closure__ or ()]
            name = (thing.__module__, thing.__qualname__)
            _feed_all(told, (*name, thing.__defaults__, thing.__kwdefaults__, *bound))
        case type():
            _feed_all(told, (thing.__module__, thing.__qualname__))
        case _ if dataclasses.is_dataclass(thing):
            _feed_all(told, [(f.name, getattr(thing, f.name)) for f in dataclasses.fields(thing)])  # fmt: skip
        case _:
            told.update(joblib.hash(thing).encode())
    told.update(b">")


def _feed_all(told: Any, parts: Any) -> None:
    told.update(f"{len(parts)} ".encode())
    for part in parts:
        _feed(told, part)


def _feed_array(told: Any, values: np.ndarray) -> None:
    told.update(f"{values.dtype} {values.shape} ".encode())
    if values.dtype != object:
        told.update(np.ascontiguousarray(values).view(np.uint8).data if values.size else b"")  # fmt: skip
    elif pd.api.types.infer_dtype(values, skipna=True) in ("string", "date"):
        codes, known = pd.factorize(values.reshape(-1))
        _feed_all(told, (codes, repr(list(known))))
    else:
        _feed_all(told, values.reshape(-1).tolist())
