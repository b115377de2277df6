"""Files become a design: places by OpenROAD's rules, heights as ordered layers, what is refused and what is assumed."""

from __future__ import annotations

import numpy as np
import pytest

from workbench import stack
from workbench.errors import InputError
from workbench.formats import threedblox
from workbench.formats.threedblox import bmap, document, files
from workbench.stack import End, Grid, Points, placed_fields

DBV = """\
ChipletDef:
  a:
    type: die
    design_area: [900, 400]
    thickness: 100
    regions:
      r: {side: front, layer: m1, coords: [[0, 0], [300, 0], [300, 200], [0, 200]], bmap: a.bmap}
  b:
    type: die
    design_area: [200, 100]
    thickness: 50
    tsv: true
"""
BUMPS = "b1 PAD 100 50 p1 n1\nb2 PAD 250 150 - -\n"
DBX = """\
Header: {include: [a.3dbv]}
Design: {name: top}
ChipletInst:
  u1: {reference: a}
Stack:
  u1: {loc: [1000, -500], z: 40, orient: R0}
"""


def converted(dbx=DBX, dbv=DBV, bumps=BUMPS, **extras):
    documents = [document.parse(dbx, where="t.3dbx"), document.parse(dbv, where="a.3dbv")]
    maps = {"a.bmap": bmap.parse(bumps, where="a.bmap")}
    named = {name.replace("__", "."): text for name, text in extras.items()}
    return threedblox.to_design(files.made("t.3dbx", documents, maps, named))


def refusal(**texts):
    with pytest.raises(InputError) as refused:
        converted(**texts)
    return refused.value


def stacked(*rows):
    """An assembly of instances: (name, chiplet, x, y, z, orient)."""
    instances = "".join(f"  {name}: {{reference: {chiplet}}}\n" for name, chiplet, *_ in rows)
    places = "".join(f"  {n}: {{loc: [{x}, {y}], z: {z}, orient: {o}}}\n" for n, _, x, y, z, o in rows)
    return f"Header: {{include: [a.3dbv]}}\nDesign: {{name: top}}\nChipletInst:\n{instances}Stack:\n{places}"


# What each orientation does to a point of the layout (matrix rows for x and y), written out from OpenROAD's
# dbTransform::apply (src/odb/src/zutil, dbTransform.cpp); MZ_ flips z only, so x and y are the same.
TURNS = {
    "R0": ((1, 0), (0, 1)), "R90": ((0, -1), (1, 0)), "R180": ((-1, 0), (0, -1)), "R270": ((0, 1), (-1, 0)),
    "MX": ((1, 0), (0, -1)), "MY": ((-1, 0), (0, 1)), "MX_R90": ((0, 1), (1, 0)), "MY_R90": ((0, -1), (-1, 0)),
    # doubles that the specification allows; MX_R270 is the one that OpenROAD's own table never maps
    "MX_R180": ((-1, 0), (0, 1)), "MX_R270": ((0, -1), (-1, 0)), "MY_R180": ((1, 0), (0, -1)),
    "MY_R270": ((0, 1), (1, 0)),
}  # fmt: skip


@pytest.mark.parametrize("flip", ["", "MZ_"])
@pytest.mark.parametrize("turn", TURNS)
def test_bumps_lie_where_openroad_puts_them(turn, flip):
    """`loc` is the lower left corner of the chiplet's box as it lies (dbChipInst::setLoc)."""
    orient = "MZ" if flip + turn == "MZ_R0" else flip + turn
    design, _ = converted(dbx=DBX.replace("orient: R0", f"orient: {orient}"))
    matrix = np.array(TURNS[turn])
    corners = np.array([[0, 0], [900, 0], [900, 400], [0, 400]]) @ matrix.T
    expected = np.array([[100, 50], [250, 150]]) @ matrix.T - corners.min(axis=0) + (1000, -500)
    placed = placed_fields(design, End(part="u1", region="r"))[0]
    middle = np.array([design.width_mm, design.length_mm]) * 500 + (1000, -500)
    assert np.allclose(placed.xy_um + middle, expected)
    assert placed.z_um == (100.0 if not flip else 0.0), "front looks up, flipped it looks down"


