"""The design document: dies, ordered layers, placements. Frozen, closed to unknown fields, versioned.

A stack is an ordered list of layer thicknesses, bottom to top; no height is ever written down, so two layers cannot
overlap. A placement gives the **centre** of a die from the centre of the body, in mm, and any angle. Places inside a
die (power blocks, regions, bumps, vias) are measured from its centre as its layout is drawn; the placement turns,
mirrors and flips them. Bumps lie in regions, as patterns; connections say which regions meet.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from workbench.errors import InputError
from workbench.stack import geometry
from workbench.stack.connections import Connection, End, Net, PathAssertion
from workbench.stack.part import (
    TOLERANCE_MM,
    Name,
    Offset,
    Part,
    Pitch,
    Power,
    Span,
    Thickness,
    Words,
    all_different,
)
from workbench.stack.patterns import Pattern, Region

SCHEMA_VERSION = 2

Assembly = Literal["single", "side_by_side", "face_to_face", "face_to_back", "back_to_back", "mixed"]


class PowerBlock(Part):
    """A rectangle of a die's active face with its power; x, y is its lower left corner from the die's centre."""

    name: Name
    x_mm: Offset
    y_mm: Offset
    width_mm: Span
    length_mm: Span
    power_w: Power


class Tsv(Part):
    """Through-silicon vias of a die. `fields` say where they are; without them only how many of which pitch.
    `keep_out_um` is the ring around each via where no device may lie."""

    diameter_um: Pitch
    pitch_um: Pitch
    count: int = Field(ge=1, le=100_000_000)
    keep_out_um: Annotated[float, Field(ge=0, le=1_000)] | None = None
    fields: tuple[Pattern, ...] = Field(default=(), max_length=1_000)

    @model_validator(mode="after")
    def _counted(self):
        drawn = sum(field.count for field in self.fields)
        if self.fields and drawn != self.count:
            raise InputError("design.tsv_count", where="tsv", got=self.count, allowed=drawn)
        return self


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
    regions: tuple[Region, ...] = Field(default=(), max_length=1_000)

    @property
    def area_mm2(self) -> float:
        return self.width_mm * self.length_mm

    @model_validator(mode="after")
    def _blocks_inside(self):
        all_different(f"{self.id}.regions", [region.name for region in self.regions])
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
    """A die in a layer: its centre from the centre of the body, its angle, where its active face looks; or an array.

    Seen from above, the layout is mirrored (x to -x) when `mirrored`, then turned counter-clockwise by `angle_deg`.
    `facing` says only which way the active face looks: a layout drawn from the die's face needs `mirrored` as well
    to face down. With columns and rows the placement is an array centred on x, y, its members ``name[column,row]``.
    """

    name: Name
    die: Name
    x_mm: Offset = 0.0
    y_mm: Offset = 0.0
    angle_deg: float = Field(default=0.0, ge=-360, le=360)
    facing: Literal["up", "down"] = "down"
    mirrored: bool = False
    columns: int = Field(default=1, ge=1, le=1_000)
    rows: int = Field(default=1, ge=1, le=1_000)
    pitch_x_mm: Span | None = None
    pitch_y_mm: Span | None = None

    @model_validator(mode="after")
    def _array_has_pitch(self):
        for count, pitch, name in ((self.columns, self.pitch_x_mm, "pitch_x_mm"),
                                   (self.rows, self.pitch_y_mm, "pitch_y_mm")):  # fmt: skip
            if count > 1 and pitch is None:
                raise InputError("design.array_pitch", where=self.name, got=name)
        if self.columns * self.rows > 10_000:
            raise InputError("design.array_size", where=self.name, got=self.columns * self.rows, allowed="<= 10,000")
        return self

    @property
    def is_array(self) -> bool:
        return self.columns * self.rows > 1

    @property
    def orientation(self) -> str | None:
        """R0 ... MY_R90, with MZ when facing down; None at an angle that is no multiple of 90 degrees."""
        return geometry.orientation(self.angle_deg, mirrored=self.mirrored, facing=self.facing)

    def members(self) -> tuple[Placement, ...]:
        """The single dies this places: itself, or every member of the array, row by row."""
        if not self.is_array:
            return (self,)
        dx, dy = self.pitch_x_mm or 0.0, self.pitch_y_mm or 0.0
        single = {"columns": 1, "rows": 1, "pitch_x_mm": None, "pitch_y_mm": None}
        return tuple(
            self.model_copy(update={
                "name": f"{self.name}[{column},{row}]",
                "x_mm": self.x_mm + (column - (self.columns - 1) / 2) * dx,
                "y_mm": self.y_mm + (row - (self.rows - 1) / 2) * dy,
                **single,
            })
            for row in range(self.rows) for column in range(self.columns)
        )  # fmt: skip


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


class Metal(Part):
    """One metal of a redistribution layer, interposer or substrate, listed from the bottom up. `pad_um` is the
    capture pad that a via of `via_um` lands on."""

    name: Name
    line_um: Pitch
    space_um: Pitch
    thickness_um: Pitch | None = None
    via_um: Pitch | None = None
    pad_um: Pitch | None = None


class Layer(Part):
    """One layer of the stack, centred on the body. Dies placed in it are surrounded by its material; a layer narrower
    than the body is surrounded by `around` (air when None). `vias` run through the whole layer (through-mould,
    through-interposer), `regions` are its faces that connect, `metals` its wiring."""

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
    dies: tuple[Placement, ...] = Field(default=(), max_length=10_000)  # as written; `placements` has arrays opened
    metals: tuple[Metal, ...] = Field(default=(), max_length=40)
    vias: tuple[Pattern, ...] = Field(default=(), max_length=1_000)
    regions: tuple[Region, ...] = Field(default=(), max_length=1_000)

    @cached_property
    def placements(self) -> tuple[Placement, ...]:
        """Every die of the layer, arrays opened into their members."""
        return tuple(member for placement in self.dies for member in placement.members())

    @model_validator(mode="after")
    def _kind_fits(self):
        all_different(f"{self.name}.regions", [region.name for region in self.regions])
        all_different(f"{self.name}.metals", [metal.name for metal in self.metals])
        if (self.kind == "die") != bool(self.dies):
            raise InputError("design.layer_kind", where=self.name, got=f"kind = {self.kind}, dies = {len(self.dies)}")
        return self


class Design(Part):
    """A whole module. `layers` run bottom to top; width and length are those of the body."""

    schema_version: Literal[2] = SCHEMA_VERSION
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
    connections: tuple[Connection, ...] = Field(default=(), max_length=100_000)
    netlist: tuple[Net, ...] = Field(default=(), max_length=1_000_000)
    paths: tuple[PathAssertion, ...] = Field(default=(), max_length=100_000)

    @cached_property
    def _dies_by_id(self) -> dict[str, Die]:
        return {die.id: die for die in self.dies}

    @cached_property
    def _placed(self) -> dict[str, tuple[Layer, Placement | None]]:
        """Layer and placement of every part by name; the placement is None for a layer itself."""
        parts: dict[str, tuple[Layer, Placement | None]] = {layer.name: (layer, None) for layer in self.layers}
        return parts | {p.name: (layer, p) for layer in self.layers for p in layer.placements}

    def die(self, die_id: str) -> Die:
        return self._dies_by_id[die_id]

    def part(self, name: str) -> tuple[Layer, Placement | None]:
        """The layer a part lies in and its placement; the layer itself and None where `name` is a layer's.

        Raises InputError for an unknown name.
        """
        if name not in self._placed:
            known = list(self._placed)
            raise InputError("design.unknown_part", got=name, allowed=", ".join(known[:12]))
        return self._placed[name]

    def region(self, end: End) -> Region:
        """The region an end names. Raises InputError when the part or the region is unknown."""
        layer, placement = self.part(end.part)
        regions = layer.regions if placement is None else self.die(placement.die).regions
        for region in regions:
            if region.name == end.region:
                return region
        raise InputError("design.unknown_region", where=end.part, got=end.region,
                         allowed=", ".join(region.name for region in regions))  # fmt: skip

    @property
    def die_layers(self) -> tuple[Layer, ...]:
        return tuple(layer for layer in self.layers if layer.kind == "die")

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Every die instance, bottom to top."""
        return tuple(placement for layer in self.layers for placement in layer.placements)

    def extent_mm(self, layer: Layer) -> tuple[float, float]:
        """Width and length of a layer: its own, else the body's."""
        return (layer.width_mm or self.width_mm, layer.length_mm or self.length_mm)

    @model_validator(mode="after")
    def _parts_fit(self):
        all_different("dies", [die.id for die in self.dies])
        # Dies and layers are both ends of connections, so no die may be called like a layer.
        all_different("layers", [layer.name for layer in self.layers])
        all_different("placements", [placement.name for placement in self.placements])
        known = {die.id for die in self.dies}
        for layer in self.layers:
            width, length = self.extent_mm(layer)
            if width > self.width_mm + TOLERANCE_MM or length > self.length_mm + TOLERANCE_MM:
                raise InputError("design.layer_outside", where=layer.name, got=f"{width:g} x {length:g} mm",
                                 allowed=f"<= {self.width_mm:g} x {self.length_mm:g} mm")  # fmt: skip
            for placement in layer.placements:
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
        self._ends_exist()
        return self

    def _ends_exist(self) -> None:
        for kind, group in (("connections", self.connections), ("netlist", self.netlist), ("paths", self.paths)):
            all_different(kind, [entry.name for entry in group])
        ends = [end for joint in self.connections for end in (joint.top, joint.bottom) if end is not None]
        for end in (*ends, *(step for path in self.paths for step in path.steps)):
            self.region(end)
        for net in self.netlist:
            for pin in net.pins:
                self.part(pin.part)

    def _dies_apart(self, layer: Layer) -> None:
        if not layer.placements:
            return
        outlines = geometry.outlines(self, layer)
        width, length = self.extent_mm(layer)
        outside = geometry.outside(outlines, width, length, TOLERANCE_MM)
        if outside.size:
            placement = layer.placements[int(outside[0])]
            raise InputError("design.die_outside", where=f"{layer.name} / {placement.name}",
                             got=f"x = {placement.x_mm:g} mm, y = {placement.y_mm:g} mm",
                             allowed=f"{width:g} x {length:g} mm")  # fmt: skip
        for pairs in geometry.overlaps(outlines, outlines, TOLERANCE_MM):
            for first, second in pairs[pairs[:, 0] < pairs[:, 1]]:
                raise InputError("design.dies_overlap", where=layer.name,
                                 got=f"{layer.placements[first].name} / {layer.placements[second].name}")  # fmt: skip


def assembly_of(design: Design) -> str:
    """The kind of assembly that the layers and facings describe."""
    tiers = design.die_layers
    if len(tiers) == 1:
        return "single" if len(tiers[0].placements) == 1 else "side_by_side"
    kinds = set()
    for lower, upper in pairwise(tiers):
        corners = geometry.outlines(design, lower), geometry.outlines(design, upper)
        for below, above in geometry.overlapping(*corners, TOLERANCE_MM):
            facings = lower.placements[below].facing, upper.placements[above].facing
            kinds.add({("up", "down"): "face_to_face", ("down", "up"): "back_to_back"}.get(facings, "face_to_back"))
    return kinds.pop() if len(kinds) == 1 and all(len(tier.placements) == 1 for tier in tiers) else "mixed"
