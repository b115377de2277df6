"""Frames: exact values, inverses and compositions, ways between frames, dies of a wafer map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import DomainError, InputError
from workbench.process.frames import NOTCHES, DieGrid, Frames, Transform, placement

OFFSETS = st.floats(-3e5, 3e5)
ANGLES = st.floats(-720, 720)
RIGID = st.builds(Transform.rigid, dx_um=OFFSETS, dy_um=OFFSETS, angle_deg=ANGLES, mirrored=st.booleans())
SIMILAR = st.builds(Transform.similarity, dx_um=OFFSETS, dy_um=OFFSETS, angle_deg=ANGLES,
                    scale=st.floats(0.5, 2), mirrored=st.booleans())  # fmt: skip
AFFINE = st.builds(
    lambda t, shear, stretch: t.then(Transform(np.array([[1, shear], [0, stretch]]), np.zeros(2))),
    SIMILAR, st.floats(-0.5, 0.5), st.floats(0.5, 2),
)  # fmt: skip
ANY = st.one_of(RIGID, SIMILAR, AFFINE)
POINTS = np.array([[0.0, 0.0], [1e5, 0.0], [0.0, -1e5], [7e4, 3e4]])

EXACT = [  # transform, point, image: elementary geometry, exact in binary
    (Transform.rigid(angle_deg=90), (2, 1), (-1, 2)),
    (Transform.rigid(angle_deg=-450), (2, 1), (1, -2)),
    (Transform.rigid(dx_um=10, dy_um=-5, angle_deg=180), (2, 1), (8, -6)),
    (placement(x_um=100, y_um=0, angle_deg=90, face_down=True), (2, 1), (99, -2)),
    (Transform.similarity(scale=2, angle_deg=270, dx_um=1), (2, 1), (3, -4)),
]


@pytest.mark.parametrize(("transform", "point", "image"), EXACT)
def test_quarter_turns_are_exact(transform, point, image):
    assert transform(point).tolist() == list(image)
    assert transform.inverse(image).tolist() == list(point)


@given(ANY)
def test_an_inverse_leads_back(t):
    assert t.inverse(t(POINTS)) == pytest.approx(POINTS, abs=1e-5)
    assert t.then(t.inverse).is_close(Transform.identity(), within_um=1e-4)


@given(ANY, ANY, ANY)
def test_composition_is_application_in_turn_and_associative(a, b, c):
    assert a.then(b)(POINTS) == pytest.approx(b(a(POINTS)), rel=1e-12, abs=1e-4)
    assert a.then(b).then(c).is_close(a.then(b.then(c)), within_um=1e-3)


@given(RIGID, SIMILAR)
def test_kinds_scales_and_mirrors_compose(rigid, similar):
    assert rigid.kind == "rigid"
    both = rigid.then(similar)
    assert both.scale == pytest.approx(similar.scale)
    assert both.mirrored == (rigid.mirrored != similar.mirrored)


@given(st.floats(-179.9, 179.9), st.booleans(), st.floats(0, 359.9))
def test_directions_turn_as_the_points_do(angle, mirrored, direction):
    t = Transform.rigid(angle_deg=angle, mirrored=mirrored)
    assert t.angle_deg == pytest.approx(angle, abs=1e-9)
    step = t([np.cos(np.radians(direction)), np.sin(np.radians(direction))])
    seen = np.radians(float(t.turned_deg(direction)))
    assert step == pytest.approx([np.cos(seen), np.sin(seen)], abs=1e-9)


def test_the_kind_of_a_map_is_told():
    assert Transform.similarity(scale=1.000399).kind == "similarity"
    assert Transform(np.diag([1.0, 1.0001]), np.zeros(2)).kind == "affine"
    with pytest.raises(DomainError):
        Transform(np.diag([1.0, 1.0001]), np.zeros(2)).turned_deg(10)


CHAIN = [
    ("die", "source", Transform.rigid(dx_um=12_000, dy_um=-8_000)),
    ("die", "panel", placement(x_um=100_000, y_um=50_000, angle_deg=30, face_down=True)),
    ("package", "panel", placement(x_um=99_000, y_um=50_500, angle_deg=90)),
]


def test_frames_are_joined_by_name():
    frames = Frames.of(CHAIN)
    assert frames.names == ("die", "source", "panel", "package")
    pad = np.array([[150.0, -20.0]])
    panel = frames.map_um(pad, "die", "panel")
    assert frames.map_um(frames.map_um(pad, "die", "source"), "source", "panel") == pytest.approx(panel)
    assert frames.map_um(panel, "panel", "package")[0] == pytest.approx(
        [panel[0, 1] - 50_500, 99_000 - panel[0, 0]], abs=1e-9
    )
    there, back = frames.transform("source", "package"), frames.transform("package", "source")
    assert there.then(back).is_close(Transform.identity())


def test_a_way_said_twice_must_agree():
    frames = Frames.of(CHAIN)
    way = frames.transform("source", "package")
    assert frames.linked("source", "package", way).transform("source", "package").is_close(way)
    with pytest.raises(InputError, match="source -> package"):
        frames.linked("source", "package", way.then(Transform.rigid(dx_um=0.1)))
    with pytest.raises(InputError):
        frames.linked("die", "die", Transform.identity())


def test_what_is_not_there_is_refused():
    frames = Frames.of([*CHAIN, ("other die", "other wafer", Transform.identity())])
    with pytest.raises(InputError, match="nowhere"):
        frames.transform("die", "nowhere")
    with pytest.raises(InputError, match="other wafer"):
        frames.transform("die", "other wafer")


@pytest.mark.parametrize(("values"), [{"scale": 0.0}, {"scale": -1.0}, {"dx_um": np.inf}])
def test_a_map_that_cannot_be_undone_is_refused(values):
    with pytest.raises(DomainError):
        Transform.similarity(**values)


MAP = {"pitch_x_um": 5000, "pitch_y_um": 4000, "origin_x_um": 2500, "origin_y_um": -2000, "first_x": 1, "first_y": 1}
GRIDS = [  # grid, die, centre in the wafer's own frame (notch down): elementary geometry
    (DieGrid(**MAP), (1, 1), (2500, -2000)),
    (DieGrid(**MAP), (3, 0), (12_500, -6000)),
    (DieGrid(**MAP, y_up=False), (3, 0), (12_500, 2000)),
    (DieGrid(**MAP, x_right=False), (3, 1), (-7500, -2000)),
    (DieGrid(**MAP, notch="up"), (3, 0), (-12_500, 6000)),
    (DieGrid(**MAP, notch="right"), (3, 0), (-6000, -12_500)),
    (DieGrid(**MAP, notch="left"), (3, 0), (6000, 12_500)),
]


@pytest.mark.parametrize(("grid", "die", "centre"), GRIDS)
def test_centres_of_dies(grid, die, centre):
    assert grid.centres_um([die[0]], [die[1]])[0].tolist() == list(centre)
    x, y, inside = grid.dies(np.array([centre]))
    assert (x[0], y[0]) == die
    assert inside[0] == pytest.approx([0, 0], abs=1e-9)


def test_the_notch_lies_where_the_map_says():
    """A map with the notch at its right, upright again, has it at 270 degrees: (1, 0) goes to (0, -1)."""
    for notch, towards in {"down": (0, -1), "right": (1, 0), "up": (0, 1), "left": (-1, 0)}.items():
        x, y = DieGrid(pitch_x_um=1, pitch_y_um=1, notch=notch).centres_um([towards[0]], [towards[1]])[0]
        assert (x, y) == (0, -1)


@given(
    st.sampled_from(sorted(NOTCHES)), st.booleans(), st.booleans(), st.integers(-40, 40), st.integers(-40, 40),
    st.floats(-0.49, 0.49), st.floats(-0.49, 0.49),
)  # fmt: skip
def test_every_point_finds_its_die_and_back(notch, x_right, y_up, x, y, u, v):
    grid = DieGrid(**MAP, x_right=x_right, y_up=y_up, notch=notch)
    inside = np.array([u * 5000, v * 4000])
    found_x, found_y, again = grid.dies(grid.die_to_wafer(x, y)(inside)[None])
    assert (found_x[0], found_y[0]) == (x, y)
    assert again[0] == pytest.approx(inside, abs=1e-6)


def test_a_grid_without_size_is_refused():
    with pytest.raises(DomainError):
        DieGrid(pitch_x_um=0, pitch_y_um=1)
    with pytest.raises(DomainError):
        DieGrid(pitch_x_um=1, pitch_y_um=1, notch="south")
