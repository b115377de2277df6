"""The largest box and ellipsoid in windows whose answer is known in closed form."""

from __future__ import annotations

from math import factorial, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import DomainError
from workbench.process.window.shapes import (
    Ellipsoid,
    box_in_polytope,
    ellipsoid_in_polytope,
    largest_box,
    largest_ellipsoid,
    margins_of,
)

BALL = {2: pi, 3: 4 / 3 * pi, 4: pi**2 / 2, 5: 8 / 15 * pi**2}  # volumes of the unit ball


def simplex(k):
    """x >= 0, sum x <= 1."""
    return np.vstack([-np.eye(k), np.ones(k)]), np.append(np.zeros(k), 1.0)


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_the_largest_box_in_a_simplex_has_sides_one_over_k(k):
    """Product of sides with sum <= 1: the inequality of means."""
    found = box_in_polytope(*simplex(k))
    assert found.low == pytest.approx(np.zeros(k), abs=1e-9)
    assert found.high == pytest.approx(np.full(k, 1 / k), abs=1e-9)


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_the_largest_ellipsoid_in_a_simplex_is_the_image_of_the_inscribed_ball(k):
    """John 1948; ratio to the simplex's volume k! ball / (k^(k/2) (k+1)^((k+1)/2)), as for the regular simplex."""
    found = ellipsoid_in_polytope(*simplex(k))
    assert found.centre == pytest.approx(np.full(k, 1 / (k + 1)), abs=1e-7)
    ratio = factorial(k) * BALL[k] / (k ** (k / 2) * (k + 1) ** ((k + 1) / 2))
    assert found.volume == pytest.approx(ratio / factorial(k), rel=1e-8)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_a_box_is_its_own_largest_box_and_its_half_widths_the_axes(k):
    half = np.arange(1.0, k + 1)
    a, b = np.vstack([np.eye(k), -np.eye(k)]), np.concatenate([half + 0.5, half - 0.5])
    box, ellipsoid = box_in_polytope(a, b), ellipsoid_in_polytope(a, b)
    assert box.high == pytest.approx(half + 0.5, abs=1e-8)
    assert box.centre == pytest.approx(np.full(k, 0.5), abs=1e-8)
    assert ellipsoid.reach == pytest.approx(half, abs=1e-7)
    assert ellipsoid.half_axes[0] == pytest.approx(half[::-1], abs=1e-7)


def test_polytopes_that_are_none():
    a, b = np.vstack([np.eye(2), -np.eye(2)]), np.array([1.0, 1, -2, 0])
    for limits, rule in (((a, b), "process.window_empty"), ((np.eye(2), np.ones(2)), "process.window_open"),
                         ((np.zeros((3, 2)), np.ones(3)), "process.window_limits")):  # fmt: skip
        with pytest.raises(DomainError) as refused:
            box_in_polytope(*limits)
        assert refused.value.rule == rule


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_in_any_polytope_the_shapes_touch_and_no_neighbour_is_larger(seed, k):
    rng = np.random.default_rng(seed)
    a = np.vstack([np.eye(k), -np.eye(k), rng.normal(size=(3, k))])
    b = np.concatenate([np.ones(2 * k), 0.3 + rng.random(3)])
    box, ellipsoid = box_in_polytope(a, b), ellipsoid_in_polytope(a, b)
    corner = (np.maximum(a, 0) @ box.high + np.minimum(a, 0) @ box.low) - b
    touch = a @ ellipsoid.centre + np.linalg.norm(a @ ellipsoid.root, axis=1) - b
    assert corner.max() == pytest.approx(0, abs=1e-8)
    assert touch.max() == pytest.approx(0, abs=1e-8)
    # volume is log-concave in the shape, so a local optimum is the optimum: no small feasible step may gain
    for _ in range(200):
        low, high = box.low + 1e-3 * rng.normal(size=k), box.high + 1e-3 * rng.normal(size=k)
        if (np.maximum(a, 0) @ high + np.minimum(a, 0) @ low <= b).all():
            assert np.prod(high - low) <= box.volume * (1 + 1e-7)
        other = Ellipsoid(
            ellipsoid.centre + 1e-3 * rng.normal(size=k), np.tril(ellipsoid.root + 1e-3 * rng.normal(size=(k, k)))
        )
        if (a @ other.centre + np.linalg.norm(a @ other.root, axis=1) <= b).all():
            assert other.volume <= ellipsoid.volume * (1 + 1e-7)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_in_an_ellipsoid_the_box_has_half_sides_axis_over_root_k(k):
    axes = np.arange(1.0, k + 1)
    centre = np.full(k, 0.2)

    def margin(x):
        return 1 - (((x - centre) / axes) ** 2).sum(axis=1, keepdims=True)

    box = largest_box(margin, -2 * axes, 2 * axes)
    assert box.high == pytest.approx(centre + axes / np.sqrt(k), abs=2e-6)
    assert box.low == pytest.approx(centre - axes / np.sqrt(k), abs=2e-6)
    if k < 4:
        ellipsoid = largest_ellipsoid(margin, -2 * axes, 2 * axes)
        assert ellipsoid.volume == pytest.approx(BALL[k] * axes.prod(), rel=1e-5)
        assert ellipsoid.half_axes[0] == pytest.approx(axes[::-1], abs=1e-4)


