"""How a placement turns, mirrors, flips and lifts what lies on a die; what connects, and what is refused."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import facts
from workbench.errors import InputError
from workbench.stack import End, Placement, bump_count, geometry, placed_fields, read, solids, to_document

# One point (2, 1) of a die's layout seen from above. Sources: the DEF language reference's eight orientations;
# OpenROAD's dbTransform gives the same figures (MX_R90 swaps x and y).
POSES = [
    ("R0", (2, 1)), ("R90", (-1, 2)), ("R180", (-2, -1)), ("R270", (1, -2)),
    ("MY", (-2, 1)), ("MY_R90", (-1, -2)), ("MX", (2, -1)), ("MX_R90", (1, 2)),
    ("MX_R180", (-2, 1)), ("MX_R270", (-1, -2)), ("MY_R180", (2, -1)), ("MY_R270", (1, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), POSES)
@pytest.mark.parametrize("flip", ["", "MZ"])
def test_every_orientation_places_a_point(name, expected, flip):
    spelled = name if not flip else ("MZ" if name == "R0" else f"MZ_{name}")
    angle, mirrored, facing = geometry.pose(spelled)
    assert facing == ("down" if flip else "up")
    placed = Placement(name="U", die="d", angle_deg=float(angle), mirrored=mirrored, facing=facing)
    assert tuple(geometry.to_module(np.array([[2.0, 1.0]]), placed)[0]) == expected
    assert geometry.pose(placed.orientation) == (angle, mirrored, facing)


def test_a_free_angle_has_no_name():
    assert geometry.orientation(30.0, mirrored=False, facing="up") is None
    assert geometry.orientation(-90.0, mirrored=False, facing="up") == "R270"
    assert geometry.pose("R45") is None


@given(st.floats(-360, 360), st.booleans(), st.floats(-50, 50), st.floats(-50, 50))
def test_placing_keeps_distances_and_takes_the_centre_to_its_place(angle, mirrored, x, y):
    placed = Placement(name="U", die="d", x_mm=x, y_mm=y, angle_deg=angle, mirrored=mirrored)
    points = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    moved = geometry.to_module(points, placed)
    assert np.allclose(moved[0], (x, y))
    assert np.linalg.norm(moved[1] - moved[2]) == pytest.approx(5.0)
    turn = np.linalg.det([moved[1] - moved[0], moved[2] - moved[0]])
    assert turn == pytest.approx(-12.0 if mirrored else 12.0)


def stacked():
    """The face-to-face proof of concept with four bumps on each face of the hybrid bond."""
    document = copy.deepcopy(facts.load("designs/poc-face-to-face"))
    for die in document["dies"]:
        die["regions"] = [{
            "name": "face", "side": "front", "width_um": 4000.0, "length_um": 4000.0,
            "bumps": [{"name": "pads", "columns": 2, "rows": 2, "pitch_x_um": 9.0, "pitch_y_um": 9.0,
                       "diameter_um": 4.5, "nets": ["a", "b", "c", "d"]}],
        }]  # fmt: skip
    document["connections"] = [{"name": "bond", "top": {"part": "U2 compute", "region": "face"},
                                "bottom": {"part": "U1 base", "region": "face"}, "thickness_um": 2.0}]  # fmt: skip
    return document


def test_bumps_of_both_faces_meet_in_the_bond():
    design = read(stacked())
    joint = design.connections[0]
    (top,), (bottom,) = placed_fields(design, joint.top), placed_fields(design, joint.bottom)
    assert np.allclose(top.xy_um, bottom.xy_um)
    bond = next(layer for layer in design.layers if layer.name == "Hybrid bond")
    assert top.z_um - bottom.z_um == pytest.approx(bond.thickness_um)
    assert bump_count(design) == 8
    drawn = solids(design)
    assert {field.part for field in drawn.fields if field.kind == "bump"} == {"U1 base", "U2 compute"}
    assert {(f.z_bottom_um, f.z_top_um) for f in drawn.fields if f.kind == "bump"} == {(bottom.z_um, top.z_um)}


def test_solids_fill_the_stack_from_the_bottom_to_the_top():
    design = read(facts.load("designs/ascend-910"))
    drawn = solids(design)
    layers = [box for box in drawn.boxes if box.kind == "layer"]
    assert layers[0].z_bottom_um == 0
    assert all(low.z_top_um == high.z_bottom_um for low, high in pairwise(layers))
    dies = [box for box in drawn.boxes if box.kind == "die"]
    assert sum(box.width_mm * box.length_mm for box in dies) == pytest.approx(
        sum(design.die(p.die).area_mm2 for p in design.placements)
    )


HANGS = [  # facing, side, z from the layer's bottom to the face of a die of 100 um, which way its bumps go
    ("up", "front", 100.0, "up"), ("up", "back", 0.0, "down"), ("down", "front", 0.0, "down"),
    ("down", "back", 100.0, "up"), ("up", "internal", 50.0, ""), ("down", "internal_ext", 50.0, ""),
]  # fmt: skip


@pytest.mark.parametrize(("facing", "side", "z_um", "way"), HANGS)
@pytest.mark.parametrize("layer_um", [100.0, 150.0, 300.0])
def test_bumps_leave_a_face_outwards_however_thick_the_layer_of_its_die(facing, side, z_um, way, layer_um):
    document = stacked() | {"connections": [], "assembly": "face_to_face" if facing == "up" else "face_to_back"}
    number = next(k for k, one in enumerate(document["layers"]) if one["kind"] == "die")
    document["layers"][number]["thickness_um"] = layer_um
    placed = document["layers"][number]["dies"][0]
    placed["facing"] = facing
    die = next(one for one in document["dies"] if one["id"] == placed["die"])
    die["thickness_um"] = 100.0
    die["regions"][0]["side"] = side
    design = read(document)
    bottom_um = next(b.z_bottom_um for b in solids(design).boxes if b.name == placed["name"])
    (field,) = (f for f in solids(design).fields if f.kind == "bump" and f.part == placed["name"])
    low, high = field.z_bottom_um - bottom_um, field.z_top_um - bottom_um
    if way:
        assert (low if way == "up" else high) == pytest.approx(z_um)
        assert low < high
    else:
        assert ((low + high) / 2, high - low) == (pytest.approx(z_um), pytest.approx(0.45))


def test_an_array_is_its_members():
    placed = Placement(name="H", die="d", x_mm=1.0, columns=3, rows=2, pitch_x_mm=4.0, pitch_y_mm=5.0, angle_deg=90.0)
    members = placed.members()
    assert [m.name for m in members] == ["H[0,0]", "H[1,0]", "H[2,0]", "H[0,1]", "H[1,1]", "H[2,1]"]
    assert [(m.x_mm, m.y_mm) for m in members[:2]] == [(-3.0, -2.5), (1.0, -2.5)]
    assert all(m.angle_deg == 90.0 and not m.is_array for m in members)
    with pytest.raises(InputError) as caught:
        Placement(name="H", die="d", columns=2)
    assert caught.value.rule == "design.array_pitch"


def test_the_members_of_an_array_must_lie_apart():
    document = copy.deepcopy(facts.load("designs/poc-side-by-side"))
    layer = next(layer for layer in document["layers"] if layer["kind"] == "die")
    layer["dies"] = [{"name": "U", "die": layer["dies"][0]["die"], "columns": 2, "pitch_x_mm": 0.5}]
    with pytest.raises(InputError) as caught:
        read(document)
    assert caught.value.rule == "design.dies_overlap"


REFUSED = [  # what is spoilt, rule
    (lambda d: d["connections"][0]["top"].update(part="U9"), "design.unknown_part"),
    (lambda d: d["connections"][0]["top"].update(region="rear"), "design.unknown_region"),
    (lambda d: d["connections"].append(d["connections"][0]), "design.duplicate"),
    (lambda d: d.update(paths=[{"name": "p", "steps": [{"part": "U1 base", "region": "no"}]}]),
     "design.unknown_region"),
    (lambda d: d.update(netlist=[{"name": "n", "pins": [{"part": "U9", "port": "a"}]}]), "design.unknown_part"),
    (lambda d: d["dies"][0]["regions"].append(d["dies"][0]["regions"][0]), "design.duplicate"),
    (lambda d: d["dies"][0]["tsv"].update(fields=d["dies"][0]["regions"][0]["bumps"]), "design.tsv_count"),
    (lambda d: d["dies"][0]["regions"][0]["bumps"][0].update(columns="many"), "design.wrong_type"),
    (lambda d: d["dies"][0]["regions"][0].update(side="left"), "design.not_a_choice"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "rule"), REFUSED)
def test_what_is_refused(spoil, rule):
    document = stacked()
    read(document)
    spoil(document)
    with pytest.raises(InputError) as caught:
        read(document)
    assert caught.value.rule == rule
    assert "grid" not in caught.value.where  # a tag of the reader, not a name in the document


def test_a_document_with_everything_survives_reading():
    document = stacked()
    steps = [{"part": "U1 base", "region": "face"}, {"part": "U2 compute", "region": "face", "excluded": True}]
    document["paths"] = [{"name": "p", "steps": steps}]
    document["netlist"] = [{"name": "VDD", "role": "power", "pins": [{"part": "U1 base", "port": "vdd"}]}]
    design = read(document)
    assert read(to_document(design)) == design
    assert str(design.paths[0].steps[1]) == "NOT U2 compute.face"
    assert design.region(End(part="U1 base", region="face")).bump_count == 4


def test_documents_of_version_1_open_and_mean_the_same():
    old = facts.load("designs/poc-face-to-face") | {"schema_version": 1}
    assert to_document(read(old)) == to_document(read(old | {"schema_version": 2}))
