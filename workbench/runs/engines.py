"""Which papermill engine runs our notebooks, and its registration with papermill (no entry point needed)."""

from __future__ import annotations

import os
import socket
import sys

from workbench.errors import InputError

FORK, WARM = "workbench-fork", "workbench-warm"
CHOICES = {"fork": FORK, "warm": WARM}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # runs share the cores


def can_fork() -> bool:
    """Whether this system can fork and pass descriptors (Linux, macOS, WSL; not Windows)."""
    return hasattr(os, "fork") and hasattr(socket, "send_fds")


def choose(wanted: str | None = None) -> str:
    """The engine's papermill name: `wanted` (fork, warm) or $WORKBENCH_ENGINE, else the best this system has."""
    wanted = wanted or os.environ.get("WORKBENCH_ENGINE") or ("fork" if can_fork() else "warm")
    if wanted not in CHOICES or (wanted == "fork" and not can_fork()):
        raise InputError("run.unknown_engine", where="WORKBENCH_ENGINE", got=wanted, allowed=", ".join(CHOICES))
    return CHOICES[wanted]


def register() -> None:
    """Make the engines known to papermill in this process."""
    from papermill.engines import papermill_engines

    from workbench.runs import warmengine

    if can_fork():
        from workbench.runs import forkengine

        papermill_engines.register(FORK, forkengine.ForkEngine)
    papermill_engines.register(WARM, warmengine.WarmEngine)


def start(wanted: str | None = None) -> str:
    """Choose the engine, make it known to papermill and start what it needs, so that no run's clock counts it."""
    name = choose(wanted)
    register()
    if name == FORK:
        from workbench.runs import forkengine

        forkengine.ForkServer.shared()
    return name


def lighten() -> None:
    """Spare this process an import that costs 1.4 CPU s: a check of address formats inside jsonschema.

    Only for a process of ours that checks no such addresses; jsonschema does without it.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
