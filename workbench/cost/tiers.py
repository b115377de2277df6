"""The stacks of a design: which dies lie on which, how each is joined, and what yield the join has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from workbench.cost.assembly import Chip
from workbench.cost.hybrid_bond import overlay_limit_nm, particle_yield
from workbench.cost.overlay import overlay_yield, recess_yield, yap
from workbench.cost.stacking import Stack, StackedDie
from workbench.cost.wafers import Wafer, best_grid, countable
from workbench.stack import Bond, Design, Layer, geometry
from workbench.stack.part import TOLERANCE_MM

_WAFER_DIES = 400
_CARRIERS = ("interposer", "rdl", "substrate")  # a die above one of these lies on it, not on the die below


@dataclass(frozen=True)
class HybridYield:
    """YAP's three causes of a failed hybrid bond, for one die. `limit_nm` is the overlay that the pads forgive."""

    limit_nm: float
    far_pad_nm: float
    overlay: float
    particles: float
    recess: float

    @property
    def bond_yield(self) -> float:
        return self.overlay * self.particles * self.recess


@lru_cache(maxsize=256)
def hybrid_yield(
    *,
    pitch_um: float,
    pad_diameter_um: float,
    width_mm: float,
    length_mm: float,
    particle_density_per_um2: float,
    wafer: Wafer | None = None,
) -> HybridYield:
    """Yield of bonding one die of width x length full of equal pads, with YAP's example inputs.

    Die to wafer; wafer to wafer when `wafer` is given: then over its whole dies (400 of them at most). The causes are
    taken as independent. Raises DomainError for pads that touch.
    """
    bonding = "die_to_wafer" if wafer is None else "wafer_to_wafer"
    alignment, recess = yap(bonding)
    radius = pad_diameter_um / 2
    limit = overlay_limit_nm(pitch_um=pitch_um, bottom_radius_um=radius, top_radius_um=radius)
    centres, samples = None, 14
    if wafer is not None:
        centres, samples = _on_wafer(wafer, width_mm, length_mm), 9
    landed = overlay_yield(limit_nm=limit, alignment=alignment, width_mm=width_mm, length_mm=length_mm,
                           centres_mm=centres, samples_log2=samples)  # fmt: skip
    spared = particle_yield(
        width_um=1000 * width_mm, length_um=1000 * length_mm, top_radius_um=radius,
        particle_density_per_um2=particle_density_per_um2,
        bonded_radius_um=None if wafer is None else 1000 * wafer.usable_radius_mm,
    )  # fmt: skip
    pads = max((width_mm * 1000 / pitch_um) * (length_mm * 1000 / pitch_um), 1.0)
    return HybridYield(limit, float(landed.far_pad_nm.max()), landed.yield_ratio, spared,
                       recess_yield(recess, pad_count=pads))  # fmt: skip


def _on_wafer(wafer: Wafer, width_mm: float, length_mm: float) -> np.ndarray:
    """Centres (n, 2) of dies on a wafer, in mm: a fixed draw of them stands for all."""
    draw = np.random.default_rng(0)
    if not countable(wafer, width_mm=width_mm, length_mm=length_mm):  # so small that they fill the disc evenly
        radius, turn = wafer.usable_radius_mm * np.sqrt(draw.random(_WAFER_DIES)), 2 * np.pi * draw.random(_WAFER_DIES)
        return np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    grid = best_grid(wafer, width_mm=width_mm, length_mm=length_mm)
    return grid.corners_mm[draw.permutation(grid.count)[:_WAFER_DIES]] + np.array([width_mm, length_mm]) / 2


@dataclass(frozen=True)
class Tower:
    """Dies that stand on each other: per tier, bottom to top, how often each die id occurs and how the tier is joined
    to the one below (None for the lowest)."""

    tiers: tuple[tuple[tuple[str, int], ...], ...]
    bonds: tuple[Bond | None, ...]


def towers(design: Design) -> dict[Tower, int]:
    """The towers of a design and how many equal ones there are: dies that overlap in neighbouring die layers belong
    together. A layer of interposer, RDL or substrate between two die layers separates them."""
    layers = design.die_layers
    joints = [_joint(design, lower, upper) for lower, upper in pairwise(layers)]
    parents = {placement.name: placement.name for placement in design.placements}

    def root(name: str) -> str:
        while parents[name] != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    for (lower, upper), joint in zip(pairwise(layers), joints, strict=True):
        if joint is not None:
            corners = geometry.outlines(design, lower), geometry.outlines(design, upper)
            for below, above in geometry.overlapping(*corners, TOLERANCE_MM):
                parents[root(upper.placements[above].name)] = root(lower.placements[below].name)
    groups: dict[str, list[Counter[str]]] = {}
    for index, layer in enumerate(layers):
        for placement in layer.placements:
            groups.setdefault(root(placement.name), [Counter() for _ in layers])[index][placement.die] += 1
    found: Counter[Tower] = Counter()
    for tiers in groups.values():
        occupied = [index for index, tier in enumerate(tiers) if tier]
        found[Tower(
            tuple(tuple(sorted(tiers[index].items())) for index in occupied),
            tuple(joints[index - 1] if position else None for position, index in enumerate(occupied)),
        )] += 1  # fmt: skip
    return dict(found)


def stacks(
    design: Design,
    standing: dict[Tower, int],
    chips: dict[str, Chip],
    *,
    hybrid: dict[tuple[str, Bond], HybridYield] | None = None,
) -> tuple[Stack, ...]:
    """The towers of a design (`towers`) as stacks to be priced.

    `chips` by die id; `hybrid` by die id and bond: the modelled bond yield of a die that a hybrid bond joins to the
    tier below (left out: the process's figure).
    """
    return tuple(
        Stack(tuple(_tier(design, tier, chips, bond, hybrid or {})
                    for tier, bond in zip(tower.tiers, tower.bonds, strict=True)), count)
        for tower, count in standing.items()
    )  # fmt: skip


def _tier(
    design: Design, tier: tuple[tuple[str, int], ...], chips: dict[str, Chip], bond: Bond | None, hybrid: dict
) -> tuple[StackedDie, ...]:
    dies = []
    for die_id, count in tier:
        die = design.die(die_id)
        modelled = hybrid.get((die_id, bond))
        dies.append(StackedDie(
            chip=replace(chips[die_id], count=count),
            via_count=die.tsv.count if die.tsv is not None and die.node_nm is not None else 0,
            bond_yield=modelled.bond_yield if modelled is not None else None,
            micro_bumped=bond is not None and bond.method in ("micro_bump", "copper_pillar", "solder_bump"),
        ))  # fmt: skip
    return tuple(dies)


def _joint(design: Design, lower: Layer, upper: Layer) -> Bond | None:
    """How two neighbouring die layers are joined: None when a carrier lies between; adhesive where nothing is said."""
    start, end = design.layers.index(lower), design.layers.index(upper)
    between = design.layers[start + 1 : end]
    if any(layer.kind in _CARRIERS for layer in between):
        return None
    return next((layer.bond for layer in between if layer.bond is not None), Bond(method="adhesive"))


def hybrid_joined(design: Design) -> tuple[tuple[str, Bond], ...]:
    """Die ids that a hybrid bond joins to the tier below, each with its bond; a die in several tiers for each bond."""
    found = []
    for lower, upper in pairwise(design.die_layers):
        bond = _joint(design, lower, upper)
        if bond is not None and bond.method == "hybrid":
            found += [(placement.die, bond) for placement in upper.placements]
    return tuple(dict.fromkeys(found))
