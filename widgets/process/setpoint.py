"""The process window, the set point in it and what drift costs."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from widgets.page import note, picture, say, table
from widgets.process import maps
from widgets.theme import COLOURS
from workbench.i18n import LANGUAGES, t
from workbench.process.review import Review, name_of, set_point_words
from workbench.process.window import uncoded
from workbench.schema.summary import shown
from workbench.units import symbol_of

LEVELS = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])


def window(result: Review) -> None:
    """Probability of conformance, the contour at the wanted level, the mean overlay and the set point."""
    study, field = result.window, result.window.field
    names = (study.factors[0].name, study.factors[1].name)
    settings = result.experiment.settings
    busy = np.vstack([settings[list(names)].to_numpy(), study.setting[:2], *_box_corners(result)])
    plane = maps.Map(field, field.probability, names, side=440, busy=busy).fill(LEVELS)
    plane.line(study.wanted, f"{100 * study.wanted:g} %", color=COLOURS[5], strokeWidth=3.2, opacity=1)
    _overlay(result, plane)
    for level in (0.1, 0.5, 0.9):
        if abs(level - study.wanted) > 0.02:
            plane.line(level, f"{100 * level:g} %")
    _box(result, plane)
    plane.runs(settings)
    _set_point(result, plane)
    said = {lang: _window_words(result, lang) for lang in LANGUAGES}
    picture(plane.chart(), say=said, table=_limits_table(result))
    note("process.note.window", wanted=f"{100 * study.wanted:g}")
    note("process.note.joint_correlated" if study.joint == "correlated" else "process.note.joint_independent",
         correlation=_correlation_words(result))  # fmt: skip


def set_point(result: Review) -> None:
    """What to expect at the recommended set point, and from what."""
    study, point = result.window, result.window.set_point
    rows = [
        ("expected", point.drifted.value, point.low, point.high),
        ("still", point.still, None, None),
        *((r.name, float(p), None, None) for r, p in zip(study.limited, point.single, strict=True)),
        ("worst_case", point.worst_case, None, None),
    ]
    table(
        pd.DataFrame(
            [
                {
                    "process.quantity": _quantity_words(key),
                    "process.probability_percent": 100 * value,
                    "process.low_percent": None if low is None else 100 * low,
                    "process.high_percent": None if high is None else 100 * high,
                }
                for key, value, low, high in rows
            ]
        ),
        caption={
            lang: t("process.caption.set_point", lang, set_point=set_point_words(study, lang)) for lang in LANGUAGES
        },
        flags={"process.probability_percent": result.experiment.origin.flag} if result.experiment.origin.flag else {},
    )
    note(
        "process.note.integration",
        points=f"{point.drifted.point_count:,}",
        error=shown(100 * point.drifted.standard_error, 2),
        outside=shown(100 * point.drifted.outside_ratio, 2),
    )


def drift(result: Review) -> None:
    """Yield at the set point against the size of the drift."""
    curve, study = result.window.curve, result.window
    if curve is None:
        say("process.say.no_drift")
        return
    frame = pd.DataFrame(
        {
            "process.multiple": curve.multiple,
            "process.yield_percent": 100 * curve.value,
            "process.low_percent": 100 * curve.low,
            "process.high_percent": 100 * curve.high,
        }
    )
    plain = frame.set_axis(["m", "y", "low", "high"], axis=1)
    floor = 10 * np.floor(plain["low"].min() / 10)
    across = alt.Scale(domain=[0, float(plain["m"].max())], nice=False)
    x = alt.X("m:Q", title=maps.both("label.process.multiple"), scale=across, axis=alt.Axis(grid=False, tickCount=10))
    upward = alt.Scale(domain=[floor, 100], zero=False)
    title = maps.both("label.process.yield") + " (%)"
    y, y_low = (alt.Y(f"{name}:Q", title=title, scale=upward, axis=alt.Axis(tickCount=6)) for name in ("y", "low"))
    band = alt.Chart(plain).mark_area(opacity=0.18, color=COLOURS[0]).encode(x=x, y=y_low, y2="high")
    line = alt.Chart(plain).mark_line(color=COLOURS[0]).encode(x=x, y=y)
    wanted = alt.Chart(pd.DataFrame({"y": [100 * study.wanted]}))
    rule = wanted.mark_rule(color=COLOURS[5], strokeDash=[6, 4], strokeWidth=1.5).encode(y="y:Q")
    word = wanted.mark_text(align="left", dx=96, dy=9, x=0, color=COLOURS[5]).encode(
        y="y:Q", text=alt.value(f"{maps.both('label.process.wanted')} {100 * study.wanted:g} %")
    )
    stated = alt.Chart(pd.DataFrame({"m": [1.0]})).mark_rule(strokeDash=[2, 3]).encode(x="m:Q")
    stated_word = (
        alt.Chart(pd.DataFrame({"m": [1.0]}))
        .mark_text(align="left", dx=5, y="height", dy=-8)
        .encode(x="m:Q", text=alt.value(maps.both("label.process.stated")))
    )
    held = curve.multiple[curve.value >= study.wanted]
    key = "process.say.drift_none" if not len(held) else "process.say.drift"
    said = {
        lang: t(
            key,
            lang,
            multiple=f"{np.floor(10 * held.max()) / 10:g}" if len(held) else "0",
            loss=shown(100 * (curve.value[0] - study.set_point.drifted.value), 2),
            wanted=f"{100 * study.wanted:g}",
            drift=_drift_words(result, lang),
        )
        for lang in LANGUAGES
    }
    chart = alt.layer(band, line, rule, word, stated, stated_word).properties(width=560, height=240)
    picture(chart, say=said, table=frame)
    note("process.note.drift", confidence=f"{100 * study.confidence:g}")


def _overlay(result: Review, plane: maps.Map) -> None:
    """Where the mean surfaces alone touch a limit: dashed."""
    style = {"color": maps.MAP_INK, "strokeDash": [4, 3], "strokeWidth": 1.4, "opacity": 1}
    for response in result.window.limited:
        for limit in (response.limits.lower, response.limits.upper):
            if limit is not None:
                word = f"{name_of(response.name, 'en')} {limit:g} {symbol_of(response.name)}".strip()
                plane.line(limit, word, of=result.window.field.means[response.name], **style)


def _box_corners(result: Review) -> list[tuple[float, float]]:
    if result.window.box is None:
        return []
    x, y = result.window.box
    return [(a, b) for a in x for b in y]


def _box(result: Review, plane: maps.Map) -> None:
    if result.window.box is not None:
        (x1, x2), (y1, y2) = result.window.box
        frame = pd.DataFrame({"x": [x1], "x2": [x2], "y": [y1], "y2": [y2]})
        style = {"fillOpacity": 0, "stroke": maps.HALO, "strokeWidth": 2}
        plane.add(alt.Chart(frame).mark_rect(**style).encode(x="x:Q", x2="x2", y="y:Q", y2="y2"))


def _set_point(result: Review, plane: maps.Map) -> None:
    """A cross at the set point and the ellipse that holds 95 % of the drift."""
    study = result.window
    at = study.setting[:2]
    if np.any(study.drift.sd):
        angle = np.linspace(0, 2 * np.pi, 73)
        ring = np.tile(study.set_point.x, (len(angle), 1))
        reach = study.drift.sd[:2] * np.sqrt(-2 * np.log(0.05))
        ring[:, :2] += np.column_stack([np.cos(angle), np.sin(angle)]) * reach
        frame = pd.DataFrame(uncoded(study.factors, ring)[:, :2], columns=["x", "y"]).assign(order=range(len(angle)))
        style = {"color": maps.MAP_INK, "strokeWidth": 1.6}
        plane.add(alt.Chart(frame).mark_line(**style).encode(x="x:Q", y="y:Q", order="order:Q"))
    point = pd.DataFrame({"x": at[:1], "y": at[1:2]})
    style = {"shape": "cross", "size": 150, "filled": True, "color": COLOURS[5], "stroke": maps.HALO, "opacity": 1}
    plane.add(alt.Chart(point).mark_point(**style).encode(x="x:Q", y="y:Q"))
    plane.label(at, t("label.process.set_point_short", "en"), align="right", dx=-14, dy=27, fontWeight="bold")


def _limits_table(result: Review) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "process.response": {lang: name_of(r.name, lang) for lang in LANGUAGES},
                "process.lower": r.limits.lower,
                "process.upper": r.limits.upper,
                "process.unit": symbol_of(r.name) or "–",
            }
            for r in result.window.limited
        ]
    )


def _window_words(result: Review, lang: str) -> str:
    study = result.window
    facts = {
        "wanted": f"{100 * study.wanted:g}",
        "share": shown(100 * study.window_share, 2),
        "mean_share": shown(100 * study.mean_window_share, 2),
        "best": shown(100 * study.set_point.still, 3),
        "range": _range_words(result, lang),
    }
    if not study.window_exists:
        return t("process.say.no_window", lang, **facts)
    return t("process.say.window" if study.box else "process.say.window_point", lang, **facts)


def _range_words(result: Review, lang: str) -> str:
    if result.window.box is None:
        return ""
    pairs = zip(result.window.factors, result.window.box, strict=False)
    return ", ".join(
        f"{name_of(f.name, lang)} {shown(low, 3)} … {shown(high, 3)} {symbol_of(f.name)}".strip()
        for f, (low, high) in pairs
    )


def _drift_words(result: Review, lang: str) -> str:
    study = result.window
    sizes = study.drift.sd * [f.half_range for f in study.factors]
    words = (
        f"{name_of(f.name, lang)} {s:.3g} {symbol_of(f.name)}".strip()
        for f, s in zip(study.factors, sizes, strict=True)
    )
    return ", ".join(words)


def _correlation_words(result: Review) -> str:
    c = result.window.correlation
    return ", ".join(f"{c[i, j]:.2f}" for i in range(len(c)) for j in range(i + 1, len(c))) or "–"


def _quantity_words(key: str) -> dict[str, str]:
    if key in ("expected", "still", "worst_case"):
        return {lang: t(f"process.quantity.{key}", lang) for lang in LANGUAGES}
    return {lang: t("process.quantity.single", lang, name=name_of(key, lang)) for lang in LANGUAGES}
