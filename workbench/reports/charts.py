"""Charts as SVG, drawn by one warm worker process that is started when first needed and replaced when it dies."""

from __future__ import annotations

import atexit
import json
import math
import queue
import subprocess
import sys
import threading
from typing import Any

CHART_TIMEOUT_S = 30.0


class ChartError(Exception):
    """This chart could not be drawn; the text says why. Shown in place of the chart, never to a caller."""


class ChartWorker:
    """Draws one chart at a time. Threads may share it; forked children must not."""

    def __init__(self, *, timeout_s: float = CHART_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()
        self._lock = threading.Lock()

    def svg(self, spec: dict[str, Any]) -> str:
        """SVG text of a Vega-Lite specification (version 5 or 6). Raises ChartError."""
        request = _line(spec)
        with self._lock:
            for attempt in (1, 2):  # a worker killed from outside is replaced once
                try:
                    answer = self._ask(request)
                    break
                except (BrokenPipeError, EOFError):
                    self._end()
                    if attempt == 2:
                        raise ChartError("the drawing process ended unexpectedly") from None
        if "svg" not in answer:
            raise ChartError(answer["error"])
        return answer["svg"]

    def close(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, request: str) -> dict[str, str]:
        process = self._running()
        process.stdin.write(request)
        process.stdin.flush()
        try:
            line = self._answers.get(timeout=self._timeout_s)
        except queue.Empty:
            self._end()
            raise ChartError(f"not drawn within {self._timeout_s:g} s") from None
        if not line:
            raise EOFError
        return json.loads(line)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            command = [sys.executable, "-m", "workbench.reports.chart_process"]
            self._answers = queue.Queue()
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True, encoding="utf-8",
            )  # fmt: skip
            # A reading thread makes the time limit work on every system (pipes cannot be polled on Windows).
            threading.Thread(target=_listen, args=(self._process.stdout, self._answers), daemon=True).start()
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process = None


def _listen(source: Any, answers: queue.Queue[str]) -> None:
    for line in source:
        answers.put(line)
    answers.put("")
    source.close()


def _line(spec: dict[str, Any]) -> str:
    try:
        return json.dumps(spec, allow_nan=False) + "\n"
    except ValueError:  # NaN and infinities are not JSON: Vega-Lite reads null as "no value"
        return json.dumps(_finite(spec)) + "\n"
    except TypeError as error:
        raise ChartError(str(error)) from None


def _finite(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _finite(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_finite(value) for value in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node


_worker: ChartWorker | None = None


def worker() -> ChartWorker:
    """The worker of this process, made on first use and ended with the process."""
    global _worker
    if _worker is None:
        _worker = ChartWorker()
        atexit.register(_worker.close)
    return _worker
