"""Side-car locks of a store file: many readers or one writer, and a turnstile so that writers get their turn.

Beside ``x.duckdb`` lie ``x.duckdb.lock`` (shared for reads, exclusive for writes), ``x.duckdb.gate`` and
``x.duckdb.holder`` (who writes, for the message of those who wait). Everyone passes the gate before queueing for the
lock; a waiting writer stands in the gate, so readers that come later wait behind it.
The operating system gives a lock back when its process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import BusyError, StoreError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_PAUSE_S = 0.005


class FileLock:
    """An advisory lock on one file, shared or exclusive; released by `release` or the end of the process.

    On POSIX this is flock itself: portalocker does the same call there, for 40 ms of import more in a process
    that must answer within 150.
    """

    def __init__(self, path: Path, *, shared: bool = False):
        self.path, self.shared, self._file = path, shared, None

    def try_acquire(self) -> bool:
        try:
            self._file = self._file or open(self.path, "a+b", buffering=0)  # noqa: SIM115 (closed by release)
        except OSError as why:
            if not self.shared:
                raise StoreError("store.not_writable", where=self.path.parent, got=why.strerror) from None
            try:  # a reader of a read-only folder: it can share a lock that exists, and nobody can write there
                self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115
            except OSError:
                return True
        _open_files.add(self)
        try:
            if fcntl:
                fcntl.flock(self._file, (fcntl.LOCK_SH if self.shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            else:
                import portalocker

                kind = portalocker.LockFlags.SHARED if self.shared else portalocker.LockFlags.EXCLUSIVE
                portalocker.lock(self._file, kind | portalocker.LockFlags.NON_BLOCKING)
        except OSError as why:
            if why.errno in (11, 13, 35):  # EAGAIN, EACCES, EWOULDBLOCK: someone else holds it
                return False
            raise StoreError("store.lock_refused", where=self.path, got=why.strerror) from None
        except Exception as why:
            if type(why).__name__ == "AlreadyLocked":  # portalocker's word for the same
                return False
            raise
        return True

    def acquire(self, deadline: float) -> bool:
        """Wait for the lock until `deadline` (of time.monotonic)."""
        if self.try_acquire():
            return True
        if fcntl and self._file:
            return self._queue(deadline)
        while time.monotonic() < deadline:  # Windows
            time.sleep(_PAUSE_S)
            if self.try_acquire():
                return True
        self.release()
        return False

    def _queue(self, deadline: float) -> bool:
        """Stand in the system's own queue, which is fairer than asking again and again: whoever let go a moment ago
        would else be back before those who sleep. A thread stands there, as flock knows no timeout.
        """
        file, kind = self._file, fcntl.LOCK_SH if self.shared else fcntl.LOCK_EX
        turn, given_up, guard = threading.Event(), threading.Event(), threading.Lock()

        def stand() -> None:
            with contextlib.suppress(OSError, ValueError):
                fcntl.flock(file, kind)
            with guard:
                turn.set()
                if given_up.is_set():
                    file.close()

        threading.Thread(target=stand, daemon=True, name=f"queue for {self.path.name}").start()
        try:
            turn.wait(max(0.0, deadline - time.monotonic()))
        finally:
            with guard:
                mine = turn.is_set()
                if not mine:
                    given_up.set()
                    self._file = None  # the thread closes it when its turn comes
        if not mine:
            _open_files.discard(self)
        return mine

    def release(self) -> None:
        if self._file is not None:
            self._file.close()  # closing gives the lock back
            self._file = None
        _open_files.discard(self)


# A forked child inherits the open files and, with flock, the lock itself: it would hold it after the parent let go.
_open_files: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _forget_in_child() -> None:
    for lock in list(_open_files):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


class Sidecar:
    """The locks of one store file."""

    def __init__(self, path: Path):
        self._lock = path.with_name(path.name + ".lock")
        self._gate = path.with_name(path.name + ".gate")
        self.holder = Holder(path.with_name(path.name + ".holder"))

    @contextmanager
    def held(self, what: str, *, shared: bool, timeout_s: float) -> Iterator[None]:
        """The lock, for one transaction. Raises BusyError naming the holder after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        gate, lock = FileLock(self._gate, shared=False), FileLock(self._lock, shared=shared)
        if shared and not os.access(self._lock.parent, os.W_OK):
            gate = FileLock(self._gate, shared=True)  # nobody writes in a read-only folder; no turn to give
        try:
            if not gate.acquire(deadline) or not lock.acquire(deadline):
                raise BusyError("store.busy", holder=self.holder.words(), seconds=f"{timeout_s:g}")
            gate.release()
            if not shared:
                self.holder.write(what)
            yield
            if not shared:
                self.holder.clear()
        finally:
            gate.release()
            lock.release()


class Holder:
    """A small file that says who holds a lock. It informs; the lock decides."""

    def __init__(self, path: Path):
        self.path = path

    def write(self, what: str) -> None:
        note = {"pid": os.getpid(), "host": socket.gethostname(), "what": what}
        try:
            self.path.write_text(json.dumps(note), "utf-8")
        except OSError:
            pass  # a full disk must not keep a lock from being taken

    def clear(self) -> None:
        try:
            self.path.write_text("", "utf-8")
        except OSError:
            pass

    def words(self) -> str:
        """``nightly, process 4711 on farm-3``, or ``?`` when no holder left its name (readers do not)."""
        try:
            note = json.loads(self.path.read_text("utf-8"))
            return holder_words(note["what"], note["pid"], note["host"])
        except (OSError, ValueError, KeyError, TypeError):
            return "?"


def holder_words(what: object, pid: object, host: object) -> str:
    return f"{what}, pid {pid} @ {host}"
