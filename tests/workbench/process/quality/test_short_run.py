"""Short-run charts against worked examples, and Q statistics against their exact distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from workbench.errors import DomainError
from workbench.process.quality.short_run import (
    dnom,
    q_chart,
    q_individuals,
    q_pairs,
    q_subgroups,
    standardized_xbar_r,
    z_mr,
)

SUBGROUPS = {
    "A": [[7, 9, 10, 11], [9, 9, 9, 11], [7, 10, 11, 8]],
    "B": [[14, 15, 17, 17], [14, 16, 16, 16], [15, 17, 15, 17], [17, 17, 16, 16], [16, 17, 15, 16]],
    "C": [[1, 2, 2, 3], [3, 2, 2, 3], [3, 3, 2, 1], [2, 2, 1, 3]],
}  # docslib.org/doc/3125570, short runs: three parts on one line
TARGETS = {"A": 9.5, "B": 15.5, "C": 2.0}
DATA = np.array([row for rows in SUBGROUPS.values() for row in rows], float)
TYPES = [k for k, rows in SUBGROUPS.items() for _ in rows]
CHART = standardized_xbar_r(DATA, TYPES, TARGETS)

CASES = [  # what, expected, tolerance
    (CHART.sigmas["A"] * 2.058751, 3.3333, 5e-5), (CHART.sigmas["B"] * 2.058751, 2.0, 5e-5),
    (CHART.sigmas["C"] * 2.058751, 1.75, 5e-5),
    (CHART.location.values[0], -0.075, 1e-12), (CHART.spread.values[0], 1.20, 1e-12),
    (CHART.location.values[6], 0.50, 1e-12), (CHART.spread.values[6], 0.50, 1e-12),
    (CHART.location.values[9], 0.2857, 5e-5), (CHART.spread.values[9], 0.5714, 5e-5),
    (CHART.location.upper, 0.729, 5e-4), (CHART.location.lower, -0.729, 5e-4),
    (CHART.spread.upper, 2.282, 5e-4), (CHART.spread.lower, 0.0, 1e-12),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected", "tolerance"), CASES)
def test_standardised_mean_and_range(value, expected, tolerance):
    assert value == pytest.approx(expected, abs=tolerance), "docslib.org/doc/3125570"


def test_deviation_from_nominal():
    """accendoreliability.com/implement-spc-short-production-runs: 17.408 and 17.387 against 17.400."""
    chart = dnom([17.408, 17.387, 9.503, 9.498], ["a", "a", "b", "b"], {"a": 17.400, "b": 9.5})
    assert chart.location.values == pytest.approx([0.008, -0.013, 0.003, -0.002], abs=1e-9)
    assert chart.units == {"a": 2, "b": 2}
    assert chart.convention == "dnom"


def test_deviations_of_subgroups_make_an_xbar_r_chart():
    chart = dnom(DATA, TYPES, TARGETS)
    assert chart.location.kind == "xbar"
    assert chart.location.values[0] == pytest.approx(9.25 - 9.5)
    assert chart.sigmas["A"] == pytest.approx(chart.spread.centre / 2.058751, rel=1e-6)


def test_unequal_spread_of_types_is_said():
    dice = np.random.default_rng(1)
    x = np.concatenate([dice.normal(0, 1, 30), dice.normal(0, 6, 30)])
    verdicts = {a.name: a.holds for a in dnom(x, ["a"] * 30 + ["b"] * 30, {"a": 0, "b": 0}).assumptions}
    assert verdicts["equal_spread"] is False


def test_z_mr_by_hand():
    """Two runs of a and one of b; no moving range crosses a change of type."""
    x, types = [10.0, 12.0, 11.0, 100.0, 104.0, 9.0, 12.0], list("aaabbaa")
    d2 = 2 / np.sqrt(np.pi)
    by_type = z_mr(x, types, {"a": 10, "b": 100})
    assert by_type.sigmas["a"] == pytest.approx((2 + 1 + 3) / 3 / d2)
    assert by_type.sigmas["b"] == pytest.approx(4 / d2)
    assert by_type.location.values[4] == pytest.approx(4 / (4 / d2))
    assert z_mr(x, types, pooling="all").sigmas["b"] == pytest.approx((2 + 1 + 4 + 3) / 4 / d2)
    runs = z_mr(x, types, {"a": 10, "b": 100}, pooling="run")
    assert runs.location.values[1] == pytest.approx(2 / (1.5 / d2))
    assert runs.location.values[6] == pytest.approx(2 / (3 / d2))
    logs = z_mr(x, types, pooling="relative")
    steps = np.abs([np.log(12 / 10), np.log(11 / 12), np.log(1.04), np.log(12 / 9)])
    assert logs.location.values[3] == pytest.approx((np.log(100) - np.log([100, 104]).mean()) / (steps.mean() / d2))
    assert (by_type.location.upper, by_type.spread.upper) == (3.0, pytest.approx(3.686, abs=5e-4))


PEER = [  # pooling, z of the values below: pccpy 0.16.2, after Minitab
    ("all", [-0.36108, 0.54162, 0.09027, -0.9027, 0.9027, -0.81243, 0.54162]),
    ("type", [-0.45135, 0.67703, 0.11284, -0.56419, 0.56419, -1.01554, 0.67703]),
    ("relative", [-0.53685, 0.84332, 0.18465, -0.14845, 0.14845, -1.33444, 0.84332]),
]


@pytest.mark.parametrize(("pooling", "expected"), PEER)
def test_z_mr_agrees_with_another_package(pooling, expected):
    chart = z_mr([10.0, 12.0, 11.0, 100.0, 104.0, 9.0, 12.0], list("aaabbaa"), pooling=pooling)
    assert chart.location.values == pytest.approx(expected, abs=5.1e-6)


def test_first_q_of_unknown_mean_and_sigma_is_a_cauchy_score():
    """Third unit: Student t with one degree of freedom, G(t) = 1/2 + atan(t) / pi (Quesenberry 1991, case UU)."""
    a, b, c = 3.0, 5.0, 9.0
    t = np.sqrt(2 / 3) * (c - 4.0) / np.sqrt(2.0)
    q = q_individuals([a, b, c])
    assert np.isnan(q[:2]).all()
    assert q[2] == pytest.approx(special.ndtri(0.5 + np.arctan(t) / np.pi), rel=1e-12)


def test_closed_forms_of_the_other_cases():
    x = np.array([1.0, 4.0, 2.5])
    assert q_individuals(x, mean=2, sigma=0.5) == pytest.approx([-2, 4, 1])
    unknown_mean = q_individuals(x, sigma=2.0)
    assert np.isnan(unknown_mean[0])
    assert unknown_mean[1:] == pytest.approx([np.sqrt(1 / 2) * 3 / 2, 0.0])
    unknown_sigma = q_individuals(x, mean=2.0)
    assert unknown_sigma[1] == pytest.approx(special.ndtri(0.5 + np.arctan(2 / 1) / np.pi), rel=1e-12)
    two = 0.5 / np.sqrt((1 + 4) / 2)  # t with two degrees of freedom: G = 1/2 + t / (2 sqrt(2 + t^2))
    assert unknown_sigma[2] == pytest.approx(special.ndtri(0.5 + two / (2 * np.sqrt(2 + two**2))), rel=1e-12)


@pytest.mark.parametrize("known", [{}, {"mean": 7.0}, {"sigma": 3.0}, {"mean": 7.0, "sigma": 3.0}])
def test_q_statistics_are_independent_standard_normal(known):
    dice = np.random.default_rng(6)
    q = np.array([q_individuals(x, **known) for x in dice.normal(7, 3, (4000, 7))])
    q = q[:, ~np.isnan(q[0])]
    for column in q.T:
        assert stats.kstest(column, "norm").pvalue > 1e-3
    away = np.corrcoef(q.T) - np.eye(q.shape[1])
    assert np.abs(away).max() < 4.2 / np.sqrt(len(q))
    squares = np.corrcoef((q**2).T) - np.eye(q.shape[1])  # dependence without correlation would show here
    assert np.abs(squares).max() < 4.5 / np.sqrt(len(q))


def test_q_of_subgroups_and_of_pairs_are_standard_normal():
    dice = np.random.default_rng(7)
    both = [q_subgroups(x) for x in dice.normal(-2, 5, (2500, 4, 3))]
    columns = np.hstack([np.array([pair[i] for pair in both])[:, 1:] for i in (0, 1)])
    pairs = np.array([q_pairs(x) for x in dice.normal(1, 4, (2500, 8))])[:, [3, 5, 7]]
    known = np.array([q_pairs(x, sigma=4.0) for x in dice.normal(1, 4, (2500, 4))])[:, [1, 3]]
    for block in (columns, pairs, known):
        for column in block.T:
            assert stats.kstest(column, "norm").pvalue > 1e-3 / 11  # eleven columns: 0.1 % for all together
        assert np.abs(np.corrcoef(block.T) - np.eye(block.shape[1])).max() < 4.2 / 50


def test_q_far_out_stay_finite():
    q = q_individuals(np.concatenate([np.linspace(0, 1, 30), [1e6]]))
    assert 10 < q[-1] < 40


def test_types_interleaved_on_one_q_chart_do_not_disturb_each_other():
    dice = np.random.default_rng(9)
    a, b = dice.normal(5, 1, 12), dice.normal(500, 40, 12)
    mixed, types = np.column_stack([a, b]).ravel(), ["a", "b"] * 12
    chart = q_chart(mixed, types, means={"b": 500.0})
    assert chart.location.values[::2] == pytest.approx(q_individuals(a), nan_ok=True)
    assert chart.location.values[1::2] == pytest.approx(q_individuals(b, mean=500.0), nan_ok=True)
    assert chart.units == {"a": 12, "b": 12}


def test_a_shift_shows_on_the_q_chart_of_a_young_type():
    x = np.random.default_rng(10).normal(0, 1, 20)
    x[12] += 8
    hit = [v.index for v in q_chart(x, ["new"] * 20).location.violations if v.rule == "western_electric_1"]
    assert hit == [12]


def test_equal_first_values_have_no_q():
    q = q_individuals([2.0, 2.0, 2.0, 2.1, 1.9])
    assert np.isnan(q[:4]).all()
    assert np.isfinite(q[4])


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: dnom([1, 2, 3], ["a", "a"]), "process.subgroups_uneven"),
        (lambda: dnom([1, 2, 3], list("aab"), {"a": 1}), "process.no_target"),
        (lambda: z_mr([1, 2, 3], list("aaa"), pooling="none"), "process.choice"),
        (lambda: z_mr([1, 2, 3], list("aab"), pooling="run"), "process.no_variation"),
        (lambda: z_mr([-1, 2, 3], list("aaa"), pooling="relative"), "process.chart_not_positive"),
        (lambda: standardized_xbar_r([[1, 1], [1, 1]], list("ab")), "process.no_variation"),
        (lambda: q_individuals([1, 2], sigma=0.0), "process.chart_not_positive"),
    ],
)
def test_data_without_a_chart_are_refused(call, rule):
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.rule == rule
