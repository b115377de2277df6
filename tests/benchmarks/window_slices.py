"""How fast the process window answers: `python tests/benchmarks/window_slices.py`.

A slice of the window (37 x 37 points, what a slider asks for) of a four-factor composite: two and three responses,
independent and correlated, polynomial and Gaussian process: at most 100 ms each. Beside it, without a target: the
largest box and ellipsoid in four factors, a focus-dose window, optimal plans, the next lot. CPU seconds, the least of
several runs, with the load. Exit code 1 when a slice is too slow.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np

from workbench.process.window import Factor, Limits
from workbench.process.window.bossung import fit_bossung, focus_dose_window
from workbench.process.window.operating import operating_box, operating_ellipsoid, slice_field
from workbench.process.window.plan import central_composite, model_terms, next_lot, optimal_plan
from workbench.process.window.study import study

TARGET_MS = 100.0
SPACE = [Factor(name, -1, 1) for name in ("a", "b", "c", "d")]


def least(work, times: int) -> float:
    """CPU milliseconds of the fastest of several runs."""
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(1000 * (time.process_time() - start))
    return min(found)


def made(responses: int, joint: str, model: str):
    plan = central_composite(SPACE, centre=(0, 6))
    rng = np.random.default_rng(responses)
    y, limits = {}, {}
    for i in range(responses):
        bowl = ((plan.points - 0.1 * i) ** 2).sum(axis=1) + plan.points @ rng.normal(size=4) * 0.2
        y[f"y{i}"] = bowl + 0.1 * rng.normal(size=len(plan))
        limits[f"y{i}"] = Limits(upper=1.5)
    return study(SPACE, plan.settings().to_numpy(), y, limits, [0.05] * 4, joint=joint, model=model)


def main() -> int:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; CPU ms, least of several")
    missed = 0
    for responses, joint, model in ((2, "independent", "selected"), (2, "correlated", "selected"),
                                    (3, "correlated", "selected"), (2, "independent", "gaussian_process")):  # fmt: skip
        found = made(responses, joint, model)
        ms = least(lambda found=found: slice_field(found, ("b", "d"), {"a": 0.2}), 5)
        missed += ms > TARGET_MS
        print(f"slice, {responses} responses, {joint}, {model}: {ms:.1f} ms (target <= {TARGET_MS:.0f} ms)")
    found = made(2, "independent", "selected")
    print(f"largest box, 4 factors: {least(lambda: operating_box(found), 2):.0f} ms")
    print(f"largest ellipsoid, 4 factors: {least(lambda: operating_ellipsoid(found), 1):.0f} ms")
    focus, dose = np.meshgrid(np.linspace(-0.6, 0.6, 13), np.exp(np.linspace(2.6, 3.8, 11)))
    width = 100 - 50 * (np.log(dose) - 3) + 60 * focus**2 + 0.5 * np.random.default_rng(0).normal(size=focus.shape)
    line = fit_bossung(focus, dose, width, Limits(90, 100))
    print(f"focus-dose rectangle: {least(lambda: focus_dose_window([line]).rectangle, 2):.0f} ms")
    print(f"focus-dose ellipse: {least(lambda: focus_dose_window([line]).ellipse, 1):.0f} ms")
    plan = least(lambda: optimal_plan(SPACE, model_terms(SPACE), 20), 1)
    print(f"D-optimal plan, 4 factors, quadratic, 20 runs, 10 starts: {plan:.0f} ms")
    print(f"next lot of 4 wafers: {least(lambda: next_lot(found, 4), 2):.0f} ms")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
