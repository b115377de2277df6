"""The checks of OpenROAD's check_3dblox, each with a module that just keeps it and one that breaks it."""

from __future__ import annotations

import copy

import pytest

from tests.workbench.rules.modules import (
    GRID,
    NOTHING,
    deck,
    design_of,
    end,
    found,
    ids,
    on_carrier,
    region,
    status,
    two_dies,
)
from workbench.errors import InputError
from workbench.rules import Requirements, check
from workbench.stack import read, to_document


def looked_at(document, rules=NOTHING, **asked):
    return check(design_of(document), rules, requirements=Requirements(**asked))


def changed(document, *path_and_value):
    document = copy.deepcopy(document)
    *way, last, value = path_and_value
    here = document
    for step in way:
        here = here[step]
    here[last] = value
    return document


PLAIN = two_dies()
BARE = two_dies(None, None)
CONNECTIONS = [  # change, the finding, the gap found
    (("connections", 0, "thickness_um", 10.1), None, None),
    (("connections", 0, "thickness_um", 9.9), None, None),
    (("connections", 0, "thickness_um", 10.11), "connection_gap", 10.0),
    (("connections", 0, "thickness_um", 44.0), "connection_gap", 10.0),
    (("connections", 0, "thickness_um", 0.0), "connection_gap_unstated", 10.0),
    (("layers", 0, "thickness_um", 130.0), "connection_gap", 40.0),  # the die is thinner than its layer: mould between
    (("layers", 0, "dies", 0, "facing", "down"), "connection_direction", None),
    (("layers", 2, "dies", 0, "facing", "up"), "connection_direction", None),
    (("connections", 0, "top", end("U2.back")), "connection_direction", None),
    (("connections", 0, "bottom", end("U2.back")), "connection_same_part", None),
    (("dies", 0, "regions", 0, "side", "internal"), "connection_inside", None),
    (("dies", 0, "regions", 0, "side", "internal_ext"), "connection_direction", None),  # no die reaches it
    (("layers", 2, "dies", 0, "x_mm", 0.95), "connection_apart", None),
    (("layers", 2, "dies", 0, "x_mm", 0.85), None, None),
]


@pytest.mark.parametrize(("change", "expected", "gap"), CONNECTIONS, ids=lambda v: str(v)[:48])
def test_connections(change, expected, gap):
    report = looked_at(changed(BARE, *change))
    wrong = [f for f in report.findings if f.id.startswith("connection")]
    assert [f.id for f in wrong] == ([expected] if expected else [])
    assert status(report, "connections") == ("found" if expected else "passed")
    if gap is not None:
        assert wrong[0].got == gap


def test_a_connection_may_be_written_with_the_upper_part_as_bottom():
    turned = changed(changed(BARE, "connections", 0, "top", end("U1.front")), "connections", 0, "bottom",
                     end("U2.front"))  # fmt: skip
    assert ids(looked_at(turned)) == []


def test_the_gap_has_a_tolerance():
    off = changed(BARE, "connections", 0, "thickness_um", 10.4)
    assert ids(looked_at(off, gap_tolerance_um=0.5)) == []
    assert ids(looked_at(off, gap_tolerance_um=0.1)) == ["connection_gap", "floating"]


@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, 90.0])
def test_faces_must_overlap_in_the_plane_at_any_angle(angle):
    """Regions of 900 x 800 um: turned by 45 degrees the lower one reaches 601 um along x from its centre, so that the
    faces part beyond 450 + 601 um."""
    reach = {0.0: 450, 30.0: 450 * 0.8660254 + 400 * 0.5, 45.0: (450 + 400) * 0.70710678, 90.0: 400}[angle]
    for away, expected in ((-0.01, []), (0.01, ["connection_apart", "floating"])):
        x_mm = (450 + reach + away) / 1000
        pose = {"angle_deg": angle, "x_mm": -x_mm / 2}
        document = two_dies(None, None, bottom_pose=pose, top_pose={"x_mm": x_mm / 2})
        assert ids(looked_at(document)) == expected


def test_internal_ext_meets_a_part_at_its_height():
    """A bridge die in the same layer as the die whose inner region it serves."""
    document = changed(BARE, "dies", 1, "regions", 0, "side", "internal_ext")
    document["dies"][0]["regions"].append(region(name="inner", side="internal_ext"))
    document["connections"].append({"name": "inner", "top": end("U2.front"), "bottom": end("U1.inner")})
    report = looked_at(document)
    assert "connection_direction" in ids(report)  # 10 um apart in height
    flush = copy.deepcopy(document)
    del flush["layers"][1]
    flush["connections"][0]["thickness_um"] = 0.0
    assert "connection_direction" not in ids(looked_at(flush))


