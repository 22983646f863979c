"""Parameters are typed, ranged and refused before a kernel starts."""

import json

import pytest

from opslib.errors import ParameterError
from opslib.runs import parameters

KNOWN = parameters.read_lines(
    'company: str = "demo"  # whose warehouse\n'
    "weeks: int = 4  # weeks ahead [1..13]\n"
    "share: float = 0.5  # a share [0..1]\n"
    "deep: bool = False  # whether to dig\n"
    "regions: list = []  # regions, empty for all\n"
    'period: str = "week"  # period {week, month}\n'
)


def test_text_from_a_command_takes_the_declared_type():
    given = {"weeks": "6", "share": "0.25", "deep": "yes", "regions": "North;South"}
    values = parameters.resolve(KNOWN, given)
    assert values["weeks"] == 6
    assert values["share"] == 0.25
    assert values["deep"] is True
    assert values["regions"] == ["North", "South"]
    assert values["company"] == "demo"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"week": 3}, "did you mean weeks"),
        ({"weeks": "many"}, "must be a whole number"),
        ({"weeks": 2.5}, "must be a whole number"),
        ({"weeks": True}, "must be a whole number"),
        ({"weeks": 99}, "between 1 and 13"),
        ({"share": "nan"}, "must be a number"),
        ({"share": float("inf")}, "must be a number"),
        ({"deep": "perhaps"}, "yes or no"),
        ({"period": "year"}, "one of week, month"),
        ({"company": 7}, "must be text"),
        ({"company": "x" * 20_000}, "must be text"),
        ({'company = 1\nimport os; os.system("id")': "x"}, "there is no parameter"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(given, says):
    with pytest.raises(ParameterError, match=says) as refused:
        parameters.resolve(KNOWN, given)
    assert any("一" <= c <= "鿿" for c in refused.value.sentence("zh"))


def test_text_full_of_quotes_and_newlines_passes_as_text():
    nasty = "a'b\"c\"\"\"\n\\n'''; import os"
    assert parameters.resolve(KNOWN, {"company": nasty})["company"] == nasty


def test_a_line_of_another_form_is_refused():
    with pytest.raises(ParameterError, match="not of the form"):
        parameters.read_lines("weeks = 4")


def test_a_notebook_that_is_no_json_is_refused_by_name(tmp_path):
    path = tmp_path / "broken.ipynb"
    path.write_text(json.dumps({"cells": []})[:-3])
    with pytest.raises(ParameterError, match=r"broken\.ipynb"):
        parameters.declared(path)
