"""Spatial autocorrelation: do neighbours resemble each other more than a shuffled map would make them.

Moments are those of random permutation (the values stay, their places are shuffled), which are exact; p-values come
from seeded permutations, the observed map counted among them, so that they never fall below 1 / (permutations + 1).
Source: Cliff and Ord 1981, Spatial Processes: Models and Applications, ch. 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse, special

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption

Array = np.ndarray
CHUNK = 64  # permutations at a time: keeps 50,000 dies within 50 MB


@dataclass(frozen=True)
class Moran:
    """Moran's I with its exact permutation moments. `p` is one-sided for likeness of neighbours; `p_normal` by z."""

    i: float
    expected: float
    variance: float
    z: float
    p_normal: float
    p: float
    permutation_count: int
    n: int
    assumptions: tuple[Assumption, ...]
    convention: str = "moran_permutation"


@dataclass(frozen=True)
class JoinCount:
    """Joins of one kind. `p` is one-sided in the direction of clustering: many for BB and WW, few for BW."""

    kind: str
    count: float
    expected: float
    variance: float
    z: float
    p: float


@dataclass(frozen=True)
class JoinCounts:
    """Joins between two failing (BB), two good (WW) and unlike (BW) neighbours."""

    bb: JoinCount
    bw: JoinCount
    ww: JoinCount
    joins: int
    black_count: int
    n: int
    permutation_count: int
    assumptions: tuple[Assumption, ...]
    convention: str = "join_count_nonfree"


def moran(values: Array, weights: sparse.csr_array, *, permutation_count: int = 999, seed: int = 0) -> Moran:
    """Moran's I of `values` (n,) with neighbour `weights` (n, n), zero diagonal, any scaling.

    Raises DomainError: fewer than 4 values, no variation, no neighbours, sizes that differ.
    """
    x = np.asarray(values, float).ravel()
    s0, s1, s2 = _sums(weights, len(x))
    z = x - x.mean()
    square = float(z @ z)
    if not square > 0:
        raise DomainError("process.no_variation", got=0)
    n = len(x)
    scale = n / s0 / square
    seen = float(z @ (weights @ z)) * scale
    expected = -1 / (n - 1)
    kurtosis = n * float((z**4).sum()) / square**2
    top = n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0 * s0)
    top -= kurtosis * ((n * n - n) * s1 - 2 * n * s2 + 6 * s0 * s0)
    variance = top / ((n - 1) * (n - 2) * (n - 3) * s0 * s0) - expected**2
    score = (seen - expected) / np.sqrt(variance)
    reached = 0
    for block in shuffles(z, permutation_count, seed):
        reached += int(((block * (weights @ block)).sum(axis=0) * scale >= seen - 1e-12).sum())
    p = (reached + 1) / (permutation_count + 1)
    checks = (_exchangeable(), _connected(weights))
    return Moran(seen, expected, float(variance), float(score), float(special.ndtr(-score)), p, permutation_count, n,
                 checks)  # fmt: skip


