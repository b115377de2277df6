"""Contour geometry of a field on a grid: lines at a level and filled bands, as plain coordinates to draw.

Everything is cut along scalar fields that are linear on the edges of the cells: the field itself at its levels,
and a margin that is positive inside the region that may be drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Array = np.ndarray
Polygon = list[tuple[float, float]]
Vertex = tuple[float, float, float, float]  # x, y, field, margin

# For each of the 16 corner patterns of a cell (bit 0 lower left, 1 lower right, 2 upper right, 3 upper left; set
# when above the level) the pairs of edges a line joins; edges 0 bottom, 1 right, 2 top, 3 left.
_JOINS = {
    1: ((3, 0),), 2: ((0, 1),), 3: ((3, 1),), 4: ((1, 2),), 5: ((3, 2), (0, 1)), 6: ((0, 2),), 7: ((3, 2),),
    8: ((2, 3),), 9: ((0, 2),), 10: ((3, 0), (1, 2)), 11: ((1, 2),), 12: ((1, 3),), 13: ((0, 1),), 14: ((0, 3),),
}  # fmt: skip


def isoline(x: Array, y: Array, z: Array, level: float, margin: Array | None = None) -> Array:
    """Segments (m, 4) of x1, y1, x2, y2 where the field `z` (len(x), len(y)) crosses `level`.

    Marching squares with linear interpolation along the edges, cut where `margin` (same shape) is negative. A saddle
    cell is split by the sign of its corners alone.
    """
    segments = []
    above = z > level
    mixed = (above[:-1, :-1] + above[1:, :-1] * 2 + above[1:, 1:] * 4 + above[:-1, 1:] * 8).astype(int)
    for i, j in zip(*np.nonzero((mixed != 0) & (mixed != 15)), strict=True):
        corner = _cell(x, y, z, margin, i, j)
        for pair in _JOINS[int(mixed[i, j])]:
            ends = [_between(corner[edge], corner[(edge + 1) % 4], 2, level) for edge in pair]
            kept = _cut(ends, 3, 0.0, closed=False)
            if len(kept) == 2:
                segments.append((*kept[0][:2], *kept[1][:2]))
    return np.asarray(segments, float).reshape(-1, 4)


def bands(x: Array, y: Array, z: Array, levels: Array, margin: Array | None = None) -> Iterator[tuple[int, Polygon]]:
    """Filled contours as polygons: (n, corners) for the band between levels n and n + 1, in no particular order.

    Values beyond the outer levels belong to the outer bands. Whole cells of one band in a row come as one polygon.
    """
    levels = np.asarray(levels, float)
    last = len(levels) - 2
    node = np.clip(np.searchsorted(levels, z, "right") - 1, 0, last)
    corners = np.stack([node[:-1, :-1], node[1:, :-1], node[1:, 1:], node[:-1, 1:]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    if margin is None:
        drawn = whole = np.ones(low.shape, bool)
    else:
        inside = np.stack([margin[:-1, :-1], margin[1:, :-1], margin[1:, 1:], margin[:-1, 1:]]) >= 0
        drawn, whole = inside.any(axis=0), inside.all(axis=0)
    for j in range(low.shape[1]):
        i = 0
        while i < low.shape[0]:
            n = int(low[i, j])
            if whole[i, j] and n == high[i, j]:
                start = i
                while i < low.shape[0] and whole[i, j] and low[i, j] == high[i, j] == n:
                    i += 1
                yield n, [(x[start], y[j]), (x[i], y[j]), (x[i], y[j + 1]), (x[start], y[j + 1])]
                continue
            if drawn[i, j]:
                cell = _cut(_cell(x, y, z, margin, i, j), 3, 0.0)
                for n in range(int(low[i, j]), int(high[i, j]) + 1):
                    part = cell if n == 0 else _cut(cell, 2, levels[n])
                    part = part if n == last else _cut(part, 2, levels[n + 1], keep_above=False)
                    if len(part) > 2:
                        yield n, [(v[0], v[1]) for v in part]
            i += 1


def _cell(x: Array, y: Array, z: Array, margin: Array | None, i: int, j: int) -> list[Vertex]:
    around = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
    return [(x[a], y[b], z[a, b], 1.0 if margin is None else margin[a, b]) for a, b in around]


def _cut(shape: list[Vertex], by: int, level: float, *, keep_above: bool = True, closed: bool = True) -> list[Vertex]:
    """The part of a polygon, or of a segment when not `closed`, where coordinate `by` is above (or below) `level`."""
    sign = 1 if keep_above else -1
    kept: list[Vertex] = []
    for n, vertex in enumerate(shape):
        before = shape[n - 1]
        inside, inside_before = sign * (vertex[by] - level) >= 0, sign * (before[by] - level) >= 0
        if inside != inside_before and (closed or n):
            kept.append(_between(before, vertex, by, level))
        if inside:
            kept.append(vertex)
    return kept


def _between(a: Vertex, b: Vertex, by: int, level: float) -> Vertex:
    share = (level - a[by]) / (b[by] - a[by])
    return tuple(p + share * (q - p) for p, q in zip(a, b, strict=True))
