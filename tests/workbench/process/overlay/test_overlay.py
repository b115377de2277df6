"""Overlay: Umeyama's printed case, planted terms recovered, intervals that cover, marks that lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import DomainError
from workbench.process.overlay import MODELS, Spread, fit_by_field, fit_overlay, rigid_by_die, umeyama

SOURCE = np.array([[0.0, 0.0], [1, 0], [0, 2]])
TARGET = np.array([[0.0, 0.0], [-1, 0], [0, 2]])
UMEYAMA = "Umeyama 1991, IEEE Trans. PAMI 13, 376, the example of its figure 1"
GRID = np.array([(x, y) for x in np.linspace(-120e3, 120e3, 7) for y in np.linspace(-120e3, 120e3, 7)])
FIELD = np.tile([(-9e3, -12e3), (9e3, -12e3), (-9e3, 12e3), (9e3, 12e3), (0.0, 0.0)], (len(GRID), 1))
MARKS = np.repeat(GRID, 5, axis=0)


def test_the_printed_case():
    found = umeyama(SOURCE, TARGET)
    assert found.rotation == pytest.approx(np.array([[0.832050, 0.554700], [-0.554700, 0.832050]]), abs=5e-7), UMEYAMA
    assert found.scale == pytest.approx(0.721110, abs=5e-7), UMEYAMA
    assert found.translation_um == pytest.approx([-0.8, 0.4], abs=1e-12), UMEYAMA
    assert found.mean_square_um2 == pytest.approx(0.533333, abs=5e-7), UMEYAMA
    assert np.linalg.det(found.rotation) == pytest.approx(1)


def test_without_the_determinant_a_mirror_would_fit_exactly():
    mirrored = umeyama(SOURCE, TARGET, reflection=True)
    assert np.linalg.det(mirrored.rotation) == pytest.approx(-1)
    assert mirrored.mean_square_um2 == pytest.approx(0, abs=1e-15)


@given(st.floats(-180, 180), st.floats(0.5, 2), st.integers(0, 2**32 - 1), st.integers(2, 3))
def test_an_exact_motion_is_found_again(angle, scale, seed, dimensions):
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 1e4, (6, dimensions))
    q, r = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))
    q = q * np.sign(np.diag(r))
    q[:, 0] *= np.linalg.det(q)
    move = rng.normal(0, 1e3, dimensions)
    found = umeyama(points, scale * points @ q.T + move)
    assert found.rotation == pytest.approx(q, abs=1e-9)
    assert found.scale == pytest.approx(scale)
    assert found(points) == pytest.approx(scale * points @ q.T + move, abs=1e-6)


MOVE = np.array([3.0, -1.0])


def test_weights_leave_out_a_mark():
    bent = np.vstack([SOURCE, [[5.0, 5.0]]]), np.vstack([SOURCE + MOVE, [[90.0, -40.0]]])
    found = umeyama(*bent, weights=[1, 1, 1, 0], with_scale=False)
    assert found.translation_um == pytest.approx([3, -1])
    assert (found.scale, found.angle_deg) == (1.0, pytest.approx(0, abs=1e-9))


@pytest.mark.parametrize("points", [SOURCE[:1], np.zeros((3, 2)), np.array([[0, np.nan], [1, 1], [2, 0]])])
def test_points_without_a_motion_are_refused(points):
    with pytest.raises(DomainError):
        umeyama(points, points)


PLANTED = {
    "tx_um": 0.8, "ty_um": -1.1, "mx_ppm": 12.0, "my_ppm": -5.0, "rotation_rad": 3e-6, "nonorthogonality_rad": -2e-6,
    "field_magnification_ppm": 20.0, "field_asymmetric_magnification_ppm": 6.0, "field_rotation_rad": -15e-6,
    "field_asymmetric_rotation_rad": 4e-6,
}  # fmt: skip


def shifts(p, xy, field):
    """The ten terms written out once more, from the sign convention of the module's head."""
    (x, y), (u, v) = xy.T, field.T
    n, mf, ma = p["nonorthogonality_rad"], p["field_magnification_ppm"], p["field_asymmetric_magnification_ppm"]
    r, rf, ra = p["rotation_rad"], p["field_rotation_rad"], p["field_asymmetric_rotation_rad"]
    dx = p["tx_um"] + 1e-6 * p["mx_ppm"] * x - (r + n) * y + 1e-6 * (mf + ma) * u - (rf + ra) * v
    dy = p["ty_um"] + 1e-6 * p["my_ppm"] * y + r * x + 1e-6 * (mf - ma) * v + (rf - ra) * u
    return dx, dy


