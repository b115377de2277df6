"""Stacks: a published model reproduced, small cases by hand, and what must follow in the limits."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.cost.assembly import Chip, Terms, chip_cost, flow_cost
from workbench.cost.parameters import chiplet_actuary, stack_process
from workbench.cost.stacking import STACK_FLOWS, Stack, StackedDie, build_stack, stack_flow_cost, tsv_yield
from workbench.cost.testing import ElectricalTest
from workbench.cost.wafers import Wafer
from workbench.errors import DomainError

TABLE = chiplet_actuary()
TERMS = Terms.of(TABLE)
PROCESS = stack_process()
FREE = replace(PROCESS, thinning_usd=0.0, tsv_usd=0.0, tsv_failure_ratio=0.0, wafer_bond_usd=0.0, wafer_bond_yield=1.0,
               die_bond_usd=0.0, die_pair_bond_usd=0.0, die_bond_yield=1.0)  # fmt: skip
BASE, TOP = Chip("base", 36, 28), Chip("compute", 25, 7)


def tall(*dies: StackedDie | Chip) -> Stack:
    return Stack(tuple((die if isinstance(die, StackedDie) else StackedDie(die),) for die in dies))


# --- vias ------------------------------------------------------------------------------------------------------------

VIAS = [  # signals, p, group, spares, yield, source
    (3, 0.1, 1, 0, 0.9**3, "by hand"),
    (2, 0.1, 2, 1, 0.9**3 + 3 * 0.1 * 0.9**2, "by hand: 3 vias, at most one fails"),
    (4, 0.1, 2, 1, (0.9**3 + 3 * 0.1 * 0.9**2) ** 2, "by hand: two such groups"),
    (3, 0.1, 2, 1, (0.9**3 + 3 * 0.1 * 0.9**2) * (0.9**2 + 2 * 0.1 * 0.9), "by hand: the last group is smaller"),
    (6, 0.2, 6, 2, sum(comb(8, k) * 0.2**k * 0.8 ** (8 - k) for k in range(3)), "by hand: 8 vias, at most two fail"),
    (4000, 1e-6, 1, 0, (1 - 1e-6) ** 4000, "independent"),
    (0, 0.5, 4, 1, 1.0, "no via"),
    (100, 0.0, 4, 0, 1.0, "none fails"),
]


@pytest.mark.parametrize(("count", "p", "group", "spares", "expected", "source"), VIAS)
def test_vias(count, p, group, spares, expected, source):
    found = tsv_yield(count=count, failure_ratio=p, group_count=group, spare_count=spares)
    assert found == pytest.approx(expected, rel=1e-12)


def test_redundancy_against_drawing_lots():
    rng = np.random.default_rng(7)
    failed = rng.random((20_000, 25, 5)) < 0.03  # 25 groups of 4 + 1
    assert tsv_yield(count=100, failure_ratio=0.03, group_count=4, spare_count=1) == pytest.approx(
        (failed.sum(-1) <= 1).all(-1).mean(), abs=0.012
    )


# --- published -------------------------------------------------------------------------------------------------------

# cost_3d_design (Penn State, 2011; github.com/ominux/20111003abcd), its C++ run with n tiers of 50 mm2 and 6 metals:
# wafer 4232.795 + 6 x 249.492 + sort 1182.66 USD, yield (1 - e^(-2AD)) / (2AD) at D = .4 /cm2, no edge, no streets;
# TSV and thinning 250 USD per wafer and bond, package .218 USD (.995), its test .544 USD (.998), bonds .99. It works in
# single precision. Die to wafer: with its die test, TSV and thinning prices set to 0, a bond 5 USD (115/20, whole).
PENN_STATE = [
    ("w2w", 2, 17.423862), ("w2w", 3, 31.695244), ("w2w", 4, 51.518116),
    ("d2w", 2, 18.792372), ("d2w", 3, 30.650532), ("d2w", 4, 42.746334),
]  # fmt: skip


@pytest.mark.parametrize(("bonding", "tiers", "expected"), PENN_STATE)
def test_the_published_stack(bonding, tiers, expected):
    area, defects = 50.0, 50.0 * 0.4 / 100
    die_yield = (1 - np.exp(-2 * defects)) / (2 * defects)
    # Our Poisson model, its density chosen to give the source's yield: what is compared is the stacking.
    node = replace(TABLE.nodes[0], node_nm=45, wafer_cost_usd=4232.795 + 6 * 249.492 + 1182.66,
                   defect_density_per_cm2=-np.log(die_yield) / area * 100)  # fmt: skip
    work = 250.0 if bonding == "w2w" else 0.0
    process = replace(FREE, thinning_usd=work, tsv_usd=work, wafer_bond_usd=22.9, wafer_bond_yield=0.99,
                      die_bond_usd=5.0, die_bond_yield=0.99)  # fmt: skip
    dies = [StackedDie(Chip(f"tier {i}", area, 45), via_count=int(i < tiers - 1)) for i in range(tiers)]
    built = build_stack(tall(*dies), bonding, Terms(Wafer(300, 0, 0), model="poisson"),
                        table=replace(TABLE, nodes=(node,)), process=process, post_bond_test="end")  # fmt: skip
    stack_yield = built.steps[-1].stack_yield
    total = (float(built.bill.spent_usd) + (0.218 + 0.544) / stack_yield) / (0.995 * 0.998)
    assert total == pytest.approx(expected, rel=3e-7)


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_two_tiers_by_hand_tested_after_the_bond():
    """Known-good dies 2 and 3 USD, bond 1 USD at 0.8: (2 + 3 + 1) / 0.8 = 7.5."""
    process = replace(FREE, die_bond_usd=1.0, die_bond_yield=0.8)
    stack = tall(Chip("a", 10, None, 1, 2.0), Chip("b", 10, None, 1, 3.0))
    built = build_stack(stack, "d2w", TERMS, process=process)
    assert float(built.bill.spent_usd) == pytest.approx(7.5)
    assert float(built.bill.lost_usd) == pytest.approx(1.5)
    assert [step.good_usd for step in built.steps] == pytest.approx([2.0, 7.5])


@pytest.mark.parametrize(("when", "expected"), [("each_tier", (6 / 0.8 + 3 + 1) / 0.8), ("end", 10 / 0.8**2)])
def test_testing_between_bonds_saves_what_would_be_added(when, expected):
    """Three tiers of 2, 3, 3 USD, bonds 1 USD at 0.8."""
    process = replace(FREE, die_bond_usd=1.0, die_bond_yield=0.8)
    stack = tall(*(Chip(name, 10, None, 1, usd) for name, usd in (("a", 2.0), ("b", 3.0), ("c", 3.0))))
    built = build_stack(stack, "d2w", TERMS, process=process, post_bond_test=when)
    assert float(built.bill.spent_usd) == pytest.approx(expected)


def test_base_vias_are_found_at_the_first_bond():
    process = replace(FREE, tsv_failure_ratio=0.5)
    built = build_stack(tall(StackedDie(BASE, via_count=1), TOP), "d2w", TERMS, process=process)
    good = sum(float(chip_cost(chip, TERMS).known_good_usd) for chip in (BASE, TOP))
    assert float(built.bill.spent_usd) == pytest.approx(good / 0.5)
    assert built.steps[0].stack_yield == pytest.approx(0.5)


def test_wafers_pay_for_the_larger_site():
    """Whole wafers: 36 mm2 sites for both, wafer prices over sites, divided by every yield."""
    built = build_stack(tall(BASE, TOP), "w2w", TERMS, process=replace(FREE, wafer_bond_yield=0.9))
    sites = float(chip_cost(BASE, TERMS).dies_per_wafer)
    yields = np.prod([float(chip_cost(chip, TERMS).yield_ratio) for chip in (BASE, TOP)])
    expected = (2891 + 9346) / sites / (yields * 0.9)
    assert float(built.bill.spent_usd) == pytest.approx(expected, rel=1e-12)
    assert built.steps[-1].good_usd == pytest.approx(expected, rel=1e-12)
    parts = built.bill.raw_usd + built.bill.defect_usd + built.bill.lost_usd + built.bill.stacking_usd
    assert float(parts) == pytest.approx(expected)


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bonding", ["w2w", "d2w", "d2d"])
def test_perfect_and_free_stacking_costs_the_sum_of_the_dies(bonding):
    terms = replace(TERMS, defect_ratio=0.0)
    dies = [Chip("a", 30, 28), Chip("b", 30, 7), Chip("c", 30, 5)]
    built = build_stack(tall(*dies), bonding, terms, process=FREE)
    assert float(built.bill.spent_usd) == pytest.approx(sum(float(chip_cost(d, terms).raw_usd) for d in dies))
    assert float(built.bill.lost_usd) == pytest.approx(0, abs=1e-12)


def test_with_perfect_dies_wafer_to_wafer_equals_die_to_wafer():
    """Equal sites, equal prices per bond, equal bond yields: only the choice of good dies tells them apart."""
    terms = replace(TERMS, defect_ratio=0.0)
    sites = float(chip_cost(Chip("a", 30, 7), terms).dies_per_wafer)
    process = replace(PROCESS, wafer_bond_usd=2.0 * sites, die_bond_usd=2.0, wafer_bond_yield=0.97, die_bond_yield=0.97)
    stack = tall(StackedDie(Chip("a", 30, 28), via_count=500), StackedDie(Chip("b", 30, 7), via_count=500),
                 Chip("c", 30, 7))  # fmt: skip
    w2w, d2w = (
        float(build_stack(stack, b, terms, process=process, post_bond_test="end").bill.spent_usd)
        for b in ("w2w", "d2w")
    )
    assert w2w == pytest.approx(d2w, rel=1e-12)
    worse = replace(terms, defect_ratio=1.0)
    w2w, d2w = (
        float(build_stack(stack, b, worse, process=process, post_bond_test="end").bill.spent_usd)
        for b in ("w2w", "d2w")
    )
    assert w2w > d2w


@pytest.mark.parametrize("tiers", [1, 2, 5, 12])
def test_the_yield_of_equal_tiers_is_geometric(tiers):
    die = StackedDie(Chip("dram", 30, 20), via_count=1000)
    process = replace(PROCESS, die_bond_yield=0.98, tsv_failure_ratio=1e-5)
    built = build_stack(tall(*[die] * tiers), "d2w", TERMS, process=process)
    vias = (1 - 1e-5) ** 1000
    assert built.steps[-1].stack_yield == pytest.approx(vias**tiers * 0.98 ** (tiers - 1), rel=1e-12)


@pytest.mark.parametrize("carrier", ["mcm", "fan_out_last", "fan_out_first", "si_interposer"])
@pytest.mark.parametrize("flow", STACK_FLOWS)
def test_stacks_of_one_tier_are_the_dies_side_by_side(flow, carrier):
    stacks = (tall(BASE), replace(tall(TOP), count=3))
    flat = flow_cost(carrier, (BASE, replace(TOP, count=3)), TERMS)
    found, _ = stack_flow_cost(flow, stacks, TERMS, carrier=carrier)
    for part in (*found.PARTS, "assembly_yield"):
        assert float(getattr(found, part)) == pytest.approx(float(getattr(flat, part)), rel=1e-12), part


@pytest.mark.parametrize("flow", STACK_FLOWS)
@pytest.mark.parametrize("coverage", [1.0, 0.9])
def test_the_parts_make_the_total_and_sweeps_keep_their_shape(flow, coverage):
    stack = (Stack((((StackedDie(BASE, via_count=4000)),), (StackedDie(TOP, micro_bumped=True),))),)
    terms = replace(TERMS, wafer_test=ElectricalTest(coverage, 10, 100), final_test_usd=0.5)
    found, built = stack_flow_cost(flow, stack, terms)
    parts = [float(getattr(found, part)) for part in found.PARTS]
    assert min(parts) >= 0
    assert float(found.total_usd) == pytest.approx(sum(parts))
    assert parts[found.PARTS.index("test_usd")] > 0.5
    assert len(built[0].steps) == 2
    swept, _ = stack_flow_cost(flow, stack, replace(terms, defect_ratio=np.linspace(0, 4, 5)))
    assert swept.total_usd.shape == (5,)
    assert np.all(np.diff(swept.total_usd) > 0)
    assert swept.total_usd[1] == pytest.approx(float(found.total_usd))


@settings(max_examples=40, deadline=None)
@given(bond=st.floats(0.5, 1.0), tiers=st.integers(2, 6), usd=st.floats(0.0, 20.0))
def test_testing_early_never_costs_more_when_it_is_free(bond, tiers, usd):
    process = replace(FREE, die_bond_usd=usd, die_bond_yield=bond)
    stack = tall(*[Chip("x", 20, 7)] * tiers)
    early, late = (
        float(build_stack(stack, "d2w", TERMS, process=process, post_bond_test=when).bill.spent_usd)
        for when in ("each_tier", "end")
    )
    assert early <= late * (1 + 1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tsv_yield(count=10, failure_ratio=1.0),
        lambda: tsv_yield(count=10, failure_ratio=0.1, group_count=0),
        lambda: build_stack(tall(BASE, TOP), "glued", TERMS),
        lambda: build_stack(tall(BASE, Chip("bought", 10, None)), "w2w", TERMS),
        lambda: build_stack(Stack(((StackedDie(BASE),), (StackedDie(TOP), StackedDie(TOP)))), "w2w", TERMS),
        lambda: stack_flow_cost("mcm", (tall(BASE, TOP),), TERMS),
        lambda: stack_flow_cost("stack_d2w", (), TERMS),
    ],
)
def test_outside_the_range_is_refused(call):
    with pytest.raises(DomainError):
        call()
