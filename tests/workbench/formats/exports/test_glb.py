"""What trimesh loads back from our GLB is the design: names, extents in metres, exact volumes, colours."""

from __future__ import annotations

import math

import numpy as np
import pytest
import trimesh

from workbench.errors import InputError
from workbench.formats.exports import glb
from workbench.materials.colours import MATERIAL_COLOURS
from workbench.stack import derive, placed_fields, read, solids
from workbench.stack.connections import End
from workbench.stack.geometry import outline


def load(path) -> trimesh.Scene:
    return trimesh.load(path, file_type="glb", process=False)


@pytest.fixture(scope="module")
def scene(design, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "module.glb"
    glb.write_glb(design, path)
    return load(path)


def mesh_of(scene: trimesh.Scene, node: str) -> trimesh.Trimesh:
    matrix, name = scene.graph[node]
    mesh = scene.geometry[name].copy()
    mesh.apply_transform(matrix)
    mesh.merge_vertices()
    return mesh


def in_module(vertices: np.ndarray) -> np.ndarray:
    """Vertices of glTF (metres, +Y up) as x, y, z of the module in um."""
    return np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], axis=1) * 1e6


def test_every_part_is_a_named_node(scene, design):
    names = {p.name for p in design.placements} | {layer.name for layer in design.layers}
    assert names <= set(scene.graph.nodes_geometry)
    assert "U1.bumps.staggered" in scene.graph.nodes_geometry
    assert "U2.tsv.tsvs" in scene.graph.nodes_geometry
    assert "interposer.via.through" in scene.graph.nodes_geometry
    assert len(scene.graph.nodes_geometry) == sum(map(len, (solids(design).boxes, solids(design).fields)))


def test_the_scene_is_in_metres_with_y_up(scene, design):
    height = derive(design).total_thickness_um * 1e-6
    assert scene.bounds == pytest.approx(np.array([[-0.008, 0, -0.006], [0.008, height, 0.006]]), abs=1e-9)


def test_a_die_stands_where_the_design_has_it(scene, design):
    for placement in design.placements:
        found = in_module(mesh_of(scene, placement.name).vertices)
        corners = outline(design, placement) * 1000
        for corner in corners:
            assert np.hypot(*(found[:, :2] - corner).T).min() < 2e-3
        bottom, top = ((330, 430) if placement.die == "logic" else (330, 390)) if placement.name != "U3" else (455, 515)
        assert (found[:, 2].min(), found[:, 2].max()) == pytest.approx((bottom, top), abs=1e-3)


def test_volumes_are_exact(scene, design):
    for box in solids(design).boxes:
        exact = box.width_mm * box.length_mm * (box.z_top_um - box.z_bottom_um) * 1e-12
        assert mesh_of(scene, box.name).volume == pytest.approx(exact, rel=1e-5)
    for field in solids(design).fields:
        name = f"{field.part}.{field.region or field.kind}.{field.pattern.name}"
        height = (field.z_top_um - field.z_bottom_um) * 1e-6
        exact = field.pattern.count * math.pi * (field.pattern.diameter_um / 2 * 1e-6) ** 2 * height
        mesh = mesh_of(scene, name)
        assert mesh.is_watertight
        assert mesh.volume == pytest.approx(exact, rel=2e-3), name  # single precision at 10 mm; outward, so positive


@pytest.mark.parametrize("part", ["U1", "U2"])
def test_bumps_stand_where_the_design_has_them(scene, design, part):
    fields = placed_fields(design, End(part=part, region="bumps"))
    for field in fields:
        pieces = in_module(mesh_of(scene, f"{part}.bumps.{field.field.name}").vertices).reshape(-1, 3)
        matrix, name = scene.graph[f"{part}.bumps.{field.field.name}"]
        pieces = scene.geometry[name].vertices.reshape(field.count, 2 * glb.FACETS, 3).mean(1)
        pieces = in_module(trimesh.transform_points(pieces, matrix))
        assert pieces[:, :2] == pytest.approx(field.xy_um, abs=2e-2)  # single precision: 1 nm at 10 mm, 16 corners
        assert pieces[:, :2] == pytest.approx(field.xy_um, abs=2e-3)


def test_dies_of_one_type_share_their_meshes(document, scene, tmp_path):
    assert scene.graph["U1.pads.grid"][1] != scene.graph["U2.pads.grid"][1]  # one is mirrored
    first, second, _ = document["layers"][3]["dies"]
    alike = {"mirrored": True, "facing": "down"}
    document["layers"][3]["dies"] = [first | alike, second | alike]
    document["netlist"] = []
    glb.write_glb(read(document), tmp_path / "a.glb")
    again = load(tmp_path / "a.glb")
    assert again.graph["U1.pads.grid"][1] == again.graph["U2.pads.grid"][1]
    assert len(again.geometry) < len(again.graph.nodes_geometry)


def test_colours_are_those_of_the_families(scene):
    material = scene.geometry[scene.graph["U1"][1]].visual.material
    assert material.name == "silicon"
    assert material.alphaMode == "OPAQUE"
    meant = [round(255 * c) for c in glb.linear(MATERIAL_COLOURS["silicon"])]
    assert list(material.baseColorFactor[:3]) == pytest.approx(meant, abs=1)
    tier = scene.geometry[scene.graph["tier"][1]].visual.material
    assert tier.alphaMode == "BLEND"
    assert tier.baseColorFactor[3] == round(0.35 * 255)


def test_srgb_is_made_linear():
    """IEC 61966-2-1: black, white, the end of the straight part, and half of full scale."""
    assert glb.linear("#000000") == (0, 0, 0)
    assert glb.linear("#FFFFFF") == pytest.approx((1, 1, 1))
    assert glb.linear("#0A0A0A")[0] == pytest.approx(10 / 255 / 12.92)
    assert glb.linear("#808080")[0] == pytest.approx(0.21586, abs=1e-5)


def test_a_million_bumps_become_one_slab_and_it_is_said(million, tmp_path):
    path = tmp_path / "million.glb"
    report = glb.write_glb(million, path)
    assert any("1,000,000" in line and "slab" in line for line in report.lines())
    assert path.stat().st_size < 20_000
    found = in_module(mesh_of(load(path), "U1.face.all").vertices)
    angle = np.deg2rad(10)
    own = found[:, :2] @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    side = 999 * 9.0 + 4.0
    assert np.ptp(own, axis=0) == pytest.approx([side, side], abs=1e-2)


def test_the_smallest_fields_are_drawn_whole_first(design):
    found = solids(design)
    counts = sorted(field.pattern.count for field in found.fields)
    for most in (0, 10, 100, 10_000):
        drawn = [f.pattern.count for f in found.fields if id(f) in glb.drawn_whole(found, most)]
        assert sum(drawn) <= most
        assert sorted(drawn) == counts[: len(drawn)]


def test_heights_can_be_exaggerated(design, tmp_path):
    glb.write_glb(design, tmp_path / "a.glb", z_exaggeration=10)
    high = load(tmp_path / "a.glb")
    assert high.extents[1] == pytest.approx(derive(design).total_thickness_um * 1e-5, rel=1e-5)
    assert high.extents[0] == pytest.approx(0.016)
    for factor in (0, -1, math.nan, 1e6):
        with pytest.raises(InputError, match="exaggeration"):
            glb.write_glb(design, tmp_path / "b.glb", z_exaggeration=factor)
