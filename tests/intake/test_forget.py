"""Names are sealed from the first load, and a forgotten person is nowhere."""

import zipfile

import pandas as pd
import pytest

from opslib import places
from opslib.errors import MissingDataError
from opslib.warehouse import company, intake, people

NUMBER, NAME, PHONE = "C7741903", "Zhang Weiling", "13800138000"


@pytest.fixture
def known(shop):
    """Return a company that knows a person from three kinds of files."""
    others = [{"customer": f"C{i}", "name": f"N{i}", "phone": ""} for i in range(50)]
    me = {"customer": NUMBER, "name": NAME, "phone": PHONE}
    raw = places.raw(shop.name)
    raw.mkdir(parents=True)
    pd.DataFrame([me, *others]).to_csv(raw / "customers.csv", index=False)
    sales = pd.DataFrame(
        [
            {"day": "2026-01-05", "item": "A", "quantity": q, "amount": 5.0, "customer": c}
            for c, q in [(NUMBER, 1), ("C1", 2), (NUMBER, -1)]
        ]
    )  # fmt: skip
    sales.to_parquet(raw / "sales.parquet")
    sales.assign(day="2026-02-05").to_excel(raw / "more.xlsx", index=False)
    company.write(
        shop.name,
        {
            "language": "en",
            "sources": [
                {"name": "people", "files": "customers.csv", "table": "customers"},
                {"name": "sales", "files": "sales.parquet", "table": "sales_lines"},
                {"name": "more", "files": "more.xlsx", "table": "sales_lines"},
            ],
        },
    )
    intake.load(shop.name)
    report = places.reports(shop.name) / "customers" / "list.csv"
    report.parent.mkdir(parents=True)
    report.write_text(f"{NUMBER},{NAME}\n")
    return shop


def _files_that_hold(home, word):
    found = []
    for path in home.rglob("*"):
        if path.is_file():
            contents = [path.read_bytes()]
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as packed:
                    contents = [packed.read(n) for n in packed.namelist()]
            if path.suffix == ".parquet":
                contents.append(pd.read_parquet(path).to_csv().encode())
            if any(word.encode() in c for c in contents):
                found.append(path.name)
    return found


def test_names_and_phones_never_enter_the_warehouse(known, home):
    assert "name" not in known.read("customers")
    for word in (NAME, PHONE):
        assert set(_files_that_hold(home, word)) <= {"customers.csv", "list.csv"}
    assert people.read(known.name)[NUMBER]["name"] == NAME


def test_a_forgotten_person_is_nowhere_in_the_folder_and_totals_still_tie(known, home):
    before = known.read()["amount"].sum()
    assert NUMBER in set(known.read()["customer"])
    done = people.forget(known.name, NUMBER)
    assert "is forgotten" in done.report().en
    assert NUMBER in done.report().zh
    for word in (NUMBER, NAME, PHONE):
        assert _files_that_hold(home, word) == []
    assert known.read()["amount"].sum() == before
    assert NUMBER not in people.read(known.name)
    assert "C1" in set(known.read("customers")["customer"])
    with pytest.raises(MissingDataError, match="knows no customer"):
        people.forget(known.name, NUMBER)
