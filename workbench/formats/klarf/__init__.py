"""KLARF, the file of inspection tools: versions 1.0 to 1.2 (flat) and 1.8 (nested), read into a `LotData`."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.formats import lot_file
from workbench.formats.klarf.inspection import Inspection
from workbench.formats.lot_data import LotData
from workbench.formats.yaml_text import shown

__all__ = ["MOST_BYTES", "inspection", "read", "read_text"]

MOST_BYTES = 64 * 1024 * 1024  # half a million defects with thirty columns


def read(path: Path | str, *, most_bytes: int = MOST_BYTES) -> LotData:
    """The lot in a KLARF file, plain, gzip or bzip2: its wafers, their defects and what was inspected.

    Places and sizes of defects are in micrometres from the corner of their die, whatever the unit of the version. A
    carrier's attributes are the wafer's: slot, orientation mark, die pitch, die origin, sample centre, what was
    inspected. Records without a place in a lot are counted in the report and kept in `report.kept["klarf"]`, image
    lists by wafer and defect beside them. Values written NA are absent.

    Raises InputError: what `lot_file` refuses, and with line and column all that breaks the grammar, a count that does
    not fit its rows, a value that is not of its column's type, a wafer of version 1.2 without a DefectList.
    """
    where = shown(path)
    text, encoding = lot_file.decoded(lot_file.whole(path, most_bytes=most_bytes), where=where)
    return read_text(text, where=where, encoding=encoding)


def read_text(text: str, *, where: str, encoding: str = "utf-8") -> LotData:
    """The lot in the text of a KLARF file; see `read`."""
    from workbench.formats.klarf.lot import lot_data  # pandas

    return lot_data(inspection(text, where=where), where=where, encoding=encoding)


def inspection(text: str, *, where: str) -> Inspection:
    """What a text says, in its own words and units. Raises InputError; see `read`."""
    from workbench.formats.klarf import flat, nested

    return (nested if re.match(r"\s*Record\b", text) else flat).parse(text, where)
