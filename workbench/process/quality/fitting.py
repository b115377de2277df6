"""Distributions for capability, fitted fast enough to be fitted again to every bootstrap sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

Array = np.ndarray


@dataclass(frozen=True)
class Fitted:
    """A distribution of `family` with `parameters`, its log likelihood on the sample and small-sample AIC."""

    family: str
    parameters: tuple[float, ...]
    log_likelihood: float
    aicc: float
    quantile: Callable[[Array], Array]
    cdf: Callable[[Array], Array]


def fit(x: Array, family: str) -> Fitted | None:
    """Fit of `family` to `x` (n,), by maximum likelihood (Johnson: by four percentiles, Slifker and Shapiro 1980,
    Technometrics 22, 239); None when the family cannot hold these values."""
    x = np.asarray(x, float)
    found = FAMILIES[family](x)
    if found is None:
        return None
    parameters, quantile, cdf, log_likelihood = found
    k, n = len(parameters), len(x)
    if not np.isfinite(log_likelihood) or n <= k + 1:
        return None
    aicc = 2 * k - 2 * log_likelihood + 2 * k * (k + 1) / (n - k - 1)
    return Fitted(family, tuple(float(v) for v in parameters), float(log_likelihood), float(aicc), quantile, cdf)


def anderson_darling(x: Array, fitted: Fitted) -> float:
    """Anderson-Darling distance of `x` from the distribution."""
    u = np.clip(fitted.cdf(np.sort(x)), 1e-15, 1 - 1e-15)
    n, i = len(u), np.arange(1, len(u) + 1)
    return float(-n - ((2 * i - 1) * (np.log(u) + np.log1p(-u[::-1]))).mean())


def _frozen(distribution, parameters: tuple, x: Array):
    return parameters, distribution.ppf, distribution.cdf, float(distribution.logpdf(x).sum())


def _normal(x: Array):
    parameters = (x.mean(), x.std())
    return _frozen(stats.norm(*parameters), parameters, x)


def _lognormal(x: Array):
    if x.min() <= 0:
        return None
    logs = np.log(x)
    parameters = (logs.mean(), logs.std())
    return _frozen(stats.lognorm(parameters[1], scale=np.exp(parameters[0])), parameters, x)


def _exponential(x: Array):
    if x.min() < 0:
        return None
    return _frozen(stats.expon(scale=x.mean()), (x.mean(),), x)


def _weibull(x: Array):
    """Shape k solves sum x^k ln x / sum x^k - 1/k = mean ln x."""
    if x.min() <= 0:
        return None
    y = x / np.exp(np.log(x).mean())  # scaled, so that powers stay finite
    logs = np.log(y)

    def excess(log_k: float) -> float:
        k = np.exp(log_k)
        w = np.exp(k * (logs - logs.max()))
        return float((w * logs).sum() / w.sum() - 1 / k)

    k = float(np.exp(optimize.brentq(excess, np.log(1e-3), np.log(1e4))))
    scale = float(np.exp(np.log(x).mean()) * np.mean(y**k) ** (1 / k)) if k * logs.max() < 600 else float(x.max())
    return _frozen(stats.weibull_min(k, scale=scale), (k, scale), x)


def _gamma(x: Array):
    """Shape a solves ln a - psi(a) = ln mean - mean ln."""
    if x.min() <= 0:
        return None
    s = float(np.log(x.mean()) - np.log(x).mean())
    if s <= 1e-12:
        return None

    def excess(log_a: float) -> float:
        return float(log_a - special.digamma(np.exp(log_a)) - s)

    a = float(np.exp(optimize.brentq(excess, np.log(1e-4), np.log(1e10))))
    return _frozen(stats.gamma(a, scale=x.mean() / a), (a, x.mean() / a), x)


def _box_cox(x: Array):
    """Power that makes the values normal, by maximum likelihood."""
    if x.min() <= 0:
        return None
    logs, n = np.log(x), len(x)

    def transformed(power: float) -> Array:
        return logs if abs(power) < 1e-8 else np.expm1(power * logs) / power

    def loss(power: float) -> float:
        return float(n / 2 * np.log(transformed(power).var()) - (power - 1) * logs.sum())

    power = float(optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-6}).x)
    y = transformed(power)
    mean, sigma = float(y.mean()), float(y.std())

    def quantile(p: Array) -> Array:
        z = mean + sigma * special.ndtri(p)
        if abs(power) < 1e-8:
            return np.exp(z)
        inside = np.maximum(1 + power * z, 1e-12)  # beyond it the transformed normal has no counterpart
        return np.exp(np.log(inside) / power)

    def cdf(v: Array) -> Array:
        v = np.maximum(np.asarray(v, float), 1e-300)
        z = np.log(v) if abs(power) < 1e-8 else np.expm1(power * np.log(v)) / power
        return special.ndtr((z - mean) / sigma)

    likelihood = -n / 2 * (np.log(2 * np.pi * sigma**2) + 1) + (power - 1) * logs.sum()
    return (power, mean, sigma), quantile, cdf, likelihood


def _johnson(x: Array):
    """SU, SB or the lognormal between them by the ratio of outer to inner percentile distances."""
    z = 0.524
    a, b, c, d = np.quantile(x, special.ndtr([-3 * z, -z, z, 3 * z]), method="hazen")
    m, n, p = d - c, b - a, c - b
    if min(m, n, p) <= 0:
        return None
    ratio = m * n / p**2
    if ratio > 1.0005:
        eta = 2 * z / np.arccosh((m / p + n / p) / 2)
        gamma = eta * np.arcsinh((n / p - m / p) / (2 * np.sqrt(ratio - 1)))
        scale = 2 * p * np.sqrt(ratio - 1) / ((m / p + n / p - 2) * np.sqrt(m / p + n / p + 2))
        shift = (b + c) / 2 + p * (n / p - m / p) / (2 * (m / p + n / p - 2))
        distribution = stats.johnsonsu(gamma, eta, loc=shift, scale=scale)
    elif ratio < 0.9995:
        u, v = p / m, p / n
        eta = z / np.arccosh(np.sqrt((1 + u) * (1 + v)) / 2)
        inverse = 1 / ratio
        gamma = eta * np.arcsinh((v - u) * np.sqrt((1 + u) * (1 + v) - 4) / (2 * (inverse - 1)))
        scale = p * np.sqrt(max(((1 + u) * (1 + v) - 2) ** 2 - 4, 0.0)) / (inverse - 1)
        shift = (b + c) / 2 - scale / 2 + p * (v - u) / (2 * (inverse - 1))
        distribution = stats.johnsonsb(gamma, eta, loc=shift, scale=scale)
        if x.min() <= shift or x.max() >= shift + scale:
            return None  # a value outside the fitted bounds
    else:
        return None
    if not (np.isfinite(eta) and eta > 0 and np.isfinite(scale) and scale > 0):
        return None
    return _frozen(distribution, (gamma, eta, shift, scale), x)


FAMILIES: dict[str, Callable] = {
    "normal": _normal,
    "lognormal": _lognormal,
    "weibull": _weibull,
    "gamma": _gamma,
    "exponential": _exponential,
    "box_cox": _box_cox,
    "johnson": _johnson,
}
