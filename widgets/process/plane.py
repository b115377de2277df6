"""A plane of two factors as SVG: probability of conformance, the window's edge, mean limits, shapes, runs, a setting.

Drawn here and not by a chart library: a slider redraws it at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np

from widgets.builder.colours import viridis
from widgets.design.svg import INK, MUTED, line, rect, text
from widgets.process import maps
from widgets.theme import COLOURS
from workbench.i18n import LANGUAGES
from workbench.process.review import name_of, setting_words
from workbench.process.window import Factor, uncoded
from workbench.process.window.contours import bands, isoline
from workbench.process.window.operating import Operating
from workbench.process.window.study import Field, WindowStudy
from workbench.units import symbol_of

Array = np.ndarray
LEVELS = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])
EDGE = COLOURS[5]
LEFT, BOTTOM, TOP, RIGHT = 66, 50, 26, 18


@dataclass(frozen=True)
class Plane:
    """The frame of one plane: `x` and `y` are the ends of the axes in units, `side` its size in px, `ox`, `oy` where
    its upper left corner stands."""

    x: tuple[float, float]
    y: tuple[float, float]
    side: float
    ox: float = LEFT
    oy: float = TOP

    @classmethod
    def of(cls, field: Field, side: float, ox: float = LEFT, oy: float = TOP) -> Plane:
        ends = []
        for values in (field.x, field.y):
            room = 0.04 * (values[-1] - values[0])
            ends.append((float(values[0] - room), float(values[-1] + room)))
        return cls(*ends, side, ox, oy)

    def place(self, points: Array) -> Array:
        """Points (n, 2) in units as px."""
        points = np.atleast_2d(points)
        a = self.ox + (points[:, 0] - self.x[0]) / (self.x[1] - self.x[0]) * self.side
        b = self.oy + (1 - (points[:, 1] - self.y[0]) / (self.y[1] - self.y[0])) * self.side
        return np.column_stack([a, b])

    def path(self, outlines: Sequence[Array], *, closed: bool, **style: object) -> str:
        """Lines through points in units."""
        parts = []
        for outline in outlines:
            at = self.place(outline)
            parts.append("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in at) + ("Z" if closed else ""))
        named = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in style.items())
        return f'<path d="{"".join(parts)}" {named}/>' if parts else ""

    def axes(self, names: tuple[str, str], *, across: bool = True, up: bool = True) -> str:
        """Ticks, and the titles of the axes where asked for."""
        x0, y0, side = self.ox, self.oy + self.side, self.side
        out = [line(x0, y0, x0 + side, y0), line(x0, y0 - side, x0, y0)]
        for v in ticks(*self.x):
            a = float(self.place(np.array([[v, self.y[0]]]))[0, 0])
            out += [line(a, y0, a, y0 + 4), text(a, y0 + 17, f"{v:g}", size=11, anchor="middle", style=MUTED)]
        for v in ticks(*self.y):
            b = float(self.place(np.array([[self.x[0], v]]))[0, 1])
            out += [line(x0 - 4, b, x0, b), text(x0 - 7, b + 4, f"{v:g}", size=11, anchor="end", style=MUTED)]
        if across:
            out.append(text(x0 + side / 2, y0 + 37, axis_words(names[0]), anchor="middle"))
        if up:
            out.append(text(x0 - 48, y0 - side / 2, axis_words(names[1]), anchor="middle", turned=True))
        return "".join(out)

    def mark(self, at: Array, word: str = "", *, shape: str = "cross", colour: str = EDGE) -> str:
        """A setting (2,) with its name on a halo."""
        a, b = self.place(at)[0]
        if shape == "cross":
            d = f"M{a - 8:.1f} {b:.1f}H{a + 8:.1f}M{a:.1f} {b - 8:.1f}V{b + 8:.1f}"
            out = (f'<path d="{d}" stroke="{maps.HALO}" stroke-width="7" stroke-linecap="round"/>'
                   f'<path d="{d}" stroke="{colour}" stroke-width="4" stroke-linecap="round"/>')  # fmt: skip
        else:
            out = (f'<circle cx="{a:.1f}" cy="{b:.1f}" r="5" fill="{colour}" stroke="{maps.HALO}" '
                   'stroke-width="1.5"/>')  # fmt: skip
        return out + (halo(a, b + 24 if shape == "cross" else b - 9, word) if word else "")


def ticks(low: float, high: float, count: int = 5) -> Array:
    """Round values inside."""
    found = maps.nice_levels(np.array([low, high]), count)
    return found[(found >= low) & (found <= high)]


def axis_words(name: str) -> dict[str, str]:
    unit = symbol_of(name)
    return {lang: name_of(name, lang) + (f" ({unit})" if unit else "") for lang in LANGUAGES}


def halo(a: float, b: float, word: str, *, size: float = 11, anchor: str = "middle") -> str:
    """A word readable on any colour."""
    return (f'<text x="{a:.1f}" y="{b:.1f}" font-size="{size:g}" text-anchor="{anchor}" fill="{maps.MAP_INK}" '
            f'stroke="{maps.HALO}" stroke-width="3.5" stroke-linejoin="round" paint-order="stroke">'
            f"{escape(word)}</text>")  # fmt: skip


def probability(plane: Plane, field: Field, study: WindowStudy, *, labels: bool) -> str:
    """Bands of probability, the window's edge, and where a mean alone touches its limit (dashed)."""
    by_band: dict[int, list[Array]] = {}
    for n, outline in bands(field.x, field.y, field.probability, LEVELS, field.margin):
        by_band.setdefault(n, []).append(outline)
    out = []
    for n, outlines in by_band.items():
        colour = viridis(float(LEVELS[n] + LEVELS[n + 1]) / 2)
        out.append(plane.path(outlines, closed=True, fill=colour, stroke=colour, stroke_width=0.6,
                              fill_rule="evenodd"))  # fmt: skip
    words = []
    for r in study.limited:
        for sign, limit in (("≥", r.limits.lower), ("≤", r.limits.upper)):
            found = [] if limit is None else isoline(field.x, field.y, field.means[r.name], limit, field.margin)
            out.append(plane.path(found, closed=False, fill="none", stroke=maps.MAP_INK, stroke_width=1.3,
                                  stroke_dasharray="4 3"))  # fmt: skip
            if found and labels:
                words.append((found[0], f"{name_of(r.name, 'en')} {sign} {limit:g} {symbol_of(r.name)}".strip()))
    edge = isoline(field.x, field.y, field.probability, study.wanted, field.margin)
    out.append(plane.path(edge, closed=False, fill="none", stroke=EDGE, stroke_width=3.2, stroke_linecap="round"))
    taken: list[Array] = []
    for outline, word in words + ([(edge[0], f"{100 * study.wanted:g} %")] if edge and labels else []):
        at = _clear(plane.place(outline), taken, plane, len(word))
        taken.append(at)
        out.append(halo(at[0], at[1] + 4, word))
    return "".join(out)


