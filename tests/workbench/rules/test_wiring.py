"""Escape, die shift, through-silicon vias and the metals of carriers, against exact values."""

from __future__ import annotations

import math

import numpy as np
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
    region,
    status,
    two_dies,
)
from workbench.errors import DomainError
from workbench.rules import DieShift, Requirements, check
from workbench.rules.die_shift import budget_um, displacements_um
from workbench.rules.escape import escape_estimate, field_escape, signal_count, tracks_between
from workbench.rules.nets import Netlist
from workbench.stack import Grid, Layer, Metal, Points


def metal(name="M1", line=10.0, space=10.0, **more):
    return Metal(name=name, line_um=line, space_um=space, **more)


TRACKS = [  # pitch, pad, line, space, lines that fit: k lines and k + 1 spaces in pitch - pad
    (130, 80, 10, 10, 2),  # 50 = 10+10+10+10+10
    (129.9, 80, 10, 10, 1),
    (100, 80, 10, 10, 0),
    (110, 80, 10, 10, 1),
    (55, 25, 2, 2, 7),  # 30 = 7*2 + 8*2
    (40, 20, 0.4, 0.4, 24),
    (50, 60, 1, 1, 0),
]


@pytest.mark.parametrize(("pitch", "pad", "line", "space", "count"), TRACKS)
def test_lines_between_two_pads(pitch, pad, line, space, count):
    assert tracks_between(pitch_um=pitch, pad_um=pad, line_um=line, space_um=space) == count
    if count:
        assert count * line + (count + 1) * space <= pitch - pad + 1e-9
    assert (count + 1) * line + (count + 2) * space > pitch - pad


ESCAPES = [  # columns, rows, tracks, metals, edges, signals, escaped, metals needed
    (10, 10, 0, 1, "lrbt", 100, 36, 5),  # one row off each edge: 100 - 64
    (10, 10, 0, 5, "lrbt", 100, 100, 5),
    (10, 10, 1, 2, "lrbt", 100, 96, 3),  # two rows each: 36 and 4 left
    (10, 10, 4, 1, "lrbt", 100, 100, 1),
    (10, 10, 1, 2, "l", 100, 40, 5),  # one open edge: two columns per metal
    (10, 10, 1, 5, "l", 100, 100, 5),
    (10, 4, 0, 1, "bt", 40, 20, 2),
    (1, 1, 0, 1, "l", 1, 1, 1),
    (10, 10, 1, 1, "l", 50, 15, 4),  # every second pad a signal: 1 + 1/0.5 columns, half of 30 pads
    (10, 10, 1, 1, "lrbt", 0, 0, 0),
]


@pytest.mark.parametrize(("columns", "rows", "tracks", "metals", "edges", "signals", "escaped", "needed"), ESCAPES)
def test_escape_by_hand(columns, rows, tracks, metals, edges, signals, escaped, needed):
    names = {"l": "left", "r": "right", "b": "bottom", "t": "top"}
    pitch = 80 + 10 + 20 * tracks
    found = escape_estimate(columns=columns, rows=rows, pitch_x_um=pitch, pitch_y_um=pitch, pad_um=80,
                            metals=[metal(f"M{k}") for k in range(metals)], signals=signals,
                            edges=[names[e] for e in edges])  # fmt: skip
    assert (found.escaped, found.metals_needed) == (escaped, needed)
    assert found.fits == (escaped >= signals)
    assert sum(one.signals for one in found.metals) == escaped


@settings(max_examples=100, deadline=None)
@given(columns=st.integers(1, 60), rows=st.integers(1, 60), share=st.floats(0, 1), tracks=st.integers(0, 4),
       edges=st.lists(st.sampled_from(["left", "right", "bottom", "top"]), min_size=1, unique=True))  # fmt: skip
def test_escape_invariants(columns, rows, share, tracks, edges):
    signals = round(share * columns * rows)
    given = {"columns": columns, "rows": rows, "pitch_x_um": 90 + 20 * tracks, "pitch_y_um": 90 + 20 * tracks,
             "pad_um": 80, "signals": signals, "edges": edges}  # fmt: skip
    needed = escape_estimate(metals=[metal()], **given).metals_needed
    enough = escape_estimate(metals=[metal()] * max(needed, 1), **given)
    assert enough.fits
    assert enough.escaped == signals
    if needed > 1:
        assert not escape_estimate(metals=[metal()] * (needed - 1), **given).fits
    finer = escape_estimate(metals=[metal(line=5.0, space=5.0)], **given)
    assert finer.metals_needed <= needed


