"""Writers killed in the middle of their work: python tests/benchmarks/store_kill9.py [--kills 50] [--mode file]"""

from __future__ import annotations

import argparse

import store_bench as bench


def measure(mode: str, kills: int, rows: int) -> None:
    from tests.workbench.store.kills import run

    with bench.fresh_url(mode) as url:
        outcome = run(url, kills=kills, rows_a_batch=rows)
    reopened = [seconds * 1e3 for seconds in outcome.reopen_s]
    print(f"{mode:<9} {kills} kills, {outcome.acknowledged} writes acknowledged, "
          f"{outcome.unacknowledged} kept that were not acknowledged")  # fmt: skip
    bench.line(mode, "lost", outcome.lost, 0, "")
    bench.line(mode, "duplicated", outcome.duplicated, 0, "")
    bench.line(mode, "torn", outcome.torn, 0, "")
    bench.line(mode, "first read after a kill, p50", bench.median(reopened), 200, "ms")
    bench.line(mode, "first read after a kill, worst", max(reopened), 200, "ms")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mode", choices=bench.MODES, help="only this mode")
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--rows", type=int, default=200_000, help="readings in a batch")
    told = arguments.parse_args()
    bench.machine()
    for mode in [told.mode] if told.mode else bench.MODES:
        measure(mode, told.kills, told.rows)
