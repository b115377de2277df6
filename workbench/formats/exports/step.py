"""STEP (AP214): the module as exact solids with names and colours, in mm, +Z up, for mechanical CAD and meshers.

Needs the optional extra `step`: the Open CASCADE kernel (LGPL-2.1 with exception) by its Python binding (Apache-2.0).
"""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

from workbench.errors import InputError, MissingToolError
from workbench.formats.exports.glb import drawn_whole, slab
from workbench.formats.exports.writing import fresh
from workbench.formats.report import Notes, Report
from workbench.materials.colours import MATERIAL_COLOURS
from workbench.stack import Box, Design, Field, Solids, solids

CYLINDERS = 2_000  # a CAD system shows each as a part of its own
MOST_CUTS = 100  # dies of one layer that are cut out of it
_MODULES = (
    "BRepAlgoAPI", "BRepPrimAPI", "IFSelect", "Message", "Quantity", "STEPCAFControl", "TCollection", "TDataStd",
    "TDocStd", "TopLoc", "XCAFDoc", "gp",
)  # fmt: skip
INSTALL = 'make step, or pip install "chiplet-workbench[step]"'


def write_step(design: Design, path: Path | str, *, overwrite: bool = False, cylinders: int = CYLINDERS) -> Report:
    """Write the module as STEP: one part per layer, die and bump, those of one field under a common node.

    Dies are cut out of the layer they lie in (up to 100 a layer), so that their solids do not overlap. Bumps and vias
    are cylinders, at most `cylinders` of them, the smallest fields first; every further field is one slab. They
    overlap the layer they stand in. Raises MissingToolError without the extra `step`, InputError when the file exists
    (without `overwrite`) or cannot be written.
    """
    occ = _kernel()
    notes, found = Notes(), solids(design)
    assembly = _Assembly(occ, design.title)
    for box in found.boxes:
        shape = _box(occ, box)
        if box.kind == "layer":
            shape = _without_dies(occ, shape, box, found, notes)
        assembly.add(shape, box.name, box.family)
    drawn = drawn_whole(found, cylinders)
    for field in found.fields:
        _add_field(occ, assembly, field, whole=id(field) in drawn)
    slabs = [field for field in found.fields if id(field) not in drawn]
    if slabs:
        notes.assume("exchange.slabs", fields=len(slabs), count=f"{sum(f.pattern.count for f in slabs):,}",
                     most=f"{cylinders:,}")  # fmt: skip
    notes.take("exchange.model.taken", boxes=len(found.boxes), fields=len(found.fields))
    notes.assume("exchange.step.frame")
    if found.fields:
        notes.assume("exchange.step.overlap")
    with fresh(path, overwrite=overwrite) as draft:
        assembly.write(draft)
    return notes.report()


def _kernel() -> SimpleNamespace:
    """The parts of Open CASCADE that are used here. Raises MissingToolError when it is not installed."""
    try:
        return SimpleNamespace(**{name: import_module(f"OCP.{name}") for name in _MODULES})
    except ImportError as fault:
        raise MissingToolError("exchange.no_step", got=fault, allowed=INSTALL) from None


def _box(occ, box: Box):
    """A box in place, in mm."""
    height = (box.z_top_um - box.z_bottom_um) / 1000
    corner = occ.gp.gp_Pnt(-box.width_mm / 2, -box.length_mm / 2, 0)
    shape = occ.BRepPrimAPI.BRepPrimAPI_MakeBox(corner, box.width_mm, box.length_mm, height).Shape()
    return shape.Moved(_pose(occ, box.angle_deg, box.x_mm, box.y_mm, box.z_bottom_um / 1000))


def _without_dies(occ, shape, layer: Box, found: Solids, notes: Notes):
    dies = [box for box in found.boxes if box.kind == "die" and box.layer == layer.name]
    if not dies:
        return shape
    if len(dies) > MOST_CUTS:
        notes.assume("exchange.step.uncut", layer=layer.name, count=len(dies), most=MOST_CUTS)
        return shape
    for die in dies:
        shape = occ.BRepAlgoAPI.BRepAlgoAPI_Cut(shape, _box(occ, die)).Shape()
    return shape


