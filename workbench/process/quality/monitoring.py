"""The whole study of one monitored parameter: chart, run rules, capability and tolerance interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.errors import DomainError
from workbench.process.quality.charts import ChartPair, individuals, xbar_r, xbar_s
from workbench.process.quality.indices import Capability, capability
from workbench.process.quality.rules import SETS
from workbench.process.quality.tolerance import tolerance_factor

CHARTS = {"xbar_r": xbar_r, "xbar_s": xbar_s}


@dataclass(frozen=True)
class MonitorStudy:
    """Result of `monitor_study`: Cp and Cpk with the within-subgroup sigma, Pp and Ppk with the overall one.

    `tolerance` holds `coverage` of all units with the stated confidence, by the overall standard deviation.
    """

    charts: ChartPair
    rules: str
    within: Capability
    overall: Capability
    coverage: float
    tolerance_factor: float
    tolerance: tuple[float, float]


def monitor_study(
    subgroups: np.ndarray,
    *,
    lower: float | None,
    upper: float | None,
    target: float | None = None,
    chart: str = "xbar_r",
    rules: str = "western_electric",
    baseline_count: int | None = None,
    confidence: float = 0.95,
    coverage: float = 0.9973,
) -> MonitorStudy:
    """Chart `subgroups` (m, n) and judge them against the specification; single values get an individuals chart.

    Limits and the within sigma come from the first `baseline_count` subgroups (all by default); the mean and the
    overall sigma from all values.
    """
    if chart not in CHARTS or rules not in SETS:
        raise DomainError("process.choice", got=f"{chart}, {rules}", allowed=", ".join([*CHARTS, *SETS]))
    data = np.asarray(subgroups, float)
    chosen = SETS[rules]
    if data.ndim == 2 and data.shape[1] == 1:
        pair = individuals(data.ravel(), baseline_count=baseline_count, rules=chosen)
    else:
        pair = CHARTS[chart](data, baseline_count=baseline_count, rules=chosen)
    spec = {"lower": lower, "upper": upper, "target": target, "confidence": confidence}
    within = capability(data, sigma=pair.sigma, dof=pair.sigma_dof, sigma_convention=pair.convention, **spec)
    overall = capability(data, sigma_convention="overall", **spec)
    k = tolerance_factor(n=data.size, coverage=coverage, confidence=confidence)
    ends = (overall.mean - k * overall.sigma, overall.mean + k * overall.sigma)
    return MonitorStudy(pair, rules, within, overall, coverage, k, ends)
