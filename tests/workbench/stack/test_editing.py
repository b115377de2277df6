"""Editing: every step gives a valid design or is refused and leaves the old one; undo gives back what was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import facts
from workbench.errors import InputError
from workbench.stack import bumps, content_sha256, editing, geometry, read, templates, to_document
from workbench.stack.document import Die
from workbench.stack.editing import History


def design(name):
    return read(facts.load(f"designs/{name}"))


@pytest.fixture(scope="module")
def side_by_side():
    return design("poc-side-by-side")


@pytest.fixture(scope="module")
def stacked():
    return design("poc-face-to-face")


def small(**given):
    return Die(id="small", name="Small die", width_mm=1.5, length_mm=1.0, thickness_um=50.0, **given)


def test_a_die_of_a_new_type_is_added_and_its_layer_grows_to_hold_it(side_by_side):
    tier = side_by_side.die_layers[0]
    thick = Die(id="cube", name="Cube", width_mm=0.5, length_mm=0.5, thickness_um=tier.thickness_um + 10)
    edited = editing.add_die(side_by_side, thick, layer=tier.name, name="U9", x_mm=-6.5, y_mm=-4.0)
    assert edited.die("cube") == thick
    assert edited.part("U9")[0].thickness_um == tier.thickness_um + 10
    assert len(side_by_side.placements) + 1 == len(edited.placements)


def test_a_type_of_a_taken_id_that_differs_gets_an_id_of_its_own(side_by_side):
    first = editing.add_die(side_by_side, small(), layer=side_by_side.die_layers[0].name, x_mm=-6.0, y_mm=-4.0)
    again = editing.add_die(first, small(), layer=first.die_layers[0].name, x_mm=6.0, y_mm=-4.0)
    assert [die.id for die in again.dies].count("small") == 1
    other = editing.add_die(again, small(power_w=1.0), layer=first.die_layers[0].name, x_mm=6.0, y_mm=4.0)
    assert other.placements[-1].die == "small-2"


@pytest.mark.parametrize(("facing", "assembly"), [("down", "mixed"), ("up", "mixed")])
def test_stacking_on_the_top_die_makes_a_bond_and_a_tier_below_the_mould(stacked, facing, assembly):
    edited = editing.stack_on(stacked, small(), below="U2 compute", facing=facing, bond_um=15.0)
    assert [layer.kind for layer in edited.layers[-3:]] == ["bond", "die", "mould"]
    assert edited.layers[-3].thickness_um == 15.0
    assert edited.layers[-2].thickness_um == 50.0
    assert edited.assembly == assembly  # the lower pair is face to face, the upper never is on a face-down die


def test_a_second_die_joins_the_tier_that_is_there_and_its_bond_reaches_it(side_by_side):
    below = side_by_side.placements[0].name
    first = editing.stack_on(side_by_side, small(), below=below, dx_mm=-1.0)
    second = editing.stack_on(first, "small", below=below, dx_mm=1.0)
    assert len(second.layers) == len(first.layers) == len(side_by_side.layers) + 2
    assert len(second.die_layers[1].placements) == 2


def test_removing_what_was_stacked_gives_back_the_design(stacked):
    edited = editing.stack_on(stacked, small(), below="U2 compute", name="U3")
    again = editing.remove(edited, "U3")
    assert [die.id for die in again.dies] == [*(die.id for die in stacked.dies), "small"]  # the type can be placed anew
    assert again.model_copy(update={"dies": stacked.dies}) == stacked


def test_removing_a_die_removes_what_hung_on_it():
    built = templates.build("face-to-face")
    assert built.connections
    edited = editing.remove(built, "U2 compute")
    assert edited.assembly == "single"
    left = {end.part for c in edited.connections for end in (c.top, c.bottom) if end}
    assert "U2 compute" not in left
    assert left
    assert all(step.part != "U2 compute" for path in edited.paths for step in path.steps)


@pytest.mark.parametrize(
    ("name", "angle", "mirrored", "facing"),
    [("R0", 0, False, "up"), ("R270", 270, False, "up"), ("MX_R270", 90, True, "up"), ("MZ_MX_R270", 90, True, "down"),
     ("MZ", 0, False, "down"), ("MZ_R90", 90, False, "down"), ("MY_R90", 90, True, "up")],
)  # fmt: skip
def test_orientations_by_name(side_by_side, name, angle, mirrored, facing):
    part = side_by_side.placements[0].name
    placed = editing.orient(side_by_side, part, name).part(part)[1]
    assert (placed.angle_deg, placed.mirrored, placed.facing) == (angle, mirrored, facing)


def test_any_angle_and_one_past_a_turn(side_by_side):
    part = side_by_side.placements[1].name
    assert editing.rotate(side_by_side, part, 7.25).part(part)[1].angle_deg == 7.25
    assert editing.rotate(side_by_side, part, 725).part(part)[1].angle_deg == 5


@pytest.mark.parametrize("step_um", [1.0, 50.0, 127.3])
def test_snapping_to_a_grid_moves_at_most_half_a_step(side_by_side, step_um):
    part = side_by_side.placements[0].name
    moved = editing.move_by(side_by_side, part, dx_mm=0.01237, dy_mm=-0.0311)
    before, after = moved.part(part)[1], editing.snap_to_grid(moved, part, step_um).part(part)[1]
    for was, now in ((before.x_mm, after.x_mm), (before.y_mm, after.y_mm)):
        assert abs(now - was) <= step_um / 2000 + 1e-9
        assert abs(now * 1000 / step_um - round(now * 1000 / step_um)) < 1e-5


def test_snapping_aligns_an_edge_or_centre(stacked):
    off = editing.move_by(stacked, "U2 compute", dx_mm=0.43, dy_mm=0.06)
    snapped = editing.snap_to_neighbours(off, "U2 compute", reach_mm=0.1).part("U2 compute")[1]
    assert snapped.x_mm == 0.5  # the right edges of 5 mm on 6 mm meet, 0.07 mm away
    assert snapped.y_mm == 0.0  # the centres, 0.06 mm away
    assert editing.snap_to_neighbours(off, "U2 compute", reach_mm=0.05) == off


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0])
@pytest.mark.parametrize("side", ["left", "right"])
def test_snapping_beside_leaves_exactly_the_gap(side_by_side, side, angle):
    wide = editing.resize(side_by_side, width_mm=40.0, length_mm=20.0)
    mover, other = (p.name for p in wide.placements)
    turned = editing.rotate(editing.place_at(wide, mover, x_mm=-15.0, y_mm=0.0), mover, angle)
    snapped = editing.snap_beside(turned, mover, other, side=side, gap_um=100.0)
    a, b = (snapped.part(name)[1] for name in (mover, other))
    assert geometry.gap_mm(geometry.outline(snapped, a), geometry.outline(snapped, b)) == pytest.approx(0.1, abs=1e-6)
    assert (a.x_mm < b.x_mm) == (side == "left")
    assert a.y_mm == 0.0


def test_what_cannot_be_beside_is_refused(stacked, side_by_side):
    first, second = (p.name for p in side_by_side.placements)
    for edited, mover, other, gap_um, rule in (
        (stacked, "U2 compute", "U1 base", 50.0, "edit_not_beside"),  # another layer
        (side_by_side, first, first, 50.0, "edit_not_beside"),
        (side_by_side, first, second, -1.0, "edit_step"),
    ):
        with pytest.raises(InputError) as refused:
            editing.snap_beside(edited, mover, other, side="left", gap_um=gap_um)
        assert refused.value.rule == f"design.{rule}"


def test_a_member_of_an_array_leaves_it(side_by_side):
    document = to_document(editing.resize(side_by_side, width_mm=60.0, length_mm=60.0))
    tier = next(layer for layer in document["layers"] if layer["kind"] == "die")
    die = document["dies"][0]["id"]
    tier["dies"] = [{"name": "A", "die": die, "columns": 2, "rows": 2, "pitch_x_mm": 20.0, "pitch_y_mm": 20.0}]
    array = read(document)
    moved = editing.move_by(array, "A[1,0]", dx_mm=1.0)
    assert [p.name for p in moved.placements] == [p.name for p in array.placements]
    shifts = [b.x_mm - a.x_mm for a, b in zip(array.placements, moved.placements, strict=True)]
    assert shifts == [0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("angle", [0.0, 90.0, 20.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_joined_faces_carry_the_same_bumps_at_the_same_places(stacked, angle, mirrored):
    turned = editing.place_at(stacked, "U2 compute", angle_deg=angle, mirrored=mirrored, x_mm=0.2)
    joined = editing.join(turned, "U2 compute", "U1 base", pitch_um=50.0, diameter_um=25.0)
    link = joined.connections[-1]
    (above,), (below,) = (bumps.placed_fields(joined, end) for end in (link.top, link.bottom))
    assert above.count == below.count > 3_000
    assert np.abs(above.xy_um - below.xy_um).max() < 1e-6
    level_gap = above.z_um - below.z_um
    assert level_gap == pytest.approx(2.0)  # across the hybrid bond layer
    for placement, field in ((joined.part("U1 base")[1], below), (joined.part("U2 compute")[1], above)):
        own = geometry.from_module(field.xy_um, placement, scale=1000.0)
        die = joined.die(placement.die)
        assert np.abs(own[:, 0]).max() <= die.width_mm * 500 - 12.5 + 1e-6
        assert np.abs(own[:, 1]).max() <= die.length_mm * 500 - 12.5 + 1e-6


def test_a_stack_of_ten_thousand_bumps_stays_small(stacked):
    joined = editing.join(stacked, "U2 compute", "U1 base", pitch_um=50.0, diameter_um=25.0)
    assert bumps.bump_count(joined) == 2 * 100 * 100
    assert len(str(to_document(joined))) < 8_000


@pytest.mark.parametrize(
    ("operation", "rule"),
    [
        (lambda d: editing.add_die(d, "nothing", layer="Base tier"), "design.unknown_die"),
        (lambda d: editing.add_die(d, "base", layer="Hybrid bond"), "design.edit_layer_kind"),
        (lambda d: editing.add_die(d, "base", layer="none"), "design.unknown_part"),
        (lambda d: editing.add_die(d, "base", layer="Base tier"), "design.dies_overlap"),
        (lambda d: editing.add_die(d, "base", layer="Base tier", name="U1 base", x_mm=9), "design.duplicate"),
        (lambda d: editing.place_at(d, "U1 base", x_mm=4.0), "design.die_outside"),
        (lambda d: editing.place_at(d, "U1 base", x_mm=float("nan")), "design.out_of_range"),
        (lambda d: editing.place_at(d, "Hybrid bond", x_mm=4.0), "design.edit_not_a_die"),
        (lambda d: editing.orient(d, "U1 base", "R45"), "design.edit_orientation"),
        (lambda d: editing.snap_to_grid(d, "U1 base", 0.0), "design.edit_step"),
        (lambda d: editing.remove(d, "U9"), "design.unknown_part"),
        (lambda d: editing.remove(editing.remove(d, "U1 base"), "U2 compute"), "design.no_dies"),
        (lambda d: editing.stack_on(d, "compute", below="U1 base"), "design.dies_overlap"),
        (lambda d: editing.stack_on(d, "compute", below="U2 compute", bond_um=-1.0), "design.out_of_range"),
        (lambda d: editing.stack_on(d, "compute", below="U2 compute", method="glue"), "design.not_a_choice"),
        (lambda d: editing.join(d, "U1 base", "U2 compute", pitch_um=50, diameter_um=25), "design.edit_not_stacked"),
        (lambda d: editing.resize(d, width_mm=4.0, length_mm=10.0), "design.layer_outside"),
        (lambda d: editing.set_thickness(d, "Base tier", 50.0), "design.die_too_thick"),
    ],
)
def test_what_is_refused_says_why(stacked, operation, rule):
    with pytest.raises(InputError) as refused:
        operation(stacked)
    assert refused.value.rule == rule
    assert refused.value.both()


# --- sequences -------------------------------------------------------------------------------------------------------

COORDINATE = st.one_of(st.floats(-6, 6), st.sampled_from([float("nan"), 1e9, 0.0]))
STEPS = st.one_of(
    st.tuples(st.just("add_die"), st.integers(0, 5), COORDINATE, COORDINATE, st.floats(-400, 400)),
    st.tuples(st.just("stack_on"), st.integers(0, 5), COORDINATE, COORDINATE, st.floats(-400, 400)),
    st.tuples(st.just("move_by"), st.integers(0, 5), COORDINATE, COORDINATE, st.just(0.0)),
    st.tuples(st.just("rotate"), st.integers(0, 5), st.just(0.0), st.just(0.0), st.floats(-800, 800)),
    st.tuples(st.just("orient"), st.integers(0, 5), st.just(0.0), st.just(0.0), st.sampled_from(["R90", "MZ_MX", "?"])),
    st.tuples(st.just("remove"), st.integers(0, 5), st.just(0.0), st.just(0.0), st.just(0.0)),
    st.tuples(st.just("join"), st.integers(0, 5), st.just(0.0), st.just(0.0), st.floats(0, 900)),
    st.tuples(st.sampled_from(["undo", "redo"]), st.just(0), st.just(0.0), st.just(0.0), st.just(0.0)),
)


def perform(history: History, step) -> None:
    kind, which, x, y, angle = step
    parts = [p.name for p in history.design.placements]
    part = parts[which % len(parts)]
    tier = history.design.part(part)[0].name
    if kind in ("undo", "redo"):
        getattr(history, kind)()
    elif kind == "add_die":
        history.apply(editing.add_die, small(), layer=tier, x_mm=x, y_mm=y, angle_deg=angle)
    elif kind == "stack_on":
        history.apply(editing.stack_on, small(), below=part, dx_mm=x, dy_mm=y, angle_deg=angle)
    elif kind == "move_by":
        history.apply(editing.move_by, part, dx_mm=x, dy_mm=y)
    elif kind == "rotate":
        history.apply(editing.rotate, part, angle)
    elif kind == "orient":
        history.apply(editing.orient, part, angle)
    elif kind == "remove":
        history.apply(editing.remove, part)
    else:
        history.apply(editing.join, part, parts[(which + 1) % len(parts)], pitch_um=angle, diameter_um=angle / 2)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS, max_size=8))
def test_any_sequence_keeps_a_valid_design_and_undo_inverts_each_step(steps, side_by_side):
    history, seen = History(side_by_side), [side_by_side]
    for step in steps:
        before = history.design
        try:
            perform(history, step)
        except InputError:
            assert history.design is before
            continue
        if step[0] not in ("undo", "redo") and history.design is not before:
            assert history.undo() is before
            history.redo()
            seen.append(history.design)
        # What a reader of the stored document would find is this very design.
        assert content_sha256(read(to_document(history.design))) == content_sha256(history.design)
    while history.can_undo:
        history.undo()
    assert history.design is side_by_side


def test_a_step_that_changes_nothing_is_none(stacked):
    history = History(stacked)
    history.apply(editing.move_by, "U1 base")
    assert not history.can_undo


def test_a_new_step_forgets_what_was_undone(stacked):
    history = History(stacked)
    history.apply(editing.rotate, "U1 base", 90.0, label="turn")
    assert history.label == "turn"
    history.undo()
    history.apply(editing.rotate, "U1 base", 180.0)
    assert not history.can_redo
