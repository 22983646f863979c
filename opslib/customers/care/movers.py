"""This module owns who buys more or less than before, beyond luck.

Purchases of the last days are compared with those of as many days before and earlier,
each customer against the own pace. Given how often a customer bought in both, the
recent share is binomial where nothing changed (Przyborowski, Wilenski 1940); how much
of the buying falls into the recent days for all customers together carries the
season.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from opslib import checks, periods

LEAST_PURCHASES = 8
LUCK = 0.10
KINDS = ("growing", "fading")


def movers(
    days: pd.DataFrame, *, until: str | pd.Timestamp, days_back: int = 182
) -> pd.DataFrame:
    """Return customers who changed their pace of buying beyond luck.

    Of the list about one in ten is there by luck (false discovery rate of Benjamini
    and Hochberg 1995). Customers won within twice the days are left out: they have no
    earlier pace yet.

    Args:
        days: customer, day, amount of every purchase known.
        until: Last day seen.
        days_back: Recent days; up to three times as many before them are the
            earlier pace.

    Returns:
        customer, kind (`growing` or `fading`), before (purchases expected in the
        recent days at the earlier pace), now (purchases made), money (bought in the
        recent days less what the earlier pace would have brought), largest first.
    """
    checks.columns(days, ["customer", "day", "amount"], "purchases")
    checks.between(days_back, "days_back", low=7, high=400)
    end = pd.Timestamp(periods.day(until))
    ago = (end - pd.to_datetime(days["day"])).dt.days
    first = ago.groupby(days["customer"]).transform("max")
    known = days.assign(ago=ago)[(ago >= 0) & (first >= 2 * days_back)]
    recent, whole = known["ago"] < days_back, known["ago"] < 4 * days_back
    by = known[whole].assign(
        now=recent, spent=known["amount"].where(recent, 0.0)
    ).groupby("customer")  # fmt: skip
    told = by.agg(now=("now", "sum"), every=("now", "size"), spent=("spent", "sum"))
    told["amount"] = by["amount"].mean()
    told["seen"] = first.groupby(known["customer"]).first().clip(upper=4 * days_back)
    told = told[told["every"] >= LEAST_PURCHASES]
    if told.empty:
        return pd.DataFrame(columns=["customer", "kind", "before", "now", "money"])
    return _judged(told, days_back)


def _judged(told: pd.DataFrame, days_back: int) -> pd.DataFrame:
    from scipy.stats import binom
    from statsmodels.stats.multitest import multipletests

    span = days_back / told["seen"]
    pace = told["now"].sum() / (told["every"] * span).sum()
    share = (span * pace / (span * pace + 1 - span)).clip(1e-6, 1 - 1e-6)
    above = binom.sf(told["now"] - 1, told["every"], share)
    below = binom.cdf(told["now"], told["every"], share)
    sure = multipletests(np.minimum(1, 2 * np.minimum(above, below)), LUCK, "fdr_bh")[0]
    earlier = told["every"] - told["now"]
    before = earlier * share / (1 - share)
    found = pd.DataFrame(
        {"customer": told.index, "kind": np.where(above < below, *KINDS),
        "before": before.to_numpy(), "now": told["now"].to_numpy(),
        "money": (told["spent"] - before * told["amount"]).to_numpy()}
    )[sure]  # fmt: skip
    order = found["money"].abs().sort_values(ascending=False).index
    return found.loc[order].reset_index(drop=True)
