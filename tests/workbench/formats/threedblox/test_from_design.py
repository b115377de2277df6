"""Designs become 3Dblox and come back: geometry, regions, bumps, nets, connections and paths are those of before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench import facts, stack
from workbench.errors import InputError
from workbench.formats import threedblox, verilog
from workbench.formats.threedblox import naming
from workbench.stack import (
    Bond,
    Connection,
    Design,
    Die,
    End,
    Grid,
    Layer,
    Net,
    PathAssertion,
    Pin,
    Placement,
    Points,
    Region,
    Step,
    Tsv,
    geometry,
    levels,
)
from workbench.stack.bumps import die_span_um
from workbench.stack.document import assembly_of


# -- what must be kept -------------------------------------------------------------------------------------------------
def bumps(region):
    """Name of each bump -> what it is; numbers apart, so that they can be compared with a tolerance."""
    words, numbers = {}, {}
    for field in region.bumps:
        said = [field.coded_names(), field.coded(field.ports), field.coded(field.nets)]
        for i, xy in enumerate(field.xy_um().tolist()):
            name, port, net = (texts[codes[i]] for codes, texts in said)
            assert name not in words
            words[name], numbers[name] = (port, net), (*xy, field.diameter_um)
    return words, [numbers[name] for name in sorted(numbers)]


def cells(design):
    """Each bump with its cell, diameter, and whether that rests on a source."""
    found = {}
    for part, regions in [*((d.id, d.regions) for d in design.dies), *(("", x.regions) for x in design.layers)]:
        for region in regions:
            for field in region.bumps:
                (codes, names), (kinds, words) = field.coded_names(), field.coded(field.cells)
                found |= {(part, region.name, names[code]): (words[kind] or "BUMP", field.diameter_um,
                                                             field.is_verified("diameter_um"))
                          for code, kind in zip(codes, kinds, strict=True)}  # fmt: skip
    return found


def assert_cells_kept(design, again):
    """A cell has one diameter; a second one is written as a cell of its own, named after the first."""
    written, now = {}, cells(again)
    for place, (cell, diameter, verified) in cells(design).items():
        said, wide, still = now[place]
        assert said == cell or said.startswith(f"{cell}_")
        assert written.setdefault((cell, diameter), said) == said
        assert wide == diameter
        assert verified or not still
    assert len(set(written.values())) == len(written)
    if len({cell for cell, _ in written}) == len(written):
        assert all(cell == said for (cell, _), said in written.items())


def essence(design):
    """What 3Dblox can say of a design: words to be equal, numbers to be near."""
    words, numbers = {}, [(design.width_mm, design.length_mm)]
    parts = {die.id: (die.regions, (die.width_mm, die.length_mm, die.thickness_um)) for die in design.dies}
    for level in levels(design):
        layer = level.layer
        if layer.kind in ("substrate", "rdl"):
            words[layer.name] = layer.kind
            numbers.append((*design.extent_mm(layer), level.z_bottom_um, level.z_top_um))
            parts[f"layer {layer.name}"] = (layer.regions, (layer.thickness_um,))
        for p in layer.placements:
            words[p.name] = (p.die, p.orientation)
            numbers.append((p.x_mm, p.y_mm, *die_span_um(level, design.die(p.die).thickness_um)))
    for name in sorted(parts):
        regions, size = parts[name]
        numbers.append(size)
        words[f"regions of {name}"] = [(r.name, r.side, r.layer) for r in regions]
        for region in regions:
            said, places = bumps(region)
            words[f"{name}.{region.name}"] = said
            numbers += [(region.x_um, region.y_um, region.width_um, region.length_um), *places]
    words["tsv"] = {die.id for die in design.dies if die.tsv is not None}
    words["connections"] = {c.name: (str(c.top), c.bottom and str(c.bottom)) for c in design.connections}
    numbers.append(tuple(c.thickness_um for c in design.connections))
    words["paths"] = {path.name: [str(step) for step in path.steps] for path in design.paths}
    words["nets"] = {n.name: (n.role, sorted((pin.part, pin.port) for pin in n.pins)) for n in design.netlist}
    return words, numbers


def assert_kept(design, tmp_path=None):
    blox, _ = threedblox.from_design(design)
    if tmp_path is not None:
        threedblox.write(blox, tmp_path, overwrite=True)
        again = threedblox.read(tmp_path / blox.root)
        assert again == blox
        blox = again
    back, _ = threedblox.to_design(blox)
    assert_cells_kept(design, back)
    (words, numbers), (said, places) = essence(design), essence(back)
    assert said == words
    assert len(places) == len(numbers)
    for was, now in zip(numbers, places, strict=True):
        assert np.allclose(was, now, rtol=1e-12, atol=2e-6)
    return blox


# -- designs of all kinds ----------------------------------------------------------------------------------------------
LETTERS = "aZ0_[]$.é晶%:{}'-"
WORD = st.text(LETTERS, min_size=1, max_size=5).filter(
    lambda w: w != "-" and not any(mark in w for mark in ("{index}", "{column}", "{row}")))  # fmt: skip
PART = st.text(LETTERS + " ", min_size=1, max_size=6).map(str.strip).filter(bool)
SIZE = st.integers(2, 40).map(lambda n: n * 0.125)
UM = st.integers(-4000, 4000).map(lambda n: n / 8)
LABELS = st.lists(WORD | st.sampled_from(["n{index}", "r{row}c{column}"]), max_size=3).map(tuple)


@st.composite
def fields(draw, name):
    shared = {"name": name, "diameter_um": draw(st.sampled_from([5.0, 20.0, 20.00001])), "ports": draw(LABELS),
              "nets": draw(LABELS), "cells": draw(st.sampled_from([(), ("PAD",), ("PIL",), ("PAD_20um", "PAD")])),
              "unverified": draw(st.sampled_from([(), ("diameter_um",)]))}  # fmt: skip
    if draw(st.booleans()):
        xy = draw(st.lists(st.tuples(UM, UM), min_size=1, max_size=5))
        return Points(x_um=tuple(x for x, _ in xy), y_um=tuple(y for _, y in xy), **shared)
    shape = {"columns": draw(st.integers(1, 4)), "rows": draw(st.integers(1, 4)), "x_um": draw(UM), "y_um": draw(UM),
             "pitch_x_um": draw(st.sampled_from([40.0, 25.5])), "staggered": draw(st.booleans()),
             "angle_deg": draw(st.sampled_from([0.0, 90.0, 30.0])), "mirrored": draw(st.booleans())}  # fmt: skip
    return Grid(pitch_y_um=36.0, **shape, **shared)


@st.composite
def regions(draw, owner):
    names = draw(st.lists(PART, max_size=2, unique=True))
    return tuple(
        Region(name=name, side=draw(st.sampled_from(["front", "back", "internal", "internal_ext"])), x_um=draw(UM),
               y_um=draw(UM), width_um=draw(SIZE) * 100, length_um=draw(SIZE) * 100, layer=draw(st.just("") | WORD),
               bumps=tuple(draw(fields(f"{owner}{i}{j}")) for j in range(draw(st.integers(0, 2)))))
        for i, name in enumerate(names)
    )  # fmt: skip


@st.composite
def designs(draw):
    ids = draw(st.lists(PART, min_size=1, max_size=3, unique_by=naming.word))
    dies = [Die(id=i, name=i, width_mm=draw(SIZE), length_mm=draw(SIZE),
                thickness_um=draw(st.sampled_from([50.0, 62.5])), regions=draw(regions(f"d{n}")),
                tsv=draw(st.none() | st.just(Tsv(diameter_um=5, pitch_um=40, count=1))))
            for n, i in enumerate(ids)]  # fmt: skip
    names = draw(st.lists(PART, min_size=8, max_size=8, unique_by=naming.word))
    tiers, half = [], np.zeros(2)
    for _ in range(draw(st.integers(1, 3))):
        row, right = [], 0.0
        for _ in range(draw(st.integers(1, 2))):
            die, orient = draw(st.sampled_from(dies)), draw(st.sampled_from(sorted(geometry.ORIENTATIONS)))
            angle, mirrored, _ = geometry.pose(orient)
            size = (die.width_mm, die.length_mm) if angle % 180 == 0 else (die.length_mm, die.width_mm)
            row.append((die, orient, right + size[0] / 2, size))
            right += size[0] + draw(st.sampled_from([0.0, 0.5]))
        middle = right / 2
        placed = []
        for die, orient, x, size in row:
            angle, mirrored, _ = geometry.pose(orient)
            placed.append(Placement(name=names.pop(), die=die.id, x_mm=x - middle, y_mm=draw(UM) / 1000,
                                    angle_deg=float(angle), mirrored=mirrored,
                                    facing=draw(st.sampled_from(["up", "down"]))))
            half = np.maximum(half, np.abs([x - middle, placed[-1].y_mm]) + np.array(size) / 2)
        tiers.append(Layer(name=f"tier {len(tiers)}", kind="die", material="emc",
                           thickness_um=max(die.thickness_um for die, *_ in row), dies=tuple(placed)))
    # Only a carrier tells the body's size, so there always is one below.
    carrier = Layer(name=names.pop(), kind=draw(st.sampled_from(["substrate", "rdl"])), material="abf",
                    thickness_um=200.0, regions=draw(regions("c")))
    layers = [carrier]
    for n, tier in enumerate(tiers):
        if draw(st.booleans()):
            layers.append(Layer(name=f"gap {n}", kind="bond", material="underfill", bond=Bond(method="micro_bump"),
                                thickness_um=draw(st.sampled_from([10.0, 33.25]))))
        layers.append(tier)
    ends = [End(part=p.name, region=r.name) for tier in tiers for p in tier.dies
            for die in dies if die.id == p.die for r in die.regions]
    ends += [End(part=carrier.name, region=r.name) for r in carrier.regions]
    parts = [p.name for tier in tiers for p in tier.dies] + [carrier.name]
    joints, nets, paths = (), [], ()
    if ends:
        end = st.sampled_from(ends)
        joints = tuple(Connection(name=name, top=draw(end), bottom=draw(st.none() | end), thickness_um=draw(SIZE))
                       for name in draw(st.lists(PART, max_size=3, unique=True)))
        paths = tuple(PathAssertion(name=f"Path{n + 1}", steps=tuple(
            Step(**dict(draw(end)), excluded=draw(st.booleans())) for _ in range(draw(st.integers(1, 3)))))
            for n in range(draw(st.integers(0, 2))))
    pins = draw(st.lists(st.tuples(st.sampled_from(parts), WORD), max_size=8, unique=True))
    for name in draw(st.lists(WORD, max_size=4, unique=True)):
        own, pins = pins[:3], pins[3:]
        nets.append(Net(name=name, role=draw(st.sampled_from(["signal", "power", "ground"])),
                        pins=tuple(Pin(part=part, port=port) for part, port in own)))
    body = 2 * half + 0.25
    values = {"title": draw(PART), "carrier": "substrate", "width_mm": float(body[0]), "length_mm": float(body[1]),
              "dies": tuple(d for d in dies if any(d.id == p.die for t in tiers for p in t.dies)),
              "layers": tuple(layers), "connections": joints, "netlist": tuple(nets), "paths": paths}
    return Design(assembly=assembly_of(Design.model_construct(**values)), **values)


@given(designs())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_a_design_comes_back_as_it_was(design):
    assert_kept(design)


# -- single cases ------------------------------------------------------------------------------------------------------
def design_of(**changes):
    grid = Grid(name="f", diameter_um=20.0, columns=8, rows=4, pitch_x_um=40.0, pitch_y_um=50.0,
                names=("b_{column}_{row}",), nets=("VDD", "VSS"))  # fmt: skip
    face = Region(name="face", side="front", width_um=900.0, length_um=400.0, bumps=(grid,))
    values = {
        "title": "two dies", "assembly": "face_to_face", "carrier": "substrate", "width_mm": 2.0, "length_mm": 2.0,
        "dies": (Die(id="a", name="a", width_mm=2.0, length_mm=2.0, thickness_um=100.0, regions=(face,)),),
        "layers": (
            Layer(name="low", kind="die", material="emc", thickness_um=100.0,
                  dies=(Placement(name="u1", die="a", facing="up"),)),
            Layer(name="joint", kind="bond", material="underfill", thickness_um=20.0, bond=Bond(method="micro_bump")),
            Layer(name="high", kind="die", material="emc", thickness_um=100.0,
                  dies=(Placement(name="u2", die="a", facing="down"),)),
        ),
    }  # fmt: skip
    return Design(**(values | changes))


def test_files_on_disk_are_those_in_memory(tmp_path):
    blox = assert_kept(design_of(), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a_face.bmap", "two_dies.3dbv", "two_dies.3dbx", "two_dies.lef"]  # fmt: skip
    assert threedblox.texts(blox)["two_dies.3dbx"].startswith("Header:")


@pytest.mark.parametrize("name", ["poc-face-to-face", "poc-face-to-back", "poc-side-by-side", "simba-36",
                                  "ascend-910", "cpu-dram-150w", "multi-gpu"])  # fmt: skip
def test_the_reference_designs_keep_their_geometry(name):
    """Interposers come back as substrates; what lies between (balls, bonds, mould) comes back as gaps."""
    design = stack.read(facts.load(f"designs/{name}"))
    again, _ = threedblox.to_design(threedblox.from_design(design)[0])
    boxes = {box.name: box for box in stack.solids(again).boxes}
    low = min(box.z_bottom_um for box in stack.solids(design).boxes if box.name in boxes)
    found = [box for box in stack.solids(design).boxes if box.name in boxes]
    assert {box.name for box in found if box.kind == "die"} == {p.name for p in design.placements}
    for box in found:
        same = boxes[box.name]
        assert np.allclose(box.corners_mm(), same.corners_mm(), atol=1e-9), box.name
        assert box.z_bottom_um - low == pytest.approx(same.z_bottom_um)
        assert box.z_top_um - low == pytest.approx(same.z_top_um)


def test_an_angle_that_3dblox_cannot_say_is_refused_by_name():
    turned = Placement(name="tilted die", die="a", angle_deg=45.0, facing="up")
    layer = Layer(name="low", kind="die", material="emc", thickness_um=100.0, dies=(turned,))
    with pytest.raises(InputError) as refused:
        threedblox.from_design(design_of(width_mm=4.0, length_mm=4.0, assembly="single", layers=(layer,)))
    assert refused.value.rule == "threedblox.angle"
    assert refused.value.where == "low / tilted die"
    assert refused.value.got == "45"


@pytest.mark.parametrize("name", ["a/b", "a.regions.b", "NOT a", " a", "a "])
def test_names_that_3dblox_cannot_hold_are_refused(name):
    layer = Layer(name="low", kind="die", material="emc", thickness_um=100.0, dies=(Placement(name=name, die="a"),))
    with pytest.raises(InputError) as refused:
        threedblox.from_design(design_of(assembly="single", layers=(layer,)))
    assert (refused.value.rule, refused.value.got) == ("threedblox.part_name", f'"{name}"')


def test_a_port_on_two_nets_is_refused():
    nets = tuple(Net(name=n, pins=(Pin(part="u1", port="p"),)) for n in "xy")
    with pytest.raises(InputError) as refused:
        threedblox.from_design(design_of(netlist=nets))
    assert (refused.value.rule, refused.value.got) == ("threedblox.port_twice", "p")


def test_what_3dblox_cannot_say_is_reported():
    lines = "\n".join(threedblox.from_design(design_of())[1].lines())
    assert "Layer joint (bond) became a gap" in lines
    assert "Materials, powers" in lines
    assert "body" not in lines, "the dies reach as far as the body"
    wide, report = threedblox.from_design(design_of(width_mm=3.0))
    assert any("body of 3 x 2 mm" in line for line in report.lines())
    assert threedblox.to_design(wide)[0].width_mm == 2.0


def test_keys_of_nobody_come_back_where_their_owner_still_is():
    kept = {"3dblox": [
        {"file": ".3dbv", "path": ["ChipletDef", "a", "cad_layer"], "value": {"108;101": {"type": "x"}}},
        {"file": ".3dbv", "path": ["ChipletDef", "a", "regions", "face", "mark"], "value": 1},
        {"file": ".3dbv", "path": ["ChipletDef", "gone", "mark"], "value": 1},
        {"file": ".3dbx", "path": ["ChipletInst", "u1", "owner"], "value": "me"},
        {"file": ".3dbx", "path": ["extra"], "value": [1, None]},
    ]}  # fmt: skip
    blox, _ = threedblox.from_design(design_of(), kept)
    assert [entry.path for entry in blox.unknown] == [
        "ChipletInst.u1.owner", "extra", "ChipletDef.a.regions.face.mark", "ChipletDef.a.cad_layer"]  # fmt: skip
    assert threedblox.to_design(blox)[1].kept["3dblox"][-1] == kept["3dblox"][0]


def test_arrays_are_written_die_by_die():
    array = Placement(name="u", die="a", columns=2, rows=1, pitch_x_mm=2.5, facing="up")
    layer = Layer(name="low", kind="die", material="emc", thickness_um=100.0, dies=(array,))
    design = design_of(width_mm=4.5, length_mm=2.0, assembly="side_by_side", layers=(layer,))
    again, _ = threedblox.to_design(threedblox.from_design(design)[0])
    assert [(p.name, p.x_mm) for p in again.placements] == [("u[0,0]", -1.25), ("u[1,0]", 1.25)]


def test_one_cell_of_two_diameters_is_split():
    fields = tuple(Points(name=f"f{d:g}", diameter_um=d, cells=("PAD",), x_um=(d,), y_um=(0.0,)) for d in (20.0, 35.0))
    die = Die(id="a", name="a", width_mm=2.0, length_mm=2.0, thickness_um=100.0,
              regions=(Region(name="face", side="front", width_um=9.0, length_um=9.0, bumps=fields),))  # fmt: skip
    again, _ = threedblox.to_design(threedblox.from_design(design_of(dies=(die,)))[0])
    assert {f.name: f.diameter_um for f in again.dies[0].regions[0].bumps} == {"PAD": 20.0, "PAD_35um": 35.0}


def test_a_cell_that_is_named_like_a_split_one_keeps_its_diameter():
    """Neither the name of a split cell nor its rounding may make one cell of two diameters."""
    wanted = [("PAD_35um", 50.0), ("PAD", 20.0), ("PAD", 35.0), ("PAD", 35.00001)]
    fields = tuple(Points(name=f"f{i}", diameter_um=d, cells=(cell,), x_um=(i * 9.0,), y_um=(0.0,),
                          unverified=("diameter_um",) if i == 2 else ())
                   for i, (cell, d) in enumerate([*wanted, ("PAD", 20.0)]))  # fmt: skip
    fields = (*fields[:-1], fields[-1].model_copy(update={"unverified": ("diameter_um",)}))
    die = Die(id="a", name="a", width_mm=2.0, length_mm=2.0, thickness_um=100.0,
              regions=(Region(name="face", side="front", width_um=9.0, length_um=9.0, bumps=fields),))  # fmt: skip
    blox, report = threedblox.from_design(design_of(dies=(die,)))
    again, _ = threedblox.to_design(blox)
    found = {f.name: (f.diameter_um, f.is_verified("diameter_um")) for f in again.dies[0].regions[0].bumps}
    assert found == {"PAD_35um": (50.0, True), "PAD": (20.0, False), "PAD_35um_2": (35.0, False),
                     "PAD_35um_3": (35.00001, True)}  # fmt: skip
    assert sum("PAD_35um_" in line for line in report.lines()) == 2


def test_an_unverified_diameter_stays_unverified():
    field = Points(name="f", diameter_um=20.0, x_um=(0.0,), y_um=(0.0,), unverified=("diameter_um",))
    die = Die(id="a", name="a", width_mm=2.0, length_mm=2.0, thickness_um=100.0,
              regions=(Region(name="face", side="front", width_um=9.0, length_um=9.0, bumps=(field,)),))  # fmt: skip
    again, _ = threedblox.to_design(threedblox.from_design(design_of(dies=(die,)))[0])
    assert not again.dies[0].regions[0].bumps[0].is_verified("diameter_um")


def test_labels_with_spaces_and_same_names_are_spelled_anew_and_reported():
    fields = tuple(
        Points(name="my field", diameter_um=9.0, x_um=(x,), y_um=(0.0,), nets=("net one",)) for x in (1.0, 2.0)
    )
    die = Die(id="a", name="a", width_mm=2.0, length_mm=2.0, thickness_um=100.0,
              regions=(Region(name="face", side="front", width_um=9.0, length_um=9.0, bumps=fields),))  # fmt: skip
    blox, report = threedblox.from_design(design_of(dies=(die,)))
    assert threedblox.texts(blox)["a_face.bmap"].splitlines() == [
        "my_field[0] BUMP 1001.0 1000.0 - net_one", "my_field[0]_2 BUMP 1002.0 1000.0 - net_one"]  # fmt: skip
    assert any("spelled anew" in line for line in report.lines())
    assert any("1 bumps had a name that was taken" in line for line in report.lines())


def test_the_netlist_written_is_verilog_that_reads_back():
    nets = (Net(name="bus[0]", pins=(Pin(part="u1", port="d[0]"), Pin(part="u2", port="module"))),
            Net(name="vdd", role="power", pins=(Pin(part="u1", port="vdd"),)), Net(name="open"))  # fmt: skip
    blox, _ = threedblox.from_design(design_of(netlist=nets))
    text = threedblox.texts(blox)["two_dies.v"]
    found = verilog.parse(text, where="v", top="two_dies")
    assert found.nets == {"bus[0]": "signal", "vdd": "power", "open": "signal"}
    assert [(i.name, i.pins) for i in found.instances] == [
        ("u1", (("d[0]", "bus[0]"), ("vdd", "vdd"))), ("u2", (("module", "bus[0]"),))]  # fmt: skip
