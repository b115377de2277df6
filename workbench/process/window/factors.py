"""Factors of an experiment: coded variables and the region the runs have explored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import DomainError

Array = np.ndarray


@dataclass(frozen=True)
class Factor:
    """A setting that was varied between `low` and `high`, in the unit its name ends with."""

    name: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise DomainError("process.factor_constant", where=self.name, got=f"{self.low} ... {self.high}")

    @property
    def centre(self) -> float:
        return (self.low + self.high) / 2

    @property
    def half_range(self) -> float:
        return (self.high - self.low) / 2


def coded(factors: Sequence[Factor], settings: Array) -> Array:
    """Settings (n, k) in their units as coded variables: -1 at `low`, +1 at `high`."""
    settings = np.asarray(settings, float)
    return (settings - [f.centre for f in factors]) / [f.half_range for f in factors]


def uncoded(factors: Sequence[Factor], x: Array) -> Array:
    """Coded variables (n, k) back to settings in their units."""
    return np.asarray(x, float) * [f.half_range for f in factors] + [f.centre for f in factors]


@dataclass(frozen=True)
class Region:
    """Where the experiment allows a statement: inside the tested range of every factor and no farther from
    the centre than the farthest run. A central composite gives a disc, a factorial its whole box.
    """

    low: Array
    high: Array
    reach: float

    @classmethod
    def of(cls, x: Array) -> Region:
        """The region explored by the coded runs `x` (n, k)."""
        x = np.atleast_2d(np.asarray(x, float))
        return cls(x.min(axis=0), x.max(axis=0), float(np.linalg.norm(x, axis=1).max()))

    def contains(self, x: Array, slack: float = 1e-9) -> Array:
        """Which of the coded points (n, k) lie inside."""
        return self.margin(x) >= -slack

    def margin(self, x: Array) -> Array:
        """How far inside the coded points (n, k) lie; negative outside."""
        x = np.atleast_2d(np.asarray(x, float))
        return np.minimum(self.reach - np.linalg.norm(x, axis=1), np.minimum(x - self.low, self.high - x).min(axis=1))

    def inward(self, x: Array) -> Array:
        """The points (n, k) moved into the region: clipped to the box, then drawn to the sphere."""
        x = np.clip(np.atleast_2d(np.asarray(x, float)), self.low, self.high)
        distance = np.linalg.norm(x, axis=1, keepdims=True)
        return x * np.minimum(1.0, self.reach / np.maximum(distance, 1e-300))

    def grid(self, count: int) -> tuple[list[Array], Array]:
        """Axes of `count` values over the bounding box of each factor, and all their combinations (count**k, k)."""
        axes = [np.linspace(a, b, count) for a, b in zip(self.low, self.high, strict=True)]
        return axes, np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
