"""A measured run: what LoadGen logged and what the harness timed, kept so that every figure can be made again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from workbench.errors import DomainError, InputError
from workbench.validation import early_stopping, mllog, rules

SCHEMA_VERSION = 1
SUITE = "MLPerf method, own measurement"
PERCENTILES = (0.50, 0.90, 0.95, 0.97, 0.99, 0.999)  # those LoadGen itself reports


@dataclass(frozen=True)
class Percentile:
    """A latency percentile in ns; `low_ns` and `high_ns` are None when the run was too short to bound it."""

    percentile: float
    value_ns: float
    low_ns: float | None
    high_ns: float | None
    loadgen_ns: float | None


@dataclass(frozen=True)
class Served:
    """Service times of a run as kept order statistics: `values_ns[i]` is the `ranks[i]`-th smallest of `count`.

    The harness times a query from LoadGen's call until the answer was handed back, in the same thread.
    """

    count: int
    ranks: tuple[int, ...]
    values_ns: tuple[float, ...]

    def at_rank(self, rank: float) -> float:
        """The order statistic `rank` (1 = smallest) in ns, interpolated between the kept ones."""
        return float(np.interp(rank, self.ranks, self.values_ns))

    def percentile(self, percentile: float, *, confidence: float, loadgen_ns: float | None = None) -> Percentile:
        """Percentile with its order-statistic interval; LoadGen's rank convention (count * p, rounded down, + 1)."""
        value = self.at_rank(min(int(self.count * percentile) + 1, self.count))
        try:
            bounds = early_stopping.percentile_interval(self.count, percentile=percentile, confidence=confidence)
        except DomainError:
            return Percentile(percentile, value, None, None, loadgen_ns)
        return Percentile(percentile, value, self.at_rank(bounds.low_rank), self.at_rank(bounds.high_rank), loadgen_ns)

    def curve(self, *, confidence: float) -> list[dict[str, float | None]]:
        """Every kept order statistic as a percentile with its interval: `percentile`, `ns`, `low_ns`, `high_ns`."""
        points = []
        for rank, value in zip(self.ranks, self.values_ns, strict=True):
            point = {"percentile": (rank - 0.5) / self.count, "ns": value, "low_ns": None, "high_ns": None}
            try:
                bounds = early_stopping.percentile_interval(
                    self.count, percentile=point["percentile"], confidence=confidence
                )
                point |= {"low_ns": self.at_rank(bounds.low_rank), "high_ns": self.at_rank(bounds.high_rank)}
            except DomainError:
                pass  # the outermost ranks have no two-sided interval
            points.append(point)
        return points


