"""The study: verdicts that follow the limits, figures that follow the model, words in both languages."""

from __future__ import annotations

import copy
import math

import pytest

from workbench import facts
from workbench.cost.assembly import FLOWS
from workbench.cost.review import StackDesignReview, review
from workbench.cost.stacking import STACK_FLOWS
from workbench.errors import InputError
from workbench.runs.demo.designs import DESIGNS
from workbench.schema import Verdict

DOCUMENTS = {name: facts.load(f"designs/{name}") for name in DESIGNS}


def looked_at(name: str, change=None, **parameters):
    document = copy.deepcopy(DOCUMENTS[name])
    if change:
        change(document)
    return review(document, StackDesignReview(design_id=name, **parameters))


def outcomes(r) -> dict[str, str]:
    return {c.id: c.outcome for c in r.checks}


@pytest.mark.parametrize("name", DESIGNS)
def test_every_seed_design_is_reviewed(name):
    r = looked_at(name)
    summary = r.summary.as_dict()
    assert summary["verdict"] in ("PASS", "MARGINAL")
    assert [f["key"] for f in summary["figures"]] == [
        "design.silicon_area",
        "design.module_cost",
        "design.assembly_yield",
    ]
    for reason in summary["reasons"]:
        assert "{" not in reason["en"] + reason["zh-Hant"]
        assert reason["en"] != reason["zh-Hant"]
    rivals = STACK_FLOWS if r.is_stacked else [flow for flow in FLOWS if flow != "soc"]
    assert r.best.total_usd == min(f.total_usd for f in r.flows if f.flow in rivals)
    assert {f.flow for f in r.flows} | set(r.skipped) == {*FLOWS, *(STACK_FLOWS if r.is_stacked else ())}
    assert r.grid.count == len(r.grid.corners_mm)


def test_the_published_two_die_case_is_what_the_review_shows():
    r = looked_at("poc-side-by-side")
    shown = {f.flow: round(float(f.total_usd), 5) for f in r.flows}
    assert shown["mcm"] == 8.25775
    assert shown["fan_out_last"] == 10.44728
    assert shown["fan_out_first"] == 10.33793
    assert shown["si_interposer"] == 11.71825
    assert r.drawn.flow == "fan_out_first"
    assert not r.cost_is_verified  # the outline of these dies is ours


CHANGES = [  # what changes, the check that must answer, its outcome, the verdict
    (lambda d: d.update(width_mm=80.0, length_mm=80.0), "footprint", "broken", Verdict.FAIL),
    (lambda d: d["dies"][1].update(thickness_um=40.0), "thin_die", "care", Verdict.MARGINAL),
    (lambda d: d["layers"][4]["bond"].update(pitch_um=3.0, diameter_um=1.5), "pitch", "broken", Verdict.FAIL),
    (lambda d: d["layers"][6].update(thickness_um=700.0), "mould_high", "care", Verdict.MARGINAL),
    (lambda d: d["layers"][0].update(thickness_um=2300.0), "total_thickness", "broken", Verdict.FAIL),
    (lambda d: d["layers"][0].update(thickness_um=2150.0), "total_thickness", "near", Verdict.MARGINAL),
]


@pytest.mark.parametrize(
    ("change", "check", "outcome", "verdict"), CHANGES, ids=lambda v: v if isinstance(v, str) else None
)
def test_a_limit_decides_the_verdict(change, check, outcome, verdict):
    assert looked_at("poc-face-to-face").summary.verdict == Verdict.PASS
    r = looked_at("poc-face-to-face", change)
    assert outcome in [c.outcome for c in r.checks if c.id == check]
    assert r.summary.verdict == verdict


def test_a_die_larger_than_the_exposure_field_fails_in_both_orientations():
    def turned(width, length):
        def change(document):
            document.update(width_mm=40.0, length_mm=40.0)
            document["layers"][3].update(width_mm=40.0, length_mm=40.0)
            document["dies"][0].update(width_mm=width, length_mm=length, power_blocks=[])

        return change  # fmt: skip

    assert outcomes(looked_at("poc-face-to-face", turned(32.0, 20.0)))["die_size"] == "near"
    assert outcomes(looked_at("poc-face-to-face", turned(20.0, 30.0)))["die_size"] == "met"
    assert outcomes(looked_at("poc-face-to-face", turned(27.0, 28.0)))["die_size"] == "broken"
    assert outcomes(looked_at("poc-face-to-face", turned(34.0, 5.0)))["die_size"] == "broken"


def test_an_unverified_limit_never_fails_a_design():
    def close(document):
        document["layers"][2]["dies"][1]["x_mm"] = 2.62  # 20 um from the base die: below the fan-out figure, not read

    r = looked_at("poc-side-by-side", close)
    assert outcomes(r)["gap"] == "care"
    assert r.summary.verdict == Verdict.MARGINAL
    assert any("unverified" in reason["en"] for reason in r.summary.as_dict()["reasons"])


def test_memory_is_bought_in_and_cannot_be_one_die():
    r = looked_at("ascend-910")
    assert r.bought_in == ("Memory cube",)
    assert r.skipped == {"soc": "design.skipped.soc_bought_in"}
    assert outcomes(r)["carrier_field"] == "care"  # 50 x 50 mm: 2 x 2 exposure fields


def test_a_module_of_bought_in_parts_has_no_cost():
    r = looked_at("ascend-910", lambda d: [die.pop("node_nm", None) for die in d["dies"]] and None)
    assert r.best is None
    assert r.flows == ()
    assert r.sweep is None
    assert r.summary.as_dict()["figures"][1]["key"] == "design.total_thickness"


def test_a_carrier_too_large_for_the_wafer_is_left_out_with_a_reason():
    r = looked_at("ascend-910", wafer_diameter_mm=100.0, carrier_area="drawn")
    assert r.skipped["si_interposer"] == "design.skipped.too_large"
    assert r.best is not None


def test_the_drawn_carrier_is_dearer_than_the_scaled_one():
    scaled, drawn = (looked_at("ascend-910", carrier_area=a).drawn.total_usd for a in ("scaled", "drawn"))
    assert drawn > scaled


def test_the_sweep_passes_through_the_case_reviewed():
    r = looked_at("multi-gpu", defect_ratio=1.7)
    middle = len(r.sweep.ratio) // 2
    assert r.sweep.ratio[middle] == pytest.approx(1)
    for flow in r.flows:
        assert r.sweep.total_usd[flow.flow][middle] == pytest.approx(float(flow.total_usd))


def test_a_hybrid_bond_is_judged_by_its_pads():
    (bond,) = looked_at("poc-face-to-face").hybrid_bonds
    assert 0 < bond.overlay_limit_nm < 1000 * bond.pad_diameter_um
    assert bond.particle_yield == pytest.approx(0.97334, abs=1e-5)
    assert bond.particle_yield < math.exp(-0.1 * 0.25)  # voids reach beyond the 25 mm2 of the bond
    (tight,) = looked_at("poc-face-to-face", lambda d: d["layers"][4]["bond"].update(diameter_um=2.0)).hybrid_bonds
    assert tight.overlay_limit_nm < bond.overlay_limit_nm
    assert looked_at("ascend-910").hybrid_bonds == ()


def test_more_coverage_lets_fewer_bad_dies_through():
    low, high = (looked_at("ascend-910", test_coverage_ratio=t).dies[0].escape_ratio for t in (0.9, 0.999))
    assert low > 10 * high > 0


def test_a_document_that_is_no_design_is_refused():
    with pytest.raises(InputError):
        review({"title": "x"}, StackDesignReview())
