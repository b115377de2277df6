"""How long a report takes: `python tests/benchmarks/report_speed.py [COUNT]`.

A realistic report: summary, five charts of 60 points with Chinese labels, ten tables, words in both languages.
Targets: HTML <= 0.5 s and PDF <= 1.5 s per report once warm. Prints figures; nothing is asserted.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil

from workbench.errors import MissingToolError
from workbench.reports import render
from workbench.reports.index import render_index
from workbench.reports.pdf import Printer, browser_path
from workbench.reports.site import publish

EXAMPLES = Path(__file__).resolve().parents[1] / "workbench" / "reports" / "examples.py"


def examples():
    spec = importlib.util.spec_from_file_location("reports_examples", EXAMPLES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def timed(task: Callable[[int], object], count: int) -> tuple[list[float], float]:
    """Wall seconds of each call, and CPU seconds of one on average, those of the chart worker and Chromium included."""
    seconds, before = [], cpu_s()
    for number in range(count):
        start = time.perf_counter()
        task(number)
        seconds.append(time.perf_counter() - start)
    return seconds, (cpu_s() - before) / count


def cpu_s() -> float:
    """CPU seconds of this process and of those it has started; steadier than the clock on a shared machine."""
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def tell(name: str, measured: tuple[list[float], float], target_s: float | None = None) -> None:
    seconds, cpu = measured
    median, worst = statistics.median(seconds), max(seconds)
    verdict = "" if target_s is None else f"   target {target_s:.2f} s: {'met' if median <= target_s else 'MISSED'}"
    print(f"{name:<32} median {median:6.3f} s  worst {worst:6.3f} s  CPU {cpu:6.3f} s{verdict}", flush=True)


def main(count: int) -> None:
    made = examples()
    notebook, record = made.realistic(charts=5), made.record()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    print(f"{count} reports of 5 charts, {os.cpu_count()} cores, load before the start {load}")
    tell("first HTML (starts the worker)", timed(lambda n: render(record, notebook), 1))
    tell("HTML", timed(lambda n: render(record, notebook), count), 0.5)
    page = render(record, notebook)
    print(f"{'size of the page':<32} {len(page.encode()) / 1e3:.0f} kB")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            browser_path()
        except MissingToolError as error:
            print(error.sentence("en"))
        else:
            (home / "page.html").write_text(page, "utf-8")
            with Printer() as printer:
                tell(
                    "first PDF (starts Chromium)", timed(lambda n: printer.print(home / "page.html", home / "a.pdf"), 1)
                )
                tell("PDF", timed(lambda n: printer.print(home / "page.html", home / f"{n}.pdf"), count), 1.5)
        runs = [
            made.record(run_id=f"run-{n:04d}", subject_id=f"design-{n}", executed_path=f"{n}.ipynb")
            for n in range(count)
        ]
        for number in range(count):
            nbformat.write(notebook, home / f"{number}.ipynb")
        store = SimpleNamespace(notebook_runs=SimpleNamespace(list=lambda: runs))
        start = time.perf_counter()
        publish(store, home)
        print(f"{'whole site, HTML and PDF, each':<32} {(time.perf_counter() - start) / count:13.3f} s")
        tell("again, nothing changed, in all", timed(lambda n: publish(store, home), 1))
    many = [made.record(run_id=f"run-{n}", subject_id=f"design-{n % 3000}") for n in range(10_000)]
    pages = {run["run_id"]: {"folder": run["run_id"], "pdf": True, "title": "x", "compare": ""} for run in many}
    index: list[str] = []
    tell("index of 10,000 runs", timed(lambda n: index.append(render_index(many, pages, made_at=None)), 1))
    print(f"{'size of that index':<32} {len(index[0].encode()) / 1e6:.2f} MB   target 3.00 MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
