"""From heights to layers: which carriers and dies share one, what lies between, and what had to be moved for it.

The file gives every part a height; a design is a pile of layers. The seating rule is section 3 of the frame contract:
a die stands at its own z where it has one, else on the attachment surface plus the height of its connection stack.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from workbench.errors import InputError
from workbench.formats.chiplet.records import CARRIERS, DIES, Assembly, Component
from workbench.formats.report import Notes

TOLERANCE_UM = 1e-3  # files carry at most six digits; a nanometre is no gap
ASSUMED_UM = {"die": 100.0, "die_array": 100.0, "interposer": 100.0, "substrate": 1000.0}


@dataclass(frozen=True)
class Slab:
    """What one layer holds: a carrier, or dies (with their own heights)."""

    bottom_um: float
    top_um: float
    parts: tuple[Component, ...]

    @property
    def is_dies(self) -> bool:
        return self.parts[0].type in DIES


@dataclass(frozen=True)
class Gap:
    """Empty height below a slab, to be filled by a bond layer."""

    height_um: float


def pile(file: Assembly, notes: Notes) -> list[Slab | Gap]:
    """Slabs and the gaps between them, bottom to top. Raises InputError where two overlap in height."""
    thick = [_with_thickness(part, notes) for part in file.components]
    carriers = [Slab(*_carrier_span(part), (part,)) for part in thick if part.type in CARRIERS]
    dies = sorted(((_seat(part, carriers, file, notes), part) for part in thick if part.type in DIES),
                  key=lambda seated: seated[0])  # fmt: skip
    slabs = sorted([*carriers, *_tiers(dies, notes)], key=lambda slab: slab.bottom_um)
    found: list[Slab | Gap] = []
    for slab in slabs:
        if found:
            below: Slab = found[-1]
            height = slab.bottom_um - below.top_um
            if height < -TOLERANCE_UM:
                part = slab.parts[0]
                raise InputError("chiplet.overlap", where=part.block.place("position"),
                                 got=f"{part.id}: {slab.bottom_um:g} um; {below.parts[0].id}: {below.top_um:g} um",
                                 allowed=f">= {below.top_um:g} um")  # fmt: skip
            if height > TOLERANCE_UM:
                found.append(Gap(height))
        found.append(slab)
    return found


def _with_thickness(part: Component, notes: Notes) -> Component:
    """Thickness 0 stands for unknown in real files; a layer needs one."""
    if part.thickness_um > 0 or part.type not in ASSUMED_UM:
        return part
    known = part.attachment_um if part.type == "interposer" and (part.attachment_um or 0) > 0 else None
    assumed = known or ASSUMED_UM[part.type]
    notes.assume("exchange.chiplet.thickness", id=part.id, thickness=f"{assumed:g}")
    return replace(part, thickness_um=assumed)


def _carrier_span(part: Component) -> tuple[float, float]:
    """An interposer's body hangs below its attachment surface; without one its top is z + thickness."""
    if part.type == "interposer":
        top = part.z_um + (part.thickness_um if part.attachment_um is None else part.attachment_um)
        return top - part.thickness_um, top
    return part.z_um, part.z_um + part.thickness_um


def _seat(part: Component, carriers: list[Slab], file: Assembly, notes: Notes) -> float:
    """Height of the underside of a die (section 3.4: an explicit z other than 0 is used as it is)."""
    z = part.array.start[2] if part.array and part.array.start else part.z_um
    if z:
        return z
    interposers = [slab for slab in carriers if slab.parts[0].type == "interposer"]
    surface = max((slab.top_um for slab in interposers or carriers), default=0.0)
    stack = file.stacks.get(part.connection)
    if stack is None:
        notes.assume("exchange.chiplet.no_stack", id=part.id)
    return surface + (stack.height_um if stack else 0.0)


def _tiers(dies: list[tuple[float, Component]], notes: Notes) -> list[Slab]:
    """Dies whose heights overlap share a layer and its lower end; those that stood higher are said."""
    groups: list[list[tuple[float, Component]]] = []
    for z, part in dies:
        if groups and z < max(below + other.thickness_um for below, other in groups[-1]) - TOLERANCE_UM:
            groups[-1].append((z, part))
        else:
            groups.append([(z, part)])
    slabs = []
    for group in groups:
        bottom = group[0][0]
        for z, part in group:
            if z - bottom > TOLERANCE_UM:
                notes.leave("exchange.chiplet.lowered", id=part.id, by=f"{z - bottom:g}")
        slabs.append(Slab(bottom, max(z + part.thickness_um for z, part in group), tuple(part for _, part in group)))
    return slabs
