"""Screens of the benchmark review: the system, its validity, its latency, and what it may be compared with."""

from __future__ import annotations

import altair as alt
import pandas as pd

from widgets import page, theme
from workbench.i18n import LANGUAGES, t
from workbench.schema.summary import shown
from workbench.validation import compare, rules
from workbench.validation.review import (
    OwnRun,
    SystemReview,
    finding_got,
    finding_required,
    significant_digits,
    unit_symbol,
)

_WIDTH = 620
_BETTER, _WORSE, _SAME = theme.COLOURS[0], theme.COLOURS[5], "#56606C"


def _both(key: str, **values: object) -> dict[str, str]:
    return {lang: t(key, lang, **values) for lang in LANGUAGES}


def _metric(metric: str) -> dict[str, str]:
    if metric.startswith(compare.INFERRED):
        measured = metric.removeprefix(compare.INFERRED)
        return {lang: t("validation.inferred", lang, metric=_metric(measured)[lang]) for lang in LANGUAGES}
    return _both(f"validation.metric.{metric}")


def _value(value: float, *, own: bool) -> str:
    return shown(float(value), 4 if own else significant_digits(value))


def system_card(result: SystemReview) -> None:
    """Who built the system, what is in it, and what kind of figures it has."""
    system, hardware = result.system, result.system["document"].get("hardware", {})
    organisation = _both("validation.card.this_workbench") if result.own else system["organisation"]
    rows = [(_both("validation.card.organisation"), organisation)]
    rows += [
        (_both(f"validation.card.{name}"), str(hardware[name]))
        for name in ("processor", "processors_per_node", "accelerator", "accelerators_per_node", "nodes")
        if hardware.get(name)
    ]
    if result.own:
        rows += _machine(result.own_runs[-1])
    elif software := system["document"].get("software"):
        rows.append((_both("validation.card.software"), software))
    chip = "unofficial" if result.own else None if all(e.verified for e in result.entries) else "unverified"
    page.say(
        "validation.say.own_system" if result.own else "validation.say.published_system",
        title=system["title"],
        rounds=", ".join(sorted({e.round for e in result.entries})),
    )
    page.table(pd.DataFrame(rows, columns=["item", "value"]), flags={(0, "value"): chip} if chip else None)


def _machine(own: OwnRun) -> list[tuple[dict[str, str], str]]:
    m = own.measurement
    before, cores = m.load_before["one_minute"], m.machine["logical_cores"]
    return [
        (_both("validation.card.cores"), f"{cores} ({m.machine['architecture']})"),
        (_both("validation.card.memory"), f"{m.machine['memory_gb']:g} GB"),
        (_both("validation.card.operating_system"), m.machine["operating_system"]),
        (
            _both("validation.card.software"),
            ", ".join(f"{name} {version}" for name, version in m.machine["packages"].items() if version),
        ),
        (_both("validation.card.model"), f"{m.model['title']} (sha256 {m.model['sha256'][:12]}…)"),
        (
            _both("validation.card.load"),
            f"{before:.2f} → {m.load_after['one_minute']:.2f} ({cores} cores)",
        ),
    ]


def validity(result: SystemReview) -> None:
    """Every rule applied to the newest run of each scenario: what was found, what two rule sets ask for."""
    if not result.own:
        page.note("validation.say.not_judged")
        return
    page.say(
        "validation.say.validity_pass" if all(o.accepted for o in result.own_runs) else "validation.say.validity_fail",
        official=rules.load(rules.OFFICIAL).title,
        short=rules.load(rules.SHORT).title,
        valid=sum(o.measurement.valid_under(rules.OFFICIAL) for o in result.own_runs),
        count=len(result.own_runs),
    )
    for own in result.own_runs:
        findings = own.measurement.findings
        pairs = zip(findings[rules.OFFICIAL], findings[rules.SHORT], strict=True)
        rows, flags = [], {}
        for index, (official, short) in enumerate(sorted(pairs, key=lambda p: (p[1].ok, p[0].ok))):  # broken first
            rows.append(
                {
                    "rule": _both(f"validation.rule.{official.rule}"),
                    "got": {lang: finding_got(official, lang) for lang in LANGUAGES},
                    "required_official": {lang: finding_required(official, lang) for lang in LANGUAGES},
                    "official": official.ok,
                    "required_short": {lang: finding_required(short, lang) for lang in LANGUAGES},
                    "short": short.ok,
                }
            )
            flags |= {
                (index, column): "invalid"
                for column, finding in (("official", official), ("short", short))
                if not finding.ok
            }
        page.table(pd.DataFrame(rows), caption="validation.caption.findings", flags=flags, scenario=_title(own))


