"""`.chiplet` 1.0: what is read, refused and written. Rules by their place in IHP-GmbH/chiplet-spec (2026-09)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.formats import chiplet, yaml_text
from workbench.stack import End, levels, placed_fields, read, to_document

MINIMAL = 'format_version: "1.0"\nassembly: {name: "a"}\n'
DIE = 'components: [{id: "U1", type: "die", anchor: gds_origin, dimensions: {width: 10, height: 20, thickness: 5}}]\n'


def at(text: str, word: str, *, nth: int = 0) -> str:
    """file:line:column of a word."""
    place = -1
    for _ in range(nth + 1):
        place = text.index(word, place + 1)
    return yaml_text.at("f", text.count("\n", 0, place), place - (text.rfind("\n", 0, place) + 1))


# docs/VERSION_POLICY.md, "The rule"; docs/CHIPLET_FORMAT_SPEC.md, validation rule 1 (MAJOR.MINOR only)
VERSIONS = [
    ('"1.0"', "accept"), ("'1.0'", "accept"), ('"1.1"', "warn"), ('"1.10"', "warn"), ("1.0", "accept"), ("1.1", "warn"),
    ('"0.9"', "chiplet.version_refused"), ('"2.0"', "chiplet.version_refused"), ("2.0", "chiplet.version_refused"),
    ("", "chiplet.version_missing"), ('"1"', "chiplet.version_malformed"), ("1", "chiplet.version_malformed"),
    ('"v1.0"', "chiplet.version_malformed"), ('"1.0.0"', "chiplet.version_malformed"),
    ('"1.0\\n"', "chiplet.version_malformed"), ('" 1.0"', "chiplet.version_malformed"),
    ('"１.0"', "chiplet.version_malformed"), ("[1, 0]", "chiplet.version_malformed"),
    ("true", "chiplet.version_malformed"),
]  # fmt: skip


@pytest.mark.parametrize(("version", "verdict"), VERSIONS, ids=[f"{v} {verdict}" for v, verdict in VERSIONS])
def test_version_policy(version, verdict):
    text = f"format_version: {version}\nassembly: {{name: a}}\n{DIE}"
    if verdict not in ("accept", "warn"):
        with pytest.raises(InputError) as refused:
            chiplet.read_text(text, where="f")
        assert refused.value.rule == verdict
        assert refused.value.where.startswith("f:1:")
        return
    _, report = chiplet.read_text(text, where="f")
    warned = [line for line in report.lines() if "newer one adds" in line]
    assert bool(warned) == (verdict == "warn")
    assert ("without quotes" in " ".join(report.lines())) == (not version.startswith(("'", '"')))


def test_the_whole_file(whole):
    design, report = chiplet.read_text(whole, where="f")
    assert (design.title, design.note, design.carrier, design.assembly) == ("Two and four", "every block", "interposer",
                                                                          "side_by_side")  # fmt: skip
    assert (design.width_mm, design.length_mm) == (10.0, 8.0)
    # Frame contract 1.5 and 3: the interposer's body hangs below its attachment surface; dies stand 28 + 16 um above.
    assert [(x.layer.name, x.layer.kind, x.z_bottom_um, x.z_top_um) for x in levels(design)] == [
        ("carrier", "interposer", 0, 300), ("pillar_1", "bond", 300, 344), ("tier", "die", 344, 544),
    ]  # fmt: skip
    bond = design.layers[1].bond
    assert (bond.method, bond.diameter_um, bond.pitch_um) == ("micro_bump", 44.0, 80.0)
    first, array = design.layers[2].dies
    assert (first.name, first.x_mm, first.y_mm, first.angle_deg) == ("U1", -2.0, 0.0, 33.25)
    assert (first.facing, first.mirrored, first.orientation) == ("down", True, None)
    assert (array.columns, array.rows, array.pitch_x_mm, array.pitch_y_mm) == (2, 2, 1.2, 1.0)
    members = {p.name: (p.x_mm, p.y_mm) for p in design.placements}
    assert members["MEM[0,0]"] == pytest.approx((1.0, -1.0))  # start_position is the centre of the first
    assert members["MEM[1,1]"] == pytest.approx((2.2, 0.0))
    die = design.die("U1_TOP")
    assert (die.width_mm, die.length_mm, die.thickness_um, die.node_nm) == (1.0, 2.0, 200.0, 130.0)
    assert not die.is_verified("node_nm")
    (joint,) = design.connections
    assert (str(joint.top), str(joint.bottom), joint.thickness_um) == ("U1.front M5", "carrier.front M4", 44.0)
    nets = {net.name: net for net in design.netlist}
    assert nets["VDD"].role == "power"
    assert [str(p.part) for p in nets["data"].pins] == ["U1", "MEM[0,0]", "MEM[1,0]", "MEM[0,1]", "MEM[1,1]"]
    pads = placed_fields(design, End(part="carrier", region="wire_bond"))[0]
    assert pads.xy_um == pytest.approx(np.array([[-4900, -3900], [4900, -3900]]))
    assert (pads.z_um, pads.field.nets, pads.field.names) == (300.0, ("VDD", "GND"), ("J1", "J2"))
    said = "\n".join(report.lines())
    for words in ("future_block is not known", "wires (wire_bond)", "130 nm", "given to each of its dies",
                  "names no materials", "pads are taken as round", "The layers of 1 net ends"):  # fmt: skip
        assert words in said
    assert len(report.lines("zh-Hant")) == len(report.lines("en"))


def test_a_file_survives_the_round_trip(whole):
    design, report = chiplet.read_text(whole, where="f")
    text, _ = chiplet.write_text(design, report.kept)
    again, second = chiplet.read_text(text, where="g")
    assert again == design
    assert second.kept == report.kept
    assert text.endswith(whole[whole.index("flow:") :])  # byte for byte
    was, now = yaml.safe_load(whole), yaml.safe_load(text)
    for key in ("format_version", "interposer", "interconnect", "technologies", "connection_stacks", "interfaces",
                "future_block"):  # fmt: skip
        assert now[key] == was[key]
    assert {key: now["assembly"][key] for key in was["assembly"]} == was["assembly"]
    assert now["components"][1]["cdxml_ref"] == {"mpn": "ACME-1"}
    assert now["components"][1]["metadata"]["lot"] == 7
    assert [c["position"] for c in now["components"][:2]] == [c["position"] for c in was["components"][:2]]
    assert now["netlist"]["nets"][0]["external"] is True


def test_what_is_kept_of_a_part_that_is_gone_is_not_written(whole):
    design, report = chiplet.read_text(whole, where="f")
    document = to_document(design)
    document["layers"][2]["dies"] = document["layers"][2]["dies"][:1]
    document |= {"netlist": [], "assembly": "single"}
    text, _ = chiplet.write_text(read(document), report.kept)
    assert [c["id"] for c in yaml.safe_load(text)["components"]] == ["carrier", "U1"]


def test_orientations(changed):
    """`flip_chip` mirrors x as the writers of the format do (contract 4.4); `face_down` has no mapping of its own."""
    for word, pose in (("flip_chip", ("down", True)), ("face_down", ("down", False)), ("face_up", ("up", False))):
        design, report = chiplet.read_text(changed('orientation: "flip_chip"', f'orientation: "{word}"'), where="f")
        first = design.layers[2].dies[0]
        assert (first.facing, first.mirrored) == pose
        assert chiplet.read_text(chiplet.write_text(design, report.kept)[0], where="g")[0] == design


def test_a_die_without_height_stands_on_its_stack(changed):
    design, _ = chiplet.read_text(changed("z: 57.83", "z: 0"), where="f")
    assert levels(design)[2].z_bottom_um == 344


def test_dies_on_stacks_of_different_height_share_the_lower_end_and_it_is_said(changed):
    text = changed("z: 57.83", "z: 77.83")
    design, report = chiplet.read_text(text, where="f")
    assert levels(design)[2].z_bottom_um == 344
    assert "U1 stands 20 um lower than in the file: dies of one layer share its lower end" in report.lines()


def test_an_old_file_without_attachment_surface(changed):
    """Contract 3.4: without `attachment_surface_z` dies stand on position.z + thickness."""
    text = changed("    attachment_surface_z: 13.83\n", "").replace("z: 57.83", "z: 344.0")
    design, _ = chiplet.read_text(text, where="f")
    assert [x.z_bottom_um for x in levels(design)] == [0, 300, 344]


def test_assumptions_are_said(changed):
    cases = [
        (changed('    anchor: "bbox_center"\n', ""), "carrier declares no anchor"),
        (changed("height: 2000.0, thickness: 200.0", "height: 2000.0, thickness: 0"), "U1 has no thickness: 100 um"),
        (changed("{x: 3000.0, y: 4000.0, z: 57.83}", "{x: 300000.0, y: 4000.0, z: 57.83}"), "more than 100 mm"),
        (changed('technology: "carrier"\n', 'technology: "none"\n'), "the technology none is not defined"),
        (changed('      class: "power"', '      class: "clock"'), "VDD: the class clock is taken as signal"),
        (changed("start_position: {x: 6000.0, y: 3000.0, z: 0.0}", "x: 1")
         .replace("    array:", "    position: {x: 7000, y: 4000}\n    array:"), "MEM has no start_position"),
    ]  # fmt: skip
    for text, words in cases:
        _, report = chiplet.read_text(text, where="f")
        assert words in "\n".join(report.lines()), words


def test_an_assumed_figure_stays_flagged_after_a_round_trip(changed):
    text = changed("height: 2000.0, thickness: 200.0", "height: 2000.0, thickness: 0")
    design, _ = chiplet.read_text(text, where="f")
    again, _ = chiplet.read_text(chiplet.write(design), where="g")
    for module in (design, again):
        die = module.die(module.layers[2].dies[0].die)
        assert (die.thickness_um, die.unverified) == (100.0, ("node_nm", "thickness_um"))


REFUSED = [  # old text, new text, rule, word at whose place
    ("assembly:\n", "assembly: 3\nx:\n", "chiplet.kind", "3\n"),
    ('  name: "Two and four"\n', "", "chiplet.missing", "assembly"),
    ('"Two and four"', '""', "chiplet.missing", '""'),
    ('units: "um"', 'units: "mm"', "chiplet.units", '"mm"'),
    ('adapter: "carrier_a"', 'adapter: "../rules"', "chiplet.adapter", '"../rules"'),
    ('adapter: "carrier_a"', 'adapter: "rules.drc"', "chiplet.adapter", '"rules.drc"'),
    ('id: "U1"\n', "id: 0755\n", "chiplet.text", "0755"),
    ('id: "MEM"\n', 'id: "U1"\n', "chiplet.twice", '"U1"\n    type: "die_array"'),
    ('id: "U1"\n', f'id: "{"U" * 81}"\n', "chiplet.name", '"UUU'),
    ('orientation: "flip_chip"', 'orientation: "sideways"', "chiplet.choice", '"sideways"'),
    ("{z: 33.25}", '{z: "33.25"}', "chiplet.number", '"33.25"'),
    ("{z: 33.25}", "{z: true}", "chiplet.number", "true"),
    ("{z: 33.25}", "{z: .nan}", "yaml.number", ".nan"),
    ("width: 1000.0", "width: -1000.0", "chiplet.range", "-1000.0"),
    ("width: 1000.0", "width: 0", "chiplet.no_size", "dimensions: {width: 0,"),
    ("count: {x: 2, y: 2}", "count: {x: 0, y: 2}", "chiplet.range", "0, y: 2}"),
    ("count: {x: 2, y: 2}", "count: {x: 2.5, y: 2}", "chiplet.number", "2.5"),
    ("pitch: {x: 1200.0, y: 1000.0}", "pitch: {x: 0, y: 1000.0}", "chiplet.range", "pitch: {x: 0"),
    ('pattern: "grid"', 'pattern: "custom"', "chiplet.choice", '"custom"'),
    ('type: "micro_bump"', 'type: "glue"', "chiplet.choice", '"glue"'),
    ('from: {component: "U1"', 'from: {component: "U7"', "chiplet.component", '"U7"'),
    ('{component: "MEM", pin: "q"}', '{component: "NONE", pin: "q"}', "chiplet.component", '"NONE"'),
    ('- name: "data"', '- name: "VDD"', "chiplet.twice", '"VDD"\n      connections:'),
    ("external: true", 'external: "true"', "chiplet.flag", '"true"'),
    ("z: 57.83", "z: 3.0", "chiplet.overlap", "{x: 3000.0, y: 4000.0, z: 3.0}"),
    ("position: {x: 100.0, y: 100.0}", "position: {x: 100.0}", "chiplet.missing", "{x: 100.0}"),
    ("dbu: 0.001\n  carrier", "dbu: 0\n  carrier", "chiplet.range", "0\n  carrier"),
    ("future_block:", "assembly:", "yaml.twice", "assembly: {depth"),
    ("future_block:", "_metadata: {finalize_required: true}\nfuture_block:", "chiplet.intermediate", "true}\nfuture"),
    ("future_block:", '_metadata: {finalize_required: "true"}\nfuture_block:', "chiplet.flag", '"true"'),
    ("{x: 3000.0, y: 4000.0, z: 57.83}", "{x: 7000.0, y: 4000.0, z: 57.83}", "design.dies_overlap", '"MEM"\n    type'),
    ('name: "Pillar"', "name: &a p", "yaml.alias", "&a"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "rule", "word"), REFUSED, ids=[f"{i}-{r[2]}" for i, r in enumerate(REFUSED)])
def test_refusals_name_line_and_column(changed, old, new, rule, word):
    text = changed(old, new)
    with pytest.raises(InputError) as refused:
        chiplet.read_text(text, where="f")
    assert refused.value.rule == rule
    # A mapping is placed at its key where it begins on the same line as its value.
    column = text.index(word)
    if word.startswith(("dimensions:", "pitch:", "position:")):
        word = word[word.index("{") :]
        column = text.index(word, column)
    line = text.count("\n", 0, column)
    assert refused.value.where.split(" ")[0] == yaml_text.at("f", line, column - (text.rfind("\n", 0, column) + 1))


@pytest.mark.parametrize(("old", "new", "kept"), [
    ("count: {x: 2, y: 2}", "count: {x: 2, y: 2, extra: 1}", False),
    ("pitch: {x: 1200.0, y: 1000.0}", "pitch: {x: 1200.0, y: 1000.0, extra: 1}", False),
    ("y: 3000.0, z: 0.0}", "y: 3000.0, z: 0.0, extra: 1}", False),
    ("position: {x: 100.0, y: 100.0}, size: {x: 80, y: 80}", "position: {x: 100.0, y: 100.0, extra: 1}, size: {x: 80, "
     "y: 80}", False),
    ("size: {x: 25.0, y: 20.0}", "size: {x: 25.0, y: 20.0, extra: 1}", False),
    ('net: "GND"', 'net: "GND", extra: 1', False),
    ("rotation: {z: 33.25}", "rotation: {z: 33.25, extra: 1}", False),
    ("thickness: 150.0}", "thickness: 150.0, extra: 1}", False),
    ("z: 57.83}", "z: 57.83, extra: 1}", False),
    ('pattern: "grid"', 'pattern: "grid"\n      extra: 1', False),
    ('pin: "q"}', 'pin: "q", extra: 1}', False),
    ("netlist:\n", "netlist:\n  extra: 1\n", False),
    ("      class: \"power\"", "      extra: 1\n      class: \"power\"", True),
    ("physical: {pitch: 80.0", "physical: {extra: 1, pitch: 80.0", True),
    ("dbu: 0.001\n  carrier", "dbu: 0.001\n    extra: 1\n  carrier", True),
    ("future_block:", "_metadata: {frame: a, finalizer: b, extra: 1}\nfuture_block:", True),
    ("future_block:", "extra: 1\nfuture_block:", True),
])  # fmt: skip
def test_a_key_of_nobody_is_said_at_its_place_and_kept_where_the_report_says_so(changed, old, new, kept):
    text = changed(old, new)
    design, report = chiplet.read_text(text, where="f")
    at = text.index("extra: 1")
    place = yaml_text.at("f", text.count("\n", 0, at), at - (text.rfind("\n", 0, at) + 1))
    (line,) = [line for line in report.lines() if line.startswith(f"{place}: extra ")]
    assert ("kept for writing back" in line) is kept
    assert ("extra: 1" in chiplet.write_text(design, report.kept)[0]) is kept


def test_metadata_of_the_file_is_put_back(changed):
    said = "_metadata: {frame: interposer, finalizer: b, finalize_required: false}"
    text = changed("future_block:", f"{said}\nfuture_block:")
    design, report = chiplet.read_text(text, where="f")
    again = yaml_text.parse(chiplet.write_text(design, report.kept)[0], where="g").data
    assert again["_metadata"] == {"frame": "interposer", "finalizer": "b", "finalize_required": False}


def test_a_file_without_dies_is_no_module():
    for text in (MINIMAL, MINIMAL + 'components: [{id: "a", type: "substrate"}]\n', MINIMAL + "components: []\n"):
        with pytest.raises(InputError) as refused:
            chiplet.read_text(text, where="f")
        assert refused.value.rule == "chiplet.no_dies"


def test_dies_alone_and_unknown_types():
    text = MINIMAL + DIE.replace("]\n", ', {id: "P", type: "photonic"}]\n')
    design, report = chiplet.read_text(text, where="f")
    assert (design.width_mm, design.length_mm) == (0.01, 0.02)
    assert any("components of type photonic" in line for line in report.lines())


FLOWS = [  # CHIPLET_FORMAT_SPEC "Flow", rules 1 and 4: never a reason to refuse; byte for byte, or said to be lost
    ("flow:\n  steps: []\n", True), ("flow: {a: 1}\n", True), ("flow :\n  steps: []\n", True),
    ("flow:\n- a\n\n  # c\n- b\n", True), ("flow:\n# c\n  k: |\n    text\n\n    more\n", True), ("flow: ~\n", True),
    ('"flow":\n  steps: []\n', False), ("flow: {a: 1,\nb: 2}\n", False),
]  # fmt: skip


@pytest.mark.parametrize(("flow", "keeps"), FLOWS, ids=[repr(f) for f, _ in FLOWS])
def test_the_flow_block(flow, keeps):
    for text in (MINIMAL + DIE + flow, flow + MINIMAL + DIE):
        design, report = chiplet.read_text(text, where="f")
        assert ("flow" in report.kept["chiplet"]) == keeps
        assert any("flow block" in line for line in report.lines()) == (not keeps)
        if keeps:
            assert chiplet.write_text(design, report.kept)[0].endswith(flow)


@pytest.mark.parametrize(("side", "nets", "got"), [
    (1000, 1, "1,000 x 1,000"), (100, 101, "n100"),  # the last beyond a million pins
])  # fmt: skip
@pytest.mark.timeout(20)
def test_an_array_that_many_nets_name_is_bounded(side, nets, got):
    """A net that names an array means every member: 9,000 such nets would be billions of pins."""
    array = f"array: {{count: {{x: {side}, y: {side}}}, pitch: {{x: 20, y: 20}}}}"
    die = DIE.replace('"die"', '"die_array"').replace("}}]", f"}}, {array}}}]")
    listed = ", ".join(f'{{name: "n{i}", connections: [{{component: "U1", pin: "p"}}]}}' for i in range(nets))
    with pytest.raises(InputError) as refused:
        chiplet.read_text(f"{MINIMAL}{die}netlist: {{nets: [{listed}]}}\n", where="f")
    assert (refused.value.rule, refused.value.got) == ("chiplet.range", got)


def test_dies_one_upon_another_get_layers_of_their_own():
    dies = "".join(f'- {{id: "{name}", type: "die", dimensions: {{width: 9, height: 9, thickness: 9}}, '
                   f'position: {{x: 0, y: 0, z: {1 + i * 10}}}}}\n'
                   for i, name in enumerate(["a", "tier 3", *map(str, range(148))]))  # fmt: skip
    design, _ = chiplet.read_text(f"{MINIMAL}components:\n{dies}", where="f")
    names = [layer.name for layer in design.layers if layer.kind == "die"]
    assert names == ["tier", "tier 2", *(f"tier {i}" for i in range(4, 152))], "no layer has the name of a die"


def test_every_text_is_quoted(whole):
    """Rule 7: a writer parses its own output (YAML 1.1 here) and every text comes back as a text."""
    document = to_document(chiplet.read_text(whole, where="f")[0])
    for name in ("0755", "012", "0x1F", "1.10", ".inf", "no", "on", "~", "2026-03-22", "a: b", "# c", "y", '"q"',
                 "é\u2028\x85\U0001f600"):  # fmt: skip
        document["title"] = document["dies"][0]["id"] = name
        document["layers"][2]["dies"][0] |= {"die": name, "name": name}
        document["connections"], document["netlist"] = [], [{"name": name, "pins": [{"part": name, "port": name}]}]
        module = read(document)
        plain = yaml.safe_load(chiplet.write(module))
        assert plain["assembly"]["name"] == name
        die = plain["components"][1]
        assert (die["id"], die["top_cell"]) == (name, name)
        assert plain["netlist"]["nets"][0] == {"name": name, "connections": [{"component": name, "pin": name}]}
        assert isinstance(plain["format_version"], str)
        assert chiplet.read_text(chiplet.write(module), where="g")[0].layers[2].dies[0].name == name


def test_numbers_are_numbers_for_every_reader():
    """YAML 1.1 takes 1e-05 for a text: no exponent is written."""
    small = "height: 0.001, thickness: 5}, rotation: {z: 0.00001}, future: 1e-05"
    text = MINIMAL + DIE.replace("height: 20, thickness: 5}", small)
    design, report = chiplet.read_text(text, where="f")
    written = chiplet.write_text(design, report.kept)[0]
    part = yaml.safe_load(written)["components"][0]
    assert part["dimensions"] == {"width": 10.0, "height": 0.001, "thickness": 5.0}
    assert (part["rotation"], part["future"]) == ({"z": 0.00001}, 0.00001)
    assert "e-05" not in written


METHODS = ("hybrid", "micro_bump", "copper_pillar", "solder_bump", "solder_ball", "adhesive")
lengths = st.floats(50, 5000).map(lambda v: round(v, 3))


@st.composite
def modules(draw):
    """Carriers and up to three tiers of dies at any angle, some as arrays."""
    layers = []
    if draw(st.booleans()):
        layers += [{"name": "board", "kind": "substrate", "material": "abf", "thickness_um": draw(lengths)},
                   {"name": "balls", "kind": draw(st.sampled_from(["balls", "bond"])), "material": "sac305",
                    "thickness_um": draw(lengths)}]  # fmt: skip
    layers.append({"name": "carrier", "kind": draw(st.sampled_from(["interposer", "rdl"])), "material": "silicon",
                   "thickness_um": draw(lengths), "width_mm": draw(st.floats(60, 90)), "length_mm": 70.0})  # fmt: skip
    kinds = [{"id": f"d{i}", "name": draw(st.sampled_from(["a die", f"d{i}"])), "width_mm": draw(lengths) / 1000,
              "length_mm": draw(lengths) / 1000, "thickness_um": draw(lengths), "power_w": draw(st.floats(0, 9)),
              "node_nm": draw(st.sampled_from([None, 7.0, 28.0]))} for i in range(draw(st.integers(1, 3)))]  # fmt: skip
    for tier in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            bond = {"method": draw(st.sampled_from(METHODS)), "diameter_um": draw(st.none() | st.floats(1, 90))}
            layers.append({"name": f"bond {tier}", "kind": "bond", "material": "underfill",
                           "thickness_um": draw(lengths), "bond": bond})  # fmt: skip
        row = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))
        dies = [{"name": f"U{tier}-{i}", "die": kind["id"], "x_mm": (i - 1) * 20.0 + draw(st.floats(-2, 2)),
                 "y_mm": draw(st.floats(-15, 15)), "angle_deg": draw(st.floats(-360, 360)),
                 **draw(st.sampled_from([{"facing": "up"}, {"facing": "down"}, {"facing": "down", "mirrored": True}])),
                 **draw(st.sampled_from([{}, {"columns": 1, "rows": 2, "pitch_y_mm": 7.5}]))}
                for i, kind in enumerate(row)]  # fmt: skip
        deep = max(k["thickness_um"] for k in row) + draw(st.just(0) | st.floats(0.01, 50))  # below 1 nm is no gap
        layers.append({"name": f"tier {tier}", "kind": "die", "material": "emc", "thickness_um": deep, "dies": dies})
    document = {"schema_version": 2, "title": "made up", "assembly": "mixed", "carrier": "interposer",
                "width_mm": 100.0, "length_mm": 80.0, "dies": kinds, "layers": layers}  # fmt: skip
    try:
        return read(document)
    except InputError as fault:
        if fault.rule != "design.assembly_mismatch":
            raise
        return read(document | {"assembly": fault.allowed})


def spans(design) -> dict[str, tuple]:
    """Every die in the module: its pose and size, and its height above the carrier."""
    carrier = next(x for x in levels(design) if x.layer.name == "carrier")
    return {
        p.name: (p.x_mm * 1000, p.y_mm * 1000, level.z_bottom_um - carrier.z_top_um, design.die(p.die).width_mm * 1000,
                 design.die(p.die).length_mm * 1000, design.die(p.die).thickness_um)
        for level in levels(design) for p in level.layer.placements
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(modules())
def test_geometry_survives_writing_and_reading(design):
    again, _ = chiplet.read_text(chiplet.write(design), where="g")
    was, now = spans(design), spans(again)
    assert was.keys() == now.keys()
    for name, meant in was.items():
        assert now[name] == pytest.approx(meant, abs=2e-6)  # written to 1 pm
    before = {p.name: p for p in design.placements}
    for placement in again.placements:
        first = before[placement.name]
        turn = (placement.angle_deg - first.angle_deg) % 360
        assert min(turn, 360 - turn) < 1e-9
        assert (placement.facing, placement.mirrored) == (first.facing, first.mirrored)
        was_die, now_die = design.die(first.die), again.die(placement.die)
        assert (now_die.name, now_die.node_nm) == (was_die.name, was_die.node_nm)
        assert math.isclose(now_die.power_w, was_die.power_w)
    carrier = next(layer for layer in design.layers if layer.name == "carrier")
    found = next(layer for layer in again.layers if layer.name == "carrier")
    assert again.extent_mm(found) == pytest.approx(design.extent_mm(carrier), abs=1e-8)
    for below, tier in zip(design.layers, design.layers[1:], strict=False):
        if tier.dies and below.bond:
            layer = next(x for x in again.layers if x.name == below.name)
            assert layer.bond.method == below.bond.method
    twice, _ = chiplet.read_text(chiplet.write(again), where="h")
    for name, meant in spans(twice).items():
        assert now[name] == pytest.approx(meant, abs=2e-6)


def test_what_the_format_cannot_say_is_said():
    grid = {"name": "g", "columns": 20, "rows": 10, "pitch_x_um": 50.0, "pitch_y_um": 50.0, "diameter_um": 25.0}
    face = {"name": "face", "side": "front", "width_um": 1500.0, "length_um": 900.0, "bumps": [grid]}
    design = read({
        "schema_version": 2, "title": "t", "assembly": "single", "carrier": "interposer", "width_mm": 6.0,
        "length_mm": 6.0,
        "dies": [{"id": "d", "name": "d", "width_mm": 2.0, "length_mm": 2.0, "thickness_um": 50.0, "regions": [face],
                  "tsv": {"diameter_um": 5.0, "pitch_um": 40.0, "count": 9}}],
        "layers": [
            {"name": "balls", "kind": "balls", "material": "sac305", "thickness_um": 200.0},
            {"name": "rdl", "kind": "rdl", "material": "polyimide", "thickness_um": 20.0, "width_mm": 5.0,
             "length_mm": 5.0, "regions": [face, {**face, "name": "under", "side": "back"}],
             "metals": [{"name": "M1", "line_um": 2.0, "space_um": 2.0}]},
            {"name": "joints", "kind": "bond", "material": "underfill", "thickness_um": 20.0,
             "bond": {"method": "hybrid"}},
            {"name": "tier", "kind": "die", "material": "emc", "thickness_um": 50.0,
             "dies": [{"name": "U1", "die": "d", "facing": "up", "mirrored": True}]},
            {"name": "lid", "kind": "lid", "material": "lid_copper", "thickness_um": 500.0}],
        "connections": [{"name": "c", "top": {"part": "U1", "region": "face"}}],
        "netlist": [{"name": "n", "pins": [{"part": "lid", "port": "x"}]}],
        "paths": [{"name": "p", "steps": [{"part": "U1", "region": "face"}]}],
    })  # fmt: skip
    text, report = chiplet.write_text(design)
    said = "\n".join(report.lines())
    for words in ("no place for these layers: balls, lid", "200 bumps of dies", "TSV, paths, metals", "Materials of",
                  "rdl is a redistribution layer", "bumps of under are not on the top face", "U1 faces up and is mirr",
                  "The connection c is not written", "n: its end on lid is left out",
                  "The size of the body, 6 x 6 mm"):  # fmt: skip
        assert words in said, words
    pads = yaml.safe_load(text)["components"][0]["io_pads"]
    assert len(pads) == 200
    assert pads[0]["position"] == {"x": 2500 - 475.0, "y": 2500 - 225.0}  # from the lower left corner of the carrier


WORDS = st.sampled_from([
    "format_version", "assembly", "name", "components", "id", "type", "die", "die_array", "interposer", "position", "x",
    "y", "z", "dimensions", "width", "height", "thickness", "array", "count", "pitch", "start_position", "netlist",
    "nets", "connections", "component", "pin", "interfaces", "from", "to", "surface", "top", "micro_bump", "flow",
    "connection_stacks", "layers", "io_pads", "size", "1.0", "metadata", "workbench_node_nm", "workbench_unverified",
    "rotation", "orientation", "flip_chip", "connection", "attachment_surface_z", "technologies", "_metadata",
])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**7), 10**7) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=30,
)  # fmt: skip


def replaced(document, value, which: int):
    """The document with its which-th value (depth first, modulo how many there are) replaced."""
    places = []

    def walk(node, path):
        for key, inner in node.items() if isinstance(node, dict) else enumerate(node):
            places.append((*path, key))
            if isinstance(inner, dict | list):
                walk(inner, (*path, key))

    walk(document, ())
    *path, last = places[which % len(places)]
    node = document
    for step in path:
        node = node[step]
    node[last] = value
    return document


@settings(max_examples=200, deadline=None)
@given(root=st.dictionaries(WORDS, VALUES, max_size=8), value=VALUES, which=st.integers(0, 10_000))
def test_any_document_is_read_or_refused_in_our_words(whole, root, value, which):
    """Random blocks of the format's own words, and the whole file with one value replaced by any other."""
    made_up = root | {"format_version": "1.0", "assembly": {"name": "a"}}
    for document in (made_up, replaced(yaml_text.parse(whole, where="w").data, value, which)):
        try:
            design, report = chiplet.read_text(yaml_text.write(document), where="f")
        except InputError:
            continue
        chiplet.read_text(chiplet.write_text(design, report.kept)[0], where="g")
