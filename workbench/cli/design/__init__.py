"""`workbench design`: from a template or a customer's file to a checked, costed, exported and released design."""

from __future__ import annotations

import click

from workbench.cli import LazyGroup

_HERE = "workbench.cli.design."
PLACES = {
    "new": _HERE + "exchange:new",
    "import": _HERE + "exchange:import_files",
    "list": _HERE + "listing:list_designs",
    "show": _HERE + "listing:show",
    "check": _HERE + "review:check",
    "cost": _HERE + "review:cost",
    "what-if": _HERE + "planning:what_if",
    "plan-bumps": _HERE + "planning:plan_bumps",
    "floorplan": _HERE + "planning:floorplan",
    "export": _HERE + "exchange:export",
    "diff": _HERE + "lineage:diff",
    "similar": _HERE + "lineage:similar",
    "history": _HERE + "lineage:history",
    "branch": _HERE + "lineage:branch",
    "release": _HERE + "lineage:release",
    "lead-time": _HERE + "lineage:lead_time",
}


@click.group(cls=LazyGroup, places=PLACES)
def command() -> None:
    """Designs: begin, import, find, check, cost, export, compare, release. 設計：建立、匯入、搜尋、檢查、成本、匯出。

    DESIGN is a design's id, or id@N for its revision number N.
    """
