"""One bulk writer and four engineers on one store, the scenario of docs/decisions/002-store.md.

The bulk writer appends batches of 1 M rows with a pause of 5 s; each of four processes does 95 % small writes and 5 %
aggregates over all readings (10 M at the start). python tests/benchmarks/store_concurrency.py [--seconds 45]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time

import store_bench as bench

AGGREGATE = "SELECT parameter, count(*), avg(value), stddev_samp(value) FROM measurements GROUP BY ALL"


def work(role: str, url: str, seconds: float, number: int) -> dict:
    """One process's life; what it did and how long each thing took."""
    from workbench.errors import WorkbenchError
    from workbench.store import Store
    from workbench.store import measurements as bulk

    store, chance, errors = Store.open(url), random.Random(number), []
    times: dict[str, list[float]] = {"bulk": [], "write": [], "aggregate": []}
    end, step = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        step += 1
        kind = "bulk" if role == "bulk" else "write" if chance.random() < 0.95 else "aggregate"
        if kind == "bulk":
            (batch,) = bulk.batches("L", bench.readings(1_000_000, f"s{step}"), source=f"scenario {step}")
        began = time.perf_counter()
        try:
            if kind == "bulk":
                with store.writing("bulk", batch.batch_id) as session:
                    bulk.write(session, batch)
            elif kind == "write":
                store.designs.add_revision(f"d{number}", {"step": step}, title="t", kind="k", author="a", note="")
            else:
                with store.reading() as session:
                    session.tuples(AGGREGATE)
        except WorkbenchError as error:
            errors.append(error.rule)
        times[kind].append(time.perf_counter() - began)
        if role == "bulk":
            time.sleep(min(5.0, max(0.0, end - time.monotonic())))
    return {"times": times, "errors": errors}


def measure(mode: str, seconds: float, batches: int) -> None:
    from workbench.store import Store
    from workbench.store import measurements as bulk
    from workbench.store.check import check

    with bench.fresh_url(mode) as url:
        store = Store.open(url)
        store.lots.add_lot("L", title="bench", product="none", source="made here", verified=True, synthetic=True)
        for number in range(batches):
            (batch,) = bulk.batches("L", bench.readings(1_000_000, f"b{number}"), source=f"batch {number}")
            with store.writing("bench", batch.batch_id) as session:
                bulk.write(session, batch)
        roles = ["bulk", *["engineer"] * 4]
        processes = [
            subprocess.Popen([sys.executable, __file__, "--role", role, "--url", url, "--seconds", str(seconds),
                              "--number", str(number)], stdout=subprocess.PIPE, text=True, env=os.environ)
            for number, role in enumerate(roles)
        ]  # fmt: skip
        told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
        times = {kind: [one for each in told for one in each["times"][kind]] for kind in ("bulk", "write", "aggregate")}
        milliseconds = [one * 1e3 for one in times["write"]]
        rate = len(milliseconds) / seconds
        print(f"{mode:<9} {rate:.0f} small writes a second, {len(times['aggregate'])} aggregates, "
              f"{len(times['bulk'])} bulk batches in {seconds:g} s")  # fmt: skip
        bench.line(mode, "small write p50", bench.median(milliseconds), None, "ms")
        bench.line(mode, "small write p95", bench.percentile(milliseconds, 95), 700, "ms")
        bench.line(mode, "small write p99", bench.percentile(milliseconds, 99), None, "ms")
        if times["aggregate"]:
            bench.line(mode, "aggregate p50", bench.median(times["aggregate"]), None, "s")
            bench.line(mode, "aggregate p95", bench.percentile(times["aggregate"], 95), None, "s")
        bench.line(mode, "bulk of 1 M rows p50", bench.median(times["bulk"]), None, "s")
        bench.line(mode, "errors shown", sum(len(each["errors"]) for each in told), 0, "")
        said = len(milliseconds)
        kept = sum(len(store.designs.revisions(f"d{number}")) for number in range(1, 5))
        bench.line(mode, "small writes lost", said - kept, 0, "")
        bench.line(mode, "findings of check afterwards", len(check(store)), 0, "")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mode", choices=bench.MODES, help="only this mode")
    arguments.add_argument("--seconds", type=float, default=45)
    arguments.add_argument("--batches", type=int, default=10, help="millions of readings at the start")
    for hidden in ("--role", "--url", "--number"):
        arguments.add_argument(hidden, help=argparse.SUPPRESS)
    told = arguments.parse_args()
    if told.role:
        print(json.dumps(work(told.role, told.url, told.seconds, int(told.number))))
    else:
        bench.machine()
        for mode in [told.mode] if told.mode else bench.MODES:
            measure(mode, told.seconds, told.batches)
