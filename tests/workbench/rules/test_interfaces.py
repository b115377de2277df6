"""Bump to bump across an interface: each check with a module that just keeps it and one that breaks it, at any pose."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workbench.rules.modules import (
    GRID,
    NOTHING,
    deck,
    design_of,
    end,
    found,
    ids,
    on_carrier,
    status,
    two_dies,
)
from workbench.rules import Requirements, check, markers
from workbench.schema import Verdict
from workbench.stack import End, placed_fields, read
from workbench.stack.bumps import followed
from workbench.stack.document import Placement
from workbench.stack.patterns import Grid

# Poses under which the two dies of a pair still lie on each other bump by bump: both move alike.
POSES = [{}, {"angle_deg": 90.0}, {"angle_deg": 180.0, "mirrored": True}, {"angle_deg": 33.0},
         {"angle_deg": -71.5, "mirrored": True, "x_mm": 0.2, "y_mm": -0.1}]  # fmt: skip


def looked_at(document, rules=NOTHING, **asked):
    return check(design_of(document), rules, requirements=Requirements(**asked))


def points(xy, **more):
    x, y = zip(*xy, strict=True)
    return {"name": "bumps", "diameter_um": 20.0, "x_um": list(map(float, x)), "y_um": list(map(float, y))} | more


@pytest.mark.parametrize("pose", POSES, ids=str)
@pytest.mark.parametrize("field", [GRID, points([(0, 0), (60, 10), (-80, 33)])], ids=["grid", "points"])
def test_equal_bump_maps_meet_at_any_pose(field, pose):
    report = looked_at(two_dies(field, field, top_pose=pose, bottom_pose=pose))
    assert report.verdict == Verdict.PASS, ids(report)
    assert status(report, "orphans") == status(report, "misaligned") == "passed"


@pytest.mark.parametrize("pose", POSES, ids=str)
@pytest.mark.parametrize("kind", ["grid", "points"])
def test_a_missing_bump_leaves_its_counterpart_alone(kind, pose):
    grid = Grid.model_validate(GRID)
    if kind == "grid":
        less = GRID | {"omit": [[3, 2]]}
    else:
        less = points([tuple(p) for k, p in enumerate(grid.xy_um().tolist()) if k != 11])
    report = looked_at(two_dies(GRID, less, top_pose=pose, bottom_pose=pose))
    finding = found(report, "orphan")
    assert (finding.severity, finding.count, finding.place) == ("error", 1, "U2.front")
    assert finding.values["first"] == "bumps[11]"
    # the marker lies on the lonely bump, on the lower face of the upper die
    x, y, z = finding.at
    assert z == 110.0
    design = design_of(two_dies(GRID, less, top_pose=pose, bottom_pose=pose))
    (placed,) = placed_fields(design, End(part="U2", region="front"))
    assert (x, y) == pytest.approx(tuple(placed.xy_um[11]), abs=1e-9)


SHIFTS = [  # dx, dy in um, tolerance 0.5: within, at it, just beyond, far, beyond any overlap of pads 20 um wide
    (0.3, 0.3, None), (0.3, 0.4, None), (0.3, 0.4002, "misaligned"), (6.0, -8.0, "misaligned"), (25.0, 0.0, "orphan"),
]  # fmt: skip


@pytest.mark.parametrize("turn", [0.0, 41.0])
@pytest.mark.parametrize(("dx", "dy", "expected"), SHIFTS)
@pytest.mark.parametrize("kind", ["grid", "points"])
def test_a_tolerance_parts_met_from_misaligned(kind, dx, dy, expected, turn):
    field = GRID if kind == "grid" else points([(0, 0), (60, 10), (-80, 33)])
    at = {"angle_deg": turn}
    document = two_dies(field, field, top_pose=at | {"x_mm": dx / 1000, "y_mm": dy / 1000}, bottom_pose=at)
    report = looked_at(document, alignment_tolerance_um=0.5)
    assert ids(report) == ([expected] if expected else [])
    if expected == "misaligned":
        finding = found(report, "misaligned")
        assert finding.got == pytest.approx((dx**2 + dy**2) ** 0.5)
        assert (finding.values["dx"], finding.values["dy"]) == pytest.approx((dx, dy))
        assert finding.count == (12 if kind == "grid" else 3)
        assert len(finding.examples) == finding.count
        assert f"{finding.count} pair(s)" in finding.sentence("en")


def test_a_rule_of_the_deck_replaces_the_tolerance():
    moved = two_dies(top_pose={"x_mm": 0.002}, method="hybrid")
    rule = {"limits": "bump_alignment", "values": {"max_offset_um": 2.0}, "methods": ["hybrid"]}
    assert looked_at(moved, deck(rule)).verdict == Verdict.PASS
    tight = rule | {"values": {"max_offset_um": 1.9}}
    assert looked_at(moved, deck(tight)).verdict == Verdict.FAIL
    assert looked_at(moved, deck(tight | {"verified": False})).verdict == Verdict.MARGINAL
    assert looked_at(moved, deck(tight | {"methods": ["solder_ball"]})).verdict == Verdict.FAIL  # back to 0.5 um


ALIGNED = [  # two rules: largest offset, severity, source read; outcome of each for bumps 2 um apart
    ((5.0, "error", True, "met"), (1.0, "error", True, "broken")),
    ((1.0, "error", True, "broken"), (5.0, "error", True, "met")),  # the tighter counts, wherever it stands
    ((1.0, "error", False, "care"), (1.5, "error", True, "broken")),  # an unread one hides no read one
    ((1.0, "care", True, "care"), (2.0, "error", True, "met")),
]


@pytest.mark.parametrize("rules", ALIGNED, ids=str)
def test_every_rule_of_alignment_that_fits_is_held(rules):
    asked = [{"limits": "bump_alignment", "values": {"max_offset_um": limit}, "severity": severity, "verified": read}
             for limit, severity, read, _ in rules]  # fmt: skip
    report = looked_at(two_dies(top_pose={"x_mm": 0.002}), deck(*asked))
    found = [f for f in report.compared if f.id == "misaligned"]
    assert [(f.allowed, f.outcome, f.verified) for f in found] == [(limit, o, read) for limit, _, read, o in rules]
    assert report.ok == all(outcome != "broken" for *_, outcome in rules)


def test_examples_are_bounded_and_all_are_counted():
    many = GRID | {"columns": 30, "rows": 30, "pitch_x_um": 25.0, "pitch_y_um": 25.0}
    document = two_dies(many, many, top_pose={"x_mm": 0.003})
    report = check(design_of(document), NOTHING, examples=5)
    finding = found(report, "misaligned")
    assert finding.count == 900
    assert len(finding.examples) == 5
    assert len({(m.x_um, m.y_um) for m in markers(report)}) == len(markers(report)) == 5


NETS = [  # nets of the top, nets of the bottom, mismatches expected among 12 bumps (4 columns, 3 rows)
    (["a"], ["a"], 0),
    (["a"], ["b"], 12),
    (["a", "b"], ["a", "b"], 0),
    (["a", "b"], ["b", "a"], 12),
    (["a", "b"], ["a"], 6),
    (["a", ""], ["a", "b"], 6),  # a bump of no net on a bump of one
    (["n[{index}]"], ["n[{index}]"], 0),
    (["n[{index}]"], ["n[{column}]"], 8),
    (["c{column}r{row}"], ["c{column}r{row}"], 0),
    (["c{column}r{row}"], ["c{row}r{column}"], 9),
    (["{column}{row}"], ["{column}{row}"], 0),
    (["x{index}", "y{index}"], ["x{index}"], 6),
    (["n[3]"], ["n[{index}]"], 11),
    (["p{index}"], ["q{index}"], 12),
]


@pytest.mark.parametrize(("top", "bottom", "wrong"), NETS, ids=str)
@pytest.mark.parametrize("pose", [{}, {"angle_deg": 33.0, "mirrored": True}], ids=["straight", "turned"])
def test_names_are_compared_without_a_netlist(top, bottom, wrong, pose):
    report = looked_at(two_dies(GRID | {"nets": top}, GRID | {"nets": bottom}, top_pose=pose, bottom_pose=pose))
    finding = found(report, "net_mismatch")
    assert (finding.count if finding else 0) == wrong
    assert status(report, "nets") == ("found" if wrong else "passed")


def test_the_same_names_as_words_and_as_points_give_the_same_answer():
    names = [f"n{k}" for k in range(12)]
    swapped = [*names[:5], names[6], names[5], *names[7:]]
    xy = Grid.model_validate(GRID).xy_um().tolist()
    for top in (GRID | {"nets": names}, points(xy, nets=names)):
        for bottom in (GRID | {"nets": swapped}, points(xy, nets=swapped), points(xy[::-1], nets=swapped[::-1])):
            assert found(looked_at(two_dies(top, bottom)), "net_mismatch").count == 2


def test_long_lists_of_names_are_compared_as_short_ones_are():
    wide = GRID | {"columns": 90, "rows": 60, "pitch_x_um": 8.0, "pitch_y_um": 8.0, "diameter_um": 4.0}
    names = [f"n{k}" for k in range(5400)]
    swapped = [names[1], names[0], *names[2:]]
    assert found(looked_at(two_dies(wide | {"nets": names}, wide | {"nets": swapped})), "net_mismatch").count == 2
    assert looked_at(two_dies(wide | {"nets": names}, wide | {"nets": names})).verdict == Verdict.PASS


def test_bumps_that_name_nothing_are_not_compared():
    report = looked_at(two_dies(GRID, GRID | {"nets": ["a"]}))
    assert status(report, "nets") == "not_applicable"
    assert report.verdict == Verdict.PASS


def netlist(*nets):
    return [{"name": name, "role": role, "pins": [{"part": p, "port": q} for p, q in (x.split(".") for x in pins)]}
            for name, role, *pins in nets]  # fmt: skip


LVS = [  # netlist over U2 ports (a, b in turn) and U1 ports (p, q in turn), finding expected, count
    (netlist(("n1", "signal", "U2.a", "U1.p"), ("n2", "signal", "U2.b", "U1.q")), None, 0),
    (netlist(("n1", "signal", "U2.a", "U1.q"), ("n2", "signal", "U2.b", "U1.p")), "net_mismatch", 12),
    (netlist(("n1", "signal", "U2.a", "U1.p"), ("n2", "signal", "U2.b")), "net_mismatch", 6),
    (netlist(("n1", "power", "U2.a", "U1.p"), ("n2", "ground", "U2.b", "U1.q")), None, 0),
    (netlist(("n1", "power", "U2.a"), ("n2", "ground", "U1.p"), ("n3", "signal", "U2.b", "U1.q")), "supply_short", 6),
    (netlist(("n1", "power", "U2.a"), ("n2", "signal", "U1.p"), ("n3", "signal", "U2.b", "U1.q")), "supply_short", 6),
    (netlist(("n1", "power", "U2.a"), ("n2", "power", "U1.p"), ("n3", "signal", "U2.b", "U1.q")), "net_mismatch", 6),
]


@pytest.mark.parametrize(("nets", "expected", "count"), LVS, ids=lambda v: v if isinstance(v, str) else None)
@pytest.mark.parametrize("label", ["ports", "nets"])
def test_the_netlist_of_the_module_decides(nets, expected, count, label):
    top, bottom = GRID | {label: ["a", "b"]}, GRID | {label: ["p", "q"]}
    report = looked_at(two_dies(top, bottom, netlist=nets))
    assert [f.id for f in report.findings if f.id != "net_open"] == ([expected] if expected else [])
    if expected:
        assert found(report, expected).count == count
        assert "n1" in found(report, expected).sentence("en") or "n2" in found(report, expected).sentence("en")


def test_a_net_that_no_chain_of_bumps_joins_is_open():
    """Net n runs U1 - carrier - U2; the carrier's second pad is not a pin of it, so U2 hangs in the air."""
    one = points([(0, 0)], ports=["a"])

    def module(*pins):
        document = on_carrier({"name": "U1", "bumps": [one], "x_mm": -1.0}, {"name": "U2", "bumps": [one], "x_mm": 1.0},
                              netlist=netlist(("n", "signal", *pins)))  # fmt: skip
        document["layers"][0]["regions"][0]["bumps"] = [points([(-1000, 0), (1000, 0)], ports=["l", "r"])]
        return looked_at(document)

    joined = module("U1.a", "U2.a", "carrier.l", "carrier.r")
    assert ids(joined) == []
    cut = module("U1.a", "U2.a", "carrier.l")
    assert ids(cut) == ["net_mismatch", "net_open"]
    assert found(cut, "net_open").place == "n"
    assert found(cut, "net_open").count == 1


