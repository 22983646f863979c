"""This module owns the what-if's picture: where one slider leads, drawn in a blink."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from opslib import words
from opslib.show import tables
from opslib.show.card import escape
from opslib.words import catalogue

if TYPE_CHECKING:
    from opslib.show.controls import Slider, WhatIf
    from opslib.words import Text

say = catalogue(__package__ or "opslib.show")
SECONDS, FEWEST, MOST = 0.08, 4, 24
STYLE = (
    "<style>.ops-curve{max-width:560px;font-size:13px;color:#3d4a57}.ops-curve p{margin:10px 0 4px;line-height:1.4}"
    ".ops-curve .box{position:relative;height:150px;margin:6px 14px 2px 2px;border-left:1px solid #d9dfe5;border-bottom:1px solid #d9dfe5}"
    ".ops-curve svg{width:100%;height:100%;display:block;overflow:visible}.ops-curve polygon{fill:#1f6fb2;opacity:.16}"
    ".ops-curve polyline{fill:none;stroke:#1f6fb2;stroke-width:2;vector-effect:non-scaling-stroke}"
    ".ops-curve i{position:absolute;width:11px;height:11px;margin:-7px 0 0 -7px;border-radius:50%;background:#d9822b;border:2px solid #fff;box-shadow:0 0 0 1px #d9822b}"
    ".ops-curve b{position:absolute;font-weight:600;color:#1d2733;white-space:nowrap;margin-top:-26px;padding:0 5px;background:#ffffffc9;border-radius:4px}.ops-curve b.right{transform:translateX(-100%)}"
    ".ops-curve .box span{position:absolute;left:5px;color:#5b6876;background:#ffffffc9}.ops-curve .box span+span{bottom:2px}.ops-curve .box span:first-child{top:-4px}"
    ".ops-curve .ends{display:flex;justify-content:space-between;margin-right:14px;color:#5b6876}</style>"
)


def written(slider: Slider, value: float) -> Text:
    """Return a slider's value as it reads."""
    if slider.kind == "percent":
        return words.percent(value, 1 if slider.step < 0.01 else 0)
    if slider.kind == "money":
        return words.money(value, slider.unit or "CNY")
    if slider.step < 1:
        return words.number(value, 1 if slider.step >= 0.1 else 2)
    return words.number(value)


def html(what_if: WhatIf, values: dict[str, float], slider: Slider) -> str:
    """Return how the quantity follows one slider while the others stand still.

    As many points as the time allows, no more than the slider has steps; nothing is
    drawn where the slider does not move the quantity.

    Args:
        what_if: What computes the outcome, and how its quantity reads.
        values: Where the sliders stand.
        slider: The one that was turned.
    """
    here, begun = values[slider.name], time.perf_counter()
    now = what_if.compute(**values).value
    many = int(SECONDS / (time.perf_counter() - begun))
    steps = max(1, round((slider.high - slider.low) / slider.step))
    count = min(max(FEWEST, min(MOST, many)), steps)
    at = (slider.low + slider.step * round(steps * k / count) for k in range(count + 1))
    told = [
        (x, now if x == here else what_if.compute(**{**values, slider.name: x}).value)
        for x in sorted({here, *at})
    ]
    ends = [f(v for _, seen in told for v in seen) for f in (min, max)]
    flat = ends[1] - ends[0] <= 1e-9 * max(1.0, abs(ends[1]))
    picture = "" if flat else _picture(what_if, slider, told, (here, now[0]), ends)  # fmt: skip
    return f'<div class="ops-curve" data-curve="{escape(json.dumps(values))}">{picture}</div>'


def _picture(
    what_if: WhatIf, slider: Slider, told: list[tuple[float, tuple[float, ...]]],
    here: tuple[float, float], ends: list[float],
) -> str:  # fmt: skip
    across = lambda x: 100 * (x - slider.low) / (slider.high - slider.low)  # noqa: E731
    down = lambda y: 100 * (ends[1] - y) / (ends[1] - ends[0])  # noqa: E731
    point = lambda x, y: f"{across(x):.2f},{down(y):.2f}"  # noqa: E731
    band = [point(x, v[2]) for x, v in told] + [point(x, v[1]) for x, v in told[::-1]]
    line = " ".join(point(x, v[0]) for x, v in told)
    language = words.spoken_language()
    reads = [escape(tables.cell(v, vars(what_if.measure), language)) for v in (ends[1], ends[0], here[1])]  # fmt: skip
    title = say("{measure}, as this slider moves: {slider}", measure=what_if.measure.label, slider=slider.label)  # fmt: skip
    spot = f"left:{across(here[0]):.1f}%;top:{down(here[1]):.1f}%"
    ends_x = [escape(written(slider, x)) for x in (slider.low, slider.high)]
    side = "right" if across(here[0]) > 60 else "left"
    return (
        f'<p>{escape(title)}</p><div class="box" role="img" aria-label="{escape(title)}: {reads[2]}"><span>{reads[0]}</span><span>{reads[1]}</span>'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"><polygon points="{" ".join(band)}"/><polyline points="{line}"/></svg>'
        f'<i style="{spot}"></i><b class="{side}" style="{spot}">{reads[2]}</b></div>'
        f'<div class="ends"><span>{ends_x[0]}</span><span>{ends_x[1]}</span></div>{STYLE}'
    )
