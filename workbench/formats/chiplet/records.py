"""What a `.chiplet` file says, as records; lengths in um, positions as in the file (centres, from the lower left
corner of the interposer). Nothing here knows of layers or designs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import InputError
from workbench.formats.chiplet.blocks import Block
from workbench.formats.report import Notes

DIES, CARRIERS = ("die", "die_array"), ("interposer", "substrate")
ORIENTATIONS = {"face_up": ("up", False), "flip_chip": ("down", True), "face_down": ("down", False)}
INTERFACES = ("micro_bump", "copper_pillar", "tsv", "wire_bond", "solder_bump")
OURS = "workbench_"  # entries of a component's metadata that `writing` makes
MOST_MEMBERS = 10_000  # of an array, as of a placement in a design
FAR_UM = 1e5  # section 1.2 of the frame contract: beyond, absolute coordinates have leaked in
UNITS = ("", "um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres")
_ADAPTER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Stack:
    """What a die stands on: the layers of its bumps, from the carrier up."""

    id: str
    names: tuple[str, ...]
    materials: tuple[str, ...]
    height_um: float
    diameter_um: float


@dataclass(frozen=True)
class Pad:
    id: str
    io_class: str
    net: str
    layer: str
    x_um: float
    y_um: float
    width_um: float
    length_um: float


@dataclass(frozen=True)
class Array:
    columns: int
    rows: int
    pitch_x_um: float
    pitch_y_um: float
    start: tuple[float, float, float] | None


@dataclass(frozen=True)
class Component:
    """`cell` is the first cell name, `settings` the entries of `metadata` that this workbench wrote."""

    id: str
    type: str
    technology: str
    cell: str
    x_um: float
    y_um: float
    z_um: float
    angle_deg: float
    facing: str
    mirrored: bool
    connection: str
    width_um: float
    length_um: float
    thickness_um: float
    attachment_um: float | None
    pads: tuple[Pad, ...]
    array: Array | None
    settings: dict[str, Any]
    kind: tuple  # equal for dies of one type
    block: Block


@dataclass(frozen=True)
class Joint:
    """A typed interface; its ends are component, surface and layer."""

    id: str
    type: str
    ends: tuple[tuple[str, str, str], ...]
    pitch_um: float
    diameter_um: float
    height_um: float
    block: Block


@dataclass(frozen=True)
class NetRecord:
    name: str
    kind: str
    pins: tuple[tuple[str, str], ...]
    block: Block


@dataclass
class Assembly:
    """The whole file. `kept` is what only this format can hold."""

    name: str = ""
    description: str = ""
    technologies: dict[str, str] = field(default_factory=dict)  # id -> description
    stacks: dict[str, Stack] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)
    joints: list[Joint] = field(default_factory=list)
    nets: list[NetRecord] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)


def records(root: Block, notes: Notes, *, tolerant: bool) -> Assembly:
    """Every block of the file, checked. `tolerant`: a higher minor, whose further words are left out, not refused."""
    found = Assembly()
    head = root.block("assembly")
    if head is None:
        raise InputError("chiplet.missing", where=root.place("assembly"), got="assembly")
    found.name, found.description = head.name("name", longest=1000), head.text("description")
    if head.text("units").strip().lower() not in UNITS:
        raise InputError("chiplet.units", where=head.place("units"), got=head.text("units")[:40], allowed="um")
    for key in ("author", "created", "modified", "assembly_gds", "io_technology"):
        head.text(key)
    found.kept["root"] = root.unknown("root", notes, kept=True)
    if marker := root.block("_metadata"):
        marker.unknown("_metadata", notes, kept=True)
        found.kept["root"]["_metadata"] = marker.data
    found.kept["assembly"] = {key: value for key, value in head.data.items()
                              if key not in ("name", "description", "units") and value is not None}  # fmt: skip
    head.unknown("assembly", notes, kept=True)
    for axis in ("interposer", "interconnect"):
        if (block := root.block(axis)) is not None:
            _axis(axis, block, found, notes)
    for name, block in root.named("technologies"):
        found.technologies[name] = block.text("description")
        _technology(block, notes)
    found.kept["technologies"] = root.part("technologies").data
    for name, block in root.named("connection_stacks"):
        found.stacks[name] = _stack(name, block, notes)
    found.kept["stacks"] = root.part("connection_stacks").data
    for block in root.listed("components"):
        found.components.append(_component(block, found, notes))
    for block in root.listed("interfaces"):
        joint = _joint(block, notes, tolerant=tolerant)
        if joint is not None:
            found.joints.append(joint)
    found.kept["interfaces"] = {joint.id: joint.block.data for joint in found.joints}
    _netlist(root.part("netlist"), found, notes)
    return found


def _axis(axis: str, block: Block, found: Assembly, notes: Notes) -> None:
    adapter = block.text("adapter")
    if not adapter and axis == "interconnect":
        notes.leave("exchange.chiplet.no_adapter", place=block.place())  # such a block is ignored by the specification
        return
    if not _ADAPTER.fullmatch(adapter) or adapter.endswith(".drc"):
        raise InputError("chiplet.adapter", where=block.place("adapter"), got=adapter[:60])
    block.unknown("axis", notes, kept=True)
    found.kept[axis] = block.data


def _technology(block: Block, notes: Notes) -> None:
    block.text("layer_properties"), block.text("stackup")
    if block.has("dbu") and block.number("dbu") <= 0:
        raise InputError("chiplet.range", where=block.place("dbu"), got=f"dbu = {block.number('dbu'):g}", allowed="> 0")
    block.unknown("technology", notes, kept=True)


def _stack(name: str, block: Block, notes: Notes) -> Stack:
    block.text("description")
    block.unknown("stack", notes, kept=True)
    layers = list(block.listed("layers"))
    for layer in layers:
        layer.unknown("stack layer", notes, kept=True)
    return Stack(
        name,
        tuple(layer.text("name") for layer in layers),
        tuple(layer.text("material") for layer in layers),
        sum(layer.number("height", least=0.0) for layer in layers),
        max((layer.number("diameter", least=0.0) for layer in layers), default=0.0),
    )


def _component(block: Block, found: Assembly, notes: Notes) -> Component:
    id_, kind = block.name("id"), block.name("type")
    if id_ in found.kept.setdefault("components", {}):
        raise InputError("chiplet.twice", where=block.place("id"), got=id_)
    block.unknown("component", notes, kept=True)
    if not block.has("anchor"):
        notes.assume("exchange.chiplet.anchor", id=id_)
    elif block.text("anchor") not in ("gds_origin", "bbox_center"):
        notes.assume("exchange.chiplet.anchor_unknown", id=id_, anchor=block.text("anchor")[:40])
    orientation = block.text("orientation") or "face_up"
    if orientation not in ORIENTATIONS:
        raise InputError("chiplet.choice", where=block.place("orientation"), got=orientation[:40],
                         allowed=", ".join(ORIENTATIONS))  # fmt: skip
    position, size, turn = block.part("position"), block.part("dimensions"), block.part("rotation")
    for inner, closed in ((position, "position"), (size, "dimensions"), (turn, "rotation")):
        inner.unknown(closed, notes)
    cells = block.data.get("cells")
    names = [cells] if isinstance(cells, str) else (cells or [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise block.refused("chiplet.text", "cells", cells)
    names = [name for name in (block.text("top_cell"), *names) if name]
    technology, layout = block.text("technology"), block.text("layout")
    if technology and technology not in found.technologies:
        notes.assume("exchange.chiplet.technology", id=id_, technology=technology[:60])
    metadata = block.part("metadata").data
    settings = {key.removeprefix(OURS): value for key, value in metadata.items() if key.startswith(OURS)}
    x, y = position.number("x"), position.number("y")
    width, length, thickness = (size.number(key, least=0.0) for key in ("width", "height", "thickness"))
    component = Component(
        id_, kind, technology, names[0] if names else "", x, y, position.number("z"), turn.number("z") % 360,
        *ORIENTATIONS[orientation], block.text("connection"), width, length, thickness,
        block.number("attachment_surface_z") if block.has("attachment_surface_z") else None,
        tuple(_pad(pad, notes) for pad in block.listed("io_pads")), _array(block, notes), settings,
        (technology, layout, tuple(names), width, length, thickness, repr(sorted(settings.items(), key=str)),
         "" if layout or names else id_), block,  # nothing says that two dies of one size are the same
    )  # fmt: skip
    start = component.array.start if component.array else None
    if max(abs(v) for v in (x, y, *(start or ())[:2])) > FAR_UM:
        notes.assume("exchange.chiplet.far", id=id_, place=block.place("position"))
    dropped = {"id", "type", "position", "rotation", "orientation", "dimensions", "attachment_surface_z", "io_pads",
               "array", "metadata", "connection"}  # fmt: skip
    kept = {key: value for key, value in block.data.items() if key not in dropped and value is not None}
    free = {key: value for key, value in metadata.items() if not key.startswith(OURS)}
    if component.attachment_um is not None:
        found.kept.setdefault("attachments", {})[id_] = component.attachment_um
    if component.connection and component.connection not in found.stacks:
        found.kept.setdefault("registry", []).append(component.connection)
    found.kept["components"][id_] = kept | ({"metadata": free} if free else {})
    return component


def _pad(block: Block, notes: Notes) -> Pad:
    block.unknown("pad", notes)
    position, size = block.block("position"), block.part("size")
    size.unknown("pair", notes)
    for key in ("x", "y"):
        if position is None or not position.has(key):
            raise InputError("chiplet.missing", where=block.place("position"), got=f"position.{key}")
    position.unknown("pair", notes)
    x, y = position.number("x"), position.number("y")
    id_ = block.name("id", longest=256)
    if max(abs(x), abs(y)) > FAR_UM:
        notes.assume("exchange.chiplet.far", id=id_, place=block.place("position"))
    return Pad(id_, block.text("io_class"), block.text("net"), block.text("layer"), x, y,
               size.number("x", least=0.0), size.number("y", least=0.0))  # fmt: skip


def _array(block: Block, notes: Notes) -> Array | None:
    array = block.block("array")
    if array is None:
        return None
    array.unknown("array", notes)
    if array.text("pattern", "grid") not in ("grid", "linear"):
        raise InputError("chiplet.choice", where=array.place("pattern"), got=array.text("pattern")[:40],
                         allowed="grid, linear")  # fmt: skip
    count, pitch, start = array.part("count"), array.part("pitch"), array.block("start_position")
    for pair in (count, pitch):
        pair.unknown("pair", notes)
    if start is not None:
        start.unknown("position", notes)
    across, along = count.count("x"), count.count("y")
    if across * along > MOST_MEMBERS:  # said here: a net that names the array is opened into its members
        raise InputError("chiplet.range", where=array.place("count"), got=f"{across:,} x {along:,}",
                         allowed=f"<= {MOST_MEMBERS:,}")  # fmt: skip
    return Array(across, along, pitch.number("x"), pitch.number("y"),
                 start and (start.number("x"), start.number("y"), start.number("z")))  # fmt: skip


def _joint(block: Block, notes: Notes, *, tolerant: bool) -> Joint | None:
    id_, kind = block.name("id"), block.name("type")
    if kind not in INTERFACES:
        if tolerant:
            notes.leave("exchange.chiplet.interface", id=id_, why=kind[:40])
            return None
        raise InputError("chiplet.choice", where=block.place("type"), got=kind[:40], allowed=", ".join(INTERFACES))
    block.unknown("interface", notes, kept=True)
    ends = []
    for side in ("from", "to"):
        if (end := block.block(side)) is not None:
            end.unknown("end", notes, kept=True)
            ends.append((end.text("component"), end.text("surface"), end.text("port_layer")))
    physical = block.part("physical")
    physical.unknown("physical", notes, kept=True)
    figures = (physical.number(key, least=0.0) for key in ("pitch", "diameter", "height"))
    return Joint(id_, kind, tuple(ends), *figures, block)


def _netlist(block: Block, found: Assembly, notes: Notes) -> None:
    block.unknown("netlist", notes)
    if block.text("external_netlist"):
        notes.leave("exchange.chiplet.external_netlist", path=block.text("external_netlist")[:200])
        found.kept["external_netlist"] = block.text("external_netlist")
    seen: dict[str, dict[str, Any]] = {}
    layers = 0
    for net in block.listed("nets"):
        net.unknown("net", notes, kept=True)
        name = net.name("name", longest=256)
        if name in seen:
            raise InputError("chiplet.twice", where=net.place("name"), got=name)
        net.flag("external")
        seen[name] = {key: net.data[key] for key in net.data if key not in ("name", "connections")}
        pins = []
        for pin in net.listed("connections"):
            pin.unknown("pin", notes)
            pins.append((pin.name("component"), pin.text("pin")))
            if len(pins[-1][1]) > 256 or any(c < " " for c in pins[-1][1]):
                raise InputError("chiplet.name", where=pin.place("pin"), got=pins[-1][1][:60], allowed="<= 256")
            layers += pin.has("layer")
        found.nets.append(NetRecord(name, net.text("class") or "signal", tuple(pins), net))
    if layers:
        notes.leave("exchange.chiplet.pin_layers", count=layers)
    found.kept["nets"] = seen
