"""Editing a design: each operation gives a new, valid design or raises InputError and leaves the old one as it was.

Operations are pure functions of a frozen design, so undo is the design before (`History`). What an edit takes with it
(the bond layer of a removed die, the connections of its regions) is removed in the same step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from workbench.errors import InputError
from workbench.stack import geometry
from workbench.stack.bumps import followed
from workbench.stack.connections import Connection, End
from workbench.stack.document import Bond, Design, Die, Layer, Placement, assembly_of
from workbench.stack.fitting import Rectangle, filled
from workbench.stack.patterns import Region
from workbench.stack.reading import refusal

Side = Literal["left", "right", "below", "above"]
MOST_UNDO = 200


class History:
    """The designs of an editing session, with undo and redo. `label` names the step that led to `design`."""

    def __init__(self, design: Design):
        self._past: list[tuple[Design, str]] = []
        self._future: list[tuple[Design, str]] = []
        self.design, self.label = design, ""

    def apply(self, operation: Callable[..., Design], *given: Any, label: str = "", **named: Any) -> Design:
        """``operation(design, ...)``; what it raises leaves everything as it was. An edit that changes nothing is no
        step."""
        edited = operation(self.design, *given, **named)
        if edited != self.design:
            self._past = [*self._past[-(MOST_UNDO - 1) :], (self.design, self.label)]
            self._future = []
            self.design, self.label = edited, label or operation.__name__
        return self.design

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    def undo(self) -> Design:
        """The design before the last step; the present one where there is none."""
        if self._past:
            self._future.append((self.design, self.label))
            self.design, self.label = self._past.pop()
        return self.design

    def redo(self) -> Design:
        if self._future:
            self._past.append((self.design, self.label))
            self.design, self.label = self._future.pop()
        return self.design


# --- dies ------------------------------------------------------------------------------------------------------------


def add_die(
    design: Design, die: Die | str, *, layer: str, name: str = "", x_mm: float = 0.0, y_mm: float = 0.0,
    angle_deg: float = 0.0, facing: str = "down", mirrored: bool = False,
) -> Design:  # fmt: skip
    """Place a die in a die layer. A `Die` of a type the design lacks is added to it; a type of the same id that
    differs gets a new id. The layer grows when the die is thicker. An empty `name` becomes ``U<n>``.

    Raises InputError: unknown type or layer, no room, overlap, name taken.
    """
    design, die_id = _with_type(design, die)
    target = _layer(design, layer)
    if target.kind != "die":
        raise InputError("design.edit_layer_kind", where=layer, got=target.kind, allowed=_names(design.die_layers))
    placement = _made(Placement, name=name or free_name(design), die=die_id, x_mm=x_mm, y_mm=y_mm, angle_deg=angle_deg,
                      facing=facing, mirrored=mirrored)  # fmt: skip
    thickness = max(target.thickness_um, design.die(die_id).thickness_um)
    return _with_layer(design, _changed(target, dies=(*target.dies, placement), thickness_um=thickness))


def stack_on(
    design: Design, die: Die | str, *, below: str, method: str = "micro_bump", bond_um: float = 20.0,
    pitch_um: float | None = None, diameter_um: float | None = None, filler: str = "underfill", name: str = "",
    dx_mm: float = 0.0, dy_mm: float = 0.0, angle_deg: float = 0.0, facing: str = "down", mirrored: bool = False,
) -> Design:  # fmt: skip
    """Put a die on a placed one. dx, dy shift its centre from the centre of the die below.

    A new bond layer and die layer go directly above the layer of `below`; where a bond and a die layer lie there
    already, the die joins that tier (and the bond keeps its figures). Raises InputError like `add_die`.
    """
    lower_layer, lower = design.part(below)
    if lower is None:
        raise InputError("design.edit_not_a_die", where=below, allowed=_names(design.placements))
    design, die_id = _with_type(design, die)
    x_mm, y_mm = lower.x_mm + dx_mm, lower.y_mm + dy_mm
    at = design.layers.index(lower_layer) + 1
    if [layer.kind for layer in design.layers[at : at + 2]] == ["bond", "die"]:
        bond, tier = design.layers[at : at + 2]
        width, length = _needed_mm(design.die(die_id), x_mm, y_mm, angle_deg)
        if bond.width_mm is not None and bond.length_mm is not None:  # a bond that was cut to its die must reach this
            bond = _changed(bond, width_mm=min(max(bond.width_mm, width), design.width_mm),
                            length_mm=min(max(bond.length_mm, length), design.length_mm))  # fmt: skip
            design = _with_layer(design, bond)
        return add_die(design, die_id, layer=tier.name, name=name, x_mm=x_mm, y_mm=y_mm, angle_deg=angle_deg,
                       facing=facing, mirrored=mirrored)  # fmt: skip
    placement = _made(Placement, name=name or free_name(design), die=die_id, x_mm=x_mm, y_mm=y_mm, angle_deg=angle_deg,
                      facing=facing, mirrored=mirrored)  # fmt: skip
    tiers = len(design.die_layers) + 1
    joint = _made(Bond, method=method, pitch_um=pitch_um, diameter_um=diameter_um)
    bond = _made(Layer, name=_free(design, f"Bond {tiers - 1}"), kind="bond", material=filler, thickness_um=bond_um,
                 bond=joint)  # fmt: skip
    tier = _made(Layer, name=_free(design, f"Tier {tiers}"), kind="die", material=lower_layer.material,
                 thickness_um=design.die(die_id).thickness_um, dies=(placement,))  # fmt: skip
    return _changed_design(design, layers=(*design.layers[:at], bond, tier, *design.layers[at:]))


def remove(design: Design, part: str) -> Design:
    """Take a placed die away, with its connections, pins and path steps. A tier left empty goes, and the bond layer
    below it. Raises InputError for an unknown part or the last die."""
    design = opened(design, part)
    layer, placement = _die_of(design, part)
    kept = tuple(p for p in layer.dies if p.name != placement.name)
    if kept:
        layers = tuple(_changed(each, dies=kept) if each.name == layer.name else each for each in design.layers)
    else:
        at = design.layers.index(layer)
        first = at - 1 if at and design.layers[at - 1].kind == "bond" else at
        layers = design.layers[:first] + design.layers[at + 1 :]
    gone = {part} | ({each.name for each in design.layers} - {each.name for each in layers})
    return _changed_design(design, layers=layers, **_without(design, gone))


def place_at(
    design: Design, part: str, *, x_mm: float | None = None, y_mm: float | None = None,
    angle_deg: float | None = None, facing: str | None = None, mirrored: bool | None = None,
) -> Design:  # fmt: skip
    """Give a placed die a new pose; what is None stays. A member of an array leaves its array, which opens."""
    design = opened(design, part)
    layer, placement = _die_of(design, part)
    given = {"x_mm": x_mm, "y_mm": y_mm, "angle_deg": angle_deg, "facing": facing, "mirrored": mirrored}
    pose = _changed(placement, **{field: value for field, value in given.items() if value is not None})
    return _with_layer(design, _changed(layer, dies=tuple(pose if p.name == part else p for p in layer.dies)))


def move_by(design: Design, part: str, *, dx_mm: float = 0.0, dy_mm: float = 0.0) -> Design:
    _, placement = _die_of(design, part)
    return place_at(design, part, x_mm=placement.x_mm + dx_mm, y_mm=placement.y_mm + dy_mm)


def rotate(design: Design, part: str, angle_deg: float) -> Design:
    """Turn a die to an angle, counter-clockwise seen from above."""
    return place_at(design, part, angle_deg=_turned(angle_deg))


def orient(design: Design, part: str, orientation: str) -> Design:
    """Give a die one of the named orientations (R0 ... MX_R270, with or without MZ)."""
    pose = geometry.pose(orientation)
    if pose is None:
        raise InputError("design.edit_orientation", where=part, got=orientation,
                         allowed=", ".join(geometry.ORIENTATIONS) + " (MZ_...)")  # fmt: skip
    angle, mirrored, facing = pose
    return place_at(design, part, angle_deg=float(angle), mirrored=mirrored, facing=facing)


def opened(design: Design, part: str) -> Design:
    """The design in which `part` is a placement of its own: an array that holds it is opened into its members."""
    layer, placement = design.part(part)
    if placement is None or any(p.name == part and not p.is_array for p in layer.dies):
        return design
    dies = tuple(
        single
        for p in layer.dies
        for single in (p.members() if any(m.name == part for m in p.members()) else (p,))
    )  # fmt: skip
    return _with_layer(design, _changed(layer, dies=dies))


# --- snapping --------------------------------------------------------------------------------------------------------


def snap_to_grid(design: Design, part: str, step_um: float) -> Design:
    """Move a die's centre to the nearest point of a grid of step_um."""
    if not (math.isfinite(step_um) and step_um > 0):
        raise InputError("design.edit_step", got=step_um, allowed="> 0 um")
    _, placement = _die_of(design, part)

    def on_grid(value_mm: float) -> float:
        return round(round(value_mm * 1000 / step_um) * step_um / 1000, 9) + 0.0

    return place_at(design, part, x_mm=on_grid(placement.x_mm), y_mm=on_grid(placement.y_mm))


