"""Path assertions: evaluated, where OpenROAD only reads them."""

from __future__ import annotations

import copy

import pytest

from tests.workbench.rules.modules import NOTHING, design_of, end, found, ids, on_carrier, region, status, two_dies
from workbench.rules import check

VIAS = {"diameter_um": 5.0, "pitch_um": 40.0, "count": 100}
FRONTS = two_dies(None, None)


def asserting(document, *steps, vias=()):
    document = copy.deepcopy(document)
    for name in vias:
        next(die for die in document["dies"] if die["id"] == name)["tsv"] = VIAS
    document["paths"] = [{"name": "path", "steps": [
        end(step.removeprefix("NOT ")) | {"excluded": step.startswith("NOT ")} for step in steps]}]  # fmt: skip
    return check(design_of(document), NOTHING)


CASES = [  # dies with vias (A below as U1, B above as U2), steps, the finding
    ("", ["U1.front", "U2.front"], None),
    ("", ["U2.front", "U1.front"], None),
    ("", ["U1.back", "U2.front"], "path_open"),  # without vias the back of a die is an island
    ("A", ["U1.back", "U2.front"], None),
    ("A", ["U1.back", "U1.front", "U2.front"], None),
    ("A", ["U1.back", "U2.back"], "path_open"),
    ("AB", ["U1.back", "U2.back"], None),
    ("AB", ["U1.back", "NOT U2.front", "U2.back"], "path_barred"),
    ("AB", ["NOT U1.back", "U1.front", "U2.back"], None),
    ("AB", ["U1.front", "NOT U1.front", "U2.back"], "path_barred"),  # asked for and excluded
    ("B", ["U1.front", "NOT U2.back", "U2.front"], None),  # Path1 of OpenROAD's path_assertions.3dbx
    ("", ["U1.back", "U2.back"], "path_open"),  # Path2 of the same, whose dies have no vias
    ("AB", ["U1.front"], "path_empty"),
    ("AB", ["NOT U1.front"], "path_empty"),
]


@pytest.mark.parametrize(("vias", "steps", "expected"), CASES, ids=lambda v: str(v))
@pytest.mark.parametrize("pose", [{}, {"angle_deg": 30.0, "mirrored": True}], ids=str)
def test_paths(vias, steps, expected, pose):
    document = two_dies(None, None, top_pose=pose, bottom_pose=pose)
    report = asserting(document, *steps, vias=vias)
    assert [f.id for f in report.findings] == ([expected] if expected else [])
    assert status(report, "paths") == ("found" if expected else "passed")
    if expected == "path_open":
        assert "U" in found(report, expected).what("en")
        assert len(found(report, expected).examples) == 2


def test_a_path_needs_a_connection_that_holds():
    apart = two_dies(None, None, top_pose={"x_mm": 0.95})
    assert "path_open" in ids(asserting(apart, "U1.front", "U2.front"))


def test_a_carrier_joins_the_dies_on_it_and_its_two_faces():
    document = on_carrier({"name": "U1", "x_mm": -1.0}, {"name": "U2", "x_mm": 1.0}, connections=[
        {"name": n, "top": end(f"{n}.front"), "bottom": end("carrier.face"), "thickness_um": 10.0}
        for n in ("U1", "U2")])  # fmt: skip
    document["layers"][0]["regions"].append(region(name="under", side="back"))
    assert ids(asserting(document, "U1.front", "U2.front")) == []
    assert ids(asserting(document, "U1.front", "carrier.under", "U2.front")) == []
    assert ids(asserting(document, "U1.front", "NOT carrier.face", "U2.front")) == ["path_barred"]


def test_mould_carries_a_path_only_through_its_vias():
    document = on_carrier({"name": "U1"})
    cap = {"name": "cap", "kind": "mould", "material": "emc", "thickness_um": 100.0,
           "regions": [region(name="low", side="back"), region(name="high")]}  # fmt: skip
    document["layers"].append(cap)
    assert ids(asserting(document, "cap.low", "cap.high")) == ["path_open"]
    cap["vias"] = [{"name": "posts", "diameter_um": 90.0, "columns": 2, "rows": 1, "pitch_x_um": 4000.0,
                    "pitch_y_um": 100.0}]  # fmt: skip
    assert ids(asserting(document, "cap.low", "cap.high")) == []


def test_no_path_is_asserted():
    assert status(check(design_of(FRONTS), NOTHING), "paths") == "not_applicable"
