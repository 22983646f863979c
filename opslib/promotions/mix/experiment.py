"""This module owns experiments: what a lift test measured, and how a page writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from opslib import periods

SURE = 1.6448536  # half of a 90 % interval, in standard errors


@dataclass(frozen=True, kw_only=True)
class LiftTest:
    """The result of an experiment with one channel.

    Attributes:
        channel: The channel tested.
        start: First week (a Monday) of the test.
        stop: Last week of the test.
        regions: Regions where it ran, empty for all.
        share: Share of the channel's spend there that the comparison went without.
        lift: Sales that this spend added in those weeks, in money.
        low: Lower end of its 90 % interval.
        high: Upper end of its 90 % interval.
    """

    channel: str
    start: str
    stop: str
    regions: tuple[str, ...] = ()
    share: float = 1.0
    lift: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """Return the standard error that the interval stands for."""
        return (self.high - self.low) / (2 * SURE)

    def measured(self, lift: float) -> LiftTest:
        """Return the same experiment with another result, as exact as this one."""
        return replace(
            self,
            lift=lift,
            low=lift + self.low - self.lift,
            high=lift + self.high - self.lift,
        )


def read_tests(written: list[str]) -> tuple[LiftTest, ...]:
    """Return experiments from a page's parameter.

    Args:
        written: Each as `channel | first week | last week | share off | lift | low | high`,
            with the regions, set apart by commas, as an eighth part where not all. A
            semicolon divides parts too, but in an address or a form it divides experiments.

    Raises:
        ValueError: A text has another number of parts, or a part is no number.

    Example:
        >>> read_tests(["TV | 2026-01-05 | 2026-02-01 | 1 | 900 | 500 | 1300"])[0].lift
        900.0
    """
    found = []
    for text in written:
        parts = [p.strip() for p in re.split("[|;]", str(text))]
        try:
            share, lift, low, high = (float(p) for p in parts[3:7])
            found.append(
                LiftTest(
                    channel=parts[0],
                    start=str(periods.day(parts[1])),
                    stop=str(periods.day(parts[2])),
                    share=share,
                    lift=lift,
                    low=low,
                    high=high,
                    regions=tuple(r.strip() for r in parts[7].split(","))
                    if len(parts) > 7
                    else (),
                )
            )
        except (ValueError, IndexError) as wrong:
            msg = f"{text!r} is no experiment ({wrong}); write: channel | first week | last week | share off | lift | low | high"
            raise ValueError(msg) from None
    return tuple(found)
