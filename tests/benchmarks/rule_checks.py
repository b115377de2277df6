"""How long the checks of bumps take: `python tests/benchmarks/rule_checks.py [LARGEST]` (default 10,000,000).

Two dies face to face, the same bump map on both: every check of the published deck, from 10,000 bumps a face to ten
million: as one grid, as irregular points row by row, and as points whose order differs on the two faces (each access
one to memory far away); each bump with a net of its own.
Targets: 1 M bumps a face <= 2 s; growth near linear. The rival is what a script would do: build a k-d tree (scipy) of
one face and ask it for the neighbours of the other, compared with our matching alone. Prints figures; nothing is
asserted.

Seconds of CPU are steadier than the clock on a shared machine; both are the least of three runs (one above 1 M).
Points are asked for up to 2 M a field, the most the design holds in one; more are spread over several fields.
"""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
from scipy.spatial import cKDTree

from workbench.rules import check, seed_deck
from workbench.rules.matching import match
from workbench.stack import Bond, Connection, Design, Die, End, Grid, Layer, Placement, Points, Region

PITCH_UM = 30.0
MOST_POINTS = 1_000_000


def module(top: tuple, bottom: tuple, side_um: float) -> Design:
    """Two dies at one free angle, the upper one face down; nothing is validated twice."""
    def die(name: str, fields: tuple) -> Die:
        region = Region(name="front", side="front", width_um=side_um, length_um=side_um, bumps=fields)
        return Die(id=name, name=name, width_mm=side_um / 1000, length_mm=side_um / 1000, thickness_um=100.0,
                   regions=(region,))  # fmt: skip

    bond = Bond(method="micro_bump", pitch_um=PITCH_UM, diameter_um=PITCH_UM / 2)
    layers = (
        Layer(name="low", kind="die", material="emc", thickness_um=100.0,
              dies=(Placement(name="U1", die="A", facing="up", angle_deg=17.0),)),
        Layer(name="bond", kind="bond", material="underfill", thickness_um=10.0, bond=bond),
        Layer(name="high", kind="die", material="emc", thickness_um=100.0,
              dies=(Placement(name="U2", die="B", facing="down", angle_deg=17.0),)),
    )  # fmt: skip
    joint = Connection(name="joint", top=End(part="U2", region="front"), bottom=End(part="U1", region="front"),
                       thickness_um=10.0)  # fmt: skip
    return Design(title="benchmark", assembly="face_to_face", carrier="substrate", width_mm=1000.0, length_mm=1000.0,
                  dies=(die("A", bottom), die("B", top)), layers=layers, connections=(joint,))  # fmt: skip


def regular(count: int) -> tuple[Design, None]:
    side = round(math.sqrt(count))
    grid = Grid(name="g", diameter_um=PITCH_UM / 2, columns=side, rows=side, pitch_x_um=PITCH_UM, pitch_y_um=PITCH_UM,
                nets=("n[{column},{row}]",))  # fmt: skip
    return module((grid,), (grid,), side * PITCH_UM), None


def irregular(count: int, *, ordered: bool = False) -> tuple[Design, tuple[np.ndarray, np.ndarray]]:
    side = round(math.sqrt(count))
    grid = Grid(name="g", diameter_um=PITCH_UM / 2, columns=side, rows=side, pitch_x_um=PITCH_UM, pitch_y_um=PITCH_UM)
    dice = np.random.default_rng(1)
    xy = grid.xy_um() + dice.uniform(-2.0, 2.0, (side * side, 2))
    names = np.array([f"net{k}" for k in range(len(xy))], object)

    def fields(order: np.ndarray) -> tuple[Points, ...]:
        parts = np.array_split(order, -(-len(order) // MOST_POINTS))
        return tuple(
            Points.model_construct(name=f"p{k}", diameter_um=PITCH_UM / 2, x_um=tuple(xy[part, 0].tolist()),
                                   y_um=tuple(xy[part, 1].tolist()), nets=tuple(names[part]))
            for k, part in enumerate(parts)
        )  # fmt: skip

    order = np.arange(len(xy)) if ordered else dice.permutation(len(xy))
    return module(fields(np.arange(len(xy))), fields(order), side * PITCH_UM + 10), (xy, xy[order])


def in_rows(count: int) -> tuple[Design, tuple[np.ndarray, np.ndarray]]:
    """As tools write bump maps: both faces row by row. (Shuffled, every access is one to memory far away.)"""
    return irregular(count, ordered=True)


def rival(xy: np.ndarray, other: np.ndarray) -> int:
    """Neighbours of one face in the other, the common way."""
    distance, _ = cKDTree(other).query(xy, distance_upper_bound=PITCH_UM / 2)
    return int(np.isfinite(distance).sum())


def timed(task, times: int) -> tuple[float, float]:
    """Least wall and CPU seconds."""
    walls, cpus = [], []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        task()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def one(kind: str, count: int) -> None:
    """One size in a process of its own, so that the peak of memory is its own: prints wall, CPU, peak MB, rival."""
    design, coordinates = {"grid": regular, "rows": in_rows, "shuffled": irregular}[kind](count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = check(design, seed_deck())
    wrong = [f.id for f in report.findings if f.id in ("orphan", "misaligned", "net_mismatch", "bump_outside", "pitch")]
    assert not wrong, wrong
    ran = next(r for r in report.ran if r.id == "misaligned")
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    times = 3 if count <= 1_000_000 else 1
    wall, cpu = timed(lambda: check(design, seed_deck()), times)
    ours = theirs = float("nan")
    if coordinates:
        ours = timed(lambda: match(*coordinates, tolerance_um=0.5, reach_um=PITCH_UM / 2), times)[1]
        theirs = timed(lambda: rival(*coordinates), times)[1]
    print(wall, cpu, peak, ours, theirs, ran.looked_at)


def main(largest: int) -> None:
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    print(f"{os.cpu_count()} cores, load average {load} at start; both faces carry the bumps, so 1 M means 2 x 1 M")
    for kind in ("grid", "rows", "shuffled"):
        figures = []
        for count in (10_000, 100_000, 1_000_000, 10_000_000):
            if count > largest:
                continue
            done = subprocess.run([sys.executable, __file__, kind, str(count)], capture_output=True, text=True,
                                  check=True)  # fmt: skip
            wall, cpu, peak, ours, theirs, pairs = map(float, done.stdout.split())
            figures.append((count, cpu))
            aim = f"  target <= 2 s: {'met' if wall <= 2 else 'MISSED'}" if count == 1_000_000 else ""
            ratio = f"  matching alone {ours:.3f} s, k-d tree {theirs:.3f} s: {theirs / ours:.1f} x"
            ratio = ratio if ours == ours else ""
            print(f"{kind:<8} {count:>10,}  wall {wall:7.3f} s  CPU {cpu:7.3f} s  + {peak:6.0f} MB  "
                  f"{pairs:>10,.0f} pairs{ratio}{aim}", flush=True)  # fmt: skip
        for (a, x), (b, y) in pairwise(figures[1:]):
            exponent = math.log(y / x) / math.log(b / a)
            print(f"{kind:<8} growth from {a:,} to {b:,}: exponent {exponent:.2f} (1 = linear)")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        one(sys.argv[1], int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
