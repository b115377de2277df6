"""Normal tolerance factors: how many standard deviations hold a stated share of all units, with confidence."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import optimize, special, stats

from workbench.errors import DomainError


@cache
def tolerance_factor(
    *,
    n: int,
    coverage: float,
    confidence: float,
    two_sided: bool = True,
    method: str = "exact",
    dof: float | None = None,
) -> float:
    """k such that mean +- k s (or mean + k s, one-sided) holds `coverage` of a normal population, with `confidence`.

    method "exact": two-sided by integrating over the sample mean (Odeh and Owen 1980), one-sided by noncentral t.
    method "approximate": two-sided Howe 1969 (J. Am. Stat. Assoc. 64, 610), one-sided Natrella 1963, the factors
    most packages print. `dof` are the degrees of freedom of s, n - 1 by default.
    Raises DomainError: n < 2, a share or confidence outside 0 ... 1, an unknown method.
    """
    if n < 2 or not (0 < coverage < 1 and 0 < confidence < 1):
        raise DomainError("process.tolerance", got=f"n {n}, {coverage}, {confidence}", allowed="n >= 2; 0 ... 1")
    nu = n - 1 if dof is None else dof
    if method == "exact":
        exact = _exact_two_sided if two_sided else _exact_one_sided
        return exact(n, coverage, confidence, nu)
    if method != "approximate":
        raise DomainError("process.tolerance", got=method, allowed="exact, approximate")
    if two_sided:
        z = special.ndtri((1 + coverage) / 2)
        return float(z * np.sqrt(nu * (1 + 1 / n) / special.chdtri(nu, confidence)))
    zp, zc = special.ndtri(coverage), special.ndtri(confidence)
    a = 1 - zc**2 / (2 * nu)
    b = zp**2 - zc**2 / n
    return float((zp + np.sqrt(zp**2 - a * b)) / a)


def order_statistics(*, n: int, coverage: float, confidence: float, two_sided: bool = True) -> int:
    """How many values may be left off so that the rest of `n` holds `coverage` of any continuous population with
    `confidence`: 0 for minimum to maximum, 1 when one more may go (from either end, or the one end), ...; -1 when even
    all n are too few.

    Source: Wilks 1941, Ann. Math. Stat. 12, 91. Raises DomainError: n < 1, a share or confidence outside 0 ... 1.
    """
    if n < 1 or not (0 < coverage < 1 and 0 < confidence < 1):
        raise DomainError("process.tolerance", got=f"n {n}, {coverage}, {confidence}", allowed="n >= 1; 0 ... 1")
    # the units beyond the kept ones hold at most 1 - coverage: Binomial(n, 1 - coverage) exceeds left + ends - 1
    most = int(stats.binom.ppf(1 - confidence, n, 1 - coverage))
    while most >= 0 and stats.binom.cdf(most, n, 1 - coverage) > 1 - confidence:
        most -= 1
    return max(most + 1 - (2 if two_sided else 1), -1)


def distribution_free_interval(
    values: np.ndarray, *, coverage: float, confidence: float, two_sided: bool = True, upper: bool = True
) -> tuple[float, float]:
    """Interval between order statistics that holds `coverage` of any continuous population with `confidence`; one-sided
    ones reach to infinity. Two-sided, values are left off evenly from both ends.

    Raises DomainError as `order_statistics`, and when there are too few values (59 for 95/95 one-sided, 93 two-sided).
    """
    x = np.sort(np.asarray(values, float).ravel())
    left = order_statistics(n=len(x), coverage=coverage, confidence=confidence, two_sided=two_sided)
    if left < 0:
        raise DomainError("process.too_few_values", got=len(x))
    if two_sided:
        return float(x[left // 2]), float(x[len(x) - 1 - (left - left // 2)])
    return (-np.inf, float(x[len(x) - 1 - left])) if upper else (float(x[left]), np.inf)


def _exact_one_sided(n: int, coverage: float, confidence: float, nu: float) -> float:
    return float(stats.nct.ppf(confidence, nu, special.ndtri(coverage) * np.sqrt(n)) / np.sqrt(n))


def _exact_two_sided(n: int, coverage: float, confidence: float, nu: float) -> float:
    nodes, weights = np.polynomial.legendre.leggauss(64)
    z = 4.25 * (nodes + 1)  # |mean error| in its own sigma, 0 ... 8.5
    density = 4.25 * weights * 2 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    half = np.array([_half_width(m, coverage) for m in z / np.sqrt(n)])

    def excess(k: float) -> float:
        return float(density @ special.chdtrc(nu, nu * (half / k) ** 2)) - confidence

    return float(optimize.brentq(excess, 1e-3, 1e6, xtol=1e-10))


def _half_width(shift: float, coverage: float) -> float:
    """r with Phi(shift + r) - Phi(shift - r) = coverage."""
    return optimize.brentq(lambda r: special.ndtr(shift + r) - special.ndtr(shift - r) - coverage, 0.0, shift + 40.0)
