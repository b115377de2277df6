"""Confidence intervals of variance components: closed forms for sums and differences, simulation for ratios."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats

Array = np.ndarray
DRAWS = 100_000


def modified_large_sample(
    coefficients: Array, mean_squares: Array, dofs: Array, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Two-sided interval of sum c_i E(MS_i), c_i of either sign, from independent mean squares.

    Exact for a single mean square. Not clipped at zero.
    Source: Graybill and Wang 1980, J. Am. Stat. Assoc. 75, 869 (sums); Ting et al. 1990, J. Stat. Comput. Simul. 35,
    135 (differences); Burdick, Borror and Montgomery 2005, Design and Analysis of Gauge R&R Studies.
    """
    c, ms, nu = (np.asarray(v, float) for v in (coefficients, mean_squares, dofs))
    plus, minus = np.flatnonzero(c > 0), np.flatnonzero(c < 0)
    a = (1 - confidence) / 2
    estimate, term = float(c @ ms), np.abs(c) * ms
    g = 1 - nu / stats.chi2.isf(a, nu)
    h = nu / stats.chi2.ppf(a, nu) - 1
    v_low = ((g * term)[plus] ** 2).sum() + ((h * term)[minus] ** 2).sum()
    v_high = ((h * term)[plus] ** 2).sum() + ((g * term)[minus] ** 2).sum()
    for q in plus:
        for r in minus:
            top = stats.f.isf(a, nu[q], nu[r])
            v_low += ((top - 1) ** 2 - (g[q] * top) ** 2 - h[r] ** 2) / top * term[q] * term[r]
            low = stats.f.ppf(a, nu[q], nu[r])
            v_high += ((1 - low) ** 2 - (h[q] * low) ** 2 - g[r] ** 2) / low * term[q] * term[r]
    if len(minus) and len(plus):
        v_low += _same_sign(plus, term, nu, g, a)
        v_high += _same_sign(minus, term, nu, g, a)
    return estimate - float(np.sqrt(max(v_low, 0.0))), estimate + float(np.sqrt(max(v_high, 0.0)))


def _same_sign(which: Array, term: Array, nu: Array, g: Array, a: float) -> float:
    """The cross terms G* and H* of Ting et al. among mean squares of one sign."""
    total = 0.0
    for at, q in enumerate(which):
        for t in which[at + 1 :]:
            both = nu[q] + nu[t]
            joint = (1 - both / stats.chi2.isf(a, both)) ** 2 * both**2 / (nu[q] * nu[t])
            total += (joint - g[q] ** 2 * nu[q] / nu[t] - g[t] ** 2 * nu[t] / nu[q]) / (len(which) - 1) * (
                term[q] * term[t]
            )
    return total


def satterthwaite(terms: Array, dofs: Array, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """(equivalent degrees of freedom, low, high) of the variance sum(terms), each term with its degrees of freedom.

    Source: Satterthwaite 1946, Biometrics Bull. 2, 110. Only for terms of one sign; a difference makes it liberal.
    """
    v, nu = np.asarray(terms, float), np.asarray(dofs, float)
    total = v.sum()
    equivalent = float(total**2 / (v**2 / nu).sum())
    a = (1 - confidence) / 2
    low, high = equivalent / stats.chi2.ppf([1 - a, a], equivalent)
    return equivalent, float(total * low), float(total * high)


def generalized(
    mean_squares: Array, dofs: Array, quantity: Callable[[Array], Array], *, confidence: float, seed: int = 0
) -> tuple[float, float]:
    """Generalized interval of `quantity` (a function of E(MS), shape (k, draws) -> (draws,)): E(MS_i) is drawn as
    MS_i nu_i / chi2(nu_i). Seeded, so the same study gives the same interval.

    Source: Hamada and Weerahandi 2000, J. Quality Technology 32, 241.
    """
    rng = np.random.default_rng(seed)
    ms, nu = np.asarray(mean_squares, float)[:, None], np.asarray(dofs, float)[:, None]
    draws = quantity(ms * nu / rng.chisquare(nu, (len(ms), DRAWS)))
    a = (1 - confidence) / 2
    low, high = np.quantile(draws, [a, 1 - a])
    return float(low), float(high)
