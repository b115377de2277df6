"""What a notebook sees of the run it is part of."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from workbench.runs import provenance
from workbench.schema import Parameters
from workbench.store import Store

VARIABLE = "WORKBENCH_RUN"  # set by the engine for a report: the provenance known before the run, as JSON


@dataclass(frozen=True)
class Run:
    """`store` is the store at the run's snapshot in a report, the live store interactively."""

    store: Store
    mode: str  # "report" | "interactive"
    record: dict[str, Any]


def current(parameters: Parameters) -> Run:
    """The run this notebook is executed in: a report's, or an interactive one in JupyterLab or Voila."""
    told = os.environ.get(VARIABLE)
    if told:
        record = json.loads(told)
        return Run(Store.open(record["store"]).at(record["snapshot"]), "report", record)
    store = Store.open()
    version, dirty = provenance.code_version()
    record = {
        "run_id": None,
        "store": store.public_url,
        "snapshot": store.snapshot(),
        "code_version": version,
        "dirty": dirty,
        "parameters": parameters.as_dict(),
    }
    return Run(store, "interactive", record)
