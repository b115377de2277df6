"""Zones of a carrier: rings and quadrants compared by analysis of variance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from workbench.errors import DomainError
from workbench.i18n import t
from workbench.process.quality.one_way import OneWay, one_way
from workbench.process.quality.spatial.positions import Positions

Array = np.ndarray
RING_NAMES = ("centre", "ring", "edge")
QUADRANT_NAMES = ("north_east", "north_west", "south_west", "south_east")


@dataclass(frozen=True)
class ZoneStudy:
    """Rings and quadrants of one map. Names as in RING_NAMES, QUADRANT_NAMES; `worst` is the zone farthest from the
    others, of the division with the smaller p-value; p-values are Bonferroni-adjusted for the two divisions."""

    by_ring: OneWay
    by_quadrant: OneWay
    ring_of: Array
    quadrant_of: Array
    ring_p: float
    quadrant_p: float
    worst: str
    convention: str = "zones_permutation"

    def worst_word(self, lang: str | None = None) -> str:
        """Name of the worst zone; further rings are numbered outwards."""
        name, number = ("ring", self.worst.removeprefix("ring_")) if "ring_" in self.worst else (self.worst, "")
        word = t(f"quality.zone.{name}", lang)
        return f"{word} {number}".strip()


def rings(placed: Positions, *, bounds: tuple[float, ...] | None = None) -> Array:
    """Ring number of each unit, 0 at the centre. `bounds` in shares of the radius; by default three of equal area."""
    bounds = tuple(np.sqrt([1 / 3, 2 / 3])) if bounds is None else bounds
    if not bounds or any(not a < b for a, b in pairwise(bounds)) or not 0 < bounds[0] <= 1:
        raise DomainError("process.ring_bounds", got=bounds, allowed="0 < ... <= 1")
    return np.searchsorted(np.asarray(bounds), placed.rho, side="right")


def quadrants(placed: Positions, *, offset_deg: float = 0.0) -> Array:
    """Quadrant number 0 ... 3, counterclockwise from the one that begins at `offset_deg` from +x."""
    return np.floor(((placed.angle_deg - offset_deg) % 360) / 90).astype(int) % 4


def zone_study(
    values: Array,
    placed: Positions,
    *,
    bounds: tuple[float, ...] | None = None,
    offset_deg: float = 0.0,
    permutation_count: int = 999,
    seed: int = 0,
) -> ZoneStudy:
    """Compare zones of `values` (n,), measured or 0/1 for failing, at `placed`.

    Each division is judged by the permutation p-value of its F; eta2 and omega2 say how much it explains.
    Raises DomainError as `one_way` (a map all in one zone) and `rings`.
    """
    ring, quadrant = rings(placed, bounds=bounds), quadrants(placed, offset_deg=offset_deg)
    by_ring = one_way(values, ring, permutation_count=permutation_count, seed=seed)
    by_quadrant = one_way(values, quadrant, permutation_count=permutation_count, seed=seed + 1)
    ring_p, quadrant_p = (min(1.0, 2 * s.significance) for s in (by_ring, by_quadrant))
    study, names = (by_ring, _ring_names(bounds)) if ring_p <= quadrant_p else (by_quadrant, QUADRANT_NAMES)
    n = study.counts
    rest = (study.counts @ study.means - n * study.means) / (n.sum() - n)
    stand_out = np.abs(study.means - rest) / np.sqrt(1 / n + 1 / (n.sum() - n))
    worst = names[int(study.groups[int(np.argmax(stand_out))])]
    return ZoneStudy(by_ring, by_quadrant, ring, quadrant, ring_p, quadrant_p, worst)


def _ring_names(bounds: tuple[float, ...] | None) -> tuple[str, ...]:
    if bounds is None or len(bounds) == 2:
        return RING_NAMES
    return ("centre", *(f"ring_{k}" for k in range(1, len(bounds))), "edge")
