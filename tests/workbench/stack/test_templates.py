"""Templates: complete designs whose interfaces really meet, from any parameters that fit each other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.rules import Requirements, check
from workbench.stack import Design, End, bump_count, placed_fields, read, to_document
from workbench.stack.fitting import Rectangle, counted, filled, most_sites, supply_pattern
from workbench.stack.templates import TEMPLATES, FaceToBack, FaceToFace, SideBySide, build

ASSEMBLIES = {
    "face-to-face": ("face_to_face", 3), "face-to-back": ("face_to_back", 3), "side-by-side": ("side_by_side", 3),
    "die-and-hbm": ("side_by_side", 5),
}  # fmt: skip


def module_nets(design: Design, end: End) -> tuple[np.ndarray, list[str]]:
    """Centres and nets of a region, by the netlist's names where it speaks of a port, else by the part's own."""
    joined = {(pin.part, pin.port): net.name for net in design.netlist for pin in net.pins}
    centres, names = [], []
    for placed in placed_fields(design, end):
        codes, words = placed.field.coded(placed.field.nets)
        centres.append(placed.xy_um)
        names += [joined.get((end.part, words[code]), words[code]) for code in codes.tolist()]
    return np.concatenate(centres), names


def assert_joined(design: Design) -> None:
    """Every bump of every connection has one partner at its place, on its net, at the stated distance."""
    for joint in design.connections:
        if joint.bottom is None:
            continue
        (top, top_nets), (bottom, bottom_nets) = module_nets(design, joint.top), module_nets(design, joint.bottom)
        above, below = np.lexsort(np.round(top, 3).T), np.lexsort(np.round(bottom, 3).T)
        assert top.shape == bottom.shape
        assert np.abs(top[above] - bottom[below]).max() < 1e-6
        assert [top_nets[i] for i in above] == [bottom_nets[i] for i in below]
        z_um = [placed_fields(design, end)[0].z_um for end in (joint.top, joint.bottom)]
        assert z_um[0] - z_um[1] == pytest.approx(joint.thickness_um, abs=1e-9)


def assert_inside_regions(design: Design) -> None:
    for part in (*design.dies, *design.layers):
        for region in part.regions:
            for field in region.bumps:
                away = np.abs(field.xy_um() - (region.x_um, region.y_um)).max(axis=0) + field.diameter_um / 2
                assert (away <= np.array([region.width_um, region.length_um]) / 2 + 1e-6).all()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_a_design_whose_interfaces_meet(name):
    design = build(name)
    assembly, connections = ASSEMBLIES[name]
    assert (design.assembly, len(design.connections)) == (assembly, connections)
    assert read(to_document(design)) == design
    assert_joined(design)
    assert_inside_regions(design)
    assert design.title_zh
    assert all(die.source and not die.is_verified("regions") for die in design.dies)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_node_of_a_template_has_no_source(name):
    noded = [die for die in build(name).dies if die.node_nm is not None]
    assert noded
    assert not [die.id for die in noded if die.is_verified("node_nm")]


MEMORIES = [({}, set()), ({"hbm_width_mm": 8.0}, {"width_mm"}), ({"hbm_length_mm": 10.0}, {"length_mm"}),
            ({"hbm_power_w": 30.0, "hbm_width_mm": 7.0}, {"power_w", "width_mm"})]  # fmt: skip


@pytest.mark.parametrize(("changes", "own"), MEMORIES, ids=lambda given: " ".join(sorted(given)) or "none")
def test_the_source_of_the_memory_speaks_of_its_defaults_only(changes, own):
    die = build("die-and-hbm", TEMPLATES["die-and-hbm"](**changes)).die("memory")
    assert set(die.unverified) == {"thickness_um", "regions"} | own


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_seed_limits_do_not_fail_a_template(name):
    design = build(name)
    report = check(design, requirements=Requirements(thickness_limit_um=3000, footprint_limit_mm2=5460))
    assert len(report.compared) > 4
    assert not [found.sentence("en") for found in report.findings if found.severity == "error"]


def test_ten_thousand_bumps_by_default_on_each_side():
    design = build("face-to-face")
    (field,) = placed_fields(design, End(part="U1 base", region="upper"))
    assert field.count == 10_000
    assert design.die("compute").regions[0].bump_count == 10_000
    assert bump_count(design) > 20_000


def test_every_upper_bump_stands_on_a_via_when_face_to_back():
    design = build("face-to-back", FaceToBack(bump_count=777))
    base = design.die("base")
    assert base.tsv.count == 777
    (bumps,) = base.regions[0].bumps
    assert np.array_equal(base.tsv.fields[0].xy_um(), bumps.xy_um())


def test_all_link_wires_of_side_by_side_dies_are_equally_long():
    design = build("side-by-side", SideBySide(wire_count=333, left_length_mm=7.0))
    ends = [placed_fields(design, End(part=part, region="face"))[0] for part in ("U1 base", "U2 compute")]
    lengths = np.linalg.norm(ends[0].xy_um - ends[1].xy_um, axis=1)
    assert ends[0].count == 333
    assert np.ptp(lengths) < 1e-6
    assert lengths[0] < 3_000


SIZES = st.floats(1.5, 8).map(lambda v: round(v, 2))


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from([FaceToFace, FaceToBack]), base=st.tuples(SIZES, SIZES), top=st.tuples(SIZES, SIZES),
    bump_count=st.integers(1, 3_000), pitch=st.sampled_from([9.0, 25.0, 40.0, 55.5]), every=st.integers(1, 6),
    io_count=st.integers(1, 120),
)  # fmt: skip
def test_any_stack_meets_or_is_refused(kind, base, top, bump_count, pitch, every, io_count):
    p = kind(base_width_mm=base[0], base_length_mm=base[1], top_width_mm=top[0], top_length_mm=top[1],
             bump_count=bump_count, bump_pitch_um=pitch, supply_every=every, io_count=io_count)  # fmt: skip
    name = "face-to-face" if kind is FaceToFace else "face-to-back"
    try:
        design = build(name, p)
    except InputError as error:
        refusal = error.rule
    else:
        refusal = ""
    if refusal:
        assert refusal in ("planning.part_too_large", "planning.too_many", "planning.vias_touch", "planning.no_room")
        return
    assert design.die("compute").regions[0].bump_count == bump_count
    assert_joined(design)
    assert_inside_regions(design)


REFUSED = [
    ("face-to-face", {"top_width_mm": 7.0}, "planning.part_too_large"),
    ("face-to-face", {"bump_count": 300_000}, "planning.too_many"),
    ("face-to-face", {"io_count": 5_000}, "planning.too_many"),
    ("face-to-back", {"bump_pitch_um": 9.0}, "planning.vias_touch"),
    ("side-by-side", {"body_width_mm": 11.0}, "planning.part_too_large"),
    ("side-by-side", {"wire_count": 50_000}, "planning.no_room"),
    ("die-and-hbm", {"hbm_count": 6}, "planning.part_too_large"),
]


@pytest.mark.parametrize(("name", "changes", "rule"), REFUSED)
def test_parts_that_do_not_fit_are_refused(name, changes, rule):
    with pytest.raises(InputError) as refusal:
        build(name, TEMPLATES[name](**changes))
    assert refusal.value.rule == rule


def test_an_unknown_template_and_foreign_parameters_are_refused():
    with pytest.raises(InputError, match="no template"):
        build("pyramid")
    with pytest.raises(InputError, match="another template"):
        build("face-to-face", SideBySide())


@given(st.floats(1, 1e4), st.floats(1, 500), st.floats(0.5, 400), st.floats(0, 300))
def test_most_sites_fit_and_one_more_does_not(span_um, pitch_um, diameter_um, edge_um):
    count = most_sites(span_um, pitch_um, diameter_um, edge_um)
    taken = (count - 1) * pitch_um + diameter_um + 2 * edge_um
    assert count == 0 or taken <= span_um + 1e-5
    assert taken + pitch_um > span_um - 1e-5


@given(st.integers(1, 400), st.floats(100, 3000), st.floats(100, 3000))
def test_a_counted_grid_has_that_many_sites_in_its_place(count, width_um, length_um):
    place = Rectangle(5.0, -7.0, width_um, length_um)
    most = filled("all", place, pitch_um=40, diameter_um=20, edge_um=10).count
    if count > most:
        with pytest.raises(InputError) as refusal:
            counted("some", place, count, pitch_um=40, diameter_um=20, edge_um=10)
        assert refusal.value.allowed == f"<= {most:,}"
        return
    field = counted("some", place, count, pitch_um=40, diameter_um=20, edge_um=10)
    away = np.abs(field.xy_um() - (5.0, -7.0)).max(axis=0) + 20
    assert field.count == count
    assert (away <= np.array([width_um, length_um]) / 2 + 1e-5).all()


@given(st.integers(1, 40), st.integers(1, 12), st.sampled_from(["checkerboard", "stripes"]))
def test_one_site_in_so_many_is_a_supply_power_and_ground_alike(columns, every, kind):
    words = supply_pattern(columns, every=every, kind=kind, signal="D{index}")
    field = filled("f", Rectangle(0, 0, columns * 10.0, 2 * every * 10.0 * 4), pitch_um=10, diameter_um=5)
    codes, texts = field.coded(words)
    nets = np.array(texts)[codes].reshape(field.rows, field.columns)
    supplies = np.isin(nets, ["VDD", "VSS"])
    # Along a row a supply stands at every `every`-th site, and power and ground alternate.
    for row in range(field.rows):
        at = np.flatnonzero(supplies[row])
        assert (np.diff(at) == every).all()
        assert all(nets[row, a] != nets[row, b] for a, b in pairwise(at))
        assert columns % every or supplies[row].mean() == pytest.approx(1 / every)
    if kind == "checkerboard":
        whole = field.rows // (2 * every) * 2 * every
        assert (nets[:whole] == "VDD").sum() == (nets[:whole] == "VSS").sum() > 0
