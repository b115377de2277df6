"""The assembly flows: conventions, limits, and what must follow when a factor changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workbench.cost.assembly import FLOWS, Chip, FlowCost, Terms, as_soc, chip_cost, flow_cost
from workbench.cost.parameters import chiplet_actuary
from workbench.errors import DomainError, InputError

TABLE = chiplet_actuary()
TERMS = Terms.of(TABLE)
CHIPS = (Chip("logic", 120, 7, 2), Chip("io", 80, 28))


@pytest.mark.parametrize("flow", FLOWS)
def test_the_parts_make_the_total_and_none_is_negative(flow):
    cost = flow_cost(flow, as_soc(CHIPS) if flow == "soc" else CHIPS, TERMS)
    parts = [float(getattr(cost, part)) for part in FlowCost.PARTS]
    assert min(parts) >= 0
    assert float(cost.total_usd) == pytest.approx(sum(parts))
    assert 0 < cost.assembly_yield <= 1


@pytest.mark.parametrize("flow", FLOWS)
def test_more_defects_never_make_it_cheaper(flow):
    chips = as_soc(CHIPS) if flow == "soc" else CHIPS
    swept = flow_cost(flow, chips, replace(TERMS, defect_ratio=np.linspace(0, 5, 11))).total_usd
    assert swept.shape == (11,)
    assert np.all(np.diff(swept) > 0)
    assert swept[2] == pytest.approx(float(flow_cost(flow, chips, TERMS).total_usd))


def test_bump_conventions_differ_by_the_repeated_dies_only():
    per_chip, per_type = (
        float(flow_cost("si_interposer", CHIPS, replace(TERMS, bump_convention=c)).raw_chips_usd)
        for c in ("per_chip", "per_type")
    )
    assert per_chip - per_type == pytest.approx(120 * TABLE.micro_bump_cost_usd_per_mm2)


def test_chip_last_spares_the_dies_from_carrier_defects():
    last, first = (flow_cost(flow, CHIPS, TERMS) for flow in ("fan_out_last", "fan_out_first"))
    worse = replace(TERMS, carrier_area_mm2=2000.0)
    grown_last, grown_first = (flow_cost(flow, CHIPS, worse) for flow in ("fan_out_last", "fan_out_first"))
    assert float(grown_last.wasted_chips_usd) == pytest.approx(float(last.wasted_chips_usd))
    assert grown_first.wasted_chips_usd > first.wasted_chips_usd


def test_a_bought_in_die_takes_area_and_a_bond_but_no_price():
    memory = Chip("memory", 92, None, 4)
    bare, loaded = (flow_cost("mcm", chips, TERMS) for chips in (CHIPS, (*CHIPS, memory)))
    assert chip_cost(memory, TERMS) is None
    assert float(loaded.assembly_yield) == pytest.approx(float(bare.assembly_yield) * 0.99**4)
    assert loaded.raw_package_usd > bare.raw_package_usd
    bumps = 4 * 92 * TABLE.c4_bump_cost_usd_per_mm2
    assert float(loaded.raw_chips_usd - bare.raw_chips_usd) == pytest.approx(bumps)


def test_one_die_takes_the_finest_node():
    (soc,) = as_soc((*CHIPS, Chip("memory", 92, None)))
    assert (soc.area_mm2, soc.node_nm, soc.count) == (320, 7, 1)
    assert as_soc((Chip("memory", 92, None),)) == ()


def test_a_node_between_two_rows_takes_the_finer():
    node, exact = TABLE.node(16)
    assert (node.node_nm, exact) == (14, False)
    with pytest.raises(InputError):
        TABLE.node(2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: flow_cost("wishful", CHIPS, TERMS),
        lambda: flow_cost("mcm", (), TERMS),
        lambda: flow_cost("mcm", (Chip("x", 10, 7, 0),), TERMS),
        lambda: flow_cost("si_interposer", (Chip("x", 60_000, 7),), TERMS),
        lambda: replace(TERMS, bump_convention="sometimes"),
    ],
)
def test_outside_the_range_is_refused(call):
    with pytest.raises(DomainError):
        call()
