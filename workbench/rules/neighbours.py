"""Points of one face that lie too close to each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from workbench.rules import spans
from workbench.rules.matching import distinct, pairs_within
from workbench.rules.spans import extent

# Half of the cells within two of a cell, those at the corners left out: they are too far away.
_AROUND = ((1, 0), (2, 0), (-2, 1), (-1, 1), (0, 1), (1, 1), (2, 1), (-1, 2), (0, 2), (1, 2))


@dataclass(frozen=True)
class Close:
    """Points nearer than a limit to another one: their indices, ascending, and the least distance among them."""

    indices: np.ndarray
    least_um: float


def too_close(xy: np.ndarray, limit_um: float) -> Close:
    """Which of the points (n, 2) have another one nearer than the limit; none of fewer than two."""
    none = Close(np.empty(0, int), np.inf)
    if len(xy) < 2 or limit_um <= 0:
        return none
    limit = limit_um * (1 - 1e-9)
    if len(xy) > spans.SORTED_FROM:
        order = spans.tiled(xy)
        suspects = np.sort(order[_suspects(xy[order], limit)])
    else:
        suspects = _suspects(xy, limit)
    if not len(suspects):
        return none
    nearest = _nearest(xy[suspects], limit)
    bad = nearest < limit
    return Close(suspects[bad], float(nearest[bad].min())) if bad.any() else none


def _nearest(xy: np.ndarray, limit: float) -> np.ndarray:
    """Distance of every point to its nearest other one (n,); infinite beyond the limit."""
    first = distinct(xy)
    single = xy[first]
    distance = np.zeros(len(xy))  # a point at the very place of another
    if len(first) > 1:
        found, _ = cKDTree(single).query(single, k=2, distance_upper_bound=limit)
        own = found[:, 1]
    else:
        own = np.full(len(first), np.inf)
    if len(first) < len(xy):
        _, group = np.unique(xy, axis=0, return_inverse=True)
        shared = np.bincount(group.ravel())[group.ravel()][first] > 1
        own = np.where(shared, 0.0, own)
    distance[first] = own
    return distance


def _suspects(xy: np.ndarray, limit: float) -> np.ndarray:
    """Points among which every pair nearer than the limit is found, by cells whose diagonal is the limit: two points
    of one cell are too close, others lie at most two cells apart.
    """
    low, high = extent(xy)
    size = limit / np.sqrt(2)
    columns, rows = (np.floor((high - low) / size) + 5).tolist()
    if columns * rows > 8 * len(xy) + 100_000:
        i, j = pairs_within(xy, xy, limit)
        return np.unique(i[i != j])
    columns, rows = int(columns), int(rows)
    cell = ((xy[:, 1] - low[1]) / size).astype(np.int32) * np.int64(columns) + (2 * columns + 2)
    cell += ((xy[:, 0] - low[0]) / size).astype(np.int32)
    first = np.full(columns * rows + 4 * columns, -1, np.int32)
    first[cell] = np.arange(len(xy), dtype=np.int32)
    suspect = np.zeros(len(xy), bool)
    lone = first[cell] == np.arange(len(xy))
    if not lone.all():  # cells of several: their points, and all that lie near them
        count = np.bincount(cell, minlength=len(first))
        full = np.flatnonzero(count > 1)
        mask = np.zeros(len(first), bool)
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                mask[np.clip(full + dy * columns + dx, 0, len(first) - 1)] = True
        suspect |= mask[cell]
    squared = limit * limit
    for dx, dy in _AROUND:
        other = first[cell + (dy * columns + dx)]
        at = np.flatnonzero(other >= 0)
        if len(at):
            away = xy[at] - xy[other[at]]
            close = at[away[:, 0] ** 2 + away[:, 1] ** 2 < squared]
            suspect[close] = True
            suspect[other[close]] = True
    return np.flatnonzero(suspect)
