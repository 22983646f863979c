"""This module owns the top of the gallery: whether the year's sales are on plan."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from opslib import words
from opslib.runs import manifest
from opslib.warehouse import open_store
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.warehouse import company as companies

say = catalogue(__package__ or "opslib.publish")


def of(
    company: str, profile: companies.Profile, runs: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """Say whether the year's sales are on plan: target, actual, forecast.

    Args:
        company: Whose.
        profile: What its `company.toml` says.
        runs: The manifests of each notebook, by name.

    Returns:
        `verdict`, a sentence, and `numbers`, each with label, value and note.
    """
    facts: dict[str, float] = {}
    for told in filter(None, map(manifest.standing, runs.values())):
        for name, value in (told["finding"].get("facts") or {}).items():
            facts.setdefault(name, value)
    unknown = say("not known yet")
    target, actual = _target_and_actual(company)
    numbers = [
        {
            "label": say("Target to date"),
            "value": words.money(target, profile.currency) if target else unknown,
            "note": Text(""),
        },
        {
            "label": say("Actual sales"),
            "value": words.money(actual, profile.currency)
            if actual is not None
            else unknown,
            "note": Text(""),
        },
    ]
    forecast = facts.get("year_end_sales")
    if forecast:
        span = words.between(
            words.money(facts["year_end_sales_low"], profile.currency),
            words.money(facts["year_end_sales_high"], profile.currency),
        )
        numbers.append(
            {
                "label": say("Year-end forecast"),
                "value": words.money(forecast, profile.currency),
                "note": span,
            }
        )
    else:
        numbers.append(
            {"label": say("Year-end forecast"), "value": unknown, "note": Text("")}
        )
    if target and actual is not None:
        gap = actual / target - 1
        verdict = (
            say(
                "On plan: sales of the year so far are {gap} against target.",
                gap=_signed(gap),
            )
            if gap >= -0.02
            else say(
                "Behind plan: sales of the year so far are {gap} against target.",
                gap=_signed(gap),
            )
        )
    else:
        verdict = say("Are we on plan? Not known yet: no sales target was delivered.")
    return {"verdict": verdict, "numbers": numbers}


def _signed(gap: float) -> Text:
    written = words.percent(abs(gap), 1)
    sign = "+" if gap >= 0 else "−"
    return Text(sign + written.en, sign + written.zh)


def _target_and_actual(company: str) -> tuple[float | None, float | None]:
    """Return target and actual of the year so far, whole months; None where unknown."""
    with open_store(company) as store:
        day = store.last_complete_day()
        goals = store.read("goals", columns=["measure", "month", "target"])
        monthly = store.read("monthly_sales", columns=["month", "amount"])
    whole = dt.date(day.year, day.month, 1)
    start = dt.date(day.year, 1, 1)
    wanted = goals[(goals["measure"] == "sales")].assign(
        at=lambda f: f["month"].dt.date
    )
    wanted = wanted[(wanted["at"] >= start) & (wanted["at"] < whole)]
    sold = monthly.assign(at=lambda f: f["month"].dt.date)
    sold = sold[(sold["at"] >= start) & (sold["at"] < whole)]
    target = float(wanted["target"].sum()) if len(wanted) else None
    return target, float(sold["amount"].sum()) if len(sold) else None
