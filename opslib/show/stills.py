"""This module owns still pictures: a Plotly figure redrawn as SVG, without a browser.

Only the traces that `forms` makes are drawn; others are left out and said to be.
"""

from __future__ import annotations

import base64
import io
from typing import Any

from opslib.show import theme


def svg(
    figure: dict[str, Any],
    *,
    width: float = 8.0,
    height: float = 3.6,
    small: bool = False,
) -> str:
    """Return SVG of a figure given as Plotly JSON; see `png` for its arguments."""
    text = _drawn(figure, "svg", width=width, height=height, small=small).decode()
    return text[text.index("<svg") :]


def png(
    figure: dict[str, Any], *, width: float = 8.0, height: float = 3.6, small: bool = False
) -> bytes:  # fmt: skip
    """Return a PNG of a figure given as Plotly JSON, for mail.

    Args:
        figure: `data` and `layout`, as hung on an output.
        width: Inches.
        height: Inches.
        small: A thumbnail: no titles, no legend.
    """
    return _drawn(figure, "png", width=width, height=height, small=small)


def _drawn(
    figure: dict[str, Any], form: str, *, width: float, height: float, small: bool
) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none", "svg.hashsalt": "opslib", "font.size": 10,
        "font.sans-serif": ["Noto Sans", "Noto Sans CJK SC", "DejaVu Sans"],
        "axes.edgecolor": theme.LINE, "axes.labelcolor": theme.QUIET,
        "xtick.color": theme.QUIET, "ytick.color": theme.QUIET, "text.color": theme.INK,
        "axes.unicode_minus": False,
    }  # fmt: skip
    with rc_context(settings):
        page = Figure(figsize=(width, height), layout="constrained")
        (FigureCanvasSVG if form == "svg" else FigureCanvasAgg)(page)
        axes = page.add_subplot()
        layout = figure.get("layout", {})
        state: dict[str, Any] = {"base": 0, "names": 0}
        for at, trace in enumerate(figure.get("data", [])):
            _draw(axes, trace, theme.COLOURS[at % len(theme.COLOURS)], state)
        _dress(axes, layout, small=small, named=state["names"])
        out = io.BytesIO()
        told = {"Date": None} if form == "svg" else {"Software": None}
        page.savefig(out, format=form, metadata=told)
    return out.getvalue()


def values(told: Any) -> list[Any]:
    """Return a trace's values, also where Plotly packed them as bytes."""
    if isinstance(told, dict) and "bdata" in told:
        import numpy as np

        flat = np.frombuffer(base64.b64decode(told["bdata"]), dtype=told["dtype"])
        if told.get("shape"):
            flat = flat.reshape([int(n) for n in str(told["shape"]).split(",")])
        return flat.tolist()
    return list(told) if told is not None else []


def _draw(axes: Any, trace: dict[str, Any], colour: str, state: dict[str, Any]) -> None:
    kind = trace.get("type", "scatter")
    if kind in ("scatter", "scattergl"):
        _scatter(axes, trace, colour, state)
    elif kind == "bar":
        _bar(axes, trace, colour)
    elif kind == "heatmap":
        _heat(axes, trace)
    elif kind == "waterfall":
        _waterfall(axes, trace)


def _axis(told: list[Any]) -> list[Any]:
    import datetime as dt

    if told and isinstance(told[0], str) and len(told[0]) >= 10 and told[0][4:5] == "-":
        try:
            return [dt.datetime.fromisoformat(str(v)[:19]) for v in told]
        except ValueError:
            return told
    return [str(v) if isinstance(v, str) else v for v in told]


