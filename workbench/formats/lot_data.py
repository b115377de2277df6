"""What every file of tools and testers becomes before it is stored: carriers, parts, readings, and what was left.

The readers of STDF, KLARF, substrate maps and tables give a `LotData`; the store takes one. Between them lies nothing
else, so that a new format is one reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.formats.report import Report

if TYPE_CHECKING:
    import pandas

CARRIER_KINDS = ("wafer", "panel", "tray", "strip")

PART_COLUMNS = {  # column of `parts` -> pandas type
    "carrier": "category", "position": "int32", "attempt": "int16", "part_id": "str", "x": "Int32", "y": "Int32",
    "head": "Int16", "site": "Int16", "hard_bin": "Int32", "soft_bin": "Int32", "passed": "boolean",
    "test_time_s": "float64",
}  # fmt: skip
READING_COLUMNS = {
    "carrier": "category", "position": "int32", "attempt": "int16", "parameter": "category", "value": "float64",
}  # fmt: skip
DEFECT_COLUMNS = {  # positions from the corner of the die, as inspection tools write them
    "carrier": "category", "defect": "int32", "x": "int32", "y": "int32", "x_um": "float64", "y_um": "float64",
    "size_x_um": "float64", "size_y_um": "float64", "area_um2": "float64", "class_number": "Int32",
}  # fmt: skip
TRANSFER_COLUMNS = {  # one row a die that went from one carrier to another; places count as each map counts them
    "from_carrier": "str", "from_x": "Int32", "from_y": "Int32", "to_carrier": "str", "to_x": "Int32", "to_y": "Int32",
    "device_id": "str",
}  # fmt: skip


@dataclass(frozen=True)
class Carrier:
    """A wafer, panel, tray or strip with what the file says of it (plain values, units in the names)."""

    name: str
    kind: str = "wafer"
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Test:
    """A parameter that was measured. `unit` is the word of the file; limits are in it, None where there is none."""

    parameter: str
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    target: float | None = None
    number: int | None = None


@dataclass(frozen=True)
class Bin:
    """A bin of the tester; `hard` or soft."""

    number: int
    name: str
    hard: bool
    passed: bool | None = None


@dataclass(frozen=True)
class LotData:
    """A file read. Frames have the columns named above, in that order; absent ones are None.

    A part is (carrier, position): `position` counts the parts of a carrier from 0 in the order in which they first
    appear; a part tested again has the same position and the next `attempt`. Readings name the part and attempt they
    are of; `value` is finite. Moments are in UTC, as the file gives them.
    """

    format: str
    lot: str | None = None
    product: str | None = None
    carriers: tuple[Carrier, ...] = ()
    tests: tuple[Test, ...] = ()
    bins: tuple[Bin, ...] = ()
    parts: pandas.DataFrame | None = None
    readings: pandas.DataFrame | None = None
    defects: pandas.DataFrame | None = None
    transfers: pandas.DataFrame | None = None
    conditions: Mapping[str, Any] = field(default_factory=dict)  # tester, program, operator, probe card, temperature...
    started_at: datetime | None = None
    ended_at: datetime | None = None
    report: Report = field(default_factory=Report)
