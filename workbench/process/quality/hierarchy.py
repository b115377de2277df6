"""The two hierarchies behind limits that borrow strength: of the sigmas of module types, and of their means.

Sigmas: type j has the variance s_j^2, scaled inverse chi square around a common s0^2 with d0 degrees of freedom
(Gelman et al., Bayesian Data Analysis, 3rd ed., 11.6; with d0 and s0 known the moderated variance of Smyth 2004, Stat.
Appl. Genet. Mol. Biol. 3, 3). Both are integrated: s0 under the scale invariant prior, the heterogeneity sqrt(2 / d0),
the relative spread of the variances among types, uniform on 0 ... 1.
Means: normal around a common mean with deviation tau, integrated under a uniform prior of tau (Gelman 2006, Bayesian
Analysis 1, 515; Rubin 1981, J. Educ. Stat. 6, 377).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import optimize, special

Array = np.ndarray


@dataclass(frozen=True)
class SigmaPosterior:
    """Posterior of the variance of each type (rows; the last row is a type never made): values and their shares."""

    variances: Array  # (k + 1, g)
    shares: Array  # (k + 1, g)
    heterogeneity: float  # posterior mean of sqrt(2 / d0); 0: one sigma for all

    @property
    def typical(self) -> Array:
        """1 / E(1 / variance): for one scaled inverse chi square its scale, the moderated variance."""
        return 1 / (self.shares / self.variances).sum(axis=1)

    @property
    def dof(self) -> Array:
        """Degrees of freedom of the chi square whose logarithm spreads as much."""
        log = np.log(self.variances)
        mean = (self.shares * log).sum(axis=1, keepdims=True)
        return 2 * np.array([inverse_trigamma(v) for v in (self.shares * (log - mean) ** 2).sum(axis=1)])


def sigma_posterior(square: Array, dof: Array, prior_dof: float | None = None, nodes: int = 72) -> SigmaPosterior:
    """Variances behind sums of squares `square` (k,) with `dof` (k,), some of them 0.

    `prior_dof` fixes d0: inf makes one variance for all, 0 leaves each type its own (every dof > 0 then). Fewer than
    three types with a sum of squares say nothing about d0: they are pooled.
    """
    square, dof = np.asarray(square, float), np.asarray(dof, float)
    measured = (dof > 0) & (square > 0)
    if prior_dof is None and measured.sum() < 3:
        prior_dof = np.inf
    every = np.append(square, 0.0), np.append(dof, 0.0)
    if prior_dof == np.inf:
        nu, scale = np.full((1, len(every[0])), dof.sum()), np.full((1, len(every[0])), square.sum())
        return _mixture(np.ones(1), nu, scale, nodes, 0.0)
    if prior_dof == 0:
        nu, scale = np.append(dof, dof.sum())[None, :], np.append(square, square.sum())[None, :]
        return _mixture(np.ones(1), nu, scale, nodes, np.inf)
    c, c_weight = _unit_gauss(10)
    if prior_dof is not None:
        c, c_weight = np.array([np.sqrt(2 / prior_dof)]), np.ones(1)
    logs, priors, weights = [], [], []
    for cc, weight in zip(c, c_weight, strict=True):
        d0 = 2 / cc**2
        s0, s0_weight = _common_scale(square[measured], dof[measured], d0)
        logs.append(_log_marginal(square, dof, d0, s0) + np.log(s0_weight * weight))
        priors.append(np.full(len(s0), d0))
        weights.append(s0)
    log, d0, s0 = (np.concatenate(part) for part in (logs, priors, weights))
    share = np.exp(log - log.max())
    share /= share.sum()
    keep = share > 1e-7 * share.max()
    share, d0, s0 = share[keep] / share[keep].sum(), d0[keep, None], s0[keep, None]
    heterogeneity = float(share @ np.sqrt(2 / d0[:, 0]))
    return _mixture(share, d0 + every[1], d0 * s0 + every[0], nodes, heterogeneity)


def _common_scale(square: Array, dof: Array, d0: float, nodes: int = 24) -> tuple[Array, Array]:
    """Values of s0^2 around where the log variances put it, and their weights under the scale invariant prior."""
    spread = special.polygamma(1, dof / 2) + special.polygamma(1, d0 / 2)
    log = np.log(square / dof) - special.digamma(dof / 2) + np.log(dof / 2)
    middle = (log / spread).sum() / (1 / spread).sum() + special.digamma(d0 / 2) - np.log(d0 / 2)
    x, weight = _sinh_nodes(nodes)
    deviation = np.sqrt(1 / (1 / spread).sum())
    return np.exp(middle + 1.3 * deviation * x), weight * deviation


def _log_marginal(square: Array, dof: Array, d0: float, s0: Array) -> Array:
    """Log likelihood of all sums of squares for each s0^2 (n,): the variances are s0^2 F(dof, d0)."""
    total = d0 + dof
    terms = (
        special.gammaln(total / 2) - special.gammaln(d0 / 2) + d0 / 2 * np.log(d0 * s0[:, None])
        - total / 2 * np.log(d0 * s0[:, None] + square)
    )  # fmt: skip
    return terms.sum(axis=1)


def _mixture(share: Array, nu: Array, scale: Array, nodes: int, heterogeneity: float) -> SigmaPosterior:
    """Collapse mixtures over rows of scale / chi square(nu), (n, k) each, to `nodes` values of the log variance."""
    mean = np.log(scale) - np.log(2) - special.digamma(nu / 2)
    spread = special.polygamma(1, nu / 2)
    middle = share @ mean
    deviation = np.sqrt(share @ (spread + (mean - middle) ** 2))
    x, weight = _sinh_nodes(nodes)
    log = middle[:, None] + deviation[:, None] * x  # (k, g)
    density = np.zeros_like(log)
    constant = nu / 2 * np.log(scale / 2) - special.gammaln(nu / 2)
    for row in range(len(share)):
        exponent = constant[row, :, None] - nu[row, :, None] / 2 * log - scale[row, :, None] / 2 * np.exp(-log)
        density += share[row] * np.exp(exponent)
    density *= weight
    return SigmaPosterior(np.exp(log), density / density.sum(axis=1, keepdims=True), heterogeneity)


def between_posterior(
    y: Array, v: Array, fixed: float | None = None, scale: float | None = None, nodes: int = 64
) -> tuple[Array, Array]:
    """Values of tau and their posterior shares for means `y` (k,) with variances `v` (k,). The prior of tau is uniform,
    or half Cauchy of `scale`; `fixed` gives that value alone."""
    if fixed is not None:
        return np.array([float(fixed)]), np.ones(1)
    u, weight = _unit_gauss(nodes)
    typical = float(np.sqrt(v.mean()) / 2 + y.std(ddof=1))
    tau = typical * u / (1 - u)
    log = between_log_likelihood(y, v, tau) + np.log(weight) - 2 * np.log1p(-u)
    if scale is not None:
        log -= np.log1p((tau / scale) ** 2)
    share = np.exp(log - log.max())
    return tau, share / share.sum()


def between_log_likelihood(y: Array, v: Array, tau: Array) -> Array:
    """Restricted log likelihood of tau (n,), the common mean integrated out."""
    total = v + tau[:, None] ** 2
    place, variance = common_mean(y, v, tau)
    return 0.5 * (np.log(variance) - np.log(total).sum(axis=1) - ((y - place[:, None]) ** 2 / total).sum(axis=1))


def common_mean(y: Array, v: Array, tau: Array) -> tuple[Array, Array]:
    """Estimate of the common mean and its variance (..., n) for variances `v` (..., k) and each tau (n,); no
    information where tau is infinite or there is no mean."""
    v = np.asarray(v, float)
    shape = (*v.shape[:-1], len(tau))
    if np.isinf(tau).any() or not len(y):
        return np.zeros(shape), np.full(shape, np.inf)
    precision = 1 / (v[..., None, :] + tau[:, None] ** 2)
    variance = 1 / precision.sum(axis=-1)
    return variance * (precision @ y), variance


def inverse_trigamma(value: float) -> float:
    """x with trigamma(x) = `value` > 0."""

    def excess(log: float) -> float:
        return float(np.log(special.polygamma(1, np.exp(log)) / value))

    return float(np.exp(optimize.brentq(excess, np.log(1e-6), np.log(1e12))))


@cache
def _unit_gauss(nodes: int) -> tuple[Array, Array]:
    x, weight = np.polynomial.legendre.leggauss(nodes)
    return (x + 1) / 2, weight / 2


def _sinh_nodes(nodes: int) -> tuple[Array, Array]:
    """Nodes dense around 0 and reaching +- 12, with trapezoid weights: smooth densities that vanish at the ends."""
    t = np.linspace(-3.2, 3.2, nodes)
    return np.sinh(t), np.cosh(t) * (t[1] - t[0])
