"""Capability and tolerance against published figures, and the coverage the intervals promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import facts
from workbench.errors import DomainError
from workbench.process.quality import capability, tolerance_factor, xbar_r
from workbench.process.quality.indices import cpk_interval, fallout_ppm

RINGS = np.array(facts.load("process/piston_rings")["subgroups"])
WIDTHS = np.array(facts.load("process/hard_bake_flow_width")["subgroups"])
SPEC = {"lower": 73.95, "upper": 74.05, "target": 74.0}
QCC = "piston rings, R package qcc process.capability: sigma = Rbar / d2, intervals with n - 1"
WITHIN = capability(RINGS, sigma=xbar_r(RINGS).sigma, sigma_convention="mean_range", **SPEC)
OVERALL = capability(RINGS, **SPEC)
BAKED = capability(WIDTHS, lower=1.0, upper=2.0, sigma=xbar_r(WIDTHS).sigma)

CASES = [  # what, value, expected, absolute tolerance, source
    ("Cp", WITHIN.cp.value, 1.7032, 5e-5, QCC),
    ("Cp low", WITHIN.cp.low, 1.4914, 5e-5, QCC),
    ("Cp high", WITHIN.cp.high, 1.9148, 5e-5, QCC),
    ("Cpl", WITHIN.cpl, 1.7433, 5e-5, QCC),
    ("Cpu", WITHIN.cpu, 1.6632, 5e-5, QCC),
    ("Cpk", WITHIN.cpk.value, 1.6632, 5e-5, QCC),
    ("Cpk low", WITHIN.cpk.low, 1.4481, 5e-5, QCC),
    ("Cpk high", WITHIN.cpk.high, 1.8783, 5e-5, QCC),
    ("Cpm, within sigma", WITHIN.cpm, 1.6911, 5e-5, QCC),
    ("Pp", OVERALL.cp.value, 1.65509, 5e-6, "piston rings, overall s"),
    ("Ppk", OVERALL.cpk.value, 1.61616, 5e-6, "piston rings, overall s"),
    ("Cpm, overall s", OVERALL.cpm, 1.644, 5e-4, "piston rings, overall s"),
    ("s", OVERALL.sigma, 0.01006997, 5e-9, "piston rings, overall s"),
    ("Cp", BAKED.cp.value, 1.192, 5e-4, "Montgomery, example 6.1"),
    ("fallout", BAKED.fallout_ppm, 352.5, 0.3, "Montgomery, example 6.1: about 350 ppm; 352.5 with d2 = 2.326"),
    ("low", cpk_interval(1.33, n=20).low, 0.8826, 5e-5, "Bissell 1990; Zhang 1990"),
    ("high", cpk_interval(1.33, n=20).high, 1.7774, 5e-5, "Bissell 1990; Zhang 1990"),
]


@pytest.mark.parametrize(("what", "value", "expected", "tolerance", "source"), CASES)
def test_published_value(what, value, expected, tolerance, source):
    assert value == pytest.approx(expected, abs=tolerance), source


TOLERANCE = [  # n, coverage, confidence, two-sided, method, expected, tolerance, source
    (43, 0.90, 0.99, True, "approximate", 2.21732, 5e-6, "NIST 7.2.6.3: 2.217"),
    (43, 0.90, 0.99, True, "exact", 2.22283, 5e-6, "Odeh and Owen 1980"),
    (43, 0.90, 0.99, False, "approximate", 1.87519, 5e-6, "NIST 7.2.6.3: 1.8752"),
    (43, 0.90, 0.99, False, "exact", 1.87395, 6e-6, "NIST 7.2.6.3: 1.8740"),
    (10, 0.95, 0.95, True, "approximate", 3.38191, 5e-6, "Howe 1969"),
    (10, 0.95, 0.95, True, "exact", 3.39343, 5e-6, "Odeh and Owen 1980"),
    (5, 0.99, 0.95, True, "approximate", 6.69402, 1.1e-5, "Howe 1969"),
    (5, 0.99, 0.95, True, "exact", 6.59798, 5e-6, "Odeh and Owen 1980"),
]


@pytest.mark.parametrize(("n", "coverage", "confidence", "two", "method", "expected", "tolerance", "source"), TOLERANCE)
def test_tolerance_factor(n, coverage, confidence, two, method, expected, tolerance, source):
    k = tolerance_factor(n=n, coverage=coverage, confidence=confidence, two_sided=two, method=method)
    assert k == pytest.approx(expected, abs=tolerance), source


def test_the_exact_tolerance_interval_covers_as_often_as_it_promises():
    from scipy.special import ndtr

    x = np.random.default_rng(3).standard_normal((40_000, 10))
    mean, s = x.mean(axis=1), x.std(axis=1, ddof=1)
    k = tolerance_factor(n=10, coverage=0.95, confidence=0.95)
    held = (ndtr(mean + k * s) - ndtr(mean - k * s) >= 0.95).mean()
    assert held == pytest.approx(0.95, abs=3.5 * (0.05 * 0.95 / 40_000) ** 0.5)


def test_the_lower_bound_of_cpk_is_rarely_too_high():
    rng = np.random.default_rng(11)
    sigma, n, true = 0.25, 30, 1.0 / (3 * 0.25)
    bounds = []
    for x in rng.normal(0, sigma, (4000, n)):
        s = x.std(ddof=1)
        bounds.append(cpk_interval((1 - abs(x.mean())) / (3 * s), n=n, confidence=0.90).low)
    assert (np.array(bounds) <= true).mean() > 0.94  # one-sided 95 %; the minimum of both sides makes it safer


@settings(max_examples=50, deadline=None)
@given(st.floats(-3, 3), st.floats(0.05, 3), st.floats(-2, 0.5), st.floats(0.6, 4))
def test_indices_are_consistent(mean, sigma, lower, upper):
    x = mean + sigma * np.linspace(-1.5, 1.5, 9)
    both = capability(x, lower=lower, upper=upper)
    assert both.cpk.value == pytest.approx(min(both.cpl, both.cpu))
    assert both.cpk.value <= both.cp.value + 1e-9
    assert both.cpk.low <= both.cpk_lower <= both.cpk.value <= both.cpk.high
    assert 0 <= both.fallout_ppm <= 1e6 * (1 + 1e-12)
    one = capability(x, upper=upper)
    assert one.cp is None
    assert one.fallout_ppm <= both.fallout_ppm + 1e-6


def test_centred_fallout_has_the_closed_form():
    assert fallout_ppm(mean=0, sigma=1, lower=-3, upper=3) == pytest.approx(2699.796063, abs=1e-5)  # 2 Phi(-3)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"lower": None, "upper": None}, "process.no_limit"),
        ({"lower": 2, "upper": 1}, "process.limits_crossed"),
        ({"values": [1, 2], "upper": 3}, "process.too_few_values"),
        ({"values": [1, 1, 1], "upper": 3}, "process.no_variation"),
    ],
)
def test_questions_without_an_answer_are_refused(arguments, rule):
    arguments = {"values": [1, 2, 3, 4]} | arguments
    with pytest.raises(DomainError) as refused:
        capability(arguments.pop("values"), **arguments)
    assert refused.value.rule == rule
