"""This module owns the form on a card: a notebook's parameters, ready to be filled in."""

from __future__ import annotations

from typing import Any

from opslib.runs import listing, parameters
from opslib.words import Text


def of(entry: listing.Entry, company: str, language: str) -> dict[str, Any]:
    """Return the form that opens a notebook's live page.

    Args:
        entry: The notebook.
        company: Company or view that the page shows.
        language: Language of the labels.

    Returns:
        `action` (the address), `fields` (name, label, default, kind, range, choices)
        and `presets` (name and query).
    """
    names = listing.parameter_names()
    fields = []
    for p in parameters.declared(entry.path).values():
        if p.name == "company":
            continue
        whole = {"int": "number", "float": "number", "bool": "select"}
        listed = isinstance(p.default, list)
        default = "; ".join(map(str, p.default)) if listed else p.default
        fields.append(
            {
                "name": p.name, "default": default, "low": p.low, "high": p.high,
                "kind": "select" if p.choices else whole.get(p.type, "text"),
                "step": "1" if p.type == "int" else "any",
                "choices": p.choices or (("True", "False") if p.type == "bool" else ()),
                "label": names.get(p.name, Text(p.help)).in_language(language), "help": p.help,
            }
        )  # fmt: skip
    return {
        "action": f"/live/{company}/{entry.name}",
        "fields": fields,
        "presets": [
            {"name": name, "query": parameters.query(values)}
            for name, values in entry.presets.items()
        ],
    }
