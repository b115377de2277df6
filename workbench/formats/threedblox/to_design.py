"""From 3Dblox files to a design: corners become centres, heights become ordered layers, bump maps become fields."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import ValidationError

from workbench.errors import InputError
from workbench.formats.report import Notes, Report
from workbench.formats.threedblox import layering, naming, references
from workbench.formats.threedblox.bumps import Bumps
from workbench.formats.threedblox.files import Blox
from workbench.formats.threedblox.layering import Body, Outline, Placed, Tier
from workbench.formats.threedblox.model import BloxRegion, Chiplet, RegionPath
from workbench.formats.threedblox.references import Referenced
from workbench.stack import (
    Bond,
    Connection,
    Design,
    Die,
    End,
    Layer,
    Net,
    PathAssertion,
    Pin,
    Placement,
    Region,
    Step,
    Tsv,
)
from workbench.stack.document import assembly_of

# What 3Dblox does not say and a design must have. Every use is marked `unverified` and reported.
_MATERIALS = {"die": "emc", "bond": "underfill", "substrate": "bt_laminate", "rdl": "polyimide"}
_METHODS = ((5.0, "hybrid"), (40.0, "micro_bump"), (150.0, "solder_bump"))  # by the gap in um, else solder_ball
_LEAST_UM = 1e-3  # below a nanometre a side is no side
_TSV_DIAMETER_UM, _TSV_PITCH_UM = 5.0, 40.0


def to_design(blox: Blox) -> tuple[Design, Report]:
    """The design of an assembly, and what was taken, left and assumed. `blox` must come from a .3dbx.

    Raises InputError with place: files without an assembly, a chiplet of type hier or without thickness or outline, a
    region that is no rectangle, chiplets that overlap in height without standing on one level, and whatever a design
    does not allow (dies that overlap in a layer, names over 80 characters, ...).
    """
    if blox.top is None or not blox.top.instances:
        raise InputError("threedblox.no_assembly", where=blox.root)
    try:
        return _Conversion(blox).design()
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        got = str(first.get("input"))[:80]
        place = ".".join(str(step) for step in first["loc"])
        raise InputError("threedblox.no_design", where=f"{blox.root} {place}".strip(), got=got,
                         allowed=first["msg"]) from None  # fmt: skip


class _Conversion:
    def __init__(self, blox: Blox):
        self.blox, self.notes = blox, Notes()
        self.used = {instance.reference for instance in blox.top.instances.values()}
        self.referenced: Referenced = references.gather(blox, self.notes)
        self.bumps = Bumps(blox, self.referenced, self.notes)
        self.outlines: dict[str, Outline] = {}
        self.regions: dict[str, tuple[Region, ...]] = {}

    def design(self) -> tuple[Design, Report]:
        chiplets = [chiplet for name, chiplet in self.blox.chiplets.items() if name in self.used]
        for chiplet in chiplets:
            if chiplet.type == "hier":
                continue  # refused, with the instance's name, when it is placed
            self.outlines[chiplet.name] = self._outline(chiplet)
        placed = layering.place(self.blox, self.outlines)
        for chiplet in chiplets:
            self.regions[chiplet.name] = tuple(self._region(chiplet, r) for r in chiplet.regions.values())
            self.bumps.say_what_is_left(chiplet)
        body = layering.body_of(placed)
        tiers = layering.tiers(placed, body)
        layers = self._layers(tiers, body)
        as_dies = {p.chiplet.name for tier in tiers if not tier.carrier for p in tier.placed}
        values = {
            "title": self.blox.top.design[:80] or self.blox.root[:80], "source": f"3Dblox {self.blox.root}"[:1000],
            "carrier": self._carrier(layers), "unverified": ("carrier",),
            "width_mm": body.width_um / 1000, "length_mm": body.length_um / 1000,
            "dies": tuple(self._die(c) for c in chiplets if c.name in as_dies), "layers": layers,
            "connections": self._connections(), "netlist": self._netlist(), "paths": self._paths(),
        }  # fmt: skip
        if not values["dies"]:
            raise InputError("design.no_dies", where=self.blox.root)
        assembly = assembly_of(Design.model_construct(**values))
        design = Design(assembly=assembly, **values)
        self._left(placed, body)
        return design, self.notes.report()

    # -- chiplets ------------------------------------------------------------------------------------------------------
    def _outline(self, chiplet: Chiplet) -> Outline:
        found = self.referenced.designs.get(chiplet.name)
        area = found.die_area_um if found else None
        size = chiplet.design_area_um
        if size is None:
            if area is None:
                raise InputError("threedblox.missing", where=chiplet.place,
                                 got=f"ChipletDef.{chiplet.name}.design_area")  # fmt: skip
            size = (area[2] - area[0], area[3] - area[1])
        elif area is not None and max(abs(area[2] - area[0] - size[0]), abs(area[3] - area[1] - size[1])) > 1e-3:
            self.notes.leave("threedblox.outline_differs", chiplet=chiplet.name, given=_by(*size),
                             found=_by(area[2] - area[0], area[3] - area[1]))  # fmt: skip
        if min(size) < _LEAST_UM:
            raise InputError("threedblox.no_design", where=chiplet.place, got=_by(*size),
                             allowed=f">= {_LEAST_UM:g} um")  # fmt: skip
        if found and found.die_area_corners > 2:
            self.notes.leave("threedblox.outline_polygon", chiplet=chiplet.name, count=found.die_area_corners)
        seal, scribe = chiplet.seal_ring_um, chiplet.scribe_line_um
        return Outline(size[0] + seal[0] + seal[2] + scribe[0] + scribe[2],
                       size[1] + seal[1] + seal[3] + scribe[1] + scribe[3])  # fmt: skip

    def _die(self, chiplet: Chiplet) -> Die:
        outline = self.outlines[chiplet.name]
        role = "dummy" if chiplet.type in ("substrate", "rdl") else "logic"
        if role == "dummy":
            self.notes.assume("threedblox.carrier_as_die", chiplet=chiplet.name, type=chiplet.type)
        self.notes.assume("threedblox.die_open", chiplet=chiplet.name)
        if chiplet.shrink != 1.0:
            self.notes.leave("threedblox.shrink", chiplet=chiplet.name, shrink=f"{chiplet.shrink:g}")
        return Die(
            id=chiplet.name, name=chiplet.name, role=role, width_mm=outline.width_um / 1000,
            length_mm=outline.length_um / 1000, thickness_um=chiplet.thickness_um, tsv=self._tsv(chiplet),
            regions=self.regions[chiplet.name], unverified=("role", "power_w"),
        )  # fmt: skip

    def _tsv(self, chiplet: Chiplet) -> Tsv | None:
        if not chiplet.tsv:
            return None
        behind = sum(region.bump_count for region in self.regions[chiplet.name] if region.side == "back")
        count = max(behind, 1)
        self.notes.assume("threedblox.tsv", chiplet=chiplet.name, count=f"{count:,}", diameter=f"{_TSV_DIAMETER_UM:g}",
                          pitch=f"{_TSV_PITCH_UM:g}")  # fmt: skip
        return Tsv(diameter_um=_TSV_DIAMETER_UM, pitch_um=_TSV_PITCH_UM, count=count,
                   unverified=("diameter_um", "pitch_um", "count"))  # fmt: skip

    # -- regions -----------------------------------------------------------------------------------------------------
    def _region(self, chiplet: Chiplet, region: BloxRegion) -> Region:
        outline = self.outlines[chiplet.name]
        x0, y0, x1, y1 = _rectangle(region)
        if not region.side:
            self.notes.assume("threedblox.side", chiplet=chiplet.name, region=region.name)
        for key, value in (("pmap", region.pmap), ("gds_layer", region.gds_layer)):
            if value:
                self.notes.leave("threedblox.region_key", chiplet=chiplet.name, region=region.name, key=key)
        centre = np.array([outline.width_um, outline.length_um]) / 2
        return Region(
            name=region.name, side=region.side or "front", layer=region.layer, x_um=(x0 + x1) / 2 - centre[0],
            y_um=(y0 + y1) / 2 - centre[1], width_um=x1 - x0, length_um=y1 - y0,
            bumps=self.bumps.of(chiplet, region, centre, (x0, y0, x1, y1)),
        )  # fmt: skip

    # -- layers --------------------------------------------------------------------------------------------------------
    def _layers(self, tiers: list[Tier], body: Body) -> tuple[Layer, ...]:
        taken = set(self.blox.top.instances)
        layers: list[Layer] = []
        for tier in tiers:
            if tier.gap_um:
                layers.append(self._bond(_unused(f"bond {len(layers) + 1}", taken), tier.gap_um))
            layers.append(self._carrier_layer(tier, body) if tier.carrier else self._die_layer(tier, body, taken))
        return tuple(layers)

    def _bond(self, name: str, gap_um: float) -> Layer:
        method = next((method for limit, method in _METHODS if gap_um <= limit), "solder_ball")
        self.notes.assume("threedblox.bond", gap=f"{gap_um:g}", method=method, material=_MATERIALS["bond"])
        return Layer(name=name, kind="bond", material=_MATERIALS["bond"], thickness_um=gap_um,
                     bond=Bond(method=method, unverified=("method",)), unverified=("material",))  # fmt: skip

    def _carrier_layer(self, tier: Tier, body: Body) -> Layer:
        part = tier.placed[0]
        kind = part.chiplet.type
        self.notes.assume("threedblox.material", layer=part.name, material=_MATERIALS[kind])
        size = {}
        if abs(part.width_um - body.width_um) > 1e-6:
            size["width_mm"] = part.width_um / 1000
        if abs(part.length_um - body.length_um) > 1e-6:
            size["length_mm"] = part.length_um / 1000
        return Layer(name=part.name, kind=kind, material=_MATERIALS[kind], thickness_um=part.chiplet.thickness_um,
                     regions=self.regions[part.chiplet.name], unverified=("material",), **size)  # fmt: skip

    def _die_layer(self, tier: Tier, body: Body, taken: set[str]) -> Layer:
        name = _unused("dies of " + tier.placed[0].name[:60], taken)
        self.notes.assume("threedblox.material", layer=name, material=_MATERIALS["die"])
        return Layer(name=name, kind="die", material=_MATERIALS["die"], thickness_um=tier.thickness_um,
                     dies=tuple(self._placement(p, body) for p in tier.placed), unverified=("material",))  # fmt: skip

    def _placement(self, part: Placed, body: Body) -> Placement:
        x, y = part.centre_um
        return Placement(name=part.name, die=part.chiplet.name, x_mm=(x - body.x_um) / 1000,
                         y_mm=(y - body.y_um) / 1000, angle_deg=float(part.angle_deg), facing=part.facing,
                         mirrored=part.mirrored)  # fmt: skip

    def _carrier(self, layers: tuple[Layer, ...]) -> str:
        carrier = "fan_out" if any(layer.kind == "rdl" for layer in layers) else "substrate"
        self.notes.assume("threedblox.carrier", carrier=carrier)
        return carrier

    # -- what is joined ------------------------------------------------------------------------------------------------
    def _connections(self) -> tuple[Connection, ...]:
        found = []
        for entry in self.blox.top.connections:
            if entry.top is None:
                raise InputError("threedblox.missing", where=entry.place, got=f"Connection.{entry.name}.top")
            bottom = None if entry.bottom is None else _end(entry.bottom)
            found.append(Connection(name=entry.name, top=_end(entry.top), bottom=bottom,
                                    thickness_um=entry.thickness_um))  # fmt: skip
        return tuple(found)

    def _paths(self) -> tuple[PathAssertion, ...]:
        return tuple(
            PathAssertion(name=path.name, steps=tuple(
                Step(part=step.instance, region=step.region, excluded=excluded) for step, excluded in path.steps))
            for path in self.blox.top.paths
        )  # fmt: skip

    def _netlist(self) -> tuple[Net, ...]:
        netlist = self.referenced.netlist
        if netlist is None:
            return ()
        pins: dict[str, list[Pin]] = {net: [] for net in netlist.nets}
        instances = self.blox.top.instances
        for entry in netlist.left:
            self.notes.leave("threedblox.verilog_left", statement=entry)
        roles = dict(netlist.nets)
        uses = {name: self._uses(name) for name in self.used}
        by_word = {naming.word(name): name for name in instances}  # Verilog cannot say a space
        for placed in netlist.instances:
            known = instances.get(placed.name) or instances.get(by_word.get(placed.name, ""))
            if known is None or naming.word(known.reference) != naming.word(placed.module):
                self.notes.leave("threedblox.verilog_instance", instance=placed.name, module=placed.module)
                if known is None:
                    continue
            for port, net in placed.pins:
                pins[net].append(Pin(part=known.name, port=port))
                if roles[net] == "signal":
                    roles[net] = uses[known.reference].get(port, "signal")
        joined = sum(len(found) for found in pins.values())
        self.notes.take("threedblox.nets", nets=f"{len(pins):,}", pins=f"{joined:,}")
        return tuple(Net(name=net, role=roles[net], pins=tuple(found)) for net, found in pins.items())

    def _uses(self, chiplet: str) -> Mapping[str, str]:
        """Roles of ports by the DEF of a chiplet."""
        design = self.referenced.designs.get(chiplet)
        roles = {"POWER": "power", "GROUND": "ground"}
        return {pin.name: roles[pin.use] for pin in design.pins if pin.use in roles} if design else {}

    # -- report --------------------------------------------------------------------------------------------------------
    def _left(self, placed: list[Placed], body: Body) -> None:
        low = min(p.z_bottom_um for p in placed)
        corner = body.x_um - body.width_um / 2, body.y_um - body.length_um / 2
        if max(abs(low), *map(abs, corner)) > 1e-6:
            self.notes.leave("threedblox.origin", x=f"{corner[0]:g}", y=f"{corner[1]:g}", z=f"{low:g}")
        unused = [name for name in self.blox.chiplets if name not in self.used]
        if unused:
            self.notes.leave("threedblox.unused", chiplets=", ".join(unused[:12]))
        kept = []
        for name, found in self.blox.definitions.items():
            for entry in found.unknown:
                self.notes.leave("threedblox.unknown_key", key=entry.path, place=entry.place)
                kept.append({"file": name[-5:].lower(), "path": list(entry.steps), "value": entry.value})
        if kept:
            self.notes.kept["3dblox"] = kept
        self.notes.take("threedblox.assembly", instances=len(placed), connections=len(self.blox.top.connections),
                        paths=len(self.blox.top.paths))  # fmt: skip


def _rectangle(region: BloxRegion) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1. Raises InputError where the corners do not go round a rectangle along the axes."""
    x, y = ([point[i] for point in region.coords_um] for i in (0, 1))
    box = min(x), min(y), max(x), max(y)
    corners = {(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])}
    if len(corners) != 4 or set(region.coords_um) != corners:
        raise InputError("threedblox.not_a_rectangle", where=region.place, got=region.name)
    return box


def _end(path: RegionPath) -> End:
    return End(part=path.instance, region=path.region)


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def _by(width: float, length: float) -> str:
    return f"{width:g} x {length:g} um"
