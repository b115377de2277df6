"""Hand a measurement to a store: its machine as a system, its evidence as a run, its figures as results."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from workbench.validation import run

DIVISION, ROUND = "unofficial", "own"
SOURCE = "MLPerf LoadGen, run by this workbench: unofficial, MLPerf method"


def keep(store: Any, measured: run.Measurement) -> None:
    """`store` is an open store of the workbench. The same measurement twice is stored once."""
    about = measured.machine
    system = {
        "system_id": measured.system_id,
        "title": f"{about['processor']}, {about['logical_cores']} cores ({measured.machine_id})",
        "organisation": "Chiplet Workbench",
        "document": {"hardware": {"processor": about["processor"], "logical_cores": about["logical_cores"],
                                  "memory_gb": round(about["memory_gb"])}},
    }  # fmt: skip
    made = {
        "run_id": measured.run_id,
        "system_id": measured.system_id,
        "suite": run.SUITE,
        "round": ROUND,
        "division": DIVISION,
        "benchmark": measured.benchmark,
        "scenario": measured.scenario,
        "official": False,
        "document": measured.document(),
        "source": SOURCE,
        "verified": True,
        "measured_at": datetime.fromisoformat(measured.started_at),
    }
    results = [{**result, "run_id": measured.run_id} for result in measured.results()]
    store.benchmarks.add(systems=[system], runs=[made], results=results)
