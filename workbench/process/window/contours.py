"""Contour geometry of a field on a grid: lines at a level and filled bands, as plain coordinates to draw."""

from __future__ import annotations

import numpy as np

Array = np.ndarray

# For each of the 16 corner patterns of a cell (bit 0 lower left, 1 lower right, 2 upper right, 3 upper left; set
# when above the level) the pairs of edges a line joins; edges 0 bottom, 1 right, 2 top, 3 left.
_JOINS = {
    1: ((3, 0),), 2: ((0, 1),), 3: ((3, 1),), 4: ((1, 2),), 5: ((3, 2), (0, 1)), 6: ((0, 2),), 7: ((3, 2),),
    8: ((2, 3),), 9: ((0, 2),), 10: ((3, 0), (1, 2)), 11: ((1, 2),), 12: ((1, 3),), 13: ((0, 1),), 14: ((0, 3),),
}  # fmt: skip


def isoline(x: Array, y: Array, z: Array, level: float) -> Array:
    """Segments (m, 4) of x1, y1, x2, y2 where the field `z` (len(x), len(y)) crosses `level`.

    Marching squares with linear interpolation along the edges; cells touching a NaN are left out. A saddle cell is
    split by the sign of its corners alone.
    """
    z = np.asarray(z, float)
    segments = []
    above = z > level
    for i in range(len(x) - 1):
        for j in range(len(y) - 1):
            corner = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            values = [z[c] for c in corner]
            pattern = sum(1 << n for n, c in enumerate(corner) if above[c])
            if pattern in (0, 15) or not np.isfinite(values).all():
                continue
            for pair in _JOINS[pattern]:
                ends = []
                for edge in pair:
                    a, b = edge, (edge + 1) % 4
                    share = (level - values[a]) / (values[b] - values[a])
                    (ia, ja), (ib, jb) = corner[a], corner[b]
                    ends += [x[ia] + share * (x[ib] - x[ia]), y[ja] + share * (y[jb] - y[ja])]
                segments.append(ends)
    return np.asarray(segments, float).reshape(-1, 4)


def bands(x: Array, y: Array, z: Array, levels: Array) -> list[tuple[float, float, float, float, int]]:
    """Filled contours as rectangles (x1, y1, x2, y2, band), band n between levels n and n + 1.

    Each grid row becomes runs of equal band whose ends are interpolated between the nodes: a few rectangles a row
    instead of one a node. Values outside the levels take the first or last band; NaN leaves a hole.
    """
    levels = np.asarray(levels, float)
    edges = np.concatenate([[y[0]], (y[1:] + y[:-1]) / 2, [y[-1]]])
    found = []
    for j in range(len(y)):
        row = np.asarray(z, float)[:, j]
        fine = np.linspace(x[0], x[-1], 8 * (len(x) - 1) + 1)
        values = np.interp(fine, x, row)  # NaN spreads to the neighbouring intervals only
        inside = np.clip(np.searchsorted(levels, values, "right") - 1, 0, len(levels) - 2)
        band = np.where(np.isfinite(values), inside, -1)
        starts = np.flatnonzero(np.diff(band, prepend=-2))
        for start, stop in zip(starts, [*starts[1:], len(fine) - 1], strict=True):
            if band[start] >= 0 and stop > start:
                ends = (fine[start], edges[j], fine[stop], edges[j + 1])
                found.append((*(float(v) for v in ends), int(band[start])))
    return found
