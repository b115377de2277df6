"""The scene: what is drawn, how it is cut, what a ray meets, and how little of it is sent."""

from __future__ import annotations

import re

import numpy as np
import pytest

from widgets.builder.camera import VIEWS, fitted
from widgets.builder.colours import NEUTRAL, ROLE_COLOURS, Painting, inferno, viridis
from widgets.builder.picking import cast
from widgets.builder.picture import MOST_DOTS, _back_to_front, outline_mm, scene_svg
from widgets.builder.scene import Cut, power_bodies, scene
from workbench import facts
from workbench.reports.look import DIE_COLOURS, MATERIAL_COLOURS
from workbench.reports.markup import clean
from workbench.runs.demo.designs import DESIGNS
from workbench.stack import Metal, editing, geometry, read, solids, templates, to_document

DOWN = np.array([0.0, 0.0, -1.0])


def design(name="poc-face-to-face"):
    return read(facts.load(f"designs/{name}"))


@pytest.fixture(scope="module")
def joined():
    return editing.join(design(), "U2 compute", "U1 base", pitch_um=50.0, diameter_um=25.0)


# --- what is drawn ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DESIGNS)
def test_every_solid_of_the_design_is_drawn_where_it_is(name):
    d = design(name)
    s = scene(d)
    for box in solids(d).boxes:
        drawn = [b for b in s.bodies if b.part == box.name and b.kind == box.kind]
        balls = box.kind == "layer" and d.part(box.name)[0].kind == "balls" and box.layer in s.indicative
        assert len(drawn) == (0 if balls else 1)
        for body in drawn:
            np.testing.assert_allclose(body.corners_mm, box.corners_mm())
            assert (body.z_bottom_um, body.z_top_um) == (box.z_bottom_um, box.z_top_um)
    assert s.height_mm == pytest.approx(sum(layer.thickness_um for layer in d.layers) / 1000)


def test_dies_differ_in_lightness_and_layers_have_their_materials_colour():
    s = scene(design())
    assert [b.colour for b in s.bodies if b.kind == "die"] == list(DIE_COLOURS[:2])
    colours = {b.part: b.colour for b in s.bodies if b.kind == "layer"}
    assert colours["Organic substrate"] == MATERIAL_COLOURS["substrate"]
    assert all(b.opacity < 1 for b in s.bodies if b.colour == MATERIAL_COLOURS["mould"])


def test_joints_without_places_are_drawn_at_their_pitch_and_said_to_be(joined):
    s = scene(design())
    assert s.indicative == {"BGA balls", "Copper pillars", "Hybrid bond"}
    assert s.given == 0
    balls = next(f for f in s.fields if s.layer_of_field(f) == "BGA balls")
    assert (balls.columns, balls.rows) == (20, 20)  # 10 mm at 0.5 mm, the outer balls whole
    placed = scene(joined)
    assert placed.indicative == {"BGA balls", "Copper pillars"}
    assert placed.given == 20_000


def test_bumps_of_both_faces_share_the_height_of_their_bond(joined):
    s = scene(joined)
    level = s.levels[s.order["Hybrid bond"]]
    spans = sorted((f.z_bottom_um, f.z_top_um) for f in s.fields if s.layer_of_field(f) == "Hybrid bond")
    middle = (level.z_bottom_um + level.z_top_um) / 2
    assert spans == [(level.z_bottom_um, middle), (middle, level.z_top_um)]


def test_wiring_is_spread_over_its_layer():
    document = to_document(design("poc-side-by-side"))
    rdl = next(layer for layer in document["layers"] if layer["kind"] == "rdl")
    metal = Metal(name="M", line_um=2, space_um=2, thickness_um=3.0).model_dump(exclude_defaults=True)
    rdl["metals"] = [{**metal, "name": f"M{i}"} for i in (1, 2, 3)]
    s = scene(read(document))
    level = s.levels[s.order[rdl["name"]]]
    metals = [b for b in s.bodies if b.kind == "metal"]
    assert [m.label for m in metals] == ["M1", "M2", "M3"]
    edges = [level.z_bottom_um, *(z for m in metals for z in (m.z_bottom_um, m.z_top_um)), level.z_top_um]
    gaps = np.diff(edges)
    np.testing.assert_allclose(gaps[1::2], 3.0)
    np.testing.assert_allclose(gaps[0::2], (level.layer.thickness_um - 9) / 4)


