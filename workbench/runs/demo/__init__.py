"""The demo: published designs, process data and benchmark results, put into a store once."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

AREAS = ("designs", "references", "rule_decks", "process", "experiments", "lots", "benchmarks")


def seed_all(store: Any, progress: Callable[[str], None] | None = None) -> list[str]:
    """Add what is not there yet, area by area; says what was added. A second call adds nothing."""
    added: list[str] = []
    for area in AREAS:
        seed = importlib.import_module(f"workbench.runs.demo.{area}").seed
        takes_progress = "progress" in inspect.signature(seed).parameters
        added += seed(store, progress=progress) if takes_progress else seed(store)
    return added
