"""Mode 2: DuckLake. The catalogue is a PostgreSQL database, the rows are Parquet files on shared storage or S3.

DuckLake knows no keys, so two writers of the same key exclude each other by advisory locks of PostgreSQL, taken on a
connection of their own before the transaction looks at the lake and given back after it is committed: that order is
ours, not left to how DuckDB ends a transaction over two databases.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from workbench.errors import BusyError
from workbench.store import faults, migrations
from workbench.store.asof import require_snapshot, rows_by_version
from workbench.store.lake_instance import CATALOGUE, Instance, instance
from workbench.store.literals import text
from workbench.store.location import Location
from workbench.store.session import Session
from workbench.store.tables import TABLES
from workbench.store.timeouts import timeout_s

_BUCKETS = 1024  # advisory locks a transaction can take at most: PostgreSQL keeps them in a table of fixed size


class LakeEngine:
    """Transactions on one DuckLake."""

    mode = "ducklake"

    def __init__(self, location: Location):
        self.location, self.where = location, location.public

    # opening

    def prepare(self) -> None:
        """Make the lake in an empty database; look whether a present one is a store of this shape.

        Raises StoreError: the server is away or refuses, the database holds something else, another shape.
        """
        shape = self._shape()
        if shape:
            migrations.require_current(shape, where=self.where)
            return
        with self._attached() as here, faults.translated(self.where), self._locked(here, "create"):
            if not self._shape():
                self._create()

    def _shape(self) -> int:
        """The last migration of what is there; 0 for an empty database, or one whose making was cut off."""
        if not self._tables_of_database():
            return 0
        with self.reading(any_shape=True) as session:
            return migrations.applied(session)

    def _create(self) -> None:
        path = self.location.data_path
        with faults.translated(self.where):
            path.mkdir(parents=True, exist_ok=True)
        with self._attached() as here, faults.translated(self.where):
            here.attach_lake(f"(DATA_PATH {text(str(path))})")
            # Version 2 keeps counting columns (ordinal, position) in almost nothing.
            here.lake.execute(f"CALL {CATALOGUE}.set_option('parquet_version', '2')")
            here.lake.execute(f"CALL {CATALOGUE}.set_option('parquet_compression', 'zstd')")
            with _transaction(here.lake, "create") as session:
                for migration in migrations.MIGRATIONS:
                    migrations.apply(session, migration)
        self.set_row_groups()

    def set_row_groups(self) -> None:
        """Say of which tables fewer rows lie together. Not in the transaction that makes them: DuckLake refuses it."""
        with self._attached() as here, faults.translated(self.where):
            here.attach_lake()
            for table in TABLES:
                if table.rows_a_group and table.since <= migrations.newest():
                    here.lake.execute(f"CALL {CATALOGUE}.set_option('parquet_row_group_size', {table.rows_a_group}, "
                                      f"table_name => {text(table.name)})")  # fmt: skip

    def _tables_of_database(self) -> int:
        with self._attached() as here, faults.translated(self.where):
            here.attach_postgres()
            return _ask(here.postgres, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")

    def _attached(self) -> AbstractContextManager[Instance]:
        return instance(self.location.libpq)

    # transactions

    @contextmanager
    def reading(
        self, as_of: int | None = None, *, any_shape: bool = False, beside: Path | None = None
    ) -> Iterator[Session]:
        """A read transaction; as of snapshot `as_of` when given; with a file attached `beside` the lake."""
        with self._attached() as here, faults.translated(self.where), here.also(beside, "(STORAGE_VERSION 'v1.5.0')"):
            here.attach_lake()
            session = Session(here.lake, mode=self.mode)
            _begin(here.lake)
            try:
                if not any_shape:
                    self._require_shape(here, session)
                if as_of is not None:
                    require_snapshot(as_of, first=0, last=self.last(session))
                    session.go_back(rows_by_version(CATALOGUE, as_of, lambda source: _columns(here.lake, source)))
                yield session
            finally:
                _end(here.lake)

    @contextmanager
    def writing(self, what: str, *keys: str, any_shape: bool = False, bulk: bool = False,
                beside: Path | None = None) -> Iterator[Session]:  # fmt: skip
        """A write transaction that excludes other writers of the same `keys`. `bulk` is for mode 1."""
        with (
            self._attached() as here,
            faults.translated(self.where),
            self._locked(here, what, *keys),
            here.also(beside, "(READ_ONLY)"),
        ):
            here.attach_lake()
            with _transaction(here.lake, what) as session:
                if not any_shape:
                    self._require_shape(here, session)
                yield session

    def _require_shape(self, here: Instance, session: Session) -> None:
        """Looked at once per kept instance: it costs 10 ms, and an upgrade meanwhile only adds empty columns."""
        if here.shape != migrations.newest():
            here.shape = migrations.applied(session)
        migrations.require_current(here.shape, where=self.where)

    @contextmanager
    def _locked(self, here: Instance, what: str, *keys: str) -> Iterator[None]:
        """Advisory locks for `keys`, in one order so that two writers never wait for each other."""
        numbers = sorted({_number("store") + _number(key) % _BUCKETS for key in keys or (what,)})
        wanted = ",".join(map(str, numbers))
        with self._session_of_postgres(here, what) as connection:
            _ask(connection, f"SELECT set_config('lock_timeout', '{int(timeout_s() * 1000)}', true)")
            try:
                _ask(connection, f"SELECT pg_advisory_xact_lock(k) FROM unnest(ARRAY[{wanted}]::bigint[]) AS k")
            except Exception as why:
                if "lock timeout" not in str(why):
                    raise
                _end(connection)
                holder = _holder(connection, numbers)
                raise BusyError("store.busy", holder=holder, seconds=f"{timeout_s():g}") from None
            yield

    @contextmanager
    def lone_lock(self, number: int, what: str) -> Iterator[str | None]:
        """The advisory lock `number` for the block, at once: gives None, or the holder's words when it is taken."""
        with (
            self._attached() as here,
            faults.translated(self.where),
            self._session_of_postgres(here, what) as connection,
        ):
            _ask(connection, "SELECT set_config('idle_in_transaction_session_timeout', '0', true)")
            mine = _ask(connection, f"SELECT pg_try_advisory_xact_lock({number})")
            yield None if mine else _holder(connection, [number])

    @contextmanager
    def _session_of_postgres(self, here: Instance, what: str) -> Iterator[Any]:
        """A transaction on the server itself, named `what` for those who look who is there."""
        words = what if ", pid " in what else f"{what}, {_who()}"
        here.attach_postgres()
        here.postgres.execute("BEGIN")
        try:
            _ask(here.postgres, f"SELECT set_config('application_name', {text(words[:60])}, false)")
            yield here.postgres
        finally:
            _end(here.postgres)

    def snapshot(self) -> int:
        with self.reading() as session:
            return self.last(session)

    @staticmethod
    def last(session: Session) -> int:
        """Number of the present snapshot."""
        return session.value(f"SELECT id FROM {CATALOGUE}.current_snapshot()")

    def facts(self) -> dict:
        """What `workbench store info` says of a lake besides its rows."""
        with self.reading(any_shape=True) as session:
            options = dict(session.tuples(f"SELECT option_name, value FROM {CATALOGUE}.options()"))
            sizes = session.value(f"SELECT sum(file_size_bytes) FROM ducklake_table_info('{CATALOGUE}')")
        return {"data_path": options.get("data_path"), "size_b": int(sizes or 0)}

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold `name` alone through PostgreSQL. Raises BusyError naming the holder."""
        from workbench.store.lake_holder import held

        with held(self, name, _number(f"exclusive {name}")):
            yield


@contextmanager
def _transaction(connection: Any, what: str) -> Iterator[Session]:
    _begin(connection)
    try:
        session = Session(connection, mode="ducklake")
        yield session
        if session.changed:
            connection.execute(f"CALL {CATALOGUE}.set_commit_message({text(_who())}, {text(what)})")
            connection.execute("COMMIT")
    finally:
        _end(connection)


def _begin(connection: Any) -> None:
    connection.execute("BEGIN")  # before USE: the lake's catalogue is then read once, in this transaction
    connection.execute(f"USE {CATALOGUE}")


def _end(connection: Any) -> None:
    for statement in ("ROLLBACK", "USE memory"):
        try:
            connection.execute(statement)
        except Exception:  # ended already, or never begun: the first fault is the one to tell
            pass


def _columns(connection: Any, source: str) -> set[str]:
    import duckdb

    try:
        return {column[0] for column in connection.execute(f"SELECT * FROM {source} LIMIT 0").description}
    except duckdb.CatalogException:
        return set()


def _ask(connection: Any, sql: str) -> Any:
    """The first value of a question to PostgreSQL. Read to its end: a result left open keeps the connection."""
    rows = connection.execute(f"SELECT * FROM postgres_query('pg', {text(sql)})").fetchall()
    return rows[0][0] if rows else None


def _holder(connection: Any, numbers: list[int]) -> str:
    """Who holds one of the advisory locks, by the name of its connection."""
    wanted = ",".join(map(str, numbers))
    return _ask(connection, "SELECT string_agg(DISTINCT application_name, '; ') FROM pg_locks JOIN pg_stat_activity "
                "USING (pid) WHERE locktype = 'advisory' AND granted AND "
                f"(classid::bigint << 32 | objid::bigint) IN ({wanted})") or "?"  # fmt: skip


def _number(words: str) -> int:
    """A key of PostgreSQL's advisory locks (64 bits, signed); a thousand below the top to add a bucket."""
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") >> 2


def _who() -> str:
    import socket

    return f"pid {os.getpid()} @ {socket.gethostname()}"
