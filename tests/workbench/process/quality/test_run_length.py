"""Run lengths against published and independently computed figures, exact limiting cases and simulation."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import DomainError
from workbench.process.quality.memory import averaged, averaged_deviation, sums
from workbench.process.quality.rules import NELSON, SHEWHART, WESTERN_ELECTRIC, Rule
from workbench.process.quality.run_length import (
    cusum_arl,
    cusum_limit,
    cusum_run_length,
    ewma_arl,
    ewma_limit,
    ewma_run_length,
    mewma_arl,
    mewma_limit,
    rules_run_length,
    shewhart_limit,
    shewhart_run_length,
)

SPC = "R package spc; Montgomery, tables 9.3 and 9.11"
CASES = [  # function, arguments, expected, absolute tolerance, source
    (cusum_arl, {"reference": 0.5, "decision": 4.0}, 167.6838, 5e-5, SPC),
    (cusum_arl, {"shift": 1.0, "reference": 0.5, "decision": 4.0}, 8.3831, 5e-5, SPC),
    (cusum_arl, {"reference": 0.5, "decision": 5.0}, 465.4435, 5e-5, SPC),
    (cusum_arl, {"shift": 1.0, "reference": 0.5, "decision": 5.0}, 10.3760, 5e-5, SPC),
    (ewma_arl, {"smoothing": 0.1, "limit": 2.814}, 499.58, 5e-3, SPC),
    (ewma_arl, {"shift": 1.0, "smoothing": 0.1, "limit": 2.814}, 10.331, 5e-4, SPC),
    (ewma_arl, {"smoothing": 0.2, "limit": 2.962}, 499.74, 6e-3, SPC),
    (ewma_arl, {"shift": 1.0, "smoothing": 0.2, "limit": 2.962}, 10.542, 5e-4, SPC),
    (ewma_arl, {"smoothing": 0.05, "limit": 2.615}, 499.93, 5e-3, SPC),
    (ewma_arl, {"shift": 1.0, "smoothing": 0.4, "limit": 3.054}, 14.263, 5e-4, SPC),
    (ewma_limit, {"arl": 500.0, "smoothing": 0.1}, 2.81431, 5e-6, SPC),
    (ewma_limit, {"arl": 370.4, "smoothing": 0.2}, 2.859338, 5e-7, SPC),
    (mewma_limit, {"arl": 200.0, "dimension": 2, "smoothing": 0.1}, 8.63358, 5e-6, SPC + "; Montgomery 8.64"),
    (mewma_limit, {"arl": 200.0, "dimension": 2, "smoothing": 0.2}, 9.64757, 5e-6, SPC),
    # spc prints 10.138 on its 20 nodes, Montgomery 10.15; the equation converges to 10.1214 and 2 M simulated runs
    # gave 10.1193 +- 0.0032
    (mewma_arl, {"shift": 1.0, "dimension": 2, "smoothing": 0.1, "limit": 8.63358}, 10.138, 0.02, SPC),
    (mewma_arl, {"shift": 1.0, "dimension": 2, "smoothing": 0.1, "limit": 8.63358}, 10.1214, 1e-4, "converged"),
    (mewma_arl, {"shift": 1.0, "dimension": 2, "smoothing": 0.1, "limit": 8.63358, "nodes": 20}, 10.138, 7e-3,
     "as coarse as spc"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "arguments", "expected", "tolerance", "source"), CASES)
def test_published_run_length(function, arguments, expected, tolerance, source):
    assert function(**arguments) == pytest.approx(expected, abs=tolerance), source


CHAMP_WOODALL = [  # Western Electric rules, mean run length without shift and at one sigma
    ("1", 370.40, 43.89), ("12", 225.44, 20.01), ("13", 166.05, 12.66), ("14", 152.73, 14.58),
    ("123", 132.89, 10.95), ("124", 122.05, 11.73), ("134", 105.78, 10.19), ("1234", 91.75, 9.22),
]  # Champ and Woodall 1987, Technometrics 29, 393, table 1  # fmt: skip


@pytest.mark.parametrize(("numbers", "in_control", "shifted"), CHAMP_WOODALL)
def test_run_rules(numbers, in_control, shifted):
    rules = {f"western_electric_{n}": WESTERN_ELECTRIC[f"western_electric_{n}"] for n in numbers}
    assert rules_run_length(rules).mean == pytest.approx(in_control, abs=0.0051)
    assert rules_run_length(rules, 1.0).mean == pytest.approx(shifted, abs=0.0051)


def test_three_sigma_limits():
    run = shewhart_run_length()
    assert run.mean == pytest.approx(370.398, abs=5e-4)
    assert run.quantile(0.5) == 257  # log 0.5 / log(1 - 0.0026998)
    assert shewhart_limit(370.3983473) == pytest.approx(3.0, abs=1e-9)
    assert rules_run_length(SHEWHART).mean == pytest.approx(run.mean, rel=1e-12)
    assert rules_run_length(SHEWHART).beyond(500) == pytest.approx(run.beyond(500), rel=1e-9)


def test_an_ewma_that_forgets_is_a_shewhart_chart():
    for shift in (0.0, 1.5):
        assert ewma_arl(shift, smoothing=1.0, limit=3.0) == pytest.approx(shewhart_run_length(shift).mean, rel=1e-9)


def test_a_cusum_that_keeps_nothing_is_a_shewhart_limit():
    """h -> 0: a signal whenever z > k."""
    one = cusum_arl(reference=1.5, decision=1e-9, sides=1)
    assert one == pytest.approx(1 / 0.06680720126885807, rel=1e-6)


def test_one_variable_makes_a_mewma_an_ewma():
    assert mewma_limit(370.4, dimension=1, smoothing=0.2) == pytest.approx(2.859338**2, abs=5e-6)


@pytest.mark.parametrize("dimension", [2, 3, 6])
def test_shift_and_no_shift_meet(dimension):
    at_rest = mewma_arl(dimension=dimension, smoothing=0.3, limit=9.0)
    assert mewma_arl(1e-7, dimension=dimension, smoothing=0.3, limit=9.0) == pytest.approx(at_rest, rel=1e-4)


def test_a_mewma_that_forgets_is_a_chi_square_chart():
    assert mewma_limit(200.0, dimension=2, smoothing=1.0) == pytest.approx(2 * np.log(200), rel=1e-6)  # chi2(2) tail


def test_limits_and_run_lengths_are_inverse():
    assert cusum_arl(reference=0.25, decision=cusum_limit(250, reference=0.25)) == pytest.approx(250, rel=1e-7)
    assert cusum_limit(465.4435, reference=0.5) == pytest.approx(5.0, abs=1e-6)
    assert mewma_arl(dimension=4, smoothing=0.1, limit=mewma_limit(200, dimension=4, smoothing=0.1)) == pytest.approx(
        200, rel=1e-6
    )


def test_a_head_start_answers_faster():
    """Montgomery, table 9.4 and Lucas and Crosier 1982: h 5, half head start: 430 in control, 6.35 at one sigma."""
    assert cusum_arl(reference=0.5, decision=5.0, head_start=2.5) == pytest.approx(430.4, abs=0.5)
    assert cusum_arl(1.0, reference=0.5, decision=5.0, head_start=2.5) == pytest.approx(6.35, abs=0.005)


def first(signals: np.ndarray) -> np.ndarray:
    return np.where(signals.any(axis=1), signals.argmax(axis=1) + 1, signals.shape[1] + 1)


def test_distributions_agree_with_simulated_charts():
    z = np.random.default_rng(11).standard_normal((8000, 150))
    average = np.abs(averaged(z, 0.2)) > 2.4 * averaged_deviation(150, 0.2, exact=False)
    above = sums(z, 0.5)[0] > 3.0
    rules = {"a": Rule("zone", 2, 3, 1.5), "b": Rule("hugging", 6, sigma=1.0), "c": Rule("avoiding", 4, sigma=1.0)}
    patterns = np.any([rule(z) for rule in rules.values()], axis=0)
    cases = [
        (average, ewma_run_length(smoothing=0.2, limit=2.4)),
        (above, cusum_run_length(reference=0.5, decision=3.0)),
        (patterns, rules_run_length(rules)),
    ]
    for signals, run in cases:
        seen = first(signals)
        for n in (5, 20, 60, 149):
            share = run.beyond(n)
            assert np.mean(seen > n) == pytest.approx(share, abs=3.7 * np.sqrt(share * (1 - share) / len(z)))


def test_moments_and_quantiles_belong_to_the_survival():
    for run in (ewma_run_length(smoothing=0.1, limit=2.0), rules_run_length(WESTERN_ELECTRIC, 0.5)):
        tail = np.array([run.beyond(n) for n in range(6000)])
        assert tail.sum() == pytest.approx(run.mean, rel=1e-6)  # E N = sum P(N > n)
        square = ((2 * np.arange(6000) + 1) * tail).sum()
        assert np.sqrt(square - run.mean**2) == pytest.approx(run.deviation, rel=1e-5)
        median = run.quantile(0.5)
        assert run.beyond(median) <= 0.5 < run.beyond(median - 1)
        far = run.quantile(0.999)
        assert run.beyond(far) <= 0.001 < run.beyond(far - 1)


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: rules_run_length(NELSON), "process.rules_without_chain"),
        (lambda: rules_run_length({}), "process.rules_without_chain"),
        (lambda: ewma_arl(smoothing=0.0, limit=3.0), "process.smoothing"),
        (lambda: ewma_arl(smoothing=1.1, limit=3.0), "process.smoothing"),
        (lambda: cusum_arl(reference=0.5, decision=0.0), "process.chart_not_positive"),
        (lambda: mewma_limit(0.5, dimension=2, smoothing=0.1), "process.wished_run_length"),
        (lambda: mewma_arl(dimension=0, smoothing=0.1, limit=5.0), "process.smoothing"),
    ],
)
def test_charts_without_a_run_length_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
