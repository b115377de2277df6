"""The fork server: a process that has imported everything and forks one kernel process per notebook run.

Started by `forkengine.ForkServer` with one end of a socket pair as its only way in: no port, no path. An
order is eight bytes (the run's time limit in seconds, 0 for none) and two descriptors: the run's message
socket, handed to the child, and its control socket, kept here. The server stays single-threaded, reaps every
child, and tells over the control socket how it ended: exit status, CPU, peak memory, and for a crash or a
hang where the program was. A run whose control socket closes is killed with all its descendants; when the
order socket closes (the starter died), every run is.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import logging
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import IO

from workbench.errors import WorkbenchError
from workbench.runs.engines import ONE_THREAD

log = logging.getLogger(__name__)

ORDER = struct.Struct("!d")
KILL, INTERRUPT = b"K", b"I"  # what may be written to a control socket; closing it means KILL
PRELOAD = (
    "numpy", "pandas", "pyarrow", "scipy.stats", "scipy.optimize", "scipy.linalg", "scipy.interpolate",
    "altair", "duckdb", "IPython.core.application", "IPython.core.completer", "IPython.core.completerlib",
    "ipykernel.debugger", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipywidgets", "tornado.platform.asyncio",
    "tornado.queues", "pandas.io.formats.string", "pydantic", "jinja2",
    "workbench.runs.forkchild", "workbench.runs", "workbench.store",
)  # fmt: skip
FORKABLE = {  # a process whose libraries have started threads must not be forked
    **ONE_THREAD,
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYTHONHASHSEED": "0",  # a report made again iterates in the same order
}
GRACE_S = 0.5  # between asking a hung run where it is and killing it


@dataclass
class Run:
    """A child and what is known of it."""

    pid: int
    control: socket.socket
    trace: IO[bytes]  # where the child's faulthandler writes
    deadline: float | None
    reason: str = ""  # "timeout" or "killed" when the server ended it
    kill_at: float | None = field(default=None)


def preload(only: tuple[str, ...] = ()) -> None:
    """Import what notebooks use, or `only` these. A module that fails is left to the notebook, which says so."""
    # 1.4 CPU s inside jsonschema, for a format that charts do not use; and nobody debugs a report
    sys.modules.update(dict.fromkeys(("rfc3987_syntax", "debugpy")))  # type: ignore[arg-type]
    for name in only or (*PRELOAD, *_declarations()):
        try:
            importlib.import_module(name)
        except Exception as fault:
            log.warning("not preloaded: %s (%s: %s)", name, type(fault).__name__, fault)
    if not only:
        _preload_screens()
        _warm_up()
    if (duckdb := sys.modules.get("duckdb")) is not None:
        duckdb.default_connection().close()  # opened by the import, with a thread; a child opens its own


def _declarations() -> list[str]:
    """The modules that the notebooks name as their parameters: with them comes what their study needs."""
    from workbench.runs import notebooks

    try:
        found, _ = notebooks.everything()
    except WorkbenchError:
        return []  # no folder of notebooks
    return sorted({str(notebook.declared["parameters"]).partition(":")[0] for notebook in found})


def _preload_screens() -> None:
    """Import what `widgets` needs, then forget `widgets` itself: importing it sets Altair's theme and renderer,
    and a notebook that does not import it must not get them."""
    import altair

    before = altair.theme.active, altair.renderers.active
    try:
        for name in ("", ".design", ".process", ".benchmarks"):
            importlib.import_module(f"widgets{name}")
    except Exception as fault:
        log.warning("not preloaded: widgets (%s: %s)", type(fault).__name__, fault)
    for name in [name for name in sys.modules if name == "widgets" or name.startswith("widgets.")]:
        del sys.modules[name]
    altair.theme.enable(before[0])
    altair.renderers.enable(before[1])


def _warm_up() -> None:
    """Do once what each child would pay for: schema validators, formatters. No connection, no thread."""
    try:
        import altair
        import pandas

        frame = pandas.DataFrame({"x": [1.0], "y": ["a"]})
        frame._repr_html_()
        altair.Chart(frame).mark_point().encode(x="x:Q", y=altair.Y("y:N").title("y")).to_dict()
    except Exception as fault:
        log.warning("warm-up: %s", fault)


class Server:
    """The loop. Everything happens in one thread: only such a process may fork safely."""

    def __init__(self, orders: socket.socket):
        self.orders = orders
        self.runs: dict[int, Run] = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(orders, selectors.EVENT_READ, None)
        self.wake_read, self.wake_write = socket.socketpair()
        for end in (self.wake_read, self.wake_write):
            end.setblocking(False)
        self.selector.register(self.wake_read, selectors.EVENT_READ, None)
        signal.set_wakeup_fd(self.wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the starter's to handle

    def serve(self) -> None:
        while True:
            for key, _ in self.selector.select(self._patience()):
                if key.fileobj is self.orders:
                    if not self._take_order():
                        self._end_all()
                        return
                elif key.fileobj is self.wake_read:
                    self.wake_read.recv(4096)
                elif key.data in self.runs:
                    self._obey(self.runs[key.data])
            self._reap()
            self._enforce()

    def _patience(self) -> float | None:
        moments = [m for run in self.runs.values() for m in (run.deadline, run.kill_at) if m is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _take_order(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self.orders, ORDER.size, 2)
        if len(data) < ORDER.size or len(descriptors) != 2:
            return False
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        messages, control = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        (limit_s,) = ORDER.unpack(data)
        trace = tempfile.TemporaryFile()  # noqa: SIM115
        pid = os.fork()
        if pid == 0:
            self._become_child(messages, trace)
        messages.close()
        deadline = time.monotonic() + limit_s if limit_s > 0 else None
        self.runs[pid] = Run(pid, control, trace, deadline)
        self.selector.register(control, selectors.EVENT_READ, pid)
        return True

    def _become_child(self, messages: socket.socket, trace: IO[bytes]) -> None:
        """In the child: let go of the server, then live and end as a kernel. Never returns."""
        code = 70
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self.selector.close()
            controls = (run.control for run in self.runs.values())
            for held in (self.orders, self.wake_read, self.wake_write, *controls):
                held.close()
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            faulthandler.enable(file=trace, all_threads=True)
            from workbench.runs import forkchild

            code = forkchild.live(messages)
        except BaseException:
            faulthandler.disable()
            trace.write(_traceback().encode())
            trace.flush()
        finally:
            os._exit(code)

    def _obey(self, run: Run) -> None:
        order = run.control.recv(1)
        if order == INTERRUPT:
            os.kill(run.pid, signal.SIGINT)
            return
        if not order:  # the other side is gone: nobody to report to
            self.selector.unregister(run.control)
        self._kill(run, "killed")

    def _enforce(self) -> None:
        now = time.monotonic()
        for run in self.runs.values():
            if run.deadline is not None and now >= run.deadline:
                run.deadline, run.reason, run.kill_at = None, "timeout", now + GRACE_S
                os.kill(run.pid, signal.SIGABRT)  # faulthandler writes where it hangs
            if run.kill_at is not None and now >= run.kill_at:
                self._kill(run, run.reason)

    def _kill(self, run: Run, reason: str) -> None:
        run.reason, run.deadline, run.kill_at = reason, None, None
        _kill_group(run.pid)

    def _reap(self) -> None:
        for pid, run in list(self.runs.items()):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _kill_group(pid)  # what the run started ends too; the zombie still owns the number
            _, status, usage = os.wait4(pid, 0)
            del self.runs[pid]
            run.trace.seek(0)
            ending = {
                "code": os.waitstatus_to_exitcode(status),
                "reason": run.reason,
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_memory_mb": usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
                "trace": run.trace.read(20_000).decode("utf-8", "replace"),
            }
            run.trace.close()
            try:
                self.selector.unregister(run.control)
            except KeyError:
                pass
            try:
                run.control.sendall(json.dumps(ending).encode() + b"\n")
            except OSError:
                pass  # nobody waits for it any more
            run.control.close()

    def _end_all(self) -> None:
        for run in self.runs.values():
            _kill_group(run.pid)


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # both: the child may not have made its group yet
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def _traceback() -> str:
    import traceback

    return traceback.format_exc()


def thread_count() -> int:
    """Threads of this process, those of native libraries too where the system tells."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        import threading

        return threading.active_count()


def main() -> None:
    logging.basicConfig(level=os.environ.get("WORKBENCH_LOG", "WARNING"), format="fork server: %(message)s")
    orders = socket.socket(fileno=int(sys.argv[1]))
    preload(tuple(sys.argv[2:]))
    if thread_count() != 1:
        log.warning("%d threads before the first fork: a preloaded library started them", thread_count())
    gc.collect()
    gc.freeze()  # keeps the collector from touching, and so copying, the pages shared with the children
    orders.sendall(b"ready %3d\n" % thread_count())
    Server(orders).serve()


if __name__ == "__main__":
    # not two copies of this module, __main__ and the one that children import
    from workbench.runs.forkserver import main as run_main

    run_main()
