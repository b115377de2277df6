"""Benchmark systems for the demo: published MLPerf figures, and this machine measured once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from workbench import facts
from workbench.validation import compare
from workbench.validation import run as runs_
from workbench.validation.harness import machine, record
from workbench.validation.harness.measure import Plan, measure

DEMO_SCENARIOS = ("SingleStream", "Offline")
DEMO_DURATION_S = 5.0


def seed(store: Any, *, progress: Callable[[str], None] | None = None) -> list[str]:
    """Add what is not there yet; says what was added. Measures this machine (about 15 s) if it has no run yet."""
    say = progress or (lambda sentence: None)
    return seed_published(store) + seed_this_machine(store, progress=say)


def seed_published(store: Any) -> list[str]:
    document = facts.load("benchmarks/published")
    stored = {s["system_id"]: s["document"].get("facts_sha256") for s in store.benchmarks.systems()}
    added = []
    for system in document["systems"]:
        system_id = system["system_id"]
        about = {k: v for k, v in system.items() if k not in ("runs", "system_id", "title", "organisation")}
        facts_read = json.dumps([system, document["source"], document["read_on"]])
        about["facts_sha256"] = hashlib.sha256(facts_read.encode()).hexdigest()
        if stored.get(system_id) == about["facts_sha256"]:
            continue
        runs = [_published(system_id, run, document) for run in system["runs"]]
        row = {"system_id": system_id, "title": system["title"], "organisation": system["organisation"]}
        store.benchmarks.add(  # together: a system that stands there without its runs would not be seeded again
            systems=[row | {"document": about}],
            runs=[run for run, _ in runs],
            results=[result for _, results in runs for result in results],
        )
        added.append(f"system {system_id}: {len(system['runs'])} published runs")
    return added


def _published(system_id: str, run: dict[str, Any], document: dict[str, Any]) -> tuple[dict, list[dict]]:
    """A published run as the store's rows: the run, and its results."""
    named = ("suite", "round", "division", "benchmark", "scenario")
    about = {k: v for k, v in run.items() if k not in (*named, "results")}
    about["read_on"] = document["read_on"] if run["verified"] else None  # the day the published table was read
    identity = json.dumps([system_id, *(run[name] for name in named)])
    run_id = "published-" + hashlib.sha256(identity.encode()).hexdigest()[:16]
    row = {name: run[name] for name in named} | {"run_id": run_id, "system_id": system_id, "official": True}
    row |= {"document": about, "source": document["source"].get(run["round"], document["source"]["other"])}
    # an inferred figure is a metric of its own, so that it never stands beside a measured one
    prefix = compare.INFERRED if run["inferred"] else ""
    results = [{**result, "run_id": run_id, "metric": prefix + result["metric"]} for result in run["results"]]
    return row | {"verified": run["verified"]}, results


def seed_this_machine(store: Any, *, progress: Callable[[str], None]) -> list[str]:
    """One short run of each demo scenario, unless this machine has been measured with it before."""
    system_id = f"machine-{machine.identity(machine.describe())}"
    done = {run["scenario"] for run in store.benchmarks.runs(system_id) if run["suite"] == runs_.SUITE}
    added = []
    for scenario in DEMO_SCENARIOS:
        if scenario not in done:
            progress(f"measuring this machine: {scenario}, {DEMO_DURATION_S:g} s")
            measured = measure(Plan(scenario=scenario, duration_s=DEMO_DURATION_S))
            record.keep(store, measured)
            added.append(f"system {system_id}: measured {measured.benchmark} {scenario} as {measured.run_id}")
    return added
