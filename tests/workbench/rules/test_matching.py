"""The fast ways of matching and of finding neighbours give what looking at every pair gives."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from workbench.rules.matching import lone_pairs, match
from workbench.rules.meeting import Side, meet
from workbench.rules.neighbours import too_close
from workbench.stack import Grid, Points
from workbench.stack.document import Placement


def by_every_pair(a, b, reach):
    """The rule, word for word: closest first, ties in the order of the bumps, no bump twice, copies take no part."""
    firsts = [[k for k, p in enumerate(side) if p not in side[:k]] for side in (a.tolist(), b.tolist())]
    pairs = []
    for i, j in product(*firsts):
        dx, dy = a[i, 0] - b[j, 0], a[i, 1] - b[j, 1]
        squared = dx * dx + dy * dy
        if squared <= (reach + 1e-6) ** 2:
            pairs.append((squared, i, j))
    used_a, used_b, found = set(), set(), set()
    for _, i, j in sorted(pairs):
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            found.add((i, j))
    return found


def as_set(pairs):
    return set(zip(pairs.top.tolist(), pairs.bottom.tolist(), strict=True))


# Coordinates on a coarse raster make ties, copies and exact distances common; fine ones make every distance differ.
raster = st.integers(-6, 6).map(lambda k: k * 5.0)
fine = st.floats(-40, 40).map(lambda v: round(v, 3))


def clouds(most=14):
    return st.one_of(*(st.lists(st.tuples(one, one), min_size=1, max_size=most) for one in (raster, fine)))


@settings(max_examples=300, deadline=None)
@given(top=clouds(), bottom=clouds(), tolerance=st.sampled_from([0.0, 0.5, 3.0, 5.0]),
       reach=st.sampled_from([3.0, 5.0]))  # fmt: skip
def test_match_equals_looking_at_every_pair(top, bottom, tolerance, reach):
    a, b = np.array(top, float), np.array(bottom, float)
    found = match(a, b, tolerance_um=min(tolerance, reach), reach_um=reach)
    assert as_set(found) == by_every_pair(a, b, reach)
    assert len(set(found.top.tolist())) == len(found.top)
    assert len(set(found.bottom.tolist())) == len(found.bottom)


@settings(max_examples=100, deadline=None)
@given(n=st.integers(2, 60), copies=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_crowds_and_copies_are_settled_too(n, copies, seed):
    """Many bumps on one spot and in one cell: nothing hangs, no bump is used twice, every match is within reach."""
    dice = np.random.default_rng(seed)
    a = np.concatenate([dice.uniform(0, 30, (n, 2)), np.repeat(dice.uniform(0, 30, (1, 2)), copies, axis=0)])
    b = np.concatenate([a[dice.permutation(len(a))], dice.uniform(0, 1, (copies, 2))])
    found = match(a, b, tolerance_um=0.1, reach_um=4.0)
    assert len(set(found.top.tolist())) == len(found.top)
    assert len(set(found.bottom.tolist())) == len(found.bottom)
    assert np.hypot(*(a[found.top] - b[found.bottom]).T).max() <= 4.0 + 1e-6
    assert len(found.top) >= n  # every single bump has its own copy


@settings(max_examples=200, deadline=None)
@given(cloud=clouds(20), limit=st.sampled_from([1.0, 4.999, 5.0, 7.5, 100.0]))
def test_neighbours_equal_looking_at_every_pair(cloud, limit):
    xy = np.array(cloud, float)
    distance = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    np.fill_diagonal(distance, np.inf)
    nearest = distance.min(axis=1)
    found = too_close(xy, limit)
    expected = np.flatnonzero(nearest < limit * (1 - 1e-9))
    assert found.indices.tolist() == expected.tolist()
    if len(expected):
        assert found.least_um == pytest.approx(nearest.min(), abs=1e-12)


@pytest.mark.parametrize("spread", [60.0, 5_000.0, 2e6], ids=["dense", "sparse", "very sparse"])
def test_neighbours_of_many(spread):
    xy = np.random.default_rng(7).uniform(0, spread, (3_000, 2))
    nearest = cKDTree(xy).query(xy, k=2)[0][:, 1]
    found = too_close(xy, 20.0)
    assert found.indices.tolist() == np.flatnonzero(nearest < 20.0).tolist()


def test_sorting_many_points_changes_nothing(monkeypatch):
    xy = np.random.default_rng(3).uniform(0, 1_000, (2_000, 2))
    plain = too_close(xy, 15.0)
    monkeypatch.setattr("workbench.rules.spans.SORTED_FROM", 0)
    ordered = too_close(xy, 15.0)
    assert ordered.indices.tolist() == plain.indices.tolist() != []
    assert ordered.least_um == plain.least_um


def test_two_hundred_thousand_on_one_spot_is_no_trap():
    xy = np.zeros((200_000, 2))
    xy[0] = (50, 50)
    assert len(too_close(xy, 10.0).indices) == 199_999
    found = match(xy, xy[::-1].copy(), tolerance_um=0.5, reach_um=10.0)
    assert len(found.top) == 2


poses = st.builds(
    Placement, name=st.just("U"), die=st.just("d"), x_mm=st.sampled_from([0.0, 0.35, -1.25]), y_mm=st.just(0.2),
    angle_deg=st.sampled_from([0.0, 90.0, 180.0, 270.0, 30.0, 45.0, -17.3]), mirrored=st.booleans(),
)  # fmt: skip


@st.composite
def grids(draw):
    columns, rows = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    sites = [(c, r) for c in range(columns) for r in range(rows)]
    omit = draw(st.lists(st.sampled_from(sites), unique=True, max_size=max(0, min(4, len(sites) - 1))))
    return Grid(
        name="g", diameter_um=10, columns=columns, rows=rows, pitch_x_um=draw(st.sampled_from([30.0, 40.0])),
        pitch_y_um=40.0, x_um=draw(st.sampled_from([0.0, 15.0, 20.0])), y_um=0.0, staggered=draw(st.booleans()),
        omit=tuple(omit), angle_deg=draw(st.sampled_from([0.0, 90.0, 45.0])), mirrored=draw(st.booleans()),
    )  # fmt: skip


def as_points(grid, at=(0.0, 0.0)):
    xy = grid.xy_um() + at
    return Points(name=grid.name, diameter_um=grid.diameter_um, x_um=tuple(xy[:, 0].tolist()),
                  y_um=tuple(xy[:, 1].tolist()))  # fmt: skip


def paired(top, bottom, pose, tolerance, reach):
    """Pairs of (field, bump) of two faces in one pose, with their offsets."""
    sides = [Side("U", tuple(fields), pose, 0.0) for fields in (top, bottom)]
    found = {}
    for block in meet(*sides, tolerance_um=tolerance, reach_um=reach):
        offsets = np.broadcast_to(block.offset, (len(block.i), 2))
        for i, j, offset in zip(block.i.tolist(), block.j.tolist(), offsets, strict=True):
            assert (block.top, i) not in found
            found[block.top, i] = (block.bottom, j, *np.round(offset, 6))
    return found


@settings(max_examples=250, deadline=None)
@given(top=st.lists(grids(), min_size=1, max_size=2), bottom=st.lists(grids(), min_size=1, max_size=2), pose=poses,
       shift=st.sampled_from([(0.0, 0.0), (0.3, 0.4), (4.0, 3.0)]))  # fmt: skip
def test_grids_by_arithmetic_equal_grids_as_points(top, bottom, pose, shift):
    moved = [grid.model_copy(update={"x_um": grid.x_um + shift[0], "y_um": grid.y_um + shift[1]}) for grid in top]
    quick = paired(moved, bottom, pose, 0.5, 9.0)
    slow = paired([as_points(grid) for grid in moved], [as_points(grid) for grid in bottom], pose, 0.5, 9.0)
    assert {key: value[:2] for key, value in quick.items()} == {key: value[:2] for key, value in slow.items()}
    for key, value in quick.items():
        assert value[2:] == pytest.approx(slow[key][2:], abs=1e-5)


def test_equal_grids_take_the_arithmetic_way():
    """At any pose two equal grids give one block with one offset, and no centre is ever made."""
    grid = Grid(name="g", diameter_um=10, columns=1000, rows=700, pitch_x_um=30, pitch_y_um=40)
    pose = Placement(name="U", die="d", x_mm=1.0, angle_deg=33.0, mirrored=True)
    (block,) = meet(Side("U", (grid,), pose, 0.0), Side("V", (grid,), pose, 0.0), tolerance_um=0.5, reach_um=10.0)
    assert block.offset.shape == (2,)
    assert (block.i == block.j).all()
    assert len(block.i) == 700_000


def test_lone_pairs_leave_the_contested_out():
    a = np.array([[0.0, 0], [10, 0], [10.2, 0], [30, 0]])
    b = np.array([[0.1, 0], [10.1, 0], [50, 0]])
    i, j = lone_pairs(a, b, 1.0)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 0)]
