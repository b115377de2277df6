"""Where the dies of one layer should lie: short wires between them, hot ones apart, every gap kept.

Wires run from centre to centre and are counted by Manhattan length, weighted by how many there are. A sequence pair
(who is left of whom, who is below) is searched by simulated annealing, then by exhaustive exchange; for each pair a
linear program finds the shortest wires. At the end dies slide freely, at their true angles. Legality is exact: outlines
at any angle, distances from `stack.geometry`.

Sources: Murata et al., IEEE TCAD 15 (1996) 1518 (sequence pair); Ma et al., DATE 2021 (TAP-2.5D: wires against
temperature by annealing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import InputError
from workbench.planning.arrangement import Arrangement, Blocks, KeepOut, best_arrangement
from workbench.stack import Design, Layer, geometry, read, to_document
from workbench.stack.part import TOLERANCE_MM

Wires = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Floorplan:
    """The design with its dies moved, and what that gives.

    `wire_mm` is the sum over pairs of wires times centre-to-centre Manhattan distance; `heat_w2_per_mm` the sum of
    P_i P_j / d_ij over pairs: a **proxy** for thermal coupling, of use only to rank placements of the same dies, no
    temperature. `bound_wire_mm` is a proven lower bound on wire_mm of every placement with these gaps at any angle.
    """

    design: Design
    wire_mm: float
    heat_w2_per_mm: float
    bound_wire_mm: float
    start_wire_mm: float
    start_heat_w2_per_mm: float

    @property
    def excess_ratio(self) -> float:
        """How far the wires are above the bound, as a share of it; the optimum is somewhere between."""
        return self.wire_mm / self.bound_wire_mm - 1 if self.bound_wire_mm > 0 else 0.0


def floorplan(
    design: Design, wires: Wires, *, layer: str = "", gap_mm: float = 0.1, edge_mm: float = 0.0,
    keep_outs: Sequence[KeepOut] = (), angles_deg: Sequence[float] | None = None, heat_weight: float = 0.0,
    seed: int = 0, moves: int = 20_000,
) -> Floorplan:  # fmt: skip
    """Move the dies of one layer (default: the only one with several) to shorten `wires` (names of two dies: count).

    No two dies come closer than gap_mm, none closer than edge_mm to the layer's edge or into a keep-out. A die takes
    one of `angles_deg` (None: the angle it has, or a quarter turn from it). The aim is wire_mm + heat_weight x
    heat_w2_per_mm. Equal arguments give equal designs. Raises InputError for an unknown layer or die, a negative
    count, or when no legal placement was found.
    """
    chosen = _layer(design, layer)
    blocks = _blocks(design, chosen, wires, gap_mm, edge_mm, keep_outs, angles_deg)
    aim = Aim(blocks, heat_weight)
    start = np.array([[p.x_mm, p.y_mm] for p in chosen.placements])
    found = best_arrangement(blocks, aim, seed=seed, moves=moves)
    if found is None:
        raise InputError("planning.no_placement", where=chosen.name, got=f"{len(start)}",
                         allowed=f"{blocks.width_mm:g} x {blocks.length_mm:g} mm")  # fmt: skip
    xy, turned = settled(blocks, aim, found)
    moved = tuple(
        p.model_copy(update={"x_mm": float(x), "y_mm": float(y), "angle_deg": float(a)})
        for p, (x, y), a in zip(chosen.placements, xy.tolist(), turned.tolist(), strict=True)
    )
    layers = tuple(
        layer.model_copy(update={"dies": moved}) if layer.name == chosen.name else layer for layer in design.layers
    )
    result = read(to_document(design.model_copy(update={"layers": layers})))  # checked like any other document
    return Floorplan(
        design=result, wire_mm=aim.wire_mm(xy), heat_w2_per_mm=aim.heat(xy), bound_wire_mm=touching_bound_mm(blocks),
        start_wire_mm=aim.wire_mm(start), start_heat_w2_per_mm=aim.heat(start),
    )  # fmt: skip


@dataclass(frozen=True)
class Aim:
    """What is to be small: wires plus weighted heat proxy, of centres (n, 2) in mm."""

    blocks: Blocks
    heat_weight: float

    def wire_mm(self, xy: np.ndarray) -> float:
        i, j, count = self.blocks.wires
        return float((count * np.abs(xy[i] - xy[j]).sum(-1)).sum()) if len(i) else 0.0

    def heat(self, xy: np.ndarray) -> float:
        i, j = np.triu_indices(len(xy), 1)
        power = self.blocks.power_w
        return float((power[i] * power[j] / np.maximum(np.linalg.norm(xy[i] - xy[j], axis=-1), 1e-9)).sum())

    def __call__(self, xy: np.ndarray) -> float:
        return self.wire_mm(xy) + (self.heat_weight * self.heat(xy) if self.heat_weight else 0.0)


def touching_bound_mm(blocks: Blocks) -> float:
    """No two dies at any angle have centres nearer than half the sum of their shorter sides plus the gap: a line
    separates them, and a rectangle reaches at least half its shorter side in every direction. Manhattan distance is
    never below the straight one."""
    i, j, count = blocks.wires
    shorter = blocks.sides_mm.min(-1)
    return float((count * ((shorter[i] + shorter[j]) / 2 + blocks.gap_mm)).sum()) if len(i) else 0.0


def legal(blocks: Blocks, xy: np.ndarray, angle_deg: np.ndarray, tolerance_mm: float = TOLERANCE_MM) -> bool:
    """Whether every gap, edge and keep-out is kept, exactly, at the dies' true angles."""
    outlines = blocks.outlines(xy, angle_deg)
    limit = np.array([blocks.width_mm, blocks.length_mm]) / 2 - blocks.edge_mm + tolerance_mm
    if (np.abs(outlines) > limit).any():
        return False
    _, gaps = geometry.gaps(outlines)
    if len(gaps) and gaps.min() < blocks.gap_mm - tolerance_mm:
        return False
    return all(geometry.gap_mm(one, keep.outline) >= -tolerance_mm for keep in blocks.keep_outs for one in outlines)


