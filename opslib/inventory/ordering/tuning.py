"""This module owns proof in money: past windows lived through again, rule by rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import checks
from opslib.inventory.ahead import forecast
from opslib.inventory.ahead.rolling import DRIFT
from opslib.inventory.demand import Panel, fill
from opslib.inventory.ordering import policies, simulate
from opslib.inventory.ordering.terms import LATEST

if TYPE_CHECKING:
    from opslib.inventory.ordering.terms import Terms

SURE = (0.001, 0.999)
GRID = (0.60, 0.70, 0.80, 0.85, 0.90, 0.94, 0.97, 0.985, 0.995)
_NEARER = 0.1
_SEED = 1


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The chance of meeting a week's demand that cost least in simulation.

    Attributes:
        level: The chance, by series of the panel.
        rule: `one level` for all, or `textbook` where the critical ratio cost least.
        curve: level, cost, its standard error, stock_units, stock_money, fill: what each
            level led to.
        ours: Money by window of our policy at that level.
        usual: Money by window of the usual policy (cover of recent weeks).
        textbook: Money by window at the critical ratio of the textbook.
        weeks: Weeks whose money counts in each window.
    """

    level: np.ndarray
    rule: str
    curve: pd.DataFrame
    ours: np.ndarray
    usual: np.ndarray
    textbook: np.ndarray
    weeks: int


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What would be saved in a year by faster delivery or a nearer forecast.

    Attributes:
        lead_day: Money a year for one day of lead time less.
        lead_error: Its standard error over windows.
        accuracy_point: Money a year for forecasts one per cent nearer to the facts.
        accuracy_error: Its standard error over windows.
    """

    lead_day: float
    lead_error: float
    accuracy_point: float
    accuracy_error: float


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """The series that windows are lived through with.

    Attributes:
        panel: Clean demand.
        rows: Series used.
        hold: Money for one unit kept a week, by series used.
        short: Money for one unit lost.
        pack: Units in a case.
        lead: Weeks to delivery.
        leads: Chance of each lead time, the usual one moved to `lead`; or None.
        drift: How far a level drifts, by series used.
    """

    panel: Panel
    rows: np.ndarray
    hold: np.ndarray
    short: np.ndarray
    pack: np.ndarray
    lead: int
    leads: np.ndarray | None
    drift: np.ndarray


def tune(
    panel: Panel, told: Terms, *, holding_rate: float, windows: int = 6, weeks: int = 8,
    sample: int = 300, drift: float | np.ndarray = DRIFT,
) -> Tuned:  # fmt: skip
    """Find the level that costs least on past windows, in money, by simulation.

    Each window is lived through with lost sales, full packs and deliveries as late as
    the supplier's have been, by three policies on the same demand: cover of recent weeks (the usual), the textbook's critical ratio,
    and each level of the grid. The level is chosen on the older windows; the money of
    the newest is the proof and is not used to choose.

    Args:
        panel: Clean demand.
        told: Terms.
        holding_rate: Yearly cost of stock as a share of its value.
        windows: Past windows, the newest last; fewer where the history is short.
        weeks: Weeks of a window.
        sample: Series used, drawn at random.
        drift: How far a level drifts, one or by series of the panel.

    Returns:
        The level, its curve and money by window.
    """
    trial = _trial(panel, told, holding_rate, sample, drift)
    windows = max(1, min(windows, (len(panel.weeks) - 26) // weeks))
    cuts = [len(panel.weeks) - back * weeks for back in range(windows, 0, -1)]
    ratio = policies.critical_ratio(holding=trial.hold, shortage=trial.short)
    levels = {**dict(zip(GRID, GRID, strict=True)), "textbook": ratio}
    results = [_window(trial, cut, weeks, levels) for cut in cuts]
    older = results[:-1] or results
    mean = {n: np.mean([r[n]["cost"] for r in older]) for n in levels}
    best = min(mean, key=lambda n: mean[n])
    columns = {"cost": "cost", "stock": "stock_units", "money": "stock_money", "fill": "fill"}  # fmt: skip
    curve = pd.DataFrame(
        [
            {"level": n, **{c: np.mean([r[n][k] for r in results]) for k, c in columns.items()},
             "error": np.std([r[n]["cost"] for r in results]) / np.sqrt(len(results))}
            for n in GRID
        ]
    )  # fmt: skip
    of = {
        k: np.array([r[k]["cost"] for r in results])
        for k in (best, "usual", "textbook")
    }
    every = (told.frame["price"] - told.frame["cost"]).clip(lower=0.01).to_numpy()
    whole = every / (every + (told.frame["cost"] * holding_rate / 52).to_numpy())
    # What costs nothing to hold would be met for sure, which is no chance.
    whole = np.clip(whole, *SURE)
    return Tuned(
        level=whole if best == "textbook" else np.full(len(whole), float(best)),
        rule="textbook" if best == "textbook" else "one level",
        curve=curve, ours=of[best], usual=of["usual"], textbook=of["textbook"],
        weeks=weeks - min(trial.lead, weeks - 1),
    )  # fmt: skip


def worth(
    panel: Panel, told: Terms, *, level: np.ndarray, holding_rate: float,
    windows: int = 6, sample: int = 150, drift: float | np.ndarray = DRIFT,
) -> Worth:  # fmt: skip
    """Return what a day of lead time and a point of accuracy are worth in a year.

    The same past windows are lived through three times by the same rule: as things
    are, with one week more to wait, and with paths a tenth nearer to what happened.
    The differences are scaled to one day, one per cent, all series and a year.

    Args:
        panel: Clean demand.
        told: Terms.
        level: Chance of meeting demand, by series.
        holding_rate: Yearly cost of stock as a share of its value.
        windows: Past windows of ten weeks.
        sample: Series used, drawn at random.
        drift: How far a level drifts, one or by series of the panel.
    """
    trial = _trial(panel, told, holding_rate, sample, drift)
    weeks, first = 10, min(trial.lead + 1, 9)
    windows = max(2, min(windows, (len(panel.weeks) - 20) // weeks))
    levels = {"ours": np.asarray(level)[trial.rows]}
    scale = len(panel.units) / len(trial.rows) * 52 / (weeks - first)
    lead, accuracy = [], []
    for back in range(windows, 0, -1):
        cut = len(panel.weeks) - back * weeks

        def cost(cut: int = cut, **change: float) -> float:
            lived = _window(trial, cut, weeks, levels, first=first, **change)
            return lived["ours"]["cost"]

        now = cost()
        lead.append((cost(longer=1) - now) * scale / 7)
        accuracy.append((now - cost(nearer=_NEARER)) * scale / (100 * _NEARER))
    root = np.sqrt(windows)
    return Worth(
        lead_day=float(np.mean(lead)), lead_error=float(np.std(lead, ddof=1) / root),
        accuracy_point=float(np.mean(accuracy)),
        accuracy_error=float(np.std(accuracy, ddof=1) / root),
    )  # fmt: skip


def _trial(
    panel: Panel, told: Terms, holding_rate: float, sample: int,
    drift: float | np.ndarray,
) -> _Trial:  # fmt: skip
    checks.between(holding_rate, "holding_rate", low=0, open_low=True, high=5)
    rows = np.arange(len(panel.units))
    if len(rows) > sample:
        rows = np.sort(np.random.default_rng(_SEED).choice(rows, sample, replace=False))
    part = told.frame.iloc[rows]
    return _Trial(
        panel=panel,
        rows=rows,
        hold=(part["cost"] * holding_rate / 52).clip(lower=1e-6).to_numpy(),
        short=(part["price"] - part["cost"]).clip(lower=0.01).to_numpy(),
        pack=part["pack"].to_numpy(float),
        lead=int(part["lead_weeks"].median()),
        leads=_around(told, rows, int(part["lead_weeks"].median())),
        drift=np.broadcast_to(drift, len(panel.units))[rows],
    )


def _around(told: Terms, rows: np.ndarray, lead: int) -> np.ndarray | None:
    """Return chances of lead times with each row's usual one moved to the same week."""
    if told.leads is None:
        return None
    leads, usual = told.leads[rows], told.frame["lead_weeks"].to_numpy(int)[rows]
    moved = np.zeros((len(rows), lead + LATEST + 1))
    for week in range(leads.shape[1]):
        at = np.clip(week - usual + lead, 0, lead + LATEST)
        np.add.at(moved, (np.arange(len(rows)), at), leads[:, week])
    return moved


