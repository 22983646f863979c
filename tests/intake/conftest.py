"""What the intake tests share: deliveries written and loaded in one line."""

import pytest
import yaml

from opslib import places
from opslib.warehouse import intake, open_store

HEADS = ("day", "item", "quantity", "amount")


class Shop:
    """A company of one source, whose deliveries are written into its raw folder."""

    name = "shop"

    def write(self, file, content):
        """Keep a delivery's bytes or text and return its path."""
        path = places.raw(self.name) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        path.write_bytes(data)
        return path

    def map(self, file, *, table="sales_lines", columns=None, **options):
        """Write a mapping for a delivery and return its path."""
        columns = columns or {c: c for c in HEADS}
        told = {
            "source": "till",
            "files": file,
            "rows": [{"to": table, "columns": columns}],
        }
        path = places.company_home(self.name) / f"{table}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            yaml.safe_dump({**told, **options}, allow_unicode=True), "utf-8"
        )
        return path

    def load(self, file, **options):
        """Load a delivery by a mapping of these options; return its account."""
        return intake.load(self.name, self.map(file, **options)).deliveries[0]

    def read(self, table="sales_lines"):
        """Return what stands in a table."""
        with open_store(self.name) as store:
            return store.read(table)

    def reasons(self, made):
        """Return why rows were set aside, in English, with their number."""
        return {r.en: n for r, n in made.aside.items()}


@pytest.fixture
def shop(home):
    """Return a company without data."""
    return Shop()
