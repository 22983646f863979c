"""This module owns facts: what came of a prediction, read from the warehouse.

`facts.yaml` names, for each kind of prediction, the mart and column that hold its
fact, or why no fact will ever come.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from opslib.words import Text, text

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Where the fact of one kind of prediction stands.

    Attributes:
        name: The prediction's name.
        label: What it is, for readers.
        reads: Table or mart.
        column: Column that is summed.
        day: Column of the day.
        span: Days that end with the due day (`7`), `run`, `month`, `whole`, `at` or
            `target`.
        known: Column whose value must have been seen by the run's day, or empty.
        only: Column to the values that count.
        names: Column to the target's word for it, where they differ.
        asked: Column to the run's parameter that chooses its value.
        share: Columns that choose a part whose share of the whole is the fact.
        worth: Column of money that prices a miss, or empty.
        why_not: Why no fact will ever come; empty where it will.
    """

    name: str
    label: Text
    reads: str = ""
    column: str = ""
    day: str = ""
    span: str = "run"
    known: str = ""
    only: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    share: tuple[str, ...] = ()
    worth: str = ""
    why_not: Text | str = ""

    def aim(self, told: dict[str, Any], target: dict[str, str]) -> dict[str, str]:
        """Return the columns and values that choose a prediction's rows.

        Args:
            told: Manifest of the run that foretold it.
            target: What it was about.
        """
        words = {v: k for k, v in self.names.items()}
        given = {c: str(told["parameters"][p]) for c, p in self.asked.items()}
        return {**{words.get(k, k): v for k, v in target.items()}, **given}


@functools.cache
def rules() -> dict[str, Rule]:
    """Return the rules by the prediction's name.

    Example:
        >>> rules()["weekly_units"].reads
        'weekly_demand'
    """
    source = resources.files(__package__ or "opslib.runs.score") / "facts.yaml"
    told = yaml.safe_load(source.read_text("utf-8"))
    return {
        name: Rule(
            name=name,
            **{
                **e,
                "label": text(e["label"]),
                "span": str(e.get("span", "run")),
                "share": tuple(e.get("share", ())),
                "why_not": text(e["why_not"]) if "why_not" in e else "",
            },
        )
        for name, e in told.items()
    }


