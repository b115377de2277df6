"""What an export of a million bumps costs: `python tests/benchmarks/export_speed.py`.

One die with a grid of 1000 x 1000 bumps, nets of three kinds, turned by 10 degrees; then one of 200,000 at irregular
places, and 20,000 drawn one by one. CPU seconds (the least of three) and the size of the file. Targets: a bump table of
a million rows <= 5 s written, <= 10 s read; grids as masks and models <= 1 s and <= 1 MB. Nothing is asserted.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from workbench import stack
from workbench.formats import SUFFIXES, export
from workbench.formats.exports.bump_table import read_bump_table


def grid(side: int) -> stack.Grid:
    return stack.Grid(name="all", columns=side, rows=side, pitch_x_um=9.0, pitch_y_um=9.0, diameter_um=4.0,
                      nets=("VDD", "VSS", "s{column}"))  # fmt: skip


def irregular(count: int) -> stack.Points:
    x, y = np.random.default_rng(0).uniform(-4000, 4000, (2, count)).round(3).tolist()
    return stack.Points(name="all", x_um=tuple(x), y_um=tuple(y), diameter_um=4.0, nets=("VDD",))


def module(field: stack.Grid | stack.Points) -> stack.Design:
    face = stack.Region(name="face", side="front", width_um=9000, length_um=9000, bumps=(field,))
    die = stack.Die(id="big", name="big", width_mm=9, length_mm=9, thickness_um=50, regions=(face,))
    tier = stack.Layer(name="tier", kind="die", material="emc", thickness_um=60,
                       dies=(stack.Placement(name="U1", die="big", angle_deg=10),))  # fmt: skip
    return stack.Design(title="large", assembly="single", carrier="substrate", width_mm=12, length_mm=12, dies=(die,),
                        layers=(tier,))  # fmt: skip


def least_s(task: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of the quickest of a few runs."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        task()
        seconds.append(time.process_time() - start)
    return min(seconds)


def measured(design: stack.Design, folder: Path, to: str, targets: str = "") -> Path:
    path = folder / f"module{SUFFIXES[to]}"
    if to == "step" and find_spec("OCP") is None:
        print("  step     not measured: make step")
        return path
    seconds = least_s(lambda: export(design, path, to=to, overwrite=True))
    print(f"  {to:<8} {seconds * 1000:9.1f} ms {path.stat().st_size / 1e6:10.3f} MB  {targets}")
    return path


def main() -> None:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; CPU time, least of three")
    with tempfile.TemporaryDirectory() as name:
        folder, large = Path(name), module(grid(1000))
        print(f"a grid of {stack.bump_count(large):,} bumps")
        for to in ("gds", "oasis", "glb", "step", "json"):
            measured(large, folder, to, "(targets <= 1,000 ms, <= 1 MB)")
        table = measured(large, folder, "csv", "(target <= 5,000 ms)").read_text("utf-8")
        seconds = least_s(lambda: read_bump_table(table, where="module.csv", design=large))
        print(f"  csv read {seconds * 1000:9.1f} ms                (target <= 10,000 ms)")
        scattered = module(irregular(200_000))
        print(f"{stack.bump_count(scattered):,} bumps at irregular places")
        for to in ("gds", "oasis", "csv"):
            measured(scattered, folder, to)
        print("19,881 bumps drawn one by one")
        measured(module(grid(141)), folder, "glb")


if __name__ == "__main__":
    main()
