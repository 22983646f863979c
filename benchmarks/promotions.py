"""The channel mix engine beside PyMC-Marketing on the small preset with known truth.

Prints for each the error of weekly contributions, the error of channel totals, ranges
that hold, processor seconds and peak memory. PyMC-Marketing is never a dependency: give
the Python of an environment that has it, or only our engine is measured:

    python benchmarks/promotions.py [PYTHON_WITH_PYMC_MARKETING]

The data is read beside the project (OPSLIB_SHARED names another place).
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("OPSLIB_SHARED") or ROOT.parent / "shared")
PRESET = DATA / "data/promotions/mmm_param_recovery/small_business"
CONTROLS = ["c1", "c2"]


def read():
    """Return data and true contributions (weeks by channel)."""
    import pandas as pd

    data = pd.read_csv(f"{PRESET}_data.csv", parse_dates=["date"])
    channels = [c for c in data if c.startswith("x")]
    true = pd.read_csv(f"{PRESET}_true_contributions.csv")
    wanted = [next(t for t in true if c in t) for c in channels]
    return data, channels, true[wanted].to_numpy().T


def ours(data, channels):
    """Return draws of weekly contributions: draw, channel, week."""
    import pandas as pd

    from opslib import promotions

    sales = data.rename(columns={"date": "week", "geo": "region", "y": "amount"})
    spend = data.melt(["date", "geo"], channels, "channel", "spend")
    controls = data.melt(["date", "geo"], CONTROLS, "control", "value")
    controls = controls.rename(columns={"date": "week", "geo": "region"})
    controls["week"] -= pd.Timedelta(days=6)
    named = spend.rename(columns={"date": "week", "geo": "region"})
    panel = promotions.build_panel(sales, named, controls)
    return lambda: promotions.fit_mix(panel).paths[:, :, 0]


def pymc(data, channels):
    """Return the same of PyMC-Marketing with its own defaults.

    Its Hill form ends with a gradient that is no number where a week has no spend.
    """
    from pymc_marketing.mmm import GeometricAdstock, LogisticSaturation
    from pymc_marketing.mmm.multidimensional import MMM

    model = MMM(
        date_column="date", target_column="y", channel_columns=channels,
        control_columns=CONTROLS, adstock=GeometricAdstock(l_max=8),
        saturation=LogisticSaturation(), yearly_seasonality=2,
    )  # fmt: skip

    def fit():
        X, y = data[["date", *channels, *CONTROLS]], data["y"]
        model.build_model(X, y)
        model.add_original_scale_contribution_variable(var=["channel_contribution"])
        model.fit(X, y, random_seed=1, cores=1, chains=4, progressbar=False)
        found = model.idata.posterior["channel_contribution_original_scale"]
        stacked = found.stack(draw_all=("chain", "draw"))
        return stacked.transpose("draw_all", "channel", "date").to_numpy()

    return fit


def measure(name):
    """Fit in this process and print what came out as JSON."""
    import numpy as np

    data, channels, truth = read()
    fit = {"opslib": ours, "pymc-marketing": pymc}[name](data, channels)
    start = time.process_time()
    paths = fit()
    used = (
        time.process_time()
        - start
        + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    )
    scale = np.abs(truth.mean(axis=1))
    totals, true = paths.sum(axis=2), truth.sum(axis=1)
    low, high = np.quantile(totals, [0.05, 0.95], axis=0)
    told = {
        "error over draws": (
            np.sqrt(((paths - truth) ** 2).mean(axis=2)) / scale
        ).mean(),
        "error at the point": (
            np.sqrt(((paths.mean(axis=0) - truth) ** 2).mean(axis=1)) / scale
        ).mean(),
        "error of totals": np.abs(totals.mean(axis=0) / true - 1).mean(),
        "ranges that hold (of 4)": int(((low <= true) & (true <= high)).sum()),
        "processor seconds": used,
        "peak memory (MB)": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print("RESULT " + json.dumps({k: float(v) for k, v in told.items()}))


def asked(python, name):
    """Measure in a process of its own; None where that failed, with the reason printed."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    env |= {"PYTHONPATH": str(ROOT)} if name == "opslib" else {}
    done = subprocess.run(
        [python, __file__, "--measure", name],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [x for x in done.stdout.splitlines() if x.startswith("RESULT ")]
    if not lines:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"{name} could not be run: {reason}")
        return None
    return json.loads(lines[-1][len("RESULT ") :])


def main():
    """Print both, and their ratio."""
    if "--measure" in sys.argv:
        measure(sys.argv[-1])
        return
    mine = asked(sys.executable, "opslib")
    if len(sys.argv) > 1:
        other = asked(sys.argv[1], "pymc-marketing")
    else:
        other = None
        print(
            "PyMC-Marketing was not run: no Python of an environment with it was given."
        )
    print(f"{'small preset':26}{'opslib':>10}{'PyMC-M.':>10}{'ratio':>8}")
    for key, value in (mine or {}).items():
        beside = other[key] if other else float("nan")
        print(
            f"{key:26}{value:10.3f}{beside:10.3f}{value / beside if beside else float('nan'):8.3f}"
        )


if __name__ == "__main__":
    main()
