"""A field as the scene holds it must be the field of the design: every site, at any turn, mirrored or staggered."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widgets.builder import lattices
from workbench.stack import Field, Grid, Placement, Points

POSES = list(itertools.product((0.0, 33.0), (False, True), (0.0, 90.0, 17.5), (False, True)))


def placed(pattern, angle=0.0, mirrored=False):
    pose = Placement(name="p", die="d", x_mm=1.0, y_mm=-2.0, angle_deg=angle, mirrored=mirrored)
    return Field("bump", "p", "face", pattern, pose, "solder", 10.0, 30.0)


def grid(columns=7, rows=6, **given):
    return Grid(name="g", diameter_um=20, columns=columns, rows=rows, pitch_x_um=40, pitch_y_um=55, **given)


def centres(field):
    found = np.full((field.pattern.count, 2), np.nan)
    for lattice in lattices.of_grid(field):
        index = lattice.all_features()
        row, column = np.nonzero(index >= 0)
        assert np.isnan(found[index[row, column]]).all()  # no feature twice
        found[index[row, column]] = lattice.centres_mm(column, row)
    return found


@pytest.mark.parametrize("staggered", [False, True])
@pytest.mark.parametrize("omit", [(), ((1, 2), (3, 4), (0, 0))])
@pytest.mark.parametrize(("turn", "flip", "angle", "mirrored"), POSES)
def test_every_feature_lies_where_the_design_has_it(staggered, omit, turn, flip, angle, mirrored):
    pattern = grid(x_um=100, y_um=-30, staggered=staggered, angle_deg=turn, mirrored=flip, omit=omit)
    field = placed(pattern, angle, mirrored)
    np.testing.assert_allclose(centres(field), field.xy_um() / 1000, atol=1e-9)


def test_a_long_field_is_split_and_loses_nothing():
    field = placed(grid(columns=lattices.LONGEST + 3, rows=2), 30.0, True)
    assert len(list(lattices.of_grid(field))) == 2
    np.testing.assert_allclose(centres(field), field.xy_um() / 1000, atol=1e-9)


@settings(max_examples=80, deadline=None)
@given(
    pose=st.sampled_from(POSES), staggered=st.booleans(), rows=st.integers(1, 9),
    start=st.tuples(st.floats(0.5, 1.5), st.floats(-2.5, -1.5)),
    end=st.tuples(st.floats(0.5, 1.5), st.floats(-2.5, -1.5)),
)  # fmt: skip
def test_no_bump_that_a_segment_crosses_is_missed(pose, staggered, rows, start, end):
    turn, flip, angle, mirrored = pose
    field = placed(grid(rows=rows, staggered=staggered, angle_deg=turn, mirrored=flip), angle, mirrored)
    start, end = np.array(start), np.array(end)
    xy = field.xy_um() / 1000
    along = end - start
    share = np.clip((xy - start) @ along / max(along @ along, 1e-18), 0, 1)
    near = np.linalg.norm(xy - start - share[:, None] * along, axis=1)
    crossed = set(np.flatnonzero(near < 0.010 - 1e-9).tolist())
    found = set()
    for lattice in lattices.of_grid(field):
        index, places = lattice.candidates(start, end)
        np.testing.assert_allclose(places, xy[index], atol=1e-9)
        found |= set(index.tolist())
    assert crossed <= found


def test_loose_points_get_a_cell_each():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-3000, 3000, (2, 400)).round(3)
    field = placed(Points(name="p", diameter_um=20, x_um=tuple(x.tolist()), y_um=tuple(y.tolist())), 20.0, True)
    cells = lattices.of_points(field)
    assert cells.hidden == 0
    assert cells.rows * cells.columns <= lattices.MOST_CELLS * 1.1
    row, column = np.nonzero(cells.index >= 0)
    drawn = np.array([cells.x_mm, cells.y_mm]) + cells.cell_mm * (
        np.stack([column, row], axis=1) + cells.offsets()[row, column] / 255
    )  # fmt: skip
    np.testing.assert_allclose(drawn, field.xy_um()[cells.index[row, column]] / 1000, atol=cells.cell_mm / 254)


def test_points_on_one_spot_are_counted_as_hidden():
    field = placed(Points(name="p", diameter_um=20, x_um=(0.0, 0.0, 100.0), y_um=(0.0, 0.0, 0.0)))
    assert lattices.of_points(field).hidden == 1
