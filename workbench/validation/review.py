"""The benchmark review of one system: its figures, what they may be compared with, and whether its runs are valid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from workbench.errors import InputError
from workbench.i18n import LANGUAGES, t
from workbench.schema import Figure, Parameters, Summary, Verdict, choice, quantity
from workbench.validation import compare, rules
from workbench.validation import run as runs_

METRICS = {
    "all": None,
    "throughput": ("throughput", "throughput_per_watt"),
    "latency": ("latency",),
    "energy": ("energy_per_query", "energy_per_inference", "throughput_per_watt"),
}


SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline")  # in the order of a report


class BenchmarkReview(Parameters):
    """Compare one system's MLPerf figures like with like, and judge its own measured runs."""

    system_id: str = choice("System", "系統", of="system", default="mlperf-5.1-0061")
    metric: str = choice(
        "Figures to compare",
        "比較項目",
        options=tuple(METRICS),
        default="all",
        help_en="energy: energy per query or inference, and throughput per watt",
        help_zh="energy：每次查詢或推論的能量，以及每瓦吞吐量",
    )
    confidence_percent: float = quantity("Confidence of intervals", "區間的信賴水準", ge=50, le=99.9, default=95.0)

    @property
    def confidence(self) -> float:
        return self.confidence_percent / 100


@dataclass(frozen=True)
class OwnRun:
    """A run measured here: its evidence read again from the stored log."""

    run_id: str
    measurement: runs_.Measurement
    percentiles: tuple[runs_.Percentile, ...]
    throughput_interval: tuple[float, float] | None

    @property
    def accepted(self) -> bool:
        """Valid under this project's declared rules for short runs (which contain the accuracy target)."""
        return self.measurement.valid_under(rules.SHORT)


@dataclass(frozen=True)
class SystemReview:
    """What the screens show. `groups` hold the system itself; `entries` are all its results, compared or not."""

    parameters: BenchmarkReview
    system: Mapping[str, Any]
    entries: tuple[compare.Entry, ...]
    groups: tuple[compare.Group, ...]
    means: tuple[compare.GeometricMean, ...]
    efficiency: tuple[compare.Entry, ...]
    accelerators: Mapping[str, int | None]  # system_id: accelerators of the whole system
    own_runs: tuple[OwnRun, ...]
    notes: Mapping[str, Mapping[str, str]]  # run_id: remark on its source, by language
    read_on: str | None  # when the published table was read; None when it was not
    summary: Summary

    @property
    def own(self) -> bool:
        """Measured here, not published by MLCommons."""
        return bool(self.own_runs)

    @property
    def compared_keys(self) -> frozenset[compare.Key]:
        return frozenset(g.key for g in self.groups)


def review(
    systems: Iterable[Mapping[str, Any]],
    results: pd.DataFrame,
    runs: Iterable[Mapping[str, Any]],
    p: BenchmarkReview,
) -> SystemReview:
    """Review `p.system_id`.

    `systems`, `results` and `runs` as the store gives them: every system, every result joined with its run, and the
    runs of the reviewed system with their documents. Raises InputError for a system that is not there.
    """
    systems = list(systems)
    system = next((s for s in systems if s["system_id"] == p.system_id), None)
    if system is None:
        raise InputError("validation.unknown_system", where="system_id", got=p.system_id)
    runs = list(runs)
    own_runs = _own_runs(runs, p.confidence)
    current = {r["run_id"] for r in _latest(runs)}
    everything = [e for e in _entries(results) if e.system_id != p.system_id or e.run_id in current]
    efficiency = compare.efficiency(everything)
    wanted = METRICS[p.metric]
    chosen = [e for e in (*everything, *efficiency) if wanted is None or e.key.metric in wanted]
    groups = tuple(g for g in compare.group(chosen) if g.of(p.system_id))
    mine = tuple(e for e in everything if e.system_id == p.system_id)
    partial = SystemReview(
        parameters=p,
        system=system,
        entries=mine,
        groups=groups,
        means=compare.geometric_means(groups, p.system_id),
        efficiency=tuple(e for e in efficiency if e.system_id == p.system_id),
        accelerators={s["system_id"]: accelerator_count(s["document"].get("hardware", {})) for s in systems},
        own_runs=own_runs,
        notes={r["run_id"]: r["document"]["note"] for r in runs if r["document"].get("note")},
        read_on=next((r["document"]["read_on"] for r in runs if r["document"].get("read_on")), None),
        summary=Summary(Verdict.NONE, system["title"]),
    )
    return replace(partial, summary=_own_summary(partial) if own_runs else _published_summary(partial))


