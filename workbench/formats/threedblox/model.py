"""What a set of 3Dblox files says, as records: chiplets, instances, connections, paths. Lengths in um, corners as in
the files. Everything a record refers to exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import InputError
from workbench.formats.threedblox.document import Document, Section
from workbench.stack import geometry

TYPES = ("die", "rdl", "ip", "substrate", "hier")
SIDES = ("front", "back", "internal", "internal_ext")
UNITS = ("micron", "um")
PATH_NAME = re.compile(r"Path[1-9][0-9]*")


@dataclass(frozen=True)
class Header:
    version: str = ""
    unit: str = ""
    precision: int | None = None  # database units per um
    include: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reference:
    """A file that another tool reads, as written (macros replaced), and where it is named."""

    kind: str
    path: str
    document: str
    place: str


@dataclass(frozen=True)
class BloxRegion:
    name: str
    side: str
    coords_um: tuple[tuple[float, ...], ...]
    bmap: str
    pmap: str
    layer: str
    gds_layer: str
    document: str
    place: str
    bmap_place: str


@dataclass(frozen=True)
class Chiplet:
    """`seal_ring_um` and `scribe_line_um` are left, bottom, right, top and lie around the design area."""

    name: str
    type: str
    design_area_um: tuple[float, ...] | None
    offset_um: tuple[float, ...]
    shrink: float
    thickness_um: float | None
    tsv: bool
    seal_ring_um: tuple[float, ...]
    scribe_line_um: tuple[float, ...]
    regions: dict[str, BloxRegion]
    external: tuple[Reference, ...]
    place: str


@dataclass(frozen=True)
class Instance:
    """`loc_um` and `z_um` are the lowest corner of the instance as it lies; None where the file has no Stack for it."""

    name: str
    reference: str
    loc_um: tuple[float, ...] | None
    z_um: float
    orient: str
    external: tuple[Reference, ...]
    place: str


@dataclass(frozen=True)
class RegionPath:
    """``inst.regions.name``."""

    instance: str
    region: str


@dataclass(frozen=True)
class BloxConnection:
    name: str
    top: RegionPath | None
    bottom: RegionPath | None
    thickness_um: float
    place: str


@dataclass(frozen=True)
class BloxPath:
    name: str
    steps: tuple[tuple[RegionPath, bool], ...]  # and whether it is excluded (NOT)
    place: str


@dataclass(frozen=True)
class Unknown:
    """A key outside the grammar, with what it holds; it is kept in the files."""

    steps: tuple[str | int, ...]
    place: str
    value: Any = field(compare=False)

    @property
    def path(self) -> str:
        return ".".join(map(str, self.steps))


@dataclass(frozen=True)
class Definitions:
    """One document as records."""

    header: Header
    chiplets: dict[str, Chiplet]
    design: str
    external: tuple[Reference, ...]
    instances: dict[str, Instance]
    connections: tuple[BloxConnection, ...]
    paths: tuple[BloxPath, ...]
    unknown: tuple[Unknown, ...]


def read(document: Document) -> Definitions:
    """The records of one document. Raises InputError with file, line and column for what is missing or of the wrong
    kind: a chiplet without type, a region without four corners, an instance without reference, ...
    """
    return _Reading(document).definitions()


class _Reading:
    def __init__(self, document: Document):
        self.document, self.unknown = document, []
        self.is_assembly = document.name.lower().endswith(".3dbx")

    def definitions(self) -> Definitions:
        root = Section(self.document.located, (), self.document.data)
        header = self._header(root.section("Header"))
        chiplets, instances, connections, paths, name, external = {}, {}, (), (), "", ()
        if self.is_assembly:
            design = root.section("Design")
            name = design.text("name", required=True)
            external = self._references(design.section("external"), ("verilog_file",))
            self._close(design)
            instances = self._instances(root)
            connections = tuple(self._connection(n, s) for n, s in root.sections("Connection"))
            paths = self._paths(root.section("Path"))
        else:
            chiplets = {n: self._chiplet(n, s) for n, s in root.sections("ChipletDef")}
        self._close(root)
        return Definitions(header, chiplets, name, external, instances, connections, paths, tuple(self.unknown))

    def _close(self, section: Section) -> None:
        for key, value in section.unknown().items():
            self.unknown.append(Unknown((*section.path, key), section.place(key, key=True), value))

    def _header(self, section: Section) -> Header:
        unit = section.text("unit")
        if unit not in ("", *UNITS):
            raise section.refuse("threedblox.choice", "unit", got=f"unit: {unit}", allowed=", ".join(UNITS))
        precision = section.number("precision")
        if precision is not None and not (precision >= 1 and precision == int(precision) and precision <= 1e6):
            raise section.refuse("threedblox.kind", "precision", got=f"precision: {precision:g}", allowed="1, 2, ...")
        header = Header(section.text("version"), unit, None if precision is None else int(precision),
                        section.texts("include"))  # fmt: skip
        self._close(section)
        return header

    def _references(self, section: Section, keys: tuple[str, ...]) -> tuple[Reference, ...]:
        found = []
        for key in keys:
            listed = isinstance(section.value.get(key), list)
            for index, path in enumerate(section.texts(key)):
                place = section.place(key, index) if listed else section.place(key)
                found.append(Reference(key, path, self.document.name, place))
        self._close(section)
        return tuple(found)

    def _chiplet(self, name: str, section: Section) -> Chiplet:
        chiplet = Chiplet(
            name, section.text("type", required=True, options=TYPES), section.numbers("design_area", 2),
            section.numbers("offset", 2) or (0.0, 0.0), _or(section.number("shrink"), 1.0), section.number("thickness"),
            section.flag("tsv"), section.numbers("seal_ring_width", 4) or (0.0,) * 4,
            section.numbers("scribe_line_remaining_width", 4) or (0.0,) * 4,
            {n: self._region(n, s) for n, s in section.sections("regions")},
            self._references(section.section("external"),
                             ("APR_tech_file", "LEF_file", "liberty_file", "DEF_file", "verilog_file")),
            section.place(key=True),
        )  # fmt: skip
        lengths = {
            "design_area": chiplet.design_area_um or (), "seal_ring_width": chiplet.seal_ring_um,
            "scribe_line_remaining_width": chiplet.scribe_line_um, "thickness": (chiplet.thickness_um or 0.0,),
            "shrink": (chiplet.shrink,),
        }  # fmt: skip
        for key, values in lengths.items():
            if min(values, default=0.0) < 0:
                raise section.refuse("threedblox.negative", key, got=f"{key}: {section.value[key]}", allowed=">= 0")
        self._close(section)
        return chiplet

    def _region(self, name: str, section: Section) -> BloxRegion:
        region = BloxRegion(
            name, section.text("side", options=SIDES), section.points("coords"), section.text("bmap"),
            section.text("pmap"), section.text("layer"), section.text("gds_layer"), self.document.name,
            section.place(key=True), section.place("bmap"),
        )  # fmt: skip
        self._close(section)
        return region

    def _instances(self, root: Section) -> dict[str, Instance]:
        named = dict(root.sections("ChipletInst"))
        stack = dict(root.sections("Stack"))
        for name, section in stack.items():
            if name not in named:
                raise InputError("threedblox.unknown", where=section.place(key=True), got=name,
                                 allowed=", ".join(list(named)[:12]))  # fmt: skip
        return {name: self._instance(name, section, stack.get(name)) for name, section in named.items()}

    def _instance(self, name: str, section: Section, stack: Section | None) -> Instance:
        reference = section.text("reference", required=True)
        external = self._references(section.section("external"), ("verilog_file", "sdc_file", "def_file"))
        self._close(section)
        if stack is None:
            return Instance(name, reference, None, 0.0, "", external, section.place(key=True))
        loc, z = stack.numbers("loc", 2, required=True), stack.number("z", required=True)
        orient = stack.text("orient", required=True)
        if geometry.pose(orient) is None or orient == "MZ_":
            allowed = f"[MZ_]({', '.join(geometry.ORIENTATIONS)})"
            raise stack.refuse("threedblox.orient", "orient", got=orient, allowed=allowed)
        self._close(stack)
        return Instance(name, reference, loc, z, orient, external, section.place(key=True))

    def _connection(self, name: str, section: Section) -> BloxConnection:
        if "bot" not in section.value:
            raise InputError("threedblox.missing", where=section.place(key=True), got=f"{section.name}.bot")
        section.get("top", required=True)
        ends = [self._region_path(section, key) for key in ("top", "bot")]
        thickness = _or(section.number("thickness"), 0.0)
        if thickness < 0:
            raise section.refuse("threedblox.negative", "thickness", got=f"thickness: {thickness:g}", allowed=">= 0")
        self._close(section)
        return BloxConnection(name, *ends, thickness, section.place(key=True))

    def _region_path(self, section: Section, key: str) -> RegionPath | None:
        word = section.text(key)
        return None if word in ("", "~") else region_path(word, section.place(key))

    def _paths(self, section: Section) -> tuple[BloxPath, ...]:
        found = []
        for name in section.value:
            if not PATH_NAME.fullmatch(name):
                raise InputError("threedblox.path_name", where=section.place(name, key=True), got=name[:80],
                                 allowed="Path1, Path2, ...")  # fmt: skip
            words = section.texts(name)
            if not words or not isinstance(section.value[name], list):
                raise section.refuse("threedblox.kind", name, got=name, allowed="[inst.regions.region, ...]")
            steps = []
            for index, word in enumerate(words):
                excluded = word.startswith("NOT ")
                plain = word[4:].strip() if excluded else word.strip()
                steps.append((region_path(plain, section.place(name, index)), excluded))
            found.append(BloxPath(name, tuple(steps), section.place(name, key=True)))
        return tuple(found)


def region_path(word: str, place: str) -> RegionPath:
    """``inst.regions.name`` as its parts. Raises InputError for any other text."""
    instance, middle, region = word.partition(".regions.")
    if not (instance and middle and region):
        raise InputError("threedblox.region_path", where=place, got=word[:120], allowed="inst.regions.region")
    return RegionPath(instance, region)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
