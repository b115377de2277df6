"""What every gauge study ends in: variance components, their shares, and the number of classes the gauge can tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.i18n import t
from workbench.process.quality.assumptions import Assumption
from workbench.schema import Verdict

CLASSES = 1.41  # AIAG prints sqrt(2) with three digits and so do the published examples


@dataclass(frozen=True)
class Component:
    """One source of variation. `low`, `high`: interval of the variance. Shares are of the total of the study.

    `study_percent` is a ratio of standard deviations (they do not add up), `contribution_percent` of variances (they
    do), `tolerance_percent` of the study width to the specification width (None without a specification).
    """

    name: str
    variance: float
    low: float
    high: float
    study_percent: float
    contribution_percent: float
    tolerance_percent: float | None

    @property
    def sigma(self) -> float:
        return math.sqrt(self.variance)

    def word(self, lang: str | None = None) -> str:
        return t(f"quality.component.{self.name}", lang)


@dataclass(frozen=True)
class MeanSquare:
    """A row of the table of analysis of variance; `f` and `p` are None for the last rows."""

    source: str
    ss: float
    dof: int
    ms: float
    f: float | None = None
    p: float | None = None


@dataclass(frozen=True)
class GaugeStudy:
    """Result of a gauge study. `components` by name: repeatability, reproducibility, gauge (both), part, total, and
    by analysis of variance also operator and interaction.

    `classes` is 1.41 part / gauge before truncation, `class_count` after (AIAG; at least 1). `gauge_percent_low` and
    `_high` bound the study share of the gauge, `classes_low` bounds the classes from below (nan where not computed).
    `clipped` names components whose estimate was negative and was set to zero.
    """

    components: dict[str, Component]
    classes: float
    classes_low: float
    gauge_percent_low: float
    gauge_percent_high: float
    table: tuple[MeanSquare, ...]
    clipped: tuple[str, ...]
    confidence: float
    study_width: float
    pooled: bool | None
    convention: str
    interval_convention: str
    assumptions: tuple[Assumption, ...]

    @property
    def class_count(self) -> int:
        return max(1, int(self.classes)) if math.isfinite(self.classes) else 10**6

    @property
    def gauge_percent(self) -> float:
        return self.components["gauge"].study_percent

    @property
    def verdict(self) -> Verdict:
        """AIAG: up to 10 % of the study good, above 30 % not; fewer than 5 classes never good."""
        if self.gauge_percent > 30:
            return Verdict.FAIL
        return Verdict.PASS if self.gauge_percent <= 10 and self.class_count >= 5 else Verdict.MARGINAL


def share(
    variances: dict[str, tuple[float, float, float]], *, tolerance_width: float | None, study_width: float
) -> dict[str, Component]:
    """Components with their shares of `variances["total"]`, from name -> (variance, low, high)."""
    total = variances["total"][0]
    found = {}
    for name, (variance, low, high) in variances.items():
        sigma = math.sqrt(max(variance, 0.0))
        found[name] = Component(
            name=name,
            variance=max(variance, 0.0),
            low=max(low, 0.0),
            high=max(high, 0.0),
            study_percent=100 * sigma / math.sqrt(total),
            contribution_percent=100 * max(variance, 0.0) / total,
            tolerance_percent=None if tolerance_width is None else 100 * study_width * sigma / tolerance_width,
        )
    return found


def classes(part: float, gauge: float) -> float:
    """1.41 part sigma / gauge sigma, from variances."""
    return CLASSES * math.sqrt(part / gauge) if gauge > 0 else math.inf
