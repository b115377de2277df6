"""Two faces laid on each other: which bump of which field meets which, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as default
from functools import cached_property
from itertools import pairwise

import numpy as np

from workbench.rules.deck import Deck, Rule
from workbench.rules.faces import Face, Joint
from workbench.rules.matching import Lattice, lattice, match, same_lattice
from workbench.rules.spans import Layouts, extent
from workbench.stack import Design, Grid, PlacedField, Points

MOST_FIELD_PAIRS = 10_000  # beyond, fields are not compared one by one: their bumps are matched all at once


@dataclass(frozen=True, eq=False)
class Side:
    """The bumps of one face, in the order of its fields. `marks` are cells that are no bumps: they take no part."""

    part: str
    fields: tuple[Grid | Points, ...]
    placement: object
    z_um: float
    marks: frozenset[str] = frozenset()
    layouts: Layouts = default(default_factory=Layouts)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each field begins in the order of all bumps (fields + 1,)."""
        return np.concatenate([[0], np.cumsum([field.count for field in self.fields])]).astype(int)

    @property
    def count(self) -> int:
        return int(self.starts[-1])

    def xy_um(self, index: int) -> np.ndarray:
        return self.layouts.placed_um(self.fields[index], self.placement)

    @cached_property
    def marked(self) -> tuple[np.ndarray | None, ...]:
        """Per field, which features are marks; None where none is."""
        found = []
        for field in self.fields:
            words = np.array([word in self.marks for word in field.cells], bool)
            found.append(words[np.arange(field.count) % len(words)] if words.any() else None)
        return tuple(found)

    @cached_property
    def lattices(self) -> tuple[Lattice | None, ...]:
        return tuple(
            lattice(PlacedField(None, field, self.placement, 0.0, None)) if mark is None else None
            for field, mark in zip(self.fields, self.marked, strict=True)
        )

    @cached_property
    def boxes(self) -> np.ndarray:
        """Lowest and highest x, y of each field (fields, 2, 2)."""
        corners = [x.corners() if x is not None else self._kept_xy(i) for i, x in enumerate(self.lattices)]
        return np.array([extent(c) for c in corners]).reshape(-1, 2, 2)

    def at(self, field: int, index: int) -> tuple[float, float, float]:
        """The place of one bump, without making all where the field is a grid."""
        x = self.lattices[field]
        if x is not None and not self.fields[field].omit:
            row, column = divmod(index, x.columns)
            px, py = (x.origin + column * x.u + row * x.v).tolist()
        else:
            px, py = self._kept_xy(field)[index].tolist()
        return (px, py, self.z_um)

    def _kept_xy(self, field: int) -> np.ndarray:
        kept = self.__dict__.setdefault("_xy", {})
        if field not in kept:
            kept[field] = self.xy_um(field)
        return kept[field]


@dataclass(frozen=True, eq=False)
class Block:
    """Pairs of one top field with one bottom field: indices into each. `offset` is top minus bottom, (k, 2), or (2,)
    where it is the same for all.
    """

    top: int
    bottom: int
    i: np.ndarray
    j: np.ndarray
    offset: np.ndarray

    @property
    def distances_um(self) -> np.ndarray:
        """(k,), or (1,) where all are the same."""
        return np.hypot(self.offset[..., 0], self.offset[..., 1]).reshape(-1)


@dataclass(eq=False)
class Meeting:
    """One interface with its matched bumps, and the tolerances they are held to: each with its rule, None where it is
    the customer's.
    """

    joint: Joint
    top: Side
    bottom: Side
    tolerances: tuple[tuple[float, Rule | None], ...]
    blocks: list[Block] = default(default_factory=list)


def side_of(face: Face, deck: Deck, layouts: Layouts) -> Side:
    marks = frozenset(cell for rule in deck.of("alignment_mark") for cell in rule.marks)
    return Side(face.end.part, face.region.bumps, face.part.placement, face.z_um, marks, layouts)


def meetings(design: Design, deck: Deck, joints: Sequence[Joint], tolerance_um: float,
             layouts: Layouts) -> tuple[Meeting, ...]:  # fmt: skip
    """Every interface that holds and has bumps on both faces. Two pads that overlap at all are taken for a pair: the
    reach of a match is the sum of the largest radii of the two faces. Rules of the deck replace the tolerance; where
    several fit, each is held.
    """
    sides: dict[str, Side] = {}
    found = []
    for joint in joints:
        if joint.bottom is None or not joint.holds or not (joint.top.region.bumps and joint.bottom.region.bumps):
            continue
        for face in (joint.top, joint.bottom):
            if str(face.end) not in sides:
                sides[str(face.end)] = side_of(face, deck, layouts)
        rules = [rule for rule in deck.of("bump_alignment") if rule.fits(design, method=joint.method)]
        tolerances = tuple((rule.values["max_offset_um"], rule) for rule in rules) or ((tolerance_um, None),)
        meeting = Meeting(joint, sides[str(joint.top.end)], sides[str(joint.bottom.end)], tolerances)
        widest = [max(f.diameter_um for f in face.region.bumps) for face in (joint.top, joint.bottom)]
        limits = [limit for limit, _ in tolerances]
        meeting.blocks = meet(meeting.top, meeting.bottom, tolerance_um=min(limits),
                              reach_um=max(sum(widest) / 2, *limits))  # fmt: skip
        found.append(meeting)
    return tuple(found)


