"""Defect-limited yield: six rival models behind one front door, and the defect level that test lets through.

All take the expected number of fatal defects per die, x = area * defect density (dimensionless), and broadcast.
Names differ between authors; each function says which formula it means.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workbench.errors import DomainError


def poisson(x: ArrayLike) -> np.ndarray:
    """exp(-x): defects fall independently and uniformly. Lower bound of the clustered models."""
    return np.exp(-_defects(x))


def murphy(x: ArrayLike) -> np.ndarray:
    """((1 - exp(-x)) / x)^2: triangular spread of defect density. Source: B. T. Murphy, Proc. IEEE 52, 1537 (1964)."""
    x = _defects(x)
    safe = np.where(x > 0, x, 1.0)
    return np.where(x > 0, (-np.expm1(-safe) / safe) ** 2, 1.0)


def seeds(x: ArrayLike) -> np.ndarray:
    """1 / (1 + x): exponential spread of defect density (negative binomial with cluster 1)."""
    return 1 / (1 + _defects(x))


def sqrt_exponential(x: ArrayLike) -> np.ndarray:
    """exp(-sqrt(x)): empirical form for large dies (some texts call this one Seeds, some Bose-Einstein)."""
    return np.exp(-np.sqrt(_defects(x)))


def bose_einstein(x: ArrayLike, layer_count: ArrayLike = 1) -> np.ndarray:
    """1 / (1 + x)^n: x fatal defects expected in each of n equally critical layers."""
    layers = np.asarray(layer_count, float)
    if np.any(layers < 1):
        raise DomainError("cost.domain", where="bose_einstein: layer_count", got=layer_count, allowed=">= 1")
    return (1 + _defects(x)) ** -layers


def negative_binomial(x: ArrayLike, cluster_count: ArrayLike = 10.0) -> np.ndarray:
    """(1 + x/c)^-c: gamma spread of defect density; c is the cluster parameter (c -> infinity is Poisson).

    Source: C. H. Stapper, IBM J. Res. Dev. 27, 549 (1983); Chiplet Actuary uses c = 10 for dies.
    """
    c = np.asarray(cluster_count, float)
    if np.any(c <= 0):
        raise DomainError("cost.domain", where="negative_binomial: cluster_count", got=cluster_count, allowed="> 0")
    return np.exp(-c * np.log1p(_defects(x) / c))  # stays exact for large c


MODELS = {
    "negative_binomial": negative_binomial,
    "poisson": poisson,
    "murphy": murphy,
    "seeds": seeds,
    "sqrt_exponential": sqrt_exponential,
    "bose_einstein": bose_einstein,
}


def die_yield(
    model: str,
    *,
    area_mm2: ArrayLike,
    defect_density_per_cm2: ArrayLike,
    cluster_count: ArrayLike = 10.0,
    layer_count: ArrayLike = 1.0,
) -> np.ndarray:
    """Share of good dies by the named model. Only the negative binomial uses `cluster_count`, only Bose-Einstein
    `layer_count`. The density is that of the whole process: Bose-Einstein spreads it over the layers equally, so it
    gives what the negative binomial gives with a cluster parameter of `layer_count`.

    Raises DomainError for an unknown model, or a negative area or density.
    """
    if model not in MODELS:
        raise DomainError("cost.unknown_model", where="yield_model", got=model, allowed=", ".join(MODELS))
    defects = np.asarray(area_mm2, float) * np.asarray(defect_density_per_cm2, float) / 100.0
    if model == "negative_binomial":
        return negative_binomial(defects, cluster_count)
    if model == "bose_einstein":
        layers = np.asarray(layer_count, float)
        return bose_einstein(defects / layers, layers)
    return MODELS[model](defects)


def williams_brown(*, yield_ratio: ArrayLike, coverage_ratio: ArrayLike) -> np.ndarray:
    """Share of bad parts among those that pass a test of fault coverage T: 1 - Y^(1 - T).

    Valid: 0 < Y <= 1, 0 <= T <= 1, faults equally likely. Source: T. W. Williams, N. C. Brown, IEEE Trans. Comput.
    C-30, 987 (1981). Raises DomainError outside.
    """
    y, t = np.asarray(yield_ratio, float), np.asarray(coverage_ratio, float)
    if np.any(y <= 0) or np.any(y > 1) or np.any(t < 0) or np.any(t > 1):
        raise DomainError("cost.domain", where="williams_brown", got=f"Y = {yield_ratio}, T = {coverage_ratio}",
                          allowed="0 < Y <= 1, 0 <= T <= 1")  # fmt: skip
    return -np.expm1((1 - t) * np.log(y))


def _defects(x: ArrayLike) -> np.ndarray:
    x = np.asarray(x, float)
    if np.any(~(x >= 0)):
        raise DomainError("cost.domain", where="expected defects per die", got=x.min(), allowed=">= 0")
    return x
