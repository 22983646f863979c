"""Simulating a year's budget: processor seconds, memory, error of the overrun chance.

100 lines × 12 months, 16 × 4,096 points, each method in a process of its own:

    python benchmarks/budget.py

Plain Monte Carlo, Latin hypercube, Sobol' points with the triangular (Cholesky) factor,
and ours (Sobol' points along the directions that move the total most).
The truth is the formula for normal lines, and for mixed lines one run of ours with
sixteen times the points and another seed.
The error is the root mean square over the 16 replicates, each of 4,096 points.
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np

from opslib.budget.risk import lines, measure, simulate

LINES, MONTHS, POINTS, REPLICATES = 100, 12, 4096, 16
METHODS = ("plain", "latin", "sobol", "ours")
KINDS = (
    ("normal", (1, 0.15)),
    ("lognormal", (1, 0.25)),
    ("pert", (0.8, 1, 1.5)),
    ("triangular", (0.7, 1, 1.4)),
    ("history", (0.8, 0.9, 1.0, 1.0, 1.1, 1.3)),
)


def _model(case):
    draw = np.random.default_rng(7)
    kinds = KINDS[:1] if case == "normal" else KINDS
    of = [lines.line(f"line {i}", *kinds[i % len(kinds)]) for i in range(LINES)]
    scale = draw.lognormal(3, 1, LINES)[:, None] * draw.uniform(0.5, 1.5, MONTHS)
    loads = draw.uniform(0.2, 0.8, LINES)
    tie = np.outer(loads, loads)
    np.fill_diagonal(tie, 1.0)
    return simulate.model(of, scale=scale, by_line=tie, by_month=0.3)


def _budget(of):
    mean = float(
        (np.array([lines.moments(x)[0] for x in of.lines])[:, None] * of.scale).sum()
    )
    return 1.06 * mean


def _one(case, method, points, seed):
    """Run one method and print what it took; called in a process of its own."""
    of = _model(case)
    start = time.process_time()
    draws = simulate.simulate(
        of, points=points, replicates=REPLICATES, seed=seed, method=method
    )
    took = time.process_time() - start
    each = (draws.total > _budget(of)).mean(axis=1)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": took, "memory": memory, "each": each.tolist()}))


def _run(case, method, points=POINTS, seed=1):
    command = [sys.executable, __file__, case, method, str(points), str(seed)]
    return json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )


def main():
    for case in ("normal", "mixed"):
        if case == "normal":
            truth = measure.read_total(
                measure.exact_total(_model(case)), budget=_budget(_model(case))
            )["chance_over"]
        else:
            truth = float(np.mean(_run(case, "ours", 16 * POINTS, 99)["each"]))
        print(f"\n{case} lines, true chance of an overrun {truth:.5f}")
        print("method   seconds   MiB   error of the chance   of plain's error")
        base = None
        for method in METHODS:
            got = _run(case, method)
            error = float(np.sqrt(np.mean((np.array(got["each"]) - truth) ** 2)))
            base = base or error
            print(
                f"{method:7s} {got['seconds']:8.2f} {got['memory']:6.0f} {error:15.6f} {error / base:18.3f}"
            )


if __name__ == "__main__":
    if len(sys.argv) == 5:
        _one(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
