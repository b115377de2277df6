"""Conformance with model uncertainty, drift, set point and window: closed forms, limits and invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr

from workbench.errors import DomainError
from workbench.process.window import (
    Drift,
    Factor,
    Limits,
    Region,
    conformance,
    conformance_interval,
    fit,
    linear,
    operating_range,
    recommend,
    rectangle_probability,
    residual_correlation,
    uncoded,
    yield_with_drift,
)
from workbench.process.window.contours import bands, isoline
from workbench.process.window.probability import posterior, worst_case
from workbench.process.window.selection import interactions
from workbench.process.window.study import study

from .test_surfaces import AA, AB, FACTORS, ONE, STRESS, UNIFORMITY, A, B, X

SURFACES = (fit(X, UNIFORMITY, (ONE, A, B, AB)), fit(X, STRESS, (ONE, A, B, AA)))
LIMITS = (Limits(upper=6.0), Limits(upper=8.0))
CENTRE = np.zeros((1, 2))


def test_one_response_is_the_students_t_of_its_prediction():
    surface = SURFACES[0]
    at = np.array([[0.3, -0.6]])
    expected = stats.t.cdf(6.0, surface.dof, surface.mean(at)[0], surface.scale(at)[0])
    assert conformance([surface], [Limits(upper=6.0)], at)[0] == pytest.approx(expected, rel=1e-12)
    low, high = surface.interval(at, confidence=0.9)
    between = conformance([surface], [Limits(float(low[0]), float(high[0]))], at)[0]
    assert between == pytest.approx(0.9, rel=1e-10)


def test_independent_responses_multiply_and_the_bound_is_below():
    joint, single = conformance(SURFACES, LIMITS, CENTRE)
    assert joint[0] == pytest.approx(single[0].prod())
    assert worst_case(single)[0] <= joint[0]


@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.5, 0.95])
def test_the_quadrant_probability_has_sheppards_closed_form(rho):
    matrix = np.array([[1, rho], [rho, 1]])
    found = rectangle_probability(np.array([[-np.inf, -np.inf]]), np.zeros((1, 2)), matrix)
    # Sheppard 1899, Phil. Trans. R. Soc. A 192, 101
    assert found[0] == pytest.approx(0.25 + np.arcsin(rho) / (2 * np.pi), abs=2e-6)


def test_three_responses_against_the_closed_form_orthant():
    c = np.array([[1, 0.5, 0.3], [0.5, 1, -0.2], [0.3, -0.2, 1]])
    found = rectangle_probability(np.full((1, 3), -np.inf), np.zeros((1, 3)), c)
    expected = 1 / 8 + (np.arcsin(0.5) + np.arcsin(0.3) + np.arcsin(-0.2)) / (4 * np.pi)  # David 1953
    assert found[0] == pytest.approx(expected, abs=2e-4)


def test_a_copula_without_correlation_is_independence():
    at = np.array([[0.0, 0.0], [0.5, -0.7], [-0.9, 0.1]])
    assert conformance(SURFACES, LIMITS, at, correlation=np.eye(2))[0] == pytest.approx(
        conformance(SURFACES, LIMITS, at)[0], abs=1e-9
    )


def test_a_repeated_response_cannot_be_correlated():
    with pytest.raises(DomainError) as refused:
        conformance([SURFACES[0]] * 2, [LIMITS[0]] * 2, CENTRE, correlation=np.ones((2, 2)))
    assert refused.value.rule == "process.correlation_singular"


def test_residual_correlation_is_a_correlation():
    c = residual_correlation(SURFACES)
    assert np.allclose(np.diag(c), 1)
    assert c[0, 1] == pytest.approx(np.corrcoef(SURFACES[0].residuals, SURFACES[1].residuals)[0, 1])


def test_the_posterior_mean_of_the_true_share_is_the_predictive_probability():
    for at in ([0.5, -0.8], [-0.2, 0.4]):
        at = np.array([at])
        mean, low, high = conformance_interval(SURFACES, LIMITS, at, draws=posterior(SURFACES, draws_log2=13))
        assert mean == pytest.approx(conformance(SURFACES, LIMITS, at)[0][0], abs=4e-4)
        assert 0 <= low < mean < high <= 1


def test_more_runs_narrow_the_interval():
    repeated = [fit(np.tile(X, (8, 1)), np.tile(s.y, 8), s.terms) for s in SURFACES]
    at = np.array([[0.5, -0.8]])
    _, low, high = conformance_interval(SURFACES, LIMITS, at)
    _, low_8, high_8 = conformance_interval(repeated, LIMITS, at)
    assert high_8 - low_8 < 0.5 * (high - low)


def precise_plane(slopes=(0.8, -0.5), sigma=0.3):
    """A plane known from so many runs that its prediction is normal to four digits."""
    base = np.array([[a, b] for a in (-1, 0, 1) for b in (-1, 0, 1)], float)
    x = np.repeat(base, 4000, axis=0)
    noise = np.tile(sigma * np.sqrt(3999 / 4000 * 2) * np.sin(np.arange(4000) * 2 * np.pi / 4000), len(base))
    return fit(x, x @ slopes + noise, linear(2))


def test_drift_of_a_plane_has_a_closed_form():
    plane = precise_plane()
    sd = np.array([0.25, 0.4])
    at = np.array([0.1, 0.2])
    found = yield_with_drift([plane], [Limits(-0.6, 0.7)], at, Drift(sd), points_log2=12)
    mean = float(plane.mean(at[None])[0])
    spread = np.sqrt(plane.sigma**2 + ((plane.coefficients[1:] * sd) ** 2).sum())
    expected = ndtr((0.7 - mean) / spread) - ndtr((-0.6 - mean) / spread)
    # 1e-5: the plane's own uncertainty, which the closed form leaves out
    assert found.value == pytest.approx(expected, abs=1e-5 + 5 * found.standard_error)
    assert 0 < found.standard_error < 2e-5
    assert found.point_count == 8 * 4096


def test_no_drift_is_the_conformance_itself():
    at = np.array([0.2, -0.5])
    still = yield_with_drift(SURFACES, LIMITS, at, Drift(np.zeros(2)))
    assert still.value == pytest.approx(conformance(SURFACES, LIMITS, at[None])[0][0], rel=1e-12)
    assert still.standard_error == 0


def test_the_best_set_point_of_a_plane_is_where_the_limits_are_centred():
    plane = precise_plane()
    point = recommend([plane], [Limits(-0.2, 0.6)], Region.of(plane.x), Drift(np.zeros(2)))
    assert plane.mean(point.x[None])[0] == pytest.approx(0.2, abs=2e-3)
    assert point.still == pytest.approx(2 * ndtr(0.4 / plane.sigma) - 1, abs=1e-4)


def test_no_tested_point_beats_the_recommended_one():
    region, drift = Region.of(X), Drift(np.array([2 / 38, 0.1 / 4]))
    point = recommend(SURFACES, LIMITS, region, drift)
    assert region.contains(point.x)[0]
    rng = np.random.default_rng(5)
    for rival in region.inward(rng.uniform(-1, 1, (60, 2))):
        assert yield_with_drift(SURFACES, LIMITS, rival, drift, points_log2=6).value <= point.drifted.value + 2e-4
    assert point.low <= point.drifted.value <= point.high


spec = st.floats(3.0, 9.0)


@settings(max_examples=40, deadline=None)
@given(
    spec,
    st.floats(6.0, 9.0),
    st.floats(0, 1),
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=5),
)
def test_probabilities_stay_probabilities_and_wider_limits_never_hurt(u, s, more, points):
    at = np.array(points)
    for correlation in (None, residual_correlation(SURFACES)):
        joint, single = conformance(SURFACES, (Limits(upper=u), Limits(upper=s)), at, correlation=correlation)
        assert ((joint >= 0) & (joint <= 1)).all()
        assert (joint <= single.min(axis=1) + 1e-9).all()
        assert (joint >= worst_case(single) - 1e-9).all()
        wider, _ = conformance(SURFACES, (Limits(upper=u + more), Limits(upper=s + more)), at, correlation=correlation)
        assert (wider >= joint - 1e-9).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**49 - 1))
def test_the_operating_range_is_the_largest_box_inside(rows, columns, bits):
    inside = np.array([(bits >> n) & 1 for n in range(rows * columns)], bool).reshape(rows, columns)
    found = operating_range(inside)
    best = max(
        (
            (b - a) * (d - c)
            for a in range(rows) for b in range(a + 1, rows + 1)
            for c in range(columns) for d in range(c + 1, columns + 1)
            if inside[a:b, c:d].all()
        ),
        default=0,
    )  # fmt: skip
    if found is None:
        assert best == 0
    else:
        assert inside[found].all()
        assert inside[found].size == best


def the_study(**options):
    responses = {"uniformity_percent": UNIFORMITY, "stress": STRESS}
    limits = dict(zip(responses, LIMITS, strict=True)) | options.pop("limits", {})
    return study(FACTORS, uncoded(FACTORS, X), responses, limits, options.pop("drift", [2.0, 0.1]), **options)


def test_the_window_is_smaller_than_the_mean_overlay():
    found = the_study(wanted=0.9)
    assert found.window_exists
    assert 0 < found.window_share < found.mean_window_share < 1
    assert found.on_edge
    assert set(found.responses[0].surface.terms) == {ONE, A, B, AB}
    assert the_study(wanted=0.99).window_share < found.window_share


def test_the_box_lies_inside_the_window():
    found = the_study(wanted=0.8)
    (a, b), (c, d) = found.box
    corners = np.array([(a, c), (a, d), (b, c), (b, d)])
    x = (corners - [f.centre for f in FACTORS]) / [f.half_range for f in FACTORS]
    assert found.region.contains(x).all()
    assert (conformance(SURFACES, LIMITS, x)[0] >= 0.8).all()


def test_where_no_window_exists_the_study_says_so():
    found = the_study(limits={"stress": Limits(upper=7.0), "uniformity_percent": Limits(upper=4.0)})
    assert not found.window_exists
    assert found.box is None
    assert found.window_share == 0
    assert found.set_point.drifted.value < 0.2


def test_yield_falls_with_drift_and_three_factors_work():
    found = the_study()
    assert (np.diff(found.curve.value) < 1e-3).all()
    assert the_study(drift=[0.0, 0.0]).curve is None
    cube = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)] * 2 + [[0, 0, 0]] * 4, float)
    y = cube @ [1.0, 0.5, -0.7] + 0.1 * np.cos(np.arange(20) * 2.1)
    factors = [Factor(name, -1, 1) for name in ("a", "b", "c")]
    solid = study(factors, cube, {"y": y}, {"y": Limits(-0.5, 0.5)}, [0.1, 0.1, 0.1], model="selected")
    assert solid.set_point.drifted.value > 0.95
    assert solid.responses[0].full.terms == interactions(3)  # a factorial cannot tell its squares apart


@pytest.mark.parametrize(
    ("options", "rule"),
    [({"model": "cubic"}, "process.choice"), ({"joint": "guess"}, "process.choice")],
)
def test_unknown_methods_are_refused(options, rule):
    with pytest.raises(DomainError) as refused:
        the_study(**options)
    assert refused.value.rule == rule


def test_limits_must_leave_something_between_them():
    for arguments, rule in (((), "process.no_limit"), ((2.0, 1.0), "process.limits_crossed")):
        with pytest.raises(DomainError) as refused:
            Limits(*arguments)
        assert refused.value.rule == rule


def test_contours_of_a_cone_are_circles():
    axis = np.linspace(-1, 1, 41)
    z = np.hypot(axis[:, None], axis[None, :])
    (circle,) = isoline(axis, axis, z, 0.6)
    assert tuple(circle[0]) == tuple(circle[-1])
    assert np.hypot(*circle.T) == pytest.approx(0.6, abs=2e-3)
    assert np.hypot(*np.diff(circle, axis=0).T).sum() == pytest.approx(2 * np.pi * 0.6, rel=2e-3)
    half = isoline(axis, axis, z, 0.6, margin=axis[:, None] + 0 * axis[None, :])
    assert sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in half) == pytest.approx(np.pi * 0.6, rel=5e-3)


def area(outline):
    x, y = outline.T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def test_bands_fill_the_region_once():
    axis = np.linspace(-1, 1, 41)
    z = axis[:, None] + 0 * axis[None, :]
    margin = 1 - np.hypot(axis[:, None], axis[None, :])
    found = bands(axis, axis, z, np.array([-1, -0.2, 0.5, 1]), margin)
    assert [n for n, _ in found] == [0, 1, 2]  # one outline each: the pieces of the cells have joined
    assert sum(area(outline) for _, outline in found) == pytest.approx(np.pi, rel=2e-3)
    segment = np.arccos(0.5) - 0.5 * np.sqrt(0.75)  # circular segment beyond x = 0.5
    assert area(found[2][1]) == pytest.approx(segment, rel=5e-3)


def test_a_ring_has_a_hole():
    axis = np.linspace(-1, 1, 41)
    z = np.hypot(axis[:, None], axis[None, :])
    ring = [outline for n, outline in bands(axis, axis, z, np.array([0, 0.4, 0.8, 2])) if n == 1]
    assert sorted(np.sign([area(o) for o in ring])) == [-1, 1]
    assert sum(area(o) for o in ring) == pytest.approx(np.pi * (0.8**2 - 0.4**2), rel=5e-3)


def test_a_band_over_a_whole_box_has_four_corners():
    ((n, outline),) = bands(np.arange(5.0), np.arange(4.0), np.full((5, 4), 0.5), np.array([0.0, 1.0]))
    assert n == 0
    assert {tuple(p) for p in outline} == {(0, 0), (4, 0), (4, 3), (0, 3)}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_bands_cover_rough_fields_completely(seed):
    z = np.random.default_rng(seed).uniform(-1, 1, (6, 5))
    found = bands(np.arange(6.0), np.arange(5.0), z, np.array([-1, -0.4, 0.1, 0.6, 1]))
    assert sum(area(outline) for _, outline in found) == pytest.approx(20, rel=1e-9)
