"""Excursion alert: does a new lot stand out from its predecessors, at a false-alarm rate that is stated and kept.

Median and median absolute deviation do not care about an old excursion among the predecessors, but they are themselves
uncertain: with 10 predecessors a limit of 3 "sigma" would cry wolf in one lot of 26. The limit is therefore widened
until the chance of a false alarm, over the lots that set it and the lot that is judged, is the stated one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import optimize, special

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, lag_one, normality

Array = np.ndarray
MAD = 1 / special.ndtri(0.75)  # sigma per median absolute deviation of a normal population
DRAWS = 20_000
LEAST = 6


@dataclass(frozen=True)
class ParameterAlert:
    """One parameter. `z`: (value - median) / (1.4826 MAD), alarm beyond `limit`; `rank_p` is the distribution-free
    p-value of being the most remote, never below 1 / (history + 1)."""

    parameter: str
    value: float
    median: float
    sigma: float
    z: float
    limit: float
    alarm: bool
    rank_p: float
    history_count: int
    assumptions: tuple[Assumption, ...]


@dataclass(frozen=True)
class Excursion:
    """Result of `excursion`, most remote first. `rate` is the chance that a clean lot raises any alarm."""

    parameters: tuple[ParameterAlert, ...]
    rate: float
    rate_each: float
    convention: str = "robust_prediction"

    @property
    def alarm(self) -> bool:
        return any(p.alarm for p in self.parameters)


def excursion(history: pd.DataFrame, lot: pd.Series, *, rate: float = 0.01) -> Excursion:
    """Judge `lot` (one figure per parameter) against `history` (a row per earlier lot, the same columns).

    Parameters share `rate` equally (Bonferroni), so it holds however they depend on each other. A parameter with fewer
    than 6 earlier figures, no spread, or no figure in the lot is not judged (limit and z are nan).
    Raises DomainError: no parameter in common, rate outside 0 ... 0.5.
    """
    names = [c for c in history.columns if c in lot.index]
    if not names or not 0 < rate < 0.5:
        raise DomainError("process.column_absent", got=", ".join(map(str, lot.index))[:80],
                          allowed=", ".join(map(str, history.columns))[:80])  # fmt: skip
    each = rate / len(names)
    found = [_judge(str(c), history[c].to_numpy(float), float(lot[c]), each) for c in names]
    found.sort(key=lambda p: -abs(p.z) / p.limit if np.isfinite(p.z) else np.inf)
    return Excursion(tuple(found), rate, each)


@cache
def robust_limit(n: int, rate: float) -> float:
    """t such that |x - median| > t 1.4826 MAD happens with probability `rate` for n + 1 independent normal values, the
    last of them new. The median and MAD are drawn (20,000 seeded samples), the new value integrated.

    Tends to the normal quantile as n grows. Raises DomainError: n < 6, rate outside 0 ... 0.5.
    """
    if n < LEAST or not 0 < rate < 0.5:
        raise DomainError("process.too_few_values", got=f"{n}, {rate}", allowed=f">= {LEAST}; 0 ... 0.5")
    if n > 2000:  # the median and MAD are known by then
        return float(special.ndtri(1 - rate / 2))
    rng = np.random.default_rng(20_000 + n)
    median, mad = np.empty(DRAWS), np.empty(DRAWS)
    block = max(1, 2_000_000 // n)
    for begin in range(0, DRAWS, block):
        x = rng.standard_normal((min(block, DRAWS - begin), n))
        m = np.median(x, axis=1)
        median[begin : begin + len(x)] = m
        mad[begin : begin + len(x)] = np.median(np.abs(x - m[:, None]), axis=1)
    sigma = MAD * mad

    def excess(log_t: float) -> float:
        reach = np.exp(log_t) * sigma
        return float((special.ndtr(median - reach) + special.ndtr(-median - reach)).mean()) - rate

    return float(np.exp(optimize.brentq(excess, np.log(0.1), np.log(1e6), xtol=1e-10)))


def _judge(name: str, earlier: Array, value: float, rate: float) -> ParameterAlert:
    earlier = earlier[np.isfinite(earlier)]
    n, nan = len(earlier), float("nan")
    if n == 0 or not np.isfinite(value):
        return ParameterAlert(name, value, nan, nan, nan, nan, False, nan, n, ())
    median = float(np.median(earlier))
    sigma = float(MAD * np.median(np.abs(earlier - median)))
    everything = np.append(earlier, value)
    remote = np.abs(everything - np.median(everything))
    rank_p = float((remote >= remote[-1] - 1e-15).mean())
    checks = (normality(earlier), lag_one(earlier))
    if n < LEAST or sigma == 0:
        return ParameterAlert(name, value, median, sigma, nan, nan, False, rank_p, n, checks)
    z, limit = (value - median) / sigma, robust_limit(n, rate)
    return ParameterAlert(name, value, median, sigma, float(z), limit, bool(abs(z) > limit), rank_p, n, checks)
