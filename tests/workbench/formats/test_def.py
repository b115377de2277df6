"""DEF as the LEF/DEF 5.8 Language Reference writes it: outline, ports, placed cells and their nets; refusals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.formats.lefdef import def_text

TEXT = """\
# a comment ; with a semicolon
VERSION 5.8 ;
DIVIDERCHAR "/" ;
BUSBITCHARS "[]" ;
DESIGN chip ;
UNITS DISTANCE MICRONS 2000 ;
PROPERTYDEFINITIONS
  COMPONENT weight REAL ;
END PROPERTYDEFINITIONS
DIEAREA ( -2000 -4000 ) ( 40000 60000 ) ;
ROW r1 core 0 0 N DO 10 BY 1 STEP 400 0 ;
TRACKS X 0 DO 10 STEP 200 LAYER m1 ;
COMPONENTS 4 ;
- b1 BUMP + SOURCE DIST + FIXED ( 2000 4000 ) N + WEIGHT 3 ;
- b\\[2\\] BUMP
    + PLACED ( 6000 4000 ) FW ;
- b3 BUMP + UNPLACED ;
- logic INV + PLACED ( 0 0 ) S ;
END COMPONENTS
PINS 2 ;
- d + NET dn + DIRECTION INPUT + USE SIGNAL
  + PORT + LAYER m1 ( 0 0 ) ( 200 200 ) + FIXED ( 0 1000 ) E ;
