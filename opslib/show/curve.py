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
    ".ops-curve .bar{display:grid;grid-template-columns:3em 1fr 5em;gap:8px;align-items:center;margin:5px 0}"
    ".ops-curve u{display:block;height:18px;border-radius:3px;background:#1f6fb2;opacity:.45}.ops-curve u.now{background:#d9822b;opacity:1}"
    ".ops-curve b{position:absolute;font-weight:600;color:#1d2733;white-space:nowrap;margin-top:-26px;padding:0 5px;background:#ffffffc9;border-radius:4px}.ops-curve b.right{transform:translateX(-100%)}"
    ".ops-curve .box span{position:absolute;left:5px;color:#5b6876;background:#ffffffc9}.ops-curve .box span+span{bottom:2px}.ops-curve .box span:first-child{top:-4px}"
    ".ops-curve .ends{display:flex;justify-content:space-between;margin-right:14px;color:#5b6876}</style>"
)


def written(slider: Slider, value: float) -> Text:
    """Return a slider's value as it reads."""
    if slider.kind == "switch":
        return say("on") if value > 0.5 else say("off")
    if slider.kind == "percent":
        return words.percent(value, 1 if slider.step < 0.01 else 0)
    if slider.kind == "money":
        return words.money(value, slider.unit or "CNY")
    digits = None if slider.step >= 1 else 1 if slider.step >= 0.1 else 2
    return words.number(value, digits)


def html(what_if: WhatIf, values: dict[str, float], slider: Slider) -> str:
    """Return how the quantity follows one slider while the others stand still.

    As many points as the time allows, no more than the slider has steps; nothing is
    drawn where the slider does not move the quantity. A switch has two bars, no line.

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
    read = lambda v: escape(tables.cell(v, vars(what_if.measure), words.spoken_language()))  # noqa: E731  # fmt: skip
    said = {"measure": what_if.measure.label, "slider": slider.label}
    if slider.kind == "switch":
        title = say("{measure}, with and without: {slider}", **said)
        bars = "".join(
            f'<div class="bar"><span>{escape(written(slider, x))}</span><span><u{" class=now" * (x == here[0])} '
            f'style="width:{100 * abs(v[0]) / max(map(abs, ends)):.1f}%"></u></span><span>{read(v[0])}</span></div>'
            for x, v in told[::-1]
        )
        return f'<p>{escape(title)}</p><div role="img" aria-label="{escape(title)}: {read(here[1])}">{bars}</div>{STYLE}'
    across = lambda x: 100 * (x - slider.low) / (slider.high - slider.low)  # noqa: E731
    down = lambda y: 100 * (ends[1] - y) / (ends[1] - ends[0])  # noqa: E731
    point = lambda x, y: f"{across(x):.2f},{down(y):.2f}"  # noqa: E731
    band = [point(x, v[2]) for x, v in told] + [point(x, v[1]) for x, v in told[::-1]]
    line = " ".join(point(x, v[0]) for x, v in told)
    title = say("{measure}, as this slider moves: {slider}", **said)
    spot = f"left:{across(here[0]):.1f}%;top:{down(here[1]):.1f}%"
    return (
        f'<p>{escape(title)}</p><div class="box" role="img" aria-label="{escape(title)}: {read(here[1])}"><span>{read(ends[1])}</span><span>{read(ends[0])}</span>'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"><polygon points="{" ".join(band)}"/><polyline points="{line}"/></svg>'
        f'<i style="{spot}"></i><b class="{"right" if across(here[0]) > 60 else "left"}" style="{spot}">{read(here[1])}</b></div>'
        f'<div class="ends"><span>{escape(written(slider, slider.low))}</span><span>{escape(written(slider, slider.high))}</span></div>{STYLE}'
    )
