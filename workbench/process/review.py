"""The process window review: is there a window, where to set the tool, and is the line that runs it in control."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from workbench.errors import InputError
from workbench.i18n import LANGUAGES, catalogue, t
from workbench.process.focus_dose import FocusDoseStudy, focus_dose_study
from workbench.process.lots import Experiment, Monitor
from workbench.process.quality.charts import ChartPair
from workbench.process.quality.monitoring import MonitorStudy, monitor_study
from workbench.process.window import Factor, Limits, SetPoint
from workbench.process.window.operating import (
    CapablePoint,
    Margin,
    Operating,
    Room,
    capable_point,
    cpk_at,
    margins,
    operating_box,
    operating_ellipsoid,
    room,
)
from workbench.process.window.setpoint import at_set_point
from workbench.process.window.study import WindowStudy, study
from workbench.schema import Figure, Parameters, Summary, Verdict, choice, quantity
from workbench.schema.summary import shown
from workbench.units import symbol_of, unit_of


class ProcessWindowReview(Parameters):
    """An experiment with its limits and drift, and the monitor of the line."""

    lot_id: str = choice("Experiment", "實驗批次", of="experiment", default="cvd-tungsten")
    monitor_id: str = choice("Monitor", "監控批次", of="monitor", default="hard-bake")
    uniformity_upper_percent: float = quantity("Uniformity, upper limit", "均勻性上限", gt=0, le=100, default=6.0)
    stress_upper: float = quantity(
        "Stress, upper limit",
        "應力上限",
        gt=0,
        le=100,
        default=8.0,
        help_en="In the unit of the experiment's stress column",
        help_zh="單位與實驗資料的應力欄相同",
    )
    pressure_drift_torr: float = quantity("Pressure drift (1 sigma)", "壓力漂移（1σ）", ge=0, le=100, default=2.0)
    h2_wf6_ratio_drift: float = quantity("H2/WF6 drift (1 sigma)", "H2/WF6 漂移（1σ）", ge=0, le=10, default=0.1)
    other_drift_percent: float = quantity(
        "Drift of other factors (1 sigma), of half their range",
        "其他因子漂移（1σ），相對於半範圍",
        ge=0,
        le=50,
        default=2.0,
        help_en="For factors that have no drift of their own above",
        help_zh="適用於上方未個別指定漂移的因子",
    )
    latitude_percent: float = quantity(
        "Wanted exposure latitude",
        "要求的曝光寬容度",
        gt=0,
        le=100,
        default=10.0,
        help_en="For experiments in focus and dose",
        help_zh="適用於焦距與劑量的實驗",
    )
    model: str = choice(
        "Model", "模型", options=("selected", "full_quadratic", "gaussian_process"), default="selected"
    )
    joint: str = choice("Responses", "響應關聯", options=("independent", "correlated"), default="independent")
    wanted_conformance_percent: float = quantity(
        "Wanted probability of conformance", "要求的合格機率", ge=50, le=99.99, default=90.0
    )
    confidence_percent: float = quantity("Confidence", "信賴水準", ge=60, le=99.9, default=95.0)
    chart: str = choice("Control chart", "管制圖", options=("xbar_r", "xbar_s"), default="xbar_r")
    rules: str = choice(
        "Run rules", "判異準則", options=("western_electric", "nelson", "shewhart"), default="western_electric"
    )
    baseline_count: int = quantity(
        "Subgroups that set the limits",
        "設定管制界限的子組數",
        ge=0,
        le=1_000_000,
        default=25,
        help_en="The first subgroups, frozen for those that follow; 0 takes all",
        help_zh="以最初的子組設定界限，之後固定不變；0 表示全部",
    )
    wanted_cpk: float = quantity("Wanted Cpk", "要求的 Cpk", ge=0.1, le=10, default=1.33)


@dataclass(frozen=True)
class Ranges:
    """What a line may hold: ranges of all factors at once, of each alone, distances to the limits, the capable point.

    `box` and `ellipsoid` are None where there is no window. `capable` is the set point by Cpk, `capable_point` what to
    expect there.
    """

    box: Operating | None
    ellipsoid: Operating | None
    margins: tuple[Margin, ...]
    room: tuple[Room, ...]
    capable: CapablePoint
    capable_point: SetPoint
    set_point_cpk: np.ndarray  # of each limited response at the recommended set point


@dataclass(frozen=True)
class Review:
    """Everything the screens show. `focus_dose` is None where the experiment varies other factors than these two."""

    parameters: ProcessWindowReview
    experiment: Experiment
    monitor: Monitor
    window: WindowStudy
    ranges: Ranges
    focus_dose: FocusDoseStudy | None
    quality: MonitorStudy
    window_verdict: Verdict
    monitor_verdict: Verdict
    summary: Summary


def review(experiment: Experiment, monitor: Monitor, p: ProcessWindowReview) -> Review:
    """Study the window of `experiment` and the state of `monitor`, and conclude.

    Limits and drifts of the parameters apply where the experiment has that response or factor; other responses keep
    the specification stored with the lot, other factors drift by `other_drift_percent`.
    """
    limits = dict(experiment.limits)
    given = {"uniformity_percent": p.uniformity_upper_percent, "stress": p.stress_upper}
    limits |= {name: Limits(upper=upper) for name, upper in given.items() if name in experiment.responses}
    drifts = {"pressure_torr": p.pressure_drift_torr, "h2_wf6_ratio": p.h2_wf6_ratio_drift}
    window = study(
        experiment.factors,
        experiment.settings.to_numpy(),
        {name: experiment.responses[name].to_numpy() for name in experiment.responses},
        limits,
        [drifts.get(f.name, p.other_drift_percent / 100 * f.half_range) for f in experiment.factors],
        model=p.model,
        joint=p.joint,
        wanted=p.wanted_conformance_percent / 100,
        confidence=p.confidence_percent / 100,
    )
    if p.baseline_count == 1 or p.baseline_count > len(monitor.subgroups):
        allowed = f"0, 2 ... {len(monitor.subgroups)}"
        raise InputError("process.baseline", where="baseline_count", got=p.baseline_count, allowed=allowed)
    quality = monitor_study(
        monitor.subgroups,
        lower=monitor.lower,
        upper=monitor.upper,
        target=monitor.target,
        chart=p.chart,
        rules=p.rules,
        baseline_count=p.baseline_count or None,
        confidence=p.confidence_percent / 100,
    )
    verdicts = window_verdict(window), monitor_verdict(quality, p.wanted_cpk)
    focus_dose = focus_dose_study(experiment, limits, wanted=window.wanted, latitude_percent=p.latitude_percent)
    summary = _summary(experiment, monitor, window, quality, verdicts, p)
    return Review(p, experiment, monitor, window, ranges_of(window), focus_dose, quality, *verdicts, summary)


def ranges_of(window: WindowStudy) -> Ranges:
    """The ranges, margins and set points of a study."""
    capable = capable_point(window)
    there = at_set_point(window.models(), window.bounds, capable.x, window.drift, region=window.region,
                         correlation=window.coupling, confidence=window.confidence)  # fmt: skip
    return Ranges(operating_box(window), operating_ellipsoid(window), margins(window), room(window), capable, there,
                  cpk_at(window, window.set_point.x[None])[0])  # fmt: skip


def window_verdict(window: WindowStudy) -> Verdict:
    """PASS when the whole credible interval at the set point reaches what is wanted, FAIL when the expected
    probability does not, MARGINAL when it does but the runs are too few to be sure."""
    point = window.set_point
    if point.drifted.value < window.wanted:
        return Verdict.FAIL
    return Verdict.PASS if point.low >= window.wanted else Verdict.MARGINAL


def monitor_verdict(quality: MonitorStudy, wanted_cpk: float) -> Verdict:
    """FAIL beyond a control limit or with the whole Cpk interval below what is wanted; PASS when no rule is broken
    and the lower confidence bound of Cpk reaches it; MARGINAL otherwise."""
    cpk = quality.within.cpk
    if beyond_limits(quality.charts) or cpk.high < wanted_cpk:
        return Verdict.FAIL
    if quality.charts.in_control and quality.within.cpk_lower >= wanted_cpk:
        return Verdict.PASS
    return Verdict.MARGINAL


def beyond_limits(charts: ChartPair) -> bool:
    """True when a point of either chart lies beyond a control limit (rule 1 of every set)."""
    return any(v.rule.endswith("_1") for v in charts.violations)


def set_point_words(window: WindowStudy, lang: str = "en", setting: np.ndarray | None = None) -> str:
    """Settings (default the recommended ones) with name and unit."""
    values = window.setting if setting is None else setting
    return ", ".join(setting_words(f, float(v), lang) for f, v in zip(window.factors, values, strict=True))


def setting_words(factor: Factor, value: float, lang: str) -> str:
    """A setting with name and unit."""
    return f"{name_of(factor.name, lang)} {setting_shown(factor, value)} {symbol_of(factor.name)}".strip()


def setting_shown(factor: Factor, value: float) -> str:
    """A setting with the decimals that tell a hundredth of the range apart."""
    decimals = max(0, math.ceil(-math.log10(factor.half_range / 50)))
    return f"{value:.{decimals}f}"


def name_of(column: str, lang: str) -> str:
    """The name of a setting or measured parameter in words, without its unit; its own spelling when unknown."""
    unit = unit_of(column)
    stem = column.removesuffix("_" + unit.suffix) if unit else column
    return t(f"label.{stem}", lang) if f"label.{stem}" in catalogue() else stem.replace("_", " ")


def _summary(
    experiment: Experiment,
    monitor: Monitor,
    window: WindowStudy,
    quality: MonitorStudy,
    verdicts: tuple[Verdict, Verdict],
    p: ProcessWindowReview,
) -> Summary:
    point, origin = window.set_point, experiment.origin
    shared = {"verified": origin.verified, "synthetic": origin.synthetic}
    within = quality.within
    figures = (
        Figure(
            "label.process.conformance",
            100 * point.drifted.value,
            "%",
            3,
            low=100 * point.low,
            high=100 * point.high,
            **shared,
        ),
        Figure("label.process.set_point", set_point_words(window), **shared),
        Figure(
            "label.process.cpk_lower",
            within.cpk_lower,
            digits=3,
            verified=monitor.origin.verified,
            synthetic=monitor.origin.synthetic,
        ),
    )
    title = f"{origin.title} · {monitor.origin.title}"
    return Summary(_worst(verdicts), title, figures, (*_window_reasons(window), *_monitor_reasons(quality, p)))


def _window_reasons(window: WindowStudy) -> list[dict[str, str]]:
    point = window.set_point
    facts = {
        "value": shown(100 * point.drifted.value, 3),
        "low": shown(100 * point.low, 3),
        "high": shown(100 * point.high, 3),
        "confidence": f"{100 * window.confidence:g}",
        "wanted": f"{100 * window.wanted:g}",
        "runs": len(window.x),
    }
    if point.drifted.value < window.wanted:
        key = "process.reason.none" if not window.window_exists else "process.reason.drift_closes"
    else:
        key = "process.reason.sure" if point.low >= window.wanted else "process.reason.unsure"
    said = [{lang: t(key, lang, set_point=set_point_words(window, lang), **facts) for lang in LANGUAGES}]
    if window.on_edge:
        said.append(_both("process.reason.edge", outside=shown(100 * point.drifted.outside_ratio, 2)))
    return said


def _monitor_reasons(quality: MonitorStudy, p: ProcessWindowReview) -> list[dict[str, str]]:
    charts, within = quality.charts, quality.within
    count = len({v.index for v in charts.violations})
    state = "in_control" if charts.in_control else "beyond" if beyond_limits(charts) else "pattern"
    facts = {
        "cpk": shown(within.cpk.value, 3),
        "low": shown(within.cpk.low, 3),
        "high": shown(within.cpk.high, 3),
        "bound": shown(within.cpk_lower, 3),
        "wanted": f"{p.wanted_cpk:g}",
        "confidence": f"{p.confidence_percent:g}",
    }
    if within.cpk.high < p.wanted_cpk:
        capable = "incapable"
    else:
        capable = "capable" if within.cpk_lower >= p.wanted_cpk else "undecided"
    return [
        _both(f"process.reason.{state}", count=count, points=len(charts.location.values)),
        _both(f"process.reason.{capable}", **facts),
    ]


def _both(key: str, **values: object) -> dict[str, str]:
    return {lang: t(key, lang, **values) for lang in LANGUAGES}


def _worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    order = (Verdict.PASS, Verdict.MARGINAL, Verdict.FAIL)
    return max(verdicts, key=order.index)
