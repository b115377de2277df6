"""Box-Cox transformations against the published example and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.errors import DomainError
from workbench.process.window.transform import Power, box_cox

# survival times (10 hours) of 3 poisons x 4 treatments x 4 animals: Box and Cox 1964, table 1
POISONS = np.array([
    [[0.31, 0.45, 0.46, 0.43], [0.82, 1.10, 0.88, 0.72], [0.43, 0.45, 0.63, 0.76], [0.45, 0.71, 0.66, 0.62]],
    [[0.36, 0.29, 0.40, 0.23], [0.92, 0.61, 0.49, 1.24], [0.44, 0.35, 0.31, 0.40], [0.56, 1.02, 0.71, 0.38]],
    [[0.22, 0.21, 0.18, 0.23], [0.30, 0.37, 0.38, 0.29], [0.23, 0.25, 0.24, 0.22], [0.30, 0.36, 0.31, 0.33]],
])  # fmt: skip


def test_the_survival_times_of_box_and_cox():
    poison, treatment, _ = (i.ravel() for i in np.indices(POISONS.shape))
    additive = np.column_stack([np.eye(3)[poison], np.eye(4)[treatment][:, 1:]])
    found = box_cox(POISONS.ravel(), additive)
    assert found.exponent == pytest.approx(-0.75, abs=0.005)  # printed: -0.75
    assert (found.low, found.high) == pytest.approx((-1.13, -0.37), abs=0.02)  # printed, read from their curve
    assert found.needed
    assert found.convenient in (-1.0, -0.5)  # they take the reciprocal


def test_without_a_model_it_is_scipys():
    y = np.random.default_rng(3).lognormal(1, 0.5, 60)
    found = box_cox(y, np.ones((60, 1)))
    _, power, (low, high) = stats.boxcox(y, alpha=0.05)
    assert (found.exponent, found.low, found.high) == pytest.approx((power, low, high), abs=1e-5)
    assert found.convenient == 0.0


def test_a_plain_response_is_left_alone():
    y = 50 + np.random.default_rng(5).normal(size=40)
    found = box_cox(y, np.ones((40, 1)))
    assert not found.needed
    assert found.convenient == 1.0


@given(st.floats(-3, 3), st.floats(0.05, 20))
def test_the_way_back_is_the_way_there(power, y):
    there = Power(0.0 if abs(power) < 0.01 else power)
    assert float(there.inverse(there.forward(np.array(y)))) == pytest.approx(y, rel=1e-7)
    assert there.forward(np.array(y * 1.1)) > there.forward(np.array(y))


def test_values_that_are_not_positive_are_refused():
    with pytest.raises(DomainError) as refused:
        box_cox(np.array([1.0, 0.0, 2.0, 3.0]), np.ones((4, 1)))
    assert refused.value.rule == "process.window_not_positive"
    with pytest.raises(DomainError) as refused:
        box_cox(np.array([1.0, 2.0]), np.ones((2, 1)))
    assert refused.value.rule == "process.too_few_runs"
