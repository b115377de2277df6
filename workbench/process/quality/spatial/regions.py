"""Regions of a map that known causes leave their mark on: edge, ring, centre, sector, line, spot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from workbench.process.quality.spatial.positions import Positions

Array = np.ndarray
KINDS = ("edge_ring", "ring", "centre", "sector", "scratch", "cluster")
EDGE = (0.85, 0.92)  # rho beyond which a die is of the edge
CENTRE = (0.3, 0.5)
RING = ((0.35, 0.65), (0.5, 0.8))
SECTORS = 8  # of 90 degrees, overlapping by half
ANGLES = 16  # of lines, over 180 degrees
STRIP = 1.5  # width of a line, lattice steps
SPOTS = (1.5, 2.5)  # radii, lattice steps
LEAST = 3  # dies: a smaller region cannot carry a pattern


@dataclass(frozen=True)
class Regions:
    """`members` (k, n) 0/1, rows ordered by kind; `kind` (k,) index into KINDS; `shape` (k, 3) says where: see
    `described`."""

    members: sparse.csr_array
    kind: Array
    shape: Array
    sizes: Array


def scan_regions(placed: Positions, column: Array, row: Array) -> Regions:
    """Every region worth a look, with at least LEAST dies inside and outside. `column`, `row`: lattice places (n,)."""
    n = len(placed)
    c, r = np.asarray(column, float).ravel(), np.asarray(row, float).ravel()
    rows, shapes, kinds = [], [], []

    def add(kind: int, inside: Array, shape: tuple[float, float, float]) -> None:
        at = np.flatnonzero(inside)
        if LEAST <= len(at) <= n - LEAST:
            rows.append(at)
            shapes.append(shape)
            kinds.append(kind)

    rho, angle = placed.rho, placed.angle_deg
    for bound in EDGE:
        add(0, rho >= bound, (bound, 1.0, 0.0))
    for low, high in RING:
        add(1, (rho >= low) & (rho < high), (low, high, 0.0))
    for bound in CENTRE:
        add(2, rho <= bound, (0.0, bound, 0.0))
    for k in range(SECTORS):
        begin = k * 360 / SECTORS - 45
        add(3, (angle - begin) % 360 < 90, (begin + 45, 90.0, 0.0))
    for at, shape in _lines(c, r):
        if LEAST <= len(at) <= n - LEAST:
            rows.append(at)
            shapes.append(shape)
            kinds.append(4)
    tree = cKDTree(np.stack([c, r], axis=1))
    for reach in SPOTS:
        for k, at in enumerate(tree.query_ball_point(tree.data, reach, return_sorted=True)):
            if LEAST <= len(at) <= n - LEAST:
                rows.append(np.asarray(at))
                shapes.append((c[k], r[k], reach))
                kinds.append(5)
    sizes = np.array([len(at) for at in rows], int)
    pointers = np.concatenate([[0], np.cumsum(sizes)])
    columns = np.concatenate(rows) if rows else np.zeros(0, int)
    members = sparse.csr_array((np.ones(len(columns)), columns, pointers), shape=(len(rows), n))
    return Regions(members, np.array(kinds, int), np.array(shapes, float).reshape(-1, 3), sizes)


def _lines(c: Array, r: Array):
    """Strips across the lattice at ANGLES angles: whole, and pieces of a third of the extent, half overlapping."""
    u, v = c - (c.min() + c.max()) / 2, r - (r.min() + r.max()) / 2
    extent = max(np.ptp(c), np.ptp(r)) + 1
    piece = max(extent / 3, 4.0)
    for k in range(ANGLES):
        theta = np.pi * k / ANGLES
        along, across = u * np.cos(theta) + v * np.sin(theta), v * np.cos(theta) - u * np.sin(theta)
        for half in (0.0, STRIP / 2):  # two sets of strips, so that no line falls between two
            strip = np.floor((across + half) / STRIP).astype(int)
            order = np.lexsort((along, strip))
            for at in np.split(order, np.flatnonzero(np.diff(strip[order])) + 1):
                where = along[at]
                middle = (strip[at[0]] + 0.5) * STRIP - half
                yield at, (np.degrees(theta), middle, extent)
                begin = where[0]
                while len(at) > 6 and begin < where[-1]:
                    inside = at[(where >= begin) & (where < begin + piece)]
                    if len(inside) < len(at):
                        yield inside, (np.degrees(theta), middle, piece)
                    begin += piece / 2
