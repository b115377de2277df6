"""Fitted surfaces, model choice and diagnostics against published and certified results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import facts
from workbench.errors import DomainError
from workbench.process.window import (
    Factor,
    backward,
    coded,
    diagnose,
    fit,
    full_quadratic,
    hierarchical,
    linear,
    stationary_point,
    term_name,
    uncoded,
)

CVD = facts.load("process/cvd_tungsten")
FACTORS = [Factor(f["name"], f["low"], f["high"]) for f in CVD["factors"]]
X = coded(FACTORS, [[run[f.name] for f in FACTORS] for run in CVD["runs"]])
UNIFORMITY = np.array([run["uniformity_percent"] for run in CVD["runs"]])
STRESS = np.array([run["stress"] for run in CVD["runs"]])
NIST = "NIST/SEMATECH e-Handbook 5.4.7.3, after Czitrom and Spagon 1997"
ONE, A, B, AB, AA = (0, 0), (1, 0), (0, 1), (1, 1), (2, 0)

CASES = [  # response, terms, coefficients, R2, RMSE (None: not printed)
    (UNIFORMITY, (ONE, A, B, AB), [5.9273, -1.9124, -0.2249, 1.6991], 0.86950, 0.61642),
    (STRESS, (ONE, A, B, AA), [7.7335, 0.7375, 0.4978, -0.4947], 0.98488, 0.08818),
    (UNIFORMITY, full_quadratic(2), [5.8666, -1.9124, -0.2249, 1.6991, 0.1333, 0.0334], 0.87074, None),
    (STRESS, full_quadratic(2), [7.7900, 0.7375, 0.4978, 0.0700, -0.5300, -0.1200], 0.99189, None),
]


@pytest.mark.parametrize(("y", "terms", "coefficients", "r2", "rmse"), CASES)
def test_the_tungsten_experiment(y, terms, coefficients, r2, rmse):
    surface = fit(X, y, terms)
    assert surface.coefficients == pytest.approx(coefficients, abs=5.1e-5), NIST
    assert surface.r2 == pytest.approx(r2, abs=6e-6), NIST
    assert rmse is None or surface.sigma == pytest.approx(rmse, abs=5.1e-6), NIST


@pytest.mark.parametrize(("y", "published"), [(UNIFORMITY, (ONE, A, B, AB)), (STRESS, (ONE, A, B, AA))])
def test_backward_selection_finds_the_published_models(y, published):
    path = backward(full_quadratic(2), lambda t: fit(X, y, t).aicc)
    assert set(path[-1][0]) == set(published), NIST
    assert [score for _, score in path] == sorted((score for _, score in path), reverse=True)
    assert all(hierarchical(terms) for terms, _ in path)


CHEM = [  # time, temperature, block, yield: Box, Hunter and Hunter; R package rsm, data set ChemReact
    (80, 170, 1, 80.5), (80, 180, 1, 81.5), (90, 170, 1, 82.0), (90, 180, 1, 83.5), (85, 175, 1, 83.9),
    (85, 175, 1, 84.3), (85, 175, 1, 84.0), (85, 175, 2, 79.7), (85, 175, 2, 79.8), (85, 175, 2, 79.5),
    (92.07, 175, 2, 78.4), (77.93, 175, 2, 75.6), (85, 182.07, 2, 78.5), (85, 167.93, 2, 77.0),
]  # fmt: skip
RSM = "R package rsm, vignette: second-order model with block"


def chem():
    t = np.array(CHEM)
    x = coded([Factor("time", 80, 90), Factor("temperature", 170, 180)], t[:, :2])
    return fit(x, t[:, 3], full_quadratic(2), block=t[:, 2])


def test_a_blocked_central_composite():
    surface = chem()
    expected = [84.095427, 0.932541, 0.577712, 0.125, -1.308555, -0.933442]
    assert surface.coefficients == pytest.approx(expected, abs=5.1e-7), RSM
    assert surface.block_effects == pytest.approx([-4.457530], abs=5.1e-7), RSM
    assert surface.r2 == pytest.approx(0.9981, abs=5.1e-5), RSM


def test_canonical_analysis():
    found = stationary_point(chem())
    assert found.kind == "maximum"
    assert found.x == pytest.approx([0.3722954, 0.3343802], abs=5.1e-8), RSM
    assert found.eigenvalues == pytest.approx([-0.9233027, -1.3186949], abs=5.1e-8), RSM
    factors = [Factor("time", 80, 90), Factor("temperature", 170, 180)]
    assert uncoded(factors, found.x[None])[0] == pytest.approx([86.86148, 176.67190], abs=5.1e-6), RSM


def test_shapes_without_a_stationary_point_say_so():
    x = coded([Factor("a", -1, 1), Factor("b", -1, 1)], [[a, b] for a in (-1, 0, 1) for b in (-1, 0, 1)])
    plane = fit(x, x[:, 0] + 0.01 * x[:, 1] ** 3 * x[:, 0], linear(2))
    assert stationary_point(plane).kind == "plane"
    saddle = fit(x, x[:, 0] ** 2 - x[:, 1] ** 2 + 1e-6 * np.arange(9) % 2, full_quadratic(2))
    assert stationary_point(saddle).kind == "saddle"


def test_a_straight_line_against_certified_values():
    """NIST StRD Norris, certified to 15 digits; the file ships with SciPy."""
    folder = Path(scipy.stats.__file__).parent / "tests" / "data" / "nist_linregress"
    if not folder.is_dir():
        pytest.skip("this SciPy comes without its test data")
    y, x = np.loadtxt(folder / "Norris.dat", skiprows=60).T
    line = fit(x[:, None], y, linear(1))
    assert line.coefficients == pytest.approx([-0.262323073774029, 1.00211681802045], rel=1e-11)
    assert line.standard_errors == pytest.approx([0.232818234301152, 0.429796848199937e-3], rel=1e-9)
    assert line.sigma == pytest.approx(0.884796396144373, rel=1e-9)
    assert line.r2 == pytest.approx(0.999993745883712, rel=1e-12)


def test_predicted_r2_equals_leaving_each_run_out():
    surface = fit(X, UNIFORMITY, (ONE, A, B, AB))
    left_out = []
    for i in range(len(X)):
        rest = np.delete(np.arange(len(X)), i)
        left_out.append(UNIFORMITY[i] - fit(X[rest], UNIFORMITY[rest], surface.terms).mean(X[i : i + 1])[0])
    press = float(np.sum(np.square(left_out)))
    assert diagnose(surface).press == pytest.approx(press, rel=1e-10)


def test_influence_equals_statsmodels():
    surface = fit(X, STRESS, (ONE, A, B, AA))
    ours, theirs = diagnose(surface), surface.ols.get_influence()
    assert ours.leverage == pytest.approx(theirs.hat_matrix_diag)
    assert ours.studentised == pytest.approx(theirs.resid_studentized_external)
    assert ours.cook == pytest.approx(theirs.cooks_distance[0])
    assert ours.leverage.sum() == pytest.approx(4)  # trace of the hat matrix: the number of terms


def test_lack_of_fit_by_hand():
    """Three centre runs give two degrees of freedom of pure error; NIST 5.4.7.3 reports none for its models."""
    found = diagnose(fit(X, UNIFORMITY, (ONE, A, B, AB))).lack_of_fit
    centre = UNIFORMITY[np.all(np.abs(X) < 1e-9, axis=1)]
    assert found.pure_dof == 2
    assert found.pure_sigma == pytest.approx(centre.std(ddof=1))
    rest = ((UNIFORMITY - fit(X, UNIFORMITY, (ONE, A, B, AB)).fitted) ** 2).sum() - 2 * centre.var(ddof=1)
    assert found.f == pytest.approx(rest / 5 / centre.var(ddof=1))
    assert found.p > 0.05


def test_a_planted_outlier_is_flagged_and_a_missing_curve_shows():
    y = 5 + X[:, 0] + 0.02 * np.sin(7 * np.arange(len(X)))
    spoiled = y.copy()
    spoiled[3] += 3
    assert diagnose(fit(X, spoiled, linear(2))).outlying.tolist().count(True) == 1
    assert diagnose(fit(X, spoiled, linear(2))).outlying[3]
    bent = y + 4 * X[:, 0] ** 2
    assert diagnose(fit(X, bent, linear(2))).lack_of_fit.p < 0.001


def test_an_interval_of_prediction_is_wider_than_that_of_the_mean():
    surface = fit(X, STRESS, (ONE, A, B, AA))
    at = np.array([[0.2, -0.3], [1.0, 0.0]])
    low, high = surface.interval(at, predict=False)
    wide_low, wide_high = surface.interval(at, predict=True)
    assert (wide_low < low).all()
    assert (high < wide_high).all()
    assert np.allclose((low + high) / 2, surface.mean(at))


@settings(max_examples=30, deadline=None)
@given(st.floats(-50, 50), st.floats(0.1, 20), st.floats(-50, 50), st.floats(0.1, 20))
def test_the_fitted_values_do_not_depend_on_the_factors_unit(shift_a, scale_a, shift_b, scale_b):
    moved = X * [scale_a, scale_b] + [shift_a, shift_b]
    factors = [Factor("a", *_ends(moved[:, 0])), Factor("b", *_ends(moved[:, 1]))]
    original = fit(X, UNIFORMITY, full_quadratic(2))
    again = fit(coded(factors, moved), UNIFORMITY, full_quadratic(2))
    assert again.fitted == pytest.approx(original.fitted, rel=1e-7)
    assert np.allclose(uncoded(factors, coded(factors, moved)), moved)


def _ends(values):
    return float(values.min()), float(values.max())


def test_terms_have_names_and_hierarchy():
    assert term_name((1, 1), ("P", "R")) == "P × R"
    assert term_name((2, 0), ("P", "R")) == "P²"
    assert term_name((0, 0), ("P", "R")) == "1"
    assert hierarchical(full_quadratic(3))
    assert len(full_quadratic(3)) == 10
    assert not hierarchical((ONE, A, AB))


@pytest.mark.parametrize(
    ("x", "y", "rule"),
    [
        (X[:6], UNIFORMITY[:6], "process.too_few_runs"),
        (X * [1, 0], UNIFORMITY, "process.terms_aliased"),
        (X, UNIFORMITY[:5], "process.runs_incomplete"),
        (X, np.where(UNIFORMITY > 8, np.nan, UNIFORMITY), "process.runs_incomplete"),
    ],
)
def test_data_that_cannot_be_fitted_are_refused(x, y, rule):
    with pytest.raises(DomainError) as refused:
        fit(x, y, full_quadratic(2))
    assert refused.value.rule == rule


def test_a_constant_factor_is_refused():
    with pytest.raises(DomainError) as refused:
        Factor("pressure_torr", 4, 4)
    assert refused.value.rule == "process.factor_constant"