def _scatter(
    axes: Any, trace: dict[str, Any], colour: str, state: dict[str, Any]
) -> None:
    import numpy as np

    x, y = _axis(values(trace.get("x"))), values(trace.get("y"))
    y = [np.nan if v is None else v for v in y]
    mode, line, marker = (
        trace.get("mode", "lines"),
        trace.get("line", {}),
        trace.get("marker", {}),
    )
    colour = (
        line.get("color")
        or (marker.get("color") if isinstance(marker.get("color"), str) else None)
        or colour
    )
    shown = trace.get("showlegend", True) and trace.get("name")
    state["names"] += bool(shown)
    if trace.get("fill") == "tonexty":
        axes.fill_between(
            x,
            y,
            state["last"],
            color=theme.BLUE,
            alpha=0.22,
            linewidth=0,
            label=trace.get("name"),
        )
    elif "lines" in mode and line.get("width", 2):
        style = {"dash": "--", "dot": ":", "dashdot": "-."}.get(
            line.get("dash", ""), "-"
        )
        axes.plot(
            x,
            y,
            color=colour,
            linewidth=1.8,
            linestyle=style,
            label=trace.get("name") if shown else None,
        )
    if "markers" in mode:
        axes.plot(
            x,
            y,
            "o",
            color=colour,
            markersize=4,
            label=trace.get("name") if shown and "lines" not in mode else None,
        )
    for side in ("error_x", "error_y"):
        error = trace.get(side)
        if error and error.get("array") is not None:
            both = [
                values(error.get("arrayminus")) or values(error["array"]),
                values(error["array"]),
            ]
            axes.errorbar(
                x,
                y,
                **{side.replace("error_", "") + "err": both},
                fmt="none",
                ecolor=colour,
                linewidth=1.6,
            )
    for label, a, b in zip(
        values(trace.get("text")) if isinstance(trace.get("text"), list) else [],
        x,
        y,
        strict=False,
    ):
        axes.annotate(
            str(label),
            (a, b),
            textcoords="offset points",
            xytext=(0, 6),
            ha="center",
            fontsize=8,
        )
    state["last"] = y


def _bar(axes: Any, trace: dict[str, Any], colour: str) -> None:
    marker = trace.get("marker", {}).get("color")
    colour = marker if isinstance(marker, str) else colour
    x, y = _axis(values(trace.get("x"))), _axis(values(trace.get("y")))
    lying = trace.get("orientation") == "h"
    error = trace.get("error_x" if lying else "error_y") or {}
    both = None
    if error.get("array") is not None:
        minus = values(error.get("arrayminus")) or values(error["array"])
        both = [[max(0, v) for v in minus], [max(0, v) for v in values(error["array"])]]
    if lying:
        axes.barh([str(v) for v in y], x, color=colour, xerr=both)
    else:
        axes.bar(
            x,
            y,
            color=colour,
            yerr=both,
            width=20 if x and hasattr(x[0], "year") else 0.8,
        )


def _heat(axes: Any, trace: dict[str, Any]) -> None:
    z = [
        [float("nan") if v is None else v for v in row]
        for row in values(trace.get("z"))
    ]
    axes.imshow(z, aspect="auto", cmap="Blues")
    axes.set_xticks(range(len(values(trace["x"]))), values(trace["x"]))
    axes.set_yticks(range(len(values(trace["y"]))), values(trace["y"]))


def _waterfall(axes: Any, trace: dict[str, Any]) -> None:
    level = 0.0
    kinds = trace.get("measure") or ["relative"] * len(values(trace["y"]))
    for name, step, kind in zip(
        values(trace["x"]), values(trace["y"]), kinds, strict=True
    ):
        whole = kind in ("total", "absolute")
        size = (step or level) if whole else step
        base = 0 if whole else level
        colour = theme.BLUE if whole else theme.GREEN if size >= 0 else theme.RED
        axes.bar(str(name), size, bottom=base, color=colour)
        level = base + size


def _dress(axes: Any, layout: dict[str, Any], *, small: bool, named: int) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#edf0f3", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("x", "y"):
        told = layout.get(f"{side}axis", {})
        if told.get("autorange") == "reversed":
            getattr(axes, f"invert_{side}axis")()
        if told.get("tickformat", "").endswith("%"):
            from matplotlib.ticker import PercentFormatter

            getattr(axes, f"{side}axis").set_major_formatter(
                PercentFormatter(1.0, decimals=0)
            )
        if not small:
            getattr(axes, f"set_{side}label")(told.get("title", {}).get("text", ""))
    if small:
        axes.tick_params(labelsize=7)
        if len(axes.get_xticklabels()) > 6:
            axes.locator_params(
                axis="x", nbins=5
            ) if axes.get_xscale() == "linear" and not axes.xaxis.have_units() else None
    elif named > 1:
        axes.legend(
            frameon=False,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.16),
            ncols=min(3, named),
        )
    for label in axes.get_xticklabels():
        if (
            hasattr(axes.xaxis.get_converter(), "axisinfo")
            and "Date" in type(axes.xaxis.get_converter()).__name__
        ):
            label.set_rotation(0)
