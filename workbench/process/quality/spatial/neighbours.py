"""Who is beside whom on a lattice of dies with holes."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from workbench.errors import DomainError

Array = np.ndarray
ROOK = ((0, 1), (1, 0))
QUEEN = (*ROOK, (1, 1), (1, -1))


def neighbours(column: Array, row: Array, *, rule: str = "rook", reach: int = 1) -> sparse.csr_array:
    """Symmetric 0/1 matrix (n, n) of units at lattice places `column`, `row` (n,), integers, no place twice.

    "rook" shares an edge, "queen" an edge or a corner. `reach` > 1 also joins units so many steps apart along these
    directions' square (queen) or diamond (rook). Raises DomainError: a place twice, an unknown rule.
    """
    c, r = np.asarray(column).ravel().astype(np.int64), np.asarray(row).ravel().astype(np.int64)
    if rule not in ("rook", "queen") or not 1 <= reach <= 5:
        raise DomainError("process.choice", got=f"{rule}, {reach}", allowed="rook, queen; 1 ... 5")
    if len(c) != len(r) or not len(c):
        raise DomainError("process.values_and_labels", got=f"{len(c)}, {len(r)}")
    width = int(c.max() - c.min()) + 1 + 2 * reach
    key = (c - c.min() + reach) + width * (r - r.min())
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    if np.any(np.diff(ordered) == 0):
        raise DomainError("process.place_twice", got=int((np.diff(ordered) == 0).sum()))
    begins, ends = [], []
    for dc, dr in _steps(rule, reach):
        wanted = key + dc + width * dr
        at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
        met = ordered[at] == wanted
        begins.append(np.flatnonzero(met))
        ends.append(order[at[met]])
    i, j = np.concatenate(begins), np.concatenate(ends)
    ones = np.ones(2 * len(i))
    return sparse.csr_array((ones, (np.concatenate([i, j]), np.concatenate([j, i]))), shape=(len(c), len(c)))


def _steps(rule: str, reach: int) -> list[tuple[int, int]]:
    """Half of the steps: the other half follows by symmetry."""
    box = range(-reach, reach + 1)
    return [
        (dc, dr)
        for dr in range(reach + 1) for dc in box
        if (dr > 0 or dc > 0) and (rule == "queen" or abs(dc) + dr <= reach)
    ]  # fmt: skip
