"""Bias of a gauge against a reference value: is the mean reading the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, lag_one, normality
from workbench.process.quality.constants import chart_constants, mean_range_dof
from workbench.process.quality.gauge.average_range import d2_star
from workbench.process.quality.indices import Interval

Array = np.ndarray
CONVENTIONS = {"standard_deviation": "bias_standard_deviation", "range": "bias_range"}


@dataclass(frozen=True)
class Bias:
    """Mean reading less `reference`, with the t test of zero bias; `sigma` is the repeatability behind it."""

    reference: float
    n: int
    mean: float
    sigma: float
    dof: float
    bias: Interval
    t: float
    p: float
    confidence: float
    convention: str  # bias_standard_deviation | bias_range
    assumptions: tuple[Assumption, ...]

    @property
    def acceptable(self) -> bool:
        """AIAG: zero lies in the interval."""
        return self.bias.low <= 0 <= self.bias.high


def bias(
    readings: Array, *, reference: float, confidence: float = 0.95, sigma_from: str = "standard_deviation"
) -> Bias:
    """Bias of `readings` (n,) of one part whose true value is `reference`.

    `sigma_from` "standard_deviation": s with n - 1 degrees of freedom. "range": range / d2* with its degrees of
    freedom; the interval is then narrowed by d2 / d2*, as the AIAG form does.
    Raises DomainError: fewer than 3 readings, no variation, an unknown choice. Source: AIAG MSA 4th ed., chapter III.
    """
    x = np.asarray(readings, float).ravel()
    n = len(x)
    if n < 3 or not np.isfinite(x).all():
        raise DomainError("process.too_few_values", got=n, allowed=">= 3")
    if sigma_from not in CONVENTIONS:
        raise DomainError("process.choice", got=sigma_from, allowed=", ".join(CONVENTIONS))
    if np.ptp(x) == 0:
        raise DomainError("process.no_variation", got=0)
    sigma, dof, narrowed = float(x.std(ddof=1)), float(n - 1), 1.0
    if sigma_from == "range":
        star = d2_star(n, 1)
        sigma, dof, narrowed = float(np.ptp(x)) / star, mean_range_dof(n, 1), chart_constants(n).d2 / star
    error = sigma / np.sqrt(n)
    off = float((x - reference).mean())
    t = off / error
    half = float(stats.t.ppf((1 + confidence) / 2, dof) * error * narrowed)
    return Bias(
        reference=reference,
        n=n,
        mean=off + reference,
        sigma=sigma,
        dof=dof,
        bias=Interval(off, off - half, off + half),
        t=float(t),
        p=float(2 * stats.t.sf(abs(t), dof)),
        confidence=confidence,
        convention=CONVENTIONS[sigma_from],
        assumptions=(normality(x), lag_one(x)),
    )