class Facts:
    """The facts of one rule, quick to sum over any span of days."""

    def __init__(self, rule: Rule, frame: pd.DataFrame) -> None:
        """Keep the mart's rows.

        Args:
            rule: How they are read.
            frame: The mart, as known now; it is not changed.
        """
        import pandas as pd

        self.rule = rule
        for column, values in rule.only.items():
            frame = frame[frame[column].isin(values)]
        self.frame = frame.assign(_at=pd.to_datetime(frame[rule.day]))
        self.first, self.last = self.frame["_at"].min(), self.frame["_at"].max()
        if rule.known:
            first = self.frame.groupby(rule.known)["_at"].transform("min")
            self.frame = self.frame.assign(_seen=first)
        self._sums: dict[tuple, dict[tuple, tuple[np.ndarray, np.ndarray]]] = {}
        self._prices: dict[str, Facts] = {}

    def pair(
        self, target: dict[str, str], run_day: pd.Timestamp, due: pd.Timestamp
    ) -> tuple[float, float]:
        """Return what came of a prediction, and the guess that the last one comes again.

        Args:
            target: What it was about, column to value.
            run_day: The day of the run that foretold it.
            due: The day on which the fact can be known.

        Returns:
            Both in the column's unit; NaN where unknown.
        """
        span, moment = self.rule.span, run_day
        if span == "at":
            return self._standing(target, due), self._standing(target, moment)
        if span == "target":
            return self._until(target, due), self._last(target, moment)
        if span == "whole":
            return self._until(target, due), self._at_this_pace(target, moment, due)
        since, last = _days(span, run_day, due)
        made = [
            self.value(target, begin, end, run_day)
            / (self._whole(target, begin, end, run_day) if self.rule.share else 1.0)
            for begin, end in ((since, due), last)
        ]
        return made[0], made[1]

    def worth(self, target: dict[str, str]) -> float:
        """Return the money of one unit of what a target chooses; NaN where unknown."""
        if not self.rule.worth:
            return float("nan")
        if not self._prices:
            self._prices["held"] = Facts(
                replace(self.rule, column=self.rule.worth, worth=""), self.frame
            )
        units = self._until(target, self.last)
        return self._prices["held"]._until(target, self.last) / units

    def _whole(
        self,
        target: dict[str, str],
        since: pd.Timestamp,
        until: pd.Timestamp,
        run_day: pd.Timestamp,
    ) -> float:
        """Return the sum that a share is a part of; NaN where it is none."""
        rest = {k: v for k, v in target.items() if k not in self.rule.share}
        return self.value(rest, since, until, run_day) or float("nan")

    def _until(self, target: dict[str, str], day: pd.Timestamp) -> float:
        """Return the sum of all up to a day; NaN where there is nothing."""
        found = self._series(target, day)
        at = found[0].searchsorted(day.to_datetime64(), "right") if found else 0
        return float(found[1][at]) if found and at else float("nan")

    def _last(self, target: dict[str, str], day: pd.Timestamp) -> float:
        """Return what came of the latest target of the same columns known on a day."""
        names = tuple(sorted(k for k in target if k in self.frame))
        known = [k for k, v in self._of(names, day).items() if v[0][-1] <= day]
        if not names or not known:
            return float("nan")
        return self._until(dict(zip(names, max(known), strict=True)), day)

    def _at_this_pace(
        self, target: dict[str, str], day: pd.Timestamp, due: pd.Timestamp
    ) -> float:
        """Return where it ends if it goes on as it went from its first day."""
        import pandas as pd

        found = self._series(target, day)
        if found is None or found[0][0] > day:
            return float("nan")
        begun = pd.Timestamp(found[0][0]) - pd.Timedelta(days=1)
        return self._until(target, day) * ((due - begun) / (day - begun))

    def value(
        self,
        target: dict[str, str],
        since: pd.Timestamp,
        until: pd.Timestamp,
        run_day: pd.Timestamp,
    ) -> float:
        """Return the sum after `since` and up to `until`; unknown outside the data.

        Args:
            target: Column to value; columns that the mart lacks choose nothing.
            since: Day before the first one counted.
            until: Last day counted.
            run_day: The day of the run that foretold it.
        """
        if self.frame.empty or (self.first - since).days > 1 or self.last <= since:
            return float("nan")
        found = self._series(target, run_day)
        if found is None:
            return 0.0
        ends = found[0].searchsorted(
            [since.to_datetime64(), until.to_datetime64()], "right"
        )
        return float(found[1][ends[1]] - found[1][ends[0]])

    def _standing(self, target: dict[str, str], day: pd.Timestamp) -> float:
        """Return the value that stood on a day, at most a week old."""
        found = self._series(target, day)
        at = found[0].searchsorted(day.to_datetime64(), "right") if found else 0
        if not found or not at or (day - found[0][at - 1]).days > 7:
            return float("nan")
        return float(found[1][at] - found[1][at - 1])

    def _series(
        self, target: dict[str, str], run_day: pd.Timestamp
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return days and running sums of what a target chooses."""
        chosen = {k: v for k, v in target.items() if k in self.frame and v != "all"}
        return self._of(tuple(sorted(chosen)), run_day).get(
            tuple(chosen[k] for k in sorted(chosen))
        )

    def _of(
        self, columns: tuple[str, ...], run_day: pd.Timestamp
    ) -> dict[tuple, tuple[np.ndarray, np.ndarray]]:
        """Return days and running sums for each value of the columns."""
        import numpy as np

        key = (columns, run_day if self.rule.known else None)
        if key not in self._sums:
            rows = self.frame.sort_values("_at")
            if self.rule.known:
                rows = rows[rows["_seen"] <= run_day]
            dated = [c for c in columns if rows[c].dtype.kind == "M"]
            rows = rows.assign(**{c: rows[c].dt.strftime("%Y-%m-%d") for c in dated})
            groups = rows.groupby(list(columns)) if columns else [((), rows)]
            self._sums[key] = {
                name if isinstance(name, tuple) else (name,): (
                    group["_at"].to_numpy(),
                    np.r_[0.0, group[self.rule.column].to_numpy(float).cumsum()],
                )
                for name, group in groups
            }
        return self._sums[key]


def _days(
    span: str, run_day: pd.Timestamp, due: pd.Timestamp
) -> tuple[pd.Timestamp, tuple[pd.Timestamp, pd.Timestamp]]:
    """Return the day before a span, and the ends of the last one known on a day."""
    import pandas as pd

    if span == "month":
        since = due.to_period("M").start_time - pd.Timedelta(days=1)
        end = (run_day + pd.Timedelta(days=1)).to_period("M").start_time
        last = min(end, due.to_period("M").start_time) - pd.Timedelta(days=1)
        return since, (last.to_period("M").start_time - pd.Timedelta(days=1), last)
    long = due - run_day if span == "run" else pd.Timedelta(days=int(span))
    last = due - long * -(-(due - run_day) // long)
    return due - long, (last - long, last)
