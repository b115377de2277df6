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
    titles = (maps.axis_title(names[0]), maps.axis_title(names[1]))
    grid = (field.x, field.y, field.probability)
    shown_levels = [v for v in (0.1, 0.5, 0.9) if abs(v - study.wanted) > 0.02]
    layers = [
        maps.filled(*grid, LEVELS, titles).properties(width=420, height=420),
        maps.lines(*grid, shown_levels),
        maps.line_labels(*grid, shown_levels, [f"{100 * v:g} %" for v in shown_levels]),
        _overlay(result),
        maps.lines(*grid, [study.wanted], color=COLOURS[5], strokeWidth=3.2, opacity=1),
        maps.line_labels(*grid, [study.wanted], [f"{100 * study.wanted:g} %"], at=0.3),
        *_box(result),
        maps.run_points(result.experiment.settings, names),
        *_set_point(result),
    ]
    said = {lang: _window_words(result, lang) for lang in LANGUAGES}
    picture(alt.layer(*layers), say=said, table=_limits_table(result))
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
    x = alt.X("m:Q", title=maps.both("label.process.multiple"), scale=alt.Scale(domain=[0, 4.3], nice=False))
    y = alt.Y("y:Q", title=maps.both("label.process.yield") + " (%)", scale=alt.Scale(domain=[floor, 100]))
    band = alt.Chart(plain).mark_area(opacity=0.18, color=COLOURS[0]).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    line = alt.Chart(plain).mark_line(color=COLOURS[0]).encode(x=x, y=y)
    wanted = alt.Chart(pd.DataFrame({"y": [100 * study.wanted]}))
    rule = wanted.mark_rule(color=COLOURS[5], strokeDash=[6, 4], strokeWidth=1.5).encode(y="y:Q")
    word = wanted.mark_text(align="right", dy=-7, x="width", color=COLOURS[5]).encode(
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
            multiple=f"{held.max():g}" if len(held) else "0",
            loss=shown(100 * (curve.value[0] - study.set_point.drifted.value), 2),
            wanted=f"{100 * study.wanted:g}",
            drift=_drift_words(result, lang),
        )
        for lang in LANGUAGES
    }
    chart = alt.layer(band, line, rule, word, stated, stated_word).properties(width=560, height=240)
    picture(chart, say=said, table=frame)
    note("process.note.drift", confidence=f"{100 * study.confidence:g}")


def _overlay(result: Review) -> alt.LayerChart:
    """Where the mean surfaces alone touch a limit: dashed."""
    field, charts = result.window.field, []
    for response in result.window.limited:
        for limit in (response.limits.lower, response.limits.upper):
            if limit is not None:
                z = field.means[response.name]
                style = {"color": maps.MAP_INK, "strokeDash": [4, 3], "strokeWidth": 1.4, "opacity": 1}
                charts.append(maps.lines(field.x, field.y, z, [limit], **style))
                word = f"{name_of(response.name, 'en')} {limit:g} {symbol_of(response.name)}".strip()
                charts.append(maps.line_labels(field.x, field.y, z, [limit], [word], at=0.12))
    return alt.layer(*charts)


def _box(result: Review) -> list[alt.Chart]:
    if result.window.box is None:
        return []
    (x1, x2), (y1, y2) = result.window.box
    frame = pd.DataFrame({"x": [x1], "x2": [x2], "y": [y1], "y2": [y2]})
    style = {"fillOpacity": 0, "stroke": maps.HALO, "strokeWidth": 2}
    return [alt.Chart(frame).mark_rect(**style).encode(x="x:Q", x2="x2", y="y:Q", y2="y2")]


def _set_point(result: Review) -> list[alt.Chart]:
    """A cross at the set point and the ellipse that holds 95 % of the drift."""
    study = result.window
    at = study.setting[:2]
    layers: list[alt.Chart] = []
    if np.any(study.drift.sd):
        angle = np.linspace(0, 2 * np.pi, 73)
        ring = np.tile(study.set_point.x, (len(angle), 1))
        ring[:, :2] += np.column_stack([np.cos(angle), np.sin(angle)]) * study.drift.sd[:2] * np.sqrt(-2 * np.log(0.05))
        frame = pd.DataFrame(uncoded(study.factors, ring)[:, :2], columns=["x", "y"]).assign(order=range(len(angle)))
        style = {"color": maps.MAP_INK, "strokeWidth": 1.6}
        layers.append(alt.Chart(frame).mark_line(**style).encode(x="x:Q", y="y:Q", order="order:Q"))
    point = pd.DataFrame({"x": at[:1], "y": at[1:2], "word": [t("label.process.set_point_short", "en")]})
    cross = alt.Chart(point).mark_point(
        shape="cross", size=150, filled=True, color=COLOURS[5], stroke=maps.HALO, opacity=1
    )
    layers.append(cross.encode(x="x:Q", y="y:Q"))
    layers.append(maps.label_layer(point, align="left", dx=14, dy=14, fontWeight="bold"))
    return layers


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
