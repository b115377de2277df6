"""What changed between two designs: every field is known, one change is one sentence, a rename is no loss."""

from __future__ import annotations

import copy
import typing

import pytest

import workbench.stack as stack
from workbench import facts
from workbench.i18n import LANGUAGES, catalogue
from workbench.stack import Design, Grid, Points, read, to_document
from workbench.stack.diff import WORD_OF, diff, sentences
from workbench.stack.part import Part

SEED = to_document(read(facts.load("designs/poc-face-to-face")))


def full() -> dict:
    """A document in which every kind of part occurs."""
    d = copy.deepcopy(SEED)
    grid = {"name": "sig", "diameter_um": 4.5, "columns": 50, "rows": 50, "pitch_x_um": 9, "pitch_y_um": 9}
    points = {"name": "pg", "diameter_um": 20, "x_um": [0.0, 50.0, 100.0], "y_um": [0.0, 0.0, 50.0]}
    d["dies"][0]["regions"] = [{"name": "front", "side": "front", "width_um": 5000, "length_um": 5000,
                                "bumps": [grid, points]}]  # fmt: skip
    d["dies"][1]["regions"] = [{"name": "front", "side": "front", "width_um": 5000, "length_um": 5000,
                                "bumps": [{**grid, "pitch_x_um": 9.0}]}]  # fmt: skip
    d["dies"][0]["tsv"] = {"diameter_um": 5, "pitch_um": 50, "count": 100, "keep_out_um": 5,
                           "fields": [{**grid, "name": "tsv", "columns": 10, "rows": 10, "pitch_x_um": 50,
                                       "pitch_y_um": 50}]}  # fmt: skip
    d["layers"][1]["metals"] = [{"name": f"M{i}", "line_um": 10, "space_um": 10, "thickness_um": 3, "via_um": 20,
                                 "pad_um": 40} for i in (1, 2, 3)]  # fmt: skip
    d["layers"][1]["vias"] = [{**points, "name": "through"}]
    d["layers"][1]["regions"] = [{"name": "top", "side": "front", "width_um": 9000, "length_um": 9000}]
    ends = [{"part": "U2 compute", "region": "front"}, {"part": "U1 base", "region": "front"}]
    d["connections"] = [{"name": "face", "top": ends[0], "bottom": ends[1], "thickness_um": 2}]
    d["netlist"] = [{"name": "clk", "pins": [{"part": "U1 base", "port": "clk"}, {"part": "U2 compute", "port": "c"}]}]
    d["paths"] = [{"name": "P1", "steps": [{**ends[0]}, {**ends[1], "excluded": True}]}]
    return d


def designs(change) -> tuple[Design, Design]:
    document = full()
    a = read(document)
    after = change(document)
    return a, read(document if after is None else after)


def test_nothing_changed_is_nothing_said():
    for name in ("poc-face-to-face", "simba-36", "ascend-910"):
        design = read(facts.load(f"designs/{name}"))
        assert diff(design, design) == ()
        assert diff(design, read(to_document(design))) == ()
    assert sentences(()) == ["The two designs say the same"]


def set_at(*path_and_value):
    *path, value = path_and_value

    def change(document):
        here = document
        for step in path[:-1]:
            here = here[step]
        here[path[-1]] = value

    return change


def add_grid_rows(d):
    d["dies"][0]["regions"][0]["bumps"][0]["rows"] = 100


def rename_die_placement(d):
    d["layers"][3]["dies"][0]["name"] = "U7"
    d["connections"][0]["bottom"]["part"] = "U7"
    d["netlist"][0]["pins"][0]["part"] = "U7"
    d["paths"][0]["steps"][1]["part"] = "U7"


def rename_die_type(d):
    d["dies"][0]["id"] = "io-base"
    d["layers"][3]["dies"][0]["die"] = "io-base"


def rename_region(d):
    d["dies"][1]["regions"][0]["name"] = "active"
    d["connections"][0]["top"]["region"] = "active"
    d["paths"][0]["steps"][0]["region"] = "active"


def to_points(d):
    bumps = d["dies"][0]["regions"][0]["bumps"]
    bumps[1]["x_um"], bumps[1]["y_um"] = [3.0, 50.0, 100.0], [4.0, 0.0, 50.0]


