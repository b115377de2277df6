"""GDSII and OASIS: the module in plan, for mask viewers and layout tools. Database unit 1 nm, user unit 1 um.

The top cell holds one cell per layer of the stack; a layer with dies references one cell per die type, at any angle,
mirrored or not. Regular fields of bumps and vias are arrays of one round cell, so that a million stay small. All is
seen from above; heights, materials and the netlist have no place in these formats (`docs/how-to/export.md` lists the
layer numbers).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import gdstk
import numpy as np

from workbench.formats.exports.writing import fresh
from workbench.formats.report import Notes, Report
from workbench.stack import Design, Die, Grid, Layer, Placement, Points, PowerBlock, Region, bump_count
from workbench.stack.geometry import outline

SIDES = ("front", "back", "internal", "internal_ext")
LAYERS = {  # what -> layer and datatype; a datatype of None counts or names the side, as the comment says
    "body": (1, 0),
    "stack_layer": (2, None),  # datatype: the layer's place in the stack, 0 at the bottom
    "die_outline": (10, None),  # placed dies; datatype: the tier, 1 at the bottom
    "die_cell": (11, 0),  # the outline of a die type, in its own cell
    "power_block": (12, 0),
    "region": (20, None),  # datatype: the side, 0 front, 1 back, 2 internal, 3 internal_ext
    "bump": (30, None),  # datatype: the side
    "tsv": (40, 0),
    "tsv_keep_out": (40, 1),
    "via": (41, 0),
    "part_name": (50, 0),
    "region_name": (50, 1),
    "block_name": (50, 2),
    "net_name": (51, None),  # datatype: the side
}
NM = 1e-3  # one database unit, in um
MOST_COLUMNS = 32_000  # of one array: GDSII counts them in 16 bits
NET_LABELS = 20_000
_CIRCLE = np.stack([np.cos(_TURN := np.arange(64) * np.pi / 32), np.sin(_TURN)], axis=1)  # corners on the circle
_EPOCH = datetime(2000, 1, 1)  # the same design gives the same bytes, whenever it is written


def write_gds(design: Design, path: Path | str, *, overwrite: bool = False, net_labels: int = NET_LABELS) -> Report:
    """Write the module as GDSII. Centres lie within 0.5 nm per axis in their own cell; a turned die adds the rounding
    of its own centre. Bump nets are written as texts while there are at most `net_labels` of them.

    Raises InputError when the file exists (without `overwrite`) or cannot be written.
    """
    library, report = build(design, net_labels=net_labels)
    with fresh(path, overwrite=overwrite) as draft:
        library.write_gds(draft, timestamp=_EPOCH)
    return report


def write_oasis(design: Design, path: Path | str, *, overwrite: bool = False, net_labels: int = NET_LABELS) -> Report:
    """Write the module as OASIS: the same cells as `write_gds`, compressed, with a checksum."""
    library, report = build(design, net_labels=net_labels)
    with fresh(path, overwrite=overwrite) as draft:
        library.write_oas(draft, compression_level=6, validation="crc32")
    return report


def build(design: Design, *, net_labels: int = NET_LABELS) -> tuple[gdstk.Library, Report]:
    """The cells of a design and what they leave out."""
    notes = Notes()
    drawing = _Drawing(design, net_labels, notes)
    notes.take("exchange.gds.taken", cells=len(drawing.gds.cells), dies=len(design.placements),
               bumps=f"{bump_count(design):,}")  # fmt: skip
    notes.leave("exchange.gds.flat")
    return drawing.gds, notes.report()


class _Drawing:
    def __init__(self, design: Design, net_labels: int, notes: Notes):
        self.design, self.notes = design, notes
        self.gds = gdstk.Library("MODULE", unit=1e-6, precision=1e-9)
        self.names: set[str] = set()
        self.rounds: dict[tuple, gdstk.Cell] = {}
        types = {placement.die for placement in design.placements}
        regions = [r for die in design.dies if die.id in types for r in die.regions]
        regions += [r for layer in design.layers for r in layer.regions]
        labelled = sum(field.count for region in regions for field in region.bumps if field.nets)
        self.nets = labelled <= net_labels
        if not self.nets:
            notes.leave("exchange.gds.nets", count=f"{labelled:,}", most=f"{net_labels:,}")
        top = self.cell(f"TOP_{design.title}")
        top.add(_rectangle(0, 0, design.width_mm * 1000, design.length_mm * 1000, LAYERS["body"]))
        self.dies = {die.id: self.die(die) for die in design.dies if die.id in types}
        tier = 0
        for index, layer in enumerate(design.layers):
            tier += bool(layer.dies)
            top.add(gdstk.Reference(self.layer(layer, index, tier)))

    def cell(self, wish: str) -> gdstk.Cell:
        """A new cell; GDSII allows few characters in its name."""
        stem = re.sub(r"[^A-Za-z0-9_$]", "_", wish)[:60]
        name, count = stem, 1
        while name in self.names:
            count += 1
            name = f"{stem}_{count}"
        self.names.add(name)
        return self.gds.new_cell(name)

    def text(self, cell: gdstk.Cell, words: str, x_um: float, y_um: float, at: tuple[int, int]) -> None:
        printable = "".join(c if " " <= c <= "~" else "_" for c in words)
        if printable != words:
            self.notes.assume("exchange.gds.ascii")
        cell.add(gdstk.Label(printable, (x_um, y_um), anchor="o", layer=at[0], texttype=at[1]))

    def die(self, die: Die) -> gdstk.Cell:
        cell = self.cell(f"DIE_{die.id}")
        cell.add(_rectangle(0, 0, die.width_mm * 1000, die.length_mm * 1000, LAYERS["die_cell"]))
        self.text(cell, die.id, 0, 0, LAYERS["part_name"])
        for block in die.power_blocks:
            x, y = _centre_um(block)
            cell.add(_rectangle(x, y, block.width_mm * 1000, block.length_mm * 1000, LAYERS["power_block"]))
            self.text(cell, block.name, x, y, LAYERS["block_name"])
        self.regions(cell, die.regions)
        if die.tsv is not None:
            rings = ((LAYERS["tsv"], 0.0),)
            rings += ((LAYERS["tsv_keep_out"], die.tsv.keep_out_um),) if die.tsv.keep_out_um else ()
            for field in die.tsv.fields:
                self.field(cell, field, "TSV", rings)
            if not die.tsv.fields:
                self.notes.leave("exchange.tsv_places", die=die.id, count=f"{die.tsv.count:,}")
        return cell

    def layer(self, layer: Layer, index: int, tier: int) -> gdstk.Cell:
        cell = self.cell(f"LAYER_{index}_{layer.name}")
        width, length = self.design.extent_mm(layer)
        cell.add(_rectangle(0, 0, width * 1000, length * 1000, (LAYERS["stack_layer"][0], index)))
        for field in layer.vias:
            self.field(cell, field, "VIA", ((LAYERS["via"], 0.0),))
        self.regions(cell, layer.regions)
        for placement in layer.placements:
            corners = outline(self.design, placement) * 1000
            cell.add(gdstk.Polygon(corners, layer=LAYERS["die_outline"][0], datatype=tier))
            cell.add(_reference(self.dies[placement.die], placement))
            self.text(cell, placement.name, placement.x_mm * 1000, placement.y_mm * 1000, LAYERS["part_name"])
        return cell

    def regions(self, cell: gdstk.Cell, regions: tuple[Region, ...]) -> None:
        for region in regions:
            side = SIDES.index(region.side)
            at = (LAYERS["region"][0], side)
            cell.add(_rectangle(region.x_um, region.y_um, region.width_um, region.length_um, at))
            self.text(cell, region.name, region.x_um, region.y_um, LAYERS["region_name"])
            for field in region.bumps:
                self.field(cell, field, f"BUMP_{region.side.upper()}", (((LAYERS["bump"][0], side), 0.0),))
                if self.nets and field.nets:
                    codes, words = field.coded(field.nets)
                    for code, (x, y) in zip(codes.tolist(), field.xy_um().tolist(), strict=True):
                        if words[code]:
                            self.text(cell, words[code], x, y, (LAYERS["net_name"][0], side))

    def field(self, cell: gdstk.Cell, field: Grid | Points, what: str, rings: tuple) -> None:
        unit = self.round(what, field.diameter_um, rings)
        if isinstance(field, Points) or field.angle_deg % 90:  # a turned lattice is no array of either format
            xy = np.round(field.xy_um() / NM) * NM
            reference = gdstk.Reference(unit, tuple(xy[0]))
            if len(xy) > 1:
                reference.repetition = gdstk.Repetition(offsets=xy[1:] - xy[0])
            cell.add(reference)
            return
        if not (field.mirrored or field.angle_deg % 360):
            for x, y, pitch, columns, rows in _arrays(field):
                cell.add(self.array(unit, x, y, pitch, columns, rows))
            return
        own = self.cell(f"FIELD_{unit.name}")
        for x, y, pitch, columns, rows in _arrays(field.model_copy(update={"x_um": 0.0, "y_um": 0.0})):
            own.add(self.array(unit, x, y, pitch, columns, rows))
        centre = (round(field.x_um / NM) * NM, round(field.y_um / NM) * NM)
        angle = math.radians((field.angle_deg + 180 * field.mirrored) % 360)
        cell.add(gdstk.Reference(own, centre, angle, x_reflection=field.mirrored))

    def round(self, what: str, diameter_um: float, rings: tuple) -> gdstk.Cell:
        key = (what, diameter_um, rings)
        if key not in self.rounds:
            cell = self.cell(f"{what}_{diameter_um:g}".replace(".", "p"))
            for (layer, datatype), wider_um in rings:
                cell.add(gdstk.Polygon(_CIRCLE * (diameter_um / 2 + wider_um), layer=layer, datatype=datatype))
            self.rounds[key] = cell
        return self.rounds[key]

    def array(self, unit: gdstk.Cell, x: float, y: float, pitch, columns: int, rows: int) -> gdstk.Reference:
        """An array reference; where the pitch is no whole number of nm, a cell of one row, so that no rounding adds
        up over the columns or rows."""
        origin = (round(x / NM) * NM, round(y / NM) * NM)
        if columns * rows == 1:
            return gdstk.Reference(unit, origin)
        if all(abs(p / NM - round(p / NM)) < 1e-6 for p in pitch):
            spacing = tuple(round(p / NM) * NM for p in pitch)
            return gdstk.Reference(unit, origin, columns=columns, rows=rows, spacing=spacing)
        xs = (np.round((x + pitch[0] * np.arange(1, columns)) / NM) - round(x / NM)) * NM
        ys = (np.round((y + pitch[1] * np.arange(1, rows)) / NM) - round(y / NM)) * NM
        row = self.cell(f"ROW_{unit.name}")
        inner = gdstk.Reference(unit)
        if columns > 1:
            inner.repetition = gdstk.Repetition(x_offsets=xs)
        row.add(inner)
        outer = gdstk.Reference(row, origin)
        if rows > 1:
            outer.repetition = gdstk.Repetition(y_offsets=ys)
        return outer


def _arrays(grid: Grid) -> Iterator[tuple[float, float, tuple[float, float], int, int]]:
    """The grid without its omitted sites, as full rectangles: first centre, pitch, columns and rows of each."""
    step = 2 if grid.staggered and grid.rows > 1 else 1
    pitch = (grid.pitch_x_um, grid.pitch_y_um * step)
    left = grid.x_um - (grid.columns - 1) / 2 * grid.pitch_x_um
    low = grid.y_um - (grid.rows - 1) / 2 * grid.pitch_y_um
    gone: dict[int, list[int]] = {}
    for column, row in grid.omit:
        gone.setdefault(row, []).append(column)
    for parity in range(step):
        shift = (0.25 if parity else -0.25) * grid.pitch_x_um * (step - 1)
        for first, row, columns, rows in _rectangles(grid, gone, parity, step):
            yield left + shift + first * pitch[0], low + row * grid.pitch_y_um, pitch, columns, rows


def _rectangles(grid: Grid, gone: dict[int, list[int]], start: int, step: int) -> Iterator[tuple[int, int, int, int]]:
    """First column, first row, columns, rows: runs of kept sites, joined over rows while they stay the same."""
    running: dict[tuple[int, int], tuple[int, int]] = {}  # run -> its first row and how many rows so far
    whole = [(a, min(a + MOST_COLUMNS, grid.columns)) for a in range(0, grid.columns, MOST_COLUMNS)]
    for row in range(start, grid.rows, step):
        runs = whole
        if row in gone:
            walls = [-1, *sorted(gone[row]), grid.columns]
            runs = [(a, min(a + MOST_COLUMNS, right)) for left, right in pairwise(walls)
                    for a in range(left + 1, right, MOST_COLUMNS)]  # fmt: skip
        kept = set(runs)
        for run in [run for run in running if run not in kept or running[run][1] >= MOST_COLUMNS]:
            first, count = running.pop(run)
            yield run[0], first, run[1] - run[0], count
        for run in runs:
            first, count = running.get(run, (row, 0))
            running[run] = (first, count + 1)
    for run, (first, count) in running.items():
        yield run[0], first, run[1] - run[0], count


def _rectangle(x_um: float, y_um: float, width_um: float, length_um: float, at: tuple[int, int]) -> gdstk.Polygon:
    low, high = (x_um - width_um / 2, y_um - length_um / 2), (x_um + width_um / 2, y_um + length_um / 2)
    return gdstk.rectangle(low, high, layer=at[0], datatype=at[1])


def _centre_um(block: PowerBlock) -> tuple[float, float]:
    return (block.x_mm + block.width_mm / 2) * 1000, (block.y_mm + block.length_mm / 2) * 1000


def _reference(cell: gdstk.Cell, placement: Placement) -> gdstk.Reference:
    """GDSII mirrors y to -y before it turns; our x to -x is that and a half turn."""
    angle = (placement.angle_deg + 180 * placement.mirrored) % 360
    return gdstk.Reference(cell, (placement.x_mm * 1000, placement.y_mm * 1000), math.radians(angle),
                           x_reflection=placement.mirrored)  # fmt: skip