@pytest.mark.parametrize("wrong", [{"columns": 0}, {"metals": []}, {"edges": []}, {"edges": ["north"]},
                                   {"signals": 101}, {"pad_um": 0.0}], ids=str)  # fmt: skip
def test_an_array_that_cannot_be_is_refused(wrong):
    given = {"columns": 10, "rows": 10, "pitch_x_um": 130, "pitch_y_um": 130, "pad_um": 80, "metals": [metal()]}
    with pytest.raises(DomainError):
        escape_estimate(**given | wrong)


def carrier(metals, bumps, **more):
    joint = {"name": "j", "top": end("U1.front"), "bottom": end("carrier.face"), "thickness_um": 10.0}
    return on_carrier({"name": "U1", "bumps": [bumps]}, metals=metals, connections=[joint], **more)


ARRAY = {"name": "a", "diameter_um": 20.0, "columns": 10, "rows": 10, "pitch_x_um": 30.0, "pitch_y_um": 30.0}
COARSE = {"name": "M", "line_um": 4.0, "space_um": 3.0}  # one line of 4 between pads 10 apart: 3 + 4 + 3


@pytest.mark.parametrize(("count", "short"), [(3, False), (2, True)])
@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0])
@pytest.mark.parametrize("kind", ["grid", "points"])
def test_the_escape_of_a_design(count, short, kind, angle):
    """Two rows per metal off 10 x 10: 64 + 32 + 4, three metals, at any angle."""
    field = ARRAY | {"angle_deg": angle}
    if kind == "points":
        xy = Grid(**field).xy_um()
        field = {"name": "a", "diameter_um": 20.0, "x_um": xy[:, 0].tolist(), "y_um": xy[:, 1].tolist()}
    report = check(design_of(carrier([COARSE | {"name": f"M{k}"} for k in range(count)], field)), NOTHING)
    finding = found(report, "escape")
    assert (finding is not None) == short
    if short:
        assert (finding.got, finding.allowed, finding.severity, finding.verified) == (3, 2, "care", False)


@settings(max_examples=60, deadline=None)
@given(columns=st.integers(1, 25), rows=st.integers(1, 25), pitch=st.sampled_from([25.0, 40.0, 55.0]),
       angle=st.floats(-180, 180), mirrored=st.booleans(), seed=st.integers(0, 99))  # fmt: skip
def test_points_that_are_an_array_escape_like_it_at_any_pose(columns, rows, pitch, angle, mirrored, seed):
    array = Grid(name="a", diameter_um=20, columns=columns, rows=rows, pitch_x_um=pitch, pitch_y_um=pitch)
    turned = array.model_copy(update={"angle_deg": angle, "mirrored": mirrored, "x_um": 3.0})
    xy = np.random.default_rng(seed).permutation(turned.xy_um())
    points = Points(name="a", diameter_um=20, x_um=tuple(xy[:, 0].tolist()), y_um=tuple(xy[:, 1].tolist()))
    layer = Layer(name="R", kind="rdl", material="polyimide", thickness_um=10, metals=(metal("M1", 2, 2),))
    given, drawn = (field_escape(field, layer, "up", array.count) for field in (array, points))
    assert (drawn.metals_needed, drawn.escaped) == (given.metals_needed, given.escaped)


NETS = [{"name": "VDD", "role": "power", "pins": [{"part": "U1", "port": "a"}, {"part": "U2", "port": "b"}]},
        {"name": "S", "pins": [{"part": "U1", "port": "b"}, {"part": "U2", "port": "a"}]}]  # fmt: skip
CARRIES = [  # part, labels of a field of 100, signals among them
    ("U1", {"ports": ["a", "b"]}, 50),
    ("U2", {"ports": ["a", "b", "b", "b"]}, 25),  # the same word is another net in another part
    ("U1", {"nets": ["a", "b", "b", "b"]}, 75),
    ("U1", {"ports": ["b"], "nets": ["a"]}, 100),  # the port decides
    ("U1", {"ports": ["a"], "nets": ["b"]}, 0),
    ("U1", {"nets": ["other", ""]}, 50),  # unknown to the netlist, and not connected
    ("U1", {}, 100),
]  # fmt: skip


@pytest.mark.parametrize(("part", "labels", "signals"), CARRIES, ids=str)
def test_what_a_bump_carries_is_looked_up_by_its_part(part, labels, signals):
    design = design_of(on_carrier({"name": "U1"}, {"name": "U2", "x_mm": 2.0}, netlist=NETS))
    field = Grid(**ARRAY | {kind: tuple(words) for kind, words in labels.items()})
    assert signal_count(Netlist(design), part, field) == signals


