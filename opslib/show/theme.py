"""This module owns the theme: colours, type, and one registered Plotly template."""

from __future__ import annotations

from importlib import resources

INK, QUIET, LINE, PAPER = "#1d2733", "#5b6876", "#d9dfe5", "#ffffff"
BLUE, ORANGE, GREEN, PURPLE, RED, GREY = (
    "#1f6fb2", "#d9822b", "#2a9d78", "#8e6bb8", "#c8443f", "#8a949e",
)  # fmt: skip
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, GREY)
FONT = '"Noto Sans","Noto Sans SC","Noto Sans CJK SC","PingFang SC","Microsoft YaHei","Segoe UI",Helvetica,Arial,sans-serif'
_done: list[bool] = []


def register() -> None:
    """Register the template `opslib` and make it, and its plain renderer, the default."""
    import plotly.graph_objects as go
    import plotly.io as pio

    if _done:
        return
    axis = {
        "gridcolor": "#edf0f3", "linecolor": LINE, "zerolinecolor": LINE,
        "ticks": "outside", "tickcolor": LINE, "ticklen": 4, "automargin": True,
        "title": {"font": {"size": 13, "color": QUIET}, "standoff": 8},
    }  # fmt: skip
    pio.templates["opslib"] = go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": INK},
            "title": {"font": {"size": 16}, "x": 0, "xref": "container", "xanchor": "left",
                      "y": 1, "yanchor": "top", "pad": {"l": 12, "t": 12}},
            "paper_bgcolor": PAPER, "plot_bgcolor": PAPER, "colorway": list(COLOURS),
            "xaxis": axis, "yaxis": axis, "margin": {"l": 56, "r": 16, "t": 52, "b": 84},
            "height": 380, "hovermode": "closest",
            "legend": {"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"},
            "modebar": {"remove": ["lasso2d", "select2d", "autoScale2d"]},
        }
    )  # fmt: skip
    pio.templates.default = "opslib"
    pio.renderers.default = "plotly_mimetype"
    _done.append(True)


def css() -> str:
    """Return the style of cards, tables and pages."""
    return (resources.files(__package__) / "house.css").read_text("utf-8")