def test_ten_planted_terms_are_found_exactly():
    fit = fit_overlay(*MARKS.T, *shifts(PLANTED, MARKS, FIELD), model="linear_10",
                      field_x_um=FIELD[:, 0], field_y_um=FIELD[:, 1])  # fmt: skip
    assert {e.name: e.value for e in fit.estimates} == pytest.approx(PLANTED, rel=1e-9, abs=1e-12)
    assert max(s.total_um for s in fit.after) < 1e-9
    again = fit.predict_um(*MARKS.T, *FIELD.T)
    assert np.array(again) == pytest.approx(np.array(shifts(PLANTED, MARKS, FIELD)), abs=1e-9)


def test_fields_alone_give_the_field_terms():
    of = np.repeat(np.arange(len(GRID)), 5)
    one = fit_by_field(of, *FIELD.T, *shifts(PLANTED, MARKS, FIELD))[0]
    assert one["mx_ppm"] == pytest.approx(26)  # magnification and its asymmetry together
    assert one["my_ppm"] == pytest.approx(14)
    x, y = GRID[0]
    assert one["tx_um"] == pytest.approx(0.8 + 12e-6 * x - (3e-6 - 2e-6) * y)


def test_a_third_order_term_is_named_and_at_the_edge():
    """k13 stands before (X / radius)^3 of dx, k14 before (Y / radius)^3 of dy."""
    radius = np.hypot(*GRID.T).max()
    fit = fit_overlay(*GRID.T, 0.5 * (GRID[:, 0] / radius) ** 3, -0.25 * (GRID[:, 1] / radius) ** 3,
                      model="third_order")  # fmt: skip
    assert (len(fit.estimates), fit.radius_um) == (20, radius)
    found = {e.name: e.value for e in fit.estimates if abs(e.value) > 1e-9}
    assert found == pytest.approx({"k13": 0.5, "k14": -0.25})


@pytest.mark.parametrize("model", [m for m in MODELS if m != "linear_10"])
def test_each_model_holds_what_it_should(model):
    """Pure magnification stays in the residual of a rigid fit and of no larger one."""
    fit = fit_overlay(*GRID.T, *(10e-6 * GRID.T), model=model)
    explained = model not in ("shift", "rigid")
    assert (fit.after[0].total_um < 1e-9) == explained
    assert fit.before[0].total_um == pytest.approx(3 * np.std(10e-6 * GRID[:, 0], ddof=1))


def test_mean_and_three_sigma():
    """|mean| + 3 sigma as scanner logs print it: a mean of 3.6 nm and 9.5 nm of deviation give 32.1 nm."""
    v = np.array([-1.0, 1.0]) * 9.5 / np.sqrt(2) - 3.6
    assert Spread.of(v).total_um == pytest.approx(32.1)


def test_intervals_cover_at_the_stated_rate():
    """400 seeded wafers, six parameters: 95 % intervals cover in 93.4 to 96.4 % (exact binomial, 99.9 %)."""
    rng = np.random.default_rng(5)
    wafer = {k: (v if k in ("tx_um", "ty_um", "mx_ppm", "my_ppm", "rotation_rad", "nonorthogonality_rad") else 0.0)
             for k, v in PLANTED.items()}  # fmt: skip
    dx, dy = shifts(wafer, GRID, np.zeros_like(GRID))
    inside = 0
    for _ in range(400):
        fit = fit_overlay(*GRID.T, dx + rng.normal(0, 0.5, len(GRID)), dy + rng.normal(0, 0.5, len(GRID)))
        inside += sum(e.low <= wafer[e.name] <= e.high for e in fit.estimates)
    assert 0.934 < inside / 2400 < 0.964


@pytest.mark.parametrize("norm", ["huber", "biweight"])
def test_a_robust_fit_withstands_misread_marks(norm):
    rng = np.random.default_rng(8)
    dx, dy = shifts(PLANTED, MARKS, 0 * FIELD)
    dx, dy = dx + rng.normal(0, 0.05, len(dx)), dy + rng.normal(0, 0.05, len(dy))
    bad = rng.choice(len(dx), 20, replace=False)
    dx[bad] += 25.0
    plain, robust = fit_overlay(*MARKS.T, dx, dy), fit_overlay(*MARKS.T, dx, dy, robust=norm)
    assert abs(plain["tx_um"] - 0.8) > 1
    assert robust["tx_um"] == pytest.approx(0.8, abs=0.03)
    assert robust["mx_ppm"] == pytest.approx(12.0, abs=0.3)
    assert robust.weights[bad, 0].max() < 0.05
    assert not plain.assumptions[0].holds


