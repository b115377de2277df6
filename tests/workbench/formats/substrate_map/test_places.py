"""How maps count: origins, axes and quarter turns, on a map of three columns and two rows that one can draw.

      column 0 1 2
row 0        a b c
row 1        d e f
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.formats.substrate_map.places import AXES, G85_ORIGINS, ORIENTATIONS, ORIGINS, Frame, inward

CASES = [  # origin, axes -> what the map calls a (upper left), c (upper right), d (lower left)
    ("UpperLeft", "DownRight", (0, 0), (2, 0), (0, 1)),
    ("LowerLeft", "UpRight", (0, 1), (2, 1), (0, 0)),
    ("LowerRight", "UpLeft", (2, 1), (0, 1), (2, 0)),
    ("UpperRight", "DownLeft", (2, 0), (0, 0), (2, 1)),
    ("UpperLeft", "UpRight", (0, 0), (2, 0), (0, -1)),
    ("Center", "DownRight", (-1, 0), (1, 0), (-1, 1)),
    ("Center", "UpRight", (-1, 1), (1, 1), (-1, 0)),
    ("Center", "UpLeft", (1, 1), (-1, 1), (1, 0)),
]


@pytest.mark.parametrize(("origin", "axes", "a", "c", "d"), CASES)
def test_what_places_are_called(origin, axes, a, c, d):
    frame = Frame(3, 2, origin, axes)
    x, y = frame.xy(np.array([0, 2, 0]), np.array([0, 0, 1]))
    assert list(zip(x.tolist(), y.tolist(), strict=True)) == [a, c, d]


def test_the_numbers_of_g85_are_those_of_secs():
    # ORLOC: 0 middle, 1 upper right, 2 upper left, 3 lower left, 4 lower right; axes go into the map
    assert G85_ORIGINS == ("Center", "UpperRight", "UpperLeft", "LowerLeft", "LowerRight")
    for origin in G85_ORIGINS[1:]:
        x, y = Frame(4, 3, origin, inward(origin)).xy(*np.indices((4, 3)))
        assert (x.min(), x.max(), y.min(), y.max()) == (0, 3, 0, 2)


def test_a_quarter_turn_clockwise_brings_the_left_edge_above():
    lying = Frame(3, 2, "UpperLeft", "DownRight")
    turned = lying.turned(90)  # d a / e b / f c
    assert (turned.columns, turned.rows) == (2, 3)
    moved = [tuple(map(int, lying.carried(x, y, turned))) for x, y in ((0, 0), (0, 1), (2, 0))]
    assert moved == [(1, 0), (0, 0), (1, 2)]


frames = st.builds(Frame, st.integers(1, 9), st.integers(1, 9), st.sampled_from(ORIGINS), st.sampled_from(AXES),
                   st.sampled_from(ORIENTATIONS))  # fmt: skip


@given(frames, st.integers(0, 8), st.integers(0, 8))
def test_places_have_one_name(frame, column, row):
    assert tuple(map(int, frame.place(*frame.xy(column, row)))) == (column, row)


@given(frames, st.sampled_from(ORIENTATIONS), st.sampled_from(ORIENTATIONS), st.sampled_from(ORIGINS),
       st.sampled_from(AXES))  # fmt: skip
def test_turning_there_and_back_changes_nothing(frame, first, second, origin, axes):
    x, y = frame.xy(*(each.ravel() for each in np.indices((frame.columns, frame.rows))))
    there = frame.turned(first)
    there = Frame(there.columns, there.rows, origin, axes, first)
    other = there.turned(second)
    back = other.carried(*there.carried(*frame.carried(x, y, there), other), frame)
    assert (back[0] == x).all()
    assert (back[1] == y).all()


def test_maps_of_another_size_are_not_of_one_substrate():
    with pytest.raises(ValueError, match="3 x 2"):
        Frame(3, 2).carried(0, 0, Frame(3, 2, orientation_deg=90))
