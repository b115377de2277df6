"""Views of the process window review: experiment, surfaces, window, set point, control chart, capability."""

from widgets.process.control import capability, capability_table, control_chart
from widgets.process.fitting import diagnostics, models, runs, surfaces
from widgets.process.setpoint import drift, set_point, window

__all__ = [
    "capability",
    "capability_table",
    "control_chart",
    "diagnostics",
    "drift",
    "models",
    "runs",
    "set_point",
    "surfaces",
    "window",
]
