"""The design document: what cannot be written, what is refused and where, what survives a round trip."""

from __future__ import annotations

import copy
import json
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from workbench import facts
from workbench.errors import InputError
from workbench.runs.demo.designs import DESIGNS
from workbench.stack import canonical_json, content_sha256, derive, levels, read, to_document

POC = facts.load("designs/poc-face-to-face")
SIDE = facts.load("designs/poc-side-by-side")


def shuffled(value, dice: random.Random):
    if isinstance(value, dict):
        items = [(key, shuffled(inner, dice)) for key, inner in value.items()]
        dice.shuffle(items)
        return dict(items)
    return [shuffled(inner, dice) for inner in value] if isinstance(value, list) else value


@st.composite
def documents(draw):
    """A module of 1 to 4 tiers, each a row of dies at any angle with room between them."""
    thickness = st.floats(1, 900)
    sizes = draw(st.lists(st.tuples(st.floats(0.5, 20), st.floats(0.5, 20)), min_size=1, max_size=4))
    kinds = [
        {"id": f"d{i}", "name": f"die {i}", "width_mm": w, "length_mm": h, "thickness_um": draw(st.floats(20, 700)),
         "node_nm": draw(st.sampled_from([5.0, 7.0, 28.0])), "power_w": draw(st.floats(0, 300))}
        for i, (w, h) in enumerate(sizes)
    ]  # fmt: skip
    layers, tier_count = [], draw(st.integers(1, 4))
    for tier in range(tier_count):
        row = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=5))
        places = [
            {"name": f"U{tier}-{i}", "die": kind["id"], "x_mm": (i - (len(row) - 1) / 2) * 30.0, "y_mm": 0.0,
             "angle_deg": draw(st.floats(-180, 180)), "facing": "down"}
            for i, kind in enumerate(row)
        ]  # fmt: skip
        layers.append(
            {"name": f"bond {tier}", "kind": "bond", "material": "underfill", "thickness_um": draw(thickness)}
        )
        deep = max(kind["thickness_um"] for kind in row) + draw(st.floats(0, 50))
        layers.append({"name": f"tier {tier}", "kind": "die", "material": "emc", "thickness_um": deep, "dies": places})
    document = {"title": "made up", "assembly": "mixed", "carrier": "substrate", "width_mm": 200.0, "length_mm": 60.0,
                "dies": kinds, "layers": layers}  # fmt: skip
    try:  # the assembly follows from the layers: take the word the model asks for
        read(document)
    except InputError as error:
        if error.rule != "design.assembly_mismatch":
            raise
        document["assembly"] = error.allowed
    return document


@settings(max_examples=40, deadline=None)
@given(document=documents(), seed=st.integers(0, 1000))
def test_invariants(document, seed):
    design = read(document)
    stacked = levels(design)
    assert stacked[0].z_bottom_um == 0
    for below, above in pairwise(stacked):
        assert below.z_top_um == above.z_bottom_um  # heights follow from the order: no gap, no overlap
        assert above.z_top_um > above.z_bottom_um
    figures = derive(design)
    assert figures.total_thickness_um == pytest.approx(stacked[-1].z_top_um)
    assert figures.silicon_area_mm2 == pytest.approx(sum(design.die(p.die).area_mm2 for p in design.placements))
    again = read(json.loads(json.dumps(to_document(design))))
    assert again == design
    assert content_sha256(again) == content_sha256(design)
    assert content_sha256(read(shuffled(document, random.Random(seed)))) == content_sha256(design)


def test_the_hash_knows_content_from_form():
    base = content_sha256(read(POC))
    assert content_sha256(read({**POC, "width_mm": 10})) == base  # 10 and 10.0 are one number
    assert content_sha256(read({**POC, "note": ""})) == base  # a default written out says nothing new
    assert content_sha256(read({**POC, "width_mm": 10.5})) != base
    moved = copy.deepcopy(POC)
    moved["layers"][3]["dies"][0]["x_mm"] = -0.0
    assert content_sha256(read(moved)) == base
    assert json.loads(canonical_json(read(POC)))["schema_version"] == 2


def test_frozen():
    design = read(POC)
    with pytest.raises(ValidationError):
        design.width_mm = 3.0


def change(path, value):
    def apply(document):
        *way, last = path
        for step in way:
            document = document[step]
        document[last] = value

    return apply


def drop(*path):
    def apply(document):
        *way, last = path
        for step in way:
            document = document[step]
        del document[last]

    return apply


