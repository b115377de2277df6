"""The verdict on one map in words: edge ring, ring, centre, sector, scratch, cluster, clustered or random.

Each kind scans its regions and keeps the most surprising one. A shuffled map is scanned the same way, so the p-value
of a kind accounts for every place it looked at, and the adjusted one for all kinds together (Westfall and Young 1993,
minP): over clean maps a verdict other than "random" comes no more often than the stated level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse, special, stats

from workbench.errors import DomainError
from workbench.i18n import t
from workbench.process.quality.assumptions import Assumption
from workbench.process.quality.spatial.autocorrelation import shuffles
from workbench.process.quality.spatial.positions import Positions
from workbench.process.quality.spatial.regions import KINDS, Regions, scan_regions

Array = np.ndarray
CLUSTERED = "clustered"  # neighbours alike, but in no shape that is looked for


@dataclass(frozen=True)
class Evidence:
    """The most surprising region of one kind. `p` and `p_adjusted` by permutation; `log10_tail` of the region alone,
    charged for the number of regions of its kind, ranks the kinds. Values: failing share or mean, inside and outside.
    """

    kind: str
    p: float
    p_adjusted: float
    log10_tail: float
    members: Array
    shape: tuple[float, ...]
    size: int
    inside: float
    outside: float

    def word(self, lang: str | None = None) -> str:
        return t(f"quality.pattern.{self.kind}", lang)


@dataclass(frozen=True)
class Signature:
    """Verdict `kind` with the evidence for every kind, most surprising first."""

    kind: str
    p: float
    level: float
    evidence: tuple[Evidence, ...]
    n: int
    failing_count: int | None
    permutation_count: int
    convention: str
    assumptions: tuple[Assumption, ...]

    def sentence(self, lang: str | None = None) -> str:
        if self.kind == "random":
            return t("quality.signature.random", lang, p=f"{self.p:.3g}", level=f"{self.level:g}")
        best = next(e for e in self.evidence if e.kind == self.kind)
        percent = self.failing_count is not None
        inside, outside = (f"{100 * v:.3g} %" if percent else f"{v:.4g}" for v in (best.inside, best.outside))
        return t(f"quality.signature.{self.kind}", lang, p=f"{self.p:.2g}", size=best.size, inside=inside,
                 outside=outside)  # fmt: skip


def signature(
    values: Array,
    placed: Positions,
    *,
    column: Array,
    row: Array,
    weights: sparse.csr_array,
    level: float = 0.05,
    permutation_count: int = 499,
    seed: int = 0,
    regions: Regions | None = None,
) -> Signature:
    """Verdict on a map of `values` (n,): booleans (failing; regions with too many are sought) or measures (regions
    that differ either way are sought, on normal scores, so that no single reading decides).

    `column`, `row`: lattice places (n,); `weights`: neighbours (n, n). A map with fewer than 2 failing, or fewer than
    2 good dies, or no variation, is "random" with p = 1. `regions` = `scan_regions(placed, column, row)` spares the
    search for maps of one layout. Seven kinds are judged together, so fewer than 299 permutations cannot show much.
    Raises DomainError: sizes that differ, fewer than 8 dies.
    """
    raw = np.asarray(values).ravel()
    n = len(raw)
    if n < 8 or n != len(placed) or weights.shape != (n, n):
        raise DomainError("process.values_and_labels", got=f"{n}, {len(placed)}, {weights.shape}", allowed=">= 8")
    failing = raw.dtype == bool
    convention = "signature_failing" if failing else "signature_measured"
    checks = (Assumption("places_exchangeable", None, None, ""),)
    count = int(raw.sum()) if failing else None
    x = raw.astype(float) if failing else _normal_scores(raw)
    if (failing and not 2 <= count <= n - 2) or np.ptp(x) == 0:
        return Signature("random", 1.0, level, (), n, count, permutation_count, convention, checks)
    regions = scan_regions(placed, column, row) if regions is None else regions
    tail = _failing_tail(regions, n, count) if failing else _measured_tail(regions, n, x)
    starts = np.searchsorted(regions.kind, np.arange(len(KINDS)))
    present = [k for k in range(len(KINDS)) if np.any(regions.kind == k)]
    begins = starts[present]

    def kinds_of(block: Array) -> tuple[Array, Array]:
        """(per region log tail, per kind least log tail; last the clustering statistic) of each column."""
        each = tail(regions.members @ block)
        alike = -(block * (weights @ block)).sum(axis=0)
        return each, np.vstack([np.minimum.reduceat(each, begins, axis=0), alike])

    each, seen = kinds_of(x[:, None])
    shuffled = np.hstack([kinds_of(block)[1] for block in shuffles(x, permutation_count, seed)])
    everything = np.round(np.hstack([seen, shuffled]), 9)  # sums in another order may differ in the last digit
    rank = np.stack([stats.rankdata(line, method="max") for line in everything]) / (permutation_count + 1)
    least = rank[:, 1:].min(axis=0)
    p_adjusted = [(1 + int((least <= p).sum())) / (permutation_count + 1) for p in rank[:, 0]]
    evidence = []
    for at, k in enumerate(present):
        mine = np.flatnonzero(regions.kind == k)
        best = mine[int(np.argmin(each[mine, 0]))]
        inside = np.zeros(n, bool)
        inside[regions.members[[best], :].indices] = True
        means = (float(raw[side].mean()) for side in (inside, ~inside))
        charged = float(each[best, 0] / np.log(10) + np.log10(len(mine)))
        where = tuple(regions.shape[best].tolist())
        evidence.append(Evidence(KINDS[k], float(rank[at, 0]), p_adjusted[at], charged, np.flatnonzero(inside), where,
                                 int(regions.sizes[best]), *means))  # fmt: skip
    evidence.sort(key=lambda e: (e.p_adjusted > level, e.log10_tail))
    degree = np.asarray(weights.sum(axis=1)).ravel()
    alike = (degree > 0) & (raw.astype(float) > raw.mean())
    evidence.append(Evidence(CLUSTERED, float(rank[-1, 0]), p_adjusted[-1], 0.0, np.flatnonzero(alike), (),
                             int(alike.sum()), float(raw[alike].mean()) if alike.any() else float("nan"),
                             float(raw.mean())))  # fmt: skip
    shown = [e for e in evidence if e.p_adjusted <= level]
    kind, p = (shown[0].kind, shown[0].p_adjusted) if shown else ("random", min(p_adjusted))
    return Signature(kind, float(p), level, tuple(evidence), n, count, permutation_count, convention, checks)


def _failing_tail(regions: Regions, n: int, failing: int):
    """counts (k, m) -> log P(at least so many failing dies in the region), exact (hypergeometric)."""
    sizes, at = np.unique(regions.sizes, return_inverse=True)
    k, m = np.arange(int(min(sizes.max(), failing)) + 1), sizes[:, None]
    possible = (k <= m) & (failing - k <= n - m)
    with np.errstate(invalid="ignore", divide="ignore"):
        ways = _log_choose(m, k) + _log_choose(n - m, failing - k) - _log_choose(n, failing)
    share = np.exp(np.where(possible, ways, -np.inf))
    table = np.log(np.clip(np.cumsum(share[:, ::-1], axis=1)[:, ::-1], 1e-300, 1.0))
    return lambda found: table[at[:, None], np.rint(found).astype(int)]


def _measured_tail(regions: Regions, n: int, x: Array):
    """sums (k, m) -> log of the two-sided normal tail of the region's mean under shuffling."""
    m = regions.sizes[:, None].astype(float)
    error = np.sqrt(x.var(ddof=1) * m * (1 - m / n))
    mean = x.mean()
    return lambda sums: np.log(2) + special.log_ndtr(-np.abs(sums - m * mean) / error)


def _log_choose(n: Array, k: Array) -> Array:
    return special.gammaln(np.add(n, 1)) - special.gammaln(np.add(k, 1)) - special.gammaln(np.subtract(n, k) + 1)


def _normal_scores(raw: Array) -> Array:
    values = raw.astype(float)
    if not np.isfinite(values).all():
        raise DomainError("process.values_and_labels", got="NaN")
    return special.ndtri((stats.rankdata(values) - 0.5) / len(values))
