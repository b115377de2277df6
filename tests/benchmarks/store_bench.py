"""What the benchmarks of the store share: fresh stores of either mode, and lines of figure against target."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

MODES = ("file", "ducklake")


@contextmanager
def fresh_url(mode: str) -> Iterator[str]:
    """Address of an empty store; everything of it is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="store-bench-") as folder:
        os.environ["WORKBENCH_HOME"] = folder
        if mode == "file":
            yield f"{folder}/bench.duckdb"
            return
        from tests.workbench.store.postgres import server

        os.environ["WORKBENCH_STORE_DATA"] = f"{folder}/lake"
        with server(Path(folder)) as running:
            yield f"ducklake:postgres:{running.address(running.create_database())}"


def line(mode: str, name: str, figure: float, target: float | None, unit: str) -> bool:
    """Print one figure against its target ("at most"); says whether it was met."""
    met = target is None or figure <= target
    aim = "no target" if target is None else f"target <= {target:g} {unit}: {'met' if met else 'MISSED'}"
    print(f"{mode:<9} {name:<52} {figure:>10.4g} {unit:<4} {aim}", flush=True)
    return met


def percentile(values: list[float], percent: int) -> float:
    """Nearest-rank percentile; needs no more than one value."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * percent // 100) - 1))]


def median(values: list[float]) -> float:
    return statistics.median(values)


def machine() -> None:
    """One line about the machine and how busy it is: figures of a busy machine say little."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    print(f"{os.cpu_count()} cores, load average {load} at start")


def readings(rows: int, name: str):
    """A table of `rows` readings as a measuring machine gives them: 4 decimals, 40,000 positions a carrier."""
    import numpy
    import pandas

    index = numpy.arange(rows)
    value = numpy.round(10 + numpy.random.default_rng(abs(hash(name)) % 2**32).normal(size=rows), 4)
    carriers = [f"{name}-W{number}" for number in range(-(-rows // 40_000))]
    return pandas.DataFrame({"carrier": numpy.repeat(carriers, 40_000)[:rows], "position": index % 40_000,
                             "parameter": "thickness_um", "value": value})  # fmt: skip
