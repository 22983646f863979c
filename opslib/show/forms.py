"""This module owns general chart forms; each returns a finished Plotly figure.

Every text is a `Text`; the figure carries the twins of its words, so that a report
in the other language is made without running anything again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from opslib import words
from opslib.show import theme
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    import pandas as pd

say = catalogue(__package__ or "opslib.show")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "solid")


def band(
    frame: pd.DataFrame, *, x: str, y: str, title: Text, x_title: Text, y_title: Text,
    low: str | None = None, high: str | None = None, actual: str | None = None,
    label: Text | None = None, low_high_label: Text | None = None,
) -> go.Figure:  # fmt: skip
    """Return a line with its uncertainty band and, where given, what happened."""
    fig = go.Figure()
    if low and high:
        fig.add_scatter(
            x=frame[x],
            y=frame[high],
            mode="lines",
            line={"width": 0},
            showlegend=False,
            hoverinfo="skip",
            name="high",
        )
        fig.add_scatter(
            x=frame[x], y=frame[low], mode="lines", line={"width": 0}, fill="tonexty",
            fillcolor="rgba(31,111,178,.22)", name=low_high_label or say("likely range"),
        )  # fmt: skip
    if actual:
        known = frame[frame[actual].notna()]
        fig.add_scatter(
            x=known[x],
            y=known[actual],
            mode="lines+markers",
            name=say("what happened"),
            line={"color": theme.INK, "width": 1.5},
            marker={"size": 4},
        )
    fig.add_scatter(
        x=frame[x],
        y=frame[y],
        mode="lines",
        name=label or say("expected"),
        line={"color": theme.BLUE, "width": 2.5},
    )
    return finish(fig, title=title, x_title=x_title, y_title=y_title)


def lines(
    frame: pd.DataFrame, *, x: str, ys: dict[str, Text], title: Text, x_title: Text,
    y_title: Text,
) -> go.Figure:  # fmt: skip
    """Return one line for each column; told apart by dash as well as by colour."""
    fig = go.Figure()
    for at, (name, label) in enumerate(ys.items()):
        fig.add_scatter(
            x=frame[x],
            y=frame[name],
            mode="lines",
            name=label,
            line={"dash": DASHES[at % 6], "width": 2},
        )
    return finish(fig, title=title, x_title=x_title, y_title=y_title)


def bars(
    frame: pd.DataFrame, *, x: str, y: str, title: Text, x_title: Text, y_title: Text,
    low: str | None = None, high: str | None = None, horizontal: bool = False,
) -> go.Figure:  # fmt: skip
    """Return bars, with error bars where an interval is given."""
    error = None
    if low and high:
        error = {
            "type": "data", "symmetric": False, "color": theme.INK, "thickness": 1.3,
            "array": frame[high] - frame[y], "arrayminus": frame[y] - frame[low],
        }  # fmt: skip
    colour = {"color": theme.BLUE}
    if horizontal:
        bar = go.Bar(
            x=frame[y], y=frame[x], orientation="h", error_x=error, marker=colour
        )
    else:
        bar = go.Bar(x=frame[x], y=frame[y], error_y=error, marker=colour)
    fig = go.Figure(bar)
    if horizontal:
        fig.update_yaxes(autorange="reversed")
        fig.update_layout(height=max(240, 110 + 30 * len(frame)))
        return finish(fig, title=title, x_title=y_title, y_title=x_title)
    return finish(fig, title=title, x_title=x_title, y_title=y_title)


def dots(
    frame: pd.DataFrame, *, y: str, x: str, low: str, high: str, title: Text,
    x_title: Text, reference: float | None = None,
) -> go.Figure:  # fmt: skip
    """Return a point and its interval for each row."""
    fig = go.Figure(
        go.Scatter(
            x=frame[x], y=frame[y], mode="markers", marker={"size": 10, "color": theme.BLUE},
            error_x={
                "type": "data", "symmetric": False, "thickness": 2, "color": theme.BLUE,
                "array": frame[high] - frame[x], "arrayminus": frame[x] - frame[low],
            },
        )
    )  # fmt: skip
    if reference is not None:
        fig.add_vline(x=reference, line={"color": theme.GREY, "dash": "dash"})
    fig.update_yaxes(autorange="reversed")
    fig.update_layout(height=max(240, 120 + 32 * len(frame)), showlegend=False)
    return finish(fig, title=title, x_title=x_title)


def heat(
    frame: pd.DataFrame, *, title: Text, x_title: Text, y_title: Text, unit: Text
) -> go.Figure:
    """Return a table of numbers as colours with the numbers written in."""
    fig = go.Figure(
        go.Heatmap(
            z=frame.to_numpy(), x=[str(c) for c in frame.columns], y=[str(i) for i in frame.index],
            colorscale=[[0, "#f4f8fc"], [1, theme.BLUE]], colorbar={"title": str(unit)},
            texttemplate="%{z:,.3~r}",
        )
    )  # fmt: skip
    fig.update_yaxes(autorange="reversed")
    return finish(fig, title=title, x_title=x_title, y_title=y_title)


def waterfall(
    frame: pd.DataFrame, *, x: str, y: str, title: Text, y_title: Text
) -> go.Figure:
    """Return steps from a start to an end; column `measure` may name totals."""
    measure = list(frame["measure"]) if "measure" in frame else None
    fig = go.Figure(
        go.Waterfall(
            x=frame[x], y=frame[y], measure=measure,
            increasing={"marker": {"color": theme.GREEN}},
            decreasing={"marker": {"color": theme.RED}},
            totals={"marker": {"color": theme.BLUE}}, connector={"line": {"color": theme.LINE}},
        )
    )  # fmt: skip
    return finish(fig, title=title, y_title=y_title)


def points(
    frame: pd.DataFrame, *, x: str, y: str, title: Text, x_title: Text, y_title: Text,
    label: str | None = None,
) -> go.Figure:  # fmt: skip
    """Return a scatter, with names written beside the points where given."""
    mode = "markers+text" if label else "markers"
    fig = go.Figure(
        go.Scatter(
            x=frame[x], y=frame[y], mode=mode, text=list(frame[label]) if label else None,
            textposition="top center", marker={"size": 9, "color": theme.BLUE, "opacity": 0.8},
        )
    )  # fmt: skip
    return finish(fig, title=title, x_title=x_title, y_title=y_title)


def finish(
    fig: go.Figure, *, title: Text, x_title: Text | str = "", y_title: Text | str = ""
) -> go.Figure:
    """Give a figure its theme, title, axis titles and the twins of its words."""
    theme.register()
    high = (
        fig.layout.height or 380
    )  # a template's height is lost on a page that resizes
    fig.update_layout(template="opslib", title={"text": str(title)}, height=high)
    if x_title:
        fig.update_xaxes(title_text=str(x_title))
    if y_title:
        fig.update_yaxes(title_text=str(y_title))
    said = _texts(fig.to_plotly_json())
    fig.update_layout(meta={"opslib_words": words.twins(said)})
    return fig


def _texts(value: Any) -> set[str]:
    if isinstance(value, str):
        return {str(value)}
    if isinstance(value, dict):
        return set().union(
            *(_texts(v) for k, v in value.items() if k != "template"), set()
        )
    if isinstance(value, list | tuple):
        return set().union(*(_texts(v) for v in value), set())
    if hasattr(value, "dtype") and value.dtype == object:
        return {str(v) for v in value}
    return set()
