"""Prices, defect densities and assembly parameters as frozen records, read from `data/cost/`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from workbench import facts
from workbench.cost.wafers import Wafer
from workbench.errors import InputError


@dataclass(frozen=True)
class ProcessNode:
    """A wafer process: its price per 300 mm wafer, defect density, and what one chip of 300 mm2 costs to develop
    (`nre_usd`, with its first tape-out). `verified`: read in the source named."""

    node_nm: float
    wafer_cost_usd: float
    defect_density_per_cm2: float
    verified: bool
    nre_usd: float


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
class NreRates:
    """What is paid once. Of a chip's NRE, `block_share` is for its blocks and `chip_share` for the chip around them,
    both by area against `reference_area_mm2`; the rest is fixed. Packages: by their area, and fixed."""

    reference_area_mm2: float
    block_share: float
    chip_share: float
    interface_block_mm2: float
    substrate_usd_per_mm2: float
    substrate_usd: float
    fan_out_usd_per_mm2: float
    fan_out_usd: float
    si_interposer_usd_per_mm2: float
    si_interposer_usd: float


@dataclass(frozen=True)
class StackProcess:
    """Thinning, vias and bonding. Wafer prices are per 300 mm wafer (a bond: per pair); each via fails with
    `tsv_failure_ratio`, and `tsv_spare_count` spares stand beside every `tsv_group_count` of them. `unverified` names
    figures whose source was not read or whose authors call them arbitrary."""

    source: str
    thinning_usd: float
    tsv_usd: float
    tsv_failure_ratio: float
    wafer_bond_usd: float
    wafer_bond_yield: float
    die_bond_usd: float
    die_pair_bond_usd: float
    die_bond_yield: float
    unverified: tuple[str, ...]
    tsv_group_count: int = 1
    tsv_spare_count: int = 0


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
    nre: NreRates

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

    def has_node(self, node_nm: float | None) -> bool:
        """Whether a die of this node can be costed: it has one, and the table reaches that far."""
        return node_nm is not None and any(node.node_nm <= node_nm for node in self.nodes)

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
        ProcessNode(n["node_nm"], n["wafer_cost_usd"], n["defect_density_per_cm2"], n["verified"], n["nre_usd"])
        for n in raw["nodes"]
    )
    wafer, substrate = raw["wafer"], raw["substrate"]
    nre = raw["nre"]
    packages = {
        f"{package}_{figure.removeprefix('fixed_')}": value
        for package in ("substrate", "fan_out", "si_interposer")
        for figure, value in nre[package].items()
    }
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
        nre=NreRates(
            reference_area_mm2=nre["reference_area_mm2"], block_share=nre["block_share"], chip_share=nre["chip_share"],
            interface_block_mm2=nre["interface_block_mm2"], **packages,
        ),
    )  # fmt: skip


@cache
def stack_process() -> StackProcess:
    """Prices and yields of stacking, of several sources (`data/cost/stacking.json`).

    A die bond is one placing and one bonding on machines that cost so much per hour; die to die, both dies are placed.
    """
    raw = facts.load("cost/stacking")
    bond = raw["die_bond"]
    per_year = bond["machine_usd"] / bond["lifetime_years"] + bond["operator_usd_per_year"]
    per_s = per_year / (bond["uptime_ratio"] * 365 * 24 * 3600)
    return StackProcess(
        source="; ".join(part["source"] for part in raw.values() if isinstance(part, dict)),
        thinning_usd=raw["thinning"]["usd_per_wafer"],
        tsv_usd=raw["tsv"]["usd_per_wafer"],
        tsv_failure_ratio=raw["tsv"]["failure_ppm"] * 1e-6,
        wafer_bond_usd=raw["wafer_bond"]["usd_per_pair"],
        wafer_bond_yield=raw["wafer_bond"]["bond_yield"],
        die_bond_usd=per_s * (bond["place_s"] + bond["bond_s"]),
        die_pair_bond_usd=per_s * (2 * bond["place_s"] + bond["bond_s"]),
        die_bond_yield=raw["die_bond_yield"]["bond_yield"],
        unverified=tuple(name for name, part in raw.items() if isinstance(part, dict) and not part["verified"]),
    )


@cache
def tester_usd_per_h() -> float:
    """The price of a tester hour that a source names (CATCH)."""
    return facts.load("cost/stacking")["test"]["tester_usd_per_h"]
