"""Contour geometry of a field on a grid: lines at a level and filled bands, as plain coordinates to draw.

Everything is cut along scalar fields that are linear on the edges of the cells: the field itself at its levels,
and a margin that is positive inside the region that may be drawn. Cells that share an edge cut it into identical
points, so pieces of neighbouring cells join exactly.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

Array = np.ndarray
Point = tuple[float, float]
Vertex = tuple[float, float, float, float]  # x, y, field, margin


def isoline(x: Array, y: Array, z: Array, level: float, margin: Array | None = None) -> list[Array]:
    """Lines, each (m, 2), along which the field `z` (len(x), len(y)) equals `level`; longest first, higher side left.

    Each cell is two triangles with the field linear in them; cut where `margin` (same shape) is negative.
    """
    above = z > level
    corners = above[:-1, :-1] + above[1:, :-1] * 2 + above[1:, 1:] * 4 + above[:-1, 1:] * 8
    segments = []
    for i, j in zip(*np.nonzero((corners != 0) & (corners != 15)), strict=True):
        for triangle in _triangles(x, y, z, margin, i, j):
            leaving = entering = None
            for n, vertex in enumerate(triangle):
                before = triangle[n - 1]
                if before[2] > level >= vertex[2]:
                    leaving = _between(before, vertex, 2, level)
                elif vertex[2] > level >= before[2]:
                    entering = _between(before, vertex, 2, level)
            if leaving and entering:
                kept = _cut([leaving, entering], 3, 0.0, closed=False)
                if len(kept) == 2 and kept[0][:2] != kept[1][:2]:
                    segments.append((kept[0][:2], kept[1][:2]))
    return sorted((np.array(line) for line in _lines(segments)), key=len, reverse=True)


def bands(x: Array, y: Array, z: Array, levels: Array, margin: Array | None = None) -> list[tuple[int, Array]]:
    """Filled contours: (n, corners (m, 2)) for each outline of the band between levels n and n + 1.

    Values beyond the outer levels belong to the outer bands. Outer outlines run counter-clockwise in x, y, holes
    clockwise, so filling all outlines of a band together leaves the holes open.
    """
    levels = np.asarray(levels, float)
    last = len(levels) - 2
    node = np.clip(np.searchsorted(levels, z, "right") - 1, 0, last)
    corners = np.stack([node[:-1, :-1], node[1:, :-1], node[1:, 1:], node[:-1, 1:]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    drawn = np.ones(low.shape, bool)
    if margin is not None:
        drawn = np.stack([margin[:-1, :-1], margin[1:, :-1], margin[1:, 1:], margin[:-1, 1:]]).max(axis=0) >= 0
    edges: dict[int, dict[tuple[Point, Point], None]] = {n: {} for n in range(last + 1)}
    for i, j in zip(*np.nonzero(drawn), strict=True):
        pieces = _triangles(x, y, z, margin, i, j) if low[i, j] < high[i, j] else [_cell(x, y, z, margin, i, j)]
        for piece in (_cut(p, 3, 0.0) for p in pieces):
            for n in range(int(low[i, j]), int(high[i, j]) + 1):
                part = piece if n == 0 else _cut(piece, 2, levels[n])
                _merge(edges[n], part if n == last else _cut(part, 2, levels[n + 1], keep_above=False))
    return [(n, np.array(_straightened(loop))) for n, own in edges.items() for loop in _lines(own) if len(loop) > 3]


def _merge(edges: dict[tuple[Point, Point], None], polygon: list[Vertex]) -> None:
    """Add a polygon to the outline made of `edges`: an edge met from both sides lies inside and goes."""
    for n, vertex in enumerate(polygon):
        a, b = polygon[n - 1][:2], vertex[:2]
        if (b, a) in edges:
            del edges[b, a]
        elif a != b:
            edges[a, b] = None


def _triangles(x: Array, y: Array, z: Array, margin: Array | None, i: int, j: int) -> list[list[Vertex]]:
    """The cell cut along the diagonal over which the field changes less: contours run along it, not across."""
    a, b, c, d = _cell(x, y, z, margin, i, j)
    if abs(a[2] - c[2]) <= abs(b[2] - d[2]):
        return [[a, b, c], [a, c, d]]
    return [[a, b, d], [b, c, d]]


def _cell(x: Array, y: Array, z: Array, margin: Array | None, i: int, j: int) -> list[Vertex]:
    around = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
    return [
        (float(x[a]), float(y[b]), float(z[a, b]), 1.0 if margin is None else float(margin[a, b])) for a, b in around
    ]


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
    a, b = (a, b) if a < b else (b, a)  # the same point, to the last bit, from both sides of a shared edge
    share = (level - a[by]) / (b[by] - a[by])
    return tuple(p + share * (q - p) for p, q in zip(a, b, strict=True))


def _lines(segments: Iterable[tuple[Point, Point]]) -> list[list[Point]]:
    """Segments joined end to end; a closed line repeats its first point."""
    onward: dict[Point, list[Point]] = {}
    arriving: dict[Point, int] = {}
    for a, b in segments:
        onward.setdefault(a, []).append(b)
        arriving[b] = arriving.get(b, 0) + 1
    lines = []
    starts = [a for a in onward if not arriving.get(a)] + list(onward)
    for start in starts:
        while onward.get(start):
            line = [start]
            while onward.get(line[-1]):
                line.append(onward[line[-1]].pop())
                if line[-1] == start:
                    break
            lines.append(line)
    return lines


def _straightened(loop: list[Point]) -> list[Point]:
    """The outline without corners that lie on the line between their neighbours."""
    body = loop[:-1] if loop[0] == loop[-1] else loop
    kept = []
    for n, (px, py) in enumerate(body):
        (ax, ay), (bx, by) = body[n - 1], body[(n + 1) % len(body)]
        turn = (px - ax) * (by - py) - (py - ay) * (bx - px)
        if abs(turn) > 1e-9 * (abs(bx - ax) + abs(px - ax)) * (abs(by - ay) + abs(py - ay)):
            kept.append((px, py))
    return kept or body
