"""This module owns the order list: how much of what, why, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opslib import checks
from opslib.inventory.ahead import rolling as tests
from opslib.inventory.ahead.rolling import Backtest, Forecast
from opslib.inventory.demand import Panel
from opslib.inventory.ordering import policies, simulate
from opslib.inventory.ordering.edits import COLUMNS, apply_edits, price_edits
from opslib.inventory.ordering.terms import Terms
from opslib.inventory.ordering.tuning import Tuned, Worth, tune, worth

_TEN_YEARS = 3650


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Everything that leads to today's orders.

    Attributes:
        listed: The order list, the buyer's own numbers in place.
        tuned: The level that cost least and its proof.
        test: The back-test that chose the methods.
        coming: Possible demand.
        worth: What a day of lead time and a point of accuracy are worth.
        priced: What the buyer's earlier changes saved, line by line.
    """

    listed: pd.DataFrame
    tuned: Tuned
    test: Backtest
    coming: Forecast
    worth: Worth
    priced: pd.DataFrame


def decide(
    panel: Panel, told: Terms, *, holding_rate: float, budget: float = 0,
    edits: pd.DataFrame | None = None, day: object = None,
) -> Decision:  # fmt: skip
    """Choose methods, foretell, tune the level, and list the orders.

    Args:
        panel: Clean demand.
        told: Terms.
        holding_rate: Yearly cost of stock as a share of its value.
        budget: Most money to spend, 0 for no limit.
        edits: The buyer's own orders, of this day and of earlier ones; or None.
        day: Day of the list; None takes the end of the last week.
    """
    edits = pd.DataFrame(columns=[*COLUMNS]) if edits is None else edits
    weeks = told.longest + 3
    test = tests.backtest(panel, ahead=4)
    coming = tests.foretell(panel, test, weeks=weeks, draws=120)
    drift = tests.drift_of(panel, test)
    tuned = tune(panel, told, holding_rate=holding_rate, drift=drift)
    listed = plan(
        coming, told, level=tuned.level, holding_rate=holding_rate, budget=budget
    )
    return Decision(
        listed=apply_edits(
            listed, edits, day=day or panel.weeks[-1] + pd.Timedelta(days=6)
        ),
        tuned=tuned,
        test=test,
        coming=coming,
        worth=worth(
            panel, told, level=tuned.level, holding_rate=holding_rate, drift=drift
        ),
        priced=price_edits(edits, panel, told, holding_rate=holding_rate),
    )


def plan(
    coming: Forecast,
    told: Terms,
    *,
    level: float | np.ndarray,
    holding_rate: float,
    budget: float = 0,
) -> pd.DataFrame:
    """Return the order list, most valuable first.

    Each order lifts stock so that demand until the next delivery is met with the chance
    `level`, deliveries being as late as the supplier's have been; it is rounded to full
    packs on the side that costs less at that level, and kept above the minimum order.
    What would outlast its shelf life is not ordered: the most is what pays over the
    life, a sold unit earning its margin and an aged one losing its cost; stock on hand
    counts as fresh. A budget keeps the orders that gain most per money. The gain is
    what the time until the next delivery brings.

    Args:
        coming: Possible demand; it must reach one week beyond the longest lead time.
        told: Terms.
        level: Chance of meeting the delivery week's demand, between 0 and 1, one or
            one a series.
        holding_rate: Yearly cost of stock as a share of its value.
        budget: Most money to spend, 0 for no limit.

    Returns:
        item, place, name, supplier, on_hand, in_pipeline, expected (units to delivery
        week), at_delivery (projected stock), order, wanted (units before packs), packs,
        money, gain, gain_more, gain_less, held_back (units that would age out),
        running_out (chance to run out before delivery), and what is known of the supplier.

    Raises:
        ValueError: The forecast is shorter than a lead time, or the level is no chance.
    """
    frame = told.frame
    level = np.broadcast_to(np.asarray(level, float), len(frame))
    for one in (float(level.min()), float(level.max())):
        checks.between(one, "level", low=0, high=1, open_low=True, open_high=True)
    longest = told.longest + 1
    if coming.paths.shape[2] < longest:
        msg = (
            f"the forecast has {coming.paths.shape[2]} weeks; the longest lead time needs "
            f"{longest}. Foretell more weeks"
        )
        raise ValueError(msg)
    parts = [
        _plan_rows(coming, told, rows, level[rows], holding_rate)
        for _lead, rows in frame.groupby("lead_weeks").indices.items()
    ]
    listed = pd.concat(parts).sort_values("gain", ascending=False, ignore_index=True)
    if budget:
        worth = (listed["gain"] / listed["money"].clip(lower=1e-9)).rank(
            ascending=False
        )
        order = listed.assign(worth=worth).sort_values("worth")
        kept = order.index[(order["money"].cumsum() <= budget)]
        outside = ~listed.index.isin(kept)
        listed.loc[outside, ["order", "packs", "money", "gain"]] = 0.0
    return listed


