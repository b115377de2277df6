"""Slices of the window: on screen with a slider for every factor, in a report as small multiples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import ipywidgets as w
import numpy as np
import pandas as pd
from IPython.display import display

from widgets.design.svg import open_svg, text
from widgets.page import picture, say, spans
from widgets.process import plane as planes
from widgets.process.words import limit_words
from workbench.i18n import LANGUAGES, language, t
from workbench.process.review import Review, name_of, set_point_words, setting_shown, setting_words
from workbench.process.window import Factor, conformance, conformance_interval, uncoded
from workbench.process.window.operating import coded_at, margins, slice_field
from workbench.process.window.probability import posterior
from workbench.process.window.study import Field, WindowStudy
from workbench.schema.summary import shown
from workbench.units import symbol_of

Array = np.ndarray
SIDE, SMALL = 420, 210
STEPS = 100  # of a slider over the tested range


def slices(interactive: bool) -> Callable[[Review], None]:
    """The view: a screen with sliders where someone can use it, else small multiples."""
    return _Screens() if interactive else small_multiples


class _Screens:
    """Shows a result's screen and closes the one before."""

    def __init__(self) -> None:
        self._screen: SliceScreen | None = None

    def __call__(self, result: Review) -> None:
        if self._screen is not None:
            self._screen.close_all()
        say("process.say.slices")
        self._screen = SliceScreen(result)
        display(self._screen)


class SliceScreen(w.VBox):
    """The plane of two factors through a setting that sliders move, and what a unit made there can expect."""

    def __init__(self, result: Review):
        self.result, study = result, result.window
        names = [f.name for f in study.factors]
        options = [(name_of(name, language()), i) for i, name in enumerate(names)]
        first = widest(study) if len(names) > 1 else (0, 0)
        words = w.Layout(width="300px")
        self.across, self.up = (
            w.Dropdown(options=options, value=value, description=t(key, language()), tooltip=t(key, language()),
                       layout=words, style={"description_width": "90px"})
            for value, key in zip(first, ("process.control.across", "process.control.up"), strict=True)
        )  # fmt: skip
        self.sliders = tuple(self._slider(i) for i in range(len(names)))
        back = w.Button(description=t("process.control.back", language()),
                        tooltip=t("process.control.back", language()), layout=w.Layout(width="auto"))  # fmt: skip
        back.on_click(lambda _: self.go(study.setting))
        self.map = w.HTML()
        self.reading = w.HTML()
        self._field: tuple[tuple, Field] | None = None
        self._axes = first
        self._held = False
        for control in (self.across, self.up):
            control.observe(self._turned, names="value")
        axes = [w.HBox([self.across, self.up], layout=w.Layout(flex_flow="row wrap"))] if len(names) > 2 else []
        controls = w.VBox([*axes, *self.sliders, back, self.reading], layout=w.Layout(max_width="640px"))
        super().__init__([w.HBox([self.map, controls], layout=w.Layout(flex_flow="row wrap"))])
        self.add_class("wb-slices")
        self.draw()

    def _slider(self, i: int) -> w.FloatSlider:
        factor = self.result.window.factors[i]
        unit = symbol_of(factor.name)
        decimals = len(setting_shown(factor, factor.low).partition(".")[2])
        made = w.FloatSlider(
            value=on_step(factor, float(self.result.window.setting[i])), min=factor.low, max=factor.high,
            step=2 * factor.half_range / STEPS, readout_format=f".{decimals}f",
            description=name_of(factor.name, language()) + (f" ({unit})" if unit else ""),
            tooltip=name_of(factor.name, language()), layout=w.Layout(width="540px", max_width="100%"),
            style={"description_width": "190px"},
        )  # fmt: skip
        made.observe(lambda change: self.draw(), names="value")
        return made

    def go(self, setting: Array) -> None:
        """Move every slider at once, drawing once."""
        self._held = True
        for slider, factor, value in zip(self.sliders, self.result.window.factors, setting, strict=True):
            slider.value = on_step(factor, float(value))
        self._held = False
        self.draw()

    def _turned(self, change: dict) -> None:
        if self.across.value == self.up.value:  # the other axis takes the place that was left
            other = self.up if change["owner"] is self.across else self.across
            other.value = change["old"]
            return
        self._axes = (self.across.value, self.up.value)
        self.draw()

    @property
    def setting(self) -> dict[str, float]:
        """The setting under the cross, in the factors' units."""
        return {f.name: s.value for f, s in zip(self.result.window.factors, self.sliders, strict=True)}

    def draw(self) -> None:
        if self._held:
            return
        study, axes, at = self.result.window, self._axes, self.setting
        held = {name: v for i, (name, v) in enumerate(at.items()) if i not in axes}
        key = (axes, tuple(held.values()))
        if self._field is None or self._field[0] != key:
            self._field = key, plane_field(study, axes, held)
        field = self._field[1]
        x = np.array([(at[f.name] - f.centre) / f.half_range for f in study.factors])
        self.map.value = f'<div class="wb"><div class="wb-picture">{slice_svg(self.result, field, x, axes)}</div></div>'
        self.reading.value = f'<div class="wb"><p class="wb-say" role="status">{reading(study, at, field)}</p></div>'

    def close_all(self) -> None:
        """Close the screen and everything on it."""
        for widget in (*self.sliders, self.across, self.up, self.map, self.reading, self):
            widget.close()


