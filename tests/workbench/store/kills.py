"""Writers killed in the middle of their work, and what is found afterwards. Used by a test and a benchmark."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Outcome:
    """What `run` found: rows counted over all kills, times of the first read after each."""

    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    torn: int = 0
    unacknowledged: int = 0
    reopen_s: list[float] = field(default_factory=list)


def run(url: str, *, kills: int, rows_a_batch: int, seed: int = 1, progress=None) -> Outcome:
    """Kill a writer of small records and batches `kills` times, each at a random moment of its work."""
    from workbench.store import Store
    from workbench.store.check import check

    store, outcome, chance = Store.open(url), Outcome(), random.Random(seed)
    store.lots.add_lot("kill", title="kill", product="none", source="made here", verified=True, synthetic=True)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(kills):
            said = Path(folder, f"said{number}")
            said.touch()
            _kill_one(url, number, rows_a_batch, said, chance.uniform(0.05, 0.6))
            began = time.perf_counter()
            there = {row["event_id"] for row in store.audit.list()}
            outcome.reopen_s.append(time.perf_counter() - began)
            told = said.read_text().split()
            outcome.acknowledged += len(told)
            records = {one for one in told if one.startswith("e")}
            outcome.lost += len(records - there)
            outcome.unacknowledged += len({one for one in there if one.startswith(f"e{number}-")} - records)
            batches = {row["source"] for row in _batches(store)}
            outcome.lost += len({one for one in told if one.startswith("b")} - batches)
            if progress:
                progress(number + 1, kills)
    for finding in check(store):
        if finding.kind == "duplicate":
            outcome.duplicated += 1
        else:
            outcome.torn += 1
    return outcome


def _batches(store) -> list[dict]:
    with store.reading() as session:
        return session.rows("SELECT source FROM measurement_batches")


def _kill_one(url: str, number: int, rows_a_batch: int, said: Path, after_s: float) -> None:
    writer = os.fork()
    if writer == 0:
        try:
            _write(url, number, rows_a_batch, said)
        finally:
            os._exit(1)  # a writer does not end by itself
    deadline = time.monotonic() + 60
    while not said.stat().st_size and time.monotonic() < deadline:
        time.sleep(0.005)  # the clock of the kill starts with the first acknowledged write
    time.sleep(after_s)
    os.kill(writer, signal.SIGKILL)
    if os.WTERMSIG(os.waitpid(writer, 0)[1]) != signal.SIGKILL:
        raise RuntimeError("the writer ended before it was killed")


def _write(url: str, number: int, rows_a_batch: int, said: Path) -> None:
    import numpy
    import pandas

    from workbench.store import Store

    store = Store.open(url)
    frame = pandas.DataFrame({"carrier": "W1", "position": numpy.arange(rows_a_batch), "parameter": "x_um",
                              "value": numpy.linspace(0, 1, rows_a_batch)})  # fmt: skip
    with said.open("a", buffering=1) as acknowledge:
        for step in range(1_000_000):
            key = f"e{number}-{step}"
            store.audit.add(event_id=key, actor="w", action="write", subject_kind="k", subject_id="s", detail={})
            acknowledge.write(f"{key}\n")
            if step % 3 == 1:
                store.lots.add_measurements(
                    "kill", frame.assign(carrier=f"W{number}-{step}"), source=f"b{number}-{step}"
                )
                acknowledge.write(f"b{number}-{step}\n")
