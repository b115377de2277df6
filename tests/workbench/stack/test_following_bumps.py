"""A bump field that follows another across an interface meets it site by site, whatever the poses of the two parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.stack import Grid, Placement, Points
from workbench.stack.bumps import followed, place
from workbench.stack.geometry import from_module, to_module

POSES = st.builds(
    Placement, name=st.just("U1"), die=st.just("a"), x_mm=st.floats(-30, 30), y_mm=st.floats(-30, 30),
    angle_deg=st.one_of(st.sampled_from([0.0, 90.0, 180.0, 270.0, -90.0]), st.floats(-360, 360)),
    facing=st.sampled_from(["up", "down"]), mirrored=st.booleans(),
)  # fmt: skip
PARTS = st.one_of(st.none(), POSES)  # None: a layer
GRIDS = st.builds(
    Grid, name=st.just("g"), diameter_um=st.just(5.0), columns=st.integers(1, 6), rows=st.integers(1, 6),
    pitch_x_um=st.floats(10, 200), pitch_y_um=st.floats(10, 200), x_um=st.floats(-5_000, 5_000),
    y_um=st.floats(-5_000, 5_000), staggered=st.booleans(), angle_deg=st.floats(-360, 360), mirrored=st.booleans(),
)  # fmt: skip
POINTS = st.lists(st.tuples(st.floats(-5_000, 5_000), st.floats(-5_000, 5_000)), min_size=1, max_size=9).map(
    lambda xy: Points(name="p", diameter_um=5.0, x_um=tuple(x for x, _ in xy), y_um=tuple(y for _, y in xy))
)


@given(st.one_of(GRIDS, POINTS), PARTS, PARTS)
def test_sites_meet_in_their_order(field, source, target):
    follower = followed(field, source, target)
    assert type(follower) is type(field)
    assert follower.count == field.count
    assert np.abs(place(follower, target) - place(field, source)).max() < 1e-6


@given(POSES, st.lists(st.tuples(st.floats(-40, 40), st.floats(-40, 40)), min_size=1, max_size=5))
def test_into_a_layout_and_back(pose, points):
    xy = np.array(points)
    assert np.abs(to_module(from_module(xy, pose), pose) - xy).max() < 1e-9


def test_a_die_face_to_face_sees_the_columns_from_the_other_side():
    grid = Grid(name="g", diameter_um=5, columns=3, rows=1, pitch_x_um=10, pitch_y_um=10, nets=("a", "b", "c"))
    below = Placement(name="U1", die="a", facing="up")
    above = Placement(name="U2", die="b", facing="down", mirrored=True)
    assert followed(grid, below, above).xy_um()[:, 0].tolist() == [10, 0, -10]
    assert followed(grid, below, above).nets == ("a", "b", "c")


@pytest.mark.parametrize(
    ("angle", "mirrored", "first"),
    [(0, False, (-10, -20)), (90, False, (20, -10)), (180, False, (10, 20)), (0, True, (10, -20)),
     (90, True, (20, 10))],
)
def test_the_first_site_of_a_posed_grid(angle, mirrored, first):
    grid = Grid(name="g", diameter_um=5, columns=3, rows=3, pitch_x_um=10, pitch_y_um=20, angle_deg=float(angle),
                mirrored=mirrored)  # fmt: skip
    assert grid.xy_um()[0].tolist() == list(first)
