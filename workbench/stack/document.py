"""The design document: dies, ordered layers, placements. Frozen, closed to unknown fields, versioned.

A stack is an ordered list of layer thicknesses, bottom to top; no height is ever written down, so two layers cannot
overlap. A placement gives the **centre** of a die from the centre of the body, in mm, and any angle. Each part names
the figures that rest on no source that was read (`unverified`), so that screens can flag exactly those.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workbench.errors import InputError
from workbench.stack import geometry

SCHEMA_VERSION = 1
TOLERANCE_MM = 1e-6  # one nanometre: touching is allowed, overlap is not

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]*$")]
Words = Annotated[str, Field(max_length=1000)]
Thickness = Annotated[float, Field(gt=0, le=20_000)]
Span = Annotated[float, Field(gt=0, le=1_000)]
Offset = Annotated[float, Field(ge=-1_000, le=1_000)]
Pitch = Annotated[float, Field(gt=0, le=5_000)]
Power = Annotated[float, Field(ge=0, le=100_000)]

Assembly = Literal["single", "side_by_side", "face_to_face", "face_to_back", "back_to_back", "mixed"]


class Part(BaseModel):
    """What every part of a document shares: where its figures come from."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    source: Words = ""
    unverified: tuple[Name, ...] = Field(default=(), max_length=40)

    @model_validator(mode="after")
    def _unverified_names_exist(self):
        for name in self.unverified:
            if name not in type(self).model_fields:
                fields = ", ".join(f for f in type(self).model_fields if f not in ("source", "unverified"))
                raise InputError("design.unverified_unknown", where=type(self).__name__, got=name, allowed=fields)
        return self

    def is_verified(self, field: str) -> bool:
        return field not in self.unverified


class PowerBlock(Part):
    """A rectangle of a die's active face with its power; x, y is its lower left corner from the die's centre."""

    name: Name
    x_mm: Offset
    y_mm: Offset
    width_mm: Span
    length_mm: Span
    power_w: Power


class Tsv(Part):
    """Through-silicon vias of a die."""

    diameter_um: Pitch
    pitch_um: Pitch
    count: int = Field(ge=1, le=100_000_000)


class Die(Part):
    """One type of die (or bought-in cube). width is along x, length along y, at angle 0."""

    id: Name
    name: Name
    role: Literal["logic", "memory", "io", "analog", "bridge", "dummy"] = "logic"
    width_mm: Span
    length_mm: Span
    thickness_um: Thickness
    node_nm: Annotated[float, Field(gt=0, le=1_000)] | None = None  # None: bought in, not made from a costed wafer
    power_w: Power = 0.0
    power_blocks: tuple[PowerBlock, ...] = Field(default=(), max_length=10_000)
    tsv: Tsv | None = None

    @property
    def area_mm2(self) -> float:
        return self.width_mm * self.length_mm

    @model_validator(mode="after")
    def _blocks_inside(self):
        for block in self.power_blocks:
            x, y = self.width_mm / 2 + TOLERANCE_MM, self.length_mm / 2 + TOLERANCE_MM
            inside = (
                -x <= block.x_mm and block.x_mm + block.width_mm <= x
                and -y <= block.y_mm and block.y_mm + block.length_mm <= y
            )  # fmt: skip
            if not inside:
                raise InputError("design.block_outside", where=f"{self.id} / {block.name}",
                                 allowed=f"{self.width_mm:g} x {self.length_mm:g} mm")  # fmt: skip
        total_w = sum(block.power_w for block in self.power_blocks)
        if total_w > self.power_w * (1 + 1e-9) + 1e-12:
            raise InputError("design.block_power", where=self.id, got=f"{total_w:g} W",
                             allowed=f"<= {self.power_w:g} W")  # fmt: skip
        return self


class Placement(Part):
    """One die instance in a layer: its centre from the centre of the body, its angle, where its active face looks."""

    name: Name
    die: Name
    x_mm: Offset = 0.0
    y_mm: Offset = 0.0
    angle_deg: float = Field(default=0.0, ge=-360, le=360)
    facing: Literal["up", "down"] = "down"


class Bond(Part):
    """How the parts below and above a layer are joined through it."""

    method: Literal["hybrid", "micro_bump", "copper_pillar", "solder_bump", "solder_ball", "adhesive"]
    pitch_um: Pitch | None = None
    diameter_um: Pitch | None = None

    @model_validator(mode="after")
    def _joints_apart(self):
        if self.pitch_um is not None and self.diameter_um is not None and self.diameter_um >= self.pitch_um:
            raise InputError("design.joints_touch", where=self.method, got=f"{self.diameter_um:g} um",
                             allowed=f"< {self.pitch_um:g} um")  # fmt: skip
        return self


