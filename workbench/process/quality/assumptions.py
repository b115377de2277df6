"""What a result rests on: the checks of its assumptions, and the convention its numbers follow, in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special
from statsmodels.stats.diagnostic import normal_ad

from workbench.i18n import t

Array = np.ndarray
LEAST_FOR_A_TEST = 8  # below this neither test has power worth printing


@dataclass(frozen=True)
class Assumption:
    """One named check. `holds` is None where the data cannot say; `p` is the p-value of the test, where there is one.

    `name` is a code word, `sentence` puts it in words; `detail` holds the figures behind the verdict.
    """

    name: str
    holds: bool | None
    p: float | None = None
    detail: str = ""

    def sentence(self, lang: str | None = None) -> str:
        return t(f"quality.assumption.{self.name}", lang)


def convention_sentence(code: str, lang: str | None = None) -> str:
    """The convention or method `code` of a result, in words."""
    return t(f"quality.convention.{code}", lang)


def normality(values: Array, *, level: float = 0.05) -> Assumption:
    """Anderson-Darling test of normality with estimated mean and sigma; undecided below 8 values."""
    x = _finite(values)
    if len(x) < LEAST_FOR_A_TEST or np.ptp(x) == 0:
        return Assumption("normal", None, None, f"n = {len(x)}")
    statistic, p = (float(v) for v in normal_ad(x))
    return Assumption("normal", p >= level, p, f"A2 = {statistic:.3f}, n = {len(x)}")


def lag_one(values: Array, *, level: float = 0.05) -> Assumption:
    """Independence of values in the order of time by their autocorrelation at lag 1, two-sided; as `normality`.

    The coefficient is standardised by its exact mean -1/n and variance under independent normal values
    (Dufour and Roy 1985, J. Econometrics 29, 257) and judged by the normal distribution.
    """
    x = _finite(values)
    n = len(x)
    if n < LEAST_FOR_A_TEST or np.ptp(x) == 0:
        return Assumption("independent", None, None, f"n = {n}")
    r = autocorrelation(x)
    z = (r + 1 / n) / np.sqrt(autocorrelation_variance(n))
    p = float(2 * special.ndtr(-abs(z)))
    return Assumption("independent", p >= level, p, f"r1 = {r:.3f}, n = {n}")


def autocorrelation(values: Array) -> Array | float:
    """Lag-1 autocorrelation along the last axis: sum (x_t - m)(x_{t+1} - m) / sum (x_t - m)^2."""
    x = np.asarray(values, float)
    centred = x - x.mean(axis=-1, keepdims=True)
    r = (centred[..., 1:] * centred[..., :-1]).sum(axis=-1) / (centred**2).sum(axis=-1)
    return float(r) if np.ndim(r) == 0 else r


def autocorrelation_variance(n: int) -> float:
    """Exact variance of the lag-1 autocorrelation of `n` independent normal values (Dufour and Roy 1985)."""
    return float((n**4 - 4 * n**3 + 3 * n**2 + 4 * n - 4) / ((n + 1) * n**2 * (n - 1) ** 2))


def _finite(values: Array) -> Array:
    x = np.asarray(values, float).ravel()
    return x[np.isfinite(x)]
