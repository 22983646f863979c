"""Crosstab book and logit, each beside another way of doing it on the same machine.

The book: 100,000 answers to 200 questions by 20 banners (four groups each) with errors
and all column tests on 40 sets of replicate weights; beside it pandas' crosstab of
weighted counts alone, without errors or tests, timed on a part and scaled up.
The logit: the yogurt choices, beside statsmodels' conditional logit and, where an
environment of its own is named (`OPSLIB_XLOGIT=path/to/python`), beside xlogit, plain
and mixed. `python benchmarks/market.py [answers]` takes another size than 100,000.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("OPSLIB_SHARED") or ROOT.parent / "shared")
QUESTIONS, ANSWERS, BANNERS, SETS = 200, 5, 20, 40

XLOGIT = """
import json, sys, time
import pandas as pd
from xlogit import MixedLogit, MultinomialLogit
frame = pd.read_csv(sys.argv[1])
for level in ("hiland", "weight", "yoplait"):
    frame[level] = (frame["brand"] == level).astype(float)
frame["alternative"] = frame.groupby("obsID").cumcount()
names = ["price", "feat", "hiland", "weight", "yoplait"]
given = dict(X=frame[names], y=frame["choice"], varnames=names, ids=frame["obsID"], alts=frame["alternative"])
out = {}
start = time.process_time(); found = MultinomialLogit(); found.fit(**given, verbose=0)
out["logit"] = [found.loglikelihood, time.process_time() - start]
start = time.process_time(); found = MixedLogit()
found.fit(**given, panels=frame["id"], randvars={n: "n" for n in names[1:]}, n_draws=500, verbose=0)
out["mixed"] = [found.loglikelihood, time.process_time() - start]
print(json.dumps(out))
"""


def book(people):
    """Print the seconds of a book of tables, beside pandas' counts alone."""
    from opslib.market.survey import design, intake, replicates, tables

    rng = np.random.default_rng(0)
    codes = rng.integers(0, ANSWERS, (people, QUESTIONS))
    values = np.zeros((people, QUESTIONS * ANSWERS), np.float32)
    for q in range(QUESTIONS):
        values[np.arange(people), q * ANSWERS + codes[:, q]] = 1
    names = [f"q{q}" for q in range(QUESTIONS)]
    rows = pd.DataFrame(
        {"question": np.repeat(names, ANSWERS), "label": np.tile([str(a) for a in range(ANSWERS)], QUESTIONS),
         "kind": "share", "at": np.repeat(range(QUESTIONS), ANSWERS)}
    )  # fmt: skip
    told = intake.Measures(
        rows=rows, values=values, asked=np.ones((people, QUESTIONS), np.float32), questions=tuple(names)
    )  # fmt: skip
    banners = pd.DataFrame(
        {f"b{b}": rng.choice(list("abcd"), people) for b in range(BANNERS)}
    )
    weight = rng.uniform(0.5, 2, people)
    sample = design.draw(banners.assign(w=weight), weight="w")
    start, used = time.perf_counter(), time.process_time()
    sets = replicates.bootstrap(sample, draws=SETS)
    found = tables.crosstab(told, banners, sets)
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    part = 60
    start = time.process_time()
    for k in range(part):
        pd.crosstab(
            codes[:, k % QUESTIONS], banners.iloc[:, k % BANNERS], weight, aggfunc="sum"
        )
    counts = (time.process_time() - start) / part * QUESTIONS * BANNERS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"book of {people:,} x {QUESTIONS} x {BANNERS}: {wall:.0f} s on the clock, {cpu:.0f} s of processor, "
        f"{len(found.tests):,} tests, {len(found.links):,} associations, peak {peak:.1f} GB"
    )
    print(
        f"pandas.crosstab, weighted counts alone: {counts:.0f} s of processor; ratio {counts / cpu:.1f}"
    )


def logit():
    """Print the logit of the yogurt choices beside statsmodels' and xlogit's."""
    from statsmodels.discrete.conditional_models import ConditionalLogit

    from opslib.market import choice, mixed

    path = SHARED / "data/market/choice_yogurt_cars/yogurt.csv"
    raw = pd.read_csv(path)
    tasks = choice.encode(
        raw, words={"brand": "dannon"}, numbers=("price", "feat"), person="id", task="obsID", chosen="choice"
    )  # fmt: skip
    choice.logit(tasks)
    start = time.process_time()
    ours = choice.logit(tasks)
    mine = time.process_time() - start
    start = time.process_time()
    theirs = ConditionalLogit(raw["choice"], _columns(raw), groups=raw["obsID"]).fit(
        disp=0
    )
    other = time.process_time() - start
    print(
        f"logit: log-likelihood {ours.loglik:.3f} in {mine * 1e3:.0f} ms of processor"
    )
    print(
        f"statsmodels: {theirs.llf:.3f} in {other * 1e3:.0f} ms; ratio {other / mine:.0f}"
    )
    start = time.process_time()
    deep = mixed.mixed(tasks, same=("price",), draws=500)
    took = time.process_time() - start
    checks = [mixed.loglik(tasks, deep, draws=5000, seed=s) for s in (2, 3)]
    print(
        f"mixed logit: {deep.loglik:.2f} in {took:.1f} s of processor; at 5,000 other draws {checks[0]:.2f}, {checks[1]:.2f}"
    )
    python = os.environ.get("OPSLIB_XLOGIT")
    if not python:
        print("xlogit: not compared; name its python in OPSLIB_XLOGIT")
        return
    done = subprocess.run(
        [python, "-c", XLOGIT, str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print("xlogit failed:", done.stderr.strip().splitlines()[-1])
        return
    told = json.loads(done.stdout.strip().splitlines()[-1])
    for name, our in (("logit", mine), ("mixed", took)):
        value, seconds = told[name]
        print(
            f"xlogit {name}: {value:.2f} in {seconds:.2f} s of processor; ratio {seconds / our:.1f}"
        )


def _columns(raw):
    brand = pd.get_dummies(raw["brand"], dtype=float).drop(columns="dannon")
    return pd.concat([brand, raw[["price", "feat"]]], axis=1)


if __name__ == "__main__":
    book(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    logit()
