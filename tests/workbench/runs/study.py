"""A study for tests: its verdict is what its design's document says, and so are its faults."""

from __future__ import annotations

import os
import time
from pathlib import Path

from IPython.display import display

from workbench.schema import Figure, Parameters, Summary, Verdict, choice, quantity


class Study(Parameters):
    """A design reviewed by looking at what its document says."""

    design_id: str = choice("Design", "設計", of="design", default="a")
    thickness_um: float = quantity("Thickness", "厚度", ge=1, le=100, default=20.0)


def conclude(run, p: Study) -> None:
    """Behave as the document says, then display the summary."""
    document = run.store.designs.document(p.design_id)
    assert run.mode == "report"
    behaviour = document.get("behaviour", "")
    if behaviour == "raise":
        raise ValueError("no such wafer")
    if behaviour == "crash":
        os.abort()
    if behaviour == "hang":
        time.sleep(600)
    if behaviour == "crash once":
        mark = Path(document["mark"])
        if not mark.exists():
            mark.touch()
            os._exit(3)
    time.sleep(document.get("seconds", 0))
    figure = Figure("label.where", document["size"] * p.thickness_um, unit="um")
    summary = Summary(Verdict(document.get("verdict", "PASS")), p.design_id, (figure,))
    display({Summary.MIME: summary.as_dict(), "text/plain": p.design_id}, raw=True)
