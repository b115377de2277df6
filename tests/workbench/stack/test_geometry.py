"""Rectangles at any angle: gaps and overlaps against values worked out by hand and against sampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.stack.geometry import closest, gap_mm, gaps, outside, overlapping, overlaps, rectangle


def square(x, y, side=2.0, angle=0.0):
    return rectangle(x_mm=x, y_mm=y, width_mm=side, length_mm=side, angle_deg=angle)


CASES = [  # first, second, gap mm: by hand
    (square(0, 0), square(3, 0), 1.0),
    (square(0, 0), square(2, 0), 0.0),
    (square(0, 0), square(1.5, 0), -0.5),
    (square(0, 0), square(4, 5), np.hypot(2, 3)),  # corner to corner
    (square(0, 0), square(1 + np.sqrt(2) + 0.25, 0, angle=45), 0.25),  # corner to edge
    (square(0, 0, angle=90), square(3, 0), 1.0),
    (square(0, 0, side=4), square(0.5, 0, side=1), -2.0),  # one inside the other: the way out
]


@pytest.mark.parametrize(("first", "second", "expected"), CASES)
def test_gap(first, second, expected):
    assert gap_mm(first, second) == pytest.approx(expected, abs=1e-12)
    assert gap_mm(second, first) == pytest.approx(expected, abs=1e-12)


placed = st.tuples(st.floats(-6, 6), st.floats(-6, 6), st.floats(0.5, 6), st.floats(0.5, 6), st.floats(-360, 360))


def boundary(corners, count=60):
    share = np.linspace(0, 1, count)[:, None]
    return np.concatenate([a + share * (b - a) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)])


@settings(max_examples=60, deadline=None)
@given(a=placed, b=placed, shift=st.floats(-3, 3))
def test_gap_agrees_with_sampled_outlines(a, b, shift):
    first, second = (rectangle(x_mm=p[0], y_mm=p[1], width_mm=p[2], length_mm=p[3], angle_deg=p[4]) for p in (a, b))
    found = gap_mm(first, second)
    nearest = np.linalg.norm(boundary(first)[:, None] - boundary(second), axis=-1).min()
    assert found <= nearest + 1e-9
    if found > 0:
        assert found >= nearest - 0.11  # spacing of the samples
    assert gap_mm(first + shift, second + shift) == pytest.approx(found, abs=1e-9)


def test_all_pairs_at_once():
    corners = np.array([square(0, 0), square(3, 0), square(0, 3)])
    pairs, distances = gaps(corners)
    assert pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    np.testing.assert_allclose(distances, [1, 1, np.sqrt(2)])
    assert gaps(corners[:1])[1].size == 0


def test_outside():
    corners = np.array([square(0, 0), square(4.5, 0)])
    assert outside(corners, 10, 10, 1e-6).tolist() == [1]
    assert outside(corners, 11, 10, 1e-6).tolist() == []


def scattered(seed: int, count: int, size: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([
        rectangle(x_mm=x, y_mm=y, width_mm=w, length_mm=h, angle_deg=a)
        for x, y, w, h, a in zip(*rng.uniform(-10, 10, (2, count)), *rng.uniform(0.2, size, (2, count)),
                                 rng.uniform(0, 360, count), strict=True)
    ])  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.integers(1, 25), st.floats(0.5, 8))
def test_overlapping_finds_the_pairs_that_comparing_all_finds(seed, below, above, size):
    first, second = scattered(seed, below, size), scattered(seed + 1, above, size)
    expected = [(i, j) for i in range(below) for j in range(above) if gap_mm(first[i], second[j]) < -1e-6]
    assert [tuple(pair) for pair in overlapping(first, second, 1e-6)] == expected


def test_rectangles_that_pile_up_are_never_all_held_at_once():
    pile = np.repeat(rectangle(x_mm=0, y_mm=0, width_mm=1, length_mm=1)[None], 3_000, axis=0)
    pieces = [len(pairs) for pairs in overlaps(pile, pile, 1e-6)]
    assert sum(pieces) == 3_000**2
    assert max(pieces) <= 25_000


def test_overlapping_needs_more_than_a_touch():
    first, beside = square(0, 0)[None], square(2, 0)[None]
    assert overlapping(first, beside, 1e-6).shape == (0, 2)
    assert overlapping(first, first, 1e-6).tolist() == [[0, 0]]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.floats(0.3, 5))
def test_the_closest_pair_is_that_of_all_pairs(seed, count, size):
    corners = scattered(seed, count, size)
    _, distances = gaps(corners)
    first, second, gap = closest(corners)
    assert gap == pytest.approx(distances.min(), abs=1e-12)
    assert gap == pytest.approx(gap_mm(corners[first], corners[second]), abs=1e-12)
    assert first < second
    assert closest(corners[:1]) is None


def test_among_equal_gaps_the_first_pair_is_named():
    assert closest(np.array([square(x, 0) for x in (0, 3, 6)])) == (0, 1, pytest.approx(1.0))
