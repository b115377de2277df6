"""Measure a model on this machine: a performance run and an accuracy run of LoadGen, and what they say."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import InputError, RunError
from workbench.validation import mllog, rules, run
from workbench.validation.harness import machine, model
from workbench.validation.harness.backend import BACKENDS

SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline")
DURATION_S = (1.0, 3600.0)
_START_S = 90.0  # time allowed for a cold start of the child, beyond the duration asked for
_KEPT_LOGS = ("mlperf_log_detail.txt", "mlperf_log_summary.txt", "mlperf_log_accuracy.json")
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Plan:
    """What to measure. `target_per_s` is the Server arrival rate; None lets the warm-up choose it."""

    model: str = model.DIGITS
    scenario: str = "SingleStream"
    duration_s: float = 10.0
    backend: str = "onnxruntime"
    thread_count: int = 1
    target_per_s: float | None = None

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise InputError("validation.scenario", got=self.scenario, allowed=", ".join(SCENARIOS))
        if self.backend not in BACKENDS:
            raise InputError("validation.backend", got=self.backend, allowed=", ".join(BACKENDS))
        low, high = DURATION_S
        if not low <= self.duration_s <= high:
            raise InputError(
                "validation.duration",
                where="duration_s",
                got=f"{self.duration_s:g} s",
                allowed=f"{low:g} ... {high:g} s",
            )
        if not 1 <= self.thread_count <= 256:
            raise InputError("validation.count", where="thread_count", got=self.thread_count, allowed="1 ... 256")


def measure(plan: Plan, *, progress: Progress | None = None) -> run.Measurement:
    """Run LoadGen twice (performance, accuracy) in private folders and read what it logged.

    Takes about `plan.duration_s` plus a few seconds. Raises RunError when LoadGen's process fails or overstays.
    """
    say = progress or (lambda fraction, label: None)
    subject = model.load(plan.model)
    _, held_out = model.digits()
    before = machine.load_average()
    started = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="workbench-loadgen-") as scratch:
        performance, accuracy = Path(scratch) / "performance", Path(scratch) / "accuracy"
        say(0.0, "performance")
        _run_child(plan, subject, held_out.samples, "PerformanceOnly", performance)
        say(0.8, "accuracy")
        _run_child(plan, subject, held_out.samples, "AccuracyOnly", accuracy)
        served_ns = np.load(performance / "served.npy")
        child = json.loads((performance / "child.json").read_text("utf-8"))
        logs = {name: _kept(folder) for name, folder in (("performance", performance), ("accuracy", accuracy))}
        quality = _quality(subject, held_out, accuracy / "mlperf_log_accuracy.json")
    say(1.0, "done")
    description = machine.describe()
    return run.Measurement(
        started_at=started.isoformat(timespec="seconds"),
        machine_id=machine.identity(description),
        machine=description,
        load_before=before,
        load_after=machine.load_average(),
        model={"name": subject.name, "title": subject.title, "sha256": subject.sha256},
        benchmark=subject.benchmark,
        backend={"name": child["backend"], "version": child["backend_version"], **child["settings"]},
        scenario=plan.scenario,
        quality=quality,
        log=mllog.parse(logs["performance"]["mlperf_log_detail.txt"]["text"]),
        served=run.condense(served_ns),
        block_rates_per_s=_block_rates(served_ns, plan.scenario),
        logs=logs,
    )


def _run_child(plan: Plan, subject: model.Model, samples: np.ndarray, mode: str, folder: Path) -> None:
    official = rules.load(rules.OFFICIAL)
    folder.mkdir(mode=0o700)
    orders = {
        "network": str(subject.path),
        "input_name": subject.input_name,
        "backend": plan.backend,
        "thread_count": plan.thread_count,
        "scenario": plan.scenario,
        "mode": mode,
        "min_duration_ms": round(plan.duration_s * 1e3),
        "min_query_count": official.minimum_queries(plan.scenario) or 1,
        "percentile": official.document["target_percentile"].get(plan.scenario, 0.99),
        "seeds": official.document["seeds"],
        "target_per_s": plan.target_per_s,
        "latency_limit_ms": subject.latency_limit_ms,
    }
    (folder / "plan.json").write_text(json.dumps(orders), "utf-8")
    np.save(folder / "samples.npy", samples)
    command = [sys.executable, "-m", "workbench.validation.harness.child", str(folder / "plan.json")]
    # the workbench may be installed or run from its folder; the child must see the same package either way
    package_root = str(Path(__file__).resolve().parents[3])
    search = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": search, "OMP_NUM_THREADS": "1"}
    limit_s = 3 * plan.duration_s + _START_S
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired as fault:
        raise RunError("validation.loadgen_overstayed", where=mode, got=f"> {limit_s:g} s") from fault
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["-"])[-1]
        raise RunError("validation.loadgen_failed", where=mode, got=f"exit {done.returncode}: {last}")


def _kept(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and hash of every log; the text of the detail log, from which all figures can be computed again."""
    kept = {}
    for name in _KEPT_LOGS:
        content = (folder / name).read_bytes()
        kept[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        if name == "mlperf_log_detail.txt":
            kept[name]["text"] = content.decode("utf-8")
    return kept


def _quality(subject: model.Model, held_out: model.DataSet, accuracy_log: Path) -> rules.Quality:
    """Accuracy from LoadGen's own accuracy log: the class it was handed (little-endian int32) against the label."""
    entries = json.loads(accuracy_log.read_text("utf-8"))
    given = {e["qsl_idx"]: int.from_bytes(bytes.fromhex(e["data"]), "little", signed=True) for e in entries}
    right = sum(int(held_out.labels[index]) == answer for index, answer in given.items())
    return rules.Quality(
        metric="accuracy",
        got=right / len(held_out.labels),
        reference=subject.reference_accuracy,
        fraction=subject.accuracy_fraction,
        sample_count=len(given),
        dataset_size=len(held_out.labels),
    )


def _block_rates(served_ns: np.ndarray, scenario: str, block_count: int = 20) -> tuple[float, ...]:
    """Samples per second in `block_count` consecutive parts of an Offline run; empty elsewhere or when too short."""
    if scenario != "Offline" or served_ns.size < 5 * block_count:
        return ()
    from workbench.validation.harness.child import BATCH

    per_block = math.floor(served_ns.size / block_count)
    blocks = served_ns[: per_block * block_count].reshape(block_count, per_block)
    return tuple(BATCH * per_block / (blocks.sum(axis=1) / 1e9))