def test_a_face_that_meets_the_world_may_have_bumps_of_its_own():
    more = GRID | {"columns": 6}
    alone = two_dies(GRID, more)
    assert found(looked_at(alone), "orphan").count == 6
    also_world = copy.deepcopy(alone)
    also_world["connections"].append({"name": "package", "top": end("U1.front")})
    assert ids(looked_at(also_world)) == []


def test_a_face_joined_twice_has_an_orphan_only_where_neither_joint_has_a_partner():
    pads = {"name": "left", "diameter_um": 20.0, "columns": 4, "rows": 3, "pitch_x_um": 50.0, "pitch_y_um": 60.0}
    dies = [{"name": "U1", "bumps": [GRID], "x_mm": -1.0}, {"name": "U2", "bumps": [GRID], "x_mm": 1.0}]
    document = on_carrier(*dies, connections=[
        {"name": f"c{k}", "top": end(f"U{k}.front"), "bottom": end("carrier.face"), "thickness_um": 10.0}
        for k in (1, 2)
    ])  # fmt: skip
    face = document["layers"][0]["regions"][0]
    face["bumps"] = [pads | {"x_um": -1000.0}, pads | {"name": "right", "x_um": 1000.0}]
    assert ids(looked_at(document)) == []
    face["bumps"][1] = face["bumps"][1] | {"columns": 5, "x_um": 1025.0}
    finding = found(looked_at(document), "orphan")
    assert (finding.place, finding.count) == ("carrier.face", 3)
    del document["connections"][1]  # still matched, but nobody said so
    face["bumps"][1] = pads | {"name": "right", "x_um": 1000.0}
    assert ids(looked_at(document)) == ["undeclared"]


