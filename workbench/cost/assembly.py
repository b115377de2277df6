"""Recurring cost of a module by assembly flow, after Chiplet Actuary (Feng and Ma, DAC 2022).

Yields: y1 of the carrier (interposer or redistribution layer), y2 of bonding one die, y3 of bonding to the substrate.
Chip last pays interposer / (y1 y2^n y3) and known-good dies / (y2^n y3); chip first pays both / (y1 y3).

A bad die that slipped through wafer test spoils its module, and is found at final test (taken as perfect).

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
from workbench.cost.testing import PERFECT, ElectricalTest, sieve
from workbench.cost.wafers import Wafer, dies_per_wafer
from workbench.cost.yield_models import negative_binomial
from workbench.errors import DomainError

FLOWS = ("soc", "mcm", "fan_out_last", "fan_out_first", "si_interposer")
BUMP_CONVENTIONS = ("per_chip", "per_type")


@dataclass(frozen=True)
class Chip:
    """One type of chip in a module. `node_nm` None means bought in: it takes area, must be bonded, and costs
    `price_usd` (tested; 0 where the price is not known, and then it is missing from the module's cost)."""

    name: str
    area_mm2: float
    node_nm: float | None
    count: int = 1
    price_usd: float = 0.0


@dataclass(frozen=True)
class Terms:
    """What the user may vary: wafer, yield model, convention, tests, and factors on defect density and chip area.

    The factors may be arrays of one shape; every cost then has that shape. `carrier_area_mm2` replaces the
    carrier area that the source scales from the silicon area. `wafer_test` is perfect and free unless given, as in
    Chiplet Actuary; `stack_test` is the test of bonded dies (None: the same insertion as at wafer test);
    `final_test_usd` is the price of testing one assembled module (perfect coverage).
    """

    wafer: Wafer
    model: str = "negative_binomial"
    cluster_count: float = 10.0
    layer_count: float = 1.0
    bump_convention: str = "per_chip"
    defect_ratio: ArrayLike = 1.0
    area_ratio: ArrayLike = 1.0
    carrier_area_mm2: float | None = None
    wafer_test: ElectricalTest = PERFECT
    stack_test: ElectricalTest | None = None
    final_test_usd: float = 0.0

    def __post_init__(self):
        if self.bump_convention not in BUMP_CONVENTIONS:
            raise DomainError("cost.unknown_flow", where="bump_convention", got=self.bump_convention,
                              allowed=", ".join(BUMP_CONVENTIONS))  # fmt: skip

    @property
    def post_bond_test(self) -> ElectricalTest:
        """The test of bonded dies: after a tier, or of a whole stack."""
        return self.wafer_test if self.stack_test is None else self.stack_test

    @classmethod
    def of(cls, table: CostTable) -> Terms:
        return cls(wafer=table.wafer, cluster_count=table.cluster_count)


@dataclass(frozen=True)
class FlowCost:
    """Recurring cost of one good module, in parts. `assembly_yield` is the share of modules, started with dies that
    passed their test, that come out good. `stacking_usd` is thinning, vias and bonding of a stack; `test_usd` every
    test insertion, 0 where tests are taken as free."""

    flow: str
    raw_chips_usd: np.ndarray
    defect_chips_usd: np.ndarray
    raw_package_usd: np.ndarray
    defect_package_usd: np.ndarray
    wasted_chips_usd: np.ndarray
    stacking_usd: np.ndarray
    test_usd: np.ndarray
    assembly_yield: np.ndarray

    PARTS = ("raw_chips_usd", "defect_chips_usd", "stacking_usd", "test_usd", "raw_package_usd", "defect_package_usd",
             "wasted_chips_usd")  # fmt: skip

    @property
    def total_usd(self) -> np.ndarray:
        return sum(getattr(self, part) for part in self.PARTS)


@dataclass(frozen=True)
class Bill:
    """What reaches the carrier for one module: parts of its cost so far, the area that lies on the carrier, how many
    dies are bonded to it, and the share of such sets in which no die is bad. `lost_usd` was lost before (stacking)."""

    raw_usd: ArrayLike
    defect_usd: ArrayLike
    area_mm2: ArrayLike
    bumped_mm2: ArrayLike
    count: int
    good_ratio: ArrayLike = 1.0
    test_usd: ArrayLike = 0.0
    stacking_usd: ArrayLike = 0.0
    lost_usd: ArrayLike = 0.0
    stack_yield: ArrayLike = 1.0

    @property
    def spent_usd(self) -> np.ndarray:
        return self.raw_usd + self.defect_usd + self.test_usd + self.stacking_usd + self.lost_usd


def chip_cost(chip: Chip, terms: Terms, table: CostTable | None = None) -> DieCost | None:
    """Cost of one die of this type, or None when it is bought in. The wafer price scales with the wafer's area."""
    table = table or chiplet_actuary()
    if chip.node_nm is None:
        return None
    node, _ = table.node(chip.node_nm)
    return die_cost(
        area_mm2=chip.area_mm2 * np.asarray(terms.area_ratio, float),
        wafer_cost_usd=node.wafer_cost_usd * wafer_scale(terms.wafer, table),
        defect_density_per_cm2=node.defect_density_per_cm2 * np.asarray(terms.defect_ratio, float),
        wafer=terms.wafer,
        model=terms.model,
        cluster_count=terms.cluster_count,
        layer_count=terms.layer_count,
    )


def wafer_scale(wafer: Wafer, table: CostTable) -> float:
    """Factor on a price per wafer of the table for a wafer of another diameter: by area, an assumption."""
    return float(wafer.area_mm2 / table.wafer.area_mm2)


def as_soc(chips: tuple[Chip, ...], *, d2d_area_ratio: float = 0.0) -> tuple[Chip, ...]:
    """The same silicon as one die on the finest node used, without the die-to-die interfaces (area over that of the
    blocks); bought-in chips cannot be merged and are left out."""
    own = [chip for chip in chips if chip.node_nm is not None]
    if not own:
        return ()
    area = sum(chip.area_mm2 * chip.count for chip in own) / (1 + d2d_area_ratio)
    return (Chip("soc", area, min(chip.node_nm for chip in own)),)


def flow_cost(flow: str, chips: tuple[Chip, ...], terms: Terms, table: CostTable | None = None) -> FlowCost:
    """Recurring cost of a module made by `flow` (one of FLOWS) from these chips, side by side.

    "soc" and "mcm" sit on an organic substrate without a carrier; give "soc" the chips of `as_soc`.
    Raises DomainError: unknown flow, no chips, a carrier or die larger than the wafer.
    """
    table = table or chiplet_actuary()
    if flow not in FLOWS:
        raise DomainError("cost.unknown_flow", where="flow", got=flow, allowed=", ".join(FLOWS))
    if not chips or any(chip.count < 1 for chip in chips):
        raise DomainError("cost.domain", where="chips", got=len(chips), allowed=">= 1")
    return packaged(flow, chips_bill(chips, terms, table), terms, table)


def packaged(flow: str, bill: Bill, terms: Terms, table: CostTable, *, carrier: str | None = None) -> FlowCost:
    """Put a bill of tested dies (or stacks) on its carrier. `carrier` names it where the flow's name does not."""
    carrier = carrier or flow
    if carrier in ("soc", "mcm"):
        return _on_substrate(flow, bill, terms, table)
    process = table.si_interposer if carrier == "si_interposer" else table.fan_out
    return _on_carrier(flow, bill, terms, table, process, chip_first=carrier == "fan_out_first")


def chips_bill(chips: tuple[Chip, ...], terms: Terms, table: CostTable) -> Bill:
    """Dies bought by the wafer, tested, side by side."""
    scale = np.asarray(terms.area_ratio, float)
    raw = defect = test = np.zeros_like(scale + terms.defect_ratio)
    good = np.ones_like(raw)
    for chip in chips:
        cost = chip_cost(chip, terms, table)
        if cost is None:
            raw = raw + chip.price_usd * chip.count
            continue
        sieved = sieve(cost_usd=cost.raw_usd, yield_ratio=cost.yield_ratio, test=terms.wafer_test)
        raw = raw + cost.raw_usd * chip.count
        test = test + sieved.test_usd * chip.count
        defect = defect + cost.raw_usd * (1 / sieved.passing_ratio - 1) * chip.count
        good = good * sieved.good_ratio**chip.count
    area = sum(chip.area_mm2 * chip.count for chip in chips) * scale
    once = sum(chip.area_mm2 for chip in chips) * scale
    return Bill(raw, defect, area, once if terms.bump_convention == "per_type" else area,
                sum(chip.count for chip in chips), good, test)  # fmt: skip


def _on_substrate(flow: str, bill: Bill, terms: Terms, table: CostTable) -> FlowCost:
    bumps = bill.area_mm2 * table.c4_bump_cost_usd_per_mm2
    substrate = bill.area_mm2 * table.substrate_area_ratio
    factor = np.vectorize(lambda mm2: table.substrate_factor(mm2, chip_count=bill.count), otypes=[float])(substrate)
    package = substrate * table.substrate_cost_usd_per_mm2 * factor
    good = table.substrate_bonding_yield**bill.count * bill.good_ratio
    lost = 1 / good - 1
    return _flow(flow, bill, terms, bumps, package, package * lost, lost, good)


def _on_carrier(
    flow: str, bill: Bill, terms: Terms, table: CostTable, carrier: CarrierProcess, *, chip_first: bool
) -> FlowCost:
    bumps = bill.bumped_mm2 * table.micro_bump_cost_usd_per_mm2
    carrier_area = np.asarray(terms.carrier_area_mm2 or bill.area_mm2 * carrier.area_ratio)
    wafer_cost = carrier.wafer_cost_usd * wafer_scale(terms.wafer, table)
    interposer = wafer_cost / dies_per_wafer(terms.wafer, area_mm2=carrier_area)
    interposer = interposer + carrier_area * table.c4_bump_cost_usd_per_mm2
    substrate = carrier_area * table.substrate_area_ratio * table.substrate_cost_usd_per_mm2

    defects = carrier_area * carrier.defect_density_per_cm2 / 100 * np.asarray(terms.defect_ratio, float)
    y1 = negative_binomial(defects, carrier.cluster_count)
    y2, y3 = carrier.bonding_yield**bill.count, table.substrate_bonding_yield * bill.good_ratio
    if chip_first:  # the dies are buried before the layers are built: each layer defect costs the dies too
        keep_carrier, keep_chips = y1 * y3, y1 * y3
    else:
        keep_carrier, keep_chips = y1 * y2 * y3, y2 * y3
    defect = interposer * (1 / keep_carrier - 1) + substrate * (1 / y3 - 1)
    return _flow(flow, bill, terms, bumps, interposer + substrate, defect, 1 / keep_chips - 1, keep_chips)


def _flow(flow, bill, terms, bumps, package, defect_package, lost, good) -> FlowCost:
    """The parts of a module: `lost` is what share of what reached the carrier is lost per good module."""
    parts = (
        bill.raw_usd + bumps,
        bill.defect_usd,
        package,
        defect_package,
        bill.lost_usd + (bill.spent_usd + bumps) * lost,
        bill.stacking_usd,
        bill.test_usd + terms.final_test_usd / good,
        good * bill.stack_yield,
    )
    return FlowCost(flow, *np.broadcast_arrays(*(np.asarray(part, float) for part in parts)))
