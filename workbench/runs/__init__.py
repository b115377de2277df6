"""Running notebooks: the engine, the record each run leaves, the nightly. Notebooks use `runs.current(p)`."""

from __future__ import annotations

from workbench.runs.context import Run, current

__all__ = ["Run", "current"]
