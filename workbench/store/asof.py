"""Reading as of a snapshot: temporary views that stand before the tables and show only what was there then.

A SELECT keeps its text: it finds ``lots`` or ``current_lots`` as a view of that moment instead of the table. Views
are made for the tables a SELECT names, when it names them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from workbench.errors import StoreError
from workbench.store.tables import TABLES, Table, current_sql

_TABLE_OF = {table.name: table for table in TABLES} | {table.current: table for table in TABLES}


class Past:
    """Makes the views of one moment. `rows_of` gives the SELECT of a table's rows as they were then.

    The views belong to the open transaction and go with it.
    """

    def __init__(self, run: Callable[[str], object], rows_of: Callable[[Table], str]):
        self._run, self._rows_of, self._made = run, rows_of, set()

    def before(self, sql: str) -> None:
        """Make the views that `sql` needs."""
        for name in sorted(set(re.findall(r"\w+", sql)) & set(_TABLE_OF)):
            table = _TABLE_OF[name]
            if table.name in self._made:
                continue
            self._made.add(table.name)
            self._run(f"CREATE TEMP VIEW {table.name} AS {self._rows_of(table)}")
            if table.keep == "versions":
                self._run(f"CREATE TEMP VIEW {table.current} AS {current_sql(table, source=f'temp.{table.name}')}")


def rows_by_txn(database: str, number: int) -> Callable[[Table], str]:
    """Mode 1: rows of transactions up to `number`."""

    def rows_of(table: Table) -> str:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        return f'SELECT {names} FROM "{database}".main.{table.name} WHERE txn <= {number}'

    return rows_of


def rows_by_version(catalogue: str, number: int, columns_of: Callable[[str], set[str]]) -> Callable[[Table], str]:
    """Mode 2: DuckLake's own time travel. Columns that a later migration brought are empty, tables too.

    `columns_of` gives the columns a table had then, none when it was not there yet.
    """

    def rows_of(table: Table) -> str:
        source = f"{catalogue}.main.{table.name} AT (VERSION => {number})"
        had = columns_of(source)
        names = ", ".join(
            f'"{column.name}"' if column.name in had else f'CAST(NULL AS {column.type}) AS "{column.name}"'
            for column in table.columns
        )
        return f"SELECT {names} FROM {source}" if had else f"SELECT {names} WHERE false"

    return rows_of


def require_snapshot(number: int, *, first: int, last: int) -> None:
    """Raises StoreError for a snapshot that is not there."""
    if not first <= number <= last:
        raise StoreError("store.no_snapshot", got=number, allowed=f"{first} ... {last}")
