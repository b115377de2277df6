"""Views of the quality review: limits and what stands behind them, short runs, capability, gauges, maps."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from widgets.page import note, picture, say, table, words
from widgets.process import maps
from widgets.process.linked import axis_unit, drawn, show_linked
from widgets.process.lot_causes import ACCUSED, ROOM, WIDE_LABELS, assumptions, axis_label, both_words, in_all
from widgets.theme import COLOURS
from workbench.i18n import t
from workbench.process.quality.gauge import GaugeStudy
from workbench.process.quality_review import GAUGE_WORDS, QualityReview, limits_words
from workbench.process.review import name_of
from workbench.schema.summary import shown

MOST_INDICES = 15
_LINE_COLOURS = (COLOURS[0], COLOURS[2], COLOURS[3], COLOURS[4], COLOURS[1], "#5B6470")


def limits_chart(r: QualityReview) -> None:
    """The units of this lot against the limits of the chosen parameter, and how those came about."""
    one = r.chosen
    if one is None or one.kind == "none":
        say("quality_review.say.no_limits")
        return
    record = r.record
    label = maps.both("quality_review.axis.q") if one.kind == "own" else axis_label(record, one.parameter)
    names = record.values[one.parameter].dropna().index
    frame = pd.DataFrame({"n": np.arange(1, len(one.values) + 1), "value": one.values, "unit": names})
    frame["beyond"] = np.isin(np.arange(len(frame)), one.signals)
    frame = frame[np.isfinite(frame["value"])]
    lines = [("UCL", one.upper), ("CL", one.centre), ("LCL", one.lower)]
    spec = record.specifications.get(one.parameter)
    if spec is not None and one.kind != "own":
        lines += [("USL", spec.upper), ("LSL", spec.lower)]
    chart = _sequence(frame, [(w, v) for w, v in lines if v is not None], label, len(one.values))
    picture(chart, say=in_all(lambda lang: limits_words(one, lang)), table=pd.DataFrame({
        "lot_review.unit": frame["unit"], "quality_review.charted": frame["value"],
        "quality_review.beyond": frame["beyond"]}))  # fmt: skip
    if one.frozen is not None:
        note("quality_review.note.frozen", version=one.version, by=one.frozen["frozen_by"],
             at=pd.Timestamp(one.frozen["recorded_at"]).strftime("%Y-%m-%d %H:%M"),
             lots=", ".join(map(str, one.frozen["from_data"].get("lots", ()))) or "–",
             digest=str(one.frozen["document_sha256"])[:12])  # fmt: skip
    assumptions((), one.convention)
    note("process.note.source", chip=record.origin.flag, source=record.origin.source)


def limits_table(r: QualityReview) -> None:
    """Limits of every parameter, with the number of units behind each."""
    rows = [one for one in r.limits if one.kind != "none"]
    if not rows:
        return
    kinds = {one.kind for one in rows}
    said = "limits_frozen" if "frozen" in kinds else "limits_borrowed" if "borrowed" in kinds else "limits_own"
    before = sum(one.kind != "own" for one in rows)
    say(f"quality_review.say.{said}", count=before if before else len(rows), all=len(rows))
    table(pd.DataFrame({
        "lot_review.parameter": [in_all(lambda lang, o=o: name_of(o.parameter, lang)) for o in rows],
        "lot_review.in_unit": ["Q" if o.kind == "own" else axis_unit(r.record, o.parameter) or "–" for o in rows],
        "quality_review.kind": [words(f"quality_review.kind.{o.kind}", version=o.version or 0) for o in rows],
        "quality_review.lcl": [o.lower for o in rows], "quality_review.centre": [o.centre for o in rows],
        "quality_review.ucl": [o.upper for o in rows],
        "quality_review.units_own": [o.units_own for o in rows],
        "quality_review.units_borrowed": [float(o.units_borrowed) for o in rows],
        "quality_review.types": [str(o.types) if o.types else "–" for o in rows],
        "quality_review.beyond": [len(o.signals) for o in rows],
    }), digits={"quality_review.units_borrowed": 2}, right=("quality_review.types",))  # fmt: skip
    note("quality_review.note.units_behind")


def short_run(r: QualityReview) -> None:
    """All module types of the line on one chart, in the order they were made."""
    found = r.short_run
    if found is None or len(set(r.line)) < 2:
        say("quality_review.say.no_line")
        return
    chart = found.location
    frame = pd.DataFrame({"n": np.arange(1, len(chart.values) + 1), "value": chart.values, "type": found.types,
                          "lot": r.line})  # fmt: skip
    frame["beyond"] = np.isin(np.arange(len(frame)), [v.index for v in chart.violations])
    starts = frame.drop_duplicates("lot")
    finite = frame[np.isfinite(frame["value"])]
    types = list(dict.fromkeys(found.types))
    ends = [min(-3.6, float(finite["value"].min()) - 0.3), max(4.2, float(finite["value"].max()) + 0.8)]
    x = alt.X("n:Q", title=maps.both("quality_review.axis.order"), axis=alt.Axis(grid=False),
              scale=alt.Scale(domain=[0, len(frame) + 1], nice=False))  # fmt: skip
    y = alt.Y("value:Q", title=maps.both("quality_review.axis.score"), axis=alt.Axis(grid=False),
              scale=alt.Scale(domain=ends, nice=False))  # fmt: skip
    colour = alt.Color("type:N", title=None, sort=types, legend=alt.Legend(orient="top", labelLimit=200),
                       scale=alt.Scale(domain=types, range=[_LINE_COLOURS[i % 6] for i in range(len(types))]),
                       )  # fmt: skip
    points = alt.Chart(finite).mark_point(filled=True, size=46, opacity=1).encode(x=x, y=y, color=colour)
    alarm = alt.Chart(finite[finite["beyond"]]).mark_point(size=150, color=ACCUSED, filled=False, strokeWidth=2).encode(
        x="n:Q", y="value:Q")  # fmt: skip
    limits = pd.DataFrame({"value": [-3.0, 0.0, 3.0], "word": ["-3", "0", "+3"]})
    rules = alt.Chart(limits).mark_rule(strokeDash=[5, 4]).encode(y="value:Q")
    edges = alt.Chart(starts.assign(n=starts["n"] - 0.5)).mark_rule(strokeDash=[2, 3], opacity=0.6).encode(x="n:Q")
    flagged = len({v.index for v in chart.violations})
    here = sum(1 for v in {v.index for v in chart.violations} if r.line[v] == r.record.origin.lot_id)
    key = "quality_review.say.line" if flagged else "quality_review.say.line_quiet"
    said = in_all(lambda lang: t(key, lang, name=name_of(r.parameter, lang), types=len(types), lots=len(set(r.line)),
                                 flagged=flagged, here=here, units=len(frame)))  # fmt: skip
    heads = {"lot": "lot_review.lot", "type": "quality_review.type", "value": "quality_review.score",
             "n": "lot_review.number", "beyond": "quality_review.beyond"}  # fmt: skip
    picture((edges + rules + points + alarm).properties(width=660, height=230), say=said,
            table=frame.rename(columns=heads))  # fmt: skip
    assumptions(found.assumptions, found.convention)


def capability(r: QualityReview) -> None:
    """Cpk of every parameter with limits, the lower bound first: with few units it is what one may promise."""
    if not r.indices:
        say("quality_review.say.no_specification")
        return
    ordered = sorted(r.indices, key=lambda name: r.indices[name].cpk_lower)[:MOST_INDICES]
    frame = pd.DataFrame([{
        "name": both_words(in_all(lambda lang, n=n: name_of(n, lang))), "low": r.indices[n].cpk.low,
        "high": r.indices[n].cpk.high, "cpk": r.indices[n].cpk.value, "bound": r.indices[n].cpk_lower,
    } for n in ordered])  # fmt: skip
    y = alt.Y("name:N", sort=frame["name"].tolist(), title=None, axis=WIDE_LABELS)
    index = "cpk"
    x = alt.X(f"{index}:Q", title=t(f"label.quality_review.{index}"), scale=alt.Scale(zero=True),
              axis=alt.Axis(tickCount=6))  # fmt: skip
    base = alt.Chart(frame)
    bars = base.mark_rule(strokeWidth=2, color=COLOURS[0]).encode(y=y, x="low:Q", x2="high:Q")
    points = base.mark_point(filled=True, size=70, color=COLOURS[0], opacity=1).encode(y=y, x=x)
    bound = base.mark_tick(color=ACCUSED, thickness=3, size=16).encode(y=y, x="bound:Q")
    wanted = alt.Chart(pd.DataFrame({"x": [r.parameters.wanted_cpk]})).mark_rule(strokeDash=[5, 4]).encode(x="x:Q")
    worst = r.indices[ordered[0]]
    facts = {"bound": shown(worst.cpk_lower, 3), "cpk": shown(worst.cpk.value, 3), "n": worst.n,
             "confidence": f"{r.parameters.confidence_percent:g}",
             "wanted": f"{r.parameters.wanted_cpk:g}"}  # fmt: skip
    said = in_all(lambda lang: t("quality_review.say.capability", lang, name=name_of(ordered[0], lang), **facts))
    rows = [r.indices[n] for n in ordered]
    picture((wanted + bars + points + bound).properties(width=420, height=28 * len(frame) + 8, padding=ROOM), say=said,
            table=pd.DataFrame({
                "lot_review.parameter": [in_all(lambda lang, n=n: name_of(n, lang)) for n in ordered],
                "lot_review.units": [c.n for c in rows], "quality_review.cpk_lower": [c.cpk_lower for c in rows],
                "quality_review.cpk": [c.cpk.value for c in rows], "lot_review.low": [c.cpk.low for c in rows],
                "lot_review.high": [c.cpk.high for c in rows],
                "quality_review.cp": [c.cp.value if c.cp else None for c in rows],
                "quality_review.fallout_ppm": [c.fallout_ppm for c in rows],
                "lot_review.normal_p": [c.normality_p for c in rows],
            }))  # fmt: skip
    note("quality_review.note.capability", confidence=f"{r.parameters.confidence_percent:g}")
    if r.parameter in r.indices:
        assumptions(r.indices[r.parameter].assumptions)
    if r.fitted is not None:
        fitted = r.fitted
        note(in_all(lambda lang: t("quality_review.note.fitted", lang, name=name_of(r.parameter, lang),
                                   family=t(f"quality_review.family.{fitted.fitted.family}", lang),
                                   bound=shown(fitted.ppk_lower, 3), ppk=shown(fitted.ppk.value, 3),
                                   p=f"{fitted.fit_p:.2g}")))  # fmt: skip
        assumptions(fitted.assumptions, fitted.convention)


def gauge(r: QualityReview) -> None:
    """What part of the variation is the gauge, by analysis of variance, with the hand method beside it."""
    if not r.gauge:
        say("quality_review.say.no_gauge")
        return
    for name, (anova, by_range) in r.gauge.items():
        rows = [anova.components[key] for key in ("repeatability", "reproducibility", "gauge", "part")]
        frame = pd.DataFrame({"name": [both_words(in_all(c.word)) for c in rows],
                              "share": [c.contribution_percent for c in rows],
                              "word": [f"{c.contribution_percent:.1f} %" for c in rows]})  # fmt: skip
        base = alt.Chart(frame).encode(
            y=alt.Y("name:N", sort=frame["name"].tolist(), title=None,
                    axis=alt.Axis(labelLimit=300, ticks=False, domain=False)),
            x=alt.X("share:Q", title=maps.both("quality_review.axis.contribution"), axis=alt.Axis(grid=False),
                    scale=alt.Scale(domain=[0, 115], nice=False)),
        )  # fmt: skip
        chart = base.mark_bar(height=18, color=COLOURS[0]) + base.mark_text(align="left", dx=5).encode(text="word:N")
        said = in_all(lambda lang, n=name, s=anova: t(
            f"quality_review.reason.{GAUGE_WORDS[s.verdict]}", lang, name=name_of(n, lang),
            percent=shown(s.gauge_percent, 3), classes=s.class_count))  # fmt: skip
        picture(chart.properties(width=420, height=30 * len(frame), padding=ROOM), say=said,
                table=_components(anova, by_range))  # fmt: skip
        note("quality_review.note.gauge_interval", low=shown(anova.gauge_percent_low, 3),
             high=shown(anova.gauge_percent_high, 3), confidence=f"{100 * anova.confidence:g}")  # fmt: skip
        for study in (anova, by_range):
            assumptions(study.assumptions, study.convention)


def quality_map(r: QualityReview, mode: str = "report") -> None:
    """The chosen parameter on its carriers, with the verdict on each map."""
    record = r.record
    if record.units.empty or r.parameter is None:
        return
    if not record.mapped():
        say("lot_review.say.no_map")
        return
    said = in_all(lambda lang: " ".join(f"{carrier}: {found.sentence(lang)}" for carrier, found in r.patterns.items())
                  or t("lot_review.say.map_small", lang, maps=0, rate="5"))  # fmt: skip
    if mode == "interactive":
        say(said)
        show_linked(record, r.parameter, r.parameter)
    else:
        picture(drawn(record, r.parameter, r.parameter), say=said)
    if r.patterns:
        note("quality_review.note.each_map")
        first = next(iter(r.patterns.values()))
        assumptions(first.assumptions, first.convention)


def _components(anova: GaugeStudy, by_range: GaugeStudy) -> pd.DataFrame:
    names = [n for n in ("repeatability", "reproducibility", "operator", "interaction", "gauge", "part", "total")
             if n in anova.components]  # fmt: skip
    hand = by_range.components
    return pd.DataFrame({
        "quality_review.component": [in_all(anova.components[n].word) for n in names],
        "lot_review.sigma": [anova.components[n].sigma for n in names],
        "quality_review.variance": [anova.components[n].variance for n in names],
        "lot_review.low": [anova.components[n].low for n in names],
        "lot_review.high": [anova.components[n].high for n in names],
        "quality_review.study_percent": [anova.components[n].study_percent for n in names],
        "quality_review.by_range_percent": [hand[n].study_percent if n in hand else None for n in names],
    })  # fmt: skip


def _sequence(frame: pd.DataFrame, lines: list[tuple[str, float]], label: str, count: int) -> alt.LayerChart:
    reach = [*frame["value"], *(v for _, v in lines)]
    room = 0.08 * ((max(reach) - min(reach)) or 1.0)
    x = alt.X("n:Q", title=maps.both("lot_review.chart.order"), axis=alt.Axis(grid=False, tickMinStep=1),
              scale=alt.Scale(domain=[0, count + 1], nice=False))  # fmt: skip
    y = alt.Y("value:Q", title=label, axis=alt.Axis(grid=False),
              scale=alt.Scale(domain=[min(reach) - room, max(reach) + room], nice=False, zero=False))  # fmt: skip
    thread = alt.Chart(frame).mark_line(strokeWidth=1.2, color=COLOURS[0]).encode(x=x, y=y)
    points = alt.Chart(frame).mark_point(filled=True, size=46, opacity=1).encode(
        x="n:Q", y="value:Q", color=alt.condition("datum.beyond", alt.value(ACCUSED), alt.value(COLOURS[0])),
        shape=alt.condition("datum.beyond", alt.value("diamond"), alt.value("circle")),
    )  # fmt: skip
    rules = pd.DataFrame(lines, columns=["name", "value"])
    rules["word"] = [f"{name} {shown(float(value), 4)}" for name, value in lines]
    colours = {"CL": COLOURS[2], "UCL": ACCUSED, "LCL": ACCUSED}
    rules["colour"] = [colours.get(name, "#56606C") for name in rules["name"]]
    colour = alt.Color("colour:N", scale=None)
    rule = alt.Chart(rules).mark_rule(strokeDash=[6, 4]).encode(y="value:Q", color=colour)
    text = alt.Chart(rules).mark_text(align="left", dx=6, x="width").encode(y="value:Q", text="word:N")
    return alt.layer(rule, text, thread, points).properties(width=600, height=240)
