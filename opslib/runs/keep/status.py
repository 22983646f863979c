"""This module owns the state of the house in words: what ran, what failed, how old."""

from __future__ import annotations

import datetime as dt

from opslib import places
from opslib.runs import listing, manifest
from opslib.runs.keep import log, upgrade
from opslib.runs.score import comments
from opslib.runs.work import say_exit
from opslib.warehouse.store import read_stamp
from opslib.words import Text, catalogue, number

say = catalogue(__package__ or "opslib.runs.keep")


def report(company: str) -> Text:
    """Return one line for the data and one for each notebook."""
    stamp = read_stamp(company)
    held = {n: t for n, t in stamp["tables"].items() if t["rows"]}
    last = max((t["last_day"] for t in held.values()), default="-")
    lines = [
        say(
            "{company}: {tables} tables, data to {day}",
            company=company,
            tables=str(len(held)),
            day=last or "-",
        )
    ]
    if upgrade.needed(company):
        lines.append(say("  made by another opslib; bring it up: opslib upgrade"))
    for entry in listing.entries().values():
        runs = manifest.of_notebook(company, entry.name)
        if not runs:
            lines.append(say("  {name}: never run", name=entry.name))
            continue
        latest = next((m for m in runs if not m.get("replay")), runs[0])
        age = dt.datetime.now() - dt.datetime.fromisoformat(latest["started"])
        failed = sum(m["exit"] not in ("ok", "running", "lacking data") for m in runs)
        lines.append(
            say(
                "  {name}: {exit}, {days} days ago, as of {day}, {seconds} s; {failed} failed of {all} kept",
                name=entry.name,
                exit=say_exit(latest["exit"]),
                days=str(age.days),
                day=latest["day"],
                seconds=str(latest.get("seconds", "-")),
                failed=str(failed),
                all=str(len(runs)),
            )
        )
    sizes = [
        sum(f.stat().st_size for f in p.rglob("*") if f.is_file())
        for p in (places.reports(company), places.warehouse(company).parent)
    ]
    disk = say(
        "Disk: {reports} MB of reports, {house} MB of warehouses",
        reports=number(sizes[0] / 1e6, 1),
        house=number(sizes[1] / 1e6, 1),
    )
    said = [
        say("Said by {who} about {name}: {text}", who=c["by"], name=c["notebook"], text=c["text"][:200])
        for c in comments.kept(company)[-5:]
    ]  # fmt: skip
    lines += [disk, log.lately(company), *said]
    return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))
