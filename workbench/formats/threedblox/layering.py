"""From instances with heights to ordered layers: which chiplets share a layer, what lies between, how wide the body is.

Lengths in um. A design writes no heights, so what cannot be said by ordered layers is refused here, by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import InputError
from workbench.formats.threedblox.files import Blox
from workbench.formats.threedblox.model import Chiplet, Instance
from workbench.stack import geometry

TOLERANCE_UM = 1e-3  # one nanometre


@dataclass(frozen=True)
class Outline:
    """The box of a chiplet: design area, seal ring and scribe line."""

    width_um: float
    length_um: float


@dataclass(frozen=True)
class Placed:
    """An instance where it lies: lower left corner and size as turned, height range, and its pose."""

    instance: Instance
    chiplet: Chiplet
    outline: Outline
    x_um: float
    y_um: float
    width_um: float
    length_um: float
    z_bottom_um: float
    z_top_um: float
    angle_deg: int
    mirrored: bool
    facing: str

    @property
    def name(self) -> str:
        return self.instance.name

    @property
    def span(self) -> str:
        return f"{self.name}: {self.z_bottom_um:g} ... {self.z_top_um:g} um"

    @property
    def centre_um(self) -> tuple[float, float]:
        return self.x_um + self.width_um / 2, self.y_um + self.length_um / 2


@dataclass(frozen=True)
class Tier:
    """Chiplets that share a layer. `carrier`: the one chiplet is the layer itself (a substrate, an RDL)."""

    placed: tuple[Placed, ...]
    carrier: bool
    gap_um: float  # to the tier below

    @property
    def thickness_um(self) -> float:
        return max(p.z_top_um for p in self.placed) - self.placed[0].z_bottom_um


@dataclass(frozen=True)
class Body:
    """The box around everything; its centre in the files' coordinates."""

    x_um: float
    y_um: float
    width_um: float
    length_um: float


def place(blox: Blox, outlines: dict[str, Outline]) -> list[Placed]:
    """Every instance of the assembly, in the order of the file.

    Raises InputError with the place: a chiplet of type hier, one without thickness, an instance without Stack.
    """
    chiplets, found = blox.chiplets, []
    for instance in blox.top.instances.values():
        chiplet = chiplets.get(instance.reference)
        if chiplet is None or chiplet.type == "hier":
            raise InputError("threedblox.hier", where=instance.place, got=f"{instance.name}: {instance.reference}")
        if instance.loc_um is None:
            raise InputError("threedblox.missing", where=instance.place, got=f"Stack.{instance.name}")
        if not chiplet.thickness_um:
            raise InputError("threedblox.missing", where=chiplet.place, got=f"ChipletDef.{chiplet.name}.thickness")
        angle, mirrored, facing = geometry.pose(instance.orient)
        outline = outlines[chiplet.name]
        size = (outline.width_um, outline.length_um) if angle % 180 == 0 else (outline.length_um, outline.width_um)
        found.append(Placed(instance, chiplet, outline, *instance.loc_um, *size, instance.z_um,
                            instance.z_um + chiplet.thickness_um, angle, mirrored, facing))  # fmt: skip
    if not found:
        raise InputError("threedblox.no_assembly", where=blox.root)
    return found


def tiers(placed: list[Placed], body: Body) -> list[Tier]:
    """The instances as layers, bottom to top.

    Raises InputError naming both parts where two overlap in height without standing on the same level: no order of
    layers has them both.
    """
    rising = sorted(placed, key=lambda p: p.z_bottom_um)
    groups: list[list[Placed]] = []
    for part in rising:
        if groups and part.z_bottom_um - groups[-1][0].z_bottom_um <= TOLERANCE_UM:
            groups[-1].append(part)
            continue
        if groups:
            highest = max(groups[-1], key=lambda p: p.z_top_um)
            if part.z_bottom_um < highest.z_top_um - TOLERANCE_UM:
                raise InputError("threedblox.no_layers", where=part.instance.place,
                                 got=f"{part.span}; {highest.span}")  # fmt: skip
        groups.append([part])
    found: list[Tier] = []
    top = groups[0][0].z_bottom_um
    for group in groups:
        gap = group[0].z_bottom_um - top
        found.append(Tier(tuple(group), is_carrier(group, body), gap if gap > TOLERANCE_UM else 0.0))
        top = max(p.z_top_um for p in group)
    return found


def is_carrier(group: list[Placed], body: Body) -> bool:
    """Whether the group is one substrate or RDL that lies unturned on the middle of the body: a layer of its own."""
    part = group[0]
    if len(group) > 1 or part.chiplet.type not in ("substrate", "rdl") or part.instance.orient != "R0":
        return False
    x, y = part.centre_um
    return abs(x - body.x_um) <= TOLERANCE_UM and abs(y - body.y_um) <= TOLERANCE_UM


def body_of(placed: list[Placed]) -> Body:
    """Centred on the largest substrate or RDL, else on the box around all; as wide as everything needs."""
    low_x, low_y = min(p.x_um for p in placed), min(p.y_um for p in placed)
    high_x, high_y = max(p.x_um + p.width_um for p in placed), max(p.y_um + p.length_um for p in placed)
    carriers = [p for p in placed if p.chiplet.type in ("substrate", "rdl") and p.instance.orient == "R0"]
    if carriers:
        x, y = max(carriers, key=lambda p: p.width_um * p.length_um).centre_um
    else:
        x, y = (low_x + high_x) / 2, (low_y + high_y) / 2
    return Body(x, y, 2 * max(high_x - x, x - low_x), 2 * max(high_y - y, y - low_y))