def test_power_blocks_turn_with_their_die():
    turned = editing.place_at(design(), "U1 base", angle_deg=90.0)
    strip = next(b for b in power_bodies(turned) if b.label == "PHY strip")
    # The strip lies along the upper edge of the layout; turned by 90 degrees that is the left edge.
    assert strip.corners_mm[:, 0].max() == pytest.approx(-1.5)
    assert strip.corners_mm[:, 0].min() == pytest.approx(-3.0)


def test_pulling_apart_moves_layers_only_upwards_and_evenly():
    s = scene(design()).exploded(1.0)
    lifts = [s.lift_mm(level.layer.name) for level in s.levels]
    assert lifts[0] == 0
    np.testing.assert_allclose(np.diff(lifts), lifts[1])
    assert s.exploded(0.0).height_mm < s.height_mm


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("perspective", [False, True])
def test_the_first_view_fills_the_frame(name, view, perspective):
    s = scene(design(name))
    low, high = (corner * (1, 1, s.natural_exaggeration) for corner in s.bounds_mm())
    eye = fitted(low, high, view=view, aspect=1.5, perspective=perspective)
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    right, up, depth = eye.seen(corners).T
    if perspective:
        distance = np.linalg.norm(eye.position - eye.target)
        scale = np.tan(np.radians(13.0)) * (depth + distance)
    else:
        scale = eye.half_height
    filled = max(np.abs(up / scale).max(), np.abs(right / (1.5 * scale)).max())
    assert filled == pytest.approx(0.72, abs=0.001)
    m = eye.quaternion
    assert np.linalg.norm(m) == pytest.approx(1.0)


# --- cutting ---------------------------------------------------------------------------------------------------------


def test_a_cut_through_the_middle_shows_every_part_it_crosses():
    s = scene(design())
    faces = {(body.part, body.kind): points for body, points in s.caps(Cut("y", 0.0))}
    base = faces["U1 base", "die"]
    assert np.ptp(base[:, 0]) == pytest.approx(6.0)
    assert np.ptp(base[:, 2]) == pytest.approx(0.1)
    assert (base[:, 1] == 0).all()


@pytest.mark.parametrize(("angle", "width"), [(0.0, 5.0), (45.0, 5.0 * 2**0.5), (30.0, 5.0 / np.cos(np.pi / 6))])
def test_a_turned_die_is_cut_as_wide_as_it_is_there(angle, width):
    s = scene(editing.rotate(design(), "U2 compute", angle))
    face = next(points for body, points in s.caps(Cut("x", 0.0)) if body.part == "U2 compute")
    assert np.ptp(face[:, 1]) == pytest.approx(width)


def test_a_level_cut_follows_the_layers_when_they_come_apart():
    closed, apart = scene(design()), scene(design()).exploded(1.0)
    z = 0.75  # in the base die: 704 to 804 um
    assert "U1 base" in {b.part for b, _ in closed.caps(Cut("z", z))}
    assert "U1 base" not in {b.part for b, _ in apart.caps(Cut("z", z))}
    assert "U1 base" in {b.part for b, _ in apart.caps(Cut("z", z + apart.lift_mm("Base tier")))}
    assert closed.without(frozenset({"Base tier"})).caps(Cut("z", z)) == []


