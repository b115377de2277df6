"""Pitch, space, diameter and edge of bumps: at the rule they are kept, a hair below they are not, at any pose."""

from __future__ import annotations

import math

import pytest

from tests.workbench.rules.modules import GRID, deck, design_of, found, ids, on_carrier, status, two_dies
from workbench.rules import check
from workbench.rules.spans import span_um
from workbench.schema import Verdict
from workbench.stack import Grid

PITCH = {"limits": "bump_pitch", "values": {"min_pitch_um": 50.0}, "methods": ["micro_bump"]}
POSES = [{}, {"angle_deg": 33.0, "mirrored": True}]


def points(xy, **more):
    x, y = zip(*xy, strict=True)
    return {"name": "bumps", "diameter_um": 20.0, "x_um": list(map(float, x)), "y_um": list(map(float, y))} | more


def looked_at(field, *rules, method="micro_bump", **pose):
    return check(design_of(two_dies(field, field, method=method, top_pose=pose, bottom_pose=pose)), deck(*rules))


TURN = [(math.cos(0.3) * 50 * k, math.sin(0.3) * 50 * k) for k in range(4)]  # 50 um apart along a slanted line
PITCHES = [  # field, bumps too close, the least distance found
    (GRID, 0, None),
    (GRID | {"pitch_x_um": 49.999}, 12, 49.999),
    (GRID | {"pitch_y_um": 49.0}, 12, 49.0),
    (GRID | {"columns": 1, "pitch_x_um": 30.0}, 0, None),  # one column has no pitch across
    (GRID | {"angle_deg": 25.0}, 0, None),
    (GRID | {"angle_deg": 25.0, "pitch_x_um": 49.0}, 12, 49.0),
    (GRID | {"staggered": True, "pitch_x_um": 60.0, "pitch_y_um": 40.0}, 0, None),  # (30, 40): 50
    (GRID | {"staggered": True, "pitch_x_um": 60.0, "pitch_y_um": 39.9}, 12, math.hypot(30, 39.9)),
    (GRID | {"staggered": True, "pitch_x_um": 100.0, "pitch_y_um": 24.0}, 8, 48.0),  # the row after next
    (GRID | {"pitch_x_um": 25.0, "omit": [[1, 0], [3, 0], [1, 1], [3, 1], [1, 2], [3, 2]]}, 0, None),
    (GRID | {"pitch_x_um": 25.0, "omit": [[1, 0], [3, 0], [1, 1], [3, 1], [1, 2]]}, 2, 25.0),
    (points(TURN), 0, None),
    (points([*TURN, (5.0, 45.0)]), 2, math.hypot(5, 45)),
    (points([(0, 0), (0, 0), (100, 0)]), 2, 0.0),
    (points([(0, 0)]), 0, None),
]


@pytest.mark.parametrize(("field", "close", "least"), PITCHES)
@pytest.mark.parametrize("pose", POSES, ids=str)
def test_pitch(field, close, least, pose):
    report = looked_at(field, PITCH, **pose)
    wrong = [f for f in report.findings if f.id == "pitch"]
    assert [f.count for f in wrong] == ([close] * 2 if close else [])  # both dies are drawn alike
    assert status(report, "pitch") == ("found" if close else "passed")
    if close:
        assert wrong[0].got == pytest.approx(least)
        assert len(wrong[0].examples) == close


def test_pitch_between_fields_of_one_face():
    """Two fields of 50 um pitch: 50 um apart they are fine, 49 um apart the facing columns are too close."""
    second = GRID | {"name": "second"}
    for gap, close in ((50.0, 0), (49.0, 6)):
        fields = [GRID, second | {"x_um": 150.0 + gap}]
        wrong = [f for f in looked_at(fields, PITCH).findings if f.id == "pitch"]
        assert [f.count for f in wrong] == ([close] * 2 if close else [])
    far = [GRID, second | {"y_um": 60.0}]  # overlapping boxes: rows 60 um apart fall on each other
    wrong = [f for f in looked_at(far, PITCH).findings if f.id == "pitch"]
    assert {(f.count, f.got) for f in wrong} == {(16, 0.0)}


