"""Validity by the rules of a round: every rule can pass and can fail."""

from __future__ import annotations

import pytest

from workbench.errors import InputError
from workbench.i18n import LANGUAGES, t
from workbench.validation import mllog, rules

GOOD = rules.Quality(metric="accuracy", got=0.994, reference=0.994, fraction=0.99, sample_count=500, dataset_size=500)


@pytest.fixture
def check(detail_text):
    def findings(quality: rules.Quality | None = GOOD, benchmark="resnet", name=rules.OFFICIAL, **changes):
        log = mllog.parse(detail_text(**changes))
        return {f.rule: f for f in rules.check(log, rules=rules.load(name), benchmark=benchmark, quality=quality)}

    return findings


OFFLINE = {"effective_scenario": "Offline", "effective_samples_per_query": 24_576, "result_query_count": 1}
BREAKS = [  # rule, what breaks it
    ("loadgen_errors", {"num_errors": 3}),
    ("seed_qsl", {"effective_qsl_rng_seed": 1}),
    ("seed_sample_index", {"effective_sample_index_rng_seed": 1}),
    ("seed_schedule", {"effective_schedule_rng_seed": 1}),
    ("loadgen_valid", {"result_validity": "INVALID"}),
    ("min_duration", {"effective_min_duration_ms": 599_999}),
    ("min_duration_met", {"result_min_duration_met": False}),
    ("min_queries", {"result_query_count": 63}),
    ("early_stopping", {"early_stopping_met": False}),
    ("offline_samples", {**OFFLINE, "effective_samples_per_query": 24_575}),
    ("target_latency", {"effective_scenario": "Server", "effective_target_latency_ns": 15_000_001}),
    ("accuracy_run", {"quality": None}),
    ("accuracy", {"quality": rules.Quality("accuracy", 0.98405, 0.994, 0.99, 500, 500)}),
    ("accuracy_samples", {"quality": rules.Quality("accuracy", 0.994, 0.994, 0.99, 499, 500)}),
]


@pytest.mark.parametrize("scenario", ["SingleStream", "Offline"])
def test_a_good_run_is_valid(check, scenario):
    findings = check(**(OFFLINE if scenario == "Offline" else {}))
    assert rules.valid(tuple(findings.values()))
    assert ("offline_samples" in findings) == (scenario == "Offline")


@pytest.mark.parametrize(("rule", "changes"), BREAKS)
def test_each_rule_alone_makes_a_run_invalid(check, rule, changes):
    findings = check(**changes)
    assert [f.rule for f in findings.values() if not f.ok] == [rule]


def test_every_rule_has_a_sentence_in_both_languages():
    for rule in {name for name, _ in BREAKS}:
        assert all(t(f"validation.rule.{rule}", lang) for lang in LANGUAGES)


def test_no_findings_is_not_validity():
    assert not rules.valid(())


def test_the_short_rules_change_only_the_duration(check):
    short, official = rules.load(rules.SHORT).document, rules.load(rules.OFFICIAL).document
    changed = {key for key in official if short[key] != official[key]}
    assert changed == {"title", "round", "source", "min_duration_ms"}
    assert check(name=rules.SHORT, effective_min_duration_ms=5000)["min_duration"].ok
    assert not check(name=rules.SHORT, effective_min_duration_ms=4999)["min_duration"].ok


def test_an_error_line_counts_where_the_log_has_no_error_count(detail_text, log_line):
    text = detail_text(num_errors=...) + log_line("error_runtime", "CAS failed", error=True)
    found = rules.check(mllog.parse(text), rules=rules.load(rules.OFFICIAL), benchmark="resnet", quality=GOOD)
    assert [f.rule for f in found if not f.ok] == ["loadgen_errors"]


def test_minimum_offline_samples_by_model():
    official = rules.load(rules.OFFICIAL)
    assert official.minimum_offline_samples("rgat") == 788_379
    assert official.minimum_offline_samples("whisper") == 1633
    assert official.minimum_offline_samples("anything else") == 24_576


def test_a_damaged_or_cut_off_log_does_not_pass_for_a_run(detail_text):
    text = detail_text()
    with pytest.raises(InputError) as cut:
        mllog.parse("\n".join(text.splitlines()[:-3]))
    assert cut.value.rule == "validation.log_cut_off"
    with pytest.raises(InputError) as damaged:
        mllog.parse(text[: len(text) // 2])
    assert damaged.value.rule == "validation.log_damaged"
    log = mllog.parse(detail_text(effective_test_mode="AccuracyOnly", power_end="-"))
    with pytest.raises(InputError) as accuracy:
        rules.check(log, rules=rules.load(rules.OFFICIAL), benchmark="resnet", quality=GOOD)
    assert accuracy.value.rule == "validation.not_performance"
