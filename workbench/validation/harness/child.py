"""One LoadGen test in a process of its own: ``python -m workbench.validation.harness.child PLAN.json``.

LoadGen keeps global state and writes where it is told, so a run gets its own process and its own folder, in which
`plan.json` and `samples.npy` (the data set as the network takes it) lie. This file writes beside LoadGen's logs:
`served.npy` (ns per query, or per batch in Offline; what the backend served, in order) and `child.json`.
"""

from __future__ import annotations

import array
import json
import sys
import time
from pathlib import Path
from typing import Any

import mlperf_loadgen as loadgen
import numpy as np

from workbench.validation.harness import backend as backends

BATCH = 256  # samples handed to the backend at once in Offline
WARM_UP_QUERIES, WARM_UP_BATCHES = 300, 60
SERVER_SHARE = 0.05  # of the highest possible rate, when no Server rate is given: queues stay short
OFFLINE_MARGIN = 1.5  # samples are drawn beforehand; too few end the run early and make it invalid
MULTI_STREAM_SAMPLES = 8  # fixed by the MLPerf rules


class SystemUnderTest:
    """Answers LoadGen's queries at once, in the thread that brings them, and notes how long each took."""

    def __init__(self, backend: backends.Backend, samples: np.ndarray):
        self._backend, self._samples = backend, samples
        self.served_ns = array.array("q")

    def issue(self, queries: list) -> None:
        for start in range(0, len(queries), BATCH):
            begun = time.perf_counter_ns()
            part = queries[start : start + BATCH]
            answer = self._backend.predict(self._samples[[q.index for q in part]])
            address = answer.ctypes.data
            loadgen.QuerySamplesComplete(
                [loadgen.QuerySampleResponse(q.id, address + 4 * k, 4) for k, q in enumerate(part)]
            )
            self.served_ns.append(time.perf_counter_ns() - begun)


def main(plan_file: Path) -> None:
    plan = json.loads(plan_file.read_text("utf-8"))
    folder = plan_file.parent
    samples = np.load(folder / "samples.npy")
    backend = backends.make(
        plan["backend"], Path(plan["network"]), input_name=plan["input_name"], thread_count=plan["thread_count"]
    )
    system = SystemUnderTest(backend, samples)
    pace = _warm_up(backend, samples)
    count = len(samples)
    sut = loadgen.ConstructSUT(system.issue, lambda: None)
    qsl = loadgen.ConstructQSL(count, count, lambda _: None, lambda _: None)
    loadgen.StartTestWithLogSettings(sut, qsl, _settings(plan, pace), _logging(folder))
    loadgen.DestroyQSL(qsl)
    loadgen.DestroySUT(sut)
    np.save(folder / "served.npy", np.asarray(system.served_ns, dtype=np.int64))
    child = {"backend": backend.name, "backend_version": backend.version, "settings": backend.settings(), **pace}
    (folder / "child.json").write_text(json.dumps(child), "utf-8")


def _warm_up(backend: backends.Backend, samples: np.ndarray) -> dict[str, float]:
    """Seconds per single sample and samples per second in batches, once caches and clocks have settled."""
    single = []
    for k in range(WARM_UP_QUERIES):
        begun = time.perf_counter()
        backend.predict(samples[k % len(samples)][None])
        single.append(time.perf_counter() - begun)
    batches = []
    for _ in range(WARM_UP_BATCHES):
        begun = time.perf_counter()
        backend.predict(samples[:BATCH])
        batches.append(time.perf_counter() - begun)
    # the quickest ones: other work must not make the run look slower, and so shorter, than it will be
    return {"single_s": float(np.percentile(single[50:], 5)), "batch_samples_per_s": BATCH / min(batches)}


def _settings(plan: dict[str, Any], pace: dict[str, float]) -> loadgen.TestSettings:
    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, plan["scenario"])
    settings.mode = getattr(loadgen.TestMode, plan["mode"])
    settings.min_duration_ms = plan["min_duration_ms"]
    settings.min_query_count = plan["min_query_count"]
    for name, seed in plan["seeds"].items():
        setattr(settings, name, seed)
    # LoadGen draws its queries beforehand: expecting half the latency draws enough to fill the duration
    expected_ns = max(int(pace["single_s"] * 1e9 / 2), 1000)
    settings.single_stream_expected_latency_ns = expected_ns
    settings.single_stream_target_latency_percentile = plan["percentile"]
    settings.multi_stream_expected_latency_ns = expected_ns
    settings.multi_stream_samples_per_query = MULTI_STREAM_SAMPLES
    settings.multi_stream_target_latency_percentile = plan["percentile"]
    settings.server_target_qps = plan["target_per_s"] or SERVER_SHARE / pace["single_s"]
    settings.server_target_latency_ns = int(plan["latency_limit_ms"] * 1e6)
    settings.server_target_latency_percentile = plan["percentile"]
    settings.offline_expected_qps = OFFLINE_MARGIN * pace["batch_samples_per_s"]
    return settings


def _logging(folder: Path) -> loadgen.LogSettings:
    output = loadgen.LogOutputSettings()
    output.outdir = str(folder)
    output.copy_summary_to_stdout = False
    logging = loadgen.LogSettings()
    logging.log_output = output
    logging.enable_trace = False
    return logging


if __name__ == "__main__":
    main(Path(sys.argv[1]))
