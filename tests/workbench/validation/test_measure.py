"""A real LoadGen run on this machine, kept and read back."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from workbench.errors import InputError, RunError
from workbench.validation import rules, run
from workbench.validation.harness import measure as harness
from workbench.validation.harness.measure import Plan, measure


@pytest.fixture(scope="module")
def single_stream() -> run.Measurement:
    return measure(Plan(scenario="SingleStream", duration_s=1.0))


@pytest.fixture(scope="module")
def offline() -> run.Measurement:
    return measure(Plan(scenario="Offline", duration_s=1.0))


def test_accuracy_is_what_loadgen_was_handed(single_stream, offline):
    for measured in (single_stream, offline):
        assert (measured.quality.sample_count, measured.quality.got) == (500, 0.994)
        assert measured.quality.met


def test_a_one_second_run_breaks_exactly_the_duration(single_stream):
    official = [f.rule for f in single_stream.findings[rules.OFFICIAL] if not f.ok]
    short = [f.rule for f in single_stream.findings[rules.SHORT] if not f.ok]
    assert official == short == ["min_duration"]
    assert all(row["valid"] is False for row in single_stream.results())


def test_our_timing_agrees_with_loadgen(single_stream):
    """Both watch the same queries from two sides of one function call: a few microseconds apart at the median."""
    median = next(p for p in single_stream.percentiles(0.95) if p.percentile == 0.5)
    assert abs(median.value_ns - median.loadgen_ns) < 0.1 * median.loadgen_ns + 5000
    assert median.low_ns <= median.value_ns <= median.high_ns
    assert single_stream.served.count == single_stream.log["result_query_count"]


def test_rows_of_the_store(single_stream, offline):
    official, *rest = single_stream.results()
    assert (official["metric"], official["unit"]) == ("latency", "ms")
    assert official["value"] == single_stream.log["early_stopping_latency_ss"] / 1e6
    assert [r["metric"] for r in rest] == ["latency_p50", "latency_p90", "latency_p99", "accuracy"]
    throughput = offline.results()[0]
    assert (throughput["metric"], throughput["unit"]) == ("throughput", "samples/s")
    assert throughput["low"] < throughput["value"] < throughput["high"]


def test_a_measurement_survives_the_store(single_stream, offline):
    for measured in (single_stream, offline):
        again = run.from_document(json.loads(json.dumps(measured.document())))
        assert (again.run_id, again.results()) == (measured.run_id, measured.results())
        assert again.findings == measured.findings


def test_a_log_changed_after_the_run_is_found(single_stream):
    document = json.loads(json.dumps(single_stream.document()))
    detail = document["logs"]["performance"]["mlperf_log_detail.txt"]
    detail["text"] = detail["text"].replace(
        '"effective_min_duration_ms", "value": 1000', '"effective_min_duration_ms", "value": 600000'
    )
    with pytest.raises(InputError) as found:
        run.from_document(document)
    assert found.value.rule == "validation.log_changed"


def test_a_newer_document_is_refused(single_stream):
    with pytest.raises(InputError):
        run.from_document({**single_stream.document(), "schema_version": run.SCHEMA_VERSION + 1})


def test_the_record_names_no_person_and_no_host(single_stream):
    import getpass
    import platform

    text = json.dumps(single_stream.document()["machine"])
    assert platform.node() not in text
    assert getpass.getuser() not in single_stream.document()["machine"].values()
    assert {"processor", "usable_cores", "memory_gb", "operating_system", "packages"} <= single_stream.machine.keys()


@pytest.mark.parametrize(
    "refused", [{"scenario": "Streaming"}, {"thread_count": 0}, {"duration_s": 0.5}, {"backend": "abacus"}]
)
def test_an_impossible_plan_is_refused(refused):
    with pytest.raises(InputError):
        Plan(**refused)


def test_a_child_that_fails_is_a_run_error(monkeypatch, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    subject = dataclasses.replace(harness.model.load(), path=broken)
    monkeypatch.setattr(harness.model, "load", lambda name: subject)
    with pytest.raises(RunError) as failed:
        measure(Plan())
    assert failed.value.rule == "validation.loadgen_failed"
    assert "exit 1" in failed.value.got


def test_a_child_that_stays_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(harness, "_START_S", -2.9)
    with pytest.raises(RunError) as stopped:
        measure(Plan(duration_s=1.0))
    assert stopped.value.rule == "validation.loadgen_overstayed"


def test_condensed_service_times_keep_what_is_reported():
    rng = np.random.default_rng(3)
    served = rng.lognormal(10, 1, size=50_000)
    kept = run.condense(served)
    assert len(kept.ranks) < 450
    ordered = np.sort(served)
    for percentile in run.PERCENTILES:
        p = kept.percentile(percentile, confidence=0.95)
        assert p.value_ns == ordered[int(50_000 * percentile)]
        assert p.low_ns < p.value_ns < p.high_ns
    assert kept.at_rank(1) == ordered[0]
    assert kept.at_rank(50_000) == ordered[-1]
    with pytest.raises(InputError):
        run.condense(np.array([]))


def test_too_few_queries_have_a_value_but_no_interval():
    p = run.condense(np.arange(1, 21)).percentile(0.99, confidence=0.95)
    assert (p.value_ns, p.low_ns, p.high_ns) == (20.0, None, None)
