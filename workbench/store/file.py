"""Mode 1: one DuckDB file, opened for one short transaction at a time under its side-car lock.

Nothing stays open between two transactions, so a process may fork, sleep or die at any point without harm, and
every DuckDB tool can open the file.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.errors import BusyError, StoreError
from workbench.store import faults, literals, migrations
from workbench.store.asof import require_snapshot, rows_by_txn
from workbench.store.location import NETWORK_FILE_SYSTEMS, Location, file_system_of
from workbench.store.locks import FileLock, Holder, Sidecar
from workbench.store.session import Session
from workbench.store.timeouts import timeout_s

# No extension may be fetched while running; threads are DuckDB's own choice.
_CONFIG = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_HEADER_BYTES = 3 * 4096  # the main header and two database headers: the least a DuckDB file has
# Rows that DuckDB keeps together, by its own choice 122,880. A transaction writes the last of these groups anew as a
# whole when it closes the file: with large documents 70 MB for one revision. 2048 is the least that DuckDB takes.
_ROW_GROUP_SIZE = 2048
# Of tables of millions. A search for one unit reads or skips a group as a whole: half the time of DuckDB's own choice,
# for 8 % more room.
_BULK_ROW_GROUP_SIZE = 32_768


class FileEngine:
    """Transactions on one store file."""

    mode = "file"

    def __init__(self, location: Location):
        self.location, self.path = location, location.path
        self.where = location.public
        self._sidecar = Sidecar(self.path)

    # opening

    def prepare(self) -> None:
        """Create and migrate an absent file; look at the head of a present one without opening it.

        Raises StoreError: a network file system, a folder that cannot be written, a foreign or cut-off file.
        """
        if self.path.exists():
            self.inspect()
            return
        self.require_local()
        with faults.translated(self.where):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._sidecar.held("create", shared=False, timeout_s=timeout_s()):
            if not self.path.exists():
                self._create()

    def _create(self) -> None:
        # Built aside and renamed, so that a kill never leaves half a store under the real name.
        aside = self.path.with_name(f"{self.path.name}.new{os.getpid()}")
        try:
            with faults.translated(self.where), self._open(aside) as connection:
                for migration in migrations.MIGRATIONS:
                    with _transaction(connection, f"migration {migration.name}", first=True) as session:
                        migrations.apply(session, migration)
                connection.execute("CHECKPOINT")  # into the file itself: closing would keep quiet about a full disk
            os.replace(aside, self.path)
        finally:
            aside.unlink(missing_ok=True)
            Path(f"{aside}.wal").unlink(missing_ok=True)

    def inspect(self) -> None:
        """Look at the file from outside. Raises StoreError when it cannot be a store on a sound disk."""
        if not self.path.exists():
            raise StoreError("store.missing", where=self.where)
        self.require_local()
        with faults.translated(self.where):
            if self.path.is_dir():
                raise StoreError("store.foreign", where=self.where, got="folder")
            size = self.path.stat().st_size
            with self.path.open("rb") as file:
                head = file.read(20)
        if len(head) < 20 or head[8:12] != b"DUCK":
            raise StoreError("store.foreign", where=self.where, got=f"{size} B")
        if size < _HEADER_BYTES:
            raise StoreError("store.damaged", where=self.where, got=f"{size} B", allowed=f">= {_HEADER_BYTES} B")

    def require_local(self) -> None:
        """Raises StoreError on a network file system, where neither lock nor write-ahead log is safe."""
        kind = file_system_of(self.path)
        if kind in NETWORK_FILE_SYSTEMS:
            raise StoreError("store.network", where=self.where, got=kind)

    def storage_version(self) -> int:
        with self.path.open("rb") as file:
            return struct.unpack("<8x4xQ", file.read(20))[0]

    @contextmanager
    def _open(self, path: Path, *, read_only: bool = False) -> Iterator[Any]:
        import duckdb

        connection = duckdb.connect(str(path), read_only=read_only, config=_CONFIG)
        try:
            yield connection
        finally:
            connection.close()

    def _attached(self, *, bulk: bool) -> Any:
        """The file opened to be written. `bulk`: more rows are kept together, for tables of millions."""
        import duckdb

        connection = duckdb.connect(config=_CONFIG | {"temp_directory": f"{self.path}.tmp"})
        try:
            size = _BULK_ROW_GROUP_SIZE if bulk else _ROW_GROUP_SIZE  # of what is added; what is there stays
            connection.execute(f"ATTACH {literals.text(str(self.path))} AS store (ROW_GROUP_SIZE {size})")
            connection.execute("USE store")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _connection(self, *, read_only: bool, bulk: bool = False) -> Iterator[Any]:
        """The file opened; waits while a program of someone else has it open."""
        import duckdb

        if not self.path.exists():
            raise StoreError("store.missing", where=self.where)
        deadline = time.monotonic() + timeout_s()
        while True:
            try:
                if read_only:
                    connection = duckdb.connect(str(self.path), read_only=True, config=_CONFIG)
                else:
                    connection = self._attached(bulk=bulk)
                break
            except (duckdb.Error, OSError) as why:
                if not faults.is_foreign_lock(why) or time.monotonic() >= deadline:
                    raise faults.as_store_error(why, self.where) from why
                time.sleep(0.05)
        try:
            yield connection
        finally:
            with faults.translated(self.where):
                connection.close()

    # transactions

    @contextmanager
    def reading(self, as_of: int | None = None, *, any_shape: bool = False) -> Iterator[Session]:
        """A read transaction under the shared lock; as of transaction `as_of` when given."""
        with (
            self._sidecar.held("read", shared=True, timeout_s=timeout_s()),
            self._connection(read_only=True) as connection,
            faults.translated(self.where),
        ):
            session = Session(connection, mode=self.mode)
            if not any_shape:
                migrations.require_current(migrations.applied(session), where=self.where)
            if as_of is not None:
                require_snapshot(as_of, first=0, last=self.last(session))
                session.go_back(rows_by_txn(session.value("SELECT current_database()"), as_of))
            yield session

    @contextmanager
    def writing(self, what: str, *keys: str, any_shape: bool = False, bulk: bool = False) -> Iterator[Session]:
        """A write transaction under the exclusive lock, numbered if it adds anything; `bulk` for rows by the million.
        `keys` are for mode 2.
        """
        with (
            self._sidecar.held(what, shared=False, timeout_s=timeout_s()),
            self._connection(read_only=False, bulk=bulk) as connection,
            faults.translated(self.where),
        ):
            if not any_shape:
                checking = Session(connection, mode=self.mode)
                migrations.require_current(migrations.applied(checking), where=self.where)
            with _transaction(connection, what) as session:
                yield session

    def alone(self, what: str) -> AbstractContextManager[None]:
        """The exclusive lock without opening the file, to put another in its place."""
        return self._sidecar.held(what, shared=False, timeout_s=timeout_s())

    @contextmanager
    def reading_alone(self) -> Iterator[Session]:
        """Read a file that nobody else writes (a backup), leaving nothing beside it."""
        with self._connection(read_only=True) as connection, faults.translated(self.where):
            yield Session(connection, mode=self.mode)

    def copy_to(self, target: Path) -> None:
        """Copy the file under the shared lock, with what a killed writer left in its log."""
        # Opened while it is copied: another program that would write is kept out by DuckDB's own lock.
        with (
            self._sidecar.held("backup", shared=True, timeout_s=timeout_s()),
            faults.translated(target),
            self._connection(read_only=True),
        ):
            wal = Path(f"{self.path}.wal")
            shutil.copyfile(self.path, target)
            if wal.exists():
                shutil.copyfile(wal, f"{target}.wal")
        with faults.translated(target):
            with self._open(target) as connection:  # takes the log in, so that the backup is one file
                connection.execute("CHECKPOINT")
            with target.open("rb+") as file:
                os.fsync(file.fileno())

    def snapshot(self) -> int:
        with self.reading() as session:
            return self.last(session)

    @staticmethod
    def last(session: Session) -> int:
        """Number of the last transaction: the present snapshot."""
        return session.value("SELECT coalesce(max(txn), 0) FROM transactions")

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold `name` alone, without touching the store. Raises BusyError naming the holder."""
        lock = FileLock(self.path.with_name(f"{self.path.name}.{name}.lock"))
        holder = Holder(self.path.with_name(f"{self.path.name}.{name}.holder"))
        if not lock.try_acquire():
            lock.release()
            raise BusyError("store.held", name=name, holder=holder.words())
        try:
            holder.write(name)
            yield
            holder.clear()
        finally:
            lock.release()


@contextmanager
def _transaction(connection: Any, what: str, *, first: bool = False) -> Iterator[Session]:
    connection.execute("BEGIN")
    try:
        number = 1
        if not first or connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone()[0]:
            number += connection.execute("SELECT coalesce(max(txn), 0) FROM transactions").fetchone()[0]
        session = Session(connection, mode="file", txn=number)
        yield session
        if session.changed:
            now = datetime.now(UTC).replace(tzinfo=None)
            row = literals.values([(number, what, socket.gethostname(), os.getpid(), now)])
            connection.execute(f"INSERT INTO transactions VALUES {row}")
        connection.execute("COMMIT" if session.changed else "ROLLBACK")
    except BaseException:
        try:
            connection.execute("ROLLBACK")
        except Exception:  # the transaction is gone already; the first fault is the one to tell
            pass
        raise