CASES = [  # what is changed, the sentences in English, the sentences in Chinese
    (set_at("layers", 5, "dies", 0, "x_mm", 0.25),
     ["die U2 compute moved by +0.25 mm in x"], ["晶粒 U2 compute在 x 方向移動 +0.25 mm"]),
    (set_at("layers", 5, "dies", 0, "angle_deg", -30.0),
     ["die U2 compute turned by −30°"], ["晶粒 U2 compute旋轉 −30°"]),
    (set_at("layers", 4, "bond", "pitch_um", 6.0),
     ["layer Hybrid bond: pitch 9 → 6 µm"], ["Hybrid bond 層：間距 9 → 6 µm"]),
    (set_at("dies", 0, "tsv", "keep_out_um", 8.0),
     ["die type base: TSV keep-out ring 5 → 8 µm"], ["晶粒種類 base：TSV 禁入環 5 → 8 µm"]),
    (lambda d: d["dies"][0].pop("tsv") and None, ["die type base: TSV removed"], ["晶粒種類 base：移除TSV"]),
    (add_grid_rows, ["bump field base.front.sig: +2,500 bumps (2,500 → 5,000)"],
     ["凸塊陣列 base.front.sig：+2,500 個凸塊（2,500 → 5,000）"]),
    (set_at("dies", 0, "regions", 0, "bumps", 0, "omit", [[0, 0]]),
     ["bump field base.front.sig: −1 bumps (2,500 → 2,499)"], None),
    (to_points, ["bump field base.front.pg: 1 bumps moved, by at most 5 µm"], None),
    (set_at("layers", 1, "vias", 0, "diameter_um", 25.0),
     ["via field Organic substrate.through: diameter 20 → 25 µm"], None),
    (set_at("netlist", 0, "pins", [{"part": "U1 base", "port": "clk"}, {"part": "U1 base", "port": "ck2"}]),
     ["net clk joined to U1 base.ck2", "net clk separated from U2 compute.c"], None),
    (lambda d: d["netlist"].append({"name": "rst", "pins": [{"part": "U1 base", "port": "r"}]}),
     ["net rst added: U1 base.r"], ["新增網路 rst：U1 base.r"]),
    (rename_die_placement, ["die U1 base is now called U7"], ["晶粒 U1 base改名為 U7"]),
    (rename_die_type, ["die type base is now called io-base"], None),
    (rename_region, ["region compute.front is now called compute.active"], None),
    (lambda d: d["layers"][1]["metals"].reverse() or d["layers"][1]["metals"].append(
        d["layers"][1]["metals"].pop(0)) or None,
     ["metal Organic substrate.M2 went from position 2 to 1 in its order"], None),
    (lambda d: d["layers"].pop() and None, ["layer Mould cap removed"], ["移除Mould cap 層"]),
    (set_at("layers", 0, "bond", "unverified", ["pitch_um"]),
     ["layer BGA balls: no longer with a read source: pitch"], None),
    (set_at("connections", 0, "bottom", None),
     ["connection face: lower end U1 base.front → none"], ["連接 face：下端 U1 base.front → 無"]),
    (set_at("paths", 0, "steps", 1, "excluded", False),
     ["path P1: steps U2 compute.front, NOT U1 base.front → U2 compute.front, U1 base.front"], None),
    (set_at("dies", 1, "role", "memory"),
     ["die type compute: role logic → memory"], ["晶粒種類 compute：用途 邏輯 → 記憶體"]),
    (set_at("dies", 1, "regions", 0, "bumps", 0, "nets", ["a", "b"]),
     ["bump field compute.front.sig: nets none → a, b"], None),
]  # fmt: skip


@pytest.mark.parametrize(("change", "english", "chinese"), CASES)
def test_one_change_is_one_sentence(change, english, chinese):
    a, b = designs(change)
    found = diff(a, b)
    assert [one.sentence("en") for one in found] == english
    if chinese:
        assert [one.sentence("zh-Hant") for one in found] == chinese
    back = diff(b, a)
    assert len(back) == len(found), "the way back says as much"
    opposite = {"added": "removed", "removed": "added", "changed": "changed"}
    assert sorted(opposite[one.kind] for one in found) == sorted(one.kind for one in back)
    for one in (*found, *back):
        assert set(one.as_dict("zh-Hant")) >= {"kind", "what", "name", "before", "after", "sentence"}


def test_a_die_in_another_layer_is_the_same_die():
    def change(d):
        d["layers"].insert(6, {"name": "Second tier", "kind": "die", "material": "emc", "thickness_um": 150,
                               "dies": [{**d["layers"][5]["dies"][0]}]})  # fmt: skip
        d["layers"][5]["dies"] = [{"name": "U3", "die": "base", "facing": "down"}]
        d["assembly"] = "mixed"

    a, b = designs(change)
    said = [one.sentence("en") for one in diff(a, b)]
    assert "die U2 compute: layer Compute tier → Second tier" in said
    assert "die U3 added: base" in said
    assert not [one for one in said if "U2" in one and ("added" in one or "removed" in one)]


def test_parts_that_share_little_are_not_a_rename():
    def change(d):
        d["dies"][1] = {"id": "hbm", "name": "HBM", "role": "memory", "width_mm": 3.0, "length_mm": 4.0,
                        "thickness_um": 100.0}  # fmt: skip
        d["layers"][5]["dies"] = [{"name": "M1", "die": "hbm", "x_mm": 0.5, "facing": "down"}]
        d["connections"], d["netlist"], d["paths"] = [], [], []

    said = [one.sentence("en") for one in diff(*designs(change))]
    assert "die type compute removed" in said
    assert "die type hbm added" in said
    assert not [one for one in said if "called" in one]


