"""Non-recurring cost: what is spent once, before the first module, after Chiplet Actuary (Feng and Ma, DAC 2022).

A die type pays for its blocks and for the chip around them by area, and a fixed part for masks and tape-out, by node;
a die-to-die interface is designed once per node. A package pays by its area and a fixed part. How often a die is used
does not matter: equal dies are designed once. Convention: the whole NRE falls on the one product (no reuse elsewhere).
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.cost.assembly import Chip
from workbench.cost.parameters import CostTable, chiplet_actuary
from workbench.errors import DomainError


@dataclass(frozen=True)
class NreCost:
    """Money spent once for one flow, in parts. `test_hardware_usd` is 0 where no figure was given."""

    flow: str
    blocks_usd: float
    chips_usd: float
    interface_usd: float
    package_usd: float
    test_hardware_usd: float

    PARTS = ("blocks_usd", "chips_usd", "interface_usd", "package_usd", "test_hardware_usd")

    @property
    def total_usd(self) -> float:
        return sum(getattr(self, part) for part in self.PARTS)


def nre_cost(
    flow: str,
    chips: tuple[Chip, ...],
    *,
    carrier: str = "substrate",
    d2d_area_ratio: float = 0.0,
    carrier_area_mm2: float | None = None,
    attached: tuple[Chip, ...] | None = None,
    test_hardware_usd: float = 0.0,
    table: CostTable | None = None,
) -> NreCost:
    """What the flow's dies, interface, package and test hardware cost once.

    `chips`: every die type, with its count. `carrier`: "substrate", "fan_out" or "si_interposer". Flow "soc" puts the
    same blocks on one die of the finest node. `d2d_area_ratio`: area of the die-to-die interface over that of the
    blocks (Actuary takes 0.1), 0 for none. `attached`: the dies that lie on the carrier when others are stacked on
    them. `test_hardware_usd` per die type (probe card, socket): an input, no source was read.
    Bought-in dies (no node) cost nothing here. Raises DomainError: no chips, negative figures, unknown carrier.
    """
    table = table or chiplet_actuary()
    if not chips or d2d_area_ratio < 0 or test_hardware_usd < 0:
        raise DomainError("cost.domain", where="nre_cost", got=f"{len(chips)} chips, {d2d_area_ratio}, "
                          f"{test_hardware_usd} USD", allowed=">= 1 chip, >= 0")  # fmt: skip
    if carrier not in ("substrate", "fan_out", "si_interposer"):
        raise DomainError("cost.unknown_flow", where="carrier", got=carrier,
                          allowed="substrate, fan_out, si_interposer")  # fmt: skip
    rates = table.nre
    own = [chip for chip in chips if chip.node_nm is not None]
    blocks_mm2 = [chip.area_mm2 / (1 + d2d_area_ratio) for chip in own]
    fixed_share = 1 - rates.block_share - rates.chip_share
    if flow == "soc":
        finest = min((chip.node_nm for chip in own), default=None)
        nodes = [finest] * len(own)
        merged = sum(area * chip.count for area, chip in zip(blocks_mm2, own, strict=True))
        dies = [(finest, merged)] if own else []
        interface_nodes: set[float] = set()
        lying = [merged] if own else []
        count = 1
    else:
        nodes = [chip.node_nm for chip in own]
        dies = [(chip.node_nm, chip.area_mm2) for chip in own]
        interface_nodes = {table.node(chip.node_nm)[0].node_nm for chip in own} if d2d_area_ratio > 0 else set()
        on_carrier = chips if attached is None else attached
        lying = [chip.area_mm2 * chip.count for chip in on_carrier]
        count = sum(chip.count for chip in on_carrier)

    def nre(node_nm: float) -> float:
        return table.node(node_nm)[0].nre_usd

    return NreCost(
        flow=flow,
        blocks_usd=sum(nre(n) * rates.block_share * a / rates.reference_area_mm2
                       for n, a in zip(nodes, blocks_mm2, strict=True)),
        chips_usd=sum(nre(n) * (rates.chip_share * a / rates.reference_area_mm2 + fixed_share) for n, a in dies),
        interface_usd=sum(nre(n) * rates.block_share * rates.interface_block_mm2 / rates.reference_area_mm2
                          for n in interface_nodes),
        package_usd=_package(carrier, sum(lying), count, carrier_area_mm2, table),
        test_hardware_usd=test_hardware_usd * len(dies),
    )  # fmt: skip


def _package(carrier: str, silicon_mm2: float, count: int, carrier_area_mm2: float | None, table: CostTable) -> float:
    rates = table.nre
    if carrier == "substrate":
        area = silicon_mm2 * table.substrate_area_ratio
        return area * rates.substrate_usd_per_mm2 * table.substrate_factor(area, chip_count=count) + rates.substrate_usd
    process = table.fan_out if carrier == "fan_out" else table.si_interposer
    area = silicon_mm2 * process.area_ratio if carrier_area_mm2 is None else carrier_area_mm2
    per_mm2 = getattr(rates, f"{carrier}_usd_per_mm2")
    # Actuary adds one substrate of the package to the NRE of a carrier flow.
    substrate = area * table.substrate_area_ratio * table.substrate_cost_usd_per_mm2
    return area * per_mm2 + getattr(rates, f"{carrier}_usd") + substrate