def test_supplies_need_no_line():
    """Half of the pads on a supply: 1 + 1/0.5 rows off each edge, two metals do."""
    nets = [{"name": "VDD", "role": "power", "pins": [{"part": "U1", "port": "v"}]}]
    document = carrier([COARSE | {"name": "M1"}, COARSE | {"name": "M2"}], ARRAY | {"ports": ["v", "s"]}, netlist=nets)
    assert "escape" not in ids(check(design_of(document), NOTHING))
    document["netlist"][0]["role"] = "signal"
    assert "escape" in ids(check(design_of(document), NOTHING))


SHIFTS = [  # shift, pad from the centre in um, displacement
    (DieShift(3.0, 4.0), (500.0, 0.0), 5.0),
    (DieShift(angle_deg=90.0), (500.0, 0.0), 500 * math.sqrt(2)),
    (DieShift(angle_deg=180.0), (0.0, 250.0), 500.0),
    (DieShift(angle_deg=0.01), (5000.0, 0.0), 5000 * 2 * math.sin(math.radians(0.005))),
    (DieShift(10.0, 0.0, 90.0), (0.0, 10.0), math.hypot(10 - 10, -10)),  # turned onto (-10, 0), then moved by 10
    (DieShift(-1.0, 2.0, 0.0), (0.0, 0.0), math.sqrt(5)),
]


@pytest.mark.parametrize(("shift", "pad", "moved"), SHIFTS, ids=str)
def test_displacement_of_a_pad(shift, pad, moved):
    assert displacements_um(shift, np.array([pad])) == pytest.approx([moved])


def test_the_budget_of_a_via():
    assert budget_um(pad_um=30.0, via_um=15.0, overlay_um=2.0) == 5.5
    assert budget_um(pad_um=16.0, via_um=15.0, overlay_um=2.0) == -1.5


RDL = [{"name": "R1", "line_um": 5.0, "space_um": 5.0, "via_um": 15.0, "pad_um": 25.0},
       {"name": "R2", "line_um": 5.0, "space_um": 5.0, "via_um": 15.0, "pad_um": 45.0}]  # fmt: skip


@pytest.mark.parametrize(("pose", "farthest"), [({}, (75, 60)), ({"angle_deg": 50.0, "mirrored": True}, (75, 60))])
def test_only_the_metal_on_the_die_sees_it_move(pose, farthest):
    """R2 lies on the dies: (45 - 15)/2 - 1 = 14 um. R1 below needs the overlay alone: 4 um are left of it."""
    document = on_carrier({"name": "U1", "bumps": [GRID], **pose}, kind="rdl", metals=RDL)
    document["layers"].pop(1)

    def moved(shift, overlay=1.0):
        return check(design_of(document), NOTHING, requirements=Requirements(die_shift=shift, overlay_um=overlay))

    assert ids(moved(DieShift(14.0))) == []
    finding = found(moved(DieShift(14.01)), "die_shift")
    assert finding.place == "carrier R2"
    assert (finding.got, finding.allowed) == (pytest.approx(14.01), pytest.approx(14.0))
    radius = math.hypot(*farthest)
    angle = 2 * math.degrees(math.asin(14.0 / (2 * radius)))
    assert ids(moved(DieShift(angle_deg=angle * 0.9999))) == []
    assert ids(moved(DieShift(angle_deg=angle * 1.0001))) == ["die_shift"]
    assert ids(moved(DieShift(), overlay=5.0)) == []
    assert ids(moved(DieShift(), overlay=5.01)) == ["overlay"]


def test_the_shift_of_the_deck_only_asks_for_care_while_unread():
    document = on_carrier({"name": "U1", "bumps": [GRID]}, kind="rdl", metals=RDL, flow="fan_out_first")
    document["layers"].pop(1)
    rule = {"limits": "die_shift", "values": {"max_shift_um": 20.0, "max_overlay_um": 1.0}, "flows": ["fan_out_first"]}
    assert found(check(design_of(document), deck(rule | {"verified": False})), "die_shift").outcome == "care"
    assert found(check(design_of(document), deck(rule)), "die_shift").outcome == "broken"
    assert status(check(design_of(document | {"flow": "fan_out_last"}), deck(rule)), "die_shift") == "not_applicable"
    asked = Requirements(die_shift=DieShift(2.0))
    assert ids(check(design_of(document), deck(rule), requirements=asked)) == []


