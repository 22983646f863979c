"""This module owns what changed between two runs: the numbers, and what could do it."""

from __future__ import annotations

import contextlib
from typing import Any

from opslib import places
from opslib.errors import OpslibError, ParameterError
from opslib.findings import Finding
from opslib.runs import manifest
from opslib.runs.keep import again
from opslib.show import card
from opslib.words import Text, catalogue, day, listing, number, percent, text

say = catalogue(__package__ or "opslib.runs.keep")


def of_key(company: str, key: str) -> dict[str, Any]:
    """Return the finished run whose key begins so.

    Raises:
        ParameterError: None or several do.
    """
    folders = places.reports(company).glob(f"*/*/*_{key}*") if key.isalnum() else ()
    hits = [m for p in folders if (m := manifest.read(p)) and m["exit"] == "ok"]
    hits = [m for m in hits if "quantity" in m["finding"] or not m.get("pruned")]
    if len({m["key"] for m in hits}) == 1:
        return hits[0]
    raise ParameterError(
        say(
            "{count} finished runs fit {run}; give a run's key, as its page shows it",
            count=str(len(hits)),
            run=repr(key),
        ),
        name="run",
    )


def causes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[str]]:
    """Return what differs in what a run's answer depends on.

    Returns:
        `data` (tables), `parameters` (name: old to new) and `code` (old to new
        source); an empty list where nothing differs.
    """
    tables = {*old["data"]["tables"], *new["data"]["tables"]}
    content = [
        {t: m["data"]["tables"].get(t, {}).get("content") for t in tables}
        for m in (old, new)
    ]
    names = {*old["parameters"], *new["parameters"]}
    given = [
        (n, old["parameters"].get(n), new["parameters"].get(n)) for n in sorted(names)
    ]
    source = [m["versions"]["source"] for m in (old, new)]
    books = [m["versions"].get("notebook") for m in (old, new)]
    other = source[0] != source[1] or (all(books) and books[0] != books[1])
    return {
        "data": sorted(t for t in tables if content[0][t] != content[1][t]),
        "parameters": [f"{n}: {a!r} → {b!r}" for n, a, b in given if a != b],
        "code": [f"{source[0]} → {source[1]}"] if other else [],
    }


def difference(old: dict[str, Any], new: dict[str, Any]) -> Text:
    """Say how the numbers of two runs differ and what could have done it.

    Args:
        old: Manifest of a finished run.
        new: Manifest of another one of the same notebook.

    Raises:
        ParameterError: They are of different notebooks.
    """
    if old["name"] != new["name"]:
        raise ParameterError(
            say(
                "{one} and {other} are different questions; name two runs of the same",
                one=old["name"],
                other=new["name"],
            ),
            name="run",
        )
    a, b = Finding.from_dict(old["finding"]), Finding.from_dict(new["finding"])
    lines = [_number(a, b, old["day"], new["day"])]
    for name in sorted({*a.facts, *b.facts}):
        before, after = a.facts.get(name), b.facts.get(name)
        if before != after:
            lines.append(
                say(
                    "  {name}: {before} → {after}",
                    name=name,
                    before=_written(before),
                    after=_written(after),
                )
            )
    was = {c.name.en: c.passed for c in a.checks}
    lines += [
        say(
            "  {check}: {state}",
            check=c.name,
            state=say("now failed") if c.passed is False else say("now passed"),
        )
        for c in b.checks
        if c.name.en in was and was[c.name.en] != c.passed and c.passed is not None
    ]
    differs = [kind for kind, what in causes(old, new).items() if what]
    if len(differs) > 1 and not again.known(old, new):
        try:
            again.parts(old, new, differs)
        except OpslibError as error:
            lines.append(text(error.args[0]))
    lines.append(why(old, new))
    return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


def explain(runs: tuple[dict[str, Any], ...]) -> None:
    """Tell causes apart for runs that just ended, where several could have done it.

    Args:
        runs: Their manifests; those without an answer before them are passed over.
    """
    for told in runs:
        last = _before(told) if told["exit"] == "ok" else None
        if last is None or again.known(last, told):
            continue
        differs = [kind for kind, what in causes(last, told).items() if what]
        if len(differs) > 1:
            with contextlib.suppress(OpslibError):
                again.parts(last, told, differs)


def why(old: dict[str, Any], new: dict[str, Any]) -> Text:
    """Say which of data, parameters and code differ between two runs."""
    told = causes(old, new)
    names = {
        "data": say("the data"),
        "parameters": say("the parameters"),
        "code": say("the code"),
    }
    parts = [
        names[kind]
        if kind == "code"
        else say("{kind} ({what})", kind=names[kind], what=listing(what))
        for kind, what in told.items()
        if what
    ]
    if not parts:
        return say("Neither data nor parameters nor code differ.")
    if len(parts) == 1:
        return say("What differs, and so what did it: {parts}.", parts=parts[0])
    known = again.known(old, new)
    if not known:
        return say(
            "What differs: {parts}; which of them did it is not told apart.",
            parts=listing(parts),
        )
    unit = new["finding"]["quantity"]["unit"]
    moved = [
        say("{kind} {size}", kind=names[kind], size=_signed(size, unit))
        for kind, size in known.items()
    ]
    return say(
        "What differs: {parts}. The old code on the new data shows what moved the number: {moved}.",
        parts=listing(parts),
        moved=listing(moved),
    )


def _signed(size: float, unit: str) -> Text:
    told = card.amount(abs(size), unit)
    sign = "−" if size < 0 else "+"
    return Text(f"{sign}{told.en}", f"{sign}{told.zh}")


def since_last(told: dict[str, Any]) -> Text | None:
    """Say what changed since the answer before this one, or None where there is none."""
    last = _before(told)
    if last is None:
        return None
    a, b = Finding.from_dict(last["finding"]), Finding.from_dict(told["finding"])
    lines = [_number(a, b, last["day"], told["day"]), why(last, told)]
    return Text(" ".join(t.en for t in lines), "".join(t.zh for t in lines))


def _before(told: dict[str, Any]) -> dict[str, Any] | None:
    """Return the answer before a run: the same question, an earlier day."""
    free = lambda m: {k: v for k, v in m["parameters"].items() if k != "as_of"}  # noqa: E731
    before = [
        m
        for m in manifest.of_notebook(told["company"], told["name"])
        if m["exit"] == "ok"
        and m["day"] < told["day"]
        and not m.get("replay")
        and "quantity" in m["finding"]
        and free(m) == free(told)
    ]
    return max(before, key=lambda m: (m["day"], manifest.order(m)), default=None)


def _number(a: Finding, b: Finding, then: str, now: str) -> Text:
    old, new = a.quantity, b.quantity
    moved = percent(new.value / old.value - 1, 1) if old.value else Text("-")
    inside = old.low <= new.value <= old.high
    return say(
        "{name}: {new} ({now}), was {old} ({then}), {moved}; {inside}.",
        name=new.name or say("The answer"),
        now=day(now),
        then=day(then),
        moved=moved,
        new=card.amount(new.value, new.unit),
        old=card.amount(old.value, old.unit),
        inside=say("within the range given then")
        if inside
        else say("outside the range given then"),
    )


def _written(value: float | None) -> Text:
    return Text("-") if value is None else number(value)