def _title(own: OwnRun) -> str:
    return f"{own.measurement.benchmark}, {own.measurement.scenario}"


def latency(result: SystemReview) -> None:
    """Latency percentiles of the own runs with their intervals; Offline's rate over the course of the run."""
    if not result.own:
        page.note("validation.say.no_distribution")
        return
    for own in result.own_runs:
        if own.measurement.scenario == "Offline":
            _offline(own, result.parameters.confidence)
        else:
            _distribution(own, result.parameters.confidence)


def _distribution(own: OwnRun, confidence: float) -> None:
    m = own.measurement
    p90 = next(p for p in own.percentiles if p.percentile == 0.90)
    values = {
        "scenario": m.scenario,
        "confidence": f"{100 * confidence:g} %",
        "value": shown(p90.value_ns / 1e3, 4),
        "low": shown(None if p90.low_ns is None else p90.low_ns / 1e3, 4),
        "high": shown(None if p90.high_ns is None else p90.high_ns / 1e3, 4),
        "count": f"{m.served.count:,}",
    }
    table = _percentile_table(own)
    if m.scenario == "Server":  # only LoadGen knows how long a query waited: it reports percentiles, no distribution
        page.say("validation.say.server", **values)
        page.table(table[["percentile", "latency_us"]])
        return
    page.picture(_percentile_chart(own, confidence), say="validation.say.latency", table=table, **values)
    page.note("validation.note.interval")


def _percentile_table(own: OwnRun) -> pd.DataFrame:
    rows = [
        {
            "percentile": f"p{100 * p.percentile:g}",
            "latency_us": p.value_ns / 1e3,
            "low_us": None if p.low_ns is None else p.low_ns / 1e3,
            "high_us": None if p.high_ns is None else p.high_ns / 1e3,
            "loadgen_us": None if p.loadgen_ns is None else p.loadgen_ns / 1e3,
        }
        for p in own.percentiles
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(("latency_us", "low_us", "high_us", "loadgen_us"), float))


def _percentile_chart(own: OwnRun, confidence: float) -> alt.LayerChart:
    """Latency against the share of slower queries, on a scale that gives each further nine the same room."""
    curve = pd.DataFrame(own.measurement.served.curve(confidence=confidence))
    # a curve up to the last percentile that has a two-sided interval: beyond it a single query decides
    curve = curve[curve["percentile"].between(0.05, curve.loc[curve["high_ns"].notna(), "percentile"].max())]
    for column in ("ns", "low_ns", "high_ns"):
        curve[column.replace("ns", "us")] = curve[column] / 1e3
    curve["slower"] = 1 - curve["percentile"]
    marks = _percentile_table(own)
    marks["slower"] = [1 - p.percentile for p in own.percentiles]
    marks = marks[marks["slower"] >= curve["slower"].min()]
    marks["text"] = [f"{p}: {shown(v, 3)}" for p, v in zip(marks["percentile"], marks["latency_us"], strict=True)]
    # every query's label would crowd the tail; those engineers quote are named
    named = marks[marks["percentile"].isin(["p50", "p90", "p99", "p99.9"])]
    ticks = [v for v in (0.5, 0.1, 0.01, 0.001, 0.0001, 0.00001) if v >= curve["slower"].min()]
    x = alt.X(
        "slower:Q",
        title=t("validation.axis.percentile"),
        scale=alt.Scale(type="log", reverse=True, nice=False, domain=[curve["slower"].min(), 0.95]),
        axis=alt.Axis(values=ticks, labelExpr="format(100 * (1 - datum.value), '~g')", grid=True),
    )
    scale = alt.Scale(type="log", nice=False, padding=18)
    axis = alt.Axis(values=[m * 10**e for e in range(-1, 8) for m in (1, 2, 5)], format=",~g", titlePadding=12)
    y = {"title": t("validation.axis.latency"), "scale": scale, "axis": axis}
    band = alt.Chart(curve).mark_area(opacity=0.25, color=_BETTER)
    band = band.encode(x=x, y=alt.Y("low_us:Q", **y), y2="high_us:Q")
    line = alt.Chart(curve).mark_line(color=_BETTER).encode(x=x, y=alt.Y("us:Q", **y))
    points = alt.Chart(named).mark_point(color=_BETTER, size=60).encode(x=x, y="latency_us:Q")
    texts = alt.Chart(named).mark_text(align="left", dx=6, dy=14).encode(x=x, y="latency_us:Q", text="text:N")
    return alt.layer(band, line, points, texts).properties(width=_WIDTH, height=300)


