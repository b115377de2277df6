"""Which bump meets which across an interface.

The rule: of all pairs (top bump, bottom bump) no further apart than `reach_um`, the closest is taken first, ties in the
order of the bumps, and no bump is taken twice. A bump drawn at exactly the place of an earlier one of its side takes no
part. Where bumps crowd, the six nearest counterparts of a top bump are considered.

Three ways give that one answer. Two grids of one lattice are matched by arithmetic. Bumps that have exactly one
counterpart within a radius are found through a table of cells: none of them can be taken by another. What is left,
normally nothing, is settled through a tree, closest first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from workbench.rules.faces import SLACK_UM
from workbench.rules.spans import extent
from workbench.stack import Grid, PlacedField
from workbench.stack.bumps import place

CANDIDATES = 6  # counterparts considered where bumps crowd
DENSE = 8  # bumps of one cell that are looked at one by one


@dataclass(frozen=True)
class Pairs:
    """Matched bumps as indices (k,) into the two sides."""

    top: np.ndarray
    bottom: np.ndarray


def match(top: np.ndarray, bottom: np.ndarray, *, tolerance_um: float, reach_um: float) -> Pairs:
    """Pairs of two sets of centres (n, 2) and (m, 2) in um, in no particular order. Pairs further apart than the
    tolerance are among them; `tolerance_um` only makes the common case fast. reach_um >= tolerance_um >= 0.
    """
    left, right = np.arange(len(top)), np.arange(len(bottom))
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for radius_um in dict.fromkeys((min(tolerance_um, reach_um), reach_um)):
        if not (len(left) and len(right)):
            break
        i, j = lone_pairs(top[left], bottom[right], radius_um + SLACK_UM)
        found.append((left[i], right[j]))
        left, right = _without(left, i), _without(right, j)
    if len(left) and len(right):
        i, j = closest_first(top[left], bottom[right], reach_um + SLACK_UM)
        found.append((left[i], right[j]))
    if not found:
        return Pairs(np.empty(0, int), np.empty(0, int))
    return Pairs(*(np.concatenate(side) for side in zip(*found, strict=True)))


def _without(indices: np.ndarray, taken: np.ndarray) -> np.ndarray:
    if not len(taken):
        return indices
    kept = np.ones(len(indices), bool)
    kept[taken] = False
    return indices[kept]


def lone_pairs(a: np.ndarray, b: np.ndarray, radius_um: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (k,), (k,) within `radius_um` whose two ends have no other counterpart within it."""
    i, j = pairs_within(a, b, radius_um)
    if not len(i):
        return i, j
    once = (np.bincount(i, minlength=len(a)) == 1)[i] & (np.bincount(j, minlength=len(b)) == 1)[j]
    return (i, j) if once.all() else (i[once], j[once])


def pairs_within(a: np.ndarray, b: np.ndarray, radius_um: float) -> tuple[np.ndarray, np.ndarray]:
    """All pairs within a radius by a table of square cells, at least two radii wide: of the cells around a point at
    most four can hold a counterpart. Where more than `DENSE` bumps share a cell, each counts twice, so that none of
    them passes for a lone one.
    """
    (low_a, high_a), (low_b, high_b) = extent(a), extent(b)
    low, high = np.maximum(low_a, low_b) - radius_um, np.minimum(high_a, high_b) + radius_um
    none = np.empty(0, int)
    if (low > high).any():
        return none, none
    inside_a, inside_b = _within(a, low, high), _within(b, low, high)
    a_kept, b_kept = (None if mask.all() else np.flatnonzero(mask) for mask in (inside_a, inside_b))
    a = a if a_kept is None else a[a_kept]
    b = b if b_kept is None else b[b_kept]
    if not (len(a) and len(b)):
        return none, none
    # Cells of about one bump, their borders half a cell away from the first bump: few bumps lie near a border.
    size = max(2 * radius_um * 1.001, float(np.sqrt(np.prod(high - low + 1e-9) / len(b))) * 0.6, 1e-9)
    while np.prod((high - low) / size + 3) > 4 * len(b) + 100_000:
        size *= 1.5
    origin = b[0] - (np.ceil((b[0] - low) / size) + 0.5) * size
    columns, rows = (np.ceil((high - origin) / size).astype(int) + 2).tolist()
    table = _Table(b, origin, size, columns, rows)
    x, y = (a[:, 0] - origin[0]) / size, (a[:, 1] - origin[1]) / size
    ix, iy = x.astype(np.int32), y.astype(np.int32)
    near = radius_um / size * 1.0001 + 1e-12
    dx = np.where(x - ix < near, -1, np.where(x - ix > 1 - near, 1, 0)).astype(np.int8)
    dy = np.where(y - iy < near, -1, np.where(y - iy > 1 - near, 1, 0)).astype(np.int8)
    cell = iy * np.int64(columns) + ix
    beside, above = np.flatnonzero(dx), np.flatnonzero(dy)
    both = beside[dy[beside] != 0]
    probes = [(None, cell), (beside, cell[beside] + dx[beside]),
              (above, cell[above] + dy[above] * np.int64(columns)),
              (both, cell[both] + dx[both] + dy[both] * np.int64(columns))]  # fmt: skip
    limit, found = radius_um * radius_um, []
    for which, cells in probes:
        if which is None or len(which):
            found += table.near(a, which, cells, limit)
    i, j = (np.concatenate(side) for side in zip(*found, strict=True)) if found else (none, none)
    return (i if a_kept is None else a_kept[i]), (j if b_kept is None else b_kept[j])