@pytest.mark.parametrize(("side", "farthest"), [("front", (75, 60)), ("back", (500, 450))])
def test_only_the_face_towards_the_layer_lands_on_it(side, farthest):
    """The die lies face down: of bumps on its back none meets the layer, and its corners stand for its pads."""
    document = on_carrier({"name": "U1", "bumps": [GRID]}, kind="rdl", metals=RDL)
    document["layers"].pop(1)
    document["dies"][0]["regions"][0]["side"] = side
    wider = region(GRID | {"x_um": 300.0}, name="other", side="back")
    document["dies"][0]["regions"].append(wider)
    shift = DieShift(angle_deg=1.0)
    report = check(design_of(document), NOTHING, requirements=Requirements(die_shift=shift, overlay_um=1.0))
    moved = next(f for f in report.compared if f.id == "die_shift")
    assert moved.got == pytest.approx(2 * math.hypot(*farthest) * math.sin(math.radians(0.5)))


WHOSE = [  # the customer's shift and overlay, source of the deck read, outcome of R2 on the dies and of R1 below
    (DieShift(20.0), None, False, "care", "care"), (DieShift(20.0), None, True, "broken", "broken"),
    (DieShift(20.0), 6.0, False, "broken", "broken"), (None, 6.0, False, "care", "broken"),
    (None, None, False, "care", "care"),
]  # fmt: skip


@pytest.mark.parametrize(("shift", "overlay", "read", "on_die", "below"), WHOSE, ids=str)
def test_a_figure_of_the_deck_that_was_not_read_only_asks_for_care(shift, overlay, read, on_die, below):
    """R2 forgives 15 um less the overlay of 6, R1 5 um less it. One unread figure among the customer's is enough."""
    document = on_carrier({"name": "U1", "bumps": [GRID]}, kind="rdl", metals=RDL)
    document["layers"].pop(1)
    rule = {"limits": "die_shift", "values": {"max_shift_um": 20.0, "max_overlay_um": 6.0}, "verified": read}
    report = check(design_of(document), deck(rule), requirements=Requirements(die_shift=shift, overlay_um=overlay))
    for id, outcome, own in (("die_shift", on_die, shift and overlay), ("overlay", below, overlay)):
        finding = found(report, id)
        assert finding.outcome == outcome
        assert (finding.verified, finding.rule) == ((True, "") if own else (read, "r0"))


def with_vias(tsv, **more):
    document = two_dies(None, None, **more)
    document["dies"][0]["tsv"] = {"diameter_um": 10.0, "pitch_um": 50.0, "count": 12} | tsv
    return document


FIELD = {"name": "v", "diameter_um": 10.0, "columns": 4, "rows": 3, "pitch_x_um": 50.0, "pitch_y_um": 50.0}


@pytest.mark.parametrize(("thickness", "kept"), [(100.0, True), (100.1, False)])
def test_the_aspect_ratio_of_vias(thickness, kept):
    document = with_vias({})
    document["dies"][0]["thickness_um"] = document["layers"][0]["thickness_um"] = thickness
    rule = {"limits": "tsv_aspect", "values": {"max_aspect": 10}, "severity": "care"}
    report = check(design_of(document), deck(rule))
    assert ids(report) == ([] if kept else ["tsv_aspect"])


RINGS = [  # pitch (diameter 10), keep-out, kept: the rim of the next via at pitch - 10
    (50.0, 40.0, True), (50.0, 40.1, False), (15.0, 5.0, True), (14.9, 5.0, False),
]  # fmt: skip


@pytest.mark.parametrize(("pitch", "ring", "kept"), RINGS)
@pytest.mark.parametrize("kind", ["counted", "grid", "turned", "points"])
@pytest.mark.parametrize("pose", [{}, {"angle_deg": 20.0, "mirrored": True}], ids=str)
def test_no_via_stands_in_the_ring_of_another(pitch, ring, kept, kind, pose):
    tsv = {"pitch_um": pitch, "keep_out_um": ring}
    if kind != "counted":
        field = FIELD | {"pitch_x_um": pitch, "pitch_y_um": 2 * pitch, "angle_deg": 31.0 if kind == "turned" else 0.0}
        if kind == "points":
            field = {"name": "v", "diameter_um": 10.0, "x_um": [k * pitch for k in range(12)], "y_um": [0.0] * 12}
            field["x_um"] = [x - 5.5 * pitch for x in field["x_um"]]
        tsv["fields"] = [field]
    finding = found(check(design_of(with_vias(tsv, bottom_pose=pose)), NOTHING), "tsv_ring")
    assert (finding is None) == kept
    if not kept:
        assert (finding.severity, finding.count) == ("care", 12)
        assert finding.got == pytest.approx(pitch - 10)


