"""Process capability with its uncertainty: what the process can hold, not only what it happened to hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, lag_one, normality
from workbench.process.quality.noncentral import noncentral_bound

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

    `cpk_lower` is the one-sided lower confidence bound: the index one may promise. It is exact for a one-sided
    specification and never too short for a two-sided one (noncentral t; Cpk is at most the index of its nearer side).
    `cpl_lower`, `cpu_lower` likewise. `cpm_interval` is that of Boyles 1991 (J. Quality Technology 23, 17).
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
    cpl_lower: float | None
    cpu_lower: float | None
    cpm_interval: Interval | None
    assumptions: tuple[Assumption, ...]


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
    Assumptions: normality by Anderson-Darling, independence in the order given by lag 1.
    Raises DomainError: no limit, crossed limits, fewer than 3 values, no variation.
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
    cp = cpm = cpm_range = None
    if both:
        cp = cp_interval((upper - lower) / (6 * sigma), nu, confidence)
        aim = (lower + upper) / 2 if target is None else target
        cpm = (upper - lower) / (6 * np.sqrt(sigma**2 + (mean - aim) ** 2))
        cpm_range = cpm_interval(cpm, offset=(mean - aim) / sigma, n=n, confidence=confidence)
    normal = normality(x)
    lowers = [None if c is None else index_lower(c, n=n, dof=nu, confidence=confidence) for c in (cpl, cpu)]
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
        cpk_lower=min(bound for bound in lowers if bound is not None),
        cpm=None if cpm is None else float(cpm),
        fallout_ppm=fallout_ppm(mean=mean, sigma=sigma, lower=lower, upper=upper),
        normality_p=float("nan") if normal.p is None else normal.p,
        cpl_lower=lowers[0],
        cpu_lower=lowers[1],
        cpm_interval=cpm_range,
        assumptions=(normal, lag_one(x)),
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


def index_lower(index: float, *, n: int, dof: float | None = None, confidence: float = 0.95) -> float:
    """Exact one-sided lower bound of Cpl or Cpu from a sample of `n` with sigma of `dof` degrees of freedom."""
    return noncentral_bound(index, n=n, dof=dof, probability=confidence) / 3


def cpm_interval(cpm: float, *, offset: float, n: int, confidence: float = 0.95) -> Interval:
    """Cpm with its interval; `offset` is (mean - target) / sigma.

    tau^2 is taken as chi square with n (1 + offset^2)^2 / (1 + 2 offset^2) degrees of freedom. Source: Boyles 1991,
    J. Quality Technology 23, 17.
    """
    nu = n * (1 + offset**2) ** 2 / (1 + 2 * offset**2)
    tail = (1 - confidence) / 2
    low, high = stats.chi2.ppf([tail, 1 - tail], nu) / nu
    return Interval(float(cpm), float(cpm * np.sqrt(low)), float(cpm * np.sqrt(high)))


def fallout_ppm(*, mean: float, sigma: float, lower: float | None = None, upper: float | None = None) -> float:
    """Expected share outside the limits, in ppm, of a normal population."""
    below = 0.0 if lower is None else special.ndtr((lower - mean) / sigma)
    above = 0.0 if upper is None else special.ndtr((mean - upper) / sigma)
    return float(1e6 * (below + above))
