"""Bump maps: six words a line, places in refusals, comments kept."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.formats.threedblox import bmap

TEXT = "# head\nb1 BUMP 100.0 200 - VSS\n\n  b2\tPILLAR  -1.5e1  .5 p n  \n# tail\n"


def test_columns_and_places():
    found = bmap.parse(TEXT, where="a.bmap")
    assert found.instances == ("b1", "b2")
    assert (found.x_um.tolist(), found.y_um.tolist()) == ([100.0, -15.0], [200.0, 0.5])
    assert ([*found.cells], [*found.ports], [*found.nets]) == (["BUMP", "PILLAR"], ["-", "p"], ["VSS", "n"])
    assert found.comments == ((0, "# head"), (2, "# tail"))
    assert [found.place(i) for i in (0, 1)] == ["a.bmap:2:1", "a.bmap:4:1"]


def test_written_text():
    assert bmap.write(bmap.parse(TEXT, where="a")) == (
        "# head\nb1 BUMP 100.0 200.0 - VSS\nb2 PILLAR -15.0 0.5 p n\n# tail\n")  # fmt: skip


@pytest.mark.parametrize(("text", "rule", "place"), [
    ("a b 1 2 c\n", "bmap_columns", "f:1:10"),
    ("a b 1 2 c d e\n", "bmap_columns", "f:1:13"),
    ("a b 1 2 c d\na b 1 2 c d e\nb 1 2 c d\n", "bmap_columns", "f:2:13"),  # five and seven make twice six
    ("# ok\n\na b 1 2 c d\n  a2 b 1 x c d\n", "bmap_number", "f:4:10"),
    ("a b nan 2 c d\n", "bmap_number", "f:1:5"),
    ("a b 1 inf c d\n", "bmap_number", "f:1:7"),
    ("a b 1e999 2 c d\n", "bmap_number", "f:1:5"),
    ("a b 1_0 2 c d\n", "bmap_number", "f:1:5"),
    ("a b ٣ 2 c d\n", "bmap_number", "f:1:5"),
    ("a b 1 2 c d\nx b 1 2 c d\na b 9 9 c d\n", "bmap_twice", "f:3:1"),
    (f"a b 1 2 c {'d' * 257}\n", "bmap_word", "f:1:1"),
    (f"{'a' * 257} b 1 2 c d\n", "bmap_word", "f:1:1"),
])  # fmt: skip
def test_refused_with_place(text, rule, place):
    with pytest.raises(InputError) as refused:
        bmap.parse(text, where="f")
    assert (refused.value.rule, refused.value.where) == (f"threedblox.{rule}", place)


def test_control_characters_are_refused():
    with pytest.raises(InputError) as refused:
        bmap.parse("a b 1 2 c d\nx\x00 b 1 2 c d\n", where="f")
    assert (refused.value.rule, refused.value.where) == ("text.control", "f:2:2")


def test_spaces_of_all_kinds_part_words():
    assert bmap.parse("a\u3000b\u00a01 2 c\u2003d\n", where="f").instances == ("a",)


def test_chunks_do_not_show(monkeypatch):
    text = "# one\n" + "".join(f"b{i} C {i} {i / 2} p{i % 3} n\n# after {i}\n" for i in range(50))
    whole = bmap.parse(text, where="f")
    monkeypatch.setattr(bmap, "_CHUNK", 37)
    pieces = bmap.parse(text, where="f")
    assert pieces == whole
    assert pieces.lines.tolist() == whole.lines.tolist()


def test_the_number_of_bumps_is_bounded(monkeypatch):
    monkeypatch.setattr(bmap, "MOST_BUMPS", 3)
    text = "".join(f"b{i} C 0 0 - -\n" for i in range(4))
    assert bmap.parse(text[: text.rindex("b3")], where="f").count == 3
    with pytest.raises(InputError) as refused:
        bmap.parse(text, where="f")
    assert refused.value.rule == "threedblox.bmap_many"


WORD = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=8)
ROW = st.tuples(WORD, st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), WORD, WORD)
NAME = WORD.filter(lambda word: not word.startswith("#"))


@given(st.dictionaries(NAME, ROW, max_size=12), st.lists(st.tuples(st.integers(0, 12), WORD), max_size=3))
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read_back_equal(rows, comments):
    lines = [f"{name} {cell} {x!r} {y!r} {port} {net}" for name, (cell, x, y, port, net) in rows.items()]
    for at, words in comments:
        lines.insert(min(at, len(lines)), f"# {words}")
    first = bmap.parse("\n".join(lines), where="f")
    assert first.count == len(rows)
    assert bmap.parse(bmap.write(first), where="g") == first
