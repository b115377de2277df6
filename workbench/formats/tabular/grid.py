"""A file as a table of named columns, whatever it is written in, within bounds."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import InputError
from workbench.formats import lot_file
from workbench.formats.report import Notes
from workbench.formats.tabular.numbers import MISSING, number
from workbench.formats.yaml_text import shown

if TYPE_CHECKING:
    from workbench.formats.tabular.mapping import Mapping

MOST_BYTES = 256 * 1024 * 1024  # of a text, unpacked
MOST_CELLS = 20_000_000
MOST_COLUMNS = 16_384
DELIMITERS = (",", ";", "\t", "|")
_LOOK_LINES = 60
_MOST_NAME = 200


@dataclass
class Grid:
    """A table. A column is a list of words, or numbers (rows,) where the file itself has numbers. `lines` are the
    lines (of a text) or rows (of a sheet) that the rows stand in."""

    where: str
    kind: str
    names: list[str]
    columns: list[list[str] | np.ndarray]
    lines: Sequence[int]
    decimal: str = "."
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(self.lines)

    def __post_init__(self):
        self._index = {name: i for i, name in enumerate(self.names)}

    def column(self, name: str) -> list[str] | np.ndarray:
        return self.columns[self._index[name]]

    def at(self, row: int, name: str) -> str:
        return f"{self.where}:{self.lines[row]} [{name[:60]}]"


def read(path: Path | str, kind: str, mapping: Mapping | None, notes: Notes, *, most_rows: int | None = None) -> Grid:
    """The table in a file of `kind` csv, parquet or excel; only the first `most_rows` where that is given.

    Raises InputError: what `lot_file` refuses, a file that is none of its kind, more cells than `MOST_CELLS`, no
    table, and with its line a row that is longer or shorter than the names.
    """
    where = shown(path)
    if kind == "csv":
        text, encoding = lot_file.decoded(lot_file.whole(path, most_bytes=MOST_BYTES), where=where)
        if encoding not in ("utf-8", "utf-16"):
            notes.assume("lot_file.encoding", encoding=encoding)
        return of_text(text, where, mapping, most_rows=most_rows)
    if kind == "parquet":
        from workbench.formats.tabular.parquet import of_parquet

        return of_parquet(path, where, notes, most_rows=most_rows)
    from workbench.formats.tabular.workbook import of_workbook

    return of_workbook(path, where, mapping, notes, most_rows=most_rows)


def of_text(text: str, where: str, mapping: Mapping | None = None, *, most_rows: int | None = None) -> Grid:
    """The table in a delimited text. Delimiter, decimal mark and the line of names are those of the mapping, else
    found in the first lines."""
    start = text.split("\n", _LOOK_LINES)[:_LOOK_LINES]
    delimiter = (mapping.delimiter if mapping else "") or _delimiter(start)
    rows, lines, cells = [], [], 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(map(str.strip, row)):
                cells += len(row)
                if cells > MOST_CELLS or len(row) > MOST_COLUMNS:
                    got, allowed = f"{len(row):,} / {cells:,}", f"{MOST_COLUMNS:,} / {MOST_CELLS:,}"
                    raise InputError("tabular.too_large", where=f"{where}:{reader.line_num}", got=got, allowed=allowed)
                rows.append(row)
                lines.append(reader.line_num)
                if most_rows is not None and len(rows) > most_rows + _LOOK_LINES:
                    break
    except csv.Error as fault:
        raise InputError("tabular.csv", where=f"{where}:{reader.line_num}", got=str(fault)[:200]) from None
    decimal = (mapping.decimal if mapping else "") or _decimal(rows[1:_LOOK_LINES], delimiter)
    grid = from_rows(rows, lines, where, "csv", decimal, mapping, most_rows=most_rows)
    grid.details |= {"delimiter": delimiter, "decimal": decimal}
    return grid


def from_rows(rows: list[list[str]], lines: list[int], where: str, kind: str, decimal: str,
              mapping: Mapping | None, *, most_rows: int | None = None) -> Grid:  # fmt: skip
    """A table from its rows of words: the names found or as the mapping says, every row as long as they are."""
    if not rows:
        raise InputError("tabular.empty", where=where)
    header = mapping.header_line if mapping else None
    if header is None:
        first = _header(rows[:_LOOK_LINES], decimal)
    elif header == 0:
        first = -1
    else:
        first = next((i for i, line in enumerate(lines) if line == header), None)
        if first is None:
            raise InputError("tabular.no_header", where=where, got=header)
    width = len(rows[first]) if first >= 0 else Counter(map(len, rows)).most_common(1)[0][0]
    said = [word.strip()[:_MOST_NAME] for word in rows[first]] if first >= 0 else [""] * width
    body, at = rows[first + 1 :], lines[first + 1 :]
    if most_rows is not None:
        body, at = body[:most_rows], at[:most_rows]
    for row, line in zip(body, at, strict=True):
        if len(row) != width:
            if any(map(str.strip, row[width:])) or (len(row) < width and kind == "csv"):
                raise InputError("tabular.row", where=f"{where}:{line}", got=len(row), allowed=width)
            row[width:] = []
            row += [""] * (width - len(row))
    columns = [list(column) for column in zip(*body, strict=True)] if body else [[] for _ in said]
    kept = [i for i, name in enumerate(said) if name or any(map(str.strip, columns[i]))]
    names = distinct([said[i] for i in kept])
    details = {"header_line": lines[first] if first >= 0 else 0}
    return Grid(where, kind, names, [columns[i] for i in kept], at, decimal, details)


def distinct(names: Iterable[str]) -> list[str]:
    """Names without two alike; a column without a name is called by its number."""
    made: dict[str, None] = {}
    met: Counter[str] = Counter()
    for i, name in enumerate(names, 1):
        name = name or f"column {i}"
        wanted = name
        while wanted in made:
            met[name] += 1
            wanted = f"{name} ({met[name] + 1})"
        made[wanted] = None
    return list(made)


def _delimiter(lines: Sequence[str]) -> str:
    """The mark that most lines have equally often; a comma where none does."""
    best, mark = (0, 0), ","
    for each in DELIMITERS:
        counts = Counter(line.count(each) for line in lines if line.strip())
        counts.pop(0, None)
        if counts:
            often, lines_alike = counts.most_common(1)[0]
            # decimal commas are as regular as delimiters: another mark that is there wins over a comma
            if (lines_alike, often) > best or (each != "," and mark == "," and lines_alike * 2 >= best[0]):
                best, mark = (lines_alike, often), each
    return mark


def _decimal(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    """A comma where the columns are parted by another mark and there are more numbers with commas than with points."""
    if delimiter == ",":
        return "."
    words = [word.strip() for row in rows for word in row]
    commas = sum(bool(re.fullmatch(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?", word)) for word in words)
    points = sum(bool(re.fullmatch(r"[+-]?[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?", word)) for word in words)
    return "," if commas > points else "."


def _header(rows: Sequence[Sequence[str]], decimal: str) -> int:
    """The first row that is as long as most and has no numbers; -1 where the first such row has numbers only."""
    width = Counter(map(len, rows)).most_common(1)[0][0]
    for i, row in enumerate(rows):
        if len(row) < width:
            continue
        said = [word for word in row if word.strip().lower() not in MISSING]
        figures = sum(number(word, decimal) is not None for word in said)
        if said and figures == 0:
            return i
        if figures == len(said) and said:
            return i - 1 if i and len(rows[i - 1]) >= width else -1
    return 0