@pytest.mark.parametrize(("x", "outcome"), [(395.0, None), (395.1, "broken"), (421.0, "broken")])
def test_the_ring_stays_inside_the_die(x, outcome):
    """Die 1000 um wide, outermost via 75 um from the field's centre, rim 5 um: 25 um free at x = 395."""
    tsv = {"fields": [FIELD | {"x_um": x}], "keep_out_um": 25.0}
    finding = found(check(design_of(with_vias(tsv)), NOTHING), "tsv_edge")
    assert (finding.outcome if finding else None) == outcome
    unread = with_vias(tsv | {"unverified": ["keep_out_um"]})
    weaker = found(check(design_of(unread), NOTHING), "tsv_edge")
    assert (weaker.outcome if weaker else None) == ({None: None, "broken": "care"}[outcome] if x < 420.5 else outcome)


def test_a_via_outside_its_die_is_broken_whatever_the_sources():
    tsv = {"fields": [FIELD | {"x_um": 421.0}], "unverified": ["keep_out_um"], "keep_out_um": 0.0}
    assert found(check(design_of(with_vias(tsv)), NOTHING), "tsv_edge").outcome == "broken"


def test_rings_may_take_only_a_part_of_a_power_block():
    """12 rings of radius 5 + 20 um take 12 pi 25^2 = 23,562 um2."""
    rule = {"limits": "tsv_block", "values": {"max_share_percent": 50.0}, "severity": "care"}
    document = with_vias({"fields": [FIELD], "keep_out_um": 20.0})
    for length, kept in ((0.1179, True), (0.1177, False)):
        document["dies"][0] |= {"power_w": 1.0, "power_blocks": [
            {"name": "core", "x_mm": -0.2, "y_mm": -length / 2, "width_mm": 0.4, "length_mm": length, "power_w": 1.0}]}
        finding = next(f for f in check(design_of(document), deck(rule)).compared if f.id == "tsv_block")
        assert finding.got == pytest.approx(100 * 12 * math.pi * 625 / (400 * length * 1000))
        assert (finding.outcome == "met") == kept


def test_the_deck_gives_the_ring_where_the_design_does_not():
    rule = {"limits": "tsv_keep_out", "values": {"min_keep_out_um": 40.1}}
    assert status(check(design_of(with_vias({})), NOTHING), "tsv_keep_out") == "not_applicable"
    assert ids(check(design_of(with_vias({})), deck(rule))) == ["tsv_ring"]
    assert ids(check(design_of(with_vias({"keep_out_um": 40.0})), deck(rule))) == []


METALS = [  # rule, a metal that keeps it, one that does not, the finding
    ({"limits": "metal_line", "values": {"min_line_um": 2.0}}, {"line_um": 2.0}, {"line_um": 1.99}, "line"),
    ({"limits": "metal_line", "values": {"min_space_um": 2.0}}, {"space_um": 2.0}, {"space_um": 1.9}, "line_space"),
    ({"limits": "via_size", "values": {"min_via_um": 10.0}}, {"via_um": 10.0}, {"via_um": 9.9}, "via_size"),
    ({"limits": "via_enclosure", "values": {"min_enclosure_um": 5.0}}, {"via_um": 10.0, "pad_um": 20.0},
     {"via_um": 10.0, "pad_um": 19.9}, "via_enclosure"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "good", "bad", "expected"), METALS, ids=lambda v: v if isinstance(v, str) else None)
def test_metals(rule, good, bad, expected):
    plain = {"name": "M1", "line_um": 5.0, "space_um": 5.0}
    for change, wrong in ((good, []), (bad, [expected])):
        document = on_carrier({"name": "U1"}, metals=[plain | change])
        assert ids(check(design_of(document), deck(rule))) == wrong
        assert ids(check(design_of(document), deck(rule | {"kinds": ["rdl"]}))) == []
        assert ids(check(design_of(document), deck(rule | {"materials": ["silicon"]}))) == wrong


def test_the_count_of_metals():
    rule = {"limits": "metal_count", "values": {"max_metals": 2}, "severity": "care"}
    for count, wrong in ((2, []), (3, ["metal_count"])):
        metals = [{"name": f"M{k}", "line_um": 5.0, "space_um": 5.0} for k in range(count)]
        assert ids(check(design_of(on_carrier({"name": "U1"}, metals=metals)), deck(rule))) == wrong
