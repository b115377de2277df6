"""Drift: which nozzle, chamber or site moves away from its fellows as time goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, lag_one
from workbench.process.quality.multiplicity import benjamini_hochberg, holm

Array = np.ndarray


@dataclass(frozen=True)
class Drift:
    """One level. `slope` per unit of order (Theil-Sen) with its interval, after the trend of the other levels."""

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
    convention: str = "kendall_theil_sen"

    @property
    def suspects(self) -> tuple[Drift, ...]:
        return tuple(found for found in self.levels if found.p_holm <= self.level)


def drifts(units: pd.DataFrame, *, value: str, order: str, factor: str, level: float = 0.05) -> DriftStudy:
    """Trend of `value` along `order` (a number or a time) in each level of `factor` against the trend of the others.

    Kendall's tau is exact for few units without ties. Only levels with at least 4 units are tested.
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
    found, left = [], np.full(len(x), np.nan)
    for k in tested:
        mine = codes == k
        rest = _slope(level_free[~mine], t[~mine])
        straightened = x[mine] - rest * t[mine]
        slope, _, low, high = stats.theilslopes(straightened, t[mine])
        tau = stats.kendalltau(t[mine], straightened)
        p = 1.0 if np.isnan(tau.pvalue) else float(tau.pvalue)
        found.append((names[k], int(mine.sum()), float(slope), float(low), float(high), float(tau.statistic), p))
        left[mine] = straightened - np.median(straightened) - slope * (t[mine] - np.median(t[mine]))
    p = [f[-1] for f in found]
    adjusted = zip(found, holm(p), benjamini_hochberg(p), strict=True)
    levels = sorted((Drift(*f, float(h), float(b)) for f, h, b in adjusted), key=lambda d: d.p)
    common = stats.kendalltau(t, level_free)
    in_order = left[np.argsort(t, kind="stable")]
    return DriftStudy(tuple(levels), _slope(level_free, t), float(common.pvalue), level, (lag_one(in_order),))


def _slope(x: Array, t: Array, most: int = 2000) -> float:
    """Theil-Sen slope; of an evenly spaced part when there are many values (the pairs grow with the square)."""
    if len(x) > most:
        at = np.argsort(t, kind="stable")[np.linspace(0, len(t) - 1, most).round().astype(int)]
        x, t = x[at], t[at]
    return float(stats.theilslopes(x, t)[0]) if np.ptp(t) > 0 else 0.0
