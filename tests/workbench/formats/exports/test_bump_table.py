"""Bump tables: what is written is read back into the same bumps; what is wrong is refused at its line."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from workbench.errors import InputError
from workbench.formats.exports.bump_table import COLUMNS, read_bump_table, write_bump_table
from workbench.stack import Grid, Points, bump_count, ends, placed_fields
from workbench.stack.geometry import to_module


@pytest.fixture(scope="module")
def text(design, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("bumps") / "bumps.csv"
    write_bump_table(design, path)
    return path.read_bytes().decode("utf-8")


def test_every_bump_has_its_row(text, design):
    rows = list(csv.DictReader(text.splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == bump_count(design)
    expected = [field for end, _ in ends(design) for field in placed_fields(design, end)]
    xy = np.array([[row["x_um"], row["y_um"], row["z_um"]] for row in rows], float)
    assert xy[:, :2] == pytest.approx(np.concatenate([f.xy_um for f in expected]), abs=1e-6)
    assert xy[:, 2] == pytest.approx(np.concatenate([np.full(f.count, f.z_um) for f in expected]))
    by_name = {(row["part"], row["region"], row["name"]): row for row in rows}
    assert by_name["U1", "bumps", "A2"]["cell"] == "BUMPX1"
    assert by_name["U1", "bumps", "staggered[7]"]["net"] == "s7"
    assert by_name["U2", "pads", "grid[1]"]["side"] == "back"
    assert {row["diameter_um"] for row in rows} == {"25", "2", "20"}


def test_no_cell_is_a_formula(text):
    cells = [cell for row in csv.reader(text.splitlines()[1:]) for cell in row[:7]]
    assert "'=B1" in cells
    assert "'+n3" in cells
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")]


def test_a_table_read_back_gives_the_same_bumps_in_each_part(text, design):
    table = read_bump_table(text, where="bumps.csv", design=design)
    assert table.count == bump_count(design)
    for end, region in ends(design):
        (found,) = [r for r in table.regions[end.part] if r.name == region.name]
        assert found.side == region.side
        _, placement = design.part(end.part)
        meant = {}
        for field in region.bumps:
            name, net = field.coded_names(), field.coded(field.nets)
            for i, (x, y) in enumerate(field.xy_um()):
                meant[x, y] = (name[1][name[0][i]], net[1][net[0][i]], field.diameter_um)
        places = np.array(list(meant))
        for field in found.bumps:
            distance, partner = cKDTree(places).query(field.xy_um())
            assert distance.max() < 2e-6
            names, nets = field.coded_names(), field.coded(field.nets)
            for i, which in enumerate(partner):
                said = (names[1][names[0][i]], nets[1][nets[0][i]], field.diameter_um)
                assert said == meant[tuple(places[which])]
        assert sum(field.count for field in found.bumps) == region.bump_count
        if placement is not None:
            own = np.concatenate([field.xy_um() for field in found.bumps])
            back = to_module(own, placement, scale=1000.0)
            all_placed = np.concatenate([f.xy_um for f in placed_fields(design, end)])
            assert cKDTree(all_placed).query(back)[0].max() < 2e-6


def table_of(rows: str) -> str:
    return "name,x_um,y_um,diameter_um,net\n" + rows


def test_a_customers_list_becomes_a_grid_where_it_is_one():
    rows = "".join(f"b{c}_{r}, {c * 40 - 60}, {r * 50.5}, 20,\n" for c in range(4) for r in range(3))
    ((region,),) = read_bump_table(table_of(rows), where="pads.csv").regions.values()
    (grid,) = region.bumps
    assert isinstance(grid, Grid)
    assert (grid.columns, grid.rows, grid.pitch_x_um, grid.pitch_y_um) == (4, 3, 40, 50.5)
    assert (grid.x_um, grid.y_um) == (0, 50.5)
    assert grid.coded_names()[1][:5] == ["b0_0", "b1_0", "b2_0", "b3_0", "b0_1"]
    assert grid.nets == ()
    assert (region.side, region.width_um, region.length_um) == ("front", 140.0, 121.0)


def test_a_list_with_a_gap_or_two_sizes_becomes_points():
    table = read_bump_table(table_of("a,0,0,20,n\nb,40,0,20,n\nc,0,40,20,m\nd,40,41,30,m\n"), where="p")
    ((region,),) = table.regions.values()
    first, second = region.bumps
    assert isinstance(first, Points)
    assert first.x_um == (0.0, 40.0, 0.0)
    assert first.nets == ("n", "n", "m")
    assert (second.diameter_um, second.nets) == (30.0, ("m",))


@pytest.mark.parametrize("more", [
    {"staggered": True}, {"staggered": True, "mirrored": True}, {"omit": ((0, 0), (2, 1))}, {},
])  # fmt: skip
def test_a_grid_written_to_a_table_comes_back_a_grid(more):
    grid = Grid(name="g", diameter_um=9.0, columns=5, rows=4, pitch_x_um=33.3333, pitch_y_um=30.0, x_um=7.25,
                names=("b{index}",), nets=("VDD", "VSS"), **more)  # fmt: skip
    names, nets = grid.coded_names(), grid.coded(grid.nets)
    labels = zip(names[0], nets[0], (grid.xy_um() + 3e-4 * np.array([1, -1])[np.arange(grid.count) % 2, None]).tolist(),
                 strict=True)  # fmt: skip
    rows = "".join(f"{names[1][n]},{x:.4f},{y:.4f},9,{nets[1][m]}\n" for n, m, (x, y) in labels)
    ((region,),) = read_bump_table(table_of(rows), where="p").regions.values()
    (found,) = region.bumps
    assert isinstance(found, Grid), "to a nanometre, as lists are rounded"
    assert (found.columns, found.rows, found.staggered, found.mirrored, found.omit) == (
        grid.columns, grid.rows, grid.staggered, grid.mirrored, grid.omit)  # fmt: skip
    assert found.xy_um() == pytest.approx(grid.xy_um(), abs=1e-3)
    again = found.coded_names()
    assert [again[1][code] for code in again[0]] == [names[1][code] for code in names[0]]


def test_more_diameters_than_a_region_may_have_fields_are_refused(monkeypatch):
    rows = "".join(f"a,{i},0,{1 + i / 1000},\n" for i in range(10_001))
    monkeypatch.setattr("workbench.formats.fields.field", lambda *_, **__: pytest.fail("refused before any is made"))
    with pytest.raises(InputError) as refused:
        read_bump_table(table_of(rows), where="p")
    assert (refused.value.rule, refused.value.where, refused.value.got) == ("bumps.diameters", "p:2", "10,001")


def test_diameter_may_be_given_once_and_other_columns_are_said():
    table = read_bump_table("Comment,X_um,Y_um\nhello,1,2\n", where="p", diameter_um=25.0)
    assert table.regions[""][0].bumps[0].diameter_um == 25.0
    assert any("comment" in line for line in table.report.lines())


REFUSED = [  # text, rule, place
    ("", "bumps.column_missing", "p:1"),
    ("x_um,y_um\n1,2\n", "bumps.column_missing", "p:1"),
    ("x_um,x_um,y_um,diameter_um\n", "bumps.column_twice", "p:1"),
    (table_of(""), "bumps.empty", "p"),
    (table_of("a,1,2,20,n\nb,1,2,20\n"), "bumps.row", "p:3"),
    (table_of("a,1,2,20,n\n\nb,one,2,20,n\n"), "bumps.number", "p:4"),
    (table_of("a,1,nan,20,n\n"), "bumps.number", "p:2"),
    (table_of("a,1,inf,20,n\n"), "bumps.number", "p:2"),
    (table_of("a,1,1e9,20,n\n"), "bumps.number", "p:2"),
    (table_of("a,1,1_0,20,n\n"), "bumps.number", "p:2"),
    (table_of("a,1,1,0,n\n"), "bumps.number", "p:2"),
    (table_of('a,1,2,20,"n\nb,1,2,20,n\n'), "bumps.csv", "p:3"),
    (table_of("a,1,2,20,n\x00\n"), "text.control", "p:2:11"),
    (table_of("{index},1,2,20,n\n"), "bumps.not_allowed", "p:2"),
    (table_of(f"{'n' * 300},1,2,20,n\n"), "bumps.not_allowed", "p:2"),
    ("x_um,y_um,diameter_um,side\n1,2,3,top\n", "bumps.side", "p:2"),
    ("x_um,y_um,diameter_um,side\n1,2,3,back\n2,2,3,front\n", "bumps.two_sides", "p:3"),
]


@pytest.mark.parametrize(("text", "rule", "place"), REFUSED, ids=[rule + place for _, rule, place in REFUSED])
def test_refusals_name_the_line(text, rule, place):
    with pytest.raises(InputError) as refused:
        read_bump_table(text, where="p")
    assert (refused.value.rule, refused.value.where) == (rule, place)


def test_a_part_that_is_not_in_the_design_is_refused(design):
    with pytest.raises(InputError) as refused:
        read_bump_table("part,x_um,y_um,diameter_um\nU9,0,0,20\n", where="p", design=design)
    assert (refused.value.rule, refused.value.where, refused.value.got) == ("design.unknown_part", "p:2", "U9")


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from('x_um,yditer\n"\'=-+.019e\r\t；{}'), max_size=200) | st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    for prefix in ("", "x_um,y_um,diameter_um\n", "x_um,y_um,diameter_um,net\n1,2,3,"):
        try:
            table = read_bump_table(prefix + text, where="p")
        except InputError:
            continue
        assert table.count == sum(r.bump_count for regions in table.regions.values() for r in regions)
