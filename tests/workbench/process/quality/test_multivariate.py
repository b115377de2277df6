"""T2 and multivariate EWMA against published tables, exact distributions and univariate charts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import DomainError
from workbench.process.quality.memory import ewma
from workbench.process.quality.multivariate import hotelling, known_limit, mewma, t2_limit

STARTUP = np.array([
    [14.92, 85.77, 42.26], [16.90, 83.77, 43.44], [17.38, 84.46, 42.74], [16.90, 86.27, 43.60], [16.92, 85.23, 43.18],
    [16.71, 83.81, 43.72], [17.07, 86.08, 43.33], [16.93, 85.85, 43.41], [16.71, 85.73, 43.28], [16.88, 86.27, 42.59],
    [16.73, 83.46, 44.00], [17.07, 85.81, 42.78], [17.60, 85.92, 43.11], [16.90, 84.23, 43.48],
])  # impurities, temperature, concentration: Tracy, Young and Mason 1992, J. Quality Technology 24, 88  # fmt: skip
T2 = [10.93, 2.04, 5.58, 3.86, 0.04, 2.25, 1.44, 1.21, 0.68, 2.17, 4.17, 1.40, 2.33, 0.90]


def test_published_t2_of_single_observations():
    chart = hotelling(STARTUP, alpha=0.01)
    assert chart.statistic == pytest.approx(T2, abs=0.00501)
    assert list(chart.signals) == [0]
    assert chart.convention == "individual_t2"


LIMITS = [  # m, n, p, alpha, phase, expected, tolerance, source
    (20, 10, 2, 0.001, 1, 13.72, 5e-3, "Montgomery, example 11.1, tensile strength and diameter"),
    (14, 1, 3, 0.01, 1, 13**2 / 14 * 0.66280, 2e-3, "Tracy, Young and Mason 1992: (m - 1)^2 / m Beta(1.5, 5)"),
]


@pytest.mark.parametrize(("m", "n", "p", "alpha", "phase", "expected", "tolerance", "source"), LIMITS)
def test_published_limit(m, n, p, alpha, phase, expected, tolerance, source):
    assert t2_limit(m=m, n=n, p=p, alpha=alpha, phase=phase) == pytest.approx(expected, abs=tolerance), source


def test_limits_of_much_data_are_those_of_known_parameters():
    for n in (1, 4):
        for phase in (1, 2):
            assert t2_limit(m=10**6, n=n, p=3, alpha=0.0027, phase=phase) == pytest.approx(
                known_limit(3, 0.0027), rel=1e-4
            )
    assert known_limit(1, 0.0026997960632601866) == pytest.approx(9.0, rel=1e-9)


@pytest.mark.parametrize("grouped", [False, True])
def test_stated_rates_hold_in_both_phases(grouped):
    """Limits are exact for normal data however few: 4000 baselines of 12, two points after each."""
    dice = np.random.default_rng(5)
    shape = (14, 3, 2) if grouped else (14, 2)
    mix = np.array([[2.0, 0.5], [0.0, 1.0]])
    out = np.zeros(2)
    for _ in range(1500):
        chart = hotelling(dice.standard_normal(shape) @ mix, baseline_count=12, alpha=0.05)
        out += [(chart.signals < 12).sum(), (chart.signals >= 12).sum()]
    rate = out / (1500 * np.array([12, 2]))
    assert rate[0] == pytest.approx(0.05, abs=0.005)
    assert rate[1] == pytest.approx(0.05, abs=0.013)


matrices = st.integers(0, 10**6).map(lambda seed: np.random.default_rng(seed).standard_normal((3, 3)))


@settings(max_examples=30, deadline=None)
@given(matrices, st.integers(0, 1000))
def test_t2_does_not_know_the_units_of_the_parameters(mix, seed):
    if abs(np.linalg.det(mix)) < 0.1:
        return
    x = np.random.default_rng(seed).standard_normal((25, 3))
    before, after = hotelling(x), hotelling(x @ mix + [5, -3, 100])
    assert after.statistic == pytest.approx(before.statistic, rel=1e-6, abs=1e-8)
    assert np.array_equal(after.limits, before.limits)


def test_contributions_are_t2_lost_without_the_parameter():
    chart = hotelling(STARTUP)
    for i in range(3):
        rest = np.delete(STARTUP, i, axis=1)
        without = hotelling(rest).statistic
        assert chart.statistic - without == pytest.approx(chart.contributions[:, i], rel=1e-8, abs=1e-10)
    assert chart.contributions[0].argmax() == 0  # the impurities of the first run


def test_a_shift_against_the_correlation_is_seen_only_together():
    dice = np.random.default_rng(2)
    x = dice.multivariate_normal([0, 0], [[1, 0.95], [0.95, 1]], 100)
    x[90] = [1.6, -1.6]
    chart = hotelling(x, baseline_count=80)
    assert 90 in chart.signals
    assert (np.abs(x[90]) < 3).all()


def test_one_parameter_makes_a_squared_ewma():
    x = np.random.default_rng(0).standard_normal(80)
    one = ewma(x, target=0, sigma=1, smoothing=0.2, limit=2.7)
    many = mewma(x[:, None], centre=[0], covariance=[[1]], smoothing=0.2, limit=2.7**2)
    assert many.statistic == pytest.approx(((one.averages / one.upper) * 2.7) ** 2, rel=1e-9)
    assert list(many.signals) == list(one.signals)
    assert many.arl0 == pytest.approx(one.arl0, rel=1e-6)


def test_mewma_finds_a_small_shift_the_t2_chart_misses():
    dice = np.random.default_rng(1)
    x = dice.standard_normal((400, 4))
    x[200:] += [0.8, 0.8, 0, 0]
    quick = mewma(x, baseline_count=200, smoothing=0.1, arl0=1000)
    assert quick.limits[0] > 15
    assert 200 <= quick.signals[quick.signals >= 200][0] < 240
    assert (quick.signals >= 240).sum() > 0.8 * 160
    single = hotelling(x, baseline_count=200).signals
    assert (single >= 200).sum() < 0.05 * 200


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: hotelling(STARTUP[:4]), "process.baseline"),
        (lambda: hotelling(np.ones((5, 2, 2, 2))), "process.subgroups_uneven"),
        (lambda: hotelling(np.column_stack([STARTUP, STARTUP[:, 0] * 2])), "process.correlation_singular"),
        (lambda: hotelling(np.column_stack([STARTUP, np.ones(14)])), "process.correlation_singular"),
        (lambda: t2_limit(m=3, n=1, p=2, alpha=0.01, phase=1), "process.baseline"),
        (lambda: mewma(STARTUP, smoothing=0), "process.smoothing"),
    ],
)
def test_data_without_a_chart_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