class Layer(Part):
    """One layer of the stack, centred on the body. Dies placed in it are surrounded by its material; a layer narrower
    than the body is surrounded by `around` (air when None)."""

    name: Name
    kind: Literal[
        "balls", "substrate", "interposer", "rdl", "bond", "die", "mould", "tim", "lid",
    ]  # fmt: skip
    material: Name
    thickness_um: Thickness
    width_mm: Span | None = None  # None: as wide as the body
    length_mm: Span | None = None
    around: Name | None = None
    bond: Bond | None = None
    dies: tuple[Placement, ...] = Field(default=(), max_length=10_000)

    @model_validator(mode="after")
    def _kind_fits(self):
        if (self.kind == "die") != bool(self.dies):
            raise InputError("design.layer_kind", where=self.name, got=f"kind = {self.kind}, dies = {len(self.dies)}")
        return self


class Design(Part):
    """A whole module. `layers` run bottom to top; width and length are those of the body."""

    schema_version: Literal[1] = SCHEMA_VERSION
    title: Name
    title_zh: Annotated[str, Field(max_length=80)] = ""
    note: Words = ""
    assembly: Assembly
    carrier: Literal["interposer", "fan_out", "substrate"]
    flow: Literal["mcm", "fan_out_first", "fan_out_last", "si_interposer"] | None = None  # None: stacked, or open
    width_mm: Span
    length_mm: Span
    dies: tuple[Die, ...] = Field(min_length=1, max_length=1_000)
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=400)

    def die(self, die_id: str) -> Die:
        return next(die for die in self.dies if die.id == die_id)

    @property
    def die_layers(self) -> tuple[Layer, ...]:
        return tuple(layer for layer in self.layers if layer.kind == "die")

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Every die instance, bottom to top."""
        return tuple(placement for layer in self.layers for placement in layer.dies)

    def extent_mm(self, layer: Layer) -> tuple[float, float]:
        """Width and length of a layer: its own, else the body's."""
        return (layer.width_mm or self.width_mm, layer.length_mm or self.length_mm)

    @model_validator(mode="after")
    def _parts_fit(self):
        _all_different("dies", [die.id for die in self.dies])
        _all_different("layers", [layer.name for layer in self.layers])
        _all_different("placements", [placement.name for placement in self.placements])
        known = {die.id for die in self.dies}
        for layer in self.layers:
            width, length = self.extent_mm(layer)
            if width > self.width_mm + TOLERANCE_MM or length > self.length_mm + TOLERANCE_MM:
                raise InputError("design.layer_outside", where=layer.name, got=f"{width:g} x {length:g} mm",
                                 allowed=f"<= {self.width_mm:g} x {self.length_mm:g} mm")  # fmt: skip
            for placement in layer.dies:
                if placement.die not in known:
                    raise InputError("design.unknown_die", where=f"{layer.name} / {placement.name}",
                                     got=placement.die, allowed=", ".join(sorted(known)))  # fmt: skip
                if self.die(placement.die).thickness_um > layer.thickness_um * (1 + 1e-9):
                    raise InputError("design.die_too_thick", where=f"{layer.name} / {placement.name}",
                                     got=f"{self.die(placement.die).thickness_um:g} um",
                                     allowed=f"<= {layer.thickness_um:g} um")  # fmt: skip
            self._dies_apart(layer)
        if not self.placements:
            raise InputError("design.no_dies", where=self.title)
        actual = assembly_of(self)
        if self.assembly != actual:
            raise InputError("design.assembly_mismatch", where="assembly", got=self.assembly, allowed=actual)
        return self

    def _dies_apart(self, layer: Layer) -> None:
        if not layer.dies:
            return
        outlines = geometry.outlines(self, layer)
        width, length = self.extent_mm(layer)
        outside = geometry.outside(outlines, width, length, TOLERANCE_MM)
        if outside.size:
            placement = layer.dies[int(outside[0])]
            raise InputError("design.die_outside", where=f"{layer.name} / {placement.name}",
                             got=f"x = {placement.x_mm:g} mm, y = {placement.y_mm:g} mm",
                             allowed=f"{width:g} x {length:g} mm")  # fmt: skip
        pairs, gaps_mm = geometry.gaps(outlines)
        for first, second in pairs[gaps_mm < -TOLERANCE_MM]:
            raise InputError("design.dies_overlap", where=layer.name,
                             got=f"{layer.dies[first].name} / {layer.dies[second].name}")  # fmt: skip


def assembly_of(design: Design) -> str:
    """The kind of assembly that the layers and facings describe."""
    tiers = design.die_layers
    if len(tiers) == 1:
        return "single" if len(tiers[0].dies) == 1 else "side_by_side"
    kinds = set()
    for lower, upper in pairwise(tiers):
        for top in upper.dies:
            for bottom in lower.dies:
                pair = geometry.outline(design, bottom), geometry.outline(design, top)
                if geometry.gap_mm(*pair) < -TOLERANCE_MM:
                    kinds.add({("up", "down"): "face_to_face", ("down", "up"): "back_to_back"}.get(
                        (bottom.facing, top.facing), "face_to_back"))  # fmt: skip
    return kinds.pop() if len(kinds) == 1 and all(len(tier.dies) == 1 for tier in tiers) else "mixed"


def _all_different(place: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError("design.duplicate", where=place, got=name)
        seen.add(name)
