"""Macros: replaced as OpenROAD replaces them (`parseDefines` in src/odb/src/3dblox/baseParser.cpp), within bounds."""

from __future__ import annotations

import pytest

from workbench.errors import InputError
from workbench.formats.threedblox import document, macros


def expand(text, limit=10_000):
    return macros.expanded(text, where="f", limit_characters=limit)


@pytest.mark.parametrize(("text", "expected"), [
    ("#!define A x\na: A/1\n", "#!define A x\na: x/1\n"),
    ("#!define  KEY \t two words \na: KEY\n", "#!define  KEY \t two words \na: two words\n"),
    ("#!define A x\nb: CAB AA\n", "#!define A x\nb: CxB xx\n"),  # inside words, every time
    ("#!define A B\n#!define B c\na: A B\n", "#!define A B\n#!define B c\na: c c\n"),  # by the alphabet: A, then B
    ("#!define B A\n#!define A c\na: A B\n", "#!define B A\n#!define A c\na: c A\n"),
    ("# note\n\n#!define A x\na: A\n#!define Z y\nb: Z\n", "# note\n\n#!define A x\na: x\n#!define Z y\nb: y\n"),
    ("a: 1\n", "a: 1\n"),
])  # fmt: skip
def test_replacement(text, expected):
    assert expand(text)[0] == expected


@pytest.mark.parametrize(("text", "rule", "place"), [
    ("#!define A\n", "define", "f:1:1"),
    ("a: 1\n#!define\n", "define", "f:2:1"),
    ("#!defineA b\n", "define", "f:1:1"),
    ("#!define A b\n#!define A c\n", "define_twice", "f:2:1"),
    ("a: KEY\n#!define KEY c\n", "define_late", "f:2:1"),
    ("".join(f"#!define K{i}K v\n" for i in range(101)), "define_many", "f:101:1"),
])  # fmt: skip
def test_refused_with_place(text, rule, place):
    with pytest.raises(InputError) as refused:
        expand(text)
    assert (refused.value.rule, refused.value.where) == (f"threedblox.{rule}", place)


def test_macros_that_feed_each_other_are_stopped_before_they_grow():
    doubling = "".join(f"#!define K{i:02}_ K{i + 1:02}_K{i + 1:02}_\n" for i in range(60))
    with pytest.raises(InputError) as refused:
        expand(doubling + "a: K00_\n")
    assert refused.value.rule == "text.too_large"


def test_a_document_keeps_both_texts_and_numbers_stay_numbers():
    text = "#!define WIDE 955\n#!define AREA [WIDE, 10]\nChipletDef:\n  a: {design_area: AREA, thickness: WIDE}\n"
    found = document.parse(text, where="a.3dbv")
    assert found.data["ChipletDef"]["a"] == {"design_area": [955, 10], "thickness": 955}
    assert found.raw["ChipletDef"]["a"] == {"design_area": "AREA", "thickness": "WIDE"}
    assert document.parse(document.write(found), where="b.3dbv") == found


def test_a_macro_that_would_bite_the_written_words_is_refused():
    """The key `t: d` stands nowhere in the text, but would in the one that is written."""
    found = document.parse("#!define t:\u0020 X\nChipletDef: {a: {type: die}}\n", where="a.3dbv")
    assert found.raw == found.data
    risky = document.Document("a.3dbv", (macros.Define("ype", "ypo"),), found.raw, found.located)
    with pytest.raises(InputError) as refused:
        document.write(risky)
    assert refused.value.rule == "threedblox.not_writable"