def join_counts(
    black: Array, weights: sparse.csr_array, *, permutation_count: int = 999, seed: int = 0
) -> JoinCounts:
    """Join counts of `black` (n,) booleans (failing) with 0/1 symmetric neighbour `weights`, under non-free sampling.

    Raises DomainError: fewer than 4 units, all of one colour, no neighbours, sizes that differ.
    """
    x = np.asarray(black, bool).ravel().astype(float)
    s0, s1, s2 = _sums(weights, len(x))
    n, b = len(x), int(x.sum())
    if b in (0, n):
        raise DomainError("process.no_variation", got=b)
    w = n - b
    seen_bb = float(x @ (weights @ x)) / 2
    degree = np.asarray(weights.sum(axis=1)).ravel()
    seen_bw = float(degree @ x) - 2 * seen_bb
    seen_ww = s0 / 2 - seen_bb - seen_bw
    reached = np.zeros(3, int)
    for block in shuffles(x, permutation_count, seed):
        bb = (block * (weights @ block)).sum(axis=0) / 2
        bw = degree @ block - 2 * bb
        ww = s0 / 2 - bb - bw
        reached += [(bb >= seen_bb - 1e-9).sum(), (bw <= seen_bw + 1e-9).sum(), (ww >= seen_ww - 1e-9).sum()]
    p = (reached + 1) / (permutation_count + 1)
    moments = (_same(b, n, s0, s1, s2), _unlike(b, w, n, s0, s1, s2), _same(w, n, s0, s1, s2))
    kinds = zip(("BB", "BW", "WW"), (seen_bb, seen_bw, seen_ww), moments, p, strict=True)
    found = [
        JoinCount(kind, seen, mean, variance, _score(seen, mean, variance), float(q))
        for kind, seen, (mean, variance), q in kinds
    ]
    checks = (_exchangeable(), _connected(weights), Assumption("enough_joins", found[0].expected >= 1, None,
                                                               f"E(BB) = {found[0].expected:.2f}"))  # fmt: skip
    return JoinCounts(*found, round(s0 / 2), b, n, permutation_count, checks)


def shuffles(x: Array, count: int, seed: int):
    """Blocks (n, <= CHUNK) of seeded random permutations of `x`."""
    rng = np.random.default_rng(seed)
    for begin in range(0, count, CHUNK):
        rows = min(CHUNK, count - begin)
        yield rng.permuted(np.broadcast_to(x, (rows, len(x))), axis=1).T


def _sums(weights: sparse.csr_array, n: int) -> tuple[float, float, float]:
    """S0, S1, S2 of Cliff and Ord."""
    if n < 4 or weights.shape != (n, n):
        raise DomainError("process.too_few_values", got=f"{n}, {weights.shape}", allowed=">= 4")
    s0 = float(weights.sum())
    if not s0 > 0:
        raise DomainError("process.no_neighbours", got=n)
    both = weights + weights.T
    s1 = float((both.multiply(both)).sum()) / 2
    s2 = float(((np.asarray(weights.sum(axis=0)).ravel() + np.asarray(weights.sum(axis=1)).ravel()) ** 2).sum())
    return s0, s1, s2


def _score(seen: float, mean: float, variance: float) -> float:
    return float((seen - mean) / np.sqrt(variance)) if variance > 1e-12 else 0.0


def _falling(n: float, k: int) -> float:
    return float(np.prod([n - i for i in range(k)]))


def _same(b: int, n: int, s0: float, s1: float, s2: float) -> tuple[float, float]:
    """Mean and variance of the joins among `b` units of one colour of `n`."""
    p2, p3, p4 = (_falling(b, k) / _falling(n, k) for k in (2, 3, 4))
    mean = s0 * p2 / 2
    return mean, (s1 * p2 + (s2 - 2 * s1) * p3 + (s0**2 + s1 - s2) * p4) / 4 - mean**2


def _unlike(b: int, w: int, n: int, s0: float, s1: float, s2: float) -> tuple[float, float]:
    """Mean and variance of the joins between `b` and `w` units of two colours of `n`."""
    two, three = b * w / _falling(n, 2), b * w * (b + w - 2) / _falling(n, 3)
    four = 4 * b * (b - 1) * w * (w - 1) / _falling(n, 4)
    mean = s0 * two
    return mean, (2 * s1 * two + (s2 - 2 * s1) * three + (s0**2 + s1 - s2) * four) / 4 - mean**2


def _exchangeable() -> Assumption:
    """Shuffling presumes that every place could have had every value; nothing in one map can test that."""
    return Assumption("places_exchangeable", None, None, "")


def _connected(weights: sparse.csr_array) -> Assumption:
    alone = int((np.asarray(weights.sum(axis=1)).ravel() == 0).sum())
    return Assumption("all_have_neighbours", alone == 0, None, f"{alone}")
