"""What is spent once, against the published code; and the quantity from which one flow beats another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from workbench.cost.assembly import Chip, Terms, flow_cost
from workbench.cost.nre import NreCost, nre_cost
from workbench.cost.parameters import chiplet_actuary
from workbench.cost.volume import FlowTotals, break_even, unit_cost_usd, volume_curves
from workbench.errors import DomainError

# Yinxiao-Feng/chiplet-actuary at 2c91fb9, its own code run with its parameters: NRE() of modules, chips, D2D, package.
SOC = (Chip("soc", 800, 5),)
TWO = (Chip("left", 440, 5), Chip("right", 440, 5))  # two modules of 400 mm2, each with 10 % D2D
POC = (Chip("base", 36, 28), Chip("compute", 25, 7))
FOUR = (Chip("chiplet", 220, 7, 4),)  # one design, used four times
ACTUARY = [  # flow, carrier, chips, D2D, blocks, chips, interface, package USD
    ("soc", "substrate", SOC, 0.0, 722666666.6666667, 542000000.0, 0.0, 9900000.0),
    ("mcm", "substrate", TWO, 0.1, 722666666.6666667, 693760000.0, 18066666.666666668, 21420000.0),
    ("fan_out_last", "fan_out", TWO, 0.1, 722666666.6666667, 693760000.0, 18066666.666666668, 26425021.12),
    ("si_interposer", "si_interposer", TWO, 0.1, 722666666.6666667, 693760000.0, 18066666.666666668, 39244819.36),
    ("mcm", "substrate", POC, 0.0, 15476666.666666668, 79086000.0, 0.0, 1398000.0),
    ("fan_out_first", "fan_out", POC, 0.0, 15476666.666666668, 79086000.0, 0.0, 1855001.464),
    ("si_interposer", "si_interposer", POC, 0.0, 15476666.666666668, 79086000.0, 0.0, 8974561.342),
    ("mcm", "substrate", FOUR, 0.1, 99333333.33333334, 125160000.0, 9933333.333333334, 21420000.0),
    ("fan_out_last", "fan_out", FOUR, 0.1, 99333333.33333334, 125160000.0, 9933333.333333334, 26425021.12),
    ("si_interposer", "si_interposer", FOUR, 0.1, 99333333.33333334, 125160000.0, 9933333.333333334, 39244819.36),
]


@pytest.mark.parametrize(("flow", "carrier", "chips", "d2d", "blocks", "dies", "interface", "package"), ACTUARY)
def test_nre_of_the_published_code(flow, carrier, chips, d2d, blocks, dies, interface, package):
    found = nre_cost(flow, chips, carrier=carrier, d2d_area_ratio=d2d)
    assert found.blocks_usd == pytest.approx(blocks, rel=1e-12)
    assert found.chips_usd == pytest.approx(dies, rel=1e-12)
    assert found.interface_usd == pytest.approx(interface, rel=1e-12)
    assert found.package_usd == pytest.approx(package, rel=1e-12)
    assert found.total_usd == pytest.approx(blocks + dies + interface + package, rel=1e-12)


# The same code: (RE, NRE per module at 500,000) of single_system_total_cost(2, '5'), D2D PHY counted once.
TOTALS = [  # flow, carrier, chips, D2D, recurring USD, NRE USD
    ("soc", "substrate", SOC, 0.0, 698.5780875102167, 1274566666.6666667),
    ("mcm", "substrate", TWO, 0.1, 516.2360758972435, 1455913333.3333335),
    ("fan_out_last", "fan_out", TWO, 0.1, 578.8939605072443, 1460918354.4533334),
    ("si_interposer", "si_interposer", TWO, 0.1, 641.4554626863855, 1473738152.6933331),
]


@pytest.mark.parametrize(("flow", "carrier", "chips", "d2d", "recurring", "nre"), TOTALS)
@pytest.mark.parametrize("quantity", [500_000, 2_000_000, 10_000_000])
def test_total_with_nre_of_the_published_code(flow, carrier, chips, d2d, recurring, nre, quantity):
    terms = Terms.of(chiplet_actuary())
    found = unit_cost_usd(
        recurring_usd=flow_cost(flow, chips, terms).total_usd,
        nre_usd=nre_cost(flow, chips, carrier=carrier, d2d_area_ratio=d2d).total_usd, quantity=quantity,
    )  # fmt: skip
    assert float(found) == pytest.approx(recurring + nre / quantity, rel=1e-12)


def test_equal_dies_are_designed_once_and_bought_in_ones_not_at_all():
    one, four = (nre_cost("mcm", (Chip("x", 100, 7, n),)) for n in (1, 4))
    assert (one.blocks_usd, one.chips_usd) == (four.blocks_usd, four.chips_usd)
    bought = nre_cost("mcm", (Chip("x", 100, 7), Chip("memory", 90, None, 4)))
    assert bought.chips_usd == one.chips_usd
    assert bought.package_usd > one.package_usd  # it still lies on the substrate


def test_one_die_holds_each_block_once_and_no_interface():
    """Four blocks of 200 mm2 on one 7 nm die: the block is designed once, the chip is 800 mm2."""
    found = nre_cost("soc", FOUR, d2d_area_ratio=0.1)
    assert found.blocks_usd == pytest.approx(0.5 * 29.8e7 * 200 / 300)
    assert found.chips_usd == pytest.approx(29.8e7 * (0.3 * 800 / 300 + 0.2))
    assert found.interface_usd == 0


def test_test_hardware_is_paid_per_die_type():
    found = nre_cost("mcm", POC, test_hardware_usd=120_000)
    assert found.test_hardware_usd == 240_000
    assert found.total_usd == pytest.approx(sum(getattr(found, part) for part in NreCost.PARTS))


# --- volume ----------------------------------------------------------------------------------------------------------

ACTUARY_FLOWS = tuple(FlowTotals(flow, recurring, nre) for flow, _, _, _, recurring, nre in TOTALS)


def test_one_die_and_chiplets_cross_where_their_costs_meet():
    """800 mm2 at 5 nm: (1455.913 - 1274.567) M USD / (698.578 - 516.236) USD = 994,541 modules."""
    soc, mcm = ACTUARY_FLOWS[:2]
    found = break_even(soc, mcm)
    root = brentq(lambda q: (soc.recurring_usd - mcm.recurring_usd) + (soc.nre_usd - mcm.nre_usd) / q, 1e3, 1e9)
    assert found.quantity == pytest.approx(root, rel=1e-9)
    assert f"{found.quantity:.0f}" == "994541"
    assert (found.below, found.above) == ("soc", "mcm")
    assert break_even(mcm, soc) == found
    assert found.usd == pytest.approx(soc.recurring_usd + soc.nre_usd / root)


NEVER = [  # recurring and NRE of two flows that never cross
    ((10, 100), (12, 120)), ((10, 100), (10, 120)), ((10, 100), (12, 100)), ((10, 100), (10, 100)),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), NEVER)
def test_never_is_said(first, second):
    assert break_even(FlowTotals("a", *first), FlowTotals("b", *second)) is None


def test_the_cheapest_flow_over_volume():
    curves = volume_curves(ACTUARY_FLOWS)
    assert [flow for _, flow in curves.cheapest] == ["soc", "mcm"]
    assert curves.cheapest[1][0] == pytest.approx(994_541, abs=1)
    assert len(curves.crossings) == 1
    assert curves.usd["mcm"][-1] == pytest.approx(516.236 + 1455913333 / 1e8, rel=1e-5)


flows = st.lists(st.tuples(st.floats(1, 1e3), st.floats(1, 1e9)), min_size=1, max_size=7)


@settings(max_examples=80, deadline=None)
@given(flows)
def test_the_list_of_cheapest_flows_is_the_lower_envelope(figures):
    listed = tuple(FlowTotals(f"f{i}", r, n) for i, (r, n) in enumerate(figures))
    curves = volume_curves(listed)
    starts = [quantity for quantity, _ in curves.cheapest]
    assert starts == sorted(starts)
    by_name = {f.flow: f for f in listed}
    for quantity in np.geomspace(1e-2, 1e12, 60):
        chosen = by_name[[flow for start, flow in curves.cheapest if start <= quantity][-1]]
        best = min(f.recurring_usd + f.nre_usd / quantity for f in listed)
        assert chosen.recurring_usd + chosen.nre_usd / quantity <= best * (1 + 1e-9)


@pytest.mark.parametrize(
    "call",
    [
        lambda: nre_cost("mcm", ()),
        lambda: nre_cost("mcm", POC, d2d_area_ratio=-0.1),
        lambda: nre_cost("mcm", POC, carrier="paper"),
        lambda: unit_cost_usd(recurring_usd=1, nre_usd=1, quantity=0),
        lambda: volume_curves(()),
        lambda: volume_curves(ACTUARY_FLOWS, low=10, high=1),
    ],
)
def test_outside_the_range_is_refused(call):
    with pytest.raises(DomainError):
        call()