def test_a_chiplet_becomes_a_die_with_its_region():
    design, report = converted()
    die = design.die("a")
    assert (die.width_mm, die.length_mm, die.thickness_um) == (0.9, 0.4, 100.0)
    region = die.regions[0]
    assert (region.side, region.layer, region.width_um, region.length_um) == ("front", "m1", 300.0, 200.0)
    assert (region.x_um, region.y_um) == (-300.0, -100.0), "from the die's centre"
    field = region.bumps[0]
    assert isinstance(field, Points)
    assert (field.names, field.ports, field.nets) == (("b1", "b2"), ("p1", ""), ("n1", ""))
    assert not field.is_verified("diameter_um")
    assert set(die.unverified) == {"role", "power_w"}
    assert "x 1000, y -500, z 40" in "\n".join(report.lines())
    assert stack.read(stack.to_document(design)) == design


def test_a_regular_map_becomes_a_grid_and_one_word_names_all():
    rows = "".join(f"b_{c}_{r} PAD {c * 40 + 20} {r * 50 + 25} s{r * 6 + c} {'VDD' if c % 2 else 'VSS'}\n"
                   for r in range(4) for c in range(6))  # fmt: skip
    design, _ = converted(bumps=rows)
    field = design.die("a").regions[0].bumps[0]
    assert isinstance(field, Grid)
    assert (field.columns, field.rows, field.pitch_x_um, field.pitch_y_um) == (6, 4, 40.0, 50.0)
    assert (field.names, field.ports, field.nets) == (("b_{column}_{row}",), ("s{index}",), ("VSS", "VDD"))
    assert field.diameter_um == 20.0, "half the pitch, as nothing says it"


LEF = """\
VERSION 5.8 ;
MACRO PAD
  CLASS COVER BUMP ;
  SIZE 30 BY 30 ;
  PIN P
    PORT
      LAYER m1 ;
      RECT 5 5 25 25 ;
    END
  END P
END PAD
END LIBRARY
"""
DEF = """\
VERSION 5.8 ;
DESIGN a ;
UNITS DISTANCE MICRONS 1000 ;
DIEAREA ( 0 0 ) ( 900000 400000 ) ;
COMPONENTS 4 ;
- x1 PAD + FIXED ( 10000 20000 ) N ;
- x2 PAD + PLACED ( 110000 20000 ) W ;
- out PAD + PLACED ( 800000 20000 ) N ;
- cell INV + PLACED ( 0 0 ) N ;
END COMPONENTS
PINS 2 ;
- vdd + NET vdd + DIRECTION INOUT + USE POWER ;
- d + NET d_net + DIRECTION INPUT ;
END PINS
NETS 2 ;
- vdd ( PIN vdd ) ( x1 P ) ;
- d_net ( PIN d ) ( x2 P ) ( cell A ) ;
END NETS
END DESIGN
"""


def with_external(line, *, bmap_line=True):
    text = DBV.replace("    regions:\n", f"    external: {{{line}}}\n    regions:\n", 1)
    return text if bmap_line else text.replace(", bmap: a.bmap", "")


def test_lef_says_the_diameter():
    design, report = converted(dbv=with_external("LEF_file: bumps.lef"), bumps__lef=LEF)
    field = design.die("a").regions[0].bumps[0]
    assert (field.diameter_um, field.unverified) == (20.0, ()), "the pad, not the cell"
    assert "bumps.lef was read" in report.lines()


def test_def_places_the_bumps_of_a_region_without_a_map():
    design, _ = converted(dbv=with_external("LEF_file: b.lef, DEF_file: a.def", bmap_line=False),
                          b__lef=LEF, a__def=DEF)  # fmt: skip
    field = design.die("a").regions[0].bumps[0]
    assert (field.names, field.ports, field.nets) == (("x1", "x2"), ("vdd", "d"), ("vdd", "d_net"))
    corner = np.array([450, 200])
    assert np.allclose(field.xy_um() + corner, [[25, 35], [125, 35]]), "the bump outside the region is not its"


