"""This module owns a notebook's parameters: read, typed, ranged, and refused.

A parameter line reads `name: type = default  # help`; help may end with a range,
`[0.5..0.99]`, or choices, `{week, month}`. The runner and the dashboards both resolve
what they are given here, before a kernel starts.
"""

from __future__ import annotations

import ast
import difflib
import json
import math
import re
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opslib.errors import ParameterError
from opslib.words import catalogue

if TYPE_CHECKING:
    from pathlib import Path

say = catalogue(__package__ or "opslib.runs")
_LINE = re.compile(r"^(\w+): (str|int|float|bool|list) = ([^=]+?)\s+# ([^=]+)$")
_RANGE = re.compile(r"\[(-?[\d.e]+)\.\.(-?[\d.e]+)\]\s*$")
_CHOICES = re.compile(r"\{([^}]+)\}\s*$")
_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list}
_YES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LONGEST = 10_000


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One declared parameter.

    Attributes:
        name: Its name.
        type: `str`, `int`, `float`, `bool` or `list`.
        default: Its default.
        help: What it means, without range and choices.
        low: Smallest value allowed, or None.
        high: Largest value allowed, or None.
        choices: Values allowed, or none.
    """

    name: str
    type: str
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


def declared(notebook: Path) -> dict[str, Parameter]:
    """Return a notebook's parameters by name, in order.

    Raises:
        ParameterError: The notebook is not JSON, or a line has another form.
    """
    try:
        book = json.loads(notebook.read_text("utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ParameterError(
            say("{file} cannot be read: {what}", file=notebook.name, what=str(error))
        ) from None
    for cell in book.get("cells", []):
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            source = cell["source"]
            return read_lines(source if isinstance(source, str) else "".join(source))
    return {}


def read_lines(source: str) -> dict[str, Parameter]:
    """Return the parameters declared in the text of a parameters cell.

    Example:
        >>> read_lines("weeks: int = 8  # weeks ahead [1..26]")["weeks"].high
        26.0
    """
    found: dict[str, Parameter] = {}
    for line in source.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if not match:
            raise ParameterError(
                say(
                    "parameter line {line} is not of the form {form}",
                    line=repr(line),
                    form="name: type = default  # help",
                )
            )
        name, kind, default, told = match.groups()
        span, few = _RANGE.search(told), _CHOICES.search(told)
        found[name] = Parameter(
            name=name,
            type=kind,
            default=ast.literal_eval(default),
            help=_CHOICES.sub("", _RANGE.sub("", told)).strip(),
            low=float(span[1]) if span else None,
            high=float(span[2]) if span else None,
            choices=tuple(c.strip() for c in few[1].split(",")) if few else (),
        )
    return found


def resolve(known: dict[str, Parameter], given: dict[str, Any]) -> dict[str, Any]:
    """Return every parameter's value: what was given, checked, else the default.

    Args:
        known: What the notebook declares.
        given: Values by name, typed or as text from a command or an address.

    Raises:
        ParameterError: A name is unknown (the nearest is named), a type is wrong or
            a value is out of range.

    Example:
        >>> known = read_lines("weeks: int = 8  # weeks ahead [1..26]")
        >>> resolve(known, {"weeks": "12"})
        {'weeks': 12}
    """
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1, 0.3)
            raise ParameterError(
                say(
                    "there is no parameter {name}; did you mean {near}?",
                    name=repr(str(name)[:80]),
                    near=near[0] if near else ", ".join(known),
                ),
                name=str(name),
                wanted=", ".join(known),
            )
    return {
        name: _checked(p, given[name]) if name in given else p.default
        for name, p in known.items()
    }


def query(values: dict[str, Any]) -> str:
    """Return values as the query of an address, which `resolve` reads back.

    Example:
        >>> query({"weeks": 12, "regions": ["North", "South"]})
        'weeks=12&regions=North%3BSouth'
    """
    told = {
        k: ";".join(map(str, v)) if isinstance(v, list) else v
        for k, v in values.items()
    }
    return urllib.parse.urlencode(told)


def _checked(parameter: Parameter, given: Any) -> Any:
    value = _typed(parameter, given)
    low, high = parameter.low, parameter.high
    if low is not None and high is not None and not low <= value <= high:
        raise ParameterError(
            say(
                "{name} is {given}; it must lie between {low} and {high}",
                name=parameter.name,
                given=str(given)[:80],
                low=f"{low:g}",
                high=f"{high:g}",
            ),
            name=parameter.name,
            given=given,
            wanted=f"{low:g}..{high:g}",
        )
    if parameter.choices and str(value) not in parameter.choices:
        raise ParameterError(
            say(
                "{name} is {given}; it must be one of {choices}",
                name=parameter.name,
                given=repr(str(given)[:80]),
                choices=", ".join(parameter.choices),
            ),
            name=parameter.name,
            given=given,
            wanted=", ".join(parameter.choices),
        )
    return value


def _typed(parameter: Parameter, given: Any) -> Any:
    wanted = _TYPES[parameter.type]
    if wanted is float and type(given) is int:
        given = float(given)
    if type(given) is wanted:
        value = given
    elif isinstance(given, str):
        value = _from_text(parameter, given)
    else:
        value = None
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise _wrong_type(parameter, given)
    if len(str(value)) > _LONGEST:
        raise _wrong_type(parameter, f"{str(given)[:40]}...")
    return value


def _from_text(parameter: Parameter, text: str) -> Any:
    try:
        if parameter.type == "int":
            return int(text)
        if parameter.type == "float":
            return float(text)
    except ValueError:
        return None
    if parameter.type == "bool":
        return _YES.get(text.lower())
    return [part.strip() for part in text.split(";") if part.strip()]


def _wrong_type(parameter: Parameter, given: Any) -> ParameterError:
    names = {
        "str": say("text"), "int": say("a whole number"), "float": say("a number"),
        "bool": say("yes or no"), "list": say("a list, parts divided by ;"),
    }  # fmt: skip
    return ParameterError(
        say(
            "{name} is {given}; it must be {wanted}",
            name=parameter.name,
            given=repr(given)[:80],
            wanted=names[parameter.type],
        ),
        name=parameter.name,
        given=given,
        wanted=parameter.type,
    )
