"""Control chart constants from theory, not from a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import optimize, special

from workbench.errors import DomainError


@dataclass(frozen=True)
class ChartConstants:
    """Constants for subgroups of `n` normal values with 3-sigma limits.

    d2, d3: mean and standard deviation of the range, in sigma. c4: mean of the sample standard deviation.
    A2, A3: half width of the mean chart per mean range and per mean standard deviation. D3, D4 and B3, B4: limits
    of the range and of the standard deviation chart per their mean.
    """

    n: int
    d2: float
    d3: float
    c4: float

    @property
    def A2(self) -> float:
        return 3 / (self.d2 * np.sqrt(self.n))

    @property
    def A3(self) -> float:
        return 3 / (self.c4 * np.sqrt(self.n))

    @property
    def D3(self) -> float:
        return max(0.0, 1 - 3 * self.d3 / self.d2)

    @property
    def D4(self) -> float:
        return 1 + 3 * self.d3 / self.d2

    @property
    def B3(self) -> float:
        return max(0.0, 1 - 3 * np.sqrt(1 - self.c4**2) / self.c4)

    @property
    def B4(self) -> float:
        return 1 + 3 * np.sqrt(1 - self.c4**2) / self.c4


@cache
def chart_constants(n: int) -> ChartConstants:
    """Constants for subgroups of `n` >= 2 values, by integrating the distribution of the normal range.

    P(W > w) = 1 - n Int phi(x) [Phi(x + w) - Phi(x)]^(n-1) dx gives E W and E W^2; the inner integral is a
    trapezoid sum over an analytic, decaying integrand (error far below 1e-10), the outer is Gauss-Legendre.
    Raises DomainError: n outside 2 ... 1000. Source: Tippett 1925, Biometrika 17, 364.
    """
    if not 2 <= n <= 1000:
        raise DomainError("process.subgroup_size", got=n, allowed="2 ... 1000")
    x = np.linspace(-9, 9, 721)
    nodes, weights = np.polynomial.legendre.leggauss(160)
    w, weights = 8 * (nodes + 1), 8 * weights  # ranges beyond 16 sigma do not occur
    inner = (special.ndtr(x + w[:, None]) - special.ndtr(x)) ** (n - 1)
    tail = 1 - n * (inner * np.exp(-(x**2) / 2)).sum(axis=1) * (x[1] - x[0]) / np.sqrt(2 * np.pi)
    mean = float(weights @ tail)
    square = float(weights @ (2 * w * tail))
    return ChartConstants(n, mean, float(np.sqrt(square - mean**2)), c4(n))


def c4(n: float) -> float:
    """Mean of the sample standard deviation of `n` >= 2 normal values, in sigma."""
    return float(np.sqrt(2 / (n - 1)) * np.exp(special.gammaln(n / 2) - special.gammaln((n - 1) / 2)))


def mean_range_dof(n: int, subgroup_count: int) -> float:
    """Equivalent degrees of freedom of sigma = (mean range) / d2 from `subgroup_count` subgroups of `n`."""
    constants = chart_constants(n)
    return equivalent_dof((constants.d3 / constants.d2) ** 2 / subgroup_count)


def mean_deviation_dof(n: int, subgroup_count: int) -> float:
    """Equivalent degrees of freedom of sigma = (mean standard deviation) / c4; n - 1 for one subgroup."""
    return equivalent_dof((1 / c4(n) ** 2 - 1) / subgroup_count)


def moving_range_dof(value_count: int) -> float:
    """Equivalent degrees of freedom of sigma = (mean moving range) / d2(2) from `value_count` values.

    The ranges overlap: the variance of the estimate is (0.826 m - 1.082) / (m - 1)^2 sigma^2.
    Source: Cryer and Ryan 1990, J. Quality Technology 22, 187.
    """
    return equivalent_dof((0.826 * value_count - 1.082) / (value_count - 1) ** 2)


def equivalent_dof(relative_variance: float) -> float:
    """Degrees of freedom of the chi distribution with this relative variance (Patnaik 1950, Biometrika 37, 78)."""

    def excess(log_dof: float) -> float:
        return 1 / c4(np.exp(log_dof) + 1) ** 2 - 1 - relative_variance

    return float(np.exp(optimize.brentq(excess, np.log(0.1), np.log(1e9))))
