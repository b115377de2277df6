"""Logs of the published round v5.1, and logs and documents made up for single cases."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest

ROUND = "mlperf/inference_v5.1_performance_logs.tar.xz"


@pytest.fixture(scope="session")
def published_round(corpus) -> tuple[list[dict], dict[PurePosixPath, str]]:
    """summary_results.json and every performance run's detail log, by path."""
    archive = corpus / ROUND
    if not archive.is_file():
        pytest.skip(f"the published round is absent ({archive})")
    summary, logs = [], {}
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if path.name == "summary_results.json":
                summary = json.load(tar.extractfile(member))
            elif path.name == "mlperf_log_detail.txt":
                logs[path] = tar.extractfile(member).read().decode("utf-8")
    return summary, logs


DETAIL = {
    "effective_test_mode": "PerformanceOnly",
    "effective_scenario": "SingleStream",
    "effective_min_duration_ms": 600_000,
    "effective_samples_per_query": 1,
    "effective_target_latency_ns": 0,
    "effective_qsl_rng_seed": 1780908523862526354,
    "effective_sample_index_rng_seed": 14771362308971278857,
    "effective_schedule_rng_seed": 18209322760996052031,
    "result_validity": "VALID",
    "result_min_duration_met": True,
    "early_stopping_met": True,
    "result_query_count": 10_000,
    "early_stopping_latency_ss": 30_000,
    "result_50.00_percentile_latency_ns": 15_000,
    "result_90.00_percentile_latency_ns": 29_000,
    "result_99.00_percentile_latency_ns": 45_000,
    "result_99.90_percentile_latency_ns": 99_000,
    "num_errors": 0,
}


@pytest.fixture
def log_line() -> Callable[..., str]:
    """One line of a detail log."""

    def line(key: str, value: object, *, error: bool = False) -> str:
        entry = {"key": key, "value": value, "metadata": {"is_error": error, "is_warning": False}}
        return ":::MLLOG " + json.dumps(entry)

    return line


@pytest.fixture
def detail_text(log_line) -> Callable[..., str]:
    """The detail log of a valid run with single values changed; `...` leaves a key out."""

    def text(**changes: object) -> str:
        values = {**DETAIL, **changes}
        return "\n".join(log_line(key, value) for key, value in values.items() if value is not ...) + "\n"

    return text
