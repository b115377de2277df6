"""The chart beside a map: readings as a histogram and in their order, with the chosen units in front of all others.

Drawn as SVG by hand: it follows a brush, and a chart of Vega would take longer to draw than a hand to move.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from widgets.design import svg
from workbench.i18n import LANGUAGES, t
from workbench.schema.summary import shown

Array = np.ndarray
CHOSEN, ALL, LIMIT = "#D55E00", "#9FB8CE", "#B3261E"
WIDTH, LEFT, RIGHT = 480, 58, 14
_HIGH, _GAP, _TOP = 150, 58, 22
MOST_POINTS = 1500  # drawn one by one


def pair(values: Array, chosen: Array | None, name: Mapping[str, str], *, lower: float | None = None,
         upper: float | None = None) -> str:  # fmt: skip
    """Histogram above, readings in their order below, both with limits. `values` (n,) may hold NaN; `chosen` (n,) are
    booleans, None where nothing was chosen; `name` is the axis with its unit."""
    there = np.isfinite(values)
    x = values[there]
    inside = None if chosen is None or not chosen.any() else chosen[there]
    title = {lang: f"{name[lang]}" for lang in LANGUAGES}
    out = [svg.open_svg(WIDTH, 2 * _HIGH + _GAP + _TOP + 46, title)]
    if not len(x):
        out.append(svg.text(LEFT, _TOP + 20, {lang: t("lot_review.chart.empty", lang) for lang in LANGUAGES}))
        return "".join(out) + "</svg>"
    ends = [v for v in (lower, upper) if v is not None]
    low, high = min([x.min(), *ends]), max([x.max(), *ends])
    room = 0.05 * ((high - low) or abs(high) or 1.0)
    axis = (low - room, high + room)
    out += _histogram(x, inside, axis, lower, upper)
    out.append(svg.text(LEFT + (WIDTH - LEFT - RIGHT) / 2, _TOP + _HIGH + 34, name, anchor="middle"))
    out += _sequence(x, inside, np.flatnonzero(there), len(values), axis, lower, upper, name)
    return "".join(out) + "</svg>"


def _histogram(x: Array, inside: Array | None, axis: tuple[float, float], lower: float | None,
               upper: float | None) -> list[str]:  # fmt: skip
    count = int(np.clip(2 * np.sqrt(len(x)), 8, 40))
    edges = np.linspace(*axis, count + 1)
    tall, _ = np.histogram(x, edges)
    front = np.zeros(count, int) if inside is None else np.histogram(x[inside], edges)[0]
    wide = (WIDTH - LEFT - RIGHT) / count
    px = (_HIGH - 12) / max(tall.max(), 1)
    floor = _TOP + _HIGH
    out = []
    for i in range(count):
        if tall[i]:
            out.append(svg.rect(LEFT + i * wide + 0.6, floor - tall[i] * px, wide - 1.2, tall[i] * px, ALL))
        if front[i]:
            out.append(svg.rect(LEFT + i * wide + 0.6, floor - front[i] * px, wide - 1.2, front[i] * px, CHOSEN))
    out.append(svg.line(LEFT, floor, WIDTH - RIGHT, floor))
    for value in _ticks(*axis):
        at = _across(value, axis)
        out.append(svg.line(at, floor, at, floor + 4))
        out.append(svg.text(at, floor + 17, _tick(value, axis), anchor="middle", size=11, style=svg.MUTED))
    for value in _whole_ticks(int(tall.max())):
        out.append(svg.text(LEFT - 6, floor - value * px + 4, f"{value:,}", anchor="end", size=11, style=svg.MUTED))
    units = {lang: t("lot_review.chart.units", lang) for lang in LANGUAGES}
    out.append(svg.text(14, _TOP + _HIGH / 2, units, anchor="middle", turned=True))
    for word, value in (("LSL", lower), ("USL", upper)):
        if value is not None:
            at = _across(value, axis)
            out.append(svg.line(at, _TOP - 6, at, floor, width=1.6, style=f"stroke:{LIMIT}",
                                extra='stroke-dasharray="6 4"'))  # fmt: skip
            anchor = "start" if at < WIDTH / 2 else "end"
            out.append(svg.text(at + (4 if anchor == "start" else -4), _TOP - 8, f"{word} {shown(float(value), 4)}",
                                anchor=anchor, size=11))  # fmt: skip
    return out


def _sequence(x: Array, inside: Array | None, places: Array, count: int, axis: tuple[float, float],
              lower: float | None, upper: float | None, name: Mapping[str, str]) -> list[str]:  # fmt: skip
    top = _TOP + _HIGH + _GAP
    floor = top + _HIGH
    step = (WIDTH - LEFT - RIGHT) / max(count, 2)

    def down(value: float) -> float:
        return floor - (value - axis[0]) / (axis[1] - axis[0]) * _HIGH

    out = [svg.line(LEFT, floor, WIDTH - RIGHT, floor), svg.line(LEFT, top, LEFT, floor)]
    for value in _ticks(*axis, most=5):
        out.append(svg.line(LEFT - 4, down(value), LEFT, down(value)))
        out.append(svg.text(LEFT - 7, down(value) + 4, _tick(value, axis), anchor="end", size=11, style=svg.MUTED))
    for value in (lower, upper):
        if value is not None:
            out.append(svg.line(LEFT, down(value), WIDTH - RIGHT, down(value), width=1.6, style=f"stroke:{LIMIT}",
                                extra='stroke-dasharray="6 4"'))  # fmt: skip
    middle = float(np.median(x))
    out.append(svg.line(LEFT, down(middle), WIDTH - RIGHT, down(middle), extra='stroke-dasharray="2 3"'))
    size = 3.4 if len(x) <= 150 else 2.2
    for mask, colour in ((None if inside is None else ~inside, ALL if inside is not None else "#0072B2"),
                         (inside, CHOSEN)):  # fmt: skip
        if mask is None and colour == CHOSEN:
            continue
        at = np.flatnonzero(np.ones(len(x), bool) if mask is None else mask)
        if len(at) > MOST_POINTS:
            at = at[np.linspace(0, len(at) - 1, MOST_POINTS).round().astype(int)]
        dots = "".join(f"M{LEFT + (place + 0.5) * step:.1f} {down(value):.1f}h0"
                       for place, value in zip(places[at], x[at], strict=True))  # fmt: skip
        if dots:
            out.append(f'<path d="{dots}" fill="none" stroke="{colour}" stroke-width="{2 * size}" '
                       'stroke-linecap="round"/>')  # fmt: skip
    out.append(svg.text(14, top + _HIGH / 2, name, anchor="middle", turned=True))
    for value in _whole_ticks(count):
        at = LEFT + (value - 0.5) * step
        out.append(svg.text(at, floor + 16, f"{value:,}", anchor="middle", size=11, style=svg.MUTED))
    order = {lang: t("lot_review.chart.order", lang) for lang in LANGUAGES}
    out.append(svg.text(LEFT + (WIDTH - LEFT - RIGHT) / 2, floor + 34, order, anchor="middle"))
    return out


def _across(value: float, axis: tuple[float, float]) -> float:
    return LEFT + (value - axis[0]) / (axis[1] - axis[0]) * (WIDTH - LEFT - RIGHT)


def _ticks(low: float, high: float, most: int = 7) -> Array:
    """Round values between `low` and `high`."""
    raw = (high - low) / most
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power >= raw)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step


def _tick(value: float, axis: tuple[float, float]) -> str:
    span = axis[1] - axis[0]
    decimals = max(0, int(np.ceil(-np.log10(span / 20))))
    return f"{value + 0.0:.{decimals}f}" if decimals <= 8 else f"{value:.3g}"


def _whole_ticks(most: int) -> list[int]:
    if most <= 0:
        return []
    step = max(1, int(np.ceil(most / 4)))
    power = 10 ** (len(str(step)) - 1)
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= step)
    return list(range(step, most + 1, step))
