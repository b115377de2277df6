"""Cost and yield of a 3D stack: wafer to wafer, die to wafer, die to die; vias, thinning and bonding.

Wafer to wafer joins whole wafers blind: each site is good only if every die, via and bond of it is, and the site is
as large as the largest die. Die to wafer and die to die join tested dies one by one; die to die handles the lower one
singly too. Conventions: a via is found open or shorted only after bonding; a lost bond loses everything below it;
the test between two tiers, where there is one, is perfect; its price, and wafer to wafer its coverage, are those of
`Terms.post_bond_test`. Prices and yields: `parameters.stack_process`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from workbench.cost.assembly import Bill, Chip, FlowCost, Terms, chip_cost, packaged, wafer_scale
from workbench.cost.parameters import CostTable, StackProcess, chiplet_actuary, stack_process
from workbench.cost.testing import sieve
from workbench.cost.wafers import dies_per_wafer
from workbench.errors import DomainError

STACK_FLOWS = ("stack_d2w", "stack_d2d", "stack_w2w")
POST_BOND_TESTS = ("each_tier", "end")


def tsv_yield(*, count: float, failure_ratio: float, group_count: int = 1, spare_count: int = 0) -> float:
    """Share of dies whose vias all connect: `count` signals, each via failing on its own with `failure_ratio`.

    With `spare_count` spares to every `group_count` signals, a group works while no more than the spares of its
    group_count + spare_count vias fail (any spare replaces any via of its group); a last, smaller group has all its
    spares. Binomial, exact. Raises DomainError outside 0 <= p < 1, count >= 0.
    """
    if not (0 <= failure_ratio < 1 and count >= 0 and group_count >= 1 and spare_count >= 0):
        raise DomainError("cost.domain", where="tsv_yield", got=f"{count} vias, p = {failure_ratio}",
                          allowed="0 <= p < 1, groups >= 1, spares >= 0")  # fmt: skip
    full, rest = divmod(count, group_count)
    lost = full * np.log1p(-binom.sf(spare_count, group_count + spare_count, failure_ratio))
    if rest:
        lost += np.log1p(-binom.sf(spare_count, rest + spare_count, failure_ratio))
    return float(np.exp(lost))


@dataclass(frozen=True)
class StackedDie:
    """A die type in one tier (`chip.count` of them). With vias (`via_count` in one die) its wafer pays for them and
    for thinning; `bond_yield` is that of joining one such die to the tier below (None: the process's);
    `micro_bumped`: it pays for micro-bumps by area, a hybrid bond does not."""

    chip: Chip
    via_count: int = 0
    bond_yield: float | None = None
    micro_bumped: bool = False

    def via_yield(self, process: StackProcess) -> float:
        return tsv_yield(count=self.via_count, failure_ratio=process.tsv_failure_ratio,
                         group_count=process.tsv_group_count, spare_count=process.tsv_spare_count)  # fmt: skip

    def wafer_work_usd(self, process: StackProcess) -> float:
        """Vias and thinning of one 300 mm wafer; nothing without vias."""
        return process.thinning_usd + process.tsv_usd if self.via_count else 0.0


@dataclass(frozen=True)
class Stack:
    """Tiers bottom to top, and how many equal stacks a module has. One tier only: dies lying on the carrier."""

    tiers: tuple[tuple[StackedDie, ...], ...]
    count: int = 1

    @property
    def base_area_mm2(self) -> float:
        return sum(die.chip.area_mm2 * die.chip.count for die in self.tiers[0])

    @property
    def base_count(self) -> int:
        return sum(die.chip.count for die in self.tiers[0])


@dataclass(frozen=True)
class StackStep:
    """Adding one tier: what is added, the yield of the step, and cost and yield of the stack so far. `good_usd` is
    paid per stack that is still good after it."""

    names: tuple[str, ...]
    dies_usd: float
    stacking_usd: float
    test_usd: float
    step_yield: float
    good_usd: float
    stack_yield: float


@dataclass(frozen=True)
class BuiltStack:
    """A stack ready for its carrier: the parts of its cost (arrays), its yield from tested dies, and the steps."""

    bill: Bill
    steps: tuple[StackStep, ...]


def build_stack(
    stack: Stack,
    bonding: str,
    terms: Terms,
    *,
    table: CostTable | None = None,
    process: StackProcess | None = None,
    post_bond_test: str = "each_tier",
) -> BuiltStack:
    """One stack by `bonding` ("w2w", "d2w", "d2d"), per good stack.

    With "each_tier" a bad stack is found after the bond that spoiled it, and nothing more is added to it; with "end"
    only when it is complete. Wafer to wafer is always tested at the end. Raises DomainError: unknown bonding, wafer to
    wafer with a bought-in die or more than one die in a tier.
    """
    table, process = table or chiplet_actuary(), process or stack_process()
    if bonding not in ("w2w", "d2w", "d2d") or post_bond_test not in POST_BOND_TESTS or not stack.tiers:
        raise DomainError("cost.unknown_flow", where="bonding", got=f"{bonding}, {post_bond_test}",
                          allowed=", ".join((*STACK_FLOWS, *POST_BOND_TESTS)))  # fmt: skip
    if bonding == "w2w" and len(stack.tiers) > 1:
        return _wafers(stack, terms, table, process)
    return _dies(stack, bonding, terms, table, process, post_bond_test)


def _wafers(stack: Stack, terms: Terms, table: CostTable, process: StackProcess) -> BuiltStack:
    dies = [die for tier in stack.tiers for die in tier]
    if any(len(tier) > 1 or tier[0].chip.count > 1 for tier in stack.tiers) or any(
        die.chip.node_nm is None for die in dies
    ):
        raise DomainError("cost.domain", where="wafer to wafer", got=", ".join(die.chip.name for die in dies),
                          allowed="one die with a node per tier")  # fmt: skip
    scale = wafer_scale(terms.wafer, table)
    site = max(die.chip.area_mm2 for die in dies) * np.asarray(terms.area_ratio, float)
    sites = dies_per_wafer(terms.wafer, area_mm2=site)
    raw = stacking = np.zeros_like(sites + terms.defect_ratio)
    die_yield, joined, steps = np.ones_like(raw), np.ones_like(raw), []
    for index, die in enumerate(dies):
        wafer = table.node(die.chip.node_nm)[0].wafer_cost_usd * scale
        added = die.wafer_work_usd(process) * scale
        bond_yield = 1.0
        if index:
            added += process.wafer_bond_usd * scale
            bond_yield = process.wafer_bond_yield if die.bond_yield is None else die.bond_yield
        raw, stacking = raw + wafer / sites, stacking + added / sites
        if die.micro_bumped:
            stacking = stacking + die.chip.area_mm2 * terms.area_ratio * table.micro_bump_cost_usd_per_mm2
        die_yield = die_yield * chip_cost(die.chip, terms, table).yield_ratio
        joined = joined * bond_yield * die.via_yield(process)
        before = steps[-1].stack_yield if steps else 1.0
        good = _one(die_yield * joined)
        steps.append(StackStep((die.chip.name,), _one(wafer / sites), _one(added / sites), 0.0, good / before,
                               _one(raw + stacking) / good, good))  # fmt: skip
    sieved = sieve(cost_usd=raw + stacking, yield_ratio=die_yield * joined, test=terms.post_bond_test)
    spent = raw + stacking
    # Lost to bad dies first, the rest of the loss to bonds and vias: the two multiply, so the order is a convention.
    by_dies = spent * (1 / die_yield**terms.post_bond_test.coverage_ratio - 1)
    lost = sieved.usd - sieved.test_usd - spent - by_dies
    base = stack.base_area_mm2 * np.asarray(terms.area_ratio)
    bill = Bill(raw, by_dies, base, base, stack.base_count, sieved.good_ratio, sieved.test_usd, stacking, lost, joined)
    return BuiltStack(bill, tuple(steps))


def _dies(
    stack: Stack, bonding: str, terms: Terms, table: CostTable, process: StackProcess, post_bond_test: str
) -> BuiltStack:
    scale = wafer_scale(terms.wafer, table)
    bond_usd = process.die_bond_usd if bonding == "d2w" else process.die_pair_bond_usd
    zero = np.zeros(np.broadcast_shapes(np.shape(terms.area_ratio), np.shape(terms.defect_ratio)))
    raw, defect, test, stacking, spent = zero, zero, zero, zero, zero
    yields, pending, steps = zero + 1.0, zero + 1.0, []
    tall = len(stack.tiers) > 1
    for index, tier in enumerate(stack.tiers):
        dies_usd, added, tested, bad = zero, zero, zero, zero
        step_yield = zero + 1.0
        for die in tier:
            chip = die.chip
            cost = chip_cost(chip, terms, table)
            if cost is None:
                dies_usd = dies_usd + chip.price_usd * chip.count
            else:
                wafer_work = die.wafer_work_usd(process) * scale / cost.dies_per_wafer
                sieved = sieve(cost_usd=cost.raw_usd + wafer_work, yield_ratio=cost.yield_ratio, test=terms.wafer_test)
                dies_usd = dies_usd + cost.raw_usd * chip.count
                added = added + wafer_work * chip.count
                tested = tested + sieved.test_usd * chip.count
                bad = bad + (cost.raw_usd + wafer_work) * (1 / sieved.passing_ratio - 1) * chip.count
                step_yield = step_yield * sieved.good_ratio**chip.count
            if index:
                added = added + bond_usd * chip.count
                bond_yield = process.die_bond_yield if die.bond_yield is None else die.bond_yield
                step_yield = step_yield * bond_yield**chip.count
            if die.micro_bumped:
                added = added + chip.area_mm2 * terms.area_ratio * chip.count * table.micro_bump_cost_usd_per_mm2
            step_yield = step_yield * die.via_yield(process) ** chip.count
        last = index == len(stack.tiers) - 1
        probed = tall and (last or (index > 0 and post_bond_test == "each_tier"))
        insertion = terms.post_bond_test.cost_usd if probed else 0.0
        raw, defect, test, stacking = raw + dies_usd, defect + bad, test + tested + insertion, stacking + added
        spent = spent + dies_usd + bad + tested + added + insertion
        pending, yields = pending * step_yield, yields * step_yield
        if probed:
            spent, pending = spent / pending, zero + 1.0
        names = tuple(die.chip.name for die in tier)
        steps.append(StackStep(names, _one(dies_usd + bad), _one(added), _one(tested + insertion), _one(step_yield),
                               _one(spent / pending), _one(yields)))  # fmt: skip
    base = stack.base_area_mm2 * np.asarray(terms.area_ratio)
    # A stack was tested, so it is good; dies that lie alone carry their escapes to the final test.
    lost = spent - raw - defect - test - stacking
    bill = Bill(raw, defect, base, base, stack.base_count, pending, test, stacking, lost, yields if tall else 1.0)
    return BuiltStack(bill, tuple(steps))


def stack_flow_cost(
    flow: str,
    stacks: tuple[Stack, ...],
    terms: Terms,
    *,
    carrier: str = "mcm",
    table: CostTable | None = None,
    process: StackProcess | None = None,
    post_bond_test: str = "each_tier",
) -> tuple[FlowCost, tuple[BuiltStack, ...]]:
    """Recurring cost of a module of stacks (and dies beside them) on a `carrier`: "mcm", "fan_out_last",
    "fan_out_first" or "si_interposer". `flow` is one of STACK_FLOWS. The carrier is as large as what lies on it, not
    as the sum of all silicon. Raises DomainError as `build_stack` and `flow_cost`.
    """
    table = table or chiplet_actuary()
    if flow not in STACK_FLOWS or carrier not in ("mcm", "fan_out_last", "fan_out_first", "si_interposer"):
        raise DomainError("cost.unknown_flow", where="flow", got=f"{flow} on {carrier}", allowed=", ".join(STACK_FLOWS))
    if not stacks:
        raise DomainError("cost.domain", where="stacks", got=0, allowed=">= 1")
    built = tuple(
        build_stack(stack, flow.removeprefix("stack_"), terms, table=table, process=process,
                    post_bond_test=post_bond_test)
        for stack in stacks
    )  # fmt: skip
    counts = [stack.count for stack in stacks]

    def summed(part: str):
        return sum(getattr(one.bill, part) * n for one, n in zip(built, counts, strict=True))

    def multiplied(part: str):
        return np.prod([np.broadcast_to(getattr(one.bill, part), np.shape(built[0].bill.raw_usd)) ** n
                        for one, n in zip(built, counts, strict=True)], axis=0)  # fmt: skip

    once = sum(one.bill.area_mm2 for one in built)
    bill = Bill(
        raw_usd=summed("raw_usd"), defect_usd=summed("defect_usd"), area_mm2=summed("area_mm2"),
        bumped_mm2=once if terms.bump_convention == "per_type" else summed("area_mm2"),
        count=int(summed("count")), good_ratio=multiplied("good_ratio"), test_usd=summed("test_usd"),
        stacking_usd=summed("stacking_usd"), lost_usd=summed("lost_usd"), stack_yield=multiplied("stack_yield"),
    )  # fmt: skip
    return packaged(flow, bill, terms, table, carrier=carrier), built


def _one(value) -> float:
    """The figure of a step; of a sweep, its first case."""
    return float(np.ravel(value)[0])
