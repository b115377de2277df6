"""A change to a design and what it does, side by side: by hand for a stack, and refused where it leads nowhere."""

from __future__ import annotations

import pytest

from workbench import facts
from workbench.errors import InputError
from workbench.planning.what_if import changed, what_if
from workbench.stack import read
from workbench.stack.templates import build

POC = read(facts.load("designs/poc-face-to-face"))


def figures(found):
    return {figure.label: figure for figure in found.figures}


def test_a_thinner_mould_makes_the_module_thinner_and_changes_nothing_else():
    found = what_if(POC, changed(POC, {'layers["Mould cap"].thickness_um': 60}))
    said = figures(found)
    assert said["design.total_thickness"].change == pytest.approx(-40)
    assert said["design.module_cost"].judged == "same"
    assert said["planning.figure.footprint"].judged == "same"
    assert len(found.changes) == 1
    assert "60" in found.changes[0].sentence("en")


def test_a_larger_die_costs_more_and_yields_less():
    found = what_if(POC, changed(POC, {'dies["compute"].width_mm': 5.8, 'dies["compute"].length_mm': 5.8}))
    said = figures(found)
    assert said["design.silicon_area"].change == pytest.approx(5.8**2 - 25)
    assert said["design.module_cost"].judged == "worse"
    assert said["planning.figure.power_density"].judged == "same"  # power and body stay


def test_a_finding_that_appears_and_one_that_is_solved_are_named():
    tight = changed(POC, {'layers["Copper pillars"].bond.pitch_um': 60})
    found = what_if(POC, tight)
    assert len(found.appeared) >= 1
    assert found.solved == ()
    back = what_if(tight, POC)
    assert back.solved == found.appeared
    assert figures(found)["planning.figure.broken"].judged == "worse"
    assert figures(back)["planning.figure.broken"].judged == "better"
    assert found.as_dict("en")["verdict"] == {"before": "PASS", "after": "FAIL"} or found.checks_after.findings


def test_nothing_changed_says_so():
    design = build("face-to-face")
    found = what_if(design, design)
    assert found.changes == ()
    assert {figure.judged for figure in found.figures} == {"same"}
    assert found.appeared == found.solved == ()


def test_a_field_that_was_left_out_can_be_set_and_removed():
    narrow = changed(POC, {'layers["Mould cap"].width_mm': 8.0})
    assert next(layer for layer in narrow.layers if layer.name == "Mould cap").width_mm == 8.0
    assert changed(narrow, {'layers["Mould cap"].width_mm': None}) == POC
    assert changed(POC, {"layers[6].thickness_um": 60}) == changed(POC, {'layers["Mould cap"].thickness_um': 60})


WRONG = [  # path, value, rule
    ('layers["Mould hat"].thickness_um', 60, "planning.path_unknown"),
    ("layers[99].thickness_um", 60, "planning.path_unknown"),
    ('layers["Mould cap"].bond.pitch_um', 60, "planning.path_unknown"),
    ('layers["Mould cap"]', 60, "planning.path_unknown"),
    ("layers..thickness_um", 60, "planning.path_unknown"),
    ("", 60, "planning.path_unknown"),
    ("title.thickness_um", 60, "planning.path_unknown"),
    ('layers["Mould cap"].thickness_um', -60, "design.out_of_range"),
    ('layers["Mould cap"].colour', "red", "design.field_unknown"),
    ('dies["compute"].width_mm', 12.0, "design.die_outside"),
]


@pytest.mark.parametrize(("path", "value", "rule"), WRONG)
def test_what_is_refused(path, value, rule):
    with pytest.raises(InputError) as caught:
        changed(POC, {path: value})
    assert caught.value.rule == rule