def test_an_internal_ext_region_must_be_used():
    document = changed(BARE, "dies", 1, "regions", 1, "side", "internal_ext")
    finding = found(looked_at(document), "unused_internal_ext")
    assert (finding.place, finding.severity) == ("U2.back", "error")
    document["connections"].append({"name": "up", "top": end("U2.back")})
    assert found(looked_at(document), "unused_internal_ext") is None
    assert status(looked_at(document), "internal_ext") == "passed"


FLOATING = [  # connections kept, parts afloat
    (("joint", "world"), None),
    (("world",), {"U2"}),
    (("joint",), None),  # nothing meets the world: the largest set counts as tied
    ((), None),
]


@pytest.mark.parametrize(("kept", "afloat"), FLOATING, ids=str)
def test_floating_parts(kept, afloat):
    document = copy.deepcopy(BARE)
    document["connections"] = [c for c in document["connections"] if c["name"] in kept]
    finding = found(looked_at(document), "floating")
    assert (set(finding.place.split(", ")) if finding else None) == afloat
    expected = "not_applicable" if not kept else "found" if afloat else "passed"
    assert status(looked_at(document), "floating") == expected


def test_a_broken_connection_leaves_its_part_afloat():
    document = changed(BARE, "layers", 2, "dies", 0, "x_mm", 0.95)
    assert found(looked_at(document), "floating").place == "U2"


def test_bumps_that_face_each_other_keep_parts_from_floating():
    document = two_dies(connections=[{"name": "world", "top": end("U1.back")}])
    assert ids(looked_at(document)) == ["undeclared"]


def test_balls_under_the_module_are_the_world():
    document = on_carrier({"name": "U1", "bumps": [GRID]}, {"name": "U2", "bumps": [], "x_mm": 2.0}, connections=[
        {"name": "a", "top": end("U1.front"), "bottom": end("carrier.face"), "thickness_um": 10.0}])  # fmt: skip
    document["layers"][0]["regions"] += [region(name="under", side="back")]
    document["layers"][0]["regions"][0]["bumps"] = [GRID]
    document["layers"].insert(0, {"name": "balls", "kind": "balls", "material": "sac305", "thickness_um": 200.0})
    assert found(looked_at(document), "floating").place == "U2"


def test_two_dies_in_one_place_cannot_be_read_but_are_found_when_made_in_memory():
    design = design_of(on_carrier({"name": "U1", "x_mm": -0.6}, {"name": "U2", "x_mm": 0.6}))
    assert ids(check(design, NOTHING)) == []
    tier = design.layers[2]

    def moved(x_mm, **pose):
        second = tier.dies[1].model_copy(update={"x_mm": x_mm, **pose})
        layer = tier.model_copy(update={"dies": (tier.dies[0], second)})
        return design.model_copy(update={"layers": (*design.layers[:2], layer)})

    with pytest.raises(InputError) as refused:
        read(to_document(moved(0.398)))
    assert refused.value.rule == "design.dies_overlap"
    assert ids(check(moved(0.4), NOTHING)) == []  # they touch
    finding = found(check(moved(0.398), NOTHING), "overlap")
    assert finding.place == "U1 / U2"
    assert finding.got == pytest.approx(2.0)
    assert ids(check(moved(0.5, angle_deg=45.0), NOTHING)) == ["overlap"]
    assert ids(check(moved(0.6, angle_deg=45.0), NOTHING)) == []


@pytest.mark.parametrize("pose", [{}, {"angle_deg": 30.0, "mirrored": True}], ids=str)
def test_mould_vias_keep_out_of_dies(pose):
    document = on_carrier({"name": "U1", **pose})
    vias = {"name": "posts", "diameter_um": 100.0, "columns": 2, "rows": 1, "pitch_x_um": 2000.0, "pitch_y_um": 100.0}
    document["layers"][2]["vias"] = [vias]
    assert ids(looked_at(document)) == []
    # the die's edge lies 500 um from its centre; turned, its outline crosses the x axis at 500/cos 30
    reach = 500.0 if not pose else 500 / 0.8660254037844386
    free = 50.0 if not pose else 50 / 0.8660254037844386
    document["layers"][2]["vias"] = [vias | {"pitch_x_um": 2 * (reach + free) + 0.02}]
    assert ids(looked_at(document)) == []
    document["layers"][2]["vias"] = [vias | {"pitch_x_um": 2 * (reach + free) - 0.02}]
    assert found(looked_at(document), "via_in_die").count == 2


@pytest.mark.parametrize("kind", ["grid", "points"])
@pytest.mark.parametrize("pose", [{}, {"angle_deg": 77.0, "mirrored": True}], ids=str)
def test_bumps_inside_their_region(kind, pose):
    """Outermost bumps at +-75 and +-60 um of a region; the centre counts, as in OpenROAD."""
    field = GRID if kind == "grid" else {
        "name": "bumps", "diameter_um": 20.0, "x_um": [-75.0, 0.0, 75.0], "y_um": [-60.0, 0.0, 60.0]}  # fmt: skip
    document = two_dies(field, field, top_pose=pose, bottom_pose=pose)
    tight = {"width_um": 150.0, "length_um": 120.0}
    document["dies"][0]["regions"][0] |= tight
    assert ids(looked_at(document)) == []
    document["dies"][0]["regions"][0] |= {"x_um": 0.001}
    finding = found(looked_at(document), "bump_outside")
    assert finding.count == (3 if kind == "grid" else 1)
    assert len(finding.examples) == finding.count