def accelerator_count(hardware: Mapping[str, Any]) -> int | None:
    """Accelerators of the whole system; None where the source does not say or there are none."""
    per_node = hardware.get("accelerators_per_node")
    return int(per_node) * int(hardware.get("nodes") or 1) if per_node else None


def _latest(runs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The newest run of each benchmark and scenario; `runs` come oldest first."""
    newest = {(r["suite"], r["round"], r["division"], r["benchmark"], r["scenario"]): r for r in runs}
    return list(newest.values())


def _own_runs(runs: list[Mapping[str, Any]], confidence: float) -> tuple[OwnRun, ...]:
    found = []
    for r in _latest(runs):
        if r["suite"] == runs_.SUITE:
            m = runs_.from_document(r["document"])
            found.append(OwnRun(r["run_id"], m, m.percentiles(confidence), m.throughput_interval(confidence)))
    return tuple(sorted(found, key=lambda o: SCENARIOS.index(o.measurement.scenario)))


def _entries(results: pd.DataFrame) -> list[compare.Entry]:
    plain = results.astype(object).where(results.notna(), None)
    return [
        compare.Entry(
            key=compare.Key(r["suite"], r["division"], r["benchmark"], r["scenario"], r["metric"], r["unit"]),
            system_id=r["system_id"],
            system=r["system"],
            run_id=r["run_id"],
            round=r["round"],
            value=float(r["value"]),
            low=r["low"],
            high=r["high"],
            official=bool(r["official"]),
            valid=r["valid"],
            verified=bool(r["verified"]),
            source=r["source"] or "",
        )
        for r in plain.to_dict("records")
    ]


def _both(key: str, **values: Any) -> dict[str, str]:
    return {lang: t(key, lang, **values) for lang in LANGUAGES}


def _own_summary(result: SystemReview) -> Summary:
    """PASS when every newest run holds the declared rules and its accuracy target, FAIL otherwise."""
    reasons = []
    for name in (rules.SHORT, rules.OFFICIAL):
        title = rules.load(name).title
        holding = [o.measurement.scenario for o in result.own_runs if o.measurement.valid_under(name)]
        if holding:
            reasons.append(_both("validation.reason.valid", rules=title, scenarios=", ".join(holding)))
        reasons += [_broken(finding, scenarios, title) for finding, scenarios in _violations(result.own_runs, name)]
    passed = all(o.accepted for o in result.own_runs)
    measured = [o.measurement for o in result.own_runs]
    load = max(m.load_before["one_minute"] for m in measured)
    reasons.append(_both("validation.reason.load", load=f"{load:.2f}", cores=measured[0].machine["logical_cores"]))
    reasons.append(_both("validation.reason.unofficial"))
    return Summary(
        Verdict.PASS if passed else Verdict.FAIL, result.system["title"], _own_figures(result.own_runs), tuple(reasons)
    )


def _violations(own_runs: tuple[OwnRun, ...], name: str) -> list[tuple[rules.Finding, list[str]]]:
    """Broken rules of a rule set, each once, with the scenarios in which it is broken in the same way."""
    found: dict[rules.Finding, list[str]] = {}
    for own in own_runs:
        for finding in own.measurement.findings[name]:
            if not finding.ok:
                found.setdefault(finding, []).append(own.measurement.scenario)
    return list(found.items())


def _broken(finding: rules.Finding, scenarios: list[str], title: str) -> dict[str, str]:
    return {
        lang: t(
            "validation.reason.invalid",
            lang,
            rules=title,
            scenarios=", ".join(scenarios),
            rule=t(f"validation.rule.{finding.rule}", lang),
            got=finding_got(finding, lang),
            required=finding_required(finding, lang),
        )
        for lang in LANGUAGES
    }


def _own_figures(own_runs: tuple[OwnRun, ...]) -> tuple[Figure, ...]:
    figures = []
    for own in own_runs:
        m = own.measurement
        if m.scenario == "Offline":
            low, high = own.throughput_interval or (None, None)
            value = float(m.log["result_samples_per_second"])
            figures.append(Figure("validation.figure.offline", value, "samples/s", 3, low=low, high=high))
        elif m.scenario == "SingleStream":
            p90 = next(p for p in own.percentiles if p.percentile == 0.90)
            low, high = (None if ns is None else ns / 1e3 for ns in (p90.low_ns, p90.high_ns))
            figures.append(Figure("validation.figure.p90", p90.value_ns / 1e3, "µs", 4, low=low, high=high))
    accuracy = min(o.measurement.quality.got for o in own_runs)
    return (*figures[:2], Figure("validation.figure.accuracy", 100 * accuracy, "%", 3))


def _published_summary(result: SystemReview) -> Summary:
    """No verdict: the logs behind a published figure were not judged here. The leading figures and what compares."""
    compared = result.compared_keys
    ranked = [e for e in result.entries if e.key.metric in compare.COMPARED]
    ranked.sort(key=lambda e: (e.key not in compared, e.key.metric.startswith("energy")))
    figures, seen = [], set()
    for e in ranked:
        task = e.key.benchmark.removesuffix(".9").removesuffix("-99")  # one figure for both accuracy targets of a task
        if task not in seen and len(figures) < 2:
            seen.add(task)
            unit = f"{unit_symbol(e.key.unit)} · {e.key.benchmark} {e.key.scenario}"
            digits = significant_digits(e.value)
            figures.append(Figure(f"validation.metric.{e.key.metric}", e.value, unit, digits, verified=e.verified))
    figures.append(Figure("validation.figure.compared", len(result.groups), "", 4))
    count, unverified = len(result.entries), sum(not e.verified for e in result.entries)
    reasons = [_both("validation.reason.no_verdict", count=count)]
    if unverified:
        reasons.append(_both("validation.reason.unverified", count=unverified, total=count))
    if result.groups:
        others = {e.system_id for g in result.groups for e in g.entries} - {result.parameters.system_id}
        reasons.append(_both("validation.reason.compared", count=len(result.groups), others=len(others)))
    else:
        reasons.append(_both("validation.reason.alone"))
    return Summary(Verdict.NONE, result.system["title"], tuple(figures), tuple(reasons))


def finding_got(finding: rules.Finding, lang: str | None = None) -> str:
    """What was found, with its unit, as shown on screen."""
    return _said(finding.got, finding.unit, lang)


def finding_required(finding: rules.Finding, lang: str | None = None) -> str:
    return f"{finding.comparison}{_GAP}{_said(finding.required, finding.unit, lang)}".strip()


def _said(value: Any, unit: str, lang: str | None) -> str:
    if isinstance(value, bool):
        return t("label.yes" if value else "label.no", lang)
    shown = "–" if value is None else f"{value:.6g}" if isinstance(value, float) else value
    shown = f"{shown:,}" if isinstance(shown, int) else shown
    return f"{shown}{_GAP}{unit_symbol(unit)}".strip()


_GAP = "\u00a0"  # a number and its unit stay on one line


def unit_symbol(unit: str) -> str:
    """The unit as shown on screen."""
    return {"percent": "%", "uJ": "µJ"}.get(unit, unit)


def significant_digits(value: float, most: int = 6) -> int:
    """How many digits a published figure carries: 5,495.9 has five; no screen shows more than were published."""
    return max(1, min(most, len(f"{value:.15g}".replace(".", "").replace("-", "").strip("0"))))
