"""What a line may hold: ranges of all factors at once, room of each alone, margins to the limits, two set points."""

from __future__ import annotations

import altair as alt
import pandas as pd

from widgets.page import note, picture, say, table
from widgets.process import maps
from widgets.process.words import end_words, limit_words
from widgets.theme import COLOURS
from workbench.i18n import LANGUAGES, t
from workbench.process.review import Review, name_of, set_point_words, setting_shown
from workbench.process.window.operating import Operating
from workbench.schema.summary import shown
from workbench.units import symbol_of

KINDS = ("box", "ellipsoid", "alone")
_COLUMNS = {"box": "process.range_box", "ellipsoid": "process.range_ellipsoid", "alone": "process.range_alone"}
MOST_SIGMA = 10.0  # drawn; what lies farther away is only written
_COLOURS = dict(zip(KINDS, (COLOURS[0], COLOURS[1], COLOURS[2]), strict=True))


def ranges(result: Review) -> None:
    """The largest box and ellipsoid in the window beside the room of each factor alone."""
    study, found = result.window, result.ranges
    rows, bars = [], []
    for i, (f, room) in enumerate(zip(study.factors, found.room, strict=True)):
        ends = {"box": _ends(found.box, i), "ellipsoid": _ends(found.ellipsoid, i),
                "alone": None if room.low is None else (room.low, room.high)}  # fmt: skip
        for kind, pair in ends.items():
            if pair is not None:
                low, high = (100 * (v - f.low) / (f.high - f.low) for v in pair)
                words = f"{setting_shown(f, pair[0])} … {setting_shown(f, pair[1])} {symbol_of(f.name)}".strip()
                bars.append({"factor": maps.axis_title(f.name), "kind": kind, "low": low, "high": high,
                             "word": words, "label": maps.both(f"process.range.{kind}")})  # fmt: skip
        rows.append({
            "process.factor": {lang: name_of(f.name, lang) for lang in LANGUAGES},
            **{_COLUMNS[kind]: _words(f, pair) for kind, pair in ends.items()},
            "process.ends_at": {lang: " / ".join(end_words(b, lang) for b in (room.low_bound, room.high_bound))
                                for lang in LANGUAGES},
            "process.unit": symbol_of(f.name) or "–",
        })  # fmt: skip
    frame = pd.DataFrame(rows)
    facts = {"wanted": f"{100 * study.wanted:g}"}
    if found.box is None:
        say("process.say.no_ranges", **facts)
        return
    said = {lang: t("process.say.ranges", lang, box=_box_words(result, found.box, lang),
                    share=shown(100 * found.box.share, 2),
                    ellipsoid=shown(100 * found.ellipsoid.share, 2) if found.ellipsoid else "–", **facts)
            for lang in LANGUAGES}  # fmt: skip
    chart = pd.DataFrame(bars)
    x = alt.X("low:Q", title=maps.both("label.process.of_tested") + " (%)", scale=alt.Scale(domain=[0, 100]),
              axis=alt.Axis(tickCount=6))  # fmt: skip
    order = [maps.both(f"process.range.{k}") for k in KINDS]
    y = alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=260, ticks=False, domain=False))
    base = alt.Chart(chart).encode(y=y)
    bar = base.mark_bar(height=9, cornerRadius=3).encode(
        x=x, x2="high", color=alt.Color("kind:N", legend=None, scale=alt.Scale(domain=list(KINDS),
                                                                              range=list(_COLOURS.values()))),
    )  # fmt: skip
    word = base.mark_text(align="left", dx=8, fontSize=11).encode(x=alt.X("high:Q"), text="word:N")
    picked = (bar + word).properties(width=420, height=64)
    head = alt.Header(labelAngle=0, labelAlign="left", labelOrient="top", labelAnchor="start", labelFontWeight="bold")
    facet = picked.facet(row=alt.Row("factor:N", title=None, sort=None, header=head), spacing=10)
    picture(facet, say=said, table=frame)
    note("process.note.ranges", **facts)


