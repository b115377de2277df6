"""How fast a slider answers: `python tests/benchmarks/slice_screen.py`.

Everything Python does for one step of a slider on the page of the process window: the slice, what to expect at the
setting with its interval, the margins, and the picture as SVG; for the demo experiments of two to four factors,
responses independent and correlated, polynomial and Gaussian process: at most 100 ms each. CPU milliseconds, the median
of nine steps of a slider that is not on an axis, with the load. Exit code 1 when one is too slow.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time

from IPython.core.interactiveshell import InteractiveShell

from widgets.process.slices import SliceScreen
from workbench.process.lots import Experiment, Monitor
from workbench.process.review import ProcessWindowReview, review
from workbench.runs.demo import experiments, process
from workbench.store import Store

TARGET_MS = 100.0
CASES = (("cvd-tungsten", "independent", "selected"), ("cvd-tungsten", "correlated", "selected"),
         ("cvd-tungsten", "independent", "gaussian_process"), ("tire-tread", "independent", "selected"),
         ("tire-tread", "correlated", "selected"), ("filtration-rate", "independent", "selected"))  # fmt: skip


def main() -> int:
    InteractiveShell.instance()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; CPU ms, median of nine steps")
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"{folder}/workbench.duckdb")
        process.seed(store)
        experiments.seed(store)
        monitor = Monitor.of(store.lots, "hard-bake")
        for lot, joint, model in CASES:
            p = ProcessWindowReview(lot_id=lot, joint=joint, model=model)
            screen = SliceScreen(review(Experiment.of(store.lots, lot), monitor, p))
            free = [i for i in range(len(screen.sliders)) if i not in (screen.across.value, screen.up.value)]
            slider = screen.sliders[(free or [0])[0]]
            found = []
            for step in range(9):
                start = time.process_time()
                slider.value = slider.min + (slider.max - slider.min) * (0.2 + 0.07 * step)
                found.append(1000 * (time.process_time() - start))
            ms = statistics.median(found)
            missed += ms > TARGET_MS
            print(f"{lot}, {joint}, {model}: {ms:.0f} ms (target <= {TARGET_MS:.0f} ms)")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
