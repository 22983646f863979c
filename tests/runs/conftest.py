"""Small notebooks for the tests of the run engine."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest

from opslib import places

PARAMETERS = 'company: str = "demo"  # whose\nas_of: str = ""  # day\nword: str = "a"  # any text'
SHOW = """from opslib import desk, findings
from opslib.words import Text
here = desk.open(company, as_of=as_of)
q = findings.Quantity(value=2, low=1, high=3, unit="units")
here.show(findings.Finding(room="inventory", headline=Text(f"It is two: {word}", f"是二 {word}"), quantity=q))"""


def _notebook(name, *codes):
    cells = [
        nbformat.v4.new_markdown_cell(
            "# Is it well?", id="question", metadata={"zh": "# 好吗？"}
        ),
        nbformat.v4.new_code_cell(
            PARAMETERS, id="parameters", metadata={"tags": ["parameters"]}
        ),
        *(
            nbformat.v4.new_code_cell(c, id=f"step-{'abc'[i]}")
            for i, c in enumerate(codes)
        ),
    ]
    path = places.notebooks() / "inventory" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return {
        "name": f"inventory/{name}", "room": "inventory",
        "question": {"en": "Is it well?", "zh": "好吗？"}, "promise": {"en": "Yes.", "zh": "好。"},
        "readers": ["finance"], "cadence": "weekly", "needs": {"sales_lines": "any"},
    }  # fmt: skip


def _listed(*entries):
    (places.notebooks() / "gallery.yaml").write_text(
        json.dumps({"notebooks": list(entries)}), "utf-8"
    )


@pytest.fixture
def books(demo_home):
    """Return what makes small notebooks: `notebook`, `listed`, and a last cell."""
    return SimpleNamespace(
        notebook=_notebook, listed=_listed, show=SHOW, home=demo_home
    )


ON_ANOTHER_DAY = """
import datetime, os, sys, types
import opslib.__main__ as main, opslib.runs, opslib.publish.gallery, opslib.publish.weekly
import opslib.runs.watch.alerts, opslib.runs.watch.schedule, opslib.runs.keep.changes
ahead = datetime.timedelta(days=float(os.environ["DAYS_AHEAD"]))
class Moment(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + ahead
class Day(datetime.date):
    @classmethod
    def today(cls):
        return Moment.now().date()
then = types.SimpleNamespace(**{**vars(datetime), "datetime": Moment, "date": Day})
for name, module in list(sys.modules.items()):
    if name.startswith("opslib.") and getattr(module, "dt", None) is datetime:
        module.dt = then
main.main()
"""


def _look(home, day, **options):
    """Start what a scheduler starts, on a day that is so many days ahead."""
    env = {**os.environ, "OPSLIB_HOME": str(home), "DAYS_AHEAD": str(day)}
    return subprocess.Popen(
        [sys.executable, "-c", ON_ANOTHER_DAY, "schedule", "--now"],
        env=env, cwd=home, **options,
    )  # fmt: skip


@pytest.fixture
def look_ahead():
    """Return what starts a look of the schedule on a day that is so many days ahead."""
    return _look
