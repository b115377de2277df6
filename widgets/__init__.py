"""Every screen of the workbench: forms, blocks of a page, charts. Notebooks write ``import widgets as views``."""

from __future__ import annotations

import importlib
from typing import Any

from widgets.live import Live as live
from widgets.page import note, picture, say, summary, table

__all__ = [
    "benchmarks", "builder", "design", "design_library", "live", "note", "picture", "process", "say", "summary",
    "table",
]  # fmt: skip

_AREAS = ("benchmarks", "builder", "design", "design_library", "process")


def __getattr__(name: str) -> Any:
    """The views of an area (`views.design`) are imported when a notebook first names them."""
    if name in _AREAS:
        return importlib.import_module(f"widgets.{name}")
    raise AttributeError(name)
