"""Recurring cost of a module by assembly flow, after Chiplet Actuary (Feng and Ma, DAC 2022).

Yields: y1 of the carrier (interposer or redistribution layer), y2 of bonding one die, y3 of bonding to the substrate.
Chip last pays interposer / (y1 y2^n y3) and known-good dies / (y2^n y3); chip first pays both / (y1 y3).

Convention to know: Actuary adds the micro-bump cost of a carrier flow once per chip **type**, whatever its count.
That understates a module of many equal dies, so the default here charges every die (`bump_convention="per_chip"`);
`"per_type"` reproduces Actuary's own figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workbench.cost.dies import DieCost, die_cost
from workbench.cost.parameters import CarrierProcess, CostTable, chiplet_actuary
from workbench.cost.wafers import Wafer, dies_per_wafer
from workbench.cost.yield_models import negative_binomial
from workbench.errors import DomainError

FLOWS = ("soc", "mcm", "fan_out_last", "fan_out_first", "si_interposer")
BUMP_CONVENTIONS = ("per_chip", "per_type")


@dataclass(frozen=True)
class Chip:
    """One type of chip in a module. `node_nm` None means bought in: it takes area and must be bonded, and costs
    nothing here (its price is not known)."""

    name: str
    area_mm2: float
    node_nm: float | None
    count: int = 1


@dataclass(frozen=True)
class Terms:
    """What the user may vary: wafer, yield model, convention, and factors on defect density and chip area.

    The factors may be arrays of one shape; every cost then has that shape. `carrier_area_mm2` replaces the
    carrier area that the source scales from the silicon area.
    """

    wafer: Wafer
    model: str = "negative_binomial"
    cluster_count: float = 10.0
    bump_convention: str = "per_chip"
    defect_ratio: ArrayLike = 1.0
    area_ratio: ArrayLike = 1.0
    carrier_area_mm2: float | None = None

    def __post_init__(self):
        if self.bump_convention not in BUMP_CONVENTIONS:
            raise DomainError("cost.unknown_flow", where="bump_convention", got=self.bump_convention,
                              allowed=", ".join(BUMP_CONVENTIONS))  # fmt: skip

    @classmethod
    def of(cls, table: CostTable) -> Terms:
        return cls(wafer=table.wafer, cluster_count=table.cluster_count)


@dataclass(frozen=True)
class FlowCost:
    """Recurring cost of one good module, in parts. `assembly_yield` is the share of modules, started with known-good
    dies, that come out good."""

    flow: str
    raw_chips_usd: np.ndarray
    defect_chips_usd: np.ndarray
    raw_package_usd: np.ndarray
    defect_package_usd: np.ndarray
    wasted_chips_usd: np.ndarray
    assembly_yield: np.ndarray

    PARTS = ("raw_chips_usd", "defect_chips_usd", "raw_package_usd", "defect_package_usd", "wasted_chips_usd")

    @property
    def total_usd(self) -> np.ndarray:
        return sum(getattr(self, part) for part in self.PARTS)


def chip_cost(chip: Chip, terms: Terms, table: CostTable | None = None) -> DieCost | None:
    """Cost of one die of this type, or None when it is bought in. The wafer price scales with the wafer's area."""
    table = table or chiplet_actuary()
    if chip.node_nm is None:
        return None
    node, _ = table.node(chip.node_nm)
    return die_cost(
        area_mm2=chip.area_mm2 * np.asarray(terms.area_ratio, float),
        wafer_cost_usd=node.wafer_cost_usd * terms.wafer.area_mm2 / table.wafer.area_mm2,
        defect_density_per_cm2=node.defect_density_per_cm2 * np.asarray(terms.defect_ratio, float),
        wafer=terms.wafer,
        model=terms.model,
        cluster_count=terms.cluster_count,
    )


def as_soc(chips: tuple[Chip, ...]) -> tuple[Chip, ...]:
    """The same silicon as one die on the finest node used; bought-in chips cannot be merged and are left out."""
    own = [chip for chip in chips if chip.node_nm is not None]
    if not own:
        return ()
    return (Chip("soc", sum(c.area_mm2 * c.count for c in own), min(c.node_nm for c in own)),)


