"""Several correlated parameters on one chart: Hotelling T2 and multivariate EWMA.

Sources: Tracy, Young and Mason 1992, J. Quality Technology 24, 88 (individual observations); Alt 1985 (subgroups);
Montgomery, Introduction to Statistical Quality Control, ch. 11; Lowry, Woodall, Champ and Rigdon 1992, Technometrics
34, 46 (MEWMA); Mason, Tracy and Young 1995, J. Quality Technology 27, 99 (contributions).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, special, stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, lag_one
from workbench.process.quality.memory import averaged, averaged_deviation
from workbench.process.quality.run_length import mewma_arl, mewma_limit

Array = np.ndarray


@dataclass(frozen=True)
class MultivariateChart:
    """T2 of every observation or subgroup (m,) with its limits (m,): phase I within the baseline, phase II after it.

    `contributions` (m, p): the part of T2 that vanishes when the parameter is left out, conditional on the others.
    """

    statistic: Array
    limits: Array
    signals: Array
    contributions: Array
    centre: Array
    covariance: Array
    alpha: float
    convention: str  # individual_t2 | subgroup_t2 | mewma | ..._known
    phase: Array  # 1 or 2 of each point
    subgroup_size: int
    baseline_count: int
    arl0: float | None
    assumptions: tuple[Assumption, ...]


def hotelling(
    values: Array,
    *,
    baseline_count: int | None = None,
    alpha: float = 0.0027,
    centre: Array | None = None,
    covariance: Array | None = None,
) -> MultivariateChart:
    """T2 of `values` (m, p) single observations, or (m, n, p) subgroups of n.

    Centre and covariance (of one unit) come from the first `baseline_count` rows; given ones count as known (chi
    square limit). Limits at `alpha` a point: beta within the baseline and F after it for single observations, F for
    subgroups, whose covariance is pooled within.
    Raises DomainError: too few rows for p parameters, or parameters that repeat each other.
    """
    data = np.asarray(values, float)
    if data.ndim not in (2, 3) or not np.isfinite(data).all():
        raise DomainError("process.subgroups_uneven", got=data.shape)
    grouped = data.ndim == 3
    m, n, p = len(data), data.shape[1] if grouped else 1, data.shape[-1]
    base = m if baseline_count is None else baseline_count
    known = centre is not None and covariance is not None
    least = 2 if known or grouped else p + 2
    if not least <= base <= m or (grouped and not known and base * (n - 1) < p + base - 1):
        raise DomainError("process.baseline", got=base, allowed=f"{least} ... {m}")
    means = data.mean(axis=1) if grouped else data
    if not known:
        centre = means[:base].mean(axis=0)
        within = data[:base] - means[:base, None] if grouped else means[:base] - centre
        dof = base * (n - 1) if grouped else base - 1
        covariance = within.reshape(-1, p).T @ within.reshape(-1, p) / dof
    centre, covariance = np.asarray(centre, float), np.asarray(covariance, float)
    statistic, contributions = _t2((means - centre) * np.sqrt(n), covariance)
    phase = np.where(np.arange(m) < base, 1, 2)
    kinds = ("subgroup_t2", "subgroup_t2_known") if grouped else ("individual_t2", "individual_t2_known")
    inside, after = (known_limit(p, alpha),) * 2 if known else (
        t2_limit(m=base, n=n, p=p, alpha=alpha, phase=k) for k in (1, 2)
    )  # fmt: skip
    limits = np.where(phase == 1, inside, after)
    checks = (multinormality(means[:base]), lag_one(statistic[:base]))
    return MultivariateChart(statistic, limits, np.flatnonzero(statistic > limits), contributions, centre, covariance,
                             alpha, kinds[known], phase, n, base, 1 / alpha, checks)  # fmt: skip


def t2_limit(*, m: int, n: int, p: int, alpha: float, phase: int) -> float:
    """Upper limit of T2 with centre and covariance from `m` single observations (n = 1) or subgroups of `n`."""
    if phase not in (1, 2) or p < 1 or not 0 < alpha < 1 or (m <= p + 1 if n == 1 else m * n - m - p + 1 < 1):
        raise DomainError("process.baseline", got=f"m {m}, n {n}, p {p}, {alpha}", allowed=f"> {p + 1}")
    if n == 1 and phase == 1:
        return float((m - 1) ** 2 / m * stats.beta.isf(alpha, p / 2, (m - p - 1) / 2))
    if n == 1:
        return float(p * (m + 1) * (m - 1) / (m * m - m * p) * stats.f.isf(alpha, p, m - p))
    rest = m * n - m - p + 1
    return float(p * (m + (1 if phase == 2 else -1)) * (n - 1) / rest * stats.f.isf(alpha, p, rest))


def known_limit(p: int, alpha: float) -> float:
    """Upper limit of T2 with known centre and covariance: chi square."""
    return float(special.chdtri(p, alpha))


def mewma(
    values: Array,
    *,
    centre: Array | None = None,
    covariance: Array | None = None,
    smoothing: float = 0.1,
    limit: float | None = None,
    arl0: float = 370.4,
    baseline_count: int | None = None,
) -> MultivariateChart:
    """Multivariate EWMA of `values` (m, p), single observations or subgroup means with the covariance of a mean.

    T2 of the average uses its exact covariance at each point. `limit` defaults to the one with the in-control run
    length `arl0`, computed for the asymptotic covariance. Centre and covariance default to those of the first
    `baseline_count` rows and then count as known: give the baseline at least 20 p rows.
    """
    x = np.asarray(values, float)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise DomainError("process.subgroups_uneven", got=x.shape)
    m, p = x.shape
    base = m if baseline_count is None else baseline_count
    if not (p + 2 if covariance is None else 1) <= base <= m:
        raise DomainError("process.baseline", got=base, allowed=f"{p + 2} ... {m}")
    known = centre is not None and covariance is not None
    centre = x[:base].mean(axis=0) if centre is None else np.asarray(centre, float)
    covariance = np.atleast_2d(np.cov(x[:base].T)) if covariance is None else np.asarray(covariance, float)
    if limit is None:
        limit = mewma_limit(arl0, dimension=p, smoothing=smoothing)
    else:
        arl0 = mewma_arl(dimension=p, smoothing=smoothing, limit=limit)
    average = averaged((x - centre).T, smoothing).T / averaged_deviation(m, smoothing)[:, None]
    statistic, contributions = _t2(average, covariance)
    checks = (multinormality(x[:base]), lag_one(_t2(x[:base] - centre, covariance)[0]))
    return MultivariateChart(statistic, np.full(m, limit), np.flatnonzero(statistic > limit), contributions, centre,
                             covariance, 1 / arl0, "mewma_known" if known else "mewma",
                             np.where(np.arange(m) < base, 1, 2), 1, base, arl0, checks)  # fmt: skip


def multinormality(rows: Array, *, level: float = 0.05) -> Assumption:
    """Mardia's kurtosis of `rows` (m, p), two-sided (Mardia 1970, Biometrika 57, 519); undecided below 10 p rows."""
    m, p = rows.shape
    if m < 10 * p:
        return Assumption("multinormal", None, None, f"n = {m}")
    centred = rows - rows.mean(axis=0)
    distance, _ = _t2(centred, centred.T @ centred / m)
    kurtosis = float((distance**2).mean())
    z = (kurtosis - p * (p + 2) * (m - 1) / (m + 1)) / np.sqrt(8 * p * (p + 2) / m)
    p_value = float(2 * special.ndtr(-abs(z)))
    return Assumption("multinormal", p_value >= level, p_value, f"b2 = {kurtosis:.2f}, n = {m}")


def _t2(deviations: Array, covariance: Array) -> tuple[Array, Array]:
    """T2 and, per parameter, T2 minus that of the others: (S^-1 d)_i^2 / (S^-1)_ii."""
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all():
        raise DomainError("process.correlation_singular")
    correlation = covariance / np.outer(scale, scale)
    if np.linalg.cond(correlation) > 1e12:
        raise DomainError("process.correlation_singular")
    try:
        inverse = linalg.cho_solve(linalg.cho_factor(correlation), np.eye(len(scale)))
    except linalg.LinAlgError:
        raise DomainError("process.correlation_singular") from None
    d = deviations / scale
    weighted = d @ inverse
    return (weighted * d).sum(axis=1), weighted**2 / np.diag(inverse)
