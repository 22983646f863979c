"""Forecasts and orders side by side: series a second, error, memory, scaling.

    python benchmarks/inventory.py

First 500 weekly series of the same planted demand are foretold by this package, by
three automatic models of statsforecast and by a loop over statsmodels; then 5,000 and
50,000 items go from frame to orders, each in a process of its own, whose processor
time and peak memory are printed. The scaling exponent is the slope of log time over
log items: below 1, an item costs less as items grow.
"""

import json
import os
import resource
import subprocess
import sys
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import pandas as pd

from opslib import inventory
from opslib.inventory.ahead import forecast

WEEKS, AHEAD = 157, 4


def demand(items, seed=1):
    """Return a year-round weekly demand with season, drift and many small items."""
    draw = np.random.default_rng(seed)
    level = np.exp(draw.normal(1.0, 1.3, (items, 1)))
    at = np.arange(WEEKS)
    season = 1 + 0.25 * np.sin(2 * np.pi * at / 52)
    drift = np.exp(np.cumsum(draw.normal(0, 0.03, (items, WEEKS)), axis=1))
    return draw.poisson(draw.gamma(2.0, level * season * drift / 2)).astype(float)


def frame(units):
    """Return long demand as the warehouse's mart gives it."""
    row, week = np.nonzero(units)
    monday = pd.date_range("2023-01-02", periods=WEEKS, freq="7D").to_numpy()
    sold = units[row, week]
    return pd.DataFrame(
        {"item": [f"I{r:06d}" for r in row], "place": "all", "week": monday[week],
         "units": sold, "amount": sold * 10.0, "promoted_units": 0.0}
    )  # fmt: skip


def to_orders(items):
    """Print seconds and peak memory of one whole way from frame to orders."""
    given = frame(demand(items))
    draw = np.random.default_rng(2)
    names = pd.unique(given["item"])
    products = pd.DataFrame(
        {"item": names, "name": names, "supplier": "S1", "price": 10.0, "cost": 6.0,
         "pack": draw.choice([1, 6, 12], len(names)), "minimum_order": 0}
    )  # fmt: skip
    stock = pd.DataFrame({"item": names, "place": "all", "on_hand": draw.integers(0, 60, len(names))})  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_SELF)
    begun, used = time.perf_counter(), time.process_time()
    panel = inventory.clean_demand(given)
    told = inventory.terms(
        panel, products, stock, pd.DataFrame(), lead_weeks=2, cost_share=0.6
    )
    made = inventory.decide(panel, told, holding_rate=0.25)
    peak = max(before.ru_maxrss, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(
        json.dumps(
            {
                "items": items,
                "seconds": time.perf_counter() - begun,
                "processor": time.process_time() - used,
                "gigabytes": peak / 2**20,
                "lines": int((made.listed["order"] > 0).sum()),
            }
        )
    )


def side_by_side(count=500):
    """Print series a second and error of five ways to foretell the same series."""
    from statsforecast.models import AutoARIMA, AutoETS, AutoTheta
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    units = demand(count, seed=3)
    past, actual = units[:, :-AHEAD], units[:, -AHEAD:]
    panel = inventory.clean_demand(
        frame(units), as_of=pd.Timestamp("2023-01-02") + pd.Timedelta(weeks=WEEKS - AHEAD, days=-1)
    )  # fmt: skip

    def ours():
        whole = inventory.Panel(
            keys=pd.DataFrame({"item": range(count), "place": "all"}),
            weeks=panel.weeks[: WEEKS - AHEAD], units=past, price=np.ones(count),
            promoted=np.zeros_like(past), masked=0.0,
        )  # fmt: skip
        test = inventory.backtest(whole, ahead=AHEAD)
        return inventory.foretell(whole, test, weeks=AHEAD).mean

    def each(make):
        return lambda: np.stack(
            [make().forecast(y=row, h=AHEAD)["mean"] for row in past]
        )

    def loop():
        return np.stack(
            [
                ExponentialSmoothing(row, trend="add", damped_trend=True).fit().forecast(AHEAD)
                for row in past
            ]
        )  # fmt: skip

    ways = {
        "opslib, choice of method included": ours,
        "opslib, combination alone": lambda: forecast.combination(
            past,
            forecast.season_index(past, panel.weeks[: WEEKS - AHEAD], AHEAD),
            AHEAD,
        ),
        "statsforecast AutoETS": each(lambda: AutoETS(season_length=1)),
        "statsforecast AutoTheta": each(lambda: AutoTheta(season_length=1)),
        "statsforecast AutoARIMA": each(lambda: AutoARIMA(season_length=1)),
        "statsmodels loop": loop,
    }
    last = np.abs(past[:, -1:] - actual).sum()
    print(
        f"{count} series of {WEEKS - AHEAD} weeks, {AHEAD} ahead; error over last week's"
    )
    found = {}
    for name, way in ways.items():
        begun = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = way()
        spent = time.process_time() - begun
        found[name] = spent
        error = np.abs(np.maximum(told, 0) - actual).sum() / last
        print(
            f"  {name:36s} {count / spent:9.1f} series/s  error {error:.3f}", flush=True
        )
    base = found["opslib, choice of method included"]
    for name, spent in found.items():
        print(f"  {name:36s} {spent / base:6.2f} x our processor time")


def main():
    """Print both parts."""
    side_by_side()
    results = []
    for items in (5_000, 50_000):
        told = subprocess.run(
            [sys.executable, __file__, str(items)], capture_output=True, text=True, check=True
        )  # fmt: skip
        one = json.loads(told.stdout.splitlines()[-1])
        results.append(one)
        print(
            f"{one['items']:6d} items, frame to orders: {one['seconds']:.0f} s by the "
            f"clock, {one['processor']:.0f} s of processor, {one['gigabytes']:.2f} GB "
            f"at most, {one['lines']} lines",
            flush=True,
        )
    small, large = results
    slope = np.log(large["processor"] / small["processor"]) / np.log(10)
    print(f"scaling exponent {slope:.2f} (1: an item costs the same)")


if __name__ == "__main__":
    to_orders(int(sys.argv[1])) if len(sys.argv) > 1 else main()
