"""Mode 2: DuckLake. The catalogue is a PostgreSQL database, the rows are Parquet files on shared storage or S3.

DuckLake knows no keys, so two writers of the same key exclude each other by advisory locks of PostgreSQL, taken on a
connection of their own before the transaction looks at the lake and given back after it is committed: that order is
ours, not left to how DuckDB ends a transaction over two databases.
"""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator

from workbench.errors import BusyError, StoreError
from workbench.store import faults, migrations
from workbench.store.asof import require_snapshot, rows_by_version
from workbench.store.literals import text
from workbench.store.location import Location
from workbench.store.session import Session
from workbench.store.timeouts import timeout_s

EXTENSIONS = ("postgres_scanner", "ducklake")
# Commits that meet are tried again by DuckLake itself; with its default of 10 tries, waits grow to seconds.
_SETTINGS = {"ducklake_max_retry_count": "100", "ducklake_retry_wait_ms": "5", "ducklake_retry_backoff": "1"}
_BUCKETS = 1024  # advisory locks a transaction can take at most: PostgreSQL keeps them in a table of fixed size
_CATALOGUE = "lake"


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
        if self._tables_of_database():
            with self.reading():
                return
        with self._locked("create"):
            if not self._tables_of_database():
                self._create()

    def _create(self) -> None:
        path = self.location.data_path
        if isinstance(path, Path):
            with faults.translated(self.where):
                path.mkdir(parents=True, exist_ok=True)
        with self._connection(f"(DATA_PATH {text(str(path))})") as connection, faults.translated(self.where):
            # Version 2 keeps counting columns (ordinal, position) in almost nothing.
            connection.execute(f"CALL {_CATALOGUE}.set_option('parquet_version', '2')")
            connection.execute(f"CALL {_CATALOGUE}.set_option('parquet_compression', 'zstd')")
            with _transaction(connection, "create") as session:
                for migration in migrations.MIGRATIONS:
                    migrations.apply(session, migration)

    def _tables_of_database(self) -> int:
        with self._postgres() as connection:
            return _ask(connection, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")

    # connections

    @contextmanager
    def _connection(self, options: str = "(CREATE_IF_NOT_EXISTS false)") -> Iterator[Any]:
        """The lake attached; nothing of it stays attached afterwards."""
        with _instance() as connection:
            with faults.translated(self.where):
                address = text(f"ducklake:postgres:{self.location.libpq}")
                connection.execute(f"ATTACH {address} AS {_CATALOGUE} {options}")
            try:
                connection.execute(f"USE {_CATALOGUE}")
                yield connection
            finally:
                connection.execute("USE memory")
                connection.execute(f"DETACH {_CATALOGUE}")

    @contextmanager
    def _postgres(self, libpq: str | None = None) -> Iterator[Any]:
        """PostgreSQL itself attached as ``pg``, apart from the lake."""
        with _instance() as connection:
            with faults.translated(self.where):
                connection.execute(f"ATTACH {text(libpq or self.location.libpq)} AS pg (TYPE postgres)")
            try:
                with faults.translated(self.where):
                    yield connection
            finally:
                connection.execute("DETACH pg")

    # transactions

    @contextmanager
    def reading(self, as_of: int | None = None, *, any_shape: bool = False) -> Iterator[Session]:
        """A read transaction; as of snapshot `as_of` when given."""
        with self._connection() as connection, faults.translated(self.where):
            session = Session(connection, mode=self.mode)
            connection.execute("BEGIN")
            try:
                if not any_shape:
                    migrations.require_current(migrations.applied(session), where=self.where)
                if as_of is not None:
                    require_snapshot(as_of, first=0, last=_last_snapshot(session))
                    session.go_back(rows_by_version(_CATALOGUE, as_of, lambda source: _columns(connection, source)))
                yield session
            finally:
                _rollback(connection)

    @contextmanager
    def writing(self, what: str, *keys: str, any_shape: bool = False) -> Iterator[Session]:
        """A write transaction that excludes other writers of the same `keys`."""
        with (
            self._locked(what, *keys),
            self._connection() as connection,
            faults.translated(self.where),
            _transaction(connection, what) as session,
        ):
            if not any_shape:
                migrations.require_current(migrations.applied(session), where=self.where)
            yield session

    @contextmanager
    def _locked(self, what: str, *keys: str) -> Iterator[None]:
        """Advisory locks for `keys`, in one order so that two writers never wait for each other."""
        numbers = sorted({_number("store") + _number(key) % _BUCKETS for key in keys or (what,)})
        wanted = ",".join(map(str, numbers))
        with self._postgres(_named(self.location.libpq, what)) as connection:
            connection.execute("BEGIN")
            try:
                _ask(connection, f"SELECT set_config('lock_timeout', '{int(timeout_s() * 1000)}', true)")
                try:
                    _ask(connection, f"SELECT pg_advisory_xact_lock(k) FROM unnest(ARRAY[{wanted}]::bigint[]) AS k")
                except Exception as why:
                    if "lock timeout" not in str(why):
                        raise
                    _rollback(connection)
                    holder = _holder(connection, numbers)
                    raise BusyError("store.busy", holder=holder, seconds=f"{timeout_s():g}") from None
                yield
            finally:
                _rollback(connection)

    @contextmanager
    def lone_lock(self, number: int, what: str) -> Iterator[str | None]:
        """The advisory lock `number` for the block, at once: gives None, or the holder's words when it is taken."""
        with self._postgres(_named(self.location.libpq, what)) as connection:
            connection.execute("BEGIN")
            try:
                _ask(connection, "SELECT set_config('idle_in_transaction_session_timeout', '0', true)")
                mine = _ask(connection, f"SELECT pg_try_advisory_xact_lock({number})")
                yield None if mine else _holder(connection, [number])
            finally:
                _rollback(connection)

    def snapshot(self) -> int:
        with self.reading() as session:
            return _last_snapshot(session)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold `name` alone through PostgreSQL. Raises BusyError naming the holder."""
        from workbench.store.lake_holder import held

        with held(self, name, _number(f"exclusive {name}")):
            yield


@contextmanager
def _transaction(connection: Any, what: str) -> Iterator[Session]:
    connection.execute("BEGIN")
    try:
        session = Session(connection, mode="ducklake")
        yield session
        if session.changed:
            connection.execute(f"CALL {_CATALOGUE}.set_commit_message({text(_who())}, {text(what)})")
        connection.execute("COMMIT" if session.changed else "ROLLBACK")
    except BaseException:
        _rollback(connection)
        raise


def _rollback(connection: Any) -> None:
    try:
        connection.execute("ROLLBACK")
    except Exception:  # ended already: the first fault is the one to tell
        pass


def _last_snapshot(session: Session) -> int:
    return session.value(f"SELECT id FROM {_CATALOGUE}.current_snapshot()")


def _columns(connection: Any, source: str) -> set[str]:
    import duckdb

    try:
        return {column[0] for column in connection.execute(f"SELECT * FROM {source} LIMIT 0").description}
    except duckdb.CatalogException:
        return set()


def _ask(connection: Any, sql: str) -> Any:
    """The first value of a question to PostgreSQL."""
    row = connection.execute(f"SELECT * FROM postgres_query('pg', {text(sql)})").fetchone()
    return row[0] if row else None


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


def _named(libpq: str, what: str) -> str:
    """The address with the name that PostgreSQL shows for the connection (63 bytes)."""
    if "application_name" in libpq or "://" in libpq:
        return libpq
    words = (what if ", pid " in what else f"{what}, {_who()}").replace("\\", "").replace("'", "")
    return f"{libpq} application_name='{words[:60]}'"


# DuckDB in memory with the extensions loaded: loading costs 130 ms, so an instance is kept for the next
# transaction. It holds no connection to any server and no open file.
_idle: list[Any] = []
_left_behind: list[Any] = []
_guard = threading.Lock()


@contextmanager
def _instance() -> Iterator[Any]:
    with _guard:
        connection = _idle.pop() if _idle else None
    connection = connection or _new_instance()
    sound = False
    try:
        yield connection
        sound = True
    except Exception:
        sound = _is_clean(connection)
        raise
    finally:
        if sound:
            with _guard:
                _idle.append(connection)
        else:
            connection.close()


def _is_clean(connection: Any) -> bool:
    try:
        return connection.execute("SELECT count(*) FROM duckdb_databases() WHERE NOT internal").fetchone()[0] == 1
    except Exception:
        return False


def _new_instance() -> Any:
    import duckdb

    config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    connection = duckdb.connect(":memory:", config=config)
    for name in EXTENSIONS:
        connection.execute(f"LOAD {text(str(extension_file(name)))}")
    for name, value in _SETTINGS.items():
        connection.execute(f"SET {name} = {value}")
    return connection


def extension_file(name: str) -> Path:
    """The extension in its wheel: loaded from there, nothing is installed into the user's folder or fetched.

    Raises StoreError when the wheel is absent or made for another DuckDB.
    """
    import duckdb

    found = find_spec(f"duckdb_extension_{name}")
    folders = list(found.submodule_search_locations or ()) if found else []
    for folder in folders:
        file = Path(folder, "extensions", f"v{duckdb.__version__}", f"{name}.duckdb_extension")
        if file.is_file():
            return file
    raise StoreError("store.extension", got=f"duckdb_extension_{name}", allowed=f"=={duckdb.__version__}")


def _forget_in_child() -> None:
    # The parent's instances have threads that a child does not: never use or destroy them there.
    global _guard
    _guard = threading.Lock()
    import ctypes

    for connection in _idle:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
    _left_behind.extend(_idle)
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
