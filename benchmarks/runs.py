"""Measure the run engine beside plain papermill on the same runs.

Eight runs of one notebook of each room, both on the same machine, company and data.
Plain papermill runs them in a loop, a new kernel each; opslib runs them two at a time
in forked kernels. Neither finds results kept by the other. Printed: seconds of each,
the overhead of a run, whether the numbers are equal to the last digit, and the ratios.
`python benchmarks/runs.py 8` names the runs of each room (8 by default).
"""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
GRIDS = {
    "inventory/stock_health": ("cover_weeks", lambda i: 4.0 + i),
    "customers/churn": ("contacts", lambda i: 50 + 10 * i),
    "market/price_sensitivity": ("unit_cost", lambda i: 8.0 + 0.5 * i),
    "promotions/live_campaign": ("answer_days", lambda i: 1 + i),
    "budget/cash": ("credit", lambda i: 1000.0 * i),
}


def main():
    each = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    home = Path(tempfile.mkdtemp(prefix="opslib-bench-"))
    try:
        compare(home, each)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def compare(home, each):
    os.environ["OPSLIB_HOME"] = str(home)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    shutil.copytree(PROJECT / "notebooks", home / "notebooks")
    from opslib import demo, runs
    from opslib.runs import listing

    demo.build("demo", size=0.05, seed=7)
    grids = {n: g for n, g in GRIDS.items() if n in listing.entries()}
    jobs = [(n, {p: value(i)}) for n, (p, value) in grids.items() for i in range(each)]
    print(f"{len(jobs)} runs: {each} of each of {', '.join(grids)}")
    begun = time.perf_counter()
    plain = in_a_loop(home, jobs)
    loop = time.perf_counter() - begun
    print(f"papermill in a loop: {loop:.1f} s")
    shutil.rmtree(home / ".cache" / "once", ignore_errors=True)
    begun = time.perf_counter()
    ours = ours_of(grids, each, runs)
    cold = time.perf_counter() - begun
    print(f"opslib, cold, the kernel parent's start included: {cold:.1f} s")
    begun = time.perf_counter()
    again = ours_of(grids, each, runs)
    unchanged = time.perf_counter() - begun
    print(f"opslib, nothing changed: {unchanged:.2f} s")
    assert all(told["exit"] == "reused" for told in again.values())
    same = sum(plain[k] == finding_numbers(told["finding"]) for k, told in ours.items())
    print(f"answers equal to the last digit: {same} of {len(plain)}")
    work = sum(sum(told["cells"].values()) for told in ours.values())
    whole = sum(told["seconds"] for told in ours.values())
    print(f"overhead of a run beyond its cells: {(whole - work) / len(ours):.2f} s")
    print(f"cold: {loop / cold:.1f} times")
    print(f"unchanged: {loop / unchanged:.0f} times")


def key_of(name, given):
    return name, json.dumps(given)


def finding_numbers(finding):
    return json.dumps(
        [finding["quantity"], finding["facts"], finding["predictions"]], sort_keys=True
    )


def in_a_loop(home, jobs):
    """Run as papermill's manual shows it: one call after the other."""
    import papermill

    from opslib.runs import listing, manifest

    found = {}
    for at, (name, given) in enumerate(jobs):
        out = home / "plain" / f"{at}.ipynb"
        out.parent.mkdir(exist_ok=True)
        papermill.execute_notebook(
            str(listing.entries()[name].path),
            str(out),
            parameters=given,
            kernel_name="python3",
            progress_bar=False,
        )
        finding = manifest.finding_of(json.loads(out.read_text("utf-8")))
        found[key_of(name, given)] = finding_numbers(finding)
    return found


def ours_of(grids, each, runs):
    found = {}
    for name, (parameter, value) in grids.items():
        values = [value(i) for i in range(each)]
        batch = runs.run(
            "demo", [name], grid={parameter: ",".join(map(str, values))}, jobs=2
        )
        assert not batch.failed, batch.summary()
        for told in batch.results:
            found[key_of(name, {parameter: told["parameters"][parameter]})] = told
    return found


if __name__ == "__main__":
    main()
