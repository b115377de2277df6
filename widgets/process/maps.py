"""Maps of a field over two factors: filled bands, labelled contour lines, the runs of the experiment."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from widgets.theme import SEQUENCE
from workbench.i18n import t
from workbench.process.review import name_of
from workbench.process.window.contours import bands, isoline
from workbench.units import symbol_of

Array = np.ndarray
SIDE = 300
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
    """Round contour levels spanning the finite values of `z`."""
    low, high = float(np.nanmin(z)), float(np.nanmax(z))
    raw = (high - low) / count or 1.0
    size = 10.0 ** np.floor(np.log10(raw))
    step = size * next(m for m in (1, 2, 2.5, 5, 10) if m * size >= raw)
    return np.round(np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step, 10)


def filled(x: Array, y: Array, z: Array, levels: Array, titles: tuple[str, str]) -> alt.Chart:
    """Filled contour bands in viridis."""
    middle = (levels[1:] + levels[:-1]) / 2
    rows = [(x1, y1, x2, y2, float(middle[n])) for x1, y1, x2, y2, n in bands(x, y, z, levels)]
    frame = pd.DataFrame(rows, columns=["x", "y", "x2", "y2", "level"]).round(4)
    colour = alt.Color("level:Q", legend=None, scale=alt.Scale(scheme=SEQUENCE, domain=[levels[0], levels[-1]]))
    return (
        alt.Chart(frame)
        .mark_rect(strokeWidth=0.6)
        .encode(
            x=alt.X("x:Q", title=titles[0], scale=alt.Scale(domain=_padded(x), nice=False), axis=alt.Axis(grid=False)),
            x2="x2",
            y=alt.Y("y:Q", title=titles[1], scale=alt.Scale(domain=_padded(y), nice=False), axis=alt.Axis(grid=False)),
            y2="y2",
            color=colour,
            stroke=alt.Stroke("level:Q", legend=None, scale=alt.Scale(scheme=SEQUENCE, domain=[levels[0], levels[-1]])),
        )
        .properties(width=SIDE, height=SIDE)
    )


def lines(x: Array, y: Array, z: Array, levels: Sequence[float], **style: object) -> alt.Chart:
    """Contour lines at `levels`."""
    segments = [isoline(x, y, z, level) for level in levels]
    rows = np.concatenate(segments) if segments else np.empty((0, 4))
    frame = pd.DataFrame(rows, columns=["x", "y", "x2", "y2"]).round(4)
    options = {"color": HALO, "strokeWidth": 0.8, "opacity": 0.85, "strokeCap": "round"} | style
    return alt.Chart(frame).mark_rule(**options).encode(x="x:Q", y="y:Q", x2="x2", y2="y2")


def line_labels(
    x: Array, y: Array, z: Array, levels: Sequence[float], words: Sequence[str], at: float = 0.5
) -> alt.LayerChart:
    """One label on each line, at the share `at` of its way from left to right."""
    rows = []
    for level, word in zip(levels, words, strict=True):
        found = isoline(x, y, z, level)
        if len(found) > 2:
            order = np.argsort(found[:, 0])
            spot = found[order[int(at * (len(found) - 1))]]
            rows.append((spot[0], spot[1], word))
    return label_layer(pd.DataFrame(rows, columns=["x", "y", "word"]))


def label_layer(frame: pd.DataFrame, **style: object) -> alt.LayerChart:
    """Words at x, y: ink on a halo that keeps them readable on any colour."""
    options = {"fontSize": 11, **style}
    base = alt.Chart(frame).encode(x="x:Q", y="y:Q", text="word:N")
    halo = base.mark_text(color=HALO, stroke=HALO, strokeWidth=3.5, strokeJoin="round", opacity=0.85, **options)
    return halo + base.mark_text(color=MAP_INK, **options)


def run_points(frame: pd.DataFrame, names: tuple[str, str]) -> alt.Chart:
    """The settings that were run."""
    points = frame[list(names)].drop_duplicates().set_axis(["x", "y"], axis=1)
    style = {"filled": True, "size": 42, "color": HALO, "stroke": MAP_INK, "strokeWidth": 1.4, "opacity": 1}
    return alt.Chart(points).mark_point(**style).encode(x="x:Q", y="y:Q")


def _padded(values: Array) -> list[float]:
    room = 0.05 * (values[-1] - values[0])
    return [float(values[0] - room), float(values[-1] + room)]
