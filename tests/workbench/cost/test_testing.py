"""Test as a sieve and as a cost: Williams-Brown shares and limits. When it pays for itself: test_break_even.py."""

from __future__ import annotations

import math

import pytest

from workbench.cost.testing import PERFECT, ElectricalTest, sieve
from workbench.errors import DomainError


def priced(usd: float, coverage: float = 1.0) -> ElectricalTest:
    """A test of this price: one hour on a tester."""
    return ElectricalTest(coverage, 3600.0, usd)


SIEVES = [  # raw USD, yield, coverage, test USD: passing, bad among passing, USD per passing part; source
    (10.0, 0.7, 0.99, 0.0, 0.7**0.99, 0.0035604, 10 / 0.7**0.99, "Williams-Brown 1981: DL .0035604 at Y .7, T .99"),
    (10.0, 0.5, 1.0, 1.0, 0.5, 0.0, 22.0, "by hand: two dies tested per good one"),
    (10.0, 0.25, 0.5, 1.0, 0.5, 0.5, 22.0, "by hand: half pass, half of these are good"),
    (10.0, 0.8, 0.0, 0.0, 1.0, 0.2, 10.0, "no test: all pass"),
    (24.0, 0.2, 0.5, 0.0, math.sqrt(0.2), 1 - math.sqrt(0.2), 24 / math.sqrt(0.2), "by hand: half the faults found"),
]


@pytest.mark.parametrize(("raw", "good", "coverage", "price", "passing", "escapes", "usd", "source"), SIEVES)
def test_what_passes(raw, good, coverage, price, passing, escapes, usd, source):
    found = sieve(cost_usd=raw, yield_ratio=good, test=priced(price, coverage))
    assert found.passing_ratio == pytest.approx(passing, rel=1e-12)
    assert 1 - found.good_ratio == pytest.approx(escapes, abs=5e-8)
    assert found.usd == pytest.approx(usd, rel=1e-12)
    assert found.passing_ratio * found.good_ratio == pytest.approx(good)  # every good die passes


def test_time_costs_what_the_tester_costs():
    assert ElectricalTest(0.9, 10, 21.6).cost_usd == pytest.approx(0.06)  # CATCH: 0.006 USD per second
    assert (PERFECT.coverage_ratio, PERFECT.cost_usd) == (1, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ElectricalTest(1.1),
        lambda: ElectricalTest(0.5, -1),
        lambda: sieve(cost_usd=1, yield_ratio=0, test=PERFECT),
    ],
)
def test_outside_the_range_is_refused(call):
    with pytest.raises(DomainError):
        call()