def flow_cost(flow: str, chips: tuple[Chip, ...], terms: Terms, table: CostTable | None = None) -> FlowCost:
    """Recurring cost of a module made by `flow` (one of FLOWS) from these chips.

    "soc" and "mcm" sit on an organic substrate without a carrier; give "soc" the chips of `as_soc`.
    Raises DomainError: unknown flow, no chips, a carrier or die larger than the wafer.
    """
    table = table or chiplet_actuary()
    if flow not in FLOWS:
        raise DomainError("cost.unknown_flow", where="flow", got=flow, allowed=", ".join(FLOWS))
    if not chips or any(chip.count < 1 for chip in chips):
        raise DomainError("cost.domain", where="chips", got=len(chips), allowed=">= 1")
    if flow in ("soc", "mcm"):
        return _on_substrate(flow, chips, terms, table)
    carrier = table.si_interposer if flow == "si_interposer" else table.fan_out
    return _on_carrier(flow, chips, terms, table, carrier, chip_first=flow == "fan_out_first")


def _dies(chips: tuple[Chip, ...], terms: Terms, table: CostTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Summed raw cost, cost of defects, and area of all chips."""
    scale = np.asarray(terms.area_ratio, float)
    raw, defect = np.zeros_like(scale + terms.defect_ratio), np.zeros_like(scale + terms.defect_ratio)
    for chip in chips:
        cost = chip_cost(chip, terms, table)
        if cost is not None:
            raw, defect = raw + cost.raw_usd * chip.count, defect + cost.defect_usd * chip.count
    return raw, defect, sum(chip.area_mm2 * chip.count for chip in chips) * scale


def _on_substrate(flow: str, chips: tuple[Chip, ...], terms: Terms, table: CostTable) -> FlowCost:
    count = sum(chip.count for chip in chips)
    raw, defect, area = _dies(chips, terms, table)
    raw = raw + area * table.c4_bump_cost_usd_per_mm2
    substrate = area * table.substrate_area_ratio
    factor = np.vectorize(lambda mm2: table.substrate_factor(mm2, chip_count=count), otypes=[float])(substrate)
    package = substrate * table.substrate_cost_usd_per_mm2 * factor
    good = np.full_like(raw, table.substrate_bonding_yield**count)
    lost = 1 / good - 1
    return FlowCost(flow, raw, defect, package + 0 * raw, package * lost, (raw + defect) * lost, good)


def _on_carrier(
    flow: str, chips: tuple[Chip, ...], terms: Terms, table: CostTable, carrier: CarrierProcess, *, chip_first: bool
) -> FlowCost:
    count = sum(chip.count for chip in chips)
    raw, defect, area = _dies(chips, terms, table)
    bumped = area
    if terms.bump_convention == "per_type":
        bumped = sum(chip.area_mm2 for chip in chips) * np.asarray(terms.area_ratio, float)
    raw = raw + bumped * table.micro_bump_cost_usd_per_mm2

    carrier_area = area * carrier.area_ratio if terms.carrier_area_mm2 is None else np.asarray(terms.carrier_area_mm2)
    wafer_cost = carrier.wafer_cost_usd * terms.wafer.area_mm2 / table.wafer.area_mm2
    interposer = wafer_cost / dies_per_wafer(terms.wafer, area_mm2=carrier_area)
    interposer = interposer + carrier_area * table.c4_bump_cost_usd_per_mm2
    substrate = carrier_area * table.substrate_area_ratio * table.substrate_cost_usd_per_mm2

    defects = carrier_area * carrier.defect_density_per_cm2 / 100 * np.asarray(terms.defect_ratio, float)
    y1 = negative_binomial(defects, carrier.cluster_count)
    y2, y3 = carrier.bonding_yield**count, table.substrate_bonding_yield
    if chip_first:  # the dies are buried before the layers are built: each layer defect costs the dies too
        keep_carrier, keep_chips = y1 * y3, y1 * y3
    else:
        keep_carrier, keep_chips = y1 * y2 * y3, y2 * y3
    return FlowCost(
        flow,
        raw,
        defect,
        interposer + substrate + 0 * raw,
        interposer * (1 / keep_carrier - 1) + substrate * (1 / y3 - 1) + 0 * raw,
        (raw + defect) * (1 / keep_chips - 1),
        keep_chips + 0 * raw,
    )
