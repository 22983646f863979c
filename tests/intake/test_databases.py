"""Tables come from a database as they come from a file: PostgreSQL and SQLite."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from opslib.errors import ContractError
from opslib.warehouse import company, intake, open_store

ROWS = 250_000


def _run_as_postgres(*command):
    person = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*person, *command], check=True, capture_output=True, cwd="/")


@pytest.fixture(scope="module")
def postgres():
    """Start a PostgreSQL of Debian's package on a socket of its own; return its address."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL lacks; install the Debian package postgresql")
        pytest.skip("PostgreSQL lacks; install the Debian package postgresql")
    home = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    control, data = str(found[-1].with_name("pg_ctl")), str(home / "data")
    alike = ("--locale=C", "--encoding=UTF8")
    options = f"-c listen_addresses='' -k {home}"
    log = str(home / "log")
    try:
        if os.geteuid() == 0:
            shutil.chown(home, "postgres")
        _run_as_postgres(
            str(found[-1]), "-D", data, "-U", "postgres", "-A", "trust", *alike
        )
        _run_as_postgres(control, "-D", data, "-o", options, "-l", log, "-w", "start")
        yield f"postgresql+psycopg://postgres@/postgres?host={home}"
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            _run_as_postgres(control, "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def sqlite(tmp_path):
    """Return the address of an empty SQLite file."""
    return f"sqlite:///{tmp_path / 'till.db'}"


@pytest.fixture(params=["postgres", "sqlite"])
def address(request):
    """Return the address of each database in turn, its table filled."""
    address = request.getfixturevalue(request.param)
    rows = ROWS if request.param == "sqlite" else 3_000
    frame = pd.DataFrame(
        {"sold": pd.Timestamp("2026-01-05"), "sku": "A"}, index=range(rows)
    )
    frame = frame.assign(sold=frame["sold"].dt.date, units=1, money=2.5)
    engine = sa.create_engine(address)
    with engine.begin() as link:
        frame.to_sql("till", link, index=False, if_exists="replace", chunksize=10_000)
    engine.dispose()
    return address, rows


def _source(shop, address, query="SELECT * FROM till"):
    columns = {"day": "sold", "item": "sku", "quantity": "units", "amount": "money"}
    shop.map("", columns=columns, replace="source + period")
    told = {"name": "till", "connection": address, "query": query}
    source = {**told, "mapping": "sales_lines.yaml"}
    company.write(shop.name, {"language": "en", "sources": [source]})


def test_a_table_comes_in_whole_and_a_second_time_changes_nothing(shop, address):
    where, rows = address
    _source(shop, where)
    made = intake.load(shop.name).deliveries[0]
    assert made.loaded == {"sales_lines": rows}
    assert intake.load(shop.name).deliveries[0].again
    engine = sa.create_engine(where)
    with engine.begin() as link:
        link.execute(sa.text("UPDATE till SET money = 3"))
    engine.dispose()
    made = intake.load(shop.name).deliveries[0]
    assert made.replaced == rows
    with open_store(shop.name) as store:
        assert store.read("sales_lines")["amount"].sum() == 3 * rows


def test_the_address_may_stand_in_the_environment(shop, address, monkeypatch):
    where, rows = address
    monkeypatch.setenv("TILL_ADDRESS", where)
    _source(shop, "env:TILL_ADDRESS", "till")
    assert intake.load(shop.name).deliveries[0].rows == rows


def test_a_database_that_is_not_there_is_named_without_its_password(shop):
    _source(shop, "postgresql+psycopg://till:hidden9@/x?host=/nowhere")
    with pytest.raises(ContractError, match="database cannot be read") as wrong:
        intake.load(shop.name)
    assert "hidden9" not in str(wrong.value)
    assert "company.toml" in wrong.value.sentence("zh")