def condense(served_ns: np.ndarray, *, kept_count: int = 400) -> Served:
    """Keep about `kept_count` order statistics of the service times (1-D, ns), denser towards the slow tail.

    The reported percentiles and the bounds of their 95 % intervals are kept exactly; other ranks are interpolated.
    """
    ordered = np.sort(np.asarray(served_ns, dtype=float))
    if ordered.size == 0:
        raise InputError("validation.nothing_served")
    count = ordered.size
    body = np.linspace(1, count, kept_count // 2)
    tail = count + 1 - np.geomspace(1, count, kept_count // 2)
    ranks = np.concatenate([body, tail, _reported_ranks(count)])
    ranks = np.unique(np.clip(np.rint(ranks), 1, count).astype(int))
    return Served(count, tuple(map(int, ranks)), tuple(map(float, ordered[ranks - 1])))


def _reported_ranks(count: int) -> list[int]:
    ranks = []
    for percentile in PERCENTILES:
        ranks.append(int(count * percentile) + 1)
        try:
            bounds = early_stopping.percentile_interval(count, percentile=percentile)
        except DomainError:
            continue  # too few queries to bound this one
        ranks += [bounds.low_rank, bounds.high_rank]
    return ranks


@dataclass(frozen=True)
class Measurement:
    """One performance run with its accuracy run. `log` is parsed from `logs["performance"]`'s detail text."""

    started_at: str
    machine_id: str
    machine: Mapping[str, Any]
    load_before: Mapping[str, float]
    load_after: Mapping[str, float]
    model: Mapping[str, Any]
    benchmark: str
    backend: Mapping[str, Any]
    scenario: str
    quality: rules.Quality
    log: mllog.DetailLog
    served: Served
    block_rates_per_s: tuple[float, ...]
    logs: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @property
    def run_id(self) -> str:
        """Content key: the same logs are the same run."""
        parts = [self.logs[mode]["mlperf_log_detail.txt"]["sha256"] for mode in ("performance", "accuracy")]
        return "own-" + hashlib.sha256("".join(parts).encode()).hexdigest()[:16]

    @property
    def system_id(self) -> str:
        return f"machine-{self.machine_id}"

    @cached_property
    def findings(self) -> dict[str, tuple[rules.Finding, ...]]:
        """Findings by rule set: the round's own, and this project's for short runs."""
        return {
            name: rules.check(self.log, rules=rules.load(name), benchmark=self.benchmark, quality=self.quality)
            for name in (rules.OFFICIAL, rules.SHORT)
        }

    def valid_under(self, name: str) -> bool:
        return rules.valid(self.findings[name])

    def percentiles(self, confidence: float) -> tuple[Percentile, ...]:
        """Latency percentiles of the run.

        SingleStream and MultiStream: the harness's timing with its interval, beside LoadGen's value. Server: LoadGen's
        value alone, since only LoadGen sees the time a query waits. Offline: the time of a batch, which LoadGen
        does not see.
        """
        if self.scenario == "Server":
            return tuple(
                Percentile(p, float(self._loadgen_ns(p)), None, None, self._loadgen_ns(p)) for p in PERCENTILES
            )
        offline = self.scenario == "Offline"
        return tuple(
            self.served.percentile(p, confidence=confidence, loadgen_ns=None if offline else self._loadgen_ns(p))
            for p in PERCENTILES
        )

    def _loadgen_ns(self, percentile: float) -> float | None:
        return self.log.get(f"result_{100 * percentile:.2f}_percentile_latency_ns")

    def throughput_interval(self, confidence: float) -> tuple[float, float] | None:
        """Interval of Offline's samples per second; None when the run has no blocks.

        LoadGen's figure, which also counts handing over the one large query, widened by the relative half-width that
        the batch means of the run give.
        """
        if not self.block_rates_per_s:
            return None
        rates = np.asarray(self.block_rates_per_s)
        low, high = early_stopping.batch_means_interval(rates, confidence=confidence)
        scale = self.log["result_samples_per_second"] / float(rates.mean())
        return low * scale, high * scale

    def results(self, confidence: float = 0.95) -> list[dict[str, Any]]:
        """The rows of the store: the scenario's official metric first, then percentiles and accuracy."""
        valid = self.valid_under(rules.OFFICIAL)
        rows = [self._official_metric(confidence)]
        if self.scenario != "Offline":
            for p in self.percentiles(confidence):
                if p.percentile in (0.50, 0.90, 0.99):
                    name = f"latency_p{100 * p.percentile:g}"
                    rows.append(_row(name, p.value_ns / 1e6, "ms", _ms(p.low_ns), _ms(p.high_ns)))
        rows.append(_row("accuracy", 100 * self.quality.got, "%"))
        return [{**row, "valid": valid} for row in rows]

    def _official_metric(self, confidence: float) -> dict[str, Any]:
        if self.scenario == "Offline":
            low, high = self.throughput_interval(confidence) or (None, None)
            return _row("throughput", self.log["result_samples_per_second"], "samples/s", low, high)
        if self.scenario == "Server":
            return _row("throughput", self.log["result_completed_samples_per_sec"], "queries/s")
        key = "early_stopping_latency_ss" if self.scenario == "SingleStream" else "early_stopping_latency_ms"
        return _row("latency", self.log[key] / 1e6, "ms")

    def document(self) -> dict[str, Any]:
        """Everything, as JSON for the store. `from_document` reads it back."""
        return {
            "schema_version": SCHEMA_VERSION,
            "started_at": self.started_at,
            "machine_id": self.machine_id,
            "machine": dict(self.machine),
            "load_before": dict(self.load_before),
            "load_after": dict(self.load_after),
            "model": dict(self.model),
            "benchmark": self.benchmark,
            "backend": dict(self.backend),
            "scenario": self.scenario,
            "quality": asdict(self.quality),
            "served": {"count": self.served.count, "ranks": list(self.served.ranks), "ns": list(self.served.values_ns)},
            "block_rates_per_s": list(self.block_rates_per_s),
            "logs": {mode: {name: dict(log) for name, log in files.items()} for mode, files in self.logs.items()},
            "findings": {name: [f.as_dict() for f in found] for name, found in self.findings.items()},
        }


def from_document(document: Mapping[str, Any]) -> Measurement:
    """Read a stored measurement; figures and findings are made again from its log.

    Raises InputError when the document is of a newer schema, or the log's text no longer has the recorded hash.
    """
    if document.get("schema_version") != SCHEMA_VERSION:
        raise InputError("validation.schema", got=document.get("schema_version"), allowed=SCHEMA_VERSION)
    detail = document["logs"]["performance"]["mlperf_log_detail.txt"]
    found = hashlib.sha256(detail["text"].encode("utf-8")).hexdigest()
    if found != detail["sha256"]:
        raise InputError("validation.log_changed", got=found[:16], allowed=detail["sha256"][:16])
    served = document["served"]
    plain = ("started_at", "machine_id", "machine", "load_before", "load_after", "model", "benchmark", "backend")
    return Measurement(
        **{name: document[name] for name in plain},
        scenario=document["scenario"],
        quality=rules.Quality(**document["quality"]),
        log=mllog.parse(detail["text"]),
        served=Served(served["count"], tuple(served["ranks"]), tuple(served["ns"])),
        block_rates_per_s=tuple(document["block_rates_per_s"]),
        logs=document["logs"],
    )


def _row(metric: str, value: float, unit: str, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"metric": metric, "value": value, "unit": unit, "low": low, "high": high}


def _ms(ns: float | None) -> float | None:
    return None if ns is None else ns / 1e6
