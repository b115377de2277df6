"""The facts shipped with the workbench: figures with their sources, as JSON files under `data/`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from workbench.errors import InputError

FOLDER = Path(__file__).resolve().parent.parent / "data"


def path(name: str) -> Path:
    """Where the file `name` (relative to `data/`) lies. Raises InputError when it is missing."""
    file = FOLDER / name
    if not file.is_file():
        raise InputError("facts.missing", where=f"data/{name}")
    return file


@cache
def _text(name: str) -> str:
    return path(name).read_text("utf-8")


def load(name: str) -> dict[str, Any]:
    """The facts file `data/<name>.json`, a fresh copy each call."""
    try:
        return json.loads(_text(f"{name}.json"))
    except ValueError as fault:
        raise InputError("facts.missing", where=f"data/{name}.json", got=fault) from fault
