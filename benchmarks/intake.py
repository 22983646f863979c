"""Loading sales lines with all checks, beside pandas doing the same checks.

Each measure runs in a process of its own over the same CSV file: rows per second,
seconds and peak memory. Both read every value as text, cast it, test it against the
rules of `sales_lines`, keep the good rows in a file and the bad ones with their
reason. `python benchmarks/intake.py [millions]` takes another size than 10.
"""

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SMALL = 1_000_000
COLUMNS = ("sale", "day", "item", "place", "quantity", "price", "amount")


def generate(path, rows):
    """Write sales lines, one in a thousand of them broken in one of four ways."""
    import duckdb

    duckdb.sql(f"""COPY (SELECT 'S' || (i // 3) AS sale,
        CASE WHEN i % 4000 = 0 THEN '31.02.2025'
            ELSE (DATE '2024-01-01' + (i * 730 // {rows})::INTEGER)::VARCHAR END AS day,
        CASE WHEN i % 4000 = 1000 THEN NULL ELSE 'A' || (hash(i) % 5000) END AS item,
        'P' || (hash(i + 1) % 40) AS place,
        CASE WHEN i % 4000 = 2000 THEN -1 ELSE 1 + hash(i + 2) % 6 END AS quantity,
        (hash(i + 3) % 9000 + 100) / 100 AS price,
        round(quantity * price, 2) + (i % 4000 = 3000)::INTEGER * 7 AS amount
        FROM range({rows}) AS r(i)) TO '{path}' (HEADER)""")


def with_opslib(path, home):
    """Load the file into a fresh warehouse; return rows taken and set aside."""
    (home / "notebooks").mkdir(exist_ok=True)
    (home / "notebooks" / "gallery.yaml").write_text("notebooks: []\n", "utf-8")
    os.environ["OPSLIB_HOME"] = str(home)
    from opslib.warehouse import intake

    told = home / "till.yaml"
    columns = ", ".join(f"{c}: {c}" for c in COLUMNS)
    told.write_text(
        f"source: till\nfiles: {path}\n"
        f"rows:\n  - to: sales_lines\n    columns: {{{columns}}}\n",
        "utf-8",
    )
    made = intake.load("bench", told, fresh=True).deliveries[0]
    return made.loaded["sales_lines"], sum(made.aside.values())


def with_pandas(path, home):
    """Do the same with pandas: cast, test, keep good rows and reasons of bad ones."""
    import numpy as np
    import pandas as pd

    raw = pd.read_csv(path, dtype=str, keep_default_na=False)
    made = raw.assign(
        day=pd.to_datetime(raw["day"], format="%Y-%m-%d", errors="coerce"),
        **{
            c: pd.to_numeric(raw[c], errors="coerce")
            for c in ("quantity", "price", "amount")
        },
    )
    texts = [raw[c].str.strip() for c in ("sale", "item", "place")]
    made = made.assign(**{t.name: t.where(t != "", None) for t in texts})
    tests = {}
    for column in ("day", "quantity", "price", "amount"):
        empty = raw[column].str.strip() == ""
        tests[f"{column} cannot be read"] = made[column].isna() & ~empty
    for column in ("day", "item", "quantity", "amount"):
        tests[f"{column} is missing"] = made[column].isna()
    tests["quantity not above zero"] = made["quantity"] <= 0
    tests["amount below zero"] = made["amount"] < 0
    gap = (made["quantity"] * made["price"] - made["amount"]).abs()
    tests["parts do not tie"] = gap > 0.011 * (1 + made["quantity"])
    reason = pd.Series(np.select(list(tests.values()), list(tests), ""))
    bad = reason != ""
    made[~bad].to_parquet(home / "good.parquet")
    raw[bad].assign(reason=reason[bad]).to_parquet(home / "bad.parquet")
    return int((~bad).sum()), int(bad.sum())


def measure(way, path):
    """Run one way in a process of its own; return seconds, megabytes and its counts."""
    command = [sys.executable, __file__, way, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _child(way, path):
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as home:
        begun = time.perf_counter()
        counts = {"opslib": with_opslib, "pandas": with_pandas}[way](path, Path(home))
        seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": peak, "counts": counts}))


def main(rows):
    """Print both ways side by side, the exponent and the ratio."""
    with tempfile.TemporaryDirectory() as place:
        small, large = Path(place) / "small.csv", Path(place) / "large.csv"
        generate(small, SMALL)
        generate(large, rows)
        found = {}
        for way, path, n in (
            ("opslib", small, SMALL), ("opslib", large, rows), ("pandas", large, rows),
        ):  # fmt: skip
            made = found[way, n] = measure(way, path)
            taken, aside = made["counts"]
            print(
                f"{way}: {n:>10,} lines, {made['seconds']:6.1f} s, "
                f"{n / made['seconds']:>9,.0f} lines a second, peak "
                f"{made['megabytes']:,.0f} MB, {taken:,} taken, {aside:,} set aside"
            )
    ours, theirs = found["opslib", rows], found["pandas", rows]
    if ours["counts"] != theirs["counts"]:
        raise SystemExit("the two ways do not agree on which rows are good")
    growth = math.log(ours["seconds"] / found["opslib", SMALL]["seconds"])
    print(
        f"exponent from 1 to {rows // SMALL} million: {growth / math.log(rows / SMALL):.2f}"
    )
    print(f"peak memory of opslib: {ours['megabytes']:,.0f} MB")
    print(f"against pandas: {theirs['seconds'] / ours['seconds']:.1f} times")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _child(sys.argv[1], sys.argv[2])
    else:
        main(int(sys.argv[1]) * SMALL if len(sys.argv) > 1 else 10 * SMALL)
