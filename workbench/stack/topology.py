"""How the dies of a module lie to each other, as a graph, and how alike two such graphs are.

Dies are the nodes: which tier, which way the active face looks. Edges: one die over another, one beside another in the
same layer. Only order and neighbourhood count, so a module drawn at another scale has the same topology.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from workbench.stack import geometry
from workbench.stack.document import Design
from workbench.stack.part import TOLERANCE_MM

DEPTH = 2  # neighbours of neighbours
_BESIDE = 0.5  # dies are neighbours up to a gap of this share of the shorter side of the smaller one

Edge = tuple[int, int, str]  # from, to, how it looks from `from`


def graph(design: Design) -> tuple[list[str], list[Edge]]:
    """Labels of the placed dies (tier from below and facing: ``0^``, ``1v``) and the edges, each in both directions."""
    labels: list[str] = []
    edges: list[Edge] = []
    tiers = []
    for number, layer in enumerate(design.die_layers):
        corners = geometry.outlines(design, layer)
        tiers.append((len(labels), corners))
        labels += [f"{number}{'^' if placement.facing == 'up' else 'v'}" for placement in layer.placements]
    for first, corners in tiers:
        short = np.linalg.norm(np.diff(corners[:, :3], axis=1), axis=2).min(1)
        for i, j, gap_mm in _near(corners, corners, reach_mm=_BESIDE * float(short.max())):
            if i < j and gap_mm <= _BESIDE * min(short[i], short[j]) + TOLERANCE_MM:
                edges += [(first + i, first + j, "beside"), (first + j, first + i, "beside")]
    for (low, below), (high, above) in pairwise(tiers):
        for i, j, gap_mm in _near(below, above, reach_mm=0.0):
            if gap_mm < -TOLERANCE_MM:
                edges += [(low + i, high + j, "under"), (high + j, low + i, "over")]
    return labels, edges


def _near(a: np.ndarray, b: np.ndarray, *, reach_mm: float) -> list[tuple[int, int, float]]:
    """Pairs of rectangles (n, 4, 2) that may be within reach, with their distance; negative where they overlap."""
    i, j = geometry.near(a, b, reach_mm + TOLERANCE_MM).T
    return list(zip(i.tolist(), j.tolist(), geometry.distances(a[i], b[j]).tolist(), strict=True))


def subtrees(labels: Sequence[str], edges: Sequence[Edge], depth: int = DEPTH) -> dict[str, int]:
    """How often each rooted neighbourhood up to `depth` occurs: the features of the Weisfeiler-Lehman subtree kernel.

    Source: Shervashidze et al. 2011, J. Machine Learning Research 12, 2539 (with labelled edges).
    """
    around: list[list[tuple[str, int]]] = [[] for _ in labels]
    for start, end, how in edges:
        around[start].append((how, end))
    now = list(labels)
    counts = Counter(f"0:{label}" for label in now)
    for level in range(1, depth + 1):
        now = [_short(now[i], sorted((how, now[j]) for how, j in near)) for i, near in enumerate(around)]
        counts.update(f"{level}:{label}" for label in now)
    return dict(counts)


def alikeness(a: Mapping[str, int], b: Mapping[str, int]) -> float:
    """Normalised kernel of two counts of neighbourhoods: 1 for equal graphs, 0 for graphs that share nothing."""
    if a == b:
        return 1.0
    norm = np.sqrt(float(sum(n * n for n in a.values())) * float(sum(n * n for n in b.values())))
    return min(1.0, sum(n * b.get(label, 0) for label, n in a.items()) / norm) if norm else 0.0


def _short(label: str, near: list[tuple[str, str]]) -> str:
    return hashlib.blake2s(repr((label, near)).encode(), digest_size=6).hexdigest()
