"""Files of OpenROAD's own tests: the two it must not read are refused with reason and place; the rest are read, and
written back equal. The files stay outside the project (see `corpus`)."""

from __future__ import annotations

import numpy as np
import pytest

from workbench import stack
from workbench.errors import InputError
from workbench.formats import threedblox
from workbench.stack import End, placed_fields

# file, documents read with it, bump maps, bumps; counted by hand in the files
READABLE = [
    ("openroad/example.3dbv", 1, 1, 2),
    ("openroad/example.3dbx", 2, 1, 2),
    ("openroad/path_assertions.3dbx", 2, 1, 2),
    ("openroad/example.bmap", 0, 1, 2),
    ("openroad/example1.bmap", 0, 1, 2),
    ("openroad/example2.bmap", 0, 1, 2),
    ("openroad/example3.bmap", 0, 1, 2),
    ("openroad/example4.bmap", 0, 1, 2),
    ("openroad_3dic_cross/3dic_cross.3dbx", 2, 2, 6),
    ("openroad_3dic_cross/3dic_cross_flop.3dbv", 1, 2, 6),
    ("openroad_3dic_cross/3dic_cross_flop_a.bmap", 0, 1, 3),
    ("openroad_3dic_cross/3dic_cross_flop_b.bmap", 0, 1, 3),
]
REFUSED = [
    ("openroad/example_no_coords.3dbv", "threedblox.missing", "example_no_coords.3dbv:18:7", "front_reg.coords"),
    ("openroad/example_polygon.3dbv", "threedblox.polygon", "example_polygon.3dbv:32:13", "back_reg.coords: 5"),
]


def of(corpus, name):
    file = corpus / "3dblox" / name
    if not file.is_file():
        pytest.skip(f"the file {name} of the corpus is absent")
    return file


def test_every_file_has_its_verdict(corpus):
    folder = of(corpus, "openroad/example.3dbv").parent.parent
    found = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.suffix in (".3dbv", ".3dbx", ".bmap")}
    assert found == {row[0] for row in (*READABLE, *REFUSED)}


@pytest.mark.parametrize(("name", "documents", "maps", "bumps"), READABLE)
def test_read_and_written_back_equal(corpus, tmp_path, name, documents, maps, bumps):
    blox = threedblox.read(of(corpus, name))
    assert (len(blox.documents), len(blox.bump_maps)) == (documents, maps)
    assert sum(entry.count for entry in blox.bump_maps.values()) == bumps
    threedblox.write(blox, tmp_path)
    again = threedblox.read(tmp_path / blox.root)
    assert again == blox
    assert threedblox.texts(again) == threedblox.texts(blox)
    for file, document in blox.documents.items():
        assert list(document.raw) == list(again.documents[file].raw), "the order of the file is kept"


@pytest.mark.parametrize(("name", "rule", "place", "got"), REFUSED)
def test_refused_with_reason_and_place(corpus, name, rule, place, got):
    with pytest.raises(InputError) as refused:
        threedblox.read(of(corpus, name))
    assert (refused.value.rule, refused.value.where) == (rule, place)
    assert refused.value.got.endswith(got)


def test_macros_come_back_unexpanded_and_unknown_keys_are_reported(corpus):
    blox = threedblox.read(of(corpus, "openroad/example.3dbv"))
    text = threedblox.texts(blox)["example.3dbv"]
    assert text.startswith("#!define NG45_PATH ../Nangate45\n")
    assert "[NG45_PATH/fake_macros.lef, NG45_PATH/fake_bumps.lef]" in text
    meant = blox.documents["example.3dbv"].data["ChipletDef"]["SoC"]["external"]["LEF_file"]
    assert meant == ["../Nangate45/fake_macros.lef", "../Nangate45/fake_bumps.lef"]
    assert [(u.path, u.place) for u in blox.unknown] == [("ChipletDef.SoC.cad_layer", "example.3dbv:17:5")]
    assert any("ChipletDef.SoC.cad_layer" in line for line in blox.report().lines())


def test_example_becomes_two_dies_face_to_face(corpus):
    design, report = threedblox.to_design(threedblox.read(of(corpus, "openroad/example.3dbx")))
    assert (design.title, design.assembly) == ("TopDesign", "face_to_face")
    assert (design.width_mm, design.length_mm) == (0.955, 1.082)
    assert [(p.name, p.orientation) for p in design.placements] == [("soc_inst", "R0"), ("soc_inst_duplicate", "MZ")]
    assert [level.z_bottom_um for level in stack.levels(design)] == [0.0, 300.0]
    assert design.connections[1].bottom is None, "~ is the world below, never a text"
    placed = placed_fields(design, End(part="soc_inst", region="back_reg"))[0]
    corner = np.array([0.955, 1.082]) * 500
    assert np.allclose(placed.xy_um + corner, [[100, 200], [150, 200]])
    lines = report.lines()
    assert any("x 100, y 200, z 0" in line for line in lines), "where the module lay is told"
    assert any("../Nangate45/fake_bumps.lef is not there" in line for line in lines)


def test_path_assertions_keep_their_order_and_their_not(corpus):
    design, _ = threedblox.to_design(threedblox.read(of(corpus, "openroad/path_assertions.3dbx")))
    assert [str(step) for step in design.paths[0].steps] == [
        "soc_inst.front_reg", "NOT soc_inst_duplicate.back_reg", "soc_inst_duplicate.front_reg"]  # fmt: skip


def test_the_netlist_joins_ports_of_both_dies(corpus):
    design, report = threedblox.to_design(threedblox.read(of(corpus, "openroad_3dic_cross/3dic_cross.3dbx")))
    joined = {net.name: [f"{pin.part}.{pin.port}" for pin in net.pins] for net in design.netlist}
    assert joined == {
        "clk_top": ["chipA.clk", "chipB.clk"], "in_top": ["chipA.d"], "bridge": ["chipA.q", "chipB.d"],
        "out_top": ["chipB.q"],
    }  # fmt: skip
    assert any("3dic_cross_flop_a.def was read" in line for line in report.lines())


@pytest.mark.parametrize("name", [row[0] for row in READABLE if row[0].endswith(".3dbx")])
def test_design_and_back(corpus, name):
    """Files to design to files to design: nothing more is lost than the first time."""
    design, _ = threedblox.to_design(threedblox.read(of(corpus, name)))
    again, _ = threedblox.to_design(threedblox.from_design(design)[0])
    assert stack.to_document(again) | {"source": ""} == stack.to_document(design) | {"source": ""}