@pytest.mark.parametrize("norm", ["huber", "biweight"])
@pytest.mark.parametrize("grown_ppm", [0.0, 10.0])
def test_a_robust_fit_of_exact_marks_is_exact(norm, grown_ppm):
    fit = fit_overlay(*GRID.T, *(grown_ppm * 1e-6 * GRID.T), robust=norm)
    assert fit["mx_ppm"] == pytest.approx(grown_ppm)
    assert (fit.weights == 1).all()


def test_marks_on_a_line_cannot_tell_the_terms():
    line = np.column_stack([np.linspace(-1e5, 1e5, 20), np.zeros(20)])
    with pytest.raises(DomainError) as refused:
        fit_overlay(*line.T, np.zeros(20), np.zeros(20))
    assert refused.value.rule == "process.overlay_terms"


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"model": "linear_7"}, "process.choice"),
        ({"robust": "lorentz"}, "process.choice"),
        ({"model": "linear_10"}, "process.overlay_field"),
        ({"dx_um": np.zeros(3)}, "process.overlay_points"),
    ],
)
def test_what_cannot_be_fitted_is_refused(changed, rule):
    given = {"x_um": GRID[:, 0], "y_um": GRID[:, 1], "dx_um": np.zeros(49), "dy_um": np.zeros(49)} | changed
    with pytest.raises(DomainError) as refused:
        fit_overlay(**given)
    assert refused.value.rule == rule


CORNERS = np.array([(-4e3, -3e3), (4e3, -3e3), (-4e3, 3e3), (4e3, 3e3)])
APART = np.array([1e4, 0.0])


def test_a_die_is_found_as_umeyama_finds_it():
    rng = np.random.default_rng(3)
    nominal = np.vstack([CORNERS + APART, CORNERS - APART])
    turns, moves = np.radians([0.02, -0.05]), np.array([[3.0, -1.0], [-2.0, 4.0]])
    moved = []
    for k in range(2):
        c, s = np.cos(turns[k]), np.sin(turns[k])
        moved.append(CORNERS @ np.array([[c, s], [-s, c]]) + moves[k] + nominal[4 * k : 4 * k + 4].mean(0))
    error = np.vstack(moved) - nominal + rng.normal(0, 0.02, nominal.shape)
    found = rigid_by_die(np.repeat(["B", "A"], 4), *nominal.T, *error.T)
    assert found["die"].tolist() == ["B", "A"]
    for k in range(2):
        own = slice(4 * k, 4 * k + 4)
        other = umeyama(nominal[own], nominal[own] + error[own], with_scale=False)
        assert found["dtheta_deg"][k] == pytest.approx(other.angle_deg, abs=1e-9)
        assert found["residual_um"][k] == pytest.approx(np.sqrt(other.mean_square_um2))
        assert found["dx_um"][k] == pytest.approx(moves[k, 0], abs=found["dx_half_um"][k])


def test_intervals_of_dies_cover():
    """200 dies of 4 marks: 95 % intervals of three figures each cover in 92.4 to 97.2 % (99.9 %)."""
    rng = np.random.default_rng(11)
    die = np.repeat(np.arange(200), 4)
    xy = np.tile(CORNERS, (200, 1)) + np.repeat(rng.uniform(-1e5, 1e5, (200, 2)), 4, axis=0)
    found = rigid_by_die(die, *xy.T, *rng.normal(0, 0.3, (2, 800)))
    pairs = [("dx_um", "dx_half_um"), ("dy_um", "dy_half_um"), ("dtheta_deg", "dtheta_half_deg")]
    hit = sum((np.abs(found[value]) <= found[half]).sum() for value, half in pairs)
    assert 0.924 < hit / 600 < 0.972


def test_marks_without_a_place_are_refused():
    with pytest.raises(DomainError) as refused:
        rigid_by_die(["A", "A", "A"], [0, 1], [0, 1], [0, 0], [0, 0])
    assert refused.value.rule == "process.overlay_points"


def test_a_die_with_one_mark_has_no_turn():
    with pytest.raises(DomainError):
        rigid_by_die(["A", "A", "B"], [0, 1, 5], [0, 0, 0], [0, 0, 0], [0, 0, 0])
