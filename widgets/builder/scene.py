"""The scene of a module: what is drawn, where, and in which layer, before any drawing library sees it.

Lengths are mm in plan and um in height, from the centre of the body's bottom. Exploding lifts each layer by the same
step; exaggeration stretches heights for the eye only. Everything drawn comes from `stack.solids`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from widgets.builder import lattices
from widgets.builder.lattices import Cells, Lattice
from workbench import materials
from workbench.materials.colours import MATERIAL_OPACITY
from workbench.reports.look import DIE_COLOURS, MATERIAL_COLOURS
from workbench.stack import Box, Design, Field, Grid, Level, geometry, levels, solids
from workbench.stack.patterns import MOST

SEE_THROUGH = 0.35  # what surrounds bumps or dies: they would be hidden otherwise
MOST_FIELDS = 400  # drawn at once: each is an object of its own to the browser
_AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class Body:
    """A box as drawn. `part` is the layer or die it shows; `kind` also knows wiring and power blocks."""

    part: str
    kind: str  # layer, around, die, metal, block
    layer: str
    colour: str
    opacity: float
    corners_mm: np.ndarray  # (4, 2), counter-clockwise
    z_bottom_um: float
    z_top_um: float
    label: str = ""

    @property
    def rank(self) -> int:
        """What lies within what: a layer holds dies, a die holds blocks."""
        return {"around": 0, "layer": 1, "metal": 2, "die": 3, "block": 4}[self.kind]


@dataclass(frozen=True)
class Cut:
    """A section plane: x and z keep what is below `at_mm`, y what is behind it. Heights in mm as exploded."""

    axis: str
    at_mm: float

    @property
    def normal(self) -> np.ndarray:
        """Towards the side that is kept."""
        return {"x": np.array([-1.0, 0, 0]), "y": np.array([0, 1.0, 0]), "z": np.array([0, 0, -1.0])}[self.axis]

    def keeps(self, points: np.ndarray) -> np.ndarray:
        """Distances (n,) into the side that is kept of points (n, 3)."""
        return points @ self.normal - self.normal[_AXES[self.axis]] * self.at_mm


@dataclass(frozen=True)
class Scene:
    """A design as drawn. `hidden` names layers left out; `explode` lifts each layer by so many total thicknesses."""

    design: Design
    levels: tuple[Level, ...]
    bodies: tuple[Body, ...]
    fields: tuple[Lattice | Cells, ...]
    layer_of: Mapping[int, str]  # id of a field -> the layer whose group it moves with
    given: int  # bumps and vias that the design places
    indicative: frozenset[str]  # bond layers whose joints are drawn at their pitch only
    undrawn: int = 0  # fields beyond `MOST_FIELDS`
    explode: float = 0.0
    hidden: frozenset[str] = frozenset()

    @cached_property
    def total_um(self) -> float:
        return self.levels[-1].z_top_um

    @cached_property
    def order(self) -> Mapping[str, int]:
        return {level.layer.name: i for i, level in enumerate(self.levels)}

    def lift_mm(self, layer: str) -> float:
        return self.order[layer] * self.explode * 0.35 * self.total_um / 1000

    @property
    def height_mm(self) -> float:
        return self.total_um / 1000 + self.lift_mm(self.levels[-1].layer.name)

    @cached_property
    def natural_exaggeration(self) -> float:
        """Heights enlarged so that the stack is about a fifth as high as it is wide; never less than true."""
        wanted = 0.22 * max(self.design.width_mm, self.design.length_mm) * 1000 / self.total_um
        steps = np.array([1, 2, 3, 5, 8, 10, 15, 20, 30, 50])
        return float(steps[np.searchsorted(steps, wanted, side="right") - 1]) if wanted > 1 else 1.0

    def shown(self, layer: str) -> bool:
        return layer not in self.hidden

    def exploded(self, explode: float) -> Scene:
        return replace(self, explode=explode)

    def without(self, hidden: frozenset[str]) -> Scene:
        return replace(self, hidden=hidden)

    def layer_of_field(self, field: Lattice | Cells) -> str:
        return self.layer_of[id(field)]

    @cached_property
    def proud_mm(self) -> float:
        """How far bumps and vias come before what holds them, drawn and picked: their ends lie in its faces."""
        return 1.5e-3 * float(np.hypot(self.design.width_mm, self.design.length_mm))

    def span_mm(self, body: Body) -> tuple[float, float]:
        """Height range of a body as exploded."""
        lift = self.lift_mm(body.layer)
        return body.z_bottom_um / 1000 + lift, body.z_top_um / 1000 + lift

    def bounds_mm(self) -> tuple[np.ndarray, np.ndarray]:
        """Low and high corner (3,), (3,) of everything, in true heights as exploded."""
        half = np.array([self.design.width_mm, self.design.length_mm]) / 2
        return np.array([*-half, 0.0]), np.array([*half, self.height_mm])

    def caps(self, cut: Cut) -> list[tuple[Body, np.ndarray]]:
        """The cut faces: for every visible body that the plane crosses its polygon (n, 3) in the plane."""
        found = []
        for body in self.bodies:
            if not self.shown(body.layer):
                continue
            low, high = self.span_mm(body)
            if cut.axis == "z":
                if low < cut.at_mm < high:
                    found.append((body, np.column_stack([body.corners_mm, np.full(4, cut.at_mm)])))
                continue
            ends = _crossed(body.corners_mm, _AXES[cut.axis], cut.at_mm)
            if ends is not None:
                points = [(ends[0], low), (ends[1], low), (ends[1], high), (ends[0], high)]
                shape = [(cut.at_mm, s, z) if cut.axis == "x" else (s, cut.at_mm, z) for s, z in points]
                found.append((body, np.array(shape)))
        return found


def _crossed(corners: np.ndarray, axis: int, at: float) -> tuple[float, float] | None:
    """Where the line `axis` = at crosses a convex outline, along the other axis; None where it misses."""
    following = np.roll(corners, -1, axis=0)
    a, b = corners[:, axis], following[:, axis]
    crossing = (np.minimum(a, b) <= at) & (at <= np.maximum(a, b)) & (a != b)
    if crossing.sum() < 2:
        return None
    share = (at - a[crossing]) / (b - a)[crossing]
    other = corners[crossing, 1 - axis] + share * (following - corners)[crossing, 1 - axis]
    low, high = float(other.min()), float(other.max())
    return (low, high) if high > low else None


def scene(design: Design) -> Scene:
    """The scene of a design. Bond layers whose bumps the design does not place are drawn at their pitch."""
    drawn = solids(design)
    ordered = levels(design)
    by_name = {level.layer.name: level for level in ordered}
    shades = {die.id: DIE_COLOURS[i % len(DIE_COLOURS)] for i, die in enumerate(design.dies)}
    fields, homes = _homes(drawn.fields, ordered)
    filled = set(homes)
    indicative = frozenset(
        level.layer.name for level in ordered
        if level.layer.name not in filled and level.layer.bond and level.layer.bond.pitch_um
        and np.prod(_counts(design, level)) <= MOST
    )  # fmt: skip
    bodies: list[Body] = []
    for box in drawn.boxes:
        level = by_name[box.layer]
        if box.kind == "layer":
            bodies += _layer_bodies(design, level, box, holds=box.layer in filled | indicative)
        else:
            bodies.append(Body(box.name, "die", box.layer, shades[box.die], 1.0, box.corners_mm(), box.z_bottom_um,
                               box.z_top_um, box.die))  # fmt: skip
    for level in ordered:
        if level.layer.name in indicative:
            field = _at_pitch(design, level)
            fields.append(field)
            homes.append(level.layer.name)
    made: list[tuple[Lattice | Cells, str]] = []
    undrawn = 0
    for field, home in sorted(zip(fields, homes, strict=True), key=lambda pair: -pair[0].pattern.count):
        if len(made) >= MOST_FIELDS:
            undrawn += 1
            continue
        parts = lattices.of_grid(field) if isinstance(field.pattern, Grid) else (lattices.of_points(field),)
        made += [(part, home) for part in parts]
    given = sum(field.pattern.count for field in drawn.fields)
    return Scene(design, ordered, tuple(bodies), tuple(part for part, _ in made),
                 {id(part): home for part, home in made}, given, indicative, undrawn)  # fmt: skip


def _homes(fields: tuple[Field, ...], ordered: tuple[Level, ...]) -> tuple[list[Field], list[str]]:
    """Fields with the layer that each moves with. Where both faces of a bond carry bumps each is drawn half as high,
    so that a misfit shows."""
    part_layer = {level.layer.name: level for level in ordered}
    part_layer |= {p.name: level for level in ordered for p in level.layer.placements}
    homes: list[str] = []
    sides: dict[str, set[bool]] = {}
    for field in fields:
        own = part_layer[field.part]
        home, middle = own, (field.z_bottom_um + field.z_top_um) / 2
        if field.kind == "bump":
            home = next((level for level in ordered if level.layer.bond is not None
                         and level.z_bottom_um <= middle <= level.z_top_um), own)  # fmt: skip
        homes.append(home.layer.name)
        if home is not own:
            sides.setdefault(home.layer.name, set()).add(own.z_bottom_um >= home.z_top_um - 1e-9)
    out = []
    for field, home in zip(fields, homes, strict=True):
        if len(sides.get(home, ())) == 2 and field.kind == "bump" and part_layer[field.part].layer.name != home:
            middle = (field.z_bottom_um + field.z_top_um) / 2
            above = part_layer[field.part].z_bottom_um >= part_layer[home].z_top_um - 1e-9
            field = replace(field, **({"z_bottom_um": middle} if above else {"z_top_um": middle}))
        out.append(field)
    return out, homes


def _layer_bodies(design: Design, level: Level, box: Box, *, holds: bool) -> list[Body]:
    layer, low, high = level.layer, level.z_bottom_um, level.z_top_um
    found = []
    if layer.around:
        family = materials.find(layer.around).family
        corners = geometry.rectangle(x_mm=0, y_mm=0, width_mm=design.width_mm, length_mm=design.length_mm)
        found.append(Body(layer.name, "around", layer.name, MATERIAL_COLOURS[family], SEE_THROUGH, corners, low, high))
    opacity = MATERIAL_OPACITY.get(box.family, 1.0)
    if layer.kind in ("die", "bond") or holds:
        opacity = min(opacity, SEE_THROUGH)
    if layer.kind != "balls" or not holds:  # balls stand in air
        found.append(Body(layer.name, "layer", layer.name, MATERIAL_COLOURS[box.family], opacity, box.corners_mm(), low,
                          high))  # fmt: skip
    return found + _metals(design, level)


def _metals(design: Design, level: Level) -> list[Body]:
    """Wiring as sheets, spread over the layer's height; each stands out a little, so that its edge shows."""
    metals = level.layer.metals
    if not metals:
        return []
    height = level.z_top_um - level.z_bottom_um
    thick = np.array([metal.thickness_um or height / (2 * len(metals) + 1) for metal in metals])
    thick = thick * min(1.0, 0.9 * height / thick.sum())
    gap = (height - thick.sum()) / (len(metals) + 1)
    width, length = (side * 1.0005 + 0.002 for side in design.extent_mm(level.layer))
    corners = geometry.rectangle(x_mm=0, y_mm=0, width_mm=width, length_mm=length)
    bottoms = level.z_bottom_um + gap + np.concatenate([[0.0], np.cumsum(thick + gap)[:-1]])
    return [Body(level.layer.name, "metal", level.layer.name, MATERIAL_COLOURS["copper"], 1.0, corners, float(low),
                 float(low + t), metal.name) for metal, low, t in zip(metals, bottoms, thick, strict=True)]  # fmt: skip