def test_turned_and_staggered_grids_are_judged_by_their_bumps_not_their_box():
    turned = GRID | {"columns": 3, "rows": 3, "pitch_x_um": 100.0, "pitch_y_um": 100.0, "angle_deg": 45.0}
    document = two_dies(turned, turned)
    document["dies"][0]["regions"][0] |= {"width_um": 283.0, "length_um": 283.0}
    assert ids(looked_at(document)) == []  # corners at 141.4 um on the axes
    document["dies"][0]["regions"][0] |= {"width_um": 282.0}
    assert found(looked_at(document), "bump_outside").count == 2
    without = turned | {"omit": [[0, 0], [2, 0], [0, 2], [2, 2]]}
    document = two_dies(without, without)
    document["dies"][0]["regions"][0] |= {"width_um": 282.0}
    assert ids(looked_at(document)) == []


def test_regions_inside_their_part():
    document = changed(BARE, "dies", 0, "regions", 0, "x_um", 50.0)  # 900 um wide in a die of 1000
    assert ids(looked_at(document)) == []
    document = changed(BARE, "dies", 0, "regions", 0, "x_um", 50.01)
    finding = found(looked_at(document), "region_outside")
    assert finding.got == pytest.approx(0.01)


MARK = {"name": "mark", "diameter_um": 30.0, "x_um": [300.0, -300.0], "y_um": [300.0, -300.0]}
RULE = {"limits": "alignment_mark", "values": {"max_offset_um": 2.0}, "marks": ["CROSS", "BOX"]}


def marked(top_cells=("CROSS",), bottom_cells=("BOX",), dx=0.0, dy=0.0, **pose):
    bottom = MARK | {"cells": list(bottom_cells), "x_um": [300.0 + dx, -300.0], "y_um": [300.0 + dy, -300.0]}
    return two_dies([MARK | {"cells": list(top_cells)}], [bottom], **pose)


MARKS = [  # module, finding, how many
    (marked(), None, 0),
    (marked(("BOX",), ("CROSS",)), None, 0),
    (marked(dx=1.0, dy=1.0), None, 0),  # |dx| + |dy| counts
    (marked(dx=1.0, dy=1.01), "mark_alone", 1),
    (marked(bottom_cells=("CROSS",)), "mark_alone", 2),
    (marked(top_pose={"x_mm": 0.0019}), None, 0),
    (marked(top_pose={"x_mm": 0.0021}), "mark_alone", 2),
]


@pytest.mark.parametrize(("document", "expected", "count"), MARKS)
def test_alignment_marks(document, expected, count):
    report = looked_at(document, deck(RULE))
    assert set(ids(report)) == ({expected} if expected else set())
    alone = [f for f in report.findings if f.id == expected]
    assert [f.count for f in alone] == ([count] * 2 if expected else [])  # on either face


def test_an_alignment_mark_has_one_counterpart():
    document = marked()
    bottom = document["dies"][0]["regions"][0]["bumps"][0]
    bottom["x_um"].append(301.0)
    bottom["y_um"].append(300.0)
    assert ids(looked_at(document, deck(RULE))) == ["mark_twice"]


ORIENTATIONS = [  # pose of the upper die, of the lower, orientations allowed from CROSS (upper) to BOX, kept
    ({}, {}, ["R0"], True),
    ({"angle_deg": 180.0}, {"angle_deg": 180.0}, ["R0"], True),
    ({"angle_deg": 180.0}, {"angle_deg": 180.0}, ["R180"], False),
    ({"angle_deg": 180.0}, {}, ["R180"], True),
    ({"mirrored": True, "angle_deg": 180.0}, {"mirrored": True, "angle_deg": 180.0}, ["R0"], True),
    ({"angle_deg": 180.0}, {}, ["R0", "MX"], False),
]


@pytest.mark.parametrize(("upper", "lower", "allowed", "kept"), ORIENTATIONS, ids=str)
def test_the_relative_orientation_of_alignment_marks(upper, lower, allowed, kept):
    document = marked(top_pose=upper, bottom_pose=lower)
    report = looked_at(document, deck(RULE | {"orientations": allowed}))
    assert ids(report) == ([] if kept else ["mark_turned"])


def test_marks_without_a_rule_or_a_rule_without_marks_do_not_apply():
    assert status(looked_at(PLAIN), "alignment_marks") == "not_applicable"
    assert status(looked_at(PLAIN, deck(RULE)), "alignment_marks") == "not_applicable"
