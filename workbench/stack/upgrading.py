"""Documents of earlier schema versions, brought to the present one step at a time. Stored documents open forever.

Version 2 added regions, patterns, connections, netlist, paths, metals, vias, arrays and mirroring, all optional: a
version 1 document means the same in version 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def _to_2(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"schema_version": 2}


STEPS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _to_2}


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document at the present version; a version no step starts from is left to the reader to refuse."""
    document = dict(document)
    while (step := STEPS.get(_version(document))) is not None:
        document = step(document)
    return document


def _version(document: Mapping[str, Any]) -> int:
    version = document.get("schema_version", 1)
    return version if isinstance(version, int) else 0
