"""Bumps and vias where the module has them: patterns of a die or layer, turned, mirrored and lifted into place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workbench.stack import geometry
from workbench.stack.connections import End
from workbench.stack.derived import Level, levels
from workbench.stack.document import Design, Placement
from workbench.stack.patterns import Grid, Points, Region


@dataclass(frozen=True)
class PlacedField:
    """One pattern in the module. `xy_um` (n, 2) are centres from the centre of the body, seen from above."""

    end: End
    field: Grid | Points
    placement: Placement | None
    z_um: float
    xy_um: np.ndarray

    @property
    def count(self) -> int:
        return len(self.xy_um)


def place(field: Grid | Points, placement: Placement | None) -> np.ndarray:
    """Centres (n, 2) in um from the centre of the body; a layer's own fields (placement None) lie centred on it."""
    xy = field.xy_um()
    return xy if placement is None else geometry.to_module(xy, placement, scale=1000.0)


def followed(field: Grid | Points, source: Placement | None, target: Placement | None) -> Grid | Points:
    """The field of `target` that meets `field` of `source` site by site: `place` gives equal centres for both.

    Names, nets and their order are kept; a grid stays a grid at any angle. None stands for a layer.
    """
    if isinstance(field, Points):
        x, y = geometry.from_module(place(field, source), target, scale=1000.0).T
        return field.model_copy(update={"x_um": tuple(x.tolist()), "y_um": tuple(y.tolist())})
    angle, mirrored = field.angle_deg, field.mirrored
    for pose, back in ((source, False), (target, True)):
        if pose is None:
            continue
        if back:  # x -> M R(-a) x, and a mirror before a turn is the turn back before a mirror
            angle -= pose.angle_deg
        if pose.mirrored:
            angle, mirrored = -angle, not mirrored
        if not back:
            angle += pose.angle_deg
    centre = np.array([[field.x_um, field.y_um]])
    module = centre if source is None else geometry.to_module(centre, source, scale=1000.0)
    x, y = np.round(geometry.from_module(module, target, scale=1000.0)[0], 9).tolist()
    return field.model_copy(update={"x_um": x + 0.0, "y_um": y + 0.0, "angle_deg": round(angle % 360, 12) % 360,
                                    "mirrored": mirrored})  # fmt: skip


def die_span_um(level: Level, thickness_um: float) -> tuple[float, float]:
    """Bottom and top of a die in its layer: a die thinner than the layer sits at its lower end."""
    return level.z_bottom_um, level.z_bottom_um + thickness_um


def face_looks(placement: Placement | None, side: str) -> str:
    """Which way a face looks: up, down or, inside a part, "". Front is a die's active face, a layer's top."""
    if side not in ("front", "back"):
        return ""
    up = placement is None or placement.facing == "up"
    return "up" if (side == "front") == up else "down"


def face_z_um(design: Design, level: Level, placement: Placement | None, side: str) -> float:
    """Height of a face; internal regions count as at mid-thickness."""
    bottom, top = level.z_bottom_um, level.z_top_um
    if placement is not None:
        bottom, top = die_span_um(level, design.die(placement.die).thickness_um)
    return {"up": top, "down": bottom}.get(face_looks(placement, side), (bottom + top) / 2)


def placed_fields(design: Design, end: End) -> tuple[PlacedField, ...]:
    """The bump fields of one region, in the module. Raises InputError for an unknown part or region."""
    layer, placement = design.part(end.part)
    region = design.region(end)
    level = next(level for level in levels(design) if level.layer.name == layer.name)
    z_um = face_z_um(design, level, placement, region.side)
    return tuple(PlacedField(end, field, placement, z_um, place(field, placement)) for field in region.bumps)


def ends(design: Design) -> Iterator[tuple[End, Region]]:
    """Every region of every part, bottom to top."""
    for layer in design.layers:
        for region in layer.regions:
            yield End(part=layer.name, region=region.name), region
        for placement in layer.placements:
            for region in design.die(placement.die).regions:
                yield End(part=placement.name, region=region.name), region


def bump_count(design: Design) -> int:
    """Bumps of the whole module, both sides of an interface counted."""
    return sum(region.bump_count for _, region in ends(design))
