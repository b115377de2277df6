"""The Gaussian process against the kriging equations, scikit-learn and functions that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern

from workbench.errors import DomainError
from workbench.process.window import Limits, conformance, conformance_interval
from workbench.process.window.gaussian_process import GaussianProcess, fit_process
from workbench.process.window.probability import posterior

RNG = np.random.default_rng(11)
X = RNG.uniform(-1, 1, (14, 2))
Y = 3 + np.sin(2.5 * X[:, 0]) + 0.5 * X[:, 1] ** 2 + 0.05 * RNG.normal(size=14)
AT = RNG.uniform(-1, 1, (9, 2))
LENGTHS, NOISE = np.array([0.8, 1.7]), 0.03


def correlation(a, b, kernel):
    return (RBF(LENGTHS) if kernel == "gaussian" else Matern(LENGTHS, nu=2.5))(a, b)


@pytest.mark.parametrize("kernel", ["matern52", "gaussian"])
@pytest.mark.parametrize("trend", ["constant", "linear"])
def test_predictions_solve_the_kriging_equations(kernel, trend):
    """Universal kriging: weights from the system bordered by the trend (Matheron 1969; Cressie 1993, section 3.4)."""
    model = fit_process(X, Y, kernel=kernel, trend=trend, lengths=LENGTHS, noise_ratio=NOISE)
    f, f0 = (np.column_stack([np.ones(len(p)), *([p] if trend == "linear" else [])]) for p in (X, AT))
    q = f.shape[1]
    c = correlation(X, X, kernel) + NOISE * np.eye(14)
    system = np.block([[c, f], [f.T, np.zeros((q, q))]])
    right = np.vstack([correlation(X, AT, kernel), f0.T])
    solution = np.linalg.solve(system, right)
    assert model.mean(AT) == pytest.approx(solution[:14].T @ Y, rel=1e-10)
    inverse = np.linalg.inv(c)
    q_matrix = inverse - inverse @ f @ np.linalg.inv(f.T @ inverse @ f) @ f.T @ inverse
    s2 = Y @ q_matrix @ Y / (14 - q)
    variance = s2 * (1 - np.einsum("ij,ij->j", right, solution))
    assert model.scale(AT, predict=False) ** 2 == pytest.approx(variance, rel=1e-8)
    assert model.scale(AT) ** 2 == pytest.approx(variance + s2 * NOISE, rel=1e-8)
    assert np.diag(model.covariance_at(AT)) * s2 == pytest.approx(variance, rel=1e-8)


@pytest.mark.parametrize("kernel", ["matern52", "gaussian"])
def test_without_trend_it_is_scikit_learns(kernel):
    model = fit_process(X, Y, kernel=kernel, trend="none", lengths=LENGTHS, noise_ratio=NOISE)
    s2 = model.process_sigma**2
    theirs = GaussianProcessRegressor(
        ConstantKernel(s2) * (RBF(LENGTHS) if kernel == "gaussian" else Matern(LENGTHS, nu=2.5)),
        alpha=s2 * NOISE, optimizer=None,
    ).fit(X, Y)  # fmt: skip
    mean, sd = theirs.predict(AT, return_std=True)
    assert model.mean(AT) == pytest.approx(mean, rel=1e-9)
    assert model.scale(AT, predict=False) == pytest.approx(sd, rel=1e-6)
    assert model.log_likelihood == pytest.approx(theirs.log_marginal_likelihood_value_, rel=1e-9)


def test_the_estimate_is_a_mode():
    model = fit_process(X, Y)

    def penalised(lengths, noise):
        given = fit_process(X, Y, lengths=lengths, noise_ratio=noise)
        prior = (np.log(lengths / 2.0) ** 2).sum() / 2 + np.log(noise / 0.02) ** 2 / (2 * 2.0**2)
        return given.log_likelihood - prior

    best = penalised(model.lengths, model.noise_ratio)
    for i in range(2):
        for factor in (0.9, 1.1):
            moved = model.lengths.copy()
            moved[i] *= factor
            assert penalised(moved, model.noise_ratio) < best
    assert penalised(model.lengths, model.noise_ratio * 1.2) < best
    assert penalised(model.lengths, model.noise_ratio / 1.2) < best


def test_leaving_a_run_out_equals_fitting_without_it():
    model = fit_process(X, Y, lengths=LENGTHS, noise_ratio=NOISE)
    found = model.leave_one_out()
    for i in range(len(X)):
        rest = np.delete(np.arange(len(X)), i)
        without = fit_process(X[rest], Y[rest], lengths=LENGTHS, noise_ratio=NOISE)
        assert found.mean[i] == pytest.approx(without.mean(X[i : i + 1])[0], rel=1e-9)
        assert found.scale[i] == pytest.approx(without.scale(X[i : i + 1])[0], rel=1e-7)
    assert found.dof == 12


def test_a_planted_outlier_is_flagged():
    spoiled = Y.copy()
    spoiled[5] += 1.5
    model = fit_process(X, spoiled, lengths=LENGTHS, noise_ratio=NOISE)
    assert np.nonzero(model.leave_one_out().outlying)[0].tolist() == [5]


FUNCTIONS = {
    "sine and bowl": (lambda x: np.sin(2.5 * x[:, 0]) + 0.5 * x[:, 1] ** 2, 0.1),
    "ridge": (lambda x: np.exp(-3 * (x[:, 0] + 0.5 * x[:, 1]) ** 2), 0.05),
    "plane": (lambda x: 2 * x[:, 0] - x[:, 1], 0.3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_intervals_hold_what_they_promise(name):
    """95 % intervals for new units of known functions, 16 plans of 20 runs: between 91 % and 98.5 % hold."""
    function, noise = FUNCTIONS[name]
    inside = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        x = 2 * qmc.LatinHypercube(2, rng=rng).random(20) - 1
        model = fit_process(x, function(x) + noise * rng.normal(size=20), start_count=1)
        new = rng.uniform(-1, 1, (200, 2))
        low, high = model.interval(new)
        unit = function(new) + noise * rng.normal(size=200)
        inside.append(((unit >= low) & (unit <= high)).mean())
    assert 0.91 < np.mean(inside) < 0.985


def test_a_factor_without_effect_gets_a_long_length():
    x = 2 * qmc.LatinHypercube(3, rng=np.random.default_rng(2)).random(30) - 1
    model = fit_process(x, np.sin(3 * x[:, 0]) + 0.3 * x[:, 1])
    assert model.lengths[2] > 2.5 * model.lengths[0]
    assert model.leave_one_out().q2 > 0.95


def test_noise_is_found():
    x = np.repeat(np.linspace(-1, 1, 10)[:, None], 8, axis=0)
    rng = np.random.default_rng(3)
    model = fit_process(x, np.cos(3 * x[:, 0]) + 0.2 * rng.normal(size=80))
    assert model.sigma == pytest.approx(0.2, rel=0.2)
    low, high = stats.chi2.ppf([0.001, 0.999], 70)
    assert low < (model.sigma / 0.2) ** 2 * 70 < high


def test_conformance_takes_it_like_any_model():
    model = fit_process(X, Y)
    limit = Limits(3.2, 3.55)
    at = np.array([[0.2, -0.3]])
    expected = np.diff(stats.t.cdf([3.2, 3.55], model.dof, model.mean(at), model.scale(at)))[0]
    assert conformance([model], [limit], at)[0][0] == pytest.approx(expected, rel=1e-9)
    mean, low, high = conformance_interval([model], [limit], at, draws=posterior([model], draws_log2=14))
    assert mean == pytest.approx(expected, abs=6e-3)
    assert 0 <= low < mean < high <= 1, (low, mean, high)


def test_draws_have_the_posteriors_mean_and_covariance():
    model = fit_process(X, Y, lengths=LENGTHS, noise_ratio=NOISE)
    drawn = posterior([model], draws_log2=15).models[0].means(AT[:3])
    expected = model.covariance_at(AT[:3]) * model.process_sigma**2 * model.dof / (model.dof - 2)
    assert drawn.mean(axis=0) == pytest.approx(model.mean(AT[:3]), abs=5e-3 * np.sqrt(expected.max()) * 4)
    assert np.cov(drawn.T) == pytest.approx(expected, abs=0.05 * expected.max())


@pytest.mark.parametrize(
    ("x", "y", "options", "rule"),
    [
        (X, Y[:5], {}, "process.runs_incomplete"),
        (X, np.where(Y > 3.5, np.nan, Y), {}, "process.runs_incomplete"),
        (X[:3], Y[:3], {}, "process.too_few_runs"),
        (X, Y, {"kernel": "cubic"}, "process.choice"),
        (X, Y, {"trend": "cubic"}, "process.choice"),
        (X, np.ones(14), {}, "process.no_variation"),
        (X * [1, 0], Y, {"trend": "linear"}, "process.terms_aliased"),
    ],
)
def test_runs_that_cannot_be_modelled_are_refused(x, y, options, rule):
    with pytest.raises(DomainError) as refused:
        fit_process(x, y, **options)
    assert refused.value.rule == rule


def test_the_unit_of_the_response_does_not_matter():
    one, other = fit_process(X, Y), fit_process(X, 1000 * Y - 7)
    assert isinstance(one, GaussianProcess)
    assert other.mean(AT) == pytest.approx(1000 * one.mean(AT) - 7, rel=1e-4)
    assert other.scale(AT) == pytest.approx(1000 * one.scale(AT), rel=1e-3)


def test_no_points_have_no_predictions():
    model = fit_process(X, Y, lengths=LENGTHS, noise_ratio=NOISE)
    nowhere = np.empty((0, 2))
    assert model.mean(nowhere).shape == model.scale(nowhere).shape == (0,)
