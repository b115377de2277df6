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


@dataclass(frozen=True)
class Category:
    """A setting without a scale: one of `levels` (a tool, a material, a supplier)."""

    name: str
    levels: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.levels)) < 2 or len(set(self.levels)) < len(self.levels):
            raise DomainError("process.factor_constant", where=self.name, got=", ".join(map(str, self.levels)))

    def code(self, levels: Array) -> Array:
        """Effect coding (n, levels - 1) of level numbers (n,): 1 at the level, -1 everywhere at the last, else 0.

        Every coefficient is a level's distance from the mean of all levels; that of the last is minus their sum.
        """
        levels = np.asarray(levels).round().astype(int)
        return np.vstack([np.eye(len(self.levels) - 1), -np.ones(len(self.levels) - 1)])[levels]


Setting = Factor | Category


def expanded(factors: Sequence[Setting], points: Array) -> Array:
    """Points (n, k), coded settings and level numbers of categories, as the columns of a model (n, columns).

    A factor keeps its column, a category takes one less than it has levels.
    """
    points = np.atleast_2d(np.asarray(points, float))
    columns = (f.code(points[:, i]) if isinstance(f, Category) else points[:, i : i + 1] for i, f in enumerate(factors))
    return np.column_stack(list(columns))


def column_names(factors: Sequence[Setting]) -> tuple[str, ...]:
    """Names of the columns of `expanded`: ``pressure_torr``, ``tool [A]``."""
    names = ([f"{f.name} [{v}]" for v in f.levels[:-1]] if isinstance(f, Category) else [f.name] for f in factors)
    return tuple(name for own in names for name in own)


def column_owners(factors: Sequence[Setting]) -> tuple[int, ...]:
    """For each column of `expanded` the number of its factor."""
    widths = (len(f.levels) - 1 if isinstance(f, Category) else 1 for f in factors)
    return tuple(i for i, width in enumerate(widths) for _ in range(width))


def point_of(factors: Sequence[Setting], settings: Array) -> Array:
    """Settings (n, k) in their units, categories by the name of the level, as points: coded and level numbers.

    Raises DomainError for a level that the category does not have.
    """
    settings = np.atleast_2d(np.asarray(settings, object))
    columns = []
    for i, factor in enumerate(factors):
        if isinstance(factor, Category):
            unknown = sorted({str(v) for v in settings[:, i]} - set(factor.levels))
            if unknown:
                allowed = ", ".join(factor.levels)
                raise DomainError("process.level_unknown", where=factor.name, got=", ".join(unknown), allowed=allowed)
            columns.append([float(factor.levels.index(str(v))) for v in settings[:, i]])
        else:
            columns.append((settings[:, i].astype(float) - factor.centre) / factor.half_range)
    return np.column_stack(columns)


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