# --- picking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [0.0, 90.0, 12.5])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("explode", [0.0, 1.0])
def test_a_bump_is_picked_exactly_at_any_angle_and_mirroring(angle, mirrored, explode):
    posed = editing.place_at(design(), "U2 compute", angle_deg=angle, mirrored=mirrored, x_mm=0.3)
    joined = editing.join(posed, "U2 compute", "U1 base", pitch_um=50.0, diameter_um=25.0)
    s = scene(joined).exploded(explode).without(frozenset({"Compute tier", "Mould cap"}))
    field = next(f for f in solids(joined).fields if f.part == "U2 compute")
    centres = field.xy_um() / 1000
    slanted = np.array([0.3, 0.2, -1.0])
    rng = np.random.default_rng(1)
    for index in rng.integers(0, len(centres), 25):
        level = s.levels[s.order["Hybrid bond"]]
        top = level.z_top_um / 1000 + s.lift_mm("Hybrid bond")
        for direction in (DOWN, slanted):
            inside = centres[index] + rng.uniform(-0.008, 0.008, 2)  # within the radius of 12.5 um
            origin = np.array([*inside, top]) - direction * 5
            picked = cast(s, origin, direction)
            assert (picked.part, picked.kind, picked.feature) == ("U2 compute", "bump", index)
            assert picked.point_um[:2] == pytest.approx(tuple(centres[index] * 1000))
            assert picked.point_um[2] == pytest.approx(level.z_top_um)
            column, row = picked.site
            at_site = picked.field.centres_mm(np.array(column), np.array(row))
            np.testing.assert_allclose(at_site, centres[index], atol=1e-9)


def test_the_nearest_solid_part_is_met_and_see_through_ones_only_when_nothing_else_is():
    s = scene(design())
    high = np.array([0.0, 0.0, 20.0])
    assert cast(s, high, DOWN).part == "U2 compute"
    assert cast(s, high, DOWN, see_through=False).part == "Mould cap"
    assert cast(s, high + np.array([2.8, 0, 0]), DOWN).part == "U1 base"
    assert cast(s, high + np.array([4.5, 0, 0]), DOWN).part == "Organic substrate"
    assert cast(s, high + np.array([9.0, 0, 0]), DOWN) is None
    no_substrate = s.without(frozenset({"Organic substrate", "BGA balls"}))
    assert cast(no_substrate, high + np.array([4.5, 0, 0]), DOWN).part == "Mould cap"


def test_what_a_section_cut_away_is_not_there():
    s = scene(design())
    ray = np.array([1.0, -20.0, 0.75]), np.array([0.0, 1.0, 0.0])
    whole = cast(s, *ray)
    assert (whole.part, whole.point_um[1]) == ("U1 base", pytest.approx(-3000))
    cut = cast(s, *ray, Cut("y", 1.0))
    assert (cut.part, cut.point_um[1]) == ("U1 base", pytest.approx(1000))
    assert cast(s, *ray, Cut("y", 4.0)).part == "Base tier"  # only mould is left there
    assert cast(s, *ray, Cut("x", 0.5)) is None


def test_a_bump_among_a_million_is_found_without_looking_at_all():
    d = design()
    wide = editing.join(d, "U2 compute", "U1 base", pitch_um=5.0, diameter_um=2.5)  # 1,000 x 1,000
    s = scene(wide).without(frozenset({"Compute tier", "Mould cap"}))
    assert s.given == 2_000_000
    field = next(f for f in s.fields if s.layer_of_field(f) == "Hybrid bond")
    index, _ = field.candidates(np.array([0.0, 0.0]), np.array([0.05, 0.02]))
    assert 0 < index.size < 200


# --- colours ---------------------------------------------------------------------------------------------------------


def test_an_unlabelled_million_needs_one_texel(joined):
    s = scene(joined)
    painting = Painting("material", joined)
    for field in s.fields:
        state, palette = painting.texels(field)
        assert state.size == 1
        assert palette == (MATERIAL_COLOURS[field.field.family],)


def test_nets_colour_each_bump_by_its_role_in_the_netlist():
    built = templates.build("face-to-face")
    s, painting = scene(built), Painting("net", built)
    roles = {net.name: net.role for net in built.netlist}
    names = tuple(ROLE_COLOURS)
    seen = set()
    for field in s.fields:
        state, palette = painting.texels(field)
        pattern = field.field.pattern
        index = field.all_features()
        for row, column in [(0, 0), (index.shape[0] - 1, index.shape[1] - 1), (0, min(5, index.shape[1] - 1))]:
            feature = int(index[row, column])
            if feature < 0:
                assert state[row, column] == 0
                continue
            net = pattern.label(pattern.nets, feature)
            port = pattern.label(pattern.ports, feature)
            pins = {(p.part, p.port): n.role for n in built.netlist for p in n.pins}
            role = pins.get((field.field.part, port)) or roles.get(net) or ("unknown" if net or port else "none")
            code = state[0, 0] if state.size == 1 else state[row, column]
            assert palette[code - 1] == ROLE_COLOURS[role]
            seen.add(role)
    assert len(names) == 5
    assert {"power", "ground"} <= seen