def _plan_rows(
    coming: Forecast, told: Terms, rows: np.ndarray, level: np.ndarray, rate: float
) -> pd.DataFrame:
    part = told.frame.iloc[rows].reset_index(drop=True)
    lead = int(part["lead_weeks"].iloc[0])
    leads = None if told.leads is None else told.leads[rows]
    if leads is not None:
        leads = leads[:, : int(np.flatnonzero(leads.any(axis=0))[-1]) + 1]
    far = lead + 1 if leads is None else leads.shape[1]
    paths = coming.paths[rows][:, :, :far]
    on_hand = part["on_hand"].fillna(0).to_numpy()
    if told.due is None:
        pipeline = np.repeat(
            (part["in_pipeline"] / max(1, lead)).to_numpy()[:, None], lead, 1
        )
    else:
        pipeline = told.due[rows]
    held, need, lost = simulate.projected(
        paths, on_hand=on_hand, pipeline=pipeline, leads=leads
    )
    expected = paths[:, :, : lead + 1].sum(axis=2)
    if not told.stock_known:
        held, need = np.zeros_like(held), expected.astype(float)
    pack = part["pack"].to_numpy()
    cost, margin = part["cost"].to_numpy(), (part["price"] - part["cost"]).clip(lower=0).to_numpy()  # fmt: skip
    wished = simulate.in_packs(need, level=level, pack=pack)
    least = np.ceil(part["minimum_order"] / pack).to_numpy() * pack
    wished = np.where(wished > 0, np.maximum(wished, least), 0.0)
    life = part["shelf_life_days"].fillna(_TEN_YEARS).to_numpy() / 7
    fresh = coming.paths[rows].mean(axis=2) * life[:, None] - held
    pays = policies.critical_ratio(holding=np.maximum(cost, 1e-9), shortage=np.maximum(margin, 1e-9))  # fmt: skip
    order = np.minimum(wished, simulate.in_packs(fresh, level=pays, pack=pack))
    order = np.where(order >= least, order, 0.0)
    hold = cost * rate / 52

    def gain(amount: np.ndarray) -> np.ndarray:
        gap = need - amount[:, None]
        short, left = np.maximum(0, gap).mean(axis=1), np.maximum(0, -gap).mean(axis=1)
        return -(margin * short + hold * left)

    base, now = gain(np.zeros_like(order)), gain(order)
    kept = ["item", "place", "name", "supplier", "cost", "buy", "pack", "lead_weeks",
            "on_hand", "in_pipeline", "on_time", "suppliers", "days", "slow", "other",
            "saving", "other_days", "other_on_time"]  # fmt: skip
    known = told.stock_known
    return part.reindex(columns=kept).assign(
        expected=expected.mean(axis=1),
        at_delivery=held.mean(axis=1) if known else np.nan,
        order=order,
        wanted=np.maximum(0, simulate.quantile_by_row(need, level)),
        packs=order / pack,
        money=order * part["buy"],
        gain=np.where(order > 0, now - base, 0.0),
        gain_more=gain(order + 1) - now,
        gain_less=gain(np.maximum(order - 1, 0)) - now,
        held_back=wished - order,
        running_out=lost.mean(axis=1) if known else np.nan,
    )