def shapes(plane: Plane, study: WindowStudy, x: Array, axes: tuple[int, int], box: Operating | None,
           ellipsoid: Operating | None) -> str:  # fmt: skip
    """What the largest box and ellipsoid leave of themselves in the plane through the coded point `x` (k,)."""
    out = []
    setting = uncoded(study.factors, x[None])[0]
    others = [i for i in range(len(x)) if i not in axes]
    if box is not None and all(box.low[i] - 1e-9 <= setting[i] <= box.high[i] + 1e-9 for i in others):
        (a, b), (c, d) = ((box.low[i], box.high[i]) for i in axes)
        corners = np.array([[a, c], [b, c], [b, d], [a, d]])
        out.append(plane.path([corners], closed=True, fill="none", stroke=maps.HALO, stroke_width=2.4))
    if ellipsoid is not None:
        ring = section(ellipsoid.shape.centre, ellipsoid.shape.root, setting, axes)
        if ring is not None:
            out.append(plane.path([ring], closed=True, fill="none", stroke=maps.HALO, stroke_width=2,
                                  stroke_dasharray="7 4"))  # fmt: skip
    return "".join(out)


def section(centre: Array, root: Array, at: Array, axes: tuple[int, int]) -> Array | None:
    """Outline (73, 2) of the ellipsoid centre + root u in the plane of `axes` through `at` (k,); None where it misses.

    With A = (root root')^-1 and the other coordinates held at distance d from the centre: (p - m)' A_pp (p - m) =
    1 - d' (A_oo - A_op A_pp^-1 A_po) d, m = c_p - A_pp^-1 A_po d.
    """
    a = np.linalg.inv(root @ root.T)
    p, o = list(axes), [i for i in range(len(at)) if i not in axes]
    d = at[o] - centre[o]
    app, apo = a[np.ix_(p, p)], a[np.ix_(p, o)]
    middle = centre[p] - np.linalg.solve(app, apo @ d)
    rest = 1.0 - float(d @ (a[np.ix_(o, o)] - apo.T @ np.linalg.solve(app, apo)) @ d)
    if rest <= 0:
        return None
    half = np.linalg.inv(np.linalg.cholesky(app)).T * np.sqrt(rest)
    angle = np.linspace(0, 2 * np.pi, 73)
    return middle + np.column_stack([np.cos(angle), np.sin(angle)]) @ half.T


