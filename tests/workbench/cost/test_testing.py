"""Test as a sieve and as a cost: Williams-Brown shares, limits, and when a test pays for itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.cost.testing import (
    NONE,
    PERFECT,
    ElectricalTest,
    TestedDie,
    break_even_coverage,
    module_economics,
    sieve,
)
from workbench.errors import DomainError


def priced(usd: float, coverage: float = 1.0) -> ElectricalTest:
    """A test of this price: one hour on a tester."""
    return ElectricalTest(coverage, 3600.0, usd)


SIEVES = [  # raw USD, yield, coverage, test USD: passing, bad among passing, USD per passing part; source
    (10.0, 0.7, 0.99, 0.0, 0.7**0.99, 0.0035604, 10 / 0.7**0.99, "Williams-Brown 1981: DL .0035604 at Y .7, T .99"),
    (10.0, 0.5, 1.0, 1.0, 0.5, 0.0, 22.0, "by hand: two dies tested per good one"),
    (10.0, 0.25, 0.5, 1.0, 0.5, 0.5, 22.0, "by hand: half pass, half of these are good"),
    (10.0, 0.8, 0.0, 0.0, 1.0, 0.2, 10.0, "no test: all pass"),
]


@pytest.mark.parametrize(("raw", "good", "coverage", "price", "passing", "escapes", "usd", "source"), SIEVES)
def test_what_passes(raw, good, coverage, price, passing, escapes, usd, source):
    found = sieve(cost_usd=raw, yield_ratio=good, test=priced(price, coverage))
    assert found.passing_ratio == pytest.approx(passing, rel=1e-12)
    assert found.escape_ratio == pytest.approx(escapes, abs=5e-8)
    assert found.usd == pytest.approx(usd, rel=1e-12)
    assert found.passing_ratio * found.good_ratio == pytest.approx(good)  # every good die passes


def test_time_costs_what_the_tester_costs():
    assert ElectricalTest(0.9, 10, 21.6).cost_usd == pytest.approx(0.06)  # CATCH: 0.006 USD per second
    assert PERFECT.is_perfect_and_free
    assert not NONE.is_perfect_and_free


def test_a_module_by_hand():
    """Two dies of 10 USD and yield 1/2, package 4 USD, assembly 0.8; test of 1 USD and full coverage.

    Dies (10 + 1) / 0.5 = 22 each, module (44 + 4) / 0.8 = 60. Untested: (20 + 4) / (0.8 / 4) = 120.
    """
    dies = (TestedDie(10.0, 0.5, 2),)
    terms = {"package_usd": 4.0, "assembly_yield": 0.8}
    assert module_economics(dies, wafer_test=priced(1.0), **terms).good_usd == pytest.approx(60)
    untested = module_economics(dies, wafer_test=NONE, **terms)
    assert untested.good_usd == pytest.approx(120)
    assert untested.assembled_good_ratio == pytest.approx(0.2)
    # A final test that finds half of the faults ships sqrt(0.2) of the modules, sqrt(0.2) of those are good.
    blind = module_economics(dies, wafer_test=NONE, final_test=ElectricalTest(0.5), **terms)
    assert blind.shipped_usd == pytest.approx(24 / math.sqrt(0.2))
    assert blind.outgoing_defect_ratio == pytest.approx(1 - math.sqrt(0.2))
    assert blind.good_usd == pytest.approx(120)  # a bad one shipped costs as much as one scrapped


def test_perfect_yield_makes_a_test_pure_cost():
    dies = (TestedDie(10.0, 1.0, 3),)
    assert module_economics(dies, wafer_test=PERFECT, package_usd=5).good_usd == pytest.approx(35)
    assert module_economics(dies, wafer_test=priced(2.0, 0.3), package_usd=5).good_usd == pytest.approx(41)
    assert break_even_coverage(dies, wafer_test=priced(2.0), package_usd=5) is None


BREAK_EVEN = [  # yield, test USD, package USD
    (0.7, 0.5, 20.0), (0.9, 0.1, 8.0), (0.3, 2.0, 3.0), (0.98, 0.01, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("good", "price", "package"), BREAK_EVEN)
def test_one_die_breaks_even_in_closed_form(good, price, package):
    """(raw + t) + A Y^T = raw + A: T = ln(1 - t/A) / ln Y."""
    found = break_even_coverage((TestedDie(7.0, good),), wafer_test=priced(price), package_usd=package)
    assert found == pytest.approx(math.log(1 - price / package) / math.log(good), rel=1e-9)


def test_never_and_always():
    dies = (TestedDie(7.0, 0.9),)
    assert break_even_coverage(dies, wafer_test=priced(1.0), package_usd=5.0) is None  # 1 > 5 x (1 - 0.9)
    assert break_even_coverage(dies, wafer_test=PERFECT, package_usd=5.0) == 0.0


@settings(max_examples=40, deadline=None)
@given(
    good=st.floats(0.2, 0.999), price=st.floats(0.001, 3), package=st.floats(0, 50), count=st.integers(1, 8),
    second=st.floats(0.2, 1.0),
)  # fmt: skip
def test_cost_falls_with_coverage_and_crosses_once(good, price, package, count, second):
    dies = (TestedDie(5.0, good, count), TestedDie(9.0, second))
    usd = [
        module_economics(dies, wafer_test=priced(price, c), package_usd=package).good_usd for c in np.linspace(0, 1, 9)
    ]
    assert np.all(np.diff(usd) <= 1e-9 * usd[0])
    found = break_even_coverage(dies, wafer_test=priced(price), package_usd=package)
    untested = module_economics(dies, wafer_test=NONE, package_usd=package).good_usd
    if found is None:
        assert usd[-1] > untested
    else:
        there = module_economics(dies, wafer_test=priced(price, found), package_usd=package).good_usd
        assert there == pytest.approx(untested, rel=1e-9)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ElectricalTest(1.1),
        lambda: ElectricalTest(0.5, -1),
        lambda: sieve(cost_usd=1, yield_ratio=0, test=PERFECT),
        lambda: module_economics((), wafer_test=PERFECT),
        lambda: module_economics((TestedDie(1, 0.5),), wafer_test=PERFECT, assembly_yield=0),
    ],
)
def test_outside_the_range_is_refused(call):
    with pytest.raises(DomainError):
        call()
