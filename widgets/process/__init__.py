"""Views of the process pages: the window with its experiment and monitor; the reviews of a lot and of quality."""

from widgets.process.control import capability, capability_table, control_chart
from widgets.process.fitting import diagnostics, models, runs, surfaces
from widgets.process.focus_dose import bossung, focus_dose_window, latitude
from widgets.process.importing import lot_import
from widgets.process.linked import on
from widgets.process.lot import bins, events, imports, lot_map
from widgets.process.lot_causes import causes, patterns, screening
from widgets.process.lot_causes import drift as drifting_tool
from widgets.process.next_lot import augmentation, next_lot, plan_power
from widgets.process.plan import plan_aliases, plan_alternatives, plan_points, plan_table, plan_variance
from widgets.process.quality import capability as capabilities
from widgets.process.quality import gauge, limits_chart, limits_table, quality_map, short_run
from widgets.process.ranges import margins, ranges, set_points
from widgets.process.setpoint import drift, set_point, window
from widgets.process.slices import slices
from widgets.process.unit_page import unit, worst_units

__all__ = [
    "augmentation",
    "bins",
    "bossung",
    "capabilities",
    "capability",
    "capability_table",
    "causes",
    "control_chart",
    "diagnostics",
    "drift",
    "drifting_tool",
    "events",
    "focus_dose_window",
    "gauge",
    "imports",
    "latitude",
    "limits_chart",
    "limits_table",
    "lot_import",
    "lot_map",
    "margins",
    "models",
    "next_lot",
    "on",
    "patterns",
    "plan_aliases",
    "plan_alternatives",
    "plan_points",
    "plan_power",
    "plan_table",
    "plan_variance",
    "quality_map",
    "ranges",
    "runs",
    "screening",
    "set_point",
    "set_points",
    "short_run",
    "slices",
    "surfaces",
    "unit",
    "window",
    "worst_units",
]