def _window(
    trial: _Trial, cut: int, weeks: int, levels: dict[object, float | np.ndarray],
    *, longer: int = 0, nearer: float = 0.0, first: int | None = None,
) -> dict[object, dict[str, float]]:  # fmt: skip
    """Live through one window with every level and the usual rule, from one start.

    Each week foretells anew from the weeks known by then, as a weekly run does.
    """
    panel, rows, lead = trial.panel, trial.rows, trial.lead + longer
    leads, late = _lateness(trial, longer, weeks, cut)
    far = lead + 1 if leads is None else leads.shape[1]
    best = panel.best_known()
    demand = np.nan_to_num(np.round(fill(best[rows])[:, cut : cut + weeks]))
    season = forecast.season_index(best[:, :cut], panel.weeks[:cut], weeks + far)
    spread = forecast.dispersion_of(best[rows, :cut], season)
    paths, usual = [], []
    for now in range(cut, cut + weeks):
        known, ahead = best[rows, :now], season[: now + far]
        mean = forecast.levels(known, ahead, far)
        told = forecast.spread(
            mean, dispersion=spread, drift=trial.drift,
            draws=120, seed=_SEED + now,
        )  # fmt: skip
        if nearer:
            fact = np.hstack([demand[:, now - cut :][:, :far], mean])[:, :far]
            told = told + nearer * (fact[:, None, :] - told)
        paths.append(told)
        usual.append(forecast.moving_average(known, np.ones(now + lead + 2), lead + 2))
    first_mean = forecast.levels(best[rows, :cut], season[: cut + 1], 1)
    start, pipe = np.round(2 * first_mean[:, 0]), np.round(first_mean)
    pipe = np.repeat(pipe, max(1, lead), axis=1)
    rules: dict[object, simulate.Policy] = {
        n: policies.by_chance(paths, level, trial.pack, leads)
        for n, level in levels.items()
    }
    rules["usual"] = policies.cover(lambda week: usual[week], trial.pack)
    counted = slice(min(lead, weeks - 1) if first is None else first, None)
    found = {}
    for name, rule in rules.items():
        out = simulate.simulate(
            demand, rule, on_hand=start, pipeline=pipe,
            holding_cost=trial.hold, shortage_cost=trial.short, late=late,
        )  # fmt: skip
        kept = out.stock[:, counted].mean(axis=1)
        found[name] = {
            "cost": float(out.cost[:, counted].sum()),
            "stock": float(kept.sum()),
            "money": float((kept * trial.hold * 52).sum()),
            "fill": float(
                out.sold[:, counted].sum() / max(1.0, demand[:, counted].sum())
            ),
        }
    return found


def _lateness(
    trial: _Trial, longer: int, weeks: int, seed: int
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return chances of lead times, and a lateness drawn for each row and week."""
    if trial.leads is None:
        return None, None
    leads = np.pad(trial.leads, ((0, 0), (longer, 0)))
    at = np.random.default_rng([_SEED, seed]).random((len(leads), weeks, 1))
    drawn = (at > np.cumsum(leads, axis=1)[:, None, :-1]).sum(axis=2)
    return leads, drawn - (trial.lead + longer)