def _at_pitch(design: Design, level: Level) -> Field:
    """The joints of a bond layer that the design gives by pitch only."""
    bond = level.layer.bond
    pitch = bond.pitch_um
    diameter = min(bond.diameter_um or 0.6 * pitch, pitch)
    columns, rows = _counts(design, level)
    grid = Grid(name="joints", diameter_um=diameter, columns=columns, rows=rows, pitch_x_um=pitch, pitch_y_um=pitch)
    family = "copper" if bond.method in ("hybrid", "copper_pillar") else "solder"
    return Field("bump", level.layer.name, None, grid, None, family, level.z_bottom_um, level.z_top_um)


def _counts(design: Design, level: Level) -> tuple[int, int]:
    """Columns and rows of joints that fill a bond layer."""
    bond, sides = level.layer.bond, design.extent_mm(level.layer)
    diameter = min(bond.diameter_um or 0.6 * bond.pitch_um, bond.pitch_um)
    columns, rows = (max(int((side * 1000 - diameter) / bond.pitch_um + 1e-6) + 1, 1) for side in sides)
    return columns, rows


def power_bodies(design: Design) -> tuple[Body, ...]:
    """Power blocks as boxes that stand out a little from their die; `label` is the power density as text."""
    found = []
    for level in levels(design):
        for placement in level.layer.placements:
            die = design.die(placement.die)
            for block in die.power_blocks:
                x, y = block.x_mm + block.width_mm / 2, block.y_mm + block.length_mm / 2
                half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (block.width_mm / 2, block.length_mm / 2)
                corners = geometry.to_module(half + np.array([x, y]), placement)
                if placement.mirrored:
                    corners = corners[::-1]
                stand = die.thickness_um * 0.002
                low, high = level.z_bottom_um - stand, level.z_bottom_um + die.thickness_um + stand
                found.append(Body(placement.name, "block", level.layer.name, "", 1.0, corners, low, high, block.name))
    return tuple(found)
