"""Linearity of a gauge: does its bias change along the scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, normality
from workbench.process.quality.one_way import equal_spread
from workbench.process.quality.straight_line import StraightLine, straight_line

Array = np.ndarray


@dataclass(frozen=True)
class Linearity:
    """Bias against reference: `references` (k,), their mean bias and its p-value, and the line through all biases.

    `band` (2, k) bounds the line at the references. `linear_p` and `absent_p` test slope = 0 and intercept = 0.
    `lack_of_fit_p` is small when a straight line is the wrong model (nan without repeats).
    """

    references: Array
    counts: Array
    biases: Array
    bias_p: Array
    line: StraightLine
    band: Array
    linear_p: float
    absent_p: float
    lack_of_fit_p: float
    confidence: float
    convention: str
    assumptions: tuple[Assumption, ...]

    @property
    def acceptable(self) -> bool:
        """AIAG: the line of zero bias lies wholly within the band."""
        return bool(np.all((self.band[0] <= 0) & (self.band[1] >= 0)))


def linearity(references: Array, readings: Array, *, confidence: float = 0.95) -> Linearity:
    """Linearity from `readings` (n,) of parts whose true values are `references` (n,), at least 3 different ones.

    Raises DomainError: fewer than 3 references, values not finite. Source: AIAG MSA 4th ed., chapter III.
    """
    x, y = np.asarray(references, float).ravel(), np.asarray(readings, float).ravel()
    names, codes, counts = np.unique(x, return_inverse=True, return_counts=True)
    if len(x) != len(y) or len(names) < 3 or not np.isfinite(y).all():
        raise DomainError("process.references", got=len(names), allowed=">= 3")
    off = y - x
    line = straight_line(x, off)
    means = np.bincount(codes, off) / counts
    scatter = off - means[codes]
    pure, pure_dof = float(scatter @ scatter), len(x) - len(names)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.sqrt(np.bincount(codes, scatter**2) / (counts - 1))
        p = 2 * stats.t.sf(np.abs(means) / (s / np.sqrt(counts)), counts - 1)
    lack = float("nan")
    if pure_dof > 0 and pure > 0:
        rest = float(line.residuals @ line.residuals) - pure
        lack = float(stats.f.sf((rest / (len(names) - 2)) / (pure / pure_dof), len(names) - 2, pure_dof))
    checks = (
        normality(line.residuals),
        equal_spread(off, codes),
        Assumption("straight", None if np.isnan(lack) else lack >= 0.05, None if np.isnan(lack) else lack, ""),
    )
    return Linearity(
        references=names,
        counts=counts,
        biases=means,
        bias_p=p,
        line=line,
        band=np.array(line.band(names, confidence=confidence)),
        linear_p=line.slope_p,
        absent_p=line.intercept_p,
        lack_of_fit_p=lack,
        confidence=confidence,
        convention="aiag_linearity",
        assumptions=checks,
    )
