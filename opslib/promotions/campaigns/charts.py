"""This module owns the campaign charts; each is a function of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from opslib.promotions.campaigns.answer import measure_names, method_names, way_names
from opslib.show import forms
from opslib.words import catalogue

if TYPE_CHECKING:
    from opslib.promotions.campaigns.arms import Drawn
    from opslib.promotions.campaigns.design import Judged
    from opslib.promotions.campaigns.live import Live

say = catalogue(__package__ or "opslib.promotions.campaigns")


def weeks(judged: Judged) -> Any:
    """Return units with and without the campaign, week by week."""
    path, size = (
        judged.lift.effect.path,
        float(judged.panel.sizes[list(judged.panel.treated)].sum()),
    )
    wide = 1.645 * judged.lift.effect.spread
    first = pd.Timestamp(judged.promotion["starts"].min())
    frame = pd.DataFrame(
        {
            "week": first + pd.to_timedelta(path["period"].to_numpy() * 7, unit="D"),
            "actual": path["actual"] * size,
            "expected": path["expected"] * size,
            "low": (path["expected"] - wide).clip(lower=0) * size,
            "high": (path["expected"] + wide) * size,
        }
    )
    fig = forms.band(
        frame,
        x="week",
        y="expected",
        low="low",
        high="high",
        actual="actual",
        label=say("without the campaign"),
        low_high_label=say("likely range"),
        title=say(
            "Units week by week, with and without {campaign}", campaign=judged.campaign
        ),
        x_title=say("Week"),
        y_title=say("Units a week"),
    )
    fig.add_vline(x=first, line={"dash": "dash", "width": 1})
    return fig


def ways(judged: Judged) -> Any:
    """Return the lift by each way to compare, with its range."""
    names = method_names()
    frame = judged.methods.assign(
        way=[str(names[m]) for m in judged.methods["method"]],
        **{c: judged.methods[c] * 100 for c in ("relative", "low", "high")},
    )
    return forms.dots(
        frame,
        y="way",
        x="relative",
        low="low",
        high="high",
        reference=0.0,
        title=say("Lift by each way to compare"),
        x_title=say("Lift (%), with its range"),
    )


def smallest_lifts(tests: pd.DataFrame) -> Any:
    """Return the smallest lift that a test sees, by its length and number of places."""
    wide = tests.assign(smallest=tests["smallest"] * 100).pivot_table(
        index="weeks", columns="places", values="smallest"
    )
    labels = {
        n: say("{n} places", n=n) if n > 1 else say("one place") for n in wide.columns
    }
    frame = wide.rename(columns=str).reset_index()
    return forms.lines(
        frame,
        x="weeks",
        ys={str(n): t for n, t in labels.items()},
        title=say("Smallest lift that a test sees in eight of ten cases"),
        x_title=say("Length (weeks)"),
        y_title=say("Lift (%)"),
    )


def progress(told: Live) -> Any:
    """Return sales so far, where they end, and the plan; clicks where sales are unknown."""
    measure = str(told.plan["measure"].iloc[0])
    plan, name = told.plan.set_index("measure").loc[measure], measure_names()[measure]
    weights = told.weights if measure == "sales" else np.ones(len(told.weights)) / len(told.weights)  # fmt: skip
    days, done = pd.date_range(told.starts, told.ends), len(told.daily)
    ahead = np.concatenate(
        [
            np.zeros(done),
            np.cumsum(weights[done:]) / max(weights[done:].sum(), 1e-12),
        ]
    )
    so_far = told.daily[measure].cumsum().to_numpy()
    grown = np.concatenate([so_far, np.full(len(days) - done, plan["so_far"])])
    frame = pd.DataFrame(
        {
            "day": days,
            "actual": np.concatenate([so_far, np.full(len(days) - done, np.nan)]),
            "target": plan["target"] * np.cumsum(weights),
            **{
                c: grown + ahead * (plan[c] - plan["so_far"])
                for c in ("end", "low", "high")
            },
        }
    )
    fig = forms.band(
        frame,
        x="day",
        y="end",
        low="low",
        high="high",
        actual="actual",
        label=say("where it ends"),
        title=say("{measure} so far, the end, and the target", measure=name),
        x_title=say("Day"),
        y_title=say("{measure} since the start", measure=name),
    )
    fig.update_layout(legend_y=-0.34)  # days have two lines below the axis
    if pd.notna(plan["target"]):
        fig.add_scatter(
            x=frame["day"],
            y=frame["target"],
            mode="lines",
            name=say("target"),
            line={"dash": "dash", "width": 1.5},
        )
    return forms.finish(
        fig, title=say("{measure} so far, the end, and the target", measure=name)
    )


def by_region(found: pd.DataFrame) -> Any:
    """Return where each region ends, as a share of its own targets.

    A region where the campaign has just begun is named, without a point.
    """
    names = measure_names()
    known = found[found["target"] > 0]
    frame = pd.DataFrame(
        {
            "name": [
                say(
                    "{region}: {measure} (too early)"
                    if late
                    else "{region}: {measure}",
                    region=r,
                    measure=names[m],
                )
                for r, m, late in zip(
                    known["region"], known["measure"], known["late"], strict=True
                )
            ],
            **{
                c: known[c].astype(float) / known["target"].astype(float) * 100
                for c in ("end", "low", "high")
            },
        }
    )
    return forms.dots(
        frame,
        y="name",
        x="end",
        low="low",
        high="high",
        reference=100.0,
        title=say("Where each region ends, against its own targets"),
        x_title=say("At the end (% of the target)"),
    )


def responders(drawn: Drawn) -> Any:
    """Return what is added when only the first so many customers are treated."""
    names = way_names()
    told = (
        drawn.who.gains if drawn.who else pd.DataFrame(columns=["share", "way", "gain"])
    )
    wide = (
        told.assign(share=told["share"] * 100, gain=told["gain"] * 1000)
        .pivot_table(index="share", columns="way", values="gain")
        .reset_index()
    )
    return forms.lines(
        wide,
        x="share",
        ys={w: names[w] for w in names if w in wide},
        title=say("Responses added when the first so many are treated"),
        x_title=say("Customers treated (%)"),
        y_title=say("Responses for 1,000 customers"),
    )