def _add_field(occ, assembly: _Assembly, field: Field, *, whole: bool) -> None:
    name = ".".join(filter(None, (field.part, field.region or field.kind, field.pattern.name)))
    low, height = field.z_bottom_um / 1000, (field.z_top_um - field.z_bottom_um) / 1000
    if whole:
        shape = occ.BRepPrimAPI.BRepPrimAPI_MakeCylinder(field.pattern.diameter_um / 2000, height).Shape()
        places = [_pose(occ, 0.0, x / 1000, y / 1000, low) for x, y in field.xy_um().tolist()]
        assembly.add_many(shape, name, field.family, places)
        return
    centre, size = slab(field)
    place = field.placement
    flip = -1 if place is not None and place.mirrored else 1
    corner = occ.gp.gp_Pnt(flip * centre[0] / 1000 - size[0] / 2000, (centre[1] - size[1] / 2) / 1000, 0)
    shape = occ.BRepPrimAPI.BRepPrimAPI_MakeBox(corner, size[0] / 1000, size[1] / 1000, height).Shape()
    pose = (0.0, 0.0, 0.0) if place is None else (place.angle_deg, place.x_mm, place.y_mm)
    assembly.add(shape.Moved(_pose(occ, *pose, low)), name, field.family)


def _pose(occ, angle_deg: float, x_mm: float, y_mm: float, z_mm: float):
    turn, shift = occ.gp.gp_Trsf(), occ.gp.gp_Trsf()
    turn.SetRotation(occ.gp.gp.OZ_s(), math.radians(angle_deg % 360))
    shift.SetTranslation(occ.gp.gp_Vec(x_mm, y_mm, z_mm))
    return occ.TopLoc.TopLoc_Location(shift.Multiplied(turn))


class _Assembly:
    """A document of named, coloured parts under one root."""

    def __init__(self, occ, title: str):
        self.occ = occ
        self.document = occ.TDocStd.TDocStd_Document(occ.TCollection.TCollection_ExtendedString("BinXCAF"))
        tool = occ.XCAFDoc.XCAFDoc_DocumentTool
        tool.SetLengthUnit_s(self.document, 0.001)
        self.shapes, self.colours = tool.ShapeTool_s(self.document.Main()), tool.ColorTool_s(self.document.Main())
        self.root = self.shapes.NewShape()
        self._name(self.root, title)

    def add(self, shape, name: str, family: str) -> None:
        self._hang(self._part(shape, name, family), name)

    def add_many(self, shape, name: str, family: str, places: list) -> None:
        node, part = self.shapes.NewShape(), self._part(shape, name, family)
        for place in places:
            self.shapes.AddComponent(node, part, place)
        self._name(node, name)
        self._hang(node, name)

    def _hang(self, label, name: str) -> None:
        self._name(self.shapes.AddComponent(self.root, label, self.occ.TopLoc.TopLoc_Location()), name)

    def _part(self, shape, name: str, family: str):
        label = self.shapes.AddShape(shape, False)
        self._name(label, name)
        red, green, blue = (int(MATERIAL_COLOURS[family][i : i + 2], 16) / 255 for i in (1, 3, 5))
        kinds = self.occ.Quantity
        colour = kinds.Quantity_Color(red, green, blue, kinds.Quantity_TypeOfColor.Quantity_TOC_sRGB)
        self.colours.SetColor(label, colour, self.occ.XCAFDoc.XCAFDoc_ColorType.XCAFDoc_ColorGen)
        return label

    def _name(self, label, name: str) -> None:
        self.occ.TDataStd.TDataStd_Name.Set_s(label, self.occ.TCollection.TCollection_ExtendedString(name, True))

    def write(self, path: Path) -> None:
        self.shapes.UpdateAssemblies()
        for printer in list(self.occ.Message.Message.DefaultMessenger_s().Printers()):
            printer.SetTraceLevel(self.occ.Message.Message_Gravity.Message_Fail)  # no statistics on the screen
        writer = self.occ.STEPCAFControl.STEPCAFControl_Writer()
        done = writer.Transfer(self.document) and writer.Write(str(path))
        if done != self.occ.IFSelect.IFSelect_ReturnStatus.IFSelect_RetDone:
            raise InputError("exchange.cannot_write", where=path, got=done)
