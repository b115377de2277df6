"""Electrical test as a cost and as a sieve: what passes and what slips through.

A test of fault coverage T passes a share Y^T of the dies (all good ones and the undetected bad), of which Y^(1-T) are
good (Williams and Brown 1981). Every die tested is paid for, the failing ones too. Valid: faults equally likely,
0 < Y <= 1. Convention of this module: a good die never fails its test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

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


PERFECT = ElectricalTest()
NONE = ElectricalTest(coverage_ratio=0.0)


@dataclass(frozen=True)
class Sieved:
    """What a test makes of parts of one cost and yield (arrays of one shape): the share that passes, the share of the
    passing ones that is good, and what is paid per passing part (`test_usd` of it for the test)."""

    passing_ratio: np.ndarray
    good_ratio: np.ndarray
    usd: np.ndarray
    test_usd: np.ndarray


def sieve(*, cost_usd: ArrayLike, yield_ratio: ArrayLike, test: ElectricalTest) -> Sieved:
    """Test parts that cost `cost_usd` and are good with `yield_ratio`. Arguments broadcast.

    Per passing part (cost + test) / Y^T. Raises DomainError outside 0 < Y <= 1.
    """
    escapes = williams_brown(yield_ratio=yield_ratio, coverage_ratio=test.coverage_ratio)
    passing = np.asarray(yield_ratio, float) ** test.coverage_ratio
    passing, good, cost = np.broadcast_arrays(passing, 1 - escapes, np.asarray(cost_usd, float))
    return Sieved(passing, good, (cost + test.cost_usd) / passing, test.cost_usd / passing)