def snap_to_neighbours(design: Design, part: str, reach_mm: float = 0.5) -> Design:
    """Align a die along x and y, each on its own, to the nearest edge or centre of another die (any layer) or of the
    body, when one lies within reach_mm. Edges are those of the outlines' bounding boxes."""
    _, placement = _die_of(design, part)
    own = _span_mm(geometry.outline(design, placement))
    half = np.array([design.width_mm, design.length_mm]) / 2
    others = [np.array([-half, half])]
    others += [_span_mm(geometry.outline(design, p)) for p in design.placements if p.name != part]
    moved = []
    for axis, centre in enumerate((placement.x_mm, placement.y_mm)):
        low, high = own[:, axis]
        mine = (low, (low + high) / 2, high)
        steps = []
        for box in others:
            first, last = box[:, axis]
            steps += [(first - mine[0]), (last - mine[2]), ((first + last) / 2 - mine[1])]
        best = min(steps, key=abs)
        moved.append(round(centre + best, 9) + 0.0 if abs(best) <= reach_mm else centre)
    return place_at(design, part, x_mm=moved[0], y_mm=moved[1])


def snap_beside(design: Design, part: str, neighbour: str, *, side: Side, gap_um: float) -> Design:
    """Move a die to one side of another of its layer, at exactly gap_um between the outlines; the other coordinate
    stays. Raises InputError where the two do not face each other there (sliding along the axis never meets)."""
    layer, placement = _die_of(design, part)
    other_layer, other = _die_of(design, neighbour)
    if layer.name != other_layer.name or part == neighbour:
        raise InputError("design.edit_not_beside", where=part, got=neighbour, allowed=_names(layer.placements))
    if not (math.isfinite(gap_um) and gap_um >= 0):
        raise InputError("design.edit_step", where=part, got=gap_um, allowed=">= 0 um")
    axis, sign = {"left": (0, -1.0), "right": (0, 1.0), "below": (1, -1.0), "above": (1, 1.0)}[side]
    mine, theirs = geometry.outline(design, placement), geometry.outline(design, other)
    reach = float(np.ptp(mine[:, axis]) + np.ptp(theirs[:, axis]) + gap_um / 1000) * 2
    direction = np.eye(2)[axis] * sign
    start = theirs[:, axis].mean() - mine[:, axis].mean()
    base = mine + np.eye(2)[axis] * start  # centred on the neighbour along the axis

    def gap(distance: float) -> float:
        return geometry.gap_mm(base + direction * distance, theirs)

    wanted, near, far = gap_um / 1000, 0.0, reach
    if gap(near) >= wanted:
        raise InputError("design.edit_not_beside", where=part, got=neighbour, allowed=side)
    for _ in range(200):  # the gap grows with the distance once they are apart: halve until the last digit
        middle = (near + far) / 2
        if middle in (near, far):
            break
        near, far = (near, middle) if gap(middle) >= wanted else (middle, far)
    shift = start + sign * round(far, 9)
    where = {"x_mm": placement.x_mm, "y_mm": placement.y_mm}
    key = ("x_mm", "y_mm")[axis]
    return place_at(design, part, **{key: round(where[key] + shift, 9) + 0.0})


