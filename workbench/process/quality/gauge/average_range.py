"""Gauge study by averages and ranges: the hand method of AIAG, blind to interaction."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, normality
from workbench.process.quality.constants import chart_constants, mean_range_dof
from workbench.process.quality.gauge.components import GaugeStudy, classes, share
from workbench.process.quality.gauge.intervals import satterthwaite
from workbench.process.quality.gauge.table import checked

Array = np.ndarray
PRINTED_D4 = {2: 3.27, 3: 2.58}  # as AIAG prints them; computed 3.2665 and 2.5746


@cache
def d2_star(values: int, groups: int) -> float:
    """sqrt(d2^2 + d3^2 / groups): makes (mean range / d2*)^2 an unbiased variance.

    Source: Duncan 1955, Industrial Quality Control 11, 18; AIAG MSA 4th ed., appendix C.
    """
    c = chart_constants(values)
    return math.sqrt(c.d2**2 + c.d3**2 / groups)


def range_factors(trials: int, operators: int, parts: int, *, printed: bool = True) -> tuple[float, float, float]:
    """K1, K2, K3: sigma per mean range of trials, per range of operator means, per range of part means.

    `printed` rounds to the four decimals of the AIAG form, which published examples use.
    """
    exact = (1 / chart_constants(trials).d2, 1 / d2_star(operators, 1), 1 / d2_star(parts, 1))
    return tuple(round(k, 4) for k in exact) if printed else exact


def average_and_range(
    values: Array,
    *,
    tolerance_width: float | None = None,
    study_width: float = 6.0,
    confidence: float = 0.95,
    printed: bool = True,
) -> GaugeStudy:
    """Gauge study of `values` (parts, operators, trials) by the average and range method.

    `printed` uses the four-decimal constants of the form (convention "aiag_printed"), otherwise computed ones.
    Intervals: chi square with the degrees of freedom of a range, Satterthwaite for the sums; the operator term is a
    difference, so its interval is approximate. Raises DomainError: shape, no variation.
    Source: AIAG, Measurement Systems Analysis, 4th ed., chapter III.
    """
    data = checked(values)
    p, o, r = data.shape
    k1, k2, k3 = range_factors(r, o, p, printed=printed)
    ranges = np.ptp(data, axis=2)
    mean_range = float(ranges.mean())
    difference = float(np.ptp(data.mean(axis=(0, 2))))
    part_range = float(np.ptp(data.mean(axis=(1, 2))))
    ev = (mean_range * k1) ** 2
    raw = (difference * k2) ** 2 - ev / (p * r)
    av, pv = max(raw, 0.0), (part_range * k3) ** 2
    if not ev + av + pv > 0:
        raise DomainError("process.no_variation", got=0)
    nu = [mean_range_dof(r, p * o), mean_range_dof(o, 1), mean_range_dof(p, 1)]
    found = {
        "repeatability": _bounded([ev], nu[:1], confidence),
        "reproducibility": _bounded([av], nu[1:2], confidence),
        "gauge": _bounded([ev, av], nu[:2], confidence),
        "part": _bounded([pv], nu[2:], confidence),
        "total": _bounded([ev, av, pv], nu, confidence),
    }
    limit = (PRINTED_D4.get(r) if printed else None) or chart_constants(r).D4
    outside = int((ranges > limit * mean_range).sum())
    within = (data - data.mean(axis=2, keepdims=True)).ravel()
    checks = (
        Assumption("ranges_in_control", outside == 0, None, f"UCL = {limit * mean_range:.4f}, {outside} / {p * o}"),
        Assumption("no_interaction", None, None, ""),  # this method cannot see it; the analysis of variance can
        normality(within),
    )
    return GaugeStudy(
        components=share(found, tolerance_width=tolerance_width, study_width=study_width),
        classes=classes(pv, ev + av),
        classes_low=math.nan,
        gauge_percent_low=math.nan,
        gauge_percent_high=math.nan,
        table=(),
        clipped=("reproducibility",) if raw < 0 else (),
        confidence=confidence,
        study_width=study_width,
        pooled=None,
        convention="aiag_average_range_printed" if printed else "aiag_average_range_computed",
        interval_convention="satterthwaite",
        assumptions=checks,
    )


def _bounded(terms: list[float], dofs: list[float], confidence: float) -> tuple[float, float, float]:
    if not sum(terms) > 0:
        return 0.0, 0.0, 0.0
    _, low, high = satterthwaite(terms, dofs, confidence=confidence)
    return sum(terms), low, high
