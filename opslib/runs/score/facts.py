"""This module owns facts: what came of a prediction, read from the warehouse.

`facts.yaml` names, for each kind of prediction, the mart and column that hold its
fact; a kind without an entry is kept but not scored.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING

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
        span: Days that end with the due day (`7`), `run`, `at` or `target`.
        known: Column whose value must have been seen by the run's day, or empty.
        only: Column to the values that count.
    """

    name: str
    label: Text
    reads: str
    column: str
    day: str
    span: str = "run"
    known: str = ""
    only: dict[str, list[str]] = field(default_factory=dict)


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
            label=text(e["label"]),
            reads=e["reads"],
            column=e["column"],
            day=e["day"],
            span=str(e["span"]),
            known=e.get("known", ""),
            only=e.get("only", {}),
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
        self.first = self.frame["_at"].min()
        if rule.known:
            first = self.frame.groupby(rule.known)["_at"].transform("min")
            self.frame = self.frame.assign(_seen=first)
        self._sums: dict[tuple, dict[tuple, tuple[np.ndarray, np.ndarray]]] = {}

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
        import pandas as pd

        if self.rule.span == "at":
            return self._standing(target, due), self._standing(target, run_day)
        if self.rule.span == "target":
            found = self._series(target, run_day)
            return (
                float("nan")
                if found is None
                else float(
                    found[1][found[0].searchsorted(due.to_datetime64(), "right")]
                )
            ), float("nan")
        long = (
            due - run_day
            if self.rule.span == "run"
            else pd.Timedelta(days=int(self.rule.span))
        )
        last = due - long * -(-(due - run_day) // long)
        return self.value(target, due - long, due, run_day), self.value(
            target, last - long, last, run_day
        )

    def value(
        self,
        target: dict[str, str],
        since: pd.Timestamp,
        until: pd.Timestamp,
        run_day: pd.Timestamp,
    ) -> float:
        """Return the sum after `since` and up to `until`; unknown before the data.

        Args:
            target: Column to value; columns that the mart lacks choose nothing.
            since: Day before the first one counted.
            until: Last day counted.
            run_day: The day of the run that foretold it.
        """
        if self.frame.empty or (self.first - since).days > 1:
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
