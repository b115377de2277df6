"""STDF V4, the file of test systems: read into a `LotData`, inspected record by record, written.

The compiled reader is loaded when a file is read, not when this package is imported.
"""

from __future__ import annotations

from pathlib import Path

from workbench.formats.lot_data import LotData
from workbench.formats.stdf.records import counts, records
from workbench.formats.stdf.source import MOST_BYTES
from workbench.formats.stdf.writing import StdfWriter, open_stdf

__all__ = ["StdfWriter", "counts", "open_stdf", "read", "records"]


def read(path: Path | str, *, most_bytes: int = MOST_BYTES) -> LotData:
    """The lot in an STDF V4 file, plain, gzip or bzip2, whatever its suffix.

    Parameters are `1000 Vdd leakage` (PTR), `2000 ramp[A3]` (MPR, a parameter a pin) and FTR with 1 for passed, 0 for
    failed. Values, limits and units are those of the file, which stores base units: RES_SCAL is an exponent for
    display and is not applied. Limits, unit and text of a test are those of the first record that gives them. Results
    that the file itself marks as not usable and values that are not finite are left out, and counted in the report.
    Of a file that ends early everything whole is kept; the report says at which byte and record it broke.

    Raises InputError: what `source.load` refuses (not STDF V4, a VAX, too large, a packing made to burst), and more
    tests, parameters, parts, wafers or attempts than a lot can have.
    """
    from workbench.formats.stdf.columns import columns  # loads the compiler
    from workbench.formats.stdf.reading import lot_data

    return lot_data(columns(path, most_bytes=most_bytes))