def test_omitted_sites_carry_no_bump():
    grid = next(f for f in solids(templates.build("face-to-face")).fields if getattr(f.pattern, "omit", ()))
    s = scene(templates.build("face-to-face"))
    painting = Painting("material", s.design)
    drawn = 0
    for field in s.fields:
        if field.field.pattern == grid.pattern and field.field.part == grid.part:
            state, _ = painting.texels(field)
            drawn += int((state > 0).sum())
    assert drawn == grid.pattern.count


def test_power_density_runs_from_the_coolest_to_the_hottest_block():
    d = design()
    painting = Painting("power", d)
    assert painting.hottest == pytest.approx(4.2 / 7.5)
    blocks = {b.label: b.colour for b in painting.bodies(scene(d)) if b.kind == "block"}
    assert blocks["Core cluster"] == viridis(1.0)
    assert blocks["I/O ring logic"] == viridis(0.8 / 27 / painting.hottest)


def test_rule_state_colours_the_worst_of_each_part():
    painting = Painting("rules", design(), {"U1 base": "error"})
    colours = {b.part: b.colour for b in painting.bodies(scene(design())) if b.kind == "die"}
    assert colours["U1 base"] != colours["U2 compute"]


# --- the drawing for reports -----------------------------------------------------------------------------------------


def test_temperatures_colour_the_parts_that_have_one():
    d = design()
    painting = Painting("temperature", d, temperatures_c={"U1 base": 60.0, "U2 compute": 95.0})
    colours = {body.part: body.colour for body in painting.bodies(scene(d)) if body.kind == "die"}
    assert colours == {"U1 base": inferno(0.0), "U2 compute": inferno(1.0)}
    assert {body.colour for body in painting.bodies(scene(d)) if body.kind == "layer"} == {NEUTRAL}
    said = [words for _, words in painting.legend(scene(d), "en")]
    assert said[0] == "60.0 °C"
    assert said[-2:] == ["95.0 °C", "not known"]
    assert [words for _, words in Painting("temperature", d).legend(scene(d), "en")] == ["not known"]
    even = Painting("temperature", d, temperatures_c={"U1 base": 60.0})
    assert [words for _, words in even.legend(scene(d), "en")] == ["60.0 °C", "not known"]



@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("mode", ["material", "net", "power", "rules"])
def test_the_drawing_survives_the_reports_cleaner_and_stays_small(name, mode):
    d = design(name)
    drawn = scene_svg(scene(d).exploded(0.5), Painting(mode, d))
    assert "nan" not in drawn
    safe = clean(drawn)
    assert safe.count("<") == drawn.count("<") + drawn.count("/>")
    assert len(drawn) < 250_000
    assert drawn.count("h0") <= MOST_DOTS
    assert 'lang="zh-Hant"' in drawn


def bumped(**bumps):
    """The pair with one field of bumps on the upper die."""
    document = to_document(editing.join(design(), "U2 compute", "U1 base", pitch_um=50.0, diameter_um=25.0))
    document["connections"] = []
    document["dies"][0].pop("regions")
    (region,) = document["dies"][1]["regions"]
    region["bumps"] = [{"name": "b", "diameter_um": 10.0, **bumps}]
    return read(document)


def spread(count):
    rng = np.random.default_rng(3)
    return {"x_um": rng.uniform(-2400, 2400, count).tolist(), "y_um": rng.uniform(-1200, 1200, count).tolist()}


LINE = {"x_um": np.linspace(-2400, 2400, MOST_DOTS + 1).tolist(), "y_um": [0.0] * (MOST_DOTS + 1)}
GRID = {"columns": 80, "rows": 60, "pitch_x_um": 50.0, "pitch_y_um": 50.0}
WIDE = [  # fields beyond what is drawn as dots
    ("plain", GRID, 4800),
    ("staggered", {**GRID, "staggered": True}, 4800),
    ("longer than a texture", {**GRID, "columns": 2100, "pitch_x_um": 2.0, "diameter_um": 1.0}, 126_000),
    ("irregular", spread(MOST_DOTS + 100), MOST_DOTS + 100),
    ("in one line", LINE, MOST_DOTS + 1),
]


