"""Both languages say the same, and every sentence has its Chinese twin."""

import ast
import pickle
import re
from pathlib import Path

import pytest
from babel.messages import pofile

from opslib import words

PACKAGE = Path(words.__file__).parent


def _said(source):
    """Yield the sentences that a module passes to `say(...)`."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("say", "_say", "_")
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            yield node.args[0].value


def _catalogue(folder):
    home = folder / "locale" / "zh.po"
    if not home.is_file():
        return {}
    with home.open("rb") as source:
        return {str(m.id): str(m.string) for m in pofile.read_po(source) if m.id}


def _packages():
    return sorted({p.parent for p in PACKAGE.rglob("*.py")})


@pytest.mark.parametrize("folder", _packages(), ids=lambda p: p.name)
def test_every_sentence_has_a_chinese_twin_with_the_same_places(folder):
    twins = _catalogue(folder)
    for module in sorted(folder.glob("*.py")):
        for sentence in _said(module):
            assert twins.get(sentence), f"{module.name}: no Chinese for {sentence!r}"
            places = set(re.findall(r"{(\w+)}", sentence))
            assert places == set(re.findall(r"{(\w+)}", twins[sentence])), sentence


@pytest.mark.parametrize("folder", _packages(), ids=lambda p: p.name)
def test_no_catalogue_keeps_a_sentence_that_nobody_says(folder):
    strings = set()
    for module in folder.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                strings.add(node.value)
    unsaid = [s for s in _catalogue(folder) if s not in strings]
    assert not unsaid, f"{folder.name}/locale/zh.po holds unused {unsaid}"


def test_text_reads_in_the_language_spoken():
    assert words.Text("stock", "库存") == "stock"
    words.speak("zh")
    assert words.Text("stock", "库存") == "库存"


def test_text_survives_pickle_with_both_languages():
    back = pickle.loads(pickle.dumps(words.Text("stock", "库存")))
    assert (back.en, back.zh) == ("stock", "库存")


def test_an_unknown_language_is_refused_with_the_choice():
    with pytest.raises(ValueError, match=r"'fr'.*'en', 'zh'"):
        words.speak("fr")


def test_large_amounts_read_as_each_language_writes_them():
    assert words.money(123_456_789, "CNY").zh == "¥1.23亿"
    assert words.money(1234.5, "GBP").en == "£1,234"
    assert words.number(float("nan")).zh == "未知"
