"""The set point: yield while the tool drifts around it, the best place for it, and the range to hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special
from scipy.stats import qmc

from workbench.process.window.factors import Region
from workbench.process.window.predictor import Predictor
from workbench.process.window.probability import (
    Draws,
    Limits,
    conformance,
    conformance_interval,
    posterior,
    worst_case,
)

Array = np.ndarray


@dataclass(frozen=True)
class Drift:
    """Normal wander of the settings around the set point: standard deviation of each coded factor."""

    sd: Array

    def points(self, x: Array, *, points_log2: int, seed: int) -> Array:
        """2**points_log2 coded settings around `x` (k,), by a scrambled Sobol sequence; only `x` without drift."""
        if not np.any(self.sd):
            return np.asarray(x, float)[None]
        u = qmc.Sobol(len(self.sd), scramble=True, rng=seed).random_base2(points_log2)
        return x + special.ndtri(np.clip(u, 1e-12, 1 - 1e-12)) * self.sd


@dataclass(frozen=True)
class DriftYield:
    """Share of conforming units while drifting; `standard_error` is that of the integration alone."""

    value: float
    standard_error: float
    point_count: int
    outside_ratio: float  # share of the drifted settings beyond the explored region: extrapolated


def yield_with_drift(
    surfaces: Sequence[Predictor],
    limits: Sequence[Limits],
    x: Array,
    drift: Drift,
    *,
    region: Region | None = None,
    correlation: Array | None = None,
    points_log2: int = 9,
    replicate_count: int = 8,
    seed: int = 0,
) -> DriftYield:
    """Expected probability of conformance while the settings drift around the coded set point `x` (k,).

    The unit-to-unit part is integrated exactly (predictive distribution); only the drift is sampled, by
    `replicate_count` independently scrambled Sobol sequences whose spread gives the standard error
    (Owen 1997, SIAM J. Numer. Anal. 34, 1884).
    """
    values, outside = [], []
    for i in range(replicate_count):
        points = drift.points(x, points_log2=points_log2, seed=seed + i)
        values.append(float(conformance(surfaces, limits, points, correlation=correlation)[0].mean()))
        outside.append(0.0 if region is None else float(1 - region.contains(points).mean()))
        if not np.any(drift.sd):
            return DriftYield(values[0], 0.0, 1, outside[0])
    error = float(np.std(values, ddof=1) / np.sqrt(replicate_count))
    return DriftYield(float(np.mean(values)), error, replicate_count << points_log2, float(np.mean(outside)))


@dataclass(frozen=True)
class SetPoint:
    """A set point (coded `x`) and what to expect there."""

    x: Array
    drifted: DriftYield
    still: float  # without drift
    single: Array  # each response alone, without drift
    worst_case: float  # without drift, whatever the dependence between the responses
    low: float  # credible interval of the true share, with drift
    high: float


def recommend(
    surfaces: Sequence[Predictor],
    limits: Sequence[Limits],
    region: Region,
    drift: Drift,
    *,
    correlation: Array | None = None,
    confidence: float = 0.95,
    grid_count: int = 25,
) -> SetPoint:
    """The coded set point inside `region` with the highest probability of conformance while drifting.

    A grid (a Sobol set above three factors) finds the basin, Nelder-Mead polishes it; both judge by the same fixed
    drift points, so the search is smooth and repeatable.
    """
    k = len(region.low)
    if k <= 3:
        candidates = region.grid(grid_count if k < 3 else 13)[1]
    else:
        candidates = qmc.scale(qmc.Sobol(k, scramble=True, rng=0).random_base2(12), region.low, region.high)
    candidates = candidates[region.contains(candidates)]
    offsets = drift.points(np.zeros(k), points_log2=5, seed=0)

    def expected(x: Array) -> Array:
        points = (x[:, None, :] + offsets).reshape(-1, k)
        joint = conformance(surfaces, limits, points, correlation=correlation)[0]
        return joint.reshape(len(x), -1).mean(axis=1)

    start = candidates[int(np.argmax(expected(candidates)))]
    found = optimize.minimize(
        lambda x: -float(expected(region.inward(x))[0]),
        start,
        method="Nelder-Mead",
        options={"xatol": 1e-4, "fatol": 1e-8, "initial_simplex": _simplex(start, 0.05)},
    )
    return at_set_point(
        surfaces,
        limits,
        region.inward(found.x)[0],
        drift,
        region=region,
        correlation=correlation,
        confidence=confidence,
    )


def at_set_point(
    surfaces: Sequence[Predictor],
    limits: Sequence[Limits],
    x: Array,
    drift: Drift,
    *,
    region: Region | None = None,
    correlation: Array | None = None,
    confidence: float = 0.95,
    draws: Draws | None = None,
) -> SetPoint:
    """What to expect at a given coded set point `x` (k,)."""
    still, single = conformance(surfaces, limits, x[None], correlation=correlation)
    drifted = yield_with_drift(surfaces, limits, x, drift, region=region, correlation=correlation)
    _, low, high = conformance_interval(
        surfaces,
        limits,
        drift.points(x, points_log2=6, seed=0),
        correlation=correlation,
        confidence=confidence,
        draws=draws or posterior(surfaces),
    )
    return SetPoint(x, drifted, float(still[0]), single[0], float(worst_case(single)[0]), low, high)


def operating_range(inside: Array) -> tuple[slice, slice] | None:
    """Largest rectangle of grid points that are all `inside` (boolean, two factors); None when there is no point.

    Largest by the number of grid points, found by growing histograms with a stack, O(points). Both slices hold
    grid indices; the rectangle's corners are grid points themselves, so it never reaches beyond what was judged.
    """
    inside = np.asarray(inside, bool)
    best, found = 0, None
    height = np.zeros(inside.shape[1], int)
    for row in range(inside.shape[0]):
        height = np.where(inside[row], height + 1, 0)
        stack: list[int] = []
        for column in range(inside.shape[1] + 1):
            current = height[column] if column < inside.shape[1] else 0
            while stack and height[stack[-1]] >= current:
                tall = height[stack.pop()]
                left = stack[-1] + 1 if stack else 0
                if tall * (column - left) > best:
                    best = int(tall * (column - left))
                    found = (slice(int(row - tall + 1), row + 1), slice(left, column))
            stack.append(column)
    return found


def _simplex(start: Array, size: float) -> Array:
    # stepping towards the centre keeps the first simplex inside the region and not flat
    step = np.where(start > 0, -size, size)
    return np.vstack([start, *(start + np.eye(len(start))[i] * step[i] for i in range(len(start)))])