def test_pitch_between_regions_of_one_face():
    document = two_dies([], [])
    face = document["dies"][1]["regions"][0]
    face |= {"width_um": 200.0, "length_um": 200.0, "x_um": -100.0, "bumps": [GRID | {"x_um": -100.0}]}
    document["dies"][1]["regions"].append(face | {"name": "east", "x_um": 100.0, "bumps": [GRID | {"x_um": 95.0}]})
    finding = found(check(design_of(document), deck(PITCH)), "pitch")
    assert (finding.count, finding.got) == (6, pytest.approx(45.0))


def test_selectors_of_a_pitch_rule():
    tight = GRID | {"pitch_x_um": 40.0}
    assert looked_at(tight, PITCH, method="copper_pillar").verdict == Verdict.PASS
    assert status(looked_at(tight, PITCH, method="copper_pillar"), "pitch") == "not_applicable"
    wide_only = PITCH | {"above_diameter_um": 20.0}
    assert ids(looked_at(tight, wide_only)) == []
    assert ids(looked_at(tight | {"diameter_um": 20.1}, wide_only)) == ["pitch"]
    assert looked_at(tight, PITCH | {"verified": False}).verdict == Verdict.MARGINAL
    assert looked_at(tight, PITCH | {"severity": "care"}).verdict == Verdict.MARGINAL


def test_a_pitch_may_be_too_wide():
    exact = {"limits": "bump_pitch", "values": {"min_pitch_um": 60.0, "max_pitch_um": 60.0}}
    assert ids(looked_at(GRID | {"pitch_x_um": 60.0}, exact)) == ["pitch_wide"]  # near: at its upper limit
    assert looked_at(GRID | {"pitch_x_um": 60.0}, exact).findings[0].outcome == "near"


WIDE = GRID | {"pitch_x_um": 40.0, "pitch_y_um": 60.0}
WIDEST = [  # field of 4 x 3 bumps, its largest pitch
    (WIDE, 60.0), (WIDE | {"omit": [[1, 1]]}, 60.0), (WIDE | {"angle_deg": 33.0, "omit": [[0, 0]]}, 60.0),
    (WIDE | {"rows": 1}, 40.0), (WIDE | {"columns": 1, "omit": [[0, 1]]}, 120.0),  # the next is two rows away
    (WIDE | {"omit": [[1, 0], [2, 0], [3, 0], [0, 1], [1, 1]]}, math.hypot(80, 60)),  # a corner left alone
    (WIDE | {"staggered": True, "pitch_x_um": 60.0, "pitch_y_um": 40.0}, 50.0),
    (points([(0, 0), (30, 0), (30, 70)]), 70.0),
]  # fmt: skip


@pytest.mark.parametrize(("field", "widest"), WIDEST)
def test_a_site_left_out_does_not_narrow_a_pitch(field, widest):
    for limit, kept in ((widest * 1.06, True), (widest * 0.999, False)):
        report = looked_at(field, {"limits": "bump_pitch", "values": {"max_pitch_um": limit}})
        wide = [f for f in report.compared if f.id == "pitch_wide"]
        assert [f.got for f in wide] == pytest.approx([widest, widest])  # both dies are drawn alike
        assert ids(report) == ([] if kept else ["pitch_wide"])


def test_the_pitch_a_bond_layer_states_is_judged_too():
    document = two_dies(None, None)
    document["layers"][1]["bond"] = {"method": "micro_bump", "pitch_um": 50.0}
    assert ids(check(design_of(document), deck(PITCH))) == []
    document["layers"][1]["bond"]["pitch_um"] = 49.0
    finding = found(check(design_of(document), deck(PITCH)), "pitch")
    assert (finding.place, finding.got, finding.allowed, finding.unit) == ("bond", 49.0, 50.0, "um")


SPACE = {"limits": "bump_space", "values": {"min_space_um": 30.0}}


@pytest.mark.parametrize("pose", POSES, ids=str)
def test_space_is_from_rim_to_rim(pose):
    assert ids(looked_at(GRID, SPACE, **pose)) == []  # 50 - 20
    wrong = looked_at(GRID | {"diameter_um": 20.2}, SPACE, **pose).findings
    assert {(f.id, f.count, round(f.got, 6)) for f in wrong} == {("space", 12, 29.8)}
    mixed = [GRID, GRID | {"name": "wide", "diameter_um": 30.0, "columns": 1, "x_um": 130.0}]
    assert ids(looked_at(mixed, SPACE, **pose)) == []  # 55 um between centres, rims 10 and 15
    nearer = [GRID, GRID | {"name": "wide", "diameter_um": 30.0, "columns": 1, "x_um": 129.0}]
    wrong = looked_at(nearer, SPACE, **pose).findings
    assert {(f.count, round(f.got, 6)) for f in wrong} == {(6, 29.0)}


