"""Sequence pairs of rectangles: packing, the shortest wires a pair allows, and the search for a good pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from workbench.stack import geometry


@dataclass(frozen=True)
class KeepOut:
    """A rectangle of the layer where no die may lie; x, y is its centre from the centre of the body."""

    x_mm: float
    y_mm: float
    width_mm: float
    length_mm: float

    @property
    def outline(self) -> np.ndarray:
        return geometry.rectangle(x_mm=self.x_mm, y_mm=self.y_mm, width_mm=self.width_mm, length_mm=self.length_mm)


@dataclass(frozen=True)
class Blocks:
    """n rectangles to be placed: sides (n, 2), the angles each may take, power (n,), wires as (first, second, count).
    All lengths in mm; the field is centred on the origin."""

    sides_mm: np.ndarray
    turns_deg: tuple[tuple[float, ...], ...]
    power_w: np.ndarray
    wires: tuple[np.ndarray, np.ndarray, np.ndarray]
    width_mm: float
    length_mm: float
    gap_mm: float
    edge_mm: float = 0.0
    keep_outs: tuple[KeepOut, ...] = ()
    boxes_mm: tuple[np.ndarray, ...] = field(init=False)  # per block (turns, 2): bounding box at each of its angles

    def __post_init__(self):
        boxes = []
        for (width, length), turns in zip(self.sides_mm, self.turns_deg, strict=True):
            cos, sin = np.abs(np.array([geometry.cos_sin(turn) for turn in turns])).T
            boxes.append(np.stack([cos * width + sin * length, sin * width + cos * length], axis=1))
        object.__setattr__(self, "boxes_mm", tuple(boxes))

    @property
    def count(self) -> int:
        return len(self.sides_mm)

    def boxes(self, turn: np.ndarray) -> np.ndarray:
        """Bounding boxes (n, 2) at the chosen angles (n,)."""
        return np.array([boxes[t] for boxes, t in zip(self.boxes_mm, turn, strict=True)])

    def angles(self, turn: np.ndarray) -> np.ndarray:
        return np.array([turns[t] for turns, t in zip(self.turns_deg, turn, strict=True)])

    def outlines(self, xy: np.ndarray, angle_deg: np.ndarray) -> np.ndarray:
        """Corners (n, 4, 2)."""
        return np.array([
            geometry.rectangle(x_mm=x, y_mm=y, width_mm=w, length_mm=h, angle_deg=a)
            for (x, y), (w, h), a in zip(xy, self.sides_mm, angle_deg, strict=True)
        ])  # fmt: skip


@dataclass(frozen=True)
class Arrangement:
    """Centres (n, 2) and angles (n,) of a legal placement."""

    xy_mm: np.ndarray
    angle_deg: np.ndarray


@dataclass
class _Pair:
    """A sequence pair: i is left of j where it comes first in both, below j where it comes later in `upper` only."""

    upper: np.ndarray
    lower: np.ndarray
    turn: np.ndarray

    def copy(self) -> _Pair:
        return _Pair(self.upper.copy(), self.lower.copy(), self.turn.copy())


def best_arrangement(
    blocks: Blocks, aim: Callable[[np.ndarray], float], *, seed: int, moves: int, starts: int = 3
) -> Arrangement | None:
    """The best legal placement found, or None. `moves` annealing moves are shared by the starts; each start ends in
    an exchange search over linear programs."""
    best: tuple[float, np.ndarray, _Pair] | None = None
    for start in range(starts):
        dice = np.random.default_rng([seed, start])
        pair = _annealed(blocks, aim, dice, max(moves // starts, 1))
        found = _exchanged(blocks, aim, pair)
        if found is not None and (best is None or found[0] < best[0] - 1e-9):
            best = found
    return None if best is None else Arrangement(best[1], blocks.angles(best[2].turn))


def packed(blocks: Blocks, pair: _Pair) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 2) of the tightest packing of a pair, centred on the field, and its size (2,) in mm."""
    n = blocks.count
    boxes = blocks.boxes(pair.turn) + blocks.gap_mm
    rank = [0] * n
    for place, block in enumerate(pair.lower.tolist()):
        rank[block] = place
    width, length = boxes[:, 0].tolist(), boxes[:, 1].tolist()
    x, y = [0.0] * n, [0.0] * n
    upper = pair.upper.tolist()
    for place, block in enumerate(upper):
        x[block] = max((x[b] + width[b] for b in upper[:place] if rank[b] < rank[block]), default=0.0)
    for place in range(n - 1, -1, -1):
        block = upper[place]
        y[block] = max((y[b] + length[b] for b in upper[place + 1 :] if rank[b] < rank[block]), default=0.0)
    corner = np.array([x, y]).T
    size = (corner + boxes).max(0)
    return corner + boxes / 2 - size / 2, size - blocks.gap_mm


