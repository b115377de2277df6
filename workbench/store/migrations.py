"""How a store came to its shape: ordered, named steps, each in one transaction with its own record.

A step's structure follows from the declarations (`since` in tables.py); `also` is SQL a step needs besides.
A new column is always empty for old rows, and no step changes a row: history stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench import __version__
from workbench.errors import StoreError
from workbench.store.append import append
from workbench.store.session import Session
from workbench.store.tables import BY_NAME, TABLES, TRANSACTIONS, add_column_sql, create_sql, current_sql
from workbench.store.units import units_in_bulk


@dataclass(frozen=True)
class Migration:
    """One step: `number` orders it, `name` says what it brings."""

    number: int
    name: str
    also: Callable[[Session], None] | None = None


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "foundation"),
    Migration(2, "finding and reusing designs"),
    Migration(3, "process platform", units_in_bulk),
)


def newest() -> int:
    return MIGRATIONS[-1].number


def applied(session: Session) -> int:
    """Number of the last step a store has taken; 0 for an empty one.

    Raises StoreError for a database that is not a store of the workbench.
    """
    import duckdb

    try:
        return session.value("SELECT coalesce(max(number), 0) FROM migrations")
    except duckdb.CatalogException:
        found = session.tuples(
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database() ORDER BY ALL"
        )
        names = [name for (name,) in found]
    if names:
        raise StoreError("store.not_ours", got=", ".join(names[:5]))
    return 0


def require_current(number: int, *, where: object) -> None:
    """Refuse a store of another shape than this program's. Raises StoreError."""
    if number < newest():
        raise StoreError("store.older", where=where, got=number, allowed=newest())
    if number > newest():
        raise StoreError("store.newer", where=where, got=number, allowed=newest())


def apply(session: Session, migration: Migration) -> None:
    """Take one step inside the open transaction of `session`."""
    if migration.number == 1 and session.mode == "file":
        session.run(f"CREATE TABLE {TRANSACTIONS}")
    for table in TABLES:
        if table.since == migration.number:
            session.run(create_sql(table, mode=session.mode, up_to=migration.number))
        elif table.since < migration.number:
            for column in table.columns:
                if column.since == migration.number:
                    session.run(add_column_sql(table, column))
    for table in TABLES:
        known = tuple(column for column in table.columns if column.since <= migration.number)
        changed = any(column.since == migration.number for column in known)
        if table.keep == "versions" and table.since <= migration.number and changed:
            session.run(f"CREATE OR REPLACE VIEW {table.current} AS "
                        + current_sql(table, source=table.name, columns=known))  # fmt: skip
    if migration.also:
        migration.also(session)
    now = datetime.now(UTC)
    append(session, BY_NAME["migrations"], [{"number": migration.number, "name": migration.name,
                                             "workbench_version": __version__, "applied_at": now}])  # fmt: skip
