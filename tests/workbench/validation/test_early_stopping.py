"""The statistics of MLPerf against its own published tables and LoadGen's own logs."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import DomainError
from workbench.validation import early_stopping as es

# percentile, over-latency queries, queries; LoadGen's early stopping (64 ...) and the zero-failure bound (44 ...)
MIN_QUERIES = [
    (0.90, 1, 64), (0.95, 1, 130), (0.97, 1, 219), (0.99, 1, 662), (0.999, 1, 6636),
    (0.90, 0, 44), (0.95, 0, 90), (0.97, 0, 152), (0.99, 0, 459), (0.999, 0, 4603),
]  # fmt: skip
CLASSIC = [(0.90, 24_576), (0.95, 57_344), (0.99, 270_336)]  # MLPerf inference rules, table of query counts
INTERVALS = [  # n, percentile, ranks and coverage of the 95 % interval: recomputed from the binomial law
    (1000, 0.90, 881, 919, 0.9549), (1000, 0.99, 983, 997, 0.9761), (10_000, 0.99, 9880, 9920, 0.9558),
]  # fmt: skip


@pytest.mark.parametrize(("percentile", "over", "expected"), MIN_QUERIES)
def test_min_queries_of_the_rules(percentile, over, expected):
    assert es.min_queries(percentile=percentile, over_latency_count=over) == expected


@pytest.mark.parametrize(("percentile", "expected"), CLASSIC)
def test_classic_query_counts(percentile, expected):
    assert es.classic_queries(percentile=percentile) == expected


@pytest.mark.parametrize(("count", "percentile", "low", "high", "coverage"), INTERVALS)
def test_order_statistic_intervals(count, percentile, low, high, coverage):
    interval = es.percentile_interval(count, percentile=percentile)
    assert (interval.low_rank, interval.high_rank) == (low, high)
    assert interval.coverage == pytest.approx(coverage, abs=5e-5)


@pytest.mark.parametrize("percentile", [0.90, 0.99])
def test_early_stopping_begins_exactly_at_min_queries(percentile):
    least = es.min_queries(percentile=percentile)
    assert es.discarded_queries(least - 1, percentile=percentile) is None
    assert es.discarded_queries(least, percentile=percentile) == 0


def test_estimate_lays_the_slowest_queries_aside():
    latencies = np.arange(1, 10_001)[::-1]  # 1 ... 10,000 ns, slowest first
    assert es.discarded_queries(10_000, percentile=0.9) == 929  # as LoadGen logged in round v5.1
    assert es.early_stopping_estimate(latencies, percentile=0.9) == 10_000 - 929
    assert es.early_stopping_estimate(latencies[:63], percentile=0.9) is None


def test_intervals_cover_as_often_as_they_say():
    """Monte Carlo: 95 % intervals of p90 of a skewed law hold the true value in 95.5 % of samples (binomial law)."""
    rng = np.random.default_rng(1)
    samples = np.sort(rng.lognormal(size=(4000, 1000)), axis=1)
    true = np.exp(1.2815515655446004)  # p90 of the standard lognormal law
    bounds = es.percentile_interval(1000, percentile=0.9)
    held = (samples[:, bounds.low_rank - 1] < true) & (true < samples[:, bounds.high_rank - 1])
    assert held.mean() == pytest.approx(bounds.coverage, abs=4 * np.sqrt(0.955 * 0.045 / 4000))


def test_batch_means_of_a_known_sample():
    # Student's t with 3 degrees of freedom, 95 %: 3.182446; mean 2.5, standard deviation 1.290994
    low, high = es.batch_means_interval(np.array([1.0, 2.0, 3.0, 4.0]))
    assert (low, high) == pytest.approx((2.5 - 3.182446 * 1.290994 / 2, 2.5 + 3.182446 * 1.290994 / 2), rel=1e-5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: es.min_queries(percentile=1.0),
        lambda: es.min_queries(percentile=0.9, over_latency_count=-1),
        lambda: es.percentile_interval(20, percentile=0.99),
        lambda: es.batch_means_interval(np.array([1.0])),
        lambda: es.classic_queries(percentile=0.9, confidence=0),
    ],
)
def test_outside_the_range_of_validity(call):
    with pytest.raises(DomainError):
        call()