def _offline(own: OwnRun, confidence: float) -> None:
    m = own.measurement
    rate = m.log["result_samples_per_second"]
    low, high = own.throughput_interval or (None, None)
    values = {
        "rate": shown(float(rate), 3),
        "low": shown(low, 3),
        "high": shown(high, 3),
        "confidence": f"{100 * confidence:g} %",
        "count": f"{m.log['effective_samples_per_query']:,}",
    }
    if low is None:
        page.say("validation.say.offline_short", **values)
        return
    blocks = pd.DataFrame({"block": range(1, len(m.block_rates_per_s) + 1), "samples_per_s": m.block_rates_per_s})
    y = alt.Y(
        "samples_per_s:Q",
        title=t("validation.axis.rate"),
        scale=alt.Scale(zero=True),
        axis=alt.Axis(format="~s", titlePadding=14),
    )
    bars = alt.Chart(blocks).mark_bar(color=_BETTER, opacity=0.85).encode(
        x=alt.X("block:O", title=t("validation.axis.block"), axis=alt.Axis(labelAngle=0)), y=y
    )  # fmt: skip
    line = pd.DataFrame({"samples_per_s": [rate], "text": [f"LoadGen {shown(float(rate), 3)}"]})
    rule = alt.Chart(line).mark_rule(strokeDash=[5, 4], strokeWidth=1.5).encode(y="samples_per_s:Q")
    text = alt.Chart(line).mark_text(align="left", dx=6).encode(y="samples_per_s:Q", x=alt.value(_WIDTH), text="text:N")
    chart = alt.layer(bars, rule, text).properties(width=_WIDTH, height=200)
    page.picture(chart, say="validation.say.offline", table=blocks, **values)
    page.note("validation.note.blocks")


def comparison(result: SystemReview) -> None:
    """Ratios to the reviewed system in every group it belongs to; geometric means of ratios in one unit."""
    if not result.groups:
        page.note("validation.reason.alone")
        return
    reference = result.parameters.system_id
    ratios = [(g, r) for g in result.groups for r in g.ratios(reference)]
    others = [(g, r) for g, r in ratios if r.system_id != reference]
    best = max(others, key=lambda pair: pair[1].ratio)
    ahead = sum(max(r.ratio for r in g.ratios(reference)) <= 1 for g in result.groups)
    page.picture(
        _ratio_chart(result),
        say="validation.say.comparison_leads" if ahead == len(result.groups) else "validation.say.comparison",
        table=_ratio_table(result, ratios),
        system=result.system["title"],
        ahead=ahead,
        count=len(result.groups),
        best=best[1].system,
        ratio=shown(best[1].ratio, 3),
        benchmark=f"{best[0].key.benchmark} {best[0].key.scenario}",
    )
    page.note("validation.note.whole_systems")
    if any(len(g.rounds) > 1 for g in result.groups):
        page.note("validation.note.rounds")
    if result.means:
        _means(result)