def runs_made(plane: Plane, settings: Array) -> str:
    """The settings that were run (n, 2), as circles."""
    at = plane.place(np.unique(settings, axis=0))
    return "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.4" fill="{maps.HALO}" stroke="{maps.MAP_INK}" '
                   'stroke-width="1.3"/>' for a, b in at)  # fmt: skip


def drift_ring(study: WindowStudy, x: Array, axes: tuple[int, int]) -> Array | None:
    """The ellipse that holds 95 % of the drift in the plane, in units; None without drift."""
    sd = study.drift.sd[list(axes)]
    if not sd.any():
        return None
    angle = np.linspace(0, 2 * np.pi, 73)
    ring = np.tile(x, (len(angle), 1))
    ring[:, list(axes)] += np.column_stack([np.cos(angle), np.sin(angle)]) * sd * np.sqrt(-2 * np.log(0.05))
    return uncoded(study.factors, ring)[:, list(axes)]


def legend(x: float, y: float, height: float, title: dict[str, str]) -> str:
    """The scale of probability, upright."""
    out = [text(x, y - 9, title, size=11, style=MUTED)]
    span = LEVELS[-1] - LEVELS[0]
    for low, high in pairwise(LEVELS):
        top = y + height * (1 - (high - LEVELS[0]) / span)
        out.append(rect(x, top, 14, height * (high - low) / span + 0.5, viridis(float(low + high) / 2)))
    for v in (0, 0.25, 0.5, 0.75, 1.0):
        out.append(text(x + 19, y + height * (1 - v) + 4, f"{100 * v:g} %", size=11, style=INK))
    return "".join(out)


def factor_title(factor: Factor, value: float) -> dict[str, str]:
    """``Sulfur 2.30 phr`` in every language."""
    return {lang: setting_words(factor, value, lang) for lang in LANGUAGES}


def _clear(points: Array, taken: Sequence[Array], plane: Plane, letters: int) -> Array:
    """The place on a line where a word has most room."""
    reach = 3.1 * letters
    inside = np.minimum(points[:, 0] - plane.ox - reach, plane.ox + plane.side - reach - points[:, 0])
    gap = np.full(len(points), 80.0)
    for other in taken:
        gap = np.minimum(gap, np.hypot((points[:, 0] - other[0]) / 3, points[:, 1] - other[1]))
    upright = np.minimum(points[:, 1] - plane.oy, plane.oy + plane.side - points[:, 1])
    return points[int(np.argmax(np.minimum(np.minimum(gap, inside), upright)))]
