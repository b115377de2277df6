"""Like with like: which results may stand beside each other, and the ratios between them.

Two results are alike when suite, division, benchmark (its quality target is part of its name), scenario, metric and
unit are the same. Rounds may differ, and the group says so. Ratios are oriented: above 1 is better.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from workbench.errors import DomainError

HIGHER_IS_BETTER = frozenset({"throughput", "throughput_per_watt"})
LOWER_IS_BETTER = frozenset({"latency", "energy_per_query", "energy_per_inference"})
INFERRED = "inferred_"  # prefix of a metric that the rules derive from another scenario
COMPARED = HIGHER_IS_BETTER | LOWER_IS_BETTER  # the rest (power alone, accuracy, inferred figures) is shown, not ranked


@dataclass(frozen=True, order=True)
class Key:
    """What must be equal for two results to be compared."""

    suite: str
    division: str
    benchmark: str
    scenario: str
    metric: str
    unit: str


@dataclass(frozen=True)
class Entry:
    """One result of one system. `valid` None: nobody here has seen the run's logs."""

    key: Key
    system_id: str
    system: str
    run_id: str
    round: str
    value: float
    low: float | None = None
    high: float | None = None
    official: bool = True
    valid: bool | None = None
    verified: bool = False
    source: str = ""


@dataclass(frozen=True)
class Ratio:
    """How many times better `system` is than the reference of its group; an interval when both have one."""

    system_id: str
    system: str
    round: str
    ratio: float
    low: float | None
    high: float | None
    verified: bool


@dataclass(frozen=True)
class Group:
    """Results that may be compared, one per system, best first."""

    key: Key
    entries: tuple[Entry, ...]

    @property
    def rounds(self) -> tuple[str, ...]:
        return tuple(sorted({e.round for e in self.entries}))

    def of(self, system_id: str) -> Entry | None:
        return next((e for e in self.entries if e.system_id == system_id), None)

    def ratios(self, reference_id: str) -> tuple[Ratio, ...]:
        """Every system against the reference (itself 1), best first.

        Raises DomainError when the reference has no entry here or a value is not positive.
        """
        reference = self.of(reference_id)
        if reference is None:
            raise DomainError("validation.not_in_group", where=self.key.benchmark, got=reference_id)
        return tuple(_ratio(e, reference) for e in self.entries)


@dataclass(frozen=True)
class GeometricMean:
    """Mean ratio of `system` to the reference over `benchmarks`, all of one suite, division, metric and unit."""

    system_id: str
    system: str
    suite: str
    division: str
    metric: str
    unit: str
    ratio: float
    benchmarks: tuple[str, ...]
    verified: bool


def group(entries: Iterable[Entry]) -> tuple[Group, ...]:
    """Groups of at least two systems; where a system has several results of one key, its last one counts."""
    by_key: dict[Key, dict[str, Entry]] = defaultdict(dict)
    for entry in entries:
        if entry.key.metric in COMPARED:
            by_key[entry.key][entry.system_id] = entry
    groups = []
    for key, found in sorted(by_key.items()):
        if len(found) >= 2:
            better_first = sorted(found.values(), key=lambda e: e.value, reverse=key.metric in HIGHER_IS_BETTER)
            groups.append(Group(key, tuple(better_first)))
    return tuple(groups)


def efficiency(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Throughput per watt of every run that reports both, as entries of their own (unit: throughput's unit per W).

    Power is the mean wall power of the system during that very run; other pairs are never combined.
    """
    entries = list(entries)
    power = {e.run_id: e for e in entries if e.key.metric == "power" and e.key.unit == "W" and e.value > 0}
    found = []
    for e in entries:
        if e.key.metric == "throughput" and (watt := power.get(e.run_id)):
            key = replace(e.key, metric="throughput_per_watt", unit=f"{e.key.unit}/W")
            verified = e.verified and watt.verified
            found.append(replace(e, key=key, value=e.value / watt.value, low=None, high=None, verified=verified))
    return tuple(found)


def geometric_means(groups: Iterable[Group], reference_id: str) -> tuple[GeometricMean, ...]:
    """Mean ratios over at least two groups of one suite, division, metric and unit; never across units or suites."""
    ratios: dict[tuple, list[tuple[str, Ratio]]] = defaultdict(list)
    for g in groups:
        if g.of(reference_id) is None:
            continue
        for r in g.ratios(reference_id):
            if r.system_id != reference_id:
                kind = (r.system_id, r.system, g.key.suite, g.key.division, g.key.metric, g.key.unit)
                ratios[kind].append((f"{g.key.benchmark} {g.key.scenario}", r))
    means = []
    for kind, found in sorted(ratios.items()):
        if len(found) >= 2:
            mean = math.exp(sum(math.log(r.ratio) for _, r in found) / len(found))
            benchmarks = tuple(name for name, _ in found)
            means.append(GeometricMean(*kind, mean, benchmarks, all(r.verified for _, r in found)))
    return tuple(means)


def _ratio(entry: Entry, reference: Entry) -> Ratio:
    if not (entry.value > 0 and reference.value > 0):
        raise DomainError("validation.not_positive", where=entry.system, got=entry.value, allowed="> 0")
    ratio, low, high = entry.value / reference.value, None, None
    if entry.system_id != reference.system_id and None not in (entry.low, entry.high, reference.low, reference.high):
        low, high = entry.low / reference.high, entry.high / reference.low  # the widest both intervals allow
    if entry.key.metric in LOWER_IS_BETTER:
        ratio = 1 / ratio
        low, high = (None, None) if low is None else (1 / high, 1 / low)
    verified = entry.verified and reference.verified
    return Ratio(entry.system_id, entry.system, entry.round, ratio, low, high, verified)
