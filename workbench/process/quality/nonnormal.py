"""Capability of values that are not normal: percentiles of a fitted distribution in place of mean and sigma.

Pp = (U - L) / (x.99865 - x.00135), Ppu = (U - median) / (x.99865 - median), Ppl likewise: ISO 22514-2, the method of
quantiles. For a normal population these are the usual indices. Which distribution was fitted, why, and how well it
fits stand in the result: the tails are always an extrapolation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption
from workbench.process.quality.fitting import FAMILIES, Fitted, anderson_darling, fit
from workbench.process.quality.indices import Interval

Array = np.ndarray
LOW, HIGH = 0.00135, 0.99865  # as the standard prints them; 3 sigma of a normal population to 5 digits


@dataclass(frozen=True)
class PercentileIndices:
    """Indices of the method of quantiles; absent sides give None. `outside` is the share beyond the limits."""

    pp: float | None
    ppl: float | None
    ppu: float | None
    ppk: float
    percentile_low: float
    median: float
    percentile_high: float
    outside: float | None


@dataclass(frozen=True)
class NonNormalCapability:
    """Capability of a sample. `chosen` by the lower AICc among `candidates` (family, AICc) or as asked.

    `ppk` has a parametric bootstrap interval, `ppk_lower` its one-sided bound. `fit_p` is the Anderson-Darling p-value
    of the chosen distribution, by the same bootstrap, so that its fitted parameters are allowed for.
    """

    n: int
    fitted: Fitted
    candidates: tuple[tuple[str, float], ...]
    choice: str  # least_aicc | asked
    indices: PercentileIndices
    ppk: Interval
    ppk_lower: float
    fit_p: float
    confidence: float
    resample_count: int
    convention: str
    assumptions: tuple[Assumption, ...]


def percentile_indices(
    quantile, *, lower: float | None = None, upper: float | None = None, cdf=None
) -> PercentileIndices:
    """Indices of a distribution given by its `quantile` function (and `cdf`, for the share outside).

    Raises DomainError: no limit, crossed limits. Source: ISO 22514-2:2017; Clements 1989, Quality Progress 22, 95.
    """
    if lower is None and upper is None:
        raise DomainError("process.no_limit")
    if lower is not None and upper is not None and not lower < upper:
        raise DomainError("process.limits_crossed", got=f"{lower} ... {upper}")
    low, middle, high = (float(quantile(p)) for p in (LOW, 0.5, HIGH))
    if not low < middle < high:
        raise DomainError("process.no_variation", got=f"{low}, {middle}, {high}")
    ppl = None if lower is None else (middle - lower) / (middle - low)
    ppu = None if upper is None else (upper - middle) / (high - middle)
    pp = None if lower is None or upper is None else (upper - lower) / (high - low)
    outside = None
    if cdf is not None:
        outside = (0.0 if lower is None else float(cdf(lower))) + (0.0 if upper is None else 1 - float(cdf(upper)))
    ppk = float(min(side for side in (ppl, ppu) if side is not None))
    return PercentileIndices(pp, ppl, ppu, ppk, low, middle, high, outside)


def nonnormal_capability(
    values: Array,
    *,
    lower: float | None = None,
    upper: float | None = None,
    family: str | None = None,
    confidence: float = 0.95,
    resample_count: int = 400,
    seed: int = 0,
) -> NonNormalCapability:
    """Capability of `values` (n >= 20). `family` None takes the lowest AICc of those that can hold the values: normal,
    lognormal, weibull, gamma, exponential (all from zero), box_cox, johnson (SU or SB).

    Raises DomainError: limits as `percentile_indices`, too few values, no variation, a family that cannot hold them.
    """
    x = np.asarray(values, float).ravel()
    if len(x) < 20 or not np.isfinite(x).all():
        raise DomainError("process.too_few_values", got=len(x), allowed=">= 20")
    if np.ptp(x) == 0:
        raise DomainError("process.no_variation", got=0)
    if family is not None and family not in FAMILIES:
        raise DomainError("process.choice", got=family, allowed=", ".join(FAMILIES))
    tried = [fit(x, name) for name in ((family,) if family else FAMILIES)]
    fits = [f for f in tried if f is not None]
    if not fits:
        raise DomainError("process.family", got=family)
    fits.sort(key=lambda f: f.aicc)
    chosen = fits[0]
    limits = {"lower": lower, "upper": upper}
    indices = percentile_indices(chosen.quantile, cdf=chosen.cdf, **limits)
    seen = anderson_darling(x, chosen)
    rng = np.random.default_rng(seed)
    drawn, distance = [], []
    for _ in range(resample_count):
        sample = chosen.quantile(rng.random(len(x)))
        again = fit(sample, chosen.family)
        if again is None:
            continue
        try:
            drawn.append(percentile_indices(again.quantile, **limits).ppk)
        except DomainError:
            continue
        distance.append(anderson_darling(sample, again))
    log = np.sort(drawn)
    tail = (1 - confidence) / 2
    # basic bootstrap on the ratio: the index is a ratio of lengths, and the plain percentiles inherit its bias
    ratio = np.quantile(log / indices.ppk, [tail, 1 - tail, confidence]) if indices.ppk > 0 else np.ones(3)
    fit_p = (1 + int((np.array(distance) >= seen).sum())) / (len(distance) + 1)
    checks = (
        Assumption("distribution_fits", fit_p >= 0.05, fit_p, f"A2 = {seen:.3f}"),
        Assumption("enough_for_tails", len(x) >= 100, None, f"n = {len(x)}"),
        Assumption("resamples_fitted", len(drawn) >= 0.9 * resample_count, None, f"{len(drawn)} / {resample_count}"),
    )
    return NonNormalCapability(
        n=len(x),
        fitted=chosen,
        candidates=tuple((f.family, f.aicc) for f in fits),
        choice="asked" if family else "least_aicc",
        indices=indices,
        ppk=Interval(indices.ppk, float(indices.ppk / ratio[1]), float(indices.ppk / ratio[0])),
        ppk_lower=float(indices.ppk / ratio[2]),
        fit_p=fit_p,
        confidence=confidence,
        resample_count=len(drawn),
        convention="iso_22514_percentile",
        assumptions=checks,
    )


def empirical_indices(values: Array, *, lower: float | None = None, upper: float | None = None) -> PercentileIndices:
    """Indices from the sample quantiles themselves (Hazen), for large samples only: below 1,000 values the outer
    percentiles are the extremes of the sample. Raises DomainError as `percentile_indices`; fewer than 1,000 values."""
    x = np.sort(np.asarray(values, float).ravel())
    if len(x) < 1000:
        raise DomainError("process.too_few_values", got=len(x), allowed=">= 1000")
    return percentile_indices(
        lambda p: stats.mstats.mquantiles(x, [p], alphap=0.5, betap=0.5)[0],
        lower=lower, upper=upper, cdf=lambda v: np.searchsorted(x, v, side="right") / len(x),
    )  # fmt: skip