@pytest.mark.parametrize(("area", "told"), [("( 0 0 )", False), ("( 5000 7000 )", True), ("( 1000 2000 )", False)])
def test_bumps_of_a_def_count_from_the_chiplets_corner_wherever_its_outline_begins(area, told):
    """As OpenROAD has it: the box of a chip begins at 0, 0 (dbChip::getBBox), a DIEAREA of its own making at seal ring
    plus scribe line, and what a DEF places stays where it is; `offset` is for the bumps of maps (createBump)."""
    text = with_external("LEF_file: b.lef, DEF_file: a.def", bmap_line=False)
    text = text.replace("    thickness: 100\n", "    thickness: 100\n    seal_ring_width: [1, 2, 0, 0]\n"
                        "    offset: [7, 7]\n", 1)  # fmt: skip
    design, report = converted(dbv=text, b__lef=LEF, a__def=DEF.replace("( 0 0 ) (", f"{area} ("))
    field = design.die("a").regions[0].bumps[0]
    assert np.allclose(field.xy_um() + np.array([901, 402]) / 2, [[25, 35], [125, 35]])
    assert any("begins at 5, 7 um" in line for line in report.lines()) is told


def test_bumps_of_a_def_that_no_region_takes_are_counted():
    left = "1 bumps of its DEF lie in no front region without a map and in no map, 1 are not placed"
    extras = {"b__lef": LEF, "a__def": DEF.replace("- cell INV", "- un PAD ;\n- cell INV")}
    _, report = converted(dbv=with_external("LEF_file: b.lef, DEF_file: a.def", bmap_line=False), **extras)
    assert f"a: {left}" in report.lines()
    _, report = converted(dbv=with_external("LEF_file: b.lef, DEF_file: a.def"), **extras,
                          bumps="x1 PAD 25 35 - -\nx2 PAD 125 35 - -\nout PAD 815 35 - -\n")  # fmt: skip
    assert not [line for line in report.lines() if "of its DEF" in line], "each is in the map"


def test_regions_that_overlap_share_the_bumps_of_a_def():
    text = with_external("LEF_file: b.lef, DEF_file: a.def", bmap_line=False)
    row = text[text.index("      r: {") : text.index("  b:")]
    design, _ = converted(dbv=text.replace(row, row + row.replace("r:", "s:")), b__lef=LEF, a__def=DEF)
    assert [region.bump_count for region in design.die("a").regions] == [2, 2]


def test_each_cell_has_its_field_in_the_order_of_the_map():
    cells = ("PAD", "PIL", "PAD", "TSV", "PIL", "PAD")
    rows = "".join(f"b{i} {cell} {i * 31 + i * i} 7 p{i} n{i % 2}\n" for i, cell in enumerate(cells))
    design, _ = converted(bumps=rows)
    made = {f.name: (f.coded_names()[1], f.ports, f.nets) for f in design.die("a").regions[0].bumps}
    assert list(made) == ["PAD", "PIL", "TSV"]
    assert made["PAD"] == (["b0", "b2", "b5"], ("p0", "p2", "p5"), ("n0", "n0", "n1"))
    assert made["TSV"] == (["b3"], ("p3",), ("n1",))


def test_more_cells_than_a_region_may_have_fields_are_refused(monkeypatch):
    rows = "".join(f"b{i} c{i} {i} {i * i % 97} - -\n" for i in range(10_001))
    monkeypatch.setattr("workbench.formats.fields.field", lambda *_: pytest.fail("refused before any is made"))
    error = refusal(bumps=rows)
    assert (error.rule, error.where, error.got) == ("threedblox.cells_many", "a.3dbv:7:7", "10,001")


def test_a_map_of_many_regions_is_converted_once_and_counted(monkeypatch):
    row = DBV[DBV.index("      r: {") : DBV.index("  b:")]
    more = DBV.replace(row, row + "".join(row.replace("r:", f"s{i}:") for i in range(5)))
    design, _ = converted(dbv=more)
    first, *others = design.die("a").regions
    assert len(others) == 5
    assert all(other.bumps == first.bumps for other in others)
    monkeypatch.setattr("workbench.formats.threedblox.bumps.MOST_AGAIN", 9)
    error = refusal(dbv=more)
    assert (error.rule, error.where) == ("threedblox.bumps_again", "a.3dbv:12:7")


