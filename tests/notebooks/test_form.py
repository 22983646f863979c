"""The same questions to every notebook in the gallery: does it keep the form?"""

import ast
import re

import nbformat
import pytest
import yaml

from opslib import places

HOME = places.notebooks()
ENTRIES = yaml.safe_load((HOME / "gallery.yaml").read_text("utf-8"))["notebooks"]
NAMES = [entry["name"] for entry in ENTRIES]
FIRST_IDS = ["question", "parameters", "setup", "answer-title", "answer"]
TAGS = {"parameters", "answer", "lab-only"}
PARAMETER = re.compile(r"^\w+: (str|int|float|bool|list) = [^=]+  # [^=]+$")
TRADE = re.compile(
    r"\b(WAPE|AUC|Brier|Kupiec|Christoffersen|CUSUM|EWMA|adstock|fractile|"
    r"quantile loss|pinball|OWA|MASE|WQL|MSIS|p-value|SRMSE|R²|heteroske\w+)\b",
    re.IGNORECASE,
)


def _read(name):
    return nbformat.read(HOME / f"{name}.ipynb", as_version=4)


def _code(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def _lines(cell):
    return [line for line in cell.source.splitlines() if line.strip()]


def _tags(cell):
    return cell.metadata.get("tags", [])


def _before_method(book):
    for cell in book.cells:
        if cell.id == "method":
            return
        yield cell


def test_every_notebook_is_listed_exactly_once_and_every_listed_file_exists():
    found = {
        p.relative_to(HOME).with_suffix("").as_posix()
        for p in HOME.rglob("*.ipynb")
        if p.parts[-2] != "templates" and ".ipynb_checkpoints" not in p.parts
    }
    assert sorted(NAMES) == sorted(found)


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_the_list_tells_question_readers_cadence_and_needs_in_both_languages(entry):
    assert entry["room"] == entry["name"].split("/")[0]
    assert entry["room"] in places.ROOMS
    for words in ("question", "promise"):
        assert set(entry[words]) == {"en", "zh"}, words
    assert entry["question"]["en"].endswith("?")
    assert entry["question"]["zh"].endswith("？")
    assert entry["readers"]
    assert entry["cadence"]
    assert entry["needs"]


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_one_question_and_the_cells_in_order(name):
    book = _read(name)
    heads = [
        line
        for cell in book.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("# ")
    ]
    assert len(heads) == 1
    assert heads[0].endswith("?")
    assert book.cells[0].source.startswith("# ")
    assert [cell.id for cell in book.cells[:5]] == FIRST_IDS
    ids = [cell.id for cell in book.cells]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", i) for i in ids)
    assert {"trust", "next", "method"} <= set(ids), "a page says trust, next, method"


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_type_default_and_help_and_papermill_reads_all(name):
    from papermill.inspection import inspect_notebook

    cell = _code(_read(name))[0]
    assert _tags(cell) == ["parameters"]
    lines = _lines(cell)
    assert 2 <= len(lines) <= 9
    for line in lines:
        assert PARAMETER.match(re.sub(r" +#", "  #", line)), line
    names = [line.split(":")[0] for line in lines]
    assert names[:2] == ["company", "as_of"]
    assert list(inspect_notebook(str(HOME / f"{name}.ipynb"))) == names


@pytest.mark.parametrize("name", NAMES)
def test_the_story_holds_no_logic(name):
    forbidden = (
        ast.FunctionDef | ast.ClassDef | ast.For | ast.While | ast.If | ast.Try
        | ast.With | ast.Lambda | ast.ListComp | ast.DictComp
    )
    for cell in _code(_read(name)):
        assert not cell.source.lstrip().startswith(("%", "!")), cell.id
        tree = ast.parse(cell.source)
        nodes = [type(n).__name__ for n in ast.walk(tree) if isinstance(n, forbidden)]
        assert not nodes, f"{cell.id}: {nodes}"
        if cell.id != "setup":
            imports = (ast.Import, ast.ImportFrom)
            assert not any(isinstance(n, imports) for n in ast.walk(tree)), cell.id
        for word in ("to_csv", "to_parquet", "to_excel", "open(", "Path("):
            assert word not in cell.source.replace("desk.open(", ""), cell.id


@pytest.mark.parametrize("name", NAMES)
def test_it_is_short(name):
    sizes = {cell.id: len(_lines(cell)) for cell in _code(_read(name))}
    assert sum(sizes.values()) <= 40, sizes
    long = {i: n for i, n in sizes.items() if n > 6 and i != "parameters"}
    assert not long


@pytest.mark.parametrize("name", NAMES)
def test_it_has_one_answer_and_only_the_known_tags(name):
    book = _read(name)
    assert [c.id for c in book.cells if "answer" in _tags(c)] == ["answer"]
    assert {tag for cell in book.cells for tag in _tags(cell)} <= TAGS


@pytest.mark.parametrize("name", NAMES)
def test_git_holds_no_outputs(name):
    for cell in _code(_read(name)):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("name", NAMES)
def test_numbers_never_stand_in_prose_and_figures_follow_a_heading(name):
    book = _read(name)
    heading = False
    for cell in _before_method(book):
        if cell.cell_type == "markdown":
            assert not re.search(r"\d", cell.source), cell.id
            assert not re.search(r"\d", cell.metadata.get("zh", "")), cell.id
            heading = heading or cell.source.startswith("## ")
        elif ".charts." in cell.source:
            assert heading, f"{cell.id} draws before any heading"


@pytest.mark.parametrize("name", NAMES)
def test_every_word_stands_in_chinese_too(name):
    for cell in _read(name).cells:
        if cell.cell_type == "markdown":
            twin = cell.metadata.get("zh", "")
            assert re.search(r"[\u4e00-\u9fff]", twin), cell.id
            marks = [ln.split(" ")[0] for ln in cell.source.splitlines() if ln[:1] == "#"]
            twins = [ln.split(" ")[0] for ln in twin.splitlines() if ln[:1] == "#"]
            assert marks == twins, cell.id


@pytest.mark.parametrize("name", NAMES)
def test_a_manager_meets_no_term_of_the_trade(name):
    for cell in _before_method(_read(name)):
        if cell.cell_type == "markdown":
            assert not TRADE.search(cell.source), (cell.id, TRADE.search(cell.source))
            assert not re.search(r"\w_\w", cell.source), f"{cell.id}: a raw name"
            assert not re.search(r"\w_\w", cell.metadata["zh"]), f"{cell.id}: a raw name"
