"""Prices, defect densities and assembly parameters as frozen records, read from `data/cost/chiplet_actuary.json`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from workbench import facts
from workbench.cost.wafers import Wafer
from workbench.errors import InputError


@dataclass(frozen=True)
class ProcessNode:
    """A wafer process: its price per 300 mm wafer and defect density. `verified`: read in the source named."""

    node_nm: float
    wafer_cost_usd: float
    defect_density_per_cm2: float
    verified: bool


@dataclass(frozen=True)
class CarrierProcess:
    """What the dies are bonded to: a fan-out redistribution layer or a silicon interposer, made on wafers."""

    name: str
    wafer_cost_usd: float
    defect_density_per_cm2: float
    cluster_count: float
    area_ratio: float
    bonding_yield: float


@dataclass(frozen=True)
class CostTable:
    """Everything the cost model takes from its source."""

    source: str
    wafer: Wafer
    cluster_count: float
    nodes: tuple[ProcessNode, ...]
    fan_out: CarrierProcess
    si_interposer: CarrierProcess
    substrate_area_ratio: float
    substrate_cost_usd_per_mm2: float
    substrate_bonding_yield: float
    substrate_price_steps: tuple[tuple[float, float], ...]  # (up to mm2, factor), rising
    c4_bump_cost_usd_per_mm2: float
    micro_bump_cost_usd_per_mm2: float

    def node(self, node_nm: float) -> tuple[ProcessNode, bool]:
        """The row of a node and whether it is that very node; else the next finer (dearer) one of the table.

        Raises InputError for a node finer than the table holds.
        """
        finer = [node for node in self.nodes if node.node_nm <= node_nm]
        if not finer:
            raise InputError("cost.unknown_node", where="node_nm", got=f"{node_nm:g}",
                             allowed=", ".join(f"{node.node_nm:g}" for node in self.nodes))  # fmt: skip
        best = max(finer, key=lambda node: node.node_nm)
        return best, best.node_nm == node_nm

    def substrate_factor(self, area_mm2: float, *, chip_count: int) -> float:
        """Price factor of an organic substrate: more layers for a larger one that connects several chips."""
        if chip_count == 1:
            return 1.0
        return next(factor for limit, factor in self.substrate_price_steps if area_mm2 <= limit)


@cache
def chiplet_actuary() -> CostTable:
    """The parameters of Chiplet Actuary (DAC 2022)."""
    raw = facts.load("cost/chiplet_actuary")
    nodes = tuple(
        ProcessNode(n["node_nm"], n["wafer_cost_usd"], n["defect_density_per_cm2"], n["verified"]) for n in raw["nodes"]
    )
    wafer, substrate = raw["wafer"], raw["substrate"]
    carriers = {name: CarrierProcess(name=name, **figures) for name, figures in raw["carriers"].items()}
    return CostTable(
        source=raw["source"],
        wafer=Wafer(wafer["diameter_mm"], wafer["edge_exclusion_mm"], wafer["scribe_mm"]),
        cluster_count=wafer["cluster_count"],
        nodes=nodes,
        fan_out=carriers["fan_out"],
        si_interposer=carriers["si_interposer"],
        substrate_area_ratio=substrate["area_ratio"],
        substrate_cost_usd_per_mm2=substrate["cost_usd_per_mm2"],
        substrate_bonding_yield=substrate["bonding_yield"],
        substrate_price_steps=tuple((s["up_to_mm2"] or float("inf"), s["factor"]) for s in substrate["price_steps"]),
        c4_bump_cost_usd_per_mm2=substrate["bump_cost_usd_per_mm2"],
        micro_bump_cost_usd_per_mm2=raw["micro_bump_cost_usd_per_mm2"],
    )
