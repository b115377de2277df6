"""Pins to bumps at the least total wirelength, proven: `python tests/benchmarks/bump_assignment.py [PINS]`.

Three kinds of instances, each at two fillings of the bump field: `scattered` pins anywhere under the field (a core
with its bumps above it); `ring`, pins in the outer 15 % of the die (interfaces all round), so that a third of them must
go inwards; `rows`, two interfaces whose pins stand in eight dense rows at the die's edge and whose bumps reach far in.
The rival is scipy's dense solver in the same run, at sizes where it ends soon; its total is compared. Target: 10,000
pins in <= 2 s, judged by CPU seconds of all threads, least of two runs: steadier than the clock on a shared machine.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np
from scipy.optimize import linear_sum_assignment

from workbench.planning.assignment import assign

PITCH_UM, TARGET_S = 40.0, 2.0
DENSE = (1_000, 2_000, 4_000)


def field(count: int, filling: float) -> np.ndarray:
    side = int(np.ceil(np.sqrt(count / filling)))
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) * PITCH_UM


def scattered(count: int, filling: float) -> tuple[np.ndarray, np.ndarray]:
    bumps = field(count, filling)
    return np.random.default_rng(0).random((count, 2)) * bumps.max(0), bumps


def ring(count: int, filling: float) -> tuple[np.ndarray, np.ndarray]:
    dice, bumps = np.random.default_rng(0), field(count, filling)
    side = bumps.max()
    edge, along, depth = dice.integers(0, 4, count), dice.random(count) * side, dice.random(count) * 0.15 * side
    x = np.where(edge < 2, along, np.where(edge == 2, depth, side - depth))
    y = np.where(edge == 0, depth, np.where(edge == 1, side - depth, along))
    return np.stack([x, y], 1), bumps


def rows(count: int, filling: float) -> tuple[np.ndarray, np.ndarray]:
    columns = int(np.ceil(np.sqrt(count / filling / 8)))
    lines = int(np.ceil(count / filling / 2 / columns))
    left = np.stack(np.meshgrid(np.arange(columns), np.arange(lines)), -1).reshape(-1, 2) * PITCH_UM
    width = 4 * columns * PITCH_UM
    number, dice = np.arange(count), np.random.default_rng(0)
    x = 20 + number // 2 % 8 * 12.0 + dice.normal(0, 5, count)
    y = (number // 2 + 0.5) / (count / 2) * lines * PITCH_UM + dice.normal(0, 60, count)
    right = left * (-1, 1) + (width, 0)
    return np.stack([np.where(number % 2, width - x, x), y], 1), np.concatenate([left, right])


def timed(task, *arguments):
    clock, cpu = time.perf_counter(), time.process_time()
    found = task(*arguments)
    return found, time.perf_counter() - clock, time.process_time() - cpu


def dense(pins: np.ndarray, bumps: np.ndarray) -> float:
    cost = np.abs(np.round(pins, 3)[:, None] - bumps[None]).sum(-1)
    return float(cost[linear_sum_assignment(cost)].sum())


def main(count: int) -> None:
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"{os.cpu_count()} cores, load before the start {load}; times: wall (CPU) in s")
    for kind in (scattered, ring, rows):
        for filling in (0.9, 0.65):
            pins, bumps = kind(count, filling)
            found, wall, cpu = min((timed(assign, pins, bumps) for _ in range(2)), key=lambda run: run[2])
            print(f"{kind.__name__:<10} {count:>6,} pins {len(bumps):>6,} bumps {wall:6.2f} ({cpu:5.2f})  target "
                  f"{TARGET_S:.0f} s CPU: {'met' if cpu <= TARGET_S else 'MISSED'}   {found.rounds} rounds, "
                  f"{found.candidates:,} of {count * len(bumps):,} pairs, "
                  f"{'proven optimal' if found.is_optimal else 'NOT proven'}", flush=True)  # fmt: skip
    for size in DENSE:
        for kind in (scattered, ring):
            pins, bumps = kind(size, 0.9)
            total, wall, cpu = timed(dense, pins, bumps)
            found, ours, ours_cpu = timed(assign, pins, bumps)
            same = "same total" if abs(total - found.wirelength_um) < 1e-3 else "TOTALS DIFFER"
            print(f"{kind.__name__:<10} {size:>6,} pins: scipy dense {wall:6.2f} ({cpu:5.2f}), ours {ours:5.2f} "
                  f"({ours_cpu:5.2f}); {same}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
