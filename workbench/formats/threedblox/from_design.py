"""From a design to 3Dblox files: an assembly, its chiplets, a bump map per region, the bump cells (LEF) and the netlist
(Verilog). What 3Dblox cannot say is reported, never bent; an angle it cannot say is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np

from workbench.errors import InputError
from workbench.formats.lefdef.lef_text import UNVERIFIED
from workbench.formats.report import Notes, Report
from workbench.formats.threedblox import document, files, layering, naming
from workbench.formats.threedblox.bmap import BumpMap, Column
from workbench.formats.threedblox.files import Blox
from workbench.formats.threedblox.model import PATH_NAME
from workbench.formats.threedblox.naming import Unique
from workbench.stack import Design, End, Grid, Layer, Points, Region, levels
from workbench.stack.bumps import die_span_um

PRECISION = 2000  # database units per um
_CARRIERS = {"substrate": "substrate", "interposer": "substrate", "rdl": "rdl"}
_DEFAULT_CELL = "BUMP"


def from_design(design: Design, kept: Mapping[str, Any] | None = None) -> tuple[Blox, Report]:
    """The files of a design, checked as if they were read, and what was written and left.

    The lower left corner of the body is at 0, 0 and the bottom of the stack at z = 0. Dies, substrates, interposers
    and RDL become chiplets; other layers are gaps. `kept` is `report.kept` of the files a design was read from: keys
    outside the grammar are put back on every chiplet, region and instance that still has its name.

    Raises InputError: a die at an angle that is no multiple of 90 degrees, names that 3Dblox cannot hold (``/`` or
    ``.regions.`` in the name of a part), a port on two nets.
    """
    return _Writing(design, (kept or {}).get("3dblox", ())).files()


class _Writing:
    def __init__(self, design: Design, kept: Sequence[Mapping[str, Any]]):
        self.design, self.notes, self.kept = design, Notes(), kept
        self.base = naming.file_name(design.title)
        chiplet_name = Unique()
        self.chiplet_of_die = {die.id: chiplet_name(die.id) for die in design.dies}
        self.carriers = [layer for layer in design.layers if layer.kind in _CARRIERS]
        self.chiplet_of_layer = {layer.name: chiplet_name(layer.name) for layer in self.carriers}
        chiplets = (*self.chiplet_of_die.values(), *self.chiplet_of_layer.values())
        self.top = Unique([naming.word(name) for name in chiplets])(naming.word(design.title))  # a Verilog module, too
        placed = {placement.name for placement in design.placements}
        instance_name = Unique(sorted(placed))
        self.instance_of = {name: name for name in placed}
        self.instance_of |= {x.name: instance_name(x.name) for x in self.carriers if x.name not in placed}
        self.placed: set[str] = set()  # parts that are chiplets in the Stack
        self.maps: dict[str, BumpMap] = {}
        self.cells: dict[str, float] = {}
        self.cell_of: dict[tuple[str, float], str] = {}
        self.cell_name = Unique()
        self.unverified: set[str] = set()  # cells whose diameter rests on no source
        self.respelled = 0
        self.file_name = Unique(files=True)

    def files(self) -> tuple[Blox, Report]:
        for name in self.instance_of:
            if "/" in name or ".regions." in name or name.startswith("NOT ") or name != name.strip():
                raise InputError("threedblox.part_name", where=name, got=f'"{name}"')
        chiplets, stack = self._chiplets(), self._stack()
        paths = self._paths()
        extras = {f"{self.base}.lef": self._lef()} if self.cells else {}
        if self.design.netlist:
            extras[f"{self.base}.v"] = self._verilog()
        header = {"version": 2.5, "unit": "micron", "precision": PRECISION}
        definitions = {"Header": header, "ChipletDef": chiplets}
        named = {"name": self.top}
        if self.design.netlist:
            named["external"] = {"verilog_file": f"{self.base}.v"}
        assembly = {
            "Header": {**header, "include": [f"{self.base}.3dbv"]}, "Design": named,
            "ChipletInst": {name: {"reference": reference} for name, reference in self._instances()}, "Stack": stack,
            "Connection": self._connections(), "Path": paths,
        }  # fmt: skip
        assembly = {key: value for key, value in assembly.items() if value}
        for entry in self.kept:
            _put_back(assembly if entry["file"] == ".3dbx" else definitions, entry["path"], entry["value"])
        documents = [document.made(f"{self.base}.3dbx", assembly), document.made(f"{self.base}.3dbv", definitions)]
        blox = files.made(f"{self.base}.3dbx", documents, self.maps, extras)
        self._left()
        return blox, self.notes.report()

    # -- chiplets ------------------------------------------------------------------------------------------------------
    def _chiplets(self) -> dict[str, Any]:
        found = {}
        for die in self.design.dies:
            name = self.chiplet_of_die[die.id]
            found[name] = self._chiplet(name, "die", die.width_mm, die.length_mm, die.thickness_um, die.regions)
            found[name]["tsv"] = die.tsv is not None
        for layer in self.carriers:
            name, (width, length) = self.chiplet_of_layer[layer.name], self.design.extent_mm(layer)
            kind = _CARRIERS[layer.kind]
            found[name] = self._chiplet(name, kind, width, length, layer.thickness_um, layer.regions)
            if kind != layer.kind:
                self.notes.leave("threedblox.written_as", layer=layer.name, kind=layer.kind, type=kind)
        self.notes.take("threedblox.written", chiplets=len(found), maps=len(self.maps),
                        bumps=f"{sum(m.count for m in self.maps.values()):,}")  # fmt: skip
        return found

    def _chiplet(self, name: str, kind: str, width_mm: float, length_mm: float, thickness_um: float, regions) -> dict:
        size = np.array([width_mm, length_mm]) * 1000
        found: dict[str, Any] = {"type": kind, "design_area": _numbers(size), "thickness": _number(thickness_um)}
        bump_name = Unique()
        for region in regions:
            if region.name != region.name.strip():
                raise InputError("threedblox.part_name", where=name, got=f'"{region.name}"')
        if regions:
            found["regions"] = {region.name: self._region(name, region, size / 2, bump_name) for region in regions}
        if any(region.bumps for region in regions):
            found["external"] = {"LEF_file": [f"{self.base}.lef"]}
        if bump_name.changed:
            self.notes.leave("threedblox.bumps_renamed", chiplet=name, count=f"{bump_name.changed:,}")
        return found

    def _region(self, chiplet: str, region: Region, centre: np.ndarray, bump_name: Unique) -> dict:
        middle = np.add(centre, (region.x_um, region.y_um))
        half = np.array([region.width_um, region.length_um]) / 2
        corners = [_numbers(middle + half * sign) for sign in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        found: dict[str, Any] = {"side": region.side, "coords": corners}
        if region.layer:
            found["layer"] = region.layer
        if region.bumps:
            file = self.file_name(f"{naming.file_name(chiplet)}_{naming.file_name(region.name)}") + ".bmap"
            self.maps[file] = self._bump_map(file, region, centre, bump_name)
            found["bmap"] = file
        return found

    def _bump_map(self, file: str, region: Region, centre: np.ndarray, bump_name: Unique) -> BumpMap:
        instances: list[str] = []
        columns: tuple[list[str], ...] = ([], [], [])
        centres = []
        for field in region.bumps:
            centres.append(field.xy_um() + centre)
            names = field.names or (f"{field.name}[{{index}}]",)
            instances += map(bump_name, self._labels(field, names, empty="_"))
            columns[0].extend(self._cells(field))
            for column, words in ((columns[1], field.ports), (columns[2], field.nets)):
                column.extend(self._labels(field, words, empty="-"))
        xy = np.round(np.concatenate(centres), 6) + 0.0
        return BumpMap(file, tuple(instances), _column(columns[0]), xy[:, 0], xy[:, 1], _column(columns[1]),
                       _column(columns[2]))  # fmt: skip

    def _labels(
        self, field: Grid | Points, words: Sequence[str], *, empty: str, spell: Callable[[str], str] = naming.bump_word
    ) -> Iterator[str]:
        """The labels of a field's bumps as words. Spelling a pattern spells all that it stands for."""
        spelled = tuple(spell(word) if word else empty for word in words) or (empty,)
        self.respelled += sum(new != word for new, word in zip(spelled, words, strict=False) if word)
        codes, said = field.coded(spelled)
        return map(said.__getitem__, codes.tolist())

    def _cells(self, field: Grid | Points) -> Iterator[str]:
        """Cells of a field's bumps. One cell has one diameter: where a design has two, the cell is split."""
        diameter, is_verified = field.diameter_um, field.is_verified("diameter_um")
        for wanted in self._labels(field, field.cells, empty=_DEFAULT_CELL, spell=naming.cell_word):
            cell = self.cell_of.get((wanted, diameter))
            if cell is None:
                cell = self.cell_name(f"{wanted}_{diameter:g}um" if wanted in self.cells else wanted)
                self.cell_of[wanted, diameter], self.cells[cell] = cell, diameter
                if cell != wanted:
                    self.notes.leave("threedblox.cell_split", cell=wanted, name=cell)
            if not is_verified:  # of any field: a cell is as sure as its least sure bump
                self.unverified.add(cell)
            yield cell

    # -- assembly ------------------------------------------------------------------------------------------------------
    def _instances(self) -> Iterator[tuple[str, str]]:
        for layer in self.design.layers:
            if layer.name in self.chiplet_of_layer and layer.name in self.instance_of:
                yield self.instance_of[layer.name], self.chiplet_of_layer[layer.name]
            for placement in layer.placements:
                yield placement.name, self.chiplet_of_die[placement.die]

    def _stack(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        corner = np.array([self.design.width_mm, self.design.length_mm]) * 500
        for level in levels(self.design):
            layer = level.layer
            if layer.name in self.chiplet_of_layer and layer.name in self.instance_of:
                size = np.array(self.design.extent_mm(layer)) * 1000
                found[self.instance_of[layer.name]] = {
                    "loc": _numbers(corner - size / 2), "z": _number(level.z_bottom_um), "orient": "R0"}  # fmt: skip
                self.placed.add(layer.name)
            for placement in layer.placements:
                orient = placement.orientation
                if orient is None:
                    raise InputError("threedblox.angle", where=f"{layer.name} / {placement.name}",
                                     got=f"{placement.angle_deg:g}", allowed="0, 90, 180, 270")  # fmt: skip
                die = self.design.die(placement.die)
                size = np.array([die.width_mm, die.length_mm]) * 1000
                if placement.angle_deg % 180:
                    size = size[::-1]
                loc = corner + np.array([placement.x_mm, placement.y_mm]) * 1000 - size / 2
                found[placement.name] = {"loc": _numbers(loc), "orient": orient,
                                         "z": _number(die_span_um(level, die.thickness_um)[0])}  # fmt: skip
                self.placed.add(placement.name)
        return found

    def _end(self, end: End) -> str | None:
        """``inst.regions.name``; None for a region of a layer that is no chiplet."""
        if end.part not in self.placed:
            return None
        return f"{self.instance_of[end.part]}.regions.{end.region}"

    def _connections(self) -> dict[str, Any]:
        found = {}
        for joint in self.design.connections:
            ends = [self._end(end) for end in (joint.top, joint.bottom) if end is not None]
            if None in ends:
                self.notes.leave("threedblox.connection_left", connection=joint.name)
                continue
            found[joint.name] = {"top": ends[0], "bot": ends[1] if joint.bottom else None,
                                 "thickness": _number(joint.thickness_um)}  # fmt: skip
        return found

    def _paths(self) -> dict[str, list[str]]:
        kept = {path.name for path in self.design.paths if PATH_NAME.fullmatch(path.name)}
        unused = (name for number in count(1) if (name := f"Path{number}") not in kept)
        found = {}
        for path in self.design.paths:
            steps = [self._end(step) for step in path.steps]
            if None in steps:
                self.notes.leave("threedblox.path_left", path=path.name)
                continue
            name = path.name if path.name in kept else next(unused)
            if name != path.name:
                self.notes.leave("threedblox.path_renamed", path=path.name, name=name)
            found[name] = [f"NOT {word}" if s.excluded else word for s, word in zip(path.steps, steps, strict=True)]
        return found

    # -- referenced files ----------------------------------------------------------------------------------------------
    def _lef(self) -> str:
        """Bump cells: square cells as wide as the bump, which is how readers learn its diameter."""
        macros = "".join(
            f"MACRO {cell}\n  CLASS COVER BUMP ;\n  ORIGIN 0 0 ;\n  SIZE {size!r} BY {size!r} ;\n"
            f"{f'  PROPERTY {UNVERIFIED} 1 ;{chr(10)}' if cell in self.unverified else ''}END {cell}\n\n"
            for cell, size in self.cells.items()
        )
        head = 'VERSION 5.8 ;\nBUSBITCHARS "[]" ;\nDIVIDERCHAR "/" ;\n\n'
        if self.unverified:
            head += f"PROPERTYDEFINITIONS\n  MACRO {UNVERIFIED} INTEGER ;\nEND PROPERTYDEFINITIONS\n\n"
        return f"{head}{macros}END LIBRARY\n"

    def _verilog(self) -> str:
        """A stub for every chiplet and the top module with the nets; instances join them by port."""
        pins: dict[str, dict[str, str]] = {}
        wires, lost, net_name = [], 0, Unique()
        for net in self.design.netlist:
            name = naming.identifier(net_name(naming.bump_word(net.name)))
            kind = {"signal": "wire", "power": "supply1", "ground": "supply0"}[net.role]
            wires.append(f"  {kind} {name};\n")
            for pin in net.pins:
                if pin.part not in self.placed:
                    lost += 1
                    continue
                port = naming.bump_word(pin.port)
                if pins.setdefault(pin.part, {}).setdefault(port, name) != name:
                    raise InputError("threedblox.port_twice", where=pin.part, got=pin.port)
        if lost:
            self.notes.leave("threedblox.pins_left", count=f"{lost:,}")
        if net_name.changed:
            self.notes.leave("threedblox.nets_renamed", count=f"{net_name.changed:,}")
        references = dict(self._instances())
        if any(naming.word(name) != name for name in (*references, *references.values())):
            self.notes.leave("threedblox.spaces")
        part_of = {instance: part for part, instance in self.instance_of.items()}
        stubs: dict[str, dict[str, None]] = {}
        for instance, reference in references.items():
            stubs.setdefault(reference, {}).update(dict.fromkeys(pins.get(part_of[instance], {})))
        text = ""
        for reference, ports in stubs.items():
            said = [naming.identifier(port) for port in ports]
            inside = "".join(f"  inout {port};\n" for port in said)
            text += f"module {naming.identifier(reference)} ({', '.join(said)});\n{inside}endmodule\n\n"
        text += f"module {naming.identifier(self.top)} ();\n" + "".join(wires)
        for instance, reference in references.items():
            joined = ",\n".join(f"    .{naming.identifier(port)}({net})"
                                for port, net in pins.get(part_of[instance], {}).items())  # fmt: skip
            text += f"  {naming.identifier(reference)} {naming.identifier(instance)} (\n{joined}\n  );\n"
        return text + "endmodule\n"

    # -- report --------------------------------------------------------------------------------------------------------
    def _left(self) -> None:
        design = self.design
        for layer in design.layers:
            if layer.kind not in ("die", *_CARRIERS):
                self.notes.leave("threedblox.layer_left", layer=layer.name, kind=layer.kind)
            elif layer.vias or layer.metals:
                self.notes.leave("threedblox.wiring_left", layer=layer.name)
            if any(placement.is_array for placement in layer.dies):
                self.notes.leave("threedblox.array_opened", layer=layer.name)
        for die in design.dies:
            if die.tsv is not None:
                self.notes.leave("threedblox.tsv_left", die=die.id, count=f"{die.tsv.count:,}")
        if self.respelled:
            self.notes.leave("threedblox.respelled", count=f"{self.respelled:,}")
        self.notes.leave("threedblox.properties_left")
        if not self._body_is_told():
            self.notes.leave("threedblox.body_left", width=f"{design.width_mm:g}", length=f"{design.length_mm:g}")

    def _body_is_told(self) -> bool:
        """Whether the chiplets reach as far as the body, so that reading gives the same one."""
        design, tolerance = self.design, layering.TOLERANCE_UM / 1000
        if any(self._spans(layer) for layer in self.carriers):
            return True
        placed = [p for layer in design.layers for p in layer.placements]
        turned = [(p, design.die(p.die), p.angle_deg % 180 != 0) for p in placed]
        reach = [
            (p.x_mm, die.length_mm if across else die.width_mm, p.y_mm, die.width_mm if across else die.length_mm)
            for p, die, across in turned
        ]
        low = min(x - w / 2 for x, w, _, _ in reach), min(y - h / 2 for _, _, y, h in reach)
        high = max(x + w / 2 for x, w, _, _ in reach), max(y + h / 2 for _, _, y, h in reach)
        half = design.width_mm / 2, design.length_mm / 2
        return all(abs(a + h) <= tolerance and abs(b - h) <= tolerance for a, b, h in zip(low, high, half, strict=True))

    def _spans(self, layer: Layer) -> bool:
        return self.design.extent_mm(layer) == (self.design.width_mm, self.design.length_mm)


def _put_back(data: dict[str, Any], path: Sequence[str | int], value: Any) -> None:
    """A key of nobody where what it belonged to is still there."""
    for step in path[:-1]:
        data = data.get(step) if isinstance(data, dict) else None
    if isinstance(data, dict):
        data.setdefault(path[-1], value)


def _column(said: list[str]) -> Column:
    known: dict[str, int] = {}
    codes = np.array([known.setdefault(word, len(known)) for word in said], np.int32)
    return Column(codes, tuple(known))


def _number(value: float) -> float:
    """Without the noise of arithmetic: to a picometre."""
    return round(float(value), 6) + 0.0


def _numbers(values: np.ndarray) -> list[float]:
    return [_number(value) for value in values]
