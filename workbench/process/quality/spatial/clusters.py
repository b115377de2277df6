"""Clusters of failing dies: how large they are, what shape they have, and whether chance makes such ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from workbench.errors import DomainError
from workbench.process.quality.spatial.autocorrelation import shuffles

Array = np.ndarray


@dataclass(frozen=True)
class Cluster:
    """Connected failing dies. `along`, `across`: standard deviations along its axes (lattice steps); `angle_deg` of the
    long axis, 0 ... 180; `elongation` their ratio, counting a die as 1 wide."""

    members: Array
    size: int
    column: float
    row: float
    along: float
    across: float
    angle_deg: float

    @property
    def elongation(self) -> float:
        die = 1 / np.sqrt(12)
        return float(np.hypot(self.along, die) / np.hypot(self.across, die))


@dataclass(frozen=True)
class ClusterStudy:
    """Clusters, largest first, and how often a shuffled map has one as large as the largest."""

    clusters: tuple[Cluster, ...]
    largest: int
    p: float
    permutation_count: int
    failing_count: int
    n: int
    convention: str = "largest_cluster_permutation"


def clusters(
    failing: Array,
    column: Array,
    row: Array,
    weights: sparse.csr_array,
    *,
    permutation_count: int = 999,
    seed: int = 0,
    least: int = 2,
) -> ClusterStudy:
    """Clusters of at least `least` `failing` (n,) dies at lattice places `column`, `row`, joined by `weights`.

    Raises DomainError: sizes that differ, no failing die.
    """
    x = np.asarray(failing, bool).ravel()
    c, r = np.asarray(column, float).ravel(), np.asarray(row, float).ravel()
    if not len(x) == len(c) == len(r) == weights.shape[0]:
        raise DomainError("process.values_and_labels", got=f"{len(x)}, {len(c)}, {len(r)}, {weights.shape[0]}")
    if not x.any():
        raise DomainError("process.no_failing", got=0)
    edges = joined_pairs(weights)
    label = _labels(x, edges)
    members = np.flatnonzero(x)
    order = np.argsort(label[members], kind="stable")
    groups = np.split(members[order], np.flatnonzero(np.diff(label[members][order])) + 1)
    found = sorted((g for g in groups if len(g) >= least), key=len, reverse=True)
    largest = max(len(g) for g in groups)
    reached = 0
    for block in shuffles(x, permutation_count, seed):
        reached += int((largest_sizes(block, edges) >= largest).sum())
    p = (reached + 1) / (permutation_count + 1)
    shaped = tuple(_shape(g, c[g], r[g]) for g in found)
    return ClusterStudy(shaped, largest, p, permutation_count, int(x.sum()), len(x))


def joined_pairs(weights: sparse.csr_array) -> tuple[Array, Array]:
    """Each neighbouring pair once."""
    upper = sparse.triu(weights, k=1).tocoo()
    return upper.row.astype(np.int64), upper.col.astype(np.int64)


def largest_sizes(black: Array, edges: tuple[Array, Array]) -> Array:
    """Size of the largest cluster in each column of `black` (n, m) booleans: one graph of m separate maps."""
    n = len(black)
    i, j = edges
    met = black[i] & black[j]
    pair, which = np.nonzero(met)
    a, b = i[pair] + n * which, j[pair] + n * which
    places, renamed = np.unique(np.concatenate([a, b]), return_inverse=True)  # only dies with a failing neighbour
    sizes = np.minimum(black.sum(axis=0), 1)
    if len(places):
        graph = sparse.coo_array((np.ones(len(a), np.int8), (renamed[: len(a)], renamed[len(a) :])),
                                 shape=(len(places), len(places)))  # fmt: skip
        count, label = csgraph.connected_components(graph, directed=False)
        size = np.bincount(label, minlength=count)
        np.maximum.at(sizes, places // n, size[label])
    return sizes


def _labels(x: Array, edges: tuple[Array, Array]) -> Array:
    i, j = edges
    met = x[i] & x[j]
    graph = sparse.coo_array((np.ones(int(met.sum())), (i[met], j[met])), shape=(len(x), len(x)))
    return csgraph.connected_components(graph, directed=False)[1]


def _shape(members: Array, c: Array, r: Array) -> Cluster:
    centred = np.stack([c - c.mean(), r - r.mean()])
    values, axes = np.linalg.eigh(centred @ centred.T / len(members))
    across, along = np.sqrt(np.maximum(values, 0.0))
    angle = np.degrees(np.arctan2(axes[1, 1], axes[0, 1])) % 180
    return Cluster(members, len(members), float(c.mean()), float(r.mean()), float(along), float(across), float(angle))
