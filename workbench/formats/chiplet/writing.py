"""From a design to a `.chiplet` 1.0 file.

Frame, centre semantics, anchor and heights follow docs/coord_frame_contract.md of IHP-GmbH/chiplet-spec: every
position is a geometric centre in um from the lower left corner of the interposer, every z is written out, every part
declares its anchor. Every text is quoted, as rule 7 of the specification asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workbench.formats import yaml_text
from workbench.formats.chiplet.records import OURS
from workbench.formats.chiplet.version import SUPPORTED
from workbench.formats.report import Notes, Report
from workbench.stack import Connection, Design, Die, Layer, Level, Placement, levels

MOST_PADS = 10_000
CARRIERS = {"interposer": "interposer", "rdl": "interposer", "substrate": "substrate"}
STACKS = {  # how a bond is written: name and material of its one layer, which reading takes for the method again
    "hybrid": ("HybridBond", "Cu"),
    "micro_bump": ("MicroBump", "SnAg"),
    "copper_pillar": ("CuPillar", "Cu"),
    "solder_bump": ("SolderBump", "SAC305"),
    "solder_ball": ("SolderBall", "SAC305"),
    "adhesive": ("Adhesive", "Polymer"),
}
INTERFACES = ("micro_bump", "copper_pillar")  # what version 1.0 can call a bond
_ORIENTATIONS = {("up", False): "face_up", ("down", True): "flip_chip", ("down", False): "face_down"}
_SURFACES = {"front": "top", "back": "bottom"}
_STYLE = yaml_text.Style(
    quoted=True, names=frozenset({"technologies", "connection_stacks"}),
    on_one_line=frozenset({"x", "y", "z", "width", "height", "thickness", "pitch", "diameter"}),
)  # fmt: skip


def write(design: Design) -> str:
    """The design as `.chiplet` text; `write_text` also says what the format cannot hold."""
    return write_text(design)[0]


def write_text(design: Design, kept: Mapping[str, Any] | None = None) -> tuple[str, Report]:
    """The design as `.chiplet` text and the report of what it leaves out.

    `kept` is `report.kept` of the file the design was read from: technologies, layout references, metadata, the flow
    block and unknown keys are put back for every component that still has its name.
    """
    writer = _Writer(design, dict((kept or {}).get("chiplet", {})))
    return writer.text(), writer.notes.report()


class _Writer:
    def __init__(self, design: Design, kept: dict[str, Any]):
        self.design, self.kept, self.notes = design, kept, Notes()
        self.levels = levels(design)
        said = [level for level in self.levels if level.layer.kind in CARRIERS or level.layer.dies]
        carriers = [level for level in said if level.layer.kind in CARRIERS]
        # The interposer gives the frame, z = 0 included; with a substrate only, its own lower left corner does.
        self.carriers = sorted(carriers, key=lambda level: CARRIERS[level.layer.kind] != "interposer")
        self.base = said[0].z_bottom_um
        if self.carriers:
            self.base = self.carriers[0].z_top_um - self._attachment(self.carriers[0].layer)
            if any(level.layer.dies and abs(level.z_bottom_um - self.base) < 1e-6 for level in said):
                self.base -= 1.0  # z = 0 would have every reader seat the die on the interposer
        frame = self.carriers[0].layer if self.carriers else None
        width, length = design.extent_mm(frame) if frame else (design.width_mm, design.length_mm)
        self.corner = (-width * 500, -length * 500)
        self.arrays = {m.name: p.name for layer in design.layers for p in layer.dies for m in p.members()}
        self.written = {level.layer.name for level in carriers} | set(self.arrays)

    def text(self) -> str:
        design = self.design
        root: dict[str, Any] = {"format_version": SUPPORTED, "assembly": {
            "name": design.title, **({"description": design.note} if design.note else {}),
            "units": "um", **self.kept.get("assembly", {})}}  # fmt: skip
        for name in ("interposer", "interconnect", "technologies"):
            if self.kept.get(name):
                root[name] = self.kept[name]
        stacks = self.stacks()
        root |= {"connection_stacks": stacks} if stacks else {}
        root["components"] = [*map(self.carrier, self.carriers), *self.dies()]
        interfaces = self.interfaces()
        root |= {"interfaces": interfaces} if interfaces else {}
        netlist = self.netlist()
        root |= {"netlist": netlist} if netlist else {}
        root |= self.kept.get("root", {})
        self.say_what_is_left()
        return yaml_text.write(root, _STYLE) + self.kept.get("flow", "")

    def stacks(self) -> dict[str, Any]:
        before = self.kept.get("stacks", {})
        found = dict(before)
        for level in self.levels:
            layer = level.layer
            if layer.bond is None:
                continue
            old = before.get(layer.name) or {}
            if layer.name in self.kept.get("registry", ()):
                continue
            if abs(sum(x.get("height") or 0 for x in old.get("layers") or ()) - layer.thickness_um) < 1e-6:
                continue  # as it came, with its metals
            name, material = STACKS[layer.bond.method]
            body = {"name": name, "material": material, "height": _um(layer.thickness_um)}
            body |= {"diameter": _um(layer.bond.diameter_um)} if layer.bond.diameter_um else {}
            found[layer.name] = {"description": f"{layer.bond.method}, {layer.material}", "layers": [body]}
        return found

    def carrier(self, level: Level) -> dict[str, Any]:
        layer = level.layer
        width, length = self.design.extent_mm(layer)
        part: dict[str, Any] = {"id": layer.name, "type": CARRIERS[layer.kind], "anchor": "bbox_center"}
        origin = level.z_bottom_um
        part["dimensions"] = _size(width * 1000, length * 1000, layer.thickness_um)
        if part["type"] == "interposer":
            origin = level.z_top_um - self._attachment(layer)
            part["attachment_surface_z"] = _um(self._attachment(layer))
            pads = self.pads(layer)
            part |= {"io_pads": pads} if pads else {}
        part["position"] = self._position(0.0, 0.0, origin)
        if layer.kind == "rdl":
            self.notes.assume("exchange.chiplet.rdl", layer=layer.name)
        return part | self._extra(layer.name, part)

    def _attachment(self, layer: Layer) -> float:
        """Height of the top of an interposer in its own frame: as the file of origin had it, else its thickness."""
        if CARRIERS[layer.kind] != "interposer":
            return layer.thickness_um
        return self.kept.get("attachments", {}).get(layer.name, layer.thickness_um)

    def pads(self, layer: Layer) -> list[dict[str, Any]]:
        count = sum(region.bump_count for region in layer.regions)
        if count > MOST_PADS:
            self.notes.leave("exchange.chiplet.many_pads", layer=layer.name, count=f"{count:,}", most=f"{MOST_PADS:,}")
            return []
        pads = []
        for region in layer.regions:
            if region.side != "front" and region.bumps:
                self.notes.leave("exchange.chiplet.pad_side", layer=layer.name, region=region.name)
                continue
            known = next((c for c in ("wire_bond", "flipped_bump", "tsv_bump") if region.name.startswith(c)), None)
            for field in region.bumps:
                codes, names = field.coded_names()
                net_codes, nets = field.coded(field.nets)
                for i, (x, y) in enumerate(field.xy_um().tolist()):
                    pads.append({
                        "id": names[codes[i]] or f"{field.name}[{i}]", "io_class": known or "flipped_bump",
                        "net": nets[net_codes[i]],
                        "position": {"x": _um(x - self.corner[0]), "y": _um(y - self.corner[1])},
                        "size": {"x": _um(field.diameter_um), "y": _um(field.diameter_um)},
                        **({"layer": region.layer} if region.layer else {}),
                    })  # fmt: skip
        return pads

    def dies(self) -> Iterator[dict[str, Any]]:
        for index, level in enumerate(self.levels):
            below = self.levels[index - 1].layer if index else None
            for placement in level.layer.dies:
                yield self.die(level, placement, below)

    def die(self, level: Level, placement: Placement, below: Layer | None) -> dict[str, Any]:
        die = self.design.die(placement.die)
        part: dict[str, Any] = {"id": placement.name, "type": "die_array" if placement.is_array else "die",
                                "anchor": "bbox_center"}  # fmt: skip
        orientation = _ORIENTATIONS.get((placement.facing, placement.mirrored), "face_up")
        if placement.facing == "up" and placement.mirrored:
            self.notes.leave("exchange.chiplet.mirrored", id=placement.name)
        part["orientation"] = orientation
        if below is not None and below.bond is not None:
            part["connection"] = below.name
        if placement.name not in self.kept.get("components", {}):  # else its layout has the cells its file named
            part["top_cell"] = die.id
        x, y = placement.x_mm * 1000, placement.y_mm * 1000
        part["position"] = self._position(x, y, level.z_bottom_um)
        part["rotation"] = {"z": _rounded(placement.angle_deg % 360, 12)}
        part["dimensions"] = _size(die.width_mm * 1000, die.length_mm * 1000, die.thickness_um)
        if placement.is_array:
            px, py = ((pitch or 0.0) * 1000 for pitch in (placement.pitch_x_mm, placement.pitch_y_mm))
            first = (x - (placement.columns - 1) / 2 * px, y - (placement.rows - 1) / 2 * py)
            part["array"] = {
                "pattern": "grid", "count": {"x": placement.columns, "y": placement.rows},
                "pitch": {"x": _um(px), "y": _um(py)},
                "start_position": self._position(*first, level.z_bottom_um),
            }  # fmt: skip
        extra = self._extra(placement.name, part)
        metadata = _settings(die) | extra.pop("metadata", {})
        return part | extra | ({"metadata": metadata} if metadata else {})

    def interfaces(self) -> list[dict[str, Any]]:
        before = self.kept.get("interfaces", {})
        found, names = [], set()
        for joint in self.design.connections:
            names.add(joint.name)
            old, made = before.get(joint.name), self._interface(joint)
            if old is not None:
                found.append(old)
            elif made is None:
                self.notes.leave("exchange.chiplet.connection", name=joint.name)
            else:
                found.append(made)
        known = self.written | set(self.arrays.values())
        for name, old in before.items():  # wires and the like, while what they join is still there
            ends = [(old.get(side) or {}).get("component") for side in ("from", "to")]
            if name not in names and all(end is None or end in known for end in ends):
                found.append(old)
        return found

    def _interface(self, joint: Connection) -> dict[str, Any] | None:
        ends, bond = [], None
        for end in (joint.top, joint.bottom):
            if end is None or end.part not in self.written or self.arrays.get(end.part, end.part) != end.part:
                return None
            region = self.design.region(end)
            if region.side not in _SURFACES:
                return None
            layer = {"port_layer": region.layer} if region.layer else {}
            ends.append({"component": end.part, "surface": _SURFACES[region.side], **layer})
        top, _ = self.design.part(joint.top.part)
        index = self.design.layers.index(top)
        bond = self.design.layers[index - 1].bond if index else None
        if bond is None or bond.method not in INTERFACES:
            return None
        figures = {"pitch": bond.pitch_um, "diameter": bond.diameter_um, "height": joint.thickness_um}
        return {"id": joint.name, "type": bond.method, "from": ends[0], "to": ends[1],
                "physical": {key: _um(value) for key, value in figures.items() if value}}  # fmt: skip

    def netlist(self) -> dict[str, Any]:
        nets = []
        for net in self.design.netlist:
            pins: dict[tuple[str, str], None] = {}
            for pin in net.pins:
                if pin.part not in self.written:
                    self.notes.leave("exchange.chiplet.pin", net=net.name, id=pin.part)
                    continue
                if self.arrays.get(pin.part, pin.part) != pin.part:
                    self.notes.leave("exchange.chiplet.array_members", id=self.arrays[pin.part])
                pins[self.arrays.get(pin.part, pin.part), pin.port] = None
            old = self.kept.get("nets", {}).get(net.name, {})
            entry = {"name": net.name, **({"class": net.role} if net.role != "signal" else {}), **old}
            if pins:
                entry["connections"] = [{"component": part, "pin": port} for part, port in pins]
            nets.append(entry)
        outside = self.kept.get("external_netlist")
        return ({"external_netlist": outside} if outside else {}) | ({"nets": nets} if nets else {})

    def say_what_is_left(self) -> None:
        design, notes = self.design, self.notes
        silent = [layer.name for layer in design.layers
                  if layer.kind not in CARRIERS and not layer.dies and layer.bond is None]  # fmt: skip
        if silent:
            notes.leave("exchange.chiplet.layers", names=", ".join(silent)[:300])
        bumps = sum(region.bump_count for die in design.dies for region in die.regions)
        if bumps:
            notes.leave("exchange.chiplet.bumps", count=f"{bumps:,}")
        details = {
            "TSV": any(die.tsv for die in design.dies),
            "power": any(die.power_blocks for die in design.dies),
            "paths": bool(design.paths),
            "metals": any(layer.metals for layer in design.layers),
            "vias": any(layer.vias for layer in design.layers),
        }
        if any(details.values()):
            notes.leave("exchange.chiplet.details", names=", ".join(name for name, there in details.items() if there))
        if not self.carriers:
            notes.leave("exchange.chiplet.frameless")
        elif all(min(design.extent_mm(level.layer)[i] for i in (0, 1)) < min(design.width_mm, design.length_mm)
                 for level in self.carriers):  # fmt: skip
            notes.leave("exchange.chiplet.body_size", width=f"{design.width_mm:g}", length=f"{design.length_mm:g}")
        notes.leave("exchange.chiplet.materials_left")
        notes.take("exchange.chiplet.written", parts=len(self.carriers) + len(set(self.arrays.values())),
                   nets=len(design.netlist))  # fmt: skip

    def _position(self, x_um: float, y_um: float, z_um: float) -> dict[str, Any]:
        return {"x": _um(x_um - self.corner[0]), "y": _um(y_um - self.corner[1]), "z": _um(z_um - self.base)}

    def _extra(self, name: str, part: Mapping[str, Any]) -> dict[str, Any]:
        """What the file of origin said of a component and the design does not: it wins for names of layouts."""
        old = self.kept.get("components", {}).get(name, {})
        return {key: value for key, value in old.items() if key not in part or key == "anchor"}


def _settings(die: Die) -> dict[str, Any]:
    """What the workbench needs of a die and the format has no field for: in `metadata`, which is free."""
    found = {OURS + "name": die.name} if die.name != die.id else {}
    found |= {OURS + "role": die.role} if die.role != "logic" else {}
    found |= {OURS + "node_nm": die.node_nm} if die.node_nm is not None else {}
    found |= {OURS + "power_w": die.power_w} if die.power_w else {}
    found |= {OURS + "source": die.source} if die.source else {}
    # A figure that rests on nothing must not look sourced when it comes back.
    return found | ({OURS + "unverified": " ".join(die.unverified)} if die.unverified else {})


def _size(width_um: float, length_um: float, thickness_um: float) -> dict[str, Any]:
    return {"width": _um(width_um), "height": _um(length_um), "thickness": _um(thickness_um)}


def _um(value: float) -> float:
    """Micrometres to 1 pm, as the contract asks."""
    return _rounded(value, 6)


def _rounded(value: float, digits: int) -> float:
    return round(float(value), digits) + 0.0  # no negative zero
