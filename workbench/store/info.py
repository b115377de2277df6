"""What a store is: its place, shape, size and contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.store import migrations
from workbench.store.location import file_system_of, locate
from workbench.store.store import engine_for
from workbench.store.tables import TABLES

if TYPE_CHECKING:
    from os import PathLike


def info(url: str | PathLike | None = None) -> dict:
    """Facts about a store of any shape, without changing it. Raises StoreError when there is none."""
    import duckdb

    engine = engine_for(locate(url))
    facts: dict = {"url": engine.where, "mode": engine.mode, "duckdb": duckdb.__version__}
    if engine.mode == "file":
        engine.inspect()
        facts |= {"size_b": engine.path.stat().st_size, "storage_version": engine.storage_version(),
                  "file_system": file_system_of(engine.path)}  # fmt: skip
    else:
        facts |= engine.facts()
    with engine.reading(any_shape=True) as session:
        shape = migrations.applied(session)
        facts |= {"schema": shape, "schema_of_program": migrations.newest(), "snapshot": engine.last(session)}
        facts["migrations"] = [row | {"applied_at": row["applied_at"].isoformat()} for row in session.rows(
            "SELECT number, name, workbench_version, applied_at FROM migrations ORDER BY number")]  # fmt: skip
        facts["rows"] = {table.name: session.value(f"SELECT count(*) FROM {table.name}")
                         for table in TABLES if table.since <= shape}  # fmt: skip
    return facts
