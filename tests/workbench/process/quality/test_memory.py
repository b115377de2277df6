"""EWMA and CUSUM against printed tables, and what their memory must and must not do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import DomainError
from workbench.process.quality.memory import averaged, averaged_deviation, cusum, ewma, sums

NIST_EWMA = [52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4,
             53.6, 52.1]  # fmt: skip
AVERAGES = [50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05, 49.38,
            49.92, 50.73, 51.23, 51.94, 51.99]  # NIST/SEMATECH e-Handbook 6.3.2.4  # fmt: skip
NIST_CUSUM = [324.925, 324.675, 324.725, 324.350, 325.350, 325.225, 324.125, 324.525, 325.225, 324.600, 324.625,
              325.150, 328.325, 327.250, 327.825, 328.500, 326.675, 327.775, 326.875, 328.350]  # fmt: skip
S_HIGH = {5: 0.03, 13: 3.01, 14: 4.94, 15: 7.45, 16: 10.63, 17: 11.99, 18: 14.44, 19: 16.00, 20: 19.04}
S_LOW = {2: 0.01, 3: 0.0, 4: 0.33, 5: 0.0, 6: 0.0, 7: 0.56, 8: 0.72, 9: 0.17, 10: 0.25, 11: 0.31}  # ibid. 6.3.2.3
MONTGOMERY = [9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08, 9.37,
              10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52]
C_PLUS = [0, 1.79, 2.79, 2.89, 3.47, 3.35, 4.47, 5.28, 5.30]  # tables 9.1 and 9.2, samples 22 ... 30  # fmt: skip


def test_nist_ewma():
    chart = ewma(NIST_EWMA, target=50, sigma=2.0539, smoothing=0.3, limit=3, variance="asymptotic")
    assert chart.averages == pytest.approx(AVERAGES, abs=0.00501)
    assert chart.upper == pytest.approx(52.5884, abs=5e-5)
    assert chart.lower == pytest.approx(47.4115, abs=1e-4)
    assert not len(chart.signals)
    assert (chart.convention, chart.sigma_convention) == ("asymptotic_variance", "given")


def test_nist_cusum():
    chart = cusum(NIST_CUSUM, target=325, sigma=1, reference=0.3175, decision=4.1959)
    high, low = chart.upper.round(9), chart.lower.round(9)
    for group in range(1, 21):  # the input is printed with fewer digits than the sums carry: 0.015
        assert high[group - 1] == pytest.approx(S_HIGH.get(group, 0.0), abs=0.015)
        assert low[group - 1] == pytest.approx(S_LOW.get(group, 0.0), abs=0.015)
    assert np.flatnonzero(high)[0] + 1 == 5
    assert chart.signals[0] + 1 == 14


def test_montgomery_cusum_and_its_change_point():
    chart = cusum(MONTGOMERY, target=10, sigma=1, decision=5)
    assert chart.upper[21:] == pytest.approx(C_PLUS, abs=1e-9)
    (found,) = chart.excursions
    assert (found.index + 1, found.side) == (29, "up")
    assert found.onset + 1 == 23  # last zero at 22: the change lies between samples 22 and 23
    assert found.mean == pytest.approx(10 + 0.5 + 5.28 / 7, abs=1e-9)  # Montgomery (9.5): 11.25
    assert chart.arl0 == pytest.approx(465.4435, abs=5e-5)


def test_a_step_is_dated():
    """Of 60 series with a step of 1.5 sigma before point 70, most are dated within two points by maximum likelihood."""
    errors = []
    for seed in range(60):
        x = np.random.default_rng(seed).standard_normal(120)
        x[70:] -= 1.5
        found = next(e for e in cusum(x, target=0, sigma=1).excursions if e.index >= 70)
        assert found.side == "down"
        errors.append(found.step_onset - 70)
    assert np.mean(np.abs(errors) <= 2) > 0.7
    assert abs(np.median(errors)) <= 1


def test_limits_of_the_first_average_are_those_of_one_value():
    chart = ewma(NIST_EWMA, target=50, sigma=2, smoothing=0.25, limit=3)
    assert chart.upper[0] - 50 == pytest.approx(3 * 0.25 * 2)
    assert chart.upper[-1] - 50 == pytest.approx(3 * 2 * np.sqrt(0.25 / 1.75), rel=1e-4)


values = st.lists(st.floats(-4, 4).map(lambda v: round(v, 3)), min_size=1, max_size=50)


@settings(max_examples=80, deadline=None)
@given(values, st.floats(0, 1), st.floats(0, 2))
def test_running_minima_equal_the_recursion(z, reference, head_start):
    upper, lower = sums(np.array(z), reference, head_start)
    high = low = head_start
    for i, value in enumerate(z):
        high, low = max(0.0, high + value - reference), max(0.0, low - value - reference)
        assert upper[i] == pytest.approx(high, abs=1e-9)
        assert lower[i] == pytest.approx(low, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(values, st.floats(0.05, 1))
def test_the_filter_equals_the_recursion(z, smoothing):
    average, state = averaged(np.array(z), smoothing), 0.0
    for i, value in enumerate(z):
        state = smoothing * value + (1 - smoothing) * state
        assert average[i] == pytest.approx(state, abs=1e-9)


def test_the_variance_of_an_average_is_that_of_its_weights():
    age = np.arange(12)
    weights = 0.15 * 0.85**age
    assert averaged_deviation(12, 0.15) == pytest.approx(np.sqrt(np.cumsum(weights**2)), rel=1e-12)


def test_target_and_sigma_come_from_the_baseline():
    x = np.random.default_rng(1).normal(7, 0.5, 60)
    x[40:] += 5
    chart = ewma(x, baseline_count=40)
    assert chart.centre == pytest.approx(x[:40].mean())
    assert chart.sigma == pytest.approx(np.abs(np.diff(x[:40])).mean() / 1.128379, rel=1e-6)
    assert chart.signals.min() in (40, 41)
    assert {a.name for a in chart.assumptions} == {"normal", "independent"}


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: ewma([1, 2, 3], smoothing=0), "process.smoothing"),
        (lambda: ewma([1, 2, 3], variance="both"), "process.choice"),
        (lambda: ewma([1.0, 1.0, 1.0]), "process.no_variation"),
        (lambda: ewma([1.0, np.nan, 1.0]), "process.too_few_values"),
        (lambda: cusum([1, 2, 3], decision=0), "process.cusum"),
        (lambda: cusum([1, 2, 3], head_start=1), "process.cusum"),
        (lambda: cusum([1, 2, 3], baseline_count=4), "process.baseline"),
    ],
)
def test_data_without_a_chart_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
