"""The papermill engine "workbench-fork": a run is a process forked from one that has imported everything.

papermill and nbclient drive it as they drive any kernel: `ForkedKernel` is kernel manager and kernel
client in one, whose channels are frames on a socket pair instead of zmq sockets. So cell order, tags, time
limits, display ids, clear_output, widget state and autosave are nbclient's and papermill's own.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from queue import Empty
from types import SimpleNamespace

from jupyter_client.session import Session
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine
from papermill.log import logger as papermill_log
from papermill.utils import merge_kwargs, remove_args

from workbench.errors import RunError
from workbench.runs import wire
from workbench.runs.ending import Ending, mark_dead
from workbench.runs.forkserver import FORKABLE, INTERRUPT, KILL, ORDER

log = logging.getLogger(__name__)

START_LIMIT_S = 120  # the first import of everything on a cold disk


class ForkServer:
    """The server process, as its starter sees it. Threads may share one. `preload` replaces what it imports."""

    _shared: ForkServer | None = None
    _sharing = threading.Lock()

    def __init__(self, preload: tuple[str, ...] = ()) -> None:
        self._orders, theirs = socket.socketpair()
        self._lock = threading.Lock()
        package_root = str(Path(__file__).parents[2])
        paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "workbench.runs.forkserver", str(theirs.fileno()), *preload],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **FORKABLE, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,
        )
        theirs.close()
        self._orders.settimeout(START_LIMIT_S)
        try:
            self.ready = self._orders.recv(64)
        except TimeoutError:
            self.ready = b""
        self._orders.settimeout(None)
        if not self.ready.startswith(b"ready"):
            self.stop()
            raise RunError("run.no_fork_server", where=sys.executable)

    @classmethod
    def shared(cls) -> ForkServer:
        """The server of this process, started at the first call, ended with the process."""
        with cls._sharing:
            if cls._shared is None or not cls._shared.alive():
                cls._shared = cls()
                atexit.register(cls._shared.stop)
            return cls._shared

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def threads_before_fork(self) -> int:
        return int(self.ready.split()[1])

    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, limit_s: float | None) -> tuple[socket.socket, socket.socket]:
        """Fork one child. Returns our ends of its message socket and its control socket."""
        messages, child_messages = socket.socketpair()
        control, server_control = socket.socketpair()
        with child_messages, server_control, self._lock:
            fds = [child_messages.fileno(), server_control.fileno()]
            try:
                socket.send_fds(self._orders, [ORDER.pack(limit_s or 0.0)], fds)
            except OSError as gone:
                raise RunError("run.no_fork_server", where=f"pid {self.pid}") from gone
        return messages, control

    def stop(self) -> None:
        """End the server; it kills what still runs."""
        self._orders.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class ForkedKernel:
    """A forked kernel process, with as much of KernelManager and KernelClient as nbclient uses."""

    ipykernel = True
    kernel_id = None
    allow_stdin = False

    def __init__(self, server: ForkServer, *, directory: str, environment: dict, limit_s, memory_mb):
        key = secrets.token_hex(16)
        self.session = Session(key=key.encode(), username="workbench")
        self.ending: Ending | None = None
        self._messages, self._control = server.fork(limit_s)
        self._waiting = {wire.SHELL: deque(), wire.IOPUB: deque()}
        self._frames, self._said = wire.Frames(), b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self.shell_channel = SimpleNamespace(
            get_msg=lambda timeout=None: self._get(wire.SHELL, timeout), send=self._send_message
        )
        self.iopub_channel = SimpleNamespace(get_msg=lambda timeout=None: self._get(wire.IOPUB, timeout))
        run = {"directory": directory, "environment": environment, "memory_mb": memory_mb, "key": key}
        self._send(wire.START, [json.dumps(run).encode()])

    # as KernelManager
    @property
    def has_kernel(self) -> bool:
        return self.ending is None

    def client(self) -> ForkedKernel:
        return self

    def interrupt_kernel(self) -> None:
        self._control.send(INTERRUPT)

    async def shutdown_kernel(self, now: bool = False) -> None:
        """Let the child end in order (exit handlers), for at most two seconds; then kill it."""
        if self.ending is None and not now:
            self._send(wire.QUIT, [])
            await self._until_ended(2.0)
        if self.ending is None:
            self.kill()
            await self._until_ended(10.0)

    def cleanup_resources(self) -> None:
        self._unlisten()
        self._loop = None
        self._messages.close()
        self._control.close()

    def kill(self) -> None:
        try:
            self._control.send(KILL)
        except OSError:
            pass  # it has ended meanwhile

    # as KernelClient
    def start_channels(self) -> None:
        """They are there from the start."""

    def stop_channels(self) -> None:
        """They close with the process."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """A forked child needs no waiting: its socket holds what is sent until it reads."""

    def is_alive(self) -> bool:
        return self.ending is None or bool(self._waiting[wire.IOPUB])  # what it said before it died counts

    def kernel_info(self) -> str:
        return self._send_message(self.session.msg("kernel_info_request", {}))

    def execute(self, code: str, *, store_history: bool = True, stop_on_error: bool = True) -> str:
        content = {
            "code": code,
            "silent": False,
            "store_history": store_history,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": stop_on_error,
        }
        return self._send_message(self.session.msg("execute_request", content))

    # transport
    def _send_message(self, message: dict) -> str:
        self._send(wire.SHELL, self.session.serialize(message))
        return message["header"]["msg_id"]

    def _send(self, channel: bytes, parts: list[bytes]) -> None:
        try:
            self._messages.sendall(wire.frame(channel, parts))
        except OSError:
            log.debug("the kernel process is gone; its ending follows")

    async def _get(self, channel: bytes, timeout: float | None) -> dict:
        """The next message. After the process died none comes: nbclient asks every second whether it lives."""
        waiting = self._waiting[channel]
        self._listen()
        deadline = None if timeout is None else self._loop.time() + timeout
        while not waiting:
            await self._wait_for_news(deadline)
        return waiting.popleft()

    async def _until_ended(self, patience_s: float) -> None:
        self._listen()
        deadline = self._loop.time() + patience_s
        try:
            while self.ending is None:
                await self._wait_for_news(deadline)
        except Empty:
            pass

    async def _wait_for_news(self, deadline: float | None) -> None:
        self._news.clear()
        left = None if deadline is None else deadline - self._loop.time()
        if left is not None and left <= 0:
            raise Empty
        try:
            await asyncio.wait_for(self._news.wait(), left)
        except TimeoutError:
            raise Empty from None

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._unlisten()
            self._loop, self._news = loop, asyncio.Event()
            if self.ending is None:
                loop.add_reader(self._messages, self._on_messages)
                loop.add_reader(self._control, self._on_control)

    def _unlisten(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._messages)
            self._loop.remove_reader(self._control)

    def _on_messages(self) -> None:
        try:
            data = self._messages.recv(1 << 18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # the child closed it; how it ended comes over the control socket
            self._loop.remove_reader(self._messages)
            return
        self._take(data)

    def _take(self, data: bytes) -> None:
        for channel, parts in self._frames.feed(data):
            _, parts = self.session.feed_identities(parts)
            self._waiting[channel].append(self.session.deserialize(parts))
        self._news.set()

    def _on_control(self) -> None:
        data = self._control.recv(1 << 16)
        self._said += data
        if data and not self._said.endswith(b"\n"):
            return
        # what the child still wrote before it ended comes first
        try:
            while rest := self._messages.recv(1 << 18, socket.MSG_DONTWAIT):
                self._take(rest)
        except OSError:
            pass
        self._unlisten()
        self.ending = Ending.told(self._said)
        self._news.set()


class ForkEngine(Engine):
    """papermill's engine interface over a fork server. There is one kernel, this Python; its name is ignored."""

    @classmethod
    def nb_kernel_name(cls, nb: NotebookNode, name: str | None = None) -> str:
        return name or nb.metadata.get("kernelspec", {}).get("name") or "python3"

    @classmethod
    def nb_language(cls, nb: NotebookNode, language: str | None = None) -> str:
        return language or "python"

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man,
        kernel_name,
        *,
        run_environment: dict[str, str] | None = None,
        run_directory: str | None = None,
        run_limit_s: float | None = None,
        run_memory_mb: int | None = None,
        on_ending=None,
        execution_timeout=None,
        start_timeout=60,
        **kwargs,
    ):
        """Execute the cells of `nb_man.nb` in a forked process.

        A process that dies or exceeds `run_limit_s` leaves an error output in the cell it was in, so that
        papermill saves what there is and raises; `on_ending` is told how the process ended.
        """
        language = nb_man.nb.metadata.get("kernelspec", {}).get("language", "python")
        if language.lower() != "python":
            raise RunError("run.not_python", where=str(kwargs.get("input_path", "")), got=language)
        kernel = ForkedKernel(
            ForkServer.shared(),
            directory=run_directory or os.getcwd(),
            environment={**os.environ, **(run_environment or {})},
            limit_s=run_limit_s,
            memory_mb=run_memory_mb,
        )
        client = PapermillNotebookClient(
            nb_man,
            km=kernel,
            **merge_kwargs(
                remove_args(["input_path", "timeout", "startup_timeout"], **kwargs),
                timeout=execution_timeout or kwargs.get("timeout"),
                startup_timeout=start_timeout,
                kernel_name=kernel_name,
                log=papermill_log,
            ),
        )
        try:
            client.execute(cleanup_kc=True)
        except DeadKernelError:
            mark_dead(nb_man, kernel.ending)
        finally:
            kernel.cleanup_resources()
            if on_ending is not None and kernel.ending is not None:
                on_ending(kernel.ending)