REFUSED = [  # document, what is done to it, rule, what the place must name
    (POC, change(["dies", 1, "thickness_um"], -5), "design.out_of_range", 'dies[1] "compute".thickness_um'),
    (POC, change(["dies", 1, "thickness_um"], "150"), "design.wrong_type", 'dies[1] "compute".thickness_um'),
    (POC, change(["dies", 1, "colour"], "red"), "design.field_unknown", 'dies[1] "compute".colour'),
    (POC, drop("layers", 4, "thickness_um"), "design.field_missing", 'layers[4] "Hybrid bond".thickness_um'),
    (POC, change(["layers", 4, "kind"], "glue"), "design.not_a_choice", 'layers[4] "Hybrid bond".kind'),
    (POC, change(["layers", 4, "material"], "unobtainium"), "design.unknown_material", "Hybrid bond"),
    (POC, change(["layers", 4, "around"], "unobtainium"), "design.unknown_material", "Hybrid bond"),
    (POC, change(["layers", 4, "name"], "Mould cap"), "design.duplicate", "layers"),
    (POC, change(["layers", 3, "dies", 0, "die"], "ghost"), "design.unknown_die", "U1 base"),
    (POC, change(["layers", 3, "dies", 0, "x_mm"], 2.5), "design.die_outside", "U1 base"),
    (POC, change(["layers", 3, "thickness_um"], 60), "design.die_too_thick", "U1 base"),
    (POC, change(["layers", 3, "dies", 0, "facing"], "down"), "design.assembly_mismatch", "assembly"),
    (POC, change(["layers", 6, "width_mm"], 11.0), "design.layer_outside", "Mould cap"),
    (POC, change(["layers", 6, "kind"], "die"), "design.layer_kind", "Mould cap"),
    (POC, change(["dies", 0, "power_blocks", 0, "y_mm"], 2.0), "design.block_outside", "PHY strip"),
    (POC, change(["dies", 0, "power_w"], 1.0), "design.block_power", "base"),
    (POC, change(["layers", 4, "bond", "diameter_um"], 9.0), "design.joints_touch", "hybrid"),
    (POC, change(["unverified"], ["colour"]), "design.unverified_unknown", "Design"),
    (POC, change(["schema_version"], 3), "design.newer", "schema_version"),
    (POC, change(["width_mm"], float("nan")), "design.not_json", ""),
    (POC, change(["width_mm"], float("inf")), "design.not_json", ""),
    (POC, change(["title"], "x" * 81), "design.out_of_range", "title"),
    (POC, change(["title"], "bell\a"), "design.out_of_range", "title"),
    (POC, change(["dies"], []), "design.out_of_range", "dies"),
    (POC, change(["dies", 0, "width_mm"], 1e-7), "design.out_of_range", "dies"),  # below it no overlap can be told
    (SIDE, change(["layers", 2, "dies", 1, "x_mm"], 2.0), "design.dies_overlap", "Die tier"),
]


@pytest.mark.parametrize(
    ("document", "spoil", "rule", "place"), REFUSED, ids=[f"{r[2]}-{i}" for i, r in enumerate(REFUSED)]
)
def test_what_is_refused_and_where(document, spoil, rule, place):
    document = copy.deepcopy(document)
    read(document)
    spoil(document)
    with pytest.raises(InputError) as caught:
        read(document)
    assert caught.value.rule == rule
    assert place in caught.value.where
    assert "pydantic" not in caught.value.both()


@pytest.mark.parametrize(("spoil", "got", "allowed"), [
    (change(["width_mm"], -1), "-1", ">= 1e-06"), (change(["width_mm"], 5e3), "5000.0", "<= 1000"),
    (change(["title"], "x" * 81), "x" * 80, "<= 80"), (change(["dies"], []), "[]", ">= 1"),
    (change(["layers", 0, "thickness_um"], 0), "0", "> 0"),
])  # fmt: skip
def test_what_is_allowed_is_said_in_signs(spoil, got, allowed):
    document = copy.deepcopy(POC)
    spoil(document)
    with pytest.raises(InputError) as caught:
        read(document)
    assert (caught.value.got, caught.value.allowed) == (got, allowed)


@pytest.mark.parametrize("thing", [None, 3, "text", [], {"title": object()}])
def test_what_is_no_document(thing):
    with pytest.raises(InputError):
        read(thing)


def test_two_names_for_the_assembly_of_two_tiers():
    for lower, upper, kind in (("up", "down", "face_to_face"), ("down", "down", "face_to_back"),
                               ("up", "up", "face_to_back"), ("down", "up", "back_to_back")):  # fmt: skip
        document = copy.deepcopy(POC)
        document["layers"][3]["dies"][0]["facing"], document["layers"][5]["dies"][0]["facing"] = lower, upper
        document["assembly"] = kind
        assert read(document).assembly == kind


def test_turned_dies_need_more_room():
    document = copy.deepcopy(SIDE)
    document["layers"][2]["dies"][1]["angle_deg"] = 45.0
    with pytest.raises(InputError) as caught:
        read(document)
    assert caught.value.rule in ("design.dies_overlap", "design.die_outside")


@pytest.mark.parametrize("name", DESIGNS)
def test_seed_designs_read_and_say_their_sources(name):
    design = read(facts.load(f"designs/{name}"))
    assert design.source
    assert design.title_zh
    for layer in design.layers:
        assert layer.source, layer.name
    assert np.isfinite(derive(design).area_ratio)


TAP25D = {"ascend-910": "sys_ascend910.cfg", "multi-gpu": "sys_multigpu.cfg", "cpu-dram-150w": "sys_micro150.cfg"}


@pytest.mark.parametrize("name", TAP25D)
def test_published_systems_equal_their_files(name, corpus):
    import configparser

    file = configparser.ConfigParser()
    file.read(corpus / "tap25d" / TAP25D[name])
    row = {key: [float(x) for x in file["chiplets"][key].split(",")] for key in ("widths", "heights", "powers")}
    published = sorted(zip(row["widths"], row["heights"], row["powers"], strict=True))
    design = read(facts.load(f"designs/{name}"))
    ours = sorted((d.width_mm, d.length_mm, d.power_w) for d in (design.die(p.die) for p in design.placements))
    assert ours == published
    interposer = next(layer for layer in design.layers if layer.kind == "interposer")
    assert interposer.width_mm == interposer.length_mm == float(file["interposer"]["intp_size"])
    assert all({"x_mm", "y_mm"} <= set(p.unverified) for p in design.placements)  # TAP-2.5D gives no positions
    assert all(d.is_verified("width_mm") and d.is_verified("power_w") for d in design.dies)
