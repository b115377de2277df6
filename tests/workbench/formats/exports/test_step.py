"""What Open CASCADE reads back from our STEP is the design: solids, exact volumes, places, names."""

from __future__ import annotations

import importlib.util
import math
import re
import sys

import numpy as np
import pytest
from scipy.spatial import cKDTree

from workbench.errors import InputError, MissingToolError
from workbench.formats.exports.step import write_step
from workbench.stack import ends, placed_fields, solids

needs_kernel = pytest.mark.skipif(
    importlib.util.find_spec("OCP") is None, reason="the CAD kernel for STEP is not installed: make step"
)


def read_back(path) -> list[tuple[str, float, np.ndarray, np.ndarray]]:
    """Name, volume in mm3, low and high corner in mm of every solid in the file."""
    from OCP.Bnd import Bnd_Box
    from OCP.BRepBndLib import BRepBndLib
    from OCP.BRepGProp import BRepGProp
    from OCP.GProp import GProp_GProps
    from OCP.IFSelect import IFSelect_ReturnStatus
    from OCP.STEPCAFControl import STEPCAFControl_Reader
    from OCP.TCollection import TCollection_ExtendedString
    from OCP.TDataStd import TDataStd_Name
    from OCP.TDF import TDF_ChildIterator, TDF_Label
    from OCP.TDocStd import TDocStd_Document
    from OCP.TopAbs import TopAbs_ShapeEnum
    from OCP.TopExp import TopExp_Explorer
    from OCP.TopLoc import TopLoc_Location
    from OCP.XCAFDoc import XCAFDoc_DocumentTool

    document = TDocStd_Document(TCollection_ExtendedString("BinXCAF"))
    reader = STEPCAFControl_Reader()
    assert reader.ReadFile(str(path)) == IFSelect_ReturnStatus.IFSelect_RetDone
    assert reader.Transfer(document)
    tool = XCAFDoc_DocumentTool.ShapeTool_s(document.Main())
    found = []

    def name_of(label) -> str:
        name = TDataStd_Name()
        return name.Get().ToExtString() if label.FindAttribute(TDataStd_Name.GetID_s(), name) else ""

    def visit(label, where) -> None:
        part = TDF_Label()
        tool.GetReferredShape_s(label, part)
        shape = tool.GetShape_s(label).Moved(where)
        explorer = TopExp_Explorer(shape, TopAbs_ShapeEnum.TopAbs_SOLID)
        while explorer.More():
            solid, properties, box = explorer.Current(), GProp_GProps(), Bnd_Box()
            BRepGProp.VolumeProperties_s(solid, properties)
            BRepBndLib.AddOptimal_s(solid, box, False, False)
            low, high = (np.array([p.X(), p.Y(), p.Z()]) for p in (box.CornerMin(), box.CornerMax()))
            found.append((name_of(label), properties.Mass(), low, high))
            explorer.Next()

    roots = [child for child in _children(TDF_ChildIterator, tool.Label()) if tool.IsFree_s(child)]
    for root in roots:
        for component in _children(TDF_ChildIterator, root):
            if tool.IsComponent_s(component):
                visit(component, TopLoc_Location())
    return found


def _children(iterator, label) -> list:
    walk, found = iterator(label), []
    while walk.More():
        found.append(walk.Value())
        walk.Next()
    return found


@pytest.fixture(scope="module")
def found(design, tmp_path_factory):
    path = tmp_path_factory.mktemp("step") / "module.step"
    report = write_step(design, path)
    assert any("Millimetres" in line for line in report.lines())
    return read_back(path)


@needs_kernel
def test_every_solid_is_there(found, design):
    drawn = solids(design)
    one_by_one = [f for f in drawn.fields if f.pattern.name != "odd"]  # 900 under U1, 900 under U2: one is a slab
    assert len(found) == len(drawn.boxes) + sum(f.pattern.count for f in one_by_one) + 900 + 1
    names = {name for name, *_ in found}
    assert {box.name for box in drawn.boxes} <= names
    assert {"U1.bumps.staggered", "U2.tsv.tsvs", "interposer.via.through"} <= names


