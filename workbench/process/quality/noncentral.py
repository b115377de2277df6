"""The noncentral t distribution turned round: what the distance to a limit may be, given what the sample shows."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from workbench.errors import DomainError

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(120)


def noncentral_bounds(
    index: float, *, n: int, dof: float | None = None, confidence: float = 0.95
) -> tuple[float, float]:
    """Two-sided exact bounds of (mean to limit) / sigma, given that it is 3 `index` sample sigmas.

    `dof` are those of the sigma (n - 1). Raises DomainError: n < 2, dof not positive, confidence outside 0 ... 1.
    Source: Owen 1968, Technometrics 10, 445.
    """
    a = (1 - confidence) / 2
    return tuple(noncentral_bound(index, n=n, dof=dof, probability=p) for p in (1 - a, a))


def noncentral_bound(index: float, *, n: int, dof: float | None = None, probability: float) -> float:
    """One bound of the same: what it would have to be for a sample index up to this one to have `probability`."""
    nu = n - 1 if dof is None else dof
    if n < 2 or not nu > 0 or not 0 < probability < 1:
        raise DomainError("process.too_few_values", got=f"{n}, {probability}", allowed=">= 2; 0 ... 1")
    return _noncentrality(3 * index * np.sqrt(n), nu, probability) / np.sqrt(n)


def _noncentrality(t: float, nu: float, probability: float) -> float:
    """delta with P(T(nu, delta) <= t) = probability; decreasing in delta."""
    width = 10 * (1 + abs(t) / np.sqrt(2 * nu)) + 40
    return float(optimize.brentq(lambda d: _nct_cdf(t, nu, d) - probability, t - width, t + width, xtol=1e-10))


def _nct_cdf(t: float, nu: float, delta: float) -> float:
    """P(Z + delta <= t sqrt(chi2(nu) / nu)) by integration over chi2: stays exact where far tails defeat the series."""
    nodes, weights = _NODES, _WEIGHTS
    low, high = special.chdtri(nu, [1 - 1e-16, 1e-17])
    low = max(low, 1e-300) if np.isfinite(low) else 1e-300
    root_low, root_high = np.sqrt(low), np.sqrt(high)
    s = root_low + (root_high - root_low) * (nodes + 1) / 2  # s = sqrt(chi2)
    density = 2 * s * np.exp((nu / 2 - 1) * 2 * np.log(s) - s**2 / 2 - special.gammaln(nu / 2) - nu / 2 * np.log(2))
    return float((root_high - root_low) / 2 * (weights * density) @ special.ndtr(t * s / np.sqrt(nu) - delta))
