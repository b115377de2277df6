"""Radial behaviour: the profile from centre to edge, and the edge ring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption
from workbench.process.quality.one_way import equal_spread
from workbench.process.quality.spatial.positions import Positions
from workbench.process.quality.straight_line import StraightLine, straight_line

Array = np.ndarray


@dataclass(frozen=True)
class RadialProfile:
    """Means in rings of equal area with their confidence intervals, and the line value = a + b area share.

    On a round wafer b is the bowl: the difference between edge and centre.
    """

    rho: Array  # mean rho of each ring that holds units
    counts: Array
    means: Array
    low: Array
    high: Array
    line: StraightLine
    confidence: float
    assumptions: tuple[Assumption, ...]
    convention: str = "equal_area_rings"

    @property
    def edge_less_centre(self) -> float:
        return self.line.slope


@dataclass(frozen=True)
class EdgeRing:
    """Units within `width_mm` of the edge against the rest.

    `effect` is the difference of shares (failing) or of medians (measured), edge less inside. `p` one-sided for failing
    units (exact, Fisher), two-sided for measures (Mann-Whitney; exact for small maps without ties).
    """

    width_mm: float
    edge_count: int
    inside_count: int
    edge_value: float
    inside_value: float
    effect: float
    p: float
    convention: str


def radial_profile(values: Array, placed: Positions, *, ring_count: int = 6, confidence: float = 0.95) -> RadialProfile:
    """Profile of `values` (n,) at `placed` in `ring_count` rings of equal area.

    Intervals by t in each ring (nan with fewer than 2 units). Raises DomainError: fewer than 3 units or rings < 2.
    """
    x = np.asarray(values, float).ravel()
    if ring_count < 2 or len(x) != len(placed):
        raise DomainError("process.ring_bounds", got=ring_count, allowed=">= 2")
    at = np.minimum((placed.area * ring_count).astype(int), ring_count - 1)
    counts = np.bincount(at, minlength=ring_count)
    held = counts > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.bincount(at, x, minlength=ring_count) / counts
        rho = np.bincount(at, placed.rho, minlength=ring_count) / counts
        s = np.sqrt(np.bincount(at, (x - means[at]) ** 2, minlength=ring_count) / (counts - 1))
        half = stats.t.ppf((1 + confidence) / 2, counts - 1) * s / np.sqrt(counts)
    line = straight_line(placed.area, x)
    return RadialProfile(rho[held], counts[held], means[held], (means - half)[held], (means + half)[held], line,
                         confidence, (equal_spread(x, at),))  # fmt: skip


def edge_ring(values: Array, placed: Positions, *, width_mm: float) -> EdgeRing:
    """Compare units within `width_mm` of the edge with the rest; `values` (n,) booleans (failing) or measures.

    Raises DomainError: no unit in the ring, or none inside it.
    """
    x = np.asarray(values).ravel()
    edge = placed.edge_distance_mm < width_mm
    inside = ~edge
    if len(x) != len(placed) or not edge.any() or not inside.any():
        raise DomainError("process.edge_ring", got=f"{int(edge.sum())} / {len(x)}", allowed="1 ... n - 1")
    if x.dtype == bool:
        table = [[x[edge].sum(), (~x[edge]).sum()], [x[inside].sum(), (~x[inside]).sum()]]
        p = float(stats.fisher_exact(table, alternative="greater").pvalue)
        a, b, convention = float(x[edge].mean()), float(x[inside].mean()), "fisher_exact_one_sided"
    else:
        x = x.astype(float)
        p = float(stats.mannwhitneyu(x[edge], x[inside], alternative="two-sided").pvalue)
        a, b, convention = float(np.median(x[edge])), float(np.median(x[inside])), "mann_whitney"
    return EdgeRing(width_mm, int(edge.sum()), int(inside.sum()), a, b, a - b, p, convention)
