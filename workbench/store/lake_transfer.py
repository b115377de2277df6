"""A lake as one file, and a file into an empty lake."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import StoreError
from workbench.store import faults, migrations
from workbench.store.lake import LakeEngine
from workbench.store.lake_instance import BESIDE, CATALOGUE
from workbench.store.tables import TABLES, TRANSACTIONS, create_sql, current_sql


def write_file(engine: LakeEngine, path: Path) -> None:
    """The whole lake, read in one transaction, as a store file. The lake's snapshot numbers stay: a row's
    transaction is the snapshot that brought it.
    """
    with faults.translated(path), engine.reading(any_shape=True, beside=path) as session:
        shape = migrations.applied(session)
        session.run(f"CREATE TABLE {BESIDE}.{TRANSACTIONS}")
        session.run(
            f"INSERT INTO {BESIDE}.transactions SELECT snapshot_id, coalesce(commit_message, 'lake'), "
            "coalesce(regexp_extract(author, '@ (.*)', 1), ''), "
            "coalesce(TRY_CAST(regexp_extract(author, 'pid ([0-9]+)', 1) AS INTEGER), 0), "
            f"CAST(snapshot_time AT TIME ZONE 'UTC' AS TIMESTAMP) FROM {CATALOGUE}.snapshots() WHERE snapshot_id > 0"
        )
        for table in TABLES:
            if table.since > shape:
                continue
            columns = tuple(column for column in table.columns if column.since <= shape)
            names = ", ".join(f'"{column.name}"' for column in columns)
            session.run(create_sql(table, mode="file", up_to=shape, database=f"{BESIDE}."))
            order = " ORDER BY snapshot_id, ordinal" if table.keep == "bulk" else ""
            session.run(f"INSERT INTO {BESIDE}.{table.name} ({names}, txn) "
                        f"SELECT {names}, snapshot_id FROM {CATALOGUE}.main.{table.name}{order}")  # fmt: skip
            if table.keep == "versions":
                select = current_sql(table, source=f"main.{table.name}", columns=columns)
                session.run(f"CREATE VIEW {BESIDE}.{table.current} AS {select}")
        session.run("COMMIT")


def read_file(engine: LakeEngine, path: Path) -> None:
    """Everything of a store file into an empty lake, in one transaction. Raises StoreError when it is not empty."""
    engine.prepare()
    with faults.translated(path), engine.writing("restore", beside=path) as session:
        for table in TABLES:
            if table.name != "migrations" and session.value(f"SELECT count(*) FROM {table.name}"):
                raise StoreError("store.target_used", where=engine.where, got=table.name)
        there = set(
            session.tuples(f"SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = '{BESIDE}'")
        )
        for table in TABLES:
            names = [column.name for column in table.columns if (table.name, column.name) in there]
            if names and table.name != "migrations":
                listed = ", ".join(f'"{name}"' for name in names)
                session.insert(table.name, names, f"SELECT {listed} FROM {BESIDE}.main.{table.name}")
