"""The module as solids: boxes for layers and dies, fields of cylinders for bumps and vias. Every picture in three
dimensions, on screen or as a file, is drawn from this one list, so that none shows what another does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench import materials
from workbench.stack import geometry
from workbench.stack.bumps import die_span_um, face_looks, face_z_um, place
from workbench.stack.derived import levels
from workbench.stack.document import Design, Layer, Placement
from workbench.stack.patterns import Grid, Points

_BOND_FAMILY = {"hybrid": "copper", "copper_pillar": "copper"}


@dataclass(frozen=True)
class Box:
    """A layer or a die: centre, size and angle in plan (mm, degrees), height range (um). `family` is the material
    family that decides the colour; `die` the die type of a placed die."""

    name: str
    kind: Literal["layer", "die"]
    layer: str
    family: str
    x_mm: float
    y_mm: float
    width_mm: float
    length_mm: float
    angle_deg: float
    z_bottom_um: float
    z_top_um: float
    die: str | None = None

    def corners_mm(self) -> np.ndarray:
        """Corners (4, 2) in plan, counter-clockwise."""
        return geometry.rectangle(x_mm=self.x_mm, y_mm=self.y_mm, width_mm=self.width_mm, length_mm=self.length_mm,
                                  angle_deg=self.angle_deg)  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A pattern of cylinders. `part` and `region` say whose it is (region None: vias)."""

    kind: Literal["bump", "tsv", "via"]
    part: str
    region: str | None
    pattern: Grid | Points
    placement: Placement | None
    family: str
    z_bottom_um: float
    z_top_um: float

    def xy_um(self) -> np.ndarray:
        """Centres (n, 2) from the centre of the body."""
        return place(self.pattern, self.placement)


@dataclass(frozen=True)
class Solids:
    """Bottom to top; a layer's box comes before its dies and fields."""

    boxes: tuple[Box, ...]
    fields: tuple[Field, ...]


def solids(design: Design) -> Solids:
    """Boxes and fields of a design. A bump stands in the bond layer it faces, else it is a tenth of its diameter
    high, so that it shows on a face that touches another. Those of a region inside a part lie at its middle.
    """
    boxes: list[Box] = []
    fields: list[Field] = []
    ordered = levels(design)
    for index, level in enumerate(ordered):
        layer = level.layer
        width, length = design.extent_mm(layer)
        boxes.append(Box(layer.name, "layer", layer.name, materials.find(layer.material).family, 0.0, 0.0, width,
                         length, 0.0, level.z_bottom_um, level.z_top_um))  # fmt: skip
        fields += [Field("via", layer.name, None, v, None, "copper", level.z_bottom_um, level.z_top_um)
                   for v in layer.vias]  # fmt: skip
        neighbours = (ordered[index - 1].layer if index else None,
                      ordered[index + 1].layer if index + 1 < len(ordered) else None)  # fmt: skip
        fields += _bumps(design, level, None, layer.regions, neighbours)
        for placement in layer.placements:
            die = design.die(placement.die)
            bottom, top = die_span_um(level, die.thickness_um)
            boxes.append(Box(placement.name, "die", layer.name, "silicon", placement.x_mm, placement.y_mm,
                             die.width_mm, die.length_mm, placement.angle_deg, bottom, top, die.id))  # fmt: skip
            if die.tsv is not None:
                fields += [Field("tsv", placement.name, None, v, placement, "copper", bottom, top)
                           for v in die.tsv.fields]  # fmt: skip
            fields += _bumps(design, level, placement, die.regions, neighbours)
    return Solids(tuple(boxes), tuple(fields))


def _bumps(design, level, placement, regions, neighbours: tuple[Layer | None, Layer | None]) -> list[Field]:
    below, above = neighbours
    found = []
    part = level.layer.name if placement is None else placement.name
    for region in regions:
        z = face_z_um(design, level, placement, region.side)
        looks = face_looks(placement, region.side)
        bond_layer = {"up": above, "down": below}.get(looks)
        joined = bond_layer is not None and bond_layer.bond is not None
        family = _BOND_FAMILY.get(bond_layer.bond.method, "solder") if joined else "solder"
        for pattern in region.bumps:
            height = bond_layer.thickness_um if joined else pattern.diameter_um / 10
            low = z - height * {"up": 0.0, "down": 1.0}.get(looks, 0.5)
            high = z + height * {"up": 1.0, "down": 0.0}.get(looks, 0.5)
            found.append(Field("bump", part, region.name, pattern, placement, family, low, high))
    return found
