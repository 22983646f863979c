"""This module owns the measures of data quality: fill, freshness, drift, ties, history."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from opslib.warehouse import build, company, store, tables
from opslib.words import Text, catalogue, number, percent

if TYPE_CHECKING:
    import pandas as pd

say = catalogue(__package__ or "opslib.warehouse")


def measure(name: str) -> pd.DataFrame:
    """Return one row for each delivered table, and keep the measures as history.

    Returns:
        table, rows, filled (share of cells), last_day, age_days (behind the newest
        table), set_aside, drift (last month's rows against the mean of the six
        before), tied (whether parts tie to the whole, or nothing to tie).
    """
    import pandas as pd

    stamp = store.read_stamp(name)
    newest = max((t["last_day"] for t in stamp["tables"].values()), default="")
    rows = []
    with store.open_store(name) as held:
        for table in tables.all_tables().values():
            told = stamp["tables"][table.name]
            if told["rows"]:
                rows.append(_measure_one(held, table, told, newest))
    frame = pd.DataFrame(rows)
    _keep(name, frame)
    return frame


def troubles(name: str, measured: pd.DataFrame) -> list[Text]:
    """Return what is wrong, one sentence each, with the owner where one is named."""
    owners = {
        s.table or s.mapping.split(".")[0] or s.name: s.owner
        for s in company.read(name).sources
    }
    found = []
    for row in measured.itertuples():
        owner = owners.get(row.table) or "-"
        if row.tied == "no":
            found.append(
                say(
                    "{table}: parts do not tie to the whole; ask {owner}",
                    table=row.table,
                    owner=owner,
                )
            )
        if row.age_days and row.age_days > 45:
            found.append(
                say(
                    "{table}: {days} days behind the newest data; ask {owner}",
                    table=row.table,
                    days=number(row.age_days, 0),
                    owner=owner,
                )
            )
        if row.set_aside > 0.02 * (row.rows + row.set_aside):
            found.append(
                say(
                    "{table}: {share} of rows are in quarantine; ask {owner}",
                    table=row.table,
                    share=percent(row.set_aside / (row.rows + row.set_aside), 1),
                    owner=owner,
                )
            )
        if row.drift == row.drift and row.drift is not None and abs(row.drift) > 0.5:
            found.append(
                say(
                    "{table}: last month had {share} rows against the half year before",
                    table=row.table,
                    share=percent(1 + row.drift),
                )
            )
    return found + late(name)


def asides(name: str, language: str = "en") -> pd.DataFrame:
    """Return how many rows were set aside, by source, table and reason."""
    reason = "reason_zh" if language == "zh" else "reason_en"
    with store.open_store(name) as held:
        return held.query(
            f"SELECT source, target, {reason} AS reason, count(*) AS rows FROM _set_aside "
            "WHERE until IS NULL GROUP BY ALL ORDER BY rows DESC"
        )


def deliveries(name: str) -> pd.DataFrame:
    """Return the deliveries, newest first, with control totals and differences."""
    with store.open_store(name) as held:
        return held.query(
            "SELECT delivered, source, file, row_count, control_total, "
            "control_found - control_total AS difference FROM _deliveries ORDER BY delivery DESC"
        )


def _measure_one(
    held: store.Store, table: tables.Table, told: dict[str, object], newest: str
) -> dict[str, object]:
    cells = " + ".join(f'count("{c.name}")' for c in table.stored)
    filled = held.query(
        f"SELECT ({cells}) / (count(*) * {len(table.stored)}.0) AS f FROM {table.name}"
    )
    aside = held.query(
        f"SELECT count(*) AS n FROM _set_aside WHERE target = '{table.name}' AND until IS NULL "
        "AND kind = 'quarantine'"
    )
    last = str(told["last_day"])
    age = (
        (dt.date.fromisoformat(newest) - dt.date.fromisoformat(last)).days
        if last
        else None
    )
    return {
        "table": table.name,
        "rows": told["rows"],
        "filled": float(filled["f"][0]),
        "last_day": last or None,
        "age_days": age,
        "set_aside": int(aside["n"][0]),
        "drift": _drift(held, table),
        "tied": _tied(held, table),
    }


def _drift(held: store.Store, table: tables.Table) -> float | None:
    if not table.day:
        return None
    monthly = held.query(
        f"SELECT date_trunc('month', \"{table.day}\") AS m, count(*) AS n FROM {table.name} "
        "GROUP BY 1 ORDER BY 1 DESC LIMIT 8"
    )["n"]
    if len(monthly) < 8:
        return None
    return float(monthly[1] / monthly[2:8].mean() - 1)


def _tied(held: store.Store, table: tables.Table) -> str:
    for tie in table.ties:
        both = [
            held.query(f"SELECT ({sql}) AS v")["v"][0] for sql in (tie.left, tie.right)
        ]
        if (
            both[0] is not None
            and both[1] == both[1]
            and abs(both[0] - both[1]) > 0.001 * abs(both[1])
        ):
            return "no"
    return "yes" if table.ties else ""


def _keep(name: str, frame: pd.DataFrame) -> None:
    with build.rebuild(name) as connection:
        connection.register("_now", frame)
        for what in ("rows", "filled", "set_aside"):
            connection.execute(
                "DELETE FROM _quality WHERE checked = today() AND measure = ?", [what]
            )
            connection.execute(
                f'INSERT INTO _quality SELECT today(), "table", ?, "{what}" FROM _now',
                [what],
            )
        connection.unregister("_now")


def late(name: str) -> list[Text]:
    """Return the sources whose expected day of this month has passed without data."""
    today = dt.date.today()
    loads = deliveries(name)
    found = []
    for source in company.read(name).sources:
        mine = loads[loads["source"] == source.name]["delivered"]
        month = today.replace(day=1)
        came = len(mine) and mine.max().date() >= month
        if source.expected_day and today.day > source.expected_day and not came:
            found.append(
                say(
                    "{source} was expected on day {day} and has not come; ask {owner}",
                    source=source.name, day=str(source.expected_day), owner=source.owner or "-",
                )
            )  # fmt: skip
    return found