def on_step(factor: Factor, value: float) -> float:
    """The nearest step of a slider: the browser would move there on its own, and say so later."""
    step = 2 * factor.half_range / STEPS
    return factor.low + step * round((value - factor.low) / step)


def slice_svg(result: Review, field: Field, x: Array, axes: tuple[int, int]) -> str:
    """One slice through the coded point `x` (k,), with everything that lies in its plane."""
    study = result.window
    names = tuple(study.factors[i].name for i in axes)
    plane = planes.Plane.of(field, SIDE)
    width, height = planes.LEFT + SIDE + 110, planes.TOP + SIDE + planes.BOTTOM
    parts = [open_svg(width, height, {lang: t("process.alt.slice", lang) for lang in LANGUAGES})]
    parts.append(planes.probability(plane, field, study, labels=True))
    parts.append(planes.shapes(plane, study, x, axes, result.ranges.box, result.ranges.ellipsoid))
    parts.append(planes.runs_made(plane, result.experiment.settings[list(names)].to_numpy()))
    ring = planes.drift_ring(study, x, axes)
    if ring is not None:
        parts.append(plane.path([ring], closed=True, fill="none", stroke=planes.maps.MAP_INK, stroke_width=1.5))
    parts.append(plane.mark(uncoded(study.factors, x[None])[0, list(axes)]))
    parts.append(plane.axes(names))
    legend = {lang: t("label.process.conformance_short", lang) for lang in LANGUAGES}
    parts.append(planes.legend(planes.LEFT + SIDE + 22, planes.TOP + 12, 180, legend))
    return "".join(parts) + "</svg>"


def expectation(study: WindowStudy, at: dict[str, float]) -> tuple[float, float, float]:
    """Probability of conformance with drift at a setting, and its credible interval, made for sliders: fewer points
    than the recommended set point is judged by (both to about a percentage point)."""
    x, level = coded_at(study, at)
    models = study.models(**level)
    joint = conformance(models, study.bounds, study.drift.points(x, points_log2=4, seed=0), correlation=study.coupling,
                        nodes_log2=7)[0]  # fmt: skip
    coupled = study.coupling is not None
    draws = posterior(models, draws_log2=6 if coupled else 9)
    points = study.drift.points(x, points_log2=1 if coupled else 4, seed=0)
    _, low, high = conformance_interval(models, study.bounds, points, correlation=study.coupling,
                                        confidence=study.confidence, draws=draws)  # fmt: skip
    value = float(joint.mean())
    return value, min(low, value), max(high, value)


def reading(study: WindowStudy, at: dict[str, float], field: Field) -> str:
    """What to expect at a setting, in words (HTML, both languages)."""
    value, low, high = expectation(study, at)
    nearest = margins(study, at)[0]
    inside = bool(study.region.contains(coded_at(study, at)[0])[0])
    said = {}
    for lang in LANGUAGES:
        words = t("process.say.reading", lang,
                  setting=set_point_words(study, lang, np.array([at[f.name] for f in study.factors])),
                  value=shown(100 * value, 2), low=shown(100 * low, 2), high=shown(100 * high, 2),
                  confidence=f"{100 * study.confidence:g}",
                  limit=limit_words(nearest.response, nearest.side, nearest.limit, lang),
                  sigma=shown(float(nearest.in_sigma), 2), share=shown(100 * window_share(study, field), 2),
                  wanted=f"{100 * study.wanted:g}")  # fmt: skip
        said[lang] = words if inside else words + " " + t("process.say.outside", lang)
    return spans(said)