# --- body, layers, bumps ---------------------------------------------------------------------------------------------


def resize(design: Design, *, width_mm: float, length_mm: float) -> Design:
    """Give the body another size; layers that were as wide as it stay so."""
    return _changed_design(design, width_mm=width_mm, length_mm=length_mm)


def set_thickness(design: Design, layer: str, thickness_um: float) -> Design:
    return _with_layer(design, _changed(_layer(design, layer), thickness_um=thickness_um))


def join(
    design: Design, upper: str, lower: str, *, pitch_um: float, diameter_um: float, edge_um: float = 0.0,
    nets: tuple[str, ...] = (),
) -> Design:  # fmt: skip
    """Fill the overlap of two stacked dies with one bump grid on both faces, site by site, and connect them.

    The grid lies along the upper die. The regions belong to the die types, so every placement of a type gets them.
    Raises InputError: the dies do not lie on each other, or not one bump fits.
    """
    (upper_layer, top), (lower_layer, bottom) = _die_of(design, upper), _die_of(design, lower)
    between = design.layers.index(upper_layer) - design.layers.index(lower_layer)
    if not (between == 2 and design.layers[design.layers.index(lower_layer) + 1].kind == "bond"):
        raise InputError("design.edit_not_stacked", where=f"{upper} / {lower}")
    if top.die == bottom.die:  # one type cannot carry a pattern for each of two poses under one name
        raise InputError("design.edit_same_type", where=f"{upper} / {lower}", got=top.die)
    place = _overlap_um(design, top, bottom)
    if place is None:
        raise InputError("design.edit_not_stacked", where=f"{upper} / {lower}")
    grid = filled("bumps", place, pitch_um=pitch_um, diameter_um=diameter_um, edge_um=edge_um, nets=nets)
    name = next(name for n in count(1) if (name := f"joint {n}") not in _regions_of(design, top, bottom))
    dies = []
    for die in design.dies:
        for placement, faces_up, pattern in ((top, False, grid), (bottom, True, followed(grid, top, bottom))):
            if die.id == placement.die:
                side = "front" if (placement.facing == "up") == faces_up else "back"
                xy = pattern.xy_um()
                low, high = xy.min(0) - diameter_um / 2, xy.max(0) + diameter_um / 2
                (x_um, y_um), (width_um, length_um) = ((low + high) / 2).tolist(), (high - low).tolist()
                region = _made(Region, name=name, side=side, x_um=x_um, y_um=y_um, width_um=width_um,
                               length_um=length_um, bumps=(pattern,))  # fmt: skip
                die = _changed(die, regions=(*die.regions, region))
        dies.append(die)
    taken = {connection.name for connection in design.connections}
    called = next(c for n in count(1) if (c := f"{upper} to {lower}" + (f" {n}" if n > 1 else "")) not in taken)
    bond = design.layers[design.layers.index(lower_layer) + 1]
    link = _made(Connection, name=called[:80], top=End(part=upper, region=name), bottom=End(part=lower, region=name),
                 thickness_um=bond.thickness_um)  # fmt: skip
    return _changed_design(design, dies=tuple(dies), connections=(*design.connections, link))


