"""Which input moves the cost most: each one low and high, the others held (a tornado).

The ranges are those of `data/cost/sensitivity.json`, most of them ours and marked so. One at a time means that what
two inputs do together is not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from workbench import facts
from workbench.cost.assembly import Chip
from workbench.cost.case import CostCase
from workbench.cost.testing import ElectricalTest
from workbench.errors import DomainError


@dataclass(frozen=True)
class Swing:
    """Total cost per module with one input at `low` and `high` times its value (of a yield: of its loss)."""

    input: str
    low: float
    high: float
    low_usd: float
    high_usd: float
    source: str
    verified: bool

    @property
    def span_usd(self) -> float:
        return abs(self.high_usd - self.low_usd)


def _loss(yield_ratio: float, factor: float) -> float:
    return max(1 - (1 - yield_ratio) * factor, 1e-9)


def _nodes(case: CostCase, field: str, factor: float) -> CostCase:
    nodes = tuple(replace(node, **{field: getattr(node, field) * factor}) for node in case.table.nodes)
    return replace(case, table=replace(case.table, nodes=nodes))


def _carriers(case: CostCase, field: str, change: Callable[[float], float]) -> CostCase:
    table = case.table
    changed = {
        name: replace(getattr(table, name), **{field: change(getattr(getattr(table, name), field))})
        for name in ("fan_out", "si_interposer")
    }
    return replace(case, table=replace(table, **changed))


def _process(case: CostCase, **fields: float) -> CostCase:
    return replace(case, process=replace(case.process, **fields))


def _stack_bond_loss(case: CostCase, factor: float) -> CostCase:
    process = case.process
    case = _process(case, die_bond_yield=_loss(process.die_bond_yield, factor),
                    wafer_bond_yield=_loss(process.wafer_bond_yield, factor))  # fmt: skip
    stacks = {
        flow: tuple(
            replace(stack, tiers=tuple(
                tuple(die if die.bond_yield is None else replace(die, bond_yield=_loss(die.bond_yield, factor))
                      for die in tier)
                for tier in stack.tiers
            ))
            for stack in group
        )
        for flow, group in case.stacks.items()
    }  # fmt: skip
    return replace(case, stacks=stacks)


def _bought_in_price(case: CostCase, factor: float) -> CostCase:
    def priced(chip: Chip) -> Chip:
        return replace(chip, price_usd=chip.price_usd * factor)

    stacks = {
        flow: tuple(
            replace(stack, tiers=tuple(tuple(replace(die, chip=priced(die.chip)) for die in tier)
                                       for tier in stack.tiers))
            for stack in group
        )
        for flow, group in case.stacks.items()
    }  # fmt: skip
    return replace(case, chips=tuple(priced(chip) for chip in case.chips), stacks=stacks)


def _test(case: CostCase, change: Callable[[ElectricalTest], ElectricalTest], final: float = 1.0) -> CostCase:
    terms = case.terms
    return replace(case, terms=replace(terms, wafer_test=change(terms.wafer_test),
                                       final_test_usd=terms.final_test_usd * final))  # fmt: skip


INPUTS: dict[str, Callable[[CostCase, float], CostCase]] = {
    "defect_density": lambda c, f: _nodes(c, "defect_density_per_cm2", f),
    "wafer_price": lambda c, f: _nodes(c, "wafer_cost_usd", f),
    "die_area": lambda c, f: replace(c, terms=replace(c.terms, area_ratio=np.asarray(c.terms.area_ratio) * f)),
    "substrate_price": lambda c, f: replace(c, table=replace(
        c.table, substrate_cost_usd_per_mm2=c.table.substrate_cost_usd_per_mm2 * f)),
    "substrate_bond_loss": lambda c, f: replace(c, table=replace(
        c.table, substrate_bonding_yield=_loss(c.table.substrate_bonding_yield, f))),
    "carrier_price": lambda c, f: _carriers(c, "wafer_cost_usd", lambda value: value * f),
    "carrier_defects": lambda c, f: _carriers(c, "defect_density_per_cm2", lambda value: value * f),
    "carrier_bond_loss": lambda c, f: _carriers(c, "bonding_yield", lambda value: _loss(value, f)),
    "stack_bond_loss": _stack_bond_loss,
    "stack_bond_price": lambda c, f: _process(
        c, wafer_bond_usd=c.process.wafer_bond_usd * f, die_bond_usd=c.process.die_bond_usd * f,
        die_pair_bond_usd=c.process.die_pair_bond_usd * f),
    "tsv_failure": lambda c, f: _process(c, tsv_failure_ratio=min(c.process.tsv_failure_ratio * f, 0.999)),
    "thinning_price": lambda c, f: _process(
        c, thinning_usd=c.process.thinning_usd * f, tsv_usd=c.process.tsv_usd * f),
    "test_gap": lambda c, f: _test(
        c, lambda test: replace(test, coverage_ratio=max(1 - (1 - test.coverage_ratio) * f, 0.0))),
    "test_time": lambda c, f: _test(c, lambda test: replace(test, time_s=test.time_s * f), f),
    "bought_in_price": _bought_in_price,
}  # fmt: skip


def tornado(case: CostCase, flow: str) -> tuple[Swing, ...]:
    """Every input of INPUTS that moves the recurring cost of `flow`, the largest swing first.

    An input that leaves the model's range at one end (a die too large for the wafer) is left out.
    """
    base = float(case.recurring(flow).total_usd)
    swings = []
    for row in facts.load("cost/sensitivity")["factors"]:
        change = INPUTS[row["input"]]
        try:
            low, high = (float(change(case, row[end]).recurring(flow).total_usd) for end in ("low", "high"))
        except DomainError:
            continue
        swing = Swing(row["input"], row["low"], row["high"], low, high, row["source"], row["verified"])
        if swing.span_usd > 1e-9 * base:
            swings.append(swing)
    return tuple(sorted(swings, key=lambda swing: -swing.span_usd))
