"""A list of bumps becomes a grid only where the grid gives every bump back, and labels stay those of their bumps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.formats import fields
from workbench.stack import Grid, Points


def told(field):
    """Each bump's name with its net and place, whatever their order."""
    codes, words = field.coded_names()
    nets, net_words = field.coded(field.nets)
    rows = zip(codes.tolist(), nets.tolist(), field.xy_um().tolist(), strict=True)
    return {words[name]: (net_words[net], *xy) for name, net, xy in rows}


def near(said):
    return {name: (net, pytest.approx(x, abs=1e-5), pytest.approx(y, abs=1e-5)) for name, (net, x, y) in said.items()}


def again(field, order=None):
    order = np.arange(field.count) if order is None else order
    labels = {}
    for kind, (codes, words) in (("names", field.coded_names()), ("nets", field.coded(field.nets))):
        labels[kind] = (codes[order], words)
    return fields.field(field.name, field.xy_um()[order], field.diameter_um, labels)


GRIDS = st.builds(
    Grid, name=st.just("g"), diameter_um=st.just(10.0), columns=st.integers(1, 6), rows=st.integers(1, 6),
    pitch_x_um=st.sampled_from([40.0, 36.5, 0.4, 33.3333]), pitch_y_um=st.sampled_from([40.0, 55.25]),
    x_um=st.floats(-500, 500).map(lambda x: round(x, 3)), y_um=st.floats(-500, 500).map(lambda x: round(x, 3)),
    staggered=st.booleans(), mirrored=st.booleans(), angle_deg=st.sampled_from([0.0, 90.0, 180.0, 270.0]),
    nets=st.sampled_from([(), ("VDD",), ("VDD", "VSS"), ("n{index}",), ("r{row}", "c{column}", "x")]),
    names=st.sampled_from([(), ("b{column}_{row}",), ("{row}.{column}",), ("p{index}q",)]),
)  # fmt: skip


@given(GRIDS, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_bumps_in_any_order_are_the_same_bumps(grid, random):
    order = list(range(grid.count))
    random.shuffle(order)
    assert told(again(grid, np.array(order))) == near(told(grid))


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=30, unique=True))
@settings(max_examples=200, deadline=None)
def test_any_sites_of_a_raster_are_told_exactly(sites):
    x, y = zip(*sites, strict=True)
    points = Points(name="p", diameter_um=1.0, x_um=tuple(v * 12.5 for v in x), y_um=tuple(v * 12.5 for v in y))
    assert told(again(points)) == near(told(points))


@pytest.mark.parametrize(("grid", "kind"), [
    ({"columns": 5, "rows": 4}, Grid),
    ({"columns": 5, "rows": 4, "staggered": True}, Grid),
    ({"columns": 5, "rows": 4, "staggered": True, "mirrored": True}, Grid),
    ({"columns": 5, "rows": 4, "omit": ((0, 0), (4, 3), (2, 2))}, Grid),
    ({"columns": 1, "rows": 9}, Grid),
    ({"columns": 3, "rows": 1}, Points),  # so few are clearer as points
    ({"columns": 5, "rows": 4, "angle_deg": 30.0}, Points),
])  # fmt: skip
def test_which_layouts_are_grids(grid, kind):
    made = Grid(name="g", diameter_um=9.0, pitch_x_um=20.0, pitch_y_um=30.0, **grid)
    assert type(again(made)) is kind


def test_one_bump_off_by_a_nanometre_makes_points():
    grid = Grid(name="g", diameter_um=9.0, columns=5, rows=5, pitch_x_um=20.0, pitch_y_um=20.0)
    xy = grid.xy_um()
    xy[7, 0] += 1e-3
    assert isinstance(fields.field("g", xy, 9.0, {}), Points)


def test_two_bumps_on_one_place_stay_two():
    xy = np.array([[0.0, 0], [10, 0], [0, 10], [10, 10], [10, 10]])
    assert fields.field("g", xy, 1.0, {}).count == 5


@pytest.mark.parametrize(("said", "expected"), [
    (["a"] * 6, ("a",)),
    ([""] * 6, ()),
    (["a", "b", "c"] * 2, ("a", "b", "c")),
    (["a", "b", "a", "b", "a"], ("a", "b")),
    ([f"x{i}y" for i in range(6)], ("x{index}y",)),
    ([f"x{i + 1}" for i in range(6)], tuple(f"x{i + 1}" for i in range(6))),  # counted from one
    (["a", "a", "a", "a", "a", "b"], ("a", "a", "a", "a", "a", "b")),
])  # fmt: skip
def test_labels_are_said_as_short_as_they_can(said, expected):
    words = list(dict.fromkeys(said))
    codes = np.array([words.index(word) for word in said])
    assert fields.spelled(codes, words, (np.arange(6)[: len(said)], np.zeros(len(said), int))) == expected


def test_a_placeholder_in_a_name_is_refused():
    with pytest.raises(InputError) as refused:
        fields.spelled(np.zeros(1, int), ["n{index}"], (np.zeros(1, int), np.zeros(1, int)))
    assert refused.value.rule == "threedblox.placeholder"


def test_the_assumed_diameter_is_half_the_closest_distance():
    assert fields.assumed_diameter_um(np.array([[0.0, 0], [30, 40], [100, 100]])) == 25.0
    assert fields.assumed_diameter_um(np.array([[0.0, 0], [900, 0]])) == 100.0
    assert fields.assumed_diameter_um(np.array([[5.0, 5]])) == 20.0