def test_def_says_the_outline_where_the_chiplet_does_not():
    text = with_external("DEF_file: a.def").replace("    design_area: [900, 400]\n", "", 1)
    design, _ = converted(dbv=text, a__def=DEF)
    assert (design.die("a").width_mm, design.die("a").length_mm) == (0.9, 0.4)
    assert refusal(dbv=text).rule == "threedblox.missing"
    _, report = converted(dbv=with_external("DEF_file: a.def"), a__def=DEF.replace("400000", "500000"))
    assert any("900 x 400 um" in line and "900 x 500 um" in line for line in report.lines())


def test_the_netlist_takes_roles_from_verilog_and_def():
    verilog = "module top(); supply0 g; wire p, q; a u1 (.gnd(g), .vdd(p), .d(q), .nc()); a gone (.d(q)); endmodule"
    dbx = DBX.replace("Design: {name: top}", "Design: {name: top, external: {verilog_file: t.v}}")
    design, report = converted(dbx=dbx, dbv=with_external("DEF_file: a.def"), a__def=DEF, t__v=verilog)
    assert {n.name: (n.role, [str(p.port) for p in n.pins]) for n in design.netlist} == {
        "g": ("ground", ["gnd"]), "p": ("power", ["vdd"]), "q": ("signal", ["d"])}  # fmt: skip
    assert any("gone of module a" in line for line in report.lines())


def test_a_referenced_file_that_cannot_be_read_is_reported():
    _, report = converted(dbv=with_external("DEF_file: a.def"), a__def="DESIGN a ;\nDIEAREA ( 0 x ) ;\n")
    assert any("a.def could not be read (a.def:2:1 x)" in line for line in report.lines())


def test_seal_ring_and_scribe_line_lie_around_the_design_area():
    """OpenROAD's box of a chip is its area plus both (dbChip::getBBox); coordinates count from that box's corner."""
    more = "    seal_ring_width: [1, 2, 3, 4]\n    scribe_line_remaining_width: [10, 20, 30, 40]\n"
    design, _ = converted(dbv=DBV.replace("    thickness: 100\n", f"    thickness: 100\n{more}", 1))
    assert (design.die("a").width_mm, design.die("a").length_mm) == (0.944, 0.466)
    assert design.die("a").regions[0].x_um == 150 - 472


def test_offset_moves_the_bumps():
    design, _ = converted(dbv=DBV.replace("    thickness: 100\n", "    thickness: 100\n    offset: [7, -3]\n", 1))
    assert np.allclose(design.die("a").regions[0].bumps[0].xy_um()[0] + (450, 200), (107, 47))


# -- heights -----------------------------------------------------------------------------------------------------------
def test_heights_become_layers_with_bonds_between():
    dbx = stacked(("low", "a", 0, 0, 0, "R0"), ("one", "b", 0, 0, 130, "MZ"), ("two", "b", 300, 0, 130, "R0"))
    design, report = converted(dbx=dbx)
    assert [(x.kind, x.thickness_um) for x in design.layers] == [("die", 100.0), ("bond", 30.0), ("die", 50.0)]
    assert design.layers[1].bond.method == "micro_bump"
    assert not design.layers[1].bond.is_verified("method")
    assert [p.name for p in design.layers[2].placements] == ["one", "two"]
    assert design.die("b").tsv is not None
    assert not design.die("b").tsv.is_verified("count")
    assert any("gap of 30 um" in line for line in report.lines())


@pytest.mark.parametrize(("rows", "names"), [
    ([("p", "a", 0, 0, 0, "R0"), ("q", "b", 950, 0, 60, "R0")], ("q: 60 ... 110", "p: 0 ... 100")),
    ([("p", "a", 0, 0, 0, "R0"), ("q", "b", 950, 0, 0, "R0"), ("r", "b", 950, 0, 50, "R0")], ("r", "p")),
])  # fmt: skip
def test_dies_that_share_no_layer_are_refused_by_name(rows, names):
    error = refusal(dbx=stacked(*rows))
    assert error.rule == "threedblox.no_layers"
    assert all(name in error.got for name in names)


