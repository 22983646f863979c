"""This room owns the data: contracts, intake, store; it alone knows the database."""

from opslib.warehouse import company
from opslib.warehouse.store import Store, open_store, read_stamp

__all__ = ["Store", "company", "open_store", "read_stamp"]