def test_without_any_connection_the_bumps_themselves_say_what_meets():
    document = two_dies(GRID, GRID | {"omit": [[0, 0]]}, connections=[])
    assert ids(looked_at(document)) == ["orphan"]
    flipped = two_dies(GRID, GRID, connections=[], bottom_pose={"facing": "down"})  # face to back: nothing looks up
    report = looked_at(flipped)
    assert status(report, "orphans") == "not_applicable"
    assert ids(report) == []


def test_a_bump_map_on_one_face_only_is_said():
    report = looked_at(two_dies(GRID, None))
    assert ids(report) == ["one_sided"]
    assert report.verdict == Verdict.MARGINAL
    assert found(report, "one_sided").values["face"] == "U1.front"


angles = st.floats(-180, 180).map(lambda v: round(v, 2))
pose = st.fixed_dictionaries({"angle_deg": angles, "mirrored": st.booleans(), "x_mm": st.floats(-0.3, 0.3),
                              "y_mm": st.floats(-0.3, 0.3)})  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(top=pose, bottom=pose, moved=st.sampled_from([0.0, 2.0]))
def test_a_field_that_follows_another_meets_it_whatever_the_poses(top, bottom, moved):
    upper, lower = (Placement(name=n, die="d", **p) for n, p in (("U2", top), ("U1", bottom)))
    field = Grid.model_validate(GRID | {"nets": tuple(f"n{k}" for k in range(12))})
    copied = followed(field, upper, lower).model_dump(mode="json", exclude_defaults=True)
    document = two_dies(field.model_dump(mode="json", exclude_defaults=True), copied, top_pose=top, bottom_pose=bottom)
    document |= {"width_mm": 5.0, "length_mm": 5.0}
    for die in document["dies"]:  # room for the field wherever the other die puts it
        die |= {"width_mm": 2.4, "length_mm": 2.4}
        die["regions"][0] |= {"width_um": 2400.0, "length_um": 2400.0}
    document["layers"][2]["dies"][0]["x_mm"] += moved / 1000
    report = check(read(document), NOTHING)
    assert ids(report) == (["misaligned"] if moved else [])
    if moved:
        assert found(report, "misaligned").got == pytest.approx(2.0, abs=1e-5)
        assert found(report, "misaligned").count == 12


