"""One open transaction: the only object that speaks SQL to a connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import TYPE_CHECKING, Any

from workbench.store.asof import Past
from workbench.store.tables import Table

if TYPE_CHECKING:
    import pandas


class Session:
    """Reads and appends inside one transaction.

    `txn` numbers it in mode 1; `changed` says whether anything was added.
    """

    def __init__(self, connection: Any, *, mode: str, txn: int | None = None):
        self._connection, self.mode, self.txn, self.changed = connection, mode, txn, False
        self.past: Past | None = None
        self.seen: dict[str, set] = {}  # first keys known to be in a table, so that a reference need not be looked up

    def go_back(self, rows_of: Callable[[Table], str]) -> None:
        """Read from now on as of the moment whose rows `rows_of` selects."""
        self.past = Past(self._connection.execute, rows_of)

    def run(self, sql: str) -> Any:
        """Execute `sql`, in the past if the session went there."""
        if self.past:
            self.past.before(sql)
        return self._connection.execute(sql)

    def rows(self, sql: str) -> list[dict]:
        """Rows as dicts: JSON columns read, moments in UTC."""
        return list(self.each(sql))

    def each(self, sql: str) -> Iterator[dict]:
        """Rows as dicts, a few at a time: for tables of any length."""
        cursor = self.run(sql)
        names = [column[0] for column in cursor.description]
        ways = [_READING.get(str(column[1])) for column in cursor.description]
        while rows := cursor.fetchmany(1000):
            for row in rows:
                yield {name: way(value) if way and value is not None else value
                       for name, value, way in zip(names, row, ways, strict=True)}  # fmt: skip

    def tuples(self, sql: str) -> list[tuple]:
        return self.run(sql).fetchall()

    def value(self, sql: str) -> Any:
        """The first value of the first row, None when there is no row."""
        rows = self.run(sql).fetchall()
        return rows[0][0] if rows else None

    def value_of_json(self, sql: str) -> Any:
        """As `value`, of a column of JSON."""
        text = self.value(sql)
        return None if text is None else json.loads(text)

    def frame(self, sql: str) -> pandas.DataFrame:
        return self.run(sql).df()

    def arrow(self, sql: str) -> Any:
        """The rows as a pyarrow table."""
        return self.run(sql).to_arrow_table()

    def insert(self, table: str, columns: list[str], rows_sql: str) -> None:
        """Append rows given as a VALUES list or a SELECT; mode 1 numbers them with the transaction."""
        names = ", ".join(f'"{name}"' for name in columns)
        if self.mode == "file":
            self.run(f"INSERT INTO {table} ({names}, txn) SELECT *, {self.txn} FROM ({rows_sql})")
        else:
            self.run(f"INSERT INTO {table} ({names}) {rows_sql}")
        self.changed = True

    def insert_arrow(self, table: str, columns: list[str], incoming: Any) -> None:
        """Append a pyarrow table, without a copy through Python."""
        self._connection.register("incoming", incoming)
        try:
            self.insert(table, columns, "SELECT " + ", ".join(f'"{name}"' for name in columns) + " FROM incoming")
        finally:
            self._connection.unregister("incoming")


_READING: dict[str, Callable] = {"JSON": json.loads, "TIMESTAMP": lambda moment: moment.replace(tzinfo=UTC)}