def margins(result: Review) -> None:
    """The distance of the set point from every limit: in the unit of the response and in sigma."""
    found = result.ranges.margins
    rows = [{
        "process.limit": {lang: limit_words(m.response, m.side, m.limit, lang) for lang in LANGUAGES},
        "process.expected": m.expected, "process.distance": m.distance, "process.unit": symbol_of(m.response) or "–",
        "process.sigma_total": m.sigma, "process.in_sigma": float(m.in_sigma),
    } for m in found]  # fmt: skip
    bars = pd.DataFrame([{
        "label": limit_words(m.response, m.side, m.limit, "en"), "sigma": float(m.in_sigma),
        "word": f"{shown(m.distance, 3)} {symbol_of(m.response)}".strip() + f" = {shown(float(m.in_sigma), 2)} σ",
    } for m in found])  # fmt: skip
    near = found[0]
    said = {lang: t("process.say.margins" if near.distance >= 0 else "process.say.margins_outside", lang,
                    limit=limit_words(near.response, near.side, near.limit, lang),
                    distance=f"{shown(abs(near.distance), 3)} {symbol_of(near.response)}".strip(),
                    sigma=shown(abs(float(near.in_sigma)), 2)) for lang in LANGUAGES}  # fmt: skip
    reach = min(max(5.0, 1.3 * float(bars["sigma"].max())), MOST_SIGMA)
    bars["end"] = bars["sigma"].clip(-MOST_SIGMA, 0.8 * reach)  # room for the words of what is far away anyway
    low = min(0.0, float(bars["end"].min()))
    y = alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=300, ticks=False, domain=False))
    x = alt.X("end:Q", title=maps.both("label.process.in_sigma") + " (σ)", scale=alt.Scale(domain=[low, reach]))
    base = alt.Chart(bars).encode(y=y)
    bar = base.mark_bar(height=14, color=COLOURS[0]).encode(x=x)
    word = base.mark_text(align="left", dx=6, fontSize=12).encode(x="end:Q", text="word:N")
    three = alt.Chart(pd.DataFrame({"sigma": [3.0]}))
    rule = three.mark_rule(color=COLOURS[5], strokeDash=[6, 4], strokeWidth=1.5, opacity=0.55).encode(x="sigma:Q")
    word3 = alt.value("3 σ = Cpk 1")
    mark = three.mark_text(color=COLOURS[5], align="left", dx=4, y=-8).encode(x="sigma:Q", text=word3)
    chart = (rule + bar + word + mark).properties(width=460, height=34 * len(found))
    picture(chart, say=said, table=pd.DataFrame(rows))
    note("process.note.margins")


def set_points(result: Review) -> None:
    """The set point by conformance beside the one by Cpk."""
    study, found = result.window, result.ranges
    rows = []
    for kind, point, setting, cpk in (
        ("conformance", study.set_point, study.setting, found.set_point_cpk),
        ("cpk", found.capable_point, found.capable.setting, found.capable.cpk),
    ):
        rows.append({
            "process.set_point_by": {lang: t(f"process.set_point_by.{kind}", lang) for lang in LANGUAGES},
            **{f.name: setting_shown(f, float(v)) for f, v in zip(study.factors, setting, strict=True)},
            "process.probability_percent": 100 * point.drifted.value, "process.low_percent": 100 * point.low,
            "process.high_percent": 100 * point.high, "process.least_cpk": float(cpk.min()),
        })  # fmt: skip
    worst = study.limited[int(found.capable.cpk.argmin())]
    loss = study.set_point.drifted.value - found.capable_point.drifted.value
    key = "process.say.set_points_agree" if loss < 0.005 else "process.say.set_points_differ"
    say({lang: t(key, lang, setting=set_point_words(study, lang, found.capable.setting), loss=shown(100 * loss, 2),
                 cpk=shown(float(found.capable.cpk.min()), 3), own=shown(float(found.set_point_cpk.min()), 3),
                 worst=name_of(worst.name, lang)) for lang in LANGUAGES})  # fmt: skip
    flag = result.experiment.origin.flag
    table(pd.DataFrame(rows), flags={"process.probability_percent": flag, "process.least_cpk": flag} if flag else {},
          digits={"process.least_cpk": 3}, right=tuple(f.name for f in study.factors))  # fmt: skip
    note("process.note.set_points", confidence=f"{100 * study.confidence:g}")


def _ends(shape: Operating | None, i: int) -> tuple[float, float] | None:
    return None if shape is None else (float(shape.low[i]), float(shape.high[i]))


def _words(factor, pair: tuple[float, float] | None) -> str:
    return "–" if pair is None else " … ".join(setting_shown(factor, v) for v in pair)


def _box_words(result: Review, box: Operating, lang: str) -> str:
    return ", ".join(
        f"{name_of(f.name, lang)} {setting_shown(f, low)} … {setting_shown(f, high)} {symbol_of(f.name)}".strip()
        for f, low, high in zip(result.window.factors, box.low, box.high, strict=True)
    )