def _annealed(blocks: Blocks, aim, dice: np.random.Generator, moves: int) -> _Pair:
    """The best pair by its packing: aim plus a price on what sticks out of the field."""
    n = blocks.count
    room = np.array([blocks.width_mm, blocks.length_mm]) - 2 * blocks.edge_mm
    price = 10 * (blocks.wires[2].sum() + 1.0)

    def value(pair: _Pair) -> float:
        xy, size = packed(blocks, pair)
        return aim(xy) + price * float(np.maximum(size - room, 0).sum())

    here = _Pair(dice.permutation(n), dice.permutation(n), np.array([dice.integers(len(t)) for t in blocks.turns_deg]))
    now = value(here)
    best, least = here, now
    trials = []
    for _ in range(min(50, moves)):
        trials.append(abs(value(_moved(here, blocks, dice)) - now))
    hot = max(float(np.mean(trials)), 1e-9)
    for number in range(moves):
        heat = hot * (1e-4) ** (number / moves)
        trial = _moved(here, blocks, dice)
        then = value(trial)
        if then <= now or dice.random() < np.exp((now - then) / heat):
            here, now = trial, then
            if now < least:
                best, least = here, now
    return best


def _moved(pair: _Pair, blocks: Blocks, dice: np.random.Generator) -> _Pair:
    """Swap two blocks in one or both sequences, move one to another place, or turn one."""
    new, n = pair.copy(), blocks.count
    kind = dice.integers(5)
    i, j = (int(v) for v in dice.choice(n, 2, replace=False)) if n > 1 else (0, 0)
    if kind in (0, 1):
        new.upper[[i, j]] = new.upper[[j, i]]
    if kind == 1:
        a, b = (int(np.flatnonzero(new.lower == block)[0]) for block in (new.upper[i], new.upper[j]))
        new.lower[[a, b]] = new.lower[[b, a]]
    if kind == 2:
        new.lower[[i, j]] = new.lower[[j, i]]
    if kind == 3:
        new.turn[i] = dice.integers(len(blocks.turns_deg[i]))
    if kind == 4:
        block = new.upper[i]
        for order in ("upper", "lower"):
            kept = getattr(new, order)
            kept = kept[kept != block]
            setattr(new, order, np.insert(kept, int(dice.integers(n)), block))
    return new


def _neighbours(pair: _Pair, blocks: Blocks) -> Iterator[_Pair]:
    n = blocks.count
    for i in range(n):
        for t in range(len(blocks.turns_deg[i])):
            if t != pair.turn[i]:
                new = pair.copy()
                new.turn[i] = t
                yield new
        for j in range(i + 1, n):
            for order in ("upper", "lower", "both"):
                new = pair.copy()
                if order != "lower":
                    new.upper[[i, j]] = new.upper[[j, i]]
                if order == "lower":
                    new.lower[[i, j]] = new.lower[[j, i]]
                elif order == "both":
                    a, b = (int(np.flatnonzero(new.lower == block)[0]) for block in (new.upper[i], new.upper[j]))
                    new.lower[[a, b]] = new.lower[[b, a]]
                yield new


def _exchanged(blocks: Blocks, aim, pair: _Pair, most: int = 600) -> tuple[float, np.ndarray, _Pair] | None:
    """Walk to better neighbours, each rated by its linear program, until none is better or `most` were rated."""
    xy = shortest(blocks, pair)
    best = (np.inf if xy is None else aim(xy), xy, pair)
    rated, again = 0, True
    while again and rated < most:
        again = False
        for trial in _neighbours(best[2], blocks):
            rated += 1
            xy = shortest(blocks, trial)
            if xy is not None and aim(xy) < best[0] - 1e-7:
                best, again = (aim(xy), xy, trial), True
                break
            if rated >= most:
                break
    return None if best[1] is None else best


