"""What gdstk reads back from our GDSII and OASIS is the design: every bump to 1 nm, every outline, every count."""

from __future__ import annotations

import re

import gdstk
import numpy as np
import pytest
from scipy.spatial import cKDTree

from workbench.errors import InputError
from workbench.formats.exports import gds
from workbench.stack import bump_count, ends, placed_fields, read
from workbench.stack.bumps import place
from workbench.stack.geometry import outline
from workbench.stack.templates import FaceToFace, build

WRITERS = {"gds": (gds.write_gds, gdstk.read_gds), "oas": (gds.write_oasis, gdstk.read_oas)}


@pytest.fixture(scope="module", params=WRITERS)
def written(request, design, tmp_path_factory):
    """The library read back, and its file."""
    write, back = WRITERS[request.param]
    path = tmp_path_factory.mktemp("masks") / f"module.{request.param}"
    report = write(design, path)
    return back(path), path, report


def top_of(library) -> gdstk.Cell:
    (top,) = library.top_level()
    return top


def centres(cell: gdstk.Cell, layer: int, datatype: int) -> np.ndarray:
    """Middles of the boxes of every shape on a layer, all references opened."""
    found = cell.get_polygons(layer=layer, datatype=datatype)
    return np.array([(np.array(p.bounding_box()[0]) + p.bounding_box()[1]) / 2 for p in found]).reshape(-1, 2)


def assert_same_places(found: np.ndarray, expected: np.ndarray, within_um: float) -> None:
    assert len(found) == len(expected) > 0
    distance, partner = cKDTree(found).query(expected)
    assert len(set(partner)) == len(expected)  # one shape per place
    assert distance.max() <= within_um


@pytest.mark.parametrize("side", gds.SIDES)
def test_every_bump_is_where_the_design_has_it(written, design, side):
    library, _, _ = written
    expected = [field.xy_um for end, region in ends(design) if region.side == side
                for field in placed_fields(design, end)]  # fmt: skip
    found = centres(top_of(library), gds.LAYERS["bump"][0], gds.SIDES.index(side))
    if not expected:
        assert len(found) == 0
        return
    # 0.5 nm per axis of rounding in the die's cell, turned with the die, and the box of a turned polygon of 1 nm grid.
    assert_same_places(found, np.concatenate(expected), 2.5e-3 if side == "front" else 1e-3)


@pytest.mark.parametrize(("angle", "mirrored"), [(0, True), (90, False), (180, True), (270, False), (33, True)])
@pytest.mark.parametrize("suffix", WRITERS)
def test_a_field_keeps_its_own_pose(suffix, angle, mirrored, tmp_path):
    """A grid that follows another across an interface is turned or mirrored itself, with the sites it omits."""
    design = build("face-to-face", FaceToFace(bump_count=19))
    die = design.die("compute")
    (field,) = die.regions[0].bumps
    pose = {"angle_deg": float(angle), "mirrored": mirrored, "pitch_y_um": 12.0, "staggered": True, "x_um": 3.3}
    region = die.regions[0].model_copy(update={"bumps": (field.model_copy(update=pose),)})
    dies = (design.dies[0], die.model_copy(update={"regions": (region,)}))
    design = design.model_copy(update={"dies": dies})
    WRITERS[suffix][0](design, tmp_path / "posed")
    found = centres(top_of(WRITERS[suffix][1](tmp_path / "posed")), gds.LAYERS["bump"][0], gds.SIDES.index("front"))
    fronts = [field.xy_um for end, region in ends(design) if region.side == "front" for field in
              placed_fields(design, end)]  # fmt: skip
    assert_same_places(found, np.concatenate(fronts), 2.5e-3)


def test_centres_are_exact_to_one_nanometre_when_references_are_followed(written, design):
    """Boxes of turned circles are a little off; the transformations themselves are not."""
    library, _, _ = written
    found = []

    def follow(cell, matrix, shift):
        for reference in cell.references:
            angle, flip = reference.rotation, -1.0 if reference.x_reflection else 1.0
            turn = np.array([[np.cos(angle), -flip * np.sin(angle)], [np.sin(angle), flip * np.cos(angle)]])
            offsets = reference.repetition.get_offsets() if reference.repetition.size else np.zeros((1, 2))
            places = (np.array(reference.origin) + offsets) @ matrix.T + shift
            if reference.cell.name.startswith("BUMP_"):
                found.append(places)
            else:
                for here in places:
                    follow(reference.cell, matrix @ turn, here)

    follow(top_of(library), np.eye(2), np.zeros(2))
    expected = np.concatenate([f.xy_um for end, _ in ends(design) for f in placed_fields(design, end)])
    assert len(expected) == bump_count(design) == len(np.concatenate(found))
    assert_same_places(np.concatenate(found), expected, 1.25e-3)
    on_grid = [f.xy_um for end, r in ends(design) for f in placed_fields(design, end) if f.field.name == "grid"]
    distance, _ = cKDTree(np.concatenate(found)).query(np.concatenate(on_grid))
    assert distance.max() <= 1e-6  # centres on whole nm lose nothing, at any angle


