"""Focus and dose: the Bossung curves, the window of every feature and of all, latitude against depth of focus."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from widgets.page import note, picture, say
from widgets.process import maps
from widgets.theme import COLOURS
from workbench.i18n import LANGUAGES, t
from workbench.process.focus_dose import FocusDoseStudy
from workbench.process.review import Review, name_of
from workbench.process.window.bossung import Bossung, FocusDose
from workbench.schema.summary import shown
from workbench.units import symbol_of

Array = np.ndarray
POINTS = 61  # of a drawn curve


def bossung(result: Review) -> None:
    """Measured widths and fitted curves over focus, one curve a dose, with the limits."""
    study = result.focus_dose
    if study is None:
        say("process.say.no_focus_dose")
        return
    charts, rows = [], []
    for feature in study.features:
        charts.append(_curves(study, feature))
        s = feature.surface
        rows.append({"process.response": {lang: name_of(feature.feature, lang) for lang in LANGUAGES},
                     "process.terms": len(s.terms), "process.r2": s.r2, "process.rmse": s.sigma,
                     "process.unit": symbol_of(feature.feature), "process.dof": s.dof,
                     "process.best_focus_um": _best_focus(feature)})  # fmt: skip
    said = {lang: t("process.say.bossung", lang, best=", ".join(
        f"{name_of(b.feature, lang)} {shown(_best_focus(b), 2)} µm" for b in study.features)) for lang in LANGUAGES}
    picture(alt.hconcat(*charts, spacing=34), say=said, table=pd.DataFrame(rows))
    note("process.note.bossung", chip=result.experiment.origin.flag)


def focus_dose_window(result: Review) -> None:
    """Allowed dose over focus: every feature alone and all together, with the largest rectangle and ellipse."""
    study = result.focus_dose
    if study is None:
        return
    picture(_window_chart(study), say={lang: _window_words(study, lang) for lang in LANGUAGES},
            table=_window_table(study))  # fmt: skip
    note("process.note.focus_dose", wanted=f"{100 * study.wanted:g}")


def latitude(result: Review) -> None:
    """Exposure latitude that is left at every depth of focus."""
    study = result.focus_dose
    if study is None or not study.common.exists:
        return
    c = study.curve
    frame = pd.DataFrame({"process.depth_um": c.depth_um, "process.latitude_rectangle_percent": c.rectangle_percent,
                          "process.latitude_ellipse_percent": c.ellipse_percent})  # fmt: skip
    names = [maps.both(f"process.shape.{kind}") for kind in ("rectangle", "ellipse")]
    plain = pd.concat([
        pd.DataFrame({"depth": c.depth_um, "latitude": values, "shape": name})
        for name, values in zip(names, (c.rectangle_percent, c.ellipse_percent), strict=True)
    ])  # fmt: skip
    x = alt.X("depth:Q", title=maps.both("label.process.depth") + " (µm)")
    y = alt.Y("latitude:Q", title=maps.both("label.process.latitude") + " (%)", scale=alt.Scale(zero=True))
    colour = alt.Color("shape:N", sort=None, title=None, scale=alt.Scale(range=[COLOURS[0], COLOURS[1]]),
                       legend=alt.Legend(orient="bottom-left"))  # fmt: skip
    lines = alt.Chart(plain).mark_line().encode(x=x, y=y, color=colour)
    wanted = alt.Chart(pd.DataFrame({"latitude": [study.latitude_percent]}))
    rule = wanted.mark_rule(color=COLOURS[5], strokeDash=[6, 4], strokeWidth=1.5).encode(y="latitude:Q")
    word = wanted.mark_text(align="left", x=6, dy=-7, color=COLOURS[5]).encode(
        y="latitude:Q", text=alt.value(f"{maps.both('label.process.wanted')} {study.latitude_percent:g} %")
    )  # fmt: skip
    deep = study.at_latitude
    layers = [lines, rule, word]
    if deep is not None:
        at = alt.Chart(pd.DataFrame({"depth": [deep.depth_um], "latitude": [deep.latitude_percent],
                                     "word": [f"{deep.depth_um:.1f} µm"]}))  # fmt: skip
        layers += [at.mark_point(size=90, color=COLOURS[5], filled=True, opacity=1).encode(x=x, y=y),
                   at.mark_text(dx=-9, dy=14, align="right").encode(x=x, y=y, text="word:N")]  # fmt: skip
    whole = deep is not None and deep.depth_um >= 2 * study.common.focus.half_range * (1 - 1e-6)
    key = "process.say.latitude_whole" if whole else "process.say.latitude"
    key = "process.say.latitude_none" if deep is None else key
    said = {lang: t(key, lang, latitude=f"{study.latitude_percent:g}",
                    depth=shown(deep.depth_um, 3) if deep else "–", most=shown(float(c.rectangle_percent[0]), 3))
            for lang in LANGUAGES}  # fmt: skip
    picture(alt.layer(*layers).properties(width=560, height=260), say=said, table=frame)
    note("process.note.latitude")


def _curves(study: FocusDoseStudy, feature: Bossung) -> alt.LayerChart:
    doses = np.unique(study.dose_mj_per_cm2)
    focus = np.linspace(study.focus_um.min(), study.focus_um.max(), POINTS)
    lines = pd.concat([pd.DataFrame({"focus": focus, "width": feature.width(focus, d), "dose": d}) for d in doses])
    points = pd.DataFrame({"focus": study.focus_um, "width": study.widths[feature.feature],
                           "dose": study.dose_mj_per_cm2})  # fmt: skip
    last = lines[lines["focus"] == focus[-1]].iloc[:: max(1, len(doses) // 4)]
    x = alt.X("focus:Q", title=maps.axis_title("focus_um"), scale=alt.Scale(domain=[focus[0], focus[-1] * 1.22],
                                                                            nice=False))  # fmt: skip
    y = alt.Y("width:Q", title=maps.axis_title(feature.feature), scale=alt.Scale(zero=False))
    colour = alt.Color("dose:Q", legend=None, scale=alt.Scale(scheme="viridis"))
    limits = pd.DataFrame({"width": [v for v in (feature.limits.lower, feature.limits.upper) if v is not None]})
    rule = alt.Chart(limits).mark_rule(color=COLOURS[5], strokeDash=[6, 4], strokeWidth=1.5).encode(y="width:Q")
    mark = alt.Chart(limits).mark_text(color=COLOURS[5], align="left", x=3, dy=-6, fontSize=11).encode(
        y="width:Q", text=alt.Text("width:Q", format=".3g"))  # fmt: skip
    curve = alt.Chart(lines).mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour, detail="dose:N")
    measured = alt.Chart(points).mark_point(filled=True, size=22, opacity=0.9)
    dots = measured.encode(x="focus:Q", y="width:Q", color=colour)
    word = alt.Chart(last).mark_text(align="left", dx=5, fontSize=10).encode(
        x="focus:Q", y="width:Q", text=alt.Text("dose:Q", format=".4g"))  # fmt: skip
    return (curve + dots + rule + mark + word).properties(width=330, height=270)


def _window_chart(study: FocusDoseStudy) -> alt.LayerChart:
    focus = np.linspace(study.common.focus.low, study.common.focus.high, 201)
    layers: list[alt.Chart] = []
    x = alt.X("focus:Q", title=maps.axis_title("focus_um"), scale=alt.Scale(nice=False))
    title = maps.axis_title("dose_mj_per_cm2")
    ends = []
    for n, b in enumerate(study.features):
        low, high = (np.exp(v) for v in b.edges(focus))
        low, high = np.where(low < high, low, np.nan), np.where(low < high, high, np.nan)
        ends += [np.nanmin(low, initial=np.inf), np.nanmax(high, initial=-np.inf)]
        frame = pd.DataFrame({"focus": focus, "low": low, "high": high}).dropna()
        y = alt.Y("low:Q", title=title, scale=alt.Scale(zero=False))
        style = {"opacity": 0.22, "color": COLOURS[n % len(COLOURS)], "line": {"strokeWidth": 2,
                 "color": COLOURS[n % len(COLOURS)]}}  # fmt: skip
        layers.append(alt.Chart(frame).mark_area(**style).encode(x=x, y=y, y2="high"))
        layers.append(alt.Chart(frame).mark_line(color=COLOURS[n % len(COLOURS)]).encode(x="focus:Q", y="low:Q"))
        word = pd.DataFrame({"focus": [focus[4 + 70 * n]], "high": [high[4 + 70 * n]],
                             "word": [maps.axis_title(b.feature)]})  # fmt: skip
        layers.append(alt.Chart(word.dropna()).mark_text(align="left", dy=-9, color=COLOURS[n % len(COLOURS)],
                                                         fontWeight="bold").encode(x="focus:Q", y="high:Q",
                                                                                   text="word:N"))  # fmt: skip
    for shape, colour, dash in ((study.rectangle, maps.MAP_INK, [1, 0]), (study.ellipse, maps.MAP_INK, [6, 4])):
        if shape is not None:
            line = alt.Chart(_outline(shape)).mark_line(color=colour, strokeDash=dash, strokeWidth=2)
            layers.append(line.encode(x="focus:Q", y="dose:Q", order="n:Q"))
    if study.probable is not None:
        (f1, y1), (f2, y2) = study.probable.low, study.probable.high
        frame = pd.DataFrame({"x": [f1], "x2": [f2], "y": [np.exp(y1)], "y2": [np.exp(y2)]})
        box = alt.Chart(frame).mark_rect(fillOpacity=0, stroke=COLOURS[5], strokeWidth=2.4)
        layers.append(box.encode(x="x:Q", x2="x2", y="y:Q", y2="y2"))
    if study.rectangle is not None:
        r = study.rectangle
        best = pd.DataFrame({"focus": [r.focus_um], "dose": [r.dose_mj_per_cm2]})
        layers.append(alt.Chart(best).mark_point(shape="cross", size=130, filled=True, color=COLOURS[5], opacity=1)
                      .encode(x="focus:Q", y="dose:Q"))  # fmt: skip
    return alt.layer(*layers).properties(width=600, height=360)


def _outline(shape: FocusDose) -> pd.DataFrame:
    """The outline over focus and dose."""
    half, tall = shape.depth_um / 2, shape.latitude_log / 2
    if shape.kind == "ellipse":
        angle = np.linspace(0, 2 * np.pi, 97)
        f, y = half * np.cos(angle), tall * np.sin(angle)
    else:
        f, y = half * np.array([-1, 1, 1, -1, -1]), tall * np.array([-1, -1, 1, 1, -1])
    return pd.DataFrame({"focus": shape.focus_um + f, "dose": np.exp(shape.log_dose + y), "n": range(len(f))})


def _window_table(study: FocusDoseStudy) -> pd.DataFrame:
    rows = []
    named = [({lang: name_of(b.feature, lang) for lang in LANGUAGES}, r)
             for b, r in zip(study.features, study.alone, strict=True)]  # fmt: skip
    named += [({lang: t(f"process.common_shape.{kind}", lang) for lang in LANGUAGES}, shape)
              for kind, shape in (("rectangle", study.rectangle), ("ellipse", study.ellipse))]  # fmt: skip
    for words, shape in named:
        rows.append({
            "process.window_of": words,
            "focus_um": None if shape is None else shape.focus_um,
            "dose_mj_per_cm2": None if shape is None else shape.dose_mj_per_cm2,
            "process.depth_um": None if shape is None else shape.depth_um,
            "process.latitude_percent": None if shape is None else shape.latitude_percent,
        })  # fmt: skip
    if study.probable is not None:
        (f1, y1), (f2, y2) = study.probable.low, study.probable.high
        rows.append({"process.window_of": {lang: t("process.shape.probable", lang, wanted=f"{100 * study.wanted:g}")
                                           for lang in LANGUAGES},
                     "focus_um": (f1 + f2) / 2, "dose_mj_per_cm2": float(np.exp(y1) + np.exp(y2)) / 2,
                     "process.depth_um": f2 - f1, "process.latitude_percent": float(200 * np.tanh((y2 - y1) / 2))})
    return pd.DataFrame(rows)


def _window_words(study: FocusDoseStudy, lang: str) -> str:
    r = study.rectangle
    if r is None:
        return t("process.say.focus_dose_none", lang)
    lost = [f"{name_of(b.feature, lang)} {shown(a.depth_um, 3)} µm, {shown(a.latitude_percent, 3)} %"
            for b, a in zip(study.features, study.alone, strict=True) if a is not None]  # fmt: skip
    said = t("process.say.focus_dose", lang, focus=shown(r.focus_um, 2), dose=shown(r.dose_mj_per_cm2, 3),
             depth=shown(r.depth_um, 3), latitude=shown(r.latitude_percent, 3), alone="; ".join(lost))  # fmt: skip
    if study.probable is None:
        return said + " " + t("process.say.focus_dose_improbable", lang, wanted=f"{100 * study.wanted:g}")
    (f1, _), (f2, _) = study.probable.low, study.probable.high
    return said + " " + t("process.say.focus_dose_probable", lang, wanted=f"{100 * study.wanted:g}",
                          depth=shown(float(f2 - f1), 3))  # fmt: skip


def _best_focus(feature: Bossung) -> float:
    """Where focus moves the width least, over the tested doses (sum of squared slopes): near the isofocal dose a curve
    has no turning point of its own."""
    focus = np.linspace(feature.focus.low, feature.focus.high, 801)
    doses = np.exp(np.linspace(feature.log_dose.low, feature.log_dose.high, 9))
    slopes = np.gradient(feature.width(focus[:, None], doses[None, :]), focus, axis=0)
    return float(focus[int(np.argmin((slopes[1:-1] ** 2).sum(axis=1))) + 1])
