"""LEF as the LEF/DEF 5.8 Language Reference writes it: bump cells and their pads; refusals with line."""

from __future__ import annotations

import pytest

from workbench.errors import InputError
from workbench.formats.lefdef import lef_text

TEXT = """\
VERSION 5.8 ;
BUSBITCHARS "[]" ;
UNITS
  DATABASE MICRONS 2000 ;
END UNITS
PROPERTYDEFINITIONS
  MACRO unverified INTEGER ;
END PROPERTYDEFINITIONS
LAYER m1
  TYPE ROUTING ;
  WIDTH 0.07 ;
END m1
VIA v DEFAULT
  LAYER m1 ;
    RECT -1 -1 1 1 ;
END v
NONDEFAULTRULE wide
  LAYER m1
    WIDTH 1 ;
  END m1
END wide
SITE core
  CLASS CORE ;
END core
MACRO BUMP
  CLASS COVER BUMP ;
  FOREIGN BUMP 0 0 ;
  ORIGIN 0 0 ;
  SIZE 40 BY 30.5 ;
  SYMMETRY X Y ;
  PIN PAD DIRECTION INOUT ; USE SIGNAL ;
    PORT
      LAYER m1 ;
      RECT 19 19 20 20 ;
      POLYGON 10 5 30 5 35 10 35 20 30 25 10 25 5 20 5 10 ;
    END
    PORT CLASS BUMP ;
      LAYER m1 ;
      RECT MASK 1 19 19 21 21 ;
    END
  END PAD
  OBS
    LAYER m1 ;
    RECT 0 0 100 100 ;
  END
END BUMP
MACRO INV
  CLASS CORE ;
  SIZE 1 BY 2 ;
  PROPERTY unverified 1 ;
END INV
END LIBRARY
not read
"""


def test_macros_and_pads():
    found = lef_text.parse(TEXT, where="f")
    assert list(found) == ["BUMP", "INV"]
    bump, inverter = found.values()
    assert (bump.is_bump, bump.width_um, bump.length_um, bump.pins, bump.line) == (True, 40.0, 30.5, ("PAD",), 25)
    assert bump.pad_um == (5.0, 5.0, 35.0, 25.0), "the octagon, the largest shape; obstructions are none"
    assert bump.diameter_um == 20.0
    assert (inverter.is_bump, inverter.pad_um, inverter.diameter_um) == (False, None, 1.0)
    assert (bump.unverified, inverter.unverified) == (False, True)


@pytest.mark.parametrize(("text", "rule", "place"), [
    ("LAYER m1\nTYPE ROUTING ;\n", "unclosed", "f:1:1"),
    ("VERSION 5.8", "unclosed", "f:1:1"),
    ("MACRO a\n  SIZE 1 BY 2 ;\n", "ends", "f:3:1"),
    ("MACRO a\n  SIZE 1 BY 2 ;\nEND b", "syntax", "f:3:1"),
    ("MACRO a\n  CLASS CORE ;\nEND a", "syntax", "f:1:1"),
    ("MACRO a\n  SIZE 1 2 ;\nEND a", "syntax", "f:2:1"),
    ("MACRO a\n  SIZE 0 BY 2 ;\nEND a", "syntax", "f:2:1"),
    ("MACRO a\n  SIZE 1 BY inf ;\nEND a", "syntax", "f:2:1"),
    ("MACRO a\n SIZE 1 BY 1 ;\n PIN p\n PORT\n RECT 1 1 2 ;\n END\n END p\nEND a", "syntax", "f:5:1"),
    ("MACRO a\n SIZE 1 BY 1 ;\n PIN p\n PORT\n END\n END q\nEND a", "syntax", "f:6:1"),
])  # fmt: skip
def test_refused_with_line(text, rule, place):
    with pytest.raises(InputError) as refused:
        lef_text.parse(text, where="f")
    assert (refused.value.rule, refused.value.where) == (f"lefdef.{rule}", place)
