"""Small notebooks for the tests of the run engine."""

import json
from pathlib import Path
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


def _processes(home):
    """Return parent and kernels of a home, by what the system says of them."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            told = (place / "cmdline").read_text().replace("\0", " ")
            around = (place / "environ").read_text()
            state = (place / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ours = f"OPSLIB_HOME={home}\0" in around and state[0] != "Z"
        if ours and ("opslib.runs.kernels" in told or "ipykernel_launcher" in told):
            found[int(place.name)] = int(state[1])
    parents = {p for p in found if p in found.values()}
    parents |= {
        p for p, above in found.items() if above not in found and p not in parents
    }
    return parents, [p for p in found if p not in parents]


@pytest.fixture
def processes():
    """Return what finds a home's kernel parent and kernels among all processes."""
    return _processes