def test_markers_lie_where_the_findings_are():
    document = two_dies(GRID, GRID | {"omit": [[0, 0]], "nets": ["a"]})
    report = looked_at(document)
    (marker,) = markers(report, "zh-Hant")
    assert (marker.id, marker.severity, marker.finding) == ("orphan", "error", 0)
    assert (marker.x_um, marker.y_um, marker.z_um) == pytest.approx((-75.0, -60.0, 110.0))
    assert marker.sentence == report.findings[0].sentence("zh-Hant")


def test_alignment_marks_are_no_bumps():
    mark = {"name": "mark", "diameter_um": 30.0, "x_um": [300.0], "y_um": [300.0], "cells": ["CROSS"]}
    rule = {"limits": "alignment_mark", "values": {"max_offset_um": 1.0}, "marks": ["CROSS", "BOX"]}
    report = looked_at(two_dies([GRID, mark], [GRID, mark | {"cells": ["BOX"]}]), deck(rule))
    assert ids(report) == []
    assert status(report, "alignment_marks") == "passed"
    alone = looked_at(two_dies([GRID, mark], GRID), deck(rule))
    assert ids(alone) == ["mark_alone"]  # and no orphan
    assert ids(looked_at(two_dies([GRID, mark], GRID))) == ["orphan"]


