"""The bumps of a region as fields of a design: from its bump map, else from the bump cells that a DEF places.

A map that several regions of one frame share becomes fields once, and what is taken again is bounded: a short file may
name a long map many times.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workbench.errors import InputError
from workbench.formats import fields
from workbench.formats.lefdef import def_text
from workbench.formats.lefdef.def_text import DefDesign
from workbench.formats.report import Notes
from workbench.formats.threedblox.bmap import MOST_BUMPS, BumpMap
from workbench.formats.threedblox.files import Blox
from workbench.formats.threedblox.model import BloxRegion, Chiplet
from workbench.formats.threedblox.references import Referenced
from workbench.stack import Grid, Points

MOST_CELLS = 10_000  # kinds of bumps in one region: as many fields as a region of a design may have
MOST_AGAIN = MOST_BUMPS  # bumps taken again, because regions share a map or overlap
_FARTHEST_UM = 1e6
_CORNER_UM = 1e-3

Labels = tuple[np.ndarray, tuple[str, ...]]  # codes (n,) into words


@dataclass(frozen=True)
class _Cells:
    """The bump cells that a DEF places, with what is on them."""

    xy_um: np.ndarray
    columns: tuple[Labels, ...]  # names, cells, ports, nets
    unplaced: int


@dataclass
class Bumps:
    """Fields of bumps, region by region."""

    blox: Blox
    referenced: Referenced
    notes: Notes
    _made: dict[tuple, tuple[Grid | Points, ...]] = field(default_factory=dict)
    _cells: dict[int, _Cells] = field(default_factory=dict)
    _taken: dict[str, np.ndarray] = field(default_factory=dict)  # by chiplet: the cells of its DEF that a region has
    _used: dict[int | str, int] = field(default_factory=dict)
    _again: int = 0

    def of(self, chiplet: Chiplet, region: BloxRegion, centre_um: np.ndarray, box) -> tuple[Grid | Points, ...]:
        """The fields of a region, a grid or points for each bump cell, from the chiplet's centre. `box` is x0, y0,
        x1, y1 of the region in the file's coordinates.

        Raises InputError: bumps beyond 1 m, of more than 10,000 cells, or more than 2 million of them again.
        """
        found = self.blox.bump_map(region)
        if found is None:
            return self._of_def(chiplet, region, centre_um, box)
        if not found.count:
            return ()
        shift = np.subtract(chiplet.offset_um, centre_um)
        self._spend(id(found), found.count, found.count, region.place)
        key = (id(found), *shift.tolist())
        if key not in self._made:
            xy = np.stack([found.x_um, found.y_um], axis=1) + shift
            columns = (_names(found), *((c.codes, c.words) for c in (found.cells, found.ports, found.nets)))
            self._made[key] = self._fields(chiplet, region, xy, columns)
        return self._made[key]

    def _spend(self, source: int | str, count: int, held: int, place: str) -> None:
        """Counts what is taken of a source beyond what it holds."""
        used = self._used.get(source, 0)
        self._used[source] = used + count
        self._again += max(used + count - held, 0) - max(used - held, 0)
        if self._again > MOST_AGAIN:
            raise InputError("threedblox.bumps_again", where=place, allowed=f"<= {MOST_AGAIN:,}")

    def _fields(self, chiplet: Chiplet, region: BloxRegion, xy: np.ndarray, columns) -> tuple[Grid | Points, ...]:
        """One field for each bump cell, in the order of their first bumps."""
        if not np.abs(xy).max() <= _FARTHEST_UM:  # also where a sum of hostile lengths is not finite
            raise InputError("threedblox.no_design", where=region.place, got=region.name,
                             allowed=f"|x|, |y| <= {_FARTHEST_UM:,.0f} um")  # fmt: skip
        names, (cell_codes, cells), *joined = columns
        ports, nets = ((codes, ["" if word == "-" else word for word in words]) for codes, words in joined)
        groups = fields.grouped(cell_codes)
        if len(groups) > MOST_CELLS:
            raise InputError("threedblox.cells_many", where=region.place, got=f"{len(groups):,}",
                             allowed=f"<= {MOST_CELLS:,}")  # fmt: skip
        made = []
        for rows in groups:
            cell = cells[cell_codes[rows[0]]]
            macro = self.referenced.macros.get(cell)
            labels = {"names": names, "ports": ports, "nets": nets}
            if len(groups) > 1:
                labels = {kind: _chosen(*said, rows) for kind, said in labels.items()}
            labels["cells"] = (np.zeros(len(rows), int), (cell,))
            pattern = fields.field(cell[:80], xy[rows], macro.diameter_um if macro else None, labels)
            if macro is None or macro.unverified:
                pattern = pattern.model_copy(update={"unverified": ("diameter_um",)})
            if macro is None:
                self.notes.assume("threedblox.diameter", cell=cell, diameter=f"{pattern.diameter_um:g}",
                                  place=f"{chiplet.name}.regions.{region.name}")  # fmt: skip
            made.append(pattern)
        return tuple(made)

    # -- bump cells of a DEF -------------------------------------------------------------------------------------------
    def _of_def(self, chiplet: Chiplet, region: BloxRegion, centre_um: np.ndarray, box) -> tuple[Grid | Points, ...]:
        """Bump cells that a DEF places in a front region without a map. Their coordinates count from the same corner
        as those of a map: OpenROAD's box of a chip begins at 0, 0, wherever DIEAREA does (dbChip::getBBox), and
        `offset` moves the bumps of maps only (ThreeDBlox::createBump)."""
        cells = self._cells_of(chiplet)
        if cells is None or region.side not in ("front", "") or not len(cells.xy_um):
            return ()
        x, y = cells.xy_um.T
        rows = np.flatnonzero((box[0] <= x) & (x <= box[2]) & (box[1] <= y) & (y <= box[3]))
        if not len(rows):
            return ()
        self._spend(chiplet.name, len(rows), len(cells.xy_um), region.place)
        self._taken[chiplet.name][rows] = True
        self.notes.take("threedblox.def_bumps", chiplet=chiplet.name, region=region.name, count=f"{len(rows):,}")
        columns = [_chosen(*said, rows) for said in cells.columns]
        return self._fields(chiplet, region, cells.xy_um[rows] - centre_um, columns)

    def _cells_of(self, chiplet: Chiplet) -> _Cells | None:
        design = self.referenced.designs.get(chiplet.name)
        if design is None:
            return None
        cells = self._cells.get(id(design))
        if cells is None:
            self._cells[id(design)] = cells = self._read_cells(design)
        if chiplet.name not in self._taken:
            self._spend(id(design), len(cells.xy_um), len(cells.xy_um), chiplet.place)
            self._taken[chiplet.name] = np.zeros(len(cells.xy_um), bool)
        return cells

    def _read_cells(self, design: DefDesign) -> _Cells:
        ports = {pin.net: pin.name for pin in design.pins}
        nets = {component: net for (component, _), net in design.nets.items()}
        xy, rows, unplaced = [], [], 0
        for component in design.components:
            macro = self.referenced.macros.get(component.macro)
            if macro is None or not macro.is_bump:
                continue
            if component.x_um is None:
                unplaced += 1
                continue
            net = nets.get(component.name, "-")
            xy.append(def_text.cell_centre_um(component, macro.width_um, macro.length_um))
            rows.append((component.name, component.macro, ports.get(net, "-"), net))
        columns = tuple(map(fields.coded, zip(*rows, strict=True))) if rows else (fields.coded(()),) * 4
        return _Cells(np.reshape(np.array(xy, float), (-1, 2)), columns, unplaced)

    def say_what_is_left(self, chiplet: Chiplet) -> None:
        """Bump cells of the chiplet's DEF that no region has, by its place or by its map, and where its outline does
        not begin at the corner that coordinates count from."""
        cells = self._cells_of(chiplet)
        if cells is None:
            return
        maps = [found for region in chiplet.regions.values() if (found := self.blox.bump_map(region)) is not None]
        mapped = {name for found in maps for name in found.instances}
        taken = self._taken[chiplet.name]
        codes, words = cells.columns[0]
        left = sum(words[code] not in mapped for code in codes[~taken].tolist())
        if left or (cells.unplaced and not mapped):
            self.notes.leave("threedblox.def_bumps_left", chiplet=chiplet.name, count=f"{left:,}",
                             unplaced=f"{cells.unplaced:,}")  # fmt: skip
        x, y = (self.referenced.designs[chiplet.name].die_area_um or (0.0, 0.0))[:2]
        inner_x, inner_y = (chiplet.seal_ring_um[i] + chiplet.scribe_line_um[i] for i in (0, 1))
        if taken.any() and max(abs(x), abs(y)) > _CORNER_UM and max(abs(x - inner_x), abs(y - inner_y)) > _CORNER_UM:
            self.notes.leave("threedblox.def_corner", chiplet=chiplet.name, x=f"{x:g}", y=f"{y:g}")


def _names(found: BumpMap) -> Labels:
    return np.arange(found.count), found.instances


def _chosen(codes: np.ndarray, words, rows: np.ndarray) -> Labels:
    """Some of the labels, with the words that they use."""
    used, again = np.unique(codes[rows], return_inverse=True)
    return again.reshape(-1), tuple(words[code] for code in used.tolist())
