"""Bump tables as CSV: every bump of a module with its place, and a customer's list read into regions.

Columns: part, region, side, name, cell, port, net, x_um, y_um, z_um, diameter_um. Written tables are in module
coordinates (from the centre of the body, seen from above; z above the bottom of the stack); UTF-8, one header line.
A text that a spreadsheet would take for a formula is written with an apostrophe in front; reading takes it off again.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv
from pydantic import ValidationError

from workbench.errors import InputError
from workbench.formats import fields, yaml_text
from workbench.formats.exports.writing import fresh
from workbench.formats.report import Notes, Report
from workbench.stack import Design, Region, bump_count, ends, geometry, placed_fields
from workbench.stack.patterns import MOST_POINTS

COLUMNS = ("part", "region", "side", "name", "cell", "port", "net", "x_um", "y_um", "z_um", "diameter_um")
TEXTS, NUMBERS = COLUMNS[:7], COLUMNS[7:]
NEEDED = ("x_um", "y_um")
LABELS = ("names", "cells", "ports", "nets")  # of a pattern, in the order of the columns
MOST_BYTES = 512 * 1024 * 1024
SIDES = ("front", "back", "internal", "internal_ext")
_BATCH = 131_072
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_DIGITS = 6  # of a micrometre: 1 pm
TOLERANCE_UM = 1e-3  # 1 nm: lists round
MOST_DIAMETERS = 10_000  # of one region: as many fields as a region of a design may have


def write_bump_table(design: Design, path: Path | str, *, overwrite: bool = False) -> Report:
    """Write every bump of the module, bottom to top, in batches: a million rows need no memory of a million rows.

    Raises InputError when the file exists (without `overwrite`) or cannot be written.
    """
    schema = pa.schema([(name, pa.string()) for name in TEXTS] + [(name, pa.float64()) for name in NUMBERS])
    options = pa_csv.WriteOptions(quoting_style="needed")
    with fresh(path, overwrite=overwrite) as draft, pa_csv.CSVWriter(draft, schema, write_options=options) as writer:
        for end, region in ends(design):
            for placed in placed_fields(design, end):
                field, n = placed.field, placed.count
                said = {"part": end.part, "region": end.region, "side": region.side}
                labels = (field.coded_names(), field.coded(field.cells), field.coded(field.ports),
                          field.coded(field.nets))  # fmt: skip
                xy = np.round(placed.xy_um, _DIGITS) + 0.0  # no negative zero
                z, diameter = round(placed.z_um, _DIGITS) + 0.0, field.diameter_um
                safe = [(codes, pa.array([_safe(word) for word in words])) for codes, words in labels]
                for start in range(0, n, _BATCH):
                    rows = slice(start, min(start + _BATCH, n))
                    size = rows.stop - rows.start
                    columns = [pa.array([_safe(word)] * size) for word in said.values()]
                    columns += [words.take(pa.array(codes[rows])) for codes, words in safe]
                    columns += [pa.array(xy[rows, 0]), pa.array(xy[rows, 1])]
                    columns += [pa.array(np.full(size, z)), pa.array(np.full(size, diameter))]
                    writer.write_batch(pa.record_batch(columns, schema=schema))
    notes = Notes()
    notes.take("exchange.bumps.taken", count=f"{bump_count(design):,}")
    notes.leave("exchange.bumps.only")
    return notes.report()


def _safe(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _plain(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


@dataclass(frozen=True)
class BumpTable:
    """A table as read: the regions of each part ("" where the table names none) in the order of the file, with their
    bumps as grids where they form one and as points elsewhere."""

    regions: Mapping[str, tuple[Region, ...]]
    count: int
    report: Report


def read_bump_table(
    text: str, *, where: str, design: Design | None = None, diameter_um: float | None = None
) -> BumpTable:
    """The regions of a bump table of unknown origin.

    x_um and y_um are needed; diameter_um as a column or as the argument; the other columns of `COLUMNS` may be
    absent, further ones are left out and said so. Without `design` the centres are taken from the centre of the part
    in its own layout, as die teams list them. With it they are module coordinates, as `write_bump_table` gives them:
    each named part's pose is taken back, and the rows of a part that is not in the design are refused.

    Raises InputError with ``file:line`` for a missing column, one given twice, a short or long row, a number that is
    none, not positive (diameter) or beyond 1 m, a side that is none, a table without rows, with more than two million
    rows, or two sides in one region.
    """
    if len(text) > MOST_BYTES:
        raise InputError("bumps.too_large", where=where, got=f"{len(text):,}", allowed=f"<= {MOST_BYTES:,}")
    yaml_text.refuse_control_characters(text.removeprefix("\ufeff"), where=where)
    notes = Notes()
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        collected = _Rows(_columns(header, where, notes, diameter_um), len(header), diameter_um)
        for row in rows:
            if row:
                collected.take(row, f"{where}:{rows.line_num}")
    except csv.Error as fault:
        raise InputError("bumps.csv", where=f"{where}:{rows.line_num}", got=fault) from None
    if not collected.count:
        raise InputError("bumps.empty", where=where)
    regions: dict[str, list[Region]] = {}
    for (part, name), group in collected.groups.items():
        regions.setdefault(part, []).append(group.region(part, name or "bumps", design))
    notes.take("exchange.bumps.read", count=f"{collected.count:,}", regions=len(collected.groups))
    notes.assume("exchange.bumps.module" if design else "exchange.bumps.own")
    return BumpTable({part: tuple(found) for part, found in regions.items()}, collected.count, notes.report())


def _columns(header: list[str], where: str, notes: Notes, diameter_um: float | None) -> dict[str, int]:
    """Where each known column stands."""
    needed = NEEDED if diameter_um is not None else (*NEEDED, "diameter_um")
    for name in needed:
        if name not in header:
            raise InputError("bumps.column_missing", where=f"{where}:1", got=", ".join(header)[:200], allowed=name)
    for name in header:
        if name in COLUMNS and header.count(name) > 1:
            raise InputError("bumps.column_twice", where=f"{where}:1", got=name)
        if name not in COLUMNS:
            notes.leave("exchange.bumps.column", column=name[:80])
    return {name: header.index(name) for name in COLUMNS if name in header}


class _Rows:
    """Rows as they come, by part and region."""

    def __init__(self, place: dict[str, int], width: int, diameter_um: float | None):
        self.width, self.diameter_um, self.count = width, diameter_um, 0
        self.groups: dict[tuple[str, str], _Group] = {}
        self.at = {name: place.get(name, -1) for name in COLUMNS}
        self.labels = tuple(self.at[name] for name in ("name", "cell", "port", "net"))

    def take(self, row: list[str], line: str) -> None:
        if len(row) != self.width:
            raise InputError("bumps.row", where=line, got=len(row), allowed=self.width)
        part, region, side = (_plain(row[i].strip()) if i >= 0 else ""
                              for i in (self.at["part"], self.at["region"], self.at["side"]))  # fmt: skip
        group = self.groups.get((part, region))
        if group is None:
            self.groups[part, region] = group = _Group(side.lower() or "front", line)
        elif side and side.lower() != group.side:
            raise InputError("bumps.two_sides", where=line, got=side[:40], allowed=group.side)
        self.count += 1
        if self.count > MOST_POINTS:
            raise InputError("bumps.too_many", where=line, allowed=f"<= {MOST_POINTS:,}")
        group.x.append(_number(row[self.at["x_um"]], "x_um", line))
        group.y.append(_number(row[self.at["y_um"]], "y_um", line))
        wide = self.at["diameter_um"]
        diameter = _number(row[wide], "diameter_um", line) if wide >= 0 else float(self.diameter_um)
        if not 0 < diameter <= 5_000:
            raise InputError("bumps.number", where=line, got=f"diameter_um = {diameter:g}", allowed="0 … 5,000 um")
        group.diameter.append(diameter)
        group.words.append(tuple([_plain(row[i].strip()) if i >= 0 else "" for i in self.labels]))


def _number(word: str, name: str, line: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not -1_000_000 <= value <= 1_000_000 or "_" in word:  # so is what is no number
        raise InputError("bumps.number", where=line, got=f"{name} = {word.strip()[:40]}",
                         allowed="-1,000,000 … 1,000,000 um")  # fmt: skip
    return value


class _Group:
    """The rows of one region while they are collected."""

    def __init__(self, side: str, line: str):
        if side not in SIDES:
            raise InputError("bumps.side", where=line, got=side[:40], allowed=", ".join(SIDES))
        self.side, self.line = side, line
        self.x: list[float] = []
        self.y: list[float] = []
        self.diameter: list[float] = []
        self.words: list[tuple[str, ...]] = []

    def region(self, part: str, name: str, design: Design | None) -> Region:
        xy = np.array([self.x, self.y]).T
        if design is not None:
            xy = _into_part(xy, design, part, self.line)
        diameters = np.array(self.diameter)
        words = np.array(self.words, object)
        braced = {word for row in self.words for word in row if "{" in word}
        # The model would fill them in.
        if marked := [word for word in braced if any(mark in word for mark in fields.MARKS)]:
            raise InputError("bumps.not_allowed", where=self.line, got=min(marked)[:80])
        low, high = (xy - diameters[:, None] / 2).min(0), (xy + diameters[:, None] / 2).max(0)
        different, codes = np.unique(diameters, return_inverse=True)
        if len(different) > MOST_DIAMETERS:
            raise InputError("bumps.diameters", where=self.line, got=f"{len(different):,}",
                             allowed=f"<= {MOST_DIAMETERS:,}")  # fmt: skip
        xy = np.round(xy, _DIGITS) + 0.0
        try:
            bumps = []
            for index, rows in enumerate(fields.grouped(codes)):
                label = name[:76] if index == 0 else f"{name[:70]} {index + 1}"
                labels = {key: fields.coded(column) for key, column in zip(LABELS, words[rows].T, strict=True)}
                bumps.append(fields.field(label, xy[rows], self.diameter[rows[0]], labels, tolerance_um=TOLERANCE_UM))
            return Region(name=name, side=self.side, x_um=float((low[0] + high[0]) / 2), bumps=tuple(bumps),
                          y_um=float((low[1] + high[1]) / 2), width_um=float(high[0] - low[0]),
                          length_um=float(high[1] - low[1]))  # fmt: skip
        except ValidationError as fault:
            first = fault.errors(include_url=False)[0]
            field = first["loc"][0] if first["loc"] else ""
            raise InputError("bumps.not_allowed", where=self.line, got=f"{field}: {first['msg']}"[:120]) from None


def _into_part(xy: np.ndarray, design: Design, part: str, line: str) -> np.ndarray:
    """Module coordinates in a part's own layout."""
    try:
        _, placement = design.part(part)
    except InputError as fault:
        raise InputError(fault.rule, where=line, got=fault.got, allowed=fault.allowed) from None
    return geometry.from_module(xy, placement, scale=1000.0)