def small_multiples(result: Review) -> None:
    """Slices at low, set point and high of each factor that is not on an axis; for two factors, of which there is only
    one, a note."""
    study = result.window
    if len(study.factors) < 3:
        say("process.say.slices_two")
        return
    axes = widest(study)
    others = [i for i in range(len(study.factors)) if i not in axes]
    names = tuple(study.factors[i].name for i in axes)
    gap, head = 26, 46
    width = planes.LEFT + 3 * SMALL + 2 * gap + 112
    height = len(others) * (SMALL + head + 16) + planes.BOTTOM
    parts = [open_svg(width, height, {lang: t("process.alt.slice", lang) for lang in LANGUAGES})]
    rows = []
    for row, i in enumerate(others):
        factor = study.factors[i]
        for column, value in enumerate(_values(study, i)):
            field = plane_field(study, axes, {factor.name: value})
            left, top = planes.LEFT + column * (SMALL + gap), head + row * (SMALL + head + 16)
            plane = planes.Plane.of(field, SMALL, left, top)
            x = study.set_point.x.copy()
            x[i] = (value - factor.centre) / factor.half_range
            parts.append(planes.probability(plane, field, study, labels=False))
            parts.append(planes.shapes(plane, study, x, axes, result.ranges.box, result.ranges.ellipsoid))
            if value == study.setting[i]:
                parts.append(plane.mark(study.setting[list(axes)]))
            parts.append(plane.axes(names, across=row == len(others) - 1, up=column == 0))
            parts.append(text(plane.ox, plane.oy - 10, planes.factor_title(factor, value), size=12, weight=600))
            rows.append({"process.factor": {lang: name_of(factor.name, lang) for lang in LANGUAGES},
                         "process.setting": setting_shown(factor, value),
                         "process.window_share_percent": 100 * window_share(study, field),
                         "process.best_percent": 100 * float(np.where(field.explored, field.probability, 0).max())})
    legend = {lang: t("label.process.conformance_short", lang) for lang in LANGUAGES}
    parts.append(planes.legend(width - 94, head + 12, 150, legend))
    frame = pd.DataFrame(rows)
    said = {lang: _multiples_words(study, frame, others, lang) for lang in LANGUAGES}
    picture("".join(parts) + "</svg>", say=said, table=frame)


def _multiples_words(study: WindowStudy, frame: pd.DataFrame, others: list[int], lang: str) -> str:
    said = []
    for row, i in enumerate(others):
        column = "process.window_share_percent" if study.window_exists else "process.best_percent"
        low, middle, high = frame[column].iloc[3 * row : 3 * row + 3]
        factor, at = study.factors[i], _values(study, i)
        flat = max(low, middle, high) - min(low, middle, high) < 0.1 * max(low, middle, high)
        kind = "process.say.slice_flat" if flat else "process.say.slice_share"
        said.append(t(kind if study.window_exists else "process.say.slice_best", lang,
                      factor=name_of(factor.name, lang), low=shown(low, 2), middle=shown(middle, 2),
                      high=shown(high, 2), wanted=f"{100 * study.wanted:g}",
                      least=setting_words(factor, at[0], lang), between=setting_words(factor, at[1], lang),
                      most=setting_words(factor, at[2], lang)))  # fmt: skip
    return " ".join(said)


def _values(study: WindowStudy, i: int) -> list[float]:
    """A quarter and three quarters of the range of a factor, and its set point, rising."""
    f = study.factors[i]
    return sorted([f.centre - f.half_range / 2, float(study.setting[i]), f.centre + f.half_range / 2])


def plane_field(study: WindowStudy, axes: tuple[int, int], held: dict[str, float]) -> Field:
    """A slice whose margin is that within its plane: a held factor at the end of its range would make it zero
    everywhere, and outlines cut along it ragged."""
    names = [f.name for f in study.factors]
    field = slice_field(study, (names[axes[0]], names[axes[1]]), held)
    x = np.array([(held.get(f.name, c) - f.centre) / f.half_range
                  for f, c in zip(study.factors, study.setting, strict=True)])  # fmt: skip
    region, rest = study.region, [i for i in range(len(x)) if i not in axes]
    if (x[rest] < region.low[rest] - 1e-9).any() or (x[rest] > region.high[rest] + 1e-9).any():
        return field
    a, b = (np.linspace(region.low[i], region.high[i], n) for i, n in zip(axes, field.margin.shape, strict=True))
    distance = np.sqrt(a[:, None] ** 2 + b[None, :] ** 2 + float((x[rest] ** 2).sum()))
    sides = np.minimum(np.minimum(a - a[0], a[-1] - a)[:, None], np.minimum(b - b[0], b[-1] - b)[None, :])
    return replace(field, margin=np.minimum(region.reach - distance, sides))


def widest(study: WindowStudy) -> tuple[int, int]:
    """The two factors that move the probability most across their range from the set point: the axes to look at."""
    found = []
    for i in range(len(study.factors)):
        line = np.tile(study.set_point.x, (21, 1))
        line[:, i] = np.linspace(study.region.low[i], study.region.high[i], 21)
        found.append(float(np.ptp(conformance(study.models(), study.bounds, line, correlation=study.coupling)[0])))
    first = sorted(range(len(found)), key=lambda i: (-round(found[i], 6), i))[:2]
    return tuple(sorted(first))


def window_share(study: WindowStudy, field: Field) -> float:
    """Share of the explored part of a slice that lies in the window."""
    explored = field.explored
    return float((explored & (field.probability >= study.wanted)).sum() / max(explored.sum(), 1))
