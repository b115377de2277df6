"""Notebooks an hour: the fork engine against papermill's stock engine, on the same light notebook in one sitting.

    python tests/benchmarks/nightly_throughput.py [--seconds 20] [--workers 2] [--stock 2]

Light: five cells with pandas, duckdb and altair. Targets: >= 10,000 an hour on 2 cores, >= 10 times the stock engine.
Wall times depend on what else the machine does; CPU seconds hardly do. Exits with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import papermill

from workbench.runs import engines

CELLS = (
    "n = 1",
    "import altair as alt\nimport duckdb\nimport pandas as pd",
    "df = duckdb.sql(f'SELECT range AS x, range * {n} AS y FROM range(200)').df()\ndf.describe()",
    "alt.Chart(df).mark_line().encode(x='x', y='y')",
    "print(duckdb.sql('SELECT sum(y) FROM df').fetchone()[0])",
)
PER_HOUR, TIMES = 10_000, 10


def light(folder: Path) -> Path:
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    cells[0].metadata["tags"] = ["parameters"]
    path = folder / "light.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def check(executed: nbformat.NotebookNode, n: int) -> None:
    """An engine that skips work would be fast: the last cell must say the right sum."""
    assert executed.cells[-1].outputs[0].text.strip() == str(n * 199 * 100), executed.cells[-1].outputs


def cpu_s() -> float:
    """CPU of this process and of the children it has waited for (the stock engine's kernels)."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def measure(path: Path, engine: str | None, workers: int, enough: Callable[[int], bool]) -> tuple[int, float, float]:
    """Runs, wall seconds and CPU seconds of `workers` that execute until `enough(runs of one worker)`."""
    forked: list[float] = []  # CPU of children that the fork server waits for
    options = {"on_ending": lambda ending: forked.append(ending.cpu_s)} if engine else {}

    def work(worker: int) -> int:
        count = 0
        while not enough(count):
            n = 1000 * worker + count
            executed = papermill.execute_notebook(
                path, path.with_name(f"{engine}-{worker}.ipynb"), {"n": n}, engine_name=engine, progress_bar=False,
                request_save_on_cell_execute=False, **options,
            )  # fmt: skip
            check(executed, n)
            count += 1
        return count

    start, before = time.perf_counter(), cpu_s()
    with ThreadPoolExecutor(workers) as pool:
        count = sum(pool.map(work, range(workers)))
    return count, time.perf_counter() - start, cpu_s() - before + sum(forked)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--stock", type=int, default=2, help="runs of each worker")
    chosen = options.parse_args()
    logging.getLogger("papermill").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        path = light(Path(folder))
        begun = time.perf_counter()
        engine = engines.start("fork")
        ready_s = time.perf_counter() - begun
        end = time.perf_counter() + chosen.seconds
        ours, our_wall, our_cpu = measure(path, engine, chosen.workers, lambda count: time.perf_counter() > end)
        theirs, their_wall, their_cpu = measure(path, None, chosen.workers, lambda count: count >= chosen.stock)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    hour = 3600 * ours / our_wall
    stock_hour = 3600 * theirs / their_wall
    each, stock_each = our_cpu / ours, their_cpu / theirs
    possible = 3600 * cores / each  # what the CPU allows, were the machine ours alone
    print(f"cores {cores}, load average {os.getloadavg()[0]:.1f}, workers {chosen.workers}")
    print(f"fork engine   {ours:5d} runs  {hour:9,.0f} /h  {each:6.3f} CPU s each  (server ready in {ready_s:.1f} s)")
    print(f"stock engine  {theirs:5d} runs  {stock_hour:9,.0f} /h  {stock_each:6.3f} CPU s each")
    print(f"notebooks an hour: {hour:,.0f}, by CPU {possible:,.0f} (target >= {PER_HOUR:,})")
    print(
        f"times the stock engine: {hour / stock_hour:.1f} by wall, {stock_each / each:.1f} by CPU (target >= {TIMES})"
    )
    return 0 if max(hour, possible) >= PER_HOUR and stock_each / each >= TIMES else 1


if __name__ == "__main__":
    sys.exit(main())
