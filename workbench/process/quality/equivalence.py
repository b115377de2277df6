"""Tool matching: are two tools alike within a margin. Not finding a difference proves nothing; this does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, normality
from workbench.process.quality.indices import Interval
from workbench.schema import Verdict

Array = np.ndarray
CONVENTIONS = {"welch": "tost_welch", "pooled": "tost_pooled", "paired": "tost_paired"}


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests. `difference` (candidate less reference) with its 1 - 2 alpha interval: equivalent when that
    lies within the margins, which is when `p` (the larger of both tests) is at most alpha. `p_difference` is the usual
    two-sided test. `sigma_ratio` (candidate per reference) has the same confidence."""

    difference: Interval
    margin_low: float
    margin_high: float
    t_low: float
    t_high: float
    dof: float
    p: float
    p_difference: float
    alpha: float
    sigma_ratio: Interval
    sigma_ratio_limit: float | None
    counts: tuple[int, int]
    convention: str  # tost_welch | tost_pooled | tost_paired
    assumptions: tuple[Assumption, ...]

    @property
    def equivalent(self) -> bool:
        return self.p <= self.alpha

    @property
    def spread_matches(self) -> bool | None:
        """Whether the interval of the sigma ratio lies within 1 / limit ... limit; None without a limit."""
        if self.sigma_ratio_limit is None:
            return None
        limit = max(self.sigma_ratio_limit, 1 / self.sigma_ratio_limit)
        return 1 / limit <= self.sigma_ratio.low and self.sigma_ratio.high <= limit

    @property
    def verdict(self) -> Verdict:
        """PASS: matched. FAIL: the whole interval lies outside the margins. MARGINAL: too few units to say, or the
        spread is not shown to match."""
        if self.difference.low > self.margin_high or self.difference.high < self.margin_low:
            return Verdict.FAIL
        return Verdict.PASS if self.equivalent and self.spread_matches is not False else Verdict.MARGINAL


def tool_match(
    reference: Array,
    candidate: Array,
    *,
    margin: float | None = None,
    margin_low: float | None = None,
    margin_high: float | None = None,
    alpha: float = 0.05,
    variances: str = "welch",
    sigma_ratio_limit: float | None = None,
) -> Equivalence:
    """Equivalence of `candidate` (m,) and `reference` (n,) within -`margin` ... `margin`, or the two limits given.

    `variances` "welch" (unequal), "pooled", or "paired" (the same parts on both tools, m = n; the sigma ratio then
    comes from the Pitman-Morgan correlation of sum and difference).
    Raises DomainError: fewer than 3 values a side, no variation, margins that do not enclose an interval.
    Source: Schuirmann 1987, J. Pharmacokin. Biopharm. 15, 657.
    """
    a, b = (np.asarray(v, float).ravel() for v in (reference, candidate))
    low = -margin if margin is not None else margin_low
    high = margin if margin is not None else margin_high
    if low is None or high is None or not low < high:
        raise DomainError("process.margins", got=f"{low} ... {high}")
    paired = variances == "paired"
    if min(len(a), len(b)) < 3 or not (np.isfinite(a).all() and np.isfinite(b).all()) or (paired and len(a) != len(b)):
        raise DomainError("process.too_few_values", got=f"{len(a)}, {len(b)}", allowed=">= 3")
    if variances not in CONVENTIONS:
        raise DomainError("process.choice", got=variances, allowed=", ".join(CONVENTIONS))
    va, vb = a.var(ddof=1), b.var(ddof=1)
    if not (va > 0 and vb > 0):
        raise DomainError("process.no_variation", got=f"{va}, {vb}")
    m, n = len(a), len(b)
    off = float(b.mean() - a.mean())
    if paired:
        d = b - a
        error, dof = float(d.std(ddof=1) / np.sqrt(n)), float(n - 1)
        if not error > 0:
            raise DomainError("process.no_variation", got=0)
        checks = (normality(d),)
    else:
        if variances == "welch":
            parts = np.array([va / m, vb / n])
            error = float(np.sqrt(parts.sum()))
            dof = float(parts.sum() ** 2 / (parts**2 / [m - 1, n - 1]).sum())
        else:
            dof = float(m + n - 2)
            error = float(np.sqrt(((m - 1) * va + (n - 1) * vb) / dof * (1 / m + 1 / n)))
        checks = (normality(a), normality(b))
    t_low, t_high = (off - low) / error, (off - high) / error
    half = stats.t.isf(alpha, dof) * error
    return Equivalence(
        difference=Interval(off, float(off - half), float(off + half)),
        margin_low=low,
        margin_high=high,
        t_low=float(t_low),
        t_high=float(t_high),
        dof=dof,
        p=float(max(stats.t.sf(t_low, dof), stats.t.cdf(t_high, dof))),
        p_difference=float(2 * stats.t.sf(abs(off / error), dof)),
        alpha=alpha,
        sigma_ratio=_paired_ratio(a, b, alpha) if paired else sigma_ratio(a, b, confidence=1 - 2 * alpha),
        sigma_ratio_limit=sigma_ratio_limit,
        counts=(m, n),
        convention=CONVENTIONS[variances],
        assumptions=checks,
    )