def _ratio_chart(result: SystemReview) -> alt.VConcatChart:
    reference = result.parameters.system_id
    everything = [r.ratio for g in result.groups for r in g.ratios(reference)]
    span = max(everything) / min(everything)
    room = max(span**0.22, 1.25) if min(everything) < 1 else max(span**0.02, 1.05)  # for the labels on the left
    domain = [min(everything) / room, max(everything) * max(span**0.02, 1.05)]
    rows = []
    for number, g in enumerate(result.groups):
        last = number == len(result.groups) - 1
        rows.append(_ratio_row(g, reference, domain, last))
    return alt.vconcat(*rows, spacing=14)


def _ratio_row(g: compare.Group, reference: str, domain: list[float], last: bool) -> alt.LayerChart:
    frame = pd.DataFrame(
        {
            "system": f"{r.system}  ({r.round})",
            "ratio": r.ratio,
            "one": 1.0,
            "low": r.low,
            "high": r.high,
            "text": ("= 1" if r.system_id == reference else f"{shown(r.ratio, 3)}×")
            + ("" if r.verified else f"  ({t('chip.unverified')})"),
            "side": "same" if r.system_id == reference else "better" if r.ratio >= 1 else "worse",
        }
        for r in g.ratios(reference)
    )
    colour = alt.Color(
        "side:N", scale=alt.Scale(domain=["better", "same", "worse"], range=[_BETTER, _SAME, _WORSE]), legend=None
    )
    x = alt.X(
        "ratio:Q",
        scale=alt.Scale(type="log", domain=domain, nice=False),
        title=t("validation.axis.ratio") if last else None,
        axis=alt.Axis(labels=last, ticks=last, format="~g", values=_decades(domain)),
    )
    y = alt.Y(
        "system:N", sort=None, title=None, axis=alt.Axis(labelLimit=260, minExtent=260, domain=False, ticks=False)
    )
    stem = alt.Chart(frame).mark_rule(strokeWidth=3).encode(x=x, x2="one:Q", y=y, color=colour)
    dots = alt.Chart(frame).mark_point(size=90, opacity=1).encode(x=x, y=y, color=colour)
    right = alt.Chart(frame).transform_filter("datum.ratio >= 1").mark_text(align="left", dx=9)
    left = alt.Chart(frame).transform_filter("datum.ratio < 1").mark_text(align="right", dx=-9)
    layers = [stem, dots, right.encode(x=x, y=y, text="text:N"), left.encode(x=x, y=y, text="text:N")]
    intervals = frame.dropna(subset=["low", "high"])
    if len(intervals):
        layers.insert(1, alt.Chart(intervals).mark_rule().encode(x="low:Q", x2="high:Q", y=y))
    unit = unit_symbol(g.key.unit)
    title = f"{g.key.benchmark} · {g.key.scenario} · {t('validation.metric.' + g.key.metric)}, {unit}"
    return alt.layer(*layers).properties(width=_WIDTH - 220, height=26 * len(frame), title=title)


def _decades(domain: list[float]) -> list[float]:
    """Ticks at powers of ten; at 1, 2 and 5 as well when the ratios span little."""
    steps = (1,) if domain[1] / domain[0] > 100 else (1, 2, 5)
    ticks = [m * 10.0**e for e in range(-6, 7) for m in steps]
    return [tick for tick in ticks if domain[0] <= tick <= domain[1]]


def _ratio_table(result: SystemReview, ratios: list[tuple[compare.Group, compare.Ratio]]) -> pd.DataFrame:
    rows = []
    for g, r in ratios:
        entry = g.of(r.system_id)
        rows.append(
            {
                "benchmark": g.key.benchmark,
                "scenario": g.key.scenario,
                "metric": _metric(g.key.metric),
                "system": r.system,
                "round": r.round,
                "accelerators": str(result.accelerators.get(r.system_id) or "–"),
                "value": _value(entry.value, own=not entry.official),
                "unit": unit_symbol(g.key.unit),
                "ratio": r.ratio,
                "verified": r.verified,
            }
        )
    return pd.DataFrame(rows)


