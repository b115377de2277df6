"""What goes wrong below, said in the workbench's words: DuckDB's and the system's faults as StoreError."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.errors import StoreError, WorkbenchError

# DuckDB names no error codes; these are the words of 1.5.5, each held by a test.
_SAYINGS = (
    (r"Could not set lock on file.*?Conflicting lock is held in (?P<holder>.*?)\. See", "store.locked"),
    (r"Could not set lock on file", "store.locked"),
    (r"being used by another process|already open", "store.locked"),
    (r"Existing DuckLake at .* does not exist", "store.not_ours"),
    (r"DuckLake catalog version mismatch|Unsupported DuckLake", "store.newer_format"),
    (r"version number (?P<version>\d+)", "store.newer_format"),
    (r"not a valid DuckDB database file", "store.foreign"),
    (r"Corrupt database file|checksum|Failed to deserialize|could not read enough bytes|Could not read from file"
     r"|file is not large enough|database file .* truncated|read .* bytes", "store.damaged"),
    (r"No space left|File too large|Disk quota|out of disk|not enough space|Failed to write|Could not write"
     r"|Cannot (?:allocate|write)", "store.disk_full"),
    (r"read-only (?:mode|file system)|Read-only file system", "store.not_writable"),
    (r"Permission denied|Operation not permitted", "store.not_allowed"),
    (r"Out of Memory", "store.memory"),
    (r"password authentication failed|no password supplied|role .* does not exist", "store.catalogue_login"),
    (r"Unable to connect to Postgres|could not connect|Connection refused|could not translate host"
     r"|server closed the connection|terminating connection|connection to server", "store.catalogue_away"),
)  # fmt: skip


def is_foreign_lock(why: Exception) -> bool:
    return bool(re.search(r"Could not set lock on file|being used by another process", str(why)))


@contextmanager
def translated(where: object) -> Iterator[None]:
    """Turn a fault of DuckDB or the system into a StoreError that says `where` and the cure."""
    import duckdb

    try:
        yield
    except WorkbenchError:
        raise
    except duckdb.Error as why:
        raise as_store_error(why, where) from why
    except OSError as why:
        raise as_store_error(why, where) from why


def as_store_error(why: Exception, where: object) -> StoreError:
    words = str(why)
    for pattern, rule in _SAYINGS:
        found = re.search(pattern, words, re.DOTALL | re.IGNORECASE)
        if found:
            holder = found.groupdict().get("holder") or "?"
            return StoreError(rule, where=where, got=_short(words), holder=holder)
    return StoreError("store.fault", where=where, got=_short(words))


def _short(words: str) -> str:
    """The first line, without a password."""
    first = words.strip().splitlines()[0][:300] if words.strip() else ""
    return re.sub(r"(password\s*=\s*)\S+", r"\1***", first)
