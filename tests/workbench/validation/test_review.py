"""The review of one system: verdicts, comparison groups, and honest words for a single published figure."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.runs.demo import benchmarks as demo
from workbench.schema import Verdict
from workbench.store import Store
from workbench.validation import rules, run
from workbench.validation.harness import record
from workbench.validation.harness.measure import Plan, measure
from workbench.validation.review import BenchmarkReview, review, significant_digits


@pytest.fixture(scope="module")
def measured() -> run.Measurement:
    return measure(Plan(duration_s=1.0))


def lasting(measured: run.Measurement, duration_ms: int) -> run.Measurement:
    """The same run, its log saying that it was asked to last longer."""
    values = {**measured.log.values, "effective_min_duration_ms": duration_ms}
    return dataclasses.replace(measured, log=dataclasses.replace(measured.log, values=values))


@pytest.fixture(scope="module")
def seeded(tmp_path_factory) -> Path:
    """A store with every published system; tests write into copies of it."""
    file = tmp_path_factory.mktemp("seeded") / "workbench.duckdb"
    demo.seed_published(Store.open(str(file)))
    return file


@pytest.fixture
def store(seeded, tmp_path) -> Store:
    shutil.copy(seeded, tmp_path / "workbench.duckdb")
    return Store.open(str(tmp_path / "workbench.duckdb"))


def of(store: Store, system_id: str, **parameters):
    b = store.benchmarks
    return review(b.systems(), b.results(), b.runs(system_id), BenchmarkReview(system_id=system_id, **parameters))


def test_seeding_twice_adds_nothing(store):
    results = store.benchmarks.results()
    assert demo.seed_published(store) == []
    assert store.benchmarks.results().equals(results)
    assert (results["system_id"].nunique(), results["run_id"].nunique()) == (13, 56)


def test_every_published_system_is_reviewed_without_a_verdict(store):
    subjects = store.subjects("system")
    assert len(subjects) == 13
    for subject in subjects:
        result = of(store, subject.subject_id)
        assert result.summary.verdict is Verdict.NONE
        assert 1 <= len(result.summary.figures) <= 3
        assert len(result.summary.reasons) >= 2
        assert result.entries
        assert bool(result.read_on) == all(e.verified for e in result.entries)
        json.dumps(result.summary.as_dict())
        assert all(g.of(subject.subject_id) for g in result.groups)


def test_the_groups_of_the_default_system(store):
    result = of(store, BenchmarkReview().system_id)
    found = {(g.key.benchmark, g.key.scenario): [e.system_id for e in g.entries] for g in result.groups}
    assert found["llama2-70b-99.9", "Server"] == ["mlperf-6.0-amd-mi355x", "mlperf-5.1-0061", "mlperf-5.1-0056"]
    assert found["llama2-70b-99", "Offline"] == ["mlperf-5.1-0061", "mlperf-5.1-0056"]
    assert "deepseek-r1" not in {benchmark for benchmark, _ in found}
    # 5.1-0062 ran whisper without power: efficiency of 5.1-0061 stands alone and is not ranked
    assert {e.key.benchmark for e in result.efficiency} == {"llama2-70b-99", "llama2-70b-99.9", "whisper"}
    assert not [g for g in result.groups if g.key.metric == "throughput_per_watt"]


def test_open_and_closed_are_kept_apart(store):
    """Both ran resnet SingleStream; one is open with a smaller network."""
    assert not of(store, "mlperf-5.1-0370").groups
    assert not of(store, "mlperf-5.1-0044").groups


def test_only_the_metric_asked_for_is_compared(store):
    assert of(store, "mlperf-tiny-1.3-st-l4r5zi", metric="energy").groups
    assert not of(store, "mlperf-tiny-1.3-st-l4r5zi", metric="latency").groups


def test_inferred_figures_are_not_ranked(store):
    metrics = {e.key.metric for e in of(store, "mlperf-5.1-0370").entries if e.key.scenario == "Offline"}
    assert metrics == {"inferred_throughput", "inferred_power"}


@pytest.mark.parametrize(("duration_ms", "verdict"), [(1000, Verdict.FAIL), (5000, Verdict.PASS)])
def test_own_runs_get_a_verdict_by_the_declared_rules(store, measured, duration_ms, verdict):
    own = lasting(measured, duration_ms)
    detail = own.logs["performance"]["mlperf_log_detail.txt"]
    text = detail["text"].replace('_min_duration_ms", "value": 1000', f'_min_duration_ms", "value": {duration_ms}')
    own = dataclasses.replace(own, logs=_with_text(own.logs, text))
    record.keep(store, own)
    result = of(store, own.system_id)
    assert result.summary.verdict is verdict
    assert result.own
    assert result.own_runs[0].measurement.findings == own.findings
    reasons = " ".join(reason["en"] for reason in result.summary.reasons)
    assert "Unofficial, MLPerf method" in reasons
    assert "required ≥\u00a0600\u00a0s" in reasons
    assert all(figure.verified for figure in result.summary.figures)


def _with_text(logs, text: str):
    import hashlib

    changed = json.loads(json.dumps(logs))
    content = text.encode()
    changed["performance"]["mlperf_log_detail.txt"] = {
        "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "text": text,
    }  # fmt: skip
    return changed


def test_a_missed_accuracy_target_fails(store, measured):
    poor = dataclasses.replace(measured.quality, got=0.98)
    own = dataclasses.replace(measured, quality=poor)
    record.keep(store, own)
    result = of(store, own.system_id)
    assert result.summary.verdict is Verdict.FAIL
    assert "accuracy" in [f.rule for f in result.own_runs[0].measurement.findings[rules.SHORT] if not f.ok]


def test_confidence_widens_the_intervals(store, measured):
    record.keep(store, measured)
    widths = []
    for confidence_percent in (80.0, 99.0):
        result = of(store, measured.system_id, confidence_percent=confidence_percent)
        p90 = next(p for p in result.own_runs[0].percentiles if p.percentile == 0.9)
        widths.append(p90.high_ns - p90.low_ns)
    assert widths[0] < widths[1]


def test_an_unknown_system_is_refused(store):
    with pytest.raises(InputError) as refused:
        of(store, "nobody")
    assert refused.value.rule == "validation.unknown_system"


@pytest.mark.parametrize(
    ("value", "digits"), [(102909.0, 6), (5495.9, 5), (31.5, 3), (0.305005, 6), (1_016_380.0, 6), (10400.9988793425, 6)]
)
def test_no_more_digits_than_were_published(value, digits):
    assert significant_digits(value) == digits
