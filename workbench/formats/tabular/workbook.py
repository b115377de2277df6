"""Excel workbooks (.xlsx) as tables, read row by row and never unpacked beyond a bound."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from contextlib import redirect_stdout
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.formats.report import Notes
from workbench.formats.tabular.grid import MOST_CELLS, MOST_COLUMNS, Grid, from_rows
from workbench.formats.yaml_text import read_start

if TYPE_CHECKING:
    from workbench.formats.tabular.mapping import Mapping

MOST_UNPACKED = 512 * 1024 * 1024
MOST_PARTS = 2_000  # files inside
MOST_RATIO = 200  # unpacked to packed; sheets of figures pack 5 to 20 times
RATIO_FROM = 16 * 1024 * 1024
_MOST_EMPTY = 100_000  # rows without a cell in a row


def of_workbook(
    path: Path | str, where: str, mapping: Mapping | None, notes: Notes, *, most_rows: int | None = None
) -> Grid:
    """The table of a sheet: that of the mapping, else the first that has cells. Formulas count by their stored value.

    Raises InputError: no workbook, one that unpacks to more than is read, a sheet that is not there, no table.
    """
    read_start(path, 1)  # no such file, not a file
    _refuse_bomb(path, where)
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():  # openpyxl remarks on styles it does not know
            warnings.simplefilter("ignore")
            return _sheet(path, where, mapping, notes, most_rows)
    except InputError:
        raise
    except Exception as fault:  # openpyxl raises whatever a damaged part makes it stumble over
        raise InputError("tabular.workbook", where=where, got=f"{type(fault).__name__}: {fault}"[:200]) from None


def _refuse_bomb(path: Path | str, where: str) -> None:
    try:
        with zipfile.ZipFile(path) as file:
            parts = file.infolist()
    except Exception as fault:  # a hostile directory of a zip file breaks in many ways
        raise InputError("tabular.workbook", where=where, got=str(fault)[:200]) from None
    unpacked, packed = sum(part.file_size for part in parts), sum(part.compress_size for part in parts)
    if len(parts) > MOST_PARTS or unpacked > MOST_UNPACKED or unpacked > max(RATIO_FROM, MOST_RATIO * packed):
        raise InputError("tabular.bomb", where=where, got=f"{len(parts):,} / {unpacked:,} / {packed:,}",
                         allowed=f"{MOST_PARTS:,} / {MOST_UNPACKED:,} / {MOST_RATIO} : 1")  # fmt: skip


def _sheet(path: Path | str, where: str, mapping: Mapping | None, notes: Notes, most_rows: int | None) -> Grid:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        wanted = mapping.sheet if mapping else ""
        if wanted and wanted not in sheets:
            raise InputError("tabular.no_sheet", where=where, got=wanted, allowed=", ".join(sheets)[:300])
        for name in [wanted] if wanted else list(sheets):
            rows, lines = _rows(sheets[name], where, most_rows)
            if rows:
                others = [other for other in sheets if other != name]
                if others:
                    notes.leave("tabular.left.sheets", list=", ".join(others)[:300], sheet=name[:100])
                grid = from_rows(rows, lines, where, "excel", ".", mapping, most_rows=most_rows)
                grid.details["sheet"] = name
                return grid
    finally:
        book.close()
    raise InputError("tabular.empty", where=where)


def _rows(sheet: Any, where: str, most_rows: int | None) -> tuple[list[list[str]], list[int]]:
    sheet.reset_dimensions()  # what a sheet says of its own size may be a lie
    rows, lines, cells, empty = [], [], 0, 0
    for line, values in enumerate(sheet.iter_rows(values_only=True), 1):
        cells += len(values)
        empty = 0 if values else empty + 1
        if cells > MOST_CELLS or len(values) > MOST_COLUMNS or empty > _MOST_EMPTY:
            raise InputError("tabular.too_large", where=f"{where}:{line}", got=f"{len(values):,} / {cells:,}",
                             allowed=f"{MOST_COLUMNS:,} / {MOST_CELLS:,}")  # fmt: skip
        row = [_word(value) for value in values]
        while row and not row[-1]:
            row.pop()
        if row:
            rows.append(row)
            lines.append(line)
            if most_rows is not None and len(rows) > most_rows + 60:
                break
    return rows, lines


def _word(value: Any) -> str:
    """A cell as a word that reads back to its value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return ""
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    text = "".join(c if c.isprintable() else " " for c in str(value)).strip()
    return "" if text.startswith("#") and text.endswith(("!", "?", "/A")) else text  # #DIV/0!, #NAME?, #N/A
