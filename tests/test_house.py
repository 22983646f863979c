"""The house keeps its own rules: lists agree, names are documented, sizes hold."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from opslib import places

ROOT = places.root()
PACKAGE = ROOT / "opslib"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MODULES = sorted(PACKAGE.rglob("*.py"))
BUILT = [r for r in places.ROOMS if (PACKAGE / r / "answer.py").is_file()]


def _statements(path):
    """Count a module's statements, docstrings apart: no layout changes the number."""
    return sum(
        isinstance(node, ast.stmt)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    )


def _size(folder):
    return sum(_statements(p) for p in folder.rglob("*.py"))


def _wanted(requirement):
    return re.split(r"[<>=!\[;]", requirement)[0].strip().lower().replace("_", "-")


def _parsed(requirement):
    return re.sub(r"\s", "", requirement)


def test_environment_file_and_project_name_the_same_dependencies():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    pip = next(d["pip"] for d in conda["dependencies"] if isinstance(d, dict))
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = {*PROJECT["project"]["dependencies"], *extras["test"]}
    assert {_parsed(d) for d in pip} - {"--editable=."} == {_parsed(d) for d in wanted}
    assert "python=3.11" in conda["dependencies"]


def test_lock_file_names_exact_versions_that_satisfy_the_project():
    from packaging.requirements import Requirement

    locked = {}
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines():
        assert re.fullmatch(r"[A-Za-z0-9_.\-]+==[A-Za-z0-9_.+!]+", line), line
        name, version = line.split("==")
        locked[_wanted(name)] = version
    extras = PROJECT["project"]["optional-dependencies"]
    for one in [
        *PROJECT["project"]["dependencies"],
        *(d for extra in extras.values() for d in extra),
    ]:
        need = Requirement(one)
        assert need.specifier.contains(locked[_wanted(need.name)]), one


def test_installed_versions_are_the_locked_ones():
    from importlib import metadata

    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines():
        name, version = line.split("==")
        try:
            assert metadata.version(name) == version
        except metadata.PackageNotFoundError:
            pytest.fail(f"{name} is locked but not installed; run make setup")


def test_the_helper_package_stays_small():
    rooms = {room: _size(PACKAGE / room) for room in (*places.ROOMS, "warehouse")}
    demo = _size(PACKAGE / "demo")
    assert demo <= 800, f"the demonstration company has {demo} statements"
    rest = _size(PACKAGE) - sum(rooms.values()) - demo
    assert rest <= 5000, f"opslib outside the rooms has {rest} statements"
    assert all(n <= 2500 for n in rooms.values()), rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_a_module_over_the_ceiling_says_why(path):
    lines = path.read_text("utf-8").splitlines()
    text = ast.get_docstring(ast.parse("\n".join(lines))) or ""
    assert text, f"{path.name} does not say what it owns"
    assert len(lines) <= 400 or "long because" in text.lower(), len(lines)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_public_name_is_documented_and_every_raise_speaks(path):
    tree = ast.parse(path.read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_":
            assert ast.get_docstring(node), node.name
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
            assert not node.exc.id.endswith("Error"), f"line {node.lineno}: no message"


def test_every_room_stands_in_every_tree():
    listed = yaml.safe_load((ROOT / "notebooks/gallery.yaml").read_text("utf-8"))
    for room in BUILT:
        assert (PACKAGE / room / "locale" / "zh.po").is_file()
        assert any(n["room"] == room for n in listed["notebooks"]), room
        assert (ROOT / "tests" / room).is_dir()
        assert (ROOT / "tests" / "published" / f"test_{room}.py").is_file()


def test_import_contracts_name_every_room():
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    layers = next(c for c in contracts if c["type"] == "layers")["layers"]
    forbidden = next(c for c in contracts if "Rooms know neither" in c["name"])
    for room in places.ROOMS:
        assert any(f"opslib.{room}" in layer for layer in layers)
        assert f"opslib.{room}" in forbidden["source_modules"]


def test_architecture_and_tree_agree():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for path in set(re.findall(r"`((?:opslib|notebooks|tests)/[\w/.]+)`", text)):
        assert (ROOT / path).exists(), f"ARCHITECTURE.md names {path}, which is absent"
    for folder in sorted(p for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()):
        assert f"opslib/{folder.name}/" in text, f"{folder.name} is not on the map"


def test_readme_lists_every_notebook_and_verb():
    from opslib.__main__ import app

    text = (ROOT / "README.md").read_text("utf-8")
    listed = yaml.safe_load((ROOT / "notebooks/gallery.yaml").read_text("utf-8"))
    for entry in listed["notebooks"]:
        assert entry["name"] in text, entry["name"]
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert f"opslib {name}" in text, name
    assert "make run" in text
    assert "make test" in text


def test_every_verb_shows_an_example_in_its_help():
    from opslib.__main__ import app

    for command in app.registered_commands:
        assert "Example: opslib" in command.callback.__doc__, command.callback.__name__


def test_nothing_in_the_project_names_a_machine_or_a_registry():
    import subprocess

    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    away = re.compile("[/](work|root|farm)[/]" + "|(extra-)?index" + "-url")
    for name in listed or [str(p.relative_to(ROOT)) for p in MODULES]:
        path = Path(ROOT / name)
        if path.suffix in {".png", ".svg", ".xlsx", ".parquet"} or not path.is_file():
            continue
        found = away.search(path.read_text("utf-8", errors="replace"))
        assert not found, f"{name}: {found.group()}"