def shortest(blocks: Blocks, pair: _Pair) -> np.ndarray | None:
    """Centres (n, 2) of least wirelength under the pair's order, gaps, field and keep-outs; None when there are none.

    A linear program. Keep-outs: each die that lies in one goes round it by the nearest side, one after another.
    """
    boxes, n = blocks.boxes(pair.turn), blocks.count
    place_upper, place_lower = np.argsort(pair.upper), np.argsort(pair.lower)
    order = []  # (axis, before, after)
    for i in range(n):
        for j in range(n):
            if place_lower[i] < place_lower[j]:
                order.append((0 if place_upper[i] < place_upper[j] else 1, i, j))
    limits: list[tuple[int, int, float, float]] = []  # axis, block, sign, bound: sign * x <= bound
    for _ in range(1 + blocks.count * len(blocks.keep_outs)):
        xy = _program(blocks, boxes, order, limits)
        if xy is None:
            return None
        hit = _hit(blocks, boxes, xy)
        if hit is None:
            return xy
        limits.append(hit)
    return None


def _hit(blocks: Blocks, boxes: np.ndarray, xy: np.ndarray) -> tuple[int, int, float, float] | None:
    """The limit that takes the first die out of a keep-out, by the shortest way that stays in the field."""
    half_field = np.array([blocks.width_mm, blocks.length_mm]) / 2 - blocks.edge_mm
    for keep in blocks.keep_outs:
        centre, half = np.array([keep.x_mm, keep.y_mm]), np.array([keep.width_mm, keep.length_mm]) / 2
        for block in range(blocks.count):
            reach = half + boxes[block] / 2
            away = xy[block] - centre
            if (np.abs(away) >= reach - 1e-9).any():
                continue
            ways = []
            for axis in (0, 1):
                for sign in (1.0, -1.0):  # sign 1: below or left of it
                    bound = sign * centre[axis] - reach[axis]
                    if -bound + boxes[block, axis] / 2 <= half_field[axis] + 1e-9:
                        ways.append((sign * xy[block, axis] - bound, axis, block, sign, bound))
            return min(ways)[1:] if ways else (0, block, 1.0, -np.inf)
    return None


def _program(blocks: Blocks, boxes: np.ndarray, order, limits) -> np.ndarray | None:
    n, (first, second, count) = blocks.count, blocks.wires
    e = len(count)
    rows, columns, values, right = [], [], [], []

    def at_most(bound: float, *terms: tuple[int, float]) -> None:
        for column, value in terms:
            rows.append(len(right))
            columns.append(column)
            values.append(value)
        right.append(bound)

    for axis, i, j in order:
        # In x the order says left of; in y a block later in `upper` lies below.
        apart = (boxes[i, axis] + boxes[j, axis]) / 2 + blocks.gap_mm
        at_most(-apart, (axis * n + i, 1.0), (axis * n + j, -1.0))
    for axis, block, sign, bound in limits:
        if not np.isfinite(bound):
            return None
        at_most(bound, (axis * n + block, sign))
    for axis in (0, 1):
        for wire, (i, j) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
            length = 2 * n + axis * e + wire
            at_most(0.0, (axis * n + i, 1.0), (axis * n + j, -1.0), (length, -1.0))
            at_most(0.0, (axis * n + i, -1.0), (axis * n + j, 1.0), (length, -1.0))
    half = np.array([blocks.width_mm, blocks.length_mm]) / 2 - blocks.edge_mm
    bounds = [(-(half[axis] - boxes[i, axis] / 2), half[axis] - boxes[i, axis] / 2) for axis in (0, 1)
              for i in range(n)]  # fmt: skip
    if any(low > high + 1e-9 for low, high in bounds):
        return None
    bounds = [(low, max(low, high)) for low, high in bounds] + [(0, None)] * (2 * e)
    cost = np.concatenate([np.zeros(2 * n), count, count])
    matrix = coo_array((values, (rows, columns)), shape=(len(right), 2 * n + 2 * e)).tocsr() if right else None
    found = linprog(cost, A_ub=matrix, b_ub=right or None, bounds=bounds, method="highs-ds")
    return np.array(found.x[: 2 * n]).reshape(2, n).T if found.status == 0 else None
