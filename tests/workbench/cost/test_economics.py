"""A design's cost as a whole: stacks found in the drawing, conventions said, sensitivities that mean something."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace

import pytest

from workbench import facts
from workbench.cost import stacking
from workbench.cost.assembly import FLOWS
from workbench.cost.economics import of_design
from workbench.cost.nre import NreCost
from workbench.cost.review import StackDesignReview, review
from workbench.cost.sensitivity import INPUTS, tornado
from workbench.cost.stacking import STACK_FLOWS
from workbench.runs.demo.designs import DESIGNS
from workbench.stack import read

STACKED = ("poc-face-to-face", "poc-face-to-back")


def document(name: str) -> dict:
    return copy.deepcopy(facts.load(f"designs/{name}"))


def cost(name: str, change=None, **parameters):
    found = document(name)
    if change:
        change(found)
    return of_design(read(found), StackDesignReview(design_id=name, **parameters))


def total(found, flow: str) -> float:
    return float(next(f for f in found.flows if f.flow == flow).total_usd)


@pytest.mark.parametrize("name", DESIGNS)
def test_every_seed_design_has_a_cost_with_its_conventions(name):
    found = cost(name)
    assert {f.flow for f in found.flows} | set(found.skipped) == {*FLOWS, *(STACK_FLOWS if name in STACKED else ())}
    assert found.is_stacked == (name in STACKED)
    for words in (*found.conventions, *found.excluded):
        assert set(words) == {"en", "zh-Hant"}
        assert not re.search(r"\{[a-z_]+\}", words["en"] + words["zh-Hant"])
    assert len(found.conventions) >= 6
    plain = json.loads(json.dumps(found.as_dict()))
    for row in plain["flows"]:
        assert row["recurring_usd"] == pytest.approx(sum(row["parts"].values()))
        assert row["unit_usd"] == pytest.approx(row["recurring_usd"] + row["nre_usd"] / found.quantity)
        assert set(row["nre_parts"]) == set(NreCost.PARTS)


def test_a_stack_is_priced_as_the_stack_it_is():
    found = cost("poc-face-to-face")
    assert found.drawn.flow == "stack_d2w"
    assert found.best.flow in STACK_FLOWS
    (built,) = found.stacks["stack_d2w"]
    assert [step.names for step in built.steps] == [("Base die 28 nm",), ("Compute die 7 nm",)]
    assert float(found.drawn.stacking_usd) > 0
    # Only the 36 mm2 of the base lie on the substrate, not 61 mm2.
    assert float(found.drawn.raw_package_usd) == pytest.approx(36 * 4 * 0.005)
    assert cost("poc-face-to-face", stack_bonding="w2w").drawn.flow == "stack_w2w"


def test_the_bond_decides_what_a_stack_pays_and_yields():
    hybrid = cost("poc-face-to-face").hybrid["stack_d2w"]["compute"]
    assert hybrid.bond_yield == pytest.approx(0.97334 * 0.999985, abs=1e-5)
    given = cost("poc-face-to-face", hybrid_bond_yield="given", bond_yield_ratio=0.5)
    modelled = cost("poc-face-to-face", bond_yield_ratio=0.5)
    assert total(given, "stack_d2w") > 1.5 * total(modelled, "stack_d2w")  # half of the stacks are lost
    bumped = cost("poc-face-to-back")
    assert bumped.hybrid == {}  # micro-bumps: the yield given, and 0.01 USD/mm2 for bumps
    steps = [found.stacks["stack_d2w"][0].steps[1] for found in (bumped, given)]
    assert steps[0].stacking_usd - steps[1].stacking_usd == pytest.approx(25 * 0.01)
    assert steps[0].step_yield == pytest.approx(0.99)


def said_of_bonds(found) -> list[str]:
    return [words["en"] for words in found.conventions if "YAP model says nothing" in words["en"]]


def test_a_hybrid_bond_the_model_says_nothing_about_is_named():
    def unpitched(d):
        del d["layers"][4]["bond"]["pitch_um"]

    assert said_of_bonds(cost("poc-face-to-face")) == []
    bare = cost("poc-face-to-face", unpitched, bond_yield_ratio=0.75)
    assert bare.hybrid == {}
    assert bare.stacks["stack_d2w"][0].steps[1].step_yield == pytest.approx(0.75)
    said = said_of_bonds(bare)
    assert len(said) == len(STACK_FLOWS)
    assert "Compute die 7 nm" in said[0]
    assert "75 %" in said[0]
    assert said_of_bonds(cost("poc-face-to-face", unpitched, hybrid_bond_yield="given")) == []


def test_a_die_that_lies_whole_nowhere_on_the_wafer_has_no_wafer_to_wafer_figure():
    def strips(d):
        d.update(width_mm=80.0, length_mm=12.0)
        for layer in d["layers"][2:6]:
            layer.update(width_mm=75.0, length_mm=2.0)
        for die in d["dies"]:
            die.update(width_mm=70.0, length_mm=0.6)
            die.pop("power_blocks", None)

    small = {"wafer_diameter_mm": 100, "edge_exclusion_mm": 20}
    found = cost("poc-face-to-face", strips, **small, bond_yield_ratio=1.0)
    assert set(found.hybrid) == {"stack_d2w", "stack_d2d"}
    (said,) = said_of_bonds(found)
    assert said.startswith("3D stack, wafer to wafer:")
    halved = cost("poc-face-to-face", strips, **small, bond_yield_ratio=0.5)
    for flow, factor in (("stack_w2w", 0.5), ("stack_d2w", 1.0)):
        steps = [one.stacks[flow][0].steps[1].step_yield for one in (halved, found)]
        assert steps[0] == pytest.approx(factor * steps[1])


def test_a_die_in_two_tiers_yields_as_each_of_its_bonds_does():
    def third(d):
        joint, top = copy.deepcopy(d["layers"][4]), copy.deepcopy(d["layers"][5])
        joint.update(name="Second bond")
        joint["bond"].update(pitch_um=0.3, diameter_um=0.15)
        top.update(name="Third tier")
        top["dies"][0].update(name="U9")
        d["layers"][6:6] = [joint, top]
        d.update(assembly="mixed")

    found = cost("poc-face-to-face", third)
    coarse, fine = (step.step_yield for step in found.stacks["stack_d2w"][0].steps[1:])
    once = cost("poc-face-to-face").stacks["stack_d2w"][0].steps[1].step_yield
    assert coarse == pytest.approx(once)
    assert fine < 0.99 * coarse
    assert found.hybrid["stack_d2w"]["compute"].bond_yield == pytest.approx(fine)


def test_every_stack_is_built_once(monkeypatch):
    built = []
    real = stacking.build_stack

    def counting(stack, bonding, *rest, **more):
        built.append(bonding)
        return real(stack, bonding, *rest, **more)

    monkeypatch.setattr(stacking, "build_stack", counting)
    found = cost("poc-face-to-face")
    assert sorted(built) == ["d2d", "d2w", "w2w"]
    assert set(found.stacks) == set(STACK_FLOWS)


def test_a_figure_of_a_source_stands_in_its_file_alone():
    test = facts.load("cost/stacking")["test"]
    assert StackDesignReview().tester_usd_per_h == test["tester_usd_per_h"]
    assert "0.006 USD" in test["source"]


def test_dies_above_an_interposer_are_no_stack():
    """Two die layers with a carrier between them: nothing is bonded die to die."""

    def insert(d):
        d["layers"][4] = {"name": "Interposer", "kind": "interposer", "material": "silicon", "thickness_um": 100}

    found = cost("poc-face-to-face", insert)
    assert not found.is_stacked
    assert found.stacks == {}


def test_two_towers_on_one_base_layer_are_two_stacks():
    def widen(d):
        d.update(width_mm=20.0, length_mm=12.0, assembly="mixed")
        d["layers"][2].update(width_mm=16.0, length_mm=6.0)
        d["layers"][4].update(width_mm=16.0, length_mm=6.0)
        for layer, die, names in ((3, "base", "UV"), (5, "compute", "XY")):
            facing = d["layers"][layer]["dies"][0]["facing"]
            d["layers"][layer]["dies"] = [
                {"name": names[i], "die": die, "x_mm": x, "y_mm": 0.0, "facing": facing}
                for i, x in enumerate((-4.0, 4.0))
            ]

    found = cost("poc-face-to-face", widen)
    (stack,) = found.case.stacks["stack_d2w"]
    assert (stack.count, stack.base_count, len(stack.tiers)) == (2, 1, 2)
    one = float(cost("poc-face-to-face").stacks["stack_d2w"][0].bill.spent_usd)
    assert float(found.stacks["stack_d2w"][0].bill.spent_usd) == pytest.approx(one)
    assert float(found.drawn.assembly_yield) == pytest.approx(float(cost("poc-face-to-face").drawn.assembly_yield) ** 2)


def test_whole_wafers_need_one_die_with_a_node_per_tier():
    found = cost("poc-face-to-face", lambda d: d["dies"][1].pop("node_nm"))
    assert found.skipped["stack_w2w"] == "design.skipped.w2w"
    assert found.skipped["soc"] == "design.skipped.soc_bought_in"


def test_a_node_beyond_the_table_is_left_out_with_a_reason_and_the_rest_is_reviewed():
    changed = document("poc-face-to-face")
    changed["dies"][1]["node_nm"] = 2
    found = review(changed, StackDesignReview())
    assert found.flows == ()
    assert set(found.skipped.values()) == {"design.skipped.unknown_node"}
    assert set(found.skipped) == {*FLOWS, *STACK_FLOWS}
    assert found.dies[1].known_good_usd is None
    assert found.dies[1].grid_count > 0
    assert found.economics.test is None
    assert found.economics.as_dict()["flows"] == []
    assert found.checks


def test_the_design_names_the_carrier_of_its_stack():
    fan_out = cost("poc-face-to-face", lambda d: d.update(carrier="fan_out"))
    first = cost("poc-face-to-face", lambda d: d.update(carrier="fan_out", flow="fan_out_first"))
    assert (fan_out.case.carrier, first.case.carrier) == ("fan_out_last", "fan_out_first")
    assert total(fan_out, "stack_d2w") != total(first, "stack_d2w")


def test_memory_has_the_price_it_is_given():
    free, priced = cost("ascend-910"), cost("ascend-910", bought_in_price_usd=50.0)
    mcm, first = "mcm", total(free, "mcm")
    keep = float(next(f for f in free.flows if f.flow == mcm).assembly_yield)
    assert total(priced, mcm) - first == pytest.approx(4 * 50 / keep)
    assert any("Memory cube" in words["en"] and "Not in any" in words["en"] for words in free.excluded)
    assert any("50 USD" in words["en"] for words in priced.excluded)


def test_modelled_tests_cost_time_and_let_bad_dies_through():
    perfect = cost("poc-side-by-side")
    blind = cost("poc-side-by-side", test_convention="modelled", test_coverage_ratio=0.0, wafer_test_time_s=0.0,
                 final_test_time_s=0.0)  # fmt: skip
    exact = cost("poc-side-by-side", test_convention="modelled", test_coverage_ratio=1.0, wafer_test_time_s=0.0,
                 final_test_time_s=0.0)  # fmt: skip
    for flow in FLOWS:
        assert total(exact, flow) == pytest.approx(total(perfect, flow))
    assert total(blind, "mcm") > total(perfect, "mcm")
    timed = cost("poc-side-by-side", test_convention="modelled", test_coverage_ratio=1.0)
    assert float(timed.best.test_usd) == pytest.approx(
        21.6 / 3600 * (10 / 0.97512 + 10 / 0.97777 + 30 / float(timed.best.assembly_yield)), rel=2e-3
    )


def test_wafer_test_pays_from_some_coverage_on():
    test = cost("poc-side-by-side", test_coverage_ratio=0.99).test
    assert test.tested.total_usd < test.untested.total_usd
    there = cost("poc-side-by-side", test_coverage_ratio=test.break_even_coverage_ratio).test
    assert float(there.tested.total_usd) == pytest.approx(float(there.untested.total_usd))
    assert cost("poc-side-by-side", tester_usd_per_h=9000.0).test.break_even_coverage_ratio is None


def test_redundant_vias_save_stacks():
    def more(d):
        d["dies"][0]["tsv"]["count"] = 40_000

    bare, spared = (cost("poc-face-to-face", more, tsv_failure_ppm=20, tsv_spare_count=n) for n in (0, 1))
    assert float(bare.drawn.assembly_yield) < 0.5 * float(spared.drawn.assembly_yield)


def test_one_die_has_no_interface():
    plain, joined = cost("poc-side-by-side"), cost("poc-side-by-side", d2d_area_ratio=0.1)
    assert total(joined, "soc") < total(plain, "soc")
    assert total(joined, "mcm") == total(plain, "mcm")  # the areas are as drawn
    assert joined.nre["mcm"].interface_usd > 0
    assert joined.nre["soc"].interface_usd == 0


def test_volume_names_the_cheapest_flow_and_where_it_changes():
    found = cost("ascend-910", d2d_area_ratio=0.1)
    totals = {row["flow"]: row for row in found.as_dict()["flows"]}
    for crossing in found.curves.crossings:
        below, above = totals[crossing.below], totals[crossing.above]
        assert below["recurring_usd"] + below["nre_usd"] / crossing.quantity == pytest.approx(crossing.usd)
        assert above["recurring_usd"] + above["nre_usd"] / crossing.quantity == pytest.approx(crossing.usd)
    assert found.unit_usd("mcm", 1e12) == pytest.approx(totals["mcm"]["recurring_usd"], rel=1e-3)


# --- sensitivity -----------------------------------------------------------------------------------------------------

ALL_ON = {"test_convention": "modelled", "bought_in_price_usd": 30.0, "d2d_area_ratio": 0.1}


def test_every_declared_range_is_an_input_with_a_source():
    rows = facts.load("cost/sensitivity")["factors"]
    assert {row["input"] for row in rows} == set(INPUTS)
    for row in rows:
        assert 0 < row["low"] < 1 < row["high"]
        assert row["source"]
        assert row["verified"] is False  # none was read in a source yet


@pytest.mark.parametrize("name", ["poc-face-to-face", "ascend-910", "poc-side-by-side"])
def test_a_tornado_is_sorted_and_brackets_the_cost(name):
    found = cost(name, **ALL_ON)
    base = float(found.shown.total_usd)
    assert len(found.swings) >= 6
    assert [s.span_usd for s in found.swings] == sorted((s.span_usd for s in found.swings), reverse=True)
    for swing in found.swings:
        assert swing.low_usd < base < swing.high_usd, swing.input


WHERE = [  # input, moves the flow, leaves the flow alone
    ("stack_bond_loss", "stack_d2w", "mcm"), ("tsv_failure", "stack_d2w", "fan_out_last"),
    ("carrier_defects", "si_interposer", "mcm"), ("carrier_bond_loss", "fan_out_last", "fan_out_first"),
    ("thinning_price", "stack_w2w", "soc"), ("stack_bond_price", "stack_d2d", "si_interposer"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "moved", "still"), WHERE)
def test_an_input_moves_only_the_flows_it_is_part_of(name, moved, still):
    case = cost("poc-face-to-face", **ALL_ON).case
    assert name in {swing.input for swing in tornado(case, moved)}
    assert name not in {swing.input for swing in tornado(case, still)}


@pytest.mark.parametrize("name", INPUTS)
def test_a_factor_of_one_changes_nothing(name):
    case = cost("poc-face-to-face", **ALL_ON).case
    for flow in ("stack_d2w", "stack_w2w", "si_interposer"):
        same = float(INPUTS[name](case, 1.0).recurring(flow).total_usd)
        assert same == pytest.approx(float(case.recurring(flow).total_usd), rel=1e-9)


def test_a_swing_is_the_cost_at_its_ends():
    found = cost("poc-face-to-face")
    swing = next(s for s in found.swings if s.input == "defect_density")
    for ratio, usd in ((0.5, swing.low_usd), (2.0, swing.high_usd)):
        again = cost("poc-face-to-face", defect_ratio=ratio)  # a stack on a substrate has no carrier defects
        assert total(again, "stack_d2w") == pytest.approx(usd)


def test_perfect_and_free_tests_leave_nothing_to_vary():
    swings = {s.input for s in cost("poc-face-to-face").swings}
    assert not swings & {"test_gap", "test_time", "bought_in_price", "carrier_price"}


def test_the_case_is_frozen():
    case = cost("poc-face-to-face").case
    changed = replace(case, test_hardware_usd=5.0)
    assert changed.nre("mcm").total_usd == case.nre("mcm").total_usd + 10.0
