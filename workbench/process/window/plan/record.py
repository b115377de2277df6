"""A plan: which runs to make, in which order, in which block and on which whole plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import DomainError
from workbench.i18n import t
from workbench.process.window.factors import Category, Setting, expanded

Array = np.ndarray


@dataclass(frozen=True)
class Plan:
    """Runs to make. `points` (n, k) are in standard order: coded settings (-1 at a factor's `low`, +1 at its `high`)
    and the level numbers of categories. `order` (n,) lists their numbers as they are to be run.

    `block` and `whole_plot` (n,) number the block and the whole plot (runs that share the hard-to-change settings)
    from 0; None without. `detail` holds what belongs to the kind: generators, alpha, criterion.
    """

    kind: str
    factors: tuple[Setting, ...]
    points: Array
    order: Array
    block: Array | None = None
    whole_plot: Array | None = None
    hard_to_change: tuple[str, ...] = ()
    seed: int | None = None  # of the run order; None while the runs stand in standard order
    detail: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, kind: str, factors: Sequence[Setting], points: Array, **more: Any) -> Plan:
        """A plan in standard order, of `points` (n, k)."""
        points = np.atleast_2d(np.asarray(points, float))
        if points.shape[1] != len(factors):
            raise DomainError("process.plan_factors", where=kind, got=len(factors), allowed=points.shape[1])
        detail = MappingProxyType(dict(more.pop("detail", {})))
        return cls(kind, tuple(factors), points, np.arange(len(points)), detail=detail, **more)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def x(self) -> Array:
        """The points as columns of a model, in standard order."""
        return expanded(self.factors, self.points)

    def words(self, lang: str | None = None) -> str:
        """The kind of plan in words."""
        return t(f"process.plan_kind.{self.kind}", lang)

    def settings(self) -> pd.DataFrame:
        """The factors' settings in their units (categories by name), in standard order."""
        columns = {}
        for i, f in enumerate(self.factors):
            if isinstance(f, Category):
                columns[f.name] = [f.levels[int(v)] for v in self.points[:, i].round()]
            else:
                columns[f.name] = np.round(f.centre + f.half_range * self.points[:, i], 12)
        return pd.DataFrame(columns)

    def table(self) -> pd.DataFrame:
        """One row per run in the order to run: `run`, `standard` (both from 1), `block`, `whole_plot`, the settings."""
        frame = self.settings()
        for name in ("whole_plot", "block"):
            if getattr(self, name) is not None:
                frame.insert(0, name, getattr(self, name) + 1)
        frame.insert(0, "standard", np.arange(1, len(self) + 1))
        frame = frame.iloc[self.order].reset_index(drop=True)
        frame.insert(0, "run", np.arange(1, len(self) + 1))
        return frame

    def randomised(self, seed: int) -> Plan:
        """The same runs in random order: blocks stay together in theirs, whole plots within blocks, runs within plots.

        The order of the blocks themselves is random too, unless the second waits for the first (a composite).
        """
        rng = np.random.default_rng(seed)
        n = len(self)
        block = np.zeros(n, int) if self.block is None else self.block
        plot = np.arange(n) if self.whole_plot is None else self.whole_plot
        blocks = np.unique(block)
        if self.kind != "central_composite":
            blocks = rng.permutation(blocks)
        order: list[int] = []
        for b in blocks:
            for p in rng.permutation(np.unique(plot[block == b])):
                order += rng.permutation(np.nonzero((block == b) & (plot == p))[0]).tolist()
        return replace(self, order=np.array(order), seed=seed)

    def repeated(self, count: int) -> Plan:
        """Every run `count` times; replicates follow in new blocks' numbers only where there were blocks."""
        if count < 1:
            raise DomainError("process.plan_runs", got=count, allowed=">= 1")
        n = len(self)

        def tiled(numbers: Array | None) -> Array | None:
            if numbers is None:
                return None
            return np.concatenate([numbers + i * (int(numbers.max()) + 1) for i in range(count)])

        return replace(
            self,
            points=np.tile(self.points, (count, 1)),
            order=np.arange(n * count),
            block=tiled(self.block),
            whole_plot=tiled(self.whole_plot),
            seed=None,
        )

    def with_centre(self, count: int) -> Plan:
        """With `count` runs in the middle of all factors, as the test of curvature needs. No categories, no blocks."""
        if self.block is not None or any(isinstance(f, Category) for f in self.factors):
            raise DomainError("process.plan_centre", where=self.kind)
        points = np.vstack([self.points, np.zeros((count, self.points.shape[1]))])
        return replace(self, points=points, order=np.arange(len(points)), seed=None)
