"""Process capability with its uncertainty: what the process can hold, not only what it happened to hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats
from statsmodels.stats.diagnostic import normal_ad

from workbench.errors import DomainError

Array = np.ndarray


@dataclass(frozen=True)
class Interval:
    """An estimate with a two-sided confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Capability:
    """Indices of one parameter; `sigma_convention` says which sigma they use. Absent sides give None.

    `cpk_lower` is the one-sided lower confidence bound: the index one may promise.
    `fallout_ppm` is expected for a normal population with the estimated mean and sigma.
    """

    n: int
    mean: float
    sigma: float
    sigma_convention: str
    dof: float
    confidence: float
    cp: Interval | None
    cpl: float | None
    cpu: float | None
    cpk: Interval
    cpk_lower: float
    cpm: float | None
    fallout_ppm: float
    normality_p: float


def capability(
    values: Array,
    *,
    lower: float | None = None,
    upper: float | None = None,
    target: float | None = None,
    sigma: float | None = None,
    dof: float | None = None,
    sigma_convention: str = "overall",
    mean: float | None = None,
    confidence: float = 0.95,
) -> Capability:
    """Capability of `values` (any shape) against the specification `lower` ... `upper`.

    With `sigma` None the overall sample standard deviation is used (these are Pp and Ppk); give the within-subgroup
    sigma of a chart, with its convention and degrees of freedom, for Cp and Cpk. `dof` defaults to n - 1.
    Cp interval: chi square. Cpk interval: normal approximation of Bissell 1990 (Applied Statistics 39, 331) in the
    form 1 / (9 n) + Cpk^2 / (2 dof). Cpm uses sqrt(sigma^2 + (mean - target)^2) with the same sigma.
    Normality by Anderson-Darling. Raises DomainError: no limit, crossed limits, fewer than 3 values, no variation.
    """
    x = np.asarray(values, float).ravel()
    if lower is None and upper is None:
        raise DomainError("process.no_limit")
    if lower is not None and upper is not None and not lower < upper:
        raise DomainError("process.limits_crossed", got=f"{lower} ... {upper}")
    if len(x) < 3 or not np.isfinite(x).all():
        raise DomainError("process.too_few_values", got=len(x), allowed=">= 3")
    n = len(x)
    mean = float(x.mean()) if mean is None else mean
    sigma = float(x.std(ddof=1)) if sigma is None else sigma
    if not sigma > 0:
        raise DomainError("process.no_variation", got=sigma)
    nu = float(n - 1 if dof is None else dof)
    cpl = None if lower is None else (mean - lower) / (3 * sigma)
    cpu = None if upper is None else (upper - mean) / (3 * sigma)
    both = lower is not None and upper is not None
    cp = cpm = None
    if both:
        cp = cp_interval((upper - lower) / (6 * sigma), nu, confidence)
        aim = (lower + upper) / 2 if target is None else target
        cpm = (upper - lower) / (6 * np.sqrt(sigma**2 + (mean - aim) ** 2))
    cpk = min(side for side in (cpl, cpu) if side is not None)
    return Capability(
        n=n,
        mean=mean,
        sigma=sigma,
        sigma_convention=sigma_convention,
        dof=nu,
        confidence=confidence,
        cp=cp,
        cpl=cpl,
        cpu=cpu,
        cpk=cpk_interval(cpk, n=n, dof=nu, confidence=confidence),
        cpk_lower=cpk_interval(cpk, n=n, dof=nu, confidence=2 * confidence - 1).low,
        cpm=None if cpm is None else float(cpm),
        fallout_ppm=fallout_ppm(mean=mean, sigma=sigma, lower=lower, upper=upper),
        normality_p=float(normal_ad(x)[1]) if np.ptp(x) > 0 else float("nan"),
    )


def cp_interval(cp: float, dof: float, confidence: float = 0.95) -> Interval:
    """Cp with its exact interval: the variance estimate is chi square with `dof`."""
    tail = (1 - confidence) / 2
    low, high = stats.chi2.ppf([tail, 1 - tail], dof) / dof
    return Interval(float(cp), float(cp * np.sqrt(low)), float(cp * np.sqrt(high)))


def cpk_interval(cpk: float, *, n: int, dof: float | None = None, confidence: float = 0.95) -> Interval:
    """Cpk with the normal-approximation interval of Bissell 1990; `n` values behind the mean, `dof` behind sigma."""
    nu = n - 1 if dof is None else dof
    half = special.ndtri((1 + confidence) / 2) * np.sqrt(1 / (9 * n) + cpk**2 / (2 * nu))
    return Interval(float(cpk), float(cpk - half), float(cpk + half))


def fallout_ppm(*, mean: float, sigma: float, lower: float | None = None, upper: float | None = None) -> float:
    """Expected share outside the limits, in ppm, of a normal population."""
    below = 0.0 if lower is None else special.ndtr((lower - mean) / sigma)
    above = 0.0 if upper is None else special.ndtr((mean - upper) / sigma)
    return float(1e6 * (below + above))
