"""What a forked child becomes: a stock IPython kernel whose sockets are one descriptor.

Shell, display hook, output streams, comms and magics are ipykernel's own, so a notebook cannot tell
the difference; only the transport differs. Made after the fork: every thread, the zmq context
(in-process only), the event loop.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import json
import logging
import os
import random
import resource
import signal
import socket
import sys
import threading
from types import SimpleNamespace

import zmq
from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.zmqshell import ZMQInteractiveShell
from jupyter_client.session import Session
from tornado.ioloop import IOLoop
from traitlets import Any
from traitlets.config import Config

from workbench.runs import wire

_PR_SET_PDEATHSIG = 1


class _Channel:
    """A kernel channel over the shared descriptor, with what ipykernel uses of zmq.Socket's interface."""

    def __init__(self, name: bytes, messages: socket.socket, lock: threading.Lock):
        self._name, self._messages, self._lock = name, messages, lock
        self.context = zmq.Context(0)

    def send_multipart(self, parts, flags=0, copy=True, track=False):
        data = wire.frame(self._name, [getattr(part, "bytes", part) for part in parts])
        with self._lock:
            self._messages.sendall(data)

    def flush(self, *_args) -> None:
        """Nothing is held back."""


class _Publisher(IOPubThread):
    """ipykernel's output thread; what it sends itself goes out at once, so that `flush` means sent."""

    def schedule(self, f) -> None:
        if threading.current_thread() is self.thread:
            f()
        else:
            super().schedule(f)


class ForkedKernel(IPythonKernel):
    """ipykernel's kernel on channels that are not zmq sockets."""

    shell_stream = Any()  # type: ignore[assignment]
    _supports_kernel_subshells = False

    def start(self) -> None:
        self.io_loop = IOLoop.current()
        # top-level await asks which thread is the main one
        self.shell_channel_thread = SimpleNamespace(parent_thread=threading.main_thread())
        self.shell.exit_now = False

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        """The client sends no request before the previous reply: nothing is queued."""


def live(messages: socket.socket) -> int:
    """Execute requests from `messages` until told to quit or the other side is gone; the exit code."""
    _die_with_server()
    reader = wire.Frames()
    frames = _receive(messages, reader)
    channel, parts = frames[0]
    if channel != wire.START:
        return 70
    run = json.loads(parts[0])
    _settle(run)
    kernel = _kernel(messages, run["key"])
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(_requests(kernel, messages, reader, frames[1:]))
    finally:
        kernel.shell.atexit_operations()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _receive(messages: socket.socket, reader: wire.Frames) -> list[tuple[bytes, list[bytes]]]:
    frames: list[tuple[bytes, list[bytes]]] = []
    while not frames:
        data = messages.recv(1 << 16)
        if not data:
            raise EOFError("the run was given up before it began")
        frames += reader.feed(data)
    return frames


def _die_with_server() -> None:
    """Where the system can (Linux): a child does not outlive a server that was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _settle(run: dict) -> None:
    """Take the run's own environment, directory and random numbers; nothing of the server's remains."""
    os.environ.clear()
    os.environ.update(run["environment"])
    os.chdir(run["directory"])
    sys.path[:] = ["", *(entry for entry in sys.path if entry)]
    if run.get("memory_mb"):
        limit = _memory_in_use() + int(run["memory_mb"]) * 2**20
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    random.seed()
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()
    os.register_at_fork(after_in_child=_grandchild)


def _memory_in_use() -> int:
    """Bytes of data this process was born with: what the server had imported is not the run's."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmData:")) * 1024
    except (OSError, StopIteration):
        return 0


def _grandchild() -> None:
    """What the notebook forks (multiprocessing) prints through the descriptors, which the kernel watches."""
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _kernel(messages: socket.socket, key: str) -> ForkedKernel:
    lock = threading.Lock()
    session = Session(key=key.encode(), username="workbench")
    iopub = _Publisher(_Channel(wire.IOPUB, messages, lock), session=session)
    iopub.start()
    sys.stdout, sys.stderr = (OutStream(session, iopub, name) for name in ("stdout", "stderr"))
    config = Config()
    config.HistoryManager.enabled = False  # a file and a thread for a history that nobody recalls
    kernel = ForkedKernel.instance(
        config=config,
        session=session,
        iopub_thread=iopub,
        iopub_socket=iopub.background_socket,
        shell_stream=_Channel(wire.SHELL, messages, lock),
        shell_class=ZMQInteractiveShell,
        log=logging.getLogger("ipykernel"),
    )
    return kernel


async def _requests(kernel: ForkedKernel, messages: socket.socket, reader: wire.Frames, waiting: list) -> None:
    """Serve requests in turn; between them the loop runs what the notebook left in the background."""
    kernel.start()
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[bytes, list[bytes]]] = asyncio.Queue()
    for frame in waiting:
        queue.put_nowait(frame)

    def received() -> None:
        try:
            data = messages.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if not data:
            loop.remove_reader(messages)
            queue.put_nowait((wire.QUIT, []))
            return
        for frame in reader.feed(data):
            queue.put_nowait(frame)

    loop.add_reader(messages, received)
    while True:
        channel, parts = await queue.get()
        if channel == wire.QUIT:
            return
        await kernel.dispatch_shell([zmq.Message(part) for part in parts])
