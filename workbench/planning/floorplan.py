"""Floorplans of side-by-side dies: a good placement, its wirelength, and a bound below which none can be.

The measure is the number of wires times the Manhattan distance of the dies' centres, in mm, as long as nothing says
where on a die its wires end. The method and the proof of the bound are in docs/theory/floorplan.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from workbench.errors import DomainError, InputError
from workbench.planning.floorplan_bound import bound
from workbench.planning.floorplan_search import Plan, Search
from workbench.planning.floorplan_shapes import Site, crowding, half_span, is_legal, wirelength_mm
from workbench.stack.document import Design, Layer, assembly_of
from workbench.stack.part import TOLERANCE_MM

Angles = Literal["fixed", "quarter", "free"]
Effort = Literal["quick", "normal", "thorough"]
Wires = Mapping[tuple[str, str], float]

MOST_DIES = 200
FIRST_TRIES = 200  # orders in which the dies are put in, before a field counts as too tight
_STARTS = {"quick": 1, "normal": 4, "thorough": 8}
_ROUNDS = {"quick": 200, "normal": 500, "thorough": 1_500}  # of each start; more than MANY dies get one
_NODES = {"quick": 500, "normal": 15_000, "thorough": 150_000}  # of branch and bound, for each programme
MANY = 16


@dataclass(frozen=True)
class KeepOut:
    """A rectangle along x and y where no die may lie; x, y is its centre from the centre of the body."""

    x_mm: float
    y_mm: float
    width_mm: float
    length_mm: float


@dataclass(frozen=True)
class Floorplan:
    """A legal floorplan and what is known about it.

    `bound_mm`: no legal floorplan has less wirelength. `bound_method`: ``programme`` (one mixed-integer programme),
    ``groups`` (several, their wires disjoint) or ``touching`` (every pair at its least distance).
    `spread_mm` is a proxy of how far heat sources are apart, no temperature: the harmonic mean of the distances of
    centres, each pair weighed by the product of its powers; None where fewer than two dies have power.
    `given_wirelength_mm` is that of the design as it was, legal or not (`given_is_legal`).
    """

    design: Design
    layer: str
    wirelength_mm: float
    given_wirelength_mm: float
    given_is_legal: bool
    bound_mm: float
    bound_method: str
    spread_mm: float | None
    given_spread_mm: float | None
    evaluations: int
    seed: int

    @property
    def gap_to_bound(self) -> float:
        """Share of the wirelength that might still be saved: 0 is proven best, to 1e-5."""
        return max(1.0 - self.bound_mm / self.wirelength_mm, 0.0) if self.wirelength_mm > 0 else 0.0

    @property
    def is_proven_best(self) -> bool:
        """No legal floorplan has less wirelength, but for the tolerances of document and solver."""
        return self.gap_to_bound <= 1e-5


def floorplan(
    design: Design, wires: Wires, *, layer: str | None = None, gap_mm: float, keep_outs: Sequence[KeepOut] = (),
    angles: Angles = "fixed", thermal_weight: float = 0.0, seed: int = 0, effort: Effort = "normal",
    progress: Callable[[float, str], None] | None = None,
) -> Floorplan:  # fmt: skip
    """Place the dies of one die layer anew: short wires, every gap at least `gap_mm`, inside the layer and what
    carries it, out of the keep-outs. Equal arguments give an equal floorplan.

    `wires` counts the wires between placements (members of arrays: ``name[column,row]``); a pair may be given once or
    both ways round. `angles`: each die as it is, also by quarter turns, or at any angle. `thermal_weight` >= 0, in mm:
    the mean length of a wire that may be paid for one unit of (diagonal of the field / `spread_mm`); the bound is on
    the wirelength alone. `progress(share, step)` is called with the steps ``search`` and ``bound``.

    Only the dies move: joints drawn on the carrier stay behind and are to be joined anew. Legal is meant to the
    document's tolerance of 1 nm. Raises InputError for unknown names or values out of range, DomainError when the dies
    cannot fit (proven by size or area) or no legal floorplan was found (not proven).
    """
    target = _layer_of(design, layer)
    _check_options(gap_mm, angles, thermal_weight, effort, keep_outs)
    site = _site(design, target, wires, gap_mm=gap_mm, keep_outs=keep_outs, angles=angles)
    _check_room(site)
    given = np.array([(p.x_mm, p.y_mm) for p in target.placements])

    report = progress or (lambda share, step: None)
    search = Search(site, _heat_weight(site, thermal_weight), seed)
    plan = _searched(search, given, effort, lambda share: report(0.6 * share, "search"))
    report(0.6, "bound")
    proven = bound(site, plan.xy_mm, nodes=_NODES[effort], progress=lambda share: report(0.6 + 0.4 * share, "bound"))
    if proven.xy_mm is not None and not thermal_weight:  # the programme came upon a shorter one
        shorter = search.settled(Plan(proven.xy_mm, proven.angle_deg, math.inf))
        if shorter.goal_mm < plan.goal_mm:
            plan = shorter
    report(1.0, "bound")
    return Floorplan(
        design=_moved(design, target, site, plan), layer=target.name,
        wirelength_mm=wirelength_mm(site, plan.xy_mm), given_wirelength_mm=wirelength_mm(site, given),
        given_is_legal=is_legal(site, given, site.angle_deg, TOLERANCE_MM),
        bound_mm=proven.wirelength_mm, bound_method=proven.method,
        spread_mm=_spread_mm(site, plan.xy_mm), given_spread_mm=_spread_mm(site, given),
        evaluations=search.evaluations, seed=seed,
    )  # fmt: skip


def wires_of(design: Design, layer: str | None = None) -> dict[tuple[str, str], float]:
    """Wires between the dies of a layer by the netlist: a net of k of them counts 2 / k for each of its pairs, in all
    the k - 1 wires of a tree. Nets with fewer than two of them count nothing."""
    names = {p.name for p in _layer_of(design, layer).placements}
    counted: dict[tuple[str, str], float] = {}
    for net in design.netlist:
        ends = sorted({pin.part for pin in net.pins} & names)
        for pair in combinations(ends, 2):
            counted[pair] = counted.get(pair, 0.0) + 2.0 / len(ends)
    return counted


def _searched(search: Search, given: np.ndarray, effort: Effort, progress: Callable[[float], None]) -> Plan:
    """The best of several starts. Raises DomainError where not one legal floorplan was found."""
    site, starts, rounds = search.site, _STARTS[effort], _ROUNDS[effort]
    if site.count > MANY:  # one long search instead of several short ones
        starts, rounds = 1, math.ceil(starts * rounds * min(1.0, 2 * MANY / site.count))
    best: Plan | None = None
    for start in range(starts):
        first = search.first(given, FIRST_TRIES)
        if first is None:
            field = f"{site.extent_mm[0]:g} x {site.extent_mm[1]:g} mm, gap {site.gap_mm:g} mm"
            raise DomainError("planning.floorplan_not_found", where=", ".join(site.names[:12]), got=field,
                              tries=search.tries)  # fmt: skip
        found = search.improve(first, rounds, lambda share, start=start: progress((start + share) / starts))
        if best is None or found.goal_mm < best.goal_mm - 1e-9:
            best = found
    return best


def _heat_weight(site: Site, thermal_weight: float) -> float:
    """Turns `thermal_weight` into the weight of the sum of P_i P_j / d_ij in the cost."""
    pairs = _power_pairs(site)
    if not thermal_weight or not pairs:
        return 0.0
    wires = float(np.triu(site.wires, 1).sum()) or 1.0
    return thermal_weight * wires * math.hypot(*site.extent_mm) / pairs


def _power_pairs(site: Site) -> float:
    return float((site.power_w.sum() ** 2 - (site.power_w**2).sum()) / 2) if np.count_nonzero(site.power_w) > 1 else 0.0


def _spread_mm(site: Site, xy_mm: np.ndarray) -> float | None:
    pairs = _power_pairs(site)
    return pairs / crowding(site, xy_mm) if pairs else None


# --- what is asked for -----------------------------------------------------------------------------------------------


def _layer_of(design: Design, name: str | None) -> Layer:
    tiers = design.die_layers
    chosen = [tier for tier in tiers if tier.name == name] if name is not None else [
        tier for tier in tiers if len(tier.placements) > 1 or len(tiers) == 1]  # fmt: skip
    if len(chosen) != 1:
        raise InputError("planning.floorplan_layer", where="layer", got=name or "",
                         allowed=", ".join(tier.name for tier in tiers))  # fmt: skip
    if len(chosen[0].placements) > MOST_DIES:
        raise DomainError("planning.floorplan_too_many", where=chosen[0].name, got=len(chosen[0].placements),
                          allowed=f"<= {MOST_DIES}")  # fmt: skip
    return chosen[0]


def _check_options(gap_mm: float, angles: str, thermal_weight: float, effort: str,
                   keep_outs: Sequence[KeepOut]) -> None:  # fmt: skip
    for where, got, allowed, holds in (
        ("gap_mm", gap_mm, "0 ... 100 mm", 0 <= gap_mm <= 100),
        ("angles", angles, ", ".join(get_args(Angles)), angles in get_args(Angles)),
        ("thermal_weight", thermal_weight, "0 ... 1e6 mm", 0 <= thermal_weight <= 1e6),
        ("effort", effort, ", ".join(get_args(Effort)), effort in get_args(Effort)),
        ("keep_outs", len(keep_outs), "<= 100", len(keep_outs) <= 100),
        *(("keep_outs", out, "-1,000 ... 1,000 mm, > 0 wide and long",
           max(abs(out.x_mm), abs(out.y_mm)) <= 1_000 and 0 < out.width_mm <= 1_000 and 0 < out.length_mm <= 1_000)
          for out in keep_outs),
    ):  # fmt: skip
        if not holds:
            raise InputError("planning.floorplan_option", where=where, got=got, allowed=allowed)


def _site(design: Design, layer: Layer, wires: Wires, *, gap_mm: float, keep_outs: Sequence[KeepOut],
          angles: str) -> Site:  # fmt: skip
    placements = layer.placements
    dies = [design.die(p.die) for p in placements]
    return Site(
        names=tuple(p.name for p in placements),
        width_mm=np.array([die.width_mm for die in dies]), length_mm=np.array([die.length_mm for die in dies]),
        angle_deg=np.array([p.angle_deg for p in placements]), power_w=np.array([die.power_w for die in dies]),
        wires=_matrix([p.name for p in placements], wires), extent_mm=_field_mm(design, layer), gap_mm=gap_mm,
        keep_outs_mm=np.array([(k.x_mm, k.y_mm, k.width_mm, k.length_mm) for k in keep_outs]).reshape(-1, 4),
        angles=angles,
    )  # fmt: skip


def _field_mm(design: Design, layer: Layer) -> tuple[float, float]:
    """The part of the layer that lies on what carries it: all layers are centred, so the narrowest below counts."""
    below = design.layers[: design.layers.index(layer)]
    carriers = [x for x in below if x.kind in ("interposer", "rdl", "substrate")]
    spans = [design.extent_mm(x) for x in (layer, *carriers)]
    return min(width for width, _ in spans), min(length for _, length in spans)


def _matrix(names: list[str], wires: Wires) -> np.ndarray:
    index = {name: k for k, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)))
    for (first, second), count in wires.items():
        for name in (first, second):
            if name not in index:
                raise InputError("planning.floorplan_wire_end", where=f"{first} / {second}", got=name,
                                 allowed=", ".join(names[:12]))  # fmt: skip
        other = wires.get((second, first), count)
        if not (math.isfinite(count) and 0 <= count <= 1e9) or other != count or (first == second and count):
            got = f"{count:g}" if other == count else f"{count:g}, {other:g}"
            raise InputError("planning.floorplan_wire_count", where=f"{first} / {second}", got=got, allowed="0 ... 1e9")
        matrix[index[first], index[second]] = matrix[index[second], index[first]] = count
    return matrix


def _check_room(site: Site) -> None:
    """Raises DomainError where a die cannot fit at any angle allowed, or all cannot by area.

    Dies g apart, each grown by g/2 all round, lie side by side in the field grown by g/2, so the areas with their
    rounded rims add up to no more than its own. For a die alone the angle matters: free angles are refused only where
    not even a quarter turn and no diagonal can help, that is where the shorter side exceeds the field's.
    """
    width, length = site.extent_mm
    for die, name in enumerate(site.names):
        turns = (0.0, 90.0) if site.angles == "quarter" else (0.0,)
        spans = [2 * half_span(site.width_mm[die], site.length_mm[die], site.angle_deg[die] + turn) for turn in turns]
        least = min(site.width_mm[die], site.length_mm[die]), max(site.width_mm[die], site.length_mm[die])
        fits = any(span[0] <= width + 2 * TOLERANCE_MM and span[1] <= length + 2 * TOLERANCE_MM for span in spans)
        if site.angles == "free":
            fits = least[0] <= min(width, length) + TOLERANCE_MM and math.hypot(*least) <= math.hypot(width, length) * (
                1 + 1e-9)  # fmt: skip
        if not fits:
            raise DomainError("planning.floorplan_die_too_large", where=name,
                              got=f"{site.width_mm[die]:g} x {site.length_mm[die]:g} mm",
                              allowed=f"{width:g} x {length:g} mm")  # fmt: skip
    rim = site.gap_mm / 2
    areas, rounds = site.width_mm * site.length_mm, 2 * (site.width_mm + site.length_mm)
    grown = float((areas + rounds * rim + math.pi * rim**2).sum())
    field = width * length + 2 * (width + length) * rim + math.pi * rim**2
    if grown > field * (1 + 1e-6):
        raise DomainError("planning.floorplan_area", where=", ".join(site.names[:12]), got=f"{grown:.6g} mm2",
                          allowed=f"{field:.6g} mm2")  # fmt: skip


def _moved(design: Design, layer: Layer, site: Site, plan: Plan) -> Design:
    """The design with the layer's arrays opened and its dies in their new places."""
    dies = tuple(
        p.model_copy(update={"x_mm": float(x) + 0.0, "y_mm": float(y) + 0.0, "angle_deg": float(angle)})
        for p, (x, y), angle in zip(layer.placements, plan.xy_mm, plan.angle_deg, strict=True)
    )
    moved = layer.model_copy(update={"dies": dies})
    fields = {name: getattr(design, name) for name in Design.model_fields}
    fields["layers"] = tuple(moved if x is layer else x for x in design.layers)
    return Design(**{**fields, "assembly": assembly_of(Design.model_construct(**fields))})
