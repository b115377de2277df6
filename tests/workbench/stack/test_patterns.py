"""Fields of bumps and vias: where their features lie, what they are called, how small they stay in a document."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.spatial.distance import pdist

from workbench.errors import InputError
from workbench.stack import Grid, Pattern, Points

PATTERN = TypeAdapter(Pattern)


def grid(**more):
    return Grid(**{"name": "g", "columns": 3, "rows": 2, "pitch_x_um": 10.0, "pitch_y_um": 20.0, "diameter_um": 5.0}
                | more)  # fmt: skip


SHAPES = [(1, 2), (1, 5), (2, 1), (5, 1), (2, 2), (4, 3), (3, 4)]


@pytest.mark.parametrize(("columns", "rows"), SHAPES)
@pytest.mark.parametrize("staggered", [False, True])
@pytest.mark.parametrize("pitches", [(30.0, 20.0), (30.0, 8.0), (10.0, 40.0)])
@pytest.mark.parametrize("pose", [{}, {"angle_deg": 37.0, "mirrored": True}], ids=str)
def test_the_least_pitch_of_a_grid_is_that_of_all_pairs(columns, rows, staggered, pitches, pose):
    field = grid(columns=columns, rows=rows, staggered=staggered, pitch_x_um=pitches[0], pitch_y_um=pitches[1], **pose)
    assert field.least_pitch_um == pytest.approx(pdist(field.xy_um()).min())


def test_a_single_site_and_points_have_no_pitch_of_their_own():
    assert grid(columns=1, rows=1).least_pitch_um == np.inf
    assert Points(name="p", diameter_um=5.0, x_um=(1.0, 4.5), y_um=(2.0, -3.0)).least_pitch_um is None


PLACES = [  # field, centres by hand
    (grid(), [(-10, -10), (0, -10), (10, -10), (-10, 10), (0, 10), (10, 10)]),
    (grid(columns=1, rows=1, x_um=7.0, y_um=-3.0), [(7, -3)]),
    (grid(columns=2, rows=2, staggered=True), [(-7.5, -10), (2.5, -10), (-2.5, 10), (7.5, 10)]),
    (grid(columns=2, rows=1, staggered=True), [(-5, 0), (5, 0)]),  # one row has nothing to be shifted against
    (grid(omit=((1, 0), (2, 1))), [(-10, -10), (10, -10), (-10, 10), (0, 10)]),
    (Points(name="p", diameter_um=5.0, x_um=(1.0, 4.5), y_um=(2.0, -3.0)), [(1, 2), (4.5, -3)]),
]


@pytest.mark.parametrize(("field", "expected"), PLACES)
def test_where_the_features_lie(field, expected):
    assert np.allclose(field.xy_um(), expected, atol=1e-12)
    assert field.count == len(expected)


NAMES = [  # field, labels asked for, expected
    (grid(), ("VDD", "VSS"), ["VDD", "VSS", "VDD", "VSS", "VDD", "VSS"]),
    (grid(), ("d[{index}]",), ["d[0]", "d[1]", "d[2]", "d[3]", "d[4]", "d[5]"]),
    (grid(omit=((1, 0),)), ("r{row}c{column}",), ["r0c0", "r0c2", "r1c0", "r1c1", "r1c2"]),
    (grid(), (), [""] * 6),
    (grid(), tuple("abcdef"), list("abcdef")),
    (Points(name="p", diameter_um=5.0, x_um=(1.0, 4.5), y_um=(2.0, 3.0)), ("a{column}", "b"), ["a0", "b"]),
]


@pytest.mark.parametrize(("field", "words", "expected"), NAMES)
def test_labels_repeat_over_the_features_and_fill_in(field, words, expected):
    codes, texts = field.coded(words)
    assert [texts[code] for code in codes] == expected
    assert [field.label(words, i) for i in range(field.count)] == expected


def test_a_million_bumps_stay_a_few_hundred_bytes():
    field = grid(columns=1000, rows=1000, nets=("VDD", "d[{index}]", "VSS", "d[{index}]"))
    assert field.count == 1_000_000
    assert len(field.model_dump_json(exclude_defaults=True)) < 300


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"columns": 100_000, "rows": 100_000}, "design.pattern_too_large"),
        ({"omit": ((3, 0),)}, "design.pattern_omit"),
        ({"omit": ((0, 0), (0, 0))}, "design.pattern_omit"),
        ({"columns": 1, "rows": 1, "omit": ((0, 0),)}, "design.pattern_empty"),
    ],
)
def test_impossible_grids_are_refused(wrong, rule):
    with pytest.raises(InputError) as caught:
        grid(**wrong)
    assert caught.value.rule == rule


def test_points_need_as_many_x_as_y():
    with pytest.raises(InputError) as caught:
        Points(name="p", diameter_um=5.0, x_um=(1.0,), y_um=(2.0, 3.0))
    assert caught.value.rule == "design.points_uneven"


@st.composite
def fields(draw):
    named = {"name": "f", "diameter_um": draw(st.floats(0.1, 100)),
             "nets": tuple(draw(st.lists(st.sampled_from(["VDD", "n{index}", ""]), max_size=3)))}  # fmt: skip
    if draw(st.booleans()):
        centres = draw(st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5)), min_size=1, max_size=9))
        x, y = zip(*centres, strict=True)
        return Points(x_um=x, y_um=y, **named)
    columns, rows = draw(st.integers(2, 6)), draw(st.integers(1, 6))
    omit = tuple(draw(st.sets(st.tuples(st.integers(0, columns - 1), st.integers(0, rows - 1)),
                              max_size=columns * rows - 1)))  # fmt: skip
    return Grid(columns=columns, rows=rows, pitch_x_um=draw(st.floats(1, 500)), pitch_y_um=draw(st.floats(1, 500)),
                staggered=draw(st.booleans()), omit=omit, **named)  # fmt: skip


@given(fields())
def test_a_field_survives_its_document(field):
    document = json.loads(field.model_dump_json(exclude_defaults=True))
    back = PATTERN.validate_json(json.dumps(document))
    assert type(back) is type(field)
    assert back == field
    assert np.array_equal(back.xy_um(), field.xy_um())


@given(fields())
def test_every_site_is_used_once(field):
    columns, rows = field.sites()
    assert len(columns) == len(rows) == field.count == len(field.xy_um())
    assert len(set(zip(columns.tolist(), rows.tolist(), strict=True))) == field.count
    assert [field.site(i) for i in range(field.count)] == list(zip(columns.tolist(), rows.tolist(), strict=True))
