"""One unit's whole family among a million units: python tests/benchmarks/genealogy.py [--mode file] [--alternatives]

Dies of source wafers, their places on reconstituted wafers and modules of two dies: 1 M units
and 0.8 M edges, added as an import adds them, in batches of 100,000. Each question opens the store, asks in one query
for both directions, and closes it again; the time to open is counted. `--alternatives` compares other ways to keep the
edges (mode 1 only), with the time and room each takes.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import zlib
from pathlib import Path

import store_bench as bench

DIES = 416_000  # 416,000 dies + as many places + 208,000 modules: 1.04 M units, 832,000 edges
MODULES = DIES // 2
TARGET_MS = 50


def family() -> tuple[list[str], list[str]]:
    """Parents and children, in the order in which a line makes them."""
    chance = random.Random(3)
    dies = [f"LOT{one // 25000:03d}/W{one // 1000 % 25:02d}/{one % 40},{one % 1000 // 40}" for one in range(DIES)]
    places = [f"RCN{one // 20000:03d}/R{one // 2000 % 10:02d}/{one % 50},{one % 2000 // 50}" for one in range(DIES)]
    modules = [f"MOD{one // 500:03d}/T{one // 50 % 10:02d}/#{one % 50}" for one in range(MODULES)]
    taken = list(range(DIES))
    for start in range(0, DIES, 50_000):  # a reconstituted wafer takes dies of the wafers of two lots
        part = taken[start : start + 50_000]
        chance.shuffle(part)
        taken[start : start + 50_000] = part
    parents = [dies[one] for one in taken] + places
    children = places + [modules[one // 2] for one in range(DIES)]
    return parents, children


def fill(store, parents: list[str], children: list[str]) -> float:
    import pandas

    store.lots.add_lot("L", title="bench", product="none", source="made here", verified=True, synthetic=True)
    began = time.perf_counter()
    for start in range(0, len(parents), 100_000):
        cut = slice(start, start + 100_000)
        frame = pandas.DataFrame({"parent_id": parents[cut], "child_id": children[cut], "relation": "placed"})
        store.genealogy.add("L", frame, source=f"map {start}")
    return time.perf_counter() - began


def measure(mode: str, questions: int) -> bool:
    from workbench.store import Store

    parents, children = family()
    count = len(set(parents) | set(children))
    print(f"{count:,} units, {len(parents):,} edges")
    chance = random.Random(4)
    asked = [chance.choice(parents[:DIES]) for _ in range(questions)]
    asked += [chance.choice(children) for _ in range(questions)]
    with bench.fresh_url(mode) as url:
        store = Store.open(url)
        bench.line(mode, f"{len(parents):,} edges added", fill(store, parents, children), None, "s")
        size = Path(url).stat().st_size if mode == "file" else store.engine.facts()["size_b"]
        bench.line(mode, "room for an edge", size / len(parents), None, "B")
        store.genealogy.relatives(asked[0])
        known: dict[str, list[str]] = {}
        for parent, child in zip(parents, children, strict=True):
            known.setdefault(parent, []).append(child)
        times, cpu = [], []
        for unit in asked:
            began, ran = time.perf_counter(), time.process_time()
            found = store.genealogy.relatives(unit)
            times.append((time.perf_counter() - began) * 1e3)
            cpu.append((time.process_time() - ran) * 1e3)
            assert {edge.child_id for edge in found.down if edge.depth == 1} == set(known.get(unit, ())), unit
        met = bench.line(mode, "both directions of a unit, opening counted, p50", bench.median(times), TARGET_MS, "ms")
        bench.line(mode, "the same, p95", bench.percentile(times, 95), None, "ms")
        bench.line(mode, "the same, fastest", min(times), None, "ms")
        bench.line(mode, "the same, CPU of both cores, p50", bench.median(cpu), None, "ms")
        bench.line(mode, "the same, least CPU", min(cpu), None, "ms")
        inside, ran_inside = [], []
        with store.reading() as session:
            from workbench.store.genealogy import relatives

            for unit in asked:
                began, ran = time.perf_counter(), time.process_time()
                relatives(session, unit)
                inside.append((time.perf_counter() - began) * 1e3)
                ran_inside.append((time.process_time() - ran) * 1e3)
        bench.line(mode, "the same in an open transaction, p50", bench.median(inside), TARGET_MS, "ms")
        bench.line(mode, "the same in an open transaction, fastest", min(inside), None, "ms")
        bench.line(mode, "the same in an open transaction, CPU, p50", bench.median(ran_inside), None, "ms")
        bench.line(mode, "the same in an open transaction, least CPU", min(ran_inside), None, "ms")
        return met


def alternatives(questions: int) -> None:
    """Other ways to keep edges, each in a DuckDB file of its own, by the same recursion."""
    import tempfile

    import duckdb
    import numpy
    import pyarrow

    from workbench.store.units import unit_keys

    parents, children = family()
    spread = numpy.array([zlib.crc32(name.encode()) << 32 | zlib.adler32(name[::-1].encode())
                          for name in (*parents, *children)], "uint64").view("int64")  # fmt: skip
    spread = dict(zip((*parents, *children), spread.tolist(), strict=True))
    near = dict(zip((*parents, *children), unit_keys([*parents, *children]).tolist(), strict=True))
    ways = {"text alone": (None, "", False), "spread 64-bit keys, as they come": (spread, "", False),
            "spread keys, sorted by parent": (spread, "pk", False),
            "keys of one carrier together, sorted (chosen)": (near, "pk", False),
            "the same with an index (ART) on both": (near, "pk", True)}  # fmt: skip
    asked = random.Random(4).sample(parents, questions)
    for name, (keys, order, index) in ways.items():
        with tempfile.TemporaryDirectory() as folder:
            columns = {"p": parents, "c": children}
            if keys:
                columns |= {"pk": [keys[one] for one in parents], "ck": [keys[one] for one in children]}
            path = f"{folder}/a.duckdb"
            began = time.perf_counter()
            with duckdb.connect(path) as connection:
                connection.register("rows", pyarrow.table(columns))
                connection.execute(f"CREATE TABLE e AS SELECT * FROM rows{' ORDER BY ' + order if order else ''}")
                if index:
                    connection.execute("CREATE INDEX up ON e(ck)")
                    connection.execute("CREATE INDEX down ON e(pk)")
            took = time.perf_counter() - began
            times = []
            for unit in asked:
                key = f"{keys[unit]}" if keys else "0"
                up, down = ("e.ck = f.k AND ", "e.pk = f.k AND ") if keys else ("", "")
                sql = (f"WITH RECURSIVE f(up, k, u) AS (SELECT TRUE, {key}::BIGINT, '{unit}' UNION ALL SELECT FALSE, "
                       f"{key}::BIGINT, '{unit}' UNION (SELECT f.up, {'e.pk' if keys else '0'}, e.p FROM f JOIN e ON "
                       f"{up}e.c = f.u WHERE f.up UNION ALL SELECT f.up, {'e.ck' if keys else '0'}, e.c FROM f JOIN e "
                       f"ON {down}e.p = f.u WHERE NOT f.up)) SELECT * FROM f")  # fmt: skip
                began = time.perf_counter()
                with duckdb.connect(path, read_only=True) as connection:
                    connection.execute(sql).fetchall()
                times.append((time.perf_counter() - began) * 1e3)
            size_b = Path(path).stat().st_size / len(parents)
            print(f"{name:<48} p50 {bench.median(times):6.1f} ms, fastest {min(times):6.1f} ms, "
                  f"written in {took:5.2f} s, {size_b:5.1f} B an edge", flush=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mode", choices=bench.MODES, help="only this mode")
    arguments.add_argument("--questions", type=int, default=40)
    arguments.add_argument("--alternatives", action="store_true")
    told = arguments.parse_args()
    bench.machine()
    if told.alternatives:
        alternatives(told.questions)
    else:
        results = [measure(mode, told.questions) for mode in ([told.mode] if told.mode else bench.MODES)]
        sys.exit(0 if all(results) else 1)
