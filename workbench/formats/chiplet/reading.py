"""From a `.chiplet` file to a design.

A file says centres from the lower left corner of the interposer; a design from the centre of its body. `flip_chip` is
a face that looks down with the layout mirrored, as the writers of the format mirror it; `face_down`, for which the
format defines no mapping, is taken as a face that looks down with the layout as it is drawn. Rotation is
counter-clockwise seen from above, after mirroring.
"""

from __future__ import annotations

import re
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import InputError
from workbench.formats import yaml_text
from workbench.formats.chiplet.blocks import Block
from workbench.formats.chiplet.heights import Gap, Slab, pile
from workbench.formats.chiplet.joining import Connected, bond_of, joined
from workbench.formats.chiplet.records import CARRIERS, DIES, Assembly, Component, Pad, records
from workbench.formats.chiplet.version import SUPPORTED, accepted
from workbench.formats.report import Notes, Report
from workbench.stack import Design, Die, geometry
from workbench.stack import read as read_document

MATERIALS = {"interposer": "silicon", "substrate": "bt_laminate", "die": "emc", "gap": "underfill"}
SMALLEST_UM = 1e-3  # below a nanometre a side is no side; 0 stands for unknown
PAD_UM = 50.0  # a pad of no size
MOST_PINS = 1_000_000  # of the members of arrays, in all nets: a short file may name a large array many times
_NODE = re.compile(r"(?<![\d.])([1-9]\d{0,2})\s?nm\b", re.I)
_FLOW = re.compile(r"^flow[ \t]*:[^\n]*(?:\n(?:[ \t#-][^\n]*)?(?=\n|\Z))*", re.M)
_ROLES = ("logic", "memory", "io", "analog", "bridge", "dummy")


def read(path: Path | str) -> tuple[Design, Report]:
    """The design in a `.chiplet` file. Raises InputError as `read_text` does, and when there is no such file."""
    return read_text(yaml_text.read_text(path), where=str(path))


def read_text(text: str, *, where: str) -> tuple[Design, Report]:
    """The design in `text`, of unknown origin; the report says what was left out and assumed.

    Referenced files (layouts, layer properties, stackups, an external netlist) are never opened. What only this
    format can hold is in `report.kept`, which `write_text` puts back.

    Raises InputError with ``file:line:column``: no YAML, a version of another major, an intermediate file
    (`_metadata.finalize_required`), a value of the wrong kind, an unknown word of a closed vocabulary, an id given
    twice, an unknown component, a die of no size, no die at all, parts that overlap.
    """
    notes = Notes()
    root = Block.root(yaml_text.parse(text, where=where))
    version = root.data.get("format_version")
    if isinstance(version, float):  # written without quotes, as early files are; 1.10 cannot be told from 1.1
        version = str(version)
        notes.assume("exchange.chiplet.unquoted", version=version)
    known = accepted(version, where=root.place("format_version"))
    if not known:
        notes.assume("exchange.chiplet.newer", version=str(version), supported=SUPPORTED)
    marker = root.part("_metadata")
    if marker.flag("finalize_required"):
        raise InputError("chiplet.intermediate", where=marker.place("finalize_required"), got=marker.text("frame"),
                         allowed=marker.text("finalizer")[:80])  # fmt: skip
    file = records(root, notes, tolerant=not known)
    _keep_flow(root, text, file, notes)
    design = _Builder(file, notes, where).design()
    notes.kept = {"chiplet": file.kept}
    return design, notes.report()


def _keep_flow(root: Block, text: str, file: Assembly, notes: Notes) -> None:
    """The flow block is opaque and re-emitted byte for byte, so its text is kept, not what it parses to."""
    if "flow" not in root.data:
        return
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n")
    block = _FLOW.search(lines)
    kept = block.group().rstrip() + "\n" if block else ""
    try:
        same = yaml_text.parse(kept, where="flow").data == {"flow": root.data["flow"]}
    except InputError:
        same = False
    if same:
        file.kept["flow"] = kept
    else:  # written in a way whose extent only a parser knows
        notes.leave("exchange.chiplet.flow", place=root.place("flow"))