- vss + NET vss + SPECIAL + DIRECTION INOUT + USE GROUND ;
END PINS
SPECIALNETS 1 ;
- vss ( b1 PAD ) ( * VSS ) + ROUTED m1 400 ( 0 0 ) ( 100 * ) + USE GROUND ;
END SPECIALNETS
NETS 2 ;
- dn ( PIN d ) ( b\\[2\\] PAD ) ( logic A ) + ROUTED m1 ( 0 0 ) ( 5 * ) ;
- n ( logic ZN ) ;
END NETS
END DESIGN
this is not read
"""


def test_what_is_taken():
    found = def_text.parse(TEXT, where="f", macros={"BUMP"})
    assert (found.name, found.units_per_um) == ("chip", 2000.0)
    assert (found.die_area_um, found.die_area_corners) == ((-1.0, -2.0, 20.0, 30.0), 2)
    assert [(c.name, c.macro, c.x_um, c.y_um, c.orientation, c.line) for c in found.components] == [
        ("b1", "BUMP", 1.0, 2.0, "R0", 14), ("b[2]", "BUMP", 3.0, 2.0, "MX_R90", 15),
        ("b3", "BUMP", None, None, "R0", 17),
    ]  # fmt: skip
    assert [(p.name, p.net, p.direction, p.use, p.layer, p.x_um, p.y_um) for p in found.pins] == [
        ("d", "dn", "INPUT", "SIGNAL", "m1", 0.0, 0.5), ("vss", "vss", "INOUT", "GROUND", "", None, None)]  # fmt: skip
    assert found.nets == {("b1", "PAD"): "vss", ("b[2]", "PAD"): "dn"}


def test_all_components_without_a_choice():
    found = def_text.parse(TEXT, where="f")
    assert [c.name for c in found.components] == ["b1", "b[2]", "b3", "logic"]
    assert found.nets["logic", "ZN"] == "n"


@pytest.mark.parametrize(("orientation", "centre"), [
    ("N", (11.0, 22.0)), ("S", (11.0, 22.0)), ("FN", (11.0, 22.0)), ("FS", (11.0, 22.0)),
    ("W", (12.0, 21.0)), ("E", (12.0, 21.0)), ("FW", (12.0, 21.0)), ("FE", (12.0, 21.0)),
])  # fmt: skip
def test_the_place_is_the_corner_of_the_cell_as_it_lies(orientation, centre):
    text = f"UNITS DISTANCE MICRONS 10 ;\nCOMPONENTS 1 ;\n- a C + PLACED ( 100 200 ) {orientation} ;\nEND COMPONENTS\n"
    component = def_text.parse(text, where="f").components[0]
    assert def_text.cell_centre_um(component, 2.0, 4.0) == centre


def test_an_outline_of_many_corners_gives_its_box():
    text = "UNITS DISTANCE MICRONS 1 ;\nDIEAREA ( 0 0 ) ( 0 9 ) ( 5 9 ) ( 5 4 ) ( 7 4 ) ( 7 0 ) ;"
    found = def_text.parse(text, where="f")
    assert (found.die_area_um, found.die_area_corners) == ((0.0, 0.0, 7.0, 9.0), 6)


def test_units_hold_for_what_follows_and_are_a_hundredth_where_none_are_said():
    """100 is the default of the reference; the same unit said again changes nothing."""
    area = "DIEAREA ( -100 0 ) ( 900 50 ) ;\n"
    assert def_text.parse(area, where="f").die_area_um == (-1.0, 0.0, 9.0, 0.5)
    said = "UNITS DISTANCE MICRONS 1000 ;\n"
    assert def_text.parse(said + area + said, where="f").die_area_um == (-0.1, 0.0, 0.9, 0.05)


@pytest.mark.parametrize(("text", "rule", "place"), [
    ("DESIGN a", "unclosed", "f:1:1"),
    ("VERSION 5.8 ;\nDIEAREA ( 0 0 ) ( 1 x ) ;", "syntax", "f:2:1"),
    ("DIEAREA ( 0 0 ) ;", "syntax", "f:1:1"),
    ("DIEAREA ( 0 0 ) ( 1 nan ) ;", "syntax", "f:1:1"),
    ("UNITS DISTANCE MICRONS 0 ;", "syntax", "f:1:1"),
    ("UNITS ;", "syntax", "f:1:1"),
    ("DIEAREA ( 0 0 ) ( 9 9 ) ;\nUNITS DISTANCE MICRONS 2000 ;", "syntax", "f:2:1"),  # lengths before their unit
    ("COMPONENTS 1 ;\n- a B + PLACED ( 1 2 ) N ;\nEND COMPONENTS\nUNITS DISTANCE MICRONS 2000 ;", "syntax", "f:4:1"),
    ("COMPONENTS 1 ;\n- a B ;\n", "ends", "f:3:1"),
    ("COMPONENTS 1 ;\n- a B ;\nEND PINS", "syntax", "f:3:1"),
    ("COMPONENTS 1 ;\na B ;\nEND COMPONENTS", "syntax", "f:2:1"),
    ("COMPONENTS 1 ;\n- a ;\nEND COMPONENTS", "syntax", "f:2:1"),
    ("COMPONENTS 1 ;\n- a B\n+ PLACED ( 1 2 ) Q ;\nEND COMPONENTS", "syntax", "f:2:1"),
    ("COMPONENTS 1 ;\n- a B + PLACED 1 2 N ;\nEND COMPONENTS", "syntax", "f:2:1"),
    ("PINS 1 ;\n- ;\nEND PINS", "syntax", "f:2:1"),
    ("BEGINEXT tag\n anything ;", "unclosed", "f:1:1"),
])  # fmt: skip
def test_refused_with_line(text, rule, place):
    with pytest.raises(InputError) as refused:
        def_text.parse(text, where="f")
    assert (refused.value.rule, refused.value.where) == (f"lefdef.{rule}", place)


WORD = st.from_regex(r"[A-Za-z][A-Za-z0-9_/]{0,6}", fullmatch=True).filter(lambda w: w not in def_text.ORIENTATIONS)
PLACE = st.tuples(st.integers(-9999, 9999), st.integers(-9999, 9999), st.sampled_from(sorted(def_text.ORIENTATIONS)))


@given(st.dictionaries(WORD, st.tuples(WORD, PLACE), max_size=6), st.sampled_from([" ", "\n", "\n  # note ;\n\t"]))
@settings(max_examples=100, deadline=None)
def test_placed_cells_are_read_whatever_the_spacing(cells, space):
    rows = [f"- {name} {cell} + PLACED ( {x} {y} ) {o} ;".split() for name, (cell, (x, y, o)) in cells.items()]
    words = ["UNITS DISTANCE MICRONS 1000 ;", f"COMPONENTS {len(rows)} ;", *(w for row in rows for w in row)]
    found = def_text.parse(space.join(words) + "\nEND COMPONENTS\nEND DESIGN\n", where="f")
    expected = {n: (cell, x / 1000, y / 1000, def_text.ORIENTATIONS[o]) for n, (cell, (x, y, o)) in cells.items()}
    assert {c.name: (c.macro, c.x_um, c.y_um, c.orientation) for c in found.components} == expected
