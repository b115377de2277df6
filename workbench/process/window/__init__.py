"""Response surfaces of a designed experiment and the window in which every limit is met."""

from workbench.process.window.diagnostics import Diagnostics, diagnose
from workbench.process.window.factors import Factor, Region, coded, uncoded
from workbench.process.window.probability import (
    Limits,
    conformance,
    conformance_interval,
    rectangle_probability,
    residual_correlation,
)
from workbench.process.window.selection import backward, full_quadratic, hierarchical, linear, term_name
from workbench.process.window.setpoint import Drift, SetPoint, operating_range, recommend, yield_with_drift
from workbench.process.window.stationary import StationaryPoint, stationary_point
from workbench.process.window.surface import Surface, fit

__all__ = [
    "Diagnostics",
    "Drift",
    "Factor",
    "Limits",
    "Region",
    "SetPoint",
    "StationaryPoint",
    "Surface",
    "backward",
    "coded",
    "conformance",
    "conformance_interval",
    "diagnose",
    "fit",
    "full_quadratic",
    "hierarchical",
    "linear",
    "operating_range",
    "recommend",
    "rectangle_probability",
    "residual_correlation",
    "stationary_point",
    "term_name",
    "uncoded",
    "yield_with_drift",
]
