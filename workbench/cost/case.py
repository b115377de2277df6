"""Everything the cost of one module depends on, as one frozen record: what a sweep or a sensitivity varies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from workbench.cost.assembly import FLOWS, Chip, FlowCost, Terms, as_soc, flow_cost
from workbench.cost.nre import NreCost, nre_cost
from workbench.cost.parameters import CostTable, StackProcess
from workbench.cost.stacking import STACK_FLOWS, BuiltStack, Stack, stack_flow_cost
from workbench.errors import DomainError

_NRE_CARRIER = {"si_interposer": "si_interposer", "fan_out_first": "fan_out", "fan_out_last": "fan_out"}


@dataclass(frozen=True)
class CostCase:
    """A module and its terms. `stacks` by stack flow (empty: nothing is stacked) lie on `carrier`; the side-by-side
    flows take the same `chips` without stacking them."""

    chips: tuple[Chip, ...]
    stacks: Mapping[str, tuple[Stack, ...]]
    terms: Terms
    table: CostTable
    process: StackProcess
    carrier: str = "mcm"
    post_bond_test: str = "each_tier"
    d2d_area_ratio: float = 0.0
    test_hardware_usd: float = 0.0

    def recurring(self, flow: str) -> FlowCost:
        """Recurring cost per good module. Raises DomainError outside the model's range."""
        if flow in STACK_FLOWS:
            return self.stacked(flow)[0]
        chips = as_soc(self.chips, d2d_area_ratio=self.d2d_area_ratio) if flow == "soc" else self.chips
        return flow_cost(flow, chips, self.terms, self.table)

    def tests_wafers(self, flow: str) -> bool:
        """Whether a die of the flow passes wafer test; wafer to wafer bonds its dies untested."""
        if flow != "stack_w2w":
            return any(chip.node_nm is not None for chip in self.chips)
        return any(
            die.chip.node_nm is not None
            for stack in self.stacks[flow]
            if len(stack.tiers) == 1
            for die in stack.tiers[0]
        )

    def stacked(self, flow: str) -> tuple[FlowCost, tuple[BuiltStack, ...]]:
        """A stack flow with its stacks, tier by tier; built once."""
        if flow not in self._built:
            self._built[flow] = stack_flow_cost(
                flow, self.stacks.get(flow, ()), self.terms, carrier=self.carrier, table=self.table,
                process=self.process, post_bond_test=self.post_bond_test,
            )  # fmt: skip
        return self._built[flow]

    @cached_property
    def _built(self) -> dict[str, tuple[FlowCost, tuple[BuiltStack, ...]]]:
        return {}

    def nre(self, flow: str) -> NreCost:
        """What the flow costs once."""
        attached, carrier = None, self.carrier if flow in STACK_FLOWS else flow
        if flow in STACK_FLOWS:
            attached = tuple(
                Chip("stack", stack.base_area_mm2 / stack.base_count, None, stack.base_count * stack.count)
                for stack in self.stacks[flow]
            )
        return nre_cost(
            flow, self.chips, carrier=_NRE_CARRIER.get(carrier, "substrate"), d2d_area_ratio=self.d2d_area_ratio,
            carrier_area_mm2=self.terms.carrier_area_mm2, attached=attached,
            test_hardware_usd=self.test_hardware_usd, table=self.table,
        )  # fmt: skip

    def flows(self) -> tuple[tuple[FlowCost, ...], dict[str, str]]:
        """Every flow that can be costed, and the others with the catalogue key of the reason."""
        found, skipped = [], {}
        own = [chip for chip in self.chips if chip.node_nm is not None]
        if not own:
            return (), dict.fromkeys(FLOWS, "design.skipped.bought_in")
        if not all(self.table.has_node(chip.node_nm) for chip in own):
            return (), dict.fromkeys((*FLOWS, *self.stacks), "design.skipped.unknown_node")
        for flow in (*FLOWS, *self.stacks):
            if flow == "soc" and len(own) < len(self.chips):
                skipped[flow] = "design.skipped.soc_bought_in"
                continue
            if flow == "stack_w2w" and not _wafers_match(self.stacks[flow]):
                skipped[flow] = "design.skipped.w2w"
                continue
            try:
                found.append(self.recurring(flow))
            except DomainError:
                skipped[flow] = "design.skipped.too_large"
        return tuple(found), skipped


def _wafers_match(stacks: tuple[Stack, ...]) -> bool:
    """Whether whole wafers can be bonded: one die with a node per tier of every stack."""
    return all(
        len(tier) == 1 and tier[0].chip.count == 1 and tier[0].chip.node_nm is not None
        for stack in stacks
        if len(stack.tiers) > 1
        for tier in stack.tiers
    )
