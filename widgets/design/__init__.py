"""Views of the stack design review: stack, drawings, wafer map, yield and cost. Each concludes in a sentence."""

from __future__ import annotations

from widgets.design.assembly import connections, findings, history, module
from widgets.design.charts import cost_and_yield, cost_breakdown, defect_sensitivity, yield_models
from widgets.design.drawings import cross_section, top_view, wafer_map
from widgets.design.economics import hybrid_bond_yield, nre, sensitivity, stack_tiers, volume, wafer_test
from widgets.design.tables import checks, conclusion, conventions, dies, hybrid_bonds, stack_table

__all__ = [
    "checks",
    "conclusion",
    "connections",
    "conventions",
    "cost_and_yield",
    "cost_breakdown",
    "cross_section",
    "defect_sensitivity",
    "dies",
    "findings",
    "history",
    "hybrid_bond_yield",
    "hybrid_bonds",
    "module",
    "nre",
    "sensitivity",
    "stack_table",
    "stack_tiers",
    "top_view",
    "volume",
    "wafer_map",
    "wafer_test",
    "yield_models",
]