def test_diameter_has_two_limits():
    rule = {"limits": "bump_diameter", "values": {"min_diameter_um": 15.0, "max_diameter_um": 25.0}}
    for diameter, expected in ((15.0, []), (14.99, ["diameter_small"]), (23.7, []), (25.1, ["diameter_large"])):
        assert ids(looked_at(GRID | {"diameter_um": diameter}, rule)) == expected
    assert looked_at(GRID | {"diameter_um": 25.0}, rule).verdict == Verdict.MARGINAL  # near


@pytest.mark.parametrize("pose", POSES, ids=str)
@pytest.mark.parametrize("kind", ["grid", "points"])
def test_the_edge_of_the_part(kind, pose):
    """Die 1000 x 900 um, outermost bumps at 75 + x: rim 10 um, so 15 um stay free at x = 400."""
    rule = {"limits": "bump_edge", "values": {"min_edge_um": 15.0}}

    def at(x):
        if kind == "grid":
            return GRID | {"x_um": x}
        return points([(px + x, py) for px, py in Grid.model_validate(GRID).xy_um().tolist()])

    def document(x):
        given = two_dies(at(x), at(x), top_pose=pose, bottom_pose=pose)
        for die in given["dies"]:
            die["regions"][0]["width_um"] = 1000.0
        return given

    assert ids(check(design_of(document(400.0)), deck(rule))) == []
    wrong = check(design_of(document(400.1)), deck(rule)).findings
    assert {(f.id, f.count, round(f.got, 6)) for f in wrong} == {("edge", 3, 14.9)}


def test_bumps_of_a_carrier_are_judged_as_well():
    document = on_carrier({"name": "U1"})
    document["layers"][0]["regions"][0]["bumps"] = [GRID | {"pitch_x_um": 40.0}]
    finding = found(check(design_of(document), deck(PITCH)), "pitch")
    assert finding.place == "carrier front"
    assert finding.at[2] == 100.0


def test_a_die_placed_many_times_is_judged_once():
    document = on_carrier({"name": "U1", "bumps": [GRID | {"pitch_x_um": 40.0}], "columns": 3, "rows": 2,
                           "pitch_x_mm": 1.5, "pitch_y_mm": 1.5})  # fmt: skip
    finding = found(check(design_of(document), deck(PITCH)), "pitch")
    assert finding.count == 12


@pytest.mark.parametrize("stagger", [False, True])
@pytest.mark.parametrize("angle", [0.0, 90.0, 37.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_span_of_a_grid_holds_all_its_bumps(stagger, angle, mirrored):
    grid = Grid(name="g", diameter_um=5, columns=4, rows=3, pitch_x_um=30, pitch_y_um=20, x_um=7, y_um=-3,
                staggered=stagger, angle_deg=angle, mirrored=mirrored)  # fmt: skip
    low, high = span_um(grid)
    xy = grid.xy_um()
    assert (xy >= low - 1e-9).all()
    assert (xy <= high + 1e-9).all()
    if angle != 37.0 and not stagger:
        assert (xy.min(axis=0), xy.max(axis=0)) == (pytest.approx(low), pytest.approx(high))


def test_many_widths_on_one_face_are_held_apart_too():
    """200 single bumps in a row, each a little wider than the one before, 40 um apart: rims 30 to 20 um apart."""
    fields = [{"name": f"b{k}", "diameter_um": 10.0 + k * 0.05, "columns": 1, "rows": 1, "pitch_x_um": 1.0,
               "pitch_y_um": 1.0, "x_um": (k % 20 - 9.5) * 40.0, "y_um": (k // 20 - 4.5) * 40.0}
              for k in range(200)]  # fmt: skip
    assert ids(looked_at(fields, {"limits": "bump_space", "values": {"min_space_um": 19.5}})) == []
    crowded = [*fields, fields[7] | {"name": "x", "x_um": fields[7]["x_um"] + 25.0}]
    wrong = looked_at(crowded, {"limits": "bump_space", "values": {"min_space_um": 19.0}}).findings
    assert {(f.id, f.count) for f in wrong} == {("space", 3)}
