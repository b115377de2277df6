"""All charts of all parameters: `python tests/benchmarks/quality_speed.py [PEER_PYTHON]`.

One million measurements, 500 parameters of 2000 units, three planted causes: individuals and moving range, EWMA,
CUSUM, all Western Electric and Nelson rules, assumptions, p-values and the list of suspects. Target: <= 5 s. Beside
it the same charts one parameter at a time by the project's own single charts, and, where PEER_PYTHON is an
interpreter with pccpy, pccpy's charts with the eight Nelson tests on 20 parameters, scaled to 500. Least of three
runs; exit code 1 on a miss.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from workbench.process.quality.charts import individuals
from workbench.process.quality.memory import cusum, ewma
from workbench.process.quality.rules import NELSON, WESTERN_ELECTRIC
from workbench.process.quality.screening import screen

TARGET_S = 5.0
UNITS, PARAMETERS, PEER_PARAMETERS = 2000, 500, 20
PEER = """
import sys, time
import numpy as np
import pccpy
x = np.random.default_rng(0).standard_normal((int(sys.argv[1]), int(sys.argv[2])))
best = 1e9
for _ in range(3):
    began = time.perf_counter()
    for column in x.T:
        flags = [pccpy.imr_chart(column, tests=(1, 2, 3, 4, 5, 6, 7, 8)).violations,
                 pccpy.ewma_chart(column, weight=0.2).violations, pccpy.cusum_chart(column, h=4.775).violations]
    best = min(best, time.perf_counter() - began)
print(best)
"""


def planted() -> np.ndarray:
    x = np.random.default_rng(0).standard_normal((UNITS, PARAMETERS))
    x[1200:, 40] += 0.8  # a step
    x[:, 170] += np.linspace(0, 1.5, UNITS)  # a drift
    x[700, 333] += 9.0  # a single unit
    return x


def least(task: Callable[[], object], times: int = 3) -> tuple[float, float]:
    """Least wall and processor seconds."""
    walls, cpus = [], []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        task()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def one_by_one(x: np.ndarray) -> None:
    for column in x.T:
        individuals(column, rules={**WESTERN_ELECTRIC, **NELSON})
        ewma(column)
        cusum(column)


def main(peer: str | None) -> int:
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    x = planted()
    began = time.perf_counter()
    found = screen(x)
    first = time.perf_counter() - began
    wall, cpu = least(lambda: screen(x))
    print(f"{x.size:,} measurements, {PARAMETERS} parameters, load {load} at start")
    print(f"screen, first call      {first:7.2f} s  (fills the tables of run lengths)")
    print(f"screen                  {wall:7.2f} s  CPU {cpu:.2f} s  target <= {TARGET_S:g} s")
    single = least(lambda: one_by_one(x), 1)[0]
    print(f"one by one              {single:7.2f} s  {single / wall:.1f} x")
    if peer:
        done = subprocess.run([peer, "-c", PEER, str(UNITS), str(PEER_PARAMETERS)], capture_output=True, text=True,
                              check=True)  # fmt: skip
        theirs = float(done.stdout) * PARAMETERS / PEER_PARAMETERS
        print(f"pccpy                   {theirs:7.2f} s  {theirs / wall:.1f} x  (from {PEER_PARAMETERS} parameters)")
    print(f"suspects at 5 % false discoveries: {', '.join(found.suspects)}  (planted: 40, 170, 333)")
    print(f"flags expected of stable parameters {found.expected_alarms:,.0f}, seen {len(found.signals):,}")
    missed = max(wall, first) > TARGET_S or not {"40", "170", "333"} <= set(found.suspects)
    print("MISSED" if missed else "met")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