def _overlap_um(design: Design, top: Placement, bottom: Placement) -> Rectangle | None:
    """The rectangle, along the upper die and in its layout, that both dies cover. Exact at right angles between them;
    at others the largest such rectangle about the upper die's part inside the lower one is found by shrinking."""
    upper = design.die(top.die)
    half = np.array([upper.width_mm, upper.length_mm]) * 500.0
    corners = geometry.from_module(geometry.outline(design, bottom) * 1000, top, scale=1000.0)
    low, high = np.maximum(corners.min(0), -half), np.minimum(corners.max(0), half)
    if (high - low).min() <= 0:
        return None
    centre, span = (low + high) / 2, (high - low) / 2
    edges = np.roll(corners, -1, axis=0) - corners
    area = float(np.sum(corners[:, 0] * np.roll(corners[:, 1], -1) - np.roll(corners[:, 0], -1) * corners[:, 1]))
    normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1) * np.sign(area)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    room = ((centre - corners) * normals).sum(1)  # from the centre to each edge of the lower die
    need = np.abs(normals) @ span
    share = min(1.0, float((room / need).min()))
    if share <= 0:
        return None
    return Rectangle(*(round(float(v), 6) for v in (*centre, *(2 * share * span))))


# --- within ----------------------------------------------------------------------------------------------------------


def free_name(design: Design) -> str:
    """The first of U1, U2, ... that no part of the design has."""
    return _free(design, *(f"U{n}" for n in range(1, len(design.placements) + 2)))


