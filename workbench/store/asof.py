"""Reading as of a snapshot: temporary views that stand before the tables and show only what was there then.

A SELECT keeps its text: it finds ``lots`` or ``current_lots`` as a view of that moment instead of the table.
"""

from __future__ import annotations

from workbench.errors import StoreError
from workbench.store.session import Session
from workbench.store.tables import TABLES, current_sql


def views_as_of_txn(session: Session, number: int) -> None:
    """Mode 1: rows of transactions up to `number`. Raises StoreError for a snapshot that is not there."""
    last = session.value("SELECT coalesce(max(txn), 0) FROM transactions")
    require_snapshot(number, first=0, last=last)
    database = session.value("SELECT current_database()")
    for table in TABLES:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        session.run(f'CREATE TEMP VIEW {table.name} AS SELECT {names} FROM "{database}".main.{table.name} '
                    f"WHERE txn <= {number}")  # fmt: skip
        if table.keep == "versions":
            session.run(f"CREATE TEMP VIEW {table.current} AS " + current_sql(table, source=f"temp.{table.name}"))


def require_snapshot(number: int, *, first: int, last: int) -> None:
    if not first <= number <= last:
        raise StoreError("store.no_snapshot", got=number, allowed=f"{first} ... {last}")