def test_dies_of_other_thickness_share_a_layer_when_they_stand_on_one_level():
    rows = ("p", "a", 0, 0, 0, "R0"), ("q", "b", 950, 0, 0, "R0"), ("r", "b", 0, 0, 100, "R0")
    design, _ = converted(dbx=stacked(*rows))
    assert [x.thickness_um for x in design.layers] == [100.0, 50.0]


def test_dies_that_overlap_in_plan_are_refused():
    error = refusal(dbx=stacked(("p", "a", 0, 0, 0, "R0"), ("q", "b", 10, 10, 0, "R0")))
    assert error.rule == "design.dies_overlap"


CARRIER = DBV + """\
  base:
    type: substrate
    design_area: [3000, 2000]
    thickness: 200
    regions:
      top: {side: front, coords: [[0, 0], [3000, 0], [3000, 2000], [0, 2000]]}
"""


def test_a_substrate_is_a_layer_and_gives_the_body_its_middle():
    rows = [("sub", "base", 0, 0, 0, "R0"), ("u1", "a", 100, 100, 200, "MZ")]
    dbx = stacked(*rows) + "Connection:\n  c: {top: u1.regions.r, bot: sub.regions.top}\n"
    design, _ = converted(dbx=dbx, dbv=CARRIER)
    assert (design.layers[0].name, design.layers[0].kind) == ("sub", "substrate")
    assert (design.width_mm, design.length_mm) == (3.0, 2.0)
    assert (design.placements[0].x_mm, design.placements[0].y_mm) == (-0.95, -0.7)
    assert [die.id for die in design.dies] == ["a"]
    assert design.connections[0].bottom == End(part="sub", region="top")


def test_a_substrate_that_does_not_fill_its_layer_becomes_a_die():
    design, report = converted(dbx=stacked(("s", "base", 0, 0, 0, "R0"), ("u", "b", 4000, 0, 0, "R0")), dbv=CARRIER)
    assert {p.name for p in design.placements} == {"s", "u"}
    assert design.die("base").role == "dummy"
    assert any("base (type substrate)" in line for line in report.lines())


# -- refusals ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("texts", "rule", "where"), [
    ({"dbv": DBV.replace("    thickness: 100\n", "", 1)}, "threedblox.missing", "a.3dbv:2:3"),
    ({"dbv": DBV.replace("type: die", "type: hier", 1)}, "threedblox.hier", "t.3dbx:4:3"),
    ({"dbv": DBV.replace("[300, 200]", "[300, 150]")}, "threedblox.not_a_rectangle", "a.3dbv:7:7"),
    ({"dbv": DBV.replace("[300, 200], [0, 200]", "[300, 0], [0, 0]")}, "threedblox.not_a_rectangle", "a.3dbv:7:7"),
    ({"dbx": DBX.replace("  u1: {loc: [1000, -500], z: 40, orient: R0}\n", "")}, "threedblox.missing", "t.3dbx:4:3"),
    ({"dbx": "Design: {name: t}\n"}, "threedblox.no_assembly", "t.3dbx"),
    ({"bumps": "b{index} PAD 1 1 - -\nc PAD 2 2 - -\n"}, "threedblox.placeholder", ""),
    ({"bumps": "b1 PAD 1e7 0 - -\n"}, "threedblox.no_design", "a.3dbv:7:7"),
    ({"dbv": DBV.replace("bmap: a.bmap", "bmap: b.bmap")}, "threedblox.no_bmap", None),
    ({"dbx": DBX.replace("u1", "u" * 81)}, "threedblox.no_design", None),
    ({"dbv": DBV.replace("thickness: 100", "thickness: 1e9", 1)}, "threedblox.no_design", None),
    # a side whose square is 0 gives edges without a direction: whether dies overlap could not be told
    ({"dbv": DBV.replace("[900, 400]", "[900, 1e-200]")}, "threedblox.no_design", "a.3dbv:2:3"),
])  # fmt: skip
def test_refused_with_place(texts, rule, where):
    error = refusal(**texts)
    assert error.rule == rule
    assert where is None or error.where == where