def _free(design: Design, *wanted: str) -> str:
    taken = {layer.name for layer in design.layers} | {p.name for layer in design.layers for p in layer.dies}
    taken |= {placement.name for placement in design.placements}
    taken |= {name.split(" ", 1)[0] for name in taken if name[:1] == "U"}  # "U1 base" has taken U1
    for name in wanted:
        if name not in taken:
            return name
    return next(name for n in count(2) if (name := f"{wanted[-1]} ({n})") not in taken)


def _with_type(design: Design, die: Die | str) -> tuple[Design, str]:
    known = {each.id: each for each in design.dies}
    if isinstance(die, str):
        if die not in known:
            raise InputError("design.unknown_die", got=die, allowed=", ".join(known))
        return design, die
    if known.get(die.id) == die:
        return design, die.id
    if die.id in known:
        die = _changed(die, id=next(i for n in count(2) if (i := f"{die.id[:70]}-{n}") not in known))
    dies = (*design.dies, die)
    return _changed_design(design, dies=dies), die.id


def _needed_mm(die: Die, x_mm: float, y_mm: float, angle_deg: float) -> tuple[float, float]:
    """Size of a field, centred on the body, that holds a die at a pose."""
    corners = geometry.rectangle(x_mm=x_mm, y_mm=y_mm, width_mm=die.width_mm, length_mm=die.length_mm,
                                 angle_deg=angle_deg)  # fmt: skip
    width, length = 2 * np.abs(corners).max(0)
    return float(width), float(length)


def _regions_of(design: Design, *placements: Placement) -> set[str]:
    return {region.name for p in placements for region in design.die(p.die).regions}


def _layer(design: Design, name: str) -> Layer:
    for layer in design.layers:
        if layer.name == name:
            return layer
    raise InputError("design.unknown_part", got=name, allowed=_names(design.layers))


def _die_of(design: Design, part: str) -> tuple[Layer, Placement]:
    layer, placement = design.part(part)
    if placement is None:
        raise InputError("design.edit_not_a_die", where=part, allowed=_names(design.placements))
    return layer, placement


def _names(parts: Any) -> str:
    return ", ".join(part.name for part in parts[:12])


def _span_mm(corners: np.ndarray) -> np.ndarray:
    return np.array([corners.min(0), corners.max(0)])


def _turned(angle_deg: float) -> float:
    return angle_deg if -360 <= angle_deg <= 360 or not math.isfinite(angle_deg) else math.fmod(angle_deg, 360)


def _without(design: Design, gone: set[str]) -> dict[str, Any]:
    """Connections, netlist and paths of a design whose parts `gone` no longer exist."""
    ends = [c for c in design.connections if c.top.part not in gone and (c.bottom is None or c.bottom.part not in gone)]
    nets = [_changed(net, pins=tuple(pin for pin in net.pins if pin.part not in gone)) for net in design.netlist]
    paths = [path for path in design.paths if not any(step.part in gone for step in path.steps)]
    return {"connections": tuple(ends), "netlist": tuple(nets), "paths": tuple(paths)}


def _with_layer(design: Design, layer: Layer) -> Design:
    return _changed_design(design, layers=tuple(layer if x.name == layer.name else x for x in design.layers))


def _made(kind: type, /, **fields: Any) -> Any:
    try:
        return kind(**fields)
    except ValidationError as fault:
        raise refusal(fault.errors(include_url=False)[0], fields) from None


def _changed(part: Any, /, **update: Any) -> Any:
    """The part with other values, checked again; parts within it are not."""
    fields = {name: getattr(part, name) for name in type(part).model_fields}
    new = {name: value for name, value in update.items() if fields[name] != value}
    return _made(type(part), **{**fields, **new}) if new else part


def _changed_design(design: Design, /, **update: Any) -> Design:
    """The design with other values, its kind of assembly worked out anew, valid as a whole."""
    fields = {name: getattr(design, name) for name in Design.model_fields} | update
    drawn = Design.model_construct(**fields)
    known = {die.id for die in drawn.dies}
    if drawn.placements and all(placement.die in known for placement in drawn.placements):
        fields["assembly"] = assembly_of(drawn)
    return _made(Design, **fields)


def new_die(**fields: Any) -> Die:
    """A die type from its figures. Raises InputError naming the figure that is out of range."""
    return _made(Die, **fields)
