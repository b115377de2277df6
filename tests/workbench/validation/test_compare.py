"""Like with like: what may stand side by side, and ratios that mean what they say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import DomainError
from workbench.validation import compare


def entry(system="a", value=10.0, **changes) -> compare.Entry:
    names = ("suite", "division", "benchmark", "scenario", "metric", "unit")
    key = dict(zip(names, ("inference", "closed", "resnet", "Offline", "throughput", "samples/s"), strict=True))
    key |= {name: changes.pop(name) for name in names if name in changes}
    plain = {"system": system.upper(), "run_id": f"run-{system}", "round": "v5.1", "verified": True}
    return compare.Entry(compare.Key(**key), system_id=system, value=value, **{**plain, **changes})


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("suite", "tiny"), ("division", "open"), ("benchmark", "resnet-99.9"), ("scenario", "Server"),
        ("metric", "latency"), ("unit", "tokens/s"),
    ],
)  # fmt: skip
def test_one_difference_keeps_results_apart(name, other):
    assert compare.group([entry("a"), entry("b", **{name: other})]) == ()
    assert len(compare.group([entry("a"), entry("b")])) == 1


def test_rounds_may_differ_and_are_named():
    (group,) = compare.group([entry("a"), entry("b", round="v6.0")])
    assert group.rounds == ("v5.1", "v6.0")


def test_what_is_no_score_is_not_ranked():
    for metric in ("power", "accuracy", "inferred_throughput", "latency_p90"):
        assert compare.group([entry("a", metric=metric), entry("b", metric=metric)]) == ()


def test_the_last_result_of_a_system_counts():
    (group,) = compare.group([entry("a", 1.0), entry("b", 4.0), entry("a", 2.0)])
    assert [r.ratio for r in group.ratios("a")] == [2.0, 1.0]


@pytest.mark.parametrize(("metric", "unit", "ratio"), [("throughput", "samples/s", 4.0), ("latency", "ms", 0.25)])
def test_ratios_above_one_are_better(metric, unit, ratio):
    (group,) = compare.group([entry("a", 2.0, metric=metric, unit=unit), entry("b", 8.0, metric=metric, unit=unit)])
    found = {r.system_id: r.ratio for r in group.ratios("a")}
    assert found == {"a": 1.0, "b": ratio}
    assert group.ratios("a")[0].ratio == max(found.values())


def test_published_energy_of_tiny_systems():
    # MLPerf Tiny v1.3 image classification: 5495.9 uJ (L4R5ZI) against 101.8 uJ (NDP9120): 53.99 times less
    tiny = {"metric": "energy_per_inference", "unit": "uJ"}
    (group,) = compare.group([entry("st", 5495.9, **tiny), entry("syntiant", 101.8, **tiny)])
    assert group.ratios("st")[0].ratio == pytest.approx(53.99, abs=0.005)


@pytest.mark.parametrize("metric", ["throughput", "latency"])
def test_intervals_are_the_widest_both_allow(metric):
    pair = [entry("a", 10.0, low=9.0, high=11.0, metric=metric), entry("b", 20.0, low=18.0, high=22.0, metric=metric)]
    (group,) = compare.group(pair)
    other = next(r for r in group.ratios("a") if r.system_id == "b")
    expected = (18 / 11, 22 / 9) if metric == "throughput" else (9 / 22, 11 / 18)
    assert (other.low, other.high) == pytest.approx(expected)
    assert other.low < other.ratio < other.high
    assert next(r for r in group.ratios("a") if r.system_id == "a").low is None


def test_a_figure_is_as_verified_as_its_weaker_part():
    (group,) = compare.group([entry("a"), entry("b", verified=False)])
    assert {r.system_id: r.verified for r in group.ratios("a")} == {"a": True, "b": False}


def test_a_ratio_needs_a_member_and_positive_values():
    (group,) = compare.group([entry("a"), entry("b", 0.0)])
    for reference in ("a", "nobody"):
        with pytest.raises(DomainError):
            group.ratios(reference)


def test_efficiency_pairs_only_within_a_run():
    watt = {"metric": "power", "unit": "W"}
    entries = [entry("a", 102909.0, unit="tokens/s"), entry("a", 10400.9988793425, **watt), entry("b", 5.0)]
    (found,) = compare.efficiency(entries)
    assert found.value == pytest.approx(9.8941, abs=5e-5)  # 5.1-0061 llama2-70b Offline, published figures
    assert (found.key.metric, found.key.unit) == ("throughput_per_watt", "tokens/s/W")
    energy = {"metric": "energy_per_query", "unit": "mJ"}
    assert compare.efficiency([entry("a", 1.0), entry("a", 2.0, **energy)]) == ()


def test_geometric_means_never_cross_a_unit():
    def pair(benchmark, a, b, unit="samples/s"):
        return [entry("a", a, benchmark=benchmark, unit=unit), entry("b", b, benchmark=benchmark, unit=unit)]

    groups = compare.group(pair("x", 1.0, 2.0) + pair("y", 1.0, 8.0) + pair("z", 1.0, 100.0, unit="tokens/s"))
    (mean,) = compare.geometric_means(groups, "a")
    assert (mean.ratio, mean.unit, len(mean.benchmarks)) == (pytest.approx(4.0), "samples/s", 2)


positive = st.floats(min_value=1e-6, max_value=1e9)


@given(a=positive, b=positive, metric=st.sampled_from(sorted(compare.COMPARED)))
def test_ratios_seen_from_both_sides_are_reciprocal(a, b, metric):
    (group,) = compare.group([entry("a", a, metric=metric), entry("b", b, metric=metric)])
    one = next(r.ratio for r in group.ratios("a") if r.system_id == "b")
    other = next(r.ratio for r in group.ratios("b") if r.system_id == "a")
    assert math.isclose(one * other, 1.0, rel_tol=1e-12)
