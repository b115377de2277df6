"""What joins parts: bond layers from connection stacks, connections from typed interfaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workbench.errors import InputError
from workbench.formats.chiplet.heights import Gap, Slab
from workbench.formats.chiplet.records import CARRIERS, DIES, Assembly, Component, Joint, Stack
from workbench.formats.report import Notes

# `surface` names a face of the component's own layout: the top of a die's layout is its active face.
_SIDES = {"top": "front", "front": "front", "bottom": "back", "back": "back"}
_TYPES = {"micro_bump": "micro_bump", "copper_pillar": "copper_pillar", "solder_bump": "solder_bump"}


@dataclass
class Connected:
    """Regions by part, the connections between them, and the interface each die stands on."""

    regions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    connections: list[dict[str, Any]] = field(default_factory=list)
    below: dict[str, Joint] = field(default_factory=dict)


def joined(file: Assembly, slabs: list[Slab | Gap], parts: dict[str, Component], notes: Notes) -> Connected:
    """The interfaces that join two faces of the pile; wires and open ends are left and said."""
    order = {part.id: index for index, slab in enumerate(slabs) if isinstance(slab, Slab) for part in slab.parts}
    found, names = Connected(), set()
    for joint in file.joints:
        if joint.id in names:
            raise InputError("chiplet.twice", where=joint.block.place("id"), got=joint.id)
        names.add(joint.id)
        for side, (component, *_) in zip(("from", "to"), joint.ends, strict=False):
            if component and component not in parts:
                raise InputError("chiplet.component", where=joint.block.place(side, "component"), got=component[:80],
                                 allowed=", ".join(list(parts)[:12]))  # fmt: skip
        ends = [end for end in joint.ends if end[0] in order and not _is_array(parts[end[0]])]
        if joint.type == "wire_bond" or len(ends) != 2 or order[ends[0][0]] == order[ends[1][0]]:
            notes.leave("exchange.chiplet.interface", id=joint.id, why=joint.type)
            continue
        lower, upper = sorted(ends, key=lambda end: order[end[0]])
        named = [_region(found, parts[end[0]], end, notes) for end in (upper, lower)]
        if None in named:
            notes.leave("exchange.chiplet.interface", id=joint.id, why=joint.type)
            continue
        between = slabs[order[lower[0]] + 1 : order[upper[0]]]
        height = sum(gap.height_um for gap in between if isinstance(gap, Gap))
        found.connections.append({
            "name": joint.id, "top": {"part": upper[0], "region": named[0]},
            "bottom": {"part": lower[0], "region": named[1]}, "thickness_um": joint.height_um or height,
        })  # fmt: skip
        found.below.setdefault(upper[0], joint)
    return found


def _is_array(part: Component) -> bool:
    return part.type == "die_array" and part.array is not None and part.array.columns * part.array.rows > 1


def _region(found: Connected, part: Component, end: tuple[str, str, str], notes: Notes) -> str | None:
    """The name of the region an end meets: the whole face, once for each layer named."""
    side = _SIDES.get(end[1].lower() or "top")
    if side is None or not (part.width_um and part.length_um) or part.type not in (*DIES, *CARRIERS):
        return None
    name = f"{side} {end[2]}".strip()[:80]
    regions = found.regions.setdefault(part.id, [])
    if not any(region["name"] == name for region in regions):
        regions.append({"name": name, "side": side, "width_um": part.width_um, "length_um": part.length_um,
                        "layer": end[2][:256]})  # fmt: skip
        notes.assume("exchange.chiplet.surface")
    return name


def bond_of(above: Slab, file: Assembly, connected: Connected, notes: Notes) -> tuple[dict[str, Any] | None, str]:
    """The bond of the gap below a slab, and a name for its layer."""
    stacks = list(dict.fromkeys(part.connection for part in above.parts if part.connection))
    joint = next((connected.below[part.id] for part in above.parts if part.id in connected.below), None)
    if not stacks:
        if joint is None or joint.type not in _TYPES:
            return None, "gap"
        return _figures(_TYPES[joint.type], joint.diameter_um, joint.pitch_um), "gap"
    if len(stacks) > 1:
        notes.leave("exchange.chiplet.mixed", kept=stacks[0], others=", ".join(stacks[1:])[:200])
    stack = file.stacks.get(stacks[0]) or Stack(stacks[0], (), (), 0.0, 0.0)  # of a registry outside the file
    method = _TYPES.get(joint.type) if joint is not None else None
    if method is None:
        method = _method(stack)
        notes.assume("exchange.chiplet.method", stack=stack.id, method=method)
    return _figures(method, stack.diameter_um, joint.pitch_um if joint else 0.0), stack.id


def _figures(method: str, diameter_um: float, pitch_um: float) -> dict[str, Any]:
    bond: dict[str, Any] = {"method": method}
    if 0 < diameter_um <= 5_000:
        bond["diameter_um"] = diameter_um
    if diameter_um < pitch_um <= 5_000:
        bond["pitch_um"] = pitch_um
    return bond


def _method(stack: Stack) -> str:
    """The method a stack describes, by its words: the format has no field for it."""
    words = " ".join((stack.id, *stack.names)).lower()
    materials = {material.lower() for material in stack.materials}
    if "hybrid" in words:
        return "hybrid"
    if "adhesive" in words:
        return "adhesive"
    if "micro" in words or "ubump" in words:
        return "micro_bump"
    if "pillar" in words or "cu" in materials:
        return "copper_pillar"
    return "solder_ball" if "ball" in words else "solder_bump"
