"""One module with everything an export must place: free angles, a mirrored die, an array, patterns of each kind."""

from __future__ import annotations

import copy

import pytest

from workbench.stack import read

GRID = {"name": "grid", "columns": 5, "rows": 4, "pitch_x_um": 55.0, "pitch_y_um": 50.0, "diameter_um": 25.0,
        "x_um": -400.0, "y_um": 310.0, "nets": ["VDD", "VSS"]}  # fmt: skip
FIELDS = [
    GRID,
    {**GRID, "name": "staggered", "rows": 5, "x_um": 500.0, "staggered": True, "nets": ["s{index}"]},
    {**GRID, "name": "holes", "x_um": -400.0, "y_um": -300.0, "omit": [[0, 0], [2, 1], [2, 2], [4, 3]], "nets": []},
    # A pitch of no whole number of nm: rounding each step would add up.
    {"name": "odd", "columns": 300, "rows": 3, "pitch_x_um": 3.3334, "pitch_y_um": 9.12345, "diameter_um": 2.0,
     "x_um": 100.0, "y_um": 0.0},
    {"name": "points", "x_um": [900.0, 910.5, 955.125], "y_um": [-400.0, -350.25, -333.333], "diameter_um": 20.0,
     "names": ["A1", "A2", "=B1"], "cells": ["BUMPX1"], "ports": ["a", "b", "c"], "nets": ["n1", "", "+n3"]},
]  # fmt: skip
PADS = {**GRID, "x_um": -390.0, "y_um": 300.0}
TSV = {"diameter_um": 5.0, "pitch_um": 40.0, "count": 12, "keep_out_um": 4.0,
       "fields": [{"name": "tsvs", "columns": 4, "rows": 3, "pitch_x_um": 40.0, "pitch_y_um": 40.0,
                   "diameter_um": 5.0, "x_um": 600.0, "y_um": -600.0}]}  # fmt: skip


def region(name: str, side: str, fields: list) -> dict:
    return {"name": name, "side": side, "width_um": 2800.0, "length_um": 1800.0, "layer": "M9", "bumps": fields}


DOCUMENT = {
    "schema_version": 2, "title": "Exports", "title_zh": "匯出", "assembly": "mixed", "carrier": "interposer",
    "width_mm": 16.0, "length_mm": 12.0,
    "dies": [
        {"id": "logic", "name": "Logic", "width_mm": 3.0, "length_mm": 2.0, "thickness_um": 100.0, "tsv": TSV,
         "power_w": 2.0, "power_blocks": [{"name": "core", "x_mm": -1.0, "y_mm": -0.5, "width_mm": 1.5,
                                           "length_mm": 1.0, "power_w": 1.5}],
         "regions": [region("bumps", "front", FIELDS), region("pads", "back", [PADS])]},
        {"id": "mem", "name": "Memory", "width_mm": 1.0, "length_mm": 1.5, "thickness_um": 60.0},
    ],
    "layers": [
        {"name": "balls", "kind": "balls", "material": "sac305", "thickness_um": 200.0},
        {"name": "interposer", "kind": "interposer", "material": "silicon", "thickness_um": 100.0, "width_mm": 14.0,
         "length_mm": 10.0, "around": "emc",
         "vias": [{"name": "through", "columns": 6, "rows": 6, "pitch_x_um": 1000.0, "pitch_y_um": 1000.0,
                   "diameter_um": 60.0}],
         "regions": [{"name": "top", "side": "front", "x_um": 120.0, "y_um": -80.0, "width_um": 5000.0,
                      "length_um": 4000.0, "bumps": [{**GRID, "x_um": 200.0, "y_um": 100.0}]}]},
        {"name": "bumps below", "kind": "bond", "material": "underfill", "thickness_um": 30.0,
         "bond": {"method": "copper_pillar", "pitch_um": 50.0, "diameter_um": 25.0}},
        {"name": "tier", "kind": "die", "material": "emc", "thickness_um": 120.0, "dies": [
            {"name": "U1", "die": "logic", "x_mm": -3.0, "y_mm": 1.25, "angle_deg": 33.7, "mirrored": True},
            {"name": "U2", "die": "logic", "x_mm": 3.0, "y_mm": -1.5, "angle_deg": 270.0, "facing": "up"},
            {"name": "M", "die": "mem", "x_mm": 0.0, "y_mm": 4.0, "angle_deg": 90.0, "columns": 3, "rows": 1,
             "pitch_x_mm": 2.5}]},
        {"name": "upper bond", "kind": "bond", "material": "underfill", "thickness_um": 5.0},
        {"name": "upper", "kind": "die", "material": "emc", "thickness_um": 60.0, "dies": [
            {"name": "U3", "die": "mem", "x_mm": 3.0, "y_mm": -1.5, "angle_deg": -12.25, "facing": "up"}]},
    ],
    "connections": [{"name": "c1", "top": {"part": "U1", "region": "bumps"},
                     "bottom": {"part": "interposer", "region": "top"}, "thickness_um": 30.0}],
    "netlist": [{"name": "VDD", "role": "power",
                 "pins": [{"part": "U1", "port": "vdd"}, {"part": "M[1,0]", "port": "p"}]}],
}  # fmt: skip


@pytest.fixture
def document() -> dict:
    return copy.deepcopy(DOCUMENT)


@pytest.fixture(scope="session")
def design():
    return read(copy.deepcopy(DOCUMENT))


@pytest.fixture(scope="session")
def million():
    """A million bumps under one die."""
    field = {"name": "all", "columns": 1000, "rows": 1000, "pitch_x_um": 9.0, "pitch_y_um": 9.0, "diameter_um": 4.0,
             "nets": ["VDD", "VSS", "s{column}"]}  # fmt: skip
    return read({
        "schema_version": 2, "title": "million", "assembly": "single", "carrier": "substrate", "width_mm": 12.0,
        "length_mm": 12.0,
        "dies": [{"id": "big", "name": "big", "width_mm": 9.5, "length_mm": 9.5, "thickness_um": 50.0,
                  "regions": [{"name": "face", "side": "front", "width_um": 9200.0, "length_um": 9200.0,
                               "bumps": [field]}]}],
        "layers": [{"name": "tier", "kind": "die", "material": "emc", "thickness_um": 60.0,
                    "dies": [{"name": "U1", "die": "big", "angle_deg": 10.0}]}],
    })  # fmt: skip
