"""This module owns what-if controls: sliders where a kernel lives, a table where not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from opslib import words
from opslib.findings import Heading, Table
from opslib.show import curve, tables
from opslib.show.card import escape
from opslib.words import Text, catalogue

say = catalogue(__package__ or "opslib.show")


@dataclass(frozen=True, kw_only=True)
class Slider:
    """One thing the reader may turn.

    Attributes:
        name: Argument of the computation.
        label: What the reader sees.
        low: Smallest value.
        high: Largest value.
        step: Step.
        value: Where it stands at first.
        kind: `number`, `percent`, `money` or `switch` (0 off, 1 on).
        unit: Currency or unit.
    """

    name: str
    label: Text
    low: float
    high: float
    step: float
    value: float
    kind: str = "number"
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What follows from the sliders.

    Attributes:
        headline: One sentence with the numbers.
        table: Rows, or None.
        value: The quantity that the picture follows, with the ends of its range.
    """

    headline: Text
    table: Table | None = None
    value: tuple[float, float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """Sliders, what they compute from stored draws, and cases for the report.

    Attributes:
        sliders: What may be turned.
        compute: Named values to an outcome; instant, no warehouse.
        cases: Values for which the report shows the outcome.
        measure: How the outcomes' `value` reads, or None where there is none.
    """

    sliders: list[Slider]
    compute: Callable[..., Outcome]
    cases: list[dict[str, float]] = field(default_factory=list)
    measure: Heading | None = None


def clamp(slider: Slider, value: object) -> float:
    """Return a slider's value, or the nearest allowed; what is no number is refused.

    Raises:
        ValueError: The value is no number.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = float("nan")
    if number != number:
        msg = f"{slider.name} is {value!r}; it must be a number"
        raise ValueError(msg)
    return min(max(number, slider.low), slider.high)


def cases(what_if: WhatIf) -> dict[str, Any]:
    """Return the report's form: each case's values and headline, in both languages."""
    rows = []
    for case in what_if.cases:
        told = {s.name: clamp(s, case.get(s.name, s.value)) for s in what_if.sliders}
        outcome = what_if.compute(**told)
        rows.append(
            {
                "values": [
                    curve.written(s, told[s.name]).to_dict() for s in what_if.sliders
                ],
                "headline": outcome.headline.to_dict(),
            }
        )
    return {"labels": [s.label.to_dict() for s in what_if.sliders], "rows": rows}


def cases_html(told: dict[str, Any], language: str = "en") -> str:
    """Return the cases as an HTML table."""
    result = say("Result").in_language(language)
    heads = "".join(
        f"<th>{escape(words.text(h).in_language(language))}</th>"
        for h in told["labels"]
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{escape(words.text(v).in_language(language))}</td>"
            for v in r["values"]
        )
        + f"<td>{escape(words.text(r['headline']).in_language(language))}</td></tr>"
        for r in told["rows"]
    )
    return (
        f'<div class="ops ops-table-box" tabindex="0" role="group" aria-label="{escape(result)}"><table class="ops-table">'
        f"<thead><tr>{heads}<th>{escape(result)}</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def bundle(
    what_if: WhatIf, language: str | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the output of a what-if and its metadata: live widget and HTML table.

    A page whose report shows the cases already (`OPSLIB_CASES=none`) gets no table.
    """
    known = os.environ.get("OPSLIB_CASES") == "none"
    told = {"labels": [], "rows": []} if known else cases(what_if)
    language = language or words.spoken_language()
    shown = {"text/html": cases_html(told, language), "text/plain": "what-if"}
    widget = live(what_if)
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    shown["application/vnd.jupyter.widget-view+json"] = view
    return shown, {"opslib": {"kind": "what_if", "data": told}}


def live(what_if: WhatIf) -> Any:
    """Return the widget: sliders and, below, the outcome of where they stand.

    All share their layout and style: each of its own is one more thing that a kernel
    has to make and a browser to build before the sliders are there.
    """
    import ipywidgets as widgets

    first = _setting(what_if)
    plain, wide = widgets.Layout(), widgets.Layout(width="min(100%, 560px)")
    look = widgets.HTML.style.klass(), widgets.FloatSlider.style.klass()
    turned = {
        s.name: widgets.Checkbox(
            value=first[s.name] > 0.5, description=str(s.label), indent=False, layout=plain,
        )
        if s.kind == "switch"
        else widgets.FloatSlider(
            value=first[s.name], min=s.low, max=s.high, step=s.step,
            readout_format=".0%" if s.kind == "percent" else ",.0f" if s.step >= 1 else ".2f",
            continuous_update=False, layout=wide, style=look[1],
        )
        for s in what_if.sliders
    }  # fmt: skip
    place, picture, below = (widgets.HTML(layout=plain, style=look[0]) for _ in "abc")

    def stand() -> dict[str, float]:
        return {s.name: round(clamp(s, turned[s.name].value), 10) for s in what_if.sliders}  # fmt: skip

    def draw(slider: Slider) -> None:
        with contextlib.suppress(Exception):
            picture.value = curve.html(what_if, stand(), slider)

    def tell() -> None:
        try:
            values = stand()
            place.value, below.value = _outcome_html(what_if.compute(**values), values)
        except Exception:  # the browser must never see a traceback
            sorry = say("This setting cannot be worked out; choose another.")
            place.value = f'<p class="ops">{escape(sorry)}</p>'

    def show(slider: Slider) -> None:
        tell()
        draw(slider)

    def reset(_: object = None) -> None:
        for slider in what_if.sliders:
            turned[slider.name].value = type(turned[slider.name].value)(slider.value)

    back = widgets.Button(description=str(say("Reset")), layout=plain)
    back.on_click(reset)
    for slider in what_if.sliders:
        turned[slider.name].observe(lambda _, s=slider: show(s), names="value")
    tell()
    # Sliders do not wait for the first picture; where nothing turns, there is none.
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop().call_later(0.1, draw, what_if.sliders[0])
    rows = [
        part
        for s in what_if.sliders
        for part in (
            *(
                widgets.HTML(
                    f'<span class="ops-slider-name">{escape(s.label)}</span>',
                    layout=plain,
                    style=look[0],
                )
                for _ in range(s.kind != "switch")
            ),
            turned[s.name],
        )
    ]
    return widgets.VBox([*rows, back, place, picture, below], layout=plain)


def _setting(what_if: WhatIf) -> dict[str, float]:
    """Return where sliders stand at first: as a link asked for, else as the room says."""
    asked = json.loads(os.environ.get("OPSLIB_SETTING") or "{}")
    return {s.name: clamp(s, asked.get(s.name, s.value)) for s in what_if.sliders}


def _outcome_html(outcome: Outcome, setting: dict[str, float]) -> tuple[str, str]:
    """Return what stands above and below the picture."""
    told = escape(json.dumps(setting))
    table = tables.html(outcome.table, words.spoken_language()) if outcome.table else ""
    return f'<p class="ops ops-headline" data-setting="{told}">{escape(outcome.headline)}</p>', table  # fmt: skip
