"""Maps of dies: which place each die takes, its colour, and what a brush holds."""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.wafer_map import Category, DieGrid, Scale, WaferMap, map_svg
from widgets.wafer_map.grid import EMPTY, MISSING
from workbench.errors import InputError
from workbench.i18n import LANGUAGES

LABEL = dict.fromkeys(LANGUAGES, "Thickness")
THREE = {"x": [5, 6, 5], "y": [1, 1, 2], "values": [0.0, 1.0, np.nan]}


def wafer(across: int) -> DieGrid:
    """A round wafer, `across` dies wide; its value rises from left to right."""
    y, x = np.mgrid[0:across, 0:across]
    inside = (x - (across - 1) / 2) ** 2 + (y - (across - 1) / 2) ** 2 <= (across / 2) ** 2
    return DieGrid.measured(x[inside], y[inside], x[inside].astype(float), Scale(LABEL, "µm"))


def test_rows_count_up_or_down_as_the_tester_does():
    up = DieGrid.measured(**THREE, scale=Scale(LABEL))
    down = DieGrid.measured(**THREE, scale=Scale(LABEL), y_up=False)
    assert up.picture().tolist() == [[MISSING, EMPTY], [0, 63]]
    assert down.picture().tolist() == [[0, 63], [MISSING, EMPTY]]


def test_the_middle_of_a_centred_scale_is_zero():
    grid = DieGrid.measured([0, 1, 2], [0, 0, 0], [-1.0, 0.0, 4.0], Scale(LABEL, centred=True))
    assert (grid.scale.low, grid.scale.high) == (-4.0, 4.0)
    red, green, blue = (int(grid.palette[grid.codes[1]][i : i + 2], 16) for i in (1, 3, 5))
    assert min(red, green, blue) > 225  # white
    assert grid.palette[-1] == "#A34A00"


def test_kinds_have_the_colours_given_or_the_next_free_ones():
    kinds = [Category(1, LABEL, "#1B7F4B"), Category(7, LABEL), Category(9, LABEL)]
    grid = DieGrid.of_kinds([0, 1, 2], [0, 0, 0], [7, 1, 3], kinds)
    assert grid.palette == ("#1B7F4B", "#0072B2", "#E69F00")
    assert grid.codes.tolist() == [1, 0, MISSING]


@pytest.mark.parametrize(("given", "rule"), [
    ({"x": [0, 1], "y": [0], "values": [1.0]}, "wafer_map.lengths"),
    ({"x": [0.0, np.nan], "y": [0, 0], "values": [1.0, 2.0]}, "wafer_map.places"),
    ({"x": [0, 0], "y": [3, 3], "values": [1.0, 2.0]}, "wafer_map.twice"),
    ({"x": [0, 4000], "y": [0, 0], "values": [1.0, 2.0]}, "wafer_map.size"),
    ({"x": [0, 2**40], "y": [0, 0], "values": [1.0, 2.0]}, "wafer_map.size"),
])  # fmt: skip
def test_what_is_refused(given, rule):
    with pytest.raises(InputError) as refused:
        DieGrid.measured(**given, scale=Scale(LABEL))
    assert refused.value.rule == rule


@given(st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=1, max_size=60, unique=True),
       st.tuples(*[st.integers(-5, 90)] * 4), st.booleans())  # fmt: skip
def test_a_brush_holds_the_dies_whose_places_lie_in_it(places, brush, y_up):
    x, y = np.array(places).T
    grid = DieGrid.measured(x, y, np.arange(len(x), dtype=float), Scale(LABEL), y_up=y_up)
    left, top, right, bottom = brush
    seen = grid.picture()
    assert (seen != EMPTY).sum() == len(x)
    expected = [i for i in range(len(x)) if left <= x[i] - x.min() <= right
                and top <= (y.max() - y[i] if y_up else y[i] - y.min()) <= bottom]  # fmt: skip
    assert grid.within(left, top, right, bottom).tolist() == expected


def png_of(drawn: str) -> np.ndarray:
    raw = io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", drawn)[1]))
    assert raw.read(8) == b"\x89PNG\r\n\x1a\n"
    chunks = {}
    while head := raw.read(8):
        length, kind = struct.unpack(">I4s", head)
        data = raw.read(length)
        assert struct.unpack(">I", raw.read(4))[0] == zlib.crc32(kind + data)
        chunks[kind] = data
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    return np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)[:, 1:]


def test_the_drawing_holds_each_die_once_and_stays_small():
    grid = wafer(252)  # 49,900 dies
    drawn = map_svg(grid, title=LABEL)
    assert len(grid.x) == pytest.approx(np.pi / 4 * 252**2, rel=0.01)
    assert np.array_equal(png_of(drawn), grid.picture())
    assert len(drawn) < 60_000


def test_the_drawing_survives_the_cleaner_of_reports():
    from workbench.reports.markup import clean

    drawn = clean(map_svg(wafer(20), title=LABEL, chosen=np.array([0, 5])))
    assert "data:image/png;base64," in drawn
    assert "image-rendering:pixelated" in drawn


def test_what_a_brush_chose_is_heard_and_forgotten_on_a_new_map():
    shown, heard = WaferMap(wafer(20), title="W1"), []
    shown.on_choose(lambda chosen: heard.append(len(chosen)))
    shown.brush = [19, 19, 10, 0]
    assert heard == [len(wafer(20).within(10, 0, 19, 19))]
    shown.show(wafer(30))
    assert (shown.brush, heard[-1]) == ([], 0)
    shown.mark(np.array([3]))
    bits = np.unpackbits(np.frombuffer(shown.marked, np.uint8), bitorder="little")
    column, row = wafer(30).places()
    assert np.flatnonzero(bits).tolist() == [row[3] * 30 + column[3]]
