"""What follows from a design: heights, areas, power densities, gaps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from workbench.stack import geometry
from workbench.stack.document import Design, Die, Layer


@dataclass(frozen=True)
class Level:
    """A layer with the heights it occupies above the bottom of the stack."""

    layer: Layer
    z_bottom_um: float
    z_top_um: float


@dataclass(frozen=True)
class Gap:
    """The smallest distance between two dies of one layer."""

    layer: str
    first: str
    second: str
    gap_mm: float


@dataclass(frozen=True)
class Derived:
    """The figures of a design. `silicon_area_mm2` counts every placed die; `area_ratio` is silicon over footprint."""

    total_thickness_um: float
    footprint_mm2: float
    silicon_area_mm2: float
    carrier_area_mm2: float
    area_ratio: float
    die_count: int
    power_w: float
    power_density_w_per_mm2: float
    hottest_die: Die
    hottest_density_w_per_mm2: float
    smallest_gap: Gap | None


def levels(design: Design) -> tuple[Level, ...]:
    """Every layer with its z range, bottom to top; each starts where the one below ends."""
    tops = list(accumulate(layer.thickness_um for layer in design.layers))
    return tuple(
        Level(layer, below, top) for layer, below, top in zip(design.layers, [0.0, *tops[:-1]], tops, strict=True)
    )


def die_counts(design: Design) -> dict[str, int]:
    """How often each die type is placed, in the order of `design.dies`; types not placed are left out."""
    counts = Counter(placement.die for placement in design.placements)
    return {die.id: counts[die.id] for die in design.dies if counts[die.id]}


def carrier_area_mm2(design: Design) -> float:
    """Area of the layer that carries the dies: the interposer or RDL where there is one, else the body."""
    for layer in design.layers:
        if layer.kind in ("interposer", "rdl"):
            return float(np.prod(design.extent_mm(layer)))
    return design.width_mm * design.length_mm


def smallest_gap(design: Design) -> Gap | None:
    """The closest pair of dies that share a layer, or None where no layer holds two."""
    best: Gap | None = None
    for layer in design.die_layers:
        found = geometry.closest(geometry.outlines(design, layer))
        if found is not None:
            first, second = (layer.placements[i].name for i in found[:2])
            gap = Gap(layer.name, first, second, max(found[2], 0.0))
            best = gap if best is None or gap.gap_mm < best.gap_mm else best
    return best


def derive(design: Design) -> Derived:
    """All derived figures of a design."""
    counts = die_counts(design)
    placed = [(die, counts[die.id]) for die in design.dies if die.id in counts]
    silicon = sum(die.area_mm2 * count for die, count in placed)
    power = sum(die.power_w * count for die, count in placed)
    footprint = design.width_mm * design.length_mm
    hottest = max((die for die, _ in placed), key=lambda die: die.power_w / die.area_mm2)
    return Derived(
        total_thickness_um=sum(layer.thickness_um for layer in design.layers),
        footprint_mm2=footprint,
        silicon_area_mm2=silicon,
        carrier_area_mm2=carrier_area_mm2(design),
        area_ratio=silicon / footprint,
        die_count=sum(counts.values()),
        power_w=power,
        power_density_w_per_mm2=power / footprint,
        hottest_die=hottest,
        hottest_density_w_per_mm2=hottest.power_w / hottest.area_mm2,
        smallest_gap=smallest_gap(design),
    )
