"""Maps of a field over two factors: filled bands, contour lines with their labels, the runs of the experiment."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt
import numpy as np
import pandas as pd

from widgets.theme import SEQUENCE
from workbench.i18n import t
from workbench.process.review import name_of
from workbench.process.window.contours import bands, isoline
from workbench.process.window.study import Field
from workbench.units import symbol_of

Array = np.ndarray
# Text on the map stands on viridis, light or dark page alike: fixed ink on a white halo.
MAP_INK, HALO = "#111111", "#FFFFFF"


def axis_title(name: str) -> str:
    """Name in both languages and unit: ``Pressure 壓力 (Torr)``."""
    words = list(dict.fromkeys((name_of(name, "en"), name_of(name, "zh-Hant"))))
    unit = symbol_of(name)
    return " ".join(words) + (f" ({unit})" if unit else "")


def both(key: str) -> str:
    """A short label of a chart in both languages."""
    return f"{t(key, 'en')} {t(key, 'zh-Hant')}"


def nice_levels(z: Array, count: int = 8) -> Array:
    """Round contour levels that enclose the values of `z`."""
    low, high = float(np.min(z)), float(np.max(z))
    raw = (high - low) / count or 1.0
    size = 10.0 ** np.floor(np.log10(raw))
    step = size * next(m for m in (1, 2, 2.5, 5, 10) if m * size >= raw)
    return np.round(np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step, 10)


_PEN = {"invalid": "break-paths-show-domains", "aria": False}  # a missing point lifts the pen


def _pen_paths(paths: Iterable[tuple[float, Array]]) -> pd.DataFrame:
    """Many paths as one table (level, x, y, n), a row without coordinates after each."""
    rows: list[tuple] = []
    for level, points in paths:
        rows += [(level, round(float(a), 3), round(float(b), 3)) for a, b in points]
        rows.append((level, None, None))
    return pd.DataFrame(rows, columns=["level", "x", "y"]).assign(n=range(len(rows)))


class Map:
    """One map under construction: layers over the plane of two factors, labels kept clear of each other."""

    def __init__(self, field: Field, z: Array, names: tuple[str, str], *, side: int, busy: Array):
        self._field, self._z, self._names, self._side = field, z, names, side
        self._busy = [self._unit(p) for p in np.atleast_2d(busy)]
        self._layers: list[alt.Chart | alt.LayerChart] = []

    def fill(self, levels: Array) -> Map:
        """Contour bands in viridis, one path a band."""
        middle = (levels[1:] + levels[:-1]) / 2
        f = self._field
        frame = _pen_paths((float(middle[n]), loop) for n, loop in bands(f.x, f.y, self._z, levels, f.margin))
        scale = alt.Scale(scheme=SEQUENCE, domain=[float(levels[0]), float(levels[-1])])
        title_x, title_y = (axis_title(name) for name in self._names)
        self._layers.append(
            alt.Chart(frame)
            .mark_line(strokeWidth=0.5, interpolate="linear-closed", **_PEN)
            .encode(
                x=alt.X("x:Q", title=title_x, scale=_padded(f.x), axis=alt.Axis(grid=False)),
                y=alt.Y("y:Q", title=title_y, scale=_padded(f.y), axis=alt.Axis(grid=False)),
                detail="level:N",
                order="n:Q",
                fill=alt.Fill("level:Q", legend=None, scale=scale),
                stroke=alt.Stroke("level:Q", legend=None, scale=scale),
            )
            .properties(width=self._side, height=self._side)
        )
        return self

    def line(self, level: float, word: str = "", *, of: Array | None = None, **style: object) -> Map:
        """The contour of the field (or of another one, `of`) at `level`, with its label."""
        f = self._field
        found = isoline(f.x, f.y, self._z if of is None else of, level, f.margin)
        if not found:
            return self
        options = {"color": HALO, "strokeWidth": 0.9, "opacity": 0.9, "strokeCap": "round"} | _PEN | style
        frame = _pen_paths((level, line) for line in found)
        self._layers.append(alt.Chart(frame).mark_line(**options).encode(x="x:Q", y="y:Q", order="n:Q"))
        if word:
            points = np.concatenate(found)
            self.label(points[self._clearest(points)], word)
        return self

    def label(self, at: Array, word: str, **style: object) -> Map:
        """A word at a point, readable on any colour."""
        frame = pd.DataFrame({"x": [float(at[0])], "y": [float(at[1])], "word": [word]})
        options = {"fontSize": 11, **style}
        base = alt.Chart(frame).encode(x="x:Q", y="y:Q", text="word:N")
        halo = base.mark_text(color=HALO, stroke=HALO, strokeWidth=3.5, strokeJoin="round", opacity=0.85, **options)
        self._layers += [halo, base.mark_text(color=MAP_INK, **options)]
        # a word is wide: keep others away from its ends, too
        reach = 3.2 * len(word) / self._side
        self._busy += [self._unit(at) + np.array([share * reach, 0.0]) for share in (-1, 0, 1)]
        return self

    def add(self, layer: alt.Chart) -> Map:
        self._layers.append(layer)
        return self

    def runs(self, settings: pd.DataFrame) -> Map:
        """The settings that were run."""
        points = settings[list(self._names)].drop_duplicates().set_axis(["x", "y"], axis=1)
        style = {"filled": True, "size": 42, "color": HALO, "stroke": MAP_INK, "strokeWidth": 1.4, "opacity": 1}
        return self.add(alt.Chart(points).mark_point(**style).encode(x="x:Q", y="y:Q"))

    def chart(self) -> alt.LayerChart:
        return alt.layer(*self._layers)

    def _unit(self, point: Array) -> Array:
        f = self._field
        return np.array([(point[0] - f.x[0]) / (f.x[-1] - f.x[0]), (point[1] - f.y[0]) / (f.y[-1] - f.y[0])])

    def _clearest(self, candidates: Array) -> int:
        """The candidate farthest from everything placed so far and from the frame."""
        if not self._busy:
            return len(candidates) // 2
        at = np.array([self._unit(c) for c in candidates])
        gap = np.linalg.norm(at[:, None, :] - np.array(self._busy)[None], axis=2).min(axis=1)
        frame = np.minimum(at, 1 - at).min(axis=1)
        return int(np.argmax(np.minimum(gap, frame + 0.05)))


def _padded(values: Array) -> alt.Scale:
    room = 0.05 * (values[-1] - values[0])
    return alt.Scale(domain=[float(values[0] - room), float(values[-1] + room)], nice=False)
