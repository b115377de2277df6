"""Records of one table: add, list, get. What the tables without rules of their own need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.store import literals
from workbench.store.append import append, document_sha256, new_key, prepare
from workbench.store.tables import Table

if TYPE_CHECKING:
    from workbench.store.store import Store


class Shelf:
    """The records of `table`, in their current state."""

    def __init__(self, store: Store, table: Table):
        self._store, self.table = store, table

    def add(self, **record: object) -> tuple:
        """Add one record given by column name; its key. Adds nothing when it is there already.

        A missing single key of a ``once`` table is made (UUIDv7); a missing document hash is computed;
        an event without its moment happened now.
        Raises InputError for a record the table refuses.
        """
        return self.add_all([record])[0]

    def add_all(self, records: Iterable[Mapping]) -> list[tuple]:
        """Add many records in one transaction; their keys, in order."""
        ready = prepare(self.table, [self._completed(record) for record in records])
        if ready:
            locks = [f"{self.table.name}:{key}" for key in sorted({str(row.key[0]) for row in ready})]
            with self._store.writing(f"add {self.table.name}", *locks) as session:
                append(session, self.table, ready)
        return [row.key for row in ready]

    def list(self, **equal: object) -> list[dict]:
        """Records whose columns equal the given values, oldest first."""
        where = " AND ".join(f'"{self.table.column(name).name}" = {literals.literal(value)}'
                             for name, value in equal.items())  # fmt: skip
        source = self.table.current if self.table.keep == "versions" else self.table.name
        order = ", ".join(["recorded_at"] + [f'"{column.name}"' for column in self.table.key])
        sql = f"{shown_sql(self.table, source)}{' WHERE ' + where if where else ''} ORDER BY {order}"
        with self._store.reading() as session:
            return session.rows(sql)

    def _completed(self, record: Mapping) -> dict:
        record = dict(record)
        names = [column.name for column in self.table.columns]
        if self.table.keep == "once" and len(self.table.key) == 1:
            record.setdefault(self.table.key[0].name, None)
            record[self.table.key[0].name] = record[self.table.key[0].name] or new_key()
        for name in ("issued_at", "released_at", "occurred_at"):
            if name in names:
                record.setdefault(name, datetime.now(UTC))
        if "document_sha256" in names and record.get("document") is not None:
            record.setdefault("document_sha256", document_sha256(record["document"]))
        return record


def shown_sql(table: Table, source: str) -> str:
    """SELECT of what a reader is shown of `table`, from its view of the current state."""
    names = ", ".join(f'"{column.name}"' for column in table.columns if column.name != "sha256")
    return f"SELECT {names} FROM {source}"
