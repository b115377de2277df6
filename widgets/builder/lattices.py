"""Fields of round features as the scene draws and picks them: regular lattices, and points sorted into cells.

A lattice is a rectangle of sites in a frame of its own, however a die is turned or mirrored: a million bumps are one
rectangle and a dozen numbers. A bump is found from a ray by arithmetic, not by searching.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from workbench.stack import Field, Grid, geometry

LONGEST = 2048  # sites of a lattice along one side: what fits one texture everywhere
MOST_CELLS = 1 << 20  # of the cells that points are sorted into


@dataclass(frozen=True)
class Lattice:
    """Sites at (column, row) of a frame whose x axis is turned by angle_deg; x, y is the frame's centre.

    `first` and `step` lead from (column, row) to the grid's own column and row.
    """

    field: Field
    x_mm: float
    y_mm: float
    angle_deg: float
    columns: int
    rows: int
    pitch_x_mm: float
    pitch_y_mm: float
    z_bottom_um: float
    z_top_um: float
    first: tuple[int, int] = (0, 0)
    step: tuple[int, int] = (1, 1)

    @property
    def radius_mm(self) -> float:
        return self.field.pattern.diameter_um / 2000

    @cached_property
    def _omitted(self) -> np.ndarray:
        grid = self.field.pattern
        gone = np.array(grid.omit, int).reshape(-1, 2)
        return np.sort(gone[:, 1] * grid.columns + gone[:, 0])

    @property
    def is_full(self) -> bool:
        return self._omitted.size == 0

    def features(self, column: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Index of the feature at each site; -1 where the grid leaves the site out."""
        grid = self.field.pattern
        site = (self.first[1] + self.step[1] * row) * grid.columns + self.first[0] + self.step[0] * column
        before = np.searchsorted(self._omitted, site)
        gone = (before < self._omitted.size) & (self._omitted[np.minimum(before, self._omitted.size - 1)] == site
                                               if self._omitted.size else False)  # fmt: skip
        return np.where(gone, -1, site - before)

    def all_features(self) -> np.ndarray:
        """Index (rows, columns) of the feature at every site."""
        return self.features(np.arange(self.columns)[None, :], np.arange(self.rows)[:, None])

    def centres_mm(self, column: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Centres (n, 2) of sites, from the centre of the body."""
        u = (np.asarray(column) - (self.columns - 1) / 2) * self.pitch_x_mm
        v = (np.asarray(row) - (self.rows - 1) / 2) * self.pitch_y_mm
        cos, sin = geometry.cos_sin(self.angle_deg)
        return np.stack([self.x_mm + cos * u - sin * v, self.y_mm + sin * u + cos * v], axis=-1)

    def local_mm(self, xy_mm: np.ndarray) -> np.ndarray:
        """Points (n, 2) in the lattice's own frame."""
        cos, sin = geometry.cos_sin(self.angle_deg)
        x, y = (np.asarray(xy_mm, float) - (self.x_mm, self.y_mm)).T
        return np.stack([cos * x + sin * y, cos * y - sin * x], axis=1)

    def candidates(self, start_mm: np.ndarray, end_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features whose cylinder a horizontal segment may cross, and their centres (n, 2)."""
        ends = self.local_mm(np.array([start_mm, end_mm]))
        reach = self.radius_mm
        v_low, v_high = ends[:, 1].min() - reach, ends[:, 1].max() + reach
        first = max(int(np.floor(v_low / self.pitch_y_mm + self.rows / 2)), 0)
        last = min(int(np.floor(v_high / self.pitch_y_mm + self.rows / 2)), self.rows - 1)
        if first > last:
            return np.empty(0, int), np.empty((0, 2))
        rows = np.arange(first, last + 1)
        v = (rows - (self.rows - 1) / 2) * self.pitch_y_mm
        (u0, v0), (u1, v1) = ends
        if abs(v1 - v0) < 1e-12:
            low, high = np.full(rows.size, min(u0, u1)), np.full(rows.size, max(u0, u1))
        else:  # where the segment is while it is within reach of each row
            share = np.sort(np.stack([(v - reach - v0) / (v1 - v0), (v + reach - v0) / (v1 - v0)]), axis=0).clip(0, 1)
            across = np.sort(u0 + share * (u1 - u0), axis=0)
            low, high = across[0], across[1]
        from_column = np.floor((low - reach) / self.pitch_x_mm + self.columns / 2).astype(int).clip(0)
        to_column = np.floor((high + reach) / self.pitch_x_mm + self.columns / 2).astype(int)
        to_column = to_column.clip(None, self.columns - 1)
        lengths = (to_column - from_column + 1).clip(0)
        row = np.repeat(rows, lengths)
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        column = np.repeat(from_column, lengths) + within
        index = self.features(column, row)
        kept = index >= 0
        return index[kept], self.centres_mm(column[kept], row[kept])


def of_grid(field: Field) -> Iterator[Lattice]:
    """A grid as lattices: one, two where rows are staggered, more where a side is longer than `LONGEST`."""
    grid, placement = field.pattern, field.placement
    assert isinstance(grid, Grid)
    turn, mirrored = grid.angle_deg, grid.mirrored
    centre = np.array([[grid.x_um, grid.y_um]]) / 1000
    if placement is not None:
        if placement.mirrored:
            turn, mirrored = -turn, not mirrored
        turn += placement.angle_deg
        centre = geometry.to_module(centre, placement)
    # Mirroring x of the grid is turning the frame by 180 degrees and mirroring y: only the order of rows changes.
    x_axis = turn + 180 if mirrored else turn
    whole = Lattice(
        field, float(centre[0, 0]), float(centre[0, 1]), x_axis % 360, grid.columns, grid.rows, grid.pitch_x_um / 1000,
        grid.pitch_y_um / 1000, field.z_bottom_um, field.z_top_um,
        first=(0, grid.rows - 1 if mirrored else 0), step=(1, -1 if mirrored else 1),
    )  # fmt: skip
    for part in _rows_apart(whole) if grid.staggered and grid.rows > 1 else (whole,):
        yield from _split(part)


def _rows_apart(whole: Lattice) -> Iterator[Lattice]:
    """The even and the odd rows of a staggered grid, each a plain lattice."""
    rows = whole.rows
    for parity in (0, 1):
        own = np.arange(parity, rows, 2)
        frame_rows = (own - whole.first[1]) * whole.step[1]  # where the frame has them
        low, count = int(frame_rows.min()), own.size
        u = 0.25 * whole.pitch_x_mm * (1 if parity else -1)
        v = ((frame_rows.min() + frame_rows.max()) / 2 - (rows - 1) / 2) * whole.pitch_y_mm
        x, y = _moved(whole, u, v)
        yield replace(whole, x_mm=x, y_mm=y, rows=count, pitch_y_mm=2 * whole.pitch_y_mm,
                      first=(whole.first[0], whole.first[1] + whole.step[1] * low),
                      step=(whole.step[0], 2 * whole.step[1]))  # fmt: skip


def _split(whole: Lattice) -> Iterator[Lattice]:
    for column in range(0, whole.columns, LONGEST):
        for row in range(0, whole.rows, LONGEST):
            columns, rows = min(LONGEST, whole.columns - column), min(LONGEST, whole.rows - row)
            u = (column + (columns - whole.columns) / 2) * whole.pitch_x_mm
            v = (row + (rows - whole.rows) / 2) * whole.pitch_y_mm
            x, y = _moved(whole, u, v)
            first = (whole.first[0] + whole.step[0] * column, whole.first[1] + whole.step[1] * row)
            yield replace(whole, x_mm=x, y_mm=y, columns=columns, rows=rows, first=first)


def _moved(lattice: Lattice, u_mm: float, v_mm: float) -> tuple[float, float]:
    cos, sin = geometry.cos_sin(lattice.angle_deg)
    return float(lattice.x_mm + cos * u_mm - sin * v_mm), float(lattice.y_mm + sin * u_mm + cos * v_mm)


@dataclass(frozen=True)
class Cells:
    """Points sorted into square cells of at most one point each; x, y is the lower left corner."""

    field: Field
    x_mm: float
    y_mm: float
    columns: int
    rows: int
    cell_mm: float
    index: np.ndarray  # (rows, columns): the point of each cell, or -1
    xy_mm: np.ndarray  # (n, 2): every point
    z_bottom_um: float
    z_top_um: float

    @property
    def radius_mm(self) -> float:
        return self.field.pattern.diameter_um / 2000

    @property
    def hidden(self) -> int:
        """Points that share a cell with another and are not drawn (they can still be picked)."""
        return len(self.xy_mm) - int((self.index >= 0).sum())

    def offsets(self) -> np.ndarray:
        """Place of each cell's point within it, (rows, columns, 2) as bytes over the cell's width."""
        out = np.zeros((*self.index.shape, 2), np.uint8)
        row, column = np.nonzero(self.index >= 0)
        within = (self.xy_mm[self.index[row, column]] - (self.x_mm, self.y_mm)) / self.cell_mm
        out[row, column] = np.round((within - np.stack([column, row], axis=1)).clip(0, 1) * 255)
        return out

    def candidates(self, start_mm: np.ndarray, end_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low = np.minimum(start_mm, end_mm) - self.radius_mm
        high = np.maximum(start_mm, end_mm) + self.radius_mm
        near = np.flatnonzero(((self.xy_mm >= low) & (self.xy_mm <= high)).all(1))
        return near, self.xy_mm[near]


def of_points(field: Field) -> Cells:
    """Points in cells so small that no two share one; where that needs too many cells, the larger ones that fit."""
    xy = field.xy_um() / 1000
    low, span = xy.min(0), np.ptp(xy, axis=0)
    nearest = _nearest_mm(xy)
    least = max(float(np.prod(np.maximum(span, 1e-3))) / MOST_CELLS, 1e-12) ** 0.5
    cell = max(nearest / np.sqrt(2) * 0.999, least, float(span.max()) / LONGEST, 1e-4)
    columns, rows = (int(n) for n in np.floor(span / cell).astype(int) + 1)
    column, row = np.floor((xy - low) / cell).astype(int).T
    index = np.full((rows, columns), -1, np.int32)
    index[row, column] = np.arange(len(xy))
    return Cells(field, float(low[0]), float(low[1]), columns, rows, float(cell), index, xy, field.z_bottom_um,
                 field.z_top_um)  # fmt: skip


def _nearest_mm(xy: np.ndarray) -> float:
    """The smallest distance between two points that differ."""
    from scipy.spatial import cKDTree  # slow to import, and most designs have no loose points

    if len(xy) < 2:
        return 1.0
    distance = cKDTree(xy).query(xy, k=2)[0][:, 1]
    apart = distance[distance > 1e-6]
    return float(apart.min()) if apart.size else 1.0
