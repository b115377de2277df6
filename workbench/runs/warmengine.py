"""The papermill engine "workbench-warm": a kernel kept and cleared between notebooks, where a process cannot fork.

Second best, chosen by itself on Windows or by WORKBENCH_ENGINE=warm: imports stay loaded, so a run costs little, but a
notebook could leave traces in an imported module. Names, widgets, environment, directory, import path and random
numbers start afresh; a kernel that died, or had to be killed, is replaced.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
from queue import Empty
from typing import Any

import psutil
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbclient.util import run_sync
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from papermill.log import logger as papermill_log
from papermill.utils import merge_kwargs, remove_args

from workbench.runs.ending import Ending, mark_dead
from workbench.runs.engines import ONE_THREAD

PREPARE = """
import sys as _sys
_sys.modules["rfc3987_syntax"] = None
"""
CLEAR = """
import json as _json, os as _os, random as _random, sys as _sys
_run = _json.loads({run!r})
if "ipywidgets" in _sys.modules:
    _sys.modules["ipywidgets"].Widget.close_all()
_os.environ.clear(); _os.environ.update(_run["environment"])
_os.chdir(_run["directory"])
_ip = get_ipython()
_path = getattr(_ip, "_clean_path", None)
_ip._clean_path = list(_sys.path) if _path is None else _path
_sys.path[:] = _ip._clean_path
_random.seed()
if "numpy" in _sys.modules:
    _sys.modules["numpy"].random.seed()
_ip.reset(new_session=True)
"""


class WarmKernel:
    """One kernel of one thread, with its client."""

    def __init__(self, kernel_name: str):
        self.name = kernel_name
        self.manager = AsyncKernelManager(kernel_name=kernel_name)
        if os.name == "posix":
            self.manager.transport = "ipc"  # ports race when several kernels start at once
        self.client: Any = None

    def start(self) -> None:
        async def begin() -> None:
            await self.manager.start_kernel(env={**os.environ, **ONE_THREAD})
            self.client = self.manager.client()
            self.client.start_channels()
            await self.client.wait_for_ready(timeout=60)
            self.client.allow_stdin = False
            _look_again(self.client.shell_channel)
            _look_again(self.client.iopub_channel)
            await self.client.execute_interactive(PREPARE, silent=True, store_history=False)

        run_sync(begin)()

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.manager.provisioner.pid)

    def process_alive(self) -> bool:
        try:
            return self.process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def clear(self, environment: dict[str, str], directory: str) -> None:
        """Forget the last notebook, take on the next one's environment."""
        code = CLEAR.format(run=json.dumps({"environment": environment, "directory": directory}))
        reply = run_sync(self._run)(code)
        if reply["content"]["status"] != "ok":
            raise DeadKernelError(f"the kernel could not be cleared: {reply['content'].get('evalue')}")

    async def _run(self, code: str) -> dict:
        return await self.client.execute_interactive(code, silent=True, store_history=False, timeout=60)

    def kill(self) -> None:
        """The kernel and what it started."""
        try:
            family = [*self.process.children(recursive=True), self.process]
        except psutil.NoSuchProcess:
            return
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass

    def stop(self) -> None:
        async def end() -> None:
            self.client.stop_channels()
            await self.manager.shutdown_kernel(now=True)

        try:
            run_sync(end)()
        except RuntimeError:  # the loop of an ended thread
            self.kill()


def _look_again(channel: Any, every_s: float = 0.5) -> None:
    """Let `channel` look for a message twice a second instead of waiting for a wake-up, which pyzmq now and then loses.

    Seen with pyzmq 27 on a loaded machine, also with papermill's stock engine: the kernel had answered and the client
    slept on, until its time limit or for ever.
    """
    wait = channel.get_msg

    async def get_msg(timeout: float | None = None) -> dict:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = every_s if end is None else min(every_s, end - time.monotonic())
            try:
                return await wait(timeout=max(0.0, left))
            except Empty:
                if end is not None and time.monotonic() >= end:
                    raise

    channel.get_msg = get_msg


_of_thread = threading.local()
_all: list[WarmKernel] = []


def _kernel(name: str) -> WarmKernel:
    kernel = getattr(_of_thread, "kernel", None)
    if kernel is None or kernel.name != name:
        if not _all:
            atexit.register(stop_all)
        kernel = _of_thread.kernel = WarmKernel(name)
        _all.append(kernel)
        kernel.start()
    return kernel


def _discard(kernel: WarmKernel) -> None:
    _of_thread.kernel = None
    _all.remove(kernel)
    kernel.kill()
    kernel.stop()


def stop_all() -> None:
    """End every kept kernel."""
    while _all:
        _all.pop().kill()


class WarmEngine(NBClientEngine):
    """papermill's engine interface over a kernel kept warm; takes the same options as ForkEngine."""

    @classmethod
    def nb_kernel_name(cls, nb, name: str | None = None) -> str:
        return name or nb.metadata.get("kernelspec", {}).get("name") or "python3"

    @classmethod
    def nb_language(cls, nb, language: str | None = None) -> str:
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
        """As ForkEngine; a memory limit is not enforced, since the kernel outlives the run."""
        kernel = _kernel(kernel_name)
        kernel.clear({**os.environ, **(run_environment or {})}, run_directory or os.getcwd())
        clock = _Clock(kernel, run_limit_s)
        client = PapermillNotebookClient(
            nb_man,
            km=kernel.manager,
            **merge_kwargs(
                remove_args(["input_path", "timeout", "startup_timeout"], **kwargs),
                timeout=execution_timeout or kwargs.get("timeout"),
                startup_timeout=start_timeout,
                kernel_name=kernel_name,
                log=papermill_log,
            ),
        )
        client.kc = kernel.client
        try:
            client.execute()
        except DeadKernelError:
            mark_dead(nb_man, clock.ending(died=True))
        except Exception:
            _discard(kernel)  # a cell may still be running in it
            raise
        died = clock.timed_out or not kernel.process_alive()
        ending = clock.ending(died)
        if died:
            _discard(kernel)
        if on_ending is not None:
            on_ending(ending)


class _Clock:
    """Measures a run in a kernel that goes on living, and kills it at the time limit."""

    def __init__(self, kernel: WarmKernel, limit_s: float | None):
        self.kernel, self.timed_out, self.peak_mb = kernel, False, 0.0
        self.cpu_before = self.cpu = sum(kernel.process.cpu_times()[:4])
        self._over = threading.Event()
        self._deadline = time.monotonic() + limit_s if limit_s else None
        self._ended: Ending | None = None
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self._measure()
            if self._deadline is not None and time.monotonic() > self._deadline:
                self.timed_out = True
                self.kernel.kill()
                return

    def _measure(self) -> None:
        try:
            process = self.kernel.process
            self.cpu = sum(process.cpu_times()[:4])
            self.peak_mb = max(self.peak_mb, process.memory_info().rss / 2**20)
        except psutil.Error:
            pass

    def ending(self, died: bool) -> Ending:
        if self._ended is None:
            self._over.set()
            self._watcher.join()
            self._measure()
            self._ended = Ending(
                code=1 if died else 0,
                reason="timeout" if self.timed_out else "",
                cpu_s=self.cpu - self.cpu_before,
                peak_memory_mb=self.peak_mb,
            )
        return self._ended