def _means(result: SystemReview) -> None:
    rows = [
        {
            "system": m.system,
            "metric": _metric(m.metric),
            "unit": unit_symbol(m.unit),
            "geometric_mean_ratio": m.ratio,
            "benchmarks": ", ".join(m.benchmarks),
        }
        for m in result.means
    ]
    flags = {(i, "geometric_mean_ratio"): "unverified" for i, m in enumerate(result.means) if not m.verified}
    page.say("validation.say.means", system=result.system["title"])
    page.table(pd.DataFrame(rows), digits={"geometric_mean_ratio": 3}, flags=flags)


def efficiency(result: SystemReview) -> None:
    """Throughput per watt, and energy as reported; units that differ are never put on one axis."""
    energy = [e for e in result.entries if e.key.metric.startswith("energy")]
    if not result.efficiency and not energy:
        page.note("validation.say.no_power")
        return
    rows, flags = [], {}
    for index, e in enumerate((*result.efficiency, *energy)):
        derived = e.key.metric == "throughput_per_watt"
        rows.append(
            {
                "benchmark": e.key.benchmark,
                "scenario": e.key.scenario,
                "metric": _metric(e.key.metric),
                "value": shown(e.value, 4) if derived else _value(e.value, own=not e.official),
                "unit": unit_symbol(e.key.unit),
            }
        )
        if not e.verified:
            flags[index, "value"] = "unverified"
    page.say("validation.say.efficiency", count=len(rows))
    page.table(pd.DataFrame(rows), flags=flags, right=("value",))


def results(result: SystemReview) -> None:
    """Every figure of the system with its interval, state and remark."""
    rows, flags = [], {}
    if result.own:
        flags["value"] = "unofficial"
    entries = sorted(result.entries, key=lambda e: (e.key.benchmark, e.key.scenario, _rank(e.key.metric)))
    for index, e in enumerate(entries):
        rows.append(
            {
                "benchmark": e.key.benchmark,
                "scenario": e.key.scenario,
                "division": e.key.division,
                "round": e.round,
                "metric": _metric(e.key.metric),
                "value": _value(e.value, own=not e.official),
                "unit": unit_symbol(e.key.unit),
                "interval": "–" if e.low is None else f"{shown(e.low, 4)} … {shown(e.high, 4)}",
            }
        )
        if not e.verified:
            flags[index, "value"] = "unverified"
        elif e.valid is False and e.key.metric in compare.COMPARED:
            flags[index, "value"] = "invalid"
    page.say(
        "validation.say.results_own" if result.own else "validation.say.results_published", count=len(result.entries)
    )
    page.table(pd.DataFrame(rows), flags=flags, right=("value",))
    remarks: dict[tuple, list[str]] = {}
    for run_id, remark in result.notes.items():
        entry = next((e for e in entries if e.run_id == run_id), None)
        if entry is not None:
            remarks.setdefault(tuple(remark.items()), []).append(f"{entry.key.benchmark} {entry.key.scenario}")
    for remark, subjects in remarks.items():
        page.note({lang: f"{', '.join(subjects)}: {sentence}" for lang, sentence in remark})


def _rank(metric: str) -> int:
    order = ("throughput", "latency", "latency_p50", "latency_p90", "latency_p99", "accuracy")
    return order.index(metric) if metric in order else len(order)


def sources(result: SystemReview) -> None:
    """Where the figures come from and how they may be used."""
    for source in sorted({e.source for e in result.entries}):
        page.note("validation.note.source", source=source)
    if result.own:
        page.note("validation.note.unofficial")
        for own in result.own_runs:
            files = own.measurement.logs["performance"]
            page.note(
                "validation.note.log",
                scenario=own.measurement.scenario,
                started=own.measurement.started_at,
                sha256=files["mlperf_log_detail.txt"]["sha256"],
            )
    elif result.read_on:
        page.note("validation.note.fair_use", read_on=result.read_on)
    else:
        page.note("validation.note.not_read")