def fields_drawn(d):
    """Outlines (each an array of points in px) and numbers of the fields of solder or copper, and the dots."""
    s = scene(d).without(frozenset({"BGA balls", "Copper pillars"}))
    drawn = scene_svg(s, Painting("material", d))
    corners = re.findall(r'<polygon points="([^"]+)" fill="[^"]+" fill-opacity="0.55"', drawn)
    outlines = [np.array([list(map(float, pair.split(","))) for pair in points.split()]) for points in corners]
    return outlines, re.findall(r'font-size="11"[^>]*>([\d,]+)</text>', drawn), drawn.count("h0")


@pytest.mark.parametrize(("name", "pattern", "count"), WIDE, ids=[name for name, *_ in WIDE])
def test_a_field_of_too_many_dots_is_one_outline_with_one_number(name, pattern, count):
    outlines, numbers, dots = fields_drawn(bumped(**pattern))
    assert (len(outlines), numbers, dots) == (1, [f"{count:,}"], 0)


@pytest.mark.parametrize(("name", "pattern", "count"), WIDE, ids=[name for name, *_ in WIDE])
def test_the_outline_of_a_field_goes_through_its_outermost_bumps(name, pattern, count):
    d = editing.place_at(bumped(**pattern), "U2 compute", angle_deg=12.5)
    s = scene(d)
    parts = [f for f in s.fields if f.field.part == "U2 compute"]
    centres = parts[0].field.xy_um() / 1000
    rim = outline_mm(parts)
    if name == "in one line":
        np.testing.assert_allclose(sorted(rim.tolist()), sorted(centres[[0, -1]].tolist()), atol=1e-9)
        return
    assert np.abs(centres[:, None] - rim).max(-1).min(0).max() < 1e-9  # every corner is a bump
    side = np.roll(rim, -1, axis=0) - rim
    inwards = np.column_stack([-side[:, 1], side[:, 0]]) / np.linalg.norm(side, axis=1)[:, None]
    assert np.einsum("nd,nkd->nk", inwards, centres - rim[:, None]).min() > -1e-9  # and none lies outside


@pytest.mark.parametrize("pattern", [{**GRID, "rows": 20}, {**GRID, "rows": 20, "staggered": True}, spread(1600)])
def test_a_field_of_few_dots_is_drawn_dot_by_dot(pattern):
    assert fields_drawn(bumped(**pattern)) == ([], [], 1600)


def test_names_in_a_drawing_are_only_text():
    document = facts.load("designs/poc-side-by-side")
    document["title"] = document["dies"][0]["name"] = "<script>x</script>"
    d = read(document)
    assert "<script" not in scene_svg(scene(d), Painting("material", d))


def test_boxes_in_front_are_painted_last():
    s = scene(design("simba-36"))
    drawn = scene_svg(s, Painting("material", s.design))
    corners = [b.corners_mm for b in s.bodies if b.kind == "die"]
    assert len(corners) == 36
    # The eye stands in front: dies with a smaller y are nearer, and a hidden one must be painted before.
    bodies = _back_to_front([b for b in s.bodies if b.kind == "die"], np.array(VIEWS["corner"]))
    y = [b.corners_mm[:, 1].mean() for b in bodies]
    x = [b.corners_mm[:, 0].mean() for b in bodies]
    for i in range(36):
        for j in range(i):
            same_column, same_row = abs(x[i] - x[j]) < 1e-9, abs(y[i] - y[j]) < 1e-9
            assert not (same_column and y[i] > y[j])
            assert not (same_row and x[i] < x[j])
    assert drawn.count("<polygon") > 100


def test_geometry_used_here_is_the_designs():
    """The picture's own check on turning: an outline turned by 90 degrees swaps its sides."""
    d = editing.rotate(design("poc-side-by-side"), "U2 compute", 90.0)
    body = next(b for b in scene(d).bodies if b.part == "U2 compute")
    np.testing.assert_allclose(body.corners_mm, geometry.outline(d, d.part("U2 compute")[1]))