def meet(top: Side, bottom: Side, *, tolerance_um: float, reach_um: float) -> list[Block]:
    """Blocks of matched bumps of two faces."""
    blocks = _by_arithmetic(top, bottom, tolerance_um, reach_um)
    free_top, free_bottom = _free(top, [(b.top, b.i) for b in blocks]), _free(bottom, [(b.bottom, b.j) for b in blocks])
    if not (len(free_top) and len(free_bottom)):
        return blocks
    a, b = _coordinates(top, free_top), _coordinates(bottom, free_bottom)
    pairs = match(a, b, tolerance_um=tolerance_um, reach_um=reach_um)
    if not len(pairs.top):
        return blocks
    offset = a[pairs.top] - b[pairs.bottom]
    i, j = free_top[pairs.top], free_bottom[pairs.bottom]
    if len(top.fields) == len(bottom.fields) == 1:
        return [*blocks, Block(0, 0, i, j, offset)]
    field_i = np.searchsorted(top.starts, i, side="right") - 1
    field_j = np.searchsorted(bottom.starts, j, side="right") - 1
    both = field_i * len(bottom.fields) + field_j
    order = np.argsort(both, kind="stable")
    cuts = np.flatnonzero(np.diff(both[order])) + 1
    for group in np.split(order, cuts):
        f, g = int(field_i[group[0]]), int(field_j[group[0]])
        blocks.append(Block(f, g, i[group] - top.starts[f], j[group] - bottom.starts[g], offset[group]))
    return blocks


def _by_arithmetic(top: Side, bottom: Side, tolerance_um: float, reach_um: float) -> list[Block]:
    """Blocks of grids that share a lattice and have no other field in their way."""
    if len(top.fields) * len(bottom.fields) > MOST_FIELD_PAIRS:
        return []
    blocks = []
    for f, a in enumerate(top.lattices):
        for g, b in enumerate(bottom.lattices):
            if a is None or b is None or not _alone(top, f, bottom, g, reach_um):
                continue
            how = same_lattice(a, b, tolerance_um)
            if how is not None:
                block = _laid(f, g, top.fields[f], bottom.fields[g], a, b, how)
                if len(block.i):
                    blocks.append(block)
    return blocks


def _alone(top: Side, f: int, bottom: Side, g: int, reach_um: float) -> bool:
    """Whether no other field of either face lies where these two meet."""
    low = np.maximum(top.boxes[f, 0], bottom.boxes[g, 0]) - 2 * reach_um
    high = np.minimum(top.boxes[f, 1], bottom.boxes[g, 1]) + 2 * reach_um
    if (low > high).any():
        return False
    for side, own in ((top, f), (bottom, g)):
        crossing = ((side.boxes[:, 0] <= high) & (side.boxes[:, 1] >= low)).all(axis=1)
        if crossing.sum() > int(crossing[own]):
            return False
    return True


def _laid(f: int, g: int, top: Grid, bottom: Grid, a: Lattice, b: Lattice, how) -> Block:
    p, q, s, t, turned = how
    n, m = (a.rows, a.columns) if turned else (a.columns, a.rows)
    along, across = _range(p, s, n, b.columns), _range(q, t, m, b.rows)
    columns, rows = (across, along) if turned else (along, across)
    i = rows[:, None] * np.int32(a.columns) + columns[None, :]
    on_column, on_row = p + s * along, q + t * across
    j = (on_row[None, :] * np.int32(b.columns) + on_column[:, None] if turned
         else on_row[:, None] * np.int32(b.columns) + on_column[None, :])  # fmt: skip
    i, j = i.ravel(), j.ravel()
    offset = a.origin - b.origin - p * b.u - q * b.v
    if top.omit or bottom.omit:
        numbers_i, numbers_j = _numbers(top), _numbers(bottom)
        i, j = numbers_i[i], numbers_j[j]
        both = (i >= 0) & (j >= 0)
        i, j = i[both], j[both]
    return Block(f, g, i, j, offset)


def _range(start: int, step: int, count: int, most: int) -> np.ndarray:
    """Numbers k of 0 ... count - 1 for which start + step k lies in 0 ... most - 1."""
    low, high = (-start, most - start) if step > 0 else (start - most + 1, start + 1)
    return np.arange(max(low, 0), max(min(high, count), max(low, 0)), dtype=np.int32)


def _numbers(grid: Grid) -> np.ndarray:
    """The number of each site of the full grid among those not left out; -1 for one left out."""
    columns, rows = grid.sites()
    numbers = np.full(grid.columns * grid.rows, -1, np.int32)
    numbers[rows * grid.columns + columns] = np.arange(grid.count, dtype=np.int32)
    return numbers


def _free(side: Side, taken: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """Bumps not yet matched, marks left out, as numbers in the order of the whole side."""
    free = np.ones(side.count, bool)
    for field, indices in taken:
        free[side.starts[field] + indices] = False
    for field, mark in enumerate(side.marked):
        if mark is not None:
            free[side.starts[field] : side.starts[field + 1]] &= ~mark
    return np.flatnonzero(free)


def _coordinates(side: Side, numbers: np.ndarray) -> np.ndarray:
    """Centres of the given bumps; only fields that hold one are placed."""
    found = np.empty((len(numbers), 2))
    cuts = np.searchsorted(numbers, side.starts)
    for field, (low, high) in enumerate(pairwise(cuts.tolist())):
        if high > low:
            xy = side._kept_xy(field)
            own = numbers[low:high] - side.starts[field]
            found[low:high] = xy if len(own) == len(xy) else xy[own]
    return found
