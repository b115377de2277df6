"""Which papermill engine runs our notebooks, and its registration with papermill (no entry point needed)."""

from __future__ import annotations

import os

from papermill.engines import papermill_engines

from workbench.errors import InputError
from workbench.runs import forkengine

FORK, WARM = "workbench-fork", "workbench-warm"
CHOICES = {"fork": FORK, "warm": WARM}


def register() -> None:
    """Make the engines known to papermill in this process."""
    from workbench.runs import warmengine

    papermill_engines.register(FORK, forkengine.ForkEngine)
    papermill_engines.register(WARM, warmengine.WarmEngine)


def choose(wanted: str | None = None) -> str:
    """The engine's papermill name: $WORKBENCH_ENGINE or `wanted` (fork, warm), else the best this system has."""
    wanted = wanted or os.environ.get("WORKBENCH_ENGINE") or ("fork" if forkengine.available() else "warm")
    if wanted not in CHOICES or (wanted == "fork" and not forkengine.available()):
        raise InputError("run.unknown_engine", where="WORKBENCH_ENGINE", got=wanted, allowed=", ".join(CHOICES))
    return CHOICES[wanted]


def start(wanted: str | None = None) -> str:
    """Choose the engine, make it known to papermill and start what it needs, so that no run's clock counts it."""
    register()
    name = choose(wanted)
    if name == FORK:
        forkengine.ForkServer.shared()
    return name
