"""Drift: which nozzle, chamber or site moves away from its fellows as time goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, lag_one
from workbench.process.quality.multiplicity import benjamini_hochberg, holm

Array = np.ndarray
FEW = 200  # units up to which slopes are compared by shuffling
SHUFFLES = 4999


@dataclass(frozen=True)
class Drift:
    """One level. `slope` per unit of order (Theil-Sen) less that of the other levels, with a 95 % interval; `tau` is
    Kendall's, after the trend of the others."""

    level: object
    count: int
    slope: float
    low: float
    high: float
    tau: float
    p: float
    p_holm: float
    p_bh: float


@dataclass(frozen=True)
class DriftStudy:
    """Result of `drifts`: levels by p; `common_*` is the trend all levels share."""

    levels: tuple[Drift, ...]
    common_slope: float
    common_p: float
    level: float
    assumptions: tuple[Assumption, ...]
    convention: str = "slopes_on_ranks"

    @property
    def suspects(self) -> tuple[Drift, ...]:
        return tuple(found for found in self.levels if found.p_holm <= self.level)


def drifts(units: pd.DataFrame, *, value: str, order: str, factor: str, level: float = 0.05) -> DriftStudy:
    """Trend of `value` along `order` (a number or a time) in each level of `factor` against the trend of the others.

    The test compares slopes on ranks of what is left once levels and the common slope are taken out, by shuffling up
    to FEW units and by its normal limit beyond. It allows for the others' slope being an estimate too: taken for the
    truth, it would double the false alarms among eight levels. Only levels with at least 4 units are tested.
    Raises DomainError: a column is absent, fewer than 2 such levels.
    """
    absent = [c for c in (value, order, factor) if c not in units.columns]
    if absent:
        raise DomainError("process.column_absent", got=", ".join(absent), allowed=", ".join(map(str, units.columns)))
    rows = units[units[value].notna() & units[order].notna()]
    when = rows[order]
    t = (when - when.min()).dt.total_seconds().to_numpy() if hasattr(when, "dt") else when.to_numpy(float)
    x = rows[value].to_numpy(float)
    codes, names = pd.factorize(rows[factor], use_na_sentinel=False)
    tested = [k for k in range(len(names)) if (codes == k).sum() >= 4 and np.ptp(t[codes == k]) > 0]
    if len(tested) < 2:
        raise DomainError("process.groups", got=len(tested), allowed=">= 2")
    medians = np.array([np.median(x[codes == k]) for k in range(len(names))])
    level_free = x - medians[codes]
    common_slope = _slope(level_free, t)
    tests = _interactions(level_free - common_slope * t, t, codes, tested)
    found, left = [], np.full(len(x), np.nan)
    for k, (p, inflation) in zip(tested, tests, strict=True):
        mine = codes == k
        rest = _slope(level_free[~mine], t[~mine])
        straightened = x[mine] - rest * t[mine]
        slope, _, low, high = stats.theilslopes(straightened, t[mine])
        low, high = slope - inflation * (slope - low), slope + inflation * (high - slope)
        tau = float(np.nan_to_num(stats.kendalltau(t[mine], straightened).statistic))
        found.append((names[k], int(mine.sum()), float(slope), float(low), float(high), tau, p))
        left[mine] = straightened - np.median(straightened) - slope * (t[mine] - np.median(t[mine]))
    p = [f[-1] for f in found]
    ways = (holm(p), benjamini_hochberg(p)) if len(tested) > 2 else (p, p)  # two levels are one question
    adjusted = zip(found, *ways, strict=True)
    levels = sorted((Drift(*f, float(h), float(b)) for f, h, b in adjusted), key=lambda d: d.p)
    common = stats.kendalltau(t, level_free)
    in_order = left[np.argsort(t, kind="stable")]
    return DriftStudy(tuple(levels), common_slope, float(common.pvalue), level, (lag_one(in_order),))


def _interactions(left: Array, t: Array, codes: Array, tested: list[int]) -> list[tuple[float, float]]:
    """For each level (p-value, standard error per that of its own slope): its slope on ranks less that of the others.

    That difference is a fixed combination of ranks, so its variance under shuffling is exact.
    """
    ranks = stats.rankdata(left)
    ranks = (ranks - ranks.mean()) / max(float(ranks.std(ddof=1)), 1e-300)
    centred = t - (np.bincount(codes, t) / np.bincount(codes))[codes]
    square = np.bincount(codes, centred**2)
    weights, inflations = [], []
    for k in tested:
        others = square.sum() - square[k]
        weights.append(np.where(codes == k, centred / square[k], -centred / others))
        inflations.append(float(np.sqrt(1 + square[k] / others)))
    weights = np.array(weights)
    seen = np.abs(weights @ ranks)
    if len(ranks) > FEW:
        p = 2 * special.ndtr(-seen / np.sqrt((weights**2).sum(axis=1)))
    else:
        shuffled = np.random.default_rng(0).permuted(np.broadcast_to(ranks, (SHUFFLES, len(ranks))), axis=1)
        reached = (np.abs(weights @ shuffled.T) >= seen[:, None] * (1 - 1e-9)).sum(axis=1)
        p = (reached + 1) / (SHUFFLES + 1)
    return [(float(a), b) for a, b in zip(p, inflations, strict=True)]


def _slope(x: Array, t: Array, most: int = 2000) -> float:
    """Theil-Sen slope; of an evenly spaced part when there are many values (the pairs grow with the square)."""
    if len(x) > most:
        at = np.argsort(t, kind="stable")[np.linspace(0, len(t) - 1, most).round().astype(int)]
        x, t = x[at], t[at]
    return float(stats.theilslopes(x, t)[0]) if np.ptp(t) > 0 else 0.0
