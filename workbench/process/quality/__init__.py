"""Statistical quality control: control charts, run rules, capability and tolerance."""

from workbench.process.quality.charts import Chart, ChartPair, individuals, xbar_r, xbar_s
from workbench.process.quality.constants import ChartConstants, chart_constants
from workbench.process.quality.indices import Capability, capability
from workbench.process.quality.rules import NELSON, SHEWHART, WESTERN_ELECTRIC, Violation, violations
from workbench.process.quality.tolerance import tolerance_factor

__all__ = [
    "NELSON",
    "SHEWHART",
    "WESTERN_ELECTRIC",
    "Capability",
    "Chart",
    "ChartConstants",
    "ChartPair",
    "Violation",
    "capability",
    "chart_constants",
    "individuals",
    "tolerance_factor",
    "violations",
    "xbar_r",
    "xbar_s",
]