def _within(xy: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    x, y = xy[:, 0], xy[:, 1]
    return (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])


class _Table:
    """Points by the cell they lie in."""

    def __init__(self, xy: np.ndarray, origin: np.ndarray, size: float, columns: int, rows: int):
        self.xy = xy
        cell = ((xy[:, 1] - origin[1]) / size).astype(np.int32) * np.int64(columns)
        cell += ((xy[:, 0] - origin[0]) / size).astype(np.int32)
        self.count = np.bincount(cell, minlength=columns * rows)
        self.most = int(self.count.max())
        if self.most == 1:
            self.first = np.full(columns * rows, -1, np.int32)
            self.first[cell] = np.arange(len(xy), dtype=np.int32)
        else:
            self.order = np.argsort(cell, kind="stable").astype(np.int32)
            self.start = np.cumsum(self.count) - self.count

    def near(self, a: np.ndarray, which: np.ndarray | None, cells: np.ndarray,
             limit: float) -> list[tuple[np.ndarray, np.ndarray]]:  # fmt: skip
        """Pairs of the points a[which] with those in the given cells, squared distance at most `limit`."""
        if self.most == 1:
            return [self._close(a, which, self.first[cells], limit)]
        count, start, found = self.count[cells], self.start[cells], []
        for k in range(min(self.most, DENSE)):
            slot = np.where(k < count, self.order[np.minimum(start + k, len(self.order) - 1)], -1)
            found.append(self._close(a, which, slot, limit))
        crowded = np.flatnonzero(count > DENSE)
        if len(crowded):
            ends = crowded if which is None else which[crowded]
            for k in (0, 1):  # twice: the points of a crowded cell, and those that look into it, are settled elsewhere
                found.append((ends, self.order[start[crowded] + k].astype(int)))
            members = np.flatnonzero(np.repeat(self.count > DENSE, self.count))
            found += [(np.full(len(members), ends[0]), self.order[members].astype(int))] * 2
        return found

    def _close(self, a: np.ndarray, which: np.ndarray | None, slot: np.ndarray,
               limit: float) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        held = slot >= 0
        if not held.all():
            at = np.flatnonzero(held)
            which, slot = at if which is None else which[at], slot[at]
        p, q = a if which is None else a[which], self.xy[slot]
        dx, dy = p[:, 0] - q[:, 0], p[:, 1] - q[:, 1]
        close = dx * dx + dy * dy <= limit
        if close.all():
            return (np.arange(len(a)) if which is None else which), slot.astype(int)
        at = np.flatnonzero(close)
        return (at if which is None else which[at]), slot[at].astype(int)


def closest_first(a: np.ndarray, b: np.ndarray, radius_um: float) -> tuple[np.ndarray, np.ndarray]:
    """The rule itself, for any points: candidates from a tree, then the closest pair first."""
    keep_a, keep_b = distinct(a), distinct(b)
    p, q = a[keep_a], b[keep_b]
    count = min(CANDIDATES, len(q))
    _, nearest = cKDTree(q).query(p, k=count, distance_upper_bound=radius_um * 1.000001 + 1e-9)
    nearest = nearest.reshape(len(p), count)
    i, k = np.nonzero(nearest < len(q))
    j = nearest[i, k]
    dx, dy = p[i, 0] - q[j, 0], p[i, 1] - q[j, 1]
    squared = dx * dx + dy * dy
    close = squared <= radius_um * radius_um
    i, j, squared = i[close], j[close], squared[close]
    order = np.lexsort((j, i, squared))
    i, j = _greedy(i[order], j[order])
    return keep_a[i], keep_b[j]