def sigma_ratio(reference: Array, candidate: Array, *, confidence: float = 0.95) -> Interval:
    """Sigma of `candidate` per sigma of `reference` with its exact F interval (normal values)."""
    a, b = (np.asarray(v, float).ravel() for v in (reference, candidate))
    ratio, tail = float(b.std(ddof=1) / a.std(ddof=1)), (1 - confidence) / 2
    low, high = stats.f.isf([tail, 1 - tail], len(b) - 1, len(a) - 1)
    return Interval(ratio, float(ratio / np.sqrt(low)), float(ratio / np.sqrt(high)))


def tost_power(
    *, difference: float, margin_low: float, margin_high: float, error: float, dof: float, alpha: float = 0.05
) -> float:
    """Probability that two one-sided tests show equivalence when the true difference is `difference` and `error` is
    the true standard error of its estimate, known with `dof` degrees of freedom. Exact, by integration over sigma.

    Raises DomainError: margins, error or dof not positive. Source: Phillips 1990, J. Pharmacokin. Biopharm. 18, 137.
    """
    if not (margin_low < margin_high and error > 0 and dof > 0):
        raise DomainError("process.margins", got=f"{margin_low} ... {margin_high}, {error}, {dof}")
    t = stats.t.isf(alpha, dof)
    top = (margin_high - margin_low) / (2 * error * t)  # s / sigma beyond which nothing can be shown
    nodes, weights = np.polynomial.legendre.leggauss(400)
    if dof > 200:  # s / sigma is normal for this purpose, and the chi square quantile slow
        low, high = 1 - 8.5 / np.sqrt(2 * dof), 1 + 8.5 / np.sqrt(2 * dof)
    else:
        low, high = np.sqrt(special.chdtri(dof, [1 - 1e-15, 1e-15]) / dof)
    high = min(high, top)
    if not low < high:
        return 0.0
    s = low + (high - low) * (nodes + 1) / 2
    half = dof / 2
    density = np.exp(np.log(2) + half * np.log(half) - special.gammaln(half) + (dof - 1) * np.log(s) - half * s**2)
    inside = special.ndtr((margin_high - difference) / error - t * s)
    inside -= special.ndtr((margin_low - difference) / error + t * s)
    return float((high - low) / 2 * weights @ (density * np.maximum(inside, 0.0)))


def match_units(
    *, margin: float, sigma: float, difference: float = 0.0, assurance: float = 0.8, alpha: float = 0.05
) -> int:
    """Least units on each tool to show a match within +-`margin` with probability `assurance`, at true `difference` and
    `sigma`.

    Raises DomainError: margin not beyond the difference, sigma not positive, more than 100,000 units needed.
    """
    if not (margin > abs(difference) and sigma > 0 and 0 < assurance < 1):
        raise DomainError("process.margins", got=f"{margin}, {difference}, {sigma}, {assurance}")

    def enough(n: int) -> bool:
        return tost_power(difference=difference, margin_low=-margin, margin_high=margin,
                          error=sigma * np.sqrt(2 / n), dof=2 * n - 2, alpha=alpha) >= assurance  # fmt: skip

    high = 2
    while not enough(high):
        high *= 2
        if high > 100_000:
            raise DomainError("process.too_many_units", got=high, allowed="<= 100000")
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _paired_ratio(a: Array, b: Array, alpha: float) -> Interval:
    """Interval of sigma_b / sigma_a of paired values (Pitman 1939, Morgan 1939, Biometrika 31)."""
    n, w = len(a), float(b.var(ddof=1) / a.var(ddof=1))
    r2 = float(np.corrcoef(a, b)[0, 1] ** 2)
    k = 1 + 2 * (1 - r2) * stats.t.isf(alpha, n - 2) ** 2 / (n - 2)
    spread = np.sqrt(max(k * k - 1, 0.0))
    return Interval(float(np.sqrt(w)), float(np.sqrt(w * (k - spread))), float(np.sqrt(w * (k + spread))))
