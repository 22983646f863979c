"""Keys of values: equal content, equal key; other content, another."""

import datetime as dt
import functools
import subprocess
import sys
from dataclasses import dataclass

import joblib
import numpy as np
import pandas as pd
import pytest

from opslib.runs.content import key_of


@dataclass(frozen=True)
class Kept:
    """Something with a frame and an array in it."""

    frame: pd.DataFrame
    draws: np.ndarray


def _frame():
    return pd.DataFrame(
        {
            "item": ["tea", "oil", "tea", None],
            "day": pd.to_datetime(["2026-01-01"] * 4),
            "due": [dt.date(2026, 1, 2)] * 4,
            "units": [1.0, 2.0, np.nan, 4.0],
            "kind": pd.Categorical(["a", "b", "a", "b"]),
            "mixed": [1, "1", None, 2.5],
        }
    )


def test_a_result_read_back_has_the_key_of_the_one_worked_out(tmp_path):
    draws = np.asfortranarray(np.arange(12.0).reshape(3, 4))
    made = Kept(_frame(), draws)
    joblib.dump(made, tmp_path / "kept")
    assert key_of(joblib.load(tmp_path / "kept")) == key_of(made)
    assert key_of(np.ascontiguousarray(draws)) == key_of(draws)
    assert key_of(["tea", "tea"]) == key_of(["".join(["te", "a"]), "tea"])


@pytest.mark.parametrize(
    "other",
    [
        _frame().assign(units=[1.0, 2.0, np.nan, 4.1]),
        _frame().assign(item=["tea", "oil", "oil", None]),
        _frame().assign(mixed=[1, 1, None, 2.5]),
        _frame().assign(due=[dt.date(2026, 1, 2)] * 3 + [dt.date(2026, 1, 3)]),
        _frame().assign(kind=pd.Categorical(["a", "b", "a", "a"])),
        _frame()[::-1],
        _frame().rename(columns={"units": "unit"}),
        _frame().astype({"units": "float32"}),
        _frame().set_index("item"),
    ],
)
def test_any_difference_gives_another_key(other):
    assert key_of(_frame()) == key_of(_frame())
    assert key_of(other) != key_of(_frame())


def test_plain_values_lists_and_functions_are_told_apart():
    def within(limit):
        return lambda value: value < limit

    things = [
        1, 1.0, True, "1", b"1", None, (1,), [1], {"a": 1}, {"a": 2}, {1}, ["a", "b"], ["ab"],
        np.float64(1), np.array([1]), np.array([[1]]), np.array([1.0]), dt.date(2026, 1, 1),
        pd.Timestamp("2026-01-01"), pd.RangeIndex(1), pd.Index(["a"]), pd.Series([1]), int,
        pd.MultiIndex.from_tuples([("a", 1)]), len, key_of, within(1), within(2),
        functools.partial(within, 1), functools.partial(within, limit=1), pd.NA,
        pd.array([1, None], dtype="Int64"), pd.date_range("2026-01-01", periods=1, tz="UTC"),
    ]  # fmt: skip
    keys = [key_of(thing) for thing in things]
    assert len(set(keys)) == len(things)
    assert keys == [key_of(thing) for thing in things]


def test_the_key_is_the_same_in_another_process():
    code = "from tests.runs.test_content import _frame, Kept, np\nfrom opslib.runs.content import key_of\nprint(key_of(_frame(), {'a', 'b', 'c'}))"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == key_of(_frame(), {"a", "b", "c"})