class _Builder:
    def __init__(self, file: Assembly, notes: Notes, where: str):
        self.file, self.notes, self.where = file, notes, where
        self.parts = {part.id: part for part in file.components}
        self.types: dict[tuple, dict[str, Any]] = {}
        self.type_ids: set[str] = set()
        self.known_names = set(self.parts)
        self.last_number: dict[str, int] = {}  # given to a layer's name, so that many of one name cost a step each

    def design(self) -> Design:
        file = self.file
        for part in file.components:
            if part.type not in (*DIES, *CARRIERS):
                self.notes.leave("exchange.chiplet.type", id=part.id, type=part.type)
        dies = [part for part in file.components if part.type in DIES]
        if not dies:
            raise InputError("chiplet.no_dies", where=self.where)
        for part in dies:
            if min(part.width_um, part.length_um) < SMALLEST_UM:
                raise InputError("chiplet.no_size", where=part.block.place("dimensions"), got=part.id)
        slabs = pile(file, self.notes)
        centre = self._centre(dies)
        placed = {part.id: self._placement(part, centre) for part in dies}
        width, length = self._body(slabs, placed)
        connected = joined(file, slabs, self.parts, self.notes)
        document = {
            "schema_version": 2,
            "title": " ".join(file.name.split())[:80],
            "note": file.description[:1000],
            "source": f".chiplet {SUPPORTED}",
            "assembly": "single",
            "carrier": "interposer" if any(p.type == "interposer" for p in file.components) else "substrate",
            "width_mm": width,
            "length_mm": length,
            "layers": [self._layer(slabs, i, placed, connected, centre, (width, length)) for i in range(len(slabs))],
            "connections": connected.connections,
            "netlist": self._nets(),
        }
        for name, regions in connected.regions.items():
            die = self.types.get(self.parts[name].kind) if name in self.parts else None
            if die is not None:
                have = {region["name"] for region in die["regions"]}
                die["regions"] += [region for region in regions if region["name"] not in have]
        document["dies"] = list(self.types.values())
        self.notes.assume("exchange.chiplet.materials")
        self.notes.take("exchange.chiplet.taken", dies=sum(p["columns"] * p["rows"] for p in placed.values()),
                        types=len(self.types), layers=len(slabs), nets=len(file.nets))  # fmt: skip
        if len(file.name) > 80:
            self.notes.leave("exchange.chiplet.title")
        return self._read(document)

    def _read(self, document: dict[str, Any]) -> Design:
        """The kind of assembly follows from the layers: the model says which one it is."""
        try:
            return read_document(document)
        except InputError as fault:
            if fault.rule == "design.assembly_mismatch":
                return self._read(document | {"assembly": fault.allowed})
            place, said = self.where, f"{fault.where} {fault.got}"
            for part in sorted(self.file.components, key=lambda part: -len(part.id)):
                if part.id in said and re.search(rf"(?<![\w.-]){re.escape(part.id)}(?![\w.-])", said):
                    place = part.block.place("id")
                    break
            raise type(fault)(fault.rule, where=f"{place} {fault.where}", got=fault.got, allowed=fault.allowed,
                              **fault.values) from None  # fmt: skip

    def _centre(self, dies: list[Component]) -> tuple[float, float]:
        """The middle of the module in the frame of the file: its interposer, else its substrate, else its dies."""
        for kind in CARRIERS:
            for part in self.file.components:
                if part.type == kind:
                    return part.x_um, part.y_um
        self.notes.assume("exchange.chiplet.no_carrier")
        corners = np.concatenate([_corners(self._placement(part, (0.0, 0.0)), part) for part in dies])
        x, y = (corners.min(0) + corners.max(0)) / 2 * 1000
        return float(x), float(y)

    def _placement(self, part: Component, centre: tuple[float, float]) -> dict[str, Any]:
        x, y, array = part.x_um, part.y_um, part.array
        found = {"name": part.id, "die": "", "angle_deg": part.angle_deg, "facing": part.facing,
                 "mirrored": part.mirrored, "columns": 1, "rows": 1}  # fmt: skip
        if part.type == "die_array" and array is not None:
            if min(array.pitch_x_um if array.columns > 1 else 1.0, array.pitch_y_um if array.rows > 1 else 1.0) <= 0:
                raise InputError("chiplet.range", where=part.block.place("array", "pitch"), got=part.id, allowed="> 0")
            found |= {"columns": array.columns, "rows": array.rows}
            found |= {"pitch_x_mm": _mm(array.pitch_x_um)} if array.columns > 1 else {}
            found |= {"pitch_y_mm": _mm(array.pitch_y_um)} if array.rows > 1 else {}
            if array.start is not None:
                x = array.start[0] + (array.columns - 1) * array.pitch_x_um / 2
                y = array.start[1] + (array.rows - 1) * array.pitch_y_um / 2
            else:
                self.notes.assume("exchange.chiplet.array", id=part.id)
        return found | {"x_mm": _mm(x - centre[0]), "y_mm": _mm(y - centre[1])}

    def _body(self, slabs: list[Slab | Gap], placed: dict[str, Any]) -> tuple[float, float]:
        """Width and length in mm that hold every carrier and die, symmetric about the centre."""
        carriers = [part for slab in slabs if isinstance(slab, Slab) and not slab.is_dies for part in slab.parts]
        sizes = np.array([_upright(part) for part in carriers] or [(0.0, 0.0)]).max(0) / 1000
        reach = 2 * np.abs(np.concatenate([_corners(placed[i], self.parts[i]) for i in placed])).max(0)
        if (reach > sizes + 1e-6).any():
            self.notes.assume("exchange.chiplet.body", width=f"{reach[0]:g}", length=f"{reach[1]:g}")
        width, length = np.maximum(sizes, reach)
        return _mm(width * 1000), _mm(length * 1000)

    def _layer(self, slabs, index: int, placed, connected: Connected, centre, body) -> dict[str, Any]:
        slab = slabs[index]
        if isinstance(slab, Gap):
            above = slabs[index + 1]
            bond, name = bond_of(above, self.file, connected, self.notes)
            layer = {"name": self._fresh(name), "kind": "bond", "material": MATERIALS["gap"],
                     "thickness_um": slab.height_um}  # fmt: skip
            return layer | ({"bond": bond} if bond else {})
        thickness = slab.top_um - slab.bottom_um
        if slab.is_dies:
            dies = [placed[part.id] | {"die": self._type(part)["id"]} for part in slab.parts]
            return {"name": self._fresh("tier"), "kind": "die", "material": MATERIALS["die"],
                    "thickness_um": thickness, "dies": dies}  # fmt: skip
        (part,) = slab.parts
        layer = {"name": part.id, "kind": part.type, "material": MATERIALS[part.type], "thickness_um": thickness}
        width, length = map(_mm, _upright(part))
        if not (width and length):
            self.notes.assume("exchange.chiplet.carrier_size", id=part.id)
        else:
            layer |= {"width_mm": width} if width < body[0] - 1e-9 else {}
            layer |= {"length_mm": length} if length < body[1] - 1e-9 else {}
        off = part.x_um - centre[0], part.y_um - centre[1]
        if max(map(abs, off)) > 1e-3:
            self.notes.leave("exchange.chiplet.off_centre", id=part.id, x=f"{off[0]:g}", y=f"{off[1]:g}")
        if part.angle_deg % 90:
            self.notes.leave("exchange.chiplet.turned", id=part.id, angle=f"{part.angle_deg:g}")
        regions = [*connected.regions.get(part.id, ()), *self._pads(part, centre)]
        return layer | ({"regions": regions} if regions else {})

    def _fresh(self, wish: str) -> str:
        """A layer's name that is nobody else's."""
        name = wish = wish[:72]
        while name in self.known_names:
            number = self.last_number[wish] = self.last_number.get(wish, 1) + 1
            name = f"{wish} {number}"
        self.known_names.add(name)
        return name

    def _type(self, part: Component) -> dict[str, Any]:
        """The die type of a component; components of one kind share it."""
        if part.kind not in self.types:
            wishes = chain((part.cell[:80], part.id), (f"{part.id[:70]} {n}" for n in count(2)))
            id_ = next(w for w in wishes if w and w not in self.type_ids and not any(c < " " for c in w))
            self.type_ids.add(id_)
            found, settings = {"id": id_, "name": id_, "regions": []}, part.settings
            said = self.file.technologies.get(part.technology, "")
            node = _NODE.search(f"{said} {part.technology.replace('_', ' ')}")
            if isinstance(settings.get("node_nm"), int | float):
                found["node_nm"] = float(settings["node_nm"])
            elif node:
                found |= {"node_nm": float(node.group(1)), "unverified": ["node_nm"]}
                self.notes.assume("exchange.chiplet.node", id=id_, node=node.group(1))
            if isinstance(settings.get("name"), str) and settings["name"]:
                found["name"] = settings["name"][:80]
            if settings.get("role") in _ROLES:
                found["role"] = settings["role"]
            if isinstance(settings.get("power_w"), int | float):
                found["power_w"] = float(settings["power_w"])
            if isinstance(settings.get("source"), str):
                found["source"] = settings["source"][:1000]
            flagged = settings.get("unverified")
            flagged = set(flagged.split()) & set(Die.model_fields) if isinstance(flagged, str) else set()
            if not self.parts[part.id].thickness_um:
                flagged.add("thickness_um")
            if flagged := flagged | set(found.get("unverified", ())):
                found["unverified"] = sorted(flagged)
            self.types[part.kind] = found | {"width_mm": _mm(part.width_um), "length_mm": _mm(part.length_um),
                                             "thickness_um": part.thickness_um}  # fmt: skip
        return self.types[part.kind]

    def _pads(self, part: Component, centre: tuple[float, float]) -> list[dict[str, Any]]:
        """The pads of a carrier as regions of its top face, one for each class and layer."""
        groups: dict[tuple[str, str], list[Pad]] = {}
        for pad in part.pads:
            groups.setdefault((pad.io_class or "pads", pad.layer), []).append(pad)
        regions: list[dict[str, Any]] = []
        taken: set[str] = set()
        for (kind, layer), pads in groups.items():
            fields: dict[float, list[Pad]] = {}
            for pad in pads:
                fields.setdefault(min(pad.width_um, pad.length_um) or PAD_UM, []).append(pad)
            x, y = np.array([(pad.x_um - centre[0], pad.y_um - centre[1]) for pad in pads]).T
            wide = max(fields)
            name = (f"{kind} {len(regions) + 1}" if kind in taken else kind)[:80]
            taken.add(name)
            regions.append({
                "name": name, "side": "front", "layer": layer[:256],
                "x_um": float(x.min() + x.max()) / 2, "y_um": float(y.min() + y.max()) / 2,
                "width_um": float(np.ptp(x)) + wide, "length_um": float(np.ptp(y)) + wide,
                "bumps": [{
                    "name": f"pads {index}" if index else "pads", "diameter_um": diameter,
                    "x_um": [pad.x_um - centre[0] for pad in same], "y_um": [pad.y_um - centre[1] for pad in same],
                    "names": [pad.id for pad in same], "nets": [pad.net[:256] for pad in same],
                } for index, (diameter, same) in enumerate(fields.items())],
            })  # fmt: skip
        if any(pad.width_um != pad.length_um or not pad.width_um for pad in part.pads):
            self.notes.assume("exchange.chiplet.pads", id=part.id)
        return regions

    def _nets(self) -> list[dict[str, Any]]:
        nets, opened = [], 0
        for net in self.file.nets:
            pins: dict[tuple[str, str], None] = {}
            for index, (component, port) in enumerate(net.pins):
                part = self.parts.get(component)
                if part is None:
                    raise InputError("chiplet.component", where=net.block.place("connections", index, "component"),
                                     got=component[:80], allowed=", ".join(list(self.parts)[:12]))  # fmt: skip
                if part.type not in (*DIES, *CARRIERS):
                    self.notes.leave("exchange.chiplet.pin", net=net.name, id=component)
                elif part.type == "die_array" and part.array and part.array.columns * part.array.rows > 1:
                    opened += part.array.columns * part.array.rows
                    if opened > MOST_PINS:
                        raise InputError("chiplet.range", where=net.block.place("connections", index), got=net.name,
                                         allowed=f"<= {MOST_PINS:,}")  # fmt: skip
                    members = [f"{part.id}[{c},{r}]" for r in range(part.array.rows) for c in range(part.array.columns)]
                    pins |= dict.fromkeys((member, port) for member in members)
                    self.notes.assume("exchange.chiplet.array_pin", id=part.id)
                else:
                    pins[component, port] = None
            role = net.kind if net.kind in ("signal", "power", "ground") else "signal"
            if role != net.kind:
                self.notes.assume("exchange.chiplet.class", net=net.name, kind=net.kind[:40])
            nets.append({"name": net.name, "role": role, "pins": [{"part": p, "port": port} for p, port in pins]})
        return nets


def _mm(um: float) -> float:
    """Millimetres to the picometre that files are written to, without the dust of binary fractions."""
    return round(float(um) / 1000, 9) + 0.0


def _upright(part: Component) -> tuple[float, float]:
    """Width and length of a carrier as it lies."""
    return (part.length_um, part.width_um) if part.angle_deg % 180 == 90 else (part.width_um, part.length_um)


def _corners(placement: dict[str, Any], part: Component) -> np.ndarray:
    """Corners (n, 2) in mm of a die or of the outermost members of an array."""
    dx = (placement["columns"] - 1) / 2 * placement.get("pitch_x_mm", 0.0)
    dy = (placement["rows"] - 1) / 2 * placement.get("pitch_y_mm", 0.0)
    return np.concatenate([
        geometry.rectangle(x_mm=placement["x_mm"] + sx * dx, y_mm=placement["y_mm"] + sy * dy,
                           width_mm=part.width_um / 1000, length_mm=part.length_um / 1000,
                           angle_deg=part.angle_deg)
        for sx in (-1, 1) for sy in (-1, 1)
    ])  # fmt: skip
