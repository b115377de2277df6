"""DuckDB in memory with the lake's extensions loaded, kept for the next transaction.

Loading the extensions and reading the lake's catalogue costs 200 ms, a transaction on a kept instance a tenth of it.
An idle instance holds nothing open: the pool of PostgreSQL connections is set to keep none, so between two calls there
is no connection to the server (a test counts them), and a process may fork. A process that goes from store to store
keeps a few of them and turns the oldest to the next store.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workbench.errors import StoreError, WorkbenchError
from workbench.store.literals import text

CATALOGUE, BESIDE = "lake", "one_file"
_MOST_IDLE = 4
EXTENSIONS = ("postgres_scanner", "ducklake")
# Commits that meet are tried again by DuckLake itself; with its own defaults, waits grow to seconds.
_SETTINGS = {"ducklake_max_retry_count": "100", "ducklake_retry_wait_ms": "5", "ducklake_retry_backoff": "1",
             "pg_pool_max_connections": "0", "pg_pool_enable_reaper_thread": "false"}  # fmt: skip


class Instance:
    """One DuckDB with two connections: `lake` for the data, `postgres` for the server itself (locks)."""

    def __init__(self, libpq: str):
        import duckdb

        config = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        self.libpq, self._attached, self.shape = libpq, set(), 0
        self.lake: Any = duckdb.connect(":memory:", config=config)
        for name in EXTENSIONS:
            self.lake.execute(f"LOAD {text(str(extension_file(name)))}")
        for name, value in _SETTINGS.items():
            self.lake.execute(f"SET GLOBAL {name} = {value}")
        self.postgres: Any = self.lake.cursor()

    def attach_lake(self, options: str = "(CREATE_IF_NOT_EXISTS false)") -> None:
        self._attach(CATALOGUE, f"ATTACH {text('ducklake:postgres:' + self.libpq)} AS {CATALOGUE} {options}")

    def attach_postgres(self) -> None:
        self._attach("pg", f"ATTACH {text(self.libpq)} AS pg (TYPE postgres)")

    def _attach(self, name: str, sql: str) -> None:
        if name not in self._attached:
            self.lake.execute(sql)
            self._attached.add(name)

    @contextmanager
    def also(self, file: Path | None, options: str = "") -> Iterator[None]:
        """A DuckDB file attached as `BESIDE` for one transaction, when one is given."""
        if file:
            self.lake.execute(f"ATTACH {text(str(file))} AS {BESIDE} {options}")
        try:
            yield
        finally:
            if file:
                self.lake.execute(f"DETACH {BESIDE}")

    def turn_to(self, libpq: str) -> None:
        """Let go of one store and be for another: a tenth of the time that a new instance takes."""
        for name in sorted(self._attached):
            self.lake.execute(f"DETACH {name}")
        self.libpq, self._attached, self.shape = libpq, set(), 0

    def close(self) -> None:
        self.postgres.close()
        self.lake.close()


_idle: list[Instance] = []
_guard = threading.Lock()


@contextmanager
def instance(libpq: str) -> Iterator[Instance]:
    """An instance for one transaction on the server `libpq`; after a fault of the server a fresh one is made."""
    with _guard:
        here = next((one for one in _idle if one.libpq == libpq), None)
        if here is None and len(_idle) >= _MOST_IDLE:
            here = _idle[0]
        if here:
            _idle.remove(here)
    if here is None:
        here = Instance(libpq)
    elif here.libpq != libpq:
        here.turn_to(libpq)
    sound = False
    try:
        yield here
        sound = True
    except WorkbenchError as error:
        sound = not isinstance(error, StoreError)  # a refused input says nothing against the connection
        raise
    finally:
        if sound:
            with _guard:
                _idle.append(here)
        else:
            here.close()


def extension_file(name: str) -> Path:
    """The extension in its wheel: loaded from there, nothing is installed into the user's folder or fetched.

    Raises StoreError when the wheel is absent or made for another DuckDB.
    """
    import duckdb

    found = find_spec(f"duckdb_extension_{name}")
    for folder in (found.submodule_search_locations or ()) if found else ():
        file = Path(folder, "extensions", f"v{duckdb.__version__}", f"{name}.duckdb_extension")
        if file.is_file():
            return file
    raise StoreError("store.extension", got=f"duckdb_extension_{name}", allowed=f"=={duckdb.__version__}")


def _leave_to_parent() -> None:
    # The parent's instances have threads that a child does not: the child never uses or destroys them.
    global _guard
    _guard = threading.Lock()
    for here in _idle:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(here))
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
