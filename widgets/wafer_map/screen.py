"""The map on screen: brushed with the mouse or the keyboard, it says in Python which dies were chosen.

The browser gets one byte a die and a palette, paints them on a canvas, and sends back only the rectangle that was
drawn: which dies lie in it is worked out here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from widgets.wafer_map.grid import DieGrid
from workbench.i18n import language, t
from workbench.schema.summary import shown

_HERE = Path(__file__).parent
_WORDS = ("keys", "die", "missing")


class WaferMap(anywidget.AnyWidget):
    """`show(grid)` draws; `on_choose(hear)` gives `hear` the indices (k,) of the dies chosen, none after it
    was cleared."""

    _esm = _HERE / "view.js"
    _css = _HERE / "view.css"

    columns = traitlets.Int().tag(sync=True)
    rows = traitlets.Int().tag(sync=True)
    aspect = traitlets.Float(1.0).tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)  # codes, row by row as seen
    values = traitlets.Bytes().tag(sync=True)  # float32 beside each code, for the reading under the pointer
    origin = traitlets.List().tag(sync=True)  # x and y of the place at the top left, and the way rows count
    palette = traitlets.List().tag(sync=True)
    missing_colour = traitlets.Unicode().tag(sync=True)
    shape = traitlets.Unicode("wafer").tag(sync=True)
    notch = traitlets.Unicode("").tag(sync=True)
    scale = traitlets.Dict().tag(sync=True)  # label, unit, low, high as written, or empty
    kinds = traitlets.List().tag(sync=True)  # [label, colour, number of dies]
    pitch_mm = traitlets.List().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    brush = traitlets.List().tag(sync=True)  # left, top, right, bottom in places as seen; empty: nothing
    side_px = traitlets.Int(380).tag(sync=True)
    marked = traitlets.Bytes().tag(sync=True)  # one bit a place, chosen elsewhere

    def __init__(self, grid: DieGrid | None = None, *, title: str = "", side_px: int = 380):
        super().__init__(title=title, side_px=side_px,
                         words={name: t(f"wafer_map.{name}", language()) for name in _WORDS})  # fmt: skip
        self._grid: DieGrid | None = None
        self._hearers: list[Callable[[np.ndarray], None]] = []
        self.observe(self._brushed, names=["brush"])
        if grid is not None:
            self.show(grid)

    @property
    def chosen(self) -> np.ndarray:
        """Indices (k,) of the dies in the brush."""
        if self._grid is None or len(self.brush) != 4:
            return np.empty(0, int)
        left, top, right, bottom = (float(edge) for edge in self.brush)
        return self._grid.within(min(left, right), min(top, bottom), max(left, right), max(top, bottom))

    def on_choose(self, hear: Callable[[np.ndarray], None]) -> None:
        self._hearers.append(hear)

    def show(self, grid: DieGrid) -> None:
        """Draw `grid`; a brush that was drawn on another one is taken away."""
        self._grid = grid
        seen = grid.picture()
        column, row = grid.places()
        beside = np.full(seen.shape, np.nan, np.float32)
        beside[row, column] = grid.values
        scale, lang = grid.scale, language()
        with self.hold_sync():
            self.columns, self.rows, self.aspect = grid.columns, grid.rows, grid.aspect
            self.picture, self.values = seen.tobytes(), beside.tobytes()
            low = [int(each.min()) if len(each) else 0 for each in (grid.x, grid.y)]
            self.origin = [low[0], low[1] + grid.rows - 1 if grid.y_up else low[1], -1 if grid.y_up else 1]
            self.palette, self.missing_colour = list(grid.palette), grid.colour_of_missing()
            self.shape, self.notch = grid.shape, grid.notch or ""
            self.pitch_mm = list(grid.pitch_mm or ())
            self.scale = {} if scale is None else {
                "label": scale.label[lang], "unit": scale.unit, "ends": [shown(scale.high, 4), shown(scale.low, 4)],
            }  # fmt: skip
            self.kinds = [[kind.label[lang], colour, int((grid.values == kind.value).sum())]
                          for kind, colour in zip(grid.categories, grid.palette, strict=False)]  # fmt: skip
            self.brush, self.marked = [], b""

    def mark(self, indices: np.ndarray) -> None:
        """Frame dies that were chosen elsewhere."""
        bits = np.zeros(self.rows * self.columns, np.uint8)
        if self._grid is not None and len(indices):
            column, row = (each[np.asarray(indices, int)] for each in self._grid.places())
            bits[row * self.columns + column] = 1
        self.marked = np.packbits(bits, bitorder="little").tobytes() if bits.any() else b""

    def clear(self) -> None:
        self.brush = []

    def _brushed(self, change: dict) -> None:
        chosen = self.chosen
        for hear in self._hearers:
            hear(chosen)
