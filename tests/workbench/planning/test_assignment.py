"""Pins to bumps: always the least total wirelength, with the proof that no other assignment is shorter."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from workbench.errors import DomainError, InputError
from workbench.planning import assignment
from workbench.planning.assignment import assign


def dense_optimum_um(pins: np.ndarray, bumps: np.ndarray) -> float:
    cost = np.abs(pins[:, None] - bumps[None]).sum(-1)
    return float(cost[linear_sum_assignment(cost)].sum())


def assert_optimal(pins: np.ndarray, bumps: np.ndarray) -> assignment.Assignment:
    found = assign(pins, bumps)
    assert len(set(found.bump_of_pin.tolist())) == len(pins)
    length = np.abs(pins - bumps[found.bump_of_pin]).sum()
    assert found.wirelength_um == pytest.approx(length, abs=1e-6)
    assert found.is_optimal
    assert found.wirelength_um == pytest.approx(dense_optimum_um(pins, bumps), abs=1e-6)
    return found


def grid(columns: int, rows: int, pitch: float) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2) * pitch


CASES = [  # pins, bumps, least total
    ([(0, 0), (10, 0)], [(10, 5), (0, 5)], 10),  # uncrossed
    ([(0, 0), (1, 0)], [(0, 0), (3, 0)], 2),  # the near bump goes to the pin that has no other
    ([(5, 5)], [(0, 0), (4, 7), (9, 9)], 3),
    ([(0, 0), (0, 0)], [(1, 1), (1, 1)], 4),  # all at one place
]


@pytest.mark.parametrize(("pins", "bumps", "total"), CASES)
def test_small_cases_by_hand(pins, bumps, total):
    found = assert_optimal(np.array(pins, float), np.array(bumps, float))
    assert found.wirelength_um == total


@given(st.integers(1, 5), st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_no_permutation_is_shorter(count, spare, seed):
    dice = np.random.default_rng(seed)
    pins, bumps = dice.integers(0, 12, (count, 2)) * 1.0, dice.integers(0, 12, (count + spare, 2)) * 1.0
    least = min(np.abs(pins - bumps[list(chosen)]).sum() for chosen in permutations(range(count + spare), count))
    assert assign(pins, bumps).wirelength_um == least


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(20, 260), spare=st.integers(0, 120), seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["uniform", "edge", "clump", "lattice"]),
)  # fmt: skip
def test_sparse_equals_dense(count, spare, seed, kind):
    """With the dense start switched off: every level but the last is solved on candidates, at any crowding and ties."""
    dice = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(count + spare)))
    bumps = grid(side, side, 40.0)[: count + spare]
    pins = {
        "uniform": dice.random((count, 2)) * side * 40,
        "edge": np.stack([dice.random(count) * side * 40, dice.random(count) * 60], 1),
        "clump": dice.normal(side * 20, 15, (count, 2)),
        "lattice": dice.integers(0, side, (count, 2)) * 40.0,
    }[kind]
    before, assignment.DENSE_PAIRS = assignment.DENSE_PAIRS, 400
    try:
        assert_optimal(np.round(pins, 3), bumps)
    finally:
        assignment.DENSE_PAIRS = before


def test_a_phy_edge_to_a_bump_field_with_pins_in_rows():
    """1,200 pins in eight rows along one edge to a field of 40 x 40 bumps: far more than the nearest few are needed."""
    number = np.arange(1_200)
    pins = np.stack([20 + number % 8 * 12.0, number // 8 * 10.667], axis=1)
    found = assert_optimal(np.round(pins, 3), grid(40, 40, 40.0))
    assert found.candidates < 1_200 * 1_600 / 20


def test_translating_both_changes_nothing_and_scaling_scales():
    dice = np.random.default_rng(5)
    pins, bumps = np.round(dice.random((150, 2)) * 900, 2), grid(14, 14, 70.0)
    base = assign(pins, bumps).wirelength_um
    shift = np.array([1234.5, -77.25])
    assert assign(pins + shift, bumps + shift).wirelength_um == pytest.approx(base, abs=1e-6)
    assert assign(pins * 4, bumps * 4).wirelength_um == pytest.approx(4 * base, abs=1e-6)


def test_no_pins_need_no_bumps():
    assert assign(np.empty((0, 2)), np.empty((0, 2))).is_optimal


def test_too_few_bumps_and_impossible_places_are_refused():
    with pytest.raises(InputError) as refusal:
        assign(np.zeros((3, 2)), np.zeros((2, 2)))
    assert (refusal.value.rule, refusal.value.allowed) == ("planning.too_few_bumps", ">= 3")
    with pytest.raises(DomainError):
        assign(np.array([[np.nan, 0.0]]), np.zeros((2, 2)))


def test_prices_mend_an_assignment_that_is_not_optimal():
    """Given any matching, exchanges along cycles and paths alone reach the optimum of the candidates."""
    dice = np.random.default_rng(3)
    pins, bumps = dice.integers(0, 500, (40, 2)) * 1.0, dice.integers(0, 500, (60, 2)) * 1.0
    cost = np.abs(pins[:, None] - bumps[None]).sum(-1)
    match = dice.permutation(60)[:40]
    of_pin, of_bump = np.repeat(np.arange(40), 60), np.tile(np.arange(60), 40)
    price = assignment._prices(match, of_pin, of_bump, cost.ravel(), 60)
    assert cost[np.arange(40), match].sum() == cost[linear_sum_assignment(cost)].sum()
    worth = cost[np.arange(40), match] - price[match]
    assert (cost - price >= worth[:, None]).all()
    assert (price <= 0).all()
