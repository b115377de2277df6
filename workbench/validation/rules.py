"""Is a LoadGen run valid? The rules of a round are data; each finding says rule, got and required."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from workbench import facts
from workbench.errors import InputError
from workbench.validation import early_stopping
from workbench.validation.mllog import DetailLog

OFFICIAL = "rules_v5.1"
SHORT = "rules_short"
_SEEDS = {
    "qsl_rng_seed": "seed_qsl",
    "sample_index_rng_seed": "seed_sample_index",
    "schedule_rng_seed": "seed_schedule",
}


@dataclass(frozen=True)
class Rules:
    """One version of the rules. `document` is the facts file; its values carry their units in the key names."""

    name: str
    title: str
    document: dict[str, Any]

    @property
    def verified(self) -> bool:
        return bool(self.document["verified"])

    def minimum_offline_samples(self, benchmark: str) -> int:
        table = self.document["offline_min_samples"]
        return int(table.get(benchmark, table["default"]))

    def minimum_queries(self, scenario: str) -> int | None:
        """Queries that early stopping needs in this scenario; None where it does not apply (Offline).

        SingleStream and MultiStream report an order statistic above the estimate and so need room for one slow query;
        Server only asks whether the limit holds (a closed result of round v5.1 has 535 queries: 459 suffice).
        """
        percentile = self.document["target_percentile"].get(scenario)
        if percentile is None:
            return None
        return early_stopping.min_queries(
            percentile=percentile,
            over_latency_count=0 if scenario == "Server" else 1,
            confidence=self.document["early_stopping"]["confidence"],
        )

    def latency_limit_ms(self, benchmark: str, scenario: str) -> float | None:
        return self.document["latency_limit_ms"].get(benchmark, {}).get(scenario)


@dataclass(frozen=True)
class Quality:
    """Measured accuracy against its target: `fraction` of the reference accuracy, as the MLPerf rules set it."""

    metric: str
    got: float
    reference: float
    fraction: float
    sample_count: int
    dataset_size: int

    @property
    def required(self) -> float:
        return self.reference * self.fraction

    @property
    def met(self) -> bool:
        return self.got >= self.required


@dataclass(frozen=True)
class Finding:
    """One rule applied to one run: `got` must stand in `comparison` ("", "≥", "≤") to `required`.

    `rule` is a catalogue key under ``validation.rule``; unit "" means a count or a word.
    """

    rule: str
    ok: bool
    got: float | int | str | bool | None
    required: float | int | str | bool
    comparison: str = ""
    unit: str = ""
    rules: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def load(name: str) -> Rules:
    """The rules `data/benchmarks/<name>.json`. A file may extend another and change single values."""
    document = facts.load(f"benchmarks/{name}")
    if parent := document.get("extends"):
        document = {**load(parent).document, **document}
    return Rules(name=name, title=document["title"], document=document)


def check(log: DetailLog, *, rules: Rules, benchmark: str, quality: Quality | None) -> tuple[Finding, ...]:
    """Every rule that applies to a performance run and the accuracy run that belongs to it.

    `quality` None means that no accuracy run was made, which is itself a violation.
    Raises InputError when `log` is not the log of a performance run.
    """
    if log.get("effective_test_mode") != "PerformanceOnly":
        raise InputError("validation.not_performance", got=log.get("effective_test_mode"), allowed="PerformanceOnly")
    found = [*_conduct(log, rules), *_extent(log, rules, benchmark), *_accuracy(quality)]
    return tuple(replace(f, rules=rules.name) for f in found)


def valid(findings: tuple[Finding, ...]) -> bool:
    return bool(findings) and all(f.ok for f in findings)


def _conduct(log: DetailLog, rules: Rules) -> list[Finding]:
    """No errors, the round's seeds, LoadGen's own judgement."""
    errors = max(int(log.get("num_errors", 0)), len([e for e in log.errors if "result_invalid" not in e]))
    found = [Finding("loadgen_errors", errors == 0, errors, 0)]
    for name, rule in _SEEDS.items():
        seed, got = rules.document["seeds"][name], log.get(f"effective_{name}")
        found.append(Finding(rule, got == seed, str(got), str(seed)))
    verdict = log.get("result_validity")
    found.append(Finding("loadgen_valid", verdict == "VALID", verdict, "VALID"))
    return found


def _extent(log: DetailLog, rules: Rules, benchmark: str) -> list[Finding]:
    """Long enough, enough queries or samples, inside the latency limit."""
    found = []
    asked = rules.document["min_duration_ms"]
    got = log["effective_min_duration_ms"]
    found.append(Finding("min_duration", got >= asked, got / 1e3, asked / 1e3, "≥", "s"))
    met = bool(log.get("result_min_duration_met"))
    found.append(Finding("min_duration_met", met, met, True))
    if log.scenario == "Offline":
        least = rules.minimum_offline_samples(benchmark)
        samples = log["effective_samples_per_query"] * log["result_query_count"]
        found.append(Finding("offline_samples", samples >= least, samples, least, "≥"))
        return found
    least = rules.minimum_queries(log.scenario)
    if least is not None:
        queries = log["result_query_count"]
        found.append(Finding("min_queries", queries >= least, queries, least, "≥"))
    met = bool(log.get("early_stopping_met"))
    found.append(Finding("early_stopping", met, met, True))
    limit = rules.latency_limit_ms(benchmark, log.scenario)
    if limit is not None:
        target = log["effective_target_latency_ns"] / 1e6
        found.append(Finding("target_latency", target <= limit, target, float(limit), "≤", "ms"))
    return found


def _accuracy(quality: Quality | None) -> list[Finding]:
    if quality is None:
        return [Finding("accuracy_run", False, False, True)]
    return [
        Finding(
            "accuracy_samples",
            quality.sample_count == quality.dataset_size,
            quality.sample_count,
            quality.dataset_size,
        ),
        Finding("accuracy", quality.met, 100 * quality.got, 100 * quality.required, "≥", "percent"),
    ]