def test_in_a_tilted_ellipse_the_ellipse_is_itself():
    s = np.array([[1.0, 0.6], [0.6, 0.8]])

    def margin(x):
        return 1 - np.einsum("ij,jk,ik->i", x, np.linalg.inv(s), x)[:, None]

    found = largest_ellipsoid(margin, np.full(2, -2.0), np.full(2, 2.0))
    assert found.root @ found.root.T == pytest.approx(s, abs=1e-4)
    assert found.volume == pytest.approx(pi * np.sqrt(np.linalg.det(s)), rel=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_both_ways_agree_on_a_polytope(k):
    a, b = simplex(k)

    def margin(x):
        return b - x @ a.T

    assert largest_box(margin, np.full(k, -1.0), np.ones(k)).volume == pytest.approx(k**-k, rel=1e-6)
    curved = largest_ellipsoid(margin, np.full(k, -1.0), np.ones(k)).volume
    assert curved == pytest.approx(ellipsoid_in_polytope(a, b).volume, rel=1e-5)


def test_the_band_between_two_parabolas_where_the_middle_of_a_side_touches():
    """Case of the focus-dose window: c f^2 <= y <= c f^2 + h has the rectangle 2h/3 by 2 sqrt(h / 3c)."""
    h, c = 0.2, 1.25
    band = margins_of([lambda x: x[:, 1] - c * x[:, 0] ** 2, lambda x: c * x[:, 0] ** 2 + h - x[:, 1]])
    low, high = np.array([-0.6, -0.1]), np.array([0.6, 0.6])
    box = largest_box(band, low, high)
    assert box.high - box.low == pytest.approx([0.461880, 0.133333], abs=2e-6)
    ellipse = largest_ellipsoid(band, low, high, aligned=True)
    assert ellipse.volume == pytest.approx(pi * 0.266667 * 0.088889, rel=2e-5)


def test_of_two_islands_the_larger_is_taken_and_without_an_island_nothing():
    def islands(x):
        small = 0.2 - np.linalg.norm(x - [-0.6, 0], axis=1)
        large = 0.35 - np.linalg.norm(x - [0.5, 0], axis=1)
        return np.maximum(small, large)[:, None]

    found = largest_box(islands, np.full(2, -1.0), np.ones(2))
    assert found.centre == pytest.approx([0.5, 0], abs=1e-4)
    assert found.volume == pytest.approx(2 * 0.35**2, rel=1e-4)
    assert largest_box(lambda x: -np.ones((len(x), 1)), np.full(2, -1.0), np.ones(2)) is None
    with pytest.raises(DomainError):
        largest_box(islands, np.ones(2), np.ones(2))