@needs_kernel
def test_volumes_are_exact_and_layers_are_free_of_their_dies(found, design):
    drawn, volumes = solids(design), {}
    for name, volume, *_ in found:
        volumes[name] = volumes.get(name, 0.0) + volume
    for box in drawn.boxes:
        exact = box.width_mm * box.length_mm * (box.z_top_um - box.z_bottom_um) / 1000
        if box.kind == "layer":
            inside = [die for die in drawn.boxes if die.kind == "die" and die.layer == box.name]
            exact -= sum(d.width_mm * d.length_mm * (d.z_top_um - d.z_bottom_um) / 1000 for d in inside)
        assert volumes[box.name] == pytest.approx(exact, rel=1e-9), box.name
    for field in drawn.fields:
        if field.pattern.name != "odd":
            height = (field.z_top_um - field.z_bottom_um) / 1000
            exact = field.pattern.count * math.pi * (field.pattern.diameter_um / 2000) ** 2 * height
            name = f"{field.part}.{field.region or field.kind}.{field.pattern.name}"
            assert volumes[name] == pytest.approx(exact, rel=1e-9), name


@needs_kernel
def test_parts_stand_where_the_design_has_them(found, design):
    low, high = np.min([lo for _, _, lo, _ in found], axis=0), np.max([hi for *_, hi in found], axis=0)
    assert (low, high) == (pytest.approx([-8, -6, 0], abs=1e-6), pytest.approx([8, 6, 0.515], abs=1e-6))
    boxes = {name: (lo, hi) for name, _, lo, hi in found}
    for box in (box for box in solids(design).boxes if box.kind == "die"):
        corners, (lo, hi) = box.corners_mm(), boxes[box.name]
        assert [*lo[:2], *hi[:2]] == pytest.approx([*corners.min(0), *corners.max(0)], abs=1e-6)
        assert [lo[2], hi[2]] == pytest.approx([box.z_bottom_um / 1000, box.z_top_um / 1000], abs=1e-6)
    for end, region in ends(design):
        for field in placed_fields(design, end):
            if field.field.name == "odd":
                continue
            node = f"{end.part}.{region.name}.{field.field.name}"
            middles = np.array([lo + hi for name, _, lo, hi in found if name == node])[:, :2] / 2
            distance, partner = cKDTree(field.xy_um / 1000).query(middles)
            assert len(set(partner)) == len(middles) == field.count
            assert distance.max() < 1e-6


@needs_kernel
def test_a_million_bumps_become_one_slab(million, tmp_path, capfd):
    path = tmp_path / "million.step"
    report = write_step(million, path)
    assert any("slab" in line for line in report.lines())
    assert len(read_back(path)) == 3
    assert capfd.readouterr().out == ""
    with pytest.raises(InputError, match="already a file"):
        write_step(million, path)


def test_without_the_kernel_the_install_command_is_named(design, tmp_path, monkeypatch):
    for name in ("OCP", "OCP.BRepAlgoAPI"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingToolError) as missing:
        write_step(design, tmp_path / "module.step")
    assert missing.value.exit_code == 6
    assert 'pip install "chiplet-workbench[step]"' in missing.value.allowed
    assert list(tmp_path.glob("*.step")) == []


def test_the_lock_of_the_extra_agrees_with_the_main_one(root):
    """Installing the kernel changes no version of what is there, and every file is pinned by its hash."""
    pins = {}
    for name in ("requirements.lock", "requirements-step.lock"):
        text = (root / name).read_text("utf-8")
        assert "://" not in text
        entries = re.split(r"(?m)^(?=[A-Za-z0-9_.-]+==)", text)[1:]
        assert all("--hash=sha256:" in entry for entry in entries)
        pins[name] = dict(re.match(r"([A-Za-z0-9_.-]+)==(\S+)", entry).groups() for entry in entries)
    main, extra = pins.values()
    assert sorted(set(extra) - set(main)) == ["cadquery-ocp-novtk", "cadquery-ocp-proxy"]
    assert {name: extra[name] for name in set(extra) & set(main)}.items() <= main.items()