def test_many_alike_become_one_that_counts_them():
    def change(d):
        d["netlist"] = [{"name": f"n{i}"} for i in range(5_000)]

    said = [one.sentence("en") for one in diff(*designs(change))]
    assert said == ["net clk removed: U1 base.clk, U2 compute.c", "5,000 nets (n0, n1, n2, …) added"]
    simba = to_document(read(facts.load("designs/simba-36")))
    for place in simba["layers"][3]["dies"]:
        place["x_mm"] = place.get("x_mm", 0) + 0.5
    (moved,) = diff(read(facts.load("designs/simba-36")), read(simba))
    assert (moved.count, moved.by) == (36, pytest.approx(0.5))
    assert moved.sentence("en") == "36 dies (D1, D2, D3, …): x, each by +0.5 mm"


def test_the_order_of_layers_counts_and_that_of_dies_does_not():
    a, b = designs(lambda d: d["dies"].reverse())
    assert diff(a, b) == ()
    a, b = designs(lambda d: d["layers"].insert(0, d["layers"].pop(1)))
    assert [one.field for one in diff(a, b)] == ["position"]


def classes(base: type = Part) -> set[type]:
    found = set()
    for one in base.__subclasses__():
        found |= classes(one) | (set() if one.__name__.startswith("_") else {one})
    return {one for one in found if one.__module__.startswith("workbench.stack")}


def parts_of(value, place=()) -> typing.Iterator[tuple[tuple, Part]]:
    """Every part inside a design with the way to it."""
    if isinstance(value, Part):
        yield place, value
        for field in type(value).model_fields:
            yield from parts_of(getattr(value, field), (*place, field))
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            if isinstance(inner, Part):
                yield from parts_of(inner, (*place, index))


def replaced(value, place, update):
    """The design with one part changed, whether or not the model would allow it."""
    if not place:
        return value.model_copy(update=update)
    step, *rest = place
    if isinstance(step, int):
        return tuple(replaced(v, rest, update) if i == step else v for i, v in enumerate(value))
    return value.model_copy(update={step: replaced(getattr(value, step), rest, update)})


def other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str) or value is None:
        return f"{value or ''}z"
    if isinstance(value, tuple) and value and isinstance(value[0], int | float):
        return (*value[:-1], value[-1] + 1)
    return None if isinstance(value, Part) else ()


def test_every_field_of_the_model_is_compared():
    """A field that is added to the model and that `diff` would overlook fails here, and so does one without words."""
    design = read(full())
    met = {}
    for place, part in parts_of(design):
        met.setdefault(type(part), (place, part))
    assert set(met) == classes(), "a kind of part does not occur in the document of this test"
    for kind, (place, part) in met.items():
        for field in kind.model_fields:
            if field == "schema_version":
                continue
            value = getattr(part, field)
            new = ("x",) if field == "unverified" and not value else other(value)
            if isinstance(value, tuple) and not value and field != "unverified":
                texts = ("names", "cells", "ports", "nets")
                new = ((0, 0),) if field == "omit" else ("x",) if field in texts else value
            if new is None or new == value:
                continue
            changed = replaced(design, place, {field: new})
            found = diff(design, changed)
            assert found, f"{kind.__name__}.{field} changed and nothing was said"
            for one in found:
                for lang in LANGUAGES:
                    assert "{" not in one.sentence(lang)


def test_every_part_and_field_has_its_words():
    words = catalogue()
    for kind in classes():
        if kind in WORD_OF:
            for stem in ("diff.part", "diff.parts"):
                assert f"{stem}.{WORD_OF[kind]}" in words
        missing = [field for field in kind.model_fields if f"diff.field.{field}" not in words]
        assert not missing, f"{kind.__name__}: add [diff.field.{missing[0]}] to workbench/i18n/reuse.toml"


def test_a_grid_that_became_points_keeps_its_name():
    def change(d):
        field = d["dies"][0]["regions"][0]["bumps"][0]
        grid = Grid(**field)
        xy = grid.xy_um()
        d["dies"][0]["regions"][0]["bumps"][0] = {"name": "sig", "diameter_um": 4.5, "x_um": xy[:, 0].tolist(),
                                                  "y_um": xy[:, 1].tolist()}  # fmt: skip

    a, b = designs(change)
    assert isinstance(b.dies[0].regions[0].bumps[0], Points)
    said = [one.sentence("en") for one in diff(a, b)]
    assert "bump field base.front.sig: pattern grid → list of points" in said


def test_diff_is_part_of_the_stack():
    assert stack.diff is diff
    assert stack.Change.__name__ == "Change"
