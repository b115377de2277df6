"""Control chart constants against the published tables."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import DomainError
from workbench.process.quality.constants import (
    chart_constants,
    mean_deviation_dof,
    mean_range_dof,
    moving_range_dof,
)

MONTGOMERY = "Montgomery, Introduction to Statistical Quality Control, appendix VI; to the digits printed"
CASES = [  # n, constant, expected, decimals
    (2, "d2", 1.128379, 6), (2, "d3", 0.852502, 6), (2, "c4", 0.7978846, 7), (2, "A2", 1.8800, 3), (2, "A3", 2.6587, 4),
    (2, "B4", 3.2665, 4), (2, "D4", 3.2665, 4), (2, "D3", 0.0, 12), (2, "B3", 0.0, 12),
    (3, "d2", 1.692569, 6), (3, "d3", 0.88837, 5), (3, "c4", 0.8862269, 7), (3, "A2", 1.0233, 4), (3, "D4", 2.5746, 4),
    (4, "d2", 2.058751, 6), (4, "d3", 0.87981, 5), (4, "c4", 0.9213177, 7), (4, "A2", 0.7286, 4), (4, "D4", 2.2821, 4),
    (5, "d2", 2.325929, 6), (5, "d3", 0.86408, 5), (5, "c4", 0.9399856, 7), (5, "A2", 0.5768, 4), (5, "A3", 1.4273, 4),
    (5, "B4", 2.0890, 4), (5, "D4", 2.1145, 4),
    (10, "d2", 3.077505, 6), (10, "d3", 0.79705, 5), (10, "c4", 0.9726593, 7), (10, "A2", 0.3083, 4),
    (10, "D4", 1.7770, 4),
    (25, "d2", 3.930629, 6), (25, "c4", 0.9896404, 7), (25, "A3", 0.6063, 4), (25, "B3", 0.5648, 4),
    (25, "B4", 1.4352, 4),
]  # fmt: skip


@pytest.mark.parametrize(("n", "name", "expected", "decimals"), CASES)
def test_constant(n, name, expected, decimals):
    assert getattr(chart_constants(n), name) == pytest.approx(expected, abs=0.51 * 10**-decimals), MONTGOMERY


@pytest.mark.parametrize(
    ("n", "subgroups", "expected"), [(2, 1, 1.0), (5, 1, 3.8), (5, 10, 36.5)]
)  # AIAG, Measurement Systems Analysis, 4th ed., appendix C (d2* table)
def test_equivalent_degrees_of_freedom_of_the_mean_range(n, subgroups, expected):
    assert mean_range_dof(n, subgroups) == pytest.approx(expected, abs=0.051)


@pytest.mark.parametrize("n", [2, 5, 12])
def test_one_standard_deviation_has_its_own_degrees_of_freedom(n):
    assert mean_deviation_dof(n, 1) == pytest.approx(n - 1, rel=1e-9)
    assert (n - 1) * 20 * 0.85 < mean_deviation_dof(n, 20) < (n - 1) * 20 + 1e-6


def test_overlapping_ranges_know_less():
    x = np.random.default_rng(2).standard_normal((40_000, 25))
    s = np.abs(np.diff(x, axis=1)).mean(axis=1) / chart_constants(2).d2
    assert moving_range_dof(25) == pytest.approx(1 / (2 * s.var()), rel=0.03)  # chi: relative variance near 1 / (2 dof)
    assert moving_range_dof(1000) / 999 == pytest.approx(0.605, abs=2e-3)  # 1 / (2 x 0.826)


def test_a_subgroup_of_two_has_the_closed_form():
    two = chart_constants(2)
    assert two.d2 == pytest.approx(2 / 3.141592653589793**0.5, rel=1e-12)
    assert two.d3**2 == pytest.approx(2 - 4 / 3.141592653589793, rel=1e-11)


@pytest.mark.parametrize("n", [0, 1, 1001])
def test_sizes_without_constants_are_refused(n):
    with pytest.raises(DomainError) as refused:
        chart_constants(n)
    assert refused.value.rule == "process.subgroup_size"
