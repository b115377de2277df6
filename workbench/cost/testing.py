"""Electrical test as a cost and as a sieve: what passes, what slips through, and when testing pays.

A test of fault coverage T passes a share Y^T of the dies (all good ones and the undetected bad), of which Y^(1-T) are
good (Williams and Brown 1981). Every die tested is paid for, the failing ones too. Valid: faults equally likely,
0 < Y <= 1. Convention of this module: a good die never fails its test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from workbench.cost.yield_models import williams_brown
from workbench.errors import DomainError


@dataclass(frozen=True)
class ElectricalTest:
    """One insertion: fault coverage, seconds on the tester, price of a tester hour. The default is perfect and free."""

    coverage_ratio: float = 1.0
    time_s: float = 0.0
    tester_usd_per_h: float = 0.0

    def __post_init__(self):
        if not (0 <= self.coverage_ratio <= 1 and self.time_s >= 0 and self.tester_usd_per_h >= 0):
            raise DomainError("cost.domain", where="test", got=self, allowed="0 <= coverage <= 1, time and price >= 0")

    @property
    def cost_usd(self) -> float:
        """Price of one insertion."""
        return self.time_s / 3600 * self.tester_usd_per_h

    @property
    def is_perfect_and_free(self) -> bool:
        return self.coverage_ratio == 1 and self.cost_usd == 0


PERFECT = ElectricalTest()
NONE = ElectricalTest(coverage_ratio=0.0)


@dataclass(frozen=True)
class Sieved:
    """What a test makes of parts of one cost and yield (arrays of one shape). `usd` is paid per passing part."""

    passing_ratio: np.ndarray
    good_ratio: np.ndarray
    usd: np.ndarray
    test_usd: np.ndarray

    @property
    def escape_ratio(self) -> np.ndarray:
        """Bad parts among those that passed."""
        return 1 - self.good_ratio


def sieve(*, cost_usd: ArrayLike, yield_ratio: ArrayLike, test: ElectricalTest) -> Sieved:
    """Test parts that cost `cost_usd` and are good with `yield_ratio`. Arguments broadcast.

    Per passing part (cost + test) / Y^T. Raises DomainError outside 0 < Y <= 1.
    """
    escapes = williams_brown(yield_ratio=yield_ratio, coverage_ratio=test.coverage_ratio)
    passing = np.asarray(yield_ratio, float) ** test.coverage_ratio
    passing, good, cost = np.broadcast_arrays(passing, 1 - escapes, np.asarray(cost_usd, float))
    return Sieved(passing, good, (cost + test.cost_usd) / passing, test.cost_usd / passing)


@dataclass(frozen=True)
class TestedDie:
    """A die of a module before its wafer test: its raw cost (wafer over dies), its yield, how many the module has."""

    __test__ = False  # not a test case, whatever its name suggests to pytest

    raw_usd: float
    yield_ratio: float
    count: int = 1


@dataclass(frozen=True)
class ModuleEconomics:
    """A module from wafer test to shipment. `good_usd` is paid per good module shipped, `shipped_usd` per shipped one;
    `outgoing_defect_ratio` of the shipped are bad. `assembled_good_ratio` is the yield that final test meets."""

    shipped_usd: float
    good_usd: float
    assembled_good_ratio: float
    outgoing_defect_ratio: float
    test_usd: float


def module_economics(
    dies: Sequence[TestedDie],
    *,
    wafer_test: ElectricalTest,
    final_test: ElectricalTest = PERFECT,
    package_usd: float = 0.0,
    assembly_yield: float = 1.0,
) -> ModuleEconomics:
    """Cost of a module whose dies pass `wafer_test`, are assembled, and pass `final_test`.

    A bad die that slipped through spoils its module: the module's yield is assembly_yield * prod Y_i^((1-T) n_i).
    With a perfect final test `good_usd` equals `shipped_usd`. Raises DomainError for yields outside (0, 1].
    """
    if not dies or not 0 < assembly_yield <= 1:
        raise DomainError("cost.domain", where="module_economics", got=f"{len(dies)} dies, yield {assembly_yield}",
                          allowed=">= 1 die, 0 < yield <= 1")  # fmt: skip
    spent, test, good = package_usd + final_test.cost_usd, final_test.cost_usd, assembly_yield
    for die in dies:
        sieved = sieve(cost_usd=die.raw_usd, yield_ratio=die.yield_ratio, test=wafer_test)
        spent += die.count * float(sieved.usd)
        test += die.count * float(sieved.test_usd)
        good *= float(sieved.good_ratio) ** die.count
    shipped = good**final_test.coverage_ratio
    outgoing = float(williams_brown(yield_ratio=good, coverage_ratio=final_test.coverage_ratio))
    return ModuleEconomics(spent / shipped, spent / good, good, outgoing, test / shipped)


def break_even_coverage(
    dies: Sequence[TestedDie],
    *,
    wafer_test: ElectricalTest,
    package_usd: float = 0.0,
    assembly_yield: float = 1.0,
) -> float | None:
    """The least fault coverage at which wafer test is worth its time, or None where it never is.

    Compares the cost per good module with and without the test, its price held and its coverage varied; the cost
    falls monotonically with coverage, so there is at most one crossing. For one die it is ln(1 - t/A) / ln Y with t
    the test's price and A what is spent on the package.
    """

    def gain(coverage: float) -> float:
        with_test = replace(wafer_test, coverage_ratio=coverage)
        terms = {"package_usd": package_usd, "assembly_yield": assembly_yield}
        without = module_economics(dies, wafer_test=NONE, **terms).good_usd
        return without - module_economics(dies, wafer_test=with_test, **terms).good_usd

    if gain(0.0) >= 0:  # a free test
        return 0.0
    if gain(1.0) < 0:
        return None
    return float(brentq(gain, 0.0, 1.0, xtol=1e-12))
