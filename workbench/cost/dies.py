"""What a die costs before and after the bad ones are thrown away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workbench.cost.wafers import Wafer, dies_per_wafer
from workbench.cost.yield_models import die_yield


@dataclass(frozen=True)
class DieCost:
    """Cost of one die (arrays of any one shape). known good = raw + share of the bad dies of its wafer."""

    dies_per_wafer: np.ndarray
    yield_ratio: np.ndarray
    raw_usd: np.ndarray
    defect_usd: np.ndarray

    @property
    def known_good_usd(self) -> np.ndarray:
        return self.raw_usd + self.defect_usd


def die_cost(
    *,
    area_mm2: ArrayLike,
    wafer_cost_usd: ArrayLike,
    defect_density_per_cm2: ArrayLike,
    wafer: Wafer,
    model: str = "negative_binomial",
    cluster_count: ArrayLike = 10.0,
    layer_count: ArrayLike = 1.0,
) -> DieCost:
    """Raw and known-good cost of a die: wafer price over dies, and over good dies. Arguments broadcast.

    Testing is taken as perfect and free: nothing but the wafer is paid for. Source: Chiplet Actuary (DAC 2022).
    Raises DomainError: a die larger than the wafer, a negative density, an unknown model.
    """
    count = dies_per_wafer(wafer, area_mm2=area_mm2)
    good = die_yield(model, area_mm2=area_mm2, defect_density_per_cm2=defect_density_per_cm2,
                     cluster_count=cluster_count, layer_count=layer_count)  # fmt: skip
    raw = np.asarray(wafer_cost_usd, float) / count
    count, good, raw = np.broadcast_arrays(count, good, raw)
    return DieCost(dies_per_wafer=count, yield_ratio=good, raw_usd=raw, defect_usd=raw * (1 / good - 1))
