"""Designs published by others, beyond those that every view is tried on: to compare with and to start from."""

from __future__ import annotations

from typing import Any

from workbench.runs.demo.designs import seed_references


def seed(store: Any) -> list[str]:
    """Add the reference designs that are not there yet; says what was added."""
    return seed_references(store)
