"""Sets of files: includes, bump maps, what a hostile file may not reach, references, kinds of values, writing."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.formats import threedblox, yaml_text
from workbench.formats.lefdef import lef_text
from workbench.formats.threedblox import document, files, model, references

SQUARE = "coords: [[0, 0], [9, 0], [9, 9], [0, 9]]"
CHIP = f"ChipletDef:\n  a:\n    type: die\n    regions:\n      r: {{side: front, {SQUARE}}}\n"
TOP = """\
Header: {include: [a.3dbv]}
Design: {name: top}
ChipletInst:
  u1: {reference: a}
  u2: {reference: a}
Stack:
  u1: {loc: [0, 0], z: 0, orient: R0}
  u2: {loc: [0, 0], z: 10, orient: MZ}
Connection:
  c: {top: u2.regions.r, bot: u1.regions.r}
  ground: {top: u1.regions.r, bot: "~"}
Path:
  Path1: [u1.regions.r, NOT u2.regions.r]
"""


def laid(folder, **texts):
    """Files by name (``__`` for a dot, ``_slash_`` for a slash)."""
    for name, text in texts.items():
        path = folder / name.replace("_slash_", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def refusal(path, **more):
    with pytest.raises(InputError) as refused:
        threedblox.read(path, **more)
    return refused.value.rule.removeprefix("threedblox."), refused.value.where


def test_an_assembly_as_records(tmp_path):
    blox = threedblox.read(laid(tmp_path, t__3dbx=TOP, a__3dbv=CHIP) / "t.3dbx")
    assert list(blox.documents) == ["t.3dbx", "a.3dbv"]
    assert blox.top.instances["u2"].orient == "MZ"
    first, ground = blox.top.connections
    assert (first.top, first.bottom) == (model.RegionPath("u2", "r"), model.RegionPath("u1", "r"))
    assert ground.bottom is None, "the text ~ that OpenROAD writes means the same as null"
    assert blox.top.paths[0].steps == ((model.RegionPath("u1", "r"), False), (model.RegionPath("u2", "r"), True))


# -- includes ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("include", "rule"), [
    ("/etc/passwd.3dbv", "escape"),
    ("../outside.3dbv", "escape"),
    ("sub/../../outside.3dbv", "escape"),
    ("link.3dbv", "escape"),
    ("linked/outside.3dbv", "escape"),
    ("linked/*.3dbv", "escape"),
    ("sub\\\\..\\\\x.3dbv", "escape"),
    ('a\\0.3dbv', "escape"),
    ("none.3dbv", "no_include"),
    ("a" * 5000 + ".3dbv", "no_include"),
    ("sub.3dbv", "no_include"),  # a folder
    ("*.lef", "no_match"),
    ("none*.3dbv", "no_match"),
    ("*/x.3dbv", "no_match"),
    ("notes.txt", "suffix"),
])  # fmt: skip
def test_what_an_include_may_not_reach(tmp_path, include, rule):
    (tmp_path / "outside.3dbv").write_text(CHIP)
    inside = laid(tmp_path / "in", notes__txt="", x__lef="")
    (inside / "sub.3dbv").mkdir()
    (inside / "link.3dbv").symlink_to(tmp_path / "outside.3dbv")
    (inside / "linked").symlink_to(tmp_path)
    laid(inside, t__3dbx=f'Header:\n  include: ["{include}"]\nDesign: {{name: t}}\n')
    assert refusal(inside / "t.3dbx") == (rule, "t.3dbx:2:13")


def test_includes_inside_the_folder(tmp_path):
    """Below, back up again, by a star, twice over two ways, and by a link that stays inside."""
    laid(tmp_path, t__3dbx="Header: {include: [sub/b.3dbv, '*.3dbv']}\nDesign: {name: t}\n", a__3dbv=CHIP,
         sub_slash_b__3dbv="Header:\n  include: ../a.3dbv\nChipletDef: {b: {type: ip}}\n")  # fmt: skip
    (tmp_path / "again.3dbv").write_text("Header: {include: sub/*.3dbv}")
    blox = threedblox.read(tmp_path / "t.3dbx")
    assert list(blox.documents) == ["t.3dbx", "sub/b.3dbv", "a.3dbv", "again.3dbv"]
    assert list(blox.chiplets) == ["b", "a"]


def test_circles_depth_and_number_are_bounded(tmp_path, monkeypatch):
    laid(tmp_path, a__3dbv="Header: {include: [b.3dbv]}", b__3dbv="Header: {include: [a.3dbv]}")
    assert refusal(tmp_path / "a.3dbv") == ("include_cycle", "b.3dbv:1:20")
    for i in range(25):
        (tmp_path / f"d{i}.3dbv").write_text(f"Header: {{include: [d{i + 1}.3dbv]}}")
    assert refusal(tmp_path / "d0.3dbv") == ("include_deep", "d19.3dbv:1:20")
    monkeypatch.setattr(files, "MOST_FILES", 5)
    assert refusal(tmp_path / "d0.3dbv")[0] == "include_many"
    monkeypatch.setattr(files, "MOST_CHARACTERS", 100)
    assert refusal(tmp_path / "d0.3dbv")[0] == "text.too_large"


def test_a_bump_map_obeys_the_same_rules(tmp_path):
    for bmap, rule in (("none.bmap", "no_bmap"), ("../x.bmap", "escape"), ("/x.bmap", "escape")):
        laid(tmp_path, a__3dbv=CHIP.replace("side: front", f"side: front, bmap: {bmap}"))
        assert refusal(tmp_path / "a.3dbv") == (rule, "a.3dbv:5:30")


# -- references --------------------------------------------------------------------------------------------------------
def test_references_are_opened_only_inside_the_named_folders(tmp_path):
    laid(tmp_path / "tech", n__lef="", o__lef="", p__def="")
    laid(tmp_path / "job", own__lef="", a__3dbv="ChipletDef: {a: {type: die, external: {LEF_file: "
         "[../tech/*.lef, own.lef, /etc/hostname, none.lef]}}}")  # fmt: skip
    (tmp_path / "job" / "out.lef").symlink_to(tmp_path / "tech" / "n.lef")
    path = tmp_path / "job" / "a.3dbv"

    def opened(blox):
        return [[found.name for found in blox.resolve(r)] for r in blox.chiplets["a"].external]

    assert opened(threedblox.read(path)) == [[], ["own.lef"], [], []]
    assert opened(threedblox.read(path, folders=[tmp_path / "tech"])) == [["n.lef", "o.lef"], ["own.lef"], [], []]


def referring(folder, written):
    """An assembly whose chiplets refer to files; what its report says of them, and which files were parsed."""
    chips = "".join(f"  {name}: {{type: die, design_area: [9, 9], thickness: 1, external: {{LEF_file: {path}}}}}\n"
                    for name, path in written.items())  # fmt: skip
    named = "".join(f"  u{name}: {{reference: {name}}}\n" for name in written)
    places = "".join(f"  u{name}: {{loc: [{20 * i}, 0], z: 0, orient: R0}}\n" for i, name in enumerate(written))
    top = f"Header: {{include: a.3dbv}}\nDesign: {{name: t}}\nChipletInst:\n{named}Stack:\n{places}"
    return threedblox.read(laid(folder, a__3dbv=f"ChipletDef:\n{chips}", t__3dbx=top) / "t.3dbx")


def said_of(blox, words):
    return [line for line in threedblox.to_design(blox)[1].lines() if words in line]


def test_a_reference_is_read_once_however_it_is_spelled(tmp_path, monkeypatch):
    laid(tmp_path, s_slash_a__lef="END LIBRARY\n")
    (tmp_path / "link.lef").symlink_to(tmp_path / "s" / "a.lef")
    paths = ["s/a.lef", "s/../s/a.lef", "./s/a.lef", "link.lef", "[s/*.lef, s/a*]"]
    blox, read = referring(tmp_path, {f"c{i}": path for i, path in enumerate(paths)}), []
    monkeypatch.setattr(lef_text, "parse", lambda text, where: read.append(where) or {})
    threedblox.to_design(blox)
    assert read == ["a.lef"]


def test_references_are_charged_with_the_files_that_name_them(tmp_path, monkeypatch):
    texts = {f"l{i}__lef": "# " + "x" * 97 + "\n" for i in range(6)}
    laid(tmp_path, **texts)
    blox = referring(tmp_path, {f"c{i}": f"l{i}.lef" for i in range(6)})
    assert len(said_of(blox, "was read")) == 6
    assert blox.characters == sum(len((tmp_path / name).read_text()) for name in ("t.3dbx", "a.3dbv"))
    monkeypatch.setattr(references, "MOST_FILES", 6)  # two are the assembly's own
    assert len(said_of(blox, "was read")) == 4
    assert said_of(blox, "was not opened")[0].startswith("a.3dbv:6:")
    monkeypatch.setattr(references, "MOST_FILES", 1_000)
    monkeypatch.setattr(references, "MOST_CHARACTERS", blox.characters + 250)
    assert len(said_of(blox, "was read")) == 2
    assert len(said_of(blox, "could not be read")) == 4


@pytest.mark.parametrize("written", ["LEF_file: x.lef", "LEF_file: [x.lef]", "LEF_file:\n        - x.lef"])
def test_external_is_a_word_or_a_list(tmp_path, written):
    laid(tmp_path, a__3dbv=f"ChipletDef:\n  a:\n    type: die\n    external:\n      {written}\n")
    found = threedblox.read(tmp_path / "a.3dbv").chiplets["a"].external
    assert [(r.kind, r.path) for r in found] == [("LEF_file", "x.lef")]


# -- values ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("old", "new", "rule", "place"), [
    ("type: die", "kind: die", "missing", "a.3dbv:2:3"),
    ("type: die", "type: dye", "choice", "a.3dbv:3:11"),
    ("type: die", "type: [die]", "kind", "a.3dbv:3:11"),
    ("type: die", "type: die\n    design_area: [1]", "kind", "a.3dbv:4:18"),
    ("type: die", "type: die\n    design_area: [1, x]", "kind", "a.3dbv:4:18"),
    ("type: die", "type: die\n    design_area: [1, -2]", "negative", "a.3dbv:4:18"),
    ("type: die", "type: die\n    thickness: true", "kind", "a.3dbv:4:16"),
    ("type: die", "type: die\n    tsv: yes", "kind", "a.3dbv:4:10"),
    ("type: die", "type: die\n    seal_ring_width: [1, 2, 3]", "kind", "a.3dbv:4:22"),
    ("type: die", "type: die\n    external: {LEF_file: [1]}", "kind", "a.3dbv:4:27"),
    ("side: front", "side: top", "choice", "a.3dbv:5:17"),
    (", [0, 9]]", "]", "corners", "a.3dbv:5:32"),
    (", [0, 9]]", ", [0, 9], [1, 1]]", "polygon", "a.3dbv:5:65"),
    (", [0, 9]]", ", [0, 9, 1]]", "kind", "a.3dbv:5:57"),
    ("ChipletDef:", "Header: {unit: mm}\nChipletDef:", "choice", "a.3dbv:1:16"),
    ("ChipletDef:", "Header: {precision: 1.5}\nChipletDef:", "kind", "a.3dbv:1:21"),
    ("ChipletDef:", "ChipletDef: 5\nOther:", "kind", "a.3dbv:1:13"),
])  # fmt: skip
def test_values_of_a_chiplet_are_refused_with_place(tmp_path, old, new, rule, place):
    assert old in CHIP
    laid(tmp_path, a__3dbv=CHIP.replace(old, new))
    assert refusal(tmp_path / "a.3dbv") == (rule, place)


@pytest.mark.parametrize(("old", "new", "rule", "place"), [
    ("{name: top}", "{}", "missing", "t.3dbx:2:1"),
    ("{reference: a}", "{}", "missing", "t.3dbx:4:3"),
    ("{reference: a}", "{reference: b}", "unknown", "t.3dbx:4:3"),
    ("  u2: {loc", "  u3: {loc", "unknown", "t.3dbx:8:3"),
    ("z: 0, ", "", "missing", "t.3dbx:7:3"),
    ("orient: R0", "orient: R45", "orient", "t.3dbx:7:35"),
    ("orient: R0", "orient: MZ_", "orient", "t.3dbx:7:35"),
    (", bot: u1.regions.r", "", "missing", "t.3dbx:10:3"),
    ("bot: u1.regions.r", "bot: u1.r", "region_path", "t.3dbx:10:31"),
    ("bot: u1.regions.r", "bot: u9.regions.r", "unknown", "t.3dbx:10:3"),
    ("bot: u1.regions.r", "bot: u1.regions.q", "unknown", "t.3dbx:10:3"),
    ("Path1", "PathA", "path_name", "t.3dbx:13:3"),
    ("Path1", "Path01", "path_name", "t.3dbx:13:3"),
    ("NOT u2.regions.r", "NOT u2.regions.q", "unknown", "t.3dbx:13:3"),
    ("NOT u2.regions.r", "NOT u2", "region_path", "t.3dbx:13:25"),
    ("[u1.regions.r, NOT u2.regions.r]", "[]", "kind", "t.3dbx:13:10"),
])  # fmt: skip
def test_values_of_an_assembly_are_refused_with_place(tmp_path, old, new, rule, place):
    assert old in TOP
    laid(tmp_path, t__3dbx=TOP.replace(old, new, 1), a__3dbv=CHIP)
    assert refusal(tmp_path / "t.3dbx") == (rule, place)


def test_a_chiplet_defined_twice_is_refused(tmp_path):
    laid(tmp_path, a__3dbv="Header: {include: b.3dbv}\n" + CHIP, b__3dbv=CHIP)
    assert refusal(tmp_path / "a.3dbv") == ("chiplet_twice", "b.3dbv:2:3")


def test_files_that_are_none_of_ours(tmp_path):
    assert refusal(laid(tmp_path, a__txt="") / "a.txt")[0] == "suffix"
    assert refusal(tmp_path / "none.3dbv")[0] == "text.no_file"
    laid(tmp_path, list__3dbv="- a\n")
    assert refusal(tmp_path / "list.3dbv") == ("kind", "list.3dbv:1:1")


# -- writing -----------------------------------------------------------------------------------------------------------
def test_nothing_is_overwritten_unasked(tmp_path):
    blox = threedblox.read(laid(tmp_path / "in", t__3dbx=TOP, a__3dbv=CHIP) / "t.3dbx")
    laid(tmp_path / "out", a__3dbv="mine")
    with pytest.raises(InputError) as refused:
        threedblox.write(blox, tmp_path / "out")
    assert refused.value.rule == "exchange.exists"
    assert sorted(os.listdir(tmp_path / "out")) == ["a.3dbv"]
    threedblox.write(blox, tmp_path / "out", overwrite=True)
    assert threedblox.read(tmp_path / "out" / "t.3dbx") == blox


WORD = st.text(min_size=1, max_size=6)
VALUE = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | WORD,
                     lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
                     max_leaves=6)  # fmt: skip
NUMBER = st.integers(0, 5000) | st.floats(0, 5000)
POINT = st.lists(NUMBER, min_size=2, max_size=2)


def mapping(required, optional):
    """Fields of the grammar, some left out, and keys of nobody."""
    own = st.fixed_dictionaries(required, optional=optional)
    unknown = st.dictionaries(WORD.map("x_{}".format), VALUE, max_size=2)
    return st.builds(lambda a, b: {**a, **b}, own, unknown)


REGION = mapping(
    {"coords": st.lists(POINT, min_size=4, max_size=4)},
    {"side": st.sampled_from(model.SIDES), "pmap": WORD, "layer": WORD, "gds_layer": WORD},
)
FOUR = st.lists(NUMBER, min_size=4, max_size=4)
CHIPLET = mapping(
    {"type": st.sampled_from(model.TYPES)},
    {"design_area": POINT, "offset": POINT, "shrink": NUMBER, "thickness": NUMBER, "tsv": st.booleans(),
     "seal_ring_width": FOUR, "scribe_line_remaining_width": FOUR,
     "regions": st.dictionaries(WORD, REGION, max_size=2),
     "external": mapping({}, {key: WORD | st.lists(WORD, max_size=2) for key in ("APR_tech_file", "LEF_file",
                              "liberty_file", "DEF_file", "verilog_file")})},
)  # fmt: skip
DEFINE = st.tuples(st.from_regex(r"[A-Z]{3}_[0-9]", fullmatch=True),
                   st.from_regex(r"[a-z0-9./]{1,9}", fullmatch=True))  # fmt: skip
HEADER = mapping({}, {"version": NUMBER | WORD, "unit": st.just("micron"), "precision": st.integers(1, 10_000)})


@given(mapping({"ChipletDef": st.dictionaries(WORD, CHIPLET, max_size=3)}, {"Header": HEADER}),
       st.lists(DEFINE, max_size=3, unique_by=lambda d: d[0]), st.data())  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_whatever_the_grammar_allows_is_read_and_written_back_equal(data, defines, draw):
    if defines:  # some names of chiplets are macros
        data["ChipletDef"] = {f"{draw.draw(st.sampled_from(defines))[0]}_{name}": chiplet
                              for name, chiplet in data["ChipletDef"].items()}  # fmt: skip
    head = "".join(f"#!define {key} {value}\n" for key, value in defines)
    first = document.parse(head + yaml_text.write(data), where="a.3dbv")
    again = document.parse(document.write(first), where="b.3dbv")
    assert again == first
    assert (again.raw, again.data) == (data, first.data)
    model.read(first)
