"""When wafer test pays for itself, in the cost of the flow that is shown: closed forms, by hand, roots of the flow."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import bisect

from workbench import facts
from workbench.cost.assembly import FLOWS, Chip, Terms, chip_cost
from workbench.cost.case import CostCase
from workbench.cost.economics import TestEconomics, of_design
from workbench.cost.parameters import chiplet_actuary, stack_process
from workbench.cost.review import StackDesignReview
from workbench.cost.stacking import STACK_FLOWS, Stack, StackedDie
from workbench.cost.testing import ElectricalTest
from workbench.runs.demo.designs import DESIGNS
from workbench.stack import read

TABLE = chiplet_actuary()
TERMS = Terms.of(TABLE)
PROCESS = stack_process()


def priced(usd: float, coverage: float = 1.0) -> ElectricalTest:
    """A test of this price: one hour on a tester."""
    return ElectricalTest(coverage, 3600.0, usd)


def economics(flow: str, *chips: Chip, test: ElectricalTest, terms=TERMS, table=TABLE, stacks=(), process=PROCESS):
    case = CostCase(chips, {flow: tuple(stacks)} if stacks else {}, terms, table, process)
    return TestEconomics(case, flow, test)


def usd(module) -> float:
    return float(module.total_usd)


# --- by hand ---------------------------------------------------------------------------------------------------------

PLAIN = 45  # nm: a node of which a die of 10 mm2 costs 10 USD raw and is good in one of two


def plain_table(*, package_usd: float, chip_count: int, bonding_yield: float = 1.0):
    """Dies of 10 mm2 as PLAIN says, no bumps, and a package of `package_usd` for `chip_count` of them."""
    die = Chip("die", 10, 28)
    wafer = 10.0 * float(chip_cost(die, TERMS).dies_per_wafer)
    node = replace(TABLE.nodes[0], node_nm=PLAIN, wafer_cost_usd=wafer, defect_density_per_cm2=100 * math.log(2) / 10)
    return replace(
        TABLE, nodes=(node,), c4_bump_cost_usd_per_mm2=0.0, substrate_area_ratio=1.0,
        substrate_price_steps=((math.inf, 1.0),), substrate_cost_usd_per_mm2=package_usd / (10 * chip_count),
        substrate_bonding_yield=bonding_yield ** (1 / chip_count),
    )  # fmt: skip


def test_a_module_by_hand():
    """Two dies of 10 USD and yield 1/2, package 4 USD, assembly 0.8; test of 1 USD and full coverage.

    Dies (10 + 1) / 0.5 = 22 each, module (44 + 4) / 0.8 = 60. Untested: (20 + 4) / (0.8 / 4) = 120.
    """
    table = plain_table(package_usd=4.0, chip_count=2, bonding_yield=0.8)
    terms = replace(TERMS, model="poisson")
    found = economics("mcm", Chip("die", 10, PLAIN, 2), test=priced(1.0), terms=terms, table=table)
    assert usd(found.tested) == pytest.approx(60)
    assert usd(found.untested) == pytest.approx(120)
    assert float(found.tested.assembly_yield) == pytest.approx(0.8)
    assert float(found.untested.assembly_yield) == pytest.approx(0.2)
    assert float(found.tested.test_usd) == pytest.approx(4.0)


def test_perfect_yield_makes_a_test_pure_cost():
    """Three dies of 10 USD with a package of 5 USD: 35, and 6 more with a test of 2 USD, whatever its coverage."""
    table = plain_table(package_usd=5.0, chip_count=3)
    flawless = replace(TERMS, model="poisson", defect_ratio=0.0)
    free, dear = (
        economics("mcm", Chip("die", 10, PLAIN, 3), test=test, terms=flawless, table=table)
        for test in (ElectricalTest(), priced(2.0, 0.3))
    )
    assert usd(free.tested) == pytest.approx(35)
    assert usd(dear.tested) == pytest.approx(41)
    assert dear.break_even_coverage_ratio is None


NEVER_AND_ALWAYS = [  # test USD, break-even of a die of yield 1/2 in a package of 5 USD
    (2.6, None, "2.6 > 5 x (1 - 1/2)"), (2.4, math.log(1 - 2.4 / 5) / math.log(0.5), "closed form"), (0.0, 0.0, "free"),
]  # fmt: skip


@pytest.mark.parametrize(("price", "expected", "source"), NEVER_AND_ALWAYS)
def test_never_and_always(price, expected, source):
    table, terms = plain_table(package_usd=5.0, chip_count=1), replace(TERMS, model="poisson")
    found = economics("mcm", Chip("die", 10, PLAIN), test=priced(price), terms=terms, table=table)
    assert found.break_even_coverage_ratio == (expected and pytest.approx(expected, rel=1e-9)), source


# --- closed form -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(("area", "node", "share"), [(100, 7, 0.5), (400, 5, 0.1), (25, 28, 0.9), (800, 5, 0.99)])
def test_one_die_breaks_even_in_closed_form(flow, area, node, share):
    """(raw + t) + A Y^T = raw + A: T = ln(1 - t/A) / ln Y, with A whatever a bad die takes with it."""
    chip = Chip("die", area, node)
    die = chip_cost(chip, TERMS)
    flawless = economics(flow, chip, test=ElectricalTest()).tested
    lost = usd(flawless) * float(flawless.assembly_yield) - float(die.known_good_usd)
    price, good = share * lost * (1 - float(die.yield_ratio)), float(die.yield_ratio)
    found = economics(flow, chip, test=priced(price)).break_even_coverage_ratio
    assert found == pytest.approx(math.log(1 - price / lost) / math.log(good), rel=1e-9)
    assert economics(flow, chip, test=priced(1.01 * lost * (1 - good))).break_even_coverage_ratio is None


@pytest.mark.parametrize("bonding", ["d2w", "d2d"])
def test_a_bad_die_on_a_stack_takes_the_stack_with_it(bonding):
    """A die on a bought base: base, bond and the test after it are lost with it, but not the package."""
    base, top = Chip("base", 36, None, 1, 3.0), Chip("top", 100, 7)
    process = replace(PROCESS, die_bond_usd=1.0, die_pair_bond_usd=1.0, die_bond_yield=0.9)
    after, price = 0.5, 0.3
    terms = replace(TERMS, stack_test=priced(after))
    stack = Stack(((StackedDie(base),), (StackedDie(top),)))
    found = economics(f"stack_{bonding}", base, top, test=priced(price), terms=terms, stacks=[stack], process=process)
    good = float(chip_cost(top, TERMS).yield_ratio)
    lost = 3.0 + 1.0 + after
    assert found.break_even_coverage_ratio == pytest.approx(math.log(1 - price / lost) / math.log(good), rel=1e-9)


# --- of any flow -----------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    defects=st.floats(0.1, 10), price=st.floats(0.001, 3), count=st.integers(1, 8), second=st.floats(10, 400),
    flow=st.sampled_from(FLOWS[1:]),
)  # fmt: skip
def test_cost_falls_with_coverage_and_crosses_once(defects, price, count, second, flow):
    chips = (Chip("a", 60, 5, count), Chip("b", second, 28))
    found = economics(flow, *chips, test=priced(price), terms=replace(TERMS, defect_ratio=defects))
    costs = [usd(found.at(coverage)) for coverage in np.linspace(0, 1, 9)]
    assert np.all(np.diff(costs) <= 1e-9 * costs[0])
    crossing = found.break_even_coverage_ratio
    if crossing is None:
        assert costs[-1] > usd(found.untested)
    else:
        assert usd(found.at(crossing)) == pytest.approx(usd(found.untested), rel=1e-9)


def seed(name: str, **parameters):
    return of_design(read(facts.load(f"designs/{name}")), StackDesignReview(design_id=name, **parameters))


@pytest.mark.parametrize("name", DESIGNS)
def test_a_perfect_free_test_costs_what_the_flow_costs(name):
    """There is one cost of a module: that of the flow, to the last digit."""
    found = seed(name, wafer_test_time_s=0.0)
    assert found.test.flow == found.shown.flow
    for flow in found.flows:
        assert usd(replace(found.test, flow=flow.flow).at(1.0)) == usd(flow), flow.flow


@pytest.mark.parametrize("name", DESIGNS)
def test_the_test_as_set_costs_what_the_modelled_flow_costs(name):
    """With the tests modelled and no final test, the tested module is the flow itself, escapes and all."""
    found = seed(name, test_convention="modelled", final_test_time_s=0.0, test_coverage_ratio=0.9)
    for flow in found.flows:
        assert usd(replace(found.test, flow=flow.flow).tested) == usd(flow), flow.flow


@pytest.mark.parametrize("convention", ["perfect", "modelled"])
@pytest.mark.parametrize("name", DESIGNS)
def test_the_break_even_is_a_root_of_the_flow(name, convention):
    found = seed(name, test_convention=convention)
    case, test = found.case, found.test

    def cost(wafer_test: ElectricalTest) -> float:
        held = replace(case.terms, wafer_test=wafer_test, stack_test=case.terms.wafer_test, final_test_usd=0.0)
        return usd(replace(case, terms=held).recurring(found.shown.flow))

    untested = cost(ElectricalTest(0.0))
    root = bisect(lambda c: cost(replace(test.insertion, coverage_ratio=c)) - untested, 0, 1, xtol=1e-13)
    assert test.break_even_coverage_ratio == pytest.approx(root, abs=1e-9)


@pytest.mark.parametrize("flow", ["stack_d2w", "stack_d2d"])
def test_wafer_test_leaves_the_test_after_bonding_alone(flow):
    """What is paid for the tests after the bonds is the same with dies that were tested and with dies that were not."""
    found = seed("poc-face-to-face", test_convention="modelled", wafer_test_time_s=600.0)
    test = replace(found.test, flow=flow)
    insertion = test.insertion.cost_usd
    (built,) = replace(test.case, terms=test.varied(ElectricalTest(0.0))).stacked(flow)[1]
    assert built.steps[-1].test_usd == pytest.approx(insertion)  # of the dies of this tier nothing, of the stack one
    (built,) = replace(test.case, terms=test.varied(ElectricalTest())).stacked(flow)[1]
    assert built.steps[-1].test_usd == pytest.approx(insertion)


def test_wafers_bonded_whole_have_no_wafer_test():
    found = seed("poc-face-to-face", stack_bonding="w2w", test_convention="modelled")
    assert found.shown.flow == "stack_w2w"
    assert found.test is None
    assert found.as_dict()["test"] is None
    varied = replace(found.case, terms=replace(found.case.terms, wafer_test=ElectricalTest(0.1), stack_test=priced(2)))
    held = replace(found.case, terms=replace(found.case.terms, stack_test=priced(2)))
    assert usd(varied.recurring("stack_w2w")) == usd(held.recurring("stack_w2w"))


def test_a_die_beside_wafers_bonded_whole_is_tested():
    one, two = Chip("a", 30, 28), Chip("b", 25, 7)
    tall, alone = Stack(((StackedDie(one),), (StackedDie(two),))), Stack(((StackedDie(two),),))
    case = CostCase((one, two), {"stack_w2w": (tall, alone)}, TERMS, TABLE, PROCESS)
    assert case.tests_wafers("stack_w2w")
    assert not replace(case, stacks={"stack_w2w": (tall,)}).tests_wafers("stack_w2w")
    assert all(case.tests_wafers(flow) for flow in (*FLOWS, *STACK_FLOWS))
