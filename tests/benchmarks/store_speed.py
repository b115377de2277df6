"""Speed and size of the store, one caller on a quiet machine: python tests/benchmarks/store_speed.py [--mode file]"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import store_bench as bench

AGGREGATE = (
    "SELECT parameter, count(*), avg(value), stddev_samp(value), min(value), max(value) FROM measurements GROUP BY ALL"
)


def measure(mode: str, batches: int, writes: int) -> None:
    from workbench.store import Store
    from workbench.store import measurements as bulk

    with bench.fresh_url(mode) as url:
        store = Store.open(url)
        store.lots.add_lot("L", title="bench", product="none", source="made here", verified=True, synthetic=True)
        times = []
        for number in range(batches):
            (batch,) = bulk.batches("L", bench.readings(1_000_000, f"b{number}"), source=f"batch {number}")
            began = time.perf_counter()
            with store.writing("bench", batch.batch_id) as session:
                bulk.write(session, batch)
            times.append(time.perf_counter() - began)
        bench.line(mode, "1 M rows appended, p50 (prepared before)", bench.median(times), 0.6, "s")
        rows = batches * 1_000_000
        bench.line(mode, "size on disk per reading", _size_b(store, url) / rows, 10, "B")

        times = []
        for _ in range(5):
            with store.reading() as session:
                session.run("SET threads = 1")
                began = time.perf_counter()
                assert session.tuples(AGGREGATE)[0][1] == rows
                times.append(time.perf_counter() - began)
                session.run("RESET threads")
        bench.line(mode, f"aggregate of {batches} M rows, one thread, p50", bench.median(times), 0.5, "s")

        times = []
        for number in range(writes):
            began = time.perf_counter()
            store.designs.add_revision("d", {"number": number}, title="t", kind="k", author="a", note="")
            times.append((time.perf_counter() - began) * 1e3)
        bench.line(mode, f"small write (a design revision), p50 of {writes}", bench.median(times), 80, "ms")
        bench.line(mode, "small write, p95", bench.percentile(times, 95), None, "ms")

        program = "from workbench.store import Store; import sys; Store.open(sys.argv[1]).designs.list()"
        times = []
        for _ in range(9):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", program, url], check=True, env=os.environ, cwd=bench.ROOT)
            times.append((time.perf_counter() - began) * 1e3)
        target = 150 if mode == "file" else None  # a lake loads two extensions and reads a catalogue first
        bench.line(mode, "cold process to end of first read, p50", bench.median(times), target, "ms")


def _size_b(store, url: str) -> int:
    if store.mode == "file":
        return Path(url).stat().st_size
    return store.engine.facts()["size_b"]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mode", choices=bench.MODES, help="only this mode")
    arguments.add_argument("--batches", type=int, default=10, help="millions of readings (targets are for 10)")
    arguments.add_argument("--writes", type=int, default=60)
    told = arguments.parse_args()
    bench.machine()
    for mode in [told.mode] if told.mode else bench.MODES:
        measure(mode, told.batches, told.writes)
