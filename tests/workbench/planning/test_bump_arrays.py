"""Bump arrays of an interface: made in the overlap, followed by the other side at any pose, given nets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.planning.bump_arrays import assign_nets, create, escape, overlap, synchronise, with_bumps
from workbench.planning.bump_arrays import connection as named
from workbench.rules import check
from workbench.stack import Design, End, Grid, Points, placed_fields, read, to_document
from workbench.stack.templates import FaceToFace, build

JOINT = "compute to base"
UPPER, FACE = End(part="U1 base", region="upper"), End(part="U2 compute", region="face")


def posed(*, angle_deg: float = 0.0, mirrored: bool = True, x_mm: float = 0.0, y_mm: float = 0.0) -> Design:
    """A small face-to-face stack whose top die has another pose."""
    design = build("face-to-face", FaceToFace(bump_count=12, bump_pitch_um=9.0, base_width_mm=9, base_length_mm=9))
    document = to_document(design)
    for layer in document["layers"]:
        for die in layer.get("dies", []):
            if die["name"] == "U2 compute":
                die |= {"angle_deg": angle_deg, "mirrored": mirrored, "x_mm": x_mm, "y_mm": y_mm}
    for die in document["dies"]:  # room for a field at any angle
        for region in die["regions"]:
            if region["name"] in ("upper", "face"):
                region |= {"width_um": 4_000.0, "length_um": 3_000.0, "bumps": []}
    return read(document)


def placed_nets(design: Design, end: End) -> dict[tuple[float, float], str]:
    found = {}
    for placed in placed_fields(design, end):
        codes, words = placed.field.coded(placed.field.nets)
        for (x, y), code in zip(np.round(placed.xy_um, 3).tolist(), codes.tolist(), strict=True):
            found[x + 0.0, y + 0.0] = words[code]
    return found


POSES = [  # angle, mirrored, shift of the top die in mm
    (0, True, 0, 0), (0, False, 0, 0), (90, True, 0.3, -0.2), (180, False, 0.5, 0.1), (270, True, -0.4, 0.4),
]  # fmt: skip


@pytest.mark.parametrize(("angle", "mirrored", "x", "y"), POSES)
def test_created_bumps_meet_with_their_nets(angle, mirrored, x, y):
    design = create(posed(angle_deg=angle, mirrored=mirrored, x_mm=x, y_mm=y), JOINT, pitch_um=40, diameter_um=20,
                    edge_um=25, supply_every=4)  # fmt: skip
    below, above = placed_nets(design, UPPER), placed_nets(design, FACE)
    assert len(below) > 2_000
    assert below == above
    assert {"VDD", "VSS"} < set(below.values())
    assert not [f for f in check(design).findings if f.outcome == "broken"]


def test_the_array_fills_the_overlap_and_not_more():
    design = create(posed(x_mm=1.0, y_mm=-0.5), JOINT, pitch_um=100, diameter_um=50, edge_um=20)
    place = overlap(design, named(design, JOINT))
    # 4 x 3 mm shifted by 1 and -0.5 mm
    assert (place.width_um, place.length_um, place.x_um, place.y_um) == (3_000, 2_500, 500, -250)
    (field,) = design.region(UPPER).bumps
    # floor((3000 - 40 - 50) / 100) + 1 and floor((2500 - 40 - 50) / 100) + 1
    assert (field.columns, field.rows) == (30, 25)


def test_a_count_is_kept_exactly():
    design = create(posed(), JOINT, pitch_um=20, diameter_um=10, count=10_007)
    assert design.region(UPPER).bump_count == design.region(FACE).bump_count == 10_007
    assert len(str(to_document(design)["dies"])) < 20_000  # still a pattern
    with pytest.raises(InputError) as refusal:
        create(posed(), JOINT, pitch_um=20, diameter_um=10, count=30_001)
    assert refusal.value.rule == "planning.too_many"


@settings(max_examples=40, deadline=None)
@given(
    angle=st.one_of(st.sampled_from([0.0, 90.0, 180.0]), st.floats(-360, 360)), mirrored=st.booleans(),
    x=st.floats(-0.5, 0.5), y=st.floats(-0.5, 0.5), master=st.sampled_from(["bottom", "top"]),
    points=st.lists(st.tuples(st.integers(-300, 300), st.integers(-300, 300)), min_size=1, max_size=8, unique=True),
)  # fmt: skip
def test_the_other_side_follows_at_any_pose(angle, mirrored, x, y, master, points):
    design = posed(angle_deg=angle, mirrored=mirrored, x_mm=x, y_mm=y)
    nets = tuple(f"N{n}" for n in range(len(points)))
    xs, ys = (tuple(float(point[axis]) for point in points) for axis in (0, 1))
    fields = (
        Points(name="p", diameter_um=10, x_um=xs, y_um=ys, nets=nets),
        Grid(name="g", diameter_um=10, columns=5, rows=3, pitch_x_um=40, pitch_y_um=30, x_um=100, nets=("a", "b", "c")),
    )  # fmt: skip
    end = UPPER if master == "bottom" else FACE
    design = synchronise(with_bumps(design, end, fields), JOINT, master=master)
    for one, other in zip(placed_fields(design, UPPER), placed_fields(design, FACE), strict=True):
        assert np.abs(one.xy_um - other.xy_um).max() < 1e-5
        assert one.field.nets == other.field.nets
        assert type(one.field) is type(other.field)


def test_a_follower_that_would_leave_its_region_is_refused():
    wide = (Grid(name="g", diameter_um=10, columns=90, rows=3, pitch_x_um=40, pitch_y_um=30),)
    with pytest.raises(InputError) as refusal:
        synchronise(with_bumps(posed(x_mm=1.0), UPPER, wide), JOINT)
    assert (refusal.value.rule, refusal.value.where) == ("planning.follower_outside", "U2 compute.face")


REFUSED = [
    (lambda: create(posed(), "nowhere", pitch_um=40, diameter_um=20), "planning.no_connection"),
    (lambda: create(posed(), "substrate to board", pitch_um=40, diameter_um=20), "planning.no_connection"),
    (lambda: create(posed(), JOINT, pitch_um=40, diameter_um=40), "design.joints_touch"),
    (lambda: create(posed(angle_deg=30), JOINT, pitch_um=40, diameter_um=20), "planning.region_angle"),
    (lambda: create(posed(), JOINT, pitch_um=4_500, diameter_um=4_100), "planning.no_room"),
    (lambda: escape(posed(), JOINT, "Organic substrate"), "planning.no_escape"),
    (lambda: assign_nets(create(posed(), JOINT, pitch_um=100, diameter_um=50), JOINT, nets=["a", "a"],
                         pins_um=np.zeros((2, 2))), "planning.nets"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "rule"), REFUSED, ids=[rule for _, rule in REFUSED])
def test_what_cannot_be_is_refused(step, rule):
    with pytest.raises(InputError) as refusal:
        step()
    assert refusal.value.rule == rule


def test_nets_go_to_the_bumps_that_keep_their_wires_short_on_both_sides():
    design = create(posed(), JOINT, pitch_um=100, diameter_um=50, supply_every=4, supply_kind="stripes")
    dice = np.random.default_rng(1)
    nets = [f"DATA{n}" for n in range(300)]
    pins = np.stack([dice.uniform(-1_900, 1_900, 300), dice.uniform(-1_450, -1_100, 300)], axis=1)
    found = assign_nets(design, JOINT, nets=nets, pins_um=pins, spare="NC")
    below, above = placed_nets(found.design, UPPER), placed_nets(found.design, FACE)
    assert below == above
    assert sorted(net for net in below.values() if net.startswith("DATA")) == sorted(nets)
    # supplies stay where they were
    was = placed_nets(design, UPPER)
    assert {at for at, net in below.items() if net == "VDD"} == {at for at, net in was.items() if net == "VDD"}
    assert sum(net == "NC" for net in below.values()) == found.spare > 0
    where = {net: at for at, net in below.items()}
    total = sum(np.abs(np.round(pin, 3) - where[net]).sum() for net, pin in zip(nets, pins, strict=True))
    assert found.assignment.is_optimal
    assert total == pytest.approx(found.assignment.wirelength_um, abs=1e-3 * len(nets))


def test_escape_of_the_signals_only():
    design = create(posed(), JOINT, pitch_um=300, diameter_um=80, supply_every=2)
    found = escape(design, JOINT, "Organic substrate")
    signals = sum(net.startswith("D") for net in placed_nets(design, UPPER).values())
    assert found.signals == signals > 20
    # Pads of 150 um at 300 um, lines and spaces of 25: floor((300 - 150 - 25) / 50) lines between two pads.
    assert (found.metals[0].tracks_x, found.metals[0].tracks_y) == (2, 2)
    assert found.metals[0].metal == "L4"  # the top metal is reached first


def test_the_metal_nearest_to_the_bumps_is_reached_first():
    """Wiring that lies over the array is reached from below, wiring under it from above."""
    document = to_document(create(posed(), JOINT, pitch_um=300, diameter_um=80))
    metals = [{"name": name, "line_um": 25.0, "space_um": 25.0} for name in ("lower", "upper")]
    document["layers"].append({"name": "over", "kind": "rdl", "material": "polyimide", "thickness_um": 20.0,
                               "metals": metals})  # fmt: skip
    design = read(document)
    for master in ("bottom", "top"):
        assert escape(design, JOINT, "over", master=master).metals[0].metal == "lower"
        assert escape(design, JOINT, "Organic substrate", master=master).metals[0].metal == "L4"


def test_supplies_of_the_netlist_need_no_line_either():
    design = create(posed(), JOINT, pitch_um=300, diameter_um=80, signal="D")
    every = escape(design, JOINT, "Organic substrate").signals
    assert every == len(placed_nets(design, UPPER))
    nets = [{"name": "core supply", "role": "power", "pins": [{"part": UPPER.part, "port": "D"}]}]
    assert escape(read(to_document(design) | {"netlist": nets}), JOINT, "Organic substrate").signals == 0
