"""The monitor of the line: control charts with the rules that were broken, and capability."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from widgets.page import note, picture, table
from widgets.process import maps
from widgets.theme import COLOURS
from workbench.i18n import LANGUAGES, t
from workbench.process.quality import Capability, Chart
from workbench.process.review import Review, beyond_limits, name_of
from workbench.schema.summary import shown
from workbench.units import symbol_of

ALARM = COLOURS[5]


def control_chart(result: Review) -> None:
    """Location and spread chart, limits labelled, broken rules marked."""
    pair, monitor = result.quality.charts, result.monitor
    charts = [_chart(c, result, first=i == 0) for i, c in enumerate((pair.location, pair.spread))]
    said = {lang: _control_words(result, lang) for lang in LANGUAGES}
    frame = pd.DataFrame(
        {
            "process.subgroup": monitor.carriers,
            "process.location": pair.location.values,
            "process.spread": pair.spread.values,
            "process.rules": [_rules_at(result, i) or "–" for i in range(len(monitor.carriers))],
        }
    )
    picture(alt.vconcat(*charts, spacing=18), say=said, table=frame)
    note(
        f"process.chart_note.{pair.convention}",
        sigma=shown(pair.sigma, 4),
        unit=symbol_of(monitor.parameter),
        baseline=pair.baseline_count,
        size=pair.subgroup_size,
    )
    note(f"process.rules_note.{result.quality.rules}")
    note("process.note.source", chip=monitor.origin.flag, source=monitor.origin.source)


def capability(result: Review) -> None:
    """All values against the specification, with the normal curve of the within-subgroup sigma."""
    monitor, within = result.monitor, result.quality.within
    values = monitor.subgroups.ravel()
    unit = symbol_of(monitor.parameter)
    edges = np.histogram_bin_edges(values, "fd")
    counts, _ = np.histogram(values, edges)
    bars = pd.DataFrame({"x": edges[:-1], "x2": edges[1:], "count": counts})
    marks = [m for m in (monitor.lower, monitor.upper) if m is not None]
    ends = [*marks, values.min(), values.max()]
    room = 0.06 * (max(ends) - min(ends))
    domain = [min(ends) - room, max(ends) + room]
    x = alt.X(
        "x:Q",
        title=maps.axis_title(monitor.parameter),
        scale=alt.Scale(domain=domain, nice=False),
        axis=alt.Axis(grid=False, tickCount=10),
    )
    tallest = 1.22 * max(counts.max(), len(values) * (edges[1] - edges[0]) / (2.5 * within.sigma))
    upward = alt.Scale(domain=[0, float(tallest)], nice=False)
    y = alt.Y("count:Q", title=maps.both("label.process.count"), scale=upward, axis=alt.Axis(grid=False, tickCount=6))
    histogram = (
        alt.Chart(bars)
        .mark_rect(color=COLOURS[4], opacity=0.75, stroke="#FFFFFF")
        .encode(x=x, x2="x2", y=y, y2=alt.datum(0))
    )
    width = float(edges[1] - edges[0])
    at = np.linspace(*domain, 161)
    curves = []
    for study, label in ((within, "within"), (result.quality.overall, "overall")):
        density = np.exp(-(((at - study.mean) / study.sigma) ** 2) / 2) / (study.sigma * np.sqrt(2 * np.pi))
        curves.append(pd.DataFrame({"x": at, "count": density * width * len(values), "curve": _sigma_label(label)}))
    curve = alt.Chart(pd.concat(curves)).mark_line(strokeWidth=2).encode(
        x="x:Q", y="count:Q",
        color=alt.Color("curve:N", title=None, sort=None, scale=alt.Scale(range=[COLOURS[0], COLOURS[1]]),
                        legend=alt.Legend(orient="top", symbolType="stroke")),
        strokeDash=alt.StrokeDash("curve:N", legend=None, sort=None, scale=alt.Scale(range=[[1, 0], [5, 3]])),
    )  # fmt: skip
    layers = [histogram, curve, *_limit_rules(result)]
    said = {lang: _capability_words(result, lang) for lang in LANGUAGES}
    frame = bars.rename(columns={"x": "process.from", "x2": "process.to", "count": "process.count"})
    chart = alt.layer(*layers).properties(width=620, height=270)
    picture(chart, say=said, table=frame)
    note("process.note.fallout", ppm=shown(within.fallout_ppm, 3), p=shown(within.normality_p, 2))
    if not result.quality.charts.in_control:
        note("process.note.unstable")
    low, high = result.quality.tolerance
    note(
        "process.note.tolerance",
        coverage=f"{100 * result.quality.coverage:g}",
        confidence=f"{100 * within.confidence:g}",
        low=shown(low, 4),
        high=shown(high, 4),
        unit=unit,
        k=shown(result.quality.tolerance_factor, 4),
    )


def capability_table(result: Review) -> None:
    """The indices with their intervals; the sigma behind each is named."""
    rows = []
    for study, names in ((result.quality.within, ("Cp", "Cpk")), (result.quality.overall, ("Pp", "Ppk"))):
        sigma = {lang: t(f"process.sigma.{study.sigma_convention}", lang) for lang in LANGUAGES}
        for name, index in zip(names, (study.cp, study.cpk), strict=True):
            if index is not None:
                bound = study.cpk_lower if name.endswith("k") else None
                rows.append((name, index.value, index.low, index.high, bound, study.sigma, sigma, study.dof))
    columns = ("index", "estimate", "low", "high", "lower_bound", "sigma", "sigma_from", "dof")
    frame = pd.DataFrame(rows, columns=[f"process.{c}" for c in columns])
    flag = result.monitor.origin.flag
    table(
        frame,
        units={"process.sigma": symbol_of(result.monitor.parameter)},
        digits={f"process.{c}": 3 for c in ("estimate", "low", "high", "lower_bound", "dof")},
        flags={"process.estimate": flag} if flag else {},
    )
    note("process.note.capability", confidence=f"{100 * result.quality.within.confidence:g}")


def _chart(chart: Chart, result: Review, *, first: bool) -> alt.LayerChart:
    monitor, pair = result.monitor, result.quality.charts
    frame = pd.DataFrame({"n": range(1, len(chart.values) + 1), "carrier": monitor.carriers, "value": chart.values})
    frame = frame[np.isfinite(frame["value"])]
    flagged = {v.index for v in chart.violations}
    frame["alarm"] = [n - 1 in flagged for n in frame["n"]]
    limits = [("UCL", chart.upper), ("CL", chart.centre), ("LCL", chart.lower)]
    limits = [(name, value) for name, value in limits if name != "LCL" or first or value > 0]
    reach = [frame["value"].min(), frame["value"].max(), *(v for _, v in limits), *([] if first else [0.0])]
    room = 0.08 * (max(reach) - min(reach))
    domain = [min(reach) - room if first else 0.0, max(reach) + 2 * room]
    unit = symbol_of(monitor.parameter)
    title = maps.both(f"label.process.{chart.kind}") + (f" ({unit})" if unit else "")
    quiet = alt.Axis(grid=False, tickMinStep=1e-9)
    below = None if first else maps.both("label.process.subgroup")
    across = alt.Scale(domain=[0, len(chart.values) + 1], nice=False)
    x = alt.X("n:Q", title=below, scale=across, axis=alt.Axis(grid=False, tickMinStep=1))
    y = alt.Y("value:Q", title=title, scale=alt.Scale(domain=domain, nice=False, zero=False), axis=quiet)
    line = alt.Chart(frame).mark_line(strokeWidth=1.3, color=COLOURS[0]).encode(x=x, y=y)
    points = alt.Chart(frame).mark_point(filled=True, size=44, opacity=1).encode(
        x="n:Q", y="value:Q",
        color=alt.condition("datum.alarm", alt.value(ALARM), alt.value(COLOURS[0])),
        shape=alt.condition("datum.alarm", alt.value("diamond"), alt.value("circle")),
    )  # fmt: skip
    rules = pd.DataFrame(limits, columns=["name", "value"])
    rules["word"] = [f"{name} {shown(value, 4)}" for name, value in limits]
    rules["centre"] = rules["name"] == "CL"
    rule = alt.Chart(rules).mark_rule().encode(
        y="value:Q",
        strokeDash=alt.condition("datum.centre", alt.value([1, 0]), alt.value([6, 4])),
        color=alt.condition("datum.centre", alt.value(COLOURS[2]), alt.value(ALARM)),
    )  # fmt: skip
    words = alt.Chart(rules).mark_text(align="left", dx=6, x="width").encode(y="value:Q", text="word:N")
    layers = [rule, words, line, points]
    marks = _alarm_words(chart)
    if len(marks):
        text = {"dy": -11, "fontSize": 11, "color": ALARM, "fontWeight": "bold"}
        layers.append(alt.Chart(marks).mark_text(**text).encode(x="n:Q", y="value:Q", text="word:N"))
    if pair.baseline_count < len(chart.values):
        edge = alt.Chart(pd.DataFrame({"n": [pair.baseline_count + 0.5]}))
        layers.append(edge.mark_rule(strokeDash=[2, 3]).encode(x="n:Q"))
        if first:
            word = maps.both("label.process.limits_frozen")
            layers.append(edge.mark_text(align="left", dx=5, y=8).encode(x="n:Q", text=alt.value(word)))
    return alt.layer(*layers).properties(width=680, height=210 if first else 150)


def _alarm_words(chart: Chart) -> pd.DataFrame:
    """The numbers of the rules a point breaks, above the point."""
    hits: dict[int, list[str]] = {}
    for v in chart.violations:
        hits.setdefault(v.index, []).append(v.rule.rsplit("_", 1)[1])
    rows = [(i + 1, float(chart.values[i]), ",".join(numbers)) for i, numbers in hits.items()]
    return pd.DataFrame(rows, columns=["n", "value", "word"])


def _rules_at(result: Review, index: int) -> str:
    hits = [v.rule for v in result.quality.charts.violations if v.index == index]
    return ", ".join(f"{t('process.ruleset.' + h.rsplit('_', 1)[0], 'en')} {h.rsplit('_', 1)[1]}" for h in hits)


def _control_words(result: Review, lang: str) -> str:
    pair = result.quality.charts
    hit = sorted({v.index for v in pair.violations})
    facts = {
        "count": len(hit),
        "points": len(pair.location.values),
        "first": result.monitor.carriers[hit[0]] if hit else "",
        "name": name_of(result.monitor.parameter, lang),
    }
    if not hit:
        return t("process.say.stable", lang, **facts)
    return t("process.say.out_of_control" if beyond_limits(pair) else "process.say.pattern", lang, **facts)


def _capability_words(result: Review, lang: str) -> str:
    within: Capability = result.quality.within
    return t(
        "process.say.capability",
        lang,
        bound=shown(within.cpk_lower, 3),
        confidence=f"{100 * within.confidence:g}",
        cpk=shown(within.cpk.value, 3),
        n=within.n,
        wanted=f"{result.parameters.wanted_cpk:g}",
    )


def _limit_rules(result: Review) -> list[alt.Chart]:
    monitor = result.monitor
    marks = [("LSL", monitor.lower, ALARM), ("USL", monitor.upper, ALARM), ("T", monitor.target, COLOURS[2])]
    rows = [(f"{n} {v:g}", v, c) for n, v, c in marks if v is not None]
    frame = pd.DataFrame(rows, columns=["word", "x", "colour"])
    base = alt.Chart(frame).encode(x="x:Q", color=alt.Color("colour:N", scale=None, legend=None))
    return [
        base.mark_rule(strokeWidth=2, strokeDash=[6, 4]),
        base.mark_text(align="left", dx=5, y=8).encode(text="word:N"),
    ]


def _sigma_label(kind: str) -> str:
    return maps.both(f"process.curve.{kind}")