def test_vias_and_tsvs_lie_in_their_part(written, design):
    library, _, _ = written
    top, logic = top_of(library), design.die("logic")
    expected = np.concatenate([place(f, p) for p in design.placements if p.die == "logic" for f in logic.tsv.fields])
    assert_same_places(centres(top, *gds.LAYERS["tsv"]), expected, 2e-3)
    rings = top.get_polygons(layer=40, datatype=1)
    widths = [np.ptp(p.points[:, 0]) for p in rings]
    assert widths == pytest.approx([13.0] * len(expected), rel=2e-3)  # 5 um and 4 um of keep-out around
    through = np.concatenate([field.xy_um() for field in design.layers[1].vias])
    assert_same_places(centres(top, *gds.LAYERS["via"]), through, 1e-3)


def test_outlines(written, design):
    library, _, _ = written
    top = top_of(library)
    assert np.array(top.bounding_box()) == pytest.approx(np.array([[-8000, -6000], [8000, 6000]]), abs=1e-6)
    for tier, layer in enumerate(design.die_layers, start=1):
        drawn = sorted(top.get_polygons(layer=10, datatype=tier), key=lambda p: p.bounding_box()[0][0])
        meant = sorted((outline(design, p) * 1000 for p in layer.placements), key=lambda c: c[:, 0].min())
        assert len(drawn) == len(meant)
        for polygon, corners in zip(drawn, meant, strict=True):
            assert_same_places(np.array(polygon.points), corners, 1e-3)
            cells = gdstk.boolean([polygon], top.get_polygons(layer=11, datatype=0), "and")
            assert sum(p.area() for p in cells) == pytest.approx(polygon.area(), rel=1e-4)  # the die's cell covers it
    interposer = top.get_polygons(layer=2, datatype=1)
    assert [p.area() for p in interposer] == pytest.approx([14000 * 10000])


def test_names_are_texts(written):
    library, _, _ = written
    labels = {(label.layer, label.texttype, label.text) for label in top_of(library).get_labels()}
    assert {(50, 0, name) for name in ("U1", "U2", "U3", "M[0,0]", "M[2,0]")} <= labels
    assert {(50, 1, "bumps"), (50, 2, "core"), (51, 0, "VDD"), (51, 0, "s7"), (51, 0, "+n3"), (51, 1, "VSS")} <= labels
    assert not [text for *_, text in labels if not text]


def test_the_user_unit_is_a_micrometre_and_the_grid_a_nanometre(written):
    library, path, _ = written
    if path.suffix == ".gds":
        assert gdstk.gds_units(path) == pytest.approx((1e-6, 1e-9))
    assert (library.unit, library.precision) == pytest.approx((1e-6, 1e-9))


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_million_bumps_stay_small(million, tmp_path, suffix):
    path = tmp_path / f"million.{suffix}"
    write, back = WRITERS[suffix]
    report = write(million, path)
    assert path.stat().st_size < 10_000
    (array,) = [r for c in back(path).cells for r in c.references if r.cell.name.startswith("BUMP_")]
    assert array.repetition.size == 1_000_000
    assert any("1,000,000" in line for line in report.lines())  # its net names are said to be left out


def test_the_same_design_gives_the_same_bytes(design, tmp_path):
    for write, suffix in ((gds.write_gds, "gds"), (gds.write_oasis, "oas")):
        first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
        write(design, first)
        write(design, second)
        assert first.read_bytes() == second.read_bytes()


def test_names_of_any_script_are_written_and_said(document, tmp_path):
    document["layers"][3]["dies"][0]["name"] = "晶粒甲"
    document["connections"], document["netlist"] = [], []
    report = gds.write_gds(read(document), tmp_path / "a.gds")
    assert any("do not allow" in line for line in report.lines("en"))
    labels = {label.text for label in top_of(gdstk.read_gds(tmp_path / "a.gds")).get_labels()}
    assert "___" in labels


def test_an_existing_file_is_kept(design, tmp_path):
    path = tmp_path / "module.gds"
    path.write_text("mine")
    with pytest.raises(InputError, match="already a file"):
        gds.write_gds(design, path)
    assert path.read_text() == "mine"
    gds.write_gds(design, path, overwrite=True)
    assert top_of(gdstk.read_gds(path)).name == "TOP_Exports"
    assert [p.name for p in tmp_path.iterdir()] == ["module.gds"]  # no drafts stay
    with pytest.raises(InputError, match="could not be written"):
        gds.write_gds(design, tmp_path / "absent" / "module.gds")


def test_the_guide_lists_every_layer(root):
    guide = (root / "docs" / "how-to" / "export.md").read_text("utf-8")
    for what, (layer, datatype) in gds.LAYERS.items():
        shown = r"\d" if datatype is None else datatype
        assert re.search(rf"\| {layer} \| ({shown}|`?[a-z ]+`?)[^|]*\|[^|]*\|", guide), what
