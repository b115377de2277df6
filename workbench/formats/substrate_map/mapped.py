"""What a map file of either standard says, before it becomes a lot."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from workbench.formats.report import Notes
from workbench.formats.substrate_map.places import MOST_PLACES, Frame
from workbench.formats.substrate_map.tree import Document, Element

_UM = {"nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
       "micrometers": 1.0, "mm": 1e3, "millimeter": 1e3, "millimeters": 1e3, "cm": 1e4, "inch": 25_400.0,
       "inches": 25_400.0, "mil": 25.4, "mils": 25.4}  # fmt: skip
_GOOD, _BAD = ("pass", "good", "accept"), ("fail", "bad", "reject")


@dataclass(frozen=True)
class Definition:
    """A bin of a map: its code as a number and as written, name, verdict, and the count the file gives."""

    number: int
    code: str
    name: str
    passed: bool | None
    count: int | None = None


@dataclass(frozen=True)
class BinMap:
    """Codes by place (n,): x and y as the map counts, without the null bin."""

    soft: bool
    x: np.ndarray
    y: np.ndarray
    number: np.ndarray
    definitions: dict[int, Definition]


@dataclass
class Substrate:
    """A substrate with its maps. `ids`: names of devices by place."""

    name: str
    kind: str
    frame: Frame | None
    attributes: dict[str, Any] = field(default_factory=dict)
    lot: str = ""
    maps: list[BinMap] = field(default_factory=list)
    ids: dict[tuple[int, int], str] = field(default_factory=dict)
    transfers: list[tuple[str, int, int, int, int]] = field(default_factory=list)  # from, fx, fy, tx, ty


@dataclass
class Mapped:
    """A file. `format` is g85 or e142."""

    format: str
    notes: Notes
    substrates: list[Substrate] = field(default_factory=list)
    product: str = ""
    created: datetime | None = None
    conditions: dict[str, Any] = field(default_factory=dict)


def whole(document: Document, element: Element, name: str, *, low: int = -10_000_000, high: int = 10_000_000) -> int:
    """An attribute as a whole number. Raises InputError where it is absent, none, or out of bounds."""
    said = element.said(name)
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", said) or not low <= int(said) <= high:
        document.refuse("substrate_map.whole", element, got=f"{name}={said}", allowed=f"{low:,} … {high:,}", name=name)
    return int(said)


def length_um(said: str, units: str) -> float | None:
    """A length in micrometres; None where the number or the unit is not known."""
    factor = _UM.get(units.strip().lower())
    if factor is None or not re.fullmatch(r"[+-]?[0-9]{0,12}\.?[0-9]{1,12}(?:[eE][+-]?[0-9]{1,2})?", said):
        return None
    return float(said) * factor


def verdict(quality: str) -> bool | None:
    """Whether a bin's quality means passed; None for words that mean neither."""
    word = quality.strip().lower()
    return True if word.startswith(_GOOD) else False if word.startswith(_BAD) else None


def moment(said: str) -> datetime | None:
    """yyyymmddhhmmss and finer, or ISO 8601."""
    digits = re.fullmatch(r"([0-9]{14})[0-9]{0,6}", said.strip())
    try:
        if digits:
            return datetime.strptime(digits[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        found = datetime.fromisoformat(said.strip())
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def frame_of(document: Document, element: Element, columns: int, rows: int, **words: Any) -> Frame:
    """A frame, refused where it has too many places."""
    if columns * rows > MOST_PLACES:
        document.refuse("substrate_map.too_large", element, got=f"{columns:,} x {rows:,}", allowed=f"{MOST_PLACES:,}")
    return Frame(columns, rows, **words)


def from_table(frame: Frame, table: np.ndarray, null: int | None, soft: bool, definitions: dict) -> BinMap:
    """A map from its table of codes (rows, columns)."""
    rows, columns = np.nonzero(table != null) if null is not None else np.indices(table.shape).reshape(2, -1)
    x, y = frame.xy(columns, rows)
    return BinMap(soft, x, y, table[rows, columns], definitions)


def frame_attributes(frame: Frame) -> dict[str, Any]:
    return {"columns": frame.columns, "rows": frame.rows, "origin": frame.origin, "axis_direction": frame.axes,
            "orientation_deg": frame.orientation_deg}  # fmt: skip
