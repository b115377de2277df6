"""Shewhart charts with limits from a baseline (phase I), frozen for what comes after it (phase II)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, lag_one, normality
from workbench.process.quality.constants import (
    chart_constants,
    mean_deviation_dof,
    mean_range_dof,
    moving_range_dof,
)
from workbench.process.quality.rules import SHEWHART, WESTERN_ELECTRIC, Rule, Violation, violations

Array = np.ndarray


@dataclass(frozen=True)
class Chart:
    """One charted statistic. `sigma` is that of a plotted point, so (values - centre) / sigma feeds the rules."""

    kind: str  # xbar | range | deviation | individual | moving_range
    values: Array
    centre: float
    lower: float
    upper: float
    sigma: float
    violations: tuple[Violation, ...]

    @property
    def z(self) -> Array:
        return (self.values - self.centre) / self.sigma


@dataclass(frozen=True)
class ChartPair:
    """Location and spread charts of the same subgroups with the process sigma behind their limits."""

    location: Chart
    spread: Chart
    sigma: float  # within subgroups: of one unit
    sigma_dof: float  # equivalent degrees of freedom of that estimate
    convention: str  # how sigma was estimated: mean_range | mean_deviation | moving_range
    subgroup_size: int
    baseline_count: int
    assumptions: tuple[Assumption, ...] = ()  # of the baseline: normal within subgroups, independent in time

    @property
    def violations(self) -> tuple[Violation, ...]:
        return self.location.violations + self.spread.violations

    @property
    def in_control(self) -> bool:
        return not self.violations


def xbar_r(
    subgroups: Array, *, baseline_count: int | None = None, rules: dict[str, Rule] = WESTERN_ELECTRIC
) -> ChartPair:
    """Mean and range chart of `subgroups` (m, n), limits at 3 sigma from the first `baseline_count` (all by default).

    The range chart is judged by its limits only: its distribution is skewed, so zones mean nothing there.
    Source: Montgomery, Introduction to Statistical Quality Control, ch. 6.
    """
    data, base = _baseline(subgroups, baseline_count)
    c = chart_constants(data.shape[1])
    ranges = np.ptp(data, axis=1)
    mean_range = _positive(float(ranges[:base].mean()))
    sigma = mean_range / c.d2
    spread = _chart("range", ranges, mean_range, c.D3 * mean_range, c.D4 * mean_range, c.d3 * sigma, SHEWHART)
    return _pair(data, base, spread, sigma, mean_range_dof(data.shape[1], base), "mean_range", rules)


def xbar_s(
    subgroups: Array, *, baseline_count: int | None = None, rules: dict[str, Rule] = WESTERN_ELECTRIC
) -> ChartPair:
    """Mean and standard deviation chart of `subgroups` (m, n); sigma = (mean s) / c4. Otherwise as `xbar_r`."""
    data, base = _baseline(subgroups, baseline_count)
    n = data.shape[1]
    c = chart_constants(n)
    s = data.std(axis=1, ddof=1)
    mean_s = _positive(float(s[:base].mean()))
    sigma = mean_s / c.c4
    point = sigma * np.sqrt(1 - c.c4**2)
    spread = _chart("deviation", s, mean_s, c.B3 * mean_s, c.B4 * mean_s, point, SHEWHART)
    return _pair(data, base, spread, sigma, mean_deviation_dof(n, base), "mean_deviation", rules)


def individuals(
    values: Array, *, baseline_count: int | None = None, rules: dict[str, Rule] = WESTERN_ELECTRIC
) -> ChartPair:
    """Individuals and moving range chart of `values` (m,), sigma = (mean moving range) / d2(2).

    The moving ranges overlap, so their mean carries less information than independent ranges would.
    """
    values = np.asarray(values, float).ravel()
    data, base = _baseline(values[:, None], baseline_count)
    c = chart_constants(2)
    moving = np.concatenate([[np.nan], np.abs(np.diff(values))])
    mean_range = _positive(float(moving[1:base].mean()))
    sigma = mean_range / c.d2
    spread = _chart("moving_range", moving, mean_range, 0.0, c.D4 * mean_range, c.d3 * sigma, SHEWHART)
    centre = float(data[:base].mean())
    location = _chart("individual", values, centre, centre - 3 * sigma, centre + 3 * sigma, sigma, rules)
    checks = (normality(values[:base]), lag_one(values[:base]))
    return ChartPair(location, spread, sigma, moving_range_dof(base), "moving_range", 1, base, checks)


def _baseline(subgroups: Array, baseline_count: int | None) -> tuple[Array, int]:
    data = np.asarray(subgroups, float)
    if data.ndim != 2 or not np.isfinite(data).all():
        raise DomainError("process.subgroups_uneven", got=data.shape)
    base = len(data) if baseline_count is None else baseline_count
    if not 2 <= base <= len(data):
        raise DomainError("process.baseline", got=base, allowed=f"2 ... {len(data)}")
    return data, base


def _positive(spread: float) -> float:
    if not spread > 0:
        raise DomainError("process.no_variation", got=spread)
    return spread


def _chart(kind: str, values: Array, centre: float, low: float, high: float, sigma: float, rules: dict) -> Chart:
    return Chart(kind, values, centre, low, high, sigma, violations((values - centre) / sigma, rules))


def _pair(data: Array, base: int, spread: Chart, sigma: float, dof: float, convention: str, rules: dict) -> ChartPair:
    means = data.mean(axis=1)
    centre, point = float(means[:base].mean()), sigma / np.sqrt(data.shape[1])
    location = _chart("xbar", means, centre, centre - 3 * point, centre + 3 * point, point, rules)
    # Residuals of one subgroup sum to zero, so one of each is left out.
    checks = (normality((data[:base] - means[:base, None])[:, 1:]), lag_one(means[:base]))
    return ChartPair(location, spread, sigma, dof, convention, data.shape[1], base, checks)