def distinct(xy: np.ndarray) -> np.ndarray:
    """Indices of the first point at each place, in order."""
    order = np.lexsort((np.arange(len(xy)), xy[:, 1], xy[:, 0]))
    ordered = xy[order]
    new = np.ones(len(xy), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.sort(order[new])


def _greedy(i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs in order of preference; each taken when both ends are free. Rounds of pairs that both ends prefer, then,
    for the rare long chain, one by one.
    """
    found_i, found_j = [], []
    for _ in range(30):
        if not len(i):
            break
        rank = np.arange(len(i))
        best_i, best_j = np.full(i.max() + 1, len(i)), np.full(j.max() + 1, len(i))
        np.minimum.at(best_i, i, rank)
        np.minimum.at(best_j, j, rank)
        both = (best_i[i] == rank) & (best_j[j] == rank)
        found_i.append(i[both])
        found_j.append(j[both])
        gone_i, gone_j = np.zeros(i.max() + 1, bool), np.zeros(j.max() + 1, bool)
        gone_i[i[both]] = True
        gone_j[j[both]] = True
        left = ~(gone_i[i] | gone_j[j])
        i, j = i[left], j[left]
    used_i, used_j = set(), set()
    chain_i, chain_j = [], []
    for p, q in zip(i.tolist(), j.tolist(), strict=True):
        if p not in used_i and q not in used_j:
            used_i.add(p)
            used_j.add(q)
            chain_i.append(p)
            chain_j.append(q)
    found_i.append(np.array(chain_i, int))
    found_j.append(np.array(chain_j, int))
    return np.concatenate(found_i), np.concatenate(found_j)


@dataclass(frozen=True)
class Lattice:
    """A grid in the module: position of site (column, row) = origin + column * u + row * v."""

    origin: np.ndarray
    u: np.ndarray
    v: np.ndarray
    columns: int
    rows: int

    def corners(self) -> np.ndarray:
        ends = [self.origin + c * self.u + r * self.v for c in (0, self.columns - 1) for r in (0, self.rows - 1)]
        return np.array(ends)

    @property
    def pitch_um(self) -> float:
        return float(min(np.hypot(*self.u), np.hypot(*self.v)))


def lattice(field: PlacedField) -> Lattice | None:
    """The lattice of a field, or None for a staggered or irregular one."""
    grid = field.field
    if not isinstance(grid, Grid) or (grid.staggered and grid.rows > 1):
        return None
    # Three far sites of the full grid place it exactly: no sites are made one by one.
    three = Grid(name="x", diameter_um=1e-3, columns=2, rows=2, pitch_x_um=grid.pitch_x_um, pitch_y_um=grid.pitch_y_um,
                 x_um=grid.x_um, y_um=grid.y_um, angle_deg=grid.angle_deg, mirrored=grid.mirrored)  # fmt: skip
    p = place(three, field.placement)
    u, v = p[1] - p[0], p[2] - p[0]
    middle = p.mean(axis=0)
    origin = middle - u * (grid.columns - 1) / 2 - v * (grid.rows - 1) / 2
    return Lattice(origin, u, v, grid.columns, grid.rows)


def same_lattice(a: Lattice, b: Lattice, tolerance_um: float) -> tuple[int, int, int, int, bool] | None:
    """How sites of `a` lie on sites of `b`: (p, q, s, t, turned) puts (column, row) of a on (p + s column, q + t row)
    of b, columns and rows of a exchanged first when `turned`; None unless every site of a is within the tolerance of
    a place of b's lattice and no other place is.
    """
    if 2 * (tolerance_um + SLACK_UM) >= min(a.pitch_um, b.pitch_um) * 0.999:
        return None
    for turned in (False, True):
        u, v = (a.v, a.u) if turned else (a.u, a.v)
        s, t = (1 if float(u @ b.u) > 0 else -1), (1 if float(v @ b.v) > 0 else -1)
        n, m = (a.rows, a.columns) if turned else (a.columns, a.rows)
        drift = np.hypot(*(u - s * b.u)) * n + np.hypot(*(v - t * b.v)) * m
        if drift <= 1e-7:
            break
    else:
        return None
    away = a.origin - b.origin
    p, q = float(away @ b.u / (b.u @ b.u)), float(away @ b.v / (b.v @ b.v))
    offset = away - round(p) * b.u - round(q) * b.v
    return (round(p), round(q), s, t, turned) if np.hypot(*offset) <= tolerance_um else None
