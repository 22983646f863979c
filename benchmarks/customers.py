"""Purchase models beside lifetimes, and a million customers from warehouse to value.

`python benchmarks/customers.py fits` fits BG/NBD and Pareto/NBD on the 2,357 customers
of CDNOW, here and with the package lifetimes in an environment of its own (made once
in a temporary folder), and prints seconds and likelihood side by side.
`python benchmarks/customers.py million` writes 10 million sales lines of a million
customers into a warehouse and measures recency, frequency, value and a BG/NBD fit with
everybody's expected purchases: seconds and peak memory, each step in one process.
`python benchmarks/customers.py words` learns five reasons of complaints from texts in
ten folds and prints the seconds of a fit, its choices included, and the accuracy.
Without a word all run. `LIFETIMES_PYTHON` names another interpreter with lifetimes.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

CUSTOMERS, LINES = 1_000_000, 10_000_000
REPEATS = 3
OTHER = """
import json, sys, time
import numpy as np
import pandas as pd
from lifetimes import BetaGeoFitter, ParetoNBDFitter
told = pd.read_csv(sys.argv[1])
out = {}
for name, Fitter in (("bgnbd", BetaGeoFitter), ("paretonbd", ParetoNBDFitter)):
    seconds = []
    for _ in range(int(sys.argv[2])):
        started = time.process_time()
        model = Fitter().fit(told["frequency"], told["recency"], told["age"])
        seconds.append(time.process_time() - started)
    # Its BG/NBD takes logs of the parameters and gives a mean, its Pareto/NBD a sum.
    point = np.array(model.params_, dtype=float)
    point, times = (np.log(point), len(told)) if name == "bgnbd" else (point, 1)
    data = [told[c].to_numpy(float) for c in ("frequency", "recency", "age")]
    loss = Fitter._negative_log_likelihood(point, *data, np.ones(len(told)), 0.0)
    out[name] = [min(seconds), -loss * times]
