"""Views of the process pages: the window with its experiment and monitor; the review of a lot; the review of quality."""

from widgets.process.control import capability, capability_table, control_chart
from widgets.process.fitting import diagnostics, models, runs, surfaces
from widgets.process.lot import bins, events, imports, lot_map
from widgets.process.lot_causes import causes, patterns, screening
from widgets.process.lot_causes import drift as drifting_tool
from widgets.process.quality import capability as capabilities
from widgets.process.quality import gauge, limits_chart, limits_table, quality_map, short_run
from widgets.process.setpoint import drift, set_point, window
from widgets.process.unit_page import unit, worst_units

__all__ = [
    "bins",
    "capabilities",
    "capability",
    "capability_table",
    "causes",
    "control_chart",
    "diagnostics",
    "drift",
    "drifting_tool",
    "events",
    "gauge",
    "imports",
    "limits_chart",
    "limits_table",
    "lot_map",
    "models",
    "patterns",
    "quality_map",
    "runs",
    "screening",
    "set_point",
    "short_run",
    "surfaces",
    "unit",
    "window",
    "worst_units",
]