def settled(blocks: Blocks, aim: Aim, found: Arrangement) -> tuple[np.ndarray, np.ndarray]:
    """Slide each die alone while that helps and stays legal: by ever smaller steps, along x, y and both diagonals.

    The linear program keeps bounding boxes apart; here dies at free angles move up to their true outlines, and hot
    ones away from each other.
    """
    xy, angle = found.xy_mm.copy(), found.angle_deg
    best, step = aim(xy), max(blocks.width_mm, blocks.length_mm) / 16
    ways = np.array([[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [1, -1], [-1, 1], [-1, -1]], float)
    while step > 1e-3:
        improved = False
        for die in range(len(xy)):
            for way in ways:
                trial = xy.copy()
                trial[die] += step * way
                value = aim(trial)
                if value < best - 1e-9 and legal(blocks, trial, angle):
                    xy, best, improved = trial, value, True
        step = step if improved else step / 2
    return np.round(xy, 6), angle


def _layer(design: Design, name: str) -> Layer:
    several = [layer for layer in design.die_layers if len(layer.placements) > 1]
    if not name and len(several) == 1:
        return several[0]
    for layer in several:
        if layer.name == name:
            return layer
    raise InputError("planning.no_layer", got=name, allowed=", ".join(layer.name for layer in several))


def _blocks(design, layer, wires, gap_mm, edge_mm, keep_outs, angles_deg) -> Blocks:
    names = [p.name for p in layer.placements]
    index = {name: n for n, name in enumerate(names)}
    for pair, count in wires.items():
        unknown = [name for name in pair if name not in index]
        if unknown or len(set(pair)) != 2 or not count >= 0:
            raise InputError("planning.wires", where=" / ".join(pair), got=f"{count:g}", allowed=", ".join(names))
    dies = [design.die(p.die) for p in layer.placements]
    width, length = design.extent_mm(layer)
    turns = tuple(
        tuple(dict.fromkeys([p.angle_deg % 360, (p.angle_deg + 90) % 360] if angles_deg is None else angles_deg))
        for p in layer.placements
    )
    ends = [(index[a], index[b]) for (a, b), count in wires.items() if count]
    return Blocks(
        sides_mm=np.array([[die.width_mm, die.length_mm] for die in dies]), turns_deg=turns,
        power_w=np.array([die.power_w for die in dies]),
        wires=(np.array([a for a, _ in ends], int), np.array([b for _, b in ends], int),
               np.array([float(count) for count in wires.values() if count])),
        width_mm=width, length_mm=length, gap_mm=gap_mm, edge_mm=edge_mm, keep_outs=tuple(keep_outs),
    )  # fmt: skip


__all__ = ["Aim", "Floorplan", "KeepOut", "Wires", "floorplan", "legal", "touching_bound_mm"]