print(json.dumps(out))
"""
PINS = ("lifetimes", "pandas<2.2", "numpy<2", "scipy<1.14")


def _shared():
    beside = Path(__file__).resolve().parents[2] / "shared"
    return Path(os.environ.get("OPSLIB_SHARED") or beside) / "data" / "customers"


def _other_python():
    """Return an interpreter that has lifetimes; its environment is made at first use."""
    if os.environ.get("LIFETIMES_PYTHON"):
        return os.environ["LIFETIMES_PYTHON"]
    home = Path(tempfile.gettempdir()) / "opslib_bench_lifetimes"
    python = home / "bin" / "python"
    if not python.is_file():
        venv.create(home, with_pip=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *PINS], check=True, env=_plain()
        )
    return str(python)


def _plain():
    return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}


def fits():
    """Fit both models on CDNOW here and with lifetimes; print seconds and likelihood."""
    import pandas as pd

    from opslib import customers

    names = ["master", "customer", "day", "pieces", "amount"]
    path = _shared() / "cdnow" / "CDNOW_sample.txt"
    days = pd.read_csv(path, sep=r"\s+", header=None, names=names)
    days["day"] = pd.to_datetime(days["day"].astype(str))
    told = customers.histories(days, until="1997-09-30")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "told.csv"
        told.to_csv(file, index=False)
        made = subprocess.run(
            [_other_python(), "-W", "ignore", "-c", OTHER, file, str(REPEATS)],
            capture_output=True, text=True, check=True, env=_plain(),
        )  # fmt: skip
    other = json.loads(made.stdout.strip().splitlines()[-1])
    print(f"CDNOW, {len(told):,} customers; best of {REPEATS}, seconds of processor")
    for kind, (seconds, likelihood) in other.items():
        mine = []
        for _ in range(REPEATS):
            started = time.process_time()
            model = customers.fit(told, kind=kind)
            mine.append(time.process_time() - started)
        print(
            f"{kind:10} here {min(mine):6.2f} s, log-likelihood "
            f"{model.log_likelihood:.3f}; lifetimes {seconds:6.2f} s, "
            f"{likelihood:.3f}; here {seconds / min(mine):.1f} times as fast, "
            f"likelihood {model.log_likelihood - likelihood:+.3f}"
        )


def words():
    """Learn reasons of complaints in ten folds; print seconds a fit and accuracy."""
    import numpy as np
    import pandas as pd
    from sklearn.model_selection import StratifiedKFold

    from opslib import customers

    rows = pd.read_csv(_shared() / "cfpb_complaints" / "dataset.csv")
    texts, reasons = rows["narrative"].to_numpy(), rows["product"].to_numpy()
    seconds, right = [], []
    for train, test in StratifiedKFold(10, shuffle=True, random_state=0).split(
        texts, reasons
    ):
        started = time.process_time()
        told = customers.learn_reasons(texts[train], reasons[train])
        seconds.append(time.process_time() - started)
        right.append((customers.reasons_of(told, texts[test]) == reasons[test]).mean())
    print(
        f"{len(rows):,} complaints, ten folds: {np.mean(seconds):.1f} s of processor a "
        f"fit, {max(seconds):.1f} s at the most; accuracy {np.mean(right):.3f}; asked: "
        "under 10 s a fit, .75 over five repeats"
    )


def generate(path):
    """Write sales lines of customers who buy at their own rate until they leave."""
    import duckdb

    duckdb.sql(f"""COPY (
        WITH people AS (
            SELECT i AS customer, (hash(i) % 600)::INTEGER AS joined,
                60 + (hash(i + 1) % 900)::INTEGER AS stays,
                1 + (hash(i + 2) % 19)::INTEGER AS lines
            FROM range({CUSTOMERS}) AS r(i))
        SELECT 'S' || row_number() OVER () AS sale,
            DATE '2024-01-01' + least(729, joined + (hash(customer * 31 + n)
                % least(stays, 730 - joined))::INTEGER)::INTEGER AS day,
            'A' || (hash(customer + n) % 5000) AS item, 'P1' AS place,
            'C' || customer AS customer, 1 + hash(n + customer) % 4 AS quantity,
            (hash(customer * 7 + n) % 4000 + 100) / 100 AS price,
            round(quantity * price, 2) AS amount
        FROM people, range(lines) AS l(n) LIMIT {LINES}) TO '{path}' (FORMAT parquet)""")


def build(home, path):
    """Load the lines into a warehouse of its own, in a process of its own."""
    columns = [
        "sale",
        "day",
        "item",
        "place",
        "customer",
        "quantity",
        "price",
        "amount",
    ]
    told = home / "till.yaml"
    told.write_text(
        f"source: till\nfiles: {path}\nrows:\n  - to: sales_lines\n    columns: "
        f"{{{', '.join(f'{c}: {c}' for c in columns)}}}\n",
        "utf-8",
    )
    (home / "notebooks").mkdir()
    (home / "notebooks" / "gallery.yaml").write_text("notebooks: []\n", "utf-8")
    code = "import sys; from opslib.warehouse import intake; from pathlib import Path; intake.load('bench', Path(sys.argv[1]), fresh=True)"
    subprocess.run([sys.executable, "-c", code, told], check=True)


def million():
    """Measure the way from warehouse to value for a million customers."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["OPSLIB_HOME"] = folder
        generate(home / "lines.parquet")
        started = time.perf_counter()
        build(home, home / "lines.parquet")
        print(f"loading {LINES:,} lines: {time.perf_counter() - started:.0f} s")
        subprocess.run([sys.executable, __file__, "measure"], check=True)


def measure():
    """Read, tell histories and ranks, fit, foretell; print seconds and peak memory."""
    from opslib import customers, desk

    started, used = time.perf_counter(), time.process_time()
    here = desk.open("bench")
    days = here.read("customer_days")
    read = time.perf_counter()
    told = customers.histories(days, until=here.day)
    ranks = customers.scores(told, until=here.day)
    ranked = time.perf_counter()
    model = customers.fit(told, kind="bgnbd")
    fitted = time.perf_counter()
    ahead = customers.expected(model, told, ahead=52)
    done = time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(ranks):,} customers, {len(days):,} days with a purchase: "
        f"read {read - started:.1f} s, recency-frequency-value {ranked - read:.1f} s, "
        f"BG/NBD {fitted - ranked:.1f} s (log-likelihood {model.log_likelihood:.1f}), "
        f"expected purchases {done - fitted:.1f} s ({ahead.sum():,.0f})\n"
        f"in all {done - started:.1f} s ({time.process_time() - used:.1f} s of "
        f"processor) and {memory:.2f} GiB at the most; asked: 60 s and 4 GB"
    )


if __name__ == "__main__":
    asked = sys.argv[1:] or ["fits", "words", "million"]
    for word in asked:
        {"fits": fits, "words": words, "million": million, "measure": measure}[word]()
